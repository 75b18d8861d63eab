package sqlite

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// openOrders are the states of orders that are not at their end, as their index has them.
const openOrders = `state IN ('waiting', 'submitting')`

func scanOrder(row scanner) (o store.CardOrder, err error) {
	err = row.Scan(&o.ID, &o.Update, &o.Merchant, &o.Wallet, &o.CardIndex, &o.Contract, &o.Gateway, &o.Command, &o.Record, &o.Key,
		&o.Told.Outcome, timestamp{&o.Told.At}, &o.Told.Asked, &o.Told.Fingerprint, &o.Told.FirstSix, &o.Told.LastFour, &o.Told.Expiry,
		&o.State, timestamp{&o.CreatedAt}, timestamp{&o.TriedAt}, &o.Reason, &o.Sealed)
	return o, err
}

const ordersQuery = `SELECT ` + orderColumns + `, sealed FROM card_orders INDEXED BY card_orders_open WHERE ` + openOrders + ` AND id > ? ORDER BY id LIMIT ?`

// CardOrders returns orders that are waiting or submitting.
func (s *Store) CardOrders(ctx context.Context, after int64, limit int) (orders []store.CardOrder, err error) {
	if limit == 0 {
		limit = -1
	}
	err = each(s.read(ctx), func(row scanner) error {
		o, err := scanOrder(row)
		orders = append(orders, o)
		return err
	}, ordersQuery, after, limit)
	return orders, fault("list card orders", err)
}

// CountCardOrders counts orders that are waiting or submitting.
func (s *Store) CountCardOrders(ctx context.Context) (n int, err error) {
	err = s.read(ctx).row(`SELECT count(*) FROM card_orders INDEXED BY card_orders_open WHERE ` + openOrders).Scan(&n)
	return n, fault("count card orders", err)
}

// orderKey is the key of an order at its gateway. Attempts of lines count from 1, so that it is no
// line's.
func orderKey(o *store.CardOrder) batch.Key {
	return batch.NewKey(o.Merchant, batch.LineRef(fmt.Sprintf("order %d: wallet %s, card %d", o.ID, o.Wallet, o.CardIndex)), 0)
}

// writeOrders writes the orders that updates gave rise to.
func (o *openCards) writeOrders(at time.Time) error {
	if len(o.orders) == 0 {
		return nil
	}
	last, err := o.lastID("card_orders")
	if err != nil {
		return err
	}
	var rows []any
	for i := range o.orders {
		order := &o.orders[i]
		order.ID = last + 1 + int64(i)
		told := &order.Told
		rows = append(rows, order.ID, order.Update, string(order.Merchant), string(order.Wallet), int64(order.CardIndex), string(order.Contract), string(order.Gateway),
			string(order.Command), order.Record, string(orderKey(order)), string(told.Outcome), told.At.UnixMicro(), told.Asked, told.Fingerprint, told.FirstSix, told.LastFour, told.Expiry,
			string(store.OrderWaiting), at.UnixMicro(), nil, "", blob(order.Sealed))
	}
	return o.insertRows("card_orders", orderColumns+`, sealed`, rows)
}

func (c *change) orderOf(id int64) (store.CardOrder, error) {
	return scanOrder(c.row(`SELECT `+orderColumns+`, sealed FROM card_orders WHERE id = ?`, id))
}

// moveOrder writes a step of an order.
func (c *change) moveOrder(o store.CardOrder, to store.OrderState, set string, args ...any) error {
	note := c.exchange()
	note.Orders = append(note.Orders, store.OrderChange{ID: o.ID, From: o.State, To: to})
	return c.update("card_orders", o.ID, `state = '`+string(to)+`', `+set, args...)
}

// SubmitOrders makes orders submitting.
func (n *session) SubmitOrders(ctx context.Context, ids []int64, at time.Time) error {
	return n.updater(ctx, "submit orders", func(c *change) error {
		if len(ids) == 0 {
			return errSame
		}
		for _, id := range ids {
			o, err := c.orderOf(id)
			if err != nil {
				return err
			}
			if o.State != store.OrderWaiting && o.State != store.OrderSubmitting {
				return fmt.Errorf("%w: order %d is %s", store.ErrStale, id, o.State)
			}
			if err := c.moveOrder(o, store.OrderSubmitting, `tried_at = ?`, micros(at)); err != nil {
				return err
			}
		}
		return nil
	})
}

// RecordOrders records what became of orders.
func (n *session) RecordOrders(ctx context.Context, all []store.OrderOutcome, at time.Time, terms store.TakeTerms) error {
	terms.At, terms.Shadow = at, false
	return n.updater(ctx, "record orders", func(c *change) error {
		news := false
		for _, o := range all {
			err := c.recordOrder(o, terms)
			if err != nil && !errors.Is(err, errSame) {
				return err
			}
			news = news || err == nil
		}
		if !news {
			return errSame
		}
		return nil
	})
}

// recordOrder records what became of one order; errSame when that is known.
func (c *change) recordOrder(outcome store.OrderOutcome, terms store.TakeTerms) error {
	o, err := c.orderOf(outcome.ID)
	if err != nil {
		return err
	}
	to, reason := outcome.To, outcome.Reason
	if o.State != store.OrderSubmitting {
		if o.State == to && (to != store.OrderWaiting || o.Reason == reason) {
			return errSame
		}
		return fmt.Errorf("%w: order %d is %s, not submitting", store.ErrStale, o.ID, o.State)
	}
	switch to {
	case store.OrderSubmitting:
		if o.Reason == reason {
			return errSame
		}
		return c.moveOrder(o, to, `reason = ?`, reason)
	case store.OrderWaiting:
		return c.moveOrder(o, to, `reason = ?`, reason)
	case store.OrderDone, store.OrderRefused:
	default:
		return fmt.Errorf("an order does not become %s", to)
	}
	if err := c.moveOrder(o, to, `reason = ?, sealed = NULL`, reason); err != nil || o.Command != batch.UpdateWallet {
		return err
	}
	return c.settleOrder(o, to, outcome.Token, reason, terms)
}

// settleOrder settles the update that waited for an order.
func (c *change) settleOrder(o store.CardOrder, to store.OrderState, token, reason string, terms store.TakeTerms) error {
	u, err := scanUpdate(c.row(`SELECT `+updateColumns+` FROM card_updates WHERE id = ?`, o.Update))
	if err != nil {
		return err
	}
	k := cardKey{o.Merchant, o.Wallet, o.CardIndex}
	cards, err := c.openCards([]cardKey{k})
	if err != nil {
		return err
	}
	card, there := cards.card(k)
	u.SettledAt = terms.At
	switch {
	case !there:
		u.Effect, u.Note, u.New, u.Status = batch.EffectStale, noted(u.Note, "the wallet does not have the card any more"), u.Old, batch.BillingDisabled
	case to == store.OrderRefused:
		u.Effect, u.Note, u.New, u.Status = batch.EffectRefused, noted(u.Note, reason), batch.DataOf(card), billingOf(card)
	default:
		if err := cards.apply(&u, o.Told, func() ([]byte, error) { return o.Sealed, nil }, terms, true); err != nil {
			return err
		}
		// The gateway has a token of its own for the data that the card has now.
		if fresh, _ := cards.card(k); token != "" && token != fresh.Token && (u.Effect == batch.EffectChanged || holds(fresh, o.Told)) {
			fresh.Token = token
			cards.put(k, fresh)
		}
	}
	if err := cards.write(terms.At); err != nil {
		return err
	}
	u.Note = batch.MaskCardNumbers(u.Note)
	if err := c.settle(&u, map[batch.MerchantID]time.Time{}); err != nil {
		return err
	}
	return c.update("card_updates", u.ID, `effect = ?, note = ?, status = ?, settled_at = ?, old_fingerprint = ?, old_last_four = ?, old_expiry = ?, new_fingerprint = ?, new_last_four = ?, new_expiry = ?`,
		string(u.Effect), u.Note, string(u.Status), micros(u.SettledAt), u.Old.Fingerprint, u.Old.LastFour, u.Old.Expiry, u.New.Fingerprint, u.New.LastFour, u.New.Expiry)
}

// holds reports whether a card that may be charged has the number and expiry that a source told.
func holds(c batch.Card, told batch.ToldUpdate) bool {
	return c.Status.Usable() && (told.Fingerprint == "" || told.Fingerprint == c.Fingerprint) &&
		(told.LastFour == "" || told.LastFour == c.LastFour) && (told.Expiry == "" || told.Expiry == c.Expiry)
}
