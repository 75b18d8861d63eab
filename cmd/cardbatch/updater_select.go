package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/updater"
)

// selectionJSON is what updater select prints of one updater.
type selectionJSON struct {
	Updater  string        `json:"updater"`
	Month    string        `json:"month"`
	Looked   int           `json:"cards"`
	Selected int           `json:"selected"`
	Sent     int           `json:"sent"` // cards that the provider was asked about
	Files    int           `json:"files"`
	Requests []string      `json:"requests"`
	Left     []leftOutJSON `json:"left_out"`
}

// leftOutJSON is why so many cards were left out.
type leftOutJSON struct {
	Reason batch.Unselected `json:"reason"`
	Cards  int              `json:"cards"`
}

// explainedJSON is why a card is asked about or not.
type explainedJSON struct {
	Updater  string           `json:"updater"`
	Merchant batch.MerchantID `json:"merchant"`
	Wallet   batch.WalletID   `json:"wallet_id"`
	Index    int              `json:"card_index"`
	Card     string           `json:"card"`
	Expiry   string           `json:"expiry"`
	Scheme   string           `json:"scheme"`
	Selected bool             `json:"selected"`
	Reason   batch.Unselected `json:"reason,omitempty"`
	Changed  time.Time        `json:"changed_at,omitzero"`
	Asked    time.Time        `json:"asked_at,omitzero"`
}

type selectOptions struct {
	updater, merchant, explain string
	dry                        bool
}

func (a *app) newUpdaterSelect() *cobra.Command {
	var o selectOptions
	c := &cobra.Command{
		Use:   "select",
		Short: "Ask account updaters about the cards that expire this month",
		Long: `select looks at every stored card, asks the account updater about those that its rule
selects, and tells why the others are left out: a card is asked about when its wallet
is active, it expires in the current month, and it was not updated in the last six
months. The first run of a month does that by itself. It may be repeated: a card is
asked about once a month.` + exitHelp(exitUndelivered, exitLocked, exitUnreachable, exitConfig, exitSafety),
		Example: "  cardbatch updater select --dry-run\n  cardbatch updater select --explain CUST-42\n  cardbatch updater select --updater paysafe-updater",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			// An empty one is that of a script whose variable was not set.
			switch given := c.Flags().Changed; {
			case given("explain"):
				return a.updaterExplain(c.Context(), o)
			case given("merchant"):
				return usageError("--merchant goes with --explain")
			}
			return a.updaterSelect(c.Context(), o)
		},
	}
	c.Flags().StringVar(&o.updater, "updater", "", "only this updater")
	c.Flags().StringVar(&o.merchant, "merchant", "", "with --explain: only wallets of this merchant")
	c.Flags().BoolVar(&o.dry, "dry-run", false, "only tell what would be asked; nothing is recorded or sent")
	c.Flags().StringVar(&o.explain, "explain", "", "tell of one card, WALLET or WALLET/INDEX, whether it is asked about, and why not")
	return c
}

// asked are the updaters that are asked, or the named one. Without a session they can only be looked at.
func (in *installation) asked(session store.Session, name string) (chosen []*updater.Exchange, err error) {
	r, err := in.offline(session)
	if err != nil {
		return nil, err
	}
	all, err := in.updaters(r)
	if err != nil {
		return nil, err
	}
	for _, x := range all {
		if x.Asks() && (name == "" || x.Name == name) {
			chosen = append(chosen, x)
		}
	}
	if len(chosen) == 0 {
		return nil, usageError("no updater of kind paysafe%s is configured", map[bool]string{true: " with this name"}[name != ""])
	}
	return chosen, nil
}

func (a *app) updaterSelect(ctx context.Context, o selectOptions) (err error) {
	in, err := a.open(ctx, !o.dry)
	if err != nil {
		return err
	}
	defer in.Close()
	var session store.Session
	if !o.dry {
		if session, err = in.begin(ctx, "updater select"); err != nil {
			return err
		}
		defer func() { err = endWith(session, err) }()
	}
	chosen, err := in.asked(session, o.updater)
	if err != nil {
		return err
	}
	out := []selectionJSON{}
	var failed error
	for _, x := range chosen {
		s, err := x.Select(ctx, o.dry)
		if err != nil {
			return err
		}
		if trouble := s.Trouble(); trouble != nil && !o.dry {
			failed = errors.Join(failed, fmt.Errorf("updater %s: %w", x.Name, trouble))
		}
		j := toSelectionJSON(x.Name, s)
		if !o.dry {
			var unsent error
			if j.Sent, unsent = x.Send(ctx); unsent != nil {
				failed = errors.Join(failed, fmt.Errorf("updater %s: %w", x.Name, unsent))
			}
		}
		out = append(out, j)
	}
	if a.json {
		err = a.printJSON(out)
	} else {
		err = a.printSelections(out, o.dry)
	}
	return errors.Join(err, failed)
}

func toSelectionJSON(name string, s updater.Selection) selectionJSON {
	j := selectionJSON{Updater: name, Month: s.Month, Looked: s.Looked, Selected: s.Selected, Files: s.Files, Requests: s.Requests, Left: []leftOutJSON{}}
	if j.Requests == nil {
		j.Requests = []string{}
	}
	for _, reason := range batch.UnselectedReasons {
		if n := s.Left[reason]; n > 0 {
			j.Left = append(j.Left, leftOutJSON{reason, n})
		}
	}
	return j
}

func (a *app) printSelections(all []selectionJSON, dry bool) error {
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(a.stdout)
		}
		t := table(a.stdout)
		row(t, "UPDATER", s.Updater)
		row(t, "month", s.Month)
		row(t, "cards", strconv.Itoa(s.Looked))
		row(t, "selected", fmt.Sprintf("%d, in %s", s.Selected, count(s.Files, "file")))
		if !dry {
			row(t, "sent", strconv.Itoa(s.Sent))
		}
		for _, left := range s.Left {
			row(t, "left out", fmt.Sprintf("%d: %s", left.Cards, left.Reason))
		}
		if err := t.Flush(); err != nil {
			return err
		}
		for _, name := range s.Requests {
			fmt.Fprintf(a.stdout, "  %s\n", name)
		}
	}
	if dry {
		a.note("Nothing was recorded or sent.")
	}
	return nil
}

func (a *app) updaterExplain(ctx context.Context, o selectOptions) error {
	wallet, index, err := cardOf(o.explain)
	if err != nil {
		return err
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	chosen, err := in.asked(nil, o.updater)
	if err != nil {
		return err
	}
	out := []explainedJSON{}
	now := in.clock()
	for _, x := range chosen {
		for c, err := range in.store.Candidates(ctx, store.CandidateQuery{Merchant: batch.MerchantID(o.merchant), Wallet: wallet, Card: index, Updater: x.Name}) {
			if err != nil {
				return err
			}
			reason := x.Explain(&c, now)
			out = append(out, explainedJSON{
				x.Name, c.Merchant, c.Wallet, c.Card.Index, c.Card.Masked(), c.Card.Expiry, batch.SchemeOf(c.Card),
				reason == batch.Selected, reason, c.Card.ChangedAt.UTC(), c.Asked.UTC(),
			})
		}
	}
	if len(out) == 0 {
		return &codeError{exitFailure, errors.New("there is no such card"), "See `cardbatch wallet list` for what there is."}
	}
	if a.json {
		return a.printJSON(out)
	}
	t := table(a.stdout)
	row(t, "UPDATER", "MERCHANT", "WALLET", "CARD", "NUMBER", "EXPIRY", "SELECTED")
	for _, e := range out {
		verdict := "yes"
		if !e.Selected {
			verdict = "no: " + string(e.Reason)
		}
		row(t, e.Updater, string(e.Merchant), string(e.Wallet), strconv.Itoa(e.Index), e.Card, e.Expiry, verdict)
	}
	return t.Flush()
}

// cardOf takes WALLET or WALLET/INDEX apart; index 0 is every card. A wallet's id may hold slashes.
func cardOf(text string) (batch.WalletID, int, error) {
	wallet, index := text, 0
	before, last, found := cutLast(text, "/")
	if n, err := strconv.Atoi(last); found && err == nil && n > 0 {
		wallet, index = before, n
	}
	if wallet == "" {
		return "", 0, usageError("--explain takes a card, WALLET or WALLET/INDEX")
	}
	return batch.WalletID(wallet), index, nil
}

func cutLast(text, separator string) (before, after string, found bool) {
	if i := strings.LastIndex(text, separator); i >= 0 {
		return text[:i], text[i+len(separator):], true
	}
	return text, "", false
}
