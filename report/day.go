package report

import (
	"fmt"
	"sort"
	"time"
)

// Day is a calendar day somewhere: the half-open interval [From, To). Where clocks change
// it has 23 or 25 hours; where they skip a whole day, none.
type Day struct {
	Date     string // YYYY-MM-DD
	From, To time.Time
}

// DayOf returns the day with the date in a time zone.
func DayOf(date string, zone *time.Location) (Day, error) {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return Day{}, fmt.Errorf("%q is no day like 2026-11-21", date)
	}
	return Day{date, begin(date, zone), begin(DateAfter(date, 1), zone)}, nil
}

// DateAt is the date of a moment in a time zone.
func DateAt(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

// DaysBetween counts the days from one date to another; negative when the other is earlier.
func DaysBetween(from, to string) int64 {
	return int64(midnight(to).Sub(midnight(from)) / (24 * time.Hour))
}

// DaysOver lists the dates from first on whose days are over at the time.
func DaysOver(first string, now time.Time, zone *time.Location) []string {
	var over []string
	for date, today := first, DateAt(now, zone); date < today; date = DateAfter(date, 1) {
		over = append(over, date)
	}
	return over
}

// DateAfter is the date so many days later.
func DateAfter(date string, days int) string {
	return midnight(date).AddDate(0, 0, days).Format(time.DateOnly)
}

// midnight places a date where every day has 24 hours.
func midnight(date string) time.Time {
	t, _ := time.Parse(time.DateOnly, date) // dates come from DayOf and DateAt
	return t
}

// begin finds the first second whose date is not earlier. It need not be midnight: there
// are clocks that go from 23:59 to 01:00, and clocks that show 00:30 twice.
func begin(date string, zone *time.Location) time.Time {
	const hours = 36 // no clock is farther from UTC, with a day between them
	from := midnight(date).Add(-hours * time.Hour)
	seconds := sort.Search(2*hours*3600, func(n int) bool {
		return DateAt(from.Add(time.Duration(n)*time.Second), zone) >= date
	})
	return from.Add(time.Duration(seconds) * time.Second)
}
