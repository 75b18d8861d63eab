package storetest

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"pgregory.net/rapid"

	"cardbatch/batch"
	"cardbatch/store"
)

// terms are those of an installation whose gateway keeps nothing and whose contracts keep no new numbers.
func terms() store.TakeTerms {
	return store.TakeTerms{
		At:     start.Add(24 * time.Hour),
		Zone:   func(batch.MerchantID) *time.Location { return time.UTC },
		Keeps:  func(batch.GatewayName, batch.Command, bool) bool { return false },
		Unkept: func(batch.MerchantID, batch.ContractID) bool { return true },
	}
}

// answer is what the updater tells of a payer's card by our own identification.
func answer(id batch.WalletID, line int, outcome batch.UpdateOutcome) store.Told {
	return store.Told{
		ToldUpdate: batch.ToldUpdate{Outcome: outcome, At: start.Add(time.Duration(line) * time.Minute)},
		Updater:    updater, Merchant: acme, Wallet: id, Index: 1, Code: "C", Line: line,
	}
}

// renumbered is an answer with a new number and expiry.
func renumbered(id batch.WalletID, line int, number string) store.Told {
	t := answer(id, line, batch.NewNumber)
	t.Fingerprint, t.FirstSix, t.LastFour, t.Expiry = "fp-"+number, "555555", number, "0130"
	t.Seal = func(merchant batch.MerchantID, wallet batch.WalletID, index int) ([]byte, error) {
		return fmt.Appendf(nil, "%s of %s", number, batch.CardBinding(merchant, wallet, index)), nil
	}
	return t
}

// prolonged is an answer with a new expiry.
func prolonged(id batch.WalletID, line int, expiry string) store.Told {
	t := answer(id, line, batch.NewExpiry)
	t.Expiry = expiry
	return t
}

// byNumber identifies a told card by its number alone.
func byNumber(t store.Told, number string) store.Told {
	t.Merchant, t.Wallet, t.Index, t.Asked, t.Merchants = "", "", 0, number, []batch.MerchantID{acme}
	return t
}

// response opens a file of responses.
func (w *world) response(name string) store.UpdateFile {
	w.Helper()
	f, err := w.s.OpenUpdateFile(w.ctx, arrived(store.UpdateResponseFile, name))
	w.must(err)
	return f
}

// took takes records by the usual terms.
func (w *world) took(f store.UpdateFile, records ...store.Told) store.Taking {
	w.Helper()
	taken, err := w.s.TakeUpdates(w.ctx, f, records, terms())
	w.must(err)
	return taken
}

// oddities are the exceptions of all files of updates.
func (w *world) oddities() (reasons []string) {
	w.Helper()
	for _, x := range collect(w, w.UpdateExceptions(w.ctx, start, ever)) {
		reasons = append(reasons, fmt.Sprintf("%s %d: %s", x.File, x.Line, x.Reason))
	}
	return reasons
}

// series keeps an agreement of a wallet.
func (w *world) series(id batch.AgreementID, wallet batch.WalletID, fingerprint string) {
	w.Helper()
	w.must(w.change(batch.Changes{Agreement: &batch.Agreement{Merchant: acme, ID: id, WalletID: wallet, Fingerprint: fingerprint}}))
}

func (w *world) agreement(id batch.AgreementID) batch.Agreement {
	w.Helper()
	found, err := w.Agreements(w.ctx, acme, []batch.AgreementID{id})
	w.must(err)
	return *found[id]
}

// schedule makes the gateway keep a schedule on a wallet's card.
func (w *world) schedule(wallet batch.WalletID, card, record string) {
	w.Helper()
	w.files++
	line := with(payment(2), func(s *store.StagedLine) {
		s.Line.Command, s.Line.WalletID, s.Line.CardIndex = batch.DoScheduledWalletPayment, wallet, card
	})
	f := w.accept(refs([]store.StagedLine{line}, fmt.Sprintf("schedule-%d-", w.files)))
	w.submit(f, 2)
	o := outcome(f, 2, batch.Approved)
	o.Answer.PaymentRecord = record
	w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
}

var updateTests = []test{
	{"a new number and expiry change the card together, and the update tells both", func(w *world) {
		w.stock("A")
		f := w.response("one")
		r := renumbered("A", 2, "4444")
		r.Account, r.Scheme, r.Note = "1000", batch.TypeMastercard, "as the table says"
		taken := w.took(f, r)
		want := payer("A").Cards[0]
		want.Fingerprint, want.FirstSix, want.LastFour, want.Expiry, want.ChangedAt = "fp-4444", "555555", "4444", "0130", r.At
		want.Sealed = []byte("4444 of " + batch.CardBinding(acme, "A", 1))
		diff(w, "card", w.wallet("A").Cards[0], want)
		equal(w, "wallet updated", w.wallet("A").UpdatedAt, terms().At)
		update := batch.CardUpdate{
			ID: 1, Merchant: acme, Wallet: "A", CardIndex: 1, Account: "1000", Source: updater, Scheme: batch.TypeMastercard, Code: "C", Outcome: batch.NewNumber,
			At: r.At, TakenAt: terms().At, SettledAt: terms().At, File: "one", Line: 2, Effect: batch.EffectChanged, Note: "as the table says", Status: batch.BillingActive,
			Old: batch.CardData{Fingerprint: "fp-A", LastFour: "1111", Expiry: "1126"}, New: batch.CardData{Fingerprint: "fp-4444", LastFour: "4444", Expiry: "0130"},
		}
		diff(w, "taken", taken, store.Taking{Updates: []batch.CardUpdate{update}})
		diff(w, "updates", w.updates(), []batch.CardUpdate{update})
		w.verified()
	}},
	{"a new number is kept where the old one was, or where the contract keeps numbers", func(w *world) {
		bare := payer("B")
		bare.Cards[0].Sealed = nil
		again := payer("C")
		again.Cards[0].Sealed = nil
		w.keep(bare, again, payer("D"))
		f := w.response("one")
		w.took(f, renumbered("B", 2, "2222"))
		kept := terms()
		kept.Unkept = func(batch.MerchantID, batch.ContractID) bool { return false }
		masked := renumbered("D", 4, "6666")
		masked.Fingerprint, masked.Seal = "", nil
		_, err := w.s.TakeUpdates(w.ctx, f, []store.Told{renumbered("C", 3, "3333"), masked}, kept)
		w.must(err)
		equal(w, "not kept", len(w.wallet("B").Cards[0].Sealed), 0)
		equal(w, "kept", string(w.wallet("C").Cards[0].Sealed), "3333 of "+batch.CardBinding(acme, "C", 1))
		equal(w, "the old number of a masked one", len(w.wallet("D").Cards[0].Sealed), 0)
		equal(w, "digits of a masked one", w.wallet("D").Cards[0].LastFour+w.wallet("D").Cards[0].Fingerprint, "6666")
		equal(w, "token", w.wallet("B").Cards[0].Token, "tok-B")
	}},
	{"what tells nothing new is only recorded", func(w *world) {
		w.stock("A")
		f := w.response("one")
		before := w.wallet("A")
		same := prolonged("A", 4, "1126")
		taken := w.took(f, answer("A", 2, batch.UpdateUnchanged), answer("A", 3, batch.UnknownUpdate), same)
		diff(w, "updates", summaries(taken.Updates), []string{"A unchanged none", "A unknown none", "A new_expiry none"})
		diff(w, "wallet", w.wallet("A"), before)
		w.verified()
	}},
	{"records are decided in the order of their facts, whatever order they come in", func(w *world) {
		w.stock("A", "B")
		early, late := prolonged("A", 9, "0128"), prolonged("A", 2, "0129")
		early.At, late.At = start, start.Add(time.Hour)
		taken := w.took(w.response("one"), late, early)
		equal(w, "expiry", w.wallet("A").Cards[0].Expiry, "0129")
		diff(w, "updates", summaries(taken.Updates), []string{"A new_expiry changed", "A new_expiry changed"})
		equal(w, "line of the first", taken.Updates[0].Line, 9)
		older := prolonged("A", 2, "0135")
		older.At = start.Add(30 * time.Minute)
		timeless := prolonged("B", 3, "0131")
		timeless.At = time.Time{}
		taken = w.took(w.response("two"), older, timeless)
		diff(w, "updates of a later file", summaries(taken.Updates), []string{"A new_expiry stale", "B new_expiry changed"})
		equal(w, "time of a fact without", taken.Updates[1].At, terms().At)
		equal(w, "expiry", w.wallet("A").Cards[0].Expiry, "0129")
	}},
	{"the same card told twice in one chunk is changed step by step", func(w *world) {
		w.stock("A")
		w.series("AG", "A", "fp-A")
		back := renumbered("A", 4, "5555")
		back.Asked = "fp-4444"
		end := answer("A", 5, batch.AccountClosed)
		end.Asked = "fp-5555"
		stale := renumbered("A", 6, "6666")
		stale.Asked = "fp-A"
		taken := w.took(w.response("one"), renumbered("A", 3, "4444"), back, end, stale)
		diff(w, "updates", summaries(taken.Updates), []string{"A new_number changed", "A new_number changed", "A closed disabled", "A new_number none"})
		equal(w, "number", w.wallet("A").Cards[0].Fingerprint, "fp-5555")
		equal(w, "series", w.agreement("AG").Fingerprint, "fp-5555")
		equal(w, "stopped", w.agreement("AG").Stopped, true)
		w.verified()
	}},
	{"a record of a request is found by its place, and answered", func(w *world) {
		w.stock("A", "B")
		r := w.ask("A", "B")
		told := renumbered("", 2, "4444")
		told.Merchant, told.Wallet, told.Index, told.Request, told.Position = "", "", 0, r.ID, 2
		taken := w.took(w.response("one"), told)
		diff(w, "updates", summaries(taken.Updates), []string{"B new_number changed"})
		equal(w, "account", taken.Updates[0].Account, "89987201")
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAsked, store.RecordAnswered})
		equal(w, "undecided", w.requestOf(r.ID).Undecided, 1)
		later := told
		later.Line, later.LastFour, later.Fingerprint = 3, "5555", "fp-5555"
		taken = w.took(w.response("two"), later) // speaks about the number that was asked about, which the card has left behind
		diff(w, "updates", summaries(taken.Updates), []string{"B new_number stale"})
		w.verified()
	}},
	{"what is not about what was asked is an exception", func(w *world) {
		w.stock("A", "B")
		r := w.ask("A", "B", "GONE")
		other, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: "other", Month: month, CreatedAt: start}, []store.RequestRecord{recordOf("A")}, func(int64) string { return "other" })
		w.must(err)
		place := func(line int, request int64, position int) store.Told {
			t := answer("", line, batch.AccountClosed)
			t.Merchant, t.Index, t.Request, t.Position = "", 0, request, position
			return t
		}
		another := place(4, r.ID, 1)
		another.Asked = "fp-B"
		digits := place(6, r.ID, 2)
		digits.OldLastFour = "9999"
		nothing := byNumber(answer("", 11, batch.AccountClosed), "")
		token := nothing
		token.Line, token.Token = 10, "tok-none"
		f := w.response("one")
		records := []store.Told{
			place(2, r.ID, 9), place(3, other.ID, 1), another, place(5, r.ID, 3), digits, place(7, 99, 1),
			answer("NOBODY", 8, batch.AccountClosed), byNumber(answer("", 9, batch.AccountClosed), "fp-none"), token, nothing,
		}
		taken := w.took(f, records...)
		equal(w, "exceptions", taken.Exceptions, 10)
		equal(w, "updates", len(taken.Updates), 0)
		diff(w, "exceptions", w.oddities(), []string{
			fmt.Sprintf("one 2: request %d has no record 9", r.ID), fmt.Sprintf("one 3: request %d asked another updater", other.ID),
			fmt.Sprintf("one 4: it is about another number than record 1 of request %d", r.ID), "one 5: wallet GONE has no card 1",
			"one 6: the last four digits are not those of wallet B card 1", "one 7: request 99 has no record 1", "one 8: wallet NOBODY has no card 1",
			"one 9: no card has the number", "one 10: no card has the token", "one 11: it does not say which card it is about",
		})
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAsked, store.RecordAsked, store.RecordAnswered})
		w.still(func() { equal(w, "known", w.took(f, records...).Known, 10) })
		equal(w, "exceptions of an earlier day", len(collect(w, w.UpdateExceptions(w.ctx, start, terms().At))), 0)
		w.verified()
	}},
	{"a number means the cards that were asked about, and otherwise all of the merchants that have it", func(w *world) {
		shared := func(id batch.WalletID, merchant batch.MerchantID) batch.Wallet {
			p := payer(id)
			p.Merchant, p.Cards[0].Fingerprint = merchant, "fp-shared"
			return p
		}
		w.keep(shared("A", acme), shared("B", acme), shared("C", "zeta"))
		record := recordOf("A")
		record.Fingerprint = "fp-shared"
		r, err := w.s.OpenUpdateRequest(w.ctx, store.UpdateRequest{Updater: updater, Month: month, CreatedAt: start}, []store.RequestRecord{record}, requestName)
		w.must(err)
		taken := w.took(w.response("one"), byNumber(prolonged("", 2, "0130"), "fp-shared"))
		diff(w, "asked about", summaries(taken.Updates), []string{"A new_expiry changed"})
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAnswered})
		taken = w.took(w.response("two"), byNumber(prolonged("", 3, "0131"), "fp-shared"))
		diff(w, "of the merchant", summaries(taken.Updates), []string{"A new_expiry changed", "B new_expiry changed"})
		both := byNumber(prolonged("", 4, "0132"), "fp-shared")
		both.Merchants = append(both.Merchants, "zeta")
		equal(w, "of both merchants", len(w.took(w.response("three"), both).Updates), 3)
		nobody := byNumber(prolonged("", 5, "0133"), "fp-shared")
		nobody.Merchants = nil
		equal(w, "of no merchant", w.took(w.response("four"), nobody).Exceptions, 1)
		w.verified()
	}},
	{"an answer that comes after it was given up is taken", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		w.closed(ever, 1, 1)
		late := byNumber(renumbered("", 2, "4444"), "fp-A")
		taken := w.took(w.response("one"), late)
		diff(w, "updates", summaries(taken.Updates), []string{"A new_number changed"})
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAnswered})
		equal(w, "state", w.requestOf(r.ID).State, store.RequestClosed)
		w.verified()
	}},
	{"of two requests the one that waits is answered, not the one that was given up", func(w *world) {
		w.stock("A")
		first := w.ask("A")
		w.closed(ever, 1, 1)
		second := w.ask("A")
		w.took(w.response("one"), byNumber(answer("", 2, batch.NoMatch), "fp-A"))
		diff(w, "first", w.stands(first.ID), []store.RecordState{store.RecordUnasked})
		diff(w, "second", w.stands(second.ID), []store.RecordState{store.RecordAnswered})
	}},
	{"records that were acknowledged are given up; of a request of which nothing ever came they do not count as asked", func(w *world) {
		w.stock("A", "B", "C")
		acknowledged, lost, decided := w.ask("A"), w.ask("B"), w.ask("C", "C")
		_, err := w.acknowledge("one.ack", acknowledged.ID)
		w.must(err)
		w.took(w.response("one"), func() store.Told { t := answer("", 2, batch.NoMatch); t.Request, t.Position = decided.ID, 1; return t }())
		w.closed(ever, 3, 3)
		diff(w, "acknowledged", w.stands(acknowledged.ID), []store.RecordState{store.RecordGivenUp})
		diff(w, "lost", w.stands(lost.ID), []store.RecordState{store.RecordUnasked})
		diff(w, "decided in part", w.stands(decided.ID), []store.RecordState{store.RecordAnswered, store.RecordGivenUp})
		w.verified()
	}},
	{"an answer that the configuration is wrong leaves the card to be asked about", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		w.took(w.response("one"), byNumber(answer("", 2, batch.ConfigurationError), "fp-A"))
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordUnasked})
		equal(w, "undecided", w.requestOf(r.ID).Undecided, 0)
		w.verified()
	}},
	{"a number that a card gets in the same file is known to what follows", func(w *world) {
		w.stock("A")
		taken := w.took(w.response("one"), byNumber(renumbered("", 2, "4444"), "fp-A"), byNumber(answer("", 3, batch.AccountClosed), "fp-4444"))
		diff(w, "updates", summaries(taken.Updates), []string{"A new_number changed", "A closed disabled"})
		equal(w, "exceptions", taken.Exceptions, 0)
	}},
	{"the same answer in a file of other bytes is known", func(w *world) {
		w.stock("A")
		r := w.ask("A")
		unknown := answer("", 2, batch.UnknownUpdate)
		unknown.Request, unknown.Position = r.ID, 1
		equal(w, "first", len(w.took(w.response("one"), unknown).Updates), 1)
		again := w.took(w.response("two"), unknown)
		equal(w, "again", fmt.Sprint(len(again.Updates), again.Known), "0 1")
		other := unknown
		other.Code = "D"
		equal(w, "another code", len(w.took(w.response("three"), other).Updates), 1)
	}},
	{"a code whose scheme nobody tells is judged by that of the card", func(w *world) {
		w.stock("A")
		told := answer("A", 2, batch.UnknownUpdate)
		told.Decide = func(scheme string) (batch.UpdateOutcome, string) {
			if scheme == batch.TypeVisa {
				return batch.AccountClosed, ""
			}
			return batch.UnknownUpdate, ""
		}
		diff(w, "updates", summaries(w.took(w.response("one"), told).Updates), []string{"A closed disabled"})
	}},
	{"newer data that have expired are told as such, whatever the code", func(w *world) {
		w.stock("A")
		u := w.took(w.response("one"), prolonged("A", 2, "0120")).Updates
		diff(w, "updates", summaries(u), []string{"A new_but_expired none"})
	}},
	{"a token means every card that has it", func(w *world) {
		a, b, c := payer("A"), payer("B"), payer("C")
		a.Cards[0].Token, b.Cards[0].Token, c.Cards[0].Token, c.Merchant = "tok", "tok", "tok", "zeta"
		w.keep(a, b, c)
		t := prolonged("", 2, "0130")
		t.Merchant, t.Index, t.Token = "", 0, "tok"
		equal(w, "of all", len(w.took(w.response("one"), t).Updates), 3)
		t.Merchants, t.Expiry = []batch.MerchantID{acme}, "0131"
		t.At = t.At.Add(time.Hour)
		diff(w, "of a merchant", summaries(w.took(w.response("two"), t).Updates), []string{"A new_expiry changed", "B new_expiry changed"})
	}},
	{"digits that differ are no match, unless the card has another number meanwhile", func(w *world) {
		w.stock("A", "B")
		w.took(w.response("one"), renumbered("B", 2, "4444"))
		wrong := prolonged("A", 2, "0131")
		wrong.OldLastFour = "2222"
		right := prolonged("A", 3, "0132")
		right.OldLastFour = "1111"
		left := prolonged("B", 4, "0132")
		left.OldLastFour, left.Asked = "1111", "fp-B"
		taken := w.took(w.response("two"), wrong, right, left)
		diff(w, "updates", summaries(taken.Updates), []string{"A new_expiry changed", "B new_expiry stale"})
		equal(w, "exceptions", taken.Exceptions, 1)
	}},
	{"a chunk that is taken again changes nothing, however its cards were found", func(w *world) {
		w.stock("A", "B", "C", "D")
		r := w.ask("A", "B")
		byPlace := renumbered("", 2, "2222")
		byPlace.Merchant, byPlace.Wallet, byPlace.Index, byPlace.Request, byPlace.Position = "", "", 0, r.ID, 1
		byPlace.OldLastFour = "1111"
		byToken := renumbered("", 5, "5555")
		byToken.Merchant, byToken.Wallet, byToken.Index, byToken.Token, byToken.OldLastFour = "", "", 0, "tok-D", "1111"
		records := []store.Told{byPlace, byNumber(renumbered("", 3, "3333"), "fp-B"), answer("C", 4, batch.ContactHolder), byToken, byNumber(answer("", 6, batch.OptOut), "fp-none")}
		f := w.response("one")
		first := w.took(f, records...)
		equal(w, "updates", len(first.Updates), 4)
		updates, wallets := w.updates(), collect(w, w.ListWallets(w.ctx, ""))
		w.still(func() {
			diff(w, "taken again", w.took(f, records...), store.Taking{Known: 5})
			slices.Reverse(records)
			diff(w, "in another order", w.took(f, records[:3]...), store.Taking{Known: 3})
		})
		diff(w, "updates", w.updates(), updates)
		diff(w, "wallets", collect(w, w.ListWallets(w.ctx, "")), wallets)
		more := w.took(f, append(records, prolonged("C", 9, "0130"))...)
		equal(w, "one more record", fmt.Sprint(len(more.Updates), more.Known), "1 5")
		w.verified()
	}},
	{"a chunk is taken whole or not at all", func(w *world) {
		w.stock("A", "B")
		r := w.ask("A")
		f := w.response("one")
		broken := renumbered("B", 3, "4444")
		locked := errors.New("the vault is locked")
		broken.Seal = func(batch.MerchantID, batch.WalletID, int) ([]byte, error) { return nil, locked }
		wallets := collect(w, w.ListWallets(w.ctx, ""))
		w.still(func() {
			_, err := w.s.TakeUpdates(w.ctx, f, []store.Told{answer("A", 2, batch.AccountClosed), broken}, terms())
			w.is(err, locked)
		})
		diff(w, "wallets", collect(w, w.ListWallets(w.ctx, "")), wallets)
		equal(w, "undecided", w.requestOf(r.ID).Undecided, 1)
		equal(w, "updates", len(w.updates()), 0)
	}},
	{"with shadow it is told what would be done, and no card changes", func(w *world) {
		w.stock("A", "B", "C")
		r := w.ask("A")
		shadow := terms()
		shadow.Shadow = true
		wallets := collect(w, w.ListWallets(w.ctx, ""))
		taken, err := w.s.TakeUpdates(w.ctx, w.response("one"), []store.Told{
			renumbered("A", 2, "4444"), answer("B", 3, batch.AccountClosed), answer("B", 4, batch.NoMatch), prolonged("C", 5, "0130"),
		}, shadow)
		w.must(err)
		diff(w, "updates", summaries(taken.Updates), []string{"A new_number shadow", "B closed shadow", "B no_match none", "C new_expiry shadow"})
		for i, want := range []string{"the number would become one that ends in 4444, the expiry 0130", "the card would be disabled", "", "the expiry would become 0130"} {
			equal(w, "note", taken.Updates[i].Note, want)
			diff(w, "the card afterwards", taken.Updates[i].New, taken.Updates[i].Old)
		}
		diff(w, "wallets", collect(w, w.ListWallets(w.ctx, "")), wallets)
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAnswered})
		w.verified()
	}},
	{"a rehearsal tells what would come of it and writes nothing", func(w *world) {
		w.stock("A", "B")
		r := w.ask("A")
		rehearsal := terms()
		rehearsal.Rehearse = true
		wallets := collect(w, w.ListWallets(w.ctx, ""))
		w.still(func() {
			taken, err := w.s.TakeUpdates(w.ctx, store.UpdateFile{Updater: updater, Name: "new"}, []store.Told{
				renumbered("A", 2, "4444"), answer("B", 3, batch.AccountClosed), answer("NOBODY", 4, batch.AccountClosed),
			}, rehearsal)
			w.must(err)
			diff(w, "updates", summaries(taken.Updates), []string{"A new_number changed", "B closed disabled"})
			equal(w, "exceptions", taken.Exceptions, 1)
		})
		diff(w, "wallets", collect(w, w.ListWallets(w.ctx, "")), wallets)
		diff(w, "records", w.stands(r.ID), []store.RecordState{store.RecordAsked})
		equal(w, "updates", len(w.updates()), 0)
		w.verified()
	}},
	{"series go on with the new number, those of other cards stay", func(w *world) {
		w.stock("A", "B")
		w.series("AG-1", "A", "fp-A")
		w.series("AG-2", "A", "fp-other")
		w.series("AG-3", "B", "fp-A")
		w.took(w.response("one"), renumbered("A", 2, "4444"))
		equal(w, "series of the card", w.agreement("AG-1").Fingerprint, "fp-4444")
		equal(w, "series of another card", w.agreement("AG-2").Fingerprint, "fp-other")
		equal(w, "series of another wallet", w.agreement("AG-3").Fingerprint, "fp-A")
	}},
	{"an end disables the card, its series and its schedules; the wallet when no usable card is left", func(w *world) {
		two := payer("A")
		second := two.Cards[0]
		second.Index, second.Fingerprint = 2, "fp-2"
		two.Cards = append(two.Cards, second)
		w.keep(two)
		w.series("AG-1", "A", "fp-A")
		w.series("AG-2", "A", "fp-2")
		w.series("AG-3", "A", "")
		w.took(w.response("one"), answer("A", 2, batch.AccountClosed))
		equal(w, "card", w.wallet("A").Cards[0].Status, batch.CardDisabled)
		equal(w, "wallet", w.wallet("A").Status, batch.WalletActive)
		stopped := func() string {
			return fmt.Sprint(w.agreement("AG-1").Stopped, w.agreement("AG-2").Stopped, w.agreement("AG-3").Stopped)
		}
		equal(w, "stopped", stopped(), "true false false")
		other := answer("A", 3, batch.OptOut)
		other.Index = 2
		u := w.took(w.response("two"), other).Updates[0]
		equal(w, "status", u.Status, batch.BillingDisabled)
		equal(w, "wallet", w.wallet("A").Status, batch.WalletDisabled)
		equal(w, "stopped", stopped(), "true true true")
		w.verified()
	}},
	{"an end of a card whose number is not known stops the wallet's series", func(w *world) {
		p := payer("A")
		p.Cards[0].Fingerprint, p.Cards[0].FirstSix, p.Cards[0].LastFour = "", "", ""
		w.keep(p)
		w.series("AG-1", "A", "fp-A")
		w.series("AG-2", "A", "")
		w.took(w.response("one"), answer("A", 2, batch.AccountClosed))
		equal(w, "stopped", fmt.Sprint(w.agreement("AG-1").Stopped, w.agreement("AG-2").Stopped), "true true")
	}},
	{"what an outcome tells of a card is recorded with it, once", func(w *world) {
		w.stock("A")
		f := w.accept(refs(payments(2), "told"))
		w.submit(f, 2, 3)
		u := batch.CardUpdate{
			Merchant: acme, Wallet: "A", CardIndex: 1, Source: string(gateway), Outcome: batch.NewExpiry, Effect: batch.EffectChanged, Status: batch.BillingActive, At: start,
			New: batch.CardData{Expiry: "0130"},
		}
		pending := outcome(f, 2, batch.Pending)
		pending.Changes.Updates = []batch.CardUpdate{u, u}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{pending}))
		equal(w, "updates", len(w.updates()), 1)
		o := outcome(f, 2, batch.Approved)
		o.Expect, o.Changes.Updates = batch.Pending, []batch.CardUpdate{u}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		equal(w, "updates once the line ended", len(w.updates()), 1)
		waiting := u
		waiting.Effect = batch.EffectWaiting
		refused := outcome(f, 3, batch.Approved)
		refused.Changes.Updates = []batch.CardUpdate{waiting}
		if w.s.Record(w.ctx, []store.LineOutcome{refused}) == nil {
			w.Error("an update that waits was taken from an outcome")
		}
		final := outcome(f, 3, batch.Approved)
		final.Changes.Updates = []batch.CardUpdate{u}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{final}))
		u.ID, u.TakenAt, u.SettledAt = 2, final.CompletedAt, final.CompletedAt
		for _, have := range w.updates() {
			if have.ID == 2 {
				diff(w, "update", have, u)
			}
		}
		equal(w, "updates of another line", len(w.updates()), 2)
		w.verified()
	}},
	{"updates are listed in the order in which they were settled, of a half-open interval", func(w *world) {
		w.stock("A", "B")
		_, err := w.FirstUpdate(w.ctx, acme)
		w.is(err, store.ErrNotFound)
		for i, id := range []batch.WalletID{"A", "B", "A"} {
			at := terms()
			at.At = start.Add(time.Duration(3-i) * time.Hour)
			_, err := w.s.TakeUpdates(w.ctx, w.response(fmt.Sprint("file", i)), []store.Told{answer(id, 2, batch.NoMatch)}, at)
			w.must(err)
		}
		lines := func(q store.UpdateQuery) string {
			var files []string
			for _, u := range collect(w, w.CardUpdates(w.ctx, q)) {
				files = append(files, u.File)
			}
			return fmt.Sprint(files)
		}
		hour := func(n int) time.Time { return start.Add(time.Duration(n) * time.Hour) }
		for _, test := range []struct {
			name string
			q    store.UpdateQuery
			want string
		}{
			{"all", store.UpdateQuery{Merchant: acme}, "[file2 file1 file0]"},
			{"of everybody", store.UpdateQuery{}, "[file2 file1 file0]"},
			{"of a wallet", store.UpdateQuery{Merchant: acme, Wallet: "A"}, "[file2 file0]"},
			{"of another merchant", store.UpdateQuery{Merchant: "zeta"}, "[]"},
			{"between", store.UpdateQuery{Merchant: acme, From: hour(2), To: hour(3)}, "[file1]"},
			{"from", store.UpdateQuery{Merchant: acme, From: hour(2)}, "[file1 file0]"},
			{"until", store.UpdateQuery{Merchant: acme, To: hour(2)}, "[file2]"},
		} {
			equal(w, test.name, lines(test.q), test.want)
		}
		first, err := w.FirstUpdate(w.ctx, acme)
		w.must(err)
		equal(w, "first", first, hour(1))
	}},
	{"what American Express tells is an update of the card", func(w *world) {
		w.asked("A")
		card := w.wallet("A").Cards[0]
		w.tell(1, event("A1", batch.CardAccepted, 1))
		equal(w, "updates of an acceptance", len(w.updates()), 0)
		updated, product, cancelled := event("A1", batch.CardExpiryUpdated, 2), event("A1", batch.CardProductUpdated, 3), event("A1", batch.CardCancelled, 4)
		updated.NewExpiry, product.Product, cancelled.Code, cancelled.Text = "0130", "GOLD", "17", "lost"
		w.tell(2, cancelled, product, updated)
		file := theirs(store.StatusFile, 2).Name
		old := batch.DataOf(card)
		now := old
		now.Expiry = "0130"
		base := batch.CardUpdate{Merchant: acme, Wallet: "A", CardIndex: 1, Account: se, Source: "smartbill", Scheme: batch.TypeAmex, TakenAt: start, SettledAt: start, File: file, Old: now, New: now}
		first, second, third := base, base, base
		first.ID, first.Code, first.Outcome, first.At, first.Line, first.Effect, first.Status, first.Old = 1, "EDU", batch.NewExpiry, updated.At, updated.Line, batch.EffectChanged, batch.BillingActive, old
		second.ID, second.Code, second.Outcome, second.At, second.Line, second.Effect, second.Status = 2, "PU", batch.NewProduct, product.At, product.Line, batch.EffectNone, batch.BillingActive
		third.ID, third.Code, third.Outcome, third.At, third.Line, third.Effect, third.Status, third.Note = 3, "CC", batch.AccountClosed, cancelled.At, cancelled.Line, batch.EffectDisabled, batch.BillingDisabled, "17 lost"
		diff(w, "updates", w.updates(), []batch.CardUpdate{first, second, third})
		equal(w, "changed at", w.wallet("A").Cards[0].ChangedAt, updated.At)
		w.tell(3, updated, cancelled) // the same facts
		equal(w, "updates", len(w.updates()), 3)
		w.verified()
	}},
	{"American Express' updates say when they changed nothing, and why", func(w *world) {
		w.asked("A")
		early := event("A1", batch.CardExpiryUpdated, 5)
		early.NewExpiry = "0129"
		w.tell(1, early)
		w.tell(2, event("A1", batch.CardAccepted, 1))
		older, same := event("A1", batch.CardExpiryUpdated, 2), event("A1", batch.CardExpiryUpdated, 6)
		older.NewExpiry, same.NewExpiry = "0128", "0129"
		w.tell(3, older, same)
		w.tell(4, event("A1", batch.CardCancelled, 7))
		w.tell(5, event("A1", batch.CardCancelled, 8))
		var got []string
		for _, u := range w.updates() {
			got = append(got, fmt.Sprintf("%s %s %s: %s", u.Code, u.Effect, u.New.Expiry, u.Note))
		}
		diff(w, "updates", got, []string{
			"EDU none 1227: the card was updated, but no enrolment was accepted before",
			"EDU changed 0129: ",
			"EDU stale 0129: the card was changed after that",
			"EDU none 0129: the card has these data already",
			"CC disabled 0129: ",
			"CC none 0129: the card is disabled already",
		})
		w.verified()
	}},
	{"what Payline tells of American Express' cards has it as its source", func(w *world) {
		wallet, e := amexWallet("P", 1), requested("P", 1, batch.ViaPayline)
		w.must(w.change(batch.Changes{Wallet: &wallet, Enrolment: &e}))
		accepted, updated := event("P1", batch.CardAccepted, 1), event("P1", batch.CardExpiryUpdated, 2)
		accepted.Merchant, accepted.File, updated.Merchant, updated.File, updated.NewExpiry = acme, "payline", acme, "payline", "0130"
		_, err := w.s.Ingest(w.ctx, store.PartnerFile{}, []batch.StatusEvent{accepted, updated}, nil, nil, start)
		w.must(err)
		u := w.updates()[0]
		equal(w, "source, file, account", u.Source+u.File+u.Account, "payline")
	}},
	{"whatever the order of files, and however often they come, the latest fact stays and none is told twice", func(w *world) {
		facts := []store.Told{prolonged("", 2, "0128"), prolonged("", 3, "0129"), renumbered("", 4, "4444"), prolonged("", 5, "0131"), answer("", 6, batch.NoMatch)}
		n := 0
		rapid.Check(w.T, func(t *rapid.T) {
			n++
			id := batch.WalletID(fmt.Sprintf("W%d", n))
			w.stock(id)
			files := map[int]store.UpdateFile{}
			for i := range facts {
				files[i] = w.response(fmt.Sprintf("f%d-%d", n, i))
			}
			order := rapid.Permutation([]int{0, 1, 2, 3, 4}).Draw(t, "order")
			for _, i := range append(order, order...) {
				fact := facts[i]
				fact.Wallet = id
				w.took(files[i], fact)
			}
			card := w.wallet(id).Cards[0]
			equal(w, "expiry", card.Expiry, "0131")
			equal(w, "updates", len(collect(w, w.CardUpdates(w.ctx, store.UpdateQuery{Merchant: acme, Wallet: id}))), len(facts))
		})
		w.verified()
	}},
}
