package updater

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
	"github.com/ProtonMail/gopenpgp/v3/profile"
)

// Keys are a pair of OpenPGP keys, armored.
type Keys struct{ Public, Private []byte }

// NewKeys makes a pair that GnuPG 2.2 understands (ed25519 with cv25519), for demonstrations and
// tests. It is valid from created on, without an end: a clock that is behind it finds no usable key.
// An empty passphrase leaves the private key open, as a provider's must be.
func NewKeys(name string, passphrase []byte, created time.Time) (Keys, error) {
	key, err := generate(name, created)
	if err != nil {
		return Keys{}, err
	}
	public, err := key.GetArmoredPublicKey()
	if err != nil {
		return Keys{}, fmt.Errorf("write a public key: %w", err)
	}
	if len(passphrase) > 0 {
		if key, err = openPGP().LockKey(key, passphrase); err != nil {
			return Keys{}, fmt.Errorf("lock a private key: %w", err)
		}
	}
	private, err := key.Armor()
	if err != nil {
		return Keys{}, fmt.Errorf("write a private key: %w", err)
	}
	return Keys{[]byte(public), []byte(private)}, nil
}

func generate(name string, created time.Time) (*crypto.Key, error) {
	key, err := crypto.PGPWithProfile(profile.Default()).KeyGeneration().AddUserId(name, "").GenerationTime(created.Unix()).New().GenerateKey()
	if err != nil {
		return nil, fmt.Errorf("make a key: %w", err)
	}
	return key, nil
}

// openPGP writes what old software reads.
func openPGP() *crypto.PGPHandle { return crypto.PGPWithProfile(profile.RFC4880()) }

func privateKey(text []byte) (*crypto.Key, error) {
	key, err := crypto.NewKeyFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if open, err := key.IsUnlocked(); !key.IsPrivate() || err != nil || !open {
		return nil, errors.New("it is no private key without a passphrase")
	}
	return key, nil
}

func publicKey(text []byte) (*crypto.Key, error) {
	key, err := crypto.NewKeyFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	if key.IsPrivate() {
		return nil, errors.New("it is a private key, which must stay with the merchant: give its public half")
	}
	return key, nil
}

// decrypt returns the first bytes of a message, and all of it only if nobody changed it.
func decrypt(message []byte, with *crypto.Key, limit int, now time.Time) ([]byte, error) {
	h, err := openPGP().Decryption().DecryptionKey(with).VerifyTime(now.Unix()).New()
	if err != nil {
		return nil, err
	}
	plain, err := h.DecryptingReader(bytes.NewReader(message), crypto.Auto)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(plain, int64(limit)))
}

func encrypt(plain []byte, to *crypto.Key, now time.Time) ([]byte, error) {
	h, err := openPGP().Encryption().Recipient(to).EncryptionTime(now.Unix()).New()
	if err != nil {
		return nil, err
	}
	var message bytes.Buffer
	w, err := h.EncryptingWriter(&message, crypto.Bytes)
	if err != nil {
		return nil, err
	}
	if _, err = w.Write(plain); err == nil {
		err = w.Close()
	}
	return message.Bytes(), err
}

// stranger is a key of which nobody keeps the private half.
var stranger = sync.OnceValues(func() (*crypto.Key, error) {
	key, err := generate("Nobody", time.Unix(1e9, 0))
	if err != nil {
		return nil, err
	}
	return key.ToPublic()
})
