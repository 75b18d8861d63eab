package batchfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cardbatch/batch"
)

var testHeader = batch.Header{
	Merchant: "acme", Ref: "PAY-20261121-01", Sequence: 417, Mode: batch.Test,
	CreatedAt: time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC),
}

// compareLines ignores how a card number is held; tests compare its digits apart.
var compareLines = []cmp.Option{cmpopts.IgnoreFields(batch.Line{}, "CardNumber", "No"), cmpopts.EquateEmpty()}

func TestTheExampleOfTheInterfaceIsWrittenToTheByte(t *testing.T) {
	const want = `H;CARDBATCH;1;acme;PAY-20261121-01;417;TEST;2026-11-21T22:00:00Z
C;line_ref;command;contract;wallet_id;card_index;order_ref;amount;currency
D;INV-9001;doImmediateWalletPayment;1234567;CUST-42;1;INV-9001;2990;EUR
D;INV-9002;doImmediateWalletPayment;1234567;CUST-43;1;INV-9002;12000;JPY
T;2;EUR:2990;JPY:12000
`
	lines, _, err := readAll(strings.NewReader(want), Options{})
	if err != io.EOF {
		t.Fatal(err)
	}
	var got bytes.Buffer
	columns := strings.Split("line_ref;command;contract;wallet_id;card_index;order_ref;amount;currency", ";")
	writeAll(t, &got, columns, batch.Layout{}, lines)
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func writeAll(t *testing.T, out io.Writer, columns []string, layout batch.Layout, lines []batch.Line) {
	t.Helper()
	w, err := NewWriter(out, testHeader, columns, layout)
	if err != nil {
		t.Fatal(err)
	}
	for i := range lines {
		if err := w.Write(&lines[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestWhatIsWrittenIsReadBackInEveryLayout(t *testing.T) {
	lines := []batch.Line{
		{Ref: "W-1", Command: batch.CreateWallet, Contract: "1", WalletID: "C-1", CardNumber: batch.NewPAN("5123450000000008"), CardExpiry: "0139", LastName: "Ångström", Echo: ` say "a;b,c|d" `, Private: []batch.PrivateDatum{{Key: "tier", Value: "é"}}},
		{Ref: "P-1", Command: batch.DoImmediateWalletPayment, Contract: "1", WalletID: "C-1", OrderRef: "O-1", AmountText: "2990", Currency: "EUR"},
		{Ref: `"`, Command: batch.GetWallet, Contract: "1", WalletID: `""`},
	}
	columns := strings.Fields("line_ref command contract wallet_id card_number card_expiry last_name echo private.tier order_ref amount currency")
	for _, encoding := range []string{UTF8, Latin1, CP1252} {
		for i := range len(Separators) {
			for _, plain := range []bool{false, true} {
				layout := batch.Layout{Separator: Separators[i], Encoding: encoding, Plain: plain}
				var file bytes.Buffer
				writeAll(t, &file, columns, layout, lines)
				got, findings, err := readAll(&file, Options{Plain: plain, Encoding: encoding})
				if err != io.EOF || len(findings) > 0 {
					t.Fatalf("%+v: %v, %v", layout, err, findings)
				}
				if diff := cmp.Diff(lines, got, compareLines...); diff != "" {
					t.Errorf("%+v (-want +got):\n%s", layout, diff)
				}
				if got[0].CardNumber.Reveal() != lines[0].CardNumber.Reveal() || !got[1].CardNumber.IsZero() {
					t.Errorf("%+v: the card number did not come back", layout)
				}
			}
		}
	}
}

func TestAWriterLosesNothingUnseen(t *testing.T) {
	for name, l := range map[string]batch.Line{
		"a value without a column":            {Ref: "R", WalletID: "C"},
		"a card number without a column":      {Ref: "R", CardNumber: batch.NewPAN("5123450000000008")},
		"private data without a column":       {Ref: "R", Private: []batch.PrivateDatum{{Key: "k", Value: "v"}}},
		"a line break":                        {Ref: "R", Echo: "a\nb"},
		"a character that the encoding lacks": {Ref: "R", Echo: "東京"},
		"bytes that are no text":              {Ref: "R", Echo: "a\xff"},
	} {
		w, err := NewWriter(io.Discard, testHeader, []string{"line_ref", "echo"}, batch.Layout{Encoding: Latin1})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write(&l); err == nil {
			t.Errorf("%s was written", name)
		} else if strings.Contains(err.Error(), "5123450000000008") {
			t.Errorf("%s: the error repeats a card number", name)
		}
	}
	for _, columns := range [][]string{{"line_ref", "line_ref"}, {"colour"}} {
		if _, err := NewWriter(io.Discard, testHeader, columns, batch.Layout{}); err == nil {
			t.Errorf("columns %v were accepted", columns)
		}
	}
	if _, err := NewWriter(io.Discard, testHeader, nil, batch.Layout{Encoding: "EBCDIC"}); err == nil {
		t.Error("an unknown encoding was accepted")
	}
}

// limitedWriter refuses everything after a number of bytes.
type limitedWriter struct{ left int }

var errDiskFull = errors.New("disk full")

func (w *limitedWriter) Write(p []byte) (int, error) {
	if len(p) > w.left {
		n := w.left
		w.left = 0
		return n, errDiskFull
	}
	w.left -= len(p)
	return len(p), nil
}

func TestAFullDiskIsAnErrorAtCloseAtTheLatest(t *testing.T) {
	w, err := NewWriter(&limitedWriter{left: 10}, testHeader, []string{"line_ref"}, batch.Layout{})
	if err == nil {
		err = w.Write(&batch.Line{Ref: "R-1"})
	}
	if err == nil {
		err = w.Close()
	}
	if !errors.Is(err, errDiskFull) {
		t.Errorf("writing a file: %v", err)
	}
	result, err := NewResultWriter(&limitedWriter{left: 10}, ResultHeader{Header: testHeader}, batch.Layout{})
	if err == nil {
		err = result.Close()
	}
	if !errors.Is(err, errDiskFull) {
		t.Errorf("writing a result: %v", err)
	}
	ack, err := NewAckWriter(&limitedWriter{left: 10}, AckHeader{Header: testHeader}, batch.Layout{})
	if err == nil {
		err = ack.Close(1, 0)
	}
	if !errors.Is(err, errDiskFull) {
		t.Errorf("writing an ack: %v", err)
	}
}
