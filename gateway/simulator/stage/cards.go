package stage

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// TestCards are the published test numbers (mastercard-gateway facts, section 7), the
// one that every processor knows, and some of other processors. Any other number is
// refused: no real card may ever come here.
var TestCards = map[string]string{
	"5123450000000008": "MASTERCARD", "2223000000000007": "MASTERCARD", "5111111111111118": "MASTERCARD", "2223000000000023": "MASTERCARD",
	"4970100000000055": "VISA", "4970100000000113": "VISA", "4970101000001002": "VISA", "5970100300000067": "MASTERCARD", // Lyra's
	"4508750015741019": "VISA", "4012000033330026": "VISA", "4111111111111111": "VISA",
	// Other processors' own, for demonstrations with many cards.
	"4012888888881881": "VISA", "4242424242424242": "VISA", "4000056655665556": "VISA", "4444333322221111": "VISA",
	"4917610000000000": "VISA", "4988438843884305": "VISA", "5105105105105100": "MASTERCARD",
	"5101180000000007": "MASTERCARD", "5200828282828210": "MASTERCARD", "5454545454545454": "MASTERCARD", "5555444433331111": "MASTERCARD", "5577000055770004": "MASTERCARD",
	"2222400070000005": "MASTERCARD", "2222410740360010": "MASTERCARD", "2223003122003222": "MASTERCARD",
	"371881634498004": "AMEX", "371881127160004": "AMEX", "371881245560002": "AMEX", "371881911767006": "AMEX",
	"30123400000000": "DINERS_CLUB", "36259600000012": "DINERS_CLUB",
	"3528000000000007": "JCB", "3528111100000001": "JCB",
	"6011003179988686": "DISCOVER", "6011963280099774": "DISCOVER",
	"5000000000000000005": "MAESTRO", "5666555544443333": "MAESTRO",
	"135492354874528": "UATP", "135420001569134": "UATP",
}

// DeclinedExpiry (MMYY) makes every protocol decline, whatever the processor's own
// triggers are: so one sample file does for all. It is Mastercard's published trigger.
const DeclinedExpiry = "0539"

// Expired reports whether a card with the expiry (MMYY) is expired, or the expiry is none.
func Expired(expiry string, now time.Time) bool {
	month, err := time.Parse("0106", expiry)
	return err != nil || !now.Before(month.AddDate(0, 1, 0))
}

// Mask is all that is kept of a card number: first six and last four digits
// around x, as the gateway shows it.
func Mask(number string) string {
	return number[:6] + strings.Repeat("x", len(number)-10) + number[len(number)-4:]
}

// LuhnDigit is the digit that completes digits to a Luhn number.
func LuhnDigit(digits string) byte {
	sum, double := 0, true
	for i := len(digits) - 1; i >= 0; i-- {
		d := int(digits[i] - '0')
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		double = !double
		sum += d
	}
	return byte('0' + (10-sum%10)%10)
}

// DigitsOf derives n digits from an id, always the same ones.
func DigitsOf(id string, n int) string {
	digits := strconv.FormatUint(Hash(id), 10)
	for len(digits) < n {
		digits = "0" + digits
	}
	return digits[len(digits)-n:]
}

// Reverse turns a text around: an id that is nobody's.
func Reverse(s string) string {
	b := []byte(s)
	slices.Reverse(b)
	return string(b)
}

// Hash is the 64-bit FNV-1a hash of texts. hash/fnv would copy every text to the heap.
func Hash(parts ...string) uint64 {
	h := uint64(14695981039346656037)
	for i, part := range parts {
		if i > 0 {
			h = h * 1099511628211 // a zero byte between two parts
		}
		for j := range len(part) {
			h = (h ^ uint64(part[j])) * 1099511628211
		}
	}
	return h
}
