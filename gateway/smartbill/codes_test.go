package smartbill

import (
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
)

func TestJudgement(t *testing.T) {
	for name, c := range map[string]struct {
		state    batch.LineState
		code     string
		want     batch.LineState // empty: no answer
		five     string
		unlisted bool
	}{
		"approved":                           {batch.Approved, "000", batch.Approved, "00000", false},
		"approved, in four digits":           {batch.Approved, "0000", batch.Approved, "00000", false},
		"approved without a code":            {batch.Approved, "", batch.Approved, "00000", false},
		"approved with an unknown code":      {batch.Approved, "777", batch.Approved, "00000", true},
		"a part approved is no approval":     {batch.Approved, "002", "", "", false},
		"declined":                           {batch.Declined, "100", batch.Declined, "01100", false},
		"declined in four digits":            {batch.Declined, "0100", batch.Declined, "01100", false},
		"declined without a code":            {batch.Declined, "", batch.Declined, "01100", false},
		"the account is cancelled":           {batch.Declined, "189", batch.Declined, "01114", false},
		"declined with an unknown code":      {batch.Declined, "777", batch.Declined, "01100", true},
		"declined with the code of approval": {batch.Declined, "000", batch.Declined, "01100", true},
		"refused":                            {batch.Refused, "110", batch.Refused, "02110", false},
		"not enrolled":                       {batch.Refused, "119", batch.Refused, "02505", false},
		"refused with an unknown code":       {batch.Refused, "E999", batch.Refused, "02522", true},
		"pending is no answer":               {batch.Pending, "000", "", "", false},
		"no result":                          {"", "000", "", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			m := judge(batch.ChargeAnswer{State: c.state, Code: c.code})
			if m.State != c.want || m.Code != c.five || m.Unlisted != c.unlisted {
				t.Errorf("got %+v", m)
			}
		})
	}
}

func TestEveryCodeIsKnown(t *testing.T) {
	for _, m := range meanings.Meanings() {
		if m.Code == "" {
			continue
		}
		if _, known := batch.FindCode(m.Code); !known {
			t.Errorf("%s is not in the list of codes", m.Code)
		}
	}
}

func TestReadingAnAnswer(t *testing.T) {
	c, req := &Client{}, gateway.Request{Key: "k"}
	if _, err := c.read(&req, batch.ChargeAnswer{Key: "other", State: batch.Approved}); err == nil || gateway.IsNotSent(err) {
		t.Errorf("an answer to another charge: %v, want in doubt", err)
	}
	if _, err := c.read(&req, batch.ChargeAnswer{Key: "k", State: "maybe"}); err == nil || gateway.IsNotSent(err) {
		t.Errorf("an unknown result: %v, want in doubt", err)
	}
	a, err := c.read(&req, batch.ChargeAnswer{Key: "k", State: batch.Declined, Code: "777", Text: "card 371881634498004 no", CardChanged: true})
	if err != nil || !a.Unlisted || a.GatewayCode != "777" || a.Message != "card ############### no; the card has changed: ask the cardholder for the new one" {
		t.Errorf("got %+v, %v", a, err)
	}
}
