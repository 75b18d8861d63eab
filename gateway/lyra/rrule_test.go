package lyra

import (
	"testing"
	"time"

	"cardbatch/batch"
)

func TestSchedulesAsRules(t *testing.T) {
	for name, c := range map[string]struct {
		schedule batch.Schedule
		want     string // empty: refused
	}{
		"one payment":                              {batch.Schedule{Date: "2026-12-31"}, "RRULE:FREQ=DAILY;COUNT=1"},
		"daily for ever":                           {batch.Schedule{Date: "2026-12-01", Cycle: "10"}, "RRULE:FREQ=DAILY"},
		"weekly, five times":                       {batch.Schedule{Date: "2026-12-01", Cycle: "20", Left: 5}, "RRULE:FREQ=WEEKLY;COUNT=5"},
		"fortnightly until a day":                  {batch.Schedule{Date: "2026-12-01", Cycle: "30", End: "2027-06-30"}, "RRULE:FREQ=WEEKLY;INTERVAL=2;UNTIL=20270630"},
		"monthly on the day of the first":          {batch.Schedule{Date: "2026-12-10", Cycle: "40", Left: 12}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=10;COUNT=12"},
		"monthly on the last day":                  {batch.Schedule{Date: "2026-12-31", Cycle: "40"}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1"},
		"day 31, beginning on a last day":          {batch.Schedule{Date: "2026-11-30", Cycle: "40", Day: 31}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30,31;BYSETPOS=-1"},
		"day 30, beginning at the end of February": {batch.Schedule{Date: "2027-02-28", Cycle: "40", Day: 30}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29,30;BYSETPOS=-1"},
		"the 29th":                                 {batch.Schedule{Date: "2026-12-29", Cycle: "40"}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=28,29;BYSETPOS=-1"},
		"quarterly":                                {batch.Schedule{Date: "2026-12-01", Cycle: "60", Day: 1}, "RRULE:FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1"},
		"yearly":                                   {batch.Schedule{Date: "2026-12-01", Cycle: "80"}, "RRULE:FREQ=MONTHLY;INTERVAL=12;BYMONTHDAY=1"},
		"every two years":                          {batch.Schedule{Date: "2026-12-01", Cycle: "90", Left: 2}, "RRULE:FREQ=MONTHLY;INTERVAL=24;BYMONTHDAY=1;COUNT=2"},
		"the count ends before the last day":       {batch.Schedule{Date: "2026-12-01", Cycle: "40", Left: 3, End: "2027-02-01"}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=1;COUNT=3"},
		"the last day comes before the count ends": {batch.Schedule{Date: "2026-12-01", Cycle: "40", Left: 3, End: "2027-01-31"}, "RRULE:FREQ=MONTHLY;BYMONTHDAY=1;UNTIL=20270131"},
		"a start that is the first day":            {batch.Schedule{Date: "2026-12-01", Start: "2026-12-01", Cycle: "20"}, "RRULE:FREQ=WEEKLY"},
		"a start that is another day":              {batch.Schedule{Date: "2026-12-01", Start: "2027-01-01", Cycle: "20"}, ""},
		"a first day that is not the billing day":  {batch.Schedule{Date: "2026-12-15", Cycle: "40", Day: 1}, ""},
		"day 31 but not beginning on a last day":   {batch.Schedule{Date: "2026-11-29", Cycle: "40", Day: 31}, ""},
		"a billing day of weeks":                   {batch.Schedule{Date: "2026-12-01", Cycle: "20", Day: 1}, ""},
		"a cycle that is none":                     {batch.Schedule{Date: "2026-12-01", Cycle: "15"}, ""},
		"no date":                                  {batch.Schedule{Cycle: "40"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := recurrence(&c.schedule)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, c.want)
			}
		})
	}
	if _, err := recurrence(nil); err == nil {
		t.Error("no schedule has a rule")
	}
}

func TestEffectDateIsNotPastWhereverItIsRead(t *testing.T) {
	at := func(hour int) time.Time { return time.Date(2026, 11, 21, hour, 30, 0, 0, time.UTC) }
	paris := time.FixedZone("Paris", 3600)
	for _, c := range []struct {
		date string
		now  time.Time
		want string
	}{
		{"2026-11-22", at(22), "2026-11-22T12:00:00+00:00"},
		{"2026-11-21", at(2), "2026-11-21T12:00:00+00:00"},
		{"2026-11-21", at(22), "2026-11-21T23:59:59+00:00"},
		{"2026-11-22", time.Date(2026, 11, 22, 0, 30, 0, 0, paris), "2026-11-22T12:00:00+00:00"},
	} {
		if got := effectDate(c.date, c.now); got != c.want {
			t.Errorf("%s at %s: got %s, want %s", c.date, c.now, got, c.want)
		}
		if effect, err := time.Parse(time.RFC3339, effectDate(c.date, c.now)); err != nil || effect.Before(c.now) {
			t.Errorf("%s at %s is past: %v", c.date, c.now, err)
		}
	}
}
