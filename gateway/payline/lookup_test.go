package payline

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// platform answers each action by its inside, in turn; the last one stays.
type platform map[string][]string

func (p platform) client(t *testing.T, change func(*Config)) (*Client, *server) {
	t.Helper()
	turn := map[string]int{}
	s := serve(t, func(w http.ResponseWriter, action string) {
		answers := p[action]
		if len(answers) == 0 {
			http.Error(w, "not scripted", http.StatusInternalServerError)
			return
		}
		say(w, action, answers[min(turn[action], len(answers)-1)])
		turn[action]++
	})
	return testClient(t, func(c *Config) {
		c.Endpoint = s.URL
		if change != nil {
			change(c)
		}
	}), s
}

const (
	theTransaction = `<transaction><obj:id>T1</obj:id><obj:date>22/11/2026 03:04:05</obj:date></transaction>`
	theAmount      = `<payment><obj:amount>2990</obj:amount><obj:currency>978</obj:currency><obj:action>101</obj:action></payment>`
	theNumber      = `<authorization><obj:number>A55A</obj:number><obj:date>22/11/26 03:04:05</obj:date></authorization>`
	theOrder       = `<order><obj:ref>aaaaaaaaaaaaaaaaaaaaaaaaaa</obj:ref></order>`
	ours           = `<privateDataList><obj:privateData><obj:key>cardbatch</obj:key><obj:value>aaaaaaaaaaaaaaaaaaaaaaaaaa</obj:value></obj:privateData></privateDataList>`
	others         = `<privateDataList><obj:privateData><obj:key>cardbatch</obj:key><obj:value>bbbbbbbbbbbbbbbbbbbbbbbbbb</obj:value></obj:privateData></privateDataList>`
	oneFound       = `<transactionList><obj:transaction><obj:id>T1</obj:id></obj:transaction></transactionList>`
	twoFound       = `<transactionList><obj:transaction><obj:id>T1</obj:id></obj:transaction><obj:transaction><obj:id>T2</obj:id></obj:transaction></transactionList>`
	wallet42       = `<wallet><obj:walletId>W-42</obj:walletId><obj:card><obj:number>512345XXXXXX0008</obj:number><obj:type>MASTERCARD</obj:type><obj:expirationDate>0139</obj:expirationDate></obj:card></wallet>`
)

func cardOf(wallet, number, index, disabled, byDefault string) string {
	return `<obj:cards><obj:walletId>` + wallet + `</obj:walletId><obj:card><obj:number>` + number + `</obj:number><obj:type>MASTERCARD</obj:type><obj:expirationDate>0139</obj:expirationDate></obj:card>` +
		`<obj:cardInd>` + index + `</obj:cardInd><obj:isDisabled>` + disabled + `</obj:isDisabled><obj:default>` + byDefault + `</obj:default></obj:cards>`
}

func cards(list ...string) string {
	return resultOf("02500") + `<cardsList>` + strings.Join(list, "") + `</cardsList>`
}

func action(code string) string {
	return `<payment><obj:amount>2990</obj:amount><obj:currency>978</obj:currency><obj:action>` + code + `</obj:action></payment>`
}

// before makes a request one that was sent so many days ago.
func before(days int) func(*gateway.Request) {
	return func(r *gateway.Request) { r.SubmittedAt = testNow.AddDate(0, 0, -days) }
}

func TestWhatLookupsProve(t *testing.T) {
	const unknown, inDoubt = "unknown", "in doubt"
	for name, c := range map[string]struct {
		command  batch.Command
		change   func(*gateway.Request)
		platform platform
		want     string // unknown, in doubt, or state and code
	}{
		"a payment that was approved": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + theOrder}}, "approved 00000"},
		"a payment that was declined": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("01100") + theTransaction + theAmount + theOrder}}, "declined 01100"},
		"a payment under way": {batch.DoImmediateWalletPayment, nil, platform{
			"getTransactionDetails": {resultOf("02005") + theTransaction + theAmount + theOrder}}, "pending 02005"},
		"a payment that nobody knows": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02310")}}, unknown},
		"an approval without an authorization number may be the query's own": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theOrder}, "transactionsSearch": {resultOf("02310")}}, inDoubt},
		"unless it is found among the accepted ones": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theOrder}, "transactionsSearch": {resultOf("00000") + oneFound}}, "approved 00000"},
		"of which another one is no proof": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + strings.Replace(theTransaction, "T1", "T9", 1) + theAmount + theOrder}, "transactionsSearch": {resultOf("00000") + oneFound}}, inDoubt},
		"nor is one without a date": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + `<transaction><obj:id>T1</obj:id></transaction>` + theAmount + theOrder}, "transactionsSearch": {resultOf("00000") + oneFound}}, inDoubt},
		"a verification": {batch.Verify, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + action("108") + theNumber + theOrder}}, "approved 00000"},
		"a payment of another order": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + `<order><obj:ref>x</obj:ref></order>`}}, inDoubt},
		"a payment that names no order": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber}}, inDoubt},
		"a payment that names our key instead": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + ours}}, "approved 00000"},
		"a payment of another amount": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + strings.Replace(theAmount, "2990", "2991", 1) + theNumber + theOrder}}, inDoubt},
		"a payment whose key is another's": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + theOrder + others}}, inDoubt},
		"a payment that was captured since": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02311"),
				resultOf("00000") + theTransaction + theAmount + theNumber + theOrder,
				resultOf("00000") + theTransaction + action("201") + theNumber + theOrder},
			"transactionsSearch": {resultOf("00000") + twoFound}}, "approved 00000"},
		"a payment whose repetition was refused": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02311"),
				resultOf("02001") + theTransaction + theAmount + theOrder,
				resultOf("00000") + theTransaction + theAmount + theNumber + theOrder},
			"transactionsSearch": {resultOf("00000") + twoFound}}, "approved 00000"},
		"a payment that is found without dates only": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02310"), resultOf("00000") + theTransaction + theAmount + theNumber + theOrder}}, "approved 00000"},
		"a payment whose dates are too far apart": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02320"), resultOf("00000") + theTransaction + theAmount + theNumber + theOrder}}, "approved 00000"},
		"that it is not found without dates is then no proof": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02320"), resultOf("02310")}}, inDoubt},
		"nor that it is not found with dates, when the rest fails": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02310"), resultOf("02101")}}, inDoubt},
		"a payment in a period of which another one failed": {batch.DoAuthorization, before(40), platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + theOrder, resultOf("02101")}}, inDoubt},
		"a payment on the day that two periods share": {batch.DoAuthorization, before(40), platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + theOrder}}, "approved 00000"},
		"a payment and, in another period, a later try": {batch.DoAuthorization, before(40), platform{
			"getTransactionDetails": {
				resultOf("00000") + theTransaction + theAmount + theNumber + theOrder,
				resultOf("02001") + strings.Replace(theTransaction, "T1", "T2", 1) + theAmount + theOrder,
				resultOf("00000") + theTransaction + theAmount + theNumber + theOrder,
				resultOf("02001") + strings.Replace(theTransaction, "T1", "T2", 1) + theAmount + theOrder},
			"transactionsSearch": {resultOf("00000") + twoFound}}, "approved 00000"},
		"several that the search does not find": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02311")}, "transactionsSearch": {resultOf("02310")}}, inDoubt},
		"several of which one cannot be read": {batch.DoAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("02311"), resultOf("02310")}, "transactionsSearch": {resultOf("00000") + oneFound}}, inDoubt},
		"a re-authorization": {batch.DoReAuthorization, nil, platform{
			"getTransactionDetails": {resultOf("00000") + theTransaction + action("202") + theNumber + theOrder}}, "approved 00000"},

		"a capture": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("00000") + theTransaction + action("201")}}, "approved 00000"},
		"a refund that was refused": {batch.DoRefund, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("02314") + theTransaction + action("421")}}, "refused 02314"},
		"a reset": {batch.DoReset, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("00000") + theTransaction + theAmount}}, "approved 00000"},
		"a capture that nobody knows": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("02310")}}, unknown},
		"a search with an empty list": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("00000")}}, unknown},
		"a search that fails": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("02320")}}, inDoubt},
		"a capture that the search for accepted ones does not find": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound, resultOf("02310")}, "getTransactionDetails": {resultOf("00000") + theTransaction + action("201")}}, inDoubt},
		"a capture whose key is another's": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("00000") + theTransaction + action("201") + others}}, inDoubt},
		"a capture that was found and has no details": {batch.DoCapture, nil, platform{
			"transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("02310")}}, inDoubt},

		"a wallet that carries our key": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + ours}, "getCards": {cards(cardOf("W-42", "512345XXXXXX0008", "1", "0", "Y"))}}, "approved 02500"},
		"a wallet of another key was there before": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + others}}, "refused 02502"},
		"a wallet without a key is nobody's": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42}}, inDoubt},
		"a wallet that does not exist": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02503")}}, unknown},
		"an answer about another wallet": {batch.CreateWallet, nil, platform{
			"getWallet": {strings.Replace(resultOf("02500")+wallet42+ours, "W-42", "W-43", 1)}}, inDoubt},
		"our wallet whose cards cannot be read": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + ours}, "getCards": {resultOf("02101")}}, inDoubt},
		"our wallet with another card in it": {batch.CreateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + ours}, "getCards": {cards(cardOf("W-42", "4XXXXXXXXXXXXX83", "1", "0", "Y"))}}, inDoubt},
		"an update that was made": {batch.UpdateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + others + ours}, "getCards": {cards(cardOf("W-42", "4XXXXXXXXXXXXX83", "1", "0", "Y"), cardOf("W-42", "512345XXXXXX0008", "02", "0", "N"))}}, "approved 02500"},
		"an update that was not made": {batch.UpdateWallet, nil, platform{
			"getWallet": {resultOf("02500") + wallet42 + others}}, unknown},

		"a wallet that is disabled": {batch.DisableWallet, func(r *gateway.Request) { r.CardIndex = 0 }, platform{
			"getWallet": {resultOf("02500") + wallet42 + "<isDisabled>1</isDisabled>"}}, "approved 02500"},
		"a wallet that says so by its code": {batch.DisableWallet, func(r *gateway.Request) { r.CardIndex = 0 }, platform{
			"getWallet": {resultOf("02505")}}, "approved 02500"},
		"a wallet that is not disabled yet": {batch.DisableWallet, func(r *gateway.Request) { r.CardIndex = 0 }, platform{
			"getWallet": {resultOf("02500") + wallet42 + "<isDisabled>0</isDisabled>"}}, unknown},
		"a wallet that does not say": {batch.DisableWallet, func(r *gateway.Request) { r.CardIndex = 0 }, platform{
			"getWallet": {resultOf("02500") + wallet42}}, inDoubt},
		"a wallet that is enabled": {batch.EnableWallet, func(r *gateway.Request) { r.CardIndex = 0 }, platform{
			"getWallet": {resultOf("02500") + wallet42 + "<isDisabled>0</isDisabled>"}}, "approved 02500"},
		"a card that is disabled": {batch.DisableWallet, nil, platform{
			"getCards": {cards(cardOf("W-42", "", "1", "0", "Y"), cardOf("W-42", "", "2", "1", "N"))}}, "approved 02500"},
		"a card that is not enabled yet": {batch.EnableWallet, nil, platform{
			"getCards": {cards(cardOf("W-42", "", "2", "1", "N"))}}, unknown},
		"a card that is not among them": {batch.EnableWallet, nil, platform{
			"getCards": {cards(cardOf("W-42", "", "1", "0", "Y"))}}, inDoubt},
		"a card of another wallet": {batch.DisableWallet, nil, platform{
			"getCards": {cards(cardOf("W-43", "", "2", "1", "Y"))}}, inDoubt},

		"a payment record that is disabled": {batch.DisablePaymentRecord, nil, platform{
			"getPaymentRecord": {resultOf("02500") + "<isDisabled>1</isDisabled><walletId>W-42</walletId>"}}, "approved 02500"},
		"one that says so by its code": {batch.DisablePaymentRecord, nil, platform{
			"getPaymentRecord": {resultOf("02508")}}, "approved 02500"},
		"one that is not disabled yet": {batch.DisablePaymentRecord, nil, platform{
			"getPaymentRecord": {resultOf("02500") + "<isDisabled>0</isDisabled>"}}, unknown},
		"one of another wallet": {batch.DisablePaymentRecord, nil, platform{
			"getPaymentRecord": {resultOf("02500") + "<isDisabled>1</isDisabled><walletId>W-43</walletId>"}}, inDoubt},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := c.platform.client(t, nil)
			req := requests()[c.command]
			if c.change != nil {
				c.change(&req)
			}
			a, err := client.Lookup(t.Context(), req)
			got := string(a.State) + " " + a.Code
			switch {
			case errors.Is(err, gateway.ErrUnknownKey):
				got = unknown
			case err != nil:
				got = inDoubt
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestDatesOfBothWidthsAreRead(t *testing.T) {
	for text, want := range map[string]string{
		"22/11/26 03:04:05":   "2026-11-22T03:04:05Z",
		"22/11/2026 03:04:05": "2026-11-22T03:04:05Z",
		"22/11/26 03:04":      "2026-11-22T03:04:00Z",
		"22/11/2026 03:04":    "2026-11-22T03:04:00Z",
		"2026-11-22 03:04":    "",
		"31/02/26 03:04":      "",
		"":                    "",
	} {
		at, err := parseTime(text)
		if got := at.Format(time.RFC3339); err == nil && got != want || (err == nil) != (want != "") {
			t.Errorf("%q: got %s, %v", text, got, err)
		}
	}
}

func TestLookupsReachFromTheFirstTryToNow(t *testing.T) {
	const (
		third  = "<startDate>25/08/2026</startDate><endDate>24/09/2026</endDate>"
		second = "<startDate>24/09/2026</startDate><endDate>24/10/2026</endDate>"
		first  = "<startDate>24/10/2026</startDate><endDate>23/11/2026</endDate>"
		none   = `<startDate xsi:nil="true"/><endDate xsi:nil="true"/>`
	)
	daysAgo := func(n int) time.Time { return testNow.AddDate(0, 0, -n) }
	for name, c := range map[string]struct {
		command              batch.Command
		submitted, completed time.Time // of the request, and of its original
		want                 []string
	}{
		"a payment that was sent today":                    {batch.DoAuthorization, testNow, time.Time{}, []string{first, none}},
		"a payment whose time is not known":                {batch.DoAuthorization, time.Time{}, time.Time{}, []string{first, none}},
		"a payment that was sent by a clock that was fast": {batch.DoAuthorization, daysAgo(-3), time.Time{}, []string{first, none}},
		"a payment that was sent 28 days ago":              {batch.DoAuthorization, daysAgo(28), time.Time{}, []string{first, none}},
		"a day more would not leave a day before":          {batch.DoAuthorization, daysAgo(29), time.Time{}, []string{second, first, none}},
		"a payment that was sent long ago":                 {batch.DoAuthorization, daysAgo(70), time.Time{}, []string{third, second, first, none}},
		"a refund, from its original on":                   {batch.DoRefund, testNow, daysAgo(70), []string{third, second, first}},
		"a refund whose original has no time":              {batch.DoRefund, daysAgo(40), time.Time{}, []string{second, first}},
		"a refund of which nothing is known":               {batch.DoRefund, time.Time{}, time.Time{}, []string{first}},
	} {
		t.Run(name, func(t *testing.T) {
			client, s := platform{"transactionsSearch": {resultOf("02310")}, "getTransactionDetails": {resultOf("02310")}}.client(t, nil)
			req := requests()[c.command]
			req.SubmittedAt = c.submitted
			if req.Original != nil {
				req.Original.CompletedAt = c.completed
			}
			if _, err := client.Lookup(t.Context(), req); !errors.Is(err, gateway.ErrUnknownKey) {
				t.Fatal(err)
			}
			if len(s.asked()) != len(c.want) {
				t.Fatalf("asked %d times, want %d", len(s.asked()), len(c.want))
			}
			for i, want := range c.want {
				if !strings.Contains(s.body(i), want) || !strings.Contains(s.body(i), ">"+string(testKey)+"</") {
					t.Errorf("question %d: %s", i, s.body(i))
				}
			}
		})
	}
}

func TestPeriodsLeaveNoGap(t *testing.T) {
	for _, length := range []time.Duration{oneDay, 36 * time.Hour, 7 * oneDay, DefaultSearchPeriod, 400 * oneDay} {
		for _, zone := range []int{-12, 0, 2, 14} {
			for _, age := range []time.Duration{0, time.Minute, 23 * time.Hour, 29 * oneDay, 365 * oneDay} {
				now := testNow.In(time.FixedZone("", zone*3600))
				client := &Client{config: Config{SearchPeriod: length}, clock: func() time.Time { return now }}
				all := client.periods(now.Add(-age))
				if from := all[0].from; from.After(now.Add(-age-oneDay)) || !all[len(all)-1].to.Equal(now.Add(oneDay)) {
					t.Errorf("%v ago, %v each: from %v to %v", age, length, from, all[len(all)-1].to)
				}
				for i, in := range all {
					if in.to.Sub(in.from) != length || in.from.Location() != time.UTC || i > 0 && !in.from.Equal(all[i-1].to) {
						t.Errorf("%v ago, %v each: period %d is %v", age, length, i, in)
					}
				}
			}
		}
	}
}

func TestAnswersThatMayBeAboutAnEarlierTryAreLookedUp(t *testing.T) {
	const inDoubt = "in doubt"
	for name, c := range map[string]struct {
		command  batch.Command
		platform platform
		want     string
	}{
		"a repetition of a payment that was approved": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("02001")}, "getTransactionDetails": {resultOf("00000") + theTransaction + theAmount + theNumber + theOrder}}, "approved 00000"},
		"a repetition that nobody finds is no refusal: the reference is ours alone": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("02001")}, "getTransactionDetails": {resultOf("02310")}}, "in_doubt 02001"},
		"a repetition of one under way": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("02002")}, "getTransactionDetails": {resultOf("02310")}}, "in_doubt 02002"},
		"a repetition whose look-up fails": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("02001")}}, inDoubt},
		"the acquirer's own idea of a repetition": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("01913")}, "getTransactionDetails": {resultOf("02310")}}, "refused 01913"},
		"the same, recorded": {batch.DoAuthorization, platform{
			"doAuthorization": {resultOf("01913")}, "getTransactionDetails": {resultOf("01913") + theTransaction + theAmount + theOrder}}, "declined 01913"},
		"captured before, by us": {batch.DoCapture, platform{
			"doCapture": {resultOf("02617")}, "transactionsSearch": {resultOf("00000") + oneFound}, "getTransactionDetails": {resultOf("00000") + theTransaction + action("201")}}, "approved 00000"},
		"captured before, by another": {batch.DoCapture, platform{
			"doCapture": {resultOf("02617")}, "transactionsSearch": {resultOf("02310")}}, "refused 02617"},
		"a wallet of this name, by us": {batch.CreateWallet, platform{
			"createWallet": {resultOf("02502")}, "getWallet": {resultOf("02500") + wallet42 + ours}, "getCards": {cards(cardOf("W-42", "512345XXXXXX0008", "1", "0", "Y"))}}, "approved 02500"},
		"a wallet of this name, by another": {batch.CreateWallet, platform{
			"createWallet": {resultOf("02502")}, "getWallet": {resultOf("02500") + wallet42}}, "refused 02502"},
		"disabled before": {batch.DisableWallet, platform{
			"disableWallet": {resultOf("02516")}, "getCards": {cards(cardOf("W-42", "", "2", "1", "Y"))}}, "approved 02500"},
		"cannot be disabled": {batch.DisableWallet, platform{
			"disableWallet": {resultOf("02516")}, "getCards": {cards(cardOf("W-42", "", "2", "0", "Y"))}}, "refused 02516"},
		"a record disabled before": {batch.DisablePaymentRecord, platform{
			"disablePaymentRecord": {resultOf("02508")}, "getPaymentRecord": {resultOf("02508")}}, "approved 02500"},
	} {
		t.Run(name, func(t *testing.T) {
			client, _ := c.platform.client(t, nil)
			a, err := client.Do(t.Context(), requests()[c.command])
			got := string(a.State) + " " + a.Code
			if err != nil {
				got = inDoubt
				if gateway.IsNotSent(err) {
					got = "not sent"
				}
			}
			if got != c.want {
				t.Errorf("got %s (%v), want %s", got, err, c.want)
			}
		})
	}
}

func TestTheCardIndexComesFromTheWalletsCards(t *testing.T) {
	made := resultOf("02500") + `<card><obj:number>512345XXXXXX0008</obj:number><obj:type>MASTERCARD</obj:type><obj:token>512345YYYYYY0008</obj:token></card>`
	for name, c := range map[string]struct {
		command batch.Command
		cards   string
		want    string // empty: in doubt
	}{
		"of a new wallet, its one card":         {batch.CreateWallet, cards(cardOf("W-42", "512345XXXXXX0008", "1", "0", "N")), "1"},
		"or its default card":                   {batch.CreateWallet, cards(cardOf("W-42", "5XXXXXXXXXXXX99", "1", "0", "N"), cardOf("W-42", "512345XXXXXX0008", "02", "0", "Y")), "2"},
		"of an update, the card that was named": {batch.UpdateWallet, cards(cardOf("W-42", "512345XXXXXX0008", "1", "0", "Y"), cardOf("W-42", "512345XXXXXX0008", "2", "0", "N")), "2"},
		"several that do not tell":              {batch.CreateWallet, cards(cardOf("W-42", "512345XXXXXX0008", "1", "0", "N"), cardOf("W-42", "512345XXXXXX0008", "2", "0", "N")), ""},
		"another card":                          {batch.CreateWallet, cards(cardOf("W-42", "5XXXXXXXXXXXX99", "1", "0", "Y")), ""},
		"an index that is no number":            {batch.CreateWallet, cards(cardOf("W-42", "512345XXXXXX0008", "x", "0", "Y")), ""},
		"another wallet":                        {batch.CreateWallet, cards(cardOf("W-43", "512345XXXXXX0008", "1", "0", "Y")), ""},
		"no cards":                              {batch.CreateWallet, cards(), ""},
		"no answer":                             {batch.CreateWallet, resultOf("02101"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			p := platform{"createWallet": {made}, "updateWallet": {made}, "getCards": {c.cards}}
			client, _ := p.client(t, nil)
			a, err := client.Do(t.Context(), requests()[c.command])
			if c.want == "" {
				if err == nil || gateway.IsNotSent(err) {
					t.Errorf("got %s, %v, want in doubt", a.State, err)
				}
				return
			}
			if err != nil || a.State != batch.Approved || a.CardIndex != c.want || a.Token != "512345YYYYYY0008" || a.Card != "512345******0008" || a.CardExpiry != "0139" {
				t.Errorf("got %+v, %v", a, err)
			}
		})
	}
}
