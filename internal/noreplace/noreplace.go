// Package noreplace renames files without ever replacing one.
package noreplace

import (
	"errors"
	"io/fs"
	"os"
)

// Rename gives the file from the name to, both below root. It returns an error
// that matches fs.ErrExist when something has that name already. Where the system
// offers it, looking and renaming are one step; elsewhere it looks first.
func Rename(root *os.Root, from, to string) error {
	err := rename(root, from, to)
	if !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	switch _, err := root.Lstat(to); {
	case err == nil:
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: fs.ErrExist}
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return root.Rename(from, to)
}
