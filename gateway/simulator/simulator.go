package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"cardbatch/gateway/simulator/internal/lyra"
	"cardbatch/gateway/simulator/internal/mastercard"
	"cardbatch/gateway/simulator/internal/payline"
	"cardbatch/gateway/simulator/internal/paysafe"
	"cardbatch/gateway/simulator/stage"
)

// Options describe a simulator. Zero fields take the defaults.
type Options = stage.Options

// Simulator is a gateway on loopback. It is an http.Handler and may be embedded, or
// started on a port of its own.
type Simulator struct {
	*stage.Stage
	protocols []stage.Protocol
	payline   *payline.Gateway // among them
	server    *http.Server
	once      sync.Once
}

// New makes a simulator and replays its state file.
func New(options Options) (*Simulator, error) {
	s := &Simulator{Stage: stage.New(options)}
	s.payline = payline.New(s.Stage)
	s.protocols = []stage.Protocol{
		mastercard.New(s.Stage),
		s.payline,
		lyra.New(s.Stage),
		paysafe.New(s.Stage),
	}
	if err := s.Open(s.protocols); err != nil {
		return nil, err
	}
	return s, nil
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
		s.Stop()
		if s.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
			defer cancel()
			if s.server.Shutdown(ctx) != nil {
				err = s.server.Close()
			}
		}
		err = errors.Join(err, s.Stage.Close())
	})
	return err
}

// ServeHTTP implements http.Handler.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.Counts.Requests.Add(1)
	if rest, ok := strings.CutPrefix(r.URL.Path, "/control/"); ok {
		s.serveControl(w, r, rest)
		return
	}
	if s.Options.Latency > 0 {
		time.Sleep(s.Options.Latency)
	}
	i := slices.IndexFunc(s.protocols, func(p stage.Protocol) bool { return p.Takes(r.URL.Path) })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	s.protocols[i].Serve(w, r)
}

// Charges tells how often a request with the key really had an effect: a charge, a
// reservation, a capture, a refund, a void, or a schedule.
func (s *Simulator) Charges(key string) int {
	n := 0
	s.eachCharge(func(c stage.Charge) {
		if c.Key == key {
			n++
		}
	})
	return n
}

func (s *Simulator) eachCharge(visit func(stage.Charge)) {
	for _, p := range s.protocols {
		p.EachCharge(visit)
	}
}

// Reset forgets orders, tokens, faults and counts, on disk too.
func (s *Simulator) Reset() error {
	// Everything is held, so that no event lands between memory and disk.
	for _, p := range s.protocols {
		defer p.Hold()()
	}
	if err := s.Forget(); err != nil {
		return err
	}
	for _, p := range s.protocols {
		p.Clear()
	}
	return nil
}
