package sftpio_test

import (
	"crypto/rand"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
)

func secret(text string) func() (string, error) {
	return func() (string, error) { return text, nil }
}

func lockedKey(t *testing.T, k key, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKeyWithPassphrase(k.private, "", []byte(passphrase))
	must(t, err)
	return tempFile(t, "locked", string(pem.EncodeToMemory(block)))
}

// serveAgent runs an agent that holds the key.
func serveAgent(t *testing.T, k key) {
	t.Helper()
	keys := agent.NewKeyring()
	must(t, keys.Add(agent.AddedKey{PrivateKey: k.private}))
	dir, err := os.MkdirTemp("", "agent") // t.TempDir() may be too long for a socket
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	listener, err := net.Listen("unix", filepath.Join(dir, "s"))
	must(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer conn.Close()
				agent.ServeAgent(keys, conn)
			})
		}
	})
	t.Cleanup(func() { listener.Close(); serving.Wait() })
	t.Setenv("SSH_AUTH_SOCK", listener.Addr().String())
}

func TestLogin(t *testing.T) {
	known, stranger := newKey(t), newKey(t)
	open := tempFile(t, "open", string(read(t, known.file)))
	must(t, os.Chmod(open, 0o640))
	locked := lockedKey(t, known, "open sesame")
	failed := errors.New("the keeper of secrets is away")
	for _, row := range []struct {
		name string
		auth sftpio.Auth
		is   error  // nil, and no text: it logs in
		text string // in the error
	}{
		{"a key file", sftpio.Auth{KeyFile: known.file}, nil, ""},
		{"a key file with a passphrase", sftpio.Auth{KeyFile: locked, KeyPassphrase: secret("open sesame")}, nil, ""},
		{"a password", sftpio.Auth{Password: secret("secret")}, nil, ""},
		{"a password after a key that is not known", sftpio.Auth{KeyFile: stranger.file, Password: secret("secret")}, nil, ""},
		{"a wrong passphrase", sftpio.Auth{KeyFile: locked, KeyPassphrase: secret("wrong")}, nil, "passphrase does not fit"},
		{"a missing passphrase", sftpio.Auth{KeyFile: locked}, nil, "has a passphrase"},
		{"a passphrase that cannot be had", sftpio.Auth{KeyFile: locked, KeyPassphrase: func() (string, error) { return "", failed }}, failed, ""},
		{"a password that cannot be had", sftpio.Auth{Password: func() (string, error) { return "", failed }}, failed, ""},
		{"a key that others may read", sftpio.Auth{KeyFile: open}, sftpio.ErrKeyPermissions, "chmod 600"},
		{"a key that is not there", sftpio.Auth{KeyFile: filepath.Join(t.TempDir(), "none")}, os.ErrNotExist, ""},
		{"a key file that holds no key", sftpio.Auth{KeyFile: tempFile(t, "none", "not a key")}, nil, "private key"},
		{"a key that is not known", sftpio.Auth{KeyFile: stranger.file}, sftpio.ErrUnreachable, "installed the public key"},
		{"a wrong password", sftpio.Auth{Password: secret("wrong")}, sftpio.ErrUnreachable, "check user, key and password"},
		{"no way to log in", sftpio.Auth{}, nil, "no way to log in"},
		{"a certificate without its key", sftpio.Auth{CertificateFile: known.file}, nil, "key file is not configured"},
		{"a certificate that is a plain key", sftpio.Auth{KeyFile: known.file,
			CertificateFile: tempFile(t, "cert", string(ssh.MarshalAuthorizedKey(known.signer.PublicKey())))}, nil, "plain key"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w, _ := served(t, sftpserver.Options{User: "acme", AuthorizedKeys: []ssh.PublicKey{known.signer.PublicKey()}, Password: "secret"})
			w.Options.Auth = row.auth
			out, err := sftpio.OpenOutbound(t.Context(), w.Options)
			if row.is == nil && row.text == "" {
				must(t, err)
				must(t, out.Close())
				return
			}
			if err == nil || row.is != nil && !errors.Is(err, row.is) || !strings.Contains(err.Error(), row.text) {
				t.Errorf("error is %v, want %v %q", err, row.is, row.text)
			}
			for _, hidden := range []string{"sesame", "secret", "wrong"} {
				if err != nil && strings.Contains(err.Error(), hidden) && !strings.Contains("the keeper of secrets is away", hidden) {
					t.Errorf("the error tells %q: %v", hidden, err)
				}
			}
		})
	}
}

func TestLoginByAgent(t *testing.T) {
	known := newKey(t)
	w, _ := served(t, sftpserver.Options{AuthorizedKeys: []ssh.PublicKey{known.signer.PublicKey()}})
	w.Options.Auth = sftpio.Auth{Agent: true}
	t.Setenv("SSH_AUTH_SOCK", "")
	if _, err := sftpio.OpenOutbound(t.Context(), w.Options); err == nil || !strings.Contains(err.Error(), "SSH_AUTH_SOCK") {
		t.Errorf("without an agent the error is %v", err)
	}
	serveAgent(t, known)
	w.Outbound(t)
}

func TestLoginByCertificate(t *testing.T) {
	authority, login := newKey(t), newKey(t)
	certificate := &ssh.Certificate{Key: login.signer.PublicKey(), CertType: ssh.UserCert, ValidBefore: ssh.CertTimeInfinity}
	s := &openssh{login: newKey(t), config: []string{
		"TrustedUserCAKeys " + tempFile(t, "ca.pub", string(ssh.MarshalAuthorizedKey(authority.signer.PublicKey()))),
	}}
	w := s.start(t)
	user, _, _ := strings.Cut(strings.TrimPrefix(w.Options.Location, "sftp://"), "@")
	certificate.ValidPrincipals = []string{user}
	must(t, certificate.SignCert(rand.Reader, authority.signer))

	w.Options.Auth = sftpio.Auth{KeyFile: login.file}
	if _, err := sftpio.OpenOutbound(t.Context(), w.Options); !errors.Is(err, sftpio.ErrUnreachable) {
		t.Errorf("without the certificate the error is %v", err)
	}
	w.Options.Auth.CertificateFile = tempFile(t, "key-cert.pub", string(ssh.MarshalAuthorizedKey(certificate)))
	w.Outbound(t)
	w.Options.Auth.KeyFile = newKey(t).file
	if _, err := sftpio.OpenOutbound(t.Context(), w.Options); err == nil || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("with another key the error is %v", err)
	}
}

func TestNobodyListens(t *testing.T) {
	w, s := served(t, sftpserver.Options{})
	must(t, s.Close())
	_, err := sftpio.OpenOutbound(t.Context(), w.Options)
	if !errors.Is(err, sftpio.ErrUnreachable) || !strings.Contains(err.Error(), "check address, port and firewall") {
		t.Errorf("error is %v", err)
	}
}

func read(t *testing.T, file string) []byte {
	t.Helper()
	content, err := os.ReadFile(file)
	must(t, err)
	return content
}
