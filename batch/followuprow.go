package batch

import "cardbatch/money"

// TransactionKind is what a line did, in the words of the follow-up files.
type TransactionKind string

const (
	KindAuthorization   TransactionKind = "authorization"   // action 100
	KindPayment         TransactionKind = "payment"         // authorization and capture in one, action 101
	KindCapture         TransactionKind = "capture"         // of an authorization
	KindRefund          TransactionKind = "refund"          // of a payment or a capture
	KindReset           TransactionKind = "reset"           // cancels before anything was captured
	KindVerification    TransactionKind = "verification"    // of a card, without an amount
	KindReauthorization TransactionKind = "reauthorization" // of an earlier transaction
	KindSchedule        TransactionKind = "schedule"        // stores dated payments at the gateway; moves nothing by itself
)

// TransactionKinds lists every kind, in the order of the follow-up files' totals.
var TransactionKinds = []TransactionKind{
	KindAuthorization, KindPayment, KindCapture, KindRefund, KindReset, KindVerification, KindReauthorization, KindSchedule,
}

// KindOf tells what a line does; ok is false for lines that make no transaction, such
// as those that keep wallets.
func KindOf(l *Line) (kind TransactionKind, ok bool) {
	switch l.Command {
	case DoCapture:
		return KindCapture, true
	case DoRefund:
		return KindRefund, true
	case DoReset:
		return KindReset, true
	case Verify:
		return KindVerification, true
	case DoReAuthorization:
		return KindReauthorization, true
	case DoScheduledWalletPayment, DoRecurrentWalletPayment:
		return KindSchedule, true
	case DoImmediateWalletPayment, DoAuthorization, Subscribe:
		if l.PaymentAction() == ActionAuthorize {
			return KindAuthorization, true
		}
		return KindPayment, true
	}
	return "", false
}

// TransactionRow is a row of the transactions of a day: a line whose attempt ended on it.
type TransactionRow struct {
	Kind                TransactionKind
	Outcome             Outcome // approved, declined or refused
	Code                string  // five digits
	Message             string  // free text
	FileRef             FileRef
	Line                int // 1-based physical line number in the merchant's file
	Ref                 LineRef
	Attempts            int
	OrderRef            string
	TransactionID       TransactionID
	Original            TransactionID // the transaction that it acted on
	AuthorizationNumber string
	NetworkTransaction  string
	WalletID            WalletID
	CardIndex           string
	Card                string // first six and last four digits around asterisks
	CardExpiry          string // MMYY
	CardType            string
	Amount              money.Amount // zero currency: none
	Gateway             GatewayName
	GatewayCode         string
	SchemeCode          string
	AdviceCode          string
	AgreementID         AgreementID
	SubmittedAt         string // RFC 3339 in UTC
	CompletedAt         string // RFC 3339 in UTC
}

// PaymentRow is a row of the payments of a day: money that moved.
type PaymentRow struct {
	Kind                TransactionKind // payment, capture or refund
	ValueDate           string          // YYYY-MM-DD
	CompletedAt         string          // RFC 3339 in UTC
	Amount              money.Amount    // negative when it goes back to the buyer
	OrderRef            string
	TransactionID       TransactionID
	Original            TransactionID
	AuthorizationNumber string
	NetworkTransaction  string
	WalletID            WalletID
	Card                string // first six and last four digits around asterisks
	CardType            string
	Gateway             GatewayName
	AgreementID         AgreementID
	FileRef             FileRef
	Line                int
	Ref                 LineRef
}
