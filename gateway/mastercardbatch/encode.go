package mastercardbatch

import (
	"errors"
	"fmt"
	"math/bits"
	"strconv"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
)

// Limits of one batch (facts, section 2.1). "3 MB" and "100,000 characters" are read in the
// strict way: millions of bytes.
const (
	maxRecords = 18_000
	maxBytes   = 3_000_000
	maxLine    = 100_000
)

// lastColumn ends every row: a row that has it is whole.
const lastColumn = "transaction.id"

// columns are the fields of a batch, requests' and answers', in the order of the file. A
// column that a batch has no use for is left out, because bytes are what limits a batch;
// those of an answer are always there, or they would not be answered (facts, section 2.4).
var columns, columnOf, always = func() (names []string, index map[string]int, always columnSet) {
	names = []string{
		"apiOperation", "order.id", "order.amount", "order.currency", "order.reference", "order.statementDescriptor.name",
		"transaction.reference", "transaction.source", "transaction.acquirer.traceId",
		"transaction.amount", "transaction.currency", "transaction.targetTransactionId",
		"agreement.id", "agreement.type", "agreement.amountVariability", "agreement.expiryDate", "agreement.paymentFrequency",
		"agreement.numberOfPayments", "agreement.minimumDaysBetweenPayments", "referenceOrderId",
		"sourceOfFunds.type", "sourceOfFunds.token", "sourceOfFunds.provided.card.number",
		"sourceOfFunds.provided.card.expiry.month", "sourceOfFunds.provided.card.expiry.year",
		"sourceOfFunds.provided.card.nameOnCard", "sourceOfFunds.provided.card.storedOnFile",
	}
	index = map[string]int{}
	for i, name := range names {
		index[name] = i
	}
	for _, name := range append(append([]string{"apiOperation", "order.id"}, mastercard.ResultFields...), lastColumn) {
		if _, known := index[name]; !known {
			index[name] = len(names)
			names = append(names, name)
		}
		always |= 1 << index[name]
	}
	return names, index, always
}()

// columnSet is a set of columns, by their index.
type columnSet uint64

func (s columnSet) has(column int) bool { return s&(1<<column) != 0 }

func (s columnSet) len() int { return bits.OnesCount64(uint64(s)) }

// record is one row on its way into a file: a mastercard.Fields.
type record struct {
	cells []string // one per column
	used  columnSet
}

func newRecord() *record { return &record{cells: make([]string, len(columns))} }

// read takes the fields of a request.
func (r *record) read(req *gateway.Request) {
	clear(r.cells)
	r.used = always
	mastercard.WriteFields(r, req)
	r.Text("order.id", string(mastercard.OrderID(req)))
	r.Text("transaction.id", string(req.Key))
}

// Text implements mastercard.Fields.
func (r *record) Text(name, value string) {
	if value != "" {
		i, known := columnOf[name]
		if !known {
			panic("mastercard-batch: no column for " + name) // a field was added there and not here
		}
		r.cells[i] = value
		r.used |= 1 << i
	}
}

// Int implements mastercard.Fields; 0 is no value.
func (r *record) Int(name string, value int) {
	if value != 0 {
		r.Text(name, strconv.Itoa(value))
	}
}

// measure is how long a file with the records so far would be.
type measure struct {
	records int
	values  int // bytes of all values, quotes included
	longest int // bytes of the values of the longest row
	columns columnSet
	orders  map[batch.Key]bool
}

func newMeasure() *measure { return &measure{columns: always, orders: map[batch.Key]bool{}} }

// bytes is the length of the file: every cell and every name has one comma or line end.
func (m *measure) bytes() int {
	n := m.values + m.records*m.columns.len()
	for i, name := range columns {
		if m.columns.has(i) {
			n += len(name) + 1
		}
	}
	return n
}

var (
	errRecords = errors.New("too many records")
	errOrders  = errors.New("two records about one order")
	errBytes   = fmt.Errorf("more than %d bytes", maxBytes)
	errLine    = fmt.Errorf("a line of more than %d bytes", maxLine)
)

// add counts a record, unless it does not fit any more (facts, sections 2.1 and 2.4).
func (m *measure) add(r *record, order batch.Key, most int) error {
	values := 0
	for i, value := range r.cells {
		if r.used.has(i) {
			values += len(value)
			if mustQuote(value) {
				values += 2 + strings.Count(value, `"`)
			}
		}
	}
	next := measure{
		records: m.records + 1, values: m.values + values, longest: max(m.longest, values), columns: m.columns | r.used, orders: m.orders,
	}
	switch {
	case m.orders[order]:
		return errOrders
	case next.records > most:
		return errRecords
	case next.bytes() > maxBytes:
		return errBytes
	case next.longest+next.columns.len() > maxLine:
		return errLine
	}
	next.orders[order] = true
	*m = next
	return nil
}

// file is a batch as the gateway reads it. Its bytes are a function of the requests.
type file struct {
	text    []byte
	columns columnSet
}

// wipe zeroes the file: it may hold card numbers.
func (f *file) wipe() { clear(f.text) }

// eachRow visits the requests that have a row, until visit says no. A request that has no
// form at the gateway has none: it is refused here.
func eachRow(reqs []gateway.Request, visit func(i int, req *gateway.Request) bool) {
	for i := range reqs {
		if _, bad := mastercard.Refuse(&reqs[i]); !bad && !visit(i, &reqs[i]) {
			return
		}
	}
}

// rowsOf lists the requests that have a row.
func rowsOf(reqs []gateway.Request) (rows []int) {
	eachRow(reqs, func(i int, _ *gateway.Request) bool {
		rows = append(rows, i)
		return true
	})
	return rows
}

// writeFile writes a batch, which must fit.
func writeFile(reqs []gateway.Request, most int) (*file, error) {
	r, m := newRecord(), newMeasure()
	var err error
	eachRow(reqs, func(i int, req *gateway.Request) bool {
		r.read(req)
		if err = m.add(r, mastercard.OrderID(req), most); err != nil {
			err = fmt.Errorf("request %d of the batch: %w", i+1, err)
		}
		return err == nil
	})
	if err != nil {
		return nil, err
	}
	f := &file{text: make([]byte, 0, m.bytes()), columns: m.columns}
	if m.records == 0 {
		f.text = nil
		return f, nil
	}
	f.text = appendRow(f.text, f.columns, columns)
	eachRow(reqs, func(_ int, req *gateway.Request) bool {
		r.read(req)
		f.text = appendRow(f.text, f.columns, r.cells)
		return true
	})
	return f, nil
}

// appendRow writes the cells of the columns as one line (facts, section 2.4).
func appendRow(text []byte, used columnSet, cells []string) []byte {
	for i, cell := range cells {
		if !used.has(i) {
			continue
		}
		if mustQuote(cell) {
			text = append(text, '"')
			text = append(text, strings.ReplaceAll(cell, `"`, `""`)...)
			text = append(text, '"')
		} else {
			text = append(text, cell...)
		}
		text = append(text, ',')
	}
	text[len(text)-1] = '\n'
	return text
}

func mustQuote(cell string) bool { return strings.ContainsAny(cell, "\",\r\n") }
