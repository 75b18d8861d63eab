package sftpio_test

import (
	"os/user"
	"path/filepath"
	"testing"

	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/sshdtest"
	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// openssh is OpenSSH's server in front of a folder.
type openssh struct {
	dir      string   // where its folder lies
	hostKeys []key    // default: one new key
	login    key      // default: a new key
	args     string   // of the SFTP subsystem
	shell    string   // run before the server, in its process
	config   []string // more lines of sshd_config
	addr     string
}

func (o *openssh) start(t *testing.T) foldertest.World {
	t.Helper()
	sshdtest.Need(t)
	if o.dir == "" {
		o.dir = t.TempDir()
	}
	if o.hostKeys == nil {
		o.hostKeys = []key{newKey(t)}
	}
	if o.login.signer == nil {
		o.login = newKey(t)
	}
	server := sshdtest.Options{Login: o.login.signer.PublicKey(), Args: o.args, Shell: o.shell, Config: o.config}
	for _, k := range o.hostKeys {
		server.HostKeyFiles = append(server.HostKeyFiles, k.file)
	}
	o.addr = sshdtest.Start(t, server)
	var pins []string
	for _, k := range o.hostKeys {
		pins = append(pins, knownhosts.Line([]string{o.addr}, k.signer.PublicKey()))
	}
	me, err := user.Current()
	must(t, err)
	return foldertest.World{Dir: o.dir, Options: sftpio.Options{
		Location:   "sftp://" + me.Username + "@" + o.addr + filepath.ToSlash(o.dir),
		Auth:       sftpio.Auth{KeyFile: o.login.file},
		KnownHosts: knownHosts(t, pins...),
	}}
}

func TestFolderBehindOpenSSH(t *testing.T) {
	sshdtest.Need(t)
	foldertest.Run(t, func(t *testing.T) foldertest.World { return new(openssh).start(t) })
}
