package report

import (
	"slices"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestADayIsThatOfTheClocksOfItsZone(t *testing.T) {
	for _, test := range []struct {
		name, zone, date, from string
		hours                  time.Duration
	}{
		{"in winter", "Europe/Paris", "2026-11-21", "2026-11-20T23:00:00Z", 24},
		{"when summer begins", "Europe/Paris", "2026-03-29", "2026-03-28T23:00:00Z", 23},
		{"when summer ends", "Europe/Paris", "2026-10-25", "2026-10-24T22:00:00Z", 25},
		{"at half an hour from the next zone", "Asia/Kolkata", "2026-11-21", "2026-11-20T18:30:00Z", 24},
		{"far in the east", "Pacific/Kiritimati", "2026-11-21", "2026-11-20T10:00:00Z", 24},
		{"far in the west", "Pacific/Pago_Pago", "2026-11-21", "2026-11-21T11:00:00Z", 24},
		{"without a midnight", "America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", 23},
		{"before a midnight that comes twice", "America/Sao_Paulo", "2018-02-17", "2018-02-17T02:00:00Z", 25},
		{"with two midnights", "America/Havana", "2026-11-01", "2026-11-01T04:00:00Z", 25},
		{"that never was", "Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", 0},
		{"over a leap day", "UTC", "2028-02-29", "2028-02-29T00:00:00Z", 24},
	} {
		t.Run(test.name, func(t *testing.T) {
			z := zone(t, test.zone)
			day, err := DayOf(test.date, z)
			if err != nil {
				t.Fatal(err)
			}
			if got := day.From.UTC().Format(time.RFC3339); got != test.from {
				t.Errorf("begins %s, want %s", got, test.from)
			}
			if got := day.To.Sub(day.From); got != test.hours*time.Hour {
				t.Errorf("lasts %s, want %d hours", got, test.hours)
			}
			next, err := DayOf(DateAfter(test.date, 1), z)
			if err != nil || !next.From.Equal(day.To) {
				t.Errorf("ends %s, the next day begins %s (%v)", day.To, next.From, err)
			}
			if test.hours > 0 && (DateAt(day.From, z) != test.date || DateAt(day.To.Add(-time.Second), z) != test.date) {
				t.Errorf("its first and last second are of %s and %s", DateAt(day.From, z), DateAt(day.To.Add(-time.Second), z))
			}
		})
	}
}

func TestWhatIsNoDayIsRefused(t *testing.T) {
	for _, date := range []string{"", "2026-02-30", "2026-1-2", "20261121", "today"} {
		if _, err := DayOf(date, time.UTC); err == nil {
			t.Errorf("%q was taken", date)
		}
	}
}

func TestDaysAreOverWhenTheZoneSaysSo(t *testing.T) {
	paris := zone(t, "Europe/Paris")
	for now, want := range map[string][]string{
		"2026-11-21T22:59:59Z": {"2026-11-19", "2026-11-20"},
		"2026-11-21T23:00:00Z": {"2026-11-19", "2026-11-20", "2026-11-21"},
		"2026-11-18T23:00:00Z": nil,
		"2026-01-01T00:00:00Z": nil,
	} {
		at, err := time.Parse(time.RFC3339, now)
		if err != nil {
			t.Fatal(err)
		}
		if got := DaysOver("2026-11-19", at, paris); !slices.Equal(got, want) {
			t.Errorf("at %s: %v, want %v", now, got, want)
		}
	}
}

func TestDaysAreCountedByTheCalendar(t *testing.T) {
	for _, test := range []struct {
		from, to string
		want     int64
	}{{"2026-11-21", "2026-11-21", 0}, {"2026-12-31", "2027-01-01", 1}, {"2026-03-01", "2026-02-28", -1}, {"2028-02-28", "2028-03-01", 2}} {
		if got := DaysBetween(test.from, test.to); got != test.want {
			t.Errorf("from %s to %s: %d, want %d", test.from, test.to, got, test.want)
		}
	}
}
