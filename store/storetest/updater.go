package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

const (
	updater = "paysafe"
	month   = "2026-11"
)

// payer is a wallet with one Visa card that expires in the month in which every test begins.
func payer(id batch.WalletID) batch.Wallet {
	return batch.Wallet{
		Merchant: acme, ID: id, Contract: "1234567", Gateway: gateway, Status: batch.WalletActive, DefaultCard: 1, CreatedAt: start, UpdatedAt: start,
		Cards: []batch.Card{{
			Index: 1, Status: batch.CardActive, Token: "tok-" + string(id), Fingerprint: "fp-" + string(id), FirstSix: "411111", LastFour: "1111",
			Expiry: "1126", Type: batch.TypeVisa, Cardholder: "Z DURAND", Sealed: []byte("old number"),
		}},
	}
}

// stock keeps wallets of one card each.
func (w *world) stock(ids ...batch.WalletID) {
	w.Helper()
	var all []batch.Wallet
	for _, id := range ids {
		all = append(all, payer(id))
	}
	w.keep(all...)
}

// recordOf asks about the card of a payer.
func recordOf(id batch.WalletID) store.RequestRecord {
	return store.RequestRecord{Merchant: acme, Wallet: id, CardIndex: 1, Account: "89987201", Fingerprint: "fp-" + string(id)}
}

func requestName(number int64) string { return fmt.Sprintf("upd_paysafe_%06d.csv", number) }

// request makes a request about the cards of payers.
func (w *world) request(ids ...batch.WalletID) store.UpdateRequest {
	w.Helper()
	var records []store.RequestRecord
	for _, id := range ids {
		records = append(records, recordOf(id))
	}
	r, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, CreatedAt: start}, records, requestName)
	w.must(err)
	return r
}

// patience is how long a request of these tests waits for responses.
const patience = 96 * time.Hour

// ask makes a request and sends it.
func (w *world) ask(ids ...batch.WalletID) store.UpdateRequest {
	w.Helper()
	r := w.request(ids...)
	w.must(w.s.RequestStaged(w.ctx, r.ID, 100, "d-"+r.Name))
	w.must(w.s.RequestSent(w.ctx, r.ID, start, start.Add(patience)))
	return w.requestOf(r.ID)
}

func (w *world) requestOf(id int64) store.UpdateRequest {
	w.Helper()
	found, err := w.UpdateRequests(w.ctx, store.RequestQuery{IDs: []int64{id}})
	w.must(err)
	equal(w, "requests with the id", len(found), 1)
	return found[0]
}

// stands tells where the records of a request stand, by position.
func (w *world) stands(id int64) (states []store.RecordState) {
	w.Helper()
	for _, r := range collect(w, w.RequestRecords(w.ctx, id)) {
		states = append(states, r.State)
	}
	return states
}

// still runs what must write nothing.
func (w *world) still(do func()) {
	w.Helper()
	length := w.info().JournalLen
	do()
	equal(w, "length of the journal", w.info().JournalLen, length)
}

// arrived is a file that a source of updates has put.
func arrived(kind store.UpdateFileKind, name string) store.UpdateFile {
	return store.UpdateFile{Updater: updater, Kind: kind, Name: name, Size: 10, Digest: "d-" + name, TakenAt: start}
}

// updates are the settled updates of acme.
func (w *world) updates() []batch.CardUpdate {
	w.Helper()
	return collect(w, w.CardUpdates(w.ctx, store.UpdateQuery{Merchant: acme}))
}

// summaries tell whose card, what, and what it did.
func summaries(updates []batch.CardUpdate) (lines []string) {
	for _, u := range updates {
		lines = append(lines, fmt.Sprintf("%s %s %s", u.Wallet, u.Outcome, u.Effect))
	}
	return lines
}

// acknowledge takes an acknowledgement of a request.
func (w *world) acknowledge(name string, request int64, bad ...store.BadRecord) (store.UpdateRequest, error) {
	return w.s.Acknowledge(w.ctx, arrived(store.AcknowledgementFile, name), request, bad, store.UpdateRequest{Month: month, CreatedAt: start.Add(time.Hour)}, requestName)
}

var updaterTests = []test{
	{"cards are candidates with their wallet and when they were asked about", func(w *world) {
		other := payer("A")
		other.Merchant, other.Contract, other.Cards[0].Expiry = "zeta", "7654321", "1227"
		two := payer("B")
		second := two.Cards[0]
		second.Index, second.Fingerprint, second.Expiry, second.ChangedAt = 2, "fp-2", "0130", start
		two.Cards = append(two.Cards, second)
		w.keep(two, payer("C"), other)
		w.request("C")
		all := collect(w, w.Candidates(w.ctx, store.CandidateQuery{Updater: updater}))
		want := batch.Candidate{Merchant: acme, Wallet: "B", WalletStatus: batch.WalletActive, Contract: "1234567", Gateway: gateway, Card: two.Cards[0]}
		equal(w, "candidates", len(all), 4)
		diff(w, "first", all[0], want)
		want.Card = second
		diff(w, "second card", all[1], want)
		equal(w, "asked", all[2].Asked, start)
		for _, test := range []struct {
			name string
			q    store.CandidateQuery
			want string
		}{
			{"all", store.CandidateQuery{}, "[acme/B/1 acme/B/2 acme/C/1 zeta/A/1]"},
			{"of a merchant", store.CandidateQuery{Merchant: acme}, "[acme/B/1 acme/B/2 acme/C/1]"},
			{"of a contract", store.CandidateQuery{Contract: "7654321"}, "[zeta/A/1]"},
			{"by expiry", store.CandidateQuery{Expiry: "1126"}, "[acme/B/1 acme/C/1]"},
			{"by expiry, of a merchant", store.CandidateQuery{Merchant: acme, Contract: "1234567", Expiry: "0130"}, "[acme/B/2]"},
			{"of a wallet", store.CandidateQuery{Merchant: acme, Wallet: "B"}, "[acme/B/1 acme/B/2]"},
			{"one card", store.CandidateQuery{Merchant: acme, Wallet: "B", Card: 2}, "[acme/B/2]"},
			{"of nobody", store.CandidateQuery{Merchant: "nobody"}, "[]"},
		} {
			var found []string
			for _, c := range collect(w, w.Candidates(w.ctx, test.q)) {
				found = append(found, fmt.Sprintf("%s/%s/%d", c.Merchant, c.Wallet, c.Card.Index))
			}
			equal(w, test.name, fmt.Sprint(found), test.want)
		}
	}},
	{"asked counts for the present number and for the updater", func(w *world) {
		w.stock("A")
		w.request("A")
		later, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: "other", Month: month, CreatedAt: start.Add(time.Hour)}, []store.RequestRecord{recordOf("A")}, func(int64) string { return "other" })
		w.must(err)
		asked := func(updater string) time.Time {
			return collect(w, w.Candidates(w.ctx, store.CandidateQuery{Updater: updater}))[0].Asked
		}
		equal(w, "by this one", asked(updater), start)
		equal(w, "by another", asked("other"), later.CreatedAt)
		equal(w, "by a third", asked("third"), time.Time{})
		equal(w, "by any", asked(""), later.CreatedAt)
		changed := payer("A")
		changed.Cards[0].Fingerprint = "fp-new"
		w.keep(changed)
		equal(w, "about another number", asked(updater), time.Time{})
	}},
	{"the caller may write while it looks at cards", func(w *world) {
		w.stock("A", "B", "C")
		n := 0
		for _, err := range w.Candidates(w.ctx, store.CandidateQuery{}) {
			w.must(err)
			n++
			w.must(w.s.Note(w.ctx, "note", ""))
		}
		equal(w, "cards", n, 3)
	}},
	{"a selection is begun and finished once", func(w *world) {
		_, _, err := w.Selection(w.ctx, updater, month)
		w.is(err, store.ErrNotFound)
		w.is(w.s.FinishSelection(w.ctx, updater, month, start), store.ErrNotFound)
		w.must(w.s.BeginSelection(w.ctx, updater, month, start))
		begun, finished, err := w.Selection(w.ctx, updater, month)
		w.must(err)
		equal(w, "begun", begun, start)
		equal(w, "finished", finished, time.Time{})
		w.must(w.s.FinishSelection(w.ctx, updater, month, start.Add(time.Hour)))
		w.still(func() {
			w.must(w.s.BeginSelection(w.ctx, updater, month, ever))
			w.must(w.s.FinishSelection(w.ctx, updater, month, ever))
		})
		begun, finished, err = w.Selection(w.ctx, updater, month)
		w.must(err)
		equal(w, "begun", begun, start)
		equal(w, "finished", finished, start.Add(time.Hour))
		_, _, err = w.Selection(w.ctx, updater, "2026-12")
		w.is(err, store.ErrNotFound)
		w.verified()
	}},
	{"requests are numbered per updater without gaps, and found by what is known of them", func(w *world) {
		first, second := w.request("A", "B"), w.request("C")
		want := store.UpdateRequest{ID: second.ID, Updater: updater, Number: 2, Name: requestName(2), Month: month, CreatedAt: start, State: store.RequestOpen, Records: 1, Undecided: 1}
		diff(w, "request", second, want)
		record := recordOf("B")
		record.Request, record.Position, record.State = first.ID, 2, store.RecordAsked
		diff(w, "second record", collect(w, w.RequestRecords(w.ctx, first.ID))[1], record)
		equal(w, "records answered", len(collect(w, w.RequestRecords(w.ctx, first.ID, store.RecordAnswered, store.RecordGivenUp))), 0)
		other, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: "other", Month: "2026-12", CreatedAt: start}, []store.RequestRecord{recordOf("A")}, func(n int64) string { return fmt.Sprintf("other_%d", n) })
		w.must(err)
		equal(w, "number of another updater's", other.Number, 1)
		w.is(errOf(w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Repairs: 99, CreatedAt: start}, []store.RequestRecord{record}, requestName)), store.ErrNotFound)
		if _, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, CreatedAt: start}, nil, requestName); err == nil {
			w.Error("a request about nobody was made")
		}
		equal(w, "number after what failed", w.request("D").Number, 3)
		for _, test := range []struct {
			name string
			q    store.RequestQuery
			want int
		}{
			{"all", store.RequestQuery{}, 4}, {"by updater", store.RequestQuery{Updater: updater}, 3}, {"by name", store.RequestQuery{Name: "other_1"}, 1},
			{"by month", store.RequestQuery{Month: month}, 3}, {"by state", store.RequestQuery{States: []store.RequestState{store.RequestSent}}, 0},
			{"by id", store.RequestQuery{IDs: []int64{first.ID, other.ID}}, 2}, {"by no id", store.RequestQuery{IDs: []int64{}}, 0},
		} {
			found, err := w.UpdateRequests(w.ctx, test.q)
			w.must(err)
			equal(w, test.name, len(found), test.want)
		}
		w.verified()
	}},
	{"a request of many records comes back in order", func(w *world) {
		records := make([]store.RequestRecord, 1234)
		for i := range records {
			records[i] = recordOf(batch.WalletID(fmt.Sprintf("W%04d", i)))
		}
		r, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, CreatedAt: start}, records, requestName)
		w.must(err)
		for i := range records {
			records[i].Request, records[i].Position, records[i].State = r.ID, i+1, store.RecordAsked
		}
		diff(w, "records", collect(w, w.RequestRecords(w.ctx, r.ID)), records)
		w.verified()
	}},
	{"a request is staged, then sent; its bytes never change", func(w *world) {
		r := w.request("A")
		w.is(w.s.RequestSent(w.ctx, r.ID, start, ever), store.ErrStale)
		w.must(w.s.RequestFailed(w.ctx, r.ID, "the folder is full"))
		w.still(func() { w.must(w.s.RequestFailed(w.ctx, r.ID, "the folder is full")) })
		equal(w, "reason", w.requestOf(r.ID).Reason, "the folder is full")
		w.must(w.s.RequestStaged(w.ctx, r.ID, 100, "digest"))
		equal(w, "reason", w.requestOf(r.ID).Reason, "")
		w.still(func() {
			w.must(w.s.RequestStaged(w.ctx, r.ID, 100, "digest"))
			w.is(w.s.RequestStaged(w.ctx, r.ID, 101, "digest"), store.ErrDamaged)
		})
		w.must(w.s.RequestSent(w.ctx, r.ID, start, start.Add(patience)))
		w.still(func() {
			w.must(w.s.RequestSent(w.ctx, r.ID, ever, ever))
			w.must(w.s.RequestStaged(w.ctx, r.ID, 100, "digest"))
			w.must(w.s.RequestFailed(w.ctx, r.ID, "too late"))
			w.is(w.s.RequestStaged(w.ctx, 99, 1, "d"), store.ErrNotFound)
		})
		r.State, r.Size, r.Digest, r.SentAt, r.WaitUntil = store.RequestSent, 100, "digest", start, start.Add(patience)
		diff(w, "request", w.requestOf(r.ID), r)
		w.verified()
	}},
	{"a request that cannot be written any more is made anew without the records at fault", func(w *world) {
		r := w.request("A", "B", "C")
		next, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, Repairs: r.ID, CreatedAt: start}, []store.RequestRecord{recordOf("A"), recordOf("C")}, requestName)
		w.must(err)
		equal(w, "state", w.requestOf(r.ID).State, store.RequestRejected)
		equal(w, "undecided", w.requestOf(r.ID).Undecided, 0)
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordRepeated, store.RecordUnasked, store.RecordRepeated})
		equal(w, "records of the next", next.Records, 2)
		w.is(errOf(w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Repairs: r.ID, CreatedAt: start}, []store.RequestRecord{recordOf("A")}, requestName)), store.ErrStale)
		none, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, Repairs: next.ID, CreatedAt: start}, nil, requestName)
		w.must(err)
		diff(w, "no request", none, store.UpdateRequest{})
		equal(w, "state", w.requestOf(next.ID).State, store.RequestRejected)
		equal(w, "number of the one after", w.request("D").Number, 3)
		w.verified()
	}},
	{"an acknowledgement of every record makes the request accepted, once", func(w *world) {
		r := w.ask("A", "B")
		next, err := w.acknowledge("one.ack", r.ID)
		w.must(err)
		equal(w, "repairs", next.ID, 0)
		equal(w, "state", w.requestOf(r.ID).State, store.RequestAccepted)
		w.still(func() {
			_, err := w.acknowledge("one.ack", r.ID, store.BadRecord{Position: 1, Outcome: batch.InputError})
			w.must(err)
		})
		files, err := w.UpdateFiles(w.ctx, updater, "d-one.ack")
		w.must(err)
		want := arrived(store.AcknowledgementFile, "one.ack")
		want.ID, want.State = files[0].ID, store.PartnerTaken
		diff(w, "files", files, []store.UpdateFile{want})
		_, err = w.acknowledge("again.ack", r.ID)
		w.must(err)
		w.still(func() {
			w.is(errOf(w.acknowledge("other.ack", r.ID, store.BadRecord{Position: 1, Outcome: batch.InputError})), store.ErrStale)
			w.is(errOf(w.acknowledge("open.ack", w.requestOf(r.ID).ID+99)), store.ErrNotFound)
		})
		equal(w, "updates", len(w.updates()), 0)
		w.verified()
	}},
	{"with bad records the good ones are asked again, and the bad ones told", func(w *world) {
		w.stock("A", "B", "C")
		r := w.ask("A", "B", "C")
		bad := store.BadRecord{Position: 2, Code: "000102", Outcome: batch.InputError, Note: "bad check digit"}
		w.still(func() {
			w.is(errOf(w.acknowledge("bad.ack", r.ID, store.BadRecord{Position: 4, Outcome: batch.InputError})), store.ErrStale)
		})
		next, err := w.acknowledge("one.ack", r.ID, bad)
		w.must(err)
		want := store.UpdateRequest{
			ID: next.ID, Updater: updater, Number: 2, Name: requestName(2), Month: month, Repairs: r.ID, CreatedAt: start.Add(time.Hour),
			State: store.RequestOpen, Records: 2, Undecided: 2,
		}
		diff(w, "next", next, want)
		diff(w, "next as kept", w.requestOf(next.ID), want)
		again := collect(w, w.RequestRecords(w.ctx, next.ID))
		equal(w, "asked again", fmt.Sprintf("%s %s %d %s", again[0].Wallet, again[1].Wallet, again[1].Position, again[1].Account), "A C 2 89987201")
		equal(w, "state", w.requestOf(r.ID).State, store.RequestRejected)
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordRepeated, store.RecordRejected, store.RecordRepeated})
		data := batch.CardData{Fingerprint: "fp-B", LastFour: "1111", Expiry: "1126"}
		diff(w, "updates", w.updates(), []batch.CardUpdate{{
			ID: 1, Merchant: acme, Wallet: "B", CardIndex: 1, Account: "89987201", Source: updater, Scheme: batch.TypeVisa, Code: "000102", Outcome: batch.InputError,
			At: start, TakenAt: start, SettledAt: start, File: "one.ack", Line: 2, Effect: batch.EffectNone, Note: "bad check digit", Status: batch.BillingActive, Old: data, New: data,
		}})
		w.still(func() {
			same, err := w.acknowledge("one.ack", r.ID, bad)
			w.must(err)
			diff(w, "the same file again", same, want)
		})
		asked := collect(w, w.Candidates(w.ctx, store.CandidateQuery{Updater: updater, Merchant: acme, Wallet: "B"}))[0].Asked
		equal(w, "the bad one was asked about", asked, start)
		w.verified()
	}},
	{"a record that the configuration was wrong for does not count as asked about", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		_, err := w.acknowledge("one.ack", r.ID, store.BadRecord{Position: 1, Code: "000104", Outcome: batch.ConfigurationError})
		w.must(err)
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordUnasked})
		asked := collect(w, w.Candidates(w.ctx, store.CandidateQuery{Updater: updater, Merchant: acme, Wallet: "A"}))[0].Asked
		equal(w, "asked", asked, time.Time{})
		w.verified()
	}},
	{"where every record is bad nobody is asked again", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		next, err := w.acknowledge("one.ack", r.ID, store.BadRecord{Position: 1, Code: "000104", Outcome: batch.ConfigurationError})
		w.must(err)
		diff(w, "next", next, store.UpdateRequest{})
		equal(w, "requests", len(w.requests()), 1)
		diff(w, "updates", summaries(w.updates()), []string{"A configuration_error none"})
		w.verified()
	}},
	{"a request that was not sent is not acknowledged", func(w *world) {
		r := w.request("A")
		w.still(func() { w.is(errOf(w.acknowledge("one.ack", r.ID)), store.ErrStale) })
		equal(w, "state", w.requestOf(r.ID).State, store.RequestOpen)
	}},
	{"what has no decision when the time is over is given up, and told", func(w *world) {
		w.stock("A", "B", "C")
		first, second := w.ask("A", "B"), w.ask("C")
		w.request("D") // not sent
		_, err := w.acknowledge("one.ack", second.ID)
		w.must(err)
		w.took(w.response("one"), answer("A", 2, batch.UpdateUnchanged))
		equal(w, "undecided", w.requestOf(first.ID).Undecided, 1)
		over := start.Add(patience)
		w.still(func() { w.closed(over.Add(-time.Microsecond), 0, 0) })
		w.closed(over, 2, 2)
		w.still(func() { w.closed(over, 0, 0) })
		equal(w, "state", w.requestOf(first.ID).State, store.RequestClosed)
		equal(w, "state", w.requestOf(second.ID).State, store.RequestClosed)
		diff(w, "records", w.stands(first.ID), []store.RecordState{store.RecordAnswered, store.RecordGivenUp})
		diff(w, "updates", summaries(w.updates()), []string{"A unchanged none", "B no_decision none", "C no_decision none"})
		last := w.updates()[1]
		equal(w, "where it was asked", fmt.Sprintf("%s %d %s %s %v", last.File, last.Line, last.Account, last.Old.LastFour, last.SettledAt.Equal(over)), requestName(1)+" 2 89987201 1111 true")
		w.verified()
	}},
	{"a request whose records all have a decision is closed at once", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		w.took(w.response("one"), answer("A", 2, batch.NoMatch))
		w.closed(start, 1, 0)
		equal(w, "state", w.requestOf(r.ID).State, store.RequestClosed)
		_, err := w.acknowledge("late.ack", r.ID)
		w.must(err)
		equal(w, "state after a late acknowledgement", w.requestOf(r.ID).State, store.RequestClosed)
		w.verified()
	}},
	{"a file is known by its bytes", func(w *world) {
		f := arrived(store.UpdateResponseFile, "r.csv")
		rejected := f
		rejected.Reason = "it was encrypted to another key"
		kept, err := w.s.RejectUpdateFile(w.ctx, rejected)
		w.must(err)
		rejected.ID, rejected.State = kept.ID, store.PartnerRejected
		diff(w, "rejected", kept, rejected)
		w.still(func() {
			again, err := w.s.RejectUpdateFile(w.ctx, rejected)
			w.must(err)
			diff(w, "rejected again", again, rejected)
		})
		opened, err := w.s.OpenUpdateFile(w.ctx, f)
		w.must(err)
		f.ID, f.State = rejected.ID, store.PartnerOpen
		diff(w, "opened", opened, f)
		w.must(w.s.FinishUpdateFile(w.ctx, f.ID, 17, start.Add(time.Hour)))
		f.State, f.Records, f.TakenAt = store.PartnerTaken, 17, start.Add(time.Hour)
		w.still(func() {
			w.must(w.s.FinishUpdateFile(w.ctx, f.ID, 18, ever))
			renamed := f
			renamed.Name = "copy.csv"
			for _, do := range []func() (store.UpdateFile, error){
				func() (store.UpdateFile, error) { return w.s.OpenUpdateFile(w.ctx, renamed) },
				func() (store.UpdateFile, error) { return w.s.RejectUpdateFile(w.ctx, renamed) },
			} {
				again, err := do()
				w.must(err)
				diff(w, "a file that was taken", again, f)
			}
			w.is(errOf(w.s.TakeUpdates(w.ctx, f, nil, terms())), store.ErrStale)
			w.is(w.s.FinishUpdateFile(w.ctx, 99, 0, start), store.ErrNotFound)
			nameless := f
			nameless.Digest = ""
			if _, err := w.s.OpenUpdateFile(w.ctx, nameless); err == nil {
				w.Error("a file without digest was taken")
			}
		})
		other := arrived(store.UpdateResponseFile, "r.csv")
		other.Updater = "other"
		_, err = w.s.OpenUpdateFile(w.ctx, other)
		w.must(err)
		for want, states := range map[int][]store.PartnerState{2: nil, 1: {store.PartnerTaken}, 0: {store.PartnerRejected}} {
			files, err := w.UpdateFiles(w.ctx, "", "", states...)
			w.must(err)
			equal(w, "files", len(files), want)
		}
		w.verified()
	}},
	{"a session that lost the lock asks and takes nothing", func(w *world) {
		w.stock("A")
		f := w.response("one")
		w.fixture.Break(w.T)
		other, err := w.open().Begin(w.ctx, actor)
		w.must(err)
		length := w.info().JournalLen
		w.is(errOf(w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, CreatedAt: start}, []store.RequestRecord{recordOf("A")}, requestName)), store.ErrFenced)
		w.is(errOf(w.s.TakeUpdates(w.ctx, f, []store.Told{answer("A", 2, batch.AccountClosed)}, terms())), store.ErrFenced)
		w.is(w.s.BeginSelection(w.ctx, updater, month, start), store.ErrFenced)
		_, _, err = w.s.CloseRequests(w.ctx, updater, ever)
		w.is(err, store.ErrFenced)
		w.is(w.s.SubmitOrders(w.ctx, []int64{1}, start), store.ErrFenced)
		equal(w, "length of the journal", w.info().JournalLen, length)
		w.must(other.End())
	}},
}

func (w *world) requests() []store.UpdateRequest {
	w.Helper()
	all, err := w.UpdateRequests(w.ctx, store.RequestQuery{})
	w.must(err)
	return all
}

// closed closes what is over at the time.
func (w *world) closed(at time.Time, requests, givenUp int) {
	w.Helper()
	n, records, err := w.s.CloseRequests(w.ctx, updater, at)
	w.must(err)
	equal(w, "requests closed", n, requests)
	equal(w, "records given up", records, givenUp)
}

// errOf is the error of what returns more.
func errOf[T any](_ T, err error) error { return err }
