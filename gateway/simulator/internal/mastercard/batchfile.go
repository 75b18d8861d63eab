package mastercard

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"cardbatch/gateway/simulator/stage"
)

// Limits of a file (facts, section 2.1).
const (
	maxBatchBytes   = 3_000_000
	maxBatchRecords = 18_000
	maxBatchLine    = 100_000
)

// requestFields are the columns that a request may have, and where they go.
var requestFields = map[string]func(*restRequest) *string{
	"apiOperation":                             func(in *restRequest) *string { return &in.APIOperation },
	"referenceOrderId":                         func(in *restRequest) *string { return &in.ReferenceOrderID },
	"order.amount":                             func(in *restRequest) *string { return (*string)(&in.Order.Amount) },
	"order.currency":                           func(in *restRequest) *string { return &in.Order.Currency },
	"order.reference":                          func(in *restRequest) *string { return &in.Order.Reference },
	"transaction.amount":                       func(in *restRequest) *string { return (*string)(&in.Transaction.Amount) },
	"transaction.currency":                     func(in *restRequest) *string { return &in.Transaction.Currency },
	"transaction.source":                       func(in *restRequest) *string { return &in.Transaction.Source },
	"transaction.targetTransactionId":          func(in *restRequest) *string { return &in.Transaction.Target },
	"transaction.acquirer.traceId":             func(in *restRequest) *string { return &in.Transaction.Acquirer.TraceID },
	"agreement.id":                             func(in *restRequest) *string { return &in.Agreement.ID },
	"agreement.type":                           func(in *restRequest) *string { return &in.Agreement.Type },
	"agreement.amountVariability":              func(in *restRequest) *string { return &in.Agreement.AmountVariability },
	"sourceOfFunds.type":                       func(in *restRequest) *string { return &in.SourceOfFunds.Type },
	"sourceOfFunds.token":                      func(in *restRequest) *string { return &in.SourceOfFunds.Token },
	"sourceOfFunds.provided.card.number":       func(in *restRequest) *string { return &in.SourceOfFunds.Provided.Card.Number },
	"sourceOfFunds.provided.card.expiry.month": func(in *restRequest) *string { return &in.SourceOfFunds.Provided.Card.Expiry.Month },
	"sourceOfFunds.provided.card.expiry.year":  func(in *restRequest) *string { return &in.SourceOfFunds.Provided.Card.Expiry.Year },
	"sourceOfFunds.provided.card.storedOnFile": func(in *restRequest) *string { return &in.SourceOfFunds.Provided.Card.StoredOnFile },
}

// otherColumns are those that a file may have besides: fields that change nothing here, and
// fields of answers, which come empty.
var otherColumns = []string{
	"order.id", "transaction.id", "merchant", "apiPassword",
	"correlationId", "transaction.reference", "order.statementDescriptor.name", "sourceOfFunds.provided.card.nameOnCard",
	"agreement.expiryDate", "agreement.paymentFrequency", "agreement.numberOfPayments", "agreement.minimumDaysBetweenPayments",
}

var answerColumns = []string{
	"result", "error.cause", "error.explanation", "error.field", "error.validationType", "error.supportCode",
	"response.gatewayCode", "response.acquirerCode", "transaction.authorizationCode", "transaction.type",
	"authorizationResponse.transactionIdentifier", "authorizationResponse.responseCode", "order.status",
	"order.totalAuthorizedAmount", "order.totalCapturedAmount", "order.totalRefundedAmount",
	"sourceOfFunds.provided.card.scheme", "sourceOfFunds.provided.card.brand", "sourceOfFunds.provided.card.fundingMethod",
}

// requestOnly are the columns that come back empty (facts, section 2.6).
var requestOnly = []string{"apiOperation", "apiPassword", "sourceOfFunds.token"}

// batchFile is an uploaded file, read.
type batchFile struct {
	columns []string
	latin1  bool // its encoding, when it is not UTF-8
	rows    []batchRow
}

// readFile reads an upload (facts, section 2.4). What is wrong with the file refuses it
// whole; what is wrong with a row is the row's own answer.
func (g *Gateway) readFile(text []byte, contentType string) (*batchFile, error) {
	f := &batchFile{}
	var err error
	if f.latin1, err = isLatin1(contentType); err != nil {
		return nil, err
	}
	if !f.latin1 && !utf8.Valid(text) {
		return nil, errors.New("the file is not UTF-8")
	}
	for line := range bytes.Lines(text) {
		if utf8.RuneCount(line) > maxBatchLine {
			return nil, fmt.Errorf("a line has more than %d characters", maxBatchLine)
		}
	}
	in := csv.NewReader(bytes.NewReader(text))
	if f.columns, err = in.Read(); err != nil {
		return nil, errors.New("the file has no header")
	}
	f.columns = slices.Clone(f.columns)
	for i, name := range f.columns {
		f.columns[i] = strings.Clone(name)
		if _, known := requestFields[name]; !known && !slices.Contains(otherColumns, name) && !slices.Contains(answerColumns, name) {
			return nil, fmt.Errorf("column %d is no field of the API", i+1)
		}
	}
	in.ReuseRecord = true
	orders := map[string]bool{}
	for {
		cells, err := in.Read()
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("record %d is not as wide as the header, or badly quoted", len(f.rows)+1)
		}
		if len(f.rows) == maxBatchRecords {
			return nil, fmt.Errorf("more than %d records", maxBatchRecords)
		}
		row, err := g.readRow(f, cells)
		if err != nil {
			return nil, fmt.Errorf("record %d: %w", len(f.rows)+1, err)
		}
		if orders[row.Order] {
			return nil, fmt.Errorf("record %d: its order has a record already", len(f.rows)+1)
		}
		orders[row.Order] = true
		f.rows = append(f.rows, row)
	}
	if len(f.rows) == 0 {
		return nil, errors.New("the file has no records")
	}
	return f, nil
}

// isLatin1 tells the encoding that was declared; none means ISO-8859-1 (facts, section 2.3).
func isLatin1(contentType string) (bool, error) {
	_, parameters, err := mime.ParseMediaType(contentType)
	charset := strings.ToUpper(parameters["charset"])
	switch {
	case err != nil || charset == "" || charset == "ISO-8859-1":
		return true, nil
	case charset == "UTF-8":
		return false, nil
	}
	return false, errors.New("the encoding must be ISO-8859-1 or UTF-8")
}

func (g *Gateway) readRow(f *batchFile, cells []string) (batchRow, error) {
	in := new(restRequest)
	var orderID, id string
	for i, name := range f.columns {
		value := strings.Clone(cells[i]) // a cell shares its memory with the row, card number included
		if f.latin1 {
			value = fromLatin1(value)
		}
		if value == "" {
			continue
		}
		switch field, isField := requestFields[name]; {
		case isField:
			*field(in) = value
		case name == "order.id":
			orderID = value
		case name == "transaction.id":
			id = value
		case name == "merchant" && value != g.stage.Options.MerchantID, name == "apiPassword" && value != g.stage.Options.Password:
			return batchRow{}, errors.New("invalid credentials")
		case slices.Contains(answerColumns, name):
			return batchRow{}, fmt.Errorf("%s is a field of the answer", name)
		}
	}
	p, err := parsePayment(orderID, id, in)
	if err != nil {
		return batchRow{ID: id, Order: orderID, Reference: in.Order.Reference, Refused: refusedFor(err)}, nil
	}
	return rowOf(p), nil
}

func fromLatin1(text string) string {
	out := make([]rune, 0, len(text))
	for _, b := range []byte(text) {
		out = append(out, rune(b))
	}
	return string(out)
}

func toLatin1(text string) string {
	out := make([]byte, 0, len(text))
	for _, r := range text {
		if r > 0xff {
			r = '?'
		}
		out = append(out, byte(r))
	}
	return string(out)
}

// statusFile writes the status of a batch (facts, section 2.5), as the phase wants it.
func (g *Gateway) statusFile(b *batch, shown stage.Phase) []byte {
	name, state := b.Name, b.state()
	switch shown {
	case stage.WrongReference:
		name = stage.Reverse(name)
	case stage.Pending:
		state = stateProcessing
	case stage.Unknown:
		state = ""
	case stage.UnknownResult:
		state = "PERHAPS"
	}
	at := func(ms int64) string {
		if ms == 0 {
			return ""
		}
		return time.UnixMilli(ms).UTC().Format("2006-01-02T15:04:05-07:00")
	}
	var out bytes.Buffer
	writeQuoted(&out, []string{"merchantId", "batchName", "totalRecords", "uploadCompleted", "batchStatus", "processed", "errors", "lastAction", "processingCompleted"})
	writeQuoted(&out, []string{
		g.stage.Options.MerchantID, name, strconv.Itoa(len(b.Rows)), at(b.Uploaded), state,
		strconv.FormatInt(b.processed.Load(), 10), strconv.FormatInt(b.failed.Load(), 10), at(b.lastAction.Load()), at(b.completed.Load()),
	})
	return out.Bytes()
}

// responseFile writes the answers to a batch: its own columns, a row per row (facts, section
// 2.6). The values are those of the REST answer, under their dotted names.
func (g *Gateway) responseFile(b *batch, shown stage.Phase) []byte {
	d := disguises[stage.Or(shown, b.Shown)]
	var out bytes.Buffer
	writeQuoted(&out, b.Columns)
	cells := make([]string, len(b.Columns))
	for i := range b.Rows {
		values := map[string]string{}
		flatten(values, "", g.rowAnswer(b, &b.Rows[i], d))
		for j, name := range b.Columns {
			cells[j] = values[name]
			if slices.Contains(requestOnly, name) {
				cells[j] = ""
			}
			if b.Latin1 {
				cells[j] = toLatin1(cells[j])
			}
		}
		writeQuoted(&out, cells)
	}
	return out.Bytes()
}

// rowAnswer is the answer to a row, as REST would give it.
func (g *Gateway) rowAnswer(b *batch, r *batchRow, d disguise) map[string]any {
	var body []byte
	switch {
	case r.Refused != nil:
		body = errorObject(r.Refused.err())
	case b.Shown == stage.UnknownCode:
		body = g.failure(r.Order, r.ID, b.Shown)
	default:
		shard := g.accounts.shard(r.Order)
		shard.Lock()
		if o := shard.orders[r.Order]; o != nil {
			if t := o.find(r.ID); t != nil {
				body = g.answer(o, t, d)
			}
		}
		shard.Unlock()
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.UseNumber() // amounts stay as they are written
	answer := map[string]any{}
	_ = in.Decode(&answer) // our own text; without one the row stays empty
	if r.Refused != nil {
		answer["order"], answer["transaction"] = map[string]any{"id": r.Order}, map[string]any{"id": r.ID}
	}
	return answer
}

// flatten puts the values of a JSON object under their dotted names.
func flatten(values map[string]string, prefix string, object map[string]any) {
	for name, value := range object {
		switch value := value.(type) {
		case map[string]any:
			flatten(values, prefix+name+".", value)
		default:
			values[prefix+name] = fmt.Sprint(value)
		}
	}
}

// writeQuoted writes a line with every value quoted, as the vendor's samples are.
func writeQuoted(out *bytes.Buffer, cells []string) {
	for i, cell := range cells {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		out.WriteString(strings.ReplaceAll(cell, `"`, `""`))
		out.WriteByte('"')
	}
	out.WriteByte('\n')
}
