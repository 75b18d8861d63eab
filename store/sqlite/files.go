package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"

	"cardbatch/batch"
	"cardbatch/store"
)

const fileColumns = `id, source, name, name_series, digest, size, received_at, merchant, ref, sequence, mode, created_at,
	separator, encoding, plain, state, verdict, verdict_at, expected, lines, bad_lines, totals, answered_at, supplements, archived, claim`

func scanFile(row scanner) (f batch.File, err error) {
	var totals string
	err = row.Scan(&f.ID, &f.Source, &f.Name, &f.NameSeries, &f.Digest, &f.Size, timestamp{&f.ReceivedAt},
		&f.Header.Merchant, &f.Header.Ref, &f.Header.Sequence, &f.Header.Mode, timestamp{&f.Header.CreatedAt},
		&f.Layout.Separator, &f.Layout.Encoding, &f.Layout.Plain, &f.State, &f.Verdict, timestamp{&f.VerdictAt}, &f.Expected,
		&f.Lines, &f.BadLines, &totals, timestamp{&f.AnsweredAt}, &f.Supplements, &f.Archived, &f.Claim)
	if err != nil {
		return f, err
	}
	if err := json.Unmarshal([]byte(totals), &f.Totals); err != nil {
		return f, fmt.Errorf("%w: totals of file %d: %v", store.ErrDamaged, f.ID, err)
	}
	if len(f.Totals) == 0 {
		f.Totals = nil
	}
	return f, nil
}

func fileOf(q querier, id batch.FileID) (batch.File, error) {
	return scanFile(q.row(`SELECT `+fileColumns+` FROM files WHERE id = ?`, id))
}

// File returns one file.
func (s *Store) File(ctx context.Context, id batch.FileID) (batch.File, error) {
	f, err := fileOf(s.read(ctx), id)
	return f, fault("read file", err)
}

// condition collects the parts of a WHERE clause.
type condition struct {
	parts []string
	args  []any
}

func (c *condition) add(part string, args ...any) {
	c.parts = append(c.parts, part)
	c.args = append(c.args, args...)
}

func (c *condition) where() string {
	if len(c.parts) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(c.parts, " AND ")
}

// in adds "column IN (values)"; no values add nothing.
func in[T ~string](c *condition, column string, values []T) {
	if len(values) == 0 {
		return
	}
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = string(v)
	}
	c.add(column+" IN (?"+strings.Repeat(", ?", len(values)-1)+")", args...)
}

// Files returns the files that match.
func (s *Store) Files(ctx context.Context, q store.FileQuery) ([]batch.File, error) {
	var c condition
	for column, value := range map[string]string{
		"merchant": string(q.Merchant), "source": q.Source, "digest": q.Digest, "ref": string(q.Ref), "name": q.Name,
	} {
		if value != "" {
			c.add(column+" = ?", value)
		}
	}
	in(&c, "state", q.States)
	if !q.Since.IsZero() {
		c.add("received_at >= ?", micros(q.Since))
	}
	if !q.Before.IsZero() {
		c.add("received_at < ?", micros(q.Before))
	}
	if q.Untold {
		c.add(`EXISTS (SELECT 1 FROM answer_lines WHERE line BETWEEN files.id << 24 AND (files.id << 24) + ? AND supplement IS NULL)`, 1<<lineBits-1)
	}
	if q.Claimed {
		c.add(`claim <> ''`)
	}
	if q.Archived {
		c.add(`archived <> ''`)
	}
	query := `SELECT ` + fileColumns + ` FROM files` + c.where() + ` ORDER BY id`
	if !q.Oldest {
		query += ` DESC`
	}
	if q.Limit > 0 {
		query += ` LIMIT ?`
		c.args = append(c.args, q.Limit)
	}
	var files []batch.File
	err := each(s.read(ctx), func(row scanner) error {
		f, err := scanFile(row)
		files = append(files, f)
		return err
	}, query, c.args...)
	return files, fault("list files", err)
}

// Sequences tells which sequence numbers the merchant has used.
func (s *Store) Sequences(ctx context.Context, merchant batch.MerchantID, n int64) (highest int64, used bool, err error) {
	err = s.read(ctx).row(`SELECT coalesce(max(CASE WHEN state = 'held' AND verdict = 'SEQUENCE_GAP' THEN 0 ELSE sequence END), 0), coalesce(max(sequence = ?), 0) FROM files
		WHERE merchant = ? AND sequence > 0 AND state IN ('held', 'accepted', 'running', 'answered', 'delivered')`, n, string(merchant)).Scan(&highest, &used)
	return highest, used, fault("read sequences", err)
}

// Findings yields the findings of a file.
func (s *Store) Findings(ctx context.Context, file batch.FileID) iter.Seq2[batch.Finding, error] {
	return stream("read findings", func(yield func(batch.Finding) error) error {
		return each(s.read(ctx), func(row scanner) error {
			var f batch.Finding
			if err := row.Scan(&f.Line, &f.Ref, &f.Column, &f.Code, &f.Message); err != nil {
				return err
			}
			return yield(f)
		}, `SELECT line_no, ref, col, code, message FROM findings WHERE file_id = ? ORDER BY line_no, seq`, file)
	})
}

// Receive records a file as received.
func (n *session) Receive(ctx context.Context, f batch.File) (batch.File, error) {
	err := n.write(ctx, "receive", 0, func(c *change) error {
		// A run that died between claim and record comes back here.
		err := c.row(`SELECT id FROM files WHERE source = ? AND claim = ? AND size = ? AND digest = ? AND claim <> '' ORDER BY id LIMIT 1`,
			f.Source, f.Claim, f.Size, f.Digest).Scan(&f.ID)
		if err == nil {
			return errSame
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		err = c.row(`SELECT coalesce(max(name_series), 0) + 1 FROM files WHERE source = ? AND name = ?`, f.Source, f.Name).Scan(&f.NameSeries)
		if err != nil {
			return err
		}
		err = c.row(`INSERT INTO files (source, name, name_series, digest, size, received_at, archived, claim, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'received') RETURNING id`,
			f.Source, f.Name, f.NameSeries, f.Digest, f.Size, micros(f.ReceivedAt), f.Archived, f.Claim).Scan(&f.ID)
		if err != nil {
			return err
		}
		c.file = f.ID
		c.body.Files = []store.FileChange{{File: f.ID, To: batch.FileReceived}}
		c.body.Text = f.Digest
		return nil
	})
	if err != nil && !errors.Is(err, errSame) {
		return batch.File{}, err
	}
	return n.File(ctx, f.ID)
}

// undecided returns a file that has no verdict, or ErrStale.
func (c *change) undecided(id batch.FileID) (batch.File, error) {
	f, err := fileOf(c, id)
	if err == nil && f.State != batch.FileReceived && f.State != batch.FileChecked {
		err = fmt.Errorf("%w: file %d is %s", store.ErrStale, id, f.State)
	}
	return f, err
}

// moveFile changes the state of a file, which must be from.
func (c *change) moveFile(id batch.FileID, from, to batch.FileState, code string) error {
	if !from.CanBecome(to) {
		return fmt.Errorf("a file that is %s cannot become %s", from, to)
	}
	c.body.Files = append(c.body.Files, store.FileChange{File: id, From: from, To: to, Code: code})
	return c.one(fmt.Sprintf("file %d is not %s", id, from), `UPDATE files SET state = ? WHERE id = ? AND state = ?`, string(to), id, string(from))
}

// settled notes when a file came to an end, from which Forget counts.
func (c *change) settled(id batch.FileID) error {
	return c.one("the file", `UPDATE files SET settled_at = ? WHERE id = ?`, micros(c.at), id)
}

// Claimed records where a file's original lies now.
func (n *session) Claimed(ctx context.Context, file batch.FileID, claim string) error {
	return n.write(ctx, "claimed", file, func(c *change) error {
		c.body.Text = claim
		return found(c.exec(`UPDATE files SET claim = ? WHERE id = ?`, claim, file))
	})
}

// Purged records that a file's archived original is gone.
func (n *session) Purged(ctx context.Context, file batch.FileID) error {
	return n.write(ctx, "purged", file, func(c *change) error {
		return found(c.exec(`UPDATE files SET archived = '' WHERE id = ?`, file))
	})
}

// found makes a statement that changed nothing store.ErrNotFound.
func found(changed int64, err error) error {
	if err == nil && changed == 0 {
		err = store.ErrNotFound
	}
	return err
}
