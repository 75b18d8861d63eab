package mastercard

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// Kind is this connector's kind in the configuration.
const Kind = "mastercard"

// Defaults of a Config.
const (
	DefaultVersion  = 100
	DefaultTimeout  = 60 * time.Second // what one public integration uses; the vendor names none (facts, section 8)
	DefaultMaxConns = 16
)

// Tokens says who chooses the ids of tokens.
type Tokens string

const (
	// TokensGenerated: the gateway does, POST /token. The repository must generate tokens.
	TokensGenerated Tokens = "generated"
	// TokensSupplied: the key of the attempt is the token, PUT /token/{key}. The
	// repository must accept merchant-supplied tokens. The REST form of this call is
	// inferred, not documented (facts, section 3), hence not the default.
	TokensSupplied Tokens = "supplied"
)

// Config describes one account at the gateway. Zero fields take the defaults.
type Config struct {
	Endpoint   string                 // https://host, without a path; http only on loopback
	Version    int                    // of the API
	MerchantID string                 // of the merchant profile, 1 to 40 characters
	Password   func() (string, error) // API password; asked once, at the first call
	RootCAs    *x509.CertPool         // nil: the system's
	Timeout    time.Duration          // of a whole call, waiting for a connection included
	MaxConns   int                    // connections, and so calls, at the same time
	Tokens     Tokens

	// Environment, when given, must be the one that endpoint and merchant id belong to.
	Environment batch.Mode
	// Settle is how long a request may be under way before the gateway knows its
	// key. It is our own allowance: the vendor names none.
	Settle time.Duration
	// ReplayWindow is how long an identical request yields the first answer. The
	// vendor documents resending it after several minutes and no end (facts, section
	// 3.3); beyond the window we look up and do not resend.
	ReplayWindow time.Duration
}

// Client is a connector to one account.
type Client struct {
	config  Config
	base    string // path of the merchant's resources
	clock   func() time.Time
	caller  *wire.Caller
	profile gateway.Profile
}

var _ gateway.Connector = (*Client)(nil)

var merchantIDForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,40}$`)

// New makes a connector. It opens no connection and asks for no password yet.
func New(config Config, clock func() time.Time) (*Client, error) {
	endpoint, err := wire.ParseEndpoint(config.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("mastercard: %w", err)
	}
	if !merchantIDForm.MatchString(config.MerchantID) {
		return nil, errors.New("mastercard: the merchant id must have 1 to 40 characters of 0-9 a-z A-Z - _")
	}
	if config.Password == nil {
		return nil, errors.New("mastercard: no password")
	}
	switch config.Tokens {
	case "":
		config.Tokens = TokensGenerated
	case TokensGenerated, TokensSupplied:
	default:
		return nil, fmt.Errorf("mastercard: tokens must be %q or %q", TokensGenerated, TokensSupplied)
	}
	environment := environmentOf(endpoint.Hostname(), config.MerchantID)
	if config.Environment != "" && config.Environment != environment {
		return nil, fmt.Errorf("mastercard: endpoint and merchant id belong to %s, not %s", environment, config.Environment)
	}
	if config.Version < 0 || config.Timeout < 0 || config.MaxConns < 0 || config.Settle < 0 || config.ReplayWindow < 0 {
		return nil, errors.New("mastercard: version, connections and times must not be negative")
	}
	config.Version = or(config.Version, DefaultVersion)
	config.Timeout = or(config.Timeout, DefaultTimeout)
	config.MaxConns = or(config.MaxConns, DefaultMaxConns)

	return &Client{
		config: config,
		base:   fmt.Sprintf("/api/rest/version/%d/merchant/%s/", config.Version, config.MerchantID),
		clock:  clock,
		caller: wire.New(wire.Options{
			Kind: Kind, Endpoint: endpoint, User: "merchant." + config.MerchantID, Password: config.Password,
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

// environmentOf: test profiles have ids that begin with TEST, test hosts are mtf.… (of
// a bank too) and test-… (facts, sections 2.7, 7 and 9). Whatever does not say so is live.
func environmentOf(host, merchantID string) batch.Mode {
	host = strings.ToLower(host)
	if strings.HasPrefix(merchantID, "TEST") || wire.IsLoopback(host) ||
		strings.HasPrefix(host, "mtf.") || strings.HasPrefix(host, "test-") ||
		strings.HasSuffix(host, ".mtf.gateway.mastercard.com") {
		return batch.Test
	}
	return batch.Live
}

// newProfile states the promises. Payments can be looked up by order and transaction
// id, and an identical request within the window yields the first answer. A
// tokenization moves no money and has no id to look up: repeating it leaves at worst a
// token that nobody uses.
func newProfile(config Config, environment batch.Mode) gateway.Profile {
	payment := gateway.Operation{Lookup: true, Settle: config.Settle, ReplayWindow: config.ReplayWindow}
	token := gateway.Operation{ReplayWindow: gateway.ReplayAlways, CardOnly: true}
	local := gateway.Operation{Local: true}
	return gateway.Profile{
		Kind:        Kind,
		Environment: environment,
		Commands: map[batch.Command]gateway.Operation{
			batch.CreateWallet:             token,
			batch.UpdateWallet:             token,
			batch.DisableWallet:            local,
			batch.EnableWallet:             local,
			batch.GetWallet:                local,
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

// Config returns the account's configuration, its defaults filled in.
func (c *Client) Config() Config { return c.config }

// Close drops idle connections.
func (c *Client) Close() error {
	return c.caller.Close()
}

// Do implements gateway.Connector.
func (c *Client) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	switch req.Command {
	case batch.CreateWallet, batch.UpdateWallet:
		return c.tokenize(ctx, &req)
	}
	if op, ok := c.profile.Commands[req.Command]; !ok || op.Local {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("mastercard: %w", gateway.ErrUnsupported))
	}
	if refusal, bad := refuse(&req); bad {
		return refusal, nil
	}
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = appendTransaction(*body, &req)
	r, err := c.call(ctx, c.resource(http.MethodPut, c.transactionPath(&req), *body))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindPayment, &r)
	if err != nil {
		return gateway.Answer{}, err
	}
	if err := c.belongs(operation(&req), &req, &r.response); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	if m.Outcome == codetable.Confirm {
		// The gateway may mean that these ids were used before: by us, in a try that
		// was given up. Only when it does not know them was nothing charged; a try still
		// on its way is no question, because a key is sent again only once it has settled.
		known, err := c.Lookup(ctx, req)
		if !errors.Is(err, gateway.ErrUnknownKey) {
			return known, wire.AsSent(err)
		}
	}
	return r.response.answer(&req, m), nil
}

// tokenize saves a card and returns its token.
func (c *Client) tokenize(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	if req.Card.Number.IsZero() {
		if req.Card.Token != "" { // the merchant brings the gateway's own token
			a := gateway.Answer{State: batch.Approved, Token: req.Card.Token}
			a.Code = "02500"
			return a, nil
		}
		return refused("02305", "no card data"), nil
	}
	method, path := http.MethodPost, c.base+"token"
	if c.config.Tokens == TokensSupplied {
		method, path = http.MethodPut, path+"/"+string(req.Key)
	}
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = appendToken(*body, &req.Card)
	r, err := c.call(ctx, c.resource(method, path, *body))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindToken, &r)
	if err != nil {
		return gateway.Answer{}, err
	}
	if err := c.belongsToken(req, &r.response); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	if m.State == batch.Approved && (r.response.Token == "" || r.response.Status == "INVALID") {
		return gateway.Answer{}, wire.InDoubt(errors.New("mastercard: the answer holds no valid token"))
	}
	return r.response.answer(req, m), nil
}

// Lookup implements gateway.Connector.
func (c *Client) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if op, ok := c.profile.Commands[req.Command]; !ok || !op.Lookup {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("mastercard: %w", gateway.ErrUnsupported))
	}
	if refusal, bad := refuse(&req); bad {
		return refusal, nil // Do sent nothing either
	}
	r, err := c.call(ctx, c.resource(http.MethodGet, c.transactionPath(&req), nil))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindLookup, &r)
	if err != nil {
		return gateway.Answer{}, err
	}
	if err := c.belongs(operation(&req), &req, &r.response); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	return r.response.answer(&req, m), nil
}

// probe is an order id that no key can be: it is longer than a key is.
const probe = "cardbatch-check-of-the-connection"

// Check implements gateway.Connector: the gateway operates, and looking up an order
// that cannot exist is answered as such, which proves the credentials and that we
// can read what "unknown" looks like.
func (c *Client) Check(ctx context.Context) error {
	path := fmt.Sprintf("/api/rest/version/%d/information", c.config.Version)
	information := c.resource(http.MethodGet, path, nil)
	information.Anonymous = true
	r, err := c.call(ctx, information)
	if err != nil {
		return fmt.Errorf("ask whether the gateway operates: %w", err)
	}
	if r.Status != http.StatusOK || r.response.Status != "OPERATING" {
		return fmt.Errorf("mastercard: the gateway does not say that it operates (http %d, %q)", r.Status, wire.Scrub(r.response.Status))
	}
	r, err = c.call(ctx, c.resource(http.MethodGet, c.base+"order/"+probe+"/transaction/"+probe, nil))
	if err != nil {
		return fmt.Errorf("check the credentials: %w", err)
	}
	_, err = c.weigh(kindLookup, &r)
	if errors.Is(err, gateway.ErrUnknownKey) {
		return nil
	}
	if err == nil {
		err = errors.New("an order that cannot exist was found")
	}
	return fmt.Errorf("check the credentials: %w", err)
}

func (c *Client) transactionPath(req *gateway.Request) string {
	return c.base + "order/" + string(OrderID(req)) + "/transaction/" + string(req.Key)
}

// reply is what came back, its body read into response as far as it could be.
type reply struct {
	wire.Reply
	response response
}

const mediaType = "application/json"

// resource is a request to one of the merchant's resources.
func (c *Client) resource(method, path string, body []byte) wire.Request {
	return wire.Request{Method: method, Path: path, Accept: mediaType, ContentType: mediaType + "; charset=utf-8", Body: body}
}

// call makes an exchange; its error is a *gateway.Error.
func (c *Client) call(ctx context.Context, request wire.Request) (r reply, err error) {
	r.Reply, err = c.caller.Call(ctx, request, r.response.decode, mediaType)
	return r, err
}

// weigh finds what a reply means, or the error that says why it means nothing.
func (c *Client) weigh(k kind, r *reply) (codetable.Meaning, error) {
	m := judge(k, r.Status, &r.response)
	switch m.Outcome {
	case codetable.Credentials:
		return m, wire.NotSent(fmt.Errorf("mastercard: %w (http %d)", gateway.ErrCredentials, r.Status))
	case codetable.Busy:
		return m, &gateway.Error{Phase: gateway.NotSent, Err: fmt.Errorf("mastercard: %w", gateway.ErrBusy), RetryAfter: wire.RetryAfter(r.Header, c.clock())}
	case codetable.UnknownKey:
		return m, wire.InDoubt(fmt.Errorf("mastercard: %w", gateway.ErrUnknownKey))
	case codetable.NoAnswer:
		return m, wire.InDoubt(r.failure())
	}
	return m, nil
}

func (r *reply) failure() error {
	switch {
	case r.Defect != "":
		return fmt.Errorf("mastercard: http %d with %s", r.Status, r.Defect)
	case r.response.Error.Cause != "":
		return fmt.Errorf("mastercard: http %d, %s", r.Status, wire.Scrub(r.response.Error.Cause))
	}
	return fmt.Errorf("mastercard: http %d with the unknown result %q", r.Status, wire.Scrub(r.response.Result))
}

// refuse ends a request that the gateway could not understand, before it is sent.
func refuse(req *gateway.Request) (gateway.Answer, bool) {
	if refusal, bad := Refuse(req); bad {
		return refusal, true
	}
	if req.Command.Phase() != batch.PhaseFollowUp && req.Card.Token == "" && req.Card.Number.IsZero() {
		return refused("02305", "neither a token nor a card number"), true
	}
	return gateway.Answer{}, false
}

// Refuse ends a request that has no form at this gateway, whatever the transport. It looks at
// what never changes of a line, not at its card, which is dropped once the line has its end.
func Refuse(req *gateway.Request) (gateway.Answer, bool) {
	switch {
	case operation(req) == "":
		return refused("02321", "only actions 100 and 101 exist here"), true
	case req.Command.Phase() == batch.PhaseFollowUp && (req.Original == nil || req.Original.Key == ""):
		return refused("02301", "the original transaction is not known"), true
	}
	return gateway.Answer{}, false
}

func refused(code, message string) gateway.Answer {
	return gateway.Answer{State: batch.Refused, Answer: batch.Answer{Code: code, Message: message}}
}
