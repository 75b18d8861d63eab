package sftpio

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
)

// folder is what the two kinds of drop folder can do; everything else is built
// on it, once. Paths are slash-separated and below the folder. Errors match fs.ErrNotExist,
// fs.ErrExist, ErrUnreachable, ErrRefused, the context's error, or what the caller's reader or writer said.
type folder interface {
	// list returns what lies in a directory, symbolic links unresolved, in no order.
	list(ctx context.Context, dir string) ([]fs.FileInfo, error)
	// stat looks at one path, symbolic links unresolved.
	stat(ctx context.Context, name string) (fs.FileInfo, error)
	// read writes a regular file to w.
	read(ctx context.Context, name string, w io.Writer) (int64, error)
	// tail returns at most the last n bytes of a regular file of the given size.
	tail(ctx context.Context, name string, size int64, n int) ([]byte, error)
	// create makes a new file of r's bytes and has them made durable where possible. On
	// an error it may leave a part behind.
	create(ctx context.Context, name string, r io.Reader) (int64, error)
	// rename never replaces a file.
	rename(ctx context.Context, from, to string) error
	// mkdir makes a directory; one that exists is no error.
	mkdir(ctx context.Context, dir string) error
	// remove deletes a file; none is no error.
	remove(ctx context.Context, name string) error
	io.Closer
}

// exists reports whether anything has the name.
func exists(ctx context.Context, f folder, name string) (bool, error) {
	switch _, err := f.stat(ctx, name); {
	case err == nil:
		return true, nil
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	default:
		return false, err
	}
}

// holds reports whether name is a regular file with these bytes, by reading it.
// No file is an error that matches fs.ErrNotExist.
func holds(ctx context.Context, f folder, name string, size int64, digest string) (bool, error) {
	info, err := f.stat(ctx, name)
	if err != nil {
		return false, err
	}
	if !info.Mode().IsRegular() || info.Size() != size {
		return false, nil
	}
	got, err := digestOf(ctx, f, name, size)
	if errors.Is(err, errLonger) {
		return false, nil
	}
	return got == digest, err
}

// digestOf reads a file of at most size bytes and returns its SHA-256.
func digestOf(ctx context.Context, f folder, name string, size int64) (string, error) {
	sum := sha256.New()
	if _, err := f.read(ctx, name, &atMost{w: sum, left: size}); err != nil {
		return "", err
	}
	return hexSum(sum), nil
}

func hexSum(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

var errLonger = errors.New("the file is longer than it was said to be")

// atMost refuses more bytes than were announced: a remote cannot fill our disk.
type atMost struct {
	w    io.Writer
	left int64
}

func (a *atMost) Write(p []byte) (int, error) {
	if int64(len(p)) > a.left {
		return 0, errLonger
	}
	a.left -= int64(len(p))
	return a.w.Write(p)
}

// ours marks an error of the caller's reader or writer on its way through a
// library, so that it is not taken for one of the folder's. It hides what it wraps.
type ours struct{ err error }

func (o ours) Error() string { return o.err.Error() }

// ourReader and ourWriter mark errors, and stop when the context does.
type ourReader struct {
	ctx context.Context
	r   io.Reader
}

func (o ourReader) Read(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, ours{err}
	}
	n, err := o.r.Read(p)
	if err != nil && err != io.EOF {
		err = ours{fmt.Errorf("read the bytes to store: %w", err)}
	}
	return n, err
}

type ourWriter struct {
	ctx context.Context
	w   io.Writer
}

func (o ourWriter) Write(p []byte) (int, error) {
	if err := o.ctx.Err(); err != nil {
		return 0, ours{err}
	}
	n, err := o.w.Write(p)
	if err != nil {
		err = ours{err}
	}
	return n, err
}
