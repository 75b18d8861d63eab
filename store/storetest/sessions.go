package storetest

import (
	"context"
	"errors"
	"sync"

	"cardbatch/batch"
	"cardbatch/store"
)

var sessionTests = []test{
	{"a second session is refused at once, with the holder's name", func(w *world) {
		_, err := w.open().Begin(w.ctx, store.Actor{Name: "resolve"})
		var locked *store.LockedError
		if !errors.As(err, &locked) {
			w.Fatalf("got %v, want a LockedError", err)
		}
		equal(w, "actor", locked.Actor, actor.Name)
		if locked.PID == 0 || locked.Host == "" || locked.Since.IsZero() {
			w.Fatalf("the holder is not told whole: %+v", locked)
		}
	}},
	{"the lock is free after the session ended, and the fence rises", func(w *world) {
		first := w.s.Fence()
		w.must(w.s.End())
		w.must(w.s.End())
		w.begin()
		equal(w, "fence", w.s.Fence(), first+1)
		equal(w, "fence of the store", w.info().Fence, first+1)
	}},
	{"a session that lost the lock writes nothing", func(w *world) {
		f := w.accept(payments(2))
		w.fixture.Break(w.T)
		other, err := w.open().Begin(w.ctx, store.Actor{Name: "other"})
		w.must(err)
		defer other.End()
		w.unchanged(f, store.ErrFenced, func() error {
			return w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1}}})
		})
		w.is(w.s.Note(w.ctx, "note", "still here"), store.ErrFenced)
		_, err = w.s.Receive(w.ctx, batch.File{Source: "erp", Name: "late.csv", Claim: "late.csv"})
		w.is(err, store.ErrFenced)
		w.must(other.Note(w.ctx, "note", "I am"))
	}},
	{"a session that has ended writes nothing", func(w *world) {
		w.must(w.s.End())
		w.is(w.s.Note(w.ctx, "note", ""), store.ErrFenced)
	}},
	{"reading needs no lock", func(w *world) {
		f := w.accept(payments(2))
		reader := w.open()
		got, err := reader.File(w.ctx, f.ID)
		w.must(err)
		diff(w, "file", got, f)
	}},
	{"a store of the other environment cannot be written", func(w *world) {
		w.must(w.s.End())
		live, err := w.fixture.Open(w.T, batch.Live)
		if err == nil {
			defer live.Close()
			_, err = live.Begin(w.ctx, actor)
			w.is(live.Adopt(w.ctx, actor, "wrong world"), store.ErrEnvironment)
		}
		w.is(err, store.ErrEnvironment)
	}},
	{"adopting writes its reason into the journal and frees the lock", func(w *world) {
		w.must(w.s.End())
		before := w.info().JournalLen
		w.must(w.Adopt(w.ctx, actor, "restored on purpose"))
		entries := collect(w, w.Journal(w.ctx, before+1))
		equal(w, "number of entries", len(entries), 1)
		equal(w, "kind", entries[0].Kind, "adopt")
		w.begin()
	}},
	{"what was written is there for whoever opens the store next", func(w *world) {
		f := w.accept(payments(3))
		w.record(f, batch.Approved, 2)
		again := w.open()
		tally, err := again.Tally(w.ctx, f.ID)
		w.must(err)
		equal(w, "approved", tally.ByState[batch.Approved], 1)
	}},
	{"a write that is asked for under a cancelled context does not begin", func(w *world) {
		f := w.accept(payments(1))
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		w.unchanged(f, context.Canceled, func() error { return w.s.Note(ctx, "note", "") })
	}},
	{"a session and the store may be used by many goroutines", func(w *world) {
		f := w.accept(payments(40))
		var group sync.WaitGroup
		for no := 2; no <= 41; no++ {
			group.Go(func() {
				s := store.Submission{At: start, Sending: []store.Sending{{At: at(f, no), Attempt: 1}}}
				if err := w.s.Submit(w.ctx, s); err != nil {
					w.Error(err)
				}
				if _, err := w.Tally(w.ctx, f.ID); err != nil {
					w.Error(err)
				}
			})
		}
		group.Wait()
		equal(w, "submitting", w.info().LinesSubmitting, 40)
		w.verified()
	}},
	{"what is not there is ErrNotFound", func(w *world) {
		f := w.accept(payments(1))
		_, err := w.File(w.ctx, 99)
		w.is(err, store.ErrNotFound)
		_, err = w.Line(w.ctx, at(f, 99))
		w.is(err, store.ErrNotFound)
		_, err = w.LineByRef(w.ctx, f.ID, "nobody")
		w.is(err, store.ErrNotFound)
		_, err = w.Tally(w.ctx, 99)
		w.is(err, store.ErrNotFound)
		for _, err := range w.AnswerLines(w.ctx, f.ID, 0) {
			w.is(err, store.ErrNotFound)
		}
		w.is(w.s.Built(w.ctx, 99, 1, "d"), store.ErrNotFound)
		w.is(w.s.Claimed(w.ctx, 99, ""), store.ErrNotFound)
		w.is(w.s.Purged(w.ctx, 99), store.ErrNotFound)
		w.is(w.s.Record(w.ctx, []store.LineOutcome{outcome(batch.File{ID: 99}, 2, batch.Approved)}), store.ErrNotFound)
	}},
}
