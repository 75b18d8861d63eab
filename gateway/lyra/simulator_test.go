package lyra_test

import (
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/lyra"
	"cardbatch/gateway/simulator/stage"
)

// say makes a request that is answered, whatever the answer.
func (w *world) say(t *testing.T, req gateway.Request) string {
	t.Helper()
	a, err := w.Do(t.Context(), req)
	if err != nil {
		t.Fatalf("%s: %v", req.Command, err)
	}
	return string(a.State) + " " + a.Code
}

func TestLifeOfAWallet(t *testing.T) {
	w := newWorld(t, nil)
	if err := w.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	first := w.payment(t, "first")
	kept := first.Wallet.Cards[0]
	if kept.Token == "" || kept.NetworkTransaction == "" {
		t.Fatalf("kept card: %+v", kept)
	}
	get := first
	get.Command, get.Key = batch.GetWallet, key("get")
	if a := w.do(t, get); a.Card != "512345******0008" || a.CardExpiry != "1239" || a.CardType != "MASTERCARD" {
		t.Errorf("the wallet's card: %+v", a.Answer)
	}
	paid := w.do(t, first)
	if paid.TransactionID == "" || paid.NetworkTransaction == "" || paid.AuthorizationNumber == "" || paid.Card != "512345******0008" {
		t.Errorf("payment: %+v", paid.Answer)
	}

	hold := first
	hold.Key, hold.Command, hold.Action, hold.Amount = key("hold"), batch.DoAuthorization, batch.ActionAuthorize, eur(5000)
	held := &batch.Transaction{ID: w.do(t, hold).TransactionID, Key: hold.Key, Command: hold.Command, Action: hold.Action, Amount: eur(5000)}
	capture := gateway.Request{Key: key("capture"), Command: batch.DoCapture, Amount: eur(3000), Original: held}
	captured := w.do(t, capture)
	if captured.TransactionID == held.ID {
		t.Error("the capture goes by the name of its authorization")
	}
	if found, err := w.Lookup(t.Context(), capture); err != nil || found.State != batch.Approved || found.TransactionID != captured.TransactionID {
		t.Errorf("look-up of the capture: %+v, %v", found, err)
	}
	if got := w.say(t, gateway.Request{Key: key("early"), Command: batch.DoRefund, Amount: eur(1000), Original: held}); got != "refused 02618" {
		t.Errorf("a refund before the remittance: %s", got)
	}
	for range 7 {
		w.tomorrow()
	}
	for i, want := range []string{"approved 00000", "approved 00000", "refused 02110"} {
		refund := gateway.Request{Key: key("refund " + strings.Repeat("x", i)), Command: batch.DoRefund, Amount: eur(1500), Original: held}
		if _, err := w.Lookup(t.Context(), refund); !errors.Is(err, gateway.ErrUnknownKey) {
			t.Errorf("look-up of refund %d before: %v", i+1, err)
		}
		if got := w.say(t, refund); got != want {
			t.Errorf("refund %d: got %s, want %s", i+1, got, want)
		}
		if want == "approved 00000" {
			if a, err := w.Lookup(t.Context(), refund); err != nil || a.State != batch.Approved {
				t.Errorf("look-up of refund %d: %s, %v", i+1, a.State, err)
			}
			held.Refunded += 1500
		}
	}
	if got := w.say(t, gateway.Request{Key: key("late"), Command: batch.DoReset, Original: held}); got != "refused 02105" {
		t.Errorf("a reset after the remittance: %s", got)
	}

	disable := first
	disable.Command, disable.Key = batch.DisableWallet, key("disable")
	w.do(t, disable)
	again := first
	again.Key = key("again")
	if got := w.say(t, again); got != "refused 02505" {
		t.Errorf("a payment with a cancelled token: %s", got)
	}
	if got := w.say(t, get); got != "refused 02505" {
		t.Errorf("a cancelled token: %s", got)
	}
	enable := first
	enable.Command, enable.Key = batch.EnableWallet, key("enable")
	w.do(t, enable)
	w.do(t, again)
	for _, req := range []gateway.Request{first, capture, again} {
		if n := w.sim.Charges(string(req.Key)); n < 1 {
			t.Errorf("%s: had no effect", req.Command)
		}
	}
	never := first
	never.Key = key("never sent")
	if _, err := w.Lookup(t.Context(), never); !errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up of an unknown key: %v", err)
	}
}

func TestLifeOfASchedule(t *testing.T) {
	w := newWorld(t, nil)
	req := w.payment(t, "series")
	req.Command, req.Amount = batch.DoRecurrentWalletPayment, eur(13000)
	req.Schedule = &batch.Schedule{Date: w.now().UTC().Format(time.DateOnly), First: 2000, Recurring: 1000, Cycle: "40", Left: 12}
	a := w.do(t, req)
	if a.Code != batch.CodeDone || a.PaymentRecord == "" || a.TransactionID != "" {
		t.Fatalf("schedule: %+v", a.Answer)
	}
	if _, err := w.Lookup(t.Context(), req); !errors.Is(err, gateway.ErrUnsupported) {
		t.Errorf("look-up of a schedule: %v", err)
	}
	end := gateway.Request{Key: key("end"), Command: batch.DisablePaymentRecord, Wallet: req.Wallet, PaymentRecord: a.PaymentRecord}
	if _, err := w.Lookup(t.Context(), end); !errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up before the end: %v", err)
	}
	w.do(t, end)
	if found, err := w.Lookup(t.Context(), end); err != nil || found.State != batch.Approved {
		t.Errorf("look-up of the end: %s, %v", found.State, err)
	}
	end.PaymentRecord = "no-such-subscription"
	if got := w.say(t, end); got != "refused 02507" {
		t.Errorf("a record that does not exist: %s", got)
	}
	past := req
	past.Key, past.Schedule = key("past"), &batch.Schedule{Date: "2020-01-31", Recurring: 1000, Cycle: "40"}
	if got := w.say(t, past); got != "refused 02305" {
		t.Errorf("a schedule in the past: %s", got)
	}
}

func TestDeclinesAreJudged(t *testing.T) {
	w := newWorld(t, nil)
	req := w.payment(t, "declined")
	kept := w.do(t, newWallet("a card that pays nothing", gatewaytest.Card, stage.DeclinedExpiry))
	req.Card.Token = kept.Token
	if got := w.say(t, req); got != "declined 01100" {
		t.Errorf("got %s", got)
	}
	if a, err := w.Lookup(t.Context(), req); err != nil || a.State != batch.Declined || a.Code != "01100" || a.SchemeCode != "05" {
		t.Errorf("looked up: %+v, %v", a.Answer, err)
	}
	req.Key, req.Card.Token = key("no token"), "0123456789abcdef0123456789abcdef"
	if got := w.say(t, req); got != "refused 02317" {
		t.Errorf("a token that does not exist: %s", got)
	}
}

func TestWrongPasswordIsNotSent(t *testing.T) {
	w := newWorld(t, func(c *lyra.Config) { c.Password = func() (string, error) { return "wrong", nil } })
	if _, err := w.Do(t.Context(), newWallet("w", gatewaytest.Card, "1239")); !errors.Is(err, gateway.ErrCredentials) || !gateway.IsNotSent(err) {
		t.Errorf("got %v", err)
	}
	if err := w.Check(t.Context()); !errors.Is(err, gateway.ErrCredentials) {
		t.Errorf("check: got %v", err)
	}
}

// An order reference plans a fault of its payment, so that whoever writes files can see one.
func TestTheOrderReferencePlansAFault(t *testing.T) {
	w := newWorld(t, nil)
	req := w.payment(t, "fault")
	req.OrderRef = "FAULT-500_AFTER-1"
	if _, err := w.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Fatalf("got %v, want in doubt", err)
	}
	if a, err := w.Lookup(t.Context(), req); err != nil || a.State != batch.Approved || w.sim.Charges(string(req.Key)) != 1 {
		t.Errorf("looked up: %s, %v, charged %d times", a.State, err, w.sim.Charges(string(req.Key)))
	}
}

func BenchmarkCall(b *testing.B) {
	w := newWorld(b, nil)
	req := w.payment(b, "bench")
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := req
		for pb.Next() {
			req.Key = batch.NewKey("bench", "line", int(n.Add(1)))
			if a, err := w.Do(b.Context(), req); err != nil || a.State != batch.Approved {
				b.Fatal(a.State, err)
			}
		}
	})
}
