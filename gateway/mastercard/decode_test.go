package mastercard

import (
	"strings"
	"testing"

	"cardbatch/batch"
)

// paid is an answer to theRequest.
const paid = `{"authorizationResponse":{"transactionIdentifier":"398995914337830"},"merchant":"TESTACME","order":{"amount":29.90,"currency":"EUR",` +
	`"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","reference":"INV-2026-000001","status":"CAPTURED","totalAuthorizedAmount":29.90,"totalCapturedAmount":29.90,"totalRefundedAmount":0},` +
	`"response":{"acquirerCode":"00","gatewayCode":"APPROVED"},"result":"SUCCESS","sourceOfFunds":{"provided":{"card":{"brand":"MASTERCARD",` +
	`"expiry":{"month":"1","year":"39"},"number":"512345xxxxxx0008","scheme":"MASTERCARD","storedOnFile":"STORED"}},"token":"9000000000000019","type":"CARD"},` +
	`"transaction":{"amount":29.90,"authorizationCode":"543443","currency":"EUR","id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","type":"PAYMENT"}}`

func read(t *testing.T, text string) *response {
	t.Helper()
	var r response
	if err := r.decode([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &r
}

func TestAnswerIsReadWhole(t *testing.T) {
	req := theRequest()
	r := read(t, paid)
	got := r.answer(&req, judge(kindPayment, 201, r))
	want := batch.Answer{
		Code: "00000", TransactionID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", AuthorizationNumber: "543443", GatewayCode: "APPROVED", SchemeCode: "00",
		NetworkTransaction: "398995914337830", Card: "512345******0008", CardExpiry: "0139", CardType: "MASTERCARD",
	}
	if got.State != batch.Approved || got.Answer != want {
		t.Errorf("got %+v", got)
	}
}

func TestForeignAnswersAreNotTrusted(t *testing.T) {
	c := &Client{config: Config{MerchantID: "TESTACME"}}
	for name, change := range map[string][2]string{
		"another order":                       {`"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","reference"`, `"id":"b","reference"`},
		"another transaction":                 {`"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","type"`, `"id":"b","type"`},
		"another merchant":                    {`TESTACME`, `TESTOTHER`},
		"no order":                            {`"id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","reference"`, `"reference"`},
		"another amount":                      {`"transaction":{"amount":29.90`, `"transaction":{"amount":29.91`},
		"another amount of the order":         {`"order":{"amount":29.90`, `"order":{"amount":2990`},
		"an amount with too many decimals":    {`"order":{"amount":29.90`, `"order":{"amount":29.901`},
		"an amount in exponent form":          {`"order":{"amount":29.90`, `"order":{"amount":2.99e1`},
		"another currency":                    {`"currency":"EUR"`, `"currency":"USD"`},
		"another currency of the transaction": {`"currency":"EUR","id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","type"`, `"currency":"USD","id":"aaaaaaaaaaaaaaaaaaaaaaaaaa","type"`},
	} {
		t.Run(name, func(t *testing.T) {
			req := theRequest()
			text := strings.Replace(paid, change[0], change[1], 1)
			if text == paid {
				t.Fatal("the case changes nothing")
			}
			if c.belongs(opPay, &req, read(t, text)) == nil {
				t.Error("it was trusted")
			}
		})
	}
	req := theRequest()
	for _, text := range []string{paid, strings.ReplaceAll(paid, "29.90", "29.9"), strings.ReplaceAll(paid, "29.90", `"29.90"`)} {
		if err := c.belongs(opPay, &req, read(t, text)); err != nil {
			t.Errorf("our own answer: %v", err)
		}
	}
}

func TestExpiryIsReadInBothForms(t *testing.T) {
	for text, want := range map[string]expiry{
		`"0521"`:                       "0521",
		`{"month":"5","year":"21"}`:    "0521",
		`{"month":"12","year":"39"}`:   "1239",
		`{"month":"5","year":"2021"}`:  "",
		`"5/21"`:                       "",
		`null`:                         "",
		`17`:                           "",
		`{"month":5,"year":21}`:        "",
		`{"month":"xx","year":"2100"}`: "",
	} {
		r := read(t, `{"sourceOfFunds":{"provided":{"card":{"expiry":`+text+`}}}}`)
		if got := r.SourceOfFunds.Provided.Card.Expiry; got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestDecodeWantsOneCompleteDocument(t *testing.T) {
	for _, text := range []string{"", "{", paid[:len(paid)-1], paid + paid, paid + "x", "<html>", `"text"`, "[]"} {
		if new(response).decode([]byte(text)) == nil {
			t.Errorf("%.20q… was read", text)
		}
	}
}

func TestRevokedSeriesStop(t *testing.T) {
	for acquirer, want := range map[string]struct {
		code         string
		series, card bool
	}{
		"R0": {"01132", true, false},
		"R1": {"01132", true, false},
		"R3": {"01133", true, true},
		"05": {"01100", false, false},
	} {
		req := theRequest()
		r := &response{Result: "FAILURE"}
		r.Response.GatewayCode, r.Response.AcquirerCode = "DECLINED", acquirer
		a := r.answer(&req, judge(kindPayment, 201, r))
		if a.State != batch.Declined || a.Code != want.code || a.StopSeries != want.series || a.StopCard != want.card {
			t.Errorf("%s: got %s %v %v", acquirer, a.Code, a.StopSeries, a.StopCard)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{paid, "{}", `{"result":"ERROR","error":{"cause":"INVALID_REQUEST","explanation":"5123450000000008"}}`, `{"order":{"amount":1e400}}`} {
		f.Add(text, 201)
	}
	c := &Client{config: Config{MerchantID: "TESTACME"}}
	f.Fuzz(func(t *testing.T, text string, status int) {
		var r response
		if r.decode([]byte(text)) != nil {
			return
		}
		req := theRequest()
		m := judge(kindPayment, status, &r)
		if m.State != batch.Approved || c.belongs(opPay, &req, &r) != nil {
			return
		}
		// Whatever is taken for an approval names our ids and says so.
		if r.Order.ID != string(req.Key) || r.Transaction.ID != string(req.Key) || r.Result != "SUCCESS" || status/100 != 2 {
			t.Errorf("approved by %q", text)
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(paid)
	req := theRequest()
	b.ReportAllocs()
	for b.Loop() {
		var r response
		if err := r.decode(body); err != nil {
			b.Fatal(err)
		}
		_ = r.answer(&req, judge(kindPayment, 201, &r))
	}
}
