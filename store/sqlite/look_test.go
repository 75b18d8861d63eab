package sqlite

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cardbatch/batch"
	"cardbatch/store"
)

func TestCheckSaysWhatBeginWouldRefuseAndTouchesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardbatch.db")
	s, err := Open(t.Context(), path, Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("a new store: %v", err)
	}
	if _, err := os.Stat(witnessPath(path)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a look at a new store wrote its witness (%v)", err)
	}

	session, err := s.Begin(t.Context(), store.Actor{Name: "run by night"})
	if err != nil {
		t.Fatal(err)
	}
	var locked *store.LockedError
	if err := s.Check(t.Context()); !errors.As(err, &locked) || locked.Actor != "run by night" || locked.PID != os.Getpid() {
		t.Errorf("beside a session: %v", err)
	}
	if err := session.End(); err != nil {
		t.Fatal(err)
	}
	before, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); err != nil {
		t.Errorf("after the session, whose lock file still names it: %v", err)
	}

	live, err := Open(t.Context(), path, Options{Environment: batch.Live})
	if err == nil {
		err = live.Check(t.Context())
		live.Close()
	}
	if !errors.Is(err, store.ErrEnvironment) {
		t.Errorf("from the other world: %v", err)
	}
	if err := os.Remove(witnessPath(path)); err != nil {
		t.Fatal(err)
	}
	if err := s.Check(t.Context()); !errors.Is(err, store.ErrUnbound) {
		t.Errorf("without its witness: %v", err)
	}
	if after, err := s.Info(t.Context()); err != nil || after != before {
		t.Errorf("the looks changed the store: %+v, %v", after, err)
	}
}
