package paysafe

import (
	"encoding/json"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

const testKey = "aaaaaaaaaaaaaaaaaaaaaaaaaa"

const (
	authID  = "f26c8e32-e8a4-435d-a288-703750d8a941"
	firstID = "a02e52c7-c991-4418-966a-b62989cb0eae"
)

func TestRequestsOfOperations(t *testing.T) {
	number := gateway.Card{Number: batch.NewPAN("4111111111111111"), Expiry: "0939", Cardholder: "not sent"}
	token := gateway.Card{Token: "Ct0RrnyIs4lizeH", Expiry: "0939"}
	amount := money.Amount{Minor: 1250, Currency: "EUR"}
	hold := &batch.Transaction{ID: authID, Command: batch.DoAuthorization, Action: "100", Amount: money.Amount{Minor: 5000, Currency: "EUR"}}
	captured := &batch.Transaction{ID: authID, Command: batch.DoAuthorization, Action: "100", Amount: hold.Amount, LastFollowUpID: firstID}
	paid := &batch.Transaction{ID: authID, Command: batch.DoImmediateWalletPayment, Action: "101", Amount: amount}
	series := &batch.Agreement{ID: "AGR-7", Type: "RECURRING", FirstID: firstID, Trace: "MCC123"}
	const head = `{"merchantRefNum":"` + testKey + `","amount":1250,"dupCheck":true,"settleWithAuth":true,`
	const byToken = `"card":{"paymentToken":"Ct0RrnyIs4lizeH"}`

	for name, c := range map[string]struct {
		req        gateway.Request
		path, body string
	}{
		"one-off by the payer, with a number": {
			gateway.Request{Command: batch.DoAuthorization, Action: "101", OrderRef: `INV-1 "é"`, SoftDescriptor: "A long name of a merchant", Amount: amount, Card: number,
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored}},
			"auths",
			head + `"card":{"cardNum":"4111111111111111","cardExpiry":{"month":9,"year":2039}},"merchantDescriptor":{"dynamicDescriptor":"A long name of a mer"},"description":"INV-1 \"é\""}`,
		},
		"authorization alone": {
			gateway.Request{Command: batch.DoAuthorization, Amount: amount, Card: token, Credential: gateway.Credential{Source: "INTERNET", Use: gateway.Stored}},
			"auths",
			`{"merchantRefNum":"` + testKey + `","amount":1250,"dupCheck":true,"settleWithAuth":false,` + byToken + `,"storedCredential":{"type":"ADHOC","occurrence":"SUBSEQUENT"}}`,
		},
		"by the payer, keep the card": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token, Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored}},
			"auths", head + byToken + `,"storedCredential":{"type":"ADHOC","occurrence":"INITIAL"}}`,
		},
		"first of a series": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: &batch.Agreement{Type: "INSTALLMENT"}, First: true}},
			"auths", head + byToken + `,"storedCredential":{"type":"RECURRING","occurrence":"INITIAL"}}`,
		},
		"by the payer again, in a series": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.Stored, Agreement: series}},
			"auths", head + byToken + `,"storedCredential":{"type":"RECURRING","occurrence":"INITIAL"}}`,
		},
		"later of the series, by the merchant": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: series, Trace: "MCC123"}},
			"auths", head + byToken + `,"storedCredential":{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + firstID + `"}}`,
		},
		"later of a series that began elsewhere": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
				Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: &batch.Agreement{Type: "UNSCHEDULED", Trace: "MCC123"}}},
			"auths", head + byToken + `,"storedCredential":{"type":"TOPUP","occurrence":"SUBSEQUENT","externalInitialTransactionId":"MCC123"}}`,
		},
		"by the merchant, with the scheme's reference and no series": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token, Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Trace: "MCC9"}},
			"auths", head + byToken + `,"storedCredential":{"type":"TOPUP","occurrence":"SUBSEQUENT","externalInitialTransactionId":"MCC9"}}`,
		},
		"by the merchant, nothing known of the first": {
			gateway.Request{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token, Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored}},
			"auths", head + byToken + `,"storedCredential":{"type":"TOPUP","occurrence":"SUBSEQUENT"}}`,
		},
		"verification that begins a series": {
			gateway.Request{Command: batch.Verify, Amount: money.Amount{Currency: "EUR"}, Card: number, OrderRef: "V-1",
				Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: &batch.Agreement{Type: "UNSCHEDULED"}, First: true}},
			"verifications",
			`{"merchantRefNum":"` + testKey + `","dupCheck":true,"card":{"cardNum":"4111111111111111","cardExpiry":{"month":9,"year":2039}},"storedCredential":{"type":"TOPUP","occurrence":"INITIAL"},"description":"V-1"}`,
		},
		"capture": {
			gateway.Request{Command: batch.DoCapture, Amount: money.Amount{Minor: 3000, Currency: "EUR"}, Original: hold},
			"auths/" + authID + "/settlements", `{"merchantRefNum":"` + testKey + `","amount":3000,"dupCheck":true}`,
		},
		"refund of a payment": {
			gateway.Request{Command: batch.DoRefund, Amount: amount, Original: paid},
			"settlements/" + authID + "/refunds", `{"merchantRefNum":"` + testKey + `","amount":1250,"dupCheck":true}`,
		},
		"refund after a capture": {
			gateway.Request{Command: batch.DoRefund, Amount: amount, Original: captured},
			"settlements/" + firstID + "/refunds", `{"merchantRefNum":"` + testKey + `","amount":1250,"dupCheck":true}`,
		},
		"reset of an authorization voids the whole of it": {
			gateway.Request{Command: batch.DoReset, Original: hold},
			"auths/" + authID + "/voidauths", `{"merchantRefNum":"` + testKey + `","amount":5000,"dupCheck":true}`,
		},
		"reset of a payment cancels its settlement": {
			gateway.Request{Command: batch.DoReset, Original: paid},
			"settlements/" + authID, `{"status":"CANCELLED"}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			c.req.Key = testKey
			op := operationOf(&c.req)
			got := appendOperation(nil, op, &c.req)
			if string(got) != c.body {
				t.Errorf("got  %s\nwant %s", got, c.body)
			}
			if !json.Valid(got) {
				t.Error("not JSON")
			}
			if p := path(op, &c.req); p != c.path {
				t.Errorf("path %s, want %s", p, c.path)
			}
		})
	}
}

func TestRequestsOfTheVault(t *testing.T) {
	w := &batch.Wallet{Merchant: "acme", ID: "CUST-42", FirstName: "Zoë", LastName: "Martin", Email: "z@example.org", Language: "fr"}
	card := &gateway.Card{Number: batch.NewPAN("4111111111111111"), Expiry: "1239"}
	customer := customerID(w)
	for name, c := range map[string]struct{ got, want string }{
		"a profile with a card": {
			string(appendProfile(nil, w, &entity{}, card, testKey)),
			`{"merchantCustomerId":"` + customer + `","locale":"fr_CA","firstName":"Zoë","lastName":"Martin","email":"z@example.org",` +
				`"card":{"cardNum":"4111111111111111","cardExpiry":{"month":12,"year":2039},"holderName":"Zoë Martin","merchantRefNum":"` + testKey + `"}}`,
		},
		"a card": {
			string(appendCard(nil, w, &gateway.Card{Number: card.Number, Expiry: "0139", Cardholder: "Z MARTIN"}, testKey)),
			`{"cardNum":"4111111111111111","cardExpiry":{"month":1,"year":2039},"holderName":"Z MARTIN","merchantRefNum":"` + testKey + `"}`,
		},
		"an updated profile keeps what it has": {
			string(appendProfile(nil, &batch.Wallet{Merchant: "acme", ID: "CUST-42", Email: "new@example.org"}, &entity{
				Locale: "en_GB", FirstName: "Zoë", LastName: "Martin", MiddleName: "B", DateOfBirth: json.RawMessage(`{"year":1979,"month":1,"day":1}`),
				Phone: "1", IP: "192.0.2.1", Gender: "F", Nationality: "French", CellPhone: "2",
			}, nil, "")),
			`{"merchantCustomerId":"` + customer + `","locale":"en_GB","firstName":"Zoë","middleName":"B","lastName":"Martin","dateOfBirth":{"year":1979,"month":1,"day":1},` +
				`"email":"new@example.org","phone":"1","ip":"192.0.2.1","gender":"F","nationality":"French","cellPhone":"2"}`,
		},
		"an updated card keeps what it has": {
			string(appendCardChange(nil, &entity{NickName: "company", BillingAddressID: "b-1", DefaultCard: true}, "0240", "Z MARTIN", testKey)),
			`{"cardExpiry":{"month":2,"year":2040},"nickName":"company","merchantRefNum":"` + testKey + `","holderName":"Z MARTIN","billingAddressId":"b-1","defaultCardIndicator":true}`,
		},
	} {
		if c.got != c.want {
			t.Errorf("%s: got  %s\nwant %s", name, c.got, c.want)
		}
	}
}

func TestCustomersDoNotMeet(t *testing.T) {
	id := func(m batch.MerchantID, w batch.WalletID) string {
		return customerID(&batch.Wallet{Merchant: m, ID: w})
	}
	seen := map[string]bool{string(batch.NewKey("acme", "CUST-42", 1)): true}
	for _, each := range []string{id("acme", "CUST-42"), id("acme", "CUST-43"), id("beta", "CUST-42"), id("acmeC", "UST-42")} {
		if seen[each] || len(each) != batch.KeyLen {
			t.Errorf("%q met another", each)
		}
		seen[each] = true
	}
	if again := id("acme", "CUST-42"); !seen[again] {
		t.Error("the id is no function of the wallet")
	}
}

func TestTextsAreCutByCharacters(t *testing.T) {
	for text, want := range map[string]string{
		"short":                          "short",
		strings.Repeat("x", 255):         strings.Repeat("x", 255),
		strings.Repeat("é", 255) + "abc": strings.Repeat("é", 255),
		"":                               "",
	} {
		if got := firstChars(text, maxDescription); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

// theRequest is a payment with everything on it.
func theRequest() gateway.Request {
	return gateway.Request{
		Key: testKey, Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2026-000001",
		Amount: money.Amount{Minor: 2990, Currency: "EUR"}, Card: gateway.Card{Token: "Ct0RrnyIs4lizeH", Expiry: "0939"},
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: &batch.Agreement{ID: "AGR-7", Type: "RECURRING", FirstID: firstID}},
	}
}
