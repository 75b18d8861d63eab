package layout

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"cardbatch/batch"
)

// Limits of a table. They are far above any layout known, and keep a record small
// enough to be held, and its positions countable.
const (
	maxKinds        = 50
	maxFields       = 500
	maxFieldLength  = 4 << 10
	maxRecordLength = 32 << 10
	defaultLength   = 255 // of a delimited field that names none
)

// compile turns what a file says into a table and checks that it makes sense.
func (s *source) compile(raw *tableSource) *Table {
	t := &Table{
		Name: raw.Layout, Version: raw.Version, Title: raw.Title, Note: raw.Note, RecordLength: raw.RecordLength,
		Trimmed: raw.Trimmed, Headings: raw.Headings,
	}
	if !isName(raw.Layout) {
		s.problem(raw.at, "layout must name the table: lower-case letters, digits and dashes")
	}
	if raw.Version == 0 {
		s.problem(raw.at, "version is missing: count the versions of your table from 1")
	}
	t.Form = choose(s, raw.at, "form", raw.Form, "", Fixed, Delimited)
	t.Direction = choose(s, raw.at, "direction", raw.Direction, Both, In, Out, Both)
	t.LineEnd = choose(s, raw.at, "line_end", raw.LineEnd, "", CRLF, LF, Blocks)
	t.Encoding = choose(s, raw.at, "encoding", raw.Encoding, "", ASCII, Latin1, CP1252, UTF8)
	t.charset, _ = findCharset(t.Encoding)
	if len(s.problems) > 0 {
		return nil // everything below depends on these
	}
	s.compileForm(t, raw)
	if n := len(raw.Records); n == 0 || n > maxKinds {
		s.problem(raw.at, "records must list 1 to %d kinds of records", maxKinds)
		return nil
	}
	for i := range raw.Records {
		t.Kinds = append(t.Kinds, s.compileKind(t, &raw.Records[i], i))
	}
	s.checkKinds(t, raw)
	for i := range raw.Checks {
		if c := s.compileCheck(t, &raw.Checks[i]); c != nil {
			t.Checks = append(t.Checks, c)
		}
	}
	return t
}

// compileForm reads what only one of the two forms has.
func (s *source) compileForm(t *Table, raw *tableSource) {
	if t.Form == Fixed {
		if raw.Delimiter != "" || raw.Quotes != "" || raw.Headings || raw.OtherHeadings != "" {
			s.problem(raw.at, "delimiter, quotes and headings belong to form: delimited")
		}
		if t.LineEnd == Blocks && t.RecordLength == 0 {
			s.problem(raw.at, "line_end: none needs record_length, or nothing tells the records apart")
		}
		if t.Trimmed && t.LineEnd == Blocks {
			s.problem(raw.at, "trimmed records need a line end")
		}
		if t.RecordLength > maxRecordLength {
			s.problem(raw.at, "record_length is at most %d", maxRecordLength)
		}
		return
	}
	if raw.RecordLength != 0 || raw.Trimmed || t.LineEnd == Blocks {
		s.problem(raw.at, "record_length, trimmed and line_end: none belong to form: fixed")
	}
	if len(raw.Delimiter) != 1 || !isDelimiter(raw.Delimiter[0]) {
		s.problem(raw.at, `delimiter must be one ASCII character such as ";" or "\t", no letter, digit, quotation mark or line end`)
	} else {
		t.Delimiter = raw.Delimiter[0]
	}
	t.Quotes = choose(s, raw.at, "quotes", raw.Quotes, "double", "double", "none") == "double"
	if raw.OtherHeadings != "" && !raw.Headings {
		s.problem(raw.at, "other_headings needs headings: true")
	}
	t.OtherHeadings = choose(s, raw.at, "other_headings", raw.OtherHeadings, "reject", "reject", "ignore") == "ignore"
}

func (s *source) compileKind(t *Table, raw *recordSource, number int) *Kind {
	k := &Kind{Name: raw.Record, About: raw.About, Optional: raw.Optional, number: number}
	k.Part = choose(s, raw.at, "part", raw.Part, "", Head, Body, Tail)
	if !isName(raw.Record) {
		s.problem(raw.at, "record must name the kind of record: lower-case letters, digits and underscores")
	}
	if k.Part == Body && raw.Optional {
		s.problem(raw.at, "records of the body are always optional; remove the key")
	}
	if n := len(raw.Fields); n == 0 || n > maxFields {
		s.problem(raw.at, "fields must list 1 to %d fields", maxFields)
	}
	headings := t.Headings && k.Part == Body
	names := map[string]int{}
	for i := range raw.Fields {
		source := &raw.Fields[i]
		f := s.compileField(t, source, headings)
		f.kind, f.number = k, i
		if line, twice := names[f.Name]; twice && f.Type != Filler {
			s.problem(source.at, "%s is the name of the field in line %d, too", f.Name, line)
		}
		names[f.Name] = source.at.line
		if headings {
			if f.Recognise {
				s.problem(source.at, "%s: records below headings are not recognised by a constant: their columns may stand in any order", f.Name)
			}
			f.Column = i + 1
		}
		k.Fields = append(k.Fields, f)
	}
	if t.Form == Fixed {
		s.checkPositions(t, k, raw)
	} else {
		s.checkColumns(k, raw, headings)
	}
	return k
}

// checkPositions finds overlaps and gaps: every byte belongs to one field.
func (s *source) checkPositions(t *Table, k *Kind, raw *recordSource) {
	order := make([]int, len(k.Fields))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return k.Fields[a].Position - k.Fields[b].Position })
	next, before := 1, "the record's beginning"
	for _, i := range order {
		f := k.Fields[i]
		if f.Position == 0 || f.Length == 0 {
			return // told already
		}
		switch {
		case f.Position < next:
			s.problem(raw.Fields[i].at, "%s begins at %d and overlaps %s, which ends at %d", f.Name, f.Position, before, next-1)
		case f.Position > next:
			s.problem(raw.Fields[i].at, "%d-%d, between %s and %s, belong to no field: add a field of type filler", next, f.Position-1, before, f.Name)
		}
		next, before = max(next, f.last()+1), f.Name
	}
	k.Length = next - 1
	if t.RecordLength > 0 && k.Length != t.RecordLength {
		s.problem(raw.at, "the fields of %s end at %d, but record_length is %d", k.Name, k.Length, t.RecordLength)
	}
	if k.Length > maxRecordLength {
		s.problem(raw.at, "a record may have at most %d bytes", maxRecordLength)
	}
}

// checkColumns makes sure that the columns are numbered from 1, each once.
func (s *source) checkColumns(k *Kind, raw *recordSource, headings bool) {
	k.columns = len(k.Fields)
	owner := map[int]string{}
	titles := map[string]string{}
	for i, f := range k.Fields {
		at := raw.Fields[i].at
		if headings {
			title := foldHeading(f.Heading)
			if other, twice := titles[title]; twice && title != "" {
				s.problem(at, "%s and %s have the same heading", other, f.Name)
			}
			titles[title] = f.Name
			continue
		}
		if other, twice := owner[f.Column]; twice {
			s.problem(at, "%s and %s stand in the same column", other, f.Name)
		}
		if f.Rest {
			k.rest = true
			if f.Column != len(k.Fields) {
				s.problem(at, "%s: only the last column can take the rest of the line", f.Name)
			}
		}
		if f.Column > len(k.Fields) {
			s.problem(at, "column %d of %d: number the columns from 1 and describe what is not used as type filler", f.Column, len(k.Fields))
		}
		owner[f.Column] = f.Name
	}
}

// checkKinds makes sure that every kind of record can be recognised.
func (s *source) checkKinds(t *Table, raw *tableSource) {
	names := map[string]bool{}
	bodies := 0
	part := Head
	for i, k := range t.Kinds {
		at := raw.Records[i].at
		if names[k.Name] {
			s.problem(at, "another record is called %s, too", k.Name)
		}
		names[k.Name] = true
		if rank(k.Part) < rank(part) {
			s.problem(at, "list the records in the order of the file: head, body, tail")
		}
		part = k.Part
		if k.Part == Body {
			bodies++
		}
		if k.byTurn() && (k.Part == Tail || k.Part == Head && k.Optional) {
			s.problem(at, "%s has nothing to be recognised by: set recognise on a constant", k.Name)
		}
		for _, earlier := range t.Kinds[:i] {
			// A head record that is recognised by its turn takes no other's place.
			if earlier.Part == Head && earlier.byTurn() {
				continue
			}
			if covers(earlier, k) {
				s.problem(at, "%s is never recognised: whatever marks it marks %s, which stands before it", k.Name, earlier.Name)
			}
		}
	}
	if bodies == 0 {
		s.problem(raw.at, "no record is part of the body")
	}
	if t.Headings && bodies != 1 {
		s.problem(raw.at, "with headings there must be one kind of record in the body")
	}
}

// covers reports whether every record recognised as k would be recognised as earlier.
// The body's record without marks takes what nobody else wants, so it covers nothing
// but another like it.
func covers(earlier, k *Kind) bool {
	if earlier.byTurn() {
		return k.byTurn() && k.Part == Body
	}
	for _, f := range earlier.Fields {
		if f.Recognise && !slices.ContainsFunc(k.Fields, func(g *Field) bool { return g.Recognise && g.begins(f) }) {
			return false
		}
	}
	return true
}

// begins reports whether g, where it has its value, begins with f and its value.
func (g *Field) begins(f *Field) bool {
	if g.Position == 0 {
		return g.Column == f.Column && (g.Value == f.Value || f.Beginning && strings.HasPrefix(g.Value, f.Value))
	}
	if g.Position != f.Position || g.Length < f.Length {
		return false
	}
	filled := g.Value + strings.Repeat(" ", g.Length-len(g.Value))
	return strings.TrimSpace(filled[:f.Length]) == f.Value
}

func rank(p Part) int { return slices.Index([]Part{Head, Body, Tail}, p) }

// choose returns the word that a key has, one of those allowed.
func choose[T ~string](s *source, at mark, key, given string, otherwise T, allowed ...T) T {
	if given == "" && otherwise != "" {
		return otherwise
	}
	if slices.Contains(allowed, T(given)) {
		return T(given)
	}
	names := make([]string, len(allowed))
	for i := range allowed {
		names[i] = string(allowed[i])
	}
	s.problem(at, "%s must be one of %s", key, strings.Join(names, ", "))
	return otherwise
}

func isName(name string) bool {
	if name == "" || len(name) > 50 || name[0] < 'a' || name[0] > 'z' {
		return false
	}
	return strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789_-") == ""
}

func isDelimiter(b byte) bool {
	return b == '\t' || b >= ' ' && b < 0x7f && b != '"' && !unicode.IsLetter(rune(b)) && !unicode.IsDigit(rune(b))
}

// isForbidden reports whether a name is that of a card verification value.
func isForbidden(name string) bool {
	words := strings.FieldsFunc(strings.ToLower(name), func(r rune) bool { return !unicode.IsLetter(r) })
	return slices.ContainsFunc(words, func(word string) bool { return slices.Contains(batch.ForbiddenColumns, word) })
}

// compileCheck finds the fields that a check names.
func (s *source) compileCheck(t *Table, raw *checkSource) *Check {
	before := len(s.problems)
	c := &Check{}
	if len(raw.Field) == 0 {
		s.problem(raw.at, "field is missing: which field of header or trailer is checked?")
	}
	for _, name := range raw.Field {
		if f := s.fieldAt(t, raw.at, name); f != nil {
			c.Fields = append(c.Fields, f)
		}
	}
	given := 0
	if raw.SameAs != "" {
		given++
		c.SameAs = s.fieldAt(t, raw.at, raw.SameAs)
	}
	if len(raw.Count) > 0 {
		given++
		s.countedKinds(t, raw, c)
	}
	if raw.Sum != "" {
		given++
		c.Sum = s.fieldAt(t, raw.at, raw.Sum)
	}
	if given != 1 {
		s.problem(raw.at, "a check has one of same_as, count and sum")
	}
	if len(s.problems) > before {
		return nil
	}
	s.checkOperands(c, raw)
	s.conditions(c, raw)
	if len(s.problems) > before {
		return nil
	}
	return c
}

func (s *source) countedKinds(t *Table, raw *checkSource, c *Check) {
	for _, name := range raw.Count {
		k := t.Kind(name)
		if k == nil {
			s.problem(raw.at, "there is no record %s to count", name)
			continue
		}
		c.Count = append(c.Count, k)
	}
}

// checkOperands makes sure that what is compared can be compared.
func (s *source) checkOperands(c *Check, raw *checkSource) {
	for _, f := range c.Fields {
		switch {
		case f.kind != c.Fields[0].kind:
			s.problem(raw.at, "the fields of a check must be of one record")
		case f.kind.Part == Body:
			s.problem(raw.at, "%s is part of the body; only fields of head and tail are checked", f.kind.Name)
		case c.SameAs == nil && !f.isNumeric():
			s.problem(raw.at, "%s must be a number or an amount", f.Name)
		}
	}
	if c.SameAs != nil {
		if len(c.Fields) > 1 || c.SameAs.kind == c.Fields[0].kind || c.SameAs.kind.Part == Body || c.SameAs.Type != c.Fields[0].Type || c.SameAs.Type == Filler || c.SameAs.Type == CardPAN {
			s.problem(raw.at, "same_as compares one field with one of the same type in another record of head or tail")
		}
		if len(raw.Where) > 0 {
			s.problem(raw.at, "where belongs to count and sum")
		}
	}
	if c.Sum != nil && !c.Sum.isNumeric() {
		s.problem(raw.at, "%s must be a number or an amount to be added up", c.Sum.Name)
	}
}

// conditions finds the fields that where names, in every kind that is counted.
func (s *source) conditions(c *Check, raw *checkSource) {
	kinds := c.Count
	if c.Sum != nil {
		kinds = []*Kind{c.Sum.kind}
	}
	for _, p := range raw.Where {
		w := Condition{Value: p.value}
		for _, k := range kinds {
			f := k.Field(p.key)
			switch {
			case f == nil:
				s.problem(p.at, "%s has no field %s", k.Name, p.key)
			case f.Type == Code && f.codeOf[p.value] == "" && !slices.ContainsFunc(f.Codes, func(c CodeName) bool { return c.Name == p.value }):
				s.problem(p.at, "%s is the name of no code of %s", p.value, p.key)
			case f.Type != Code && f.Type != Text && f.Type != Digits:
				s.problem(p.at, "%s must be a code or a text to be a condition", p.key)
			default:
				w.Fields = append(w.Fields, f)
			}
		}
		c.Where = append(c.Where, w)
	}
}

// fieldAt finds a field by record.field.
func (s *source) fieldAt(t *Table, at mark, name string) *Field {
	record, field, _ := strings.Cut(name, ".")
	k := t.Kind(record)
	if k == nil {
		s.problem(at, "%s: there is no record %s", name, record)
		return nil
	}
	f := k.Field(field)
	if f == nil {
		s.problem(at, "%s: record %s has no field %s", name, record, field)
	}
	return f
}

func (f *Field) String() string { return fmt.Sprintf("%s.%s", f.kind.Name, f.Name) }
