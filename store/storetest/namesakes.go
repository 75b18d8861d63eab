package storetest

import (
	"fmt"

	"cardbatch/batch"
	"cardbatch/store"
)

// namesakes stages lines in a new file and returns what Index finds.
func (w *world) namesakes(lines []store.StagedLine) (batch.File, []store.Namesake) {
	w.Helper()
	f := w.stage(w.receive(), lines)
	return f, collect(w, w.s.Index(w.ctx, f.ID))
}

var namesakeTests = []test{
	{"the index wants to know the merchant", func(w *world) {
		f := w.receive()
		w.must(w.s.StageLines(w.ctx, f.ID, payments(1)))
		for _, err := range w.s.Index(w.ctx, f.ID) {
			if err == nil {
				w.Fatal("a file of nobody was indexed")
			}
		}
		if _, _, err := w.s.Alike(w.ctx, f.ID, start); err == nil {
			w.Fatal("a file of nobody was compared")
		}
	}},
	{"a reference used twice in a file has its first line for a namesake", func(w *world) {
		lines := payments(4)
		lines[2].Line.Ref = lines[0].Line.Ref
		f, found := w.namesakes(lines)
		diff(w, "namesakes", found, []store.Namesake{{No: 4, Earlier: at(f, 2), State: batch.Queued, Same: false, Name: f.Name}})
	}},
	{"the same content under the same reference is the same line", func(w *world) {
		first := w.accept(payments(2))
		w.record(first, batch.Approved, 2)
		lines := payments(2)
		lines[1].Line.AmountText = "1001"
		_, found := w.namesakes(lines)
		diff(w, "namesakes", found, []store.Namesake{
			{No: 2, Earlier: at(first, 2), State: batch.Approved, Same: true, Name: first.Name},
			{No: 3, Earlier: at(first, 3), State: batch.Queued, Same: false, Name: first.Name},
		})
	}},
	{"the fingerprint of the card number is part of the content", func(w *world) {
		card := func(print string) []store.StagedLine {
			return []store.StagedLine{with(payment(2), func(s *store.StagedLine) { s.Fingerprint = print })}
		}
		w.accept(card("one"))
		_, same := w.namesakes(card("one"))
		equal(w, "same card", same[0].Same, true)
		_, other := w.namesakes(card("two"))
		equal(w, "other card", other[0].Same, false)
	}},
	{"only one namesake of a line is told", func(w *world) {
		first := w.accept(payments(1))
		w.record(first, batch.Approved, 2)
		second, found := w.namesakes(payments(1))
		w.must(w.s.AnswerAgain(w.ctx, second.ID, found))
		w.decide(second, batch.FileAccepted, 1)
		_, found = w.namesakes(payments(1))
		equal(w, "namesakes", len(found), 1)
		equal(w, "namesake", found[0].Earlier, at(first, 2))
	}},
	{"files that were rejected or recalled do not count", func(w *world) {
		rejected, _ := w.namesakes(payments(1))
		w.decide(rejected, batch.FileRejected, 1)
		recalled := w.accept(payments(1))
		w.must(w.s.Move(w.ctx, recalled.ID, batch.FileAccepted, batch.FileRecalled, start, "wrong month"))
		_, found := w.namesakes(payments(1))
		equal(w, "namesakes", len(found), 0)
	}},
	{"references of another merchant do not count", func(w *world) {
		w.accept(payments(1))
		f := w.receive()
		w.must(w.s.StageLines(w.ctx, f.ID, payments(1)))
		f = header(f)
		f.Header.Merchant = "other"
		w.must(w.s.Checked(w.ctx, f))
		equal(w, "namesakes", len(collect(w, w.s.Index(w.ctx, f.ID))), 0)
		lines, _, err := w.s.Alike(w.ctx, f.ID, start)
		w.must(err)
		equal(w, "alike", lines, 0)
	}},
	{"lines refused for their findings take no part", func(w *world) {
		refused := with(payment(2), func(s *store.StagedLine) { s.Refused = "02614" })
		f, _ := w.namesakes([]store.StagedLine{refused, payment(3)})
		w.must(w.s.RefuseStaged(w.ctx, f.ID, []int{3}, "02302"))
		w.decide(f, batch.FileAccepted, 2)
		_, found := w.namesakes(payments(2))
		equal(w, "namesakes", len(found), 0)
	}},
	{"the index may be made again, and written while it is read", func(w *world) {
		first := w.accept(payments(30))
		f := w.stage(w.receive(), payments(30))
		for range 2 {
			n := 0
			for found, err := range w.s.Index(w.ctx, f.ID) {
				w.must(err)
				w.must(w.s.StageFindings(w.ctx, f.ID, []batch.Finding{{Line: found.No, Code: batch.LineInProgress, Message: fmt.Sprint(found.Earlier)}}))
				equal(w, "namesake", found.Earlier, at(first, found.No))
				n++
			}
			equal(w, "namesakes", n, 30)
		}
	}},
	{"a line is answered again with the outcome of its namesake", func(w *world) {
		first := w.accept(payments(3))
		w.record(first, batch.Approved, 2)
		w.record(first, batch.Declined, 3)
		second, found := w.namesakes(payments(3))
		w.must(w.s.AnswerAgain(w.ctx, second.ID, found[:2]))
		for _, no := range []int{2, 3} {
			want := w.line(at(first, no))
			want.Address.File, want.Answer.IsDuplicate = second.ID, true
			diff(w, "line", w.line(at(second, no)), want)
		}
		w.is(w.s.AnswerAgain(w.ctx, second.ID, found[2:]), store.ErrStale) // it has no outcome
		w.is(w.s.AnswerAgain(w.ctx, second.ID, found[:1]), store.ErrStale) // it has one already
		second = w.decide(second, batch.FileAccepted, 3)
		equal(w, "queued", len(w.queued(batch.PhasePayment, batch.LineAddress{File: second.ID}, 10)), 1)
		w.verified()
	}},
	{"payments alike are counted over other files received since", func(w *world) {
		old := w.accept(payments(5))
		alike := func(f batch.File) (int, batch.FileID) {
			lines, example, err := w.s.Alike(w.ctx, f.ID, start)
			w.must(err)
			return lines, example
		}
		lines := refs(payments(6), "again-") // five of them with a wallet, amount and currency known
		lines[0].Line.AmountText = "1"
		lines[1].Line.Currency = "JPY"
		lines[2].Line.WalletID = "another"
		f, found := w.namesakes(lines)
		equal(w, "namesakes", len(found), 0)
		n, example := alike(f)
		equal(w, "alike", n, 2)
		equal(w, "example", example, old.ID)
		w.must(w.s.RefuseStaged(w.ctx, f.ID, []int{5}, "02302"))
		n, _ = alike(f)
		equal(w, "alike and queued", n, 1)
		w.must(w.s.Move(w.ctx, old.ID, batch.FileAccepted, batch.FileRecalled, start, ""))
		n, _ = alike(f)
		equal(w, "alike with a recalled file", n, 0)
	}},
	{"payments alike in older files count while these are running", func(w *world) {
		old := w.accept(payments(1))
		f, _ := w.namesakes(refs(payments(1), "again-"))
		later := start.AddDate(0, 0, 1)
		n, _, err := w.s.Alike(w.ctx, f.ID, later)
		w.must(err)
		equal(w, "alike while it runs", n, 1)
		w.record(old, batch.Approved, 2)
		_, err = w.s.Answer(w.ctx, old.ID, start)
		w.must(err)
		n, _, err = w.s.Alike(w.ctx, f.ID, later)
		w.must(err)
		equal(w, "alike when it is answered", n, 0)
	}},
}
