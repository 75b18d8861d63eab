package paysafe

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

const testAccount = "1002158490"

func testClient(t *testing.T, endpoint string, change func(*Config)) *Client {
	t.Helper()
	config := Config{
		Endpoint: endpoint, User: "user", Password: func() (string, error) { return "password", nil }, Accounts: map[money.Currency]string{"EUR": testAccount}, Timeout: 10 * time.Second,
	}
	if change != nil {
		change(&config)
	}
	c, err := New(config, func() time.Time { return time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// step is a request that must come next, and its answer.
type step struct {
	request string // METHOD path below the account, or from the root
	sent    string // must be part of the body
	status  int
	header  string // X-Application-Status-Code
	body    string
}

// script serves the steps in their order; anything else, and a step left over, fails the test.
func script(t *testing.T, steps ...step) *Client {
	t.Helper()
	var mu sync.Mutex
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		got := r.Method + " " + strings.TrimPrefix(r.URL.RequestURI(), "/cardpayments/v1/accounts/"+testAccount+"/")
		body, _ := io.ReadAll(r.Body)
		if len(steps) == 0 || !strings.HasPrefix(got, steps[0].request) || !strings.Contains(string(body), steps[0].sent) {
			t.Errorf("unexpected: %s %s", got, body)
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		s := steps[0]
		steps = steps[1:]
		if user, password, _ := r.BasicAuth(); user != "user" || password != "password" {
			t.Errorf("%s came without credentials", got)
		}
		w.Header().Set("Content-Type", "application/json")
		if s.header != "" {
			w.Header().Set(statusHeader, s.header)
		}
		w.WriteHeader(s.status)
		io.WriteString(w, s.body)
	}))
	t.Cleanup(func() {
		server.Close()
		for _, s := range steps {
			t.Errorf("never asked: %s", s.request)
		}
	})
	return testClient(t, server.URL, nil)
}

const lookUp = "GET auths?merchantRefNum=" + testKey + "&limit=50&startDate=2025-10-18T01:00:00Z"

func inDoubt(a gateway.Answer, err error) bool {
	return err != nil && !gateway.IsNotSent(err) || err == nil && a.State == batch.InDoubt
}

func TestDuplicatesAreLookedUp(t *testing.T) {
	duplicate := step{"POST auths", `"dupCheck":true`, 409, "5031", `{"error":{"code":"5031","message":"already processed"}}`}
	other := `{"id":"x","merchantRefNum":"` + testKey + `","status":"FAILED","error":{"code":"5031"}}`
	for name, c := range map[string]struct {
		found step
		state batch.LineState // empty: in doubt
		code  string
	}{
		"the first one was approved":                {step{lookUp, "", 200, "", `{"auths":[` + paid + `]}`}, batch.Approved, "00000"},
		"the first one was declined":                {step{lookUp, "", 200, "", `{"auths":[` + strings.Replace(declined, `"error"`, `"status":"FAILED","error"`, 1) + `]}`}, batch.Declined, "01116"},
		"the duplicate is kept beside the first":    {step{lookUp, "", 200, "", `{"auths":[` + other + `,` + paid + `,` + other + `]}`}, batch.Approved, "00000"},
		"only the duplicate is found":               {step{lookUp, "", 200, "", `{"auths":[` + other + `]}`}, "", ""},
		"the first one is not found":                {step{lookUp, "", 200, "", `{"auths":[]}`}, "", ""},
		"the first one is not found, in other form": {step{lookUp, "", 404, "5269", `{"error":{"code":"5269"}}`}, "", ""},
		"the look-up fails":                         {step{lookUp, "", 500, "1000", `{"error":{"code":"1000"}}`}, "", ""},
		"the look-up is refused":                    {step{lookUp, "", 401, "5279", `{"error":{"code":"5279"}}`}, "", ""},
		"the look-up finds another one":             {step{lookUp, "", 200, "", `{"auths":[` + strings.ReplaceAll(paid, testKey, "b") + `]}`}, "", ""},
		"the look-up finds it twice":                {step{lookUp, "", 200, "", `{"auths":[` + paid + `,` + paid + `]}`}, "", ""},
		"the look-up answers no list":               {step{lookUp, "", 200, "", `{}`}, "", ""},
		"the look-up's list contradicts its header": {step{lookUp, "", 200, "3009", `{"auths":[]}`}, "", ""},
		"the first one has another amount":          {step{lookUp, "", 200, "", `{"auths":[` + strings.ReplaceAll(paid, "2990", "2991") + `]}`}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := script(t, duplicate, c.found).Do(t.Context(), theRequest())
			if c.state == "" {
				if !inDoubt(a, err) || errors.Is(err, gateway.ErrUnknownKey) {
					t.Errorf("got %s %s, %v; want in doubt", a.State, a.Code, err)
				}
				return
			}
			if err != nil || a.State != c.state || a.Code != c.code {
				t.Errorf("got %s %s, %v; want %s %s", a.State, a.Code, err, c.state, c.code)
			}
		})
	}
	t.Run("44 of the third family means the same", func(t *testing.T) {
		a, err := script(t,
			step{"POST auths", "", 402, "3044", `{"merchantRefNum":"` + testKey + `","error":{"code":"3044"}}`},
			step{lookUp, "", 200, "", `{"auths":[` + paid + `]}`}).Do(t.Context(), theRequest())
		if err != nil || a.State != batch.Approved {
			t.Errorf("got %s, %v", a.State, err)
		}
	})
}

func TestLookupsTellTheTruthOrNothing(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		header  string
		body    string
		state   batch.LineState // empty: an error
		unknown bool
	}{
		"approved":                      {200, "", `{"auths":[` + paid + `]}`, batch.Approved, false},
		"pending":                       {200, "", `{"auths":[` + strings.Replace(paid, "COMPLETED", "RECEIVED", 1) + `]}`, batch.Pending, false},
		"in doubt there too":            {200, "", `{"auths":[{"merchantRefNum":"` + testKey + `","status":"FAILED","error":{"code":"1007"}}]}`, batch.InDoubt, false},
		"one failed for sure, one not":  {200, "", `{"auths":[{"merchantRefNum":"` + testKey + `","status":"FAILED","error":{"code":"3022"}},{"merchantRefNum":"` + testKey + `","status":"FAILED","error":{"code":"1007"}}]}`, batch.InDoubt, false},
		"an empty list":                 {200, "", `{"auths":[],"links":[]}`, "", true},
		"404 with the code":             {404, "5269", ``, "", true},
		"404 of another server":         {404, "", `{}`, "", false},
		"no list":                       {200, "", `{"links":[]}`, "", false},
		"another collection's list":     {200, "", `{"settlements":[]}`, "", false},
		"null for a list":               {200, "", `{"auths":null}`, "", false},
		"a transaction without a name":  {200, "", `{"auths":[{"status":"FAILED","error":{"code":"3022"}}]}`, "", false},
		"a transaction of a new status": {200, "", `{"auths":[` + strings.Replace(paid, "COMPLETED", "PERHAPS", 1) + `]}`, "", false},
		"a whole page":                  {200, "", `{"auths":[` + strings.TrimSuffix(strings.Repeat(paid+",", 50), ",") + `]}`, "", false},
		"a server's error":              {503, "", `{"auths":[]}`, "", false},
		"a request that is wrong":       {400, "5068", `{"error":{"code":"5068"}}`, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := script(t, step{lookUp, "", c.status, c.header, c.body}).Lookup(t.Context(), theRequest())
			if (err == nil) != (c.state != "") || a.State != c.state || errors.Is(err, gateway.ErrUnknownKey) != c.unknown {
				t.Errorf("got %s, %v", a.State, err)
			}
		})
	}
}

func TestLookupsReachBackToTheRequest(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	for sent, want := range map[time.Time]string{
		{}:                      "2025-10-18T01:00:00Z",
		now.Add(-time.Hour):     "2025-10-18T01:00:00Z",
		now.AddDate(-2, 0, 0):   "2024-11-21T01:00:00Z",
		now.AddDate(0, 0, -400): "2025-10-17T01:00:00Z",
	} {
		req := theRequest()
		req.SubmittedAt = sent
		c := script(t, step{"GET auths?merchantRefNum=" + testKey + "&limit=50&startDate=" + want, "", 200, "", `{"auths":[]}`})
		if _, err := c.Lookup(t.Context(), req); !errors.Is(err, gateway.ErrUnknownKey) {
			t.Errorf("sent at %v: %v", sent, err)
		}
	}
}

func followUp(command batch.Command, action string, captured batch.TransactionID) gateway.Request {
	return gateway.Request{
		Key: testKey, Command: command, Amount: money.Amount{Minor: 2990, Currency: "EUR"},
		Original: &batch.Transaction{ID: authID, Command: batch.DoAuthorization, Action: action, Amount: money.Amount{Minor: 2990, Currency: "EUR"}, LastFollowUpID: captured},
	}
}

func TestAFollowUpThatIsInItsOwnWay(t *testing.T) {
	const mine = `{"id":"` + firstID + `","merchantRefNum":"` + testKey + `","status":"PENDING","amount":2990}`
	refused := func(code string) string {
		return `{"id":"x","merchantRefNum":"` + testKey + `","error":{"code":"` + code + `","message":"why"}}`
	}
	for name, c := range map[string]struct {
		req   gateway.Request
		steps []step
		state batch.LineState // empty: in doubt
		code  string
	}{
		"a capture that was made before": {followUp(batch.DoCapture, "100", ""), []step{
			{"POST auths/" + authID + "/settlements", "", 402, "3203", refused("3203")},
			{"GET settlements?merchantRefNum=" + testKey, "", 200, "", `{"settlements":[` + mine + `]}`},
		}, batch.Approved, "00000"},
		"a capture that another one made": {followUp(batch.DoCapture, "100", ""), []step{
			{"POST auths/" + authID + "/settlements", "", 402, "3203", refused("3203")},
			{"GET settlements?merchantRefNum=" + testKey, "", 200, "", `{"settlements":[]}`},
		}, batch.Refused, "02313"},
		"a capture that was refused and kept": {followUp(batch.DoCapture, "100", ""), []step{
			{"POST auths/" + authID + "/settlements", "", 402, "3204", refused("3204")},
			{"GET settlements?merchantRefNum=" + testKey, "", 200, "", `{"settlements":[` + strings.Replace(refused("3204"), `"error"`, `"status":"FAILED","error"`, 1) + `]}`},
		}, batch.Refused, "02613"},
		"a capture whose look-up fails": {followUp(batch.DoCapture, "100", ""), []step{
			{"POST auths/" + authID + "/settlements", "", 402, "3203", refused("3203")},
			{"GET settlements?merchantRefNum=" + testKey, "", 500, "", `{}`},
		}, "", ""},
		"a refund that was made before": {followUp(batch.DoRefund, "100", firstID), []step{
			{"POST settlements/" + firstID + "/refunds", "", 402, "3404", refused("3404")},
			{"GET refunds?merchantRefNum=" + testKey, "", 200, "", `{"refunds":[` + mine + `]}`},
		}, batch.Approved, "00000"},
		"a refund before the batch": {followUp(batch.DoRefund, "101", ""), []step{
			{"POST settlements/" + authID + "/refunds", "", 402, "3406", refused("3406")},
		}, batch.Refused, "02618"},
		"a void that was made before": {followUp(batch.DoReset, "100", ""), []step{
			{"POST auths/" + authID + "/voidauths", `"amount":2990`, 402, "3501", refused("3501")},
			{"GET voidauths?merchantRefNum=" + testKey, "", 200, "", `{"voidAuths":[` + strings.Replace(mine, "PENDING", "COMPLETED", 1) + `]}`},
		}, batch.Approved, "00000"},
		"a cancellation": {followUp(batch.DoReset, "101", ""), []step{
			{"PUT settlements/" + authID, `{"status":"CANCELLED"}`, 200, "", `{"id":"` + authID + `","status":"CANCELLED"}`},
		}, batch.Approved, "00000"},
		"a cancellation of another settlement": {followUp(batch.DoReset, "101", ""), []step{
			{"PUT settlements/" + authID, "", 200, "", `{"id":"` + firstID + `","status":"CANCELLED"}`},
		}, "", ""},
		"a cancellation that was made before": {followUp(batch.DoReset, "101", ""), []step{
			{"PUT settlements/" + authID, "", 402, "3415", refused("3415")},
			{"GET settlements/" + authID, "", 200, "", `{"id":"` + authID + `","status":"CANCELLED"}`},
		}, batch.Approved, "00000"},
		"a cancellation that comes too late": {followUp(batch.DoReset, "101", ""), []step{
			{"PUT settlements/" + authID, "", 402, "3415", refused("3415")},
			{"GET settlements/" + authID, "", 200, "", `{"id":"` + authID + `","status":"COMPLETED"}`},
		}, batch.Refused, "02105"},
		"an unknown settlement": {followUp(batch.DoRefund, "101", ""), []step{
			{"POST settlements/" + authID + "/refunds", "", 400, "3407", refused("3407")},
		}, batch.Refused, "02301"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := script(t, c.steps...).Do(t.Context(), c.req)
			if c.state == "" {
				if !inDoubt(a, err) {
					t.Errorf("got %s %s, %v; want in doubt", a.State, a.Code, err)
				}
				return
			}
			if err != nil || a.State != c.state || a.Code != c.code {
				t.Errorf("got %s %s, %v; want %s %s", a.State, a.Code, err, c.state, c.code)
			}
		})
	}
}

func TestACancellationIsLookedUpByItsSettlement(t *testing.T) {
	for body, want := range map[string]struct {
		state   batch.LineState
		unknown bool
	}{
		`{"id":"` + authID + `","status":"CANCELLED"}`:  {batch.Approved, false},
		`{"id":"` + authID + `","status":"PENDING"}`:    {"", true},
		`{"id":"` + authID + `","status":"PROCESSING"}`: {batch.Refused, false},
		`{"id":"` + authID + `","status":"PERHAPS"}`:    {"", false},
		`{"id":"` + firstID + `","status":"CANCELLED"}`: {"", false},
		`{"id":"` + firstID + `","status":"PENDING"}`:   {"", false},
		`{"error":{"code":"5269"}}`:                     {"", false},
	} {
		a, err := script(t, step{"GET settlements/" + authID, "", 200, "", body}).Lookup(t.Context(), followUp(batch.DoReset, "101", ""))
		if a.State != want.state || (err == nil) != (want.state != "") || errors.Is(err, gateway.ErrUnknownKey) != want.unknown {
			t.Errorf("%s: got %s, %v", body, a.State, err)
		}
		if want.state == batch.Approved && a.TransactionID != testKey {
			t.Errorf("the cancellation took the id %s, which is the settlement's", a.TransactionID)
		}
	}
}

func TestAnswersWithoutAUsableBody(t *testing.T) {
	for name, c := range map[string]struct {
		status       int
		header, body string
		state        batch.LineState // empty: in doubt
	}{
		"a decline told by the header alone":      {402, "3022", ``, batch.Declined},
		"a decline told by the header, with HTML": {402, "3022", `<html>`, batch.Declined},
		"a refusal told by the header alone":      {400, "5003", ``, batch.Refused},
		"a decline told by nobody":                {402, "", ``, ""},
		"a header that contradicts the body":      {402, "3009", declined, ""},
		"a success with the header of an error":   {200, "3009", paid, ""},
		"a success without a body":                {200, "", ``, ""},
		"a success that says nothing":             {200, "", `{}`, ""},
		"half a success":                          {200, "", paid[:300], ""},
		"a success twice":                         {200, "", paid + paid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := script(t, step{"POST auths", "", c.status, c.header, c.body}).Do(t.Context(), theRequest())
			if c.state == "" && !inDoubt(a, err) || c.state != "" && (err != nil || a.State != c.state) {
				t.Errorf("got %s %s, %v; want %q", a.State, a.Code, err, c.state)
			}
		})
	}
}

func TestWhatBrokenPeersProve(t *testing.T) {
	const number = "4111111111111111"
	const head = "Content-Type: application/json\r\nConnection: close\r\n"
	for name, answer := range map[string]string{
		"closes after the request":             "",
		"speaks another protocol":              "SSH-2.0-OpenSSH_9.2\r\n",
		"quotes the card number in a bad line": number + "\r\n\r\n",
		"names more bytes than come":           "HTTP/1.1 402 Declined\r\n" + head + statusHeader + ": 3009\r\nContent-Length: 999\r\n\r\n{}",
		"quotes it as a status":                "HTTP/1.1 200 OK\r\n" + head + "\r\n{\"status\":\"" + number + "\"}",
		"quotes it as an error code":           "HTTP/1.1 500 Bad\r\n" + head + "\r\n{\"error\":{\"code\":\"" + number + "\"}}",
		"quotes it as an id":                   "HTTP/1.1 200 OK\r\n" + head + "\r\n{\"id\":\"" + number + "\",\"status\":\"COMPLETED\"}",
	} {
		t.Run(name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			go func() {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					io.Copy(io.Discard, r.Body)
				}
				io.WriteString(conn, answer)
			}()
			req := theRequest()
			req.Card = gateway.Card{Number: batch.NewPAN(number), Expiry: "0139"}
			a, err := testClient(t, "http://"+l.Addr().String(), nil).Do(t.Context(), req)
			if err == nil || gateway.IsNotSent(err) {
				t.Errorf("got %s, %v; want in doubt", a.State, err)
			}
			if err != nil && strings.Contains(err.Error(), number) {
				t.Error("the error quotes the card number")
			}
		})
	}
}

func TestRefusedBeforeItIsSent(t *testing.T) {
	change := func(f func(*gateway.Request)) gateway.Request {
		req := theRequest()
		f(&req)
		return req
	}
	for name, c := range map[string]struct {
		req  gateway.Request
		code string
	}{
		"an action that is no payment": {change(func(r *gateway.Request) { r.Action = "129" }), "02321"},
		"no card":                      {change(func(r *gateway.Request) { r.Card = gateway.Card{} }), "02305"},
		"a number without its expiry":  {change(func(r *gateway.Request) { r.Card = gateway.Card{Number: batch.NewPAN("4111111111111111")} }), "02305"},
		"a number with half an expiry": {change(func(r *gateway.Request) {
			r.Card = gateway.Card{Number: batch.NewPAN("4111111111111111"), Expiry: "1339"}
		}), "02305"},
		"a currency without an account":          {change(func(r *gateway.Request) { r.Amount.Currency = "JPY" }), "01181"},
		"an amount that would be rounded":        {change(func(r *gateway.Request) { r.Amount = money.Amount{Minor: 10139, Currency: "KWD"} }), "02110"},
		"an amount over the limit":               {change(func(r *gateway.Request) { r.Amount.Minor = maxMinor + 1 }), "02610"},
		"a follow-up without an original":        {gateway.Request{Command: batch.DoRefund, Amount: theRequest().Amount}, "02301"},
		"a reset without an original":            {gateway.Request{Command: batch.DoReset}, "02301"},
		"an original whose id leaves the path":   {gateway.Request{Command: batch.DoRefund, Amount: theRequest().Amount, Original: &batch.Transaction{ID: "../x"}}, "02301"},
		"a capture whose id leaves the path":     {followUp(batch.DoRefund, "100", "a/b"), "02301"},
		"a refund of what was not captured":      {followUp(batch.DoRefund, "100", ""), "02618"},
		"a void of what was captured":            {followUp(batch.DoReset, "100", firstID), "02600"},
		"a wallet line without a wallet":         {gateway.Request{Command: batch.CreateWallet, Card: gateway.Card{Token: "x"}}, "02513"},
		"a wallet line without a card":           {gateway.Request{Command: batch.CreateWallet, Wallet: &batch.Wallet{ID: "w"}}, "02305"},
		"a wallet line with a number, no expiry": {gateway.Request{Command: batch.UpdateWallet, Wallet: &batch.Wallet{ID: "w"}, Card: gateway.Card{Number: batch.NewPAN("4111111111111111")}}, "02305"},
	} {
		t.Run(name, func(t *testing.T) {
			accounts := map[money.Currency]string{"EUR": testAccount, "KWD": "2"}
			client := testClient(t, "http://127.0.0.1:1", func(c *Config) { c.Accounts = accounts })
			a, err := client.Do(t.Context(), c.req)
			if err != nil || a.State != batch.Refused || a.Code != c.code {
				t.Errorf("got %s %s, %v; want %s", a.State, a.Code, err, c.code)
			}
			if c.req.Command.Phase() == batch.PhaseWallet {
				return
			}
			if a, err := client.Lookup(t.Context(), c.req); err != nil || a.State != batch.Refused || a.Code != c.code {
				t.Errorf("look-up: got %s %s, %v; want %s", a.State, a.Code, err, c.code)
			}
		})
	}
}
