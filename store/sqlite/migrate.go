package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"github.com/pressly/goose/v3"

	"cardbatch/store"
)

// Migrations are numbered, never edited after release, and run forward only.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version int64
	Name    string // of the file, e.g. 00001_store.sql
	SQL     string
}

// Migrations lists every migration that this program knows, in order.
func Migrations() ([]Migration, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(dir, "*.sql")
	if err != nil {
		return nil, err
	}
	var list []Migration
	for _, name := range names {
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			return nil, err
		}
		version, err := goose.NumericComponent(name)
		if err != nil {
			return nil, err
		}
		list = append(list, Migration{version, name, string(text)})
	}
	return list, nil
}

// Pending lists the migrations that Open would apply to the store at path, and
// changes nothing. It returns store.ErrSchema when a newer program wrote the store,
// and store.ErrNotFound when there is none.
func Pending(ctx context.Context, path string) ([]Migration, error) {
	path, err := resolve(path)
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	s := &Store{path: path}
	all, err := Migrations()
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	fresh, err := s.missing()
	if err != nil {
		return nil, fmt.Errorf("list migrations: %w", err)
	}
	if fresh {
		return nil, fmt.Errorf("list migrations: %w: there is no store at %s", store.ErrNotFound, path)
	}
	db, err := sql.Open("sqlite", s.dsn("deferred", readerPragmas))
	if err != nil {
		return nil, fault("list migrations", err)
	}
	defer db.Close()
	applied, err := schemaVersion(ctx, db)
	if err != nil {
		return nil, fault("list migrations", err)
	}
	for len(all) > 0 && all[0].Version <= applied {
		all = all[1:]
	}
	return all, nil
}

// schemaVersion tells the latest migration that a database has; 0 for an empty one.
func schemaVersion(ctx context.Context, db *sql.DB) (int64, error) {
	var tables int
	if err := db.QueryRowContext(ctx, `SELECT count(*) FROM sqlite_master WHERE name = 'goose_db_version'`).Scan(&tables); err != nil || tables == 0 {
		return 0, err
	}
	var version int64
	if err := db.QueryRowContext(ctx, `SELECT max(version_id) FROM goose_db_version WHERE is_applied`).Scan(&version); err != nil {
		return 0, err
	}
	all, err := Migrations()
	if err != nil {
		return 0, err
	}
	if newest := all[len(all)-1].Version; version > newest {
		return 0, fmt.Errorf("%w: its schema is %d, this program knows %d; use the newer program", store.ErrSchema, version, newest)
	}
	return version, nil
}

// migrate brings the schema up to date. It holds the store's lock meanwhile, so
// that no session writes by the old schema.
func (s *Store) migrate(ctx context.Context, o Options) error {
	all, err := Migrations()
	if err != nil {
		return err
	}
	newest := all[len(all)-1].Version
	applied, err := schemaVersion(ctx, s.writer)
	if err != nil {
		return err
	}
	if applied == newest {
		var made bool
		if err := s.writer.QueryRowContext(ctx, `SELECT count(*) FROM store`).Scan(&made); err != nil || made {
			return err
		}
		// A process died while it made the store.
	}
	held, err := s.lock(store.Actor{Name: "migrate"})
	if err != nil {
		return err
	}
	defer held.release()
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	runner, err := goose.NewProvider(goose.DialectSQLite3, s.writer, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if _, err := runner.Up(ctx); err != nil {
		var partial *goose.PartialError
		if errors.As(err, &partial) && partial.Failed != nil {
			return fmt.Errorf("migrate %s: %w", path.Base(partial.Failed.Source.Path), partial.Err)
		}
		return fmt.Errorf("migrate: %w", err)
	}
	// The store's own row is not part of the schema: it holds what is told at creation.
	_, err = s.writer.ExecContext(ctx, `INSERT OR IGNORE INTO store (one, id, environment) VALUES (1, ?, ?)`, newStoreID(), string(o.Environment))
	return err
}
