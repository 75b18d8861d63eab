package mastercardbatch

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

// rowsPerBatch is the size of the batches that are measured; each operation is one batch.
const rowsPerBatch = 1000

func BenchmarkEncode(b *testing.B) {
	reqs := payments("encode", rowsPerBatch).Requests
	b.ReportAllocs()
	for b.Loop() {
		if _, err := writeFile(reqs, maxRecords); err != nil {
			b.Fatal(err)
		}
	}
	perRow(b)
}

func BenchmarkDecode(b *testing.B) {
	c := client(b)
	reqs := make([]gateway.Request, rowsPerBatch)
	header, row, _ := strings.Cut(answered(b, paid), "\n")
	var text strings.Builder
	text.WriteString(header + "\n")
	rows := make([]int, rowsPerBatch)
	for i := range reqs {
		reqs[i] = theRequest()
		reqs[i].Key = batch.NewKey("acme", "decode", i+1)
		text.WriteString(strings.ReplaceAll(row, string(theRequest().Key), string(reqs[i].Key)))
		rows[i] = i
	}
	body := []byte(text.String())
	b.ReportAllocs()
	for b.Loop() {
		a, err := parseAnswers(body, rowsPerBatch)
		if err != nil {
			b.Fatal(err)
		}
		replies := make([]gateway.Reply, rowsPerBatch)
		if c.deal(b.Context(), reqs, rows, a, replies); replies[rowsPerBatch-1].State != batch.Approved {
			b.Fatal(replies[rowsPerBatch-1])
		}
	}
	perRow(b)
}

// BenchmarkCall uploads a batch, has it worked off and collects its answers.
func BenchmarkCall(b *testing.B) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c, err := New(Config{Config: mastercard.Config{Endpoint: endpoint, MerchantID: stage.MerchantID, MaxConns: 64, Password: func() (string, error) { return stage.Password, nil }}}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var n atomic.Int64
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			night := payments(fmt.Sprint("call ", n.Add(1)), rowsPerBatch)
			if err := c.Send(b.Context(), night); err != nil {
				b.Fatal(err)
			}
			for {
				replies, err := c.Fetch(b.Context(), night)
				if err != nil {
					b.Fatal(err)
				}
				if replies[0].State == batch.Approved {
					break
				}
				time.Sleep(time.Millisecond)
			}
		}
	})
	perRow(b)
}

func perRow(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*rowsPerBatch), "ns/row")
}
