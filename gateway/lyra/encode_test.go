package lyra

import (
	"encoding/json"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

const (
	testKey      = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	originalKey  = "oooooooooooooooooooooooooo"
	originalUUID = "1c8356b0e24442b2acc579cf1ae4d814"
	testToken    = "f1a6b40b8bfe4ed88ebb41ba79a2e7a3"
	testCard     = "4111111111111111"
)

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// theClock is a night in November.
func theClock() time.Time { return time.Date(2026, 11, 21, 22, 30, 0, 0, time.UTC) }

func theWallet() *batch.Wallet {
	return &batch.Wallet{ID: "CUST-42", LastName: "Martin", FirstName: "Zoë", Email: "zoe@example.com", DefaultCard: 1, Cards: []batch.Card{
		{Index: 1, Status: batch.CardActive, Token: testToken, Expiry: "1239", NetworkTransaction: "CARD-TRACE"},
		{Index: 2, Status: batch.CardActive, Token: "second", Expiry: "1239"},
		{Index: 3, Status: batch.CardDisabled, Token: "third", Expiry: "1239"},
	}}
}

// theRequest is a payment with everything on it.
func theRequest() gateway.Request {
	return gateway.Request{
		Key: testKey, Command: batch.DoImmediateWalletPayment, Action: batch.ActionPurchase, Mode: "CPT", OrderRef: "INV-2026-000001",
		Private: []batch.PrivateDatum{{Key: "shop", Value: "Lille"}}, Amount: eur(2990), Card: gateway.Card{Token: testToken, Expiry: "1239"}, Wallet: theWallet(),
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: &batch.Agreement{ID: "AGR-7", Trace: "SERIES-TRACE"}},
	}
}

func newTestClient(t testing.TB, endpoint string, change func(*Config)) *Client {
	t.Helper()
	config := Config{Endpoint: endpoint, MerchantID: "12345678", Password: func() (string, error) { return "simulated-password", nil }, Timeout: 10 * time.Second}
	if change != nil {
		change(&config)
	}
	c, err := New(config, theClock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestRequestBodies(t *testing.T) {
	c := newTestClient(t, "http://127.0.0.1:1", nil)
	payment := func(req gateway.Request) []byte { return c.appendPayment(nil, &req) }
	schedule := func(req gateway.Request) []byte { return c.appendSchedule(nil, &req) }
	with := func(change func(*gateway.Request)) gateway.Request {
		req := theRequest()
		req.OrderRef, req.Private, req.Wallet = "", nil, nil
		req.Credential = gateway.Credential{Source: "INTERNET", Use: gateway.Stored}
		change(&req)
		return req
	}
	followUp := func(command batch.Command) gateway.Request {
		return gateway.Request{Key: testKey, Command: command, Amount: eur(1250), Original: &batch.Transaction{ID: originalUUID, Key: originalKey, Amount: eur(2990)}}
	}
	const head = `{"amount":2990,"currency":"EUR","orderId":"` + testKey + `","formAction":"SILENT","paymentMethodToken":"` + testToken + `",`

	for name, c := range map[string]struct {
		got  []byte
		want string
	}{
		"later of a series, by the merchant": {
			payment(theRequest()),
			head + `"customer":{"reference":"CUST-42","email":"zoe@example.com"},"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO",` +
				`"captureDelay":0,"initialIssuerTransactionIdentifier":"SERIES-TRACE"}},"metadata":{"order_ref":"INV-2026-000001","shop":"Lille"}}`,
		},
		"a trace on the line goes before that of the series": {
			payment(with(func(r *gateway.Request) {
				r.Credential = theRequest().Credential
				r.Credential.Trace = "ELSEWHERE"
			})),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":0,"initialIssuerTransactionIdentifier":"ELSEWHERE"}}}`,
		},
		"by the merchant without a series: the card's trace": {
			payment(with(func(r *gateway.Request) {
				r.Wallet = &batch.Wallet{ID: "W", DefaultCard: 1, Cards: theWallet().Cards}
				r.Credential.Source = batch.SourceMerchant
			})),
			head + `"customer":{"reference":"W"},"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":0,"initialIssuerTransactionIdentifier":"CARD-TRACE"}}}`,
		},
		"another card than the trace's": {
			payment(with(func(r *gateway.Request) {
				r.Wallet = &batch.Wallet{DefaultCard: 1, Cards: theWallet().Cards}
				r.Card.Token = "second"
				r.Credential.Source = batch.SourceMerchant
				r.Key = "k"
			})),
			`{"amount":2990,"currency":"EUR","orderId":"k","formAction":"SILENT","paymentMethodToken":"second","customer":{},"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":0}}}`,
		},
		"by the payer on the telephone, authorization alone": {
			payment(with(func(r *gateway.Request) {
				r.Command, r.Action, r.Credential.Source = batch.DoAuthorization, batch.ActionAuthorize, "TELEPHONE_ORDER"
				r.Credential.Trace = "not sent: the payer takes part"
			})),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"MOTO","manualValidation":"YES","captureDelay":6}}}`,
		},
		"capture on a later day": {
			payment(with(func(r *gateway.Request) { r.Mode, r.CaptureDate = "DIF", "2026-11-24" })),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":3}}}`,
		},
		"capture on a day that the shop chooses": {
			payment(with(func(r *gateway.Request) { r.Mode = "DIF" })),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO"}}}`,
		},
		"a capture date that has just passed": {
			payment(with(func(r *gateway.Request) { r.Mode, r.CaptureDate = "DIF", "2026-11-20" })),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":0}}}`,
		},
		"private data cannot pass for the order reference, nor break the text": {
			payment(with(func(r *gateway.Request) {
				r.OrderRef = `A"1`
				r.Private = []batch.PrivateDatum{{Key: "order_ref", Value: "B"}, {Key: `quo"te`, Value: `\`}}
			})),
			head + `"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO","captureDelay":0}},"metadata":{"order_ref":"A\"1","quo\"te":"\\"}}`,
		},
		"a new token": {
			c.appendToken(nil, &gateway.Request{Key: testKey, Command: batch.CreateWallet, Wallet: theWallet(),
				Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0539", Cardholder: "Zoë Martin"}}),
			`{"currency":"EUR","orderId":"` + testKey + `","customer":{"reference":"CUST-42","email":"zoe@example.com"},` +
				`"paymentForms":[{"paymentMethodType":"CARD","pan":"4111111111111111","expiryMonth":5,"expiryYear":2039,"cardHolderName":"Zoë Martin"}]}`,
		},
		"one payment on a later day": {
			schedule(with(func(r *gateway.Request) {
				r.Command, r.Schedule, r.Comment = batch.DoScheduledWalletPayment, &batch.Schedule{Date: "2026-12-01"}, "a comment"
			})),
			`{"amount":2990,"currency":"EUR","orderId":"` + testKey + `","paymentMethodToken":"` + testToken + `","effectDate":"2026-12-01T12:00:00+00:00","rrule":"RRULE:FREQ=DAILY;COUNT=1",` +
				`"comment":"a comment","transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO"}}}`,
		},
		"twelve months with another first amount": {
			schedule(with(func(r *gateway.Request) {
				r.Command, r.Amount, r.OrderRef = batch.DoRecurrentWalletPayment, eur(13000), "SUB-1"
				r.Schedule = &batch.Schedule{Date: "2026-11-21", First: 2000, Recurring: 1000, Cycle: "40", Left: 12}
			})),
			`{"amount":1000,"currency":"EUR","orderId":"` + testKey + `","paymentMethodToken":"` + testToken + `","effectDate":"2026-11-21T23:59:59+00:00","rrule":"RRULE:FREQ=MONTHLY;BYMONTHDAY=21;COUNT=12",` +
				`"initialAmount":2000,"initialAmountNumber":1,"transactionOptions":{"cardOptions":{"paymentSource":"EC","manualValidation":"NO"}},"metadata":{"order_ref":"SUB-1"}}`,
		},
		"lower an authorization": {
			func() []byte { req := followUp(batch.DoCapture); return appendReduce(nil, &req) }(),
			`{"uuid":"` + originalUUID + `","cardUpdate":{"amount":1250,"currency":"EUR"},"comment":"` + testKey + `"}`,
		},
		"capture": {
			func() []byte { req := followUp(batch.DoCapture); return appendValidate(nil, &req) }(),
			`{"uuid":"` + originalUUID + `","comment":"` + testKey + `"}`,
		},
		"refund": {
			func() []byte {
				req := followUp(batch.DoRefund)
				req.Comment = "returned"
				return appendCancelOrRefund(nil, &req)
			}(),
			`{"uuid":"` + originalUUID + `","amount":1250,"currency":"EUR","resolutionMode":"REFUND_ONLY","comment":"` + testKey + ` returned"}`,
		},
		"reset": {
			func() []byte { req := followUp(batch.DoReset); return appendCancelOrRefund(nil, &req) }(),
			`{"uuid":"` + originalUUID + `","resolutionMode":"CANCELLATION_ONLY","comment":"` + testKey + `"}`,
		},
		"the end of a schedule": {
			appendRecord(nil, &gateway.Request{PaymentRecord: "20261121abcdef." + testToken}),
			`{"subscriptionId":"20261121abcdef","paymentMethodToken":"` + testToken + `"}`,
		},
		"the end of a schedule whose record names no token": {
			appendRecord(nil, &gateway.Request{PaymentRecord: "20261121abcdef", Wallet: theWallet(), CardIndex: 2}),
			`{"subscriptionId":"20261121abcdef","paymentMethodToken":"second"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			if string(c.got) != c.want {
				t.Errorf("got  %s\nwant %s", c.got, c.want)
			}
			if !json.Valid(c.got) {
				t.Error("not JSON")
			}
		})
	}
}

func TestPaymentRecordsFitTheirColumn(t *testing.T) {
	for _, subscription := range []string{"20261121abcdef", "0123456789abcdef0123456789abcdef"} {
		id := recordID(subscription, testToken)
		if len(id) > maxRecordID {
			t.Errorf("%s has %d characters", id, len(id))
		}
		got, token := subscriptionOf(&gateway.Request{PaymentRecord: id, Wallet: theWallet()})
		if got != subscription || token != testToken {
			t.Errorf("%s: read as %s, %s", id, got, token)
		}
	}
}

func TestSourcesOfPayment(t *testing.T) {
	for source, want := range map[string]string{
		"MERCHANT": "EC", "INTERNET": "EC", "": "EC", "MOTO": "MOTO", "MAIL_ORDER": "MOTO", "TELEPHONE_ORDER": "MOTO",
		"CALL_CENTRE": "CC", "CALL_CENTER": "CC", "VOICE_RESPONSE": "OTHER",
	} {
		if got := paymentSource(source); got != want {
			t.Errorf("%s: got %s, want %s", source, got, want)
		}
	}
}
