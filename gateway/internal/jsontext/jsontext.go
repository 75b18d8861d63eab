// Package jsontext writes JSON objects by hand, for messages that are written
// thousands of times a second. Reading is left to encoding/json.
package jsontext

import (
	"strconv"
	"unicode/utf8"
)

// Writer appends objects of texts, numbers, objects and lists of objects to Buf. Members without a
// value are left out: no gateway tells an empty text from an absent one. Names are
// written as they are.
type Writer struct {
	Buf   []byte
	comma bool
}

func (w *Writer) name(name string) {
	if w.comma {
		w.Buf = append(w.Buf, ',')
	}
	if name != "" {
		w.Buf = append(w.Buf, '"')
		w.Buf = append(w.Buf, name...)
		w.Buf = append(w.Buf, '"', ':')
	}
}

// Open begins an object; the outermost has no name.
func (w *Writer) Open(name string) {
	w.name(name)
	w.Buf = append(w.Buf, '{')
	w.comma = false
}

// Close ends the object that was begun last.
func (w *Writer) Close() {
	w.Buf = append(w.Buf, '}')
	w.comma = true
}

// OpenList begins a list of objects, which have no names.
func (w *Writer) OpenList(name string) {
	w.name(name)
	w.Buf = append(w.Buf, '[')
	w.comma = false
}

// CloseList ends the list that was begun last.
func (w *Writer) CloseList() {
	w.Buf = append(w.Buf, ']')
	w.comma = true
}

// Text writes a text, unless it is empty.
func (w *Writer) Text(name, value string) {
	if value != "" {
		w.name(name)
		w.Buf = AppendQuoted(w.Buf, value)
		w.comma = true
	}
}

// Int writes a whole number, unless it is 0.
func (w *Writer) Int(name string, value int) {
	if value != 0 {
		w.Raw(name, strconv.Itoa(value))
	}
}

// Raw writes a value that is JSON already, such as a decimal number.
func (w *Writer) Raw(name, value string) {
	w.name(name)
	w.Buf = append(w.Buf, value...)
	w.comma = true
}

// AppendQuoted writes a JSON string; bytes that are not UTF-8 become U+FFFD.
func AppendQuoted(buf []byte, s string) []byte {
	const hex = "0123456789abcdef"
	buf = append(buf, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case c == '"' || c == '\\':
			buf = append(buf, '\\', c)
		case c < ' ' || c == 0x7f:
			buf = append(buf, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		case c < utf8.RuneSelf:
			buf = append(buf, c)
		default:
			r, size := utf8.DecodeRuneInString(s[i:])
			buf = utf8.AppendRune(buf, r)
			i += size
			continue
		}
		i++
	}
	return append(buf, '"')
}
