package crashtest

import (
	"encoding/csv"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/internal/killable"
	"cardbatch/store"
	"cardbatch/store/sqlite"
	"cardbatch/vault"
)

// Some nights of cards under American Express SmartBill by files, killed at every transition:
// no enrolment and no charge goes twice, and nothing that American Express tells is lost.

// Two service establishments, and files of few charges, make many files.
const exchangeConfig = `environment: TEST
time_zone: Europe/Paris
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts:
  - {id: "1", merchant: acme, gateway: amex, currencies: [EUR], smartbill: {via: files, se: "` + firstSE + `"}}
  - {id: "2", merchant: acme, gateway: amex, currencies: [EUR], smartbill: {via: files, se: "` + secondSE + `"}}
gateways: [{name: amex, kind: smartbill, exchange: amex, batch_lines: 3}]
exchanges: [{name: amex, outbound: {folder: amex/to}, inbound: {folder: amex/from, ready: rename}}]
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
run: {chunk: 7}
log: {level: warn, format: text}
`

const (
	firstSE, secondSE = "1234567890", "9876543210"
	// between is how much later a run starts that goes on after another.
	between = 7 * time.Minute
)

// exchangeNight is one night: what the merchant sends, and what American Express tells and
// decides the day after.
type exchangeNight struct {
	files map[string]string
	day   func(*amex.Amex)
}

// contractOf has wallets of both contracts.
func contractOf(wallet byte) string { return string('1' + (wallet-'a')%2) }

func opened(wallet byte) string {
	expiry := "0139"
	if wallet == 'c' || wallet == 'f' {
		expiry = "0539" // American Express refuses it
	}
	cards := []string{"371881634498004", "371881127160004", "371881245560002", "371881911767006"}
	return fmt.Sprintf("W-%c;createWallet;%s;CARD-%c;%s;%s;%c@example.com", wallet, contractOf(wallet), wallet, cards[int(wallet)%len(cards)], expiry, wallet)
}

func disabled(wallet byte) string {
	return fmt.Sprintf("X-%c;disableWallet;%s;CARD-%c;;;", wallet, contractOf(wallet), wallet)
}

// charged is payments of 1000 on the wallets, and refunds of lines of earlier nights.
func charged(ref string, sequence int, wallets string, refunds ...string) string {
	var lines []string
	for _, w := range []byte(wallets) {
		lines = append(lines, fmt.Sprintf("%s-%c;doImmediateWalletPayment;%s;CARD-%c;%s-%c;1000;EUR;", ref, w, contractOf(w), w, ref, w))
	}
	for _, of := range refunds {
		lines = append(lines, fmt.Sprintf("R-%s;doRefund;%s;;;1000;EUR;%s", of, contractOf(of[len(of)-1]), batch.NewKey("acme", batch.LineRef(of), 1)))
	}
	return file(ref, sequence, "line_ref;command;contract;wallet_id;order_ref;amount;currency;transaction_id", 1000*len(lines), lines...)
}

func walletFile(ref string, sequence int, lines ...string) string {
	return file(ref, sequence, "line_ref;command;contract;wallet_id;card_number;card_expiry;email", 0, lines...)
}

var exchangeNights = []exchangeNight{
	{files: map[string]string{
		// m is disabled before anybody asked for it.
		"1-wallets.csv":  walletFile("WAL1", 1, opened('a'), opened('b'), opened('c'), opened('d'), opened('e'), opened('f'), opened('g'), opened('h'), opened('i'), opened('j'), opened('m'), disabled('m')),
		"2-payments.csv": charged("P1", 2, "abcdefgh"),
		"3-payments.csv": charged("P2", 3, "abcdegh"),
	}},
	{
		files: map[string]string{
			"4-wallets.csv":  walletFile("WAL2", 4, opened('k'), opened('l'), disabled('i'), disabled('j')),
			"5-payments.csv": charged("P3", 5, "abcikl"),
		},
		day: func(a *amex.Amex) {
			a.Tell(amex.Event{Alias: "CARD-d1", Status: "EDU", NewExpiry: "0241"})
			a.Tell(amex.Event{Alias: "CARD-e1", Status: "PU", Product: "GOLD"})
			a.Tell(amex.Event{Alias: "CARD-g1", Status: "CC", Code: "C001", Text: "lost"})
			a.Tell(amex.Event{SE: firstSE, Alias: "NOBODY", Status: "CC"})
			a.Decline("CARD-h1", "116")
		},
	},
	{files: map[string]string{
		"6-payments.csv": charged("P4", 6, "abdeghkl"),
		"7-wallets.csv":  walletFile("WAL3", 7, disabled('b')),
	}},
	// What was approved the night before is refunded; American Express knows b and g no more.
	{files: map[string]string{
		"8-refunds.csv": charged("P5", 8, "al", "P1-a", "P1-b", "P2-d", "P2-e", "P2-g"),
	}},
	{},
}

// exchange is a workspace with American Express behind two folders.
type exchange struct {
	*world
	amex *amex.Amex
	now  time.Time
	told map[string][]byte // files of American Express that were seen, by name
}

func newExchange(t *testing.T) *exchange {
	t.Helper()
	// The first night is that of a Monday.
	x := &exchange{world: &world{t: t, dir: t.TempDir()}, now: time.Date(2026, 11, 23, 20, 0, 0, 0, time.UTC), told: map[string][]byte{}}
	for _, folder := range []string{"in", "out", "keys", "amex/to", "amex/from"} {
		if err := os.MkdirAll(filepath.Join(x.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(filepath.Join(x.dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	x.write("cardbatch.yaml", exchangeConfig)
	x.amex = amex.New(filepath.Join(x.dir, "amex/to"), filepath.Join(x.dir, "amex/from"), func() time.Time { return x.now })
	return x
}

// run starts the program once, a little later than before.
func (x *exchange) run(environ ...string) (killed bool, code int) {
	x.t.Helper()
	x.now = x.now.Add(between)
	x.clock = x.now.Format(time.RFC3339)
	return x.start(environ...)
}

// work is a round of American Express. What it makes is remembered.
func (x *exchange) work() {
	x.t.Helper()
	if err := x.amex.Work(x.t.Context()); err != nil {
		x.t.Fatal(err)
	}
	maps.Copy(x.told, x.folder("amex/from"))
}

func (x *exchange) folder(name string) map[string][]byte {
	x.t.Helper()
	entries, err := os.ReadDir(filepath.Join(x.dir, name))
	if err != nil {
		x.t.Fatal(err)
	}
	files := map[string][]byte{}
	for _, e := range entries {
		if e.IsDir() {
			continue
		}
		content, err := os.ReadFile(filepath.Join(x.dir, name, e.Name()))
		if err != nil {
			x.t.Fatal(err)
		}
		files[e.Name()] = content
	}
	return files
}

// live plays all nights. During each, at makes the program's runs until one ends by itself.
func (x *exchange) live(at func(night int)) {
	x.t.Helper()
	monday := x.now
	for night, n := range exchangeNights {
		x.now = monday.AddDate(0, 0, night)
		x.receive(n.files)
		at(night)
		x.now = monday.AddDate(0, 0, night).Add(12 * time.Hour)
		x.work()
		if n.day != nil {
			n.day(x.amex)
			x.work()
		}
	}
	x.now = monday.AddDate(0, 0, len(exchangeNights))
	for range restarts {
		if killed, code := x.run(); !killed && code == 0 {
			return
		}
		x.work()
	}
	out, _ := exec.CommandContext(x.t.Context(), killable.Program, "--config", filepath.Join(x.dir, "cardbatch.yaml"), "--clock", x.clock, "run").CombinedOutput()
	x.t.Fatalf("not done after %d runs; the next one says:\n%s", restarts, out)
}

// end is how everything ended: what must be the same however often the program died.
func (x *exchange) end() (facts []string) {
	x.t.Helper()
	for ref, row := range x.outcomes() {
		facts = append(facts, fmt.Sprintf("line %s: %s", ref, strings.Join(row, ";")))
	}
	s := x.open()
	defer s.Close()
	for w, err := range s.ListWallets(x.t.Context(), "acme") {
		if err != nil {
			x.t.Fatal(err)
		}
		facts = append(facts, fmt.Sprintf("wallet %s: %s, default card %d, open line %v", w.ID, w.Status, w.DefaultCard, w.OpenLine))
		for _, c := range w.Cards {
			facts = append(facts, fmt.Sprintf("wallet %s: card %d %s %s %s, number kept %v", w.ID, c.Index, c.Status, c.Masked(), c.Expiry, len(c.Sealed) > 0))
		}
	}
	for e, err := range s.Enrolments(x.t.Context(), store.EnrolmentQuery{}) {
		if err != nil {
			x.t.Fatal(err)
		}
		facts = append(facts, fmt.Sprintf("alias %s of %s: %s %s %s, asked %v, removal %v, removed %v", e.Alias, e.SE, e.Status, e.Code, e.Text, e.AskedIn != "", e.Removal, e.RemovedIn != ""))
		for v, err := range s.StatusEvents(x.t.Context(), e.ID) {
			if err != nil {
				x.t.Fatal(err)
			}
			facts = append(facts, fmt.Sprintf("alias %s: told %s %s %s %s %s", e.Alias, v.Status, v.Code, v.Text, v.NewExpiry, v.Product))
		}
		for _, asked := range x.amex.Enrolments(e.Alias) {
			facts = append(facts, fmt.Sprintf("alias %s: American Express got %s %s %s %s", e.Alias, asked.Action, asked.Card, asked.Expiry, asked.Key))
		}
	}
	for p, err := range s.PartnerExceptions(x.t.Context(), time.Time{}, x.now.AddDate(1, 0, 0)) {
		if err != nil {
			x.t.Fatal(err)
		}
		facts = append(facts, fmt.Sprintf("exception: %s %s", p.Alias, p.Reason))
	}
	slices.Sort(facts)
	return facts
}

func (x *exchange) open() store.Store {
	x.t.Helper()
	s, err := sqlite.Open(x.t.Context(), filepath.Join(x.dir, "state", "cardbatch.db"), sqlite.Options{Environment: batch.Test})
	if err != nil {
		x.t.Fatal(err)
	}
	return s
}

// timely are columns that tell when an answer came, or how the card stood then.
var timely = []string{"submitted_at", "completed_at", "card_status", "card_expiry"}

var resultName = regexp.MustCompile(`\.(res|sup[0-9]+)\.csv$`)

// outcomes reads the last row of each line in RESULT and SUPPLEMENT files, without what is timely.
func (x *exchange) outcomes() map[string][]string {
	x.t.Helper()
	rows := map[string][]string{}
	files := x.answers()
	for _, name := range slices.Sorted(maps.Keys(files)) { // .res comes before .sup01
		if !resultName.MatchString(name) {
			continue
		}
		r := csv.NewReader(strings.NewReader(files[name]))
		r.Comma, r.FieldsPerRecord = ';', -1
		records, err := r.ReadAll()
		if err != nil {
			x.t.Fatalf("%s: %v", name, err)
		}
		for _, record := range records {
			if record[0] != "D" {
				continue
			}
			for i, column := range records[1] {
				if slices.Contains(timely, column) {
					record[i] = ""
				}
			}
			ref := record[2]
			if before := rows[ref]; before != nil && before[4] != "not_sent" && before[4] != "pending" && before[4] != "in_doubt" {
				x.t.Errorf("%s: line %s is %s, after it was %s", name, ref, record[4], before[4])
			}
			rows[ref] = record
		}
	}
	return rows
}

// checkOnce checks what must hold of each life by itself.
func (x *exchange) checkOnce() {
	x.t.Helper()
	due := map[string]int64{}
	for _, f := range x.amex.Files() {
		series := strings.TrimSuffix(f.Name, fmt.Sprintf("_%06d.dat", f.Sequence))
		if due[series]++; f.Sequence != due[series] || f.Gap || f.Refused != "" {
			x.t.Errorf("American Express got %s when number %d was due (refused: %q)", f.Name, due[series], f.Refused)
		}
	}
	for ref, row := range x.outcomes() {
		money := batch.Command(row[3]).MovesMoney()
		if row[4] != "approved" && row[4] != "declined" && row[4] != "refused" {
			x.t.Errorf("line %s ended as %s", ref, row[4])
		}
		if n := x.amex.Charges(string(batch.NewKey("acme", batch.LineRef(ref), 1))); money && (n > 1 || n == 1 != (row[4] == "approved")) {
			x.t.Errorf("line %s is %s and was charged %d times", ref, row[4], n)
		}
	}
	for _, folder := range []string{"in", "in/processing", "amex/to", "amex/from", "amex/from/rejected", "state/outbox", "state/exchange"} {
		entries, err := os.ReadDir(filepath.Join(x.dir, folder))
		if err != nil && !os.IsNotExist(err) {
			x.t.Error(err)
		}
		for _, e := range entries {
			if !e.IsDir() {
				x.t.Errorf("%s is left in %s", e.Name(), folder)
			}
		}
	}
	verify := exec.CommandContext(x.t.Context(), killable.Program, "--config", filepath.Join(x.dir, "cardbatch.yaml"), "audit", "verify")
	if said, err := verify.CombinedOutput(); err != nil {
		x.t.Errorf("audit verify: %v\n%s", err, said)
	}
}

// checkSame compares the end of a life with that of an undisturbed one.
func (x *exchange) checkSame(want []string) {
	x.t.Helper()
	x.checkOnce()
	if got := x.end(); !slices.Equal(got, want) {
		x.t.Errorf("it ended otherwise than the undisturbed life:\n%s", missing(want, got))
	}
}

// missing lists what only one of two sorted lists has.
func missing(want, got []string) string {
	var out strings.Builder
	count := map[string]int{}
	for _, fact := range want {
		count[fact]--
	}
	for _, fact := range got {
		count[fact]++
	}
	for _, fact := range slices.Sorted(maps.Keys(count)) {
		switch n := count[fact]; {
		case n < 0:
			fmt.Fprintf(&out, "- %s\n", fact)
		case n > 0:
			fmt.Fprintf(&out, "+ %s\n", fact)
		}
	}
	return out.String()
}

// ofExchange are the transitions of lines on their way into charge files and out of response
// files, and the ends of the steps that exchange files.
var ofExchange = []string{"submitting", "called", "recorded", "resolved", "after ingest", "after enrol", "after submit", "after resolve"}

// undisturbedExchange lives in peace. It returns the end, and the moments of each night at
// which to kill.
func undisturbedExchange(t *testing.T) (end []string, fatal [][]string) {
	t.Helper()
	x := newExchange(t)
	x.live(func(night int) {
		trace := filepath.Join(x.dir, fmt.Sprint("trace-", night))
		x.run("CARDBATCH_KILL_TRACE=" + trace)
		content, err := os.ReadFile(trace)
		if err != nil {
			t.Fatal(err)
		}
		passed := map[string]int{}
		for _, name := range strings.Fields(strings.ReplaceAll(string(content), " ", "_")) {
			passed[strings.ReplaceAll(name, "_", " ")]++
		}
		var all []string
		for _, name := range slices.Sorted(maps.Keys(passed)) {
			if !strings.Contains(name, " file ") && !slices.Contains(ofExchange, name) {
				continue // the nights without American Express die there
			}
			for _, nth := range moments(passed[name]) {
				all = append(all, fmt.Sprintf("%s:%d", name, nth))
			}
		}
		fatal = append(fatal, all)
	})
	x.checkOnce()
	end = x.end()
	if approved := strings.Count(strings.Join(end, "\n"), "doImmediateWalletPayment;approved"); approved < 20 {
		t.Fatalf("only %d payments were approved: the life is not what it should be:\n%s", approved, strings.Join(end, "\n"))
	}
	return end, fatal
}

// Every night of a life dies at one of its moments, so that few lives see all of them.
func TestKilledAtEveryTransitionNothingGoesToAmexTwice(t *testing.T) {
	want, fatal := undisturbedExchange(t)
	lives := 0
	for _, moments := range fatal {
		lives = max(lives, len(moments))
	}
	for i := range lives {
		var deaths []string
		for _, moments := range fatal {
			deaths = append(deaths, moments[i%len(moments)])
		}
		for _, hasty := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s; fetched at once %v", strings.Join(deaths, ", "), hasty), func(t *testing.T) {
				t.Parallel()
				x := newExchange(t)
				x.live(func(night int) {
					if killed, _ := x.run("CARDBATCH_KILL_AT=" + deaths[night]); !killed {
						t.Logf("night %d did not come up to %s", night, deaths[night])
						return
					}
					if hasty {
						x.work()
					}
					x.run()
				})
				x.checkSame(want)
			})
		}
	}
}

func TestKilledAtRandomMomentsNothingGoesToAmexTwice(t *testing.T) {
	kills := killsWanted(t, 12)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	want, fatal := undisturbedExchange(t)
	for done := 0; done < kills; {
		x := newExchange(t)
		x.live(func(night int) {
			for range 3 {
				killed, _ := x.run("CARDBATCH_KILL_AT=" + fatal[night][random.IntN(len(fatal[night]))])
				if killed {
					done++
				}
				if random.IntN(2) == 0 {
					x.work()
				}
			}
			x.run()
		})
		x.checkSame(want)
		if t.Failed() {
			t.Fatalf("after %d kills", done)
		}
	}
}

func TestWhatAmexSendsTwiceChangesNothing(t *testing.T) {
	x := newExchange(t)
	x.live(func(int) { x.run() })
	want := x.end()
	answers := x.answers()
	for name, content := range x.told {
		x.write("amex/from/"+name, string(content))
	}
	if _, code := x.run(); code != 0 {
		t.Errorf("exit code %d", code)
	}
	x.checkSame(want)
	if !maps.Equal(x.answers(), answers) {
		t.Error("answers were made of what had been told before")
	}
}

// A status file and a response file are lost on their way for a while; those after them are
// held, and the program dies while it takes them all.
func TestWhatAmexSendsLateIsTakenInItsOrder(t *testing.T) {
	want, _ := undisturbedExchange(t)
	for _, death := range []string{"", "partner file ingested:1", "partner file ingested:2", "partner file ingested:3", "after ingest:1"} {
		t.Run("killed at "+death, func(t *testing.T) {
			t.Parallel()
			x := newExchange(t)
			x.live(func(night int) {
				if night != 2 {
					x.run()
					return
				}
				lost := map[string][]byte{}
				for name, content := range x.folder("amex/from") {
					if name == "SBSTA_"+secondSE+"_000002.dat" || name == "SBRSP_"+secondSE+"_000001.dat" || name == "SBRSP_"+firstSE+"_000002.dat" {
						lost[name] = content
						if err := os.Remove(filepath.Join(x.dir, "amex/from", name)); err != nil {
							t.Fatal(err)
						}
					}
				}
				if len(lost) != 3 {
					t.Fatalf("only %d files could be lost", len(lost))
				}
				x.run()
				if len(x.folder("amex/from")) == 0 {
					t.Error("no file was held")
				}
				for name, content := range lost {
					x.write("amex/from/"+name, string(content))
				}
				if death != "" {
					if killed, _ := x.run("CARDBATCH_KILL_AT=" + death); !killed {
						t.Errorf("it did not come up to %s", death)
					}
				}
				x.run()
			})
			x.checkSame(want)
		})
	}
}

// A file that is rejected for a mistake of the configuration is taken once that is corrected.
func TestWhatWasRejectedByMistakeIsTakenLater(t *testing.T) {
	want, _ := undisturbedExchange(t)
	x := newExchange(t)
	contract := regexp.MustCompile(`(?m)^.*` + secondSE + `.*\n`)
	x.write("mistaken.yaml", contract.ReplaceAllString(exchangeConfig, ""))
	x.live(func(night int) {
		if night == 0 {
			x.run() // nothing has come yet
			return
		}
		mistaken := exec.CommandContext(t.Context(), killable.Program, "--config", filepath.Join(x.dir, "mistaken.yaml"), "--clock", x.now.Format(time.RFC3339), "run", "--only", "ingest")
		said, err := mistaken.CombinedOutput()
		if len(x.folder("amex/from/rejected")) == 0 {
			t.Fatalf("night %d: nothing was rejected (%v)\n%s", night, err, said)
		}
		x.again("amex/from/rejected", "amex/from")
		x.run()
	})
	x.checkSame(want)
}

// again moves the files of one folder into another, without the reasons beside them.
func (x *exchange) again(from, to string) {
	x.t.Helper()
	for name, content := range x.folder(from) {
		if !strings.HasSuffix(name, ".reason.txt") {
			x.write(to+"/"+name, string(content))
		}
		if err := os.Remove(filepath.Join(x.dir, from, name)); err != nil {
			x.t.Fatal(err)
		}
	}
}
