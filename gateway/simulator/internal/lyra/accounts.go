package lyra

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// card is what is kept of a card.
type card struct {
	Number string `json:",omitempty"` // masked
	Expiry string `json:",omitempty"` // MMYY
}

// transaction is one debit, credit or verification, refused ones included.
type transaction struct {
	UUID      string
	Order     string `json:",omitempty"` // orderId
	Key       string // of the request that made it
	Reference string `json:",omitempty"` // metadata.order_ref
	Metadata  string `json:",omitempty"` // as JSON
	Email     string `json:",omitempty"`
	Type      string // operationType
	Status    string // detailedStatus, as long as nobody looks at the calendar
	Amount    int64  // minor units
	Asked     int64  // the amount that was authorized
	Currency  string
	At        int64 // Unix milliseconds
	Capture   int64 // expected capture, Unix milliseconds; 0: never
	Source    string
	Context   string // occurrenceType
	Card      card
	Token     string `json:",omitempty"`
	ByToken   bool   `json:",omitempty"` // the card came from an alias
	Trace     string `json:",omitempty"` // initialIssuerTransactionIdentifier
	Parent    string `json:",omitempty"` // of a credit
	Refusal   bankRefusal

	refunded int64    // by its credits
	changes  []change // follow-ups, in their order
}

// change is one follow-up that altered a transaction.
type change struct {
	UUID    string
	Key     string
	Moves   bool  // it is a capture, a release for capture, or a cancellation; otherwise it moves nothing
	At      int64 // Unix milliseconds
	Status  string
	Amount  int64
	Capture int64

	before struct {
		status  string
		amount  int64
		capture int64
	}
}

// moved reports whether the making of the transaction had an effect on anybody's account.
func (t *transaction) moved() bool {
	return t.Type != typeVerification && t.Refusal == bankRefusal{}
}

// detailed is detailedStatus by the calendar: what is authorized is captured in the night
// that follows the expected day.
func (t *transaction) detailed(now time.Time) string {
	if t.Status == authorised && day(now).After(day(time.UnixMilli(t.Capture))) {
		return captured
	}
	return t.Status
}

func day(t time.Time) time.Time { return t.UTC().Truncate(24 * time.Hour) }

// token is an alias.
type token struct {
	ID        string
	Card      card
	Trace     string `json:",omitempty"` // the chaining reference that the issuer gave when it was made
	Email     string `json:",omitempty"`
	Customer  string `json:",omitempty"` // customer.reference
	At        int64  // Unix milliseconds
	Cancelled int64  `json:",omitempty"` // Unix milliseconds; 0: it is not
}

// subscription is a series of debits that the platform would make by itself.
type subscription struct {
	ID          string
	Key         string
	Reference   string `json:",omitempty"`
	Order       string `json:",omitempty"`
	Token       string
	Amount      int64
	Currency    string
	Initial     int64  `json:",omitempty"` // amount of the first ones
	InitialN    int    `json:",omitempty"` // how many these are
	Effect      int64  // Unix milliseconds
	Rule        string // RRULE
	Description string `json:",omitempty"`
	Metadata    string `json:",omitempty"`
	Cancelled   int64  `json:",omitempty"` // Unix milliseconds; 0: it is not
}

// shards keep thousands of callers out of each other's way. An id of ours begins
// with the number of its shard in hex; the transactions of one orderId live in one.
const shards = 256

type accounts struct{ shards [shards]shard }

type shard struct {
	sync.Mutex
	index         int
	orders        map[string][]*transaction // in the order of their making
	transactions  map[string]*transaction
	tokens        map[string]*token
	subscriptions map[string]*subscription
}

func newAccounts() *accounts {
	a := new(accounts)
	a.clear()
	return a
}

// clear empties every shard; they are locked, or not yet shared.
func (a *accounts) clear() {
	for i := range a.shards {
		s := &a.shards[i]
		s.index = i
		s.orders = map[string][]*transaction{}
		s.transactions = map[string]*transaction{}
		s.tokens = map[string]*token{}
		s.subscriptions = map[string]*subscription{}
	}
}

// of is the shard of an id of ours. What is not one is in none, so that any will do.
func (a *accounts) of(id string) *shard {
	n, _ := strconv.ParseUint(id[:min(len(id), 2)], 16, 8)
	return &a.shards[n]
}

func (a *accounts) ofOrder(orderID string) *shard {
	return &a.shards[stage.Hash(orderID)%shards]
}

// lock locks shards in an order that is always the same.
func lock(all ...*shard) (unlock func()) {
	slices.SortFunc(all, func(a, b *shard) int { return a.index - b.index })
	all = slices.Compact(all)
	for _, s := range all {
		s.Lock()
	}
	return func() {
		for _, s := range all {
			s.Unlock()
		}
	}
}

// newID makes an id as the platform's are: 32 digits in hex. They count, so that they
// stay different across restarts.
func (g *Gateway) newID(s *shard) string {
	n := g.serial.Add(1)
	return fmt.Sprintf("%02x%014x%016x", s.index, stage.Hash("lyra", strconv.FormatUint(n, 10))>>8, n)
}

func serialOf(id string) uint64 {
	n, _ := strconv.ParseUint(id[max(0, len(id)-16):], 16, 64)
	return n
}

// event is one change of the state: what is applied in memory is what is written to the
// state file, and nothing else changes an account. A token or subscription is the whole
// one as it is from now on.
type event struct {
	Transaction  *transaction  `json:",omitempty"`
	Changes      []change      `json:",omitempty"`
	Token        *token        `json:",omitempty"`
	Subscription *subscription `json:",omitempty"`
}

// ids are those that the event may have made.
func (e *event) ids() (ids []string) {
	if e.Transaction != nil {
		ids = append(ids, e.Transaction.UUID)
	}
	if e.Token != nil {
		ids = append(ids, e.Token.ID)
	}
	if e.Subscription != nil {
		ids = append(ids, e.Subscription.ID)
	}
	return ids
}

// errFull: the simulator holds as many orders or tokens as it may.
var errFull = errors.New("the simulator is full; reset it")

// record writes an event and carries it out; the shards of what it changes are locked.
func (g *Gateway) record(e *event) error {
	counts, options := &g.stage.Counts, &g.stage.Options
	if (e.Transaction != nil || g.opens(e.Subscription)) && counts.Orders.Load() >= options.MaxOrders ||
		g.keeps(e.Token) && counts.Tokens.Load() >= options.MaxTokens {
		return errFull
	}
	if err := g.stage.Append(g, e); err != nil {
		return err
	}
	g.apply(e)
	return nil
}

// opens reports whether the subscription is a new one.
func (g *Gateway) opens(sub *subscription) bool {
	return sub != nil && g.accounts.of(sub.ID).subscriptions[sub.ID] == nil
}

// keeps reports whether the token is a new one.
func (g *Gateway) keeps(tok *token) bool {
	return tok != nil && g.accounts.of(tok.ID).tokens[tok.ID] == nil
}

// apply carries out an event in memory. An order, to the counts, is a transaction or a
// subscription: one orderId may have any number of them.
func (g *Gateway) apply(e *event) {
	counts := &g.stage.Counts
	if t := e.Transaction; t != nil {
		s := g.accounts.of(t.UUID)
		s.transactions[t.UUID] = t
		if t.Order != "" {
			s.orders[t.Order] = append(s.orders[t.Order], t)
		}
		if parent := s.transactions[t.Parent]; parent != nil {
			parent.refunded += t.Amount
		}
		counts.Orders.Add(1)
		if t.moved() {
			counts.Charges.Add(1)
		}
	}
	for _, c := range e.Changes {
		s := g.accounts.of(c.UUID)
		t := s.transactions[c.UUID]
		if t == nil {
			continue // only in a state file that was tampered with
		}
		c.before.status, c.before.amount, c.before.capture = t.Status, t.Amount, t.Capture
		if parent := s.transactions[t.Parent]; parent != nil && c.Status == cancelled {
			parent.refunded -= t.Amount
		}
		t.Status, t.Amount, t.Capture = c.Status, c.Amount, c.Capture
		t.changes = append(t.changes, c)
		if c.Moves {
			counts.Charges.Add(1)
		}
	}
	if tok := e.Token; tok != nil {
		if g.keeps(tok) {
			counts.Tokens.Add(1)
		}
		g.accounts.of(tok.ID).tokens[tok.ID] = tok
	}
	if sub := e.Subscription; sub != nil {
		if g.opens(sub) {
			counts.Orders.Add(1)
			counts.Charges.Add(1)
		}
		g.accounts.of(sub.ID).subscriptions[sub.ID] = sub
	}
}
