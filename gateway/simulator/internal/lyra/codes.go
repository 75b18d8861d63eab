package lyra

import (
	"net/http"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Error codes that this platform answers (Lyra facts, section 7.3). Where the facts name
// no code for a case, it is the one whose meaning is nearest.
const (
	codeInput          = "INT_902" // input validation
	codeCredentials    = "INT_905"
	codeEmail          = "INT_015"
	codeNoAlias        = "INT_030"
	codeTechnical      = "PSP_999"
	codeServer         = "INT_999"
	codeNotAllowed     = "PSP_001"
	codeNotFound       = "PSP_010" // transaction
	codeStatus         = "PSP_011" // wrong transaction status
	codeDate           = "PSP_013" // too far from now, or passed
	codeNothingChanged = "PSP_014"
	codeAmount         = "PSP_020"
	codeCurrency       = "PSP_021"
	codeExpiry         = "PSP_023"
	codeCard           = "PSP_026" // number
	codeAlias          = "PSP_030" // not found
	codeAliasInvalid   = "PSP_031" // cancelled
	codeSubscription   = "PSP_032" // not found
	codeRule           = "PSP_033" // bad rule, or subscription already cancelled
	codeAliasDenied    = "PSP_035" // alias creation denied
	codeTooLate        = "PSP_075" // cannot cancel any more
	codeTooEarly       = "PSP_076" // cannot refund yet
	codeRefused        = "ACQ_001" // by the issuer, whose code is the detailed one
	codeUnheardOf      = "PSP_777" // that no document lists
)

// messages are the errorMessages that captured answers show; the others are our own words.
var messages = map[string]string{
	codeInput:       "web-service input data validation error",
	codeCredentials: "invalid credentials",
	codeNotFound:    "transaction not found",
	codeRefused:     "payment refused",
	codeExpiry:      "the card has expired",
	codeTechnical:   "technical error",
	codeServer:      "technical error",
}

// failures are the errors of a status that says nothing of the request.
var failures = map[int]*invalid{
	http.StatusUnauthorized:        {codeCredentials, ""},
	http.StatusInternalServerError: {codeServer, ""},
	http.StatusServiceUnavailable:  {codeTechnical, "the platform is busy"},
}

// refusals are the errors of phases in which nothing is carried out. No document gives a
// form for a request that waits for another.
var refusals = map[stage.Phase]*invalid{
	stage.LockFailure: {codeTechnical, "another request about the same is under way"},
	stage.UnknownCode: {codeUnheardOf, ""},
}

// bankRefusal is how the transaction of a card is refused; the zero value: it is not.
type bankRefusal struct {
	Code string `json:",omitempty"` // errorCode
	Bank string `json:",omitempty"` // detailedErrorCode: the issuer's; empty when it was not asked
}

// Issuers' codes that this platform answers (facts, section 7.9), and one that is none.
const (
	doNotHonour       = "05"
	insufficientFunds = "51"
	noBankCode        = "Z9"
)

var bankMessages = map[string]string{
	doNotHonour:       "Do not honour",
	insufficientFunds: "Insufficient funds or credit limit exceeded",
}

// triggers are what published test cards do (the vendor's pages of test cards): by their
// masked number, because no more of it is kept.
var triggers = map[string]struct{ always, ifAmount bankRefusal }{
	mask("4970100000000113"): {always: bankRefusal{codeRefused, insufficientFunds}},
	mask("4970101000001002"): {ifAmount: bankRefusal{codeRefused, insufficientFunds}}, // makes an alias, pays nothing
}

// judge asks the issuer of a card for an amount; 0 asks for information only. The
// platform refuses an expired card without asking (facts, section 6.7).
func judge(c card, amount int64, now time.Time) bankRefusal {
	trigger := triggers[c.Number]
	switch {
	case trigger.always != bankRefusal{}:
		return trigger.always
	case amount > 0 && trigger.ifAmount != bankRefusal{}:
		return trigger.ifAmount
	case c.Expiry == stage.DeclinedExpiry && amount > 0: // so that it can be kept first
		return bankRefusal{codeRefused, doNotHonour}
	case stage.Expired(c.Expiry, now):
		return bankRefusal{Code: codeExpiry}
	}
	return bankRefusal{}
}

// mask is a card number as the platform shows it, first six and last four around X.
func mask(number string) string { return strings.ToUpper(stage.Mask(number)) }

var brands = func() map[string]string {
	byMask := make(map[string]string, len(stage.TestCards))
	for number, scheme := range stage.TestCards {
		byMask[mask(number)] = strings.TrimSuffix(scheme, "_CLUB")
	}
	return byMask
}()

// Types of transactions: operationType.
const (
	typeDebit        = "DEBIT"
	typeCredit       = "CREDIT"
	typeVerification = "VERIFICATION"
)

// Values of detailedStatus that this platform uses.
const (
	accepted   = "ACCEPTED"
	authorised = "AUTHORISED"
	toValidate = "AUTHORISED_TO_VALIDATE"
	waiting    = "WAITING_AUTHORISATION"
	captured   = "CAPTURED"
	refused    = "REFUSED"
	cancelled  = "CANCELLED"
)

// Values of status.
const (
	paid    = "PAID"
	running = "RUNNING"
	unpaid  = "UNPAID"
)

// statuses are the simple states of detailed ones (facts, section 7.5).
var statuses = map[string]string{
	accepted: paid, authorised: paid, captured: paid,
	toValidate: running, waiting: running,
	refused: unpaid, cancelled: unpaid,
}
