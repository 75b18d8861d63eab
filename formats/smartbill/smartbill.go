package smartbill

import (
	"errors"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// Header begins every file. What a table does not have stays zero.
type Header struct {
	SE        string // service establishment number, ten digits; fixes the currency
	Sequence  int64  // of the file, 1 to 999,999
	CreatedAt time.Time
	Mode      batch.Mode
	Currency  money.Currency // of charge and response files
}

// Trailer ends every file; each kind of file has some of these.
type Trailer struct {
	Sequence      int64
	Adds, Deletes int64 // enrolment
	Details       int64 // status
	// Charge and response. A response's details say neither kind nor amount: whether
	// these four are right only a comparison with the charges can tell.
	Debits, Credits           int64
	DebitAmount, CreditAmount int64 // minor units of the header's currency
}

// Action is what an enrolment asks for.
type Action string

const (
	Add    Action = "add"
	Delete Action = "delete"
)

// Enrolment asks American Express to take a card up, or to take it off its list.
type Enrolment struct {
	Action Action
	Alias  string    // wallet ID followed by the card index
	Card   batch.PAN // of an Add only
	Expiry string    // MMYY, of an Add only
	Name   string    // cardholder; cut to the field
	Key    batch.Key
}

// Statuses of an enrolled card. Source: SmartBill facts, section 2.
const (
	Waiting           batch.CardStatus = "WR"
	EnrolmentAccepted batch.CardStatus = "EA"
	EnrolmentRefused  batch.CardStatus = "ER"
	ExpiryUpdated     batch.CardStatus = "EDU"
	ProductUpdated    batch.CardStatus = "PU"
	CardCancelled     batch.CardStatus = "CC"
)

var statuses = []string{string(Waiting), string(EnrolmentAccepted), string(EnrolmentRefused), string(ExpiryUpdated), string(ProductUpdated), string(CardCancelled)}

// Status is what became of a card: a fact with a date.
type Status struct {
	Line      int // in the file, from 1
	Alias     string
	Status    batch.CardStatus
	Known     bool   // false: the table does not know Status, which is as in the file
	Code      string // American Express' reason
	Text      string // the reason in words, card numbers masked
	NewExpiry string // MMYY, or empty
	Product   string
	At        time.Time
}

// ChargeKind is the direction of a charge.
type ChargeKind string

const (
	Debit  ChargeKind = "debit"
	Credit ChargeKind = "credit"
)

// Charge moves money between a cardholder and the merchant.
type Charge struct {
	Kind       ChargeKind
	Alias      string
	Amount     money.Amount // more than 0, in the header's currency
	OrderRef   string
	Descriptor string // on the cardholder's statement; cut to the field
	Key        batch.Key
}

// Result is the outcome of a charge.
type Result string

const (
	Approved Result = "approved"
	Declined Result = "declined"
	Refused  Result = "refused"
)

// CardUpdate says whether American Express has newer data of the card than the merchant.
type CardUpdate string

const (
	Changed   CardUpdate = "changed" // ask the customer for the new card
	Unchanged CardUpdate = "unchanged"
)

// Response answers one charge.
type Response struct {
	Line          int // in the file, from 1
	Key           batch.Key
	Result        Result
	Known         bool // false: the table does not know Result, which is as in the file
	Authorization string
	Code          string     // American Express' reason
	Text          string     // the reason in words, card numbers masked
	CardUpdate    CardUpdate // as in the file when the table does not know it
	ValueDate     time.Time  // the working day that the charge counts for; zero when not told
}

var (
	errSE       = errors.New("the service establishment number must have ten digits")
	errSequence = errors.New("the sequence number must be 1 to 999999")
)
