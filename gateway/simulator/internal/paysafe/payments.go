package paysafe

import (
	"net/http"
	"time"
)

// carryOut does what the payment asks and answers. A merchantRefNum that was used is
// refused, unless the caller switched that check off: then it charges again.
func (g *Gateway) carryOut(p *payment, d disguise, base string) (reply, error) {
	card := p.card
	if p.token != "" {
		var err error
		if card, err = g.vault.find(p.token); err != nil {
			return reply{}, err
		}
	}
	if c := p.credential; c != nil && c.InitialTransactionID != "" && !g.knows(p.account, c.InitialTransactionID) {
		return reply{}, badField("storedCredential.initialTransactionId", "the value does not exist")
	}
	now := g.stage.Options.Clock()

	r := reference{p.account, p.ref}
	references := g.accounts.reference(r)
	references.Lock()
	defer references.Unlock()
	if p.check {
		for _, t := range references.used[r] {
			if now.Sub(time.UnixMilli(t.At)) < duplicateWindow {
				return reply{}, &invalid{code: duplicate}
			}
		}
	}

	id := g.newID(p.parent)
	family := g.accounts.family(id)
	family.Lock()
	defer family.Unlock()
	t := &transaction{
		Kind: p.kind, ID: id, Account: p.account, Ref: p.ref, Description: p.description, Amount: p.amount, At: now.UnixMilli(),
		Parent: p.parent, Settle: p.settle, Check: p.check, Card: card, Credential: p.credential,
	}
	parent := family.parentOf(t)
	if parent == nil && g.stage.Counts.Orders.Load() >= g.stage.Options.MaxOrders {
		return reply{}, errFull
	}
	switch p.kind {
	case auths, verifications:
		t.Code = decide(t.Amount, card.Expiry, now)
	case settlements:
		t.Code = settle(parent, t)
	case voidAuths:
		t.Code = void(parent, t)
	case refunds:
		t.Code = refund(parent, t, now)
	}
	e := &event{Transaction: t}
	if err := g.stage.Append(g, e); err != nil {
		return reply{}, err
	}
	g.accounts.apply(e)
	g.count(t)
	return g.answer(t, d, base, now), nil
}

// count adds a transaction that was applied to the stage's counts.
func (g *Gateway) count(t *transaction) {
	if t.parent == nil {
		g.stage.Counts.Orders.Add(1)
	}
	if t.moved() {
		g.stage.Counts.Charges.Add(1)
	}
}

// settle, void and refund say why a follow-up fails, and fill in the amount when all
// that is left is meant.

func settle(of, t *transaction) string {
	switch {
	case of == nil || of.Code != "":
		return settleUnknown
	case of.available == 0:
		return settleNothingLeft
	case t.Amount > of.available:
		return settleTooMuch
	case t.Amount == 0:
		t.Amount = of.available
	}
	return ""
}

func void(of, t *transaction) string {
	switch {
	case of == nil || of.Code != "":
		return voidUnknown
	case of.settled():
		return voidSettled
	case of.available == 0, t.Amount > of.available:
		return voidTooMuch
	case t.Amount == 0:
		t.Amount = of.available
	}
	return ""
}

func refund(of, t *transaction, now time.Time) string {
	switch {
	case of == nil || of.Code != "":
		return refundUnknown
	case of.status(now) != "COMPLETED":
		return notBatched
	case of.available == 0:
		return refundNothingLeft
	case t.Amount > of.available:
		return refundTooMuch
	case t.Amount == 0:
		t.Amount = of.available
	}
	return ""
}

// cancel takes back a settlement or refund that is still pending.
func (g *Gateway) cancel(k kind, account, id, key string, d disguise, base string) (reply, error) {
	family := g.accounts.family(id)
	family.Lock()
	defer family.Unlock()
	t := family.transactions[name{k, id}]
	if t == nil || t.Account != account {
		return reply{}, &invalid{code: unknownID}
	}
	now := g.stage.Options.Clock()
	if t.status(now) != "PENDING" {
		return reply{}, &invalid{code: notPending}
	}
	e := &event{Cancel: &cancellation{Kind: k, ID: id, Key: key}}
	if err := g.stage.Append(g, e); err != nil {
		return reply{}, err
	}
	g.accounts.apply(e)
	g.stage.Counts.Charges.Add(1)
	shown := show(t, d, base, now)
	if shown.Error != nil {
		return g.answer(t, d, base, now), nil
	}
	// Such an answer is short.
	short := shownTransaction{Links: shown.Links, ID: shown.ID, TxnTime: shown.TxnTime, Status: shown.Status}
	return reply{status: http.StatusOK, body: encode(short)}, nil
}

// knows reports whether an approved transaction may begin a series.
func (g *Gateway) knows(account, id string) bool {
	family := g.accounts.family(id)
	family.Lock()
	defer family.Unlock()
	for _, k := range []kind{auths, verifications} {
		if t := family.transactions[name{k, id}]; t != nil && t.Account == account && t.Code == "" {
			return true
		}
	}
	return false
}

// find answers for one transaction by its id.
func (g *Gateway) find(k kind, account, id string, d disguise, base string) (reply, error) {
	family := g.accounts.family(id)
	family.Lock()
	defer family.Unlock()
	t := family.transactions[name{k, id}]
	if t == nil || t.Account != account || g.stage.Hidden(t.Ref, time.UnixMilli(t.At)) {
		return reply{}, &invalid{code: unknownID}
	}
	return reply{status: http.StatusOK, body: encode(show(t, d, base, g.stage.Options.Clock()))}, nil
}

// period is the part of a list that is asked for.
type period struct {
	from, to      time.Time
	limit, offset int
}

// list answers for the transactions of one kind and reference.
func (g *Gateway) list(k kind, account, ref string, p period, d disguise, base string) reply {
	r := reference{account, ref}
	shard := g.accounts.reference(r)
	shard.Lock()
	var found []*transaction
	for _, t := range shard.used[r] {
		if at := time.UnixMilli(t.At); t.Kind == k && !at.Before(p.from) && !at.After(p.to) {
			found = append(found, t)
		}
	}
	shard.Unlock()
	if len(found) > 0 && g.stage.Hidden(ref, time.UnixMilli(found[0].At)) {
		found = nil
	}
	found = found[min(p.offset, len(found)):]
	more := len(found) > p.limit
	if more {
		found = found[:p.limit]
	}
	shown := make([]shownTransaction, 0, len(found))
	now := g.stage.Options.Clock()
	for _, t := range found {
		family := g.accounts.family(t.ID)
		family.Lock()
		shown = append(shown, show(t, d, base, now))
		family.Unlock()
	}
	return listAnswer(k, account, ref, shown, p, more, base)
}
