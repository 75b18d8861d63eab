package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// Decide gives the file its verdict.
func (n *session) Decide(ctx context.Context, f batch.File) error {
	switch f.State {
	case batch.FileRejected:
		// A run that dies in between finds the file without a verdict and checks it again.
		if err := n.removeLines(ctx, f.ID, (*change).undecided); err != nil {
			return err
		}
	case batch.FileHeld, batch.FileAccepted:
	default:
		return fmt.Errorf("decide: %s is no verdict", f.State)
	}
	return n.write(ctx, "decide", f.ID, func(c *change) error {
		known, err := c.undecided(f.ID)
		if err != nil {
			return err
		}
		if f.State == batch.FileRejected {
			if err := c.clearStaged(f.ID); err != nil {
				return err
			}
			if err := c.settled(f.ID); err != nil {
				return err
			}
		} else {
			if known.State == batch.FileReceived {
				if err := c.moveFile(f.ID, batch.FileReceived, batch.FileChecked, ""); err != nil {
					return err
				}
				known.State = batch.FileChecked
			}
			if err := c.bindStaged(f); err != nil {
				return err
			}
		}
		if err := c.moveFile(f.ID, known.State, f.State, string(f.Verdict)); err != nil {
			return err
		}
		if err := c.setHeader(f); err != nil {
			return err
		}
		totals, err := json.Marshal(f.Totals)
		if err != nil {
			return err
		}
		_, err = c.exec(`UPDATE files SET verdict = ?, verdict_at = ?, expected = ?, lines = ?, bad_lines = ?, totals = ? WHERE id = ?`,
			string(f.Verdict), micros(f.VerdictAt), f.Expected, f.Lines, f.BadLines, string(totals), f.ID)
		if err != nil {
			return err
		}
		known.Expected = f.Expected
		return c.ack(known, 1, f.State, f.Verdict, f.VerdictAt)
	})
}

// bindStaged writes into the journal what the verdict is about.
func (c *change) bindStaged(f batch.File) error {
	staged := store.StagedSum{}
	var err error
	if staged.States, err = countsOf(c, f.ID); err != nil {
		return err
	}
	lines, final := 0, 0
	for state, n := range staged.States {
		lines += n
		if state.Final() {
			final += n
		}
	}
	if lines != f.Lines {
		return fmt.Errorf("file %d has %d lines, but %d are staged", f.ID, f.Lines, lines)
	}
	var text string
	if err := c.row(`SELECT requests FROM files WHERE id = ?`, f.ID).Scan(&text); err != nil {
		return err
	}
	if err := staged.Requests.UnmarshalText([]byte(text)); err != nil {
		return fmt.Errorf("%w: sum of file %d", store.ErrDamaged, f.ID)
	}
	if final > 0 {
		first, last := span(f.ID)
		err := each(c, func(row scanner) error {
			var id, completed int64
			var state batch.LineState
			var attempt int
			var answer sql.RawBytes
			if err := row.Scan(&id, &state, &attempt, &completed, &answer); err != nil {
				return err
			}
			staged.Outcomes.AddOutcome(addressOf(id), state, attempt, completed, answer)
			return nil
		}, `SELECT id, state, attempt, completed_at, answer FROM lines WHERE id BETWEEN ? AND ? AND state IN ('approved', 'declined', 'refused')`, first, last)
		if err != nil {
			return err
		}
	}
	c.body.Staged = &staged
	return nil
}

// ack makes an acknowledgement.
func (c *change) ack(f batch.File, number int, verdict batch.FileState, code batch.FindingCode, at time.Time) error {
	_, err := c.newAnswer(store.AnswerFile{
		File: f.ID, Kind: store.Ack, Number: number, Name: store.AnswerName(f, store.Ack, number), CreatedAt: at,
		Verdict: verdict, Code: code, Expected: f.Expected,
	})
	return err
}

// Move changes the state of a file by an operator's word.
func (n *session) Move(ctx context.Context, file batch.FileID, from, to batch.FileState, at time.Time, reason string) error {
	operators := to == batch.FileRecalled || (from == batch.FileHeld && to == batch.FileAccepted) || (from == batch.FileAccepted && to == batch.FileHeld)
	if !operators || !from.CanBecome(to) {
		return fmt.Errorf("move: an operator cannot make a file that is %s %s", from, to)
	}
	return n.write(ctx, "move", file, func(c *change) error {
		c.body.Text = reason
		f, err := fileOf(c, file)
		if err != nil {
			return err
		}
		if err := c.moveFile(file, from, to, ""); err != nil {
			return err
		}
		if _, err := c.exec(`UPDATE files SET verdict = '' WHERE id = ?`, file); err != nil {
			return err
		}
		if to == batch.FileHeld {
			return nil
		}
		if to == batch.FileRecalled {
			if err := c.settled(file); err != nil {
				return err
			}
		}
		if to == batch.FileAccepted && f.Header.Sequence > 0 {
			// A file held for its gap did not count before.
			err := c.row(`UPDATE files SET expected = (SELECT max(sequence) + 1 FROM files others WHERE others.merchant = files.merchant
				AND others.state IN ('held', 'accepted', 'running', 'answered', 'delivered')) WHERE id = ? RETURNING expected`, file).Scan(&f.Expected)
			if err != nil {
				return err
			}
		}
		var number int
		if err := c.row(`SELECT coalesce(max(number), 0) + 1 FROM answers WHERE file_id = ? AND kind = 'ack'`, file).Scan(&number); err != nil {
			return err
		}
		return c.ack(f, number, to, "", at)
	})
}
