package payline

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

func TestConfigurationIsChecked(t *testing.T) {
	good := Config{Endpoint: "https://services.payline.com", MerchantID: "1234567890", Password: func() (string, error) { return "x", nil }}
	for name, c := range map[string]struct {
		change func(*Config)
		want   batch.Mode // empty: refused
	}{
		"a production host is live":                       {func(*Config) {}, batch.Live},
		"the homologation is test":                        {func(c *Config) { c.Endpoint = "https://homologation.payline.com" }, batch.Test},
		"so is its host for client certificates":          {func(c *Config) { c.Endpoint = "https://homologation-cc.payline.com" }, batch.Test},
		"a host that only contains the word is live":      {func(c *Config) { c.Endpoint = "https://services.homologation.example" }, batch.Live},
		"loopback is test, http allowed":                  {func(c *Config) { c.Endpoint = "http://127.0.0.1:8080" }, batch.Test},
		"more hosts of the same environment":              {func(c *Config) { c.Fallbacks = []string{"https://services-2.payline.com"} }, batch.Live},
		"a directory":                                     {func(c *Config) { c.Directory = "https://payment.payline.com/services/servicesendpoints/SOAP/1" }, batch.Live},
		"a fallback of another environment is refused":    {func(c *Config) { c.Fallbacks = []string{"https://homologation.payline.com"} }, ""},
		"a directory of another environment is refused":   {func(c *Config) { c.Directory = "https://homologation-payment.payline.com/x" }, ""},
		"a directory without a path is refused":           {func(c *Config) { c.Directory = "https://payment.payline.com" }, ""},
		"a directory without encryption is refused":       {func(c *Config) { c.Directory = "http://payment.payline.com/x" }, ""},
		"a directory with something to escape is refused": {func(c *Config) { c.Directory = "https://payment.payline.com/a b" }, ""},
		"a declared environment must agree":               {func(c *Config) { c.Environment = batch.Test }, ""},
		"http elsewhere is refused":                       {func(c *Config) { c.Endpoint = "http://services.payline.com" }, ""},
		"a path is refused":                               {func(c *Config) { c.Endpoint += "/V4/services/" }, ""},
		"credentials in the address are refused":          {func(c *Config) { c.Endpoint = "https://u:p@services.payline.com" }, ""},
		"a merchant id with a colon is refused":           {func(c *Config) { c.MerchantID = "a:b" }, ""},
		"a negative time is refused":                      {func(c *Config) { c.Settle = -1 }, ""},
		"a version of three digits is refused":            {func(c *Config) { c.Version = 100 }, ""},
		"a version without look-ups is refused":           {func(c *Config) { c.Version = 2 }, ""},
		"a missing access key is refused":                 {func(c *Config) { c.Password = nil }, ""},
		"a missing endpoint is refused":                   {func(c *Config) { c.Endpoint = "" }, ""},
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

func TestProfile(t *testing.T) {
	p := newProfile(Config{Settle: time.Minute, ReplayWindow: time.Hour}, batch.Test)
	if !p.SetsCardIndex || p.Kind != "payline" {
		t.Errorf("profile %+v", p)
	}
	if _, ok := p.Commands[batch.Subscribe]; ok {
		t.Error("there is no subscribe")
	}
	for command, op := range p.Commands {
		deferred := command == batch.DoImmediateWalletPayment || command == batch.DoAuthorization
		replays := deferred || command == batch.Verify || command == batch.DoReAuthorization
		if op.Local || op.CardOnly || op.Deferred != deferred {
			t.Errorf("%s: %+v", command, op)
		}
		switch {
		case command == batch.GetWallet:
			if op.ReplayWindow != gateway.ReplayAlways || op.Lookup || op.Anonymous {
				t.Errorf("%s: %+v", command, op)
			}
		case command == batch.DoScheduledWalletPayment || command == batch.DoRecurrentWalletPayment:
			if op.Lookup || op.ReplayWindow != 0 {
				t.Errorf("%s promises what the platform does not offer: %+v", command, op)
			}
		case !op.Lookup || op.Settle != time.Minute || (op.ReplayWindow == time.Hour) != replays:
			t.Errorf("%s: %+v", command, op)
		}
	}
}

func TestCheck(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		good   bool
	}{
		"an order that cannot exist is unknown":         {resultOf("02310"), true},
		"wrong credentials":                             {resultOf("09101"), false},
		"an order that cannot exist and is found":       {resultOf("00000") + theTransaction, false},
		"an answer that we do not take for unknown":     {resultOf("02303"), false},
		"an approval without a transaction is no proof": {resultOf("00000"), false},
	} {
		client, s := platform{"getTransactionDetails": {c.answer}}.client(t, nil)
		if err := client.Check(t.Context()); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
		if len(s.asked()) != 1 || !strings.Contains(s.body(0), "<orderRef>"+probe+"</orderRef>") || s.request(0).URL.Path != "/V4/services/ExtendedAPI" {
			t.Errorf("%s: asked %v", name, s.asked())
		}
	}
}

func TestCredentialsThatAreRefused(t *testing.T) {
	for name, answer := range map[string]string{"wrong": resultOf("09101"), "locked": resultOf("09102")} {
		client, _ := platform{"doAuthorization": {answer}}.client(t, nil)
		if _, err := client.Do(t.Context(), theRequest()); !errors.Is(err, gateway.ErrCredentials) || !gateway.IsNotSent(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := serve(t, fails(401))
	c := testClient(t, func(c *Config) { c.Endpoint = s.URL })
	if _, err := c.Do(t.Context(), theRequest()); !errors.Is(err, gateway.ErrCredentials) || !gateway.IsNotSent(err) {
		t.Errorf("401: %v", err)
	}
}

func TestTheAccessKeyIsAskedOnceAndItsErrorIsNotSent(t *testing.T) {
	asked := 0
	first, second := serve(t, fails(503)), serve(t, approves)
	c := testClient(t, func(c *Config) {
		c.Endpoint, c.Fallbacks, c.ReplayWindow = first.URL, []string{second.URL}, time.Minute
		c.Password = func() (string, error) { asked++; return "secret", nil }
	})
	for range 2 {
		if _, err := c.Do(t.Context(), theRequest()); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked %d times", asked)
	}
	c = testClient(t, func(c *Config) {
		c.Endpoint = second.URL
		c.Password = func() (string, error) { return "", errors.New("no such file") }
	})
	if _, err := c.Do(t.Context(), theRequest()); !gateway.IsNotSent(err) || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("got %v", err)
	}
}

func TestUnsupportedCommandsAreNotSent(t *testing.T) {
	c := testClient(t, func(c *Config) { c.Endpoint = nobody(t) })
	for _, command := range []batch.Command{batch.Subscribe, "no such command"} {
		if _, err := c.Do(t.Context(), gateway.Request{Key: testKey, Command: command}); !errors.Is(err, gateway.ErrUnsupported) || !gateway.IsNotSent(err) {
			t.Errorf("%s: %v", command, err)
		}
	}
	for _, command := range []batch.Command{batch.GetWallet, batch.DoScheduledWalletPayment, batch.DoRecurrentWalletPayment, batch.Subscribe} {
		if _, err := c.Lookup(t.Context(), gateway.Request{Key: testKey, Command: command}); !errors.Is(err, gateway.ErrUnsupported) {
			t.Errorf("look-up of %s: %v", command, err)
		}
	}
}

func TestASchedulesAnswerNamesItsRecord(t *testing.T) {
	client, s := platform{
		"doScheduledWalletPayment": {resultOf("02500") + "<paymentRecordId>173661</paymentRecordId>"},
		"doRecurrentWalletPayment": {resultOf("02501") + "<paymentRecordId>173662</paymentRecordId><billingRecordList/>"},
	}.client(t, nil)
	for command, want := range map[batch.Command][2]string{batch.DoScheduledWalletPayment: {"02500", "173661"}, batch.DoRecurrentWalletPayment: {"02501", "173662"}} {
		if a, err := client.Do(t.Context(), requests()[command]); err != nil || a.State != batch.Approved || a.Code != want[0] || a.PaymentRecord != want[1] {
			t.Errorf("%s: got %+v, %v", command, a.Answer, err)
		}
	}
	if len(s.asked()) != 2 {
		t.Errorf("%d requests", len(s.asked()))
	}
}

// A repetition of a schedule is not looked up, for there is no way: it stays in doubt.
func TestARepeatedScheduleIsNotConfirmed(t *testing.T) {
	client, s := platform{"doScheduledWalletPayment": {resultOf("02001")}}.client(t, nil)
	if a, err := client.Do(t.Context(), requests()[batch.DoScheduledWalletPayment]); err == nil || gateway.IsNotSent(err) || len(s.asked()) != 1 {
		t.Errorf("got %s, %v after %d requests", a.State, err, len(s.asked()))
	}
}

func TestALineMayAskForAnotherVersion(t *testing.T) {
	client, s := platform{"doAuthorization": {authorizedInside}}.client(t, func(c *Config) { c.Version = 27 })
	req := theRequest()
	for _, want := range []string{"27", "18"} {
		if _, err := client.Do(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		if body := s.body(len(s.asked()) - 1); !strings.Contains(body, "<version>"+want+"</version>") {
			t.Errorf("want version %s: %s", want, strings.ReplaceAll(body, testCard, "<card number>"))
		}
		req.Version = "18"
	}
}
