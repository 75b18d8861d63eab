package sftpio_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/sftpserver"
	"cardbatch/sftpio"
)

// hostCertificate certifies a host's key for 127.0.0.1.
func hostCertificate(t *testing.T, authority, host key, principal string) ssh.Signer {
	t.Helper()
	certificate := &ssh.Certificate{
		Key: host.signer.PublicKey(), CertType: ssh.HostCert, ValidPrincipals: []string{principal}, ValidBefore: ssh.CertTimeInfinity,
	}
	must(t, certificate.SignCert(rand.Reader, authority.signer))
	signer, err := ssh.NewCertSigner(certificate, host.signer)
	must(t, err)
	return signer
}

func TestHostKeys(t *testing.T) {
	host, other, authority := newKey(t), newKey(t), newKey(t)
	line := func(addr string, k key) string { return knownhosts.Line([]string{addr}, k.signer.PublicKey()) }
	public := func(k key) string { return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(k.signer.PublicKey()))) }
	fingerprint := ssh.FingerprintSHA256(host.signer.PublicKey())
	for _, row := range []struct {
		name  string
		offer ssh.Signer // nil: the plain host key
		lines func(addr string) []string
		want  []string // in the error; nil: it connects
	}{
		{"the pinned key is accepted", nil, func(addr string) []string { return []string{line(addr, host)} }, nil},
		{"one of several pinned keys is accepted", nil, func(addr string) []string { return []string{line(addr, other), line(addr, host)} }, nil},
		{"a hashed name is understood", nil, func(addr string) []string {
			return []string{knownhosts.HashHostname(knownhosts.Normalize(addr)) + " " + public(host)}
		}, nil},
		{"an unknown host is refused", nil, func(string) []string { return []string{line("127.0.0.2:22", host)} }, []string{fingerprint, "no key is pinned"}},
		{"another port is another host", nil, func(string) []string { return []string{line("127.0.0.1:22", host)} }, []string{fingerprint, "no key is pinned"}},
		{"another key is refused", nil, func(addr string) []string { return []string{line(addr, other)} }, []string{fingerprint, "another key is pinned"}},
		{"a revoked key is refused though it is pinned", nil, func(addr string) []string {
			return []string{line(addr, host), "@revoked * " + public(host)}
		}, []string{fingerprint, "revoked"}},
		{"a certificate of a pinned authority is accepted", hostCertificate(t, authority, host, "127.0.0.1"), func(addr string) []string {
			return []string{"@cert-authority " + line(addr, authority)}
		}, nil},
		{"a certificate for another host is refused", hostCertificate(t, authority, host, "sftp.example"), func(addr string) []string {
			return []string{"@cert-authority " + line(addr, authority)}
		}, []string{"@@file"}},
		{"a certificate of another authority is refused", hostCertificate(t, other, host, "127.0.0.1"), func(addr string) []string {
			return []string{"@cert-authority " + line(addr, authority)}
		}, []string{"@@file"}},
		{"a damaged file is refused", nil, func(string) []string { return []string{"what is this"} }, []string{"@@file", ":1:"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			offer := row.offer
			if offer == nil {
				offer = host.signer
			}
			w, s := served(t, sftpserver.Options{HostKey: offer, Password: "secret"})
			w.Options.KnownHosts = knownHosts(t, row.lines(s.Addr())...)
			asked := false
			w.Options.Auth = sftpio.Auth{Password: func() (string, error) { asked = true; return "secret", nil }}
			out, err := sftpio.OpenOutbound(t.Context(), w.Options)
			if row.want == nil {
				must(t, err)
				must(t, out.Close())
				return
			}
			if !errors.Is(err, sftpio.ErrHostKey) {
				t.Fatalf("error is %v", err)
			}
			for _, want := range row.want {
				want = strings.ReplaceAll(want, "@@file", w.Options.KnownHosts)
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is missing in: %v", want, err)
				}
			}
			if asked {
				t.Error("the password was sent to a server that is not pinned")
			}
		})
	}
}

func TestNothingIsPinnedByAMissingFile(t *testing.T) {
	w, _ := served(t, sftpserver.Options{})
	for _, file := range []string{"", filepath.Join(t.TempDir(), "missing")} {
		w.Options.KnownHosts = file
		if _, err := sftpio.OpenOutbound(t.Context(), w.Options); !errors.Is(err, sftpio.ErrHostKey) {
			t.Errorf("%q: error is %v", file, err)
		}
	}
}

// The server has keys of three types, and would by itself offer one that the library prefers.
func TestThePinnedTypeIsAskedFor(t *testing.T) {
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	s := &openssh{hostKeys: []key{keyOf(t, rsaKey), keyOf(t, ecdsaKey), newKey(t)}}
	w := s.start(t)
	for _, pinned := range s.hostKeys {
		t.Run(pinned.signer.PublicKey().Type(), func(t *testing.T) {
			w.Options.KnownHosts = knownHosts(t, knownhosts.Line([]string{s.addr}, pinned.signer.PublicKey()))
			out, err := sftpio.OpenOutbound(t.Context(), w.Options)
			must(t, err)
			must(t, out.Close())
		})
	}
}

func TestAServerWithoutAKeyOfThePinnedTypeIsRefused(t *testing.T) {
	ecdsaKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	w, s := served(t, sftpserver.Options{})
	w.Options.KnownHosts = knownHosts(t, knownhosts.Line([]string{s.Addr()}, keyOf(t, ecdsaKey).signer.PublicKey()))
	_, err = sftpio.OpenOutbound(t.Context(), w.Options)
	if !errors.Is(err, sftpio.ErrHostKey) || !strings.Contains(fmt.Sprint(err), ssh.FingerprintSHA256(s.HostKey())) {
		t.Errorf("error is %v", err)
	}
}
