package lyra

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Published test cards: one that pays, one that is refused, one that can be kept only.
const (
	visa     = "4970100000000055"
	noFunds  = "4970100000000113"
	keepOnly = "4970101000001002"
)

// world is a gateway on a stage of its own, at a time that the test moves.
type world struct {
	t     *testing.T
	stage *stage.Stage
	g     *Gateway
	now   time.Time
}

func newWorld(t *testing.T, options stage.Options) *world {
	t.Helper()
	w := &world{t: t, now: time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)}
	options.Clock = func() time.Time { return w.now }
	w.stage = stage.New(options)
	w.g = New(w.stage)
	if err := w.stage.Open([]stage.Protocol{w.g}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.stage.Close() })
	return w
}

// reply is what a test looks at: the members of any answer.
type reply struct {
	status int
	raw    string
	Status string
	Answer struct {
		ErrorCode    string
		OrderStatus  string
		OrderDetails struct{ OrderID string }
		Transactions []shown
		shown

		ResponseCode     *int
		FormToken        string
		SubscriptionID   string
		CancelDate       string
		CancellationDate string
		TokenDetails     struct {
			Pan                     string
			ExpiryMonth, ExpiryYear int
		}
		Type string `json:"_type"`
	}
}

// shown is a transaction as a test looks at it.
type shown struct {
	UUID               string
	Amount             int64
	Status             string
	DetailedStatus     string
	OperationType      string
	PaymentMethodToken string
	ErrorCode          string
	DetailedErrorCode  string
	TransactionDetails struct {
		CreationContext       string
		OccurrenceType        string
		ParentTransactionUUID string
		CardDetails           struct {
			PaymentMethodSource                string
			InitialIssuerTransactionIdentifier string
			ManualValidation                   string
			ExpectedCaptureDate                string
			CaptureResponse                    struct{ RefundAmount int64 }
		}
	}
}

func (w *world) call(service, body string) reply {
	w.t.Helper()
	return w.callAs(service, body, stage.ShopID, stage.Password)
}

func (w *world) callAs(service, body, user, password string) reply {
	w.t.Helper()
	r := httptest.NewRequest(http.MethodPost, prefix+service, strings.NewReader(body))
	r.SetBasicAuth(user, password)
	rec := httptest.NewRecorder()
	w.g.Serve(rec, r)
	out := reply{status: rec.Code, raw: rec.Body.String()}
	if err := json.Unmarshal(rec.Body.Bytes(), &out); err != nil {
		w.t.Fatalf("%s: %v in %s", service, err, out.raw)
	}
	return out
}

// outcome says what a reply is in a few words: an error's code, a response code, or the
// state of the one transaction that it is about.
func (r reply) outcome() string {
	switch {
	case r.Status == failed:
		return r.Answer.ErrorCode
	case r.Answer.ResponseCode != nil:
		return fmt.Sprint("code ", *r.Answer.ResponseCode)
	case r.Answer.FormToken != "":
		return "form"
	}
	t := r.transaction()
	text := t.Status + " " + t.DetailedStatus
	if t.ErrorCode != "" {
		text += " " + strings.TrimSpace(t.ErrorCode+" "+t.DetailedErrorCode)
	}
	return text
}

func (r reply) transaction() shown {
	if len(r.Answer.Transactions) > 0 {
		return r.Answer.Transactions[0]
	}
	return r.Answer.shown
}

func (w *world) charges(key string) int {
	n := 0
	w.g.EachCharge(func(c stage.Charge) {
		if c.Key == key {
			n++
		}
	})
	return n
}

func cardForm(number, expiry string) string {
	return fmt.Sprintf(`"paymentForms":[{"paymentMethodType":"CARD","pan":%q,"expiryMonth":%q,"expiryYear":%q}]`, number, expiry[:2], "20"+expiry[2:])
}

func registering(orderID, number, expiry string) string {
	return fmt.Sprintf(`{"currency":"EUR","orderId":%q,"customer":{"email":"jean@example.com","reference":"W1"},"metadata":{"order_ref":"REF-1"},%s}`, orderID, cardForm(number, expiry))
}

func paying(orderID, alias string, amount int64) string {
	return fmt.Sprintf(`{"amount":%d,"currency":"EUR","orderId":%q,"formAction":"SILENT","paymentMethodToken":%q,"metadata":{"order_ref":"REF-1"}}`, amount, orderID, alias)
}

// alias keeps a card and returns its alias.
func (w *world) alias(number, expiry string) string {
	w.t.Helper()
	got := w.call("PCI/Charge/CreateToken", registering("keep-"+number[12:]+expiry, number, expiry))
	if got.outcome() != "PAID ACCEPTED" {
		w.t.Fatalf("a new alias: %s", got.raw)
	}
	return got.transaction().PaymentMethodToken
}

// paid debits a new alias and returns the uuid.
func (w *world) paid(orderID string, amount int64) string {
	w.t.Helper()
	got := w.call("Charge/CreatePayment", paying(orderID, w.alias(visa, "1230"), amount))
	if got.outcome() != "PAID AUTHORISED" {
		w.t.Fatalf("a new payment: %s", got.raw)
	}
	return got.transaction().UUID
}

func TestOneOrderIDTakenTwiceChargesTwice(t *testing.T) {
	w := newWorld(t, stage.Options{})
	body := paying("order-1", w.alias(visa, "1230"), 2990)
	first, again := w.call("Charge/CreatePayment", body), w.call("Charge/CreatePayment", body)
	if first.outcome() != "PAID AUTHORISED" || again.outcome() != "PAID AUTHORISED" || first.transaction().UUID == again.transaction().UUID {
		t.Errorf("got %s and %s", first.raw, again.raw)
	}
	if n := w.charges("order-1"); n != 2 {
		t.Errorf("charged %d times, want 2: the platform does not guard an orderId", n)
	}
	if got := w.call("Order/Get", `{"orderId":"order-1"}`); len(got.Answer.Transactions) != 2 || got.Answer.Type != "V4/OrderTransactions" {
		t.Errorf("the order: %s", got.raw)
	}
	if c := &w.stage.Counts; c.Charges.Load() != 2 || c.Replays.Load() != 0 || c.Lookups.Load() != 1 {
		t.Errorf("counted %d charges, %d replays, %d look-ups", c.Charges.Load(), c.Replays.Load(), c.Lookups.Load())
	}
}

func TestWhatPublishedCardsAndExpiriesDo(t *testing.T) {
	for name, c := range map[string]struct{ number, expiry, keep, pay string }{
		"a good card":                          {visa, "1230", "PAID ACCEPTED", "PAID AUTHORISED"},
		"the last month of a card":             {visa, "1126", "PAID ACCEPTED", "PAID AUTHORISED"},
		"a card without funds":                 {noFunds, "1230", "UNPAID REFUSED ACQ_001 51", "UNPAID REFUSED ACQ_001 51"},
		"a card that can be kept, but not pay": {keepOnly, "1230", "PAID ACCEPTED", "UNPAID REFUSED ACQ_001 51"},
		"the expiry that declines everywhere":  {visa, stage.DeclinedExpiry, "PAID ACCEPTED", "UNPAID REFUSED ACQ_001 05"},
		"an expired card":                      {visa, "1026", "UNPAID REFUSED PSP_023", "UNPAID REFUSED PSP_023"},
		"a card of another processor's list":   {"5123450000000008", "0139", "PAID ACCEPTED", "PAID AUTHORISED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, stage.Options{})
			kept := w.call("PCI/Charge/CreateToken", registering("keep", c.number, c.expiry))
			if kept.outcome() != c.keep || (kept.transaction().PaymentMethodToken != "") != (c.keep == "PAID ACCEPTED") {
				t.Errorf("kept: %s, want %s", kept.raw, c.keep)
			}
			paidByCard := w.call("PCI/Charge/CreatePayment", fmt.Sprintf(`{"amount":100,"currency":"EUR","orderId":"pay",%s}`, cardForm(c.number, c.expiry)))
			if paidByCard.outcome() != c.pay {
				t.Errorf("paid by number: %s, want %s", paidByCard.raw, c.pay)
			}
			if alias := kept.transaction().PaymentMethodToken; alias != "" {
				if got := w.call("Charge/CreatePayment", paying("pay", alias, 100)); got.outcome() != c.pay {
					t.Errorf("paid by alias: %s, want %s", got.raw, c.pay)
				}
			}
			want := 0
			if c.pay == "PAID AUTHORISED" {
				want = 2
			}
			if n := w.charges("pay"); n != want || w.charges("keep") != 0 {
				t.Errorf("charged %d times, want %d", n, want)
			}
			for _, answer := range []reply{kept, paidByCard} {
				if strings.Contains(answer.raw, c.number) {
					t.Error("the answer holds a card number")
				}
			}
		})
	}
}

func TestACardThatExpiresBehindItsAliasIsRefused(t *testing.T) {
	w := newWorld(t, stage.Options{})
	alias := w.alias(visa, "1126")
	w.now = w.now.AddDate(0, 1, 0)
	if got := w.call("Charge/CreatePayment", paying("o", alias, 100)); got.outcome() != "UNPAID REFUSED PSP_023" {
		t.Errorf("got %s", got.raw)
	}
}

func TestWhereNobodyIsChargedAFormIsGiven(t *testing.T) {
	w := newWorld(t, stage.Options{})
	alias := w.alias(visa, "1230")
	for service, body := range map[string]string{
		"Charge/CreateToken":   `{"currency":"EUR","customer":{"email":"jean@example.com"}}`,
		"Charge/CreatePayment": `{"amount":100,"currency":"EUR","paymentMethodToken":"` + alias + `"}`,
		"Token/Update":         `{"paymentMethodToken":"` + alias + `"}`,
	} {
		if got := w.call(service, body); got.outcome() != "form" || got.Answer.Type != "V4/Charge/PaymentForm" {
			t.Errorf("%s: %s", service, got.raw)
		}
	}
	if n := w.stage.Counts.Orders.Load(); n != 1 {
		t.Errorf("%d transactions, want only the verification", n)
	}
}

func TestManyAtOnce(t *testing.T) {
	w := newWorld(t, stage.Options{StateFile: filepath.Join(t.TempDir(), "state")})
	alias := w.alias(visa, "1230")
	uuid := w.paid("one", 1000)
	w.now = w.now.AddDate(0, 0, 1)
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() {
			r := httptest.NewRequest(http.MethodPost, prefix+"Charge/CreatePayment", strings.NewReader(paying(fmt.Sprint("o", i), alias, 100)))
			r.SetBasicAuth(stage.ShopID, stage.Password)
			w.g.Serve(httptest.NewRecorder(), r)
			r = httptest.NewRequest(http.MethodPost, prefix+"Transaction/CancelOrRefund", strings.NewReader(`{"uuid":"`+uuid+`","amount":100,"comment":"refund"}`))
			r.SetBasicAuth(stage.ShopID, stage.Password)
			w.g.Serve(httptest.NewRecorder(), r)
			w.g.EachCharge(func(stage.Charge) {})
		})
	}
	wg.Wait()
	if n := w.charges("refund"); n != 10 {
		t.Errorf("%d refunds of a tenth each, want 10", n)
	}
	if n := w.stage.Counts.Charges.Load(); n != 75 {
		t.Errorf("%d charges, want 65 payments and 10 refunds", n)
	}
}

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	w := newWorld(t, stage.Options{StateFile: path})
	alias := w.alias(visa, "1230")
	uuid := w.paid("o", 1000)
	w.call("Transaction/Capture", `{"uuids":["`+uuid+`"],"comment":"capture"}`)
	w.call("Transaction/CancelOrRefund", `{"uuid":"`+uuid+`","amount":400,"comment":"refund"}`)
	sub := w.call("Charge/CreateSubscription", subscribing("s", alias)).Answer.SubscriptionID
	w.call("Subscription/Cancel", `{"subscriptionId":"`+sub+`","paymentMethodToken":"`+alias+`"}`)
	w.call("Token/Cancel", `{"paymentMethodToken":"`+alias+`"}`)
	asked := map[string]string{
		"Order/Get": `{"orderId":"o"}`, "Transaction/Get": `{"uuid":"` + uuid + `"}`, "Token/Get": `{"paymentMethodToken":"` + alias + `"}`,
		"Subscription/Get": `{"subscriptionId":"` + sub + `","paymentMethodToken":"` + alias + `"}`,
	}
	before := map[string]string{}
	for service, body := range asked {
		before[service] = answerOf(t, w.call(service, body))
	}
	counts := func(s *stage.Stage) [3]int64 {
		return [3]int64{s.Counts.Orders.Load(), s.Counts.Tokens.Load(), s.Counts.Charges.Load()}
	}
	want := counts(w.stage)
	if err := w.stage.Close(); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(path); err != nil || strings.Contains(string(text), visa) {
		t.Fatalf("the state file: %v, or it holds a card number", err)
	}

	again := newWorld(t, stage.Options{StateFile: path})
	if got := counts(again.stage); got != want {
		t.Errorf("orders, tokens and charges: %v, want %v", got, want)
	}
	for service, body := range asked {
		if got := answerOf(t, again.call(service, body)); got != before[service] {
			t.Errorf("%s: got %s, want %s", service, got, before[service])
		}
	}
	for _, key := range []string{"o", "capture", "refund", "s"} {
		if n := again.charges(key); n != 1 {
			t.Errorf("%s: %d effects", key, n)
		}
	}
	if next := again.alias(visa, "1230"); next == alias {
		t.Error("an alias was given twice")
	}
	release := again.g.Hold()
	again.g.Clear()
	release()
	if got := again.call("Order/Get", `{"orderId":"o"}`); got.outcome() != codeNotFound {
		t.Errorf("after everything was forgotten: %s", got.raw)
	}
}

// answerOf is the answer object alone: the envelope has a ticket.
func answerOf(t *testing.T, r reply) string {
	t.Helper()
	var envelope struct{ Answer json.RawMessage }
	if err := json.Unmarshal([]byte(r.raw), &envelope); err != nil {
		t.Fatal(err)
	}
	return string(envelope.Answer)
}

func TestHiddenFromLookUps(t *testing.T) {
	w := newWorld(t, stage.Options{HiddenFor: time.Minute, HiddenLookups: 1})
	body := paying("o", w.alias(visa, "1230"), 100)
	body = strings.Replace(body, `"orderId"`, `"transactionOptions":{"cardOptions":{"manualValidation":"YES"}},"orderId"`, 1)
	uuid := w.call("Charge/CreatePayment", body).transaction().UUID
	lookups := func(want ...string) {
		t.Helper()
		for i, outcome := range want {
			if i == 1 {
				w.now = w.now.Add(time.Minute)
			}
			if got := w.call("Order/Get", `{"orderId":"o"}`); got.outcome() != outcome {
				t.Errorf("look-up %d: got %s, want %s", i, got.raw, outcome)
			}
		}
	}
	lookups(codeNotFound, codeNotFound, "RUNNING AUTHORISED_TO_VALIDATE")
	if got := w.call("Transaction/Validate", `{"uuid":"`+uuid+`"}`); got.outcome() != "PAID AUTHORISED" {
		t.Errorf("validate: %s", got.raw)
	}
	lookups("RUNNING AUTHORISED_TO_VALIDATE", "RUNNING AUTHORISED_TO_VALIDATE", "PAID AUTHORISED")
}

func TestLimits(t *testing.T) {
	w := newWorld(t, stage.Options{MaxOrders: 2, MaxTokens: 1})
	alias := w.alias(visa, "1230")
	if got := w.call("PCI/Charge/CreateToken", registering("second", visa, "1230")); got.status != http.StatusServiceUnavailable {
		t.Errorf("one alias too many: %s", got.raw)
	}
	w.call("Charge/CreatePayment", paying("o", alias, 100))
	if got := w.call("Charge/CreatePayment", paying("p", alias, 100)); got.status != http.StatusServiceUnavailable || got.outcome() != codeTechnical {
		t.Errorf("one transaction too many: %s", got.raw)
	}
	if got := w.call("Token/Cancel", `{"paymentMethodToken":"`+alias+`"}`); got.outcome() != "code 0" {
		t.Errorf("an alias that is there: %s", got.raw)
	}
	if got := w.call("Order/Get", `{"orderId":"`+strings.Repeat(" ", maxRequestBytes)+`"}`); got.outcome() != codeInput {
		t.Errorf("a huge request: %s", got.raw)
	}
}

func TestServicesAndCredentials(t *testing.T) {
	w := newWorld(t, stage.Options{})
	if got := w.callAs("Charge/SDKTest", `{"value":"x"}`, stage.ShopID, "wrong"); got.status != http.StatusUnauthorized || got.outcome() != codeCredentials {
		t.Errorf("a wrong password: %s", got.raw)
	}
	if got := w.callAs("Charge/SDKTest", `{"value":"x"}`, "87654321", stage.Password); got.status != http.StatusUnauthorized {
		t.Errorf("a wrong shop: %s", got.raw)
	}
	if got := w.call("Charge/SDKTest", `{"value":"x"}`); got.status != http.StatusOK || !strings.Contains(got.raw, `"value":"x"`) {
		t.Errorf("the self-test: %s", got.raw)
	}
	if got := w.call("Charge/Nothing", `{}`); got.status != http.StatusNotFound {
		t.Errorf("an unknown service: %s", got.raw)
	}
	if !slices.Contains(w.g.Operations(), "PCI/Charge/CreateToken") || !w.g.Takes(prefix+"Order/Get") || w.g.Takes("/api/rest/") {
		t.Error("its operations or paths")
	}
}

func FuzzServe(f *testing.F) {
	for _, body := range []string{
		paying("o", "alias", 100), registering("o", visa, "1230"), subscribing("s", "alias"), `{"uuid":"00","amount":1}`, `{"uuids":["00","zz"]}`,
		`{"orderId":"o","formAction":"SILENT"}`, "", "[]", "null", `{"paymentForms":[{}],"metadata":{"a":"b"}}`,
	} {
		for i := range len(services) {
			f.Add(i, body)
		}
	}
	s := stage.New(stage.Options{})
	g := New(s)
	if err := s.Open([]stage.Protocol{g}); err != nil {
		f.Fatal(err)
	}
	names := g.Operations()
	slices.Sort(names)
	f.Fuzz(func(t *testing.T, i int, body string) {
		g.Clear()
		r := httptest.NewRequest(http.MethodPost, prefix+names[uint(i)%uint(len(names))], strings.NewReader(body))
		r.SetBasicAuth(stage.ShopID, stage.Password)
		rec := httptest.NewRecorder()
		g.Serve(rec, r)
		if rec.Code != http.StatusOK || !json.Valid(rec.Body.Bytes()) || strings.Contains(rec.Body.String(), visa) {
			t.Errorf("%d %s", rec.Code, rec.Body)
		}
	})
}
