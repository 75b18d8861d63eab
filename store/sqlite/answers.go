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

const answerColumns = `id, file_id, kind, number, name, created_at, verdict, code, expected, size, digest, delivered_at, failures, last_error`

func scanAnswer(row scanner) (a store.AnswerFile, err error) {
	err = row.Scan(&a.ID, &a.File, &a.Kind, &a.Number, &a.Name, timestamp{&a.CreatedAt}, &a.Verdict, &a.Code, &a.Expected,
		&a.Size, &a.Digest, timestamp{&a.DeliveredAt}, &a.Failures, &a.LastError)
	return a, err
}

func answerOf(q querier, id int64) (store.AnswerFile, error) {
	return scanAnswer(q.row(`SELECT `+answerColumns+` FROM answers WHERE id = ?`, id))
}

// Answers returns answers by id; file 0 means those of every file.
func (s *Store) Answers(ctx context.Context, file batch.FileID, waiting bool) (answers []store.AnswerFile, err error) {
	var c condition
	if file != 0 {
		c.add("file_id = ?", file)
	}
	if waiting {
		c.add("delivered_at IS NULL")
	}
	err = each(s.read(ctx), func(row scanner) error {
		a, err := scanAnswer(row)
		answers = append(answers, a)
		return err
	}, `SELECT `+answerColumns+` FROM answers`+c.where()+` ORDER BY id`, c.args...)
	return answers, fault("list answers", err)
}

// newAnswer records an answer to be built and delivered.
func (c *change) newAnswer(a store.AnswerFile) (store.AnswerFile, error) {
	err := c.row(`INSERT INTO answers (file_id, kind, number, name, created_at, verdict, code, expected) VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
		a.File, string(a.Kind), a.Number, a.Name, micros(a.CreatedAt), string(a.Verdict), string(a.Code), a.Expected).Scan(&a.ID)
	if err != nil {
		return a, err
	}
	a.CreatedAt = a.CreatedAt.UTC().Truncate(time.Microsecond) // as it will be read again
	c.body.Answer = &store.AnswerNote{ID: a.ID, Kind: a.Kind, Number: a.Number, Name: a.Name}
	return a, nil
}

// Answer makes the RESULT of a file, or a SUPPLEMENT.
func (n *session) Answer(ctx context.Context, file batch.FileID, at time.Time) (made store.AnswerFile, err error) {
	err = n.write(ctx, "answer", file, func(c *change) error {
		f, err := fileOf(c, file)
		if err != nil {
			return err
		}
		switch f.State {
		case batch.FileAccepted, batch.FileRunning:
			made, err = c.result(f, at)
		case batch.FileAnswered, batch.FileDelivered:
			made, err = c.supplement(f, at)
		default:
			err = fmt.Errorf("%w: file %d is %s", store.ErrStale, file, f.State)
		}
		return err
	})
	return made, err
}

func (c *change) result(f batch.File, at time.Time) (none store.AnswerFile, err error) {
	if f.State == batch.FileAccepted {
		if err := c.moveFile(f.ID, batch.FileAccepted, batch.FileRunning, ""); err != nil {
			return none, err
		}
	}
	if err := c.moveFile(f.ID, batch.FileRunning, batch.FileAnswered, ""); err != nil {
		return none, err
	}
	if _, err := c.exec(`UPDATE files SET answered_at = ? WHERE id = ?`, micros(at), f.ID); err != nil {
		return none, err
	}
	first, last := span(f.ID)
	if _, err := c.exec(`INSERT INTO answer_lines (line, state, attempt, submitted_at, completed_at, answer)
		SELECT id, state, attempt, submitted_at, completed_at, answer FROM lines
		WHERE id BETWEEN ? AND ? AND state NOT IN ('approved', 'declined', 'refused') ORDER BY id`, first, last); err != nil {
		return none, err
	}
	if err := c.indexTransactions(f, `lines`, `TRUE`); err != nil {
		return none, err
	}
	return c.newAnswer(store.AnswerFile{File: f.ID, Kind: store.Result, Name: store.AnswerName(f, store.Result, 0), CreatedAt: at})
}

func (c *change) supplement(f batch.File, at time.Time) (none store.AnswerFile, err error) {
	number := f.Supplements + 1
	first, last := span(f.ID)
	settled, err := c.exec(`UPDATE answer_lines SET supplement = ? WHERE line BETWEEN ? AND ? AND supplement IS NULL
		AND (SELECT state FROM lines WHERE id = line) IN ('approved', 'declined', 'refused')`, number, first, last)
	if err != nil {
		return none, err
	}
	if settled == 0 {
		return none, fmt.Errorf("%w: no line of file %d became final since its last answer", store.ErrNotFound, f.ID)
	}
	if err := c.indexTransactions(f, `answer_lines CROSS JOIN lines ON id = line`, fmt.Sprintf(`supplement = %d`, number)); err != nil {
		return none, err
	}
	if _, err := c.exec(`UPDATE files SET supplements = ? WHERE id = ?`, number, f.ID); err != nil {
		return none, err
	}
	return c.newAnswer(store.AnswerFile{File: f.ID, Kind: store.Supplement, Number: number, Name: store.AnswerName(f, store.Supplement, number), CreatedAt: at})
}

// indexTransactions makes the transactions of an answer known by their ids: the
// merchant learns them from it, so no follow-up line can name them earlier.
func (c *change) indexTransactions(f batch.File, from, which string) error {
	first, last := span(f.ID)
	_, err := c.exec(`INSERT OR IGNORE INTO line_index (kind, hash, line)
		SELECT ?1, `+mixed("txn_hash", "?2")+` AS hash, id FROM `+from+`
		WHERE id BETWEEN ?3 AND ?4 AND txn_hash IS NOT NULL AND `+which+` ORDER BY hash, id`,
		byTransaction, merchantHash(f.Header.Merchant), first, last)
	return err
}

// resultColumns are lineColumns as they stood at the RESULT. The card number is no
// part of an answer, and gone when the line is final.
const resultColumns = `l.id, CASE WHEN a.line IS NULL THEN l.state ELSE a.state END, l.gateway,
	CASE WHEN a.line IS NULL THEN l.attempt ELSE a.attempt END,
	CASE WHEN a.line IS NULL THEN l.submitted_at ELSE a.submitted_at END,
	CASE WHEN a.line IS NULL THEN l.completed_at ELSE a.completed_at END,
	l.stored, NULL, CASE WHEN a.line IS NULL THEN l.answer ELSE a.answer END, ''`

// AnswerLines yields the lines of one answer as they stood when it was made.
func (s *Store) AnswerLines(ctx context.Context, file batch.FileID, number int) iter.Seq2[batch.LineRecord, error] {
	return stream("read answer", func(yield func(batch.LineRecord) error) error {
		kind, query := store.Result, `SELECT `+resultColumns+` FROM lines l LEFT JOIN answer_lines a ON a.line = l.id WHERE l.id BETWEEN ? AND ? AND ? = 0 ORDER BY l.id`
		if number > 0 {
			kind, query = store.Supplement, `SELECT `+lineColumns+` FROM answer_lines a CROSS JOIN lines l ON l.id = a.line WHERE a.line BETWEEN ? AND ? AND a.supplement = ? ORDER BY a.line`
		}
		var made int
		if err := s.read(ctx).row(`SELECT count(*) FROM answers WHERE file_id = ? AND kind = ? AND number = ?`, file, string(kind), number).Scan(&made); err != nil {
			return err
		}
		if made == 0 {
			return fmt.Errorf("%w: file %d has no such answer", store.ErrNotFound, file)
		}
		first, last := span(file)
		return each(s.read(ctx), func(row scanner) error {
			r, err := scanLine(row)
			if err != nil {
				return err
			}
			return yield(r)
		}, query, first, last, number)
	})
}

// errSame ends a transaction that has nothing to write.
var errSame = errors.New("recorded already")

// settle runs a write that may turn out to be recorded already.
func (n *session) settle(ctx context.Context, kind string, id int64, do func(*change, store.AnswerFile) error) error {
	err := n.write(ctx, kind, 0, func(c *change) error {
		a, err := answerOf(c, id)
		if err != nil {
			return err
		}
		c.file = a.File
		c.body.Answer = &store.AnswerNote{ID: a.ID, Kind: a.Kind, Number: a.Number, Name: a.Name}
		return do(c, a)
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// Built records size and digest of an answer's bytes.
func (n *session) Built(ctx context.Context, id int64, size int64, digest string) error {
	return n.settle(ctx, "built", id, func(c *change, a store.AnswerFile) error {
		switch {
		case a.Digest == digest && a.Size == size:
			return errSame
		case a.Digest != "":
			return fmt.Errorf("%w: %s was built with other bytes before", store.ErrDamaged, a.Name)
		}
		c.body.Answer.Size, c.body.Answer.Digest = size, digest
		return c.one("the answer", `UPDATE answers SET size = ?, digest = ? WHERE id = ?`, size, digest, id)
	})
}

// Delivered records that an answer lies in the outbound folder.
func (n *session) Delivered(ctx context.Context, id int64, at time.Time) error {
	return n.settle(ctx, "delivered", id, func(c *change, a store.AnswerFile) error {
		if !a.DeliveredAt.IsZero() {
			return errSame
		}
		if err := c.one("the answer", `UPDATE answers SET delivered_at = ?, last_error = '' WHERE id = ?`, micros(at), id); err != nil {
			return err
		}
		f, err := fileOf(c, a.File)
		if err != nil {
			return err
		}
		var waiting int
		if err := c.row(`SELECT count(*) FROM answers WHERE file_id = ? AND delivered_at IS NULL`, a.File).Scan(&waiting); err != nil {
			return err
		}
		if f.State != batch.FileAnswered || waiting > 0 {
			return nil
		}
		if err := c.moveFile(a.File, batch.FileAnswered, batch.FileDelivered, ""); err != nil {
			return err
		}
		return c.settled(a.File)
	})
}

// DeliveryFailed records why an answer could not be delivered.
func (n *session) DeliveryFailed(ctx context.Context, id int64, at time.Time, reason string) error {
	return n.settle(ctx, "delivery failed", id, func(c *change, a store.AnswerFile) error {
		if !a.DeliveredAt.IsZero() {
			return errSame
		}
		c.body.Text = reason
		return c.one("the answer", `UPDATE answers SET failures = failures + 1, last_error = ? WHERE id = ?`, reason, id)
	})
}
