package paysafe

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// Kind is this connector's kind in the configuration.
const Kind = "paysafe"

// Defaults of a Config.
const (
	DefaultTimeout  = 60 * time.Second // more than the 35 s after which the vendor's own simulator gives up (facts, section 4.6)
	DefaultMaxConns = 16
	// DefaultLookBack is as long as a line reference is unique (batch interface, section 3).
	DefaultLookBack = 400 * 24 * time.Hour
)

// DuplicateWindow is how long Paysafe refuses a merchantRefNum that it saw (facts, section 4.4).
const DuplicateWindow = 90 * 24 * time.Hour

// Config describes the account, or the accounts, of one merchant. Zero fields take the defaults.
type Config struct {
	Endpoint string                 // https://host, without a path; http only on loopback
	User     string                 // of the API key
	Password func() (string, error) // of the API key; asked once, at the first call
	// Accounts holds the account number of each currency: an account has one currency, and
	// no request names it. Any currency that is not here is refused.
	Accounts map[money.Currency]string
	RootCAs  *x509.CertPool // nil: the system's
	Timeout  time.Duration  // of a whole call, waiting for a connection included
	MaxConns int            // connections, and so calls, at the same time

	// Environment, when given, must be the one that the endpoint belongs to.
	Environment batch.Mode
	// Settle is how long a request may be under way before the gateway knows its
	// key. It is our own allowance: the vendor names none.
	Settle time.Duration
	// LookBack is how far back look-ups search, at least. Unless told, Paysafe searches 30
	// days only, and calls anything older unknown (reference, pagination). The longest
	// that it allows is not published: when Check fails because of it, it may be lowered
	// to DuplicateWindow and no further. Paysafe itself refuses a key for so long.
	LookBack time.Duration
}

// Client is a connector to one merchant.
type Client struct {
	config   Config
	accounts accounts
	clock    func() time.Time
	caller   *wire.Caller
	profile  gateway.Profile
}

var _ gateway.Connector = (*Client)(nil)

// New makes a connector. It opens no connection and asks for no password yet.
func New(config Config, clock func() time.Time) (*Client, error) {
	endpoint, err := wire.ParseEndpoint(config.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("paysafe: %w", err)
	}
	if config.User == "" || strings.Contains(config.User, ":") {
		return nil, errors.New("paysafe: the user must be the part of the API key before the colon")
	}
	if config.Password == nil {
		return nil, errors.New("paysafe: no password")
	}
	accounts, err := newAccounts(config.Accounts)
	if err != nil {
		return nil, fmt.Errorf("paysafe: %w", err)
	}
	environment := environmentOf(endpoint.Hostname())
	if config.Environment != "" && config.Environment != environment {
		return nil, fmt.Errorf("paysafe: the endpoint belongs to %s, not %s", environment, config.Environment)
	}
	if config.Timeout < 0 || config.MaxConns < 0 || config.Settle < 0 {
		return nil, errors.New("paysafe: connections and times must not be negative")
	}
	config.Timeout = or(config.Timeout, DefaultTimeout)
	config.MaxConns = or(config.MaxConns, DefaultMaxConns)
	config.LookBack = or(config.LookBack, DefaultLookBack)
	if config.LookBack < DuplicateWindow {
		return nil, errors.New("paysafe: look-ups must reach back 90 days at least")
	}

	return &Client{
		config:   config,
		accounts: accounts,
		clock:    clock,
		caller: wire.New(wire.Options{
			Kind: Kind, Endpoint: endpoint, User: config.User, Password: config.Password,
			RootCAs: config.RootCAs, Timeout: config.Timeout, MaxConns: config.MaxConns,
		}),
		profile: newProfile(config, environment),
	}, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// environmentOf: the two test hosts have names (facts, section 4.1). Whatever else is live.
func environmentOf(host string) batch.Mode {
	switch strings.ToLower(host) {
	case "api.test.paysafe.com", "api.test.netbanx.com":
		return batch.Test
	}
	if wire.IsLoopback(host) {
		return batch.Test
	}
	return batch.Live
}

// newProfile states the promises. What moves money can be looked up by its key, and is
// never repeated for an answer: a duplicate is rejected, for 90 days. The calls of a
// wallet move no money and end in the same state however often they are made.
//
// A wallet is disabled by us alone, before anything is sent. The vault knows no state of
// a single card, and its profile status INITIAL is meant for a customer who was not
// validated yet; what it does to an active profile is not documented.
func newProfile(config Config, environment batch.Mode) gateway.Profile {
	payment := gateway.Operation{Lookup: true, Settle: config.Settle}
	vault := gateway.Operation{ReplayWindow: gateway.ReplayAlways}
	local := gateway.Operation{Local: true}
	return gateway.Profile{
		Kind:        Kind,
		Environment: environment,
		Commands: map[batch.Command]gateway.Operation{
			batch.CreateWallet:             vault,
			batch.UpdateWallet:             vault,
			batch.GetWallet:                vault,
			batch.DisableWallet:            local,
			batch.EnableWallet:             local,
			batch.DoImmediateWalletPayment: payment,
			batch.DoAuthorization:          payment,
			batch.Verify:                   payment,
			batch.DoCapture:                payment,
			batch.DoRefund:                 payment,
			batch.DoReset:                  payment,
		},
	}
}

// Profile implements gateway.Connector.
func (c *Client) Profile() gateway.Profile { return c.profile }

// Close drops idle connections.
func (c *Client) Close() error {
	return c.caller.Close()
}

// Do implements gateway.Connector.
func (c *Client) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if op, ok := c.profile.Commands[req.Command]; !ok || op.Local {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("paysafe: %w", gateway.ErrUnsupported))
	}
	if req.Command.Phase() == batch.PhaseWallet {
		return c.wallet(ctx, &req)
	}
	if refusal, bad := c.refuse(&req); bad {
		return refusal, nil
	}
	op := operationOf(&req)
	method := http.MethodPost
	if op == opCancel {
		method = http.MethodPut
	}
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = appendOperation(*body, op, &req)
	r, err := c.call(ctx, resource(method, c.base(&req)+path(op, &req), *body))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(string(op), r.entity.settlementStatus(&req), &r)
	if err != nil {
		return gateway.Answer{}, err
	}
	if err := c.belongs(op, &req, &r.entity, m); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	switch m.Outcome {
	case codetable.Duplicate:
		// A request of ours has this key already; only its own outcome is an answer.
		known, err := c.Lookup(ctx, req)
		if errors.Is(err, gateway.ErrUnknownKey) {
			err = errors.New("paysafe: the request is called a duplicate, and a look-up does not find the first one")
		}
		return known, wire.AsSent(err)
	case codetable.Confirm:
		// What is in the way may be a try of ours that was given up.
		known, err := c.Lookup(ctx, req)
		if !errors.Is(err, gateway.ErrUnknownKey) {
			return known, wire.AsSent(err)
		}
	}
	return r.entity.answer(&req, m), nil
}

// probe is a reference that no key can be: it is longer than a key is.
const probe = "cardbatch-check-of-the-connection"

// Check implements gateway.Connector: both services are ready, and looking up a
// transaction and a customer that cannot exist is answered as such, for every account,
// which proves the API key and that we can read what "unknown" looks like.
func (c *Client) Check(ctx context.Context) error {
	for _, service := range []string{"cardpayments", "customervault"} {
		monitor := resource(http.MethodGet, "/"+service+"/monitor", nil)
		monitor.Anonymous = true
		r, err := c.call(ctx, monitor)
		if err != nil {
			return fmt.Errorf("ask whether %s is ready: %w", service, err)
		}
		if r.Status != http.StatusOK || r.entity.Status != "READY" {
			return fmt.Errorf("paysafe: %s does not say that it is ready (http %d, %q)", service, r.Status, wire.Scrub(r.entity.Status))
		}
	}
	for _, account := range c.accounts.all() {
		if _, err := c.find(ctx, basePath(account), opAuthorize, probe, c.since(&gateway.Request{})); !errors.Is(err, gateway.ErrUnknownKey) {
			return fmt.Errorf("check the API key with account %s: %w", account, or(err, errProbeFound))
		}
	}
	if _, err := c.findProfile(ctx, probe); !errors.Is(err, gateway.ErrUnknownKey) {
		return fmt.Errorf("check the API key with the vault: %w", or(err, errProbeFound))
	}
	return nil
}

var errProbeFound = errors.New("paysafe: what cannot exist was found")

// basePath is where the resources of an account are.
func basePath(account string) string { return "/cardpayments/v1/accounts/" + account + "/" }

// base is where a request goes, whose currency was checked.
func (c *Client) base(req *gateway.Request) string {
	account := c.accounts[amountOf(req).Currency]
	return basePath(account)
}

// reply is what came back, its body read as far as it could be.
type reply struct {
	wire.Reply
	entity entity
}

const mediaType = "application/json"

// resource is a request to one of the resources.
func resource(method, path string, body []byte) wire.Request {
	return wire.Request{Method: method, Path: path, Accept: mediaType, ContentType: mediaType, Body: body}
}

// call makes an exchange; its error is a *gateway.Error.
func (c *Client) call(ctx context.Context, request wire.Request) (r reply, err error) {
	r.Reply, err = c.caller.Call(ctx, request, r.entity.decode, mediaType)
	return r, err
}

// weigh finds what a reply means, or the error that says why it means nothing.
// settlement is the status of what a payment settled.
func (c *Client) weigh(kind, settlement string, r *reply) (codetable.Meaning, error) {
	code, ok := errorCode(r.Header, &r.entity)
	if !ok {
		return codetable.Meaning{}, wire.InDoubt(fmt.Errorf("paysafe: http %d whose header contradicts its body", r.Status))
	}
	r.entity.Error.Code = code
	m := judge(kind, r.Status, code, settlement, &r.entity)
	switch m.Outcome {
	case codetable.Credentials:
		return m, wire.NotSent(fmt.Errorf("paysafe: %w (http %d, %s)", gateway.ErrCredentials, r.Status, or(wire.Scrub(code), "no code")))
	case codetable.Busy:
		return m, &gateway.Error{Phase: gateway.NotSent, Err: fmt.Errorf("paysafe: %w", gateway.ErrBusy), RetryAfter: wire.RetryAfter(r.Header, c.clock())}
	case codetable.UnknownKey:
		return m, wire.InDoubt(fmt.Errorf("paysafe: %w", gateway.ErrUnknownKey))
	case codetable.NoAnswer:
		return m, wire.InDoubt(r.failure())
	}
	return m, nil
}

func (r *reply) failure() error {
	switch {
	case r.entity.Error.Code != "":
		return fmt.Errorf("paysafe: http %d, error %s", r.Status, wire.Scrub(r.entity.Error.Code))
	case r.Defect != "":
		return fmt.Errorf("paysafe: http %d with %s", r.Status, r.Defect)
	}
	return fmt.Errorf("paysafe: http %d with the unknown status %q", r.Status, wire.Scrub(r.entity.Status))
}

// refuse ends a request that Paysafe could not understand, before it is sent.
func (c *Client) refuse(req *gateway.Request) (gateway.Answer, bool) {
	followUp := req.Command.Phase() == batch.PhaseFollowUp
	if followUp && (req.Original == nil || !idForm.MatchString(string(req.Original.ID)) || !idForm.MatchString(settlementOf(req.Original))) {
		return refused(batch.CodeBadTransactionID, "the original transaction is not known"), true
	}
	op, amount := operationOf(req), amountOf(req)
	if c.accounts[amount.Currency] == "" {
		return refused(batch.CodeCurrencyRefused, "no account is configured for the currency"), true
	}
	switch {
	case op == "":
		return refused(batch.CodeBadAction, "only actions 100 and 101 exist here"), true
	case op == opRefund && req.Original.PaymentAction() == batch.ActionAuthorize && req.Original.LastFollowUpID == "":
		return refused(batch.CodeNotCaptured, ""), true
	case op == opVoid && req.Original.LastFollowUpID != "":
		return refused(batch.CodeResetUnsupported, "the original was captured: send doRefund"), true
	case amount.Minor > maxMinor:
		return refused("02610", ""), true
	case amount.Currency.Exponent() == 3 && amount.Minor%10 != 0:
		return refused(batch.CodeBadAmount, "Paysafe rounds the last of three decimals: it must be 0"), true
	case followUp:
	case req.Card.Token == "" && req.Card.Number.IsZero():
		return refused(batch.CodeBadField, "neither a token nor a card number"), true
	case req.Card.Token == "" && !validExpiry(req.Card.Expiry):
		return refused(batch.CodeBadField, "a card number needs its expiry date"), true
	}
	return gateway.Answer{}, false
}

func refused(code, message string) gateway.Answer {
	return gateway.Answer{State: batch.Refused, Answer: batch.Answer{Code: code, Message: message}}
}
