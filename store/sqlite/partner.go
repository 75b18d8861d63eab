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

func scanPartnerFile(row scanner) (f store.PartnerFile, err error) {
	err = row.Scan(&f.ID, &f.Kind, &f.SE, &f.Sequence, &f.Name, &f.Batch, &f.Terms.Currency, &f.Terms.ValueDate, timestamp{&f.CreatedAt},
		&f.State, &f.Size, &f.Digest, timestamp{&f.SentAt}, &f.Reason)
	if f.Kind == store.ChargeFile {
		f.Terms.SE = f.SE
	}
	return f, err
}

func partnerFileOf(q querier, id int64) (store.PartnerFile, error) {
	return scanPartnerFile(q.row(`SELECT `+partnerColumns+` FROM partner_files WHERE id = ?`, id))
}

// PartnerFiles returns files by id.
func (s *Store) PartnerFiles(ctx context.Context, q store.PartnerQuery) (files []store.PartnerFile, err error) {
	var c condition
	c.equal("kind", string(q.Kind))
	c.equal("se", q.SE)
	c.equal("name", q.Name)
	c.equal("batch", q.Batch)
	c.equal("digest", q.Digest)
	in(&c, "state", q.States)
	err = each(s.read(ctx), func(row scanner) error {
		f, err := scanPartnerFile(row)
		files = append(files, f)
		return err
	}, `SELECT `+partnerColumns+` FROM partner_files`+c.where()+` ORDER BY id`, c.args...)
	return files, fault("list partner files", err)
}

// ChargeAnswers returns those of the answers that have come.
func (s *Store) ChargeAnswers(ctx context.Context, keys []batch.Key) (map[batch.Key]batch.ChargeAnswer, error) {
	asked, err := list(keys)
	if err != nil {
		return nil, fmt.Errorf("read charge answers: %w", err)
	}
	answers := make(map[batch.Key]batch.ChargeAnswer, len(keys))
	err = each(s.read(ctx), func(row scanner) error {
		var id int64
		var a batch.ChargeAnswer
		err := row.Scan(&id, &a.Key, &a.State, &a.AuthorizationNumber, &a.Code, &a.Text, &a.CardChanged, &a.ValueDate, &a.File)
		answers[a.Key] = a
		return err
	}, `SELECT `+chargeColumns+` FROM charge_answers WHERE key IN (SELECT value FROM json_each(?))`, asked)
	return answers, fault("read charge answers", err)
}

// PartnerExceptions yields exceptions, and the events that contradict others.
func (s *Store) PartnerExceptions(ctx context.Context, from, to time.Time) iter.Seq2[batch.PartnerException, error] {
	return stream("read partner exceptions", func(yield func(batch.PartnerException) error) error {
		return each(s.read(ctx), func(row scanner) error {
			var x batch.PartnerException
			if err := row.Scan(&x.File, &x.Line, &x.Alias, &x.Reason, timestamp{&x.At}); err != nil {
				return err
			}
			return yield(x)
		}, `SELECT file, line, alias, reason, at FROM partner_exceptions WHERE at >= ?1 AND at < ?2
			UNION ALL SELECT v.file, v.line, e.alias, v.odd, v.told_at FROM status_events v JOIN enrolments e ON e.id = v.enrolment
				WHERE v.odd <> '' AND v.told_at >= ?1 AND v.told_at < ?2
			ORDER BY 5, 1, 2, 3, 4`, from.UnixMicro(), to.UnixMicro())
	})
}

// equal adds "column = value"; an empty value adds nothing.
func (c *condition) equal(column, value string) {
	if value != "" {
		c.add(column+" = ?", value)
	}
}

// openFile makes a file of ours with the next sequence number of its kind and SE.
func (c *change) openFile(f store.PartnerFile, name func(se string, sequence int64) string) (store.PartnerFile, error) {
	err := c.row(`SELECT coalesce(max(sequence), 0) + 1 FROM partner_files WHERE kind = ? AND se = ?`, string(f.Kind), f.SE).Scan(&f.Sequence)
	if err != nil {
		return f, err
	}
	f.Name, f.State = name(f.SE, f.Sequence), store.PartnerOpen
	f.ID, err = c.insert("partner_files", `INSERT INTO partner_files (kind, se, sequence, name, batch, currency, value_date, created_at, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'open') RETURNING id`,
		string(f.Kind), f.SE, f.Sequence, f.Name, f.Batch, string(f.Terms.Currency), f.Terms.ValueDate, micros(f.CreatedAt))
	c.exchange().File = &store.PartnerChange{ID: f.ID, Name: f.Name, To: f.State}
	return f, err
}

// partner runs a write about a file, which may turn out to be recorded already, and
// returns the file as it stands then.
func (n *session) partner(ctx context.Context, kind string, do func(c *change) (id int64, err error)) (f store.PartnerFile, err error) {
	var id int64
	err = n.write(ctx, kind, 0, func(c *change) (err error) {
		id, err = do(c)
		return err
	})
	if err != nil && !errors.Is(err, errSame) {
		return f, err
	}
	f, err = partnerFileOf(n.read(ctx), id)
	return f, fault(kind, err)
}

// first returns the id of the first file that a query finds, 0 for none.
func (c *change) first(query string, args ...any) (id int64, err error) {
	err = c.row(`SELECT coalesce(min(id), 0) FROM partner_files WHERE `+query, args...).Scan(&id)
	return id, err
}

// OpenEnrolmentFile gives the waiting requests and removals of an SE number to a file.
func (n *session) OpenEnrolmentFile(ctx context.Context, se string, name func(se string, sequence int64) string, at time.Time) (store.PartnerFile, error) {
	return n.partner(ctx, "open partner file", func(c *change) (int64, error) {
		id, err := c.first(`kind = 'enrolment' AND se = ? AND state = 'open'`, se)
		if err != nil {
			return 0, err
		}
		if id != 0 {
			return id, errSame
		}
		const theirs = `se = ? AND ` + waiting
		if err := c.row(`SELECT count(*) FROM enrolments WHERE `+theirs, se).Scan(&c.body.Count); err != nil {
			return 0, err
		}
		if c.body.Count == 0 {
			return 0, fmt.Errorf("%w: no enrolment or removal of %s waits", store.ErrNotFound, se)
		}
		before, err := sumOf(c, "enrolments", theirs, se)
		if err != nil {
			return 0, err
		}
		f, err := c.openFile(store.PartnerFile{Kind: store.EnrolmentFile, SE: se, CreatedAt: at}, name)
		if err != nil {
			return 0, err
		}
		// Removals first: one waits only for cards that an earlier file asked for.
		for _, query := range []string{
			`UPDATE enrolments SET removed_in = ? WHERE se = ? AND ` + toRemove,
			`UPDATE enrolments SET asked_in = ? WHERE se = ? AND ` + toAsk,
		} {
			if _, err := c.exec(query, f.Name, se); err != nil {
				return 0, err
			}
		}
		after, err := sumOf(c, "enrolments", `asked_in = ?1 OR removed_in = ?1`, f.Name)
		c.exchange().Sums["enrolments"] += after - before
		return f.ID, err
	})
}

// OpenChargeFile returns the file of the batch, or makes it.
func (n *session) OpenChargeFile(ctx context.Context, batchName string, terms batch.ChargeTerms, name func(se string, sequence int64) string, at time.Time) (store.PartnerFile, error) {
	return n.partner(ctx, "open partner file", func(c *change) (int64, error) {
		if batchName == "" {
			return 0, errors.New("a charge file carries a batch, and this one has no name")
		}
		id, err := c.first(`batch = ? AND batch <> ''`, batchName)
		if err != nil {
			return 0, err
		}
		if id != 0 {
			return id, errSame
		}
		f, err := c.openFile(store.PartnerFile{Kind: store.ChargeFile, SE: terms.SE, Batch: batchName, Terms: terms, CreatedAt: at}, name)
		return f.ID, err
	})
}

// ours runs a write about a file of ours.
func (n *session) ours(ctx context.Context, kind string, id int64, do func(*change, store.PartnerFile) error) error {
	_, err := n.partner(ctx, kind, func(c *change) (int64, error) {
		f, err := partnerFileOf(c, id)
		if err == nil && f.Kind != store.EnrolmentFile && f.Kind != store.ChargeFile {
			err = fmt.Errorf("%w: %s is a file of the partner's", store.ErrStale, f.Name)
		}
		if err != nil {
			return id, err
		}
		c.exchange().File = &store.PartnerChange{ID: f.ID, Name: f.Name, From: f.State, To: f.State, Size: f.Size, Digest: f.Digest}
		return id, do(c, f)
	})
	return err
}

// PartnerStaged records that a file of ours lies proven under its temporary name.
func (n *session) PartnerStaged(ctx context.Context, id int64, size int64, digest string) error {
	return n.ours(ctx, "partner staged", id, func(c *change, f store.PartnerFile) error {
		switch {
		case f.State == store.PartnerOpen:
		case f.Size == size && f.Digest == digest:
			return errSame
		default:
			return fmt.Errorf("%w: %s was staged with other bytes before", store.ErrDamaged, f.Name)
		}
		note := c.exchange().File
		note.To, note.Size, note.Digest = store.PartnerStaged, size, digest
		return c.update("partner_files", id, `state = 'staged', size = ?, digest = ?, reason = ''`, size, digest)
	})
}

// PartnerSent records the rename of a file of ours.
func (n *session) PartnerSent(ctx context.Context, id int64, at time.Time) error {
	return n.ours(ctx, "partner sent", id, func(c *change, f store.PartnerFile) error {
		switch f.State {
		case store.PartnerSent:
			return errSame
		case store.PartnerOpen:
			return fmt.Errorf("%w: %s is not staged", store.ErrStale, f.Name)
		}
		c.exchange().File.To = store.PartnerSent
		return c.update("partner_files", id, `state = 'sent', sent_at = ?, reason = ''`, micros(at))
	})
}

// PartnerFailed records why a file of ours could not be sent.
func (n *session) PartnerFailed(ctx context.Context, id int64, reason string) error {
	return n.ours(ctx, "partner failed", id, func(c *change, f store.PartnerFile) error {
		if f.State == store.PartnerSent || f.Reason == reason {
			return errSame
		}
		c.body.Text = reason
		return c.update("partner_files", id, `reason = ?`, reason)
	})
}
