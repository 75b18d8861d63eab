package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Defaults of Options. The merchant id begins with TEST, as that of every test
// profile does; the password opens nothing else.
const (
	DefaultMerchantID = "TESTCARDBATC"
	DefaultPassword   = "simulated-password"
)

// Options describe a simulator. Zero fields take the defaults.
type Options struct {
	MerchantID string           // of the one merchant profile
	Password   string           // its API password
	Clock      func() time.Time // time.Now when nil: the simulator is a world of its own

	Latency time.Duration // added to every answer
	// HiddenFor and HiddenLookups make a transaction unknown to look-ups for so long
	// after it was carried out, or for so many look-ups.
	HiddenFor     time.Duration
	HiddenLookups int
	StallLimit    time.Duration // longest stall; 30 s

	StateFile string // append-only; empty: memory only
	// MaxOrders and MaxTokens bound the memory, give or take the calls under way: 5,000,000
	// each. Beyond, the gateway is SERVER_BUSY.
	MaxOrders int64
	MaxTokens int64
}

// Simulator is a gateway on loopback. It is an http.Handler and may be embedded, or
// started on a port of its own.
type Simulator struct {
	options  Options
	auth     string // the expected Authorization header
	accounts *accounts
	log      *stateLog
	faults   faults
	stats    stats
	serial   atomic.Uint64

	server  *http.Server
	closing chan struct{}
	once    sync.Once
	late    sync.WaitGroup // commits that come after their request was given up
}

type stats struct {
	requests, replays, lookups, charges, refusals, faults atomic.Int64
	orders, tokens                                        atomic.Int64
}

// New makes a simulator and replays its state file.
func New(options Options) (*Simulator, error) {
	options.MerchantID = or(options.MerchantID, DefaultMerchantID)
	options.Password = or(options.Password, DefaultPassword)
	options.StallLimit = or(options.StallLimit, 30*time.Second)
	options.MaxOrders = or(options.MaxOrders, 5_000_000)
	options.MaxTokens = or(options.MaxTokens, 5_000_000)
	if options.Clock == nil {
		options.Clock = time.Now
	}
	s := &Simulator{
		options:  options,
		auth:     basicAuth(options.MerchantID, options.Password),
		accounts: newAccounts(),
		closing:  make(chan struct{}),
	}
	var err error
	s.log, err = openLog(options.StateFile, s.replay)
	if err != nil {
		return nil, err
	}
	return s, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// replay applies an event of the state file.
func (s *Simulator) replay(e *event) {
	if e.Transaction == nil {
		if n, err := strconv.ParseUint(serialOf(e.Token), 10, 64); err == nil && n > s.serial.Load() {
			s.serial.Store(n)
		}
		shard := s.accounts.shard(e.Token)
		if _, exists := shard.tokens[e.Token]; !exists {
			s.stats.tokens.Add(1)
		}
		shard.apply(e)
		return
	}
	shard := s.accounts.shard(e.Order)
	if shard.orders[e.Order] == nil {
		s.stats.orders.Add(1)
	}
	shard.apply(e)
	if e.Transaction.moved() {
		s.stats.charges.Add(1)
	}
}

// newToken makes a token as the gateway's random ones are: 16 digits that begin with
// 9 and pass Luhn. Ours count, so that they stay different across restarts.
func (s *Simulator) newToken() string {
	digits := fmt.Sprintf("9%014d", s.serial.Add(1))
	return digits + string(luhnDigit(digits))
}

// serialOf is the counter within a token of ours; empty for a supplied one.
func serialOf(token string) string {
	if len(token) != 16 || token[0] != '9' {
		return ""
	}
	return token[1:15]
}

// Start serves on a loopback address such as "127.0.0.1:0" and returns the
// endpoint, http://host:port. Any other address is refused.
func (s *Simulator) Start(address string) (endpoint string, err error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("start the simulator: %w", err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", errors.New("start the simulator: it serves loopback addresses only")
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return "", fmt.Errorf("start the simulator: %w", err)
	}
	s.server = &http.Server{
		Handler:           s,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          log.New(io.Discard, "", 0), // the faults would fill it
	}
	go s.server.Serve(listener) // ends with Close
	return "http://" + listener.Addr().String(), nil
}

// Close stops serving, ends every stall, and closes the state file.
func (s *Simulator) Close() error {
	var err error
	s.once.Do(func() {
		close(s.closing)
		if s.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if s.server.Shutdown(ctx) != nil {
				err = s.server.Close()
			}
		}
		s.late.Wait()
		err = errors.Join(err, s.log.close())
	})
	return err
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.stats.requests.Add(1)
	if rest, ok := strings.CutPrefix(r.URL.Path, "/control/"); ok {
		s.serveControl(w, r, rest)
		return
	}
	if s.options.Latency > 0 {
		time.Sleep(s.options.Latency)
	}
	if rest, ok := strings.CutPrefix(r.URL.Path, "/api/rest/version/"); ok {
		s.serveMastercard(w, r, rest)
		return
	}
	http.NotFound(w, r)
}
