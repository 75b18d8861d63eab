package payline

import (
	_ "embed"
	"encoding/csv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Return codes that the program names itself; codes.csv holds their texts and every
// other one that it answers (payline facts, section 4).
const (
	approved       = "00000"
	declined       = "01100"
	expired        = "01101"
	inProgress     = "02000"
	duplicate      = "02001"
	pendingTwin    = "02002"
	notKnown       = "02013"
	badField       = "02305"
	done           = "02500"
	unlistedIssuer = "01777"
	unlisted       = "02577"
	unlistedStatus = "07777"
	badCredentials = "09101"
)

// refusal is a return code of the platform: nothing was carried out.
type refusal string

func (r refusal) Error() string { return "refused with " + string(r) }

//go:embed codes.csv
var codeTable string

// meaning is what goes with a code.
type meaning struct{ short, long string }

var meanings = func() map[string]meaning {
	in := csv.NewReader(strings.NewReader(codeTable))
	in.Comma = ';'
	rows, err := in.ReadAll()
	if err != nil {
		panic("codes.csv: " + err.Error()) // part of the program, proven by the tests
	}
	all := make(map[string]meaning, len(rows))
	for _, row := range rows[1:] {
		all[row[0]] = meaning{row[1], row[2]}
	}
	return all
}()

// euro is the currency of the amounts that are triggers.
const euro = "978"

// triggers are the published amounts in euro cents and their codes; the last five come
// from an older revision of the page (section 4.7).
var triggers = map[int64]string{
	333_00: approved, 333_08: approved,
	333_05: "01100", 333_60: "01103", 333_02: "01108", 333_03: "01109", 333_13: "01110", 333_14: "01111", 333_51: "01116",
	333_55: "01117", 333_56: "01118", 333_57: "01119", 333_58: "01120", 333_61: "01121", 333_63: "01122", 333_16: "01131",
	333_31: "01199", 333_54: "01201", 333_34: "01202", 333_38: "01206", 333_12: "01902", 333_30: "01904", 333_91: "01907",
	333_96: "01909", 333_15: "01912", 333_94: "01913",
	333_04: "01200", 333_33: "01201", 333_07: "01207", 333_41: "01208", 333_43: "01209",
}

// issuerCode is what the issuer answers for a card: by the code in its number, by the
// amount, by its expiry.
func issuerCode(c card, amount int64, currency string, now time.Time) string {
	if c.Answers != "" {
		return c.Answers
	}
	if code, ok := triggers[amount]; ok && currency == euro {
		return code
	}
	switch {
	case c.Expiry == stage.DeclinedExpiry:
		return declined
	case stage.Expired(c.Expiry, now):
		return expired
	}
	return approved
}

// answersOf is the code that a generated test number asks for: its tenth digit is 9,
// the five that follow are the code, and the last is the Luhn key (section 4.7). Only
// Visa and Mastercard numbers of 16 digits, and CB ones, which are either.
func answersOf(number string) (code, scheme string, ok bool) {
	if len(number) != 16 || number[9] != '9' {
		return "", "", false
	}
	switch code = number[10:15]; {
	case code != approved && (!strings.HasPrefix(code, "01") || meanings[code].short == ""):
		return "", "", false
	case number[0] == '4':
		return code, "VISA", true
	case number[:2] >= "51" && number[:2] <= "55", number[:4] >= "2221" && number[:4] <= "2720":
		return code, "MASTERCARD", true
	}
	return "", "", false
}
