package layout

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// These end the reading of a file.
var (
	errRecordTooLong = errors.New("record too long")
	errFileTooLarge  = errors.New("file too large")
)

// maxLineBytes bounds a line: more than any record, doubled for quotation marks.
const maxLineBytes = 2*maxRecordLength + 2

// physicalRecords cuts a stream into lines or blocks.
type physicalRecords struct {
	in       *bufio.Reader
	block    int // bytes of a record without line end; 0: lines
	maxBytes int64
	buf      []byte // a block
	no       int    // number of the record read last, from 1
	bytes    int64  // read so far
}

func newPhysicalRecords(r io.Reader, t *Table, maxBytes int64) *physicalRecords {
	p := &physicalRecords{in: bufio.NewReaderSize(r, maxLineBytes), maxBytes: maxBytes}
	if t.LineEnd == Blocks {
		p.block = t.RecordLength
		p.buf = make([]byte, p.block)
	}
	return p
}

// next returns the next record without its end. The slice is the caller's to change
// until the next call. io.EOF comes after the last record, which may lack its line end;
// a block that is cut off is returned as far as it goes.
func (p *physicalRecords) next() ([]byte, error) {
	line, err := p.read()
	p.bytes += int64(len(line))
	if p.bytes > p.maxBytes {
		return nil, errFileTooLarge
	}
	switch {
	case err == nil || err == io.EOF && len(line) > 0:
		p.no++
	case err == bufio.ErrBufferFull:
		p.no++
		return nil, errRecordTooLong
	case err == io.EOF:
		return nil, io.EOF
	default:
		return nil, fmt.Errorf("read record %d: %w", p.no+1, err)
	}
	if p.block == 0 {
		line = bytes.TrimSuffix(line, []byte{'\n'})
		line = bytes.TrimSuffix(line, []byte{'\r'})
	}
	return line, nil
}

func (p *physicalRecords) read() ([]byte, error) {
	if p.block == 0 {
		return p.in.ReadSlice('\n')
	}
	n, err := io.ReadFull(p.in, p.buf)
	if err == io.ErrUnexpectedEOF {
		err = io.EOF
	}
	return p.buf[:n], err
}

// span is where a field lies in its line.
type span struct{ start, end int }

// split finds the fields of a delimited line; broken is the number of the field,
// counted from 0, whose quoting is wrong, or -1. A quoted field is quoted as a whole,
// quotation marks within it are doubled, and it is unquoted in place. With rest, the
// field of that number takes everything up to the end, quotation marks and all; -1: none does.
func (t *Table) split(line []byte, fields []span, rest int) (_ []span, broken int) {
	fields = fields[:0]
	for pos := 0; ; pos++ {
		if len(fields) == rest {
			return append(fields, span{pos, len(line)}), -1
		}
		if t.Quotes && pos < len(line) && line[pos] == '"' {
			field, next := unquote(line, pos)
			if next < len(line) && line[next] != t.Delimiter || next > len(line) {
				return fields, len(fields)
			}
			fields = append(fields, field)
			pos = next
		} else {
			field := span{pos, len(line)}
			if n := bytes.IndexByte(line[pos:], t.Delimiter); n >= 0 {
				field.end = pos + n
			}
			if t.Quotes && bytes.IndexByte(line[field.start:field.end], '"') >= 0 {
				return fields, len(fields)
			}
			fields = append(fields, field)
			pos = field.end
		}
		if pos == len(line) {
			if len(fields) == rest {
				fields = append(fields, span{pos, pos})
			}
			return fields, -1
		}
	}
}

// unquote removes the quotation marks of the field that begins at pos, and returns
// where it ends. next is beyond the line when the closing mark is missing.
func unquote(line []byte, pos int) (field span, next int) {
	field = span{pos + 1, pos + 1}
	for i := pos + 1; i < len(line); i++ {
		if line[i] == '"' {
			if i+1 == len(line) || line[i+1] != '"' {
				return field, i + 1
			}
			i++
		}
		line[field.end] = line[i]
		field.end++
	}
	return field, len(line) + 1
}

// wipe overwrites a piece of a line that must not live on in the line's text.
func wipe(piece []byte) {
	for i := range piece {
		piece[i] = '*'
	}
}
