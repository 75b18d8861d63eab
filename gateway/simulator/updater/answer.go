package updater

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Card is what one record asks about.
type Card struct {
	Upload    string // name of the request
	Position  int    // from 1
	Account   string
	Reference string
	Type      string // Visa or Mastercard
	Number    string
	Expiry    string // MMYY
}

// Verdict is what is answered about a card.
type Verdict struct {
	Code      string // decision code, as it stands in the file; may be empty
	NewNumber string
	NewExpiry string // MMYY

	Day   int  // of the response, counted from the cut-off's; the following one when 0. Four are usual at most
	File  int  // which response of that day, from 1; 0: one for Visa, 1, and one for Mastercard, 2
	Never bool // it is not answered at all

	Reject string // return code: the acknowledgement rejects the record, so that nothing of its upload is processed
}

// Script says what is answered about a card. It is asked once for each record, when the upload
// is handled, and must not call the provider.
type Script func(Card) Verdict

// ByLastDigit is the default script: the last digit of the number decides, alike for both
// schemes. Where the digit before it is odd, new numbers come without a new expiry, and new
// expiries with the number repeated (Paysafe account updater, section 2.7: compare both fields);
// where that digit is 9, the answer comes a day later.
func ByLastDigit(c Card) Verdict {
	last, before := c.Number[len(c.Number)-1]-'0', c.Number[len(c.Number)-2]-'0'
	codes := mastercardCodes
	if c.Type == Visa {
		codes = visaCodes
	}
	v := Verdict{Code: codes[last]}
	if before == 9 {
		v.Day = 2
	}
	odd := before%2 == 1
	switch last {
	case 0:
		v.NewNumber = NewNumberOf(c.Number)
		if !odd {
			v.NewExpiry = NewExpiryOf(c.Expiry)
		}
	case 1:
		v.NewExpiry = NewExpiryOf(c.Expiry)
		if odd {
			v.NewNumber = c.Number
		}
	case 8:
		if c.Type == Visa {
			v.NewNumber, v.NewExpiry = NewNumberOf(c.Number), shiftYears(c.Expiry, -1)
		}
	}
	return v
}

// The decision codes of ByLastDigit: number, expiry, valid, closed, contact, stop, no match, not
// participating, and two that each scheme has for itself.
var (
	visaCodes       = [10]string{"A", "E", "V", "C", "Q", "O", "P", "N", "F", "G"}
	mastercardCodes = [10]string{"UPDATE", "EXPIRY", "VALID", "CONTACT", "CONTACH", "34", "MC_P", "MC_N", "UNKNWN", ""}
)

// responses come from noon on, ten minutes apart, so that six are there by 1 p.m. (section 2.1).
const (
	noon  = 12 * time.Hour
	apart = 10 * time.Minute
)

// answers gather the records of the responses to an upload.
type answers struct {
	p      *Provider
	upload *Upload
	files  map[slot]*answerFile
	never  *delivery // cards that are asked for and never answered
}

// slot is one response: which of the day, and of which day.
type slot struct{ day, file int }

type answerFile struct {
	cards   []uint64
	content bytes.Buffer
	csv     *csv.Writer
}

func (p *Provider) newAnswers(u *Upload) *answers {
	return &answers{p: p, upload: u, files: map[slot]*answerFile{}, never: &delivery{upload: u}}
}

// add writes the answer about a card. The code is not empty when the script rejects the record.
func (a *answers) add(c Card) (code string) {
	v := a.p.config.Script(c)
	hash := stage.Hash(c.Number)
	switch {
	case v.Reject != "":
		return v.Reject
	case v.Never:
		a.never.cards = append(a.never.cards, hash)
		return ""
	}
	s := slot{max(v.Day, 1), v.File}
	if s.file == 0 {
		if s.file = 1; c.Type == Mastercard {
			s.file = 2
		}
	}
	f := a.files[s]
	if f == nil {
		f = &answerFile{}
		f.csv = csv.NewWriter(&f.content)
		a.files[s] = f
	}
	f.cards = append(f.cards, hash)
	// A buffer takes everything, so there is no error to look at.
	_ = f.csv.Write([]string{c.Account, c.Reference, c.Type, c.Number, c.Number[len(c.Number)-4:], v.Code, v.NewNumber, v.NewExpiry})
	return ""
}

// finish returns the responses in the order of time; one without a time is never put.
func (a *answers) finish() []*delivery {
	all := []*delivery{a.never}
	var slots []slot
	for s := range a.files {
		slots = append(slots, s)
	}
	slices.SortFunc(slots, func(x, y slot) int { return cmp.Or(cmp.Compare(x.day, y.day), cmp.Compare(x.file, y.file)) })
	for _, s := range slots {
		f := a.files[s]
		f.csv.Flush()
		all = append(all, &delivery{
			at:     a.p.at(a.upload.CutOff, s.day, noon+time.Duration(s.file-1)*apart),
			upload: a.upload, plain: f.content.Bytes(), cards: f.cards,
		})
	}
	return all
}

// respond puts a response into Outgoing, encrypted to the merchant's key.
func (p *Provider) respond(d *delivery, now time.Time) error {
	fault := p.struck(responseFaults)
	plain, to := d.plain, p.merchant
	var err error
	switch fault {
	case NoResponse:
		p.spend(fault)
		p.withheld = append(p.withheld, d)
		return nil
	case OtherKey:
		if to, err = stranger(); err != nil {
			return fmt.Errorf("account updater: %w", err)
		}
	case UnknownCode, UnknownReference, OtherAccount:
		plain = lie(plain, fault)
	}
	sealed, err := encrypt(plain, to, now)
	if err != nil {
		return fmt.Errorf("account updater: encrypt a response: %w", err)
	}
	times := 1
	switch fault {
	case Truncated:
		sealed = sealed[:len(sealed)-len(sealed)/3]
	case Tampered:
		sealed[len(sealed)-len(sealed)/3] ^= 1
	case Twice:
		times = 2
	}
	base := strings.TrimSuffix(d.upload.Name, ".csv.gpg")
	day := d.at.In(p.config.Zone).Format("20060102")
	for range times {
		name := fmt.Sprintf("%s_resp_%02d_%s.csv.gpg", base, len(d.upload.Responses)+1, day)
		if err := p.put(name, sealed); err != nil {
			return err
		}
		d.upload.Responses = append(d.upload.Responses, name)
		if fault.unreadable() {
			continue
		}
		d.upload.Answered += len(d.cards)
		for _, card := range d.cards {
			t := p.cards[card]
			t.answered++
			p.cards[card] = t
		}
	}
	if fault.unreadable() {
		p.withheld = append(p.withheld, d)
	}
	p.spend(fault)
	return nil
}
