package batchfile

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

// FuzzReader reads anything in every way a source can ask for: it must end, tell
// no card number, and keep what it says bounded.
func FuzzReader(f *testing.F) {
	for _, folder := range []string{"bad", "good"} {
		paths, err := filepath.Glob(filepath.Join("../../testdata", folder, "*.csv"))
		if err != nil || len(paths) == 0 {
			f.Fatal("no samples", err)
		}
		for _, path := range paths {
			file, err := os.ReadFile(path)
			if err != nil {
				f.Fatal(err)
			}
			for source := range byte(6) {
				if len(file) < 4000 {
					f.Add(file, source)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, file []byte, source byte) {
		o := Options{Plain: source%2 == 1, Encoding: []string{UTF8, Latin1, CP1252}[source/2%3], Name: "f.csv", Merchant: "acme", Mode: batch.Test}
		r := NewReader(bytes.NewReader(file), o)
		var l batch.Line
		lines := 0
		for {
			findings, err := r.Read(&l)
			if err != nil {
				checkEnd(t, r, err, lines, file)
				return
			}
			lines++
			if len(findings) > len(batch.Columns)+batch.PrivateKeys+1 {
				t.Fatalf("%d findings on one line", len(findings))
			}
			tellsNoCard(t, findings)
			if len(findings) == 0 && !l.Command.Known() {
				t.Fatal("a line without findings has no command")
			}
		}
	})
}

func checkEnd(t *testing.T, r *Reader, err error, lines int, file []byte) {
	t.Helper()
	var fileError *FileError
	switch {
	case err == io.EOF:
		if lines == 0 || lines != r.Lines() {
			t.Fatalf("an acceptable file gave %d lines and counts %d", lines, r.Lines())
		}
	case errors.As(err, &fileError):
		if n := len(fileError.Findings); n == 0 || n > maxFileFindings {
			t.Fatalf("%d findings on the file", n)
		}
		tellsNoCard(t, fileError.Findings)
	default:
		t.Fatal(err)
	}
	if lines > bytes.Count(file, []byte("\n"))+1 {
		t.Fatalf("%d lines from %d bytes", lines, len(file))
	}
	if h := r.Header(); batch.HasCardNumber(string(h.Merchant)) || batch.HasCardNumber(string(h.Ref)) {
		t.Fatal("the header holds a card number")
	}
}

func tellsNoCard(t *testing.T, findings []batch.Finding) {
	t.Helper()
	for _, f := range findings {
		if batch.HasCardNumber(f.String()) || batch.HasCardNumber(string(f.Ref)) {
			t.Fatal("a finding repeats a card number")
		}
		if f.Code == "" || f.Message == "" || len(f.String()) > 1000 {
			t.Fatalf("a finding without code or message, or an endless one: %d bytes", len(f.String()))
		}
	}
}

// FuzzRoundTrip writes a line and reads it back.
func FuzzRoundTrip(f *testing.F) {
	f.Add("INV-1", "C-1", "O;1", "2990", `say "yes"`, " é ", byte(0))
	f.Add("=1", "'", `"`, "0", "", "|,\t", byte(7))
	f.Fuzz(func(t *testing.T, ref, wallet, order, amount, echo, private string, form byte) {
		want := batch.Line{
			Ref: batch.LineRef(ref), Command: batch.DoImmediateWalletPayment, Contract: "1", WalletID: batch.WalletID(wallet),
			OrderRef: order, AmountText: amount, Currency: "EUR", Echo: echo,
		}
		if private != "" {
			want.Private = []batch.PrivateDatum{{Key: "k", Value: private}}
		}
		if len(batch.CheckLine(&want, batch.CheckOptions{}, nil)) > 0 {
			return // not acceptable, so nobody writes it
		}
		layout := batch.Layout{Separator: Separators[form%4], Encoding: []string{UTF8, CP1252}[form/4%2], Plain: form/8%2 == 1}
		columns := strings.Fields("line_ref command contract wallet_id order_ref amount currency echo private.k")
		var file bytes.Buffer
		w, err := NewWriter(&file, testHeader, columns, layout)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&want); errors.Is(err, errUnwritable) {
			return // the encoding lacks a character
		} else if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		lines, findings, err := readAll(&file, Options{Plain: layout.Plain, Encoding: layout.Encoding, Separator: layout.Separator})
		if err != io.EOF || len(findings) > 0 || len(lines) != 1 {
			t.Fatalf("%v, %v", err, findings)
		}
		if diff := cmp.Diff(want, lines[0], compareLines...); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

// FuzzResult writes a row of a RESULT and reads it back.
func FuzzResult(f *testing.F) {
	f.Add("INV-1", "approved", "2990", "long; message", "echo", "gw", byte(0))
	f.Add("-1", "in_doubt", "", "=1", "'=1", `"`, byte(3))
	f.Fuzz(func(t *testing.T, ref, outcome, amount, message, echo, gatewayCode string, separator byte) {
		want := batch.ResultRow{
			Line: 3, Ref: batch.LineRef(ref), Outcome: batch.Outcome(outcome), Amount: amount, Currency: "EUR",
			LongMessage: message, Echo: echo, GatewayCode: gatewayCode,
		}
		var file bytes.Buffer
		w, err := NewResultWriter(&file, ResultHeader{Header: testHeader, Lines: 1}, batch.Layout{Separator: Separators[separator%4]})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&want); errors.Is(err, ErrTally) {
			return
		} else if err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		rows, r, err := readResult(file.Bytes(), "")
		if file.Len() > MaxLineBytes {
			return // longer than any field of the product
		}
		if err != io.EOF || len(rows) != 1 {
			t.Fatal(err)
		}
		if diff := cmp.Diff(w.Trailer(), r.Trailer()); diff != "" {
			t.Fatalf("trailer (-want +got):\n%s", diff)
		}
		for _, text := range []string{ref, amount, message, echo, gatewayCode} {
			if !plain(text) || batch.HasCardNumber(text) {
				return // control characters and card numbers do not come back as they were
			}
		}
		if diff := cmp.Diff(want, rows[0]); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}
