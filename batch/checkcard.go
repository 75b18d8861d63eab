package batch

import (
	"regexp"
	"strings"
)

// Lengths of the digit runs that are taken for card numbers in text.
const (
	strayMin = 13
	strayMax = 19
)

// HasCardNumber reports whether text holds what must be taken for a card number:
// 13 to 19 digits, single spaces or dashes between them allowed, that begin like
// a known card type's, have its length and pass the Luhn check. A longer unbroken
// run of digits is no card number.
func HasCardNumber(text string) bool {
	if !manyDigits(text) {
		return false
	}
	start, _ := findCardNumber(text, 0)
	return start >= 0
}

// MaskCardNumbers returns text with every card number that HasCardNumber would
// find cut down to its first six and last four digits.
func MaskCardNumbers(text string) string {
	if !manyDigits(text) {
		return text
	}
	var masked strings.Builder
	done := 0
	for {
		start, end := findCardNumber(text, done)
		if start < 0 {
			masked.WriteString(text[done:])
			return masked.String()
		}
		digits := strings.NewReplacer(" ", "", "-", "").Replace(text[start:end])
		masked.WriteString(text[done:start])
		masked.WriteString(NewPAN(digits).Masked())
		done = end
	}
}

// manyDigits is the cheap test that nearly every text fails.
func manyDigits(text string) bool {
	if len(text) < strayMin {
		return false
	}
	n := 0
	for i := range len(text) {
		if isDigit(text[i]) {
			n++
		}
	}
	return n >= strayMin
}

// findCardNumber returns where the first card number at or after from begins and
// ends, or -1. A candidate begins and ends with a whole group of digits, so that
// "ref 12 4111 1111 1111 1111" is seen and the middle of a long number is not.
func findCardNumber(text string, from int) (start, end int) {
	for i := from; i < len(text); {
		if !isDigit(text[i]) {
			i++
			continue
		}
		if end := cardNumberAt(text, i); end > 0 {
			return i, end
		}
		for i < len(text) && isDigit(text[i]) {
			i++
		}
	}
	return -1, -1
}

// cardNumberAt returns the end of the card number that begins at start, where a
// group of digits begins, or 0.
func cardNumberAt(text string, start int) int {
	var digits [strayMax]byte
	n := 0
	for i := start; ; i++ {
		for ; i < len(text) && isDigit(text[i]); i++ {
			if n == strayMax {
				return 0
			}
			digits[n] = text[i]
			n++
		}
		if n >= strayMin {
			if candidate := string(digits[:n]); LuhnValid(candidate) && cardTypeOf(candidate) != "" {
				return i
			}
		}
		if i+1 >= len(text) || text[i] != ' ' && text[i] != '-' || !isDigit(text[i+1]) {
			return 0
		}
	}
}

func isDigit(b byte) bool { return b-'0' <= 9 }

// uuid is an id of 32 hexadecimal digits, with hyphens or without, as several gateways give
// them. Now and then decimal digits in one pass for a card number.
var uuid = regexp.MustCompile(`\b[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}\b`)

// withoutUUID takes such ids out of a text. One of decimal digits alone stays.
func withoutUUID(text string) string {
	return uuid.ReplaceAllStringFunc(text, func(id string) string {
		if strings.ContainsAny(id, "abcdefABCDEF") {
			return ""
		}
		return id
	})
}
