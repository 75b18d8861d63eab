package batch

import "cardbatch/money"

// ResultRow is one row of a RESULT or SUPPLEMENT: its fields are the columns of
// batch interface, section 5, in their order. Everything in it is published.
type ResultRow struct {
	Line                int // 1-based physical line number in the merchant's file
	Ref                 LineRef
	Command             Command
	Outcome             Outcome
	Code                string // five digits
	ShortMessage        string // free text
	LongMessage         string // free text
	WalletID            WalletID
	CardIndex           string
	CardStatus          CardStatus
	Card                string // first six and last four digits around asterisks
	CardExpiry          string // MMYY
	TransactionID       TransactionID
	PaymentRecord       string
	AuthorizationNumber string
	Amount              string // minor units, empty when the line carries none
	Currency            money.Currency
	IsDuplicate         bool // true or false in the file
	Gateway             GatewayName
	GatewayCode         string
	SchemeCode          string
	AdviceCode          string
	NetworkTransaction  string
	AgreementID         AgreementID
	Attempts            int
	SubmittedAt         string // RFC 3339 in UTC, or empty
	CompletedAt         string // RFC 3339 in UTC, or empty
	RetryNotBefore      string // RFC 3339 in UTC, or empty
	Echo                string // free text, as the merchant gave it
}

// AckRow is one row of an ACK: a finding, and what became of its line.
type AckRow struct {
	Line    int // 0 for the file as a whole
	Ref     LineRef
	Status  string // rejected, held or accepted
	Code    FindingCode
	Column  string
	Message string // free text
}
