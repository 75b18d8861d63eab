package main

import (
	"context"
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
	_ "modernc.org/sqlite"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// noRaceSleep keeps programs that the race detector watches from sleeping for a second before they
// exit: these tests run hundreds of them.
const noRaceSleep = "atexit_sleep_ms=0"

func TestMain(m *testing.M) {
	if err := os.Setenv("GORACE", noRaceSleep); err != nil {
		panic(err)
	}
	testscript.Main(m, map[string]func(){"cardbatch": main})
}

// TestScripts plays the command line as an operator does. Beside the usual commands:
//
//	session DB        holds the lock of the store until the script ends
//	sql DB STATEMENT  alters the store behind the program's back
//	rc CODE ARG...    runs cardbatch and expects the exit code
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("GORACE", noRaceSleep)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"tell":    tellOf,
			"session": holdSession,
			"sql":     alterStore,
			"rc":      expectCode,
		},
	})
}

func holdSession(ts *testscript.TestScript, _ bool, args []string) {
	s, err := sqlite.Open(context.Background(), ts.MkAbs(args[0]), sqlite.Options{Environment: batch.Test})
	ts.Check(err)
	session, err := s.Begin(context.Background(), store.Actor{Name: "run by night", Version: "test"})
	ts.Check(err)
	ts.Defer(func() { ts.Check(errors.Join(session.End(), s.Close())) })
}

func alterStore(ts *testscript.TestScript, _ bool, args []string) {
	db, err := sql.Open("sqlite", ts.MkAbs(args[0]))
	ts.Check(err)
	defer db.Close()
	result, err := db.Exec(args[1])
	ts.Check(err)
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		ts.Fatalf("the statement changed nothing (%v)", err)
	}
}

func expectCode(ts *testscript.TestScript, _ bool, args []string) {
	err := ts.Exec("cardbatch", args[1:]...)
	code := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		code = exit.ExitCode()
	case err != nil:
		ts.Fatalf("cardbatch: %v", err)
	}
	if strconv.Itoa(code) != args[0] {
		ts.Fatalf("exit code %d, want %s", code, args[0])
	}
}
