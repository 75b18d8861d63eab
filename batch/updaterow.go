package batch

import "time"

// UpdateRow is a record of the account-updater report: one update of one card. The standard
// report has the first seven fields, in the order of the Paysafe account updater, section 3.2,
// and Late; the extended one has them all. No card number is in it.
type UpdateRow struct {
	Account       string        // merchant account number at the source; may be empty
	PaymentMethod WalletID      // payment method id: the wallet, which is the merchant's own id
	Billing       string        // billing id: the index of the card in its wallet, from 1
	LastFour      string        // of the card as it stands after the update
	Expiry        string        // likewise, MM/YYYY
	Code          string        // decision code as the source told it; may be empty, which is a code too
	Status        BillingStatus // once the update was settled
	Late          string        // the earlier month that the update belongs to, YYYY-MM; empty: that of the report

	OldLastFour string // before the update
	OldExpiry   string // likewise, MM/YYYY
	NewExpiry   string // MM/YYYY; of an update that took no effect on the card: as it would have become
	Scheme      string // a card type
	Outcome     UpdateOutcome
	Effect      UpdateEffect
	Source      string    // who told it
	Note        string    // free text: why the effect is not what the outcome suggests
	File        string    // that told it; empty: an answer of a gateway
	Line        int       // in it, from 1; 0: there is no file
	At          time.Time // of the fact, in the merchant's time zone
	SettledAt   time.Time // when its effect became the last one, likewise
}

// UpdateTotals counts the records of a report.
type UpdateTotals struct {
	Records  int
	Late     int // that belong to an earlier month
	Outcomes map[UpdateOutcome]int
	Effects  map[UpdateEffect]int
	Sources  map[string]int
}

// Add counts a record.
func (t *UpdateTotals) Add(r *UpdateRow) {
	if t.Records == 0 {
		t.Outcomes, t.Effects, t.Sources = map[UpdateOutcome]int{}, map[UpdateEffect]int{}, map[string]int{}
	}
	t.Records++
	if r.Late != "" {
		t.Late++
	}
	t.Outcomes[r.Outcome]++
	t.Effects[r.Effect]++
	t.Sources[r.Source]++
}
