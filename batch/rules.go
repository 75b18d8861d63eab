package batch

import (
	"strconv"
	"time"
)

// Five-digit codes that the rules return. Source: rules, sections 1 to 3;
// payline facts, sections 4.2 and 4.3 for those that the rules leave open.
const (
	CodeAccepted          = "00000"
	CodeDeclined          = "01100" // by the issuer, without a reason
	CodeCurrencyRefused   = "01181"
	CodePending           = "02000"
	CodeDuplicate         = "02001"
	CodeDuplicatePending  = "02002"
	CodeUnavailable       = "02010"
	CodeNoAnswer          = "02103"
	CodeBadAmount         = "02110"
	CodeBadTransactionID  = "02301"
	CodeBadTransaction    = "02302"
	CodeBadContract       = "02303"
	CodeBadField          = "02305"
	CodeBadMode           = "02308"
	CodeNotCapturable     = "02313"
	CodeNotRefundable     = "02314"
	CodeBadAction         = "02321"
	CodeDone              = "02500"
	CodeWalletExists      = "02502"
	CodeWalletUnknown     = "02503"
	CodeWalletDisabled    = "02505"
	CodeCardOutlived      = "02506"
	CodeScheduleSum       = "02509"
	CodeCardTypeRefused   = "02511"
	CodeCardIndex         = "02518"
	CodeNotEnabled        = "02519"
	CodeCardInWallet      = "02521"
	CodeSmartBillField    = "02522"
	CodeNotEnrolled       = "02523"
	CodeNumberAndToken    = "02538"
	CodeResetUnsupported  = "02600"
	CodeResetDone         = "02601"
	CodeAuthorizationOver = "02602"
	CodeAmountDiffers     = "02612"
	CodeSumExceeded       = "02613"
	CodeLuhn              = "02614"
	CodeCaptured          = "02617"
	CodeNotCaptured       = "02618"
	CodeNoReauthorization = "02619"
	CodeCurrencyDiffers   = "02620"
	CodeSourceRefused     = "02621"
	CodeCardExpired       = "02624"
	CodeCardFormat        = "02625"
)

// AuthorizationLife is how long an authorization may be captured (rules, section 2).
const AuthorizationLife = 7 * 24 * time.Hour

// How long a transaction may be re-authorized, and how long an order reference may not
// come again for it (rules, section 2).
const (
	reauthorizeMonths = 11
	sameOrderWindow   = 24 * time.Hour
)

// maxCaptureDays is how far ahead a deferred capture may lie (batch interface, section 3).
const maxCaptureDays = 6

// Payline action codes of the commands of this interface.
const (
	ActionAuthorize = "100" // authorization alone
	ActionPurchase  = "101" // authorization and capture
)

// RefusalCode is the five-digit code of a line that a finding refuses.
func RefusalCode(f FindingCode) string {
	switch f {
	case Luhn:
		return CodeLuhn
	case DuplicateLineRef, Conflict:
		return CodeDuplicate
	case InDoubtBlocked, LineInProgress:
		return CodeDuplicatePending
	}
	return CodeBadField
}

// Facts is everything that the rules look at beside the line itself.
type Facts struct {
	At          LineAddress
	Contract    *Contract   // nil: not configured
	Gateway     GatewayName // that the line goes to; empty: the contract's
	Available   bool        // the gateway has the command
	Deferred    bool        // the gateway takes the mode DIF for it
	KeepsCards  bool        // the gateway keeps wallets, and the card of every transaction
	Wallet      *Wallet     // nil: unknown
	Original    *Transaction
	Agreement   *Agreement
	Enrolment   *Enrolment // with American Express, of the card that the line means; nil: none
	Fingerprint string     // of the card number in the line, if any
	Now         time.Time
}

// Ruling is what the rules say before anything is sent. The zero Ruling lets the line go.
type Ruling struct {
	Code    string // not empty: refused, and why
	Message string // what the code's own text does not say
	Wait    string // not empty: stays queued for now, and why
}

func refuse(code, message string) Ruling { return Ruling{Code: code, Message: message} }

// Judge applies the rules of sections 1 to 3 to a line. Every refusal costs nothing.
func Judge(l *Line, f Facts) Ruling {
	if r := judgeContract(l, f); r != (Ruling{}) {
		return r
	}
	switch l.Command.Phase() {
	case PhaseWallet:
		return judgeWallet(l, f)
	case PhasePayment:
		return judgePayment(l, f)
	default:
		return judgeFollowUp(l, f)
	}
}

func judgeContract(l *Line, f Facts) Ruling {
	// A follow-up is judged by its original before its contract: an unknown
	// transaction has none.
	if l.Command.Phase() == PhaseFollowUp && l.TransactionID != "" {
		if f.Original == nil {
			return refuse(CodeBadTransactionID, "no transaction with this id was made by this merchant here")
		}
		if l.Contract != "" && l.Contract != f.Original.Contract {
			return refuse(CodeBadContract, "the original was made under another contract")
		}
	}
	if f.Contract == nil {
		return refuse(CodeBadContract, "this contract is not configured for the merchant")
	}
	if !f.Available {
		return refuse(CodeUnavailable, "")
	}
	if f.Contract.viaFiles() {
		return judgeByFile(l)
	}
	return Ruling{}
}

func judgeWallet(l *Line, f Facts) Ruling {
	// A wallet that this very line opened before is not in its way.
	known := f.Wallet != nil && !(f.Wallet.Status == WalletOpening && f.Wallet.OpenLine == f.At)
	if f.Wallet != nil && f.Wallet.OpenLine != (LineAddress{}) && f.Wallet.OpenLine != f.At {
		return Ruling{Wait: "an earlier line of the wallet has no outcome yet"}
	}
	if l.Command == CreateWallet {
		if known {
			return refuse(CodeWalletExists, "")
		}
		return judgeCardData(l, f)
	}
	if !known {
		return refuse(CodeWalletUnknown, "")
	}
	if f.Wallet.Gateway != f.Contract.KeptAt() {
		return refuse(CodeBadContract, "the wallet's card is kept at another gateway")
	}
	card, hasCard := f.Wallet.Card(CardIndexOf(l))
	if l.CardIndex != "" && !hasCard {
		return refuse(CodeCardIndex, "")
	}
	switch l.Command {
	case EnableWallet:
		if l.CardIndex == "" && f.Wallet.Status != WalletDisabled {
			return refuse(CodeNotEnabled, "the wallet is not disabled")
		}
		if l.CardIndex != "" && card.Status != CardDisabled {
			return refuse(CodeNotEnabled, "the card is not disabled")
		}
		return judgeEnabling(l, f, card)
	case DisableWallet, UpdateWallet:
		if f.Wallet.Status == WalletDisabled || (hasCard && card.Status == CardDisabled) {
			return refuse(CodeWalletDisabled, "")
		}
	}
	if l.Command == UpdateWallet && !(l.CardNumber.IsZero() && l.CardToken == "") {
		if r := judgeReplacement(l, f, card); r != (Ruling{}) {
			return r
		}
		for _, other := range f.Wallet.Cards {
			if f.Fingerprint != "" && other.Fingerprint == f.Fingerprint && other.Index != card.Index {
				return refuse(CodeCardInWallet, "")
			}
		}
		return judgeCardData(l, f)
	}
	return Ruling{}
}

func judgeCardData(l *Line, f Facts) Ruling {
	if !l.CardNumber.IsZero() && l.CardToken != "" {
		return refuse(CodeNumberAndToken, "")
	}
	if l.CardNumber.IsZero() && l.CardToken == "" && l.Command == CreateWallet {
		if f.Original == nil {
			return refuse(CodeBadTransactionID, "no transaction with this id was made by this merchant here")
		}
		if f.Original.WalletID == "" && !f.KeepsCards {
			return refuse(CodeBadTransaction, "that transaction's card was not kept")
		}
		if f.Original.Gateway != f.Contract.Gateway && f.Original.Gateway != f.Contract.KeptAt() {
			return refuse(CodeBadContract, "that transaction's card is kept at another gateway")
		}
	}
	if l.CardExpiry != "" && Expired(l.CardExpiry, f.Now.In(f.Contract.Zone)) {
		return refuse(CodeCardExpired, "")
	}
	cardType := l.CardType
	if cardType == "" {
		cardType = CardTypeOf(l.CardNumber)
	}
	if !f.Contract.acceptsType(cardType) {
		return refuse(CodeCardTypeRefused, "")
	}
	return Ruling{}
}

func judgePayment(l *Line, f Facts) Ruling {
	if r := judgeTerms(l, f); r != (Ruling{}) {
		return r
	}
	if l.WalletID == "" {
		if r := judgeCardData(l, f); r != (Ruling{}) {
			return r
		}
		return judgeSeries(l, f, l.CardExpiry, f.Fingerprint, "")
	}
	if f.Wallet == nil {
		return refuse(CodeWalletUnknown, "")
	}
	if f.Wallet.OpenLine != (LineAddress{}) {
		return Ruling{Wait: "a wallet line of this wallet has no outcome yet"}
	}
	if f.Wallet.Gateway != f.Contract.KeptAt() {
		return refuse(CodeBadContract, "the wallet's card is kept at another gateway")
	}
	card, ok := f.Wallet.Card(CardIndexOf(l))
	switch {
	case f.Wallet.Status == WalletDisabled:
		return refuse(CodeWalletDisabled, "")
	case !ok:
		return refuse(CodeCardIndex, "")
	case card.Status == CardDisabled:
		return refuse(CodeWalletDisabled, "the card is disabled")
	case card.Status.Ended() || f.Contract.SmartBill != nil && card.Type == TypeAmex:
		if r := judgeEnrolled(f, card); r != (Ruling{}) {
			return r
		}
	}
	switch {
	case f.Contract.SmartBill != nil && card.Status.Enrolled():
		// American Express charges the account behind the alias, and tells a new date in its own time.
	case card.Status == CardExpired || card.Expiry != "" && Expired(card.Expiry, f.Now.In(f.Contract.Zone)):
		return refuse(CodeCardExpired, "")
	}
	if !f.Contract.acceptsType(card.Type) {
		return refuse(CodeCardTypeRefused, "")
	}
	if r := judgeSchedule(l, f, card.Expiry); r != (Ruling{}) {
		return r
	}
	if card.Status.Enrolled() && l.AgreementID == "" {
		return Ruling{} // the enrolment with American Express stands for the first transaction
	}
	return judgeSeries(l, f, card.Expiry, card.Fingerprint, card.NetworkTransaction)
}

// judgeTerms checks amount, currency, mode and action.
func judgeTerms(l *Line, f Facts) Ruling {
	if l.Currency != "" && !f.Contract.acceptsCurrency(l.Currency) {
		return refuse(CodeCurrencyRefused, "")
	}
	if amount, ok := l.Amount(); ok && amount.Minor == 0 && l.Command != Verify {
		return refuse(CodeBadAmount, "the amount is zero")
	}
	if r := judgeMode(l, f); r != (Ruling{}) {
		return r
	}
	if l.Action != "" && l.Action != ActionAuthorize && l.Action != ActionPurchase {
		return refuse(CodeBadAction, "")
	}
	return Ruling{}
}

// judgeMode checks the payment mode: a command takes few.
func judgeMode(l *Line, f Facts) Ruling {
	switch mode := l.PaymentMode(); {
	case l.Command == DoRecurrentWalletPayment:
		if mode != "REC" && mode != "NX" {
			return refuse(CodeBadMode, "a schedule is REC or NX")
		}
	case mode == "CPT":
	case mode == "DIF" && l.Command != DoScheduledWalletPayment:
		if !f.Deferred {
			return refuse(CodeBadMode, "this gateway has no deferred capture: authorize with action 100, then send doCapture")
		}
		today := f.Now.In(f.Contract.Zone)
		if l.CaptureDate != "" && (l.CaptureDate < today.Format(time.DateOnly) || l.CaptureDate > today.AddDate(0, 0, maxCaptureDays).Format(time.DateOnly)) {
			return refuse(CodeBadField, "the capture date must be within 6 days")
		}
	default:
		return refuse(CodeBadMode, "")
	}
	return Ruling{}
}

// PaymentMode is the Payline mode of a payment line, its default included.
func (l *Line) PaymentMode() string {
	switch {
	case l.Mode != "":
		return l.Mode
	case l.Command == DoRecurrentWalletPayment:
		return "REC"
	}
	return "CPT"
}

// judgeDisabling checks disablePaymentRecord. Only the gateway knows its records.
func judgeDisabling(f Facts) Ruling {
	switch {
	case f.Wallet == nil:
		return refuse(CodeWalletUnknown, "")
	case f.Wallet.Gateway != f.Contract.KeptAt():
		return refuse(CodeBadContract, "the wallet's card is kept at another gateway")
	}
	return Ruling{}
}

// judgeReauthorization applies rules, section 2.
func judgeReauthorization(l *Line, f Facts) Ruling {
	o := f.Original
	switch {
	case !f.Contract.Reauthorize:
		return refuse(CodeNoReauthorization, "")
	case f.Now.After(o.CompletedAt.AddDate(0, reauthorizeMonths, 0)):
		return refuse(CodeAuthorizationOver, "a transaction can be re-authorized for 11 months")
	case (l.OrderRef == "" || l.OrderRef == o.OrderRef) && f.Now.Sub(o.CompletedAt) < sameOrderWindow:
		return refuse(CodeDuplicate, "within 24 hours a re-authorization needs another order reference")
	}
	return Ruling{}
}

func judgeFollowUp(l *Line, f Facts) Ruling {
	if l.Command == DisablePaymentRecord {
		return judgeDisabling(f)
	}
	o := f.Original
	if o == nil {
		return refuse(CodeBadTransactionID, "")
	}
	switch o.Command {
	case Verify, DoRefund, DoReset:
		return refuse(CodeBadTransaction, "that transaction is no payment or authorization")
	}
	if !f.Contract.sameAccount(o.Gateway, f.Gateway) {
		return refuse(CodeBadContract, "the original was made at another gateway; leave the contract out to reach it there")
	}
	amount, hasAmount := l.Amount()
	if l.Currency != "" && l.Currency != o.Amount.Currency {
		return refuse(CodeCurrencyDiffers, "")
	}
	if hasAmount && amount.Minor == 0 {
		return refuse(CodeBadAmount, "the amount is zero")
	}
	authorizationOnly := o.PaymentAction() == ActionAuthorize
	switch l.Command {
	case DoReAuthorization:
		return judgeReauthorization(l, f)
	case DoCapture:
		switch {
		case !authorizationOnly:
			return refuse(CodeCaptured, "the original was captured when it was made")
		case o.Cancelled:
			return refuse(CodeNotCapturable, "the authorization was cancelled")
		case o.Captured >= o.Amount.Minor:
			return refuse(CodeCaptured, "")
		case f.Now.Sub(o.CompletedAt) > AuthorizationLife:
			return refuse(CodeAuthorizationOver, "an authorization lives 7 days")
		case o.Captured+amount.Minor > o.Amount.Minor:
			return refuse(CodeSumExceeded, "")
		}
	case DoRefund:
		paid := o.Captured
		if !authorizationOnly {
			paid = o.Amount.Minor
		}
		switch {
		case o.Cancelled:
			return refuse(CodeNotRefundable, "the original was cancelled")
		case paid == 0:
			return refuse(CodeNotCaptured, "")
		case o.Refunded+amount.Minor > paid:
			return refuse(CodeSumExceeded, "")
		}
	case DoReset:
		switch {
		case o.Cancelled:
			return refuse(CodeResetDone, "")
		case o.Captured > 0 || o.Refunded > 0:
			return refuse(CodeResetUnsupported, "the original was captured or refunded: send doRefund")
		case hasAmount && amount.Minor != o.Amount.Minor:
			return refuse(CodeAmountDiffers, "a reset cancels the whole amount")
		}
	}
	return Ruling{}
}

// PaymentAction is the Payline action code that the transaction was made with.
func (t *Transaction) PaymentAction() string { return actionOf(t.Command, t.Action) }

// PaymentAction is the Payline action code of a payment line, its default included.
func (l *Line) PaymentAction() string { return actionOf(l.Command, l.Action) }

func actionOf(c Command, action string) string {
	switch {
	case action != "":
		return action
	case c == DoAuthorization || c == DoReAuthorization:
		return ActionAuthorize
	}
	return ActionPurchase
}

// CardIndexOf reads the card index of a line; 0 asks for the default card.
func CardIndexOf(l *Line) int {
	n, _ := strconv.Atoi(l.CardIndex)
	return n
}

// CardOf returns the wallet's card that the line names.
func (l *Line) CardOf(w *Wallet) (Card, bool) { return w.Card(CardIndexOf(l)) }
