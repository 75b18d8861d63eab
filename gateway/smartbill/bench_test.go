package smartbill_test

import (
	"fmt"
	"testing"
	"time"

	"cardbatch/gateway"
)

// BenchmarkBatch is a whole charge file of a thousand payments: fit, write, send, answer, read.
func BenchmarkBatch(b *testing.B) {
	const lines = 1000
	w := newWorld(b, b.TempDir(), nil)
	w.enrol(b, alias("a"))
	card := payment("a").Wallet
	b.ReportAllocs()
	for n := 0; b.Loop(); n++ {
		reqs := make([]gateway.Request, lines)
		for i := range reqs {
			reqs[i] = payment(fmt.Sprint(n, " ", i))
			reqs[i].Wallet = card
		}
		if fit := w.Fit(reqs); fit != lines {
			b.Fatalf("fit: %d", fit)
		}
		night := batchOf(reqs...)
		if err := w.Send(b.Context(), night); err != nil {
			b.Fatal(err)
		}
		w.work(b)
		if replies, err := w.Fetch(b.Context(), night); err != nil || replies[lines-1].State != "approved" {
			b.Fatalf("%+v, %v", replies[lines-1], err)
		}
	}
	b.ReportMetric(float64(b.Elapsed())/float64(time.Microsecond)/float64(b.N*lines), "µs/line")
}
