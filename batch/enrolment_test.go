package batch

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// eventOn is an event of the card CUST-11 on a day of November 2026.
func eventOn(status CardStatus, day int) StatusEvent {
	return StatusEvent{Alias: "CUST-11", Status: status, At: time.Date(2026, 11, day, 8, 0, 0, 0, time.UTC), File: "SBSTA_1.dat", Line: day}
}

func TestAnAliasIsWalletAndIndex(t *testing.T) {
	for _, test := range []struct {
		index, pad int
		want       string
	}{{1, 0, "CUST-1"}, {12, 0, "CUST-12"}, {1, 2, "CUST-01"}, {12, 2, "CUST-12"}, {123, 2, "CUST-123"}} {
		if got := AliasOf("CUST-", test.index, test.pad); got != test.want {
			t.Errorf("index %d padded to %d is %s, want %s", test.index, test.pad, got, test.want)
		}
	}
}

func TestEventsDecideWhereAnEnrolmentStands(t *testing.T) {
	expiry := func(e StatusEvent, mmyy string) StatusEvent { e.NewExpiry = mmyy; return e }
	again := func(e StatusEvent) StatusEvent { e.File, e.Line = "SBSTA_2.dat", 99; return e }
	for _, test := range []struct {
		name   string
		events []StatusEvent
		want   CardChange
		at     int // day of the event that gave the status; 0: none
		odd    []string
	}{
		{"without events it waits", nil, CardChange{Status: CardWaiting}, 0, nil},
		{"it is accepted", []StatusEvent{eventOn(CardAccepted, 2)}, CardChange{Status: CardAccepted}, 2, nil},
		{"it is refused, with the wallet", []StatusEvent{eventOn(CardRefused, 2)}, CardChange{Status: CardRefused, DisableCard: true, DisableWallet: true}, 2, nil},
		{"an update brings the new expiry", []StatusEvent{eventOn(CardAccepted, 2), expiry(eventOn(CardExpiryUpdated, 3), "1229")},
			CardChange{Status: CardExpiryUpdated, NewExpiry: "1229"}, 3, nil},
		{"an older update never overwrites a newer one", []StatusEvent{eventOn(CardAccepted, 2), expiry(eventOn(CardExpiryUpdated, 5), "0130"), expiry(eventOn(CardExpiryUpdated, 4), "1229")},
			CardChange{Status: CardExpiryUpdated, NewExpiry: "0130"}, 5, nil},
		{"of two updates of one instant the later expiry counts", []StatusEvent{eventOn(CardAccepted, 2), expiry(eventOn(CardExpiryUpdated, 3), "0130"), expiry(eventOn(CardExpiryUpdated, 3), "1229")},
			CardChange{Status: CardExpiryUpdated, NewExpiry: "0130"}, 3, nil},
		{"a product update keeps the expiry that was told before", []StatusEvent{eventOn(CardAccepted, 2), expiry(eventOn(CardExpiryUpdated, 3), "1229"), eventOn(CardProductUpdated, 4)},
			CardChange{Status: CardProductUpdated, NewExpiry: "1229"}, 4, nil},
		{"an acceptance and an update of one day are in that order", []StatusEvent{eventOn(CardExpiryUpdated, 2), eventOn(CardAccepted, 2)}, CardChange{Status: CardExpiryUpdated}, 2, nil},
		{"a cancellation ends it, the wallet aside", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardCancelled, 3)}, CardChange{Status: CardCancelled, DisableCard: true}, 3, nil},
		{"what comes after the end is odd", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardExpiryUpdated, 4), eventOn(CardCancelled, 3)},
			CardChange{Status: CardCancelled, DisableCard: true}, 3, []string{"EDU"}},
		{"a cancelled card is not accepted again", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardCancelled, 3), eventOn(CardAccepted, 4)},
			CardChange{Status: CardCancelled, DisableCard: true}, 3, []string{"EA"}},
		{"an update without acceptance is odd for as long as none comes", []StatusEvent{expiry(eventOn(CardExpiryUpdated, 3), "1229")}, CardChange{Status: CardWaiting}, 0, []string{"EDU"}},
		{"an acceptance after an update is odd, and the update before it too", []StatusEvent{eventOn(CardExpiryUpdated, 3), eventOn(CardAccepted, 4)}, CardChange{Status: CardAccepted}, 4, []string{"EDU"}},
		{"a cancellation without acceptance is odd and believed", []StatusEvent{eventOn(CardCancelled, 3)}, CardChange{Status: CardCancelled, DisableCard: true}, 3, []string{"CC"}},
		{"a refusal after an acceptance is odd and believed", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardRefused, 3)},
			CardChange{Status: CardRefused, DisableCard: true, DisableWallet: true}, 3, []string{"ER"}},
		{"a refusal after a cancellation disables the wallet as it would have before", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardCancelled, 3), eventOn(CardRefused, 4)},
			CardChange{Status: CardCancelled, DisableCard: true, DisableWallet: true}, 3, []string{"ER"}},
		{"a fact told twice counts once", []StatusEvent{eventOn(CardAccepted, 2), again(eventOn(CardAccepted, 2)), eventOn(CardExpiryUpdated, 1), again(eventOn(CardExpiryUpdated, 1))},
			CardChange{Status: CardAccepted}, 2, []string{"EDU"}},
		{"a status told again at another time is no contradiction", []StatusEvent{eventOn(CardAccepted, 2), eventOn(CardAccepted, 3), eventOn(CardCancelled, 4), eventOn(CardCancelled, 5)},
			CardChange{Status: CardCancelled, DisableCard: true}, 4, nil},
		{"an unknown status is odd", []StatusEvent{eventOn(CardAccepted, 2), eventOn("XX", 3)}, CardChange{Status: CardAccepted}, 2, []string{"XX"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			before := Enrolment{ID: 7, Alias: "CUST-11", Status: CardCancelled, StatusAt: time.Now(), Code: "old", Text: "old"}
			e, change, odd := Fold(before, test.events)
			if change != test.want {
				t.Errorf("the card's change is %+v, want %+v", change, test.want)
			}
			if e.Status != change.Status || e.ID != 7 || e.Code != "" || e.Text != "" {
				t.Errorf("the enrolment is %+v", e)
			}
			if test.at == 0 != e.StatusAt.IsZero() || test.at != 0 && e.StatusAt.Day() != test.at {
				t.Errorf("its status is of %v, want of day %d", e.StatusAt, test.at)
			}
			var names []string
			for _, o := range odd {
				names = append(names, string(o.Event.Status))
				if o.Reason == "" {
					t.Errorf("no reason for %s", o.Event.Status)
				}
			}
			if !slices.Equal(names, test.odd) {
				t.Errorf("odd are %v, want %v", names, test.odd)
			}
		})
	}
}

func TestAnEnrolmentTellsTheReasonOfItsStatus(t *testing.T) {
	event := eventOn(CardRefused, 2)
	event.Code, event.Text = "A123", "account closed"
	e, _, _ := Fold(Enrolment{}, []StatusEvent{event})
	if e.Code != event.Code || e.Text != event.Text || !e.StatusAt.Equal(event.At) {
		t.Errorf("the enrolment is %+v", e)
	}
}

// drawEvents draws few days and few values, so that events meet, repeat and contradict each other.
func drawEvents(t *rapid.T) []StatusEvent {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) StatusEvent {
		return StatusEvent{
			Alias:     "CUST-11",
			Status:    rapid.SampledFrom([]CardStatus{CardWaiting, CardAccepted, CardAccepted, CardRefused, CardExpiryUpdated, CardProductUpdated, CardCancelled, "XX"}).Draw(t, "status"),
			NewExpiry: rapid.SampledFrom([]string{"", "1229", "0130"}).Draw(t, "expiry"),
			Product:   rapid.SampledFrom([]string{"", "GOLD"}).Draw(t, "product"),
			At:        time.Date(2026, 11, rapid.IntRange(1, 4).Draw(t, "day"), 0, 0, 0, 0, time.UTC),
			File:      rapid.SampledFrom([]string{"a", "b"}).Draw(t, "file"),
			Line:      rapid.IntRange(1, 3).Draw(t, "line"),
		}
	}), 0, 8).Draw(t, "events")
}

func TestTheOrderOfArrivalNeverMatters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		e, change, odd := Fold(Enrolment{}, events)
		other := rapid.Permutation(events).Draw(t, "another order")
		if len(other) > 0 {
			other = append(other, other[rapid.IntRange(0, len(other)-1).Draw(t, "repeated")])
		}
		given := slices.Clone(other)
		e2, change2, odd2 := Fold(Enrolment{}, other)
		if e != e2 || change != change2 || !slices.Equal(odd, odd2) {
			t.Fatalf("in one order %+v %+v %+v, in the other %+v %+v %+v", e, change, odd, e2, change2, odd2)
		}
		if !slices.Equal(given, other) {
			t.Fatal("the caller's events were put in another order")
		}
	})
}

func TestMoreEventsNeverUndoAnEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		_, before, _ := Fold(Enrolment{}, events)
		_, after, _ := Fold(Enrolment{}, append(drawEvents(t), events...))
		if before.DisableCard && !after.DisableCard || before.DisableWallet && !after.DisableWallet {
			t.Fatalf("%+v became %+v", before, after)
		}
		if before.Status != CardWaiting && after.Status == CardWaiting {
			t.Fatalf("%s became WR again", before.Status)
		}
	})
}

func TestEventsHaveATotalOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := drawEvents(t)
		for _, a := range events {
			for _, b := range events {
				if c := CompareEvents(a, b); c != -CompareEvents(b, a) || (c == 0) != (a == b) {
					t.Fatalf("%+v and %+v compare as %d", a, b, c)
				}
			}
		}
	})
}
