package codetable

import (
	"strings"
	"testing"

	"cardbatch/batch"
)

const sample = `kind,status,result,words,outcome,code,source
*,401,*,*,credentials,,one
*,5xx,*,*,no_answer,,two
lookup,404|410,-,*,unknown_key,,three
payment|token,2xx,OK,*,approved,00000,four
payment,2xx,KO*,*Do Not*,declined,01100,five
payment,2xx,KO*,*,confirm,02302,six
payment,2xx,02*,*,refused,=,seven
`

func TestTheFirstRowThatFitsCounts(t *testing.T) {
	table := Must("sample", sample)
	for name, c := range map[string]struct {
		kind, result, words string
		status              int
		outcome             Outcome
		state               batch.LineState
	}{
		"a status alone":              {"payment", "OK", "", 401, Credentials, ""},
		"a family of statuses":        {"payment", "OK", "", 503, NoAnswer, ""},
		"one of several, and nothing": {"lookup", "", "x", 410, UnknownKey, ""},
		"nothing means nothing":       {"lookup", "OK", "x", 410, NoAnswer, ""},
		"one of several kinds":        {"token", "OK", "", 200, Approved, batch.Approved},
		"a part, whatever the case":   {"payment", "KO7", "please do not try", 200, Declined, batch.Declined},
		"a beginning":                 {"payment", "KO7", "", 200, Confirm, batch.Refused},
		"no status at all":            {"payment", "OK", "", 22, NoAnswer, ""},
		"what no row knows":           {"payment", "PERHAPS", "", 200, NoAnswer, ""},
	} {
		t.Run(name, func(t *testing.T) {
			m := table.Judge(c.kind, c.status, c.result, c.words)
			if m.Outcome != c.outcome || m.State != c.state {
				t.Errorf("got %s (%s), want %s (%s)", m.Outcome, m.State, c.outcome, c.state)
			}
		})
	}
}

func TestARowMayGiveTheAnswersOwnCode(t *testing.T) {
	if m := Must("sample", sample).Judge("payment", 200, "02503", ""); m.Outcome != Refused || m.Code != "02503" {
		t.Errorf("got %s %s", m.Outcome, m.Code)
	}
	if _, err := Parse("kind,status,outcome,code,source\n*,*,approved,=,x\n"); err == nil {
		t.Error("a table without a column for it was read")
	}
}

func TestAWrongTableIsRefused(t *testing.T) {
	for name, text := range map[string]string{
		"empty":             "",
		"another header":    "status,kind,outcome,code,source\n",
		"an unknown word":   "kind,status,outcome,code,source\n*,*,perhaps,00000,x\n",
		"an answer no code": "kind,status,outcome,code,source\n*,*,approved,,x\n",
		"a code no answer":  "kind,status,outcome,code,source\n*,*,busy,00000,x\n",
		"no source":         "kind,status,outcome,code,source\n*,*,approved,00000,\n",
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := Parse(text); err == nil {
				t.Error("it was read")
			}
		})
	}
	if columns := strings.Join(Must("sample", sample).Columns(), " "); columns != "result words" {
		t.Errorf("columns %q", columns)
	}
}
