package smartbill

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/formats/smartbill"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// arrival is one file of theirs.
type arrival struct {
	entry    sftpio.Entry
	kind     smartbill.FileKind
	se       string
	sequence int64
}

// Ingest takes the status and response files that have arrived, by service establishment,
// kind and number. A damaged file is rejected whole, with its reasons beside it; one that is
// ahead of its number is held where it lies, and taken once the missing one has come. The
// same file again changes nothing.
func (x *Exchange) Ingest(ctx context.Context) (total pipeline.Ingestion, err error) {
	if err := x.sweep(); err != nil {
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
	for _, a := range arrivals {
		if err := x.take(ctx, in, a, &total); err != nil {
			return total, fmt.Errorf("%s: %w", a.entry.Name, err)
		}
	}
	return total, nil
}

func (x *Exchange) arrivals(ctx context.Context, in sftpio.Inbound) ([]arrival, error) {
	ready, claimed, err := in.Ready(ctx)
	if err != nil {
		return nil, err
	}
	var all []arrival
	for _, e := range slices.Concat(claimed, ready) {
		kind, se, sequence, ok := smartbill.ParseFileName(e.Name)
		if !ok || kind != smartbill.StatusFile && kind != smartbill.ResponseFile {
			x.Log.Warn("a file in the exchange is none of American Express'", "exchange", x.Name, "name", e.Name)
			continue
		}
		all = append(all, arrival{e, kind, se, sequence})
	}
	slices.SortStableFunc(all, func(a, b arrival) int {
		return cmp.Or(cmp.Compare(a.se, b.se), cmp.Compare(a.kind, b.kind), cmp.Compare(a.sequence, b.sequence))
	})
	return all, nil
}

// take reads one file whole, records what it says, and clears it away.
func (x *Exchange) take(ctx context.Context, in sftpio.Inbound, a arrival, total *pipeline.Ingestion) error {
	path, digest, err := x.fetch(ctx, in, a.entry)
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(path) }()
	a.entry.Digest = digest
	f := store.PartnerFile{SE: a.se, Sequence: a.sequence, Name: a.entry.Name, Digest: digest, State: store.PartnerTaken}
	if info, err := os.Stat(path); err == nil {
		f.Size = info.Size()
	}
	said, reason, err := x.read(a, path, &f)
	if err != nil {
		return err
	}
	if reason == "" {
		reason, err = x.order(ctx, &f)
	}
	if err != nil {
		return err
	}
	f.Reason = reason
	if err := x.replace(ctx, f); err != nil {
		return err
	}
	switch {
	case reason != "" && f.State == store.PartnerHeld:
		total.Held++
		_, err := x.Session.Ingest(ctx, f, nil, nil, nil, x.Clock())
		return err
	case reason != "":
		f.State = store.PartnerRejected
		total.Rejected++
		if _, err := x.Session.Ingest(ctx, f, nil, nil, nil, x.Clock()); err != nil {
			return err
		}
		x.reached("partner file refused")
		return in.Reject(ctx, a.entry, reason)
	}
	if x.Tell != nil {
		if err := x.Tell(ctx, a.se, said.events); err != nil {
			return err
		}
	}
	at := x.Clock()
	if _, err := x.Session.Ingest(ctx, f, said.events, said.answers, said.exceptions, at); err != nil {
		return err
	}
	x.reached("partner file ingested")
	total.Taken++
	// Most exceptions are found by the store, which knows the aliases and what was told before.
	for e, err := range x.Store.PartnerExceptions(ctx, at, at.Add(time.Microsecond)) {
		if err != nil {
			return err
		}
		if e.File == f.Name {
			total.Exceptions++
		}
	}
	return in.Remove(ctx, a.entry)
}

// sweep removes the copies that an ingestion left which died.
func (x *Exchange) sweep() error {
	left, err := filepath.Glob(filepath.Join(x.Scratch, copies))
	for _, path := range left {
		err = errors.Join(err, os.Remove(path))
	}
	return err
}

// copies are the names in the scratch folder.
const copies = "amex-*"

// replace gives up a held file in whose place another one lies now.
func (x *Exchange) replace(ctx context.Context, f store.PartnerFile) error {
	held, err := x.Store.PartnerFiles(ctx, store.PartnerQuery{Name: f.Name, States: []store.PartnerState{store.PartnerHeld}})
	if err != nil {
		return err
	}
	for _, old := range held {
		if old.Digest == f.Digest {
			continue
		}
		old.State, old.Reason = store.PartnerRejected, "other content came in its place before it was taken"
		if _, err := x.Session.Ingest(ctx, old, nil, nil, nil, x.Clock()); err != nil {
			return err
		}
	}
	return nil
}

// fetch copies a file into the scratch folder and digests it on the way. What American
// Express sends holds aliases and no card number.
func (x *Exchange) fetch(ctx context.Context, in sftpio.Inbound, e sftpio.Entry) (path, digest string, err error) {
	copied, err := os.CreateTemp(x.Scratch, copies)
	if err != nil {
		return "", "", err
	}
	sum := sha256.New()
	_, err = in.Fetch(ctx, e, io.MultiWriter(copied, sum))
	if err = errors.Join(err, copied.Close()); err != nil {
		return "", "", errors.Join(err, os.Remove(copied.Name()))
	}
	return copied.Name(), hex.EncodeToString(sum.Sum(nil)), nil
}

// said is what a file says.
type said struct {
	events     []batch.StatusEvent
	answers    []batch.ChargeAnswer
	exceptions []batch.PartnerException
}

// read reads a whole file. reason says why it is rejected; empty: it is sound.
func (x *Exchange) read(a arrival, path string, f *store.PartnerFile) (s said, reason string, err error) {
	open := func() (io.ReadCloser, error) { return os.Open(path) }
	f.Kind = store.ResponseFile
	if a.kind == smartbill.StatusFile {
		f.Kind = store.StatusFile
	}
	account, known := x.account(a.se)
	if !known {
		return s, "no contract has the service establishment number of its name", nil
	}
	if a.kind == smartbill.StatusFile {
		in, err := smartbill.OpenStatus(open, x.Tables.Status, x.Zone)
		if err != nil {
			return s, "", err
		}
		if reason := x.sound(a, account, in.Header, in.Verdict); reason != "" {
			return s, reason, nil
		}
		return s, "", in.Each(func(d smartbill.Status) error {
			s.status(account, f.Name, d, x.Clock())
			return nil
		})
	}
	in, err := smartbill.OpenResponse(open, x.Tables.Response, x.Zone)
	if err != nil {
		return s, "", err
	}
	if reason := x.sound(a, account, in.Header, in.Verdict); reason != "" {
		return s, reason, nil
	}
	err = in.Each(func(d smartbill.Response) error {
		s.response(f.Name, d, x.Clock())
		return nil
	})
	return s, "", err
}

// sound checks that a file is whole and is what its name says.
func (x *Exchange) sound(a arrival, account Account, h smartbill.Header, v layout.Verdict) string {
	switch {
	case !v.Accepted():
		return v.Reject.Error()
	case h.SE != a.se || h.Sequence != a.sequence:
		return fmt.Sprintf("its header names service establishment and sequence number %s and %d, its name others", masked(h.SE), h.Sequence)
	case h.Mode != x.Mode:
		return fmt.Sprintf("it is of %s, and this installation of %s", h.Mode, x.Mode)
	case h.Currency != "" && h.Currency != account.Currency:
		return fmt.Sprintf("it is in %s, and the service establishment takes %s", h.Currency, account.Currency)
	}
	return ""
}

// masked shows the last four digits.
func masked(se string) string {
	if len(se) < 4 {
		return se
	}
	return "…" + se[len(se)-4:]
}

// order compares the number with those that have come: the next one is taken, a gap is
// held, and a number that was used is rejected, unless it is the same file. The first file that
// comes may have any number; one from before it is taken late, which does no harm, because
// what files tell does not depend on their order.
func (x *Exchange) order(ctx context.Context, f *store.PartnerFile) (reason string, err error) {
	files, err := x.Store.PartnerFiles(ctx, store.PartnerQuery{Kind: f.Kind, SE: f.SE, States: []store.PartnerState{store.PartnerTaken}})
	if err != nil {
		return "", err
	}
	next := int64(1)
	for _, taken := range files {
		if taken.Sequence == f.Sequence && taken.Digest != f.Digest {
			return fmt.Sprintf("sequence number %d came before with other content", f.Sequence), nil
		}
		if taken.Sequence == f.Sequence {
			return "", nil // the same file again: it changes nothing
		}
		next = max(next, taken.Sequence+1)
	}
	if len(files) > 0 && f.Sequence > next {
		f.State = store.PartnerHeld
		return fmt.Sprintf("sequence number %d is due, this one is %d", next, f.Sequence), nil
	}
	return "", nil
}

func (s *said) status(account Account, file string, d smartbill.Status, now time.Time) {
	if !d.Known {
		s.exceptions = append(s.exceptions, batch.PartnerException{File: file, Line: d.Line, Alias: d.Alias, Reason: "the status is unknown", At: now})
		return
	}
	s.events = append(s.events, batch.StatusEvent{
		Merchant: account.Merchant, Alias: d.Alias, Status: d.Status, Code: d.Code, Text: d.Text, NewExpiry: d.NewExpiry, Product: d.Product, At: d.At, File: file, Line: d.Line,
	})
}

var results = map[smartbill.Result]batch.LineState{
	smartbill.Approved: batch.Approved, smartbill.Declined: batch.Declined, smartbill.Refused: batch.Refused,
}

func (s *said) response(file string, d smartbill.Response, now time.Time) {
	state, ok := results[d.Result]
	if !d.Known || !ok {
		s.exceptions = append(s.exceptions, batch.PartnerException{File: file, Line: d.Line, Alias: string(d.Key), Reason: "the result is unknown", At: now})
		return
	}
	answer := batch.ChargeAnswer{
		Key: d.Key, State: state, AuthorizationNumber: d.Authorization, Code: d.Code, Text: d.Text, CardChanged: d.CardUpdate == smartbill.Changed, File: file,
	}
	if !d.ValueDate.IsZero() {
		answer.ValueDate = d.ValueDate.Format(time.DateOnly)
	}
	s.answers = append(s.answers, answer)
}
