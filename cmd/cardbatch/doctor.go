package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/config"
	"cardbatch/sftpio"
	"cardbatch/store"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

// doctorJSON is what doctor prints.
type doctorJSON struct {
	Checks []checkJSON `json:"checks"`
	Code   int         `json:"exit_code"`
}

type checkJSON struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
	Next   string `json:"next,omitempty"`
}

func (a *app) newDoctor() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "Check that a run could work: keys, store, folders, gateways",
		Long: `doctor tries everything that a run needs, all at once, and changes nothing: the
configuration, the key set, permissions, the store and whether it is bound to this
installation, every inbound and outbound folder with its login and host key, and
every gateway with its credentials. Nothing is charged. The simulator inside the
program needs no check.` + exitHelp(exitLocked, exitUnreachable, exitConfig, exitSafety) + `
The highest that applies is used.`,
		Example: "  cardbatch doctor",
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.doctor(c.Context()) },
	}
}

// ailment is one thing that doctor tries. It returns what it found.
type ailment struct {
	name string
	try  func(context.Context) (string, error)
}

// doctorWait bounds a check whatever the timeouts of its remote are.
const doctorWait = 2 * time.Minute

func (a *app) doctor(ctx context.Context) error {
	in, err := a.load()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, doctorWait)
	defer cancel()
	checks := in.checks()
	out := doctorJSON{Checks: make([]checkJSON, len(checks))}
	codes := make([]int, len(checks))
	var wait sync.WaitGroup
	for i, c := range checks {
		wait.Go(func() {
			detail, err := c.try(ctx)
			out.Checks[i] = checkJSON{Name: c.name, OK: err == nil, Detail: detail}
			if err != nil {
				out.Checks[i].Detail = err.Error()
				codes[i], out.Checks[i].Next = classify(err)
			}
		})
	}
	wait.Wait()
	for _, code := range codes {
		out.Code = max(out.Code, code)
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.printDoctor(out)
	}
	if err != nil {
		return err
	}
	return exitWith(out.Code)
}

func (a *app) printDoctor(d doctorJSON) error {
	t := table(a.stdout)
	for _, c := range d.Checks {
		verdict := "ok"
		if !c.OK {
			verdict = "FAILED"
		}
		row(t, c.Name, verdict, c.Detail)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	for _, c := range d.Checks {
		if c.Next != "" {
			a.note("%s: %s", c.Name, c.Next)
		}
	}
	return nil
}

// checks lists what a run needs, in the order that a run needs it.
func (in *installation) checks() []ailment {
	all := []ailment{
		{"configuration", func(context.Context) (string, error) {
			return fmt.Sprintf("%s, %s", in.cfg.File(), in.cfg.Environment), nil
		}},
		{"permissions", func(context.Context) (string, error) { return in.checkPermissions() }},
		{"key set", func(context.Context) (string, error) {
			keys, err := vault.Open(in.cfg.Vault.KeySet.Path())
			if err != nil {
				return "", err
			}
			return count(len(keys.Keys()), "key"), nil
		}},
		{"store", in.checkStore},
	}
	for _, s := range in.cfg.Sources {
		all = append(all,
			ailment{"inbound of " + s.Name, func(ctx context.Context) (string, error) { return in.checkInbound(ctx, s) }},
			ailment{"outbound of " + s.Name, func(ctx context.Context) (string, error) {
				folder, err := sftpio.OpenOutbound(ctx, in.folderOptions(s.Outbound.Remote, string(s.Outbound.Folder)))
				if err != nil {
					return "", err
				}
				return "can be reached", folder.Close()
			}})
	}
	for _, g := range in.cfg.Gateways {
		all = append(all, ailment{"gateway " + g.Name, func(ctx context.Context) (string, error) { return in.checkGateway(ctx, g) }})
	}
	return all
}

// checkPermissions makes sure that nobody else can read the state or change the configuration.
func (in *installation) checkPermissions() (string, error) {
	for _, p := range []struct {
		path string
		mask fs.FileMode
		does string
	}{
		{in.cfg.File(), 0o022, "change"},
		{string(in.cfg.StateDir), 0o077, "enter"},
		{string(in.cfg.Store), 0o077, "read"},
	} {
		info, err := os.Stat(p.path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // the first run makes it
		}
		if err != nil {
			return "", err
		}
		if info.Mode().Perm()&p.mask != 0 {
			return "", &codeError{exitConfig, fmt.Errorf("others than its owner can %s %s, mode %04o", p.does, p.path, info.Mode().Perm()), "Take the rights away: chmod go-rwx."}
		}
	}
	return "only the owner can read the state", nil
}

func (in *installation) checkStore(ctx context.Context) (detail string, err error) {
	pending, err := sqlite.Pending(ctx, string(in.cfg.Store))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return "none yet; the first run makes it", nil
	case err != nil:
		return "", err
	case len(pending) > 0:
		return fmt.Sprintf("the next run migrates it, %s", count(len(pending), "step")), nil
	}
	looked := &installation{cfg: in.cfg, clock: in.clock, log: in.log}
	if err := looked.openStore(ctx, sqlite.Options{}); err != nil {
		return "", err
	}
	defer looked.Close()
	if err := looked.store.Check(ctx); err != nil {
		return "", err
	}
	info, err := looked.store.Info(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s, bound, its journal has %s", info.Environment, entries(info.JournalLen)), nil
}

// checkInbound lists a folder once: nothing is claimed, and no second look decides what is ready.
func (in *installation) checkInbound(ctx context.Context, s config.Source) (detail string, err error) {
	o := in.inboundOptions(s)
	o.Sleep = func(context.Context, time.Duration) error { return nil }
	folder, err := sftpio.OpenInbound(ctx, o)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, folder.Close()) }()
	ready, claimed, err := folder.Ready(ctx)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s there, %d claimed", count(len(ready), "file"), len(claimed)), nil
}

func (in *installation) checkGateway(ctx context.Context, g config.Gateway) (string, error) {
	if g.Embedded() {
		return "the simulator inside the program", nil
	}
	connector, err := in.connector(g, nil, nil)
	if err != nil {
		return "", err
	}
	if err := connector.Check(ctx); err != nil {
		if code, _ := classify(err); code == exitFailure {
			err = &codeError{exitUnreachable, err, "Check the gateway's endpoint and the network; nothing was charged."}
		}
		return "", err
	}
	return "answers, and accepts the credentials", nil
}
