package noreplace_test

import (
	"errors"
	"io/fs"
	"os"
	"testing"

	"cardbatch/internal/noreplace"
)

func TestRename(t *testing.T) {
	for _, row := range []struct {
		name    string
		present []string
		from    string
		to      string
		want    error
	}{
		{"a free name is taken", []string{"a"}, "a", "b", nil},
		{"a free name in another folder is taken", []string{"a"}, "a", "dir/a", nil},
		{"a name that is taken is left alone", []string{"a", "b"}, "a", "b", fs.ErrExist},
		{"a file that is not there is an error", nil, "a", "b", fs.ErrNotExist},
		{"a folder that is not there is an error", []string{"a"}, "a", "none/a", fs.ErrNotExist},
	} {
		t.Run(row.name, func(t *testing.T) {
			root, err := os.OpenRoot(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			defer root.Close()
			if err := root.Mkdir("dir", 0o700); err != nil {
				t.Fatal(err)
			}
			for _, name := range row.present {
				if err := root.WriteFile(name, []byte(name), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err = noreplace.Rename(root, row.from, row.to)
			if !errors.Is(err, row.want) {
				t.Fatalf("error is %v, want %v", err, row.want)
			}
			if row.want == nil {
				if got, err := root.ReadFile(row.to); err != nil || string(got) != row.from {
					t.Errorf("%s holds %q (%v)", row.to, got, err)
				}
				if _, err := root.Lstat(row.from); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s is still there: %v", row.from, err)
				}
				return
			}
			for _, name := range row.present {
				if got, err := root.ReadFile(name); err != nil || string(got) != name {
					t.Errorf("%s was touched: %q (%v)", name, got, err)
				}
			}
		})
	}
}

func TestALinkThatLeadsOutsideIsNotFollowed(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	if err := os.Symlink(outside, dir+"/out"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/a", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	if err := noreplace.Rename(root, "a", "out/a"); err == nil {
		t.Error("the file left the root")
	}
	if _, err := os.Stat(outside + "/a"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("something lies outside: %v", err)
	}
}
