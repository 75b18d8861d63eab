package payline

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"cardbatch/gateway/simulator/stage"
)

// capturing is a doCapture as clients write it: prefixes of their own, a header, a comment.
const capturing = `<?xml version="1.0" encoding="UTF-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://impl.ws.payline.experian.com" xmlns:o="http://obj.ws.payline.experian.com" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
 <s:Header/><!-- as it is -->
 <s:Body>
  <i:doCaptureRequest>
   <i:version>34</i:version>
   <i:transactionID>14000000000000</i:transactionID>
   <i:payment><o:amount>1</o:amount><o:currency>978</o:currency><o:action>201</o:action><o:mode>CPT</o:mode></i:payment>
   <i:privateDataList xsi:nil="true"/>
   <i:sequenceNumber xsi:nil="true"/>
   <i:media xsi:nil="true"/>
   <i:miscData xsi:nil="true"/>
  </i:doCaptureRequest>
 </s:Body>
</s:Envelope>
`

func TestRequestsAreTakenAsTheWSDLHasThemAlone(t *testing.T) {
	b := newBench(t, stage.Options{})
	if status, body := b.post(direct, `"doCapture"`, capturing); status != 200 || !strings.Contains(body, "<obj:code>02301</obj:code>") {
		t.Fatalf("a good request: %d %s", status, body)
	}
	for name, test := range map[string]struct{ old, new, want string }{
		"wrong order":                         {"<i:media xsi:nil=\"true\"/>\n   <i:miscData xsi:nil=\"true\"/>", "<i:miscData xsi:nil=\"true\"/><i:media xsi:nil=\"true\"/>", "element miscData stands in doCaptureRequest where media is wanted"},
		"a nillable element that is left out": {`<i:media xsi:nil="true"/>`, "", "where media is wanted"},
		"an element that must not be nil":     {"<i:version>34</i:version>", `<i:version xsi:nil="true"/>`, "version must not be nil"},
		"a last element that is left out":     {`<i:miscData xsi:nil="true"/>`, "", "miscData is missing in doCaptureRequest"},
		"nil with a text":                     {`<i:media xsi:nil="true"/>`, `<i:media xsi:nil="true">Computer</i:media>`, "media is nil and not empty"},
		"an unknown element":                  {"<o:amount>", "<o:sum>1</o:sum><o:amount>", "element sum stands in payment where amount is wanted"},
		"an element twice":                    {"<i:version>34</i:version>", "<i:version>34</i:version><i:version>34</i:version>", "unexpected element version"},
		"the other namespace":                 {"<o:amount>1</o:amount>", "<i:amount>1</i:amount>", "element amount stands in payment where amount is wanted"},
		"no namespace":                        {"<i:version>34</i:version>", "<version>34</version>", "where version is wanted"},
		"an object where a text is wanted":    {"<o:amount>1</o:amount>", "<o:amount><o:x/></o:amount>", "holds a text"},
		"a text where an object is wanted":    {"<i:payment>", "<i:payment>1", "holds elements, not a text"},
		"an attribute of its own":             {"<i:version>", `<i:version id="1">`, "attribute id is not allowed"},
		"a document type":                     {"<s:Envelope", "<!DOCTYPE x><s:Envelope", "document type"},
		"an entity of its own":                {"<o:amount>1", "<o:amount>&x;", "not well-formed"},
		"half of it":                          {"</s:Body>\n</s:Envelope>", "", "not well-formed"},
		"two messages":                        {"</s:Body>", "<i:x/></s:Body>", "more than one message"},
		"something after it":                  {"</s:Envelope>", "</s:Envelope><x/>", "follows the envelope"},
		"another charset":                     {"UTF-8", "UTF-16", "not well-formed"},
		"SOAP 1.2":                            {"http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope", "VersionMismatch"},
		"no envelope":                         {capturing, "<x/>", "not an envelope"},
		"no body":                             {capturing, `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"/>`, "missing in the envelope"},
		"an operation that there is not":      {"doCaptureRequest", "doScoringChequeRequest", "no message doScoringChequeRequest"},
		"an answer instead of a request":      {capturing, string(answer(opReset, result(approved)).envelope()), "no such operation"},
		"nothing":                             {capturing, "", "ends too early"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(capturing, test.old) {
				t.Fatalf("the request has no %q", test.old)
			}
			status, body := b.post(direct, opCapture, strings.ReplaceAll(capturing, test.old, test.new))
			if status != 500 || !strings.Contains(body, "Fault") || !strings.Contains(body, test.want) {
				t.Errorf("got %d %s, want a fault that says %q", status, body, test.want)
			}
		})
	}
	if n := b.stage.Counts.Charges.Load(); n != 0 {
		t.Errorf("%d effects", n)
	}
}

func TestTheTransport(t *testing.T) {
	for name, test := range map[string]struct {
		change func(r *http.Request)
		status int
		want   string
	}{
		"as it should be":      {func(*http.Request) {}, 200, "02301"},
		"an empty SOAPAction":  {func(r *http.Request) { r.Header.Set("SOAPAction", `""`) }, 200, "02301"},
		"no credentials":       {func(r *http.Request) { r.Header.Del("Authorization") }, 401, "Fault"},
		"an unknown merchant":  {func(r *http.Request) { r.SetBasicAuth("nobody", stage.Password) }, 401, "Fault"},
		"a wrong access key":   {func(r *http.Request) { r.SetBasicAuth(stage.MerchantID, "wrong") }, 200, badCredentials},
		"another SOAPAction":   {func(r *http.Request) { r.Header.Set("SOAPAction", opRefund) }, 500, "Fault"},
		"no SOAPAction":        {func(r *http.Request) { r.Header.Del("SOAPAction") }, 500, "Fault"},
		"another service":      {func(r *http.Request) { r.URL.Path = servicesPath + extended }, 500, "Fault"},
		"another content type": {func(r *http.Request) { r.Header.Set("Content-Type", "application/soap+xml") }, 415, "Fault"},
		"GET":                  {func(r *http.Request) { r.Method = http.MethodGet }, 405, "Fault"},
		"a body without end": {func(r *http.Request) {
			r.Body = http.MaxBytesReader(nil, r.Body, 100)
		}, 500, "Fault"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			r := httptest.NewRequest(http.MethodPost, servicesPath+direct, strings.NewReader(capturing))
			r.SetBasicAuth(stage.MerchantID, stage.Password)
			r.Header.Set("Content-Type", "text/xml; charset=utf-8")
			r.Header.Set("SOAPAction", opCapture)
			test.change(r)
			w := httptest.NewRecorder()
			b.gateway.Serve(w, r)
			if w.Code != test.status || !strings.Contains(w.Body.String(), test.want) {
				t.Errorf("got %d %s, want %d with %s", w.Code, w.Body, test.status, test.want)
			}
			if w.Code == 401 && w.Header().Get("WWW-Authenticate") == "" {
				t.Error("a 401 must say how to sign in")
			}
			if n := b.stage.Counts.Refusals.Load(); n != 1 {
				t.Errorf("%d refusals, want 1", n)
			}
		})
	}
}

func TestTheDirectoryNamesThisServerLast(t *testing.T) {
	b := newBench(t, stage.Options{Endpoints: []string{"http://127.0.0.1:1/V4"}})
	w := httptest.NewRecorder()
	b.gateway.Serve(w, httptest.NewRequest(http.MethodGet, "http://127.0.0.1:8080"+directoryPath+stage.MerchantID, nil))
	var got struct {
		URLs []string
		TTL  int
	}
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "{[http://127.0.0.1:1/V4 http://127.0.0.1:8080/V4] 60}" {
		t.Errorf("got %+v", got)
	}
	w = httptest.NewRecorder()
	b.gateway.Serve(w, httptest.NewRequest(http.MethodGet, directoryPath+"nobody", nil))
	if w.Code != http.StatusNotFound {
		t.Errorf("an unknown merchant: %d", w.Code)
	}
}

func TestFaultsThatAnswerInForm(t *testing.T) {
	for phase, test := range map[stage.Phase]struct {
		code    string
		effects int
	}{
		stage.Pending: {inProgress, 1}, stage.Unknown: {notKnown, 1}, stage.UnknownResult: {unlistedStatus, 1},
		stage.LockFailure: {pendingTwin, 0}, stage.UnknownCode: {unlistedIssuer, 0},
	} {
		t.Run(string(phase), func(t *testing.T) {
			b := newBench(t, stage.Options{})
			reference := privateOf([]datum{{privateReference, "FAULT-" + strings.ToUpper(string(phase)) + "-1"}})
			out := b.want(test.code, opAuthorization, paying(actionCaptured, "1000"), anyCard(), ordering("A"), reference)
			if out.get("authorization", "number") != "" {
				t.Error("what is not said to be approved has no authorization number")
			}
			if n := b.charges("A"); n != test.effects {
				t.Errorf("charged %d times, want %d", n, test.effects)
			}
			if test.effects == 1 {
				b.want(approved, opDetails, text("orderRef", "A")) // look-ups tell the truth
				b.want(duplicate, opAuthorization, paying(actionCaptured, "1000"), anyCard(), ordering("A"), reference)
			} else {
				b.want("02310", opDetails, text("orderRef", "A"))
				b.want(approved, opAuthorization, paying(actionCaptured, "1000"), anyCard(), ordering("A"), reference)
			}
		})
	}
	t.Run("an answer about another order", func(t *testing.T) {
		b := newBench(t, stage.Options{})
		id := b.authorize("ORDER-1", actionCaptured)
		if err := b.stage.Plan(stage.Fault{Phase: stage.WrongReference, Operation: opDetails}); err != nil {
			t.Fatal(err)
		}
		foreign := b.want(approved, opDetails, text("transactionId", id))
		if foreign.get("transaction", "id") != stage.Reverse(id) || foreign.get("order", "ref") != "1-REDRO" {
			t.Errorf("got %s, %s", foreign.get("transaction", "id"), foreign.get("order", "ref"))
		}
	})
	t.Run("errors are faults", func(t *testing.T) {
		for _, status := range []int{401, 500, 503} {
			if body := string(errorBody(status)); !strings.Contains(body, "<soapenv:Fault><faultcode>soapenv:") {
				t.Errorf("%d: %s", status, body)
			}
		}
	})
}

func TestTheStateSurvives(t *testing.T) {
	path := filepath.Join(t.TempDir(), "state")
	b := newBench(t, stage.Options{StateFile: path})
	id := b.authorize("A", actionAuthorize)
	b.want(approved, opCapture, following(id, actionCapture, "600", "c")...)
	b.openWallet("W", "0139")
	b.want(done, opUpdateWallet, changing("W", "2", anyCard())...)
	b.want(done, opDisableWallet, contract(), text("cardInd", "2"), object("walletIdList", text("walletId", "W")))
	record := b.want(done, opScheduledPayment, scheduled(modeCash, "1000", "31/03/2027")...).get("paymentRecordId")
	b.want(done, opDisableRecord, contract(), text("paymentRecordId", record))
	if err := b.stage.Close(); err != nil {
		t.Fatal(err)
	}
	before := &b.stage.Counts

	b = newBench(t, stage.Options{StateFile: path})
	for name, pair := range map[string][2]int64{
		"orders":  {before.Orders.Load(), b.stage.Counts.Orders.Load()},
		"tokens":  {before.Tokens.Load(), b.stage.Counts.Tokens.Load()},
		"charges": {before.Charges.Load(), b.stage.Counts.Charges.Load()},
		"serial":  {int64(b.gateway.serial.Load()), 5},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: %d before, %d after", name, pair[0], pair[1])
		}
	}
	b.want("02613", opCapture, following(id, actionCapture, "401", "c2")...)
	b.want("02505", opWalletPayment, paidFrom("W", "2", "P")...)
	b.want(approved, opWalletPayment, paidFrom("W", "1", "P")...)
	b.want("02508", opDisableRecord, contract(), text("paymentRecordId", record))
	if b.charges("A") != 1 || b.charges("c") != 1 || b.charges("S") != 1 {
		t.Error("effects are forgotten")
	}
}

func TestADamagedEventIsRefused(t *testing.T) {
	b := newBench(t, stage.Options{})
	for _, text := range []string{`{}`, `[]`, `{"Transaction":{"ID":"7"}}`, `{"Record":{"ID":""}}`} {
		if b.gateway.Replay(json.RawMessage(text)) == nil {
			t.Errorf("%s was taken", text)
		}
	}
}

func TestClear(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	b.authorize("A", actionCaptured)
	release := b.gateway.Hold()
	b.gateway.Clear()
	release()
	b.want("02503", opGetWallet, asking("W", "")...)
	b.want("02310", opDetails, text("orderRef", "A"))
}

func TestManyAtOnceChargeOnce(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	var wg sync.WaitGroup
	for i := range 8 {
		for range 8 {
			wg.Go(func() {
				request := object(opWalletPayment+"Request", append(paidFrom("W", "1", fmt.Sprint("R", i)), text("version", "34"))...)
				if status, body := b.post(direct, opWalletPayment, string(request.envelope())); status != 200 {
					t.Errorf("%d %s", status, body)
				}
			})
		}
	}
	wg.Wait()
	for i := range 8 {
		if n := b.charges(fmt.Sprint("R", i)); n != 1 {
			t.Errorf("R%d was charged %d times", i, n)
		}
	}
}

func TestNoNumberIsKept(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	b.authorize("A", actionCaptured)
	for i := range b.gateway.accounts {
		shard := &b.gateway.accounts[i]
		kept, _ := json.Marshal([]any{shard.transactions, shard.wallets, shard.records})
		for _, number := range []string{visaNumber, mastercardNumber} {
			if strings.Contains(string(kept), number) {
				t.Error("a card number is kept")
			}
		}
	}
}

func FuzzReadEnvelope(f *testing.F) {
	f.Add([]byte(capturing))
	f.Add((object("createWalletRequest", object("wallet", text("walletId", "W"), anyCard()), keyed("<&>"))).envelope())
	f.Add(answer(opDetails, result(approved)).envelope())
	f.Fuzz(func(t *testing.T, body []byte) {
		message, err := readEnvelope(body)
		if err != nil {
			return
		}
		// What was read can be written, and is read again as the same.
		again, err := readEnvelope(message.envelope())
		if err != nil {
			t.Fatalf("written and read again: %v", err)
		}
		if first, second := string(message.envelope()), string(again.envelope()); first != second {
			t.Errorf("written twice: %s and %s", first, second)
		}
	})
}
