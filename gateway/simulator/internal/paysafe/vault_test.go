package paysafe

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"cardbatch/gateway/simulator/stage"
)

func profileBody(customer, more string) string {
	return fmt.Sprintf(`{"merchantCustomerId":%q,"locale":"en_US","firstName":"Ana"%s}`, customer, more)
}

func cardBody(number, more string) string {
	return fmt.Sprintf(`{"cardNum":%q,"cardExpiry":{"month":1,"year":2039}%s}`, number, more)
}

func TestVaultLife(t *testing.T) {
	w := newWorld(t, stage.Options{})
	profiles := vaultPrefix + "profiles"

	empty := w.call(t, "POST", profiles, profileBody("wallet 1", ""))
	if empty.status != 201 || empty.Status != "ACTIVE" || !strings.HasPrefix(empty.PaymentToken, "P") || len(empty.PaymentToken) != 15 {
		t.Fatalf("a profile: %d %s", empty.status, empty.raw)
	}
	profile := profiles + "/" + empty.ID
	first := w.call(t, "POST", profile+"/cards", cardBody(visa, `,"holderName":"ANA","merchantRefNum":"key 1"`))
	if first.status != 201 || first.CardBIN != "411111" || first.LastDigits != "1111" || first.CardType != "VI" || !first.DefaultCardIndicator ||
		!strings.HasPrefix(first.PaymentToken, "C") || len(first.PaymentToken) != 15 || first.MerchantRefNum != "key 1" || first.Status != "ACTIVE" {
		t.Fatalf("a card: %d %s", first.status, first.raw)
	}
	second := w.call(t, "POST", profile+"/cards", cardBody(master, ""))
	if second.DefaultCardIndicator || second.PaymentToken == first.PaymentToken || second.ID == first.ID {
		t.Errorf("a second card: %s", second.raw)
	}

	t.Run("a profile is found by its id, and by the merchant's", func(t *testing.T) {
		for path, cards := range map[string]int{
			profile: 0, profile + "?fields=cards": 2, profiles + "?merchantCustomerId=wallet%201": 0, profiles + "/?merchantCustomerId=wallet%201&fields=addresses,cards": 2,
		} {
			if got := w.call(t, "GET", path, ""); got.status != 200 || got.ID != empty.ID || got.MerchantCustomerID != "wallet 1" || len(got.Cards) != cards {
				t.Errorf("%s: %d %s", path, got.status, got.raw)
			}
		}
	})

	t.Run("a conflict links to what is there", func(t *testing.T) {
		for path, c := range map[string]struct{ body, code, id string }{
			profiles:           {profileBody("wallet 1", ","+card(visa, "0139")), customerInUse, empty.ID},
			profile + "/cards": {cardBody(visa, ""), cardInUse, first.ID},
		} {
			got := w.call(t, "POST", path, c.body)
			if got.status != 409 || got.code() != c.code || len(got.Links) != 1 || got.Links[0].Rel != "existing_entity" || !strings.HasSuffix(got.Error.Message, c.id) {
				t.Fatalf("%s: %d %s", path, got.status, got.raw)
			}
			there, err := url.Parse(got.Links[0].Href)
			if err != nil {
				t.Fatal(err)
			}
			if got := w.call(t, "GET", there.Path, ""); got.status != 200 || got.ID != c.id {
				t.Errorf("%s: %d %s", there.Path, got.status, got.raw)
			}
		}
		if got := w.call(t, "POST", profiles, profileBody("wallet 2", ","+card(visa, "0139"))); got.status != 200 || len(got.Cards) != 1 {
			t.Errorf("the same card in another profile: %d %s", got.status, got.raw)
		}
	})

	t.Run("a change replaces everything that may change", func(t *testing.T) {
		got := w.call(t, "PUT", profile+"/cards/"+second.ID, `{"nickName":"new","cardExpiry":{"month":6,"year":2040},"defaultCardIndicator":true}`)
		if got.status != 200 || got.PaymentToken != second.PaymentToken || got.CardExpiry != (cardExpiry{6, 2040}) || got.NickName != "new" || !got.DefaultCardIndicator || got.LastDigits != "0008" {
			t.Errorf("a card: %d %s", got.status, got.raw)
		}
		if got := w.call(t, "GET", profile+"/cards/"+first.ID, ""); got.DefaultCardIndicator {
			t.Errorf("two default cards: %s", got.raw)
		}
		changed := w.call(t, "PUT", profile, `{"merchantCustomerId":"wallet one","locale":"fr_CA"}`)
		if changed.status != 200 || changed.FirstName != "" || changed.Locale != "fr_CA" || changed.PaymentToken != empty.PaymentToken || changed.Status != "ACTIVE" {
			t.Errorf("a profile: %d %s", changed.status, changed.raw)
		}
		if got := w.call(t, "GET", profiles+"?merchantCustomerId=wallet%201", ""); got.status != 404 {
			t.Errorf("by its former id: %s", got.raw)
		}
		if got := w.call(t, "GET", profiles+"?merchantCustomerId=wallet%20one&fields=cards", ""); len(got.Cards) != 2 {
			t.Errorf("its cards: %s", got.raw)
		}
		if got := w.call(t, "PUT", profile, profileBody("wallet 2", "")); got.code() != customerInUse {
			t.Errorf("the id of another profile: %s", got.raw)
		}
	})

	pay := func(ref, token string) *answer {
		return w.call(t, "POST", base+"auths", `{"merchantRefNum":"`+ref+`","amount":1000,"card":{"paymentToken":"`+token+`"}}`)
	}
	t.Run("a card's token pays while its profile is active", func(t *testing.T) {
		if got := pay("t1", second.PaymentToken); got.status != 200 || got.Card.Type != "MC" || got.Card.CardExpiry != (cardExpiry{6, 2040}) {
			t.Errorf("%d %s", got.status, got.raw)
		}
		if got := pay("t2", empty.PaymentToken); got.code() != invalidToken {
			t.Errorf("the token of the profile: %s", got.raw)
		}
		w.call(t, "PUT", profile, profileBody("wallet one", `,"status":"INITIAL"`))
		if got := pay("t3", second.PaymentToken); got.code() != invalidToken {
			t.Errorf("of a profile that is not active: %s", got.raw)
		}
		w.call(t, "PUT", profile, profileBody("wallet one", `,"status":"ACTIVE"`))
		if got := pay("t3", second.PaymentToken); got.status != 200 {
			t.Errorf("active again: %s", got.raw)
		}
	})

	t.Run("what is deleted is gone", func(t *testing.T) {
		if got := w.call(t, "DELETE", profile+"/cards/"+second.ID, ""); got.status != 200 || got.raw != "" {
			t.Errorf("a card: %d %s", got.status, got.raw)
		}
		if got := pay("t4", second.PaymentToken); got.code() != invalidToken {
			t.Errorf("its token: %s", got.raw)
		}
		if got := w.call(t, "DELETE", profile, ""); got.status != 200 {
			t.Errorf("a profile: %s", got.raw)
		}
		if got := pay("t5", first.PaymentToken); got.code() != invalidToken {
			t.Errorf("the token of a card that went with it: %s", got.raw)
		}
		for _, path := range []string{profile, profile + "/cards/" + first.ID, vaultPrefix + "cards/" + first.ID} {
			if got := w.call(t, "GET", path, ""); got.status != 404 || got.code() != unknownID {
				t.Errorf("%s: %s", path, got.raw)
			}
		}
		for _, path := range []string{profile, profile + "/cards/" + first.ID} {
			if got := w.call(t, "DELETE", path, ""); got.status != 404 {
				t.Errorf("again %s: %s", path, got.raw)
			}
		}
		if n := w.stage.Counts.Tokens.Load(); n != 1 {
			t.Errorf("%d cards are left, want that of wallet 2", n)
		}
	})
}

func TestVaultRefusals(t *testing.T) {
	w := newWorld(t, stage.Options{})
	profiles := vaultPrefix + "profiles"
	made := w.call(t, "POST", profiles, profileBody("c", ","+card(visa, "0139")))
	cards := profiles + "/" + made.ID + "/cards"
	for name, c := range map[string]struct{ method, path, body, want string }{
		"no customer id":                 {"POST", profiles, `{"locale":"en_US"}`, "400 5068 merchantCustomerId"},
		"a customer id of 101":           {"POST", profiles, profileBody(strings.Repeat("x", 101), ""), "400 5068 merchantCustomerId"},
		"no locale":                      {"POST", profiles, `{"merchantCustomerId":"d"}`, "400 5068 locale"},
		"another locale":                 {"POST", profiles, `{"merchantCustomerId":"d","locale":"de_DE"}`, "400 5068 locale"},
		"another gender":                 {"POST", profiles, profileBody("d", `,"gender":"X"`), "400 5068 gender"},
		"a status of cards":              {"POST", profiles, profileBody("d", `,"status":"SUSPEND"`), "400 5068 status"},
		"a long name":                    {"POST", profiles, profileBody("d", `,"lastName":"`+strings.Repeat("é", 81)+`"`), "400 5068 lastName"},
		"a profile with a bad card":      {"POST", profiles, profileBody("d", `,"card":{"cardNum":"`+visa+`"}`), "400 5068 cardExpiry"},
		"a profile with a card twice":    {"POST", profiles, profileBody("d", `,"cards":[`+cardBody(visa, "")+`,`+cardBody(visa, "")+`]`), "409 7503"},
		"addresses":                      {"POST", profiles, profileBody("d", `,"addresses":[{}]`), "400 5068 addresses"},
		"a field nobody knows":           {"POST", profiles, profileBody("d", `,"name":"x"`), "400 5023"},
		"a change with a card":           {"PUT", profiles + "/" + made.ID, profileBody("c", ","+card(master, "0139")), "400 5068 card"},
		"a change of no profile":         {"PUT", profiles + "/nobody", profileBody("e", ""), "404 5269"},
		"a card of no profile":           {"POST", profiles + "/nobody/cards", cardBody(master, ""), "404 5269"},
		"a card that is not published":   {"POST", cards, cardBody("5555555555554444", ""), "400 7508"},
		"an unsupported scheme":          {"POST", cards, cardBody("135492354874528", ""), "400 7508"},
		"a card without number":          {"POST", cards, `{"cardExpiry":{"month":1,"year":2039}}`, "400 5068 cardNum"},
		"a single-use token":             {"POST", cards, cardBody(master, `,"singleUseToken":"x"`), "400 5068 singleUseToken"},
		"an address that is not there":   {"POST", cards, cardBody(master, `,"billingAddressId":"x"`), "404 7511"},
		"an account that is not there":   {"POST", cards, cardBody(master, `,"accountId":"x"`), "400 5068 accountId"},
		"a cryptogram":                   {"POST", cards, cardBody(master, `,"cvv":"123"`), "400 5023"},
		"a change of the number":         {"PUT", cards + "/" + made.Cards[0].ID, cardBody(master, ""), "400 5068 cardNum"},
		"a change without expiry":        {"PUT", cards + "/" + made.Cards[0].ID, `{"nickName":"x"}`, "400 5068 cardExpiry"},
		"a change of no card":            {"PUT", cards + "/nobody", `{"cardExpiry":{"month":1,"year":2039}}`, "404 5269"},
		"a card of another profile":      {"GET", profiles + "/nobody/cards/" + made.Cards[0].ID, "", "404 5269"},
		"a customer that is not there":   {"GET", profiles + "?merchantCustomerId=nobody", "", "404 5269"},
		"a profile that is not there":    {"GET", profiles + "/nobody", "", "404 5269"},
		"a deletion of what is not here": {"DELETE", cards + "/nobody", "", "404 5269"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.call(t, c.method, c.path, c.body)
			text := fmt.Sprint(got.status, " ", got.code())
			if got.Error != nil && len(got.Error.FieldErrors) == 1 {
				text += " " + got.Error.FieldErrors[0].Field
			}
			if text != c.want || strings.Contains(got.raw, "5555555555554444") {
				t.Errorf("got %s in %s, want %s", text, got.raw, c.want)
			}
		})
	}
	if got := w.call(t, "GET", profiles+"?merchantCustomerId=c&fields=cards", ""); len(got.Cards) != 1 || w.stage.Counts.Tokens.Load() != 1 {
		t.Errorf("refusals left a trace: %s", got.raw)
	}
}

func TestPhasesOfTheVault(t *testing.T) {
	w := newWorld(t, stage.Options{})
	for phase, c := range map[stage.Phase]struct {
		want string
		kept bool
	}{
		stage.WrongReference: {"200 ACTIVE", true},
		stage.Pending:        {"200 PENDING", true},
		stage.Unknown:        {"500 1000", true},
		stage.UnknownResult:  {"200 PERHAPS", true},
		stage.LockFailure:    {"402 3417", false},
		stage.UnknownCode:    {"402 3999", false},
	} {
		customer := string(phase)
		if err := w.stage.Plan(stage.Fault{Phase: phase, Operation: opProfile, Key: customer}); err != nil {
			t.Fatal(err)
		}
		got := w.call(t, "POST", vaultPrefix+"profiles", profileBody(customer, ","+card(visa, "0139")))
		if text := fmt.Sprint(got.status, " ", stage.Or(got.code(), got.Status)); text != c.want {
			t.Errorf("%s: got %s, want %s", phase, got.raw, c.want)
		}
		if foreign := got.MerchantCustomerID == stage.Reverse(customer); foreign != (phase == stage.WrongReference) {
			t.Errorf("%s: about %q", phase, got.MerchantCustomerID)
		}
		found := w.call(t, "GET", vaultPrefix+"profiles?merchantCustomerId="+customer, "")
		if (found.status == 200) != c.kept || c.kept && found.Status != "ACTIVE" {
			t.Errorf("%s: a look-up says %s", phase, found.raw)
		}
	}
}

// First six and last four digits are all that tells the cards of a profile apart.
func TestTestCardsDifferInWhatIsKept(t *testing.T) {
	seen := map[string]bool{}
	for number, scheme := range stage.TestCards {
		kept := number[:6] + number[len(number)-4:] + scheme
		if seen[kept] {
			t.Errorf("two test cards begin with %s and end alike", number[:6])
		}
		seen[kept] = true
	}
}

func TestIDsAndTokens(t *testing.T) {
	w := newWorld(t, stage.Options{})
	seen := map[string]bool{}
	parent := w.newID("")
	for i := range 1000 {
		id := w.newID([]string{"", parent, "nobody"}[i%3])
		token := newToken('C', id)
		if !isID(id) || len(token) != 15 || seen[id] || seen[token] {
			t.Fatalf("%s, %s: malformed or given twice", id, token)
		}
		if related := id[:familyDigits] == parent[:familyDigits]; related != (i%3 == 1) {
			t.Fatalf("%s and its parent %s", id, parent)
		}
		seen[id], seen[token] = true, true
	}
}
