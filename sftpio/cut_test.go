package sftpio_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"cardbatch/internal/sftpserver"
	"cardbatch/internal/sshdtest"
	"cardbatch/sftpio"
	"cardbatch/sftpio/foldertest"
)

// The work that is cut, and repeated, must end in the same place as work in peace.

// script is a way through the contract.
type script struct {
	name string
	// before and after are the files of the folder.
	before, after map[string]string
	run           func(ctx context.Context, o sftpio.Options) error
	// allowed says whether a folder may look like this when the script died.
	allowed func(files map[string]string) error
}

var large = strings.Repeat("0123456789abcde\n", 9_000) + "and a short last chunk"

var scripts = []script{
	{
		name:  "an upload",
		after: map[string]string{"a.csv": large},
		run: func(ctx context.Context, o sftpio.Options) error {
			out, err := sftpio.OpenOutbound(ctx, o)
			if err != nil {
				return err
			}
			defer out.Close()
			return foldertest.Publish(ctx, out, "a.csv", large)
		},
		allowed: func(files map[string]string) error {
			for name, content := range files {
				if !strings.HasPrefix(name, ".out.a.csv.") && (name != "a.csv" || content != large) {
					return fmt.Errorf("%s lies there with %d of %d bytes", name, len(content), len(large))
				}
			}
			return nil
		},
	},
	{
		name:   "a claim, a download and a removal",
		before: map[string]string{"a.csv": large, "a.csv.done": ""},
		after:  map[string]string{},
		run: func(ctx context.Context, o sftpio.Options) error {
			return settle(ctx, o, func(in sftpio.Inbound, e sftpio.Entry) error { return in.Remove(ctx, e) })
		},
		allowed: func(files map[string]string) error { return oneOf(files, "a.csv", "processing/a.csv") },
	},
	{
		name:   "a claim, a download and a rejection",
		before: map[string]string{"a.csv": large, "a.csv.done": ""},
		after:  map[string]string{"rejected/a.csv": large, "rejected/a.csv.reason.txt": "why\n"},
		run: func(ctx context.Context, o sftpio.Options) error {
			return settle(ctx, o, func(in sftpio.Inbound, e sftpio.Entry) error { return in.Reject(ctx, e, "why") })
		},
		allowed: func(files map[string]string) error {
			if _, there := files["rejected/a.csv"]; there && files["rejected/a.csv.reason.txt"] != "why\n" {
				return errors.New("a rejected file lies there without its reason")
			}
			return oneOf(files, "a.csv", "processing/a.csv", "rejected/a.csv")
		},
	},
}

// settle claims, fetches and ends whatever file there is; none is no error.
func settle(ctx context.Context, o sftpio.Options, end func(sftpio.Inbound, sftpio.Entry) error) error {
	o.Readiness = sftpio.DoneFile
	in, err := sftpio.OpenInbound(ctx, o)
	if err != nil {
		return err
	}
	defer in.Close()
	ready, claimed, err := in.Ready(ctx)
	if err != nil {
		return err
	}
	for _, e := range append(claimed, ready...) {
		if e, err = in.Claim(ctx, e); err != nil {
			return err
		}
		var content bytes.Buffer
		if _, err := in.Fetch(ctx, e, &content); err != nil {
			return err
		}
		if content.String() != large {
			return fmt.Errorf("%d of %d bytes came, without an error", content.Len(), len(large))
		}
		if err := end(in, e); err != nil {
			return err
		}
	}
	return nil
}

// oneOf fails unless the whole file lies under one of the names, or was removed.
func oneOf(files map[string]string, names ...string) error {
	there := 0
	for _, name := range names {
		if content, ok := files[name]; ok {
			there++
			if content != large {
				return fmt.Errorf("%s was damaged", name)
			}
		}
	}
	if there > 1 {
		return fmt.Errorf("the file lies there %d times", there)
	}
	return nil
}

// cutEverywhere runs the script with the connection cut at offsets spread over what it sends and receives.
func cutEverywhere(t *testing.T, s script, offsets int, world func(t *testing.T) foldertest.World) {
	measured, p := through(t, world(t), unlimited, unlimited, false)
	fill(t, measured, s)
	must(t, s.run(t.Context(), measured.Options))
	measured.Wants(t, s.after)
	for _, direction := range []struct {
		name  string
		total int64
		cut   func(at int64) (toServer, toClient int64)
	}{
		{"to the server", p.toServer.passed.Load(), func(at int64) (int64, int64) { return at, unlimited }},
		{"to the client", p.toClient.passed.Load(), func(at int64) (int64, int64) { return unlimited, at }},
	} {
		noticed, cuts := 0, spread(direction.total, offsets)
		for _, at := range cuts {
			t.Run(fmt.Sprintf("cut %s after %d of %d bytes", direction.name, at, direction.total), func(t *testing.T) {
				w := world(t)
				fill(t, w, s)
				toServer, toClient := direction.cut(at)
				cut, _ := through(t, w, toServer, toClient, false)
				err := s.run(t.Context(), cut.Options)
				if err != nil && !errors.Is(err, sftpio.ErrUnreachable) {
					t.Errorf("the error is not ErrUnreachable: %v", err)
				}
				if err != nil {
					noticed++
				}
				if err := s.allowed(w.Files(t)); err != nil {
					t.Error(err)
				}
				must(t, s.run(t.Context(), w.Options))
				w.Wants(t, s.after)
			})
		}
		// A cut between two operations goes unnoticed: the next one connects again.
		if noticed < len(cuts)/2 {
			t.Errorf("of %d cuts %s, %d were noticed", len(cuts), direction.name, noticed)
		}
	}
}

func fill(t *testing.T, w foldertest.World, s script) {
	for name, content := range s.before {
		w.Put(t, name, content)
	}
}

// spread returns offsets over the whole, and more of them near its two ends, where the small
// requests are.
func spread(total int64, n int) []int64 {
	var all []int64
	for i := range int64(n) {
		all = append(all, total*(i+1)/int64(n+1), total-1-i*60, 2800+i*80)
	}
	all = slices.DeleteFunc(all, func(at int64) bool { return at < 0 || at >= total })
	slices.Sort(all)
	return slices.Compact(all)
}

func TestACutConnection(t *testing.T) {
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			cutEverywhere(t, s, 9, func(t *testing.T) foldertest.World {
				w, _ := served(t, sftpserver.Options{})
				return w
			})
		})
	}
}

func TestACutConnectionToOpenSSH(t *testing.T) {
	sshdtest.Need(t)
	for _, s := range scripts {
		t.Run(s.name, func(t *testing.T) {
			cutEverywhere(t, s, 1, func(t *testing.T) foldertest.World { return new(openssh).start(t) })
		})
	}
}

func TestALostConnectionIsMadeAgain(t *testing.T) {
	w, _ := served(t, sftpserver.Options{})
	w.Put(t, "a.csv", "x")
	w, p := through(t, w, unlimited, unlimited, false)
	in := w.Inbound(t, sftpio.Rename)
	p.cut()
	_, _, err := in.Ready(t.Context())
	if errors.Is(err, sftpio.ErrUnreachable) { // the loss was noticed only now
		_, _, err = in.Ready(t.Context())
	}
	must(t, err)
}
