package sftpio_test

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// key is a key pair, with its private half in a file.
type key struct {
	private crypto.Signer
	signer  ssh.Signer
	file    string
}

func newKey(t *testing.T) key {
	t.Helper()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	must(t, err)
	return keyOf(t, private)
}

func keyOf(t *testing.T, private crypto.Signer) key {
	t.Helper()
	signer, err := ssh.NewSignerFromSigner(private)
	must(t, err)
	block, err := ssh.MarshalPrivateKey(private, "")
	must(t, err)
	return key{private: private, signer: signer, file: tempFile(t, "key", string(pem.EncodeToMemory(block)))}
}

// tempFile writes a private file and returns its path.
func tempFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	must(t, os.WriteFile(path, []byte(content), 0o600))
	return path
}

func knownHosts(t *testing.T, lines ...string) string {
	t.Helper()
	return tempFile(t, "known_hosts", strings.Join(lines, "\n")+"\n")
}

// served is a folder behind our own server, and a key that may log in.
func served(t *testing.T, o sftpserver.Options) (foldertest.World, *sftpserver.Server) {
	t.Helper()
	login := newKey(t)
	o.AuthorizedKeys = append(o.AuthorizedKeys, login.signer.PublicKey())
	dir := t.TempDir()
	s, err := sftpserver.Start(dir, o)
	must(t, err)
	t.Cleanup(func() { s.Close() })
	return foldertest.World{Dir: dir, Options: sftpio.Options{
		Location:   s.Location("acme", "/"),
		Auth:       sftpio.Auth{KeyFile: login.file},
		KnownHosts: knownHosts(t, s.KnownHostsLine()),
	}}, s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFolderBehindOurServer(t *testing.T) {
	foldertest.Run(t, func(t *testing.T) foldertest.World {
		w, _ := served(t, sftpserver.Options{})
		return w
	})
}

// renamed copies a known_hosts file for a server that is reached at another address.
func renamed(t *testing.T, file, from, to string) string {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return knownHosts(t, strings.ReplaceAll(strings.TrimSpace(string(content)), knownhosts.Normalize(from), knownhosts.Normalize(to)))
}
