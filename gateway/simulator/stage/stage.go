// Package stage is what every protocol of the simulator stands on: the ways to fail and
// which request suffers them, the counts, the state file, the published test cards.
//
// A protocol speaks for one processor. It checks a request as that processor would, and
// hands what it is about to do to Play, which lets it happen, or fail in one of the
// phases. What it did it tells the state file before the answer leaves.
package stage

import (
	"encoding/json"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// Credentials of the one account that the simulator keeps at every processor. They open
// nothing else.
const (
	MerchantID = "TESTCARDBATC" // begins with TEST, as that of every test profile at Mastercard does
	ShopID     = "12345678"     // Lyra's shops are eight digits
	AccountID  = "1001234567"   // Paysafe's accounts are digits; this one holds euros
	Password   = "simulated-password"
)

// AccountIDs are the accounts at Paysafe by currency: one holds one.
var AccountIDs = map[string]string{"EUR": AccountID, "USD": "1001234568", "JPY": "1001234569", "KWD": "1001234570"}

// Options describe a stage. Zero fields take the defaults.
type Options struct {
	MerchantID string           // of the account at Mastercard and Payline
	Password   string           // its password, everywhere
	Clock      func() time.Time // time.Now when nil: the simulator is a world of its own

	Latency time.Duration // added to every answer
	// HiddenFor and HiddenLookups make a transaction unknown to look-ups for so long
	// after it was carried out, or for so many look-ups.
	HiddenFor     time.Duration
	HiddenLookups int
	StallLimit    time.Duration // longest stall; 30 s

	// Endpoints are further ones, such as http://127.0.0.1:1/V4, that Payline's directory
	// names before this server.
	Endpoints []string

	StateFile string // append-only; empty: memory only
	// MaxOrders and MaxTokens bound the memory, give or take the calls under way: 5,000,000
	// each. Beyond, a processor is busy.
	MaxOrders int64
	MaxTokens int64
}

// Protocol is one processor's way to speak. Its methods may be called from many goroutines.
type Protocol interface {
	// Name is the connector's kind; it marks the protocol's events in the state file.
	Name() string
	// Takes reports whether a request is this protocol's, by its path alone.
	Takes(path string) bool
	// Serve answers such a request.
	Serve(w http.ResponseWriter, r *http.Request)
	// Operations names what faults may be planned for.
	Operations() []string
	// Replay applies an event of the state file.
	Replay(event json.RawMessage) error
	// EachCharge visits every effect on anybody's account: a charge, a reservation, a
	// capture, a refund, a void, a schedule.
	EachCharge(visit func(Charge))
	// Hold stops every change until release is called.
	Hold() (release func())
	// Clear forgets everything. It is held.
	Clear()
}

// Charge is one effect.
type Charge struct {
	Key       string // the caller's key of the request: the identifier that it chose
	Reference string // the merchant's order reference
	Payment   bool   // it opened a payment or an authorization
}

// Stage is what the protocols share.
type Stage struct {
	Options Options
	Counts  Counts
	faults  faults
	log     *stateLog

	closing chan struct{}
	late    sync.WaitGroup // what is done after its request was answered, or given up

	hidden struct {
		sync.Mutex
		seen map[string]int // look-ups of a key so far, while they are answered unknown
	}
}

// Counts are numbers since the start; orders, tokens and charges include those of the state file.
type Counts struct {
	Requests, Replays, Lookups, Charges, Refusals, Faults atomic.Int64
	Orders, Tokens                                        atomic.Int64
}

// New makes a stage. Open replays its state file.
func New(options Options) *Stage {
	options.MerchantID = Or(options.MerchantID, MerchantID)
	options.Password = Or(options.Password, Password)
	options.StallLimit = Or(options.StallLimit, 30*time.Second)
	options.MaxOrders = Or(options.MaxOrders, 5_000_000)
	options.MaxTokens = Or(options.MaxTokens, 5_000_000)
	if options.Clock == nil {
		options.Clock = time.Now
	}
	return &Stage{Options: options, log: &stateLog{}, closing: make(chan struct{})}
}

// Or is value, or fallback when value is zero.
func Or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// Open opens the state file and replays it into the protocols.
func (s *Stage) Open(protocols []Protocol) (err error) {
	operations := map[string]bool{"": true}
	for _, p := range protocols {
		for _, name := range p.Operations() {
			operations[name] = true
		}
	}
	s.faults.operations = operations
	s.log, err = openLog(s.Options.StateFile, func(name string, event json.RawMessage) error {
		for _, p := range protocols {
			if p.Name() == name {
				return p.Replay(event)
			}
		}
		return errDamaged
	})
	return err
}

// Append writes an event of a protocol to the state file. When it fails nothing may be
// answered: the event did not happen.
func (s *Stage) Append(p Protocol, event any) error { return s.log.append(p.Name(), event) }

// Forget empties the state file, the faults and the counts. The protocols are held.
func (s *Stage) Forget() error {
	if err := s.log.clear(); err != nil {
		return err
	}
	s.faults.reset()
	c := &s.Counts
	for _, n := range []*atomic.Int64{&c.Requests, &c.Replays, &c.Lookups, &c.Charges, &c.Refusals, &c.Faults, &c.Orders, &c.Tokens} {
		n.Store(0)
	}
	return nil
}

// Later runs what a protocol does after its answer has left; Close waits for it.
func (s *Stage) Later(work func()) { s.late.Go(work) }

// Stop ends every stall, and carries out what was to come late.
func (s *Stage) Stop() { close(s.closing) }

// Close waits for what comes late and closes the state file. It follows Stop.
func (s *Stage) Close() error {
	s.late.Wait()
	return s.log.close()
}

// Hidden reports whether look-ups may not see yet what was carried out under the key at the time.
func (s *Stage) Hidden(key string, at time.Time) bool {
	if s.Options.HiddenFor > 0 && s.Options.Clock().Sub(at) < s.Options.HiddenFor {
		return true
	}
	if s.Options.HiddenLookups == 0 {
		return false
	}
	s.hidden.Lock()
	defer s.hidden.Unlock()
	if s.hidden.seen == nil {
		s.hidden.seen = map[string]int{}
	}
	if n := s.hidden.seen[key]; n < s.Options.HiddenLookups {
		s.hidden.seen[key] = n + 1
		return true
	}
	return false
}
