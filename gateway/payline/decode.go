package payline

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/money"
)

// mediaType is that of SOAP 1.1.
const mediaType = "text/xml"

// reply is what came back, its body read into response as far as it could be.
type reply struct {
	wire.Reply
	operation string // asked
	repeated  bool   // an earlier endpoint may have carried the request out
	response  response
	fault     fault
}

// fault is a SOAP fault.
type fault struct {
	Code   string `xml:"faultcode"`
	String string `xml:"faultstring"`
}

// response holds what we use of an answer (facts, section 3). Amounts are digits. Elements
// are told apart by their local names; the namespace is checked on the message.
type response struct {
	XMLName             xml.Name
	Results             []result      `xml:"result"`
	Transaction         transaction   `xml:"transaction"`
	Payment             payment       `xml:"payment"`
	Authorization       authorized    `xml:"authorization"`
	OrderRef            string        `xml:"order>ref"`
	Card                card          `xml:"card"`
	PrivateData         []datum       `xml:"privateDataList>privateData"`
	LinkedTransactionID string        `xml:"linkedTransactionId"`
	PaymentRecordID     string        `xml:"paymentRecordId"`
	Wallet              wallet        `xml:"wallet"`
	WalletID            string        `xml:"walletId"` // of a payment record
	IsDisabled          string        `xml:"isDisabled"`
	Cards               []walletCard  `xml:"cardsList>cards"`
	Transactions        []transaction `xml:"transactionList>transaction"`
}

type result struct {
	Code         string `xml:"code"`
	LongMessage  string `xml:"longMessage"`
	PartnerCode  string `xml:"partnerCode"`
	PartnerLabel string `xml:"partnerCodeLabel"`
}

type transaction struct {
	ID             string `xml:"id"`
	Date           string `xml:"date"` // see parseTime
	OrderReference string `xml:"orderReference"`
}

type payment struct {
	Amount   string `xml:"amount"`
	Currency string `xml:"currency"` // numeric
	Action   string `xml:"action"`
}

type authorized struct {
	Number    string `xml:"number"`
	Amount    string `xml:"authorizedAmount"`
	Currency  string `xml:"authorizedCurrency"`
	Indicator string `xml:"reattempt>indicator"`
	Frozen    string `xml:"reattempt>frozenPeriod"`
}

// card is a card as the platform shows it: some digits of its number, the rest X. How
// many there are differs, and so does their place.
type card struct {
	Number string `xml:"number"`
	Type   string `xml:"type"`
	Expiry string `xml:"expirationDate"`
	Token  string `xml:"token"`
}

type wallet struct {
	ID         string `xml:"walletId"`
	Card       card   `xml:"card"`
	CardStatus string `xml:"cardStatus"`
}

type walletCard struct {
	WalletID   string `xml:"walletId"`
	Card       card   `xml:"card"`
	Index      string `xml:"cardInd"` // "1" and "01" are the same
	IsDisabled string `xml:"isDisabled"`
	Default    string `xml:"default"` // Y or N
}

type datum struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type envelope struct {
	XMLName xml.Name
	Body    struct {
		Faults    []fault    `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault"`
		Responses []response `xml:",any"`
	} `xml:"http://schemas.xmlsoap.org/soap/envelope/ Body"`
}

var errNotOne = errors.New("not one complete answer to this operation")

// decode reads one whole SOAP message: the answer to the operation, or a fault.
func (r *reply) decode(body []byte) error {
	d := xml.NewDecoder(bytes.NewReader(body))
	start, err := root(d)
	if err != nil {
		return err
	}
	var e envelope
	if err := d.DecodeElement(&e, start); err != nil {
		return err
	}
	if err := onlySpace(d); err != nil {
		return err
	}
	if e.XMLName != (xml.Name{Space: soapSpace, Local: "Envelope"}) {
		return errNotOne
	}
	if len(e.Body.Faults) == 1 && len(e.Body.Responses) == 0 {
		r.fault = e.Body.Faults[0]
		return nil
	}
	if len(e.Body.Faults) != 0 || len(e.Body.Responses) != 1 {
		return errNotOne
	}
	answer := &e.Body.Responses[0]
	if answer.XMLName != (xml.Name{Space: messageSpace, Local: r.operation + "Response"}) || len(answer.Results) != 1 || !isCode(answer.Results[0].Code) {
		return errNotOne
	}
	r.response = *answer
	return nil
}

// root finds the first element. What could bring a document type or a style is refused.
func root(d *xml.Decoder) (*xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, err
		}
		switch token := token.(type) {
		case xml.StartElement:
			return &token, nil
		case xml.CharData, xml.Comment:
		case xml.ProcInst:
			if token.Target != "xml" {
				return nil, errNotOne
			}
		default:
			return nil, errNotOne
		}
	}
}

// onlySpace makes sure that nothing follows.
func onlySpace(d *xml.Decoder) error {
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch token := token.(type) {
		case xml.CharData:
			if len(bytes.TrimSpace(token)) == 0 {
				continue
			}
		case xml.Comment:
			continue
		}
		return errNotOne
	}
}

func isCode(code string) bool { return len(code) == 5 && isDigits(code) }

func isDigits(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

// parseTime reads a date of an answer. The year has two digits or four, seconds may be
// absent, in one message as in the other (facts, section 3.4). No zone is named.
func parseTime(text string) (at time.Time, err error) {
	for _, form := range []string{"02/01/2006 15:04:05", "02/01/06 15:04:05", "02/01/2006 15:04", "02/01/06 15:04"} {
		if at, err = time.Parse(form, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, errors.New("payline: not a date")
}

// code is the five digits of the result; empty when there is no answer.
func (r *response) code() string {
	if len(r.Results) == 0 {
		return ""
	}
	return r.Results[0].Code
}

func (r *reply) failure() error {
	switch {
	case r.Defect != "":
		return fmt.Errorf("payline: http %d with %s", r.Status, r.Defect)
	case r.fault != (fault{}):
		return fmt.Errorf("payline: http %d with the fault %q", r.Status, wire.Scrub(r.fault.Code+" "+r.fault.String))
	}
	return fmt.Errorf("payline: http %d with the result %q", r.Status, wire.Scrub(r.response.code()))
}

var (
	errForeign  = errors.New("payline: the answer is not about this request")
	errNameless = errors.New("payline: the answer approves and does not name what it made")
)

// belongs checks an answer to a request against all that it repeats of it, and an
// approval for what later calls need. Most answers repeat nothing that is ours alone.
func belongs(op operation, req *gateway.Request, m codetable.Meaning, r *response) error {
	if r.Transaction.OrderReference != "" && op.kind == kindPayment && r.Transaction.OrderReference != string(req.Key) {
		return errForeign
	}
	if key := r.datum(datumKey); key != "" && op.kind != kindRead && key != string(req.Key) {
		return errForeign
	}
	if (op.kind == kindPayment || op.kind == kindWallet) && !r.Card.shows(req.Card.Number) {
		return errForeign
	}
	if op.kind == kindRead && r.Wallet.ID != string(req.Wallet.ID) && m.State == batch.Approved {
		return errForeign
	}
	if m.State != batch.Approved {
		return nil
	}
	switch op.kind {
	case kindPayment:
		if !same(req.Amount, r.Authorization.Amount, r.Authorization.Currency) {
			return errForeign
		}
		fallthrough
	case kindFollowUp:
		if r.Transaction.ID == "" {
			return errNameless
		}
	case kindSchedule:
		if r.PaymentRecordID == "" {
			return errNameless
		}
	}
	return nil
}

// same reports whether an amount that is repeated, where it is, is ours.
func same(want money.Amount, amount, currency string) bool {
	if currency != "" && currency != want.Currency.Numeric() {
		return false
	}
	if amount == "" {
		return true
	}
	have, err := money.ParseMinor(amount)
	return err == nil && have == want.Minor
}

// datum is the value of a private datum; empty when there is none.
func (r *response) datum(key string) string {
	for _, d := range r.PrivateData {
		if d.Key == key {
			return d.Value
		}
	}
	return ""
}

// shows reports whether the digits that a card shows, at its ends, are those of the number.
// Nothing to compare is no contradiction.
func (c *card) shows(number batch.PAN) bool {
	digits := number.Reveal()
	if digits == "" || c.Number == "" {
		return true
	}
	head, tail := ends(c.Number)
	return strings.HasPrefix(digits, head) && strings.HasSuffix(digits, tail)
}

// ends are the digits before and after what hides the rest; all of them are its head when
// nothing is hidden.
func ends(masked string) (head, tail string) {
	rest := strings.TrimLeft(masked, "0123456789")
	head = masked[:len(masked)-len(rest)]
	return head, rest[len(strings.TrimRight(rest, "0123456789")):]
}

// masked is the card as we show it, first six and last four; empty when fewer are shown.
func (c *card) masked() string {
	head, tail := ends(c.Number)
	if len(head) < 6 || len(head) < len(c.Number) && len(tail) < 4 {
		return ""
	}
	return wire.Remask(c.Number)
}

// describe puts what is known of the card into an answer.
func (c *card) describe(a *gateway.Answer) {
	if !isDigits(c.Token) { // one of digits alone could be a card number
		a.Token = or(short(c.Token), a.Token)
	}
	a.Card = or(c.masked(), a.Card)
	if len(c.Expiry) == 4 && isDigits(c.Expiry) {
		a.CardExpiry = c.Expiry
	}
	a.CardType = or(cardTypes[c.Type], a.CardType)
}

// cardTypes are the types that the batch interface knows.
var cardTypes = map[string]string{
	"CB": "CB", "VISA": "VISA", "MASTERCARD": "MASTERCARD", "MAESTRO": "MAESTRO",
	"AMEX": "AMEX", "DISCOVER": "DISCOVER", "DINERS": "DINERS", "JCB": "JCB",
}

// cardStatuses reads wallet.cardStatus (facts, section 3.4); those of American Express
// SmartBill are the same with us.
var cardStatuses = map[string]batch.CardStatus{
	"": batch.CardActive, "EXP": batch.CardExpired, "OPP": batch.CardDisabled, "MAN": batch.CardDisabled, "INT": batch.CardDisabled,
	"WR": "WR", "EA": "EA", "ER": "ER", "EDU": "EDU", "PU": "PU", "CC": "CC",
}

// answer turns an answer that is ours into the line's outcome.
func (c *Client) answer(op operation, req *gateway.Request, m codetable.Meaning, r *response) gateway.Answer {
	one := &r.Results[0]
	a := gateway.Answer{State: m.State, Unlisted: m.Unlisted}
	a.Answer = batch.Answer{
		Code:                m.Code,
		TransactionID:       batch.TransactionID(short(r.Transaction.ID)),
		AuthorizationNumber: wire.Scrub(r.Authorization.Number),
		GatewayCode:         one.Code,
		SchemeCode:          wire.Scrub(one.PartnerCode),
		AdviceCode:          wire.Scrub(r.Authorization.Indicator),
		NetworkTransaction:  short(r.LinkedTransactionID),
		PaymentRecord:       short(r.PaymentRecordID),
	}
	if m.State != batch.Approved {
		// The short message and most long ones say what the code says; the partner's may add to it.
		a.Message = wire.Scrub(or(one.PartnerLabel, one.LongMessage))
	}
	r.Card.describe(&a)
	if op.kind == kindRead {
		r.show(req, &a)
	}
	if frozen, err := strconv.Atoi(r.Authorization.Frozen); err == nil && frozen > 0 && c.config.FrozenUnit > 0 {
		a.RetryNotBefore = c.clock().Add(time.Duration(min(frozen, maxFrozen)) * c.config.FrozenUnit)
	}
	if m.State == batch.Declined {
		switch m.Code {
		case "01132": // this series is revoked
			a.StopSeries = true
		case "01133": // every series on the card is
			a.StopSeries, a.StopCard = true, true
		}
	}
	return a
}

// shown is what the operation's own answer shows of a transaction whose details these are,
// so that a line reads the same either way (WSDL 4.77). What the issuer advises of another
// try stays.
func (op operation) shown(r *response) *response {
	own := *r
	if op.name != authorization.name && op.name != reauthorization.name {
		own.Card = card{}
	}
	if op.name != authorization.name && op.name != walletPayment.name {
		own.Authorization.Number, own.LinkedTransactionID = "", ""
	}
	return &own
}

// maxFrozen bounds a period that the platform names, whatever its unit.
const maxFrozen = 1000

// show puts the wallet's card that was asked for into the answer.
func (r *response) show(req *gateway.Request, a *gateway.Answer) {
	if a.State != batch.Approved {
		return
	}
	r.Wallet.Card.describe(a)
	a.CardIndex = cardInd(or(chargedIndex(req), 1)) // the platform's default is 01
	a.CardStatus = cardStatuses[r.Wallet.CardStatus]
	if r.IsDisabled == "1" && !a.CardStatus.Ended() { // an end says more: why it is disabled
		a.CardStatus = batch.CardDisabled
	}
}

// short is an identifier as it is, unless it is longer than any that is known.
func short(id string) string {
	if len(id) > 200 || strings.ContainsFunc(id, func(c rune) bool { return c < ' ' || c == 0x7f }) {
		return ""
	}
	return id
}
