package mastercard

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"strconv"
	"strings"

	"cardbatch/batch"
)

// codesCSV says what every answer means. The first row that fits counts; an answer
// that no row fits is no answer. A cell is a text, * for any, - for none; status may
// be 2xx; kind may be several joined by |; field is the beginning of error.field;
// words are looked for in error.explanation, whatever the case.
//
//go:embed codes.csv
var codesCSV string

// kind is what was asked, as far as it changes the meaning of an answer.
type kind string

const (
	kindPayment kind = "payment"
	kindToken   kind = "token"
	kindLookup  kind = "lookup"
)

// outcome is what a row says: a state of the line, or why there is none.
type outcome string

const (
	outcomeNoAnswer    outcome = "no_answer"   // in doubt
	outcomeCredentials outcome = "credentials" // gateway.ErrCredentials, nothing carried out
	outcomeBusy        outcome = "busy"        // gateway.ErrBusy, nothing carried out
	outcomeUnknownKey  outcome = "unknown_key" // gateway.ErrUnknownKey, of a look-up
	outcomeConfirm     outcome = "confirm"     // refused, unless a look-up finds the key
)

var outcomeStates = map[outcome]batch.LineState{
	"approved": batch.Approved,
	"declined": batch.Declined,
	"refused":  batch.Refused,
	"pending":  batch.Pending,
	"in_doubt": batch.InDoubt,
	// A refusal until the look-up says otherwise.
	outcomeConfirm: batch.Refused,
}

// meaning is one row of the table.
type meaning struct {
	kinds                      []string
	status                     string
	result, cause, gatewayCode string
	field, words               string
	outcome                    outcome
	state                      batch.LineState // empty when there is no answer
	code                       string
	source                     string
}

var meanings = mustMeanings(codesCSV)

func mustMeanings(text string) []meaning {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		panic(fmt.Sprintf("mastercard codes: %v", err)) // embedded: cannot happen in a tested build
	}
	table := make([]meaning, 0, len(rows)-1)
	for i, r := range rows[1:] {
		m := meaning{
			kinds: strings.Split(r[0], "|"), status: r[1], result: r[2], cause: r[3], gatewayCode: r[4],
			field: r[5], words: r[6], outcome: outcome(r[7]), code: r[8], source: r[9],
		}
		m.state = outcomeStates[m.outcome]
		switch m.outcome {
		case outcomeNoAnswer, outcomeCredentials, outcomeBusy, outcomeUnknownKey:
		default:
			if m.state == "" || len(m.code) != 5 {
				panic(fmt.Sprintf("mastercard codes: row %d has no valid outcome or code", i+2))
			}
		}
		table = append(table, m)
	}
	return table
}

// judge finds the row for a reply.
func judge(k kind, status int, r *response) meaning {
	for i := range meanings {
		if m := &meanings[i]; m.fits(k, status, r) {
			return *m
		}
	}
	return meaning{outcome: outcomeNoAnswer}
}

func (m *meaning) fits(k kind, status int, r *response) bool {
	return fits(m.result, r.Result) &&
		fits(m.gatewayCode, r.Response.GatewayCode) &&
		fits(m.cause, r.Error.Cause) &&
		fitsStatus(m.status, status) &&
		m.fitsKind(k) &&
		(fits(m.field, r.Error.Field) || m.field != "-" && strings.HasPrefix(r.Error.Field, m.field)) &&
		(m.words == "*" || strings.Contains(strings.ToLower(r.Error.Explanation), m.words))
}

func (m *meaning) fitsKind(k kind) bool {
	for _, each := range m.kinds {
		if each == "*" || each == string(k) {
			return true
		}
	}
	return false
}

func fits(want, have string) bool {
	return want == "*" || want == have || want == "-" && have == ""
}

func fitsStatus(want string, have int) bool {
	if want == "*" {
		return true
	}
	if strings.HasSuffix(want, "xx") {
		return have/100 == int(want[0]-'0')
	}
	return want == strconv.Itoa(have)
}
