package payline

import (
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

func BenchmarkEncode(b *testing.B) {
	req := theRequest()
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		e := encoder{version: DefaultVersion, now: testNow}
		e.Buf = buf[:0]
		e.message(authorization.name, func(e *encoder) { e.authorization(&req) })
		buf = e.Buf
	}
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(authorizedAnswer)
	req := theRequest()
	c := &Client{clock: func() time.Time { return testNow }}
	b.ReportAllocs()
	for b.Loop() {
		r := reply{operation: authorization.name}
		if err := r.decode(body); err != nil {
			b.Fatal(err)
		}
		_ = c.answer(authorization, &req, judge(kindPayment, 200, &r.response), &r.response)
	}
}

// BenchmarkCall makes whole calls against the simulator on loopback.
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
	c, err := New(Config{Endpoint: endpoint, MerchantID: stage.MerchantID, MaxConns: 64, Password: func() (string, error) { return stage.Password, nil }}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := theRequest()
		req.Card = gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"}
		for pb.Next() {
			req.Key = batch.NewKey("bench", "line", int(n.Add(1)))
			if a, err := c.Do(b.Context(), req); err != nil || a.State != batch.Approved {
				b.Fatal(a.State, err)
			}
		}
	})
}
