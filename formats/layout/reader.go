package layout

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"cardbatch/batch"
)

// Limits of a file. Options may lower them.
const (
	MaxFileBytes   = 2 << 30
	MaxFileRecords = 10_000_000
)

// Options are limits lower than those of the package, 0 leaves them, and what else the
// program knows about its records.
type Options struct {
	MaxBytes   int64
	MaxRecords int

	// Check is asked about every record in which nothing was found: what a table cannot
	// say. Each call of bad makes a finding of the code FIELD_FORMAT; its message is a
	// sentence without the value.
	Check func(rec *Record, bad func(f *Field, message string))
}

// Reader reads a file record by record and checks it as it goes. Its memory does not
// grow with the file.
type Reader struct {
	table   *Table
	lines   *physicalRecords
	limit   int // of records
	check   func(*Record, func(*Field, string))
	order   *sequence
	tallies []tally

	headed  *Kind // the kind that the headings belong to
	columns []int // where its fields stand in the file, -1: nowhere; nil: not read yet
	width   int   // columns of the file's headings

	started  bool
	ended    error // what every further Read returns
	findings []Finding
	more     int

	// Reused from record to record.
	record   *Record
	line     int
	own      []Finding
	fields   []span
	texts    []textSpan
	extended []byte
}

// NewReader returns a reader of the file that r streams.
func NewReader(r io.Reader, t *Table, o Options) *Reader {
	maxBytes, maxRecords := int64(MaxFileBytes), MaxFileRecords
	if o.MaxBytes > 0 {
		maxBytes = min(maxBytes, o.MaxBytes)
	}
	if o.MaxRecords > 0 {
		maxRecords = min(maxRecords, o.MaxRecords)
	}
	return &Reader{
		table: t, lines: newPhysicalRecords(r, t, maxBytes), limit: maxRecords, check: o.Check, order: newSequence(t), tallies: newTallies(t), headed: t.headed(),
	}
}

// Read reads the next record into rec and returns what is wrong with it; that slice is
// reused by the next call. A record with findings is filled as far as it could be read.
// Lines that are no record of the table are told at the end.
//
// The error is io.EOF after the last record of a file without findings, a *FileError
// with all of them, those returned before included, at the end of one that must be
// rejected, or whatever the stream returned. A file is read on where that makes sense,
// so that its FileError says as much as possible.
func (r *Reader) Read(rec *Record) ([]Finding, error) {
	for r.ended == nil {
		line, ok := r.next()
		if !ok {
			break
		}
		if r.headings(line) {
			continue
		}
		kind := r.recognise(line)
		if kind == nil {
			r.report(Finding{Line: r.line, Code: UnknownRecord, Message: "the line is no record of the layout table"})
			for i := range r.tallies {
				r.tallies[i].spoil(nil)
			}
			continue
		}
		rec.reset(kind)
		rec.line = r.line
		r.read(line, rec)
		return r.own, nil
	}
	return nil, r.ended
}

// read fills rec, whose kind is known, from its line.
func (r *Reader) read(line []byte, rec *Record) {
	r.record, r.own = rec, r.own[:0]
	if code, message := r.order.step(rec.kind); message != "" {
		r.bad(nil, code, message)
	}
	if r.hasAllFields(line, rec.kind) {
		r.decodeRecord(line, rec)
	}
	if r.check != nil && len(r.own) == 0 {
		r.check(rec, r.odd)
	}
	for i := range r.tallies {
		t := &r.tallies[i]
		if len(r.own) > 0 {
			t.spoil(rec.kind)
		}
		t.count(rec)
		t.take(rec)
	}
	r.keep(r.own)
}

// hasAllFields makes sure that a line has all its bytes, or columns, and splits it into
// columns. A line that lacks some is not read at all: its values would be others'.
func (r *Reader) hasAllFields(line []byte, k *Kind) bool {
	if r.table.Form == Fixed {
		if len(line) != k.Length {
			r.bad(nil, RecordLength, fmt.Sprintf("the record has %d bytes, expected %d", len(line), k.Length))
		}
		return len(line) == k.Length
	}
	want, rest := k.columns, -1
	if k == r.headed && r.columns != nil {
		want = r.width
	}
	if k.rest {
		rest = k.columns - 1
	}
	var broken int
	r.fields, broken = r.table.split(line, r.fields, rest)
	switch {
	case broken >= 0:
		r.bad(nil, batch.Quoting, fmt.Sprintf("the quoting of column %d is wrong: quote a field as a whole, and double the quotation marks within", broken+1))
	case len(r.fields) != want && k.rest:
		r.bad(nil, batch.FieldCount, fmt.Sprintf("expected at least %d columns, found %d", rest, len(r.fields)))
	case len(r.fields) != want:
		r.bad(nil, batch.FieldCount, fmt.Sprintf("expected %d columns, found %d", want, len(r.fields)))
	default:
		return true
	}
	return false
}

// odd is what Options.Check tells about the record at hand.
func (r *Reader) odd(f *Field, message string) { r.bad(f, batch.FieldFormat, message) }

// bad notes a finding of the record at hand.
func (r *Reader) bad(f *Field, code batch.FindingCode, message string) {
	found := Finding{Line: r.line, Record: r.record.kind.Name, Code: code, Message: message}
	if f != nil {
		found.Field = f.Name
		if f.Position > 0 {
			found.From, found.To = f.Position, f.last()
		} else {
			found.Column = f.Column
			if r.columns != nil && f.kind == r.headed {
				found.Column = r.columns[f.number] + 1
			}
		}
	}
	r.own = append(r.own, found)
}

// recognise finds the kind of a line; nil: it is none of the table's.
func (r *Reader) recognise(line []byte) *Kind {
	if k := r.order.turn(); k != nil && !r.marked(line) {
		return k
	}
	var other *Kind
	for _, k := range r.table.Kinds {
		if k.byTurn() {
			if k.Part == Body {
				other = k
			}
			continue
		}
		if r.table.marks(line, k) {
			return k
		}
	}
	return other
}

// marked reports whether a line is recognised by its constants as some kind that could
// stand there instead: one of the tail cannot.
func (r *Reader) marked(line []byte) bool {
	for _, k := range r.table.Kinds {
		if k.Part != Tail && !k.byTurn() && r.table.marks(line, k) {
			return true
		}
	}
	return false
}

// marks reports whether a line has what records of the kind are recognised by.
func (t *Table) marks(line []byte, k *Kind) bool {
	for _, f := range k.Fields {
		if !f.Recognise {
			continue
		}
		var piece []byte
		if t.Form == Fixed {
			if len(line) < f.Position {
				return false
			}
			piece = line[f.Position-1 : min(f.last(), len(line))]
		} else {
			piece = t.column(line, f.Column)
		}
		if !f.fits(piece) {
			return false
		}
	}
	return true
}

// column returns a column of a line without changing the line; quotation marks around
// it are left out. It is good enough for constants, which hold no delimiter.
func (t *Table) column(line []byte, column int) []byte {
	quoted := false
	start := 0
	for i := 0; i <= len(line); i++ {
		if i < len(line) && (line[i] != t.Delimiter || quoted) {
			quoted = quoted != (t.Quotes && line[i] == '"')
			continue
		}
		if column--; column == 0 {
			piece := line[start:i]
			if t.Quotes && len(piece) > 1 && piece[0] == '"' && piece[len(piece)-1] == '"' {
				piece = piece[1 : len(piece)-1]
			}
			return piece
		}
		start = i + 1
	}
	return nil
}

// headings reads the line of headings, if it is its turn.
func (r *Reader) headings(line []byte) (taken bool) {
	if r.headed == nil || r.columns != nil || r.order.turn() != nil && !r.marked(line) || !r.order.headDone() && r.marked(line) {
		return false
	}
	k := r.headed
	r.order.part = Body // the head has passed
	r.columns = make([]int, len(k.Fields))
	for i := range r.columns {
		r.columns[i] = -1
	}
	before := len(r.findings) + r.more
	bad := func(code batch.FindingCode, column int, message string) {
		r.report(Finding{Line: r.line, Record: k.Name, Column: column, Code: code, Message: message})
	}
	var broken int
	if r.fields, broken = r.table.split(line, r.fields, -1); broken >= 0 {
		bad(batch.Quoting, broken+1, "the quoting of the headings is wrong")
	}
	r.width = len(r.fields)
	for column, at := range r.fields {
		piece := line[at.start:at.end]
		if found, _ := r.table.charset.judge(piece); found != sound {
			bad(batch.Encoding, column+1, "the heading is no text in "+r.table.Encoding)
			continue
		}
		title := foldHeading(r.table.charset.text(piece))
		f := k.headingOf(title)
		switch {
		case isForbidden(title):
			bad(batch.ForbiddenColumn, column+1, "would hold a card verification value, which is never accepted")
		case f == nil && !r.table.OtherHeadings:
			bad(batch.UnknownColumn, column+1, "the layout table does not know this heading")
		case f != nil && r.columns[f.number] >= 0:
			bad(batch.DuplicateColumn, column+1, "repeats the heading of "+f.Name)
		case f != nil:
			r.columns[f.number] = column
		}
	}
	for i, f := range k.Fields {
		if r.columns[i] < 0 && (f.Mandatory || f.Type == Constant) {
			r.report(Finding{Line: r.line, Record: k.Name, Field: f.Name, Code: batch.FieldMissing, Message: "the file has no column for it"})
		}
	}
	if len(r.findings)+r.more > before {
		r.stop() // every record would repeat it
	}
	return true
}

func (k *Kind) headingOf(title string) *Field {
	for _, f := range k.Fields {
		if foldHeading(f.Heading) == title {
			return f
		}
	}
	return nil
}

// foldHeading makes headings comparable: case and surrounding spaces do not count.
func foldHeading(title string) string { return strings.ToLower(strings.TrimSpace(title)) }

// next returns the next line; ok is false at the end of what can be read. Then ended
// is set.
func (r *Reader) next() (line []byte, ok bool) {
	line, err := r.lines.next()
	r.line = r.lines.no
	switch err {
	case nil:
	case io.EOF:
		r.atEnd()
		return nil, false
	case errRecordTooLong:
		r.report(Finding{Line: r.line, Code: batch.LineTooLong, Message: fmt.Sprintf("a line may have at most %d bytes", maxLineBytes-2)})
		r.stop()
		return nil, false
	case errFileTooLarge:
		r.report(Finding{Code: batch.FileTooLarge, Message: fmt.Sprintf("a file may have at most %d bytes", r.lines.maxBytes)})
		r.stop()
		return nil, false
	default:
		r.ended = err
		return nil, false
	}
	if r.lines.no > r.limit {
		r.report(Finding{Line: r.line, Code: batch.FileTooLarge, Message: fmt.Sprintf("a file may have at most %d records", r.limit)})
		r.stop()
		return nil, false
	}
	if !r.started {
		r.started = true
		if line, ok = r.stripMark(line); !ok {
			return nil, false
		}
	}
	return r.extend(line), true
}

// stripMark removes a byte order mark and refuses one that contradicts the encoding.
func (r *Reader) stripMark(line []byte) (rest []byte, ok bool) {
	rest, marked := bytes.CutPrefix(line, []byte("\ufeff"))
	utf16 := bytes.HasPrefix(line, []byte{0xff, 0xfe}) || bytes.HasPrefix(line, []byte{0xfe, 0xff})
	if utf16 || marked && (r.table.Encoding != UTF8 || r.table.LineEnd == Blocks) {
		r.report(Finding{Line: 1, Code: batch.Encoding, Message: "the byte order mark is not that of " + r.table.Encoding})
		r.stop()
		return nil, false
	}
	return rest, true
}

// extend gives a trimmed line its spaces back.
func (r *Reader) extend(line []byte) []byte {
	if !r.table.Trimmed {
		return line
	}
	k := r.recognise(line)
	if k == nil || len(line) >= k.Length {
		return line
	}
	r.extended = append(r.extended[:0], line...)
	r.extended = appendRepeated(r.extended, ' ', k.Length-len(line))
	return r.extended
}

// atEnd judges the file as a whole when its last record was read.
func (r *Reader) atEnd() {
	switch {
	case !r.started:
		r.report(Finding{Code: batch.EmptyFile, Message: "the file is empty"})
	case r.headed != nil && r.columns == nil:
		r.report(Finding{Code: batch.NoHeader, Message: "the file has no headings"})
	default:
		for k := r.order.missing(r.table.Kinds); k != nil; k = r.order.missing(r.table.Kinds) {
			message := "the file has none"
			if k.Part == Tail {
				message = "the file ends without it and may be cut off"
			}
			r.report(Finding{Record: k.Name, Code: k.absence(), Message: message})
		}
		for i := range r.tallies {
			if f, ok := r.tallies[i].finding(); !ok {
				r.report(f)
			}
		}
	}
	r.stop()
}

func (r *Reader) report(f Finding) { r.keep([]Finding{f}) }

// keep collects findings for the end, up to a bound.
func (r *Reader) keep(findings []Finding) {
	room := min(maxFindings-len(r.findings), len(findings))
	r.findings = append(r.findings, findings[:room]...)
	r.more += len(findings) - room
}

// stop ends the reading with what was found.
func (r *Reader) stop() {
	r.ended = io.EOF
	if len(r.findings) > 0 {
		r.ended = &FileError{r.findings, r.more}
	}
}
