package batch

import (
	"slices"
	"strconv"
	"time"

	"cardbatch/money"
)

// WalletStatus is where a wallet stands.
type WalletStatus string

const (
	WalletOpening  WalletStatus = "opening"  // its createWallet line is with the gateway or in doubt
	WalletActive   WalletStatus = "active"   //
	WalletDisabled WalletStatus = "disabled" // may be enabled again
)

// CardStatus is where a card of a wallet stands. The two-letter words are those
// of American Express SmartBill; other cards are active, expired or disabled.
type CardStatus string

const (
	CardActive   CardStatus = "active"
	CardExpired  CardStatus = "expired"
	CardDisabled CardStatus = "disabled"
)

// Wallet is a buyer's set of cards at one gateway.
type Wallet struct {
	Merchant    MerchantID
	ID          WalletID
	Contract    ContractID
	Gateway     GatewayName
	Status      WalletStatus
	LastName    string
	FirstName   string
	Email       string
	Language    string
	DefaultCard int // index of the card used when a line names none
	// OpenLine is the wallet line that has no final outcome yet; payments on the
	// wallet wait while it is set.
	OpenLine  LineAddress
	Cards     []Card // by rising index
	CreatedAt time.Time
	UpdatedAt time.Time
}

// Card returns the card with the index; index 0 asks for the default card.
func (w *Wallet) Card(index int) (Card, bool) {
	if index == 0 {
		index = w.DefaultCard
	}
	for _, c := range w.Cards {
		if c.Index == index {
			return c, true
		}
	}
	return Card{}, false
}

// PutCard writes the card at its index, keeping the cards in order.
func (w *Wallet) PutCard(c Card) {
	i, found := slices.BinarySearchFunc(w.Cards, c.Index, func(have Card, index int) int { return have.Index - index })
	if found {
		w.Cards[i] = c
		return
	}
	w.Cards = slices.Insert(w.Cards, i, c)
}

// Expired reports whether a card with the expiry (MMYY) is expired at the time:
// it lives to the end of its month.
func Expired(expiry string, at time.Time) bool {
	if len(expiry) != 4 {
		return false
	}
	month, err1 := strconv.Atoi(expiry[:2])
	year, err2 := strconv.Atoi(expiry[2:])
	if err1 != nil || err2 != nil {
		return false
	}
	return !at.Before(time.Date(2000+year, time.Month(month)+1, 1, 0, 0, 0, 0, at.Location()))
}

// ExpiresLater reports whether one expiry (MMYY) is a later month than another.
func ExpiresLater(expiry, than string) bool {
	return len(expiry) == 4 && len(than) == 4 && byYear(expiry) > byYear(than)
}

// Card is one card of a wallet. A gateway's token stands for its number; the
// number itself is kept, sealed, only where the contract's route needs it.
type Card struct {
	Index              int // from 1
	Status             CardStatus
	Token              string // the gateway's
	Fingerprint        string // keyed hash of the number, for equality only
	FirstSix           string
	LastFour           string
	Expiry             string // MMYY
	Type               string
	Cardholder         string
	NetworkTransaction string // scheme transaction id of the first transaction, when known
	Sealed             []byte // the number, encrypted and bound to wallet and index; usually empty
	// ChangedAt is when number or expiry were last replaced; zero: they are those it began with.
	ChangedAt time.Time
}

// Masked returns the card's first six and last four digits around asterisks.
func (c Card) Masked() string {
	if c.FirstSix == "" || c.LastFour == "" {
		return ""
	}
	return c.FirstSix + "******" + c.LastFour
}

// Transaction is what a follow-up line acts on: an approved payment or
// authorization, and what became of it since.
type Transaction struct {
	ID           TransactionID
	Line         LineAddress // the line that made it
	Command      Command
	Action       string // Payline action code of the line
	Key          Key
	Contract     ContractID
	Gateway      GatewayName
	OrderRef     string
	WalletID     WalletID
	CardIndex    int
	AgreementID  AgreementID
	Amount       money.Amount
	CompletedAt  time.Time
	Captured     int64 // minor units captured by follow-up lines
	Refunded     int64 // minor units refunded by follow-up lines
	Cancelled    bool
	NetworkTrace string // scheme transaction id
	// LastFollowUp is the key of the latest approved capture, and LastFollowUpID its
	// transaction; a refund or void aims at it.
	LastFollowUp   Key
	LastFollowUpID TransactionID
	// Of is the transaction that this one acted on, when it is a follow-up itself.
	Of TransactionID
}

// Agreement is a stored-credential series. Source: rules, section 3.
type Agreement struct {
	Merchant    MerchantID
	ID          AgreementID
	WalletID    WalletID
	Type        string
	Variability string
	Expiry      string // YYYY-MM-DD or empty
	MaxPayments int    // 0: not limited
	MinDays     int    // 0: not limited
	FixedMinor  int64  // amount of a FIXED series, 0 until its first payment
	Currency    money.Currency
	Fingerprint string // of the card the series began with
	FirstKey    Key    // attempt of the first, cardholder-initiated transaction; empty if made elsewhere
	FirstID     TransactionID
	Trace       string // scheme transaction id of that transaction
	Payments    int    // merchant-initiated payments approved so far
	LastPayment time.Time
	Stopped     bool // revoked by the issuer
}

// Changes are what an outcome changes beside its own line. Nil parts change nothing.
type Changes struct {
	Wallet      *Wallet    // written as given, with all its cards
	CloseWallet *WalletID  // removes a wallet that was only opening
	ClearOpen   *WalletID  // the wallet's open line has its outcome
	Transaction *FollowUp  // what a follow-up did to its original
	Agreement   *Agreement // written as given
	Enrolment   *Enrolment // a new one, ID 0
	// Updates are what the outcome tells of stored cards; they are recorded and change nothing.
	Updates []CardUpdate
}

// FollowUp is what an approved follow-up did to its original transaction.
type FollowUp struct {
	Original  LineAddress
	Captured  int64 // added, minor units
	Refunded  int64 // added, minor units
	Cancelled bool
	Key       Key // of the follow-up's attempt
	ID        TransactionID
}
