package paysafe

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// members are the names of an answer's members, sorted.
func members(t *testing.T, raw string) []string {
	t.Helper()
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(raw), &object); err != nil {
		t.Fatal(err)
	}
	names := make([]string, 0, len(object))
	for name := range object {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// The requests and answers have the form of those in the API's reference; what a request
// did not bring (addresses, names) an answer does not show.
func TestFormOfTheReference(t *testing.T) {
	w := newWorld(t, stage.Options{})
	token := w.call(t, "POST", vaultPrefix+"profiles", profileBody("c", `,"card":{"cardNum":"`+visa+`","cardExpiry":{"month":2,"year":2039}}`)).Cards[0].PaymentToken
	cvv := `"card":{"cardNum":"` + visa + `","cardExpiry":{"month":"12","year":"2029"},"cvv":"123"}`
	profile := `"profile":{"firstName":"Joe","lastName":"Smith"},"billingDetails":{"zip":"M5H 2N2"},"customerIp":"204.91.0.12"`

	authorized := w.call(t, "POST", base+"auths", `{"merchantRefNum":"merchant 03.24.17_3","amount":1000,"settleWithAuth":false,"dupCheck":"false",`+cvv+`,
		"preAuth":true,`+profile+`,"authentication":{"exemptionIndicator":"LOW_VALUE_EXEMPTION"}}`)
	purchase := w.call(t, "POST", base+"auths", `{"merchantRefNum":"p","amount":1000,"settleWithAuth":true,"dupCheck":false,`+cvv+`,`+profile+`,"description":"Video purchase"}`)
	byToken := w.call(t, "POST", base+"auths", `{"merchantRefNum":"t","amount":1000,"settleWithAuth":false,"card":{"paymentToken":"`+token+`","cvv":123},
		"keywords":["Repeat Customer"],"customerIp":"204.91.0.12"}`)
	settlement := w.call(t, "POST", base+"auths/"+authorized.ID+"/settlements", follow("s", `,"dupCheck":true`))
	voided := w.call(t, "POST", base+"auths/"+byToken.ID+"/voidauths", follow("v", `,"amount":898,"dupCheck":true`))
	listed := w.call(t, "GET", base+"auths?merchantRefNum=merchant%2003.24.17_3", "")
	verified := w.call(t, "POST", base+"verifications", `{`+cvv+`,"merchantRefNum":"y",`+profile+`,"dupCheck":true}`)
	cancelled := w.call(t, "PUT", base+"settlements/"+purchase.ID, `{"status":"CANCELLED"}`)
	w.now = w.now.Add(batchDelay)
	refunded := w.call(t, "POST", base+"settlements/"+settlement.ID+"/refunds", follow("r", `,"amount":500,"dupCheck":true`))
	declined := w.call(t, "POST", base+"auths", auth("d", 5, ""))

	payment := []string{"amount", "authCode", "availableToSettle", "avsResponse", "card", "currencyCode", "cvvVerification", "id", "links",
		"merchantRefNum", "preAuth", "settleWithAuth", "status", "txnTime"}
	with := func(names []string, more ...string) []string {
		return slices.Sorted(slices.Values(slices.Concat(names, more)))
	}
	for name, c := range map[string]struct {
		got    *answer
		status string
		want   []string
	}{
		"an authorization":            {authorized, "COMPLETED", payment},
		"an authorization by token":   {byToken, "COMPLETED", payment},
		"a purchase":                  {purchase, "COMPLETED", with(payment, "description", "settlements")},
		"a settlement":                {settlement, "PENDING", []string{"amount", "availableToRefund", "dupCheck", "id", "links", "merchantRefNum", "status", "txnTime"}},
		"a void":                      {voided, "COMPLETED", []string{"amount", "dupCheck", "id", "links", "merchantRefNum", "status", "txnTime"}},
		"a refund":                    {refunded, "PENDING", []string{"amount", "dupCheck", "id", "links", "merchantRefNum", "status", "txnTime"}},
		"a settlement taken back":     {cancelled, "CANCELLED", []string{"id", "links", "status", "txnTime"}},
		"a list":                      {listed, "", []string{"auths", "links"}},
		"a decline":                   {declined, "", []string{"error", "id", "links", "merchantRefNum", "settleWithAuth"}},
		"a verification of the owner": {verified, "COMPLETED", []string{"authCode", "avsResponse", "card", "currencyCode", "cvvVerification", "dupCheck", "id", "links", "merchantRefNum", "status", "txnTime"}},
	} {
		if got := members(t, c.got.raw); !slices.Equal(got, c.want) || c.got.Status != c.status {
			t.Errorf("%s: got %d %s, want %s %v", name, c.got.status, c.got.raw, c.status, c.want)
		}
	}
	if len(listed.Auths) != 1 || listed.Auths[0].ID != authorized.ID {
		t.Errorf("the list: %s", listed.raw)
	}
	if s := purchase.Settlements; len(s) != 1 || s[0].ID != purchase.ID || s[0].Status != "PENDING" || *s[0].AvailableToRefund != 1000 || *purchase.AvailableToSettle != 0 {
		t.Errorf("the settlement of a purchase: %s", purchase.raw)
	}
	if got := purchase.Links; len(got) != 2 || got[0].Rel != "settlement" || got[1] != (link{"self", "http://example.com" + base + "auths/" + purchase.ID}) {
		t.Errorf("links: %v", got)
	}
	if authorized.TxnTime != "2026-11-22T01:02:03Z" || authorized.CurrencyCode != "EUR" || len(authorized.AuthCode) != 6 || authorized.Card.LastDigits != "1111" || authorized.Card.CardExpiry != (cardExpiry{12, 2029}) {
		t.Errorf("the authorization: %s", authorized.raw)
	}
	if declined.status != 402 || declined.header != "3009" || declined.MerchantRefNum != "d" || len(declined.Error.Links) != 1 || declined.Error.Links[0].Rel != "errorinfo" {
		t.Errorf("the decline: %d %s", declined.status, declined.raw)
	}
}

func TestPublishedAmounts(t *testing.T) {
	w := newWorld(t, stage.Options{StallLimit: time.Microsecond}) // for those that wait
	for amount, want := range map[int]string{
		1: "200 ", 4: "402 3015", 5: "402 3009", 6: "500 1007", 11: "402 3022", 12: "402 3023", 13: "402 3024", 20: "500 1007", 23: "402 4002",
		24: "402 3007", 25: "402 4001", 77: "402 3060", 90: "200 ", 91: "200 ", 92: "200 ", 93: "200 ", 94: "200 ", 95: "200 ", 96: "500 1007", 100: "200 ",
	} {
		ref := fmt.Sprint("amount", amount)
		got := w.call(t, "POST", base+"auths", auth(ref, amount, `,"settleWithAuth":true`))
		if text := fmt.Sprint(got.status, " ", got.code()); text != want {
			t.Errorf("%d: got %s, want %s", amount, text, want)
		}
		found := w.call(t, "GET", base+"auths?merchantRefNum="+ref, "").Auths
		if len(found) != 1 || (found[0].Status == "COMPLETED") != (got.status == 200) || w.charges(ref) == 1 != (got.status == 200) {
			t.Errorf("%d: charged %d times, look-up says %+v", amount, w.charges(ref), found)
		}
	}
}

func TestAnAnswerThatComesLateWaitsNoLongerThanItsCaller(t *testing.T) {
	w := newWorld(t, stage.Options{StallLimit: time.Hour})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if got := w.send(t, w.request("POST", base+"auths", auth("late", 95, "")).WithContext(gone)); got.status != 200 || w.charges("late") != 1 {
		t.Errorf("%d %s, charged %d times", got.status, got.raw, w.charges("late"))
	}
}

func TestExpiryDates(t *testing.T) {
	w := newWorld(t, stage.Options{})
	for expiry, want := range map[string]string{"0139": "200 ", "0539": "402 3009", "1126": "200 ", "1026": "400 3006", "0120": "400 3006"} {
		kept := w.call(t, "POST", vaultPrefix+"profiles", profileBody("c"+expiry, ","+card(master, expiry)))
		if len(kept.Cards) != 1 {
			t.Fatalf("keep the card: %s", kept.raw)
		}
		for i, body := range []string{
			`{"merchantRefNum":"number` + expiry + `","amount":1000,` + card(master, expiry) + `}`,
			`{"merchantRefNum":"token` + expiry + `","amount":1000,"card":{"paymentToken":"` + kept.Cards[0].PaymentToken + `"}}`,
		} {
			if got := w.call(t, "POST", base+"auths", body); fmt.Sprint(got.status, " ", got.code()) != want {
				t.Errorf("%s, body %d: got %d %s, want %s", expiry, i, got.status, got.raw, want)
			}
		}
		got := w.call(t, "POST", base+"verifications", `{"merchantRefNum":"verify`+expiry+`",`+card(master, expiry)+`}`)
		if fmt.Sprint(got.status, " ", got.code()) != want || w.charges("verify"+expiry) != 0 {
			t.Errorf("%s: verified: %d %s", expiry, got.status, got.raw)
		}
	}
}

func TestFollowUps(t *testing.T) {
	type step struct {
		what string // settle, void, refund, cancel, or a time to let pass
		on   string // name of the step that made what it acts on
		more string
		want string // code; empty: approved
	}
	for name, steps := range map[string][]step{
		"settled in parts and refunded": {
			{"settle", "auth", `,"amount":400`, ""},
			{"settle", "auth", `,"amount":601`, settleTooMuch},
			{"settle", "auth", "", ""}, // the rest
			{"settle", "auth", "", settleNothingLeft},
			{"void", "auth", "", voidSettled},
			{"refund", "0", "", notBatched},
			{"day", "", "", ""},
			{"refund", "0", `,"amount":401`, refundTooMuch},
			{"refund", "0", `,"amount":399`, ""},
			{"refund", "0", "", ""},
			{"refund", "0", "", refundNothingLeft},
			{"refund", "2", `,"amount":600`, ""},
			{"cancel", "2", "", notPending},
		},
		"voided": {
			{"void", "auth", `,"amount":1001`, voidTooMuch},
			{"void", "auth", `,"amount":300`, ""},
			{"void", "auth", `,"amount":701`, voidTooMuch},
			{"settle", "auth", `,"amount":701`, settleTooMuch},
			{"void", "auth", "", ""},
			{"void", "auth", "", voidTooMuch},
			{"settle", "auth", "", settleNothingLeft},
		},
		"a pending settlement is taken back, and its authorization voided": {
			{"settle", "auth", "", ""},
			{"cancel", "0", "", ""},
			{"cancel", "0", "", notPending},
			{"refund", "0", "", notBatched},
			{"void", "auth", "", ""},
		},
		"a pending refund is taken back": {
			{"settle", "auth", "", ""},
			{"day", "", "", ""},
			{"refund", "0", "", ""},
			{"cancel", "2", "", ""},
			{"refund", "0", `,"amount":1000`, ""},
			{"day", "", "", ""},
			{"cancel", "4", "", notPending},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, stage.Options{})
			made := map[string]string{"auth": w.pay(t, "auth", 1000, "").ID}
			for i, s := range steps {
				var got *answer
				ref := fmt.Sprint("step", i)
				switch s.what {
				case "day":
					w.now = w.now.Add(batchDelay)
					continue
				case "settle":
					got = w.call(t, "POST", base+"auths/"+made[s.on]+"/settlements", follow(ref, s.more))
				case "void":
					got = w.call(t, "POST", base+"auths/"+made[s.on]+"/voidauths", follow(ref, s.more))
				case "refund":
					got = w.call(t, "POST", base+"settlements/"+made[s.on]+"/refunds", follow(ref, s.more))
				case "cancel":
					made := made[s.on]
					if target, _ := strconv.Atoi(s.on); steps[target].what == "refund" {
						made = "refunds/" + made
					} else {
						made = "settlements/" + made
					}
					got = w.call(t, "PUT", base+made, `{"status":"CANCELLED","merchantRefNum":"`+ref+`"}`)
				}
				made[fmt.Sprint(i)] = got.ID
				if got.code() != s.want {
					t.Fatalf("step %d: got %d %s, want %q", i, got.status, got.raw, s.want)
				}
				if want := failures[s.want].status; s.want != "" && got.status != want {
					t.Errorf("step %d: status %d, want %d", i, got.status, want)
				}
				if once := w.charges(ref) == 1; once != (s.want == "") {
					t.Errorf("step %d: charged %d times", i, w.charges(ref))
				}
			}
		})
	}
}

func TestFollowUpsOfWhatIsNotThere(t *testing.T) {
	w := newWorld(t, stage.Options{})
	declined := w.call(t, "POST", base+"auths", auth("declined", 5, "")).ID
	other := w.pay(t, "other", 1000, "").ID
	dollars := paymentsPrefix + "accounts/" + stage.AccountIDs["USD"] + "/"
	for i, c := range []struct{ path, code string }{
		{base + "auths/nobody/settlements", settleUnknown},
		{base + "auths/" + declined + "/settlements", settleUnknown},
		{dollars + "auths/" + other + "/settlements", settleUnknown},
		{base + "auths/nobody/voidauths", voidUnknown},
		{base + "settlements/" + other + "/refunds", refundUnknown},
	} {
		ref := fmt.Sprint("f", i)
		got := w.call(t, "POST", c.path, follow(ref, ""))
		if got.code() != c.code || got.status != failures[c.code].status || got.MerchantRefNum != ref || got.ID == "" {
			t.Errorf("%s: got %d %s, want %s", c.path, got.status, got.raw, c.code)
		}
		if n := w.charges(ref); n != 0 {
			t.Errorf("%s: charged %d times", c.path, n)
		}
	}
	for _, path := range []string{"settlements/nobody", "refunds/" + other} {
		if got := w.call(t, "PUT", base+path, `{"status":"CANCELLED"}`); got.status != 404 || got.code() != unknownID {
			t.Errorf("take back %s: %d %s", path, got.status, got.raw)
		}
	}
}

func TestAReferenceIsUsedOnce(t *testing.T) {
	w := newWorld(t, stage.Options{})
	paid := w.pay(t, "once", 1000, "")
	w.call(t, "POST", base+"auths", auth("declined", 5, ""))
	for name, body := range map[string]string{
		"the same request":           auth("once", 1000, ""),
		"another amount":             auth("once", 2000, ""),
		"one that was declined once": auth("declined", 1000, ""),
		"said so":                    auth("once", 1000, `,"dupCheck":true`),
	} {
		if got := w.call(t, "POST", base+"auths", body); got.status != 409 || got.code() != duplicate || got.ID != "" {
			t.Errorf("%s: %d %s", name, got.status, got.raw)
		}
	}
	if got := w.call(t, "POST", base+"auths/"+paid.ID+"/settlements", follow("once", "")); got.code() != duplicate {
		t.Errorf("by another kind of request: %s", got.raw)
	}
	if got := w.call(t, "POST", paymentsPrefix+"accounts/"+stage.AccountIDs["USD"]+"/auths", auth("once", 1000, "")); got.status != 200 || got.CurrencyCode != "USD" {
		t.Errorf("in another account: %d %s", got.status, got.raw)
	}
	if n := w.charges("once"); n != 2 {
		t.Fatalf("charged %d times, want once in each account", n)
	}
	// Without the check, and beyond its window, it charges again.
	w.pay(t, "once", 1000, `,"dupCheck":false`)
	w.now = w.now.Add(duplicateWindow - time.Second)
	if got := w.call(t, "POST", base+"auths", auth("once", 1000, "")); got.code() != duplicate {
		t.Errorf("a second before the end: %s", got.raw)
	}
	w.now = w.now.Add(time.Second)
	w.pay(t, "once", 1000, "")
	if n := w.charges("once"); n != 4 {
		t.Errorf("charged %d times, want 4", n)
	}
}

func TestManyAtOnceChargeOnce(t *testing.T) {
	w := newWorld(t, stage.Options{StateFile: filepath.Join(t.TempDir(), "state")})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			ref := fmt.Sprint("r", i%8)
			if got := w.call(t, "POST", base+"auths", auth(ref, 1000, `,"settleWithAuth":true`)); got.status != 200 && got.code() != duplicate {
				t.Errorf("%d %s", got.status, got.raw)
			}
			w.call(t, "GET", base+"auths?merchantRefNum="+ref, "")
			w.call(t, "GET", base+"settlements?merchantRefNum="+ref, "")
		})
	}
	wg.Wait()
	if c := &w.stage.Counts; c.Orders.Load() != 8 || c.Charges.Load() != 8 || c.Refusals.Load() != 56 {
		t.Errorf("%d orders, %d charges, %d refusals", c.Orders.Load(), c.Charges.Load(), c.Refusals.Load())
	}
}

func TestLookUps(t *testing.T) {
	w := newWorld(t, stage.Options{})
	paid := w.pay(t, "a", 1000, `,"description":"order 7"`)
	for range 2 {
		w.pay(t, "a", 1000, `,"dupCheck":false`)
	}
	w.call(t, "POST", base+"auths", auth("declined", 5, ""))

	byID := w.call(t, "GET", base+"auths/"+paid.ID, "")
	if byID.raw != paid.raw {
		t.Errorf("by id: %s, want %s", byID.raw, paid.raw)
	}
	if got := w.call(t, "GET", base+"auths/?merchantRefNum=declined", ""); got.status != 200 || len(got.Auths) != 1 || got.Auths[0].Status != "FAILED" || got.Auths[0].Error.Code != "3009" || got.Auths[0].Amount != 5 {
		t.Errorf("a failure: %s", got.raw)
	}
	for query, want := range map[string]int{
		"a": 3, "b": 0, "a&limit=2": 2, "a&limit=2&offset=2": 1, "a&offset=9": 0,
		"a&startDate=2026-11-22T01:02:04Z": 0, "a&endDate=2026-11-22T01:02:02Z": 0,
	} {
		got := w.call(t, "GET", base+"auths?merchantRefNum="+query, "")
		if got.status != 200 || len(got.Auths) != want {
			t.Errorf("%s: %s, want %d", query, got.raw, want)
		}
		next := slices.ContainsFunc(got.Links, func(l link) bool { return l.Rel == "next" })
		if next != (query == "a&limit=2") {
			t.Errorf("%s: links %v", query, got.Links)
		}
	}
	if got := w.call(t, "GET", base+"settlements?merchantRefNum=a", ""); got.status != 200 || !strings.Contains(got.raw, `"settlements":[]`) {
		t.Errorf("nothing of that kind: %s", got.raw)
	}

	// After a void the authorization says so; after 30 days a list wants the date.
	w.call(t, "POST", base+"auths/"+paid.ID+"/voidauths", follow("v", ""))
	if got := w.call(t, "GET", base+"auths/"+paid.ID, ""); got.Status != "CANCELLED" || *got.AvailableToSettle != 0 {
		t.Errorf("after its void: %s", got.raw)
	}
	if got := w.call(t, "GET", base+"voidauths?merchantRefNum=v", ""); len(got.VoidAuths) != 1 || got.VoidAuths[0].Amount != 1000 {
		t.Errorf("the void: %s", got.raw)
	}
	w.now = w.now.Add(listWindow + time.Second)
	if got := w.call(t, "GET", base+"auths?merchantRefNum=a", ""); len(got.Auths) != 0 {
		t.Errorf("a month later: %s", got.raw)
	}
	if got := w.call(t, "GET", base+"auths?merchantRefNum=a&startDate=2026-11-01T00:00:00Z", ""); len(got.Auths) != 3 {
		t.Errorf("a month later, with the date: %s", got.raw)
	}
	for _, path := range []string{"auths/" + stage.Reverse(paid.ID), "refunds/" + paid.ID, "auths/x"} {
		if got := w.call(t, "GET", base+path, ""); got.status != 404 || got.code() != unknownID {
			t.Errorf("%s: %d %s", path, got.status, got.raw)
		}
	}
}

func TestHiddenTransactions(t *testing.T) {
	w := newWorld(t, stage.Options{HiddenFor: time.Minute, HiddenLookups: 1})
	id := w.pay(t, "a", 1000, "").ID
	if got := w.call(t, "GET", base+"auths/"+id, ""); got.status != 404 {
		t.Errorf("at once: %s", got.raw)
	}
	w.now = w.now.Add(time.Minute)
	for i, want := range []int{0, 1} {
		if got := w.call(t, "GET", base+"auths?merchantRefNum=a", ""); len(got.Auths) != want {
			t.Errorf("look-up %d: %s", i, got.raw)
		}
	}
}

func TestStoredCredentials(t *testing.T) {
	w := newWorld(t, stage.Options{})
	first := w.pay(t, "first", 1000, `,"storedCredential":{"type":"RECURRING","occurrence":"INITIAL"}`).ID
	declined := w.call(t, "POST", base+"auths", auth("declined", 5, "")).ID
	n := 0
	for given, want := range map[string]string{
		`{}`:                       `200 `,
		`{"occurrence":"INITIAL"}`: `200 `,
		`{"type":"ADHOC","occurrence":"SUBSEQUENT"}`:                                                  `200 `,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + first + `"}`:       `200 `,
		`{"type":"TOPUP","occurrence":"SUBSEQUENT","externalInitialTransactionId":"123456789012345"}`: `200 `,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT"}`:                                              `200 `,
		`{"type":"TOPUP","occurrence":"SUBSEQUENT"}`:                                                  `200 `,
		`{"type":"INSTALMENT"}`:  `400 5068`,
		`{"occurrence":"FIRST"}`: `400 5068`,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + first + `","externalInitialTransactionId":"1"}`: `400 5068`,
		`{"type":"RECURRING","occurrence":"INITIAL","initialTransactionId":"` + first + `"}`:                                       `400 5068`,
		`{"type":"ADHOC","occurrence":"SUBSEQUENT","initialTransactionId":"` + first + `"}`:                                        `400 5068`,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + stage.Reverse(first) + `"}`:                     `400 5068`,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + declined + `"}`:                                 `400 5068`,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","initialTransactionId":"` + strings.Repeat("x", 37) + `"}`:                  `400 5068`,
		`{"type":"RECURRING","occurrence":"SUBSEQUENT","externalInitialTransactionId":"` + strings.Repeat("x", 257) + `"}`:         `400 5068`,
	} {
		n++
		got := w.call(t, "POST", base+"auths", auth(fmt.Sprint("s", n), 1000, `,"storedCredential":`+given))
		if text := fmt.Sprint(got.status, " ", got.code()); text != want {
			t.Errorf("%s: got %d %s, want %s", given, got.status, got.raw, want)
		}
		if got.status == 200 && (got.StoredCredential == nil || got.StoredCredential.Type == "" || got.StoredCredential.Occurrence == "") {
			t.Errorf("%s: shown as %s", given, got.raw)
		}
	}
	for more, want := range map[string]int{
		`,"recurring":"INITIAL"`: 200, `,"recurring":"AGAIN"`: 400, `,"recurring":"INITIAL","storedCredential":{}`: 400,
	} {
		if got := w.call(t, "POST", base+"auths", auth("r"+more, 1000, more)); got.status != want {
			t.Errorf("%s: %d %s", more, got.status, got.raw)
		}
	}
}
