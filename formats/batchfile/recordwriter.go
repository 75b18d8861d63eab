package batchfile

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"unicode"
	"unicode/utf8"

	"cardbatch/batch"
)

// recordWriter writes records in a file's own separator and encoding. The first
// error stays; later calls do nothing.
type recordWriter struct {
	out       *bufio.Writer
	separator byte
	charset   charset
	strict    bool // refuse what cannot be written as it is, instead of replacing it

	text, encoded []byte // the record so far, and its bytes
	clean         []byte
	err           error
}

// errUnwritable is the cause when a strict writer meets a control character, an
// undecodable byte, or a character that the encoding lacks.
var errUnwritable = errors.New("the text cannot be written in this file's form and encoding")

func newRecordWriter(w io.Writer, layout batch.Layout) (*recordWriter, error) {
	encoding, err := findCharset(layout.Encoding)
	if err != nil {
		return nil, err
	}
	separator := layout.Separator
	if separator == 0 {
		separator = Separators[0]
	}
	return &recordWriter{out: bufio.NewWriterSize(w, 64<<10), separator: separator, charset: encoding}, nil
}

// begin starts a record with its letter.
func (w *recordWriter) begin(letter byte) { w.text = append(w.text[:0], letter) }

// field appends one field. Characters that a field may not hold, line breaks above
// all, become spaces.
func (w *recordWriter) field(text string) {
	w.text = append(w.text, w.separator)
	w.value(text)
}

func (w *recordWriter) value(text string) {
	if plain(text) {
		w.text = appendField(w.text, text, w.separator)
		return
	}
	w.clean = w.clean[:0]
	for _, r := range text {
		switch {
		case unicode.IsControl(r) || r == '\u2028' || r == '\u2029':
			w.refuse()
			r = ' '
		case r == utf8.RuneError:
			w.refuse()
			r = '?'
		}
		w.clean = utf8.AppendRune(w.clean, r)
	}
	w.text = appendField(w.text, string(w.clean), w.separator)
}

func (w *recordWriter) number(n int) {
	w.text = append(w.text, w.separator)
	w.text = strconv.AppendInt(w.text, int64(n), 10)
}

func (w *recordWriter) refuse() {
	if w.strict && w.err == nil {
		w.err = errUnwritable
	}
}

// end writes the record.
func (w *recordWriter) end() error {
	if w.err != nil {
		return w.err
	}
	var lossless bool
	w.encoded, lossless = w.charset.appendEncoded(w.encoded[:0], w.text)
	if !lossless {
		w.refuse()
	}
	if w.err == nil {
		_, w.err = w.out.Write(append(w.encoded, '\n'))
	}
	return w.err
}

// record writes a whole record.
func (w *recordWriter) record(letter byte, fields ...string) error {
	w.begin(letter)
	for _, f := range fields {
		w.field(f)
	}
	return w.end()
}

func (w *recordWriter) flush() error {
	if w.err == nil {
		w.err = w.out.Flush()
	}
	return w.err
}

// plain reports whether text is printable ASCII.
func plain(text string) bool {
	for i := range len(text) {
		if text[i] < ' ' || text[i] > '~' {
			return false
		}
	}
	return true
}

// headerRecord lists the fields that all header records share.
func headerRecord(layout string, h batch.Header) []string {
	sequence := ""
	if h.Sequence != 0 {
		sequence = strconv.FormatInt(h.Sequence, 10)
	}
	created := ""
	if !h.CreatedAt.IsZero() {
		created = h.CreatedAt.Format(timeLayout)
	}
	return []string{layout, layoutVersion, string(h.Merchant), string(h.Ref), sequence, string(h.Mode), created}
}

// timeLayout is RFC 3339, with as many digits of a second as there are.
const timeLayout = "2006-01-02T15:04:05.999999999Z07:00"
