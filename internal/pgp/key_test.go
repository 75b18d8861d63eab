package pgp

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestAKeyFileIsOneKeyOfTheKindAskedFor(t *testing.T) {
	g := needGnuPG(t)
	curve, rsa := curveKey+"@example.com", rsaKey+"@example.com"
	public := g.exportPublic(t, curve)
	armored := g.exportPublic(t, "--armor", curve)
	private := g.exportPrivate(t, curveKey)
	message := g.encrypt(t, []byte("x"), curveKey)
	for _, row := range []struct {
		name                  string
		file                  []byte
		asPublic, asPrivate   error
		publicSays, privateIs string
	}{
		{"a public key", public, nil, ErrKeyFile, "", "export-secret-keys"},
		{"an armored public key", armored, nil, ErrKeyFile, "", "export-secret-keys"},
		{"an armored public key with CR LF", bytes.ReplaceAll(armored, []byte("\n"), []byte("\r\n")), nil, ErrKeyFile, "", ""},
		{"an armored public key behind a byte order mark", slices.Concat(byteOrderMark, armored), nil, ErrKeyFile, "", ""},
		{"a private key", private, ErrKeyFile, nil, "it holds the private key", ""},
		{"two public keys in one block", g.exportPublic(t, "--armor", curve, rsa), ErrKeyFile, ErrKeyFile, "2 keys", "2 keys"},
		{"two public keys in one file", g.exportPublic(t, curve, rsa), ErrKeyFile, ErrKeyFile, "2 keys", "2 keys"},
		{"two blocks", slices.Concat(armored, g.exportPublic(t, "--armor", rsa)), ErrKeyFile, ErrKeyFile, "something follows", "END"},
		{"a public and a private key", slices.Concat(public, g.mustRun(t, nil, "--passphrase", "", "--export-secret-keys", rsa)), ErrKeyFile, ErrKeyFile, "2 keys", "2 keys"},
		{"nothing", nil, ErrKeyFile, ErrKeyFile, "empty", "empty"},
		{"a sentence", []byte("The key comes with the next mail."), ErrKeyFile, ErrKeyFile, "BEGIN", "BEGIN"},
		{"a letter around the key", slices.Concat([]byte("Here it is:\n"), armored), ErrKeyFile, ErrKeyFile, "leave only the lines from BEGIN to END", ""},
		{"a picture", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), ErrKeyFile, ErrKeyFile, "", ""},
		{"a message", message, ErrKeyFile, ErrKeyFile, "it is a message", "it is a message"},
		{"an armored message", g.encrypt(t, []byte("x"), curveKey, "--armor"), ErrKeyFile, ErrKeyFile, `"PGP MESSAGE"`, `"PGP MESSAGE"`},
		{"an SSH key", []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), ErrKeyFile, ErrKeyFile, "", ""},
		{"half a public key", public[:len(public)/2], ErrKeyFile, ErrKeyFile, "", ""},
		{"half an armored key", armored[:len(armored)/2], ErrKeyFile, ErrKeyFile, "END line is missing", ""},
		{"a key with a damaged line", bytes.Replace(armored, []byte("\n\n"), []byte("\n\n!!!!"), 1), ErrKeyFile, ErrKeyFile, "lines are damaged", ""},
		{"more than any key has", slices.Concat(armored, bytes.Repeat([]byte("\n"), MaxKeyFile)), ErrTooLarge, ErrTooLarge, "", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			k, err := ReadPublicKey(bytes.NewReader(row.file))
			if !errors.Is(err, row.asPublic) || err != nil && !strings.Contains(err.Error(), row.publicSays) {
				t.Errorf("as public key: %v, want %v with %q", err, row.asPublic, row.publicSays)
			}
			if (k == nil) != (err != nil) {
				t.Errorf("key %v with error %v", k, err)
			}
			_, err = ReadPrivateKey(bytes.NewReader(row.file), nil)
			if !errors.Is(err, row.asPrivate) || err != nil && !strings.Contains(err.Error(), row.privateIs) {
				t.Errorf("as private key: %v, want %v with %q", err, row.asPrivate, row.privateIs)
			}
		})
	}
}

func TestAPassphraseIsAskedForWhenItIsNeededAndWipedAlways(t *testing.T) {
	g := needGnuPG(t)
	for _, row := range []struct {
		name, key, phrase string
		want              error
		says              string
	}{
		{"a locked key and its passphrase", lockedKey, passphrase, nil, ""},
		{"a locked key without one", lockedKey, "", ErrPassphrase, "give its passphrase"},
		{"a locked key and another one", lockedKey, "wrong", ErrPassphrase, "the passphrase does not open it"},
		{"an open key without one", curveKey, "", nil, ""},
		{"an open key and one that it does not need", curveKey, "unneeded", nil, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			phrase := []byte(row.phrase)
			_, err := ReadPrivateKey(bytes.NewReader(g.exportPrivate(t, row.key)), phrase)
			if !errors.Is(err, row.want) || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Errorf("got %v, want %v with %q", err, row.want, row.says)
			}
			if err != nil && row.phrase != "" && strings.Contains(err.Error(), row.phrase+" ") {
				t.Errorf("the error holds the passphrase: %v", err)
			}
			if !bytes.Equal(phrase, make([]byte, len(row.phrase))) {
				t.Errorf("the passphrase is still there: %q", phrase)
			}
		})
	}
}

func TestAPrivateKeyWithoutItsSubkeyIsRefused(t *testing.T) {
	g := needGnuPG(t)
	if _, err := ReadPrivateKey(bytes.NewReader(g.exportPrivate(t, signerKey)), nil); !errors.Is(err, ErrNoEncryption) {
		t.Errorf("a key that only signs: %v", err)
	}
}

func TestAKeyThatMayNotBeEncryptedToIsRefusedWithItsIdAndWhatToDo(t *testing.T) {
	g := needGnuPG(t)
	made := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		name, key string
		at        time.Time
		want      error
		says      string
	}{
		{"a key without an end", curveKey, now, nil, ""},
		{"an RSA key", rsaKey, now, nil, ""},
		{"a key after its end", expiredKey, now, ErrExpired, "at 2020-12-31T"},
		{"a key before its end", expiredKey, made.AddDate(0, 6, 0), nil, ""},
		{"a key before it was made", expiredKey, made.AddDate(0, 0, -1), ErrNotYetValid, "look at the clocks"},
		{"a revoked key", revokedKey, now, ErrRevoked, "new one"},
		{"a key that only signs", signerKey, now, ErrNoEncryption, "no subkey for encryption"},
	} {
		t.Run(row.name, func(t *testing.T) {
			k := g.publicKey(t, row.key)
			check := k.Check(row.at)
			var out bytes.Buffer
			w, err := Encrypt(&out, k, row.at)
			if !errors.Is(check, row.want) || !errors.Is(err, row.want) {
				t.Fatalf("Check says %v, Encrypt %v, want %v", check, err, row.want)
			}
			if row.want == nil {
				return
			}
			if w != nil || out.Len() > 0 {
				t.Errorf("%d bytes were written", out.Len())
			}
			for _, want := range []string{k.KeyID(), row.says} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("there is no %q in: %v", want, err)
				}
			}
		})
	}
}

// A subkey may end, or be revoked, while its key goes on.
func TestASubkeyHasALifeOfItsOwn(t *testing.T) {
	g := needGnuPG(t)
	g.mustRun(t, nil, "--passphrase", "", "--quick-gen-key", "subkeys <subkeys@example.com>", "ed25519", "sign", "0")
	key := func() *PublicKey {
		t.Helper()
		return g.publicKey(t, "subkeys")
	}
	fingerprint := key().Fingerprint()
	g.mustRun(t, nil, "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "2d")
	if err := key().Check(now); err != nil {
		t.Errorf("a subkey within its time: %v", err)
	}
	if err := key().Check(now.AddDate(0, 0, 3)); !errors.Is(err, ErrExpired) || !strings.Contains(err.Error(), ", subkey ") {
		t.Errorf("a subkey after its end: %v", err)
	}
	g.mustRun(t, nil, "--passphrase", "", "--quick-add-key", fingerprint, "cv25519", "encr", "0")
	if err := key().Check(now.AddDate(0, 0, 3)); err != nil {
		t.Errorf("a second subkey without an end: %v", err)
	}
	cmd := g.command("--command-fd", "0", "--edit-key", "subkeys@example.com")
	cmd.Args = slices.DeleteFunc(cmd.Args, func(arg string) bool { return arg == "--batch" })
	cmd.Stdin = strings.NewReader("key 1\nkey 2\nrevkey\ny\n0\n\ny\nsave\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("revoke: %v\n%s", err, out)
	}
	if err := key().Check(now); !errors.Is(err, ErrRevoked) || !strings.Contains(err.Error(), ", subkey ") {
		t.Errorf("revoked subkeys: %v", err)
	}
}

func TestAPrivateKeyShowsNothingOfItself(t *testing.T) {
	k := needGnuPG(t).privateKey(t, curveKey)
	want := "OpenPGP key " + k.KeyID()
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, k); got != want {
			t.Errorf("%s: %q, want %q", verb, got, want)
		}
		if got := fmt.Sprintf(verb, *k); got != want {
			t.Errorf("%s of the value: %q, want %q", verb, got, want)
		}
	}
	if len(k.KeyID()) != 16 || !strings.HasSuffix(k.Fingerprint(), k.KeyID()) {
		t.Errorf("id %s, fingerprint %s", k.KeyID(), k.Fingerprint())
	}
}

func TestKeysMayBeUsedAtTheSameTime(t *testing.T) {
	g := needGnuPG(t)
	public, private := g.publicKey(t, curveKey), g.privateKey(t, curveKey)
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			var out bytes.Buffer
			w, err := Encrypt(&out, public, now)
			if err != nil {
				t.Error(err)
				return
			}
			if _, err := io.WriteString(w, "x"); err != nil || w.Close() != nil {
				t.Error("writing failed")
			}
			if got, err := decrypt(out.Bytes(), private); err != nil || string(got) != "x" || private.Check(now) != nil {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	running.Wait()
}
