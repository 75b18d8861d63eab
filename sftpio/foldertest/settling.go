package foldertest

import (
	"io/fs"
	"testing"

	"cardbatch/sftpio"
)

// settlingTests are about how a file leaves an inbound folder.
var settlingTests = []test{
	{"a rejected file lies beside its reason", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "bad")
		in := w.Inbound(t, sftpio.Rename)
		e := claimed(t, in)
		must(t, in.Reject(t.Context(), e, "TOTAL_MISMATCH"))
		want := map[string]string{"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "TOTAL_MISMATCH\n"}
		w.Wants(t, want)
		must(t, in.Reject(t.Context(), e, "another reason"))
		w.Wants(t, want)
		wantReady(t, in, "", "")
	}},
	{"a rejection that died after the reason is made again", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "bad")
		w.Put(t, "rejected/a.csv.reason.txt", "TOTAL_MIS")
		in := w.Inbound(t, sftpio.Rename)
		must(t, in.Reject(t.Context(), claimed(t, in), "TOTAL_MISMATCH"))
		w.Wants(t, map[string]string{"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "TOTAL_MISMATCH\n"})
	}},
	{"other bytes under a rejected name get a number", func(t *testing.T, w World) {
		in := w.Inbound(t, sftpio.Rename)
		for _, content := range []string{"bad", "worse", "bad too"} {
			w.Put(t, "a.csv", content)
			e := claimed(t, in)
			must(t, in.Reject(t.Context(), e, "why "+content))
			must(t, in.Reject(t.Context(), e, "why again"))
		}
		w.Wants(t, map[string]string{
			"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "why bad\n",
			"rejected/a.csv.2": "worse", "rejected/a.csv.2.reason.txt": "why worse\n",
			"rejected/a.csv.3": "bad too", "rejected/a.csv.3.reason.txt": "why bad too\n",
		})
	}},
	{"the same bytes are not kept twice", func(t *testing.T, w World) {
		in := w.Inbound(t, sftpio.Rename)
		for range 2 {
			w.Put(t, "a.csv", "bad")
			must(t, in.Reject(t.Context(), claimed(t, in), "why"))
		}
		w.Wants(t, map[string]string{"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "why\n"})
	}},
	{"a file that is neither claimed nor rejected cannot be rejected", func(t *testing.T, w World) {
		in := w.Inbound(t, sftpio.Rename)
		err := in.Reject(t.Context(), sftpio.Entry{Name: "a.csv", Claim: "processing/a.csv"}, "why")
		wantError(t, err, fs.ErrNotExist)
	}},
	{"a rejected file takes its done-file along", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "bad")
		w.Put(t, "a.csv.done", "")
		in := w.Inbound(t, sftpio.DoneFile)
		must(t, in.Reject(t.Context(), claimed(t, in), "why"))
		w.Wants(t, map[string]string{"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "why\n"})
	}},
	{"an unclaimed file is rejected when it is the one that was fetched", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "bad")
		in := w.Inbound(t, sftpio.Rename)
		e := only(t, in)
		if err := in.Reject(t.Context(), e, "why"); err == nil {
			t.Error("it was rejected without a digest")
		}
		e.Digest = Digest("bad")
		w.Put(t, "a.csv", "new")
		wantError(t, in.Reject(t.Context(), e, "why"), sftpio.ErrChanged)
		w.Wants(t, map[string]string{"a.csv": "new"})
		w.Put(t, "a.csv", "bad")
		must(t, in.Reject(t.Context(), e, "why"))
		w.Wants(t, map[string]string{"rejected/a.csv": "bad", "rejected/a.csv.reason.txt": "why\n"})
	}},
	{"a removed file is gone, and removing it again is no error", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		in := w.Inbound(t, sftpio.Rename)
		e := claimed(t, in)
		must(t, in.Remove(t.Context(), e))
		must(t, in.Remove(t.Context(), e))
		w.Wants(t, map[string]string{})
	}},
	{"a removed file takes its own done-file along, and no other", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		w.Put(t, "a.csv.done", "")
		in := w.Inbound(t, sftpio.DoneFile)
		e := claimed(t, in)
		w.Put(t, "a.csv", "next")
		w.Put(t, "a.csv.done", "")
		must(t, in.Remove(t.Context(), e))
		w.Wants(t, map[string]string{"a.csv": "next", "a.csv.done": ""})
		wantReady(t, in, "a.csv", "")
	}},
	{"an unclaimed file is removed with its done-file when it is the one that was fetched", func(t *testing.T, w World) {
		w.Put(t, "a.csv", "x")
		w.Put(t, "a.csv.done", "")
		in := w.Inbound(t, sftpio.DoneFile)
		e := only(t, in)
		if err := in.Remove(t.Context(), e); err == nil {
			t.Error("it was removed without a digest")
		}
		e.Digest = Digest("x")
		w.Put(t, "a.csv", "y")
		wantError(t, in.Remove(t.Context(), e), sftpio.ErrChanged)
		w.Wants(t, map[string]string{"a.csv": "y", "a.csv.done": ""})
		w.Put(t, "a.csv", "x")
		must(t, in.Remove(t.Context(), e))
		must(t, in.Remove(t.Context(), e))
		w.Wants(t, map[string]string{})
	}},
}
