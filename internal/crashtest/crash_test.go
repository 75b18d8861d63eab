// Package crashtest kills the real program at every transition of a run and at
// random moments, starts it again until it is done, and compares with a run that
// nobody disturbed: the same RESULT files, byte for byte, and at most one charge a line.
package crashtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/internal/killable"
	"cardbatch/internal/simulated"
	"cardbatch/vault"
)

func TestMain(m *testing.M) { killable.Main(m) }

const (
	clock = "2026-11-21T23:00:00Z"
	// restarts bounds how often one scenario is started again.
	restarts = 20
	// patience bounds one run of the program.
	patience = 60 * time.Second
)

// world is one workspace with a simulator of its own.
type world struct {
	t         *testing.T
	gateway   simulated.Account
	dir       string
	clock     string
	simulator *simulator.Simulator
	files     map[string]string // received last
}

// scenario is a night that is disturbed, after one that is not.
type scenario struct {
	name   string
	before func(simulated.Account) map[string]string // files of the night before, by name
	files  func(made transactions) map[string]string
	// effects is how many lines must have an effect at the gateway, at least: proof
	// that the scenario is what it should be.
	effects int
}

// transactions are the ids that the night before was answered with, by line reference.
type transactions map[string]string

var scenarios = []scenario{
	{"wallets and payments", nil, firstNight, 30},
	{"what follows up on payments", followedUp, followUps, 30},
}

func newWorld(t *testing.T, gateway simulated.Account, night scenario) *world {
	t.Helper()
	s, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &world{t: t, gateway: gateway, dir: t.TempDir(), clock: clock, simulator: s}
	for _, folder := range []string{"in", "out", "keys"} {
		if err := os.Mkdir(filepath.Join(w.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(filepath.Join(w.dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	w.write("keys/password", stage.Password)
	w.write("cardbatch.yaml", fmt.Sprintf(config, gateway.Kind, endpoint, gateway.SignsIn))
	if night.before != nil {
		w.receive(night.before(gateway))
		w.finish()
	}
	w.receive(night.files(w.transactions()))
	return w
}

// transactions reads the answers so far.
func (w *world) transactions() transactions {
	made := transactions{}
	for name, content := range w.answers() {
		if !strings.HasSuffix(name, ".res.csv") {
			continue
		}
		column := 0
		for line := range strings.Lines(content) {
			fields := strings.Split(line, ";")
			switch fields[0] {
			case "C":
				column = slices.Index(fields, "transaction_id")
			case "D":
				made[fields[2]] = fields[column]
			}
		}
	}
	return made
}

func (w *world) receive(files map[string]string) {
	for name, content := range files {
		w.write("in/"+name, content)
	}
	w.files = files
}

func (w *world) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// Small chunks make many transitions.
const config = `environment: TEST
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts: [{id: "1", merchant: acme, gateway: bank, currencies: [EUR], unknown_series: send}]
gateways:
  - {name: bank, kind: %s, endpoint: %s, %s, password: "file:keys/password", settle: 0s, concurrency: 4}
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
run: {chunk: 7}
log: {level: warn, format: text}
`

const payments = 60

// file writes a batch-interface file with one amount column at most.
func file(ref string, sequence int, columns string, total int, lines ...string) string {
	var f strings.Builder
	fmt.Fprintf(&f, "H;CARDBATCH;1;acme;%s;%d;TEST;2026-11-21T20:00:00Z\nC;%s\n", ref, sequence, columns)
	for _, l := range lines {
		f.WriteString("D;" + l + "\n")
	}
	fmt.Fprintf(&f, "T;%d", len(lines))
	if total > 0 {
		fmt.Fprintf(&f, ";EUR:%d", total)
	}
	return f.String() + "\n"
}

// firstNight has wallets, payments of every outcome, and a rejected file.
func firstNight(transactions) map[string]string {
	cards := []string{"5123450000000008;0139", "4508750015741019;0139", "5111111111111118;0539", "371881634498004;0139"}
	var wallets, paid []string
	for i := range 20 {
		wallets = append(wallets, fmt.Sprintf("W-%d;createWallet;1;CUST-%d;%s;c%d@example.com", i, i, cards[i%len(cards)], i))
	}
	wallets = append(wallets, "W-20;createWallet;1;CUST-1;"+cards[0]+";", "W-21;disableWallet;1;CUST-19;;;")
	total := 0
	for i := range payments {
		reference := fmt.Sprintf("ORDER-%d", i)
		switch i % 15 {
		case 3:
			reference = fmt.Sprintf("FAULT-500_AFTER-%d", i)
		case 7:
			reference = fmt.Sprintf("FAULT-503_BEFORE-%d", i)
		}
		paid = append(paid, fmt.Sprintf("P-%d;doImmediateWalletPayment;1;CUST-%d;%s;%d;EUR", i, i%22, reference, 100+i))
		total += 100 + i
	}
	return map[string]string{
		"1-wallets.csv":  file("WAL", 1, "line_ref;command;contract;wallet_id;card_number;card_expiry;email", 0, wallets...),
		"2-payments.csv": file("PAY", 2, "line_ref;command;contract;wallet_id;order_ref;amount;currency", total, paid...),
		"3-broken.csv":   "H;CARDBATCH;1;acme;BAD;3;TEST;2026-11-21T22:00:00Z\nC;line_ref;command\nT;1\n",
	}
}

const followed = 12

// followedUp makes the wallets, authorizations and payments that followUps acts on.
func followedUp(gateway simulated.Account) map[string]string {
	var wallets, authorized, made []string
	for i := range followed {
		wallets = append(wallets, fmt.Sprintf("W-%d;createWallet;1;CUST-%d;5123450000000008;0139;c%d@example.com", i, i, i))
		authorized = append(authorized, fmt.Sprintf("A-%d;doAuthorization;1;CUST-%d;AUTH-%d;1000;EUR", i, i, i))
		card := "4508750015741019;0139;"
		if gateway.NoNumbers {
			card = fmt.Sprintf(";;CUST-%d", i)
		}
		made = append(made, fmt.Sprintf("B-%d;doAuthorization;1;%s;BUY-%d;1000;EUR", i, card, i))
	}
	return map[string]string{
		"1-wallets.csv":    file("WAL", 1, "line_ref;command;contract;wallet_id;card_number;card_expiry;email", 0, wallets...),
		"2-authorized.csv": file("AUT", 2, "line_ref;command;contract;wallet_id;order_ref;amount;currency", followed*1000, authorized...),
		"3-made.csv":       file("MADE", 3, "line_ref;command;contract;card_number;card_expiry;wallet_id;order_ref;amount;currency", followed*1000, made...),
	}
}

// followUps captures in two parts, refunds a part, resets; changes cards; and
// charges series, each with its first, cardholder-initiated transaction.
func followUps(made transactions) map[string]string {
	var follow, change, series []string
	for i := range followed {
		original := func(ref string) string { return made[fmt.Sprintf("%s-%d", ref, i)] }
		follow = append(follow,
			fmt.Sprintf("C1-%d;doCapture;%s;400;EUR", i, original("A")),
			fmt.Sprintf("C2-%d;doCapture;%s;600;EUR", i, original("A")),
			fmt.Sprintf("C3-%d;doCapture;%s;100;EUR", i, original("A")), // one too many
			fmt.Sprintf("K-%d;doReset;%s;;", i, original("B")))
		change = append(change, fmt.Sprintf("U-%d;updateWallet;1;CUST-%d;4508750015741019;0139", i, i))
		series = append(series,
			fmt.Sprintf("S1-%d;doImmediateWalletPayment;1;CUST-%d;FIRST-%d;500;EUR;INTERNET;AGR-%d;UNSCHEDULED", i, i, i, i),
			fmt.Sprintf("S2-%d;doImmediateWalletPayment;1;CUST-%d;NEXT-%d;500;EUR;MERCHANT;AGR-%d;", i, i, i, i))
	}
	return map[string]string{
		"4-follow.csv": file("FOL", 4, "line_ref;command;transaction_id;amount;currency", followed*1100, follow...),
		"5-change.csv": file("CHG", 5, "line_ref;command;contract;wallet_id;card_number;card_expiry", 0, change...),
		"6-series.csv": file("SER", 6, "line_ref;command;contract;wallet_id;order_ref;amount;currency;source;agreement_id;agreement_type", followed*1000, series...),
	}
}

// start runs the program once. killed tells that it died by SIGKILL.
func (w *world) start(environ ...string) (killed bool, code int) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), patience)
	defer cancel()
	c := w.command(ctx, environ...)
	var talk bytes.Buffer
	c.Stderr = &talk
	err := c.Run()
	if ctx.Err() != nil {
		w.t.Fatalf("the run did not end within %s:\n%s", patience, &talk)
	}
	return w.ending(c, err, &talk)
}

func (w *world) command(ctx context.Context, environ ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, killable.Program, "--config", filepath.Join(w.dir, "cardbatch.yaml"), "--clock", w.clock, "run")
	c.Env = append(os.Environ(), environ...)
	return c
}

func (w *world) ending(c *exec.Cmd, err error, talk *bytes.Buffer) (killed bool, code int) {
	w.t.Helper()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		w.t.Fatal(err)
	}
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signaled() && status.Signal() == syscall.SIGKILL {
		return true, 0
	}
	// 10: the broken file, 11: a file ahead of its number; anything above a normal ending is a finding of this test.
	if code := status.ExitStatus(); code != 0 && code != 10 && code != 11 && code != 14 && code != 12 && code != 13 {
		w.t.Fatalf("exit code %d:\n%s", code, talk)
	}
	return false, status.ExitStatus()
}

// finish runs the program until a run comes to its end with nothing left.
func (w *world) finish() {
	w.t.Helper()
	for range restarts {
		if killed, code := w.start(); !killed && (code == 0 || code == 10) {
			return
		}
	}
	w.t.Fatalf("not done after %d runs", restarts)
}

// named are the columns of names that a gateway gives.
var named = []string{"transaction_id", "authorization_number", "network_transaction_id"}

// comparable blots out what differs from one simulator to the next.
func (w *world) comparable(name, content string) string {
	if !w.gateway.NamesTransactions || strings.HasSuffix(name, ".ack.csv") {
		return content
	}
	var columns []string
	var out strings.Builder
	for line := range strings.Lines(content) {
		fields := strings.Split(line, ";")
		if fields[0] == "C" {
			columns = fields
		}
		for i := range fields {
			if fields[0] == "D" && fields[i] != "" && slices.Contains(named, columns[i]) {
				fields[i] = "named"
			}
		}
		out.WriteString(strings.Join(fields, ";"))
	}
	return out.String()
}

// answers are the files in the outbound folder.
func (w *world) answers() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	entries, err := os.ReadDir(filepath.Join(w.dir, "out"))
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range entries {
		content, err := os.ReadFile(filepath.Join(w.dir, "out", e.Name()))
		if err != nil {
			w.t.Fatal(err)
		}
		all[e.Name()] = string(content)
	}
	return all
}

// check compares the world with an undisturbed one.
func (w *world) check(want map[string]string) {
	w.t.Helper()
	got := w.answers()
	for name, content := range want {
		if want, got := w.comparable(name, content), w.comparable(name, got[name]); got != want {
			w.t.Errorf("%s differs from the undisturbed run:\n%s", name, difference(want, got))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			w.t.Errorf("%s was not made by the undisturbed run", name)
		}
	}
	approved := 0
	for name, content := range got {
		for line := range strings.Lines(content) {
			fields := strings.Split(line, ";")
			if !strings.HasSuffix(name, ".res.csv") || fields[0] != "D" || !batch.Command(fields[3]).MovesMoney() {
				continue
			}
			if fields[4] == "approved" {
				approved++
			}
			if n := w.simulator.Charges(string(batch.NewKey("acme", batch.LineRef(fields[2]), 1))); n > 1 || n == 1 != (fields[4] == "approved") {
				w.t.Errorf("%s: line %s is %s and had %d effects at the gateway", name, fields[2], fields[4], n)
			}
		}
	}
	if effects := int(w.simulator.Stats().Charges); effects != approved {
		w.t.Errorf("%d effects at the gateway, %d approved lines in the RESULT files", effects, approved)
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "state", "outbox")); err != nil || len(left) > 0 {
		w.t.Errorf("the outbox holds %v, %v", left, err)
	}
	for name := range w.files {
		if _, err := os.Stat(filepath.Join(w.dir, "in", name)); err == nil {
			w.t.Errorf("%s still lies in the inbound folder", name)
		}
	}
}

func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	var out strings.Builder
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			fmt.Fprintf(&out, "- %s\n+ %s\n", x, y)
		}
	}
	return out.String()
}

// undisturbed runs a night in peace. It returns its answers and the transitions that it passed.
func undisturbed(t *testing.T, gateway simulated.Account, night scenario) (answers map[string]string, transitions []string) {
	t.Helper()
	w := newWorld(t, gateway, night)
	trace := filepath.Join(w.dir, "trace")
	w.start("CARDBATCH_KILL_TRACE=" + trace)
	content, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	w.finish()
	answers = w.answers()
	w.check(answers)
	if n := int(w.simulator.Stats().Charges); n < night.effects {
		t.Fatalf("only %d lines had an effect: the scenario is not what it should be:\n%v", n, answers)
	}
	return answers, strings.Split(strings.TrimSpace(string(content)), "\n")
}

// eachNight runs a test for every kind of gateway and every scenario.
func eachNight(t *testing.T, test func(t *testing.T, gateway simulated.Account, night scenario)) {
	for _, gateway := range simulated.Accounts {
		for _, night := range scenarios {
			t.Run(gateway.Kind+": "+night.name, func(t *testing.T) { test(t, gateway, night) })
		}
	}
}

func TestKilledAtEveryTransitionTheProgramEndsAsIfUndisturbed(t *testing.T) {
	eachNight(t, func(t *testing.T, gateway simulated.Account, night scenario) {
		want, passed := undisturbed(t, gateway, night)
		count := map[string]int{}
		for _, name := range passed {
			count[name]++
		}
		t.Logf("%d transitions of %d kinds", len(passed), len(count))
		for _, name := range slices.Sorted(maps.Keys(count)) {
			for _, nth := range moments(count[name]) {
				t.Run(fmt.Sprintf("%s, time %d", name, nth), func(t *testing.T) {
					t.Parallel()
					w := newWorld(t, gateway, night)
					if killed, _ := w.start(fmt.Sprintf("CARDBATCH_KILL_AT=%s:%d", name, nth)); !killed {
						t.Log("this order of events did not come up to that moment")
					}
					w.finish()
					w.check(want)
				})
			}
		}
	})
}

// moments of a transition passed n times at which to kill: the first, one in the
// middle, the last.
func moments(n int) []int {
	all := []int{1, (n + 1) / 2, n}
	slices.Sort(all)
	return slices.Compact(all)
}

// killsWanted is how often to kill at random: CARDBATCH_KILLS, or so many.
func killsWanted(t *testing.T, usual int) int {
	t.Helper()
	text := os.Getenv("CARDBATCH_KILLS")
	if text == "" {
		return usual
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("CARDBATCH_KILLS: %v", err)
	}
	return n
}

func TestKilledAtRandomMomentsTheProgramEndsAsIfUndisturbed(t *testing.T) {
	kills := killsWanted(t, 6) // of each kind of gateway
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	eachNight(t, func(t *testing.T, gateway simulated.Account, night scenario) {
		want, _ := undisturbed(t, gateway, night)
		w := newWorld(t, gateway, night)
		began := time.Now()
		w.start()
		whole := time.Since(began)
		done := 0
		for done < (kills+1)/2 {
			w := newWorld(t, gateway, night)
			for range 4 {
				if w.killAfter(time.Duration(random.Int64N(int64(whole)))) {
					done++
				}
			}
			w.finish()
			w.check(want)
			if t.Failed() {
				t.Fatalf("after %d kills", done)
			}
		}
		t.Logf("%d kills", done)
	})
}

// killAfter starts the program and kills it after the delay, unless it has ended by then.
func (w *world) killAfter(delay time.Duration) (killed bool) {
	w.t.Helper()
	c := w.command(w.t.Context())
	if err := c.Start(); err != nil {
		w.t.Fatal(err)
	}
	timer := time.AfterFunc(delay, func() { _ = c.Process.Kill() })
	defer timer.Stop()
	err := c.Wait()
	killed, _ = w.ending(c, err, &bytes.Buffer{})
	return killed
}
