package sqlite

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"cardbatch/store"
)

// witness is what this installation remembers of its store, in a file beside it,
// so that a copy, a restored backup and an emptied store are recognised (promise
// P9). It is written after the commits that it tells of: it may lag behind the
// store, never lead.
type witness struct {
	Store  string `json:"store"` // id of the store
	Length int64  `json:"journal_length"`
	Head   string `json:"journal_head"` // hash of that entry
	Path   string `json:"path"`         // of the database, absolute
	// Inode of the database. Its device number is not kept: it may change when a
	// machine starts again, and another device does not lie at the same path.
	Inode uint64 `json:"inode"`
}

func witnessPath(database string) string { return database + ".witness" }

func readWitness(database string) (witness, error) {
	var w witness
	text, err := os.ReadFile(witnessPath(database))
	if err != nil {
		return w, err
	}
	if err := json.Unmarshal(text, &w); err != nil {
		return w, fmt.Errorf("witness: %w", err)
	}
	return w, nil
}

// write replaces the witness as a whole or not at all.
func (w witness) write(database string) error {
	text, err := json.MarshalIndent(w, "", "  ")
	if err != nil {
		return err
	}
	path := witnessPath(database)
	f, err := os.OpenFile(path+".tmp", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	_, err = f.Write(append(text, '\n'))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := os.Rename(path+".tmp", path); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	if err := errors.Join(dir.Sync(), dir.Close()); err != nil {
		return fmt.Errorf("witness: %w", err)
	}
	return nil
}

// here returns the witness of the database as it lies here, with the journal given.
func here(database, id string, length int64, head string) (witness, error) {
	info, err := os.Stat(database)
	if err != nil {
		return witness{}, fmt.Errorf("witness: %w", err)
	}
	w := witness{Store: id, Length: length, Head: head, Path: database}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		w.Inode = stat.Ino
	}
	return w, nil
}

// check compares what is remembered with the store as it is. hashAt gives the
// hash of a journal entry, empty when there is none.
func (w witness) check(now witness, hashAt func(number int64) (string, error)) error {
	unbound := func(what string) error {
		return fmt.Errorf("%w: %s; if that is intended, bind it with `cardbatch adopt`", store.ErrUnbound, what)
	}
	if w.Store != now.Store {
		return unbound("another store lies in its place")
	}
	if w.Path != now.Path || w.Inode != now.Inode {
		return unbound("it was copied or moved from " + w.Path)
	}
	if w.Length > now.Length {
		return unbound(fmt.Sprintf("it was restored from an older state: its journal has %d entries, %d were written", now.Length, w.Length))
	}
	if w.Length == 0 {
		return nil
	}
	hash, err := hashAt(w.Length)
	if err != nil {
		return err
	}
	if hash != w.Head {
		return unbound(fmt.Sprintf("entry %d of its journal is not the one that was written here", w.Length))
	}
	return nil
}
