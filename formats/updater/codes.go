package updater

import (
	"bytes"
	"embed"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// The tables of codes say what every code of a source means. Their columns are scheme,
// code, reason, outcome, note and facts. A scheme is a card type, or * for any; a reason is
// a second code, or * for any; an empty code is a code, too. outcome is one of
// batch.UpdateOutcomes; note is for whoever reads a report, facts says where the row
// comes from: a document of the facts and its section.
//
//go:embed codes/*.csv
var codeTables embed.FS

// CodeTables lists the names of the shipped tables of codes: one for each source of updates.
var CodeTables = []string{
	"paysafe", "cybersource", "jpmorgan", "checkout", "worldpay", "visa", "visa-rejects", "mastercard", "mastercard-rest",
	"mastercard-push", "discover", "tokenex", "payrix", "chargehive", "smartbill",
}

var codeColumns = []string{"scheme", "code", "reason", "outcome", "note", "facts"}

// anything stands for any scheme, or any reason.
const anything = "*"

// maxCodesBytes keeps a wrong path from being read into memory.
const maxCodesBytes = 1 << 20

// Codes says what the codes of one source mean. It never changes.
type Codes struct {
	rows []CodeRow // in the order of the file
	find map[codeKey]int
}

type codeKey struct{ scheme, code, reason string }

// CodeRow is one row of a table of codes.
type CodeRow struct {
	Scheme  string // a card type, or *
	Code    string // may be empty
	Reason  string // or *
	Outcome batch.UpdateOutcome
	Note    string
	Facts   string // where it comes from
}

// Rows lists the rows in the order of the table.
func (c *Codes) Rows() []CodeRow { return slices.Clone(c.rows) }

// Decide tells what a code means. scheme is a card type, or empty when nobody knows it:
// then only what holds for every scheme is found. Codes are compared exactly but for the
// spaces around them and for case. The row of the scheme goes before that of any, and then
// the row of the reason before that of any. A code that no row has is batch.UnknownUpdate.
func (c *Codes) Decide(scheme, code, reason string) (outcome batch.UpdateOutcome, note string) {
	code, reason = fold(code), fold(reason)
	for _, key := range [...]codeKey{{scheme, code, reason}, {scheme, code, anything}, {anything, code, reason}, {anything, code, anything}} {
		if i, ok := c.find[key]; ok {
			return c.rows[i].Outcome, c.rows[i].Note
		}
	}
	if scheme == "" {
		return batch.UnknownUpdate, "the table of codes does not have it for a card of unknown scheme"
	}
	return batch.UnknownUpdate, "the table of codes does not have it"
}

// fold makes codes comparable.
func fold(code string) string { return strings.ToUpper(strings.TrimSpace(code)) }

// ShippedCodes returns the table of codes of the name.
func ShippedCodes(name string) (*Codes, error) {
	content, err := CodesSource(name)
	if err != nil {
		return nil, err
	}
	return parseCodes(name+".csv", content)
}

// CodesSource returns the CSV of a shipped table of codes, to start a table of one's own from.
func CodesSource(name string) ([]byte, error) {
	content, err := codeTables.ReadFile("codes/" + name + ".csv")
	if err != nil {
		return nil, fmt.Errorf("no table of codes %q is shipped; there are: %s", name, strings.Join(CodeTables, ", "))
	}
	return content, nil
}

// LoadCodes reads the table of codes at path. What is wrong with it comes back as
// layout.Problems, all at once, with line and column; any other error means that the file
// could not be read.
func LoadCodes(path string) (*Codes, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("table of codes: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxCodesBytes+1))
	if err != nil {
		return nil, fmt.Errorf("table of codes: %w", err)
	}
	return parseCodes(filepath.Base(path), content)
}

// parseCodes reads a table of codes; name stands for its file in what is wrong.
func parseCodes(name string, content []byte) (*Codes, error) {
	if len(content) > maxCodesBytes {
		return nil, layout.Problems{{File: name, Text: fmt.Sprintf("a table of codes may have at most %d bytes", maxCodesBytes)}}
	}
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(content, []byte("\ufeff"))))
	s := &codeSource{file: name, in: in, table: &Codes{find: map[codeKey]int{}}, lines: map[codeKey]int{}}
	for s.read() {
	}
	if s.columns == nil && len(s.problems) == 0 {
		s.problem(0, 0, "the file is empty; its first line must be %s", strings.Join(codeColumns, ","))
	}
	if len(s.problems) > 0 {
		return nil, s.problems
	}
	return s.table, nil
}

// codeSource reads a table of codes line by line and collects what is wrong.
type codeSource struct {
	file     string
	in       *csv.Reader
	columns  []int // where each of codeColumns stands; nil: not read yet
	table    *Codes
	lines    map[codeKey]int
	problems layout.Problems
}

func (s *codeSource) problem(line, column int, format string, args ...any) {
	s.problems = append(s.problems, layout.Problem{File: s.file, Line: line, Column: column, Text: fmt.Sprintf(format, args...)})
}

// read takes one line; it reports whether another may follow.
func (s *codeSource) read() bool {
	record, err := s.in.Read()
	var broken *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount):
		line, _ := s.in.FieldPos(0)
		s.problem(line, 1, "has %d columns, the first line has %d", len(record), s.in.FieldsPerRecord)
		return true
	case errors.As(err, &broken):
		s.problem(broken.Line, broken.Column, "%v", broken.Err)
		return false
	case err != nil:
		return false // io.EOF: nothing else can go wrong with bytes
	case s.columns == nil:
		return s.headings(record)
	}
	s.row(record)
	return true
}

// headings finds the columns. Without all of them no row can be read.
func (s *codeSource) headings(record []string) bool {
	s.columns = make([]int, len(codeColumns))
	for i := range s.columns {
		s.columns[i] = -1
	}
	for i, heading := range record {
		line, column := s.in.FieldPos(i)
		n := slices.Index(codeColumns, strings.TrimSpace(heading))
		switch {
		case n < 0:
			s.problem(line, column, "unknown column; known here: %s", strings.Join(codeColumns, ", "))
		case s.columns[n] >= 0:
			s.problem(line, column, "column %s is given twice", codeColumns[n])
		default:
			s.columns[n] = i
		}
	}
	for n, i := range s.columns {
		if i < 0 {
			s.problem(1, 1, "column %s is missing", codeColumns[n])
		}
	}
	return len(s.problems) == 0
}

func (s *codeSource) row(record []string) {
	cell := func(n int) string { return strings.TrimSpace(record[s.columns[n]]) }
	bad := func(n int, format string, args ...any) {
		line, column := s.in.FieldPos(s.columns[n])
		s.problem(line, column, format, args...)
	}
	before := len(s.problems)
	r := CodeRow{Scheme: cell(0), Code: cell(1), Reason: cell(2), Outcome: batch.UpdateOutcome(cell(3)), Note: cell(4), Facts: cell(5)}
	if r.Scheme != anything && !slices.Contains(cardTypes, r.Scheme) {
		bad(0, "unknown scheme; write *, or one of %s", strings.Join(cardTypes, ", "))
	}
	if r.Code == anything {
		bad(1, "write every code out: what is not listed is reported as unknown")
	}
	if !slices.Contains(batch.UpdateOutcomes, r.Outcome) {
		bad(3, "unknown outcome; write one of %s", outcomeList())
	}
	for n, text := range record {
		if batch.HasCardNumber(text) {
			line, column := s.in.FieldPos(n)
			s.problem(line, column, "holds a card number, which no table may")
		}
	}
	line, _ := s.in.FieldPos(0)
	key := codeKey{r.Scheme, fold(r.Code), fold(r.Reason)}
	if first, twice := s.lines[key]; twice {
		bad(1, "the row of line %d is for the same scheme, code and reason; remove one", first)
	}
	if len(s.problems) > before {
		return
	}
	s.lines[key] = line
	s.table.find[key] = len(s.table.rows)
	s.table.rows = append(s.table.rows, r)
}

func outcomeList() string {
	words := make([]string, len(batch.UpdateOutcomes))
	for i, o := range batch.UpdateOutcomes {
		words[i] = string(o)
	}
	return strings.Join(words, ", ")
}
