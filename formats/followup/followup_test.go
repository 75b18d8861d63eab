package followup

import (
	"bytes"
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/money"
)

var update = flag.Bool("update", false, "write the golden files and docs/followup-files.md again")

var head = Head{Merchant: "acme", Contract: "1234567", Day: "2026-11-21", Number: 7}

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func jpy(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "JPY"} }

var transactions = []batch.TransactionRow{
	{
		Kind: batch.KindPayment, Outcome: batch.OutcomeApproved, Code: "00000", Message: "Transaction approved", FileRef: "PAY-20261121-01", Line: 3, Ref: "INV-1", Attempts: 1,
		OrderRef: "O-1", TransactionID: "T-1", AuthorizationNumber: "A55A", NetworkTransaction: "123456789012345", WalletID: "CUST-01", CardIndex: "1", Card: "497010******0009",
		CardExpiry: "1230", CardType: "VISA", Amount: eur(2990), Gateway: "sim", GatewayCode: "00", SubmittedAt: "2026-11-21T02:00:00Z", CompletedAt: "2026-11-21T02:00:01Z",
	},
	{
		Kind: batch.KindPayment, Outcome: batch.OutcomeDeclined, Code: "01100", Message: "=do not; \"honour\"\nété, žluťoučký", FileRef: "PAY-20261121-01", Line: 4, Ref: "INV-2", Attempts: 2,
		OrderRef: "O;2", WalletID: "CUST-02", Card: "4111111111111111", Amount: jpy(500), Gateway: "sim", SchemeCode: "05", AdviceCode: "03", AgreementID: "SUB-1",
	},
	{Kind: batch.KindReauthorization, Outcome: batch.OutcomeApproved, Code: "00000", FileRef: "PAY-20261121-01", Line: 5, Ref: "INV-3", Attempts: 1, TransactionID: "T-3", Original: "T-0", Amount: eur(100)},
	{Kind: batch.KindVerification, Outcome: batch.OutcomeRefused, Code: "02305", FileRef: "PAY-20261121-02", Line: 3, Ref: "INV-4", Attempts: 1},
	{Kind: batch.KindPayment, Outcome: batch.OutcomeApproved, Code: "00000", FileRef: "PAY-20261121-02", Line: 4, Ref: "INV-5", Attempts: 1, TransactionID: "T-5", Amount: eur(10)},
}

var payments = []batch.PaymentRow{
	{
		Kind: batch.KindPayment, ValueDate: "2026-11-21", CompletedAt: "2026-11-21T02:00:01Z", Amount: eur(2990), OrderRef: "O-1", TransactionID: "T-1", AuthorizationNumber: "A55A",
		NetworkTransaction: "123456789012345", WalletID: "CUST-01", Card: "497010******0009", CardType: "VISA", Gateway: "sim", FileRef: "PAY-20261121-01", Line: 3, Ref: "INV-1",
	},
	{Kind: batch.KindCapture, ValueDate: "2026-11-20", CompletedAt: "2026-11-21T02:00:02Z", Amount: eur(1000), OrderRef: "O-2", TransactionID: "T-2", Original: "T-0", Gateway: "amex", FileRef: "PAY-20261121-01", Line: 4, Ref: "INV-2"},
	{Kind: batch.KindRefund, ValueDate: "2026-11-21", CompletedAt: "2026-11-21T02:00:03Z", Amount: eur(-4000), TransactionID: "T-3", Original: "T-1", Gateway: "sim", FileRef: "PAY-20261121-01", Line: 5, Ref: "INV-3"},
	{Kind: batch.KindPayment, ValueDate: "2026-11-21", CompletedAt: "2026-11-21T02:00:04Z", Amount: jpy(500), TransactionID: "T-4", Gateway: "sim", FileRef: "PAY-20261121-01", Line: 6, Ref: "INV-4"},
}

func write[R any](t *testing.T, begin func(io.Writer, Head, string) (*Writer[R], error), rows []R, encoding string) []byte {
	t.Helper()
	var file bytes.Buffer
	w, err := begin(&file, head, encoding)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestFilesAreTheGoldenOnes(t *testing.T) {
	for name, file := range map[string][]byte{
		"transactions":        write(t, NewTransactions, transactions, UTF8),
		"transactions-latin1": write(t, NewTransactions, transactions, Latin1),
		"transactions-empty":  write(t, NewTransactions, nil, UTF8),
		"payments":            write(t, NewPayments, payments, Latin1),
		"payments-empty":      write(t, NewPayments, nil, Latin1),
	} {
		t.Run(name, func(t *testing.T) {
			golden(t, filepath.Join("testdata", name+".csv"), file)
		})
	}
}

func golden(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got); see -update\n%s", path, d)
	}
}

func TestTheSameRowsGiveTheSameBytes(t *testing.T) {
	if !bytes.Equal(write(t, NewTransactions, transactions, Latin1), write(t, NewTransactions, transactions, Latin1)) {
		t.Error("transactions differ")
	}
	if !bytes.Equal(write(t, NewPayments, payments, UTF8), write(t, NewPayments, payments, UTF8)) {
		t.Error("payments differ")
	}
}

func TestEveryRowHasTheSameColumnsAndIsALine(t *testing.T) {
	for name, file := range map[string][]byte{"transactions": write(t, NewTransactions, transactions, UTF8), "payments": write(t, NewPayments, payments, UTF8)} {
		r := csv.NewReader(bytes.NewReader(file))
		r.Comma = ';'
		rows, err := r.ReadAll() // which refuses rows of another length than the first
		if err != nil {
			t.Fatal(err)
		}
		if lines := bytes.Count(file, []byte("\n")); lines != len(rows) {
			t.Errorf("%s: %d rows on %d lines", name, len(rows), lines)
		}
		last := rows[len(rows)-1]
		for i, cell := range last {
			if want := map[int]string{0: "T", 1: head.Day, 2: "7", 3: "acme", 4: "1234567", len(last) - 1: fmt.Sprint(bytes.Count(file, []byte("\nD;")))}[i]; cell != want {
				t.Errorf("%s: the last row has %q in column %s, want %q", name, cell, rows[0][i], want)
			}
		}
	}
}

func TestNoCardNumberIsWritten(t *testing.T) {
	rows := []batch.TransactionRow{{Kind: batch.KindPayment, Outcome: batch.OutcomeDeclined, Message: "card 4111111111111111 is stolen", Card: "4111111111111111"}}
	if file := write(t, NewTransactions, rows, UTF8); bytes.Contains(file, []byte("4111111111111111")) {
		t.Errorf("%s", file)
	}
	bad := []batch.PaymentRow{{Kind: batch.KindPayment, Card: "4111111111111111"}}
	if file := write(t, NewPayments, bad, UTF8); bytes.Contains(file, []byte("4111111111111111")) {
		t.Errorf("%s", file)
	}
}

func TestAnEncodingThatIsNoneIsRefused(t *testing.T) {
	if _, err := NewPayments(io.Discard, head, "latin1"); err == nil || !strings.Contains(err.Error(), "ISO-8859-1 and UTF-8") {
		t.Error(err)
	}
}

func TestTotalsThatCannotBeCountedEndTheFile(t *testing.T) {
	for _, minor := range []int64{math.MaxInt64, math.MinInt64} {
		w, err := NewPayments(io.Discard, head, UTF8)
		if err != nil {
			t.Fatal(err)
		}
		row := batch.PaymentRow{Kind: batch.KindPayment, Amount: eur(minor)}
		if err := w.Write(&row); err != nil {
			t.Fatal(err)
		}
		row.Amount.Minor /= minor // 1
		if minor < 0 {
			row.Amount.Minor = -1
		}
		if err := w.Write(&row); !errors.Is(err, ErrTotal) {
			t.Errorf("%d and %d more: %v", minor, row.Amount.Minor, err)
		}
	}
}

func TestAFullDiskIsAnError(t *testing.T) {
	w, err := NewTransactions(full{}, head, Latin1)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); !errors.Is(err, errFull) {
		t.Error(err)
	}
}

var errFull = errors.New("no space left")

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestLatin1IsWrittenHoweverTheTextIsCut(t *testing.T) {
	const text = "a é ÿ € 😀 z"
	for size := 1; size <= len(text); size++ {
		var out bytes.Buffer
		w := &latin1{to: &out}
		for rest := []byte(text); len(rest) > 0; {
			n, err := w.Write(rest[:min(size, len(rest))])
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got := out.String(); got != "a \xe9 \xff ? ? z" {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
}

func BenchmarkTransactions(b *testing.B) {
	const lines = 100_000
	for b.Loop() {
		w, err := NewTransactions(io.Discard, head, Latin1)
		if err != nil {
			b.Fatal(err)
		}
		for range lines {
			if err := w.Write(&transactions[0]); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}
