package paysafe

import (
	"hash/maphash"
	"sync"
	"time"
)

// kind of a transaction, under the name of its collection.
type kind string

const (
	auths         kind = "auths"
	settlements   kind = "settlements"
	voidAuths     kind = "voidauths"
	refunds       kind = "refunds"
	verifications kind = "verifications"
)

// transaction is one request that was carried out, declined ones included. What it is
// does not change; what became of it is guarded by its shard.
type transaction struct {
	Kind        kind
	ID          string
	Account     string
	Ref         string           // merchantRefNum
	Description string           `json:",omitempty"`
	Amount      int64            `json:",omitempty"` // minor units
	At          int64            // Unix milliseconds
	Code        string           `json:",omitempty"` // why it failed; empty when it did not
	Parent      string           `json:",omitempty"` // the authorization of a settlement or void, the settlement of a refund
	Settle      bool             `json:",omitempty"` // settleWithAuth
	Check       bool             `json:",omitempty"` // dupCheck
	Card        *keptCard        `json:",omitempty"`
	Credential  *credentialGiven `json:",omitempty"`

	cancelled   bool
	cancelKey   string
	available   int64          // left to settle, or to refund
	voided      int64          // of an authorization
	parent      *transaction   // nil of an orphan
	settlements []*transaction // of an authorization
	implied     bool           // a settlement made by settleWithAuth: not an effect of its own
}

// keptCard is all that is kept of a card.
type keptCard struct {
	BIN    string // first six digits
	Last   string // last four digits
	Type   string // cardType
	Expiry string // MMYY
}

// moved reports whether the transaction had an effect on anybody's account.
func (t *transaction) moved() bool { return t.Code == "" && t.Kind != verifications && !t.implied }

// status is the transaction's state as the API words it (facts, section 4.3).
func (t *transaction) status(now time.Time) string {
	switch {
	case t.Code != "":
		return "FAILED"
	case t.cancelled, t.voided > 0 && t.voided == t.Amount:
		return "CANCELLED"
	case (t.Kind == settlements || t.Kind == refunds) && now.Before(time.UnixMilli(t.At).Add(batchDelay)):
		return "PENDING"
	}
	return "COMPLETED"
}

// settled reports whether anything of an authorization is settled, batched or not.
func (t *transaction) settled() bool {
	for _, s := range t.settlements {
		if !s.cancelled {
			return true
		}
	}
	return false
}

// order is the merchant's order reference: that of the payment at the root.
func (t *transaction) order() string {
	for t.parent != nil {
		t = t.parent
	}
	return t.Description
}

// shards keep thousands of callers out of each other's way. A payment and everything
// done to it live in one shard, because their ids begin alike.
const shards = 64

type accounts struct {
	seed     maphash.Seed
	families [shards]family
	// references are locked before families, and one at a time of each.
	references [shards]referenceShard
}

type name struct {
	kind kind
	id   string
}

type family struct {
	sync.Mutex
	transactions map[name]*transaction
}

// reference is what a caller finds its transactions by.
type reference struct{ account, ref string }

type referenceShard struct {
	sync.Mutex
	used map[reference][]*transaction // in the order of their making
}

func newAccounts() *accounts {
	a := &accounts{seed: maphash.MakeSeed()}
	a.clear()
	return a
}

// clear empties every shard; they are locked, or not yet shared.
func (a *accounts) clear() {
	for i := range shards {
		a.families[i].transactions = map[name]*transaction{}
		a.references[i].used = map[reference][]*transaction{}
	}
}

// family finds the shard of a transaction's id.
func (a *accounts) family(id string) *family {
	return &a.families[maphash.String(a.seed, id[:min(len(id), familyDigits)])%shards]
}

// parentOf finds what a follow-up acts on; nil when it is not there. The shard is locked.
func (f *family) parentOf(t *transaction) *transaction {
	of := auths
	if t.Kind == refunds {
		of = settlements
	}
	parent := f.transactions[name{of, t.Parent}]
	if parent == nil || parent.Account != t.Account {
		return nil
	}
	return parent
}

func (a *accounts) reference(r reference) *referenceShard {
	return &a.references[maphash.Comparable(a.seed, r)%shards]
}

// event is one change of the state: what is applied in memory is what is written to the
// state file, and nothing else changes an account.
type event struct {
	Transaction *transaction  `json:",omitempty"`
	Cancel      *cancellation `json:",omitempty"`
	Profile     *profile      `json:",omitempty"` // as it is from now on, its cards included
	Deleted     string        `json:",omitempty"` // id of a profile
}

// cancellation takes back a settlement or refund that is pending.
type cancellation struct {
	Kind kind
	ID   string
	Key  string // of the request
}

// apply carries out a transaction or cancellation; its shards are locked.
func (a *accounts) apply(e *event) {
	if e.Transaction != nil {
		a.add(e.Transaction)
		return
	}
	c := e.Cancel
	t := a.family(c.ID).transactions[name{c.Kind, c.ID}]
	if t == nil {
		return // only in a state file that was tampered with
	}
	t.cancelled, t.cancelKey = true, c.Key
	if t.parent != nil {
		t.parent.available += t.Amount
	}
}

func (a *accounts) add(t *transaction) {
	f := a.family(t.ID)
	f.transactions[name{t.Kind, t.ID}] = t
	r := reference{t.Account, t.Ref}
	shard := a.reference(r)
	shard.used[r] = append(shard.used[r], t)

	t.parent = f.parentOf(t)
	if t.Code != "" {
		return
	}
	if t.Kind == auths || t.Kind == settlements {
		t.available = t.Amount
	}
	if t.parent != nil {
		t.parent.available -= t.Amount
		switch t.Kind {
		case settlements:
			t.parent.settlements = append(t.parent.settlements, t)
		case voidAuths:
			t.parent.voided += t.Amount
		}
	}
	if t.Settle {
		// The settlement has the id and the reference of its authorization.
		a.add(&transaction{Kind: settlements, ID: t.ID, Account: t.Account, Ref: t.Ref, Amount: t.Amount, At: t.At, Parent: t.ID, implied: true})
	}
}
