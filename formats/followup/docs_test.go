package followup

import (
	"fmt"
	"strings"
	"testing"

	"cardbatch/batch"
)

const page = "../../docs/followup-files.md"

const pageHead = `# Follow-up files

For merchants: two files per contract and day that tell what became of its transactions, and which
money moved; of contracts with American Express by files also one of what American Express said and
cannot be. They are **this program's own** layout: of the processors' files of this kind only the
outlines are published. This page is written by a test with ` + "`-update`" + `.

## What they are

- A **day** is a calendar day in the merchant's time zone, from its first moment to the first of the
  next; where clocks change it has 23 or 25 hours.
- The first run of the next day writes the files into the outbound folder, also when nothing
  happened; after missed days, one per day, in order. Each is delivered once.
- The **number** rises by one from day to day, for each contract and kind: a number that is missing is
  a file that is missing. A merchant's first day, that of its first file, has the number 1.
- The name is ` + "`transactions.MERCHANT.CONTRACT.YYYY-MM-DD.csv`, `payments.…` or `exceptions.…`" + `. In the
  merchant and the contract, what is neither an ASCII letter or digit nor ` + "`_` or `-`" + ` is written as
  ` + "`%` and two hexadecimal digits" + ` per byte.
- Exceptions are what was known when the file was built, and are written by the run alone. The
  same day of the others gives the same bytes, whenever it is asked:
  ` + "`cardbatch report transactions|payments --day YYYY-MM-DD`" + ` prints it. Time zone and encoding are
  those that held when the day's file was first made. Once lines are deleted for their age
  (` + "`retention.lines_days`" + `) the file cannot be made again, and the command says so.

## Form

CSV after RFC 4180 with the separator ` + "`;`" + ` and LF at the end of lines; ISO-8859-1, where ` + "`?`" + ` stands for
characters that it lacks, or UTF-8, by configuration. The first line has the column names. Find columns by
their names: new ones go to the end. Line breaks and control characters in values become spaces. Free text that
a spreadsheet would take for a formula has an apostrophe before it.

Rows with ` + "`D`" + ` come in the order in which outcomes became known. Rows with ` + "`T`" + ` follow, with the same
columns, empty where they do not apply:

1. a total for each kind, outcome (of transactions) and currency that occurs, with amount and count;
2. of payments, the net of each currency, without a kind;
3. one row with neither kind nor currency: the count of all ` + "`D`" + ` rows. **A file without it is not whole.**

Amounts are whole minor units: 2990 is 29.90 EUR, 500 is 500 JPY.
`

const transactionsHead = `
## Transactions of the day

One row for every line whose attempt ended on that day: approved, declined, or refused by the gateway. Lines
that are pending or in doubt when the day ends are listed on the day on which they end; lines that a rule of
this program refused were never attempted, and lines answered again from an earlier one share its attempt: the
RESULT tells of both. Wallet lines and the end of a schedule make no transaction.

`

const paymentsHead = `
## Payments of the day

One row for every approved line that moved money. It is listed on its value date or, when its outcome became known
only after that, on the day on which it did: so each payment is in exactly one file, and a day that is over never
changes. Where the gateway gives no value date, it is the day on which the outcome was known. A payment with a
deferred capture counts from its authorization.

`

const exceptionsHead = `
## Exceptions of the day

One row for every record of American Express' files taken on that day, about the service establishment of the
contract, that names what is not known or contradicts what was told before. What to do with them:
[runbook](runbook.md#smartbill).

`

var kindMeanings = map[batch.TransactionKind]string{
	batch.KindAuthorization:   "Authorization alone (action 100)",
	batch.KindPayment:         "Authorization and capture at once (action 101)",
	batch.KindCapture:         "Capture of an authorization",
	batch.KindRefund:          "Refund of a payment or capture",
	batch.KindReset:           "Cancellation before the capture",
	batch.KindVerification:    "Verification of a card",
	batch.KindReauthorization: "Re-authorization of an earlier transaction, which `original_transaction_id` names",
	batch.KindSchedule:        "Dated payments stored at the gateway; nothing is charged yet",
}

func TestThePageOfTheFilesIsThatOfTheColumns(t *testing.T) {
	var text strings.Builder
	text.WriteString(pageHead)
	text.WriteString(transactionsHead)
	describe(&text, transactionColumns)
	text.WriteString("\n| Kind | What the line asked for |\n|---|---|\n")
	for _, kind := range batch.TransactionKinds {
		if kindMeanings[kind] == "" {
			t.Errorf("nothing says what %s means", kind)
		}
		fmt.Fprintf(&text, "| `%s` | %s |\n", kind, kindMeanings[kind])
	}
	text.WriteString(paymentsHead)
	describe(&text, paymentColumns)
	text.WriteString(exceptionsHead)
	describe(&text, exceptionColumns)
	golden(t, page, []byte(text.String()))
}

func describe[R any](text *strings.Builder, columns []column[R]) {
	text.WriteString("| | Column | Meaning |\n|---|---|---|\n")
	n := 0
	row := func(name, means string) {
		n++
		fmt.Fprintf(text, "| %d | `%s` | %s |\n", n, name, means)
	}
	for _, c := range headColumns {
		row(c.name, c.means)
	}
	for _, c := range columns {
		row(c.name, c.means)
	}
	row(countColumn.name, countColumn.means)
}
