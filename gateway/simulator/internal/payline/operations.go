package payline

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strings"

	"cardbatch/gateway/simulator/stage"
)

// Operations, under their names in the WSDL.
const (
	opCreateWallet     = "createWallet"
	opUpdateWallet     = "updateWallet"
	opGetWallet        = "getWallet"
	opGetCards         = "getCards"
	opDisableWallet    = "disableWallet"
	opEnableWallet     = "enableWallet"
	opWalletPayment    = "doImmediateWalletPayment"
	opScheduledPayment = "doScheduledWalletPayment"
	opRecurrentPayment = "doRecurrentWalletPayment"
	opGetRecord        = "getPaymentRecord"
	opDisableRecord    = "disablePaymentRecord"
	opAuthorization    = "doAuthorization"
	opCapture          = "doCapture"
	opReAuthorization  = "doReAuthorization"
	opRefund           = "doRefund"
	opReset            = "doReset"
	opDetails          = "getTransactionDetails"
	opSearch           = "transactionsSearch"
)

// operation is what may be asked.
type operation struct {
	service string // that serves it
	carry   func(*Gateway, *element) (*element, error)
	key     func(*element) string // the caller's key
	lookup  bool
	issuer  bool // it asks an issuer, so that a decline is one of the issuer's
}

const (
	direct   = "DirectPaymentAPI"
	extended = "ExtendedAPI"
)

// privateKey and privateReference are the private data that carry the caller's key, where
// an operation has no reference of the caller's own, and the merchant's order reference.
const (
	privateKey       = "cardbatch"
	privateReference = "order_ref"
)

// Payments and re-authorizations are known by their order reference, everything else by a
// private datum, or by what else the caller chose.

func ofOrder(in *element) string {
	return cmp.Or(in.get("order", "ref"), in.get("orderRef"), private(in, privateKey))
}

func ofFollowUp(in *element) string {
	return cmp.Or(private(in, privateKey), in.get("sequenceNumber"), in.get("comment"), in.get("transactionID"))
}

func ofWallet(in *element) string {
	return cmp.Or(private(in, privateKey), in.get("wallet", "walletId"), in.get("walletId"), in.get("walletIdList", "walletId"))
}

func ofRecord(in *element) string { return in.get("paymentRecordId") }

func ofLookup(in *element) string {
	return cmp.Or(in.get("transactionId"), in.get("orderRef"), in.get("sequenceNumber"))
}

// operations lists what is served. getWallet is no look-up here, although it changes
// nothing: it is a command of its own, and faults that name no operation have to meet it.
var operations map[string]operation

func init() { // they refer to each other
	operations = map[string]operation{
		opCreateWallet:     {direct, (*Gateway).createWallet, ofWallet, false, true},
		opUpdateWallet:     {direct, (*Gateway).updateWallet, ofWallet, false, true},
		opGetWallet:        {direct, (*Gateway).getWallet, ofWallet, false, false},
		opGetCards:         {direct, (*Gateway).getCards, ofWallet, true, false},
		opDisableWallet:    {direct, (*Gateway).disableWallet, ofWallet, false, false},
		opEnableWallet:     {direct, (*Gateway).enableWallet, ofWallet, false, false},
		opWalletPayment:    {direct, (*Gateway).doImmediateWalletPayment, ofOrder, false, true},
		opScheduledPayment: {direct, (*Gateway).doScheduledWalletPayment, ofOrder, false, false},
		opRecurrentPayment: {direct, (*Gateway).doRecurrentWalletPayment, ofOrder, false, false},
		opGetRecord:        {direct, (*Gateway).getPaymentRecord, ofRecord, true, false},
		opDisableRecord:    {direct, (*Gateway).disablePaymentRecord, ofRecord, false, false},
		opAuthorization:    {direct, (*Gateway).doAuthorization, ofOrder, false, true},
		opCapture:          {direct, (*Gateway).doCapture, ofFollowUp, false, true},
		opReAuthorization:  {direct, (*Gateway).doReAuthorization, ofOrder, false, true},
		opRefund:           {direct, (*Gateway).doRefund, ofFollowUp, false, true},
		opReset:            {direct, (*Gateway).doReset, ofFollowUp, false, true},
		opDetails:          {extended, (*Gateway).getTransactionDetails, ofLookup, true, false},
		opSearch:           {extended, (*Gateway).transactionsSearch, ofLookup, true, false},
	}
}

// names reports whether the header SOAPAction, which is quoted or not, names the
// operation. SOAP 1.1 demands the header; an empty value leaves it to the body.
func names(header []string, name string) bool {
	if len(header) != 1 {
		return false
	}
	action := strings.Trim(header[0], `"`)
	return action == "" || action == name
}

// private returns the value of a private datum of a request.
func private(in *element, key string) string {
	for _, d := range readPrivate(in) {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}

// call is a request on its way.
func (g *Gateway) call(name string, op operation, in *element) *stage.Call {
	return &stage.Call{
		Operation: name, Key: op.key(in), Reference: private(in, privateReference), Lookup: op.lookup, ContentType: mediaType,
		Commit: func(shown stage.Phase) (int, []byte) {
			out, err := op.carry(g, in)
			var no refusal
			switch {
			case errors.As(err, &no):
				g.stage.Counts.Refusals.Add(1)
				return http.StatusOK, answer(name, result(string(no))).envelope()
			case err != nil:
				g.stage.Counts.Refusals.Add(1)
				return http.StatusServiceUnavailable, (&fault{"Server", "the simulator cannot keep this request"}).body()
			}
			disguise(out, shown)
			return http.StatusOK, out.envelope()
		},
		Refuse: func(shown stage.Phase) (int, []byte) {
			code := unlisted
			switch {
			case shown == stage.LockFailure:
				code = pendingTwin
			case op.issuer:
				code = unlistedIssuer
			}
			return http.StatusOK, answer(name, result(code)).envelope()
		},
		Error: errorBody,
	}
}

// errorBody is the fault of a status that says nothing of the request.
func errorBody(status int) []byte {
	if status == http.StatusUnauthorized {
		return (&fault{"Client", "unknown merchant"}).body()
	}
	return (&fault{"Server", "the service is not available"}).body()
}

// answer makes the answer of an operation.
func answer(operation string, parts ...*element) *element {
	return object(operation+"Response", parts...)
}

// shownCodes are the results of phases that answer in form, but not the truth.
var shownCodes = map[stage.Phase]string{stage.Pending: inProgress, stage.Unknown: notKnown, stage.UnknownResult: unlistedStatus}

// disguise makes an answer differ from the truth, for a fault.
func disguise(out *element, shown stage.Phase) {
	if shown == stage.WrongReference {
		makeForeign(out)
	}
	if code := shownCodes[shown]; code != "" {
		out.put(result(code))
		if a := out.child("authorization"); a != nil {
			a.put(&element{name: "number"})
		}
	}
}

// identities are the elements that say whom an answer is about.
var identities = []string{"id", "transactionId", "originTransactionId", "linkedTransactionId", "walletId", "paymentRecordId", "ref", "orderReference", "value"}

// makeForeign turns an answer into one about another order.
func makeForeign(e *element) {
	if slices.Contains(identities, e.name) {
		e.text = stage.Reverse(e.text)
	}
	for _, c := range e.children {
		makeForeign(c)
	}
}
