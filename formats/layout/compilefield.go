package layout

import (
	"fmt"
	"slices"
	"strings"
)

// keysOf lists the keys that only some types have; all others suit every type.
var keysOf = map[string][]Type{
	"value":     {Constant},
	"recognise": {Constant},
	"beginning": {Constant},
	"rest":      {Text, Filler},
	"codes":     {Code},
	"unknown":   {Code},
	"format":    {Date, Time, Currency},
	"sign":      {Number, Amount},
	"plus":      {Number, Amount},
	"point":     {Number, Amount},
	"decimals":  {Number, Amount},
	"lossy":     {Text},
	"empty":     {Text, Digits, Number, Amount, Date, Time, Currency, CardPAN},
	"mandatory": {Text, Digits, Number, Amount, Date, Time, Code, Currency, CardPAN},
	"sensitive": {Text, Digits, Number, Amount, Date, Time, Code, CardPAN},
}

func (s *source) compileField(t *Table, raw *fieldSource, headings bool) *Field {
	f := &Field{
		Name: raw.Name, About: raw.About, Position: raw.Position, Length: raw.Length, Column: raw.Column, Heading: raw.Heading,
		Mandatory: raw.Mandatory, Sensitive: raw.Sensitive, Lossy: raw.Lossy, Recognise: raw.Recognise, Beginning: raw.Beginning,
		Rest: raw.Rest, Empty: raw.Empty, Value: raw.Value, Format: raw.Format, Decimals: raw.Decimals,
	}
	wrong := func(format string, args ...any) { s.problem(raw.at, f.Name+": "+format, args...) }
	f.Type = choose(s, raw.at, "type", raw.Type, "", Constant, Text, Digits, Number, Amount, Date, Time, Code, Currency, CardPAN, Filler)
	if !isName(raw.Name) {
		wrong("name must be lower-case letters, digits and underscores")
	}
	if isForbidden(raw.Name) || isForbidden(raw.Heading) {
		wrong("would hold a card verification value, which is never accepted")
	}
	for _, key := range raw.given {
		if types, some := keysOf[key]; some && f.Type != "" && !slices.Contains(types, f.Type) {
			wrong("%s does not belong to type %s", key, f.Type)
		}
	}
	f.Sensitive = f.Sensitive || f.Type == CardPAN
	s.place(t, f, headings, wrong)
	s.padding(t, f, raw, wrong)
	if f.Type == "" || f.Length == 0 {
		return f // told already
	}
	s.content(t, f, raw, wrong)
	return f
}

type complain func(format string, args ...any)

// place checks where the field stands.
func (s *source) place(t *Table, f *Field, headings bool, wrong complain) {
	if f.Length > maxFieldLength {
		wrong("length is at most %d", maxFieldLength)
	}
	if (f.Rest || f.Beginning) && (t.Form == Fixed || t.Direction != In || headings) {
		wrong("rest and beginning belong to form: delimited with direction: in, and not below headings")
	}
	if t.Form == Fixed {
		if f.Position == 0 || f.Length == 0 || f.Position > maxRecordLength {
			wrong("needs position and length")
			f.Length = 0
		}
		if f.Column != 0 || f.Heading != "" {
			wrong("column and heading belong to form: delimited")
		}
		return
	}
	if f.Position != 0 {
		wrong("position belongs to form: fixed")
		f.Position = 0
	}
	if f.Length == 0 {
		f.Length = defaultLength
	}
	switch {
	case headings && (f.Heading == "" || f.Column != 0):
		wrong("needs a heading, and no column: the headings of the file say where it stands")
	case headings && (containsAny(f.Heading, t.Delimiter) || strings.TrimSpace(f.Heading) != f.Heading || !t.charset.holds(f.Heading)):
		wrong("a heading must be printable text of the table's encoding, without spaces around it, delimiters or quotation marks")
	case !headings && (f.Heading != "" || f.Column == 0):
		wrong("needs a column, and no heading")
	}
}

// padding sets on which side the value stands and what fills the rest.
func (s *source) padding(t *Table, f *Field, raw *fieldSource, wrong complain) {
	f.Right = f.isNumeric()
	if t.Form == Fixed {
		f.Pad = ' '
		if f.isNumeric() {
			f.Pad = '0'
		}
	}
	if raw.Align != "" {
		f.Right = choose(s, raw.at, "align", raw.Align, "", "left", "right") == "right"
	}
	if raw.Pad != "" {
		if len(raw.Pad) != 1 || raw.Pad[0] < ' ' || raw.Pad[0] > '~' {
			wrong("pad must be one printable ASCII character")
			return
		}
		f.Pad = raw.Pad[0]
	}
	switch {
	case f.Pad == 0:
	case f.Pad == '"' || f.Pad == t.Delimiter:
		wrong("pad must not be the delimiter or a quotation mark")
	case t.Form == Delimited && raw.Length == 0:
		wrong("pad needs a length to fill up to")
	case f.isNumeric() && (!f.Right || f.Pad != '0' && f.Pad != ' '):
		wrong("a number stands at the right and is filled with 0 or spaces")
	case f.Type == Digits && f.Pad != ' ', f.Type == Filler && f.Pad != ' ',
		f.Type == Code && f.Pad != ' ', f.Type == Constant && f.Pad != ' ', f.Type == Currency && f.Pad != ' ',
		(f.Type == Date || f.Type == Time) && f.Pad != ' ':
		wrong("type %s is filled with spaces: any other filling could be part of the value", f.Type)
	case f.Type == CardPAN && f.Pad != ' ' && (f.Pad != '0' || !f.Right):
		wrong("a card number is filled with spaces, or with 0 at its left")
	}
}

// content checks what depends on the type.
func (s *source) content(t *Table, f *Field, raw *fieldSource, wrong complain) {
	switch f.Type {
	case Constant:
		s.constant(t, f, wrong)
	case Code:
		s.codes(t, f, raw, wrong)
	case Date, Time:
		pattern, err := compilePattern(f.Format, f.Type)
		if err != nil {
			wrong("%v", err)
		} else if f.Length < len(f.Format) || t.Form == Fixed && f.Length != len(f.Format) {
			wrong("format %s has %d characters, length is %d", f.Format, len(f.Format), f.Length)
		}
		f.pattern = pattern
	case Currency:
		f.Format = choose(s, raw.at, "format", raw.Format, "", "alphabetic", "numeric")
		if f.Length < 3 {
			wrong("a currency has 3 characters")
		}
	case Number, Amount:
		s.number(f, raw, wrong)
	}
	for _, empty := range f.Empty {
		if len(empty) > f.Length || containsAny(empty, t.Delimiter) || !printable(empty) {
			wrong("empty must be printable ASCII, no longer than the field and without the delimiter")
		}
	}
	if f.Type == CardPAN && f.Length < minPAN {
		wrong("a card number has %d to %d digits", minPAN, maxPAN)
	}
}

func (s *source) number(f *Field, raw *fieldSource, wrong complain) {
	f.Sign = choose(s, raw.at, "sign", raw.Sign, Unsigned, Leading, Trailing, Unsigned)
	f.Plus = raw.Plus
	if !slices.Contains([]string{"", "+", " "}, f.Plus) || f.Plus != "" && f.Sign == Unsigned {
		wrong(`plus is "+" or " ", and needs a sign`)
	}
	if (raw.Point == "") != (raw.Decimals == 0) || f.Decimals > 9 {
		wrong("point and decimals belong together; a file without a point has whole minor units")
	}
	if raw.Point != "" {
		if raw.Point != "." && raw.Point != "," {
			wrong(`point is "." or ","`)
		} else {
			f.Point = raw.Point[0]
		}
		if f.Length < f.Decimals+2 {
			wrong("is too short for a point, %d decimals and a digit before them", f.Decimals)
		}
	}
}

func (s *source) constant(t *Table, f *Field, wrong complain) {
	switch {
	case f.Value == "":
		wrong("a constant needs a value")
	case len(f.Value) > f.Length || !printable(f.Value) || containsAny(f.Value, t.Delimiter):
		wrong("value must be printable ASCII, no longer than the field and without the delimiter")
	case strings.TrimSpace(f.Value) != f.Value:
		wrong("value must not begin or end with spaces: they are filling")
	}
	f.raw = []byte(f.Value)
}

func (s *source) codes(t *Table, f *Field, raw *fieldSource, wrong complain) {
	f.KeepUnknown = choose(s, raw.at, "unknown", raw.Unknown, "reject", "reject", "keep") == "keep"
	if len(raw.Codes) == 0 {
		wrong("needs codes: what stands in the file, and its name")
	}
	f.nameOf, f.codeOf = map[string]string{}, map[string]string{}
	for _, p := range raw.Codes {
		if len(p.key) > f.Length || !printable(p.key) || containsAny(p.key, t.Delimiter) || strings.TrimSpace(p.key) != p.key {
			s.problem(p.at, "%s: code must be printable ASCII, no longer than the field, without spaces around it and without the delimiter", f.Name)
		}
		if !isCodeName(p.value) {
			s.problem(p.at, "%s: the name of a code is letters, digits, underscores and dashes", f.Name)
		}
		if p.key == "" && f.Mandatory {
			s.problem(p.at, "%s: an empty code is never seen in a mandatory field", f.Name)
		}
		if other, twice := f.codeOf[p.value]; twice && t.Direction != In {
			s.problem(p.at, "%s: %s and %s both mean %s; only a table with direction: in may have that", f.Name, quoted(other), quoted(p.key), p.value)
		} else if !twice {
			f.codeOf[p.value] = p.key
		}
		f.nameOf[p.key] = p.value
		f.Codes = append(f.Codes, CodeName{p.key, p.value})
	}
}

func isCodeName(name string) bool {
	return name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == ""
}

func quoted(text string) string { return fmt.Sprintf("%q", text) }

// printable reports whether text is printable ASCII.
func printable(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// containsAny reports whether a delimited file could not hold text without quotes.
func containsAny(text string, delimiter byte) bool {
	return delimiter != 0 && (strings.IndexByte(text, delimiter) >= 0 || strings.IndexByte(text, '"') >= 0)
}
