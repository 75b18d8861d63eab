package batchfile

import (
	"encoding/csv"
	"fmt"
	"io"
	"strconv"

	"github.com/gocarina/gocsv"

	"cardbatch/batch"
	"cardbatch/formats"
)

// AckHeader begins an ACK.
type AckHeader struct {
	batch.Header        // of the merchant's file, as far as it could be read; CreatedAt is that of the ACK
	Verdict      string // accepted, held or rejected
	NextSequence int64  // the sequence number expected next; 0: none is kept
}

// AckTrailer ends an ACK.
type AckTrailer struct{ Lines, Accepted, Rejected int }

// ackRecord is an ACK's row as gocsv sees it: the C record is its header row, and
// the letter D the value of that row's first column. All fields are text, because
// gocsv reads "010" as eight.
type ackRecord struct {
	Letter  string `csv:"C"`
	Line    string `csv:"line"`
	Ref     string `csv:"line_ref"`
	Status  string `csv:"status"`
	Code    string `csv:"code"`
	Column  string `csv:"column"`
	Message string `csv:"message"`
}

var ackColumns = []string{"line", "line_ref", "status", "code", "column", "message"}

// AckWriter writes an ACK (section 5).
type AckWriter struct{ records ackRecords }

// NewAckWriter writes the head of an ACK in the layout of the merchant's file. A
// file whose first record could not be read has no separator; it gets semicolons.
func NewAckWriter(w io.Writer, h AckHeader, layout batch.Layout) (*AckWriter, error) {
	records, err := newRecordWriter(w, layout)
	if err != nil {
		return nil, err
	}
	next := ""
	if h.NextSequence != 0 {
		next = strconv.FormatInt(h.NextSequence, 10)
	}
	header := append(headerRecord(ackLayoutName, h.Header), h.Verdict, next)
	if err := records.record('H', header...); err != nil {
		return nil, fmt.Errorf("write ack header: %w", err)
	}
	if err := records.record('C', ackColumns...); err != nil {
		return nil, fmt.Errorf("write ack columns: %w", err)
	}
	return &AckWriter{ackRecords{records}}, nil
}

// Write writes one finding.
func (w *AckWriter) Write(row batch.AckRow) error {
	record := []ackRecord{{
		Letter: "D", Line: strconv.Itoa(row.Line), Ref: string(row.Ref), Status: row.Status, Code: string(row.Code),
		Column: row.Column, Message: formats.Neutralise(batch.MaskCardNumbers(row.Message)),
	}}
	if err := gocsv.MarshalCSVWithoutHeaders(record, w.records); err != nil {
		return fmt.Errorf("write ack row: %w", err)
	}
	return nil
}

// Close writes the trailer with the numbers of lines accepted and rejected. It
// does not close the stream.
func (w *AckWriter) Close(accepted, rejected int) error {
	if err := w.records.record('T', strconv.Itoa(accepted+rejected), strconv.Itoa(accepted), strconv.Itoa(rejected)); err != nil {
		return fmt.Errorf("write ack trailer: %w", err)
	}
	if err := w.records.flush(); err != nil {
		return fmt.Errorf("write ack: %w", err)
	}
	return nil
}

// ackRecords lets gocsv write through a recordWriter: the letter comes first.
type ackRecords struct{ *recordWriter }

func (w ackRecords) Write(row []string) error { return w.record(row[0][0], row[1:]...) }
func (w ackRecords) Flush()                   {}
func (w ackRecords) Error() error             { return w.err }

// AckReader reads an ACK.
type AckReader struct {
	header  AckHeader
	rows    *gocsv.Unmarshaller
	trailer AckTrailer
	done    bool
}

// NewAckReader reads the head of an ACK in the layout of the merchant's file. Its
// encoding and separator must be given; the zero layout is UTF-8 with semicolons.
func NewAckReader(r io.Reader, layout batch.Layout) (*AckReader, error) {
	chars, err := findCharset(layout.Encoding)
	if err != nil {
		return nil, err
	}
	if chars.chars != nil {
		r = chars.chars.NewDecoder().Reader(r)
	}
	table := csv.NewReader(r)
	table.Comma = rune(Separators[0])
	if layout.Separator != 0 {
		table.Comma = rune(layout.Separator)
	}
	table.FieldsPerRecord = -1 // header, rows and trailer differ
	head, err := table.Read()
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	ack := &AckReader{}
	if ack.header.Header, err = readHeaderRecord(head, ackLayoutName, 10); err != nil {
		return nil, err
	}
	ack.header.Verdict = head[8]
	if head[9] != "" {
		next, ok := readNumber(head[9], 18)
		if !ok {
			return nil, fmt.Errorf("%w: the next sequence is no number", ErrAnswer)
		}
		ack.header.NextSequence = next
	}
	if ack.rows, err = gocsv.NewUnmarshaller(table, ackRecord{}); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	if len(ack.rows.MismatchedStructFields)+len(ack.rows.MismatchedHeaders) > 0 {
		return nil, fmt.Errorf("%w: the columns are not those of an ack", ErrAnswer)
	}
	return ack, nil
}

// Header returns the ACK's header.
func (r *AckReader) Header() AckHeader { return r.header }

// Trailer returns the ACK's trailer, once Read has returned io.EOF.
func (r *AckReader) Trailer() AckTrailer { return r.trailer }

// Read returns the next finding. io.EOF comes after the trailer; an ACK without
// one is damaged and the error matches ErrAnswer.
func (r *AckReader) Read() (batch.AckRow, error) {
	if r.done {
		return batch.AckRow{}, io.EOF
	}
	read, err := r.rows.Read()
	if err == io.EOF {
		return batch.AckRow{}, fmt.Errorf("%w: it ends without a trailer", ErrAnswer)
	}
	if err != nil {
		return batch.AckRow{}, fmt.Errorf("%w: %w", ErrAnswer, err)
	}
	record := read.(ackRecord)
	switch {
	case record.Letter == "T":
		return batch.AckRow{}, r.readTrailer(record)
	case record.Letter != "D" || record.Code == "" || record.Message == "":
		return batch.AckRow{}, fmt.Errorf("%w: a row is no finding", ErrAnswer)
	}
	line, err := strconv.Atoi(record.Line)
	if err != nil {
		return batch.AckRow{}, fmt.Errorf("%w: a line number is malformed", ErrAnswer)
	}
	return batch.AckRow{
		Line: line, Ref: batch.LineRef(record.Ref), Status: record.Status, Code: batch.FindingCode(record.Code),
		Column: record.Column, Message: formats.Restore(record.Message),
	}, nil
}

// readTrailer reads the three numbers of the trailer, which lie where a row has
// its first three columns.
func (r *AckReader) readTrailer(record ackRecord) error {
	lines, ok1 := readNumber(record.Line, maxCountDigits)
	accepted, ok2 := readNumber(record.Ref, maxCountDigits)
	rejected, ok3 := readNumber(record.Status, maxCountDigits)
	if !ok1 || !ok2 || !ok3 || lines != accepted+rejected {
		return fmt.Errorf("%w: the trailer does not add up", ErrAnswer)
	}
	r.trailer = AckTrailer{int(lines), int(accepted), int(rejected)}
	r.done = true
	return io.EOF
}
