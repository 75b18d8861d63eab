package batchfile

import (
	"bytes"
	"fmt"
	"io"

	"cardbatch/batch"
	"cardbatch/money"
)

// Reader reads a merchant's file line by line and checks it as it goes.
// Its memory does not grow with the file.
type Reader struct {
	options Options
	charset charset
	lines   *lineScanner
	check   batch.CheckOptions

	header  batch.Header
	layout  batch.Layout
	columns layoutOf

	started bool
	trailer bool  // the T record was read
	ended   error // what every further Read returns

	count        int // D records
	totals       sums
	totalsKnown  bool // every amount so far could be read
	fileFindings []batch.Finding

	// Reused from line to line.
	fields   []span
	decoded  []byte
	findings []batch.Finding
}

// NewReader returns a reader of the file that r streams. Options that no file can
// be read with make the first Read fail.
func NewReader(r io.Reader, o Options) *Reader {
	encoding, err := findCharset(o.Encoding)
	if err == nil {
		err = o.check()
	}
	return &Reader{
		options: o,
		charset: encoding,
		lines:   newLineScanner(r, lower(o.MaxLine, MaxLineBytes), lower(o.MaxBytes, MaxFileBytes)),
		layout:  batch.Layout{Encoding: encoding.name, Plain: o.Plain},
		ended:   err,
		// A plain file has no totals to compare, so they are known from the start.
		totalsKnown: true,
	}
}

// Header returns the file's header, as far as it could be read: complete after
// the first Read that returned a line. A plain file's is made from the options.
func (r *Reader) Header() batch.Header { return r.header }

// Layout returns how the file is written, for its answers. The separator is 0
// when the file's first record does not show it.
func (r *Reader) Layout() batch.Layout { return r.layout }

// Lines returns how many D records were read so far, those with findings included.
func (r *Reader) Lines() int { return r.count }

// Totals returns the sum of the amounts read so far, per currency, sorted by
// currency. Amounts that could not be read are not in it.
func (r *Reader) Totals() []money.Amount { return r.totals.sorted() }

// Read reads the next line into l and checks its form. The findings are those of
// this line; their slice is reused by the next call. A line with findings is
// filled as far as it could be read and must not be submitted.
//
// The error is io.EOF after the last line of a file that is acceptable as a whole,
// a *FileError at the end of one that must be rejected, or whatever the stream
// returned. A file that proves to be unacceptable is read on where that makes
// sense, so that its FileError says as much as possible.
func (r *Reader) Read(l *batch.Line) ([]batch.Finding, error) {
	if r.ended == nil && !r.started {
		r.started = true
		r.start()
	}
	for r.ended == nil {
		line, ok := r.next()
		if !ok {
			break
		}
		if r.options.Plain {
			if r.data(line, 0, l) {
				return r.findings, nil
			}
			continue
		}
		switch record := r.recordType(line); {
		case r.trailer:
			r.report(batch.Finding{Line: r.lines.no, Code: batch.RecordOrder, Message: "nothing may follow the trailer"})
			r.stop()
		case record == 'D':
			if r.data(line, 1, l) {
				return r.findings, nil
			}
		case record == 'T':
			r.trailer = true
			if r.decodable(line, nil) {
				r.readTrailer(r.decode(line))
			}
		case record == 'H' || record == 'C':
			r.report(batch.Finding{Line: r.lines.no, Code: batch.RecordOrder, Message: "a file has one H and one C record, at its beginning"})
		default:
			r.report(batch.Finding{Line: r.lines.no, Code: batch.RecordOrder, Message: "expected a D record or the trailer, with the separator of the header; a quoted field may not hold a line break"})
		}
	}
	return nil, r.ended
}

// start reads what stands before the first line.
func (r *Reader) start() {
	first, ok := r.next()
	if !ok {
		if r.ended == io.EOF {
			r.reject(batch.Finding{Code: batch.EmptyFile, Message: "the file is empty"})
		}
		return
	}
	first, ok = r.stripMark(first)
	if !ok {
		return
	}
	if len(first) == 0 {
		if _, more := r.next(); !more && r.ended == io.EOF {
			r.reject(batch.Finding{Code: batch.EmptyFile, Message: "the file is empty"})
		} else {
			r.reject(batch.Finding{Line: 1, Code: batch.NoHeader, Message: "the first line is empty"})
		}
		return
	}
	if !r.decodable(first, nil) {
		r.stop()
		return
	}
	first = r.decode(first)
	if r.options.Plain {
		r.startPlain(first)
		return
	}
	if !r.readHeader(first) {
		r.stop()
		return
	}
	r.readColumnRecord()
}

func (r *Reader) startPlain(names []byte) {
	r.header = batch.Header{Merchant: r.options.Merchant, Ref: batch.FileRef(r.options.Name), Mode: r.options.Mode}
	r.layout.Separator = r.options.Separator
	if r.layout.Separator == 0 {
		r.layout.Separator = detectSeparator(names)
	}
	r.readColumnNames(names, 0)
}

// readColumnRecord reads the C record, which must follow the header.
func (r *Reader) readColumnRecord() {
	line, ok := r.next()
	if !ok {
		if r.ended == io.EOF {
			r.reject(batch.Finding{Code: batch.NoLines, Message: "the file ends after its header"})
		}
		return
	}
	if r.recordType(line) != 'C' {
		r.reject(batch.Finding{Line: r.lines.no, Code: batch.RecordOrder, Message: "the second record must be C, with the column names"})
		return
	}
	if !r.decodable(line, nil) {
		r.stop()
		return
	}
	r.readColumnNames(r.decode(line), 1)
}

// readColumnNames reads the names in a line after skip fields. Whatever is wrong
// in the file's head ends the reading here.
func (r *Reader) readColumnNames(line []byte, skip int) {
	names, broken := r.split(line)
	if broken >= 0 {
		r.reject(batch.Finding{Line: r.lines.no, Code: batch.UnknownColumn, Message: "the quoting of the column names is wrong"})
		return
	}
	r.columns = readColumns(names[skip:], r.options, r.lines.no, r.report)
	if len(names) == skip {
		r.report(batch.Finding{Line: r.lines.no, Code: batch.UnknownColumn, Message: "no column is named"})
	}
	if len(r.fileFindings) > 0 {
		r.stop()
		return
	}
	r.check = batch.CheckOptions{Columns: r.columns.set, AcceptCardLikeIDs: r.options.AcceptCardLikeIDs}
}

// next returns the next physical line. ok is false at the end of what can be
// read; then ended is set.
func (r *Reader) next() (line []byte, ok bool) {
	line, err := r.lines.next()
	switch err {
	case nil:
		return line, true
	case io.EOF:
		r.atEnd()
	case errLineTooLong:
		r.reject(batch.Finding{Line: r.lines.no, Code: batch.LineTooLong, Message: fmt.Sprintf("a line may have at most %d bytes", r.lines.maxLine)})
	case errFileTooLarge:
		r.reject(batch.Finding{Code: batch.FileTooLarge, Message: fmt.Sprintf("a file may have at most %d bytes: split it", r.lines.maxBytes)})
	default:
		r.ended = fmt.Errorf("read line %d: %w", r.lines.no+1, err)
	}
	return nil, false
}

// atEnd judges the file when its last line was read.
func (r *Reader) atEnd() {
	if r.layout.Separator != 0 && r.columns.columns != nil {
		if !r.trailer && !r.options.Plain {
			r.report(batch.Finding{Code: batch.NoTrailer, Message: "the file ends without a T record: it may be cut off"})
		}
		if r.count == 0 {
			r.report(batch.Finding{Code: batch.NoLines, Message: "the file has no lines"})
		}
	}
	r.stop()
}

// report keeps a finding about the file.
func (r *Reader) report(f batch.Finding) {
	if len(r.fileFindings) < maxFileFindings {
		r.fileFindings = append(r.fileFindings, f)
	}
}

func (r *Reader) reject(f batch.Finding) {
	r.report(f)
	r.stop()
}

// stop ends the reading with what was found about the file.
func (r *Reader) stop() {
	r.ended = io.EOF
	if len(r.fileFindings) > 0 {
		r.ended = &FileError{r.fileFindings}
	}
}

// stripMark removes a byte order mark and refuses one that contradicts the
// source's encoding.
func (r *Reader) stripMark(line []byte) (rest []byte, ok bool) {
	rest, marked := bytes.CutPrefix(line, []byte("\ufeff"))
	utf16 := bytes.HasPrefix(line, []byte{0xff, 0xfe}) || bytes.HasPrefix(line, []byte{0xfe, 0xff})
	if utf16 || marked && r.charset.name != UTF8 {
		r.reject(batch.Finding{Line: 1, Code: batch.Encoding, Message: "the byte order mark is not that of " + r.charset.name})
		return nil, false
	}
	return rest, true
}

// recordType returns the letter that begins a record, 0 for anything else.
func (r *Reader) recordType(line []byte) byte {
	if len(line) == 1 || len(line) > 1 && line[1] == r.layout.Separator {
		return line[0]
	}
	return 0
}

// decodable reports whether every byte of a record stands for a character. Where
// one does not, the finding names the column that it is in, if columns are given.
func (r *Reader) decodable(line []byte, columns []column) bool {
	at := r.charset.undecodable(line)
	if at < 0 {
		return true
	}
	f := batch.Finding{Line: r.lines.no, Code: batch.Encoding, Message: fmt.Sprintf("byte %d of the line is no character in %s", at+1, r.charset.name)}
	field := bytes.Count(line[:at], []byte{r.layout.Separator})
	if !r.options.Plain {
		field--
	}
	if 0 <= field && field < len(columns) {
		f.Column = columns[field].name
	}
	r.report(f)
	return false
}

func (r *Reader) decode(line []byte) []byte {
	text := r.charset.decode(line, r.decoded)
	if r.charset.chars != nil && len(text) > 0 && len(line) > 0 && &text[0] != &line[0] {
		r.decoded = text
	}
	return text
}

// split returns the fields of a line as strings of their own, for the few records
// that are not lines.
func (r *Reader) split(line []byte) (fields []string, broken int) {
	r.fields, broken = splitRecord(line, r.layout.Separator, r.fields)
	for _, f := range r.fields {
		fields = append(fields, string(line[f.start:f.end]))
	}
	return fields, broken
}
