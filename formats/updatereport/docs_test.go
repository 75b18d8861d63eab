package updatereport

import (
	"fmt"
	"strings"
	"testing"

	"cardbatch/batch"
)

const docsPage = "../../docs/updater-report.md"

const docsHead = `# Account-updater report

For merchants: which stored cards changed in a month, and which want a look. The first seven fields
and their order are those of Paysafe's Monthly Merchant Account Updater Status Report; its file form is
not published, so that **the rest is this program's own**. This page is written by a test with ` + "`-update`" + `.

## What it is

- One record per update of a card, from every source: account updaters, American Express SmartBill,
  answers of gateways. The same card is in it as often as it was updated.
- The **standard** report has the updates that changed or disabled a card, and those that want a
  look: unknown codes, missing answers, refused input or set-up, new products, newer data that expired, were overtaken or
  were refused by the gateway, and what was only told (` + "`shadow`" + `). The **extended** report has all, and more columns.
- A record belongs to the **period** in which its effect became certain (` + "`Settled time`" + `). A period is a
  calendar month in the merchant's time zone: the whole month, or, of a daily report, the month up to the end
  of a day. Records come in the order in which they became certain, so that tomorrow's daily report begins with today's.
- **Late**: an update that belongs to an earlier month and became certain only in this one. The report of the earlier month
  stays as it is; the column names that month.
- The same period gives the same bytes, whenever it is asked. Nothing in it tells when it was written. Missed
  months are caught up, one report each. Switching between daily and monthly sends no month twice.
- A report **without records** is the row of headings alone, or a page that says so. It is sent only where
  ` + "`send_empty`" + ` asks for it: no report can mean no update.
- Its **name** is ` + "`updater.MERCHANT.PERIOD.csv`, or `.html`" + `; ` + "`updater-extended.…`" + ` for the extended one. The period is
  ` + "`YYYY-MM`" + ` for a whole month, ` + "`YYYY-MM-DD`" + ` for a month up to that day. In the merchant, what is neither an ASCII letter or
  digit nor ` + "`_` or `-` is written as `%`" + ` and two hexadecimal digits per byte.
- Of card numbers it has the last four digits. A number that somebody wrote into a code or a note is cut to its first six and
  last four. Join on payment method ID and billing ID.

## CSV

RFC 4180 with the separator ` + "`,`" + ` and LF at the end of lines; UTF-8 without a mark. The first line has the headings. Find
columns by them: new ones go to the end. Line breaks and control characters in values become spaces. Text that comes from outside
and that a spreadsheet would take for a formula (` + "`=`, `+`, `-`, `@`" + `) has an apostrophe before it: in account number, payment
method ID, code, scheme, source, file and note take away one that stands before such a character. Read codes as text: ` + "`000101` and `34`" + ` are no numbers.

### Columns

`

const docsExtended = `
The extended report has these behind them:

`

const docsOutcomes = `
### Outcomes

What a code means, whoever told it: the same word means different things at different sources.

`

const docsEffects = `
### Effects

`

const docsFoot = `
## HTML

One page that needs nothing beside itself: it loads nothing, and its content security policy forbids it to. It has
the totals, a chart of the outcomes, and the table with the columns above; the standard page also has the
outcome. Values are in words there.

- **Filter and order** need JavaScript and no network. Without it everything is there to read.
- What is filtered stands in the address, so that it can be kept or sent beside the file:
  ` + "`#q=TEXT&outcome=OUTCOME&status=STATUS&sort=COLUMN`" + `; each may be missing. The text is looked for in every column, all its
  words; ` + "`-COLUMN`" + ` orders the other way round. Columns: %s.
- **Print** gives what is shown, with the headings on every page. The extended page prints on landscape paper.
- Dark where the device asks for it; cards instead of a table on a phone.
- Of what matches the table lists the first 1,000 at once; a button lists all, and a print has all. Filter and order
  go through every record.
- Of 50,000 records the standard page has about 14 MB and the extended one 27 MB; a browser opens it in a few seconds and filters it
  in less than one, but takes up to half a minute to list or print all. Above that, for mail, or to work on with a program,
  take CSV: 2 MB and 10 MB.
`

func TestThePageOfTheReportIsThatOfTheColumns(t *testing.T) {
	var text strings.Builder
	text.WriteString(docsHead)
	n := 0
	describe := func(columns []column) {
		text.WriteString("| | Heading | Meaning |\n|---|---|---|\n")
		for _, c := range columns {
			n++
			fmt.Fprintf(&text, "| %d | %s | %s |\n", n, c.name, c.means)
		}
	}
	describe(standardColumns)
	text.WriteString(docsExtended)
	describe(extendedColumns)
	text.WriteString(docsOutcomes)
	text.WriteString("| CSV | HTML | Meaning |\n|---|---|---|\n")
	for _, o := range batch.UpdateOutcomes {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", o, outcomeWords[o].label, outcomeWords[o].means)
	}
	text.WriteString(docsEffects)
	text.WriteString("| CSV | HTML | Meaning |\n|---|---|---|\n")
	for _, e := range effects {
		fmt.Fprintf(&text, "| `%s` | %s | %s |\n", e, effectWords[e].label, effectWords[e].means)
	}
	var keys []string
	for _, c := range pageColumns(true) {
		keys = append(keys, "`"+c.key+"`")
	}
	fmt.Fprintf(&text, docsFoot, strings.Join(keys, " "))
	golden(t, docsPage, []byte(text.String()))
}
