package payline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// server is an endpoint that answers by a function and remembers what it was asked.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []*http.Request
	bodies   []string
}

// serve starts an endpoint; answer gets the SOAPAction and writes the answer.
func serve(t *testing.T, answer func(w http.ResponseWriter, action string)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		s.mu.Lock()
		s.requests, s.bodies = append(s.requests, r), append(s.bodies, string(body))
		s.mu.Unlock()
		answer(w, strings.Trim(r.Header.Get("SOAPAction"), `"`))
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var actions []string
	for _, r := range s.requests {
		actions = append(actions, strings.Trim(r.Header.Get("SOAPAction"), `"`))
	}
	return actions
}

func (s *server) request(i int) *http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[i]
}

func (s *server) body(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[i]
}

// say writes a SOAP answer.
func say(w http.ResponseWriter, operation, inside string) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	_, _ = io.WriteString(w, message(operation, inside))
}

// approves answers doAuthorization.
func approves(w http.ResponseWriter, action string) { say(w, action, authorizedInside) }

// fails answers with a status and a page.
func fails(status int) func(http.ResponseWriter, string) {
	return func(w http.ResponseWriter, _ string) { http.Error(w, "<html>", status) }
}

func testClient(t *testing.T, change func(*Config)) *Client {
	t.Helper()
	config := Config{MerchantID: "TESTCARDBATC", Password: func() (string, error) { return "secret", nil }, Timeout: 10 * time.Second}
	change(&config)
	c, err := New(config, func() time.Time { return testNow })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// nobody is an address where nobody listens.
func nobody(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
	return "http://" + l.Addr().String()
}

func TestWhatARequestLooksLikeOnTheWire(t *testing.T) {
	s := serve(t, approves)
	c := testClient(t, func(c *Config) { c.Endpoint = s.URL })
	if a, err := c.Do(t.Context(), theRequest()); err != nil || a.State != batch.Approved {
		t.Fatalf("got %s, %v", a.State, err)
	}
	r := s.request(0)
	user, password, _ := r.BasicAuth()
	if r.Method != "POST" || r.URL.Path != "/V4/services/DirectPaymentAPI" || r.Header.Get("SOAPAction") != `"doAuthorization"` ||
		r.Header.Get("Content-Type") != "text/xml; charset=utf-8" || user != "TESTCARDBATC" || password != "secret" || r.Header.Get("x-failover-cause") != "" {
		t.Errorf("got %s %s %v", r.Method, r.URL.Path, r.Header)
	}
}

func TestAnotherEndpointIsAskedWhenNothingWasWritten(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, action string) {
		say(w, action, resultOf("00000")+`<transaction><obj:id>T1</obj:id></transaction>`)
	})
	c := testClient(t, func(c *Config) { c.Endpoint, c.Fallbacks = nobody(t), []string{nobody(t), s.URL} })
	req := requests()[batch.DoCapture] // never repeated otherwise
	for range 2 {
		if a, err := c.Do(t.Context(), req); err != nil || a.State != batch.Approved {
			t.Fatalf("got %s, %v", a.State, err)
		}
	}
	if first := c.places.inOrder(t.Context())[0].base; first != s.URL+basePath {
		t.Errorf("the one that answers is not asked first: %s", first)
	}
	gone := testClient(t, func(c *Config) { c.Endpoint, c.Fallbacks = nobody(t), []string{nobody(t)} })
	if _, err := gone.Do(t.Context(), req); !gateway.IsNotSent(err) {
		t.Errorf("nobody anywhere: %v, want not sent", err)
	}
}

func TestPaymentsAreNotRepeatedWithoutAReplayWindow(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter, string){
		"a server's error":  fails(503),
		"a gateway timeout": fails(504),
		"02101":             func(w http.ResponseWriter, action string) { say(w, action, resultOf("02101")) },
	} {
		t.Run(name, func(t *testing.T) {
			first, second := serve(t, answer), serve(t, approves)
			c := testClient(t, func(c *Config) { c.Endpoint, c.Fallbacks = first.URL, []string{second.URL} })
			a, err := c.Do(t.Context(), theRequest())
			if gateway.IsNotSent(err) || err == nil && a.State != batch.InDoubt {
				t.Errorf("got %s, %v, want in doubt", a.State, err)
			}
			if n := len(second.asked()); n != 0 {
				t.Errorf("the other endpoint was asked %d times", n)
			}
		})
	}
}

func TestPaymentsAreRepeatedWithinTheReplayWindow(t *testing.T) {
	broken := func(w http.ResponseWriter, _ string) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	for name, c := range map[string]struct {
		answer func(http.ResponseWriter, string)
		cause  string // empty: not repeated
	}{
		"500":                       {fails(500), "HTTP_500"},
		"502":                       {fails(502), "HTTP_502"},
		"503":                       {fails(503), "HTTP_503"},
		"504":                       {fails(504), "HTTP_504"},
		"408":                       {fails(408), "HTTP_408"},
		"silence":                   {broken, "TIMEOUT"},
		"02101":                     {func(w http.ResponseWriter, a string) { say(w, a, resultOf("02101")) }, "APP_02101"},
		"04901":                     {func(w http.ResponseWriter, a string) { say(w, a, resultOf("04901")) }, "APP_04901"},
		"another technical code":    {func(w http.ResponseWriter, a string) { say(w, a, resultOf("02102")) }, ""},
		"a decline":                 {func(w http.ResponseWriter, a string) { say(w, a, resultOf("01100")) }, ""},
		"another status":            {fails(403), ""},
		"a page with a good status": {fails(200), ""},
	} {
		t.Run(name, func(t *testing.T) {
			first, second := serve(t, c.answer), serve(t, approves)
			client := testClient(t, func(c *Config) {
				c.Endpoint, c.Fallbacks, c.ReplayWindow = first.URL, []string{second.URL}, time.Minute
			})
			a, err := client.Do(t.Context(), theRequest())
			if c.cause == "" {
				if n := len(second.asked()); n != 0 {
					t.Errorf("it was repeated %d times", n)
				}
				return
			}
			if err != nil || a.State != batch.Approved || len(second.asked()) != 1 {
				t.Fatalf("got %s, %v after %d repetitions", a.State, err, len(second.asked()))
			}
			h := second.request(0).Header
			if h.Get("x-failover-cause") != c.cause || h.Get("x-failover-duration") != "0" || h.Get("x-failover-index") != "1" || h.Get("x-failover-origin") != first.URL+basePath {
				t.Errorf("headers %v", h)
			}
			if first.body(0) != second.body(0) {
				t.Error("the repetition is another request")
			}
		})
	}
}

func TestOnlyTheVendorsOperationsAreRepeated(t *testing.T) {
	repeated := map[batch.Command]bool{batch.DoAuthorization: true, batch.Verify: true, batch.DoReAuthorization: true, batch.DoImmediateWalletPayment: true}
	for command, req := range requests() {
		if command == batch.GetWallet {
			continue // it changes nothing
		}
		first, second := serve(t, fails(503)), serve(t, fails(503))
		c := testClient(t, func(c *Config) {
			c.Endpoint, c.Fallbacks, c.ReplayWindow = first.URL, []string{second.URL}, time.Minute
		})
		if a, err := c.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
			t.Errorf("%s: %s, %v, want in doubt", command, a.State, err)
		}
		if got := len(second.asked()) > 0; got != repeated[command] {
			t.Errorf("%s was repeated: %v", command, got)
		}
	}
}

// What one endpoint may have carried out is not called not sent because the next one
// did not take it.
func TestARepetitionThatIsRefusedIsInDoubt(t *testing.T) {
	for name, second := range map[string]string{
		"nobody listens": nobody(t),
		"401":            serve(t, fails(401)).URL,
		"429":            serve(t, fails(429)).URL,
	} {
		first := serve(t, fails(503))
		c := testClient(t, func(c *Config) {
			c.Endpoint, c.Fallbacks, c.ReplayWindow = first.URL, []string{second}, time.Minute
		})
		if _, err := c.Do(t.Context(), theRequest()); err == nil || gateway.IsNotSent(err) {
			t.Errorf("%s: got %v, want in doubt", name, err)
		}
	}
}

func TestLookupsAskOn(t *testing.T) {
	found := func(w http.ResponseWriter, action string) {
		say(w, action, resultOf("00000")+`<transaction><obj:id>T1</obj:id></transaction><payment><obj:amount>2990</obj:amount><obj:currency>978</obj:currency><obj:action>101</obj:action></payment>`+
			`<authorization><obj:number>A55A</obj:number></authorization><order><obj:ref>`+string(testKey)+`</obj:ref></order>`)
	}
	for name, answer := range map[string]func(http.ResponseWriter, string){
		"after a server's error": fails(500),
		"after a page":           fails(200),
		"after 02101":            func(w http.ResponseWriter, a string) { say(w, a, resultOf("02101")) },
		"after half an answer": func(w http.ResponseWriter, _ string) {
			w.Header().Set("Content-Type", "text/xml")
			fmt.Fprint(w, "<a>")
		},
		"after an answer of none": func(w http.ResponseWriter, _ string) { w.Header().Set("Content-Type", "text/xml") },
	} {
		first, second := serve(t, answer), serve(t, found)
		c := testClient(t, func(c *Config) { c.Endpoint, c.Fallbacks = first.URL, []string{second.URL} })
		if a, err := c.Lookup(t.Context(), theRequest()); err != nil || a.State != batch.Approved || a.TransactionID != "T1" {
			t.Errorf("%s: got %s, %v", name, a.State, err)
		}
	}
}

func TestACallThatIsGivenUpAsksNobodyElse(t *testing.T) {
	s := serve(t, approves)
	c := testClient(t, func(c *Config) { c.Endpoint, c.Fallbacks = nobody(t), []string{s.URL} })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(ctx, theRequest()); !gateway.IsNotSent(err) || !errors.Is(err, context.Canceled) || len(s.asked()) != 0 {
		t.Errorf("got %v after %d requests", err, len(s.asked()))
	}
}

func TestTheDirectoryNamesTheEndpoints(t *testing.T) {
	now := testNow
	api := serve(t, approves)
	answer := `{"urls":["` + api.URL + `/moved","https://services.payline.com/V4","http://services.payline.com/V4","https://example.com/V4","not a url"],"ttl":30}`
	status := http.StatusOK
	var anonymous bool
	listing := serve(t, nil)
	listing.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		listing.mu.Lock()
		listing.requests = append(listing.requests, r)
		listing.mu.Unlock()
		anonymous = r.Header.Get("Authorization") == ""
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, answer)
	})
	config := Config{Endpoint: nobody(t), Directory: listing.URL + "/services/servicesendpoints/SOAP/TESTCARDBATC", MerchantID: "TESTCARDBATC", Password: func() (string, error) { return "x", nil }}
	c, err := New(config, func() time.Time { return now })
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	do := func() {
		t.Helper()
		if a, err := c.Do(t.Context(), theRequest()); err != nil || a.State != batch.Approved {
			t.Fatalf("got %s, %v", a.State, err)
		}
	}
	do()
	if got := api.request(0).URL.Path; got != "/moved/services/DirectPaymentAPI" {
		t.Errorf("asked %s", got)
	}
	if !anonymous || listing.request(0).URL.Path != "/services/servicesendpoints/SOAP/TESTCARDBATC" {
		t.Errorf("the directory was asked at %s, without credentials: %v", listing.request(0).URL.Path, anonymous)
	}
	var bases []string
	for _, p := range c.places.inOrder(t.Context()) {
		bases = append(bases, p.base)
	}
	if len(bases) != 2 || bases[0] != api.URL+"/moved/services/" || bases[1] != config.Endpoint+basePath {
		t.Errorf("endpoints %v: those of another domain or environment must not be among them", bases)
	}
	now = now.Add(29 * time.Second)
	do()
	if n := len(listing.asked()); n != 1 {
		t.Errorf("asked %d times before its answer had aged", n)
	}
	now = now.Add(time.Second)
	status = http.StatusInternalServerError // what was known goes on
	do()
	if n := len(listing.asked()); n != 2 {
		t.Errorf("asked %d times", n)
	}
}

func TestEndpointsOfAnotherDomainAreNotUsed(t *testing.T) {
	c := testClient(t, func(c *Config) { c.Endpoint = "https://services.payline.com" })
	c.places.take([]string{
		"https://services-2.payline.com/V4", "https://SERVICES-3.PAYLINE.COM/V4/", "https://payline.com.example/V4", "https://homologation.payline.com/V4",
		"https://u:p@services.payline.com/V4", "https://services.payline.com/V 4", "https://services.payline.com/V4?x=1", "http://127.0.0.1/V4", "https://services.payline.com/V4",
	})
	var got []string
	for _, p := range c.places.inOrder(t.Context()) {
		got = append(got, p.base)
	}
	want := []string{"https://services-2.payline.com/V4/services/", "https://SERVICES-3.PAYLINE.COM/V4/services/", "https://services.payline.com/V4/services/"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}
