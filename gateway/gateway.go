// Package gateway is the contract between the run and the processors: what a
// connector is asked, what it answers, and what its errors promise.
//
// A decline is an answer; an error is the absence of one. A connector returns an
// Answer when it has read a complete answer to this very key, and an *Error in
// every other case. The error says one thing above all: whether anything may have
// reached the gateway. Everything that is not provably NotSent is in doubt.
//
// Connectors live in sub-packages, one per kind, and pass the suite of
// gateway/gatewaytest. What wraps every connector alike (rate, concurrency,
// circuit) is in this package, one file each.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// Connector speaks to one configured account at one processor. Its methods may be
// called from many goroutines.
type Connector interface {
	// Profile states what the connector can do, as data. It never changes.
	Profile() Profile

	// Do asks the gateway to carry out a line. It sends at most one request that
	// moves money, with identifiers that are a function of req.Key alone.
	// The error is always an *Error.
	Do(ctx context.Context, req Request) (Answer, error)

	// Lookup asks what became of the request with req.Key. It never moves money.
	// It answers as Do would have, or with an *Error that matches ErrUnknownKey
	// when the gateway says that it does not know the key.
	Lookup(ctx context.Context, req Request) (Answer, error)

	// Check proves endpoint, credentials and environment without moving money.
	Check(ctx context.Context) error
}

// Profile is what a connector can do.
type Profile struct {
	Kind        string     // "mastercard", …
	Environment batch.Mode // the world its endpoint belongs to

	// Commands holds an entry per command that exists at this gateway; any other
	// is refused 02010 before it is sent.
	Commands map[batch.Command]Operation

	// SetsCardIndex says that the gateway keeps the wallets and chooses the card
	// indices, which its answers carry; otherwise we do.
	SetsCardIndex bool
}

// Operation is what a connector promises for one command.
type Operation struct {
	// Lookup says that Lookup works for this command.
	Lookup bool
	// Settle is how long after a request was sent the gateway may still not know
	// its key although it will carry it out. Only a Lookup after that time proves
	// that a key is unknown.
	Settle time.Duration
	// ReplayWindow is how long the same request may be sent again under the same
	// key and yield the first answer instead of a second effect. 0: never;
	// ReplayAlways: without limit.
	ReplayWindow time.Duration
	// Local says that the gateway has no such call: the wallet is ours alone, and
	// the outcome is made here. Do is not called.
	Local bool
	// CardOnly, of a wallet command, says that Do is called only for a line with a card
	// number, which has to become a token; any other change of the wallet is ours alone.
	CardOnly bool
	// Deferred says that the command takes the mode DIF: capture on a later day.
	Deferred bool
	// Anonymous says that the gateway's answer does not name the request it answers,
	// so that an answer to another one could not be told apart.
	Anonymous bool
	// Batched says that the connector is a Batcher and takes the command in batches
	// only. Do is not called.
	Batched bool
	// Prompt says that such a batch may be answered while the run lasts: it waits a while.
	Prompt bool
}

// ReplayAlways is the window of an operation that may be repeated for ever.
const ReplayAlways = time.Duration(1<<63 - 1)

// Request is one line as a connector is asked to carry it out.
type Request struct {
	Key      batch.Key
	Command  batch.Command
	Contract batch.ContractID

	Version        string // interface version that the line asks for; empty: the connector's
	OrderRef       string // the merchant's; informative, never an identifier of ours
	OrderDate      string // RFC 3339, may be empty
	SoftDescriptor string
	Comment        string
	Private        []batch.PrivateDatum
	Amount         money.Amount // zero when the command carries none
	Action         string       // Payline action code, "100" or "101" for payments
	Mode           string       // Payline payment mode; never empty on payments
	CaptureDate    string       // YYYY-MM-DD, with the mode DIF; may be empty
	Card           Card         // what to charge, keep or verify
	// Wallet is the wallet concerned: of createWallet and updateWallet as the line wants
	// it, otherwise as it stands; nil when there is none. Its cards are those before the line.
	Wallet        *batch.Wallet
	CardIndex     int                // the card of the wallet that is meant; 0: the default card
	SubmittedAt   time.Time          // of a look-up: when the request was sent last; zero otherwise
	Original      *batch.Transaction // of a follow-up, or whose card a wallet is made from; nil otherwise
	Schedule      *batch.Schedule    // of a schedule; nil otherwise
	PaymentRecord string             // of disablePaymentRecord
	Credential    Credential
}

// Card is what is charged: a token, or else a number.
type Card struct {
	Token      string
	Number     batch.PAN
	Expiry     string // MMYY, may be empty with a token
	Cardholder string
	Type       string
}

// Credential holds the four facts of a stored-credential payment, from which
// every connector derives its own fields. Source: rules, section 3.
type Credential struct {
	Source    string           // as the source column; MERCHANT means merchant-initiated
	Use       CredentialUse    //
	Agreement *batch.Agreement // nil outside a series
	First     bool             // this is the first transaction of the series
	Frequency string           // agreement_frequency of the line
	Trace     string           // scheme transaction id to send; empty when the gateway finds it by FirstKey
}

// MerchantInitiated reports whether the cardholder takes no part.
func (c Credential) MerchantInitiated() bool { return c.Source == batch.SourceMerchant }

// CredentialUse says whether card details are kept or were kept before.
type CredentialUse string

const (
	NotStored  CredentialUse = "not stored"
	ToBeStored CredentialUse = "to be stored"
	Stored     CredentialUse = "stored"
)

// Batcher is a connector that takes some commands many at a time, in a batch that is
// uploaded, worked off, and answered as a whole later. A batch is in doubt as a whole
// until the gateway tells its status. Its name is made from the keys in it and is
// durable, with the lines that belong to it, before the first byte leaves: a restarted
// program finds the batch again under its name.
type Batcher interface {
	Connector
	// Fit returns how many of the requests, from the first on, may go into one batch: at
	// least 1 when there are any.
	Fit(reqs []Request) int
	// Send uploads a batch. Without an error the gateway has taken it, and all its lines
	// are pending. The error is always an *Error, about the whole batch.
	Send(ctx context.Context, b Batch) error
	// Fetch asks for the answers of a batch: one Reply per request, in their order. An
	// *Error is about the whole batch; it matches ErrUnknownKey when the gateway says
	// that it has no batch of this name.
	Fetch(ctx context.Context, b Batch) ([]Reply, error)
}

// Batch is requests that travel together, in the order of their lines.
type Batch struct {
	Name     string
	Requests []Request
	// Closed says that the end of one of its lines was decided elsewhere: Fetch must not
	// start what waits to be started any more.
	Closed bool
}

// Reply is what a batch says of one request: an answer, State Pending while the batch is
// worked off, or an *Error when it says nothing that can be trusted.
type Reply struct {
	Answer
	Err error
}

// Answer is a complete, trusted answer to one key.
type Answer struct {
	State batch.LineState // Approved, Declined, Refused, Pending or InDoubt (the gateway itself does not know)
	batch.Answer
	Token string // the gateway's token of the card, when it gave one
	// StopSeries and StopCard say that the issuer revoked this series, or every
	// series on this card (rules, section 3).
	StopSeries, StopCard bool
	// Unlisted says that no document lists the gateway's code. The outcome follows from
	// its family; no rule ever retries it.
	Unlisted bool
}

// Phase says how far a request got when no answer came.
type Phase string

const (
	// NotSent: provably not one byte of the request was written.
	NotSent Phase = "not sent"
	// Sent: something was written and no complete, parseable answer to this key was read.
	Sent Phase = "sent"
)

// Causes that an *Error may match with errors.Is.
var (
	// ErrUnknownKey: a Lookup found that the gateway does not know the key.
	ErrUnknownKey = errors.New("the gateway does not know the key")
	// ErrCredentials: the gateway refused our credentials. Nothing was carried out;
	// the run must stop sending to this gateway.
	ErrCredentials = errors.New("the gateway refused the credentials")
	// ErrBusy: the gateway refused to take the request now. Nothing was carried out.
	ErrBusy = errors.New("the gateway asks to slow down")
	// ErrCircuitOpen: too many answers in a row stayed away; nothing is sent for now.
	ErrCircuitOpen = errors.New("the circuit of the gateway is open")
	// ErrUnsupported: the gateway has no such operation.
	ErrUnsupported = errors.New("the gateway has no such operation")
)

// Error is the absence of an answer. Its text holds no card data and no body.
type Error struct {
	Phase      Phase
	Err        error         // the cause
	RetryAfter time.Duration // when the gateway named one, else 0
}

func (e *Error) Error() string { return fmt.Sprintf("%v (%s)", e.Err, e.Phase) }

func (e *Error) Unwrap() error { return e.Err }

// IsNotSent reports whether err proves that nothing reached the gateway, or that
// the gateway took nothing. Any other error means in doubt.
func IsNotSent(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Phase == NotSent
}
