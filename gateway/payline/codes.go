package payline

import (
	_ "embed"

	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer means; package codetable says how it is read. The
// platform's codes are those of our answers. transaction is "found" when the answer is
// about a transaction: the result of a look-up is then that of the transaction.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// kind is what was asked, as far as it changes the meaning of an answer.
type kind string

const (
	kindPayment  kind = "payment"  // a payment, an authorization, a verification
	kindFollowUp kind = "followup" // acts on a transaction
	kindSchedule kind = "schedule" // makes a payment record
	kindWallet   kind = "wallet"   // makes or changes a wallet
	kindSwitch   kind = "switch"   // disables or enables
	kindRead     kind = "read"     // shows a wallet
	kindLookup   kind = "lookup"   // of a transaction
	kindSearch   kind = "search"   // of the transactions under a reference
	kindState    kind = "state"    // of a wallet or a payment record
)

// judge finds the meaning of a reply.
func judge(k kind, status int, r *response) codetable.Meaning {
	found := ""
	if r.Transaction.ID != "" {
		found = "found"
	}
	return meanings.Judge(string(k), status, r.code(), found)
}
