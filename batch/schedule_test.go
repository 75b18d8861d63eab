package batch

import (
	"testing"
	"time"
)

func scheduled(s *scene) { s.line.ScheduledDate = "2026-12-31" }

func recurring(change func(*Line)) func(*scene) {
	return func(s *scene) {
		s.line.ScheduledDate, s.line.RecurringAmount, s.line.BillingCycle, s.line.BillingLeft, s.line.AmountText = "2026-12-31", "100", "40", "3", "300"
		if change != nil {
			change(&s.line)
		}
	}
}

func TestRulesOfSchedules(t *testing.T) {
	runRules(t, []ruleTest{
		{"one dated payment goes", DoScheduledWalletPayment, scheduled, ""},
		{"today goes", DoScheduledWalletPayment, func(s *scene) { s.line.ScheduledDate = "2026-11-21" }, ""},
		{"today is that of the merchant's zone", DoScheduledWalletPayment, func(s *scene) {
			s.line.ScheduledDate, s.facts.Contract.Zone = "2026-11-21", time.FixedZone("east", 3*3600)
		}, "02305"},
		{"a past date is refused", DoScheduledWalletPayment, func(s *scene) { s.line.ScheduledDate = "2026-11-20" }, "02305"},
		{"the card's last month goes", DoScheduledWalletPayment, func(s *scene) { s.line.ScheduledDate = "2027-12-31" }, ""},
		{"a date after the card's expiry is refused", DoScheduledWalletPayment, func(s *scene) { s.line.ScheduledDate = "2028-01-01" }, "02506"},
		{"one payment has no REC mode", DoScheduledWalletPayment, func(s *scene) { scheduled(s); s.line.Mode = "REC" }, "02308"},
		{"nor is it deferred", DoScheduledWalletPayment, func(s *scene) { scheduled(s); s.line.Mode, s.facts.Deferred = "DIF", true }, "02308"},
		{"a schedule goes", DoRecurrentWalletPayment, recurring(nil), ""},
		{"as NX too", DoRecurrentWalletPayment, recurring(func(l *Line) { l.Mode = "NX" }), ""},
		{"but not as CPT", DoRecurrentWalletPayment, recurring(func(l *Line) { l.Mode = "CPT" }), "02308"},
		{"a first amount of its own adds up", DoRecurrentWalletPayment, recurring(func(l *Line) { l.FirstAmount, l.AmountText = "150", "350" }), ""},
		{"amounts that do not add up are refused", DoRecurrentWalletPayment, recurring(func(l *Line) { l.AmountText = "301" }), "02509"},
		{"amounts beyond all numbers are refused", DoRecurrentWalletPayment, recurring(func(l *Line) { l.RecurringAmount, l.BillingLeft = "999999999999", "999" }), "02509"},
		{"without a number of payments there is no sum", DoRecurrentWalletPayment, recurring(func(l *Line) { l.BillingLeft, l.AmountText = "", "100" }), ""},
		{"an end before the beginning is refused", DoRecurrentWalletPayment, recurring(func(l *Line) { l.EndDate = "2026-12-30" }), "02305"},
		{"a last payment after the card's expiry is refused", DoRecurrentWalletPayment, recurring(func(l *Line) { l.BillingLeft, l.AmountText = "14", "1400" }), "02506"},
		{"one in its last month goes", DoRecurrentWalletPayment, recurring(func(l *Line) { l.BillingLeft, l.AmountText = "13", "1300" }), ""},
		{"a record is disabled", DisablePaymentRecord, func(s *scene) { s.line.TransactionID, s.facts.Original = "", nil }, ""},
		{"of a known wallet only", DisablePaymentRecord, func(s *scene) { s.line.TransactionID, s.facts.Original, s.facts.Wallet = "", nil, nil }, "02503"},
		{"kept at this gateway", DisablePaymentRecord, func(s *scene) {
			s.line.TransactionID, s.facts.Original, s.facts.Contract.Gateway = "", nil, "elsewhere"
		}, "02303"},
	})
}

func TestRulesOfModesAndReauthorizations(t *testing.T) {
	deferred := func(date string) func(*scene) {
		return func(s *scene) { s.line.Mode, s.line.CaptureDate, s.facts.Deferred = "DIF", date, true }
	}
	again := func(change func(*scene)) func(*scene) {
		return func(s *scene) {
			s.facts.Contract.Reauthorize, s.line.OrderRef = true, "another order"
			s.facts.Original.OrderRef = "order"
			if change != nil {
				change(s)
			}
		}
	}
	runRules(t, []ruleTest{
		{"a deferred capture goes where the gateway has it", DoImmediateWalletPayment, deferred("2026-11-27"), ""},
		{"its date may be left open", DoImmediateWalletPayment, deferred(""), ""},
		{"it may be six days ahead", DoImmediateWalletPayment, deferred("2026-11-28"), "02305"},
		{"and not in the past", DoImmediateWalletPayment, deferred("2026-11-20"), "02305"},
		{"a re-authorization goes", DoReAuthorization, again(nil), ""},
		{"of any amount", DoReAuthorization, again(func(s *scene) { s.line.AmountText = "999999" }), ""},
		{"of a cancelled original too", DoReAuthorization, again(func(s *scene) { s.facts.Original.Cancelled = true }), ""},
		{"of a payment too", DoReAuthorization, again(func(s *scene) { s.facts.Original.Command = DoImmediateWalletPayment }), ""},
		{"of another re-authorization too", DoReAuthorization, again(func(s *scene) { s.facts.Original.Command = DoReAuthorization }), ""},
		{"of a refund not", DoReAuthorization, again(func(s *scene) { s.facts.Original.Command = DoRefund }), "02302"},
		{"of a verification not", DoReAuthorization, again(func(s *scene) { s.facts.Original.Command = Verify }), "02302"},
		{"the contract needs the option", DoReAuthorization, again(func(s *scene) { s.facts.Contract.Reauthorize = false }), "02619"},
		{"eleven months later it goes", DoReAuthorization, again(func(s *scene) { s.facts.Original.CompletedAt = ruleNow.AddDate(0, -11, 0) }), ""},
		{"a second later it does not", DoReAuthorization, again(func(s *scene) { s.facts.Original.CompletedAt = ruleNow.AddDate(0, -11, 0).Add(-time.Second) }), "02602"},
		{"in another currency it does not", DoReAuthorization, again(func(s *scene) { s.line.Currency = "USD" }), "02620"},
		{"the same order within a day is a duplicate", DoReAuthorization, again(func(s *scene) { s.line.OrderRef = "order" }), "02001"},
		{"no order means the original's", DoReAuthorization, again(func(s *scene) { s.line.OrderRef = "" }), "02001"},
		{"a day later the same order goes", DoReAuthorization, again(func(s *scene) { s.line.OrderRef, s.facts.Original.CompletedAt = "", ruleNow.Add(-24*time.Hour) }), ""},
		{"what a re-authorization holds can be captured", DoCapture, func(s *scene) { s.facts.Original.Command = DoReAuthorization }, ""},
		{"a refund cannot be refunded", DoRefund, func(s *scene) { s.facts.Original.Command = DoRefund }, "02302"},
		{"a follow-up at another gateway than the original's is refused", DoRefund, func(s *scene) {
			s.facts.Original.Gateway, s.facts.Original.Captured = "elsewhere", 1000
		}, "02303"},
		{"at the gateway of the same account it goes", DoRefund, func(s *scene) {
			s.facts.Contract.Gateway, s.facts.Contract.Account, s.facts.Original.Captured = "bank by batch", "bank", 1000
		}, ""},
		{"where the contract was moved, at the original's own gateway it goes", DoRefund, func(s *scene) {
			s.facts.Contract.Gateway, s.facts.Gateway, s.facts.Original.Captured = "new bank", "bank", 1000
		}, ""},
		{"a wallet kept by the gateway of the same account goes", DoImmediateWalletPayment, func(s *scene) {
			s.facts.Contract.Gateway, s.facts.Contract.Account = "bank by batch", "bank"
		}, ""},
		{"a wallet kept elsewhere does not", DoImmediateWalletPayment, func(s *scene) { s.facts.Contract.Gateway = "bank by batch" }, "02303"},
	})
}

func TestLastPayment(t *testing.T) {
	for name, c := range map[string]struct {
		schedule Schedule
		want     string
	}{
		"one payment":                         {Schedule{Date: "2026-12-31"}, "2026-12-31"},
		"no end":                              {Schedule{Date: "2026-12-31", Cycle: "40"}, "0001-01-01"},
		"a month from the 31st":               {Schedule{Date: "2027-01-31", Cycle: "40", Left: 2}, "2027-02-28"},
		"and back to the 31st":                {Schedule{Date: "2027-01-31", Cycle: "40", Left: 3}, "2027-03-31"},
		"weeks":                               {Schedule{Date: "2026-12-31", Cycle: "20", Left: 3}, "2027-01-14"},
		"two years":                           {Schedule{Date: "2028-02-29", Cycle: "90", Left: 2}, "2030-02-28"},
		"an end":                              {Schedule{Date: "2026-12-31", Cycle: "10", End: "2027-06-01"}, "2027-06-01"},
		"an end before the number is used up": {Schedule{Date: "2026-12-31", Cycle: "40", Left: 12, End: "2027-06-01"}, "2027-06-01"},
		"an end after the number is used up":  {Schedule{Date: "2026-12-31", Cycle: "40", Left: 2, End: "2027-06-01"}, "2027-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.schedule.Last().Format(time.DateOnly); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}
