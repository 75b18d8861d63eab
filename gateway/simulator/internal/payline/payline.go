// Package payline is Payline, today Monext Online, as the simulator plays it: its SOAP
// API (payline facts, sections 2 to 4) with wallets, payments, follow-ups, schedules
// and look-ups, and the directory of its endpoints.
//
//	payline.go    routes
//	operations.go what may be asked, and where
//	soap.go       envelopes and faults
//	element.go    messages, read and written as the WSDL wants them
//	schema.go     the WSDL's sequences; schema.txt is the table
//	request.go    what the messages have in common
//	answer.go     what it writes
//	wallets.go    wallets and their cards
//	smartbill.go  cards under American Express SmartBill
//	payments.go   payments and re-authorizations
//	followups.go  captures, refunds, resets
//	schedules.go  payment records
//	lookups.go    look-ups of transactions
//	accounts.go   the state, in memory
//	codes.go      published triggers; codes.csv holds the return codes
package payline

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const (
	servicesPath  = "/V4/services/"
	directoryPath = "/services/servicesendpoints/SOAP/"
	// maxRequestBytes leaves room for 500 wallet ids of 50 characters, and for the
	// 100 KB of the field transient.
	maxRequestBytes = 256 << 10
	// directorySeconds is how long the directory may be kept: the vendor's default.
	directorySeconds = 60
)

// errFull: the simulator holds as many orders or tokens as it may.
var errFull = errors.New("the simulator is full; reset it")

// Gateway is the protocol.
type Gateway struct {
	stage    *stage.Stage
	accounts *accounts
	serial   atomic.Uint64 // of transactions, tokens and payment records

	tokens struct {
		sync.RWMutex
		wallets map[string]string // ids of wallets, by the token of a card that they hold or held
	}
}

var _ stage.Protocol = (*Gateway)(nil)

// New makes the protocol on a stage.
func New(s *stage.Stage) *Gateway {
	g := &Gateway{stage: s, accounts: newAccounts()}
	g.tokens.wallets = map[string]string{}
	return g
}

// Name implements stage.Protocol.
func (g *Gateway) Name() string { return "payline" }

// Takes implements stage.Protocol.
func (g *Gateway) Takes(path string) bool {
	return strings.HasPrefix(path, servicesPath) || strings.HasPrefix(path, directoryPath)
}

// Operations implements stage.Protocol.
func (g *Gateway) Operations() []string {
	return slices.Sorted(maps.Keys(operations))
}

// Replay implements stage.Protocol.
func (g *Gateway) Replay(text json.RawMessage) error {
	e := new(event)
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	return g.apply(e)
}

// EachCharge implements stage.Protocol.
func (g *Gateway) EachCharge(visit func(stage.Charge)) {
	for i := range g.accounts {
		shard := &g.accounts[i]
		shard.Lock()
		for _, t := range shard.transactions {
			if t.moved() {
				visit(stage.Charge{Key: t.Key, Reference: t.Reference, Payment: t.opens()})
			}
		}
		for _, r := range shard.records {
			visit(stage.Charge{Key: r.Key, Reference: r.Reference})
		}
		shard.Unlock()
	}
}

// Hold implements stage.Protocol.
func (g *Gateway) Hold() (release func()) {
	for i := range g.accounts {
		g.accounts[i].Lock()
	}
	return func() {
		for i := range g.accounts {
			g.accounts[i].Unlock()
		}
	}
}

// Clear implements stage.Protocol.
func (g *Gateway) Clear() {
	g.accounts.clear()
	g.tokens.Lock()
	defer g.tokens.Unlock()
	clear(g.tokens.wallets)
}

// Serve implements stage.Protocol.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request) {
	if merchant, ok := strings.CutPrefix(r.URL.Path, directoryPath); ok {
		g.serveDirectory(w, r, merchant)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		g.refuse(w, http.StatusMethodNotAllowed, invalid("only POST is served here"))
		return
	}
	user, password, ok := r.BasicAuth()
	if !ok || user != g.stage.Options.MerchantID {
		w.Header().Set("WWW-Authenticate", `Basic realm="services"`)
		g.refuse(w, http.StatusUnauthorized, invalid("unknown merchant"))
		return
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "text/xml" {
		g.refuse(w, http.StatusUnsupportedMediaType, invalid("a SOAP 1.1 message is text/xml"))
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxRequestBytes))
	defer clear(body) // requests hold card numbers
	if err != nil {
		g.refuse(w, http.StatusInternalServerError, invalid("the request could not be read whole"))
		return
	}
	in, err := readEnvelope(body)
	if err != nil {
		g.refuse(w, http.StatusInternalServerError, err)
		return
	}
	name := operationOf(in)
	op, ok := operations[name]
	if !ok || op.service != strings.TrimPrefix(r.URL.Path, servicesPath) || !names(r.Header["Soapaction"], name) {
		g.refuse(w, http.StatusInternalServerError, invalid("this service has no such operation, or SOAPAction names another"))
		return
	}
	if password != g.stage.Options.Password {
		g.stage.Counts.Refusals.Add(1)
		stage.Write(w, http.StatusOK, mediaType, answer(name, result(badCredentials)).envelope())
		return
	}
	g.stage.Play(w, r, g.call(name, op, in))
}

// serveDirectory tells where the services are (section 2.5): "/services/" follows each
// of the addresses. It needs no credentials.
func (g *Gateway) serveDirectory(w http.ResponseWriter, r *http.Request, merchant string) {
	if merchant != g.stage.Options.MerchantID || r.Method != http.MethodGet {
		http.NotFound(w, r)
		return
	}
	scheme := "http"
	if r.TLS != nil {
		scheme = "https"
	}
	body, _ := json.Marshal(map[string]any{ // texts and a number always encode
		"urls": append(append([]string{}, g.stage.Options.Endpoints...), scheme+"://"+r.Host+"/V4"),
		"ttl":  directorySeconds,
	})
	stage.Write(w, http.StatusOK, "application/json;charset=UTF-8", body)
}

// refuse answers a fault.
func (g *Gateway) refuse(w http.ResponseWriter, status int, err error) {
	g.stage.Counts.Refusals.Add(1)
	var f *fault
	if !errors.As(err, &f) {
		f = &fault{"Server", "the simulator cannot keep this request"}
	}
	stage.Write(w, status, mediaType, f.body())
}

// now is the time of the platform, whose dates bear no zone: UTC here.
func (g *Gateway) now() time.Time { return g.stage.Options.Clock().UTC() }

// commit writes an event to the state file and applies it; its shard is locked.
func (g *Gateway) commit(e *event) error {
	if err := g.stage.Append(g, e); err != nil {
		return err
	}
	return g.apply(e)
}

// apply carries out an event and counts it; its shard is locked, or nothing runs yet.
func (g *Gateway) apply(e *event) error {
	counts := &g.stage.Counts
	switch {
	case e.Transaction != nil:
		t := e.Transaction
		shard, serial := g.accounts.ofID(transactionBase, t.ID)
		if shard == nil {
			return errors.New("a transaction without an id")
		}
		g.sawSerial(serial)
		if t.Origin == "" || t.Operation == opReAuthorization {
			counts.Orders.Add(1)
		}
		if t.moved() {
			counts.Charges.Add(1)
		}
		shard.apply(t)
	case e.Wallet != nil:
		w := e.Wallet
		g.accounts.shard(w.ID).wallets[w.ID] = w
		for i := range w.Cards {
			g.keepToken(w.Cards[i].Token, w.ID)
		}
	case e.Record != nil:
		r := e.Record
		shard, serial := g.accounts.ofID(recordBase, r.ID)
		if shard == nil {
			return errors.New("a payment record without an id")
		}
		g.sawSerial(serial)
		if shard.records[r.ID] == nil {
			counts.Orders.Add(1)
			counts.Charges.Add(1)
		}
		shard.records[r.ID] = r
	default:
		return errors.New("an empty event")
	}
	return nil
}

// keepToken remembers whose token it is.
func (g *Gateway) keepToken(token, walletID string) {
	g.tokens.Lock()
	defer g.tokens.Unlock()
	if _, known := g.tokens.wallets[token]; known {
		return
	}
	g.tokens.wallets[token] = walletID
	g.stage.Counts.Tokens.Add(1)
	if serial, err := strconv.ParseUint(serialOf(token), 10, 64); err == nil {
		g.sawSerial(serial)
	}
}

// sawSerial lets the serial numbers go on after one of the state file.
func (g *Gateway) sawSerial(n uint64) {
	for {
		last := g.serial.Load()
		if n <= last || g.serial.CompareAndSwap(last, n) {
			return
		}
	}
}
