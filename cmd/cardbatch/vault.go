package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"cardbatch/store"
	"cardbatch/vault"
)

// vaultJSON is what the vault commands print: keys by name, never their material.
type vaultJSON struct {
	KeySet  string    `json:"key_set"`
	Keys    []keyJSON `json:"keys"`
	Retired []keyJSON `json:"retired,omitempty"`
}

type keyJSON struct {
	ID      string    `json:"id"`
	Use     vault.Use `json:"use"`
	Primary bool      `json:"primary"`
}

func toKeysJSON(keys []vault.Key) []keyJSON {
	out := make([]keyJSON, 0, len(keys))
	for _, k := range keys {
		out = append(out, keyJSON{k.ID, k.Use, k.Primary})
	}
	return out
}

func (a *app) newVault() *cobra.Command {
	c := &cobra.Command{
		Use:   "vault",
		Short: "Make and rotate the keys that protect card data",
		Long: `vault works on the key set: the file with the keys that protect card numbers and
archived originals. Whoever holds store and key set can read card numbers, so
keep them, and their backups, apart. Losing the key set loses what it protects.`,
		GroupID: "setup",
	}
	retire := a.newVaultCommand("retire", "Delete old keys that protect nothing any more", `retire deletes old keys that nothing in the store or the archive needs any more.
What a deleted key protects can never be read again, in restored backups too: do
it once no backup is left that an old key protects. It takes the lock.`, nil)
	var yes bool
	retire.Flags().BoolVar(&yes, "yes", false, "do not ask")
	retire.RunE = func(c *cobra.Command, _ []string) error { return a.vaultRetire(c.Context(), yes) }
	c.AddCommand(
		a.newVaultCommand("init", "Make the key set", `init makes the key set that the configuration names, readable by its owner only.
It never replaces one.`, a.vaultInit),
		a.newVaultCommand("show", "List the keys, never their material", `show lists the keys of the set by use, oldest first; new data is protected with
the primary ones.`, a.vaultShow),
		a.newVaultCommand("rotate", "Add new keys and use them from now on", `rotate adds a new key for card numbers and one for the archive. The old ones stay
for reading; every run re-encrypts a part of the card numbers, and the archive
renews itself as files age. It takes the lock. Back the key set up afterwards.`, a.vaultRotate),
		retire,
	)
	return c
}

func (a *app) newVaultCommand(name, short, long string, do func(context.Context) error) *cobra.Command {
	return &cobra.Command{
		Use: name, Short: short, Long: long + exitHelp(exitLocked, exitConfig, exitSafety), Example: "  cardbatch vault " + name,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return do(c.Context()) },
	}
}

func (a *app) vaultInit(context.Context) error {
	in, err := a.load()
	if err != nil {
		return err
	}
	path := in.cfg.Vault.KeySet.Path()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	err = vault.Create(path)
	if errors.Is(err, vault.ErrKeySetExists) {
		return &codeError{exitSafety, fmt.Errorf("%s: %w", path, err), "`cardbatch vault rotate` adds new keys to it."}
	}
	if err != nil {
		return err
	}
	keys, err := vault.Open(path)
	if err != nil {
		return err
	}
	a.note("Back %s up now, apart from the store: without it nothing that it protects can be read.", path)
	return a.printKeys(path, keys, nil)
}

func (a *app) vaultShow(context.Context) error {
	in, err := a.load()
	if err != nil {
		return err
	}
	path := in.cfg.Vault.KeySet.Path()
	keys, err := vault.Open(path)
	if err != nil {
		return err
	}
	return a.printKeys(path, keys, nil)
}

// withKeys runs do with the lock held, so that nobody seals with a key set that is about to change.
func (a *app) withKeys(ctx context.Context, command string, do func(*installation, store.Session, *vault.Vault, *vault.Archive) error) (err error) {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	session, err := in.begin(ctx, command)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.End()) }()
	keys, archive, err := in.keys()
	if err != nil {
		return err
	}
	return do(in, session, keys, archive)
}

func (a *app) vaultRotate(ctx context.Context) error {
	return a.withKeys(ctx, "vault rotate", func(in *installation, s store.Session, keys *vault.Vault, _ *vault.Archive) error {
		if err := keys.Rotate(); err != nil {
			return err
		}
		if err := s.Note(ctx, "rotate", primaries(keys)); err != nil {
			return err
		}
		a.note("Back the key set up now.")
		return a.printKeys(in.cfg.Vault.KeySet.Path(), keys, nil)
	})
}

// primaries names the keys in use, for the journal.
func primaries(keys *vault.Vault) string {
	text := "new data is protected with"
	for _, k := range keys.Keys() {
		if k.Primary {
			text += fmt.Sprintf(" %s %s", k.Use, k.ID)
		}
	}
	return text
}

func (a *app) vaultRetire(ctx context.Context, yes bool) error {
	question := "What a deleted key protects can never be read again, in restored backups too.\nDelete the old keys that nothing here needs any more?"
	if err := a.confirm(question, yes); err != nil {
		return err
	}
	return a.withKeys(ctx, "vault retire", func(in *installation, s store.Session, keys *vault.Vault, archive *vault.Archive) error {
		used, err := archive.Keys()
		if err != nil {
			return err
		}
		// Nothing is resealed: this only looks at every sealed field.
		_, err = s.Reseal(ctx, func(sealed []byte) bool {
			used[vault.KeyOf(sealed)] = true
			return false
		}, nil, 1)
		if err != nil {
			return err
		}
		retired, err := keys.Retire(func(k vault.Key) bool { return used[k.ID] })
		if err != nil {
			return err
		}
		for _, k := range retired {
			if err := s.Note(ctx, "retire", fmt.Sprintf("%s key %s was deleted", k.Use, k.ID)); err != nil {
				return err
			}
		}
		if len(retired) == 0 {
			a.note("Every key is still needed; runs re-encrypt a part each night, and archived files go after their retention.")
		}
		return a.printKeys(in.cfg.Vault.KeySet.Path(), keys, retired)
	})
}

func (a *app) printKeys(path string, keys *vault.Vault, retired []vault.Key) error {
	if a.json {
		out := vaultJSON{KeySet: path, Keys: toKeysJSON(keys.Keys())}
		if len(retired) > 0 {
			out.Retired = toKeysJSON(retired)
		}
		return a.printJSON(out)
	}
	t := table(a.stdout)
	row(t, "KEY", "USE", "STATE")
	for _, k := range keys.Keys() {
		mark := "for reading"
		if k.Primary {
			mark = "primary"
		}
		row(t, k.ID, k.Use, mark)
	}
	for _, k := range retired {
		row(t, k.ID, k.Use, "deleted")
	}
	return t.Flush()
}
