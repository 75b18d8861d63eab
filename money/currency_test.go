package money

import (
	"regexp"
	"strings"
	"testing"
)

func TestEveryRowOfTheCurrencyTableIsWellFormedAndUnique(t *testing.T) {
	form := regexp.MustCompile(`^[A-Z]{3},[0-9]{3},[0-4]$`)
	rows := strings.Split(strings.TrimSpace(table), "\n")
	for i, row := range rows {
		if !form.MatchString(row) {
			t.Errorf("row %d is malformed: %q", i+1, row)
		}
		if i > 0 && rows[i-1] >= row {
			t.Errorf("row %d is out of order: %q", i+1, row)
		}
	}
	if len(currencies) != len(rows) || len(byNumeric) != len(rows) {
		t.Errorf("%d rows, %d alphabetic codes, %d numeric codes", len(rows), len(currencies), len(byNumeric))
	}
}

func TestExponentsAreThoseOfISO4217(t *testing.T) {
	want := map[Currency]int{
		"EUR": 2, "USD": 2, "JPY": 0, "KRW": 0, "ISK": 0, "UGX": 0, "VND": 0, "CLP": 0, "XOF": 0, "PYG": 0,
		"KWD": 3, "IQD": 3, "BHD": 3, "TND": 3, "JOD": 3, "OMR": 3, "LYD": 3, "CLF": 4, "UYW": 4, "UYI": 0,
		"IDR": 2, "RSD": 2, "AFN": 2, "MGA": 2, "HUF": 2, "COP": 2, "MRU": 2, "SLE": 2, "VED": 2, "XCG": 2, "ZWG": 2,
	}
	for c, exponent := range want {
		if got := c.Exponent(); got != exponent {
			t.Errorf("%s has exponent %d, want %d", c, got, exponent)
		}
	}
}

func TestCurrenciesAreFoundByBothCodes(t *testing.T) {
	for _, row := range []struct {
		code string
		want Currency
		ok   bool
	}{
		{"EUR", "EUR", true},
		{"978", "EUR", true},
		{"036", "AUD", true},
		{"532", "XCG", true},
		{"924", "ZWG", true},
		{"36", "", false},
		{"eur", "", false},
		{"", "", false},
		{"XXX", "", false},
		{"XAU", "", false},
		{"999", "", false},
		{"HRK", "", false},
	} {
		if got, ok := Find(row.code); got != row.want || ok != row.ok {
			t.Errorf("Find(%q) = %q, %v; want %q, %v", row.code, got, ok, row.want, row.ok)
		}
	}
	for c, facts := range currencies {
		if c.Numeric() != facts.numeric {
			t.Errorf("%s has numeric code %q", c, c.Numeric())
		}
		if back, ok := Find(c.Numeric()); !ok || back != c {
			t.Errorf("the numeric code of %s leads to %q", c, back)
		}
	}
}
