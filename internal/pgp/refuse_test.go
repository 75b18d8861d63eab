package pgp

import (
	"bufio"
	"bytes"
	"crypto/aes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/ProtonMail/go-crypto/ocb"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

func TestWhatIsNoMessageForUsIsRefusedAtOnce(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(3), g.privateKey(t, curveKey)
	ours := g.encrypt(t, plain, curveKey)
	other, rsa := g.publicKey(t, otherKey), g.publicKey(t, rsaKey)
	subkey := func(k *PublicKey) string { return keyID(k.entity.Subkeys[0].PublicKey.KeyId) }
	for _, row := range []struct {
		name    string
		message []byte
		want    error
		says    []string
	}{
		{"to another key", g.encrypt(t, plain, otherKey), ErrWrongKey, []string{subkey(other), with.KeyID(), "give the sender our public key"}},
		{"to two other keys", g.encrypt(t, plain, otherKey, "--recipient", rsaKey+"@example.com"), ErrWrongKey, []string{subkey(other), subkey(rsa)}},
		{"to another key, not named", g.encrypt(t, plain, otherKey, "--throw-keyids"), ErrWrongKey, []string{"a key that it does not name"}},
		{"to a passphrase", g.mustRun(t, plain, "--passphrase", "x", "--symmetric"), ErrWrongKey, []string{"a passphrase"}},
		{"nothing", nil, ErrTruncated, []string{"empty"}},
		{"plain text", plain, ErrNotEncrypted, []string{"BEGIN"}},
		{"text in one line that never ends", bytes.Repeat([]byte("x"), 10*bufferSize), ErrNotEncrypted, nil},
		{"a picture", []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR"), ErrNotEncrypted, nil},
		{"signed only", g.mustRun(t, plain, "--local-user", signerKey+"@example.com", "--compress-algo", "none", "--sign"), ErrNotEncrypted, []string{"signed only"}},
		{"signed and compressed", g.mustRun(t, plain, "--local-user", signerKey+"@example.com", "--sign"), ErrNotEncrypted, []string{"anybody can read it"}},
		{"a detached signature", g.mustRun(t, plain, "--local-user", signerKey+"@example.com", "--detach-sign"), ErrNotEncrypted, []string{"signed only"}},
		{"clear text with a signature", g.mustRun(t, plain, "--local-user", signerKey+"@example.com", "--clear-sign"), ErrNotEncrypted, []string{"PGP SIGNED MESSAGE"}},
		{"packed only", g.mustRun(t, plain, "--store"), ErrNotEncrypted, []string{"anybody can read it"}},
		{"a public key", g.exportPublic(t, curveKey+"@example.com"), ErrNotEncrypted, []string{"a file of keys"}},
		{"an armored private key", g.exportPrivate(t, curveKey), ErrNotEncrypted, []string{"PGP PRIVATE KEY BLOCK"}},
		{"without an MDC", g.encrypt(t, plain, curveKey, "--rfc2440", "--disable-mdc", "--cipher-algo", "AES256"), ErrTampered, []string{"no MDC"}},
		{"session keys for nothing", slices.Concat(sessionKey(ours), []byte("\xcb\x00")), ErrTampered, nil},
		{"session keys alone", sessionKey(ours), ErrTruncated, nil},
		{"more keys than anybody has", bytes.Repeat(sessionKey(ours), maxRecipients+1), ErrTooLarge, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			r, err := Decrypt(bytes.NewReader(row.message), with, now)
			if r != nil || !errors.Is(err, row.want) {
				t.Fatalf("reader %v, error %v, want %v", r, err, row.want)
			}
			for _, want := range row.says {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("there is no %q in: %v", want, err)
				}
			}
		})
	}
}

// sessionKey returns the first packet of a small message: its head has a length of one byte.
func sessionKey(message []byte) []byte { return message[:2+int(message[1])] }

func TestAKeyThatIsNotValidDecryptsNothing(t *testing.T) {
	g := needGnuPG(t)
	expired := g.encrypt(t, records(1), expiredKey, "--faked-system-time", "20200601T000000")
	with := g.privateKey(t, expiredKey)
	if _, err := Decrypt(bytes.NewReader(expired), with, now); !errors.Is(err, ErrExpired) || !strings.Contains(err.Error(), with.KeyID()) {
		t.Errorf("with an expired key: %v", err)
	}
	r, err := Decrypt(bytes.NewReader(expired), with, time.Date(2020, 6, 2, 0, 0, 0, 0, time.UTC))
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err != nil {
		t.Errorf("before it expired: %v", err)
	}
	// GnuPG does not encrypt to a revoked key: take the key as it was before.
	revoked := g.privateKey(t, revokedKey)
	before := *revoked.entity
	before.Revocations = nil
	message := encrypt(t, records(1), &PublicKey{key{mu: revoked.mu, entity: &before}})
	if _, err := Decrypt(bytes.NewReader(message), revoked, now); !errors.Is(err, ErrRevoked) {
		t.Errorf("with a revoked key: %v", err)
	}
}

// messages are small ones of every form that is read.
func messages(t *testing.T, g *gnupg, plain []byte) map[string][]byte {
	return map[string][]byte{
		"ours":                     encrypt(t, plain, g.publicKey(t, curveKey)),
		"of GnuPG, compressed":     g.encrypt(t, plain, curveKey),
		"of GnuPG, not compressed": g.encrypt(t, plain, curveKey, "--compress-algo", "none"),
		"of GnuPG, signed":         g.encrypt(t, plain, curveKey, "--sign", "--local-user", signerKey+"@example.com"),
		"of GnuPG, armored":        g.encrypt(t, plain, curveKey, "--armor"),
		"of a newer program":       encryptAEAD(t, plain, g.publicKey(t, curveKey)),
		"of GnuPG 2.4":             encryptOCB(t, plain, g.publicKey(t, curveKey)),
	}
}

// encryptAEAD writes what programs of RFC 9580 do: version 2 of the encrypted packet.
func encryptAEAD(t *testing.T, plain []byte, to *PublicKey) []byte {
	t.Helper()
	var out bytes.Buffer
	config := &packet.Config{AEADConfig: &packet.AEADConfig{ChunkSize: 64}}
	suite := packet.CipherSuite{Cipher: packet.CipherAES256, Mode: packet.AEADModeOCB}
	session := noise(t, suite.Cipher.KeySize())
	if err := packet.SerializeEncryptedKeyAEAD(&out, to.entity.Subkeys[0].PublicKey, suite.Cipher, true, session, config); err != nil {
		t.Fatal(err)
	}
	inner, err := packet.SerializeSymmetricallyEncrypted(&out, suite.Cipher, true, suite, session, config)
	if err != nil {
		t.Fatal(err)
	}
	w, err := packet.SerializeLiteral(inner, true, "", 0)
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

// encryptOCB writes what GnuPG does from 2.3 on for keys that it made itself: packet 20 of
// draft-koch-librepgp, section 5.16, in chunks of 64 bytes.
func encryptOCB(t *testing.T, plain []byte, to *PublicKey) []byte {
	t.Helper()
	var literal, out bytes.Buffer
	w, err := packet.SerializeLiteral(nopCloser{&literal}, true, "", 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(plain); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	session, nonce := noise(t, 32), noise(t, 15)
	if err := packet.SerializeEncryptedKey(&out, to.entity.Subkeys[0].PublicKey, packet.CipherAES256, session, nil); err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(session)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := ocb.NewOCB(block)
	if err != nil {
		t.Fatal(err)
	}
	head := []byte{1, byte(packet.CipherAES256), byte(packet.AEADModeOCB), 0}
	body := slices.Concat(head, nonce)
	seal := func(index uint64, chunk []byte, more ...byte) {
		number := binary.BigEndian.AppendUint64(nil, index)
		n := slices.Clone(nonce)
		for i, b := range number {
			n[7+i] ^= b
		}
		body = sealer.Seal(body, n, chunk, slices.Concat([]byte{0xc0 | tagProtectedDraft}, head, number, more))
	}
	index, total := uint64(0), uint64(literal.Len())
	for chunk := range slices.Chunk(literal.Bytes(), 64) {
		seal(index, chunk)
		index++
	}
	seal(index, nil, binary.BigEndian.AppendUint64(nil, total)...)
	out.Write(binary.BigEndian.AppendUint32([]byte{0xc0 | tagProtectedDraft, 0xff}, uint32(len(body))))
	out.Write(body)
	return out.Bytes()
}

func TestEveryTruncationIsRefused(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(2), g.privateKey(t, curveKey)
	for name, message := range messages(t, g, plain) {
		if got, err := decrypt(message, with); err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("%s: whole: %q, %v", name, got, err)
		}
		whole := bytes.TrimRight(message, "\n") // nothing is lost with the last end of line
		for n := range len(whole) {
			_, err := decrypt(message[:n], with)
			if !errors.Is(err, ErrTruncated) && !errors.Is(err, ErrNotEncrypted) {
				t.Errorf("%s: the first %d of %d bytes: %v", name, n, len(message), err)
			}
			if errors.Is(err, ErrNotEncrypted) && (message[0] != '-' || n >= len("-----BEGIN PGP MESSAGE-----")) {
				t.Errorf("%s: the first %d of %d bytes: %v", name, n, len(message), err)
			}
		}
	}
}

// A message that was changed must not be taken for another one. Some places carry no
// meaning, and the same message comes out when they are changed: unused bits in the packet of
// the session key, which the protection does not cover; the version of packet 20, which the
// library does not look at; the armor's checksum and its last end of line.
func TestNoChangedByteIsAcceptedWithOtherPlaintext(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(2), g.privateKey(t, curveKey)
	for name, message := range messages(t, g, plain) {
		empty := meaningless(t, message)
		for i := range message {
			for _, mask := range []byte{0x01, 0x10, 0x80, 0xff} {
				changed := slices.Clone(message)
				changed[i] ^= mask
				got, err := decrypt(changed, with)
				switch {
				case err == nil && !bytes.Equal(got, plain):
					t.Errorf("%s: byte %d changed by %02x: accepted with %q", name, i, mask, got)
				case err == nil && !empty(i):
					t.Errorf("%s: byte %d changed by %02x: accepted", name, i, mask)
				case err != nil && !refused(err):
					t.Errorf("%s: byte %d changed by %02x: %v", name, i, mask, err)
				case err != nil && strings.Contains(err.Error(), "4111"):
					t.Errorf("%s: byte %d changed by %02x: the error holds plaintext: %v", name, i, mask, err)
				}
			}
		}
	}
}

// meaningless tells which bytes of a message may change without changing the message.
func meaningless(t *testing.T, message []byte) func(int) bool {
	t.Helper()
	body, armor, err := open(bufio.NewReaderSize(bytes.NewReader(message), bufferSize))
	if err != nil {
		t.Fatal(err)
	}
	packets, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	session := len(sessionKey(packets))
	if armor == nil {
		draft := packets[session] == 0xc0|tagProtectedDraft
		return func(i int) bool { return i < session || draft && i == session+6 }
	}
	begin := bytes.Index(message, []byte("\n\n")) + 2
	end := begin + base64.StdEncoding.EncodedLen(session) + session/48 // with the ends of lines
	checksum := bytes.LastIndex(message, []byte("\n=")) + 1
	return func(i int) bool {
		return begin <= i && i < end || checksum < i && i < checksum+5 || i == len(message)-1
	}
}

func TestNothingMayFollowTheMessage(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(2), g.privateKey(t, curveKey)
	for name, message := range messages(t, g, plain) {
		for what, more := range map[string][]byte{"a byte": {'x'}, "a zero": {0}, "the message again": message} {
			if _, err := decrypt(slices.Concat(message, more), with); !errors.Is(err, ErrTampered) {
				t.Errorf("%s, and %s: %v", name, what, err)
			}
		}
	}
}

// bomb is a message whose content, all zeros, unpacks to n bytes.
func bomb(t testing.TB, g *gnupg, n int64, options ...string) []byte {
	t.Helper()
	cmd := g.command(append(options, "--recipient", curveKey+"@example.com", "--encrypt")...)
	var out bytes.Buffer
	cmd.Stdin, cmd.Stdout = io.LimitReader(zeros{}, n), &out
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestAMessageThatUnpacksBeyondMeasureIsRefused(t *testing.T) {
	g := needGnuPG(t)
	with := g.privateKey(t, curveKey)
	for _, algorithm := range []string{"zip", "zlib", "bzip2"} {
		message := bomb(t, g, 100<<20, "--compress-algo", algorithm)
		r, err := Decrypt(bytes.NewReader(message), with, now)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, r)
		if !errors.Is(err, ErrTooLarge) {
			t.Errorf("%s: %d bytes of a message of %d: %v", algorithm, n, len(message), err)
		}
		if limit := freePlaintext + MaxRatio*int64(len(message)); n > limit {
			t.Errorf("%s: %d bytes came out, more than %d", algorithm, n, limit)
		}
	}
	// The same content is nothing to fear where the file is as large.
	if n, err := decrypt(bomb(t, g, 2<<20, "--compress-algo", "none"), with); err != nil || len(n) != 2<<20 {
		t.Errorf("not compressed: %d bytes, %v", len(n), err)
	}
}

func TestContentThatIsNotOneFileIsRefused(t *testing.T) {
	g := needGnuPG(t)
	to, with := g.publicKey(t, curveKey), g.privateKey(t, curveKey)
	stored := g.mustRun(t, records(1), "--store", "--compress-algo", "zlib")
	literal := g.mustRun(t, records(1), "--store", "--compress-algo", "none")
	signed := g.mustRun(t, records(1), "--local-user", signerKey+"@example.com", "--compress-algo", "none", "--sign")
	onePass := sessionKey(signed) // its first packet is the one that announces the signature
	var twice bytes.Buffer
	w, err := packet.SerializeCompressed(nopCloser{&twice}, packet.CompressionZLIB, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(stored); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name    string
		content []byte
		want    error
	}{
		{"a file", literal, nil},
		{"a compressed file", stored, nil},
		{"a signed file", signed, nil},
		{"a file behind a marker", slices.Concat([]byte("\xca\x03PGP"), literal), nil},
		{"nothing", nil, ErrTampered},
		{"two files", slices.Concat(literal, literal), ErrTampered},
		{"a file and a byte", slices.Concat(literal, []byte{0}), ErrTampered},
		{"a signed file without its signature", slices.Concat(onePass, literal), ErrTampered},
		{"many signatures announced", slices.Concat(bytes.Repeat(onePass, maxSignatures+1), literal), ErrTampered},
		{"a message within the message", encrypt(t, records(1), to), ErrTampered},
		{"compressed twice", twice.Bytes(), ErrTampered},
		{"half a compressed file", stored[:len(stored)/2], ErrTampered},
		{"a file that is shorter than it says", literal[:len(literal)-1], ErrTampered},
		{"a user id of two megabytes", slices.Concat([]byte("\xcd\xff\x00\x20\x00\x00"), make([]byte, 2<<20)), ErrTampered},
		{"a signature of two megabytes", slices.Concat([]byte("\xc2\xff\x00\x20\x00\x00"), make([]byte, 2<<20), literal), ErrTampered},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := decrypt(sealContent(t, row.content, to), with)
			if !errors.Is(err, row.want) || err == nil && !bytes.Equal(got, records(1)) {
				t.Errorf("got %q, %v, want %v", got, err, row.want)
			}
			if err != nil && strings.Contains(err.Error(), "4111") {
				t.Errorf("the error holds plaintext: %v", err)
			}
		})
	}
}

func TestAFailingDiskIsNoTampering(t *testing.T) {
	g := needGnuPG(t)
	broken := errors.New("the disk is broken")
	with, message := g.privateKey(t, curveKey), encrypt(t, noise(t, 5*bufferSize), g.publicKey(t, curveKey))
	for _, n := range []int{0, 1, 50, 300, bufferSize, 3 * bufferSize, len(message)} {
		r, err := Decrypt(io.MultiReader(bytes.NewReader(message[:n]), iotest.ErrReader(broken)), with, now)
		if err == nil {
			_, err = io.Copy(io.Discard, r)
		}
		if !errors.Is(err, broken) || refused(err) {
			t.Errorf("after %d bytes: %v", n, err)
		}
	}
	if _, err := ReadPublicKey(iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("a key: %v", err)
	}
}

// full fails after n bytes, as a full disk does.
type full struct{ n int }

var errFull = errors.New("no space left")

func (f *full) Write(p []byte) (int, error) {
	if f.n -= len(p); f.n < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestAMessageThatCannotBeWrittenIsNotComplete(t *testing.T) {
	to := needGnuPG(t).publicKey(t, curveKey)
	plain := noise(t, 5*bufferSize)
	for _, n := range []int{0, 100, 2 * bufferSize, 5 * bufferSize} {
		w, err := Encrypt(&full{n}, to, now)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = w.Write(plain)
		if err := w.Close(); !errors.Is(err, errFull) {
			t.Errorf("after %d bytes Close says %v", n, err)
		}
		if _, err := w.Write(plain); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a write after Close: %v", err)
		}
	}
}

func TestReadersOfEveryMannerAreServed(t *testing.T) {
	g := needGnuPG(t)
	plain, with := records(100), g.privateKey(t, curveKey)
	for name, message := range messages(t, g, plain) {
		for manner, of := range map[string]func(io.Reader) io.Reader{
			"one byte at a time": iotest.OneByteReader, "half of what is asked": iotest.HalfReader, "the end with the last byte": iotest.DataErrReader,
		} {
			r, err := Decrypt(of(bytes.NewReader(message)), with, now)
			if err != nil {
				t.Errorf("%s, %s: %v", name, manner, err)
				continue
			}
			if err := iotest.TestReader(r, plain); err != nil {
				t.Errorf("%s, %s: %v", name, manner, err)
			}
		}
	}
}

// heap watches memory while a stream runs through it.
type heap struct{ most uint64 }

func (h *heap) look() {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	h.most = max(h.most, m.HeapInuse)
}

// counted counts what is read.
type counted struct {
	r io.Reader
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

func TestMessagesAreStreams(t *testing.T) {
	const size = 50 << 20
	g := needGnuPG(t)
	public, private := g.publicKey(t, curveKey), g.privateKey(t, curveKey)
	runtime.GC()
	var memory heap
	memory.look()
	before := memory.most
	out, in := io.Pipe()
	go func() {
		w, err := Encrypt(in, public, now)
		if err == nil {
			_, err = io.Copy(w, io.LimitReader(zeros{}, size))
		}
		if err == nil {
			err = w.Close()
		}
		in.CloseWithError(err)
	}()
	read := &counted{r: out}
	r, err := Decrypt(read, private, now)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for buffer := make([]byte, bufferSize); err == nil; {
		var m int
		m, err = r.Read(buffer)
		n += int64(m)
		if ahead := read.n - n; ahead > 8*bufferSize {
			t.Fatalf("%d bytes of plaintext are out when %d of the message are read", n, read.n)
		}
		if n%(1<<20) < bufferSize {
			memory.look()
		}
	}
	if !errors.Is(err, io.EOF) || n != size {
		t.Fatalf("%d bytes, %v", n, err)
	}
	if grown := int64(memory.most) - int64(before); grown > 10<<20 {
		t.Errorf("memory grew by %d bytes for a message of %d", grown, size)
	}
}
