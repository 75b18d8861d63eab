package paysafe

import (
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
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

// BenchmarkCall makes whole calls against the simulator on loopback.
func BenchmarkCall(b *testing.B) {
	gatewaytest.BenchmarkCalls(b, func(endpoint string) (gateway.Connector, error) {
		return New(Config{
			Endpoint: endpoint, User: stage.MerchantID, Accounts: map[money.Currency]string{"EUR": stage.AccountID}, MaxConns: 64, Password: func() (string, error) { return stage.Password, nil },
		}, time.Now)
	}, func(gateway.Connector) gateway.Request {
		req := theRequest()
		req.Credential = gateway.Credential{Source: "INTERNET"}
		req.Card = gateway.Card{Number: batch.NewPAN(gatewaytest.Card), Expiry: "0139"}
		return req
	})
}
