package vault

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
)

const (
	card      = "5123450000000008"
	otherCard = "4111111111111111"
	place     = `card "acme" "CUST-42" 1`
)

func newVault(t testing.TB) *Vault {
	t.Helper()
	path := filepath.Join(t.TempDir(), "vault.json")
	if err := Create(path); err != nil {
		t.Fatal(err)
	}
	v, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func seal(t testing.TB, v *Vault, plain, bound string) []byte {
	t.Helper()
	sealed, err := v.Seal(plain, bound)
	if err != nil {
		t.Fatal(err)
	}
	return sealed
}

func TestWhatIsSealedOpensAtItsPlaceOnly(t *testing.T) {
	v := newVault(t)
	sealed := seal(t, v, card, place)
	if got, err := v.Unseal(sealed, place); err != nil || got != card {
		t.Errorf("got %q, %v", got, err)
	}
	if bytes.Contains(sealed, []byte(card[:6])) {
		t.Error("the sealed form shows the number")
	}
	for _, bound := range []string{"", `card "acme" "CUST-42" 2`, `card "acme" "CUST-43" 1`, place + " "} {
		if got, err := v.Unseal(sealed, bound); !errors.Is(err, ErrDamaged) || got != "" {
			t.Errorf("at %q: got %q, %v", bound, got, err)
		}
	}
	if again := seal(t, v, card, place); bytes.Equal(again, sealed) {
		t.Error("sealing twice gives the same bytes: equal numbers would show")
	}
}

func TestEveryAlteredByteIsFound(t *testing.T) {
	v := newVault(t)
	sealed := seal(t, v, card, place)
	for i := range sealed {
		for _, bit := range []byte{1, 0x80} {
			altered := bytes.Clone(sealed)
			altered[i] ^= bit
			got, err := v.Unseal(altered, place)
			want := ErrDamaged
			if i >= 1 && i < 5 { // the key's id
				want = ErrUnknownKey
			}
			if !errors.Is(err, want) || got != "" {
				t.Errorf("byte %d: got %q, %v, want %v", i, got, err, want)
			}
		}
	}
	for n := range sealed {
		if got, err := v.Unseal(sealed[:n], place); err == nil || got != "" {
			t.Errorf("cut to %d bytes: got %q, %v", n, got, err)
		}
	}
	if _, err := v.Unseal(append(bytes.Clone(sealed), 0), place); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte more: got %v", err)
	}
}

func TestAnotherInstallationOpensNothing(t *testing.T) {
	sealed := seal(t, newVault(t), card, place)
	if _, err := newVault(t).Unseal(sealed, place); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("got %v", err)
	}
}

func TestFingerprints(t *testing.T) {
	v := newVault(t)
	first := v.Fingerprint(card)
	if !regexp.MustCompile(`^[0-9a-f]{32}$`).MatchString(first) {
		t.Errorf("got %q, want 32 hex digits", first)
	}
	if v.Fingerprint(card) != first {
		t.Error("equal numbers have different fingerprints")
	}
	if v.Fingerprint(otherCard) == first {
		t.Error("different numbers have equal fingerprints")
	}
	if newVault(t).Fingerprint(card) == first {
		t.Error("the fingerprint does not depend on the key")
	}
	if err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	if v.Fingerprint(card) != first {
		t.Error("rotation changed the fingerprint")
	}
}

func TestRotationKeepsReadingAndRetiresWhatNothingNeeds(t *testing.T) {
	v := newVault(t)
	old := seal(t, v, card, place)
	if v.NeedsReseal(old) {
		t.Error("the newest key's work needs no new seal")
	}
	if err := v.Rotate(); err != nil {
		t.Fatal(err)
	}
	if got, err := v.Unseal(old, place); err != nil || got != card {
		t.Fatalf("after rotation: got %q, %v", got, err)
	}
	if !v.NeedsReseal(old) {
		t.Error("an older key's work needs a new seal")
	}
	if v.NeedsReseal([]byte("garbage")) || v.NeedsReseal(seal(t, newVault(t), card, place)) {
		t.Error("what cannot be opened cannot be sealed again")
	}
	if _, err := v.Reseal(old, "elsewhere"); !errors.Is(err, ErrDamaged) {
		t.Errorf("resealed from another place: %v", err)
	}
	fresh, err := v.Reseal(old, place)
	if err != nil || v.NeedsReseal(fresh) || KeyOf(fresh) == KeyOf(old) {
		t.Fatalf("reseal: %v", err)
	}

	kept, err := v.Retire(func(k Key) bool { return k.ID == KeyOf(old) })
	if err != nil || len(kept) != 1 || kept[0].Use != UseArchive {
		t.Fatalf("retired %v, %v; want the old archive key only", kept, err)
	}
	retired, err := v.Retire(func(Key) bool { return false })
	if err != nil || len(retired) != 1 || retired[0].ID != KeyOf(old) {
		t.Fatalf("retired %v, %v; want %s", retired, err, KeyOf(old))
	}
	again, err := Open(v.path)
	if err != nil {
		t.Fatal(err)
	}
	for name, w := range map[string]*Vault{"the vault that retired": v, "the file": again} {
		if _, err := w.Unseal(old, place); !errors.Is(err, ErrUnknownKey) {
			t.Errorf("%s: old seal: %v", name, err)
		}
		if got, err := w.Unseal(fresh, place); err != nil || got != card {
			t.Errorf("%s: new seal: %q, %v", name, got, err)
		}
		uses := map[Use]int{}
		for _, k := range w.Keys() {
			uses[k.Use]++
			if !k.Primary || len(k.ID) != 8 {
				t.Errorf("%s: left over %+v", name, k)
			}
		}
		if len(uses) != 3 || uses[UseSeal] != 1 || uses[UseArchive] != 1 || uses[UseFingerprint] != 1 {
			t.Errorf("%s: keys %v", name, uses)
		}
	}
}

func TestRotationsAtTheSameTimeLoseNoKey(t *testing.T) {
	v := newVault(t)
	const holders, turns = 4, 3
	var wg sync.WaitGroup
	sealed := make([][]byte, holders*turns)
	for i := range holders {
		own, err := Open(v.path) // each with its own, soon outdated, copy of the set
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for j := range turns {
				if err := own.Rotate(); err != nil {
					t.Error(err)
					return
				}
				s, err := own.Seal(card, place)
				if err != nil {
					t.Error(err)
				}
				sealed[i*turns+j] = s
			}
		})
	}
	wg.Wait()
	last, err := Open(v.path)
	if err != nil {
		t.Fatal(err)
	}
	for i, s := range sealed {
		if got, err := last.Unseal(s, place); err != nil || got != card {
			t.Errorf("seal %d: got %q, %v", i, got, err)
		}
	}
}

func TestTheKeySetFile(t *testing.T) {
	v := newVault(t)
	content, err := os.ReadFile(v.path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(v.path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v, want 0600", info.Mode().Perm(), err)
	}
	if err := Create(v.path); !errors.Is(err, ErrKeySetExists) {
		t.Errorf("creating over it: %v", err)
	}
	if now, _ := os.ReadFile(v.path); !bytes.Equal(now, content) {
		t.Error("creating over it changed it")
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(content, &parts); err != nil {
		t.Fatal(err)
	}
	without := func(key string) string {
		rest := map[string]json.RawMessage{}
		for k, p := range parts {
			if k != key {
				rest[k] = p
			}
		}
		text, err := json.Marshal(rest)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	swapped, err := json.Marshal(map[string]json.RawMessage{
		"cardbatch_key_set": parts["cardbatch_key_set"], "seal": parts["archive"], "archive": parts["seal"], "fingerprint": parts["fingerprint"],
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name, content string
		mode          os.FileMode
		want          error
	}{
		{"as it was made", string(content), 0o600, nil},
		{"read-only", string(content), 0o400, nil},
		{"readable by the group", string(content), 0o640, ErrPermissions},
		{"readable by everybody", string(content), 0o604, ErrPermissions},
		{"writable by the group", string(content), 0o620, ErrPermissions},
		{"empty", "", 0o600, ErrKeySet},
		{"no JSON", "keys", 0o600, ErrKeySet},
		{"cut short", string(content[:len(content)/2]), 0o600, ErrKeySet},
		{"of another version", strings.Replace(string(content), `"cardbatch_key_set": 1`, `"cardbatch_key_set": 2`, 1), 0o600, ErrKeySet},
		{"without its seal keys", without("seal"), 0o600, ErrKeySet},
		{"without its archive keys", without("archive"), 0o600, ErrKeySet},
		{"without its fingerprint key", without("fingerprint"), 0o600, ErrKeySet},
		{"with keys in each other's place", string(swapped), 0o600, ErrKeySet},
		{"with something more", strings.Replace(string(content), "{", `{"more": 1,`, 1), 0o600, ErrKeySet},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "vault.json")
			if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, row.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Open(path)
			if !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
			if err != nil && !strings.Contains(err.Error(), path) {
				t.Errorf("%q does not name the file", err)
			}
		})
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.json")); !errors.Is(err, ErrNoKeySet) {
		t.Errorf("no file: %v", err)
	}
}

func TestRotationFollowsALinkToTheKeySet(t *testing.T) {
	v := newVault(t)
	link := filepath.Join(t.TempDir(), "link.json")
	if err := os.Symlink(v.path, link); err != nil {
		t.Fatal(err)
	}
	linked, err := Open(link)
	if err != nil {
		t.Fatal(err)
	}
	if err := linked.Rotate(); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Lstat(link); err != nil || info.Mode().Type() != os.ModeSymlink {
		t.Errorf("the link became %v, %v", info.Mode(), err)
	}
	again, err := Open(v.path)
	if err != nil || len(again.Keys()) != 5 {
		t.Errorf("the file behind the link was not rotated: %v", err)
	}
}

func TestAFailedRotationLeavesTheKeySetAsItWas(t *testing.T) {
	v := newVault(t)
	sealed := seal(t, v, card, place)
	before := v.Keys()
	if err := os.Chmod(v.path, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := v.Rotate(); !errors.Is(err, ErrPermissions) {
		t.Fatalf("got %v", err)
	}
	if after := v.Keys(); len(after) != len(before) {
		t.Errorf("keys %v, before %v", after, before)
	}
	if got, err := v.Unseal(sealed, place); err != nil || got != card {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzUnseal(f *testing.F) {
	v := newVault(f)
	sealed := seal(f, v, card, place)
	f.Add(sealed, place)
	f.Add(sealed[:5], place)
	f.Add([]byte{1}, "")
	f.Fuzz(func(t *testing.T, data []byte, bound string) {
		plain, err := v.Unseal(data, bound)
		genuine := bytes.Equal(data, sealed) && bound == place
		if genuine != (err == nil) || !genuine && plain != "" {
			t.Fatalf("got %q, %v", plain, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	v := newVault(b)
	for b.Loop() {
		if _, err := v.Seal(card, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkUnseal(b *testing.B) {
	v := newVault(b)
	sealed := seal(b, v, card, place)
	for b.Loop() {
		if _, err := v.Unseal(sealed, place); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFingerprint(b *testing.B) {
	v := newVault(b)
	for b.Loop() {
		v.Fingerprint(card)
	}
}
