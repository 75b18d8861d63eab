package sftpserver_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/sftpserver"
)

func start(t *testing.T, dir string, o sftpserver.Options) *sftpserver.Server {
	t.Helper()
	s, err := sftpserver.Start(dir, o)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return s
}

// dial logs in by password, with the server's key pinned by its own line.
func dial(t *testing.T, s *sftpserver.Server, user, password string) (*ssh.Client, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	must(t, os.WriteFile(file, []byte(s.KnownHostsLine()+"\n"), 0o600))
	pinned, err := knownhosts.New(file)
	must(t, err)
	return ssh.Dial("tcp", s.Addr(), &ssh.ClientConfig{
		User: user, Auth: []ssh.AuthMethod{ssh.Password(password)},
		HostKeyCallback: pinned, HostKeyAlgorithms: []string{s.HostKey().Type()},
	})
}

func client(t *testing.T, dir string) *sftp.Client {
	t.Helper()
	conn, err := dial(t, start(t, dir, sftpserver.Options{Password: "secret"}), "acme", "secret")
	must(t, err)
	c, err := sftp.NewClient(conn)
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return c
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func put(t *testing.T, c *sftp.Client, name, content string) {
	t.Helper()
	f, err := c.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	must(t, err)
	_, err = io.WriteString(f, content)
	must(t, err)
	must(t, f.Close())
}

func wants(t *testing.T, file, content string) {
	t.Helper()
	got, err := os.ReadFile(file)
	if err != nil || string(got) != content {
		t.Errorf("%s holds %q (%v), want %q", file, got, err, content)
	}
}

func TestFilesAreWrittenRenamedAndRemoved(t *testing.T) {
	dir := t.TempDir()
	c := client(t, dir)
	must(t, c.Mkdir("/in"))
	put(t, c, "/in/a", "first")
	put(t, c, "/in/b", "second")
	if err := c.Rename("/in/a", "/in/b"); err == nil {
		t.Error("a rename replaced a file")
	}
	wants(t, filepath.Join(dir, "in/b"), "second")
	if err := c.Link("/in/a", "/in/b"); err == nil {
		t.Error("a link replaced a file")
	}
	must(t, c.PosixRename("/in/a", "/in/b"))
	wants(t, filepath.Join(dir, "in/b"), "first")
	must(t, c.Rename("/in/b", "/c"))
	wants(t, filepath.Join(dir, "c"), "first")

	infos, err := c.ReadDir("/")
	must(t, err)
	if len(infos) != 2 {
		t.Errorf("%d things are listed, want a file and a folder", len(infos))
	}
	at := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	must(t, c.Chtimes("/c", at, at))
	must(t, c.Chmod("/c", 0o600))
	must(t, c.Truncate("/c", 3))
	must(t, c.Chtimes("/c", at, at))
	info, err := c.Stat("/c")
	must(t, err)
	if info.Size() != 3 || !info.ModTime().Equal(at) || info.Mode().Perm() != 0o600 {
		t.Errorf("the file has %d bytes, time %v and mode %v", info.Size(), info.ModTime(), info.Mode())
	}
	must(t, c.RemoveDirectory("/in"))
	must(t, c.Remove("/c"))
	if _, err := c.Stat("/c"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

func TestAnExclusiveFileIsNotOpenedTwice(t *testing.T) {
	c := client(t, t.TempDir())
	put(t, c, "/a", "x")
	if _, err := c.OpenFile("/a", os.O_WRONLY|os.O_CREATE|os.O_EXCL); err == nil {
		t.Error("it was opened")
	}
	f, err := c.OpenFile("/b", os.O_RDWR|os.O_CREATE|os.O_EXCL)
	must(t, err)
	must(t, f.Close())
}

func TestNoPathLeavesTheDirectory(t *testing.T) {
	outside := t.TempDir()
	must(t, os.WriteFile(filepath.Join(outside, "precious"), []byte("x"), 0o600))
	dir := t.TempDir()
	must(t, os.Symlink(outside, filepath.Join(dir, "link")))
	c := client(t, dir)
	for _, path := range []string{outside + "/precious", "../" + filepath.Base(outside) + "/precious", "/link/precious"} {
		if f, err := c.Open(path); err == nil {
			f.Close()
			t.Errorf("%s was opened", path)
		}
		if err := c.Remove(path); err == nil {
			t.Errorf("%s was removed", path)
		}
	}
	if f, err := c.OpenFile("/link/new", os.O_WRONLY|os.O_CREATE); err == nil {
		f.Close()
		t.Error("a file was made outside")
	}
	if err := c.Symlink(outside, "/another"); err == nil {
		t.Error("a link was made")
	}
	info, err := c.Lstat("/link")
	must(t, err)
	if info.Mode()&fs.ModeSymlink == 0 {
		t.Errorf("a link looks like %v", info.Mode())
	}
	wants(t, filepath.Join(outside, "precious"), "x")
}

func TestWhoMayLogIn(t *testing.T) {
	s := start(t, t.TempDir(), sftpserver.Options{User: "acme", Password: "secret"})
	for _, row := range []struct {
		name, user, password string
		in                   bool
	}{
		{"the user with the password", "acme", "secret", true},
		{"another user", "other", "secret", false},
		{"another password", "acme", "wrong", false},
		{"no password", "acme", "", false},
	} {
		t.Run(row.name, func(t *testing.T) {
			c, err := dial(t, s, row.user, row.password)
			if err == nil {
				defer c.Close()
			}
			if (err == nil) != row.in {
				t.Errorf("error is %v", err)
			}
		})
	}
	closed := start(t, t.TempDir(), sftpserver.Options{})
	if c, err := dial(t, closed, "acme", ""); err == nil {
		c.Close()
		t.Error("somebody logged in where nobody may")
	}
}

func TestOnlySFTPIsServed(t *testing.T) {
	c, err := dial(t, start(t, t.TempDir(), sftpserver.Options{Password: "secret"}), "acme", "secret")
	must(t, err)
	defer c.Close()
	session, err := c.NewSession()
	must(t, err)
	if err := session.Run("id"); err == nil {
		t.Error("a command was run")
	}
	if conn, err := c.Dial("tcp", "127.0.0.1:1"); err == nil {
		conn.Close()
		t.Error("a connection was forwarded")
	}
}

func TestTheHostKeyIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "host_key")
	first := start(t, t.TempDir(), sftpserver.Options{HostKeyFile: file})
	info, err := os.Stat(file)
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key has mode %v", info.Mode())
	}
	second := start(t, t.TempDir(), sftpserver.Options{HostKeyFile: file})
	if string(first.HostKey().Marshal()) != string(second.HostKey().Marshal()) {
		t.Error("the second server has another key")
	}
	must(t, os.Chmod(file, 0o644))
	if s, err := sftpserver.Start(t.TempDir(), sftpserver.Options{HostKeyFile: file}); err == nil {
		s.Close()
		t.Error("a key that everybody may read was used")
	}
}

func TestCloseEndsConnections(t *testing.T) {
	s := start(t, t.TempDir(), sftpserver.Options{Password: "secret"})
	conn, err := dial(t, s, "acme", "secret")
	must(t, err)
	defer conn.Close()
	c, err := sftp.NewClient(conn)
	must(t, err)
	must(t, s.Close())
	if _, err := c.ReadDir("/"); err == nil {
		t.Error("the server still answers")
	}
	if got := s.Location("acme", "/in"); !strings.HasPrefix(got, "sftp://acme@127.0.0.1:") || !strings.HasSuffix(got, "/in") {
		t.Errorf("location is %s", got)
	}
}
