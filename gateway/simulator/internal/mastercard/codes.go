package mastercard

import (
	"time"

	"cardbatch/gateway/simulator/stage"
)

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
	if stage.Expired(expiry, now) {
		return expiredCard
	}
	return approved
}
