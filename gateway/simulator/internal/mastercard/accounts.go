package mastercard

import (
	"hash/maphash"
	"sync"
)

// order is a payment and everything done to it.
type order struct {
	id           string
	reference    string
	currency     string
	amount       int64 // minor units asked by the transaction that opened it
	authorized   int64
	captured     int64
	refunded     int64
	transactions []transaction // in the order of their making; the first opened it
}

// transaction is one request that was carried out, declined ones included.
type transaction struct {
	ID        string
	Operation string
	Code      string // gateway code
	Amount    int64  // minor units
	Digest    uint64 // of the request; tells a replay from another request under the same id
	At        int64  // Unix milliseconds
	Target    string // of a refund or void
	Card      string // masked
	Expiry    string // MMYY
	Token     string
	Stored    string // storedOnFile
	Voided    bool
}

// moved reports whether the transaction had an effect on anybody's account.
func (t *transaction) moved() bool { return t.Code == approved && t.Operation != opVerify }

func (o *order) find(id string) *transaction {
	for i := range o.transactions {
		if o.transactions[i].ID == id {
			return &o.transactions[i]
		}
	}
	return nil
}

// status is order.status as the gateway words it.
func (o *order) status() string {
	first := &o.transactions[0]
	switch {
	case o.refunded > 0 && o.refunded == o.captured:
		return "REFUNDED"
	case o.refunded > 0:
		return "PARTIALLY_REFUNDED"
	case o.captured > 0 && o.captured < o.authorized:
		return "PARTIALLY_CAPTURED"
	case o.captured > 0:
		return "CAPTURED"
	case o.authorized > 0:
		return "AUTHORIZED"
	case first.Code == approved && first.Operation == opVerify:
		return "VERIFIED"
	case first.Code == approved:
		return "CANCELLED"
	}
	return "FAILED"
}

// token is a saved card.
type token struct {
	card   string // masked
	expiry string // MMYY
	scheme string
}

// shards keep thousands of callers out of each other's way; an order, or a token,
// lives in one shard.
const shards = 64

type accounts struct {
	seed   maphash.Seed
	shards [shards]shard
}

type shard struct {
	sync.Mutex
	orders map[string]*order
	tokens map[string]token
}

func newAccounts() *accounts {
	a := &accounts{seed: maphash.MakeSeed()}
	a.clear()
	return a
}

// clear empties every shard; they are locked, or not yet shared.
func (a *accounts) clear() {
	for i := range a.shards {
		s := &a.shards[i]
		s.orders = map[string]*order{}
		s.tokens = map[string]token{}
	}
}

func (a *accounts) shard(id string) *shard {
	return &a.shards[maphash.String(a.seed, id)%shards]
}

// event is one change of the state: what is applied in memory is what is written to
// the state file, and nothing else changes an account.
type event struct {
	Order       string `json:",omitempty"`
	Reference   string `json:",omitempty"`
	Currency    string `json:",omitempty"`
	Transaction *transaction

	Token  string `json:",omitempty"` // of a saved card
	Card   string `json:",omitempty"` // masked
	Expiry string `json:",omitempty"`
	Scheme string `json:",omitempty"`

	Batch *batchEvent `json:",omitempty"`
}

// apply carries out an event; its shard is locked.
func (s *shard) apply(e *event) {
	if e.Transaction == nil {
		s.tokens[e.Token] = token{card: e.Card, expiry: e.Expiry, scheme: e.Scheme}
		return
	}
	t := e.Transaction
	o := s.orders[e.Order]
	if o == nil {
		o = &order{id: e.Order, reference: e.Reference, currency: e.Currency, amount: t.Amount}
		s.orders[e.Order] = o
	}
	o.transactions = append(o.transactions, *t)
	if t.Code != approved {
		return
	}
	switch t.Operation {
	case opAuthorize:
		o.authorized += t.Amount
	case opPay:
		o.authorized += t.Amount
		o.captured += t.Amount
	case opCapture:
		o.captured += t.Amount
	case opRefund:
		o.refunded += t.Amount
	case opVoid:
		target := o.find(t.Target)
		if target == nil {
			return // only in a state file that was tampered with
		}
		target.Voided = true
		switch target.Operation {
		case opAuthorize:
			o.authorized -= target.Amount
		case opPay:
			o.authorized -= target.Amount
			o.captured -= target.Amount
		case opCapture:
			o.captured -= target.Amount
		case opRefund:
			o.refunded -= target.Amount
		}
	}
}
