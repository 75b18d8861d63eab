package mastercardbatch_test

import (
	"flag"
	"io"
	"log"
	"os"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/mastercardbatch"
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
		gatewaytest.CompareDocs(t, "mastercardbatch", table, *update)
	}
}

func bench(t *testing.T) gatewaytest.Bench {
	client, sim := world(t, nil)
	return gatewaytest.Bench{
		Connector: client,
		Nobody:    newClient(t, gatewaytest.NobodysEndpoint, nil),
		Simulator: sim,
		Request: func(t *testing.T, command batch.Command, name string) gateway.Request {
			return request(t, client, command, name)
		},
	}
}

// request makes a request of each command that the simulator approves.
func request(t *testing.T, client *mastercardbatch.Client, command batch.Command, name string) gateway.Request {
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
	// The original is made by REST: the fault waits for the batch.
	if a, err := client.Client.Do(t.Context(), opening); err != nil || a.State != batch.Approved {
		t.Fatalf("make the original: %s, %v", a.State, err)
	}
	return gateway.Request{Key: key(string(command) + " " + name), Command: command, Amount: opening.Amount, Original: original}
}
