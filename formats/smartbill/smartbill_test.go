package smartbill

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/money"
)

var update = flag.Bool("update", false, "write the generated pages again")

const samples = "../../testdata/layouts"

func shipped(t *testing.T, name string) *layout.Table {
	t.Helper()
	table, err := Shipped(name)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// from opens bytes again and again.
func from(content []byte) Open {
	return func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(content)), nil }
}

func sample(t *testing.T, name string) Open {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(samples, name))
	if err != nil {
		t.Fatal(err)
	}
	return from(content)
}

func all[T any](t *testing.T, f *File[T], err error) []T {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	var details []T
	if err := f.Each(func(d T) error { details = append(details, d); return nil }); err != nil {
		t.Fatal(err)
	}
	return details
}

var (
	created = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	header  = Header{SE: "1234567890", Sequence: 17, CreatedAt: created, Mode: batch.Test}
	key     = batch.NewKey("acme", "INV-1", 1)
	samePAN = cmp.Comparer(func(a, b batch.PAN) bool { return a.Reveal() == b.Reveal() })
)

func in(h Header, c money.Currency) Header { h.Currency = c; return h }

// roundTrip writes details and reads them back.
func roundTrip[T any](t *testing.T, w *Writer[T], err error, file *bytes.Buffer, read func(Open) (*File[T], error), details []T) *File[T] {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range details {
		if err := w.Write(d); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := read(from(file.Bytes()))
	got := all(t, f, err)
	if diff := cmp.Diff(details, got, samePAN, cmpopts.IgnoreFields(Status{}, "Line"), cmpopts.IgnoreFields(Response{}, "Line")); diff != "" {
		t.Errorf("-written +read\n%s", diff)
	}
	if diff := cmp.Diff(w.Trailer, f.Trailer); diff != "" {
		t.Errorf("trailer: -written +read\n%s", diff)
	}
	return f
}

func TestWhatIsWrittenIsReadBack(t *testing.T) {
	t.Run("enrolments", func(t *testing.T) {
		var file bytes.Buffer
		table := shipped(t, EnrolmentTable)
		w, err := NewEnrolmentWriter(&file, table, header, nil)
		f := roundTrip(t, w, err, &file, func(o Open) (*File[Enrolment], error) { return OpenEnrolment(o, table, nil) }, []Enrolment{
			{Action: Add, Alias: "CUST-011", Card: batch.NewPAN("378282246310005"), Expiry: "1128", Name: "ÉLODIE MARTIN", Key: key},
			{Action: Add, Alias: "CUST-021", Card: batch.NewPAN("371449635398431"), Expiry: "0170", Key: key},
			{Action: Delete, Alias: "CUST-031", Key: key},
		})
		if diff := cmp.Diff(header, f.Header); diff != "" {
			t.Errorf("header\n%s", diff)
		}
		if f.Trailer.Adds != 2 || f.Trailer.Deletes != 1 {
			t.Errorf("%+v", f.Trailer)
		}
	})
	t.Run("statuses", func(t *testing.T) {
		var file bytes.Buffer
		table := shipped(t, StatusTable)
		w, err := NewStatusWriter(&file, table, header, nil)
		roundTrip(t, w, err, &file, func(o Open) (*File[Status], error) { return OpenStatus(o, table, nil) }, []Status{
			{Alias: "CUST-011", Status: EnrolmentAccepted, Known: true, At: created},
			{Alias: "CUST-011", Status: ExpiryUpdated, Known: true, Code: "0001", Text: "Renouvelée", NewExpiry: "1230", Product: "GOLD", At: created},
		})
	})
	t.Run("charges", func(t *testing.T) {
		var file bytes.Buffer
		table := shipped(t, ChargeTable)
		w, err := NewChargeWriter(&file, table, in(header, "JPY"), nil)
		f := roundTrip(t, w, err, &file, func(o Open) (*File[Charge], error) { return OpenCharge(o, table, nil) }, []Charge{
			{Kind: Debit, Alias: "CUST-011", Amount: money.Amount{Minor: 999_999_999_999, Currency: "JPY"}, OrderRef: "INV-1", Descriptor: "ACME *MUSIC", Key: key},
			{Kind: Credit, Alias: "CUST-011", Amount: money.Amount{Minor: 1, Currency: "JPY"}, OrderRef: "INV-1", Key: key},
		})
		if f.Trailer.Debits != 1 || f.Trailer.CreditAmount != 1 || f.Header.Currency != "JPY" {
			t.Errorf("%+v %+v", f.Header, f.Trailer)
		}
	})
	t.Run("responses", func(t *testing.T) {
		var file bytes.Buffer
		table := shipped(t, ResponseTable)
		w, err := NewResponseWriter(&file, table, in(header, "EUR"), nil)
		if err == nil {
			w.Trailer.Debits, w.Trailer.Credits, w.Trailer.DebitAmount = 1, 1, 2990
		}
		roundTrip(t, w, err, &file, func(o Open) (*File[Response], error) { return OpenResponse(o, table, nil) }, []Response{
			{Key: key, Result: Approved, Known: true, Authorization: "A1B2C3", CardUpdate: Changed, ValueDate: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)},
			{Key: key, Result: Declined, Known: true, Code: "0100", Text: "Insufficient funds", CardUpdate: Unchanged},
		})
	})
}

func TestAFileIsReadAsTheSampleSays(t *testing.T) {
	f, err := OpenStatus(sample(t, "good/smartbill-status.all-statuses.dat"), shipped(t, StatusTable), nil)
	got := all(t, f, err)
	at := time.Date(2026, 11, 20, 10, 15, 0, 0, time.UTC)
	want := []Status{
		{Line: 2, Alias: "CUST-011", Status: EnrolmentAccepted, Known: true, At: at},
		{Line: 3, Alias: "CUST-022", Status: EnrolmentRefused, Known: true, Code: "0071", Text: "Carte refusée par l'émetteur", At: at},
		{Line: 4, Alias: "CUST-031", Status: ExpiryUpdated, Known: true, NewExpiry: "1128", At: at},
		{Line: 5, Alias: "CUST-041", Status: ProductUpdated, Known: true, Product: "GOLD", At: at},
		{Line: 6, Alias: "CUST-051", Status: CardCancelled, Known: true, Code: "0044", Text: "Closed; was 378282*****0005", At: at},
		{Line: 7, Alias: "CUST-061", Status: "XYZ", Text: "A status of tomorrow", At: at},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}

	r, err := OpenResponse(sample(t, "good/smartbill-response.results.dat"), shipped(t, ResponseTable), nil)
	responses := all(t, r, err)
	if len(responses) != 5 || responses[4].Known || responses[4].Result != "ZZ" || responses[3].CardUpdate != Changed || r.Trailer.DebitAmount != 12000 {
		t.Errorf("%+v %+v", responses, r.Trailer)
	}
}

func TestAnotherTableTakesThePlaceOfAShippedOneWithoutCode(t *testing.T) {
	table, err := layout.Load(filepath.Join(samples, "tables/status-delimited.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckTable(StatusTable, table); err != nil {
		t.Fatal(err)
	}
	theirs, err := OpenStatus(sample(t, "good/status-delimited.statuses.csv"), table, nil)
	replaced := all(t, theirs, err)
	ours, err := OpenStatus(sample(t, "good/smartbill-status.all-statuses.dat"), shipped(t, StatusTable), nil)
	// The other table tells the same facts, and has no reasons and no products.
	if diff := cmp.Diff(all(t, ours, err), replaced, cmpopts.IgnoreFields(Status{}, "Code", "Text", "Product")); diff != "" {
		t.Errorf("-shipped +replaced\n%s", diff)
	}
	if theirs.Trailer.Details != 6 || theirs.Header != (Header{}) {
		t.Errorf("%+v %+v", theirs.Header, theirs.Trailer)
	}
	// What does not add up is rejected by the other table as well.
	bad, err := OpenStatus(sample(t, "bad/status-delimited.count.csv"), table, nil)
	if err != nil || bad.Verdict.Accepted() {
		t.Errorf("a wrong count is accepted, %v", err)
	}
}

func TestATableThatLacksWhatTheProgramNeedsIsNamedWithAllOfIt(t *testing.T) {
	table, err := layout.Parse("mine.yaml", []byte(`{layout: mine, version: 1, form: delimited, delimiter: ";", encoding: ASCII, line_end: LF, records: [
  {record: detail, part: body, fields: [{name: alias, column: 1, type: number}, {name: status, column: 2, type: code, codes: {A: active, EA: EA}}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = OpenStatus(from(nil), table, nil)
	want := "layout table mine cannot be used for statuses: detail.alias must be of type text; detail.status: active is none of WR, EA, ER, EDU, PU, CC; detail.event_date is missing"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	for _, name := range Tables {
		if err := CheckTable(name, shipped(t, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if CheckTable(name, table) == nil {
			t.Errorf("%s can be replaced by a table without its fields", name)
		}
	}
	if CheckTable("nothing", table) == nil {
		t.Error("a table that is not shipped can be replaced")
	}
	reading := strings.Replace(string(mustSource(t, ChargeTable)), "direction: out", "direction: in", 1)
	if table, err = layout.Parse("charge.yaml", []byte(reading)); err != nil || CheckTable(ChargeTable, table) == nil {
		t.Errorf("charges would be written by a table for reading, %v", err)
	}
}

func mustSource(t *testing.T, name string) []byte {
	t.Helper()
	content, err := Source(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func TestARejectedFileGivesItsHeaderAndNoDetail(t *testing.T) {
	for _, name := range []string{"count", "sequence", "cut", "details", "after-trailer"} {
		f, err := OpenStatus(sample(t, "bad/smartbill-status."+name+".dat"), shipped(t, StatusTable), nil)
		if err != nil || f.Verdict.Accepted() || f.Header.Sequence != 17 {
			t.Fatalf("%s: %+v, %v", name, f, err)
		}
		err = f.Each(func(Status) error { t.Errorf("%s: a detail", name); return nil })
		if !errors.As(err, new(*layout.FileError)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestWhatCannotBeSentIsRefusedBeforeItIsWritten(t *testing.T) {
	table := shipped(t, EnrolmentTable)
	card := batch.NewPAN("378282246310005")
	for name, e := range map[string]Enrolment{
		"an add without a number":     {Action: Add, Alias: "a", Expiry: "1128", Key: key},
		"an add without an expiry":    {Action: Add, Alias: "a", Card: card, Key: key},
		"an expiry that is no month":  {Action: Add, Alias: "a", Card: card, Expiry: "1328", Key: key},
		"an expiry of five digits":    {Action: Add, Alias: "a", Card: card, Expiry: "11280", Key: key},
		"a delete with a number":      {Action: Delete, Alias: "a", Card: card, Key: key},
		"no alias":                    {Action: Delete, Key: key},
		"an alias that is too long":   {Action: Delete, Alias: strings.Repeat("a", 53), Key: key},
		"no key":                      {Action: Delete, Alias: "a"},
		"an action that is not known": {Action: "change", Alias: "a", Card: card, Expiry: "1128", Key: key},
	} {
		var file bytes.Buffer
		w, err := NewEnrolmentWriter(&file, table, header, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(e); !errors.Is(err, layout.ErrValue) || strings.Contains(err.Error(), card.Reveal()) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Close(); err != nil || w.Trailer.Adds+w.Trailer.Deletes != 0 {
			t.Errorf("%s: the file cannot go on without it: %v", name, err)
		}
	}
	charges := shipped(t, ChargeTable)
	for name, c := range map[string]Charge{
		"another currency": {Kind: Debit, Alias: "a", Amount: money.Amount{Minor: 1, Currency: "USD"}, OrderRef: "o", Key: key},
		"no amount":        {Kind: Debit, Alias: "a", Amount: money.Amount{Currency: "EUR"}, OrderRef: "o", Key: key},
		"a minus":          {Kind: Debit, Alias: "a", Amount: money.Amount{Minor: -1, Currency: "EUR"}, OrderRef: "o", Key: key},
		"no kind":          {Alias: "a", Amount: money.Amount{Minor: 1, Currency: "EUR"}, OrderRef: "o", Key: key},
	} {
		w, err := NewChargeWriter(io.Discard, charges, in(header, "EUR"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(c); !errors.Is(err, layout.ErrValue) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAFileNeedsAHeaderThatMakesSense(t *testing.T) {
	for name, change := range map[string]func(*Header){
		"an establishment of nine digits": func(h *Header) { h.SE = "123456789" },
		"no sequence":                     func(h *Header) { h.Sequence = 0 },
		"a sequence of seven digits":      func(h *Header) { h.Sequence = 1_000_000 },
		"no mode":                         func(h *Header) { h.Mode = "" },
		"no currency":                     func(h *Header) { h.Currency = "" },
		"a currency that does not exist":  func(h *Header) { h.Currency = "XXX" },
	} {
		h := in(header, "EUR")
		change(&h)
		if _, err := NewChargeWriter(io.Discard, shipped(t, ChargeTable), h, nil); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
}

func TestTimesAreInTheZoneOfTheFile(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	table := shipped(t, StatusTable)
	w, err := NewStatusWriter(&file, table, header, paris)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(Status{Alias: "a", Status: CardCancelled, At: created.Add(90 * time.Minute)}), w.Close()); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(file.String(), "20261121230000STATUS") || !strings.Contains(file.String(), "20261122003000\r\n") {
		t.Errorf("%q", file.String())
	}
	f, err := OpenStatus(from(file.Bytes()), table, paris)
	if got := all(t, f, err); !got[0].At.Equal(created.Add(90*time.Minute)) || !f.Header.CreatedAt.Equal(created) {
		t.Errorf("%v, %v", f.Header.CreatedAt, got[0].At)
	}
}

func TestNamesOfFilesAreMadeAndTakenApart(t *testing.T) {
	name, err := FileName(ChargeFile, "0123456789", 42)
	if err != nil || name != "SBCHG_0123456789_000042.dat" {
		t.Fatalf("%s, %v", name, err)
	}
	kind, se, sequence, ok := ParseFileName(name)
	if kind != ChargeFile || se != "0123456789" || sequence != 42 || !ok {
		t.Error(kind, se, sequence, ok)
	}
	for _, name := range []string{
		"", "SBCHG_0123456789_42.dat", "SBCHG_0123456789_000000.dat", "SBCHG_012345678_000042.dat", "SBXXX_0123456789_000042.dat",
		"SBCHG_0123456789_000042.dat.tmp", "../SBCHG_0123456789_000042.dat", "SBCHG_0123456789_000042.dat\n",
	} {
		if _, _, _, ok := ParseFileName(name); ok {
			t.Errorf("%q is a name", name)
		}
	}
	for _, row := range []struct {
		se       string
		sequence int64
	}{{"12345", 1}, {"0123456789", 0}, {"0123456789", 1_000_000}} {
		if _, err := FileName(ChargeFile, row.se, row.sequence); err == nil {
			t.Errorf("%v has a name", row)
		}
	}
}

func TestNoTableIsMissing(t *testing.T) {
	entries, err := tables.ReadDir("tables")
	if err != nil || len(entries) != len(Tables) {
		t.Fatalf("%d files, %d names, %v", len(entries), len(Tables), err)
	}
	for _, name := range Tables {
		if table := shipped(t, name); table.Name != name {
			t.Errorf("%s is called %s", name, table.Name)
		}
	}
	if _, err := Shipped("nothing"); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("%q", "nothing")) {
		t.Errorf("%v", err)
	}
}
