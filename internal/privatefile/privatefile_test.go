package privatefile

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestOnlyPrivateRegularSmallFilesAreRead(t *testing.T) {
	for _, row := range []struct {
		name    string
		content string
		mode    os.FileMode
		want    error
	}{
		{"the owner's alone", "secret", 0o600, nil},
		{"read-only", "secret", 0o400, nil},
		{"exactly at the limit", strings.Repeat("x", 10), 0o600, nil},
		{"over the limit", strings.Repeat("x", 11), 0o600, ErrTooLarge},
		{"readable by the group", "secret", 0o640, ErrPermissions},
		{"writable by the group", "secret", 0o620, ErrPermissions},
		{"readable by all", "secret", 0o604, ErrPermissions},
	} {
		t.Run(row.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "f")
			if err := os.WriteFile(path, []byte(row.content), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Chmod(path, row.mode); err != nil {
				t.Fatal(err)
			}
			got, err := Read(path, 10)
			if !errors.Is(err, row.want) {
				t.Fatalf("got %v, want %v", err, row.want)
			}
			if err == nil && string(got) != row.content {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestWhatIsNoFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	if _, err := Read(dir, 10); !errors.Is(err, ErrNotRegular) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := Read(filepath.Join(dir, "none"), 10); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("nothing: %v", err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Read(pipe, 10); !errors.Is(err, ErrNotRegular) { // and does not wait for a writer
		t.Errorf("a pipe: %v", err)
	}
}
