package leaktest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

const (
	exchangeConfig = `environment: TEST
time_zone: Europe/Paris
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts: [{id: "1", merchant: acme, gateway: amex, currencies: [EUR], smartbill: {via: files, se: "1234567890"}}]
gateways: [{name: amex, kind: smartbill, exchange: amex}]
exchanges: [{name: amex, outbound: {folder: amex/to}, inbound: {folder: amex/from, ready: rename}}]
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
run: {chunk: 3}
log: {level: debug, format: json}
`
	enrolledFile = head + `C;line_ref;command;contract;wallet_id;card_number;card_expiry;last_name;email
D;W-1;createWallet;1;CUST-1;371881634498004;0139;Martin;a@example.com
D;W-2;createWallet;1;CUST-2;371881127160004;0539;Roux;a@example.com
D;W-3;createWallet;1;CUST-3;371881245560002;0139;Petit;a@example.com
D;W-4;createWallet;1;CUST-4;371881911767006;0139;Faure;a@example.com
D;W-5;createWallet;1;CUST-5;371881634498004;0139;Sato;a@example.com
D;X-5;disableWallet;1;CUST-5;;;;
T;6
`
	chargedFile = head + `C;line_ref;command;contract;wallet_id;order_ref;amount;currency
D;P-1;doImmediateWalletPayment;1;CUST-1;O-1;1000;EUR
D;P-2;doImmediateWalletPayment;1;CUST-2;O-2;1000;EUR
D;P-3;doImmediateWalletPayment;1;CUST-3;O-3;1000;EUR
D;P-4;doImmediateWalletPayment;1;CUST-4;O-4;1000;EUR
T;4;EUR:4000
`
)

// enrolled are the wallets whose cards American Express is asked to take up.
var enrolled = []batch.WalletID{"CUST-1", "CUST-2", "CUST-3", "CUST-4"}

// The number of a card that is enrolled is kept, sealed, until American Express has answered;
// in clear it is only in the enrolment file.
func TestCardsEnrolledWithAmericanExpressLeakNoNumber(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for _, folder := range []string{"in", "out", "keys", "away", "amex/to", "amex/from"} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(filepath.Join(dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"cardbatch.yaml": exchangeConfig, "in/1.csv": fmt.Sprintf(enrolledFile, "WAL"), "in/2.csv": fmt.Sprintf(chargedFile, "PAY"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)
	partner := amex.New(filepath.Join(dir, "amex/to"), filepath.Join(dir, "amex/from"), func() time.Time { return now })
	work := func() {
		t.Helper()
		if err := partner.Work(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	settings, runs := filepath.Join(dir, "cardbatch.yaml"), 0
	run := func(environ ...string) (killed bool, code int) {
		t.Helper()
		now = now.Add(time.Minute)
		runs++
		killed, code = start(t, dir, fmt.Sprintf("run-%d", runs), environ, "--config", settings, "--log-level", "debug", "--clock", now.Format(time.RFC3339), "run")
		search(t, dir, "in", "amex/to", "away")
		return killed, code
	}
	dies := func(moments ...string) {
		t.Helper()
		for _, moment := range moments {
			if killed, code := run("CARDBATCH_KILL_AT=" + moment); !killed {
				t.Errorf("it was not killed at %s, exit code %d", moment, code)
			}
		}
	}

	dies("archived:1", "chunk staged:1", "after ack:1", "enrolment file opened:1")
	if n := sealed(t, dir); n != len(enrolled) {
		t.Errorf("%d numbers are kept before the enrolment file has left, want %d", n, len(enrolled))
	}
	// The folder is gone for a while: the file, with its numbers, cannot be written.
	if err := os.Rename(filepath.Join(dir, "amex/to"), filepath.Join(dir, "away/amex")); err != nil {
		t.Fatal(err)
	}
	run()
	if said, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("said-run-%d", runs))); err != nil || !bytes.Contains(said, []byte("exchange amex: outbound folder")) {
		t.Errorf("the run said nothing of the missing folder (%v):\n%s", err, said)
	}
	if err := os.Rename(filepath.Join(dir, "away/amex"), filepath.Join(dir, "amex/to")); err != nil {
		t.Fatal(err)
	}
	dies("partner file written:1", "partner file staged:1", "partner file released:1")
	run()
	sent, err := filepath.Glob(filepath.Join(dir, "amex/to/SBENR_*.dat"))
	if err != nil || len(sent) != 1 {
		t.Fatalf("enrolment files: %v, %v", sent, err)
	}
	content, err := os.ReadFile(sent[0])
	if err != nil || bytes.Count(content, []byte("371881")) != len(enrolled) {
		t.Errorf("the enrolment file does not hold %d numbers (%v): the search proves nothing", len(enrolled), err)
	}

	work()
	now = now.AddDate(0, 0, 1)
	dies("partner file ingested:1")
	run()
	if n := sealed(t, dir); n != 0 {
		t.Errorf("%d numbers are kept although American Express has answered", n)
	}
	work()
	// American Express itself puts numbers where none belong.
	partner.Tell(amex.Event{Alias: "CUST-31", Status: "CC", Code: "C001", Text: "371881245560002 was lost"})
	partner.Tell(amex.Event{SE: "1234567890", Alias: "371881127160004", Status: "CC"})
	work()
	now = now.AddDate(0, 0, 1)
	told, err := filepath.Glob(filepath.Join(dir, "amex/from/SBSTA_*"))
	if err != nil || len(told) == 0 {
		t.Fatalf("status files: %v, %v", told, err)
	}
	run()
	run()
	look(t, dir, settings, "WAL", "W-1")
	for name, args := range map[string][]string{"wallets": {"wallet", "list", "--json"}, "smartbill": {"smartbill", "status", "--json"}, "find": {"find", "CUST-3"}} {
		start(t, dir, name, nil, append([]string{"--config", settings}, args...)...)
	}
	exists(t, dir, "out/2.res.csv", "out/2.sup01.csv", "said-run-1", "said-wallets", "said-smartbill", "state/*")
	search(t, dir, "in") // and nothing is left for American Express
}

// sealed counts the cards whose numbers the store keeps.
func sealed(t *testing.T, dir string) (n int) {
	t.Helper()
	s, err := sqlite.Open(t.Context(), filepath.Join(dir, "state", "cardbatch.db"), sqlite.Options{Environment: batch.Test})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for w, err := range s.ListWallets(t.Context(), "acme") {
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range w.Cards {
			if len(c.Sealed) > 0 {
				n++
				t.Logf("the number of %s is kept", w.ID)
			}
		}
	}
	return n
}
