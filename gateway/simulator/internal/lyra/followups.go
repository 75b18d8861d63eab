package lyra

import (
	"strconv"
	"time"
)

// look finds a transaction as it stands.
func (g *Gateway) look(uuid string) (transaction, error) {
	shard := g.accounts.of(uuid)
	defer lock(shard)()
	if t := shard.transactions[uuid]; t != nil {
		return *t, nil
	}
	return transaction{}, &invalid{codeNotFound, ""}
}

// visible is a transaction as look-ups may show it, which may be behind; ok is false when
// they may not show it at all.
func (g *Gateway) visible(t *transaction) (shown transaction, ok bool) {
	if g.stage.Hidden(t.UUID, time.UnixMilli(t.At)) {
		return transaction{}, false
	}
	shown = *t
	if n := len(t.changes); n > 0 {
		last := &t.changes[n-1]
		if g.stage.Hidden(t.UUID+" "+strconv.Itoa(n), time.UnixMilli(last.At)) {
			shown.Status, shown.Amount, shown.Capture = last.before.status, last.before.amount, last.before.capture
		}
	}
	return shown, true
}

func (g *Gateway) getTransaction(in *request, d disguise) ([]byte, error) {
	t, err := g.look(in.UUID)
	if err != nil {
		return nil, err
	}
	shown, ok := g.visible(&t)
	if !ok {
		return nil, &invalid{codeNotFound, ""}
	}
	return g.transaction(&shown, d), nil
}

// getOrder finds every transaction of an orderId; a subscription is none.
func (g *Gateway) getOrder(in *request, d disguise) ([]byte, error) {
	shard := g.accounts.ofOrder(in.OrderID)
	defer lock(shard)()
	var list []transaction
	for _, t := range shard.orders[in.OrderID] {
		if in.OperationType != "" && in.OperationType != t.Type {
			continue
		}
		if shown, ok := g.visible(t); ok {
			list = append(list, shown)
		}
	}
	if len(list) == 0 {
		return nil, &invalid{codeNotFound, ""}
	}
	return g.orderAnswer(in.OrderID, list, d), nil
}

// alter changes one transaction. decide gets a change that changes nothing yet.
func (g *Gateway) alter(in *request, d disguise, decide func(t *transaction, now time.Time, c *change) error) ([]byte, error) {
	shard := g.accounts.of(in.UUID)
	defer lock(shard)()
	t := shard.transactions[in.UUID]
	if t == nil {
		return nil, &invalid{codeNotFound, ""}
	}
	now := g.stage.Options.Clock()
	c := t.unchanged(in.key, now)
	if err := decide(t, now, &c); err != nil {
		return nil, err
	}
	if err := g.record(&event{Changes: []change{c}}); err != nil {
		return nil, err
	}
	return g.transaction(t, d), nil
}

func (t *transaction) unchanged(key string, now time.Time) change {
	return change{UUID: t.UUID, Key: key, At: now.UnixMilli(), Status: t.Status, Amount: t.Amount, Capture: t.Capture}
}

// validate releases a transaction for its capture.
func (g *Gateway) validate(in *request, d disguise) ([]byte, error) {
	return g.alter(in, d, func(t *transaction, now time.Time, c *change) error {
		if t.Status != toValidate {
			return &invalid{codeStatus, "nothing to validate"}
		}
		c.Moves, c.Status = true, authorised
		c.Capture = max(t.Capture, now.UnixMilli()) // the expected day may be over
		return nil
	})
}

// cancel gives a transaction up before it is captured.
func (g *Gateway) cancel(in *request, d disguise) ([]byte, error) {
	return g.alter(in, d, func(t *transaction, now time.Time, c *change) error {
		c.Moves, c.Status = true, cancelled
		return t.cancellable(now)
	})
}

func (t *transaction) cancellable(now time.Time) error {
	switch t.detailed(now) {
	case toValidate, authorised:
		return nil
	case captured:
		return &invalid{codeTooLate, "refund it instead"}
	}
	return &invalid{codeStatus, "nothing to cancel"}
}

// cancelOrRefund cancels what is not captured, as a whole, and refunds what is.
func (g *Gateway) cancelOrRefund(in *request, d disguise) ([]byte, error) {
	t, err := g.look(in.UUID)
	if err != nil {
		return nil, err
	}
	if t.Type == typeDebit && t.detailed(g.stage.Options.Clock()) == captured {
		return g.refund(in, d)
	}
	return g.alter(in, d, func(t *transaction, now time.Time, c *change) error {
		err := t.cancellable(now)
		switch {
		case err != nil:
			return err
		case in.ResolutionMode == "REFUND_ONLY":
			return &invalid{codeTooEarly, "cancel it instead"}
		case in.Currency != "" && in.Currency != t.Currency:
			return &invalid{codeCurrency, "not the currency of the transaction"}
		case in.Amount != nil && *in.Amount != t.Amount:
			return &invalid{codeAmount, "before the capture: the whole amount, or Transaction/Update"}
		}
		c.Moves, c.Status = true, cancelled
		return nil
	})
}

// refund makes a credit; without an amount, of all that is left. What was captured
// stays so.
func (g *Gateway) refund(in *request, d disguise) ([]byte, error) {
	shard := g.accounts.of(in.UUID)
	defer lock(shard)()
	t := shard.transactions[in.UUID]
	if t == nil { // everything was forgotten meanwhile
		return nil, &invalid{codeNotFound, ""}
	}
	left := t.Amount - t.refunded
	amount := left
	if in.Amount != nil {
		amount = *in.Amount
	}
	switch {
	case in.ResolutionMode == "CANCELLATION_ONLY":
		return nil, &invalid{codeTooLate, "refund it instead"}
	case in.Currency != "" && in.Currency != t.Currency:
		return nil, &invalid{codeCurrency, "not the currency of the transaction"}
	case left == 0, amount > left:
		return nil, &invalid{codeAmount, "more than what is captured and not refunded"}
	}
	now := g.stage.Options.Clock().UnixMilli()
	credit := &transaction{
		UUID: g.newID(shard), Order: t.Order, Key: in.key, Reference: t.Reference, Metadata: t.Metadata, Email: t.Email,
		Type: typeCredit, Status: authorised, Amount: amount, Asked: amount, Currency: t.Currency, At: now, Capture: now,
		Source: "OTHER", Context: "UNITAIRE", Card: t.Card, Token: t.Token, ByToken: t.ByToken, Parent: t.UUID,
	}
	if err := g.record(&event{Transaction: credit}); err != nil {
		return nil, err
	}
	return g.transaction(credit, d), nil
}

// updateTransaction lowers the amount of a transaction before it is captured, or moves its
// capture. Money moves when it is captured, not here: the same update again changes nothing.
func (g *Gateway) updateTransaction(in *request, d disguise) ([]byte, error) {
	return g.alter(in, d, func(t *transaction, now time.Time, c *change) error {
		if t.Type != typeDebit || t.cancellable(now) != nil {
			return &invalid{codeStatus, "the transaction cannot be changed any more"}
		}
		u := &in.CardUpdate
		if u.Amount != nil {
			switch {
			case u.Currency != t.Currency:
				return &invalid{codeCurrency, "not the currency of the transaction"}
			case *u.Amount > t.Amount:
				return &invalid{codeAmount, "more than what is authorized"}
			}
			c.Amount = *u.Amount
		}
		if u.ExpectedCaptureDate != "" {
			at, _ := time.Parse(time.RFC3339, u.ExpectedCaptureDate) // checked with the request
			if day(at).Before(day(now)) || at.After(now.AddDate(0, 0, maxCaptureDelay)) {
				return &invalid{codeDate, "the capture date is past or too far away"}
			}
			c.Capture = at.UnixMilli()
		}
		if u.ManualValidation != "" {
			c.Status = map[string]string{"YES": toValidate, "NO": authorised}[u.ManualValidation]
		}
		if c.Status == t.Status && c.Amount == t.Amount && c.Capture == t.Capture {
			return &invalid{codeNothingChanged, "nothing to change"}
		}
		return nil
	})
}

// capture captures authorized transactions at once: all of them, or none.
func (g *Gateway) capture(in *request, _ disguise) ([]byte, error) {
	homes := make([]*shard, len(in.UUIDs))
	for i, uuid := range in.UUIDs {
		homes[i] = g.accounts.of(uuid)
	}
	defer lock(homes...)()
	now := g.stage.Options.Clock()
	e := new(event)
	named := map[string]bool{}
	for _, uuid := range in.UUIDs {
		t := g.accounts.of(uuid).transactions[uuid]
		switch {
		case t == nil:
			return nil, &invalid{codeNotFound, ""}
		case named[uuid]:
			return nil, wrong("uuids")
		case t.Type != typeDebit || t.detailed(now) != authorised:
			return nil, &invalid{codeStatus, "nothing to capture"}
		}
		named[uuid] = true
		c := t.unchanged(in.key, now)
		c.Moves, c.Status, c.Capture = true, captured, now.UnixMilli()
		e.Changes = append(e.Changes, c)
	}
	if err := g.record(e); err != nil {
		return nil, err
	}
	return responseCode(0), nil
}
