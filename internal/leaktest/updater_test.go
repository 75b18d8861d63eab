package leaktest

import (
	"bytes"
	"database/sql"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/simulator/updater"
	"cardbatch/internal/mailcatcher"
	"cardbatch/internal/pgp"
	_ "cardbatch/store/sqlite" // the driver
	"cardbatch/vault"
)

const (
	updaterConfig = `environment: TEST
time_zone: Europe/Paris
merchants: [{id: acme, lookalike: {lines: 0}, updater_report: {every: monthly, format: html, fields: extended, mail: [billing@acme.example]}}]
contracts:
  - {id: "1", merchant: acme, gateway: bank, currencies: [EUR], unknown_series: send, updater: {name: paysafe, account: "89987201"}}
  - {id: "2", merchant: acme, gateway: platform, currencies: [EUR], unknown_series: send, updater: {name: paysafe, account: "89987202"}}
gateways:
  - {name: bank, kind: mastercard, endpoint: %[1]s, merchant_id: %[2]s, password: "file:keys/password", settle: 0s}
  - {name: platform, kind: payline, endpoint: %[1]s, merchant_id: %[2]s, password: "file:keys/password", settle: 0s}
updaters:
  - name: paysafe
    kind: paysafe
    outbound: {folder: updater/Incoming}
    inbound: {folder: updater/Outgoing, ready: rename}
    store_id: acme-store
    store_password: file:keys/store-password
    encrypt_to: keys/provider.asc
    decrypt_with: keys/ours.asc
    passphrase: file:keys/passphrase
sources: [{name: acme, merchants: [acme], inbound: {folder: in, ready: rename}, outbound: {folder: out}, on_line_error: reject-lines}]
notify: {mail: {host: %[3]s, port: %[4]s, tls: none, from: cardbatch@acme.example}}
run: {chunk: 3}
log: {level: debug, format: json}
`
	askedFile = head + `C;line_ref;command;contract;wallet_id;card_number;card_expiry;last_name;email
D;W-1;createWallet;1;CUST-1;4970100000000055;1226;Martin;a@example.com
D;W-2;createWallet;1;CUST-2;4970100000000113;1226;Roux;a@example.com
D;W-3;createWallet;1;CUST-3;5123450000000008;1226;Petit;a@example.com
D;W-4;createWallet;2;CUST-4;4988438843884305;1226;Faure;a@example.com
D;W-5;createWallet;2;CUST-5;5200828282828210;1226;Sato;a@example.com
D;W-6;createWallet;1;CUST-6;5111111111111118;1226;Smith;a@example.com
D;W-7;createWallet;1;CUST-7;4508750015741019;1226;Durand;a@example.com
D;W-8;createWallet;1;CUST-8;4917610000000000;1226;Moreau;a@example.com
D;W-9;createWallet;1;CUST-9;4012000033330026;1226;Simon;a@example.com
T;9
`
	storePassword, passphrase = "a-store-password-of-acme", "a-passphrase-of-acme"
)

// renewed is the script: cards get the numbers that take their place, or close; one is refused, and
// about two the provider says numbers that mean nothing.
func renewed(c updater.Card) updater.Verdict {
	v := updater.Verdict{Code: "A", NewNumber: newNumbers[c.Number], NewExpiry: "1229"}
	switch {
	case c.Number == "5111111111111118":
		return updater.Verdict{Reject: "000103"}
	case c.Number == "4917610000000000":
		return updater.Verdict{Code: strayNumber}
	case c.Number == "4012000033330026":
		v.NewNumber = noNumber
	case v.NewNumber == "" && c.Type == updater.Visa:
		return updater.Verdict{Code: "C"}
	case c.Type == updater.Mastercard:
		v.Code = "UPDATE"
	}
	return v
}

var newNumbers = map[string]string{
	"4970100000000055": "4111111111111111", "4970100000000113": "4012888888881881", "5123450000000008": "5555444433331111",
	"4988438843884305": "4242424242424242", "5200828282828210": "5105105105105100",
}

// numbersOfAsking are all numbers of the life, old and new.
func numbersOfAsking() []string {
	all := []string{"5111111111111118", "4508750015741019", "4917610000000000", "4012000033330026", strayNumber, noNumber}
	for before, after := range newNumbers {
		all = append(all, before, after)
	}
	return all
}

const (
	strayNumber = "4000056655665556" // it is put where no number belongs
	noNumber    = "4000056655665557" // it is given for a new one, and has a wrong check digit
)

// oddAnswers are responses, encrypted as they should be, with numbers in places where none belongs.
var oddAnswers = map[string]string{
	"a code":                  "89987201,NOBODY,VI,,," + strayNumber + ",,\n",
	"a reference":             "89987201," + strayNumber + ",VI,,,A,,1229\n",
	"an account":              strayNumber + ",NOBODY,VI,,,A,,1229\n",
	"a scheme":                "89987201,NOBODY," + strayNumber + ",,,A,,1229\n",
	"an expiry":               "89987201,NOBODY,VI,,,A,," + strayNumber + "\n",
	"the last four digits":    "89987201,NOBODY,VI,," + strayNumber + ",A,,1229\n",
	"a number of nobody":      "89987201,NOBODY,VI," + strayNumber + ",5556,A," + strayNumber + ",1229\n",
	"too few columns":         "89987201,NOBODY,VI," + strayNumber + "\n",
	"too many columns":        "89987201,NOBODY,VI,,,A,,1229," + strayNumber + "\n",
	"a number and more":       "89987201,NOBODY,VI," + strayNumber + " lost,5556,A,,1229\n",
	"a quote without an end":  `89987201,"NOBODY,VI,` + strayNumber + ",5556,A,,1229\n",
	"no record, but a number": strayNumber,
}

// asked is a workspace in which an account updater is asked about cards.
type asked struct {
	t        *testing.T
	dir      string
	settings string
	now      time.Time
	runs     int
	numbers  []string
	provider *updater.Provider
}

func (x *asked) write(name string, content []byte) {
	x.t.Helper()
	if err := os.WriteFile(filepath.Join(x.dir, name), content, 0o600); err != nil {
		x.t.Fatal(err)
	}
}

// search looks for every number of the life in every file but the merchant's originals, and for what
// unlocks in every file but those that it is read from.
func (x *asked) search() {
	x.t.Helper()
	for _, hit := range hitsOf(x.t, x.numbers, x.dir, "in") {
		x.t.Error(hit)
	}
	err := filepath.WalkDir(x.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			if err == nil && e.Name() == "keys" {
				err = fs.SkipDir
			}
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{storePassword, passphrase} {
			if bytes.Contains(content, []byte(secret)) {
				x.t.Errorf("%s holds a secret", path)
			}
		}
		return err
	})
	if err != nil {
		x.t.Fatal(err)
	}
}

// tell asks the program for something.
func (x *asked) tell(name string, args ...string) {
	x.t.Helper()
	if _, code := start(x.t, x.dir, name, nil, append([]string{"--config", x.settings, "--log-level", "debug", "--clock", x.now.Format(time.RFC3339)}, args...)...); code == 2 {
		x.t.Errorf("%v: exit code %d", args, code)
	}
	x.search()
}

func (x *asked) work() {
	x.t.Helper()
	if err := x.provider.Work(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
}

func (x *asked) run(environ ...string) (killed bool, code int) {
	x.t.Helper()
	defer x.search()
	return x.start(environ...)
}

func (x *asked) start(environ ...string) (killed bool, code int) {
	x.t.Helper()
	x.now = x.now.Add(time.Minute)
	x.runs++
	return start(x.t, x.dir, fmt.Sprintf("run-%d", x.runs), environ, "--config", x.settings, "--log-level", "debug", "--clock", x.now.Format(time.RFC3339), "run")
}

func (x *asked) dies(moments ...string) {
	x.t.Helper()
	for _, moment := range moments {
		if killed, code := x.run("CARDBATCH_KILL_AT=" + moment); !killed {
			x.t.Errorf("it was not killed at %s, exit code %d", moment, code)
		}
	}
}

// at goes to a time and lets the provider work.
func (x *asked) at(text string) {
	x.t.Helper()
	var err error
	if x.now, err = time.Parse(time.RFC3339, text); err != nil {
		x.t.Fatal(err)
	}
	x.work()
}

// sealedOrders counts the orders that hold a number, sealed, and those that there are.
func (x *asked) sealedOrders() (held, all int) {
	x.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(x.dir, "state", "cardbatch.db"))
	if err != nil {
		x.t.Fatal(err)
	}
	defer db.Close()
	if err := db.QueryRowContext(x.t.Context(), `SELECT count(sealed), count(*) FROM card_orders`).Scan(&held, &all); err != nil {
		x.t.Fatal(err)
	}
	return held, all
}

// The number that is asked about and the one that is answered are in clear in memory alone: on the
// way they are encrypted to the other side, in the store they are sealed.
func TestCardsThatAnAccountUpdaterIsAskedAboutLeakNoNumber(t *testing.T) {
	t.Parallel()
	x := &asked{t: t, dir: t.TempDir(), numbers: numbersOfAsking()}
	x.settings = filepath.Join(x.dir, "cardbatch.yaml")
	for _, folder := range []string{"in", "out", "keys", "elsewhere", "updater/Incoming", "updater/Outgoing"} {
		if err := os.MkdirAll(filepath.Join(x.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s, err := simulator.New(simulator.Options{StateFile: filepath.Join(x.dir, "elsewhere", "simulator.log")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	mails, err := mailcatcher.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer mails.Close()
	host, port, err := net.SplitHostPort(mails.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := vault.Create(filepath.Join(x.dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	created := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	theirs, err := updater.NewKeys("Provider", nil, created)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := updater.NewKeys("Merchant", []byte(passphrase), created)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"keys/password": stage.Password, "keys/store-password": storePassword, "keys/passphrase": passphrase,
		"keys/provider.asc": string(theirs.Public), "keys/ours.asc": string(ours.Private),
		"cardbatch.yaml": fmt.Sprintf(updaterConfig, endpoint, stage.MerchantID, host, port),
		"in/1.csv":       fmt.Sprintf(askedFile, "WAL"),
	} {
		x.write(name, []byte(content))
	}
	x.provider, err = updater.New(updater.Config{
		Incoming: filepath.Join(x.dir, "updater/Incoming"), Outgoing: filepath.Join(x.dir, "updater/Outgoing"), Clock: func() time.Time { return x.now },
		Key: theirs.Private, MerchantKey: ours.Public, Accounts: []string{"89987201", "89987202"}, Script: renewed,
	})
	if err != nil {
		t.Fatal(err)
	}

	x.at("2026-11-30T18:00:00Z")
	x.run()
	x.tell("dry", "--clock", "2026-12-01T03:00:00Z", "updater", "select", "--dry-run")
	// The month begins. The request is rejected for one of its records, and repaired.
	x.at("2026-12-01T03:00:00Z")
	x.dies("update request opened:1", "update request written:1", "update request staged:1", "update request released:1")
	x.run()
	x.work()
	x.at("2026-12-01T18:00:00Z")
	x.dies("update request acknowledged:1", "update request written:1")
	x.run()
	x.work()
	x.at("2026-12-02T18:00:00Z")
	x.run()

	// What is answered cannot be read at first, and further files say numbers in wrong places.
	x.provider.Fail(updater.Truncated, 1)
	x.provider.Fail(updater.OtherKey, 1)
	x.at("2026-12-03T18:00:00Z")
	x.odd(ours.Public)
	x.tell("shadow", "updater", "ingest", "--shadow")
	x.dies("update file refused:1")
	x.run()
	x.inClear()
	unread, err := filepath.Glob(filepath.Join(x.dir, "updater/Outgoing/*.gpg"))
	if err != nil || len(unread) != 1 {
		t.Fatalf("%v are left, %v; want one that no key of ours opens", unread, err)
	}
	if err := os.Remove(unread[0]); err != nil {
		t.Fatal(err)
	}
	x.provider.Resend()
	x.at("2026-12-04T18:00:00Z")
	x.tell("shadow-again", "updater", "ingest", "--shadow")
	x.dies("updates taken:1", "orders submitting:1")
	if held, _ := x.sealedOrders(); held != len(newNumbers) {
		t.Errorf("%d orders hold a number, want %d", held, len(newNumbers))
	}
	for _, phase := range []stage.Phase{stage.ResetAfter, stage.Truncated} {
		if err := s.Plan(stage.Fault{Phase: phase}); err != nil {
			t.Fatal(err)
		}
	}
	x.dies("order called:2", "orders recorded:1")
	x.run()
	x.run()
	if held, all := x.sealedOrders(); held != 0 || all != len(newNumbers) {
		t.Errorf("%d of %d orders hold a number although all are done, want 0 of %d", held, all, len(newNumbers))
	}

	x.at("2027-01-01T05:00:00Z")
	x.dies("update report built:1", "update report published:1")
	x.run()
	for i, m := range mails.Messages() {
		for _, a := range m.Attachments {
			x.write(fmt.Sprintf("mail-%d-%s", i, a.Name), a.Content)
		}
		x.write(fmt.Sprintf("mail-%d", i), []byte(m.Subject+"\n"+m.Text))
	}
	x.tell("status", "updater", "status", "--json", "--days", "90")
	x.tell("status-table", "updater", "status", "--days", "90")
	x.tell("explain", "updater", "select", "--explain", "CUST-1", "--json")
	x.tell("report", "updater", "report", "--month", "2026-12", "--format", "csv")
	x.tell("wallets", "wallet", "list", "--limit", "0", "--json")
	x.tell("doctor", "doctor")
	x.tell("audit", "audit", "verify")
	exists(t, x.dir, "out/updater-extended.acme.2026-12.html", "mail-0-updater-extended.acme.2026-12.html", "updater/Outgoing/rejected/*.reason.txt", "said-dry", "said-shadow", "said-status", "state/*", "elsewhere/simulator.log")
	said, err := os.ReadFile(filepath.Join(x.dir, "said-report"))
	for _, told := range []string{"CUST-5,1,5100,12/2029,UPDATE,Active", "CUST-8,1,0000,12/2026,400005", "the new number is none"} {
		if err != nil || !bytes.Contains(said, []byte(told)) {
			t.Errorf("the report does not tell %q (%v): the search proves nothing\n%s", told, err, said)
		}
	}
}

// odd puts responses with numbers in wrong places, encrypted to our key.
func (x *asked) odd(key []byte) {
	x.t.Helper()
	to, err := pgp.ReadPublicKey(bytes.NewReader(key))
	if err != nil {
		x.t.Fatal(err)
	}
	for what, content := range oddAnswers {
		var message bytes.Buffer
		w, err := pgp.Encrypt(&message, to, x.now)
		if err == nil {
			_, err = w.Write([]byte(content))
		}
		if err == nil {
			err = w.Close()
		}
		if err != nil {
			x.t.Fatal(err)
		}
		x.write("updater/Outgoing/odd_"+strings.ReplaceAll(what, " ", "_")+".csv.gpg", message.Bytes())
	}
}

// inClear has the program reject an acknowledgement, which is never encrypted, with a number in it, and a
// response that is not encrypted. The files themselves are theirs; the reasons beside them are ours.
func (x *asked) inClear() {
	x.t.Helper()
	files := map[string]string{
		"upd_nobodys.csv_20261203_110000_000.ack": "1,RECORD REJECTED," + strayNumber + "\n",
		"in_clear.csv.gpg":                        "89987201,NOBODY,VI," + strayNumber + ",5556,A,,1229\n",
	}
	for name, content := range files {
		x.write("updater/Outgoing/"+name, []byte(content))
	}
	x.start()
	for name := range files {
		if err := os.Remove(filepath.Join(x.dir, "updater/Outgoing/rejected", name)); err != nil {
			x.t.Error(err)
		}
	}
	x.search()
}
