package updater

import (
	"strconv"
	"strings"

	"cardbatch/gateway/simulator/stage"
)

// The words for schemes in files.
const (
	Visa       = "VI"
	Mastercard = "MC"
)

// Prefixes are the beginnings of published test numbers under which any number is taken, so
// that many can be made: give them the digits you like and a right check digit.
var Prefixes = []string{"400000", "411111", "424242", "222300", "510510", "555555"}

// published are further published test numbers, beside those of the stage.
var published = map[string]bool{"4012888888881881": true, "4000056655665556": true}

// typeOf is the word for the scheme of a test number of Visa or Mastercard; empty: it is none,
// and no real card may ever come here.
func typeOf(number string) string {
	word := Mastercard
	if number[0] == '4' {
		word = Visa
	}
	scheme := stage.TestCards[number]
	if underPrefix(number) || published[number] || scheme == "VISA" || scheme == "MASTERCARD" {
		return word
	}
	return ""
}

func underPrefix(number string) bool {
	for _, prefix := range Prefixes {
		if strings.HasPrefix(number, prefix) {
			return true
		}
	}
	return false
}

// NewNumberOf is the test number that replaces another one: always the same, of the same
// scheme and length, with a right check digit, and never the old one. Two numbers under one of
// the prefixes never get the same. The number has at least 13 digits.
func NewNumberOf(old string) string {
	prefix := old[:6]
	if !underPrefix(old) {
		// A number that begins like this one may be a real card.
		if prefix = "555555"; old[0] == '4' {
			prefix = "411111"
		}
	}
	middle := old[6 : len(old)-1]
	n, err := strconv.ParseUint(middle, 10, 64)
	if err != nil || len(middle) > 12 {
		return "" // no card number
	}
	bound := uint64(1)
	for range middle {
		bound *= 10
	}
	// One to one, as 387421 has no factor in common with 10, and without a fixed point, as
	// 387420 has one and 123457 has not.
	n = (n*387421 + 123457) % bound
	digits := strconv.FormatUint(n+bound, 10)[1:] // with its zeros
	digits = prefix + digits
	return digits + string(stage.LuhnDigit(digits))
}

// NewExpiryOf is the expiry (MMYY) that replaces another one: three years later.
func NewExpiryOf(old string) string { return shiftYears(old, 3) }

func shiftYears(expiry string, years int) string {
	year, err := strconv.Atoi(expiry[2:])
	if err != nil {
		return ""
	}
	year = (year + years + 100) % 100
	return expiry[:2] + string([]byte{byte('0' + year/10), byte('0' + year%10)})
}
