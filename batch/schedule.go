package batch

import (
	"strconv"
	"time"

	"cardbatch/money"
)

// Schedule is what a payment record is made of: the dates and amounts that
// doScheduledWalletPayment and doRecurrentWalletPayment give a gateway (batch
// interface, section 3; rules, section 4). Amounts are minor units in the line's currency.
type Schedule struct {
	Date      string // YYYY-MM-DD of the first or only payment
	First     int64  // amount of the first payment; 0: as the others
	Recurring int64  // amount of the others; 0: there is one payment only
	Cycle     BillingCycle
	Left      int    // number of payments; 0: until End, or for ever
	Day       int    // day of the month; 0: that of Date; 31: the last one
	Start     string // YYYY-MM-DD or empty
	End       string // YYYY-MM-DD or empty
}

// BillingCycle is how often a schedule comes due, as Payline numbers it; empty for one payment.
type BillingCycle string

// Months and days between two payments of a cycle; one of them is 0.
var billingCycles = map[BillingCycle]struct{ months, days int }{
	"10": {0, 1}, "20": {0, 7}, "30": {0, 14}, "40": {1, 0}, "50": {2, 0}, "60": {3, 0}, "70": {6, 0}, "80": {12, 0}, "90": {24, 0},
}

// Interval tells what lies between two payments: months or days, the other is 0.
func (c BillingCycle) Interval() (months, days int) {
	i := billingCycles[c]
	return i.months, i.days
}

// Schedule reads the line's schedule; nil for commands that have none.
func (l *Line) Schedule() *Schedule {
	if l.Command != DoScheduledWalletPayment && l.Command != DoRecurrentWalletPayment {
		return nil
	}
	s := &Schedule{Date: l.ScheduledDate, Cycle: BillingCycle(l.BillingCycle), Start: l.StartDate, End: l.EndDate}
	// Digits were checked with the line; an empty text is zero.
	s.First, _ = money.ParseMinor(l.FirstAmount)
	s.Recurring, _ = money.ParseMinor(l.RecurringAmount)
	s.Left, _ = strconv.Atoi(l.BillingLeft)
	s.Day, _ = strconv.Atoi(l.BillingDay)
	return s
}

// Last is the date of the last payment; zero when the schedule has no end.
func (s *Schedule) Last() time.Time {
	end, _ := time.Parse(time.DateOnly, s.End)
	first, err := time.Parse(time.DateOnly, s.Date)
	if err != nil || s.Cycle == "" {
		return first
	}
	if s.Left == 0 {
		return end
	}
	months, days := s.Cycle.Interval()
	last := addMonths(first, months*(s.Left-1)).AddDate(0, 0, days*(s.Left-1))
	if !end.IsZero() && end.Before(last) {
		return end
	}
	return last
}

// addMonths stays in the month that it reaches: 31 January and a month is the last of February.
func addMonths(t time.Time, months int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, t.Location())
	day := min(t.Day(), first.AddDate(0, 1, -1).Day())
	return first.AddDate(0, 0, day-1)
}

// judgeSchedule applies the rules of sections 1 and 4 to a line with a schedule, for a
// card with the expiry (MMYY, may be empty).
func judgeSchedule(l *Line, f Facts, expiry string) Ruling {
	s := l.Schedule()
	if s == nil {
		return Ruling{}
	}
	if s.Date < f.Now.In(f.Contract.Zone).Format(time.DateOnly) {
		return refuse(CodeBadField, "the scheduled date is in the past")
	}
	if s.End != "" && s.End < s.Date {
		return refuse(CodeBadField, "the schedule ends before it begins")
	}
	if amount, ok := l.Amount(); ok && s.Cycle != "" && s.Left > 0 {
		first := s.First
		if first == 0 {
			first = s.Recurring
		}
		if rest, whole := times(s.Recurring, int64(s.Left-1)); !whole || amount.Minor-first != rest {
			return refuse(CodeScheduleSum, "the amount must be the first one and all others together")
		}
	}
	if last := s.Last(); expiry != "" && Expired(expiry, later(last, s.Date)) {
		return refuse(CodeCardOutlived, "")
	}
	return Ruling{}
}

// later is the last date of a schedule, or its first when it has no end.
func later(last time.Time, first string) time.Time {
	if last.IsZero() {
		last, _ = time.Parse(time.DateOnly, first)
	}
	return last
}

// times multiplies; whole is false when the product does not fit.
func times(a, n int64) (product int64, whole bool) {
	product = a * n
	return product, n == 0 || product/n == a
}
