package batchfile

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"

	"cardbatch/batch"
	"cardbatch/formats"
	"cardbatch/money"
)

// ErrTally says that an answer does not hold what its trailer, or its maker,
// promised: a row too few or too many, or an outcome that is none of the six.
// Such an answer must not be published.
var ErrTally = errors.New("the rows of the answer do not add up")

// ResultHeader begins a RESULT or a SUPPLEMENT.
type ResultHeader struct {
	batch.Header     // of the merchant's file; CreatedAt is that of the answer
	Lines        int // rows that the answer will hold, checked at Close; 0: not known
}

// ResultTrailer ends a RESULT or a SUPPLEMENT.
type ResultTrailer struct {
	Lines    int
	Outcomes map[batch.Outcome]int
	Approved []money.Amount // totals of the approved rows, sorted by currency
}

// tally counts the rows of an answer.
type tally struct {
	lines    int
	outcomes [6]int // in the order of batch.Outcomes
	approved sums
}

func (t *tally) add(row *batch.ResultRow) error {
	at := slices.Index(batch.Outcomes, row.Outcome)
	if at < 0 {
		return fmt.Errorf("%w: line %d has no outcome of the six", ErrTally, row.Line)
	}
	if row.Outcome == batch.OutcomeApproved && row.Amount != "" {
		minor, err := money.ParseMinor(row.Amount)
		if err != nil {
			return fmt.Errorf("%w: line %d: %w", ErrTally, row.Line, err)
		}
		if _, known := money.Find(string(row.Currency)); !known {
			return fmt.Errorf("%w: line %d has an amount in no currency", ErrTally, row.Line)
		}
		if !t.approved.add(money.Amount{Minor: minor, Currency: row.Currency}) {
			return fmt.Errorf("%w: the approved total in %s is too large", ErrTally, row.Currency)
		}
	}
	t.lines++
	t.outcomes[at]++
	return nil
}

func (t *tally) trailer() ResultTrailer {
	trailer := ResultTrailer{Lines: t.lines, Outcomes: map[batch.Outcome]int{}, Approved: t.approved.sorted()}
	for i, outcome := range batch.Outcomes {
		trailer.Outcomes[outcome] = t.outcomes[i]
	}
	return trailer
}

// ResultWriter writes a RESULT or a SUPPLEMENT (section 5).
type ResultWriter struct {
	records *recordWriter
	want    int
	tally   tally
}

// NewResultWriter writes the head of an answer in the layout of the merchant's
// file. Characters that its encoding lacks become question marks.
func NewResultWriter(w io.Writer, h ResultHeader, layout batch.Layout) (*ResultWriter, error) {
	records, err := newRecordWriter(w, layout)
	if err != nil {
		return nil, err
	}
	if err := records.record('H', headerRecord(resultLayoutName, h.Header)...); err != nil {
		return nil, fmt.Errorf("write result header: %w", err)
	}
	if err := records.record('C', resultColumnNames()...); err != nil {
		return nil, fmt.Errorf("write result columns: %w", err)
	}
	return &ResultWriter{records: records, want: h.Lines}, nil
}

// Write writes one row. A card number that is not masked is masked here at the
// latest.
func (w *ResultWriter) Write(row *batch.ResultRow) error {
	if err := w.tally.add(row); err != nil {
		return err
	}
	w.records.begin('D')
	for i := range resultColumns {
		switch c := &resultColumns[i]; {
		case c.number != nil:
			w.records.number(*c.number(row))
		case c.flag != nil:
			w.records.field(strconv.FormatBool(*c.flag(row)))
		case c.free:
			w.records.field(formats.Neutralise(batch.MaskCardNumbers(*c.text(row))))
		case c.card:
			w.records.field(batch.MaskCardNumbers(*c.text(row)))
		default:
			w.records.field(*c.text(row))
		}
	}
	if err := w.records.end(); err != nil {
		return fmt.Errorf("write result row: %w", err)
	}
	return nil
}

// Close checks that the answer holds the rows that its header promised, in the six
// outcomes, and writes the trailer. It does not close the stream. After an error
// the answer must not be published.
func (w *ResultWriter) Close() error {
	sum := 0
	trailer := []string{strconv.Itoa(w.tally.lines)}
	for _, n := range w.tally.outcomes {
		sum += n
		trailer = append(trailer, strconv.Itoa(n))
	}
	if sum != w.tally.lines || w.want != 0 && w.want != w.tally.lines {
		return fmt.Errorf("%w: %d rows with %d outcomes, %d were promised", ErrTally, w.tally.lines, sum, w.want)
	}
	if err := w.records.record('T', w.tally.approved.appendTotals(trailer)...); err != nil {
		return fmt.Errorf("write result trailer: %w", err)
	}
	if err := w.records.flush(); err != nil {
		return fmt.Errorf("write result: %w", err)
	}
	return nil
}

// Trailer returns what was written so far.
func (w *ResultWriter) Trailer() ResultTrailer { return w.tally.trailer() }
