package layout

import (
	"fmt"
	"slices"
	"strings"
)

// Form is how the fields of a record are told apart.
type Form string

const (
	Fixed     Form = "fixed"     // by position
	Delimited Form = "delimited" // by a character between them
)

// Direction says what a table may be used for.
type Direction string

const (
	In   Direction = "in"   // reading only: several codes of the file may mean the same
	Out  Direction = "out"  // writing; what was written can be read for a check
	Both Direction = "both" //
)

// LineEnd is what ends a record when it is written. Reading accepts CRLF and LF
// wherever one of them is expected.
type LineEnd string

const (
	CRLF   LineEnd = "CRLF"
	LF     LineEnd = "LF"
	Blocks LineEnd = "none" // records of one length follow each other without a line end
)

// Part is where in a file records of a kind stand.
type Part string

const (
	Head Part = "head" // at the beginning, in the table's order, once each
	Body Part = "body" // between head and tail, any number, in any order
	Tail Part = "tail" // at the end, in the table's order, once each
)

// Type is what a field holds.
type Type string

const (
	Constant Type = "constant" // always the same characters
	Text     Type = "text"     // printable characters
	Digits   Type = "digits"   // digits that are no number: leading zeros count
	Number   Type = "number"   // a whole number
	Amount   Type = "amount"   // money in whole minor units
	Date     Type = "date"     // a date, by its format; may include a time of day
	Time     Type = "time"     // a time of day, by its format
	Code     Type = "code"     // one of a list of codes, each with a name
	Currency Type = "currency" // an ISO 4217 code, alphabetic or numeric by its format
	CardPAN  Type = "pan"      // a card number: 12 to 19 digits, never shown
	Filler   Type = "filler"   // not used: written empty, not read
)

// Table is a compiled layout. It is made by Load or Parse, is not changed afterwards,
// and may be used by any number of readers and writers at once.
type Table struct {
	Name      string // as in the layout key
	Version   int
	Title     string
	Note      string // where the layout comes from and what is doubtful about it
	Direction Direction
	Form      Form
	Encoding  string
	LineEnd   LineEnd

	RecordLength int  // fixed: bytes of every record, or 0 when kinds differ in length
	Trimmed      bool // fixed: read lines may lack the spaces at their end

	Delimiter     byte // delimited: between fields
	Quotes        bool // delimited: fields may be quoted as in RFC 4180, without line breaks
	Headings      bool // delimited: a record of headings stands between head and body
	OtherHeadings bool // delimited: headings that the table does not know are passed over

	Kinds  []*Kind
	Checks []*Check

	charset charset
}

// Kind returns the kind of record with the name, or nil.
func (t *Table) Kind(name string) *Kind {
	i := slices.IndexFunc(t.Kinds, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return t.Kinds[i]
}

// headed is the kind that the headings belong to: the only one of the body.
func (t *Table) headed() *Kind {
	i := slices.IndexFunc(t.Kinds, func(k *Kind) bool { return k.Part == Body })
	if i < 0 || !t.Headings {
		return nil
	}
	return t.Kinds[i]
}

// Kind is one kind of record.
type Kind struct {
	Name     string
	About    string
	Part     Part
	Optional bool // head and tail: may be missing. Body: always
	Fields   []*Field
	Length   int // fixed: bytes of a record without its line end

	number  int  // in Table.Kinds
	columns int  // delimited: how many a record has
	rest    bool // delimited: the last of them takes the rest of the line, and may be missing
}

// Field returns the field with the name, or nil. A nil kind has no fields.
func (k *Kind) Field(name string) *Field {
	if k == nil {
		return nil
	}
	i := slices.IndexFunc(k.Fields, func(f *Field) bool { return f.Name == name })
	if i < 0 {
		return nil
	}
	return k.Fields[i]
}

// byTurn reports whether records of the kind have nothing to be recognised by: they
// are recognised by their turn.
func (k *Kind) byTurn() bool {
	return !slices.ContainsFunc(k.Fields, func(f *Field) bool { return f.Recognise })
}

// Field is one field of a kind of record.
type Field struct {
	Name  string
	About string
	Type  Type

	Position int    // fixed: the first byte, counted from 1
	Length   int    // fixed: bytes; delimited: bytes at most
	Column   int    // delimited: counted from 1; with headings, where it is written
	Heading  string // delimited with headings: the name of the column in the file

	Right bool // the value stands at the right end of the field
	Pad   byte // fills the rest of the field; 0: nothing does

	Mandatory bool
	Sensitive bool     // never shown; card numbers are sensitive always
	Lossy     bool     // writing: cut to the length, characters that the encoding lacks become '?'
	Recognise bool     // constant: the record is recognised by it
	Beginning bool     // constant: the column only begins with it
	Rest      bool     // the last column: everything up to the end of the line
	Empty     []string // what stands for no value; the first is written

	Value       string // constant
	Format      string // date and time: pattern; currency: alphabetic or numeric
	Codes       []CodeName
	KeepUnknown bool   // code: one that the table does not know is told to the reader, and is no finding
	Sign        Sign   // number and amount
	Plus        string // sign of what is not negative, when written: "+", " " or ""
	Point       byte   // number and amount: between whole and fraction; 0: none is written
	Decimals    int    // digits after Point

	kind    *Kind
	number  int // in Kind.Fields
	pattern []patternPart
	nameOf  map[string]string // code: name by what stands in the file
	codeOf  map[string]string // code: what stands in the file by name
	raw     []byte            // constant: as written
}

// CodeName is a code as it stands in a file, and its name in the program.
type CodeName struct{ Code, Name string }

// Sign says where the sign of a number stands.
type Sign string

const (
	Unsigned Sign = "none"
	Leading  Sign = "leading"
	Trailing Sign = "trailing"
)

// last is the last byte of a fixed field, counted from 1.
func (f *Field) last() int { return f.Position + f.Length - 1 }

func (f *Field) secret() bool { return f.Sensitive || f.Type == CardPAN }

// isNumeric reports whether the field holds a number that can be added up.
func (f *Field) isNumeric() bool { return f.Type == Number || f.Type == Amount }

// Place is where the field stands in its record: "4-55" in bytes, or the column.
func (f *Field) Place() string {
	switch {
	case f.Position == 0:
		return fmt.Sprint(f.Column)
	case f.Length == 1:
		return fmt.Sprint(f.Position)
	}
	return fmt.Sprintf("%d-%d", f.Position, f.last())
}

// Check compares fields of a header or trailer with the rest of the file. The values
// of its fields, added up, must be what SameAs, Count or Sum says. A writer fills a
// check's field in by itself when it stands in the tail, alone, and has no value.
type Check struct {
	Fields []*Field // all of one kind, head or tail
	SameAs *Field   // the same value stands here, in another record of head or tail
	Count  []*Kind  // how many records of these kinds there are
	Sum    *Field   // the sum of this field over all records
	Where  []Condition
}

// Condition restricts Count and Sum to records in which a field has a value: the name
// of a code, or the text itself.
type Condition struct {
	Fields []*Field // of this name, one per kind counted
	Value  string
}

// String tells what the check's fields must be: "count of detail where action is add".
func (c *Check) String() string {
	var text string
	switch {
	case c.SameAs != nil:
		return "same as " + c.SameAs.kind.Name + "." + c.SameAs.Name
	case c.Sum != nil:
		text = "sum of " + c.Sum.kind.Name + "." + c.Sum.Name
	default:
		names := make([]string, len(c.Count))
		for i, k := range c.Count {
			names[i] = k.Name
		}
		text = "count of " + strings.Join(names, ", ")
	}
	for i, w := range c.Where {
		word := " and "
		if i == 0 {
			word = " where "
		}
		text += word + w.Fields[0].Name + " is " + w.Value
	}
	return text
}

// subject names the check's fields: "adds", or "debits + credits".
func (c *Check) subject() string {
	names := make([]string, len(c.Fields))
	for i, f := range c.Fields {
		names[i] = f.Name
	}
	return strings.Join(names, " + ")
}
