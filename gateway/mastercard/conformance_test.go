package mastercard_test

import (
	"flag"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/mastercard"
)

var update = flag.Bool("update", false, "write the table of phases into docs/gateways.md")

const (
	docs       = "../../docs/gateways.md"
	tableBegin = "<!-- phases of mastercard: written by go test ./gateway/mastercard -update -->\n"
	tableEnd   = "<!-- end of phases -->\n"
)

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
				compareDocs(t, table.Markdown())
			}
		})
	}
}

// compareDocs keeps the table in the documentation true.
func compareDocs(t *testing.T, table string) {
	text, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), tableBegin)
	have, after, ok2 := strings.Cut(rest, tableEnd)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table", docs)
	}
	if *update {
		if err := os.WriteFile(docs, []byte(before+tableBegin+table+tableEnd+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != table {
		t.Errorf("the table in %s is stale: run the test with -update", docs)
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

// nobody is a client for a port that was free a moment ago.
func nobody(t *testing.T) *mastercard.Client {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	client, _ := world(t, func(c *mastercard.Config) { c.Endpoint = "http://" + listener.Addr().String() })
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
