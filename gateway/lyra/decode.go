package lyra

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// response is the envelope of every answer (facts, section 7.2).
type response struct {
	WebService string `json:"webService"`
	Status     string `json:"status"` // SUCCESS, ERROR: of the call, not of a payment
	Mode       string `json:"mode"`   // TEST, PRODUCTION
	ServerDate string `json:"serverDate"`
	Answer     answer `json:"answer"`
}

// answer holds what we use of the objects that services answer with (facts, sections 7.2,
// 7.4 and 7.5): an error, Payment, OrderTransactions, Transaction, Token, Subscription, a
// response code. Amounts are whole minor units; anything else cannot be read.
type answer struct {
	transaction // Transaction; of an error its codes; of a Token and a Subscription the token

	OrderID      string `json:"orderId"` // of OrderTransactions
	OrderDetails struct {
		OrderID          string `json:"orderId"`
		OrderTotalAmount *int64 `json:"orderTotalAmount"`
		OrderCurrency    string `json:"orderCurrency"`
		Mode             string `json:"mode"`
	} `json:"orderDetails"`
	Transactions []transaction `json:"transactions"`

	CancellationDate string      `json:"cancellationDate"` // of a Token
	TokenDetails     cardDetails `json:"tokenDetails"`
	SubscriptionID   string      `json:"subscriptionId"`
	CancelDate       string      `json:"cancelDate"` // of a Subscription
	ResponseCode     *int        `json:"responseCode"`
	Value            string      `json:"value"` // of the echo
}

// transaction is a debit, credit or verification.
type transaction struct {
	UUID                 string `json:"uuid"`
	ShopID               string `json:"shopId"`
	Amount               *int64 `json:"amount"`
	Currency             string `json:"currency"`
	PaymentMethodToken   string `json:"paymentMethodToken"`
	Status               string `json:"status"`         // PAID, RUNNING, UNPAID, …
	DetailedStatus       string `json:"detailedStatus"` // AUTHORISED, REFUSED, …
	OperationType        string `json:"operationType"`  // DEBIT, CREDIT, VERIFICATION
	CreationDate         string `json:"creationDate"`
	ErrorCode            string `json:"errorCode"`
	ErrorMessage         string `json:"errorMessage"`
	DetailedErrorCode    string `json:"detailedErrorCode"` // the bank's, with ACQ_001
	DetailedErrorMessage string `json:"detailedErrorMessage"`
	TransactionDetails   struct {
		ParentTransactionUUID string      `json:"parentTransactionUuid"`
		CardDetails           cardDetails `json:"cardDetails"`
	} `json:"transactionDetails"`
}

type cardDetails struct {
	PAN                                string `json:"pan"` // masked
	ExpiryMonth                        int    `json:"expiryMonth"`
	ExpiryYear                         int    `json:"expiryYear"` // four digits
	EffectiveBrand                     string `json:"effectiveBrand"`
	InitialIssuerTransactionIdentifier string `json:"initialIssuerTransactionIdentifier"`
	AuthorizationResponse              struct {
		AuthorizationNumber string `json:"authorizationNumber"`
		AuthorizationResult string `json:"authorizationResult"`
	} `json:"authorizationResponse"`
}

// decode reads one whole JSON document; anything after it is an error.
func (r *response) decode(body []byte) error { return json.Unmarshal(body, r) }

// serverTime is the platform's clock, by which its own dates are read.
func (r *response) serverTime(fallback time.Time) time.Time {
	if at, err := time.Parse(time.RFC3339, r.ServerDate); err == nil {
		return at
	}
	return fallback
}

// before reports whether a date of an answer has come; no date never comes.
func (v *verdict) before(date string) (bool, error) {
	if date == "" {
		return false, nil
	}
	at, err := time.Parse(time.RFC3339, date)
	if err != nil {
		return false, errors.New("lyra: a date of the answer cannot be read")
	}
	return !at.After(v.at), nil
}

// modes are the worlds as the platform names them.
var modes = map[batch.Mode]string{batch.Test: "TEST", batch.Live: "PRODUCTION"}

var errForeign = errors.New("the answer is not about this request")

// belongs checks that an answer is from our world, from the service that was asked, and
// about our shop.
func (c *Client) belongs(service string, r *response) error {
	want := modes[c.profile.Environment]
	for _, mode := range []string{r.Mode, r.Answer.OrderDetails.Mode} {
		if mode != want && mode != "" {
			return fmt.Errorf("the answer is from the %s world and this gateway belongs to %s: stop, and check the password and the environment", wire.Scrub(mode), c.profile.Environment)
		}
	}
	if r.Mode == "" || r.WebService != service || r.Answer.ShopID != "" && r.Answer.ShopID != c.config.MerchantID {
		return errForeign
	}
	for i := range r.Answer.Transactions {
		if shop := r.Answer.Transactions[i].ShopID; shop != "" && shop != c.config.MerchantID {
			return errForeign
		}
	}
	return nil
}

// pick finds what an answer says of a request; its error says that it is not ours, or
// gateway.ErrUnknownKey that it proves that the request was not carried out.
type pick func(*answer) (*transaction, error)

// debit finds the payment of an order; its amount must be ours, when we have one.
func debit(order string, amount *money.Amount) pick {
	return func(a *answer) (*transaction, error) {
		if !a.is(order) {
			return nil, errForeign
		}
		if total := a.OrderDetails.OrderTotalAmount; amount != nil && total != nil && *total != amount.Minor {
			return nil, errForeign
		}
		t, err := a.only("DEBIT")
		if err == nil && amount != nil && !t.holds(amount) {
			err = errForeign
		}
		return t, err
	}
}

// verification finds the verification that comes with a new token. Of its amount we know
// nothing: none, or a token one (facts, section 6.2).
func verification(req *gateway.Request) pick {
	return func(a *answer) (*transaction, error) {
		if !a.is(string(req.Key)) {
			return nil, errForeign
		}
		t, err := a.only("VERIFICATION")
		if err != nil {
			return nil, err
		}
		if masked := t.TransactionDetails.CardDetails.PAN; wire.Remask(masked) != "" && !sameCard(masked, req.Card.Number) {
			return nil, errForeign
		}
		if t.DetailedStatus == "ACCEPTED" && t.PaymentMethodToken == "" {
			return nil, errors.New("the answer holds no token")
		}
		return t, nil
	}
}

func sameCard(masked string, number batch.PAN) bool {
	return masked[:6] == number.FirstSix() && masked[len(masked)-4:] == number.LastFour()
}

// is reports whether a Payment or OrderTransactions is about the order.
func (a *answer) is(order string) bool {
	if a.OrderID != "" && a.OrderDetails.OrderID != "" && a.OrderID != a.OrderDetails.OrderID {
		return false
	}
	return or(a.OrderID, a.OrderDetails.OrderID) == order
}

// only finds the one transaction of the type that did not fail, or else the last one that
// did. Two that did not fail are one too many, and a person has to look.
func (a *answer) only(operationType string) (found *transaction, err error) {
	alive := 0
	for i := range a.Transactions {
		t := &a.Transactions[i]
		if t.OperationType != operationType || t.UUID == "" {
			continue
		}
		if t.Status != "UNPAID" {
			alive++
		}
		if t.Status != "UNPAID" || alive == 0 {
			found = t
		}
	}
	switch {
	case found == nil:
		return nil, fmt.Errorf("the answer holds no %s", operationType)
	case alive > 1:
		return nil, fmt.Errorf("the order holds more than one %s: look at it in the Back Office", operationType)
	}
	return found, nil
}

// original wants the very transaction that was acted on or asked for.
func original(uuid string) pick {
	return func(a *answer) (*transaction, error) {
		if a.UUID != uuid || a.OperationType != "" && a.OperationType != "DEBIT" {
			return nil, errForeign
		}
		return &a.transaction, nil
	}
}

// credit wants the refund that was made of the original.
func credit(req *gateway.Request) pick {
	return func(a *answer) (*transaction, error) {
		if !a.transaction.refunds(req.Original) || !a.transaction.holds(&req.Amount) {
			return nil, errForeign
		}
		return &a.transaction, nil
	}
}

func (t *transaction) refunds(original *batch.Transaction) bool {
	return t.OperationType == "CREDIT" && t.UUID != "" && t.TransactionDetails.ParentTransactionUUID == string(original.ID)
}

// refundIn finds our refund among those of the order, which do not name who asked for
// them: what was refunded in all is what our lines refunded before, or that and this one.
// Lines on one transaction never fly side by side, so there is no third case of ours.
func refundIn(order string, req *gateway.Request) pick {
	return func(a *answer) (*transaction, error) {
		if !a.is(order) || !slices.ContainsFunc(a.Transactions, func(t transaction) bool { return t.UUID == string(req.Original.ID) }) {
			return nil, errForeign
		}
		var total int64
		var latest *transaction
		for i := range a.Transactions {
			t := &a.Transactions[i]
			if !t.refunds(req.Original) || t.Status == "UNPAID" {
				continue
			}
			if t.Amount == nil || t.Currency != string(req.Amount.Currency) {
				return nil, errForeign
			}
			total += *t.Amount
			if *t.Amount == req.Amount.Minor && (latest == nil || !t.created().Before(latest.created())) {
				latest = t
			}
		}
		switch {
		case total == req.Original.Refunded:
			return nil, gateway.ErrUnknownKey
		case total == req.Original.Refunded+req.Amount.Minor && latest != nil:
			return latest, nil
		}
		return nil, errors.New("the refunds of the order do not add up with ours: somebody else refunds it too; look at it in the Back Office")
	}
}

func (t *transaction) created() time.Time {
	at, _ := time.Parse(time.RFC3339, t.CreationDate) // unreadable: the oldest
	return at
}

// alias wants the very token that was asked for.
func alias(token string) pick {
	return func(a *answer) (*transaction, error) {
		if a.PaymentMethodToken != token {
			return nil, errForeign
		}
		return &a.transaction, nil
	}
}

// holds reports whether a transaction has the amount.
func (t *transaction) holds(want *money.Amount) bool {
	return t.Amount != nil && *t.Amount == want.Minor && t.Currency == string(want.Currency)
}

// allSeriesRevoked is the bank's code that ends every series on the card (facts, section 7.9).
const allSeriesRevoked = "83"

// outcome turns an answer that is ours into the line's outcome.
func (c *Client) outcome(req *gateway.Request, v verdict) gateway.Answer {
	card := &v.TransactionDetails.CardDetails
	if v.answer.TokenDetails.PAN != "" {
		card = &v.answer.TokenDetails
	}
	a := gateway.Answer{State: v.State, Token: v.PaymentMethodToken, Unlisted: v.Unlisted}
	a.Answer = batch.Answer{
		Code:                v.Code,
		Message:             v.explanation(),
		AuthorizationNumber: wire.Scrub(card.AuthorizationResponse.AuthorizationNumber),
		GatewayCode:         wire.Scrub(or(v.ErrorCode, v.DetailedStatus)),
		SchemeCode:          wire.Scrub(or(v.DetailedErrorCode, card.AuthorizationResponse.AuthorizationResult)),
		NetworkTransaction:  traceOf(card),
		Card:                wire.Remask(card.PAN),
		CardExpiry:          card.expiry(),
		CardType:            cardTypes[card.EffectiveBrand],
	}
	switch req.Command {
	case batch.DoImmediateWalletPayment, batch.DoAuthorization, batch.DoRefund:
		a.TransactionID = batch.TransactionID(v.UUID)
	case batch.DoCapture, batch.DoReset:
		// The platform has no transaction of its own for these; two lines must not share one.
		a.TransactionID = batch.TransactionID(req.Key)
	}
	if v.State == batch.Declined && v.ErrorCode == "ACQ_001" {
		switch bank := v.DetailedErrorCode; {
		case bank == allSeriesRevoked:
			a.Code, a.StopSeries, a.StopCard = "01133", true, true
		case slices.Contains(c.config.SeriesRevokedBy, bank):
			a.Code, a.StopSeries = "01132", true
		}
	}
	return a
}

// traceOf is the issuer's reference, to be sent with later payments of the series.
func traceOf(card *cardDetails) string {
	if len(card.InitialIssuerTransactionIdentifier) > 64 {
		return ""
	}
	return card.InitialIssuerTransactionIdentifier
}

// expiry is MMYY, or nothing when the answer tells none.
func (d *cardDetails) expiry() string {
	if d.ExpiryMonth < 1 || d.ExpiryMonth > 12 || d.ExpiryYear < 2000 || d.ExpiryYear > 2099 {
		return ""
	}
	return fmt.Sprintf("%02d%02d", d.ExpiryMonth, d.ExpiryYear%100)
}

// explanation is the platform's own words on what went wrong.
func (t *transaction) explanation() string {
	if t.ErrorCode == "" {
		return ""
	}
	var parts []string
	for _, part := range []string{t.ErrorMessage, t.DetailedErrorMessage} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return wire.Scrub(strings.Join(parts, ": "))
}

// cardTypes: only the plain names are documented; debit and Electron cards are their schemes'.
var cardTypes = map[string]string{
	"CB":               "CB",
	"VISA":             "VISA",
	"VISA_DEBIT":       "VISA",
	"VISA_ELECTRON":    "VISA",
	"MASTERCARD":       "MASTERCARD",
	"MASTERCARD_DEBIT": "MASTERCARD",
	"MAESTRO":          "MAESTRO",
	"AMEX":             "AMEX",
	"DISCOVER":         "DISCOVER",
	"DINERS":           "DINERS",
	"JCB":              "JCB",
}
