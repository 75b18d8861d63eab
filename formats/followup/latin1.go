package followup

import (
	"io"
	"unicode/utf8"
)

// latin1 turns UTF-8 into ISO-8859-1: its characters are the first 256 of Unicode.
// What it lacks, and bytes that are no text, become question marks.
type latin1 struct {
	to   io.Writer
	rest []byte // the beginning of a character that the next call ends
	buf  []byte
}

func (l *latin1) Write(p []byte) (int, error) {
	text := append(l.rest, p...)
	l.buf = l.buf[:0]
	for len(text) > 0 && utf8.FullRune(text) {
		r, size := utf8.DecodeRune(text)
		if r > 0xff {
			r = '?'
		}
		l.buf = append(l.buf, byte(r))
		text = text[size:]
	}
	l.rest = append(l.rest[:0:0], text...)
	if _, err := l.to.Write(l.buf); err != nil {
		return 0, err
	}
	return len(p), nil
}
