package mastercard

import (
	"bytes"
	"crypto/sha1"
	"encoding/csv"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const card = "5123450000000008"

func newGateway(t *testing.T, options stage.Options) *Gateway {
	t.Helper()
	s := stage.New(options)
	g := New(s)
	if err := s.Open([]stage.Protocol{g}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Stop(); s.Close() })
	return g
}

// call makes a request; a name alone is the batch of that name.
func call(g *Gateway, method, path, body string, change ...func(*http.Request)) *httptest.ResponseRecorder {
	if !strings.HasPrefix(path, "/") {
		path = "/batch/version/100/merchant/" + stage.MerchantID + "/batch/" + path
	}
	r := httptest.NewRequest(method, path, strings.NewReader(body))
	r.SetBasicAuth("", stage.Password)
	r.Header.Set("Content-Type", "text/plain; charset=UTF-8")
	for _, c := range change {
		c(r)
	}
	w := httptest.NewRecorder()
	g.Serve(w, r)
	return w
}

func digestOf(text string) string { return fmt.Sprintf("%X", sha1.Sum([]byte(text))) }

// worked waits until a batch is complete and returns its status by column.
func worked(t *testing.T, g *Gateway, name string) map[string]string {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if s := statusOf(t, g, name); s["batchStatus"] == "COMPLETE" {
			return s
		}
		time.Sleep(time.Millisecond)
	}
	t.Fatal("the batch does not end")
	return nil
}

func statusOf(t *testing.T, g *Gateway, name string) map[string]string {
	t.Helper()
	w := call(g, "GET", name+"/status", "")
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || w.Code != 200 || len(rows) != 2 {
		t.Fatalf("status: %d %v %v", w.Code, rows, err)
	}
	s := map[string]string{}
	for i, name := range rows[0] {
		s[name] = rows[1][i]
	}
	return s
}

// sample is the vendor's (facts, section 2.4), with operations of our own.
const sample = "apiOperation,order.id,transaction.id,order.amount,order.currency,sourceOfFunds.type,sourceOfFunds.provided.card.number," +
	"sourceOfFunds.provided.card.expiry.month,sourceOfFunds.provided.card.expiry.year,result,error.cause,error.explanation,response.gatewayCode\n"

func TestABatchGoesThroughItsStates(t *testing.T) {
	g := newGateway(t, stage.Options{})
	file := sample +
		"PAY,O-1,1,30.00,AUD,CARD," + card + ",5,39,,,,\n" + // the month without its zero: the trigger of a decline
		"AUTHORIZE,O-2,1,100.00,AUD,CARD," + card + ",01,39,,,,\n" +
		"PAY,O-3,1,\"1,000.00\",AUD,CARD," + card + ",01,39,,,,\n" +
		"PAY,O-4,1,30.00,AUD,CARD,4000000000000002,01,39,,,,\n" +
		"CAPTURE,O-5,1,30.00,AUD,,,,,,,,\n"
	w := call(g, "PUT", "night-1", file)
	if w.Code != 200 || !strings.Contains(w.Body.String(), `"UPLOADED"`) {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	if w := call(g, "GET", "night-1/response", ""); w.Code != 202 {
		t.Errorf("response before it is complete: %d", w.Code)
	}
	for _, digest := range []string{"", "x", strings.ToLower(digestOf(file)), digestOf(file + "\n")} {
		if w := call(g, "POST", "night-1/validate", digest); w.Code != 400 {
			t.Errorf("validate with %q: %d", digest, w.Code)
		}
	}
	if s := statusOf(t, g, "night-1"); s["batchStatus"] != "UPLOADED" || s["processed"] != "0" || g.stage.Counts.Charges.Load() != 0 {
		t.Errorf("before its digest is confirmed: %v, %d effects", s, g.stage.Counts.Charges.Load())
	}
	for range 2 {
		if w := call(g, "POST", "night-1/validate", digestOf(file)); w.Code != 200 {
			t.Errorf("validate: %d %s", w.Code, w.Body)
		}
	}
	s := worked(t, g, "night-1")
	if s["merchantId"] != stage.MerchantID || s["batchName"] != "night-1" || s["totalRecords"] != "5" || s["processed"] != "5" || s["errors"] != "0" ||
		s["uploadCompleted"] == "" || s["processingCompleted"] == "" {
		t.Errorf("status: %v", s)
	}
	want := strings.ReplaceAll(sample, ",", `","`)
	want = `"` + strings.TrimSuffix(want, "\n") + "\"\n" +
		`"","O-1","1","30.00","AUD","CARD","512345xxxxxx0008","5","39","FAILURE","","","DECLINED"` + "\n" +
		`"","O-2","1","100.00","AUD","CARD","512345xxxxxx0008","1","39","SUCCESS","","","APPROVED"` + "\n" +
		`"","O-3","1","","","","","","","ERROR","INVALID_REQUEST","not an amount of this currency",""` + "\n" +
		`"","O-4","1","","","","","","","ERROR","INVALID_REQUEST","not a published test card",""` + "\n" +
		`"","O-5","1","","","","","","","ERROR","INVALID_REQUEST","the currency is missing",""` + "\n" // transaction.currency
	if got := call(g, "GET", "night-1/response", ""); got.Code != 200 || got.Body.String() != want {
		t.Errorf("response: %d\n%s\nwant\n%s", got.Code, got.Body, want)
	}
	if n := g.stage.Counts.Charges.Load(); n != 1 {
		t.Errorf("%d effects, want 1", n)
	}
	if w := call(g, "PUT", "night-1", file); w.Code != 400 {
		t.Errorf("the same name again: %d", w.Code)
	}
	// The same rows under another name are found again, not carried out again.
	if w := call(g, "PUT", "night-2", file); w.Code != 200 {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	call(g, "POST", "night-2/validate", digestOf(file))
	worked(t, g, "night-2")
	if got := call(g, "GET", "night-2/response", "").Body.String(); got != want || g.stage.Counts.Charges.Load() != 1 {
		t.Errorf("again: %d effects\n%s", g.stage.Counts.Charges.Load(), got)
	}
}

func TestWhatAnUploadIsRefusedFor(t *testing.T) {
	row := func(order string) string { return "PAY," + order + ",1,30.00,AUD,CARD," + card + ",01,39,,,,\n" }
	rows := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "PAY,%d,1,1,AUD,CARD,,,,,,,\n", i)
		}
		return b.String()
	}
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	nothing := func(*http.Request) {}
	for name, c := range map[string]struct {
		file   string
		change func(*http.Request)
		status int
	}{
		"nothing":                             {"", nothing, 400},
		"no records":                          {sample, nothing, 400},
		"a column that is no field":           {strings.Replace(sample, "result", "resulT", 1) + row("1"), nothing, 400},
		"a row narrower than the header":      {sample + "PAY,O-1\n", nothing, 400},
		"a row wider than the header":         {sample + strings.TrimSpace(row("1")) + ",x\n", nothing, 400},
		"a bare quote":                        {sample + "PAY,O\"1,1,30.00,AUD,CARD,,,,,,,\n", nothing, 400},
		"a field of the answer that is given": {sample + "PAY,O-1,1,30.00,AUD,CARD,,,,SUCCESS,,,\n", nothing, 400},
		"two rows about one order":            {sample + row("1") + row("2") + row("1"), nothing, 400},
		"18,001 records":                      {sample + rows(18_001), nothing, 400},
		"18,000 records":                      {sample + rows(18_000), nothing, 200},
		"more than 3 MB":                      {sample + rows(1) + strings.Repeat(" ", 3_000_000), nothing, 400},
		"a line of 100,001 characters":        {sample + "PAY," + strings.Repeat("é", 100_001) + ",1,30.00,AUD,CARD,,,,,,,\n", nothing, 400},
		"no UTF-8":                            {sample + "PAY,\xe9,1,30.00,AUD,CARD,,,,,,,\n", nothing, 400},
		"another encoding":                    {sample + row("1"), header("Content-Type", "text/plain; charset=UTF-16"), 400},
		"a wrong password":                    {sample + row("1"), func(r *http.Request) { r.SetBasicAuth("", "x") }, 401},
		"a user name":                         {sample + row("1"), func(r *http.Request) { r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password) }, 401},
		"no credentials":                      {sample + row("1"), func(r *http.Request) { r.Header.Del("Authorization") }, 401},
		"a row with its own credentials":      {"merchant,apiPassword," + sample + stage.MerchantID + "," + stage.Password + "," + row("1"), nothing, 200},
		"a row with wrong credentials":        {"merchant,apiPassword," + sample + stage.MerchantID + ",x," + row("1"), nothing, 400},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGateway(t, stage.Options{})
			w := call(g, "PUT", "b", c.file, c.change)
			if w.Code != c.status {
				t.Errorf("got %d %.100s, want %d", w.Code, w.Body, c.status)
			}
			if strings.Contains(w.Body.String(), card) {
				t.Error("the answer quotes a card number")
			}
			if w := call(g, "GET", "b/status", ""); (w.Code == 200) != (c.status == 200) {
				t.Errorf("status: %d", w.Code)
			}
		})
	}
}

func TestBadURLsLeadToTheLandingPage(t *testing.T) {
	g := newGateway(t, stage.Options{})
	for _, path := range []string{"/batch/", "/batch/version/100", "/batch/version/0/merchant/x/batch/b", "/batch/version/100/merchant/" + stage.MerchantID + "/batch/b?x=1", "b/other", "b/status/more"} {
		if w := call(g, "PUT", path, "x"); w.Code != 302 || w.Header().Get("Location") != "/batch/version" {
			t.Errorf("%s: %d %s", path, w.Code, w.Header().Get("Location"))
		}
	}
	if w := call(g, "GET", "/batch/version", ""); w.Code != 200 || !strings.Contains(w.Header().Get("Content-Type"), "html") {
		t.Errorf("the landing page: %d %s", w.Code, w.Header())
	}
	if w := call(g, "GET", "/batch/information", "", func(r *http.Request) { r.Header.Del("Authorization") }); w.Code != 200 || !strings.Contains(w.Body.String(), "OPERATING") {
		t.Errorf("information: %d %s", w.Code, w.Body)
	}
	for _, path := range []string{"b/status", "b/response"} {
		if w := call(g, "GET", path, ""); w.Code != 404 {
			t.Errorf("%s of an unknown batch: %d", path, w.Code)
		}
	}
	if w := call(g, "POST", "b/validate", "x"); w.Code != 404 {
		t.Errorf("validate of an unknown batch: %d", w.Code)
	}
}

// Without a declared encoding a file is ISO-8859-1, and so are its answers.
func TestEncodings(t *testing.T) {
	g := newGateway(t, stage.Options{})
	const file = "apiOperation,order.id,transaction.id,order.amount,order.currency,order.reference,sourceOfFunds.provided.card.number," +
		"sourceOfFunds.provided.card.expiry.month,sourceOfFunds.provided.card.expiry.year,result\n" +
		"PAY,O-1,1,30.00,EUR,caf\xe9,5123450000000008,01,39,\n"
	if w := call(g, "PUT", "b", file, func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") }); w.Code != 200 {
		t.Fatalf("upload: %d %s", w.Code, w.Body)
	}
	call(g, "POST", "b/validate", digestOf(file))
	worked(t, g, "b")
	w := call(g, "GET", "b/response", "")
	if !strings.Contains(w.Body.String(), "\"caf\xe9\"") || !strings.Contains(w.Header().Get("Content-Type"), "ISO-8859-1") {
		t.Errorf("got %s %q", w.Header().Get("Content-Type"), w.Body)
	}
	r := httptest.NewRequest("GET", "/api/rest/version/100/merchant/"+stage.MerchantID+"/order/O-1/transaction/1", nil)
	r.SetBasicAuth("merchant."+stage.MerchantID, stage.Password)
	rest := httptest.NewRecorder()
	g.Serve(rest, r)
	if rest.Code != 200 || !strings.Contains(rest.Body.String(), `"café"`) {
		t.Errorf("by REST: %d %s", rest.Code, rest.Body)
	}
}

// The program dies with a batch uploaded, another validated, and a third complete: the next
// one knows all three and goes on with the second, by itself.
func TestBatchesSurviveTheProgram(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	first := newGateway(t, stage.Options{StateFile: path})
	file := func(order string) string {
		return sample + "PAY," + order + ",1,30.00,AUD,CARD," + card + ",01,39,,,,\nREFUND," + order + "-r,2,,,,,,,,,,\n"
	}
	for _, name := range []string{"complete", "validated", "uploaded"} {
		if w := call(first, "PUT", name, file(name)); w.Code != 200 {
			t.Fatalf("upload: %d %s", w.Code, w.Body)
		}
	}
	call(first, "POST", "complete/validate", digestOf(file("complete")))
	worked(t, first, "complete")
	before := call(first, "GET", "complete/response", "").Body.String()
	for range workers { // nobody works any more
		first.batches.slots <- struct{}{}
	}
	call(first, "POST", "validated/validate", digestOf(file("validated")))
	text, err := os.ReadFile(path) // what the next program finds after a kill
	if err != nil {
		t.Fatal(err)
	}
	for range workers {
		<-first.batches.slots
	}
	if bytes.Contains(text, []byte(card)) {
		t.Error("a card number in the state file")
	}
	copied := filepath.Join(t.TempDir(), "state")
	if err := os.WriteFile(copied, text, 0o600); err != nil {
		t.Fatal(err)
	}
	next := newGateway(t, stage.Options{StateFile: copied})
	if got := call(next, "GET", "complete/response", "").Body.String(); got != before {
		t.Errorf("the complete one: got\n%s\nwant\n%s", got, before)
	}
	if s := worked(t, next, "validated"); s["processed"] != "2" {
		t.Errorf("the validated one: %v", s)
	}
	if s := statusOf(t, next, "uploaded"); s["batchStatus"] != "UPLOADED" || s["totalRecords"] != "2" {
		t.Errorf("the uploaded one: %v", s)
	}
	if w := call(next, "POST", "uploaded/validate", digestOf(file("uploaded"))); w.Code != 200 {
		t.Errorf("validate: %d %s", w.Code, w.Body)
	}
	worked(t, next, "uploaded")
	if n := next.stage.Counts.Charges.Load(); n != 3 {
		t.Errorf("%d effects, want 3", n)
	}
}

// A batch that is forgotten while it is worked off has no effects afterwards.
func TestAForgottenBatchIsNotWorkedOff(t *testing.T) {
	g := newGateway(t, stage.Options{})
	for range workers {
		g.batches.slots <- struct{}{}
	}
	file := sample + "PAY,O-1,1,30.00,AUD,CARD," + card + ",01,39,,,,\n"
	call(g, "PUT", "b", file)
	call(g, "POST", "b/validate", digestOf(file))
	release := g.Hold()
	if err := g.stage.Forget(); err != nil {
		t.Fatal(err)
	}
	g.Clear()
	release()
	for range workers {
		<-g.batches.slots
	}
	// The next batch passes through the same workers.
	call(g, "PUT", "c", strings.Replace(file, "O-1", "O-2", 1))
	call(g, "POST", "c/validate", digestOf(strings.Replace(file, "O-1", "O-2", 1)))
	worked(t, g, "c")
	effects := 0
	g.EachCharge(func(c stage.Charge) { effects++ })
	if effects != 1 {
		t.Errorf("%d effects, want 1", effects)
	}
}

func TestAFullGatewayIsBusy(t *testing.T) {
	g := newGateway(t, stage.Options{MaxOrders: 2})
	row := "PAY,O-%d,1,30.00,AUD,CARD," + card + ",01,39,,,,\n"
	if w := call(g, "PUT", "big", sample+fmt.Sprintf(row+row+row, 1, 2, 3)); w.Code != 503 {
		t.Errorf("more rows than there may be orders: %d", w.Code)
	}
	file := sample + fmt.Sprintf(row+row, 1, 2)
	if w := call(g, "PUT", "b", file); w.Code != 200 {
		t.Errorf("as many: %d %s", w.Code, w.Body)
	}
	g.stage.Counts.Orders.Add(1) // as if there were one already
	call(g, "POST", "b/validate", digestOf(file))
	if s := worked(t, g, "b"); s["errors"] != "1" {
		t.Errorf("status: %v", s)
	}
	if got := call(g, "GET", "b/response", "").Body.String(); !strings.Contains(got, `"SERVER_BUSY"`) {
		t.Errorf("got %s", got)
	}
}
