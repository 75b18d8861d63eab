package batch

import (
	"cmp"
	"strings"
	"time"
)

// UpdateOutcome is what an account updater's answer about a card means, whoever gave it and
// in whatever code. Source: account updaters, section 6; rules, section 5.
type UpdateOutcome string

const (
	NewNumber          UpdateOutcome = "new_number" // with or without a new expiry
	NewExpiry          UpdateOutcome = "new_expiry"
	NewProduct         UpdateOutcome = "new_product"     // American Express SmartBill tells it (PU)
	NewButExpired      UpdateOutcome = "new_but_expired" // the newer data have expired already
	AccountClosed      UpdateOutcome = "closed"
	ContactHolder      UpdateOutcome = "contact" // the cardholder is to be asked for another card
	OptOut             UpdateOutcome = "opt_out" // or: stop all payments that the merchant initiates
	UpdateUnchanged    UpdateOutcome = "unchanged"
	NoMatch            UpdateOutcome = "no_match" // the issuer takes part and has nothing on the card
	NotParticipating   UpdateOutcome = "not_participating"
	InputError         UpdateOutcome = "input_error"         // what was asked was wrong
	ConfigurationError UpdateOutcome = "configuration_error" // the merchant is not registered, or not rightly
	UnknownUpdate      UpdateOutcome = "unknown"             // a code that no table lists
	NoDecision         UpdateOutcome = "no_decision"         // no answer came in time
)

// UpdateOutcomes lists the outcomes in the order of reports.
var UpdateOutcomes = []UpdateOutcome{
	NewNumber, NewExpiry, NewProduct, NewButExpired, AccountClosed, ContactHolder, OptOut,
	UpdateUnchanged, NoMatch, NotParticipating, InputError, ConfigurationError, UnknownUpdate, NoDecision,
}

// Ends reports whether the card may not be charged any more.
func (o UpdateOutcome) Ends() bool { return o == AccountClosed || o == ContactHolder || o == OptOut }

// Renews reports whether newer data of the card come with the outcome.
func (o UpdateOutcome) Renews() bool { return o == NewNumber || o == NewExpiry }

// UpdateEffect is what an update did to its card.
type UpdateEffect string

const (
	EffectNone     UpdateEffect = "none"     // nothing was to be done
	EffectWaiting  UpdateEffect = "waiting"  // the gateway that keeps the card has to take the newer data first
	EffectChanged  UpdateEffect = "changed"  // number or expiry, or both, were replaced
	EffectDisabled UpdateEffect = "disabled" // the card may not be charged any more
	EffectStale    UpdateEffect = "stale"    // it is about data that the card has left behind
	EffectRefused  UpdateEffect = "refused"  // the gateway that keeps the card refused the newer data
	EffectShadow   UpdateEffect = "shadow"   // it was only told what would be done
)

// Settled reports whether the effect is the last one.
func (e UpdateEffect) Settled() bool { return e != EffectWaiting }

// BillingStatus is the last field of a report (Paysafe account updater, section 3.2).
type BillingStatus string

const (
	BillingActive   BillingStatus = "Active"
	BillingDisabled BillingStatus = "Disabled"
)

// CardUpdate is one fact that somebody told about a stored card, and what it did. No
// card number is in it.
type CardUpdate struct {
	ID        int64
	Merchant  MerchantID
	Wallet    WalletID
	CardIndex int
	Account   string // merchant account number at the source; empty: it has none
	Source    string // who told it: an updater's name, "smartbill", "payline", or a gateway's name
	Scheme    string // a card type
	Code      string // as told; may be empty, which is a code too
	Outcome   UpdateOutcome
	At        time.Time // of the fact, as the source says, or else when it was taken
	TakenAt   time.Time // when it was taken here
	SettledAt time.Time // when its effect became the last one; zero while it waits
	File      string    // that told it; empty: an answer of a gateway
	Line      int
	Effect    UpdateEffect
	Note      string        // why the effect is not what the outcome suggests
	Status    BillingStatus // of the card once the effect was settled
	Old       CardData
	New       CardData // of the card afterwards; while it waits: as it shall be
}

// CardData is what an update changes of a card.
type CardData struct {
	Fingerprint string // empty: the number is not known here
	LastFour    string
	Expiry      string // MMYY
}

// DataOf is the data of a card.
func DataOf(c Card) CardData { return CardData{c.Fingerprint, c.LastFour, c.Expiry} }

// ToldUpdate is what a source tells about one card.
type ToldUpdate struct {
	Outcome UpdateOutcome
	At      time.Time
	// Asked is the fingerprint of the number that the source speaks about; empty: it
	// does not say.
	Asked string
	// What is new; empty parts are not told. A source that masks numbers tells LastFour
	// and no Fingerprint.
	Fingerprint, FirstSix, LastFour, Expiry string
}

// Notes that say more than the effect.
const (
	NoteExpired = "the newer data have expired already" // so that the outcome is NewButExpired
	noteNoData  = "the record carries no newer data"
)

// UpdatedCard applies what a source tells to a card and says what it does. now is in the
// time zone of the merchant. The card comes back unchanged unless the effect is
// EffectChanged or EffectDisabled. Telling the same again has the effect none.
//
// The outcome alone says what happens to the card; number and expiry change together.
// Newer data that equal the stored ones write nothing. A disabled card stays as it is: an
// end is never taken back by an updater.
func UpdatedCard(c Card, told ToldUpdate, now time.Time) (changed Card, effect UpdateEffect, note string) {
	if !told.Outcome.Ends() && !told.Outcome.Renews() {
		return c, EffectNone, ""
	}
	if c.Status == CardDisabled || c.Status.Ended() {
		return c, EffectNone, "the card is disabled already"
	}
	if told.Asked != "" && c.Fingerprint != "" && told.Asked != c.Fingerprint {
		if told.Outcome.Renews() && told.Fingerprint == c.Fingerprint && cmp.Or(told.Expiry, c.Expiry) == c.Expiry {
			return c, EffectNone, "the card has these data already"
		}
		return c, EffectStale, "the card has another number meanwhile"
	}
	if told.Outcome.Ends() {
		c.Status, c.Sealed = CardDisabled, nil // nobody needs the number of a card that is never asked about again
		return c, EffectDisabled, ""
	}
	fresh, older := c, told.At.Before(c.ChangedAt)
	if told.renumbers(c) {
		// As long as the card has the number that it is about, a new one is news, however old.
		older = older && (told.Asked == "" || told.Asked != c.Fingerprint)
		fresh.Fingerprint, fresh.FirstSix, fresh.LastFour = told.Fingerprint, told.FirstSix, told.LastFour
		fresh.Sealed = nil // of the old number; the caller seals the new one where it is kept
	}
	if fresh.Expiry = cmp.Or(told.Expiry, c.Expiry); told.At.Before(c.ChangedAt) && ExpiresLater(c.Expiry, fresh.Expiry) {
		fresh.Expiry = c.Expiry
	}
	switch {
	case told.LastFour == "" && told.Expiry == "":
		return c, EffectNone, noteNoData
	case DataOf(fresh) == DataOf(c):
		return c, EffectNone, "the card has these data already"
	case older:
		return c, EffectStale, "the card was changed after that"
	case Expired(fresh.Expiry, now):
		return c, EffectNone, NoteExpired
	}
	if fresh.Status == CardExpired {
		fresh.Status = CardActive
	}
	if told.At.After(c.ChangedAt) {
		fresh.ChangedAt = told.At
	}
	return fresh, EffectChanged, ""
}

// renumbers reports whether the source tells another number than the card's. One that masks
// numbers shows it by the digits that it leaves.
func (told ToldUpdate) renumbers(c Card) bool {
	if told.LastFour == "" {
		return false
	}
	if told.Fingerprint != "" && c.Fingerprint != "" {
		return told.Fingerprint != c.Fingerprint
	}
	return told.LastFour != c.LastFour || told.FirstSix != "" && c.FirstSix != "" && told.FirstSix != c.FirstSix
}

// Candidate is a stored card with what its selection depends on.
type Candidate struct {
	Merchant     MerchantID
	Wallet       WalletID
	WalletStatus WalletStatus
	Contract     ContractID
	Gateway      GatewayName
	Card         Card
	Asked        time.Time // when an updater was asked about its present number last; zero: never
}

// Unselected is why a card is not asked for.
type Unselected string

const (
	Selected          Unselected = ""
	NoUpdater         Unselected = "its contract has no account updater"
	InactiveWallet    Unselected = "its wallet is not active"
	InactiveCard      Unselected = "the card is disabled"
	UnderSmartBill    Unselected = "it is under American Express SmartBill, which tells by itself"
	SchemeNotCovered  Unselected = "the updater does not cover its scheme"
	ExpiresAfter      Unselected = "it does not expire this month"
	ExpiredBefore     Unselected = "it expired before this month"
	UpdatedLately     Unselected = "it was updated in the last six months"
	AskedThisMonth    Unselected = "it was asked for this month"
	NumberNotKept     Unselected = "its number is not kept, so nobody can be asked about it"
	RecordNotWritable Unselected = "the request cannot hold its data"
)

// UnselectedReasons lists the reasons in the order in which they are looked at: a card is
// counted under the first that holds.
var UnselectedReasons = []Unselected{
	NoUpdater, UnderSmartBill, SchemeNotCovered, InactiveWallet, InactiveCard, ExpiredBefore, ExpiresAfter, UpdatedLately, AskedThisMonth, NumberNotKept, RecordNotWritable,
}

// updatedMonths is how many months a card that was updated is left alone (Paysafe
// account updater, section 3.1).
const updatedMonths = 6

// SelectForUpdate tells whether an updater that covers the schemes is asked about a card at
// the time, and else why not (rules, section 5: active wallet, expires in the current month, not
// updated in the last six months). now is in the time zone of the merchant.
func SelectForUpdate(c *Candidate, schemes []string, now time.Time) Unselected {
	month := MonthOf(now)
	covered := false
	for _, s := range schemes {
		covered = covered || s == SchemeOf(c.Card)
	}
	switch {
	case c.Card.Status == CardWaiting || c.Card.Status.Enrolled() || c.Card.Status.Ended():
		return UnderSmartBill
	case !covered:
		return SchemeNotCovered
	case c.WalletStatus != WalletActive:
		return InactiveWallet
	case c.Card.Status == CardDisabled:
		return InactiveCard
	case Expired(c.Card.Expiry, month):
		return ExpiredBefore
	case !Expired(c.Card.Expiry, month.AddDate(0, 1, 0)):
		return ExpiresAfter
	case c.Card.ChangedAt.After(now.AddDate(0, -updatedMonths, 0)):
		return UpdatedLately
	case !c.Asked.Before(month):
		return AskedThisMonth
	case len(c.Card.Sealed) == 0:
		return NumberNotKept
	}
	return Selected
}

// SchemeOf is the scheme whose updater knows a card. A co-branded card, or one whose type was
// never told, belongs to the scheme of its number.
func SchemeOf(c Card) string {
	if c.Type != "" && c.Type != TypeCB {
		return c.Type
	}
	for i := range cardRanges {
		if cardRanges[i].begins(c.FirstSix) {
			return cardRanges[i].cardType
		}
	}
	return c.Type
}

// Month names the month of a time, YYYY-MM.
func Month(at time.Time) string { return at.Format("2006-01") }

// LateFor reports whether an update belongs to a month before the one in which it is reported.
func (u *CardUpdate) LateFor(zone *time.Location) bool {
	return Month(u.At.In(zone)) < Month(u.SettledAt.In(zone))
}

// Noteworthy reports whether an update stands in the standard report: it changed its card, or
// somebody has to look at it. Answers that there is nothing new are only counted.
func (u *CardUpdate) Noteworthy() bool {
	switch u.Outcome {
	case UnknownUpdate, NoDecision, InputError, ConfigurationError, NewButExpired, NewProduct:
		return true
	}
	switch u.Effect {
	case EffectChanged, EffectDisabled, EffectRefused, EffectStale, EffectShadow:
		return true
	}
	return strings.Contains(u.Note, noteNoData)
}

// MonthOf is the beginning of the month of a time, in its zone.
func MonthOf(at time.Time) time.Time {
	return time.Date(at.Year(), at.Month(), 1, 0, 0, 0, 0, at.Location())
}
