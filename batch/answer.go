package batch

import "time"

// Answer is what is known of a line's outcome: the facts behind its row in a
// RESULT. Everything here may be published; no field may hold a card number
// beyond its first six and last four digits.
type Answer struct {
	Code                string        // five digits, see Codes
	Message             string        // long message when it says more than the code's own text
	TransactionID       TransactionID // names the transaction in follow-up lines
	AuthorizationNumber string
	GatewayCode         string // the gateway's own code
	SchemeCode          string // the issuer's or acquirer's raw code
	AdviceCode          string // merchant advice code
	NetworkTransaction  string // scheme transaction id, the chaining reference of a series
	CardIndex           string
	CardStatus          CardStatus
	Card                string // first six and last four, masked between
	CardExpiry          string // MMYY
	CardType            string
	PaymentRecord       string
	ValueDate           string    // YYYY-MM-DD on which the money counts, where the gateway says it
	IsDuplicate         bool      // answered again from an earlier line with the same reference and content
	RetryNotBefore      time.Time // zero when the gateway gave no such advice
}

// LineRecord is a line as the store holds it.
type LineRecord struct {
	Address     LineAddress
	Line        Line // CardNumber is absent; Sealed holds it while the line is open
	Sealed      []byte
	Gateway     GatewayName // the gateway its contract is bound to, fixed when staged
	State       LineState
	Attempt     int    // how many attempts were authorised; the key follows from it
	Batch       string // the batch that its latest attempt travelled in; empty: alone
	Answer      Answer
	SubmittedAt time.Time // zero until the first attempt
	CompletedAt time.Time // zero until an outcome
}

// Key returns the key of the line's latest attempt, or of its first when it has none.
func (r *LineRecord) Key(merchant MerchantID) Key {
	return NewKey(merchant, r.Line.Ref, max(r.Attempt, 1))
}
