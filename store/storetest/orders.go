package storetest

import (
	"bytes"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// keeping are the terms of an installation whose gateway keeps the cards.
func keeping() store.TakeTerms {
	t := terms()
	t.Keeps = func(batch.GatewayName, batch.Command, bool) bool { return true }
	return t
}

func (w *world) orders() []store.CardOrder {
	w.Helper()
	orders, err := w.CardOrders(w.ctx, 0, 0)
	w.must(err)
	return orders
}

// later is when gateways answer in these tests.
var later = start.Add(25 * time.Hour)

// carry submits an order and records what became of it.
func (w *world) carry(id int64, to store.OrderState, token, reason string) {
	w.Helper()
	w.must(w.s.SubmitOrders(w.ctx, []int64{id}, later))
	w.must(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: id, To: to, Token: token, Reason: reason}}, later, keeping()))
}

// takeKept takes records where the gateway keeps the cards.
func (w *world) takeKept(name string, records ...store.Told) []batch.CardUpdate {
	w.Helper()
	taken, err := w.s.TakeUpdates(w.ctx, w.response(name), records, keeping())
	w.must(err)
	return taken.Updates
}

var orderTests = []test{
	{"an end of the number that the gateway has still to take is believed, however it is found", func(w *world) {
		for _, found := range []string{"by wallet", "by number"} {
			id := batch.WalletID(found)
			w.keep(payer(id))
			number := "fp-" + found
			first := renumbered(id, 2, "4444")
			first.Fingerprint = number
			w.takeKept("renewed "+found, first)
			end := answer(id, 3, batch.AccountClosed)
			end.Asked = number
			if found == "by number" {
				end = byNumber(end, number)
			}
			diff(w, found, summaries(w.takeKept("closed "+found, end)), []string{found + " closed disabled"})
			equal(w, found, w.wallet(id).Cards[0].Status, batch.CardDisabled)
		}
	}},
	{"newer data about a number that the gateway has still to take wait behind it", func(w *world) {
		w.stock("A")
		w.takeKept("one", renumbered("A", 2, "4444"))
		next := prolonged("A", 3, "0135")
		next.Asked = "fp-4444"
		diff(w, "next", summaries(w.takeKept("two", next)), []string{"A new_expiry waiting"})
		w.carry(1, store.OrderDone, "tok-2", "")
		w.carry(2, store.OrderDone, "tok-3", "")
		c := w.wallet("A").Cards[0]
		diff(w, "card", batch.DataOf(c), batch.CardData{Fingerprint: "fp-4444", LastFour: "4444", Expiry: "0135"})
	}},
	{"a card that the gateway keeps waits for it, then changes with its token", func(w *world) {
		w.stock("A")
		w.series("AG", "A", "fp-A")
		before := w.wallet("A")
		told := renumbered("A", 2, "4444")
		u := w.takeKept("one", told)[0]
		equal(w, "effect", u.Effect, batch.EffectWaiting)
		equal(w, "settled", u.SettledAt, time.Time{})
		diff(w, "as it shall be", u.New, batch.CardData{Fingerprint: "fp-4444", LastFour: "4444", Expiry: "0130"})
		diff(w, "wallet", w.wallet("A"), before)
		equal(w, "settled updates", len(w.updates()), 0)
		order := store.CardOrder{
			ID: 1, Update: u.ID, Merchant: acme, Wallet: "A", CardIndex: 1, Contract: "1234567", Gateway: gateway, Command: batch.UpdateWallet, Key: w.orders()[0].Key,
			Told: told.ToldUpdate, Sealed: []byte("4444 of " + batch.CardBinding(acme, "A", 1)), State: store.OrderWaiting, CreatedAt: terms().At,
		}
		diff(w, "orders", w.orders(), []store.CardOrder{order})
		equal(w, "length of the key", len(order.Key), batch.KeyLen)
		w.is(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderDone, Token: "", Reason: ""}}, later, keeping()), store.ErrStale)
		w.must(w.s.SubmitOrders(w.ctx, []int64{1}, later))
		order.State, order.TriedAt = store.OrderSubmitting, later
		diff(w, "orders", w.orders(), []store.CardOrder{order})
		w.must(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderDone, Token: "tok-new", Reason: ""}}, later, keeping()))
		want := before.Cards[0]
		want.Fingerprint, want.FirstSix, want.LastFour, want.Expiry, want.ChangedAt = "fp-4444", "555555", "4444", "0130", told.At
		want.Token, want.Sealed = "tok-new", order.Sealed
		diff(w, "card", w.wallet("A").Cards[0], want)
		equal(w, "series", w.agreement("AG").Fingerprint, "fp-4444")
		equal(w, "orders left", len(w.orders()), 0)
		u.Effect, u.SettledAt = batch.EffectChanged, later
		diff(w, "updates", w.updates(), []batch.CardUpdate{u})
		w.still(func() {
			w.must(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderDone, Token: "tok-new", Reason: ""}}, later, keeping()))
			w.is(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderRefused, Token: "", Reason: ""}}, later, keeping()), store.ErrStale)
			w.is(w.s.SubmitOrders(w.ctx, []int64{1}, later), store.ErrStale)
			w.is(w.s.SubmitOrders(w.ctx, []int64{9}, later), store.ErrNotFound)
			w.must(w.s.SubmitOrders(w.ctx, nil, later))
		})
		w.verified()
	}},
	{"a gateway is only told of what it keeps", func(w *world) {
		w.stock("A", "B")
		numbers := terms()
		numbers.Keeps = func(g batch.GatewayName, command batch.Command, number bool) bool {
			return g == gateway && command == batch.UpdateWallet && number
		}
		taken, err := w.s.TakeUpdates(w.ctx, w.response("one"), []store.Told{prolonged("A", 2, "0130"), renumbered("B", 3, "4444")}, numbers)
		w.must(err)
		diff(w, "updates", summaries(taken.Updates), []string{"A new_expiry changed", "B new_number waiting"})
		equal(w, "orders", len(w.orders()), 1)
	}},
	{"what the gateway refuses leaves the card as it is", func(w *world) {
		w.stock("A")
		w.takeKept("one", renumbered("A", 2, "4444"))
		before := w.wallet("A")
		w.carry(1, store.OrderRefused, "", "the card is not accepted")
		diff(w, "wallet", w.wallet("A"), before)
		u := w.updates()[0]
		equal(w, "effect", u.Effect, batch.EffectRefused)
		equal(w, "note", u.Note, "the card is not accepted")
		diff(w, "the card afterwards", u.New, u.Old)
		equal(w, "orders", len(w.orders()), 0)
		w.verified()
	}},
	{"an order may have to wait, or be in doubt, and is tried again", func(w *world) {
		w.stock("A")
		w.takeKept("one", renumbered("A", 2, "4444"))
		w.carry(1, store.OrderWaiting, "", "the circuit is open")
		equal(w, "state", fmt.Sprint(w.orders()[0].State, " ", w.orders()[0].Reason), "waiting the circuit is open")
		w.carry(1, store.OrderSubmitting, "", "no answer came")
		equal(w, "state", fmt.Sprint(w.orders()[0].State, " ", w.orders()[0].Reason), "submitting no answer came")
		w.still(func() {
			w.must(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderSubmitting, Token: "", Reason: "no answer came"}}, later, keeping()))
		})
		key := w.orders()[0].Key
		w.must(w.s.SubmitOrders(w.ctx, []int64{1}, later.Add(time.Hour)))
		equal(w, "tried", w.orders()[0].TriedAt, later.Add(time.Hour))
		equal(w, "key", w.orders()[0].Key, key)
		w.must(w.s.RecordOrders(w.ctx, []store.OrderOutcome{{ID: 1, To: store.OrderDone, Token: "", Reason: ""}}, later, keeping()))
		equal(w, "token", w.wallet("A").Cards[0].Token, "tok-A")
		diff(w, "updates", summaries(w.updates()), []string{"A new_number changed"})
		w.verified()
	}},
	{"orders of one card are decided by the card as it stands then", func(w *world) {
		w.stock("A", "B", "C")
		asked := renumbered("A", 4, "5555")
		asked.Asked = "fp-A"
		w.takeKept("one", renumbered("A", 2, "4444"), renumbered("A", 3, "4444"), asked, prolonged("B", 5, "0130"), renumbered("C", 6, "4444"))
		equal(w, "orders", len(w.orders()), 5)
		for id := int64(1); id <= 3; id++ {
			w.carry(id, store.OrderDone, fmt.Sprint("tok-", id), "")
		}
		w.took(w.response("two"), answer("B", 2, batch.AccountClosed))
		w.carry(4, store.OrderDone, "tok-4", "")
		gone := payer("C")
		gone.Cards = nil
		w.keep(gone)
		w.carry(5, store.OrderDone, "tok-5", "")
		got := map[int64]string{}
		for _, u := range w.updates() {
			got[u.ID] = fmt.Sprint(u.Effect, " ", u.Note)
		}
		diff(w, "updates", got, map[int64]string{
			1: "changed ", 2: "none the card has these data already", 3: "stale the card has another number meanwhile",
			4: "none the card is disabled already", 5: "stale the wallet does not have the card any more", 6: "disabled ",
		})
		equal(w, "token", w.wallet("A").Cards[0].Token, "tok-2")
		equal(w, "number", w.wallet("A").Cards[0].LastFour, "4444")
		w.verified()
	}},
	{"an end is settled at once, and the gateway is told of the card and of its live schedules", func(w *world) {
		w.stock("A", "B")
		w.schedule("A", "", "REC-1")
		w.schedule("A", "1", "REC-2")
		w.schedule("B", "1", "REC-3")
		w.files++
		f := w.accept(refs([]store.StagedLine{with(payment(2), func(s *store.StagedLine) {
			s.Line.Command, s.Line.WalletID, s.Line.PaymentRecord, s.Line.AmountText, s.Line.Currency = batch.DisablePaymentRecord, "A", "REC-1", "", ""
		})}, "ended"))
		w.record(f, batch.Approved, 2)
		u := w.takeKept("one", answer("A", 2, batch.ContactHolder))[0]
		equal(w, "effect", u.Effect, batch.EffectDisabled)
		equal(w, "settled", u.SettledAt, terms().At)
		equal(w, "wallet", w.wallet("A").Status, batch.WalletDisabled)
		var told []string
		for _, o := range w.orders() {
			told = append(told, fmt.Sprint(o.Update, " ", o.Command, " ", o.Record, " ", o.Gateway, " ", len(o.Sealed)))
		}
		diff(w, "orders", told, []string{"1 disableWallet  sim 0", "1 disablePaymentRecord REC-2 sim 0"})
		w.carry(1, store.OrderDone, "", "")
		w.carry(2, store.OrderRefused, "", "unknown record")
		equal(w, "orders", len(w.orders()), 0)
		diff(w, "updates", w.updates(), []batch.CardUpdate{u})
		w.takeKept("two", answer("B", 2, batch.ContactHolder))
		equal(w, "schedules of the other wallet", w.orders()[1].Record, "REC-3")
		w.verified()
	}},
	{"a schedule that ended is not ended again", func(w *world) {
		two := payer("A")
		second := two.Cards[0]
		second.Index = 2
		two.Cards = append(two.Cards, second)
		w.keep(two)
		w.schedule("A", "2", "REC-1")
		w.takeKept("one", answer("A", 2, batch.AccountClosed))
		equal(w, "orders of the first card", len(w.orders()), 1)
		other := answer("A", 3, batch.AccountClosed)
		other.Index = 2
		w.takeKept("two", other)
		equal(w, "orders", len(w.orders()), 3)
		enabled := two
		w.keep(enabled)
		w.takeKept("three", other)
		equal(w, "orders once it is closed again", len(w.orders()), 4)
	}},
	{"orders are listed page by page", func(w *world) {
		w.stock("A", "B", "C")
		w.takeKept("one", renumbered("A", 2, "4444"), renumbered("B", 3, "4444"), renumbered("C", 4, "4444"))
		w.carry(2, store.OrderDone, "", "")
		page, err := w.CardOrders(w.ctx, 0, 1)
		w.must(err)
		equal(w, "first page", len(page), 1)
		page, err = w.CardOrders(w.ctx, page[0].ID, 5)
		w.must(err)
		equal(w, "second page", fmt.Sprint(len(page), page[0].Wallet), "1C")
	}},
	{"the number of an order is sealed again with every key, and gone with its end", func(w *world) {
		w.stock("A")
		w.takeKept("one", renumbered("A", 2, "4444"))
		wants := func(sealed []byte) bool { return bytes.HasPrefix(sealed, []byte("4444")) }
		n, err := w.s.Reseal(w.ctx, wants, func(sealed []byte, bound string) ([]byte, error) {
			equal(w, "bound to", bound, batch.CardBinding(acme, "A", 1))
			return []byte("new"), nil
		}, 9)
		w.must(err)
		equal(w, "resealed", n, 1)
		equal(w, "sealed", string(w.orders()[0].Sealed), "new")
		w.verified()
		w.carry(1, store.OrderRefused, "", "no")
		n, err = w.s.Reseal(w.ctx, func(sealed []byte) bool { return string(sealed) == "new" }, func(sealed []byte, _ string) ([]byte, error) { return sealed, nil }, 9)
		w.must(err)
		equal(w, "numbers left", n, 0)
		w.verified()
	}},
}
