package layout

import (
	"fmt"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encodings of a table.
const (
	ASCII  = "ASCII"
	Latin1 = "ISO-8859-1"
	CP1252 = "windows-1252"
	UTF8   = "UTF-8"
)

// charset turns the bytes of a field into text and back.
type charset struct {
	name  string
	chars *charmap.Charmap // nil for ASCII and UTF-8
}

func findCharset(name string) (charset, error) {
	switch name {
	case ASCII, UTF8:
		return charset{name, nil}, nil
	case Latin1:
		return charset{name, charmap.ISO8859_1}, nil
	case CP1252:
		return charset{name, charmap.Windows1252}, nil
	}
	return charset{}, fmt.Errorf("encoding %q is not one of %s, %s, %s and %s", name, ASCII, Latin1, CP1252, UTF8)
}

// rune returns the first character of raw and its number of bytes; ok is false when
// the bytes stand for no character.
func (c charset) rune(raw []byte) (r rune, size int, ok bool) {
	switch {
	case raw[0] < utf8.RuneSelf:
		return rune(raw[0]), 1, true
	case c.chars != nil:
		r = c.chars.DecodeByte(raw[0])
		return r, 1, r != utf8.RuneError
	case c.name == UTF8:
		r, size = utf8.DecodeRune(raw)
		return r, size, r != utf8.RuneError || size > 1
	}
	return 0, 1, false
}

// flaw says what keeps raw from being text.
type flaw int

const (
	sound       flaw = iota
	undecodable      // bytes that stand for no character
	control          // a control character
)

// judge looks for flaws in raw, and tells whether it is all ASCII.
func (c charset) judge(raw []byte) (found flaw, ascii bool) {
	for i, b := range raw {
		if b < ' ' || b >= 0x7f {
			return c.judgeSlowly(raw[i:])
		}
	}
	return sound, true
}

func (c charset) judgeSlowly(raw []byte) (found flaw, ascii bool) {
	for len(raw) > 0 {
		r, size, ok := c.rune(raw)
		switch {
		case !ok:
			return undecodable, false
		case unicode.IsControl(r):
			return control, false
		}
		raw = raw[size:]
	}
	return sound, false
}

// text returns raw, which is sound, as a string.
func (c charset) text(raw []byte) string {
	if c.chars == nil {
		return string(raw)
	}
	decoded := make([]byte, 0, 2*len(raw))
	for _, b := range raw {
		decoded = utf8.AppendRune(decoded, c.chars.DecodeByte(b))
	}
	return string(decoded)
}

// append appends one character to buf; ok is false when the charset lacks it.
func (c charset) append(buf []byte, r rune) (_ []byte, ok bool) {
	switch {
	case r < utf8.RuneSelf:
		return append(buf, byte(r)), true
	case c.chars != nil:
		b, ok := c.chars.EncodeRune(r)
		if ok {
			buf = append(buf, b)
		}
		return buf, ok
	case c.name == UTF8 && r != utf8.RuneError:
		return utf8.AppendRune(buf, r), true
	}
	return buf, false
}

// holds reports whether text is printable and can be written without loss.
func (c charset) holds(text string) bool {
	for _, r := range text {
		if _, ok := c.append(nil, r); !ok || unicode.IsControl(r) {
			return false
		}
	}
	return true
}
