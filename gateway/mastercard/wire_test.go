package mastercard

import (
	"bufio"
	"context"
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/gatewaytest"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

func testClient(t *testing.T, endpoint string, change func(*Config)) *Client {
	t.Helper()
	config := Config{Endpoint: endpoint, MerchantID: stage.MerchantID, Password: func() (string, error) { return stage.Password, nil }, Timeout: 10 * time.Second}
	if change != nil {
		change(&config)
	}
	c, err := New(config, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// listen serves each accepted connection with its own function, the last one for all that follow.
func listen(t *testing.T, serve ...func(net.Conn)) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for i := 0; ; i++ {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve[min(i, len(serve)-1)](conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func TestWhatBrokenPeersProve(t *testing.T) {
	readRequest := func(c net.Conn) { http.ReadRequest(bufio.NewReader(c)) }
	answerWith := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, text)
		}
	}
	for name, serve := range map[string]func(net.Conn){
		"closes at once":                        func(net.Conn) {},
		"closes after the request":              readRequest,
		"speaks another protocol":               answerWith("SSH-2.0-OpenSSH_9.2\r\n"),
		"quotes the card number in a bad line":  answerWith("5123450000000008\r\n\r\n"),
		"names more bytes than come":            answerWith("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 999\r\n\r\n{}"),
		"ends a chunked body early":             answerWith("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
		"answers with half a document":          answerWith("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\n\r\n{\"result\":\"SUCCESS\""),
		"answers with a number where none fits": answerWith("HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"result\":5123450000000008 }"),
		"answers with the card number as cause": answerWith("HTTP/1.1 400 Bad\r\nContent-Type: application/json\r\nContent-Length: 65\r\n\r\n{\"result\":\"WHAT\",\"error\":{\"cause\":\"5123450000000008\"},\"x\":\"123456\"}"),
	} {
		t.Run(name, func(t *testing.T) {
			c := testClient(t, listen(t, serve), nil)
			req := theRequest()
			req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
			_, err := c.Do(t.Context(), req)
			// "closes at once" may be seen before or after the first byte; never as an answer.
			if err == nil || gateway.IsNotSent(err) && name != "closes at once" {
				t.Errorf("got %v, want in doubt", err)
			}
			if err != nil && strings.Contains(err.Error(), "5123450000000008") {
				t.Error("the error quotes the card number")
			}
		})
	}
}

func TestNotSentMeansThatNoByteWasWritten(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	t.Run("a TLS peer that cannot be trusted", func(t *testing.T) {
		var requests atomic.Int64
		server := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { requests.Add(1) }))
		defer server.Close()
		server.Config.ErrorLog = nil
		_, err := testClient(t, server.URL, nil).Do(t.Context(), theRequest())
		if !gateway.IsNotSent(err) || requests.Load() != 0 {
			t.Errorf("got %v after %d requests", err, requests.Load())
		}
	})
	t.Run("a TLS peer that never answers the handshake", func(t *testing.T) {
		endpoint := strings.Replace(listen(t, silent), "http:", "https:", 1)
		_, err := testClient(t, endpoint, func(c *Config) { c.Timeout = 50 * time.Millisecond }).Do(t.Context(), theRequest())
		if !gateway.IsNotSent(err) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("no connection is free in time", func(t *testing.T) {
		busy := make(chan struct{})
		endpoint := listen(t, func(c net.Conn) {
			http.ReadRequest(bufio.NewReader(c))
			close(busy)
			io.Copy(io.Discard, c)
		})
		c := testClient(t, endpoint, func(c *Config) { c.MaxConns = 1 })
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() {
			_, err := c.Do(ctx, theRequest())
			first <- err
		}()
		<-busy
		wait, stop := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer stop()
		if _, err := c.Do(wait, theRequest()); !gateway.IsNotSent(err) {
			t.Errorf("the one that waited: %v", err)
		}
		cancel()
		if err := <-first; gateway.IsNotSent(err) {
			t.Errorf("the one that was written: %v", err)
		}
	})
}

// A connection that the gateway closed while idle is replaced without doubt when nothing
// was written on it, and nothing is ever sent twice.
func TestClosedIdleConnections(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	server := httptest.NewServer(sim)
	defer server.Close()
	c := testClient(t, server.URL, nil)
	for i := range 50 {
		req := theRequest()
		req.Credential = gateway.Credential{Source: "INTERNET"}
		req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
		req.Key = batch.NewKey("acme", "idle", i+1)
		answer, err := c.Do(t.Context(), req)
		charged := sim.Charges(string(req.Key))
		switch {
		case err == nil && (answer.State != batch.Approved || charged != 1):
			t.Errorf("answered %s, charged %d times", answer.State, charged)
		case gateway.IsNotSent(err) && charged != 0:
			t.Error("not sent, and charged")
		case charged > 1:
			t.Errorf("charged %d times", charged)
		}
		server.CloseClientConnections()
	}
}

func TestTLS(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	server := httptest.NewTLSServer(sim)
	defer server.Close()
	roots := x509.NewCertPool()
	roots.AddCert(server.Certificate())
	c := testClient(t, server.URL, func(c *Config) { c.RootCAs = roots })
	if err := c.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	req := theRequest()
	req.Credential = gateway.Credential{Source: "INTERNET"}
	req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
	if err := sim.Plan(stage.Fault{Phase: stage.ResetAfter}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Errorf("a reset after the request: %v, want in doubt", err)
	}
	if a, err := c.Lookup(t.Context(), req); err != nil || a.State != batch.Approved {
		t.Errorf("look-up: %s, %v", a.State, err)
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Do(given, req); !gateway.IsNotSent(err) {
		t.Errorf("given up before: %v, want not sent", err)
	}
}

// The refusal of a replay that the gateway words differently must not hide the charge
// of the first try.
func TestARefusedReplayIsConfirmedByLookup(t *testing.T) {
	sim, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	server := httptest.NewServer(sim)
	defer server.Close()
	c := testClient(t, server.URL, nil)
	req := theRequest()
	req.Credential = gateway.Credential{Source: "INTERNET"}
	req.Card = gateway.Card{Number: batch.NewPAN("5123450000000008"), Expiry: "0139"}
	if a, err := c.Do(t.Context(), req); err != nil || a.State != batch.Approved {
		t.Fatalf("first: %s, %v", a.State, err)
	}
	req.OrderRef = "not identical"
	a, err := c.Do(t.Context(), req)
	if err != nil || a.State != batch.Approved {
		t.Errorf("second: %s %s, %v; want the first one's outcome", a.State, a.Code, err)
	}
	if err := sim.Plan(stage.Fault{Phase: stage.Failure500, Operation: "RETRIEVE"}); err != nil {
		t.Fatal(err)
	}
	if a, err := c.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Errorf("second with a failing look-up: %s, %v; want in doubt", a.State, err)
	}
	req.Amount.Minor++
	if a, err := c.Do(t.Context(), req); err == nil || gateway.IsNotSent(err) {
		t.Errorf("another amount under the same key: %s, %v; want in doubt", a.State, err)
	}
}

// BenchmarkCall makes whole calls against the simulator on loopback.
func BenchmarkCall(b *testing.B) {
	gatewaytest.BenchmarkCalls(b, func(endpoint string) (gateway.Connector, error) {
		return New(Config{Endpoint: endpoint, MerchantID: stage.MerchantID, MaxConns: 64, Password: func() (string, error) { return stage.Password, nil }}, time.Now)
	}, func(gateway.Connector) gateway.Request {
		req := theRequest()
		req.Credential = gateway.Credential{Source: "INTERNET"}
		req.Card = gateway.Card{Number: batch.NewPAN(gatewaytest.Card), Expiry: "0139"}
		return req
	})
}
