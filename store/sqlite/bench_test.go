package sqlite_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// Benchmarks report lines per second; run them with -benchtime=1x for one file each.
const benchLines, benchChunk = 200_000, 1000

var benchStart = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func benchLine(no int) store.StagedLine {
	ref := fmt.Sprintf("INV-%08d", no)
	return store.StagedLine{Gateway: "sim", Line: batch.Line{
		No: no, Ref: batch.LineRef(ref), Command: batch.DoImmediateWalletPayment, Contract: "1234567",
		WalletID: batch.WalletID(fmt.Sprintf("CUST-%08d", no)), CardIndex: "1", OrderRef: ref, AmountText: "2990", Currency: "EUR",
	}}
}

func benchSession(b *testing.B) store.Session {
	b.Helper()
	st, err := sqlite.Open(b.Context(), filepath.Join(b.TempDir(), "store.db"), sqlite.Options{Environment: batch.Test, Create: true})
	if err != nil {
		b.Fatal(err)
	}
	s, err := st.Begin(b.Context(), store.Actor{Name: "bench"})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.End(); st.Close() })
	return s
}

// benchStage stages a file of benchLines lines.
func benchStage(b *testing.B, s store.Session) batch.File {
	b.Helper()
	ctx := context.Background()
	name := fmt.Sprintf("bench-%d.csv", time.Now().UnixNano())
	f, err := s.Receive(ctx, batch.File{Source: "erp", Name: name, Claim: name, ReceivedAt: benchStart})
	if err != nil {
		b.Fatal(err)
	}
	chunk := make([]store.StagedLine, benchChunk)
	for from := 0; from < benchLines; from += benchChunk {
		for i := range chunk {
			chunk[i] = benchLine(from + i + 2)
		}
		if err := s.StageLines(ctx, f.ID, chunk); err != nil {
			b.Fatal(err)
		}
	}
	f.Header, f.Layout = batch.Header{Merchant: "acme", Ref: batch.FileRef(name), Mode: batch.Test}, batch.Layout{Separator: ';'}
	if err := s.Checked(ctx, f); err != nil {
		b.Fatal(err)
	}
	return f
}

func benchIndex(b *testing.B, s store.Session, f batch.File) (namesakes int) {
	b.Helper()
	for _, err := range s.Index(context.Background(), f.ID) {
		if err != nil {
			b.Fatal(err)
		}
		namesakes++
	}
	return namesakes
}

func benchAccept(b *testing.B, s store.Session, f batch.File) {
	b.Helper()
	f.State, f.Lines, f.VerdictAt = batch.FileAccepted, benchLines, benchStart
	if err := s.Decide(context.Background(), f); err != nil {
		b.Fatal(err)
	}
}

// benchSubmit takes every queued line to approved, a chunk at a time.
func benchSubmit(b *testing.B, st store.Reader, s store.Session) {
	b.Helper()
	ctx := context.Background()
	var after batch.LineAddress
	for {
		lines, err := st.NextQueued(ctx, store.QueueQuery{Phase: batch.PhasePayment, Gateway: "sim", After: after, Limit: benchChunk})
		if err != nil {
			b.Fatal(err)
		}
		if len(lines) == 0 {
			return
		}
		submission := store.Submission{At: benchStart}
		outcomes := make([]store.LineOutcome, 0, len(lines))
		for _, l := range lines {
			after = l.Address
			submission.Sending = append(submission.Sending, store.Sending{At: l.Address, Attempt: 1})
			outcomes = append(outcomes, store.LineOutcome{At: l.Address, Expect: batch.Submitting, To: batch.Approved, CompletedAt: benchStart, Answer: batch.Answer{
				Code: "00000", TransactionID: batch.TransactionID("T" + l.Line.Ref), AuthorizationNumber: "A55A", GatewayCode: "00", Card: "411111******1111",
			}})
		}
		if err := s.Submit(ctx, submission); err != nil {
			b.Fatal(err)
		}
		if err := s.Record(ctx, outcomes); err != nil {
			b.Fatal(err)
		}
	}
}

func perSecond(b *testing.B, took time.Duration) {
	b.ReportMetric(float64(benchLines*b.N)/took.Seconds(), "lines/s")
}

func BenchmarkStage(b *testing.B) {
	s := benchSession(b)
	for b.Loop() {
		benchStage(b, s)
	}
	perSecond(b, b.Elapsed())
}

func BenchmarkIndex(b *testing.B) {
	s := benchSession(b)
	f := benchStage(b, s)
	b.ResetTimer()
	if found := benchIndex(b, s, f); found != 0 {
		b.Fatalf("%d namesakes in one file", found)
	}
	for range b.N - 1 {
		benchIndex(b, s, f)
	}
	perSecond(b, b.Elapsed())
}

func BenchmarkSubmitAndRecord(b *testing.B) {
	s := benchSession(b)
	var took time.Duration
	for range b.N {
		f := benchStage(b, s)
		benchAccept(b, s, f)
		began := time.Now()
		benchSubmit(b, s.(store.Reader), s)
		took += time.Since(began)
	}
	perSecond(b, took)
}

func BenchmarkAnswerLines(b *testing.B) {
	s := benchSession(b)
	f := benchStage(b, s)
	benchAccept(b, s, f)
	benchSubmit(b, s.(store.Reader), s)
	began := time.Now()
	if _, err := s.Answer(context.Background(), f.ID, benchStart); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(benchLines/time.Since(began).Seconds(), "answered/s")
	b.ResetTimer()
	for range b.N {
		lines := 0
		for _, err := range s.(store.Reader).AnswerLines(context.Background(), f.ID, 0) {
			if err != nil {
				b.Fatal(err)
			}
			lines++
		}
		if lines != benchLines {
			b.Fatalf("the answer has %d lines", lines)
		}
	}
	perSecond(b, b.Elapsed())
}

func BenchmarkEndedLines(b *testing.B) {
	s := benchSession(b)
	f := benchStage(b, s)
	benchAccept(b, s, f)
	benchSubmit(b, s.(store.Reader), s)
	day := store.EndedQuery{Merchant: "acme", Contract: "1234567", From: benchStart, To: benchStart.Add(time.Hour)}
	b.ResetTimer()
	for range b.N {
		lines := 0
		for _, err := range s.(store.Reader).EndedLines(context.Background(), day) {
			if err != nil {
				b.Fatal(err)
			}
			lines++
		}
		if lines != benchLines {
			b.Fatalf("the day has %d lines", lines)
		}
	}
	perSecond(b, b.Elapsed())
}
