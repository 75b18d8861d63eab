package pgp

import (
	"bytes"
	"errors"
	"io"
	"os"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp/packet"
)

// fuzzKey is a key that is the same in all of a fuzzer's processes.
func fuzzKey(f testing.TB) (file []byte, public *PublicKey, private *PrivateKey) {
	f.Helper()
	file, err := os.ReadFile("testdata/fuzz-key.asc")
	if err != nil {
		f.Fatal(err)
	}
	if private, err = ReadPrivateKey(bytes.NewReader(file), nil); err != nil {
		f.Fatal(err)
	}
	return file, &PublicKey{private.key}, private
}

func addKeys(f *testing.F) {
	armored, _, private := fuzzKey(f)
	var public, secret bytes.Buffer
	if err := private.entity.Serialize(&public); err != nil {
		f.Fatal(err)
	}
	if err := private.entity.SerializePrivateWithoutSigning(&secret, nil); err != nil {
		f.Fatal(err)
	}
	for _, seed := range [][]byte{armored, public.Bytes(), secret.Bytes(), public.Bytes()[:40], nil,
		[]byte("-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP PUBLIC KEY BLOCK-----")} {
		f.Add(seed)
	}
}

func FuzzReadPublicKey(f *testing.F) {
	addKeys(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := ReadPublicKey(bytes.NewReader(file))
		switch {
		case err != nil && !errors.Is(err, ErrKeyFile) && !errors.Is(err, ErrTooLarge):
			t.Errorf("an error without a kind: %v", err)
		case err == nil && k.Check(now) == nil:
			_ = encrypt(t, []byte("x"), k)
		}
	})
}

func FuzzReadPrivateKey(f *testing.F) {
	addKeys(f)
	f.Fuzz(func(t *testing.T, file []byte) {
		k, err := ReadPrivateKey(bytes.NewReader(file), nil)
		switch {
		case err != nil && !errors.Is(err, ErrKeyFile) && !errors.Is(err, ErrTooLarge) && !errors.Is(err, ErrPassphrase) && !errors.Is(err, ErrNoEncryption):
			t.Errorf("an error without a kind: %v", err)
		case err == nil:
			_ = k.Check(now)
		}
	})
}

func FuzzDecrypt(f *testing.F) {
	_, public, private := fuzzKey(f)
	plain := records(2)
	message := encrypt(f, plain, public)
	f.Add(message)
	f.Add(message[:len(message)/2])
	f.Add(bytes.Repeat(message, 2))
	f.Add([]byte("-----BEGIN PGP MESSAGE-----\n\nAAAA\n=AAAA\n-----END PGP MESSAGE-----"))
	f.Fuzz(func(t *testing.T, file []byte) {
		if got, err := decrypt(file, private); err != nil && !refused(err) {
			t.Errorf("an error without a kind: %v", err)
		} else if err == nil && !bytes.HasPrefix(got, plain[:20]) {
			t.Errorf("accepted with %q", got)
		}
	})
}

// FuzzDecryptContent seals what the fuzzer makes, so that it comes to be read behind the encryption.
func FuzzDecryptContent(f *testing.F) {
	_, public, private := fuzzKey(f)
	var literal, compressed bytes.Buffer
	w, err := packet.SerializeLiteral(nopCloser{&literal}, true, "name", 1)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(records(2)); err != nil || w.Close() != nil {
		f.Fatal(err)
	}
	w, err = packet.SerializeCompressed(nopCloser{&compressed}, packet.CompressionZLIB, nil)
	if err != nil {
		f.Fatal(err)
	}
	if _, err := w.Write(literal.Bytes()); err != nil || w.Close() != nil {
		f.Fatal(err)
	}
	f.Add(literal.Bytes())
	f.Add(compressed.Bytes())
	f.Add([]byte("\xc4\x0d\x03\x00\x01\x16AAAAAAAA\x01\xcb\x06b\x00\x00\x00\x00\x00\xc2\x01\x04")) // announced, literal, signature
	f.Fuzz(func(t *testing.T, content []byte) {
		got, err := decrypt(sealContent(t, content, public), private)
		if err != nil && !refused(err) {
			t.Errorf("an error without a kind: %v", err)
		}
		if limit := freePlaintext + MaxRatio*(len(content)+1000); len(got) > limit {
			t.Errorf("%d bytes of content unpack to %d", len(content), len(got))
		}
	})
}

// sealContent encrypts packets as they are, with an MDC.
func sealContent(t testing.TB, content []byte, to *PublicKey) []byte {
	t.Helper()
	var out bytes.Buffer
	session := noise(t, 32)
	if err := packet.SerializeEncryptedKey(&out, to.entity.Subkeys[0].PublicKey, packet.CipherAES256, session, nil); err != nil {
		t.Fatal(err)
	}
	w, err := packet.SerializeSymmetricallyEncrypted(&out, packet.CipherAES256, false, packet.CipherSuite{}, session, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(content); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// nopCloser closes nothing below it.
type nopCloser struct{ io.Writer }

func (nopCloser) Close() error { return nil }
