package paysafe

import (
	"slices"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
)

// Every code of the facts, section 4.5, with the HTTP status that goes with it, as the
// answer to an authorization or, where the code is a follow-up's, to that.
func TestEveryListedCodeIsJudged(t *testing.T) {
	type row struct {
		kind    string
		status  int
		codes   string
		outcome codetable.Outcome
	}
	for _, c := range []row{
		{"auth", 500, "1000 1002 1003 1007 1008", codetable.NoAnswer},
		{"auth", 429, "1200", codetable.Busy},
		{"auth", 400, "3001 3002 3004 3005 3006", codetable.Refused},
		{"auth", 402, "3007 3009 3011 3012 3013 3014 3015 3016 3017 3018 3020 3022 3023 3024 3032 3033 3049 3050 3052 3060 4001 4002", codetable.Declined},
		{"auth", 402, "3041 3417", codetable.InDoubt},
		{"auth", 402, "3044", codetable.Duplicate},
		{"settle", 402, "3203 3204 3205", codetable.Confirm},
		{"refund", 402, "3402 3404", codetable.Confirm},
		{"refund", 402, "3406", codetable.Refused},
		{"auth", 401, "5000 5040 5275 5276 5277 5279 5280", codetable.Credentials},
		{"auth", 400, "5001 5003 5016 5017 5023 5042 5068 5500 5501 5502", codetable.Refused},
		{"auth", 409, "5031", codetable.Duplicate},
		{"auth", 404, "5269", codetable.Refused},
		{"auth", 403, "5270", codetable.Credentials},
		{"auth", 400, "5283", codetable.Duplicate},
		{"vault", 409, "7503 7505", codetable.Duplicate},
		{"vault", 409, "7521", codetable.Refused},
		{"void", 402, "3501 3502 3506", codetable.Confirm},
	} {
		for _, code := range strings.Fields(c.codes) {
			m := judge(c.kind, c.status, code, "", &entity{})
			if m.Outcome != c.outcome {
				t.Errorf("%s %d %s: got %s %s, want %s", c.kind, c.status, code, m.Outcome, m.Code, c.outcome)
			}
		}
	}
}

// What the table answers must be codes that a RESULT can explain, and a decline that may
// be tried again must be one whose class the facts call soft.
func TestCodesAreKnownAndHardDeclinesAreNotSoft(t *testing.T) {
	for _, m := range meanings.Meanings() {
		if _, known := batch.FindCode(m.Code); m.State != "" && !known {
			t.Errorf("%s: the code %s is not listed", m.Source, m.Code)
		}
	}
	retried := []batch.CodeClass{batch.ClassSoft, batch.ClassTechnical, batch.ClassReplay}
	for code, want := range map[string]bool{
		"3009": true, "3018": true, "3020": true, "3022": true, "3023": true,
		"3011": false, "3016": false, "3017": false, "3024": false, "3032": false, "3033": false, "3049": false, "3050": false, "3052": false,
		"4001": false, "4002": false, "3999": false,
	} {
		m := judge("auth", 402, code, "", &entity{})
		if got := slices.Contains(retried, batch.CodeClassOf(m.Code)); got != want {
			t.Errorf("%s: may be tried again: %v (%s)", code, got, m.Code)
		}
	}
}

func TestJudgement(t *testing.T) {
	for _, c := range []struct {
		kind                    string
		status                  int
		state, code, settlement string
		why                     string
		outcome                 codetable.Outcome
		five                    string
	}{
		{"auth", 200, "COMPLETED", "", "PENDING", "a payment", codetable.Approved, "00000"},
		{"auth", 200, "COMPLETED", "", "", "an authorization", codetable.Approved, "00000"},
		{"auth", 200, "COMPLETED", "", "CANCELLED", "a payment whose settlement was cancelled", codetable.Declined, "02004"},
		{"auth", 200, "COMPLETED", "", "FAILED", "a payment whose settlement failed", codetable.InDoubt, "02013"},
		{"auth", 200, "COMPLETED", "", "PERHAPS", "a payment whose settlement is something new", codetable.NoAnswer, ""},
		{"auth", 200, "COMPLETED", "3009", "", "a success with an error", codetable.NoAnswer, ""},
		{"auth", 200, "RECEIVED", "", "", "waits for the processor", codetable.Pending, "02000"},
		{"auth", 200, "HELD", "", "", "held by the risk department", codetable.Pending, "04003"},
		{"auth", 200, "CANCELLED", "", "", "voided since", codetable.Declined, "02004"},
		{"auth", 200, "PERHAPS", "", "", "a new status", codetable.NoAnswer, ""},
		{"auth", 200, "", "", "", "no status", codetable.NoAnswer, ""},
		{"auth", 200, "", "3009", "", "an error in a success without a status", codetable.NoAnswer, ""},
		{"auth", 402, "COMPLETED", "", "", "a success with a decline's status", codetable.NoAnswer, ""},
		{"auth", 402, "COMPLETED", "3009", "", "a success with a decline's status and code", codetable.NoAnswer, ""},
		{"auth", 500, "COMPLETED", "", "", "a success with a server's error", codetable.NoAnswer, ""},
		{"auth", 200, "FAILED", "3022", "", "a decline that was looked up", codetable.Declined, "01116"},
		{"auth", 200, "FAILED", "1007", "", "a failure of the clearing house that was looked up", codetable.InDoubt, "02013"},
		{"auth", 200, "FAILED", "5031", "", "only the duplicate was found", codetable.InDoubt, "02002"},
		{"auth", 200, "FAILED", "", "", "a failure without a code", codetable.Declined, "02012"},
		{"auth", 402, "", "3999", "", "a decline with a new code", codetable.Declined, "02012"},
		{"auth", 402, "", "", "", "402 from who knows whom", codetable.NoAnswer, ""},
		{"auth", 400, "", "", "", "400 from who knows whom", codetable.NoAnswer, ""},
		{"auth", 400, "", "5999", "", "a new way to be invalid", codetable.Refused, "02305"},
		{"auth", 403, "", "", "", "403 from who knows whom", codetable.NoAnswer, ""},
		{"auth", 404, "", "5273", "", "the URL is not theirs", codetable.NoAnswer, ""},
		{"auth", 409, "", "5999", "", "a new conflict", codetable.NoAnswer, ""},
		{"auth", 307, "", "", "", "a redirection", codetable.NoAnswer, ""},
		{"auth", 408, "", "", "", "a timeout there", codetable.NoAnswer, ""},
		{"settle", 200, "PENDING", "", "", "a settlement waits for its batch", codetable.Approved, "00000"},
		{"settle", 200, "PROCESSING", "", "", "a settlement in its batch", codetable.Approved, "00000"},
		{"refund", 200, "COMPLETED", "", "", "a refund", codetable.Approved, "00000"},
		{"refund", 200, "RECEIVED", "", "", "a refund waits for the processor", codetable.Pending, "02000"},
		{"void", 200, "COMPLETED", "", "", "a void", codetable.Approved, "00000"},
		{"verify", 200, "COMPLETED", "", "", "a verification", codetable.Approved, "00000"},
		{"cancel", 200, "CANCELLED", "", "", "a cancellation", codetable.Approved, "00000"},
		{"cancel", 200, "PENDING", "", "", "a cancellation that cancelled nothing", codetable.NoAnswer, ""},
		{"cancel", 402, "", "3415", "", "too late to cancel", codetable.Confirm, "02105"},
		{"refund", 400, "", "3407", "", "an unknown settlement", codetable.Refused, "02301"},
		{"cancelled", 200, "CANCELLED", "", "", "it was cancelled", codetable.Approved, "00000"},
		{"cancelled", 200, "PENDING", "", "", "it was not cancelled", codetable.UnknownKey, ""},
		{"cancelled", 200, "COMPLETED", "", "", "it cannot be any more", codetable.Refused, "02105"},
		{"cancelled", 404, "", "5269", "", "it is not found", codetable.NoAnswer, ""},
		{"lookup", 200, "none", "", "", "an empty list", codetable.UnknownKey, ""},
		{"lookup", 404, "", "5269", "", "404 in place of an empty list", codetable.UnknownKey, ""},
		{"lookup", 404, "", "", "", "404 of something else", codetable.NoAnswer, ""},
		{"lookup", 200, "", "", "", "no list", codetable.NoAnswer, ""},
		{"lookup", 400, "", "5068", "", "a look-up refuses no line", codetable.NoAnswer, ""},
		{"lookup", 401, "", "5279", "", "401 is never unknown", codetable.Credentials, ""},
		{"lookup", 403, "", "5270", "", "an account that is not ours is never unknown", codetable.Credentials, ""},
		{"find", 404, "", "5269", "", "no such profile", codetable.UnknownKey, ""},
		{"find", 200, "ACTIVE", "", "", "a profile", codetable.Approved, "02500"},
		{"vault", 200, "ACTIVE", "", "", "a card is kept", codetable.Approved, "02500"},
		{"vault", 200, "INITIAL", "", "", "a profile that cannot pay", codetable.NoAnswer, ""},
		{"vault", 400, "", "7508", "", "a wrong number", codetable.Refused, "02625"},
		{"vault", 402, "", "3009", "", "the issuer declines the card", codetable.Declined, "01100"},
	} {
		t.Run(c.why, func(t *testing.T) {
			m := judge(c.kind, c.status, c.code, c.settlement, &entity{Status: c.state})
			if m.Outcome != c.outcome || m.Code != c.five {
				t.Errorf("got %s %q, want %s %q", m.Outcome, m.Code, c.outcome, c.five)
			}
		})
	}
}

func TestFieldsThatAreToBlameChooseTheCode(t *testing.T) {
	for field, want := range map[string]string{
		"card.cardNum": "02625", "cardNum": "02625", "card.paymentToken": "02317", "amount": "02110", "storedCredential.type": "02302", "merchantRefNum": "02305", "": "02305",
	} {
		e := &entity{}
		if field != "" {
			e.Error.FieldErrors = []fieldError{{field, "wrong"}}
		}
		if m := judge("auth", 400, "5068", "", e); m.Outcome != codetable.Refused || m.Code != want {
			t.Errorf("%q: got %s %s, want %s", field, m.Outcome, m.Code, want)
		}
	}
}
