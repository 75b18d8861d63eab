package payline

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Numbers of published test cards.
const (
	mastercardNumber = "5123450000000008"
	visaNumber       = "4508750015741019"
)

// bench is a gateway at a time that the test sets.
type bench struct {
	*testing.T
	gateway *Gateway
	stage   *stage.Stage
	now     time.Time
}

func newBench(t *testing.T, options stage.Options) *bench {
	t.Helper()
	b := &bench{T: t, now: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC)}
	options.Clock = func() time.Time { return b.now }
	b.stage = stage.New(options)
	b.gateway = New(b.stage)
	if err := b.stage.Open([]stage.Protocol{b.gateway}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.stage.Close() })
	return b
}

// post sends a body as it is and returns the status and the body of the answer.
func (b *bench) post(service, action, body string) (int, string) {
	b.Helper()
	r := httptest.NewRequest(http.MethodPost, servicesPath+service, strings.NewReader(body))
	r.SetBasicAuth(stage.MerchantID, stage.Password)
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", action)
	w := httptest.NewRecorder()
	b.gateway.Serve(w, r)
	return w.Code, w.Body.String()
}

// ask sends a request made of its parts and returns the answer, which must be as the
// WSDL wants it.
func (b *bench) ask(operation string, parts ...*element) *element {
	b.Helper()
	if schema[operation+"Request"].find("version") != nil {
		parts = append(parts, text("version", "34"))
	}
	status, body := b.post(operations[operation].service, operation, string(object(operation+"Request", parts...).envelope()))
	if status != http.StatusOK {
		b.Fatalf("%s: %d %s", operation, status, body)
	}
	out, err := readEnvelope([]byte(body))
	if err != nil {
		b.Fatalf("%s: the answer is not as the WSDL has it: %v\n%s", operation, err, body)
	}
	if out.name != operation+"Response" {
		b.Fatalf("%s: answered by %s", operation, out.name)
	}
	return out
}

// want sends a request and checks the return code.
func (b *bench) want(code, operation string, parts ...*element) *element {
	b.Helper()
	out := b.ask(operation, parts...)
	if got := out.get("result", "code"); got != code {
		b.Fatalf("%s: got %s, want %s", operation, got, code)
	}
	return out
}

func (b *bench) charges(key string) (n int) {
	b.gateway.EachCharge(func(c stage.Charge) {
		if c.Key == key {
			n++
		}
	})
	return n
}

// Parts of requests.

func paying(action, amount string) *element {
	return object("payment", text("amount", amount), text("currency", euro), text("action", action), text("mode", modeCash), text("contractNumber", "1234567"))
}

func ordering(ref string) *element {
	return object("order", text("ref", ref), text("amount", "1000"), text("currency", euro), text("date", "22/11/2026 10:00"))
}

func cardWith(number, kind, expiry string) *element {
	return object("card", text("number", number), text("type", kind), text("expirationDate", expiry))
}

func anyCard() *element { return cardWith(mastercardNumber, "MASTERCARD", "0139") }

func keyed(key string) *element { return privateOf([]datum{{privateKey, key}}) }

func contract() *element { return text("contractNumber", "1234567") }

// authorize makes an approved payment with the reference and returns its id.
func (b *bench) authorize(ref, action string) string {
	b.Helper()
	out := b.want(approved, opAuthorization, paying(action, "1000"), anyCard(), ordering(ref))
	return out.get("transaction", "id")
}

// openWallet makes a wallet with one card.
func (b *bench) openWallet(id, expiry string) {
	b.Helper()
	b.want(done, opCreateWallet, contract(), object("wallet", text("walletId", id), cardWith(visaNumber, "CB", expiry)), keyed("K-"+id))
}

// follow sends a follow-up on a transaction.
func following(id, action, amount, key string) []*element {
	parts := []*element{text("transactionID", id), keyed(key)}
	if action != "" {
		parts = append(parts, paying(action, amount))
	}
	return parts
}

func TestAnApprovedAuthorizationCarriesWhatThePlatformGives(t *testing.T) {
	b := newBench(t, stage.Options{})
	out := b.want(approved, opAuthorization, paying(actionAuthorize, "1000"), anyCard(), ordering("ORDER-1"), keyed("K"))
	if got := out.get("transaction", "date"); got != "22/11/26 10:00:00" {
		t.Errorf("transaction date %q", got)
	}
	if len(out.get("authorization", "number")) != 6 || out.get("authorization", "authorizedAmount") != "1000" {
		t.Errorf("authorization %+v", out.child("authorization"))
	}
	if out.get("card", "number") != "512345XXXXXX0008" || out.get("card", "expirationDate") != "0139" {
		t.Errorf("card %+v", out.child("card"))
	}
	if out.get("linkedTransactionId") != out.get("transaction", "id") || out.get("transaction", "isDuplicated") != "0" {
		t.Errorf("transaction %+v, linked to %s", out.child("transaction"), out.get("linkedTransactionId"))
	}
	if got := private(out, privateKey); got != "K" {
		t.Errorf("private data come back as %q", got)
	}
	if n := b.charges("ORDER-1"); n != 1 {
		t.Errorf("charged %d times", n)
	}
	later := b.want(approved, opAuthorization, paying(actionNext, "1000"), anyCard(), ordering("ORDER-2"), text("linkedTransactionId", out.get("transaction", "id")))
	if later.get("linkedTransactionId") != out.get("transaction", "id") {
		t.Errorf("a later payment of the series is linked to %q", later.get("linkedTransactionId"))
	}
}

func TestPublishedTriggersDecide(t *testing.T) {
	for name, test := range map[string]struct{ number, kind, expiry, amount, want string }{
		"an amount that declines":                  {mastercardNumber, "MASTERCARD", "0139", "33305", "01100"},
		"an amount that asks for 3-D Secure":       {mastercardNumber, "CB", "0139", "33316", "01131"},
		"an amount that approves":                  {mastercardNumber, "MASTERCARD", "0139", "33308", "00000"},
		"an amount of the older list":              {mastercardNumber, "MASTERCARD", "0139", "33343", "01209"},
		"a generated card that is lost":            {generated("4970109019", "01208"), "CB", "0139", "1000", "01208"},
		"the generated card of the documentation":  {"4970109019011003", "VISA", "0139", "1000", "01100"},
		"a generated card before an amount":        {generated("5100000009", "00000"), "MASTERCARD", "0139", "33305", "00000"},
		"the expiry that declines everywhere":      {visaNumber, "VISA", stage.DeclinedExpiry, "1000", "01100"},
		"an expired card":                          {visaNumber, "VISA", "1026", "1000", "01101"},
		"a card in its last month":                 {visaNumber, "VISA", "1126", "1000", "00000"},
		"a number that is no published test card":  {"4111111111111129", "VISA", "0139", "1000", "01111"},
		"a generated card with an unlisted code":   {generated("4970109019", "09999"), "VISA", "0139", "1000", "01111"},
		"a number that fails the Luhn check":       {"4508750015741018", "VISA", "0139", "1000", "02614"},
		"a number that is no number":               {"45087500157410AA", "VISA", "0139", "1000", "02625"},
		"a type that no card has":                  {visaNumber, "GOLD", "0139", "1000", "02305"},
		"an expiry that is no month":               {visaNumber, "VISA", "1339", "1000", "02305"},
		"an amount that is not whole minor units":  {visaNumber, "VISA", "0139", "10.00", "02110"},
		"an amount of nothing":                     {visaNumber, "VISA", "0139", "0", "02110"},
		"American Express, whose type must be its": {"371881634498004", "AMEX", "0139", "1000", "00000"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			b.want(test.want, opAuthorization, paying(actionAuthorize, test.amount), cardWith(test.number, test.kind, test.expiry), ordering("R"))
			n := 0
			if test.want == approved {
				n = 1
			}
			if got := b.charges("R"); got != n {
				t.Errorf("charged %d times, want %d", got, n)
			}
		})
	}
	t.Run("an amount decides in euros alone", func(t *testing.T) {
		b := newBench(t, stage.Options{})
		p := paying(actionAuthorize, "33305")
		p.put(text("currency", "840"))
		b.want(approved, opAuthorization, p, anyCard(), ordering("R"))
	})
}

// generated completes a generated test number.
func generated(ten, code string) string { return ten + code + string(stage.LuhnDigit(ten+code)) }

func TestPaymentsAreRefusedForWhatIsWrongWithThem(t *testing.T) {
	for name, test := range map[string]struct {
		want   string
		change func(payment, order, card *element)
	}{
		"an action of another operation":     {"02321", func(p, _, _ *element) { p.put(text("action", "201")) }},
		"a mode of another operation":        {"02308", func(p, _, _ *element) { p.put(text("mode", modeTimes)) }},
		"a currency that is none":            {"01181", func(p, _, _ *element) { p.put(text("currency", "999")) }},
		"a currency by letters":              {"02305", func(p, _, _ *element) { p.put(text("currency", "EUR")) }},
		"no contract":                        {"02303", func(p, _, _ *element) { p.put(&element{name: "contractNumber"}) }},
		"deferred without a day":             {"02305", func(p, _, _ *element) { p.put(text("mode", modeDeferred)) }},
		"a day without deferral":             {"02305", func(p, _, _ *element) { p.put(text("differedActionDate", "24/11/26")) }},
		"an order date that is none":         {"02305", func(_, o, _ *element) { o.put(text("date", "2026-11-22")) }},
		"a backslash in the order reference": {"02305", func(_, o, _ *element) { o.put(text("ref", `A\B`)) }},
		"an order reference of 51":           {"02305", func(_, o, _ *element) { o.put(text("ref", strings.Repeat("r", 51))) }},
		"number and token":                   {"02538", func(_, _, c *element) { c.put(text("token", "5123T00000000010008")) }},
		"an encrypted card":                  {"02201", func(_, _, c *element) { c.put(text("encryptionKeyId", "1")) }},
		"a token that is nobody's": {"02540", func(_, _, c *element) {
			c.put(&element{name: "number"})
			c.put(text("token", "5123T00000000010008"))
		}},
		"a deferral of seven days": {"02305", func(p, _, _ *element) {
			p.put(text("mode", modeDeferred))
			p.put(text("differedActionDate", "29/11/2026"))
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			p, o, c := paying(actionAuthorize, "1000"), ordering("R"), anyCard()
			test.change(p, o, c)
			b.want(test.want, opAuthorization, p, o, c)
			if b.stage.Counts.Refusals.Load() != 1 || b.stage.Counts.Orders.Load() != 0 {
				t.Error("a refusal must be counted and leave nothing")
			}
		})
	}
}

func TestTheDuplicateControl(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	walletPayment := func(ref, amount string) []*element {
		return []*element{paying(actionCaptured, amount), ordering(ref), text("walletId", "W")}
	}
	b.want(approved, opWalletPayment, walletPayment("A", "1000")...)
	twin := b.want(duplicate, opWalletPayment, walletPayment("A", "1000")...)
	if twin.get("transaction", "isDuplicated") != "1" || b.charges("A") != 1 {
		t.Errorf("%+v, charged %d times", twin.child("transaction"), b.charges("A"))
	}
	b.want(approved, opWalletPayment, walletPayment("A", "1001")...)
	b.want("01100", opWalletPayment, walletPayment("B", "33305")...)
	b.want("01100", opWalletPayment, walletPayment("B", "33305")...) // only what was accepted counts
	b.now = b.now.AddDate(0, 0, 1)
	b.want(duplicate, opWalletPayment, walletPayment("A", "1000")...)
	b.now = b.now.AddDate(0, 0, 1)
	b.want(approved, opWalletPayment, walletPayment("A", "1000")...)
	if n := b.charges("A"); n != 3 {
		t.Errorf("charged %d times, want 3: the control looks back one day", n)
	}
}

func TestAVerificationMovesNothing(t *testing.T) {
	b := newBench(t, stage.Options{})
	out := b.want(approved, opAuthorization, paying(actionVerify, "0"), anyCard(), ordering("V"))
	b.want("02313", opCapture, following(out.get("transaction", "id"), actionCapture, "1", "C")...)
	if b.charges("V") != 0 || b.stage.Counts.Charges.Load() != 0 {
		t.Error("a verification was counted as a charge")
	}
}

func TestReAuthorization(t *testing.T) {
	again := func(id, ref string, change func(p *element)) []*element {
		p := paying(actionReAuthorize, "2500")
		if change != nil {
			change(p)
		}
		return []*element{text("transactionID", id), p, ordering(ref)}
	}
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	b.want("02301", opReAuthorization, again("14000000000000", "Z", nil)...)
	b.want(duplicate, opReAuthorization, again(id, "A", nil)...)
	b.want(duplicate, opReAuthorization, append(again(id, "", nil)[:2], object("order", &element{name: "ref"}, text("amount", "1"), text("currency", euro), text("date", "22/11/2026 10:00")))...)
	b.want("02303", opReAuthorization, again(id, "Z", func(p *element) { p.put(text("contractNumber", "7654321")) })...)
	b.want("02620", opReAuthorization, again(id, "Z", func(p *element) { p.put(text("currency", "840")) })...)
	second := b.want(approved, opReAuthorization, again(id, "Z1", nil)...).get("transaction", "id")
	b.want(duplicate, opReAuthorization, again(id, "Z1", nil)...)
	third := b.want(approved, opReAuthorization, again(second, "Z2", nil)...).get("transaction", "id")
	b.want(approved, opCapture, following(third, actionCapture, "2500", "C")...)
	b.want(approved, opReset, following(second, "", "", "X")...)
	b.want(approved, opReAuthorization, again(second, "Z3", nil)...) // also of a cancelled one
	declined := b.want("01100", opAuthorization, paying(actionAuthorize, "33305"), anyCard(), ordering("D")).get("transaction", "id")
	b.want("02302", opReAuthorization, again(declined, "Z4", nil)...)
	b.now = b.now.AddDate(0, 11, 1)
	b.want("02602", opReAuthorization, again(id, "Z5", nil)...)
	if b.charges("Z1") != 1 || b.charges("Z2") != 1 {
		t.Error("a re-authorization counts once")
	}
}
