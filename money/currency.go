package money

import (
	_ "embed"
	"strings"
)

// Currency is an ISO 4217 alphabetic code in upper case. Make one with Find.
type Currency string

// The table holds the currencies and fund codes of ISO 4217 list one that have a
// minor unit: alphabetic code, numeric code, exponent. Metals, test codes and
// "no currency" are left out on purpose: nothing can be charged in them. So are
// withdrawn codes (HRK, BGN, ANG, ZWL, SLL and older): issuers refuse them.
//
//go:embed currencies.csv
var table string

type currencyFacts struct {
	numeric  string
	exponent int
}

var (
	currencies = map[Currency]currencyFacts{}
	byNumeric  = map[string]Currency{}
)

func init() {
	for row := range strings.Lines(table) {
		columns := strings.Split(strings.TrimSpace(row), ",")
		alpha, numeric := Currency(columns[0]), columns[1]
		currencies[alpha] = currencyFacts{numeric, int(columns[2][0] - '0')}
		byNumeric[numeric] = alpha
	}
}

// Find returns the currency with the ISO 4217 code, which is either alphabetic
// ("EUR", upper case) or numeric with three digits ("978", "036").
func Find(code string) (Currency, bool) {
	if _, ok := currencies[Currency(code)]; ok {
		return Currency(code), true
	}
	c, ok := byNumeric[code]
	return c, ok
}

// Exponent is the number of decimals of the currency's major unit: JPY 0, EUR 2,
// KWD 3, CLF 4. It is 2, the commonest, for a code that Find does not know; such
// a code never gets past the check of a line.
func (c Currency) Exponent() int {
	if facts, ok := currencies[c]; ok {
		return facts.exponent
	}
	return 2
}

// Numeric is the three-digit ISO 4217 code, empty for a code that Find does not know.
func (c Currency) Numeric() string { return currencies[c].numeric }
