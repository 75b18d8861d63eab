package sqlite

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/gofrs/flock"

	"cardbatch/store"
)

// lockFile is the lock: the kernel's, on a file of its own, so that a process that
// dies leaves it. The file's content says who holds it, for people.
type lockFile struct{ flock *flock.Flock }

type lockHolder struct {
	Actor string    `json:"actor"`
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

// lock takes the lock, or returns *store.LockedError at once.
func (s *Store) lock(actor store.Actor) (*lockFile, error) {
	path := s.path + ".lock"
	l := &lockFile{flock.New(path, flock.SetPermissions(0o600))}
	taken, err := l.flock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock: %w", err)
	}
	if !taken {
		// Between taking the lock and writing this the holder has no name.
		holder := lockHolder{Actor: "another process"}
		if text, err := os.ReadFile(path); err == nil {
			_ = json.Unmarshal(text, &holder)
		}
		return nil, &store.LockedError{Actor: holder.Actor, PID: holder.PID, Host: holder.Host, Since: holder.Since}
	}
	host, _ := os.Hostname() // empty is good enough
	text, err := json.Marshal(lockHolder{actor.Name, os.Getpid(), host, s.clock().UTC()})
	if err == nil {
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		l.release()
		return nil, fmt.Errorf("lock: %w", err)
	}
	return l, nil
}

func (l *lockFile) release() error { return l.flock.Close() }
