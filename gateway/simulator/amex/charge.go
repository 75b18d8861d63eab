package amex

import (
	"errors"
	"strconv"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// cutOff is the hour before which a charge counts for its day (smartbill facts, section 3).
const cutOff = 17

// charge takes a charge file and answers it with a response file.
func (a *Amex) charge(n name, content string, f *File) (func() error, error) {
	head, details, tail, err := chargeShape.parse(content)
	if err != nil {
		return nil, err
	}
	counts := map[string]int64{"debits": 0, "credits": 0, "debit amount": 0, "credit amount": 0}
	for _, d := range details {
		amount := d.number("amount")
		switch {
		case d["kind"] == "D":
			counts["debits"]++
			counts["debit amount"] += amount
		case d["kind"] == "C":
			counts["credits"]++
			counts["credit amount"] += amount
		default:
			return nil, errors.New("a charge is neither D nor C")
		}
		if amount == 0 || d["alias"] == "" || d["key"] == "" || d["order"] == "" {
			return nil, errors.New("a charge without amount, alias, order or key")
		}
	}
	if err := checkFrame(n, head, tail, counts); err != nil {
		return nil, err
	}
	f.Details = len(details)
	now := a.clock()
	answers := make([]record, len(details))
	for i, d := range details {
		answers[i] = a.chargeCard(d, now)
	}
	return func() error {
		return a.publish("SBRSP", n.se, func(sequence int64) string {
			number := strconv.FormatInt(sequence, 10)
			head := record{
				"se": n.se, "seq": number, "date": now.Format("20060102"), "time": now.Format("150405"),
				"currency": head["currency"], "mode": "TEST", "kind": "RESPONSE",
			}
			tail := record{"seq": number}
			for column, count := range counts {
				tail[column] = strconv.FormatInt(count, 10)
			}
			return responseShape.format(head, answers, tail)
		})
	}, nil
}

func (a *Amex) chargeCard(d record, now time.Time) record {
	alias, key := d["alias"], d["key"]
	c := a.cards[alias]
	answer := record{"key": key, "value date": valueDate(now).Format("20060102")}
	switch code := a.declines[alias]; {
	case c == nil || c.deleted:
		answer["result"], answer["code"], answer["text"] = "RJ", "119", "not enrolled"
	case !c.usable():
		answer["result"], answer["code"], answer["text"] = "DC", "189", "account canceled"
	case code != "":
		answer["result"], answer["code"], answer["text"] = "DC", code, "declined"
	default:
		answer["result"], answer["code"], answer["authorization"] = "AP", "000", stage.DigitsOf(key, 6)
		if c.changed {
			answer["changed"], c.changed = "Y", false
		}
		a.charges[key]++
		a.byAlias[alias]++
	}
	return answer
}

// valueDate is the working day that a charge counts for: Monday to Friday, and no holidays.
func valueDate(now time.Time) time.Time {
	day := now
	if now.Hour() >= cutOff {
		day = day.AddDate(0, 0, 1)
	}
	for day.Weekday() == time.Saturday || day.Weekday() == time.Sunday {
		day = day.AddDate(0, 0, 1)
	}
	return day
}
