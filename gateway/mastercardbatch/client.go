package mastercardbatch

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/gateway/mastercard"
)

// Kind is this connector's kind in the configuration.
const Kind = "mastercard-batch"

// Config describes one account at the gateway. Zero fields take the defaults.
type Config struct {
	// Config is the account, as the REST transport has it. Its ReplayWindow counts for
	// nothing here: a payment in a batch is looked up, never repeated.
	mastercard.Config

	// MaxRecords is the most records in one batch, up to the gateway's 18,000.
	MaxRecords int
	// SkipValidate leaves out the confirmation of an upload by its digest. The vendor's text
	// on that step is not public (facts, section 8): set it only for an account whose
	// batches start without.
	SkipValidate bool
}

// Client is a connector to one account.
type Client struct {
	*mastercard.Client // wallets, and the look-up of single payments
	config             Config
	base               string // path of the merchant's batches
	clock              func() time.Time
	caller             *wire.Caller
	profile            gateway.Profile
}

var _ gateway.Batcher = (*Client)(nil)

// New makes a connector. It opens no connection and asks for no password yet.
func New(config Config, clock func() time.Time) (*Client, error) {
	if config.MaxRecords < 0 || config.MaxRecords > maxRecords {
		return nil, fmt.Errorf("mastercard-batch: a batch has 1 to %d records", maxRecords)
	}
	if config.MaxRecords == 0 {
		config.MaxRecords = maxRecords
	}
	rest, err := mastercard.New(config.Config, clock)
	if err != nil {
		return nil, err
	}
	config.Config = rest.Config() // with its defaults
	endpoint, err := wire.ParseEndpoint(config.Endpoint)
	if err != nil {
		return nil, fmt.Errorf("mastercard-batch: %w", err)
	}
	return &Client{
		Client: rest,
		config: config,
		base:   fmt.Sprintf("/batch/version/%d/merchant/%s/batch/", config.Version, config.MerchantID),
		clock:  clock,
		caller: wire.New(wire.Options{
			Kind: Kind, Endpoint: endpoint, User: "", Password: config.Password, // no user: facts, section 2.3
			RootCAs: config.RootCAs, Timeout: config.Timeout, MaxConns: config.MaxConns,
		}),
		profile: newProfile(rest.Profile()),
	}, nil
}

// newProfile is the REST transport's, with everything that moves money in batches.
func newProfile(rest gateway.Profile) gateway.Profile {
	profile := gateway.Profile{Kind: Kind, Environment: rest.Environment, Commands: maps.Clone(rest.Commands)}
	for command, operation := range rest.Commands {
		if command.Phase() != batch.PhaseWallet {
			operation.Batched, operation.Prompt, operation.ReplayWindow = true, true, 0
			profile.Commands[command] = operation
		}
	}
	return profile
}

// Profile implements gateway.Connector.
func (c *Client) Profile() gateway.Profile { return c.profile }

// Close drops idle connections.
func (c *Client) Close() error { return errors.Join(c.caller.Close(), c.Client.Close()) }

// Do implements gateway.Connector, for wallets.
func (c *Client) Do(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if c.profile.Commands[req.Command].Batched {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("mastercard-batch: %w: it travels in batches only", gateway.ErrUnsupported))
	}
	return c.Client.Do(ctx, req)
}

// probe is a batch name that no batch has.
const probe = "cardbatch-check-of-the-connection"

// Check implements gateway.Connector: as the REST transport does, and then that batches are
// taken: the gateway operates, and the status of a batch that cannot exist is answered as such.
func (c *Client) Check(ctx context.Context) error {
	if err := c.Client.Check(ctx); err != nil {
		return err
	}
	r, err := c.call(ctx, wire.Request{Method: http.MethodGet, Path: "/batch/information", Anonymous: true})
	if err != nil {
		return fmt.Errorf("ask whether batches are taken: %w", err)
	}
	if judge(kindInformation, &r).Outcome != codetable.Approved {
		return fmt.Errorf("mastercard-batch: the gateway does not say that it takes batches (http %d)", r.Status)
	}
	_, err = c.status(ctx, probe)
	if errors.Is(err, gateway.ErrUnknownKey) {
		return nil
	}
	if err == nil {
		err = errors.New("a batch that cannot exist was found")
	}
	return fmt.Errorf("check the credentials for batches: %w", err)
}

// nameForm is what may stand in a path; a run's names are 26 letters and digits.
var nameForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// reply is what came back.
type reply struct {
	wire.Reply
	status status // when the body is a status file; zero otherwise
	words  string // the beginning of a text, fit to be shown
	text   bool   // the body was read as text
	markup bool   // it is HTML, whatever it calls itself
}

// form is what the body is, as codes.csv names it.
func (r *reply) form() string {
	switch {
	case r.Empty:
		return "empty"
	case r.markup, strings.Contains(strings.ToLower(r.Header.Get("Content-Type")), "html"):
		return "html"
	case r.text:
		return "text"
	}
	return "other"
}

func (r *reply) read(body []byte) {
	r.text, r.markup = true, bytes.HasPrefix(bytes.TrimSpace(body), []byte("<"))
	r.words = wire.Scrub(string(body[:min(len(body), 1<<10)]))
	r.status, _ = parseStatus(body) // what it is not, it does not prove
}

// bom may begin a UTF-8 file.
var bom = []byte("\xef\xbb\xbf")

// mediaTypes are those of an answer; the vendor names none.
var mediaTypes = []string{"text/plain", "text/csv", "application/json", "text/html"}

// call makes an exchange; its error is a *gateway.Error.
func (c *Client) call(ctx context.Context, request wire.Request) (reply, error) {
	return c.callAndRead(ctx, request, nil)
}

// callAndRead hands the body to more as well, which must keep nothing of it.
func (c *Client) callAndRead(ctx context.Context, request wire.Request, more func(body []byte)) (r reply, err error) {
	request.ContentType = "text/plain; charset=UTF-8"
	r.Reply, err = c.caller.Call(ctx, request, func(body []byte) error {
		body = bytes.TrimPrefix(body, bom)
		r.read(body)
		if more != nil {
			more(body)
		}
		return nil
	}, mediaTypes...)
	return r, err
}

// resource is the path of a batch, or of what it offers.
func (c *Client) resource(name, offer string) string { return c.base + name + offer }

// weigh tells why a reply is not what was asked for; nil when it is, or is not there yet.
func (c *Client) weigh(m codetable.Meaning, r *reply, step string) error {
	switch m.Outcome {
	case codetable.Approved, codetable.Pending:
		return nil
	case codetable.Credentials:
		return wire.NotSent(fmt.Errorf("mastercard-batch: %s: %w (http %d)", step, gateway.ErrCredentials, r.Status))
	case codetable.Busy:
		return &gateway.Error{Phase: gateway.NotSent, Err: fmt.Errorf("mastercard-batch: %s: %w", step, gateway.ErrBusy), RetryAfter: wire.RetryAfter(r.Header, c.clock())}
	case codetable.UnknownKey:
		return wire.InDoubt(fmt.Errorf("mastercard-batch: %s: %w", step, gateway.ErrUnknownKey))
	}
	return wire.InDoubt(fmt.Errorf("mastercard-batch: %s: http %d with %s", step, r.Status, r.shown()))
}

// shown says in words what a reply is.
func (r *reply) shown() string {
	switch form := r.form(); form {
	case "text":
		return fmt.Sprintf("%q", r.words)
	case "html":
		return "an HTML page"
	default:
		return r.Defect
	}
}
