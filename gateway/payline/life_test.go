package payline_test

import (
	"errors"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/payline"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

func TestLifeOfAWallet(t *testing.T) {
	client, sim := world(t, nil)
	if err := client.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	do := func(req gateway.Request, want batch.LineState, code string) gateway.Answer {
		t.Helper()
		req.Contract = "1234567"
		a, err := client.Do(t.Context(), req)
		if err != nil {
			t.Fatalf("%s: %v", req.Command, err)
		}
		if a.State != want || a.Code != code {
			t.Fatalf("%s: got %s %s (%s), want %s %s", req.Command, a.State, a.Code, a.Message, want, code)
		}
		return a
	}

	w := &batch.Wallet{ID: "CUST-42", LastName: "Doe", FirstName: "Zoë", Email: "zoe@example.com"}
	made := do(gateway.Request{Key: key("w"), Command: batch.CreateWallet, Wallet: w, Card: number()}, batch.Approved, "02500")
	if made.CardIndex != "1" || made.Card != "512345******0008" || made.CardExpiry != "0139" || made.CardType != "MASTERCARD" {
		t.Errorf("new wallet: %+v", made)
	}
	do(gateway.Request{Key: key("again"), Command: batch.CreateWallet, Wallet: w, Card: number()}, batch.Refused, "02502")
	w.DefaultCard = 1
	w.Cards = []batch.Card{{Index: 1, Token: made.Token, Expiry: "0139", Type: "MASTERCARD"}}

	series := &batch.Agreement{ID: "AGR-1", Type: "RECURRING"}
	first := gateway.Request{
		Key: key("first"), Command: batch.DoImmediateWalletPayment, Action: "101", Mode: "CPT", OrderRef: "INV-1", Amount: eur(2990), Wallet: w,
		Credential: gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: series, First: true},
	}
	paid := do(first, batch.Approved, "00000")
	if paid.TransactionID == "" || paid.NetworkTransaction == "" || paid.AuthorizationNumber == "" {
		t.Errorf("first payment: %+v", paid)
	}
	series.FirstID = paid.TransactionID
	later := gateway.Request{
		Key: key("later"), Command: batch.DoImmediateWalletPayment, Action: "101", OrderRef: "INV-2", Amount: eur(2990), Wallet: w, CardIndex: 1,
		Credential: gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: series},
	}
	if next := do(later, batch.Approved, "00000"); next.NetworkTransaction != paid.NetworkTransaction {
		t.Errorf("the series of %s goes on as %s", paid.NetworkTransaction, next.NetworkTransaction)
	}
	if n := sim.Charges(string(later.Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}

	hold := gateway.Request{Key: key("hold"), Command: batch.DoAuthorization, Action: "100", Amount: eur(5000), Wallet: w}
	original := &batch.Transaction{ID: do(hold, batch.Approved, "00000").TransactionID, CompletedAt: time.Now()}
	capture := gateway.Request{Key: key("capture"), Command: batch.DoCapture, Amount: eur(3000), Original: original}
	original.LastFollowUpID = do(capture, batch.Approved, "00000").TransactionID
	do(gateway.Request{Key: key("capture too much"), Command: batch.DoCapture, Amount: eur(3000), Original: original}, batch.Refused, "02613")
	do(gateway.Request{Key: key("same capture again"), Command: batch.DoCapture, Amount: eur(2000), Original: original}, batch.Approved, "00000")
	do(gateway.Request{Key: key("refund"), Command: batch.DoRefund, Amount: eur(1000), Original: original}, batch.Approved, "00000")
	do(gateway.Request{Key: key("reset"), Command: batch.DoReset, Original: original}, batch.Refused, "02603")
	again := do(gateway.Request{Key: key("reauthorize"), Command: batch.DoReAuthorization, Amount: eur(700), Original: original}, batch.Approved, "00000")
	do(gateway.Request{Key: key("reset the second"), Command: batch.DoReset, Original: &batch.Transaction{ID: again.TransactionID}}, batch.Approved, "00000")
	do(gateway.Request{Key: key("in dollars"), Command: batch.DoReAuthorization, Amount: money.Amount{Minor: 700, Currency: "USD"}, Original: original}, batch.Refused, "02620")
	verify := gateway.Request{Key: key("verify"), Command: batch.Verify, Amount: eur(0), Card: number()}
	do(verify, batch.Approved, "00000")
	do(gateway.Request{Key: key("verify the kept card"), Command: batch.Verify, Amount: eur(0), Wallet: w}, batch.Approved, "00000")

	shown := do(gateway.Request{Key: key("show"), Command: batch.GetWallet, Wallet: w}, batch.Approved, "02500")
	if shown.CardIndex != "1" || shown.CardStatus != batch.CardActive || shown.CardExpiry != "0139" {
		t.Errorf("shown: %+v", shown)
	}
	update := gateway.Request{Key: key("update"), Command: batch.UpdateWallet, Wallet: w, Card: gateway.Card{Token: made.Token, Expiry: "0240", Type: "MASTERCARD"}}
	if a := do(update, batch.Approved, "02500"); a.CardIndex != "1" || a.CardExpiry != "0240" {
		t.Errorf("updated: %+v", a)
	}
	w.Cards[0].Expiry = "0240"
	do(gateway.Request{Key: key("disable"), Command: batch.DisableWallet, Wallet: w}, batch.Approved, "02500")
	do(gateway.Request{Key: key("pay"), Command: batch.DoImmediateWalletPayment, Amount: eur(1), Wallet: w}, batch.Refused, "02505")
	if shown := do(gateway.Request{Key: key("show again"), Command: batch.GetWallet, Wallet: w}, batch.Approved, "02500"); shown.CardStatus != batch.CardDisabled {
		t.Errorf("shown: %+v", shown)
	}
	do(gateway.Request{Key: key("enable"), Command: batch.EnableWallet, Wallet: w}, batch.Approved, "02500")
	do(gateway.Request{Key: key("disable the card"), Command: batch.DisableWallet, Wallet: w, CardIndex: 1}, batch.Approved, "02500")

	for _, req := range []gateway.Request{first, later, hold, capture, verify} {
		req.Contract = "1234567"
		if found, err := client.Lookup(t.Context(), req); err != nil || found.State != batch.Approved {
			t.Errorf("look-up of %s: %+v, %v", req.Command, found, err)
		}
	}
	if _, err := client.Lookup(t.Context(), payment("never sent")); !errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up of an unknown key: %v", err)
	}
}

func TestAWalletIsMadeFromATransaction(t *testing.T) {
	client, _ := world(t, nil)
	paid := approve(t, client, payment("paid"))
	a := approve(t, client, gateway.Request{
		Key: key("w"), Command: batch.CreateWallet, Contract: "1234567", Wallet: &batch.Wallet{ID: "W", LastName: "Doe", FirstName: "Zoë"},
		Original: &batch.Transaction{ID: paid.TransactionID},
	})
	if a.CardIndex != "1" || a.Card != "512345******0008" {
		t.Errorf("got %+v", a)
	}
}

// The published amounts (payline facts, section 4.7): what the answer leaves open, the
// look-up settles as the platform has recorded it.
func TestPublishedTriggersAreJudged(t *testing.T) {
	client, _ := world(t, nil)
	for amount, want := range map[int64]struct {
		state, found batch.LineState
		code         string
	}{
		33300: {batch.Approved, batch.Approved, "00000"},
		33305: {batch.Declined, batch.Declined, "01100"},
		33316: {batch.Declined, batch.Declined, "01131"},
		33354: {batch.Declined, batch.Declined, "01201"},
		33313: {batch.Declined, batch.Declined, "01110"},
		33331: {batch.InDoubt, batch.Declined, "01199"},
		33391: {batch.InDoubt, batch.Declined, "01907"},
		33396: {batch.InDoubt, batch.Declined, "01909"},
		33394: {batch.Declined, batch.Declined, "01913"},
	} {
		req := payment(eur(amount).String())
		req.Amount = eur(amount)
		a, err := client.Do(t.Context(), req)
		if err != nil || a.State != want.state || a.Code != want.code {
			t.Errorf("%v: got %s %s %v, want %s %s", req.Amount, a.State, a.Code, err, want.state, want.code)
		}
		again, err := client.Lookup(t.Context(), req)
		if err != nil || again.State != want.found || again.Code != want.code {
			t.Errorf("%v looked up: got %s %s %v, want %s %s", req.Amount, again.State, again.Code, err, want.found, want.code)
		}
	}
}

// Between making a wallet and asking for its cards anything may happen: the wallet is
// there, and the look-up finds it.
func TestAWalletWhoseCardsStayAwayIsInDoubt(t *testing.T) {
	client, sim := world(t, nil)
	if err := sim.Plan(stage.Fault{Phase: stage.Failure500, Operation: "getCards"}); err != nil {
		t.Fatal(err)
	}
	req := gateway.Request{Key: key("w"), Command: batch.CreateWallet, Contract: "1234567", Wallet: &batch.Wallet{ID: "W", LastName: "Doe", FirstName: "Zoë"}, Card: number()}
	if a, err := client.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Fatalf("got %s, %v, want in doubt", a.State, err)
	}
	if a, err := client.Lookup(t.Context(), req); err != nil || a.State != batch.Approved || a.CardIndex != "1" {
		t.Errorf("look-up: %+v, %v", a, err)
	}
	if a, err := client.Do(t.Context(), req); err != nil || a.State != batch.Approved || a.CardIndex != "1" {
		t.Errorf("sent again: %+v, %v", a, err)
	}
}

// A look-up that lags behind must not turn a repetition into a refusal.
func TestARepetitionThatLookupsDoNotShowYetIsInDoubt(t *testing.T) {
	sim, err := simulator.New(simulator.Options{HiddenLookups: 2}) // a look-up asks with and without dates
	if err != nil {
		t.Fatal(err)
	}
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	client, _ := world(t, func(c *payline.Config) { c.Endpoint = endpoint })
	req := payment("paid")
	approve(t, client, req)
	if a, err := client.Do(t.Context(), req); err != nil || a.State != batch.InDoubt || a.Code != "02001" {
		t.Errorf("sent again: %s %s, %v, want in doubt", a.State, a.Code, err)
	}
	if a, err := client.Do(t.Context(), req); err != nil || a.State != batch.Approved {
		t.Errorf("sent again once it shows: %s %s, %v", a.State, a.Code, err)
	}
	if n := sim.Charges(string(req.Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}
}

func TestTheSimulatorsDirectoryIsFollowed(t *testing.T) {
	_, sim := world(t, nil)
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	client, _ := world(t, func(c *payline.Config) {
		c.Endpoint = "http://127.0.0.1:1"
		c.Directory = endpoint + "/services/servicesendpoints/SOAP/" + stage.MerchantID
	})
	approve(t, client, payment("paid"))
	if n := sim.Charges(string(key("paid"))); n != 1 {
		t.Errorf("charged %d times", n)
	}
}
