package foldertest

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/sftpio"
)

var inboundTests = []test{
	{"an empty folder has no files", func(t *testing.T, w World) {
		wantReady(t, w.Inbound(t, sftpio.Rename), "", "")
	}},
	{"files are listed by name, with size and time", func(t *testing.T, w World) {
		w.Put(t, "b.csv", "four")
		w.Put(t, "a.csv", "")
		at := time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
		must(t, os.Chtimes(filepath.Join(w.Dir, "b.csv"), at, at))
		ready, _ := wantReady(t, w.Inbound(t, sftpio.Rename), "a.csv b.csv", "")
		if got := ready[1]; got.Size != 4 || !got.Modified.Equal(at) || got.Claim != "b.csv" {
			t.Errorf("entry is %+v", got)
		}
	}},
	{"names of unfinished uploads, folders and links are left out", func(t *testing.T, w World) {
		for _, name := range []string{".hidden", "a.tmp", "a.TMP", "a.part", "a.partial", "a.filepart", "a.prg",
			".sftpgo-upload.1.a", ".in.a", "a.lock", "sub/a.csv", "a.csv"} {
			w.Put(t, name, "x")
		}
		must(t, os.Symlink(filepath.Join(w.Dir, "a.csv"), filepath.Join(w.Dir, "link.csv")))
		in := w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) { o.Ignore = []string{"*.lock"} })
		wantReady(t, in, "a.csv", "")
	}},
	{"only names of the pattern are taken", func(t *testing.T, w World) {
		w.Put(t, "PAY-1.csv", "x")
		w.Put(t, "OTHER.csv", "x")
		wantReady(t, w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) { o.Pattern = "PAY-*.csv" }), "PAY-1.csv", "")
	}},
	{"unsafe names are left out, and told", func(t *testing.T, w World) {
		bad := []string{"a\nb.csv", `a\b.csv`, "a\x1b[2J.csv", "a\u202eb.csv", "a\xff.csv", strings.Repeat("n", 51)}
		for _, name := range bad {
			w.Put(t, name, "x")
		}
		w.Put(t, strings.Repeat("n", 50), "x")
		told := map[string]bool{}
		in := w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) {
			o.MaxName = 50
			o.Skipped = func(name string, why error) { told[name] = why != nil }
		})
		wantReady(t, in, strings.Repeat("n", 50), "")
		for _, name := range bad {
			if !told[name] {
				t.Errorf("nobody was told of %q", name)
			}
		}
	}},
	{"stable: a file that grows, or is touched, between the looks is not ready", func(t *testing.T, w World) {
		w.Put(t, "grows.csv", "half")
		w.Put(t, "touched.csv", "x")
		w.Put(t, "still.csv", "x")
		slept := time.Duration(0)
		in := w.Inbound(t, sftpio.Stable, func(o *sftpio.Options) {
			o.StableFor = 7 * time.Second
			o.Sleep = func(_ context.Context, d time.Duration) error {
				slept = d
				w.Put(t, "grows.csv", "half and more")
				w.Put(t, "new.csv", "came between")
				later := time.Now().Add(time.Hour)
				return os.Chtimes(filepath.Join(w.Dir, "touched.csv"), later, later)
			}
		})
		wantReady(t, in, "still.csv", "")
		if slept != 7*time.Second {
			t.Errorf("it waited %v", slept)
		}
	}},
	{"stable: the wait ends with the context", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Stable, func(o *sftpio.Options) {
			o.Sleep = func(context.Context, time.Duration) error { return context.Canceled }
		})
		_, _, err := in.Ready(t.Context())
		wantError(t, err, context.Canceled)
	}},
	{"done-file: a file is ready when its done-file is there", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		w.Put(t, "a.csv.done", "")
		w.Put(t, "b.csv", "x")
		w.Put(t, "c.csv.done", "")
		wantReady(t, w.Inbound(t, sftpio.DoneFile), "a.csv", "")
		w.Put(t, "b.csv.ok", "")
		wantReady(t, w.Inbound(t, sftpio.DoneFile, func(o *sftpio.Options) { o.DoneSuffix = ".ok" }), "b.csv", "")
	}},
	{"trailer: a file is ready when its last record is one", func(t *testing.T, w World) {
		w.Put(t, "1-comma.csv", "H\nT,1\n")
		w.Put(t, "2-crlf.csv", "H\r\nT;1\r\n")
		w.Put(t, "3-long.csv", strings.Repeat("D;1\n", 20000)+"T\t20000\n")
		w.Put(t, "4-none.csv", "H\nD;1\n")
		w.Put(t, "5-half.csv", "H\nD;1\nT")
		w.Put(t, "6-more.csv", "H\nT|1\nD;1\n")
		w.Put(t, "7-empty.csv", "")
		w.Put(t, "8-like.csv", "H\nTotal;1\n")
		w.Put(t, "9-blank.csv", "H\nT;1\n\n")
		wantReady(t, w.Inbound(t, sftpio.Trailer), "1-comma.csv 2-crlf.csv 3-long.csv", "")
	}},
	{"trailer: one without its line end must be stable as well", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "H\nT;1;EUR:29")
		w.Put(t, "b.csv", "H\nT;1;EUR:29")
		in := w.Inbound(t, sftpio.Trailer, func(o *sftpio.Options) {
			o.Sleep = func(context.Context, time.Duration) error {
				w.Put(t, "a.csv", "H\nT;1;EUR:2990")
				return nil
			}
		})
		wantReady(t, in, "b.csv", "")
	}},
	{"a claim moves the file, and is found again", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "content")
		in := w.Inbound(t, sftpio.Rename)
		e := claimed(t, in)
		if e.Claim != "processing/a.csv" || e.Name != "a.csv" {
			t.Errorf("entry is %+v", e)
		}
		w.Wants(t, map[string]string{"processing/a.csv": "content"})
		_, again := wantReady(t, in, "", "a.csv")
		if again[0].Claim != e.Claim || again[0].Size != e.Size || !again[0].Modified.Equal(e.Modified) {
			t.Errorf("found again as %+v, claimed as %+v", again[0], e)
		}
		same, err := in.Claim(t.Context(), e)
		must(t, err)
		if same != e {
			t.Errorf("claimed again it is %+v", same)
		}
	}},
	{"a second file of the same name waits until the first is settled", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "first")
		in := w.Inbound(t, sftpio.Rename)
		fresh := only(t, in)
		first := claimed(t, in)
		w.Put(t, "a.csv", "second")
		wantReady(t, in, "", "a.csv")
		_, err := in.Claim(t.Context(), fresh)
		wantError(t, err, sftpio.ErrTaken)
		w.Wants(t, map[string]string{"a.csv": "second", "processing/a.csv": "first"})
		must(t, in.Remove(t.Context(), first))
		wantReady(t, in, "a.csv", "")
	}},
	{"a file that somebody took away cannot be claimed", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Rename)
		e := only(t, in)
		must(t, os.Remove(filepath.Join(w.Dir, "a.csv")))
		_, err := in.Claim(t.Context(), e)
		wantError(t, err, fs.ErrNotExist)
	}},
	{"a claim that died after the done-file is made again", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		w.Put(t, "processing/a.csv.done", "")
		in := w.Inbound(t, sftpio.DoneFile)
		claimed(t, in)
		w.Wants(t, map[string]string{"processing/a.csv": "x", "processing/a.csv.done": ""})
		wantReady(t, in, "", "a.csv")
	}},
	{"a done-file said twice does not outlive the claim", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		w.Put(t, "a.csv.done", "")
		w.Put(t, "processing/a.csv.done", "")
		in := w.Inbound(t, sftpio.DoneFile)
		must(t, in.Remove(t.Context(), claimed(t, in)))
		w.Put(t, "a.csv", "half of the nex")
		wantReady(t, in, "", "")
	}},
	{"a server without renames leaves the file in place", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) { o.Quirks.NoRename = true })
		if e := claimed(t, in); e.Claim != "a.csv" {
			t.Errorf("entry is %+v", e)
		}
		w.Wants(t, map[string]string{"a.csv": "x"})
	}},
	{"a fetch gives all bytes", func(t *testing.T, w World) {
		for _, content := range []string{"", "short", strings.Repeat("0123456789abcde\n", 200_000) + "end"} {
			w.Put(t, "a.csv", content)
			in := w.Inbound(t, sftpio.Rename)
			e := claimed(t, in)
			got, err := fetch(t, in, e)
			must(t, err)
			if got != content {
				t.Errorf("%d bytes came, not the %d that are there", len(got), len(content))
			}
			must(t, in.Remove(t.Context(), e))
		}
	}},
	{"a fetch by listings alone gives all bytes", func(t *testing.T, w World) {
		content := strings.Repeat("0123456789abcde\n", 10_000)
		w.Put(t, "a.csv", content)
		in := w.Inbound(t, sftpio.Rename, func(o *sftpio.Options) { o.Quirks.NoStat, o.Quirks.OneRequest = true, true })
		got, err := fetch(t, in, claimed(t, in))
		must(t, err)
		if got != content {
			t.Errorf("%d bytes came, not the %d that are there", len(got), len(content))
		}
	}},
	{"a file that changed since it was listed is not fetched", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Rename)
		e := only(t, in)
		later := e.Modified.Add(time.Hour)
		must(t, os.Chtimes(filepath.Join(w.Dir, "a.csv"), later, later))
		_, err := fetch(t, in, e)
		wantError(t, err, sftpio.ErrChanged)
		w.Put(t, "a.csv", "longer")
		_, err = fetch(t, in, e)
		wantError(t, err, sftpio.ErrChanged)
	}},
	{"a file that changes while it is read is not taken", func(t *testing.T, w World) {
		w.Put(t, "a.csv", strings.Repeat("x", 100_000))
		in := w.Inbound(t, sftpio.Rename)
		e := only(t, in)
		_, err := in.Fetch(t.Context(), e, writerFunc(func(p []byte) (int, error) {
			later := e.Modified.Add(time.Hour)
			return len(p), os.Chtimes(filepath.Join(w.Dir, "a.csv"), later, later)
		}))
		wantError(t, err, sftpio.ErrChanged)
	}},
	{"an error of the writer comes back as it is", func(t *testing.T, w World) {
		w.Put(t, "a.csv", strings.Repeat("x", 100_000))
		in := w.Inbound(t, sftpio.Rename)
		full := errors.New("our disk is full")
		_, err := in.Fetch(t.Context(), only(t, in), writerFunc(func([]byte) (int, error) { return 0, full }))
		wantError(t, err, full)
		if errors.Is(err, sftpio.ErrUnreachable) || errors.Is(err, sftpio.ErrRefused) {
			t.Errorf("the folder is blamed: %v", err)
		}
		wantReady(t, in, "a.csv", "")
	}},
	{"an entry cannot name what lies outside", func(t *testing.T, w World) {
		in := w.Inbound(t, sftpio.Rename)
		for _, e := range []sftpio.Entry{
			{Name: "../a", Claim: "../a"}, {Name: "a", Claim: "../a"}, {Name: "a", Claim: "processing/b"}, {Name: "", Claim: ""},
		} {
			if _, err := fetch(t, in, e); err == nil {
				t.Errorf("%+v was fetched", e)
			}
			if err := in.Remove(t.Context(), e); err == nil {
				t.Errorf("%+v was removed", e)
			}
			if err := in.Reject(t.Context(), e, ""); err == nil {
				t.Errorf("%+v was rejected", e)
			}
			if _, err := in.Claim(t.Context(), e); err == nil {
				t.Errorf("%+v was claimed", e)
			}
		}
	}},
	{"a cancelled context ends at once", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Rename)
		e := only(t, in)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := in.Fetch(ctx, e, writerFunc(func(p []byte) (int, error) { return len(p), nil }))
		wantError(t, err, context.Canceled)
		wantReady(t, in, "a.csv", "") // and the folder is usable afterwards
	}},
}
