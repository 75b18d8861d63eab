package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// witnessEvery bounds how far the witness lags behind the store.
const witnessEvery = 2 * time.Second

// session is the right to write.
type session struct {
	*Store
	actor store.Actor
	fence int64

	// flying are the lines that this session made submitting and has no outcome of,
	// by id; guarded by Store.writing.
	flying map[int64]lineFacts

	ending    sync.Mutex // guards what follows
	held      *lockFile  // nil: the session has ended
	witnessed time.Time
	lag       error // the witness could not be written after a commit
}

// Begin takes the lock and starts a session.
func (s *Store) Begin(ctx context.Context, actor store.Actor) (store.Session, error) {
	return s.begin(ctx, actor, "begin", "", s.bound)
}

// Adopt binds the store as it stands to this installation.
func (s *Store) Adopt(ctx context.Context, actor store.Actor, reason string) error {
	session, err := s.begin(ctx, actor, "adopt", reason, func(context.Context) error { return nil })
	if err != nil {
		return err
	}
	return session.End()
}

func (s *Store) begin(ctx context.Context, actor store.Actor, kind, text string, bound func(context.Context) error) (store.Session, error) {
	held, err := s.lock(actor)
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	n := &session{Store: s, actor: actor, held: held, flying: map[int64]lineFacts{}}
	if err := n.start(ctx, kind, text, bound); err != nil {
		return nil, errors.Join(fault("begin", err), held.release())
	}
	return n, nil
}

func (n *session) start(ctx context.Context, kind, text string, bound func(context.Context) error) error {
	info, err := n.self(ctx)
	if err != nil {
		return err
	}
	if info.Environment != n.env {
		return fmt.Errorf("%w: it is %s, the configuration says %s", store.ErrEnvironment, info.Environment, n.env)
	}
	if err := bound(ctx); err != nil {
		return err
	}
	n.fence = info.Fence + 1
	err = n.writeAt(ctx, info.Fence, kind, 0, func(c *change) error {
		c.body.Text = text
		if _, err := c.exec(`UPDATE store SET fence = ?`, n.fence); err != nil {
			return err
		}
		return c.bindUpdates()
	})
	if err != nil {
		return err
	}
	return n.witness(ctx)
}

// bound answers whether the store is the one that this installation used last.
func (s *Store) bound(ctx context.Context) error {
	info, err := s.self(ctx)
	if err != nil {
		return err
	}
	now, err := here(s.path, info.ID, info.JournalLen, info.JournalHead)
	if err != nil {
		return err
	}
	w, err := readWitness(s.path)
	switch {
	case errors.Is(err, os.ErrNotExist) && info.JournalLen == 0:
		// A new store. The witness comes before the first entry, so that a store with entries always has one.
		return now.write(s.path)
	case errors.Is(err, os.ErrNotExist):
		return fmt.Errorf("%w: its witness %s is missing; if that is intended, bind it with `cardbatch adopt`", store.ErrUnbound, witnessPath(s.path))
	case err != nil:
		return fmt.Errorf("%w: %v; bind it with `cardbatch adopt`", store.ErrUnbound, err)
	}
	return w.check(now, func(number int64) (hash string, err error) {
		err = s.readers.QueryRowContext(ctx, `SELECT hash FROM journal WHERE number = ?`, number).Scan(&hash)
		if errors.Is(err, sql.ErrNoRows) {
			err = nil
		}
		return hash, err
	})
}

// witness writes down how far the store has come.
func (n *session) witness(ctx context.Context) error {
	info, err := n.self(ctx)
	if err != nil {
		return err
	}
	if info.Fence != n.fence {
		return store.ErrFenced // the witness belongs to the session that took over
	}
	w, err := here(n.path, info.ID, info.JournalLen, info.JournalHead)
	if err != nil {
		return err
	}
	n.witnessed = n.clock()
	return w.write(n.path)
}

// Fence is the session's token.
func (n *session) Fence() int64 { return n.fence }

// End releases the lock.
func (n *session) End() error {
	n.ending.Lock()
	defer n.ending.Unlock()
	if n.held == nil {
		return nil
	}
	err := n.witness(context.Background())
	if err == nil {
		n.lag = nil // it has caught up
	}
	if errors.Is(err, store.ErrFenced) {
		err = nil
	}
	err = errors.Join(err, n.lag, n.held.release())
	n.held = nil
	return fault("end session", err)
}

// Note appends an entry to the journal.
func (n *session) Note(ctx context.Context, kind, text string) error {
	return n.write(ctx, kind, 0, func(c *change) error {
		c.body.Text = text
		return nil
	})
}

// change is one write transaction and what its entry in the journal will say.
type change struct {
	*session
	ctx    context.Context
	at     time.Time
	file   batch.FileID
	body   store.Body
	counts map[countKey]int
	totals map[totalKey]int64
	moved  map[moveKey]*movedLines
	silent bool // no entry: the file means nothing yet
}

type (
	countKey struct {
		state   batch.LineState
		phase   int
		file    batch.FileID
		gateway string
	}
	totalKey struct {
		file     batch.FileID
		currency string
	}
)

// write runs one write transaction: the fence is checked, then do makes its
// changes, then counts, totals and the journal follow. An error writes nothing.
func (n *session) write(ctx context.Context, kind string, file batch.FileID, do func(*change) error) error {
	n.ending.Lock()
	ended := n.held == nil
	n.ending.Unlock()
	if ended {
		return fmt.Errorf("%s: %w: the session has ended", kind, store.ErrFenced)
	}
	if err := n.writeAt(ctx, n.fence, kind, file, do); err != nil {
		return fault(kind, err)
	}
	n.ending.Lock()
	defer n.ending.Unlock()
	if n.held != nil && n.clock().Sub(n.witnessed) >= witnessEvery {
		// What was committed stays committed: End tells of a witness that cannot be written.
		n.lag = n.witness(context.WithoutCancel(ctx))
	}
	return nil
}

func (n *session) writeAt(ctx context.Context, fence int64, kind string, file batch.FileID, do func(*change) error) (err error) {
	if err := ctx.Err(); err != nil {
		return err
	}
	n.writing.Lock()
	defer n.writing.Unlock()
	// Once begun a transaction is not interrupted: an outcome that is known must be written.
	ctx = context.WithoutCancel(ctx)
	c := &change{session: n, ctx: ctx, at: n.clock(), file: file,
		counts: map[countKey]int{}, totals: map[totalKey]int64{}, moved: map[moveKey]*movedLines{}}
	if _, err := c.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			// SQLite itself rolls back after some errors, and then says so here.
			_, _ = c.exec(`ROLLBACK`)
		}
	}()
	var current, length int64
	var head string
	if err := c.row(`SELECT fence, journal_len, journal_head FROM store`).Scan(&current, &length, &head); err != nil {
		return err
	}
	if current != fence {
		return fmt.Errorf("%w: it has token %d, this one had %d", store.ErrFenced, current, fence)
	}
	if err := do(c); err != nil {
		return err
	}
	if err := c.flush(); err != nil {
		return err
	}
	if !c.silent {
		if err := c.append(kind, length, head); err != nil {
			return err
		}
	}
	_, err = c.exec(`COMMIT`)
	return err
}

// stmt prepares a statement on the writing connection, once.
func (s *Store) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt := s.stmts[query]; stmt != nil {
		return stmt, nil
	}
	stmt, err := s.conn.PrepareContext(ctx, query)
	if err == nil {
		s.stmts[query] = stmt
	}
	return stmt, err
}

// exec runs a statement and returns how many rows it changed.
func (c *change) exec(query string, args ...any) (int64, error) {
	stmt, err := c.stmt(c.ctx, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(c.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// bulkRows are the numbers of rows that one statement takes: the bulk in hundreds,
// the rest in fewer statements than rows.
var bulkRows = []int{100, 10, 1}

// bulk runs a statement over many rows of parameters, given one after the other:
// head, then a VALUES tuple per row, then tail. It returns how many rows changed.
func (c *change) bulk(head string, width int, tail string, args []any) (int64, error) {
	tuple := ", (?" + strings.Repeat(", ?", width-1) + ")"
	var total int64
	for _, rows := range bulkRows {
		if len(args) < rows*width {
			continue
		}
		query := head + strings.Repeat(tuple, rows)[2:] + tail
		for ; len(args) >= rows*width; args = args[rows*width:] {
			changed, err := c.exec(query, args[:rows*width]...)
			if err != nil {
				return total, err
			}
			total += changed
		}
	}
	return total, nil
}

// one runs a statement that must change exactly one row; otherwise the row is not
// any more what the caller thinks.
func (c *change) one(what, query string, args ...any) error {
	changed, err := c.exec(query, args...)
	if err == nil && changed != 1 {
		err = fmt.Errorf("%w: %s", store.ErrStale, what)
	}
	return err
}

func (c *change) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := c.stmt(c.ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(c.ctx, args...)
}

func (c *change) row(query string, args ...any) scanner {
	stmt, err := c.stmt(c.ctx, query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(c.ctx, args...)
}

// scanner is a row to be scanned: *sql.Row or *sql.Rows.
type scanner interface{ Scan(dest ...any) error }

type failed struct{ err error }

func (f failed) Scan(...any) error { return f.err }

// querier is what reads: the readers' pool, or a write transaction.
type querier interface {
	query(query string, args ...any) (*sql.Rows, error)
	row(query string, args ...any) scanner
}

// reading asks the readers' pool.
type reading struct {
	ctx context.Context
	*Store
}

func (r reading) query(query string, args ...any) (*sql.Rows, error) {
	stmt, err := r.prepared(r.ctx, query)
	if err != nil {
		return nil, err
	}
	return stmt.QueryContext(r.ctx, args...)
}

func (r reading) row(query string, args ...any) scanner {
	stmt, err := r.prepared(r.ctx, query)
	if err != nil {
		return failed{err}
	}
	return stmt.QueryRowContext(r.ctx, args...)
}

// prepared keeps every text that was ever asked, of which there are few: preparing
// costs as much as reading some twenty rows.
func (s *Store) prepared(ctx context.Context, query string) (*sql.Stmt, error) {
	if stmt, ok := s.asked.Load(query); ok {
		return stmt.(*sql.Stmt), nil
	}
	stmt, err := s.readers.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if first, raced := s.asked.LoadOrStore(query, stmt); raced {
		return first.(*sql.Stmt), stmt.Close()
	}
	return stmt, nil
}

func (s *Store) read(ctx context.Context) reading { return reading{ctx, s} }

// each runs a query and calls scan for every row.
func each(q querier, scan func(scanner) error, query string, args ...any) error {
	rows, err := q.query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
