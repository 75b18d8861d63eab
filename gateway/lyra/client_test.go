package lyra

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// platform answers each call of a service with the next of its answers; the last one stays.
type platform struct {
	mu      sync.Mutex
	answers map[string][]string // by service: an answer object; ERROR code; hang up
	calls   []string            // service and body
}

const hangUp = "hang up"

func (p *platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	service := strings.TrimPrefix(r.URL.Path, "/api-payment/V4/")
	body, _ := io.ReadAll(r.Body)
	p.mu.Lock()
	p.calls = append(p.calls, service+" "+string(body))
	text := ""
	if list := p.answers[service]; len(list) > 0 {
		text = list[0]
		if len(list) > 1 {
			p.answers[service] = list[1:]
		}
	}
	p.mu.Unlock()
	code, isError := strings.CutPrefix(text, "ERROR ")
	switch {
	case text == hangUp || text == "":
		panic(http.ErrAbortHandler)
	case isError:
		text = envelope(service, "ERROR", `{"errorCode":"`+code+`","errorMessage":"in the platform's words","shopId":"12345678"}`)
	default:
		text = envelope(service, "SUCCESS", text)
	}
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	fmt.Fprint(w, text)
}

func (p *platform) services() (names []string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, call := range p.calls {
		name, _, _ := strings.Cut(call, " ")
		names = append(names, name)
	}
	return names
}

func envelope(service, status, answer string) string {
	return `{"webService":"` + service + `","version":"V4","status":"` + status + `","answer":` + answer + `,"serverDate":"2026-11-21T22:30:00+00:00","mode":"TEST"}`
}

// debitAnswer is a Transaction.
func debitAnswer(minor int64, status, detailed string) string {
	return fmt.Sprintf(`{"shopId":"12345678","uuid":"%s","amount":%d,"currency":"EUR","status":"%s","detailedStatus":"%s","operationType":"DEBIT"}`, originalUUID, minor, status, detailed)
}

func orderAnswer(order string, transactions ...string) string {
	return `{"shopId":"12345678","orderId":"` + order + `","transactions":[` + strings.Join(transactions, ",") + `]}`
}

const nothingButZero = `{"responseCode":0,"_type":"V4/Common/ResponseCodeAnswer"}`

func tokenAnswer(token, cancelled string) string {
	date := "null"
	if cancelled != "" {
		date = `"` + cancelled + `"`
	}
	return `{"paymentMethodToken":"` + token + `","creationDate":"2026-01-01T00:00:00+00:00","cancellationDate":` + date +
		`,"tokenDetails":{"pan":"411111XXXXXX1111","expiryMonth":1,"expiryYear":2039,"effectiveBrand":"CB"}}`
}

// serve starts a platform and a client for it.
func serve(t *testing.T, answers map[string][]string) (*Client, *platform) {
	t.Helper()
	p := &platform{answers: answers}
	server := httptest.NewServer(p)
	t.Cleanup(server.Close)
	return newTestClient(t, server.URL, nil), p
}

// shown is what a caller sees of an answer.
func shown(a gateway.Answer, err error) string {
	switch {
	case errors.Is(err, gateway.ErrUnknownKey):
		return "unknown key"
	case gateway.IsNotSent(err):
		return "not sent"
	case err != nil:
		return "doubt"
	}
	return string(a.State) + " " + a.Code
}

func followUp(command batch.Command, minor int64) gateway.Request {
	return gateway.Request{Key: testKey, Command: command, Amount: eur(minor), Original: &batch.Transaction{ID: originalUUID, Key: originalKey, Command: batch.DoAuthorization, Action: "100", Amount: eur(2990)}}
}

func TestWhatIsCalledAndWhatIsMadeOfIt(t *testing.T) {
	waiting, valid := debitAnswer(2990, "RUNNING", "AUTHORISED_TO_VALIDATE"), debitAnswer(2990, "PAID", "AUTHORISED")
	lowered, validLowered := debitAnswer(1250, "RUNNING", "AUTHORISED_TO_VALIDATE"), debitAnswer(1250, "PAID", "AUTHORISED")
	cancelled := debitAnswer(2990, "UNPAID", "CANCELLED")
	refund := `{"uuid":"rrrr","amount":1250,"currency":"EUR","status":"PAID","detailedStatus":"AUTHORISED","operationType":"CREDIT","transactionDetails":{"parentTransactionUuid":"` + originalUUID + `"}}`
	captured := debitAnswer(2990, "PAID", "CAPTURED")
	wallet := func(command batch.Command, card int) gateway.Request {
		return gateway.Request{Key: testKey, Command: command, Wallet: theWallet(), CardIndex: card}
	}
	newWallet := gateway.Request{Key: testKey, Command: batch.CreateWallet, Wallet: theWallet(), Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "1239"}}
	verified := `{"shopId":"12345678","orderDetails":{"orderId":"` + testKey + `","mode":"TEST"},"transactions":[{"uuid":"vvvv","amount":0,"currency":"EUR","paymentMethodToken":"new-token","status":"PAID",` +
		`"detailedStatus":"ACCEPTED","operationType":"VERIFICATION","transactionDetails":{"cardDetails":{"pan":"411111XXXXXX1111","initialIssuerTransactionIdentifier":"TRACE"}}}]}`
	payment := theRequest()
	scheduled := theRequest()
	scheduled.Command, scheduled.Schedule = batch.DoScheduledWalletPayment, &batch.Schedule{Date: "2026-12-01"}
	record := gateway.Request{Key: testKey, Command: batch.DisablePaymentRecord, PaymentRecord: "sub." + testToken}

	for name, c := range map[string]struct {
		req     gateway.Request
		lookup  bool
		answers map[string][]string
		want    string
		calls   string
	}{
		"a whole capture": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {valid}}, want: "approved 00000", calls: "Transaction/Validate"},
		"a smaller capture lowers first": {req: followUp(batch.DoCapture, 1250), answers: map[string][]string{serviceReduce: {lowered}, serviceValidate: {validLowered}},
			want: "approved 00000", calls: "Transaction/Update Transaction/Validate"},
		"a smaller capture that was lowered before": {req: followUp(batch.DoCapture, 1250), answers: map[string][]string{serviceReduce: {"ERROR PSP_014"}, serviceValidate: {validLowered}},
			want: "approved 00000", calls: "Transaction/Update Transaction/Validate"},
		"a smaller capture that broke off in between": {req: followUp(batch.DoCapture, 1250), answers: map[string][]string{serviceReduce: {lowered}, serviceValidate: {hangUp}},
			want: "doubt", calls: "Transaction/Update Transaction/Validate"},
		"a smaller capture that cannot be lowered is not captured": {req: followUp(batch.DoCapture, 1250), answers: map[string][]string{serviceReduce: {"ERROR PSP_020"}},
			want: "refused 02110", calls: "Transaction/Update"},
		"a capture of an authorization that was lowered": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {validLowered}}, want: "doubt", calls: "Transaction/Validate"},
		"a capture that had been made": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {"ERROR PSP_011"}, serviceTransaction: {captured}},
			want: "approved 00000", calls: "Transaction/Validate Transaction/Get"},
		"a capture of what was cancelled": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {"ERROR PSP_011"}, serviceTransaction: {cancelled}},
			want: "refused 02313", calls: "Transaction/Validate Transaction/Get"},
		"a capture that cannot be confirmed": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {"ERROR PSP_011"}, serviceTransaction: {hangUp}},
			want: "doubt", calls: "Transaction/Validate Transaction/Get"},
		"a capture of nothing": {req: followUp(batch.DoCapture, 2990), answers: map[string][]string{serviceValidate: {"ERROR PSP_010"}}, want: "refused 02604", calls: "Transaction/Validate"},
		"a capture looked up, not made": {req: followUp(batch.DoCapture, 2990), lookup: true, answers: map[string][]string{serviceTransaction: {waiting}},
			want: "unknown key", calls: "Transaction/Get"},
		"a capture looked up, made with another amount": {req: followUp(batch.DoCapture, 2990), lookup: true, answers: map[string][]string{serviceTransaction: {validLowered}},
			want: "doubt", calls: "Transaction/Get"},

		"a reset": {req: followUp(batch.DoReset, 0), answers: map[string][]string{serviceCancelOrRefund: {cancelled}}, want: "approved 00000", calls: "Transaction/CancelOrRefund"},
		"a reset that had been made": {req: followUp(batch.DoReset, 0), answers: map[string][]string{serviceCancelOrRefund: {"ERROR PSP_011"}, serviceTransaction: {cancelled}},
			want: "approved 00000", calls: "Transaction/CancelOrRefund Transaction/Get"},
		"a reset that comes too late": {req: followUp(batch.DoReset, 0), answers: map[string][]string{serviceCancelOrRefund: {"ERROR PSP_075"}, serviceTransaction: {captured}},
			want: "refused 02105", calls: "Transaction/CancelOrRefund Transaction/Get"},
		"a reset looked up, not made": {req: followUp(batch.DoReset, 0), lookup: true, answers: map[string][]string{serviceTransaction: {valid}}, want: "unknown key", calls: "Transaction/Get"},

		"a refund":                            {req: followUp(batch.DoRefund, 1250), answers: map[string][]string{serviceCancelOrRefund: {refund}}, want: "approved 00000", calls: "Transaction/CancelOrRefund"},
		"a refund that comes too early":       {req: followUp(batch.DoRefund, 1250), answers: map[string][]string{serviceCancelOrRefund: {"ERROR PSP_076"}}, want: "refused 02618", calls: "Transaction/CancelOrRefund"},
		"a refund that became something else": {req: followUp(batch.DoRefund, 1250), answers: map[string][]string{serviceCancelOrRefund: {cancelled}}, want: "doubt", calls: "Transaction/CancelOrRefund"},
		"a refund looked up, made":            {req: followUp(batch.DoRefund, 1250), lookup: true, answers: map[string][]string{serviceOrder: {orderAnswer(originalKey, captured, refund)}}, want: "approved 00000", calls: "Order/Get"},
		"a refund looked up, not made":        {req: followUp(batch.DoRefund, 1250), lookup: true, answers: map[string][]string{serviceOrder: {orderAnswer(originalKey, captured)}}, want: "unknown key", calls: "Order/Get"},
		"a refund whose order is not found":   {req: followUp(batch.DoRefund, 1250), lookup: true, answers: map[string][]string{serviceOrder: {"ERROR PSP_010"}}, want: "doubt", calls: "Order/Get"},

		"a payment that exists, ours": {req: payment, answers: map[string][]string{servicePayment: {"ERROR PSP_012"}, serviceOrder: {orderAnswer(testKey, valid)}},
			want: "approved 00000", calls: "Charge/CreatePayment Order/Get"},
		"a payment that exists, not ours": {req: payment, answers: map[string][]string{servicePayment: {"ERROR PSP_012"}, serviceOrder: {"ERROR PSP_010"}},
			want: "refused 02001", calls: "Charge/CreatePayment Order/Get"},
		"a form instead of a payment":            {req: payment, answers: map[string][]string{servicePayment: {`{"formToken":"abc","_type":"V4/Charge/PaymentForm"}`}}, want: "doubt", calls: "Charge/CreatePayment"},
		"a payment looked up, unknown":           {req: payment, lookup: true, answers: map[string][]string{serviceOrder: {"ERROR PSP_010"}}, want: "unknown key", calls: "Order/Get"},
		"a payment looked up, an empty order":    {req: payment, lookup: true, answers: map[string][]string{serviceOrder: {orderAnswer(testKey)}}, want: "doubt", calls: "Order/Get"},
		"a payment looked up, charged twice":     {req: payment, lookup: true, answers: map[string][]string{serviceOrder: {orderAnswer(testKey, valid, valid)}}, want: "doubt", calls: "Order/Get"},
		"a payment looked up, the platform ails": {req: payment, lookup: true, answers: map[string][]string{serviceOrder: {"ERROR PSP_999"}}, want: "doubt", calls: "Order/Get"},

		"a new token":                 {req: newWallet, answers: map[string][]string{serviceToken: {verified}}, want: "approved 02500", calls: "PCI/Charge/CreateToken"},
		"a new token looked up":       {req: newWallet, lookup: true, answers: map[string][]string{serviceOrder: {verified}}, want: "approved 02500", calls: "Order/Get"},
		"a new token of another card": {req: newWallet, answers: map[string][]string{serviceToken: {strings.Replace(verified, "XXXXXX1111", "XXXXXX2222", 1)}}, want: "doubt", calls: "PCI/Charge/CreateToken"},
		"a new token without a token": {req: newWallet, answers: map[string][]string{serviceToken: {strings.Replace(verified, "new-token", "", 1)}}, want: "doubt", calls: "PCI/Charge/CreateToken"},

		"a wallet disabled: each of its cards that is not": {req: wallet(batch.DisableWallet, 0), answers: map[string][]string{serviceCancelToken: {nothingButZero}}, want: "approved 02500", calls: "Token/Cancel Token/Cancel"},
		"a card disabled": {req: wallet(batch.DisableWallet, 2), answers: map[string][]string{serviceCancelToken: {nothingButZero}}, want: "approved 02500", calls: "Token/Cancel"},
		"a card disabled that was": {req: wallet(batch.DisableWallet, 1), answers: map[string][]string{serviceCancelToken: {"ERROR PSP_031"}, serviceGetToken: {tokenAnswer(testToken, "2026-11-20T00:00:00+00:00")}},
			want: "approved 02500", calls: "Token/Cancel Token/Get"},
		"a card that cannot be disabled": {req: wallet(batch.DisableWallet, 1), answers: map[string][]string{serviceCancelToken: {"ERROR PSP_001"}, serviceGetToken: {tokenAnswer(testToken, "")}},
			want: "refused 02621", calls: "Token/Cancel Token/Get"},
		"the second of two cards cannot be disabled": {req: wallet(batch.DisableWallet, 0), answers: map[string][]string{serviceCancelToken: {nothingButZero, "ERROR PSP_001"}, serviceGetToken: {tokenAnswer("second", "")}},
			want: "doubt", calls: "Token/Cancel Token/Cancel Token/Get"},
		"a disabling looked up, half done": {req: wallet(batch.DisableWallet, 0), lookup: true,
			answers: map[string][]string{serviceGetToken: {tokenAnswer(testToken, "2026-11-21T22:30:00+00:00"), tokenAnswer("second", "")}}, want: "unknown key", calls: "Token/Get Token/Get"},
		"a disabling looked up, done": {req: wallet(batch.DisableWallet, 0), lookup: true,
			answers: map[string][]string{serviceGetToken: {tokenAnswer(testToken, "2026-11-21T22:30:00+00:00"), tokenAnswer("second", "2026-11-21T22:30:00+00:00")}}, want: "approved 02500", calls: "Token/Get Token/Get"},
		"a card enabled": {req: wallet(batch.EnableWallet, 3), answers: map[string][]string{serviceReviveToken: {nothingButZero}}, want: "approved 02500", calls: "Token/Reactivate"},
		"a card enabled that is not known": {req: wallet(batch.EnableWallet, 3), answers: map[string][]string{serviceReviveToken: {"ERROR PSP_030"}, serviceGetToken: {"ERROR PSP_030"}},
			want: "refused 02317", calls: "Token/Reactivate Token/Get"},
		"a response code that is undefined": {req: wallet(batch.DisableWallet, 1), answers: map[string][]string{serviceCancelToken: {`{"responseCode":99}`}}, want: "doubt", calls: "Token/Cancel"},
		"a wallet":                          {req: wallet(batch.GetWallet, 0), answers: map[string][]string{serviceGetToken: {tokenAnswer(testToken, "")}}, want: "approved 02500", calls: "Token/Get"},
		"a wallet whose token is cancelled": {req: wallet(batch.GetWallet, 0), answers: map[string][]string{serviceGetToken: {tokenAnswer(testToken, "2026-11-21T22:30:00+00:00")}}, want: "refused 02505", calls: "Token/Get"},
		"a wallet with another's token":     {req: wallet(batch.GetWallet, 0), answers: map[string][]string{serviceGetToken: {tokenAnswer("second", "")}}, want: "doubt", calls: "Token/Get"},
		"a wallet whose card has no token":  {req: wallet(batch.GetWallet, 7), want: "refused 02518"},

		"a schedule":                         {req: scheduled, answers: map[string][]string{serviceSchedule: {`{"subscriptionId":"sub"}`}}, want: "approved 02500", calls: "Charge/CreateSubscription"},
		"a schedule without a name":          {req: scheduled, answers: map[string][]string{serviceSchedule: {`{}`}}, want: "doubt", calls: "Charge/CreateSubscription"},
		"a schedule that is refused":         {req: scheduled, answers: map[string][]string{serviceSchedule: {"ERROR PSP_031"}}, want: "refused 02505", calls: "Charge/CreateSubscription"},
		"a schedule that nobody answers for": {req: scheduled, answers: map[string][]string{serviceSchedule: {hangUp}}, want: "doubt", calls: "Charge/CreateSubscription"},
		"a record":                           {req: record, answers: map[string][]string{serviceCancelRecord: {nothingButZero}}, want: "approved 02500", calls: "Subscription/Cancel"},
		"a record that does not exist":       {req: record, answers: map[string][]string{serviceCancelRecord: {`{"responseCode":32}`}}, want: "refused 02507", calls: "Subscription/Cancel"},
		"a record that has ended": {req: record, answers: map[string][]string{serviceCancelRecord: {"ERROR PSP_033"}, serviceGetRecord: {`{"subscriptionId":"sub","cancelDate":"2026-11-21T22:29:59+00:00"}`}},
			want: "approved 02500", calls: "Subscription/Cancel Subscription/Get"},
		"a record looked up, ended":     {req: record, lookup: true, answers: map[string][]string{serviceGetRecord: {`{"subscriptionId":"sub","cancelDate":"2026-11-21T22:30:00+00:00"}`}}, want: "approved 02500", calls: "Subscription/Get"},
		"a record looked up, goes on":   {req: record, lookup: true, answers: map[string][]string{serviceGetRecord: {`{"subscriptionId":"sub","cancelDate":null}`}}, want: "unknown key", calls: "Subscription/Get"},
		"a record looked up, another's": {req: record, lookup: true, answers: map[string][]string{serviceGetRecord: {`{"subscriptionId":"other","cancelDate":null}`}}, want: "doubt", calls: "Subscription/Get"},
	} {
		t.Run(name, func(t *testing.T) {
			client, p := serve(t, c.answers)
			ask := client.Do
			if c.lookup {
				ask = client.Lookup
			}
			if got := shown(ask(t.Context(), c.req)); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := strings.Join(p.services(), " "); got != c.calls {
				t.Errorf("called %s, want %s", got, c.calls)
			}
		})
	}
}

func TestWhatIsRefusedUnsent(t *testing.T) {
	client, p := serve(t, nil)
	for name, c := range map[string]struct {
		change func(*gateway.Request)
		want   string
	}{
		"an action that does not exist": {func(r *gateway.Request) { r.Action = "129" }, "refused 02321"},
		"a payment with a card number":  {func(r *gateway.Request) { r.Card = gateway.Card{Number: batch.NewPAN(testCard), Expiry: "1239"} }, "refused 02010"},
		"a payment without a card":      {func(r *gateway.Request) { r.Card = gateway.Card{} }, "refused 02305"},
		"a wallet without e-mail": {func(r *gateway.Request) {
			r.Command, r.Card, r.Wallet = batch.CreateWallet, gateway.Card{Number: batch.NewPAN(testCard), Expiry: "1239"}, &batch.Wallet{ID: "W"}
		}, "refused 02305"},
		"a wallet without expiry": {func(r *gateway.Request) {
			r.Command, r.Card = batch.CreateWallet, gateway.Card{Number: batch.NewPAN(testCard)}
		}, "refused 02305"},
		"a wallet of the platform's own token": {func(r *gateway.Request) { r.Command = batch.CreateWallet }, "approved 02500"},
		"a wallet that is not known":           {func(r *gateway.Request) { r.Command, r.Wallet = batch.DisableWallet, nil }, "refused 02503"},
		"a follow-up without an original":      {func(r *gateway.Request) { r.Command = batch.DoCapture }, "refused 02301"},
		"a refund of a capture": {func(r *gateway.Request) {
			r.Command, r.Original = batch.DoRefund, &batch.Transaction{ID: "x", Key: "y", Command: batch.DoCapture, Of: originalUUID}
		}, "refused 02301"},
		"a schedule without dates": {func(r *gateway.Request) { r.Command = batch.DoScheduledWalletPayment }, "refused 02305"},
		"a schedule that no rule can say": {func(r *gateway.Request) {
			r.Command, r.Schedule = batch.DoRecurrentWalletPayment, &batch.Schedule{Date: "2026-12-15", Cycle: "40", Day: 1}
		}, "refused 02305"},
		"no record":                 {func(r *gateway.Request) { r.Command = batch.DisablePaymentRecord }, "refused 02507"},
		"a verification":            {func(r *gateway.Request) { r.Command = batch.Verify }, "not sent"},
		"a re-authorization":        {func(r *gateway.Request) { r.Command = batch.DoReAuthorization }, "not sent"},
		"a subscription by payment": {func(r *gateway.Request) { r.Command = batch.Subscribe }, "not sent"},
	} {
		t.Run(name, func(t *testing.T) {
			req := theRequest()
			c.change(&req)
			a, err := client.Do(t.Context(), req)
			if got := shown(a, err); got != c.want {
				t.Errorf("got %s %v, want %s", got, err, c.want)
			}
			if client.Profile().Commands[req.Command].Lookup {
				if got := shown(client.Lookup(t.Context(), req)); got != c.want {
					t.Errorf("looked up: got %s, want %s", got, c.want)
				}
			}
		})
	}
	if calls := p.services(); len(calls) != 0 {
		t.Errorf("called %v", calls)
	}
}

// Captures and resets have no transaction of their own at the platform; what follow-up
// lines may name must be one thing only.
func TestTransactionsAreNamedOnce(t *testing.T) {
	client, _ := serve(t, map[string][]string{
		serviceValidate:       {debitAnswer(2990, "PAID", "AUTHORISED")},
		serviceCancelOrRefund: {debitAnswer(2990, "UNPAID", "CANCELLED")},
		serviceSchedule:       {`{"subscriptionId":"sub"}`},
	})
	schedule := theRequest()
	schedule.Command, schedule.Schedule = batch.DoScheduledWalletPayment, &batch.Schedule{Date: "2026-12-01"}
	for _, c := range []struct {
		req         gateway.Request
		transaction batch.TransactionID
		record      string
	}{
		{followUp(batch.DoCapture, 2990), testKey, ""},
		{followUp(batch.DoReset, 0), testKey, ""},
		{schedule, "", "sub." + testToken},
	} {
		a, err := client.Do(t.Context(), c.req)
		if err != nil || a.TransactionID != c.transaction || a.PaymentRecord != c.record {
			t.Errorf("%s: got %q, %q, %v", c.req.Command, a.TransactionID, a.PaymentRecord, err)
		}
	}
}

func TestCheck(t *testing.T) {
	echo := `{"value":"` + probe + `"}`
	for name, c := range map[string]struct {
		answers map[string][]string
		want    string // part of the error
	}{
		"all is well":                  {map[string][]string{serviceEcho: {echo}, serviceOrder: {"ERROR PSP_010"}}, ""},
		"the credentials are bad":      {map[string][]string{serviceEcho: {"ERROR INT_905"}}, "credentials"},
		"the echo is not ours":         {map[string][]string{serviceEcho: {`{"value":"x"}`}}, "echo"},
		"nobody answers":               {map[string][]string{serviceEcho: {hangUp}}, "credentials"},
		"unknown is worded otherwise":  {map[string][]string{serviceEcho: {echo}, serviceOrder: {"ERROR PSP_777"}}, "PSP_777"},
		"an impossible order is found": {map[string][]string{serviceEcho: {echo}, serviceOrder: {orderAnswer(probe, debitAnswer(1, "PAID", "CAPTURED"))}}, "was found"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := serve(t, c.answers)
			err := client.Check(t.Context())
			if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := Config{Endpoint: "https://api.payzen.eu", MerchantID: "12345678", Password: func() (string, error) { return "x", nil }}
	for name, c := range map[string]struct {
		change func(*Config)
		want   batch.Mode // empty: refused
	}{
		"what does not say test is live":         {func(*Config) {}, batch.Live},
		"a host serves test when told so":        {func(c *Config) { c.Environment = batch.Test }, batch.Test},
		"loopback is test, http allowed":         {func(c *Config) { c.Endpoint = "http://127.0.0.1:8080" }, batch.Test},
		"loopback is never live":                 {func(c *Config) { c.Endpoint, c.Environment = "http://127.0.0.1:8080", batch.Live }, ""},
		"an unknown environment is refused":      {func(c *Config) { c.Environment = "STAGING" }, ""},
		"http elsewhere is refused":              {func(c *Config) { c.Endpoint = "http://api.payzen.eu" }, ""},
		"a path is refused":                      {func(c *Config) { c.Endpoint += "/api-payment" }, ""},
		"a shop of seven digits is refused":      {func(c *Config) { c.MerchantID = "1234567" }, ""},
		"a shop with letters is refused":         {func(c *Config) { c.MerchantID = "1234567a" }, ""},
		"a negative time is refused":             {func(c *Config) { c.Settle = -1 }, ""},
		"a negative number of days is refused":   {func(c *Config) { c.AuthorizationDays = -1 }, ""},
		"a missing password is refused":          {func(c *Config) { c.Password = nil }, ""},
		"credentials in the address are refused": {func(c *Config) { c.Endpoint = "https://u:p@api.payzen.eu" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			client, err := New(config, time.Now)
			if (err == nil) != (c.want != "") {
				t.Fatalf("got %v", err)
			}
			if err == nil && client.Profile().Environment != c.want {
				t.Errorf("got %s, want %s", client.Profile().Environment, c.want)
			}
		})
	}
}

func TestThePasswordMustBelongToTheWorld(t *testing.T) {
	for name, c := range map[string]struct {
		endpoint    string
		environment batch.Mode
		password    string
		ok          bool
	}{
		"test in test":           {"https://api.payzen.eu", batch.Test, "testpassword_abc", true},
		"production in live":     {"https://api.payzen.eu", batch.Live, "prodpassword_abc", true},
		"test in live":           {"https://api.payzen.eu", batch.Live, "testpassword_abc", false},
		"production in test":     {"https://api.payzen.eu", batch.Test, "prodpassword_abc", false},
		"anything on loopback":   {"http://127.0.0.1:8080", batch.Test, "prodpassword_abc", true},
		"test, nothing declared": {"https://api.payzen.eu", "", "testpassword_abc", false},
	} {
		t.Run(name, func(t *testing.T) {
			client, err := New(Config{Endpoint: c.endpoint, MerchantID: "12345678", Environment: c.environment, Password: func() (string, error) { return c.password, nil }}, time.Now)
			if err != nil {
				t.Fatal(err)
			}
			endpoint, err := url.Parse(c.endpoint)
			if err != nil {
				t.Fatal(err)
			}
			got, err := passwordOf(client.Profile().Environment, endpoint, client.config.Password)()
			if (err == nil) != c.ok || c.ok && got != c.password {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && strings.Contains(err.Error(), c.password) {
				t.Error("the error quotes the password")
			}
		})
	}
}

// A password of the other world is found out before anything is sent.
func TestTheOtherWorldsPasswordIsNotSent(t *testing.T) {
	client, err := New(Config{Endpoint: "https://shop.invalid", MerchantID: "12345678", Password: func() (string, error) { return "testpassword_abc", nil }}, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // whatever happens, nothing leaves this machine
	if _, err := client.Do(ctx, theRequest()); !gateway.IsNotSent(err) || !strings.Contains(err.Error(), "does not belong") {
		t.Errorf("got %v", err)
	}
}

func TestProfile(t *testing.T) {
	profile := newTestClient(t, "http://127.0.0.1:1", func(c *Config) { c.Settle = time.Minute }).Profile()
	for command, operation := range profile.Commands {
		if operation.ReplayWindow != 0 && command != batch.GetWallet {
			t.Errorf("%s: the platform carries out everything as often as it comes", command)
		}
		if operation.Lookup && operation.Settle != time.Minute {
			t.Errorf("%s: settles in %s", command, operation.Settle)
		}
	}
	for _, absent := range []batch.Command{batch.Verify, batch.DoReAuthorization, batch.Subscribe} {
		if _, there := profile.Commands[absent]; there {
			t.Errorf("%s is there", absent)
		}
	}
}

func TestRequestsAreSignedAndAreJSON(t *testing.T) {
	requests := make(chan *http.Request, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if !json.Valid(body) {
			t.Errorf("not JSON: %q", body)
		}
		requests <- r
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, paid)
	}))
	defer server.Close()
	a, err := newTestClient(t, server.URL, nil).Do(t.Context(), theRequest())
	if err != nil || a.State != batch.Approved {
		t.Fatal(a.State, err)
	}
	r := <-requests
	user, password, _ := r.BasicAuth()
	if r.Method != http.MethodPost || r.URL.Path != "/api-payment/V4/Charge/CreatePayment" || user != "12345678" || password != "simulated-password" {
		t.Errorf("got %s %s by %s", r.Method, r.URL.Path, user)
	}
	if got := r.Header.Get("Content-Type"); got != "application/json; charset=utf-8" {
		t.Errorf("got %s", got)
	}
}
