package sftpio

import (
	"bufio"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
)

// pins are the host keys that a known_hosts file holds for one address.
type pins struct {
	file       string
	check      ssh.HostKeyCallback
	algorithms []string // to negotiate, in the file's order; empty: nothing is pinned
}

// readPins reads the file anew for each connection, so that a rotation needs no restart.
func readPins(file, addr string) (pins, error) {
	if file == "" {
		return pins{}, fmt.Errorf("%w: no known_hosts file is configured; ask the partner for the host key and pin it", ErrHostKey)
	}
	check, err := knownhosts.New(file)
	if err != nil {
		return pins{}, fmt.Errorf("%w: %v; correct the file", ErrHostKey, err)
	}
	p := pins{file: file, check: check}
	authorities, err := authorityLines(file)
	if err != nil {
		return pins{}, fmt.Errorf("%w: %v", ErrHostKey, err)
	}
	var known *knownhosts.KeyError
	if err := check(addr, &net.TCPAddr{}, noKey{}); errors.As(err, &known) {
		for _, pinned := range known.Want {
			p.algorithms = append(p.algorithms, algorithmsOf(pinned.Key.Type(), authorities[pinned.Line])...)
		}
	}
	return p, nil
}

// noKey is a key that no file holds: asking for it lists those that it holds.
type noKey struct{ ssh.PublicKey }

func (noKey) Type() string    { return "none" }
func (noKey) Marshal() []byte { return nil }

// authorityLines are the numbers of the lines that pin a certificate authority; the
// library does not tell.
func authorityLines(file string) (map[int]bool, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := map[int]bool{}
	scanner := bufio.NewScanner(f)
	for n := 1; scanner.Scan(); n++ {
		lines[n] = strings.HasPrefix(strings.TrimSpace(scanner.Text()), "@cert-authority")
	}
	return lines, scanner.Err()
}

// algorithmsOf are the host key algorithms that prove a pinned key. Left to itself, the library asks for
// an algorithm of its own choice, gets a key that is not pinned, and calls it a mismatch.
func algorithmsOf(keyType string, authority bool) []string {
	if authority {
		// The authority's own type says nothing about the type of the keys that it certifies.
		return []string{
			ssh.CertAlgoED25519v01, ssh.CertAlgoECDSA256v01, ssh.CertAlgoECDSA384v01, ssh.CertAlgoECDSA521v01,
			ssh.CertAlgoRSASHA512v01, ssh.CertAlgoRSASHA256v01,
		}
	}
	if keyType == ssh.KeyAlgoRSA {
		return []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256} // never SHA-1
	}
	return []string{keyType}
}

// callback refuses every key that is not pinned, and notes when one is. The library
// asks again whenever it renews its session keys.
func (p pins) callback(addr string, accepted *atomic.Bool) ssh.HostKeyCallback {
	return func(host string, remote net.Addr, key ssh.PublicKey) error {
		err := p.check(host, remote, key)
		if err == nil {
			accepted.Store(true)
			return nil
		}
		return p.refuse(addr, key, err)
	}
}

// refuse says what was offered, and what to do about it.
func (p pins) refuse(addr string, offered ssh.PublicKey, cause error) error {
	why := "another key is pinned for it; someone may be in between, or the key was changed"
	var revoked *knownhosts.RevokedError
	switch {
	case errors.As(cause, &revoked):
		why = "this key is revoked"
	case len(p.algorithms) == 0:
		why = "no key is pinned for it"
	}
	return fmt.Errorf("%w: %s offered %s %s: %s; ask the partner for the fingerprint and, only if it is this one, edit %s",
		ErrHostKey, addr, offered.Type(), ssh.FingerprintSHA256(offered), why, p.file)
}
