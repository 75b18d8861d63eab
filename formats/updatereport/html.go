package updatereport

import (
	"bufio"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"html/template"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
)

var (
	//go:embed page.html
	pageSource string
	//go:embed style.css
	styleSource string
	//go:embed script.js
	scriptSource string
)

// page has the parts of a page: head up to the first row, row, tail.
var page = template.Must(template.New("").Parse(pageSource))

// errRows: a page is written in two passes, the totals before the rows.
var errRows = errors.New("the records changed while the page was written: write the report again")

// WriteHTML writes a report as one page that loads nothing: its style and its script are in it,
// and its content security policy allows no other. It asks for the rows twice. After an error what
// was written must not be published.
func WriteHTML(w io.Writer, h Head, rows Rows) (records int, err error) {
	var totals batch.UpdateTotals
	err = rows(func(r batch.UpdateRow) error {
		totals.Add(&r)
		return nil
	})
	if err != nil {
		return 0, err
	}
	out := bufio.NewWriterSize(w, 64<<10)
	frame := newFrame(h, &totals)
	if err := page.ExecuteTemplate(out, "head", frame); err != nil {
		return 0, err
	}
	columns := pageColumns(h.Extended)
	row := pageRow{Cells: make([]pageCell, len(columns))}
	rowPart := page.Lookup("row")
	var written batch.UpdateTotals
	err = rows(func(r batch.UpdateRow) error {
		written.Add(&r)
		row.fill(columns, &r)
		return rowPart.Execute(out, &row)
	})
	if err != nil {
		return written.Records, err
	}
	if written.Records != totals.Records || !maps.Equal(written.Outcomes, totals.Outcomes) || !maps.Equal(written.Effects, totals.Effects) {
		return written.Records, errRows
	}
	if err := page.ExecuteTemplate(out, "tail", frame); err != nil {
		return written.Records, err
	}
	return written.Records, out.Flush()
}

// earlyScript keeps a browser from laying out the table again and again while it is read.
const earlyScript = `document.documentElement.classList.add("busy")`

// pageFrame is what stands around the rows of a page.
type pageFrame struct {
	Merchant, Period, Month, Span, Zone string
	FirstDay, LastDay                   day
	Extended                            bool
	Records                             int
	Count                               string // in words
	Tiles, Outcomes, Effects, Sources   []total
	Chart                               chart
	Statuses                            []batch.BillingStatus
	Columns                             []heading

	Policy        template.HTMLAttr
	Style         template.CSS
	Early, Script template.JS
}

// day is a date for machines and for people.
type day struct{ Date, Text string }

func dayOf(t time.Time) day { return day{t.Format(time.DateOnly), t.Format("2 January 2006")} }

// heading is that of a column of the table.
type heading struct{ Key, Name string }

// total is a count of records.
type total struct {
	Value, Label, Means, Tone string
	Count                     string
}

func newFrame(h Head, t *batch.UpdateTotals) *pageFrame {
	from, to := h.From.In(h.Zone), h.To.In(h.Zone)
	f := &pageFrame{
		Merchant: plain(string(h.Merchant)), Period: plain(h.Period), Month: from.Format("January 2006"), Span: "month to date", Zone: h.Zone.String(),
		FirstDay: dayOf(from), LastDay: dayOf(to.Add(-1)), Extended: h.Extended, Records: t.Records, Count: grouped(t.Records) + " records",
		Statuses: []batch.BillingStatus{batch.BillingActive, batch.BillingDisabled},
		Early:    template.JS(earlyScript),
		Script:   template.JS(scriptSource),
	}
	if to.Equal(from.AddDate(0, 1, 0)) {
		f.Span = "the whole month"
	}
	if t.Records == 1 {
		f.Count = "1 record"
	}
	columns := pageColumns(h.Extended)
	f.Style = style(columns)
	f.Policy = template.HTMLAttr(fmt.Sprintf(`content="default-src 'none'; style-src %s; script-src %s %s; img-src data:; base-uri 'none'; form-action 'none'"`,
		source(string(f.Style)), source(earlyScript), source(scriptSource)))
	for _, c := range columns {
		f.Columns = append(f.Columns, heading{c.key, c.name})
	}
	f.Tiles = []total{
		{Label: "Records", Count: grouped(t.Records)},
		{Label: "Cards changed", Count: grouped(t.Effects[batch.EffectChanged])},
		{Label: "Cards disabled", Count: grouped(t.Effects[batch.EffectDisabled])},
		{Label: "Late, of earlier months", Count: grouped(t.Late)},
	}
	outcomes := inOrder(batch.UpdateOutcomes, t.Outcomes)
	for _, o := range outcomes {
		f.Outcomes = append(f.Outcomes, totalOf(outcomeWord(o), t.Outcomes[o]))
	}
	for _, e := range inOrder(effects, t.Effects) {
		f.Effects = append(f.Effects, totalOf(effectWord(e), t.Effects[e]))
	}
	for _, s := range slices.Sorted(maps.Keys(t.Sources)) {
		f.Sources = append(f.Sources, total{Label: plain(s), Count: grouped(t.Sources[s])})
	}
	f.Chart = newChart(outcomes, t.Outcomes)
	return f
}

func totalOf(w word, records int) total {
	return total{Value: w.value, Label: w.label, Means: w.means, Tone: w.tone, Count: grouped(records)}
}

// inOrder returns the values that occur, those that are not listed last.
func inOrder[V ~string](list []V, counts map[V]int) []V {
	place := func(v V) int {
		if i := slices.Index(list, v); i >= 0 {
			return i
		}
		return len(list)
	}
	return slices.SortedFunc(maps.Keys(counts), func(a, b V) int {
		if c := place(a) - place(b); c != 0 {
			return c
		}
		return strings.Compare(string(a), string(b))
	})
}

// chart has a bar for each outcome, with its words and count above it. Widths are parts of the
// page's, so that text keeps its size on a phone.
type chart struct {
	Height int // CSS pixels
	Desc   string
	Bars   []bar
}

type bar struct {
	Label, Count, Tone string
	TextY, BarY        int
	Width              string // percent of that of the longest
}

const (
	barPitch = 40  // CSS pixels from bar to bar
	barLeast = 1.0 // percent: one record among many is still seen
)

func newChart(outcomes []batch.UpdateOutcome, counts map[batch.UpdateOutcome]int) chart {
	most := 1
	for _, n := range counts {
		most = max(most, n)
	}
	c := chart{Height: barPitch * len(outcomes)}
	var desc []string
	for i, o := range outcomes {
		w, n := outcomeWord(o), counts[o]
		c.Bars = append(c.Bars, bar{
			Label: w.label, Count: grouped(n), Tone: w.tone, TextY: i*barPitch + 15, BarY: i*barPitch + 22,
			Width: strconv.FormatFloat(max(barLeast, 100*float64(n)/float64(most)), 'f', 1, 64),
		})
		desc = append(desc, w.label+": "+grouped(n))
	}
	c.Desc = strings.Join(desc, "; ") + "."
	return c
}

// pageRow is a row of the table; it is filled again for each record.
type pageRow struct {
	Outcome, Status string
	Cells           []pageCell
}

type pageCell struct {
	Text  string
	Tone  string // of a cell that has one
	Leads bool   // it names the row
}

func (p *pageRow) fill(columns []column, r *batch.UpdateRow) {
	outcome := outcomeWord(r.Outcome)
	p.Outcome, p.Status = outcome.value, plain(string(r.Status))
	for i := range columns {
		c := &columns[i]
		cell := pageCell{Text: c.shown(r), Leads: c.own}
		switch {
		case c.key == outcomeColumn.key:
			cell.Tone = outcome.tone
		case c.key == statusKey && r.Status == batch.BillingDisabled:
			cell.Tone = toneEnded
		case c.key == statusKey && r.Status != "":
			cell.Tone = toneQuiet
		}
		p.Cells[i] = cell
	}
}

// style is the style of a page with the columns: what is short stays on one line, and on a
// phone each cell says its heading.
func style(columns []column) template.CSS {
	var css strings.Builder
	css.WriteString(styleSource)
	css.WriteString("@media screen and (min-width: 44.01rem) {\n")
	for i, c := range columns {
		if !c.free {
			fmt.Fprintf(&css, "  #records tbody td:nth-child(%d) { white-space: nowrap; }\n", i+1)
		}
	}
	css.WriteString("}\n@media screen and (max-width: 44rem) {\n")
	for i, c := range columns {
		fmt.Fprintf(&css, "  #records tbody :is(th, td):nth-child(%d)::before { content: %q; }\n", i+1, c.name)
	}
	css.WriteString("}\n")
	return template.CSS(css.String())
}

// source names text that is in the page, for its content security policy.
func source(code string) string {
	digest := sha256.Sum256([]byte(code))
	return "'sha256-" + base64.StdEncoding.EncodeToString(digest[:]) + "'"
}

// grouped writes a number with commas between thousands.
func grouped(n int) string {
	digits := strconv.Itoa(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
