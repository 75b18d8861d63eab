package sqlite

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// moveKey groups the lines of an entry that made the same step.
type moveKey struct {
	file     batch.FileID
	from, to batch.LineState
	code     string
	attempt  int
	reason   string
}

type movedLines struct {
	lines []int
	sum   store.LineSum
}

// moveLine notes a line's transition for counts and journal.
func (c *change) moveLine(at batch.LineAddress, f lineFacts, from, to batch.LineState, code string, attempt int, reason string) *movedLines {
	c.counts[countKey{from, f.phase, at.File, f.gateway}]--
	c.counts[countKey{to, f.phase, at.File, f.gateway}]++
	key := moveKey{at.File, from, to, code, attempt, reason}
	group := c.moved[key]
	if group == nil {
		group = &movedLines{}
		c.moved[key] = group
	}
	group.lines = append(group.lines, at.No)
	return group
}

// flush writes what do has added up.
func (c *change) flush() error {
	for key, delta := range c.counts {
		if delta > 0 {
			if _, err := c.exec(`INSERT INTO counts (state, phase, file_id, gateway, lines) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET lines = lines + excluded.lines`,
				string(key.state), key.phase, key.file, key.gateway, delta); err != nil {
				return err
			}
		}
		if delta < 0 {
			const where = ` WHERE state = ?2 AND phase = ?3 AND file_id = ?4 AND gateway = ?5`
			args := []any{delta, string(key.state), key.phase, key.file, key.gateway}
			if _, err := c.exec(`UPDATE counts SET lines = lines + ?1`+where, args...); err != nil {
				return err
			}
			if _, err := c.exec(`DELETE FROM counts`+where+` AND lines = 0 AND ?1 < 0`, args...); err != nil {
				return err
			}
		}
	}
	for key, minor := range c.totals {
		if _, err := c.exec(`INSERT INTO approved_totals (file_id, currency, minor) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET minor = minor + excluded.minor`,
			key.file, key.currency, minor); err != nil {
			return err
		}
	}
	return nil
}

// append writes the entry of this transaction at the journal's end.
func (c *change) append(kind string, length int64, head string) error {
	spans := map[batch.FileID][2]int64{}
	for key, group := range c.moved {
		c.body.Lines = append(c.body.Lines, store.LineChange{
			File: key.file, From: key.from, To: key.to, Code: key.code, Attempt: key.attempt, Reason: key.reason,
			At: store.RangesOf(group.lines), Sum: group.sum,
		})
		first, last := lineID(batch.LineAddress{File: key.file, No: slices.Min(group.lines)}), lineID(batch.LineAddress{File: key.file, No: slices.Max(group.lines)})
		if known, ok := spans[key.file]; ok {
			first, last = min(first, known[0]), max(last, known[1])
		}
		spans[key.file] = [2]int64{first, last}
	}
	slices.SortFunc(c.body.Lines, func(a, b store.LineChange) int {
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To),
			cmp.Compare(a.Code, b.Code), cmp.Compare(a.Attempt, b.Attempt), cmp.Compare(a.Reason, b.Reason))
	})
	if c.file == 0 && len(spans) == 1 {
		for file := range spans {
			c.file = file
		}
	}
	// What concerns a file as a whole concerns each of its lines.
	whole := func(file batch.FileID) {
		first, last := span(file)
		spans[file] = [2]int64{first, last}
	}
	if c.file != 0 && len(c.moved) == 0 {
		whole(c.file)
	}
	for _, f := range c.body.Files {
		whole(f.File)
	}
	body, err := json.Marshal(c.body)
	if err != nil {
		return err
	}
	e := store.Entry{
		Number: length + 1, At: c.at, Fence: c.fence, Actor: c.actor.Name, Version: c.actor.Version, Config: c.actor.Config,
		Kind: kind, File: c.file, Body: string(body), Previous: head,
	}
	e.Hash = e.Sum()
	if _, err := c.exec(`INSERT INTO journal (number, at, fence, actor, version, config, kind, file_id, body, previous, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		e.Number, e.At.UnixMicro(), e.Fence, e.Actor, e.Version, e.Config, e.Kind, e.File, e.Body, e.Previous, e.Hash); err != nil {
		return err
	}
	for _, file := range slices.Sorted(maps.Keys(spans)) {
		if _, err := c.exec(`INSERT INTO journal_lines (first, entry, last) VALUES (?, ?, ?)`, spans[file][0], e.Number, spans[file][1]); err != nil {
			return err
		}
	}
	return c.one("the journal's head", `UPDATE store SET journal_len = ?, journal_head = ?`, e.Number, e.Hash)
}

const entryColumns = `number, at, fence, actor, version, config, kind, file_id, body, previous, hash`

func scanEntry(row scanner) (e store.Entry, err error) {
	var at int64
	err = row.Scan(&e.Number, &at, &e.Fence, &e.Actor, &e.Version, &e.Config, &e.Kind, &e.File, &e.Body, &e.Previous, &e.Hash)
	e.At = time.UnixMicro(at).UTC()
	return e, err
}

// errStop ends a loop over rows whose consumer wants no more.
var errStop = errors.New("stop")

// stream makes a sequence of what run passes to its yield.
func stream[T any](step string, run func(yield func(T) error) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		err := run(func(v T) error {
			if !yield(v, nil) {
				return errStop
			}
			return nil
		})
		if err != nil && !errors.Is(err, errStop) {
			var none T
			yield(none, fault(step, err))
		}
	}
}

// Journal yields the entries from number on.
func (s *Store) Journal(ctx context.Context, from int64) iter.Seq2[store.Entry, error] {
	return stream("read journal", func(yield func(store.Entry) error) error {
		return each(s.read(ctx), func(row scanner) error {
			e, err := scanEntry(row)
			if err != nil {
				return err
			}
			return yield(e)
		}, `SELECT `+entryColumns+` FROM journal WHERE number >= ? ORDER BY number`, from)
	})
}

// History yields the entries that concern one line.
func (s *Store) History(ctx context.Context, at batch.LineAddress) iter.Seq2[store.Entry, error] {
	return stream("read history", func(yield func(store.Entry) error) error {
		first, _ := span(at.File)
		return each(s.read(ctx), func(row scanner) error {
			e, err := scanEntry(row)
			if err != nil {
				return err
			}
			var body store.Body
			if err := json.Unmarshal([]byte(e.Body), &body); err != nil {
				return fmt.Errorf("%w: entry %d: %v", store.ErrDamaged, e.Number, err)
			}
			if !concerns(body, at) {
				return nil
			}
			return yield(e)
		}, `SELECT `+entryColumns+` FROM journal WHERE number IN (SELECT entry FROM journal_lines WHERE first BETWEEN ?1 AND ?2 AND last >= ?2) ORDER BY number`,
			first, lineID(at))
	})
}

// concerns reports whether an entry about lines near the line, or about its file, is about the line.
func concerns(body store.Body, at batch.LineAddress) bool {
	if len(body.Lines) == 0 {
		return true
	}
	for _, f := range body.Files {
		if f.File == at.File {
			return true
		}
	}
	for _, l := range body.Lines {
		if l.File == at.File && l.At.Contains(at.No) {
			return true
		}
	}
	return false
}
