package batch

import (
	"fmt"
	"time"

	"cardbatch/money"
)

// Words of a card under American Express SmartBill. Source: smartbill, section 2.
const (
	CardWaiting        CardStatus = "WR"  // waiting for the enrolment result
	CardAccepted       CardStatus = "EA"  // enrolment accepted
	CardRefused        CardStatus = "ER"  // enrolment refused; final
	CardExpiryUpdated  CardStatus = "EDU" // expiry date updated by American Express
	CardProductUpdated CardStatus = "PU"  // product updated by American Express
	CardCancelled      CardStatus = "CC"  // cancelled by American Express; final
)

// SmartBillRoute says who talks to American Express (smartbill, section 1).
type SmartBillRoute string

const (
	ViaFiles   SmartBillRoute = "files"   // this program, by files
	ViaPayline SmartBillRoute = "payline" // the processor; we ask it for the status
)

// Enrolment is a card's registration with American Express, from its request to its end.
type Enrolment struct {
	ID           int64 // of the store
	Merchant     MerchantID
	Wallet       WalletID
	CardIndex    int
	Contract     ContractID
	SE           string // service establishment number, ten digits; empty via payline
	Route        SmartBillRoute
	Alias        string // AliasOf
	Key          Key    // of the line that asked for it
	RegisteredAt time.Time

	Status    CardStatus
	StatusAt  time.Time // of the event that gave it; zero while WR
	Code      string    // American Express' reason
	Text      string    // the reason in words
	AskedIn   string    // name of the enrolment file that carries the request; empty: none yet
	RemovedIn string    // name of the enrolment file that carries the removal; empty: none
	Removal   bool      // the card is to be removed from American Express' list
}

// StatusEvent is one fact that American Express told about a card (smartbill, section 2).
type StatusEvent struct {
	Merchant  MerchantID // via payline: whose card; empty in files, whose SE number says it
	Alias     string
	Status    CardStatus
	Code      string
	Text      string
	NewExpiry string // MMYY, or empty
	Product   string // or empty
	At        time.Time
	File      string // that told it; "payline" by that route
	Line      int
}

// ChargeAnswer is what American Express answered to one charge.
type ChargeAnswer struct {
	Key                 Key
	State               LineState // Approved, Declined or Refused
	AuthorizationNumber string
	Code                string // American Express'
	Text                string
	CardChanged         bool   // it has newer data of the card
	ValueDate           string // YYYY-MM-DD
	File                string
}

// PartnerException is a record of a partner's file that says something that cannot be:
// an unknown alias or key, an unknown status, a contradiction. Nothing is dropped.
type PartnerException struct {
	File   string
	Line   int
	Alias  string // or key; never a card number
	Reason string
	At     time.Time // of the ingestion
}

// ChargeTerms are what one charge file has in common.
type ChargeTerms struct {
	SE        string
	Currency  money.Currency
	ValueDate string // YYYY-MM-DD that American Express is asked to count it for
}

// DefaultEnrolmentDeadline is how long payments wait for the enrolment result: a request
// goes out within 24 hours and is answered within 24 hours (smartbill, section 3).
const DefaultEnrolmentDeadline = 48 * time.Hour

// SmartBill is what a contract under American Express SmartBill says.
type SmartBill struct {
	Route             SmartBillRoute
	SE                string // service establishment number, ten digits; via files only
	CutOff            CutOff // via files: by when a charge must be in to count for its day
	EnrolmentDeadline time.Duration
	AliasPad          int // least digits of the index in an alias
}

// Deadline is when a card registered at the time is given up when no result has come.
func (s *SmartBill) Deadline(registered time.Time) time.Time {
	if s.EnrolmentDeadline == 0 {
		return registered.Add(DefaultEnrolmentDeadline)
	}
	return registered.Add(s.EnrolmentDeadline)
}

// Late reports whether the result of an enrolment is overdue. A card that is taken off waits
// for none.
func (s *SmartBill) Late(e *Enrolment, now time.Time) bool {
	return e.Status == CardWaiting && !e.Removal && !now.Before(s.Deadline(e.RegisteredAt))
}

// AliasOf is how American Express knows a card: the wallet's id followed by the card's index,
// which has at least pad digits. Whether the index is padded is not published (payline facts,
// section 5.1), so pad is a setting; 0 is no padding.
func AliasOf(wallet WalletID, index, pad int) string {
	return fmt.Sprintf("%s%0*d", wallet, pad, index)
}

// Usable reports whether a card that stands there may be charged, or may become so without
// anybody's word but American Express'.
func (s CardStatus) Usable() bool {
	switch s {
	case CardDisabled, CardExpired, CardRefused, CardCancelled:
		return false
	}
	return true
}

// Enrolled reports whether American Express has the card on its list.
func (s CardStatus) Enrolled() bool {
	return s == CardAccepted || s == CardExpiryUpdated || s == CardProductUpdated
}

// Ended reports whether American Express' word about the card is final (smartbill, section 2).
func (s CardStatus) Ended() bool { return s == CardRefused || s == CardCancelled }
