package pipeline

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cardbatch/formats/followup"
	"cardbatch/internal/atomicfile"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// FollowUp is one series of follow-up files that a merchant wants.
type FollowUp struct {
	Series   store.Series
	Source   string // whose outbound folder they go to
	Zone     *time.Location
	Encoding string
	Since    string // first day, YYYY-MM-DD; empty: that of the merchant's first file
}

// followUp decides the files of the days that are over, and delivers those that wait.
func followUp(ctx context.Context, r *Run) error {
	for _, f := range r.FollowUps {
		for {
			next, ok, err := NextDaily(ctx, r.Store, f.Series, f.Since, f.Zone, f.Encoding, r.Clock())
			if err != nil {
				return err
			}
			if !ok {
				break
			}
			if _, err := r.Session.OpenDaily(ctx, next); err != nil {
				return err
			}
			r.reached("day decided")
		}
	}
	waiting, err := r.Store.DailyFiles(ctx, store.DailyQuery{Waiting: true})
	if err != nil {
		return err
	}
	bySource := map[string][]store.DailyFile{}
	for _, f := range waiting {
		i := slices.IndexFunc(r.FollowUps, func(u FollowUp) bool { return u.Series == f.Series })
		if i < 0 {
			r.Log.Warn("a follow-up file waits that the configuration does not ask for any more", "name", f.Name)
			continue
		}
		bySource[r.FollowUps[i].Source] = append(bySource[r.FollowUps[i].Source], f)
	}
	for name, files := range bySource {
		if err := r.trouble("source "+name, r.deliverDays(ctx, name, files)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) deliverDays(ctx context.Context, name string, files []store.DailyFile) error {
	s, ok := r.source(name)
	if !ok {
		return fmt.Errorf("%d follow-up files wait for a source that is not configured any more", len(files))
	}
	outbound, err := s.OpenOutbound(ctx)
	if err != nil {
		return err
	}
	defer outbound.Close()
	var failures []error
	for _, f := range files {
		err := r.deliverDay(ctx, outbound, f)
		if err == nil {
			r.count(func(s *Summary) { s.FollowUps++ })
			continue
		}
		if stop := (fatalError{}); errors.As(err, &stop) {
			return err
		}
		if recorded := r.Session.DailyFailed(ctx, f.ID, err.Error()); recorded != nil {
			return fatal(recorded)
		}
		failures = append(failures, fmt.Errorf("%s: %w", f.Name, err))
		if errors.Is(err, sftpio.ErrUnreachable) {
			break
		}
	}
	return errors.Join(failures...)
}

func (r *Run) deliverDay(ctx context.Context, outbound sftpio.Outbound, f store.DailyFile) error {
	f, err := r.buildDay(ctx, f)
	if err != nil {
		return err
	}
	r.reached("day built")
	built, err := os.Open(r.builtDay(f))
	if err != nil {
		return err
	}
	defer built.Close()
	if err := outbound.Publish(ctx, f.Name, built, f.Size, f.Digest); err != nil {
		return err
	}
	r.reached("day published")
	if err := r.Session.DailyDelivered(ctx, f.ID, r.Clock()); err != nil {
		return fatal(err)
	}
	if err := os.Remove(r.builtDay(f)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func (r *Run) builtDay(f store.DailyFile) string {
	return filepath.Join(r.Outbox, fmt.Sprintf("day-%d.csv", f.ID))
}

// buildDay writes a day's bytes into the outbox, unless they lie there already, and records
// their size and digest. A day of exceptions is what was known when it was built: a later file
// of American Express' can explain what looked wrong.
func (r *Run) buildDay(ctx context.Context, f store.DailyFile) (store.DailyFile, error) {
	if f.Digest != "" {
		if info, err := os.Stat(r.builtDay(f)); err == nil && info.Size() == f.Size {
			return f, nil
		}
	}
	size, digest, err := r.buildOut(filepath.Base(r.builtDay(f)), func(w io.Writer) error { return r.writeDay(ctx, f, w) })
	if err != nil {
		return f, err
	}
	f.Size, f.Digest = size, digest
	return f, fatal(r.Session.DailyBuilt(ctx, f.ID, size, digest))
}

func (r *Run) writeDay(ctx context.Context, f store.DailyFile, w io.Writer) error {
	if f.Series.Kind == store.ExceptionsOfDay {
		return r.writeExceptions(ctx, f, w)
	}
	return WriteDaily(ctx, r.Store, f, w)
}

// writeExceptions writes what American Express said on the day about cards and charges of
// the contract's service establishment, and cannot be.
func (r *Run) writeExceptions(ctx context.Context, f store.DailyFile, w io.Writer) error {
	out, err := followup.NewExceptions(w, followup.Head{Merchant: f.Series.Merchant, Contract: f.Series.Contract, Day: f.Day, Number: f.Number}, f.Encoding)
	if err != nil {
		return err
	}
	contract := r.contract(f.Series.Merchant, f.Series.Contract)
	files, err := r.Store.PartnerFiles(ctx, store.PartnerQuery{States: []store.PartnerState{store.PartnerTaken}})
	if err != nil {
		return err
	}
	ours := map[string]bool{}
	for _, p := range files {
		ours[p.Name] = contract != nil && contract.SmartBill != nil && p.SE == contract.SmartBill.SE
	}
	for e, err := range r.Store.PartnerExceptions(ctx, f.From, f.To) {
		if err != nil {
			return err
		}
		if ours[e.File] {
			if err := out.Write(&e); err != nil {
				return err
			}
		}
	}
	return out.Close()
}

// buildOut writes a file into the outbox, whole or not at all, and digests it.
func (r *Run) buildOut(name string, write func(io.Writer) error) (size int64, digest string, err error) {
	out, err := atomicfile.Create(r.Outbox, 0o600)
	if err != nil {
		return 0, "", err
	}
	defer out.Discard()
	sum := &countingHash{hash: sha256.New()}
	if err := write(io.MultiWriter(out, sum)); err != nil {
		return 0, "", err
	}
	return sum.size, hex.EncodeToString(sum.hash.Sum(nil)), out.Replace(name)
}
