package sqlite

import (
	"context"
	"fmt"

	"cardbatch/batch"
	"cardbatch/store"
)

// removeChunk bounds how many lines one transaction deletes.
const removeChunk = 20_000

// Restage forgets staged lines and findings of a file that has no verdict.
func (n *session) Restage(ctx context.Context, file batch.FileID) error {
	if err := n.removeLines(ctx, file, (*change).undecided); err != nil {
		return err
	}
	return n.write(ctx, "restage", file, func(c *change) error {
		if _, err := c.undecided(file); err != nil {
			return err
		}
		if err := c.clearStaged(file); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM findings WHERE file_id = ?`, file)
		return err
	})
}

// clearStaged resets what is added up while lines are staged.
func (c *change) clearStaged(file batch.FileID) error {
	for _, query := range []string{
		`DELETE FROM counts WHERE file_id = ?`,
		`DELETE FROM approved_totals WHERE file_id = ?`,
		`UPDATE files SET requests = '0' WHERE id = ?`,
	} {
		if _, err := c.exec(query, file); err != nil {
			return err
		}
	}
	return nil
}

// removeLines deletes the lines of a file and what leads to them, in bounded
// transactions without entries of their own: the caller writes the entry.
func (n *session) removeLines(ctx context.Context, file batch.FileID, allowed func(*change, batch.FileID) (batch.File, error)) error {
	first, last := span(file)
	for done := false; !done; {
		err := n.write(ctx, "remove lines", file, func(c *change) error {
			c.silent = true
			f, err := allowed(c, file)
			if err != nil {
				return err
			}
			var end, lines int64
			err = c.row(`SELECT coalesce(max(id), 0), count(*) FROM (SELECT id FROM lines WHERE id BETWEEN ? AND ? ORDER BY id LIMIT ?)`, first, last, removeChunk).Scan(&end, &lines)
			if err != nil || lines == 0 {
				done = true
				return err
			}
			for kind, column := range map[int]string{byReference: "ref_hash", byLikeness: "like_hash", byTransaction: "txn_hash"} {
				if _, err := c.exec(`DELETE FROM line_index WHERE (kind, hash, line) IN
					(SELECT ?1, `+mixed(column, "?2")+`, id FROM lines WHERE id BETWEEN ?3 AND ?4 AND `+column+` IS NOT NULL)`,
					kind, merchantHash(f.Header.Merchant), first, end); err != nil {
					return err
				}
			}
			for _, query := range []string{
				`DELETE FROM value_dates WHERE line BETWEEN ? AND ?`,
				`DELETE FROM follow_ups WHERE line BETWEEN ? AND ?`,
				`DELETE FROM answer_lines WHERE line BETWEEN ? AND ?`,
				`DELETE FROM lines WHERE id BETWEEN ? AND ?`,
			} {
				if _, err := c.exec(query, first, end); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const stageInsert = `INSERT INTO lines (id, phase, state, gateway, amount, currency, ref_hash, like_hash, content_hash, completed_at, stored, sealed, answer) VALUES `

const stageColumns = 13

// StageLines adds a chunk of lines to a file that has no verdict.
func (n *session) StageLines(ctx context.Context, file batch.FileID, lines []store.StagedLine) error {
	return n.write(ctx, "stage lines", file, func(c *change) error {
		c.silent = true
		if _, err := c.undecided(file); err != nil {
			return err
		}
		var text string
		if err := c.row(`SELECT requests FROM files WHERE id = ?`, file).Scan(&text); err != nil {
			return err
		}
		var requests store.LineSum
		if err := requests.UnmarshalText([]byte(text)); err != nil {
			return fmt.Errorf("%w: sum of file %d", store.ErrDamaged, file)
		}
		args := make([]any, 0, stageColumns*len(lines))
		for i := range lines {
			var err error
			if args, err = c.stageArgs(args, file, &lines[i], &requests); err != nil {
				return err
			}
		}
		if _, err := c.bulk(stageInsert, stageColumns, "", args); err != nil {
			return err
		}
		sum, _ := requests.MarshalText()
		_, err := c.exec(`UPDATE files SET requests = ? WHERE id = ?`, string(sum), file)
		return err
	})
}

// stageArgs appends the columns of one line and counts it.
func (c *change) stageArgs(args []any, file batch.FileID, s *store.StagedLine, requests *store.LineSum) ([]any, error) {
	at := batch.LineAddress{File: file, No: s.Line.No}
	if at.No < 1 || at.No >= 1<<lineBits {
		return nil, fmt.Errorf("line number %d is not between 1 and %d", at.No, 1<<lineBits-1)
	}
	stored := batch.AppendLine(make([]byte, 0, 192), &s.Line)
	requests.AddRequest(at, stored)
	content := batch.ContentHash(stored, s.Fingerprint)
	var minor, currency any
	if amount, ok := s.Line.Amount(); ok {
		minor, currency = amount.Minor, string(amount.Currency)
	}
	state, sealed := batch.Queued, s.Sealed
	var completed any
	var answer []byte
	if s.Refused != "" {
		state, sealed, completed = batch.Refused, nil, micros(c.at)
		answer = store.AppendAnswer(nil, &batch.Answer{Code: s.Refused})
	}
	phase := int(s.Line.Command.Phase())
	c.counts[countKey{state, phase, file, string(s.Gateway)}]++
	return append(args, lineID(at), phase, string(state), string(s.Gateway), minor, currency,
		refHash(s.Line.Ref), likeHash(&s.Line), content[:], completed, stored, blob(sealed), blob(answer)), nil
}

// blob binds nothing as NULL.
func blob(b []byte) any {
	if len(b) == 0 {
		return nil
	}
	return b
}

// StageFindings adds findings to a file that has no verdict.
func (n *session) StageFindings(ctx context.Context, file batch.FileID, findings []batch.Finding) error {
	return n.write(ctx, "stage findings", file, func(c *change) error {
		c.silent = true
		if _, err := c.undecided(file); err != nil {
			return err
		}
		for _, f := range findings {
			_, err := c.exec(`INSERT INTO findings (file_id, line_no, seq, ref, col, code, message)
				SELECT ?1, ?2, coalesce(max(seq), 0) + 1, ?3, ?4, ?5, ?6 FROM findings WHERE file_id = ?1 AND line_no = ?2`,
				file, f.Line, string(f.Ref), f.Column, string(f.Code), f.Message)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// Checked records that a file was read whole.
func (n *session) Checked(ctx context.Context, f batch.File) error {
	return n.write(ctx, "checked", f.ID, func(c *change) error {
		known, err := c.undecided(f.ID)
		if err != nil {
			return err
		}
		if known.State == batch.FileReceived {
			if err := c.moveFile(f.ID, batch.FileReceived, batch.FileChecked, ""); err != nil {
				return err
			}
		}
		return c.setHeader(f)
	})
}

// setHeader writes what a check has learned of a file's header and layout.
func (c *change) setHeader(f batch.File) error {
	return found(c.exec(`UPDATE files SET merchant = ?, ref = ?, sequence = ?, mode = ?, created_at = ?, separator = ?, encoding = ?, plain = ? WHERE id = ?`,
		string(f.Header.Merchant), string(f.Header.Ref), f.Header.Sequence, string(f.Header.Mode), micros(f.Header.CreatedAt),
		int(f.Layout.Separator), f.Layout.Encoding, f.Layout.Plain, f.ID))
}

// AnswerAgain gives staged lines the outcome of their namesakes.
func (n *session) AnswerAgain(ctx context.Context, file batch.FileID, pairs []store.Namesake) error {
	return n.write(ctx, "answer again", file, func(c *change) error {
		if _, err := c.undecided(file); err != nil {
			return err
		}
		for _, pair := range pairs {
			if err := c.answerAgain(batch.LineAddress{File: file, No: pair.No}, pair.Earlier); err != nil {
				return err
			}
		}
		return nil
	})
}

func (c *change) answerAgain(at, earlier batch.LineAddress) error {
	first, err := lineOf(c, earlier)
	if err != nil {
		return err
	}
	if !first.State.Final() {
		return fmt.Errorf("%w: line %d of file %d is %s, it has no outcome to give", store.ErrStale, earlier.No, earlier.File, first.State)
	}
	facts, err := c.facts(at)
	if err != nil {
		return err
	}
	first.Answer.IsDuplicate = true
	c.moveLine(at, facts, batch.Queued, first.State, first.Answer.Code, first.Attempt, "")
	c.addApproved(at, first.State, facts)
	// No transaction hash: follow-ups act on the line that made the transaction.
	return c.one(fmt.Sprintf("line %d is not queued", at.No), `UPDATE lines SET state = ?, attempt = ?, submitted_at = ?, completed_at = ?, sealed = NULL, answer = ? WHERE id = ? AND state = 'queued'`,
		string(first.State), first.Attempt, micros(first.SubmittedAt), micros(first.CompletedAt), store.AppendAnswer(nil, &first.Answer), lineID(at))
}

// RefuseStaged makes staged lines refused with the code. They leave the index of
// references: a line that is refused for its findings may come again, repaired.
func (n *session) RefuseStaged(ctx context.Context, file batch.FileID, lines []int, code string) error {
	return n.write(ctx, "refuse staged", file, func(c *change) error {
		f, err := c.undecided(file)
		if err != nil {
			return err
		}
		answer := store.AppendAnswer(nil, &batch.Answer{Code: code})
		for _, no := range lines {
			at := batch.LineAddress{File: file, No: no}
			facts, err := c.facts(at)
			if err != nil {
				return err
			}
			c.moveLine(at, facts, batch.Queued, batch.Refused, code, 0, "")
			if err := c.one(fmt.Sprintf("line %d is not queued", no), `UPDATE lines SET state = 'refused', completed_at = ?, sealed = NULL, answer = ? WHERE id = ? AND state = 'queued'`,
				micros(c.at), blob(answer), lineID(at)); err != nil {
				return err
			}
			if _, err := c.exec(`DELETE FROM line_index WHERE kind = ? AND hash = (SELECT `+mixed("ref_hash", "?")+` FROM lines WHERE id = ?) AND line = ?`,
				byReference, merchantHash(f.Header.Merchant), merchantHash(f.Header.Merchant), lineID(at), lineID(at)); err != nil {
				return err
			}
		}
		return nil
	})
}
