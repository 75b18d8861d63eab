package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"cardbatch/batch"
	"cardbatch/money"
	"cardbatch/store"
)

const lineColumns = `l.id, l.state, l.gateway, l.attempt, l.submitted_at, l.completed_at, l.stored, l.sealed, l.answer, coalesce(l.batch, '')`

// scanLine reads lineColumns, then what follows them into extra.
func scanLine(row scanner, extra ...any) (r batch.LineRecord, err error) {
	var id int64
	var stored, answer []byte
	targets := [...]any{&id, &r.State, &r.Gateway, &r.Attempt, timestamp{&r.SubmittedAt}, timestamp{&r.CompletedAt}, &stored, &r.Sealed, &answer, &r.Batch}
	if err := row.Scan(append(targets[:], extra...)...); err != nil {
		return r, err
	}
	r.Address = addressOf(id)
	r.Line.No = r.Address.No
	if err := errors.Join(batch.DecodeLine(stored, &r.Line), store.DecodeAnswer(answer, &r.Answer)); err != nil {
		return r, fmt.Errorf("%w: line %d of file %d: %v", store.ErrDamaged, r.Address.No, r.Address.File, err)
	}
	return r, nil
}

func lineOf(q querier, at batch.LineAddress) (batch.LineRecord, error) {
	return scanLine(q.row(`SELECT `+lineColumns+` FROM lines l WHERE l.id = ?`, lineID(at)))
}

// Line returns one line.
func (s *Store) Line(ctx context.Context, at batch.LineAddress) (batch.LineRecord, error) {
	r, err := lineOf(s.read(ctx), at)
	return r, fault("read line", err)
}

// LineByRef finds the line of a file with the reference. Lines that the index does
// not hold, such as those refused by their findings, are looked for one by one.
func (s *Store) LineByRef(ctx context.Context, file batch.FileID, ref batch.LineRef) (found batch.LineRecord, err error) {
	f, err := s.File(ctx, file)
	if err != nil {
		return found, err
	}
	first, last := span(file)
	match := func(row scanner) error {
		r, err := scanLine(row)
		if err == nil && r.Line.Ref == ref {
			found, err = r, errStop
		}
		return err
	}
	err = each(s.read(ctx), match, `SELECT `+lineColumns+` FROM line_index x CROSS JOIN lines l ON l.id = x.line
		WHERE x.kind = 1 AND x.hash = `+mixed("?1", "?2")+` AND x.line BETWEEN ?3 AND ?4 ORDER BY x.line`,
		refHash(ref), merchantHash(f.Header.Merchant), first, last)
	if err == nil {
		err = each(s.read(ctx), match, `SELECT `+lineColumns+` FROM lines l WHERE l.id BETWEEN ? AND ? AND l.ref_hash = ? ORDER BY l.id`, first, last, refHash(ref))
	}
	if err == nil {
		err = store.ErrNotFound
	}
	if errors.Is(err, errStop) {
		return found, nil
	}
	return found, fault("find line", err)
}

// Lines yields lines in order of file and line number. Files without a line in one
// of the states are passed over.
func (s *Store) Lines(ctx context.Context, q store.LineQuery) iter.Seq2[batch.LineRecord, error] {
	return stream("read lines", func(yield func(batch.LineRecord) error) error {
		files, err := s.filesWith(ctx, q)
		if err != nil {
			return err
		}
		left := q.Limit
		for _, file := range files {
			first, last := span(file)
			var c condition
			c.add("l.id BETWEEN ? AND ?", max(first, lineID(q.After)+1), last)
			in(&c, "l.state", q.States)
			if q.Batch != "" {
				c.add("l.batch = ?", q.Batch)
			}
			query := `SELECT ` + lineColumns + ` FROM lines l` + c.where() + ` ORDER BY l.id`
			if q.Limit > 0 {
				query += ` LIMIT ?`
				c.args = append(c.args, left)
			}
			err := each(s.read(ctx), func(row scanner) error {
				r, err := scanLine(row)
				if err != nil {
					return err
				}
				left--
				return yield(r)
			}, query, c.args...)
			if err != nil || (q.Limit > 0 && left == 0) {
				return err
			}
		}
		return nil
	})
}

// filesWith lists the files that a query of lines has to look at.
func (s *Store) filesWith(ctx context.Context, q store.LineQuery) (files []batch.FileID, err error) {
	if q.File != 0 {
		return []batch.FileID{q.File}, nil
	}
	if q.Batch != "" {
		err = each(s.read(ctx), fileIDs(&files), `SELECT DISTINCT file_id FROM lines WHERE batch = ? AND file_id >= ? ORDER BY file_id`, q.Batch, q.After.File)
		return files, err
	}
	var c condition
	in(&c, "state", q.States)
	c.add("file_id >= ?", q.After.File)
	err = each(s.read(ctx), fileIDs(&files), `SELECT DISTINCT file_id FROM counts`+c.where()+` ORDER BY file_id`, c.args...)
	return files, err
}

// fileIDs collects the numbers of files.
func fileIDs(files *[]batch.FileID) func(scanner) error {
	return func(row scanner) error {
		var id batch.FileID
		err := row.Scan(&id)
		*files = append(*files, id)
		return err
	}
}

// countsOf tells how many lines of a file are in each state; the key of counts
// begins with state and phase, of which there are few.
func countsOf(q querier, file batch.FileID) (map[batch.LineState]int, error) {
	counts := map[batch.LineState]int{}
	err := each(q, func(row scanner) error {
		var state batch.LineState
		var lines int
		if err := row.Scan(&state, &lines); err != nil {
			return err
		}
		counts[state] += lines
		return nil
	}, `SELECT state, lines FROM counts WHERE state IN ('queued', 'submitting', 'pending', 'in_doubt', 'approved', 'declined', 'refused')
		AND phase IN (0, 1, 2, 3) AND file_id = ?`, file)
	return counts, err
}

// Tally counts the lines of a file.
func (s *Store) Tally(ctx context.Context, file batch.FileID) (t batch.Tally, err error) {
	if _, err := s.File(ctx, file); err != nil {
		return t, err
	}
	if t.ByState, err = countsOf(s.read(ctx), file); err != nil {
		return t, fault("tally", err)
	}
	for _, n := range t.ByState {
		t.Lines += n
	}
	err = each(s.read(ctx), func(row scanner) error {
		var a money.Amount
		err := row.Scan(&a.Minor, &a.Currency)
		t.Approved = append(t.Approved, a)
		return err
	}, `SELECT minor, currency FROM approved_totals WHERE file_id = ? ORDER BY currency`, file)
	return t, fault("tally", err)
}

// sendable are the states of files whose queued lines may be submitted.
const sendable = `('accepted', 'running', 'answered', 'delivered')`

// NextQueued returns queued lines after the cursor. Counts tell which files have
// any, and the primary key leads from the cursor on: a run reads each line once.
func (s *Store) NextQueued(ctx context.Context, q store.QueueQuery) ([]batch.LineRecord, error) {
	files, err := s.openFiles(ctx, q)
	if err != nil {
		return nil, fault("next queued", err)
	}
	var lines []batch.LineRecord
	for _, file := range files {
		if len(lines) >= q.Limit {
			break
		}
		first, last := span(file)
		err := each(s.read(ctx), func(row scanner) error {
			r, err := scanLine(row)
			lines = append(lines, r)
			return err
		}, `SELECT `+lineColumns+` FROM lines l WHERE l.id BETWEEN ? AND ? AND l.state = 'queued' AND l.phase = ? AND l.gateway = ? ORDER BY l.id LIMIT ?`,
			max(first, lineID(q.After)+1), last, int(q.Phase), string(q.Gateway), q.Limit-len(lines))
		if err != nil {
			return nil, fault("next queued", err)
		}
	}
	return lines, nil
}

// openFiles lists the files from the cursor's on that have such lines.
func (s *Store) openFiles(ctx context.Context, q store.QueueQuery) (files []batch.FileID, err error) {
	err = each(s.read(ctx), fileIDs(&files), `SELECT c.file_id FROM counts c CROSS JOIN files f ON f.id = c.file_id
		WHERE c.state = 'queued' AND c.phase = ? AND c.file_id >= ? AND c.gateway = ? AND f.state IN `+sendable+` ORDER BY c.file_id`, int(q.Phase), q.After.File, string(q.Gateway))
	return files, err
}

// Plan sums what is queued.
func (s *Store) Plan(ctx context.Context) ([]store.PlanRow, error) {
	type key struct {
		merchant batch.MerchantID
		gateway  batch.GatewayName
		command  batch.Command
		currency money.Currency
	}
	sums := map[key]*store.PlanRow{}
	files, err := s.Files(ctx, store.FileQuery{States: []batch.FileState{batch.FileAccepted, batch.FileRunning, batch.FileAnswered, batch.FileDelivered}})
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		counts, err := countsOf(s.read(ctx), f.ID)
		if err != nil {
			return nil, fault("plan", err)
		}
		if counts[batch.Queued] == 0 {
			continue
		}
		for r, err := range s.Lines(ctx, store.LineQuery{File: f.ID, States: []batch.LineState{batch.Queued}}) {
			if err != nil {
				return nil, err
			}
			amount, _ := r.Line.Amount()
			k := key{f.Header.Merchant, r.Gateway, r.Line.Command, amount.Currency}
			row := sums[k]
			if row == nil {
				row = &store.PlanRow{Merchant: k.merchant, Gateway: k.gateway, Command: k.command, Total: money.Amount{Currency: k.currency}}
				sums[k] = row
			}
			row.Lines++
			row.Total.Minor += amount.Minor
		}
	}
	plan := make([]store.PlanRow, 0, len(sums))
	for _, row := range sums {
		plan = append(plan, *row)
	}
	slices.SortFunc(plan, func(a, b store.PlanRow) int {
		return cmp.Or(cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Gateway, b.Gateway),
			cmp.Compare(a.Command, b.Command), cmp.Compare(a.Total.Currency, b.Total.Currency))
	})
	return plan, nil
}
