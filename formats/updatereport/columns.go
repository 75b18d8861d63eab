package updatereport

import (
	"strconv"
	"strings"
	"time"
	"unicode"

	"cardbatch/batch"
	"cardbatch/formats"
)

// column is one column of the report: its heading, what it means, and its place in a row.
type column struct {
	name  string
	means string
	text  func(*batch.UpdateRow) string
	// words, where the page says it in words instead.
	words func(*batch.UpdateRow) string
	free  bool   // text from outside: neutralised in CSV
	own   bool   // an id that the merchant chose: a card number in one is refused when it comes in
	key   string // of the page: the column in an address that sorts by it
}

// The fields and their order are those of Paysafe account updater, section 3.2; the headings
// are its translations. Late is ours.
var standardColumns = []column{
	{name: "Merchant account number", key: "account", means: "At the source of the update; empty where it has none", free: true, text: func(r *batch.UpdateRow) string { return r.Account }},
	{name: "Payment method ID", key: "method", means: "Wallet of the card", free: true, own: true, text: func(r *batch.UpdateRow) string { return string(r.PaymentMethod) }},
	{name: "Billing ID", key: "billing", means: "Index of the card in the wallet, from 1", text: func(r *batch.UpdateRow) string { return r.Billing }},
	{name: "Last four digits", key: "last-four", means: "Of the card as it stands after the update", text: func(r *batch.UpdateRow) string { return r.LastFour }},
	{name: "Expiry date", key: "expiry", means: "Likewise, MM/YYYY", text: func(r *batch.UpdateRow) string { return r.Expiry }},
	{name: "Decision code", key: "code", means: "As the source told it; `NO_DECISION` where none came in time; empty is a code too. What it means depends on source and scheme: see Outcome", free: true, text: func(r *batch.UpdateRow) string { return r.Code }, words: codeWord},
	{name: "Billing status", key: statusKey, means: "Of the card after the update: `Active` or `Disabled`", text: func(r *batch.UpdateRow) string { return string(r.Status) }},
	{name: "Late", key: "late", means: "Earlier month that the update belongs to, YYYY-MM; empty for those of the report's own month", text: func(r *batch.UpdateRow) string { return r.Late }},
}

// statusKey is that of the column whose cells have a colour, as outcomes have.
const statusKey = "status"

// Columns of the extended report, behind the others.
var extendedColumns = []column{
	{name: "Old last four digits", key: "old-last-four", means: "Of the card before the update", text: func(r *batch.UpdateRow) string { return r.OldLastFour }},
	{name: "Old expiry date", key: "old-expiry", means: "Likewise, MM/YYYY", text: func(r *batch.UpdateRow) string { return r.OldExpiry }},
	{name: "New expiry date", key: "new-expiry", means: "After the update, MM/YYYY; where the gateway refused it, or it was only told: as it would have become", text: func(r *batch.UpdateRow) string { return r.NewExpiry }},
	{name: "Scheme", key: "scheme", means: "Card type", free: true, text: func(r *batch.UpdateRow) string { return r.Scheme }},
	outcomeColumn,
	{name: "Effect", key: "effect", means: "What the update did to the card, see below", text: func(r *batch.UpdateRow) string { return string(r.Effect) }, words: func(r *batch.UpdateRow) string { return effectWord(r.Effect).label }},
	{name: "Source", key: "source", means: "Who told it: an account updater's name, `smartbill`, `payline`, or a gateway's name", free: true, text: func(r *batch.UpdateRow) string { return r.Source }},
	{name: "File", key: "file", means: "That told it; empty when a gateway did in an answer", free: true, text: func(r *batch.UpdateRow) string { return r.File }},
	{name: "Line", key: "line", means: "Physical line number in it, from 1", text: func(r *batch.UpdateRow) string { return number(r.Line) }},
	{name: "Note", key: "note", means: "Why the effect is not what the outcome suggests. Free text", free: true, text: func(r *batch.UpdateRow) string { return r.Note }},
	{name: "Event time", key: "event", means: "When it happened, as the source says, or else when it was taken: RFC 3339 in the merchant's time zone", text: func(r *batch.UpdateRow) string { return moment(r.At) }},
	{name: "Settled time", key: "settled", means: "When its effect was certain, likewise: a moment of the report's period", text: func(r *batch.UpdateRow) string { return moment(r.SettledAt) }},
}

// outcomeColumn stands in the extended report, and behind the others on every page.
var outcomeColumn = column{
	name: "Outcome", key: "outcome", means: "What the code means, the same for every source and scheme, see below",
	text: func(r *batch.UpdateRow) string { return string(r.Outcome) }, words: func(r *batch.UpdateRow) string { return outcomeWord(r.Outcome).label },
}

// csvColumns are the columns of a CSV file.
func csvColumns(extended bool) []column {
	if extended {
		return append(standardColumns[:len(standardColumns):len(standardColumns)], extendedColumns...)
	}
	return standardColumns
}

// pageColumns are the columns of a page. Codes speak to nobody, so that the outcome always stands there.
func pageColumns(extended bool) []column {
	if extended {
		return csvColumns(extended)
	}
	return append(standardColumns[:len(standardColumns):len(standardColumns)], outcomeColumn)
}

// cell is the text of a row in a column of a CSV file.
func (c *column) cell(r *batch.UpdateRow) string {
	text := c.masked(c.text(r))
	if c.free {
		text = formats.Neutralise(text)
	}
	return clean(text)
}

// shown is the text of a row in a column of a page.
func (c *column) shown(r *batch.UpdateRow) string {
	if c.words != nil {
		return clean(c.masked(c.words(r)))
	}
	return clean(c.masked(c.text(r)))
}

// masked masks a card number at the latest.
func (c *column) masked(text string) string {
	if c.own {
		return text
	}
	return batch.MaskCardNumbers(text)
}

// plain is text from outside as a page may show it.
func plain(text string) string { return clean(batch.MaskCardNumbers(text)) }

// clean makes line breaks and other control characters spaces, for a row is a line, and bytes
// that are no text question marks.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}

// number writes a number that counts from 1.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// moment writes a time to the second; empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}
