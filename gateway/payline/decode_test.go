package payline

import (
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

// message wraps the inside of an answer as the platform does.
func message(operation, inside string) string {
	return `<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Header/><soapenv:Body>` +
		`<` + operation + `Response xmlns="http://impl.ws.payline.experian.com" xmlns:obj="http://obj.ws.payline.experian.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		inside + `</` + operation + `Response></soapenv:Body></soapenv:Envelope>`
}

func resultOf(code string) string {
	return `<result><obj:code>` + code + `</obj:code><obj:shortMessage>S</obj:shortMessage><obj:longMessage>in words</obj:longMessage></result>`
}

// authorizedInside is the inside of an answer to doAuthorization.
const authorizedInside = `<result><obj:code>00000</obj:code><obj:shortMessage>ACCEPTED</obj:shortMessage><obj:longMessage>Transaction approved</obj:longMessage><obj:partnerCode>00</obj:partnerCode><obj:partnerCodeLabel xsi:nil="true"/></result>` +
	`<transaction><obj:id>14342000117684602</obj:id><obj:date>22/11/26 03:04:05</obj:date><obj:isDuplicated>0</obj:isDuplicated><obj:isPossibleFraud>0</obj:isPossibleFraud></transaction>` +
	`<authorization><obj:number>A55A</obj:number><obj:date>22/11/26 03:04:05</obj:date><obj:authorizedAmount>2990</obj:authorizedAmount><obj:authorizedCurrency>978</obj:authorizedCurrency><obj:reattempt><obj:indicator>1</obj:indicator><obj:frozenPeriod>3</obj:frozenPeriod></obj:reattempt></authorization>` +
	`<card><obj:number>512345XXXXXX0008</obj:number><obj:type>MASTERCARD</obj:type><obj:expirationDate>0139</obj:expirationDate><obj:token>512345YYYYYY0008</obj:token></card><extendedCard><obj:country>FRA</obj:country><obj:type>VISA</obj:type></extendedCard>` +
	`<privateDataList><obj:privateData><obj:key>cardbatch</obj:key><obj:value>aaaaaaaaaaaaaaaaaaaaaaaaaa</obj:value></obj:privateData></privateDataList>` +
	`<contractNumber>1234567</contractNumber><linkedTransactionId>FIRST-1</linkedTransactionId>`

var authorizedAnswer = message("doAuthorization", authorizedInside)

func read(t *testing.T, operation, text string) *reply {
	t.Helper()
	r := &reply{operation: operation}
	r.Status = 200
	if err := r.decode([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return r
}

// theRequest is a payment by number.
func theRequest() gateway.Request {
	return gateway.Request{
		Key: testKey, Command: batch.DoAuthorization, Action: "101", Contract: "1234567", OrderRef: "INV-1",
		Amount: money.Amount{Minor: 2990, Currency: "EUR"}, Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"},
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored},
	}
}

func TestAnswerIsReadWhole(t *testing.T) {
	req := theRequest()
	r := &read(t, "doAuthorization", authorizedAnswer).response
	c := &Client{config: Config{FrozenUnit: time.Hour}, clock: func() time.Time { return testNow }}
	m := judge(kindPayment, 200, r)
	if err := belongs(authorization, &req, m, r); err != nil {
		t.Fatal(err)
	}
	got := c.answer(authorization, &req, m, r)
	want := batch.Answer{
		Code: "00000", TransactionID: "14342000117684602", AuthorizationNumber: "A55A", GatewayCode: "00000", SchemeCode: "00", AdviceCode: "1",
		NetworkTransaction: "FIRST-1", Card: "512345******0008", CardExpiry: "0139", CardType: "MASTERCARD", RetryNotBefore: testNow.Add(3 * time.Hour),
	}
	if got.State != batch.Approved || got.Token != "512345YYYYYY0008" || got.Answer != want {
		t.Errorf("got %+v", got)
	}
	c.config.FrozenUnit = 0
	if got := c.answer(authorization, &req, m, r); !got.RetryNotBefore.IsZero() {
		t.Errorf("a period of an unknown unit was read: %v", got.RetryNotBefore)
	}
}

func TestForeignAnswersAreNotTrusted(t *testing.T) {
	for name, change := range map[string][2]string{
		"another order reference": {`</obj:isPossibleFraud>`, `</obj:isPossibleFraud><obj:orderReference>other</obj:orderReference>`},
		"another key":             {`<obj:value>aaaaaaaaaaaaaaaaaaaaaaaaaa`, `<obj:value>bbbbbbbbbbbbbbbbbbbbbbbbbb`},
		"another amount":          {`2990`, `2991`},
		"an amount in words":      {`2990`, `29.90`},
		"another currency":        {`978`, `840`},
		"another card":            {`512345XXXXXX0008`, `512346XXXXXX0008`},
		"another end of the card": {`512345XXXXXX0008`, `5XXXXXXXXXXXX09`},
		"no transaction":          {`14342000117684602`, ``},
	} {
		t.Run(name, func(t *testing.T) {
			req := theRequest()
			text := strings.Replace(authorizedAnswer, change[0], change[1], 1)
			if text == authorizedAnswer {
				t.Fatal("the case changes nothing")
			}
			r := &read(t, "doAuthorization", text).response
			if belongs(authorization, &req, judge(kindPayment, 200, r), r) == nil {
				t.Error("it was trusted")
			}
		})
	}
	for name, change := range map[string][2]string{
		"as it is":                   {"", ""},
		"a card that shows less":     {`512345XXXXXX0008`, `5XXXXXXXXXXXX08`},
		"no card":                    {`512345XXXXXX0008`, ``},
		"no private data":            {`<obj:key>cardbatch`, `<obj:key>other`},
		"no amount":                  {`<obj:authorizedAmount>2990`, `<obj:authorizedAmount>`},
		"no authorization number":    {`A55A`, ``},
		"our own reference repeated": {`</obj:isPossibleFraud>`, `</obj:isPossibleFraud><obj:orderReference>` + string(testKey) + `</obj:orderReference>`},
	} {
		req := theRequest()
		r := &read(t, "doAuthorization", strings.Replace(authorizedAnswer, change[0], change[1], 1)).response
		if err := belongs(authorization, &req, judge(kindPayment, 200, r), r); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAScheduleWithoutARecordIsNotApproved(t *testing.T) {
	req := requests()[batch.DoScheduledWalletPayment]
	for inside, trusted := range map[string]bool{
		resultOf("02500") + `<paymentRecordId>173661</paymentRecordId>`: true,
		resultOf("02500") + `<paymentRecordId/>`:                        false,
		resultOf("02503") + `<paymentRecordId/>`:                        true,
	} {
		r := &read(t, scheduledPayment.name, message(scheduledPayment.name, inside)).response
		if err := belongs(scheduledPayment, &req, judge(kindSchedule, 200, r), r); (err == nil) != trusted {
			t.Errorf("%s: %v", inside, err)
		}
	}
}

func TestMasksOfAllKindsAreRead(t *testing.T) {
	number := batch.NewPAN(testCard)
	for mask, want := range map[string]struct {
		shows  bool
		masked string
	}{
		"":                 {true, ""},
		"512345XXXXXX0008": {true, "512345******0008"},
		"512345******0008": {true, "512345******0008"},
		"512345XXXXXXXX08": {true, ""},
		"5XXXXXXXXXXXX08":  {true, ""},
		"XXXXXXXXXXXXXXXX": {true, ""},
		"4XXXXXXXXXXXXX83": {false, ""},
		"5123450000000008": {true, "512345******0008"}, // a platform that hides nothing
		"5123450000000016": {false, "512345******0016"},
	} {
		c := card{Number: mask}
		if got := c.shows(number); got != want.shows {
			t.Errorf("%q shows our number: %v", mask, got)
		}
		if got := c.masked(); got != want.masked {
			t.Errorf("%q is shown as %q, want %q", mask, got, want.masked)
		}
	}
}

func TestATokenOfDigitsIsNotKept(t *testing.T) {
	for token, want := range map[string]string{"512345YYYYYY0008": "512345YYYYYY0008", testCard: "", "": ""} {
		var a gateway.Answer
		(&card{Token: token}).describe(&a)
		if a.Token != want {
			t.Errorf("%q was kept", a.Token)
		}
	}
}

func TestACodeThatNobodyListsIsMarked(t *testing.T) {
	c := &Client{clock: func() time.Time { return testNow }}
	for code, unlisted := range map[string]bool{"01777": true, "01100": false} {
		req := theRequest()
		r := &response{Results: []result{{Code: code}}}
		if a := c.answer(authorization, &req, judge(kindPayment, 200, r), r); a.State != batch.Declined || a.Code != code || a.Unlisted != unlisted {
			t.Errorf("%s: %s %s, unlisted %v", code, a.State, a.Code, a.Unlisted)
		}
	}
}

func TestDecodeWantsOneCompleteAnswer(t *testing.T) {
	two := strings.Replace(authorizedAnswer, "<transaction>", resultOf("01100")+"<transaction>", 1)
	for name, text := range map[string]string{
		"nothing":                  "",
		"half an answer":           authorizedAnswer[:len(authorizedAnswer)/2],
		"all but the end":          authorizedAnswer[:len(authorizedAnswer)-1],
		"two answers":              authorizedAnswer + authorizedAnswer,
		"something behind":         authorizedAnswer + "x",
		"a page":                   "<html><body>Error</body></html>",
		"a document type":          "<!DOCTYPE x [<!ENTITY a 'b'>]>" + authorizedAnswer,
		"an entity":                strings.Replace(authorizedAnswer, "A55A", "&a;", 1),
		"a style sheet":            `<?xml-stylesheet href="x"?>` + authorizedAnswer,
		"another charset":          `<?xml version="1.0" encoding="EBCDIC"?>` + authorizedAnswer,
		"the answer to another":    message("doCapture", authorizedInside),
		"another namespace":        strings.Replace(authorizedAnswer, "impl.ws.payline", "impl.ws.example", 1),
		"no result":                message("doAuthorization", "<transaction/>"),
		"two results":              two,
		"a code of letters":        message("doAuthorization", resultOf("XXXXX")),
		"a short code":             message("doAuthorization", resultOf("0000")),
		"two bodies":               strings.Replace(authorizedAnswer, "</soapenv:Body>", "</soapenv:Body><soapenv:Body><a/></soapenv:Body>", 1),
		"an answer beside a fault": strings.Replace(authorizedAnswer, "<soapenv:Body>", "<soapenv:Body><soapenv:Fault/>", 1),
		"bytes that are not UTF-8": strings.Replace(authorizedAnswer, "A55A", "\xff", 1),
	} {
		r := reply{operation: "doAuthorization"}
		if r.decode([]byte(text)) == nil || r.response.code() != "" {
			t.Errorf("%s was read", name)
		}
	}
	for name, text := range map[string]string{
		"a declaration":      `<?xml version="1.0" encoding="UTF-8"?>` + "\n" + authorizedAnswer + "\n",
		"comments and space": "<!-- a --> " + authorizedAnswer + " <!-- b --> ",
	} {
		r := reply{operation: "doAuthorization"}
		if err := r.decode([]byte(text)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFaultIsNoAnswerAndIsNotQuoted(t *testing.T) {
	text := `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>5123450000000008 is wrong</faultstring></s:Fault></s:Body></s:Envelope>`
	r := read(t, "doAuthorization", text)
	for _, status := range []int{200, 500} {
		r.Status = status
		if m := judge(kindPayment, status, &r.response); m.State != "" {
			t.Errorf("http %d: %s", status, m.State)
		}
		if err := r.failure(); !strings.Contains(err.Error(), "s:Client") || strings.Contains(err.Error(), testCard) {
			t.Errorf("http %d: %v", status, err)
		}
	}
}

func TestRevokedSeriesStop(t *testing.T) {
	c := &Client{clock: func() time.Time { return testNow }}
	for code, want := range map[string][2]bool{"01132": {true, false}, "01133": {true, true}, "01100": {false, false}} {
		req := theRequest()
		r := &response{Results: []result{{Code: code}}}
		a := c.answer(authorization, &req, judge(kindPayment, 200, r), r)
		if a.State != batch.Declined || a.Code != code || a.StopSeries != want[0] || a.StopCard != want[1] {
			t.Errorf("%s: got %s %s %v %v", code, a.State, a.Code, a.StopSeries, a.StopCard)
		}
	}
}

func TestAWalletIsShown(t *testing.T) {
	c := &Client{clock: func() time.Time { return testNow }}
	req := requests()[batch.GetWallet]
	inside := func(status, disabled string) string {
		return resultOf("02500") + `<wallet><obj:walletId>W-42</obj:walletId><obj:card><obj:number>371881XXXXX4004</obj:number><obj:type>AMEX</obj:type><obj:expirationDate>0139</obj:expirationDate></obj:card>` +
			`<obj:cardStatus>` + status + `</obj:cardStatus></wallet><isDisabled>` + disabled + `</isDisabled>`
	}
	for name, row := range map[string]struct {
		status, disabled string
		want             batch.CardStatus
	}{
		"a card without a status is active":     {"", "0", batch.CardActive},
		"an expired one":                        {"EXP", "0", batch.CardExpired},
		"a blocked one is disabled":             {"OPP", "0", batch.CardDisabled},
		"SmartBill's own words stay":            {"EDU", "0", "EDU"},
		"a disabled wallet":                     {"EA", "1", batch.CardDisabled},
		"one that a refused enrolment disabled": {"ER", "1", batch.CardRefused},
		"a card that was cancelled":             {"CC", "1", batch.CardCancelled},
		"a word that nobody knows says nothing": {"???", "0", ""},
	} {
		r := &read(t, "getWallet", message("getWallet", inside(row.status, row.disabled))).response
		m := judge(kindRead, 200, r)
		if err := belongs(showWallet, &req, m, r); err != nil {
			t.Fatal(err)
		}
		a := c.answer(showWallet, &req, m, r)
		if a.State != batch.Approved || a.Code != "02500" || a.CardIndex != "2" || a.CardStatus != row.want || a.CardType != "AMEX" {
			t.Errorf("%s: got %+v", name, a.Answer)
		}
	}
	r := &read(t, "getWallet", strings.Replace(message("getWallet", inside("", "0")), "W-42", "W-43", 1)).response
	if belongs(showWallet, &req, judge(kindRead, 200, r), r) == nil {
		t.Error("another wallet was trusted")
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{authorizedAnswer, message("doAuthorization", resultOf("01100")), message("doCapture", resultOf("00000")), "<a/>", "<!DOCTYPE a>"} {
		f.Add(text, 200)
	}
	f.Fuzz(func(t *testing.T, text string, status int) {
		r := reply{operation: "doAuthorization"}
		if r.decode([]byte(text)) != nil {
			return
		}
		req := theRequest()
		m := judge(kindPayment, status, &r.response)
		if m.State != batch.Approved || belongs(authorization, &req, m, &r.response) != nil {
			return
		}
		// Whatever is taken for an approval says so once, with a transaction, of our amount.
		known := batch.CodeClassOf(r.response.code())
		if status/100 != 2 || r.response.Transaction.ID == "" || !strings.Contains(text, "doAuthorizationResponse") ||
			known != batch.ClassSuccess && known != batch.ClassWarning && known != batch.ClassReview {
			t.Errorf("approved by %q", text)
		}
	})
}
