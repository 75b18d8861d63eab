package payline

import (
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Formats of dates in answers: payments and their follow-ups have years of two digits,
// look-ups those of four (section 3.4).
const (
	shortTimeFormat = "02/01/06 15:04:05"
	longTimeFormat  = "02/01/2006 15:04:05"
	disabledFormat  = "02/01/06 15:04"
)

// result says how a request ended.
func result(code string) *element {
	m := meanings[code]
	return object("result", text("code", code), text("shortMessage", m.short), text("longMessage", m.long))
}

func dateOf(unixMilli int64, format string) string {
	return time.UnixMilli(unixMilli).UTC().Format(format)
}

// transactionOf shows a transaction.
func transactionOf(t *transaction, format string) *element {
	return object("transaction",
		text("id", t.ID), text("date", dateOf(t.At, format)), text("isDuplicated", "0"), text("isPossibleFraud", "0"),
	)
}

// duplicateOf is the transaction of a request that the duplicate control refused. It names
// no other: the documents do not say that it does.
func (g *Gateway) duplicateOf() *element {
	return object("transaction", text("date", g.now().Format(shortTimeFormat)), text("isDuplicated", "1"), text("isPossibleFraud", "0"))
}

// authorizationOf shows what the issuer said; a decline has a date alone.
func authorizationOf(t *transaction) *element {
	a := object("authorization", text("date", dateOf(t.At, shortTimeFormat)))
	if t.Code == approved && t.opens() {
		a.put(text("number", stage.DigitsOf(t.ID, 6)))
		a.put(text("authorizedAmount", strconv.FormatInt(t.Amount, 10)))
		a.put(text("authorizedCurrency", t.Currency))
	}
	return a
}

// shownNumber is a masked number as the platform writes it.
func shownNumber(c card) string { return strings.ToUpper(c.Number) }

// cardOutOf shows a card in an answer to a payment.
func cardOutOf(c card) *element {
	return object("card",
		text("number", shownNumber(c)), text("type", c.Type), text("expirationDate", c.Expiry), text("cardholder", c.Holder), text("token", c.Token),
	)
}

// cardInOf shows a card of a wallet, which has the form of a card in a request.
func cardInOf(c card) *element {
	return object("card",
		text("number", shownNumber(c)), text("type", c.Type), text("expirationDate", c.Expiry), text("cardholder", c.Holder), text("token", c.Token),
	)
}

func extendedCardOf(c card) *element {
	return object("extendedCard", text("country", "FRA"), text("type", c.Scheme), text("network", c.Type))
}

func privateOf(data []datum) *element {
	list := object("privateDataList")
	for _, d := range data {
		list.children = append(list.children, object("privateData", text("key", d.Key), text("value", d.Value)))
	}
	return list
}

// paymentOf shows the object payment of a transaction.
func paymentOf(t *transaction) *element {
	p := object("payment",
		text("amount", strconv.FormatInt(t.Amount, 10)), text("currency", t.Currency), text("action", t.Action), text("mode", t.Mode), text("contractNumber", t.Contract),
	)
	if t.CaptureOn > 0 {
		p.put(text("differedActionDate", time.Unix(t.CaptureOn, 0).UTC().Format(dayFormat)))
	}
	return p
}

// orderOf shows an order.
func orderOf(ref, currency, date string, amount int64) *element {
	return object("order", text("ref", ref), text("amount", strconv.FormatInt(amount, 10)), text("currency", currency), text("date", date))
}

// flag writes a truth as the platform does.
func flag(is bool) string {
	if is {
		return "1"
	}
	return "0"
}

// disabledOn writes when something was disabled; nothing when it was not.
func disabledOn(unixMilli int64) string {
	if unixMilli == 0 {
		return ""
	}
	return dateOf(unixMilli, disabledFormat)
}
