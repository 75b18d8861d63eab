package sftpio_test

import (
	"errors"
	"strings"
	"testing"

	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// What a real server refuses, it refuses in its own words.

func TestOpenSSHThatRefuses(t *testing.T) {
	for _, row := range []struct {
		name   string
		args   string
		quirks sftpio.Quirks
		want   error // of Publish
		claim  string
	}{
		{"it refuses renames", "-P rename,posix-rename", sftpio.Quirks{}, sftpio.ErrRefused, "a.csv"},
		{"it refuses all changes", "-R", sftpio.Quirks{}, sftpio.ErrRefused, "a.csv"},
		{"it refuses new folders", "-P mkdir", sftpio.Quirks{}, nil, "a.csv"},
		{"it refuses writes", "-P write", sftpio.Quirks{}, sftpio.ErrRefused, "processing/a.csv"},
		{"it has no fsync", "-P fsync", sftpio.Quirks{}, nil, "processing/a.csv"},
		{"it refuses to tell about files, which is known", "-P stat,lstat,fstat", sftpio.Quirks{NoStat: true}, nil, "processing/a.csv"},
		{"it gets no dot files, no fsync and one request at a time", "", sftpio.Quirks{NoDotFiles: true, NoFsync: true, OneRequest: true}, nil, "processing/a.csv"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := (&openssh{args: row.args}).start(t)
			w.Options.Quirks = row.quirks
			err := foldertest.Publish(t.Context(), w.Outbound(t), "b.csv", large)
			if !errors.Is(err, row.want) || err != nil && !strings.Contains(err.Error(), "outbound folder needs") {
				t.Errorf("publishing: error is %v, want %v", err, row.want)
			}
			if _, there := w.Files(t)["b.csv"]; there != (err == nil) {
				t.Errorf("published: %v, but the error is %v", there, err)
			}
			for name := range w.Files(t) {
				if name != "b.csv" {
					t.Errorf("%s was left behind", name)
				}
			}
			w.Put(t, "a.csv", "x")
			in := w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) { o.Pattern = "a.csv" })
			ready, _, err := in.Ready(t.Context())
			must(t, err)
			e, err := in.Claim(t.Context(), ready[0])
			must(t, err)
			if e.Claim != row.claim {
				t.Errorf("claimed as %q, want %q", e.Claim, row.claim)
			}
		})
	}
}

// fillUp publishes until the disk is full, and checks what is left.
func fillUp(t *testing.T, w foldertest.World) {
	t.Helper()
	out := w.Outbound(t)
	must(t, foldertest.Publish(t.Context(), out, "fits.csv", large))
	tooLarge := strings.Repeat(large, 10)
	err := foldertest.Publish(t.Context(), out, "full.csv", tooLarge)
	if !errors.Is(err, sftpio.ErrRefused) || !strings.Contains(err.Error(), "space") {
		t.Errorf("error is %v", err)
	}
	w.Wants(t, map[string]string{"fits.csv": large})
	must(t, foldertest.Publish(t.Context(), out, "also.csv", large))
	w.Wants(t, map[string]string{"fits.csv": large, "also.csv": large})
}

func TestAFullDisk(t *testing.T) {
	t.Run("behind OpenSSH", func(t *testing.T) { fillUp(t, (&openssh{dir: smallDisk(t)}).start(t)) })
	t.Run("on this machine", func(t *testing.T) {
		dir := smallDisk(t)
		fillUp(t, foldertest.World{Dir: dir, Options: sftpio.Options{Location: dir}})
	})
	t.Run("behind OpenSSH, by a limit on the size of files", func(t *testing.T) {
		// Ignoring the signal turns the limit into an error of the write, as a full disk is one. 1024 blocks of 512 bytes.
		fillUp(t, (&openssh{shell: "trap '' XFSZ; ulimit -f 1024;"}).start(t))
	})
}
