package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// midnight ends the day on which every test begins.
var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// endAt gives a submitted line its end at a time.
func (w *world) endAt(f batch.File, no int, to batch.LineState, when time.Time, valueDate string) {
	w.Helper()
	w.submit(f, no)
	o := outcome(f, no, to)
	o.CompletedAt, o.Answer.ValueDate = when, valueDate
	w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
}

// endedOf lists the references of the ended lines of acme's contract.
func (w *world) endedOf(q store.EndedQuery) (refs []string) {
	w.Helper()
	if q.Merchant == "" {
		q.Merchant = acme
	}
	if q.Contract == "" {
		q.Contract = "1234567"
	}
	for _, e := range collect(w, w.EndedLines(w.ctx, q)) {
		equal(w, "contract", e.Contract, q.Contract)
		refs = append(refs, fmt.Sprintf("%s of %s", e.Line.Ref, e.FileRef))
	}
	return refs
}

// daily is a follow-up file of a day in November.
func daily(day int, number int64) store.DailyFile {
	from := time.Date(2026, 11, day, 0, 0, 0, 0, time.UTC)
	return store.DailyFile{
		Series: store.Series{Merchant: acme, Contract: "1234567", Kind: store.PaymentsOfDay}, Day: from.Format(time.DateOnly), From: from, To: from.AddDate(0, 0, 1),
		Number: number, Name: fmt.Sprintf("payments-%d.csv", day), Encoding: "ISO-8859-1", OpenedAt: start,
	}
}

var followUpTests = []test{
	{"lines are listed by their end, of a half-open interval", func(w *world) {
		f := w.accept(payments(7))
		w.endAt(f, 5, batch.Approved, midnight.Add(-time.Microsecond), "")
		w.endAt(f, 3, batch.Declined, midnight.Add(-time.Hour), "")
		w.endAt(f, 4, batch.Refused, midnight.Add(-time.Hour), "")
		w.endAt(f, 2, batch.Approved, midnight, "")
		w.record(f, batch.Pending, 6)
		w.record(f, batch.InDoubt, 7)
		want := []string{"INV-3 of REF-pay-1.csv", "INV-4 of REF-pay-1.csv", "INV-5 of REF-pay-1.csv"}
		diff(w, "ended", w.endedOf(store.EndedQuery{To: midnight}), want)
		diff(w, "ended the day before", w.endedOf(store.EndedQuery{From: midnight.AddDate(0, 0, -1), To: midnight.Add(-time.Hour)}), []string(nil))
		diff(w, "ended the day after", w.endedOf(store.EndedQuery{From: midnight, To: midnight.AddDate(0, 0, 1)}), []string{"INV-2 of REF-pay-1.csv"})

		// What ends later belongs to a later day.
		o := outcome(f, 6, batch.Approved)
		o.Expect, o.CompletedAt = batch.Pending, midnight.Add(time.Hour)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		w.answer(f, midnight.Add(2*time.Hour))
		diff(w, "ended, asked later", w.endedOf(store.EndedQuery{To: midnight}), want)
		diff(w, "ended the day after", w.endedOf(store.EndedQuery{From: midnight, To: midnight.AddDate(0, 0, 1)}), []string{"INV-2 of REF-pay-1.csv", "INV-6 of REF-pay-1.csv"})
	}},
	{"an ended line comes as it is", func(w *world) {
		f := w.accept(payments(1))
		w.endAt(f, 2, batch.Approved, midnight, "2026-11-23")
		ended := collect(w, w.EndedLines(w.ctx, store.EndedQuery{Merchant: acme, Contract: "1234567", To: midnight}))
		diff(w, "ended", ended, []store.EndedLine(nil))
		ended = collect(w, w.EndedLines(w.ctx, store.EndedQuery{Merchant: acme, Contract: "1234567", To: midnight.Add(time.Second)}))
		diff(w, "ended", ended, []store.EndedLine{{LineRecord: w.line(at(f, 2)), Contract: "1234567", FileRef: "REF-pay-1.csv"}})
		equal(w, "value date", ended[0].Answer.ValueDate, "2026-11-23")
	}},
	{"what no gateway saw has not ended", func(w *world) {
		f := w.accept(payments(2))
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Final: []store.LineOutcome{
			{At: at(f, 2), Expect: batch.Queued, To: batch.Refused, CompletedAt: start, Answer: batch.Answer{Code: "02503"}},
		}}))
		w.endAt(f, 3, batch.Approved, start, "")
		again := w.stage(w.receive(), payments(2)[1:])
		collect(w, w.s.Index(w.ctx, again.ID))
		w.must(w.s.AnswerAgain(w.ctx, again.ID, []store.Namesake{{No: 3, Earlier: at(f, 3), State: batch.Approved, Same: true}}))
		w.decide(again, batch.FileAccepted, 1)
		diff(w, "ended", w.endedOf(store.EndedQuery{To: midnight}), []string{"INV-3 of REF-pay-1.csv"})
	}},
	{"each contract of each merchant has its own", func(w *world) {
		lines := payments(3)
		lines[1].Line.Contract = "7654321"
		f := w.accept(lines)
		w.record(f, batch.Approved, 2, 3)
		w.answer(f, start)
		equal(w, "of the one", len(w.endedOf(store.EndedQuery{To: midnight.Add(time.Hour)})), 1)
		equal(w, "of the other", len(w.endedOf(store.EndedQuery{Contract: "7654321", To: midnight.Add(time.Hour)})), 1)
		equal(w, "of another merchant", len(w.endedOf(store.EndedQuery{Merchant: "globex", To: midnight.Add(time.Hour)})), 0)
	}},
	{"a follow-up line belongs to the contract of what it acts on", func(w *world) {
		f := w.accept(payments(1))
		w.record(f, batch.Approved, 2)
		w.answer(f, start)
		follow := func(no int, command batch.Command, of batch.TransactionID) store.StagedLine {
			return with(payment(no), func(s *store.StagedLine) {
				s.Line.Command, s.Line.Contract, s.Line.WalletID, s.Line.TransactionID = command, "", "", of
			})
		}
		g := w.accept(refs([]store.StagedLine{follow(2, batch.DoReAuthorization, batch.TransactionID(fmt.Sprintf("T-%d-2", f.ID)))}, "Z-"))
		w.record(g, batch.Approved, 2)
		w.answer(g, start)
		h := w.accept(refs([]store.StagedLine{follow(2, batch.DoCapture, batch.TransactionID(fmt.Sprintf("T-%d-2", g.ID))), follow(3, batch.DoCapture, "T-unknown")}, "C-"))
		w.record(h, batch.Approved, 2, 3)
		diff(w, "ended", w.endedOf(store.EndedQuery{To: midnight.Add(time.Hour)}), []string{"INV-2 of REF-pay-1.csv", "Z-INV-2 of REF-pay-2.csv", "C-INV-2 of REF-pay-3.csv"})
	}},
	{"approved lines are found by their value date", func(w *world) {
		f := w.accept(payments(5))
		w.endAt(f, 4, batch.Approved, start.Add(time.Minute), "2026-11-23")
		w.endAt(f, 2, batch.Approved, start.Add(time.Hour), "2026-11-23")
		w.endAt(f, 3, batch.Approved, start, "2026-11-24")
		w.endAt(f, 5, batch.Declined, start, "2026-11-23")
		w.endAt(f, 6, batch.Approved, midnight.AddDate(0, 0, 1), "2026-11-23")
		monday := midnight.AddDate(0, 0, 1)
		diff(w, "of Monday, ended before", w.endedOf(store.EndedQuery{To: monday, ValueDate: "2026-11-23"}), []string{"INV-4 of REF-pay-1.csv", "INV-2 of REF-pay-1.csv"})
		diff(w, "of Tuesday", w.endedOf(store.EndedQuery{To: monday, ValueDate: "2026-11-24"}), []string{"INV-3 of REF-pay-1.csv"})
		diff(w, "of Sunday", w.endedOf(store.EndedQuery{To: monday, ValueDate: "2026-11-22"}), []string(nil))
	}},
	{"lines that are forgotten have no end any more", func(w *world) {
		f := w.accept(payments(1))
		w.endAt(f, 2, batch.Approved, start, "2026-11-23")
		w.answer(f, start)
		answers, err := w.Answers(w.ctx, f.ID, true)
		w.must(err)
		for _, a := range answers {
			w.must(w.s.Delivered(w.ctx, a.ID, start))
		}
		n, err := w.s.Forget(w.ctx, time.Now().AddDate(100, 0, 0))
		w.must(err)
		equal(w, "files forgotten", n, 1)
		diff(w, "ended", w.endedOf(store.EndedQuery{To: midnight}), []string(nil))
		diff(w, "by value date", w.endedOf(store.EndedQuery{To: midnight, ValueDate: "2026-11-23"}), []string(nil))
		_, err = w.FirstReceived(w.ctx, acme)
		w.must(err)
	}},
	{"the merchant's first file dates its days", func(w *world) {
		_, err := w.FirstReceived(w.ctx, acme)
		w.is(err, store.ErrNotFound)
		f := w.receive()
		_, err = w.FirstReceived(w.ctx, acme)
		w.is(err, store.ErrNotFound)
		w.stage(f, payments(1))
		first, err := w.FirstReceived(w.ctx, acme)
		w.must(err)
		equal(w, "first received", first, start)
	}},
	{"the files of a series follow one another", func(w *world) {
		first, err := w.s.OpenDaily(w.ctx, daily(20, 7))
		w.must(err)
		want := daily(20, 7)
		want.ID = first.ID
		diff(w, "opened", first, want)
		length := w.info().JournalLen
		again := daily(20, 99)
		again.Encoding, again.Name = "UTF-8", "other.csv"
		same, err := w.s.OpenDaily(w.ctx, again)
		w.must(err)
		diff(w, "opened again", same, want)
		equal(w, "length of the journal", w.info().JournalLen, length)
		for _, wrong := range []store.DailyFile{daily(22, 8), daily(21, 9), daily(21, 7), daily(19, 8)} {
			_, err := w.s.OpenDaily(w.ctx, wrong)
			w.is(err, store.ErrStale)
		}
		_, err = w.s.OpenDaily(w.ctx, daily(21, 8))
		w.must(err)
		other := daily(21, 1)
		other.Series.Kind, other.Name = store.TransactionsOfDay, "transactions-21.csv"
		_, err = w.s.OpenDaily(w.ctx, other)
		w.must(err)

		all, err := w.DailyFiles(w.ctx, store.DailyQuery{})
		w.must(err)
		var names []string
		for _, f := range all {
			names = append(names, f.Name)
		}
		diff(w, "files", names, []string{"payments-20.csv", "payments-21.csv", "transactions-21.csv"})
		latest, err := w.DailyFiles(w.ctx, store.DailyQuery{Series: store.Series{Merchant: acme, Kind: store.PaymentsOfDay}, Latest: true})
		w.must(err)
		equal(w, "latest", len(latest), 1)
		equal(w, "latest", latest[0].Name, "payments-21.csv")
		of, err := w.DailyFiles(w.ctx, store.DailyQuery{Series: store.Series{Contract: "1234567"}, Day: "2026-11-20"})
		w.must(err)
		equal(w, "of a day", len(of), 1)
		none, err := w.DailyFiles(w.ctx, store.DailyQuery{Series: store.Series{Contract: "7654321"}})
		w.must(err)
		equal(w, "of another contract", len(none), 0)
		w.verified()
	}},
	{"a day of exceptions can be built anew until it is delivered", func(w *world) {
		exceptions := daily(20, 1)
		exceptions.Series.Kind = store.ExceptionsOfDay
		f, err := w.s.OpenDaily(w.ctx, exceptions)
		w.must(err)
		w.must(w.s.DailyBuilt(w.ctx, f.ID, 120, "aa"))
		w.must(w.s.DailyBuilt(w.ctx, f.ID, 130, "bb"))
		w.must(w.s.DailyDelivered(w.ctx, f.ID, start))
		w.is(w.s.DailyBuilt(w.ctx, f.ID, 120, "aa"), store.ErrDamaged)
		w.verified()
	}},
	{"a follow-up file is delivered once, with proof", func(w *world) {
		f, err := w.s.OpenDaily(w.ctx, daily(20, 1))
		w.must(err)
		w.is(w.s.DailyDelivered(w.ctx, f.ID, start), store.ErrStale)
		w.must(w.s.DailyBuilt(w.ctx, f.ID, 120, "aa"))
		w.must(w.s.DailyFailed(w.ctx, f.ID, "folder is full"))
		waiting, err := w.DailyFiles(w.ctx, store.DailyQuery{Waiting: true})
		w.must(err)
		equal(w, "waiting", len(waiting), 1)
		equal(w, "failures", waiting[0].Failures, 1)
		equal(w, "last error", waiting[0].LastError, "folder is full")
		w.must(w.s.DailyDelivered(w.ctx, f.ID, start.Add(time.Hour)))
		length := w.info().JournalLen
		w.must(w.s.DailyDelivered(w.ctx, f.ID, start.Add(2*time.Hour)))
		w.must(w.s.DailyBuilt(w.ctx, f.ID, 120, "aa"))
		w.must(w.s.DailyFailed(w.ctx, f.ID, "too late"))
		equal(w, "length of the journal", w.info().JournalLen, length)
		w.is(w.s.DailyBuilt(w.ctx, f.ID, 120, "bb"), store.ErrDamaged)
		w.is(w.s.DailyBuilt(w.ctx, f.ID+1, 120, "aa"), store.ErrNotFound)
		got, err := w.DailyFiles(w.ctx, store.DailyQuery{})
		w.must(err)
		want := f
		want.Size, want.Digest, want.DeliveredAt, want.Failures = 120, "aa", start.Add(time.Hour), 1
		diff(w, "file", got, []store.DailyFile{want})
		waiting, err = w.DailyFiles(w.ctx, store.DailyQuery{Waiting: true})
		w.must(err)
		equal(w, "waiting", len(waiting), 0)
		w.verified()
	}},
	{"a session that lost the lock decides no follow-up file", func(w *world) {
		w.fixture.Break(w.T)
		second, err := w.Begin(w.ctx, actor)
		w.must(err)
		defer second.End()
		_, err = w.s.OpenDaily(w.ctx, daily(20, 1))
		w.is(err, store.ErrFenced)
	}},
}
