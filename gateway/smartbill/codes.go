package smartbill

import (
	_ "embed"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer to a charge means; package codetable says how it is read.
// result is that of the response file, as the layout names it; code is American Express',
// without the zero that may stand before three digits.
//
// American Express publishes no codes of SmartBill: "the ordinary American Express return
// codes" (payline facts, section 5.1). The three-digit codes below are those that acquirers
// publish for its authorizations; that response files use the same is likely, not proven.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// judge finds the meaning of an answer.
func judge(told batch.ChargeAnswer) codetable.Meaning {
	code := told.Code
	if len(code) == 4 && code[0] == '0' {
		code = code[1:]
	}
	return meanings.Judge("response", 0, string(told.State), code)
}
