package payline

import (
	"regexp"
	"strconv"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// operation is one call of the platform.
type operation struct {
	name    string // of the operation and, quoted, its SOAPAction
	service string // the port that has it
	kind    kind
	repeat  repeat
	write   func(*encoder, *gateway.Request) // nil for look-ups, which say what they ask
}

// repeat says what another endpoint may be asked after a failure (facts, section 2.5).
type repeat int

const (
	never     repeat = iota // only when nothing was written
	vendors                 // the vendor's own client repeats it; we do within a replay window
	readsOnly               // it changes nothing
)

const (
	direct   = "DirectPaymentAPI"
	extended = "ExtendedAPI"
)

var (
	createWallet     = operation{"createWallet", direct, kindWallet, never, (*encoder).createWallet}
	updateWallet     = operation{"updateWallet", direct, kindWallet, never, (*encoder).updateWallet}
	disableWallet    = operation{"disableWallet", direct, kindSwitch, never, (*encoder).disableOne}
	enableWallet     = operation{"enableWallet", direct, kindSwitch, never, (*encoder).enableWallet}
	disableRecord    = operation{"disablePaymentRecord", direct, kindSwitch, never, (*encoder).paymentRecord}
	walletPayment    = operation{"doImmediateWalletPayment", direct, kindPayment, vendors, (*encoder).walletPayment}
	scheduledPayment = operation{"doScheduledWalletPayment", direct, kindSchedule, never, (*encoder).scheduledPayment}
	recurrentPayment = operation{"doRecurrentWalletPayment", direct, kindSchedule, never, (*encoder).recurrentPayment}
	authorization    = operation{"doAuthorization", direct, kindPayment, vendors, (*encoder).authorization}
	reauthorization  = operation{"doReAuthorization", direct, kindPayment, vendors, (*encoder).reauthorization}
	capture          = operation{"doCapture", direct, kindFollowUp, never, (*encoder).capture}
	refund           = operation{"doRefund", direct, kindFollowUp, never, (*encoder).refund}
	reset            = operation{"doReset", direct, kindFollowUp, never, (*encoder).reset}

	showWallet  = operation{"getWallet", direct, kindRead, readsOnly, (*encoder).showWallet}
	stateWallet = operation{"getWallet", direct, kindState, readsOnly, nil}
	stateCards  = operation{"getCards", direct, kindState, readsOnly, nil}
	stateRecord = operation{"getPaymentRecord", direct, kindState, readsOnly, nil}
	details     = operation{"getTransactionDetails", extended, kindLookup, readsOnly, nil}
	search      = operation{"transactionsSearch", extended, kindSearch, readsOnly, nil}
)

// showWallet asks for the wallet's card that the line means.
func (e *encoder) showWallet(req *gateway.Request) { e.getWallet(req, chargedIndex(req)) }

// operationOf finds the call that carries out a request; its name is empty when there is none.
func operationOf(req *gateway.Request) operation {
	switch req.Command {
	case batch.CreateWallet:
		return createWallet
	case batch.UpdateWallet:
		return updateWallet
	case batch.DisableWallet:
		return disableWallet
	case batch.EnableWallet:
		return enableWallet
	case batch.GetWallet:
		return showWallet
	case batch.DoImmediateWalletPayment:
		return walletPayment
	case batch.DoAuthorization, batch.Verify:
		// A kept card is charged, or verified, through its wallet.
		if req.Wallet != nil && req.Card.Number.IsZero() {
			return walletPayment
		}
		return authorization
	case batch.DoScheduledWalletPayment:
		return scheduledPayment
	case batch.DoRecurrentWalletPayment:
		return recurrentPayment
	case batch.DoCapture:
		return capture
	case batch.DoReAuthorization:
		return reauthorization
	case batch.DoRefund:
		return refund
	case batch.DoReset:
		return reset
	case batch.DisablePaymentRecord:
		return disableRecord
	}
	return operation{}
}

// chargedIndex is the card of the wallet that a request means; 0 leaves it to the
// platform. The default card is named, so that ours and the platform's cannot differ.
func chargedIndex(req *gateway.Request) int {
	if req.CardIndex == 0 && req.Wallet != nil {
		return req.Wallet.DefaultCard
	}
	return req.CardIndex
}

// fromTransaction reports whether a wallet is made from the card of an earlier transaction.
func fromTransaction(req *gateway.Request) bool {
	return req.Command == batch.CreateWallet && req.Original != nil && req.Original.ID != "" && req.Card.Number.IsZero()
}

// changedCard is what a wallet line says about the card: all of it for a new wallet, and
// for a standing one what differs from the card that it has.
func changedCard(req *gateway.Request) gateway.Card {
	card := req.Card
	if fromTransaction(req) {
		return gateway.Card{}
	}
	if req.Command == batch.CreateWallet || !card.Number.IsZero() {
		return card
	}
	kept, ok := req.Wallet.Card(req.CardIndex)
	if !ok {
		return card
	}
	if card.Token == kept.Token {
		card.Token = ""
	}
	if card.Token != "" {
		return card // another card
	}
	if card.Expiry == kept.Expiry {
		card.Expiry = ""
	}
	if card.Cardholder == kept.Cardholder {
		card.Cardholder = ""
	}
	if card.Expiry == "" && card.Cardholder == "" {
		return gateway.Card{}
	}
	return card
}

// typeOf is the card type that the line names, or the one that the number's range tells.
func typeOf(card *gateway.Card) string {
	if card.Type != "" || card.Number.IsZero() {
		return card.Type
	}
	return batch.CardTypeOf(card.Number)
}

var versionForm = regexp.MustCompile(`^[1-9][0-9]?$`)

// versionOf is the interface version that a line asks for, or the configured one.
func versionOf(req *gateway.Request, configured int) int {
	if n, err := strconv.Atoi(req.Version); err == nil {
		return n
	}
	return configured
}

// refuse ends a request that the platform could not understand, before it is sent.
func refuse(op operation, req *gateway.Request) (gateway.Answer, bool) {
	switch {
	case req.Version != "" && !versionForm.MatchString(req.Version):
		return refused("02305", "the version must be a number from 1 to 99"), true
	case len(req.Private)+ownData > maxPrivateData:
		return refused("02514", "two private data are the program's own: 97 are left"), true
	}
	for _, d := range req.Private {
		if d.Key == datumKey || d.Key == datumOrderRef {
			return refused("02305", "the private data "+datumKey+" and "+datumOrderRef+" are the program's own"), true
		}
	}
	switch op.kind {
	case kindPayment, kindSchedule:
		if req.Command != batch.DoReAuthorization {
			return refusePayment(op, req)
		}
		return refuseFollowUp(req)
	case kindFollowUp:
		return refuseFollowUp(req)
	case kindWallet, kindRead:
		return refuseWallet(req)
	}
	if req.Command == batch.DisablePaymentRecord {
		if req.PaymentRecord == "" {
			return refused("02507", "no payment record is named"), true
		}
		return gateway.Answer{}, false
	}
	return refuseWallet(req)
}

func refusePayment(op operation, req *gateway.Request) (gateway.Answer, bool) {
	card := &req.Card
	switch {
	case req.Command != batch.Verify && req.Action != "" && req.Action != actionAuthorize && req.Action != actionPay:
		return refused("02321", "only actions 100 and 101 exist here"), true
	case req.Amount.Currency.Numeric() == "":
		return refused("01181", "no currency"), true
	case op.kind == kindSchedule && req.Schedule == nil:
		return refused("02305", "no schedule"), true
	case op.name != authorization.name && req.Wallet == nil:
		return refused("02503", "no wallet"), true
	case op.name != authorization.name:
		return gateway.Answer{}, false
	case card.Token == "" && card.Number.IsZero():
		return refused("02305", "neither a token nor a card number"), true
	case typeOf(card) == "":
		return refused("02305", "the card type must be given: the number does not tell it"), true
	}
	return gateway.Answer{}, false
}

func refuseFollowUp(req *gateway.Request) (gateway.Answer, bool) {
	switch {
	case req.Original == nil || req.Original.ID == "":
		return refused("02301", "the original transaction is not known"), true
	case (req.Command != batch.DoReset || req.Amount.Minor > 0) && req.Amount.Currency.Numeric() == "":
		return refused("01181", "no currency"), true
	}
	return gateway.Answer{}, false
}

func refuseWallet(req *gateway.Request) (gateway.Answer, bool) {
	if req.Wallet == nil {
		return refused("02503", "no wallet"), true
	}
	card := changedCard(req)
	switch {
	case req.Command == batch.CreateWallet && !fromTransaction(req) && card.Token == "" && card.Number.IsZero():
		return refused("02305", "no card data"), true
	case (card.Token != "" || !card.Number.IsZero()) && typeOf(&card) == "":
		return refused("02305", "the card type must be given: the number does not tell it"), true
	}
	return gateway.Answer{}, false
}

func refused(code, message string) gateway.Answer {
	return gateway.Answer{State: batch.Refused, Answer: batch.Answer{Code: code, Message: message}}
}
