package batch

import (
	"testing"
	"time"
)

// stored is a card as a wallet line left it.
func stored(change func(*Card)) Card {
	c := Card{Index: 1, Status: CardActive, Token: "T", Fingerprint: "old", FirstSix: "411111", LastFour: "1111", Expiry: "1126", Type: TypeVisa, Sealed: []byte("sealed")}
	if change != nil {
		change(&c)
	}
	return c
}

func TestUpdatedCard(t *testing.T) {
	now := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	renewed := ToldUpdate{Outcome: NewNumber, At: now, Asked: "old", Fingerprint: "new", FirstSix: "424242", LastFour: "4242", Expiry: "1129"}
	with := func(change func(*ToldUpdate)) ToldUpdate {
		told := renewed
		change(&told)
		return told
	}
	for _, tt := range []struct {
		name   string
		card   Card
		told   ToldUpdate
		effect UpdateEffect
		data   CardData // afterwards
		status CardStatus
	}{
		{"number and expiry change together", stored(nil), renewed, EffectChanged, CardData{"new", "4242", "1129"}, CardActive},
		{"a new number without expiry keeps the old expiry", stored(nil), with(func(u *ToldUpdate) { u.Expiry = "" }), EffectChanged, CardData{"new", "4242", "1126"}, CardActive},
		{"a new number that is the stored one, with a new expiry, changes the expiry alone", stored(nil), with(func(u *ToldUpdate) { u.Fingerprint, u.FirstSix, u.LastFour = "old", "411111", "1111" }), EffectChanged, CardData{"old", "1111", "1129"}, CardActive},
		{"data equal to the stored ones write nothing", stored(nil), with(func(u *ToldUpdate) { u.Fingerprint, u.FirstSix, u.LastFour, u.Expiry = "old", "411111", "1111", "1126" }), EffectNone, CardData{"old", "1111", "1126"}, CardActive},
		{"the same told again writes nothing", stored(func(c *Card) { c.Fingerprint, c.LastFour, c.Expiry = "new", "4242", "1129" }), renewed, EffectNone, CardData{"new", "4242", "1129"}, CardActive},
		{"news about a number that the card has left are stale", stored(func(c *Card) { c.Fingerprint = "third" }), renewed, EffectStale, CardData{"third", "1111", "1126"}, CardActive},
		{"an end of a number that the card has left is stale", stored(func(c *Card) { c.Fingerprint = "third" }), ToldUpdate{Outcome: AccountClosed, At: now, Asked: "old"}, EffectStale, CardData{"third", "1111", "1126"}, CardActive},
		{"a new expiry older than the latest change is stale", stored(func(c *Card) { c.ChangedAt = now.Add(time.Second) }), ToldUpdate{Outcome: NewExpiry, At: now, Asked: "old", Expiry: "1129"}, EffectStale, CardData{"old", "1111", "1126"}, CardActive},
		{"a new number older than the latest change, of which nobody says what it is about, is stale", stored(func(c *Card) { c.ChangedAt = now.Add(time.Second) }), with(func(u *ToldUpdate) { u.Asked = "" }), EffectStale, CardData{"old", "1111", "1126"}, CardActive},
		{"a new number older than the latest expiry is news as long as the card has the old one", stored(func(c *Card) { c.ChangedAt, c.Expiry = now.Add(time.Second), "0631" }), renewed, EffectChanged, CardData{"new", "4242", "0631"}, CardActive},
		{"an end older than the latest change is believed", stored(func(c *Card) { c.ChangedAt = now.Add(time.Second) }), ToldUpdate{Outcome: AccountClosed, At: now, Asked: "old"}, EffectDisabled, CardData{"old", "1111", "1126"}, CardDisabled},
		{"closed disables", stored(nil), ToldUpdate{Outcome: AccountClosed, At: now, Asked: "old"}, EffectDisabled, CardData{"old", "1111", "1126"}, CardDisabled},
		{"contact disables", stored(nil), ToldUpdate{Outcome: ContactHolder, At: now}, EffectDisabled, CardData{"old", "1111", "1126"}, CardDisabled},
		{"opt-out disables", stored(nil), ToldUpdate{Outcome: OptOut, At: now}, EffectDisabled, CardData{"old", "1111", "1126"}, CardDisabled},
		{"an end told twice disables once", stored(func(c *Card) { c.Status = CardDisabled }), ToldUpdate{Outcome: AccountClosed, At: now}, EffectNone, CardData{"old", "1111", "1126"}, CardDisabled},
		{"no news bring a disabled card back", stored(func(c *Card) { c.Status = CardDisabled }), renewed, EffectNone, CardData{"old", "1111", "1126"}, CardDisabled},
		{"newer data that have expired change nothing", stored(nil), with(func(u *ToldUpdate) { u.Expiry = "1026" }), EffectNone, CardData{"old", "1111", "1126"}, CardActive},
		{"the outcome new but expired changes nothing whatever comes with it", stored(nil), with(func(u *ToldUpdate) { u.Outcome = NewButExpired }), EffectNone, CardData{"old", "1111", "1126"}, CardActive},
		{"an unknown code changes nothing whatever comes with it", stored(nil), with(func(u *ToldUpdate) { u.Outcome = UnknownUpdate }), EffectNone, CardData{"old", "1111", "1126"}, CardActive},
		{"a new number that is not told changes nothing", stored(nil), ToldUpdate{Outcome: NewNumber, At: now, Asked: "old"}, EffectNone, CardData{"old", "1111", "1126"}, CardActive},
		{"a masked new number leaves no fingerprint", stored(nil), ToldUpdate{Outcome: NewNumber, At: now, FirstSix: "424242", LastFour: "4242", Expiry: "1129"}, EffectChanged, CardData{"", "4242", "1129"}, CardActive},
		{"the same number masked is the same number", stored(nil), ToldUpdate{Outcome: NewExpiry, At: now, FirstSix: "411111", LastFour: "1111", Expiry: "1129"}, EffectChanged, CardData{"old", "1111", "1129"}, CardActive},
		{"an expired card lives again with a new expiry", stored(func(c *Card) { c.Status = CardExpired }), renewed, EffectChanged, CardData{"new", "4242", "1129"}, CardActive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, effect, note := UpdatedCard(tt.card, tt.told, now)
			if effect != tt.effect || DataOf(got) != tt.data || got.Status != tt.status {
				t.Errorf("effect %s (%s), data %v, status %s; want %s, %v, %s", effect, note, DataOf(got), got.Status, tt.effect, tt.data, tt.status)
			}
			if effect == EffectChanged && got.ChangedAt.Before(now) {
				t.Errorf("changed at %v, want %v or later", got.ChangedAt, now)
			}
			if kept := len(got.Sealed) > 0; kept && got.LastFour != tt.card.LastFour {
				t.Error("the sealed old number outlived it")
			}
			if _, again, _ := UpdatedCard(got, tt.told, now); again == EffectChanged || again == EffectDisabled {
				t.Errorf("told again it has the effect %s", again)
			}
		})
	}
}

func TestSelectForUpdate(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	// In Paris it is December already.
	now := time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC).In(paris)
	for _, tt := range []struct {
		name   string
		change func(*Candidate)
		want   Unselected
	}{
		{"a card that expires in the current month of the zone", nil, Selected},
		{"a card whose wallet is disabled", func(c *Candidate) { c.WalletStatus = WalletDisabled }, InactiveWallet},
		{"a card that is disabled", func(c *Candidate) { c.Card.Status = CardDisabled }, InactiveCard},
		{"a card of next month", func(c *Candidate) { c.Card.Expiry = "0127" }, ExpiresAfter},
		{"a card of last month", func(c *Candidate) { c.Card.Expiry = "1126" }, ExpiredBefore},
		{"a card updated five months ago", func(c *Candidate) { c.Card.ChangedAt = now.AddDate(0, -5, 0) }, UpdatedLately},
		{"a card updated six months ago", func(c *Candidate) { c.Card.ChangedAt = now.AddDate(0, -6, 0) }, Selected},
		{"a card of another scheme", func(c *Candidate) { c.Card.Type = "JCB" }, SchemeNotCovered},
		{"a co-branded card by the scheme of its number", func(c *Candidate) { c.Card.Type = TypeCB }, Selected},
		{"a card of no type by the scheme of its number", func(c *Candidate) { c.Card.Type, c.Card.FirstSix = "", "555555" }, Selected},
		{"a card under SmartBill", func(c *Candidate) { c.Card.Type, c.Card.Status = TypeAmex, CardAccepted }, UnderSmartBill},
		{"a card asked for this month", func(c *Candidate) { c.Asked = now.Add(-time.Minute) }, AskedThisMonth},
		{"a card asked for in an earlier month", func(c *Candidate) { c.Asked = now.AddDate(0, -1, 0) }, Selected},
		{"a card whose number is not kept", func(c *Candidate) { c.Card.Sealed = nil }, NumberNotKept},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := Candidate{WalletStatus: WalletActive, Card: stored(func(c *Card) { c.Expiry = "1226" })}
			if tt.change != nil {
				tt.change(&c)
			}
			if got := SelectForUpdate(&c, []string{TypeVisa, TypeMastercard}, now); got != tt.want {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func TestEveryReasonIsListedOnce(t *testing.T) {
	seen := map[Unselected]bool{}
	for _, r := range UnselectedReasons {
		if r == Selected || seen[r] {
			t.Errorf("%q is listed twice, or is no reason", r)
		}
		seen[r] = true
	}
}

func TestCutOffNext(t *testing.T) {
	eastern, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	c := CutOff{At: 5*time.Hour + 30*time.Minute, Zone: eastern, Calendar: Calendar{EveryDay: true}}
	for _, tt := range []struct{ name, now, want string }{
		{"in the night it is that morning's", "2026-12-01T04:00:00-05:00", "2026-12-01T05:30:00-05:00"},
		{"at the moment itself it is the next day's", "2026-12-01T05:30:00-05:00", "2026-12-02T05:30:00-05:00"},
		{"when clocks are put forward", "2026-03-08T01:00:00-05:00", "2026-03-08T05:30:00-04:00"},
		{"when clocks are put back", "2026-11-01T00:30:00-04:00", "2026-11-01T05:30:00-05:00"},
		{"in Paris the night is the evening before", "2026-12-01T01:00:00+01:00", "2026-12-01T05:30:00-05:00"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			if got := c.Next(now).Format(time.RFC3339); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestAnUpdateOfAnEarlierMonthIsLate(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	u := CardUpdate{At: time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC), SettledAt: time.Date(2026, 12, 2, 0, 0, 0, 0, time.UTC)}
	if !u.LateFor(time.UTC) || u.LateFor(paris) {
		t.Errorf("late in UTC %v, in Paris %v; want true, false", u.LateFor(time.UTC), u.LateFor(paris))
	}
}
