package pipeline_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"path/filepath"
	"strings"
	"testing"
	"time"
	_ "time/tzdata"

	"cardbatch/batch"
	"cardbatch/formats/followup"
	"cardbatch/pipeline"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

var paymentSeries = store.Series{Merchant: "acme", Contract: "1234567", Kind: store.PaymentsOfDay}

// days is a store in which lines ended at given times.
type days struct {
	*testing.T
	store.Store
	session store.Session
	files   int
}

func newDays(t *testing.T) *days {
	s, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), sqlite.Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	session, err := s.Begin(t.Context(), store.Actor{Name: "run"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { session.End(); s.Close() })
	return &days{T: t, Store: s, session: session}
}

func (d *days) must(err error) {
	d.Helper()
	if err != nil {
		d.Fatal(err)
	}
}

// file brings a file with a payment per end; each ends at its time, with the value date behind it.
func (d *days) file(received string, ends ...string) {
	d.Helper()
	d.files++
	name := fmt.Sprintf("pay-%d.csv", d.files)
	f, err := d.session.Receive(d.Context(), batch.File{Source: "erp", Name: name, Claim: name, ReceivedAt: at(d.T, received)})
	d.must(err)
	lines := make([]store.StagedLine, len(ends))
	sent := store.Submission{At: at(d.T, received)}
	var outcomes []store.LineOutcome
	for i, end := range ends {
		ref := fmt.Sprintf("INV-%d-%d", d.files, i)
		lines[i] = store.StagedLine{Gateway: "sim", Line: batch.Line{
			No: i + 2, Ref: batch.LineRef(ref), Command: batch.DoImmediateWalletPayment, Contract: "1234567", WalletID: "W-1", OrderRef: ref, AmountText: "1000", Currency: "EUR",
		}}
		when, valueDate, _ := strings.Cut(end, " ")
		address := batch.LineAddress{File: f.ID, No: i + 2}
		sent.Sending = append(sent.Sending, store.Sending{At: address, Attempt: 1})
		outcomes = append(outcomes, store.LineOutcome{
			At: address, Expect: batch.Submitting, To: batch.Approved, CompletedAt: at(d.T, when),
			Answer: batch.Answer{Code: "00000", TransactionID: batch.TransactionID("T-" + ref), ValueDate: valueDate},
		})
	}
	d.must(d.session.StageLines(d.Context(), f.ID, lines))
	f.Header, f.Layout = batch.Header{Merchant: "acme", Ref: batch.FileRef(name), Mode: batch.Test}, batch.Layout{Separator: ';'}
	d.must(d.session.Checked(d.Context(), f))
	f.State, f.Lines, f.VerdictAt = batch.FileAccepted, len(lines), at(d.T, received)
	d.must(d.session.Decide(d.Context(), f))
	d.must(d.session.Submit(d.Context(), sent))
	d.must(d.session.Record(d.Context(), outcomes))
}

func at(t *testing.T, text string) time.Time {
	t.Helper()
	when, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return when
}

func zoneOf(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// open opens the follow-up files that are due, one after the other.
func (d *days) open(s store.Series, since, zone, now string) (opened []store.DailyFile) {
	d.Helper()
	for {
		f, ok, err := pipeline.NextDaily(d.Context(), d.Store, s, since, zoneOf(d.T, zone), followup.UTF8, at(d.T, now))
		d.must(err)
		if !ok {
			return opened
		}
		f, err = d.session.OpenDaily(d.Context(), f)
		d.must(err)
		opened = append(opened, f)
	}
}

// lists tells which lines a file lists.
func (d *days) lists(f store.DailyFile) string {
	d.Helper()
	var file bytes.Buffer
	d.must(pipeline.WriteDaily(d.Context(), d.Store, f, &file))
	var refs []string
	for row := range strings.Lines(file.String()) {
		if cells := strings.Split(row, ";"); cells[0] == "D" {
			refs = append(refs, cells[len(cells)-2])
		}
	}
	return strings.Join(refs, " ")
}

func TestADayLastsAsLongAsItsClocksSay(t *testing.T) {
	d := newDays(t)
	d.file("2026-10-24T21:00:00Z",
		"2026-10-24T21:59:59.999999Z", "2026-10-24T22:00:00Z", "2026-10-25T22:59:59.999999Z", "2026-10-25T23:00:00Z")
	var got []string
	for _, f := range d.open(paymentSeries, "", "Europe/Paris", "2026-10-26T23:00:00Z") {
		got = append(got, fmt.Sprintf("%s %d %s: %s", f.Day, f.Number, f.To.Sub(f.From), d.lists(f)))
	}
	want := "2026-10-24 1 24h0m0s: INV-1-0\n2026-10-25 2 25h0m0s: INV-1-1 INV-1-2\n2026-10-26 3 24h0m0s: INV-1-3"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestEveryPaymentIsInOneFileOnItsValueDateOrWhenItIsKnown(t *testing.T) {
	d := newDays(t)
	d.file("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z 2026-11-23", "2026-11-20T11:00:00Z", "2026-11-20T12:00:00Z 2026-11-20")
	d.file("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z 2026-11-20", "2026-11-23T11:00:00Z 2026-11-24")
	var got []string
	for _, f := range d.open(paymentSeries, "", "UTC", "2026-11-25T00:00:00Z") {
		got = append(got, f.Day+": "+d.lists(f))
	}
	want := "2026-11-20: INV-1-1 INV-1-2\n2026-11-21: \n2026-11-22: \n2026-11-23: INV-1-0 INV-2-0\n2026-11-24: INV-2-1"
	if text := strings.Join(got, "\n"); text != want {
		t.Errorf("got\n%s\nwant\n%s", text, want)
	}
}

func TestTheFilesOfASeriesAreOpenedOnceAndInOrder(t *testing.T) {
	d := newDays(t)
	if opened := d.open(paymentSeries, "", "UTC", "2026-11-25T00:00:00Z"); opened != nil {
		t.Fatalf("without a file of the merchant: %v", opened)
	}
	d.file("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z")
	if opened := d.open(paymentSeries, "2026-11-22", "UTC", "2026-11-22T23:59:59Z"); opened != nil {
		t.Fatalf("before its first day is over: %v", opened)
	}
	opened := d.open(paymentSeries, "2026-11-22", "UTC", "2026-11-24T00:00:00Z")
	if len(opened) != 2 || opened[0].Day != "2026-11-22" || opened[0].Number != 3 || opened[1].Number != 4 {
		t.Fatalf("since the 22nd: %+v", opened)
	}
	if again := d.open(paymentSeries, "2026-11-22", "UTC", "2026-11-24T23:00:00Z"); again != nil {
		t.Fatalf("again: %v", again)
	}
	if next := d.open(paymentSeries, "", "UTC", "2026-11-25T00:00:00Z"); len(next) != 1 || next[0].Day != "2026-11-24" {
		t.Fatalf("the next day: %+v", next)
	}
}

func TestNoMomentIsLostWhenTheTimeZoneChanges(t *testing.T) {
	for _, next := range []string{"Asia/Tokyo", "America/New_York"} {
		d := newDays(t)
		d.file("2026-11-20T10:00:00Z", "2026-11-20T22:59:59Z", "2026-11-20T23:30:00Z", "2026-11-21T16:00:00Z", "2026-11-22T03:00:00Z")
		opened := d.open(paymentSeries, "", "Europe/Paris", "2026-11-20T23:00:00Z")
		opened = append(opened, d.open(paymentSeries, "", next, "2026-11-24T00:00:00Z")...)
		var all []string
		for i, f := range opened {
			if i > 0 && !f.From.Equal(opened[i-1].To) {
				t.Errorf("%s: %s begins %s, the day before ended %s", next, f.Day, f.From, opened[i-1].To)
			}
			if refs := d.lists(f); refs != "" {
				all = append(all, refs)
			}
		}
		if got := strings.Join(all, " "); got != "INV-1-0 INV-1-1 INV-1-2 INV-1-3" {
			t.Errorf("%s: %s", next, got)
		}
	}
}

func TestADayHasTheSameBytesBeforeAndAfterItIsRecorded(t *testing.T) {
	d := newDays(t)
	d.file("2026-11-20T10:00:00Z", "2026-11-20T10:00:00Z 2026-11-21", "2026-11-21T10:00:00Z", "2026-11-22T10:00:00Z")
	now := at(t, "2026-11-22T12:00:00Z")
	bytesOf := func(encoding string) string {
		t.Helper()
		f, err := pipeline.DailyFile(t.Context(), d.Store, paymentSeries, "2026-11-21", zoneOf(t, "UTC"), encoding, now)
		d.must(err)
		var file bytes.Buffer
		d.must(pipeline.WriteDaily(t.Context(), d.Store, f, &file))
		return file.String()
	}
	before := bytesOf(followup.UTF8)
	d.open(paymentSeries, "", "UTC", "2026-11-22T12:00:00Z")
	d.file("2026-11-22T13:00:00Z", "2026-11-22T13:00:00Z 2026-11-21")
	if after := bytesOf(followup.Latin1); after != before || !strings.Contains(after, "INV-1-0") {
		t.Errorf("before\n%s\nafter\n%s", before, after)
	}
	_, err := pipeline.DailyFile(t.Context(), d.Store, paymentSeries, "2026-11-22", zoneOf(t, "UTC"), followup.UTF8, now)
	if !errors.Is(err, pipeline.ErrDayNotOver) {
		t.Errorf("of today: %v", err)
	}
	_, err = pipeline.DailyFile(t.Context(), d.Store, paymentSeries, "2026-11-19", zoneOf(t, "UTC"), followup.UTF8, now)
	if !errors.Is(err, pipeline.ErrDayBeforeFirst) {
		t.Errorf("of the day before the first file: %v", err)
	}
}

// endless yields a line so many times: what a file of a long day costs beside the store.
type endless struct {
	store.FollowUpReader
	lines int
}

func (e endless) EndedLines(_ context.Context, q store.EndedQuery) iter.Seq2[store.EndedLine, error] {
	line := store.EndedLine{FileRef: "PAY-1", LineRecord: batch.LineRecord{
		Address: batch.LineAddress{File: 1, No: 2}, State: batch.Approved, Attempt: 1, Gateway: "sim", SubmittedAt: q.From, CompletedAt: q.From,
		Line:   batch.Line{Command: batch.DoImmediateWalletPayment, Ref: "INV-1", OrderRef: "O-1", AmountText: "2990", Currency: "EUR"},
		Answer: batch.Answer{Code: "00000", TransactionID: "T-1", Card: "497010******0009"},
	}}
	return func(yield func(store.EndedLine, error) bool) {
		for range e.lines {
			if !yield(line, nil) {
				return
			}
		}
	}
}

func BenchmarkDaily(b *testing.B) {
	const lines = 100_000
	f := store.DailyFile{Series: store.Series{Kind: store.TransactionsOfDay}, Day: "2026-11-21", From: time.Unix(0, 0), Encoding: followup.Latin1, Number: 1}
	for b.Loop() {
		if err := pipeline.WriteDaily(b.Context(), endless{lines: lines}, f, io.Discard); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(lines*b.N)/b.Elapsed().Seconds(), "lines/s")
}
