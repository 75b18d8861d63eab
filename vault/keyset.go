package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"github.com/gofrs/flock"
	"github.com/tink-crypto/tink-go/v2/aead"
	"github.com/tink-crypto/tink-go/v2/insecurecleartextkeyset"
	"github.com/tink-crypto/tink-go/v2/keyset"
	"github.com/tink-crypto/tink-go/v2/prf"
	tinkpb "github.com/tink-crypto/tink-go/v2/proto/tink_go_proto"
	"github.com/tink-crypto/tink-go/v2/streamingaead"
	"github.com/tink-crypto/tink-go/v2/tink"

	"cardbatch/internal/atomicfile"
	"cardbatch/internal/privatefile"
)

// Use is what a key is for.
type Use string

const (
	UseSeal        Use = "seal"        // card numbers in the store
	UseArchive     Use = "archive"     // original files
	UseFingerprint Use = "fingerprint" // equality of card numbers; never rotated
)

// Key describes one key of the set, without its material.
type Key struct {
	ID      string // eight hex digits
	Use     Use
	Primary bool // new data is protected with it
	number  uint32
}

// keySetVersion is the version of the file's form.
const keySetVersion = 1

// maxKeySetBytes is some thousands of keys.
const maxKeySetBytes = 1 << 20

// storedKeySet is the file: three Tink key sets in Tink's own JSON.
type storedKeySet struct {
	Version     int             `json:"cardbatch_key_set"`
	Seal        json.RawMessage `json:"seal"`
	Archive     json.RawMessage `json:"archive"`
	Fingerprint json.RawMessage `json:"fingerprint"`
}

// keySet is the keys of the file, ready for use. It never changes.
type keySet struct {
	handles map[Use]*keyset.Handle
	keys    []Key
	aead    tink.AEAD
	stream  tink.StreamingAEAD
	prf     *prf.Set
}

// Create makes a key set at path, mode 0600. It never replaces one.
func Create(path string) error {
	handles := map[Use]*keyset.Handle{}
	var err error
	if handles[UseSeal], err = keyset.NewHandle(aead.AES256GCMKeyTemplate()); err != nil {
		return fmt.Errorf("make key set: %w", err)
	}
	if handles[UseArchive], err = keyset.NewHandle(streamingaead.AES256GCMHKDF1MBKeyTemplate()); err != nil {
		return fmt.Errorf("make key set: %w", err)
	}
	if handles[UseFingerprint], err = keyset.NewHandle(prf.HMACSHA256PRFKeyTemplate()); err != nil {
		return fmt.Errorf("make key set: %w", err)
	}
	content, err := encodeKeySet(handles)
	if err != nil {
		return err
	}
	err = atomicfile.WriteNew(path, content, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrKeySetExists)
	}
	if err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	return nil
}

// Keys lists the keys, by use, oldest first.
func (v *Vault) Keys() []Key { return slices.Clone(v.keys.Load().keys) }

// Rotate adds a new key for sealing and one for the archive, and makes them primary.
// The old ones stay for reading until Retire. Other processes that hold the key set open
// must open it again to read what is sealed from now on: rotate under the store's lock.
func (v *Vault) Rotate() error {
	return v.change(func(handles map[Use]*keyset.Handle) error {
		for use, template := range rotated {
			m := keyset.NewManagerFromHandle(handles[use])
			id, err := m.Add(template())
			if err != nil {
				return fmt.Errorf("new %s key: %w", use, err)
			}
			if err := m.SetPrimary(id); err != nil {
				return fmt.Errorf("new %s key: %w", use, err)
			}
			if handles[use], err = m.Handle(); err != nil {
				return fmt.Errorf("new %s key: %w", use, err)
			}
		}
		return nil
	})
}

// Retire deletes the old keys that nothing needs any more and returns them. inUse
// must answer true for every key that KeyOf or Archive.Keys still finds anywhere, in
// restorable backups too: what a deleted key protects can never be read again.
func (v *Vault) Retire(inUse func(k Key) bool) ([]Key, error) {
	var retired []Key
	err := v.change(func(handles map[Use]*keyset.Handle) error {
		for _, key := range listKeys(handles) {
			if key.Primary || key.Use == UseFingerprint || inUse(key) {
				continue
			}
			m := keyset.NewManagerFromHandle(handles[key.Use])
			err := m.Delete(key.number)
			if err == nil {
				handles[key.Use], err = m.Handle()
			}
			if err != nil {
				return fmt.Errorf("retire %s key %s: %w", key.Use, key.ID, err)
			}
			retired = append(retired, key)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return retired, nil
}

// rotated names the uses that get new keys, with the kind of key.
var rotated = map[Use]func() *tinkpb.KeyTemplate{
	UseSeal:    aead.AES256GCMKeyTemplate,
	UseArchive: streamingaead.AES256GCMHKDF1MBKeyTemplate,
}

// change edits the key set in its file and takes the result over. It starts from the
// file, not from memory, and under a lock: two rotations at once must not lose a key
// that something is sealed with already.
func (v *Vault) change(edit func(handles map[Use]*keyset.Handle) error) error {
	// A link to another volume must stay one: the set is replaced where it really is.
	path, err := filepath.EvalSymlinks(v.path)
	if err != nil {
		return fmt.Errorf("key set: %w", err)
	}
	lock := flock.New(path + ".lock")
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock key set: %w", err)
	}
	defer func() { _ = lock.Close() }()
	keys, err := readKeySet(path)
	if err != nil {
		return err
	}
	if err := edit(keys.handles); err != nil {
		return err
	}
	content, err := encodeKeySet(keys.handles)
	if err != nil {
		return err
	}
	if keys, err = decodeKeySet(content); err != nil {
		return err
	}
	if err := atomicfile.Write(path, content, 0o600); err != nil {
		return fmt.Errorf("write key set: %w", err)
	}
	v.keys.Store(keys)
	return nil
}

func readKeySet(path string) (*keySet, error) {
	content, err := privatefile.Read(path, maxKeySetBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w", path, ErrNoKeySet)
	}
	if err != nil {
		return nil, fmt.Errorf("key set: %w", err)
	}
	keys, err := decodeKeySet(content)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return keys, nil
}

func encodeKeySet(handles map[Use]*keyset.Handle) ([]byte, error) {
	stored := storedKeySet{Version: keySetVersion}
	for use, field := range stored.fields() {
		var text bytes.Buffer
		if err := insecurecleartextkeyset.Write(handles[use], keyset.NewJSONWriter(&text)); err != nil {
			return nil, fmt.Errorf("encode %s keys: %w", use, err)
		}
		*field = text.Bytes()
	}
	content, err := json.MarshalIndent(stored, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode key set: %w", err)
	}
	return append(content, '\n'), nil
}

// decodeKeySet reads a key set and tries every use once, so that a set that opens
// also works. Its errors carry nothing of the content.
func decodeKeySet(content []byte) (*keySet, error) {
	var stored storedKeySet
	d := json.NewDecoder(bytes.NewReader(content))
	d.DisallowUnknownFields()
	if err := d.Decode(&stored); err != nil || stored.Version != keySetVersion {
		return nil, ErrKeySet
	}
	keys := &keySet{handles: map[Use]*keyset.Handle{}}
	for use, field := range stored.fields() {
		handle, err := insecurecleartextkeyset.Read(keyset.NewJSONReader(bytes.NewReader(*field)))
		if err != nil {
			return nil, fmt.Errorf("%s keys: %w", use, ErrKeySet)
		}
		keys.handles[use] = handle
	}
	keys.keys = listKeys(keys.handles)
	var err error
	if keys.aead, err = aead.New(keys.handles[UseSeal]); err != nil {
		return nil, fmt.Errorf("%s keys: %w", UseSeal, ErrKeySet)
	}
	if keys.stream, err = streamingaead.New(keys.handles[UseArchive]); err != nil {
		return nil, fmt.Errorf("%s keys: %w", UseArchive, ErrKeySet)
	}
	if keys.prf, err = prf.NewPRFSet(keys.handles[UseFingerprint]); err != nil {
		return nil, fmt.Errorf("%s keys: %w", UseFingerprint, ErrKeySet)
	}
	if _, err = keys.prf.ComputePrimaryPRF(nil, FingerprintLen/2); err != nil {
		return nil, fmt.Errorf("%s keys: %w", UseFingerprint, ErrKeySet)
	}
	return keys, nil
}

func (s *storedKeySet) fields() map[Use]*json.RawMessage {
	return map[Use]*json.RawMessage{UseSeal: &s.Seal, UseArchive: &s.Archive, UseFingerprint: &s.Fingerprint}
}

// primary is the id of the key that new data is protected with.
func (k *keySet) primary(use Use) string {
	for _, key := range k.keys {
		if key.Use == use && key.Primary {
			return key.ID
		}
	}
	return ""
}

func (k *keySet) holds(use Use, id string) bool {
	return slices.ContainsFunc(k.keys, func(key Key) bool { return key.Use == use && key.ID == id })
}

func listKeys(handles map[Use]*keyset.Handle) []Key {
	var all []Key
	for _, use := range []Use{UseSeal, UseArchive, UseFingerprint} {
		info := handles[use].KeysetInfo()
		for _, k := range info.GetKeyInfo() {
			all = append(all, Key{
				ID:      keyID(k.GetKeyId()),
				Use:     use,
				Primary: k.GetKeyId() == info.GetPrimaryKeyId(),
				number:  k.GetKeyId(),
			})
		}
	}
	return all
}
