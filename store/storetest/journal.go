package storetest

import (
	"encoding/json"
	"slices"

	"cardbatch/batch"
	"cardbatch/store"
)

// kinds lists the kinds of entries.
func kinds(entries []store.Entry) []string {
	var list []string
	for _, e := range entries {
		list = append(list, e.Kind)
	}
	return list
}

var journalTests = []test{
	{"every write appends one entry to a chain of hashes", func(w *world) {
		f := w.accept(payments(3))
		w.record(f, batch.Approved, 2, 4)
		w.must(w.s.Note(w.ctx, "run end", "all done"))
		entries := collect(w, w.Journal(w.ctx, 1))
		diff(w, "kinds", kinds(entries), []string{"begin", "receive", "checked", "index", "decide", "submit", "record", "run end"})
		previous := ""
		for i, e := range entries {
			equal(w, "number", e.Number, int64(i+1))
			equal(w, "previous", e.Previous, previous)
			equal(w, "hash", e.Hash, e.Sum())
			equal(w, "actor", store.Actor{Name: e.Actor, Version: e.Version, Config: e.Config}, actor)
			equal(w, "fence", e.Fence, w.s.Fence())
			previous = e.Hash
		}
		equal(w, "head", w.info().JournalHead, previous)
		diff(w, "later entries", kinds(collect(w, w.Journal(w.ctx, 7))), []string{"record", "run end"})
		w.verified()
	}},
	{"an entry names transitions by ranges of lines, with code and attempt", func(w *world) {
		f := w.accept(payments(6))
		w.submit(f, 2, 3, 4, 6)
		group := []store.LineOutcome{outcome(f, 2, batch.Approved), outcome(f, 3, batch.Approved), outcome(f, 6, batch.Approved), outcome(f, 4, batch.Declined)}
		group[3].Reason = "operator's word"
		w.must(w.s.Record(w.ctx, group))
		entries := collect(w, w.Journal(w.ctx, 1))
		last := entries[len(entries)-1]
		equal(w, "file", last.File, f.ID)
		var body store.Body
		w.must(json.Unmarshal([]byte(last.Body), &body))
		for i := range body.Lines {
			if body.Lines[i].Sum == 0 {
				w.Fatal("a final outcome is not bound")
			}
			body.Lines[i].Sum = 0
		}
		diff(w, "lines", body.Lines, []store.LineChange{
			{File: f.ID, From: batch.Submitting, To: batch.Approved, Code: "00000", Attempt: 1, At: store.Ranges{{2, 3}, {6, 6}}},
			{File: f.ID, From: batch.Submitting, To: batch.Declined, Code: "02306", Attempt: 1, Reason: "operator's word", At: store.Ranges{{4, 4}}},
		})
	}},
	{"the history of a line is what concerns it and its file", func(w *world) {
		f := w.accept(payments(4))
		other := w.accept(refs(payments(3), "b"))
		w.submit(f, 2, 4)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{outcome(f, 2, batch.Approved)}))
		w.must(w.s.Record(w.ctx, []store.LineOutcome{outcome(f, 4, batch.InDoubt)}))
		w.submit(f, 3, 5)
		w.submit(other, 2)
		w.answer(f, start)
		diff(w, "history of 2", kinds(collect(w, w.History(w.ctx, at(f, 2)))), []string{"receive", "checked", "index", "decide", "submit", "record", "answer"})
		diff(w, "history of 4", kinds(collect(w, w.History(w.ctx, at(f, 4)))), []string{"receive", "checked", "index", "decide", "submit", "record", "answer"})
		// The first submit began its file, the second sent it.
		diff(w, "history of 3", kinds(collect(w, w.History(w.ctx, at(f, 3)))), []string{"receive", "checked", "index", "decide", "submit", "submit", "answer"})
		diff(w, "history of another file's", kinds(collect(w, w.History(w.ctx, at(other, 3)))), []string{"receive", "checked", "index", "decide", "submit"})
	}},
	{"the journal explains the state after everything", func(w *world) {
		for i, state := range []batch.FileState{batch.FileAccepted, batch.FileHeld, batch.FileRejected} {
			lines := refs(payments(3), string(rune('a'+i)))
			lines[2].Refused = "02614"
			f := w.stage(w.receive(), lines)
			collect(w, w.s.Index(w.ctx, f.ID))
			w.must(w.s.RefuseStaged(w.ctx, f.ID, []int{3}, "02302"))
			w.decide(f, state, 3)
			w.verified()
		}
		w.receive()
		w.verified()
		w.must(w.s.End())
		w.begin()
		w.verified()
	}},
	{"sets of line numbers are written and read as ranges", func(w *world) {
		lines := []int{7, 2, 3, 9, 4, 10}
		r := store.RangesOf(slices.Clone(lines))
		text, err := r.MarshalText()
		w.must(err)
		equal(w, "text", string(text), "2-4,7,9-10")
		var again store.Ranges
		w.must(again.UnmarshalText(text))
		diff(w, "ranges", again, r)
		equal(w, "count", r.Count(), len(lines))
		for n := range 12 {
			equal(w, "membership", r.Contains(n), slices.Contains(lines, n))
		}
	}},
}
