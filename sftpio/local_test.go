package sftpio_test

import (
	"os"
	"path/filepath"
	"testing"

	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

func TestLocalFolder(t *testing.T) {
	foldertest.Run(t, func(t *testing.T) foldertest.World {
		dir := t.TempDir()
		return foldertest.World{Dir: dir, Options: sftpio.Options{Location: dir}}
	})
}

func TestALocalFolderDoesNotLeadOutside(t *testing.T) {
	outside := t.TempDir()
	dir := t.TempDir()
	w := foldertest.World{Dir: dir, Options: sftpio.Options{Location: dir}}
	if err := os.Symlink(outside, filepath.Join(dir, sftpio.ProcessingDir)); err != nil {
		t.Fatal(err)
	}
	w.Put(t, "a.csv", "x")
	in := w.Inbound(t, sftpio.Rename)
	if _, _, err := in.Ready(t.Context()); err == nil {
		t.Error("a link to another folder was listed")
	}
	entries, err := os.ReadDir(outside)
	if err != nil || len(entries) != 0 {
		t.Errorf("something lies outside: %v (%v)", entries, err)
	}
}
