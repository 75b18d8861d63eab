package batchfile

import (
	"fmt"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// Encodings of section 1.
const (
	UTF8   = "UTF-8"
	Latin1 = "ISO-8859-1"
	CP1252 = "windows-1252"
)

// charset turns the bytes of a file into UTF-8 and back.
type charset struct {
	name  string
	chars *charmap.Charmap // nil for UTF-8
}

func findCharset(name string) (charset, error) {
	switch name {
	case "", UTF8:
		return charset{UTF8, nil}, nil
	case Latin1:
		return charset{Latin1, charmap.ISO8859_1}, nil
	case CP1252:
		return charset{CP1252, charmap.Windows1252}, nil
	}
	return charset{}, fmt.Errorf("encoding %q is not one of %s, %s and %s", name, UTF8, Latin1, CP1252)
}

// undecodable returns the position of the first byte of raw that stands for no
// character, or -1.
func (c charset) undecodable(raw []byte) int {
	switch c.name {
	case UTF8:
		if utf8.Valid(raw) {
			return -1
		}
		for i := 0; i < len(raw); {
			r, size := utf8.DecodeRune(raw[i:])
			if r == utf8.RuneError && size == 1 {
				return i
			}
			i += size
		}
	case CP1252:
		for i, b := range raw {
			switch b {
			case 0x81, 0x8d, 0x8f, 0x90, 0x9d: // holes of the code page
				return i
			}
		}
	}
	return -1
}

// decode returns raw as UTF-8: raw itself when it is that already, else buf[:0]
// with the characters appended.
func (c charset) decode(raw, buf []byte) []byte {
	if c.chars == nil || isASCII(raw) {
		return raw
	}
	buf = buf[:0]
	for _, b := range raw {
		buf = utf8.AppendRune(buf, c.chars.DecodeByte(b))
	}
	return buf
}

// appendEncoded appends text to buf. Characters that the charset lacks become
// '?'; lossless tells whether there were none.
func (c charset) appendEncoded(buf []byte, text []byte) (encoded []byte, lossless bool) {
	if c.chars == nil || isASCII(text) {
		return append(buf, text...), true
	}
	lossless = true
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		i += size
		b, ok := c.chars.EncodeRune(r)
		if !ok {
			b, lossless = '?', false
		}
		buf = append(buf, b)
	}
	return buf, lossless
}

func isASCII(text []byte) bool {
	for len(text) >= 8 {
		if (text[0]|text[1]|text[2]|text[3]|text[4]|text[5]|text[6]|text[7])&0x80 != 0 {
			return false
		}
		text = text[8:]
	}
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false
		}
	}
	return true
}
