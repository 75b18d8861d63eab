package lyra

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// paid is an answer to theRequest.
const paid = `{"webService":"Charge/CreatePayment","version":"V4","applicationVersion":"6.25.0","status":"SUCCESS","answer":{"shopId":"12345678","orderCycle":"CLOSED","orderStatus":"PAID",` +
	`"serverDate":"2026-11-21T22:30:01+00:00","orderDetails":{"orderTotalAmount":2990,"orderEffectiveAmount":2990,"orderCurrency":"EUR","mode":"TEST","orderId":"` + testKey + `","metadata":{"order_ref":"INV-2026-000001"}},` +
	`"customer":{"reference":"CUST-42","email":"zoe@example.com"},"transactions":[{"shopId":"12345678","uuid":"` + originalUUID + `","amount":2990,"currency":"EUR","paymentMethodType":"CARD",` +
	`"paymentMethodToken":"` + testToken + `","status":"PAID","detailedStatus":"AUTHORISED","operationType":"DEBIT","creationDate":"2026-11-21T22:30:01+00:00","errorCode":null,"errorMessage":null,` +
	`"detailedErrorCode":null,"detailedErrorMessage":null,"transactionDetails":{"liabilityShift":"NO","creationContext":"CHARGE","cardDetails":{"paymentMethodSource":"TOKEN","pan":"411111XXXXXX1111",` +
	`"expiryMonth":12,"expiryYear":2039,"effectiveBrand":"VISA_DEBIT","initialIssuerTransactionIdentifier":"9876543210ABC","expectedCaptureDate":"2026-11-21T22:30:01+00:00",` +
	`"authorizationResponse":{"amount":2990,"authorizationNumber":"3fe0a4","authorizationResult":"0","authorizationMode":"FULL"},"captureResponse":{"refundAmount":0}}}}],"_type":"V4/Payment"},` +
	`"ticket":"a1","serverDate":"2026-11-21T22:30:02+00:00","applicationProvider":"PAYZEN","metadata":null,"mode":"TEST","serverUrl":"https://api.example","_type":"V4/WebService/Response"}`

func read(t *testing.T, text string) *response {
	t.Helper()
	var r response
	if err := r.decode([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return &r
}

// weigh judges an answer that came whole.
func weigh(c *Client, k kind, service string, r *response, pick pick) (verdict, error) {
	return c.weigh(k, service, &wire.Reply{Status: http.StatusOK}, r, pick)
}

func TestAnswerIsReadWhole(t *testing.T) {
	c, req := newTestClient(t, "http://127.0.0.1:1", nil), theRequest()
	v, err := weigh(c, kindPayment, servicePayment, read(t, paid), debit(testKey, &req.Amount))
	if err != nil {
		t.Fatal(err)
	}
	got := c.outcome(&req, v)
	want := batch.Answer{
		Code: "00000", TransactionID: originalUUID, AuthorizationNumber: "3fe0a4", GatewayCode: "AUTHORISED", SchemeCode: "0",
		NetworkTransaction: "9876543210ABC", Card: "411111******1111", CardExpiry: "1239", CardType: "VISA",
	}
	if got.State != batch.Approved || got.Answer != want || got.Token != testToken {
		t.Errorf("got %+v", got)
	}
}

func TestForeignAnswersAreNotTrusted(t *testing.T) {
	c := newTestClient(t, "http://127.0.0.1:1", nil)
	debitOf := `{"shopId":"12345678","uuid":"` + originalUUID + `"`
	for name, change := range map[string][2]string{
		"another order":                 {`"orderId":"` + testKey, `"orderId":"b`},
		"no order":                      {`"orderId":"` + testKey + `",`, ``},
		"another shop":                  {`"answer":{"shopId":"12345678"`, `"answer":{"shopId":"87654321"`},
		"a transaction of another shop": {debitOf, strings.Replace(debitOf, "12345678", "87654321", 1)},
		"another service":               {`"webService":"Charge/CreatePayment"`, `"webService":"Order/Get"`},
		"no service":                    {`"webService":"Charge/CreatePayment",`, ``},
		"another amount":                {`"amount":2990,"currency":"EUR","paymentMethodType"`, `"amount":2991,"currency":"EUR","paymentMethodType"`},
		"no amount":                     {`"amount":2990,"currency":"EUR","paymentMethodType"`, `"currency":"EUR","paymentMethodType"`},
		"another amount of the order":   {`"orderTotalAmount":2990`, `"orderTotalAmount":299000`},
		"another currency":              {`"currency":"EUR","paymentMethodType"`, `"currency":"USD","paymentMethodType"`},
		"a credit":                      {`"operationType":"DEBIT"`, `"operationType":"CREDIT"`},
		"no id":                         {`"uuid":"` + originalUUID + `",`, ``},
		"no transaction":                {`"transactions":[{`, `"x":[{`},
		"the production world":          {`"mode":"TEST","serverUrl"`, `"mode":"PRODUCTION","serverUrl"`},
		"an order of the other world":   {`"mode":"TEST","orderId"`, `"mode":"PRODUCTION","orderId"`},
		"no world":                      {`"mode":"TEST","serverUrl"`, `"serverUrl"`},
	} {
		t.Run(name, func(t *testing.T) {
			req := theRequest()
			text := strings.Replace(paid, change[0], change[1], 1)
			if text == paid {
				t.Fatal("the case changes nothing")
			}
			if v, err := weigh(c, kindPayment, servicePayment, read(t, text), debit(testKey, &req.Amount)); err == nil {
				t.Errorf("it was trusted: %s", v.State)
			}
		})
	}
}

func TestTheOtherWorldIsReportedLoudly(t *testing.T) {
	c := newTestClient(t, "http://127.0.0.1:1", nil)
	err := c.belongs(servicePayment, read(t, strings.ReplaceAll(paid, `"mode":"TEST"`, `"mode":"PRODUCTION"`)))
	if err == nil || !strings.Contains(err.Error(), "PRODUCTION") || !strings.Contains(err.Error(), "check the password") {
		t.Errorf("got %v", err)
	}
}

func TestDecodeWantsOneCompleteDocument(t *testing.T) {
	for _, text := range []string{
		"", "{", paid[:len(paid)-1], paid + paid, paid + "x", "<html>", `"text"`, "[]",
		strings.Replace(paid, `"amount":2990`, `"amount":29.90`, 1), strings.Replace(paid, `"amount":2990`, `"amount":2.99e3`, 1), strings.Replace(paid, `"amount":2990`, `"amount":"2990"`, 1),
	} {
		if new(response).decode([]byte(text)) == nil {
			t.Errorf("%.20q… was read", text)
		}
	}
}

func TestTheOneTransactionOfAnOrder(t *testing.T) {
	tx := func(uuid, operationType, status string) transaction {
		return transaction{UUID: uuid, OperationType: operationType, Status: status}
	}
	for name, c := range map[string]struct {
		transactions []transaction
		want         string // empty: none can be told
	}{
		"one":                                 {[]transaction{tx("a", "DEBIT", "PAID")}, "a"},
		"a refund beside it":                  {[]transaction{tx("a", "DEBIT", "PAID"), tx("b", "CREDIT", "PAID")}, "a"},
		"one refused, then one paid":          {[]transaction{tx("a", "DEBIT", "UNPAID"), tx("b", "DEBIT", "PAID")}, "b"},
		"one paid, then one refused":          {[]transaction{tx("a", "DEBIT", "PAID"), tx("b", "DEBIT", "UNPAID")}, "a"},
		"two refused: the last":               {[]transaction{tx("a", "DEBIT", "UNPAID"), tx("b", "DEBIT", "UNPAID")}, "b"},
		"two paid: paid twice":                {[]transaction{tx("a", "DEBIT", "PAID"), tx("b", "DEBIT", "PAID")}, ""},
		"one paid, one running":               {[]transaction{tx("a", "DEBIT", "PAID"), tx("b", "DEBIT", "RUNNING")}, ""},
		"none of the kind":                    {[]transaction{tx("a", "VERIFICATION", "PAID")}, ""},
		"none at all":                         {nil, ""},
		"one that the platform gives no name": {[]transaction{tx("", "DEBIT", "PAID")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := (&answer{Transactions: c.transactions}).only("DEBIT")
			if (err == nil) != (c.want != "") || err == nil && got.UUID != c.want {
				t.Errorf("got %+v, %v, want %q", got, err, c.want)
			}
		})
	}
}

func TestRefundsAreFoundByWhatTheyAddUpTo(t *testing.T) {
	minor := func(n int64) *int64 { return &n }
	debit := transaction{UUID: originalUUID, OperationType: "DEBIT", Status: "PAID", Amount: minor(2990), Currency: "EUR"}
	refund := func(uuid string, amount int64, status, created string) transaction {
		r := transaction{UUID: uuid, OperationType: "CREDIT", Status: status, Amount: minor(amount), Currency: "EUR", CreationDate: created}
		r.TransactionDetails.ParentTransactionUUID = originalUUID
		return r
	}
	other := refund("other", 500, "PAID", "2026-11-21T10:00:00+00:00")
	other.TransactionDetails.ParentTransactionUUID = "another transaction"
	for name, c := range map[string]struct {
		refunded     int64 // by our lines before
		transactions []transaction
		want         string // uuid; "unknown key" or "doubt"
	}{
		"none":                                {0, []transaction{debit}, "unknown key"},
		"ours":                                {0, []transaction{debit, refund("a", 500, "PAID", "")}, "a"},
		"ours, under way":                     {0, []transaction{debit, refund("a", 500, "RUNNING", "")}, "a"},
		"only that of an earlier line":        {500, []transaction{debit, refund("a", 500, "PAID", "")}, "unknown key"},
		"an earlier one and ours":             {500, []transaction{debit, refund("b", 500, "PAID", "2026-11-21T12:00:00+00:00"), refund("a", 500, "PAID", "2026-11-21T11:00:00+00:00")}, "b"},
		"an earlier one of another amount":    {700, []transaction{debit, refund("a", 700, "PAID", ""), refund("b", 500, "PAID", "")}, "b"},
		"a refused one does not count":        {0, []transaction{debit, refund("a", 500, "UNPAID", "")}, "unknown key"},
		"a refused one and ours":              {0, []transaction{debit, refund("a", 500, "UNPAID", ""), refund("b", 500, "PAID", "")}, "b"},
		"one of another transaction":          {0, []transaction{debit, other}, "unknown key"},
		"another amount than ours":            {0, []transaction{debit, refund("a", 400, "PAID", "")}, "doubt"},
		"ours in two parts":                   {0, []transaction{debit, refund("a", 250, "PAID", ""), refund("b", 250, "PAID", "")}, "doubt"},
		"ours twice":                          {0, []transaction{debit, refund("a", 500, "PAID", ""), refund("b", 500, "PAID", "")}, "doubt"},
		"less than our lines refunded before": {500, []transaction{debit}, "doubt"},
		"an order without the original":       {0, []transaction{refund("a", 500, "PAID", "")}, "doubt"},
	} {
		t.Run(name, func(t *testing.T) {
			req := gateway.Request{Command: batch.DoRefund, Amount: eur(500), Original: &batch.Transaction{ID: originalUUID, Key: originalKey, Refunded: c.refunded}}
			found, err := refundIn(originalKey, &req)(&answer{OrderID: originalKey, Transactions: c.transactions})
			got := "doubt"
			switch {
			case err == nil:
				got = found.UUID
			case errors.Is(err, gateway.ErrUnknownKey):
				got = "unknown key"
			}
			if got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if _, err := refundIn("another order", &req)(&answer{OrderID: originalKey, Transactions: c.transactions}); !errors.Is(err, errForeign) {
				t.Errorf("another order: got %v", err)
			}
		})
	}
}

func TestRevokedSeriesStop(t *testing.T) {
	for name, c := range map[string]struct {
		change       func(*Config)
		bank         string
		code         string
		series, card bool
	}{
		"83: every series on the card":            {nil, "83", "01133", true, true},
		"82 stops the series":                     {nil, "82", "01132", true, false},
		"84 stops the series":                     {nil, "84", "01132", true, false},
		"84, when the acquirer says it is not so": {func(c *Config) { c.SeriesRevokedBy = []string{"82"} }, "84", "01100", false, false},
		"83, whatever is set":                     {func(c *Config) { c.SeriesRevokedBy = []string{} }, "83", "01133", true, true},
		"82, when none does":                      {func(c *Config) { c.SeriesRevokedBy = []string{} }, "82", "01100", false, false},
		"05 is a decline":                         {nil, "05", "01100", false, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, req := newTestClient(t, "http://127.0.0.1:1", c.change), theRequest()
			v := verdict{transaction: &transaction{Status: "UNPAID", DetailedStatus: "REFUSED", ErrorCode: "ACQ_001", DetailedErrorCode: c.bank}, answer: &answer{}}
			v.Meaning = judge(kindPayment, 200, "SUCCESS", &v)
			a := client.outcome(&req, v)
			if a.State != batch.Declined || a.Code != c.code || a.StopSeries != c.series || a.StopCard != c.card {
				t.Errorf("got %s %s %v %v", a.State, a.Code, a.StopSeries, a.StopCard)
			}
		})
	}
}

func TestDatesAreReadByThePlatformsClock(t *testing.T) {
	r := read(t, paid)
	v := verdict{at: r.serverTime(time.Time{})}
	for date, want := range map[string]bool{
		"":                          false,
		"2026-11-21T22:30:02+00:00": true,
		"2026-11-21T23:30:02+01:00": true,
		"2026-11-21T22:30:03+00:00": false,
	} {
		if got, err := v.before(date); got != want || err != nil {
			t.Errorf("%q: got %v, %v", date, got, err)
		}
	}
	if _, err := v.before("yesterday"); err == nil {
		t.Error("a date that cannot be read says something")
	}
}

func FuzzDecode(f *testing.F) {
	for _, text := range []string{paid, "{}", `{"status":"ERROR","mode":"TEST","answer":{"errorCode":"PSP_010","detailedErrorMessage":"4111111111111111"}}`, `{"answer":{"transactions":[{"amount":1e400}]}}`} {
		f.Add(text)
	}
	c := newTestClient(f, "http://127.0.0.1:1", nil)
	f.Fuzz(func(t *testing.T, text string) {
		var r response
		if r.decode([]byte(text)) != nil {
			return
		}
		req := theRequest()
		v, err := weigh(c, kindPayment, servicePayment, &r, debit(testKey, &req.Amount))
		if err != nil {
			return
		}
		a := c.outcome(&req, v)
		if strings.Contains(a.Message, testCard) || strings.Contains(a.GatewayCode, testCard) {
			t.Errorf("a card number in %+v", a)
		}
		// Whatever is taken for an approval names our order and amount and says so.
		if v.State == batch.Approved && (!r.Answer.is(testKey) || v.Amount == nil || *v.Amount != 2990 || v.Status != "PAID" || r.Status != "SUCCESS" || r.Mode != "TEST" || a.TransactionID == "") {
			t.Errorf("approved by %q", text)
		}
	})
}
