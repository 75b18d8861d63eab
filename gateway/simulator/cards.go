package simulator

import (
	"strings"
	"time"
)

// testCards are the published test numbers (mastercard-gateway facts, section 7) and
// the one that every processor knows. Any other number is refused: no real card may
// ever come here.
var testCards = map[string]string{
	"5123450000000008": "MASTERCARD", "2223000000000007": "MASTERCARD", "5111111111111118": "MASTERCARD", "2223000000000023": "MASTERCARD",
	"4508750015741019": "VISA", "4012000033330026": "VISA", "4111111111111111": "VISA",
	"371881634498004": "AMEX", "371881127160004": "AMEX", "371881245560002": "AMEX", "371881911767006": "AMEX",
	"30123400000000": "DINERS_CLUB", "36259600000012": "DINERS_CLUB",
	"3528000000000007": "JCB", "3528111100000001": "JCB",
	"6011003179988686": "DISCOVER", "6011963280099774": "DISCOVER",
	"5000000000000000005": "MAESTRO", "5666555544443333": "MAESTRO",
	"135492354874528": "UATP", "135420001569134": "UATP",
}

// Gateway codes that this gateway answers.
const (
	approved     = "APPROVED"
	declined     = "DECLINED"
	expiredCard  = "EXPIRED_CARD"
	timedOut     = "TIMED_OUT"
	acquirerDown = "ACQUIRER_SYSTEM_ERROR"
	unspecified  = "UNSPECIFIED_FAILURE"
	unknown      = "UNKNOWN"
	pending      = "PENDING"
	lockFailure  = "LOCK_FAILURE"
)

// triggers are the published expiry dates (MMYY) and their gateway codes.
var triggers = map[string]string{
	"0139": approved,
	"0539": declined,
	"0427": expiredCard,
	"0828": timedOut,
	"0137": acquirerDown,
	"0237": unspecified,
	"0537": unknown,
}

// acquirerCodes are the raw codes that go with a gateway code, as ISO 8583 has them.
var acquirerCodes = map[string]string{approved: "00", declined: "05", expiredCard: "54", acquirerDown: "96", unspecified: "12"}

// results are the results that go with a gateway code; any other is a FAILURE.
var results = map[string]string{approved: "SUCCESS", unknown: "UNKNOWN", pending: "PENDING"}

// gatewayCode answers for a card by its expiry: a trigger, or by the calendar.
func gatewayCode(expiry string, now time.Time) string {
	if code, ok := triggers[expiry]; ok {
		return code
	}
	lastMonth, err := time.Parse("0106", expiry)
	if err != nil || !now.Before(lastMonth.AddDate(0, 1, 0)) {
		return expiredCard
	}
	return approved
}

// maskedNumber is all that is kept of a card number: first six and last four digits
// around x, as the gateway shows it.
func maskedNumber(number string) string {
	return number[:6] + strings.Repeat("x", len(number)-10) + number[len(number)-4:]
}

// luhnDigit is the digit that completes digits to a Luhn number.
func luhnDigit(digits string) byte {
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
