package mastercard_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

const testCard = "5123450000000008"

// world is a simulator and a client that speaks to it.
func world(t *testing.T, change func(*mastercard.Config)) (*mastercard.Client, *simulator.Simulator) {
	t.Helper()
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	config := mastercard.Config{
		Endpoint: endpoint, MerchantID: stage.MerchantID, Timeout: 5 * time.Second,
		Password: func() (string, error) { return stage.Password, nil },
	}
	if change != nil {
		change(&config)
	}
	client, err := mastercard.New(config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, sim
}

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func payment(name string) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.DoAuthorization, Action: "101", OrderRef: name, Amount: eur(2990),
		Card:       gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"},
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored},
	}
}

func TestLifeOfAWallet(t *testing.T) {
	client, sim := world(t, nil)
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

	saved := do(gateway.Request{Key: key("w"), Command: batch.CreateWallet, Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"}}, batch.Approved, "02500")
	if saved.Token == "" || saved.Card != "512345******0008" || saved.CardExpiry != "0139" || saved.CardType != "MASTERCARD" {
		t.Errorf("saved card: %+v", saved)
	}

	series := &batch.Agreement{ID: "AGR-1", Type: "RECURRING", Variability: "FIXED"}
	first := gateway.Request{
		Key: key("first"), Command: batch.DoAuthorization, Action: "101", OrderRef: "INV-1", Amount: eur(2990), Card: gateway.Card{Token: saved.Token},
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: series, First: true},
	}
	paid := do(first, batch.Approved, "00000")
	if paid.TransactionID != batch.TransactionID(first.Key) || paid.NetworkTransaction == "" || paid.AuthorizationNumber == "" {
		t.Errorf("first payment: %+v", paid)
	}
	series.FirstKey = first.Key
	later := gateway.Request{
		Key: key("later"), Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2", Amount: eur(2990), Card: gateway.Card{Token: saved.Token},
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: series},
	}
	do(later, batch.Approved, "00000")
	if n := sim.Charges(string(later.Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}

	hold := gateway.Request{Key: key("hold"), Command: batch.DoAuthorization, Action: "100", Amount: eur(5000), Card: gateway.Card{Token: saved.Token}}
	do(hold, batch.Approved, "00000")
	original := &batch.Transaction{Key: hold.Key, Command: batch.DoAuthorization, Action: "100", Amount: eur(5000)}
	capture := gateway.Request{Key: key("capture"), Command: batch.DoCapture, Amount: eur(3000), Original: original}
	do(capture, batch.Approved, "00000")
	do(gateway.Request{Key: key("capture too much"), Command: batch.DoCapture, Amount: eur(3000), Original: original}, batch.Refused, "02110")
	original.LastFollowUp = capture.Key
	do(gateway.Request{Key: key("refund"), Command: batch.DoRefund, Amount: eur(1000), Original: original}, batch.Approved, "00000")
	do(gateway.Request{Key: key("void"), Command: batch.DoReset, Original: original}, batch.Refused, "02302")

	void := &batch.Transaction{Key: later.Key, Amount: eur(2990)}
	do(gateway.Request{Key: key("void payment"), Command: batch.DoReset, Original: void}, batch.Approved, "00000")
	do(gateway.Request{Key: key("verify"), Command: batch.Verify, Amount: eur(0), Card: gateway.Card{Token: saved.Token}}, batch.Approved, "00000")
	do(gateway.Request{Key: key("action"), Command: batch.DoAuthorization, Action: "129", Amount: eur(1), Card: gateway.Card{Token: saved.Token}}, batch.Refused, "02321")

	found, err := client.Lookup(t.Context(), capture)
	if err != nil || found.State != batch.Approved {
		t.Errorf("look-up of the capture: %+v, %v", found, err)
	}
	if _, err := client.Lookup(t.Context(), payment("never sent")); !errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up of an unknown key: %v", err)
	}
}

func TestPublishedTriggersAreJudged(t *testing.T) {
	client, _ := world(t, nil)
	for expiry, want := range map[string]struct {
		state batch.LineState
		code  string
	}{
		"0139": {batch.Approved, "00000"},
		"0539": {batch.Declined, "01100"},
		"0427": {batch.Declined, "01101"},
		"0828": {batch.InDoubt, "02013"},
		"0137": {batch.Declined, "01909"},
		"0237": {batch.Declined, "02106"},
		"0537": {batch.InDoubt, "02013"},
	} {
		req := payment(expiry)
		req.Card.Expiry = expiry
		a, err := client.Do(t.Context(), req)
		if err != nil || a.State != want.state || a.Code != want.code {
			t.Errorf("%s: got %s %s %v, want %s %s", expiry, a.State, a.Code, err, want.state, want.code)
		}
		again, err := client.Lookup(t.Context(), req)
		if err != nil || again.State != want.state || again.Code != want.code {
			t.Errorf("%s looked up: got %s %s %v, want %s %s", expiry, again.State, again.Code, err, want.state, want.code)
		}
	}
}

func TestWrongPasswordIsNotSent(t *testing.T) {
	client, _ := world(t, func(c *mastercard.Config) { c.Password = func() (string, error) { return "wrong", nil } })
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
	client, _ := world(t, func(c *mastercard.Config) {
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
	client, _ = world(t, func(c *mastercard.Config) {
		c.Password = func() (string, error) { return "", errors.New("no such file") }
	})
	if _, err := client.Do(t.Context(), payment("c")); !gateway.IsNotSent(err) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := mastercard.Config{Endpoint: "https://eu-gateway.mastercard.com", MerchantID: "ACME", Password: func() (string, error) { return "x", nil }}
	for name, c := range map[string]struct {
		change func(*mastercard.Config)
		want   batch.Mode // empty: refused
	}{
		"a production host is live":              {func(*mastercard.Config) {}, batch.Live},
		"a TEST profile is test":                 {func(c *mastercard.Config) { c.MerchantID = "TESTACME" }, batch.Test},
		"the mtf host is test":                   {func(c *mastercard.Config) { c.Endpoint = "https://mtf.gateway.mastercard.com" }, batch.Test},
		"a test- host is test":                   {func(c *mastercard.Config) { c.Endpoint = "https://test-bank.gateway.mastercard.com" }, batch.Test},
		"loopback is test, http allowed":         {func(c *mastercard.Config) { c.Endpoint = "http://127.0.0.1:8080" }, batch.Test},
		"a name that only contains mtf. is live": {func(c *mastercard.Config) { c.Endpoint = "https://bank.mtf.example" }, batch.Live},
		"a declared environment must agree":      {func(c *mastercard.Config) { c.Environment = batch.Test }, ""},
		"http elsewhere is refused":              {func(c *mastercard.Config) { c.Endpoint = "http://eu-gateway.mastercard.com" }, ""},
		"a path is refused":                      {func(c *mastercard.Config) { c.Endpoint += "/api" }, ""},
		"credentials in the address are refused": {func(c *mastercard.Config) { c.Endpoint = "https://u:p@eu-gateway.mastercard.com" }, ""},
		"a merchant id with a slash is refused":  {func(c *mastercard.Config) { c.MerchantID = "a/b" }, ""},
		"a negative time is refused":             {func(c *mastercard.Config) { c.Settle = -1 }, ""},
		"a missing password is refused":          {func(c *mastercard.Config) { c.Password = nil }, ""},
		"an unknown word for tokens is refused":  {func(c *mastercard.Config) { c.Tokens = "random" }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			client, err := mastercard.New(config, time.Now)
			if (err == nil) != (c.want != "") {
				t.Fatalf("got %v", err)
			}
			if err == nil && client.Profile().Environment != c.want {
				t.Errorf("got %s, want %s", client.Profile().Environment, c.want)
			}
		})
	}
}

func TestSuppliedTokensAreTheKey(t *testing.T) {
	client, sim := world(t, func(c *mastercard.Config) { c.Tokens = mastercard.TokensSupplied })
	req := gateway.Request{Key: key("w"), Command: batch.CreateWallet, Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"}}
	for range 2 {
		a, err := client.Do(t.Context(), req)
		if err != nil || a.Token != string(req.Key) {
			t.Errorf("got %+v, %v", a, err)
		}
	}
	if n := sim.Stats().Tokens; n != 1 {
		t.Errorf("%d tokens", n)
	}
}
