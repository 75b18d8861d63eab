package lyra

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/gateway/simulator/stage"
)

var update = flag.Bool("update", false, "write the answers of the tests into testdata")

// The golden answers hold what the facts list (sections 7.2 and 7.5), in the order and
// with the types of captured answers.
func TestAnswersLookLikeThePlatforms(t *testing.T) {
	w := newWorld(t, stage.Options{})
	kept := w.call("PCI/Charge/CreateToken", registering("keep-1", visa, "1230"))
	alias := kept.transaction().PaymentMethodToken
	paid := w.call("Charge/CreatePayment", paying("order-1", alias, 2990))
	uuid := paid.transaction().UUID
	refused := w.call("Charge/CreatePayment", paying("order-2", w.alias(keepOnly, "0131"), 2990))
	sub := w.call("Charge/CreateSubscription", subscribing("sub-1", alias))
	w.now = w.now.AddDate(0, 0, 1)
	answers := map[string]reply{
		"verification":        kept,
		"payment":             paid,
		"refused-payment":     refused,
		"refund":              w.call("Transaction/CancelOrRefund", `{"uuid":"`+uuid+`","amount":990,"currency":"EUR"}`),
		"order":               w.call("Order/Get", `{"orderId":"order-1"}`),
		"unknown-order":       w.call("Order/Get", `{"orderId":"order-9"}`),
		"alias":               w.call("Token/Get", `{"paymentMethodToken":"`+alias+`"}`),
		"cancelled-alias":     w.call("Token/Cancel", `{"paymentMethodToken":"`+alias+`"}`),
		"form":                w.call("Charge/CreatePayment", `{"amount":100,"currency":"EUR","orderId":"order-3"}`),
		"subscription":        w.call("Subscription/Get", `{"subscriptionId":"`+sub.Answer.SubscriptionID+`","paymentMethodToken":"`+alias+`"}`),
		"subscription-is-new": sub,
		"unreadable":          w.call("Charge/CreatePayment", ``),
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			var got bytes.Buffer
			if err := json.Indent(&got, []byte(answer.raw), "", "  "); err != nil {
				t.Fatal(err)
			}
			got.WriteByte('\n')
			file := filepath.Join("testdata", name+".json")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%v; got %s", err, got.String())
			}
		})
	}
}

func TestFaultsAnswerInForm(t *testing.T) {
	const state, code, created = "Charge/CreatePayment", "Token/Cancel", "Charge/CreateSubscription"
	for _, c := range []struct {
		service string
		phase   stage.Phase
		want    string // status of the envelope and what outcome says
		done    bool   // it was carried out
	}{
		{state, stage.Pending, "SUCCESS RUNNING WAITING_AUTHORISATION", true},
		{state, stage.Unknown, "ERROR PSP_999", true},
		{state, stage.UnknownResult, "SUCCESS PERHAPS PERHAPS", true},
		{state, stage.WrongReference, "SUCCESS PAID AUTHORISED", true},
		{state, stage.LockFailure, "ERROR PSP_999", false},
		{state, stage.UnknownCode, "SUCCESS UNPAID REFUSED ACQ_001 Z9", false},
		{state, stage.Unauthorized, "ERROR INT_905", false},
		{state, stage.Failure500, "ERROR INT_999", true},
		{state, stage.Unavailable503, "ERROR PSP_999", false},
		{code, stage.Pending, "ERROR PSP_999", true},
		{code, stage.Unknown, "ERROR PSP_999", true},
		{code, stage.UnknownResult, "PERHAPS code 0", true},
		{code, stage.WrongReference, "SUCCESS code 0", true},
		{code, stage.UnknownCode, "ERROR PSP_777", false},
		{created, stage.Pending, "ERROR PSP_999", true},
		{created, stage.UnknownCode, "ERROR PSP_777", false},
		{"PCI/Charge/CreateToken", stage.Pending, "SUCCESS RUNNING WAITING_AUTHORISATION", true},
		{"PCI/Charge/CreateToken", stage.UnknownCode, "SUCCESS UNPAID REFUSED ACQ_001 Z9", false},
		{"Order/Get", stage.UnknownCode, "ERROR PSP_777", false},
	} {
		t.Run(c.service+" "+string(c.phase), func(t *testing.T) {
			w := newWorld(t, stage.Options{})
			alias := w.alias(visa, "1230")
			before := fmt.Sprint(w.stage.Counts.Orders.Load(), w.answer("Token/Get", `{"paymentMethodToken":"`+alias+`"}`))
			bodies := map[string]string{
				state: paying("order-1", alias, 100), code: `{"paymentMethodToken":"` + alias + `"}`, created: subscribing("order-1", alias),
				"PCI/Charge/CreateToken": registering("order-1", visa, "1230"), "Order/Get": `{"orderId":"order-1"}`,
			}
			if err := w.stage.Plan(stage.Fault{Phase: c.phase, Operation: c.service}); err != nil {
				t.Fatal(err)
			}
			got := w.call(c.service, bodies[c.service])
			if text := got.Status + " " + got.outcome(); text != c.want {
				t.Errorf("got %s, want %s", got.raw, c.want)
			}
			if foreign := got.Answer.OrderDetails.OrderID == "1-redro"; foreign != (c.phase == stage.WrongReference && c.service == state) {
				t.Errorf("about another order: %s", got.raw)
			}
			after := fmt.Sprint(w.stage.Counts.Orders.Load(), w.answer("Token/Get", `{"paymentMethodToken":"`+alias+`"}`))
			if (after != before) != c.done {
				t.Errorf("carried out: %v, want %v", after != before, c.done)
			}
			if c.service == state && c.done {
				if found := w.call("Order/Get", bodies["Order/Get"]); found.outcome() != "PAID AUTHORISED" || w.charges("order-1") != 1 {
					t.Errorf("a look-up does not tell the truth: %s", found.raw)
				}
			}
		})
	}
}

// answer is the answer object of a call.
func (w *world) answer(service, body string) string {
	w.t.Helper()
	return answerOf(w.t, w.call(service, body))
}

func TestAFaultComesWithTheOrderReference(t *testing.T) {
	w := newWorld(t, stage.Options{})
	body := strings.Replace(paying("order-1", w.alias(visa, "1230"), 100), "REF-1", "FAULT-500_AFTER-1", 1)
	for i, want := range []int{http.StatusInternalServerError, http.StatusOK} {
		if got := w.call("Charge/CreatePayment", body); got.status != want {
			t.Errorf("request %d: %d, want %d", i, got.status, want)
		}
	}
	if n := w.charges("order-1"); n != 2 {
		t.Errorf("charged %d times, want 2", n)
	}
}

func BenchmarkPay(b *testing.B) {
	s := stage.New(stage.Options{})
	g := New(s)
	if err := s.Open([]stage.Protocol{g}); err != nil {
		b.Fatal(err)
	}
	send := func(service, body string) []byte {
		r := httptest.NewRequest(http.MethodPost, prefix+service, strings.NewReader(body))
		r.SetBasicAuth(stage.ShopID, stage.Password)
		w := httptest.NewRecorder()
		g.Serve(w, r)
		return w.Body.Bytes()
	}
	var kept reply
	if err := json.Unmarshal(send("PCI/Charge/CreateToken", registering("keep", visa, "1249")), &kept); err != nil {
		b.Fatal(err)
	}
	alias := kept.transaction().PaymentMethodToken
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if answer := send("Charge/CreatePayment", paying(fmt.Sprint("k", i), alias, 100)); !bytes.Contains(answer, []byte(`"AUTHORISED"`)) {
			b.Fatal(string(answer))
		}
	}
}
