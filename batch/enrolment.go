package batch

import (
	"cmp"
	"slices"
	"time"
)

// eventRank orders events of one instant: many files give a day and no time. Who answers a
// request comes first, then what changes the card, then what ends it.
var eventRank = map[CardStatus]int{
	CardWaiting: 1, CardAccepted: 2, CardExpiryUpdated: 3, CardProductUpdated: 4, CardRefused: 5, CardCancelled: 6,
}

// CompareEvents orders events of one card by the time that American Express gives, then by a
// fixed rank of their status. It is 0 only for the same event told at the same place.
func CompareEvents(a, b StatusEvent) int {
	return cmp.Or(compareFacts(a, b), cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line))
}

// compareFacts is CompareEvents without who told it: 0 is the same fact told twice.
func compareFacts(a, b StatusEvent) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(eventRank[a.Status], eventRank[b.Status]),
		cmp.Compare(a.Status, b.Status), cmp.Compare(byYear(a.NewExpiry), byYear(b.NewExpiry)),
		cmp.Compare(a.Product, b.Product), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Text, b.Text),
		cmp.Compare(a.Merchant, b.Merchant), cmp.Compare(a.Alias, b.Alias))
}

// byYear turns MMYY around, so that of two dates the later one is the greater.
func byYear(expiry string) string { return expiry[len(expiry)/2:] + expiry[:len(expiry)/2] }

// CardChange is what the events of an enrolment mean for its card and wallet.
type CardChange struct {
	Status        CardStatus
	NewExpiry     string // MMYY, or empty: as it is
	Product       string // the latest that was told, or empty
	DisableCard   bool   // with the wallet, where no usable card is left
	DisableWallet bool   // with its payment records and its instalments
}

// Contradiction is an event that cannot be where it stands among the others.
type Contradiction struct {
	Event  StatusEvent
	Reason string
}

// Fold tells where an enrolment stands once all the events are known, whatever order they
// came in: it sorts them by CompareEvents and walks
//
//	WR ─▶ EA | ER      EA, EDU, PU ─▶ EDU | PU | CC      ER, CC: the end
//
// A fact told twice counts once, and a status told again changes nothing. What has no step
// is a contradiction and changes nothing either, except that an end is always believed: ER
// after EA and CC without EA are contradictions, but the card is not charged any more. So
// more events never bring an ended enrolment back, and what followed from its end stays
// true. An event may contradict for now only: the EA before its EDU comes in a later file.
func Fold(e Enrolment, events []StatusEvent) (Enrolment, CardChange, []Contradiction) {
	events = slices.SortedFunc(slices.Values(events), CompareEvents)
	events = slices.CompactFunc(events, func(a, b StatusEvent) bool { return compareFacts(a, b) == 0 })
	e.Status, e.StatusAt, e.Code, e.Text = CardWaiting, time.Time{}, "", ""
	var change CardChange
	var odd []Contradiction
	for _, event := range events {
		change.DisableWallet = change.DisableWallet || event.Status == CardRefused
		takes, reason := step(e.Status, event.Status)
		if reason != "" {
			odd = append(odd, Contradiction{event, reason})
		}
		if !takes {
			continue
		}
		e.Status, e.StatusAt, e.Code, e.Text = event.Status, event.At, event.Code, event.Text
		change.NewExpiry = cmp.Or(event.NewExpiry, change.NewExpiry)
		change.Product = cmp.Or(event.Product, change.Product)
	}
	change.Status, change.DisableCard = e.Status, e.Status.Ended()
	return e, change, odd
}

// step tells whether an enrolment goes from one status to another, and why that is odd.
func step(from, to CardStatus) (takes bool, reason string) {
	updated := to == CardExpiryUpdated || to == CardProductUpdated
	switch {
	case eventRank[to] == 0:
		return false, "the status is unknown"
	case from == to:
		return updated, "" // told again; an update may bring newer data
	case from.Ended():
		return false, "the enrolment had ended with " + string(from)
	case from == CardWaiting:
		if to == CardCancelled {
			return true, "the card was cancelled, but no enrolment was accepted before"
		}
		if updated {
			return false, "the card was updated, but no enrolment was accepted before"
		}
		return true, ""
	case to == CardRefused:
		return true, "the enrolment was refused after it had been accepted"
	case to == CardCancelled || updated:
		return true, ""
	}
	return false, "the enrolment had been accepted before"
}
