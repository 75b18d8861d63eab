package mastercard

import (
	"cardbatch/money"
)

// Operations, under the names of apiOperation; those after VOID are ours, for faults.
const (
	opPay       = "PAY"
	opAuthorize = "AUTHORIZE"
	opVerify    = "VERIFY"
	opCapture   = "CAPTURE"
	opRefund    = "REFUND"
	opVoid      = "VOID"
	opTokenize  = "TOKENIZE"
	opRetrieve  = "RETRIEVE"

	opBatchUpload   = "BATCH_UPLOAD"
	opBatchValidate = "BATCH_VALIDATE"
	opBatchStatus   = "BATCH_STATUS"
	opBatchResponse = "BATCH_RESPONSE"
)

// payment is a request that passed the checks of its form.
type payment struct {
	order, id   string
	operation   string
	reference   string
	amount      money.Amount
	source      string
	stored      string
	agreement   string
	referenceTo string // referenceOrderId
	target      string
	card        string // masked; empty with a token
	token       string
	expiry      string // MMYY; with a token it overrides
	digest      uint64
}

// invalid is a refusal: nothing was carried out.
type invalid struct {
	field       string // empty when no single field is to blame
	kind        string // INVALID, MISSING, UNSUPPORTED
	explanation string
}

func (i *invalid) Error() string { return i.explanation }

// carryOut does what the payment asks, once, and shows what it did; its order's shard is
// locked then. A request that was carried out before is only found again; another request
// under the same ids is invalid.
func (g *Gateway) carryOut(p *payment, show func(*order, *transaction)) error {
	saved, err := g.cardOf(p)
	if err != nil {
		return err
	}
	if p.referenceTo != "" && !g.knows(p.referenceTo) {
		return &invalid{"referenceOrderId", "INVALID", "the order of the first payment does not exist"}
	}

	shard := g.accounts.shard(p.order)
	shard.Lock()
	defer shard.Unlock()
	o := shard.orders[p.order]
	if o != nil {
		if t := o.find(p.id); t != nil {
			if t.Digest != p.digest {
				return &invalid{"", "", "this transaction id was used before for another request"}
			}
			g.stage.Counts.Replays.Add(1)
			show(o, t)
			return nil
		}
	}
	if err := allowed(o, p); err != nil {
		return err
	}
	if o == nil && g.stage.Counts.Orders.Load() >= g.stage.Options.MaxOrders {
		return errFull
	}

	t := transaction{
		ID: p.id, Operation: p.operation, Code: approved, Amount: p.amount.Minor, Digest: p.digest,
		At: g.stage.Options.Clock().UnixMilli(), Target: p.target, Stored: p.stored, Token: p.token,
		Card: saved.card, Expiry: saved.expiry,
	}
	if p.id == p.order {
		t.ID = p.order // one string, not two
	}
	switch p.operation {
	case opPay, opAuthorize, opVerify:
		t.Code = gatewayCode(t.Expiry, g.stage.Options.Clock())
	case opVoid:
		t.Amount = o.find(p.target).Amount
	}
	if o != nil && t.Card == "" {
		t.Card, t.Expiry = o.transactions[0].Card, o.transactions[0].Expiry
	}
	e := &event{Order: p.order, Reference: p.reference, Currency: string(p.amount.Currency), Transaction: &t}
	if err := g.stage.Append(g, e); err != nil {
		return err
	}
	shard.apply(e)
	if o == nil {
		g.stage.Counts.Orders.Add(1)
	}
	if t.moved() {
		g.stage.Counts.Charges.Add(1)
	}
	show(shard.orders[p.order], &t)
	return nil
}

// cardOf finds the card that a payment is made with. Follow-ups have none.
func (g *Gateway) cardOf(p *payment) (token, error) {
	saved := token{card: p.card, expiry: p.expiry}
	if p.token == "" {
		return saved, nil
	}
	shard := g.accounts.shard(p.token)
	shard.Lock()
	saved, ok := shard.tokens[p.token]
	shard.Unlock()
	if !ok {
		return token{}, &invalid{"sourceOfFunds.token", "INVALID", "the token does not exist"}
	}
	if p.expiry != "" {
		saved.expiry = p.expiry
	}
	return saved, nil
}

func (g *Gateway) knows(orderID string) bool {
	shard := g.accounts.shard(orderID)
	shard.Lock()
	defer shard.Unlock()
	return shard.orders[orderID] != nil
}

// allowed checks an operation against the order as it stands; o is nil when there is none.
func allowed(o *order, p *payment) error {
	switch p.operation {
	case opPay, opAuthorize, opVerify:
		// After a decline a new attempt comes as a new transaction of the same order.
		if o != nil && o.status() != "FAILED" {
			return &invalid{"", "", "the order exists and was paid or authorized"}
		}
		return nil
	}
	if o == nil {
		return &invalid{"", "", "the order does not exist"}
	}
	if p.target != "" && o.find(p.target) == nil {
		return &invalid{"transaction.targetTransactionId", "INVALID", "the order has no such transaction"}
	}
	if p.operation != opVoid && o.currency != string(p.amount.Currency) {
		return &invalid{"transaction.currency", "INVALID", "the currency differs from the order's"}
	}
	switch p.operation {
	case opCapture:
		if o.authorized == 0 {
			return &invalid{"", "", "the order is not authorized"}
		}
		if p.amount.Minor > o.authorized-o.captured {
			return &invalid{"transaction.amount", "INVALID", "more than what is authorized and not captured"}
		}
	case opRefund:
		if o.captured == 0 {
			return &invalid{"", "", "the order is not captured"}
		}
		if p.amount.Minor > o.captured-o.refunded {
			return &invalid{"transaction.amount", "INVALID", "more than what is captured and not refunded"}
		}
	case opVoid:
		target := o.find(p.target)
		switch {
		case target == nil:
			return &invalid{"transaction.targetTransactionId", "MISSING", "the transaction to void is not named"}
		case target.Voided || !target.moved() || target.Operation == opVoid:
			return &invalid{"", "", "the transaction cannot be voided"}
		case target.Operation == opAuthorize && o.captured > 0:
			return &invalid{"", "", "the authorization has been captured"}
		case target.Operation != opRefund && o.refunded > 0:
			return &invalid{"", "", "the payment has been refunded"}
		}
	}
	return nil
}

// save keeps a card under the id, or under a new one when it is empty, and returns it.
func (g *Gateway) save(id, card, expiry, scheme string) (string, token, error) {
	if id == "" {
		id = g.newToken()
	}
	saved := token{card: card, expiry: expiry, scheme: scheme}
	shard := g.accounts.shard(id)
	shard.Lock()
	defer shard.Unlock()
	old, exists := shard.tokens[id]
	if exists && old == saved {
		g.stage.Counts.Replays.Add(1)
		return id, saved, nil
	}
	if !exists && g.stage.Counts.Tokens.Load() >= g.stage.Options.MaxTokens {
		return "", token{}, errFull
	}
	e := &event{Token: id, Card: card, Expiry: expiry, Scheme: scheme}
	if err := g.stage.Append(g, e); err != nil {
		return "", token{}, err
	}
	shard.apply(e)
	if !exists {
		g.stage.Counts.Tokens.Add(1)
	}
	return id, saved, nil
}
