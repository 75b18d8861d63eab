package sqlite

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// The day's lines by the index of their ends, and those of a value date by theirs: either
// way in their order, without sorting.
const (
	endedQuery = `SELECT ` + lineColumns + `, f.ref FROM lines l INDEXED BY lines_ended CROSS JOIN files f ON f.id = l.file_id
		WHERE l.completed_at >= ?1 AND l.completed_at < ?2 AND f.merchant = ?3 AND l.state IN ('approved', 'declined', 'refused') AND l.attempt > 0
		ORDER BY l.completed_at, l.id`
	valuedQuery = `SELECT ` + lineColumns + `, f.ref FROM value_dates v CROSS JOIN lines l ON l.id = v.line CROSS JOIN files f ON f.id = l.file_id
		WHERE v.completed_at >= ?1 AND v.completed_at < ?2 AND f.merchant = ?3 AND v.day = ?4
		ORDER BY v.completed_at, v.line`
)

// EndedLines yields lines in the order of their end.
func (s *Store) EndedLines(ctx context.Context, q store.EndedQuery) iter.Seq2[store.EndedLine, error] {
	return stream("read ended lines", func(yield func(store.EndedLine) error) error {
		query, args := endedQuery, []any{q.From.UnixMicro(), q.To.UnixMicro(), string(q.Merchant)}
		if q.From.IsZero() {
			args[0] = 0
		}
		if q.ValueDate != "" {
			query, args = valuedQuery, append(args, q.ValueDate)
		}
		return each(s.read(ctx), func(row scanner) error {
			var e store.EndedLine
			var err error
			if e.LineRecord, err = scanLine(row, &e.FileRef); err != nil || e.Answer.IsDuplicate {
				return err
			}
			if e.Contract, err = s.contractOf(ctx, q.Merchant, &e.Line); err != nil || e.Contract != q.Contract {
				return err
			}
			return yield(e)
		}, query, args...)
	})
}

// contractOf is the contract that a line was charged under. A follow-up line may leave it to
// the transaction that it acts on, and that one to its own.
func (s *Store) contractOf(ctx context.Context, merchant batch.MerchantID, l *batch.Line) (batch.ContractID, error) {
	contract, id := l.Contract, l.TransactionID
	for seen := map[batch.TransactionID]bool{}; contract == "" && id != "" && !seen[id]; {
		seen[id] = true
		found, err := s.Transactions(ctx, merchant, []batch.TransactionID{id})
		if err != nil {
			return "", err
		}
		if found[id] == nil {
			break
		}
		contract, id = found[id].Contract, found[id].Of
	}
	return contract, nil
}

// valued makes a line known by the value date that the gateway gave it.
func (c *change) valued(o *store.LineOutcome) error {
	if o.To != batch.Approved || o.Answer.ValueDate == "" {
		return nil
	}
	_, err := c.exec(`INSERT INTO value_dates (day, completed_at, line) VALUES (?, ?, ?)`, o.Answer.ValueDate, o.CompletedAt.UnixMicro(), lineID(o.At))
	return err
}

// FirstReceived tells when the merchant's first file came. Files outlive their lines.
func (s *Store) FirstReceived(ctx context.Context, merchant batch.MerchantID) (first time.Time, err error) {
	err = s.read(ctx).row(`SELECT min(received_at) FROM files WHERE merchant = ?`, string(merchant)).Scan(timestamp{&first})
	if err == nil && first.IsZero() {
		err = store.ErrNotFound
	}
	return first, fault("find the first file of "+string(merchant), err)
}

const dailyColumns = `id, merchant, contract, kind, day, begins, ends, number, name, encoding, opened_at, size, digest, delivered_at, failures, last_error`

func scanDaily(row scanner) (f store.DailyFile, err error) {
	err = row.Scan(&f.ID, &f.Series.Merchant, &f.Series.Contract, &f.Series.Kind, &f.Day, timestamp{&f.From}, timestamp{&f.To}, &f.Number, &f.Name,
		&f.Encoding, timestamp{&f.OpenedAt}, &f.Size, &f.Digest, timestamp{&f.DeliveredAt}, &f.Failures, &f.LastError)
	return f, err
}

// DailyFiles returns the files that match, by series and day.
func (s *Store) DailyFiles(ctx context.Context, q store.DailyQuery) (files []store.DailyFile, err error) {
	var c condition
	for _, field := range []struct{ column, value string }{
		{"merchant", string(q.Series.Merchant)}, {"contract", string(q.Series.Contract)}, {"kind", string(q.Series.Kind)}, {"day", q.Day},
	} {
		if field.value != "" {
			c.add(field.column+" = ?", field.value)
		}
	}
	if q.Waiting {
		c.add("delivered_at IS NULL")
	}
	if q.Latest {
		c.add("day = (SELECT max(day) FROM daily_files l WHERE l.merchant = d.merchant AND l.contract = d.contract AND l.kind = d.kind)")
	}
	err = each(s.read(ctx), func(row scanner) error {
		f, err := scanDaily(row)
		files = append(files, f)
		return err
	}, `SELECT `+dailyColumns+` FROM daily_files d`+c.where()+` ORDER BY merchant, contract, kind, day`, c.args...)
	return files, fault("list follow-up files", err)
}

// OpenDaily decides the file of a day.
func (n *session) OpenDaily(ctx context.Context, f store.DailyFile) (opened store.DailyFile, err error) {
	err = n.write(ctx, "open daily", 0, func(c *change) error {
		const series = ` FROM daily_files WHERE merchant = ? AND contract = ? AND kind = ?`
		args := []any{string(f.Series.Merchant), string(f.Series.Contract), string(f.Series.Kind)}
		found := false
		err := each(c, func(row scanner) (err error) {
			found = true
			opened, err = scanDaily(row)
			return err
		}, `SELECT `+dailyColumns+series+` AND day = ?`, append(args, f.Day)...)
		if err != nil {
			return err
		}
		if found {
			return errSame
		}
		err = each(c, func(row scanner) error {
			last, err := scanDaily(row)
			if err == nil && (f.Number != last.Number+1 || !f.From.Equal(last.To) || f.Day <= last.Day) {
				err = fmt.Errorf("%w: number %d of %s does not follow number %d of %s", store.ErrStale, f.Number, f.Day, last.Number, last.Day)
			}
			return err
		}, `SELECT `+dailyColumns+series+` ORDER BY day DESC LIMIT 1`, args...)
		if err != nil {
			return err
		}
		c.noteDaily(f)
		err = c.row(`INSERT INTO daily_files (merchant, contract, kind, day, begins, ends, number, name, encoding, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			append(args, f.Day, f.From.UnixMicro(), f.To.UnixMicro(), f.Number, f.Name, f.Encoding, micros(f.OpenedAt))...).Scan(&f.ID)
		if err != nil {
			return err
		}
		opened, err = c.daily(f.ID)
		return err
	})
	if errors.Is(err, errSame) {
		err = nil
	}
	return opened, err
}

func (c *change) daily(id int64) (store.DailyFile, error) {
	return scanDaily(c.row(`SELECT `+dailyColumns+` FROM daily_files WHERE id = ?`, id))
}

// noteDaily says in the journal which file an entry is about.
func (c *change) noteDaily(f store.DailyFile) {
	c.body.Text = fmt.Sprintf("%s: %s of %s, merchant %s, contract %s, number %d", f.Name, f.Series.Kind, f.Day, f.Series.Merchant, f.Series.Contract, f.Number)
}

// changeDaily runs a write that may turn out to be recorded already.
func (n *session) changeDaily(ctx context.Context, kind string, id int64, do func(*change, store.DailyFile) error) error {
	err := n.write(ctx, kind, 0, func(c *change) error {
		f, err := c.daily(id)
		if err != nil {
			return err
		}
		c.noteDaily(f)
		return do(c, f)
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// DailyBuilt records size and digest of a file's bytes.
func (n *session) DailyBuilt(ctx context.Context, id int64, size int64, digest string) error {
	return n.changeDaily(ctx, "daily built", id, func(c *change, f store.DailyFile) error {
		switch {
		case f.Digest == digest && f.Size == size:
			return errSame
		case f.Digest != "" && (f.Series.Kind != store.ExceptionsOfDay || !f.DeliveredAt.IsZero()):
			return fmt.Errorf("%w: %s was built with other bytes before", store.ErrDamaged, f.Name)
		}
		c.body.Text += fmt.Sprintf(", %d bytes, SHA-256 %s", size, digest)
		return c.one("the follow-up file", `UPDATE daily_files SET size = ?, digest = ? WHERE id = ?`, size, digest, id)
	})
}

// DailyDelivered records that a file lies in the outbound folder.
func (n *session) DailyDelivered(ctx context.Context, id int64, at time.Time) error {
	return n.changeDaily(ctx, "daily delivered", id, func(c *change, f store.DailyFile) error {
		switch {
		case !f.DeliveredAt.IsZero():
			return errSame
		case f.Digest == "":
			return fmt.Errorf("%w: %s was never built", store.ErrStale, f.Name)
		}
		return c.one("the follow-up file", `UPDATE daily_files SET delivered_at = ?, last_error = '' WHERE id = ?`, micros(at), id)
	})
}

// DailyFailed records why a file could not be delivered.
func (n *session) DailyFailed(ctx context.Context, id int64, reason string) error {
	return n.changeDaily(ctx, "daily failed", id, func(c *change, f store.DailyFile) error {
		if !f.DeliveredAt.IsZero() {
			return errSame
		}
		c.body.Text += ": " + reason
		return c.one("the follow-up file", `UPDATE daily_files SET failures = failures + 1, last_error = ? WHERE id = ?`, reason, id)
	})
}
