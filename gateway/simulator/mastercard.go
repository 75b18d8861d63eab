package simulator

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"hash/fnv"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"cardbatch/gateway/internal/jsontext"
	"cardbatch/money"
)

const maxRequestBytes = 64 << 10

// errFull: the simulator holds as many orders or tokens as it may.
var errFull = errors.New("the simulator is full; reset it")

func basicAuth(merchantID, password string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte("merchant."+merchantID+":"+password))
}

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

// serveMastercard routes {version}/information and {version}/merchant/{id}/….
func (s *Simulator) serveMastercard(w http.ResponseWriter, r *http.Request, path string) {
	version, rest, _ := strings.Cut(path, "/")
	if n, err := strconv.Atoi(version); err != nil || n < 1 || n > 100 {
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "this version of the API is not known"})
		return
	}
	if rest == "information" && r.Method == http.MethodGet {
		writeJSON(w, http.StatusOK, []byte(`{"gatewayVersion":"simulator","status":"OPERATING"}`))
		return
	}
	parts := strings.Split(rest, "/")
	if len(parts) < 3 || parts[0] != "merchant" {
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
		return
	}
	if r.Header.Get("Authorization") != s.auth || parts[1] != s.options.MerchantID {
		s.refuse(w, http.StatusUnauthorized, &invalid{"", "", "invalid credentials"})
		return
	}
	switch resource := parts[2:]; {
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodPut:
		s.putTransaction(w, r, resource[1], resource[3])
	case len(resource) == 4 && resource[0] == "order" && resource[2] == "transaction" && r.Method == http.MethodGet:
		s.getTransaction(w, r, resource[1], resource[3])
	case len(resource) == 1 && resource[0] == "token" && r.Method == http.MethodPost:
		s.putToken(w, r, "")
	case len(resource) == 2 && resource[0] == "token" && r.Method == http.MethodPut:
		s.putToken(w, r, resource[1])
	default:
		s.refuse(w, http.StatusBadRequest, &invalid{"", "", "no such resource"})
	}
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

func (s *Simulator) putTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	in, err := readRequest(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	p, err := parsePayment(orderID, id, in)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	s.play(w, r, s.faults.next(p.operation, p.id, p.reference), func(d disguise) (int, []byte) {
		answer, err := s.carryOut(p, d)
		if err != nil {
			return s.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, answer
	})
}

func (s *Simulator) getTransaction(w http.ResponseWriter, r *http.Request, orderID, id string) {
	s.stats.lookups.Add(1)
	s.play(w, r, s.faults.next(opRetrieve, id, ""), func(d disguise) (int, []byte) {
		shard := s.accounts.shard(orderID)
		shard.Lock()
		defer shard.Unlock()
		o := shard.orders[orderID]
		if o == nil {
			return s.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find order " + orderID})
		}
		t := o.find(id)
		if t == nil || s.hidden(shard, t) {
			return s.refusal(http.StatusBadRequest, &invalid{"", "", "Unable to find transaction " + id})
		}
		return http.StatusOK, s.answer(o, t, d)
	})
}

// hidden reports whether look-ups may not see the transaction yet.
func (s *Simulator) hidden(shard *shard, t *transaction) bool {
	if s.options.HiddenFor > 0 && s.options.Clock().Sub(time.Unix(t.At, 0)) < s.options.HiddenFor {
		return true
	}
	if n := shard.seen[t.ID]; n < s.options.HiddenLookups {
		shard.seen[t.ID] = n + 1
		return true
	}
	return false
}

func (s *Simulator) putToken(w http.ResponseWriter, r *http.Request, id string) {
	in, err := readRequest(r)
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	card := &in.SourceOfFunds.Provided.Card
	number := card.Number
	expiry, err := parseExpiry(card.Expiry.Month, card.Expiry.Year)
	if err == nil {
		err = checkNumber(number)
	}
	if err == nil && id != "" && !isID(id) {
		err = &invalid{"token", "INVALID", "a token has 1 to 40 letters and digits"}
	}
	if err != nil {
		s.refuse(w, http.StatusBadRequest, err)
		return
	}
	s.play(w, r, s.faults.next(opTokenize, id, ""), func(d disguise) (int, []byte) {
		id, saved, err := s.save(id, maskedNumber(number), expiry, testCards[number])
		if err != nil {
			return s.refusal(http.StatusBadRequest, err)
		}
		return http.StatusCreated, s.tokenAnswer(id, saved, d)
	})
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
			p.card = maskedNumber(card.Number)
		}
	}
	return err
}

// fingerprint tells an identical request from another. It is made of what is kept of
// the card, not of its number.
func (p *payment) fingerprint(in *restRequest) uint64 {
	h := fnv.New64a()
	for _, part := range []string{
		p.operation, p.reference, strconv.FormatInt(p.amount.Minor, 10), string(p.amount.Currency), p.source, p.stored,
		p.agreement, in.Agreement.Type, p.referenceTo, p.target, p.card, p.token, p.expiry, in.Transaction.Acquirer.TraceID,
	} {
		io.WriteString(h, part)
		h.Write([]byte{0})
	}
	return h.Sum64()
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
	if _, ok := testCards[number]; !ok {
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

// disguise makes an answer differ from the truth, for a fault.
type disguise struct {
	code    string // gateway code to show instead
	result  string // result to show instead
	foreign bool   // about another order and transaction
}

// types are the values of transaction.type (facts, section 3.6).
var types = map[string]string{
	opPay: "PAYMENT", opAuthorize: "AUTHORIZATION", opVerify: "VERIFICATION", opCapture: "CAPTURE", opRefund: "REFUND", opVoid: "VOID_PAYMENT",
}

// answer writes a transaction as the gateway shows it (facts, section 3.6); its
// order's shard is locked.
func (s *Simulator) answer(o *order, t *transaction, d disguise) []byte {
	code, orderID, id := t.Code, o.id, t.ID
	if d.code != "" {
		code = d.code
	}
	if d.foreign {
		orderID, id = reverse(o.id), reverse(t.ID)
	}
	currency := money.Currency(o.currency)
	amount := func(minor int64) string { return money.Amount{Minor: minor, Currency: currency}.Decimal() }

	w := jsontext.Writer{Buf: make([]byte, 0, 1<<10)}
	w.Open("")
	if t.Code == approved && t.Operation != opVoid {
		w.Open("authorizationResponse")
		w.Text("transactionIdentifier", traceOf(o.transactions[0].ID))
		w.Close()
	}
	w.Text("merchant", s.options.MerchantID)
	w.Open("order")
	w.Raw("amount", amount(o.amount))
	w.Text("currency", o.currency)
	w.Text("id", orderID)
	w.Text("reference", o.reference)
	w.Text("status", o.status())
	w.Raw("totalAuthorizedAmount", amount(o.authorized))
	w.Raw("totalCapturedAmount", amount(o.captured))
	w.Raw("totalRefundedAmount", amount(o.refunded))
	w.Close()
	w.Open("response")
	w.Text("acquirerCode", acquirerCodes[code])
	w.Text("gatewayCode", code)
	w.Close()
	w.Text("result", or(d.result, or(results[code], "FAILURE")))
	w.Open("sourceOfFunds")
	w.Open("provided")
	w.Open("card")
	if len(t.Expiry) == 4 {
		w.Open("expiry")
		w.Text("month", strings.TrimPrefix(t.Expiry[:2], "0"))
		w.Text("year", t.Expiry[2:])
		w.Close()
	}
	w.Text("number", t.Card)
	w.Text("scheme", schemeOf(t.Card))
	w.Text("storedOnFile", t.Stored)
	w.Close()
	w.Close()
	w.Text("token", t.Token)
	w.Text("type", "CARD")
	w.Close()
	w.Open("transaction")
	w.Raw("amount", amount(t.Amount))
	if t.Code == approved {
		w.Text("authorizationCode", digitsOf(t.ID, 6))
	}
	w.Text("currency", o.currency)
	w.Text("id", id)
	w.Text("targetTransactionId", t.Target)
	w.Text("type", types[t.Operation])
	w.Close()
	w.Close()
	return w.Buf
}

// tokenAnswer writes a saved card (facts, section 5).
func (s *Simulator) tokenAnswer(id string, saved token, d disguise) []byte {
	masked := saved.card
	if d.foreign {
		masked = reverse(masked)
	}
	w := jsontext.Writer{Buf: make([]byte, 0, 512)}
	w.Open("")
	w.Text("repositoryId", s.options.MerchantID)
	w.Open("response")
	w.Text("gatewayCode", "BASIC_VERIFICATION_SUCCESSFUL")
	w.Close()
	w.Text("result", or(d.result, or(results[or(d.code, approved)], "FAILURE")))
	w.Open("sourceOfFunds")
	w.Open("provided")
	w.Open("card")
	w.Text("expiry", saved.expiry)
	w.Text("number", masked)
	w.Text("scheme", saved.scheme)
	w.Close()
	w.Close()
	w.Text("type", "CARD")
	w.Close()
	w.Text("status", "VALID")
	w.Text("token", id)
	w.Text("verificationStrategy", "BASIC")
	w.Close()
	return w.Buf
}

// refusal writes an error object (facts, section 4.3) for what went wrong.
func (s *Simulator) refusal(status int, err error) (int, []byte) {
	s.stats.refusals.Add(1)
	var why *invalid
	cause := "INVALID_REQUEST"
	if !errors.As(err, &why) {
		status, cause = http.StatusServiceUnavailable, "SERVER_BUSY"
		why = &invalid{explanation: "the simulator cannot keep this request"}
	}
	w := jsontext.Writer{}
	w.Open("")
	w.Open("error")
	w.Text("cause", cause)
	w.Text("explanation", why.explanation)
	w.Text("field", why.field)
	w.Text("validationType", why.kind)
	w.Close()
	w.Text("result", "ERROR")
	w.Close()
	return status, w.Buf
}

func (s *Simulator) refuse(w http.ResponseWriter, status int, err error) {
	status, body := s.refusal(status, err)
	writeJSON(w, status, body)
}

func writeJSON(w http.ResponseWriter, status int, body []byte) {
	h := w.Header()
	h["Content-Type"] = jsonType
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // a caller that left has its answer by look-up
}

var jsonType = []string{"application/json;charset=UTF-8"}

// traceOf makes the scheme transaction id of the order's first transaction: 15 digits.
func traceOf(id string) string { return digitsOf(id, 15) }

// digitsOf derives digits from an id, always the same ones.
func digitsOf(id string, n int) string {
	h := fnv.New64a()
	io.WriteString(h, id)
	digits := strconv.FormatUint(h.Sum64(), 10)
	for len(digits) < n {
		digits = "0" + digits
	}
	return digits[len(digits)-n:]
}

func reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

var schemes = func() map[string]string {
	byMask := make(map[string]string, len(testCards))
	for number, scheme := range testCards {
		byMask[maskedNumber(number)] = scheme
	}
	return byMask
}()

func schemeOf(masked string) string { return schemes[masked] }
