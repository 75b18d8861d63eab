package payline

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"regexp"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// Kind is this connector's kind in the configuration.
const Kind = "payline"

// Defaults of a Config.
const (
	DefaultVersion      = 34               // the latest known (facts, section 2.4)
	DefaultTimeout      = 60 * time.Second // the platform's own connections end after 25 s (facts, section 4.2)
	DefaultMaxConns     = 16
	DefaultSearchPeriod = 30 * 24 * time.Hour // our choice: 02320 tells of a limit that is not published
)

// Config describes one account. Zero fields take the defaults.
type Config struct {
	Endpoint   string                 // https://host, without a path; http only on loopback
	Fallbacks  []string               // other hosts of the same environment, tried in this order
	Directory  string                 // URL of the endpoint directory, merchant id included; empty: none
	Version    int                    // of the interface, for lines that name none
	MerchantID string                 // of the account, 1 to 50 characters
	Password   func() (string, error) // access key; asked once, at the first call
	RootCAs    *x509.CertPool         // nil: the system's
	Timeout    time.Duration          // of a call to one endpoint, waiting for a connection included
	MaxConns   int                    // connections to one endpoint, and so calls, at the same time

	// Environment, when given, must be the one that the endpoint belongs to.
	Environment batch.Mode
	// Settle is how long a request may be under way before a look-up finds it. It is our
	// own allowance: the vendor names none.
	Settle time.Duration
	// ReplayWindow, when not 0, is the operator's word that within this time the platform
	// charges an order reference once, however often it comes. See the package comment.
	ReplayWindow time.Duration
	// SearchPeriod is the longest period that one search may span, at least a day.
	SearchPeriod time.Duration
	// SeriesActions sends 110 and 111 for the first payment of a series and 120 and 121 for
	// the later ones. The codes are published, the commands that take them are not: ask first.
	SeriesActions bool
	// FrozenUnit is the unit of authorization.reattempt.frozenPeriod, which is not published;
	// 0: the period is not read.
	FrozenUnit time.Duration
}

// Client is a connector to one account.
type Client struct {
	config  Config
	clock   func() time.Time
	places  *places
	profile gateway.Profile
}

var _ gateway.Connector = (*Client)(nil)

// versionOfSearch is the first version with transactionsSearch.
const versionOfSearch = 3

var merchantIDForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,50}$`)

// New makes a connector. It opens no connection and asks for no password yet.
func New(config Config, clock func() time.Time) (*Client, error) {
	if !merchantIDForm.MatchString(config.MerchantID) {
		return nil, errors.New("payline: the merchant id must have 1 to 50 characters of 0-9 a-z A-Z - _")
	}
	if config.Password == nil {
		return nil, errors.New("payline: no access key")
	}
	if config.Version != 0 && (config.Version < versionOfSearch || config.Version > 99) {
		return nil, errors.New("payline: the version must be a number from 3 to 99: look-ups need 3")
	}
	if config.Timeout < 0 || config.MaxConns < 0 || config.Settle < 0 || config.ReplayWindow < 0 || config.SearchPeriod < 0 || config.FrozenUnit < 0 {
		return nil, errors.New("payline: connections and times must not be negative")
	}
	config.Version = or(config.Version, DefaultVersion)
	config.Timeout = or(config.Timeout, DefaultTimeout)
	config.MaxConns = or(config.MaxConns, DefaultMaxConns)
	config.SearchPeriod = max(or(config.SearchPeriod, DefaultSearchPeriod), oneDay)

	places, environment, err := newPlaces(&config, clock)
	if err != nil {
		return nil, fmt.Errorf("payline: %w", err)
	}
	if config.Environment != "" && config.Environment != environment {
		return nil, fmt.Errorf("payline: the endpoint belongs to %s, not %s", environment, config.Environment)
	}
	return &Client{config: config, clock: clock, places: places, profile: newProfile(config, environment)}, nil
}

func or[T comparable](value, fallback T) T {
	var zero T
	if value == zero {
		return fallback
	}
	return value
}

// newProfile states the promises. See the package comment for what look-ups prove.
func newProfile(config Config, environment batch.Mode) gateway.Profile {
	// Only getWallet's answer names what it is about, and doAuthorization's repeats our key
	// among the private data.
	found := gateway.Operation{Lookup: true, Settle: config.Settle, Anonymous: true}
	payment := found
	payment.ReplayWindow = config.ReplayWindow
	named := payment
	named.Anonymous = false
	deferrable, deferrableNamed := payment, named
	deferrable.Deferred, deferrableNamed.Deferred = true, true
	return gateway.Profile{
		Kind:        Kind,
		Environment: environment,
		Commands: map[batch.Command]gateway.Operation{
			batch.CreateWallet:             found,
			batch.UpdateWallet:             found,
			batch.DisableWallet:            found,
			batch.EnableWallet:             found,
			batch.GetWallet:                {ReplayWindow: gateway.ReplayAlways},
			batch.DoImmediateWalletPayment: deferrable,
			batch.DoScheduledWalletPayment: {Anonymous: true},
			batch.DoRecurrentWalletPayment: {Anonymous: true},
			batch.DoAuthorization:          deferrableNamed,
			batch.Verify:                   named,
			batch.DoCapture:                found,
			batch.DoReAuthorization:        payment,
			batch.DoRefund:                 found,
			batch.DoReset:                  found,
			batch.DisablePaymentRecord:     found,
		},
		SetsCardIndex: true,
	}
}

// Profile implements gateway.Connector.
func (c *Client) Profile() gateway.Profile { return c.profile }

// Close drops idle connections.
func (c *Client) Close() error { return c.places.close() }

// Do implements gateway.Connector.
func (c *Client) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	op := operationOf(&req)
	if op.name == "" {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("payline: %w", gateway.ErrUnsupported))
	}
	if refusal, bad := refuse(op, &req); bad {
		return refusal, nil
	}
	version := versionOf(&req, c.config.Version)
	r, err := c.exchange(ctx, op, func(e *encoder) { op.write(e, &req) }, version)
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(op.kind, &r)
	if err != nil {
		return gateway.Answer{}, err
	}
	if err := belongs(op, &req, m, &r.response); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	if asksToLook(op, m) {
		known, err := c.Lookup(ctx, req)
		if !errors.Is(err, gateway.ErrUnknownKey) && !errors.Is(err, errUnmarked) {
			return known, wire.AsSent(err)
		}
	}
	answer := c.answer(op, &req, m, &r.response)
	if op.kind == kindWallet && m.State == batch.Approved {
		return c.withIndex(ctx, &req, answer)
	}
	return answer, nil
}

// asksToLook reports whether an answer may be about an earlier try under the same key,
// which only a look-up can tell. One that is still on its way is no question, because a
// key is sent again only once it has settled.
func asksToLook(op operation, m codetable.Meaning) bool {
	return m.Outcome == codetable.Confirm ||
		m.State == batch.InDoubt && op.kind != kindSchedule && batch.CodeClassOf(m.Code) == batch.ClassDuplicate
}

// withIndex asks which card the platform has just kept. Without an answer the line is in
// doubt, not refused: the wallet exists, and the look-up finds it.
func (c *Client) withIndex(ctx context.Context, req *gateway.Request, answer gateway.Answer) (gateway.Answer, error) {
	card, err := c.findKept(ctx, req)
	if err != nil {
		return gateway.Answer{}, wire.AsSent(err)
	}
	card.describe(&answer)
	return answer, nil
}

// probe is an order reference that no key can be: it is longer than a key is.
const probe = "cardbatch-check-of-the-connection"

// Check implements gateway.Connector: looking up an order that cannot exist is answered as
// such, which proves endpoint and credentials, and that we can read what "unknown" looks like.
func (c *Client) Check(ctx context.Context) error {
	_, err := c.detailsOf(ctx, "", probe, nil)
	if errors.Is(err, gateway.ErrUnknownKey) {
		return nil
	}
	if err == nil {
		err = errors.New("payline: an order that cannot exist was found")
	}
	return fmt.Errorf("check the endpoint and the credentials: %w", err)
}

// weigh finds what a reply means, or the error that says why it means nothing. What an
// earlier endpoint may have carried out is never called not sent.
func (c *Client) weigh(k kind, r *reply) (codetable.Meaning, error) {
	m := judge(k, r.Status, &r.response)
	var err *gateway.Error
	switch {
	case m.Outcome == codetable.Credentials:
		err = wire.NotSent(fmt.Errorf("payline: %w (http %d %s)", gateway.ErrCredentials, r.Status, r.response.code()))
	case m.Outcome == codetable.Busy:
		err = &gateway.Error{Phase: gateway.NotSent, Err: fmt.Errorf("payline: %w", gateway.ErrBusy), RetryAfter: wire.RetryAfter(r.Header, c.clock())}
	case m.Outcome == codetable.UnknownKey:
		return m, wire.InDoubt(fmt.Errorf("payline: %w", gateway.ErrUnknownKey))
	case m.Outcome == codetable.NoAnswer:
		return m, wire.InDoubt(r.failure())
	default:
		return m, nil
	}
	if r.repeated {
		err.Phase = gateway.Sent
	}
	return m, err
}
