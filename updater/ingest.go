package updater

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/updater"
	"cardbatch/internal/pgp"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// arrival is one file of theirs, copied and sealed.
type arrival struct {
	entry   sftpio.Entry
	request string // of an acknowledgement: the name of the request that it is about
	copied  string // its name among the copies
	size    int64
}

// Ingest takes the acknowledgements and responses that have arrived, acknowledgements first, then
// closes the requests whose records all have a decision or whose time is over. A damaged file is
// rejected whole, with its reasons beside it; one that our key cannot open stays where it is,
// because the key may be what is wrong. Neither keeps the others from being taken. The same
// file again changes nothing.
func (x *Exchange) Ingest(ctx context.Context) (total pipeline.Updated, err error) {
	if _, err := x.Copies.Sweep(func(string) bool { return false }); err != nil { // what an ingestion left that died
		return total, err
	}
	in, err := x.OpenInbound(ctx)
	if err != nil {
		return total, err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	arrivals, err := x.arrivals(ctx, in)
	if err != nil {
		return total, err
	}
	var failures []error
	stayed := false
	for _, a := range arrivals {
		brought, err := x.take(ctx, in, a)
		total.Add(brought)
		stayed = stayed || brought.Taken+brought.Rejected == 0
		if err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", a.entry.Name, err))
		}
		if ctx.Err() != nil || errors.Is(err, sftpio.ErrUnreachable) {
			return total, errors.Join(failures...)
		}
	}
	if x.Asks() && !stayed { // nothing is given up whose answer may lie there
		_, given, err := x.Session.CloseRequests(ctx, x.Name, x.Clock())
		total.GivenUp += given
		failures = append(failures, err, x.overdue(ctx))
	}
	return total, errors.Join(failures...)
}

// ErrRejected: a file is damaged or not what it should be, and a run would reject it.
var ErrRejected = errors.New("the file would be rejected")

// Rehearse tells use what the responses that have arrived would do, record by record. Nothing is
// recorded, and the files stay where they are.
func (x *Exchange) Rehearse(ctx context.Context, use func(batch.CardUpdate) error) (err error) {
	in, err := x.OpenInbound(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	arrivals, err := x.arrivals(ctx, in)
	if err != nil {
		return err
	}
	var failures []error
	for _, a := range arrivals {
		if a.request != "" {
			continue
		}
		if err := x.rehearse(ctx, in, a, use); err != nil {
			failures = append(failures, fmt.Errorf("%s: %w", a.entry.Name, err))
		}
	}
	return errors.Join(failures...)
}

func (x *Exchange) rehearse(ctx context.Context, in sftpio.Inbound, a arrival, use func(batch.CardUpdate) error) (err error) {
	if a, err = x.fetch(ctx, in, a); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, x.Copies.Remove(a.copied)) }()
	answers, err := updater.OpenAnswers(x.plain(a), x.Tables.Response, x.Zone)
	switch {
	case damaged(err):
		return fmt.Errorf("%w: %w", ErrRejected, err)
	case ours(err):
		return keyTrouble(err)
	case err != nil:
		return err
	case !answers.Verdict.Accepted():
		return fmt.Errorf("%w: %w", ErrRejected, answers.Verdict.Reject)
	}
	terms := x.Terms(false)
	terms.Rehearse = true
	f := store.UpdateFile{Updater: x.Name, Kind: store.UpdateResponseFile, Name: a.entry.Name, Digest: a.entry.Digest, State: store.PartnerOpen}
	return x.each(answers, func(chunk []store.Told) error {
		taken, err := x.Session.TakeUpdates(ctx, f, chunk, terms)
		for _, u := range taken.Updates {
			if err := use(u); err != nil {
				return err
			}
		}
		return err
	})
}

// arrivals are the files that are complete: acknowledgements, then responses, by name.
func (x *Exchange) arrivals(ctx context.Context, in sftpio.Inbound) ([]arrival, error) {
	ready, claimed, err := in.Ready(ctx)
	if err != nil {
		return nil, err
	}
	var all []arrival
	for _, e := range slices.Concat(claimed, ready) {
		a := arrival{entry: e}
		if x.Asks() {
			a.request, _, _ = updater.ParseAcknowledgementName(e.Name)
		}
		if matches, _ := path.Match(x.Responses, e.Name); a.request == "" && !matches {
			x.Log.Warn("a file in the exchange is none that is expected", "updater", x.Name, "name", e.Name)
			continue
		}
		all = append(all, a)
	}
	slices.SortStableFunc(all, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a.entry.Name, b.entry.Name))
	})
	return all, nil
}

func order(a arrival) int {
	if a.request != "" {
		return 0
	}
	return 1
}

// take reads one file whole, records what it says, and clears it away.
func (x *Exchange) take(ctx context.Context, in sftpio.Inbound, a arrival) (brought pipeline.Updated, err error) {
	if a, err = x.fetch(ctx, in, a); err != nil {
		return brought, err
	}
	defer func() { err = errors.Join(err, x.Copies.Remove(a.copied)) }()
	f := store.UpdateFile{Updater: x.Name, Kind: store.UpdateResponseFile, Name: batch.MaskCardNumbers(a.entry.Name), Size: a.size, Digest: a.entry.Digest}
	if a.request != "" {
		// An acknowledgement says so little that those of two requests may have the same bytes.
		f.Kind, f.Digest = store.AcknowledgementFile, digestOf(a.request, a.entry.Digest)
	}
	var reason string
	if a.request != "" {
		brought.Refused, reason, err = x.acknowledge(ctx, a, f)
	} else {
		brought, reason, err = x.answers(ctx, a, f)
	}
	switch {
	case damaged(err):
		reason = err.Error()
	case ours(err):
		return brought, keyTrouble(err)
	case err != nil && !errors.Is(err, pipeline.ErrConfiguration):
		return brought, err
	}
	if reason != "" {
		brought.Rejected++
		if _, err := x.Session.RejectUpdateFile(ctx, rejected(f, reason, x.Clock())); err != nil {
			return brought, err
		}
		x.reached("update file refused")
		return brought, in.Reject(ctx, a.entry, reason)
	}
	brought.Taken++
	x.reached("update file ingested")
	return brought, errors.Join(err, in.Remove(ctx, a.entry))
}

// misconfigured is for people alone: the file was taken all the same.
func misconfigured(code, note string) error {
	return fmt.Errorf("%w: the provider says %s: %s; ask it, then select again", pipeline.ErrConfiguration, code, note)
}

// keyTrouble says that our key is what is wrong.
func keyTrouble(err error) error { return fmt.Errorf("%w: %w", pipeline.ErrConfiguration, err) }

// digestOf knows an acknowledgement by its request and its bytes, whatever time its name tells.
func digestOf(request, digest string) string {
	sum := sha256.Sum256([]byte(request + "\n" + digest))
	return hex.EncodeToString(sum[:])
}

// damaged reports whether an error says that the file is not what its sender made.
func damaged(err error) bool {
	return errors.Is(err, pgp.ErrTruncated) || errors.Is(err, pgp.ErrTampered) || errors.Is(err, pgp.ErrTooLarge) || errors.Is(err, pgp.ErrNotEncrypted)
}

// ours reports whether an error says that it is our key which is wrong.
func ours(err error) bool {
	return errors.Is(err, pgp.ErrWrongKey) || errors.Is(err, pgp.ErrExpired) || errors.Is(err, pgp.ErrRevoked) || errors.Is(err, pgp.ErrNotYetValid)
}

func rejected(f store.UpdateFile, reason string, at time.Time) store.UpdateFile {
	f.State, f.Reason, f.TakenAt = store.PartnerRejected, reason, at
	return f
}

// fetch copies a file, sealed with our own keys whatever it is, and digests it on the way.
func (x *Exchange) fetch(ctx context.Context, in sftpio.Inbound, a arrival) (arrival, error) {
	copied, err := x.Copies.Create()
	if err != nil {
		return a, err
	}
	defer copied.Discard()
	if _, err := in.Fetch(ctx, a.entry, copied); err != nil {
		return a, err
	}
	a.copied, a.entry.Digest, a.size, err = copied.Commit()
	return a, err
}

// open reads the copy of a file.
func (x *Exchange) open(a arrival) updater.Open {
	return func() (io.ReadCloser, error) { return x.Copies.Open(a.copied) }
}
