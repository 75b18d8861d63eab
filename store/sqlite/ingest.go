package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// Ingest records a file of theirs with all that it says.
func (n *session) Ingest(ctx context.Context, f store.PartnerFile, events []batch.StatusEvent, answers []batch.ChargeAnswer, exceptions []batch.PartnerException, at time.Time) (store.PartnerFile, error) {
	const kind = "partner ingest"
	if f.Name == "" { // told by a processor
		err := n.write(ctx, kind, 0, func(c *change) error {
			if err := c.tell(f, events, answers, exceptions, at); err != nil || c.body.Exchange != nil {
				return err
			}
			return errSame
		})
		if errors.Is(err, errSame) {
			err = nil
		}
		return f, err
	}
	return n.partner(ctx, kind, func(c *change) (int64, error) {
		id, err := c.arrived(f)
		if err != nil || f.State != store.PartnerTaken {
			return id, err
		}
		return id, c.tell(f, events, answers, exceptions, at)
	})
}

// arrived records the file itself; errSame when there is nothing new to record.
func (c *change) arrived(f store.PartnerFile) (int64, error) {
	switch {
	case f.Kind != store.StatusFile && f.Kind != store.ResponseFile:
		return 0, fmt.Errorf("%w: %s is no file of the partner's", store.ErrStale, f.Name)
	case f.State != store.PartnerTaken && f.State != store.PartnerHeld && f.State != store.PartnerRejected:
		return 0, fmt.Errorf("%w: a file of the partner's is not %s", store.ErrStale, f.State)
	case f.Digest == "":
		return 0, errors.New("a file of the partner's is known by its digest, and this one has none")
	}
	id, err := c.first(`kind IN ('status', 'response') AND digest = ?`, f.Digest)
	if err != nil {
		return 0, err
	}
	namesake, err := c.first(`name = ? AND state <> 'rejected'`, f.Name)
	if err != nil {
		return 0, err
	}
	if namesake != 0 && namesake != id && f.State != store.PartnerRejected {
		return 0, fmt.Errorf("%w: %s has come before with other bytes", store.ErrStale, f.Name)
	}
	if id == 0 {
		id, err = c.insert("partner_files", `INSERT INTO partner_files (kind, se, sequence, name, created_at, state, size, digest, reason) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id`,
			string(f.Kind), f.SE, f.Sequence, f.Name, micros(f.CreatedAt), string(f.State), f.Size, f.Digest, f.Reason)
		c.exchange().File = &store.PartnerChange{ID: id, Name: f.Name, To: f.State, Size: f.Size, Digest: f.Digest}
		return id, err
	}
	known, err := partnerFileOf(c, id)
	if err != nil {
		return 0, err
	}
	if known.State == f.State || known.State == store.PartnerTaken {
		return id, errSame
	}
	if known.State == store.PartnerHeld { // it waits under the name that it came with
		f.Kind, f.SE, f.Sequence, f.Name = known.Kind, known.SE, known.Sequence, known.Name
	}
	c.exchange().File = &store.PartnerChange{ID: id, Name: f.Name, From: known.State, To: f.State, Size: known.Size, Digest: known.Digest}
	return id, c.update("partner_files", id, `kind = ?, se = ?, sequence = ?, name = ?, state = ?, reason = ?`,
		string(f.Kind), f.SE, f.Sequence, f.Name, string(f.State), f.Reason)
}

// tell writes what a file says.
func (c *change) tell(f store.PartnerFile, events []batch.StatusEvent, answers []batch.ChargeAnswer, exceptions []batch.PartnerException, at time.Time) error {
	touched := map[int64]map[int64]bool{} // enrolments, with the ids of their new events
	exceptions = slices.Clone(exceptions)
	for _, event := range events {
		event.File = cmp.Or(event.File, f.Name)
		enrolment, reason, err := c.whose(f.SE, event)
		if err != nil {
			return err
		}
		if reason != "" {
			exceptions = append(exceptions, batch.PartnerException{File: event.File, Line: event.Line, Alias: event.Alias, Reason: reason})
			continue
		}
		id, err := c.insert("status_events", `INSERT INTO status_events (enrolment, status, code, text, new_expiry, product, at, file, line, told_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
			enrolment, string(event.Status), event.Code, event.Text, event.NewExpiry, event.Product, micros(event.At), event.File, event.Line, at.UnixMicro())
		if errors.Is(err, sql.ErrNoRows) {
			continue // known
		}
		if err != nil {
			return err
		}
		if touched[enrolment] == nil {
			touched[enrolment] = map[int64]bool{}
		}
		touched[enrolment][id] = true
	}
	updates := c.newUpdates(at)
	for _, enrolment := range slices.Sorted(maps.Keys(touched)) {
		told, err := c.refold(enrolment, touched[enrolment])
		if err != nil {
			return err
		}
		updates.all = append(updates.all, told...)
	}
	for i := range updates.all {
		updates.all[i].TakenAt, updates.all[i].SettledAt = at, at
	}
	if err := updates.save(0, 0); err != nil {
		return err
	}
	for _, answer := range answers {
		answer.File = cmp.Or(answer.File, f.Name)
		reason, err := c.answered(answer)
		if err != nil {
			return err
		}
		if reason != "" {
			exceptions = append(exceptions, batch.PartnerException{File: answer.File, Alias: string(answer.Key), Reason: reason})
		}
	}
	for _, x := range exceptions {
		_, err := c.insert("partner_exceptions", `INSERT INTO partner_exceptions (file, line, alias, reason, at) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
			cmp.Or(x.File, f.Name), x.Line, batch.MaskCardNumbers(x.Alias), x.Reason, at.UnixMicro())
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}

// whose finds the enrolment that an event is about: the latest of its alias. A file speaks
// for an SE number, a processor for a merchant.
func (c *change) whose(se string, event batch.StatusEvent) (id int64, reason string, err error) {
	switch event.Status {
	case batch.CardWaiting, batch.CardAccepted, batch.CardRefused, batch.CardExpiryUpdated, batch.CardProductUpdated, batch.CardCancelled:
	default:
		return 0, "the status is unknown", nil
	}
	if event.At.IsZero() {
		return 0, "the event has no date", nil
	}
	query, args := `route = 'files' AND se = ? AND alias = ?`, []any{se, event.Alias}
	if se == "" {
		query, args = `route = 'payline' AND merchant = ? AND alias = ?`, []any{string(event.Merchant), event.Alias}
	}
	err = c.row(`SELECT coalesce(max(id), 0) FROM enrolments WHERE `+query, args...).Scan(&id)
	if id == 0 {
		reason = "the alias is unknown"
	}
	return id, reason, err
}

// answered keeps the answer to a charge. The first one stays: its line may be final by now.
func (c *change) answered(a batch.ChargeAnswer) (reason string, err error) {
	_, err = c.insert("charge_answers", `INSERT INTO charge_answers (key, state, authorized, code, text, card_changed, value_date, file) VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id`,
		string(a.Key), string(a.State), a.AuthorizationNumber, a.Code, a.Text, a.CardChanged, a.ValueDate, a.File)
	if !errors.Is(err, sql.ErrNoRows) {
		return "", err
	}
	var same bool
	err = c.row(`SELECT state = ? AND authorized = ? AND code = ? AND text = ? AND card_changed = ? AND value_date = ? FROM charge_answers WHERE key = ?`,
		string(a.State), a.AuthorizationNumber, a.Code, a.Text, a.CardChanged, a.ValueDate, string(a.Key)).Scan(&same)
	if err == nil && !same {
		reason = "the charge was answered otherwise before"
	}
	return reason, err
}
