package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/updatereport"
	"cardbatch/report"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// UpdaterReport is the report of card updates that a merchant wants.
type UpdaterReport struct {
	Merchant  batch.MerchantID
	Daily     bool   // the month up to the day that is over; else the month that is over
	Format    string // csv or html
	Extended  bool
	Source    string // whose outbound folder it goes to; empty: to none
	Mail      []string
	Language  string // of the e-mail: en or fr
	SendEmpty bool
	Since     string // first month, YYYY-MM; empty: that of the merchant's first update
	Zone      *time.Location
}

// reportStep makes what a day or a month gives that is over.
func reportStep(ctx context.Context, r *Run) error {
	if err := followUp(ctx, r); err != nil {
		return err
	}
	return r.reportUpdates(ctx)
}

// reportUpdates decides the reports of card updates that are due, missed ones included, and
// delivers those that wait.
func (r *Run) reportUpdates(ctx context.Context) error {
	for _, wanted := range r.UpdaterReports {
		due, err := r.dueReports(ctx, wanted)
		if err != nil {
			return err
		}
		for _, u := range due {
			if _, err := r.Session.OpenUpdateReport(ctx, u); err != nil {
				return err
			}
			r.reached("update report decided")
		}
	}
	waiting, err := r.Store.UpdateReports(ctx, store.ReportQuery{Waiting: true})
	if err != nil {
		return err
	}
	for _, u := range waiting {
		if err := r.trouble("report "+u.Name, r.deliverReport(ctx, u)); err != nil {
			return err
		}
	}
	return nil
}

// dueReports are the reports that a merchant wants and that are not decided yet: of each month that is
// over, and of the month that is not, up to the day that is over, when it wants one daily.
func (r *Run) dueReports(ctx context.Context, wanted UpdaterReport) (due []store.UpdateReport, err error) {
	now := r.Clock().In(wanted.Zone)
	first, err := r.Store.FirstUpdate(ctx, wanted.Merchant)
	if errors.Is(err, store.ErrNotFound) && wanted.SendEmpty {
		first, err = r.Store.FirstReceived(ctx, wanted.Merchant)
	}
	if errors.Is(err, store.ErrNotFound) {
		first, err = now, nil
	}
	if err != nil {
		return nil, err
	}
	month := batch.MonthOf(first.In(wanted.Zone))
	if since, err := time.ParseInLocation("2006-01", wanted.Since, wanted.Zone); err == nil && (wanted.SendEmpty || since.After(month)) {
		month = since
	}
	// A month that is over has one report, whether it was wanted by the day or by the month.
	type period struct{ from, to int64 }
	known := map[period]bool{}
	decided, err := r.Store.UpdateReports(ctx, store.ReportQuery{Merchant: wanted.Merchant})
	if err != nil {
		return nil, err
	}
	for _, u := range decided {
		known[period{u.From.Unix(), u.To.Unix()}] = true
	}
	today := time.Date(now.Year(), now.Month(), now.Day(), 0, 0, 0, 0, wanted.Zone)
	for ; !month.After(today); month = month.AddDate(0, 1, 0) {
		end := month.AddDate(0, 1, 0)
		over := !end.After(today)
		name := batch.Month(month)
		if wanted.Daily {
			if !over {
				end = today
			}
			name = end.AddDate(0, 0, -1).Format(time.DateOnly)
		}
		if known[period{month.Unix(), end.Unix()}] || !wanted.Daily && !over || !end.After(month) {
			continue
		}
		due = append(due, wanted.of(name, month, end, r.Clock()))
	}
	return due, nil
}

// of is the report of a period.
func (w UpdaterReport) of(period string, from, to, at time.Time) store.UpdateReport {
	u := store.UpdateReport{
		Merchant: w.Merchant, Period: period, From: from, To: to, Zone: w.Zone.String(), Format: w.Format, Fields: "standard",
		OpenedAt: at, Folder: w.Source != "", Mail: w.Mail,
	}
	if w.Extended {
		u.Fields = "extended"
	}
	u.Name = store.UpdateReportName(u)
	return u
}

func (r *Run) updaterReport(merchant batch.MerchantID) (UpdaterReport, bool) {
	for _, w := range r.UpdaterReports {
		if w.Merchant == merchant {
			return w, true
		}
	}
	return UpdaterReport{}, false
}

// deliverReport builds a report and brings it where its merchant wants it.
func (r *Run) deliverReport(ctx context.Context, u store.UpdateReport) error {
	wanted, ok := r.updaterReport(u.Merchant)
	if !ok {
		r.Log.Warn("an account-updater report waits that the configuration does not ask for any more", "name", u.Name)
		return nil
	}
	u, err := r.buildReport(ctx, u, wanted.SendEmpty)
	if err != nil || u.Skipped {
		return err
	}
	r.reached("update report built")
	if err := r.publishReport(ctx, u, wanted.Source); err != nil {
		return errors.Join(err, fatal(r.Session.UpdateReportFailed(ctx, u.ID, err.Error())))
	}
	r.reached("update report published")
	at := r.Clock()
	var mails []batch.Notification
	for _, to := range u.Mail {
		mails = append(mails, batch.UpdaterReportMail(batch.ReportFacts{
			Merchant: u.Merchant, Report: u.ID, File: u.Name, Period: u.Period, Records: u.Records, Folder: u.Folder,
		}, to, wanted.Language, at))
	}
	if err := r.Session.UpdateReportDelivered(ctx, u.ID, at, mails); err != nil {
		return fatal(err)
	}
	r.reached("update report delivered")
	r.count(func(s *Summary) { s.UpdateReports++ })
	if err := os.Remove(r.builtReport(u)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Run) builtReport(u store.UpdateReport) string {
	return filepath.Join(r.Outbox, fmt.Sprintf("updates-%d.%s", u.ID, u.Format))
}

// buildReport writes a report's bytes into the outbox, unless they lie there already, and records them.
func (r *Run) buildReport(ctx context.Context, u store.UpdateReport, sendEmpty bool) (store.UpdateReport, error) {
	if u.Digest != "" {
		if info, err := os.Stat(r.builtReport(u)); err == nil && info.Size() == u.Size {
			return u, nil
		}
	}
	size, digest, err := r.buildOut(filepath.Base(r.builtReport(u)), func(w io.Writer) (err error) {
		u.Records, err = WriteUpdateReport(ctx, r.Store, u, w)
		return err
	})
	if err != nil {
		return u, err
	}
	u.Size, u.Digest, u.Skipped = size, digest, u.Records == 0 && !sendEmpty
	if err := r.Session.UpdateReportBuilt(ctx, u.ID, u.Records, size, digest, u.Skipped, r.Clock()); err != nil {
		return u, fatal(err)
	}
	if u.Skipped {
		err = os.Remove(r.builtReport(u))
	}
	return u, err
}

// publishReport puts a built report into the outbound folder, if it goes there.
func (r *Run) publishReport(ctx context.Context, u store.UpdateReport, source string) (err error) {
	if !u.Folder {
		return nil
	}
	s, ok := r.source(source)
	if !ok {
		return errors.New("the source whose outbound folder it goes to is not configured any more")
	}
	var outbound sftpio.Outbound
	if outbound, err = s.OpenOutbound(ctx); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, outbound.Close()) }()
	built, err := os.Open(r.builtReport(u))
	if err != nil {
		return err
	}
	defer built.Close()
	return outbound.Publish(ctx, u.Name, built, u.Size, u.Digest)
}

// WriteUpdateReport writes the bytes of a report from the facts in the store, the same bytes whenever
// it is asked, and tells how many records are in it.
func WriteUpdateReport(ctx context.Context, r store.UpdaterReader, u store.UpdateReport, w io.Writer) (records int, err error) {
	zone, err := time.LoadLocation(u.Zone)
	if err != nil {
		return 0, err
	}
	extended := u.Fields == "extended"
	head := updatereport.Head{Merchant: u.Merchant, Period: u.Period, From: u.From, To: u.To, Zone: zone, Extended: extended}
	rows := func(yield func(batch.UpdateRow) error) error {
		for c, err := range r.CardUpdates(ctx, store.UpdateQuery{Merchant: u.Merchant, From: u.From, To: u.To}) {
			if err != nil {
				return err
			}
			if !extended && !c.Noteworthy() {
				continue
			}
			if err := yield(report.UpdateRow(&c, zone)); err != nil {
				return err
			}
		}
		return nil
	}
	if u.Format == "html" {
		return updatereport.WriteHTML(w, head, rows)
	}
	return updatereport.WriteCSV(w, head, rows)
}
