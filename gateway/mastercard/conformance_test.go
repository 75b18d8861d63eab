package mastercard_test

import (
	"flag"
	"io"
	"log"
	"os"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/mastercard"
)

var update = flag.Bool("update", false, "write the table of phases into docs/gateways.md")

// TestMain drops what net/http writes to the standard logger about the second of two
// answers, as the program does.
func TestMain(m *testing.M) {
	log.SetOutput(io.Discard)
	os.Exit(m.Run())
}

func TestConformance(t *testing.T) {
	for _, tokens := range []mastercard.Tokens{mastercard.TokensSupplied, mastercard.TokensGenerated} {
		t.Run(string(tokens), func(t *testing.T) {
			table := gatewaytest.Run(t, func(t *testing.T) gatewaytest.Bench { return bench(t, tokens) })
			if tokens == mastercard.TokensGenerated && !t.Failed() {
				gatewaytest.CompareDocs(t, mastercard.Kind, table, *update)
			}
		})
	}
}

func bench(t *testing.T, tokens mastercard.Tokens) gatewaytest.Bench {
	client, sim := world(t, func(c *mastercard.Config) { c.Tokens = tokens })
	return gatewaytest.Bench{
		Connector: client,
		Nobody:    nobody(t),
		Simulator: sim,
		Request: func(t *testing.T, command batch.Command, name string) gateway.Request {
			return request(t, client, command, name)
		},
	}
}

// nobody is a client for a port that nobody may listen on.
func nobody(t *testing.T) *mastercard.Client {
	client, _ := world(t, func(c *mastercard.Config) { c.Endpoint = gatewaytest.NobodysEndpoint })
	return client
}

// request makes a request of each command that the simulator approves.
func request(t *testing.T, client *mastercard.Client, command batch.Command, name string) gateway.Request {
	t.Helper()
	if command.Phase() != batch.PhaseFollowUp {
		req := payment(string(command) + " " + name)
		req.OrderRef = "order of " + name
		req.Command, req.Action = command, "101"
		if command == batch.Verify {
			req.Amount.Minor = 0
		}
		return req
	}
	opening := payment("original of " + string(command) + " " + name)
	original := &batch.Transaction{Key: opening.Key, Amount: opening.Amount}
	if command == batch.DoCapture {
		opening.Action = "100"
	}
	if a, err := client.Do(t.Context(), opening); err != nil || a.State != batch.Approved {
		t.Fatalf("make the original: %s, %v", a.State, err)
	}
	return gateway.Request{Key: key(string(command) + " " + name), Command: command, Amount: opening.Amount, Original: original}
}
