package mastercard

import (
	_ "embed"

	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer means; package codetable says how it is read.
// result, cause, gateway_code, field and words are those of the answer: words are its
// explanation.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// kind is what was asked, as far as it changes the meaning of an answer.
type kind string

const (
	kindPayment kind = "payment"
	kindToken   kind = "token"
	kindLookup  kind = "lookup"
	kindRow     kind = "row" // of a batch that has been worked off
)

// judge finds the meaning of a reply.
func judge(k kind, status int, r *response) codetable.Meaning {
	return meanings.Judge(string(k), status, r.Result, r.Error.Cause, r.Response.GatewayCode, r.Error.Field, r.Error.Explanation)
}
