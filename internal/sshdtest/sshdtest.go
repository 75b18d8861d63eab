// Package sshdtest runs OpenSSH's server on loopback for tests: one process per
// connection, as inetd starts it.
package sshdtest

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
)

// Options say who may log in, and how the server misbehaves.
type Options struct {
	HostKeyFiles []string
	Login        ssh.PublicKey
	Args         string   // of the SFTP subsystem
	Shell        string   // run before the server, in its process
	Config       []string // more lines of sshd_config
}

// Need returns the server's path. It skips where it is not installed, and fails
// where it was promised.
func Need(t *testing.T) (sshd string) {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd, err = exec.LookPath("/usr/sbin/sshd")
	}
	if err == nil && os.Geteuid() == 0 {
		err = os.MkdirAll("/run/sshd", 0o755) // a server started by root wants it
	}
	if err == nil {
		return sshd
	}
	if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
		t.Fatalf("OpenSSH's server is required here: %v", err)
	}
	t.Skipf("OpenSSH's server is missing (package openssh-server): %v", err)
	return ""
}

// Start serves until the test ends, and returns host:port.
func Start(t *testing.T, o Options) (addr string) {
	t.Helper()
	sshd := Need(t)
	dir := t.TempDir()
	write := func(name, content string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	lines := append([]string{
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes",
		"PidFile none", "LogLevel QUIET",
		"Subsystem sftp internal-sftp " + o.Args,
		"AuthorizedKeysFile " + write("authorized_keys", string(ssh.MarshalAuthorizedKey(o.Login))),
	}, o.Config...)
	for _, file := range o.HostKeyFiles {
		lines = append(lines, "HostKey "+file)
	}
	command := fmt.Sprintf("%s exec '%s' -i -f '%s'", o.Shell, sshd, write("sshd_config", strings.Join(lines, "\n")+"\n"))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			socket, err := conn.(*net.TCPConn).File()
			_ = conn.Close()
			if err != nil {
				t.Error(err)
				return
			}
			server := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
			server.Stdin, server.Stdout, server.Stderr = socket, socket, io.Discard
			running.Go(func() {
				defer socket.Close()
				_ = server.Run() // how it ends is the client's to judge
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}
