package layout

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// Writer writes a file record by record, in the order that the table wants.
type Writer struct {
	table   *Table
	out     *bufio.Writer
	order   *sequence
	tallies []tally
	titled  bool // the headings are written, or there are none
	line    int
	size    int64
	broken  error // what every further call returns

	record, piece []byte // reused
}

// NewWriter returns a writer of a file to w. A table with direction: in is refused.
func NewWriter(w io.Writer, t *Table) (*Writer, error) {
	if t.Direction == In {
		return nil, fmt.Errorf("layout %s has direction: in and cannot be written", t.Name)
	}
	return &Writer{
		table: t, out: bufio.NewWriterSize(w, 1<<16), order: newSequence(t), tallies: newTallies(t), titled: t.headed() == nil,
	}, nil
}

// Write writes one record. Fields of the tail that a check computes are filled in when
// they have no value.
//
// A record of the body that does not fit, by an error that is ErrValue, is not written
// and changes nothing: the file can go on without it. After any other error the file
// is of no use.
func (w *Writer) Write(rec *Record) error {
	if w.broken != nil {
		return w.broken
	}
	if err := w.write(rec); err != nil {
		err = fmt.Errorf("write %s: %w", rec.kind.Name, err)
		if rec.kind.Part != Body || !errors.Is(err, ErrValue) {
			w.broken = err
		}
		return err
	}
	return nil
}

func (w *Writer) write(rec *Record) error {
	w.fillIn(rec)
	var err error
	if w.record, err = w.table.appendRecord(w.record[:0], rec, &w.piece); err != nil {
		return err
	}
	if _, message := w.order.step(rec.kind); message != "" {
		return errors.New(message)
	}
	if !w.titled && rec.kind.Part != Head {
		if err := w.headings(); err != nil {
			return err
		}
	}
	w.line++
	rec.line = w.line
	for i := range w.tallies {
		w.tallies[i].count(rec)
		w.tallies[i].take(rec)
	}
	return w.put(w.record)
}

// fillIn gives the fields of the tail that a check computes their values.
func (w *Writer) fillIn(rec *Record) {
	for i := range w.tallies {
		t := w.tallies[i] // a copy: the record itself may be counted
		f := t.check.Fields[0]
		if f.kind != rec.kind || f.kind.Part != Tail || len(t.check.Fields) > 1 || rec.values[f.number].state != absent {
			continue
		}
		t.count(rec)
		rec.values[f.number] = t.right
	}
}

func (w *Writer) headings() error {
	w.titled = true
	w.line++
	var line []byte
	for i, f := range w.table.headed().Fields {
		if i > 0 {
			line = append(line, w.table.Delimiter)
		}
		for _, r := range f.Heading {
			line, _ = w.table.charset.append(line, r) // the table was checked
		}
	}
	return w.put(line)
}

func (w *Writer) put(line []byte) error {
	switch w.table.LineEnd {
	case CRLF:
		line = append(line, '\r', '\n')
	case LF:
		line = append(line, '\n')
	}
	n, err := w.out.Write(line)
	w.size += int64(n)
	return err
}

// Size is how many bytes were written so far, those included that are still buffered.
func (w *Writer) Size() int64 { return w.size }

// Close makes sure that the file is whole and that its checks hold, and writes what is
// buffered. It does not close the stream. A file whose Close failed must not be sent.
func (w *Writer) Close() error {
	if w.broken != nil {
		return w.broken
	}
	w.broken = errors.New("the file is closed")
	if k := w.order.missing(w.table.Kinds); k != nil {
		return fmt.Errorf("close file: it has no %s", k.Name)
	}
	if !w.titled {
		if err := w.headings(); err != nil {
			return fmt.Errorf("close file: %w", err)
		}
	}
	for i := range w.tallies {
		if f, ok := w.tallies[i].finding(); !ok {
			return fmt.Errorf("close file: %s", f)
		}
	}
	if err := w.out.Flush(); err != nil {
		return fmt.Errorf("close file: %w", err)
	}
	return nil
}
