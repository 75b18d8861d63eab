package storetest

import (
	"bytes"
	"errors"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// end takes a file of lines to delivered, all approved.
func (w *world) end(lines []store.StagedLine) batch.File {
	w.Helper()
	f := w.accept(lines)
	for _, l := range lines {
		w.record(f, batch.Approved, l.Line.No)
	}
	w.answer(f, start)
	w.deliver(f)
	return w.file(f.ID)
}

func (w *world) deliver(f batch.File) {
	w.Helper()
	answers, err := w.Answers(w.ctx, f.ID, true)
	w.must(err)
	for _, a := range answers {
		w.must(w.s.Delivered(w.ctx, a.ID, start))
	}
}

// ever is later than everything that a test wrote.
var ever = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

var retentionTests = []test{
	{"files that ended before a time are forgotten, but for their record", func(w *world) {
		f := w.end(payments(3))
		n, err := w.s.Forget(w.ctx, start.AddDate(-10, 0, 0))
		w.must(err)
		equal(w, "forgotten too early", n, 0)
		n, err = w.s.Forget(w.ctx, ever)
		w.must(err)
		equal(w, "forgotten", n, 1)
		diff(w, "file", w.file(f.ID), f)
		equal(w, "lines", len(w.lines(f.ID)), 0)
		answers, err := w.Answers(w.ctx, f.ID, false)
		w.must(err)
		equal(w, "answers", len(answers), 0)
		_, found := w.namesakes(payments(3))
		equal(w, "namesakes", len(found), 0)
		n, err = w.s.Forget(w.ctx, ever)
		w.must(err)
		equal(w, "forgotten again", n, 0)
		if again := w.receiveAs(f.Name); again.NameSeries != 1 && again.ID != f.ID {
			equal(w, "series of the name", again.NameSeries, 2)
		}
		w.verified()
	}},
	{"what is open is never forgotten", func(w *world) {
		doubtful := w.accept(payments(2))
		w.record(doubtful, batch.InDoubt, 2)
		w.answer(doubtful, start)
		w.deliver(doubtful)
		waiting := w.accept(refs(payments(1), "w"))
		w.record(waiting, batch.Approved, 2)
		w.answer(waiting, start)
		running := w.accept(refs(payments(1), "r"))
		w.submit(running, 2)
		n, err := w.s.Forget(w.ctx, ever)
		w.must(err)
		equal(w, "forgotten", n, 0)
		equal(w, "lines", len(w.lines(0)), 4)
	}},
	{"rejected and recalled files are forgotten once their answers are delivered", func(w *world) {
		rejected := w.decide(w.stage(w.receive(), payments(2)), batch.FileRejected, 2)
		w.must(w.s.End())
		w.begin()
		recalled := w.accept(refs(payments(2), "r"))
		w.must(w.s.Move(w.ctx, recalled.ID, batch.FileAccepted, batch.FileRecalled, start, ""))
		n, err := w.s.Forget(w.ctx, ever)
		w.must(err)
		equal(w, "forgotten while answers wait", n, 0)
		w.deliver(rejected)
		w.deliver(recalled)
		n, err = w.s.Forget(w.ctx, ever)
		w.must(err)
		equal(w, "forgotten", n, 2)
		equal(w, "lines", len(w.lines(recalled.ID)), 0)
		w.verified()
	}},
	{"sealed fields that want it are sealed again, within the limit", func(w *world) {
		w.keep(fullWallet("C"))
		sealed := func(s *store.StagedLine) { s.Sealed = []byte("old line") }
		f := w.accept([]store.StagedLine{with(payment(2), sealed), with(payment(3), sealed), payment(4)})
		w.record(f, batch.Approved, 3) // its number is gone
		old := func(sealed []byte) bool { return !bytes.HasPrefix(sealed, []byte("new")) }
		bindings := map[string]bool{}
		renew := func(sealed []byte, bound string) ([]byte, error) {
			bindings[bound] = true
			return append([]byte("new "), sealed...), nil
		}
		for _, want := range []int{1, 1, 0} {
			n, err := w.s.Reseal(w.ctx, old, renew, 1)
			w.must(err)
			equal(w, "resealed", n, want)
		}
		diff(w, "bindings", bindings, map[string]bool{
			batch.LineBinding(acme, "INV-2"): true, batch.CardBinding(acme, "C", 2): true,
		})
		equal(w, "sealed line", string(w.line(at(f, 2)).Sealed), "new old line")
		equal(w, "sealed card", string(w.wallet("C").Cards[1].Sealed), "new \x01\x02")
		broken := errors.New("no such key")
		_, err := w.s.Reseal(w.ctx, func([]byte) bool { return true }, func([]byte, string) ([]byte, error) { return nil, broken }, 9)
		w.is(err, broken)
		w.verified()
	}},
}
