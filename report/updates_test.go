package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

// renewal is an update that gave a card a new number, told and settled in November.
func renewal(change func(*batch.CardUpdate)) *batch.CardUpdate {
	u := &batch.CardUpdate{
		ID: 17, Merchant: "acme", Wallet: "CUST-01", CardIndex: 2, Account: "89987201", Source: "paysafe-updater", Scheme: "VISA",
		Code: "A", Outcome: batch.NewNumber, Effect: batch.EffectChanged, Status: batch.BillingActive, Note: "as told", File: "upd_1.csv.gpg", Line: 3,
		At: time.Date(2026, 11, 3, 9, 30, 0, 0, time.UTC), TakenAt: time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC), SettledAt: time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC),
		Old: batch.CardData{Fingerprint: "old", LastFour: "1111", Expiry: "1126"}, New: batch.CardData{Fingerprint: "new", LastFour: "1881", Expiry: "0630"},
	}
	if change != nil {
		change(u)
	}
	return u
}

func zoneNamed(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func TestAnUpdateRowHoldsWhatIsKnownOfTheUpdate(t *testing.T) {
	zone := zoneNamed(t, "Europe/Paris")
	want := batch.UpdateRow{
		Account: "89987201", PaymentMethod: "CUST-01", Billing: "2", LastFour: "1881", Expiry: "06/2030", Code: "A", Status: batch.BillingActive,
		OldLastFour: "1111", OldExpiry: "11/2026", NewExpiry: "06/2030", Scheme: "VISA", Outcome: batch.NewNumber, Effect: batch.EffectChanged,
		Source: "paysafe-updater", Note: "as told", File: "upd_1.csv.gpg", Line: 3,
		At: time.Date(2026, 11, 3, 10, 30, 0, 0, zone), SettledAt: time.Date(2026, 11, 3, 11, 0, 0, 0, zone),
	}
	got := UpdateRow(renewal(nil), zone)
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
	if got.At.Location() != zone || got.SettledAt.Location() != zone {
		t.Errorf("times are in %s and %s", got.At.Location(), got.SettledAt.Location())
	}
}

func TestTheCardIsShownAsItStands(t *testing.T) {
	for _, test := range []struct {
		name                        string
		update                      *batch.CardUpdate
		lastFour, expiry, newExpiry string
	}{
		{"changed", renewal(nil), "1881", "06/2030", "06/2030"},
		{"waiting for the gateway", renewal(func(u *batch.CardUpdate) { u.Effect = batch.EffectWaiting }), "1111", "11/2026", "06/2030"},
		{"refused by the gateway", renewal(func(u *batch.CardUpdate) { u.Effect = batch.EffectRefused }), "1111", "11/2026", "06/2030"},
		{"only told", renewal(func(u *batch.CardUpdate) { u.Effect = batch.EffectShadow }), "1111", "11/2026", "06/2030"},
		{"about data that the card has left behind", renewal(func(u *batch.CardUpdate) { u.Effect = batch.EffectStale }), "1881", "06/2030", "06/2030"},
		{"disabled, with nothing new", renewal(func(u *batch.CardUpdate) { u.Effect, u.New = batch.EffectDisabled, batch.CardData{} }), "1111", "11/2026", ""},
		{"with an expiry that is none", renewal(func(u *batch.CardUpdate) { u.New.Expiry = "1326" }), "1881", "1326", "1326"},
		{"without any expiry", renewal(func(u *batch.CardUpdate) { u.Old.Expiry, u.New.Expiry = "", "" }), "1881", "", ""},
		{"of a year that a parser would put in the last century", renewal(func(u *batch.CardUpdate) { u.New.Expiry = "0175" }), "1881", "01/2075", "01/2075"},
	} {
		t.Run(test.name, func(t *testing.T) {
			row := UpdateRow(test.update, time.UTC)
			if row.LastFour != test.lastFour || row.Expiry != test.expiry || row.NewExpiry != test.newExpiry {
				t.Errorf("%s %s, new expiry %q; want %s %s, %q", row.LastFour, row.Expiry, row.NewExpiry, test.lastFour, test.expiry, test.newExpiry)
			}
		})
	}
}

func TestAnUpdateOfAnEarlierMonthIsLate(t *testing.T) {
	endOfOctober := time.Date(2026, 10, 31, 23, 30, 0, 0, time.UTC)
	for _, test := range []struct {
		name string
		zone string
		at   time.Time
		late string
	}{
		{"of the same month", "UTC", time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC), ""},
		{"of the month before", "UTC", endOfOctober, "2026-10"},
		{"of the year before", "UTC", time.Date(2025, 12, 1, 0, 0, 0, 0, time.UTC), "2025-12"},
		{"of the month before, but not where the merchant is", "Europe/Paris", endOfOctober, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			u := renewal(func(u *batch.CardUpdate) { u.At = test.at })
			if row := UpdateRow(u, zoneNamed(t, test.zone)); row.Late != test.late {
				t.Errorf("late for %q, want %q", row.Late, test.late)
			}
		})
	}
}
