package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const passphrase = "correct horse battery staple"

// The keys of the home that the tests share. Each has a user id <name@example.com>.
const (
	rsaKey     = "rsa"     // RSA-3072 with a subkey, as GnuPG 2.2 makes it by default
	curveKey   = "curve"   // ed25519 with cv25519
	otherKey   = "other"   // somebody else's
	lockedKey  = "locked"  // with a passphrase
	expiredKey = "expired" // at the end of 2020
	revokedKey = "revoked"
	signerKey  = "signer" // without a subkey for encryption
)

// now lies after all keys were made.
var now = time.Now().Add(time.Hour)

// gnupg is a home of GnuPG with the keys above.
type gnupg struct{ home string }

// theHome is made by the first test that needs it, and removed by TestMain.
var (
	theHome = sync.OnceValues(makeHome)
	made    *gnupg
)

func TestMain(m *testing.M) {
	code := m.Run()
	if made != nil {
		made.remove()
	}
	os.Exit(code)
}

// needGnuPG skips where GnuPG is not installed, and fails where it was promised.
func needGnuPG(t testing.TB) *gnupg {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
			t.Fatalf("GnuPG is required here: %v", err)
		}
		t.Skipf("GnuPG is missing (package gnupg): %v", err)
	}
	g, err := theHome()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func makeHome() (*gnupg, error) {
	// The agent's socket lies in the home, and the path of a socket must be short.
	home, err := os.MkdirTemp("/tmp", "cardbatch")
	if err != nil {
		return nil, err
	}
	g := &gnupg{home}
	made = g
	for _, key := range []struct {
		name, phrase string
		options      []string // of gpg
		kind         []string // algorithm, usage, expiry
	}{
		{rsaKey, "", nil, []string{"default", "default", "0"}},
		{curveKey, "", nil, []string{"future-default", "default", "0"}},
		{otherKey, "", nil, []string{"future-default", "default", "0"}},
		{lockedKey, passphrase, nil, []string{"future-default", "default", "0"}},
		{expiredKey, "", []string{"--faked-system-time", "20200101T000000"}, []string{"future-default", "default", "20201231T000000"}},
		{revokedKey, "", nil, []string{"future-default", "default", "0"}},
		{signerKey, "", nil, []string{"ed25519", "sign", "0"}},
	} {
		args := append(key.options, "--passphrase", key.phrase, "--quick-gen-key", key.name+" <"+key.name+"@example.com>")
		if _, err := g.run(nil, append(args, key.kind...)...); err != nil {
			return nil, err
		}
	}
	return g, g.revoke(revokedKey)
}

// revoke imports the revocation that GnuPG prepares for every key, behind a colon.
func (g *gnupg) revoke(name string) error {
	out, err := g.run(nil, "--with-colons", "--fingerprint", name+"@example.com")
	if err != nil {
		return err
	}
	_, line, _ := strings.Cut(string(out), "\nfpr:")
	fingerprint := strings.Trim(strings.SplitN(line, "\n", 2)[0], ":")
	text, err := os.ReadFile(filepath.Join(g.home, "openpgp-revocs.d", fingerprint+".rev"))
	if err != nil {
		return err
	}
	_, err = g.run(bytes.Replace(text, []byte(":-----BEGIN"), []byte("-----BEGIN"), 1), "--import")
	return err
}

func (g *gnupg) remove() {
	_ = exec.Command("gpgconf", "--homedir", g.home, "--kill", "all").Run()
	_ = os.RemoveAll(g.home)
}

func (g *gnupg) command(args ...string) *exec.Cmd {
	return exec.Command("gpg", append([]string{"--homedir", g.home, "--batch", "--yes", "--no-tty", "--quiet",
		"--pinentry-mode", "loopback", "--trust-model", "always"}, args...)...)
}

// run returns what gpg writes when it is given the input.
func (g *gnupg) run(input []byte, args ...string) ([]byte, error) {
	cmd := g.command(args...)
	var out, problems bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(input), &out, &problems
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("gpg %s: %w: %s", strings.Join(args, " "), err, problems.String())
	}
	return out.Bytes(), nil
}

func (g *gnupg) mustRun(t testing.TB, input []byte, args ...string) []byte {
	t.Helper()
	out, err := g.run(input, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func (g *gnupg) exportPublic(t testing.TB, options ...string) []byte {
	t.Helper()
	return g.mustRun(t, nil, append([]string{"--export"}, options...)...)
}

// exportPrivate returns a private key as it is kept: locked with its passphrase, if it has one.
func (g *gnupg) exportPrivate(t testing.TB, name string) []byte {
	t.Helper()
	phrase := ""
	if name == lockedKey {
		phrase = passphrase
	}
	return g.mustRun(t, nil, "--armor", "--passphrase", phrase, "--export-secret-keys", name+"@example.com")
}

func (g *gnupg) publicKey(t testing.TB, name string) *PublicKey {
	t.Helper()
	k, err := ReadPublicKey(bytes.NewReader(g.exportPublic(t, "--armor", name+"@example.com")))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (g *gnupg) privateKey(t testing.TB, name string) *PrivateKey {
	t.Helper()
	k, err := ReadPrivateKey(bytes.NewReader(g.exportPrivate(t, name)), []byte(passphrase))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// encrypt is gpg's: the options come before --encrypt.
func (g *gnupg) encrypt(t testing.TB, plain []byte, to string, options ...string) []byte {
	t.Helper()
	return g.mustRun(t, plain, append(options, "--recipient", to+"@example.com", "--encrypt")...)
}

// encrypt is ours.
func encrypt(t testing.TB, plain []byte, to *PublicKey) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := Encrypt(&out, to, now)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// decrypt is ours. On an error it returns what had come out before.
func decrypt(message []byte, with *PrivateKey) ([]byte, error) {
	r, err := Decrypt(bytes.NewReader(message), with, now)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

// refused tells whether an error is one that the package promises for a bad message.
func refused(err error) bool {
	for _, known := range []error{ErrWrongKey, ErrTruncated, ErrTampered, ErrNotEncrypted, ErrTooLarge} {
		if errors.Is(err, known) {
			return true
		}
	}
	return false
}
