package batchfile

import (
	"fmt"
	"io"
	"strconv"

	"cardbatch/batch"
)

// Writer writes a merchant's file: H, C, a D record per line, T. It is the other
// side of Reader, for programs that make such files.
type Writer struct {
	records *recordWriter
	plain   bool
	columns []column
	set     batch.ColumnSet
	count   int
	totals  sums
}

// NewWriter writes the head of a file with the columns, by their names in the
// interface, private.<key> included. A layout without separator gets semicolons;
// a plain layout has a row of column names instead of H, C and T records.
func NewWriter(w io.Writer, h batch.Header, columns []string, layout batch.Layout) (*Writer, error) {
	records, err := newRecordWriter(w, layout)
	if err != nil {
		return nil, err
	}
	records.strict = true
	file := &Writer{records: records, plain: layout.Plain}
	seen := map[string]bool{}
	for _, name := range columns {
		c, known := findColumn(name)
		if !known || seen[name] {
			return nil, fmt.Errorf("%q is no column of the interface, or is repeated", name)
		}
		seen[name] = true
		file.columns = append(file.columns, c)
		if c.target != targetPrivate {
			file.set = file.set.With(c.number)
		}
	}
	if layout.Plain {
		return file, file.row(columns)
	}
	if err := records.record('H', headerRecord(layoutName, h)...); err != nil {
		return nil, fmt.Errorf("write header: %w", err)
	}
	if err := records.record('C', columns...); err != nil {
		return nil, fmt.Errorf("write columns: %w", err)
	}
	return file, nil
}

// Write writes one line. A value in a column that the file does not have is an
// error, as is a character that the encoding does not have: nothing is lost unseen.
// A card number is written in clear, as the interface wants it.
func (w *Writer) Write(l *batch.Line) error {
	for i := range batch.Columns {
		if at := batch.Columns[i].Text; at != nil && !w.set.Has(i) && *at(l) != "" {
			return fmt.Errorf("write line: the file has no column %s", batch.Columns[i].Name)
		}
	}
	values := make([]string, len(w.columns))
	private := 0
	card := l.CardNumber.IsZero()
	for i, c := range w.columns {
		switch c.target {
		case targetText:
			values[i] = *c.text(l)
		case targetCard:
			values[i] = l.CardNumber.Reveal()
			card = true
		case targetPrivate:
			for _, datum := range l.Private {
				if datum.Key == c.key {
					values[i] = datum.Value
					private++
				}
			}
		}
	}
	if !card || private != len(l.Private) {
		return fmt.Errorf("write line: the file lacks a column for the card number or for private data")
	}
	if amount, ok := l.Amount(); ok && !w.totals.add(amount) {
		return fmt.Errorf("write line: the total in %s is too large", amount.Currency)
	}
	w.count++
	if w.plain {
		return w.row(values)
	}
	if err := w.records.record('D', values...); err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	return nil
}

// row writes a record without a letter.
func (w *Writer) row(values []string) error {
	w.records.text = w.records.text[:0]
	for i, value := range values {
		if i > 0 {
			w.records.text = append(w.records.text, w.records.separator)
		}
		w.records.value(value)
	}
	if err := w.records.end(); err != nil {
		return fmt.Errorf("write line: %w", err)
	}
	return nil
}

// Close writes the trailer and whatever is buffered. It does not close the stream.
func (w *Writer) Close() error {
	if !w.plain {
		trailer := w.totals.appendTotals([]string{strconv.Itoa(w.count)})
		if err := w.records.record('T', trailer...); err != nil {
			return fmt.Errorf("write trailer: %w", err)
		}
	}
	if err := w.records.flush(); err != nil {
		return fmt.Errorf("write file: %w", err)
	}
	return nil
}
