package sqlite

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"cardbatch/store"
)

// Check says what Begin would refuse, without taking the lock.
func (s *Store) Check(ctx context.Context) error {
	info, err := s.self(ctx)
	if err != nil {
		return fault("check", err)
	}
	if info.Environment != s.env {
		return fmt.Errorf("check: %w: it is %s, the configuration says %s", store.ErrEnvironment, info.Environment, s.env)
	}
	if locked := s.holder(); locked != nil {
		return fmt.Errorf("check: %w", locked)
	}
	if info.JournalLen == 0 {
		return nil // a new store is bound by its first session
	}
	return fault("check", s.bound(ctx))
}

// holder says who holds the lock, nil when nobody does. It does not try the lock:
// a run that begins at this moment would find it taken and leave.
func (s *Store) holder() *store.LockedError {
	path := s.path + ".lock"
	text, err := os.ReadFile(path)
	var h lockHolder
	if err != nil || json.Unmarshal(text, &h) != nil {
		return nil
	}
	if !flocked(path, h.PID) {
		return nil
	}
	return &store.LockedError{Actor: h.Actor, PID: h.PID, Host: h.Host, Since: h.Since}
}

// flocked reports whether a process has the file locked: by the kernel's list of
// locks, and where there is none by whether the process that took it still lives.
func flocked(path string, pid int) bool {
	list, err := os.Open("/proc/locks")
	if err != nil {
		return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH)
	}
	defer list.Close()
	info, err := os.Stat(path)
	if err != nil {
		return false
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return false
	}
	// "1: FLOCK  ADVISORY  WRITE 1234 08:01:56789 0 EOF"
	inode := ":" + strconv.FormatUint(stat.Ino, 10)
	lines := bufio.NewScanner(list)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) >= 6 && f[1] == "FLOCK" && f[4] == strconv.Itoa(pid) && strings.HasSuffix(f[5], inode) {
			return true
		}
	}
	return false
}
