package updater

import (
	"bytes"
	"io"
	"testing"

	"cardbatch/batch"
)

const benchRecords = 10_000

func BenchmarkWriteRequests(b *testing.B) {
	table := shipped(b, RequestTable)
	r := Request{Account: "89987201", CardType: batch.TypeVisa, Card: batch.NewPAN("4111111111111111"), Expiry: "1226"}
	b.ReportAllocs()
	for b.Loop() {
		w, err := NewRequestWriter(io.Discard, table)
		if err != nil {
			b.Fatal(err)
		}
		for i := range benchRecords {
			r.Reference = Reference(17, i+1)
			if err := w.Write(r); err != nil {
				b.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			b.Fatal(err)
		}
	}
	perRecord(b)
}

func BenchmarkReadAnswers(b *testing.B) {
	table := shipped(b, ResponseTable)
	var file bytes.Buffer
	for i := range benchRecords {
		file.WriteString("89987201," + Reference(17, i+1) + ",VI,4111111111111111,1111,A,4012888888881881,1229\n")
	}
	meanings := codes(b, "paysafe")
	b.ReportAllocs()
	for b.Loop() {
		f, err := OpenAnswers(from(file.String()), table, nil)
		if err != nil {
			b.Fatal(err)
		}
		records := 0
		err = f.Each(func(a Answer) error {
			records++
			if outcome, _ := meanings.Decide(a.Scheme, a.Code, a.Reason); outcome != batch.NewNumber {
				b.Fatal(outcome)
			}
			return nil
		})
		if err != nil || records != benchRecords {
			b.Fatal(records, err)
		}
	}
	perRecord(b)
}

func perRecord(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/benchRecords, "ns/record")
}
