// Package vault protects card data at rest: card numbers in the store, and the
// original files in the archive.
//
// Card numbers are sealed with AES-256-GCM and bound to the place they are kept at,
// so that a sealed number moved to another line or wallet cannot be opened.
// Equality is found by a keyed fingerprint (HMAC-SHA-256), never by the number.
// Files are encrypted as streams (AES-256-GCM with HKDF, in segments), each segment
// authenticated before a byte of it is handed out; a stream that ends early is an error.
//
// All keys are in one file, the key set, that only its owner may read. It is never
// in the store. Whoever holds store and key set can read card numbers; whoever
// holds one of them cannot. Losing the key set loses what it protects.
//
// The cryptography is Google's Tink; this package only decides what is bound to what.
package vault

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"sync/atomic"

	"cardbatch/internal/privatefile"
)

var (
	// ErrNoKeySet: there is no key set at the path.
	ErrNoKeySet = errors.New("there is no key set")
	// ErrKeySetExists: Create never replaces a key set.
	ErrKeySetExists = errors.New("there is a key set already; replacing it would make everything sealed with it unreadable")
	// ErrPermissions: others than the owner may read or change the key set.
	ErrPermissions = privatefile.ErrPermissions
	// ErrKeySet: the file is not a key set, or a damaged one.
	ErrKeySet = errors.New("not a key set of this program, or a damaged one")
	// ErrUnknownKey: the data was sealed with a key that this key set does not hold.
	ErrUnknownKey = errors.New("sealed with a key that is not in the key set")
	// ErrDamaged: the data was altered, cut short, or belongs to another place.
	ErrDamaged = errors.New("altered, cut short, or sealed for another place")
)

// Vault holds the keys of one installation. Its methods may be called from many goroutines.
type Vault struct {
	path string
	keys atomic.Pointer[keySet]
}

// Open reads the key set at path.
func Open(path string) (*Vault, error) {
	keys, err := readKeySet(path)
	if err != nil {
		return nil, err
	}
	v := &Vault{path: path}
	v.keys.Store(keys)
	return v, nil
}

// Seal encrypts plain and binds it to bound: only Unseal with the same text opens it.
func (v *Vault) Seal(plain, bound string) ([]byte, error) {
	sealed, err := v.keys.Load().aead.Encrypt([]byte(plain), []byte(bound))
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	return sealed, nil
}

// Unseal decrypts what Seal gave for the same bound. Its errors are ErrUnknownKey and ErrDamaged.
func (v *Vault) Unseal(sealed []byte, bound string) (string, error) {
	keys := v.keys.Load()
	id, ok := sealedWith(sealed)
	if !ok {
		return "", fmt.Errorf("unseal: %w", ErrDamaged)
	}
	if !keys.holds(UseSeal, id) {
		return "", fmt.Errorf("unseal: key %s: %w", id, ErrUnknownKey)
	}
	plain, err := keys.aead.Decrypt(sealed, []byte(bound))
	if err != nil {
		return "", fmt.Errorf("unseal: %w", ErrDamaged)
	}
	return string(plain), nil
}

// NeedsReseal reports whether an older key sealed it. What no key of the set sealed
// is left alone: it could not be opened either.
func (v *Vault) NeedsReseal(sealed []byte) bool {
	keys := v.keys.Load()
	id, ok := sealedWith(sealed)
	return ok && id != keys.primary(UseSeal) && keys.holds(UseSeal, id)
}

// Reseal seals again with the newest key what Seal gave for the same bound.
func (v *Vault) Reseal(sealed []byte, bound string) ([]byte, error) {
	plain, err := v.Unseal(sealed, bound)
	if err != nil {
		return nil, err
	}
	return v.Seal(plain, bound)
}

// fingerprintLabel keeps fingerprints apart from anything else the key may be used for one day.
const fingerprintLabel = "cardbatch card fingerprint v1\x00"

// FingerprintLen is the length of every fingerprint.
const FingerprintLen = 32

// Fingerprint returns 32 lower-case hex digits that are equal for equal numbers and
// say nothing without the key set. Its key is never rotated, or nothing would be
// found equal any more.
func (v *Vault) Fingerprint(pan string) string {
	mac, err := v.keys.Load().prf.ComputePrimaryPRF([]byte(fingerprintLabel+pan), FingerprintLen/2)
	if err != nil {
		panic(fmt.Sprintf("vault: fingerprint: %v", err)) // only for an output longer than the hash's
	}
	return hex.EncodeToString(mac)
}

// KeyOf names the key that sealed it, for Retire; empty for bytes that Seal did not make.
func KeyOf(sealed []byte) string {
	id, _ := sealedWith(sealed)
	return id
}

// sealedWith reads the key id that Tink puts in front: 0x01, then four bytes.
func sealedWith(sealed []byte) (id string, ok bool) {
	if len(sealed) < 5 || sealed[0] != 1 {
		return "", false
	}
	return keyID(binary.BigEndian.Uint32(sealed[1:5])), true
}

// keyID is how a key is named to people.
func keyID(id uint32) string {
	text := strconv.FormatUint(uint64(id), 16)
	return "00000000"[len(text):] + text
}
