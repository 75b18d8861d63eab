package vault

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"

	"cardbatch/internal/atomicfile"
)

// Archive is a folder of encrypted files, each written once and never changed.
// Plaintext never touches the disk. One process writes it at a time.
type Archive struct {
	vault *Vault
	dir   string
}

// ErrNotArchived: the archive holds no file of that name.
var ErrNotArchived = errors.New("not in the archive")

// A name is the first half of the plaintext's SHA-256 and a random part, so that the
// same bytes can be kept twice. It says nothing that the store does not say.
var archiveName = regexp.MustCompile(`^[0-9a-f]{32}-[0-9a-f]{16}\.sealed$`)

// OpenArchive returns the archive in dir, which it makes if need be.
func OpenArchive(v *Vault, dir string) (*Archive, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &Archive{vault: v, dir: dir}, nil
}

// Writer takes the plaintext of one file. End it with Commit or Discard.
type Writer struct {
	file   *atomicfile.File
	stream io.WriteCloser
	bound  string
	hash   hash.Hash
	size   int64
}

// Create starts a file.
func (a *Archive) Create() (*Writer, error) {
	// The digest is known only at the end, but the stream is bound at its start: to the random part.
	unique := make([]byte, 8)
	_, _ = rand.Read(unique) // never fails
	file, err := atomicfile.Create(a.dir, 0o600)
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	bound := hex.EncodeToString(unique)
	stream, err := a.vault.EncryptWriter(file, bound)
	if err != nil {
		file.Discard()
		return nil, fmt.Errorf("archive: %w", err)
	}
	return &Writer{file: file, stream: stream, bound: bound, hash: sha256.New()}, nil
}

// Write adds plaintext.
func (w *Writer) Write(p []byte) (int, error) {
	n, err := w.stream.Write(p)
	w.hash.Write(p[:n])
	w.size += int64(n)
	if err != nil {
		return n, fmt.Errorf("archive: %w", err)
	}
	return n, nil
}

// Commit ends the file and makes it durable. It returns the file's name in the
// archive, and the SHA-256 (lower-case hex) and size of its plaintext.
func (w *Writer) Commit() (name, digest string, size int64, err error) {
	defer w.file.Discard()
	if err := w.stream.Close(); err != nil {
		return "", "", 0, fmt.Errorf("archive: %w", err)
	}
	digest = hex.EncodeToString(w.hash.Sum(nil))
	name = digest[:32] + "-" + w.bound + ".sealed"
	if err := w.file.Publish(name); err != nil {
		return "", "", 0, fmt.Errorf("archive: %w", err)
	}
	return name, digest, w.size, nil
}

// Discard drops the file unless it was committed. It is safe to defer.
func (w *Writer) Discard() { w.file.Discard() }

// Open returns the plaintext of a file. See Vault.DecryptReader.
func (a *Archive) Open(name string) (io.ReadCloser, error) {
	if !archiveName.MatchString(name) {
		return nil, fmt.Errorf("archive: %q: %w", name, ErrNotArchived)
	}
	f, err := os.Open(filepath.Join(a.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("archive: %s: %w", name, ErrNotArchived)
	}
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	plain, err := a.vault.DecryptReader(f, name[33:49])
	if err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("archive: %s: %w", name, err)
	}
	return struct {
		io.Reader
		io.Closer
	}{plain, f}, nil
}

// Remove deletes a file. No file is no error: it is safe to repeat.
func (a *Archive) Remove(name string) error {
	if !archiveName.MatchString(name) {
		return fmt.Errorf("archive: %q: %w", name, ErrNotArchived)
	}
	return a.remove(name)
}

func (a *Archive) remove(name string) error {
	err := os.Remove(filepath.Join(a.dir, name))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("archive: %w", err)
	}
	return atomicfile.SyncDir(a.dir)
}

// Sweep removes what crashed writers left, and files that keep does not want: those
// that were committed but never recorded. Nothing else may be writing meanwhile.
// Foreign files are left alone. It returns the names of what it removed.
func (a *Archive) Sweep(keep func(name string) bool) ([]string, error) {
	var removed []string
	err := a.each(func(name string) error {
		if !atomicfile.IsTemp(name) && (!archiveName.MatchString(name) || keep(name)) {
			return nil
		}
		removed = append(removed, name)
		return a.remove(name)
	})
	return removed, err
}

// Keys names the keys that files of the archive are encrypted with, for Vault.Retire.
func (a *Archive) Keys() (map[string]bool, error) {
	used := map[string]bool{}
	err := a.each(func(name string) error {
		if !archiveName.MatchString(name) {
			return nil
		}
		f, err := os.Open(filepath.Join(a.dir, name))
		if err != nil {
			return fmt.Errorf("archive: %w", err)
		}
		defer f.Close()
		id, err := readStreamHeader(&source{r: f}, make([]byte, streamHeaderLen))
		if err != nil {
			return fmt.Errorf("archive: %s: %w", name, err)
		}
		used[id] = true
		return nil
	})
	return used, err
}

// each calls do for every regular file, by name.
func (a *Archive) each(do func(name string) error) error {
	entries, err := os.ReadDir(a.dir)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, entry := range entries {
		if entry.Type().IsRegular() {
			if err := do(entry.Name()); err != nil {
				return err
			}
		}
	}
	return nil
}
