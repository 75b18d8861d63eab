package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"cardbatch/batch"
	"cardbatch/store"
)

// saying is what the journal says of everything.
type saying struct {
	files    map[batch.FileID]*explained
	exchange map[string]store.LineSum // by table, see exchange.go
}

// explained is what the journal says of one file.
type explained struct {
	state    batch.FileState
	decided  bool // it has a verdict, and lines
	lines    map[batch.LineState]int
	requests store.LineSum
	outcomes store.LineSum
}

// VerifyJournal walks the chain and compares it with the state it explains. It
// keeps a few numbers per file, however many lines there are.
func (s *Store) VerifyJournal(ctx context.Context) (int64, error) {
	tx, err := s.readers.BeginTx(ctx, nil) // one snapshot, while others write
	if err != nil {
		return 0, fault("verify journal", err)
	}
	defer tx.Rollback()
	q := snapshot{ctx, tx}
	n, said, err := s.walk(q)
	if err == nil {
		err = compare(q, said.files)
	}
	if err == nil {
		err = compareExchange(q, said.exchange)
	}
	return n, fault("verify journal", err)
}

type snapshot struct {
	ctx context.Context
	tx  *sql.Tx
}

func (s snapshot) query(query string, args ...any) (*sql.Rows, error) {
	return s.tx.QueryContext(s.ctx, query, args...)
}

func (s snapshot) row(query string, args ...any) scanner {
	return s.tx.QueryRowContext(s.ctx, query, args...)
}

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", store.ErrDamaged, fmt.Sprintf(format, args...))
}

// walk recomputes the chain and replays what it says of each file.
func (s *Store) walk(q querier) (int64, saying, error) {
	said := saying{map[batch.FileID]*explained{}, map[string]store.LineSum{}}
	w, err := readWitness(s.path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return 0, said, damaged("%v", err)
	}
	var n int64
	head := ""
	err = each(q, func(row scanner) error {
		e, err := scanEntry(row)
		if err != nil {
			return err
		}
		switch {
		case e.Number != n+1:
			return damaged("entry %d of the journal is missing", n+1)
		case e.Previous != head:
			return damaged("entry %d of the journal does not follow the one before", e.Number)
		case e.Hash != e.Sum():
			return damaged("entry %d of the journal was altered", e.Number)
		case e.Number == w.Length && e.Hash != w.Head:
			return damaged("entry %d of the journal is not the one that was written here", e.Number)
		}
		n, head = e.Number, e.Hash
		return said.replay(e)
	}, `SELECT `+entryColumns+` FROM journal ORDER BY number`)
	if err != nil {
		return n, said, err
	}
	var length int64
	var last string
	if err := q.row(`SELECT journal_len, journal_head FROM store`).Scan(&length, &last); err != nil {
		return n, said, err
	}
	if length = max(length, w.Length); n < length {
		return n, said, damaged("entry %d of the journal is missing", n+1)
	}
	if head != last {
		return n, said, damaged("entry %d is not the head of the journal", n)
	}
	return n, said, nil
}

// replay adds what one entry says.
func (s saying) replay(e store.Entry) error {
	files := s.files
	var body store.Body
	if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
		return damaged("entry %d of the journal cannot be read: %v", e.Number, err)
	}
	for _, change := range body.Files {
		f := files[change.File]
		if f == nil {
			f = &explained{lines: map[batch.LineState]int{}}
			files[change.File] = f
		}
		if f.state != change.From || (change.From != "" && !change.From.CanBecome(change.To)) {
			return damaged("entry %d takes file %d from %s to %s, but it is %s", e.Number, change.File, change.From, change.To, f.state)
		}
		f.state = change.To
	}
	if body.Staged != nil {
		f := files[e.File]
		if f == nil {
			return damaged("entry %d is about file %d, which was never received", e.Number, e.File)
		}
		f.decided, f.lines = true, body.Staged.States
		if f.lines == nil {
			f.lines = map[batch.LineState]int{}
		}
		f.requests, f.outcomes = body.Staged.Requests, body.Staged.Outcomes
	}
	for _, change := range body.Lines {
		f := files[change.File]
		if f == nil {
			return damaged("entry %d is about file %d, which was never received", e.Number, change.File)
		}
		if !f.decided {
			continue // before the verdict, which counts them all
		}
		n := change.At.Count()
		if f.lines[change.From] < n || !change.From.CanBecome(change.To) {
			return damaged("entry %d takes %d lines of file %d from %s to %s, but %d are %s", e.Number, n, change.File, change.From, change.To, f.lines[change.From], change.From)
		}
		f.lines[change.From] -= n
		f.lines[change.To] += n
		f.outcomes += change.Sum
	}
	if body.Exchange != nil {
		for table, sum := range body.Exchange.Sums {
			s.exchange[table] += sum
		}
	}
	for _, gone := range body.Gone {
		if f := files[gone.File]; f != nil {
			f.decided, f.lines, f.requests, f.outcomes = true, map[batch.LineState]int{}, 0, 0
		}
	}
	return nil
}

// compare holds what the journal explains against the tables.
func compare(q querier, files map[batch.FileID]*explained) error {
	var ids []batch.FileID
	err := each(q, func(row scanner) error {
		var id batch.FileID
		var state batch.FileState
		if err := row.Scan(&id, &state); err != nil {
			return err
		}
		f := files[id]
		if f == nil {
			return damaged("the journal does not explain file %d", id)
		}
		if f.state != state {
			return damaged("file %d is %s, the journal explains %s", id, state, f.state)
		}
		ids = append(ids, id)
		return nil
	}, `SELECT id, state FROM files ORDER BY id`)
	if err != nil {
		return err
	}
	if len(ids) != len(files) {
		return damaged("%d files are there, the journal explains %d", len(ids), len(files))
	}
	for _, id := range ids {
		if f := files[id]; f.decided {
			if err := compareLines(q, id, f); err != nil {
				return err
			}
		}
	}
	return nil
}

func compareLines(q querier, id batch.FileID, want *explained) error {
	got := explained{lines: map[batch.LineState]int{}}
	first, last := span(id)
	err := each(q, func(row scanner) error {
		var line, completed int64
		var attempt int
		var state batch.LineState
		var stored, answer sql.RawBytes
		if err := row.Scan(&line, &state, &attempt, &completed, &stored, &answer); err != nil {
			return err
		}
		got.lines[state]++
		got.requests.AddRequest(addressOf(line), stored)
		if state.Final() {
			got.outcomes.AddOutcome(addressOf(line), state, attempt, completed, answer)
		}
		return nil
	}, `SELECT id, state, attempt, coalesce(completed_at, 0), stored, answer FROM lines WHERE id BETWEEN ? AND ? ORDER BY id`, first, last)
	if err != nil {
		return err
	}
	tally, err := countsOf(q, id)
	if err != nil {
		return err
	}
	for _, state := range batch.LineStates {
		if got.lines[state] != want.lines[state] {
			return damaged("file %d has %d lines %s, the journal explains %d", id, got.lines[state], state, want.lines[state])
		}
		if tally[state] != want.lines[state] {
			return damaged("file %d counts %d lines %s, the journal explains %d", id, tally[state], state, want.lines[state])
		}
	}
	if got.requests != want.requests {
		return damaged("a line of file %d does not ask any more for what it asked at the verdict", id)
	}
	if got.outcomes != want.outcomes {
		return damaged("the outcome of a line of file %d is not the one that was recorded", id)
	}
	return nil
}
