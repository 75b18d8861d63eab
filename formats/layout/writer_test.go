package layout

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
)

// small writes files of smallTable.
type small struct {
	*Writer
	header, detail, trailer *Record
	out                     bytes.Buffer
}

func newSmall(t *testing.T, table string) *small {
	t.Helper()
	compiled, err := Parse("small.yaml", []byte(table))
	if err != nil {
		t.Fatal(err)
	}
	s := &small{header: compiled.Kind("header").NewRecord(), detail: compiled.Kind("detail").NewRecord(), trailer: compiled.Kind("trailer").NewRecord()}
	if s.Writer, err = NewWriter(&s.out, compiled); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *small) field(r *Record, name string) *Field { return r.Kind().Field(name) }

func (s *small) write(t *testing.T, r *Record) {
	t.Helper()
	if err := s.Write(r); err != nil {
		t.Fatal(err)
	}
}

func TestTheTrailerIsFilledInByTheWriter(t *testing.T) {
	s := newSmall(t, smallTable)
	s.header.SetNumber(s.field(s.header, "sequence"), 7)
	s.write(t, s.header)
	for i, state := range []string{"active", "closed", "active"} {
		s.detail.Clear()
		s.detail.SetCode(s.field(s.detail, "state"), state)
		s.detail.SetNumber(s.field(s.detail, "amount"), int64(100+i))
		s.detail.SetDate(s.field(s.detail, "day"), time.Date(2026, 11, 21, 23, 59, 0, 0, time.UTC))
		s.write(t, s.detail)
	}
	s.write(t, s.trailer)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	want := "H0007\nDA 00000100261121\nDC 00000101261121\nDA 00000102261121\nT000200000303\n"
	if s.out.String() != want {
		t.Errorf("got\n%swant\n%s", s.out.String(), want)
	}
}

func TestAFileOutOfOrderOrWithAWrongTotalIsNotFinished(t *testing.T) {
	for _, row := range []struct {
		name  string
		write func(*testing.T, *small) error
		want  string
	}{
		{"no trailer", func(t *testing.T, s *small) error { s.write(t, s.header); return s.Close() }, "it has no trailer"},
		{"no header", func(_ *testing.T, s *small) error { return s.Write(s.detail) }, "header must stand before"},
		{"two headers", func(t *testing.T, s *small) error { s.write(t, s.header); return s.Write(s.header) }, "a file has one header"},
		{"a detail after the trailer", func(t *testing.T, s *small) error {
			s.write(t, s.header)
			s.write(t, s.trailer)
			return s.Write(s.detail)
		}, "detail stands too late in the file"},
		{"a total of the caller's that is wrong", func(t *testing.T, s *small) error {
			s.trailer.SetNumber(s.field(s.trailer, "total"), 5)
			s.write(t, s.header)
			s.write(t, s.trailer)
			return s.Close()
		}, "TOTAL_MISMATCH"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := newSmall(t, smallTable)
			if err := row.write(t, s); err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %v, want %s", err, row.want)
			}
			if s.Close() == nil {
				t.Error("the file can be closed all the same")
			}
		})
	}
}

func TestADetailThatDoesNotFitIsLeftOutAndTheFileGoesOn(t *testing.T) {
	s := newSmall(t, smallTable)
	s.write(t, s.header)
	s.detail.SetNumber(s.field(s.detail, "amount"), 123456789)
	if err := s.Write(s.detail); !errors.Is(err, ErrValue) || strings.Contains(err.Error(), "123456789") {
		t.Fatalf("%v", err)
	}
	s.detail.SetNumber(s.field(s.detail, "amount"), 12345678)
	s.write(t, s.detail)
	s.write(t, s.trailer)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if want := "H    \nD  12345678      \nT000012345678\n"; s.out.String() != want {
		t.Errorf("got\n%q want\n%q", s.out.String(), want)
	}
}

// oneField is a table with one field in a fixed record, beside the mark.
func oneField(t *testing.T, field, encoding string) (*Table, *Field) {
	t.Helper()
	table, err := Parse("one.yaml", fmt.Appendf(nil, `{layout: one, version: 1, form: fixed, encoding: %s, line_end: LF, records: [
  {record: row, part: body, fields: [{name: value, position: 1, length: 8, %s}, {name: end, position: 9, length: 1, type: constant, value: "."}]}]}`, encoding, field))
	if err != nil {
		t.Fatal(err)
	}
	return table, table.Kinds[0].Field("value")
}

func TestValuesAreWrittenExactlyOrRefused(t *testing.T) {
	text := func(s string) func(*Record, *Field) { return func(r *Record, f *Field) { r.SetText(f, s) } }
	number := func(n int64) func(*Record, *Field) { return func(r *Record, f *Field) { r.SetNumber(f, n) } }
	date := func(y int) func(*Record, *Field) {
		return func(r *Record, f *Field) { r.SetDate(f, time.Date(y, 2, 3, 4, 5, 6, 0, time.UTC)) }
	}
	pan := func(s string) func(*Record, *Field) {
		return func(r *Record, f *Field) { r.SetPAN(f, batch.NewPAN(s)) }
	}
	for _, row := range []struct {
		field string
		set   func(*Record, *Field)
		want  string // empty: refused
	}{
		{"type: text", text("abc"), "abc     ."},
		{"type: text, align: right", text("abc"), "     abc."},
		{`type: text, pad: "*"`, text("abc"), "abc*****."},
		{"type: text", text("été"), "\xe9t\xe9     ."},
		{"type: text", text("a\nb"), ""},
		{"type: text", text("a\u0085b"), ""},
		{"type: text", text("€"), ""},
		{"type: text", text("abc "), ""},
		{"type: text", text("123456789"), ""},
		{"type: text", text("\xff"), ""},
		{"type: text, lossy: true", text("Łukasz €"), "?ukasz ?."},
		{"type: text, lossy: true", text("a\r\nb"), "a??b    ."},
		{"type: text, lossy: true", text("1234567 9"), "1234567 ."},
		{"type: text, lossy: true", text("   "), ""},
		{"type: text, empty: NONE", func(*Record, *Field) {}, "NONE    ."},
		{"type: text, empty: NONE", text("NONE"), ""},
		{"type: digits", text("0012"), "0012    ."},
		{"type: digits", text("12a"), ""},
		{"type: number", number(0), "00000000."},
		{"type: number", number(99999999), "99999999."},
		{"type: number", number(100000000), ""},
		{"type: number", number(-1), ""},
		{"type: number", number(math.MinInt64), ""},
		{"type: number, sign: leading", number(-12), "-0000012."},
		{"type: number, sign: leading", number(math.MinInt64), ""},
		{`type: number, sign: leading, plus: "+"`, number(12), "+0000012."},
		{"type: number, sign: trailing", number(-12), "0000012-."},
		{`type: number, sign: trailing, plus: " "`, number(12), "0000012 ."},
		{`type: number, sign: leading, pad: " "`, number(-12), "     -12."},
		{`type: amount, point: ".", decimals: 2`, number(5), "00000.05."},
		{`type: amount, point: ",", decimals: 2, sign: trailing`, number(-123456), "1234,56-."},
		{`type: amount, point: ",", decimals: 2, sign: trailing`, number(-1234567), ""},
		{`type: amount, point: ".", decimals: 3, pad: " "`, number(7), "   0.007."},
		{"type: number, mandatory: true", func(*Record, *Field) {}, ""},
		{"type: number", func(*Record, *Field) {}, "        ."},
		{"type: date, format: YYYYMMDD", date(2026), "20260203."},
		{"type: date, format: DD/MM/YY", date(2026), "03/02/26."},
		{"type: date, format: DD/MM/YY", date(1999), ""},
		{"type: date, format: YYYYMMDD", date(12345), ""},
		{"type: time, format: \"HH:MM:SS\"", func(r *Record, f *Field) { r.SetTime(f, time.Date(2026, 1, 1, 4, 5, 6, 0, time.UTC)) }, "04:05:06."},
		{"type: code, codes: {X: ready}", func(r *Record, f *Field) { r.SetCode(f, "ready") }, "X       ."},
		{"type: code, codes: {X: ready}", func(r *Record, f *Field) { r.SetCode(f, "X") }, ""},
		{"type: currency, format: numeric", func(r *Record, f *Field) { r.SetCurrency(f, "AUD") }, "036     ."},
		{"type: currency, format: alphabetic", func(r *Record, f *Field) { r.SetCurrency(f, "AUD") }, "AUD     ."},
		{"type: currency, format: alphabetic", func(r *Record, f *Field) { r.SetCurrency(f, "XXX") }, ""},
		{"type: filler", func(*Record, *Field) {}, "        ."},
	} {
		table, f := oneField(t, row.field, Latin1)
		var out bytes.Buffer
		w, err := NewWriter(&out, table)
		if err != nil {
			t.Fatal(err)
		}
		rec := table.Kinds[0].NewRecord()
		row.set(rec, f)
		err = w.Write(rec)
		if row.want == "" {
			if !errors.Is(err, ErrValue) {
				t.Errorf("%s: %v is written, %v", row.field, rec, err)
			}
			continue
		}
		if err != nil || w.Close() != nil || out.String() != row.want+"\n" {
			t.Errorf("%s: %q, %v, want %q", row.field, out.String(), err, row.want)
		}
	}
	table, err := Parse("pan.yaml", []byte(`{layout: one, version: 1, form: fixed, encoding: ASCII, line_end: LF, records: [
  {record: row, part: body, fields: [{name: value, position: 1, length: 19, type: pan}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	for number, ok := range map[string]bool{"4111111111111111": true, "41111111111": false, "4111 1111 1111": false} {
		w, err := NewWriter(&bytes.Buffer{}, table)
		if err != nil {
			t.Fatal(err)
		}
		rec := table.Kinds[0].NewRecord()
		pan(number)(rec, table.Kinds[0].Fields[0])
		if err := w.Write(rec); (err == nil) != ok || err != nil && strings.Contains(err.Error(), number) {
			t.Errorf("%d digits: %v", len(number), err)
		}
	}
}

func TestARecordNeverPrintsACardNumberOrASecret(t *testing.T) {
	table := load(t, "updater-request")
	k := table.Kind("detail")
	rec := k.NewRecord()
	rec.SetPAN(k.Field("pan"), batch.NewPAN("4111111111111111"))
	rec.SetText(k.Field("reference"), "was 4111 1111 1111 1111")
	rec.SetText(k.Field("password"), "hunter2")
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		if got := fmt.Sprintf(verb, rec); batch.HasCardNumber(got) || strings.Contains(got, "hunter2") {
			t.Errorf("%s tells too much", verb)
		}
	}
}

func TestAPieceOfACardNumberIsMaskedWhereATableCutsItWrongly(t *testing.T) {
	table, text := oneField(t, "type: text", Latin1)
	rec := table.Kinds[0].NewRecord()
	for value, want := range map[string]string{
		"CUST-012": "CUST-012", "20261121": "20261121", "411111111": "*****1111", "x1111111111111 20261121": "x*********1111 20261121",
	} {
		rec.SetText(text, value)
		if got := rec.Show(text); got != want {
			t.Errorf("%q is shown as %q", value, got)
		}
	}
}

func TestATableForReadingIsNotWritten(t *testing.T) {
	if _, err := NewWriter(&bytes.Buffer{}, load(t, "updater-report")); err == nil || !strings.Contains(err.Error(), "direction: in") {
		t.Errorf("%v", err)
	}
}

func TestHeadingsAreWrittenBetweenHeadAndBody(t *testing.T) {
	table, err := Parse("h.yaml", []byte(`{layout: h, version: 1, form: delimited, delimiter: ";", headings: true, encoding: ISO-8859-1, line_end: CRLF, records: [
  {record: title, part: head, fields: [{name: text, column: 1, type: text}]},
  {record: row, part: body, fields: [{name: a, heading: Référence, type: text}, {name: b, heading: Amount, type: amount}]}]}`))
	if err != nil {
		t.Fatal(err)
	}
	title, row := table.Kind("title").NewRecord(), table.Kind("row").NewRecord()
	title.SetText(title.Kind().Fields[0], "April")
	row.SetText(row.Kind().Fields[0], "x;y")
	for _, records := range [][]*Record{{title}, {title, row}} {
		var out bytes.Buffer
		w, err := NewWriter(&out, table)
		if err != nil {
			t.Fatal(err)
		}
		for _, rec := range records {
			if err := w.Write(rec); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		want := "April\r\nR\xe9f\xe9rence;Amount\r\n"
		if len(records) == 2 {
			want += "\"x;y\";\r\n"
		}
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
	}
}
