package sqlite

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

func scanUpdate(row scanner) (u batch.CardUpdate, err error) {
	var file, answer int64
	err = row.Scan(&u.ID, &u.Merchant, &u.Wallet, &u.CardIndex, &u.Account, &u.Source, &u.Scheme, &u.Code, &u.Outcome, timestamp{&u.At}, timestamp{&u.TakenAt},
		timestamp{&u.SettledAt}, &u.File, &u.Line, &u.Effect, &u.Note, &u.Status, &u.Old.Fingerprint, &u.Old.LastFour, &u.Old.Expiry,
		&u.New.Fingerprint, &u.New.LastFour, &u.New.Expiry, &file, &answer)
	return u, err
}

// CardUpdates yields settled updates in the order in which they were settled.
func (s *Store) CardUpdates(ctx context.Context, q store.UpdateQuery) iter.Seq2[batch.CardUpdate, error] {
	return stream("read card updates", func(yield func(batch.CardUpdate) error) error {
		query, args := updatesQuery(q)
		return each(s.read(ctx), func(row scanner) error {
			u, err := scanUpdate(row)
			if err != nil {
				return err
			}
			return yield(u)
		}, query, args...)
	})
}

// updatesQuery is the text that finds the updates of a query, with its parameters.
func updatesQuery(q store.UpdateQuery) (query string, args []any) {
	var c condition
	c.add("settled_at IS NOT NULL")
	c.equal("merchant", string(q.Merchant))
	c.equal("wallet_id", string(q.Wallet))
	if !q.From.IsZero() {
		c.add("settled_at >= ?", q.From.UnixMicro())
	}
	if !q.To.IsZero() {
		c.add("settled_at < ?", q.To.UnixMicro())
	}
	from := ` FROM card_updates`
	if q.Merchant != "" && q.Wallet != "" {
		from += ` INDEXED BY card_updates_wallet`
	}
	return `SELECT ` + updateColumns + from + c.where() + ` ORDER BY settled_at, id`, c.args
}

// FirstUpdate tells when the merchant's first update was settled.
func (s *Store) FirstUpdate(ctx context.Context, merchant batch.MerchantID) (first time.Time, err error) {
	err = s.read(ctx).row(`SELECT min(settled_at) FROM card_updates WHERE merchant = ? AND settled_at IS NOT NULL`, string(merchant)).Scan(timestamp{&first})
	if err == nil && first.IsZero() {
		err = store.ErrNotFound
	}
	return first, fault("find the first update of "+string(merchant), err)
}

// newUpdates are updates that a transaction records.
type newUpdates struct {
	*change
	at  time.Time
	all []batch.CardUpdate
}

func (c *change) newUpdates(at time.Time) *newUpdates { return &newUpdates{change: c, at: at} }

// ofRecords adds an update that changes nothing for each of the records' cards, as they stand.
func (n *newUpdates) ofRecords(records []store.RequestRecord, tell func(*batch.CardUpdate, *store.RequestRecord)) error {
	keys := make([]cardKey, len(records))
	for i, r := range records {
		keys[i] = cardKey{r.Merchant, r.Wallet, r.CardIndex}
	}
	cards, err := n.openCards(keys)
	if err != nil {
		return err
	}
	for i := range records {
		r := &records[i]
		u := batch.CardUpdate{Merchant: r.Merchant, Wallet: r.Wallet, CardIndex: r.CardIndex, Account: r.Account, At: n.at, TakenAt: n.at, SettledAt: n.at, Effect: batch.EffectNone}
		tell(&u, r)
		u.Old.Fingerprint = r.Fingerprint
		card, _ := cards.card(keys[i])
		if card.Index != 0 {
			u.Scheme, u.Old = batch.SchemeOf(card), batch.DataOf(card)
		}
		u.New, u.Status = u.Old, billingOf(card)
		n.all = append(n.all, u)
	}
	return nil
}

// billingOf is how a card's status reads in a report.
func billingOf(c batch.Card) batch.BillingStatus {
	if c.Status == batch.CardDisabled || c.Status.Ended() {
		return batch.BillingDisabled
	}
	return batch.BillingActive
}

// number gives the updates that have none their ids, in order.
func (n *newUpdates) number() error {
	last, err := n.lastID("card_updates")
	for i := range n.all {
		n.all[i].ID = last + 1 + int64(i)
	}
	return err
}

// save writes the updates, of a file of updates or of the outcome of a line.
func (n *newUpdates) save(file, answerLine int64) error {
	if len(n.all) == 0 {
		return nil
	}
	if n.all[0].ID == 0 {
		if err := n.number(); err != nil {
			return err
		}
	}
	decided := map[batch.MerchantID]time.Time{}
	rows := make([]any, 0, 25*len(n.all))
	for i := range n.all {
		u := &n.all[i]
		u.Code, u.Note = batch.MaskCardNumbers(u.Code), batch.MaskCardNumbers(u.Note)
		u.Account, u.Scheme = batch.MaskCardNumbers(u.Account), batch.MaskCardNumbers(u.Scheme)
		if err := n.settle(u, decided); err != nil {
			return err
		}
		rows = append(rows, u.ID, string(u.Merchant), string(u.Wallet), int64(u.CardIndex), u.Account, u.Source, u.Scheme, u.Code, string(u.Outcome),
			u.At.UnixMicro(), u.TakenAt.UnixMicro(), micros(u.SettledAt), u.File, int64(u.Line), string(u.Effect), u.Note, string(u.Status),
			u.Old.Fingerprint, u.Old.LastFour, u.Old.Expiry, u.New.Fingerprint, u.New.LastFour, u.New.Expiry, file, answerLine)
	}
	return n.insertRows("card_updates", updateColumns, rows)
}

// settle notes an update's effect for the journal. What a decided report is about never changes any
// more: an update that is settled in its period after all, by a clock that was set back or an
// outcome that was recorded late, belongs to the next one.
func (c *change) settle(u *batch.CardUpdate, decided map[batch.MerchantID]time.Time) error {
	note := c.exchange()
	if note.Updates == nil {
		note.Updates = map[batch.UpdateEffect]int{}
	}
	note.Updates[u.Effect]++
	if !u.Effect.Settled() {
		return nil
	}
	end, known := decided[u.Merchant]
	if !known {
		if err := c.row(`SELECT max(ends) FROM update_reports WHERE merchant = ?`, string(u.Merchant)).Scan(timestamp{&end}); err != nil {
			return err
		}
		decided[u.Merchant] = end
	}
	if u.SettledAt.Before(end) {
		u.SettledAt = end
	}
	return nil
}

// toldByAnswer records what the outcome of a line tells of stored cards. The same again changes nothing.
func (c *change) toldByAnswer(o *store.LineOutcome, merchant batch.MerchantID) error {
	if len(o.Changes.Updates) == 0 {
		return nil
	}
	at := o.CompletedAt
	if at.IsZero() {
		at = c.at // it may still become final, and then tell the same
	}
	told := c.newUpdates(at)
	for _, u := range o.Changes.Updates {
		if !u.Effect.Settled() {
			return fmt.Errorf("what an answer tells of wallet %s is settled at once, not %s", u.Wallet, u.Effect)
		}
		u.ID, u.Merchant, u.Status = 0, cmp.Or(u.Merchant, merchant), cmp.Or(u.Status, batch.BillingActive)
		u.TakenAt, u.SettledAt = at, at
		if u.At.IsZero() {
			u.At = at
		}
		same := func(v batch.CardUpdate) bool {
			return v.Merchant == u.Merchant && v.Wallet == u.Wallet && v.CardIndex == u.CardIndex && v.Code == u.Code && v.Outcome == u.Outcome && v.New == u.New
		}
		known := slices.ContainsFunc(told.all, same)
		err := each(c, func(row scanner) error {
			v, err := scanUpdate(row)
			known = known || same(v)
			return err
		}, `SELECT `+updateColumns+` FROM card_updates WHERE answer_line = ? AND answer_line <> 0`, lineID(o.At))
		if err != nil {
			return err
		}
		if !known {
			told.all = append(told.all, u)
		}
	}
	return told.save(0, lineID(o.At))
}

// noted joins what several say about one update.
func noted(notes ...string) string {
	return strings.Join(slices.DeleteFunc(notes, func(s string) bool { return s == "" }), "; ")
}
