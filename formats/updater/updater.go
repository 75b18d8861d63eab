package updater

import (
	"fmt"
	"time"

	"cardbatch/batch"
)

// Request asks about one card. Source: Paysafe account updater, section 2.4.
type Request struct {
	StoreID, StorePassword string // may be empty: the blank fields stay
	Account                string // merchant account number at the provider
	Reference              string // ours, see Reference; comes back where the provider echoes it
	CardType               string // batch.TypeVisa or batch.TypeMastercard
	Card                   batch.PAN
	Expiry                 string // MMYY
}

// String shows the request without its password; the card number is masked.
func (r Request) String() string {
	return fmt.Sprintf("%s %s %s %s", r.Account, r.Reference, r.CardType, r.Card)
}

// Format shows the request without its password, whatever the verb.
func (r Request) Format(s fmt.State, _ rune) { fmt.Fprint(s, r.String()) }

// Acknowledged is what the provider thinks of one record of a request. One record that is
// rejected means that none was processed. Source: Paysafe account updater, sections 2.4 and 2.5.
type Acknowledged struct {
	Line     int // in the file, from 1
	Position int // of the record in the request, from 1
	Accepted bool
	Code     string // return code of a rejected record; empty: there is none that looks like a code
	Text     string // everything told about a rejected record, card numbers masked
}

// Answer is one record of a response, or of another source's update file. What a file does
// not tell is empty; "null" and blanks are empty, too, and so is an expiry of 0000. Source:
// account updaters, sections 5 and 7.
type Answer struct {
	Line int // in the file, from 1

	Account   string // merchant account number at the source
	Reference string // ours
	Token     string // the source's own name of the card

	Scheme string // a card type; empty: follow the old number
	Code   string // outcome code; an empty one may have a meaning, see Codes
	Reason string // second code, where there are two

	// A number that the file masks gives first six and last four alone.
	OldCard                batch.PAN
	OldLastFour, OldExpiry string // expiry: MMYY
	NewCard                batch.PAN
	NewFirstSix            string
	NewLastFour, NewExpiry string // expiry: MMYY

	At time.Time // of the fact; zero: the file does not say
}
