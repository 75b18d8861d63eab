package storetest

import (
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// told is a server notification of a wallet's creation, due at the start.
func told(wallet batch.WalletID) batch.Notification {
	w := &batch.Wallet{Merchant: acme, ID: wallet, Contract: "1234567"}
	r := batch.NoticeRoutes{URL: "https://shop.example/n", HTTP: batch.NoticeKinds}
	return r.Notifications(batch.CreationNotice(w), start)[0]
}

func (w *world) notifications(q store.NotificationQuery) []batch.Notification {
	w.Helper()
	found, err := w.Notifications(w.ctx, q)
	w.must(err)
	return found
}

func (w *world) notification(id string) batch.Notification {
	w.Helper()
	found := w.notifications(store.NotificationQuery{IDs: []string{id}})
	equal(w, "notifications with the id", len(found), 1)
	return found[0]
}

var notificationTests = []test{
	{"a notification comes back whole", func(w *world) {
		wallet := &batch.Wallet{Merchant: acme, ID: "W-1", Contract: "1234567", Email: "lea@example.com", Language: "fr"}
		r := batch.NoticeRoutes{URL: "https://shop.example/n", HTTP: batch.NoticeKinds, Mail: batch.NoticeKinds}
		all := r.Notifications(batch.EnrolmentNotice(wallet, 1, batch.StatusEvent{Status: batch.CardRefused, Code: "17", Text: "not eligible"}), start)
		w.must(w.s.Notify(w.ctx, all))
		want := all
		for i := range want {
			want[i].Number = int64(i + 1)
		}
		diff(w, "notifications", w.notifications(store.NotificationQuery{}), want)
		w.verified()
	}},
	{"an event is told once, whatever became of the first", func(w *world) {
		n := told("W-1")
		w.must(w.s.Notify(w.ctx, []batch.Notification{n, n}))
		length := w.info().JournalLen
		again := n
		again.To, again.CreatedAt = "https://other.example", start.Add(time.Hour)
		w.must(w.s.Notify(w.ctx, []batch.Notification{again}))
		equal(w, "length of the journal", w.info().JournalLen, length)
		w.must(w.s.RecordDeliveries(w.ctx, []batch.Delivery{{ID: n.ID, At: start, Sent: true}}))
		w.must(w.s.Notify(w.ctx, []batch.Notification{again}))
		equal(w, "state", w.notification(n.ID).State, batch.NotificationSent)
		equal(w, "address", w.notification(n.ID).To, "https://shop.example/n")
		equal(w, "notifications", len(w.notifications(store.NotificationQuery{})), 1)
		w.verified()
	}},
	{"what no table takes is no known id", func(w *world) {
		n := told("W-1")
		n.Channel = "pigeon"
		if err := w.s.Notify(w.ctx, []batch.Notification{n}); err == nil {
			w.Fatal("a notification was lost in silence")
		}
	}},
	{"an outcome and its notifications are one", func(w *world) {
		f := w.accept(payments(2))
		w.submit(f, 2, 3)
		o := outcome(f, 2, batch.Approved)
		o.Notify = []batch.Notification{told("W-2")}
		stale := outcome(f, 3, batch.Approved)
		stale.Expect, stale.Notify = batch.Pending, []batch.Notification{told("W-3")}
		w.is(w.s.Record(w.ctx, []store.LineOutcome{o, stale}), store.ErrStale)
		equal(w, "notifications", len(w.notifications(store.NotificationQuery{})), 0)
		w.must(w.s.Record(w.ctx, []store.LineOutcome{o}))
		equal(w, "notifications", len(w.notifications(store.NotificationQuery{})), 1)
		w.verified()
	}},
	{"attempts lead to sent, to another attempt, or to the dead letters", func(w *world) {
		a, b, c := told("A"), told("B"), told("C")
		w.must(w.s.Notify(w.ctx, []batch.Notification{a, b, c}))
		at := start.Add(time.Minute)
		w.must(w.s.RecordDeliveries(w.ctx, []batch.Delivery{
			{ID: a.ID, At: at, Sent: true},
			{ID: b.ID, At: at, Reason: "answered 500", Next: at.Add(time.Hour)},
			{ID: c.ID, At: at, Reason: "answered 404"},
		}))
		a.Number, a.State, a.Due, a.Attempts, a.SentAt = 1, batch.NotificationSent, time.Time{}, 1, at
		b.Number, b.Due, b.Attempts, b.LastError = 2, at.Add(time.Hour), 1, "answered 500"
		c.Number, c.State, c.Due, c.Attempts, c.LastError = 3, batch.NotificationDead, time.Time{}, 1, "answered 404"
		diff(w, "notifications", w.notifications(store.NotificationQuery{}), []batch.Notification{a, b, c})
		diff(w, "due too early", w.notifications(store.NotificationQuery{DueBy: at}), []batch.Notification(nil))
		diff(w, "due", w.notifications(store.NotificationQuery{DueBy: at.Add(time.Hour)}), []batch.Notification{b})
		counts, err := w.CountNotifications(w.ctx)
		w.must(err)
		diff(w, "counts", counts, map[batch.NotificationState]int{batch.NotificationSent: 1, batch.NotificationWaiting: 1, batch.NotificationDead: 1})
		w.verified()
		for _, ended := range []string{a.ID, c.ID} {
			length := w.info().JournalLen
			w.is(w.s.RecordDeliveries(w.ctx, []batch.Delivery{{ID: b.ID, At: at, Sent: true}, {ID: ended, At: at, Sent: true}}), store.ErrStale)
			equal(w, "length of the journal", w.info().JournalLen, length)
		}
		w.is(w.s.RecordDeliveries(w.ctx, []batch.Delivery{{ID: "unknown", At: at, Sent: true}}), store.ErrNotFound)
		equal(w, "state", w.notification(b.ID).State, batch.NotificationWaiting)
	}},
	{"an operator lets dead letters be tried again, and what waits at once", func(w *world) {
		a, b, c := told("A"), told("B"), told("C")
		w.must(w.s.Notify(w.ctx, []batch.Notification{a, b, c}))
		later := start.Add(time.Hour)
		w.must(w.s.RecordDeliveries(w.ctx, []batch.Delivery{{ID: a.ID, At: start, Reason: "no"}, {ID: b.ID, At: start, Reason: "no", Next: later}, {ID: c.ID, At: start, Sent: true}}))
		n, err := w.s.RetryNotifications(w.ctx, nil, later)
		w.must(err)
		equal(w, "retried", n, 1)
		got := w.notification(a.ID)
		equal(w, "state", got.State, batch.NotificationWaiting)
		equal(w, "due", got.Due, later)
		equal(w, "attempts", got.Attempts, 0)
		n, err = w.s.RetryNotifications(w.ctx, []string{b.ID}, start)
		w.must(err)
		equal(w, "retried", n, 1)
		equal(w, "due", w.notification(b.ID).Due, start)
		_, err = w.s.RetryNotifications(w.ctx, []string{c.ID}, start)
		w.is(err, store.ErrStale)
		_, err = w.s.RetryNotifications(w.ctx, []string{"unknown"}, start)
		w.is(err, store.ErrNotFound)
		n, err = w.s.RetryNotifications(w.ctx, nil, start)
		w.must(err)
		equal(w, "retried again", n, 0)
		w.verified()
	}},
	{"what was sent long ago is forgotten, but not that it was", func(w *world) {
		a, b := told("A"), told("B")
		w.must(w.s.Notify(w.ctx, []batch.Notification{a, b}))
		w.must(w.s.RecordDeliveries(w.ctx, []batch.Delivery{{ID: a.ID, At: start, Sent: true}}))
		for _, want := range []int{1, 0} {
			n, err := w.s.ForgetNotifications(w.ctx, start.Add(time.Hour))
			w.must(err)
			equal(w, "forgotten", n, want)
		}
		equal(w, "address", w.notification(a.ID).To, "")
		equal(w, "address of what waits", w.notification(b.ID).To, b.To)
		w.must(w.s.Notify(w.ctx, []batch.Notification{a}))
		equal(w, "state", w.notification(a.ID).State, batch.NotificationSent)
		w.verified()
	}},
	{"notifications are listed page by page", func(w *world) {
		w.must(w.s.Notify(w.ctx, []batch.Notification{told("A"), told("B"), told("C")}))
		page := w.notifications(store.NotificationQuery{DueBy: start, Limit: 2})
		equal(w, "first page", len(page), 2)
		page = w.notifications(store.NotificationQuery{DueBy: start, Limit: 2, After: page[1].Number})
		equal(w, "second page", len(page), 1)
		equal(w, "last", page[0].Wallet, "C")
		diff(w, "of another merchant", w.notifications(store.NotificationQuery{Merchant: "other"}), []batch.Notification(nil))
	}},
	{"a session that lost the lock tells nothing", func(w *world) {
		w.fixture.Break(w.T)
		other, err := w.open().Begin(w.ctx, actor)
		w.must(err)
		w.is(w.s.Notify(w.ctx, []batch.Notification{told("A")}), store.ErrFenced)
		w.must(other.End())
	}},
}
