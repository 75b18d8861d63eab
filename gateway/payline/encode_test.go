package payline

import (
	"encoding/xml"
	"fmt"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// inner is the message without the envelope and the namespaces.
func inner(t *testing.T, message []byte) string {
	t.Helper()
	text, ok := strings.CutPrefix(string(message), envelopeHead)
	text, ok2 := strings.CutSuffix(text, envelopeTail)
	if !ok || !ok2 || xml.Unmarshal(message, new(struct{})) != nil {
		t.Fatalf("not a message: %s", message)
	}
	text = strings.ReplaceAll(text, ` xmlns="`+messageSpace+`"`, "")
	return strings.ReplaceAll(text, ` xsi:nil="true"`, " nil")
}

const (
	allData    = `<privateDataList><o:privateData><o:key>order_ref</o:key><o:value>INV &lt;1&gt; &amp; &quot;co&quot;</o:value></o:privateData><o:privateData><o:key>cardbatch</o:key><o:value>aaaaaaaaaaaaaaaaaaaaaaaaaa</o:value></o:privateData><o:privateData><o:key>shop</o:key><o:value>7</o:value></o:privateData><o:privateData><o:key>é</o:key><o:value></o:value></o:privateData></privateDataList>`
	ourOrder   = `<order><o:ref>aaaaaaaaaaaaaaaaaaaaaaaaaa</o:ref><o:amount>2990</o:amount><o:currency>978</o:currency><o:date>21/11/2026 22:15</o:date></order>`
	numberCard = `<o:number>5123450000000008</o:number><o:type>MASTERCARD</o:type><o:expirationDate>0139</o:expirationDate><o:cardholder>Zoë Doe</o:cardholder>`
	nilBank    = `<bankAccountData><o:countryCode nil/><o:bankCode nil/><o:accountNumber nil/><o:key nil/></bankAccountData>`
)

func TestMessages(t *testing.T) {
	for command, want := range map[batch.Command]string{
		batch.CreateWallet: `<createWalletRequest><version>34</version><contractNumber>1234567</contractNumber>` +
			`<wallet><o:walletId>W-42</o:walletId><o:lastName>Doe</o:lastName><o:firstName>Zoë</o:firstName><o:email>zoe@example.com</o:email><o:card>` + numberCard + `</o:card><o:comment>a &apos;comment&apos;</o:comment></wallet>` +
			`<buyer nil/><owner nil/>` + allData + `<authentication3DSecure nil/><media nil/><contractNumberWalletList nil/><transactionID nil/></createWalletRequest>`,
		batch.DoImmediateWalletPayment: `<doImmediateWalletPaymentRequest><version>34</version>` +
			`<payment><o:amount>2990</o:amount><o:currency>978</o:currency><o:action>100</o:action><o:mode>DIF</o:mode><o:contractNumber>1234567</o:contractNumber><o:differedActionDate>25/11/2026</o:differedActionDate><o:softDescriptor>ACME*SHOP</o:softDescriptor></payment>` +
			ourOrder + `<buyer nil/><walletId>W-42</walletId><cardInd>2</cardInd><cvx nil/>` + allData +
			`<media nil/><authentication3DSecure nil/><subMerchant nil/><linkedTransactionId>TRX-FIRST</linkedTransactionId><threeDSInfo nil/></doImmediateWalletPaymentRequest>`,
		batch.DoRecurrentWalletPayment: `<doRecurrentWalletPaymentRequest><version>34</version>` +
			`<payment><o:amount>2990</o:amount><o:currency>978</o:currency><o:action>101</o:action><o:mode>REC</o:mode><o:contractNumber>1234567</o:contractNumber><o:softDescriptor>ACME*SHOP</o:softDescriptor></payment>` +
			`<orderRef>aaaaaaaaaaaaaaaaaaaaaaaaaa</orderRef><orderDate>21/11/2026 22:15</orderDate><scheduledDate>31/12/2026</scheduledDate><walletId>W-42</walletId><cardInd>2</cardInd><cvx nil/>` +
			`<recurring><o:firstAmount>990</o:firstAmount><o:amount>1000</o:amount><o:billingCycle>40</o:billingCycle><o:billingLeft>3</o:billingLeft><o:billingDay>31</o:billingDay><o:startDate>31/12/2026</o:startDate><o:endDate>31/12/2027</o:endDate><o:newAmount nil/><o:amountModificationDate nil/><o:billingRank nil/></recurring>` +
			allData + ourOrder + `<media nil/><linkedTransactionId>TRX-FIRST</linkedTransactionId></doRecurrentWalletPaymentRequest>`,
		batch.DoAuthorization: `<doAuthorizationRequest><transient nil/><version>34</version>` +
			`<payment><o:amount>2990</o:amount><o:currency>978</o:currency><o:action>101</o:action><o:mode>CPT</o:mode><o:contractNumber>1234567</o:contractNumber><o:softDescriptor>ACME*SHOP</o:softDescriptor></payment>` +
			nilBank + `<card>` + numberCard + `</card>` + ourOrder + `<buyer nil/><owner nil/>` + allData +
			`<authentication3DSecure nil/><media nil/><subMerchant nil/><asynchronousRetryTimeout nil/><linkedTransactionId>TRX-FIRST</linkedTransactionId><threeDSInfo nil/><recurring nil/></doAuthorizationRequest>`,
		batch.DoCapture: `<doCaptureRequest><version>34</version><transactionID>TRX-1</transactionID>` +
			`<payment><o:amount>2990</o:amount><o:currency>978</o:currency><o:action>201</o:action><o:mode>CPT</o:mode><o:contractNumber>1234567</o:contractNumber><o:softDescriptor>ACME*SHOP</o:softDescriptor></payment>` +
			allData + `<sequenceNumber>aaaaaaaaaaaaaaaaaaaaaaaaaa</sequenceNumber><media nil/><miscData nil/></doCaptureRequest>`,
		batch.DoReset: `<doResetRequest><version>34</version><transactionID>TRX-1</transactionID><comment>a &apos;comment&apos;</comment><media nil/><amount>2990</amount><currency>978</currency>` +
			allData + `<sequenceNumber>aaaaaaaaaaaaaaaaaaaaaaaaaa</sequenceNumber></doResetRequest>`,
		batch.DisableWallet:        `<disableWalletRequest><contractNumber>1234567</contractNumber><cardInd>2</cardInd><walletIdList><o:walletId>W-42</o:walletId></walletIdList></disableWalletRequest>`,
		batch.EnableWallet:         `<enableWalletRequest><contractNumber>1234567</contractNumber><cardInd>2</cardInd><walletId>W-42</walletId></enableWalletRequest>`,
		batch.DisablePaymentRecord: `<disablePaymentRecordRequest><contractNumber>1234567</contractNumber><paymentRecordId>173661</paymentRecordId></disablePaymentRecordRequest>`,
	} {
		t.Run(string(command), func(t *testing.T) {
			req := requests()[command]
			op := operationOf(&req)
			e := encoder{version: 34, now: testNow}
			e.message(op.name, func(e *encoder) { op.write(e, &req) })
			if got := inner(t, e.Buf); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestOldVersionsLackNewerFields(t *testing.T) {
	write := func(command batch.Command, version int) string {
		req := requests()[command]
		req.Mode = ""
		e := encoder{version: version, now: testNow}
		e.message("x", func(e *encoder) { operationOf(&req).write(e, &req) })
		return inner(t, e.Buf)
	}
	for _, c := range []struct {
		command batch.Command
		since   int
		part    string
	}{
		{batch.DoImmediateWalletPayment, 13, "softDescriptor"},
		{batch.DoImmediateWalletPayment, 26, "<linkedTransactionId>"},
		{batch.DoReset, 24, "<privateDataList>"},
	} {
		if strings.Contains(write(c.command, c.since-1), c.part) || !strings.Contains(write(c.command, c.since), c.part) {
			t.Errorf("%s does not begin with version %d of %s", c.part, c.since, c.command)
		}
	}
}

func TestActionsOfPayments(t *testing.T) {
	series := &batch.Agreement{ID: "A"}
	for name, c := range map[string]struct {
		req    gateway.Request
		series bool
		want   string
	}{
		"a wallet payment is captured at once":   {gateway.Request{Command: batch.DoImmediateWalletPayment}, false, "101"},
		"unless the line says 100":               {gateway.Request{Command: batch.DoImmediateWalletPayment, Action: "100"}, false, "100"},
		"an authorization is not captured":       {gateway.Request{Command: batch.DoAuthorization}, false, "100"},
		"unless the line says 101":               {gateway.Request{Command: batch.DoAuthorization, Action: "101"}, false, "101"},
		"a deferred payment is authorized now":   {gateway.Request{Command: batch.DoImmediateWalletPayment, Action: "101", Mode: "DIF"}, false, "100"},
		"a verification":                         {gateway.Request{Command: batch.Verify, Action: "100"}, true, "108"},
		"a series is not told apart by default":  {gateway.Request{Command: batch.DoAuthorization, Action: "101", Credential: gateway.Credential{Agreement: series, First: true}}, false, "101"},
		"the first of a series, when it is":      {gateway.Request{Command: batch.DoAuthorization, Action: "101", Credential: gateway.Credential{Agreement: series, First: true}}, true, "111"},
		"a later one by the merchant":            {gateway.Request{Command: batch.DoImmediateWalletPayment, Action: "100", Credential: gateway.Credential{Agreement: series, Source: batch.SourceMerchant}}, true, "120"},
		"a later one by the payer is an own one": {gateway.Request{Command: batch.DoImmediateWalletPayment, Action: "101", Credential: gateway.Credential{Agreement: series, Source: "INTERNET"}}, true, "101"},
	} {
		e := encoder{seriesActions: c.series}
		if got := e.action(&c.req); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestTheChainOfASeries(t *testing.T) {
	for name, c := range map[string]struct {
		credential gateway.Credential
		want       string
	}{
		"names the first transaction":             {gateway.Credential{Source: batch.SourceMerchant, Trace: "MCC123", Agreement: &batch.Agreement{FirstID: "TRX-1"}}, "TRX-1"},
		"or its scheme id when it was elsewhere":  {gateway.Credential{Source: batch.SourceMerchant, Trace: "MCC123", Agreement: &batch.Agreement{}}, "MCC123"},
		"outside an agreement too":                {gateway.Credential{Source: batch.SourceMerchant, Trace: "MCC123"}, "MCC123"},
		"and nothing when the cardholder is here": {gateway.Credential{Source: "INTERNET", Trace: "MCC123", Agreement: &batch.Agreement{FirstID: "TRX-1"}}, ""},
	} {
		e := encoder{version: 34}
		e.linked(&gateway.Request{Credential: c.credential})
		want := "<linkedTransactionId>" + c.want + "</linkedTransactionId>"
		if c.want == "" {
			want = `<linkedTransactionId xsi:nil="true"/>`
		}
		if got := string(e.Buf); got != want {
			t.Errorf("%s: got %s", name, got)
		}
	}
}

func TestWhatAWalletLineSaysAboutTheCard(t *testing.T) {
	kept := batch.Card{Index: 1, Token: "T1", Expiry: "0139", Cardholder: "Zoë", Type: "VISA"}
	w := &batch.Wallet{ID: "W", DefaultCard: 1, Cards: []batch.Card{kept}}
	as := func(change func(*gateway.Card)) gateway.Card {
		c := gateway.Card{Token: "T1", Expiry: "0139", Cardholder: "Zoë", Type: "VISA"}
		change(&c)
		return c
	}
	number := gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139", Type: "MASTERCARD"}
	for name, c := range map[string]struct{ given, want gateway.Card }{
		"the same card is not sent": {as(func(*gateway.Card) {}), gateway.Card{}},
		"a new number is, whole":    {number, number},
		"another token is, whole":   {as(func(c *gateway.Card) { c.Token = "T2" }), as(func(c *gateway.Card) { c.Token = "T2" })},
		"a new expiry goes alone":   {as(func(c *gateway.Card) { c.Expiry = "0240" }), gateway.Card{Expiry: "0240", Type: "VISA"}},
		"so does a new name":        {as(func(c *gateway.Card) { c.Cardholder = "Zoé" }), gateway.Card{Cardholder: "Zoé", Type: "VISA"}},
	} {
		if got := changedCard(&gateway.Request{Command: batch.UpdateWallet, Wallet: w, Card: c.given}); got != c.want {
			t.Errorf("%s: got %+v", name, got)
		}
	}
}

func TestANameIsCutWhereTheAuthorizationTakesLess(t *testing.T) {
	for text, want := range map[string]string{
		"":                             "",
		strings.Repeat("é", 30):        strings.Repeat("é", 30),
		strings.Repeat("é", 30) + "ab": strings.Repeat("é", 30),
	} {
		if got := firstChars(text, maxHolder); got != want {
			t.Errorf("%q: got %q", text, got)
		}
	}
}

func TestWhatIsRefusedBeforeItIsSent(t *testing.T) {
	var data []batch.PrivateDatum
	for i := range 98 {
		data = append(data, batch.PrivateDatum{Key: fmt.Sprint(i)})
	}
	for name, c := range map[string]struct {
		command batch.Command
		change  func(*gateway.Request)
		code    string
	}{
		"an action that does not exist":         {batch.DoAuthorization, func(r *gateway.Request) { r.Action = "129" }, "02321"},
		"a version that is no number":           {batch.DoCapture, func(r *gateway.Request) { r.Version = "new" }, "02305"},
		"too many private data":                 {batch.DoCapture, func(r *gateway.Request) { r.Private = data }, "02514"},
		"private data that is ours":             {batch.DoCapture, func(r *gateway.Request) { r.Private = data[:1]; r.Private[0].Key = "cardbatch" }, "02305"},
		"a follow-up of nothing":                {batch.DoRefund, func(r *gateway.Request) { r.Original = nil }, "02301"},
		"a re-authorization of nothing":         {batch.DoReAuthorization, func(r *gateway.Request) { r.Original.ID = "" }, "02301"},
		"a wallet payment without a wallet":     {batch.DoImmediateWalletPayment, func(r *gateway.Request) { r.Wallet = nil }, "02503"},
		"a wallet without a card":               {batch.CreateWallet, func(r *gateway.Request) { r.Card = gateway.Card{} }, "02305"},
		"a token of an unknown type":            {batch.CreateWallet, func(r *gateway.Request) { r.Card = gateway.Card{Token: "T"} }, "02305"},
		"a payment without a card":              {batch.DoAuthorization, func(r *gateway.Request) { r.Card = gateway.Card{} }, "02305"},
		"a payment without a currency":          {batch.DoAuthorization, func(r *gateway.Request) { r.Amount.Currency = "" }, "01181"},
		"a schedule without a date":             {batch.DoScheduledWalletPayment, func(r *gateway.Request) { r.Schedule = nil }, "02305"},
		"a payment record without a name":       {batch.DisablePaymentRecord, func(r *gateway.Request) { r.PaymentRecord = "" }, "02507"},
		"disabling a wallet that is not there":  {batch.DisableWallet, func(r *gateway.Request) { r.Wallet = nil }, "02503"},
		"a new card of a type that none can be": {batch.UpdateWallet, func(r *gateway.Request) { r.Card = gateway.Card{Token: "T"} }, "02305"},
	} {
		req := requests()[c.command]
		if a, bad := refuse(operationOf(&req), &req); bad {
			t.Fatalf("%s: refused before it was spoilt: %s", name, a.Message)
		}
		c.change(&req)
		a, bad := refuse(operationOf(&req), &req)
		if !bad || a.State != batch.Refused || a.Code != c.code {
			t.Errorf("%s: got %v %s (%s), want %s", name, bad, a.Code, a.Message, c.code)
		}
	}
}

func TestAKeptCardIsChargedThroughItsWallet(t *testing.T) {
	req := requests()[batch.DoAuthorization]
	if got := operationOf(&req).name; got != "doAuthorization" {
		t.Errorf("by number: %s", got)
	}
	req.Wallet = &batch.Wallet{ID: "W"}
	if got := operationOf(&req).name; got != "doAuthorization" {
		t.Errorf("by number, with a wallet: %s", got)
	}
	req.Card = gateway.Card{Token: "T"}
	if got := operationOf(&req).name; got != "doImmediateWalletPayment" {
		t.Errorf("through its wallet: %s", got)
	}
}
