package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"text/template"

	"github.com/spf13/cobra"
	"golang.org/x/crypto/ssh"

	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/smartbill"
	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
	"cardbatch/vault"
)

// demoConfig is the configuration of the demo's workspace.
//
//go:embed demo.yaml
var demoConfig string

// demoMarker lies in every folder that demo made, and in no other: only those are cleared.
const demoMarker = ".cardbatch-demo"

type demoOptions struct {
	dir     string
	kind    string
	updater string
	serve   bool
}

func (a *app) newDemo() *cobra.Command {
	o := demoOptions{dir: "demo"}
	names := append(slices.Sorted(maps.Keys(kinds)), smartbill.Kind)
	c := &cobra.Command{
		Use:   "demo [DIR]",
		Short: "Show the whole job on loopback: SFTP server, simulator, sample files",
		Long: `demo makes a fresh workspace (DIR, by default ./demo), starts an SFTP server and
the payment simulator on loopback, puts sample files into the inbound folder
over SFTP, runs 'cardbatch run' on them, and shows what came back. The simulator
speaks as the kind of gateway that --gateway names (mastercard, mastercard-batch,
payline, lyra or paysafe). With --gateway smartbill it plays three days with
American Express instead, and catches the e-mails and server notifications. With
--updater paysafe it plays six weeks with an account updater.
The workspace stays for looking around. A folder that demo did not make is
never touched.`,
		Example: `  cardbatch demo
  cardbatch --config demo/cardbatch.yaml explain PAY-20261121-01 INV-9005
  cardbatch demo --gateway smartbill
  cardbatch demo --updater paysafe`,
		GroupID: "setup",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				o.dir = args[0]
			}
			if !slices.Contains(names, o.kind) {
				return usageError("--gateway must be one of %s", strings.Join(names, ", "))
			}
			switch {
			case o.updater != "" && o.updater != demoUpdaterKind:
				return usageError("--updater must be %s", demoUpdaterKind)
			case o.updater != "" && o.kind != mastercard.Kind:
				return usageError("--updater does not go with --gateway %s: its story is played at a gateway of kind %s", o.kind, mastercard.Kind)
			case o.updater != "":
				return a.demoUpdater(c.Context(), o)
			case o.kind == smartbill.Kind:
				return a.demoSmartBill(c.Context(), o)
			}
			return a.demo(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.kind, "gateway", mastercard.Kind, "kind of gateway that the simulator is")
	c.Flags().StringVar(&o.updater, "updater", "", "kind of account updater to play with instead: paysafe")
	c.Flags().BoolVar(&o.serve, "serve", false, "keep the servers up until interrupted, to run again")
	return c
}

func (a *app) demo(ctx context.Context, o demoOptions) error {
	if err := clearDemo(o.dir); err != nil {
		return err
	}
	d, err := startDemo(o.dir, kinds[o.kind], o.kind)
	if err != nil {
		return err
	}
	defer d.Close()
	fmt.Fprintf(a.stdout, "SFTP server  %s, its host key pinned in %s\n", d.sftp.Addr(), filepath.Join(o.dir, "keys", "known_hosts"))
	fmt.Fprintf(a.stdout, "simulator    %s\n\n", d.endpoint)
	if err := d.upload(ctx, a.stdout); err != nil {
		return err
	}
	for _, step := range []struct {
		title string
		args  []string
	}{
		{"The night job", []string{"run"}},
		{"The files", []string{"files"}},
	} {
		fmt.Fprintf(a.stdout, "\n%s: cardbatch %s\n\n", step.title, step.args[0])
		if err := a.self(ctx, append([]string{"--config", d.config}, step.args...)); err != nil {
			return err
		}
	}
	fmt.Fprintf(a.stdout, "\nOver SFTP, the merchant finds:\n\n")
	if err := printTree(a.stdout, filepath.Join(o.dir, "sftp")); err != nil {
		return err
	}
	stats := d.simulator.Stats()
	fmt.Fprintf(a.stdout, `
The simulator carried out %d payments and answered %d look-ups.

Look around:
  cardbatch --config %[3]s status
  cardbatch --config %[3]s show PAY-20261121-01
  cardbatch --config %[3]s explain PAY-20261121-01 INV-9005
`, stats.Charges, stats.Lookups, d.config)
	if o.serve {
		fmt.Fprintf(a.stdout, "\nThe servers stay up until you press Ctrl-C.\n")
		ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		<-ctx.Done()
	}
	return nil
}

// clearDemo removes an earlier demo, and nothing else.
func clearDemo(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	if _, err := os.Lstat(filepath.Join(dir, demoMarker)); err != nil {
		return &codeError{exitFailure, fmt.Errorf("%s is not an earlier demo", dir), "Name another folder: cardbatch demo DIR."}
	}
	return os.RemoveAll(dir)
}

// demoWorld is the servers of a demo.
type demoWorld struct {
	dir       string
	config    string
	sftp      *sftpserver.Server
	simulator *simulator.Simulator
	endpoint  string
}

func (d *demoWorld) Close() error {
	var errs []error
	if d.sftp != nil {
		errs = append(errs, d.sftp.Close())
	}
	if d.simulator != nil {
		errs = append(errs, d.simulator.Close())
	}
	return errors.Join(errs...)
}

// startDemo makes the workspace and starts its servers.
func startDemo(dir string, k kind, name string) (_ *demoWorld, err error) {
	d, err := openDemo(dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = d.Close()
		}
	}()
	if d.simulator, err = simulator.New(simulator.Options{StateFile: filepath.Join(dir, "state", "simulator.log")}); err != nil {
		return nil, err
	}
	if d.endpoint, err = d.simulator.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	return d, errors.Join(
		os.WriteFile(d.key("gateway-password"), []byte(stage.Password+"\n"), 0o600),
		d.writeConfig(demoConfig, map[string]any{
			"Kind": name, "Endpoint": d.endpoint, "MerchantID": k.merchantID, "User": k.user, "Accounts": k.accounts,
		}))
}

// openDemo makes the workspace with its keys and starts the merchant's SFTP server.
func openDemo(dir string) (*demoWorld, error) {
	d := &demoWorld{dir: dir, config: filepath.Join(dir, "cardbatch.yaml")}
	for _, folder := range []string{"keys", "state", "sftp/inbound", "sftp/outbound"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(filepath.Join(dir, demoMarker), nil, 0o600); err != nil {
		return nil, err
	}
	client, err := makeClientKey(d.key("id_ed25519"))
	if err != nil {
		return nil, err
	}
	if err := vault.Create(d.key("vault.json")); err != nil {
		return nil, err
	}
	d.sftp, err = sftpserver.Start(filepath.Join(dir, "sftp"), sftpserver.Options{User: "acme", AuthorizedKeys: []ssh.PublicKey{client}, HostKeyFile: d.key("sftp_host_key")})
	if err != nil {
		return nil, err
	}
	return d, nil
}

func (d *demoWorld) key(name string) string { return filepath.Join(d.dir, "keys", name) }

// writeConfig fills in a configuration, where the SFTP server is included, and pins its key.
func (d *demoWorld) writeConfig(config string, values map[string]any) error {
	host, port, err := net.SplitHostPort(d.sftp.Addr())
	if err != nil {
		return err
	}
	values["Host"], values["Port"] = host, port
	var text bytes.Buffer
	return errors.Join(
		template.Must(template.New("demo").Parse(config)).Execute(&text, values),
		os.WriteFile(d.key("known_hosts"), []byte(d.sftp.KnownHostsLine()+"\n"), 0o600),
		os.WriteFile(d.config, text.Bytes(), 0o600))
}

// makeClientKey writes a new private key and returns its public half.
func makeClientKey(path string) (ssh.PublicKey, error) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	block, err := ssh.MarshalPrivateKey(private, "cardbatch demo")
	if err != nil {
		return nil, err
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		return nil, err
	}
	return ssh.NewPublicKey(public)
}

// upload puts the sample files into the inbound folder, as a merchant would.
func (d *demoWorld) upload(ctx context.Context, out io.Writer) error {
	folder, err := d.inbound(ctx)
	if err != nil {
		return err
	}
	defer folder.Close()
	return eachSample(func(name string, content []byte) error { return putSample(ctx, out, folder, name, content) })
}

// inbound opens the inbound folder over SFTP.
func (d *demoWorld) inbound(ctx context.Context) (sftpio.Outbound, error) {
	return sftpio.OpenOutbound(ctx, sftpio.Options{
		Location: d.sftp.Location("acme", "/inbound"), KnownHosts: d.key("known_hosts"), Auth: sftpio.Auth{KeyFile: d.key("id_ed25519")},
	})
}

func putSample(ctx context.Context, out io.Writer, folder sftpio.Outbound, name string, content []byte) error {
	sum := sha256.Sum256(content)
	fmt.Fprintf(out, "put /inbound/%s\n", name)
	return folder.Publish(ctx, name, bytes.NewReader(content), int64(len(content)), hex.EncodeToString(sum[:]))
}

// self runs this program as cron would, and shows what it says. Exit codes of a
// run that came to its end are part of the show.
func (a *app) self(ctx context.Context, args []string) error {
	program, err := os.Executable()
	if err != nil {
		return err
	}
	c := exec.CommandContext(ctx, program, args...)
	c.Stdout, c.Stderr = a.stdout, a.stderr
	err = c.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.ExitCode() >= exitRejected && exit.ExitCode() < exitLocked {
		fmt.Fprintf(a.stdout, "\nexit code %d\n", exit.ExitCode())
		return nil
	}
	return err
}

// printTree lists the files below a folder.
func printTree(w io.Writer, root string) error {
	return filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == root {
			return err
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			name += "/"
		}
		_, err = fmt.Fprintf(w, "  %s\n", filepath.ToSlash(name))
		return err
	})
}
