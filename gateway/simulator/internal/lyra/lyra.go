// Package lyra is the Lyra platform (PayZen, Systempay, Scellius, Sogecommerce, …) as the
// simulator plays it: its REST API V4 (Lyra facts, section 7; aliases and subscriptions, section 6).
//
//	lyra.go           routes
//	services.go       the web services
//	request.go        what it reads
//	answer.go         what it writes: the envelope, and what went wrong
//	objects.go        what it writes: payments, transactions, tokens, subscriptions
//	payments.go       payments by alias and by card, duplicates
//	followups.go      what is done to a transaction afterwards
//	tokens.go         aliases
//	subscriptions.go  subscriptions
//	accounts.go       the state, in memory
//	codes.go          published triggers, states, error codes
//
// # Who named the request
//
// The platform keeps no idempotency key, and takes one orderId as often as it comes:
// every time it charges again (section 7.7). The key of a request is its orderId. What
// is done to a transaction, an alias or a subscription has no orderId: its key is the first
// word of the comment, which the caller may choose, and which no answer repeats. A request
// with neither goes by its service and what it is about, such as
// "Transaction/Capture 0a5c…". The merchant's order reference is metadata.order_ref.
//
// # What no document settles
//
//   - How a card number is sent is not in the facts: paymentForms[0] {pan, expiryMonth,
//     expiryYear} is what public clients send. Only PCI/… and Token/Update take one.
//   - Captures happen by night: a transaction is AUTHORISED until the day (UTC) of its
//     expectedCaptureDate is over, and CAPTURED from then on. Transaction/Capture does it at once.
//   - Codes of refusals that no page names are those whose published meaning is nearest.
package lyra

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"sync/atomic"

	"cardbatch/gateway/simulator/stage"
)

const (
	maxRequestBytes = 64 << 10
	prefix          = "/api-payment/V4/"
	mediaType       = "application/json;charset=UTF-8"
)

// Gateway is the protocol.
type Gateway struct {
	stage    *stage.Stage
	auth     string // the expected Authorization header
	accounts *accounts
	serial   atomic.Uint64 // of transactions, aliases and subscriptions
	tickets  atomic.Uint64 // of answers
}

var _ stage.Protocol = (*Gateway)(nil)

// New makes the protocol on a stage.
func New(s *stage.Stage) *Gateway {
	credentials := stage.ShopID + ":" + s.Options.Password
	return &Gateway{stage: s, auth: "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)), accounts: newAccounts()}
}

// Name implements stage.Protocol.
func (g *Gateway) Name() string { return "lyra" }

// Takes implements stage.Protocol.
func (g *Gateway) Takes(path string) bool { return strings.HasPrefix(path, prefix) }

// Operations implements stage.Protocol: the names of the web services.
func (g *Gateway) Operations() []string {
	names := make([]string, 0, len(services))
	for name := range services {
		names = append(names, name)
	}
	return names
}

// Replay implements stage.Protocol.
func (g *Gateway) Replay(text json.RawMessage) error {
	e := new(event)
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	for _, id := range e.ids() {
		g.serial.Store(max(g.serial.Load(), serialOf(id)))
	}
	g.apply(e)
	return nil
}

// EachCharge implements stage.Protocol.
func (g *Gateway) EachCharge(visit func(stage.Charge)) {
	for i := range g.accounts.shards {
		shard := &g.accounts.shards[i]
		shard.Lock()
		for _, t := range shard.transactions {
			if t.moved() {
				visit(stage.Charge{Key: t.Key, Reference: t.Reference, Payment: t.Type == typeDebit})
			}
			for i := range t.changes {
				if c := &t.changes[i]; c.Moves {
					visit(stage.Charge{Key: c.Key, Reference: t.Reference})
				}
			}
		}
		for _, sub := range shard.subscriptions {
			visit(stage.Charge{Key: sub.Key, Reference: sub.Reference})
		}
		shard.Unlock()
	}
}

// Hold implements stage.Protocol.
func (g *Gateway) Hold() (release func()) {
	all := make([]*shard, shards)
	for i := range all {
		all[i] = &g.accounts.shards[i]
	}
	return lock(all...)
}

// Clear implements stage.Protocol.
func (g *Gateway) Clear() { g.accounts.clear() }

// Serve implements stage.Protocol: POST {service}, such as Charge/CreatePayment.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, prefix)
	x := &exchange{gateway: g, name: name, url: "http://" + r.Host}
	service, ok := services[name]
	if !ok || r.Method != http.MethodPost {
		x.refuse(w, http.StatusNotFound, &invalid{codeInput, "there is no such web service"})
		return
	}
	if r.Header.Get("Authorization") != g.auth {
		x.refuse(w, http.StatusUnauthorized, &invalid{codeCredentials, "invalid credentials"})
		return
	}
	in, err := readRequest(r)
	if err == nil {
		err = service.check(in)
	}
	if err != nil {
		x.refuse(w, http.StatusOK, err)
		return
	}
	in.key = keyOf(name, in)
	g.stage.Play(w, r, &stage.Call{
		Operation: name, Key: in.key, Reference: in.reference(), Lookup: service.lookup, ContentType: mediaType,
		Commit: func(shown stage.Phase) (int, []byte) {
			answer, err := service.carryOut(g, in, disguises[shown])
			if err != nil {
				return x.refusal(http.StatusOK, err)
			}
			return http.StatusOK, x.disguised(service, answer, shown)
		},
		Refuse: func(shown stage.Phase) (int, []byte) {
			if shown == stage.UnknownCode && service.asksIssuer(in) {
				return http.StatusOK, x.envelope(succeeded, g.unheardOf(in))
			}
			return http.StatusOK, x.failure(refusals[shown])
		},
		Error: func(status int) []byte { return x.failure(failures[status]) },
	})
}
