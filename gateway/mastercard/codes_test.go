package mastercard

import (
	"strings"
	"testing"

	"cardbatch/batch"
)

// Every gateway code of the facts, section 4.2, as a payment's answer with the result
// that goes with it.
func TestEveryListedGatewayCodeIsJudged(t *testing.T) {
	for state, codes := range map[batch.LineState]string{
		batch.Approved: "SUCCESS APPROVED APPROVED_AUTO APPROVED_PENDING_SETTLEMENT",
		batch.Pending:  "PENDING PENDING SUBMITTED DEFERRED_TRANSACTION_RECEIVED AUTHENTICATION_IN_PROGRESS",
		batch.InDoubt:  "FAILURE UNKNOWN TIMED_OUT LOCK_FAILURE",
		batch.Declined: "FAILURE INSUFFICIENT_FUNDS DECLINED REFERRED EXPIRED_CARD INVALID_CSC DECLINED_CSC DECLINED_AVS DECLINED_AVS_CSC " +
			"DECLINED_INVALID_PIN DECLINED_PIN_REQUIRED DECLINED_DO_NOT_CONTACT EXCEEDED_RETRY_LIMIT BLOCKED CANCELLED ABORTED DECLINED_PAYMENT_PLAN " +
			"NOT_SUPPORTED AUTHENTICATION_FAILED NOT_ENROLLED_3D_SECURE ACQUIRER_SYSTEM_ERROR SYSTEM_ERROR UNSPECIFIED_FAILURE DUPLICATE_BATCH A_NEW_ONE",
	} {
		words := strings.Fields(codes)
		for _, code := range words[1:] {
			r := &response{Result: words[0]}
			r.Response.GatewayCode = code
			for _, k := range []kind{kindPayment, kindLookup} {
				if m := judge(k, 201, r); m.state != state || len(m.code) != 5 {
					t.Errorf("%s %s: got %q %q, want %s", words[0], code, m.state, m.code, state)
				}
			}
		}
	}
}

func TestJudgement(t *testing.T) {
	type row struct {
		kind                                          kind
		status                                        int
		result, cause, gatewayCode, field, words, why string
		outcome                                       outcome
		code                                          string
	}
	for _, c := range []row{
		{kindPayment, 201, "SUCCESS", "", "PARTIALLY_APPROVED", "", "", "less than asked", "in_doubt", "02612"},
		{kindPayment, 201, "SUCCESS", "", "BRAND_NEW", "", "", "a success of an unknown kind", outcomeNoAnswer, ""},
		{kindPayment, 201, "", "", "APPROVED", "", "", "an approval without a result", outcomeNoAnswer, ""},
		{kindPayment, 400, "SUCCESS", "", "APPROVED", "", "", "an approval with a bad status", outcomeNoAnswer, ""},
		{kindPayment, 500, "SUCCESS", "", "APPROVED", "", "", "an approval with a server's error", outcomeNoAnswer, ""},
		{kindPayment, 401, "ERROR", "INVALID_REQUEST", "", "", "", "401 reads INVALID_REQUEST", outcomeCredentials, ""},
		{kindLookup, 401, "ERROR", "INVALID_REQUEST", "", "", "unable to find", "401 is never unknown", outcomeCredentials, ""},
		{kindPayment, 400, "ERROR", "REQUEST_REJECTED", "", "", "", "a firewall", outcomeCredentials, ""},
		{kindPayment, 201, "ERROR", "SERVER_BUSY", "", "", "", "busy in a 201", outcomeNoAnswer, ""},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "sourceOfFunds.provided.card.number", "", "the number", "refused", "02625"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "sourceOfFunds.provided.card.expiry.month", "", "another field", "refused", "02305"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "", "", "no field", outcomeConfirm, "02302"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "transaction.id", "", "our id", outcomeConfirm, "02302"},
		{kindToken, 400, "ERROR", "INVALID_REQUEST", "", "", "", "a token without field", "refused", "02305"},
		{kindToken, 201, "SUCCESS", "", "BASIC_VERIFICATION_SUCCESSFUL", "", "", "a token", "approved", "02500"},
		{kindToken, 201, "FAILURE", "", "EXTERNAL_VERIFICATION_DECLINED_EXPIRED_CARD", "", "", "an expired card", "declined", "01101"},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "", "Unable to find order x", "not found", outcomeUnknownKey, ""},
		{kindLookup, 404, "ERROR", "INVALID_REQUEST", "", "", "", "not found by status", outcomeUnknownKey, ""},
		{kindLookup, 404, "", "", "", "", "", "404 of something else", outcomeNoAnswer, ""},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "", "retrieval is not enabled", "another refusal of the look-up", outcomeNoAnswer, ""},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "order.amount", "", "a look-up refuses no line", outcomeNoAnswer, ""},
		{kindPayment, 404, "ERROR", "INVALID_REQUEST", "", "", "unable to find", "a payment is never unknown", outcomeNoAnswer, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := &response{Result: c.result}
			r.Response.GatewayCode = c.gatewayCode
			r.Error.Cause, r.Error.Field, r.Error.Explanation = c.cause, c.field, c.words
			if m := judge(c.kind, c.status, r); m.outcome != c.outcome || m.code != c.code {
				t.Errorf("got %s %q, want %s %q", m.outcome, m.code, c.outcome, c.code)
			}
		})
	}
}

func TestEveryRowNamesItsSource(t *testing.T) {
	for i, m := range meanings {
		if m.source == "" {
			t.Errorf("row %d has no source", i+2)
		}
	}
}
