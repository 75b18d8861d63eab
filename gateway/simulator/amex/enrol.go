package amex

import (
	"errors"
	"fmt"
	"strconv"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Enrolment is one request about a card.
type Enrolment struct {
	File   string
	Action string // A: add, D: delete
	Card   string // first six and last four; empty in a deletion
	Expiry string // MMYY; empty in a deletion
	Key    string
}

// Event is one record of a status file.
type Event struct {
	SE        string // empty: that of the card
	Alias     string
	Status    string
	Code      string
	Text      string
	NewExpiry string // MMYY
	Product   string
	At        time.Time // zero: now
}

// card is an enrolled card, or one that was refused.
type card struct {
	se      string
	status  string // EA, ER, EDU, PU or CC
	deleted bool
	changed bool // the next charge says that there is newer data
}

func (c *card) usable() bool {
	return c != nil && !c.deleted && (c.status == "EA" || c.status == "EDU" || c.status == "PU")
}

// enrol takes an enrolment file. What it decides is told with everything else that is to be told.
func (a *Amex) enrol(n name, content string, f *File) (func() error, error) {
	head, details, tail, err := enrolShape.parse(content)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{"adds": 0, "deletes": 0}
	for _, d := range details {
		switch d["action"] {
		case "A":
			counts["adds"]++
		case "D":
			counts["deletes"]++
		default:
			return nil, errors.New("an action is neither A nor D")
		}
		if d["alias"] == "" || d["key"] == "" {
			return nil, errors.New("a record without alias or key")
		}
	}
	if head["kind"] != "ENROL" {
		return nil, errors.New("the header does not say ENROL")
	}
	if err := checkFrame(n, head, tail, counts); err != nil {
		return nil, err
	}
	f.Details = len(details)
	for _, d := range details {
		a.enrolCard(n, d)
	}
	return nil, nil
}

func (a *Amex) enrolCard(n name, d record) {
	alias := d["alias"]
	e := Enrolment{File: n.text, Action: d["action"], Key: d["key"]}
	c := a.cards[alias]
	if d["action"] == "D" {
		a.asked[alias] = append(a.asked[alias], e)
		if c != nil {
			c.deleted = true
		}
		return
	}
	number, expiry := d["pan"], d["expiry"]
	if len(expiry) == 4 {
		e.Expiry = expiry[2:] + expiry[:2] // YYMM
	}
	if len(number) > 10 {
		e.Card = stage.Mask(number)
	}
	a.asked[alias] = append(a.asked[alias], e)
	event := Event{SE: n.se, Alias: alias, Status: "ER", At: a.clock()}
	switch {
	case c != nil:
		event.Code, event.Text = "E010", "the alias is known"
		event.Status = c.status // nothing changes
	case stage.TestCards[number] != "AMEX":
		event.Code, event.Text = "E020", "not a card of American Express"
	case stage.Expired(e.Expiry, a.clock()):
		event.Code, event.Text = "E030", "the card is expired"
	case e.Expiry == stage.DeclinedExpiry:
		event.Code, event.Text = "E040", "enrolment refused"
	default:
		event.Status = "EA"
	}
	if c == nil {
		a.cards[alias] = &card{se: n.se, status: event.Status}
	}
	a.told = append(a.told, event)
}

// tell writes one status file for each SE of which there is something to tell.
func (a *Amex) tell() error {
	for len(a.told) > 0 {
		se := a.told[0].SE
		var details []record
		var rest []Event
		for _, e := range a.told {
			if e.SE != se {
				rest = append(rest, e)
				continue
			}
			details = append(details, e.record())
			if a.details++; a.lies > 0 && a.details%a.lies == 0 {
				e.Alias = fmt.Sprintf("NOBODY%d", a.details)
				details = append(details, e.record())
			}
		}
		now := a.clock()
		err := a.publish("SBSTA", se, func(sequence int64) string {
			number := strconv.FormatInt(sequence, 10)
			head := record{"se": se, "seq": number, "date": now.Format("20060102"), "time": now.Format("150405"), "kind": "STATUS", "mode": "TEST"}
			return statusShape.format(head, details, record{"seq": number, "details": strconv.Itoa(len(details))})
		})
		if err != nil {
			return err
		}
		a.told = rest
	}
	return nil
}

func (e *Event) record() record {
	r := record{
		"alias": e.Alias, "status": e.Status, "code": e.Code, "text": e.Text, "product": e.Product,
		"date": e.At.Format("20060102"), "time": e.At.Format("150405"),
	}
	if len(e.NewExpiry) == 4 {
		r["expiry"] = e.NewExpiry[2:] + e.NewExpiry[:2]
	}
	return r
}
