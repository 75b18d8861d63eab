package payline

import (
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
)

// payment writes the payment object: facts, section 3.4.
func (e *encoder) payment(req *gateway.Request, action string) {
	e.Open("payment")
	e.Text("o:amount", minor(req.Amount))
	e.Text("o:currency", req.Amount.Currency.Numeric())
	e.Text("o:action", action)
	e.Text("o:mode", mode(req))
	e.Optional("o:contractNumber", string(req.Contract))
	if req.Mode == modeDeferred {
		e.Optional("o:differedActionDate", day(req.CaptureDate))
	}
	if e.version >= sinceDescriptor {
		e.Optional("o:softDescriptor", req.SoftDescriptor)
	}
	e.Close()
}

// order writes the order object. Its reference is the key of the attempt.
func (e *encoder) order(req *gateway.Request) {
	e.Open("order")
	e.Text("o:ref", string(req.Key))
	e.Text("o:amount", minor(req.Amount))
	e.Text("o:currency", req.Amount.Currency.Numeric())
	e.Text("o:date", e.orderDate(req))
	e.Close()
}

// orderDate is the order's date on the clock of whoever wrote it, or now in UTC, which is
// never later than the platform's own time. The platform names no time zone.
func (e *encoder) orderDate(req *gateway.Request) string {
	if at, err := time.Parse(time.RFC3339, req.OrderDate); err == nil {
		return at.Format(timeForm)
	}
	return e.now.UTC().Format(timeForm)
}

// privateData writes the merchant's order reference, our key, and the line's own data.
func (e *encoder) privateData(req *gateway.Request) {
	e.Open("privateDataList")
	if req.OrderRef != "" {
		e.privateDatum(datumOrderRef, req.OrderRef)
	}
	e.privateDatum(datumKey, string(req.Key))
	for _, d := range req.Private {
		e.privateDatum(d.Key, d.Value)
	}
	e.Close()
}

func (e *encoder) privateDatum(key, value string) {
	e.Open("o:privateData")
	e.Text("o:key", key)
	e.Text("o:value", value)
	e.Close()
}

func (e *encoder) wallet(req *gateway.Request) {
	w := req.Wallet
	e.Open("wallet")
	e.Text("o:walletId", string(w.ID))
	e.Optional("o:lastName", w.LastName)
	e.Optional("o:firstName", w.FirstName)
	e.Optional("o:email", w.Email)
	e.card("o:card", changedCard(req))
	e.Optional("o:comment", req.Comment)
	e.Close()
}

// card writes the card object. The schema wants a type; all empty keeps a wallet's card.
func (e *encoder) card(name string, card gateway.Card) {
	e.Open(name)
	if card.Token == "" {
		e.Optional("o:number", card.Number.Reveal())
	}
	e.Text("o:type", typeOf(&card))
	e.Optional("o:expirationDate", card.Expiry)
	e.Optional("o:cardholder", card.Cardholder)
	e.Optional("o:token", card.Token)
	e.Close()
}

// recurring writes the recurring object. How an end date is written is not published but
// for its length; a date without a time fits.
func (e *encoder) recurring(s *batch.Schedule) {
	e.Open("recurring")
	e.Nillable("o:firstAmount", number(s.First))
	e.Text("o:amount", number(s.Recurring))
	e.Text("o:billingCycle", string(s.Cycle))
	e.Text("o:billingLeft", number(int64(s.Left)))
	e.Nillable("o:billingDay", number(int64(s.Day)))
	e.Nillable("o:startDate", day(s.Start))
	e.Nillable("o:endDate", day(s.End))
	e.Nil("o:newAmount", "o:amountModificationDate", "o:billingRank")
	e.Close()
}

// linked names the first transaction of the series in the merchant's own payments. A
// first one that was made elsewhere has no id here: its scheme transaction id is sent.
func (e *encoder) linked(req *gateway.Request) {
	id := ""
	if c := &req.Credential; c.MerchantInitiated() && e.version >= sinceLinked {
		id = c.Trace
		if c.Agreement != nil && c.Agreement.FirstID != "" {
			id = string(c.Agreement.FirstID)
		}
	}
	e.Nillable("linkedTransactionId", id)
}

// action is the action code of a payment. A deferred one is an authorization that the
// platform captures on its day (facts, section 3.3).
func (e *encoder) action(req *gateway.Request) string {
	code := actionAuthorize
	switch {
	case req.Command == batch.Verify:
		return actionVerify
	case req.Mode == modeDeferred:
	case req.Action == actionPay, req.Action == "" && req.Command != batch.DoAuthorization:
		code = actionPay
	}
	if c := &req.Credential; e.seriesActions && c.Agreement != nil {
		switch {
		case c.First:
			return plus(code, offsetFirst)
		case c.MerchantInitiated():
			return plus(code, offsetLater)
		}
	}
	return code
}

func plus(code string, offset int) string {
	n, _ := strconv.Atoi(code) // one of the constants above
	return strconv.Itoa(n + offset)
}

func mode(req *gateway.Request) string {
	if req.Mode == "" {
		return modeCash
	}
	return req.Mode
}

// minor writes an amount as the platform wants it: minor units, digits only.
func minor(a money.Amount) string { return strconv.FormatInt(a.Minor, 10) }

// number writes a count or an amount; nothing for 0.
func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// day rewrites a date YYYY-MM-DD as dd/mm/yyyy. The vendor's text gives the deferred
// action date two digits for the year, its example four; requests seen have four.
func day(date string) string {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return ""
	}
	return at.Format(dateForm)
}

// cardInd writes a card index as vendor samples do, without a leading zero.
func cardInd(index int) string { return number(int64(index)) }

// firstChars cuts text after n characters.
func firstChars(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
