package mastercard

import (
	"strings"

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

// OrderID is the key of the attempt that opened the order.
func OrderID(req *gateway.Request) batch.Key {
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
func appendTransaction(buf []byte, req *gateway.Request) []byte {
	d := newDocument(buf)
	WriteFields(&d, req)
	return d.end()
}

// Fields takes the fields of a request, each under its dotted name, in the order in which
// a JSON document holds them. A field without a value is left out.
type Fields interface {
	Text(name, value string)
	Int(name string, value int)
}

// WriteFields tells what is asked of the gateway, whatever the transport; the ids of order
// and transaction aside, which are OrderID and the key. Source: facts, sections 3.5 and 6.
func WriteFields(f Fields, req *gateway.Request) {
	op := operation(req)
	f.Text("apiOperation", op)
	followUp := req.Command.Phase() == batch.PhaseFollowUp
	if !followUp {
		if op != opVerify {
			f.Text("order.amount", req.Amount.Decimal())
		}
		f.Text("order.currency", string(req.Amount.Currency))
		f.Text("order.reference", firstChars(req.OrderRef, maxReference))
		f.Text("order.statementDescriptor.name", req.SoftDescriptor)
	}
	f.Text("transaction.reference", string(req.Key))
	switch {
	case !followUp:
		f.Text("transaction.source", source(req.Credential.Source))
		f.Text("transaction.acquirer.traceId", req.Credential.Trace)
	case op == opVoid:
		f.Text("transaction.targetTransactionId", string(target(req.Original)))
	default:
		f.Text("transaction.amount", req.Amount.Decimal())
		f.Text("transaction.currency", string(req.Amount.Currency))
		if op == opRefund {
			f.Text("transaction.targetTransactionId", string(target(req.Original)))
		}
	}
	if !followUp {
		writeSeries(f, &req.Credential)
		writeSource(f, &req.Card, storedOnFile[req.Credential.Use])
	}
}

// writeSeries tells what binds a payment to its agreement (facts, section 1.3):
// everything known on the first of a series, the id alone afterwards, and for the
// merchant's own payments the order of the first.
func writeSeries(f Fields, credential *gateway.Credential) {
	agreement := credential.Agreement
	if agreement == nil {
		return
	}
	f.Text("agreement.id", string(agreement.ID))
	if credential.First {
		f.Text("agreement.type", agreement.Type)
		f.Text("agreement.amountVariability", agreement.Variability)
		f.Text("agreement.expiryDate", agreement.Expiry)
		f.Text("agreement.paymentFrequency", credential.Frequency)
		f.Int("agreement.numberOfPayments", agreement.MaxPayments)
		f.Int("agreement.minimumDaysBetweenPayments", agreement.MinDays)
	}
	if credential.MerchantInitiated() && !credential.First {
		f.Text("referenceOrderId", string(agreement.FirstKey))
	}
}

// writeSource tells what is charged, kept or verified. An expiry beside a token
// overrides the one that the gateway keeps (facts, section 3.4): the wallet's word counts.
func writeSource(f Fields, card *gateway.Card, stored string) {
	f.Text("sourceOfFunds.type", "CARD")
	f.Text("sourceOfFunds.token", card.Token)
	if card.Token == "" {
		f.Text("sourceOfFunds.provided.card.number", card.Number.Reveal())
	}
	if len(card.Expiry) == 4 {
		f.Text("sourceOfFunds.provided.card.expiry.month", card.Expiry[:2])
		f.Text("sourceOfFunds.provided.card.expiry.year", card.Expiry[2:])
	}
	f.Text("sourceOfFunds.provided.card.nameOnCard", card.Cardholder)
	f.Text("sourceOfFunds.provided.card.storedOnFile", stored)
}

// appendToken writes the body of a tokenization.
func appendToken(buf []byte, card *gateway.Card) []byte {
	d := newDocument(buf)
	writeSource(&d, card, "")
	return d.end()
}

// document writes fields as one JSON object: what their names have in common becomes an
// object of its own.
type document struct {
	out   jsontext.Writer
	group string // the object that is open, as a dotted name; empty: the outermost
}

func newDocument(buf []byte) document {
	d := document{out: jsontext.Writer{Buf: buf}}
	d.out.Open("")
	return d
}

// Text implements Fields.
func (d *document) Text(name, value string) {
	if value != "" {
		d.out.Text(d.enter(name), value)
	}
}

// Int implements Fields; 0 is no value.
func (d *document) Int(name string, value int) {
	if value != 0 {
		d.out.Int(d.enter(name), value)
	}
}

// enter closes and opens objects until that of the name is open, and returns its last part.
func (d *document) enter(name string) (last string) {
	dot := strings.LastIndexByte(name, '.')
	group := name[:max(dot, 0)]
	for !within(group, d.group) {
		d.leave()
	}
	for len(d.group) < len(group) {
		inner := strings.TrimPrefix(group[len(d.group):], ".")
		part, _, _ := strings.Cut(inner, ".")
		d.out.Open(part)
		d.group = group[:len(group)-len(inner)+len(part)]
	}
	return name[dot+1:]
}

// within reports whether a group lies in another, or is it.
func within(group, outer string) bool {
	rest, ok := strings.CutPrefix(group, outer)
	return ok && (outer == "" || rest == "" || rest[0] == '.')
}

// leave closes the object that is open.
func (d *document) leave() {
	d.out.Close()
	d.group = d.group[:max(strings.LastIndexByte(d.group, '.'), 0)]
}

func (d *document) end() []byte {
	for d.group != "" {
		d.leave()
	}
	d.out.Close()
	return d.out.Buf
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
