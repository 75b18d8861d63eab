package updater

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"cardbatch/batch"
	"cardbatch/formats/updater"
	"cardbatch/store"
)

// notOurs is why an acknowledgement of somebody else's file is rejected.
const notOurs = "it acknowledges a file that was never sent from here"

// acknowledge takes an acknowledgement. It returns how many records the provider refused; reason
// says why the file itself is rejected, empty: it was taken.
func (x *Exchange) acknowledge(ctx context.Context, a arrival, f store.UpdateFile) (refused int, reason string, err error) {
	r, known, err := x.acknowledged(ctx, a.request)
	if err != nil || !known {
		return 0, notOurs, err
	}
	in, err := updater.OpenAcknowledgement(x.open(a), x.Tables.Acknowledgement)
	if err != nil {
		return 0, "", err
	}
	if !in.Verdict.Accepted() {
		return 0, in.Verdict.Reject.Error(), nil
	}
	bad, reason, err := x.badRecords(in, r.Records)
	if err != nil || reason != "" {
		return 0, reason, err
	}
	at := x.Clock()
	f.State, f.TakenAt, f.Records = store.PartnerTaken, at, r.Records
	next, err := x.Session.Acknowledge(ctx, f, r.ID, bad, store.UpdateRequest{Updater: x.Name, Month: r.Month, Repairs: r.ID, CreatedAt: at}, x.nameAt(at))
	if errors.Is(err, store.ErrStale) {
		return 0, err.Error(), nil // another one has decided about the request
	}
	if err != nil {
		return 0, "", err
	}
	x.reached("update request acknowledged")
	if len(bad) == 0 {
		return 0, "", nil
	}
	x.Log.Warn("an account updater refused records, so it did nothing; the others are asked again", "updater", x.Name, "file", r.Name, "refused", len(bad), "again", next.Name)
	if i := slices.IndexFunc(bad, func(b store.BadRecord) bool { return b.Outcome == batch.ConfigurationError }); i >= 0 {
		err = misconfigured(bad[i].Code, bad[i].Note)
	}
	return len(bad), "", err
}

// acknowledged finds the request that an acknowledgement names. One whose rename we did not live to
// record is sent, as the provider has it.
func (x *Exchange) acknowledged(ctx context.Context, name string) (r store.UpdateRequest, known bool, err error) {
	found, err := x.Store.UpdateRequests(ctx, store.RequestQuery{Updater: x.Name, Name: name})
	if err == nil && len(found) == 0 {
		// The documents put upd_ before a name whose example has it already.
		found, err = x.Store.UpdateRequests(ctx, store.RequestQuery{Updater: x.Name, Name: strings.TrimPrefix(name, "upd_")})
	}
	if err != nil || len(found) == 0 || found[0].State == store.RequestOpen {
		return r, false, err
	}
	if r = found[0]; r.State == store.RequestStaged {
		err = x.release(ctx, r)
	}
	return r, true, err
}

// badRecords are the records that an acknowledgement rejects. It must name every record of the
// request once; reason says why it does not.
func (x *Exchange) badRecords(in *updater.File[updater.Acknowledged], records int) (bad []store.BadRecord, reason string, err error) {
	seen := make([]bool, records)
	err = in.Each(func(record updater.Acknowledged) error {
		switch {
		case reason != "":
		case record.Position < 1 || record.Position > records:
			reason = fmt.Sprintf("line %d: the request has no record %d", record.Line, record.Position)
		case seen[record.Position-1]:
			reason = fmt.Sprintf("line %d: record %d is there twice", record.Line, record.Position)
		default:
			seen[record.Position-1] = true
			if !record.Accepted {
				bad = append(bad, x.badRecord(record))
			}
		}
		return nil
	})
	if missing := slices.Index(seen, false); err == nil && reason == "" && missing >= 0 {
		reason = fmt.Sprintf("record %d of the request is not in it", missing+1)
	}
	return bad, reason, err
}

// badRecord says what a refused record means. A code that no table lists is about the record.
func (x *Exchange) badRecord(record updater.Acknowledged) store.BadRecord {
	outcome, note := x.Codes.Decide("", record.Code, "")
	if outcome != batch.ConfigurationError {
		outcome = batch.InputError
	}
	return store.BadRecord{Position: record.Position, Code: record.Code, Outcome: outcome, Note: note}
}

// overdue tells of requests that the provider should have acknowledged long ago.
func (x *Exchange) overdue(ctx context.Context) error {
	sent, err := x.Store.UpdateRequests(ctx, store.RequestQuery{Updater: x.Name, States: []store.RequestState{store.RequestSent}})
	if err != nil {
		return err
	}
	var late []string
	for _, r := range sent {
		if handled := x.handled(r.SentAt); r.Undecided == r.Records && x.Clock().After(handled.Add(x.Acknowledged)) {
			late = append(late, r.Name)
		}
	}
	if len(late) == 0 {
		return nil
	}
	return fmt.Errorf("no acknowledgement has come of %s; ask the provider", strings.Join(late, ", "))
}
