package layout

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"cardbatch/money"
)

// ErrValue is the cause of every value that its field cannot hold. Nothing is cut or
// replaced unseen: only fields that the table calls lossy are.
var ErrValue = errors.New("value does not fit the field")

func unfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrValue, fmt.Sprintf(format, args...))
}

// appendRecord writes a record, without its line end.
func (t *Table) appendRecord(buf []byte, rec *Record, scratch *[]byte) ([]byte, error) {
	if t.Form == Fixed {
		start := len(buf)
		buf = appendRepeated(buf, ' ', rec.kind.Length)
		for i, f := range rec.kind.Fields {
			piece, err := t.encode((*scratch)[:0], f, &rec.values[i])
			*scratch = piece[:0]
			if err != nil {
				return buf, fmt.Errorf("field %s: %w", f.Name, err)
			}
			copy(buf[start+f.Position-1:], piece)
		}
		return buf, nil
	}
	for column := 1; column <= rec.kind.columns; column++ {
		f := rec.kind.inColumn(column)
		if column > 1 {
			buf = append(buf, t.Delimiter)
		}
		piece, err := t.encode((*scratch)[:0], f, &rec.values[f.number])
		*scratch = piece[:0]
		if err == nil {
			buf, err = t.appendQuoted(buf, piece)
		}
		if err != nil {
			return buf, fmt.Errorf("field %s: %w", f.Name, err)
		}
	}
	return buf, nil
}

// inColumn returns the field written in a column.
func (k *Kind) inColumn(column int) *Field {
	if f := k.Fields[column-1]; f.Column == column { // nearly always
		return f
	}
	for _, f := range k.Fields {
		if f.Column == column {
			return f
		}
	}
	return nil
}

// encode writes one field; that of a fixed record with all its filling.
func (t *Table) encode(buf []byte, f *Field, v *value) ([]byte, error) {
	switch {
	case f.Type == Filler:
		return f.fill(buf, ' ')
	case f.Type == Constant:
		return f.fill(append(buf, f.raw...), ' ')
	case v.state == absent && f.Mandatory:
		return buf, fmt.Errorf("%w: it is mandatory", ErrValue)
	case v.state == absent:
		if len(f.Empty) > 0 {
			buf = append(buf, f.Empty[0]...)
		}
		return f.fill(buf, ' ')
	}
	buf, err := t.encodeGiven(buf, f, v)
	if err != nil {
		return buf, err
	}
	if len(buf) > f.Length {
		return buf, unfit("it is longer than %d bytes", f.Length)
	}
	// Whatever would be read as no value, or as another, must not be written.
	trimmed := f.trim(buf)
	if f.Type != Code && !f.isNumeric() && len(trimmed) != len(buf) {
		return buf, unfit("it begins or ends with what fills the field")
	}
	if f.Type != Code && f.isEmpty(buf, trimmed) {
		return buf, unfit("it would be read as no value")
	}
	return f.fill(buf, f.Pad)
}

func (t *Table) encodeGiven(buf []byte, f *Field, v *value) ([]byte, error) {
	ok := true
	switch f.Type {
	case Text:
		return t.encodeText(buf, f, v.text)
	case Digits:
		buf = append(buf, v.text...)
		if !allDigits(buf) {
			return buf, unfit("it must be digits")
		}
	case Number, Amount:
		if buf, ok = f.appendNumber(buf, v.num); !ok {
			return buf, unfit("the number is too large, or negative and the field has no sign")
		}
	case Date, Time:
		if buf, ok = f.appendTime(buf, v.num); !ok {
			return buf, unfit("the format %s cannot hold the year", f.Format)
		}
	case Code:
		code, known := f.codeOf[v.text]
		if !known || v.state == unknown {
			return buf, unfit("it is no code of the layout table")
		}
		buf = append(buf, code...)
	case Currency:
		c, known := money.Find(v.text)
		if !known {
			return buf, unfit("it is no ISO 4217 code")
		}
		if f.Format == "numeric" {
			return append(buf, c.Numeric()...), nil
		}
		buf = append(buf, string(c)...)
	case CardPAN:
		buf = append(buf, v.pan.Reveal()...)
		if len(buf) < minPAN || len(buf) > maxPAN || !allDigits(buf) {
			return buf, unfit("it must be a card number of %d to %d digits", minPAN, maxPAN)
		}
	}
	return buf, nil
}

// encodeText writes text in the table's encoding. A lossy field takes any text: what
// cannot be written becomes '?', and what is too long is cut between characters.
func (t *Table) encodeText(buf []byte, f *Field, text string) ([]byte, error) {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		known := (r != utf8.RuneError || size > 1) && !unicode.IsControl(r)
		i += size
		before := len(buf)
		if known {
			buf, known = t.charset.append(buf, r)
		}
		if !known && !f.Lossy {
			return buf, unfit("it holds a control character, or one that %s lacks", t.Encoding)
		}
		if !known || t.Delimiter != 0 && !t.Quotes && r == rune(t.Delimiter) && f.Lossy {
			buf = append(buf[:before], '?')
		}
		if f.Lossy && len(buf) > f.Length {
			buf = buf[:before]
			break
		}
	}
	if f.Lossy {
		buf = f.trim(buf)
		if len(strings.Trim(string(buf), " ")) == 0 || slices.Contains(f.Empty, string(buf)) {
			return buf, unfit("nothing of it can be written")
		}
	}
	return buf, nil
}

// fill fills a field of a fixed record, or of a padded column, up to its length.
func (f *Field) fill(buf []byte, pad byte) ([]byte, error) {
	if f.Pad == 0 {
		return buf, nil
	}
	if pad == 0 {
		pad = ' '
	}
	free := f.Length - len(buf)
	switch {
	case free < 0:
		return buf, unfit("it is longer than %d bytes", f.Length)
	case f.Right && !(f.isNumeric() && pad == '0'):
		buf = appendRepeated(buf, pad, free)
		copy(buf[free:], buf[:f.Length-free])
		for i := range free {
			buf[i] = pad
		}
	case f.Right:
		// appendNumber filled it with zeros, between sign and digits.
	default:
		buf = appendRepeated(buf, pad, free)
	}
	return buf, nil
}

// appendQuoted writes a field of a delimited record, quoted when it must be.
func (t *Table) appendQuoted(buf, piece []byte) ([]byte, error) {
	special := false
	for _, b := range piece {
		special = special || b == t.Delimiter || b == '"' && t.Quotes
	}
	switch {
	case !special:
		return append(buf, piece...), nil
	case !t.Quotes:
		return buf, unfit("it holds the delimiter, and the file has no quotation marks")
	}
	buf = append(buf, '"')
	for _, b := range piece {
		if b == '"' {
			buf = append(buf, '"')
		}
		buf = append(buf, b)
	}
	return append(buf, '"'), nil
}
