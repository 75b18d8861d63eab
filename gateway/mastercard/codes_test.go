package mastercard

import (
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
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
			for _, k := range []kind{kindPayment, kindLookup, kindRow} {
				want := state
				if k == kindRow && state == batch.Pending {
					want = batch.InDoubt // its batch says nothing more
				}
				if m := judge(k, 201, r); m.State != want || len(m.Code) != 5 {
					t.Errorf("%s %s: got %q %q, want %s", words[0], code, m.State, m.Code, want)
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
		outcome                                       codetable.Outcome
		code                                          string
	}
	for _, c := range []row{
		{kindPayment, 201, "SUCCESS", "", "PARTIALLY_APPROVED", "", "", "less than asked", "in_doubt", "02612"},
		{kindPayment, 201, "SUCCESS", "", "BRAND_NEW", "", "", "a success of an unknown kind", codetable.NoAnswer, ""},
		{kindPayment, 201, "", "", "APPROVED", "", "", "an approval without a result", codetable.NoAnswer, ""},
		{kindPayment, 400, "SUCCESS", "", "APPROVED", "", "", "an approval with a bad status", codetable.NoAnswer, ""},
		{kindPayment, 500, "SUCCESS", "", "APPROVED", "", "", "an approval with a server's error", codetable.NoAnswer, ""},
		{kindPayment, 401, "ERROR", "INVALID_REQUEST", "", "", "", "401 reads INVALID_REQUEST", codetable.Credentials, ""},
		{kindLookup, 401, "ERROR", "INVALID_REQUEST", "", "", "unable to find", "401 is never unknown", codetable.Credentials, ""},
		{kindPayment, 400, "ERROR", "REQUEST_REJECTED", "", "", "", "a firewall", codetable.Credentials, ""},
		{kindPayment, 201, "ERROR", "SERVER_BUSY", "", "", "", "busy in a 201", codetable.NoAnswer, ""},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "sourceOfFunds.provided.card.number", "", "the number", "refused", "02625"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "sourceOfFunds.provided.card.expiry.month", "", "another field", "refused", "02305"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "", "", "no field", codetable.Confirm, "02302"},
		{kindPayment, 400, "ERROR", "INVALID_REQUEST", "", "transaction.id", "", "our id", codetable.Confirm, "02302"},
		{kindToken, 400, "ERROR", "INVALID_REQUEST", "", "", "", "a token without field", "refused", "02305"},
		{kindToken, 201, "SUCCESS", "", "BASIC_VERIFICATION_SUCCESSFUL", "", "", "a token", "approved", "02500"},
		{kindToken, 201, "FAILURE", "", "EXTERNAL_VERIFICATION_DECLINED_EXPIRED_CARD", "", "", "an expired card", "declined", "01101"},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "", "Unable to find order x", "not found", codetable.UnknownKey, ""},
		{kindLookup, 404, "ERROR", "INVALID_REQUEST", "", "", "", "not found by status", codetable.UnknownKey, ""},
		{kindLookup, 404, "", "", "", "", "", "404 of something else", codetable.NoAnswer, ""},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "", "retrieval is not enabled", "another refusal of the look-up", codetable.NoAnswer, ""},
		{kindLookup, 400, "ERROR", "INVALID_REQUEST", "", "order.amount", "", "a look-up refuses no line", codetable.NoAnswer, ""},
		{kindPayment, 404, "ERROR", "INVALID_REQUEST", "", "", "unable to find", "a payment is never unknown", codetable.NoAnswer, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := &response{Result: c.result}
			r.Response.GatewayCode = c.gatewayCode
			r.Error.Cause, r.Error.Field, r.Error.Explanation = c.cause, c.field, c.words
			if m := judge(c.kind, c.status, r); m.Outcome != c.outcome || m.Code != c.code {
				t.Errorf("got %s %q, want %s %q", m.Outcome, m.Code, c.outcome, c.code)
			}
		})
	}
}
