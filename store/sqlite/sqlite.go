// Package sqlite is the store in one SQLite file, for one machine.
//
// One connection writes, in transactions that begin by taking the write lock and
// end with fsync (WAL, synchronous=FULL); a few others read, undisturbed by the
// writer. Beside the database lie its lock (.lock) and its witness (.witness), see
// lock.go and witness.go. Memory stays flat: caches are bounded, and what does not
// fit is sorted in temporary files.
package sqlite

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	driver "modernc.org/sqlite"
	lib "modernc.org/sqlite/lib"

	"cardbatch/batch"
	"cardbatch/store"
)

// Options say how a store is opened.
type Options struct {
	Environment batch.Mode       // TEST or LIVE; bound to the store when it is made
	Clock       func() time.Time // nil: the system's
	Create      bool             // make the store when there is none
	// Replace lets Create make a new store where the witness says that there was
	// one. Only an operator's adopt wants that.
	Replace bool
}

// Store is an open SQLite store.
type Store struct {
	path    string // absolute, symbolic links resolved
	env     batch.Mode
	clock   func() time.Time
	readers *sql.DB

	writing sync.Mutex // one write transaction at a time
	writer  *sql.DB
	conn    *sql.Conn
	stmts   map[string]*sql.Stmt // prepared on conn, by text
	asked   sync.Map             // *sql.Stmt prepared on readers, by text
}

var (
	_ store.Store   = (*Store)(nil)
	_ store.Session = (*session)(nil)
)

// Open opens the store at path, applying pending migrations. Without a store there
// it returns store.ErrNotFound, or makes one if o.Create; it returns
// store.ErrUnbound when the witness says that a store was there, and
// store.ErrSchema when a newer program wrote it.
func Open(ctx context.Context, path string, o Options) (store.Store, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Create {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return nil, fmt.Errorf("open store: %w", err)
		}
	}
	s := &Store{path: path, env: o.Environment, clock: o.Clock, stmts: map[string]*sql.Stmt{}}
	if err := s.open(ctx, o); err != nil {
		return nil, errors.Join(fault("open store", err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, o Options) error {
	fresh, err := s.missing()
	if err != nil {
		return err
	}
	if fresh {
		if err := s.mayCreate(o); err != nil {
			return err
		}
	}
	if s.writer, err = sql.Open("sqlite", s.dsn("immediate", writerPragmas)); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if err := s.migrate(ctx, o); err != nil {
		return err
	}
	if s.conn, err = s.writer.Conn(ctx); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", s.dsn("deferred", readerPragmas)); err != nil {
		return err
	}
	// Not limited: a caller may ask while it ranges over another answer.
	s.readers.SetMaxIdleConns(4)
	return nil
}

// missing reports whether there is no store at the path; an empty file is none.
func (s *Store) missing() (bool, error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, os.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	return info.Size() == 0, nil
}

// mayCreate makes the empty file of a new store, readable by its owner alone.
func (s *Store) mayCreate(o Options) error {
	if _, err := readWitness(s.path); err == nil && !o.Replace {
		return fmt.Errorf("%w: %s is missing or empty although its witness is there; restore it, or begin anew with `cardbatch adopt`", store.ErrUnbound, s.path)
	}
	if !o.Create {
		return fmt.Errorf("%w: there is no store at %s; make one with `cardbatch init`", store.ErrNotFound, s.path)
	}
	if o.Environment != batch.Test && o.Environment != batch.Live {
		return fmt.Errorf("%w: a new store is either TEST or LIVE", store.ErrEnvironment)
	}
	f, err := os.OpenFile(s.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// resolve gives a path the one form in which the witness keeps it.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	if target, err := filepath.EvalSymlinks(path); err == nil {
		return target, nil
	}
	if dir, err := filepath.EvalSymlinks(filepath.Dir(path)); err == nil {
		return filepath.Join(dir, filepath.Base(path)), nil
	}
	return path, nil
}

// Pragmas of every connection. modernc.org/sqlite sets those of the DSN on each
// connection it makes, the busy timeout first.
var (
	writerPragmas = []string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)",
		"cache_size(-4096)", // KiB: more makes nothing faster, and sorting takes as much again
		"temp_store(FILE)", "trusted_schema(0)",
		"journal_size_limit(67108864)", // bytes that a WAL keeps after it was large once
	}
	readerPragmas = []string{
		"busy_timeout(10000)", "synchronous(FULL)", "cache_size(-2048)", "temp_store(FILE)", "trusted_schema(0)", "query_only(1)",
	}
)

func (s *Store) dsn(txlock string, pragmas []string) string {
	q := url.Values{"mode": {"rw"}, "_txlock": {txlock}, "_pragma": pragmas}
	return "file:" + (&url.URL{Path: s.path}).EscapedPath() + "?" + q.Encode()
}

// Close releases everything.
func (s *Store) Close() error {
	var errs []error
	for _, stmt := range s.stmts {
		errs = append(errs, stmt.Close())
	}
	if s.conn != nil {
		errs = append(errs, s.conn.Close())
	}
	if s.writer != nil {
		errs = append(errs, s.writer.Close())
	}
	s.asked.Range(func(_, stmt any) bool {
		errs = append(errs, stmt.(*sql.Stmt).Close())
		return true
	})
	if s.readers != nil {
		errs = append(errs, s.readers.Close())
	}
	return fault("close store", errors.Join(errs...))
}

// fault makes an error of the driver one of ours and names the step. Only the text
// of a driver's error goes on: it names tables and rules, never values.
func fault(step string, err error) error {
	var broken *driver.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return fmt.Errorf("%s: %w", step, store.ErrNotFound)
	case !errors.As(err, &broken):
		return fmt.Errorf("%s: %w", step, err)
	}
	switch broken.Code() & 0xff {
	case lib.SQLITE_CORRUPT, lib.SQLITE_NOTADB:
		return fmt.Errorf("%s: %w: %v", step, store.ErrDamaged, err)
	case lib.SQLITE_INTERRUPT:
		return fmt.Errorf("%s: %w", step, context.Canceled)
	}
	return fmt.Errorf("%s: database: %v", step, err)
}

func newStoreID() string { return rand.Text() }

// timestamp scans and binds a time as microseconds since 1970; NULL is the zero time.
type timestamp struct{ at *time.Time }

func (t timestamp) Scan(value any) error {
	switch v := value.(type) {
	case nil:
		*t.at = time.Time{}
	case int64:
		*t.at = time.UnixMicro(v).UTC()
	default:
		return fmt.Errorf("a time is stored as %T", value)
	}
	return nil
}

// micros is how a time is bound.
func micros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// A line's id orders by file and line number, see the schema.
const lineBits = 24

func lineID(at batch.LineAddress) int64 { return int64(at.File)<<lineBits | int64(at.No) }

func addressOf(id int64) batch.LineAddress {
	return batch.LineAddress{File: batch.FileID(id >> lineBits), No: int(id & (1<<lineBits - 1))}
}

// span returns the first and last id that a line of the file can have.
func span(file batch.FileID) (first, last int64) {
	first = int64(file) << lineBits
	return first, first | (1<<lineBits - 1)
}
