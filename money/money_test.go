package money

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestAmountsInMinorUnitsAreDigitsOnly(t *testing.T) {
	for _, row := range []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true},
		{"2990", 2990, true},
		{"010", 10, true},
		{"999999999999", 999999999999, true},
		{"1000000000000", 0, false},
		{"", 0, false},
		{"-1", 0, false},
		{"+1", 0, false},
		{"12.5", 0, false},
		{"1e3", 0, false},
		{" 1", 0, false},
		{"１", 0, false},
	} {
		got, err := ParseMinor(row.text)
		if (err == nil) != row.ok || got != row.want {
			t.Errorf("ParseMinor(%q) = %d, %v", row.text, got, err)
		}
		if err != nil && !errors.Is(err, ErrAmount) {
			t.Errorf("ParseMinor(%q): %v is not ErrAmount", row.text, err)
		}
	}
}

func TestAmountsAreWrittenWithTheDecimalsOfTheirCurrency(t *testing.T) {
	for _, row := range []struct {
		amount Amount
		want   string
	}{
		{Amount{2990, "EUR"}, "29.90"},
		{Amount{5, "EUR"}, "0.05"},
		{Amount{0, "EUR"}, "0.00"},
		{Amount{2990, "JPY"}, "2990"},
		{Amount{1234, "KWD"}, "1.234"},
		{Amount{1, "CLF"}, "0.0001"},
		{Amount{-5, "EUR"}, "-0.05"},
		{Amount{math.MinInt64, "JPY"}, "-9223372036854775808"},
	} {
		if got := row.amount.Decimal(); got != row.want {
			t.Errorf("%d %s is written %q, want %q", row.amount.Minor, row.amount.Currency, got, row.want)
		}
	}
	if got := (Amount{2990, "EUR"}).String(); got != "29.90 EUR" {
		t.Errorf("String() = %q", got)
	}
}

func TestDecimalAmountsAreReadExactlyOrRefused(t *testing.T) {
	for _, row := range []struct {
		text     string
		currency Currency
		want     int64
		ok       bool
	}{
		{"29.9", "EUR", 2990, true},
		{"29.90", "EUR", 2990, true},
		{"29.900", "EUR", 2990, true},
		{"29", "EUR", 2900, true},
		{"29.905", "EUR", 0, false},
		{"12.5", "JPY", 0, false},
		{"12.0", "JPY", 12, true},
		{"1.234", "KWD", 1234, true},
		{"-1.00", "EUR", 0, false},
		{"+1.00", "EUR", 0, false},
		{"1,5", "EUR", 0, false},
		{"1e2", "EUR", 0, false},
		{"", "JPY", 0, false},
		{"", "EUR", 0, false},
		{".50", "EUR", 0, false},
		{"99999999999999999999", "EUR", 0, false},
	} {
		got, err := ParseDecimal(row.text, row.currency)
		if (err == nil) != row.ok || got.Minor != row.want {
			t.Errorf("ParseDecimal(%q, %s) = %v, %v", row.text, row.currency, got, err)
		}
	}
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		amount := Amount{
			Minor:    rapid.Int64Range(0, math.MaxInt64).Draw(t, "minor"),
			Currency: rapid.SampledFrom([]Currency{"JPY", "EUR", "KWD", "CLF"}).Draw(t, "currency"),
		}
		if back, err := ParseDecimal(amount.Decimal(), amount.Currency); err != nil || back != amount {
			t.Fatalf("%v came back as %v, %v", amount, back, err)
		}
	})
}
