package mastercard

import (
	"errors"
	"net/http"
	"strings"

	"cardbatch/gateway/internal/jsontext"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// disguise makes an answer differ from the truth, for a fault.
type disguise struct {
	code    string // gateway code to show instead
	result  string // result to show instead
	foreign bool   // about another order and transaction
}

// disguises are the answers of phases that answer in form, but not the truth.
var disguises = map[stage.Phase]disguise{
	stage.WrongReference: {foreign: true},
	stage.Pending:        {code: pending},
	stage.Unknown:        {code: unknown},
	stage.UnknownResult:  {result: "PERHAPS"},
}

// types are the values of transaction.type (facts, section 3.6).
var types = map[string]string{
	opPay: "PAYMENT", opAuthorize: "AUTHORIZATION", opVerify: "VERIFICATION", opCapture: "CAPTURE", opRefund: "REFUND", opVoid: "VOID_PAYMENT",
}

// answer writes a transaction as the gateway shows it (facts, section 3.6); its
// order's shard is locked.
func (g *Gateway) answer(o *order, t *transaction, d disguise) []byte {
	code, orderID, id := t.Code, o.id, t.ID
	if d.code != "" {
		code = d.code
	}
	if d.foreign {
		orderID, id = stage.Reverse(o.id), stage.Reverse(t.ID)
	}
	currency := money.Currency(o.currency)
	amount := func(minor int64) string { return money.Amount{Minor: minor, Currency: currency}.Decimal() }

	w := jsontext.Writer{Buf: make([]byte, 0, 1<<10)}
	w.Open("")
	if t.Code == approved && t.Operation != opVoid {
		w.Open("authorizationResponse")
		w.Text("transactionIdentifier", traceOf(o.transactions[0].ID))
		w.Close()
	}
	w.Text("merchant", g.stage.Options.MerchantID)
	w.Open("order")
	w.Raw("amount", amount(o.amount))
	w.Text("currency", o.currency)
	w.Text("id", orderID)
	w.Text("reference", o.reference)
	w.Text("status", o.status())
	w.Raw("totalAuthorizedAmount", amount(o.authorized))
	w.Raw("totalCapturedAmount", amount(o.captured))
	w.Raw("totalRefundedAmount", amount(o.refunded))
	w.Close()
	w.Open("response")
	w.Text("acquirerCode", acquirerCodes[code])
	w.Text("gatewayCode", code)
	w.Close()
	w.Text("result", stage.Or(d.result, stage.Or(results[code], "FAILURE")))
	w.Open("sourceOfFunds")
	w.Open("provided")
	w.Open("card")
	if len(t.Expiry) == 4 {
		w.Open("expiry")
		w.Text("month", strings.TrimPrefix(t.Expiry[:2], "0"))
		w.Text("year", t.Expiry[2:])
		w.Close()
	}
	w.Text("number", t.Card)
	w.Text("scheme", schemeOf(t.Card))
	w.Text("storedOnFile", t.Stored)
	w.Close()
	w.Close()
	w.Text("token", t.Token)
	w.Text("type", "CARD")
	w.Close()
	w.Open("transaction")
	w.Raw("amount", amount(t.Amount))
	if t.Code == approved {
		w.Text("authorizationCode", stage.DigitsOf(t.ID, 6))
	}
	w.Text("currency", o.currency)
	w.Text("id", id)
	w.Text("targetTransactionId", t.Target)
	w.Text("type", types[t.Operation])
	w.Close()
	w.Close()
	return w.Buf
}

// tokenAnswer writes a saved card (facts, section 5).
func (g *Gateway) tokenAnswer(id string, saved token, d disguise) []byte {
	masked := saved.card
	if d.foreign {
		masked = stage.Reverse(masked)
	}
	w := jsontext.Writer{Buf: make([]byte, 0, 512)}
	w.Open("")
	w.Text("repositoryId", g.stage.Options.MerchantID)
	w.Open("response")
	w.Text("gatewayCode", "BASIC_VERIFICATION_SUCCESSFUL")
	w.Close()
	w.Text("result", stage.Or(d.result, stage.Or(results[stage.Or(d.code, approved)], "FAILURE")))
	w.Open("sourceOfFunds")
	w.Open("provided")
	w.Open("card")
	w.Text("expiry", saved.expiry)
	w.Text("number", masked)
	w.Text("scheme", saved.scheme)
	w.Close()
	w.Close()
	w.Text("type", "CARD")
	w.Close()
	w.Text("status", "VALID")
	w.Text("token", id)
	w.Text("verificationStrategy", "BASIC")
	w.Close()
	return w.Buf
}

// failure answers a FAILURE where nothing was carried out.
func (g *Gateway) failure(orderID, id string, shown stage.Phase) []byte {
	code := "BRAND_NEW_CODE"
	if shown == stage.LockFailure {
		code = lockFailure
	}
	w := jsontext.Writer{}
	w.Open("")
	w.Text("merchant", g.stage.Options.MerchantID)
	w.Open("order")
	w.Text("id", orderID)
	w.Close()
	w.Open("response")
	w.Text("gatewayCode", code)
	w.Close()
	w.Text("result", "FAILURE")
	w.Open("transaction")
	w.Text("id", id)
	w.Close()
	w.Close()
	return w.Buf
}

// errorBody is the error object of a status that says nothing of the request.
func errorBody(status int) []byte {
	cause := map[int]string{http.StatusServiceUnavailable: "SERVER_BUSY", http.StatusInternalServerError: "SERVER_FAILED"}[status]
	return []byte(`{"error":{"cause":"` + stage.Or(cause, "INVALID_REQUEST") + `"},"result":"ERROR"}`)
}

// refusal answers with the error object for what went wrong, and counts it.
func (g *Gateway) refusal(status int, err error) (int, []byte) {
	g.stage.Counts.Refusals.Add(1)
	var why *invalid
	if !errors.As(err, &why) {
		status = http.StatusServiceUnavailable
	}
	return status, errorObject(err)
}

// errorObject writes the error object (facts, section 4.3) for what went wrong.
func errorObject(err error) []byte {
	var why *invalid
	cause := "INVALID_REQUEST"
	if !errors.As(err, &why) {
		cause = "SERVER_BUSY"
		why = &invalid{explanation: "the simulator cannot keep this request"}
	}
	w := jsontext.Writer{}
	w.Open("")
	w.Open("error")
	w.Text("cause", cause)
	w.Text("explanation", why.explanation)
	w.Text("field", why.field)
	w.Text("validationType", why.kind)
	w.Close()
	w.Text("result", "ERROR")
	w.Close()
	return w.Buf
}

// traceOf makes the scheme transaction id of the order's first transaction: 15 digits.
func traceOf(id string) string { return stage.DigitsOf(id, 15) }

var schemes = func() map[string]string {
	byMask := make(map[string]string, len(stage.TestCards))
	for number, scheme := range stage.TestCards {
		byMask[stage.Mask(number)] = scheme
	}
	return byMask
}()

func schemeOf(masked string) string { return schemes[masked] }
