package mastercardbatch_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercardbatch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

func TestLifeOfABatch(t *testing.T) {
	client, sim := world(t, nil)
	if err := client.Check(t.Context()); err != nil {
		t.Fatalf("check: %v", err)
	}
	saved, err := client.Do(t.Context(), gateway.Request{Key: key("w"), Command: batch.CreateWallet, Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"}})
	if err != nil || saved.Token == "" {
		t.Fatalf("wallet: %+v, %v", saved, err)
	}

	series := &batch.Agreement{ID: "AGR-1", Type: "RECURRING", Variability: "FIXED", MaxPayments: 12}
	first := payment("first")
	first.Card = gateway.Card{Token: saved.Token, Expiry: "0139", Cardholder: `Zoë, "Z"`}
	first.Credential = gateway.Credential{Source: "INTERNET", Use: gateway.ToBeStored, Agreement: series, First: true}
	hold := payment("hold")
	hold.Action = "100"
	declined := payment("declined")
	declined.Card.Expiry = stage.DeclinedExpiry
	notOurs := payment("unknown token")
	notOurs.Card = gateway.Card{Token: "9000000000000000"}
	neverSent := payment("action")
	neverSent.Action = "129"
	unknown := payment("unknown")
	unknown.Card.Expiry = "0537" // the gateway does not know itself
	verify := payment("verify")
	verify.Command, verify.Amount = batch.Verify, eur(0)

	expect := func(b gateway.Batch, want []string) []gateway.Reply {
		t.Helper()
		if err := client.Send(t.Context(), b); err != nil {
			t.Fatalf("send: %v", err)
		}
		replies := fetch(t, client, b)
		for i, r := range replies {
			if got := fmt.Sprint(r.State, " ", r.Code); got != want[i] || r.Err != nil {
				t.Errorf("%s: got %s (%s), %v; want %s", b.Requests[i].OrderRef, got, r.Message, r.Err, want[i])
			}
		}
		return replies
	}
	night := batchOf(first, hold, declined, notOurs, neverSent, unknown, verify)
	replies := expect(night, []string{
		"approved 00000", "approved 00000", "declined 01100", "refused 02317", "refused 02321", "in_doubt 02013", "approved 00000",
	})
	paid := replies[0]
	if paid.TransactionID != batch.TransactionID(first.Key) || paid.NetworkTransaction == "" || len(paid.AuthorizationNumber) != 6 ||
		paid.Card != "512345******0008" || paid.CardExpiry != "0139" || paid.CardType != "MASTERCARD" || paid.GatewayCode != "APPROVED" || paid.SchemeCode != "00" {
		t.Errorf("the first payment: %+v", paid)
	}
	rest, err := client.Lookup(t.Context(), first)
	if err != nil || rest.Answer != paid.Answer.Answer {
		t.Errorf("the look-up by REST says\n%+v, %v; the batch\n%+v", rest.Answer, err, paid.Answer.Answer)
	}
	for _, req := range night.Requests {
		want := map[batch.Key]int{first.Key: 1, hold.Key: 1}[req.Key]
		if n := sim.Charges(string(req.Key)); n != want {
			t.Errorf("%s: %d effects, want %d", req.OrderRef, n, want)
		}
	}

	series.FirstKey = first.Key
	later := payment("later")
	later.Command, later.Card = batch.DoImmediateWalletPayment, gateway.Card{Token: saved.Token}
	later.Credential = gateway.Credential{Source: batch.SourceMerchant, Use: gateway.Stored, Agreement: series}
	capture := gateway.Request{Key: key("capture"), Command: batch.DoCapture, Amount: eur(2000), Original: &batch.Transaction{Key: hold.Key}}
	refund := gateway.Request{Key: key("refund"), Command: batch.DoRefund, Amount: eur(9900), Original: &batch.Transaction{Key: first.Key}}
	void := gateway.Request{Key: key("void"), Command: batch.DoReset, Original: &batch.Transaction{Key: verify.Key}}
	expect(batchOf(later, capture, refund, void), []string{"approved 00000", "approved 00000", "refused 02110", "refused 02302"})
	expect(batchOf(gateway.Request{Key: key("void it"), Command: batch.DoReset, Original: &batch.Transaction{Key: later.Key}}), []string{"approved 00000"})
	expect(batchOf(neverSent), []string{"refused 02321"})

	if _, err := client.Do(t.Context(), later); !errors.Is(err, gateway.ErrUnsupported) || !gateway.IsNotSent(err) {
		t.Errorf("a payment alone: %v, want unsupported", err)
	}
	if _, err := client.Fetch(t.Context(), batchOf(payment("never sent"))); !errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("fetch of a batch that was never sent: %v, want unknown", err)
	}
}

// A program that dies between upload and validation leaves a batch that no one starts; the
// next one computes the same file, and starts it.
func TestABatchThatWasUploadedAndNotStartedIsStartedByFetch(t *testing.T) {
	sim, endpoint := start(t, simulator.Options{})
	client := newClient(t, endpoint, nil)
	b := batchOf(payment("a"), payment("b"))
	if err := sim.Plan(stage.Fault{Phase: stage.ResetBefore, Operation: "BATCH_VALIDATE"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) {
		t.Fatalf("send: %v, want in doubt", err)
	}
	if n := sim.Stats().Charges; n != 0 {
		t.Fatalf("%d effects before the batch was started", n)
	}
	next := newClient(t, endpoint, nil)
	for _, r := range fetch(t, next, b) {
		if r.State != batch.Approved || r.Err != nil {
			t.Errorf("got %s, %v", r.State, r.Err)
		}
	}
	if n := sim.Stats().Charges; n != 2 {
		t.Errorf("%d effects, want 2", n)
	}
}

// A batch under our name that holds other bytes is never started by us.
func TestOtherBytesUnderTheNameAreNotStarted(t *testing.T) {
	client, sim := world(t, nil)
	b := batchOf(payment("a"))
	if err := sim.Plan(stage.Fault{Phase: stage.ResetBefore, Operation: "BATCH_VALIDATE"}); err != nil {
		t.Fatal(err)
	}
	if err := client.Send(t.Context(), b); gateway.IsNotSent(err) {
		t.Fatal(err)
	}
	b.Requests[0].Amount.Minor++
	for range 2 {
		if _, err := client.Fetch(t.Context(), b); err == nil || gateway.IsNotSent(err) || !strings.Contains(err.Error(), "validate") {
			t.Errorf("fetch: %v, want in doubt", err)
		}
		if err := client.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) {
			t.Errorf("send: %v, want in doubt", err)
		}
	}
	if n := sim.Stats().Charges; n != 0 {
		t.Errorf("%d effects", n)
	}
}

// Whatever step fails, and how: every payment is carried out at most once, NotSent is said
// only when none was, and in the end each outcome is the truth.
func TestEveryStepMayFailInEveryWay(t *testing.T) {
	client, sim := world(t, func(c *mastercardbatch.Config) { c.Timeout = 300 * time.Millisecond })
	for _, operation := range []string{"", "BATCH_UPLOAD", "BATCH_VALIDATE", "BATCH_STATUS", "BATCH_RESPONSE"} {
		for _, info := range stage.Phases() {
			t.Run(operation+" "+string(info.Phase), func(t *testing.T) {
				var reqs []gateway.Request
				for i := range 3 {
					reqs = append(reqs, payment(fmt.Sprint(operation, info.Phase, i)))
				}
				fault := stage.Fault{Phase: info.Phase, Operation: operation, Delay: 10 * time.Millisecond}
				if info.Phase == stage.SlowDrip {
					fault.Delay = 10 * time.Microsecond
				}
				if err := sim.Plan(fault); err != nil {
					t.Fatal(err)
				}
				defer sim.Lift()
				replies := asARunDoes(t, client, sim, batchOf(reqs...), info.Commits)
				for i, r := range replies {
					charged := sim.Charges(string(reqs[i].Key))
					switch {
					case r.Err != nil:
						t.Errorf("never settled: %v", r.Err)
					case r.State == batch.Approved && charged != 1, r.State != batch.Approved && charged != 0:
						t.Errorf("%s, and charged %d times", r.State, charged)
					case r.State != batch.Approved && !(r.State == batch.Declined && info.Phase == stage.UnknownCode):
						t.Errorf("got %s %s", r.State, r.Code)
					}
				}
			})
		}
	}
}

// asARunDoes sends and asks until every payment has its end: again when nothing was sent or
// everything proved unknown, by look-up where the batch does not tell.
// comes says that the gateway has the batch, or will have it, although it did not say so.
func asARunDoes(t *testing.T, client *mastercardbatch.Client, sim *simulator.Simulator, b gateway.Batch, comes bool) []gateway.Reply {
	t.Helper()
	send := func() {
		err := client.Send(t.Context(), b)
		if gateway.IsNotSent(err) && sim.Charges(string(b.Requests[0].Key)) != 0 {
			t.Error("said not sent, and was charged")
		}
	}
	send()
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		time.Sleep(time.Millisecond)
		replies, err := client.Fetch(t.Context(), b)
		if gateway.IsNotSent(err) {
			t.Errorf("fetch says not sent: %v", err)
		}
		if errors.Is(err, gateway.ErrUnknownKey) {
			for _, req := range b.Requests {
				if _, err := client.Lookup(t.Context(), req); !errors.Is(err, gateway.ErrUnknownKey) {
					t.Fatalf("the batch is unknown, its payment is not: %v", err)
				}
			}
			if !comes { // otherwise it has not settled yet
				send()
			}
			continue
		}
		if err != nil {
			continue
		}
		settled := true
		for i := range replies {
			r := &replies[i]
			if r.Err != nil || r.State == batch.InDoubt {
				r.Answer, r.Err = client.Lookup(t.Context(), b.Requests[i])
			}
			settled = settled && r.Err == nil && r.State.Final()
		}
		if settled {
			return replies
		}
	}
	t.Fatal("it does not end")
	return nil
}

// When the gateway was down while it worked a batch off, its rows tell nothing, and the
// look-ups know nothing: the same payments go again, under a name of their own.
func TestABatchThatCameToNothingIsSentAgain(t *testing.T) {
	sim, endpoint := start(t, simulator.Options{MaxOrders: 2})
	client := newClient(t, endpoint, nil)
	for _, name := range []string{"fills", "it"} {
		if a, err := client.Client.Do(t.Context(), payment(name)); err != nil || a.State != batch.Approved {
			t.Fatal(a.State, err)
		}
	}
	b := batchOf(payment("a"))
	for range 2 { // generations
		if err := client.Send(t.Context(), b); err != nil {
			t.Fatalf("send: %v", err)
		}
		if r := fetch(t, client, b)[0]; r.Err == nil {
			t.Fatalf("got %s, want in doubt", r.State)
		}
		if _, err := client.Lookup(t.Context(), b.Requests[0]); !errors.Is(err, gateway.ErrUnknownKey) {
			t.Fatalf("look-up: %v", err)
		}
	}
	sim.Stage.Options.MaxOrders = 100
	if err := client.Send(t.Context(), b); err != nil {
		t.Fatalf("send: %v", err)
	}
	if r := fetch(t, client, b)[0]; r.State != batch.Approved {
		t.Errorf("got %s, %v", r.State, r.Err)
	}
	// A run whose memory was lost sends it once more: it is fetched, not made again.
	if err := client.Send(t.Context(), b); err != nil {
		t.Fatalf("send: %v", err)
	}
	if r := fetch(t, client, b)[0]; r.State != batch.Approved {
		t.Errorf("got %s, %v", r.State, r.Err)
	}
	if n := sim.Stats().Replays; n != 0 {
		t.Errorf("%d payments were sent again", n)
	}
	if n := sim.Charges(string(b.Requests[0].Key)); n != 1 {
		t.Errorf("charged %d times", n)
	}
}

// The refusal of a row must not hide that its payment was made before, by another road.
func TestARefusedRowIsConfirmedByLookUp(t *testing.T) {
	client, sim := world(t, nil)
	req := payment("a")
	if a, err := client.Client.Do(t.Context(), req); err != nil || a.State != batch.Approved {
		t.Fatal(a.State, err)
	}
	req.OrderRef = "not identical"
	b := batchOf(req, payment("b"))
	if err := client.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	if replies := fetch(t, client, b); replies[0].State != batch.Approved || replies[0].Err != nil {
		t.Errorf("got %s, %v; want the outcome of the first", replies[0].State, replies[0].Err)
	}
	if err := sim.Plan(stage.Fault{Phase: stage.Failure500, Operation: "RETRIEVE"}); err != nil {
		t.Fatal(err)
	}
	if replies := fetch(t, client, b); replies[0].Err == nil || gateway.IsNotSent(replies[0].Err) {
		t.Errorf("with a failing look-up: %s, %v; want in doubt", replies[0].State, replies[0].Err)
	}
}

// A batch of thousands: its answers are longer than those of any single call.
func TestALargeBatch(t *testing.T) {
	client, sim := world(t, nil)
	reqs := make([]gateway.Request, 3000)
	for i := range reqs {
		reqs[i] = payment(fmt.Sprint("large ", i))
	}
	if n := client.Fit(reqs); n != len(reqs) {
		t.Fatalf("%d of them fit", n)
	}
	b := batchOf(reqs...)
	if err := client.Send(t.Context(), b); err != nil {
		t.Fatal(err)
	}
	for i, r := range fetch(t, client, b) {
		if r.State != batch.Approved || r.TransactionID != batch.TransactionID(reqs[i].Key) {
			t.Fatalf("row %d: %s, %v", i+1, r.State, r.Err)
		}
	}
	if n := sim.Stats().Charges; n != int64(len(reqs)) {
		t.Errorf("%d effects", n)
	}
}

func TestAFaultOfAnOrderReferenceStrikesItsBatchOnce(t *testing.T) {
	client, sim := world(t, nil)
	req := payment("a")
	req.OrderRef = "FAULT-503_BEFORE-1"
	b := batchOf(payment("b"), req)
	if err := client.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) {
		t.Fatalf("send: %v, want in doubt", err)
	}
	if err := client.Send(t.Context(), b); err != nil {
		t.Fatalf("send again: %v", err)
	}
	if n := sim.Stats().Faults; n != 1 {
		t.Errorf("%d faults", n)
	}
	fetch(t, client, b)
}

func TestCredentials(t *testing.T) {
	sim, endpoint := start(t, simulator.Options{})
	right := newClient(t, endpoint, nil)
	wrong := newClient(t, endpoint, func(c *mastercardbatch.Config) { c.Password = func() (string, error) { return "wrong", nil } })
	b := batchOf(payment("a"))
	if err := wrong.Send(t.Context(), b); !errors.Is(err, gateway.ErrCredentials) || !gateway.IsNotSent(err) {
		t.Errorf("send: %v", err)
	}
	if _, err := wrong.Fetch(t.Context(), b); !errors.Is(err, gateway.ErrCredentials) || gateway.IsNotSent(err) {
		t.Errorf("fetch: %v", err)
	}
	if err := wrong.Check(t.Context()); !errors.Is(err, gateway.ErrCredentials) {
		t.Errorf("check: %v", err)
	}
	// Refused after the upload, they prove nothing about it any more.
	if err := sim.Plan(stage.Fault{Phase: stage.Unauthorized, Operation: "BATCH_VALIDATE"}); err != nil {
		t.Fatal(err)
	}
	if err := right.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) || errors.Is(err, gateway.ErrCredentials) {
		t.Errorf("send: %v, want in doubt and no word of credentials", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := right.Send(ctx, b); !gateway.IsNotSent(err) || !errors.Is(err, context.Canceled) {
		t.Errorf("given up: %v", err)
	}
}
