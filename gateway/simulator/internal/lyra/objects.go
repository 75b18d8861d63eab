package lyra

import (
	"encoding/base64"
	"strconv"
	"time"

	"cardbatch/gateway/internal/jsontext"
	"cardbatch/gateway/simulator/stage"
)

// The objects hold what the facts list (section 7.5) and nothing else of the many
// members that captured answers have beside, nearly all of them null.

func newWriter() *writer { return &writer{jsontext.Writer{Buf: make([]byte, 0, 2<<10)}} }

// payment writes a transaction as the answer to the request that made it; its shard is locked.
func (g *Gateway) payment(t *transaction, d disguise) []byte {
	now := g.stage.Options.Clock()
	status := stage.Or(d.status, statuses[t.detailed(now)])
	cycle := "CLOSED"
	if status == unpaid {
		cycle = "OPEN"
	}
	w := newWriter()
	w.Open("")
	w.Text("shopId", stage.ShopID)
	w.Text("orderCycle", cycle)
	w.Text("orderStatus", status)
	w.Text("serverDate", date(now))
	w.orderDetails(t, d)
	w.customer(t)
	w.OpenList("transactions")
	w.Open("")
	w.transactionMembers(t, now, d)
	w.end("PaymentTransaction")
	w.CloseList()
	w.Raw("subMerchantDetails", null)
	w.end("Payment")
	return w.Buf
}

// transaction writes a transaction that stands alone; its shard is locked.
func (g *Gateway) transaction(t *transaction, d disguise) []byte {
	w := newWriter()
	w.transaction(t, g.stage.Options.Clock(), d)
	return w.Buf
}

func (w *writer) transaction(t *transaction, now time.Time, d disguise) {
	w.Open("")
	w.transactionMembers(t, now, d)
	w.customer(t)
	w.orderDetails(t, d)
	w.end("Transaction")
}

func (w *writer) orderDetails(t *transaction, d disguise) {
	w.Open("orderDetails")
	w.amount("orderTotalAmount", t.Amount)
	w.amount("orderEffectiveAmount", t.Amount)
	w.Text("orderCurrency", t.Currency)
	w.Text("mode", mode)
	w.orNull("orderId", d.id(t.Order))
	w.Raw("metadata", null)
	w.end("OrderDetails")
}

// id is an id as it is shown.
func (d disguise) id(id string) string {
	if d.foreign {
		return stage.Reverse(id)
	}
	return id
}

func (w *writer) customer(t *transaction) {
	w.Open("customer")
	w.orNull("email", t.Email)
	w.end("Customer/Customer")
}

// contexts are the values of creationContext.
var contexts = map[string]string{typeDebit: "CHARGE", typeCredit: "REFUND", typeVerification: "VERIFICATION"}

func (w *writer) transactionMembers(t *transaction, now time.Time, d disguise) {
	detailed := t.detailed(now)
	w.Text("shopId", stage.ShopID)
	w.Text("uuid", d.id(t.UUID))
	w.amount("amount", t.Amount)
	w.Text("currency", t.Currency)
	w.Text("paymentMethodType", "CARD")
	w.orNull("paymentMethodToken", t.Token)
	w.Text("status", stage.Or(d.status, statuses[detailed]))
	w.Text("detailedStatus", stage.Or(d.detailed, detailed))
	w.Text("operationType", t.Type)
	w.Text("effectiveStrongAuthentication", "DISABLED")
	w.dateOrNull("creationDate", t.At)
	w.orNull("errorCode", t.Refusal.Code)
	w.orNull("errorMessage", messages[t.Refusal.Code])
	w.orNull("detailedErrorCode", t.Refusal.Bank)
	w.orNull("detailedErrorMessage", bankMessages[t.Refusal.Bank])
	w.Raw("metadata", stage.Or(t.Metadata, null))
	w.Open("transactionDetails")
	w.orNull("liabilityShift", t.shift())
	w.amount("effectiveAmount", t.Amount)
	w.Text("effectiveCurrency", t.Currency)
	w.Text("creationContext", contexts[t.Type])
	w.cardDetails(t, detailed)
	w.Open("subscriptionDetails")
	w.Raw("subscriptionId", null)
	w.end("PaymentMethod/Details/SubscriptionDetails")
	w.orNull("parentTransactionUuid", d.id(t.Parent))
	w.Text("mid", "9999999")
	w.Raw("sequenceNumber", "1")
	w.Text("tid", "001")
	w.Text("acquirerNetwork", "CB")
	w.Text("occurrenceType", t.Context)
	w.Text("archivalReferenceId", "L"+stage.DigitsOf(t.UUID, 11))
	w.end("TransactionDetails")
}

// shift is liabilityShift: nobody authenticates here. It is null where no issuer agreed.
func (t *transaction) shift() string {
	if t.Type == typeCredit || t.Refusal != (bankRefusal{}) {
		return ""
	}
	return "NO"
}

func (w *writer) cardDetails(t *transaction, detailed string) {
	validation, source := "NO", "NEW"
	if detailed == toValidate {
		validation = "YES"
	}
	if t.ByToken || t.Type == typeVerification {
		source = "TOKEN" // of verifications too, as captured answers have it
	}
	w.Open("cardDetails")
	w.Text("paymentSource", t.Source)
	w.Text("manualValidation", validation)
	w.dateOrNull("expectedCaptureDate", t.Capture)
	w.card(t.Card)
	w.Text("legacyTransId", stage.DigitsOf(t.UUID, 6))
	w.dateOrNull("legacyTransDate", t.At)
	w.Text("paymentMethodSource", source)
	w.authorization(t)
	w.Open("captureResponse")
	if t.refunded > 0 {
		w.amount("refundAmount", t.refunded)
		w.Text("refundCurrency", t.Currency)
	} else {
		w.Raw("refundAmount", null)
		w.Raw("refundCurrency", null)
	}
	if detailed == captured {
		w.dateOrNull("captureDate", t.Capture)
		w.Text("captureFileNumber", stage.DigitsOf(t.UUID, 6))
	} else {
		w.Raw("captureDate", null)
		w.Raw("captureFileNumber", null)
	}
	w.end("PaymentMethod/Details/Cards/CardCaptureResponse")
	w.orNull("initialIssuerTransactionIdentifier", t.Trace)
	w.end("PaymentMethod/Details/CardDetails")
}

// card writes the members that tell of a card.
func (w *writer) card(c card) {
	w.orNull("effectiveBrand", brands[c.Number])
	w.Text("pan", c.Number)
	if month, err := strconv.Atoi(c.Expiry[:min(2, len(c.Expiry))]); err == nil {
		w.Int("expiryMonth", month)
		w.Raw("expiryYear", "20"+c.Expiry[2:])
	}
	w.Text("country", "FR")
}

// authorization writes what the issuer said. About an alias it was asked for information
// only, which has an object of its own. About a credit, or an expired card, it was not asked.
func (w *writer) authorization(t *transaction) {
	asked := t.Type != typeCredit && t.Refusal.Code != codeExpiry
	verification := t.Type == typeVerification
	kind := "FULL"
	if verification {
		kind = "MARK"
	}
	w.Open("authorizationResponse")
	w.issuer(t, asked && !verification)
	w.Text("authorizationMode", kind)
	w.end("PaymentMethod/Details/Cards/CardAuthorizationResponse")
	w.Open("markAuthorizationResponse")
	w.issuer(t, asked && verification)
	w.end("PaymentMethod/Details/Cards/MarkAuthorizationResponse")
}

func (w *writer) issuer(t *transaction, asked bool) {
	if !asked {
		for _, name := range []string{"amount", "currency", "authorizationDate", "authorizationNumber", "authorizationResult"} {
			w.Raw(name, null)
		}
		return
	}
	number := ""
	if t.Refusal.Bank == "" {
		number = stage.DigitsOf(stage.Or(t.Order, t.UUID), 6)
	}
	w.amount("amount", t.Asked)
	w.Text("currency", t.Currency)
	w.dateOrNull("authorizationDate", t.At)
	w.orNull("authorizationNumber", number)
	w.Text("authorizationResult", stage.Or(t.Refusal.Bank, "0"))
}

// orderAnswer writes the transactions of an order.
func (g *Gateway) orderAnswer(orderID string, list []transaction, d disguise) []byte {
	w := newWriter()
	w.Open("")
	w.Text("orderId", d.id(orderID))
	w.Text("shopId", stage.ShopID)
	w.OpenList("transactions")
	for i := range list {
		w.transaction(&list[i], g.stage.Options.Clock(), d)
	}
	w.CloseList()
	w.end("OrderTransactions")
	return w.Buf
}

// tokenAnswer writes an alias.
func tokenAnswer(tok token, d disguise) []byte {
	w := newWriter()
	w.Open("")
	w.Text("paymentMethodToken", d.id(tok.ID))
	w.dateOrNull("creationDate", tok.At)
	w.dateOrNull("cancellationDate", tok.Cancelled)
	w.Text("paymentMethodType", "CARD")
	w.Open("customer")
	w.orNull("email", tok.Email)
	w.orNull("reference", tok.Customer)
	w.end("Customer/Customer")
	w.Open("tokenDetails")
	w.card(tok.Card)
	w.end("TokenDetails")
	w.end("Token")
	return w.Buf
}

// subscriptionAnswer writes a subscription.
func subscriptionAnswer(sub subscription, d disguise) []byte {
	w := newWriter()
	w.Open("")
	w.Text("subscriptionId", d.id(sub.ID))
	w.Text("shopId", stage.ShopID)
	w.orNull("orderId", d.id(sub.Order))
	w.Text("paymentMethodToken", d.id(sub.Token))
	w.amount("amount", sub.Amount)
	w.Text("currency", sub.Currency)
	if sub.Initial > 0 {
		w.amount("initialAmount", sub.Initial)
		w.amount("initialAmountNumber", int64(sub.InitialN))
	} else {
		w.Raw("initialAmount", null)
		w.Raw("initialAmountNumber", null)
	}
	w.dateOrNull("effectDate", sub.Effect)
	w.dateOrNull("cancelDate", sub.Cancelled)
	w.Text("rrule", sub.Rule)
	w.orNull("description", sub.Description)
	w.Raw("metadata", stage.Or(sub.Metadata, null))
	w.Raw("pastPaymentsNumber", "0") // no time passes here by itself
	w.Raw("totalPaymentsNumber", stage.Or(sub.payments(), null))
	w.end("Subscription")
	return w.Buf
}

// subscriptionCreated is the answer that names a new subscription.
func subscriptionCreated(id string, d disguise) []byte {
	w := newWriter()
	w.Open("")
	w.Text("subscriptionId", d.id(id))
	w.end("SubscriptionCreated")
	return w.Buf
}

// responseCode is the answer that holds a number: 0 is done.
func responseCode(code int) []byte {
	w := newWriter()
	w.Open("")
	w.amount("responseCode", int64(code))
	w.end("Common/ResponseCodeAnswer")
	return w.Buf
}

// giveForm answers with a token for the browser's form, where the cardholder would go on.
// Nobody does here: nothing is carried out.
func (g *Gateway) giveForm(in *request, d disguise) ([]byte, error) {
	w := newWriter()
	w.Open("")
	w.Text("formToken", base64.RawURLEncoding.EncodeToString([]byte("form of "+d.id(in.key))))
	w.end("Charge/PaymentForm")
	return w.Buf, nil
}

// echo answers the self-test.
func (g *Gateway) echo(in *request, _ disguise) ([]byte, error) {
	w := newWriter()
	w.Open("")
	w.orNull("value", in.Value)
	w.end("Charge/SDKTest")
	return w.Buf, nil
}
