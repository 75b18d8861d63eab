package paysafe

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
		buf = appendOperation(buf[:0], operationOf(&req), &req)
	}
}

func BenchmarkDecode(b *testing.B) {
	body := []byte(paid)
	req := theRequest()
	b.ReportAllocs()
	for b.Loop() {
		var e entity
		if err := e.decode(body); err != nil {
			b.Fatal(err)
		}
		_ = e.answer(&req, judged(200, &e))
	}
}

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
	c, err := New(Config{
		Endpoint: endpoint, User: stage.MerchantID, MerchantID: stage.AccountID, MaxConns: 64,
		Password: func() (string, error) { return stage.Password, nil },
	}, time.Now)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var n atomic.Int64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		req := theRequest()
		req.Credential = gateway.Credential{Source: "INTERNET"}
		req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
		for pb.Next() {
			req.Key = batch.NewKey("bench", "line", int(n.Add(1)))
			if a, err := c.Do(b.Context(), req); err != nil || a.State != batch.Approved {
				b.Fatal(a.State, err)
			}
		}
	})
}
