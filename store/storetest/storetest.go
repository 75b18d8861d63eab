// Package storetest is the conformance suite of the stores: every promise of the
// contract in package store, as a sentence. An engine passes it whole; what only one
// engine can be asked (a copied file, an altered row) is tested beside that engine.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

// Fixture is one new, empty TEST store.
type Fixture struct {
	// Open opens the store once more, as another process would; tests close what they open.
	Open func(t *testing.T, mode batch.Mode) (store.Store, error)
	// Break takes the lock away from the session that holds it, as the loss of a
	// connection or of a lock file does.
	Break func(t *testing.T)
}

// Run runs the suite. Each test has a fixture of its own.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	for _, group := range []struct {
		name  string
		tests []test
	}{
		{"sessions", sessionTests},
		{"files", fileTests},
		{"staging", stagingTests},
		{"namesakes", namesakeTests},
		{"verdicts", verdictTests},
		{"submission", submissionTests},
		{"wallets", walletTests},
		{"answers", answerTests},
		{"follow-up files", followUpTests},
		{"notifications", notificationTests},
		{"journal", journalTests},
		{"retention", retentionTests},
		{"partners", partnerTests},
		{"ingestion", ingestTests},
		{"account updaters", updaterTests},
		{"card updates", updateTests},
		{"card orders", orderTests},
		{"update reports", updateReportTests},
		{"properties", propertyTests},
	} {
		t.Run(group.name, func(t *testing.T) {
			for _, test := range group.tests {
				t.Run(test.name, func(t *testing.T) { test.run(newWorld(t, fixture(t))) })
			}
		})
	}
}

type test struct {
	name string
	run  func(*world)
}

// start is the time at which every test begins; clocks of engines are their own.
var start = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

const (
	acme    = batch.MerchantID("acme")
	gateway = batch.GatewayName("sim")
)

var actor = store.Actor{Name: "run", Version: "v1.2.3", Config: "c0ffee"}

// world is a store with a session, and what tests do with it.
type world struct {
	*testing.T
	fixture Fixture
	store.Store
	s     store.Session
	ctx   context.Context
	files int
}

func newWorld(t *testing.T, f Fixture) *world {
	w := &world{T: t, fixture: f, ctx: t.Context()}
	w.Store = w.open()
	w.begin()
	return w
}

func (w *world) open() store.Store {
	w.Helper()
	s, err := w.fixture.Open(w.T, batch.Test)
	if err != nil {
		w.Fatal(err)
	}
	w.Cleanup(func() { w.must(s.Close()) })
	return s
}

func (w *world) begin() {
	w.Helper()
	s, err := w.Begin(w.ctx, actor)
	if err != nil {
		w.Fatal(err)
	}
	w.s = s
	w.Cleanup(func() { w.must(s.End()) })
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) is(err, want error) {
	w.Helper()
	if !errors.Is(err, want) {
		w.Fatalf("got error %v, want %v", err, want)
	}
}

func equal[T comparable](w *world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Fatalf("%s is %v, want %v", what, got, want)
	}
}

// collect drains a sequence.
func collect[T any](w *world, seq iter.Seq2[T, error]) []T {
	w.Helper()
	var all []T
	for v, err := range seq {
		w.must(err)
		all = append(all, v)
	}
	return all
}

// receive records a new file with a name of its own.
func (w *world) receive() batch.File {
	w.Helper()
	w.files++
	return w.receiveAs(fmt.Sprintf("pay-%d.csv", w.files))
}

func (w *world) receiveAs(name string) batch.File {
	w.Helper()
	f, err := w.s.Receive(w.ctx, batch.File{
		Source: "erp", Name: name, Digest: fmt.Sprintf("%064x", w.files), Size: 100, ReceivedAt: start,
		Archived: name + ".age", Claim: "processing/" + name,
	})
	w.must(err)
	return f
}

// payment is a payment line of 10.00 EUR on a wallet of its own.
func payment(no int) store.StagedLine {
	return store.StagedLine{Gateway: gateway, Line: batch.Line{
		No: no, Ref: batch.LineRef(fmt.Sprintf("INV-%d", no)), Command: batch.DoImmediateWalletPayment, Contract: "1234567",
		WalletID: batch.WalletID(fmt.Sprintf("W-%d", no)), OrderRef: fmt.Sprintf("O-%d", no), AmountText: "1000", Currency: "EUR",
	}}
}

// with changes a staged line.
func with(s store.StagedLine, change func(*store.StagedLine)) store.StagedLine {
	change(&s)
	return s
}

// payments are lines 2 to n+1: line 1 is the header.
func payments(n int) []store.StagedLine {
	lines := make([]store.StagedLine, n)
	for i := range lines {
		lines[i] = payment(i + 2)
	}
	return lines
}

// refs renames the lines, so that files do not share references.
func refs(lines []store.StagedLine, prefix string) []store.StagedLine {
	for i := range lines {
		lines[i].Line.Ref = batch.LineRef(prefix) + lines[i].Line.Ref
	}
	return lines
}

func header(f batch.File) batch.File {
	f.Header = batch.Header{Merchant: acme, Ref: batch.FileRef("REF-" + f.Name), Mode: batch.Test, CreatedAt: start}
	f.Layout = batch.Layout{Separator: ';', Encoding: "UTF-8"}
	return f
}

// stage stages lines and records that the file was read whole.
func (w *world) stage(f batch.File, lines []store.StagedLine) batch.File {
	w.Helper()
	w.must(w.s.StageLines(w.ctx, f.ID, lines))
	f = header(f)
	w.must(w.s.Checked(w.ctx, f))
	return f
}

func (w *world) decide(f batch.File, state batch.FileState, lines int) batch.File {
	w.Helper()
	f.State, f.Lines, f.VerdictAt, f.Expected = state, lines, start.Add(time.Minute), 1
	if state != batch.FileAccepted && f.Verdict == "" {
		f.Verdict = batch.Limit
	}
	f.Totals = []money.Amount{{Minor: int64(lines) * 1000, Currency: "EUR"}}
	w.must(w.s.Decide(w.ctx, f))
	return w.file(f.ID)
}

// accept takes lines all the way to an accepted file.
func (w *world) accept(lines []store.StagedLine) batch.File {
	w.Helper()
	f := w.stage(w.receive(), lines)
	collect(w, w.s.Index(w.ctx, f.ID))
	return w.decide(f, batch.FileAccepted, len(lines))
}

func (w *world) file(id batch.FileID) batch.File {
	w.Helper()
	f, err := w.File(w.ctx, id)
	w.must(err)
	return f
}

func (w *world) line(at batch.LineAddress) batch.LineRecord {
	w.Helper()
	r, err := w.Line(w.ctx, at)
	w.must(err)
	return r
}

func (w *world) lines(id batch.FileID) []batch.LineRecord {
	w.Helper()
	return collect(w, w.Lines(w.ctx, store.LineQuery{File: id}))
}

func (w *world) queued(phase batch.Phase, after batch.LineAddress, limit int) []batch.LineRecord {
	w.Helper()
	lines, err := w.NextQueued(w.ctx, store.QueueQuery{Phase: phase, Gateway: gateway, After: after, Limit: limit})
	w.must(err)
	return lines
}

func at(f batch.File, no int) batch.LineAddress { return batch.LineAddress{File: f.ID, No: no} }

// submit makes lines of a file submitting.
func (w *world) submit(f batch.File, numbers ...int) {
	w.Helper()
	s := store.Submission{At: start.Add(time.Hour)}
	for _, no := range numbers {
		s.Sending = append(s.Sending, store.Sending{At: at(f, no), Attempt: 1})
	}
	w.must(w.s.Submit(w.ctx, s))
}

// outcome is an outcome of a submitting line.
func outcome(f batch.File, no int, to batch.LineState) store.LineOutcome {
	o := store.LineOutcome{At: at(f, no), Expect: batch.Submitting, To: to, Answer: batch.Answer{Code: "02306"}}
	if to == batch.Approved {
		o.Answer.Code, o.Answer.TransactionID = "00000", batch.TransactionID(fmt.Sprintf("T-%d-%d", f.ID, no))
	}
	if to.Final() {
		o.CompletedAt = start.Add(2 * time.Hour)
	}
	return o
}

// record submits lines and gives them outcomes.
func (w *world) record(f batch.File, to batch.LineState, numbers ...int) {
	w.Helper()
	w.submit(f, numbers...)
	var outcomes []store.LineOutcome
	for _, no := range numbers {
		outcomes = append(outcomes, outcome(f, no, to))
	}
	w.must(w.s.Record(w.ctx, outcomes))
}

// unchanged runs an operation that must fail with want and change nothing.
func (w *world) unchanged(f batch.File, want error, do func() error) {
	w.Helper()
	before, length := w.lines(f.ID), w.info().JournalLen
	err := do()
	w.is(err, want)
	diff(w, "lines", w.lines(f.ID), before)
	equal(w, "length of the journal", w.info().JournalLen, length)
	diff(w, "file", w.file(f.ID), f)
}

func (w *world) info() store.Info {
	w.Helper()
	info, err := w.Info(w.ctx)
	w.must(err)
	return info
}

// verified checks that the journal explains the state.
func (w *world) verified() {
	w.Helper()
	n, err := w.VerifyJournal(w.ctx)
	w.must(err)
	equal(w, "number of entries verified", n, w.info().JournalLen)
}
