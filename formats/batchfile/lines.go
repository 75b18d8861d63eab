package batchfile

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// Reasons why the lines of a file cannot be read to the end.
var (
	errLineTooLong  = errors.New("line too long")
	errFileTooLarge = errors.New("file too large")
)

// lineScanner cuts a stream into physical lines.
type lineScanner struct {
	in       *bufio.Reader
	maxLine  int
	maxBytes int64
	no       int   // number of the line read last, from 1
	bytes    int64 // read so far
}

func newLineScanner(r io.Reader, maxLine int, maxBytes int64) *lineScanner {
	// The buffer holds a longest line with its end, and enough beside it to read
	// from the stream in large pieces.
	return &lineScanner{in: bufio.NewReaderSize(r, 4*MaxLineBytes), maxLine: maxLine, maxBytes: maxBytes}
}

// next returns the next line without its end. The slice is valid, and the
// caller's to change, until the next call. io.EOF comes after the last line.
func (s *lineScanner) next() ([]byte, error) {
	line, err := s.in.ReadSlice('\n')
	s.bytes += int64(len(line))
	if s.bytes > s.maxBytes {
		return nil, errFileTooLarge
	}
	switch {
	case err == bufio.ErrBufferFull:
		s.no++
		return nil, errLineTooLong
	case err == io.EOF && len(line) > 0: // the last line may lack its end
		s.no++
	case err != nil:
		return nil, err
	default:
		s.no++
		line = bytes.TrimSuffix(line[:len(line)-1], []byte{'\r'})
	}
	if len(line) > s.maxLine {
		return nil, errLineTooLong
	}
	return line, nil
}
