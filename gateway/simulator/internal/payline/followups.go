package payline

import (
	"time"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// authorizationLives is how long an authorization may be captured or reset.
const authorizationLives = 7 * 24 * time.Hour

var anyMode = []string{modeCash, modeDeferred, modeTimes, modeRecurrent}

// doCapture captures an authorization, wholly or in part (section 3.3).
func (g *Gateway) doCapture(in *element) (*element, error) {
	p, err := g.readPayment(in, []string{actionCapture}, anyMode)
	if err != nil {
		return nil, err
	}
	t, err := g.following(in, opCapture, p)
	if err != nil {
		return nil, err
	}
	out, err := g.follow(in, t, "02301", func(_ *shard, original *transaction, now time.Time) error {
		open := original.Amount - original.reset - original.captured
		switch {
		case original.Code != approved || !original.opens() || original.cancelled:
			return refusal("02313")
		case original.paid(now) >= original.Amount-original.reset:
			return refusal("02617")
		case now.Sub(time.UnixMilli(original.At)) > authorizationLives:
			return refusal("02602")
		case original.Currency != t.Currency:
			return refusal("02620")
		case t.Amount > open:
			return refusal("02613")
		}
		return nil
	})
	if err == nil {
		out.put(text("reAuthorization", "0"))
	}
	return out, err
}

// doRefund gives back what was captured, named by its capture or by its payment.
func (g *Gateway) doRefund(in *element) (*element, error) {
	p, err := g.readPayment(in, []string{actionRefund}, anyMode)
	if err != nil {
		return nil, err
	}
	t, err := g.following(in, opRefund, p)
	if err != nil {
		return nil, err
	}
	return g.follow(in, t, "02301", func(shard *shard, original *transaction, now time.Time) error {
		if original.Operation == opCapture {
			original = shard.transactions[original.Origin]
			t.Origin = original.ID // a refund counts against the payment as a whole
		}
		paid := original.paid(now)
		switch {
		case original.Code != approved || !original.opens() || original.cancelled:
			return refusal("02314")
		case paid == 0:
			return refusal("02618")
		case original.Currency != t.Currency:
			return refusal("02620")
		case t.Amount > paid-original.refunded:
			return refusal("02613")
		}
		return nil
	})
}

// doReset cancels a payment, an authorization or a refund before its remittance. Part of
// an authorization may be reset as long as nothing was captured.
func (g *Gateway) doReset(in *element) (*element, error) {
	amount, currency := in.get("amount"), in.get("currency")
	p := payment{currency: currency}
	if amount != "" {
		var err error
		if p.amount, err = money.ParseMinor(amount); err != nil || p.amount == 0 {
			return nil, refusal("02110")
		}
	}
	if currency != "" {
		if err := checkCurrency(currency); err != nil {
			return nil, err
		}
	}
	t, err := g.following(in, opReset, p)
	if err != nil {
		return nil, err
	}
	return g.follow(in, t, "02604", func(_ *shard, original *transaction, now time.Time) error {
		left := original.Amount - original.reset
		switch {
		case original.cancelled:
			return refusal("02601")
		case original.Operation == opCapture || original.Operation == opReset:
			return refusal("02600")
		case !original.moved() || original.refunded > 0:
			return refusal("02603")
		case original.remitted(now):
			return refusal("02105")
		case original.opens() && original.paid(now) == 0 && now.Sub(time.UnixMilli(original.At)) > authorizationLives:
			return refusal("02602")
		case currency != "" && currency != original.Currency:
			return refusal("02620")
		case t.Amount > left:
			return refusal("02610")
		case t.Amount != 0 && t.Amount != left && (original.paid(now) > 0 || original.Operation == opRefund):
			return refusal("02612")
		}
		t.Amount, t.Currency = stage.Or(t.Amount, left), original.Currency
		return nil
	})
}

// following makes the transaction of a request that acts on another one.
func (g *Gateway) following(in *element, operation string, p payment) (*transaction, error) {
	if _, err := checkVersion(in); err != nil {
		return nil, err
	}
	data, err := checkPrivate(in)
	if err != nil {
		return nil, err
	}
	sequence := in.get("sequenceNumber")
	if len(sequence) > 50 || len(in.get("comment")) > 255 {
		return nil, refusal(badField)
	}
	return &transaction{
		Operation: operation, Key: operations[operation].key(in), Reference: private(in, privateReference),
		Amount: p.amount, Currency: p.currency, Action: p.action, Mode: p.mode, Sequence: sequence, Private: data,
	}, nil
}

// follow carries a follow-up out, if its original allows it, unless the duplicate control
// finds its twin. Resets need no such control: what is reset cannot be reset again.
func (g *Gateway) follow(in *element, t *transaction, noOriginal refusal, allowed func(*shard, *transaction, time.Time) error) (*element, error) {
	id := in.get("transactionID")
	shard, _ := g.accounts.ofID(transactionBase, id)
	if shard == nil {
		return nil, noOriginal
	}
	shard.Lock()
	defer shard.Unlock()
	original, now := shard.transactions[id], g.now()
	if original == nil {
		return nil, noOriginal
	}
	t.Ref, t.Origin, t.Code, t.At = original.Ref, original.ID, approved, now.UnixMilli()
	t.Reference = stage.Or(t.Reference, original.Reference)
	t.Contract, t.Wallet, t.Card, t.OrderDate = original.Contract, original.Wallet, original.Card, original.OrderDate
	if t.Operation != opReset && shard.isDouble(t, now) {
		g.stage.Counts.Replays.Add(1)
		return answer(t.Operation, result(duplicate), g.duplicateOf()), nil
	}
	if err := allowed(shard, original, now); err != nil {
		return nil, err
	}
	t.ID = newID(transactionBase, g.serial.Add(1), t.Ref)
	if err := g.commit(&event{Transaction: t}); err != nil {
		return nil, err
	}
	return answer(t.Operation, result(t.Code), transactionOf(t, shortTimeFormat)), nil
}
