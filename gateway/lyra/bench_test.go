package lyra

import (
	"net/http"
	"testing"

	"cardbatch/gateway/internal/wire"
)

func BenchmarkEncode(b *testing.B) {
	c, req := newTestClient(b, "http://127.0.0.1:1", nil), theRequest()
	buf := make([]byte, 0, 4<<10)
	b.ReportAllocs()
	for b.Loop() {
		buf = c.appendPayment(buf[:0], &req)
	}
}

func BenchmarkDecode(b *testing.B) {
	c, req := newTestClient(b, "http://127.0.0.1:1", nil), theRequest()
	body := []byte(paid)
	b.ReportAllocs()
	for b.Loop() {
		var r response
		if err := r.decode(body); err != nil {
			b.Fatal(err)
		}
		v, err := c.weigh(kindPayment, servicePayment, &wire.Reply{Status: http.StatusOK}, &r, debit(testKey, &req.Amount))
		if err != nil {
			b.Fatal(err)
		}
		_ = c.outcome(&req, v)
	}
}
