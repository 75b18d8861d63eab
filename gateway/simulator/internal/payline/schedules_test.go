package payline

import (
	"strings"
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

func recurring(amount, cycle, left string, more ...*element) *element {
	return object("recurring", append(more, text("amount", amount), text("billingCycle", cycle), text("billingLeft", left))...)
}

func scheduled(mode, amount, date string, more ...*element) []*element {
	p := paying(actionCaptured, amount)
	p.put(text("mode", mode))
	return append(more, p, text("orderRef", "S"), text("orderDate", "22/11/2026 10:00"), text("scheduledDate", date), text("walletId", "W"))
}

func TestOneScheduledPayment(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0327")
	b.want("02305", opScheduledPayment, scheduled(modeCash, "1000", "21/11/2026")...)
	b.want("02308", opScheduledPayment, scheduled(modeRecurrent, "1000", "01/12/2026")...)
	b.want("02506", opScheduledPayment, scheduled(modeCash, "1000", "01/04/2027")...)
	id := b.want(done, opScheduledPayment, scheduled(modeCash, "1000", "31/03/2027", keyed("K"))...).get("paymentRecordId")
	if len(id) != 12 || b.charges("S") != 1 {
		t.Errorf("record %s, %d effects", id, b.charges("S"))
	}
	b.want(done, opScheduledPayment, scheduled(modeCash, "1000", "31/03/2027")...)
	if b.charges("S") != 2 {
		t.Error("no document knows a duplicate control of schedules: the same request makes another one")
	}

	ask := []*element{contract(), text("paymentRecordId", id)}
	shown := b.want(done, opGetRecord, ask...)
	bills := shown.child("billingRecordList").children
	if len(bills) != 1 || bills[0].get("date") != "31/03/2027" || bills[0].get("amount") != "1000" || bills[0].get("status") != billFuture {
		t.Errorf("bills %+v", bills)
	}
	if shown.get("walletId") != "W" || shown.get("order", "ref") != "S" || private(shown, privateKey) != "K" || shown.get("isDisabled") != "0" {
		t.Errorf("record %+v", shown)
	}
	b.want("02303", opGetRecord, text("contractNumber", "7"), text("paymentRecordId", id))
	b.want("02507", opGetRecord, contract(), text("paymentRecordId", "123456789012"))
	b.want("02507", opDisableRecord, contract(), text("paymentRecordId", "1"))
	b.want(done, opDisableRecord, ask...)
	b.want("02508", opDisableRecord, ask...)
	shown = b.want(done, opGetRecord, ask...)
	if shown.get("isDisabled") != "1" || shown.child("billingRecordList").get("billingRecord", "status") != billDisabled {
		t.Errorf("disabled record %+v", shown)
	}
}

func TestSchedules(t *testing.T) {
	for name, test := range map[string]struct {
		want, mode, total, date string
		recurring               *element
		dates                   string // day and month of each
	}{
		"three months":                  {done, modeTimes, "3000", "15/12/2026", recurring("1000", "40", "3"), "15/12 15/01 15/02"},
		"another first amount":          {done, modeTimes, "2500", "15/12/2026", recurring("1000", "40", "3", text("firstAmount", "500")), "15/12 15/01 15/02"},
		"the last day of the month":     {done, modeRecurrent, "3000", "31/12/2026", recurring("1000", "40", "3", text("billingDay", "31")), "31/12 31/01 28/02"},
		"two weeks apart":               {done, modeRecurrent, "2000", "31/12/2026", recurring("1000", "30", "2"), "31/12 14/01"},
		"until a day":                   {done, modeRecurrent, "1000", "01/12/2026", recurring("1000", "40", "", text("endDate", "01/02/2027")), "01/12 01/01 01/02"},
		"without an end":                {"02501", modeRecurrent, "1000", "01/12/2026", recurring("1000", "90", ""), ""},
		"a sum that does not add up":    {"02509", modeTimes, "3001", "15/12/2026", recurring("1000", "40", "3"), ""},
		"a cycle that is none":          {"02509", modeTimes, "3000", "15/12/2026", recurring("1000", "45", "3"), ""},
		"n times without n":             {"02509", modeTimes, "3000", "15/12/2026", recurring("1000", "40", ""), ""},
		"an end before its begin":       {"02305", modeRecurrent, "1000", "15/12/2026", recurring("1000", "40", "", text("endDate", "14/12/2026")), ""},
		"a card that expires before":    {"02506", modeTimes, "6000", "15/12/2026", recurring("1000", "90", "6"), ""},
		"a mode of one payment":         {"02308", modeCash, "3000", "15/12/2026", recurring("1000", "40", "3"), ""},
		"a day of the month of no kind": {"02509", modeTimes, "3000", "15/12/2026", recurring("1000", "40", "3", text("billingDay", "32")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, stage.Options{})
			b.openWallet("W", "0131")
			out := b.want(test.want, opRecurrentPayment, scheduled(test.mode, test.total, test.date, test.recurring)...)
			var dates []string
			for _, bill := range out.child("billingRecordList").children {
				dates = append(dates, bill.get("date")[:5])
			}
			if got := strings.Join(dates, " "); test.dates != "" && got != test.dates {
				t.Errorf("dates %s, want %s", got, test.dates)
			}
		})
	}
}

func TestInstalmentsComeDue(t *testing.T) {
	b := newBench(t, stage.Options{})
	b.openWallet("W", "0139")
	id := b.want(done, opRecurrentPayment, scheduled(modeTimes, "34305", "01/12/2026", recurring("33305", "40", "2", text("firstAmount", "1000")))...).get("paymentRecordId")
	b.now = time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC)
	bills := b.want(done, opGetRecord, contract(), text("paymentRecordId", id)).child("billingRecordList").children
	if bills[0].get("status") != billAccepted || bills[0].get("result", "code") != approved {
		t.Errorf("the first: %+v", bills[0])
	}
	if bills[1].get("status") != billRefused || bills[1].get("result", "code") != "01100" {
		t.Errorf("the second, whose amount declines: %+v", bills[1])
	}
}
