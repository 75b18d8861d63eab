package lyra

import (
	_ "embed"
	"strconv"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer means; package codetable says how it is read. result is
// that of the call: SUCCESS says that it was understood, not that anything was paid.
// transaction and detailed are the two statuses of the transaction, error its code or that
// of the call, or the response code of a service that answers nothing else; bank is the
// bank's own code.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// kind is what was asked, as far as it changes the meaning of an answer.
type kind string

const (
	kindPayment       kind = "payment"
	kindAuthorization kind = "authorization"
	kindToken         kind = "token"
	kindReduce        kind = "reduce"
	kindCapture       kind = "capture"
	kindReset         kind = "reset"
	kindRefund        kind = "refund"
	kindSchedule      kind = "schedule"
	kindRecord        kind = "record"
	kindWallet        kind = "wallet"
	kindEcho          kind = "echo"
)

// find is the look-up of a kind.
func find(k kind) kind { return "find " + k }

// paymentKind tells an authorization alone from a payment.
func paymentKind(req *gateway.Request) kind {
	if authorizesOnly(req) {
		return kindAuthorization
	}
	return kindPayment
}

func authorizesOnly(req *gateway.Request) bool {
	return req.Action == batch.ActionAuthorize || req.Action == "" && req.Command == batch.DoAuthorization
}

const statusSuccess = "SUCCESS"

// judge finds the meaning of an answer.
func judge(k kind, http int, result string, v *verdict) codetable.Meaning {
	code := v.ErrorCode
	if code == "" && v.answer.ResponseCode != nil {
		code = strconv.Itoa(*v.answer.ResponseCode)
	}
	return meanings.Judge(string(k), http, result, v.Status, v.DetailedStatus, code, v.DetailedErrorCode)
}
