package layout

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const smallTable = `layout: small
version: 1
form: fixed
encoding: ASCII
line_end: LF
records:
  - record: header
    part: head
    fields:
      - {name: record, position: 1, length: 1, type: constant, value: H, recognise: true}
      - {name: sequence, position: 2, length: 4, type: number}
  - record: detail
    part: body
    fields:
      - {name: record, position: 1, length: 1, type: constant, value: D, recognise: true}
      - {name: state, position: 2, length: 2, type: code, codes: {A: active, C: closed}}
      - {name: amount, position: 4, length: 8, type: amount}
      - {name: day, position: 12, length: 6, type: date, format: YYMMDD}
  - record: trailer
    part: tail
    fields:
      - {name: record, position: 1, length: 1, type: constant, value: T, recognise: true}
      - {name: count, position: 2, length: 4, type: number}
      - {name: total, position: 6, length: 8, type: amount}
checks:
  - {field: trailer.count, count: detail, where: {state: active}}
  - {field: trailer.total, sum: detail.amount}
`

func TestATableThatMakesNoSenseIsRefusedWithLineAndColumn(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"an unknown key", "version: 1", "version: 1\nverzion: 2", "small.yaml:3:1: unknown key verzion"},
		{"an unknown key of a field", "type: number}", "type: number, lenght: 3}", "small.yaml:11:64: unknown key lenght"},
		{"a key twice", "form: fixed", "form: fixed\nform: fixed", "small.yaml:4:1: form is given twice"},
		{"no value", "version: 1", "version:", "small.yaml:2:9: has no value"},
		{"a number in hexadecimal", "version: 1", "version: 0x10", "small.yaml:2:10: must be a whole number from 1"},
		{"a word for a yes", "recognise: true", "recognise: yes", "must be true or false"},
		{"an anchor", "version: 1", "version: &v 1", "anchors and aliases are not read"},
		{"a tag", "version: 1", "version: !!int 1", "tags (!…) are not read"},
		{"a list for a word", "layout: small", "layout: [small]", "small.yaml:1:9: must be one value"},
		{"a second document", "checks:", "---\nchecks:", "a file holds one table"},
		{"no YAML", "layout: small", "layout: [", "did not find"},
		{"a form that does not exist", "form: fixed", "form: xml", "form must be one of fixed, delimited"},
		{"an encoding that does not exist", "encoding: ASCII", "encoding: EBCDIC", "encoding must be one of"},
		{"a type that does not exist", "type: amount", "type: money", "type must be one of"},
		{"an overlap", "position: 4, length: 8", "position: 3, length: 8", "amount begins at 3 and overlaps state, which ends at 3"},
		{"a gap", "position: 4, length: 8", "position: 5, length: 7", "4-4, between state and amount, belong to no field"},
		{"a record of another length", "line_end: LF", "line_end: LF\nrecord_length: 20", "the fields of detail end at 17, but record_length is 20"},
		{"blocks of no known length", "line_end: LF", "line_end: none", "needs record_length"},
		{"two codes of one meaning that would be written", "{A: active, C: closed}", "{A: active, C: active}", `"A" and "C" both mean active`},
		{"a code too long", "{A: active, C: closed}", "{ABC: active, C: closed}", "no longer than the field"},
		{"a code field without codes", ", codes: {A: active, C: closed}", "", "needs codes"},
		{"a key of another type", "type: date, format", "type: text, format", "format does not belong to type text"},
		{"a date without a year", "format: YYMMDD", "format: DDMMSS", "has a year and a month"},
		{"a date of another length", "format: YYMMDD", "format: YYYYMMDD", "format YYYYMMDD has 8 characters, length is 6"},
		{"a date of other letters", "format: YYMMDD", "format: jjmmdd", "is not made of"},
		{"a field called twice", "name: day", "name: amount", "amount is the name of the field in line 17, too"},
		{"a card verification value", "name: day", "name: cvv", "card verification value"},
		{"a record called twice", "record: trailer", "record: detail", "another record is called detail"},
		{"a record never recognised", "value: T, recognise", "value: H, recognise", "trailer is never recognised"},
		{"a trailer without a mark", "value: T, recognise: true", "value: T", "trailer has nothing to be recognised by"},
		{"records out of order", "part: tail", "part: head", "list the records in the order of the file"},
		{"no body", "part: body", "part: tail", "no record is part of the body"},
		{"a check of a field that does not exist", "trailer.total, sum", "trailer.totall, sum", "record trailer has no field totall"},
		{"a check of a record that does not exist", "count: detail,", "count: line,", "there is no record line to count"},
		{"a condition on no field", "where: {state: active}", "where: {stat: active}", "detail has no field stat"},
		{"a condition on no code", "where: {state: active}", "where: {state: A}", "A is the name of no code of state"},
		{"a check of a date", "sum: detail.amount", "sum: detail.day", "day must be a number or an amount to be added up"},
		{"a check that asks for two things", "sum: detail.amount", "sum: detail.amount, count: detail", "one of same_as, count and sum"},
		{"a check of the body", "trailer.total, sum", "detail.amount, sum", "only fields of head and tail are checked"},
		{"an echo of another type", "{field: trailer.total, sum: detail.amount}", "{field: trailer.total, same_as: header.sequence}", "one field with one of the same type"},
		{"a delimiter in a fixed table", "form: fixed", "form: fixed\ndelimiter: \";\"", "belong to form: delimited"},
		{"a column in a fixed table", "position: 4, length: 8", "position: 4, length: 8, column: 2", "column and heading belong to form: delimited"},
		{"a number filled with something else", "type: amount}\n      - {name: day", "type: amount, pad: \"*\"}\n      - {name: day", "filled with 0 or spaces"},
		{"a plus without a sign", "type: amount}\n      - {name: day", "type: amount, plus: \"+\"}\n      - {name: day", "needs a sign"},
		{"a point without decimals", "type: amount}\n      - {name: day", "type: amount, point: \".\"}\n      - {name: day", "point and decimals belong together"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if !strings.Contains(smallTable, row.old) {
				t.Fatalf("the table has no %q", row.old)
			}
			_, err := Parse("small.yaml", []byte(strings.Replace(smallTable, row.old, row.new, 1)))
			var problems Problems
			if !errors.As(err, &problems) || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
	if _, err := Parse("small.yaml", []byte(smallTable)); err != nil {
		t.Fatal(err)
	}
}

const csvTable = `layout: csv
version: 1
form: delimited
encoding: UTF-8
line_end: LF
delimiter: ","
records:
  - record: row
    part: body
    fields:
      - {name: a, column: 1, type: text}
      - {name: b, column: 2, type: text}
`

func TestADelimitedTableThatMakesNoSenseIsRefused(t *testing.T) {
	for _, row := range []struct{ name, old, new, want string }{
		{"a delimiter of two characters", `delimiter: ","`, `delimiter: ";;"`, "delimiter must be one ASCII character"},
		{"a letter as delimiter", `delimiter: ","`, `delimiter: "x"`, "delimiter must be one ASCII character"},
		{"a position", "column: 1", "position: 1", "position belongs to form: fixed"},
		{"a column twice", "column: 2", "column: 1", "a and b stand in the same column"},
		{"a column left out", "column: 2", "column: 3", "column 3 of 2"},
		{"headings without headings", "line_end: LF", "line_end: LF\nheadings: true", "needs a heading, and no column"},
		{"other headings without headings", "line_end: LF", "line_end: LF\nother_headings: ignore", "needs headings: true"},
		{"filling without a length", "column: 2, type: text", `column: 2, type: text, pad: " "`, "pad needs a length"},
		{"a fixed record length", "line_end: LF", "line_end: LF\nrecord_length: 5", "belong to form: fixed"},
		{"a rest that would be written", "column: 2, type: text", "column: 2, type: text, rest: true", "with direction: in"},
		{"a rest before other columns", "line_end: LF\ndelimiter: \",\"\nrecords:\n  - record: row\n    part: body\n    fields:\n      - {name: a, column: 1, type: text", "line_end: LF\ndirection: in\ndelimiter: \",\"\nrecords:\n  - record: row\n    part: body\n    fields:\n      - {name: a, column: 1, type: text, rest: true", "only the last column can take the rest"},
		{"a rest that is a number", "column: 2, type: text", "column: 2, type: number, rest: true", "rest does not belong to type number"},
		{"a beginning that would be written", "column: 2, type: text", "column: 2, type: constant, value: x, beginning: true", "with direction: in"},
		{"several texts for nothing, one with the delimiter", "column: 2, type: text", `column: 2, type: text, empty: ["null", "a,b"]`, "empty must be printable ASCII"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse("csv.yaml", []byte(strings.Replace(csvTable, row.old, row.new, 1)))
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
		})
	}
	if _, err := Parse("csv.yaml", []byte(csvTable)); err != nil {
		t.Fatal(err)
	}
}

func TestAllProblemsOfATableAreToldAtOnceInItsOrder(t *testing.T) {
	table := strings.NewReplacer("position: 4, length: 8", "position: 5, length: 7", "name: day", "name: Day", "sum: detail.amount", "sum: x.y").Replace(smallTable)
	_, err := Parse("small.yaml", []byte(table))
	var problems Problems
	if !errors.As(err, &problems) || len(problems) != 3 {
		t.Fatalf("%v", err)
	}
	for i := range problems[1:] {
		if problems[i].Line > problems[i+1].Line {
			t.Errorf("out of order:\n%v", err)
		}
	}
}

func TestATableIsLoadedFromItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "small.yaml")
	if _, err := Load(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
	if err := os.WriteFile(path, []byte(smallTable), 0o600); err != nil {
		t.Fatal(err)
	}
	table, err := Load(path)
	if err != nil || table.Name != "small" || table.Kind("detail").Field("day").Place() != "12-17" {
		t.Errorf("%v, %v", table, err)
	}
	if err := os.WriteFile(path, make([]byte, maxTableBytes+1), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("a huge file: %v", err)
	}
}

func TestARecordHiddenByTheBeginningOfAnotherIsRefused(t *testing.T) {
	table := `layout: csv
version: 1
direction: in
form: delimited
encoding: UTF-8
line_end: LF
delimiter: ","
records:
  - record: some
    part: body
    fields: [{name: a, column: 1, type: constant, value: AB, beginning: true, recognise: true}]
  - record: other
    part: body
    fields: [{name: a, column: 1, type: constant, value: ABC, recognise: true}]
`
	if _, err := Parse("csv.yaml", []byte(table)); err == nil || !strings.Contains(err.Error(), "other is never recognised") {
		t.Error(err)
	}
	if _, err := Parse("csv.yaml", []byte(strings.Replace(table, "value: ABC", "value: AC", 1))); err != nil {
		t.Error(err)
	}
}
