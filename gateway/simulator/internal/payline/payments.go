package payline

import (
	"time"

	"cardbatch/gateway/simulator/stage"
)

// doAuthorization pays with a card or a token, or verifies one (section 3.3).
func (g *Gateway) doAuthorization(in *element) (*element, error) {
	p, err := g.readPayment(in, openingActions, []string{modeCash, modeDeferred})
	if err != nil {
		return nil, err
	}
	if p.contract == "" {
		return nil, refusal("02303")
	}
	t, version, err := g.opening(in, opAuthorization, p, false)
	if err != nil {
		return nil, err
	}
	if t.Card, err = g.readCard(in.child("card")); err != nil {
		return nil, err
	}
	isDouble, err := g.authorize(t, in, version)
	if err != nil {
		return nil, err
	}
	if isDouble {
		return answer(opAuthorization, result(duplicate), g.duplicateOf(), privateOf(t.Private), text("contractNumber", p.contract)), nil
	}
	return answer(opAuthorization, result(t.Code), transactionOf(t, shortTimeFormat), authorizationOf(t), cardOutOf(t.Card), extendedCardOf(t.Card),
		privateOf(t.Private), text("contractNumber", p.contract), text("linkedTransactionId", t.Linked)), nil
}

// doImmediateWalletPayment pays with a card of a wallet (section 3.2).
func (g *Gateway) doImmediateWalletPayment(in *element) (*element, error) {
	p, err := g.readPayment(in, openingActions, []string{modeCash, modeDeferred})
	if err != nil {
		return nil, err
	}
	t, version, err := g.opening(in, opWalletPayment, p, false)
	if err != nil {
		return nil, err
	}
	w, c, err := g.usableCard(in)
	if err != nil {
		return nil, err
	}
	t.Wallet, t.Card = w.ID, c
	t.Contract = stage.Or(t.Contract, w.Contract)
	isDouble, err := g.authorize(t, in, version)
	if err != nil {
		return nil, err
	}
	if isDouble {
		return answer(opWalletPayment, result(duplicate), g.duplicateOf()), nil
	}
	return answer(opWalletPayment, result(t.Code), transactionOf(t, shortTimeFormat), authorizationOf(t), text("linkedTransactionId", t.Linked)), nil
}

// usableCard finds the card of a wallet that a payment names; neither may be disabled, nor
// the card wait for its enrolment.
func (g *Gateway) usableCard(in *element) (*wallet, card, error) {
	w := g.wallet(in.get("walletId"))
	if w == nil {
		return nil, card{}, refusal("02503")
	}
	index, err := readIndex(in)
	if err != nil {
		return nil, card{}, err
	}
	c := w.card(index)
	switch {
	case w.DisabledAt != 0:
		return nil, card{}, refusal("02505")
	case c == nil:
		return nil, card{}, refusal("02518")
	case c.DisabledAt != 0:
		return nil, card{}, refusal("02505")
	}
	return w, *c, g.checkEnrolment(w, c)
}

// maxReAuthorization is how many months after its original a re-authorization is possible.
const maxReAuthorization = 11

// doReAuthorization authorizes once more with the card of an earlier payment (section 3.5).
func (g *Gateway) doReAuthorization(in *element) (*element, error) {
	p, err := g.readPayment(in, []string{actionReAuthorize}, anyMode)
	if err != nil {
		return nil, err
	}
	t, _, err := g.opening(in, opReAuthorization, p, true)
	if err != nil {
		return nil, err
	}
	original, ok := g.transaction(in.get("transactionID"))
	switch now := g.now(); {
	case !ok:
		return nil, refusal("02301")
	case original.Code != approved || !original.opens():
		return nil, refusal("02302")
	case now.After(time.UnixMilli(original.At).UTC().AddDate(0, maxReAuthorization, 0)):
		return nil, refusal("02602")
	case p.contract != "" && p.contract != original.Contract:
		return nil, refusal("02303")
	case p.currency != original.Currency:
		return nil, refusal("02620")
	case (t.Ref == "" || t.Ref == original.Ref) && now.Sub(time.UnixMilli(original.At)) < 24*time.Hour:
		g.stage.Counts.Replays.Add(1)
		return answer(opReAuthorization, result(duplicate), g.duplicateOf()), nil
	}
	t.Ref = stage.Or(t.Ref, original.Ref)
	t.Key = stage.Or(t.Key, t.Ref)
	t.Origin, t.Contract, t.Wallet, t.Card = original.ID, original.Contract, original.Wallet, original.Card
	isDouble, err := g.authorize(t, in, 0)
	if err != nil {
		return nil, err
	}
	if isDouble {
		return answer(opReAuthorization, result(duplicate), g.duplicateOf()), nil
	}
	return answer(opReAuthorization, result(t.Code), transactionOf(t, shortTimeFormat), cardOutOf(t.Card), extendedCardOf(t.Card)), nil
}

// opening makes the transaction of a request that opens a payment, without its card, and
// returns the version of the request.
func (g *Gateway) opening(in *element, operation string, p payment, mayInherit bool) (*transaction, int, error) {
	version, err := checkVersion(in)
	if err != nil {
		return nil, 0, err
	}
	ref, date, err := readOrder(in, mayInherit)
	if err != nil {
		return nil, 0, err
	}
	data, err := checkPrivate(in)
	if err != nil {
		return nil, 0, err
	}
	return &transaction{
		Operation: operation, Key: operations[operation].key(in), Ref: ref, Reference: private(in, privateReference), Contract: p.contract,
		Amount: p.amount, Currency: p.currency, Action: p.action, Mode: p.mode, OrderDate: date, CaptureOn: p.captureOn, Private: data,
	}, version, nil
}

// versionOfLinks is the first version with the field linkedTransactionId.
const versionOfLinks = 26

// authorize asks the issuer, and keeps the transaction with what it answered, unless the
// duplicate control finds its twin.
func (g *Gateway) authorize(t *transaction, in *element, version int) (isDouble bool, err error) {
	shard := g.accounts.shard(t.Ref)
	shard.Lock()
	defer shard.Unlock()
	now := g.now()
	if shard.isDouble(t, now) {
		g.stage.Counts.Replays.Add(1)
		return true, nil
	}
	if g.stage.Counts.Orders.Load() >= g.stage.Options.MaxOrders {
		return false, errFull
	}
	t.Code = issuerCode(t.Card, t.Amount, t.Currency, now)
	t.At = now.UnixMilli()
	t.ID = newID(transactionBase, g.serial.Add(1), t.Ref)
	if version >= versionOfLinks && t.Code == approved {
		// The series is known by its first authorization.
		t.Linked = stage.Or(in.get("linkedTransactionId"), t.ID)
	}
	return false, g.commit(&event{Transaction: t})
}

// isDouble is the duplicate control (section 3.7): an accepted transaction of today or
// yesterday, of the same kind and order, with the same amount and sequence number. Wallet
// payments and re-authorizations are not in the page's list, but the vendor's own client
// sends them again as it does authorizations (section 2.5), which only the control makes safe.
func (s *shard) isDouble(t *transaction, now time.Time) bool {
	yesterday := now.Truncate(24*time.Hour).AddDate(0, 0, -1).UnixMilli()
	for _, earlier := range s.orders[t.Ref] {
		sameKind := earlier.Operation == t.Operation || earlier.opens() && t.opens()
		if sameKind && earlier.Code == approved && earlier.At >= yesterday && !earlier.cancelled &&
			earlier.Amount == t.Amount && earlier.Currency == t.Currency && earlier.Sequence == t.Sequence {
			return true
		}
	}
	return false
}

// transaction returns a copy of a transaction.
func (g *Gateway) transaction(id string) (transaction, bool) {
	shard, _ := g.accounts.ofID(transactionBase, id)
	if shard == nil {
		return transaction{}, false
	}
	shard.Lock()
	defer shard.Unlock()
	if t := shard.transactions[id]; t != nil {
		return *t, true
	}
	return transaction{}, false
}
