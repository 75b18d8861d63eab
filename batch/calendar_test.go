package batch

import (
	"testing"
	"time"
)

func paris(t *testing.T) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestEasterSundays(t *testing.T) {
	for year, want := range map[int]string{
		1818: "03-22", 1943: "04-25", 1954: "04-18", 1981: "04-19", 2000: "04-23", 2024: "03-31", 2025: "04-20", 2026: "04-05", 2027: "03-28", 2038: "04-25", 2076: "04-19",
	} {
		if got := easter(year).Format("01-02"); got != want {
			t.Errorf("Easter of %d is %s, want %s", year, got, want)
		}
	}
}

func TestWorkingDays(t *testing.T) {
	for _, test := range []struct {
		name     string
		calendar Calendar
		date     string
		want     bool
	}{
		{"a Monday", Calendar{}, "2026-11-23", true},
		{"a Saturday", Calendar{}, "2026-11-21", false},
		{"a Sunday", Calendar{}, "2026-11-22", false},
		{"New Year's Day", Calendar{}, "2027-01-01", false},
		{"Good Friday", Calendar{}, "2026-04-03", false},
		{"Easter Monday", Calendar{}, "2026-04-06", false},
		{"the Tuesday after", Calendar{}, "2026-04-07", true},
		{"Good Friday in March", Calendar{}, "2027-03-26", false},
		{"Labour Day", Calendar{}, "2026-05-01", false},
		{"Christmas", Calendar{}, "2026-12-25", false},
		{"the day after Christmas, on a weekday", Calendar{}, "2028-12-26", false},
		{"Christmas Eve", Calendar{}, "2026-12-24", true},
		{"a national holiday that TARGET does not keep", Calendar{}, "2026-07-14", true},
		{"the same day when it is said to be closed", Calendar{Closed: []string{"2026-07-14"}}, "2026-07-14", false},
		{"a Sunday when every day counts", Calendar{EveryDay: true}, "2026-11-22", true},
		{"Christmas when every day counts", Calendar{EveryDay: true}, "2026-12-25", true},
		{"a closed day when every other day counts", Calendar{EveryDay: true, Closed: []string{"2026-12-25"}}, "2026-12-25", false},
	} {
		day, err := time.Parse(time.DateOnly, test.date)
		if err != nil {
			t.Fatal(err)
		}
		if got := test.calendar.WorkingDay(day); got != test.want {
			t.Errorf("%s, %s, is a working day: %v", test.name, test.date, got)
		}
	}
}

func TestWhichDayAPaymentCountsFor(t *testing.T) {
	five := CutOff{At: 17 * time.Hour, Zone: paris(t)}
	for _, test := range []struct {
		name   string
		cutOff CutOff
		now    string // on the clock of Paris, with its offset
		want   string
	}{
		{"a second before the cut-off it is today", five, "2026-11-23T16:59:59+01:00", "2026-11-23"},
		{"at the cut-off it is tomorrow", five, "2026-11-23T17:00:00+01:00", "2026-11-24"},
		{"a nanosecond before is still before", five, "2026-11-23T16:59:59.999999999+01:00", "2026-11-23"},
		{"the clock is that of Paris, not of UTC", five, "2026-11-23T15:59:59Z", "2026-11-23"},
		{"in summer Paris is two hours ahead", five, "2026-07-06T14:59:59Z", "2026-07-06"},
		{"and its cut-off an hour earlier", five, "2026-07-06T15:00:00Z", "2026-07-07"},
		{"the night belongs to the day that has begun in Paris", five, "2026-11-23T23:30:00Z", "2026-11-24"},
		{"Friday evening counts for Monday", five, "2026-11-20T17:00:00+01:00", "2026-11-23"},
		{"Saturday morning counts for Monday", five, "2026-11-21T09:00:00+01:00", "2026-11-23"},
		{"Sunday evening counts for Monday", five, "2026-11-22T20:00:00+01:00", "2026-11-23"},
		{"Christmas 2026 and its weekend are passed over", five, "2026-12-25T09:00:00+01:00", "2026-12-28"},
		{"Christmas Eve before the cut-off is itself", five, "2026-12-24T16:59:59+01:00", "2026-12-24"},
		{"Christmas Eve after it is the Monday", five, "2026-12-24T17:00:00+01:00", "2026-12-28"},
		{"New Year's Eve leads past the year", five, "2026-12-31T18:00:00+01:00", "2027-01-04"},
		{"Easter is passed over from Maundy Thursday", five, "2026-04-02T17:30:00+02:00", "2026-04-07"},
		{"summer time begins on 29 March 2026, a Sunday", five, "2026-03-29T16:59:59+02:00", "2026-03-30"},
		{"before its change the clock is an hour behind", five, "2026-03-28T23:30:00Z", "2026-03-30"},
		{"the Friday before is still winter", five, "2026-03-27T15:59:59Z", "2026-03-27"},
		{"the Monday after is summer: 15:00 UTC is late", five, "2026-03-30T15:00:00Z", "2026-03-31"},
		{"winter time begins on 25 October 2026", five, "2026-10-25T00:30:00Z", "2026-10-26"},
		{"the Friday before is still summer: 15:00 UTC is late", five, "2026-10-23T15:00:00Z", "2026-10-26"},
		{"the Monday after is winter: 15:59 UTC is not", five, "2026-10-26T15:59:59Z", "2026-10-26"},
		{"in 2027 summer time begins on Easter Sunday", five, "2027-03-28T16:59:59+02:00", "2027-03-30"},
		{"in 2027 winter time begins on 31 October", five, "2027-10-31T16:59:59+01:00", "2027-11-01"},
		{"on a day of 23 hours the cut-off is the clock's", CutOff{At: 17 * time.Hour, Zone: paris(t), Calendar: Calendar{EveryDay: true}}, "2026-03-29T14:59:59Z", "2026-03-29"},
		{"and so it is on a day of 25", CutOff{At: 17 * time.Hour, Zone: paris(t), Calendar: Calendar{EveryDay: true}}, "2026-10-25T16:00:00Z", "2026-10-26"},
		{"every day counts where the calendar says so", CutOff{At: 17 * time.Hour, Zone: paris(t), Calendar: Calendar{EveryDay: true}}, "2026-11-21T16:00:00+01:00", "2026-11-21"},
		{"a closed day is passed over", CutOff{At: 17 * time.Hour, Zone: paris(t), Calendar: Calendar{Closed: []string{"2026-11-24"}}}, "2026-11-23T18:00:00+01:00", "2026-11-25"},
	} {
		t.Run(test.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339Nano, test.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := test.cutOff.ValueDate(now); got != test.want {
				t.Errorf("%s counts for %s, want %s", test.now, got, test.want)
			}
		})
	}
}
