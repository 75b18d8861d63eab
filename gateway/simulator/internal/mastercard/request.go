package mastercard

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"unique"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// restRequest holds what we read of a request (mastercard-gateway facts, sections 1.2, 3.4 and 3.5).
type restRequest struct {
	APIOperation     string `json:"apiOperation"`
	ReferenceOrderID string `json:"referenceOrderId"`
	Order            struct {
		Amount    json.Number `json:"amount"`
		Currency  string      `json:"currency"`
		Reference string      `json:"reference"`
	} `json:"order"`
	Transaction struct {
		Amount   json.Number `json:"amount"`
		Currency string      `json:"currency"`
		Source   string      `json:"source"`
		Target   string      `json:"targetTransactionId"`
		Acquirer struct {
			TraceID string `json:"traceId"`
		} `json:"acquirer"`
	} `json:"transaction"`
	Agreement struct {
		ID                string `json:"id"`
		Type              string `json:"type"`
		AmountVariability string `json:"amountVariability"`
	} `json:"agreement"`
	SourceOfFunds struct {
		Type     string `json:"type"`
		Token    string `json:"token"`
		Provided struct {
			Card struct {
				Number string `json:"number"`
				Expiry struct {
					Month string `json:"month"`
					Year  string `json:"year"`
				} `json:"expiry"`
				StoredOnFile string `json:"storedOnFile"`
			} `json:"card"`
		} `json:"provided"`
	} `json:"sourceOfFunds"`
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func recycle(buf *[]byte) {
	clear((*buf)[:cap(*buf)]) // requests hold card numbers
	*buf = (*buf)[:0]
	buffers.Put(buf)
}

// readRequest reads and parses a body.
func readRequest(r *http.Request) (*restRequest, error) {
	buf := buffers.Get().(*[]byte)
	defer recycle(buf)
	body := http.MaxBytesReader(nil, r.Body, maxRequestBytes)
	for {
		if len(*buf) == cap(*buf) {
			*buf = slices.Grow(*buf, cap(*buf))
		}
		n, err := body.Read((*buf)[len(*buf):cap(*buf)])
		*buf = (*buf)[:len(*buf)+n]
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, err
		}
	}
	in := new(restRequest)
	if json.Unmarshal(*buf, in) != nil {
		return nil, &invalid{"", "", "the body is not the JSON of a request"}
	}
	return in, nil
}

// sources are the values of transaction.source (facts, section 1.2).
var sources = []string{"INTERNET", "MOTO", "MAIL_ORDER", "TELEPHONE_ORDER", "VOICE_RESPONSE", "CALL_CENTRE", "MERCHANT", "CARD_PRESENT", "PAYER_PRESENT"}

// parsePayment checks the form of a request, whatever the state of its order.
func parsePayment(orderID, id string, in *restRequest) (*payment, error) {
	if !isID(orderID) {
		return nil, &invalid{"order.id", "INVALID", "1 to 40 characters"}
	}
	if !isID(id) {
		return nil, &invalid{"transaction.id", "INVALID", "1 to 40 characters"}
	}
	p := &payment{
		order: strings.Clone(orderID), id: strings.Clone(id), operation: in.APIOperation, // not the whole path
		source: in.Transaction.Source, target: in.Transaction.Target, referenceTo: in.ReferenceOrderID,
		reference: in.Order.Reference, agreement: in.Agreement.ID, token: in.SourceOfFunds.Token,
		stored: in.SourceOfFunds.Provided.Card.StoredOnFile,
	}
	var err error
	switch p.operation {
	case opPay, opAuthorize:
		p.amount, err = parseAmount("order", in.Order.Amount, in.Order.Currency)
	case opVerify:
		if p.amount.Currency = money.Currency(in.Order.Currency); in.Order.Currency == "" {
			err = &invalid{"order.currency", "MISSING", "the currency is missing"}
		}
	case opCapture, opRefund:
		p.amount, err = parseAmount("transaction", in.Transaction.Amount, in.Transaction.Currency)
	case opVoid:
	case "":
		err = &invalid{"apiOperation", "MISSING", "the operation is missing"}
	default:
		err = &invalid{"apiOperation", "UNSUPPORTED", "the operation is not known"}
	}
	if err == nil && (p.operation == opPay || p.operation == opAuthorize || p.operation == opVerify) {
		err = p.parseSource(in)
	} else if err == nil && (p.token != "" || in.SourceOfFunds.Provided.Card.Number != "") {
		err = &invalid{"sourceOfFunds", "UNSUPPORTED", "a follow-up takes no source of funds"}
	}
	if err != nil {
		return nil, err
	}
	p.digest = p.fingerprint(in)
	// What a million orders have in common is kept once.
	for _, text := range []*string{&p.operation, &p.stored, &p.card, &p.expiry, (*string)(&p.amount.Currency)} {
		*text = unique.Make(*text).Value()
	}
	return p, nil
}

// parseSource checks card, token and stored-credential fields (facts, section 1).
func (p *payment) parseSource(in *restRequest) error {
	if len([]rune(p.reference)) > 40 {
		return &invalid{"order.reference", "INVALID", "at most 40 characters"}
	}
	if p.source != "" && !slices.Contains(sources, p.source) {
		return &invalid{"transaction.source", "INVALID", "not a source"}
	}
	switch p.stored {
	case "", "NOT_STORED", "TO_BE_STORED", "STORED":
	default:
		return &invalid{"sourceOfFunds.provided.card.storedOnFile", "INVALID", "not a value of this field"}
	}
	if p.source == "MERCHANT" && p.stored == "NOT_STORED" {
		return &invalid{"sourceOfFunds.provided.card.storedOnFile", "INVALID", "a merchant-initiated payment uses stored details"}
	}
	if p.stored == "" { // the gateway's own defaults
		p.stored = "NOT_STORED"
		if p.source == "MERCHANT" {
			p.stored = "STORED"
		}
	}
	switch in.Agreement.Type {
	case "", "INSTALLMENT", "UNSCHEDULED", "OTHER":
	case "RECURRING":
		if in.Agreement.AmountVariability == "" {
			return &invalid{"agreement.amountVariability", "MISSING", "must be given for recurring agreements"}
		}
	default:
		return &invalid{"agreement.type", "INVALID", "not a type of agreement"}
	}
	if in.Agreement.ID == "" && in.Agreement.Type != "" {
		return &invalid{"agreement.id", "MISSING", "the agreement has no id"}
	}
	if len(in.Transaction.Acquirer.TraceID) > 15 {
		return &invalid{"transaction.acquirer.traceId", "INVALID", "at most 15 characters"}
	}
	card := &in.SourceOfFunds.Provided.Card
	if card.Number == "" && p.token == "" {
		return &invalid{"sourceOfFunds.provided.card.number", "MISSING", "neither a card number nor a token"}
	}
	var err error
	if card.Number != "" || card.Expiry.Month != "" || card.Expiry.Year != "" {
		p.expiry, err = parseExpiry(card.Expiry.Month, card.Expiry.Year)
	}
	if err == nil && card.Number != "" {
		p.token = "" // an explicit number goes before a token
		if err = checkNumber(card.Number); err == nil {
			p.card = stage.Mask(card.Number)
		}
	}
	return err
}

// fingerprint tells an identical request from another. It is made of what is kept of
// the card, not of its number.
func (p *payment) fingerprint(in *restRequest) uint64 {
	return stage.Hash(
		p.operation, p.reference, strconv.FormatInt(p.amount.Minor, 10), string(p.amount.Currency), p.source, p.stored,
		p.agreement, in.Agreement.Type, p.referenceTo, p.target, p.card, p.token, p.expiry, in.Transaction.Acquirer.TraceID,
	)
}

func parseAmount(group string, amount json.Number, currency string) (money.Amount, error) {
	if currency == "" {
		return money.Amount{}, &invalid{group + ".currency", "MISSING", "the currency is missing"}
	}
	if amount == "" {
		return money.Amount{}, &invalid{group + ".amount", "MISSING", "the amount is missing"}
	}
	a, err := money.ParseDecimal(string(amount), money.Currency(currency))
	if err != nil || a.Minor <= 0 || len(amount) > 14 {
		return money.Amount{}, &invalid{group + ".amount", "INVALID", "not an amount of this currency"}
	}
	return a, nil
}

func parseExpiry(month, year string) (string, error) {
	m, err := strconv.Atoi(month)
	if err != nil || m < 1 || m > 12 || len(month) > 2 {
		return "", &invalid{"sourceOfFunds.provided.card.expiry.month", "INVALID", "not a month"}
	}
	if y, err := strconv.Atoi(year); err != nil || len(year) != 2 || y < 0 {
		return "", &invalid{"sourceOfFunds.provided.card.expiry.year", "INVALID", "not a year of two digits"}
	}
	if len(month) == 1 {
		month = "0" + month
	}
	return month + year, nil
}

// checkNumber takes published test numbers only.
func checkNumber(number string) error {
	if number == "" {
		return &invalid{"sourceOfFunds.provided.card.number", "MISSING", "the card number is missing"}
	}
	if _, ok := stage.TestCards[number]; !ok {
		return &invalid{"sourceOfFunds.provided.card.number", "INVALID", "not a published test card"}
	}
	return nil
}

func isID(id string) bool {
	if len(id) < 1 || len(id) > 40 {
		return false
	}
	for _, c := range []byte(id) {
		if c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
