package paysafe

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"
	"unique"

	"cardbatch/gateway/simulator/stage"
)

// Requests take the fields of the API's reference and of its own libraries, and no other.
// What the simulator does not look at is raw.

// openingRequest is what authorizations and verifications have in common.
type openingRequest struct {
	MerchantRefNum     string            `json:"merchantRefNum"`
	DupCheck           *boolean          `json:"dupCheck"`
	Card               *cardGiven        `json:"card"`
	CurrencyCode       string            `json:"currencyCode"`
	Description        string            `json:"description"`
	CustomerIP         string            `json:"customerIp"`
	StoredCredential   *credentialGiven  `json:"storedCredential"`
	Recurring          string            `json:"recurring"`
	MerchantDescriptor json.RawMessage   `json:"merchantDescriptor"`
	Profile            json.RawMessage   `json:"profile"`
	BillingDetails     json.RawMessage   `json:"billingDetails"`
	ChildAccountNum    json.RawMessage   `json:"childAccountNum"`
	MasterPass         json.RawMessage   `json:"masterPass"`
	Keywords           []json.RawMessage `json:"keywords"`
}

type authRequest struct {
	openingRequest
	Amount          *int64          `json:"amount"`
	SettleWithAuth  boolean         `json:"settleWithAuth"`
	PreAuth         boolean         `json:"preAuth"`
	EntryMode       json.RawMessage `json:"entryMode"`
	Authentication  json.RawMessage `json:"authentication"`
	ShippingDetails json.RawMessage `json:"shippingDetails"`
	Recipient       json.RawMessage `json:"recipient"`
	AccordD         json.RawMessage `json:"accordD"`
	Level2Level3    json.RawMessage `json:"level2Level3"`
	SplitPay        json.RawMessage `json:"splitpay"`
	Airline         json.RawMessage `json:"airlineTravelDetails"`
	Funding         json.RawMessage `json:"fundingTransaction"`
	Intent          json.RawMessage `json:"transactionIntent"`
	Facilitator     json.RawMessage `json:"paymentFacilitator"`
}

// followUpRequest asks for a settlement, void or refund.
type followUpRequest struct {
	MerchantRefNum  string          `json:"merchantRefNum"`
	DupCheck        *boolean        `json:"dupCheck"`
	Amount          *int64          `json:"amount"` // absent: all that is left
	ChildAccountNum json.RawMessage `json:"childAccountNum"`
	SplitPay        json.RawMessage `json:"splitpay"`
	Airline         json.RawMessage `json:"airlineTravelDetails"`
}

type cardGiven struct {
	PaymentToken string      `json:"paymentToken"`
	CardNum      string      `json:"cardNum"`
	CardExpiry   *cardExpiry `json:"cardExpiry"`
	CVV          digits      `json:"cvv"` // looked at, never kept
}

type cardExpiry struct {
	Month number `json:"month"`
	Year  number `json:"year"`
}

// The reference's own examples write these now with quotes and now without.
type (
	boolean bool
	number  int
	digits  string
)

func (b *boolean) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(bytes.Trim(raw, `"`), (*bool)(b))
}

func (n *number) UnmarshalJSON(raw []byte) error {
	return json.Unmarshal(bytes.Trim(raw, `"`), (*int)(n))
}

func (d *digits) UnmarshalJSON(raw []byte) error {
	if string(raw) != "null" {
		*d = digits(bytes.Trim(raw, `"`))
	}
	return nil
}

// credentialGiven is the storedCredential of a request (facts, section 4.3).
type credentialGiven struct {
	Type                         string `json:"type"`
	Occurrence                   string `json:"occurrence"`
	InitialTransactionID         string `json:"initialTransactionId,omitempty"`
	ExternalInitialTransactionID string `json:"externalInitialTransactionId,omitempty"`
}

// invalid is a refusal: nothing was carried out, and nothing is recorded.
type invalid struct {
	code    string
	field   string // of a field error
	problem string // what is wrong with it, or with the request
	entity  string // path of what exists already
}

func (i *invalid) Error() string { return i.code + " " + i.field + " " + i.problem }

func badField(field, problem string) error {
	return &invalid{code: fieldError, field: field, problem: problem}
}

// readJSON reads a body of an API that knows its fields.
func readJSON(r *http.Request, into any) error {
	if media, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); media != "application/json" {
		return &invalid{code: badContentType}
	}
	in := json.NewDecoder(http.MaxBytesReader(nil, r.Body, maxRequestBytes))
	in.DisallowUnknownFields()
	err := in.Decode(into)
	if err == nil {
		if _, more := in.Token(); more != io.EOF {
			err = errors.New("more than one JSON value")
		}
	}
	if err != nil {
		return &invalid{code: notParseable, problem: problemOf(err)}
	}
	return nil
}

// problemOf words a reading error without any value of the request.
func problemOf(err error) string {
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return "the field " + wrong.Field + " has another type"
	}
	if text, ok := strings.CutPrefix(err.Error(), "json: unknown field "); ok && len(text) < 64 && !strings.ContainsAny(text, "0123456789") {
		return "the field " + text + " is not recognized"
	}
	return "the body is not the JSON of a request"
}

// payment is a request that passed the checks of its form.
type payment struct {
	kind        kind
	account     string
	ref         string
	description string
	check       bool   // dupCheck
	amount      int64  // minor units; 0 of a follow-up: all that is left
	settle      bool   // settleWithAuth
	parent      string // id of what is followed up
	card        *keptCard
	token       string // paymentToken, instead of a card
	credential  *credentialGiven
}

// readPayment reads and checks a request for a transaction, whatever the state of what
// it follows up.
func readPayment(r *http.Request, k kind, account, parent string) (*payment, error) {
	p := &payment{kind: k, account: unique.Make(account).Value(), parent: strings.Clone(parent)}
	var err error
	switch k {
	case auths:
		var in authRequest
		if err = readJSON(r, &in); err == nil {
			p.settle = bool(in.SettleWithAuth)
			err = errors.Join(p.opening(&in.openingRequest), p.setAmount(in.Amount, true))
		}
	case verifications:
		var in openingRequest
		if err = readJSON(r, &in); err == nil {
			err = p.opening(&in)
		}
	default:
		var in followUpRequest
		if err = readJSON(r, &in); err == nil {
			err = errors.Join(p.identify(in.MerchantRefNum, in.DupCheck), p.setAmount(in.Amount, false))
		}
	}
	return p, err
}

func (p *payment) identify(ref string, check *boolean) error {
	p.ref, p.check = ref, check == nil || bool(*check)
	if n := utf8.RuneCountInString(ref); n < 1 || n > 255 {
		return &invalid{code: invalidReference}
	}
	return nil
}

func (p *payment) setAmount(amount *int64, required bool) error {
	switch {
	case amount == nil && required:
		return badField("amount", "a value is required")
	case amount != nil && (*amount < 1 || *amount > 99_999_999_999):
		return &invalid{code: invalidAmount}
	case amount != nil:
		p.amount = *amount
	}
	return nil
}

// opening checks what begins a payment.
func (p *payment) opening(in *openingRequest) error {
	if err := p.identify(in.MerchantRefNum, in.DupCheck); err != nil {
		return err
	}
	if in.CurrencyCode != "" && in.CurrencyCode != currencies[p.account] {
		return &invalid{code: invalidCurrency}
	}
	if p.description = in.Description; utf8.RuneCountInString(p.description) > 255 {
		return badField("description", "at most 255 characters")
	}
	if in.Recurring != "" && in.Recurring != "INITIAL" && in.Recurring != "RECURRING" {
		return badField("recurring", "not a value of this field")
	}
	if in.StoredCredential != nil {
		if in.Recurring != "" {
			return badField("storedCredential", "not together with recurring")
		}
		p.credential = in.StoredCredential
		if err := p.credential.check(); err != nil {
			return err
		}
	}
	c := in.Card
	switch {
	case c == nil:
		return badField("card", "a value is required")
	case c.PaymentToken != "" && c.CardNum != "":
		return badField("card", "a number and a token exclude each other")
	case c.CVV != "" && !isDigits(string(c.CVV), 3, 4):
		return badField("card.cvv", "three or four digits")
	case c.PaymentToken != "":
		p.token = c.PaymentToken
		return nil
	}
	var err error
	p.card, err = keepCard("card.", c.CardNum, c.CardExpiry)
	return err
}

// check checks the fields against each other, and fills in their defaults.
func (c *credentialGiven) check() error {
	c.Type, c.Occurrence = stage.Or(c.Type, "ADHOC"), stage.Or(c.Occurrence, "INITIAL")
	switch {
	case !slices.Contains([]string{"ADHOC", "TOPUP", "RECURRING"}, c.Type):
		return badField("storedCredential.type", "not a value of this field")
	case !slices.Contains([]string{"INITIAL", "SUBSEQUENT"}, c.Occurrence):
		return badField("storedCredential.occurrence", "not a value of this field")
	case c.InitialTransactionID != "" && c.ExternalInitialTransactionID != "":
		return badField("storedCredential.externalInitialTransactionId", "not together with initialTransactionId")
	case (c.InitialTransactionID != "" || c.ExternalInitialTransactionID != "") && (c.Type == "ADHOC" || c.Occurrence == "INITIAL"):
		return badField("storedCredential", "the first transaction is named by later ones of RECURRING and TOPUP only")
	case len(c.InitialTransactionID) > 36:
		return badField("storedCredential.initialTransactionId", "at most 36 characters")
	case len(c.ExternalInitialTransactionID) > 256:
		return badField("storedCredential.externalInitialTransactionId", "at most 256 characters")
	}
	return nil
}

// keepCard checks a card and returns what is kept of it. It takes published test numbers only.
func keepCard(prefix, number string, expires *cardExpiry) (*keptCard, error) {
	switch {
	case number == "":
		return nil, badField(prefix+"cardNum", "a value is required")
	case !isDigits(number, 8, 20):
		return nil, badField(prefix+"cardNum", "not a card number")
	}
	scheme, ok := stage.TestCards[number]
	if !ok {
		return nil, &invalid{code: invalidNumber}
	}
	if cardTypes[scheme] == "" {
		return nil, &invalid{code: unsupportedCard}
	}
	expiry, err := expires.text(prefix)
	if err != nil {
		return nil, err
	}
	return &keptCard{
		BIN: strings.Clone(number[:6]), Last: strings.Clone(number[len(number)-4:]), Type: cardTypes[scheme], Expiry: expiry,
	}, nil
}

// text checks an expiry and returns it as MMYY.
func (e *cardExpiry) text(prefix string) (string, error) {
	switch {
	case e == nil:
		return "", badField(prefix+"cardExpiry", "a value is required")
	case e.Month < 1 || e.Month > 12:
		return "", badField(prefix+"cardExpiry.month", "not a month")
	case e.Year < 2000 || e.Year > 2099:
		return "", badField(prefix+"cardExpiry.year", "not a year of four digits")
	}
	return e.mmyy(), nil
}

func (e cardExpiry) mmyy() string {
	return unique.Make(fmt.Sprintf("%02d%02d", e.Month, e.Year%100)).Value()
}

func isDigits(s string, shortest, longest int) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) >= shortest && len(s) <= longest
}
