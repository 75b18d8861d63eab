package sftpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"syscall"

	"cardbatch/internal/noreplace"
)

// local is a folder of this machine. os.Root keeps every path inside it.
type local struct{ root *os.Root }

var _ folder = (*local)(nil)

func openLocal(dir string) (*local, error) {
	if dir == "" {
		return nil, errors.New("the location is empty")
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("%w; make the folder, or correct the location", err)
	}
	return &local{root: root}, nil
}

func (l *local) Close() error { return l.root.Close() }

func (l *local) list(ctx context.Context, dir string) ([]fs.FileInfo, error) {
	d, err := l.root.Open(dir)
	if err != nil {
		return nil, rimLocal(err)
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil {
		return nil, rimLocal(err)
	}
	var infos []fs.FileInfo
	for _, name := range names {
		info, err := l.root.Lstat(path.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since the names were read
		}
		if err != nil {
			return nil, rimLocal(err)
		}
		infos = append(infos, info)
	}
	return infos, rimLocal(ctx.Err())
}

func (l *local) stat(ctx context.Context, name string) (fs.FileInfo, error) {
	info, err := l.root.Lstat(name)
	return info, rimLocal(err)
}

// open opens a regular file, and nothing that a link or a pipe put in its place.
func (l *local) open(name string) (*os.File, error) {
	before, err := l.root.Lstat(name)
	if err != nil {
		return nil, err
	}
	f, err := l.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	after, err := f.Stat()
	if err == nil && (!before.Mode().IsRegular() || !os.SameFile(before, after)) {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a regular file")}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (l *local) read(ctx context.Context, name string, w io.Writer) (int64, error) {
	f, err := l.open(name)
	if err != nil {
		return 0, rimLocal(err)
	}
	defer f.Close()
	n, err := io.Copy(ourWriter{ctx, w}, f)
	return n, rimLocal(err)
}

func (l *local) tail(ctx context.Context, name string, size int64, n int) ([]byte, error) {
	f, err := l.open(name)
	if err != nil {
		return nil, rimLocal(err)
	}
	defer f.Close()
	end, err := io.ReadAll(io.NewSectionReader(f, max(0, size-int64(n)), min(size, int64(n))))
	return end, rimLocal(err)
}

func (l *local) create(ctx context.Context, name string, r io.Reader) (n int64, err error) {
	// Group-readable, for a partner's process; answers hold no card number, but names.
	f, err := l.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o640)
	if err != nil {
		return 0, rimLocal(err)
	}
	n, err = io.Copy(f, ourReader{ctx, r})
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	return n, rimLocal(err)
}

func (l *local) rename(ctx context.Context, from, to string) error {
	if err := noreplace.Rename(l.root, from, to); err != nil {
		return rimLocal(err)
	}
	for _, dir := range []string{path.Dir(to), path.Dir(from)} {
		if err := l.sync(dir); err != nil {
			return rimLocal(err)
		}
	}
	return nil
}

// sync makes the names of a directory durable.
func (l *local) sync(dir string) error {
	d, err := l.root.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	if err := d.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) { // some file systems cannot
		return err
	}
	return nil
}

func (l *local) mkdir(ctx context.Context, dir string) error {
	err := l.root.Mkdir(dir, 0o770)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	return rimLocal(err)
}

func (l *local) remove(ctx context.Context, name string) error {
	err := l.root.Remove(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return rimLocal(err)
}

// rimLocal turns the system's errors into ours.
func rimLocal(err error) error {
	var own ours
	switch {
	case err == nil, errors.Is(err, fs.ErrNotExist), errors.Is(err, fs.ErrExist),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.As(err, &own):
		return own.err
	}
	return fmt.Errorf("%w: %w", ErrRefused, err)
}
