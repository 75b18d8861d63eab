// Package xmltext writes XML elements by hand, for messages that are written thousands
// of times a second. Reading is left to encoding/xml.
package xmltext

import "unicode/utf8"

// Header begins a document in UTF-8.
const Header = `<?xml version="1.0" encoding="UTF-8"?>`

// maxDepth is how deep elements may lie in each other.
const maxDepth = 16

// Writer appends elements to Buf. Names are written as they are, with their prefix.
// What is absent is written in one of three ways, as the schema of the reader wants it:
// Text writes an empty element, Nillable one that says xsi:nil, and Optional nothing.
type Writer struct {
	Buf   []byte
	open  [maxDepth]string // names of the elements that were begun
	depth int
}

// Raw appends markup as it is.
func (w *Writer) Raw(markup string) { w.Buf = append(w.Buf, markup...) }

// Open begins an element.
func (w *Writer) Open(name string) { w.OpenIn(name, "") }

// OpenIn begins an element that sets the default namespace; the namespace is written as it is.
func (w *Writer) OpenIn(name, namespace string) {
	w.open[w.depth] = name
	w.depth++
	w.Buf = append(append(w.Buf, '<'), name...)
	if namespace != "" {
		w.Buf = append(append(append(w.Buf, ` xmlns="`...), namespace...), '"')
	}
	w.Buf = append(w.Buf, '>')
}

// Close ends the element that was begun last.
func (w *Writer) Close() {
	w.depth--
	w.end(w.open[w.depth])
}

func (w *Writer) end(name string) {
	w.Buf = append(append(append(w.Buf, "</"...), name...), '>')
}

// Text writes an element with a text, which may be empty.
func (w *Writer) Text(name, value string) {
	w.Buf = append(append(append(w.Buf, '<'), name...), '>')
	w.Buf = AppendEscaped(w.Buf, value)
	w.end(name)
}

// Nillable writes an element with a text, or nil for an empty one. The prefix xsi has to
// be bound around it.
func (w *Writer) Nillable(name, value string) {
	if value == "" {
		w.Nil(name)
		return
	}
	w.Text(name, value)
}

// Nil writes elements that are present and nil.
func (w *Writer) Nil(names ...string) {
	for _, name := range names {
		w.Buf = append(append(append(w.Buf, '<'), name...), ` xsi:nil="true"/>`...)
	}
}

// Optional writes an element with a text, unless it is empty.
func (w *Writer) Optional(name, value string) {
	if value != "" {
		w.Text(name, value)
	}
}

// AppendEscaped writes character data; what XML cannot hold becomes U+FFFD.
func AppendEscaped(buf []byte, s string) []byte {
	for _, r := range s { // bytes that are not UTF-8 come as U+FFFD
		switch {
		case r == '&':
			buf = append(buf, "&amp;"...)
		case r == '<':
			buf = append(buf, "&lt;"...)
		case r == '>':
			buf = append(buf, "&gt;"...)
		case r == '"':
			buf = append(buf, "&quot;"...)
		case r == '\'':
			buf = append(buf, "&apos;"...)
		case r == '\t':
			buf = append(buf, "&#9;"...)
		case r == '\n':
			buf = append(buf, "&#10;"...)
		case r == '\r':
			buf = append(buf, "&#13;"...)
		case r < ' ', r == 0xFFFE, r == 0xFFFF:
			buf = utf8.AppendRune(buf, utf8.RuneError)
		default:
			buf = utf8.AppendRune(buf, r)
		}
	}
	return buf
}
