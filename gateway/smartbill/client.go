package smartbill

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// Kind is this connector's kind in the configuration.
const Kind = "smartbill"

// What the trailer of a charge file can count (smartbill facts, section 4).
const (
	maxRecords = 999_999
	maxTotal   = 999_999_999_999_999 // minor units, of the debits and of the credits
)

// Config describes the connector. Zero fields take the defaults; Environment, Accounts, Desk
// and Write have none.
type Config struct {
	// Environment stands in every charge file: nothing in a folder says which world it is.
	Environment batch.Mode
	// Accounts are the contracts that charge by these files.
	Accounts map[batch.ContractID]Account
	// MaxRecords is the most charges in one file, up to 999,999.
	MaxRecords int

	Desk Desk
	// Write writes a whole charge file; the same arguments make the same bytes. Its error
	// shows no value of a charge, and matches ErrValue when a charge has one that the file's
	// layout cannot hold.
	Write func(w io.Writer, h Header, charges []Charge) error
}

// ErrValue says that a charge cannot be written as the layout of charge files wants it.
var ErrValue = errors.New("a value does not fit into a charge file")

// Account is how American Express knows a contract.
type Account struct {
	SE string // service establishment number, ten digits; it fixes the currency
	// AliasPad is how many digits a card's index has in its alias, at least (batch.AliasOf).
	AliasPad int
	// ValueDate is the day, YYYY-MM-DD, that a charge file brought in now counts for.
	ValueDate func(now time.Time) string
}

// Client is a connector to one folder at American Express.
type Client struct {
	config  Config
	clock   func() time.Time
	profile gateway.Profile
}

var _ gateway.Batcher = (*Client)(nil)

var seForm = regexp.MustCompile(`^[0-9]{10}$`)

// New makes a connector. It touches neither store nor folder.
func New(config Config, clock func() time.Time) (*Client, error) {
	switch {
	case config.Environment != batch.Test && config.Environment != batch.Live:
		return nil, errors.New("smartbill: say whether the folder is TEST or LIVE: nothing in it does")
	case config.MaxRecords < 0 || config.MaxRecords > maxRecords:
		return nil, fmt.Errorf("smartbill: a charge file has 1 to %d records", maxRecords)
	case config.Desk == nil || config.Write == nil:
		return nil, errors.New("smartbill: a desk and a writer of charge files are needed")
	}
	for contract, account := range config.Accounts {
		if !seForm.MatchString(account.SE) {
			return nil, fmt.Errorf("smartbill: contract %s: the service establishment number must have ten digits", contract)
		}
		if account.ValueDate == nil {
			return nil, fmt.Errorf("smartbill: contract %s: the cut-off is missing", contract)
		}
	}
	if config.MaxRecords == 0 {
		config.MaxRecords = maxRecords
	}
	return &Client{config: config, clock: clock, profile: newProfile(config.Environment)}, nil
}

func newProfile(environment batch.Mode) gateway.Profile {
	ours := gateway.Operation{Local: true}
	charged := gateway.Operation{Batched: true, Lookup: true}
	return gateway.Profile{
		Kind:        Kind,
		Environment: environment,
		Commands: map[batch.Command]gateway.Operation{
			batch.CreateWallet:             ours,
			batch.UpdateWallet:             ours,
			batch.DisableWallet:            ours,
			batch.EnableWallet:             ours,
			batch.GetWallet:                ours,
			batch.DoImmediateWalletPayment: charged,
			batch.DoRefund:                 charged,
		},
	}
}

// Profile implements gateway.Connector.
func (c *Client) Profile() gateway.Profile { return c.profile }

// Do implements gateway.Connector; nothing is carried out one by one.
func (c *Client) Do(context.Context, gateway.Request) (gateway.Answer, error) {
	return gateway.Answer{}, wire.NotSent(fmt.Errorf("smartbill: %w: charges travel in files only", gateway.ErrUnsupported))
}

// Lookup implements gateway.Connector. American Express cannot be asked: the answer has come
// or it has not, and that it has not proves nothing.
func (c *Client) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	answers, err := c.config.Desk.Answers(ctx, []batch.Key{req.Key})
	if err != nil {
		return gateway.Answer{}, wire.InDoubt(fmt.Errorf("smartbill: read the answers: %w", err))
	}
	told, answered := answers[req.Key]
	if !answered {
		return gateway.Answer{}, wire.InDoubt(errUnanswered)
	}
	return c.read(&req, told)
}

var errUnanswered = errors.New("smartbill: American Express has not answered this charge; its response file tells, or American Express when asked")

// Check implements gateway.Connector: the folder can be reached. A folder has no other mark
// of what it is.
func (c *Client) Check(ctx context.Context) error {
	if err := c.config.Desk.Check(ctx); err != nil {
		return fmt.Errorf("smartbill: reach American Express' folder: %w", err)
	}
	return nil
}
