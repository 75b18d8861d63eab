package sqlite

import (
	"context"
	"fmt"
	"iter"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// lineFacts is what a transition needs to know of its line.
type lineFacts struct {
	state    batch.LineState
	phase    int
	gateway  string
	attempt  int
	amount   int64
	currency string // empty: the line carries no amount
}

const factColumns = `id, state, phase, gateway, attempt, coalesce(amount, 0), coalesce(currency, '')`

// factsOf reads the facts of many lines. Those that this session has sent it knows;
// the states that an UPDATE names are what counts, should it be wrong.
func (c *change) factsOf(all []batch.LineAddress) (map[batch.LineAddress]lineFacts, error) {
	facts := make(map[batch.LineAddress]lineFacts, len(all))
	addresses := make([]batch.LineAddress, 0, len(all))
	for _, at := range all {
		if f, ok := c.flying[lineID(at)]; ok {
			facts[at] = f
			delete(c.flying, lineID(at))
		} else {
			addresses = append(addresses, at)
		}
	}
	scan := func(row scanner) error {
		var id int64
		var f lineFacts
		err := row.Scan(&id, &f.state, &f.phase, &f.gateway, &f.attempt, &f.amount, &f.currency)
		facts[addressOf(id)] = f
		return err
	}
	args := make([]any, 0, bulkRows[0])
	for _, size := range bulkRows {
		query := `SELECT ` + factColumns + ` FROM lines WHERE id IN (?` + strings.Repeat(", ?", size-1) + `)`
		for ; len(addresses) >= size; addresses = addresses[size:] {
			args = args[:0]
			for _, at := range addresses[:size] {
				args = append(args, lineID(at))
			}
			if err := each(c, scan, query, args...); err != nil {
				return nil, err
			}
		}
	}
	return facts, nil
}

func (c *change) facts(at batch.LineAddress) (lineFacts, error) {
	facts, err := c.factsOf([]batch.LineAddress{at})
	if err != nil {
		return lineFacts{}, err
	}
	f, ok := facts[at]
	if !ok {
		return f, fmt.Errorf("%w: line %d of file %d", store.ErrNotFound, at.No, at.File)
	}
	return f, nil
}

// addApproved adds an approved line's amount to its file's total.
func (c *change) addApproved(at batch.LineAddress, to batch.LineState, f lineFacts) {
	if to == batch.Approved && f.currency != "" {
		c.totals[totalKey{at.File, f.currency}] += f.amount
	}
}

// Recover turns every submitting line to in_doubt.
func (n *session) Recover(ctx context.Context, at time.Time) (int, error) {
	var lines []batch.LineAddress
	for r, err := range n.Lines(ctx, store.LineQuery{States: []batch.LineState{batch.Submitting}}) {
		if err != nil {
			return 0, err
		}
		lines = append(lines, r.Address)
	}
	if len(lines) == 0 {
		return 0, nil
	}
	outcomes := make([]store.LineOutcome, len(lines))
	for i, line := range lines {
		outcomes[i] = store.LineOutcome{At: line, Expect: batch.Submitting, To: batch.InDoubt}
	}
	err := n.write(ctx, "recover", 0, func(c *change) error {
		c.body.Text = at.UTC().Format(time.RFC3339)
		merchants, err := c.startFiles(nil, outcomes)
		if err != nil {
			return err
		}
		return c.record(outcomes, merchants)
	})
	if err != nil {
		return 0, err
	}
	return len(lines), nil
}

// Submit makes lines submitting, and others final by a rule of ours.
func (n *session) Submit(ctx context.Context, s store.Submission) error {
	return n.write(ctx, "submit", 0, func(c *change) error {
		addresses := make([]batch.LineAddress, 0, len(s.Sending))
		for _, sending := range s.Sending {
			addresses = append(addresses, sending.At)
		}
		merchants, err := c.startFiles(addresses, s.Final)
		if err != nil {
			return err
		}
		for run := range runsOf(s.Sending) {
			if err := c.send(run, s.At, merchants[run[0].At.File]); err != nil {
				return err
			}
		}
		return c.record(s.Final, merchants)
	})
}

// runsOf cuts what is sent into runs of consecutive lines with one attempt number and batch:
// one statement makes a whole run submitting.
func runsOf(all []store.Sending) iter.Seq[[]store.Sending] {
	return func(yield func([]store.Sending) bool) {
		for start := 0; start < len(all); {
			end := start + 1
			for end < len(all) && all[end].Attempt == all[start].Attempt && all[end].Batch == all[start].Batch && lineID(all[end].At) == lineID(all[end-1].At)+1 {
				end++
			}
			if !yield(all[start:end]) {
				return
			}
			start = end
		}
	}
}

// send makes a run of lines submitting. What it learns of them is kept until their
// outcomes come.
func (c *change) send(run []store.Sending, at time.Time, merchant batch.MerchantID) error {
	attempt, sent := run[0].Attempt, 0
	if attempt < 1 {
		return fmt.Errorf("%w: attempts count from 1", store.ErrStale)
	}
	err := each(c, func(row scanner) error {
		var id int64
		f := lineFacts{state: batch.Submitting, attempt: attempt}
		err := row.Scan(&id, &f.phase, &f.gateway, &f.amount, &f.currency)
		c.flying[id] = f
		sent++
		return err
	}, `UPDATE lines SET state = 'submitting', attempt = ?1, submitted_at = ?2, batch = nullif(?5, '') WHERE id BETWEEN ?3 AND ?4 AND state = 'queued' AND attempt <= ?1
		RETURNING id, phase, gateway, coalesce(amount, 0), coalesce(currency, '')`, attempt, micros(at), lineID(run[0].At), lineID(run[len(run)-1].At), run[0].Batch)
	if err != nil {
		return err
	}
	if sent != len(run) {
		return fmt.Errorf("%w: %d lines were to be sent, %d are queued and have had no later attempt", store.ErrStale, len(run), sent)
	}
	for i := range run {
		s := &run[i]
		c.moveLine(s.At, c.flying[lineID(s.At)], batch.Queued, batch.Submitting, "", attempt, "")
		if s.Opening != nil {
			if err := c.openWallet(*s.Opening, s.At); err != nil {
				return err
			}
		}
		if s.Locks != nil {
			if err := c.lockWallet(merchant, *s.Locks, s.At); err != nil {
				return err
			}
		}
	}
	return nil
}

// startFiles makes the accepted files of the lines running, and refuses lines of
// files that are undecided or held, or that came to an end. It returns the files' merchants.
func (c *change) startFiles(lines []batch.LineAddress, final []store.LineOutcome) (map[batch.FileID]batch.MerchantID, error) {
	merchants := map[batch.FileID]batch.MerchantID{}
	start := func(id batch.FileID) error {
		if _, known := merchants[id]; known {
			return nil
		}
		f, err := fileOf(c, id)
		if err != nil {
			return err
		}
		merchants[id] = f.Header.Merchant
		switch f.State {
		case batch.FileAccepted:
			return c.moveFile(id, batch.FileAccepted, batch.FileRunning, "")
		case batch.FileRunning, batch.FileAnswered, batch.FileDelivered:
			return nil
		}
		return fmt.Errorf("%w: file %d is %s", store.ErrStale, id, f.State)
	}
	for _, at := range lines {
		if err := start(at.File); err != nil {
			return nil, err
		}
	}
	for _, o := range final {
		if err := start(o.At.File); err != nil {
			return nil, err
		}
	}
	return merchants, nil
}

// Record writes outcomes.
func (n *session) Record(ctx context.Context, outcomes []store.LineOutcome) error {
	if len(outcomes) == 0 {
		return nil
	}
	return n.write(ctx, "record", 0, func(c *change) error {
		merchants, err := c.startFiles(nil, outcomes)
		if err != nil {
			return err
		}
		return c.record(outcomes, merchants)
	})
}

func (c *change) record(outcomes []store.LineOutcome, merchants map[batch.FileID]batch.MerchantID) error {
	addresses := make([]batch.LineAddress, len(outcomes))
	for i := range outcomes {
		addresses[i] = outcomes[i].At
	}
	facts, err := c.factsOf(addresses)
	if err != nil {
		return err
	}
	rows := make([]any, 0, outcomeColumns*len(outcomes))
	for i := range outcomes {
		o := &outcomes[i]
		f, ok := facts[o.At]
		if !ok {
			return fmt.Errorf("%w: line %d of file %d", store.ErrNotFound, o.At.No, o.At.File)
		}
		if rows, err = c.outcome(rows, o, f); err != nil {
			return err
		}
	}
	// The engine's own check of the states, and of lines named twice.
	changed, err := c.bulk(outcomeUpdate, outcomeColumns, outcomeWhere, rows)
	if err != nil {
		return err
	}
	if changed != int64(len(outcomes)) {
		return fmt.Errorf("%w: %d outcomes for %d lines", store.ErrStale, len(outcomes), changed)
	}
	for i := range outcomes {
		o := &outcomes[i]
		if err := c.valued(o); err != nil {
			return err
		}
		if err := c.changes(o.At, merchants[o.At.File], &o.Changes); err != nil {
			return err
		}
		if err := c.schedules(o, facts[o.At], merchants[o.At.File]); err != nil {
			return err
		}
		if err := c.toldByAnswer(o, merchants[o.At.File]); err != nil {
			return err
		}
		if _, err := c.notify(o.Notify); err != nil {
			return err
		}
	}
	return nil
}

const (
	outcomeColumns = 6
	outcomeUpdate  = `UPDATE lines SET state = v.column3, completed_at = v.column4, answer = v.column5, txn_hash = v.column6,
		sealed = CASE WHEN v.column3 IN ('approved', 'declined', 'refused') THEN NULL ELSE sealed END FROM (VALUES `
	outcomeWhere = `) v WHERE lines.id = v.column1 AND lines.state = v.column2`
)

// outcome checks and counts what became of one line, and appends it to rows.
func (c *change) outcome(rows []any, o *store.LineOutcome, f lineFacts) ([]any, error) {
	switch {
	case f.state != o.Expect:
		return nil, fmt.Errorf("%w: line %d of file %d is %s, not %s", store.ErrStale, o.At.No, o.At.File, f.state, o.Expect)
	case !o.Expect.CanBecome(o.To):
		return nil, fmt.Errorf("a line that is %s cannot become %s", o.Expect, o.To)
	case o.To.Final() && o.CompletedAt.IsZero():
		return nil, fmt.Errorf("line %d of file %d becomes %s at no time", o.At.No, o.At.File, o.To)
	}
	answer := store.AppendAnswer(nil, &o.Answer)
	group := c.moveLine(o.At, f, o.Expect, o.To, o.Answer.Code, f.attempt, o.Reason)
	var transaction any
	if o.To.Final() {
		group.sum.AddOutcome(o.At, o.To, f.attempt, o.CompletedAt.UnixMicro(), answer)
	}
	if o.To == batch.Approved {
		c.addApproved(o.At, o.To, f)
		if o.Answer.TransactionID != "" {
			transaction = transactionHash(o.Answer.TransactionID)
		}
	}
	return append(rows, lineID(o.At), string(o.Expect), string(o.To), micros(o.CompletedAt), blob(answer), transaction), nil
}

// changes writes what an outcome changes beside its line.
func (c *change) changes(at batch.LineAddress, merchant batch.MerchantID, change *batch.Changes) error {
	if change.Wallet != nil {
		if err := c.saveWallet(*change.Wallet); err != nil {
			return err
		}
	}
	if change.CloseWallet != nil {
		if err := c.closeWallet(merchant, *change.CloseWallet, at); err != nil {
			return err
		}
	}
	if change.ClearOpen != nil {
		if _, err := c.exec(`UPDATE wallets SET open_line = 0 WHERE merchant = ? AND id = ? AND open_line = ?`, string(merchant), string(*change.ClearOpen), lineID(at)); err != nil {
			return err
		}
	}
	if change.Transaction != nil {
		if err := c.followUp(change.Transaction); err != nil {
			return err
		}
	}
	if change.Agreement != nil {
		if err := c.saveAgreement(change.Agreement); err != nil {
			return err
		}
	}
	if change.Enrolment != nil {
		return c.saveEnrolment(change.Enrolment)
	}
	return nil
}

// followUp adds what a follow-up did to its original.
func (c *change) followUp(f *batch.FollowUp) error {
	original, err := c.facts(f.Original)
	if err != nil {
		return err
	}
	if original.state != batch.Approved {
		return fmt.Errorf("%w: line %d of file %d made no transaction, it is %s", store.ErrStale, f.Original.No, f.Original.File, original.state)
	}
	_, err = c.exec(`INSERT INTO follow_ups (line, captured, refunded, cancelled, last_key, last_id) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET captured = captured + excluded.captured, refunded = refunded + excluded.refunded,
			cancelled = max(cancelled, excluded.cancelled), last_key = CASE excluded.last_key WHEN '' THEN last_key ELSE excluded.last_key END,
			last_id = CASE excluded.last_key WHEN '' THEN last_id ELSE excluded.last_id END`,
		lineID(f.Original), f.Captured, f.Refunded, f.Cancelled, string(f.Key), string(f.ID))
	return err
}
