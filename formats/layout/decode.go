package layout

import (
	"bytes"
	"fmt"

	"cardbatch/batch"
	"cardbatch/money"
)

// Lengths of a card number.
const (
	minPAN = 12
	maxPAN = 19
)

// decodeRecord reads the fields of a line, piece by piece, into rec. What must not live
// on in the line's text, card numbers above all, is wiped from the line.
func (r *Reader) decodeRecord(line []byte, rec *Record) {
	r.texts = r.texts[:0]
	for _, f := range rec.kind.Fields {
		at := r.spanOf(f)
		if at.end < 0 {
			continue // an optional heading that the file does not have
		}
		piece := line[at.start:at.end]
		v := &rec.values[f.number]
		code, message := r.decode(f, piece, at, v)
		if message != "" {
			*v = value{}
			r.bad(f, code, message)
		}
		if f.secret() || f.Type == Filler {
			wipe(piece)
		}
	}
	if len(r.texts) == 0 {
		return
	}
	// All ASCII texts of a record are pieces of one string.
	text := string(line)
	for _, t := range r.texts {
		rec.values[t.field].text = text[t.start:t.end]
	}
}

// textSpan is an ASCII text that is cut out of the line's string at the end.
type textSpan struct{ field, start, end int }

// spanOf returns where the field stands in the line at hand; its end is negative when
// the file does not have it.
func (r *Reader) spanOf(f *Field) span {
	if f.Position > 0 {
		return span{f.Position - 1, f.last()}
	}
	column := f.Column - 1
	if r.columns != nil && f.kind == r.headed {
		column = r.columns[f.number]
	}
	if column < 0 {
		return span{0, -1}
	}
	return r.fields[column]
}

// decode reads one field. An empty message means that there is nothing wrong.
func (r *Reader) decode(f *Field, piece []byte, at span, v *value) (code batch.FindingCode, message string) {
	if f.Type == Filler {
		return "", ""
	}
	if f.Position == 0 && len(piece) > f.Length {
		return batch.FieldLength, fmt.Sprintf("may have at most %d bytes", f.Length)
	}
	found, ascii := r.table.charset.judge(piece)
	switch found {
	case undecodable:
		return batch.Encoding, "holds bytes that are no character in " + r.table.Encoding
	case control:
		if r.table.Encoding == Latin1 {
			return batch.FieldFormat, "holds a control character, or the file is in " + CP1252
		}
		return batch.FieldFormat, "holds a control character"
	}
	if f.Type == Code {
		return r.decodeCode(f, piece, v)
	}
	if f.Type == Constant {
		if !f.fits(piece) {
			return batch.FieldValue, "must " + f.wanted()
		}
		*v = value{state: given, text: f.Value}
		return "", ""
	}
	trimmed := f.trim(piece)
	if f.isEmpty(piece, trimmed) {
		if f.Mandatory {
			return batch.FieldMissing, "is mandatory"
		}
		return "", ""
	}
	switch f.Type {
	case Text:
		v.state = given
		if !ascii || f.Sensitive {
			v.text = r.table.charset.text(trimmed)
			return "", ""
		}
		start := at.start + f.leading(piece, trimmed)
		r.texts = append(r.texts, textSpan{f.number, start, start + len(trimmed)})
	case Digits:
		if !allDigits(trimmed) {
			return batch.FieldFormat, "must be digits"
		}
		*v = value{state: given, text: string(trimmed)}
	case Number, Amount:
		n, ok := f.parseNumber(piece)
		if !ok {
			return batch.FieldFormat, "must be " + f.numberForm()
		}
		*v = value{state: given, num: n}
	case Date, Time:
		seconds, ok := f.parseTime(trimmed)
		if !ok {
			return batch.FieldFormat, fmt.Sprintf("must be a %s in the form %s", f.Type, f.Format)
		}
		*v = value{state: given, num: seconds}
	case Currency:
		c, ok := money.Find(string(trimmed))
		if !ok || (f.Format == "numeric") != isDigit(trimmed[0]) {
			return batch.FieldFormat, fmt.Sprintf("must be an ISO 4217 code, %s", f.Format)
		}
		*v = value{state: given, text: string(c)}
	case CardPAN:
		if len(trimmed) < minPAN || len(trimmed) > maxPAN || !allDigits(trimmed) {
			return batch.FieldFormat, fmt.Sprintf("must be a card number of %d to %d digits", minPAN, maxPAN)
		}
		*v = value{state: given, pan: batch.NewPAN(string(trimmed))}
	}
	return "", ""
}

// decodeCode reads a code. An empty one may have a meaning of its own.
func (r *Reader) decodeCode(f *Field, piece []byte, v *value) (code batch.FindingCode, message string) {
	trimmed := f.trim(piece)
	if name, known := f.nameOf[string(trimmed)]; known {
		*v = value{state: given, text: name}
		return "", ""
	}
	switch {
	case len(trimmed) == 0 && f.Mandatory:
		return batch.FieldMissing, "is mandatory"
	case len(trimmed) == 0:
	case f.KeepUnknown:
		*v = value{state: unknown, text: r.table.charset.text(trimmed)}
	default:
		return batch.FieldValue, "is no code of the layout table"
	}
	return "", ""
}

// fits reports whether a piece of a record is the constant.
func (f *Field) fits(piece []byte) bool {
	if f.Beginning {
		return bytes.HasPrefix(piece, f.raw)
	}
	return string(f.trim(piece)) == f.Value
}

func (f *Field) wanted() string {
	if f.Beginning {
		return fmt.Sprintf("begin with %q", f.Value)
	}
	return fmt.Sprintf("be %q", f.Value)
}

// trim removes the filling from a piece of a record.
func (f *Field) trim(piece []byte) []byte {
	switch {
	case f.Pad == 0:
		return piece
	case f.Right:
		for len(piece) > 0 && piece[0] == f.Pad {
			piece = piece[1:]
		}
	default:
		for len(piece) > 0 && piece[len(piece)-1] == f.Pad {
			piece = piece[:len(piece)-1]
		}
	}
	return piece
}

// leading is how much trim removed at the left.
func (f *Field) leading(piece, trimmed []byte) int {
	if f.Right {
		return len(piece) - len(trimmed)
	}
	return 0
}

// isEmpty reports whether a piece of a record holds no value: nothing but filling,
// nothing but spaces, or what the table says. Zeros that fill a number are the number 0.
func (f *Field) isEmpty(piece, trimmed []byte) bool {
	for _, empty := range f.Empty {
		if string(piece) == empty || string(trimmed) == empty {
			return true
		}
	}
	return isBlank(piece) || len(trimmed) == 0 && !(f.isNumeric() && f.Pad == '0')
}

// numberForm says how the number must be written.
func (f *Field) numberForm() string {
	text := "a number of digits only"
	if f.Sign != Unsigned {
		text = fmt.Sprintf("a number with a %s sign", f.Sign)
	}
	if f.Point != 0 {
		text += fmt.Sprintf(" and %d decimals after %q", f.Decimals, f.Point)
	}
	return text
}

func isBlank(piece []byte) bool {
	for _, b := range piece {
		if b != ' ' {
			return false
		}
	}
	return true
}

func allDigits(b []byte) bool {
	for _, d := range b {
		if !isDigit(d) {
			return false
		}
	}
	return len(b) > 0
}

func isDigit(b byte) bool { return b-'0' <= 9 }
