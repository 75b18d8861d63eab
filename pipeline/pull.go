package pipeline

import (
	"context"
	"fmt"
	"path"
	"time"

	"cardbatch/batch"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// pull takes the ready files of every source. A file is safe once it is recorded:
// its bytes lie encrypted in the archive, and its original, claimed, stays in the
// inbound folder until its answers are delivered.
func pull(ctx context.Context, r *Run) error {
	for _, s := range r.Sources {
		if r.stopping() {
			return nil
		}
		if err := r.trouble("source "+s.Name, r.pullSource(ctx, s)); err != nil {
			return err
		}
	}
	return r.missing(ctx)
}

func (r *Run) pullSource(ctx context.Context, s Source) error {
	inbound, err := s.OpenInbound(ctx)
	if err != nil {
		return err
	}
	defer inbound.Close()
	ready, claimed, err := inbound.Ready(ctx)
	if err != nil {
		return err
	}
	for _, e := range claimed {
		// Claimed by a run that died before it could record the file, or recorded and waiting for its answers.
		if err := r.trouble("file "+e.Name, r.take(ctx, s, inbound, e)); err != nil {
			return err
		}
	}
	for _, e := range ready {
		if r.stopping() {
			return nil
		}
		e, err := inbound.Claim(ctx, e)
		if err == nil {
			r.reached("claimed")
			err = r.take(ctx, s, inbound, e)
		}
		if err := r.trouble("file "+e.Name, err); err != nil {
			return err
		}
	}
	return nil
}

// take copies a claimed file into the archive and records it.
func (r *Run) take(ctx context.Context, s Source, inbound sftpio.Inbound, e sftpio.Entry) error {
	if known, err := r.recorded(ctx, s, e); known || err != nil {
		return err
	}
	w, err := r.Archive.Create()
	if err != nil {
		return err
	}
	defer w.Discard()
	if _, err := inbound.Fetch(ctx, e, w); err != nil {
		return fmt.Errorf("fetch %s: %w", e.Name, err)
	}
	name, digest, size, err := w.Commit()
	if err != nil {
		return fmt.Errorf("archive %s: %w", e.Name, err)
	}
	r.reached("archived")
	f, err := r.Session.Receive(ctx, batch.File{
		Source: s.Name, Name: e.Name, Digest: digest, Size: size,
		ReceivedAt: r.Clock(), State: batch.FileReceived, Archived: name, Claim: e.Claim,
	})
	if err != nil {
		return fatal(err)
	}
	r.reached("received")
	r.count(func(sum *Summary) { sum.Pulled++ })
	r.Log.Info("file taken", "file", e.Name, "source", s.Name, "bytes", size, "id", f.ID)
	return nil
}

// recorded reports whether the entry is a file that an earlier run recorded and
// whose original is still where it was.
func (r *Run) recorded(ctx context.Context, s Source, e sftpio.Entry) (bool, error) {
	files, err := r.Store.Files(ctx, store.FileQuery{Source: s.Name, Name: e.Name})
	if err != nil {
		return false, fatal(err)
	}
	for _, f := range files {
		if f.Claim == e.Claim && f.Size == e.Size && !e.Modified.After(f.ReceivedAt) {
			return true, nil
		}
	}
	return false, nil
}

// missing looks for expected files whose time has passed today without them.
func (r *Run) missing(ctx context.Context) error {
	now := r.Clock()
	for _, s := range r.Sources {
		for _, x := range s.Expected {
			local := now.In(x.Zone)
			midnight := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, x.Zone)
			if local.Before(x.By(local)) {
				continue
			}
			files, err := r.Store.Files(ctx, store.FileQuery{Source: s.Name, Since: midnight})
			if err != nil {
				return err
			}
			found := false
			for _, f := range files {
				// The pattern was checked with the configuration.
				if ok, _ := path.Match(x.Pattern, f.Name); ok {
					found = true
					break
				}
			}
			if !found {
				r.Log.Warn("an expected file has not arrived", "source", s.Name, "pattern", x.Pattern)
				r.count(func(sum *Summary) { sum.Missing = append(sum.Missing, s.Name+"/"+x.Pattern) })
			}
		}
	}
	return nil
}
