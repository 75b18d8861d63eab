package main

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/vault"
)

// paylineWorld is a workspace whose contract is under American Express SmartBill by the
// simulated Payline, on loopback and with the world's clock.
type paylineWorld struct {
	*amexWorld
	payline *simulator.Simulator
	clock   atomic.Int64 // Payline's: the world's, in microseconds
}

const paylineConfig = `environment: TEST
time_zone: Europe/Paris
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts: [{id: AMEXREC-1, merchant: acme, gateway: payline, currencies: [EUR], smartbill: {via: payline}}]
gateways: [{name: payline, kind: payline, endpoint: "%s", merchant_id: %s, password: "env:SIMULATED"}]
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
log: {level: warn, format: text}
`

func newPaylineWorld(t *testing.T) *paylineWorld {
	t.Helper()
	w := &paylineWorld{amexWorld: &amexWorld{T: t, dir: t.TempDir(), now: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)}}
	for _, folder := range []string{"in", "out", "keys"} {
		if err := os.MkdirAll(w.path(folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := vault.Create(w.path("keys/vault.json")); err != nil {
		t.Fatal(err)
	}
	s, err := simulator.New(simulator.Options{Clock: func() time.Time { return time.UnixMicro(w.clock.Load()).UTC() }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("SIMULATED", stage.Password)
	w.payline = s
	w.write("cardbatch.yaml", fmt.Sprintf(paylineConfig, endpoint, stage.MerchantID))
	return w
}

func (w *paylineWorld) do(code int, args ...string) string {
	w.Helper()
	w.clock.Store(w.now.UnixMicro())
	return w.amexWorld.do(code, args...)
}

// put lays a file of the other route's shape into the inbound folder.
func (w *paylineWorld) put(name, content string) {
	w.Helper()
	w.write("in/"+name, strings.ReplaceAll(content, ";1;CUST", ";AMEXREC-1;CUST"))
}

// card is the status of a wallet and of its card, as `wallet show` tells them.
func (w *paylineWorld) card(wallet string) string {
	w.Helper()
	var shown walletJSON
	if err := json.Unmarshal([]byte(w.do(0, "wallet", "show", wallet, "--json")), &shown); err != nil {
		w.Fatal(err)
	}
	if len(shown.Cards) != 1 {
		w.Fatalf("wallet %s has %d cards", wallet, len(shown.Cards))
	}
	return fmt.Sprintf("%s %s %s", shown.Status, shown.Cards[0].Status, shown.Cards[0].Expiry)
}

func (w *paylineWorld) wantCards(want map[string]string) {
	w.Helper()
	for wallet, text := range want {
		if got := w.card(wallet); got != text {
			w.Errorf("wallet %s: %q, want %q", wallet, got, text)
		}
	}
}

func (w *paylineWorld) charged(ref string, want int) {
	w.Helper()
	if n := w.payline.Charges(string(batch.NewKey("acme", batch.LineRef(ref), 1))); n != want {
		w.Errorf("%s was charged %d times, want %d", ref, n, want)
	}
}

func (w *paylineWorld) change(wallet, status, expiry string) {
	w.Helper()
	if err := w.payline.ChangeCard(simulator.CardChange{Wallet: wallet, Index: 1, Status: status, Expiry: expiry}); err != nil {
		w.Fatal(err)
	}
}

// The life of TestARecurringAmexCardLivesItsLife, by the other route.
func TestARecurringAmexCardLivesItsLifeViaPayline(t *testing.T) {
	w := newPaylineWorld(t)
	w.put("1.csv", amexWallets("371881634498004;0139", "371881127160004;0539", "371881245560002;0139"))
	w.put("2.csv", amexPayments("PAY", 2, 1, 2, 3))
	w.do(14, "run") // the payments wait for the enrolments
	w.wants("1.res.csv", map[string]string{"W-1": "approved 02500", "W-2": "approved 02500", "W-3": "approved 02500"})
	w.wants("2.res.csv", map[string]string{"PAY-1": "not_sent", "PAY-2": "not_sent", "PAY-3": "not_sent"})
	if result, err := os.ReadFile(w.path("out/1.res.csv")); err != nil || strings.Count(string(result), ";WR;") != 3 {
		t.Errorf("the RESULT does not say that the cards wait: %v\n%s", err, result)
	}
	w.wantCards(map[string]string{"CUST-1": "active WR 0139", "CUST-2": "active WR 0539", "CUST-3": "active WR 0139"})

	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run") // two accepted and charged at once, one refused
	w.wants("2.sup01.csv", map[string]string{"PAY-1": "approved 00000", "PAY-2": "refused 02505", "PAY-3": "approved 00000"})
	w.wantCards(map[string]string{"CUST-1": "active EA 0139", "CUST-2": "disabled ER 0539", "CUST-3": "active EA 0139"})
	for ref, n := range map[string]int{"PAY-1": 1, "PAY-2": 0, "PAY-3": 1} {
		w.charged(ref, n)
	}

	// The same answers again change nothing, and known cards are not asked for.
	shown, asked := w.do(0, "wallet", "list"), w.payline.Stats().Requests
	w.do(0, "run")
	if again := w.do(0, "wallet", "list"); again != shown {
		t.Errorf("a run without news changed the wallets:\n%s%s", shown, again)
	}
	if n := w.payline.Stats().Requests - asked; n != 0 {
		t.Errorf("%d requests for cards whose status is known", n)
	}
}

func TestACardThatNobodyAnswersForIsGivenUpViaPayline(t *testing.T) {
	w := newPaylineWorld(t)
	w.put("1.csv", amexWallets("371881634498004;0139"))
	w.put("2.csv", amexPayments("PAY", 2, 1))
	w.do(14, "run")
	// The program's clock runs ahead of Payline's: it waits past the deadline for an answer that has not come.
	sent := w.now
	config, err := os.ReadFile(w.path("cardbatch.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	w.write("cardbatch.yaml", strings.Replace(string(config), "{via: payline}", "{via: payline, enrolment_deadline: 12h}", 1))
	w.now = sent.Add(13 * time.Hour)
	out := w.do(12, "run", "--json")
	w.wants("2.sup01.csv", map[string]string{"PAY-1": "refused 02523"})
	w.wantCards(map[string]string{"CUST-1": "active WR 0139"})
	if !strings.Contains(out, `"enrolments_late":1`) && !strings.Contains(out, `"enrolments_late": 1`) {
		t.Errorf("the late enrolment is not reported:\n%s", out)
	}
	w.charged("PAY-1", 0)

	w.now = w.now.Add(8 * 24 * time.Hour) // the late answer is learned, and charges nothing by itself
	w.do(0, "run")
	w.wantCards(map[string]string{"CUST-1": "active EA 0139"})
	w.charged("PAY-1", 0)
}

func TestWhatAmericanExpressChangesIsLearnedViaPayline(t *testing.T) {
	w := newPaylineWorld(t)
	w.put("1.csv", amexWallets("371881634498004;0139", "371881245560002;0139", "371881911767006;0139", "371881127160004;0139"))
	w.do(0, "run")
	w.change("CUST-4", "EDU", "0144") // before anybody has seen that it was accepted
	w.now = w.now.Add(24 * time.Hour)
	w.do(0, "run")
	w.wantCards(map[string]string{"CUST-1": "active EA 0139", "CUST-4": "active EDU 0144"})

	w.change("CUST-1", "EDU", "0145")
	w.change("CUST-2", "CC", "")
	w.change("CUST-3", "PU", "")
	w.do(0, "run") // nobody asks for enrolled cards at every run
	w.wantCards(map[string]string{"CUST-1": "active EA 0139", "CUST-2": "active EA 0139", "CUST-3": "active EA 0139"})

	// A line that asks, and a payment that is refused, tell at once.
	w.write("in/2.csv", "H;CARDBATCH;1;acme;GET;2;TEST;2026-11-23T08:00:00Z\nC;line_ref;command;contract;wallet_id\nD;G-1;getWallet;AMEXREC-1;CUST-1\nT;1\n")
	w.put("3.csv", amexPayments("PAY", 3, 1, 2, 3))
	w.do(0, "run")
	w.wants("3.res.csv", map[string]string{"PAY-1": "approved 00000", "PAY-2": "refused 02505", "PAY-3": "approved 00000"})
	w.wantCards(map[string]string{"CUST-1": "active EDU 0145", "CUST-2": "disabled CC 0139", "CUST-3": "active EA 0139"})

	// The others are asked for after a week, once.
	w.now = w.now.Add(7*24*time.Hour + time.Hour)
	w.do(0, "run")
	w.wantCards(map[string]string{"CUST-3": "active PU 0139", "CUST-4": "active EDU 0144"})
	asked := w.payline.Stats().Requests
	w.do(0, "run")
	if n := w.payline.Stats().Requests - asked; n != 0 {
		t.Errorf("%d requests for cards that were asked for already", n)
	}
	w.do(0, "audit", "verify")
}
