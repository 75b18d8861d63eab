package mastercardbatch

import (
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

// between is a client and the simulator, with somebody in between who may change requests
// and answers.
func between(t *testing.T, change func(*Config), meddle func(w http.ResponseWriter, r *http.Request, sim http.Handler)) (*Client, *simulator.Simulator) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { meddle(w, r, sim) }))
	t.Cleanup(server.Close)
	config := Config{Config: mastercard.Config{
		Endpoint: server.URL, MerchantID: stage.MerchantID, Timeout: 10 * time.Second, Password: func() (string, error) { return stage.Password, nil },
	}}
	if change != nil {
		change(&config)
	}
	c, err := New(config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c, sim
}

// payments are so many that the simulator approves.
func payments(name string, n int) gateway.Batch {
	b := gateway.Batch{}
	var keys []batch.Key
	for i := range n {
		req := theRequest()
		req.Key = batch.NewKey("acme", batch.LineRef(name), i+1)
		req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
		req.Credential = gateway.Credential{Source: "INTERNET", Use: gateway.NotStored}
		b.Requests, keys = append(b.Requests, req), append(keys, req.Key)
	}
	b.Name = batch.BatchName(keys)
	return b
}

// fetched asks until the batch has been worked off.
func fetched(t *testing.T, c *Client, b gateway.Batch) ([]gateway.Reply, error) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		replies, err := c.Fetch(t.Context(), b)
		if err != nil || replies[0].State != batch.Pending {
			return replies, err
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the batch does not end")
	return nil, nil
}

func TestABatchIsUploadedAndConfirmed(t *testing.T) {
	var mu sync.Mutex
	var asked []string
	c, _ := between(t, nil, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
		body, _ := io.ReadAll(r.Body)
		r.Body = io.NopCloser(strings.NewReader(string(body)))
		mu.Lock()
		asked = append(asked, fmt.Sprintf("%s %s %s %q %X", r.Method, r.URL, r.Header.Get("Authorization"), r.Header.Get("Content-Type"), sha1.Sum(body)))
		mu.Unlock()
		sim.ServeHTTP(w, r)
	})
	b := payments("x", 2)
	f, err := writeFile(b.Requests, maxRecords)
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	path := "/batch/version/100/merchant/TESTCARDBATC/batch/" + b.Name
	const authorization = ` Basic OnNpbXVsYXRlZC1wYXNzd29yZA== "text/plain; charset=UTF-8" ` // no user, ":simulated-password"
	digest := fmt.Sprintf("%X", sha1.Sum(f.text))
	want := []string{
		"PUT " + path + authorization + digest,
		"POST " + path + "/validate" + authorization + fmt.Sprintf("%X", sha1.Sum([]byte(digest))),
	}
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(asked, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(asked, "\n"), strings.Join(want, "\n"))
	}
}

func TestWithoutValidationNothingIsConfirmed(t *testing.T) {
	c, sim := between(t, func(c *Config) { c.SkipValidate = true }, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
		if strings.HasSuffix(r.URL.Path, "/validate") {
			t.Error("validate was called")
		}
		sim.ServeHTTP(w, r)
	})
	b := payments("x", 1)
	if err := c.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if replies, err := c.Fetch(t.Context(), b); err != nil || replies[0].State != batch.Pending {
		t.Errorf("got %v, %v", replies, err)
	}
	if n := sim.Stats().Charges; n != 0 {
		t.Errorf("%d effects", n)
	}
}

// What the answers to a batch of three may look like, and what may be believed of each.
func TestAnswersThatLie(t *testing.T) {
	const believed, doubted = "believed", "doubted"
	all := func(word string) []string { return []string{word, word, word} }
	lines := func(change func(lines []string) []string) func(string) string {
		return func(text string) string {
			return strings.Join(change(strings.Split(strings.TrimSuffix(text, "\n"), "\n")), "\n") + "\n"
		}
	}
	for name, c := range map[string]struct {
		change func(text string) string
		want   []string
	}{
		"the truth":                 {func(text string) string { return text }, all(believed)},
		"the truth with a mark":     {func(text string) string { return "\xef\xbb\xbf" + text }, all(believed)},
		"the truth with CR LF":      {func(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }, all(believed)},
		"a row is missing":          {lines(func(l []string) []string { return append(l[:2:2], l[3]) }), all(doubted)},
		"the last row is missing":   {lines(func(l []string) []string { return l[:3] }), all(doubted)},
		"a row too many":            {lines(func(l []string) []string { return append(l, l[3]) }), all(doubted)},
		"two rows are swapped":      {lines(func(l []string) []string { return []string{l[0], l[2], l[1], l[3]} }), []string{doubted, doubted, believed}},
		"a row comes twice":         {lines(func(l []string) []string { return []string{l[0], l[1], l[1], l[3]} }), []string{believed, doubted, believed}},
		"a foreign row":             {lines(func(l []string) []string { l[2] = strings.ReplaceAll(l[2], keyOf(2), keyOf(9)); return l }), []string{believed, doubted, believed}},
		"a foreign transaction":     {lines(func(l []string) []string { l[2] = strings.Replace(l[2], keyOf(2), keyOf(9), 1); return l }), []string{believed, doubted, believed}},
		"a row says nothing":        {lines(func(l []string) []string { l[2] = strings.Replace(l[2], "SUCCESS", "", 1); return l }), []string{believed, doubted, believed}},
		"a header of its own":       {func(text string) string { return strings.Replace(text, `"result"`, `"outcome"`, 1) }, all(doubted)},
		"half of the file":          {func(text string) string { return text[:len(text)/2] }, all(doubted)},
		"cut in the last row":       {func(text string) string { return text[:len(text)-10] }, all(doubted)},
		"cut in the last row's ids": {func(text string) string { return strings.TrimSuffix(text, "\"\n")[:len(text)-6] + "\"\n" }, []string{believed, believed, doubted}},
		"words":                     {func(string) string { return "no answers today" }, all(doubted)},
	} {
		t.Run(name, func(t *testing.T) {
			client, sim := between(t, nil, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
				if !strings.HasSuffix(r.URL.Path, "/response") {
					sim.ServeHTTP(w, r)
					return
				}
				answer := httptest.NewRecorder()
				sim.ServeHTTP(answer, r)
				w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
				io.WriteString(w, c.change(answer.Body.String()))
			})
			b := payments("lie", 3)
			if err := client.Send(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			replies, err := fetched(t, client, b)
			if err != nil {
				t.Fatal(err)
			}
			for i, r := range replies {
				got := believed
				if r.Err != nil {
					got = doubted
				}
				if got != c.want[i] || r.Err == nil && r.State != batch.Approved || gateway.IsNotSent(r.Err) {
					t.Errorf("row %d: %s %s, %v; want it %s", i+1, got, r.State, r.Err, c.want[i])
				}
				if a, err := client.Lookup(t.Context(), b.Requests[i]); err != nil || a.State != batch.Approved {
					t.Errorf("row %d looked up: %s, %v", i+1, a.State, err)
				}
			}
			if n := sim.Stats().Charges; n != 3 {
				t.Errorf("%d effects", n)
			}
		})
	}
}

// keyOf is the key of a row of payments("lie", …).
func keyOf(row int) string { return string(batch.NewKey("acme", "lie", row)) }

// A status may say COMPLETE although the answers are not there.
func TestAStatusThatLies(t *testing.T) {
	for name, c := range map[string]struct {
		answer  func(w http.ResponseWriter)
		pending bool // otherwise in doubt as a whole
	}{
		"not there yet": {func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted); io.WriteString(w, "wait") }, true},
		"not found":     {func(w http.ResponseWriter) { http.Error(w, "no such batch", http.StatusNotFound) }, false},
		"a page":        {func(w http.ResponseWriter) { io.WriteString(w, "<html>") }, false},
		"nothing":       {func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) }, false},
		"an error":      {func(w http.ResponseWriter) { http.Error(w, "x", http.StatusBadGateway) }, false},
		"slow down": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := between(t, nil, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
				switch {
				case strings.HasSuffix(r.URL.Path, "/response"):
					c.answer(w)
				case strings.HasSuffix(r.URL.Path, "/validate"):
					w.WriteHeader(http.StatusOK) // nothing is started
				case strings.HasSuffix(r.URL.Path, "/status"):
					answer := httptest.NewRecorder()
					sim.ServeHTTP(answer, r)
					w.Header().Set("Content-Type", "text/csv")
					w.WriteHeader(answer.Code)
					io.WriteString(w, strings.Replace(answer.Body.String(), "UPLOADED", "Complete", 1))
				default:
					sim.ServeHTTP(w, r)
				}
			})
			b := payments("x", 2)
			if err := client.Send(t.Context(), b); err != nil {
				t.Fatal(err)
			}
			replies, err := client.Fetch(t.Context(), b)
			switch {
			case c.pending && (err != nil || replies[0].State != batch.Pending || replies[1].State != batch.Pending):
				t.Errorf("got %v, %v; want pending", replies, err)
			case !c.pending && (err == nil || gateway.IsNotSent(err) || errors.Is(err, gateway.ErrUnknownKey)):
				t.Errorf("got %v, %v; want in doubt", replies, err)
			}
			var failure *gateway.Error
			if name == "slow down" && (!errors.As(err, &failure) || failure.RetryAfter != 7*time.Second) {
				t.Errorf("got %v, want the time to wait", err)
			}
		})
	}
}

// What an upload's answer proves, with what the status says of the batch.
func TestWhatAnUploadProves(t *testing.T) {
	const taken, refused, inDoubt = "taken", "not sent", "in doubt"
	for name, c := range map[string]struct {
		reaches bool // whether the upload reaches the gateway
		answer  func(w http.ResponseWriter)
		hidden  bool // the status fails
		want    string
	}{
		"accepted in words":                       {true, func(w http.ResponseWriter) { io.WriteString(w, "Batch uploaded successfully") }, false, taken},
		"accepted without a word":                 {true, func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, false, taken},
		"accepted, and nothing is there":          {false, func(w http.ResponseWriter) { io.WriteString(w, "Batch uploaded successfully") }, false, inDoubt},
		"accepted, and the status is silent":      {true, func(w http.ResponseWriter) { io.WriteString(w, "Batch uploaded successfully") }, true, inDoubt},
		"refused, and nothing is there":           {false, func(w http.ResponseWriter) { http.Error(w, "column 3 is bad", 400) }, false, refused},
		"refused, and it is there":                {true, func(w http.ResponseWriter) { http.Error(w, "column 3 is bad", 400) }, false, taken},
		"refused, and the status is silent":       {false, func(w http.ResponseWriter) { http.Error(w, "column 3 is bad", 400) }, true, inDoubt},
		"a conflict":                              {false, func(w http.ResponseWriter) { http.Error(w, "busy", http.StatusConflict) }, false, inDoubt},
		"sent to the landing page":                {false, func(w http.ResponseWriter) { w.Header().Set("Location", "/batch/version"); w.WriteHeader(302) }, false, inDoubt},
		"the landing page":                        {false, func(w http.ResponseWriter) { io.WriteString(w, "<html>") }, false, inDoubt},
		"a status file of another batch, refused": {false, func(w http.ResponseWriter) { io.WriteString(w, "merchantId,batchName\nTESTCARDBATC,other\n") }, false, inDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			client, sim := between(t, nil, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
				switch {
				case r.Method == http.MethodPut:
					if c.reaches {
						sim.ServeHTTP(httptest.NewRecorder(), r)
					}
					io.Copy(io.Discard, r.Body)
					c.answer(w)
				case c.hidden && strings.HasSuffix(r.URL.Path, "/status"):
					http.Error(w, "x", http.StatusBadGateway)
				default:
					sim.ServeHTTP(w, r)
				}
			})
			b := payments("x", 1)
			err := client.Send(t.Context(), b)
			got := inDoubt
			switch {
			case err == nil:
				got = taken
			case gateway.IsNotSent(err):
				got = refused
			}
			if got != c.want {
				t.Fatalf("got %s (%v), want %s", got, err, c.want)
			}
			if err == nil {
				if replies, err := fetched(t, client, b); err != nil || replies[0].State != batch.Approved {
					t.Errorf("fetched: %v, %v", replies, err)
				}
			}
			if n := sim.Charges(string(b.Requests[0].Key)); err == nil && n != 1 || got == refused && n != 0 {
				t.Errorf("%s, and charged %d times", got, n)
			}
		})
	}
}

func TestABatchThatFailedLeavesItsPaymentsToTheirLookUps(t *testing.T) {
	client, _ := between(t, nil, func(w http.ResponseWriter, r *http.Request, sim http.Handler) {
		if !strings.HasSuffix(r.URL.Path, "/status") {
			sim.ServeHTTP(w, r)
			return
		}
		name := strings.Split(r.URL.Path, "/")[7]
		if strings.HasSuffix(name, "-2") {
			http.NotFound(w, r)
			return
		}
		io.WriteString(w, "merchantId,batchName,batchStatus\nTESTCARDBATC,"+name+",Failed\n")
	})
	replies, err := client.Fetch(t.Context(), payments("x", 2))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range replies {
		if r.Err == nil || gateway.IsNotSent(r.Err) {
			t.Errorf("got %s, %v; want in doubt", r.State, r.Err)
		}
	}
}

func TestABatchThatDoesNotFitIsNotSent(t *testing.T) {
	client, sim := between(t, func(c *Config) { c.MaxRecords = 2 }, func(w http.ResponseWriter, r *http.Request, sim http.Handler) { sim.ServeHTTP(w, r) })
	twice := payments("twice", 1)
	twice.Requests = append(twice.Requests, twice.Requests[0])
	badName := payments("name", 1)
	badName.Name = "../x"
	for name, b := range map[string]gateway.Batch{"too many": payments("many", 3), "one order twice": twice, "a name that is no name": badName} {
		if err := client.Send(t.Context(), b); !gateway.IsNotSent(err) {
			t.Errorf("%s: %v, want not sent", name, err)
		}
	}
	if _, err := client.Fetch(t.Context(), badName); err == nil || gateway.IsNotSent(err) {
		t.Errorf("fetch of a name that is no name: %v", err)
	}
	if n := sim.Stats().Requests; n != 0 {
		t.Errorf("%d requests", n)
	}
}
