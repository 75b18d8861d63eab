// Package privatefile reads files that hold secrets: small, regular, and
// readable by nobody but their owner.
package privatefile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

var (
	// ErrPermissions: others than the owner may read or change the file.
	ErrPermissions = errors.New("others than its owner may read or change the file; run chmod 600 on it")
	// ErrNotRegular: the path is a folder, a device or a pipe.
	ErrNotRegular = errors.New("not a regular file")
	// ErrTooLarge: the file is larger than anything that belongs there.
	ErrTooLarge = errors.New("too large")
)

// Read returns the content of a private file of at most max bytes. It looks at the
// open file, not at the path, so that nothing can be exchanged between look and read.
func Read(path string, max int64) ([]byte, error) {
	// Without O_NONBLOCK a named pipe at the path would wait for a writer for ever.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s: %w", path, ErrNotRegular)
	case info.Mode().Perm()&0o077 != 0:
		return nil, fmt.Errorf("%s has mode %04o: %w", path, info.Mode().Perm(), ErrPermissions)
	}
	content, err := io.ReadAll(io.LimitReader(f, max+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if int64(len(content)) > max {
		return nil, fmt.Errorf("%s: %w", path, ErrTooLarge)
	}
	return content, nil
}
