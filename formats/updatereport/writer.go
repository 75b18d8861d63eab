package updatereport

import (
	"bufio"
	"encoding/csv"
	"io"
	"time"

	"cardbatch/batch"
)

// Head says what a report is.
type Head struct {
	Merchant batch.MerchantID
	Period   string         // YYYY-MM of a whole month, or YYYY-MM-DD: the month up to that day's end
	From, To time.Time      // half open
	Zone     *time.Location // of the merchant: dates are told in it
	Extended bool           // every column
}

// Rows yields the records of a report in their order, until yield returns an error, which it
// returns. Each call yields the same records.
type Rows func(yield func(batch.UpdateRow) error) error

// WriteCSV writes a report as CSV after RFC 4180, UTF-8, with a comma and LF: a row of headings,
// then a row per record. It asks for the rows once. After an error what was written
// must not be published.
func WriteCSV(w io.Writer, h Head, rows Rows) (records int, err error) {
	columns := csvColumns(h.Extended)
	out := csv.NewWriter(bufio.NewWriterSize(w, 64<<10)) // csv buffers in a buffer that is large enough
	record := make([]string, len(columns))
	for i := range columns {
		record[i] = columns[i].name
	}
	if err := out.Write(record); err != nil {
		return 0, err
	}
	err = rows(func(r batch.UpdateRow) error {
		records++
		for i := range columns {
			record[i] = columns[i].cell(&r)
		}
		return out.Write(record)
	})
	if err != nil {
		return records, err
	}
	out.Flush()
	return records, out.Error()
}
