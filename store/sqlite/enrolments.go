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

func scanEnrolment(row scanner) (e batch.Enrolment, err error) {
	err = row.Scan(&e.ID, &e.Merchant, &e.Wallet, &e.CardIndex, &e.Contract, &e.SE, &e.Route, &e.Alias, &e.Key, timestamp{&e.RegisteredAt},
		&e.Status, timestamp{&e.StatusAt}, &e.Code, &e.Text, &e.AskedIn, &e.RemovedIn, &e.Removal)
	return e, err
}

func enrolmentOf(q querier, id int64) (batch.Enrolment, error) {
	return scanEnrolment(q.row(`SELECT `+enrolmentColumns+` FROM enrolments WHERE id = ?`, id))
}

// Requests and removals that wait for a file. Nothing is asked of a card that was removed
// first, and nothing removed that American Express took off its list itself. The first three
// conditions are those of an index.
const (
	inNoFile = `route = 'files' AND removed_in = '' AND (asked_in = '' OR removal = 1)`
	toAsk    = inNoFile + ` AND asked_in = '' AND removal = 0 AND status = 'WR'`
	toRemove = inNoFile + ` AND asked_in <> '' AND status NOT IN ('ER', 'CC')`
	waiting  = inNoFile + ` AND (asked_in <> '' AND status NOT IN ('ER', 'CC') OR removal = 0 AND status = 'WR')`
)

// Enrolments yields enrolments by id.
func (s *Store) Enrolments(ctx context.Context, q store.EnrolmentQuery) iter.Seq2[batch.Enrolment, error] {
	return stream("list enrolments", func(yield func(batch.Enrolment) error) error {
		var c condition
		c.equal("merchant", string(q.Merchant))
		c.equal("wallet_id", string(q.Wallet))
		c.equal("se", q.SE)
		c.equal("route", string(q.Route))
		if len(q.Wallets) > 0 {
			asked, err := list(q.Wallets)
			if err != nil {
				return err
			}
			c.add(`wallet_id IN (SELECT value FROM json_each(?))`, asked)
		}
		if len(q.Aliases) > 0 {
			asked, err := list(q.Aliases)
			if err != nil {
				return err
			}
			c.add(`alias IN (SELECT value FROM json_each(?))`, asked)
		}
		in(&c, "status", q.Statuses)
		if q.File != "" {
			c.add(`(asked_in = ? OR removed_in = ?)`, q.File, q.File)
		}
		if q.Unasked {
			c.add(waiting)
		}
		if !q.Before.IsZero() {
			c.add(`registered_at < ?`, micros(q.Before))
		}
		if !q.ToldBefore.IsZero() {
			c.add(`NOT EXISTS (SELECT 1 FROM status_events WHERE enrolment = enrolments.id AND told_at >= ?)`, micros(q.ToldBefore))
		}
		return each(s.read(ctx), func(row scanner) error {
			e, err := scanEnrolment(row)
			if err != nil {
				return err
			}
			return yield(e)
		}, `SELECT `+enrolmentColumns+` FROM enrolments`+c.where()+` ORDER BY id`, c.args...)
	})
}

// toldEvent is an event with what the store knows of it.
type toldEvent struct {
	id  int64
	odd string
	batch.StatusEvent
}

// eventsOf reads the events of an enrolment, in order.
func eventsOf(q querier, e batch.Enrolment) ([]toldEvent, error) {
	var events []toldEvent
	err := each(q, func(row scanner) error {
		t := toldEvent{StatusEvent: batch.StatusEvent{Alias: e.Alias}}
		if e.Route == batch.ViaPayline {
			t.Merchant = e.Merchant
		}
		err := row.Scan(&t.id, &t.Status, &t.Code, &t.Text, &t.NewExpiry, &t.Product, timestamp{&t.At}, &t.File, &t.Line, &t.odd)
		events = append(events, t)
		return err
	}, `SELECT id, status, code, text, new_expiry, product, at, file, line, odd FROM status_events WHERE enrolment = ?`, e.ID)
	slices.SortFunc(events, func(a, b toldEvent) int { return batch.CompareEvents(a.StatusEvent, b.StatusEvent) })
	return events, err
}

// StatusEvents yields the events of an enrolment.
func (s *Store) StatusEvents(ctx context.Context, enrolment int64) iter.Seq2[batch.StatusEvent, error] {
	return stream("read status events", func(yield func(batch.StatusEvent) error) error {
		e, err := enrolmentOf(s.read(ctx), enrolment)
		if err != nil {
			return err
		}
		events, err := eventsOf(s.read(ctx), e)
		if err != nil {
			return err
		}
		for _, t := range events {
			if err := yield(t.StatusEvent); err != nil {
				return err
			}
		}
		return nil
	})
}

// saveEnrolment writes a new enrolment.
func (c *change) saveEnrolment(e *batch.Enrolment) error {
	if e.ID != 0 || e.Status != batch.CardWaiting {
		return fmt.Errorf("an enrolment begins with status %s and without a number", batch.CardWaiting)
	}
	id, err := c.insert("enrolments", `INSERT INTO enrolments (merchant, wallet_id, card_index, contract, se, route, alias, key, registered_at, status) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'WR') RETURNING id`,
		string(e.Merchant), string(e.Wallet), e.CardIndex, string(e.Contract), e.SE, string(e.Route), e.Alias, string(e.Key), micros(e.RegisteredAt))
	note := c.exchange()
	note.Enrolments = append(note.Enrolments, store.EnrolmentChange{ID: id, To: batch.CardWaiting})
	return err
}

// takeOff marks the enrolments of a wallet's disabled cards, of all when the wallet is
// disabled itself: American Express is to take them off its list.
func (c *change) takeOff(merchant batch.MerchantID, wallet batch.WalletID) error {
	var ids []int64
	err := each(c, func(row scanner) error {
		var id int64
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT e.id FROM enrolments e JOIN wallets w ON w.merchant = e.merchant AND w.id = e.wallet_id
		LEFT JOIN cards k ON k.merchant = e.merchant AND k.wallet_id = e.wallet_id AND k.card_index = e.card_index
		WHERE e.merchant = ? AND e.wallet_id = ? AND e.route = 'files' AND e.removal = 0 AND e.status NOT IN ('ER', 'CC')
		AND (w.status = 'disabled' OR k.status = 'disabled') ORDER BY e.id`, string(merchant), string(wallet))
	if err != nil {
		return err
	}
	for _, id := range ids {
		if err := c.update("enrolments", id, `removal = 1`); err != nil {
			return err
		}
	}
	// No file will ever ask for these: nothing needs their numbers any more.
	_, err = c.exec(`UPDATE cards SET sealed = NULL WHERE merchant = ?1 AND wallet_id = ?2 AND sealed IS NOT NULL AND card_index IN
		(SELECT card_index FROM enrolments WHERE merchant = ?1 AND wallet_id = ?2 AND route = 'files' AND removal = 1 AND asked_in = '')`, string(merchant), string(wallet))
	return err
}

// refold brings an enrolment, its card and its wallet to where all the known events lead. It
// returns what the fresh ones among them, given by their ids, are as updates of the card.
func (c *change) refold(id int64, fresh map[int64]bool) ([]batch.CardUpdate, error) {
	e, err := enrolmentOf(c, id)
	if err != nil {
		return nil, err
	}
	known, err := eventsOf(c, e)
	if err != nil {
		return nil, err
	}
	card, err := c.enrolledCard(e)
	if err != nil {
		return nil, err
	}
	updates := updatesOf(e, card, known, fresh)
	events := make([]batch.StatusEvent, len(known))
	for i, t := range known {
		events[i] = t.StatusEvent
	}
	folded, follows, contradictions := batch.Fold(e, events)
	reasons := map[batch.StatusEvent]string{}
	for _, x := range contradictions {
		reasons[x.Event] = x.Reason
	}
	for _, t := range known {
		if reason := reasons[t.StatusEvent]; reason != t.odd {
			if err := c.update("status_events", t.id, `odd = ?`, reason); err != nil {
				return nil, err
			}
		}
	}
	if folded != e {
		if err := c.update("enrolments", id, `status = ?, status_at = ?, code = ?, text = ?`,
			string(folded.Status), micros(folded.StatusAt), folded.Code, folded.Text); err != nil {
			return nil, err
		}
	}
	if folded.Status != e.Status {
		note := c.exchange()
		note.Enrolments = append(note.Enrolments, store.EnrolmentChange{ID: id, From: e.Status, To: folded.Status})
	}
	return updates, c.changeCard(folded, follows, expiryTold(events, follows.NewExpiry))
}

// enrolledCard reads the card of an enrolment; one without an index: it is gone.
func (c *change) enrolledCard(e batch.Enrolment) (card batch.Card, err error) {
	err = each(c, func(row scanner) (err error) {
		card, err = scanCard(row)
		return err
	}, `SELECT `+cardColumns+` FROM cards WHERE merchant = ? AND wallet_id = ? AND card_index = ?`, string(e.Merchant), string(e.Wallet), e.CardIndex)
	return card, err
}

// expiryTold is the time of the latest event that told the expiry; zero: none did.
func expiryTold(events []batch.StatusEvent, expiry string) (at time.Time) {
	for _, event := range events {
		if expiry != "" && event.NewExpiry == expiry {
			at = event.At
		}
	}
	return at
}

// smartBillOutcomes are the statuses that tell of a card, as outcomes (account updaters, section 8).
var smartBillOutcomes = map[batch.CardStatus]batch.UpdateOutcome{
	batch.CardExpiryUpdated: batch.NewExpiry, batch.CardProductUpdated: batch.NewProduct, batch.CardCancelled: batch.AccountClosed,
}

// updatesOf tells what each fresh event did to the card of an enrolment, as if they had come one by
// one, in order. A fact that another file told before is none. An acceptance that comes late may
// let an expiry count that was told before: then it is that update.
func updatesOf(e batch.Enrolment, card batch.Card, known []toldEvent, fresh map[int64]bool) (updates []batch.CardUpdate) {
	var events []batch.StatusEvent
	for _, t := range known {
		if !fresh[t.id] {
			events = append(events, t.StatusEvent)
		}
	}
	for _, t := range known {
		if !fresh[t.id] {
			continue
		}
		event, repeated := t.StatusEvent, slices.ContainsFunc(events, t.sameFact)
		events = append(events, event)
		_, follows, contradictions := batch.Fold(e, events)
		next := card
		if card.Status != batch.CardDisabled {
			next.Status = follows.Status
		}
		next.Expiry = cmp.Or(follows.NewExpiry, card.Expiry)
		outcome, tells := smartBillOutcomes[event.Status]
		word, at := event.Status, event.At
		if !tells && next.Expiry != card.Expiry {
			outcome, word, at, tells = batch.NewExpiry, batch.CardExpiryUpdated, expiryTold(events, next.Expiry), true
		}
		if !tells || repeated {
			card = next
			continue
		}
		u := batch.CardUpdate{
			Merchant: e.Merchant, Wallet: e.Wallet, CardIndex: e.CardIndex, Account: e.SE, Source: "smartbill", Scheme: batch.TypeAmex, Code: string(word), Outcome: outcome,
			At: at, File: event.File, Line: event.Line, Status: billingOf(next), Old: batch.DataOf(card), New: batch.DataOf(next),
		}
		if e.Route == batch.ViaPayline {
			u.Source, u.File = "payline", ""
		}
		odd := ""
		for _, x := range contradictions {
			if x.Event == event {
				odd = x.Reason
			}
		}
		u.Effect = batch.EffectNone
		switch {
		case card.Index == 0:
			u.Note = "the wallet does not have the card any more"
		case card.Status.Usable() && !next.Status.Usable():
			u.Effect = batch.EffectDisabled
		case next.Expiry != card.Expiry:
			u.Effect = batch.EffectChanged
		case odd != "":
		case outcome == batch.AccountClosed:
			u.Note = "the card is disabled already"
		case event.NewExpiry == "" && outcome == batch.NewExpiry:
			u.Note = "the record carries no newer data"
		case event.NewExpiry == card.Expiry:
			u.Note = "the card has these data already"
		case event.NewExpiry != "":
			u.Effect, u.Note = batch.EffectStale, "the card was changed after that"
		}
		u.Note = noted(strings.TrimSpace(event.Code+" "+event.Text), odd, u.Note)
		updates = append(updates, u)
		card = next
	}
	return updates
}

// sameFact reports whether an event is the same fact, whoever told it.
func (t toldEvent) sameFact(event batch.StatusEvent) bool {
	event.File, event.Line = t.File, t.Line
	return batch.CompareEvents(t.StatusEvent, event) == 0
}

// changeCard writes what the events of an enrolment mean for its card and wallet. A card that
// its merchant or issuer has disabled stays so. expiryAt is the time of the event that told the new
// expiry.
func (c *change) changeCard(e batch.Enrolment, follows batch.CardChange, expiryAt time.Time) error {
	var asking int
	if err := c.row(`SELECT count(*) FROM partner_files WHERE name = ? AND state = 'open'`, e.AskedIn).Scan(&asking); err != nil {
		return err
	}
	needless := e.Route == batch.ViaFiles && e.Status != batch.CardWaiting && asking == 0
	usable, changed := false, false
	type card struct {
		index  int
		status batch.CardStatus
		expiry string
		sealed bool
	}
	var cards []card
	err := each(c, func(row scanner) error {
		var k card
		err := row.Scan(&k.index, &k.status, &k.expiry, &k.sealed)
		cards = append(cards, k)
		return err
	}, `SELECT card_index, status, expiry, sealed IS NOT NULL FROM cards WHERE merchant = ? AND wallet_id = ?`, string(e.Merchant), string(e.Wallet))
	if err != nil {
		return err
	}
	for _, k := range cards {
		now := k
		if k.index == e.CardIndex {
			if k.status != batch.CardDisabled {
				now.status = follows.Status
			}
			if follows.NewExpiry != "" {
				now.expiry = follows.NewExpiry
			}
			now.sealed = k.sealed && !needless
		}
		usable = usable || now.status.Usable()
		if now == k {
			continue
		}
		changed = true
		if err := c.one("the card", `UPDATE cards SET status = ?1, changed_at = CASE expiry WHEN ?2 THEN changed_at ELSE ?3 END, expiry = ?2, sealed = CASE WHEN ?4 THEN sealed END
			WHERE merchant = ?5 AND wallet_id = ?6 AND card_index = ?7`,
			string(now.status), now.expiry, micros(expiryAt), now.sealed, string(e.Merchant), string(e.Wallet), k.index); err != nil {
			return err
		}
	}
	if changed {
		if _, err := c.exec(`UPDATE wallets SET updated_at = ? WHERE merchant = ? AND id = ?`, micros(c.at), string(e.Merchant), string(e.Wallet)); err != nil {
			return err
		}
	}
	if !follows.DisableWallet && (!follows.DisableCard || usable) {
		return nil
	}
	disabled, err := c.exec(`UPDATE wallets SET status = 'disabled', updated_at = ? WHERE merchant = ? AND id = ? AND status = 'active'`,
		micros(c.at), string(e.Merchant), string(e.Wallet))
	if err != nil || disabled == 0 {
		return err
	}
	return c.takeOff(e.Merchant, e.Wallet)
}
