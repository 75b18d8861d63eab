package mastercard

import (
	"encoding/json"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

func TestRequestBodies(t *testing.T) {
	const key = "aaaaaaaaaaaaaaaaaaaaaaaaaa"
	series := &batch.Agreement{ID: "AGR-7", Type: "RECURRING", Variability: "FIXED", Expiry: "2027-01-31", MaxPayments: 12, MinDays: 28, FirstKey: "ffffffffffffffffffffffffff"}
	number := gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139", Cardholder: `Zoë "Z"`}
	token := gateway.Card{Token: "9000000000000019"}
	amount := money.Amount{Minor: 1250, Currency: "EUR"}
	original := &batch.Transaction{Key: "oooooooooooooooooooooooooo"}
	captured := &batch.Transaction{Key: "oooooooooooooooooooooooooo", LastFollowUp: "cccccccccccccccccccccccccc"}

	for name, c := range map[string]struct {
		req  gateway.Request
		want string
	}{
		"one-off by the payer": {
			gateway.Request{Command: batch.DoAuthorization, Action: "101", OrderRef: "INV-1", SoftDescriptor: "ACME", Amount: amount, Card: number,
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored}},
			`{"apiOperation":"PAY","order":{"amount":"12.50","currency":"EUR","reference":"INV-1","statementDescriptor":{"name":"ACME"}},` +
				`"transaction":{"reference":"` + key + `","source":"INTERNET"},` +
				`"sourceOfFunds":{"type":"CARD","provided":{"card":{"number":"5123450000000008","expiry":{"month":"01","year":"39"},"nameOnCard":"Zoë \"Z\"","storedOnFile":"NOT_STORED"}}}}`,
		},
		"first of a series": {
			gateway.Request{Command: batch.DoAuthorization, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "CALL_CENTER", Use: gateway.ToBeStored, Agreement: series, First: true, Frequency: "MONTHLY"}},
			`{"apiOperation":"AUTHORIZE","order":{"amount":"12.50","currency":"EUR"},"transaction":{"reference":"` + key + `","source":"CALL_CENTRE"},` +
				`"agreement":{"id":"AGR-7","type":"RECURRING","amountVariability":"FIXED","expiryDate":"2027-01-31","paymentFrequency":"MONTHLY","numberOfPayments":12,"minimumDaysBetweenPayments":28},` +
				`"sourceOfFunds":{"type":"CARD","token":"9000000000000019","provided":{"card":{"storedOnFile":"TO_BE_STORED"}}}}`,
		},
		"first of a series, nothing due": {
			gateway.Request{Command: batch.Verify, Amount: money.Amount{Currency: "EUR"}, Card: token,
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: &batch.Agreement{ID: "A", Type: "UNSCHEDULED"}, First: true}},
			`{"apiOperation":"VERIFY","order":{"currency":"EUR"},"transaction":{"reference":"` + key + `","source":"INTERNET"},"agreement":{"id":"A","type":"UNSCHEDULED"},` +
				`"sourceOfFunds":{"type":"CARD","token":"9000000000000019","provided":{"card":{"storedOnFile":"TO_BE_STORED"}}}}`,
		},
		"later of the series, by the merchant": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: series, Frequency: "MONTHLY"}},
			`{"apiOperation":"PAY","order":{"amount":"12.50","currency":"EUR"},"transaction":{"reference":"` + key + `","source":"MERCHANT"},"agreement":{"id":"AGR-7"},` +
				`"referenceOrderId":"ffffffffffffffffffffffffff","sourceOfFunds":{"type":"CARD","token":"9000000000000019","provided":{"card":{"storedOnFile":"STORED"}}}}`,
		},
		"later of a series that began elsewhere": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: &batch.Agreement{ID: "OLD"}, Trace: "MCC1234561122"}},
			`{"apiOperation":"PAY","order":{"amount":"12.50","currency":"EUR"},"transaction":{"reference":"` + key + `","source":"MERCHANT","acquirer":{"traceId":"MCC1234561122"}},` +
				`"agreement":{"id":"OLD"},"sourceOfFunds":{"type":"CARD","token":"9000000000000019","provided":{"card":{"storedOnFile":"STORED"}}}}`,
		},
		"kept card, by the payer, in a series": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Action: "100", Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "MOTO", Use: gateway.Stored, Agreement: series}},
			`{"apiOperation":"AUTHORIZE","order":{"amount":"12.50","currency":"EUR"},"transaction":{"reference":"` + key + `","source":"MOTO"},"agreement":{"id":"AGR-7"},` +
				`"sourceOfFunds":{"type":"CARD","token":"9000000000000019","provided":{"card":{"storedOnFile":"STORED"}}}}`,
		},
		"capture": {
			gateway.Request{Command: batch.DoCapture, Amount: money.Amount{Minor: 1200, Currency: "JPY"}, Original: original},
			`{"apiOperation":"CAPTURE","transaction":{"reference":"` + key + `","amount":"` + money.Amount{Minor: 1200, Currency: "JPY"}.Decimal() + `","currency":"JPY"}}`,
		},
		"refund of a payment": {
			gateway.Request{Command: batch.DoRefund, Amount: amount, Original: original},
			`{"apiOperation":"REFUND","transaction":{"reference":"` + key + `","amount":"12.50","currency":"EUR","targetTransactionId":"oooooooooooooooooooooooooo"}}`,
		},
		"refund after a capture": {
			gateway.Request{Command: batch.DoRefund, Amount: amount, Original: captured},
			`{"apiOperation":"REFUND","transaction":{"reference":"` + key + `","amount":"12.50","currency":"EUR","targetTransactionId":"cccccccccccccccccccccccccc"}}`,
		},
		"void": {
			gateway.Request{Command: batch.DoReset, Original: captured},
			`{"apiOperation":"VOID","transaction":{"reference":"` + key + `","targetTransactionId":"cccccccccccccccccccccccccc"}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.req.Key = key
			got := appendTransaction(nil, &c.req)
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			if !json.Valid(got) {
				t.Error("not JSON")
			}
		})
	}

	if got, want := string(appendToken(nil, &gateway.Card{Number: number.Number, Expiry: "0139"})),
		`{"sourceOfFunds":{"type":"CARD","provided":{"card":{"number":"5123450000000008","expiry":{"month":"01","year":"39"}}}}}`; got != want {
		t.Errorf("tokenization: got %s, want %s", got, want)
	}
}

func TestOrderReferenceHasAtMostFortyCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"short":                        "short",
		strings.Repeat("x", 40):        strings.Repeat("x", 40),
		strings.Repeat("x", 41):        strings.Repeat("x", 40),
		strings.Repeat("é", 40) + "ab": strings.Repeat("é", 40),
		"":                             "",
	} {
		if got := firstChars(text, maxReference); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// theRequest is a payment with everything on it.
func theRequest() gateway.Request {
	return gateway.Request{
		Key: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2026-000001",
		Amount: money.Amount{Minor: 2990, Currency: "EUR"}, Card: gateway.Card{Token: "9000000000000019", Expiry: "0139"},
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: &batch.Agreement{ID: "AGR-7", FirstKey: "ffffffffffffffffffffffffff"}},
	}
}

func BenchmarkEncode(b *testing.B) {
	req := theRequest()
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = appendTransaction(buf[:0], &req)
	}
}
