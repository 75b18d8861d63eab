package paysafe

import (
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
)

var testWallet = &batch.Wallet{Merchant: "acme", ID: "CUST-42", FirstName: "Zoë", LastName: "Martin", Email: "z@example.org"}

func walletLine(command batch.Command, card gateway.Card) gateway.Request {
	return gateway.Request{Key: testKey, Command: command, Wallet: testWallet, Card: card}
}

// vaultCard is a card of the vault as it shows it.
func vaultCard(id, token, last, expiry string) string {
	return `{"status":"ACTIVE","id":"` + id + `","cardBin":"411111","lastDigits":"` + last + `","cardExpiry":{"year":20` + expiry[2:] + `,"month":` + strings.TrimPrefix(expiry[:2], "0") +
		`},"holderName":"Zoë Martin","cardType":"VI","billingAddressId":"b-1","paymentToken":"` + token + `","defaultCardIndicator":true}`
}

func vaultProfile(cards ...string) string {
	return `{"id":"p-1","status":"ACTIVE","merchantCustomerId":"` + customerID(testWallet) + `","locale":"en_GB","firstName":"Zoë","lastName":"Martin","email":"z@example.org",` +
		`"phone":"123","paymentToken":"Pprofile","cards":[` + strings.Join(cards, ",") + `]}`
}

func TestWallets(t *testing.T) {
	const atProfiles = "/customervault/v1/profiles"
	number := gateway.Card{Number: batch.NewPAN("4111111111111111"), Expiry: "0939"}
	token := gateway.Card{Token: "C1", Expiry: "0939"}
	ours := vaultCard("c-1", "C1", "1111", "0939")
	old := vaultCard("c-1", "C1", "1111", "0128")
	another := vaultCard("c-2", "C2", "0002", "0128")
	conflict := func(code, href string) string {
		return `{"error":{"code":"` + code + `","message":"in use"},"links":[{"rel":"existing_entity","href":"` + href + `"}]}`
	}
	taken := step{"POST " + atProfiles, `"cardNum":"4111111111111111"`, 409, "7505", conflict("7505", "https://api.test.paysafe.com/customervault/v1/profiles/p-1")}
	nameless := step{"POST " + atProfiles, "", 409, "7505", `{"error":{"code":"7505"}}`}
	whole := func(cards ...string) step {
		return step{"GET " + atProfiles + "/p-1?fields=cards", "", 200, "", vaultProfile(cards...)}
	}
	find := step{"GET " + atProfiles + "?merchantCustomerId=" + customerID(testWallet), "", 200, "", vaultProfile()}
	unknown := step{find.request, "", 404, "5269", `{"error":{"code":"5269"}}`}
	add := func(status int, body string) step {
		return step{"POST " + atProfiles + "/p-1/cards", `"merchantRefNum":"` + testKey + `"`, status, "", body}
	}
	dup := add(409, conflict("7503", "https://api.test.paysafe.com/customervault/v1/cards/c-1"))

	for name, c := range map[string]struct {
		req   gateway.Request
		steps []step
		state batch.LineState // empty: in doubt
		code  string
		token string
	}{
		"a new customer": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, `"merchantCustomerId":"` + customerID(testWallet) + `"`, 200, "", vaultProfile(ours)},
		}, batch.Approved, "02500", "C1"},
		"a customer that is there, and so is the card": {walletLine(batch.CreateWallet, number), []step{
			taken, whole(ours), dup, whole(ours),
		}, batch.Approved, "02500", "C1"},
		"a customer that is there, and the card is new": {walletLine(batch.UpdateWallet, number), []step{
			taken, whole(another), add(201, ours),
		}, batch.Approved, "02500", "C1"},
		"a customer that the conflict does not name": {walletLine(batch.UpdateWallet, number), []step{
			nameless, find, whole(another), add(200, ours),
		}, batch.Approved, "02500", "C1"},
		"a customer that the conflict does not name, and that is not found": {walletLine(batch.UpdateWallet, number), []step{
			nameless, unknown,
		}, "", "", ""},
		"a card that is there with an older expiry": {walletLine(batch.UpdateWallet, number), []step{
			taken, whole(old), dup, whole(old),
			{"PUT " + atProfiles + "/p-1/cards/c-1", `"billingAddressId":"b-1"`, 200, "", ours},
		}, batch.Approved, "02500", "C1"},
		"a card that is called a duplicate and is not there": {walletLine(batch.UpdateWallet, number), []step{
			taken, whole(another), dup, whole(another),
		}, "", "", ""},
		"two cards that look alike, and the conflict names none": {walletLine(batch.UpdateWallet, number), []step{
			taken, whole(ours), add(409, `{"error":{"code":"7503"}}`), whole(ours, vaultCard("c-3", "C3", "1111", "0939")),
		}, "", "", ""},
		"two cards that look alike, and the conflict names one": {walletLine(batch.UpdateWallet, number), []step{
			taken, whole(ours), dup, whole(vaultCard("c-3", "C3", "1111", "0939"), ours),
		}, batch.Approved, "02500", "C1"},
		"somebody else's profile in the way": {walletLine(batch.CreateWallet, number), []step{
			taken, {"GET " + atProfiles + "/p-1?fields=cards", "", 200, "", strings.Replace(vaultProfile(ours), customerID(testWallet), "another", 1)},
		}, "", "", ""},
		"an answer about another customer": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 200, "", strings.Replace(vaultProfile(ours), customerID(testWallet), "another", 1)},
		}, "", "", ""},
		"an answer about another card": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 200, "", vaultProfile(another)},
		}, "", "", ""},
		"an answer without a token": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 200, "", vaultProfile(vaultCard("c-1", "", "1111", "0939"))},
		}, "", "", ""},
		"a number that the vault refuses": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 400, "7508", `{"error":{"code":"7508","message":"4111111111111111 is wrong"}}`},
		}, batch.Refused, "02625", ""},
		"a card that the issuer declines": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 402, "3009", `{"error":{"code":"3009"}}`},
		}, batch.Declined, "01100", ""},
		"a profile that cannot pay": {walletLine(batch.CreateWallet, number), []step{
			{"POST " + atProfiles, "", 200, "", strings.Replace(vaultProfile(ours), `"ACTIVE"`, `"INITIAL"`, 1)},
		}, "", "", ""},
		"the merchant's own token": {walletLine(batch.CreateWallet, token), nil, batch.Approved, "02500", "C1"},
		"nothing to change":        {walletLine(batch.UpdateWallet, token), []step{find, whole(ours)}, batch.Approved, "02500", "C1"},
		"a new expiry": {walletLine(batch.UpdateWallet, gateway.Card{Token: "C1", Expiry: "1240"}), []step{
			find, whole(another, ours),
			{"PUT " + atProfiles + "/p-1/cards/c-1", `{"cardExpiry":{"month":12,"year":2040},"merchantRefNum":"` + testKey + `","holderName":"Zoë Martin","billingAddressId":"b-1","defaultCardIndicator":true}`, 200, "", vaultCard("c-1", "C1", "1111", "1240")},
		}, batch.Approved, "02500", "C1"},
		"an expiry that only the vault has learnt": {func() gateway.Request {
			req := walletLine(batch.UpdateWallet, gateway.Card{Token: "C1", Expiry: "0128", Cardholder: "Z"})
			w := *testWallet
			w.DefaultCard, w.Cards = 1, []batch.Card{{Index: 1, Token: "C1", Expiry: "0128", Cardholder: "Z"}}
			req.Wallet = &w
			return req
		}(), []step{find, whole(ours)}, batch.Approved, "02500", "C1"},
		"a new cardholder, and an expiry that only the vault has learnt": {func() gateway.Request {
			req := walletLine(batch.UpdateWallet, gateway.Card{Token: "C1", Expiry: "0128", Cardholder: "New"})
			w := *testWallet
			w.DefaultCard, w.Cards = 1, []batch.Card{{Index: 1, Token: "C1", Expiry: "0128", Cardholder: "Z"}}
			req.Wallet = &w
			return req
		}(), []step{find, whole(ours),
			{"PUT " + atProfiles + "/p-1/cards/c-1", `{"cardExpiry":{"month":9,"year":2039},"merchantRefNum":"` + testKey + `","holderName":"New"`, 200, "", ours},
		}, batch.Approved, "02500", "C1"},
		"a new expiry, answered about another card": {walletLine(batch.UpdateWallet, gateway.Card{Token: "C1", Expiry: "1240"}), []step{
			find, whole(ours), {"PUT " + atProfiles + "/p-1/cards/c-1", "", 200, "", another},
		}, "", "", ""},
		"a new e-mail address": {walletLine(batch.UpdateWallet, token), []step{
			find, {"GET " + atProfiles + "/p-1?fields=cards", "", 200, "", strings.Replace(vaultProfile(ours), "z@example.org", "old@example.org", 1)},
			{"PUT " + atProfiles + "/p-1", `"email":"z@example.org","phone":"123"`, 200, "", vaultProfile()},
		}, batch.Approved, "02500", "C1"},
		"a new e-mail address, and then no answer about the card": {walletLine(batch.UpdateWallet, gateway.Card{Token: "C1", Expiry: "1240"}), []step{
			find, {"GET " + atProfiles + "/p-1?fields=cards", "", 200, "", strings.Replace(vaultProfile(ours), "z@example.org", "old@example.org", 1)},
			{"PUT " + atProfiles + "/p-1", "", 200, "", vaultProfile()},
			{"PUT " + atProfiles + "/p-1/cards/c-1", "", 429, "1200", `{"error":{"code":"1200"}}`},
		}, "", "", ""},
		"a token of a profile that is not ours": {walletLine(batch.UpdateWallet, token), []step{unknown}, batch.Approved, "02500", "C1"},
		"a token that our profile has lost":     {walletLine(batch.UpdateWallet, token), []step{find, whole(another)}, batch.Refused, "02540", ""},
		"what the vault has of a wallet":        {walletLine(batch.GetWallet, token), []step{find, whole(another, ours)}, batch.Approved, "02500", "C1"},
		"what the vault has not":                {walletLine(batch.GetWallet, token), []step{unknown}, batch.Approved, "02500", "C1"},
		"a vault that answers in another form":  {walletLine(batch.GetWallet, token), []step{{find.request, "", 200, "", `[]`}}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := script(t, c.steps...).Do(t.Context(), c.req)
			if c.state == "" {
				if !inDoubt(a, err) {
					t.Errorf("got %s %s, %v; want in doubt", a.State, a.Code, err)
				}
				return
			}
			if err != nil || a.State != c.state || a.Code != c.code || a.Token != c.token {
				t.Errorf("got %s %s %q, %v; want %s %s %q", a.State, a.Code, a.Token, err, c.state, c.code, c.token)
			}
			if strings.Contains(a.Message, "4111111111111111") {
				t.Error("the message holds the card number")
			}
			if a.State == batch.Approved && a.Message == "" && c.steps != nil && (a.Answer.Card != "411111******1111" || a.CardType != "VISA") {
				t.Errorf("the card is %q %q", a.Answer.Card, a.CardType)
			}
		})
	}
}
