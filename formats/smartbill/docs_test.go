package smartbill

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/formats/layout"
)

const page = "../../docs/layout-smartbill.md"

const pageHead = `# SmartBill layouts

The four tables of American Express SmartBill files that ship with the program, as they stand in
` + "`formats/smartbill/tables`" + `. **They are this program's own**: American Express gives its record
layouts under agreement only. To use the real ones, print a table with
` + "`cardbatch layout show NAME --table`" + `, change what differs, try it with ` + "`cardbatch layout check`" + `,
and name the file in the configuration. The [table language](layouts.md) has a page of its own.

File names are ` + "`SBENR_`, `SBSTA_`, `SBCHG_` or `SBRSP_`" + `, the service establishment number (ten
digits), ` + "`_`" + `, the sequence number (six digits) and ` + "`.dat`" + `. Positions are bytes from 1. Numbers stand at the right and are
filled with zeros, everything else stands at the left and is filled with spaces.

A table that takes the place of one of these keeps the names of records and fields, of which the
program needs those in **bold**, and the names of the codes; form, encoding, positions, types within
reason, and the codes themselves are free. Parts of the page below are written by a test with
` + "`-update`" + `.
`

// needed are the fields without which a table is of no use.
var needed = map[string]string{
	EnrolmentTable: "detail.action detail.alias detail.pan detail.expiry detail.key",
	StatusTable:    "detail.alias detail.status detail.event_date",
	ChargeTable:    "detail.kind detail.alias detail.amount detail.key",
	ResponseTable:  "detail.key detail.result",
}

func TestThePageOfTheLayoutsIsThatOfTheTables(t *testing.T) {
	var text strings.Builder
	text.WriteString(pageHead)
	for _, name := range Tables {
		describe(&text, shipped(t, name))
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
		t.Errorf("docs/layout-smartbill.md is not that of the tables; write it again with -update: -page +tables\n%s", diff)
	}
}

func describe(text *strings.Builder, t *layout.Table) {
	fmt.Fprintf(text, "\n## %s\n\n%s, version %d: %s.\n\n%s\n", t.Name, t.Title, t.Version, t.Summary(), t.Note)
	for _, k := range t.Kinds {
		fmt.Fprintf(text, "\n### %s: %s\n\n| Bytes | Length | Field | Type | Rules | About |\n|---|---|---|---|---|---|\n", k.Name, k.Occurs())
		for _, f := range k.Fields {
			name := f.Name
			if isNeeded(t, f, k) {
				name = "**" + name + "**"
			}
			fmt.Fprintf(text, "| %s | %d | %s | %s | %s | %s |\n", f.Place(), f.Length, name, f.Type, t.Rules(f), f.About)
		}
	}
}

func isNeeded(t *layout.Table, f *layout.Field, k *layout.Kind) bool {
	for name := range strings.FieldsSeq(needed[t.Name]) {
		if name == k.Name+"."+f.Name {
			return true
		}
	}
	return false
}

func TestATableIsUsableWithTheNeededFieldsAndNoFewer(t *testing.T) {
	for _, name := range Tables {
		whole := shipped(t, name)
		for _, k := range whole.Kinds {
			for _, f := range k.Fields {
				without := *whole
				without.Kinds = nil
				for _, other := range whole.Kinds {
					kept := *other
					kept.Fields = nil
					for _, g := range other.Fields {
						if g != f {
							kept.Fields = append(kept.Fields, g)
						}
					}
					without.Kinds = append(without.Kinds, &kept)
				}
				if usable := CheckTable(name, &without) == nil; usable == isNeeded(whole, f, k) {
					t.Errorf("%s without %s: usable %v", name, f, usable)
				}
			}
		}
	}
}
