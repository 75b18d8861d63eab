package updater

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/formats/layout"
)

const page = "../../docs/layout-updater.md"

const pageHead = `# Account updater layouts and codes

The tables of the files of account updaters that ship with the program, as they stand in
` + "`formats/updater/tables`" + `, and the tables of what codes mean, as they stand in
` + "`formats/updater/codes`" + `. **No provider publishes all of its columns.** What is not published is this
program's own choice, and the notes below say "unconfirmed" where it is. To use the real columns, print a
table with ` + "`cardbatch layout show NAME --table`" + `, change what differs, try it with
` + "`cardbatch layout check`" + `, and name the file in the configuration. The [table
language](layouts.md) has a page of its own.

A request is called ` + "`upd_`" + `, the updater's name, ` + "`_`" + `, the day, ` + "`_`" + `, its number, ` + "`.csv`" + `, and encrypted
` + "`.csv.gpg`" + `: ` + "`upd_paysafe_20261201_000017.csv.gpg`" + `. Whatever is no letter and no digit in the
updater's name becomes ` + "`_`" + `. Its acknowledgement has that name, with or without ` + "`.gpg`" + `, then
` + "`_YYYYMMDD_HHMMSS_S.ack`" + `. The reference of a record is ` + "`U`" + `, the number of the request, ` + "`R`" + `, and the
position of the record: ` + "`U17R3`" + `.

A table that takes the place of one of these keeps the names of records and fields, of which the
program needs those in **bold**; form, encoding, columns, headings, types within reason, and the codes are
free. Of an answer the program knows these fields:

| Fields | Hold |
|---|---|
| ` + "`reference`, `token`, `old_number`, `old_last_four`" + ` | which card it is; one of them is needed |
| ` + "`new_number`, `new_last_four`, `new_expiry`, `new_month` with `new_year`" + ` | what is new; one of them is needed. A renewing answer may lack number or expiry: the card keeps its own |
| ` + "`new_first_six`" + ` | where the number is not in one column |
| ` + "`old_expiry`, `old_month` with `old_year`" + ` | until when the old card is valid |
| **` + "`code`" + `**, ` + "`reason`" + ` | what the source says, looked up in the table of codes |
| ` + "`scheme`" + ` | whose code it is; without it: that of the record's numbers, else that of the card |
| ` + "`account`" + ` | merchant account number at the source |
| ` + "`at`, `at_time`" + ` | when it happened |

A number is of type ` + "`pan`" + `, always whole, or of type ` + "`text`" + ` with ` + "`sensitive: true`" + `: whole, or masked with
` + "`*`, `X`, `#`, `.` or `-`" + ` up to its last four digits, first eight at most shown. An expiry is of type ` + "`date`" + `, by
its format (` + "`MMYY`, `YYMM`" + `), or of type ` + "`digits`" + `: MMYY that may lack its first zero. A month and a year are
of type ` + "`number`" + `, the year with two or four digits. Years are those from 2000 to 2099. ` + "`at`" + ` is of type
` + "`date`" + `, or of type ` + "`text`" + `: ISO 8601, and anything else tells no time. "null", blanks, a number of zeros and an
expiry of zeros are nothing in fields of type ` + "`text`" + ` and ` + "`digits`" + `; in others as the table's ` + "`empty`" + ` says.

An acknowledgement may give the return code of a rejected record in ` + "`code`" + `; without such a field it is
what ` + "`text`" + ` begins with, if there is a digit in it.

Names such as *account updaters, section 5* are those of the maintainers' notes on the providers'
documents; they are not part of this repository. This page is written by a test with ` + "`-update`" + `.
`

const codesHead = `
## Codes

Codes are looked up in the table of their source, by scheme: the same code may mean something else
elsewhere. The scheme is the one that the record tells, else that of its numbers, else that of the card. Codes are compared whole, but for spaces around them and for case. The row of the scheme goes before that
of any (` + "`*`" + `), and then the row of the reason before that of any. A code that is not listed is
` + "`unknown`" + `: it is kept and reported, and the card stays as it is.

A table of your own, named in the configuration, takes the place of a shipped one. It is a CSV file with
the columns ` + "`scheme`, `code`, `reason`, `outcome`, `note` and `facts`" + ` in any order. Schemes are
%s; outcomes are %s.
An unknown column, scheme or outcome, or a second row for the same scheme, code and reason, is an error with
line and column. ` + "`cardbatch layout codes NAME`" + ` prints a shipped table to begin with;
` + "`cardbatch layout codes --check FILE`" + ` reads your own, and says what is wrong with it.
`

// needed are the fields without which a table is of no use.
var needed = map[string]string{
	RequestTable:         "account reference card_type card_number expiry",
	AcknowledgementTable: "position status",
	ResponseTable:        "code",
	CyberSourceTable:     "code new_month new_year old_month old_year",
	JPMorganTable:        "code",
	CheckoutTable:        "code new_month new_year old_month old_year",
}

func TestThePageOfTheLayoutsIsThatOfTheTables(t *testing.T) {
	var text strings.Builder
	text.WriteString(pageHead)
	for _, name := range Tables {
		describe(&text, shipped(t, name))
	}
	fmt.Fprintf(&text, codesHead, strings.Join(cardTypes, ", "), outcomeList())
	for _, name := range CodeTables {
		describeCodes(t, &text, name)
	}
	if *update {
		if err := os.WriteFile(page, []byte(text.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), text.String()); diff != "" {
		t.Errorf("docs/layout-updater.md is not that of the tables; write it again with -update: -page +tables\n%s", diff)
	}
}

func describe(text *strings.Builder, t *layout.Table) {
	fmt.Fprintf(text, "\n## %s\n\n%s, version %d: %s.\n\n%s\n", t.Name, t.Title, t.Version, t.Summary(), t.Note)
	for _, k := range t.Kinds {
		place, heading := "Column", t.Headings && k.Part == layout.Body
		if heading {
			place = "Heading"
		}
		fmt.Fprintf(text, "\n### %s: %s\n\n| %s | Field | Type | Rules | About |\n|---|---|---|---|---|\n", k.Name, k.Occurs(), place)
		for _, f := range k.Fields {
			name, where := f.Name, f.Place()
			if isNeeded(t, f, k) {
				name = "**" + name + "**"
			}
			if heading {
				where = f.Heading
			}
			fmt.Fprintf(text, "| %s | %s | %s | %s | %s |\n", where, name, f.Type, t.Rules(f), f.About)
		}
	}
}

func describeCodes(t *testing.T, text *strings.Builder, name string) {
	fmt.Fprintf(text, "\n### %s\n\n| Scheme | Code | Reason | Outcome | Note | Facts |\n|---|---|---|---|---|---|\n", name)
	for _, r := range codes(t, name).Rows() {
		code := "(empty)"
		if r.Code != "" {
			code = "`" + r.Code + "`"
		}
		fmt.Fprintf(text, "| %s | %s | %s | %s | %s | %s |\n", strings.ReplaceAll(r.Scheme, "*", "any"), code, strings.ReplaceAll(r.Reason, "*", "any"), r.Outcome, r.Note, r.Facts)
	}
}

func isNeeded(t *layout.Table, f *layout.Field, k *layout.Kind) bool {
	return k.Name == "detail" && slices.Contains(strings.Fields(needed[t.Name]), f.Name)
}

func TestATableIsUsableWithTheNeededFieldsAndNoFewer(t *testing.T) {
	for _, name := range Tables {
		whole := shipped(t, name)
		k := whole.Kind("detail")
		for _, f := range k.Fields {
			fewer := *k
			fewer.Fields = slices.DeleteFunc(slices.Clone(k.Fields), func(g *layout.Field) bool { return g == f })
			without := *whole
			without.Kinds = []*layout.Kind{&fewer}
			if usable := CheckTable(name, &without) == nil; usable == isNeeded(whole, f, k) {
				t.Errorf("%s without %s: usable %v", name, f, usable)
			}
		}
	}
}
