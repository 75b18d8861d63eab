package batch

import (
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
