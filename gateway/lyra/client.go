package lyra

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// Kind is this connector's kind in the configuration.
const Kind = "lyra"

// Defaults of a Config.
const (
	DefaultTimeout           = 45 * time.Second // the vendor's own client (facts, section 7.1)
	DefaultMaxConns          = 16
	DefaultCurrency          = money.Currency("EUR")
	DefaultAuthorizationDays = 6
)

// defaultSeriesRevokedBy: the vendor's pages disagree on which of the two it is (facts,
// section 7.9). Stopping a series wrongly costs a new first payment; going on with one
// that was revoked costs the merchant more.
var defaultSeriesRevokedBy = []string{"82", "84"}

// Config describes one shop. Zero fields take the defaults.
type Config struct {
	Endpoint   string                 // https://host, without a path; http only on loopback
	MerchantID string                 // the shop's id, 8 digits
	Password   func() (string, error) // of the REST API; asked once, at the first call
	RootCAs    *x509.CertPool         // nil: the system's
	Timeout    time.Duration          // of a whole call, waiting for a connection included
	MaxConns   int                    // connections, and so calls, at the same time

	// Environment is the world that the shop is used in. One endpoint serves both, and
	// the password decides: it must fit, and so must every answer. Without it the world
	// is live, on loopback test.
	Environment batch.Mode
	// Settle is how long a request may be under way before the platform knows its
	// order. It is our own allowance: the vendor names none.
	Settle time.Duration
	// Currency of the verification that comes with a new token: the platform asks for
	// one although nothing is paid. The shop's acquirer must accept it.
	Currency money.Currency
	// AuthorizationDays is how many days an authorization waits for its capture; then it
	// expires. What is captured is remitted on that day. Beyond the authorization's own
	// validity, which the vendor leaves to the scheme, the platform would only ask for
	// information now and authorize later; 6 days stay within it.
	AuthorizationDays int
	// SeriesRevokedBy lists the bank's codes that revoke this series of payments. Code 83,
	// every series on the card, needs no setting: all sources agree on it.
	SeriesRevokedBy []string
}

// Client is a connector to one shop.
type Client struct {
	config  Config
	clock   func() time.Time
	caller  *wire.Caller
	profile gateway.Profile
}

var _ gateway.Connector = (*Client)(nil)

var shopForm = regexp.MustCompile(`^[0-9]{8}$`)

// New makes a connector. It opens no connection and asks for no password yet.
func New(config Config, clock func() time.Time) (*Client, error) {
	endpoint, err := wire.ParseEndpoint(config.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("lyra: %w", err)
	}
	if !shopForm.MatchString(config.MerchantID) {
		return nil, errors.New("lyra: the merchant id must be the shop's 8 digits")
	}
	if config.Password == nil {
		return nil, errors.New("lyra: no password")
	}
	environment, err := environmentOf(endpoint, config.Environment)
	if err != nil {
		return nil, err
	}
	if config.Timeout < 0 || config.MaxConns < 0 || config.Settle < 0 || config.AuthorizationDays < 0 {
		return nil, errors.New("lyra: connections, days and times must not be negative")
	}
	config.Timeout = or(config.Timeout, DefaultTimeout)
	config.MaxConns = or(config.MaxConns, DefaultMaxConns)
	config.Currency = or(config.Currency, DefaultCurrency)
	config.AuthorizationDays = or(config.AuthorizationDays, DefaultAuthorizationDays)
	if config.SeriesRevokedBy == nil {
		config.SeriesRevokedBy = defaultSeriesRevokedBy
	}

	return &Client{
		config: config,
		clock:  clock,
		caller: wire.New(wire.Options{
			Kind: Kind, Endpoint: endpoint, User: config.MerchantID, Password: passwordOf(environment, endpoint, config.Password),
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

// environmentOf: no host says which world it is (facts, section 7.1). What does not say
// test is live.
func environmentOf(endpoint *url.URL, declared batch.Mode) (batch.Mode, error) {
	loopback := wire.IsLoopback(endpoint.Hostname())
	switch {
	case declared != "" && declared != batch.Test && declared != batch.Live:
		return "", fmt.Errorf("lyra: the environment must be %s or %s", batch.Test, batch.Live)
	case loopback && declared == batch.Live:
		return "", fmt.Errorf("lyra: a loopback endpoint belongs to %s, not %s", batch.Test, declared)
	case loopback:
		return batch.Test, nil
	}
	return or(declared, batch.Live), nil
}

// testPassword begins the passwords of the test world (facts, section 7.1).
const testPassword = "testpassword_"

// passwordOf refuses a password of the other world before it is used. A loopback endpoint
// has no real world.
func passwordOf(environment batch.Mode, endpoint *url.URL, ask func() (string, error)) func() (string, error) {
	if wire.IsLoopback(endpoint.Hostname()) {
		return ask
	}
	return func() (string, error) {
		password, err := ask()
		if err == nil && strings.HasPrefix(password, testPassword) != (environment == batch.Test) {
			return "", fmt.Errorf("it does not belong to %s: the shop has one for each world, and test ones begin with %q", environment, testPassword)
		}
		return password, err
	}
}

// newProfile states the promises. The platform carries out whatever it is sent, as often
// as it is sent: nothing is replayed. What was sent can be looked up, a schedule excepted,
// which shows only once it has been debited. Answers that hold a response code or a
// subscription's id do not name what they answer.
func newProfile(config Config, environment batch.Mode) gateway.Profile {
	known := gateway.Operation{Lookup: true, Settle: config.Settle}
	payment, token, nameless := known, known, known
	payment.Deferred = true
	token.CardOnly = true
	nameless.Anonymous = true
	return gateway.Profile{
		Kind:        Kind,
		Environment: environment,
		Commands: map[batch.Command]gateway.Operation{
			batch.CreateWallet:             token,
			batch.UpdateWallet:             token,
			batch.DisableWallet:            nameless,
			batch.EnableWallet:             nameless,
			batch.GetWallet:                {ReplayWindow: gateway.ReplayAlways}, // it changes nothing
			batch.DoImmediateWalletPayment: payment,
			batch.DoAuthorization:          payment,
			batch.DoScheduledWalletPayment: {Anonymous: true},
			batch.DoRecurrentWalletPayment: {Anonymous: true},
			batch.DoCapture:                known,
			batch.DoRefund:                 known,
			batch.DoReset:                  known,
			batch.DisablePaymentRecord:     nameless,
		},
	}
}

// Profile implements gateway.Connector.
func (c *Client) Profile() gateway.Profile { return c.profile }

// Close drops idle connections.
func (c *Client) Close() error {
	return c.caller.Close()
}

var errUnsupported = fmt.Errorf("lyra: %w", gateway.ErrUnsupported)

// Do implements gateway.Connector.
func (c *Client) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if _, ok := c.profile.Commands[req.Command]; !ok {
		return gateway.Answer{}, wire.NotSent(errUnsupported)
	}
	if answer, done := settled(&req); done {
		return answer, nil
	}
	switch req.Command {
	case batch.CreateWallet, batch.UpdateWallet:
		return c.tokenize(ctx, &req)
	case batch.DisableWallet, batch.EnableWallet:
		return c.switchTokens(ctx, &req)
	case batch.GetWallet:
		return c.getToken(ctx, &req)
	case batch.DoScheduledWalletPayment, batch.DoRecurrentWalletPayment:
		return c.schedule(ctx, &req)
	case batch.DisablePaymentRecord:
		return c.cancelRecord(ctx, &req)
	case batch.DoCapture:
		return c.capture(ctx, &req)
	case batch.DoRefund, batch.DoReset:
		return c.cancelOrRefund(ctx, &req)
	}
	return c.pay(ctx, &req)
}

// Lookup implements gateway.Connector.
func (c *Client) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if op, ok := c.profile.Commands[req.Command]; !ok || !op.Lookup {
		return gateway.Answer{}, wire.NotSent(errUnsupported)
	}
	if answer, done := settled(&req); done {
		return answer, nil // Do sent nothing either
	}
	switch req.Command {
	case batch.DisableWallet, batch.EnableWallet:
		return c.findTokens(ctx, &req)
	case batch.DisablePaymentRecord:
		return c.findRecord(ctx, &req)
	case batch.DoCapture, batch.DoReset:
		return c.findOriginal(ctx, &req)
	case batch.DoRefund:
		return c.findRefund(ctx, &req)
	}
	return c.findOrder(ctx, &req)
}

// probe is an order id that no key can be: it is longer than a key is.
const probe = "cardbatch-check-of-the-connection"

// Check implements gateway.Connector: the platform echoes a value, which proves the
// credentials and their world, and an order that cannot exist is answered as such, which
// proves that we can read what "unknown" looks like.
func (c *Client) Check(ctx context.Context) error {
	echo, err := c.ask(ctx, kindEcho, serviceEcho, appendEcho(nil, probe), nil)
	if err != nil {
		return fmt.Errorf("check the credentials: %w", err)
	}
	if echo.answer.Value != probe {
		return fmt.Errorf("check the credentials: lyra: the platform does not echo what it is sent (%s)", wire.Scrub(echo.ErrorCode))
	}
	_, err = c.ask(ctx, find(kindPayment), serviceOrder, appendOrder(nil, probe), debit(probe, nil))
	if errors.Is(err, gateway.ErrUnknownKey) {
		return nil
	}
	if err == nil {
		err = errors.New("lyra: an order that cannot exist was found")
	}
	return fmt.Errorf("look up an order that cannot exist: %w", err)
}

// verdict is an answer that was judged. Its transaction is what the answer says of the
// request; never nil.
type verdict struct {
	codetable.Meaning
	*transaction
	answer *answer
	at     time.Time // the platform's clock
}

const mediaType = "application/json"

// ask calls a service and judges its answer: as pick finds it in there, or as a whole.
// The error, a *gateway.Error, says why the answer means nothing.
func (c *Client) ask(ctx context.Context, k kind, service string, body []byte, pick pick) (verdict, error) {
	var r response
	reply, err := c.caller.Call(ctx, wire.Request{
		Method: http.MethodPost, Path: "/api-payment/V4/" + service, Accept: mediaType, ContentType: mediaType + "; charset=utf-8", Body: body,
	}, r.decode, mediaType)
	if err != nil {
		return verdict{}, err
	}
	if reply.Defect != "" {
		r = response{} // what was read of it before it broke counts for nothing
	}
	return c.weigh(k, service, &reply, &r, pick)
}

// weigh finds what a reply means, or the error that says why it means nothing.
func (c *Client) weigh(k kind, service string, reply *wire.Reply, r *response, pick pick) (verdict, error) {
	v := verdict{transaction: &r.Answer.transaction, answer: &r.Answer, at: r.serverTime(c.clock())}
	var foreign error
	if reply.Defect == "" && reply.Status == http.StatusOK {
		foreign = c.belongs(service, r)
		if foreign == nil && pick != nil && r.Status == statusSuccess {
			v.transaction, foreign = pick(&r.Answer)
		}
		if foreign != nil {
			v.transaction = &transaction{}
		}
	}
	v.Meaning = judge(k, reply.Status, r.Status, &v)
	switch {
	case v.Outcome == codetable.Credentials:
		return v, wire.NotSent(fmt.Errorf("lyra: %w (http %d)", gateway.ErrCredentials, reply.Status))
	case v.Outcome == codetable.Busy:
		return v, &gateway.Error{Phase: gateway.NotSent, Err: fmt.Errorf("lyra: %w", gateway.ErrBusy), RetryAfter: wire.RetryAfter(reply.Header, c.clock())}
	case foreign != nil:
		return v, wire.InDoubt(fmt.Errorf("lyra: %w", foreign))
	case v.Outcome == codetable.UnknownKey:
		return v, wire.InDoubt(fmt.Errorf("lyra: %w", gateway.ErrUnknownKey))
	case v.Outcome == codetable.NoAnswer:
		return v, wire.InDoubt(failure(reply, r, &v))
	}
	return v, nil
}

func failure(reply *wire.Reply, r *response, v *verdict) error {
	switch {
	case reply.Defect != "":
		return fmt.Errorf("lyra: http %d with %s", reply.Status, reply.Defect)
	case v.ErrorCode != "":
		return fmt.Errorf("lyra: http %d, %s", reply.Status, wire.Scrub(v.ErrorCode))
	case v.DetailedStatus != "":
		return fmt.Errorf("lyra: a transaction that is %q, %q", wire.Scrub(v.Status), wire.Scrub(v.DetailedStatus))
	}
	return fmt.Errorf("lyra: http %d with the unknown status %q", reply.Status, wire.Scrub(r.Status))
}

// confirmed ends a request. A refusal that may mean "done before", by us in a try that was
// given up, is looked up; a try still on its way is no question, because a key is sent
// again only once it has settled.
func (c *Client) confirmed(ctx context.Context, req *gateway.Request, v verdict) (gateway.Answer, error) {
	if v.Outcome == codetable.Confirm {
		known, err := c.Lookup(ctx, *req)
		if !errors.Is(err, gateway.ErrUnknownKey) {
			return known, wire.AsSent(err)
		}
	}
	return c.outcome(req, v), nil
}
