package paysafe

import (
	"net/http"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/money"
)

// paid is an answer to theRequest.
const paid = `{"id":"` + authID + `","merchantRefNum":"` + testKey + `","txnTime":"2026-11-22T01:00:00Z","status":"COMPLETED","amount":2990,"settleWithAuth":true,` +
	`"preAuth":false,"availableToSettle":0,"card":{"type":"VI","lastDigits":"1111","cardExpiry":{"month":9,"year":2039}},"authCode":"976920","currencyCode":"EUR",` +
	`"avsResponse":"NOT_PROCESSED","acquirerResponse":{"code":"CRX","responseCode":"00"},` +
	`"settlements":[{"id":"` + authID + `","merchantRefNum":"` + testKey + `","txnTime":"2026-11-22T01:00:00Z","status":"PENDING","amount":2990,"availableToRefund":2990}],` +
	`"links":[{"rel":"settlement","href":"https://api.test.paysafe.com/cardpayments/v1/accounts/1002158490/settlements/` + authID + `"},` +
	`{"rel":"self","href":"https://api.test.paysafe.com/cardpayments/v1/accounts/1002158490/auths/` + authID + `"}]}`

const declined = `{"id":"` + authID + `","merchantRefNum":"` + testKey + `","error":{"code":"3022","message":"insufficient","links":[{"rel":"errorinfo","href":"https://example.org"}]},` +
	`"riskReasonCode":[1059],"settleWithAuth":true,"links":[{"rel":"self","href":"https://api.test.paysafe.com/cardpayments/v1/accounts/1002158490/auths/` + authID + `"}]}`

func read(t *testing.T, text string) *entity {
	t.Helper()
	var e entity
	if err := e.decode([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &e
}

func testConnector() *Client {
	return &Client{accounts: accounts{"EUR": "1002158490"}}
}

// judged is the meaning of the answer to a payment.
func judged(status int, e *entity) codetable.Meaning {
	req := theRequest()
	return judge(string(opAuthorize), status, e.Error.Code, e.settlementStatus(&req), e)
}

func TestAnswerIsReadWhole(t *testing.T) {
	req := theRequest()
	e := read(t, paid)
	got := e.answer(&req, judged(200, e))
	want := batch.Answer{
		Code: "00000", TransactionID: authID, AuthorizationNumber: "976920", GatewayCode: "COMPLETED", SchemeCode: "00",
		CardExpiry: "0939", CardType: "VISA",
	}
	if got.State != batch.Approved || got.Answer != want {
		t.Errorf("got %+v", got)
	}
	e = read(t, declined)
	if a := e.answer(&req, judged(402, e)); a.State != batch.Declined || a.Code != "01116" || a.GatewayCode != "3022" || a.Message != "" || a.TransactionID != authID || a.Unlisted {
		t.Errorf("declined: got %+v", a)
	}
}

func TestForeignAnswersAreNotTrusted(t *testing.T) {
	c := testConnector()
	for name, change := range map[string][2]string{
		"another reference":                {`"merchantRefNum":"` + testKey + `","txnTime":"2026-11-22T01:00:00Z","status":"COMPLETED"`, `"merchantRefNum":"b","status":"COMPLETED"`},
		"no reference":                     {`"merchantRefNum":"` + testKey + `","txnTime":"2026-11-22T01:00:00Z","status":"COMPLETED"`, `"status":"COMPLETED"`},
		"another account":                  {`accounts/1002158490/auths`, `accounts/1002158491/auths`},
		"another amount":                   {`"COMPLETED","amount":2990`, `"COMPLETED","amount":2991`},
		"an amount in major units":         {`"COMPLETED","amount":2990`, `"COMPLETED","amount":29.90`},
		"an amount in exponent form":       {`"COMPLETED","amount":2990`, `"COMPLETED","amount":2.99e3`},
		"no amount":                        {`"COMPLETED","amount":2990`, `"COMPLETED"`},
		"another currency":                 {`"EUR"`, `"USD"`},
		"not settled":                      {`"settleWithAuth":true`, `"settleWithAuth":false`},
		"no id":                            {`{"id":"` + authID + `","merchant`, `{"merchant`},
		"an id that could change the path": {`{"id":"` + authID + `","merchant`, `{"id":"../../x","merchant`},
	} {
		t.Run(name, func(t *testing.T) {
			req := theRequest()
			text := strings.Replace(paid, change[0], change[1], 1)
			if text == paid {
				t.Fatal("the case changes nothing")
			}
			e := read(t, text)
			if m := judged(200, e); m.State != batch.Approved || c.belongs(opAuthorize, &req, e, m) == nil {
				t.Errorf("judged %s; it was trusted", m.State)
			}
		})
	}
	req := theRequest()
	for _, text := range []string{paid, strings.ReplaceAll(paid, "2990", `"2990"`), strings.ReplaceAll(paid, `"976920"`, "976920")} {
		e := read(t, text)
		if err := c.belongs(opAuthorize, &req, e, judged(200, e)); err != nil {
			t.Errorf("our own answer: %v", err)
		}
	}
	req.Card.Number = batch.NewPAN("4111111111111112")
	if e := read(t, paid); c.belongs(opAuthorize, &req, e, judged(200, e)) == nil {
		t.Error("an answer about another card was trusted")
	}
}

func TestARefusalMayNameNoReferenceButNoOtherOne(t *testing.T) {
	c, req := testConnector(), theRequest()
	for text, trusted := range map[string]bool{
		declined:                    true,
		`{"error":{"code":"3009"}}`: true,
		`{"error":{"code":"3009"},"merchantRefNum":"` + testKey + `"}`:    true,
		`{"error":{"code":"3009"},"merchantRefNum":"another"}`:            false,
		strings.Replace(declined, "accounts/1002158490", "accounts/9", 1): false,
	} {
		e := read(t, text)
		m := judged(402, e)
		if err := c.belongs(opAuthorize, &req, e, m); m.State != batch.Declined || (err == nil) != trusted {
			t.Errorf("%s: judged %s, %v", text, m.State, err)
		}
	}
}

func TestTheSettlementNamesAPaymentUnlessASeriesBeginsWithIt(t *testing.T) {
	const settlement = "00000000-0000-4000-8000-000000000001"
	differ := strings.Replace(paid, `"settlements":[{"id":"`+authID, `"settlements":[{"id":"`+settlement, 1)
	later := theRequest()
	first := theRequest()
	first.Credential.Source = "INTERNET"
	hold := theRequest()
	hold.Action = "100"
	for name, c := range map[string]struct {
		req  func() batch.TransactionID
		want batch.TransactionID
	}{
		"a payment":                    {func() batch.TransactionID { return read(t, differ).transactionID(&later) }, settlement},
		"the first of a series":        {func() batch.TransactionID { return read(t, differ).transactionID(&first) }, authID},
		"an authorization alone":       {func() batch.TransactionID { return read(t, differ).transactionID(&hold) }, authID},
		"a payment, as it is in truth": {func() batch.TransactionID { return read(t, paid).transactionID(&later) }, authID},
	} {
		if got := c.req(); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestAPaymentThatIsNotSettledIsNoPayment(t *testing.T) {
	settlements := paid[strings.Index(paid, `"settlements":`):strings.Index(paid, `"links":[{"rel":"settlement"`)]
	without := strings.Replace(paid, settlements, "", 1)
	for name, c := range map[string]struct {
		text string
		want batch.LineState
	}{
		"it names its settlement":             {paid, batch.Approved},
		"it names none and nothing is left":   {without, batch.Approved},
		"it names none, and says no more":     {strings.Replace(without, `"availableToSettle":0,`, "", 1), batch.Approved},
		"it names none and all is left":       {strings.Replace(without, `"availableToSettle":0`, `"availableToSettle":2990`, 1), batch.InDoubt},
		"its settlement failed":               {strings.Replace(paid, "PENDING", "FAILED", 1), batch.InDoubt},
		"its settlement was cancelled":        {strings.Replace(paid, "PENDING", "CANCELLED", 1), batch.Declined},
		"only another settlement is in there": {strings.Replace(strings.Replace(paid, `"availableToSettle":0`, `"availableToSettle":1`, 1), settlements, `"settlements":[{"merchantRefNum":"b","status":"PENDING"}],`, 1), batch.InDoubt},
	} {
		if m := judged(200, read(t, c.text)); m.State != c.want {
			t.Errorf("%s: got %s, want %s", name, m.State, c.want)
		}
	}
}

func TestExpiryIsReadInEveryForm(t *testing.T) {
	for text, want := range map[string]string{
		`{"month":9,"year":2039}`:      "0939",
		`{"month":"12","year":"2039"}`: "1239",
		`{"month":"9","year":2039}`:    "0939",
		`{"month":13,"year":2039}`:     "",
		`{"month":9,"year":39}`:        "",
		`{"month":9}`:                  "",
		`{}`:                           "",
		`null`:                         "",
	} {
		if got := read(t, `{"card":{"cardExpiry":`+text+`}}`).Card.CardExpiry.text(); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestDecodeWantsOneCompleteDocument(t *testing.T) {
	for _, text := range []string{"", "{", paid[:len(paid)-1], paid + paid, paid + "x", "<html>", `"text"`, "[]", `{"id":7}`, `{"id":"x","card":{"lastDigits":{}}}`} {
		e := &entity{Status: "COMPLETED"}
		if e.decode([]byte(text)) == nil || e.Status != "" || e.ID != "" {
			t.Errorf("%.20q… was read", text)
		}
	}
}

func TestTheHeaderSpeaksWhereTheBodyDoesNot(t *testing.T) {
	for name, c := range map[string]struct {
		header, body, want string
		contradicts        bool
	}{
		"both say the same":                {"3022", declined, "3022", false},
		"the body alone":                   {"", declined, "3022", false},
		"the header alone":                 {"3022", `{}`, "3022", false},
		"the header contradicts the body":  {"3009", declined, "", true},
		"an error on top of a success":     {"3009", paid, "", true},
		"a word in the header":             {"OK", paid, "", false},
		"a status in the header":           {"200", paid, "", false},
		"a failed transaction and header":  {"3009", `{"status":"FAILED"}`, "3009", false},
		"a header that holds a long digit": {"4111111111111111", declined, "3022", false},
	} {
		h := http.Header{}
		h.Set(statusHeader, c.header)
		if got, ok := errorCode(h, read(t, c.body)); got != c.want || ok == c.contradicts {
			t.Errorf("%s: got %q, %v", name, got, ok)
		}
	}
}

func TestOnlyTheIDOfTheExistingEntityIsTaken(t *testing.T) {
	for href, want := range map[string]string{
		"https://api.test.paysafe.com/customervault/v1/profiles/p-1":           "p-1",
		"https://api.test.paysafe.com/customervault/v1/profiles/p-1/cards/c-2": "c-2",
		"https://elsewhere.example/x/456":                                      "456",
		"456":                                                                  "456",
		"https://x/../..":                                                      "",
		"https://x/a%2Fb c":                                                    "",
		"https://x/":                                                           "",
		"":                                                                     "",
		":":                                                                    "",
	} {
		e := entity{Links: []link{{"self", "https://x/no"}, {"existing_entity", href}}}
		if got := e.existing(); got != want {
			t.Errorf("%q: got %q, want %q", href, got, want)
		}
	}
}

func TestRevokedSeriesStop(t *testing.T) {
	for name, c := range map[string]struct {
		error, acquirer, code string
		series, card          bool
	}{
		"Visa revokes this series":                    {"3009", "R1", "01132", true, false},
		"Visa revokes the first":                      {"3009", "R0", "01132", true, false},
		"Visa revokes all":                            {"3009", "R3", "01133", true, true},
		"Paysafe's own code":                          {"3033", "", "01132", true, false},
		"Paysafe's own code, all":                     {"3033", "R3", "01133", true, true},
		"an ordinary decline":                         {"3009", "05", "01100", false, false},
		"a code of Paysafe's that is no issuer's":     {"5021", "R3", "02020", false, false},
		"an unknown code with the acquirer's own one": {"3999", "R1", "01132", true, false},
	} {
		req, e := theRequest(), &entity{Status: failed}
		e.Error.Code, e.AcquirerResponse.ResponseCode = c.error, text(c.acquirer)
		a := e.answer(&req, judged(402, e))
		if a.State != batch.Declined || a.Code != c.code || a.StopSeries != c.series || a.StopCard != c.card {
			t.Errorf("%s: got %s %s %v %v", name, a.State, a.Code, a.StopSeries, a.StopCard)
		}
	}
}

func TestExplanationNamesFieldsAndNoCard(t *testing.T) {
	req := theRequest()
	e := read(t, `{"error":{"code":"5068","message":"wrong","fieldErrors":[{"field":"card.cardNum","error":"4111111111111111 is wrong"},{"field":"amount","error":"too small"}]}}`)
	a := e.answer(&req, judged(400, e))
	if a.State != batch.Refused || a.Code != "02625" || !strings.HasPrefix(a.Message, "card.cardNum: ####") || !strings.HasSuffix(a.Message, "; amount: too small") {
		t.Errorf("got %+v", a)
	}
	e = read(t, `{"error":{"code":"3999","message":"brand new"}}`)
	if a := e.answer(&req, judged(402, e)); a.Code != "02012" || a.Message != "brand new" || !a.Unlisted {
		t.Errorf("got %+v", a)
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{paid, declined, "{}", `{"auths":[` + paid + `]}`, `{"amount":1e400}`, `{"error":{"code":"5068","message":"4111111111111111"}}`} {
		f.Add(text, 200)
		f.Add(text, 402)
	}
	c := testConnector()
	f.Fuzz(func(t *testing.T, text string, status int) {
		var e entity
		if e.decode([]byte(text)) != nil {
			return
		}
		req := theRequest()
		m := judged(status, &e)
		if a := e.answer(&req, m); len(a.TransactionID) > 36 {
			t.Errorf("the id %q", a.TransactionID)
		}
		if m.State != batch.Approved || c.belongs(opAuthorize, &req, &e, m) != nil {
			return
		}
		// Whatever is taken for an approval names our reference and amount and says so.
		minor, err := money.ParseMinor(string(e.Amount))
		if e.MerchantRefNum != testKey || err != nil || minor != 2990 || e.Status != "COMPLETED" || status/100 != 2 {
			t.Errorf("approved by %q", text)
		}
	})
}
