package pgp

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	pgperrors "github.com/ProtonMail/go-crypto/openpgp/errors"
	"github.com/ProtonMail/go-crypto/openpgp/packet"
	openpgp "github.com/ProtonMail/go-crypto/openpgp/v2"
)

// PublicKey is a key to encrypt to. It may be used by several goroutines.
type PublicKey struct{ key }

// PrivateKey is a key to decrypt with, unlocked. It may be used by several goroutines.
// Formatted in any way it shows its id only.
type PrivateKey struct{ key }

// key is what both have in common. The library notes on its own values which signatures
// it has checked, hence the lock.
type key struct {
	mu     *sync.Mutex
	entity *openpgp.Entity
}

// KeyID returns the id of the primary key, sixteen hexadecimal digits as GnuPG shows it.
func (k key) KeyID() string { return keyID(k.entity.PrimaryKey.KeyId) }

// Fingerprint returns the fingerprint of the primary key, in hexadecimal digits: what is
// compared with the key's owner by telephone.
func (k key) Fingerprint() string { return fmt.Sprintf("%X", k.entity.PrimaryKey.Fingerprint) }

// String returns the id and nothing else.
func (k key) String() string { return "OpenPGP key " + k.KeyID() }

// GoString is String.
func (k key) GoString() string { return k.String() }

// Check tells whether the key can be encrypted to at a moment: nil, or an error that wraps
// ErrExpired, ErrNotYetValid, ErrRevoked or ErrNoEncryption.
func (k key) Check(at time.Time) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, err := k.encryptionKey(at)
	return err
}

// encryptionKey returns the key or subkey that is encrypted to. The caller holds the lock.
func (k key) encryptionKey(at time.Time) (openpgp.Key, error) {
	config := settings()
	found, selection := k.entity.EncryptionKeyWithError(at, config)
	if selection == nil {
		return found, nil
	}
	if err := k.primaryValid(at); err != nil {
		return openpgp.Key{}, err
	}
	// The primary key is good: the reason is with a subkey, if there is one for encryption.
	var last error
	for i := range k.entity.Subkeys {
		s := &k.entity.Subkeys[i]
		if sig, err := s.LatestValidBindingSignature(time.Time{}, config); err != nil || !encrypts(s.PublicKey, sig) {
			continue
		}
		if err := k.subkeyValid(s, at); err != nil {
			last = err
		}
	}
	if last != nil {
		return openpgp.Key{}, last
	}
	return openpgp.Key{}, fmt.Errorf("key %s: %w: it has no subkey for encryption, or one whose algorithm is too weak or unknown (RSA needs 2048 bits); its owner must give another key", k.KeyID(), ErrNoEncryption)
}

// settings are those of the library with one exception: a subkey that does not say what it
// is for may be encrypted to. Keys made by older programs, Java's above all, look like that.
func settings() *packet.Config {
	return &packet.Config{InsecureAllowAllKeyFlagsWhenMissing: true}
}

func encrypts(public *packet.PublicKey, sig *packet.Signature) bool {
	return public.PubKeyAlgo.CanEncrypt() && (!sig.FlagsValid || sig.FlagEncryptCommunications || sig.FlagEncryptStorage)
}

// primaryValid tells whether the primary key, on which everything else hangs, is valid.
func (k key) primaryValid(at time.Time) error {
	config, primary := settings(), k.entity.PrimaryKey
	sig, err := k.entity.VerifyPrimaryKey(at, config)
	switch {
	case err == nil:
		return nil
	case primary.CreationTime.After(at):
		return notYet(k.KeyID(), primary, at)
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return revoked(k.KeyID())
	case errors.Is(err, pgperrors.ErrKeyExpired):
		return expired(k.KeyID(), primary, sig)
	}
	return fmt.Errorf("key %s: %w: none of its user ids has a valid signature of the key itself; its owner must give another key", k.KeyID(), ErrNoEncryption)
}

// subkeyValid tells whether a subkey is valid. The primary key is another question.
func (k key) subkeyValid(s *openpgp.Subkey, at time.Time) error {
	config, id := settings(), k.KeyID()+", subkey "+keyID(s.PublicKey.KeyId)
	_, err := s.Verify(at, config)
	switch {
	case err == nil:
		return nil
	case s.PublicKey.CreationTime.After(at):
		return notYet(id, s.PublicKey, at)
	case errors.Is(err, pgperrors.ErrKeyRevoked):
		return revoked(id)
	case errors.Is(err, pgperrors.ErrKeyExpired):
		sig, _ := s.LatestValidBindingSignature(at, config)
		return expired(id, s.PublicKey, sig)
	}
	return fmt.Errorf("key %s: %w: the key has not signed it", id, ErrNoEncryption)
}

func notYet(id string, public *packet.PublicKey, at time.Time) error {
	return fmt.Errorf("key %s: %w: it was made at %s, and here it is %s; look at the clocks on both sides", id, ErrNotYetValid,
		public.CreationTime.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
}

func revoked(id string) error {
	return fmt.Errorf("key %s: %w by its owner; the owner must give a new one", id, ErrRevoked)
}

func expired(id string, public *packet.PublicKey, sig *packet.Signature) error {
	when := ""
	if sig != nil && sig.KeyLifetimeSecs != nil {
		end := public.CreationTime.Add(time.Duration(*sig.KeyLifetimeSecs) * time.Second)
		when = " at " + end.UTC().Format(time.RFC3339)
	}
	return fmt.Errorf("key %s: %w%s; its owner must extend or replace it, and give the new public key to the other side", id, ErrExpired, when)
}

// ReadPublicKey reads the file of one public key, armored or binary. Whatever else the
// file is or holds besides is an error that wraps ErrKeyFile, or ErrTooLarge. Whether the
// key is valid is for Check to say: that changes with time.
func ReadPublicKey(r io.Reader) (*PublicKey, error) {
	k, private, err := readKey(r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read public key: %w", err)
	case private:
		return nil, fmt.Errorf("read public key: %w: it holds the private key %s; give its public half (gpg --armor --export %s), and if the private key is not yours, tell its owner that it is lost",
			ErrKeyFile, k.KeyID(), k.KeyID())
	}
	return &PublicKey{k}, nil
}

// ReadPrivateKey reads the file of one private key, armored or binary, and unlocks it.
// The passphrase is not looked at when the key needs none, and is overwritten with zeros
// before ReadPrivateKey returns, whatever the outcome. Errors wrap ErrKeyFile,
// ErrPassphrase, ErrTooLarge, or ErrNoEncryption when the file lacks the subkey that
// messages are encrypted to.
func ReadPrivateKey(r io.Reader, passphrase []byte) (*PrivateKey, error) {
	defer clear(passphrase)
	k, private, err := readKey(r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("read private key: %w", err)
	case !private:
		return nil, fmt.Errorf("read private key: %w: it holds the public key %s only; export the private one (gpg --armor --export-secret-keys %s)",
			ErrKeyFile, k.KeyID(), k.KeyID())
	}
	if err := k.unlock(passphrase); err != nil {
		return nil, fmt.Errorf("read private key: key %s: %w", k.KeyID(), err)
	}
	for _, candidate := range k.entity.DecryptionKeys(0, time.Time{}, settings()) {
		if usable(candidate.PrivateKey) {
			return &PrivateKey{k}, nil
		}
	}
	return nil, fmt.Errorf("read private key: key %s: %w: the file has no private subkey for encryption; export it with its subkeys", k.KeyID(), ErrNoEncryption)
}

// usable tells whether a private key is there: GnuPG exports an empty one for a key on a card.
func usable(p *packet.PrivateKey) bool { return p != nil && !p.Dummy() && !p.Encrypted }

// unlock decrypts every part of the key.
func (k key) unlock(passphrase []byte) error {
	parts := []*packet.PrivateKey{k.entity.PrivateKey}
	for _, s := range k.entity.Subkeys {
		parts = append(parts, s.PrivateKey)
	}
	locked := false
	for _, p := range parts {
		locked = locked || p != nil && !p.Dummy() && p.Encrypted
	}
	switch {
	case !locked:
		return nil
	case len(passphrase) == 0:
		return fmt.Errorf("%w: give its passphrase", ErrPassphrase)
	}
	// The library's error is left out: it is made of bytes decrypted with a wrong key.
	if packet.DecryptPrivateKeys(parts, passphrase) != nil {
		return fmt.Errorf("%w: the passphrase does not open it; if the passphrase is right, the file is damaged", ErrPassphrase)
	}
	return nil
}

// readKey reads a file of one key, and tells whether it is a private one.
func readKey(r io.Reader) (k key, private bool, err error) {
	limited := &io.LimitedReader{R: r, N: MaxKeyFile + 1}
	content, err := keyContent(bufio.NewReaderSize(limited, bufferSize))
	if limited.N <= 0 {
		return key{}, false, fmt.Errorf("more than %d bytes: %w", MaxKeyFile, ErrTooLarge)
	}
	if err != nil {
		return key{}, false, err
	}
	publicKeys, privateKeys, err := countKeys(content)
	switch {
	case err != nil:
		return key{}, false, err
	case publicKeys+privateKeys == 0:
		return key{}, false, fmt.Errorf("%w: there is no key in it", ErrKeyFile)
	case publicKeys+privateKeys > 1:
		return key{}, false, fmt.Errorf("%w: there are %d keys in it; export the one that is meant alone, by its fingerprint", ErrKeyFile, publicKeys+privateKeys)
	}
	entities, err := openpgp.ReadKeyRing(bytes.NewReader(content))
	if err != nil || len(entities) != 1 {
		return key{}, false, fmt.Errorf("%w: the key is damaged, or of a kind that is not known here", ErrKeyFile)
	}
	return key{mu: new(sync.Mutex), entity: entities[0]}, privateKeys > 0, nil
}

// keyContent returns the packets of a key file without the armor.
func keyContent(in *bufio.Reader) ([]byte, error) {
	body, armor, err := open(in)
	switch {
	case errors.Is(err, io.EOF):
		return nil, fmt.Errorf("%w: it is empty", ErrKeyFile)
	case errors.Is(err, errNoArmor):
		return nil, fmt.Errorf("%w: %w; leave only the lines from BEGIN to END", ErrKeyFile, err)
	case err != nil:
		return nil, armorError(err)
	case armor != nil && armor.kind != kindPublicKey && armor.kind != kindPrivateKey:
		return nil, fmt.Errorf("%w: it is a %.40q", ErrKeyFile, armor.kind)
	}
	content, err := io.ReadAll(body)
	if err == nil && armor != nil {
		err = armor.rest()
	}
	if err != nil {
		return nil, armorError(err)
	}
	return content, nil
}

// armorError says what an error of the armor means for a key file. Others it returns as they are.
func armorError(err error) error {
	switch {
	case errors.Is(err, ErrTruncated):
		return fmt.Errorf("%w: its END line is missing; fetch it again", ErrKeyFile)
	case errors.Is(err, ErrTampered) || notBase64(err):
		return fmt.Errorf("%w: its lines are damaged, or something follows them; leave only those of one key, from BEGIN to END", ErrKeyFile)
	}
	return err
}

// countKeys walks over the packets of a key file.
func countKeys(content []byte) (publicKeys, privateKeys int, err error) {
	in := bufio.NewReader(bytes.NewReader(content))
	packets := packet.NewOpaqueReader(in)
	for {
		tag, err := nextTag(in)
		if errors.Is(err, io.EOF) {
			return publicKeys, privateKeys, nil
		}
		switch tag {
		case tagPublicKey:
			publicKeys++
		case tagPrivateKey:
			privateKeys++
		case tagPublicSubkey, tagPrivateSubkey, tagUserID, tagUserAttribute, tagSignature, tagTrust, tagMarker, tagPadding:
		case tagSessionKey, tagPassphraseKey, tagProtected, tagProtectedDraft, tagUnprotected, tagCompressed, tagLiteral, tagOnePass:
			return 0, 0, fmt.Errorf("%w: it is a message", ErrKeyFile)
		default:
			return 0, 0, fmt.Errorf("%w: it is damaged, or no OpenPGP key at all", ErrKeyFile)
		}
		if _, err := packets.Next(); err != nil {
			return 0, 0, fmt.Errorf("%w: it is cut short or damaged", ErrKeyFile)
		}
	}
}
