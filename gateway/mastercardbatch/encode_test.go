package mastercardbatch

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// theRequest is a payment with everything on it.
func theRequest() gateway.Request {
	return gateway.Request{
		Key: "aaaaaaaaaaaaaaaaaaaaaaaaaa", Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2026-000001",
		Amount: money.Amount{Minor: 2990, Currency: "EUR"}, Card: gateway.Card{Token: "9000000000000019", Expiry: "0139"},
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: &batch.Agreement{ID: "AGR-7", FirstKey: "ffffffffffffffffffffffffff"}},
	}
}

// everyKind is a request of each kind, with every field that its kind can have.
func everyKind() []gateway.Request {
	series := &batch.Agreement{ID: "AGR-7", Type: "RECURRING", Variability: "FIXED", Expiry: "2027-01-31", MaxPayments: 12, MinDays: 28, FirstKey: "ffffffffffffffffffffffffff"}
	number := gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139", Cardholder: `Zoë, "Z"`}
	token := gateway.Card{Token: "9000000000000019", Expiry: "1240"}
	amount := money.Amount{Minor: 1250, Currency: "EUR"}
	original := &batch.Transaction{Key: "oooooooooooooooooooooooooo", LastFollowUp: "cccccccccccccccccccccccccc"}
	reqs := []gateway.Request{
		{Command: batch.DoAuthorization, Action: "101", OrderRef: "INV, 1", SoftDescriptor: "ACME", Amount: amount, Card: number,
			Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored}},
		{Command: batch.DoAuthorization, Amount: amount, Card: token,
			Credential: gateway.Credential{Source: "CALL_CENTER", Use: gateway.ToBeStored, Agreement: series, First: true, Frequency: "MONTHLY"}},
		{Command: batch.Verify, Amount: money.Amount{Currency: "EUR"}, Card: token,
			Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: series, First: true}},
		{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
			Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: series}},
		{Command: batch.DoImmediateWalletPayment, Amount: amount, Card: token,
			Credential: gateway.Credential{Source: "MERCHANT", Use: gateway.Stored, Agreement: &batch.Agreement{ID: "OLD"}, Trace: "MCC1234561122"}},
		{Command: batch.DoCapture, Amount: money.Amount{Minor: 1200, Currency: "JPY"}, Original: original},
		{Command: batch.DoRefund, Amount: amount, Original: &batch.Transaction{Key: "pppppppppppppppppppppppppp"}},
		{Command: batch.DoReset, Original: &batch.Transaction{Key: "qqqqqqqqqqqqqqqqqqqqqqqqqq", LastFollowUp: "cccccccccccccccccccccccccc"}},
	}
	for i := range reqs {
		reqs[i].Key = batch.NewKey("acme", "kind", i+1)
	}
	return reqs
}

func TestAFileIsAFunctionOfItsRequests(t *testing.T) {
	const answers = ",,,,,,,,,,," // of the columns that only answers have
	want := "apiOperation,order.id,order.amount,order.currency,order.reference,transaction.reference,transaction.source,transaction.acquirer.traceId," +
		"transaction.amount,transaction.currency,transaction.targetTransactionId,agreement.id,referenceOrderId,sourceOfFunds.type,sourceOfFunds.token," +
		"sourceOfFunds.provided.card.number,sourceOfFunds.provided.card.expiry.month,sourceOfFunds.provided.card.expiry.year," +
		"sourceOfFunds.provided.card.nameOnCard,sourceOfFunds.provided.card.storedOnFile," +
		"result,error.cause,error.explanation,error.field,error.validationType,error.supportCode,response.gatewayCode,response.acquirerCode," +
		"transaction.authorizationCode,authorizationResponse.transactionIdentifier,sourceOfFunds.provided.card.scheme,transaction.id\n" +
		`PAY,aaaaaaaaaaaaaaaaaaaaaaaaaa,29.90,EUR,"INV ""1"", é",aaaaaaaaaaaaaaaaaaaaaaaaaa,MERCHANT,,,,,AGR-7,ffffffffffffffffffffffffff,CARD,9000000000000019,,01,39,,STORED` + answers + ",aaaaaaaaaaaaaaaaaaaaaaaaaa\n" +
		`REFUND,oooooooooooooooooooooooooo,,,,bbbbbbbbbbbbbbbbbbbbbbbbbb,,,29.90,EUR,oooooooooooooooooooooooooo,,,,,,,,,` + answers + ",bbbbbbbbbbbbbbbbbbbbbbbbbb\n" +
		`PAY,cccccccccccccccccccccccccc,29.90,EUR,,cccccccccccccccccccccccccc,INTERNET,,,,,,,CARD,,5123450000000008,01,39,Zoë,NOT_STORED` + answers + ",cccccccccccccccccccccccccc\n"
	first := theRequest()
	first.OrderRef = `INV "1", é`
	refund := gateway.Request{Key: "bbbbbbbbbbbbbbbbbbbbbbbbbb", Command: batch.DoRefund, Amount: first.Amount, Original: &batch.Transaction{Key: "oooooooooooooooooooooooooo"}}
	number := gateway.Request{Key: "cccccccccccccccccccccccccc", Command: batch.DoAuthorization, Action: "101", Amount: first.Amount,
		Card:       gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139", Cardholder: "Zoë"},
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored}}
	refused := gateway.Request{Key: "dddddddddddddddddddddddddd", Command: batch.DoAuthorization, Action: "129"}
	for range 2 {
		f, err := writeFile([]gateway.Request{first, refund, refused, number}, maxRecords)
		if err != nil {
			t.Fatal(err)
		}
		if string(f.text) != want {
			t.Errorf("got\n%s\nwant\n%s", f.text, want)
		}
		if f.wipe(); strings.Trim(string(f.text), "\x00") != "" {
			t.Error("the file is still there after it was wiped")
		}
	}
}

// Both transports must ask for the same: the JSON that REST sends, and the row.
func TestARowSaysWhatRESTSays(t *testing.T) {
	bodies := make(chan string, 1)
	paths := make(chan string, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		bodies <- string(body)
		paths <- r.URL.Path
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer server.Close()
	rest, err := mastercard.New(mastercard.Config{Endpoint: server.URL, MerchantID: stage.MerchantID, Password: func() (string, error) { return "x", nil }}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	defer rest.Close()
	for i, req := range everyKind() {
		t.Run(fmt.Sprint(i, " ", req.Command), func(t *testing.T) {
			if _, err := rest.Do(t.Context(), req); err == nil {
				t.Fatal("a 500 is no answer")
			}
			in := json.NewDecoder(strings.NewReader(<-bodies))
			in.UseNumber()
			var body map[string]any
			if err := in.Decode(&body); err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			flatten(want, "", body)
			parts := strings.Split(<-paths, "/")
			want["order.id"], want["transaction.id"] = parts[len(parts)-3], parts[len(parts)-1]

			f, err := writeFile([]gateway.Request{req}, maxRecords)
			if err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(strings.NewReader(string(f.text))).ReadAll()
			if err != nil || len(rows) != 2 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			for i, name := range rows[0] {
				if rows[1][i] != want[name] {
					t.Errorf("%s: the row says %q, REST %q", name, rows[1][i], want[name])
				}
				delete(want, name)
			}
			if len(want) > 0 {
				t.Errorf("REST says more: %v", want)
			}
		})
	}
}

func flatten(values map[string]string, prefix string, object map[string]any) {
	for name, value := range object {
		if inner, ok := value.(map[string]any); ok {
			flatten(values, prefix+name+".", inner)
		} else {
			values[prefix+name] = fmt.Sprint(value)
		}
	}
}

func TestTheMeasureOfAFileIsItsLength(t *testing.T) {
	reqs := everyKind()
	for n := range reqs {
		r, m := newRecord(), newMeasure()
		for i := range reqs[:n+1] {
			r.read(&reqs[i])
			if err := m.add(r, mastercard.OrderID(&reqs[i]), maxRecords); err != nil {
				t.Fatal(err)
			}
		}
		f, err := writeFile(reqs[:n+1], maxRecords)
		if err != nil {
			t.Fatal(err)
		}
		if m.bytes() != len(f.text) || m.columns != f.columns {
			t.Errorf("%d requests: measured %d bytes, wrote %d", n+1, m.bytes(), len(f.text))
		}
	}
}

func TestFit(t *testing.T) {
	many := func(n int, change func(i int, req *gateway.Request)) []gateway.Request {
		reqs := make([]gateway.Request, n)
		for i := range reqs {
			reqs[i] = theRequest()
			reqs[i].Key = batch.NewKey("acme", "fit", i+1)
			if change != nil {
				change(i, &reqs[i])
			}
		}
		return reqs
	}
	captureOf := func(req *gateway.Request) gateway.Request {
		return gateway.Request{Key: "cccccccccccccccccccccccccc", Command: batch.DoCapture, Amount: req.Amount, Original: &batch.Transaction{Key: req.Key}}
	}
	five := many(5, nil)
	long := many(1, func(_ int, req *gateway.Request) { req.Card.Cardholder = strings.Repeat("x", maxLine) })
	for name, c := range map[string]struct {
		reqs []gateway.Request
		most int
		want int
	}{
		"none":                                    {nil, 0, 0},
		"some":                                    {five, 0, 5},
		"the setting is smaller":                  {five, 3, 3},
		"a follow-up of an order in the batch":    {append(five[:3:3], captureOf(&five[1]), five[3]), 0, 3},
		"two follow-ups of one order":             {[]gateway.Request{captureOf(&five[0]), five[1], captureOf(&five[0])}, 0, 2},
		"a refused request takes no row":          {many(5, func(i int, req *gateway.Request) { req.Action = []string{"101", "129"}[i%2] }), 3, 5},
		"one that never fits goes alone":          {append(long, five...), 0, 1},
		"one that never fits ends a batch":        {append(five[:2:2], long...), 0, 2},
		"18,000 short records are too many bytes": {many(18_001, nil), 0, 14_775},
	} {
		t.Run(name, func(t *testing.T) {
			client := &Client{config: Config{MaxRecords: maxRecords}}
			if c.most > 0 {
				client.config.MaxRecords = c.most
			}
			n := client.Fit(c.reqs)
			if n != c.want {
				t.Errorf("got %d, want %d", n, c.want)
			}
			_, err := writeFile(c.reqs[:n], client.config.MaxRecords)
			if never := name == "one that never fits goes alone"; (err != nil) != never || never && !errors.Is(err, errBytes) && !errors.Is(err, errLine) {
				t.Errorf("write what fits: %v", err)
			}
			if n < len(c.reqs) && n > 0 {
				if _, err := writeFile(c.reqs[:n+1], client.config.MaxRecords); err == nil {
					t.Error("one more would have fitted")
				}
			}
		})
	}
}
