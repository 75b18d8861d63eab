package mastercard

import (
	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/jsontext"
)

// operations of the gateway, as apiOperation names them (facts, section 3).
const (
	opPay       = "PAY"
	opAuthorize = "AUTHORIZE"
	opVerify    = "VERIFY"
	opCapture   = "CAPTURE"
	opRefund    = "REFUND"
	opVoid      = "VOID"
)

// Payline action codes of a payment.
const (
	actionAuthorize = "100"
	actionPay       = "101"
)

// maxReference is the longest order.reference (facts, section 3.2).
const maxReference = 40

// operation names what the gateway is asked; empty when it has no such operation.
func operation(req *gateway.Request) string {
	switch req.Command {
	case batch.Verify:
		return opVerify
	case batch.DoImmediateWalletPayment, batch.DoAuthorization:
		switch {
		case req.Action == actionPay, req.Action == "" && req.Command == batch.DoImmediateWalletPayment:
			return opPay
		case req.Action == actionAuthorize, req.Action == "":
			return opAuthorize
		}
	case batch.DoCapture:
		return opCapture
	case batch.DoRefund:
		return opRefund
	case batch.DoReset:
		return opVoid
	}
	return ""
}

// orderID is the key of the attempt that opened the order.
func orderID(req *gateway.Request) batch.Key {
	if req.Command.Phase() == batch.PhaseFollowUp {
		return req.Original.Key
	}
	return req.Key
}

// target is the transaction that a refund or a void acts on: the last capture, or
// the payment or authorization itself.
func target(original *batch.Transaction) batch.Key {
	if original.LastFollowUp != "" {
		return original.LastFollowUp
	}
	return original.Key
}

// appendTransaction writes the body of PUT order/…/transaction/… (facts, section 3.5).
func appendTransaction(buf []byte, op string, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	w.Text("apiOperation", op)
	followUp := req.Command.Phase() == batch.PhaseFollowUp
	if !followUp {
		w.Open("order")
		if op != opVerify {
			w.Text("amount", req.Amount.Decimal())
		}
		w.Text("currency", string(req.Amount.Currency))
		w.Text("reference", firstChars(req.OrderRef, maxReference))
		if req.SoftDescriptor != "" {
			w.Open("statementDescriptor")
			w.Text("name", req.SoftDescriptor)
			w.Close()
		}
		w.Close()
	}

	w.Open("transaction")
	w.Text("reference", string(req.Key))
	switch {
	case !followUp:
		w.Text("source", source(req.Credential.Source))
		if req.Credential.Trace != "" {
			w.Open("acquirer")
			w.Text("traceId", req.Credential.Trace)
			w.Close()
		}
	case op == opVoid:
		w.Text("targetTransactionId", string(target(req.Original)))
	default:
		w.Text("amount", req.Amount.Decimal())
		w.Text("currency", string(req.Amount.Currency))
		if op == opRefund {
			w.Text("targetTransactionId", string(target(req.Original)))
		}
	}
	w.Close()

	if !followUp {
		appendSeries(&w, &req.Credential)
		appendSource(&w, &req.Card, storedOnFile[req.Credential.Use])
	}
	w.Close()
	return w.Buf
}

// appendSeries writes what binds a payment to its agreement (facts, section 1.3):
// everything known on the first of a series, the id alone afterwards, and for the
// merchant's own payments the order of the first.
func appendSeries(w *jsontext.Writer, credential *gateway.Credential) {
	agreement := credential.Agreement
	if agreement == nil {
		return
	}
	w.Open("agreement")
	w.Text("id", string(agreement.ID))
	if credential.First {
		w.Text("type", agreement.Type)
		w.Text("amountVariability", agreement.Variability)
		w.Text("expiryDate", agreement.Expiry)
		w.Text("paymentFrequency", credential.Frequency)
		w.Int("numberOfPayments", agreement.MaxPayments)
		w.Int("minimumDaysBetweenPayments", agreement.MinDays)
	}
	w.Close()
	if credential.MerchantInitiated() && !credential.First {
		w.Text("referenceOrderId", string(agreement.FirstKey))
	}
}

// appendSource writes what is charged, kept or verified. An expiry beside a token
// overrides the one that the gateway keeps (facts, section 3.4): the wallet's word counts.
func appendSource(w *jsontext.Writer, card *gateway.Card, stored string) {
	w.Open("sourceOfFunds")
	w.Text("type", "CARD")
	w.Text("token", card.Token)
	provided := card.Token == "" || card.Expiry != "" || stored != "" || card.Cardholder != ""
	if provided {
		w.Open("provided")
		w.Open("card")
		if card.Token == "" {
			w.Text("number", card.Number.Reveal())
		}
		if len(card.Expiry) == 4 {
			w.Open("expiry")
			w.Text("month", card.Expiry[:2])
			w.Text("year", card.Expiry[2:])
			w.Close()
		}
		w.Text("nameOnCard", card.Cardholder)
		w.Text("storedOnFile", stored)
		w.Close()
		w.Close()
	}
	w.Close()
}

// appendToken writes the body of a tokenization.
func appendToken(buf []byte, card *gateway.Card) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	appendSource(&w, card, "")
	w.Close()
	return w.Buf
}

var storedOnFile = map[gateway.CredentialUse]string{
	gateway.NotStored:  "NOT_STORED",
	gateway.ToBeStored: "TO_BE_STORED",
	gateway.Stored:     "STORED",
}

// source reads the guides' CALL_CENTER as the API reference's CALL_CENTRE (facts, section 1.2).
func source(s string) string {
	if s == "CALL_CENTER" {
		return "CALL_CENTRE"
	}
	return s
}

// firstChars cuts text after n characters.
func firstChars(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
