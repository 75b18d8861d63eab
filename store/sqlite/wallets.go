package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"

	"cardbatch/batch"
)

const walletColumns = `merchant, id, contract, gateway, status, last_name, first_name, email, language, default_card, open_line, created_at, updated_at`

func scanWallet(row scanner) (*batch.Wallet, error) {
	var w batch.Wallet
	var open int64
	err := row.Scan(&w.Merchant, &w.ID, &w.Contract, &w.Gateway, &w.Status, &w.LastName, &w.FirstName, &w.Email, &w.Language,
		&w.DefaultCard, &open, timestamp{&w.CreatedAt}, timestamp{&w.UpdatedAt})
	w.OpenLine = addressOf(open)
	return &w, err
}

const cardColumns = `card_index, status, token, fingerprint, first_six, last_four, expiry, type, cardholder, network_transaction, sealed, changed_at`

func scanCard(row scanner, extra ...any) (c batch.Card, err error) {
	targets := [...]any{&c.Index, &c.Status, &c.Token, &c.Fingerprint, &c.FirstSix, &c.LastFour, &c.Expiry, &c.Type, &c.Cardholder, &c.NetworkTransaction, &c.Sealed, timestamp{&c.ChangedAt}}
	err = row.Scan(append(targets[:], extra...)...)
	return c, err
}

// list binds many texts or numbers as one parameter, for json_each.
func list[T any](values []T) (string, error) {
	text, err := json.Marshal(values)
	return string(text), err
}

// Wallets returns those of the wallets that exist.
func (s *Store) Wallets(ctx context.Context, merchant batch.MerchantID, ids []batch.WalletID) (map[batch.WalletID]*batch.Wallet, error) {
	// Several lines may name one wallet; in order, each page is read once.
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	wallets := make(map[batch.WalletID]*batch.Wallet, len(ids))
	err := walletsOf(s.read(ctx), merchant, ids, wallets)
	return wallets, fault("read wallets", err)
}

// walletsOf reads wallets with their cards.
func walletsOf(q querier, merchant batch.MerchantID, ids []batch.WalletID, into map[batch.WalletID]*batch.Wallet) error {
	err := eachOf(q, func(row scanner) error {
		w, err := scanWallet(row)
		into[w.ID] = w
		return err
	}, `SELECT `+walletColumns+` FROM wallets WHERE merchant = ? AND id IN `, string(merchant), ids)
	if err != nil || len(into) == 0 {
		return err
	}
	return eachOf(q, func(row scanner) error {
		var owner batch.WalletID
		card, err := scanCard(row, &owner)
		if w := into[owner]; w != nil {
			w.Cards = append(w.Cards, card)
		}
		return err
	}, `SELECT `+cardColumns+`, wallet_id FROM cards WHERE merchant = ? AND wallet_id IN `, string(merchant), ids)
}

// eachOf runs a query that ends in "first = ? AND second IN " for many values of
// second, in as few statements as bulkRows allows. Rows come by value within a statement.
func eachOf[T ~string](q querier, scan func(scanner) error, query, first string, values []T) error {
	for _, size := range bulkRows {
		full := query + `(?` + strings.Repeat(", ?", size-1) + `)`
		for ; len(values) >= size; values = values[size:] {
			args := make([]any, 0, size+1)
			args = append(args, first)
			for _, v := range values[:size] {
				args = append(args, string(v))
			}
			if err := each(q, scan, full, args...); err != nil {
				return err
			}
		}
	}
	return nil
}

// listChunk is how many wallets are read at a time.
const listChunk = 500

// ListWallets yields wallets by merchant and id.
func (s *Store) ListWallets(ctx context.Context, merchant batch.MerchantID) iter.Seq2[batch.Wallet, error] {
	return stream("list wallets", func(yield func(batch.Wallet) error) error {
		var chunk []*batch.Wallet
		flush := func() error {
			if len(chunk) == 0 {
				return nil
			}
			ids := make([]batch.WalletID, len(chunk))
			for i, w := range chunk {
				ids[i] = w.ID
			}
			full := map[batch.WalletID]*batch.Wallet{}
			if err := walletsOf(s.read(ctx), chunk[0].Merchant, ids, full); err != nil {
				return err
			}
			for _, id := range ids {
				if w := full[id]; w != nil {
					if err := yield(*w); err != nil {
						return err
					}
				}
			}
			chunk = chunk[:0]
			return nil
		}
		err := each(s.read(ctx), func(row scanner) error {
			w, err := scanWallet(row)
			if err != nil {
				return err
			}
			if len(chunk) == listChunk || (len(chunk) > 0 && chunk[0].Merchant != w.Merchant) {
				if err := flush(); err != nil {
					return err
				}
			}
			chunk = append(chunk, w)
			return nil
		}, `SELECT `+walletColumns+` FROM wallets WHERE ?1 = '' OR merchant = ?1 ORDER BY merchant, id`, string(merchant))
		if err != nil {
			return err
		}
		return flush()
	})
}

const walletInsert = `INSERT INTO wallets (` + walletColumns + `) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT DO UPDATE SET contract = excluded.contract, gateway = excluded.gateway, status = excluded.status,
		last_name = excluded.last_name, first_name = excluded.first_name, email = excluded.email, language = excluded.language,
		default_card = excluded.default_card, open_line = excluded.open_line, created_at = excluded.created_at, updated_at = excluded.updated_at`

func walletArgs(w *batch.Wallet) []any {
	return []any{string(w.Merchant), string(w.ID), string(w.Contract), string(w.Gateway), string(w.Status), w.LastName, w.FirstName, w.Email, w.Language,
		w.DefaultCard, lineID(w.OpenLine), micros(w.CreatedAt), micros(w.UpdatedAt)}
}

// saveWallet writes a wallet as given, with all its cards. What is disabled is to be taken
// off American Express' list.
func (c *change) saveWallet(w batch.Wallet) error {
	if _, err := c.exec(walletInsert, walletArgs(&w)...); err != nil {
		return err
	}
	if err := c.saveCards(&w); err != nil {
		return err
	}
	disabled := func(card batch.Card) bool { return card.Status == batch.CardDisabled }
	if w.Status == batch.WalletDisabled || slices.ContainsFunc(w.Cards, disabled) {
		return c.takeOff(w.Merchant, w.ID)
	}
	return nil
}

func (c *change) saveCards(w *batch.Wallet) error {
	if _, err := c.exec(`DELETE FROM cards WHERE merchant = ? AND wallet_id = ?`, string(w.Merchant), string(w.ID)); err != nil {
		return err
	}
	for _, card := range w.Cards {
		_, err := c.exec(`INSERT INTO cards (merchant, wallet_id, `+cardColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			string(w.Merchant), string(w.ID), card.Index, string(card.Status), card.Token, card.Fingerprint, card.FirstSix, card.LastFour,
			card.Expiry, card.Type, card.Cardholder, card.NetworkTransaction, blob(card.Sealed), micros(card.ChangedAt))
		if err != nil {
			return err
		}
	}
	return nil
}

// openWallet writes the wallet that a line is about to create. A wallet that is
// there already may only be the same line's, given back earlier.
func (c *change) openWallet(w batch.Wallet, at batch.LineAddress) error {
	w.Status, w.OpenLine = batch.WalletOpening, at
	if err := c.one("the wallet exists already", walletInsert+` WHERE status = 'opening' AND open_line = excluded.open_line`, walletArgs(&w)...); err != nil {
		return err
	}
	return c.saveCards(&w)
}

// lockWallet makes payments on a wallet wait for the line.
func (c *change) lockWallet(merchant batch.MerchantID, id batch.WalletID, at batch.LineAddress) error {
	return c.one("the wallet is gone, or waits for another line", `UPDATE wallets SET open_line = ?1 WHERE merchant = ?2 AND id = ?3 AND open_line IN (0, ?1)`,
		lineID(at), string(merchant), string(id))
}

// closeWallet removes a wallet that the line was only opening.
func (c *change) closeWallet(merchant batch.MerchantID, id batch.WalletID, at batch.LineAddress) error {
	gone, err := c.exec(`DELETE FROM wallets WHERE merchant = ? AND id = ? AND status = 'opening' AND open_line = ?`, string(merchant), string(id), lineID(at))
	if err != nil || gone == 0 {
		return err
	}
	_, err = c.exec(`DELETE FROM cards WHERE merchant = ? AND wallet_id = ?`, string(merchant), string(id))
	return err
}

const agreementColumns = `merchant, id, wallet_id, type, variability, expiry, max_payments, min_days, fixed_minor, currency, fingerprint, first_key, first_id, trace, payments, last_payment, stopped`

// Agreements returns those of the agreements that exist.
func (s *Store) Agreements(ctx context.Context, merchant batch.MerchantID, ids []batch.AgreementID) (map[batch.AgreementID]*batch.Agreement, error) {
	asked, err := list(ids)
	if err != nil {
		return nil, fmt.Errorf("read agreements: %w", err)
	}
	agreements := make(map[batch.AgreementID]*batch.Agreement, len(ids))
	err = each(s.read(ctx), func(row scanner) error {
		var a batch.Agreement
		err := row.Scan(&a.Merchant, &a.ID, &a.WalletID, &a.Type, &a.Variability, &a.Expiry, &a.MaxPayments, &a.MinDays, &a.FixedMinor,
			&a.Currency, &a.Fingerprint, &a.FirstKey, &a.FirstID, &a.Trace, &a.Payments, timestamp{&a.LastPayment}, &a.Stopped)
		agreements[a.ID] = &a
		return err
	}, `SELECT `+agreementColumns+` FROM agreements WHERE merchant = ? AND id IN (SELECT value FROM json_each(?))`, string(merchant), asked)
	return agreements, fault("read agreements", err)
}

// saveAgreement writes an agreement as given.
func (c *change) saveAgreement(a *batch.Agreement) error {
	_, err := c.exec(`INSERT OR REPLACE INTO agreements (`+agreementColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		string(a.Merchant), string(a.ID), string(a.WalletID), a.Type, a.Variability, a.Expiry, a.MaxPayments, a.MinDays, a.FixedMinor,
		string(a.Currency), a.Fingerprint, string(a.FirstKey), string(a.FirstID), a.Trace, a.Payments, micros(a.LastPayment), a.Stopped)
	return err
}
