package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"cardbatch/batch"
)

// rejection reads a file to its end and returns why it is rejected, nil when it is not.
func rejection(t *testing.T, file io.Reader, table *Table, o Options) *FileError {
	t.Helper()
	r := NewReader(file, table, o)
	var rec Record
	for {
		_, err := r.Read(&rec)
		var rejected *FileError
		switch {
		case err == nil:
			continue
		case errors.As(err, &rejected):
			return rejected
		case err != io.EOF:
			t.Fatal(err)
		}
		return nil
	}
}

func parse(t *testing.T, table string) *Table {
	t.Helper()
	compiled, err := Parse("table.yaml", []byte(table))
	if err != nil {
		t.Fatal(err)
	}
	return compiled
}

func TestTrimmedRecordsAreReadAsIfTheirSpacesWereThere(t *testing.T) {
	file := "H\nDA 00000100\nD  00000000261121\nT00010000010"
	if parse(t, smallTable).Trimmed || rejection(t, strings.NewReader(file), parse(t, smallTable), Options{}) == nil {
		t.Error("a table that does not say so accepts trimmed records")
	}
	table := parse(t, strings.Replace(smallTable, "line_end: LF", "line_end: LF\ntrimmed: true", 1))
	rejected := rejection(t, strings.NewReader(file), table, Options{})
	if rejected == nil || len(rejected.Findings) != 1 || rejected.Findings[0].Field != "total" {
		t.Errorf("only the total is cut: %v", rejected)
	}
	if rejected := rejection(t, strings.NewReader(strings.Replace(file, "T00010000010", "T000100000100", 1)), table, Options{}); rejected != nil {
		t.Error(rejected)
	}
}

func TestTheFindingsOfAFileAreBounded(t *testing.T) {
	file := "H0001\n" + strings.Repeat("DA 0000010x261121\n", 1000) + "T100000000000\n"
	rejected := rejection(t, strings.NewReader(file), parse(t, smallTable), Options{})
	if rejected == nil || len(rejected.Findings) != maxFindings || rejected.More != 1000-maxFindings {
		t.Fatalf("%v", rejected)
	}
	if want := "file does not fit its layout: line 2: detail.amount (bytes 4-11): FIELD_FORMAT: must be a number of digits only (and 999 more)"; rejected.Error() != want {
		t.Errorf("got %s", rejected)
	}
}

func TestAFileBeyondItsLimitsIsReadNoFurther(t *testing.T) {
	file := "H0001\n" + strings.Repeat("DA 00000100261121\n", 10) + "T001000001000\n"
	if rejected := rejection(t, strings.NewReader(file), parse(t, smallTable), Options{}); rejected != nil {
		t.Fatal(rejected)
	}
	for _, o := range []Options{{MaxBytes: 100}, {MaxRecords: 5}} {
		rejected := rejection(t, io.MultiReader(strings.NewReader(file), iotest.ErrReader(errors.New("read too far"))), parse(t, smallTable), o)
		if rejected == nil || rejected.Findings[0].Code != batch.FileTooLarge {
			t.Errorf("%+v: %v", o, rejected)
		}
	}
}

func TestAStreamThatBreaksIsNoVerdict(t *testing.T) {
	broken := errors.New("connection reset")
	r := NewReader(io.MultiReader(strings.NewReader("H0001\nDA 0"), iotest.ErrReader(broken)), parse(t, smallTable), Options{})
	var rec Record
	var err error
	for err == nil {
		_, err = r.Read(&rec)
	}
	if !errors.Is(err, broken) || errors.As(err, new(*FileError)) {
		t.Errorf("%v", err)
	}
	if _, again := r.Read(&rec); again != err {
		t.Errorf("then %v", again)
	}
}

func TestATotalTooLargeToBeCountedIsNoMatch(t *testing.T) {
	table := parse(t, strings.NewReplacer("position: 4, length: 8", "position: 4, length: 19", "position: 12,", "position: 23,").Replace(smallTable))
	file := "H0001\n" + strings.Repeat("DA 9223372036854775807261121\n", 2) + "T000200000000\n"
	rejected := rejection(t, strings.NewReader(file), table, Options{})
	if rejected == nil || rejected.Findings[0].Code != batch.TotalMismatch {
		t.Errorf("%v", rejected)
	}
}

func TestATotalThatMayBeACardNumberIsNotRepeated(t *testing.T) {
	table := parse(t, strings.Replace(smallTable, "position: 6, length: 8", "position: 6, length: 16", 1))
	rejected := rejection(t, strings.NewReader("H0001\nDA 00000100261121\nT00014111111111111111\n"), table, Options{})
	if rejected == nil || rejected.Findings[0].Code != batch.TotalMismatch || batch.HasCardNumber(rejected.Error()) {
		t.Errorf("%d findings", len(rejected.Findings))
	}
}

func TestRecordsOfAFileAreHadOnlyWhenAllOfItIsSound(t *testing.T) {
	table := load(t, "smartbill-status")
	sample := func(name string) []byte {
		file, err := os.ReadFile(filepath.Join(samples, name))
		if err != nil {
			t.Fatal(err)
		}
		return file
	}
	good, bad := sample("good/smartbill-status.all-statuses.dat"), sample("bad/smartbill-status.count.dat")
	openings := [][]byte{good, good, good, bad}
	open := func() (io.ReadCloser, error) {
		stream := io.NopCloser(bytes.NewReader(openings[0]))
		openings = openings[1:]
		return stream, nil
	}
	used := 0
	use := func(*Record) error { used++; return nil }

	f, err := Open(open, table, Options{})
	if err != nil || !f.Accepted() || f.Records["detail"] != 6 || f.Records["trailer"] != 1 || f.Bytes != int64(len(good)) || len(f.Digest) != 64 {
		t.Fatalf("%+v, %v", f.Verdict, err)
	}
	header := table.Kind("header")
	if got := f.Single(header).Number(header.Field("sequence")); got != 17 || f.Single(table.Kind("none")) != nil {
		t.Errorf("the header has sequence %d", got)
	}
	if err := f.Each(use); err != nil || used != 8 {
		t.Errorf("%d records, %v", used, err)
	}
	stop := errors.New("stop")
	if err := f.Each(func(*Record) error { return stop }); err != stop {
		t.Errorf("what use returned comes back as %v", err)
	}
	if err := f.Each(use); err != ErrChanged {
		t.Errorf("another file the second time: %v", err)
	}

	openings, used = [][]byte{bad, bad}, 0
	f, err = Open(open, table, Options{})
	if err != nil || f.Accepted() {
		t.Fatalf("%v", err)
	}
	if err := f.Each(use); used != 0 || !errors.As(err, new(*FileError)) {
		t.Errorf("a rejected file gave %d records, %v", used, err)
	}
	gone := errors.New("gone")
	if _, err := Open(func() (io.ReadCloser, error) { return nil, gone }, table, Options{}); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
}

func TestAFieldOfAnotherRecordOrTypeIsAMistakeOfTheProgram(t *testing.T) {
	table := parse(t, smallTable)
	rec := table.Kind("detail").NewRecord()
	for name, use := range map[string]func(){
		"another record": func() { rec.Number(table.Kind("header").Field("sequence")) },
		"another type":   func() { rec.Text(table.Kind("detail").Field("amount")) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s goes unseen", name)
				}
			}()
			use()
		}()
	}
	// A field that the table lacks gives nothing and takes nothing.
	rec.SetText(nil, "x")
	rec.SetNumber(nil, 1)
	if rec.Text(nil) != "" || rec.Number(nil) != 0 || rec.Has(nil) || !rec.Date(nil, nil).IsZero() {
		t.Error("a nil field has a value")
	}
}

const benchDetails = 1_000_000

func BenchmarkRead(b *testing.B) {
	table := load(b, "smartbill-status")
	file := benchFile(b, table, benchDetails)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(file), table, Options{})
		var rec Record
		for {
			if _, err := r.Read(&rec); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
}

func BenchmarkWrite(b *testing.B) {
	table := load(b, "smartbill-status")
	b.SetBytes(int64(len(benchFile(b, table, benchDetails))))
	b.ReportAllocs()
	for b.Loop() {
		writeBench(b, io.Discard, table, benchDetails)
	}
}

func benchFile(b *testing.B, table *Table, n int) []byte {
	b.Helper()
	var file bytes.Buffer
	writeBench(b, &file, table, n)
	return file.Bytes()
}

func writeBench(b *testing.B, out io.Writer, table *Table, n int) {
	b.Helper()
	w, err := NewWriter(out, table)
	if err != nil {
		b.Fatal(err)
	}
	r := NewReader(strings.NewReader("SBH123456789000001720261121060000STATUS  TEST"), table, Options{})
	var header Record
	if _, err := r.Read(&header); err != nil {
		b.Fatal(err)
	}
	if err := w.Write(&header); err != nil {
		b.Fatal(err)
	}
	detail := table.Kind("detail")
	alias, status, text := detail.Field("alias"), detail.Field("status"), detail.Field("text")
	date, clock := detail.Field("event_date"), detail.Field("event_time")
	created := header.DateTime(table.Kind("header").Field("created_date"), table.Kind("header").Field("created_time"), time.UTC)
	aliases := make([]string, 1000)
	for i := range aliases {
		aliases[i] = fmt.Sprintf("CUST-%06d1", i)
	}
	rec := detail.NewRecord()
	for i := range n {
		rec.Clear()
		rec.SetText(alias, aliases[i%len(aliases)])
		rec.SetCode(status, "EA")
		rec.SetText(text, "enrolled")
		rec.SetDate(date, created)
		rec.SetTime(clock, created)
		if err := w.Write(rec); err != nil {
			b.Fatal(err)
		}
	}
	trailer := table.Kind("trailer").NewRecord()
	if err := w.Write(trailer); err != nil {
		b.Fatal(err)
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
}

func TestWhatATableCannotSayIsAFindingToo(t *testing.T) {
	table := parse(t, csvTable)
	b := table.Kind("row").Field("b")
	o := Options{Check: func(rec *Record, bad func(*Field, string)) {
		if rec.Text(b) == "4111111111111111" {
			bad(b, "must be something else")
		}
	}}
	rejected := rejection(t, strings.NewReader("1,2\n3,4111111111111111\n5\n"), table, o)
	want := []string{
		"line 2: row.b (column 2): FIELD_FORMAT: must be something else",
		"line 3: row: FIELD_COUNT: expected 2 columns, found 1",
	}
	if rejected == nil || len(rejected.Findings) != 2 || rejected.Findings[0].String() != want[0] || rejected.Findings[1].String() != want[1] {
		t.Errorf("%v", rejected)
	}
	if rejected := rejection(t, strings.NewReader("1,2\n"), table, o); rejected != nil {
		t.Error(rejected)
	}
}

func TestTheFirstOfSeveralTextsForNothingIsWrittenAndAllAreRead(t *testing.T) {
	table := parse(t, strings.Replace(csvTable, "column: 2, type: text", `column: 2, type: digits, empty: ["-", "null"]`, 1))
	var file bytes.Buffer
	w, err := NewWriter(&file, table)
	if err != nil {
		t.Fatal(err)
	}
	row := table.Kind("row")
	rec := row.NewRecord()
	rec.SetText(row.Field("a"), "x")
	if err := errors.Join(w.Write(rec), w.Close()); err != nil || file.String() != "x,-\n" {
		t.Fatalf("%q, %v", file.String(), err)
	}
	r := NewReader(strings.NewReader("x,-\nx,null\nx,\nx,  \n"), table, Options{})
	for range 4 {
		if found, err := r.Read(rec); err != nil || len(found) > 0 || rec.Has(row.Field("b")) {
			t.Fatal(found, err, rec)
		}
	}
	if rejected := rejection(t, strings.NewReader("x,nul\n"), table, Options{}); rejected == nil {
		t.Error("another text is nothing, too")
	}
}
