package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cardbatch/batch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/gateway/simulator/updater"
	"cardbatch/internal/mailcatcher"
	"cardbatch/store"
	"cardbatch/vault"
)

// updaterWorld is a workspace whose cards are charged at the simulated Mastercard gateway, on
// loopback, and asked about at the simulated Paysafe, behind two folders. All have the world's clock.
type updaterWorld struct {
	*amexWorld
	bank     *simulator.Simulator
	endpoint string
	clock    atomic.Int64 // the bank's, in microseconds
	provider *updater.Provider
	verdicts map[string]updater.Verdict // by the number that is asked about; otherwise nothing is new
	files    int                        // that the merchant has put
}

const updaterConfig = `environment: TEST
time_zone: Europe/Paris
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts: [{id: "1", merchant: acme, gateway: bank, currencies: [EUR], unknown_series: send, updater: {name: paysafe-updater, account: "89987201"}}]
gateways: [{name: bank, kind: mastercard, endpoint: "ENDPOINT", merchant_id: MERCHANT, password: "env:SIMULATED"}]
updaters:
  - name: paysafe-updater
    kind: paysafe
    outbound: {folder: paysafe/Incoming}
    inbound: {folder: paysafe/Outgoing, ready: rename}
    encrypt_to: keys/paysafe-public.asc
    decrypt_with: keys/updater-private.asc
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
log: {level: warn, format: text}
`

// Times of the worlds: cards are stored in November, and asked about on the first of December.
var (
	november = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	december = time.Date(2026, 12, 1, 3, 0, 0, 0, time.UTC)
)

// updaterKeys are the keys of both sides.
var updaterKeys = sync.OnceValue(func() (k struct{ theirs, ours updater.Keys }) {
	var err error
	for name, keys := range map[string]*updater.Keys{"Paysafe": &k.theirs, "Acme": &k.ours} {
		if *keys, err = updater.NewKeys(name, nil, november.AddDate(-1, 0, 0)); err != nil {
			panic(err)
		}
	}
	return k
})

func newUpdaterWorld(t *testing.T) *updaterWorld {
	t.Helper()
	w := &updaterWorld{amexWorld: &amexWorld{T: t, dir: t.TempDir(), now: november}, verdicts: map[string]updater.Verdict{}}
	for _, folder := range []string{"in", "out", "keys", "paysafe/Incoming", "paysafe/Outgoing"} {
		if err := os.MkdirAll(w.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(w.path("keys/vault.json")); err != nil {
		t.Fatal(err)
	}
	s, err := simulator.New(simulator.Options{Clock: func() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if w.endpoint, err = s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	w.bank = s
	t.Setenv("SIMULATED", stage.Password)
	keys := updaterKeys()
	w.write("keys/paysafe-public.asc", string(keys.theirs.Public))
	w.write("keys/updater-private.asc", string(keys.ours.Private))
	w.write("cardbatch.yaml", strings.NewReplacer("ENDPOINT", w.endpoint, "MERCHANT", stage.MerchantID).Replace(updaterConfig))
	w.answers(updater.Config{MerchantKey: keys.ours.Public})
	return w
}

// answers starts the provider.
func (w *updaterWorld) answers(c updater.Config) {
	w.Helper()
	c.Incoming, c.Outgoing, c.Clock = w.path("paysafe/Incoming"), w.path("paysafe/Outgoing"), func() time.Time { return w.now }
	c.Key = updaterKeys().theirs.Private
	if c.Accounts == nil {
		c.Accounts = []string{"89987201"}
	}
	c.Script = func(card updater.Card) updater.Verdict {
		if v, ok := w.verdicts[card.Number]; ok {
			return v
		}
		return updater.Verdict{Code: map[string]string{updater.Visa: "V", updater.Mastercard: "VALID"}[card.Type]}
	}
	var err error
	if w.provider, err = updater.New(c); err != nil {
		w.Fatal(err)
	}
}

// configure replaces parts of the configuration: old, new, old, new.
func (w *updaterWorld) configure(parts ...string) {
	w.Helper()
	content := w.read("cardbatch.yaml")
	for i := 0; i < len(parts); i += 2 {
		if !strings.Contains(content, parts[i]) {
			w.Fatalf("the configuration does not hold %q", parts[i])
		}
		content = strings.Replace(content, parts[i], parts[i+1], 1)
	}
	w.write("cardbatch.yaml", content)
}

func (w *updaterWorld) read(name string) string {
	w.Helper()
	content, err := os.ReadFile(w.path(name))
	if err != nil {
		w.Fatal(err)
	}
	return string(content)
}

// names lists the files of a folder, without its folders.
func (w *updaterWorld) names(folder string) []string {
	w.Helper()
	entries, err := os.ReadDir(w.path(folder))
	if err != nil {
		w.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names
}

// do runs the program, and lets the provider look at what lies there.
func (w *updaterWorld) do(code int, args ...string) string {
	w.Helper()
	w.clock.Store(w.now.UnixMicro())
	out := w.amexWorld.do(code, args...)
	if err := w.provider.Work(w.Context()); err != nil {
		w.Fatal(err)
	}
	return out
}

// as runs the program and reads its JSON.
func as[T any](w *updaterWorld, code int, args ...string) (out T) {
	w.Helper()
	text := w.do(code, append(args, "--json")...)
	if err := json.Unmarshal([]byte(text[strings.IndexAny(text, "[{"):]), &out); err != nil {
		w.Fatalf("cardbatch %v: %v\n%s", args, err, text)
	}
	return out
}

// pass lets time go on until then; the provider does its work meanwhile.
func (w *updaterWorld) pass(until string) {
	w.Helper()
	end, err := time.Parse(time.RFC3339, until)
	if err != nil || end.Before(w.now) {
		w.Fatalf("time does not go on to %s from %s (%v)", until, w.now, err)
	}
	for next := w.provider.Due(); !next.IsZero() && !next.After(end); next = w.provider.Due() {
		w.now = next
		if err := w.provider.Work(w.Context()); err != nil {
			w.Fatal(err)
		}
	}
	w.now = end
}

// put lays a file of the merchant into the inbound folder and returns the name of its RESULT.
// Each line lacks its own reference, which counts.
func (w *updaterWorld) put(columns string, lines ...string) (result string) {
	w.Helper()
	w.files++
	names := strings.Split(columns, ";")
	amount, total := slices.Index(names, "amount"), 0
	content := fmt.Sprintf("H;CARDBATCH;1;acme;F-%d;%d;TEST;2026-11-20T08:00:00Z\nC;line_ref;%s\n", w.files, w.files, columns)
	for i, line := range lines {
		if amount >= 0 {
			n, err := strconv.Atoi(strings.Split(line, ";")[amount])
			if err != nil {
				w.Fatal(err)
			}
			total += n
		}
		content += fmt.Sprintf("D;F%d-%d;%s\n", w.files, i+1, line)
	}
	content += fmt.Sprintf("T;%d", len(lines))
	if amount >= 0 {
		content += fmt.Sprintf(";EUR:%d", total)
	}
	name := strconv.Itoa(w.files)
	w.write("in/"+name+".csv", content+"\n")
	return name + ".res.csv"
}

// store stores cards, each "CUST-1 4111111111111111 1226", at contract 1.
func (w *updaterWorld) store(cards ...string) {
	w.Helper()
	var lines []string
	for _, card := range cards {
		lines = append(lines, "createWallet;1;"+strings.ReplaceAll(card, " ", ";"))
	}
	result := w.put("command;contract;wallet_id;card_number;card_expiry", lines...)
	w.do(0, "run")
	for ref, got := range w.answer(result) {
		if got != "approved 02500" {
			w.Fatalf("%s: %s", ref, got)
		}
	}
}

// pay charges the wallets and returns what became of each.
func (w *updaterWorld) pay(code int, wallets ...string) (outcomes []string) {
	w.Helper()
	var lines []string
	for _, id := range wallets {
		lines = append(lines, fmt.Sprintf("doImmediateWalletPayment;1;%s;O-%s;1000;EUR", id, id))
	}
	result := w.put("command;contract;wallet_id;order_ref;amount;currency", lines...)
	w.do(code, "run")
	answer := w.answer(result)
	for i := range wallets {
		outcomes = append(outcomes, answer[fmt.Sprintf("F%d-%d", w.files, i+1)])
	}
	return outcomes
}

// same fails unless both are equal.
func same[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

// says fails unless a text holds all of the parts, in this order.
func says(t *testing.T, text string, parts ...string) {
	t.Helper()
	rest := text
	for _, part := range parts {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("it does not say %q, or not there:\n%.2000s", part, text)
			return
		}
		rest = after
	}
}

// card is the status of a wallet and of its card, as `wallet show` tells them.
func (w *updaterWorld) card(wallet string) string {
	w.Helper()
	shown := as[walletJSON](w, 0, "wallet", "show", wallet, "--merchant", "acme")
	if len(shown.Cards) != 1 {
		w.Fatalf("wallet %s has %d cards", wallet, len(shown.Cards))
	}
	c := shown.Cards[0]
	return fmt.Sprintf("%s %s %s %s", shown.Status, c.Card, c.Expiry, c.Status)
}

// wallets are all wallets, as they are.
func (w *updaterWorld) wallets() string {
	w.Helper()
	return w.do(0, "wallet", "list", "--limit", "0", "--json")
}

// journal is the length of the journal. What is in the store hangs together, too.
func (w *updaterWorld) journal() int64 {
	w.Helper()
	return int64(as[auditJSON](w, 0, "audit", "verify").Entries)
}

func (w *updaterWorld) status(code int) updaterStatusJSON {
	w.Helper()
	return as[updaterStatusJSON](w, code, "updater", "status")
}

// reportOf reads the records of a report, fields joined by a bar.
func reportOf(t *testing.T, content string) (records []string) {
	t.Helper()
	all, err := csv.NewReader(strings.NewReader(content)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range all[1:] {
		records = append(records, strings.Join(record, "|"))
	}
	return records
}

// reported are the records of a month's report so far.
func (w *updaterWorld) reported(month string, args ...string) []string {
	w.Helper()
	return reportOf(w.T, w.do(0, append([]string{"updater", "report", "--month", month}, args...)...))
}

// outcomesOf are wallet, code, outcome and effect of the records of the extended report, sorted.
func (w *updaterWorld) outcomesOf(month string) (all []string) {
	w.Helper()
	for _, record := range w.reported(month, "--fields", "extended") {
		f := strings.Split(record, "|")
		all = append(all, strings.Join([]string{f[1], f[5], f[12], f[13]}, " "))
	}
	slices.Sort(all)
	return all
}

// asked counts the cards that the provider looked up.
func (w *updaterWorld) asked() (cards int) {
	for _, u := range w.provider.Uploads() {
		if u.Accepted {
			cards += u.Records
		}
	}
	return cards
}

func TestTheFirstRunOfAMonthAsksAndNothingIsAskedTwice(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4012000033330026 0128")
	same(t, "requests in November", w.names("paysafe/Incoming"), []string{})

	w.now = december
	says(t, w.do(0, "run"), "account updaters were asked about 2 cards")
	same(t, "requests", w.names("paysafe/Incoming"), []string{"upd_paysafe_updater_20261201_000001.csv.gpg"})
	before := w.journal()
	if out := w.do(0, "run"); strings.Contains(out, "asked") {
		t.Errorf("the second run asked again:\n%s", out)
	}
	for _, s := range as[[]selectionJSON](w, 0, "updater", "select") {
		same(t, "selected again", s.Selected, 0)
	}
	if grown := w.journal() - before; grown > 4 { // two sessions began and ended
		t.Errorf("the journal grew by %d entries although nothing was asked", grown)
	}
	same(t, "requests", len(w.names("paysafe/Incoming")), 1)

	// Cards that come later are asked about on demand, and only they.
	w.now = w.now.Add(time.Hour)
	w.store("CUST-4 4508750015741019 1226")
	s := as[[]selectionJSON](w, 0, "updater", "select")
	same(t, "selection", s, []selectionJSON{{
		Updater: "paysafe-updater", Month: "2026-12", Looked: 4, Selected: 1, Sent: 1, Files: 1, Requests: []string{"upd_paysafe_updater_20261201_000002.csv"},
		Left: []leftOutJSON{{batch.ExpiresAfter, 1}, {batch.AskedThisMonth, 2}},
	}})
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	for _, number := range []string{"4111111111111111", "5123450000000008", "4508750015741019"} {
		if n := w.provider.Asked(number); n != 1 {
			t.Errorf("…%s was asked about %d times", number[12:], n)
		}
	}
	same(t, "wrong names", w.provider.Misnamed(), nil)
	same(t, "requests without an end", w.status(0).Requests, []requestJSON{})
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 V unchanged none", "CUST-2 VALID unchanged none", "CUST-4 V unchanged none"})
	same(t, "standard report", w.reported("2026-12"), nil)

	// They do not expire in the next month.
	w.now = time.Date(2027, 1, 1, 3, 0, 0, 0, time.UTC)
	if out := w.do(0, "run"); strings.Contains(out, "asked") {
		t.Errorf("January asks for December's cards:\n%s", out)
	}
}

func TestASelectionTellsWhyEachCardIsLeftOut(t *testing.T) {
	w := newUpdaterWorld(t)
	w.configure(
		"contracts: [", `contracts: [{id: AMEXREC-1, merchant: acme, gateway: payline, currencies: [EUR], smartbill: {via: payline}, updater: {name: paysafe-updater, account: "89987201"}},
  {id: "2", merchant: acme, gateway: bank, currencies: [EUR]}, `,
		"gateways: [", fmt.Sprintf(`gateways: [{name: payline, kind: payline, endpoint: "%s", merchant_id: %s, password: "env:SIMULATED"}, `, w.endpoint, stage.MerchantID),
		"    kind: paysafe", "    kind: paysafe\n    schemes: [VISA, MASTERCARD, MAESTRO]\n    select: manual",
	)
	full := w.read("cardbatch.yaml")
	w.configure(`unknown_series: send, updater: {name: paysafe-updater, account: "89987201"}`, "unknown_series: send") // nobody keeps numbers yet
	w.store("TOKEN 4242424242424242 1226")
	w.write("cardbatch.yaml", full)
	w.store("ASKED 4111111111111111 1226", "LATE 4012000033330026 0127", "GONE 4508750015741019 1126", "DISABLED 5123450000000008 1226",
		"FRESH 4012888888881881 0128", "JCB 3528000000000007 1226", "MAESTRO 5000000000000000005 1226", "ENDED 4000056655665556 1226")
	result := w.put("command;contract;wallet_id;card_number;card_expiry",
		"createWallet;AMEXREC-1;AMEX;371881634498004;1226", "createWallet;2;OTHER;5111111111111118;1226", "disableWallet;1;DISABLED;;", "updateWallet;1;FRESH;;1226")
	w.do(0, "run")
	w.wants(result, map[string]string{"F3-1": "approved 02500", "F3-2": "approved 02500", "F3-3": "approved 02500", "F3-4": "approved 02500"})

	w.now = december
	before, shown := w.journal(), w.wallets()
	dry := as[[]selectionJSON](w, 0, "updater", "select", "--dry-run")
	want := []selectionJSON{{
		Updater: "paysafe-updater", Month: "2026-12", Looked: 11, Selected: 2, Files: 1, Requests: []string{},
		Left: []leftOutJSON{
			{batch.NoUpdater, 1}, {batch.UnderSmartBill, 1}, {batch.SchemeNotCovered, 1}, {batch.InactiveWallet, 1}, {batch.ExpiredBefore, 1}, {batch.ExpiresAfter, 1},
			{batch.UpdatedLately, 1}, {batch.NumberNotKept, 1}, {batch.RecordNotWritable, 1},
		},
	}}
	same(t, "dry run", dry, want)
	cards := dry[0].Selected
	for _, left := range dry[0].Left {
		cards += left.Cards
	}
	same(t, "cards that are accounted for", cards, dry[0].Looked)
	says(t, w.do(0, "updater", "select", "--dry-run"), "selected  2, in 1 file", "left out  1: its wallet is not active", "Nothing was recorded or sent.")
	same(t, "journal after a dry run", w.journal(), before)
	same(t, "wallets after a dry run", w.wallets(), shown)
	same(t, "requests after a dry run", w.names("paysafe/Incoming"), []string{})

	w.verdicts["4000056655665556"] = updater.Verdict{Code: "C"}
	w.do(0, "run")
	same(t, "requests of a run that does not select", w.names("paysafe/Incoming"), []string{})
	says(t, w.do(1, "updater", "select"), "sent      2\n", "1 of the cards cannot be asked about")
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	result = w.put("command;contract;wallet_id", "enableWallet;1;ENDED")
	w.do(0, "run")
	w.wants(result, map[string]string{"F4-1": "approved 02500"})
	for wallet, reason := range map[string]batch.Unselected{
		"OTHER": batch.NoUpdater, "AMEX": batch.UnderSmartBill, "JCB": batch.SchemeNotCovered, "DISABLED": batch.InactiveWallet, "ENDED": batch.InactiveCard,
		"GONE": batch.ExpiredBefore, "LATE": batch.ExpiresAfter, "FRESH": batch.UpdatedLately, "ASKED/1": batch.AskedThisMonth, "TOKEN": batch.NumberNotKept,
		"MAESTRO": batch.Selected, // that the layout cannot hold it shows only when it is written
	} {
		e := as[[]explainedJSON](w, 0, "updater", "select", "--explain", wallet, "--merchant", "acme")
		if len(e) != 1 || e[0].Reason != reason || e[0].Selected != (reason == batch.Selected) {
			t.Errorf("%s is explained as %+v, want %q", wallet, e, reason)
		}
	}
	says(t, w.do(0, "updater", "select", "--explain", "GONE"), "450875******1019", "no: it expired before this month")
	says(t, w.do(1, "updater", "select", "--explain", "NOBODY"), "there is no such card")
	says(t, w.do(1, "updater", "select", "--explain", "GONE/2"), "there is no such card")
}

func TestRequestsKeepWithinTheLimitsOfTheProvider(t *testing.T) {
	for name, limit := range map[string]struct {
		setting           string
		requests, records int // of a request at most
	}{
		"records":                  {"max_records: 12", 3, 12},
		"bytes, before encryption": {"max_bytes: 1000", 2, 50},
	} {
		t.Run(name, func(t *testing.T) {
			w := newUpdaterWorld(t)
			w.configure("    kind: paysafe", "    kind: paysafe\n    "+limit.setting)
			w.answers(updater.Config{MerchantKey: updaterKeys().ours.Public, MaxBytes: 1000, MaxRecords: limit.records})
			var cards []string
			for i := range 30 {
				cards = append(cards, fmt.Sprintf("CUST-%d 4111111111111111 1226", i+1))
			}
			w.store(cards...)
			w.now = december
			same(t, "files of a dry run", as[[]selectionJSON](w, 0, "updater", "select", "--dry-run")[0].Files, limit.requests)
			w.do(0, "run")
			same(t, "requests", len(w.names("paysafe/Incoming")), limit.requests)
			w.pass("2026-12-02T19:00:00Z")
			for _, u := range w.provider.Uploads() {
				if !u.Accepted {
					t.Errorf("%s with %d records and %d bytes is not accepted (%s)", u.Name, u.Records, u.Bytes, u.Refused)
				}
			}
			same(t, "cards asked about", w.provider.Asked("4111111111111111"), 30)
			w.do(0, "run")
			same(t, "requests without an end", w.status(0).Requests, []requestJSON{})
		})
	}
}

func TestAcknowledgementsOfTheSameBytesAreAboutTheirOwnRequests(t *testing.T) {
	w := newUpdaterWorld(t)
	w.configure("    kind: paysafe", "    kind: paysafe\n    max_records: 1")
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	acks := w.names("paysafe/Outgoing")
	same(t, "acknowledgements", len(acks), 2)
	same(t, "bytes", w.read("paysafe/Outgoing/"+acks[1]), w.read("paysafe/Outgoing/"+acks[0]))
	w.do(0, "run")
	for _, r := range w.status(0).Requests {
		same(t, r.Name, string(r.State), "accepted")
	}
}

func TestTheMonthIsThatOfTheInstallationsTimeZone(t *testing.T) {
	w := newUpdaterWorld(t)
	w.configure("    kind: paysafe", "    kind: paysafe\n    select: manual")
	w.store("CUST-1 4111111111111111 1126", "CUST-2 4508750015741019 1226")
	w.now = time.Date(2026, 11, 30, 22, 30, 0, 0, time.UTC) // 23:30 in Paris
	reasons := func() (all []batch.Unselected) {
		for _, id := range []string{"CUST-1", "CUST-2"} {
			all = append(all, as[[]explainedJSON](w, 0, "updater", "select", "--explain", id)[0].Reason)
		}
		return all
	}
	same(t, "half an hour before the month ends in Paris", reasons(), []batch.Unselected{batch.Selected, batch.ExpiresAfter})
	w.now = w.now.Add(time.Hour)
	same(t, "half an hour after it, in November by UTC", reasons(), []batch.Unselected{batch.ExpiredBefore, batch.Selected})
	w.configure("    select: manual", "    select: monthly")
	w.do(0, "run")
	same(t, "requests", w.names("paysafe/Incoming"), []string{"upd_paysafe_updater_20261201_000001.csv.gpg"})
	w.pass("2026-12-02T19:00:00Z")
	same(t, "asked about December's card", w.provider.Asked("4508750015741019"), 1)
	same(t, "asked about November's card", w.provider.Asked("4111111111111111"), 0)
}

func TestOneBadRecordMeansThatTheOthersAreAskedAgain(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 4508750015741019 1226", "CUST-3 5123450000000008 1226")
	w.verdicts["4508750015741019"] = updater.Verdict{Reject: "000102"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	same(t, "cards that the provider looked up", w.asked(), 0)
	w.do(0, "run")
	same(t, "requests", w.names("paysafe/Incoming"), []string{"upd_paysafe_updater_20261201_000002.csv.gpg"})
	want := "89987201|CUST-2|1|1019|12/2026|000102|Active||"
	if got := w.reported("2026-12", "--fields", "extended"); len(got) != 1 || !strings.HasPrefix(got[0], want) || !strings.Contains(got[0], "|input_error|none|paysafe-updater|upd_paysafe_updater_20261201_000001.csv_") {
		t.Errorf("the bad record is reported as %q", got)
	}
	w.pass("2026-12-03T19:00:00Z")
	w.do(0, "run")
	for number, n := range map[string]int{"4111111111111111": 1, "5123450000000008": 1, "4508750015741019": 0} {
		same(t, "asked about …"+number[12:], w.provider.Asked(number), n)
	}
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 V unchanged none", "CUST-2 000102 input_error none", "CUST-3 VALID unchanged none"})
	same(t, "requests without an end", w.status(0).Requests, []requestJSON{})
}

func TestARequestWithoutAGoodRecordIsNotRepeated(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	for _, number := range []string{"4111111111111111", "5123450000000008"} {
		w.verdicts[number] = updater.Verdict{Reject: "000103"}
	}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	for range 2 {
		w.do(0, "run")
		same(t, "requests", w.names("paysafe/Incoming"), []string{})
	}
	same(t, "requests without an end", w.status(0).Requests, []requestJSON{})
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 000103 input_error none", "CUST-2 000103 input_error none"})
}

func TestAMerchantThatTheProviderDoesNotKnowIsTold(t *testing.T) {
	w := newUpdaterWorld(t)
	w.answers(updater.Config{MerchantKey: updaterKeys().ours.Public, Accounts: []string{"1"}})
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	says(t, w.do(22, "run"), "updater paysafe-updater: ", ".ack: the configuration does not fit: the provider says 000104: the merchant is not registered in the program; ask it, then select again")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 000104 configuration_error none", "CUST-2 000104 configuration_error none"})
	w.do(0, "run") // it is told once
	same(t, "requests", w.names("paysafe/Incoming"), []string{})
	same(t, "cards", w.card("CUST-1"), "active 411111******1111 1226 active")
}

func TestAnAcknowledgementThatCannotBeIsRejectedWithItsReason(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226")
	w.now = december
	w.do(0, "run")
	good := "1,RECORD ACCEPTED\n2,RECORD ACCEPTED\n3,RECORD ACCEPTED\n"
	ours, stranger := "upd_paysafe_updater_20261201_000001.csv", "upd_paysafe_updater_20261201_000002.csv"
	at := 0
	for _, c := range []struct{ name, request, content, reason string }{
		{"a file that was never sent", stranger, good, "it acknowledges a file that was never sent from here"},
		{"a record is missing", ours, "1,RECORD ACCEPTED\n3,RECORD REJECTED,000102\n", "record 2 of the request is not in it"},
		{"a record is there twice", ours, "1,RECORD ACCEPTED\n2,RECORD ACCEPTED\n2,RECORD ACCEPTED\n", "line 3: record 2 is there twice"},
		{"a record too many", ours, good + "4,RECORD ACCEPTED\n", "line 4: the request has no record 4"},
		{"another word", ours, strings.Replace(good, "2,RECORD ACCEPTED", "2,RECORD ACCEPTE", 1), "line 2: detail.status"},
		{"another kind of file", ours, "<html><body>Down for maintenance</body></html>\n", "line 1"},
		{"nothing", ours, "", "the file is empty"},
	} {
		at++
		name := fmt.Sprintf("%s_20261201_0600%02d_123.ack", c.request, at)
		w.write("paysafe/Outgoing/"+name, c.content)
		w.do(10, "run")
		same(t, c.name+": what lies there", w.names("paysafe/Outgoing"), []string{})
		says(t, w.read("paysafe/Outgoing/rejected/"+name+".reason.txt"), c.reason)
		s := w.status(0)
		if len(s.Requests) != 1 || s.Requests[0].State != store.RequestSent || s.Requests[0].Undecided != 3 {
			t.Fatalf("%s: the request is %+v", c.name, s.Requests)
		}
		if n := len(s.Rejected); n != at || !strings.Contains(s.Rejected[n-1].Reason, c.reason) {
			t.Errorf("%s: the rejected files are %+v", c.name, s.Rejected)
		}
	}
	same(t, "report", w.reported("2026-12", "--fields", "extended"), nil)
	same(t, "requests", len(w.names("paysafe/Incoming")), 1)

	// The true one still counts, and once.
	for i := range 2 {
		w.write(fmt.Sprintf("paysafe/Outgoing/%s_20261201_07000%d_123.ack", ours, i), "1,RECORD ACCEPTED\n2,RECORD REJECTED,000102 Bad check digit\n3,RECORD ACCEPTED\n")
		w.do(0, "run")
		same(t, "requests", w.names("paysafe/Incoming"), []string{ours + ".gpg", "upd_paysafe_updater_20261201_000002.csv.gpg"})
		same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-2 000102 input_error none"})
	}
}

func TestAnAcknowledgementThatIsOverdueIsToldUntilItComes(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "V", Day: 3}
	w.provider.Fail(updater.LateAcknowledgement, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T22:00:00Z")
	w.do(0, "run") // twelve hours after the cut-off are not over
	w.pass("2026-12-01T23:00:00Z")
	for range 2 {
		says(t, w.do(1, "run"), "updater paysafe-updater: no acknowledgement has come of upd_paysafe_updater_20261201_000001.csv; ask the provider")
	}
	w.pass("2026-12-03T12:00:00Z")
	w.do(0, "run")
	same(t, "state", w.status(0).Requests[0].State, store.RequestAccepted)
}

func TestResponsesComeOverDaysInAnyOrder(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226", "CUST-4 4012888888881881 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "0130", Day: 2}
	w.verdicts["4508750015741019"] = updater.Verdict{Code: "E", NewExpiry: "0130"}
	w.verdicts["4012888888881881"] = updater.Verdict{Never: true}
	w.provider.Fail(updater.LateAcknowledgement, 1)
	w.provider.Fail(updater.Twice, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z") // a day and a half after the cut-off, and no acknowledgement yet
	same(t, "responses", len(w.names("paysafe/Outgoing")), 2)
	says(t, w.do(0, "run"), "2 files of partners taken", "cards: 2 with newer data, 0 may not be charged any more")
	same(t, "cards", []string{w.card("CUST-1"), w.card("CUST-2"), w.card("CUST-3")}, []string{
		"active 411111******1111 1229 active", "active 512345******0008 1226 active", "active 450875******1019 0130 active",
	})
	first := w.reported("2026-12", "--fields", "extended")
	same(t, "records", len(first), 2) // of the two files with the same bytes one counts
	r := w.status(0).Requests
	if len(r) != 1 || r[0].State != store.RequestSent || r[0].Undecided != 2 {
		t.Errorf("the request is %+v", r)
	}
	w.pass("2026-12-03T19:00:00Z") // the acknowledgement and the other scheme
	w.do(0, "run")
	same(t, "card", w.card("CUST-2"), "active 512345******0008 0130 active")
	r = w.status(0).Requests
	if len(r) != 1 || r[0].State != store.RequestAccepted || r[0].Undecided != 1 {
		t.Errorf("the request is %+v", r)
	}
	shown := w.wallets()
	w.pass("2026-12-05T10:00:00Z")
	w.do(0, "run")
	same(t, "requests half an hour before four days are over", len(w.status(0).Requests), 1)
	w.pass("2026-12-05T11:00:00Z")
	says(t, w.do(0, "run"), "no decision came in time about 1 card; the report lists them")
	same(t, "requests after four days", w.status(0).Requests, []requestJSON{})
	same(t, "wallets", w.wallets(), shown)
	same(t, "standard report", w.reported("2026-12"), []string{
		"89987201|CUST-1|1|1111|12/2029|E|Active|", "89987201|CUST-3|1|1019|01/2030|E|Active|", "89987201|CUST-2|1|0008|01/2030|EXPIRY|Active|",
		"89987201|CUST-4|1|1881|12/2026|NO_DECISION|Active|",
	})
}

func TestAResponseThatComesAfterTheCardWasGivenUpStillCounts(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.provider.Fail(updater.NoResponse, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-06T10:00:00Z")
	says(t, w.do(0, "run"), "no decision came in time about 1 card")
	w.provider.Resend()
	w.pass("2026-12-07T10:00:00Z")
	w.do(0, "updater", "status")
	says(t, w.do(0, "run"), "cards: 1 with newer data")
	same(t, "card", w.card("CUST-1"), "active 411111******1111 1229 active")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 E new_expiry changed", "CUST-1 NO_DECISION no_decision none"})
}

func TestACodeThatNoTableListsIsKeptAndReported(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.provider.Fail(updater.UnknownCode, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "active 411111******1111 1226 active")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 ZZ9 unknown none"})
	same(t, "standard report", w.reported("2026-12"), []string{"89987201|CUST-1|1|1111|12/2026|ZZ9|Active|"})
	same(t, "what waits or went wrong", w.status(0), updaterStatusJSON{Requests: []requestJSON{}, Orders: []orderJSON{}, Rejected: []updateFileJSON{}, Exceptions: []exceptionJSON{}})
}

func TestAnAnswerAboutAnotherMerchantsAccountMeansNoCard(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.provider.Fail(updater.OtherAccount, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	says(t, w.do(0, "run"), "1 record of updates that mean no card of ours; see `cardbatch updater status`")
	s := w.status(0)
	if len(s.Exceptions) != 1 || s.Exceptions[0].Line != 2 || s.Exceptions[0].Reason != "it is about another merchant account than record 1 of request 1" {
		t.Errorf("the exceptions are %+v", s.Exceptions)
	}
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 V unchanged none"})
	same(t, "requests without an end", s.Requests, []requestJSON{})
}

// A provider need not echo our reference: then the number says which card is meant.
func TestAnAnswerWithoutOurReferenceIsFoundByTheNumber(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.provider.Fail(updater.UnknownReference, 1) // a second record, about the same number
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 E new_expiry changed", "CUST-1 E new_expiry none"})
	same(t, "card", w.card("CUST-1"), "active 411111******1111 1229 active")
	same(t, "exceptions", w.status(0).Exceptions, []exceptionJSON{})
}

func TestAResponseThatIsNotAsItWasMadeIsRejectedAndTheOthersAreTaken(t *testing.T) {
	for fault, reason := range map[updater.Fault]string{updater.Truncated: "cut short", updater.Tampered: "changed or damaged on its way"} {
		t.Run(string(fault), func(t *testing.T) {
			w := newUpdaterWorld(t)
			w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
			w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
			w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229"}
			w.provider.Fail(fault, 1)
			w.now = december
			w.do(0, "run")
			w.pass("2026-12-02T19:00:00Z")
			w.do(10, "run")
			same(t, "what lies there", w.names("paysafe/Outgoing"), []string{})
			s := w.status(0)
			if len(s.Rejected) != 1 || !strings.Contains(s.Rejected[0].Reason, reason) {
				t.Errorf("the rejected files are %+v", s.Rejected)
			}
			same(t, "the card of the damaged file", w.card("CUST-1"), "active 411111******1111 1226 active")
			same(t, "the card of the other", w.card("CUST-2"), "active 512345******0008 1229 active")
			w.provider.Resend()
			w.pass("2026-12-02T20:00:00Z")
			w.do(0, "run")
			same(t, "the card once the file is sound", w.card("CUST-1"), "disabled 411111******1111 1226 disabled")
		})
	}
}

func TestAFileThatOurKeyCannotOpenWaitsForTheRightKey(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	w.do(0, "run")
	w.write("keys/updater-private.asc", string(updaterKeys().theirs.Private))
	w.pass("2026-12-02T19:00:00Z")
	shown, lies := w.wallets(), w.names("paysafe/Outgoing")
	same(t, "responses", len(lies), 2)
	for range 2 {
		says(t, w.do(22, "run"), "encrypted to another key: it asks for key ", "; give the sender our public key")
		same(t, "what lies there", w.names("paysafe/Outgoing"), lies)
		same(t, "wallets", w.wallets(), shown)
		same(t, "report", w.reported("2026-12", "--fields", "extended"), nil)
	}
	w.write("keys/updater-private.asc", string(updaterKeys().ours.Private))
	w.do(0, "run")
	same(t, "what lies there", w.names("paysafe/Outgoing"), []string{})
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 C closed disabled", "CUST-2 EXPIRY new_expiry changed"})
}

func TestAResponseToAnotherKeyKeepsNoOtherFromBeingTaken(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229"}
	w.provider.Fail(updater.OtherKey, 1)
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	says(t, w.do(22, "run"), "_resp_01_20261202.csv.gpg: the configuration does not fit: open file: decrypt: encrypted to another key")
	same(t, "what lies there", w.names("paysafe/Outgoing"), []string{"upd_paysafe_updater_20261201_000001_resp_01_20261202.csv.gpg"})
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-2 EXPIRY new_expiry changed"})
}

// charged is the card, masked, and its expiry that the bank charged for a line.
func (w *updaterWorld) charged(ref string) string {
	w.Helper()
	key := batch.NewKey("acme", batch.LineRef(ref), 1)
	r, err := http.NewRequestWithContext(w.Context(), http.MethodGet, fmt.Sprintf("%s/api/rest/version/100/merchant/%s/order/%s/transaction/%[3]s", w.endpoint, stage.MerchantID, key), nil)
	if err != nil {
		w.Fatal(err)
	}
	r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		w.Fatal(err)
	}
	defer answer.Body.Close()
	var told struct {
		SourceOfFunds struct {
			Provided struct {
				Card struct {
					Number string
					Expiry struct{ Month, Year string }
				}
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&told); err != nil {
		w.Fatal(err)
	}
	card := told.SourceOfFunds.Provided.Card
	return card.Number + " " + card.Expiry.Month + "/" + card.Expiry.Year
}

// renewed is a world in which the answer has come that CUST-1 has a new number and expiry.
func renewed(t *testing.T, number string) *updaterWorld {
	t.Helper()
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "A", NewNumber: number, NewExpiry: "1229"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	return w
}

func TestTheGatewayThatKeepsACardIsToldFirst(t *testing.T) {
	w := renewed(t, "4012000033330026")
	same(t, "tokens", w.bank.Stats().Tokens, 1)
	says(t, w.do(0, "run"), "cards: 1 with newer data")
	same(t, "tokens", w.bank.Stats().Tokens, 2)
	same(t, "card", w.card("CUST-1"), "active 401200******0026 1229 active")
	same(t, "payment", w.pay(0, "CUST-1"), []string{"approved 00000"})
	same(t, "charged", w.charged("F2-1"), "401200xxxxxx0026 12/29")
	same(t, "report", w.reported("2026-12"), []string{"89987201|CUST-1|1|0026|12/2029|A|Active|"})
	w.do(0, "run")
	same(t, "tokens", w.bank.Stats().Tokens, 2)

	// The new number is kept for the next question about the card.
	w.now = time.Date(2029, 12, 1, 6, 0, 0, 0, time.UTC)
	w.do(0, "run")
	w.pass("2029-12-01T12:00:00Z")
	same(t, "asked about the new number", w.provider.Asked("4012000033330026"), 1)
}

func TestAGatewayThatTakesNoNumberKeepsTheUpdateWaiting(t *testing.T) {
	for _, c := range []struct {
		phase  stage.Phase
		code   int   // of the run
		tokens int64 // in the end: one may be left that nobody uses
	}{
		{stage.Unavailable503, 14, 2}, {stage.Refuse, 14, 2}, {stage.Timeout408, 14, 2}, {stage.ResetAfter, 14, 3}, {stage.Truncated, 14, 3}, {stage.Unauthorized, 22, 2},
	} {
		t.Run(string(c.phase), func(t *testing.T) {
			w := renewed(t, "4012000033330026")
			if err := w.bank.Plan(stage.Fault{Operation: "TOKENIZE", Phase: c.phase}); err != nil {
				t.Fatal(err)
			}
			says(t, w.do(c.code, "run"), "gateways have still to be told of 1 update")
			w.bank.Lift()
			same(t, "card while it waits", w.card("CUST-1"), "active 411111******1111 1226 active")
			orders := w.status(14).Orders
			if len(orders) != 1 || orders[0].Wallet != "CUST-1" || orders[0].Command != batch.UpdateWallet || orders[0].Gateway != "bank" {
				t.Errorf("what waits: %+v", orders)
			}
			same(t, "report while it waits", w.reported("2026-12", "--fields", "extended"), nil)
			w.now = w.now.Add(time.Hour)
			w.do(0, "run")
			same(t, "card", w.card("CUST-1"), "active 401200******0026 1229 active")
			same(t, "tokens", w.bank.Stats().Tokens, c.tokens)
			same(t, "payment", w.pay(0, "CUST-1"), []string{"approved 00000"})
			same(t, "charged", w.charged("F2-1"), "401200xxxxxx0026 12/29")
			same(t, "tokens after another run", w.bank.Stats().Tokens, c.tokens)
			same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 A new_number changed"})
			w.do(0, "audit", "verify")
		})
	}
}

func TestAnOrderInDoubtDoesNotOverwriteWhatTheMerchantBroughtSince(t *testing.T) {
	w := renewed(t, "4012000033330026")
	if err := w.bank.Plan(stage.Fault{Operation: "TOKENIZE", Phase: stage.ResetAfter}); err != nil { // the order, not the line after it
		t.Fatal(err)
	}
	result := w.put("command;contract;wallet_id;card_number;card_expiry", "updateWallet;1;CUST-1;5123450000000008;0130")
	w.do(14, "run")
	w.wants(result, map[string]string{"F2-1": "approved 02500"})
	tokens := w.bank.Stats().Tokens
	w.now = w.now.Add(time.Hour)
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "active 512345******0008 0130 active")
	same(t, "tokens: the bank was not told of the older number again", w.bank.Stats().Tokens, tokens)
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 A new_number stale"})
	same(t, "payment", w.pay(0, "CUST-1"), []string{"approved 00000"})
	same(t, "charged", w.charged("F3-1"), "512345xxxxxx0008 1/30")
	w.do(0, "audit", "verify")
}

func TestANumberThatTheGatewayRefusesIsReported(t *testing.T) {
	w := renewed(t, "5555555555554444") // which the bank does not know
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "active 411111******1111 1226 active")
	same(t, "orders", w.status(0).Orders, []orderJSON{})
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 A new_number refused"})
	same(t, "standard report", w.reported("2026-12"), []string{"89987201|CUST-1|1|1111|12/2026|A|Active|"})
	same(t, "payment", w.pay(0, "CUST-1"), []string{"approved 00000"})
	same(t, "charged", w.charged("F2-1"), "411111xxxxxx1111 12/26")
	if all := w.read("cardbatch.yaml") + w.do(0, "updater", "report", "--month", "2026-12", "--fields", "extended"); strings.Contains(all, "5555555555554444") {
		t.Error("the report shows the whole number")
	}
}

func TestDataThatTheCardHasAlreadyWriteNothing(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226", "CUST-4 4012888888881881 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "A", NewNumber: "4111111111111111", NewExpiry: "1226"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "UPDATE"}
	w.verdicts["4508750015741019"] = updater.Verdict{Code: "F", NewNumber: "4012000033330026", NewExpiry: "0626"}
	w.verdicts["4012888888881881"] = updater.Verdict{Code: "E", NewExpiry: "1126"}
	w.now = december
	w.do(0, "run")
	shown, requests := w.wallets(), w.bank.Stats().Requests
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	same(t, "wallets", w.wallets(), shown)
	same(t, "requests to the bank", w.bank.Stats().Requests, requests)
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{
		"CUST-1 A new_number none", "CUST-2 UPDATE new_number none", "CUST-3 F new_but_expired none", "CUST-4 E new_but_expired none",
	})
	same(t, "standard report", w.reported("2026-12"), []string{
		"89987201|CUST-3|1|1019|12/2026|F|Active|", "89987201|CUST-4|1|1881|12/2026|E|Active|", "89987201|CUST-2|1|0008|12/2026|UPDATE|Active|",
	})
	all := strings.Join(w.reported("2026-12", "--fields", "extended"), "\n")
	says(t, all, "the card has these data already", "the newer data have expired already", "the record carries no newer data")
}

func TestACardThatEndedIsNotChargedAnyMoreAndARenewedOneIs(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CLOSED 4111111111111111 1226", "CONTACT 5123450000000008 1226", "OUT 4508750015741019 1226", "RENEWED 4012888888881881 1226")
	series := "command;contract;wallet_id;order_ref;amount;currency;source;agreement_id;agreement_type;agreement_variability"
	var first, next []string
	wallets := []string{"CLOSED", "CONTACT", "OUT", "RENEWED"}
	for _, id := range wallets {
		first = append(first, fmt.Sprintf("doImmediateWalletPayment;1;%s;FIRST-%[1]s;1000;EUR;INTERNET;SUB-%[1]s;RECURRING;FIXED", id))
		next = append(next, fmt.Sprintf("doImmediateWalletPayment;1;%s;NEXT-%[1]s;1000;EUR;MERCHANT;SUB-%[1]s;;", id))
	}
	result := w.put(series, first...)
	w.do(0, "run")
	w.wants(result, map[string]string{"F2-1": "approved 00000", "F2-2": "approved 00000", "F2-3": "approved 00000", "F2-4": "approved 00000"})
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "CONTACH"}
	w.verdicts["4508750015741019"] = updater.Verdict{Code: "O"}
	w.verdicts["4012888888881881"] = updater.Verdict{Code: "A", NewNumber: "4012000033330026", NewExpiry: "1229"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	says(t, w.do(0, "run"), "cards: 1 with newer data, 3 may not be charged any more")
	for wallet, card := range map[string]string{
		"CLOSED": "disabled 411111******1111 1226 disabled", "CONTACT": "disabled 512345******0008 1226 disabled", "OUT": "disabled 450875******1019 1226 disabled",
		"RENEWED": "active 401200******0026 1229 active",
	} {
		same(t, wallet, w.card(wallet), card)
	}
	requests := w.bank.Stats().Requests
	result = w.put(series, next...)
	w.do(0, "run")
	w.wants(result, map[string]string{"F3-1": "refused 02505", "F3-2": "refused 02505", "F3-3": "refused 02505", "F3-4": "approved 00000"})
	same(t, "requests to the bank", w.bank.Stats().Requests-requests, 1)
	same(t, "charged", w.charged("F3-4"), "401200xxxxxx0026 12/29")

	// Another card brings the wallet back, and its series not.
	for _, line := range []string{"enableWallet;1;CLOSED;;;", "enableWallet;1;CLOSED;1;;", "updateWallet;1;CLOSED;1;4242424242424242;1229"} {
		result = w.put("command;contract;wallet_id;card_index;card_number;card_expiry", line)
		w.do(0, "run")
		w.wants(result, map[string]string{fmt.Sprintf("F%d-1", w.files): "approved 02500"})
	}
	same(t, "CLOSED", w.card("CLOSED"), "active 424242******4242 1229 active")
	result = w.put(series, "doImmediateWalletPayment;1;CLOSED;AGAIN;1000;EUR;MERCHANT;SUB-CLOSED;;", "doImmediateWalletPayment;1;CLOSED;ONCE;1000;EUR;INTERNET;;;")
	w.do(0, "run")
	w.wants(result, map[string]string{"F7-1": "refused 02302", "F7-2": "approved 00000"})
	says(t, w.read("out/"+result), "the series was stopped: its issuer revoked it, or its card ended")
	same(t, "standard report", w.reported("2026-12"), []string{
		"89987201|CLOSED|1|1111|12/2026|C|Disabled|", "89987201|OUT|1|1019|12/2026|O|Disabled|", "89987201|RENEWED|1|0026|12/2029|A|Active|",
		"89987201|CONTACT|1|0008|12/2026|CONTACH|Disabled|",
	})
}

func TestShadowOnlyTellsWhatWouldBeDone(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229"}
	w.verdicts["4508750015741019"] = updater.Verdict{Code: "A", NewNumber: "4012000033330026", NewExpiry: "1229"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	shown, lies, tokens := w.wallets(), w.names("paysafe/Outgoing"), w.bank.Stats().Tokens

	// Told of the files that lie there.
	var told []rehearsedJSON
	lines := json.NewDecoder(strings.NewReader(w.do(0, "updater", "ingest", "--shadow", "--json")))
	for lines.More() {
		var r rehearsedJSON
		if err := lines.Decode(&r); err != nil {
			t.Fatal(err)
		}
		told = append(told, r)
	}
	var would []string
	for _, r := range told {
		would = append(would, fmt.Sprintf("%s %d %s %s %s → %s", r.Wallet, r.Line, r.Code, r.Effect, r.Old, r.New))
	}
	same(t, "told", would, []string{"CUST-1 1 C disabled …1111 1226 → …1111 1226", "CUST-3 2 A waiting …1019 1226 → …0026 1229", "CUST-2 1 EXPIRY changed …0008 1226 → …0008 1229"})
	says(t, w.do(0, "updater", "ingest", "--shadow"), "WOULD BE", "CUST-1", "disabled")
	same(t, "what lies there", w.names("paysafe/Outgoing"), lies)
	same(t, "wallets", w.wallets(), shown)
	same(t, "report", w.reported("2026-12", "--fields", "extended"), nil)
	same(t, "undecided", w.status(0).Requests[0].Undecided, 3)

	// Told of the files that are taken.
	w.configure("    kind: paysafe", "    kind: paysafe\n    apply: false")
	w.do(0, "updater", "ingest")
	same(t, "what lies there", w.names("paysafe/Outgoing"), []string{})
	same(t, "wallets", w.wallets(), shown)
	same(t, "tokens", w.bank.Stats().Tokens, tokens)
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 C closed shadow", "CUST-2 EXPIRY new_expiry shadow", "CUST-3 A new_number shadow"})
	says(t, strings.Join(w.reported("2026-12", "--fields", "extended"), "\n"), "the card would be disabled", "the number would become one that ends in 0026, the expiry 1229", "the expiry would become 1229")
	same(t, "requests without an end", w.status(0).Requests, []requestJSON{})
	same(t, "payments", w.pay(0, "CUST-1", "CUST-3"), []string{"approved 00000", "approved 00000"})
	same(t, "charged", w.charged("F2-2"), "450875xxxxxx1019 12/26")
}

// filesOnly makes the updater one that only takes files of another processor.
func (w *updaterWorld) filesOnly(format string) {
	w.Helper()
	content := w.read("cardbatch.yaml")
	begin, end := strings.Index(content, "    kind: paysafe"), strings.Index(content, "sources:")
	content = content[:begin] + "    kind: files\n    format: " + format + "\n    inbound: {folder: paysafe/Outgoing, ready: rename}\n" + content[end:]
	w.write("cardbatch.yaml", strings.Replace(content, `{name: paysafe-updater, account: "89987201"}`, `{name: paysafe-updater}`, 1))
}

// storeTokens stores cards of which only the processor's tokens are known, each "CUST-1 TOKEN 1226".
func (w *updaterWorld) storeTokens(cards ...string) {
	w.Helper()
	var lines []string
	for _, card := range cards {
		lines = append(lines, "createWallet;1;"+strings.ReplaceAll(card, " ", ";"))
	}
	result := w.put("command;contract;wallet_id;card_token;card_expiry;card_type", lines...)
	w.do(0, "run")
	for ref, got := range w.answer(result) {
		if got != "approved 02500" {
			w.Fatalf("%s: %s", ref, got)
		}
	}
}

func TestUpdateFilesOfCyberSourceAreMatchedByTheNumber(t *testing.T) {
	w := newUpdaterWorld(t)
	w.filesOnly("cybersource")
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226", "TWIN 4111111111111111 1226")
	w.now = december
	w.write("paysafe/Outgoing/au.csv", `H,cybs.au.response.pan,acme,batch-17
D,1,4111111111111111,12,26,null,12,29,A,,NED,800
D,2,5123450000000008,12,26,5111111111111118,01,30,B,,NAN,800
D,3,4508750015741019,12,26,null,null,null,C,,ACL,800
D,4,4242424242424242,12,26,null,null,null,D,,CUR,800
D,5,4508750015741019,12,26,null,null,null,E,,DEC,807
F,5
`)
	says(t, w.do(22, "run"), "1 record of updates that mean no card of ours", "the configuration does not fit: the provider says DEC 807")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{
		"CUST-1 NED 800 new_expiry changed", "CUST-2 NAN 800 new_number changed", "CUST-3 ACL 800 closed disabled", "CUST-3 DEC 807 configuration_error none",
		"TWIN NED 800 new_expiry changed",
	})
	same(t, "card", w.card("CUST-2"), "active 511111******1118 0130 active")
	s := w.status(0)
	if len(s.Exceptions) != 1 || s.Exceptions[0].Line != 5 || s.Exceptions[0].Reason != "no card has the number" {
		t.Errorf("the exceptions are %+v", s.Exceptions)
	}
	says(t, w.do(0, "updater", "status"), "au.csv", "no card has the number")
	says(t, w.do(2, "updater", "select"), "no updater of kind paysafe is configured")
	same(t, "payment", w.pay(0, "CUST-2"), []string{"approved 00000"})
	same(t, "charged", w.charged("F2-1"), "511111xxxxxx1118 1/30")
}

func TestUpdateFilesOfJPMorganAreMatchedByTokenAndLastFour(t *testing.T) {
	w := newUpdaterWorld(t)
	w.filesOnly("jpmorgan")
	w.storeTokens("CUST-1 TOKEN1 1226 VISA", "CUST-2 TOKEN2 1226 MASTERCARD", "CUST-3 TOKEN3 1226 VISA")
	w.now = december
	headings := "Transaction Division External Identifier,Merchant Provided Account Update Identifier,Payment Method Id,Payment Method Code,Account Updater Status Message Text,Network Account Update Response Code,Old Account Number,Old Card Expiration Month Year Number,Account Number,Card Expiration Month Year Number,Card Brand Changed Indicator,Activity Timestamp,Transaction Identifier\n"
	head := "EntityIdentifier=0123\nReportName=AccountUpdate\n" + headings
	w.write("paysafe/Outgoing/one.csv", head+
		"700001,,TOKEN1,VI,NEW_ACCOUNT_AND_EXPIRY,A,411111XXXXXX1111,1226,401200XXXXXX0026,0130,N,2026-11-29T10:00:00Z,1\n"+
		"700001,,TOKEN2,MC,CLOSED_ACCOUNT,C,XXXXXXXXXXXX0008,1226,,,N,2026-11-29T11:00:00Z,2\n"+
		"700001,,TOKEN9,VI,NEW_EXPIRY,E,411111XXXXXX1111,1226,,130,N,2026-11-29T12:00:00Z,3\n"+
		"EntityIdentifier=0123\n")
	says(t, w.do(0, "run"), "1 record of updates that mean no card of ours")
	same(t, "cards", []string{w.card("CUST-1"), w.card("CUST-2"), w.card("CUST-3")}, []string{
		"active 401200******0026 0130 active", "disabled  1226 disabled", "active  1226 active",
	})
	// What was changed in November and became known in December is marked.
	same(t, "report", w.reported("2026-12"), []string{"700001|CUST-1|1|0026|01/2030|NEW_ACCOUNT_AND_EXPIRY|Active|2026-11", "700001|CUST-2|1||12/2026|CLOSED_ACCOUNT|Disabled|2026-11"})
	same(t, "payment", w.pay(0, "CUST-2"), []string{"refused 02505"})

	// The card is known by its last four digits now: another card with its token is not it.
	w.write("paysafe/Outgoing/two.csv", head+
		"700001,,TOKEN1,VI,CLOSED_ACCOUNT,C,XXXXXXXXXXXX9999,1226,,,N,2026-12-01T10:00:00Z,1\n"+
		"700001,,TOKEN1,VI,NEW_EXPIRY,E,XXXXXXXXXXXX0026,0130,,131,N,2026-12-01T02:00:00Z,1\n"+
		"EntityIdentifier=0123\n")
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "active 401200******0026 0131 active")
	var reasons []string
	for _, e := range w.status(0).Exceptions {
		reasons = append(reasons, e.File+" "+e.Reason)
	}
	same(t, "exceptions", reasons, []string{"one.csv no card has the token", "two.csv the last four digits are not those of wallet CUST-1 card 1"})
}

func TestUpdateFilesOfCheckoutAreMatchedByTheInstrumentInTheOrderOfTheirEvents(t *testing.T) {
	w := newUpdaterWorld(t)
	w.filesOnly("checkout")
	w.storeTokens("CUST-1 src_1 1226 VISA", "CUST-2 src_2 1226 MASTERCARD", "CUST-3 src_3 1226 VISA")
	w.now = december
	headings := "Event ID,Timestamp,Scheme,Card update reason,Original card - Expiry Month,Original card - Expiry Year,Original card - Last 4,Replacement card - BIN,Replacement card - Expiry Month,Replacement card - Expiry Year,Replacement card - Last 4,Instrument ID,Payment ID\n"
	w.write("paysafe/Outgoing/real_time_account_updater_20261201.csv", headings+
		"evt_4,2026-12-01T02:30:00Z,visa,card_expiry_updated,12,2029,1111,,1,2030,,src_1,pay_1\n"+
		"evt_1,2026-12-01T01:00:00Z,visa,card_expiry_updated,12,2026,1111,,12,2029,,src_1,pay_1\n"+
		"evt_2,2026-12-01T02:00:00Z,mastercard,card_closed,12,2026,0008,,,,,src_2,pay_2\n"+
		"evt_3,2026-12-01T02:15:00Z,visa,card_updated,12,2026,1111,401200,12,2029,0026,src_3,pay_3\n"+
		"evt_5,2026-12-01T02:45:00Z,visa,card_expiry_updated,12,2026,1111,,12,2028,,src_9,pay_9\n")
	w.do(0, "run")
	same(t, "cards", []string{w.card("CUST-1"), w.card("CUST-2"), w.card("CUST-3")}, []string{"active  0130 active", "disabled  1226 disabled", "active 401200******0026 1229 active"})
	same(t, "standard report", w.reported("2026-12"), []string{
		"|CUST-1|1||12/2029|card_expiry_updated|Active|", "|CUST-2|1||12/2026|card_closed|Disabled|", "|CUST-3|1|0026|12/2029|card_updated|Active|", "|CUST-1|1||01/2030|card_expiry_updated|Active|",
	})
	same(t, "exceptions", len(w.status(0).Exceptions), 1)

	// Older news do not take back newer ones.
	shown := w.wallets()
	w.write("paysafe/Outgoing/older.csv", headings+"evt_0,2026-11-30T01:00:00Z,visa,card_expiry_updated,12,2026,1111,,12,2031,,src_1,pay_1\n")
	w.do(0, "run")
	same(t, "wallets", w.wallets(), shown)
	says(t, strings.Join(w.reported("2026-12", "--fields", "extended"), "\n"), "|stale|paysafe-updater|older.csv|2|the card was changed after that|2026-11-30T02:00:00+01:00|")
}

// wantsReport has the world's merchant want a report.
func (w *updaterWorld) wantsReport(settings string) {
	w.Helper()
	w.configure("lookalike: {lines: 0}}", "lookalike: {lines: 0}, updater_report: {"+settings+"}}")
}

// reports lists the reports in the outbound folder.
func (w *updaterWorld) reports() []string {
	w.Helper()
	return slices.DeleteFunc(w.names("out"), func(name string) bool { return !strings.HasPrefix(name, "updater") })
}

// prolonged is a world whose cards have later expiries, known since 2 December.
func prolonged(t *testing.T, report string) *updaterWorld {
	t.Helper()
	w := newUpdaterWorld(t)
	w.wantsReport(report)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229", Day: 2}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	return w
}

func TestAMonthlyReportIsMadeOnceWhenTheMonthIsOverAndKeepsItsBytes(t *testing.T) {
	w := prolonged(t, "every: monthly")
	w.pass("2026-12-03T19:00:00Z")
	w.do(0, "run")
	w.pass("2026-12-31T22:30:00Z") // half past eleven in Paris
	w.do(0, "run")
	same(t, "reports in December", w.reports(), nil)
	w.pass("2026-12-31T23:30:00Z")
	says(t, w.do(0, "run"), "1 account-updater report delivered")
	same(t, "reports in January", w.reports(), []string{"updater.acme.2026-12.csv"})
	content := w.read("out/updater.acme.2026-12.csv")
	same(t, "records", reportOf(t, content), []string{"89987201|CUST-1|1|1111|12/2029|E|Active|", "89987201|CUST-2|1|0008|12/2029|EXPIRY|Active|"})
	if strings.Contains(w.do(0, "run"), "report") {
		t.Error("it was delivered again")
	}
	w.pass("2027-04-02T10:00:00Z") // nothing became known since
	w.do(0, "run")
	same(t, "reports in April", w.reports(), []string{"updater.acme.2026-12.csv"})
	same(t, "printed later", w.do(0, "updater", "report", "--month", "2026-12"), content)
	told := as[updateReportJSON](w, 0, "updater", "report", "--month", "2026-12")
	if told.Name != "updater.acme.2026-12.csv" || told.Digest != told.Recorded || told.Records != 2 || told.DeliveredAt.IsZero() {
		t.Errorf("the report is told as %+v", told)
	}
	w.do(0, "updater", "report", "--month", "2026-12", "-o", w.path("again.csv"))
	w.do(0, "updater", "report", "--month", "2026-12", "-o", w.path("again.csv"))
	same(t, "written to a file", w.read("again.csv"), content)
	w.do(1, "updater", "report", "--month", "2027-01", "-o", w.path("again.csv"))
	same(t, "the file that is in the way", w.read("again.csv"), content)
}

func TestMissedMonthsAreCaughtUpAndEmptyReportsAreSentOnlyWhereTheyAreWanted(t *testing.T) {
	for name, want := range map[string][]string{
		"every: monthly": {"updater.acme.2026-12.csv"},
		"every: monthly, send_empty: true, since: 2026-11": {"updater.acme.2026-11.csv", "updater.acme.2026-12.csv", "updater.acme.2027-01.csv", "updater.acme.2027-02.csv"},
		"every: monthly, send_empty: true, since: 2027-01": {"updater.acme.2027-01.csv", "updater.acme.2027-02.csv"},
		"every: monthly, since: 2027-01":                   nil,
		"every: daily":                                     {"updater.acme.2026-12-31.csv"},
	} {
		t.Run(name, func(t *testing.T) {
			w := prolonged(t, name)
			w.now = time.Date(2027, 3, 1, 6, 0, 0, 0, time.UTC)
			w.do(0, "run")
			same(t, "reports", w.reports(), want)
			for _, file := range want {
				month := strings.Split(file, ".")[2]
				records := reportOf(t, w.read("out/"+file))
				if got, want := len(records) == 1, strings.HasPrefix(month, "2026-12"); got != want {
					t.Errorf("%s has %d records", file, len(records))
				}
			}
			w.do(0, "run")
			same(t, "reports after another run", w.reports(), want)
		})
	}
}

func TestADailyReportIsOfTheMonthSoFar(t *testing.T) {
	w := prolonged(t, "every: daily, fields: extended")
	same(t, "reports on the second day", w.reports(), nil) // the first one brought nothing
	w.pass("2026-12-03T10:00:00Z")
	w.do(0, "run")
	same(t, "reports on the third day", w.reports(), []string{"updater-extended.acme.2026-12-02.csv"})
	w.pass("2026-12-03T19:00:00Z")
	w.do(0, "run")
	w.pass("2026-12-14T10:00:00Z") // a week was missed
	w.do(0, "run")
	same(t, "reports after a week", w.reports(), []string{"updater-extended.acme.2026-12-02.csv", "updater-extended.acme.2026-12-13.csv"})
	same(t, "records until the second day", len(reportOf(t, w.read("out/updater-extended.acme.2026-12-02.csv"))), 2)
	same(t, "records until the thirteenth", len(reportOf(t, w.read("out/updater-extended.acme.2026-12-13.csv"))), 3)
	w.pass("2027-01-09T10:00:00Z") // the end of the month was missed
	w.do(0, "run")
	same(t, "the last report", w.reports()[2:], []string{"updater-extended.acme.2026-12-31.csv"})
	same(t, "its bytes", w.read("out/updater-extended.acme.2026-12-31.csv"), w.read("out/updater-extended.acme.2026-12-13.csv"))
}

func TestAChangeThatBecomesCertainInTheNextMonthIsMarkedThere(t *testing.T) {
	w := newUpdaterWorld(t)
	w.wantsReport("every: monthly")
	w.now = time.Date(2026, 12, 28, 19, 0, 0, 0, time.UTC)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "A", NewNumber: "4012000033330026", NewExpiry: "1229"}
	w.do(0, "updater", "select")
	w.pass("2026-12-31T20:00:00Z")
	if err := w.bank.Plan(stage.Fault{Operation: "TOKENIZE", Phase: stage.Unavailable503}); err != nil {
		t.Fatal(err)
	}
	w.do(14, "run")
	w.bank.Lift()
	w.pass("2027-01-02T10:00:00Z")
	w.do(0, "run")
	same(t, "reports of a month without a record", w.reports(), nil)
	w.pass("2027-02-01T10:00:00Z")
	w.do(0, "run")
	same(t, "reports", w.reports(), []string{"updater.acme.2027-01.csv"})
	same(t, "records", reportOf(t, w.read("out/updater.acme.2027-01.csv")), []string{"89987201|CUST-1|1|0026|12/2029|A|Active|2026-12"})
	same(t, "December", w.reported("2026-12"), nil)
}

func TestMerchantsSeeOnlyTheirOwnChanges(t *testing.T) {
	w := newUpdaterWorld(t)
	w.wantsReport("every: monthly")
	w.configure(
		"merchants: [", "merchants: [{id: zeta, lookalike: {lines: 0}, updater_report: {every: monthly, format: html}}, ",
		"contracts: [", `contracts: [{id: "9", merchant: zeta, gateway: bank, currencies: [EUR], updater: {name: paysafe-updater, account: "89987209"}}, `,
		"sources:", "sources:\n  - name: zeta\n    merchants: [zeta]\n    inbound: {folder: in2, ready: rename}\n    outbound: {folder: out2}",
	)
	w.answers(updater.Config{MerchantKey: updaterKeys().ours.Public, Accounts: []string{"89987201", "89987209"}})
	for _, folder := range []string{"in2", "out2"} {
		if err := os.Mkdir(w.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// Both know the same number, and CUST-1.
	w.write("in2/1.csv", "H;CARDBATCH;1;zeta;F-1;1;TEST;2026-11-20T08:00:00Z\nC;line_ref;command;contract;wallet_id;card_number;card_expiry\nD;Z-1;createWallet;9;CUST-1;4111111111111111;1226\nD;Z-2;createWallet;9;ZETA-2;4508750015741019;1226\nT;2\n")
	w.store("CUST-1 4111111111111111 1226", "ACME-2 5123450000000008 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.verdicts["4508750015741019"] = updater.Verdict{Code: "C"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "EXPIRY", NewExpiry: "1229"}
	w.now = december
	w.do(0, "run")
	same(t, "requests", len(w.names("paysafe/Incoming")), 1) // one file may hold several accounts of one owner
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	same(t, "disabled", strings.Count(w.wallets(), `"status":"disabled"`), 2)
	same(t, "acme's", w.reported("2026-12", "--merchant", "acme"), []string{"89987201|CUST-1|1|1111|12/2029|E|Active|", "89987201|ACME-2|1|0008|12/2029|EXPIRY|Active|"})
	same(t, "zeta's", w.reported("2026-12", "--merchant", "zeta", "--format", "csv"), []string{"89987209|CUST-1|1|1111|12/2029|E|Active|", "89987209|ZETA-2|1|1019|12/2026|C|Disabled|"})
	says(t, w.do(2, "updater", "report", "--month", "2026-12"), "a report is of one merchant; --merchant is one of: zeta, acme")
	w.pass("2027-01-01T10:00:00Z")
	w.do(0, "run")
	same(t, "acme's folder", w.reports(), []string{"updater.acme.2026-12.csv"})
	page := w.read("out2/updater.zeta.2026-12.html")
	says(t, page, "<!DOCTYPE html>", "89987209", "ZETA-2")
	if strings.Contains(page, "89987201") || strings.Contains(page, "ACME-2") {
		t.Error("zeta sees acme's changes")
	}
}

func TestAReportGoesOutByMailAndItsPageNeedsNothingBesideItself(t *testing.T) {
	mail, err := mailcatcher.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { mail.Close() })
	host, port, err := net.SplitHostPort(mail.Addr())
	if err != nil {
		t.Fatal(err)
	}
	w := newUpdaterWorld(t)
	w.configure("sources:", fmt.Sprintf("notify: {mail: {host: %s, port: %s, tls: none, from: cardbatch@acme.example}}\nsources:", host, port))
	w.wantsReport("every: monthly, format: html, mail: [billing@acme.example, chief@acme.example]")
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	w.pass("2027-01-01T10:00:00Z")
	w.do(0, "run")
	page := w.read("out/updater.acme.2026-12.html")
	says(t, page, "<!DOCTYPE html>", "Disabled")
	for _, never := range []string{"4111111111111111", "http://", "https://", "<img", "@import", " src="} {
		if strings.Contains(page, never) {
			t.Errorf("the page has %q", never)
		}
	}
	same(t, "printed later", w.do(0, "updater", "report", "--month", "2026-12"), page)
	var to []string
	for _, m := range mail.Messages() {
		to = append(to, m.To...)
		if len(m.Attachments) != 1 || m.Attachments[0].Name != "updater.acme.2026-12.html" || m.Attachments[0].ContentType != "text/html" || string(m.Attachments[0].Content) != page {
			t.Errorf("the e-mail to %v does not carry the report", m.To)
		}
		says(t, m.Subject+m.Text, "2026-12")
	}
	slices.Sort(to)
	same(t, "e-mails", to, []string{"billing@acme.example", "chief@acme.example"})
	w.do(0, "run")
	same(t, "e-mails after another run", len(mail.Messages()), 2)
}

func TestAReportWhoseFolderIsAwayWaitsAndIsDeliveredOnce(t *testing.T) {
	w := prolonged(t, "every: monthly")
	w.pass("2027-01-01T10:00:00Z")
	if err := os.Rename(w.path("out"), w.path("away")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		says(t, w.do(1, "run"), "report updater.acme.2026-12.csv: outbound folder ", "no such file or directory")
	}
	if err := os.Rename(w.path("away"), w.path("out")); err != nil {
		t.Fatal(err)
	}
	same(t, "reports", w.reports(), nil)
	says(t, w.do(0, "run"), "1 account-updater report delivered")
	same(t, "reports", w.reports(), []string{"updater.acme.2026-12.csv"})
	if strings.Contains(w.do(0, "run"), "report") {
		t.Error("it was delivered again")
	}
	w.do(0, "audit", "verify")
}

// SmartBill's changes stand in the same report.
func TestWhatAmericanExpressTellsStandsInTheReport(t *testing.T) {
	w := newAmexWorld(t)
	w.write("cardbatch.yaml", strings.Replace(amexConfig, "lookalike: {lines: 0}}", "lookalike: {lines: 0}, updater_report: {every: monthly}}", 1))
	w.write("in/1.csv", amexWallets("371881634498004;0139", "371881245560002;0139", "371881911767006;0139", "371881127160004;0539"))
	w.do(0, "run")
	w.work()
	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run")
	w.amex.Tell(amex.Event{Alias: "CUST-11", Status: "EDU", NewExpiry: "0941"})
	w.amex.Tell(amex.Event{Alias: "CUST-21", Status: "PU"})
	w.amex.Tell(amex.Event{Alias: "CUST-31", Status: "CC", Code: "001", Text: "cancelled by the cardholder"})
	w.work()
	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run")
	w.now = time.Date(2026, 12, 1, 9, 0, 0, 0, time.UTC)
	w.do(0, "run")
	content, err := os.ReadFile(w.path("out/updater.acme.2026-11.csv"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "report", reportOf(t, string(content)), []string{
		"1234567890|CUST-1|1|8004|09/2041|EDU|Active|", "1234567890|CUST-2|1|0002|01/2039|PU|Active|", "1234567890|CUST-3|1|7006|01/2039|CC|Disabled|",
	})
	says(t, w.do(0, "updater", "report", "--month", "2026-11", "--fields", "extended"),
		"01/2039,09/2041,AMEX,new_expiry,changed,smartbill,", "AMEX,new_product,none,smartbill,", "AMEX,closed,disabled,smartbill,", "cancelled by the cardholder")
}

func TestARequestThatCouldNotBeSentIsMadeAnewWithoutCardsThatChanged(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	if err := os.Rename(w.path("paysafe/Incoming"), w.path("away")); err != nil {
		t.Fatal(err)
	}
	w.now = december
	for range 2 {
		c := exec.CommandContext(t.Context(), "cardbatch", "--config", w.path("cardbatch.yaml"), "--clock", w.now.Format(time.RFC3339), "run")
		if out, err := c.CombinedOutput(); err == nil {
			t.Fatalf("a request without a folder is no trouble:\n%s", out)
		}
	}
	if err := os.Rename(w.path("away"), w.path("paysafe/Incoming")); err != nil {
		t.Fatal(err)
	}
	r := w.status(0).Requests
	if len(r) != 1 || r[0].State != store.RequestOpen || r[0].Cards != 2 || !strings.Contains(r[0].Reason, "no such file or directory") {
		t.Errorf("the request is %+v", r)
	}
	result := w.put("command;contract;wallet_id;card_number;card_expiry", "updateWallet;1;CUST-1;4012000033330026;1229")
	w.do(0, "run")
	w.wants(result, map[string]string{"F2-1": "approved 02500"})
	same(t, "requests", w.names("paysafe/Incoming"), []string{"upd_paysafe_updater_20261201_000002.csv.gpg"})
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	for number, n := range map[string]int{"4111111111111111": 0, "4012000033330026": 0, "5123450000000008": 1} {
		same(t, "asked about …"+number[12:], w.provider.Asked(number), n)
	}
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-2 VALID unchanged none"})
}

func TestAnAnswerAboutANumberThatTheCardHasLeftBehindChangesNothing(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "C"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-01T12:00:00Z")
	result := w.put("command;contract;wallet_id;card_number;card_expiry", "updateWallet;1;CUST-1;4012000033330026;1229")
	w.do(0, "run")
	w.wants(result, map[string]string{"F2-1": "approved 02500"})
	w.pass("2026-12-02T19:00:00Z")
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "active 401200******0026 1229 active")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 C closed stale"})
	same(t, "payment", w.pay(0, "CUST-1"), []string{"approved 00000"})
}

// Payline keeps wallets of its own: it is told of every change, and of an end.
func TestAGatewayThatKeepsWalletsIsToldOfExpiriesAndEnds(t *testing.T) {
	w := newUpdaterWorld(t)
	w.configure("kind: mastercard", "kind: payline")
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4012888888881881 1226")
	w.verdicts["4111111111111111"] = updater.Verdict{Code: "E", NewExpiry: "1229"}
	w.verdicts["5123450000000008"] = updater.Verdict{Code: "CONTACT"}
	w.verdicts["4012888888881881"] = updater.Verdict{Code: "A", NewNumber: "4508750015741019", NewExpiry: "0130"}
	w.now = december
	w.do(0, "run")
	w.pass("2026-12-02T19:00:00Z")
	if err := w.bank.Plan(stage.Fault{Operation: "updateWallet", Phase: stage.ResetAfter, Count: 2}); err != nil {
		t.Fatal(err)
	}
	says(t, w.do(14, "run"), "gateways have still to be told of 2 updates")
	w.bank.Lift()
	same(t, "cards that wait", []string{w.card("CUST-1"), w.card("CUST-3")}, []string{"active 411111******1111 1226 active", "active 401288******1881 1226 active"})
	w.do(0, "run") // both had been carried out, and that is found
	same(t, "cards", []string{w.card("CUST-1"), w.card("CUST-2"), w.card("CUST-3")}, []string{
		"active 411111******1111 1229 active", "disabled 512345******0008 1226 disabled", "active 450875******1019 0130 active",
	})
	same(t, "orders", w.status(0).Orders, nil)
	result := w.put("command;contract;wallet_id", "getWallet;1;CUST-1", "getWallet;1;CUST-2", "getWallet;1;CUST-3")
	w.do(0, "run")
	rows := strings.Split(w.read("out/"+result), "\n")
	says(t, rows[2], ";getWallet;approved;", ";CUST-1;", ";411111******1111;1229;")
	says(t, rows[3], ";CUST-2;", ";disabled;512345******0008;1226;")
	says(t, rows[4], ";CUST-3;", ";450875******1019;0130;")
	same(t, "payments", w.pay(0, "CUST-1", "CUST-2", "CUST-3"), []string{"approved 00000", "refused 02505", "approved 00000"})
	w.do(0, "audit", "verify")
}

// SmartBill's gateway keeps no wallet that could be told: an update counts at once.
func TestAtAGatewayThatKeepsNoWalletsAnUpdateCountsAtOnce(t *testing.T) {
	w := newAmexWorld(t)
	if err := os.Mkdir(w.path("updates"), 0o700); err != nil {
		t.Fatal(err)
	}
	w.write("cardbatch.yaml", amexConfig+"updaters: [{name: processor, kind: files, format: cybersource, inbound: {folder: updates, ready: rename}}]\n")
	w.write("in/1.csv", amexWallets("371881634498004;0139", "371881245560002;0139"))
	w.do(0, "run")
	w.work()
	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run")
	w.write("updates/au.csv", "H,cybs.au.response.pan,acme,batch-17\nD,1,371881634498004,01,39,null,09,41,,,NED,800\nD,2,371881245560002,01,39,null,null,null,,,ACL,800\nF,2\n")
	says(t, w.do(0, "run"), "cards: 1 with newer data, 1 may not be charged any more")
	says(t, w.do(0, "wallet", "show", "CUST-1"), "371881******8004  0941")
	says(t, w.do(0, "wallet", "show", "CUST-2"), "disabled")
	w.write("in/2.csv", amexPayments("PAY", 2, 1, 2))
	w.do(14, "run")
	w.wants("2.res.csv", map[string]string{"PAY-1": "pending 02000", "PAY-2": "refused 02505"})
	w.do(0, "audit", "verify")
}

func TestANewerExpiryDoesNotOvertakeANewNumberThatTheGatewayHasStillToTake(t *testing.T) {
	w := newUpdaterWorld(t)
	w.filesOnly("checkout")
	headings := "Event ID,Timestamp,Scheme,Card update reason,Original card - Expiry Month,Original card - Expiry Year,Original card - Last 4,Replacement card - BIN,Replacement card - Expiry Month,Replacement card - Expiry Year,Replacement card - Last 4,Instrument ID,Payment ID\n"
	w.storeTokens("CUST-1 src_1 1226 VISA", "KNOWN src_2 1226 VISA")
	w.now = november.Add(time.Hour)
	w.write("paysafe/Outgoing/first.csv", headings+"evt_0,2026-11-20T09:30:00Z,visa,card_updated,12,2026,,411111,12,2026,1111,src_2,pay_2\n")
	w.do(0, "run")
	w.now = december
	w.write("paysafe/Outgoing/au.csv", headings+
		"evt_1,2026-12-01T01:00:00Z,visa,card_updated,12,2026,1111,401200,12,2029,0026,src_1,pay_1\n"+
		"evt_3,2026-12-01T02:30:00Z,visa,card_expiry_updated,12,2029,0026,,1,2030,,src_1,pay_1\n"+
		"evt_4,2026-12-01T01:00:00Z,visa,card_updated,12,2026,1111,401200,12,2029,0026,src_2,pay_2\n"+
		"evt_5,2026-12-01T02:30:00Z,visa,card_expiry_updated,12,2029,0026,,1,2030,,src_2,pay_2\n")
	w.do(0, "run")
	same(t, "cards", []string{w.card("CUST-1"), w.card("KNOWN")}, []string{"active 401200******0026 0130 active", "active 401200******0026 0130 active"})
	same(t, "exceptions", w.status(0).Exceptions, nil)
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{
		"CUST-1 card_expiry_updated new_expiry changed", "CUST-1 card_updated new_number changed", "KNOWN card_expiry_updated new_expiry changed", "KNOWN card_updated new_number changed",
	})
}
