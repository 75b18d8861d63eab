package batchfile

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

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

var update = flag.Bool("update", false, "write the golden files again")

// sourceOf returns the options of the source that a sample file comes from; the
// folders' README says what the first word of a name means.
func sourceOf(name string) Options {
	switch word, _, _ := strings.Cut(name, "-"); word {
	case "plain":
		return Options{Plain: true, Name: name + ".csv", Merchant: "acme", Mode: batch.Test}
	case "mapped":
		return Options{
			Plain: true, Name: name + ".csv", Merchant: "acme", Mode: batch.Test,
			Columns: map[string]string{"Invoice": "line_ref", "Customer": "wallet_id", "Cents": "amount", "Internal": IgnoreColumn},
			Constants: map[string]string{
				"command": "doImmediateWalletPayment", "contract": "1234567", "order_ref": "NIGHTLY", "currency": "EUR",
			},
		}
	case "latin1":
		return Options{Encoding: Latin1}
	case "cp1252":
		return Options{Encoding: CP1252}
	case "limit":
		return Options{MaxLine: 500, MaxLines: 3, MaxBytes: 1200}
	}
	return Options{}
}

// describe tells everything that reading a file gives, as text.
func describe(file []byte, o Options) string {
	var text strings.Builder
	r := NewReader(bytes.NewReader(file), o)
	var l batch.Line
	for {
		findings, err := r.Read(&l)
		if err != nil {
			describeEnd(&text, r, err)
			return text.String()
		}
		fmt.Fprintf(&text, "line %d:", l.No)
		if len(findings) == 0 {
			describeLine(&text, &l)
		}
		fmt.Fprintln(&text)
		for _, f := range findings {
			fmt.Fprintf(&text, "  %s", f)
			if f.Ref != "" {
				fmt.Fprintf(&text, " [%s]", f.Ref)
			}
			fmt.Fprintln(&text)
		}
	}
}

func describeLine(text *strings.Builder, l *batch.Line) {
	for i := range batch.Columns {
		c := &batch.Columns[i]
		if c.Text == nil {
			if !l.CardNumber.IsZero() {
				fmt.Fprintf(text, " %s=%v", c.Name, l.CardNumber)
			}
		} else if value := *c.Text(l); value != "" {
			fmt.Fprintf(text, " %s=%q", c.Name, value)
		}
	}
	for _, p := range l.Private {
		fmt.Fprintf(text, " private.%s=%q", p.Key, p.Value)
	}
}

func describeEnd(text *strings.Builder, r *Reader, err error) {
	h, layout := r.Header(), r.Layout()
	fmt.Fprintf(text, "header: merchant %q ref %q sequence %d mode %q created %s\n", h.Merchant, h.Ref, h.Sequence, h.Mode, h.CreatedAt.Format(timeLayout))
	fmt.Fprintf(text, "layout: separator %q encoding %s plain %v\n", layout.Separator, layout.Encoding, layout.Plain)
	fmt.Fprintf(text, "lines: %d, totals: %v\n", r.Lines(), r.Totals())
	var fileError *FileError
	switch {
	case err == io.EOF:
		fmt.Fprintln(text, "file: acceptable")
	case errors.As(err, &fileError):
		fmt.Fprintln(text, "file: rejected")
		for _, f := range fileError.Findings {
			fmt.Fprintf(text, "  %s\n", f)
		}
	default:
		fmt.Fprintf(text, "error: %v\n", err)
	}
}

// samples calls do for every sample file of a folder of testdata.
func samples(t *testing.T, folder string, do func(t *testing.T, name string, file []byte)) int {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join("../../testdata", folder, "*.csv"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no sample files in %s: %v", folder, err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".csv")
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			do(t, name, file)
		})
	}
	return len(paths)
}

func compareGolden(t *testing.T, folder, name, got string) {
	t.Helper()
	path := filepath.Join("../../testdata", folder, name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("reading gives something else (-want +got):\n%s", diff)
	}
}

func TestBadFilesAreToldWhatIsWrong(t *testing.T) {
	n := samples(t, "bad", func(t *testing.T, name string, file []byte) {
		got := describe(file, sourceOf(name))
		if !strings.Contains(got, "\n  ") {
			t.Errorf("a bad file has no finding:\n%s", got)
		}
		if batch.HasCardNumber(got) {
			t.Errorf("a card number is repeated:\n%s", got)
		}
		compareGolden(t, "bad", name, got)
	})
	if n < 65 {
		t.Errorf("only %d bad files", n)
	}
}

func TestGoodFilesAreReadWhole(t *testing.T) {
	samples(t, "good", func(t *testing.T, name string, file []byte) {
		got := describe(file, sourceOf(name))
		if !strings.HasSuffix(got, "file: acceptable\n") || strings.Contains(got, "\n  ") {
			t.Errorf("a good file has findings:\n%s", got)
		}
		if batch.HasCardNumber(got) {
			t.Errorf("a card number is repeated:\n%s", got)
		}
		compareGolden(t, "good", name, got)
	})
}

func TestTheReadmeNamesEverySample(t *testing.T) {
	for _, folder := range []string{"bad", "good"} {
		readme, err := os.ReadFile(filepath.Join("../../testdata", folder, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		n := samples(t, folder, func(t *testing.T, name string, _ []byte) {
			if !bytes.Contains(readme, []byte("| `"+name+".csv` |")) {
				t.Errorf("%s/README.md does not say what %s.csv shows", folder, name)
			}
		})
		if rows := bytes.Count(readme, []byte(".csv` |")); rows != n {
			t.Errorf("%s/README.md names %d files, there are %d", folder, rows, n)
		}
	}
}
