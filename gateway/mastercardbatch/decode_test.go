package mastercardbatch

import (
	"encoding/csv"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
)

func TestStatus(t *testing.T) {
	const header = `"merchantId","batchName","totalRecords","uploadCompleted","batchStatus","processed","errors","lastAction","processingCompleted"` + "\n"
	const detail = `"TESTMERCHANT","testfile20110818a","46","2011-08-18T10:40:20+10:00","COMPLETE","46","0","2011-09-11T02:36:10+10:00","2011-08-18T10:40:30+10:00"` + "\n"
	for name, c := range map[string]struct {
		text string
		want status
		bad  bool
	}{
		"the vendor's sample":         {header + detail, status{"TESTMERCHANT", "testfile20110818a", "COMPLETE"}, false},
		"without a line end":          {header + strings.TrimSpace(detail), status{"TESTMERCHANT", "testfile20110818a", "COMPLETE"}, false},
		"words for people":            {header + strings.Replace(detail, "COMPLETE", "Complete", 1), status{"TESTMERCHANT", "testfile20110818a", "COMPLETE"}, false},
		"columns in another order":    {"batchStatus,batchName,x,merchantId\nReady,b,1,m\n", status{"m", "b", "READY"}, false},
		"no state is a running batch": {"batchName,merchantId\nb,m\n", status{"m", "b", ""}, false},
		"no name":                     {"batchStatus,merchantId\nCOMPLETE,m\n", status{}, true},
		"no detail":                   {header, status{}, true},
		"two details":                 {header + detail + detail, status{}, true},
		"a short detail":              {header + "a,b\n", status{}, true},
		"words":                       {"Batch uploaded successfully", status{}, true},
		"nothing":                     {"", status{}, true},
		"an open quote":               {header + `"TEST`, status{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseStatus([]byte(c.text))
			if (err != nil) != c.bad || got != c.want {
				t.Errorf("got %+v, %v", got, err)
			}
		})
	}
	for state, want := range map[string][2]bool{ // waits, has ended
		"UPLOADING": {}, "UPLOADED": {true, false}, "MIC VALIDATION": {true, false}, "READY": {}, "PROCESSING": {},
		"COMPLETE": {false, true}, "FAILED": {false, true}, "": {}, "SOMETHING NEW": {},
	} {
		s := status{state: state}
		if got := [2]bool{s.waits(), s.hasEnded()}; got != want {
			t.Errorf("%q: waits, has ended %v; want %v", state, got, want)
		}
	}
}

// answered is the response file to theRequest as a batch of one, as the vendor's sample has it.
func answered(t testing.TB, values map[string]string) string {
	t.Helper()
	req := theRequest()
	f, err := writeFile([]gateway.Request{req}, maxRecords)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(f.text))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for i, name := range rows[0] {
		if value, ok := values[name]; ok {
			rows[1][i] = value
		}
	}
	var out strings.Builder
	for _, row := range rows {
		out.WriteString(`"` + strings.Join(row, `","`) + "\"\n")
	}
	return out.String()
}

var paid = map[string]string{
	"apiOperation": "", "sourceOfFunds.token": "", "result": "SUCCESS", "response.gatewayCode": "APPROVED", "response.acquirerCode": "00",
	"transaction.authorizationCode": "543443", "authorizationResponse.transactionIdentifier": "398995914337830",
	"sourceOfFunds.provided.card.number": "512345xxxxxx0008", "sourceOfFunds.provided.card.expiry.month": "1",
	"sourceOfFunds.provided.card.expiry.year": "39", "sourceOfFunds.provided.card.scheme": "MASTERCARD",
}

// judged reads a response file as the answer to theRequest.
func judged(t testing.TB, text string) gateway.Reply {
	t.Helper()
	a, err := parseAnswers([]byte(text), 1)
	if err != nil {
		return gateway.Reply{Err: err}
	}
	replies := make([]gateway.Reply, 1)
	client(t).deal(t.Context(), []gateway.Request{theRequest()}, []int{0}, a, replies)
	return replies[0]
}

// client is one that nobody answers.
func client(t testing.TB) *Client {
	c, err := New(Config{Config: mastercard.Config{Endpoint: "http://127.0.0.1:1", MerchantID: "TESTACME", Password: func() (string, error) { return "x", nil }}}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestAnAnswerIsReadWhole(t *testing.T) {
	got := judged(t, answered(t, paid))
	want := batch.Answer{
		Code: "00000", TransactionID: "aaaaaaaaaaaaaaaaaaaaaaaaaa", AuthorizationNumber: "543443", GatewayCode: "APPROVED", SchemeCode: "00",
		NetworkTransaction: "398995914337830", Card: "512345******0008", CardExpiry: "0139", CardType: "MASTERCARD",
	}
	if got.Err != nil || got.State != batch.Approved || got.Answer.Answer != want {
		t.Errorf("got %+v, %v", got.Answer, got.Err)
	}
}

func TestRowsAreJudged(t *testing.T) {
	for name, c := range map[string]struct {
		values map[string]string
		state  batch.LineState // empty: in doubt, by an error
		code   string
	}{
		"a decline":                        {map[string]string{"result": "FAILURE", "response.gatewayCode": "INSUFFICIENT_FUNDS"}, batch.Declined, "01116"},
		"a decline that nobody lists":      {map[string]string{"result": "FAILURE", "response.gatewayCode": "BRAND_NEW"}, batch.Declined, "02012"},
		"a success that nobody lists":      {map[string]string{"response.gatewayCode": "BRAND_NEW"}, "", ""},
		"an approval without result":       {map[string]string{"result": ""}, "", ""},
		"a row that nothing was done with": {map[string]string{"result": "", "response.gatewayCode": ""}, "", ""},
		"pending: looked up":               {map[string]string{"result": "PENDING", "response.gatewayCode": "PENDING"}, batch.InDoubt, "02000"},
		"submitted: looked up":             {map[string]string{"response.gatewayCode": "SUBMITTED"}, batch.InDoubt, "02000"},
		"unknown: looked up":               {map[string]string{"result": "UNKNOWN", "response.gatewayCode": "UNKNOWN"}, batch.InDoubt, "02013"},
		"a lock: looked up":                {map[string]string{"result": "FAILURE", "response.gatewayCode": "LOCK_FAILURE"}, batch.InDoubt, "02002"},
		"a bad field":                      {map[string]string{"result": "ERROR", "error.cause": "INVALID_REQUEST", "error.field": "sourceOfFunds.token", "error.explanation": "no, such"}, batch.Refused, "02317"},
		"the server was busy":              {map[string]string{"result": "ERROR", "error.cause": "SERVER_BUSY"}, "", ""},
		"the server failed":                {map[string]string{"result": "ERROR", "error.cause": "SERVER_FAILED"}, "", ""},
		"a firewall says nothing":          {map[string]string{"result": "ERROR", "error.cause": "REQUEST_REJECTED"}, "", ""},
		"a refusal that must be confirmed": {map[string]string{"result": "ERROR", "error.cause": "INVALID_REQUEST"}, "", ""}, // nobody answers the look-up
		"another order":                    {map[string]string{"order.id": "bbbbbbbbbbbbbbbbbbbbbbbbbb"}, "", ""},
		"another transaction":              {map[string]string{"transaction.id": "bbbbbbbbbbbbbbbbbbbbbbbbbb"}, "", ""},
		"another amount":                   {map[string]string{"order.amount": "29.91"}, "", ""},
		"another currency":                 {map[string]string{"order.currency": "USD"}, "", ""},
		"an approval of nobody":            {map[string]string{"order.id": "", "transaction.id": ""}, "", ""},
		"a refusal of nobody in its place": {map[string]string{"order.id": "", "transaction.id": "", "result": "ERROR", "error.cause": "INVALID_REQUEST", "error.field": "order.amount"}, batch.Refused, "02110"},
		"an amount that came back short":   {map[string]string{"order.amount": "29.9"}, batch.Approved, "00000"},
		"amounts that did not come back":   {map[string]string{"order.amount": "", "order.currency": ""}, batch.Approved, "00000"},
	} {
		t.Run(name, func(t *testing.T) {
			values := map[string]string{}
			for name, value := range paid {
				values[name] = value
			}
			for name, value := range c.values {
				values[name] = value
			}
			got := judged(t, answered(t, values))
			if got.State != c.state || got.Code != c.code || (got.Err != nil) != (c.state == "") {
				t.Errorf("got %q %s (%s), %v; want %q %s", got.State, got.Code, got.Message, got.Err, c.state, c.code)
			}
			if got.Err != nil && gateway.IsNotSent(got.Err) {
				t.Errorf("said not sent: %v", got.Err)
			}
		})
	}
}

func TestAFileThatIsNotOursIsNotRead(t *testing.T) {
	whole := answered(t, paid)
	header, row, _ := strings.Cut(whole, "\n")
	for name, text := range map[string]string{
		"nothing":               "",
		"the header alone":      header + "\n",
		"a row too many":        whole + row,
		"a column twice":        strings.Replace(header, `"order.amount"`, `"order.id"`, 1) + "\n" + row,
		"a column missing":      strings.Replace(header, `"result"`, `"other"`, 1) + "\n" + row,
		"a cell too many":       header + "\n" + strings.TrimSpace(row) + `,"x"` + "\n",
		"a cell too few":        header + "\n" + strings.TrimSpace(row)[strings.Index(row, ",")+1:],
		"another last column":   strings.Replace(header, `,"transaction.id"`, "", 1) + `,"more","transaction.id"` + "\n" + strings.TrimSpace(row),
		"without quotes at all": "not the answers",
	} {
		if _, err := parseAnswers([]byte(text), 1); err == nil {
			t.Errorf("%s: it was read", name)
		}
	}
	if _, err := parseAnswers([]byte(whole), 1); err != nil {
		t.Errorf("our own: %v", err)
	}
	// Cut at any byte it is nobody's approval.
	for n := range len(whole) - len("\"\n") {
		if r := judged(t, whole[:n]); r.Err == nil && n < len(whole)-2 {
			t.Fatalf("cut after %d bytes it was read as %s", n, r.State)
		}
	}
}

func FuzzDecode(f *testing.F) {
	whole := answered(f, paid)
	for _, text := range []string{whole, strings.ReplaceAll(whole, `"`, ""), strings.Replace(whole, "SUCCESS", "ERROR", 1), whole[:len(whole)-9], "", "<html>"} {
		f.Add(text)
	}
	c := client(f)
	req := theRequest()
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := parseStatus([]byte(text)); err == nil && (s.batch == "" || s.merchant == "") {
			t.Errorf("a status of nobody: %+v", s)
		}
		a, err := parseAnswers([]byte(text), 1)
		if err != nil {
			return
		}
		replies := make([]gateway.Reply, 1)
		c.deal(t.Context(), []gateway.Request{req}, []int{0}, a, replies)
		if replies[0].State != batch.Approved {
			return
		}
		// Whatever is taken for an approval names our ids and says so.
		if a.cell(0, "order.id") != string(req.Key) || a.cell(0, "transaction.id") != string(req.Key) || a.cell(0, "result") != "SUCCESS" {
			t.Errorf("approved by %q", text)
		}
	})
}
