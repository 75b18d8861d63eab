package foldertest

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/sftpio"
)

// stale is a temporary name of a.csv.
const stale = ".out.a.csv.ABCDEFGHIJKLMNOPQRSTUVWXYZ.tmp"

// staged is the name under which a.csv waits for its release.
const staged = ".out.a.csv.staged.tmp"

var outboundTests = []test{
	{"what is staged appears when it is released, once", func(t *testing.T, w World) {
		out := w.Outbound(t)
		stage := func(content string) error {
			return out.Stage(t.Context(), "a.csv", strings.NewReader(content), int64(len(content)), Digest(content))
		}
		release := func() error { return out.Release(t.Context(), "a.csv", 6, Digest("charge")) }
		must(t, stage("half"))
		must(t, stage("charge")) // until it is released it may be staged again
		w.Wants(t, map[string]string{staged: "charge"})
		must(t, release())
		w.Wants(t, map[string]string{"a.csv": "charge"})
		must(t, release())
		w.Wants(t, map[string]string{"a.csv": "charge"})
		must(t, os.Remove(filepath.Join(w.Dir, "a.csv"))) // the partner fetched it
		must(t, release())
		w.Wants(t, map[string]string{})
	}},
	{"a file of the partner's under that name is not touched", func(t *testing.T, w World) {
		out := w.Outbound(t)
		w.Put(t, "a.csv", "theirs")
		wantError(t, out.Stage(t.Context(), "a.csv", strings.NewReader("charge"), 6, Digest("charge")), sftpio.ErrTaken)
		must(t, os.Remove(filepath.Join(w.Dir, "a.csv")))
		must(t, out.Stage(t.Context(), "a.csv", strings.NewReader("charge"), 6, Digest("charge")))
		w.Put(t, "a.csv", "theirs")
		wantError(t, out.Release(t.Context(), "a.csv", 6, Digest("charge")), sftpio.ErrTaken)
		w.Wants(t, map[string]string{"a.csv": "theirs", staged: "charge"})
	}},
	{"what was staged and altered is not released", func(t *testing.T, w World) {
		out := w.Outbound(t)
		must(t, out.Stage(t.Context(), "a.csv", strings.NewReader("charge"), 6, Digest("charge")))
		w.Put(t, staged, "chance")
		wantError(t, out.Release(t.Context(), "a.csv", 6, Digest("charge")), sftpio.ErrNotStored)
		w.Wants(t, map[string]string{staged: "chance"})
	}},
	{"what is withdrawn never appears", func(t *testing.T, w World) {
		out := w.Outbound(t)
		must(t, out.Stage(t.Context(), "a.csv", strings.NewReader("charge"), 6, Digest("charge")))
		must(t, out.Stage(t.Context(), "b.csv", strings.NewReader("charge"), 6, Digest("charge")))
		must(t, out.Withdraw(t.Context(), "a.csv"))
		must(t, out.Withdraw(t.Context(), "a.csv"))
		must(t, out.Release(t.Context(), "b.csv", 6, Digest("charge")))
		w.Wants(t, map[string]string{"b.csv": "charge"})
	}},
	{"publishing leaves alone what is staged", func(t *testing.T, w World) {
		out := w.Outbound(t)
		must(t, out.Stage(t.Context(), "a.csv", strings.NewReader("charge"), 6, Digest("charge")))
		must(t, Publish(t.Context(), out, "b.csv", "answer"))
		must(t, out.Release(t.Context(), "a.csv", 6, Digest("charge")))
		w.Wants(t, map[string]string{"a.csv": "charge", "b.csv": "answer"})
	}},
	{"a published file holds all bytes, and nothing else is left", func(t *testing.T, w World) {
		out := w.Outbound(t)
		want := map[string]string{"a.res.csv": "answer", "empty.csv": "", "large.csv": strings.Repeat("0123456789abcde\n", 200_000) + "end"}
		for name, content := range want {
			must(t, Publish(t.Context(), out, name, content))
		}
		w.Wants(t, want)
	}},
	{"publishing again does nothing", func(t *testing.T, w World) {
		out := w.Outbound(t)
		must(t, Publish(t.Context(), out, "a.csv", "answer"))
		at := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
		path := filepath.Join(w.Dir, "a.csv")
		must(t, os.Chtimes(path, at, at))
		w.Put(t, stale, "left by a try that died after the rename")
		must(t, Publish(t.Context(), out, "a.csv", "answer"))
		w.Wants(t, map[string]string{"a.csv": "answer"})
		info, err := os.Stat(path)
		must(t, err)
		if !info.ModTime().Equal(at) {
			t.Errorf("it was written again, at %v", info.ModTime())
		}
	}},
	{"a file of the same name with other bytes is not touched", func(t *testing.T, w World) {
		out := w.Outbound(t)
		for _, there := range []string{"theirs", "a longer one", ""} {
			w.Put(t, "a.csv", there)
			wantError(t, Publish(t.Context(), out, "a.csv", "answer"), sftpio.ErrTaken)
			w.Wants(t, map[string]string{"a.csv": there})
		}
	}},
	{"a link or a folder of the same name is not touched", func(t *testing.T, w World) {
		w.Put(t, "target", "answer")
		must(t, os.Symlink("target", filepath.Join(w.Dir, "link.csv")))
		must(t, os.Mkdir(filepath.Join(w.Dir, "dir.csv"), 0o770))
		out := w.Outbound(t)
		wantError(t, Publish(t.Context(), out, "link.csv", "answer"), sftpio.ErrTaken)
		wantError(t, Publish(t.Context(), out, "dir.csv", "answer"), sftpio.ErrTaken)
		w.Wants(t, map[string]string{"target": "answer"})
	}},
	{"temporary files of tries that died are removed, and no others", func(t *testing.T, w World) {
		others := map[string]string{".out.a.csv.b" + stale[len(".out.a.csv"):]: "of another name", "a.csv.old": "not temporary", ".out.a.csv.tmp": "not ours"}
		for name, content := range others {
			w.Put(t, name, content)
		}
		w.Put(t, stale, "half of an ans")
		must(t, Publish(t.Context(), w.Outbound(t), "a.csv", "answer"))
		others["a.csv"] = "answer"
		w.Wants(t, others)
	}},
	{"a temporary name that is a link is not followed", func(t *testing.T, w World) {
		w.Put(t, "target", "precious")
		must(t, os.Symlink("target", filepath.Join(w.Dir, stale)))
		must(t, Publish(t.Context(), w.Outbound(t), "a.csv", "answer"))
		w.Wants(t, map[string]string{"a.csv": "answer", "target": "precious"})
	}},
	{"bytes that are not those announced are not published", func(t *testing.T, w World) {
		out := w.Outbound(t)
		for name, err := range map[string]error{
			"another size":   out.Publish(t.Context(), "a.csv", strings.NewReader("answer"), 7, Digest("answer")),
			"another digest": out.Publish(t.Context(), "a.csv", strings.NewReader("answer"), 6, Digest("anwser")),
		} {
			if err == nil {
				t.Errorf("%s was published", name)
			}
		}
		w.Wants(t, map[string]string{})
	}},
	{"a reader that was read before is read from its beginning", func(t *testing.T, w World) {
		r := strings.NewReader("answer")
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		must(t, w.Outbound(t).Publish(t.Context(), "a.csv", r, 6, Digest("answer")))
		w.Wants(t, map[string]string{"a.csv": "answer"})
	}},
	{"an error of the reader leaves nothing behind", func(t *testing.T, w World) {
		broken := errors.New("our disk is broken")
		content := strings.Repeat("x", 100_000)
		r := &brokenReader{Reader: strings.NewReader(content), after: 70_000, err: broken}
		out := w.Outbound(t)
		wantError(t, out.Publish(t.Context(), "a.csv", r, int64(len(content)), Digest(content)), broken)
		w.Wants(t, map[string]string{})
		must(t, Publish(t.Context(), out, "a.csv", content))
	}},
	{"unsafe names are refused", func(t *testing.T, w World) {
		out := w.Outbound(t)
		for _, name := range []string{"", ".", "..", "../a", "sub/a", `a\b`, "a\nb", ".hidden", "a.tmp", strings.Repeat("n", 201)} {
			if err := Publish(t.Context(), out, name, "answer"); err == nil {
				t.Errorf("%q was published", name)
			}
		}
		w.Wants(t, map[string]string{})
	}},
	{"the longest name works", func(t *testing.T, w World) {
		name := strings.Repeat("n", sftpio.DefaultMaxName)
		must(t, Publish(t.Context(), w.Outbound(t), name, "answer"))
		w.Wants(t, map[string]string{name: "answer"})
	}},
	{"an interrupted upload leaves no final name, and can be repeated", func(t *testing.T, w World) {
		content := strings.Repeat("x", 500_000)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		r := &brokenReader{Reader: strings.NewReader(content), after: 200_000, then: cancel}
		out := w.Outbound(t)
		wantError(t, out.Publish(ctx, "a.csv", r, int64(len(content)), Digest(content)), context.Canceled)
		if _, there := w.Files(t)["a.csv"]; there {
			t.Error("a final name is there")
		}
		must(t, Publish(t.Context(), out, "a.csv", content))
		w.Wants(t, map[string]string{"a.csv": content})
	}},
	{"a folder that does not exist is an error", func(t *testing.T, w World) {
		o := w.Options
		o.Location += "/missing"
		if out, err := sftpio.OpenOutbound(t.Context(), o); err == nil {
			out.Close()
			t.Error("it was opened")
		}
	}},
}

// brokenReader does something after so many bytes: it fails, or calls a function and goes on.
type brokenReader struct {
	*strings.Reader
	after int
	err   error
	then  func()
}

func (b *brokenReader) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	if b.after -= n; b.after <= 0 {
		if b.then != nil {
			b.then()
		}
		if b.err != nil {
			return n, b.err
		}
	}
	return n, err
}

// WriteTo keeps strings.Reader's own from being found.
func (b *brokenReader) WriteTo(w io.Writer) (int64, error) {
	return io.Copy(w, struct{ io.Reader }{b})
}
