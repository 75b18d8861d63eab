package smartbill

import (
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

func TestCharges(t *testing.T) {
	c := &Client{config: Config{Accounts: map[batch.ContractID]Account{"AMEX": {SE: "1"}, "PADDED": {SE: "1", AliasPad: 3}}}}
	payment := func(change func(*gateway.Request)) gateway.Request {
		r := gateway.Request{
			Key: "k", Command: batch.DoImmediateWalletPayment, Contract: "AMEX", Action: "101", Mode: "CPT", CardIndex: 2,
			Amount: money.Amount{Minor: 1, Currency: "EUR"}, Wallet: &batch.Wallet{ID: "W", DefaultCard: 1}, OrderRef: "o", SoftDescriptor: "d",
		}
		change(&r)
		return r
	}
	original := &batch.Transaction{WalletID: "W", CardIndex: 7, OrderRef: "first"}
	for name, v := range map[string]struct {
		req  gateway.Request
		want Charge
	}{
		"a payment":           {payment(func(*gateway.Request) {}), Charge{Alias: "W2", OrderRef: "o", Descriptor: "d"}},
		"of the default card": {payment(func(r *gateway.Request) { r.CardIndex = 0 }), Charge{Alias: "W1", OrderRef: "o", Descriptor: "d"}},
		"with a padded alias": {payment(func(r *gateway.Request) { r.Contract = "PADDED" }), Charge{Alias: "W002", OrderRef: "o", Descriptor: "d"}},
		"without an order":    {payment(func(r *gateway.Request) { r.OrderRef = "" }), Charge{Alias: "W2", OrderRef: "k", Descriptor: "d"}},
		"a refund":            {payment(func(r *gateway.Request) { r.Command, r.Original = batch.DoRefund, original }), Charge{Credit: true, Alias: "W7", OrderRef: "o", Descriptor: "d"}},
		"a refund without a word": {payment(func(r *gateway.Request) {
			r.Command, r.Original, r.OrderRef, r.Wallet = batch.DoRefund, original, "", nil
		}), Charge{Credit: true, Alias: "W7", OrderRef: "first", Descriptor: "d"}},
	} {
		t.Run(name, func(t *testing.T) {
			v.want.Key, v.want.Amount = "k", money.Amount{Minor: 1, Currency: "EUR"}
			if got, _, wrong := c.charge(&v.req); wrong != nil || got != v.want {
				t.Errorf("got %+v, %v", got, wrong)
			}
		})
	}
}
