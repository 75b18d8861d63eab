package pipeline_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
)

var update = flag.Bool("update", false, "write docs/fault-matrix.md anew")

const matrixPage = "../docs/fault-matrix.md"

// matrixCommands are the columns of the matrix. %[1]s is the line's reference,
// %[2]s the transaction that it follows up.
var matrixCommands = []struct {
	command batch.Command
	fields  string
}{
	{batch.CreateWallet, "contract=1 wallet_id=%[1]s card_number=4508750015741019 card_expiry=0139"},
	{batch.DoImmediateWalletPayment, "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"},
	{batch.DoAuthorization, "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"},
	{batch.DoCapture, "transaction_id=%[2]s amount=100 currency=EUR"},
	{batch.DoRefund, "transaction_id=%[2]s amount=100 currency=EUR"},
	{batch.DoReset, "transaction_id=%[2]s"},
}

// Ways in which a fault comes.
const (
	// lasting: everything fails so, look-ups too, until the fault is lifted.
	lasting = "lasting"
	// once: one call of the command fails so, look-ups work.
	once = "once"
)

// promised is how a line stands after the run that met a lasting fault; in doubt
// where nothing else is said.
func promised(phase simulator.Phase, command batch.Command) batch.LineState {
	switch phase {
	case simulator.TooMany429, simulator.Unauthorized:
		return batch.Queued // provably not taken
	case simulator.DuplicateAnswer, simulator.SlowDrip:
		return batch.Approved
	case simulator.UnknownCode:
		return batch.Declined // a FAILURE is an answer, whatever its code
	case simulator.Pending:
		if command != batch.CreateWallet { // a tokenization has no such answer
			return batch.Pending
		}
	}
	return batch.InDoubt
}

// delays keep the matrix short where a phase's own delay is meant for people.
var delays = map[simulator.Phase]time.Duration{
	simulator.SlowDrip:   20 * time.Microsecond,
	simulator.LateCommit: 20 * time.Millisecond,
}

// matrix collects cells from tests that run side by side.
type matrix struct {
	mu    sync.Mutex
	cells map[string]string
}

func (m *matrix) set(way string, phase simulator.Phase, command batch.Command, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[way+" "+string(phase)+" "+string(command)] = text
}

// TestEveryFaultEndsInOneOutcomeAndAtMostOneCharge plays every phase of failure that
// the simulator has against every command that moves money or keeps a card.
func TestEveryFaultEndsInOneOutcomeAndAtMostOneCharge(t *testing.T) {
	m := &matrix{cells: map[string]string{}}
	t.Run("phases", func(t *testing.T) {
		for _, info := range simulator.Phases() {
			t.Run(string(info.Phase), func(t *testing.T) {
				t.Parallel()
				playPhase(t, m, info)
			})
		}
	})
	if t.Failed() {
		return
	}
	page := m.markdown()
	t.Log("\n" + page)
	if *update {
		if err := os.WriteFile(matrixPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	have, err := os.ReadFile(matrixPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != page {
		t.Errorf("%s is stale: run this test with -update", matrixPage)
	}
}

func playPhase(t *testing.T, m *matrix, info simulator.PhaseInfo) {
	w := withWallets(t, 1)
	originals := w.originals()
	patience := 10 * time.Second
	if info.Phase == simulator.StallBeforeCommit || info.Phase == simulator.StallAfterCommit {
		patience = 100 * time.Millisecond // every call under the fault stalls
	}
	settle := func(c *mastercard.Config) { c.Settle = time.Minute }
	healthy := w.connect(settle)
	sick := w.connect(func(c *mastercard.Config) { settle(c); c.Timeout = patience })

	for _, way := range []string{lasting, once} {
		for _, x := range matrixCommands {
			ref := batch.LineRef(way + "-" + string(x.command))
			t.Run(string(ref), func(t *testing.T) {
				w.T = t
				fields := fmt.Sprintf(x.fields, ref, originals[ref])
				if strings.Contains(fields, "%!") {
					fields, _, _ = strings.Cut(fields, "%!")
				}
				w.put(string(ref)+".csv", sheet{ref: string(ref), columns: anyColumns, lines: []string{row(string(ref), string(x.command), fields)}}.String())
				w.use(sick)
				if way == lasting {
					w.fail(simulator.Fault{Phase: info.Phase, Delay: delays[info.Phase]})
					w.fail(simulator.Fault{Phase: info.Phase, Operation: "RETRIEVE", Delay: delays[info.Phase]})
				} else {
					w.must(w.simulator.Plan(simulator.Fault{Phase: info.Phase, Delay: delays[info.Phase]}))
				}
				tokens := w.simulator.Stats().Tokens
				w.run()
				first := w.standing(ref)
				w.atMostOnce(x.command, ref, first, tokens)
				if want := promised(info.Phase, x.command); way == lasting && first.State != want {
					t.Fatalf("under the fault it is %s, want %s", first.State, want)
				}
				rows, _ := w.result(string(ref) + ".res.csv")
				if rows[ref].Outcome != first.State.Outcome() {
					t.Errorf("the RESULT says %s, the line is %s", rows[ref].Outcome, first.State)
				}

				w.simulator.Lift()
				if info.Phase == simulator.LateCommit && x.command.MovesMoney() {
					w.eventually("the late commit", func() bool { return w.charges(ref) > 0 })
				}
				w.use(healthy)
				w.later(time.Hour)
				w.calm()
				last := w.standing(ref)
				w.atMostOnce(x.command, ref, last, tokens)
				if !last.State.Final() {
					t.Fatalf("after the fault it is %s", last.State)
				}
				if x.command.MovesMoney() && (w.charges(ref) == 1) != (last.State == batch.Approved) {
					t.Errorf("it is %s and was charged %d times", last.State, w.charges(ref))
				}
				supplement := w.read("out/" + string(ref) + ".sup01.csv")
				if (supplement != "") != !first.State.Final() {
					t.Errorf("the RESULT said %s, and the SUPPLEMENT is %q", first.State, supplement)
				}
				cell := readable(first.State)
				if !first.State.Final() {
					rows, _ := w.result(string(ref) + ".sup01.csv")
					if rows[ref].Outcome != last.State.Outcome() {
						t.Errorf("the SUPPLEMENT says %s, the line is %s", rows[ref].Outcome, last.State)
					}
					cell += ", then " + readable(last.State)
				} else if last.State != first.State {
					t.Errorf("%s became %s", first.State, last.State)
				}
				m.set(way, info.Phase, x.command, cell)
			})
		}
	}
	w.T = t
}

func readable(s batch.LineState) string { return strings.ReplaceAll(string(s.Outcome()), "_", " ") }

// originals makes what the follow-ups of the matrix act on.
func (w *world) originals() map[batch.LineRef]batch.TransactionID {
	w.Helper()
	all := map[batch.LineRef]batch.TransactionID{}
	file := sheet{ref: "ORIGINALS", columns: anyColumns}
	for _, way := range []string{lasting, once} {
		for command, original := range map[batch.Command]batch.Command{
			batch.DoCapture: batch.DoAuthorization, batch.DoReset: batch.DoAuthorization, batch.DoRefund: batch.DoImmediateWalletPayment,
		} {
			file.lines = append(file.lines, row("original-"+way+"-"+string(command), string(original), "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"))
		}
	}
	slices.Sort(file.lines)
	w.put("originals.csv", file.String())
	w.calm()
	for ref, rec := range w.lines("originals.csv") {
		all[batch.LineRef(strings.TrimPrefix(string(ref), "original-"))] = rec.Answer.TransactionID
	}
	w.later(time.Hour)
	return all
}

func (w *world) standing(ref batch.LineRef) batch.LineRecord {
	w.Helper()
	return w.lines(string(ref) + ".csv")[ref]
}

func (w *world) atMostOnce(command batch.Command, ref batch.LineRef, rec batch.LineRecord, tokensBefore int64) {
	w.Helper()
	if n := w.charges(ref); n > 1 {
		w.Fatalf("charged %d times", n)
	}
	if rec.Attempt > 1 {
		w.Errorf("attempt %d: another key than the first", rec.Attempt)
	}
	if rec.State == batch.Approved && command == batch.CreateWallet {
		card, ok := w.wallet(batch.WalletID(ref)).Card(0)
		if !ok || card.Token == "" || w.simulator.Stats().Tokens == tokensBefore {
			w.Errorf("approved, and the wallet keeps %+v", card)
		}
	}
}

// eventually waits for what happens on its own, elsewhere.
func (w *world) eventually(what string, done func() bool) {
	w.Helper()
	for deadline := time.Now().Add(20 * time.Second); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("waited in vain for %s", what)
		}
	}
}

const matrixHead = `# Fault matrix

What becomes of a line when its call to the gateway fails, for every way of failing
that the [simulator](simulator.md) plays and every command that moves money or
keeps a card. A test plays the whole matrix with the real store, the real connector
and the real drop folders, checks every cell, and writes this page
(` + "`go test ./pipeline -run EveryFault -update`" + `); it fails when the page is stale.

In every cell, after every run: at most one charge at the gateway, under one key.
At the end: one final outcome, a charge if and only if it is *approved*, and a
SUPPLEMENT if and only if the RESULT had gone out without a final outcome.
`

func (m *matrix) markdown() string {
	var b strings.Builder
	b.WriteString(matrixHead)
	for _, way := range []struct{ name, title string }{
		{lasting, `
## The gateway fails whatever it is asked

Look-ups fail alike. The first word is how the line stands after that run, and what
its RESULT says; after *then*, what the next run makes of it once the gateway is well.

`},
		{once, `
## One call fails

Look-ups work, and so does the next call. The run itself resolves what it can.

`},
	} {
		b.WriteString(way.title + "| Phase | What the caller sees | Carried out |")
		rule := "|---|---|---|"
		for _, x := range matrixCommands {
			b.WriteString(" " + string(x.command) + " |")
			rule += "---|"
		}
		b.WriteString("\n" + rule + "\n")
		for _, info := range simulator.Phases() {
			carriedOut := map[bool]string{true: "yes", false: "no"}[info.Commits]
			fmt.Fprintf(&b, "| `%s` | %s | %s |", info.Phase, info.Says, carriedOut)
			for _, x := range matrixCommands {
				fmt.Fprintf(&b, " %s |", m.cells[way.name+" "+string(info.Phase)+" "+string(x.command)])
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}
