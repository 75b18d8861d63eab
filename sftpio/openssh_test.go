package sftpio_test

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// openssh is OpenSSH's server on loopback: one process per connection, as inetd starts it.
type openssh struct {
	dir      string   // where its folder lies
	hostKeys []key    // default: one new key
	login    key      // default: a new key
	args     string   // of the SFTP subsystem
	shell    string   // run before the server, in its process
	config   []string // more lines of sshd_config
	addr     string
}

// needOpenSSH skips where it is not installed, and fails where it was promised.
func needOpenSSH(t *testing.T) (sshd string) {
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

func (o *openssh) start(t *testing.T) foldertest.World {
	t.Helper()
	sshd := needOpenSSH(t)
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	if o.hostKeys == nil {
		o.hostKeys = []key{newKey(t)}
	}
	if o.login.signer == nil {
		o.login = newKey(t)
	}
	lines := append([]string{
		"StrictModes no", "UsePAM no", "PasswordAuthentication no", "PermitRootLogin yes",
		"PidFile none", "LogLevel QUIET",
		"Subsystem sftp internal-sftp " + o.args,
		"AuthorizedKeysFile " + tempFile(t, "authorized_keys", string(ssh.MarshalAuthorizedKey(o.login.signer.PublicKey()))),
	}, o.config...)
	var pins []string
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	o.addr = listener.Addr().String()
	for _, k := range o.hostKeys {
		lines = append(lines, "HostKey "+k.file)
		pins = append(pins, knownhosts.Line([]string{o.addr}, k.signer.PublicKey()))
	}
	config := tempFile(t, "sshd_config", strings.Join(lines, "\n")+"\n")
	command := fmt.Sprintf("%s exec '%s' -i -f '%s'", o.shell, sshd, config)

	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			socket, err := conn.(*net.TCPConn).File()
			conn.Close()
			if err != nil {
				t.Error(err)
				return
			}
			server := exec.CommandContext(t.Context(), "/bin/sh", "-c", command)
			server.Stdin, server.Stdout, server.Stderr = socket, socket, io.Discard
			running.Go(func() {
				defer socket.Close()
				server.Run() // how it ends is the client's to judge
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	me, err := user.Current()
	must(t, err)
	return foldertest.World{Dir: o.dir, Options: sftpio.Options{
		Location:   "sftp://" + me.Username + "@" + o.addr + filepath.ToSlash(o.dir),
		Auth:       sftpio.Auth{KeyFile: o.login.file},
		KnownHosts: knownHosts(t, pins...),
	}}
}

func TestFolderBehindOpenSSH(t *testing.T) {
	needOpenSSH(t)
	foldertest.Run(t, func(t *testing.T) foldertest.World { return new(openssh).start(t) })
}
