// Package codetable reads the tables that say what a processor's answers mean: gateway
// code to five-digit code to outcome. Every connector has one, codes.csv beside it.
//
// Its columns are kind, status, then those that the processor's answers need, then
// outcome, code and source. The first row whose cells all fit is the meaning of an
// answer; an answer that no row fits is no answer. A cell is a text, * for any, - for
// none, text* for a beginning, *text* for a part whatever the case, or several of these
// joined by |. A status may end in xx. What may follow an outcome is the class of its
// five-digit code (batch.CodeClass); a code of = is the answer's own, the value of the
// first column after status, for a processor whose codes are these.
package codetable

import (
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cardbatch/batch"
)

// Outcome is what a row says: a state of the line, or why there is none.
type Outcome string

const (
	Approved    Outcome = "approved"
	Declined    Outcome = "declined"
	Refused     Outcome = "refused"
	Pending     Outcome = "pending"
	InDoubt     Outcome = "in_doubt"    // the gateway itself does not know
	NoAnswer    Outcome = "no_answer"   // nothing that can be trusted: in doubt
	Credentials Outcome = "credentials" // gateway.ErrCredentials, nothing carried out
	Busy        Outcome = "busy"        // gateway.ErrBusy, nothing carried out
	UnknownKey  Outcome = "unknown_key" // gateway.ErrUnknownKey, of a look-up
	Confirm     Outcome = "confirm"     // refused, unless a look-up finds the key
	Duplicate   Outcome = "duplicate"   // sent before: only a look-up tells what became of it
)

// states are the outcomes that are answers. Confirm is a refusal until the look-up says otherwise.
var states = map[Outcome]batch.LineState{
	Approved: batch.Approved, Declined: batch.Declined, Refused: batch.Refused, Pending: batch.Pending,
	InDoubt: batch.InDoubt, Confirm: batch.Refused,
}

// ownCode, as the code of a row, stands for the code of the answer.
const ownCode = "="

// Meaning is what a row says.
type Meaning struct {
	Outcome Outcome
	State   batch.LineState // empty when there is no answer
	Code    string          // five digits
	Source  string
	// Unlisted says that the row is for codes that no document lists: its source begins
	// with that word. Someone should read about them.
	Unlisted bool
}

// Table is the rows of one connector. It never changes.
type Table struct {
	columns []string // of the cells after kind and status
	rows    []row
}

type row struct {
	kinds, status cell
	cells         []cell
	Meaning
}

// Must reads a table that is embedded in the program: one that is wrong cannot be in a tested build.
func Must(name, text string) *Table {
	t, err := Parse(text)
	if err != nil {
		panic(fmt.Sprintf("%s codes: %v", name, err))
	}
	return t
}

// Parse reads a table.
func Parse(text string) (*Table, error) {
	records, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(records) == 0 {
		return nil, fmt.Errorf("no header")
	}
	head := records[0]
	n := len(head)
	if n < 5 || !slices.Equal(head[:2], []string{"kind", "status"}) || !slices.Equal(head[n-3:], []string{"outcome", "code", "source"}) {
		return nil, fmt.Errorf("the header must be kind, status, …, outcome, code, source")
	}
	t := &Table{columns: head[2 : n-3]}
	for i, r := range records[1:] {
		m := Meaning{Outcome: Outcome(r[n-3]), Code: r[n-2], Source: r[n-1]}
		m.State, m.Unlisted = states[m.Outcome], strings.HasPrefix(m.Source, "unlisted")
		answers := m.State != "" && (len(m.Code) == 5 || m.Code == ownCode && n > 5)
		silent := slices.Contains([]Outcome{NoAnswer, Credentials, Busy, UnknownKey, Duplicate}, m.Outcome) && m.Code == ""
		if !answers && !silent || m.Source == "" {
			return nil, fmt.Errorf("row %d has no valid outcome, code or source", i+2)
		}
		cells := make([]cell, 0, n-3)
		for _, text := range r[2 : n-3] {
			cells = append(cells, parseCell(text))
		}
		t.rows = append(t.rows, row{kinds: parseCell(r[0]), status: parseCell(strings.ReplaceAll(r[1], "xx", "*")), cells: cells, Meaning: m})
	}
	return t, nil
}

// Columns names what Judge wants, in its order.
func (t *Table) Columns() []string { return slices.Clone(t.columns) }

// Meanings lists the meaning of every row.
func (t *Table) Meanings() []Meaning {
	all := make([]Meaning, len(t.rows))
	for i := range t.rows {
		all[i] = t.rows[i].Meaning
	}
	return all
}

// Judge finds the meaning of an answer of the kind with an HTTP status and the values
// of Columns, in their order.
func (t *Table) Judge(kind string, status int, values ...string) Meaning {
	if len(values) != len(t.columns) {
		panic("codetable: as many values as columns")
	}
	text := "" // what is no status fits no family of them
	if 100 <= status && status <= 999 {
		text = strconv.Itoa(status)
	}
	for i := range t.rows {
		r := &t.rows[i]
		if r.fits(values) && r.kinds.fits(kind) && r.status.fits(text) {
			m := r.Meaning
			if m.Code == ownCode {
				m.Code = values[0]
			}
			return m
		}
	}
	return Meaning{Outcome: NoAnswer}
}

func (r *row) fits(values []string) bool {
	for i := range r.cells {
		if !r.cells[i].fits(values[i]) {
			return false
		}
	}
	return true
}

// cell is alternatives; none means any value.
type cell []pattern

type pattern struct {
	match match
	text  string
}

type match int

const (
	exactly match = iota
	beginning
	part
)

func parseCell(text string) cell {
	if text == "*" {
		return nil
	}
	var c cell
	for _, each := range strings.Split(text, "|") {
		inner, begins := strings.CutSuffix(each, "*")
		inner, contains := strings.CutPrefix(inner, "*")
		switch {
		case each == "-":
			c = append(c, pattern{exactly, ""})
		case contains:
			c = append(c, pattern{part, strings.ToLower(inner)})
		case begins:
			c = append(c, pattern{beginning, inner})
		default:
			c = append(c, pattern{exactly, each})
		}
	}
	return c
}

func (c cell) fits(value string) bool {
	for i := range c {
		switch p := &c[i]; p.match {
		case exactly:
			if value == p.text {
				return true
			}
		case beginning:
			if strings.HasPrefix(value, p.text) {
				return true
			}
		case part:
			if strings.Contains(strings.ToLower(value), p.text) {
				return true
			}
		}
	}
	return c == nil
}
