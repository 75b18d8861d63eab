package pgp

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"strings"
	"testing"
)

// records looks like a file of the exchange. Every number is a published test number.
func records(n int) []byte {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "89987201,%06d,VI,4111111111111111,1227\r\n", i)
	}
	return []byte(b.String())
}

func noise(t testing.TB, n int) []byte {
	t.Helper()
	b := make([]byte, n)
	if _, err := rand.Read(b); err != nil {
		t.Fatal(err)
	}
	return b
}

func contents(t testing.TB) map[string][]byte {
	return map[string][]byte{
		"nothing":             {},
		"one byte":            []byte("x"),
		"a few records":       records(3),
		"many records":        records(20_000),
		"bytes without order": noise(t, 300_000),
	}
}

func TestGnuPGReadsWhatWeEncrypt(t *testing.T) {
	g := needGnuPG(t)
	for _, name := range []string{rsaKey, curveKey, lockedKey} {
		to := g.publicKey(t, name)
		for content, plain := range contents(t) {
			t.Run(name+", "+content, func(t *testing.T) {
				message := encrypt(t, plain, to)
				got := g.mustRun(t, message, "--passphrase", passphrase, "--decrypt")
				if !bytes.Equal(got, plain) {
					t.Errorf("%d bytes came back, of %d", len(got), len(plain))
				}
			})
		}
	}
}

func TestAMessageOfOursIsOldEnoughForEveryPartnerAndTellsNothing(t *testing.T) {
	g := needGnuPG(t)
	for _, name := range []string{rsaKey, curveKey} {
		message := encrypt(t, records(3), g.publicKey(t, name))
		text := string(g.mustRun(t, message, "--verbose", "--list-packets"))
		for _, want := range []string{":pubkey enc packet: version 3", "mdc_method: 2", ":literal data packet:", `created 0, name=""`} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: there is no %q in\n%s", name, want, text)
			}
		}
		for _, not := range []string{":compressed packet:", ":aead encrypted packet:"} {
			if strings.Contains(text, not) {
				t.Errorf("%s: %q in\n%s", name, not, text)
			}
		}
		cmd := g.command("--verbose", "--show-session-key", "--decrypt")
		cmd.Stdin = bytes.NewReader(message)
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "session key: '9:") {
			t.Errorf("%s: the cipher is not AES-256 (9): %v\n%s", name, err, out)
		}
	}
}

func TestWeReadWhatGnuPGEncrypts(t *testing.T) {
	g := needGnuPG(t)
	signed := []string{"--sign", "--local-user", signerKey + "@example.com"}
	ways := []struct {
		name    string
		options []string
	}{
		{"as it does by default, compressed", nil},
		{"armored", []string{"--armor"}},
		{"armored, with a comment", []string{"--armor", "--comment", "from the provider"}},
		{"not compressed", []string{"--compress-algo", "none"}},
		{"ZLIB", []string{"--compress-algo", "zlib"}},
		{"BZIP2", []string{"--compress-algo", "bzip2"}},
		{"AES-256", []string{"--cipher-algo", "AES256"}},
		{"3DES", []string{"--cipher-algo", "3DES"}},
		{"signed", signed},
		{"signed, not compressed, armored", append(signed, "--compress-algo", "none", "--armor")},
		{"signed twice", append(signed, "--local-user", curveKey+"@example.com")},
		{"to several keys", []string{"--recipient", otherKey + "@example.com"}},
		{"to keys that are not named", []string{"--recipient", otherKey + "@example.com", "--throw-keyids"}},
		{"to a passphrase, too", []string{"--symmetric", "--passphrase", "x"}},
		{"with a file name", []string{"--set-filename", "response.csv"}},
		{"for a strict reader of RFC 4880", []string{"--rfc4880"}},
	}
	for _, name := range []string{rsaKey, curveKey, lockedKey} {
		with := g.privateKey(t, name)
		for _, way := range ways {
			for content, plain := range contents(t) {
				if name == lockedKey && content != "a few records" {
					continue // the key is of the same kind as the one before
				}
				t.Run(name+", "+way.name+", "+content, func(t *testing.T) {
					message := g.encrypt(t, plain, name, way.options...)
					got, err := decrypt(message, with)
					if err != nil || !bytes.Equal(got, plain) {
						t.Errorf("%d bytes came back, of %d: %v", len(got), len(plain), err)
					}
				})
			}
		}
	}
}

func TestAnArmoredMessageMayHaveBeenThroughWindows(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(300), g.privateKey(t, curveKey)
	armored := string(g.encrypt(t, plain, curveKey, "--armor"))
	for name, text := range map[string]string{
		"CR LF":                      strings.ReplaceAll(armored, "\n", "\r\n"),
		"a byte order mark":          "\xef\xbb\xbf" + armored,
		"blank lines before":         "\n\n" + armored,
		"blank lines after":          armored + "\r\n \n\t\n",
		"blanks at the end of lines": strings.ReplaceAll(armored, "\n", " \t\n"),
		"no end of the last line":    strings.TrimSuffix(armored, "\n"),
	} {
		got, err := decrypt([]byte(text), with)
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s: %d bytes came back, of %d: %v", name, len(got), len(plain), err)
		}
	}
}
