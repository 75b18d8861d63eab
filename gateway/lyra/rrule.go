package lyra

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
)

// recurrence writes a schedule as the platform's rule (RFC 5545; facts, section 6.5). What
// a rule cannot say without moving a payment is an error, fit to be shown.
func recurrence(s *batch.Schedule) (string, error) {
	if s == nil {
		return "", errors.New("no schedule")
	}
	first, err := time.Parse(time.DateOnly, s.Date)
	if err != nil {
		return "", errors.New("no date of the first payment")
	}
	if s.Cycle == "" {
		return "RRULE:FREQ=DAILY;COUNT=1", nil
	}
	if s.Start != "" && s.Start != s.Date {
		return "", errors.New("start_date and scheduled_date must be one day: this gateway debits from the first day of the schedule on")
	}
	months, days := s.Cycle.Interval()
	parts := []string{"RRULE:FREQ=DAILY"}
	switch {
	case months > 0:
		monthDay, err := monthDay(first, s.Day)
		if err != nil {
			return "", err
		}
		parts = []string{"RRULE:FREQ=MONTHLY", interval(months), monthDay}
	case s.Day != 0:
		return "", errors.New("billing_day fits cycles of months only")
	case days == 0:
		return "", errors.New("the billing cycle is not known")
	case days%7 == 0:
		parts = []string{"RRULE:FREQ=WEEKLY", interval(days / 7)}
	case days > 1:
		parts = append(parts, interval(days))
	}
	parts = append(parts, end(s))
	return strings.Join(nonEmpty(parts), ";"), nil
}

func interval(n int) string {
	if n == 1 {
		return ""
	}
	return "INTERVAL=" + strconv.Itoa(n)
}

// monthDay names the day of the month; one that a month lacks falls back to the month's
// last. The first payment must lie on it, or the platform would move that payment.
func monthDay(first time.Time, day int) (string, error) {
	last := first.AddDate(0, 1, -first.Day()).Day()
	if day == 0 {
		day = first.Day()
	}
	if first.Day() != min(day, last) {
		return "", fmt.Errorf("scheduled_date must lie on billing_day: this gateway debits on day %d only", day)
	}
	if day <= 28 {
		return "BYMONTHDAY=" + strconv.Itoa(day), nil
	}
	days := "28"
	for d := 29; d <= day; d++ {
		days += "," + strconv.Itoa(d)
	}
	return "BYMONTHDAY=" + days + ";BYSETPOS=-1", nil
}

// end is the number of payments or, when that comes first, the last day. A rule cannot
// hold both.
func end(s *batch.Schedule) string {
	until := "UNTIL=" + strings.ReplaceAll(s.End, "-", "")
	switch {
	case s.Left == 0 && s.End == "":
		return ""
	case s.Left == 0:
		return until
	}
	counted := *s
	counted.End = ""
	if s.End != "" && s.End < counted.Last().Format(time.DateOnly) {
		return until
	}
	return "COUNT=" + strconv.Itoa(s.Left)
}

func nonEmpty(parts []string) (kept []string) {
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return kept
}

// effectDate is the first day of a schedule. The platform reads dates in UTC and refuses
// what is past: noon, so that no time zone makes it another day, or the end of today.
func effectDate(date string, now time.Time) string {
	clock := "12:00:00"
	if now = now.UTC(); now.Format(time.DateOnly) == date && now.Hour() >= 12 {
		clock = "23:59:59"
	}
	return date + "T" + clock + "+00:00"
}
