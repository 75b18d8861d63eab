package paysafe

import (
	_ "embed"
	"net/http"
	"strings"

	"cardbatch/gateway/internal/codetable"
)

// codesCSV says what every answer means; package codetable says how it is read. kind
// is the operation, or one of the kinds below. state is the transaction's status,
// FAILED also for HTTP 402 without one; error the code in the body or, where the body
// has none, in the header; settlement the status of what a payment settled, or missing; acquirer
// the raw code of the acquirer; field the first field that is to blame.
//
//go:embed codes.csv
var codesCSV string

var meanings = codetable.Must(Kind, codesCSV)

// Kinds of answers that are no operation's.
const (
	kindLookup    = "lookup"    // by merchantRefNum; its state is found or none
	kindCancelled = "cancelled" // a settlement that was to be cancelled, read again
	kindVault     = "vault"     // a profile or card that is made or changed
	kindFind      = "find"      // a profile or card that is read
)

// statusHeader repeats the code of an error (facts, section 4.1).
const statusHeader = "X-Application-Status-Code"

// failed is the status of a transaction that was declined or went wrong.
const failed = "FAILED"

// errorCode is the code of an error, from the body or else from the header; ok is false
// when the two contradict each other. A header that holds no four digits says nothing.
func errorCode(h http.Header, e *entity) (code string, ok bool) {
	header := h.Get(statusHeader)
	switch {
	case len(header) != 4 || strings.Trim(header, "0123456789") != "", header == e.Error.Code:
		return e.Error.Code, true
	case e.Error.Code != "", e.Status != "" && e.Status != failed:
		return "", false
	}
	return header, true
}

// judge finds the meaning of an answer with an HTTP status and an error code;
// settlement is the status of what a payment settled.
func judge(kind string, status int, code, settlement string, e *entity) codetable.Meaning {
	state := e.Status
	if status == http.StatusPaymentRequired && state == "" {
		state = failed
	}
	return meanings.Judge(kind, status, state, code, settlement, string(e.AcquirerResponse.ResponseCode), e.firstField())
}
