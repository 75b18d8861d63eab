package batchfile

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"cardbatch/batch"
	"cardbatch/money"
)

// Most digits of the numbers in a trailer.
const (
	maxCountDigits = 8  // of 10,000,000 lines
	maxTotalDigits = 18 // what fits in 63 bits for sure
)

// sums are totals per currency.
type sums []money.Amount

// add adds an amount; it reports false, and changes nothing, when the total would
// leave the range of whole numbers.
func (s *sums) add(a money.Amount) bool {
	for i := range *s {
		if total := &(*s)[i]; total.Currency == a.Currency {
			if total.Minor > math.MaxInt64-a.Minor {
				return false
			}
			total.Minor += a.Minor
			return true
		}
	}
	// The code is copied: it is a piece of its whole line.
	*s = append(*s, money.Amount{Minor: a.Minor, Currency: money.Currency(strings.Clone(string(a.Currency)))})
	return true
}

// sorted returns a copy, by currency.
func (s sums) sorted() []money.Amount {
	return slices.SortedFunc(slices.Values(s), func(a, b money.Amount) int {
		return strings.Compare(string(a.Currency), string(b.Currency))
	})
}

// of returns the total in a currency.
func (s sums) of(c money.Currency) (minor int64, ok bool) {
	for _, total := range s {
		if total.Currency == c {
			return total.Minor, true
		}
	}
	return 0, false
}

// appendTotals appends a field CUR:total per currency.
func (s sums) appendTotals(record []string) []string {
	for _, total := range s.sorted() {
		record = append(record, fmt.Sprintf("%s:%d", total.Currency, total.Minor))
	}
	return record
}

// readTotals reads fields CUR:total. bad is the number of the first field that is
// none, counted from 0, or -1.
func readTotals(fields []string) (totals sums, bad int) {
	for i, field := range fields {
		code, digits, _ := strings.Cut(field, ":")
		currency, known := money.Find(code)
		minor, ok := readNumber(digits, maxTotalDigits)
		if _, repeated := totals.of(currency); !known || !ok || repeated {
			return nil, i
		}
		totals = append(totals, money.Amount{Minor: minor, Currency: currency})
	}
	return totals, -1
}

// readTrailer reads the T record and compares it with what was read before it.
func (r *Reader) readTrailer(line []byte) {
	no := r.lines.no
	bad := func(code batch.FindingCode, column, message string) {
		r.report(batch.Finding{Line: no, Column: column, Code: code, Message: message})
	}
	fields, broken := r.split(line)
	if broken >= 0 || len(fields) < 2 {
		bad(batch.BadTrailer, "", "expected T, the number of lines, and a total per currency")
		return
	}
	if count, ok := readNumber(fields[1], maxCountDigits); !ok {
		bad(batch.BadTrailer, "", "the number of lines is not a number")
	} else if count != int64(r.count) {
		bad(batch.CountMismatch, "", fmt.Sprintf("the trailer counts %d lines, the file holds %d", count, r.count))
	}
	totals, wrong := readTotals(fields[2:])
	if wrong >= 0 {
		bad(batch.BadTrailer, "", fmt.Sprintf("field %d is not CUR:total with a known currency, or repeats a currency", wrong+3))
		return
	}
	if !r.totalsKnown {
		return // a line whose amount cannot be read has its own finding
	}
	for _, total := range r.totals.sorted() {
		declared, ok := totals.of(total.Currency)
		switch {
		case !ok:
			bad(batch.CurrencyMismatch, "", fmt.Sprintf("the trailer has no total for %s, the lines add up to %d", total.Currency, total.Minor))
		case declared != total.Minor:
			bad(batch.TotalMismatch, "", fmt.Sprintf("the trailer's total for %s differs: the lines add up to %d", total.Currency, total.Minor))
		}
	}
	for _, total := range totals {
		if _, ok := r.totals.of(total.Currency); !ok {
			bad(batch.CurrencyMismatch, "", fmt.Sprintf("the trailer has a total for %s, no line has an amount in it", total.Currency))
		}
	}
}
