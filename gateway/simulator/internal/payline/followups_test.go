package payline

import (
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

func TestFollowUpArithmetic(t *testing.T) {
	type step struct{ operation, action, amount, key, want string }
	for name, test := range map[string]struct {
		action string // of the payment of 1000
		steps  []step
	}{
		"authorize, capture in parts, refund in parts": {actionAuthorize, []step{
			{opCapture, actionCapture, "400", "c1", approved},
			{opCapture, actionCapture, "601", "c2", "02613"},
			{opCapture, actionCapture, "600", "c3", approved},
			{opCapture, actionCapture, "1", "c4", "02617"},
			{opRefund, actionRefund, "999", "r1", approved},
			{opRefund, actionRefund, "2", "r2", "02613"},
			{opRefund, actionRefund, "1", "r3", approved},
		}},
		"nothing is refunded before it is captured": {actionAuthorize, []step{
			{opRefund, actionRefund, "1", "r", "02618"},
		}},
		"captured at once": {actionCaptured, []step{
			{opCapture, actionCapture, "1000", "c", "02617"},
			{opRefund, actionRefund, "1000", "r", approved},
			{opReset, "", "", "x", "02603"},
		}},
		"a reset authorization is gone": {actionAuthorize, []step{
			{opReset, "", "", "x1", approved},
			{opReset, "", "", "x2", "02601"},
			{opCapture, actionCapture, "1", "c", "02313"},
		}},
		"the wrong action for the operation": {actionAuthorize, []step{
			{opCapture, actionRefund, "1", "c", "02321"},
			{opRefund, actionCapture, "1", "r", "02321"},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			id := b.authorize("A", test.action)
			for _, s := range test.steps {
				b.want(s.want, s.operation, following(id, s.action, s.amount, s.key)...)
				n := 0
				if s.want == approved {
					n = 1
				}
				if got := b.charges(s.key); got != n {
					t.Fatalf("%s %s: %d effects, want %d", s.operation, s.key, got, n)
				}
			}
		})
	}
}

func TestAnIdenticalFollowUpNeedsAnotherSequenceNumber(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	b.want(approved, opCapture, following(id, actionCapture, "100", "c1")...)
	b.want(duplicate, opCapture, following(id, actionCapture, "100", "c2")...)
	out := b.want(approved, opCapture, append(following(id, actionCapture, "100", "c3"), text("sequenceNumber", "2"))...)
	if out.get("reAuthorization") != "0" {
		t.Errorf("reAuthorization %q", out.get("reAuthorization"))
	}
	b.want(approved, opRefund, following(id, actionRefund, "50", "r1")...)
	b.want(duplicate, opRefund, following(id, actionRefund, "50", "r2")...)
}

func TestARefundMayNameTheCapture(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	capture := b.want(approved, opCapture, following(id, actionCapture, "600", "c")...).get("transaction", "id")
	b.want("02613", opRefund, following(capture, actionRefund, "601", "r1")...)
	refund := b.want(approved, opRefund, following(capture, actionRefund, "600", "r2")...).get("transaction", "id")
	b.want(approved, opReset, following(refund, "", "", "x")...) // takes the refund back
	b.want(approved, opRefund, following(id, actionRefund, "500", "r3")...)
	b.want("02600", opReset, following(capture, "", "", "x2")...)
}

func TestResetsInPart(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	reset := func(want, amount, currency, key string) {
		t.Helper()
		b.want(want, opReset, text("transactionID", id), text("amount", amount), text("currency", currency), keyed(key))
	}
	reset("02610", "1001", euro, "x1")
	reset("02620", "400", "840", "x2")
	reset("02110", "0", "", "x3")
	reset(approved, "400", euro, "x4")
	b.want("02613", opCapture, following(id, actionCapture, "601", "c1")...)
	b.want(approved, opCapture, following(id, actionCapture, "500", "c2")...)
	reset("02612", "100", euro, "x5")
	reset(approved, "", "", "x6")
	reset("02601", "", "", "x7")
}

func TestFollowUpsHaveTheirTime(t *testing.T) {
	b := newBench(t, stage.Options{})
	open, paid := b.authorize("A", actionAuthorize), b.authorize("B", actionCaptured)
	b.now = b.now.Add(remittedAfter)
	b.want("02105", opReset, following(paid, "", "", "x")...)
	b.now = b.now.Add(authorizationLives)
	b.want("02602", opCapture, following(open, actionCapture, "1000", "c")...)
	b.want("02602", opReset, following(open, "", "", "x")...)
	b.want(approved, opRefund, following(paid, actionRefund, "1000", "r")...)
}

func TestADeferredCaptureComesOnItsDay(t *testing.T) {
	b := newBench(t, stage.Options{})
	p := paying(actionAuthorize, "1000")
	p.put(text("mode", modeDeferred))
	p.put(text("differedActionDate", "24/11/26"))
	id := b.want(approved, opAuthorization, p, anyCard(), ordering("A")).get("transaction", "id")
	b.want("02618", opRefund, following(id, actionRefund, "1000", "r1")...)
	b.now = b.now.Add(48 * time.Hour)
	b.want("02617", opCapture, following(id, actionCapture, "1000", "c")...)
	b.want(approved, opRefund, following(id, actionRefund, "1000", "r2")...)
}

func TestFollowUpsOfNothing(t *testing.T) {
	b := newBench(t, stage.Options{})
	for _, id := range []string{"14000000000000", "7", "+14000000000000", "x"} {
		b.want("02301", opCapture, following(id, actionCapture, "1", "c")...)
		b.want("02301", opRefund, following(id, actionRefund, "1", "r")...)
		b.want("02604", opReset, following(id, "", "", "x")...)
	}
}
