package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardbatch"
	"cardbatch/config"
	"cardbatch/internal/atomicfile"
	"cardbatch/vault"
)

func (a *app) newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Make a workspace: configuration, keys, sample files",
		Long: `init makes a workspace in which 'cardbatch run' works at once: a commented
configuration, a new key set, local inbound and outbound folders, and sample
files that the simulator inside the program answers. Nothing that exists is
replaced.`,
		Example: `  cardbatch init billing
  cd billing && cardbatch run`,
		GroupID: "setup",
		Args:    cobra.ExactArgs(1),
		RunE:    func(_ *cobra.Command, args []string) error { return a.initWorkspace(args[0]) },
	}
}

func (a *app) initWorkspace(dir string) error {
	configuration := filepath.Join(dir, "cardbatch.yaml")
	if _, err := os.Lstat(configuration); !errors.Is(err, fs.ErrNotExist) {
		return &codeError{exitFailure, fmt.Errorf("%s exists", configuration), "Choose another folder; init replaces nothing."}
	}
	cfg, err := config.Parse(configuration, config.Sample(), config.Options{Words: words()})
	if err != nil {
		return err
	}
	source := cfg.Sources[0]
	for _, folder := range []string{string(cfg.StateDir), filepath.Dir(cfg.Vault.KeySet.Path()), string(source.Inbound.Folder), string(source.Outbound.Folder)} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if err := vault.Create(cfg.Vault.KeySet.Path()); err != nil {
		return err
	}
	err = eachSample(func(name string, content []byte) error {
		return atomicfile.WriteNew(filepath.Join(string(source.Inbound.Folder), name), content, 0o600)
	})
	if err != nil {
		return err
	}
	// Last: with the configuration in place the workspace is complete.
	if err := atomicfile.WriteNew(configuration, config.Sample(), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(a.stdout, `%s holds:
  cardbatch.yaml   the configuration; read it first
  keys/            the key set; back it up apart from the store
  inbound/acme/    sample files, with published test cards
  outbound/acme/   where answers go

Next: cd %s && cardbatch run
`, dir, dir)
	return nil
}

// eachSample calls do for every sample file, by name.
func eachSample(do func(name string, content []byte) error) error {
	const folder = "testdata/demo"
	entries, err := fs.ReadDir(cardbatch.Samples, folder)
	if err != nil {
		return err
	}
	for _, e := range entries {
		content, err := fs.ReadFile(cardbatch.Samples, path.Join(folder, e.Name()))
		if err != nil {
			return err
		}
		if err := do(e.Name(), content); err != nil {
			return err
		}
	}
	return nil
}
