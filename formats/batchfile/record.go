package batchfile

import (
	"bytes"
)

// span is where a field lies in its line.
type span struct{ start, end int }

// splitRecord finds the fields of a line. Quoted fields are unquoted in place, so
// that every field is a piece of the line and nothing is allocated. broken is the
// number of the field, counted from 0, whose quoting is wrong, or -1.
//
// Quoting is that of RFC 4180 without line breaks: a field is quoted as a whole or
// not at all, and a quotation mark within it is doubled.
func splitRecord(line []byte, separator byte, fields []span) (_ []span, broken int) {
	fields = fields[:0]
	if bytes.IndexByte(line, '"') < 0 {
		start := 0
		for i, b := range line {
			if b == separator {
				fields = append(fields, span{start, i})
				start = i + 1
			}
		}
		return append(fields, span{start, len(line)}), -1
	}
	for pos := 0; ; pos++ {
		field, next, ok := splitField(line, separator, pos)
		if !ok {
			return fields, len(fields)
		}
		fields = append(fields, field)
		if pos = next; pos == len(line) {
			return fields, -1
		}
	}
}

// splitField finds the field that begins at pos, and the separator or line end
// behind it.
func splitField(line []byte, separator byte, pos int) (field span, next int, ok bool) {
	if pos == len(line) || line[pos] != '"' {
		for next = pos; next < len(line) && line[next] != separator; next++ {
			if line[next] == '"' {
				return span{}, 0, false
			}
		}
		return span{pos, next}, next, true
	}
	pos++
	field = span{pos, pos}
	for i := pos; i < len(line); i++ {
		if line[i] != '"' {
			line[field.end] = line[i]
			field.end++
			continue
		}
		if i+1 < len(line) && line[i+1] == '"' {
			line[field.end] = '"'
			field.end++
			i++
			continue
		}
		next = i + 1
		return field, next, next == len(line) || line[next] == separator
	}
	return span{}, 0, false
}

// appendField appends one field, quoted when it must be.
func appendField(buf []byte, text string, separator byte) []byte {
	quote := false
	for i := range len(text) {
		if text[i] == separator || text[i] == '"' {
			quote = true
			break
		}
	}
	if !quote {
		return append(buf, text...)
	}
	buf = append(buf, '"')
	for i := range len(text) {
		if text[i] == '"' {
			buf = append(buf, '"')
		}
		buf = append(buf, text[i])
	}
	return append(buf, '"')
}

// wipe overwrites a piece of a line that must not live on in the line's text.
func wipe(piece []byte) {
	for i := range piece {
		piece[i] = '*'
	}
}
