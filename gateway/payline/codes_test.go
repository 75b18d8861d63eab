package payline

import (
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/internal/codetable"
)

func answerOf(code, id string) *response {
	return &response{Results: []result{{Code: code}}, Transaction: transaction{ID: id}}
}

// Every code of the facts, section 4, means what its class (section 4.6) allows.
func TestEveryListedCodeIsJudgedByItsClass(t *testing.T) {
	allowed := map[batch.CodeClass][]batch.LineState{
		batch.ClassSuccess:       {batch.Approved, ""},
		batch.ClassWarning:       {batch.Approved, ""},
		batch.ClassReview:        {batch.Approved, batch.Pending, ""},
		batch.ClassPartial:       {batch.Refused, ""},
		batch.ClassPending:       {batch.Pending, ""},
		batch.ClassReplay:        {batch.InDoubt},
		batch.ClassTechnical:     {batch.InDoubt},
		batch.ClassReconcile:     {batch.InDoubt},
		batch.ClassSoft:          {batch.Declined},
		batch.ClassBuyer:         {batch.Declined},
		batch.ClassStop:          {batch.Declined},
		batch.ClassDuplicate:     {batch.InDoubt, batch.Refused, batch.Declined, ""},
		batch.ClassRequest:       {batch.Refused, batch.Declined},
		batch.ClassConfiguration: {batch.Refused, batch.Declined, ""},
		batch.ClassOther:         {batch.Declined, batch.Refused, batch.InDoubt, ""},
	}
	for _, code := range batch.Codes {
		for _, k := range []kind{kindPayment, kindFollowUp, kindSchedule, kindWallet, kindSwitch, kindRead} {
			m := judge(k, 200, answerOf(code.Code, "T"))
			ok := false
			for _, state := range allowed[code.Class] {
				ok = ok || m.State == state
			}
			if code.Class == batch.ClassRequest && m.State == batch.Approved && code.Code == batch.CodeWalletDisabled {
				ok = true
			}
			if !ok {
				t.Errorf("%s (%s) of a %s: %q", code.Code, code.Class, k, m.State)
			}
		}
	}
}

func TestJudgement(t *testing.T) {
	for _, c := range []struct {
		why         string
		kind        kind
		status      int
		code        string
		transaction string
		outcome     codetable.Outcome
		want        string
	}{
		{"a payment", kindPayment, 200, "00000", "T", codetable.Approved, "00000"},
		{"a payment in the words of a wallet", kindPayment, 200, "02500", "T", codetable.Approved, "00000"},
		{"a wallet in the words of a payment", kindWallet, 200, "00000", "", codetable.Approved, "02500"},
		{"a wallet that expires soon", kindWallet, 200, "02501", "", codetable.Approved, "02501"},
		{"a payment whose wallet failed", kindPayment, 200, "02616", "T", codetable.Approved, "02616"},
		{"to be reviewed", kindPayment, 200, "04001", "T", codetable.Approved, "04001"},
		{"suspected", kindPayment, 200, "04003", "T", codetable.Pending, "04003"},
		{"in progress", kindPayment, 200, "02000", "T", codetable.Pending, "02000"},
		{"in progress, of a wallet", kindWallet, 200, "02000", "", codetable.Pending, "02000"},
		{"a decline", kindPayment, 200, "01100", "T", codetable.Declined, "01100"},
		{"a decline that nobody knows", kindPayment, 200, "01777", "T", codetable.Declined, "01777"},
		{"a code that nobody knows", kindPayment, 200, "02777", "T", codetable.NoAnswer, ""},
		{"a family that nobody knows", kindPayment, 200, "55555", "T", codetable.NoAnswer, ""},
		{"the front end failed", kindPayment, 200, "02101", "", codetable.InDoubt, "02101"},
		{"the acquirer failed", kindPayment, 200, "01909", "T", codetable.InDoubt, "01909"},
		{"to be cancelled", kindPayment, 200, "02013", "T", codetable.InDoubt, "02013"},
		{"a repetition", kindPayment, 200, "02001", "", codetable.InDoubt, "02001"},
		{"a repetition by the acquirer's marks", kindPayment, 200, "01913", "", codetable.Confirm, "01913"},
		{"captured before", kindFollowUp, 200, "02617", "", codetable.Confirm, "02617"},
		{"a wallet of this name", kindWallet, 200, "02502", "", codetable.Confirm, "02502"},
		{"cannot be disabled", kindSwitch, 200, "02516", "", codetable.Confirm, "02516"},
		{"no such wallet", kindPayment, 200, "02503", "", codetable.Refused, "02503"},
		{"no such function", kindPayment, 200, "09201", "", codetable.Refused, "09201"},
		{"wrong password", kindPayment, 200, "09101", "", codetable.Credentials, ""},
		{"wrong password by status", kindPayment, 401, "", "", codetable.Credentials, ""},
		{"a forbidden place", kindPayment, 403, "", "", codetable.NoAnswer, ""},
		{"slow down", kindPayment, 429, "", "", codetable.Busy, ""},
		{"an approval with a server's error", kindPayment, 500, "00000", "T", codetable.NoAnswer, ""},
		{"found and approved", kindLookup, 200, "00000", "T", codetable.Approved, "00000"},
		{"found and declined", kindLookup, 200, "01100", "T", codetable.Declined, "01100"},
		{"found in progress", kindLookup, 200, "02000", "T", codetable.Pending, "02000"},
		{"found as failed", kindLookup, 200, "01909", "T", codetable.Declined, "01909"},
		{"found and broken off", kindLookup, 200, "01197", "T", codetable.InDoubt, "01197"},
		{"found and to be cancelled", kindLookup, 200, "02013", "T", codetable.InDoubt, "02013"},
		{"found as a repetition", kindLookup, 200, "02001", "T", codetable.InDoubt, "02001"},
		{"found as refused", kindLookup, 200, "02302", "T", codetable.Refused, "02302"},
		{"not found", kindLookup, 200, "02310", "", codetable.UnknownKey, ""},
		{"found with the code of not found", kindLookup, 200, "02301", "T", codetable.Refused, "02301"},
		{"approved and not found", kindLookup, 200, "00000", "", codetable.NoAnswer, ""},
		{"a look-up that failed", kindLookup, 200, "02101", "", codetable.NoAnswer, ""},
		{"several", kindLookup, 200, "02311", "", codetable.NoAnswer, ""},
		{"a search", kindSearch, 200, "00000", "", codetable.Approved, "02500"},
		{"a search without a find", kindSearch, 200, "02310", "", codetable.UnknownKey, ""},
		{"a search over too long a time", kindSearch, 200, "02320", "", codetable.NoAnswer, ""},
		{"a state", kindState, 200, "02500", "", codetable.Approved, "02500"},
		{"a state that says disabled", kindState, 200, "02505", "", codetable.Approved, "02505"},
		{"a state of nothing", kindState, 200, "02503", "", codetable.UnknownKey, ""},
		{"a state that failed", kindState, 200, "02305", "", codetable.NoAnswer, ""},
	} {
		t.Run(c.why, func(t *testing.T) {
			r := answerOf(c.code, c.transaction)
			if c.code == "" {
				r = &response{}
			}
			if m := judge(c.kind, c.status, r); m.Outcome != c.outcome || m.Code != c.want {
				t.Errorf("got %s %q, want %s %q", m.Outcome, m.Code, c.outcome, c.want)
			}
		})
	}
}
