package sftpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"sync"
	"unicode"

	"github.com/pkg/sftp"
)

// remote is a folder behind SFTP. It connects again when the connection was lost between two operations.
type remote struct {
	at      location
	options Options

	mu      sync.Mutex
	closed  bool
	session *session
}

var _ folder = (*remote)(nil)

func openRemote(ctx context.Context, at location, o Options) (*remote, error) {
	r := &remote{at: at, options: o}
	err := r.do(ctx, "open", at.dir, func(c *sftp.Client) error {
		if o.Quirks.NoStat {
			return nil
		}
		info, err := c.Stat(at.dir)
		if err == nil && !info.IsDir() {
			err = ours{fmt.Errorf("%s is not a folder", at.dir)}
		}
		return err
	})
	if err != nil {
		r.Close()
		if errors.Is(err, fs.ErrNotExist) {
			err = fmt.Errorf("%w; make the folder, or correct the location", err)
		}
		return nil, err
	}
	return r, nil
}

func (r *remote) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.session != nil {
		r.session.close()
	}
	return nil
}

// connected returns a living session.
func (r *remote) connected(ctx context.Context) (*session, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if r.closed {
		return nil, errors.New("the folder is closed")
	}
	if r.session != nil && r.session.alive() {
		return r.session, nil
	}
	s, err := dial(ctx, r.at, r.options)
	if err != nil {
		return nil, err
	}
	r.session = s
	return s, nil
}

// do runs one operation on a living session, and makes its error ours.
func (r *remote) do(ctx context.Context, what, name string, operation func(*sftp.Client) error) error {
	s, err := r.connected(ctx)
	if err != nil {
		return err
	}
	release := s.guard(ctx)
	err = operation(s.sftp)
	release()
	return r.rim(ctx, s, what, name, err)
}

// rim turns the library's errors into ours. What is not the server's own word is
// the connection's fault, and ends it.
func (r *remote) rim(ctx context.Context, s *session, what, name string, err error) error {
	if err == nil {
		return nil
	}
	var own ours
	var status *sftp.StatusError
	switch {
	case errors.As(err, &own):
		return own.err
	case ctx.Err() != nil:
		return fmt.Errorf("%s %q: %w", what, name, ctx.Err())
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %q: %w", what, name, fs.ErrNotExist)
	case errors.Is(err, fs.ErrExist):
		return fmt.Errorf("%s %q: %w", what, name, fs.ErrExist)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%s %q: %w: permission denied", what, name, ErrRefused)
	case errors.As(err, &status) && status.FxCode() != sftp.ErrSSHFxConnectionLost && status.FxCode() != sftp.ErrSSHFxNoConnection:
		return fmt.Errorf("%s %q: %w: %s", what, name, ErrRefused, foreign(status))
	}
	s.close()
	if s.watch.bit() {
		return fmt.Errorf("%s %q: %w: no answer within %v", what, name, ErrUnreachable, r.options.IOTimeout)
	}
	return fmt.Errorf("%s %q: %w: the connection broke (%s)", what, name, ErrUnreachable, foreign(err))
}

// foreign makes a text that a server may have had a hand in fit for a log.
func foreign(err error) string {
	const limit = 200
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, err.Error())
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

func (r *remote) path(name string) string { return path.Join(r.at.dir, name) }

func (r *remote) list(ctx context.Context, dir string) (infos []fs.FileInfo, err error) {
	err = r.do(ctx, "list", dir, func(c *sftp.Client) error {
		infos, err = c.ReadDirContext(ctx, r.path(dir))
		return err
	})
	return infos, err
}

func (r *remote) stat(ctx context.Context, name string) (info fs.FileInfo, err error) {
	if r.options.Quirks.NoStat {
		return r.find(ctx, name)
	}
	err = r.do(ctx, "look at", name, func(c *sftp.Client) error {
		info, err = c.Lstat(r.path(name))
		return err
	})
	return info, err
}

// find is stat by listing.
func (r *remote) find(ctx context.Context, name string) (fs.FileInfo, error) {
	infos, err := r.list(ctx, path.Dir(name))
	if err != nil {
		return nil, err
	}
	for _, info := range infos {
		if info.Name() == path.Base(name) {
			return info, nil
		}
	}
	return nil, fmt.Errorf("look at %q: %w", name, fs.ErrNotExist)
}

func (r *remote) read(ctx context.Context, name string, w io.Writer) (n int64, err error) {
	err = r.do(ctx, "read", name, func(c *sftp.Client) error {
		f, err := c.Open(r.path(name))
		if err != nil {
			return err
		}
		n, err = f.WriteTo(ourWriter{ctx, w})
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
	return n, err
}

func (r *remote) tail(ctx context.Context, name string, size int64, n int) ([]byte, error) {
	end := make([]byte, min(size, int64(n)))
	err := r.do(ctx, "read the end of", name, func(c *sftp.Client) error {
		f, err := c.Open(r.path(name))
		if err != nil {
			return err
		}
		got, err := f.ReadAt(end, size-int64(len(end)))
		end = end[:got]
		if err == io.EOF { // it became shorter
			err = nil
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
	return end, err
}

func (r *remote) create(ctx context.Context, name string, from io.Reader) (n int64, err error) {
	err = r.do(ctx, "write", name, func(c *sftp.Client) error {
		f, err := c.OpenFile(r.path(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
		if err != nil {
			return err
		}
		// Many requests in flight whatever kind of reader it is: one write per round trip is 20 times slower.
		n, err = f.ReadFromWithConcurrency(ourReader{ctx, from}, 0)
		if _, offered := c.HasExtension("fsync@openssh.com"); err == nil && offered && !r.options.Quirks.NoFsync {
			err = f.Sync()
		}
		if closed := f.Close(); err == nil {
			err = closed
		}
		return err
	})
	return n, err
}

// rename looks first, because there are servers on which the plain rename of the
// protocol replaces. OpenSSH's refuses, but cannot say why; so we look afterwards as well.
func (r *remote) rename(ctx context.Context, from, to string) error {
	taken, err := exists(ctx, r, to)
	if err != nil {
		return err
	}
	if !taken {
		err = r.do(ctx, "rename", from, func(c *sftp.Client) error { return c.Rename(r.path(from), r.path(to)) })
		if !errors.Is(err, ErrRefused) {
			return err
		}
		if now, look := exists(ctx, r, to); look != nil || !now {
			return err
		}
	}
	return fmt.Errorf("rename %q to %q: %w", from, to, fs.ErrExist)
}

func (r *remote) mkdir(ctx context.Context, dir string) error {
	there, err := exists(ctx, r, dir)
	if err != nil || there {
		return err
	}
	return r.do(ctx, "make folder", dir, func(c *sftp.Client) error { return c.Mkdir(r.path(dir)) })
}

func (r *remote) remove(ctx context.Context, name string) error {
	err := r.do(ctx, "remove", name, func(c *sftp.Client) error { return c.Remove(r.path(name)) })
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
