package batch

import (
	"cardbatch/money"
)

// Line is one command of a file, as its merchant wrote it. Fields are the texts
// of the batch interface's columns (section 3), empty when absent; currencies are
// normalised to their alphabetic code. The card number is apart, in a type that
// does not print.
type Line struct {
	No int // 1-based physical line number in its file

	Ref           LineRef
	Command       Command
	Version       string
	Contract      ContractID
	WalletID      WalletID
	CardIndex     string // N2; empty means the wallet's default card
	LastName      string
	FirstName     string
	Email         string
	Language      string
	CardNumber    PAN
	CardToken     string
	CardExpiry    string // MMYY
	CardType      string
	Cardholder    string
	OrderRef      string
	OrderDate     string // RFC 3339
	AmountText    string // N12, minor units; see Amount
	Currency      money.Currency
	Action        string
	Mode          string
	CaptureDate   string // YYYY-MM-DD
	ScheduledDate string // YYYY-MM-DD
	TransactionID TransactionID
	PaymentRecord string
	Source        string

	AgreementID          AgreementID
	AgreementType        string
	AgreementExpiry      string
	AgreementFrequency   string
	AgreementVariability string
	AgreementPayments    string
	AgreementMinDays     string
	InitialTransactionID string

	FirstAmount     string
	RecurringAmount string
	BillingCycle    string
	BillingLeft     string
	BillingDay      string
	StartDate       string
	EndDate         string
	RRule           string

	SoftDescriptor string
	Comment        string
	Echo           string
	Private        []PrivateDatum // at most 99
}

// PrivateDatum is one private.<key> column of a line.
type PrivateDatum struct{ Key, Value string }

// Amount returns the line's amount; ok is false when it carries none.
func (l *Line) Amount() (amount money.Amount, ok bool) {
	if l.AmountText == "" {
		return money.Amount{}, false
	}
	minor, err := money.ParseMinor(l.AmountText)
	if err != nil {
		return money.Amount{}, false
	}
	return money.Amount{Minor: minor, Currency: l.Currency}, true
}

// Lane names what forbids two lines to be with a gateway at the same time: the
// wallet a wallet line works on, the agreement of a payment, the transaction a
// follow-up acts on. Lines without a lane may run side by side with any other.
func (l *Line) Lane() string {
	switch l.Command.Phase() {
	case PhaseWallet:
		return "wallet " + string(l.WalletID)
	case PhasePayment:
		if l.AgreementID != "" {
			return "agreement " + string(l.AgreementID)
		}
	case PhaseFollowUp:
		if l.TransactionID != "" {
			return "transaction " + string(l.TransactionID)
		}
		if l.PaymentRecord != "" {
			return "payment record " + l.PaymentRecord
		}
	}
	return ""
}
