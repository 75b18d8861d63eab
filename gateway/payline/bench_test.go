package payline

import (
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
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
	gatewaytest.BenchmarkCalls(b, func(endpoint string) (gateway.Connector, error) {
		return New(Config{Endpoint: endpoint, MerchantID: stage.MerchantID, MaxConns: 64, Password: func() (string, error) { return stage.Password, nil }}, time.Now)
	}, func(gateway.Connector) gateway.Request {
		req := theRequest()
		req.Card = gateway.Card{Number: batch.NewPAN(testCard), Expiry: "0139"}
		return req
	})
}
