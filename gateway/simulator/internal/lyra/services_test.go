package lyra

import (
	"fmt"
	"strings"
	"testing"

	"cardbatch/gateway/simulator/stage"
)

func subscribing(orderID, alias string) string {
	return fmt.Sprintf(`{"amount":1500,"currency":"EUR","orderId":%q,"paymentMethodToken":%q,"effectDate":"2026-12-01T00:00:00+00:00","rrule":"RRULE:FREQ=MONTHLY;COUNT=12;BYMONTHDAY=10","metadata":{"order_ref":"SUB-1"}}`, orderID, alias)
}

func TestWhatMayBeDoneToATransaction(t *testing.T) {
	type step struct {
		service string
		fields  string // beside the uuid
		want    string
	}
	const day = "" // a step without a service: the night passes
	for name, c := range map[string]struct {
		manual bool
		steps  []step
	}{
		"a payment is captured by night, then refunded in parts": {false, []step{
			{"Transaction/CancelOrRefund", `"resolutionMode":"REFUND_ONLY","amount":400`, codeTooEarly},
			{day, "", ""},
			{"Transaction/Get", "", "PAID CAPTURED"},
			{"Transaction/Cancel", "", codeTooLate},
			{"Transaction/CancelOrRefund", `"resolutionMode":"CANCELLATION_ONLY"`, codeTooLate},
			{"Transaction/CancelOrRefund", `"amount":400,"currency":"USD"`, codeCurrency},
			{"Transaction/CancelOrRefund", `"amount":400,"currency":"EUR"`, "PAID AUTHORISED"},
			{"Transaction/CancelOrRefund", `"amount":601`, codeAmount},
			{"Transaction/CancelOrRefund", `"resolutionMode":"REFUND_ONLY"`, "PAID AUTHORISED"},
			{"Transaction/CancelOrRefund", `"resolutionMode":"REFUND_ONLY"`, codeAmount},
		}},
		"a payment is cancelled before its capture, once": {false, []step{
			{"Transaction/CancelOrRefund", `"amount":999`, codeAmount},
			{"Transaction/CancelOrRefund", `"resolutionMode":"CANCELLATION_ONLY"`, "UNPAID CANCELLED"},
			{"Transaction/CancelOrRefund", "", codeStatus},
			{"Transaction/Cancel", "", codeStatus},
			{day, "", ""},
			{"Transaction/Get", "", "UNPAID CANCELLED"},
			{"Transaction/Duplicate", `"amount":2000,"currency":"EUR","orderId":"again"`, "PAID AUTHORISED"},
		}},
		"a reservation waits for its validation": {true, []step{
			{day, "", ""},
			{"Transaction/Get", "", "RUNNING AUTHORISED_TO_VALIDATE"},
			{"Transaction/Duplicate", `"amount":1,"currency":"EUR"`, codeStatus},
			{"Transaction/Validate", "", "PAID AUTHORISED"},
			{"Transaction/Validate", "", codeStatus},
			{day, "", ""},
			{"Transaction/Get", "", "PAID CAPTURED"},
			{"Transaction/Validate", "", codeStatus},
		}},
		"a reservation is lowered, then captured": {true, []step{
			{"Transaction/Update", `"cardUpdate":{"amount":1001,"currency":"EUR"}`, codeAmount},
			{"Transaction/Update", `"cardUpdate":{"amount":600,"currency":"USD"}`, codeCurrency},
			{"Transaction/Update", `"cardUpdate":{"amount":600,"currency":"EUR"}`, "RUNNING AUTHORISED_TO_VALIDATE"},
			{"Transaction/Update", `"cardUpdate":{"amount":600,"currency":"EUR"}`, codeNothingChanged},
			{"Transaction/Update", `"cardUpdate":{"expectedCaptureDate":"2026-11-21T00:00:00Z"}`, codeDate},
			{"Transaction/Update", `"cardUpdate":{"manualValidation":"NO"}`, "PAID AUTHORISED"},
			{"Transaction/Capture", "", "code 0"},
			{"Transaction/Capture", "", codeStatus},
			{"Transaction/Update", `"cardUpdate":{"amount":500,"currency":"EUR"}`, codeStatus},
			{"Transaction/CancelOrRefund", `"amount":601`, codeAmount},
			{"Transaction/CancelOrRefund", `"amount":600`, "PAID AUTHORISED"},
		}},
		"a capture on a later day": {false, []step{
			{"Transaction/Update", `"cardUpdate":{"expectedCaptureDate":"2026-11-24T00:00:00Z"}`, "PAID AUTHORISED"},
			{day, "", ""},
			{day, "", ""},
			{"Transaction/Get", "", "PAID AUTHORISED"},
			{day, "", ""},
			{"Transaction/Get", "", "PAID CAPTURED"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, stage.Options{})
			body := paying("o", w.alias(visa, "1230"), 1000)
			if c.manual {
				body = strings.Replace(body, `"orderId"`, `"transactionOptions":{"cardOptions":{"manualValidation":"YES"}},"orderId"`, 1)
			}
			uuid := w.call("Charge/CreatePayment", body).transaction().UUID
			for i, s := range c.steps {
				if s.service == day {
					w.now = w.now.AddDate(0, 0, 1)
					continue
				}
				about := `"uuid":"` + uuid + `"`
				if s.service == "Transaction/Capture" {
					about = `"uuids":["` + uuid + `"]`
				}
				if s.fields != "" {
					about += ","
				}
				if got := w.call(s.service, "{"+about+s.fields+"}"); got.outcome() != s.want {
					t.Fatalf("step %d, %s: got %s, want %s", i, s.service, got.raw, s.want)
				}
			}
		})
	}
}

func TestEveryEffectIsCountedUnderItsKey(t *testing.T) {
	w := newWorld(t, stage.Options{})
	alias := w.alias(visa, "1230")
	manual := strings.Replace(paying("reserve", alias, 1000), `"orderId"`, `"transactionOptions":{"cardOptions":{"manualValidation":"YES"}},"orderId"`, 1)
	uuid := w.call("Charge/CreatePayment", manual).transaction().UUID
	w.call("Transaction/Update", `{"uuid":"`+uuid+`","cardUpdate":{"amount":600,"currency":"EUR"},"comment":"capture, lowered"}`)
	w.call("Transaction/Validate", `{"uuid":"`+uuid+`","comment":"capture of the reservation"}`)
	w.now = w.now.AddDate(0, 0, 1)
	refund := w.call("Transaction/CancelOrRefund", `{"uuid":"`+uuid+`","amount":100,"comment":"refund"}`).Answer.UUID
	w.call("Transaction/CancelOrRefund", `{"uuid":"`+refund+`","comment":"void"}`)
	w.call("Transaction/CancelOrRefund", `{"uuid":"`+uuid+`"}`)
	w.call("Charge/CreateSubscription", subscribing("subscribe", alias))
	w.call("Transaction/Duplicate", `{"uuid":"`+uuid+`","amount":700,"currency":"EUR","orderId":"again"}`)

	keys, payments, references := map[string]int{}, 0, map[string]int{}
	w.g.EachCharge(func(c stage.Charge) {
		keys[c.Key]++
		references[c.Reference]++
		if c.Payment {
			payments++
		}
	})
	want := map[string]int{"reserve": 1, "capture": 1, "refund": 1, "void": 1, "Transaction/CancelOrRefund " + uuid: 1, "subscribe": 1, "again": 1}
	if fmt.Sprint(keys) != fmt.Sprint(want) || payments != 2 || references["REF-1"] != 6 || references["SUB-1"] != 1 {
		t.Errorf("got %v, %d payments, %v; want %v", keys, payments, references, want)
	}
	if n := w.stage.Counts.Charges.Load(); n != int64(len(want)) {
		t.Errorf("%d effects counted, want %d", n, len(want))
	}
	if got := w.call("Transaction/Get", `{"uuid":"`+uuid+`"}`); got.Answer.TransactionDetails.CardDetails.CaptureResponse.RefundAmount != 600 {
		t.Errorf("the whole amount is refunded, the cancelled refund aside: %s", got.raw)
	}
}

func TestAliases(t *testing.T) {
	w := newWorld(t, stage.Options{})
	made := w.call("PCI/Charge/CreateToken", registering("o", visa, "1230")).transaction()
	alias := made.PaymentMethodToken
	named := `{"paymentMethodToken":"` + alias + `"}`
	if len(alias) != 32 || made.TransactionDetails.CardDetails.InitialIssuerTransactionIdentifier != stage.DigitsOf("o", 16) {
		t.Errorf("made: %+v", made)
	}
	if got := w.call("Token/Get", named); got.Answer.TokenDetails.Pan != "497010XXXXXX0055" || got.Answer.TokenDetails.ExpiryYear != 2030 || got.Answer.CancellationDate != "" {
		t.Errorf("shown: %s", got.raw)
	}
	silent := w.call("Charge/CreatePayment", paying("p", alias, 100)).transaction().TransactionDetails
	if silent.CardDetails.InitialIssuerTransactionIdentifier != stage.DigitsOf("o", 16) || silent.OccurrenceType != "RECURRENT_INTERMEDIAIRE" || silent.CardDetails.PaymentMethodSource != "TOKEN" {
		t.Errorf("a debit is chained to the making of the alias: %+v", silent)
	}
	renewed := w.call("Token/Update", `{"paymentMethodToken":"`+alias+`","orderId":"renew",`+cardForm("5970100300000067", "1131")+`}`)
	if renewed.outcome() != "PAID ACCEPTED" || renewed.transaction().PaymentMethodToken != alias {
		t.Errorf("another card: %s", renewed.raw)
	}
	if got := w.call("Token/Update", `{"paymentMethodToken":"`+alias+`",`+cardForm(noFunds, "1131")+`}`); got.outcome() != "UNPAID REFUSED ACQ_001 51" {
		t.Errorf("a card that is refused: %s", got.raw)
	}
	if got := w.call("Token/Get", named); got.Answer.TokenDetails.Pan != "597010XXXXXX0067" || got.Answer.TokenDetails.ExpiryMonth != 11 {
		t.Errorf("shown after two updates, one refused: %s", got.raw)
	}
	if got := w.call("Order/Get", `{"orderId":"renew"}`); got.outcome() != "PAID ACCEPTED" {
		t.Errorf("the update is found by its orderId: %s", got.raw)
	}
	chained := w.call("Charge/CreatePayment", paying("q", alias, 100)).transaction().TransactionDetails.CardDetails
	if chained.InitialIssuerTransactionIdentifier != stage.DigitsOf("renew", 16) {
		t.Errorf("the chaining reference is that of the new card: %+v", chained)
	}
	for i, s := range []struct{ service, want string }{
		{"Token/Reactivate", codeNothingChanged},
		{"Token/Cancel", "code 0"},
		{"Token/Cancel", codeAliasInvalid},
		{"Token/Reactivate", "code 0"},
		{"Token/Cancel", "code 0"},
	} {
		if got := w.call(s.service, named); got.outcome() != s.want {
			t.Errorf("step %d, %s: got %s, want %s", i, s.service, got.raw, s.want)
		}
	}
	if got := w.call("Token/Get", named); got.Answer.CancellationDate != "2026-11-22T03:00:00+00:00" {
		t.Errorf("shown when cancelled: %s", got.raw)
	}
	for service, body := range map[string]string{
		"Charge/CreatePayment":      paying("r", alias, 100),
		"Charge/CreateSubscription": subscribing("s", alias),
		"Token/Update":              `{"paymentMethodToken":"` + alias + `",` + cardForm(visa, "1231") + `}`,
	} {
		if got := w.call(service, body); got.outcome() != codeAliasInvalid {
			t.Errorf("%s with a cancelled alias: %s", service, got.raw)
		}
	}
}

func TestAnAliasOfATransaction(t *testing.T) {
	w := newWorld(t, stage.Options{})
	debit := w.call("PCI/Charge/CreatePayment", fmt.Sprintf(`{"amount":100,"currency":"EUR","formAction":"REGISTER_PAY","customer":{"email":"a@b.example"},%s}`, cardForm(visa, "1230"))).transaction()
	if debit.PaymentMethodToken == "" || debit.TransactionDetails.OccurrenceType != "RECURRENT_INITIAL" {
		t.Errorf("a payment that keeps its card: %+v", debit)
	}
	made := w.call("Charge/CreateTokenFromTransaction", `{"uuid":"`+debit.UUID+`","email":"a@b.example"}`)
	if made.Answer.Type != "V4/Token" || made.Answer.PaymentMethodToken == "" || made.Answer.PaymentMethodToken == debit.PaymentMethodToken {
		t.Errorf("from the payment: %s", made.raw)
	}
	verified := w.call("PCI/Charge/CreateToken", registering("o", visa, "1230")).transaction().UUID
	if got := w.call("Charge/CreateTokenFromTransaction", `{"uuid":"`+verified+`"}`); got.outcome() != codeAliasDenied {
		t.Errorf("from a verification: %s", got.raw)
	}
	if n := w.stage.Counts.Tokens.Load(); n != 3 {
		t.Errorf("%d aliases, want 3", n)
	}
}

func TestSubscriptions(t *testing.T) {
	w := newWorld(t, stage.Options{})
	alias := w.alias(visa, "1230")
	made := w.call("Charge/CreateSubscription", subscribing("s", alias))
	id := made.Answer.SubscriptionID
	if id == "" || made.Answer.Type != "V4/SubscriptionCreated" || w.charges("s") != 1 {
		t.Fatalf("made: %s", made.raw)
	}
	if got := w.call("Order/Get", `{"orderId":"s"}`); got.outcome() != codeNotFound {
		t.Errorf("a subscription is no transaction: %s", got.raw)
	}
	named := `"subscriptionId":"` + id + `","paymentMethodToken":"` + alias + `"`
	if got := w.call("Subscription/Get", "{"+named+"}"); got.Answer.SubscriptionID != id || !strings.Contains(got.raw, `"totalPaymentsNumber":12`) || got.Answer.CancelDate != "" {
		t.Errorf("shown: %s", got.raw)
	}
	terms := named + `,"amount":1600,"currency":"EUR","effectDate":"2026-12-02T00:00:00Z","rrule":"RRULE:FREQ=WEEKLY"`
	for i, s := range []struct{ service, fields, want string }{
		{"Subscription/Update", terms, "code 0"},
		{"Subscription/Update", strings.Replace(terms, "2026-12", "2026-10", 1), codeDate},
		{"Subscription/Update", strings.Replace(terms, "WEEKLY", "SOMETIMES", 1), codeRule},
		{"Subscription/Get", strings.Replace(named, id, "00", 1), codeSubscription},
		{"Subscription/Cancel", strings.Replace(named, id, "00", 1), "code 32"},
		{"Subscription/Cancel", strings.Replace(named, alias, "00", 1), "code 30"},
		{"Subscription/Cancel", named + `,"terminationDate":"2026-11-01T00:00:00Z"`, codeDate},
		{"Subscription/Cancel", named + `,"terminationDate":"2026-11-30T00:00:00Z"`, "code 0"},
		{"Subscription/Cancel", named, codeRule},
		{"Subscription/Update", terms, codeRule},
	} {
		if got := w.call(s.service, "{"+s.fields+"}"); got.outcome() != s.want {
			t.Errorf("step %d, %s: got %s, want %s", i, s.service, got.raw, s.want)
		}
	}
	if got := w.call("Subscription/Get", "{"+named+"}"); got.Answer.CancelDate != "2026-11-30T00:00:00+00:00" || !strings.Contains(got.raw, `"amount":1600`) {
		t.Errorf("shown at the end: %s", got.raw)
	}

	begun := w.call("Charge/CreateSubscription", subscribing("t", alias)).Answer.SubscriptionID
	w.now = w.now.AddDate(0, 0, 9)
	if got := w.call("Subscription/Update", "{"+strings.Replace(terms, id, begun, 1)+"}"); got.outcome() != codeRule {
		t.Errorf("terms do not change once it has begun: %s", got.raw)
	}
	if got := w.call("Charge/CreateSubscription", subscribing("u", w.alias(visa, "1230"))); got.Answer.SubscriptionID == "" {
		t.Errorf("one that begins today: %s", got.raw)
	}
}

func TestRules(t *testing.T) {
	for text, ok := range map[string]bool{
		// The rules of the facts, section 6.5.
		"RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1;COUNT=12":        true,
		"RRULE:FREQ=MONTHLY;COUNT=5;BYMONTHDAY=-1":                              true,
		"RRULE:FREQ=YEARLY;BYMONTHDAY=-1;BYMONTH=1,4,7,10;UNTIL=20221231":       true,
		"RRULE:FREQ=WEEKLY;BYDAY=MO":                                            true,
		"RRULE:FREQ=WEEKLY":                                                     true,
		"RRULE:FREQ=WEEKLY;INTERVAL=2;COUNT=4;BYDAY=MO":                         true,
		"RRULE:FREQ=DAILY;COUNT=1":                                              true,
		"FREQ=WEEKLY":                                                           false,
		"RRULE:FREQ=HOURLY":                                                     false,
		"RRULE:FREQ=WEEKLY; COUNT=1":                                            false,
		"RRULE:COUNT=1":                                                         false,
		"RRULE:FREQ=MONTHLY;BYMONTHDAY=":                                        false,
		"RRULE:FREQ=WEEKLY;BYDAY=XX":                                            false,
		"RRULE:FREQ=WEEKLY;UNTIL=2022-12-31":                                    false,
		"RRULE:FREQ=WEEKLY;" + strings.Repeat("COUNT=1;", 3) + "SOMETHING=else": false,
	} {
		if rule.MatchString(text) != ok {
			t.Errorf("%s: taken %v, want %v", text, !ok, ok)
		}
	}
}

func TestRequestsAreChecked(t *testing.T) {
	w := newWorld(t, stage.Options{})
	alias := w.alias(visa, "1230")
	payment, keep, subscription := paying("o", alias, 100), registering("k", visa, "1230"), subscribing("s", alias)
	const silent, pciToken, pciPayment, newSubscription = "Charge/CreatePayment", "PCI/Charge/CreateToken", "PCI/Charge/CreatePayment", "Charge/CreateSubscription"
	pci := fmt.Sprintf(`{"amount":100,"currency":"EUR",%s}`, cardForm(visa, "1230"))
	for name, c := range map[string]struct{ service, body, from, to, want string }{
		"no JSON":                          {silent, payment, "{", "<", codeInput},
		"no amount":                        {silent, payment, `"amount":100,`, ``, codeInput},
		"an amount that is a text":         {silent, payment, `100`, `"100"`, codeInput},
		"a fraction of a minor unit":       {silent, payment, `100`, `100.5`, codeInput},
		"nothing to pay":                   {silent, payment, `100`, `0`, codeAmount},
		"a negative amount":                {silent, payment, `100`, `-100`, codeAmount},
		"thirteen digits":                  {silent, payment, `100`, `1000000000000`, codeAmount},
		"no currency":                      {silent, payment, `"EUR"`, `""`, codeInput},
		"a numeric currency":               {silent, payment, `"EUR"`, `"978"`, codeCurrency},
		"no alias":                         {silent, payment, alias, ``, codeNoAlias},
		"an unknown alias":                 {silent, payment, alias, strings.Repeat("0", 32), codeAlias},
		"an unknown form action":           {silent, payment, `SILENT`, `LOUD`, codeInput},
		"an orderId of 65":                 {silent, payment, `"o"`, `"` + strings.Repeat("o", 65) + `"`, codeInput},
		"metadata that are no texts":       {silent, payment, `"REF-1"`, `{}`, codeInput},
		"an unknown validation":            {silent, payment, `"orderId"`, `"transactionOptions":{"cardOptions":{"manualValidation":"1"}},"orderId"`, codeInput},
		"an unknown source":                {silent, payment, `"orderId"`, `"transactionOptions":{"cardOptions":{"paymentSource":"WEB"}},"orderId"`, codeInput},
		"a capture before the payment":     {silent, payment, `"orderId"`, `"transactionOptions":{"cardOptions":{"captureDelay":-1}},"orderId"`, codeInput},
		"a card where none is taken":       {silent, payment, `"orderId"`, cardForm(visa, "1230") + `,"orderId"`, codeNotAllowed},
		"a card to the form":               {"Charge/CreateToken", keep, `{`, `{`, codeNotAllowed},
		"a card that is not published":     {pciToken, keep, visa, "4970100000000014", codeCard},
		"month 13":                         {pciToken, keep, `"12"`, `"13"`, codeExpiry},
		"a year of three digits":           {pciToken, keep, `"2030"`, `"030"`, codeExpiry},
		"no e-mail":                        {pciToken, keep, `jean@example.com`, ``, codeEmail},
		"no card":                          {pciToken, keep, visa, ``, codeInput},
		"an IBAN":                          {pciPayment, pci, `"CARD"`, `"SDD"`, codeInput},
		"an unpublished card with a token": {pciPayment, pci, visa, `4970100000000014","paymentMethodToken":"` + alias, codeCard},
		"a subscription without alias":     {newSubscription, subscription, alias, ``, codeNoAlias},
		"one on an unknown alias":          {newSubscription, subscription, alias, `ff`, codeAlias},
		"one that began yesterday":         {newSubscription, subscription, `2026-12-01`, `2026-11-21`, codeDate},
		"one that begins on no date":       {newSubscription, subscription, `2026-12-01T00:00:00+00:00`, `20261201`, codeInput},
		"one with a bad rule":              {newSubscription, subscription, `FREQ=MONTHLY`, `FREQ=NEVER`, codeRule},
		"a first amount of nothing":        {newSubscription, subscription, `"orderId"`, `"initialAmount":0,"initialAmountNumber":1,"orderId"`, codeAmount},
		"an order without id":              {"Order/Get", `{}`, `{`, `{`, codeInput},
		"an unknown order":                 {"Order/Get", `{"orderId":"x"}`, `{`, `{`, codeNotFound},
		"an unknown transaction":           {"Transaction/Get", `{"uuid":"x"}`, `{`, `{`, codeNotFound},
		"a cancellation of nothing":        {"Transaction/Cancel", `{"uuid":"zz"}`, `{`, `{`, codeNotFound},
		"a refund of nothing":              {"Transaction/CancelOrRefund", `{"uuid":"00"}`, `{`, `{`, codeNotFound},
		"no uuid":                          {"Transaction/Validate", `{}`, `{`, `{`, codeInput},
		"no uuids":                         {"Transaction/Capture", `{"uuids":[]}`, `{`, `{`, codeInput},
		"an unknown resolution":            {"Transaction/CancelOrRefund", `{"uuid":"00","resolutionMode":"BOTH"}`, `{`, `{`, codeInput},
		"an unknown alias shown":           {"Token/Get", `{"paymentMethodToken":"00"}`, `{`, `{`, codeAlias},
		"no alias to show":                 {"Token/Get", `{}`, `{`, `{`, codeNoAlias},
	} {
		t.Run(name, func(t *testing.T) {
			got := w.call(c.service, strings.Replace(c.body, c.from, c.to, 1))
			if got.status != 200 || got.Status != failed || got.outcome() != c.want {
				t.Errorf("got %d %s, want %s", got.status, got.raw, c.want)
			}
			if strings.Contains(got.raw, "4970100000000014") || strings.Contains(got.raw, visa) {
				t.Error("the answer quotes a card number")
			}
		})
	}
	if n := w.stage.Counts.Orders.Load(); n != 1 {
		t.Errorf("%d transactions came of refusals", n-1)
	}
}
