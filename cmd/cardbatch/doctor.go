package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"sort"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/formats/layout"
	format "cardbatch/formats/updater"
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
installation, every inbound and outbound folder with its login and host key, every
gateway with its credentials, and the keys, layouts and codes of every account
updater. Nothing is charged, and nobody is asked about a card. The simulator inside
the program needs no check.` + exitHelp(exitLocked, exitUnreachable, exitConfig, exitSafety) + `
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
		all = append(all, in.folderChecks(s.Name, s.Inbound, &s.Outbound)...)
	}
	for _, x := range in.cfg.Exchanges {
		all = append(all, in.folderChecks("exchange "+x.Name, x.Inbound, &x.Outbound)...)
	}
	for _, g := range in.cfg.Gateways {
		all = append(all, ailment{"gateway " + g.Name, func(ctx context.Context) (string, error) { return in.checkGateway(ctx, g) }})
	}
	for _, u := range in.cfg.Updaters {
		all = append(all, in.updaterChecks(u)...)
	}
	return all
}

// folderChecks look at the folders of a source or a partner; without outbound it has none.
func (in *installation) folderChecks(of string, inbound config.Inbound, outbound *config.Outbound) []ailment {
	all := []ailment{{"inbound of " + of, func(ctx context.Context) (string, error) {
		return in.checkInbound(ctx, config.Source{Name: of, Inbound: inbound})
	}}}
	if outbound == nil {
		return all
	}
	return append(all, ailment{"outbound of " + of, func(ctx context.Context) (string, error) {
		folder, err := sftpio.OpenOutbound(ctx, in.folderOptions(outbound.Remote, string(outbound.Folder)))
		if err != nil {
			return "", err
		}
		return "can be reached", folder.Close()
	}})
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

// updaterChecks are what a run needs of a source of card updates.
func (in *installation) updaterChecks(c config.Updater) []ailment {
	name := "updater " + c.Name
	all := []ailment{{name, func(ctx context.Context) (string, error) { return in.checkUpdater(ctx, c) }}}
	var outbound *config.Outbound
	if c.Kind == "paysafe" {
		outbound = &c.Outbound
		all = append(all, ailment{"encrypt_to of " + name, func(context.Context) (string, error) {
			key, err := readPublicKey(c.EncryptTo)
			if err != nil {
				return "", keyFault(err)
			}
			return checkKey(key, in.clock())
		}})
	}
	if c.DecryptWith != "" {
		all = append(all, ailment{"decrypt_with of " + name, func(context.Context) (string, error) {
			key, err := readPrivateKey(c.DecryptWith, c.Passphrase)
			if err != nil {
				return "", keyFault(err)
			}
			return checkKey(key, in.clock())
		}})
	}
	return append(all, in.folderChecks(name, c.Inbound, outbound)...)
}

// checkUpdater reads the tables, writes what a request would hold, and tells when the provider collects requests next.
func (in *installation) checkUpdater(ctx context.Context, c config.Updater) (string, error) {
	tables, _, err := loadUpdaterTables(c)
	if err != nil {
		return "", &codeError{exitConfig, err, "Correct the table, or the updater in the configuration; `cardbatch layout check` and `cardbatch layout codes --check FILE` look at one alone."}
	}
	if c.Kind != "paysafe" {
		return "layout and codes can be used", nil
	}
	password := ""
	if !c.StorePassword.IsZero() {
		if password, err = c.StorePassword.Resolve(ctx); err != nil {
			return "", fmt.Errorf("store_password: %w", err)
		}
	}
	now := in.clock()
	if err := in.writeSpecimens(c, tables.Request, password, now.AddDate(1, 0, 0)); err != nil {
		return "", &codeError{exitConfig, err, "Correct what the field is made of: the updater's store_id, store_password or schemes, the contract's account, or your own layout of requests."}
	}
	next := updaterCutOff(c.CutOff).Next(now)
	left := next.Sub(now).Truncate(time.Minute)
	return fmt.Sprintf("layouts and codes can be used; next cut-off %s, in %d h %02d min", next.Format("2006-01-02 15:04 MST"), left/time.Hour, left%time.Hour/time.Minute), nil
}

// specimens are cards for everybody to test with, by scheme. None is anybody's.
var specimens = map[string]string{
	batch.TypeVisa: "4111111111111111", batch.TypeMastercard: "5555555555554444", batch.TypeAmex: "378282246310005", "JCB": "3530111333300000",
}

// writeSpecimens makes sure that cards can be asked about at all: a word that the layout cannot
// hold would keep out each of them. What it writes goes nowhere.
func (in *installation) writeSpecimens(c config.Updater, table *layout.Table, password string, expiry time.Time) error {
	w, err := format.NewRequestWriter(io.Discard, table)
	if err != nil {
		return err
	}
	for _, account := range in.updaterAccounts(c) {
		for _, scheme := range c.Schemes {
			number, known := specimens[scheme]
			if !known {
				continue // CB: such a card is asked about by the scheme of its number
			}
			err := w.Write(format.Request{
				StoreID: c.StoreID, StorePassword: password, Account: account.Number, Reference: format.Reference(math.MaxInt32, c.MaxRecords),
				CardType: scheme, Card: batch.NewPAN(number), Expiry: expiry.Format("0106"),
			})
			if err != nil {
				return fmt.Errorf("no %s card of contract %s could be asked about: %w", scheme, account.Contract, err)
			}
		}
	}
	return w.Close()
}

// keyNotice is so many days before its end that doctor warns of a key: time enough to
// agree on a new one with the provider.
const keyNotice = 60

// checkKey makes sure that a key can be used now, and tells when that will soon be over.
func checkKey(key interface {
	Check(at time.Time) error
	KeyID() string
}, now time.Time) (string, error) {
	if err := key.Check(now); err != nil {
		return "", keyFault(err)
	}
	lasts := func(days int) bool { return key.Check(now.AddDate(0, 0, days)) == nil }
	switch days := sort.Search(keyNotice, func(n int) bool { return !lasts(n + 1) }); days {
	case keyNotice:
		return fmt.Sprintf("key %s can be used", key.KeyID()), nil
	case 0:
		return fmt.Sprintf("key %s can be used, but EXPIRES within a day; have it extended or replaced", key.KeyID()), nil
	default:
		return fmt.Sprintf("key %s can be used, but EXPIRES in %s; have it extended or replaced", key.KeyID(), count(days, "day")), nil
	}
}

// keyFault says what to do about a key file where the error does not tell already.
func keyFault(err error) error {
	if code, _ := classify(err); code == exitFailure {
		return &codeError{exitConfig, err, "Put the right key file in its place, or correct the updater in the configuration."}
	}
	return err
}
