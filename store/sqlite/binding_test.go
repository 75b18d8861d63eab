package sqlite_test

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

var operator = store.Actor{Name: "run"}

func open(t *testing.T, path string, o sqlite.Options) store.Store {
	t.Helper()
	o.Environment = batch.Test
	s, err := sqlite.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// used makes a store with a file of ten lines, of which one is approved, and closes it.
func used(t *testing.T) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "data", "store.db")
	s := open(t, path, sqlite.Options{Create: true})
	use(t, s, "one")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

func use(t *testing.T, s store.Store, name string) {
	t.Helper()
	session, err := s.Begin(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := session.Receive(t.Context(), batch.File{Source: "erp", Name: name, Claim: name})
	must(err)
	var lines []store.StagedLine
	for no := range 10 {
		lines = append(lines, benchLine(no+2))
	}
	must(session.StageLines(t.Context(), f.ID, lines))
	f.Header.Merchant, f.State, f.Lines = batch.MerchantID("acme "+name), batch.FileAccepted, 10
	must(session.Decide(t.Context(), f))
	at := batch.LineAddress{File: f.ID, No: 2}
	must(session.Submit(t.Context(), store.Submission{At: benchStart, Sending: []store.Sending{{At: at, Attempt: 1}}}))
	must(session.Record(t.Context(), []store.LineOutcome{{At: at, Expect: batch.Submitting, To: batch.Approved, CompletedAt: benchStart, Answer: batch.Answer{Code: "00000"}}}))
	must(session.End())
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// alter changes a database behind the store's back.
func alter(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range statements {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func TestBinding(t *testing.T) {
	for _, test := range []struct {
		name string
		do   func(t *testing.T, path string) string // returns where the store is then
	}{
		{"a copy in another place is refused", func(t *testing.T, path string) string {
			to := filepath.Join(t.TempDir(), "copy.db")
			copyFile(t, path, to)
			copyFile(t, path+".witness", to+".witness")
			return to
		}},
		{"a copy without its witness is refused", func(t *testing.T, path string) string {
			to := filepath.Join(t.TempDir(), "copy.db")
			copyFile(t, path, to)
			return to
		}},
		{"a copy that took the original's place is refused", func(t *testing.T, path string) string {
			copyFile(t, path, path+".new")
			if err := os.Rename(path+".new", path); err != nil {
				t.Fatal(err)
			}
			return path
		}},
		{"a store restored from an older state is refused", func(t *testing.T, path string) string {
			copyFile(t, path, path+".backup")
			s := open(t, path, sqlite.Options{})
			use(t, s, "two")
			s.Close()
			copyFile(t, path+".backup", path)
			return path
		}},
		{"a store that went another way since is refused", func(t *testing.T, path string) string {
			copyFile(t, path, path+".backup")
			s := open(t, path, sqlite.Options{})
			use(t, s, "two")
			s.Close()
			copyFile(t, path+".witness", path+".kept")
			copyFile(t, path+".backup", path)
			s = open(t, path, sqlite.Options{})
			if err := s.Adopt(t.Context(), operator, "restored"); err != nil {
				t.Fatal(err)
			}
			use(t, s, "three")
			use(t, s, "four")
			s.Close()
			copyFile(t, path+".kept", path+".witness")
			return path
		}},
		{"another store in the same place is refused", func(t *testing.T, path string) string {
			copyFile(t, used(t), path)
			return path
		}},
		{"a witness that cannot be read is refused", func(t *testing.T, path string) string {
			if err := os.WriteFile(path+".witness", []byte("{"), 0o600); err != nil {
				t.Fatal(err)
			}
			return path
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := test.do(t, used(t))
			s := open(t, path, sqlite.Options{})
			_, err := s.Begin(t.Context(), operator)
			if !errors.Is(err, store.ErrUnbound) || !strings.Contains(err.Error(), "cardbatch adopt") {
				t.Fatalf("got %v, want ErrUnbound and what to do", err)
			}
			if err := s.Adopt(t.Context(), operator, "moved on purpose"); err != nil {
				t.Fatal(err)
			}
			session, err := s.Begin(t.Context(), operator)
			if err != nil {
				t.Fatalf("after adopting: %v", err)
			}
			if err := session.End(); err != nil {
				t.Fatal(err)
			}
			if _, err := s.VerifyJournal(t.Context()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestAnEmptiedStoreIsNotMadeAnewUnlessReplaced(t *testing.T) {
	for _, test := range []struct {
		name    string
		destroy func(path string) error
	}{
		{"removed", os.Remove},
		{"truncated", func(path string) error { return os.Truncate(path, 0) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := used(t)
			if err := test.destroy(path); err != nil {
				t.Fatal(err)
			}
			for _, create := range []bool{false, true} {
				_, err := sqlite.Open(t.Context(), path, sqlite.Options{Environment: batch.Test, Create: create})
				if !errors.Is(err, store.ErrUnbound) {
					t.Fatalf("create %v: got %v, want ErrUnbound", create, err)
				}
			}
			s := open(t, path, sqlite.Options{Create: true, Replace: true})
			if _, err := s.Begin(t.Context(), operator); !errors.Is(err, store.ErrUnbound) {
				t.Fatalf("got %v, want ErrUnbound until it is adopted", err)
			}
			if err := s.Adopt(t.Context(), operator, "the disk was lost"); err != nil {
				t.Fatal(err)
			}
			use(t, s, "first")
		})
	}
}

func TestAWitnessThatLagsIsGoodEnough(t *testing.T) {
	path := used(t)
	copyFile(t, path+".witness", path+".kept")
	s := open(t, path, sqlite.Options{})
	use(t, s, "two")
	copyFile(t, path+".kept", path+".witness") // as a process leaves it that dies after its commits
	use(t, s, "three")
	if _, err := s.VerifyJournal(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenWithoutAStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "none.db")
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Environment: batch.Test}); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("got %v, want ErrNotFound", err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Create: true}); !errors.Is(err, store.ErrEnvironment) {
		t.Fatalf("got %v, want ErrEnvironment", err)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("a file was left behind: %v", err)
	}
}

func TestAStoreWhoseMakingWasCutShortIsFinished(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	open(t, path, sqlite.Options{Create: true}).Close()
	alter(t, path, `DELETE FROM store`)
	use(t, open(t, path, sqlite.Options{Create: true}), "one")
}

func TestAFileThatIsNoStoreIsDamaged(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("not a database. ", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Environment: batch.Test, Create: true}); !errors.Is(err, store.ErrDamaged) {
		t.Fatalf("got %v, want ErrDamaged", err)
	}
}

func TestOnlyTheOwnerReadsTheStore(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "a name?with #1 100%.db")
	s := open(t, path, sqlite.Options{Create: true})
	use(t, s, "one")
	if info, err := os.Stat(filepath.Dir(path)); err != nil || info.Mode().Perm() != 0o700 {
		t.Fatalf("directory: %v %v", info.Mode(), err)
	}
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Fatalf("%s: %v %v", e.Name(), info.Mode(), err)
		}
		names = append(names, strings.TrimPrefix(e.Name(), filepath.Base(path)))
	}
	if want := []string{"", "-shm", "-wal", ".lock", ".witness"}; !slices.Equal(names, want) {
		t.Fatalf("files are %q, want %q", names, want)
	}
}

func TestTampering(t *testing.T) {
	const free = `DROP TRIGGER IF EXISTS journal_update; DROP TRIGGER IF EXISTS journal_delete; DROP TRIGGER IF EXISTS lines_transition`
	for _, test := range []struct {
		name string
		how  string
		want string
	}{
		{"an altered entry is found", `UPDATE journal SET actor = 'nobody' WHERE number = 3`, "entry 3 of the journal was altered"},
		{"a removed entry is found", `DELETE FROM journal WHERE number = 2`, "entry 2 of the journal is missing"},
		{"a removed end is found", `DELETE FROM journal WHERE number = 5`, "entry 5 of the journal is missing"},
		{"a removed end with its head is found by the witness", `DELETE FROM journal WHERE number = 5;
			UPDATE store SET journal_len = 4, journal_head = (SELECT hash FROM journal WHERE number = 4)`, "entry 5 of the journal is missing"},
		{"a line changed behind the journal's back is found", `UPDATE lines SET state = 'approved', completed_at = 1 WHERE line_no = 3`, "file 1 has 8 lines queued, the journal explains 9"},
		{"two lines changed for each other are found", `UPDATE lines SET state = 'approved', completed_at = 1 WHERE line_no = 3; UPDATE lines SET state = 'queued', completed_at = NULL WHERE line_no = 2`, "the outcome of a line of file 1"},
		{"a changed answer is found", `UPDATE lines SET answer = NULL WHERE line_no = 2`, "the outcome of a line of file 1"},
		{"a changed request is found", `UPDATE lines SET stored = (SELECT stored FROM lines WHERE line_no = 4) WHERE line_no = 3`, "a line of file 1 does not ask any more"},
		{"a removed line is found", `DELETE FROM lines WHERE line_no = 3`, "file 1 has 8 lines queued, the journal explains 9"},
		{"changed counts are found", `UPDATE counts SET lines = lines + 1 WHERE state = 'queued'`, "file 1 counts 10 lines queued"},
		{"a changed file is found", `DROP TRIGGER files_transition; UPDATE files SET state = 'accepted'`, "file 1 is accepted, the journal explains running"},
		{"an added file is found", `INSERT INTO files (source, name, name_series, digest, size, state) VALUES ('', '', 1, '', 0, 'accepted')`, "the journal does not explain file 2"},
		{"a removed file is found", `DELETE FROM files`, "0 files are there, the journal explains 1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := used(t)
			alter(t, path, free, test.how)
			s := open(t, path, sqlite.Options{})
			_, err := s.VerifyJournal(t.Context())
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

func TestTheDatabaseGuardsItsRules(t *testing.T) {
	path := used(t)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`UPDATE journal SET actor = 'nobody'`,
		`DELETE FROM journal`,
		`UPDATE lines SET state = 'queued' WHERE line_no = 2`,
		`UPDATE lines SET state = 'unheard of' WHERE line_no = 3`,
		`UPDATE lines SET state = 'refused' WHERE line_no = 3`, // at no time
		`UPDATE lines SET state = 'pending' WHERE line_no = 3`, // never sent
		`UPDATE files SET state = 'accepted'`,
		`UPDATE files SET state = 'delivered'`,
		`UPDATE counts SET lines = -1`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("allowed: %s", statement)
		}
	}
}

func TestMigrations(t *testing.T) {
	all, err := sqlite.Migrations()
	if err != nil || len(all) == 0 || all[0].Version != 1 || !strings.Contains(all[0].SQL, "CREATE TABLE lines") {
		t.Fatalf("migrations are %v, %v", all, err)
	}
	path := used(t)
	pending, err := sqlite.Pending(t.Context(), path)
	if err != nil || len(pending) != 0 {
		t.Fatalf("pending are %v, %v", pending, err)
	}
	alter(t, path, `INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`)
	if _, err := sqlite.Pending(t.Context(), path); !errors.Is(err, store.ErrSchema) {
		t.Fatalf("got %v, want ErrSchema", err)
	}
	if _, err := sqlite.Open(t.Context(), path, sqlite.Options{Environment: batch.Test}); !errors.Is(err, store.ErrSchema) {
		t.Fatalf("got %v, want ErrSchema", err)
	}
}

func TestTheLockTellsItsHolderByTheClock(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.db")
	since := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	s := open(t, path, sqlite.Options{Create: true, Clock: func() time.Time { return since }})
	session, err := s.Begin(t.Context(), store.Actor{Name: "run"})
	if err != nil {
		t.Fatal(err)
	}
	defer session.End()
	var locked *store.LockedError
	if _, err := s.Begin(t.Context(), operator); !errors.As(err, &locked) || !locked.Since.Equal(since) || locked.PID != os.Getpid() {
		t.Fatalf("got %v", err)
	}
}

// modernc.org/sqlite works with exactly the libc that it was made with: another
// dependency may raise it unseen.
func TestLibcIsTheOneThatSQLiteWasMadeWith(t *testing.T) {
	list := func(format, module string) string {
		out, err := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", format, module).Output()
		if err != nil {
			t.Fatal(err)
		}
		return strings.TrimSpace(string(out))
	}
	mod, err := os.ReadFile(list("{{.GoMod}}", "modernc.org/sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	if version := list("{{.Version}}", "modernc.org/libc"); !strings.Contains(string(mod), "modernc.org/libc "+version+"\n") {
		t.Fatalf("modernc.org/libc is %s, which is not the version in the go.mod of modernc.org/sqlite", version)
	}
}
