package storetest

import (
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// answer makes the next answer of a file.
func (w *world) answer(f batch.File, at time.Time) store.AnswerFile {
	w.Helper()
	a, err := w.s.Answer(w.ctx, f.ID, at)
	w.must(err)
	return a
}

func (w *world) answerLines(f batch.File, number int) []batch.LineRecord {
	w.Helper()
	return collect(w, w.AnswerLines(w.ctx, f.ID, number))
}

// resolve gives a line that is not final its end.
func (w *world) resolve(f batch.File, no int, from, to batch.LineState) {
	w.Helper()
	o := outcome(f, no, to)
	o.Expect, o.Reason = from, "settlement file"
	w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
}

var answerTests = []test{
	{"a result holds every line as it stood, for ever", func(w *world) {
		lines := payments(6)
		for i := range lines {
			lines[i].Sealed = []byte{9}
		}
		f := w.accept(lines)
		w.record(f, batch.Approved, 2)
		w.record(f, batch.Declined, 3)
		w.record(f, batch.Pending, 4)
		w.record(f, batch.InDoubt, 5)
		w.submit(f, 6)
		want := w.lines(f.ID)
		for i := range want {
			want[i].Sealed = nil
		}
		made := w.answer(f, start.Add(3*time.Hour))
		diff(w, "answer", made, store.AnswerFile{ID: made.ID, File: f.ID, Kind: store.Result, Name: "pay-1.res.csv", CreatedAt: start.Add(3 * time.Hour)})
		equal(w, "file", w.file(f.ID).State, batch.FileAnswered)
		equal(w, "answered at", w.file(f.ID).AnsweredAt, start.Add(3*time.Hour))
		diff(w, "result", w.answerLines(f, 0), want)

		w.resolve(f, 4, batch.Pending, batch.InDoubt)
		w.resolve(f, 5, batch.InDoubt, batch.Approved)
		w.resolve(f, 6, batch.Submitting, batch.Declined)
		w.record(f, batch.Approved, 7)
		diff(w, "result later", w.answerLines(f, 0), want)
		w.verified()
	}},
	{"a supplement holds the lines that became final since, and stays", func(w *world) {
		f := w.accept(payments(5))
		w.record(f, batch.Approved, 2)
		w.record(f, batch.Pending, 3, 4)
		w.answer(f, start)
		_, err := w.s.Answer(w.ctx, f.ID, start)
		w.is(err, store.ErrNotFound)
		w.resolve(f, 4, batch.Pending, batch.Approved)
		w.record(f, batch.Declined, 5)
		first := w.answer(f, start.Add(time.Hour))
		equal(w, "kind", first.Kind, store.Supplement)
		equal(w, "number", first.Number, 1)
		equal(w, "name", first.Name, "pay-1.sup01.csv")
		want := []batch.LineRecord{w.line(at(f, 4)), w.line(at(f, 5))}
		diff(w, "first supplement", w.answerLines(f, 1), want)
		_, err = w.s.Answer(w.ctx, f.ID, start)
		w.is(err, store.ErrNotFound)
		w.resolve(f, 3, batch.Pending, batch.Refused)
		second := w.answer(f, start.Add(2*time.Hour))
		equal(w, "name", second.Name, "pay-1.sup02.csv")
		diff(w, "second supplement", w.answerLines(f, 2), []batch.LineRecord{w.line(at(f, 3))})
		diff(w, "first supplement later", w.answerLines(f, 1), want)
		equal(w, "supplements", w.file(f.ID).Supplements, 2)
		for _, err := range w.AnswerLines(w.ctx, f.ID, 3) {
			w.is(err, store.ErrNotFound)
		}
	}},
	{"a file of which nothing was sent is answered too", func(w *world) {
		f := w.accept(payments(2))
		w.answer(f, start)
		equal(w, "file", w.file(f.ID).State, batch.FileAnswered)
		equal(w, "lines", len(w.answerLines(f, 0)), 2)
		equal(w, "queued lines that may be sent", len(w.queued(batch.PhasePayment, batch.LineAddress{}, 9)), 2)
		w.verified()
	}},
	{"held, rejected and recalled files have no result", func(w *world) {
		for _, state := range []batch.FileState{batch.FileHeld, batch.FileRejected} {
			f := w.stage(w.receive(), refs(payments(1), string(state)))
			f = w.decide(f, state, 1)
			w.unchanged(f, store.ErrStale, func() error { _, err := w.s.Answer(w.ctx, f.ID, start); return err })
		}
	}},
	{"size and digest of an answer are recorded once", func(w *world) {
		f := w.accept(payments(1))
		a := w.answer(f, start)
		w.must(w.s.Built(w.ctx, a.ID, 120, "aa"))
		length := w.info().JournalLen
		w.must(w.s.Built(w.ctx, a.ID, 120, "aa"))
		equal(w, "length of the journal", w.info().JournalLen, length)
		w.is(w.s.Built(w.ctx, a.ID, 120, "bb"), store.ErrDamaged)
		w.is(w.s.Built(w.ctx, a.ID, 121, "aa"), store.ErrDamaged)
		answers, err := w.Answers(w.ctx, f.ID, false)
		w.must(err)
		equal(w, "size", answers[1].Size, 120)
		equal(w, "digest", answers[1].Digest, "aa")
	}},
	{"a file is delivered when none of its answers waits", func(w *world) {
		f := w.accept(payments(2))
		w.record(f, batch.Approved, 2)
		w.answer(f, start)
		answers, err := w.Answers(w.ctx, f.ID, true)
		w.must(err)
		equal(w, "waiting", len(answers), 2)
		w.must(w.s.DeliveryFailed(w.ctx, answers[1].ID, start, "folder is full"))
		w.must(w.s.DeliveryFailed(w.ctx, answers[1].ID, start, "folder is still full"))
		w.must(w.s.Delivered(w.ctx, answers[1].ID, start.Add(time.Hour)))
		equal(w, "file while an answer waits", w.file(f.ID).State, batch.FileAnswered)
		w.must(w.s.Delivered(w.ctx, answers[0].ID, start.Add(time.Hour)))
		equal(w, "file", w.file(f.ID).State, batch.FileDelivered)
		w.must(w.s.Delivered(w.ctx, answers[0].ID, start.Add(2*time.Hour)))
		w.must(w.s.DeliveryFailed(w.ctx, answers[0].ID, start, "too late"))
		all, err := w.Answers(w.ctx, 0, false)
		w.must(err)
		equal(w, "delivered at", all[0].DeliveredAt, start.Add(time.Hour))
		equal(w, "failures", all[1].Failures, 2)
		equal(w, "last error after delivery", all[1].LastError, "")
		equal(w, "waiting", w.info().Waiting, 0)

		w.record(f, batch.Declined, 3)
		sup := w.answer(f, start)
		equal(w, "file with a supplement", w.file(f.ID).State, batch.FileDelivered)
		w.must(w.s.Delivered(w.ctx, sup.ID, start))
		w.verified()
	}},
	{"a delivered acknowledgement does not make a running file delivered", func(w *world) {
		f := w.accept(payments(2))
		w.submit(f, 2)
		answers, err := w.Answers(w.ctx, f.ID, true)
		w.must(err)
		w.must(w.s.Delivered(w.ctx, answers[0].ID, start))
		equal(w, "file", w.file(f.ID).State, batch.FileRunning)
	}},
}
