package simulator

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const card = "5123450000000008"

func newSimulator(t *testing.T, options Options) *Simulator {
	t.Helper()
	s, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// reply is what a test looks at.
type reply struct {
	status int
	raw    string
	Result string `json:"result"`
	Token  string `json:"token"`
	Error  struct {
		Cause, Field, Explanation string
	} `json:"error"`
	Order struct {
		ID, Status    string
		Captured      json.Number `json:"totalCapturedAmount"`
		Refunded      json.Number `json:"totalRefundedAmount"`
		AuthorizedSum json.Number `json:"totalAuthorizedAmount"`
	} `json:"order"`
	Response struct{ GatewayCode string } `json:"response"`
}

func call(t *testing.T, s *Simulator, method, path, body string) reply {
	t.Helper()
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	out := reply{status: w.Code, raw: w.Body.String()}
	if strings.HasPrefix(w.Header().Get("Content-Type"), "application/json") && strings.HasPrefix(out.raw, "{") {
		if err := json.Unmarshal(w.Body.Bytes(), &out); err != nil && !strings.HasPrefix(path, "/control") {
			t.Fatalf("%s %s: %v in %s", method, path, err, out.raw)
		}
	}
	return out
}

const base = "/api/rest/version/100/merchant/" + stage.MerchantID + "/"

func put(t *testing.T, s *Simulator, order, id, body string) reply {
	t.Helper()
	return call(t, s, "PUT", base+"order/"+order+"/transaction/"+id, body)
}

func paying(op, amount, expiry string) string {
	return fmt.Sprintf(`{"apiOperation":%q,"order":{"amount":%q,"currency":"EUR","reference":"INV-1"},"transaction":{"source":"INTERNET"},`+
		`"sourceOfFunds":{"type":"CARD","provided":{"card":{"number":%q,"expiry":{"month":%q,"year":%q},"storedOnFile":"NOT_STORED"}}}}`,
		op, amount, card, expiry[:2], expiry[2:])
}

func following(op, amount, target string) string {
	return fmt.Sprintf(`{"apiOperation":%q,"transaction":{"amount":%q,"currency":"EUR","targetTransactionId":%q}}`, op, amount, target)
}

func TestOrderArithmetic(t *testing.T) {
	type step struct{ id, body, want, status string } // want: result, or the field that is wrong
	for name, steps := range map[string][]step{
		"authorize, capture in parts, refund": {
			{"a", paying("AUTHORIZE", "10.00", "0139"), "SUCCESS", "AUTHORIZED"},
			{"c1", following("CAPTURE", "4.00", ""), "SUCCESS", "PARTIALLY_CAPTURED"},
			{"c2", following("CAPTURE", "6.01", ""), "transaction.amount", ""},
			{"c3", following("CAPTURE", "6.00", ""), "SUCCESS", "CAPTURED"},
			{"r1", following("REFUND", "9.99", "c3"), "SUCCESS", "PARTIALLY_REFUNDED"},
			{"r2", following("REFUND", "0.02", "c3"), "transaction.amount", ""},
			{"r3", following("REFUND", "0.01", "c3"), "SUCCESS", "REFUNDED"},
		},
		"void of an authorization": {
			{"a", paying("AUTHORIZE", "10.00", "0139"), "SUCCESS", "AUTHORIZED"},
			{"v", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"a"}}`, "SUCCESS", "CANCELLED"},
			{"v2", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"a"}}`, "", ""},
			{"c", following("CAPTURE", "1.00", ""), "", ""},
		},
		"void of a capture, then of its authorization": {
			{"a", paying("AUTHORIZE", "10.00", "0139"), "SUCCESS", "AUTHORIZED"},
			{"c", following("CAPTURE", "10.00", ""), "SUCCESS", "CAPTURED"},
			{"v", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"a"}}`, "", ""},
			{"v", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"c"}}`, "SUCCESS", "AUTHORIZED"},
			{"w", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"a"}}`, "SUCCESS", "CANCELLED"},
		},
		"a refunded payment cannot be voided": {
			{"p", paying("PAY", "10.00", "0139"), "SUCCESS", "CAPTURED"},
			{"r", following("REFUND", "1.00", "p"), "SUCCESS", "PARTIALLY_REFUNDED"},
			{"v", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"p"}}`, "", ""},
			{"v", `{"apiOperation":"VOID","transaction":{"targetTransactionId":"r"}}`, "SUCCESS", "CAPTURED"},
		},
		"a declined order may be tried again with a new transaction": {
			{"p", paying("PAY", "10.00", "0539"), "FAILURE", "FAILED"},
			{"q", paying("PAY", "10.00", "0139"), "SUCCESS", "CAPTURED"},
			{"r", paying("PAY", "10.00", "0139"), "", ""},
		},
		"follow-ups need an order, a target and its currency": {
			{"c", following("CAPTURE", "1.00", ""), "", ""},
			{"p", paying("PAY", "10.00", "0139"), "SUCCESS", "CAPTURED"},
			{"r", following("REFUND", "1.00", "zzz"), "transaction.targetTransactionId", ""},
			{"r", strings.Replace(following("REFUND", "1.00", "p"), "EUR", "USD", 1), "transaction.currency", ""},
			{"v", `{"apiOperation":"VOID"}`, "transaction.targetTransactionId", ""},
		},
		"a verification moves nothing": {
			{"v", paying("VERIFY", "0", "0139"), "SUCCESS", "VERIFIED"},
			{"r", following("REFUND", "1.00", "v"), "", ""},
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newSimulator(t, Options{})
			for i, step := range steps {
				got := put(t, s, "order", step.id, step.body)
				if step.status == "" {
					if got.status != 400 || got.Result != "ERROR" || got.Error.Field != step.want {
						t.Fatalf("step %d: got %s, want a refusal of %q", i, got.raw, step.want)
					}
				} else if got.status != 201 || got.Result != step.want || got.Order.Status != step.status {
					t.Fatalf("step %d: got %s, want %s %s", i, got.raw, step.want, step.status)
				}
			}
		})
	}
}

func TestPublishedTriggers(t *testing.T) {
	s := newSimulator(t, Options{Clock: func() time.Time { return time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC) }})
	for expiry, want := range map[string]string{
		"0139": "SUCCESS APPROVED", "0539": "FAILURE DECLINED", "0427": "FAILURE EXPIRED_CARD", "0828": "FAILURE TIMED_OUT",
		"0137": "FAILURE ACQUIRER_SYSTEM_ERROR", "0237": "FAILURE UNSPECIFIED_FAILURE", "0537": "UNKNOWN UNKNOWN",
		"1126": "SUCCESS APPROVED", "1026": "FAILURE EXPIRED_CARD",
	} {
		saved := call(t, s, "POST", base+"token", fmt.Sprintf(`{"sourceOfFunds":{"provided":{"card":{"number":%q,"expiry":{"month":%q,"year":%q}}}}}`, card, expiry[:2], expiry[2:]))
		byToken := fmt.Sprintf(`{"apiOperation":"PAY","order":{"amount":"1.00","currency":"EUR"},"sourceOfFunds":{"token":%q}}`, saved.Token)
		for kind, body := range map[string]string{"number": paying("PAY", "1.00", expiry), "token": byToken} {
			got := put(t, s, kind+expiry, kind+expiry, body)
			if text := got.Result + " " + got.Response.GatewayCode; text != want {
				t.Errorf("%s by %s: got %s, want %s", expiry, kind, text, want)
			}
			charges := 0
			if want == "SUCCESS APPROVED" {
				charges = 1
			}
			n := s.Charges(kind + expiry)
			if n != charges {
				t.Errorf("%s by %s: charged %d times", expiry, kind, n)
			}
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	s := newSimulator(t, Options{})
	good := paying("PAY", "1.00", "0139")
	for name, c := range map[string]struct{ from, to, field string }{
		"a real-looking card that is not published": {card, "5555555555554444", "sourceOfFunds.provided.card.number"},
		"no number":                  {card, "", "sourceOfFunds.provided.card.number"},
		"month 13":                   {`"01"`, `"13"`, "sourceOfFunds.provided.card.expiry.month"},
		"a year of four digits":      {`"39"`, `"2039"`, "sourceOfFunds.provided.card.expiry.year"},
		"no amount":                  {`"amount":"1.00",`, ``, "order.amount"},
		"a negative amount":          {"1.00", "-1.00", "order.amount"},
		"nothing to pay":             {"1.00", "0.00", "order.amount"},
		"no currency":                {`,"currency":"EUR"`, ``, "order.currency"},
		"an unknown source":          {"INTERNET", "CALL_CENTER", "transaction.source"},
		"an unknown operation":       {"PAY", "DISBURSE", "apiOperation"},
		"a merchant's first use":     {"INTERNET", "MERCHANT", "sourceOfFunds.provided.card.storedOnFile"},
		"recurring of unknown terms": {`"sourceOfFunds"`, `"agreement":{"id":"A","type":"RECURRING"},"sourceOfFunds"`, "agreement.amountVariability"},
		"an agreement without id":    {`"sourceOfFunds"`, `"agreement":{"type":"UNSCHEDULED"},"sourceOfFunds"`, "agreement.id"},
		"an unknown first order":     {`"sourceOfFunds"`, `"referenceOrderId":"nope","sourceOfFunds"`, "referenceOrderId"},
		"a reference of 41":          {"INV-1", strings.Repeat("x", 41), "order.reference"},
		"no JSON":                    {"{", "<", ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := put(t, s, "o", "t", strings.Replace(good, c.from, c.to, 1))
			if got.status != 400 || got.Error.Cause != "INVALID_REQUEST" || got.Error.Field != c.field {
				t.Errorf("got %d %s, want field %q", got.status, got.raw, c.field)
			}
			if strings.Contains(got.raw, "5555555555554444") || strings.Contains(got.raw, card) {
				t.Error("the answer quotes a card number")
			}
		})
	}
	if got := put(t, s, "o", "t", `{"apiOperation":"PAY","order":{"amount":"1","currency":"EUR"},"sourceOfFunds":{"token":"9123"}}`); got.Error.Field != "sourceOfFunds.token" {
		t.Errorf("an unknown token: %s", got.raw)
	}
	r := httptest.NewRequest("PUT", base+"order/o/transaction/t", strings.NewReader(good))
	r.SetBasicAuth("merchant."+stage.MerchantID, "wrong")
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if w.Code != http.StatusUnauthorized {
		t.Errorf("a wrong password: %d", w.Code)
	}
	if n := s.Stats().Orders; n != 0 {
		t.Errorf("%d orders came of refusals", n)
	}
}

func TestSameIDs(t *testing.T) {
	s := newSimulator(t, Options{})
	first := put(t, s, "o", "t", paying("PAY", "1.00", "0139"))
	again := put(t, s, "o", "t", paying("PAY", "1.00", "0139"))
	if again.raw != first.raw || s.Charges("t") != 1 {
		t.Errorf("an identical request: %s, charged %d times", again.raw, s.Charges("t"))
	}
	other := put(t, s, "o", "t", paying("PAY", "2.00", "0139"))
	if other.status != 400 || other.Error.Cause != "INVALID_REQUEST" || other.Error.Field != "" {
		t.Errorf("another request under the same ids: %s", other.raw)
	}
}

func TestManyAtOnceChargeOnce(t *testing.T) {
	s := newSimulator(t, Options{StateFile: filepath.Join(t.TempDir(), "state")})
	var wg sync.WaitGroup
	for i := range 64 {
		wg.Go(func() { put(t, s, fmt.Sprint("o", i%8), "t", paying("PAY", "1.00", "0139")) })
	}
	wg.Wait()
	if c := s.Stats(); c.Orders != 8 || c.Charges != 8 || c.Replays != 56 {
		t.Errorf("got %+v", c)
	}
}

func TestStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := newSimulator(t, Options{StateFile: path})
	saved := call(t, s, "POST", base+"token", `{"sourceOfFunds":{"provided":{"card":{"number":"`+card+`","expiry":{"month":"1","year":"39"}}}}}`)
	paid := put(t, s, "o", "p", paying("PAY", "5.00", "0139"))
	put(t, s, "o", "r", following("REFUND", "2.00", "p"))
	before := call(t, s, "GET", base+"order/o/transaction/p", "")
	stats := s.Stats()
	// No Close: the program was killed.

	text, err := os.ReadFile(path)
	if err != nil || bytes.Contains(text, []byte(card)) {
		t.Fatalf("the state file: %v, or it holds a card number", err)
	}
	for name, c := range map[string]struct {
		tail string
		ok   bool
	}{
		"whole":                         {"", true},
		"torn without a line end":       {"0badc0de {\"Order", true},
		"torn with a line end":          {"0badc0de {\"Order\n", true},
		"damaged in the middle":         {"0badc0de {\"Order\n" + string(text), false},
		"a wrong checksum and it ended": {"00000000 {}\n", true},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "state")
			if err := os.WriteFile(path, append(bytes.Clone(text), c.tail...), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := New(Options{StateFile: path})
			if !c.ok {
				if err == nil {
					t.Fatal("damage went unseen")
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := New(Options{StateFile: path}); !errors.Is(err, stage.ErrInUse) {
				t.Errorf("a second simulator on one file: %v", err)
			}
			if got := s.Stats(); got.Orders != stats.Orders || got.Tokens != stats.Tokens || got.Charges != stats.Charges {
				t.Errorf("got %+v, want %+v", got, stats)
			}
			if got := call(t, s, "GET", base+"order/o/transaction/p", ""); got.raw != before.raw {
				t.Errorf("got %s, want %s", got.raw, before.raw)
			}
			if got := put(t, s, "o", "p", paying("PAY", "5.00", "0139")); got.Result != paid.Result || s.Charges("p") != 1 {
				t.Errorf("a replay after the restart: %s, charged %d times", got.raw, s.Charges("p"))
			}
			next := call(t, s, "POST", base+"token", `{"sourceOfFunds":{"provided":{"card":{"number":"`+card+`","expiry":{"month":"1","year":"39"}}}}}`)
			if next.Token == saved.Token || next.Token == "" {
				t.Errorf("a token was given twice: %q", next.Token)
			}
			// What was written after the cut is read again.
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			reopened, err := New(Options{StateFile: path})
			if err != nil || reopened.Stats().Tokens != 2 {
				t.Errorf("reopened: %v", err)
			}
			if err == nil {
				reopened.Close()
			}
		})
	}
}

func TestReferencePlansAFaultOncePerKey(t *testing.T) {
	s := newSimulator(t, Options{})
	body := strings.Replace(paying("PAY", "1.00", "0139"), "INV-1", "FAULT-503_BEFORE-7", 1)
	for _, key := range []string{"a", "b"} {
		if got := put(t, s, key, key, body); got.status != 503 {
			t.Errorf("first of %s: %d", key, got.status)
		}
		if got := put(t, s, key, key, body); got.status != 201 || s.Charges(key) != 1 {
			t.Errorf("second of %s: %d", key, got.status)
		}
	}
	if got := put(t, s, "c", "c", strings.Replace(body, "503_BEFORE", "NO_SUCH", 1)); got.status != 201 {
		t.Errorf("an unknown phase: %d", got.status)
	}
}

func TestHiddenTransactions(t *testing.T) {
	now := time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)
	s := newSimulator(t, Options{HiddenFor: time.Minute, HiddenLookups: 1, Clock: func() time.Time { return now }})
	put(t, s, "o", "p", paying("PAY", "1.00", "0139"))
	for i, want := range []int{400, 400, 200, 200} {
		if i == 1 {
			now = now.Add(time.Minute)
		}
		if got := call(t, s, "GET", base+"order/o/transaction/p", ""); got.status != want {
			t.Errorf("look-up %d: got %d, want %d", i, got.status, want)
		}
	}
}

func TestLimits(t *testing.T) {
	s := newSimulator(t, Options{MaxOrders: 1, MaxTokens: 1})
	put(t, s, "a", "a", paying("PAY", "1.00", "0139"))
	if got := put(t, s, "b", "b", paying("PAY", "1.00", "0139")); got.status != 503 || got.Error.Cause != "SERVER_BUSY" {
		t.Errorf("one order too many: %s", got.raw)
	}
	if got := put(t, s, "a", "r", following("REFUND", "1.00", "a")); got.Result != "SUCCESS" {
		t.Errorf("a follow-up of an order that is there: %s", got.raw)
	}
	if got := put(t, s, "c", "c", strings.Repeat(" ", 64<<10)+"{}"); got.status < 400 {
		t.Errorf("a huge request: %d", got.status)
	}
	if _, err := s.Start("0.0.0.0:0"); err == nil {
		t.Error("it served the network")
	}
}

func TestControl(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	s := newSimulator(t, Options{StateFile: path})
	if got := call(t, s, "POST", "/control/faults", `{"operation":"PAY","phase":"500_after","count":2,"delay_ms":5}`); got.status != 204 {
		t.Fatalf("plan: %d %s", got.status, got.raw)
	}
	for _, bad := range []string{`{"phase":"no_such"}`, `{"phase":"429","operation":"NO"}`, `{"phase":"429","x":1}`, `x`} {
		if got := call(t, s, "POST", "/control/faults", bad); got.status != 400 {
			t.Errorf("%s: %d", bad, got.status)
		}
	}
	if got := put(t, s, "o", "p", paying("PAY", "1.00", "0139")); got.status != 500 {
		t.Errorf("the planned fault: %d", got.status)
	}
	if got := call(t, s, "GET", "/control/faults", ""); strings.TrimSpace(got.raw) != `[{"operation":"PAY","phase":"500_after","count":1,"delay_ms":5}]` {
		t.Errorf("faults: %s", got.raw)
	}
	call(t, s, "DELETE", "/control/faults", "")
	put(t, s, "q", "q", paying("PAY", "1.00", "0139"))
	for path, want := range map[string]string{
		"/control/charges/p":            "1",
		"/control/charges/zzz":          "0",
		"/control/charges?by=reference": `{"INV-1":2}`,
		"/control/tokens":               `{"tokens":0}`,
		"/control/stats":                `{"requests":`,
	} {
		if got := call(t, s, "GET", path, ""); !strings.HasPrefix(got.raw, want) {
			t.Errorf("%s: got %s, want %s", path, got.raw, want)
		}
	}
	var charges map[string]int
	if err := json.Unmarshal([]byte(call(t, s, "GET", "/control/charges", "").raw), &charges); err != nil || len(charges) != 2 || charges["p"] != 1 {
		t.Errorf("charges: %v, %v", charges, err)
	}
	if got := call(t, s, "POST", "/control/reset", ""); got.status != 204 {
		t.Errorf("reset: %d", got.status)
	}
	if info, err := os.Stat(path); err != nil || info.Size() != 0 || s.Charges("p") != 0 || s.Stats().Orders != 0 {
		t.Errorf("after the reset: %v, %+v", err, s.Stats())
	}
	if got := call(t, s, "GET", "/control/nothing", ""); got.status != 404 {
		t.Errorf("an unknown resource: %d", got.status)
	}
}

func TestCloseEndsStallsAndCarriesOutLateCommits(t *testing.T) {
	s := newSimulator(t, Options{StateFile: filepath.Join(t.TempDir(), "state")})
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	send := func(id string) error {
		r, _ := http.NewRequest("PUT", endpoint+base+"order/"+id+"/transaction/"+id, strings.NewReader(paying("PAY", "1.00", "0139")))
		r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
		resp, err := http.DefaultClient.Do(r)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			resp.Body.Close()
		}
		return err
	}
	if err := s.Plan(stage.Fault{Phase: stage.LateCommit, Key: "late", Delay: time.Hour}); err != nil {
		t.Fatal(err)
	}
	if err := s.Plan(stage.Fault{Phase: stage.StallBeforeCommit, Key: "stalled"}); err != nil {
		t.Fatal(err)
	}
	if send("late") == nil {
		t.Error("the late one was answered")
	}
	done := make(chan error)
	go func() { done <- send("stalled") }()
	for s.Stats().Faults < 2 {
		time.Sleep(time.Millisecond)
	}
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
	if <-done == nil {
		t.Error("the stalled one was answered")
	}
	if s.Charges("late") != 1 || s.Charges("stalled") != 0 {
		t.Errorf("charged: late %d, stalled %d", s.Charges("late"), s.Charges("stalled"))
	}
}

func TestTokensLookLikeTheGateways(t *testing.T) {
	s := newSimulator(t, Options{})
	for range 20 {
		token := call(t, s, "POST", base+"token", `{"sourceOfFunds":{"provided":{"card":{"number":"`+card+`","expiry":{"month":"1","year":"39"}}}}}`).Token
		if len(token) != 16 || token[0] != '9' || stage.LuhnDigit(token[:15]) != token[15] {
			t.Errorf("got %s", token)
		}
	}
}

func FuzzPutTransaction(f *testing.F) {
	for _, body := range []string{
		paying("PAY", "1.00", "0139"), paying("VERIFY", "0", "0539"), following("CAPTURE", "1", ""), following("REFUND", "1", "p"),
		`{"apiOperation":"VOID","transaction":{"targetTransactionId":"p"}}`, `{"apiOperation":"PAY","sourceOfFunds":{"token":"9"}}`, "", "[]", "null",
	} {
		f.Add(body)
	}
	s, err := New(Options{})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if err := s.Reset(); err != nil {
			t.Fatal(err)
		}
		put(t, s, "o", "p", paying("PAY", "5.00", "0139"))
		got := put(t, s, "o", "x", body)
		if got.status != 201 && got.status != 400 || strings.Contains(got.raw, card) {
			t.Errorf("%d %s", got.status, got.raw)
		}
		if n := s.Charges("x"); n > 1 || n == 1 && got.Result != "SUCCESS" {
			t.Errorf("charged %d times, answered %s", n, got.raw)
		}
	})
}

func BenchmarkPay(b *testing.B) {
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	body := paying("PAY", "1.00", "0139")
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := httptest.NewRequest("PUT", fmt.Sprint(base, "order/k", i, "/transaction/k", i), strings.NewReader(body))
		r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			b.Fatal(w.Body.String())
		}
	}
}

func BenchmarkMemoryOfAnOrder(b *testing.B) {
	s, err := New(Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	const orders = 100_000
	var before, after runtime.MemStats
	for b.Loop() {
		if err := s.Reset(); err != nil {
			b.Fatal(err)
		}
		runtime.GC()
		runtime.ReadMemStats(&before)
		for i := range orders {
			id := fmt.Sprintf("%026d", i)
			r := httptest.NewRequest("PUT", base+"order/"+id+"/transaction/"+id, strings.NewReader(paying("PAY", "1.00", "0139")))
			r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
			w := httptest.NewRecorder()
			s.ServeHTTP(w, r)
			if w.Code != http.StatusCreated {
				b.Fatal(w.Body.String())
			}
		}
		runtime.GC()
		runtime.ReadMemStats(&after)
	}
	b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/orders, "B/order")
}

var update = flag.Bool("update", false, "write the table of phases into docs/simulator.md")

func TestTheDocumentationListsEveryPhase(t *testing.T) {
	const file = "../../docs/simulator.md"
	const begin, end = "<!-- phases: written by go test ./gateway/simulator -update -->\n", "<!-- end of phases -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	table.WriteString("| Phase | What the caller sees | Carried out |\n|---|---|---|\n")
	for _, p := range stage.Phases() {
		fmt.Fprintf(&table, "| `%s` | %s | %s |\n", p.Phase, p.Says, map[bool]string{true: "yes", false: "no"}[p.Commits])
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", file)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+table.String()+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != table.String() {
		t.Errorf("the table in %s is stale: run the test with -update", file)
	}
}
