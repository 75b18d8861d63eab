package storetest

import (
	"fmt"
	"time"

	"pgregory.net/rapid"

	"cardbatch/batch"
	"cardbatch/store"
)

func event(alias string, status batch.CardStatus, hours int) batch.StatusEvent {
	return batch.StatusEvent{Alias: alias, Status: status, At: start.Add(time.Duration(hours) * time.Hour), Line: hours + 2}
}

// theirs is a file of the partner's with a sequence number.
func theirs(kind store.PartnerKind, sequence int64) store.PartnerFile {
	return store.PartnerFile{
		Kind: kind, SE: se, Sequence: sequence, Name: fmt.Sprintf("%s_%06d.dat", kind, sequence), CreatedAt: start,
		State: store.PartnerTaken, Size: 100, Digest: fmt.Sprintf("%s-%d", kind, sequence),
	}
}

// tell ingests a status file with the events.
func (w *world) tell(sequence int64, events ...batch.StatusEvent) store.PartnerFile {
	w.Helper()
	f, err := w.s.Ingest(w.ctx, theirs(store.StatusFile, sequence), events, nil, nil, start)
	w.must(err)
	return f
}

// reasons are those of all exceptions.
func (w *world) reasons() (reasons []string) {
	w.Helper()
	for _, x := range collect(w, w.PartnerExceptions(w.ctx, start.AddDate(-1, 0, 0), ever)) {
		reasons = append(reasons, x.Alias+": "+x.Reason)
	}
	return reasons
}

var ingestTests = []test{
	{"an answer changes enrolment and card, and the number goes", func(w *world) {
		w.asked("A")
		accepted := event("A1", batch.CardAccepted, 1)
		accepted.Code, accepted.Text = "000", "welcome"
		f := w.tell(1, accepted)
		diff(w, "file", f, func() store.PartnerFile { want := theirs(store.StatusFile, 1); want.ID = f.ID; return want }())
		e := w.enrolments(store.EnrolmentQuery{})[0]
		equal(w, "status", e.Status, batch.CardAccepted)
		equal(w, "time of the status", e.StatusAt, accepted.At)
		equal(w, "reason", e.Code+" "+e.Text, "000 welcome")
		card := w.wallet("A").Cards[0]
		equal(w, "status of the card", card.Status, batch.CardAccepted)
		equal(w, "expiry", card.Expiry, "1227")
		equal(w, "sealed bytes", len(card.Sealed), 0)
		updated := event("A1", batch.CardExpiryUpdated, 2)
		updated.NewExpiry, updated.Product = "0130", "GOLD"
		w.tell(2, updated)
		card = w.wallet("A").Cards[0]
		equal(w, "status of the card", card.Status, batch.CardExpiryUpdated)
		equal(w, "expiry", card.Expiry, "0130")
		accepted.File, updated.File = theirs(store.StatusFile, 1).Name, theirs(store.StatusFile, 2).Name
		diff(w, "events", collect(w, w.StatusEvents(w.ctx, e.ID)), []batch.StatusEvent{accepted, updated})
		for _, err := range w.StatusEvents(w.ctx, 99) {
			w.is(err, store.ErrNotFound)
		}
		w.verified()
	}},
	{"the number stays while a file may still have to be written with it", func(w *world) {
		w.enrol("A", "B")
		f := w.openEnrolments()
		w.tell(1, event("A1", batch.CardAccepted, 1))
		equal(w, "sealed bytes", len(w.wallet("A").Cards[0].Sealed), 1)
		w.send(f)
		w.tell(2, event("A1", batch.CardProductUpdated, 2))
		equal(w, "sealed bytes once it was sent", len(w.wallet("A").Cards[0].Sealed), 0)
		equal(w, "sealed bytes of a card that waits", len(w.wallet("B").Cards[0].Sealed), 1)
	}},
	{"a refusal disables the wallet; a cancellation the card, and the wallet without a usable one", func(w *world) {
		wallet := amexWallet("W", 2)
		for index := 1; index <= 2; index++ {
			e := requested("W", index, batch.ViaFiles)
			w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
		}
		w.asked("R")
		w.tell(1, event("R1", batch.CardRefused, 1), event("W1", batch.CardAccepted, 1), event("W2", batch.CardAccepted, 1), event("W1", batch.CardCancelled, 2))
		equal(w, "refused card's wallet", w.wallet("R").Status, batch.WalletDisabled)
		equal(w, "refused card", w.wallet("R").Cards[0].Status, batch.CardRefused)
		equal(w, "wallet with a usable card", w.wallet("W").Status, batch.WalletActive)
		equal(w, "cancelled card", w.wallet("W").Cards[0].Status, batch.CardCancelled)
		w.tell(2, event("W2", batch.CardCancelled, 3))
		equal(w, "wallet without one", w.wallet("W").Status, batch.WalletDisabled)
		diff(w, "waiting", w.aliases(store.EnrolmentQuery{Unasked: true}), []string(nil))
		w.verified()
	}},
	{"a refusal takes the wallet's other cards off the list", func(w *world) {
		wallet := amexWallet("W", 2)
		for index := 1; index <= 2; index++ {
			e := requested("W", index, batch.ViaFiles)
			w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
		}
		w.send(w.openEnrolments())
		w.tell(1, event("W1", batch.CardAccepted, 1), event("W2", batch.CardRefused, 1))
		diff(w, "waiting", w.aliases(store.EnrolmentQuery{Unasked: true}), []string{"W1"})
		w.verified()
	}},
	{"the same file again changes nothing", func(w *world) {
		w.asked("A")
		unknown := event("NOBODY1", batch.CardAccepted, 1)
		first := w.tell(1, event("A1", batch.CardAccepted, 1), unknown)
		w.idle(func() {
			diff(w, "file", w.tell(1, event("A1", batch.CardCancelled, 9)), first) // known by its digest, not by what is passed
			renamed := theirs(store.StatusFile, 1)
			renamed.Name = "copy.dat"
			f, err := w.s.Ingest(w.ctx, renamed, []batch.StatusEvent{event("A1", batch.CardCancelled, 9)}, nil, nil, ever)
			w.must(err)
			diff(w, "file under another name", f, first)
		})
		w.tell(2, event("A1", batch.CardAccepted, 1)) // the same fact in another file
		equal(w, "status", w.status("A1"), batch.CardAccepted)
		diff(w, "exceptions", w.reasons(), []string{"NOBODY1: the alias is unknown"})
		w.verified()
	}},
	{"files in any order lead to one end, with the same exceptions", func(w *world) {
		facts := []batch.StatusEvent{
			event("1", batch.CardAccepted, 1), event("1", batch.CardExpiryUpdated, 2), event("1", batch.CardExpiryUpdated, 3),
			event("1", batch.CardProductUpdated, 4), event("1", batch.CardAccepted, 5), event("1", batch.CardCancelled, 6), event("1", batch.CardExpiryUpdated, 7),
		}
		facts[1].NewExpiry, facts[2].NewExpiry, facts[6].NewExpiry = "0129", "0130", "0131"
		for i := range facts {
			facts[i].File = fmt.Sprintf("told-%d.dat", i)
		}
		n, sequence := 0, int64(0)
		var want string
		rapid.Check(w.T, func(t *rapid.T) {
			n++
			id := batch.WalletID(fmt.Sprintf("W%d-", n))
			w.enrol(id)
			for _, fact := range rapid.Permutation(facts).Draw(t, "order") {
				sequence++
				fact.Alias = string(id) + "1"
				w.tell(sequence, fact)
			}
			e := w.enrolments(store.EnrolmentQuery{Merchant: acme, Wallet: id})[0]
			var odd []string
			for _, x := range collect(w, w.PartnerExceptions(w.ctx, start.AddDate(-1, 0, 0), ever)) {
				if x.Alias == e.Alias {
					odd = append(odd, fmt.Sprint(x.File, x.Line, x.Reason))
				}
			}
			wallet := w.wallet(id)
			got := fmt.Sprint(e.Status, e.StatusAt, e.Code, wallet.Status, wallet.Cards[0].Status, wallet.Cards[0].Expiry, odd)
			if want == "" {
				want = got
				equal(w, "status", e.Status, batch.CardCancelled)
				equal(w, "expiry", wallet.Cards[0].Expiry, "0130")
				equal(w, "contradictions", len(odd), 2)
			}
			equal(w, "where it ended", got, want)
		})
		w.verified()
	}},
	{"what seemed a contradiction is none once an earlier event has come", func(w *world) {
		w.asked("A")
		w.tell(1, event("A1", batch.CardExpiryUpdated, 5))
		equal(w, "status", w.status("A1"), batch.CardWaiting)
		diff(w, "exceptions", w.reasons(), []string{"A1: the card was updated, but no enrolment was accepted before"})
		w.tell(2, event("A1", batch.CardAccepted, 1))
		equal(w, "status", w.status("A1"), batch.CardExpiryUpdated)
		diff(w, "exceptions", w.reasons(), []string(nil))
		w.verified()
	}},
	{"what cannot be is kept as an exception, with the time of its file", func(w *world) {
		w.asked("A")
		number := "371881634498004"
		nameless := event("A1", batch.CardAccepted, 1)
		nameless.At = time.Time{}
		given := []batch.PartnerException{{Line: 9, Alias: "k", Reason: "the key is unknown"}}
		_, err := w.s.Ingest(w.ctx, theirs(store.StatusFile, 1), []batch.StatusEvent{event(number, batch.CardAccepted, 1), event("A1", "XX", 2), nameless}, nil, given, start)
		w.must(err)
		name := theirs(store.StatusFile, 1).Name
		want := []batch.PartnerException{
			{File: name, Line: 3, Alias: "371881*****8004", Reason: "the alias is unknown", At: start},
			{File: name, Line: 3, Alias: "A1", Reason: "the event has no date", At: start},
			{File: name, Line: 4, Alias: "A1", Reason: "the status is unknown", At: start},
			{File: name, Line: 9, Alias: "k", Reason: "the key is unknown", At: start},
		}
		diff(w, "exceptions", collect(w, w.PartnerExceptions(w.ctx, start, start.Add(time.Microsecond))), want)
		equal(w, "exceptions before", len(collect(w, w.PartnerExceptions(w.ctx, start.AddDate(-1, 0, 0), start))), 0)
		equal(w, "exceptions later", len(collect(w, w.PartnerExceptions(w.ctx, start.Add(time.Microsecond), ever))), 0)
		equal(w, "status", w.status("A1"), batch.CardWaiting)
		w.verified()
	}},
	{"a held file says nothing until it is taken", func(w *world) {
		w.asked("A")
		events := []batch.StatusEvent{event("A1", batch.CardAccepted, 1)}
		held := theirs(store.StatusFile, 2)
		held.State, held.Reason = store.PartnerHeld, "number 1 has not come"
		f, err := w.s.Ingest(w.ctx, held, events, nil, nil, start)
		w.must(err)
		equal(w, "state", f.State, store.PartnerHeld)
		equal(w, "reason", f.Reason, held.Reason)
		equal(w, "status", w.status("A1"), batch.CardWaiting)
		w.idle(func() {
			_, err := w.s.Ingest(w.ctx, held, events, nil, nil, start)
			w.must(err)
		})
		f = w.tell(2, events...)
		equal(w, "state", f.State, store.PartnerTaken)
		equal(w, "reason", f.Reason, "")
		equal(w, "status", w.status("A1"), batch.CardAccepted)
		w.idle(func() {
			_, err := w.s.Ingest(w.ctx, held, events, nil, nil, start)
			w.must(err)
		})
		w.verified()
	}},
	{"a rejected file counts once what spoke against it is gone", func(w *world) {
		w.asked("A")
		f := theirs(store.StatusFile, 1)
		f.State, f.Reason = store.PartnerRejected, "no contract has the service establishment number"
		events := []batch.StatusEvent{event("A1", batch.CardAccepted, 1)}
		_, err := w.s.Ingest(w.ctx, f, events, nil, nil, start)
		w.must(err)
		f.State, f.Reason = store.PartnerHeld, "number 1 is due"
		got, err := w.s.Ingest(w.ctx, f, events, nil, nil, start)
		w.must(err)
		equal(w, "state", got.State, store.PartnerHeld)
		equal(w, "status", w.status("A1"), batch.CardWaiting)
		f.State, f.Reason = store.PartnerRejected, "replaced"
		_, err = w.s.Ingest(w.ctx, f, nil, nil, nil, start)
		w.must(err)
		f.State, f.Reason = store.PartnerTaken, ""
		got, err = w.s.Ingest(w.ctx, f, events, nil, nil, start)
		w.must(err)
		equal(w, "state", got.State, store.PartnerTaken)
		equal(w, "reason", got.Reason, "")
		equal(w, "status", w.status("A1"), batch.CardAccepted)
		f.State = store.PartnerRejected
		w.idle(func() {
			got, err := w.s.Ingest(w.ctx, f, events, nil, nil, start)
			w.must(err)
			equal(w, "a file that was taken", got.State, store.PartnerTaken)
		})
		w.verified()
	}},
	{"a rejected file says nothing, and may come again repaired", func(w *world) {
		w.asked("A")
		rejected := theirs(store.StatusFile, 1)
		rejected.State, rejected.Reason, rejected.Digest = store.PartnerRejected, "the trailer counts 2, there is 1", "broken"
		f, err := w.s.Ingest(w.ctx, rejected, []batch.StatusEvent{event("A1", batch.CardAccepted, 1)}, nil, nil, start)
		w.must(err)
		equal(w, "state", f.State, store.PartnerRejected)
		equal(w, "status", w.status("A1"), batch.CardWaiting)
		w.tell(1, event("A1", batch.CardAccepted, 1))
		equal(w, "status", w.status("A1"), batch.CardAccepted)
		other := theirs(store.StatusFile, 1)
		other.Digest = "other bytes"
		w.idle(func() {
			_, err := w.s.Ingest(w.ctx, other, nil, nil, nil, start)
			w.is(err, store.ErrStale)
			_, err = w.s.Ingest(w.ctx, store.PartnerFile{Kind: store.ChargeFile, Name: "x", Digest: "x", State: store.PartnerTaken}, nil, nil, nil, start)
			w.is(err, store.ErrStale)
			_, err = w.s.Ingest(w.ctx, store.PartnerFile{Kind: store.StatusFile, Name: "x", Digest: "x", State: store.PartnerSent}, nil, nil, nil, start)
			w.is(err, store.ErrStale)
		})
		other.State = store.PartnerRejected
		_, err = w.s.Ingest(w.ctx, other, nil, nil, nil, start)
		w.must(err)
		files, err := w.PartnerFiles(w.ctx, store.PartnerQuery{Kind: store.StatusFile, States: []store.PartnerState{store.PartnerRejected}})
		w.must(err)
		equal(w, "rejected files", len(files), 2)
		w.verified()
	}},
	{"answers to charges are kept by key, and the first one stays", func(w *world) {
		one := batch.ChargeAnswer{Key: batch.NewKey(acme, "1", 1), State: batch.Approved, AuthorizationNumber: "123456", Code: "000", Text: "fine", CardChanged: true, ValueDate: "2026-11-23"}
		two := batch.ChargeAnswer{Key: batch.NewKey(acme, "2", 1), State: batch.Declined, Code: "105", File: "named.dat"}
		f := theirs(store.ResponseFile, 1)
		_, err := w.s.Ingest(w.ctx, f, nil, []batch.ChargeAnswer{one, two}, nil, start)
		w.must(err)
		one.File = f.Name
		keys := []batch.Key{one.Key, two.Key, batch.NewKey(acme, "3", 1)}
		want := map[batch.Key]batch.ChargeAnswer{one.Key: one, two.Key: two}
		answers, err := w.ChargeAnswers(w.ctx, keys)
		w.must(err)
		diff(w, "answers", answers, want)
		otherwise := two
		otherwise.State = batch.Approved
		_, err = w.s.Ingest(w.ctx, theirs(store.ResponseFile, 2), nil, []batch.ChargeAnswer{one, otherwise}, nil, start)
		w.must(err)
		answers, err = w.ChargeAnswers(w.ctx, keys)
		w.must(err)
		diff(w, "answers after others", answers, want)
		diff(w, "exceptions", w.reasons(), []string{string(two.Key) + ": the charge was answered otherwise before"})
		answers, err = w.ChargeAnswers(w.ctx, nil)
		w.must(err)
		equal(w, "answers not asked for", len(answers), 0)
		w.verified()
	}},
	{"what a processor tells is kept without a file, once", func(w *world) {
		for _, merchant := range []batch.MerchantID{acme, "zeta"} {
			wallet, e := amexWallet("P", 1), requested("P", 1, batch.ViaPayline)
			wallet.Merchant, e.Merchant = merchant, merchant
			w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
		}
		_, err := w.s.OpenEnrolmentFile(w.ctx, "", enrolmentName, start)
		w.is(err, store.ErrNotFound)
		accepted := event("P1", batch.CardAccepted, 1)
		accepted.Merchant, accepted.File = acme, "payline"
		told := func() {
			_, err := w.s.Ingest(w.ctx, store.PartnerFile{}, []batch.StatusEvent{accepted}, nil, nil, start)
			w.must(err)
		}
		told()
		w.idle(told)
		equal(w, "status", w.wallet("P").Cards[0].Status, batch.CardAccepted)
		equal(w, "waiting", len(w.enrolments(store.EnrolmentQuery{Merchant: "zeta", Statuses: []batch.CardStatus{batch.CardWaiting}})), 1)
		diff(w, "events", collect(w, w.StatusEvents(w.ctx, 1)), []batch.StatusEvent{accepted})
		w.verified()
	}},
	{"a file is ingested whole or not at all", func(w *world) {
		w.asked("A")
		broken := batch.ChargeAnswer{Key: batch.NewKey(acme, "1", 1), State: batch.Pending}
		w.idle(func() {
			_, err := w.s.Ingest(w.ctx, theirs(store.StatusFile, 1), []batch.StatusEvent{event("A1", batch.CardAccepted, 1)}, []batch.ChargeAnswer{broken}, nil, start)
			if err == nil {
				w.Fatal("an answer that is none was taken")
			}
		})
		equal(w, "card", w.wallet("A").Cards[0].Status, batch.CardWaiting)
		equal(w, "events", len(collect(w, w.StatusEvents(w.ctx, 1))), 0)
		w.tell(1, event("A1", batch.CardAccepted, 1))
		equal(w, "card", w.wallet("A").Cards[0].Status, batch.CardAccepted)
		w.verified()
	}},
}
