package mastercard

import (
	"encoding/json"
	"errors"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// response holds what we use of an answer (facts, sections 3.6, 4 and 5). Amounts
// are read as text: there are no floats near money.
type response struct {
	Merchant string `json:"merchant"`
	Result   string `json:"result"`
	Token    string `json:"token"`
	Status   string `json:"status"` // of the gateway (information), or of a token
	Error    struct {
		Cause          string `json:"cause"`
		Explanation    string `json:"explanation"`
		Field          string `json:"field"`
		ValidationType string `json:"validationType"`
		SupportCode    string `json:"supportCode"`
	} `json:"error"`
	Order struct {
		ID       string      `json:"id"`
		Amount   json.Number `json:"amount"`
		Currency string      `json:"currency"`
	} `json:"order"`
	Transaction struct {
		ID                string      `json:"id"`
		Amount            json.Number `json:"amount"`
		Currency          string      `json:"currency"`
		AuthorizationCode string      `json:"authorizationCode"`
		Acquirer          struct {
			TraceID string `json:"traceId"`
		} `json:"acquirer"`
	} `json:"transaction"`
	Response struct {
		GatewayCode  string `json:"gatewayCode"`
		AcquirerCode string `json:"acquirerCode"`
	} `json:"response"`
	AuthorizationResponse struct {
		TransactionIdentifier string `json:"transactionIdentifier"`
	} `json:"authorizationResponse"`
	SourceOfFunds struct {
		Provided struct {
			Card struct {
				Number string `json:"number"` // masked 6.4
				Expiry expiry `json:"expiry"`
				Scheme string `json:"scheme"`
			} `json:"card"`
		} `json:"provided"`
	} `json:"sourceOfFunds"`
}

// decode reads one whole JSON document; anything after it is an error.
func (r *response) decode(body []byte) error { return json.Unmarshal(body, r) }

// expiry reads MMYY from a token's single text or a payment's month and year
// (facts, section 5). Anything else reads as unknown: it decides nothing.
type expiry string

func (e *expiry) UnmarshalJSON(text []byte) error {
	var parts struct{ Month, Year string }
	var whole string
	switch {
	case text[0] == '"' && json.Unmarshal(text, &whole) == nil:
		*e = joinExpiry(whole, "")
	case text[0] == '{' && json.Unmarshal(text, &parts) == nil:
		*e = joinExpiry(parts.Month, parts.Year)
	}
	return nil
}

func joinExpiry(month, year string) expiry {
	if len(month) == 1 {
		month = "0" + month // one sample has no leading zero (facts, section 2.6)
	}
	whole := month + year
	if len(whole) != 4 || strings.Trim(whole, "0123456789") != "" {
		return ""
	}
	return expiry(whole)
}

var errForeign = errors.New("the answer is not about this request")

// belongs checks that an answer is about this very request: merchant, order,
// transaction, amount and currency. A validation error names no order, everything
// else must.
func (c *Client) belongs(op string, req *gateway.Request, r *response) error {
	if r.Merchant != "" && r.Merchant != c.config.MerchantID {
		return errForeign
	}
	order, key := string(OrderID(req)), string(req.Key)
	if r.Result == "ERROR" {
		if r.Order.ID != "" && r.Order.ID != order || r.Transaction.ID != "" && r.Transaction.ID != key {
			return errForeign
		}
		return nil
	}
	if r.Order.ID != order || r.Transaction.ID != key {
		return errForeign
	}
	switch op {
	case opPay, opAuthorize:
		if !same(req.Amount, r.Order.Amount, r.Order.Currency) {
			return errForeign
		}
	case opVerify, opVoid:
		return nil // whatever amount they echo is not ours
	}
	if !same(req.Amount, r.Transaction.Amount, r.Transaction.Currency) {
		return errForeign
	}
	return nil
}

// same reports whether an echoed amount, where there is one, is ours.
func same(want money.Amount, amount json.Number, currency string) bool {
	if currency != "" && currency != string(want.Currency) {
		return false
	}
	if amount == "" {
		return true
	}
	have, err := money.ParseDecimal(string(amount), want.Currency)
	return err == nil && have == want
}

// belongsToken does the same for a tokenization, where the masked number and, with
// supplied ids, the token itself are all there is to compare.
func (c *Client) belongsToken(req *gateway.Request, r *response) error {
	if r.Result == "ERROR" {
		return nil
	}
	masked := r.SourceOfFunds.Provided.Card.Number
	if n := len(masked); n >= 12 && !req.Card.Number.IsZero() {
		if masked[:6] != req.Card.Number.FirstSix() || masked[n-4:] != req.Card.Number.LastFour() {
			return errForeign
		}
	}
	if c.config.Tokens == TokensSupplied && r.Token != "" && r.Token != string(req.Key) {
		return errForeign
	}
	return nil
}

// answer turns an answer that is ours into the line's outcome.
func (r *response) answer(req *gateway.Request, m codetable.Meaning) gateway.Answer {
	card := &r.SourceOfFunds.Provided.Card
	a := gateway.Answer{State: m.State, Token: r.Token, Unlisted: m.Unlisted}
	a.Answer = batch.Answer{
		Code:                m.Code,
		Message:             r.explanation(),
		AuthorizationNumber: wire.Scrub(r.Transaction.AuthorizationCode),
		GatewayCode:         wire.Scrub(r.Response.GatewayCode),
		SchemeCode:          wire.Scrub(r.Response.AcquirerCode),
		NetworkTransaction:  r.trace(),
		Card:                wire.Remask(card.Number),
		CardExpiry:          string(card.Expiry),
		CardType:            cardTypes[card.Scheme],
	}
	if r.Error.Cause != "" {
		a.GatewayCode = wire.Scrub(r.Error.Cause)
	}
	if req.Command.Phase() != batch.PhaseWallet {
		a.TransactionID = batch.TransactionID(req.Key)
	}
	if m.State == batch.Declined {
		switch r.Response.AcquirerCode {
		case "R0", "R1": // the cardholder revoked this series
			a.Code, a.StopSeries = "01132", true
		case "R3": // the cardholder revoked every series on this card
			a.Code, a.StopSeries, a.StopCard = "01133", true, true
		}
	}
	return a
}

// trace is the scheme's transaction id, to be sent with later payments elsewhere.
func (r *response) trace() string {
	id := r.Transaction.Acquirer.TraceID
	if id == "" {
		id = r.AuthorizationResponse.TransactionIdentifier
	}
	if len(id) > 64 {
		return ""
	}
	return id
}

// explanation says which field is wrong and why, in the gateway's words.
func (r *response) explanation() string {
	if r.Error.Cause == "" {
		return ""
	}
	var parts []string
	for _, part := range []string{r.Error.Field, r.Error.ValidationType, r.Error.Explanation, r.Error.SupportCode} {
		if part != "" {
			parts = append(parts, part)
		}
	}
	return wire.Scrub(strings.Join(parts, ": "))
}

var cardTypes = map[string]string{
	"VISA":        "VISA",
	"MASTERCARD":  "MASTERCARD",
	"MAESTRO":     "MAESTRO",
	"AMEX":        "AMEX",
	"DISCOVER":    "DISCOVER",
	"DINERS_CLUB": "DINERS",
	"JCB":         "JCB",
}
