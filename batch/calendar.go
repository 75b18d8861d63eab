package batch

import (
	"slices"
	"time"
)

// Calendar tells working days. The zero Calendar is that of TARGET, the settlement system of
// the euro: Monday to Friday without 1 January, Good Friday, Easter Monday, 1 May, 25 and 26 December.
type Calendar struct {
	EveryDay bool     // every day is a working day, but for Closed
	Closed   []string // other days without work, YYYY-MM-DD
}

// WorkingDay reports whether the calendar day on which t falls, by t's own zone, is one of work.
func (c Calendar) WorkingDay(t time.Time) bool {
	if slices.Contains(c.Closed, t.Format(time.DateOnly)) {
		return false
	}
	if c.EveryDay {
		return true
	}
	if t.Weekday() == time.Saturday || t.Weekday() == time.Sunday {
		return false
	}
	switch t.Format("01-02") {
	case "01-01", "05-01", "12-25", "12-26":
		return false
	}
	goodFriday, easterMonday := easter(t.Year()).AddDate(0, 0, -2), easter(t.Year()).AddDate(0, 0, 1)
	return t.YearDay() != goodFriday.YearDay() && t.YearDay() != easterMonday.YearDay()
}

// easter is the Sunday of Easter in a year of the Gregorian calendar, by the rule that is
// known as the anonymous one: golden number, epact, and the Sunday after the full moon.
func easter(year int) time.Time {
	golden, century := year%19, year/100
	epact := (19*golden + century - century/4 - (century-(century+8)/25+1)/3 + 15) % 30
	toSunday := (32 + 2*(century%4) + 2*(year%100/4) - epact - year%100%4) % 7
	late := (golden + 11*epact + 22*toSunday) / 451
	days := epact + toSunday - 7*late + 114
	return time.Date(year, time.Month(days/31), days%31+1, 0, 0, 0, 0, time.UTC)
}

// CutOff is the time of the day by which a payment must be in to count for that day
// (smartbill, section 3).
type CutOff struct {
	At       time.Duration // on the clock of Zone, since midnight: 17h
	Zone     *time.Location
	Calendar Calendar
}

// maxClosed bounds the search for a working day: a calendar that closes longer has none.
const maxClosed = 366

// ValueDate is the day, YYYY-MM-DD, that a payment counts for that is in at the time now: this
// one when it is a working day and the clock has not reached the cut-off, else the next
// working day. It reads the clock on the wall, so days of 23 or 25 hours need no care.
func (c CutOff) ValueDate(now time.Time) string {
	local := now.In(c.Zone)
	clock := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute +
		time.Duration(local.Second())*time.Second + time.Duration(local.Nanosecond())
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC)
	if clock >= c.At {
		day = day.AddDate(0, 0, 1)
	}
	for range maxClosed {
		if c.Calendar.WorkingDay(day) {
			break
		}
		day = day.AddDate(0, 0, 1)
	}
	return day.Format(time.DateOnly)
}

// Next is the moment of the cut-off that what is in at the time now counts for.
func (c CutOff) Next(now time.Time) time.Time {
	day, err := time.ParseInLocation(time.DateOnly, c.ValueDate(now), c.Zone)
	if err != nil {
		return now // ValueDate writes it so
	}
	// On the clock of that day, not so long after its midnight: a day may have 23 or 25 hours.
	return time.Date(day.Year(), day.Month(), day.Day(), int(c.At/time.Hour), int(c.At%time.Hour/time.Minute), int(c.At%time.Minute/time.Second), 0, c.Zone)
}
