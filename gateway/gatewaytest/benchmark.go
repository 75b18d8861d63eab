package gatewaytest

import (
	"sync/atomic"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/simulator"
)

// BenchmarkCalls measures whole payments, many at a time, against the simulator on
// loopback, its own work included. connect makes a connector with 64 connections to
// the endpoint; request a payment that the simulator approves, the key aside.
func BenchmarkCalls(b *testing.B, connect func(endpoint string) (gateway.Connector, error), request func(gateway.Connector) gateway.Request) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	endpoint, err := sim.Start("127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c, err := connect(endpoint)
	if err != nil {
		b.Fatal(err)
	}
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		req := request(c)
		for pb.Next() {
			req.Key = batch.NewKey("bench", "line", int(n.Add(1)))
			if a, err := c.Do(b.Context(), req); err != nil || a.State != batch.Approved {
				b.Fatal(a.State, err)
			}
		}
	})
}
