// Package simulated names the accounts that the simulator keeps as a configuration
// names them, for tests that run the program with every kind of gateway.
package simulated

import "cardbatch/gateway/simulator/stage"

// Account is one kind of gateway.
type Account struct {
	Kind    string
	SignsIn string // settings that sign in, the password aside
	// NamesTransactions says that it gives transactions ids of its own, which differ from
	// one simulator to the next.
	NamesTransactions bool
	// NoNumbers says that a payment needs a wallet: card numbers are no source.
	NoNumbers bool
}

// Accounts lists every kind.
var Accounts = []Account{
	{Kind: "mastercard", SignsIn: "merchant_id: " + stage.MerchantID},
	{Kind: "mastercard-batch", SignsIn: "merchant_id: " + stage.MerchantID},
	{Kind: "payline", SignsIn: "merchant_id: " + stage.MerchantID, NamesTransactions: true},
	{Kind: "lyra", SignsIn: `merchant_id: "` + stage.ShopID + `"`, NamesTransactions: true, NoNumbers: true},
	{Kind: "paysafe", SignsIn: `merchant_id: "` + stage.AccountID + `", user: ` + stage.MerchantID, NamesTransactions: true},
}
