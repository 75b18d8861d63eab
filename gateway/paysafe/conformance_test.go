package paysafe_test

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
	"cardbatch/gateway/paysafe"
)

var update = flag.Bool("update", false, "write the table of phases into docs/gateways.md")

// TestMain drops what net/http writes to the standard logger about the second of two
// answers, as the program does.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	table := gatewaytest.Run(t, bench)
	if !t.Failed() {
		gatewaytest.CompareDocs(t, paysafe.Kind, table, *update)
	}
}

func bench(t *testing.T) gatewaytest.Bench {
	client, sim, now := world(t, nil)
	nobody, _, _ := world(t, func(c *paysafe.Config) { c.Endpoint = gatewaytest.NobodysEndpoint })
	return gatewaytest.Bench{
		Connector: client,
		Nobody:    nobody,
		Simulator: sim,
		Request: func(t *testing.T, command batch.Command, name string) gateway.Request {
			return request(t, client, now, command, name)
		},
	}
}

// request makes a request of each command that the simulator approves.
func request(t *testing.T, client *paysafe.Client, now *clock, command batch.Command, name string) gateway.Request {
	t.Helper()
	req := payment(string(command) + " " + name)
	req.OrderRef = "order of " + name
	req.Command = command
	switch command.Phase() {
	case batch.PhaseWallet:
		w := &batch.Wallet{Merchant: "acme", ID: batch.WalletID(name), FirstName: "Zoë", LastName: "Martin"}
		req.Wallet = w
		if command == batch.GetWallet {
			kept := approve(t, client, gateway.Request{Key: key("wallet of " + name), Command: batch.CreateWallet, Wallet: w, Card: number()})
			req.Card = gateway.Card{Token: kept.Token}
		}
		return req
	case batch.PhasePayment:
		if command == batch.Verify {
			req.Amount.Minor = 0
		}
		return req
	}
	opening := payment("original of " + string(command) + " " + name)
	if command != batch.DoRefund {
		opening.Action = "100"
	}
	original := made(opening, approve(t, client, opening))
	if command == batch.DoRefund {
		now.add(25 * time.Hour) // the settlement has gone to the acquirer
	}
	return gateway.Request{Key: req.Key, Command: command, Amount: opening.Amount, Original: original}
}

func approve(t *testing.T, client *paysafe.Client, req gateway.Request) gateway.Answer {
	t.Helper()
	a, err := client.Do(t.Context(), req)
	if err != nil || a.State != batch.Approved {
		t.Fatalf("make the original: %s, %v", a.State, err)
	}
	return a
}
