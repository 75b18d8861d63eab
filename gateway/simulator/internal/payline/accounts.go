package payline

import (
	"strconv"
	"sync"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// transaction is one request about money that was carried out, declined ones included.
type transaction struct {
	ID        string
	Operation string
	Key       string // of the caller
	Ref       string // order.ref; a follow-up has its original's
	Reference string `json:",omitempty"` // the merchant's order reference, of the private data
	Code      string
	Contract  string `json:",omitempty"`
	Amount    int64  // minor units
	Currency  string // numeric
	Action    string `json:",omitempty"`
	Mode      string `json:",omitempty"`
	OrderDate string `json:",omitempty"` // as it came
	CaptureOn int64  `json:",omitempty"` // Unix seconds of the day of a deferred capture
	At        int64  // Unix milliseconds
	Origin    string `json:",omitempty"` // what it acts on
	Wallet    string `json:",omitempty"`
	Card      card
	Linked    string  `json:",omitempty"` // linkedTransactionId of the answer
	Sequence  string  `json:",omitempty"`
	Private   []datum `json:",omitempty"`

	// What became of it since.
	captured, refunded, reset int64
	capturedAt                int64 // Unix milliseconds of the latest capture
	cancelled                 bool
}

// card is a payment card as it is kept.
type card struct {
	Index      int    `json:",omitempty"` // in its wallet, from 1
	Number     string // masked
	Type       string // as the caller has it
	Scheme     string
	Expiry     string // MMYY
	Holder     string `json:",omitempty"`
	Token      string `json:",omitempty"`
	Answers    string `json:",omitempty"` // the code that its number asks for
	At         int64  `json:",omitempty"` // Unix milliseconds when it came into its wallet
	DisabledAt int64  `json:",omitempty"` // Unix milliseconds; 0: active
	Told       string `json:",omitempty"` // status under SmartBill since the answer to the enrolment; see Tell
	ToldAt     int64  `json:",omitempty"` // Unix milliseconds
}

// datum is a pair of private data.
type datum struct{ Key, Value string }

// opens reports whether the transaction opened a payment or an authorization.
func (t *transaction) opens() bool {
	switch t.Operation {
	case opAuthorization, opWalletPayment, opReAuthorization:
		return t.Action != actionVerify
	}
	return false
}

// moved reports whether the transaction had an effect on anybody's account.
func (t *transaction) moved() bool { return t.Code == approved && t.Action != actionVerify }

// paid is what has been captured of a payment, by its action, on its day or by a capture.
func (t *transaction) paid(now time.Time) int64 {
	switch {
	case t.Action == actionCaptured || t.Action == actionFirstCaptured || t.Action == actionNextCaptured:
		return t.Amount
	case t.CaptureOn > 0 && now.Unix() >= t.CaptureOn:
		return t.Amount - t.reset
	}
	return t.captured
}

// remittedAfter is how long a capture waits for its remittance to the bank, which is
// daily; until then it can be reset.
const remittedAfter = 24 * time.Hour

// remitted reports whether the bank has it.
func (t *transaction) remitted(now time.Time) bool {
	at := t.capturedAt
	switch {
	case t.captured > 0:
	case t.Operation == opRefund:
		at = t.At
	case t.paid(now) > 0 && t.CaptureOn > 0:
		at = t.CaptureOn * 1000
	case t.paid(now) > 0:
		at = t.At
	default:
		return false
	}
	return now.Sub(time.UnixMilli(at)) >= remittedAfter
}

// wallet is a buyer's cards.
type wallet struct {
	ID         string
	Contract   string
	LastName   string  `json:",omitempty"`
	FirstName  string  `json:",omitempty"`
	Email      string  `json:",omitempty"`
	Comment    string  `json:",omitempty"`
	Default    int     // index of a card
	Cards      []card  // by rising index
	DisabledAt int64   `json:",omitempty"` // Unix milliseconds; 0: active
	Private    []datum `json:",omitempty"`
}

// card finds a card; index 0 asks for the default one.
func (w *wallet) card(index int) *card {
	if index == 0 {
		index = w.Default
	}
	for i := range w.Cards {
		if w.Cards[i].Index == index {
			return &w.Cards[i]
		}
	}
	return nil
}

// record is a payment record: a schedule on a wallet.
type record struct {
	ID         string
	Key        string
	Ref        string
	Reference  string `json:",omitempty"`
	Contract   string
	Wallet     string
	Card       card
	Currency   string
	Cycle      string `json:",omitempty"`
	Left       string `json:",omitempty"`
	Day        string `json:",omitempty"`
	End        string `json:",omitempty"`
	OrderDate  string `json:",omitempty"`
	Total      int64
	Bills      []bill
	At         int64   // Unix milliseconds
	DisabledAt int64   `json:",omitempty"`
	Private    []datum `json:",omitempty"`
}

// bill is one dated payment of a record.
type bill struct {
	Day    int64 // Unix seconds of its begin
	Amount int64 // minor units
}

// shards keep thousands of callers out of each other's way. The transactions of an order
// reference live in one shard, which their ids name; so do payment records. A wallet
// lives in the shard of its id.
const shards = 64

type shard struct {
	sync.Mutex
	transactions map[string]*transaction   // by id
	orders       map[string][]*transaction // by order reference, in the order of their making
	wallets      map[string]*wallet
	records      map[string]*record
}

type accounts [shards]shard

func newAccounts() *accounts {
	a := &accounts{}
	a.clear()
	return a
}

// clear empties every shard; they are locked, or not yet shared.
func (a *accounts) clear() {
	for i := range a {
		s := &a[i]
		s.transactions, s.orders = map[string]*transaction{}, map[string][]*transaction{}
		s.wallets, s.records = map[string]*wallet{}, map[string]*record{}
	}
}

// shard is where a wallet or an order reference lives. The hash is the same in
// every process, because ids name shards.
func (a *accounts) shard(id string) *shard { return &a[stage.Hash(id)%shards] }

// Ids count up: the serial number times the shards, plus the shard, plus a base that
// fixes how many digits there are.
const (
	transactionBase = 10_000_000_000_000
	recordBase      = 100_000_000_000
)

// newID makes the id of something that lives with an order reference.
func newID(base, serial uint64, ref string) string {
	return strconv.FormatUint(base+serial*shards+stage.Hash(ref)%shards, 10)
}

// ofID is the shard that an id names, and the serial number within it; nil for a text
// that cannot be an id.
func (a *accounts) ofID(base uint64, id string) (s *shard, serial uint64) {
	n, err := strconv.ParseUint(id, 10, 64)
	if err != nil || n < base || id[0] == '+' {
		return nil, 0
	}
	return &a[n%shards], (n - base) / shards
}

// event is one change of the state: what is applied in memory is what is written to the
// state file. A transaction is new; wallet and record are as they stand afterwards.
type event struct {
	Transaction *transaction `json:",omitempty"`
	Wallet      *wallet      `json:",omitempty"`
	Record      *record      `json:",omitempty"`
}

// apply adds a transaction and does to its original what it does; the shard is locked.
func (s *shard) apply(t *transaction) {
	s.transactions[t.ID] = t
	s.orders[t.Ref] = append(s.orders[t.Ref], t)
	origin := s.transactions[t.Origin]
	if origin == nil || t.Code != approved {
		return
	}
	switch t.Operation {
	case opCapture:
		origin.captured += t.Amount
		origin.capturedAt = t.At
	case opRefund:
		origin.refunded += t.Amount
	case opReset:
		if origin.reset += t.Amount; origin.reset >= origin.Amount {
			origin.cancelled = true
		}
		if refunded := s.transactions[origin.Origin]; origin.Operation == opRefund && refunded != nil {
			refunded.refunded -= t.Amount
		}
	}
}
