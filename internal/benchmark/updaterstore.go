package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/stage"
	simulated "cardbatch/gateway/simulator/updater"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

const (
	merchant    = "acme"
	contract    = "1234567"
	account     = "89987201"
	updaterName = "paysafe-updater"
)

// Wallets are of a gateway that is not configured, so that none has to be told of new numbers:
// its calls are no part of what is measured here.
const updaterConfiguration = `environment: TEST
merchants: [{id: acme}]
contracts: [{id: "1234567", merchant: acme, gateway: bank, unknown_series: send, updater: {name: paysafe-updater, account: "89987201"}}]
gateways: [{name: bank, kind: mastercard, endpoint: "http://127.0.0.1:1", merchant_id: %s, password: "file:keys/password"}]
updaters:
  - name: paysafe-updater
    kind: paysafe
    outbound: {folder: Incoming}
    inbound: {folder: Outgoing, ready: rename}
    encrypt_to: keys/provider.asc
    decrypt_with: keys/updater-private.asc
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
log: {level: error, format: text}
`

func databaseOf(dir string) string { return filepath.Join(dir, "state", "cardbatch.db") }

func moment(text string) time.Time {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		panic(err)
	}
	return t
}

// fillUpdater is the role that makes an installation whose store has n cards.
func fillUpdater(dir string, n int, s share) error {
	for _, folder := range []string{"in", "out", "keys", "Incoming", "Outgoing"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			return err
		}
	}
	key := func(name string) string { return filepath.Join(dir, "keys", name) }
	created := moment(askedAt).AddDate(0, -1, 0)
	provider, err := simulated.NewKeys("Provider", nil, created)
	if err != nil {
		return err
	}
	ours, err := simulated.NewKeys("Merchant", nil, created)
	if err != nil {
		return err
	}
	err = errors.Join(
		vault.Create(key("vault.json")),
		os.WriteFile(key("password"), []byte(stage.Password), 0o600),
		os.WriteFile(key("provider.asc"), provider.Public, 0o600),
		os.WriteFile(key("provider-private.asc"), provider.Private, 0o600),
		os.WriteFile(key("updater.asc"), ours.Public, 0o600),
		os.WriteFile(key("updater-private.asc"), ours.Private, 0o600),
		os.WriteFile(filepath.Join(dir, "cardbatch.yaml"), fmt.Appendf(nil, updaterConfiguration, stage.MerchantID), 0o600))
	if err != nil {
		return err
	}
	seals, err := vault.Open(key("vault.json"))
	if err != nil {
		return err
	}
	st, err := sqlite.Open(context.Background(), databaseOf(dir), sqlite.Options{Environment: batch.Test, Create: true})
	if err != nil {
		return err
	}
	if err := st.Close(); err != nil {
		return err
	}
	return fillCards(databaseOf(dir), seals, n, s)
}

const (
	walletsTogether = 100    // in one statement
	walletsAtOnce   = 20_000 // in one transaction
	walletWidth     = 13
	cardWidth       = 14
)

// fillCards writes wallets with a card each as the store would have them, but in statements of its
// own: through lines it would take as long as everything that is measured. Nothing is synced.
func fillCards(path string, seals *vault.Vault, n int, s share) (err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=synchronous(OFF)&_pragma=cache_size(-262144)")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	db.SetMaxOpenConns(1)
	var wallets, cards []any
	for from := 0; from < n; from += walletsAtOnce {
		tx, err := db.Begin()
		if err != nil {
			return err
		}
		for i := from; i < min(n, from+walletsAtOnce); {
			wallets, cards = wallets[:0], cards[:0]
			for together := min(walletsTogether, min(n, from+walletsAtOnce)-i); together > 0; together-- {
				w := walletAt(i, s)
				sealed, err := seals.Seal(w.number, batch.CardBinding(merchant, w.ID, 1))
				if err != nil {
					return err
				}
				c := &w.Cards[0]
				wallets = append(wallets, merchant, string(w.ID), contract, "bank-before", string(w.Status), "Martin", "Camille", "camille@example.com", "fr", 1, 0, w.CreatedAt.UnixMicro(), w.CreatedAt.UnixMicro())
				cards = append(cards, merchant, string(w.ID), 1, string(c.Status), "", seals.Fingerprint(w.number), c.FirstSix, c.LastFour, c.Expiry, c.Type, "CAMILLE MARTIN", "", sealed, nil)
				i++
			}
			if err := errors.Join(insertRows(tx, "wallets", walletWidth, wallets), insertRows(tx, "cards", cardWidth, cards)); err != nil {
				return errors.Join(err, tx.Rollback())
			}
		}
		if err := tx.Commit(); err != nil {
			return err
		}
	}
	_, err = db.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`)
	return err
}

func insertRows(tx *sql.Tx, table string, width int, rows []any) error {
	tuple := ", (?" + strings.Repeat(", ?", width-1) + ")"
	_, err := tx.Exec(`INSERT INTO `+table+` VALUES `+strings.Repeat(tuple, len(rows)/width)[2:], rows...)
	return err
}

// storedWallet is a wallet with its card's number.
type storedWallet struct {
	batch.Wallet
	number string
}

// walletAt is the wallet at a place in the store. Three cards in five are of Visa, the others of
// Mastercard. Of those that do not expire this month some are left out for other reasons.
func walletAt(i int, s share) storedWallet {
	prefix, scheme := "411111", batch.TypeVisa
	if i%5 >= 3 {
		prefix, scheme = "555555", batch.TypeMastercard
	}
	number := numberAt(prefix, i)
	month := moment(askedAt).AddDate(0, i%int(s), 0)
	c := batch.Card{Index: 1, Status: batch.CardActive, FirstSix: number[:6], LastFour: number[12:], Expiry: month.Format("0106"), Type: scheme}
	w := storedWallet{batch.Wallet{
		ID: batch.WalletID(fmt.Sprintf("CUST-%08d", i)), Status: batch.WalletActive, CreatedAt: moment(askedAt).AddDate(-2, 0, 0),
	}, number}
	if i%int(s) != 0 {
		switch i % 50 {
		case 1:
			w.Status = batch.WalletDisabled
		case 2:
			c.Status = batch.CardDisabled
		case 3:
			c.Type = batch.TypeAmex
		}
	}
	w.Cards = []batch.Card{c}
	return w
}

// numberAt is a number under one of the prefixes of test numbers (simulated.Prefixes).
func numberAt(prefix string, i int) string {
	digits := prefix + strconv.Itoa(1_000_000_000 + i)[1:]
	return digits + string(stage.LuhnDigit(digits))
}
