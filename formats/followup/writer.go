package followup

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"cardbatch/batch"
	"cardbatch/formats"
	"cardbatch/money"
)

// Encodings of a file.
const (
	Latin1 = "ISO-8859-1" // characters that it lacks become question marks
	UTF8   = "UTF-8"
)

// Encodings lists every encoding.
var Encodings = []string{Latin1, UTF8}

// ErrTotal: a total is larger than can be counted. The file must not be published.
var ErrTotal = errors.New("a total is too large")

// Head says what a file is; it stands in each of its rows.
type Head struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	Day      string // YYYY-MM-DD
	Number   int64
}

// Writer writes a follow-up file. After an error the file must not be published.
type Writer[R any] struct {
	head    Head
	columns []column[R]
	group   func(*R) (group, money.Amount) // nil: rows are counted alone
	total   func(group, money.Amount) R
	netted  bool // the amounts of one currency add up to something

	csv    *csv.Writer
	record []string
	rows   int
	groups map[group]*sum
	nets   map[money.Currency]*sum // per currency alone
}

// group is what a total is of: rows that have these in common.
type group struct {
	kind     batch.TransactionKind
	outcome  batch.Outcome // of transactions
	currency money.Currency
}

type sum struct {
	minor int64
	rows  int
}

func (s *sum) add(minor int64) error {
	if minor > 0 && s.minor > math.MaxInt64-minor || minor < 0 && s.minor < math.MinInt64-minor {
		return ErrTotal
	}
	s.minor += minor
	s.rows++
	return nil
}

// NewTransactions begins a file of the transactions of a day.
func NewTransactions(w io.Writer, h Head, encoding string) (*Writer[batch.TransactionRow], error) {
	return begin(w, encoding, &Writer[batch.TransactionRow]{
		head: h, columns: transactionColumns,
		group: func(r *batch.TransactionRow) (group, money.Amount) {
			return group{r.Kind, r.Outcome, r.Amount.Currency}, r.Amount
		},
		total: func(g group, a money.Amount) batch.TransactionRow {
			return batch.TransactionRow{Kind: g.kind, Outcome: g.outcome, Amount: a}
		},
	})
}

// NewPayments begins a file of the payments of a day.
func NewPayments(w io.Writer, h Head, encoding string) (*Writer[batch.PaymentRow], error) {
	return begin(w, encoding, &Writer[batch.PaymentRow]{
		head: h, columns: paymentColumns, netted: true,
		group: func(r *batch.PaymentRow) (group, money.Amount) { return group{r.Kind, "", r.Amount.Currency}, r.Amount },
		total: func(g group, a money.Amount) batch.PaymentRow { return batch.PaymentRow{Kind: g.kind, Amount: a} },
	})
}

// NewExceptions begins a file of what American Express said on a day and cannot be.
func NewExceptions(w io.Writer, h Head, encoding string) (*Writer[batch.PartnerException], error) {
	return begin(w, encoding, &Writer[batch.PartnerException]{
		head: h, columns: exceptionColumns,
		total: func(group, money.Amount) batch.PartnerException { return batch.PartnerException{} },
	})
}

// begin writes the row of column names.
func begin[R any](to io.Writer, encoding string, w *Writer[R]) (*Writer[R], error) {
	switch encoding {
	case UTF8:
	case Latin1:
		to = &latin1{to: to}
	default:
		return nil, fmt.Errorf("encoding %q is not one of %s", encoding, strings.Join(Encodings, " and "))
	}
	w.csv = csv.NewWriter(bufio.NewWriterSize(to, 64<<10)) // csv buffers in a buffer that is large enough
	w.csv.Comma = ';'
	w.groups, w.nets = map[group]*sum{}, map[money.Currency]*sum{}
	for _, c := range headColumns {
		w.record = append(w.record, c.name)
	}
	for _, c := range w.columns {
		w.record = append(w.record, c.name)
	}
	w.record = append(w.record, countColumn.name)
	return w, w.csv.Write(w.record)
}

// Write writes one row. A card number that is not masked is masked here at the latest.
func (w *Writer[R]) Write(row *R) error {
	w.rows++
	if err := w.count(row); err != nil {
		return err
	}
	return w.write("D", row, "")
}

// count adds a row up, where rows have something to add.
func (w *Writer[R]) count(row *R) error {
	if w.group == nil {
		return nil
	}
	g, amount := w.group(row)
	if err := add(w.groups, g, amount.Minor); err != nil || !w.netted {
		return err
	}
	return add(w.nets, g.currency, amount.Minor)
}

func add[K comparable](sums map[K]*sum, key K, minor int64) error {
	if sums[key] == nil {
		sums[key] = &sum{}
	}
	return sums[key].add(minor)
}

func (w *Writer[R]) write(record string, row *R, count string) error {
	w.record = w.record[:0]
	head := headOf{w.head, record}
	for i := range headColumns {
		w.record = append(w.record, clean(headColumns[i].text(&head)))
	}
	for i := range w.columns {
		c := &w.columns[i]
		text := c.text(row)
		if c.card {
			text = batch.MaskCardNumbers(text)
		}
		if c.free {
			text = formats.Neutralise(text)
		}
		w.record = append(w.record, clean(text))
	}
	return w.csv.Write(append(w.record, count))
}

// Close writes the totals: of each kind, outcome and currency; of payments then the net of each
// currency; last the count of all rows, without which the file is not whole. It does not
// close the stream.
func (w *Writer[R]) Close() error {
	for _, g := range slices.SortedFunc(maps.Keys(w.groups), compare) {
		if err := w.writeTotal(g, w.groups[g]); err != nil {
			return err
		}
	}
	for _, currency := range slices.Sorted(maps.Keys(w.nets)) {
		if err := w.writeTotal(group{currency: currency}, w.nets[currency]); err != nil {
			return err
		}
	}
	if err := w.writeTotal(group{}, &sum{rows: w.rows}); err != nil {
		return err
	}
	w.csv.Flush()
	return w.csv.Error()
}

func (w *Writer[R]) writeTotal(g group, s *sum) error {
	row := w.total(g, money.Amount{Minor: s.minor, Currency: g.currency})
	return w.write("T", &row, strconv.Itoa(s.rows))
}

func compare(a, b group) int {
	kind := func(g group) int { return slices.Index(batch.TransactionKinds, g.kind) }
	outcome := func(g group) int { return slices.Index(batch.Outcomes, g.outcome) }
	return cmp.Or(cmp.Compare(kind(a), kind(b)), cmp.Compare(outcome(a), outcome(b)), cmp.Compare(a.currency, b.currency))
}

// clean makes line breaks and other control characters spaces: a row is a line.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, text)
}
