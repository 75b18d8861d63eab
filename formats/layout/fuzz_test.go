package layout

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cardbatch/batch"
)

// fuzzTables are what the fuzz tests read and write with.
var fuzzTables = []string{
	"smartbill-enrolment", "smartbill-status", "smartbill-charge", "smartbill-response", "updater-request", "updater-report", "updater-fixed", "status-delimited", "metadata-report",
}

// FuzzRead reads anything by every table: it must end, tell no card number, and keep
// what it says bounded.
func FuzzRead(f *testing.F) {
	var tables []*Table
	for _, name := range fuzzTables {
		tables = append(tables, load(f, name))
	}
	paths, err := filepath.Glob(filepath.Join(samples, "*", "*.[dc]*[tv]"))
	if err != nil || len(paths) == 0 {
		f.Fatal("no samples", err)
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for i := range tables {
			if len(file) < 4000 {
				f.Add(file, byte(i))
			}
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, table byte) {
		r := NewReader(bytes.NewReader(file), tables[int(table)%len(tables)], Options{})
		var rec Record
		for records := 0; ; records++ {
			findings, err := r.Read(&rec)
			for _, found := range findings {
				if batch.HasCardNumber(found.String()) || found.Code == "" || found.Message == "" {
					t.Fatal("a finding tells a card number, or nothing")
				}
			}
			if err == nil {
				if batch.HasCardNumber(rec.String()) {
					t.Fatal("a record prints a card number")
				}
				continue
			}
			var rejected *FileError
			switch {
			case err == io.EOF && len(file) > 0:
			case !errors.As(err, &rejected) || len(rejected.Findings) == 0 || len(rejected.Findings) > maxFindings || batch.HasCardNumber(err.Error()):
				t.Fatal("no verdict, or one that tells too much")
			}
			if records > len(file)+1 {
				t.Fatalf("%d records from %d bytes", records, len(file))
			}
			return
		}
	})
}

// FuzzParse compiles anything: no panic, and what compiles can be read with.
func FuzzParse(f *testing.F) {
	for _, pattern := range []string{filepath.Join(samples, "tables", "*.yaml"), "../smartbill/tables/*.yaml", "../updater/tables/*.yaml"} {
		paths, err := filepath.Glob(pattern)
		if err != nil || len(paths) == 0 {
			f.Fatal("no tables", err)
		}
		for _, path := range paths {
			content, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(content)
		}
	}
	f.Add([]byte(smallTable))
	f.Add([]byte(csvTable))
	f.Fuzz(func(t *testing.T, content []byte) {
		table, err := Parse("fuzz.yaml", content)
		if err != nil {
			return
		}
		r := NewReader(bytes.NewReader(content), table, Options{})
		var rec Record
		for err == nil {
			_, err = r.Read(&rec)
		}
		if _, err := NewWriter(io.Discard, table); (err != nil) != (table.Direction == In) {
			t.Fatal(err)
		}
	})
}

// FuzzRoundTrip writes records of every kind of body and reads them back equal.
func FuzzRoundTrip(f *testing.F) {
	f.Add(byte(0), "CUST-011", "a;b", int64(2990), int64(1795000000), "4111111111111111", uint16(0xffff))
	f.Add(byte(4), `say "yes", no`, " é ", int64(-5), int64(0), "5555555555554444", uint16(0xfffe))
	f.Add(byte(6), "0012", "", int64(0), int64(-1), "12", uint16(7))
	var tables []*Table
	for _, name := range fuzzTables {
		if t := load(f, name); t.Direction != In {
			tables = append(tables, t)
		}
	}
	f.Fuzz(func(t *testing.T, pick byte, one, two string, n, seconds int64, pan string, set uint16) {
		table := tables[int(pick)%len(tables)]
		var file bytes.Buffer
		w, err := NewWriter(&file, table)
		if err != nil {
			t.Fatal(err)
		}
		var written []*Record
		bodies := int64(0)
		for _, k := range table.Kinds {
			rec := k.NewRecord()
			for i, field := range k.Fields {
				if set>>(i%16)&1 == 1 || field.Mandatory {
					give(rec, field, []string{one, two}[i%2], n, time.Unix(seconds%(1<<38), 0).UTC(), pan)
				}
			}
			if k.Part != Body {
				headOrTail(table, rec, n, bodies)
			}
			if err := w.Write(rec); errors.Is(err, ErrValue) && k.Part == Body {
				continue // the field cannot hold the value
			} else if err != nil {
				t.Fatal(err)
			}
			if k.Part == Body {
				bodies++
			}
			written = append(written, rec)
		}
		if err := w.Close(); err != nil {
			return // the header's own count is wrong, which the writer cannot know before
		}
		r := NewReader(&file, table, Options{})
		var rec Record
		for _, want := range written {
			if findings, err := r.Read(&rec); err != nil || len(findings) > 0 {
				t.Fatalf("%v, %v, wrote %v", err, findings, want)
			}
			if !same(want, &rec) {
				t.Fatalf("wrote %v, read %v", want, &rec)
			}
		}
		if _, err := r.Read(&rec); err != io.EOF {
			t.Fatal(err)
		}
	})
}

// give sets the field to one of the values, as its type wants it.
func give(rec *Record, f *Field, text string, n int64, moment time.Time, pan string) {
	switch f.Type {
	case Text, Digits:
		rec.SetText(f, text)
	case Number, Amount:
		rec.SetNumber(f, n)
	case Date:
		rec.SetDate(f, moment)
	case Time:
		rec.SetTime(f, moment)
	case Code:
		rec.SetCode(f, f.Codes[int(uint64(n)%uint64(len(f.Codes)))].Name)
	case Currency:
		rec.SetCurrency(f, "EUR")
	case CardPAN:
		rec.SetPAN(f, batch.NewPAN(pan))
	}
}

// headOrTail gives what a header must have, and of a trailer what the writer does not
// fill in by itself.
func headOrTail(table *Table, rec *Record, n, bodies int64) {
	for _, f := range rec.Kind().Fields {
		switch {
		case f.isNumeric() && rec.Kind().Part == Tail:
			rec.SetNumber(f, 0)
			for _, c := range table.Checks {
				switch {
				case len(c.Fields) == 1 && c.Fields[0] == f:
					rec.values[f.number] = value{}
				case c.Fields[0] == f:
					rec.SetNumber(f, bodies)
				}
			}
		case f.isNumeric():
			rec.SetNumber(f, int64(uint64(n)%3))
		case f.Type == Text, f.Type == Digits:
			rec.SetText(f, "0000000017")
		case f.Type == Date, f.Type == Time:
			rec.values[f.number] = value{state: given, num: 0}
		}
	}
}

// same compares what was written with what was read: constants are given by the table,
// an empty code may have a name, dates lose the parts that their format lacks, and lossy
// texts what could not be written.
func same(want, got *Record) bool {
	for i, f := range want.kind.Fields {
		a, b := want.values[i], got.values[i]
		switch {
		case f.Type == Constant, f.Type == Filler, f.Lossy:
			continue
		case f.Type == Code && a.state == absent:
			continue
		case f.Type == Date || f.Type == Time:
			x, _ := f.appendTime(nil, a.num)
			y, _ := f.appendTime(nil, b.num)
			if a.state != b.state || !bytes.Equal(x, y) {
				return false
			}
			continue
		}
		if a.state != b.state || a.text != b.text || a.num != b.num || a.pan.Reveal() != b.pan.Reveal() {
			return false
		}
	}
	return true
}
