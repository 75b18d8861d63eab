package paysafe

import (
	"encoding/json"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// entity holds what we use of any resource: a transaction, a profile, a card of the
// vault, or a list (facts, section 4; reference, complex JSON objects). Amounts are
// read as text: there are no floats near money.
type entity struct {
	ID             string `json:"id"`
	Status         string `json:"status"`
	MerchantRefNum string `json:"merchantRefNum"`
	Error          struct {
		Code        string       `json:"code"`
		Message     string       `json:"message"`
		FieldErrors []fieldError `json:"fieldErrors"`
	} `json:"error"`
	Links []link `json:"links"`

	// Of a transaction.
	Amount          json.Number `json:"amount"`
	CurrencyCode    string      `json:"currencyCode"`
	SettleWithAuth  *bool       `json:"settleWithAuth"`
	Unsettled       json.Number `json:"availableToSettle"` // what is left of an authorization
	ChildAccountNum text        `json:"childAccountNum"`
	AuthCode        text        `json:"authCode"`
	Card            struct {
		Type       string `json:"type"`
		LastDigits text   `json:"lastDigits"`
		CardExpiry expiry `json:"cardExpiry"`
	} `json:"card"`
	AcquirerResponse struct {
		ResponseCode text `json:"responseCode"`
	} `json:"acquirerResponse"`

	// Lists, each under the name of its collection; an authorization too has its settlements.
	Auths         []entity `json:"auths"`
	Verifications []entity `json:"verifications"`
	Settlements   []entity `json:"settlements"`
	Refunds       []entity `json:"refunds"`
	VoidAuths     []entity `json:"voidauths"` // voidAuths in some places; the case does not matter

	// Of a profile.
	MerchantCustomerID string          `json:"merchantCustomerId"`
	Locale             string          `json:"locale"`
	FirstName          string          `json:"firstName"`
	MiddleName         string          `json:"middleName"`
	LastName           string          `json:"lastName"`
	DateOfBirth        json.RawMessage `json:"dateOfBirth"`
	Email              string          `json:"email"`
	Phone              string          `json:"phone"`
	IP                 string          `json:"ip"`
	Gender             string          `json:"gender"`
	Nationality        string          `json:"nationality"`
	CellPhone          string          `json:"cellPhone"`
	Cards              []entity        `json:"cards"`

	// Of a card of the vault.
	PaymentToken     string `json:"paymentToken"` // a profile has one too, which pays nothing
	NickName         string `json:"nickName"`
	HolderName       string `json:"holderName"`
	CardBin          text   `json:"cardBin"`
	LastDigits       text   `json:"lastDigits"`
	CardExpiry       expiry `json:"cardExpiry"`
	CardType         string `json:"cardType"`
	BillingAddressID string `json:"billingAddressId"`
	DefaultCard      bool   `json:"defaultCardIndicator"`
}

type fieldError struct {
	Field string `json:"field"`
	Error string `json:"error"`
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// decode reads one whole JSON document; anything after it is an error. A document that
// does not fit leaves nothing behind.
func (e *entity) decode(body []byte) error {
	*e = entity{}
	err := json.Unmarshal(body, e)
	if err != nil {
		*e = entity{}
	}
	return err
}

// text is a value that the vendor's samples write now as a text and now as a number.
type text string

func (t *text) UnmarshalJSON(raw []byte) error {
	if raw[0] != '"' {
		var number json.Number
		err := json.Unmarshal(raw, &number)
		*t = text(number)
		return err
	}
	return json.Unmarshal(raw, (*string)(t))
}

// expiry is the month and the year of a card's expiry date, numbers or texts.
type expiry struct {
	Month text `json:"month"`
	Year  text `json:"year"`
}

// text writes MMYY; empty for what is no month of this century.
func (e expiry) text() string {
	month, year := string(e.Month), string(e.Year)
	if len(month) == 1 {
		month = "0" + month
	}
	if len(year) != 4 || year[:2] != "20" || !validExpiry(month+year[2:]) {
		return ""
	}
	return month + year[2:]
}

// list is what a look-up of an operation found; nil when the answer has no such list.
func (e *entity) list(op operation) []entity {
	switch op {
	case opAuthorize:
		return e.Auths
	case opVerify:
		return e.Verifications
	case opSettle:
		return e.Settlements
	case opRefund:
		return e.Refunds
	case opVoid:
		return e.VoidAuths
	}
	return nil
}

// idForm is what an id must look like to be told and to become part of a path.
var idForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,36}$`)

var errForeign = errors.New("the answer is not about this request")

// belongs checks that an answer is about this very request: reference, account, amount,
// currency, card. An answer that only refuses may name no reference, everything else
// must; an approval must name the amount too.
func (c *Client) belongs(op operation, req *gateway.Request, e *entity, m codetable.Meaning) error {
	reference, isOurs := string(req.Key), e.MerchantRefNum
	if op == opCancel { // no reference of ours: the settlement itself is named
		reference, isOurs = settlementOf(req.Original), e.ID
	}
	refuses := m.State == batch.Declined || m.State == batch.Refused || m.Outcome == codetable.Duplicate
	if isOurs != reference && !(refuses && (isOurs == "" || op == opCancel)) {
		return errForeign
	}
	account := c.accounts[amountOf(req).Currency]
	if named := e.account(); named != "" && named != account && e.ChildAccountNum == "" {
		return errForeign
	}
	if m.State != batch.Approved && m.State != batch.Pending {
		return nil
	}
	if !idForm.MatchString(e.ID) {
		return errForeign
	}
	if digits := req.Card.Number.LastFour(); digits != "" && e.Card.LastDigits != "" && digits != string(e.Card.LastDigits) {
		return errForeign
	}
	if op == opAuthorize && e.SettleWithAuth != nil && *e.SettleWithAuth != isPurchase(req) {
		return errForeign
	}
	want := amountOf(req)
	if e.CurrencyCode != "" && e.CurrencyCode != string(want.Currency) {
		return errForeign
	}
	if op == opVerify || op == opCancel { // what they echo, if anything, is not ours
		return nil
	}
	if e.Amount == "" && m.State == batch.Pending {
		return nil
	}
	if minor, err := money.ParseMinor(string(e.Amount)); err != nil || minor != want.Minor {
		return errForeign
	}
	return nil
}

// account is the merchant account in the link to the resource itself; empty when there is none.
func (e *entity) account() string {
	for _, l := range e.Links {
		if l.Rel != "self" {
			continue
		}
		_, rest, _ := strings.Cut(l.Href, "/accounts/")
		account, _, _ := strings.Cut(rest, "/")
		return account
	}
	return ""
}

// existing is the id of the entity that is in the way (facts, section 4.4). The rest of
// its URL is never followed: what is called is always our own endpoint.
func (e *entity) existing() string {
	for _, l := range e.Links {
		if l.Rel != "existing_entity" {
			continue
		}
		u, err := url.Parse(l.Href)
		if err != nil {
			return ""
		}
		if id := u.Path[strings.LastIndexByte(u.Path, '/')+1:]; idForm.MatchString(id) {
			return id
		}
	}
	return ""
}

// settlement is the one that came with a payment; nil when the answer names none.
func (e *entity) settlement(req *gateway.Request) *entity {
	if !isPurchase(req) {
		return nil
	}
	i := slices.IndexFunc(e.Settlements, func(s entity) bool {
		return s.MerchantRefNum == "" || s.MerchantRefNum == string(req.Key)
	})
	if i < 0 {
		return nil
	}
	return &e.Settlements[i]
}

// settlementStatus is that of the settlement that came with a payment: missing when the
// answer names none and says that something is left to settle; empty when it says neither.
func (e *entity) settlementStatus(req *gateway.Request) string {
	switch s := e.settlement(req); {
	case s != nil:
		return s.Status
	case isPurchase(req) && e.Unsettled != "" && e.Unsettled != "0":
		return "missing"
	}
	return ""
}

// answer turns an answer that is ours into the line's outcome.
func (e *entity) answer(req *gateway.Request, m codetable.Meaning) gateway.Answer {
	a := gateway.Answer{State: m.State, Unlisted: m.Unlisted}
	a.Answer = batch.Answer{
		Code:                m.Code,
		TransactionID:       e.transactionID(req),
		AuthorizationNumber: wire.Scrub(string(e.AuthCode)),
		GatewayCode:         wire.Scrub(or(e.Error.Code, e.Status)),
		SchemeCode:          wire.Scrub(string(e.AcquirerResponse.ResponseCode)),
		CardExpiry:          e.Card.CardExpiry.text(),
		CardType:            cardTypes[e.Card.Type],
	}
	if m.State != batch.Declined || m.Unlisted {
		a.Message = e.explanation()
	}
	a.StopSeries, a.StopCard = stops(m)
	return a
}

// stops says what the issuer revoked, which the five-digit code tells (rules, section 3).
func stops(m codetable.Meaning) (series, card bool) {
	return m.State == batch.Declined && (m.Code == "01132" || m.Code == "01133"),
		m.State == batch.Declined && m.Code == "01133"
}

// transactionID is what follow-ups name. A payment that is settled at once is refunded
// and cancelled by its settlement; every published answer gives both the same id. Should
// they differ, a payment that a series is to begin with keeps the authorization's id,
// because later payments of the series must name that.
func (e *entity) transactionID(req *gateway.Request) batch.TransactionID {
	id := e.ID
	beginsSeries := req.Credential.Agreement != nil && !req.Credential.MerchantInitiated()
	if s := e.settlement(req); s != nil && !beginsSeries && s.ID != "" {
		id = s.ID
	}
	if operationOf(req) == opCancel {
		id = string(req.Key) // a cancellation has no id of its own
	}
	if !idForm.MatchString(id) {
		return ""
	}
	return batch.TransactionID(id)
}

// explanation says which field is wrong and why, or what a code says that has no text of ours.
func (e *entity) explanation() string {
	if e.Error.Code == "" {
		return ""
	}
	var parts []string
	for _, f := range e.Error.FieldErrors {
		parts = append(parts, f.Field+": "+f.Error)
	}
	if len(parts) == 0 {
		return wire.Scrub(e.Error.Message)
	}
	return wire.Scrub(strings.Join(parts, "; "))
}

// firstField is the first field that is to blame.
func (e *entity) firstField() string {
	if len(e.Error.FieldErrors) == 0 {
		return ""
	}
	return e.Error.FieldErrors[0].Field
}

// cardTypes are the schemes of a transaction and of a card of the vault (facts, section
// 4.2). Solo has no name in the batch interface.
var cardTypes = map[string]string{
	"VI": "VISA",
	"VD": "VISA",
	"VE": "VISA",
	"MC": "MASTERCARD",
	"MD": "MAESTRO",
	"AM": "AMEX",
	"DI": "DISCOVER",
	"DC": "DINERS",
	"JC": "JCB",
}
