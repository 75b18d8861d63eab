package storetest

import (
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

var verdictTests = []test{
	{"a verdict makes an acknowledgement", func(w *world) {
		f := w.accept(payments(2))
		answers, err := w.Answers(w.ctx, f.ID, true)
		w.must(err)
		diff(w, "answers", answers, []store.AnswerFile{{
			ID: answers[0].ID, File: f.ID, Kind: store.Ack, Number: 1, Name: "pay-1.ack.csv", CreatedAt: f.VerdictAt,
			Verdict: batch.FileAccepted, Expected: 1,
		}})
		equal(w, "waiting", w.info().Waiting, 1)
	}},
	{"a rejected file keeps its findings and loses its lines", func(w *world) {
		f := w.stage(w.receive(), payments(3))
		collect(w, w.s.Index(w.ctx, f.ID))
		w.must(w.s.StageFindings(w.ctx, f.ID, []batch.Finding{{Line: 2, Code: batch.Luhn}}))
		f = w.decide(f, batch.FileRejected, 3)
		equal(w, "verdict", f.Verdict, batch.Limit)
		equal(w, "lines", len(w.lines(f.ID)), 0)
		equal(w, "lines of the record", f.Lines, 3)
		equal(w, "findings", len(collect(w, w.Findings(w.ctx, f.ID))), 1)
		tally, err := w.Tally(w.ctx, f.ID)
		w.must(err)
		equal(w, "tally", tally.Lines, 0)
		w.verified()
	}},
	{"a file that cannot be read is rejected as it was received", func(w *world) {
		f := w.receive()
		f.State, f.Verdict, f.VerdictAt = batch.FileRejected, batch.EmptyFile, start
		w.must(w.s.Decide(w.ctx, f))
		equal(w, "state", w.file(f.ID).State, batch.FileRejected)
		w.verified()
	}},
	{"a verdict is given once", func(w *world) {
		f := w.accept(payments(2))
		w.unchanged(f, store.ErrStale, func() error { return w.s.Decide(w.ctx, f) })
		rejected := f
		rejected.State = batch.FileRejected
		w.unchanged(f, store.ErrStale, func() error { return w.s.Decide(w.ctx, rejected) })
	}},
	{"a verdict over other lines than those staged is refused", func(w *world) {
		f := w.stage(w.receive(), payments(2))
		f.State, f.Lines = batch.FileAccepted, 3
		if err := w.s.Decide(w.ctx, f); err == nil {
			w.Fatal("a line was lost")
		}
		equal(w, "state", w.file(f.ID).State, batch.FileChecked)
	}},
	{"running is no verdict", func(w *world) {
		f := w.stage(w.receive(), payments(1))
		f.State, f.Lines = batch.FileRunning, 1
		if err := w.s.Decide(w.ctx, f); err == nil {
			w.Fatal("a file runs without a verdict")
		}
	}},
	{"a held file is released with another acknowledgement", func(w *world) {
		f := w.decide(w.stage(w.receive(), payments(2)), batch.FileHeld, 2)
		equal(w, "held files", w.info().FilesHeld, 1)
		equal(w, "queued lines that may be sent", len(w.queued(batch.PhasePayment, batch.LineAddress{}, 9)), 0)
		released := start.Add(time.Hour)
		w.must(w.s.Move(w.ctx, f.ID, batch.FileHeld, batch.FileAccepted, released, "called the merchant"))
		f = w.file(f.ID)
		equal(w, "state", f.State, batch.FileAccepted)
		equal(w, "verdict code", f.Verdict, "")
		equal(w, "queued lines that may be sent", len(w.queued(batch.PhasePayment, batch.LineAddress{}, 9)), 2)
		answers, err := w.Answers(w.ctx, f.ID, false)
		w.must(err)
		equal(w, "answers", len(answers), 2)
		diff(w, "acknowledgement", answers[1], store.AnswerFile{
			ID: answers[1].ID, File: f.ID, Kind: store.Ack, Number: 2, Name: "pay-1.ack02.csv", CreatedAt: released,
			Verdict: batch.FileAccepted, Expected: 1,
		})
		w.verified()
	}},
	{"an accepted file may be held and recalled, until a line was sent", func(w *world) {
		f := w.accept(payments(2))
		w.must(w.s.Move(w.ctx, f.ID, batch.FileAccepted, batch.FileHeld, start, ""))
		w.must(w.s.Move(w.ctx, f.ID, batch.FileHeld, batch.FileRecalled, start, ""))
		equal(w, "state", w.file(f.ID).State, batch.FileRecalled)
		equal(w, "queued lines", w.info().LinesQueued, 0)
		w.unchanged(w.file(f.ID), store.ErrStale, func() error {
			return w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1}}})
		})

		running := w.accept(refs(payments(2), "b"))
		w.submit(running, 2)
		running = w.file(running.ID)
		w.unchanged(running, store.ErrStale, func() error {
			return w.s.Move(w.ctx, running.ID, batch.FileAccepted, batch.FileRecalled, start, "")
		})
		w.verified()
	}},
	{"a received file is recalled", func(w *world) {
		f := w.receive()
		w.must(w.s.Move(w.ctx, f.ID, batch.FileReceived, batch.FileRecalled, start, "not ours"))
		equal(w, "state", w.file(f.ID).State, batch.FileRecalled)
		w.verified()
	}},
	{"operators make no other moves", func(w *world) {
		f := w.accept(payments(1))
		for _, to := range []batch.FileState{batch.FileRunning, batch.FileAnswered, batch.FileDelivered, batch.FileRejected, batch.FileReceived} {
			if err := w.s.Move(w.ctx, f.ID, batch.FileAccepted, to, start, ""); err == nil {
				w.Fatalf("an accepted file became %s", to)
			}
		}
		equal(w, "state", w.file(f.ID).State, batch.FileAccepted)
	}},
}
