package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

var submissionTests = []test{
	{"queued lines come by phase, gateway, file and line, after the cursor", func(w *world) {
		lines := payments(4)
		lines[1].Line.Command, lines[1].Line.AmountText = batch.CreateWallet, ""
		lines[2].Gateway = "elsewhere"
		a := w.accept(lines)
		b := w.accept(refs(payments(2), "b"))
		for _, q := range []struct {
			what  string
			query store.QueueQuery
			want  []batch.LineAddress
		}{
			{"payments", store.QueueQuery{Phase: batch.PhasePayment, Gateway: gateway, Limit: 9}, []batch.LineAddress{at(a, 2), at(a, 5), at(b, 2), at(b, 3)}},
			{"wallets", store.QueueQuery{Phase: batch.PhaseWallet, Gateway: gateway, Limit: 9}, []batch.LineAddress{at(a, 3)}},
			{"follow-ups", store.QueueQuery{Phase: batch.PhaseFollowUp, Gateway: gateway, Limit: 9}, nil},
			{"another gateway", store.QueueQuery{Phase: batch.PhasePayment, Gateway: "elsewhere", Limit: 9}, []batch.LineAddress{at(a, 4)}},
			{"limit over files", store.QueueQuery{Phase: batch.PhasePayment, Gateway: gateway, Limit: 3}, []batch.LineAddress{at(a, 2), at(a, 5), at(b, 2)}},
			{"cursor", store.QueueQuery{Phase: batch.PhasePayment, Gateway: gateway, After: at(a, 5), Limit: 9}, []batch.LineAddress{at(b, 2), at(b, 3)}},
			{"cursor at the end", store.QueueQuery{Phase: batch.PhasePayment, Gateway: gateway, After: at(b, 3), Limit: 9}, nil},
		} {
			lines, err := w.NextQueued(w.ctx, q.query)
			w.must(err)
			var got []batch.LineAddress
			for _, r := range lines {
				got = append(got, r.Address)
			}
			diff(w, q.what, got, q.want)
		}
	}},
	{"lines of undecided, held and recalled files are not queued for sending", func(w *world) {
		w.stage(w.receive(), payments(1))
		w.decide(w.stage(w.receive(), refs(payments(1), "b")), batch.FileHeld, 1)
		recalled := w.accept(refs(payments(1), "c"))
		w.must(w.s.Move(w.ctx, recalled.ID, batch.FileAccepted, batch.FileRecalled, start, ""))
		equal(w, "queued", len(w.queued(batch.PhasePayment, batch.LineAddress{}, 9)), 0)
		equal(w, "queued lines", w.info().LinesQueued, 0)
	}},
	{"a submitted line has its attempt and time, and its file runs", func(w *world) {
		f := w.accept(payments(3))
		w.submit(f, 2, 3)
		r := w.line(at(f, 2))
		equal(w, "state", r.State, batch.Submitting)
		equal(w, "attempt", r.Attempt, 1)
		equal(w, "submitted at", r.SubmittedAt, start.Add(time.Hour))
		equal(w, "file", w.file(f.ID).State, batch.FileRunning)
		equal(w, "submitting", w.info().LinesSubmitting, 2)
		equal(w, "queued", w.info().LinesQueued, 1)
	}},
	{"a chunk with one line that is not queued is refused whole", func(w *world) {
		f := w.accept(payments(3))
		w.record(f, batch.Approved, 3)
		f = w.file(f.ID)
		for what, sending := range map[string][]store.Sending{
			"final":        {{At: at(f, 2), Attempt: 1}, {At: at(f, 3), Attempt: 1}},
			"twice":        {{At: at(f, 2), Attempt: 1}, {At: at(f, 2), Attempt: 1}},
			"attempt zero": {{At: at(f, 2)}},
		} {
			w.Log(what)
			w.unchanged(f, store.ErrStale, func() error { return w.s.Submit(w.ctx, store.Submission{At: start, Sending: sending}) })
		}
	}},
	{"the lines of a batch are found under its name, across files, until they travel again", func(w *world) {
		a, b := w.accept(payments(4)), w.accept(refs(payments(2), "b"))
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{
			{At: at(a, 2), Attempt: 1, Batch: "one"}, {At: at(a, 3), Attempt: 1, Batch: "one"}, {At: at(a, 4), Attempt: 1, Batch: "two"},
			{At: at(a, 5), Attempt: 1}, {At: at(b, 3), Attempt: 1, Batch: "one"},
		}}))
		find := func(name string) []batch.LineAddress {
			var found []batch.LineAddress
			for _, r := range collect(w, w.Lines(w.ctx, store.LineQuery{Batch: name})) {
				equal(w, "batch", r.Batch, name)
				found = append(found, r.Address)
			}
			return found
		}
		diff(w, "one", find("one"), []batch.LineAddress{at(a, 2), at(a, 3), at(b, 3)})
		diff(w, "two", find("two"), []batch.LineAddress{at(a, 4)})
		equal(w, "a line alone", w.line(at(a, 5)).Batch, "")
		back := outcome(a, 3, batch.Queued)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{outcome(a, 2, batch.Pending), back}))
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(a, 3), Attempt: 1, Batch: "three"}}}))
		diff(w, "one, one of its lines gone", find("one"), []batch.LineAddress{at(a, 2), at(b, 3)})
		diff(w, "three", find("three"), []batch.LineAddress{at(a, 3)})
		w.verified()
	}},
	{"lines that a rule ends are final with the rest of their chunk", func(w *world) {
		f := w.accept(payments(3))
		final := outcome(f, 3, batch.Refused)
		final.Expect = batch.Queued
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1}}, Final: []store.LineOutcome{final}}))
		equal(w, "state", w.line(at(f, 3)).State, batch.Refused)
		equal(w, "attempt", w.line(at(f, 3)).Attempt, 0)
		alone := w.accept(refs(payments(1), "b"))
		final = outcome(alone, 2, batch.Refused)
		final.Expect = batch.Queued
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Final: []store.LineOutcome{final}}))
		equal(w, "file of one refused line", w.file(alone.ID).State, batch.FileRunning)
	}},
	{"an outcome is written with its answer, and the card number is dropped", func(w *world) {
		f := w.accept([]store.StagedLine{with(payment(2), func(s *store.StagedLine) { s.Sealed = []byte{7} })})
		w.submit(f, 2)
		equal(w, "sealed bytes while it is sent", len(w.line(at(f, 2)).Sealed), 1)
		o := outcome(f, 2, batch.Approved)
		o.Answer = batch.Answer{
			Code: "00000", Message: "m", TransactionID: "T", AuthorizationNumber: "A", GatewayCode: "G", SchemeCode: "S", AdviceCode: "01",
			NetworkTransaction: "N", CardIndex: "1", CardStatus: batch.CardActive, Card: "411111******1111", CardExpiry: "1228", CardType: "VISA",
			PaymentRecord: "P", ValueDate: "2026-11-23", IsDuplicate: true, RetryNotBefore: start.Add(time.Nanosecond),
		}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		diff(w, "line", w.line(at(f, 2)), batch.LineRecord{
			Address: at(f, 2), Line: payment(2).Line, Gateway: gateway, State: batch.Approved, Attempt: 1,
			Answer: o.Answer, SubmittedAt: start.Add(time.Hour), CompletedAt: o.CompletedAt,
		})
	}},
	{"every transition of a line that the domain knows is possible, and no other", func(w *world) {
		no := 2
		for _, from := range batch.LineStates {
			for _, to := range batch.LineStates {
				f := w.accept(refs([]store.StagedLine{payment(no)}, "t"))
				w.take(f, no, from)
				f = w.file(f.ID)
				o := outcome(f, no, to)
				o.Expect = from
				length := w.info().JournalLen
				err := w.s.Record(w.ctx, []store.LineOutcome{o})
				// To submitting leads Submit alone.
				possible := from.CanBecome(to) && to != batch.Submitting
				if possible != (err == nil) && to != batch.Submitting {
					w.Fatalf("%s to %s: %v", from, to, err)
				}
				if !possible && to != batch.Submitting {
					equal(w, fmt.Sprintf("state after %s to %s", from, to), w.line(at(f, no)).State, from)
					equal(w, "length of the journal", w.info().JournalLen, length)
				}
				no++
			}
		}
		w.verified()
	}},
	{"a group with one outcome that comes too late is refused whole", func(w *world) {
		f := w.accept(payments(3))
		w.submit(f, 2, 3, 4)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{outcome(f, 3, batch.InDoubt)}))
		f = w.file(f.ID)
		wallet := &batch.Wallet{Merchant: acme, ID: "W-2", Status: batch.WalletActive}
		group := []store.LineOutcome{outcome(f, 2, batch.Approved), outcome(f, 3, batch.Approved)}
		group[0].Changes.Wallet = wallet
		w.unchanged(f, store.ErrStale, func() error { return w.s.Record(w.ctx, group) })
		wallets, err := w.Wallets(w.ctx, acme, []batch.WalletID{"W-2"})
		w.must(err)
		equal(w, "wallets", len(wallets), 0)
		twice := []store.LineOutcome{outcome(f, 2, batch.Approved), outcome(f, 2, batch.Declined)}
		w.unchanged(f, store.ErrStale, func() error { return w.s.Record(w.ctx, twice) })
	}},
	{"a line given back is queued again with its attempt", func(w *world) {
		f := w.accept(payments(2))
		w.submit(f, 2)
		back := store.LineOutcome{At: at(f, 2), Expect: batch.Submitting, To: batch.Queued}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{back}))
		lines := w.queued(batch.PhasePayment, batch.LineAddress{}, 9)
		equal(w, "queued", len(lines), 2)
		equal(w, "attempt", lines[0].Attempt, 1)
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1}}}))
		w.must(w.s.Record(w.ctx, []store.LineOutcome{back}))
		w.must(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 2}}}))
		w.must(w.s.Record(w.ctx, []store.LineOutcome{back}))
		w.is(w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1}}}), store.ErrStale)
		w.verified()
	}},
	{"recovering turns submitting lines to in doubt, and none twice", func(w *world) {
		f := w.accept(payments(5))
		w.submit(f, 2, 3, 4)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{outcome(f, 3, batch.Approved)}))
		n, err := w.s.Recover(w.ctx, start)
		w.must(err)
		equal(w, "recovered", n, 2)
		equal(w, "state", w.line(at(f, 2)).State, batch.InDoubt)
		equal(w, "attempt", w.line(at(f, 2)).Attempt, 1)
		equal(w, "state of the line with an answer", w.line(at(f, 3)).State, batch.Approved)
		equal(w, "state of the line not sent", w.line(at(f, 5)).State, batch.Queued)
		n, err = w.s.Recover(w.ctx, start)
		w.must(err)
		equal(w, "recovered again", n, 0)
		equal(w, "in doubt", w.info().LinesInDoubt, 2)
		w.verified()
	}},
	{"the tally counts states and sums approved amounts by currency", func(w *world) {
		lines := payments(6)
		lines[1].Line.Currency, lines[1].Line.AmountText = "JPY", "500"
		f := w.accept(lines)
		w.record(f, batch.Approved, 2, 3, 4)
		w.record(f, batch.Declined, 5)
		w.record(f, batch.Pending, 6)
		tally, err := w.Tally(w.ctx, f.ID)
		w.must(err)
		diff(w, "tally", tally, batch.Tally{
			Lines:    6,
			ByState:  map[batch.LineState]int{batch.Approved: 3, batch.Declined: 1, batch.Pending: 1, batch.Queued: 1},
			Approved: []money.Amount{{Minor: 2000, Currency: "EUR"}, {Minor: 500, Currency: "JPY"}},
		})
	}},
}

// take brings a queued line of an accepted file to a state.
func (w *world) take(f batch.File, no int, to batch.LineState) {
	w.Helper()
	switch to {
	case batch.Queued:
	case batch.Submitting:
		w.submit(f, no)
	default:
		w.record(f, to, no)
	}
}
