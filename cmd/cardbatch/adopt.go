package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"cardbatch/store"
	"cardbatch/store/sqlite"
)

type adoptOptions struct {
	reason   string
	newStore bool
	yes      bool
}

// adoptJSON is what adopt prints.
type adoptJSON struct {
	Store   string `json:"store"`
	StoreID string `json:"store_id"`
	Entries int64  `json:"journal_entries"`
	Head    string `json:"journal_head"`
}

func (a *app) newAdopt() *cobra.Command {
	var o adoptOptions
	c := &cobra.Command{
		Use:   "adopt",
		Short: "Bind a copied, moved or restored store to this installation",
		Long: `adopt says that the store as it lies here is the one and only. Runs refuse to work
with a store that was copied, moved, restored from a backup or emptied, because
what happened since is not in it: lines that were charged after the backup look
unsent, and two copies charge the same line twice.

Before you adopt: make sure that no other copy is in use; after a restore, compare
with the answers that the merchants received since the backup, hold or recall files
that were sent since, and decide single lines with 'cardbatch resolve'. Keys are
the same after a restore, so a gateway within its replay window, or a lookup,
still recognises what it has carried out.

--new-store begins with an empty store where the old one is lost for good; what was
accepted before is then unknown, duplicates included.

The reason goes to the journal, with your name.` + exitHelp(exitLocked, exitConfig, exitSafety),
		Example: "  cardbatch adopt --reason 'moved to the new server, the old one is switched off'",
		GroupID: "decide",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.adopt(c.Context(), o) },
	}
	c.Flags().StringVar(&o.reason, "reason", "", "why, for the journal (mandatory)")
	c.Flags().BoolVar(&o.newStore, "new-store", false, "begin with an empty store where the old one is lost")
	c.Flags().BoolVar(&o.yes, "yes", false, "do not ask")
	return c
}

func (a *app) adopt(ctx context.Context, o adoptOptions) error {
	if err := checkReason(o.reason); err != nil {
		return err
	}
	in, err := a.load()
	if err != nil {
		return err
	}
	question := fmt.Sprintf("This declares %s the one and only store of this %s installation.\nAre you sure that no other copy is in use, and that you know what happened since it was copied?", in.cfg.Store, in.cfg.Environment)
	if err := a.confirm(question, o.yes); err != nil {
		return err
	}
	defer in.Close()
	err = in.openStore(ctx, sqlite.Options{Create: o.newStore, Replace: o.newStore})
	if errors.Is(err, store.ErrUnbound) {
		return &codeError{exitSafety, err, "Restore it from a backup and adopt that; only if it is lost for good use --new-store."}
	}
	if err != nil {
		return err
	}
	if err := in.store.Adopt(ctx, in.actor("adopt"), o.reason); err != nil {
		return err
	}
	info, err := in.store.Info(ctx)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(adoptJSON{string(in.cfg.Store), info.ID, info.JournalLen, info.JournalHead})
	}
	_, err = fmt.Fprintf(a.stdout, "%s is bound to this installation, its journal has %s.\n", in.cfg.Store, entries(info.JournalLen))
	return err
}
