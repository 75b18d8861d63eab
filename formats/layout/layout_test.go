package layout

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

const samples = "../../testdata/layouts"

// load loads a table of the samples, or one of those shipped for SmartBill.
func load(tb testing.TB, name string) *Table {
	tb.Helper()
	folder := filepath.Join(samples, "tables")
	if strings.HasPrefix(name, "smartbill-") {
		folder = "../smartbill/tables"
	}
	t, err := Load(filepath.Join(folder, name+".yaml"))
	if err != nil {
		tb.Fatal(err)
	}
	return t
}

// describe tells everything that reading a file gives, as text.
func describe(file []byte, t *Table) string {
	var text strings.Builder
	r := NewReader(bytes.NewReader(file), t, Options{})
	var rec Record
	for {
		findings, err := r.Read(&rec)
		if err == nil {
			fmt.Fprintf(&text, "%d: %v\n", rec.Line(), &rec)
			for _, f := range findings {
				fmt.Fprintf(&text, "  %s\n", f)
			}
			continue
		}
		var rejected *FileError
		switch {
		case err == io.EOF:
			fmt.Fprintln(&text, "file: accepted")
		case errors.As(err, &rejected):
			fmt.Fprintln(&text, "file: rejected")
			for _, f := range rejected.Findings {
				fmt.Fprintf(&text, "  %s\n", f)
			}
		default:
			fmt.Fprintln(&text, err)
		}
		return text.String()
	}
}

func TestEverySampleIsReadAsItsGoldenFileSays(t *testing.T) {
	for _, folder := range []string{"good", "bad"} {
		paths, err := filepath.Glob(filepath.Join(samples, folder, "*.[dc]*[tv]"))
		if err != nil || len(paths) < 7 {
			t.Fatalf("%d samples in %s, %v", len(paths), folder, err)
		}
		for _, path := range paths {
			t.Run(filepath.Base(path), func(t *testing.T) {
				file, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				name, _, _ := strings.Cut(filepath.Base(path), ".")
				got := describe(file, load(t, name))
				if accepted := strings.HasSuffix(got, "file: accepted\n"); accepted != (folder == "good") {
					t.Errorf("stands in %s:\n%s", folder, got)
				}
				if batch.HasCardNumber(got) {
					t.Error("reading tells a card number")
				}
				golden := path + ".golden"
				if *update {
					if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
						t.Fatal(err)
					}
				}
				want, err := os.ReadFile(golden)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(string(want), got); diff != "" {
					t.Errorf("-golden +read\n%s", diff)
				}
			})
		}
	}
}

func TestWhatWasReadIsWrittenAgainByteForByte(t *testing.T) {
	for _, name := range []string{
		"smartbill-status.no-details.dat", "smartbill-charge.debits-and-credits.dat", "updater-request.quotes.csv", "updater-fixed.signs.dat",
	} {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(samples, "good", name))
			if err != nil {
				t.Fatal(err)
			}
			name, _, _ := strings.Cut(name, ".")
			table := load(t, name)
			var out bytes.Buffer
			w, err := NewWriter(&out, table)
			if err != nil {
				t.Fatal(err)
			}
			r := NewReader(bytes.NewReader(file), table, Options{})
			var rec Record
			for {
				if _, err := r.Read(&rec); err == io.EOF {
					break
				} else if err != nil {
					t.Fatal(err)
				}
				if err := w.Write(&rec); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(file), out.String()); diff != "" {
				t.Errorf("-read +written\n%s", diff)
			}
		})
	}
}

func TestATableExplainsItself(t *testing.T) {
	for _, row := range []struct{ table, record, field, want string }{
		{"smartbill-status", "header", "record", `"SBH"; marks the record`},
		{"smartbill-status", "trailer", "details", "mandatory; count of detail"},
		{"smartbill-enrolment", "trailer", "adds", "mandatory; count of detail where action is add"},
		{"smartbill-response", "trailer", "credits", "mandatory; debits + credits: count of detail"},
		{"smartbill-charge", "trailer", "sequence", "mandatory; same as header.sequence"},
		{"updater-report", "change", "outcome", "UPDATE new_number, EXPIRY new_expiry, CONTAC closed, CONTACT closed, empty unchanged; other codes are kept"},
		{"updater-report", "change", "fee", `2 decimals after ','; leading sign`},
		{"updater-fixed", "detail", "change", "leading sign; at the right, filled with spaces"},
		{"updater-fixed", "detail", "pan", "mandatory; at the right, filled with zeros; never shown"},
		{"updater-fixed", "trailer", "balance", `mandatory; trailing sign; "+" when not negative; sum of detail.balance`},
	} {
		table := load(t, row.table)
		if got := table.Rules(table.Kind(row.record).Field(row.field)); got != row.want {
			t.Errorf("%s.%s: %s", row.record, row.field, got)
		}
	}
	for name, want := range map[string]string{
		"smartbill-charge": "fixed, ISO-8859-1, records end with CRLF; written",
		"updater-report":   "delimited by '|', with headings, windows-1252, records end with CRLF; read",
		"updater-fixed":    "fixed, ASCII, no line ends, 40 bytes each; read and written",
	} {
		if got := load(t, name).Summary(); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if got := load(t, "updater-report").Kind("period").Occurs(); got != "head, once, recognised by its turn" {
		t.Error(got)
	}
}
