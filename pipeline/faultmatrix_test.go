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
	"cardbatch/gateway/simulator/stage"
)

var update = flag.Bool("update", false, "write docs/fault-matrix.md anew")

const matrixPage = "../docs/fault-matrix.md"

// matrixCommand is a column of the matrix. $REF in its fields is the line's
// reference, $ORIGINAL the transaction that it follows up.
type matrixCommand struct {
	command batch.Command
	fields  string
}

// ref is the reference of the command's line.
func (x matrixCommand) ref(way string) batch.LineRef {
	return batch.LineRef(way + "-" + string(x.command))
}

var matrixCommands = []matrixCommand{
	{batch.CreateWallet, "contract=1 wallet_id=$REF card_number=4508750015741019 card_expiry=0139"},
	{batch.DoImmediateWalletPayment, "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"},
	{batch.DoAuthorization, "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"},
	{batch.DoCapture, "transaction_id=$ORIGINAL amount=100 currency=EUR"},
	{batch.DoRefund, "transaction_id=$ORIGINAL amount=100 currency=EUR"},
	{batch.DoReset, "transaction_id=$ORIGINAL"},
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
func promised(phase stage.Phase, command batch.Command) batch.LineState {
	switch phase {
	case stage.TooMany429, stage.Unauthorized:
		return batch.Queued // provably not taken
	case stage.DuplicateAnswer, stage.SlowDrip:
		return batch.Approved
	case stage.UnknownCode:
		return batch.Declined // a FAILURE is an answer, whatever its code
	case stage.Pending:
		if command != batch.CreateWallet { // a tokenization has no such answer
			return batch.Pending
		}
	}
	return batch.InDoubt
}

// delays keep the matrix short where a phase's own delay is meant for people.
var delays = map[stage.Phase]time.Duration{
	stage.SlowDrip:   20 * time.Microsecond,
	stage.LateCommit: 20 * time.Millisecond,
}

// racing are the phases that the race detector looks at: one of each kind.
var racing = []stage.Phase{stage.ResetAfter, stage.LateCommit, stage.DuplicateAnswer, stage.TooMany429, stage.Unauthorized, stage.Pending}

// played are the phases of this run of the test.
func played() []stage.PhaseInfo {
	all := stage.Phases()
	if raceDetector {
		all = slices.DeleteFunc(all, func(info stage.PhaseInfo) bool { return !slices.Contains(racing, info.Phase) })
	}
	return all
}

// matrix collects cells from tests that run side by side.
type matrix struct {
	mu    sync.Mutex
	cells map[string]string
}

func (m *matrix) set(way string, phase stage.Phase, command batch.Command, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.cells[way+" "+string(phase)+" "+string(command)] = text
}

// TestEveryFaultEndsInOneOutcomeAndAtMostOneCharge plays every phase of failure that
// the simulator has against every command that moves money or keeps a card.
func TestEveryFaultEndsInOneOutcomeAndAtMostOneCharge(t *testing.T) {
	m := &matrix{cells: map[string]string{}}
	t.Run("phases", func(t *testing.T) {
		for _, info := range played() {
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
	if *update && !raceDetector {
		if err := os.WriteFile(matrixPage, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Log("\n" + page)
	have, err := os.ReadFile(matrixPage)
	if err != nil {
		t.Fatal(err)
	}
	stale := string(have) != page
	if raceDetector { // only a part was played: each row of it must be on the page
		stale = slices.ContainsFunc(strings.SplitAfter(page, "\n"), func(row string) bool { return !strings.Contains(string(have), row) })
	}
	if stale {
		t.Errorf("%s is stale: run this test with -update, without the race detector", matrixPage)
	}
}

func playPhase(t *testing.T, m *matrix, info stage.PhaseInfo) {
	w := withWallets(t, 1)
	originals := w.originals()
	patience := map[string]time.Duration{lasting: 10 * time.Second, once: 10 * time.Second}
	if info.Phase == stage.StallBeforeCommit || info.Phase == stage.StallAfterCommit {
		patience[lasting] = 100 * time.Millisecond // every call stalls
		patience[once] = 2 * time.Second           // the others must have the time
	}
	settle := func(c *mastercard.Config) { c.Settle = time.Minute }
	healthy := w.connect(settle)
	for _, way := range []string{lasting, once} {
		sick := w.connect(func(c *mastercard.Config) { settle(c); c.Timeout = patience[way] })
		// The payments of a gateway wait for its wallet lines, so these go alone.
		for _, commands := range [][]matrixCommand{matrixCommands[:1], matrixCommands[1:]} {
			name := fmt.Sprintf("%s-%s", way, commands[0].command)
			file := sheet{ref: name, columns: anyColumns}
			for _, x := range commands {
				ref := x.ref(way)
				fields := strings.NewReplacer("$REF", string(ref), "$ORIGINAL", string(originals[ref])).Replace(x.fields)
				file.lines = append(file.lines, row(string(ref), string(x.command), fields))
				if way == once {
					fault := stage.Fault{Phase: info.Phase, Delay: delays[info.Phase]}
					if x.command.MovesMoney() {
						fault.Key = string(batch.NewKey(acme, ref, 1))
					}
					w.must(w.simulator.Plan(fault))
				}
			}
			if way == lasting {
				w.fail(stage.Fault{Phase: info.Phase, Delay: delays[info.Phase]})
				w.fail(stage.Fault{Phase: info.Phase, Operation: "RETRIEVE", Delay: delays[info.Phase]})
			}
			w.put(name+".csv", file.String())
			w.use(sick)
			tokens := w.simulator.Stats().Tokens
			w.run()
			first := w.lines(name + ".csv")
			result, _ := w.result(name + ".res.csv")

			w.simulator.Lift()
			if info.Phase == stage.LateCommit {
				w.eventually("the late commits", func() bool {
					for _, x := range commands {
						if x.command.MovesMoney() && w.charges(x.ref(way)) == 0 {
							return false
						}
					}
					return true
				})
			}
			w.use(healthy)
			w.later(time.Hour)
			w.calm()
			last := w.lines(name + ".csv")
			supplement := map[batch.LineRef]batch.ResultRow{}
			if w.read("out/"+name+".sup01.csv") != "" {
				supplement, _ = w.result(name + ".sup01.csv")
			}
			for _, x := range commands {
				ref := x.ref(way)
				t.Run(string(ref), func(t *testing.T) {
					whole := w.T
					w.T = t
					defer func() { w.T = whole }()
					w.atMostOnce(x.command, ref, last[ref], tokens)
					before, after := first[ref].State, last[ref].State
					if want := promised(info.Phase, x.command); way == lasting && before != want {
						t.Fatalf("under the fault it is %s, want %s", before, want)
					}
					if !after.Final() || before.Final() && before != after {
						t.Fatalf("it was %s, and after the fault it is %s", before, after)
					}
					if x.command.MovesMoney() && (w.charges(ref) == 1) != (after == batch.Approved) {
						t.Errorf("it is %s and was charged %d times", after, w.charges(ref))
					}
					if got := result[ref].Outcome; got != before.Outcome() {
						t.Errorf("the RESULT says %s, the line was %s", got, before)
					}
					cell := readable(before)
					if got, supplemented := supplement[ref]; supplemented == before.Final() {
						t.Errorf("the RESULT said %s; in the SUPPLEMENT: %v", before.Outcome(), supplemented)
					} else if supplemented {
						cell += ", then " + readable(after)
						if got.Outcome != after.Outcome() {
							t.Errorf("the SUPPLEMENT says %s, the line is %s", got.Outcome, after)
						}
					}
					m.set(way, info.Phase, x.command, cell)
				})
			}
		}
	}
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
		for _, info := range played() {
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
