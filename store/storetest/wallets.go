package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

// walletLine is a wallet line on the wallet.
func walletLine(no int, command batch.Command, wallet batch.WalletID) store.StagedLine {
	return with(payment(no), func(s *store.StagedLine) {
		s.Line.Command, s.Line.WalletID, s.Line.AmountText, s.Line.Currency = command, wallet, "", ""
	})
}

func fullWallet(id batch.WalletID) batch.Wallet {
	return batch.Wallet{
		Merchant: acme, ID: id, Contract: "1234567", Gateway: gateway, Status: batch.WalletActive,
		LastName: "Durand", FirstName: "Zoë", Email: "z@example.org", Language: "fr", DefaultCard: 2,
		CreatedAt: start, UpdatedAt: start.Add(time.Second),
		Cards: []batch.Card{
			{Index: 1, Status: batch.CardExpired, Token: "tok-1"},
			{Index: 2, Status: batch.CardActive, Token: "tok-2", Fingerprint: "fp", FirstSix: "411111", LastFour: "1111", Expiry: "1228",
				Type: "VISA", Cardholder: "Z DURAND", NetworkTransaction: "NT", Sealed: []byte{1, 2}},
		},
	}
}

// keep writes wallets through the outcomes of wallet lines.
func (w *world) keep(wallets ...batch.Wallet) {
	w.Helper()
	var lines []store.StagedLine
	for i, wallet := range wallets {
		lines = append(lines, walletLine(i+2, batch.UpdateWallet, wallet.ID))
	}
	w.files++
	f := w.accept(refs(lines, fmt.Sprintf("keep-%d-", w.files)))
	var outcomes []store.LineOutcome
	for i := range wallets {
		w.submit(f, i+2)
		o := outcome(f, i+2, batch.Approved)
		o.Changes.Wallet = &wallets[i]
		outcomes = append(outcomes, o)
	}
	w.must(w.s.Record(w.ctx, outcomes))
}

func (w *world) wallet(id batch.WalletID) *batch.Wallet {
	w.Helper()
	wallets, err := w.Wallets(w.ctx, acme, []batch.WalletID{id, "nobody"})
	w.must(err)
	return wallets[id]
}

var walletTests = []test{
	{"a wallet comes back as it was written, with its cards", func(w *world) {
		want := fullWallet("CUST-42")
		w.keep(want)
		diff(w, "wallet", w.wallet("CUST-42"), &want)
		want.Cards, want.Status, want.DefaultCard = want.Cards[1:], batch.WalletDisabled, 0
		w.keep(want)
		diff(w, "wallet written again", w.wallet("CUST-42"), &want)
	}},
	{"wallets are read many at a time, those that exist", func(w *world) {
		var all []batch.Wallet
		for i := range 3 {
			all = append(all, fullWallet(batch.WalletID(fmt.Sprintf("C%03d", i))))
		}
		w.keep(all...)
		ids := []batch.WalletID{"nobody", "it's; \"quoted\""}
		for i := range 500 {
			ids = append(ids, batch.WalletID(fmt.Sprintf("C%03d", i)))
		}
		wallets, err := w.Wallets(w.ctx, acme, ids)
		w.must(err)
		equal(w, "wallets", len(wallets), 3)
		equal(w, "cards", len(wallets["C002"].Cards), 2)
		wallets, err = w.Wallets(w.ctx, "other", ids)
		w.must(err)
		equal(w, "wallets of another merchant", len(wallets), 0)
		wallets, err = w.Wallets(w.ctx, acme, nil)
		w.must(err)
		equal(w, "wallets not asked for", len(wallets), 0)
	}},
	{"wallets are listed by merchant and id", func(w *world) {
		b, a, other := fullWallet("B"), fullWallet("A"), fullWallet("A")
		other.Merchant = "zeta"
		w.keep(b, a, other)
		diff(w, "all", collect(w, w.ListWallets(w.ctx, "")), []batch.Wallet{a, b, other})
		diff(w, "one merchant's", collect(w, w.ListWallets(w.ctx, "zeta")), []batch.Wallet{other})
	}},
	{"a wallet is opening while its line is with the gateway", func(w *world) {
		f := w.accept([]store.StagedLine{walletLine(2, batch.CreateWallet, "NEW"), walletLine(3, batch.CreateWallet, "NEW")})
		opening := fullWallet("NEW")
		send := func(no int) error {
			return w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, no), Attempt: 1, Opening: &opening}}})
		}
		w.must(send(2))
		equal(w, "status", w.wallet("NEW").Status, batch.WalletOpening)
		equal(w, "open line", w.wallet("NEW").OpenLine, at(f, 2))
		w.unchanged(w.file(f.ID), store.ErrStale, func() error { return send(3) }) // it exists
		o := outcome(f, 2, batch.Declined)
		id := batch.WalletID("NEW")
		o.Changes.CloseWallet = &id
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		if w.wallet("NEW") != nil {
			w.Fatal("a wallet that was declined is there")
		}
		w.must(send(3))
		done := fullWallet("NEW")
		o = outcome(f, 3, batch.Approved)
		o.Changes.Wallet = &done
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		diff(w, "wallet", w.wallet("NEW"), &done)
	}},
	{"a wallet line given back may open its wallet again", func(w *world) {
		f := w.accept([]store.StagedLine{walletLine(2, batch.CreateWallet, "NEW")})
		opening := fullWallet("NEW")
		s := store.Submission{At: start, Sending: []store.Sending{{At: at(f, 2), Attempt: 1, Opening: &opening}}}
		w.must(w.s.Submit(w.ctx, s))
		w.must(w.s.Record(w.ctx, []store.LineOutcome{{At: at(f, 2), Expect: batch.Submitting, To: batch.Queued}}))
		w.must(w.s.Submit(w.ctx, s))
		equal(w, "open line", w.wallet("NEW").OpenLine, at(f, 2))
	}},
	{"an active wallet is never removed as one that was only opening", func(w *world) {
		w.keep(fullWallet("KEPT"))
		f := w.accept([]store.StagedLine{walletLine(2, batch.DisableWallet, "KEPT")})
		w.submit(f, 2)
		o := outcome(f, 2, batch.Declined)
		id := batch.WalletID("KEPT")
		o.Changes.CloseWallet = &id
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		want := fullWallet("KEPT")
		diff(w, "wallet", w.wallet("KEPT"), &want)
	}},
	{"a wallet waits for one line at a time", func(w *world) {
		w.keep(fullWallet("C"))
		f := w.accept([]store.StagedLine{walletLine(2, batch.UpdateWallet, "C"), walletLine(3, batch.UpdateWallet, "C")})
		id := batch.WalletID("C")
		lock := func(no int) error {
			return w.s.Submit(w.ctx, store.Submission{At: start, Sending: []store.Sending{{At: at(f, no), Attempt: 1, Locks: &id}}})
		}
		w.must(lock(2))
		equal(w, "open line", w.wallet("C").OpenLine, at(f, 2))
		w.unchanged(w.file(f.ID), store.ErrStale, func() error { return lock(3) })
		o := outcome(f, 2, batch.Declined)
		o.Changes.ClearOpen = &id
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		equal(w, "open line", w.wallet("C").OpenLine, batch.LineAddress{})
		w.must(lock(3))
	}},
	{"an agreement comes back as it was written", func(w *world) {
		want := batch.Agreement{
			Merchant: acme, ID: "AG", WalletID: "C", Type: "RECURRING", Variability: "FIXED", Expiry: "2027-12-31", MaxPayments: 12, MinDays: 28,
			FixedMinor: 2990, Currency: "EUR", Fingerprint: "fp", FirstID: "F-1", FirstKey: batch.NewKey(acme, "INV-2", 1), Trace: "NT", Payments: 3, LastPayment: start, Stopped: true,
		}
		f := w.accept(payments(1))
		w.submit(f, 2)
		o := outcome(f, 2, batch.Approved)
		o.Changes.Agreement = &want
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		agreements, err := w.Agreements(w.ctx, acme, []batch.AgreementID{"AG", "none"})
		w.must(err)
		diff(w, "agreements", agreements, map[batch.AgreementID]*batch.Agreement{"AG": &want})
	}},
	{"a transaction is known from its answer on, with what follow-ups did", func(w *world) {
		f := w.accept([]store.StagedLine{with(payment(2), func(s *store.StagedLine) { s.Line.CardIndex, s.Line.Action, s.Line.AgreementID = "2", "101", "AG" }), payment(3)})
		w.record(f, batch.Approved, 2)
		w.record(f, batch.Pending, 3)
		_, err := w.s.Answer(w.ctx, f.ID, start)
		w.must(err)
		id := batch.TransactionID(fmt.Sprintf("T-%d-2", f.ID))
		late := batch.TransactionID(fmt.Sprintf("T-%d-3", f.ID))
		get := func() map[batch.TransactionID]*batch.Transaction {
			found, err := w.Transactions(w.ctx, acme, []batch.TransactionID{id, late, "none"})
			w.must(err)
			return found
		}
		want := batch.Transaction{
			ID: id, Line: at(f, 2), Command: batch.DoImmediateWalletPayment, Action: "101", Key: batch.NewKey(acme, "INV-2", 1), Contract: "1234567",
			Gateway: gateway, OrderRef: "O-2", WalletID: "W-2", CardIndex: 2, AgreementID: "AG", Amount: money.Amount{Minor: 1000, Currency: "EUR"},
			CompletedAt: start.Add(2 * time.Hour),
		}
		diff(w, "transactions", get(), map[batch.TransactionID]*batch.Transaction{id: &want})

		follow := w.accept(refs([]store.StagedLine{with(payment(2), func(s *store.StagedLine) { s.Line.Command, s.Line.TransactionID = batch.DoCapture, id }), payment(3)}, "f"))
		w.submit(follow, 2, 3)
		capture, refund := outcome(follow, 2, batch.Approved), outcome(follow, 3, batch.Approved)
		capture.Answer.TransactionID = id // some gateways repeat the original's
		capture.Changes.Transaction = &batch.FollowUp{Original: at(f, 2), Captured: 600, Key: "k1", ID: "C-1"}
		refund.Changes.Transaction = &batch.FollowUp{Original: at(f, 2), Captured: 100, Refunded: 50, Cancelled: true}
		w.must(w.s.Record(w.ctx, []store.LineOutcome{capture, refund}))
		_, err = w.s.Answer(w.ctx, follow.ID, start)
		w.must(err)
		want.Captured, want.Refunded, want.Cancelled, want.LastFollowUp, want.LastFollowUpID = 700, 50, true, "k1", "C-1"
		diff(w, "transactions", get(), map[batch.TransactionID]*batch.Transaction{id: &want})

		o := outcome(f, 3, batch.Approved)
		o.Expect = batch.Pending
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		_, err = w.s.Answer(w.ctx, f.ID, start)
		w.must(err)
		equal(w, "line of the transaction told by a supplement", get()[late].Line, at(f, 3))
		others, err := w.Transactions(w.ctx, "other", []batch.TransactionID{id})
		w.must(err)
		equal(w, "transactions of another merchant", len(others), 0)
		w.verified()
	}},
	{"a transaction is that of the first line, not of its duplicate", func(w *world) {
		first := w.accept(payments(1))
		w.record(first, batch.Approved, 2)
		again, found := w.namesakes(payments(1))
		w.must(w.s.AnswerAgain(w.ctx, again.ID, found))
		again = w.decide(again, batch.FileAccepted, 1)
		for _, f := range []batch.File{again, first} {
			_, err := w.s.Answer(w.ctx, f.ID, start)
			w.must(err)
		}
		id := batch.TransactionID(fmt.Sprintf("T-%d-2", first.ID))
		transactions, err := w.Transactions(w.ctx, acme, []batch.TransactionID{id})
		w.must(err)
		equal(w, "line", transactions[id].Line, at(first, 2))
	}},
	{"a follow-up of a line that made no transaction is refused", func(w *world) {
		f := w.accept(payments(2))
		w.submit(f, 3)
		f = w.file(f.ID)
		o := outcome(f, 3, batch.Approved)
		o.Changes.Transaction = &batch.FollowUp{Original: at(f, 2), Captured: 1}
		w.unchanged(f, store.ErrStale, func() error { return w.s.Record(w.ctx, []store.LineOutcome{o}) })
	}},
}
