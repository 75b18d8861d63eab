package pipeline_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/store"
)

// updates are the updates of acme's cards, as wallet, source, outcome, effect and expiries.
func (w *world) updates() (all []string) {
	w.Helper()
	for u, err := range w.store.CardUpdates(w.Context(), store.UpdateQuery{Merchant: acme}) {
		w.must(err)
		all = append(all, string(u.Wallet)+" "+u.Source+" "+string(u.Outcome)+" "+string(u.Effect)+" "+u.Old.Expiry+" "+u.New.Expiry)
	}
	return all
}

func TestALaterExpiryInTheAnswerToAPaymentUpdatesTheCard(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 4)
	told := map[batch.WalletID]string{"CUST-1": "1240", "CUST-2": "0126", "CUST-3": "0139", "CUST-4": "1240"}
	w.use(&scripted{w.gateways[bank].Connector, func(ctx context.Context, req gateway.Request) (gateway.Answer, error, bool) {
		answer, err := w.connect(nil).Do(ctx, req)
		if req.Command == batch.DoImmediateWalletPayment {
			answer.CardExpiry = told[req.Wallet.ID]
			if req.Wallet.ID == "CUST-4" {
				answer.State = batch.Pending
			}
		}
		return answer, err, true
	}})
	pay := func(ref, wallet string) string {
		return row(ref, "doImmediateWalletPayment", "contract=1 order_ref=O amount=100 currency=EUR wallet_id="+wallet)
	}
	before := w.wallet("CUST-2")
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{pay("P-1", "CUST-1"), pay("P-2", "CUST-2"), pay("P-3", "CUST-3"), pay("P-4", "CUST-4")}}.String())
	w.run()
	want := []string{"CUST-1 bank new_expiry changed 0139 1240"}
	if diff := cmp.Diff(want, w.updates()); diff != "" {
		t.Errorf("updates: -want +got\n%s", diff)
	}
	card := w.wallet("CUST-1").Cards[0]
	if card.Expiry != "1240" || card.ChangedAt.IsZero() {
		t.Errorf("the card is %+v", card)
	}
	if diff := cmp.Diff(before, w.wallet("CUST-2")); diff != "" {
		t.Errorf("an earlier expiry changed the wallet:\n%s", diff)
	}
	w.later(time.Hour)
	w.put("b.csv", sheet{ref: "B", columns: anyColumns, lines: []string{pay("P-5", "CUST-1")}}.String())
	w.run()
	if diff := cmp.Diff(want, w.updates()); diff != "" {
		t.Errorf("the same expiry again: -want +got\n%s", diff)
	}
}
