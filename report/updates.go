package report

import (
	"cmp"
	"strconv"
	"time"

	"cardbatch/batch"
)

// UpdateRow is an update of a card as the account-updater report shows it. The zone is the merchant's: its
// times are told in it, and its months decide what is late.
//
// The report wants the two ids of the provider's customer profile (Paysafe account updater,
// section 3.2). Ours are the wallet, as payment method, and the index of the card in it, as
// billing record: together they name one card for good, and the merchant knows both from
// its own lines. The account is that of the source, which may have none.
func UpdateRow(u *batch.CardUpdate, zone *time.Location) batch.UpdateRow {
	now := u.New
	if !reached(u.Effect) {
		now = u.Old
	}
	row := batch.UpdateRow{
		Account: u.Account, PaymentMethod: u.Wallet, Billing: strconv.Itoa(u.CardIndex),
		LastFour: cmp.Or(now.LastFour, u.Old.LastFour), Expiry: monthAndYear(cmp.Or(now.Expiry, u.Old.Expiry)), Code: u.Code, Status: u.Status,
		OldLastFour: u.Old.LastFour, OldExpiry: monthAndYear(u.Old.Expiry), NewExpiry: monthAndYear(u.New.Expiry), Scheme: u.Scheme,
		Outcome: u.Outcome, Effect: u.Effect, Source: u.Source, Note: u.Note, File: u.File, Line: u.Line,
		At: u.At.In(zone), SettledAt: u.SettledAt.In(zone),
	}
	if u.Outcome == batch.NoDecision && u.Code == "" {
		row.Code = NoDecisionCode
	}
	if u.LateFor(zone) {
		row.Late = batch.Month(row.At)
	}
	return row
}

// NoDecisionCode stands in a report for the code that nobody gave: an empty one is Mastercard's
// word for "unchanged".
const NoDecisionCode = "NO_DECISION"

// reached reports whether the newer data that an update carries are those of the card now: not while
// its gateway has not taken them, nor when they were only told.
func reached(e batch.UpdateEffect) bool {
	return e != batch.EffectWaiting && e != batch.EffectRefused && e != batch.EffectShadow
}

// monthAndYear writes an expiry, MMYY, as MM/YYYY: four digits could be read as YYMM, as
// some sources write them. What is no expiry stays as it is.
func monthAndYear(expiry string) string {
	if _, err := time.Parse("0106", expiry); err != nil {
		return expiry
	}
	return expiry[:2] + "/20" + expiry[2:]
}
