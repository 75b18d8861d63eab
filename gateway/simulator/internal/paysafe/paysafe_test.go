package paysafe

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const (
	visa   = "4111111111111111"
	master = "5123450000000008"
	base   = paymentsPrefix + "accounts/" + stage.AccountID + "/"
)

// world is a gateway whose clock the test moves.
type world struct {
	*Gateway
	now time.Time
}

func newWorld(t testing.TB, options stage.Options) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 22, 1, 2, 3, 0, time.UTC)}
	options.Clock = func() time.Time { return w.now }
	s := stage.New(options)
	w.Gateway = New(s)
	if err := s.Open([]stage.Protocol{w.Gateway}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.Stop()
		s.Close()
	})
	return w
}

// answer is what a test looks at.
type answer struct {
	status int
	header string // X-Application-Status-Code
	raw    string
	shownTransaction
	Auths, VoidAuths, Refunds, Verifications []shownTransaction
	// Of the vault.
	MerchantCustomerID, PaymentToken, Locale, FirstName string
	NickName, LastDigits, CardBIN, CardType             string
	CardExpiry                                          cardExpiry
	DefaultCardIndicator                                bool
	Cards                                               []vaultCard
}

func (a *answer) code() string {
	if a.Error == nil {
		return ""
	}
	return a.Error.Code
}

func (w *world) request(method, path, body string) *http.Request {
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth(stage.MerchantID, stage.Password)
	r.Header.Set("Content-Type", "application/json")
	return r
}

func (w *world) send(t testing.TB, r *http.Request) *answer {
	t.Helper()
	recorder := httptest.NewRecorder()
	w.Serve(recorder, r)
	a := &answer{status: recorder.Code, raw: recorder.Body.String(), header: recorder.Header().Get(statusCode)}
	if a.raw != "" {
		if err := json.Unmarshal([]byte(a.raw), a); err != nil {
			t.Fatalf("%s %s: %v in %s", r.Method, r.URL.Path, err, a.raw)
		}
	}
	if a.header != a.code() && a.status >= 400 {
		t.Errorf("the header says %q, the body %q", a.header, a.code())
	}
	for number := range stage.TestCards {
		if strings.Contains(a.raw, number) {
			t.Errorf("an answer with a card number: %s", strings.ReplaceAll(a.raw, number, "<card number>"))
		}
	}
	return a
}

func (w *world) call(t testing.TB, method, path, body string) *answer {
	t.Helper()
	return w.send(t, w.request(method, path, body))
}

// charges counts the effects of a key.
func (w *world) charges(key string) int {
	n := 0
	w.EachCharge(func(c stage.Charge) {
		if c.Key == key {
			n++
		}
	})
	return n
}

func card(number, expiry string) string {
	return fmt.Sprintf(`"card":{"cardNum":%q,"cardExpiry":{"month":%s,"year":20%s}}`, number, strings.TrimPrefix(expiry[:2], "0"), expiry[2:])
}

func auth(ref string, amount int, more string) string {
	return fmt.Sprintf(`{"merchantRefNum":%q,"amount":%d,%s%s}`, ref, amount, card(visa, "0139"), more)
}

func follow(ref, more string) string { return fmt.Sprintf(`{"merchantRefNum":%q%s}`, ref, more) }

// pay makes an approved authorization.
func (w *world) pay(t testing.TB, ref string, amount int, more string) *answer {
	t.Helper()
	a := w.call(t, "POST", base+"auths", auth(ref, amount, more))
	if a.status != http.StatusOK || a.Status != "COMPLETED" {
		t.Fatalf("an authorization: %d %s", a.status, a.raw)
	}
	return a
}

func TestRefusals(t *testing.T) {
	w := newWorld(t, stage.Options{})
	good := auth("r", 1000, `,"settleWithAuth":true`)
	for name, c := range map[string]struct{ from, to, want string }{
		"a card that is not published": {visa, "5555555555554444", "400 3002"},
		"an unsupported scheme":        {visa, "135492354874528", "400 3001"},
		"no card number":               {visa, "", "400 5068 card.cardNum"},
		"letters in the card number":   {visa, "4111-1111-1111-1111", "400 5068 card.cardNum"},
		"no card":                      {card(visa, "0139"), `"dupCheck":true`, "400 5068 card"},
		"number and token":             {`"cardNum"`, `"paymentToken":"C1","cardNum"`, "400 5068 card"},
		"an unknown token":             {card(visa, "0139"), `"card":{"paymentToken":"C1"}`, "400 5500"},
		"no expiry":                    {`,"cardExpiry":{"month":1,"year":2039}`, ``, "400 5068 card.cardExpiry"},
		"month 13":                     {`"month":1`, `"month":13`, "400 5068 card.cardExpiry.month"},
		"a year of two digits":         {`"year":2039`, `"year":39`, "400 5068 card.cardExpiry.year"},
		"a cryptogram of two digits":   {`"cardNum"`, `"cvv":"12","cardNum"`, "400 5068 card.cvv"},
		"no amount":                    {`"amount":1000,`, ``, "400 5068 amount"},
		"an amount of 0":               {`1000`, `0`, "400 5003"},
		"a negative amount":            {`1000`, `-1000`, "400 5003"},
		"an amount that is too high":   {`1000`, `100000000000`, "400 5003"},
		"an amount as a text":          {`1000`, `"1000"`, "400 5023"},
		"an amount with decimals":      {`1000`, `10.00`, "400 5023"},
		"no reference":                 {`"r"`, `""`, "400 5042"},
		"a reference of 256":           {`"r"`, `"` + strings.Repeat("x", 256) + `"`, "400 5042"},
		"another currency":             {`"amount"`, `"currencyCode":"USD","amount"`, "400 5001"},
		"a field nobody knows":         {`"amount"`, `"Betrag":1,"amount"`, "400 5023"},
		"no JSON":                      {`{"m`, `<m`, "400 5023"},
		"two JSON values":              {`true}`, `true}{}`, "400 5023"},
		"a huge request":               {`"r"`, `"r","description":"` + strings.Repeat("x", maxRequestBytes) + `"`, "400 5023"},
		"a description of 256":         {`"r"`, `"r","description":"` + strings.Repeat("x", 256) + `"`, "400 5068 description"},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.call(t, "POST", base+"auths", strings.Replace(good, c.from, c.to, 1))
			text := fmt.Sprint(got.status, " ", got.code())
			if got.Error != nil && len(got.Error.FieldErrors) == 1 {
				text += " " + got.Error.FieldErrors[0].Field
			}
			if text != c.want {
				t.Errorf("got %s in %s, want %s", text, got.raw, c.want)
			}
			if strings.Contains(got.raw, "5555555555554444") || strings.Contains(got.raw, "4111-1111") {
				t.Error("the answer quotes a card number")
			}
		})
	}
	if n := w.stage.Counts.Orders.Load(); n != 0 || w.charges("r") != 0 {
		t.Errorf("%d orders came of refusals", n)
	}
	// What was refused did not use up its reference.
	if got := w.call(t, "POST", base+"auths", good); got.status != 200 {
		t.Errorf("the good one: %s", got.raw)
	}
}

func TestRoutes(t *testing.T) {
	w := newWorld(t, stage.Options{})
	other := paymentsPrefix + "accounts/9999999999/"
	for _, c := range []struct{ method, path, want string }{
		{"GET", "/cardpayments/monitor", "200 "},
		{"GET", "/customervault/monitor", "200 "},
		{"POST", other + "auths", "400 5016"},
		{"GET", paymentsPrefix + "accounts/", "404 5273"},
		{"GET", "/cardpayments/v2/accounts", "404 5273"},
		{"GET", paymentsPrefix + "accounts/" + stage.AccountID, "404 5273"},
		{"POST", base + "payments", "404 5273"},
		{"POST", base + "settlements", "405 5281"},
		{"PUT", base + "auths/x", "405 5281"},
		{"PUT", base + "auths/x/settlements", "405 5281"},
		{"GET", base + "auths", "400 5068"},
		{"GET", base + "auths?merchantRefNum=x&limit=51", "400 5068"},
		{"GET", base + "auths?merchantRefNum=x&offset=-1", "400 5068"},
		{"GET", base + "auths?merchantRefNum=x&startDate=yesterday", "400 5068"},
		{"PUT", base + "settlements/x", "400 5068"},
		{"GET", vaultPrefix + "profiles", "400 7516"},
		{"DELETE", vaultPrefix + "profiles", "405 5281"},
		{"POST", vaultPrefix + "profiles/x", "405 5281"},
		{"GET", vaultPrefix + "profiles/x/cards", "405 5281"},
		{"POST", vaultPrefix + "profiles/x/cards/y", "405 5281"},
		{"GET", vaultPrefix + "profiles/x/addresses", "404 5273"},
	} {
		if !w.Takes(c.path) {
			t.Errorf("%s is not taken", c.path)
		}
		got := w.call(t, c.method, c.path, `{}`)
		if text := fmt.Sprint(got.status, " ", got.code()); text != c.want {
			t.Errorf("%s %s: got %s in %s, want %s", c.method, c.path, text, got.raw, c.want)
		}
	}
	for want, change := range map[string]func(*http.Request){
		"401 5279": func(r *http.Request) { r.SetBasicAuth(stage.MerchantID, "wrong") },
		"401 5280": func(r *http.Request) { r.Header.Del("Authorization") },
		"406 5272": func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
	} {
		r := w.request("POST", base+"auths", auth("r", 1000, ""))
		change(r)
		if got := w.send(t, r); fmt.Sprint(got.status, " ", got.code()) != want {
			t.Errorf("got %d %s, want %s", got.status, got.raw, want)
		}
	}
	if w.charges("r") != 0 {
		t.Error("an unsigned request was charged")
	}
}

func TestPhasesSpeakThisProtocol(t *testing.T) {
	w := newWorld(t, stage.Options{})
	original := w.pay(t, "original", 1000, "").ID
	for phase, c := range map[stage.Phase]struct {
		want    string // status, code or status of the payment
		charged int
	}{
		stage.WrongReference: {"200 COMPLETED", 1},
		stage.Pending:        {"200 RECEIVED", 1},
		stage.Unknown:        {"402 3041", 1},
		stage.UnknownResult:  {"200 PERHAPS", 1},
		stage.LockFailure:    {"402 3417", 0},
		stage.UnknownCode:    {"402 3999", 0},
		stage.Unauthorized:   {"401 5279", 0},
		stage.Unavailable503: {"503 1000", 0},
		stage.Failure500:     {"500 1000", 1},
	} {
		for operation, path := range map[kind]string{auths: "auths", settlements: "auths/" + original + "/settlements"} {
			ref := string(phase) + " " + string(operation)
			if err := w.stage.Plan(stage.Fault{Phase: phase, Operation: string(operation)}); err != nil {
				t.Fatal(err)
			}
			body := auth(ref, 1000, "")
			if operation == settlements {
				body = follow(ref, `,"amount":1`)
			}
			got := w.call(t, "POST", base+path, body)
			want := c.want
			if operation == settlements {
				want = strings.Replace(want, "COMPLETED", "PENDING", 1)
			}
			if text := fmt.Sprint(got.status, " ", stage.Or(got.code(), got.Status)); text != want {
				t.Errorf("%s of %s: got %s, want %s", phase, operation, got.raw, want)
			}
			if foreign := got.MerchantRefNum == stage.Reverse(ref); foreign != (phase == stage.WrongReference) {
				t.Errorf("%s of %s: about %q", phase, operation, got.MerchantRefNum)
			}
			if n := w.charges(ref); n != c.charged {
				t.Errorf("%s of %s: charged %d times", phase, operation, n)
			}
			found := w.call(t, "GET", base+string(operation)+"?merchantRefNum="+strings.ReplaceAll(ref, " ", "%20"), "")
			list := slices.Concat(found.Auths, found.Settlements)
			if len(list) != c.charged || c.charged == 1 && (list[0].MerchantRefNum != ref || list[0].Error != nil || list[0].Status == "RECEIVED") {
				t.Errorf("%s of %s: a look-up says %s", phase, operation, found.raw)
			}
		}
	}
	// By the payment itself: once for each reference number.
	planned := auth("planned", 1000, `,"description":"FAULT-503_BEFORE-1"`)
	for i, want := range []int{503, 200} {
		if got := w.call(t, "POST", base+"auths", planned); got.status != want {
			t.Errorf("request %d: %d %s", i, got.status, got.raw)
		}
	}
}

func TestEffectsAreToldWithKeyAndReference(t *testing.T) {
	w := newWorld(t, stage.Options{})
	paid := w.pay(t, "p", 1000, `,"settleWithAuth":true,"description":"order 7"`)
	w.call(t, "PUT", base+"settlements/"+paid.ID, `{"status":"CANCELLED"}`)
	w.call(t, "POST", base+"auths/"+paid.ID+"/voidauths", follow("v", ""))
	w.call(t, "POST", base+"verifications", `{"merchantRefNum":"y",`+card(visa, "0139")+`}`)
	got := map[stage.Charge]int{}
	w.EachCharge(func(c stage.Charge) { got[c]++ })
	want := []stage.Charge{
		{Key: "p", Reference: "order 7", Payment: true},
		{Key: paid.ID, Reference: "order 7"}, // a cancellation has no reference number
		{Key: "v", Reference: "order 7"},
	}
	if len(got) != len(want) || w.stage.Counts.Charges.Load() != 3 {
		t.Errorf("got %v, counted %d", got, w.stage.Counts.Charges.Load())
	}
	for _, c := range want {
		if got[c] != 1 {
			t.Errorf("%+v: %d times", c, got[c])
		}
	}
}

func TestLimits(t *testing.T) {
	w := newWorld(t, stage.Options{MaxOrders: 1, MaxTokens: 1})
	id := w.pay(t, "a", 1000, "").ID
	if got := w.call(t, "POST", base+"auths", auth("b", 1000, "")); got.status != 503 || w.charges("b") != 0 {
		t.Errorf("one payment too many: %d %s", got.status, got.raw)
	}
	if got := w.call(t, "POST", base+"auths/"+id+"/settlements", follow("s", "")); got.status != 200 {
		t.Errorf("a follow-up of a payment that is there: %s", got.raw)
	}
	kept := w.call(t, "POST", vaultPrefix+"profiles", profileBody("c", ","+card(visa, "0139")))
	if got := w.call(t, "POST", vaultPrefix+"profiles", profileBody("d", "")); got.status != 503 {
		t.Errorf("one profile too many: %s", got.raw)
	}
	if got := w.call(t, "POST", vaultPrefix+"profiles/"+kept.ID+"/cards", `{"cardNum":"`+master+`","cardExpiry":{"month":1,"year":2039}}`); got.status != 503 {
		t.Errorf("one card too many: %s", got.raw)
	}
}

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	w := newWorld(t, stage.Options{StateFile: path})
	paid := w.pay(t, "p", 1000, `,"settleWithAuth":true,"description":"order 7","storedCredential":{"type":"TOPUP"}`)
	w.call(t, "PUT", base+"settlements/"+paid.ID, `{"status":"CANCELLED"}`)
	settled := w.call(t, "POST", base+"auths/"+paid.ID+"/settlements", follow("s", `,"amount":600`))
	w.call(t, "POST", base+"auths", auth("declined", 5, ""))
	kept := w.call(t, "POST", vaultPrefix+"profiles", profileBody("c", ","+card(master, "0139")))
	gone := w.call(t, "POST", vaultPrefix+"profiles", profileBody("gone", ","+card(master, "0139")))
	w.call(t, "DELETE", vaultPrefix+"profiles/"+gone.ID, "")
	paths := []string{
		base + "auths/" + paid.ID, base + "settlements/" + settled.ID, base + "auths?merchantRefNum=declined", base + "settlements?merchantRefNum=p",
		vaultPrefix + "profiles/" + kept.ID + "?fields=cards", vaultPrefix + "profiles?merchantCustomerId=gone",
	}
	before := map[string]string{}
	for _, path := range paths {
		before[path] = w.call(t, "GET", path, "").raw
	}
	counts := &w.stage.Counts
	orders, tokens, charges := counts.Orders.Load(), counts.Tokens.Load(), counts.Charges.Load()
	if err := w.stage.Close(); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil || strings.Contains(string(text), visa) || strings.Contains(string(text), master) {
		t.Fatalf("the state file: %v, or it holds a card number", err)
	}

	again := newWorld(t, stage.Options{StateFile: path})
	for _, path := range paths {
		if got := again.call(t, "GET", path, ""); got.raw != before[path] {
			t.Errorf("%s: got %s, want %s", path, got.raw, before[path])
		}
	}
	counts = &again.stage.Counts
	if counts.Orders.Load() != orders || counts.Tokens.Load() != tokens || counts.Charges.Load() != charges || tokens != 1 || charges != 3 {
		t.Errorf("%d orders, %d tokens, %d charges; before %d, %d, %d", counts.Orders.Load(), counts.Tokens.Load(), counts.Charges.Load(), orders, tokens, charges)
	}
	if got := again.call(t, "POST", base+"auths", auth("p", 1000, "")); got.code() != duplicate {
		t.Errorf("the same reference after the restart: %s", got.raw)
	}
	if got := again.call(t, "POST", base+"auths/"+paid.ID+"/settlements", follow("s2", `,"amount":401`)); got.code() != settleTooMuch {
		t.Errorf("more than was left before the restart: %s", got.raw)
	}
	if next := again.pay(t, "next", 1000, ""); strings.Contains(string(text), next.ID) {
		t.Errorf("an id was given twice: %s", next.ID)
	}
	token := again.call(t, "POST", base+"auths", `{"merchantRefNum":"t","amount":1000,"card":{"paymentToken":"`+kept.Cards[0].PaymentToken+`"}}`)
	if token.status != 200 || token.Card.LastDigits != "0008" {
		t.Errorf("by the token of before the restart: %s", token.raw)
	}

	release := again.Hold()
	if err := again.stage.Forget(); err != nil {
		t.Fatal(err)
	}
	again.Clear()
	release()
	if got := again.call(t, "GET", base+"auths/"+paid.ID, ""); got.status != 404 || again.charges("p") != 0 {
		t.Errorf("after a reset: %s", got.raw)
	}
	again.pay(t, "p", 1000, "")
}

func FuzzAuth(f *testing.F) {
	for _, body := range []string{
		auth("x", 1000, ""), auth("x", 5, `,"settleWithAuth":true`), auth("x", 1000, `,"storedCredential":{"type":"RECURRING","occurrence":"SUBSEQUENT"}`),
		`{"merchantRefNum":"x","amount":1,"card":{"paymentToken":"C"}}`, "", "[]", "null", `{"card":{"cardExpiry":{"month":"1"}}}`,
	} {
		f.Add(body)
	}
	w := newWorld(f, stage.Options{StallLimit: time.Microsecond})
	f.Fuzz(func(t *testing.T, body string) {
		w.Clear()
		got := w.call(t, "POST", base+"auths", body)
		charged := 0
		w.EachCharge(func(stage.Charge) { charged++ })
		if charged > 1 || (charged == 1) != (got.status == http.StatusOK && got.Status == "COMPLETED") {
			t.Errorf("charged %d times, answered %d %s", charged, got.status, got.raw)
		}
	})
}

func BenchmarkAuth(b *testing.B) {
	w := newWorld(b, stage.Options{})
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := w.request("POST", base+"auths", auth(fmt.Sprint("k", i), 1000, ""))
		recorder := httptest.NewRecorder()
		w.Serve(recorder, r)
		if recorder.Code != http.StatusOK {
			b.Fatal(recorder.Body.String())
		}
	}
}
