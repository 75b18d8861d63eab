package paysafe_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/paysafe"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// world is a simulator and a client that speaks to it, with one clock.
func world(t *testing.T, change func(*paysafe.Config)) (*paysafe.Client, *simulator.Simulator, *clock) {
	t.Helper()
	now := &clock{now: time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)}
	sim, err := simulator.New(simulator.Options{Clock: now.Now})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	config := paysafe.Config{
		Endpoint: endpoint, User: stage.MerchantID, Accounts: map[money.Currency]string{"EUR": stage.AccountID}, Timeout: 5 * time.Second,
		Password: func() (string, error) { return stage.Password, nil },
	}
	if change != nil {
		change(&config)
	}
	client, err := paysafe.New(config, now.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, sim, now
}

// clock is a time that moves when it is told to: a refund waits for the batch of the day.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func number() gateway.Card {
	return gateway.Card{Number: batch.NewPAN(gatewaytest.Card), Expiry: "0139"}
}

func payment(name string) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.DoAuthorization, Action: "101", OrderRef: name, Amount: eur(2990), Card: number(),
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored},
	}
}

// made is the transaction that an approved request left behind.
func made(req gateway.Request, a gateway.Answer) *batch.Transaction {
	return &batch.Transaction{ID: a.TransactionID, Key: req.Key, Command: req.Command, Action: req.Action, Amount: req.Amount}
}

func TestLifeOfAWallet(t *testing.T) {
	client, sim, now := world(t, nil)
	if err := client.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	do := func(req gateway.Request, want batch.LineState, code string) gateway.Answer {
		t.Helper()
		a, err := client.Do(t.Context(), req)
		if err != nil {
			t.Fatalf("%s: %v", req.Command, err)
		}
		if a.State != want || a.Code != code {
			t.Fatalf("%s: got %s %s %s (%s), want %s %s", req.Command, a.State, a.Code, a.GatewayCode, a.Message, want, code)
		}
		return a
	}

	w := &batch.Wallet{Merchant: "acme", ID: "CUST-42", FirstName: "Zoë", LastName: "Martin"}
	saved := do(gateway.Request{Key: key("w"), Command: batch.CreateWallet, Wallet: w, Card: number()}, batch.Approved, "02500")
	if saved.Token == "" || saved.Card != "512345******0008" || saved.CardExpiry != "0139" || saved.CardType != "MASTERCARD" {
		t.Errorf("saved card: %+v", saved)
	}
	token := gateway.Card{Token: saved.Token}
	w.Email = "z@example.org"
	changed := do(gateway.Request{Key: key("u"), Command: batch.UpdateWallet, Wallet: w, Card: gateway.Card{Token: saved.Token, Expiry: "0240"}}, batch.Approved, "02500")
	if changed.Token != saved.Token || changed.CardExpiry != "0240" {
		t.Errorf("changed card: %+v", changed)
	}
	again := do(gateway.Request{Key: key("w2"), Command: batch.UpdateWallet, Wallet: w, Card: gateway.Card{Number: number().Number, Expiry: "0340"}}, batch.Approved, "02500")
	if again.Token != saved.Token || again.CardExpiry != "0340" {
		t.Errorf("the same number once more: %+v", again)
	}
	other := do(gateway.Request{Key: key("w3"), Command: batch.UpdateWallet, Wallet: w, Card: gateway.Card{Number: batch.NewPAN("4111111111111111"), Expiry: "0139"}}, batch.Approved, "02500")
	if other.Token == "" || other.Token == saved.Token || other.CardType != "VISA" {
		t.Errorf("another number: %+v", other)
	}
	if seen := do(gateway.Request{Command: batch.GetWallet, Wallet: w, Card: token}, batch.Approved, "02500"); seen.CardExpiry != "0340" || seen.Token != saved.Token {
		t.Errorf("get: %+v", seen)
	}

	series := &batch.Agreement{ID: "AGR-1", Type: "RECURRING"}
	first := gateway.Request{
		Key: key("first"), Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-1", Amount: eur(2990), Card: token,
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: series, First: true},
	}
	paid := do(first, batch.Approved, "00000")
	if paid.TransactionID == "" || paid.AuthorizationNumber == "" || paid.CardExpiry != "0340" || paid.GatewayCode != "COMPLETED" {
		t.Errorf("first payment: %+v", paid)
	}
	series.FirstID, series.FirstKey = paid.TransactionID, first.Key
	later := gateway.Request{
		Key: key("later"), Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2", Amount: eur(2990), Card: token,
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: series},
	}
	charged := do(later, batch.Approved, "00000")
	if n := sim.Charges(string(later.Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}

	hold := gateway.Request{Key: key("hold"), Command: batch.DoAuthorization, Action: "100", Amount: eur(5000), Card: token}
	original := made(hold, do(hold, batch.Approved, "00000"))
	capture := gateway.Request{Key: key("capture"), Command: batch.DoCapture, Amount: eur(3000), Original: original}
	captured := do(capture, batch.Approved, "00000")
	do(gateway.Request{Key: key("capture too much"), Command: batch.DoCapture, Amount: eur(3000), Original: original}, batch.Refused, "02613")
	do(gateway.Request{Key: key("void too late"), Command: batch.DoReset, Original: original}, batch.Refused, "02617")
	original.LastFollowUpID = captured.TransactionID
	refund := gateway.Request{Key: key("refund"), Command: batch.DoRefund, Amount: eur(1000), Original: original}
	do(refund, batch.Refused, "02618")
	now.add(25 * time.Hour)
	refund.Key = key("refund the day after")
	do(refund, batch.Approved, "00000")

	payment := gateway.Request{Key: key("same day"), Command: batch.DoImmediateWalletPayment, Action: "101", Amount: eur(700), Card: token}
	cancel := gateway.Request{Key: key("cancel"), Command: batch.DoReset, Original: made(payment, do(payment, batch.Approved, "00000"))}
	if cancelled := do(cancel, batch.Approved, "00000"); cancelled.TransactionID != batch.TransactionID(cancel.Key) {
		t.Errorf("cancelled: %+v", cancelled)
	}
	if found, err := client.Lookup(t.Context(), cancel); err != nil || found.State != batch.Approved {
		t.Errorf("look-up of the cancellation: %+v, %v", found, err)
	}
	do(gateway.Request{Key: key("cancel too late"), Command: batch.DoReset, Original: made(later, charged)}, batch.Refused, "02105")
	verify := gateway.Request{Key: key("verify"), Command: batch.Verify, Amount: eur(0), Card: token}
	do(verify, batch.Approved, "00000")

	for _, req := range []gateway.Request{capture, refund, verify, later} {
		if found, err := client.Lookup(t.Context(), req); err != nil || found.State != batch.Approved {
			t.Errorf("look-up of %s: %+v, %v", req.Command, found, err)
		}
	}
	now.add(100 * 24 * time.Hour)
	if found, err := client.Lookup(t.Context(), later); err != nil || found.State != batch.Approved {
		t.Errorf("look-up after 100 days: %+v, %v", found, err)
	}
}

func TestPublishedTriggersAreJudged(t *testing.T) {
	client, sim, _ := world(t, nil)
	for amount, want := range map[int64]struct {
		state batch.LineState // empty: in doubt without an answer
		code  string
	}{
		1:   {batch.Approved, "00000"},
		4:   {batch.Declined, "01103"},
		5:   {batch.Declined, "01100"},
		6:   {"", ""},
		11:  {batch.Declined, "01116"},
		12:  {batch.Declined, "01123"},
		13:  {batch.Declined, "01915"},
		20:  {"", ""},
		23:  {batch.Declined, "04002"},
		24:  {batch.Declined, "01122"},
		25:  {batch.Declined, "04002"},
		77:  {batch.Declined, "01131"},
		100: {batch.Approved, "00000"},
	} {
		req := payment("trigger")
		req.Key, req.Amount.Minor = batch.NewKey("acme", "trigger", int(amount)), amount
		a, err := client.Do(t.Context(), req)
		if (err == nil) != (want.state != "") || gateway.IsNotSent(err) || a.State != want.state || a.Code != want.code {
			t.Errorf("%d: got %s %s %v, want %s %s", amount, a.State, a.Code, err, want.state, want.code)
		}
		again, err := client.Lookup(t.Context(), req)
		if want.state == "" {
			want.state, want.code = batch.InDoubt, "02013" // kept as failed by a timeout: only a person knows
		}
		if err != nil || again.State != want.state || again.Code != want.code {
			t.Errorf("%d looked up: got %s %s %v, want %s %s", amount, again.State, again.Code, err, want.state, want.code)
		}
		if once := want.state == batch.Approved; sim.Charges(string(req.Key)) == 1 != once {
			t.Errorf("%d: charged %d times", amount, sim.Charges(string(req.Key)))
		}
	}
}

func TestAKeyThatComesTwiceChargesOnce(t *testing.T) {
	client, sim, now := world(t, nil)
	req := payment("twice")
	first, err := client.Do(t.Context(), req)
	if err != nil || first.State != batch.Approved {
		t.Fatalf("first: %s, %v", first.State, err)
	}
	for _, later := range []time.Duration{0, 60 * 24 * time.Hour} {
		now.add(later)
		again, err := client.Do(t.Context(), req)
		if err != nil || again.State != batch.Approved || again.TransactionID != first.TransactionID {
			t.Errorf("after %v: %+v, %v", later, again, err)
		}
	}
	req.Amount.Minor++
	if a, err := client.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Errorf("another amount under the same key: %s, %v; want in doubt", a.State, err)
	}
	if n := sim.Charges(string(req.Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}
}

func TestAnAccountForEachCurrency(t *testing.T) {
	client, _, _ := world(t, func(c *paysafe.Config) {
		c.Accounts = map[money.Currency]string{"EUR": stage.AccountID}
	})
	if a, err := client.Do(t.Context(), payment("euros")); err != nil || a.State != batch.Approved {
		t.Errorf("euros: %s, %v", a.State, err)
	}
	req := payment("dollars")
	req.Amount.Currency = "USD"
	if a, err := client.Do(t.Context(), req); err != nil || a.State != batch.Refused || a.Code != "01181" {
		t.Errorf("dollars: %s %s, %v", a.State, a.Code, err)
	}
	client, _, _ = world(t, func(c *paysafe.Config) {
		c.Accounts = map[money.Currency]string{"USD": stage.AccountID} // a wrong number
	})
	if a, err := client.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Errorf("dollars sent to the account of euros: %s, %v; want in doubt", a.State, err)
	}
	client, _, _ = world(t, func(c *paysafe.Config) { c.Accounts = map[money.Currency]string{"EUR": "404"} })
	if a, err := client.Do(t.Context(), payment("no account")); err != nil || a.State != batch.Refused || a.Code != "02303" {
		t.Errorf("an account that does not exist: %s %s, %v", a.State, a.Code, err)
	}
	if err := client.Check(t.Context()); err == nil {
		t.Error("the check did not find out that the account does not exist")
	}
}

func TestWrongPasswordIsNotSent(t *testing.T) {
	client, _, _ := world(t, func(c *paysafe.Config) { c.Password = func() (string, error) { return "wrong", nil } })
	_, err := client.Do(t.Context(), payment("x"))
	if !errors.Is(err, gateway.ErrCredentials) || !gateway.IsNotSent(err) {
		t.Errorf("got %v", err)
	}
	if err := client.Check(t.Context()); !errors.Is(err, gateway.ErrCredentials) {
		t.Errorf("check: got %v", err)
	}
}

func TestSecretsAreAskedOnceAndTheirErrorIsNotSent(t *testing.T) {
	asked := 0
	client, _, _ := world(t, func(c *paysafe.Config) {
		c.Password = func() (string, error) { asked++; return stage.Password, nil }
	})
	for _, name := range []string{"a", "b"} {
		if _, err := client.Do(t.Context(), payment(name)); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("the password was asked %d times", asked)
	}
	client, _, _ = world(t, func(c *paysafe.Config) {
		c.Password = func() (string, error) { return "", errors.New("no such file") }
	})
	if _, err := client.Do(t.Context(), payment("c")); !gateway.IsNotSent(err) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := paysafe.Config{Endpoint: "https://api.paysafe.com", User: "acme", Accounts: map[money.Currency]string{"EUR": "1001234567"}, Password: func() (string, error) { return "x", nil }}
	for name, c := range map[string]struct {
		change func(*paysafe.Config)
		want   batch.Mode // empty: refused
	}{
		"the production host is live":               {func(*paysafe.Config) {}, batch.Live},
		"the older production host is live":         {func(c *paysafe.Config) { c.Endpoint = "https://api.netbanx.com" }, batch.Live},
		"the test host is test":                     {func(c *paysafe.Config) { c.Endpoint = "https://api.test.paysafe.com" }, batch.Test},
		"the older test host is test":               {func(c *paysafe.Config) { c.Endpoint = "https://API.test.netbanx.com" }, batch.Test},
		"loopback is test, http allowed":            {func(c *paysafe.Config) { c.Endpoint = "http://127.0.0.1:8080" }, batch.Test},
		"a name that only contains test is live":    {func(c *paysafe.Config) { c.Endpoint = "https://api.test.example" }, batch.Live},
		"no account":                                {func(c *paysafe.Config) { c.Accounts = nil }, ""},
		"a currency must be one":                    {func(c *paysafe.Config) { c.Accounts = map[money.Currency]string{"EURO": "1001234567"} }, ""},
		"a currency is written in letters":          {func(c *paysafe.Config) { c.Accounts = map[money.Currency]string{"978": "1001234567"} }, ""},
		"an account with a slash is refused":        {func(c *paysafe.Config) { c.Accounts = map[money.Currency]string{"EUR": "a/b"} }, ""},
		"a declared environment must agree":         {func(c *paysafe.Config) { c.Environment = batch.Test }, ""},
		"http elsewhere is refused":                 {func(c *paysafe.Config) { c.Endpoint = "http://api.paysafe.com" }, ""},
		"a path is refused":                         {func(c *paysafe.Config) { c.Endpoint += "/cardpayments" }, ""},
		"a missing user is refused":                 {func(c *paysafe.Config) { c.User = "" }, ""},
		"a whole key as user is refused":            {func(c *paysafe.Config) { c.User = "user:password" }, ""},
		"a missing password is refused":             {func(c *paysafe.Config) { c.Password = nil }, ""},
		"a negative time is refused":                {func(c *paysafe.Config) { c.Settle = -1 }, ""},
		"a look-back of less than the duplicates'":  {func(c *paysafe.Config) { c.LookBack = 89 * 24 * time.Hour }, ""},
		"a look-back as long as the duplicates' is": {func(c *paysafe.Config) { c.LookBack = paysafe.DuplicateWindow }, batch.Live},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			client, err := paysafe.New(config, time.Now)
			if (err == nil) != (c.want != "") {
				t.Fatalf("got %v", err)
			}
			if err == nil && client.Profile().Environment != c.want {
				t.Errorf("got %s, want %s", client.Profile().Environment, c.want)
			}
		})
	}
}
