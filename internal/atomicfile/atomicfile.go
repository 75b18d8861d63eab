// Package atomicfile writes files that are either there whole or not there at all,
// whenever the machine stops: beside the target, synced, then renamed, then the
// folder synced.
package atomicfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// tempPrefix marks files that are being written. What still carries it after a crash is garbage.
const tempPrefix = ".writing-"

// IsTemp reports whether name is that of a file being written, or left by a crash.
func IsTemp(name string) bool { return strings.HasPrefix(name, tempPrefix) }

// File is a file being written. It must be ended by Replace, Publish or Discard.
type File struct {
	f     *os.File
	dir   string
	ended bool
}

// Create starts a file in dir with the permissions perm, whatever the umask.
func Create(dir string, perm fs.FileMode) (*File, error) {
	f, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return nil, err
	}
	file := &File{f: f, dir: dir}
	if err := f.Chmod(perm); err != nil {
		file.Discard()
		return nil, err
	}
	return file, nil
}

// Write appends to the file.
func (f *File) Write(p []byte) (int, error) { return f.f.Write(p) }

// Replace ends the file under name, in place of what was there. When it fails, what
// was there is still there, or, if only the last sync failed, the new file is.
func (f *File) Replace(name string) error { return f.end(name, os.Rename) }

// Publish ends the file under name. It fails with fs.ErrExist when the name is taken.
func (f *File) Publish(name string) error {
	return f.end(name, func(temp, target string) error {
		if err := os.Link(temp, target); err != nil {
			return err
		}
		return os.Remove(temp)
	})
}

func (f *File) end(name string, move func(temp, target string) error) error {
	if f.ended {
		return fs.ErrClosed
	}
	defer f.Discard()
	if err := f.f.Sync(); err != nil {
		return fmt.Errorf("sync: %w", err)
	}
	if err := f.f.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if err := move(f.f.Name(), filepath.Join(f.dir, name)); err != nil {
		return err
	}
	f.ended = true
	return SyncDir(f.dir)
}

// Discard drops the file unless it was ended before. It is safe to defer.
func (f *File) Discard() {
	if f.ended {
		return
	}
	f.ended = true
	_ = f.f.Close()
	_ = os.Remove(f.f.Name())
}

// Write puts content at path in place of what was there.
func Write(path string, content []byte, perm fs.FileMode) error {
	return write(path, content, perm, (*File).Replace)
}

// WriteNew puts content at path. It fails with fs.ErrExist when something is there.
func WriteNew(path string, content []byte, perm fs.FileMode) error {
	return write(path, content, perm, (*File).Publish)
}

func write(path string, content []byte, perm fs.FileMode, end func(*File, string) error) error {
	f, err := Create(filepath.Dir(path), perm)
	if err != nil {
		return err
	}
	defer f.Discard()
	if _, err := f.Write(content); err != nil {
		return err
	}
	return end(f, filepath.Base(path))
}

// SyncDir makes creations, renames and removals in dir durable.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
