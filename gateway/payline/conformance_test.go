package payline_test

import (
	"flag"
	"io"
	"log"
	"os"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/payline"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

var update = flag.Bool("update", false, "write the table of phases into docs/gateways.md")

// TestMain drops what net/http writes to the standard logger about the second of two
// answers, as the program does.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	for name, window := range map[string]time.Duration{"as configured by default": 0, "with a replay window": time.Hour} {
		t.Run(name, func(t *testing.T) {
			table := gatewaytest.Run(t, func(t *testing.T) gatewaytest.Bench {
				return bench(t, func(c *payline.Config) { c.ReplayWindow = window })
			})
			if window == 0 && !t.Failed() {
				gatewaytest.CompareDocs(t, payline.Kind, table, *update)
			}
		})
	}
}

func bench(t *testing.T, change func(*payline.Config)) gatewaytest.Bench {
	client, sim := world(t, change)
	nobody, _ := world(t, func(c *payline.Config) {
		change(c)
		c.Endpoint = gatewaytest.NobodysEndpoint
	})
	return gatewaytest.Bench{
		Connector: client,
		Nobody:    nobody,
		Simulator: sim,
		Request: func(t *testing.T, command batch.Command, name string) gateway.Request {
			return request(t, client, command, name)
		},
	}
}

// world is a simulator and a client that speaks to it.
func world(t testing.TB, change func(*payline.Config)) (*payline.Client, *simulator.Simulator) {
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
	config := payline.Config{
		Endpoint: endpoint, MerchantID: stage.MerchantID, Timeout: 5 * time.Second,
		Password: func() (string, error) { return stage.Password, nil },
	}
	if change != nil {
		change(&config)
	}
	client, err := payline.New(config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client, sim
}

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func number() gateway.Card {
	return gateway.Card{Number: batch.NewPAN(gatewaytest.Card), Expiry: "0139", Type: "MASTERCARD"}
}

func payment(name string) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.DoAuthorization, Contract: "1234567", Action: "101", Mode: "CPT", OrderRef: "order of " + name,
		Amount: eur(2990), Card: number(), Credential: gateway.Credential{Source: "INTERNET", Use: gateway.NotStored},
	}
}

// approve carries out what a request needs to stand on.
func approve(t *testing.T, client *payline.Client, req gateway.Request) gateway.Answer {
	t.Helper()
	a, err := client.Do(t.Context(), req)
	if err != nil || a.State != batch.Approved {
		t.Fatalf("%s to stand on: %s %s, %v", req.Command, a.State, a.Code, err)
	}
	return a
}

// wallet makes a wallet of one card.
func wallet(t *testing.T, client *payline.Client, name string) *batch.Wallet {
	t.Helper()
	w := &batch.Wallet{ID: batch.WalletID(key(name)), LastName: "Doe", FirstName: "Zoë", DefaultCard: 1}
	approve(t, client, gateway.Request{Key: key("wallet of " + name), Command: batch.CreateWallet, Contract: "1234567", Wallet: w, Card: number()})
	return w
}

// request makes a request of each command that the simulator approves.
func request(t *testing.T, client *payline.Client, command batch.Command, name string) gateway.Request {
	t.Helper()
	name = string(command) + " " + name
	req := payment(name)
	req.Command = command
	if command.Phase() == batch.PhaseFollowUp && command != batch.DisablePaymentRecord {
		opening := payment("original of " + name)
		if command == batch.DoCapture {
			opening.Action = "100"
		}
		made := approve(t, client, opening)
		req.Card = gateway.Card{}
		req.Original = &batch.Transaction{ID: made.TransactionID, Key: opening.Key, Amount: opening.Amount, CompletedAt: time.Now()}
		return req
	}
	switch command {
	case batch.DoAuthorization:
		return req
	case batch.Verify:
		req.Amount.Minor = 0
		return req
	case batch.CreateWallet:
		req.Wallet = &batch.Wallet{ID: batch.WalletID(req.Key), LastName: "Doe", FirstName: "Zoë"}
		return req
	}
	req.Wallet = wallet(t, client, name)
	switch command {
	case batch.UpdateWallet:
		req.Card.Expiry = "0240"
		return req
	case batch.EnableWallet:
		disable := req
		disable.Command, disable.Key = batch.DisableWallet, key("disable before "+name)
		approve(t, client, disable)
	case batch.DoScheduledWalletPayment:
		req.Schedule = &batch.Schedule{Date: time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}
	case batch.DoRecurrentWalletPayment:
		req.Mode = "REC"
		req.Schedule = &batch.Schedule{Date: time.Now().AddDate(0, 1, 0).Format(time.DateOnly), First: 990, Recurring: 1000, Cycle: "40", Left: 3}
	case batch.DisablePaymentRecord:
		schedule := req
		schedule.Command, schedule.Key = batch.DoScheduledWalletPayment, key("schedule of "+name)
		schedule.Schedule = &batch.Schedule{Date: time.Now().AddDate(0, 1, 0).Format(time.DateOnly)}
		req.PaymentRecord = approve(t, client, schedule).PaymentRecord
	}
	req.Card = gateway.Card{}
	return req
}
