package sftpio_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"

	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// Servers that fail, and servers that lie.

// chunk is the size of the library's writes.
const chunk = 32768

// badPut writes files through hooks; a nil hook does what it should.
type badPut struct {
	sftp.FileWriter
	write  func(f io.WriterAt, p []byte, at int64) (int, error)
	closed func(f io.WriterAt) error
}

func (b badPut) Filewrite(r *sftp.Request) (io.WriterAt, error) {
	f, err := b.FileWriter.Filewrite(r)
	if err != nil {
		return nil, err
	}
	return badFile{f, b}, nil
}

type badFile struct {
	io.WriterAt
	put badPut
}

func (f badFile) WriteAt(p []byte, at int64) (int, error) {
	if f.put.write == nil {
		return f.WriterAt.WriteAt(p, at)
	}
	return f.put.write(f.WriterAt, p, at)
}

func (f badFile) Close() error {
	var err error
	if f.put.closed != nil {
		err = f.put.closed(f.WriterAt)
	}
	return errors.Join(err, f.WriterAt.(io.Closer).Close())
}

// badCmd answers commands through a hook.
type badCmd struct {
	sftp.FileCmder
	command func(next sftp.FileCmder, r *sftp.Request) error
}

func (b badCmd) Filecmd(r *sftp.Request) error { return b.command(b.FileCmder, r) }

// badGet reads files through a hook.
type badGet struct {
	sftp.FileReader
	read func(f io.ReaderAt, p []byte, at int64) (int, error)
}

func (b badGet) Fileread(r *sftp.Request) (io.ReaderAt, error) {
	f, err := b.FileReader.Fileread(r)
	if err != nil {
		return nil, err
	}
	return badReader{f, b}, nil
}

type badReader struct {
	io.ReaderAt
	get badGet
}

func (f badReader) ReadAt(p []byte, at int64) (int, error) { return f.get.read(f.ReaderAt, p, at) }

func (f badReader) Close() error { return f.ReaderAt.(io.Closer).Close() }

func wrapPut(b badPut) sftpserver.Options {
	return sftpserver.Options{Wrap: func(h sftp.Handlers) sftp.Handlers {
		b.FileWriter = h.FilePut
		h.FilePut = b
		return h
	}}
}

func wrapCmd(command func(next sftp.FileCmder, r *sftp.Request) error) sftpserver.Options {
	return sftpserver.Options{Wrap: func(h sftp.Handlers) sftp.Handlers {
		h.FileCmd = badCmd{h.FileCmd, command}
		return h
	}}
}

func wrapGet(read func(f io.ReaderAt, p []byte, at int64) (int, error)) sftpserver.Options {
	return sftpserver.Options{Wrap: func(h sftp.Handlers) sftp.Handlers {
		h.FileGet = badGet{h.FileGet, read}
		return h
	}}
}

func TestEachWriteRefusedInTurn(t *testing.T) {
	for _, content := range []string{"one short chunk", large} {
		for at := int64(0); at < int64(len(content)); at += chunk {
			t.Run(fmt.Sprintf("%d bytes, the write at %d", len(content), at), func(t *testing.T) {
				refused := false
				w, _ := served(t, wrapPut(badPut{write: func(f io.WriterAt, p []byte, offset int64) (int, error) {
					if offset == at && !refused {
						refused = true
						return 0, errors.New("no space left")
					}
					return f.WriteAt(p, offset)
				}}))
				out := w.Outbound(t)
				if err := foldertest.Publish(t.Context(), out, "a.csv", content); !errors.Is(err, sftpio.ErrRefused) {
					t.Errorf("error is %v", err)
				}
				w.Wants(t, map[string]string{})
				must(t, foldertest.Publish(t.Context(), out, "a.csv", content))
				w.Wants(t, map[string]string{"a.csv": content})
			})
		}
	}
}

func TestAServerThatDoesNotStoreWhatItTakes(t *testing.T) {
	drop := func(drops func(p []byte, at int64) bool) badPut {
		return badPut{write: func(f io.WriterAt, p []byte, at int64) (int, error) {
			if drops(p, at) {
				return len(p), nil
			}
			return f.WriteAt(p, at)
		}}
	}
	rename := func(pretend func(r *sftp.Request) error) sftpserver.Options {
		return wrapCmd(func(next sftp.FileCmder, r *sftp.Request) error {
			if r.Method == "Rename" {
				return pretend(r)
			}
			return next.Filecmd(r)
		})
	}
	for _, row := range []struct {
		name   string
		server sftpserver.Options
		want   error
	}{
		{"it drops every write", wrapPut(drop(func([]byte, int64) bool { return true })), sftpio.ErrNotStored},
		{"it drops the last, short write", wrapPut(drop(func(p []byte, _ int64) bool { return len(p) < chunk })), sftpio.ErrNotStored},
		{"it drops a write in the middle and leaves a hole", wrapPut(drop(func(_ []byte, at int64) bool { return at == chunk })), sftpio.ErrNotStored},
		{"it changes a byte", wrapPut(badPut{write: func(f io.WriterAt, p []byte, at int64) (int, error) {
			p[len(p)-1] ^= 1
			return f.WriteAt(p, at)
		}}), sftpio.ErrNotStored},
		{"it cuts the file when it is closed", wrapPut(badPut{closed: func(f io.WriterAt) error {
			return f.(interface{ Truncate(int64) error }).Truncate(chunk)
		}}), sftpio.ErrNotStored},
		{"it fails at the close", wrapPut(badPut{closed: func(io.WriterAt) error { return errors.New("quota exceeded") }}), sftpio.ErrRefused},
		{"it renames nothing and says that it did", rename(func(*sftp.Request) error { return nil }), sftpio.ErrNotStored},
		{"it refuses renames", rename(func(*sftp.Request) error { return fs.ErrPermission }), sftpio.ErrRefused},
		{"it does not know renames", rename(func(*sftp.Request) error { return sftp.ErrSSHFxOpUnsupported }), sftpio.ErrRefused},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, _ := served(t, row.server)
			err := foldertest.Publish(t.Context(), w.Outbound(t), "a.csv", large)
			if !errors.Is(err, row.want) {
				t.Errorf("error is %v, want %v", err, row.want)
			}
			w.Wants(t, map[string]string{})
		})
	}
}

func TestAServerThatLinksAndThenFailsAtTheRename(t *testing.T) {
	w, _ := served(t, wrapCmd(func(next sftp.FileCmder, r *sftp.Request) error {
		if r.Method == "Rename" {
			link := *sftp.NewRequest("Link", r.Filepath)
			link.Target = r.Target
			return errors.Join(next.Filecmd(&link), errors.New("cannot unlink"))
		}
		return next.Filecmd(r)
	}))
	must(t, foldertest.Publish(t.Context(), w.Outbound(t), "a.csv", large))
	w.Wants(t, map[string]string{"a.csv": large})
}

func TestAServerWhoseRenameReplaces(t *testing.T) {
	w, _ := served(t, wrapCmd(func(next sftp.FileCmder, r *sftp.Request) error {
		if r.Method == "Rename" {
			return next.(sftp.PosixRenameFileCmder).PosixRename(r)
		}
		return next.Filecmd(r)
	}))
	w.Put(t, "a.csv", "theirs")
	if err := foldertest.Publish(t.Context(), w.Outbound(t), "a.csv", large); !errors.Is(err, sftpio.ErrTaken) {
		t.Errorf("error is %v", err)
	}
	w.Wants(t, map[string]string{"a.csv": "theirs"})

	w.Put(t, "processing/a.csv", "claimed")
	in := w.Inbound(t, sftpio.Rename)
	_, err := in.Claim(t.Context(), sftpio.Entry{Name: "a.csv", Claim: "a.csv"})
	if !errors.Is(err, sftpio.ErrTaken) {
		t.Errorf("error is %v", err)
	}
	w.Wants(t, map[string]string{"a.csv": "theirs", "processing/a.csv": "claimed"})
}

func TestAServerThatReadsBadly(t *testing.T) {
	for _, row := range []struct {
		name string
		read func(f io.ReaderAt, p []byte, at int64) (int, error)
		want error
	}{
		{"it cuts each answer short", func(f io.ReaderAt, p []byte, at int64) (int, error) { return f.ReadAt(p[:len(p)/2], at) }, sftpio.ErrUnreachable},
		{"it ends early", func(f io.ReaderAt, p []byte, at int64) (int, error) {
			if at >= chunk {
				return 0, io.EOF
			}
			return f.ReadAt(p, at)
		}, sftpio.ErrUnreachable},
		{"it never ends", func(_ io.ReaderAt, p []byte, _ int64) (int, error) { return len(p), nil }, sftpio.ErrChanged},
		{"it fails", func(f io.ReaderAt, p []byte, at int64) (int, error) { return 0, errors.New("bad disk") }, sftpio.ErrRefused},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, _ := served(t, wrapGet(row.read))
			w.Put(t, "a.csv", large)
			in := w.Inbound(t, sftpio.Rename)
			ready, _, err := in.Ready(t.Context())
			must(t, err)
			n, err := in.Fetch(t.Context(), ready[0], io.Discard)
			if !errors.Is(err, row.want) {
				t.Errorf("error is %v, want %v", err, row.want)
			}
			if n > int64(len(large)) {
				t.Errorf("%d bytes came of a file of %d", n, len(large))
			}
		})
	}
}

func TestNothingIsClaimedWhereRenamesAreRefused(t *testing.T) {
	w, _ := served(t, wrapCmd(func(next sftp.FileCmder, r *sftp.Request) error {
		if r.Method == "Rename" {
			return fs.ErrPermission
		}
		return next.Filecmd(r)
	}))
	w.Put(t, "a.csv", large)
	in := w.Inbound(t, sftpio.Rename)
	ready, _, err := in.Ready(t.Context())
	must(t, err)
	e, err := in.Claim(t.Context(), ready[0])
	must(t, err)
	if e != ready[0] {
		t.Errorf("entry is %+v, was %+v", e, ready[0])
	}
	e.Digest = foldertest.Digest(large)
	if err := in.Reject(t.Context(), e, "why"); !errors.Is(err, sftpio.ErrRefused) || !strings.Contains(err.Error(), "by hand") {
		t.Errorf("error is %v", err)
	}
	must(t, in.Remove(t.Context(), e))
}

func TestASilentServerIsLeft(t *testing.T) {
	const patience = 150 * time.Millisecond
	impatient := func(w foldertest.World) foldertest.World {
		w.Options.DialTimeout, w.Options.IOTimeout = 4*patience, patience
		return w
	}
	t.Run("one that takes no connection any further", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		must(t, err)
		defer listener.Close()
		w, s := served(t, sftpserver.Options{})
		w.Options.Location = "sftp://acme@" + listener.Addr().String() + "/"
		w.Options.KnownHosts = renamed(t, w.Options.KnownHosts, s.Addr(), listener.Addr().String())
		_, err = sftpio.OpenOutbound(t.Context(), impatient(w).Options)
		if !errors.Is(err, sftpio.ErrUnreachable) {
			t.Errorf("error is %v", err)
		}
	})
	for _, s := range scripts {
		w, _ := served(t, sftpserver.Options{})
		fill(t, w, s)
		measured, p := through(t, w, unlimited, unlimited, false)
		must(t, s.run(t.Context(), measured.Options))
		total := p.toClient.passed.Load()
		for _, at := range []int64{total / 2, total * 9 / 10} {
			t.Run(fmt.Sprintf("%s, after %d of %d bytes", s.name, at, total), func(t *testing.T) {
				w, _ := served(t, sftpserver.Options{})
				fill(t, w, s)
				silent, _ := through(t, w, unlimited, at, true)
				err := s.run(t.Context(), impatient(silent).Options)
				if !errors.Is(err, sftpio.ErrUnreachable) {
					t.Errorf("error is %v", err)
				}
				must(t, s.run(t.Context(), w.Options))
				w.Wants(t, s.after)
			})
		}
	}
}

func TestAServerThatHangsWhileItsConnectionLives(t *testing.T) {
	var release chan struct{}
	for _, row := range []struct {
		name   string
		server sftpserver.Options
	}{
		{"at a read, after the file was opened", wrapGet(func(io.ReaderAt, []byte, int64) (int, error) {
			<-release
			return 0, os.ErrClosed
		})},
		{"at the one request of an operation", wrapCmd(func(next sftp.FileCmder, r *sftp.Request) error {
			if r.Method == "Rename" {
				<-release
			}
			return next.Filecmd(r)
		})},
	} {
		t.Run(row.name, func(t *testing.T) {
			release = make(chan struct{})
			w, _ := served(t, row.server)
			defer close(release)
			w.Put(t, "a.csv", large)
			w.Options.IOTimeout = 150 * time.Millisecond
			in := w.Inbound(t, sftpio.Rename)
			ready, _, err := in.Ready(t.Context())
			must(t, err)
			e, err := in.Claim(t.Context(), ready[0])
			if err == nil {
				_, err = in.Fetch(t.Context(), e, io.Discard)
			}
			if !errors.Is(err, sftpio.ErrUnreachable) || !strings.Contains(err.Error(), "no answer within") {
				t.Errorf("error is %v", err)
			}
		})
	}
}

func TestAFileThatAppearsDuringTheUploadIsNotReplaced(t *testing.T) {
	var w foldertest.World
	w, _ = served(t, sftpserver.Options{Wrap: func(h sftp.Handlers) sftp.Handlers {
		h.FilePut = badPut{FileWriter: h.FilePut, closed: func(io.WriterAt) error {
			return os.WriteFile(w.Dir+"/a.csv", []byte("theirs"), 0o600)
		}}
		h.FileCmd = badCmd{h.FileCmd, func(next sftp.FileCmder, r *sftp.Request) error {
			if r.Method == "Rename" {
				return next.(sftp.PosixRenameFileCmder).PosixRename(r)
			}
			return next.Filecmd(r)
		}}
		return h
	}})
	if err := foldertest.Publish(t.Context(), w.Outbound(t), "a.csv", large); !errors.Is(err, sftpio.ErrTaken) {
		t.Errorf("error is %v", err)
	}
	w.Wants(t, map[string]string{"a.csv": "theirs"})
}

func TestAFileThatCannotBeReadDoesNotStopTheOthers(t *testing.T) {
	w, _ := served(t, wrapGet(func(f io.ReaderAt, p []byte, at int64) (int, error) {
		if strings.HasSuffix(f.(interface{ Name() string }).Name(), "a.csv") {
			return 0, errors.New("locked by another program")
		}
		return f.ReadAt(p, at)
	}))
	w.Put(t, "a.csv", "T;0\n")
	w.Put(t, "b.csv", "T;0\n")
	told := ""
	in := w.Inbound(t, sftpio.Trailer, func(o *sftpio.Options) {
		o.Skipped = func(name string, why error) { told += name }
	})
	ready, _, err := in.Ready(t.Context())
	must(t, err)
	if len(ready) != 1 || ready[0].Name != "b.csv" || told != "a.csv" {
		t.Errorf("ready is %+v, told of %q", ready, told)
	}
}
