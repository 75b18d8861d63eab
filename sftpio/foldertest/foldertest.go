// Package foldertest is the conformance suite of drop folders: what it asks is what
// package sftpio promises, whatever the folder lies on.
package foldertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/sftpio"
)

// World is an empty folder, seen from both sides.
type World struct {
	Dir     string         // where the folder lies on this machine's disk
	Options sftpio.Options // location and login; the suite fills in the rest
}

// Run runs the suite. make is called for each test, and returns a new world.
func Run(t *testing.T, make func(t *testing.T) World) {
	t.Run("inbound", func(t *testing.T) { runAll(t, make, inboundTests) })
	t.Run("settling", func(t *testing.T) { runAll(t, make, settlingTests) })
	t.Run("outbound", func(t *testing.T) { runAll(t, make, outboundTests) })
}

type test struct {
	name string
	run  func(t *testing.T, w World)
}

func runAll(t *testing.T, make func(t *testing.T) World, tests []test) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.run(t, make(t)) })
	}
}

// Inbound opens the world's folder.
func (w World) Inbound(t *testing.T, readiness sftpio.Readiness, set ...func(*sftpio.Options)) sftpio.Inbound {
	t.Helper()
	o := w.Options
	o.Readiness = readiness
	o.Sleep = func(context.Context, time.Duration) error { return nil }
	for _, set := range set {
		set(&o)
	}
	in, err := sftpio.OpenInbound(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	return in
}

// Outbound opens the world's folder.
func (w World) Outbound(t *testing.T) sftpio.Outbound {
	t.Helper()
	out, err := sftpio.OpenOutbound(t.Context(), w.Options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { out.Close() })
	return out
}

// Put writes a file as a sender would.
func (w World) Put(t *testing.T, name, content string) {
	t.Helper()
	path := filepath.Join(w.Dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o770); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o660); err != nil {
		t.Fatal(err)
	}
}

// Wants compares everything below the folder with what should be there: names, slash-separated,
// and contents.
func (w World) Wants(t *testing.T, want map[string]string) {
	t.Helper()
	got := w.Files(t)
	for name, content := range want {
		if has, there := got[name]; !there {
			t.Errorf("%s is missing", name)
		} else if has != content {
			t.Errorf("%s holds %q, want %q", name, clip(has), clip(content))
		}
	}
	for name := range got {
		if _, wanted := want[name]; !wanted {
			t.Errorf("%s should not be there", name)
		}
	}
}

// Files returns everything below the folder.
func (w World) Files(t *testing.T) map[string]string {
	t.Helper()
	got := map[string]string{}
	err := filepath.WalkDir(w.Dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		name, err := filepath.Rel(w.Dir, path)
		got[filepath.ToSlash(name)] = string(content)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func clip(s string) string {
	if len(s) > 60 {
		return s[:60] + "…"
	}
	return s
}

// Digest is the SHA-256 of the content, lower-case hex.
func Digest(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])
}

// Publish publishes the content under the name.
func Publish(ctx context.Context, out sftpio.Outbound, name, content string) error {
	return out.Publish(ctx, name, strings.NewReader(content), int64(len(content)), Digest(content))
}

// names returns the names of entries, joined.
func names(entries []sftpio.Entry) string {
	var all []string
	for _, e := range entries {
		all = append(all, e.Name)
	}
	return strings.Join(all, " ")
}

// wantReady asks for the ready and the claimed files, and returns both.
func wantReady(t *testing.T, in sftpio.Inbound, wantReady, wantClaimed string) (ready, claimed []sftpio.Entry) {
	t.Helper()
	ready, claimed, err := in.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := names(ready); got != wantReady {
		t.Errorf("ready: %q, want %q", got, wantReady)
	}
	if got := names(claimed); got != wantClaimed {
		t.Errorf("claimed: %q, want %q", got, wantClaimed)
	}
	return ready, claimed
}

// only returns the one file that is ready.
func only(t *testing.T, in sftpio.Inbound) sftpio.Entry {
	t.Helper()
	ready, _, err := in.Ready(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(ready) != 1 {
		t.Fatalf("%d files are ready: %q", len(ready), names(ready))
	}
	return ready[0]
}

// claimed claims the one file that is ready.
func claimed(t *testing.T, in sftpio.Inbound) sftpio.Entry {
	t.Helper()
	e, err := in.Claim(t.Context(), only(t, in))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func fetch(t *testing.T, in sftpio.Inbound, e sftpio.Entry) (string, error) {
	t.Helper()
	var b bytes.Buffer
	n, err := in.Fetch(t.Context(), e, &b)
	if err == nil && n != int64(b.Len()) {
		t.Errorf("it says %d bytes, and wrote %d", n, b.Len())
	}
	return b.String(), err
}

// must fails the test unless err is nil.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantError fails the test unless err matches.
func wantError(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("error is %v, want %v", err, want)
	}
}

// writerFunc is an io.Writer.
type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }
