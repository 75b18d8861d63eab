package batchfile

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"io"
	"testing"
	"time"

	"cardbatch/batch"
)

// benchFile is a file of payments like a subscription merchant's.
func benchFile(tb testing.TB, lines int) []byte {
	tb.Helper()
	var file bytes.Buffer
	header := batch.Header{Merchant: "acme", Ref: "PAY-20261121-01", Sequence: 417, Mode: batch.Test, CreatedAt: time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)}
	columns := []string{"line_ref", "command", "contract", "wallet_id", "card_index", "order_ref", "order_date", "amount", "currency",
		"agreement_id", "agreement_type", "soft_descriptor", "echo"}
	w, err := NewWriter(&file, header, columns, batch.Layout{Separator: ';'})
	if err != nil {
		tb.Fatal(err)
	}
	for i := range lines {
		err := w.Write(&batch.Line{
			Ref: batch.LineRef(fmt.Sprintf("INV-%07d", i)), Command: batch.DoImmediateWalletPayment, Contract: "1234567",
			WalletID: batch.WalletID(fmt.Sprintf("CUST-%06d", i%500000)), CardIndex: "1", OrderRef: fmt.Sprintf("INV-%07d", i),
			OrderDate: "2026-11-21T22:00:00Z", AmountText: fmt.Sprint(990 + i%9000), Currency: "EUR",
			AgreementID: batch.AgreementID(fmt.Sprintf("SUB-%06d", i%500000)), AgreementType: "RECURRING", SoftDescriptor: "ACME *MUSIC", Echo: "nightly run",
		})
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return file.Bytes()
}

const benchLines = 100_000

func BenchmarkParseCheck(b *testing.B) {
	file := benchFile(b, benchLines)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(file), Options{})
		var l batch.Line
		for {
			findings, err := r.Read(&l)
			if err == io.EOF {
				break
			}
			if err != nil || len(findings) > 0 {
				b.Fatal(err, findings)
			}
		}
	}
	b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkEncodingCSV(b *testing.B) {
	file := benchFile(b, benchLines)
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		r := csv.NewReader(bytes.NewReader(file))
		r.Comma, r.FieldsPerRecord, r.ReuseRecord = ';', -1, true
		for {
			if _, err := r.Read(); err == io.EOF {
				break
			} else if err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

func BenchmarkResultWriter(b *testing.B) {
	row := batch.ResultRow{
		Line: 3, Ref: "INV-9001", Command: batch.DoImmediateWalletPayment, Outcome: batch.OutcomeApproved, Code: "00000",
		ShortMessage: "ACCEPTED", LongMessage: "approved", WalletID: "CUST-42", CardIndex: "1", CardStatus: batch.CardActive,
		Card: "512345******0008", CardExpiry: "0139", TransactionID: "k5xqkq5f7kz3m2q4aaaaaaaaaa", AuthorizationNumber: "A12345",
		Amount: "2990", Currency: "EUR", Gateway: "mastercard-eu", GatewayCode: "APPROVED", SchemeCode: "00", NetworkTransaction: "MCC0000011121",
		Attempts: 1, SubmittedAt: "2026-11-21T23:00:00Z", CompletedAt: "2026-11-21T23:00:01Z", Echo: "nightly run",
	}
	b.ReportAllocs()
	for b.Loop() {
		w, err := NewResultWriter(io.Discard, ResultHeader{}, batch.Layout{})
		if err != nil {
			b.Fatal(err)
		}
		for range benchLines {
			if err := w.Write(&row); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(benchLines)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
}
