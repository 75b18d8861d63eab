package payline

import (
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/xmltext"
)

// Namespaces of the messages and their direct children, and of what lies deeper, which
// has the prefix o here (facts, section 2.2).
const (
	messageSpace = "http://impl.ws.payline.experian.com"
	objectSpace  = "http://obj.ws.payline.experian.com"
	soapSpace    = "http://schemas.xmlsoap.org/soap/envelope/"
)

const envelopeHead = xmltext.Header + `<s:Envelope xmlns:s="` + soapSpace +
	`" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns:o="` + objectSpace + `"><s:Body>`

const envelopeTail = `</s:Body></s:Envelope>`

// Action codes of a payment (facts, section 3.6).
const (
	actionAuthorize    = "100"
	actionPay          = "101"
	actionVerify       = "108"
	actionCapture      = "201"
	actionReauthorize  = "202"
	actionRefund       = "421"
	offsetFirst        = 10 // 110, 111: the first of a series
	offsetLater        = 20 // 120, 121: one of those that follow
	modeCash           = "CPT"
	modeDeferred       = "DIF"
	datumOrderRef      = "order_ref" // private datum with the merchant's order reference
	datumKey           = "cardbatch" // private datum with the key of the attempt
	ownData            = 2
	maxPrivateData     = 99 // what code 02514 says; the schema has room for 100
	maxHolder          = 30 // characters of a cardholder in doAuthorization
	sinceResetData     = 24 // versions from which on the platform knows a field
	sinceLinked        = 26
	sinceDescriptor    = 13
	dateForm, timeForm = "02/01/2006", "02/01/2006 15:04"
)

// encoder writes messages. Elements come in the order of the schema; what the schema
// wants present is nil when there is nothing to say.
type encoder struct {
	xmltext.Writer
	version       int
	now           time.Time
	seriesActions bool
}

// message writes a whole request around what write writes.
func (e *encoder) message(name string, write func(*encoder)) {
	e.Raw(envelopeHead)
	e.OpenIn(name+"Request", messageSpace)
	write(e)
	e.Close()
	e.Raw(envelopeTail)
}

func (e *encoder) versionField() { e.Text("version", strconv.Itoa(e.version)) }

// createWallet: payline facts, section 3.1.
func (e *encoder) createWallet(req *gateway.Request) {
	e.versionField()
	e.Text("contractNumber", string(req.Contract))
	e.wallet(req)
	e.Nil("buyer", "owner")
	e.privateData(req)
	e.Nil("authentication3DSecure", "media", "contractNumberWalletList")
	transaction := ""
	if fromTransaction(req) {
		transaction = string(req.Original.ID)
	}
	e.Nillable("transactionID", transaction)
}

func (e *encoder) updateWallet(req *gateway.Request) {
	e.versionField()
	e.Text("contractNumber", string(req.Contract))
	e.Nillable("cardInd", cardInd(chargedIndex(req)))
	e.wallet(req)
	e.Nil("buyer", "owner")
	e.privateData(req)
	e.Nil("authentication3DSecure", "media", "contractNumberWalletList", "transactionID")
}

func (e *encoder) getWallet(req *gateway.Request, index int) {
	e.versionField()
	e.Text("contractNumber", string(req.Contract))
	e.Text("walletId", string(req.Wallet.ID))
	e.Nillable("cardInd", cardInd(index))
	e.Nil("media")
}

// getCards asks for all cards of the wallet.
func (e *encoder) getCards(req *gateway.Request) {
	e.versionField()
	e.Text("contractNumber", string(req.Contract))
	e.Text("walletId", string(req.Wallet.ID))
	e.Nil("cardInd")
}

// disableWallet writes 1 to 500 wallets. Without a card index it is the whole wallet.
func (e *encoder) disableWallet(contract batch.ContractID, index int, wallets ...batch.WalletID) {
	e.Text("contractNumber", string(contract))
	e.Nillable("cardInd", cardInd(index))
	e.Open("walletIdList")
	for _, id := range wallets {
		e.Text("o:walletId", string(id))
	}
	e.Close()
}

// disableOne sends a single id: when some of several cannot be disabled (02517) nothing
// documented says which, and every line needs an answer of its own.
func (e *encoder) disableOne(req *gateway.Request) {
	e.disableWallet(req.Contract, req.CardIndex, req.Wallet.ID)
}

func (e *encoder) enableWallet(req *gateway.Request) {
	e.Text("contractNumber", string(req.Contract))
	e.Nillable("cardInd", cardInd(req.CardIndex))
	e.Text("walletId", string(req.Wallet.ID))
}

// walletPayment writes doImmediateWalletPayment: facts, section 3.2.
func (e *encoder) walletPayment(req *gateway.Request) {
	e.versionField()
	e.payment(req, e.action(req))
	e.order(req)
	e.Nil("buyer")
	e.Text("walletId", string(req.Wallet.ID))
	e.Nillable("cardInd", cardInd(chargedIndex(req)))
	e.Nil("cvx")
	e.privateData(req)
	e.Nil("media", "authentication3DSecure", "subMerchant")
	e.linked(req)
	e.Nil("threeDSInfo")
}

// scheduledPayment writes doScheduledWalletPayment: facts, section 3.2.
func (e *encoder) scheduledPayment(req *gateway.Request) {
	e.versionField()
	e.payment(req, e.action(req))
	e.Nillable("orderRef", string(req.Key))
	e.Nillable("orderDate", e.orderDate(req))
	e.Text("scheduledDate", day(req.Schedule.Date))
	e.Text("walletId", string(req.Wallet.ID))
	e.Nillable("cardInd", cardInd(chargedIndex(req)))
	e.order(req)
	e.privateData(req)
	e.Nil("media", "subMerchant")
	e.linked(req)
}

// recurrentPayment writes doRecurrentWalletPayment: facts, section 3.2.
func (e *encoder) recurrentPayment(req *gateway.Request) {
	e.versionField()
	e.payment(req, e.action(req))
	e.Text("orderRef", string(req.Key))
	e.Text("orderDate", e.orderDate(req))
	e.Text("scheduledDate", day(req.Schedule.Date))
	e.Text("walletId", string(req.Wallet.ID))
	e.Nillable("cardInd", cardInd(chargedIndex(req)))
	e.Nil("cvx")
	e.recurring(req.Schedule)
	e.privateData(req)
	e.order(req)
	e.Nil("media")
	e.linked(req)
}

func (e *encoder) paymentRecord(req *gateway.Request) {
	e.Text("contractNumber", string(req.Contract))
	e.Text("paymentRecordId", req.PaymentRecord)
}

func (e *encoder) getPaymentRecord(req *gateway.Request) {
	e.versionField()
	e.paymentRecord(req)
}

// authorization writes doAuthorization, with a card number or a token: facts, section 3.3.
func (e *encoder) authorization(req *gateway.Request) {
	e.Nil("transient")
	e.versionField()
	e.payment(req, e.action(req))
	e.Open("bankAccountData")
	e.Nil("o:countryCode", "o:bankCode", "o:accountNumber", "o:key")
	e.Close()
	card := req.Card
	card.Cardholder = firstChars(card.Cardholder, maxHolder)
	e.card("card", card)
	e.order(req)
	e.Nil("buyer", "owner")
	e.privateData(req)
	e.Nil("authentication3DSecure", "media", "subMerchant", "asynchronousRetryTimeout")
	e.linked(req)
	e.Nil("threeDSInfo", "recurring")
}

func (e *encoder) capture(req *gateway.Request) {
	e.versionField()
	e.Text("transactionID", string(req.Original.ID))
	e.payment(req, actionCapture)
	e.privateData(req)
	e.Nillable("sequenceNumber", string(req.Key))
	e.Nil("media", "miscData")
}

// reauthorization writes doReAuthorization: facts, section 3.5.
func (e *encoder) reauthorization(req *gateway.Request) {
	e.versionField()
	e.Text("transactionID", string(req.Original.ID))
	e.payment(req, actionReauthorize)
	e.order(req)
	e.privateData(req)
	e.Nil("media")
}

// refund names the authorization, as the vendor's page on doRefund says, captured later or not.
func (e *encoder) refund(req *gateway.Request) {
	e.versionField()
	e.Text("transactionID", string(req.Original.ID))
	e.payment(req, actionRefund)
	e.Nillable("comment", req.Comment)
	e.privateData(req)
	e.Nillable("sequenceNumber", string(req.Key))
	e.Nil("media", "miscData")
}

func (e *encoder) reset(req *gateway.Request) {
	e.versionField()
	e.Text("transactionID", string(req.Original.ID))
	e.Nillable("comment", req.Comment)
	e.Nil("media")
	if req.Amount.Minor > 0 {
		e.Text("amount", minor(req.Amount))
		e.Text("currency", req.Amount.Currency.Numeric())
	} else {
		e.Nil("amount", "currency")
	}
	if e.version >= sinceResetData {
		e.privateData(req)
	}
	e.Nillable("sequenceNumber", string(req.Key))
}

// details writes getTransactionDetails, by the platform's id or by order reference.
func (e *encoder) details(transaction, orderRef string, in period) {
	e.versionField()
	e.Nillable("transactionId", transaction)
	e.Nillable("orderRef", orderRef)
	if in == anytime {
		e.Nil("startDate", "endDate")
	} else {
		e.period(in)
	}
	e.Nil("transactionHistory", "archiveSearch")
}

func (e *encoder) period(in period) {
	e.Text("startDate", in.from.Format(dateForm))
	e.Text("endDate", in.to.Format(dateForm))
}

// criteria are what transactionsSearch looks for: all that are given.
type criteria struct{ transaction, orderRef, sequence, code string }

func (e *encoder) search(by criteria, in period) {
	e.versionField()
	e.Nillable("transactionId", by.transaction)
	e.Nillable("orderRef", by.orderRef)
	e.period(in)
	e.Nil("contractNumber", "authorizationNumber")
	e.Nillable("returnCode", by.code)
	e.Nil("paymentMean", "transactionType", "name", "firstName", "email", "cardNumber", "currency", "minAmount", "maxAmount", "walletId")
	e.Nillable("sequenceNumber", by.sequence)
	e.Nil("token", "pointOfSellId", "cardNetwork", "threeDSecured", "customerMediaId")
}
