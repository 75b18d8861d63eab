package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

const se = "1234567890"

func fileName(kind string) func(string, int64) string {
	return func(se string, sequence int64) string { return fmt.Sprintf("%s_%s_%06d.dat", kind, se, sequence) }
}

var (
	enrolmentName = fileName("SBENR")
	chargeName    = fileName("SBCHG")
)

// amexWallet is a wallet with cards at indices 1 to n, waiting for American Express.
func amexWallet(id batch.WalletID, n int) batch.Wallet {
	w := batch.Wallet{Merchant: acme, ID: id, Contract: "1234567", Gateway: gateway, Status: batch.WalletActive, DefaultCard: 1, CreatedAt: start, UpdatedAt: start}
	for index := 1; index <= n; index++ {
		w.Cards = append(w.Cards, batch.Card{Index: index, Status: batch.CardWaiting, Type: batch.TypeAmex, Expiry: "1227", Sealed: []byte{byte(index)}})
	}
	return w
}

// requested is the enrolment of a card of amexWallet.
func requested(id batch.WalletID, index int, route batch.SmartBillRoute) batch.Enrolment {
	e := batch.Enrolment{
		Merchant: acme, Wallet: id, CardIndex: index, Contract: "1234567", Route: route, Alias: batch.AliasOf(id, index, 0),
		Key: batch.NewKey(acme, batch.LineRef(id), index), RegisteredAt: start, Status: batch.CardWaiting,
	}
	if route == batch.ViaFiles {
		e.SE = se
	}
	return e
}

// change records an outcome that changes more than its line.
func (w *world) change(changes batch.Changes) error {
	w.Helper()
	w.files++
	f := w.accept(refs([]store.StagedLine{walletLine(2, batch.UpdateWallet, "any")}, fmt.Sprintf("change-%d-", w.files)))
	w.submit(f, 2)
	o := outcome(f, 2, batch.Approved)
	o.Changes = changes
	return w.s.Record(w.ctx, []store.LineOutcome{o})
}

// enrol keeps wallets of one card each, and returns their enrolments.
func (w *world) enrol(ids ...batch.WalletID) []batch.Enrolment {
	w.Helper()
	for _, id := range ids {
		wallet, e := amexWallet(id, 1), requested(id, 1, batch.ViaFiles)
		w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
	}
	return w.enrolments(store.EnrolmentQuery{})
}

func (w *world) enrolments(q store.EnrolmentQuery) []batch.Enrolment {
	w.Helper()
	return collect(w, w.Enrolments(w.ctx, q))
}

// aliases are those of the enrolments that match.
func (w *world) aliases(q store.EnrolmentQuery) (aliases []string) {
	w.Helper()
	for _, e := range w.enrolments(q) {
		aliases = append(aliases, e.Alias)
	}
	return aliases
}

// status of the enrolment with the alias.
func (w *world) status(alias string) batch.CardStatus {
	w.Helper()
	for _, e := range w.enrolments(store.EnrolmentQuery{}) {
		if e.Alias == alias {
			return e.Status
		}
	}
	w.Fatalf("no enrolment has the alias %s", alias)
	return ""
}

func (w *world) openEnrolments() store.PartnerFile {
	w.Helper()
	f, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, start)
	w.must(err)
	return f
}

// send takes a file of ours to its end.
func (w *world) send(f store.PartnerFile) {
	w.Helper()
	w.must(w.s.PartnerStaged(w.ctx, f.ID, 100, "d-"+f.Name))
	w.must(w.s.PartnerSent(w.ctx, f.ID, start))
}

// asked enrols wallets and sends the request.
func (w *world) asked(ids ...batch.WalletID) {
	w.Helper()
	w.enrol(ids...)
	w.send(w.openEnrolments())
}

// idle runs what must write nothing.
func (w *world) idle(do func()) {
	w.Helper()
	enrolments, length := w.enrolments(store.EnrolmentQuery{}), w.info().JournalLen
	files, err := w.PartnerFiles(w.ctx, store.PartnerQuery{})
	w.must(err)
	do()
	diff(w, "enrolments", w.enrolments(store.EnrolmentQuery{}), enrolments)
	after, err := w.PartnerFiles(w.ctx, store.PartnerQuery{})
	w.must(err)
	diff(w, "files", after, files)
	equal(w, "length of the journal", w.info().JournalLen, length)
}

var partnerTests = []test{
	{"an enrolment is written with its wallet, and found by what is known of it", func(w *world) {
		w.enrol("A", "B")
		want := requested("A", 1, batch.ViaFiles)
		want.ID = 1
		diff(w, "enrolment", w.enrolments(store.EnrolmentQuery{Merchant: acme, Wallet: "A"}), []batch.Enrolment{want})
		for _, test := range []struct {
			name string
			q    store.EnrolmentQuery
			want []string
		}{
			{"all", store.EnrolmentQuery{}, []string{"A1", "B1"}},
			{"of wallets", store.EnrolmentQuery{Merchant: acme, Wallets: []batch.WalletID{"B", "nobody"}}, []string{"B1"}},
			{"another merchant's", store.EnrolmentQuery{Merchant: "other"}, nil},
			{"by SE", store.EnrolmentQuery{SE: se}, []string{"A1", "B1"}},
			{"another SE's", store.EnrolmentQuery{SE: "0987654321"}, nil},
			{"by route", store.EnrolmentQuery{Route: batch.ViaPayline}, nil},
			{"by status", store.EnrolmentQuery{Statuses: []batch.CardStatus{batch.CardWaiting, batch.CardAccepted}}, []string{"A1", "B1"}},
			{"of other statuses", store.EnrolmentQuery{Statuses: []batch.CardStatus{batch.CardCancelled}}, nil},
			{"waiting for a file", store.EnrolmentQuery{Unasked: true}, []string{"A1", "B1"}},
			{"registered later", store.EnrolmentQuery{Before: start}, nil},
			{"registered before", store.EnrolmentQuery{Before: start.Add(time.Second)}, []string{"A1", "B1"}},
		} {
			diff(w, test.name, w.aliases(test.q), test.want)
		}
		w.verified()
	}},
	{"an enrolment begins waiting, and one alias of an SE is one card", func(w *world) {
		w.enrol("A")
		accepted, again := requested("B", 1, batch.ViaFiles), requested("A", 1, batch.ViaFiles)
		accepted.Status = batch.CardAccepted
		for name, e := range map[string]*batch.Enrolment{"not waiting": &accepted, "alias taken": &again} {
			if w.change(batch.Changes{Enrolment: e}) == nil {
				w.Errorf("%s: it was written", name)
			}
		}
		equal(w, "enrolments", len(w.enrolments(store.EnrolmentQuery{})), 1)
		w.verified()
	}},
	{"requests go into numbered files without gaps, those that wait into the next one", func(w *world) {
		_, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, start)
		w.is(err, store.ErrNotFound)
		for n := int64(1); n <= 3; n++ {
			id := batch.WalletID(fmt.Sprintf("W%d-", n))
			w.enrol(id)
			f := w.openEnrolments()
			want := store.PartnerFile{ID: n, Kind: store.EnrolmentFile, SE: se, Sequence: n, Name: enrolmentName(se, n), CreatedAt: start, State: store.PartnerOpen}
			diff(w, "file", f, want)
			diff(w, "its enrolments", w.aliases(store.EnrolmentQuery{File: f.Name}), []string{string(id) + "1"})
			diff(w, "waiting", w.aliases(store.EnrolmentQuery{Unasked: true}), []string(nil))
			w.send(f)
			w.idle(func() {
				_, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, start)
				w.is(err, store.ErrNotFound)
			})
		}
		other := requested("O", 1, batch.ViaFiles)
		other.SE = "0987654321"
		w.must(w.change(batch.Changes{Enrolment: &other}))
		f, err := w.s.OpenEnrolmentFile(w.ctx, other.SE, enrolmentName, start)
		w.must(err)
		equal(w, "number of another SE's file", f.Sequence, 1)
		w.verified()
	}},
	{"a number is not lost when a file could not be opened", func(w *world) {
		w.enrol("A")
		w.send(w.openEnrolments())
		w.enrol("B")
		w.idle(func() {
			_, err := w.s.OpenEnrolmentFile(w.ctx, se, func(string, int64) string { return enrolmentName(se, 1) }, start)
			if err == nil {
				w.Fatal("two files have one name")
			}
		})
		equal(w, "number", w.openEnrolments().Sequence, 2)
		w.verified()
	}},
	{"an open file is found again, as it was, by whoever opens the store next", func(w *world) {
		w.enrol("A")
		terms := batch.ChargeTerms{SE: se, Currency: "EUR", ValueDate: "2026-11-23"}
		enrolment := w.openEnrolments()
		charge, err := w.s.OpenChargeFile(w.ctx, "batch-1", terms, chargeName, start)
		w.must(err)
		diff(w, "charge file", charge, store.PartnerFile{
			ID: charge.ID, Kind: store.ChargeFile, SE: se, Sequence: 1, Name: chargeName(se, 1), Batch: "batch-1", Terms: terms, CreatedAt: start, State: store.PartnerOpen,
		})
		w.must(w.s.End())
		w.Store = w.open()
		w.begin()
		w.enrol("B") // came since: it waits for the next file
		w.idle(func() {
			later := start.Add(24 * time.Hour)
			f, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, later)
			w.must(err)
			diff(w, "enrolment file", f, enrolment)
			diff(w, "its enrolments", w.aliases(store.EnrolmentQuery{File: f.Name}), []string{"A1"})
			f, err = w.s.OpenChargeFile(w.ctx, "batch-1", batch.ChargeTerms{SE: se, Currency: "EUR", ValueDate: "2026-11-24"}, chargeName, later)
			w.must(err)
			diff(w, "charge file", f, charge)
		})
		next, err := w.s.OpenChargeFile(w.ctx, "batch-2", terms, chargeName, start)
		w.must(err)
		equal(w, "number of the next charge file", next.Sequence, 2)
		w.must(w.s.PartnerStaged(w.ctx, charge.ID, 7, "d"))
		again, err := w.s.OpenChargeFile(w.ctx, "batch-1", terms, chargeName, start)
		w.must(err)
		equal(w, "state of a batch's file that was staged", again.State, store.PartnerStaged)
		_, err = w.s.OpenChargeFile(w.ctx, "", terms, chargeName, start)
		if err == nil {
			w.Fatal("a charge file without a batch")
		}
		w.verified()
	}},
	{"a file of ours goes from open to staged to sent, and its bytes stay", func(w *world) {
		w.enrol("A")
		f := w.openEnrolments()
		w.idle(func() { w.is(w.s.PartnerSent(w.ctx, f.ID, start), store.ErrStale) })
		w.must(w.s.PartnerFailed(w.ctx, f.ID, "no space left"))
		w.idle(func() { w.must(w.s.PartnerFailed(w.ctx, f.ID, "no space left")) })
		file := func(q store.PartnerQuery) store.PartnerFile {
			files, err := w.PartnerFiles(w.ctx, q)
			w.must(err)
			if len(files) != 1 {
				w.Fatalf("%d files", len(files))
			}
			return files[0]
		}
		equal(w, "reason", file(store.PartnerQuery{SE: se, States: []store.PartnerState{store.PartnerOpen}}).Reason, "no space left")
		w.must(w.s.PartnerStaged(w.ctx, f.ID, 100, "digest"))
		w.idle(func() {
			w.must(w.s.PartnerStaged(w.ctx, f.ID, 100, "digest"))
			w.is(w.s.PartnerStaged(w.ctx, f.ID, 100, "other"), store.ErrDamaged)
			w.is(w.s.PartnerStaged(w.ctx, f.ID, 101, "digest"), store.ErrDamaged)
		})
		w.must(w.s.PartnerSent(w.ctx, f.ID, start.Add(time.Minute)))
		w.idle(func() {
			w.must(w.s.PartnerSent(w.ctx, f.ID, ever))
			w.must(w.s.PartnerStaged(w.ctx, f.ID, 100, "digest"))
			w.must(w.s.PartnerFailed(w.ctx, f.ID, "too late"))
			w.is(w.s.PartnerStaged(w.ctx, f.ID, 1, "other"), store.ErrDamaged)
		})
		f.State, f.Size, f.Digest, f.SentAt = store.PartnerSent, 100, "digest", start.Add(time.Minute)
		diff(w, "file", file(store.PartnerQuery{Kind: store.EnrolmentFile, Name: f.Name, Digest: "digest"}), f)
		w.is(w.s.PartnerStaged(w.ctx, 99, 1, "d"), store.ErrNotFound)
		told := w.tell(1)
		w.idle(func() { w.is(w.s.PartnerSent(w.ctx, told.ID, start), store.ErrStale) })
		w.verified()
	}},
	{"every write to the exchange is an entry of its kind", func(w *world) {
		w.enrol("A")
		before := w.info().JournalLen
		f := w.openEnrolments()
		w.must(w.s.PartnerFailed(w.ctx, f.ID, "why"))
		w.send(f)
		w.tell(1, event("A1", batch.CardAccepted, 1))
		diff(w, "kinds", kinds(collect(w, w.Journal(w.ctx, before+1))), []string{"open partner file", "partner failed", "partner staged", "partner sent", "partner ingest"})
		w.verified()
	}},
	{"what is disabled is removed from the list, if it ever came onto it", func(w *world) {
		w.asked("ON", "ENDED")
		w.enrol("NEW")
		w.tell(1, event("ON1", batch.CardAccepted, 1), event("ENDED1", batch.CardCancelled, 1))
		for _, id := range []batch.WalletID{"ON", "ENDED", "NEW"} {
			wallet := *w.wallet(id)
			wallet.Status = batch.WalletDisabled
			w.must(w.change(batch.Changes{Wallet: &wallet}))
		}
		marks := map[string]bool{}
		for _, e := range w.enrolments(store.EnrolmentQuery{}) {
			marks[e.Alias] = e.Removal
		}
		diff(w, "marks", marks, map[string]bool{"ON1": true, "ENDED1": false, "NEW1": true})
		diff(w, "waiting", w.aliases(store.EnrolmentQuery{Unasked: true}), []string{"ON1"})
		f := w.openEnrolments()
		on := w.enrolments(store.EnrolmentQuery{File: f.Name})
		equal(w, "removals", len(on), 1)
		equal(w, "file of the removal", on[0].RemovedIn, f.Name)
		equal(w, "file of the request", on[0].AskedIn, enrolmentName(se, 1))
		w.send(f)
		_, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, start)
		w.is(err, store.ErrNotFound)
		w.verified()
	}},
	{"of a wallet that stays, only the disabled card is removed", func(w *world) {
		wallet := amexWallet("W", 2)
		for index := 1; index <= 2; index++ {
			e := requested("W", index, batch.ViaFiles)
			w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
		}
		w.send(w.openEnrolments())
		wallet.Cards[1].Status = batch.CardDisabled
		w.must(w.change(batch.Changes{Wallet: &wallet}))
		diff(w, "waiting", w.aliases(store.EnrolmentQuery{Unasked: true}), []string{"W2"})
		w.tell(1, event("W1", batch.CardAccepted, 1), event("W2", batch.CardAccepted, 1))
		equal(w, "status of the disabled card", w.wallet("W").Cards[1].Status, batch.CardDisabled)
		equal(w, "status of the other", w.wallet("W").Cards[0].Status, batch.CardAccepted)
		w.verified()
	}},
	{"a session that lost the lock writes nothing of the exchange", func(w *world) {
		w.enrol("A")
		f := w.openEnrolments()
		w.must(w.s.PartnerStaged(w.ctx, f.ID, 1, "d"))
		w.fixture.Break(w.T)
		other, err := w.open().Begin(w.ctx, store.Actor{Name: "other"})
		w.must(err)
		defer other.End()
		w.idle(func() {
			_, err := w.s.OpenEnrolmentFile(w.ctx, se, enrolmentName, start)
			_, err2 := w.s.OpenChargeFile(w.ctx, "b", batch.ChargeTerms{SE: se}, chargeName, start)
			_, err3 := w.s.Ingest(w.ctx, theirs(store.StatusFile, 1), nil, nil, nil, start)
			_, err4 := w.s.Ingest(w.ctx, store.PartnerFile{}, []batch.StatusEvent{event("A1", batch.CardAccepted, 1)}, nil, nil, start)
			for i, err := range []error{err, err2, err3, err4,
				w.s.PartnerStaged(w.ctx, f.ID, 1, "d"), w.s.PartnerSent(w.ctx, f.ID, start), w.s.PartnerFailed(w.ctx, f.ID, "why")} {
				if !errors.Is(err, store.ErrFenced) {
					w.Errorf("write %d: got %v, want ErrFenced", i, err)
				}
			}
		})
		_, err = other.OpenChargeFile(w.ctx, "b", batch.ChargeTerms{SE: se}, chargeName, start)
		w.must(err)
	}},
	{"partner files are found by state, in the order made", func(w *world) {
		for i := range 3 {
			_, err := w.s.OpenChargeFile(w.ctx, fmt.Sprintf("b%d", i), batch.ChargeTerms{SE: se, Currency: "EUR"}, chargeName, start)
			w.must(err)
		}
		w.tell(1)
		files, err := w.PartnerFiles(w.ctx, store.PartnerQuery{States: []store.PartnerState{store.PartnerOpen, store.PartnerTaken}})
		w.must(err)
		var names []string
		for _, f := range files {
			names = append(names, f.Name)
		}
		diff(w, "names", names, []string{chargeName(se, 1), chargeName(se, 2), chargeName(se, 3), theirs(store.StatusFile, 1).Name})
		files, err = w.PartnerFiles(w.ctx, store.PartnerQuery{Batch: "b1"})
		w.must(err)
		if !slices.ContainsFunc(files, func(f store.PartnerFile) bool { return f.Sequence == 2 }) || len(files) != 1 {
			w.Fatalf("the file of a batch is %+v", files)
		}
	}},
}
