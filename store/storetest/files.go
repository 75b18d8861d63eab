package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

var fileTests = []test{
	{"a received file comes back as it was given, numbered", func(w *world) {
		f := w.receive()
		diff(w, "file", f, batch.File{
			ID: f.ID, Source: "erp", Name: "pay-1.csv", NameSeries: 1, Digest: fmt.Sprintf("%064x", 1), Size: 100, ReceivedAt: start,
			State: batch.FileReceived, Archived: "pay-1.csv.age", Claim: "processing/pay-1.csv",
		})
		if f.ID == 0 {
			w.Fatal("the file has no number")
		}
		diff(w, "file read again", w.file(f.ID), f)
	}},
	{"a file whose claim is open is received once", func(w *world) {
		first := w.receiveAs("pay.csv")
		length := w.info().JournalLen
		again := w.receiveAs("pay.csv")
		diff(w, "file", again, first)
		equal(w, "length of the journal", w.info().JournalLen, length)
	}},
	{"a file whose claim was closed is a new file of the same name", func(w *world) {
		first := w.receiveAs("pay.csv")
		w.must(w.s.Claimed(w.ctx, first.ID, ""))
		again := w.receiveAs("pay.csv")
		if again.ID == first.ID {
			w.Fatal("the second file is taken for the first")
		}
		equal(w, "series", again.NameSeries, 2)
		equal(w, "name of the result", store.AnswerName(again, store.Result, 0), "pay.2.res.csv")
	}},
	{"the same claim with other bytes is a new file", func(w *world) {
		first := w.receiveAs("pay.csv")
		w.files++
		if again := w.receiveAs("pay.csv"); again.ID == first.ID || again.NameSeries != 2 {
			w.Fatalf("got file %d, number %d of its name", again.ID, again.NameSeries)
		}
	}},
	{"claim and archive are forgotten when told", func(w *world) {
		f := w.receive()
		w.must(w.s.Claimed(w.ctx, f.ID, "processing/elsewhere.csv"))
		equal(w, "claim", w.file(f.ID).Claim, "processing/elsewhere.csv")
		w.must(w.s.Purged(w.ctx, f.ID))
		equal(w, "archive", w.file(f.ID).Archived, "")
	}},
	{"files are found by what is asked, newest first", func(w *world) {
		a, b, c := w.accept(payments(1)), w.receive(), w.accept(refs(payments(1), "c"))
		for _, q := range []struct {
			what  string
			query store.FileQuery
			want  []batch.FileID
		}{
			{"all", store.FileQuery{}, []batch.FileID{c.ID, b.ID, a.ID}},
			{"oldest first", store.FileQuery{Oldest: true}, []batch.FileID{a.ID, b.ID, c.ID}},
			{"at most two", store.FileQuery{Limit: 2}, []batch.FileID{c.ID, b.ID}},
			{"merchant", store.FileQuery{Merchant: acme}, []batch.FileID{c.ID, a.ID}},
			{"other merchant", store.FileQuery{Merchant: "nobody"}, nil},
			{"source", store.FileQuery{Source: "erp"}, []batch.FileID{c.ID, b.ID, a.ID}},
			{"states", store.FileQuery{States: []batch.FileState{batch.FileReceived, batch.FileHeld}}, []batch.FileID{b.ID}},
			{"digest", store.FileQuery{Digest: c.Digest}, []batch.FileID{c.ID}},
			{"reference", store.FileQuery{Merchant: acme, Ref: a.Header.Ref}, []batch.FileID{a.ID}},
			{"name", store.FileQuery{Name: b.Name}, []batch.FileID{b.ID}},
			{"since then", store.FileQuery{Since: start, Name: b.Name}, []batch.FileID{b.ID}},
			{"before then", store.FileQuery{Before: start}, nil},
			{"since later", store.FileQuery{Since: start.Add(time.Second)}, nil},
		} {
			files, err := w.Files(w.ctx, q.query)
			w.must(err)
			var got []batch.FileID
			for _, f := range files {
				got = append(got, f.ID)
			}
			diff(w, q.what, got, q.want)
		}
	}},
	{"files with something left to do are found", func(w *world) {
		f := w.accept(payments(2))
		ids := func(q store.FileQuery) (ids []batch.FileID) {
			files, err := w.Files(w.ctx, q)
			w.must(err)
			for _, f := range files {
				ids = append(ids, f.ID)
			}
			return ids
		}
		here, none := []batch.FileID{f.ID}, []batch.FileID(nil)
		diff(w, "claimed", ids(store.FileQuery{Claimed: true}), here)
		diff(w, "archived", ids(store.FileQuery{Archived: true}), here)
		diff(w, "untold before the RESULT", ids(store.FileQuery{Untold: true}), none)
		_, err := w.s.Answer(w.ctx, f.ID, start)
		w.must(err)
		diff(w, "untold after a RESULT of lines not sent", ids(store.FileQuery{Untold: true}), here)
		w.must(w.s.Claimed(w.ctx, f.ID, ""))
		w.must(w.s.Purged(w.ctx, f.ID))
		diff(w, "claimed, once settled", ids(store.FileQuery{Claimed: true}), none)
		diff(w, "archived, once purged", ids(store.FileQuery{Archived: true}), none)
	}},
	{"sequence numbers count for accepted and held files alone", func(w *world) {
		for i, state := range []batch.FileState{batch.FileAccepted, batch.FileHeld, batch.FileRejected} {
			f := w.receive()
			f = w.stage(f, refs(payments(1), f.Name))
			f.Header.Sequence = int64(417 + i)
			w.decide(f, state, 1)
		}
		for n, want := range map[int64]bool{416: false, 417: true, 418: true, 419: false} {
			highest, used, err := w.Sequences(w.ctx, acme, n)
			w.must(err)
			equal(w, "highest", highest, 418)
			equal(w, fmt.Sprintf("use of %d", n), used, want)
		}
		highest, used, err := w.Sequences(w.ctx, "nobody", 1)
		w.must(err)
		equal(w, "highest of nobody", highest, 0)
		equal(w, "use by nobody", used, false)
	}},
	{"a file held for its sequence gap waits for those between, and counts once released", func(w *world) {
		f := w.stage(w.receive(), payments(1))
		f.Header.Sequence = 9
		f.Verdict = batch.SequenceGap
		w.decide(f, batch.FileHeld, 1)
		highest, used, err := w.Sequences(w.ctx, acme, 9)
		w.must(err)
		equal(w, "highest while held", highest, 0)
		equal(w, "use while held", used, true)
		w.must(w.s.Move(w.ctx, f.ID, batch.FileHeld, batch.FileAccepted, start, "the files between were withdrawn"))
		highest, _, err = w.Sequences(w.ctx, acme, 9)
		w.must(err)
		equal(w, "highest once released", highest, 9)
		answers, err := w.Answers(w.ctx, f.ID, false)
		w.must(err)
		equal(w, "next sequence of the ack", answers[len(answers)-1].Expected, 10)
	}},
	{"header, layout, counts and totals come back as decided", func(w *world) {
		f := w.stage(w.receive(), payments(2))
		f.Header = batch.Header{Merchant: acme, Ref: "R", Sequence: 417, Mode: batch.Test, CreatedAt: start.Add(time.Microsecond)}
		f.Layout = batch.Layout{Separator: '\t', Encoding: "windows-1252", Plain: true}
		f.State, f.VerdictAt, f.Expected, f.Lines, f.BadLines = batch.FileAccepted, start.Add(time.Second), 418, 2, 1
		f.Totals = []money.Amount{{Minor: 2000, Currency: "EUR"}, {Minor: 5, Currency: "JPY"}}
		w.must(w.s.Decide(w.ctx, f))
		diff(w, "file", w.file(f.ID), f)
	}},
}
