// Package paysafe is Paysafe as the simulator plays it: the card payments and the
// customer vault of its REST API. Sources: paysafe facts, section 4, and where they are
// silent the vendor's reference of both APIs (github.com/paysafegroup/paysafe_api_cardpayments_v1
// and paysafe_api_customervault_v1).
//
// A settlement is PENDING for a day, and a pending settlement cannot be refunded: who
// wants to see a refund moves the clock.
//
//	paysafe.go        routes
//	cardpayments.go   routes of the card payments
//	customervault.go  routes of the customer vault, and what it reads and writes
//	request.go        what the card payments read
//	answer.go         what they write
//	payments.go       transactions: what is allowed, what it does
//	accounts.go       the state, in memory
//	vault.go          profiles and cards
//	codes.go          error codes and published triggers
package paysafe

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const (
	maxRequestBytes = 64 << 10
	paymentsPrefix  = "/cardpayments/v1/"
	vaultPrefix     = "/customervault/v1/"
	mediaType       = "application/json"
)

// errFull: the simulator holds as many payments, profiles or cards as it may.
var errFull = errors.New("the simulator is full; reset it")

// Operations, for faults: the collections of the card payments, and these.
const (
	opCancel   = "cancel" // of a settlement or refund
	opProfile  = "profiles"
	opCard     = "cards"
	opDelete   = "delete" // of a profile or card
	opShow     = "show"   // a profile or card: a request of its own, not what became of one
	opRetrieve = "retrieve"
)

// Gateway is the protocol.
type Gateway struct {
	stage    *stage.Stage
	auth     string // the expected Authorization header
	accounts *accounts
	vault    *vault
	serial   atomic.Uint64 // of ids
}

var _ stage.Protocol = (*Gateway)(nil)

// New makes the protocol on a stage. The user of its API key is the merchant's id.
func New(s *stage.Stage) *Gateway {
	credentials := s.Options.MerchantID + ":" + s.Options.Password
	g := &Gateway{
		stage: s, auth: "Basic " + base64.StdEncoding.EncodeToString([]byte(credentials)),
		accounts: newAccounts(), vault: &vault{},
	}
	g.vault.clear()
	return g
}

// Name implements stage.Protocol.
func (g *Gateway) Name() string { return "paysafe" }

// Takes implements stage.Protocol.
func (g *Gateway) Takes(path string) bool {
	return strings.HasPrefix(path, "/cardpayments/") || strings.HasPrefix(path, "/customervault/")
}

// Operations implements stage.Protocol.
func (g *Gateway) Operations() []string {
	return []string{
		string(auths), string(settlements), string(voidAuths), string(refunds), string(verifications),
		opCancel, opProfile, opCard, opDelete, opShow, opRetrieve,
	}
}

// Replay implements stage.Protocol.
func (g *Gateway) Replay(text json.RawMessage) error {
	e := new(event)
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	switch {
	case e.Transaction != nil:
		g.seen(e.Transaction.ID)
		g.accounts.apply(e)
		g.count(e.Transaction)
	case e.Cancel != nil:
		g.accounts.apply(e)
		g.stage.Counts.Charges.Add(1)
	default:
		if p := e.Profile; p != nil {
			g.seen(p.ID)
			for _, c := range p.Cards {
				g.seen(c.ID)
			}
		}
		g.stage.Counts.Tokens.Add(g.vault.apply(e))
	}
	return nil
}

// EachCharge implements stage.Protocol.
func (g *Gateway) EachCharge(visit func(stage.Charge)) {
	for i := range g.accounts.families {
		family := &g.accounts.families[i]
		family.Lock()
		for _, t := range family.transactions {
			if t.moved() {
				visit(stage.Charge{Key: t.Ref, Reference: t.order(), Payment: t.Kind == auths})
			}
			if t.cancelled {
				visit(stage.Charge{Key: t.cancelKey, Reference: t.order()})
			}
		}
		family.Unlock()
	}
}

// Hold implements stage.Protocol.
func (g *Gateway) Hold() (release func()) {
	for i := range shards {
		g.accounts.references[i].Lock()
	}
	for i := range shards {
		g.accounts.families[i].Lock()
	}
	g.vault.Lock()
	return func() {
		g.vault.Unlock()
		for i := range shards {
			g.accounts.families[i].Unlock()
			g.accounts.references[i].Unlock()
		}
	}
}

// Clear implements stage.Protocol.
func (g *Gateway) Clear() {
	g.accounts.clear()
	g.vault.clear()
}

// familyDigits is how many characters the ids of a payment and its follow-ups share.
const familyDigits = len("xxxxxxxx-xxxx")

// newID makes an id in the form of a UUID, with the beginning of its parent's. The last
// group counts, so that ids stay different across restarts.
func (g *Gateway) newID(parent string) string {
	n := g.serial.Add(1)
	bits := stage.Hash(strconv.FormatUint(n, 16))
	head := fmt.Sprintf("%08x-%04x", bits>>32, bits>>16&0xffff)
	if isID(parent) {
		head = parent[:familyDigits]
	}
	return fmt.Sprintf("%s-4%03x-%04x-%012x", head, bits&0xfff, 0x8000|bits>>12&0x3fff, n)
}

// isID reports whether a text has the form of our ids.
func isID(id string) bool {
	if len(id) != 36 {
		return false
	}
	for i, c := range []byte(id) {
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return false
			}
		case (c < '0' || c > '9') && (c < 'a' || c > 'f'):
			return false
		}
	}
	return true
}

// serialOf is the counter within an id of ours; 0 within any other.
func serialOf(id string) uint64 {
	n, err := strconv.ParseUint(id[strings.LastIndexByte(id, '-')+1:], 16, 64)
	if err != nil {
		return 0
	}
	return n
}

// seen keeps an id of the state file from being given again.
func (g *Gateway) seen(id string) {
	if n := serialOf(id); n > g.serial.Load() {
		g.serial.Store(n)
	}
}

// newToken makes the payment token that goes with an id: 15 characters, of which the
// first tells a card (C) from a profile (P).
func newToken(kind byte, id string) string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	token := make([]byte, 15)
	token[0] = kind
	bits, n := stage.Hash(id), serialOf(id)
	for i := 1; i < len(token); i++ {
		part := &bits
		if i > 6 {
			part = &n // eight letters hold every serial: no two tokens are alike
		}
		token[i] = letters[*part%62]
		*part /= 62
	}
	return string(token)
}

// Serve implements stage.Protocol.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimSuffix(r.URL.Path, "/") // the API's own libraries end some paths so
	if path == "/cardpayments/monitor" || path == "/customervault/monitor" {
		stage.Write(w, http.StatusOK, mediaType, []byte(`{"status":"READY"}`))
		return
	}
	switch r.Header.Get("Authorization") {
	case g.auth:
	case "":
		g.refuse(w, r, &invalid{code: noCredentials})
		return
	default:
		g.refuse(w, r, &invalid{code: badCredentials})
		return
	}
	if rest, ok := strings.CutPrefix(path, paymentsPrefix+"accounts/"); ok {
		g.servePayments(w, r, strings.Split(rest, "/"))
	} else if rest, ok := strings.CutPrefix(path, vaultPrefix); ok {
		g.serveVault(w, r, strings.Split(rest, "/"))
	} else {
		g.refuse(w, r, &invalid{code: unknownURL})
	}
}

// exchange is one request on its way to the stage.
type exchange struct {
	operation string
	key       string // the identifier that the caller chose
	reference string // the merchant's order reference
	commit    func(stage.Phase) (reply, error)
	decline   func(stage.Phase) reply // for Refuse
}

// play hands a request to the stage.
func (g *Gateway) play(w http.ResponseWriter, r *http.Request, x exchange) {
	send := func(a reply) (int, []byte) {
		if a.code != "" {
			w.Header().Set(statusCode, a.code)
		}
		return a.status, a.body
	}
	base := baseOf(r)
	g.stage.Play(w, r, &stage.Call{
		Operation: x.operation, Key: x.key, Reference: x.reference, Lookup: x.operation == opRetrieve, ContentType: mediaType,
		Commit: func(shown stage.Phase) (int, []byte) {
			answer, err := x.commit(shown)
			if err != nil {
				answer = g.refusal(err, base)
			}
			return send(answer)
		},
		Refuse: func(shown stage.Phase) (int, []byte) { return send(x.decline(shown)) },
		Error: func(status int) []byte {
			_, body := send(errorOf(status, base))
			return body
		},
	})
}

// refuse answers a request that does not reach the stage.
func (g *Gateway) refuse(w http.ResponseWriter, r *http.Request, err error) {
	answer := g.refusal(err, baseOf(r))
	w.Header().Set(statusCode, answer.code)
	stage.Write(w, answer.status, mediaType, answer.body)
}

// baseOf begins every link of an answer: where the request came to.
func baseOf(r *http.Request) string {
	if r.TLS != nil {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}

// pause waits before an answer, no longer than a stall may last or the caller stays.
func (g *Gateway) pause(ctx context.Context, wait time.Duration) {
	if wait == 0 {
		return
	}
	timer := time.NewTimer(min(wait, g.stage.Options.StallLimit))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
