package lyra_test

import (
	"flag"
	"io"
	"log"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/lyra"
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
	table := gatewaytest.Run(t, bench)
	if !t.Failed() {
		gatewaytest.CompareDocs(t, lyra.Kind, table, *update)
	}
}

// world is a simulator and a client that speaks to it, with a clock of their own: the
// platform captures by night.
type world struct {
	*lyra.Client
	sim     *simulator.Simulator
	elapsed atomic.Int64 // beyond the real time
}

func (w *world) now() time.Time { return time.Now().Add(time.Duration(w.elapsed.Load())) }

// tomorrow lets a night pass.
func (w *world) tomorrow() { w.elapsed.Add(int64(24 * time.Hour)) }

func newWorld(t testing.TB, change func(*lyra.Config)) *world {
	t.Helper()
	w := new(world)
	var err error
	if w.sim, err = simulator.New(simulator.Options{Clock: w.now}); err != nil {
		t.Fatal(err)
	}
	endpoint, err := w.sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.sim.Close() })
	config := lyra.Config{
		Endpoint: endpoint, MerchantID: stage.ShopID, Timeout: 5 * time.Second, MaxConns: 64,
		Password: func() (string, error) { return stage.Password, nil },
	}
	if change != nil {
		change(&config)
	}
	if w.Client, err = lyra.New(config, w.now); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	return w
}

func bench(t *testing.T) gatewaytest.Bench {
	w := newWorld(t, nil)
	nobody := newWorld(t, func(c *lyra.Config) { c.Endpoint = gatewaytest.NobodysEndpoint })
	return gatewaytest.Bench{Connector: w.Client, Nobody: nobody.Client, Simulator: w.sim, Request: w.request}
}

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// newWallet asks for a wallet with a card.
func newWallet(name, number, expiry string) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.CreateWallet, OrderRef: name,
		Wallet: &batch.Wallet{ID: batch.WalletID(name), Email: "buyer@example.com", DefaultCard: 1},
		Card:   gateway.Card{Number: batch.NewPAN(number), Expiry: expiry},
	}
}

// payment debits a card of a wallet that was made for it.
func (w *world) payment(t testing.TB, name string) gateway.Request {
	t.Helper()
	made := newWallet("wallet of "+name, gatewaytest.Card, "1239")
	a := w.do(t, made)
	made.Wallet.Cards = []batch.Card{{Index: 1, Status: batch.CardActive, Token: a.Token, Expiry: "1239", NetworkTransaction: a.NetworkTransaction}}
	return gateway.Request{
		Key: key(name), Command: batch.DoImmediateWalletPayment, Action: batch.ActionPurchase, Mode: "CPT", OrderRef: "order of " + name, Amount: eur(2990),
		Wallet: made.Wallet, Card: gateway.Card{Token: a.Token, Expiry: "1239"},
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored},
	}
}

// do makes a request that must be approved.
func (w *world) do(t testing.TB, req gateway.Request) gateway.Answer {
	t.Helper()
	a, err := w.Do(t.Context(), req)
	if err != nil || a.State != batch.Approved {
		t.Fatalf("%s: %s %s %s, %v", req.Command, a.State, a.Code, a.Message, err)
	}
	return a
}

// followUp acts on a payment, or on an authorization, that is made for it.
func (w *world) followUp(t testing.TB, command batch.Command, name, action string) gateway.Request {
	t.Helper()
	original := w.payment(t, "original of "+name)
	original.Action = action
	a := w.do(t, original)
	return gateway.Request{Key: key(name), Command: command, Amount: original.Amount, Original: &batch.Transaction{
		ID: a.TransactionID, Key: original.Key, Command: original.Command, Action: action, Amount: original.Amount,
	}}
}

// request makes a request of each command that the simulator approves.
func (w *world) request(t *testing.T, command batch.Command, name string) gateway.Request {
	t.Helper()
	name = string(command) + " " + name
	switch command {
	case batch.CreateWallet, batch.UpdateWallet:
		req := newWallet(name, gatewaytest.Card, "1239")
		req.Command = command
		return req
	case batch.DoCapture:
		return w.followUp(t, command, name, batch.ActionAuthorize)
	case batch.DoReset:
		return w.followUp(t, command, name, batch.ActionPurchase)
	case batch.DoRefund:
		req := w.followUp(t, command, name, batch.ActionPurchase)
		w.tomorrow()
		return req
	}
	req := w.payment(t, name)
	switch command {
	case batch.DoScheduledWalletPayment, batch.DoRecurrentWalletPayment, batch.DisablePaymentRecord:
		req.Schedule = &batch.Schedule{Date: w.now().AddDate(0, 0, 9).Format(time.DateOnly), Recurring: 2990, Cycle: "20", Left: 4}
	}
	switch command {
	case batch.EnableWallet:
		disable := req
		disable.Command, disable.Key = batch.DisableWallet, key("disable before "+name)
		w.do(t, disable)
	case batch.DisablePaymentRecord:
		schedule := req
		schedule.Command, schedule.Key = batch.DoRecurrentWalletPayment, key("schedule before "+name)
		req.PaymentRecord = w.do(t, schedule).PaymentRecord
	}
	req.Command = command
	return req
}
