package sqlite

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

const updateReportColumns = `id, merchant, period, begins, ends, zone, format, fields, name, opened_at, records, size, digest, folder, mail, delivered_at, skipped, failures, last_error`

func scanUpdateReport(row scanner) (r store.UpdateReport, err error) {
	var mail string
	err = row.Scan(&r.ID, &r.Merchant, &r.Period, timestamp{&r.From}, timestamp{&r.To}, &r.Zone, &r.Format, &r.Fields, &r.Name, timestamp{&r.OpenedAt},
		&r.Records, &r.Size, &r.Digest, &r.Folder, &mail, timestamp{&r.DeliveredAt}, &r.Skipped, &r.Failures, &r.LastError)
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal([]byte(mail), &r.Mail); err != nil {
		return r, damaged("the addresses of report %s cannot be read: %v", r.Name, err)
	}
	return r, nil
}

// UpdateReports returns reports by merchant and period.
func (s *Store) UpdateReports(ctx context.Context, q store.ReportQuery) (reports []store.UpdateReport, err error) {
	var c condition
	c.equal("merchant", string(q.Merchant))
	c.equal("period", q.Period)
	if q.Waiting {
		c.add("delivered_at IS NULL")
	}
	err = each(s.read(ctx), func(row scanner) error {
		r, err := scanUpdateReport(row)
		reports = append(reports, r)
		return err
	}, `SELECT `+updateReportColumns+` FROM update_reports`+c.where()+` ORDER BY merchant, period, id`, c.args...)
	return reports, fault("list update reports", err)
}

// noteReport says in the journal which report an entry is about.
func (c *change) noteReport(r store.UpdateReport) {
	c.body.Text = fmt.Sprintf("%s: %s, merchant %s, %s %s", r.Name, r.Period, r.Merchant, r.Fields, r.Format)
}

// OpenUpdateReport decides a report.
func (n *session) OpenUpdateReport(ctx context.Context, r store.UpdateReport) (opened store.UpdateReport, err error) {
	err = n.updater(ctx, "open update report", func(c *change) error {
		found := false
		err := each(c, func(row scanner) (err error) {
			found = true
			opened, err = scanUpdateReport(row)
			return err
		}, `SELECT `+updateReportColumns+` FROM update_reports WHERE name = ?`, r.Name)
		if err != nil {
			return err
		}
		if found {
			return errSame
		}
		if r.Mail == nil {
			r.Mail = []string{}
		}
		mail, err := list(r.Mail)
		if err != nil {
			return err
		}
		c.noteReport(r)
		err = c.row(`INSERT INTO update_reports (merchant, period, begins, ends, zone, format, fields, name, opened_at, folder, mail) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			string(r.Merchant), r.Period, r.From.UnixMicro(), r.To.UnixMicro(), r.Zone, r.Format, r.Fields, r.Name, micros(r.OpenedAt), r.Folder, mail).Scan(&r.ID)
		if err != nil {
			return err
		}
		opened, err = c.report(r.ID)
		return err
	})
	return opened, err
}

func (c *change) report(id int64) (store.UpdateReport, error) {
	return scanUpdateReport(c.row(`SELECT `+updateReportColumns+` FROM update_reports WHERE id = ?`, id))
}

// changeReport runs a write that may turn out to be recorded already.
func (n *session) changeReport(ctx context.Context, kind string, id int64, do func(*change, store.UpdateReport) error) error {
	return n.updater(ctx, kind, func(c *change) error {
		r, err := c.report(id)
		if err != nil {
			return err
		}
		c.noteReport(r)
		return do(c, r)
	})
}

// UpdateReportBuilt records a report's bytes.
func (n *session) UpdateReportBuilt(ctx context.Context, id int64, records int, size int64, digest string, skipped bool, at time.Time) error {
	return n.changeReport(ctx, "update report built", id, func(c *change, r store.UpdateReport) error {
		switch {
		case r.Records == records && r.Size == size && r.Digest == digest && r.Skipped == skipped && (r.Digest != "" || r.Skipped):
			return errSame
		case r.Digest != "" || r.Skipped:
			return fmt.Errorf("%w: %s was built with other bytes before", store.ErrDamaged, r.Name)
		}
		c.body.Text += fmt.Sprintf(", %d records, %d bytes, SHA-256 %s", records, size, digest)
		var delivered any
		if skipped {
			c.body.Text += ", not wanted without records"
			delivered = micros(at)
		}
		return c.one("the report", `UPDATE update_reports SET records = ?, size = ?, digest = ?, skipped = ?, delivered_at = ? WHERE id = ?`,
			records, size, digest, skipped, delivered, id)
	})
}

// UpdateReportDelivered records that a report is where it is wanted, and puts its e-mails into the outbox.
func (n *session) UpdateReportDelivered(ctx context.Context, id int64, at time.Time, mails []batch.Notification) error {
	return n.changeReport(ctx, "update report delivered", id, func(c *change, r store.UpdateReport) error {
		switch {
		case !r.DeliveredAt.IsZero():
			return errSame
		case r.Digest == "":
			return fmt.Errorf("%w: %s was never built", store.ErrStale, r.Name)
		}
		if _, err := c.notify(mails); err != nil {
			return err
		}
		return c.one("the report", `UPDATE update_reports SET delivered_at = ?, last_error = '' WHERE id = ?`, micros(at), id)
	})
}

// UpdateReportFailed records why a report could not be delivered.
func (n *session) UpdateReportFailed(ctx context.Context, id int64, reason string) error {
	return n.changeReport(ctx, "update report failed", id, func(c *change, r store.UpdateReport) error {
		if !r.DeliveredAt.IsZero() {
			return errSame
		}
		c.body.Text += ": " + reason
		return c.one("the report", `UPDATE update_reports SET failures = failures + 1, last_error = ? WHERE id = ?`, reason, id)
	})
}
