package batchfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/formats"
)

// ErrAnswer is the cause when a file is no answer of ours, or a damaged one.
var ErrAnswer = errors.New("not a complete answer file")

// readHeaderRecord reads the fields of an answer's H record that all answers share.
func readHeaderRecord(fields []string, layout string, want int) (batch.Header, error) {
	if len(fields) != want || fields[0] != "H" || fields[1] != layout || fields[2] != layoutVersion {
		return batch.Header{}, fmt.Errorf("%w: the header is not that of %s %s", ErrAnswer, layout, layoutVersion)
	}
	h := batch.Header{Merchant: batch.MerchantID(fields[3]), Ref: batch.FileRef(fields[4]), Mode: batch.Mode(fields[6])}
	if fields[5] != "" {
		sequence, ok := readNumber(fields[5], 18)
		if !ok {
			return h, fmt.Errorf("%w: the sequence is no number", ErrAnswer)
		}
		h.Sequence = sequence
	}
	if fields[7] != "" {
		created, err := time.Parse(time.RFC3339Nano, fields[7])
		if err != nil {
			return h, fmt.Errorf("%w: the creation time is no date-time", ErrAnswer)
		}
		h.CreatedAt = created
	}
	return h, nil
}

// ResultReader reads a RESULT or a SUPPLEMENT.
type ResultReader struct {
	charset   charset
	lines     *lineScanner
	separator byte
	header    batch.Header
	tally     tally
	trailer   ResultTrailer
	fields    []span
}

// NewResultReader reads the head of an answer in the encoding (empty for UTF-8).
func NewResultReader(r io.Reader, encoding string) (*ResultReader, error) {
	chars, err := findCharset(encoding)
	if err != nil {
		return nil, err
	}
	result := &ResultReader{charset: chars, lines: newLineScanner(r, MaxLineBytes, MaxFileBytes)}
	head, err := result.record()
	if err != nil {
		return nil, err
	}
	if result.header, err = readHeaderRecord(head, resultLayoutName, 8); err != nil {
		return nil, err
	}
	columns, err := result.record()
	if err != nil {
		return nil, err
	}
	if columns[0] != "C" || !slices.Equal(columns[1:], resultColumnNames()) {
		return nil, fmt.Errorf("%w: the columns are not those of a result", ErrAnswer)
	}
	return result, nil
}

// Header returns the answer's header.
func (r *ResultReader) Header() batch.Header { return r.header }

// Trailer returns the answer's trailer, once Read has returned io.EOF.
func (r *ResultReader) Trailer() ResultTrailer { return r.trailer }

// record reads one record; its first field is the letter.
func (r *ResultReader) record() ([]string, error) {
	line, err := r.lines.next()
	if err == io.EOF {
		return nil, fmt.Errorf("%w: it ends without a trailer", ErrAnswer)
	}
	if err != nil {
		return nil, fmt.Errorf("read answer: %w", err)
	}
	if r.separator == 0 && len(line) > 1 {
		r.separator = line[1]
	}
	line = r.charset.decode(line, nil)
	var broken int
	if r.fields, broken = splitRecord(line, r.separator, r.fields); broken >= 0 {
		return nil, fmt.Errorf("%w: line %d: the quoting is wrong", ErrAnswer, r.lines.no)
	}
	text := string(line)
	fields := make([]string, len(r.fields))
	for i, f := range r.fields {
		fields[i] = text[f.start:f.end]
	}
	return fields, nil
}

// Read reads the next row into row. io.EOF comes after the last one, when the
// trailer agrees with the rows; otherwise the error matches ErrAnswer or ErrTally.
func (r *ResultReader) Read(row *batch.ResultRow) error {
	if r.trailer.Outcomes != nil {
		return io.EOF
	}
	fields, err := r.record()
	if err != nil {
		return err
	}
	switch {
	case fields[0] == "T":
		return r.readTrailer(fields[1:])
	case fields[0] != "D" || len(fields) != len(resultColumns)+1:
		return fmt.Errorf("%w: line %d is no row of a result", ErrAnswer, r.lines.no)
	}
	*row = batch.ResultRow{}
	for i, field := range fields[1:] {
		var err error
		switch c := &resultColumns[i]; {
		case c.number != nil:
			*c.number(row), err = strconv.Atoi(field)
		case c.flag != nil:
			*c.flag(row), err = strconv.ParseBool(field)
		case c.free:
			*c.text(row) = formats.Restore(field)
		default:
			*c.text(row) = field
		}
		if err != nil {
			return fmt.Errorf("%w: line %d: %s is malformed", ErrAnswer, r.lines.no, resultColumns[i].name)
		}
	}
	return r.tally.add(row)
}

func (r *ResultReader) readTrailer(fields []string) error {
	want := r.tally.trailer()
	expected := []string{strconv.Itoa(want.Lines)}
	for _, outcome := range batch.Outcomes {
		expected = append(expected, strconv.Itoa(want.Outcomes[outcome]))
	}
	expected = r.tally.approved.appendTotals(expected)
	if !slices.Equal(fields, expected) {
		return fmt.Errorf("%w: the trailer does not agree with the rows", ErrTally)
	}
	if _, err := r.lines.next(); err != io.EOF {
		return fmt.Errorf("%w: something follows the trailer", ErrAnswer)
	}
	r.trailer = want
	return io.EOF
}
