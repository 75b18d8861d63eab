package vault

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

// segment is the size of an encrypted piece of a stream.
const segment = 1 << 20

func encrypt(t testing.TB, v *Vault, name string, plain []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := v.EncryptWriter(&out, name)
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

func decrypt(v *Vault, name string, stream io.Reader) ([]byte, error) {
	r, err := v.DecryptReader(stream, name)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func plaintext(n int) []byte {
	return bytes.Repeat([]byte("D;INV-9001;"+card+"\n"), n/28+1)[:n]
}

func TestStreamsComeBackAsTheyWere(t *testing.T) {
	v := newVault(t)
	for _, size := range []int{0, 1, 100, segment - 100, segment, 3*segment + 7} {
		plain := plaintext(size)
		stream := encrypt(t, v, "a", plain)
		got, err := decrypt(v, "a", iotest.HalfReader(bytes.NewReader(stream)))
		if err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%d bytes: got %d, %v", size, len(got), err)
		}
		if bytes.Contains(stream, []byte(card)) {
			t.Errorf("%d bytes: the stream shows the number", size)
		}
	}
}

func TestAStreamOpensUnderItsNameOnly(t *testing.T) {
	v := newVault(t)
	stream := encrypt(t, v, "a", plaintext(100))
	if _, err := decrypt(v, "b", bytes.NewReader(stream)); !errors.Is(err, ErrDamaged) {
		t.Errorf("under another name: %v", err)
	}
	if _, err := decrypt(newVault(t), "a", bytes.NewReader(stream)); !errors.Is(err, ErrUnknownKey) {
		t.Errorf("in another installation: %v", err)
	}
}

func TestEveryAlteredRegionOfAStreamIsFound(t *testing.T) {
	v := newVault(t)
	plain := plaintext(2*segment + 500)
	stream := encrypt(t, v, "a", plain)
	for _, row := range []struct {
		name string
		at   int
		want error
	}{
		{"magic", 0, ErrDamaged},
		{"version", 7, ErrDamaged},
		{"key id", 9, ErrUnknownKey},
		{"header of the cipher", streamHeaderLen, ErrDamaged},
		{"salt", streamHeaderLen + 5, ErrDamaged},
		{"nonce", streamHeaderLen + 35, ErrDamaged},
		{"first segment", streamHeaderLen + 100, ErrDamaged},
		{"middle segment", segment + segment/2, ErrDamaged},
		{"last segment", len(stream) - 100, ErrDamaged},
		{"last tag", len(stream) - 1, ErrDamaged},
	} {
		t.Run(row.name, func(t *testing.T) {
			altered := bytes.Clone(stream)
			altered[row.at] ^= 1
			got, err := decrypt(v, "a", bytes.NewReader(altered))
			if !errors.Is(err, row.want) {
				t.Errorf("got %v, want %v", err, row.want)
			}
			if !bytes.HasPrefix(plain, got) {
				t.Error("bytes came out that never went in")
			}
		})
	}
}

func TestATruncatedStreamIsAnError(t *testing.T) {
	v := newVault(t)
	stream := encrypt(t, v, "a", plaintext(3*segment))
	cuts := []int{0, 1, streamHeaderLen - 1, streamHeaderLen, streamHeaderLen + 1, streamHeaderLen + 40, 100, len(stream) - 1}
	for i := 1; i <= 3; i++ { // the ends of whole segments, where a careless reader sees a clean end
		cuts = append(cuts, streamHeaderLen+i*segment)
	}
	for _, n := range cuts {
		if _, err := decrypt(v, "a", bytes.NewReader(stream[:n])); !errors.Is(err, ErrDamaged) {
			t.Errorf("cut to %d of %d bytes: got %v", n, len(stream), err)
		}
	}
	if _, err := decrypt(v, "a", bytes.NewReader(append(bytes.Clone(stream), 0))); !errors.Is(err, ErrDamaged) {
		t.Errorf("with a byte more: %v", err)
	}
}

func TestSegmentsInAnotherOrderAreFound(t *testing.T) {
	v := newVault(t)
	stream := encrypt(t, v, "a", plaintext(4*segment))
	swapped := bytes.Clone(stream)
	second, third := streamHeaderLen+segment, streamHeaderLen+2*segment
	copy(swapped[second:third], stream[third:])
	copy(swapped[third:], stream[second:third])
	if _, err := decrypt(v, "a", bytes.NewReader(swapped)); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestADiskErrorIsNotTakenForTampering(t *testing.T) {
	v := newVault(t)
	stream := encrypt(t, v, "a", plaintext(2*segment))
	broken := errors.New("input/output error")
	for _, n := range []int{3, 200, segment + 500} {
		r := io.MultiReader(bytes.NewReader(stream[:n]), iotest.ErrReader(broken))
		if _, err := decrypt(v, "a", r); !errors.Is(err, broken) || errors.Is(err, ErrDamaged) {
			t.Errorf("after %d bytes: got %v", n, err)
		}
	}
}

func newArchive(t testing.TB) *Archive {
	t.Helper()
	a, err := OpenArchive(newVault(t), filepath.Join(t.TempDir(), "state", "archive"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func store(t testing.TB, a *Archive, plain []byte) string {
	t.Helper()
	w, err := a.Create()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard()
	if _, err := io.Copy(w, bytes.NewReader(plain)); err != nil {
		t.Fatal(err)
	}
	name, digest, size, err := w.Commit()
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(plain)
	if digest != hex.EncodeToString(sum[:]) || size != int64(len(plain)) {
		t.Errorf("digest %s, size %d of %d bytes", digest, size, len(plain))
	}
	return name
}

func files(t testing.TB, a *Archive) []string {
	t.Helper()
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return all
}

func TestTheArchiveKeepsTheSameBytesTwice(t *testing.T) {
	a := newArchive(t)
	plain := plaintext(5000)
	first, second, empty := store(t, a, plain), store(t, a, plain), store(t, a, nil)
	if first == second {
		t.Fatal("one name for two files")
	}
	for name, want := range map[string][]byte{first: plain, second: plain, empty: {}} {
		r, err := a.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	for _, name := range files(t, a) {
		content, err := os.ReadFile(filepath.Join(a.dir, name))
		if err != nil || bytes.Contains(content, []byte(card)) {
			t.Errorf("%s holds the number in clear (%v)", name, err)
		}
		if info, err := os.Stat(filepath.Join(a.dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: mode %v, %v", name, info.Mode(), err)
		}
	}
}

func TestAnArchivedFileUnderAnotherNameIsRefused(t *testing.T) {
	a := newArchive(t)
	first, second := store(t, a, plaintext(50)), store(t, a, plaintext(60))
	if err := os.Rename(filepath.Join(a.dir, first), filepath.Join(a.dir, second)); err != nil {
		t.Fatal(err)
	}
	if _, err := a.Open(second); !errors.Is(err, ErrDamaged) {
		t.Errorf("got %v", err)
	}
}

func TestNamesThatAreNotOfTheArchiveAreRefused(t *testing.T) {
	a := newArchive(t)
	name := store(t, a, plaintext(50))
	for _, bad := range []string{"", "..", "../" + name, name + "/..", "/etc/passwd", strings.ToUpper(name), name + "\n"} {
		if _, err := a.Open(bad); !errors.Is(err, ErrNotArchived) {
			t.Errorf("open %q: %v", bad, err)
		}
		if err := a.Remove(bad); !errors.Is(err, ErrNotArchived) {
			t.Errorf("remove %q: %v", bad, err)
		}
	}
}

func TestRemoveIsSafeToRepeat(t *testing.T) {
	a := newArchive(t)
	name := store(t, a, plaintext(50))
	for range 2 {
		if err := a.Remove(name); err != nil {
			t.Error(err)
		}
	}
	if _, err := a.Open(name); !errors.Is(err, ErrNotArchived) {
		t.Errorf("got %v", err)
	}
}

func TestSweepRemovesWhatACrashLeft(t *testing.T) {
	a := newArchive(t)
	known, unknown := store(t, a, plaintext(50)), store(t, a, plaintext(60))
	crashed, err := a.Create() // never ended
	if err != nil {
		t.Fatal(err)
	}
	if _, err := crashed.Write(plaintext(70)); err != nil {
		t.Fatal(err)
	}
	discarded, err := a.Create()
	if err != nil {
		t.Fatal(err)
	}
	discarded.Discard()
	if err := os.WriteFile(filepath.Join(a.dir, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := files(t, a); len(got) != 4 {
		t.Fatalf("before: %v", got)
	}
	removed, err := a.Sweep(func(name string) bool { return name == known })
	if err != nil || len(removed) != 2 || !slices.Contains(removed, unknown) {
		t.Errorf("removed %v, %v", removed, err)
	}
	if got := files(t, a); !slices.Equal(got, slices.Sorted(slices.Values([]string{"README", known}))) {
		t.Errorf("left %v", got)
	}
}

func TestTheArchiveNamesTheKeysItNeeds(t *testing.T) {
	a := newArchive(t)
	old := store(t, a, plaintext(50))
	if err := a.vault.Rotate(); err != nil {
		t.Fatal(err)
	}
	store(t, a, plaintext(60))
	used, err := a.Keys()
	if err != nil || len(used) != 2 {
		t.Fatalf("got %v, %v", used, err)
	}
	for _, k := range a.vault.Keys() {
		if (k.Use == UseArchive) != used[k.ID] {
			t.Errorf("%+v: in use %v", k, used[k.ID])
		}
	}
	if _, err := a.vault.Retire(func(k Key) bool { return used[k.ID] }); err != nil {
		t.Fatal(err)
	}
	r, err := a.Open(old)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if got, err := io.ReadAll(r); err != nil || len(got) != 50 {
		t.Errorf("got %d bytes, %v", len(got), err)
	}
}

func FuzzDecrypt(f *testing.F) {
	v := newVault(f)
	stream := encrypt(f, v, "a", plaintext(100))
	f.Add(stream)
	f.Add(stream[:len(stream)-1])
	f.Add([]byte(streamMagic))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, err := decrypt(v, "a", bytes.NewReader(data))
		if (err == nil) != bytes.Equal(data, stream) {
			t.Fatalf("got %v", err)
		}
	})
}

func BenchmarkEncryptStream(b *testing.B) {
	v := newVault(b)
	plain := plaintext(8 << 20)
	b.SetBytes(int64(len(plain)))
	for b.Loop() {
		w, err := v.EncryptWriter(io.Discard, "a")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := w.Write(plain); err != nil {
			b.Fatal(err)
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecryptStream(b *testing.B) {
	v := newVault(b)
	stream := encrypt(b, v, "a", plaintext(8<<20))
	b.SetBytes(8 << 20)
	for b.Loop() {
		r, err := v.DecryptReader(bytes.NewReader(stream), "a")
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); err != nil {
			b.Fatal(err)
		}
	}
}
