package lyra

import (
	"time"

	"cardbatch/gateway/simulator/stage"
)

// payer is what a payment is made with.
type payer struct {
	card  card
	token string // the alias that the card came from; empty: it came as a number
	trace string // chaining reference of the alias
	email string
}

// payerOf finds what a request is to be paid with.
func (g *Gateway) payerOf(in *request) (payer, error) {
	if f := in.card(); f != nil {
		return payer{card: card{mask(f.Number), f.expiry()}}, nil
	}
	tok, err := g.alias(in.PaymentMethodToken)
	return payer{card: tok.Card, token: tok.ID, trace: tok.Trace, email: tok.Email}, err
}

// createPayment debits an alias without a form, or gives the form.
func (g *Gateway) createPayment(in *request, d disguise) ([]byte, error) {
	if in.FormAction == formSilent {
		return g.pay(in, d)
	}
	if in.PaymentMethodToken != "" {
		if _, err := g.alias(in.PaymentMethodToken); err != nil {
			return nil, err
		}
	}
	return g.giveForm(in, d)
}

// pay debits an alias or a card. The same orderId again is another debit: the platform
// has no rule against it (Lyra facts, section 7.7).
func (g *Gateway) pay(in *request, d disguise) ([]byte, error) {
	by, err := g.payerOf(in)
	if err != nil {
		return nil, err
	}
	shard := g.accounts.ofOrder(in.OrderID)
	defer lock(shard)()
	t := g.newTransaction(shard, in, by, typeDebit, *in.Amount)
	e := &event{Transaction: t}
	if in.FormAction == formRegisterPay && t.moved() {
		e.Token = g.newToken(shard, in, t)
	}
	if err := g.record(e); err != nil {
		return nil, err
	}
	return g.payment(t, d), nil
}

// newTransaction makes a debit or a verification and asks the issuer.
func (g *Gateway) newTransaction(s *shard, in *request, by payer, kind string, amount int64) *transaction {
	now := g.stage.Options.Clock()
	options := &in.TransactionOptions.CardOptions
	t := &transaction{
		UUID: g.newID(s), Order: in.OrderID, Key: in.key, Reference: in.reference(), Metadata: in.metadata(),
		Email: stage.Or(in.Customer.Email, by.email), Type: kind, Status: authorised, Amount: amount, Asked: amount, Currency: in.Currency,
		At: now.UnixMilli(), Source: stage.Or(options.PaymentSource, "EC"), Context: "UNITAIRE",
		Card: by.card, Token: by.token, ByToken: by.token != "", Refusal: judge(by.card, amount, now),
	}
	if t.ByToken {
		t.Context = "RECURRENT_INTERMEDIAIRE"
	}
	if in.FormAction == formRegisterPay || kind == typeVerification {
		t.Context = "RECURRENT_INITIAL"
	}
	if kind != typeVerification {
		t.Capture = captureDate(now, options.CaptureDelay).UnixMilli()
	}
	switch {
	case t.Refusal != bankRefusal{}:
		t.Status = refused
		return t
	case kind == typeVerification:
		t.Status = accepted
	case options.ManualValidation == "YES":
		t.Status = toValidate
	}
	// Whether the platform answers the reference that was sent is not known; that of the
	// alias is the same unless the caller is mistaken.
	t.Trace = stage.Or(options.Initial, stage.Or(by.trace, traceOf(t)))
	return t
}

func captureDate(now time.Time, delay *int) time.Time {
	if delay == nil {
		return now
	}
	return now.AddDate(0, 0, *delay)
}

// traceOf makes the issuer's chaining reference: 16 digits.
func traceOf(t *transaction) string { return stage.DigitsOf(stage.Or(t.Order, t.UUID), 16) }

// duplicate makes another debit of the card of an ended one (facts, section 7.4). That
// a few refusals of Mastercard's forbid it cannot be seen here: no trigger gives them.
func (g *Gateway) duplicate(in *request, d disguise) ([]byte, error) {
	original, err := g.look(in.UUID)
	if err != nil {
		return nil, err
	}
	switch original.detailed(g.stage.Options.Clock()) {
	case captured, cancelled, refused:
	default:
		return nil, &invalid{codeStatus, "the transaction has not ended"}
	}
	if original.Type != typeDebit {
		return nil, &invalid{codeStatus, "not a debit"}
	}
	in.OrderID = stage.Or(in.OrderID, original.Order)
	in.TransactionOptions.CardOptions.ManualValidation = in.CardDuplicate.ManualValidation
	in.TransactionOptions.CardOptions.CaptureDelay = in.CardDuplicate.CaptureDelay

	shard := g.accounts.ofOrder(in.OrderID)
	defer lock(shard)()
	t := g.newTransaction(shard, in, payer{original.Card, original.Token, original.Trace, original.Email}, typeDebit, *in.Amount)
	if t.Metadata == "" {
		t.Metadata, t.Reference = original.Metadata, original.Reference
	}
	if err := g.record(&event{Transaction: t}); err != nil {
		return nil, err
	}
	return g.transaction(t, d), nil
}

// unheardOf is a payment that is refused for a reason that no document lists. Nothing
// of it is kept.
func (g *Gateway) unheardOf(in *request) []byte {
	by, _ := g.payerOf(in) // an alias that is not there is refused likewise
	var amount int64
	kind := typeVerification
	if in.Amount != nil {
		amount, kind = *in.Amount, typeDebit
	}
	t := g.newTransaction(g.accounts.ofOrder(in.OrderID), in, by, kind, amount)
	t.Status, t.Trace, t.Refusal = refused, "", bankRefusal{codeRefused, noBankCode}
	return g.payment(t, disguise{})
}
