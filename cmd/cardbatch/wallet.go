package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

// walletJSON is a wallet in --json output.
type walletJSON struct {
	Merchant    batch.MerchantID   `json:"merchant"`
	ID          batch.WalletID     `json:"wallet_id"`
	Status      batch.WalletStatus `json:"status"`
	Contract    batch.ContractID   `json:"contract"`
	Gateway     batch.GatewayName  `json:"gateway"`
	LastName    string             `json:"last_name,omitempty"`
	FirstName   string             `json:"first_name,omitempty"`
	Email       string             `json:"email,omitempty"`
	Language    string             `json:"language,omitempty"`
	DefaultCard int                `json:"default_card"`
	OpenFile    batch.FileID       `json:"open_file,omitempty"`
	OpenLine    int                `json:"open_line,omitempty"`
	Cards       []cardJSON         `json:"cards"`
	CreatedAt   time.Time          `json:"created_at"`
	UpdatedAt   time.Time          `json:"updated_at"`
}

// cardJSON is a card of a wallet in --json output: never its number, never its token.
type cardJSON struct {
	Index  int              `json:"index"`
	Status batch.CardStatus `json:"status"`
	Card   string           `json:"card"`
	Expiry string           `json:"expiry"`
	Type   string           `json:"type"`
	Token  bool             `json:"has_token"`
}

func toWalletJSON(w *batch.Wallet) walletJSON {
	out := walletJSON{
		Merchant: w.Merchant, ID: w.ID, Status: w.Status, Contract: w.Contract, Gateway: w.Gateway,
		LastName: w.LastName, FirstName: w.FirstName, Email: w.Email, Language: w.Language,
		DefaultCard: w.DefaultCard, OpenFile: w.OpenLine.File, OpenLine: w.OpenLine.No, Cards: []cardJSON{},
		CreatedAt: w.CreatedAt.UTC(), UpdatedAt: w.UpdatedAt.UTC(),
	}
	for _, c := range w.Cards {
		out.Cards = append(out.Cards, cardJSON{c.Index, c.Status, c.Masked(), c.Expiry, c.Type, c.Token != ""})
	}
	return out
}

func (a *app) newWallet() *cobra.Command {
	c := &cobra.Command{
		Use:     "wallet",
		Short:   "Look at wallets and their cards",
		Long:    "wallet shows buyers' wallets with their cards. A card shows its first six and last\nfour digits, never its number or its token.",
		GroupID: "look",
	}
	c.AddCommand(a.newWalletList(), a.newWalletShow())
	return c
}

func (a *app) newWalletList() *cobra.Command {
	var merchant string
	var limit int
	c := &cobra.Command{
		Use:     "list",
		Short:   "List wallets",
		Long:    "list lists wallets by merchant and id. With --json every wallet is an object of its\nown, streamed." + exitHelp(exitConfig),
		Example: "  cardbatch wallet list --merchant acme\n  cardbatch wallet list --limit 0 --json",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.walletList(c.Context(), batch.MerchantID(merchant), limit)
		},
	}
	c.Flags().StringVar(&merchant, "merchant", "", "only wallets of this merchant")
	c.Flags().IntVar(&limit, "limit", 100, "at most so many, 0 for all")
	return c
}

func (a *app) walletList(ctx context.Context, merchant batch.MerchantID, limit int) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	t, n := table(a.stdout), 0
	for w, err := range in.store.ListWallets(ctx, merchant) {
		if err != nil {
			return err
		}
		if limit > 0 && n == limit {
			a.note("There are more; see --limit.")
			break
		}
		n++
		if a.json {
			if err := a.printJSONLine(toWalletJSON(&w)); err != nil {
				return err
			}
			continue
		}
		if n%tableBlock == 1 {
			if err := t.Flush(); err != nil {
				return err
			}
			row(t, "MERCHANT", "WALLET", "STATUS", "CONTRACT", "GATEWAY", "CARDS", "DEFAULT CARD")
		}
		shown := ""
		if card, ok := w.Card(0); ok {
			shown = fmt.Sprintf("%s %s %s", card.Masked(), card.Expiry, card.Status)
		}
		row(t, w.Merchant, w.ID, w.Status, w.Contract, w.Gateway, len(w.Cards), shown)
	}
	if n == 0 {
		a.note("There are no wallets.")
	}
	return t.Flush()
}

func (a *app) newWalletShow() *cobra.Command {
	var merchant string
	c := &cobra.Command{
		Use:     "show WALLET",
		Short:   "Show a wallet with its cards",
		Long:    "show shows a wallet and all its cards. --merchant is needed only when several\nmerchants are configured." + exitHelp(exitConfig),
		Example: "  cardbatch wallet show CUST-42",
		Args:    cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return a.walletShow(c.Context(), batch.MerchantID(merchant), batch.WalletID(args[0]))
		},
	}
	c.Flags().StringVar(&merchant, "merchant", "", "whose wallet (default: the only merchant)")
	return c
}

func (a *app) walletShow(ctx context.Context, merchant batch.MerchantID, id batch.WalletID) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	if merchant == "" {
		if len(in.cfg.Merchants) > 1 {
			return usageError("there are several merchants; choose one with --merchant")
		}
		merchant = batch.MerchantID(in.cfg.Merchants[0].ID)
	}
	found, err := in.store.Wallets(ctx, merchant, []batch.WalletID{id})
	if err != nil {
		return err
	}
	w := found[id]
	if w == nil {
		return &codeError{exitFailure, fmt.Errorf("wallet %s of merchant %s: %w", id, merchant, store.ErrNotFound), "`cardbatch wallet list` shows what there is."}
	}
	if a.json {
		return a.printJSON(toWalletJSON(w))
	}
	return a.printWallet(in, w)
}

func (a *app) printWallet(in *installation, w *batch.Wallet) error {
	t := table(a.stdout)
	row(t, "wallet", w.ID)
	row(t, "merchant", w.Merchant)
	row(t, "status", w.Status)
	row(t, "contract", w.Contract)
	row(t, "gateway", w.Gateway)
	for _, fact := range []struct{ name, value string }{
		{"last name", w.LastName}, {"first name", w.FirstName}, {"e-mail", w.Email}, {"language", w.Language},
	} {
		if fact.value != "" {
			row(t, fact.name, fact.value)
		}
	}
	row(t, "created", in.moment(w.CreatedAt))
	row(t, "updated", in.moment(w.UpdatedAt))
	if w.OpenLine.File != 0 {
		row(t, "waits for", fmt.Sprintf("line %d of file %d; payments on it wait as well", w.OpenLine.No, w.OpenLine.File))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(w.Cards) == 0 {
		a.note("It has no cards.")
		return nil
	}
	t = table(a.stdout)
	fmt.Fprintln(t)
	row(t, "CARD", "NUMBER", "EXPIRY", "TYPE", "STATUS", "TOKEN", "DEFAULT")
	for _, c := range w.Cards {
		token, mark := "no", "no"
		if c.Token != "" {
			token = "yes"
		}
		if c.Index == w.DefaultCard {
			mark = "yes"
		}
		row(t, c.Index, c.Masked(), c.Expiry, c.Type, c.Status, token, mark)
	}
	return t.Flush()
}
