package batchfile

import (
	"fmt"

	"cardbatch/batch"
)

// data reads a line's values, which follow after skip fields, into l, checks them,
// and leaves the findings in r.findings. It reports false when there is nothing to
// return: the bytes are no text, or the file has too many lines.
func (r *Reader) data(line []byte, skip int, l *batch.Line) bool {
	if r.count == lower(r.options.MaxLines, MaxFileLines) {
		r.reject(batch.Finding{Line: r.lines.no, Code: batch.FileTooLarge, Message: fmt.Sprintf("a file may have at most %d lines: split it", r.count)})
		return false
	}
	r.count++
	*l = batch.Line{No: r.lines.no}
	r.findings = r.findings[:0]
	columns := r.columns.columns
	if !r.decodable(line, columns) {
		r.totalsKnown = false
		return false
	}
	line = r.decode(line)
	var broken int
	r.fields, broken = splitRecord(line, r.layout.Separator, r.fields)
	switch {
	case broken >= 0:
		f := batch.Finding{Line: l.No, Code: batch.Quoting, Message: "the quoting is wrong: quote a field as a whole, double the quotation marks within, and put no line break into it"}
		if i := broken - skip; 0 <= i && i < len(columns) {
			f.Column = columns[i].name
		}
		r.findings = append(r.findings, f)
		if r.options.Plain {
			// Without control records nothing would tell the rest of a field that
			// holds a line break from a line.
			r.report(batch.Finding{Line: l.No, Code: batch.RecordOrder, Message: "the quoting of this line is wrong, and a file without control records does not show where the next line begins"})
		}
	case len(r.fields)-skip != len(columns):
		r.findings = append(r.findings, batch.Finding{Line: l.No, Code: batch.FieldCount,
			Message: fmt.Sprintf("expected %d values, found %d", len(columns), len(r.fields)-skip)})
	default:
		r.fill(line, r.fields[skip:], l)
		r.findings = batch.CheckLine(l, r.check, r.findings)
		r.addAmount(l)
		return true
	}
	r.totalsKnown = false
	return true
}

// fill puts the values into l. All texts of a line are pieces of one string; what
// must not live on in it, the card number above all, is taken out before.
func (r *Reader) fill(line []byte, fields []span, l *batch.Line) {
	maxField := lower(r.options.MaxField, MaxFieldBytes)
	for i := range fields {
		f := &fields[i]
		c := &r.columns.columns[i]
		piece := line[f.start:f.end]
		if len(piece) > maxField {
			r.findings = append(r.findings, batch.Finding{Line: l.No, Column: c.name, Code: batch.FieldLength,
				Message: fmt.Sprintf("a field may have at most %d bytes", maxField)})
			wipe(piece)
			f.end = f.start
			continue
		}
		switch c.target {
		case targetCard:
			l.CardNumber = batch.NewPAN(string(piece))
			wipe(piece)
		case targetNone:
			wipe(piece)
		}
	}
	text := string(line)
	for i, f := range fields {
		if f.start == f.end {
			continue
		}
		switch c := &r.columns.columns[i]; c.target {
		case targetText:
			*c.text(l) = text[f.start:f.end]
		case targetPrivate:
			l.Private = append(l.Private, batch.PrivateDatum{Key: c.key, Value: text[f.start:f.end]})
		}
	}
	for i := range r.columns.constants {
		c := &r.columns.constants[i]
		switch c.target {
		case targetText:
			*c.text(l) = c.value
		case targetPrivate:
			l.Private = append(l.Private, batch.PrivateDatum{Key: c.key, Value: c.value})
		}
	}
}

// addAmount adds the line's amount to the file's totals. An amount that cannot be
// read makes the totals of the file unknown, and the trailer's are not compared:
// the line's own finding says what to repair.
func (r *Reader) addAmount(l *batch.Line) {
	for i := range r.findings {
		if column := r.findings[i].Column; column == "amount" || column == "currency" {
			r.totalsKnown = false
			return
		}
	}
	amount, ok := l.Amount()
	if ok && !r.totals.add(amount) {
		if r.totalsKnown {
			r.report(batch.Finding{Line: l.No, Code: batch.TotalMismatch, Message: "the total is too large to be counted: split the file"})
		}
		r.totalsKnown = false
	}
}
