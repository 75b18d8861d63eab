// Package mastercard is the Mastercard Gateway as the simulator plays it: its REST-JSON
// API (mastercard-gateway facts, sections 1, 3, 4 and 5) and its Hosted Batch (section 2),
// which act on the same orders and tokens.
//
//	mastercard.go  routes
//	request.go     what it reads
//	answer.go      what it writes
//	payments.go    orders and transactions: what is allowed, what it does
//	accounts.go    the state, in memory
//	codes.go       published triggers
//	batch.go       Hosted Batch: routes
//	batchfile.go   the files of a batch: what it reads and writes
//	batches.go     batches: what is kept of them, and how they are worked off
package mastercard

import (
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
	prefix          = "/api/rest/version/"
	mediaType       = "application/json;charset=UTF-8"
)

// errFull: the simulator holds as many orders or tokens as it may.
var errFull = errors.New("the simulator is full; reset it")

// Gateway is the protocol.
type Gateway struct {
	stage     *stage.Stage
	auth      string // the expected Authorization header
	batchAuth string // and that of batches, which names no user
	accounts  *accounts
	batches   batches
	serial    atomic.Uint64 // of tokens
}

var _ stage.Protocol = (*Gateway)(nil)

// New makes the protocol on a stage.
func New(s *stage.Stage) *Gateway {
	basic := func(user string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+s.Options.Password))
	}
	return &Gateway{stage: s, auth: basic("merchant." + s.Options.MerchantID), batchAuth: basic(""), accounts: newAccounts(), batches: newBatches()}
}

// Name implements stage.Protocol.
func (g *Gateway) Name() string { return "mastercard" }

// Takes implements stage.Protocol.
func (g *Gateway) Takes(path string) bool {
	return strings.HasPrefix(path, prefix) || strings.HasPrefix(path, batchPrefix)
}

// Operations implements stage.Protocol.
func (g *Gateway) Operations() []string {
	return []string{
		opPay, opAuthorize, opVerify, opCapture, opRefund, opVoid, opTokenize, opRetrieve,
		opBatchUpload, opBatchValidate, opBatchStatus, opBatchResponse,
	}
}

// Replay implements stage.Protocol.
func (g *Gateway) Replay(text json.RawMessage) error {
	e := new(event)
	if err := json.Unmarshal(text, e); err != nil {
		return err
	}
	if e.Batch != nil {
		return g.batches.apply(e.Batch)
	}
	if e.Transaction == nil {
		if n, err := strconv.ParseUint(serialOf(e.Token), 10, 64); err == nil && n > g.serial.Load() {
			g.serial.Store(n)
		}
		shard := g.accounts.shard(e.Token)
		if _, exists := shard.tokens[e.Token]; !exists {
			g.stage.Counts.Tokens.Add(1)
		}
		shard.apply(e)
		return nil
	}
	shard := g.accounts.shard(e.Order)
	if shard.orders[e.Order] == nil {
		g.stage.Counts.Orders.Add(1)
	}
	shard.apply(e)
	if e.Transaction.moved() {
		g.stage.Counts.Charges.Add(1)
	}
	return nil
}

// EachCharge implements stage.Protocol.
func (g *Gateway) EachCharge(visit func(stage.Charge)) {
	for i := range g.accounts.shards {
		shard := &g.accounts.shards[i]
		shard.Lock()
		for _, o := range shard.orders {
			for j := range o.transactions {
				if t := &o.transactions[j]; t.moved() {
					visit(stage.Charge{Key: t.ID, Reference: o.reference, Payment: t.Operation == opPay || t.Operation == opAuthorize})
				}
			}
		}
		shard.Unlock()
	}
}

// Hold implements stage.Protocol.
func (g *Gateway) Hold() (release func()) {
	g.batches.Lock()
	for i := range g.accounts.shards {
		g.accounts.shards[i].Lock()
	}
	return func() {
		for i := range g.accounts.shards {
			g.accounts.shards[i].Unlock()
		}
		g.batches.Unlock()
	}
}

// Clear implements stage.Protocol.
func (g *Gateway) Clear() {
	g.accounts.clear()
	g.batches.clear()
}

// newToken makes a token as the gateway's random ones are: 16 digits that begin with
// 9 and pass Luhn. Ours count, so that they stay different across restarts.
func (g *Gateway) newToken() string {
	digits := fmt.Sprintf("9%014d", g.serial.Add(1))
	return digits + string(stage.LuhnDigit(digits))
}

// serialOf is the counter within a token of ours; empty for a supplied one.
func serialOf(token string) string {
	if len(token) != 16 || token[0] != '9' {
		return ""
	}
	return token[1:15]
}

// Serve implements stage.Protocol: {version}/information and {version}/merchant/{id}/…, and
// what batches have.
func (g *Gateway) Serve(w http.ResponseWriter, r *http.Request) {
	g.batches.resume.Do(g.resumeBatches)
	if strings.HasPrefix(r.URL.Path, batchPrefix) {
		g.serveBatch(w, r)
		return
	}
	version, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, prefix), "/")
	if n, err := strconv.Atoi(version); err != nil || n < 1 || n > 100 {
		g.refuse(w, http.StatusBadRequest, &invalid{"", "", "this version of the API is not known"})
		return
	}
	if rest == "information" && r.Method == http.MethodGet {
		stage.Write(w, http.StatusOK, mediaType, []byte(`{"gatewayVersion":"simulator","status":"OPERATING"}`))
		return
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 || parts[0] != "merchant" {
		g.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
		return
	}
	if r.Header.Get("Authorization") != g.auth || parts[1] != g.stage.Options.MerchantID {
		g.refuse(w, http.StatusUnauthorized, &invalid{"", "", "invalid credentials"})
		return
	}
	switch resource := parts[2:]; {
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodPut:
		g.putTransaction(w, r, resource[1], resource[3])
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodGet:
		g.getTransaction(w, r, resource[1], resource[3])
	case len(resource) == 1 && resource[0] == "token" && r.Method == http.MethodPost:
		g.putToken(w, r, "")
	case len(resource) == 2 && resource[0] == "token" && r.Method == http.MethodPut:
		g.putToken(w, r, resource[1])
	default:
		g.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
	}
}

func (g *Gateway) putTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	in, err := readRequest(r)
	if err != nil {
		g.refuse(w, http.StatusBadRequest, err)
		return
	}
	p, err := parsePayment(orderID, id, in)
	if err != nil {
		g.refuse(w, http.StatusBadRequest, err)
		return
	}
	c := g.call(p.operation, orderID, id)
	c.Reference = p.reference
	c.Commit = func(shown stage.Phase) (int, []byte) {
		var answer []byte
		err := g.carryOut(p, func(o *order, t *transaction) { answer = g.answer(o, t, disguises[shown]) })
		if err != nil {
			return g.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, answer
	}
	g.stage.Play(w, r, c)
}

func (g *Gateway) getTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	c := g.call(opRetrieve, orderID, id)
	c.Lookup = true
	c.Commit = func(shown stage.Phase) (int, []byte) {
		shard := g.accounts.shard(orderID)
		shard.Lock()
		defer shard.Unlock()
		o := shard.orders[orderID]
		if o == nil {
			return g.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find order " + orderID})
		}
		t := o.find(id)
		if t == nil || g.stage.Hidden(t.ID, time.UnixMilli(t.At)) {
			return g.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find transaction " + id})
		}
		return http.StatusOK, g.answer(o, t, disguises[shown])
	}
	g.stage.Play(w, r, c)
}

// call is a request about an order and transaction, before it is known what it does.
func (g *Gateway) call(operation, orderID, id string) *stage.Call {
	return &stage.Call{
		Operation: operation, Key: id, ContentType: mediaType,
		Refuse: func(shown stage.Phase) (int, []byte) { return http.StatusCreated, g.failure(orderID, id, shown) },
		Error:  errorBody,
	}
}

func (g *Gateway) putToken(w http.ResponseWriter, r *http.Request, id string) {
	in, err := readRequest(r)
	if err != nil {
		g.refuse(w, http.StatusBadRequest, err)
		return
	}
	card := &in.SourceOfFunds.Provided.Card
	number := card.Number
	expiry, err := parseExpiry(card.Expiry.Month, card.Expiry.Year)
	if err == nil {
		err = checkNumber(number)
	}
	if err == nil && id != "" && !isID(id) {
		err = &invalid{"token", "INVALID", "a token has 1 to 40 letters and digits"}
	}
	if err != nil {
		g.refuse(w, http.StatusBadRequest, err)
		return
	}
	c := g.call(opTokenize, "", id)
	c.Commit = func(shown stage.Phase) (int, []byte) {
		id, saved, err := g.save(id, stage.Mask(number), expiry, stage.TestCards[number])
		if err != nil {
			return g.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, g.tokenAnswer(id, saved, disguises[shown])
	}
	g.stage.Play(w, r, c)
}

func (g *Gateway) refuse(w http.ResponseWriter, status int, err error) {
	status, body := g.refusal(status, err)
	stage.Write(w, status, mediaType, body)
}
