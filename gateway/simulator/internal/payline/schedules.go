package payline

import (
	"fmt"
	"strconv"
	"time"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// maxBills is how many dated payments the list of an answer holds; a schedule without an
// end is shown so far.
const maxBills = 100

// cycles are the billing cycles: months and days between two payments (section 3.4).
var cycles = map[string]struct{ months, days int }{
	"10": {0, 1}, "20": {0, 7}, "30": {0, 14}, "40": {1, 0}, "50": {2, 0}, "60": {3, 0}, "70": {6, 0}, "80": {12, 0}, "90": {24, 0},
}

// doScheduledWalletPayment keeps one dated payment (section 3.2).
func (g *Gateway) doScheduledWalletPayment(in *element) (*element, error) {
	p, err := g.readPayment(in, openingActions, []string{modeCash})
	if err != nil {
		return nil, err
	}
	r, day, err := g.recording(in, p)
	if err != nil {
		return nil, err
	}
	r.Bills = []bill{{day.Unix(), p.amount}}
	if err := g.keepRecord(r, day); err != nil {
		return nil, err
	}
	return answer(opScheduledPayment, result(done), text("paymentRecordId", r.ID)), nil
}

// doRecurrentWalletPayment keeps a whole schedule. One without an end outlives its card
// some day, which is worth a warning.
func (g *Gateway) doRecurrentWalletPayment(in *element) (*element, error) {
	p, err := g.readPayment(in, openingActions, []string{modeTimes, modeRecurrent})
	if err != nil {
		return nil, err
	}
	r, day, err := g.recording(in, p)
	if err != nil {
		return nil, err
	}
	if err := checkReference(in.get("orderRef")); err != nil {
		return nil, err
	}
	isEndless, err := r.schedule(in.child("recurring"), p, day)
	if err != nil {
		return nil, err
	}
	last, code := time.Unix(r.Bills[len(r.Bills)-1].Day, 0).UTC(), done
	if isEndless {
		last, code = day, "02501"
	}
	if err := g.keepRecord(r, last); err != nil {
		return nil, err
	}
	return answer(opRecurrentPayment, result(code), text("paymentRecordId", r.ID), g.billsOf(r)), nil
}

// recording makes the record of a request, without its payments, and returns its first day.
func (g *Gateway) recording(in *element, p payment) (*record, time.Time, error) {
	if _, err := checkVersion(in); err != nil {
		return nil, time.Time{}, err
	}
	ref, date := in.get("orderRef"), in.get("orderDate")
	if in.child("order") != nil {
		var err error
		if ref, date, err = readOrder(in, false); err != nil {
			return nil, time.Time{}, err
		}
	} else if err := checkReference(ref); err != nil {
		return nil, time.Time{}, err
	}
	data, err := checkPrivate(in)
	if err != nil {
		return nil, time.Time{}, err
	}
	day, err := time.Parse(dayFormat, in.get("scheduledDate"))
	if err != nil || day.Before(g.today()) {
		return nil, time.Time{}, refusal(badField)
	}
	w, c, err := g.usableCard(in)
	if err != nil {
		return nil, time.Time{}, err
	}
	return &record{
		Key: ofOrder(in), Ref: ref, Reference: private(in, privateReference), Contract: stage.Or(p.contract, w.Contract),
		Wallet: w.ID, Card: c, Currency: p.currency, OrderDate: date, Total: p.amount, Private: data,
	}, day, nil
}

// schedule makes the payments of a record as the object recurring wants them.
func (r *record) schedule(in *element, p payment, first time.Time) (isEndless bool, err error) {
	each, err := money.ParseMinor(in.get("amount"))
	if err != nil || each == 0 {
		return false, refusal("02509")
	}
	opening := each
	if given := in.get("firstAmount"); given != "" {
		if opening, err = money.ParseMinor(given); err != nil {
			return false, refusal("02509")
		}
	}
	r.Cycle, r.Left, r.Day, r.End = in.get("billingCycle"), in.get("billingLeft"), in.get("billingDay"), in.get("endDate")
	step, ok := cycles[r.Cycle]
	if !ok || r.Left != "" && !isDigits(r.Left, 1, 3) || p.mode == modeTimes && r.Left == "" {
		return false, refusal("02509")
	}
	left, _ := strconv.Atoi(r.Left) // empty is 0: no number of payments
	if left > 0 && p.amount != opening+int64(left-1)*each {
		return false, refusal("02509")
	}
	dayOfMonth := first.Day()
	if r.Day != "" {
		if dayOfMonth, err = strconv.Atoi(r.Day); err != nil || dayOfMonth < 1 || dayOfMonth > 31 {
			return false, refusal("02509")
		}
	}
	var end time.Time
	if r.End != "" {
		if end, err = time.Parse(dayFormat, r.End[:min(len(r.End), len(dayFormat))]); err != nil || end.Before(first) {
			return false, refusal(badField)
		}
	}
	for i := 0; i < maxBills && (left == 0 || i < left); i++ {
		day := first.AddDate(0, 0, i*step.days)
		if step.months > 0 && i > 0 {
			day = onDay(first, i*step.months, dayOfMonth)
		}
		if !end.IsZero() && day.After(end) {
			break
		}
		amount := each
		if i == 0 {
			amount = opening
		}
		r.Bills = append(r.Bills, bill{day.Unix(), amount})
	}
	return left == 0 && end.IsZero(), nil
}

// onDay is a day some months after another one, the month's last when it has no such day.
func onDay(from time.Time, months, dayOfMonth int) time.Time {
	month := time.Date(from.Year(), from.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
	return month.AddDate(0, 0, min(dayOfMonth, month.AddDate(0, 1, -1).Day())-1)
}

// keepRecord keeps a record, if its card lives until the last day. There is no duplicate
// control for schedules: the same request again makes another record.
func (g *Gateway) keepRecord(r *record, last time.Time) error {
	if r.Card.Expiry != stage.DeclinedExpiry && stage.Expired(r.Card.Expiry, last) {
		return refusal("02506")
	}
	if g.stage.Counts.Orders.Load() >= g.stage.Options.MaxOrders {
		return errFull
	}
	shard := g.accounts.shard(r.Ref)
	shard.Lock()
	defer shard.Unlock()
	r.At = g.now().UnixMilli()
	r.ID = newID(recordBase, g.serial.Add(1), r.Ref)
	return g.commit(&event{Record: r})
}

// getPaymentRecord shows a record.
func (g *Gateway) getPaymentRecord(in *element) (*element, error) {
	if _, err := checkVersion(in); err != nil {
		return nil, err
	}
	r, err := g.askedRecord(in)
	if err != nil {
		return nil, err
	}
	if g.stage.Hidden(r.Key, time.UnixMilli(r.At)) {
		return nil, refusal("02507")
	}
	recurring := object("recurring",
		text("amount", fmt.Sprint(r.Bills[len(r.Bills)-1].Amount)), text("billingCycle", r.Cycle), text("billingLeft", r.Left),
		text("billingDay", r.Day), text("startDate", dayOf(r.Bills[0])), text("endDate", r.End),
	)
	if r.Cycle != "" {
		recurring.put(text("firstAmount", fmt.Sprint(r.Bills[0].Amount)))
	}
	return answer(opGetRecord, result(done), recurring, text("isDisabled", flag(r.DisabledAt != 0)), text("disableDate", disabledOn(r.DisabledAt)),
		g.billsOf(r), privateOf(r.Private), orderOf(r.Ref, r.Currency, r.OrderDate, r.Total), text("walletId", r.Wallet)), nil
}

// disablePaymentRecord ends a record: no payment after it, what was before it stays.
func (g *Gateway) disablePaymentRecord(in *element) (*element, error) {
	old, err := g.askedRecord(in)
	if err != nil {
		return nil, err
	}
	shard, _ := g.accounts.ofID(recordBase, old.ID)
	shard.Lock()
	defer shard.Unlock()
	r := *shard.records[old.ID]
	if r.DisabledAt != 0 {
		return nil, refusal("02508")
	}
	r.DisabledAt = g.now().UnixMilli()
	if err := g.commit(&event{Record: &r}); err != nil {
		return nil, err
	}
	return answer(opDisableRecord, result(done)), nil
}

// askedRecord finds the record of a request; what it returns never changes.
func (g *Gateway) askedRecord(in *element) (*record, error) {
	contract, err := checkContract(in)
	if err != nil {
		return nil, err
	}
	id := in.get("paymentRecordId")
	shard, _ := g.accounts.ofID(recordBase, id)
	if shard == nil {
		return nil, refusal("02507")
	}
	shard.Lock()
	defer shard.Unlock()
	switch r := shard.records[id]; {
	case r == nil:
		return nil, refusal("02507")
	case r.Contract != contract:
		return nil, refusal("02303")
	default:
		return r, nil
	}
}

// Statuses of dated payments (section 3.2).
const (
	billFuture   = "0"
	billAccepted = "1"
	billRefused  = "2"
	billDisabled = "4"
)

// billsOf shows the dated payments of a record. Those whose day has come were carried out
// that day, by the platform's own account of the card: it is nobody's request, so that
// it counts under no key.
func (g *Gateway) billsOf(r *record) *element {
	now := g.now()
	list := object("billingRecordList")
	for i, b := range r.Bills {
		day := time.Unix(b.Day, 0).UTC()
		status, code := billFuture, ""
		switch {
		case r.DisabledAt != 0 && day.UnixMilli() > r.DisabledAt:
			status = billDisabled
		case !day.After(now) && day.UnixMilli() > r.At:
			status, code = billAccepted, issuerCode(r.Card, b.Amount, r.Currency, day)
			if code != approved {
				status = billRefused
			}
		}
		shown := object("billingRecord", text("date", dayOf(b)), text("amount", fmt.Sprint(b.Amount)), text("status", status), text("rank", fmt.Sprint(i+1)))
		if code != "" {
			shown.put(result(code))
			shown.put(text("nbTry", "1"))
		}
		list.children = append(list.children, shown)
	}
	return list
}

func dayOf(b bill) string { return time.Unix(b.Day, 0).UTC().Format(dayFormat) }
