package mastercardbatch_test

import (
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/mastercardbatch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

const testCard = "5123450000000008"

// world is a simulator and a client that speaks to it.
func world(t *testing.T, change func(*mastercardbatch.Config)) (*mastercardbatch.Client, *simulator.Simulator) {
	t.Helper()
	sim, endpoint := start(t, simulator.Options{})
	return newClient(t, endpoint, change), sim
}

func start(t *testing.T, options simulator.Options) (sim *simulator.Simulator, endpoint string) {
	t.Helper()
	sim, err := simulator.New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sim.Close() })
	endpoint, err = sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return sim, endpoint
}

func newClient(t *testing.T, endpoint string, change func(*mastercardbatch.Config)) *mastercardbatch.Client {
	t.Helper()
	config := mastercardbatch.Config{Config: mastercard.Config{
		Endpoint: endpoint, MerchantID: stage.MerchantID, Timeout: 5 * time.Second,
		Password: func() (string, error) { return stage.Password, nil },
	}}
	if change != nil {
		change(&config)
	}
	client, err := mastercardbatch.New(config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
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

// batchOf names a batch as a run does.
func batchOf(reqs ...gateway.Request) gateway.Batch {
	keys := make([]batch.Key, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	return gateway.Batch{Name: batch.BatchName(keys), Requests: reqs}
}

// fetch asks until the batch has been worked off.
func fetch(t *testing.T, client *mastercardbatch.Client, b gateway.Batch) []gateway.Reply {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for {
		replies, err := client.Fetch(t.Context(), b)
		if err != nil {
			t.Fatalf("fetch: %v", err)
		}
		waits := false
		for _, r := range replies {
			waits = waits || r.Err == nil && r.State == batch.Pending
		}
		if !waits {
			return replies
		}
		if time.Now().After(deadline) {
			t.Fatal("the batch does not end")
		}
		time.Sleep(time.Millisecond)
	}
}

func TestConfigurationIsChecked(t *testing.T) {
	good := mastercardbatch.Config{Config: mastercard.Config{Endpoint: "https://eu-gateway.mastercard.com", MerchantID: "ACME", Password: func() (string, error) { return "x", nil }}}
	for name, c := range map[string]struct {
		change func(*mastercardbatch.Config)
		want   batch.Mode // empty: refused
	}{
		"a production host is live":              {func(*mastercardbatch.Config) {}, batch.Live},
		"a TEST profile is test":                 {func(c *mastercardbatch.Config) { c.MerchantID = "TESTACME" }, batch.Test},
		"a smaller batch is allowed":             {func(c *mastercardbatch.Config) { c.MaxRecords = 500 }, batch.Live},
		"a larger one than the gateway's is not": {func(c *mastercardbatch.Config) { c.MaxRecords = 18_001 }, ""},
		"a negative one is refused":              {func(c *mastercardbatch.Config) { c.MaxRecords = -1 }, ""},
		"a declared environment must agree":      {func(c *mastercardbatch.Config) { c.Environment = batch.Test }, ""},
		"http elsewhere is refused":              {func(c *mastercardbatch.Config) { c.Endpoint = "http://eu-gateway.mastercard.com" }, ""},
		"a missing password is refused":          {func(c *mastercardbatch.Config) { c.Password = nil }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			config := good
			c.change(&config)
			client, err := mastercardbatch.New(config, time.Now)
			if (err == nil) != (c.want != "") {
				t.Fatalf("got %v", err)
			}
			if err == nil && client.Profile().Environment != c.want {
				t.Errorf("got %s, want %s", client.Profile().Environment, c.want)
			}
		})
	}
}

func TestProfilePromisesBatchesOfWhatMovesMoney(t *testing.T) {
	client := newClient(t, "http://127.0.0.1:1", func(c *mastercardbatch.Config) { c.ReplayWindow = time.Hour })
	for command, operation := range client.Profile().Commands {
		if wallet := command.Phase() == batch.PhaseWallet; operation.Batched == wallet {
			t.Errorf("%s: batched %v", command, operation.Batched)
		}
		if operation.Batched && (operation.ReplayWindow != 0 || !operation.Lookup) {
			t.Errorf("%s: %+v", command, operation)
		}
	}
	if client.Profile().Kind != mastercardbatch.Kind {
		t.Errorf("kind %q", client.Profile().Kind)
	}
}
