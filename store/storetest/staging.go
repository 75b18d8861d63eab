package storetest

import (
	"fmt"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

var stagingTests = []test{
	{"a staged line comes back whole, queued, by address and by reference", func(w *world) {
		s := payment(2)
		s.Sealed = []byte{1, 2, 3}
		s.Line.Private = []batch.PrivateDatum{{Key: "a", Value: "1"}, {Key: "b", Value: "ü;\""}}
		s.Line.Echo = " kept "
		f := w.accept([]store.StagedLine{s})
		want := batch.LineRecord{Address: at(f, 2), Line: s.Line, Sealed: s.Sealed, Gateway: gateway, State: batch.Queued}
		diff(w, "line", w.line(at(f, 2)), want)
		byRef, err := w.LineByRef(w.ctx, f.ID, s.Line.Ref)
		w.must(err)
		diff(w, "line by reference", byRef, want)
	}},
	{"a line staged as refused is final, without its card number", func(w *world) {
		s := with(payment(2), func(s *store.StagedLine) { s.Refused, s.Sealed = "02614", []byte{1} })
		f := w.accept([]store.StagedLine{s, payment(3)})
		r := w.line(at(f, 2))
		equal(w, "state", r.State, batch.Refused)
		equal(w, "code", r.Answer.Code, "02614")
		equal(w, "completed", r.CompletedAt.IsZero(), false)
		equal(w, "sealed bytes", len(r.Sealed), 0)
		byRef, err := w.LineByRef(w.ctx, f.ID, s.Line.Ref)
		w.must(err)
		equal(w, "line by reference", byRef.Address, at(f, 2))
	}},
	{"chunks of any size add up", func(w *world) {
		f := w.receive()
		lines := payments(1234)
		for _, size := range []int{1, 9, 10, 99, 100, 101, 500, 414} {
			w.must(w.s.StageLines(w.ctx, f.ID, lines[:size]))
			lines = lines[size:]
		}
		tally, err := w.Tally(w.ctx, f.ID)
		w.must(err)
		equal(w, "lines", tally.Lines, 1234)
		equal(w, "queued", tally.ByState[batch.Queued], 1234)
		for i, r := range w.lines(f.ID) {
			equal(w, "line number", r.Address.No, i+2)
			equal(w, "reference", r.Line.Ref, batch.LineRef(fmt.Sprintf("INV-%d", i+2)))
		}
	}},
	{"a line number is staged once", func(w *world) {
		f := w.receive()
		w.must(w.s.StageLines(w.ctx, f.ID, payments(2)))
		if err := w.s.StageLines(w.ctx, f.ID, payments(1)); err == nil {
			w.Fatal("a line was staged twice")
		}
		equal(w, "lines", len(w.lines(f.ID)), 2)
	}},
	{"staging again forgets lines, findings and references", func(w *world) {
		f := w.stage(w.receive(), payments(3))
		collect(w, w.s.Index(w.ctx, f.ID))
		w.must(w.s.StageFindings(w.ctx, f.ID, []batch.Finding{{Line: 2, Code: batch.Luhn}}))
		w.must(w.s.Restage(w.ctx, f.ID))
		equal(w, "lines", len(w.lines(f.ID)), 0)
		equal(w, "findings", len(collect(w, w.Findings(w.ctx, f.ID))), 0)
		w.must(w.s.Restage(w.ctx, f.ID)) // nothing to forget is no error
		f = w.stage(f, payments(2))
		equal(w, "namesakes", len(collect(w, w.s.Index(w.ctx, f.ID))), 0)
		w.decide(f, batch.FileAccepted, 2)
		w.verified()
	}},
	{"findings come by line, then in the order staged", func(w *world) {
		f := w.receive()
		one := batch.Finding{Line: 3, Ref: "R", Column: "amount", Code: batch.FieldFormat, Message: "digits only"}
		two := batch.Finding{Line: 2, Code: batch.Luhn, Message: "b"}
		three := batch.Finding{Line: 2, Code: batch.Conflict, Message: "a"}
		four := batch.Finding{Code: batch.LineErrors, Message: "the file"}
		w.must(w.s.StageFindings(w.ctx, f.ID, []batch.Finding{one, two}))
		w.must(w.s.StageFindings(w.ctx, f.ID, []batch.Finding{three, four}))
		diff(w, "findings", collect(w, w.Findings(w.ctx, f.ID)), []batch.Finding{four, two, three, one})
	}},
	{"nothing is staged after the verdict", func(w *world) {
		f := w.accept(payments(2))
		for what, do := range map[string]func() error{
			"lines":    func() error { return w.s.StageLines(w.ctx, f.ID, []store.StagedLine{payment(9)}) },
			"findings": func() error { return w.s.StageFindings(w.ctx, f.ID, []batch.Finding{{Code: batch.Limit}}) },
			"again":    func() error { return w.s.Restage(w.ctx, f.ID) },
			"checked":  func() error { return w.s.Checked(w.ctx, f) },
			"refusal":  func() error { return w.s.RefuseStaged(w.ctx, f.ID, []int{2}, "02302") },
			"answers":  func() error { return w.s.AnswerAgain(w.ctx, f.ID, []store.Namesake{{No: 2, Earlier: at(f, 3)}}) },
			"index": func() error {
				for _, err := range w.s.Index(w.ctx, f.ID) {
					return err
				}
				return nil
			},
		} {
			w.Log(what)
			w.unchanged(f, store.ErrStale, do)
		}
	}},
	{"staged lines are refused for their findings", func(w *world) {
		f := w.stage(w.receive(), payments(3))
		collect(w, w.s.Index(w.ctx, f.ID))
		w.must(w.s.RefuseStaged(w.ctx, f.ID, []int{2, 4}, "02302"))
		w.is(w.s.RefuseStaged(w.ctx, f.ID, []int{3, 4}, "02302"), store.ErrStale)
		equal(w, "state of line 3", w.line(at(f, 3)).State, batch.Queued)
		r := w.line(at(f, 4))
		equal(w, "state", r.State, batch.Refused)
		equal(w, "code", r.Answer.Code, "02302")
		w.decide(f, batch.FileAccepted, 3)
		w.verified()
	}},
	{"lines are found by file, state, cursor and limit", func(w *world) {
		a := w.accept(payments(4))
		b := w.accept(refs(payments(2), "b"))
		w.record(a, batch.Declined, 3)
		for _, q := range []struct {
			what  string
			query store.LineQuery
			want  []batch.LineAddress
		}{
			{"all", store.LineQuery{}, []batch.LineAddress{at(a, 2), at(a, 3), at(a, 4), at(a, 5), at(b, 2), at(b, 3)}},
			{"one file", store.LineQuery{File: b.ID}, []batch.LineAddress{at(b, 2), at(b, 3)}},
			{"states", store.LineQuery{States: []batch.LineState{batch.Declined, batch.Pending}}, []batch.LineAddress{at(a, 3)}},
			{"after a line", store.LineQuery{After: at(a, 4)}, []batch.LineAddress{at(a, 5), at(b, 2), at(b, 3)}},
			{"limit", store.LineQuery{After: at(a, 4), Limit: 2}, []batch.LineAddress{at(a, 5), at(b, 2)}},
		} {
			var got []batch.LineAddress
			for _, r := range collect(w, w.Lines(w.ctx, q.query)) {
				got = append(got, r.Address)
			}
			diff(w, q.what, got, q.want)
		}
		for r, err := range w.Lines(w.ctx, store.LineQuery{}) {
			w.must(err)
			equal(w, "first line", r.Address, at(a, 2))
			break // stopping early is no error
		}
	}},
	{"the plan sums what is queued", func(w *world) {
		lines := payments(3)
		lines[2].Line.Currency = "JPY"
		lines = append(lines, with(payment(5), func(s *store.StagedLine) {
			s.Line.Command, s.Line.AmountText, s.Line.Currency = batch.UpdateWallet, "", ""
		}))
		f := w.accept(lines)
		held := w.stage(w.receive(), refs(payments(1), "held"))
		w.decide(held, batch.FileHeld, 1)
		w.record(f, batch.Approved, 2)
		plan, err := w.Plan(w.ctx)
		w.must(err)
		diff(w, "plan", plan, []store.PlanRow{
			{Merchant: acme, Gateway: gateway, Command: batch.DoImmediateWalletPayment, Lines: 1, Total: money.Amount{Minor: 1000, Currency: "EUR"}},
			{Merchant: acme, Gateway: gateway, Command: batch.DoImmediateWalletPayment, Lines: 1, Total: money.Amount{Minor: 1000, Currency: "JPY"}},
			{Merchant: acme, Gateway: gateway, Command: batch.UpdateWallet, Lines: 1},
		})
	}},
}
