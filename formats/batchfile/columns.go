package batchfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"cardbatch/batch"
)

// column is one column of a file: where its values go.
type column struct {
	name   string // ours, for findings
	target target
	number int                       // in batch.Columns
	text   func(*batch.Line) *string // for targetText
	key    string                    // for targetPrivate
}

type target int

const (
	targetText    target = iota // a text of the line
	targetCard                  // the card number
	targetPrivate               // private data
	targetNone                  // dropped
)

// constant is the value of a column that the source's files do not have.
type constant struct {
	column
	value string
}

// columnNumbers finds a column of the interface by its name.
var columnNumbers = func() map[string]int {
	numbers := make(map[string]int, len(batch.Columns))
	for i := range batch.Columns {
		numbers[batch.Columns[i].Name] = i
	}
	return numbers
}()

// findColumn returns the column with one of our names.
func findColumn(name string) (column, bool) {
	if name == batch.CardNumberColumn {
		return column{name: name, target: targetCard, number: columnNumbers[name]}, true
	}
	if i, ok := columnNumbers[name]; ok {
		return column{name: batch.Columns[i].Name, target: targetText, number: i, text: batch.Columns[i].Text}, true
	}
	if key, ok := strings.CutPrefix(name, batch.PrivatePrefix); ok && mentionable(key) {
		return column{name: strings.Clone(name), target: targetPrivate, key: strings.Clone(key)}, true
	}
	return column{}, false
}

// forbidden reports whether a column name promises a card verification value,
// also as part of a name: card_cvv, CVC2, private.csc.
func forbidden(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(batch.ForbiddenColumns, word) })
}

// mentionable reports whether a name from the file reads like a name. Where the
// row of names is missing, a first line of values stands in its place.
func mentionable(name string) bool {
	digits := 0
	for _, r := range name {
		switch {
		case '0' <= r && r <= '9':
			digits++
		case 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || strings.ContainsRune("_-. ", r):
		default:
			return false
		}
	}
	return name != "" && len(name) <= 50 && digits <= 4
}

// layoutOf is what a file's row of column names and its source's options make of
// the columns.
type layoutOf struct {
	columns   []column
	constants []constant
	set       batch.ColumnSet // for the check of lines
}

// readColumns turns a row of column names into the file's columns. Every name
// that cannot be accepted is reported.
func readColumns(names []string, o Options, no int, report func(batch.Finding)) layoutOf {
	var layout layoutOf
	private := 0
	seen := map[string]int{} // our name to its position in the row
	// Without one known name the row is hardly one of names: nothing of it is repeated.
	areNames := slices.ContainsFunc(names, func(theirs string) bool {
		_, known := findColumn(theirs)
		return known || o.Columns[theirs] != ""
	})
	bad := func(code batch.FindingCode, position int, name, message string) {
		f := batch.Finding{Line: no, Code: code, Message: fmt.Sprintf("column %d %s", position+1, message)}
		if areNames && mentionable(name) {
			f.Column = name
		}
		report(f)
	}
	for i, theirs := range names {
		name := theirs
		ours, mapped := o.Columns[theirs]
		if mapped {
			name = ours
		}
		c, known := findColumn(name)
		_, repeated := seen[name]
		switch {
		case forbidden(theirs) || forbidden(name):
			bad(batch.ForbiddenColumn, i, theirs, "would hold a card verification value, which is never accepted: remove the column")
		case mapped && ours == IgnoreColumn:
			layout.columns = append(layout.columns, column{target: targetNone})
		case !known:
			bad(batch.UnknownColumn, i, theirs, "has a name that the interface does not know")
		case repeated:
			bad(batch.DuplicateColumn, i, theirs, "repeats an earlier column")
		default:
			seen[name] = i
			layout.columns = append(layout.columns, c)
			if c.target == targetPrivate {
				private++
			} else {
				layout.set = layout.set.With(c.number)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(o.Constants)) {
		c, _ := findColumn(name)
		if position, sent := seen[name]; sent {
			bad(batch.DuplicateColumn, position, name, "has a fixed value for this source: leave the column out")
			continue
		}
		layout.constants = append(layout.constants, constant{c, o.Constants[name]})
		if c.target == targetPrivate {
			private++
		} else {
			layout.set = layout.set.With(c.number)
		}
	}
	if private > batch.PrivateKeys {
		report(batch.Finding{Line: no, Code: batch.UnknownColumn, Message: "at most 99 private data columns are possible"})
	}
	return layout
}

// check reports what no file could be read with.
func (o Options) check() error {
	if o.Separator != 0 && strings.IndexByte(Separators, o.Separator) < 0 {
		return fmt.Errorf("separator %q is not one of %q", o.Separator, Separators)
	}
	for theirs, ours := range o.Columns {
		if _, known := findColumn(ours); !known && ours != IgnoreColumn {
			return fmt.Errorf("column map: %q is mapped to %q, which is no column of the interface", theirs, ours)
		}
	}
	for name := range o.Constants {
		if c, known := findColumn(name); !known || c.target == targetCard {
			return fmt.Errorf("constants: %q cannot have a fixed value", name)
		}
	}
	return nil
}
