package pipeline

import (
	"context"
	"os"
	"path/filepath"

	"cardbatch/batch"
	"cardbatch/store"
)

// resealLimit bounds how many card numbers one run re-encrypts.
const resealLimit = 100_000

// purge deletes what was kept long enough, by proof and retention: an original
// only once its answers are delivered, a line only once its file is done. It also
// clears what crashed runs left in the archive, and re-encrypts a part of what an old key sealed.
func purge(ctx context.Context, r *Run) error {
	now := r.Clock()
	done := []batch.FileState{batch.FileDelivered, batch.FileRejected, batch.FileRecalled}
	files, err := r.Store.Files(ctx, store.FileQuery{States: done, Archived: true, Before: now.Add(-r.Retention.Archive)})
	if err != nil {
		return err
	}
	for _, f := range files {
		if f.Claim != "" { // the original still lies in the inbound folder: its answers are not all out
			continue
		}
		// Removing first and recording then: a crash between leaves a record that the next run repeats.
		if err := r.Archive.Remove(f.Archived); err != nil {
			return err
		}
		if err := r.Session.Purged(ctx, f.ID); err != nil {
			return err
		}
	}
	if err := r.sweep(ctx); err != nil {
		return err
	}
	if err := r.sweepOutbox(ctx); err != nil {
		return err
	}
	if n, err := r.Session.Forget(ctx, now.Add(-r.Retention.Lines)); err != nil {
		return err
	} else if n > 0 {
		r.Log.Info("forgotten after retention", "files", n)
	}
	if _, err := r.Session.ForgetNotifications(ctx, now.Add(-r.Retention.Lines)); err != nil {
		return err
	}
	n, err := r.Session.Reseal(ctx, r.Vault.NeedsReseal, r.Vault.Reseal, resealLimit)
	if n > 0 {
		r.Log.Info("card numbers re-encrypted under the new key", "count", n)
	}
	return err
}

// sweepOutbox removes built files that were delivered, and halves of files.
func (r *Run) sweepOutbox(ctx context.Context) error {
	waiting, err := r.Store.Answers(ctx, 0, true)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, a := range waiting {
		wanted[filepath.Base(r.builtPath(a))] = true
	}
	days, err := r.Store.DailyFiles(ctx, store.DailyQuery{Waiting: true})
	if err != nil {
		return err
	}
	for _, f := range days {
		wanted[filepath.Base(r.builtDay(f))] = true
	}
	entries, err := os.ReadDir(r.Outbox)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if e.Type().IsRegular() && !wanted[e.Name()] {
			if err := os.Remove(filepath.Join(r.Outbox, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// sweep removes archived bytes that no file refers to.
func (r *Run) sweep(ctx context.Context) error {
	files, err := r.Store.Files(ctx, store.FileQuery{Archived: true})
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(files))
	for _, f := range files {
		known[f.Archived] = true
	}
	removed, err := r.Archive.Sweep(func(name string) bool { return known[name] })
	if len(removed) > 0 {
		r.Log.Info("leftovers of a run that died were removed from the archive", "files", len(removed))
	}
	return err
}
