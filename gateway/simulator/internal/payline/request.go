package payline

import (
	"slices"
	"strconv"
	"strings"
	"time"
	"unique"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// Formats of dates in requests (section 3).
const (
	dayFormat       = "02/01/2006"
	shortDayFormat  = "02/01/06"
	orderDateFormat = "02/01/2006 15:04"
)

// Payment actions (section 3.6).
const (
	actionAuthorize     = "100"
	actionCaptured      = "101"
	actionVerify        = "108"
	actionFirst         = "110"
	actionFirstCaptured = "111"
	actionNext          = "120"
	actionNextCaptured  = "121"
	actionCapture       = "201"
	actionReAuthorize   = "202"
	actionRefund        = "421"
)

// openingActions are those of payments.
var openingActions = []string{actionAuthorize, actionCaptured, actionVerify, actionFirst, actionFirstCaptured, actionNext, actionNextCaptured}

// Payment modes.
const (
	modeCash       = "CPT"
	modeDeferred   = "DIF"
	modeTimes      = "NX"
	modeRecurrent  = "REC"
	deferredAtMost = 6 // days between an authorization and its deferred capture
)

// payment is the object payment of a request that passed its checks.
type payment struct {
	amount    int64
	currency  string // numeric
	action    string
	mode      string
	contract  string
	captureOn int64 // Unix seconds of the day, with the mode DIF
}

// readPayment checks the object payment of a request against the actions and modes that
// its operation takes.
func (g *Gateway) readPayment(in *element, actions, modes []string) (payment, error) {
	in = in.child("payment")
	p := payment{action: in.get("action"), mode: in.get("mode"), contract: in.get("contractNumber"), currency: in.get("currency")}
	if !slices.Contains(actions, p.action) {
		return p, refusal("02321")
	}
	if !slices.Contains(modes, p.mode) {
		return p, refusal("02308")
	}
	amount := in.get("amount")
	var err error
	if p.amount, err = money.ParseMinor(stage.Or(amount, "0")); err != nil || (p.amount == 0) != (p.action == actionVerify) {
		return p, refusal("02110")
	}
	if err := checkCurrency(p.currency); err != nil {
		return p, err
	}
	if len(p.contract) > 50 {
		return p, refusal("02303")
	}
	if err := g.readDeferral(in, &p); err != nil {
		return p, err
	}
	// What a million payments have in common is kept once.
	for _, text := range []*string{&p.action, &p.mode, &p.contract, &p.currency} {
		*text = unique.Make(*text).Value()
	}
	return p, nil
}

// readDeferral checks the day of a deferred capture: given with the mode DIF, to which
// belongs an authorization alone, and at most six days ahead.
func (g *Gateway) readDeferral(in *element, p *payment) error {
	given := in.get("differedActionDate")
	if p.mode != modeDeferred {
		if given != "" {
			return refusal(badField)
		}
		return nil
	}
	if p.action != actionAuthorize {
		return refusal("02321")
	}
	day, err := time.Parse(dayFormat, given)
	if err != nil {
		if day, err = time.Parse(shortDayFormat, given); err != nil {
			return refusal(badField)
		}
	}
	today := g.today()
	if day.Before(today) || day.After(today.AddDate(0, 0, deferredAtMost)) {
		return refusal(badField)
	}
	p.captureOn = day.Unix()
	return nil
}

// today is the begin of the platform's day.
func (g *Gateway) today() time.Time { return g.now().Truncate(24 * time.Hour) }

func checkCurrency(numeric string) error {
	if !isDigits(numeric, 3, 3) {
		return refusal(badField)
	}
	if _, ok := money.Find(numeric); !ok {
		return refusal("01181")
	}
	return nil
}

// readOrder checks the object order of a request and returns its reference and date. Only
// a re-authorization may leave its reference empty.
func readOrder(in *element, mayInherit bool) (ref, date string, err error) {
	in = in.child("order")
	ref, date = in.get("ref"), in.get("date")
	if err := checkReference(ref); err != nil && !(ref == "" && mayInherit) {
		return "", "", err
	}
	if _, err := money.ParseMinor(in.get("amount")); err != nil {
		return "", "", refusal("02110")
	}
	if err := checkCurrency(in.get("currency")); err != nil {
		return "", "", err
	}
	if _, err := time.Parse(orderDateFormat, date); err != nil {
		return "", "", refusal(badField)
	}
	return ref, date, nil
}

func checkReference(ref string) error {
	if ref == "" || len([]rune(ref)) > 50 || strings.Contains(ref, `\`) {
		return refusal(badField)
	}
	return nil
}

// checkVersion checks the version of a request: two digits, 4 when empty (section 2.4).
func checkVersion(in *element) (int, error) {
	version := stage.Or(in.get("version"), "4")
	if !isDigits(version, 1, 2) {
		return 0, refusal(badField)
	}
	return strconv.Atoi(version)
}

// checkContract checks a contract number that must be there.
func checkContract(in *element) (string, error) {
	contract := in.get("contractNumber")
	if contract == "" || len(contract) > 50 {
		return "", refusal("02303")
	}
	return contract, nil
}

// maxPrivate is how many private data may come; the schema takes one more (section 3.4).
const maxPrivate = 99

// readPrivate returns the private data of a request.
func readPrivate(in *element) []datum {
	var data []datum
	if list := in.child("privateDataList"); list != nil {
		for _, d := range list.children {
			data = append(data, datum{d.get("key"), d.get("value")})
		}
	}
	return data
}

// checkPrivate returns the private data of a request, if they are not too many.
func checkPrivate(in *element) ([]datum, error) {
	data := readPrivate(in)
	if len(data) > maxPrivate {
		return nil, refusal("02514")
	}
	return data, nil
}

// cardTypes are the types of a card and the scheme that its number must have; CB cards
// have one of three.
var cardTypes = map[string][]string{
	"CB": {"VISA", "MASTERCARD", "MAESTRO"}, "VISA": {"VISA"}, "MASTERCARD": {"MASTERCARD"}, "MAESTRO": {"MAESTRO"},
	"AMEX": {"AMEX"}, "DISCOVER": {"DISCOVER"}, "DINERS": {"DINERS_CLUB"}, "JCB": {"JCB"},
}

// readCard checks the object card of a request, whose number or token must be there.
func (g *Gateway) readCard(in *element) (card, error) {
	number, token, expiry := in.get("number"), in.get("token"), in.get("expirationDate")
	switch {
	case in.get("encryptionKeyId") != "" || in.get("encryptedData") != "":
		return card{}, refusal("02201")
	case number != "" && token != "":
		return card{}, refusal("02538")
	case cardTypes[in.get("type")] == nil:
		return card{}, refusal(badField)
	case expiry != "" && !isExpiry(expiry), expiry == "" && token == "":
		return card{}, refusal(badField)
	case len(in.get("cardholder")) > 45:
		return card{}, refusal(badField)
	}
	if token != "" {
		c, ok := g.cardOfToken(token)
		if !ok {
			return card{}, refusal("02540")
		}
		c.Expiry = unique.Make(stage.Or(expiry, c.Expiry)).Value()
		return c, nil
	}
	c := card{Type: in.get("type"), Expiry: expiry, Holder: in.get("cardholder")}
	var err error
	if c.Scheme, c.Answers, err = checkNumber(number); err != nil {
		return card{}, err
	}
	c.Number = stage.Mask(number)
	for _, text := range []*string{&c.Type, &c.Expiry, &c.Scheme, &c.Number} {
		*text = unique.Make(*text).Value()
	}
	return c, nil
}

// checkNumber takes published test numbers and generated ones only.
func checkNumber(number string) (scheme, answers string, err error) {
	if !isDigits(number, 12, 19) {
		return "", "", refusal("02625")
	}
	if scheme, ok := stage.TestCards[number]; ok {
		return scheme, "", nil
	}
	if last := len(number) - 1; stage.LuhnDigit(number[:last]) != number[last] {
		return "", "", refusal("02614")
	}
	if code, scheme, ok := answersOf(number); ok {
		return scheme, code, nil
	}
	return "", "", refusal("01111")
}

func isExpiry(expiry string) bool {
	_, err := time.Parse("0106", expiry)
	return err == nil
}

func isDigits(s string, least, most int) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) >= least && len(s) <= most
}

// readIndex reads a card index, "1" or "01"; 0 when there is none.
func readIndex(in *element) (int, error) {
	index := in.get("cardInd")
	if index == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(index)
	if err != nil || !isDigits(index, 1, 2) || n == 0 {
		return 0, refusal("02518")
	}
	return n, nil
}
