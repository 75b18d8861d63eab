package lyra

import (
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/jsontext"
	"cardbatch/money"
)

// orderRef names the merchant's order reference among the metadata.
const orderRef = "order_ref"

// resolutions of Transaction/CancelOrRefund (facts, section 7.4).
const (
	cancelOnly = "CANCELLATION_ONLY"
	refundOnly = "REFUND_ONLY"
)

// appendPayment writes the body of a debit without the payer (facts, section 7.4).
func (c *Client) appendPayment(buf []byte, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	appendAmount(&w, req.Amount)
	w.Text("orderId", string(req.Key))
	w.Text("formAction", "SILENT")
	w.Text("paymentMethodToken", req.Card.Token)
	appendCustomer(&w, req.Wallet)
	w.Open("transactionOptions")
	w.Open("cardOptions")
	appendCardOptions(&w, req)
	if delay := c.captureDelay(req); delay >= 0 {
		w.Raw("captureDelay", strconv.Itoa(delay))
	}
	w.Text("initialIssuerTransactionIdentifier", chain(req))
	w.Close()
	w.Close()
	appendMetadata(&w, req)
	w.Close()
	return w.Buf
}

// appendCardOptions writes how the order came, and whether a capture must be asked for.
func appendCardOptions(w *jsontext.Writer, req *gateway.Request) {
	w.Text("paymentSource", paymentSource(req.Credential.Source))
	manual := "NO"
	if authorizesOnly(req) {
		manual = "YES"
	}
	w.Text("manualValidation", manual)
}

// captureDelay is the days until a payment is remitted; -1 leaves them to the shop's own
// setting, which an immediate payment must not be left to.
func (c *Client) captureDelay(req *gateway.Request) int {
	date, err := time.Parse(time.DateOnly, req.CaptureDate)
	switch {
	case req.Mode == "DIF" && err == nil:
		today := c.clock().UTC().Truncate(24 * time.Hour)
		return max(int(date.Sub(today)/(24*time.Hour)), 0)
	case authorizesOnly(req):
		return c.config.AuthorizationDays
	case req.Mode == "DIF":
		return -1
	}
	return 0
}

// chain is the issuer's reference of the first payment, for the merchant's own ones
// (facts, sections 6.7 and 7.4): that of the series, or that of the card. Without one the
// platform adds what it keeps with the token.
func chain(req *gateway.Request) string {
	if !req.Credential.MerchantInitiated() {
		return ""
	}
	if trace := req.Credential.Trace; trace != "" {
		return trace
	}
	if a := req.Credential.Agreement; a != nil && a.Trace != "" {
		return a.Trace
	}
	if req.Wallet != nil {
		if card, _ := req.Wallet.Card(req.CardIndex); card.Token == req.Card.Token {
			return card.NetworkTransaction
		}
	}
	return ""
}

// paymentSource: the platform has four (facts, section 7.4), and calls a merchant's own
// payment e-commerce, as its own renewals do.
func paymentSource(source string) string {
	switch source {
	case "MOTO", "MAIL_ORDER", "TELEPHONE_ORDER":
		return "MOTO"
	case "CALL_CENTRE", "CALL_CENTER":
		return "CC"
	case "VOICE_RESPONSE":
		return "OTHER"
	}
	return "EC"
}

func appendAmount(w *jsontext.Writer, amount money.Amount) {
	w.Raw("amount", strconv.FormatInt(amount.Minor, 10))
	w.Text("currency", string(amount.Currency))
}

// appendCustomer names the buyer by the wallet.
func appendCustomer(w *jsontext.Writer, wallet *batch.Wallet) {
	if wallet == nil {
		return
	}
	w.Open("customer")
	w.Text("reference", string(wallet.ID))
	w.Text("email", wallet.Email)
	w.Close()
}

// appendMetadata writes the order reference and the merchant's private data.
func appendMetadata(w *jsontext.Writer, req *gateway.Request) {
	if req.OrderRef == "" && len(req.Private) == 0 {
		return
	}
	w.Open("metadata")
	w.Text(orderRef, req.OrderRef)
	for _, datum := range req.Private {
		if datum.Key != orderRef {
			name := jsontext.AppendQuoted(nil, datum.Key)
			w.Text(string(name[1:len(name)-1]), datum.Value)
		}
	}
	w.Close()
}

// appendToken writes the body of a new token with card data, which the platform takes from
// PCI DSS certified merchants. The facts, section 7.4, say that card data come in, not how:
// the members of paymentForms are those of a public client. A verification value is never
// there (batch interface, section 3).
func (c *Client) appendToken(buf []byte, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("currency", string(or(req.Amount.Currency, c.config.Currency)))
	w.Text("orderId", string(req.Key))
	appendCustomer(&w, req.Wallet)
	w.OpenList("paymentForms")
	w.Open("")
	w.Text("paymentMethodType", "CARD")
	w.Text("pan", req.Card.Number.Reveal())
	month, year := monthAndYear(req.Card.Expiry)
	w.Int("expiryMonth", month)
	w.Int("expiryYear", year)
	w.Text("cardHolderName", req.Card.Cardholder)
	w.Close()
	w.CloseList()
	appendMetadata(&w, req)
	w.Close()
	return w.Buf
}

// monthAndYear reads MMYY.
func monthAndYear(expiry string) (month, year int) {
	month, _ = strconv.Atoi(expiry[:2])
	year, _ = strconv.Atoi(expiry[2:])
	return month, 2000 + year
}

// appendSchedule writes the body of a subscription. Amounts are those of each payment.
func (c *Client) appendSchedule(buf []byte, req *gateway.Request) []byte {
	s := req.Schedule
	each := req.Amount
	if s.Cycle != "" {
		each.Minor = s.Recurring
	}
	rule, _ := recurrence(s) // settled before
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	appendAmount(&w, each)
	w.Text("orderId", string(req.Key))
	w.Text("paymentMethodToken", req.Card.Token)
	w.Text("effectDate", effectDate(s.Date, c.clock()))
	w.Text("rrule", rule)
	if s.Cycle != "" && s.First != 0 && s.First != s.Recurring {
		w.Raw("initialAmount", strconv.FormatInt(s.First, 10))
		w.Int("initialAmountNumber", 1)
	}
	w.Text("comment", req.Comment)
	w.Open("transactionOptions")
	w.Open("cardOptions")
	appendCardOptions(&w, req)
	w.Close()
	w.Close()
	appendMetadata(&w, req)
	w.Close()
	return w.Buf
}

// appendReduce lowers an authorization to what is to be captured.
func appendReduce(buf []byte, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("uuid", string(req.Original.ID))
	w.Open("cardUpdate")
	appendAmount(&w, req.Amount)
	w.Close()
	w.Text("comment", comment(req))
	w.Close()
	return w.Buf
}

func appendValidate(buf []byte, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("uuid", string(req.Original.ID))
	w.Text("comment", comment(req))
	w.Close()
	return w.Buf
}

func appendCancelOrRefund(buf []byte, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("uuid", string(req.Original.ID))
	resolution := cancelOnly
	if req.Command == batch.DoRefund {
		resolution = refundOnly
		appendAmount(&w, req.Amount)
	}
	w.Text("resolutionMode", resolution)
	w.Text("comment", comment(req))
	w.Close()
	return w.Buf
}

// comment shows the key in the Back Office, to people: the platform keeps no other
// identifier of a follow-up, and does not give this one back.
func comment(req *gateway.Request) string {
	if req.Comment == "" {
		return string(req.Key)
	}
	return string(req.Key) + " " + req.Comment
}

func appendOrder(buf []byte, order string) []byte { return appendText(buf, "orderId", order) }

func appendTransaction(buf []byte, uuid string) []byte { return appendText(buf, "uuid", uuid) }

func appendTokenName(buf []byte, token string) []byte {
	return appendText(buf, "paymentMethodToken", token)
}

func appendEcho(buf []byte, value string) []byte { return appendText(buf, "value", value) }

func appendText(buf []byte, name, value string) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text(name, value)
	w.Close()
	return w.Buf
}

// appendRecord names a subscription.
func appendRecord(buf []byte, req *gateway.Request) []byte {
	subscription, token := subscriptionOf(req)
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("subscriptionId", subscription)
	w.Text("paymentMethodToken", token)
	w.Close()
	return w.Buf
}
