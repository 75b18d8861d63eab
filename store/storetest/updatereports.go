package storetest

import (
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// reportUntil is a report of November, up to the end of a day.
func reportUntil(day int) store.UpdateReport {
	from := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	return store.UpdateReport{
		Merchant: acme, Period: fmt.Sprintf("2026-11-%02d", day), From: from, To: from.AddDate(0, 0, day), Zone: "Europe/Paris", Format: "csv", Fields: "standard",
		Name: fmt.Sprintf("updater.acme.2026-11-%02d.csv", day), OpenedAt: start, Folder: true, Mail: []string{"billing@example.com", "cfo@example.com"},
	}
}

func (w *world) decideReport(r store.UpdateReport) store.UpdateReport {
	w.Helper()
	opened, err := w.s.OpenUpdateReport(w.ctx, r)
	w.must(err)
	return opened
}

func (w *world) reports(q store.ReportQuery) []store.UpdateReport {
	w.Helper()
	found, err := w.UpdateReports(w.ctx, q)
	w.must(err)
	return found
}

var updateReportTests = []test{
	{"a report is decided once, built, and delivered with its e-mails", func(w *world) {
		want := reportUntil(20)
		got := w.decideReport(want)
		want.ID = got.ID
		diff(w, "report", got, want)
		again := want
		again.OpenedAt, again.Format, again.Mail = ever, "html", nil
		w.still(func() { diff(w, "decided again", w.decideReport(again), want) })
		w.still(func() { w.is(w.s.UpdateReportDelivered(w.ctx, want.ID, start, nil), store.ErrStale) })
		w.must(w.s.UpdateReportBuilt(w.ctx, want.ID, 3, 100, "digest", false, start))
		want.Records, want.Size, want.Digest = 3, 100, "digest"
		w.still(func() {
			w.must(w.s.UpdateReportBuilt(w.ctx, want.ID, 3, 100, "digest", false, ever))
			w.is(w.s.UpdateReportBuilt(w.ctx, want.ID, 3, 101, "other", false, start), store.ErrDamaged)
			w.is(w.s.UpdateReportBuilt(w.ctx, want.ID, 0, 100, "digest", true, start), store.ErrDamaged)
		})
		w.must(w.s.UpdateReportFailed(w.ctx, want.ID, "the folder is gone"))
		want.Failures, want.LastError = 1, "the folder is gone"
		diff(w, "waiting", w.reports(store.ReportQuery{Waiting: true}), []store.UpdateReport{want})
		mails := []batch.Notification{told("A"), told("B")}
		w.must(w.s.UpdateReportDelivered(w.ctx, want.ID, later, mails))
		want.DeliveredAt, want.LastError = later, ""
		diff(w, "reports", w.reports(store.ReportQuery{Merchant: acme, Period: "2026-11-20"}), []store.UpdateReport{want})
		equal(w, "e-mails", len(w.notifications(store.NotificationQuery{})), 2)
		w.still(func() {
			w.must(w.s.UpdateReportDelivered(w.ctx, want.ID, ever, []batch.Notification{told("C")}))
			w.must(w.s.UpdateReportFailed(w.ctx, want.ID, "too late"))
			w.is(w.s.UpdateReportFailed(w.ctx, 99, "unknown"), store.ErrNotFound)
		})
		equal(w, "waiting", len(w.reports(store.ReportQuery{Waiting: true})), 0)
		w.verified()
	}},
	{"a report that has no records and is not wanted counts as delivered", func(w *world) {
		r := w.decideReport(reportUntil(20))
		w.must(w.s.UpdateReportBuilt(w.ctx, r.ID, 0, 30, "empty", true, later))
		w.still(func() {
			w.must(w.s.UpdateReportBuilt(w.ctx, r.ID, 0, 30, "empty", true, ever))
			w.must(w.s.UpdateReportDelivered(w.ctx, r.ID, ever, []batch.Notification{told("C")}))
		})
		got := w.reports(store.ReportQuery{})[0]
		equal(w, "skipped", got.Skipped, true)
		equal(w, "delivered", got.DeliveredAt, later)
		equal(w, "waiting", len(w.reports(store.ReportQuery{Waiting: true})), 0)
		equal(w, "e-mails", len(w.notifications(store.NotificationQuery{})), 0)
	}},
	{"a report and its e-mails are one", func(w *world) {
		r := w.decideReport(reportUntil(20))
		w.must(w.s.UpdateReportBuilt(w.ctx, r.ID, 1, 100, "digest", false, start))
		broken := told("A")
		broken.Channel = "pigeon"
		w.still(func() {
			if w.s.UpdateReportDelivered(w.ctx, r.ID, start, []batch.Notification{broken}) == nil {
				w.Error("a report was delivered whose e-mail was lost")
			}
		})
		equal(w, "waiting", len(w.reports(store.ReportQuery{Waiting: true})), 1)
	}},
	{"reports are listed by merchant and period", func(w *world) {
		other := reportUntil(19)
		other.Merchant, other.Name, other.Mail = "zeta", "zeta.csv", nil
		for _, r := range []store.UpdateReport{other, reportUntil(20), reportUntil(19)} {
			w.decideReport(r)
		}
		var got []string
		for _, r := range w.reports(store.ReportQuery{}) {
			got = append(got, fmt.Sprint(r.Merchant, " ", r.Period))
		}
		diff(w, "reports", got, []string{"acme 2026-11-19", "acme 2026-11-20", "zeta 2026-11-19"})
	}},
	{"what a decided report is about never changes any more", func(w *world) {
		w.stock("A")
		r := w.decideReport(reportUntil(21)) // ends two hours after every test begins
		q := store.UpdateQuery{Merchant: acme, From: r.From, To: r.To}
		early := terms()
		early.At = start
		taken, err := w.s.TakeUpdates(w.ctx, w.response("one"), []store.Told{answer("A", 2, batch.NoMatch)}, early)
		w.must(err)
		equal(w, "taken", taken.Updates[0].TakenAt, start)
		equal(w, "settled", taken.Updates[0].SettledAt, r.To)
		equal(w, "updates of the report", len(collect(w, w.CardUpdates(w.ctx, q))), 0)
		other := payer("Z")
		other.Merchant = "zeta"
		w.keep(other)
		theirs := answer("Z", 2, batch.NoMatch)
		theirs.Merchant = "zeta"
		taken, err = w.s.TakeUpdates(w.ctx, w.response("two"), []store.Told{theirs}, early)
		w.must(err)
		equal(w, "settled, of another merchant", taken.Updates[0].SettledAt, start)
		w.verified()
	}},
}
