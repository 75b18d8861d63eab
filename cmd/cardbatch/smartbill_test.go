package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	neturl "net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/vault"
)

// amexWorld is a workspace whose contract is charged by American Express SmartBill files,
// with the simulated American Express behind two folders.
type amexWorld struct {
	*testing.T
	dir  string
	amex *amex.Amex
	now  time.Time
}

const amexConfig = `environment: TEST
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
log: {level: warn, format: text}
`

func newAmexWorld(t *testing.T) *amexWorld {
	t.Helper()
	w := &amexWorld{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} // a Monday
	for _, folder := range []string{"in", "out", "keys", "amex/to", "amex/from"} {
		if err := os.MkdirAll(w.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(w.path("keys/vault.json")); err != nil {
		t.Fatal(err)
	}
	w.write("cardbatch.yaml", amexConfig)
	w.amex = amex.New(w.path("amex/to"), w.path("amex/from"), func() time.Time { return w.now })
	return w
}

func (w *amexWorld) path(name string) string { return filepath.Join(w.dir, filepath.FromSlash(name)) }

func (w *amexWorld) write(name, content string) {
	w.Helper()
	if err := os.WriteFile(w.path(name), []byte(content), 0o600); err != nil {
		w.Fatal(err)
	}
}

// do runs the program with the world's clock and returns what it printed.
func (w *amexWorld) do(code int, args ...string) string {
	w.Helper()
	c := exec.CommandContext(w.Context(), "cardbatch", append([]string{"--config", w.path("cardbatch.yaml"), "--clock", w.now.Format(time.RFC3339)}, args...)...)
	out, err := c.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.Fatal(err)
	}
	if got := c.ProcessState.ExitCode(); got != code {
		w.Fatalf("cardbatch %v: exit code %d, want %d\n%s", args, got, code, out)
	}
	return string(out)
}

func (w *amexWorld) work() {
	w.Helper()
	if err := w.amex.Work(w.Context()); err != nil {
		w.Fatal(err)
	}
}

// answer reads a RESULT or SUPPLEMENT: outcome and code by line reference.
func (w *amexWorld) answer(name string) map[string]string {
	w.Helper()
	return outcomes(w.T, w.path("out/"+name))
}

func outcomes(t *testing.T, path string) map[string]string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	r := csv.NewReader(strings.NewReader(string(content)))
	r.Comma, r.FieldsPerRecord = ';', -1
	records, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, record := range records {
		if record[0] == "D" {
			rows[record[2]] = strings.TrimSpace(record[4] + " " + record[5])
		}
	}
	return rows
}

func (w *amexWorld) wants(name string, want map[string]string) {
	w.Helper()
	got := w.answer(name)
	if len(got) != len(want) {
		w.Errorf("%s has %d rows, want %d", name, len(got), len(want))
	}
	for ref, text := range want {
		if got[ref] != text {
			w.Errorf("%s, %s: %q, want %q", name, ref, got[ref], text)
		}
	}
}

func amexWallets(numbers ...string) string {
	var lines strings.Builder
	for i, card := range numbers {
		fmt.Fprintf(&lines, "D;W-%d;createWallet;1;CUST-%d;%s;a@example.com;Martin\n", i+1, i+1, card)
	}
	return fmt.Sprintf("H;CARDBATCH;1;acme;WAL;1;TEST;2026-11-23T08:00:00Z\nC;line_ref;command;contract;wallet_id;card_number;card_expiry;email;last_name\n%sT;%d\n", lines.String(), len(numbers))
}

func amexPayments(ref string, sequence int, wallets ...int) string {
	var lines strings.Builder
	for _, i := range wallets {
		fmt.Fprintf(&lines, "D;%s-%d;doImmediateWalletPayment;1;CUST-%d;ORDER-%d;1000;EUR\n", ref, i, i, i)
	}
	return fmt.Sprintf("H;CARDBATCH;1;acme;%s;%d;TEST;2026-11-23T08:00:00Z\nC;line_ref;command;contract;wallet_id;order_ref;amount;currency\n%sT;%d;EUR:%d\n", ref, sequence, lines.String(), len(wallets), 1000*len(wallets))
}

func TestARecurringAmexCardLivesItsLife(t *testing.T) {
	w := newAmexWorld(t)
	w.write("in/1.csv", amexWallets("371881634498004;0139", "371881127160004;0539", "371881245560002;0139"))
	w.write("in/2.csv", amexPayments("PAY", 2, 1, 2, 3))
	w.do(14, "run") // the payments wait for the enrolments
	w.wants("1.res.csv", map[string]string{"W-1": "approved 02500", "W-2": "approved 02500", "W-3": "approved 02500"})
	w.wants("2.res.csv", map[string]string{"PAY-1": "not_sent", "PAY-2": "not_sent", "PAY-3": "not_sent"})
	if n := len(w.amex.Files()); n != 0 {
		t.Fatalf("%d files before American Express looked", n)
	}
	w.work()
	for _, alias := range []string{"CUST-11", "CUST-21", "CUST-31"} {
		if n := len(w.amex.Enrolments(alias)); n != 1 {
			t.Errorf("%s was enrolled %d times", alias, n)
		}
	}

	w.now = w.now.Add(24 * time.Hour)
	w.do(14, "run") // the statuses came: two accepted, one refused; the charges go out
	w.wants("2.sup01.csv", map[string]string{"PAY-2": "refused 02505"})
	w.work()
	for i := range 3 {
		key := string(batch.NewKey("acme", batch.LineRef(fmt.Sprintf("PAY-%d", i+1)), 1))
		if n := w.amex.Charges(key); n != 1 && i != 1 || n != 0 && i == 1 {
			t.Errorf("PAY-%d was charged %d times", i+1, n)
		}
	}

	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run")
	w.wants("2.sup02.csv", map[string]string{"PAY-1": "approved 00000", "PAY-3": "approved 00000"})
}

// told is what a merchant's server was told: the query of each call.
func toldServer(t *testing.T) (url string, told func() []string) {
	t.Helper()
	var mu sync.Mutex
	var all []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, r.URL.RawQuery)
	}))
	t.Cleanup(server.Close)
	return server.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Sorted(slices.Values(all))
	}
}

func TestWhatAmericanExpressTellsReachesCardsMerchantAndReports(t *testing.T) {
	w := newAmexWorld(t)
	url, told := toldServer(t)
	w.write("cardbatch.yaml", strings.Replace(amexConfig, `se: "1234567890"}}`,
		`se: "1234567890"}, follow_up: {files: [transactions, payments]}, notify: {server: [wallet_created, enrolment_result, card_cancelled, wallet_payment], url: "`+url+`"}}`, 1))
	w.write("in/1.csv", amexWallets("371881634498004;0139", "371881127160004;0539", "371881245560002;0139"))
	w.do(0, "run")
	w.work()
	w.now = w.now.Add(24 * time.Hour)
	w.write("in/2.csv", amexPayments("PAY", 2, 1, 3))
	w.do(14, "run")
	w.work()
	w.amex.Tell(amex.Event{Alias: "CUST-11", Status: "EDU", NewExpiry: "0941"})
	w.amex.Tell(amex.Event{Alias: "CUST-31", Status: "CC", Code: "001", Text: "cancelled by the cardholder"})
	w.amex.Tell(amex.Event{Alias: "NOBODY1", SE: "1234567890", Status: "EDU", NewExpiry: "0941"})
	w.work()
	w.now = w.now.Add(24 * time.Hour)
	out := w.do(0, "run")
	if !strings.Contains(out, "1 exception in partners' files") {
		t.Errorf("the run says nothing of the exception:\n%s", out)
	}
	if out := w.do(0, "smartbill", "exceptions"); !strings.Contains(out, "NOBODY1") {
		t.Errorf("the exceptions are:\n%s", out)
	}
	for wallet, want := range map[string]string{"CUST-1": "EDU", "CUST-2": "ER", "CUST-3": "CC"} {
		if out := w.do(0, "wallet", "show", wallet); !strings.Contains(out, want) {
			t.Errorf("%s, want %s:\n%s", wallet, want, out)
		}
	}
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "0941") {
		t.Errorf("the new expiry is not there:\n%s", out)
	}
	w.write("in/3.csv", amexPayments("NEXT", 3, 1, 2, 3))
	w.do(14, "run")
	w.wants("3.res.csv", map[string]string{"NEXT-1": "pending 02000", "NEXT-2": "refused 02505", "NEXT-3": "refused 02505"})

	w.now = w.now.Add(24 * time.Hour)
	w.do(14, "run") // the day is over: its files go out
	for _, name := range []string{"transactions.acme.1.2026-11-25.csv", "payments.acme.1.2026-11-25.csv", "exceptions.acme.1.2026-11-25.csv"} {
		if _, err := os.Stat(w.path("out/" + name)); err != nil {
			t.Error(err)
		}
	}
	exceptions, err := os.ReadFile(w.path("out/exceptions.acme.1.2026-11-25.csv"))
	if err != nil || !strings.Contains(string(exceptions), ";NOBODY1;") {
		t.Errorf("the report of exceptions (%v):\n%s", err, exceptions)
	}
	kinds := map[string]int{}
	for _, query := range told() {
		values, err := neturl.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		kinds[values.Get("notificationType")+" "+values.Get("type")+" "+values.Get("result")]++
	}
	want := map[string]int{"WALLET  ": 3, "Wallet smartbillEnrollResult Y": 2, "Wallet smartbillEnrollResult N": 1, "Wallet smartBillCanceledCard ": 1, "TRSWALLET  ": 2}
	if diff := cmp.Diff(want, kinds); diff != "" {
		t.Errorf("the server was told: -want +got\n%s", diff)
	}
}

func TestWhatCannotBeIsToldToNobodyUntilItIsExplained(t *testing.T) {
	w := newAmexWorld(t)
	url, told := toldServer(t)
	w.write("cardbatch.yaml", strings.Replace(amexConfig, `se: "1234567890"}}`, `se: "1234567890"}, notify: {server: [enrolment_result], url: "`+url+`"}}`, 1))
	w.write("in/1.csv", amexWallets("371881634498004;0139"))
	w.do(0, "run")
	requests := w.path("amex/to/SBENR_1234567890_000001.dat")
	if err := os.Rename(requests, w.path("kept")); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(time.Hour)
	w.amex.Tell(amex.Event{Alias: "CUST-11", SE: "1234567890", Status: "EDU", NewExpiry: "0941"})
	w.work()
	if out := w.do(0, "run"); !strings.Contains(out, "1 exception in partners' files") {
		t.Errorf("the run says nothing of the exception:\n%s", out)
	}
	if got := told(); len(got) > 0 {
		t.Errorf("an update of a card that was never accepted was told: %q", got)
	}
	if err := os.Rename(w.path("kept"), requests); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(-time.Minute) // it had accepted the card before
	w.work()
	w.now = w.now.Add(time.Hour)
	w.do(0, "run")
	if got := told(); len(got) != 1 || !strings.Contains(got[0], "result=Y") {
		t.Errorf("told: %q", got)
	}
	if out := w.do(0, "smartbill", "exceptions"); strings.Contains(out, "CUST-11") {
		t.Errorf("the exception is explained and still there:\n%s", out)
	}
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "EDU") {
		t.Errorf("want EDU:\n%s", out)
	}
}

func TestAFileThatWasRejectedCountsOnceItsCauseIsMended(t *testing.T) {
	w := newAmexWorld(t)
	w.write("in/1.csv", amexWallets("371881634498004;0139"))
	w.do(0, "run")
	w.work()
	name := "SBSTA_1234567890_000001.dat"
	content, err := os.ReadFile(w.path("amex/from/" + name))
	if err != nil {
		t.Fatal(err)
	}
	w.write("cardbatch.yaml", strings.Replace(amexConfig, `se: "1234567890"`, `se: "1234567899"`, 1))
	w.do(10, "run")
	w.write("cardbatch.yaml", amexConfig)
	w.write("amex/from/"+name, string(content)) // put back as it was
	w.do(0, "run")
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "EA") {
		t.Errorf("the file that was put back was not taken:\n%s", out)
	}
}

func TestAStatusFileThatIsEarlyDamagedOrKnownChangesNothing(t *testing.T) {
	w := newAmexWorld(t)
	w.write("in/1.csv", amexWallets("371881634498004;0139"))
	w.do(0, "run")
	w.work()
	name := "amex/from/SBSTA_1234567890_000001.dat"
	first, err := os.ReadFile(w.path(name))
	if err != nil {
		t.Fatal(err)
	}
	w.write(name, strings.Replace(string(first), "EA ", "E", 1)) // one byte is lost
	w.do(10, "run")
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "WR") {
		t.Errorf("a damaged file was believed:\n%s", out)
	}
	if _, err := os.Stat(w.path("amex/from/rejected/SBSTA_1234567890_000001.dat.reason.txt")); err != nil {
		t.Error(err)
	}
	w.write(name, string(first))
	w.do(0, "run")
	show := w.do(0, "wallet", "show", "CUST-1")
	if !strings.Contains(show, "EA") {
		t.Errorf("the mended file was not taken:\n%s", show)
	}
	w.write(name, string(first)) // once more
	w.do(0, "run")
	if again := w.do(0, "wallet", "show", "CUST-1"); again != show {
		t.Errorf("the same file again changed the wallet:\n%s\n%s", show, again)
	}

	w.amex.Tell(amex.Event{Alias: "CUST-11", Status: "EDU", NewExpiry: "0941"})
	w.work()
	w.amex.Tell(amex.Event{Alias: "CUST-11", Status: "CC"})
	w.work()
	second := "amex/from/SBSTA_1234567890_000002.dat"
	lost, err := os.ReadFile(w.path(second))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(w.path(second)); err != nil {
		t.Fatal(err)
	}
	w.do(11, "run") // number 3 waits for number 2
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "EA") {
		t.Errorf("a file ahead of its number was taken:\n%s", out)
	}
	w.write(second, string(lost))
	w.do(0, "run")
	if out := w.do(0, "wallet", "show", "CUST-1"); !strings.Contains(out, "CC") {
		t.Errorf("the lost file and the one that waited were not taken:\n%s", out)
	}
}
