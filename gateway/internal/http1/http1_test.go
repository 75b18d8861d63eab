package http1

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// serve answers every connection with fn, which gets what it needs to read requests.
func serve(t *testing.T, fn func(c net.Conn, in *bufio.Reader)) (host string, connections *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	connections = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			connections.Add(1)
			go func() {
				defer c.Close()
				fn(c, bufio.NewReader(c))
			}()
		}
	}()
	return l.Addr().String(), connections
}

func client(t *testing.T, host string) *Client {
	t.Helper()
	c := New(Options{Host: host, MaxConns: 4, DialTimeout: 5 * time.Second})
	t.Cleanup(func() { _ = c.Close() })
	return c
}

var put = Request{Method: http.MethodPut, Path: "/order/1", Authorization: "Basic eDp5", ContentType: "application/json", Body: []byte(`{"a":1}`)}

// answering reads requests and answers each with the text.
func answering(text string) func(net.Conn, *bufio.Reader) {
	return func(c net.Conn, in *bufio.Reader) {
		for {
			r, err := http.ReadRequest(in)
			if err != nil {
				return
			}
			if _, err := io.Copy(io.Discard, r.Body); err != nil {
				return
			}
			if _, err := io.WriteString(c, text); err != nil {
				return
			}
		}
	}
}

func TestARequestIsWhatNetHTTPReads(t *testing.T) {
	var got *http.Request
	var body []byte
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"ok":true}`)
	}))
	defer server.Close()
	a, written, err := client(t, server.Listener.Addr().String()).Do(t.Context(), put, nil)
	if err != nil || !written || a.Status != http.StatusCreated || string(a.Body) != `{"ok":true}` || a.Header.Get("Retry-After") != "7" {
		t.Fatalf("got %d %q %v, written %v, %v", a.Status, a.Body, a.Header, written, err)
	}
	if got.Method != "PUT" || got.URL.Path != "/order/1" || got.Header.Get("Authorization") != "Basic eDp5" || string(body) != `{"a":1}` || got.Header.Get("Accept-Encoding") != "" {
		t.Errorf("the server read %s %s %v %q", got.Method, got.URL, got.Header, body)
	}
}

func TestConnections(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
	for name, test := range map[string]struct {
		answer      string
		connections int64 // of three calls
	}{
		"are used again":                                     {ok, 1},
		"are used again after a chunked answer":              {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 1},
		"are used again after interim answers":               {"HTTP/1.1 100 Continue\r\n\r\n" + ok, 1},
		"are not when the server says so":                    {"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}", 3},
		"are not when more came than was asked for":          {ok + ok, 3},
		"are not when the server speaks an older HTTP":       {"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", 3},
		"are not when the server switches to something else": {"HTTP/1.1 101 Switching Protocols\r\n\r\n", 3},
	} {
		t.Run(name, func(t *testing.T) {
			host, connections := serve(t, answering(test.answer))
			c := client(t, host)
			for range 3 {
				if _, _, err := c.Do(t.Context(), put, nil); err != nil {
					t.Fatal(err)
				}
			}
			if connections.Load() != test.connections {
				t.Errorf("%d connections for three calls, want %d", connections.Load(), test.connections)
			}
		})
	}
}

func TestAnIdleConnectionThatTheServerClosedIsReplaced(t *testing.T) {
	closed := make(chan struct{}, 2)
	host, connections := serve(t, func(c net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err != nil {
			return
		}
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
		_ = c.Close()
		closed <- struct{}{}
	})
	c := client(t, host)
	for range 2 {
		if _, _, err := c.Do(t.Context(), put, nil); err != nil {
			t.Fatal(err)
		}
		<-closed
		// The close is on its way: wait until it has arrived.
		for deadline := time.Now().Add(5 * time.Second); len(c.idle) == 1 && c.idle[0].stands() && time.Now().Before(deadline); {
		}
	}
	if connections.Load() != 2 {
		t.Errorf("%d connections, want 2", connections.Load())
	}
}

func TestWhatAFailureProves(t *testing.T) {
	// A port where nobody listens.
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := l.Addr().String()
	_ = l.Close()
	host := func(answer string) string {
		h, _ := serve(t, func(c net.Conn, in *bufio.Reader) {
			if _, err := http.ReadRequest(in); err == nil {
				_, _ = io.WriteString(c, answer)
			}
		})
		return h
	}
	for name, test := range map[string]struct {
		host    string
		written bool
		cause   error
	}{
		"nobody listens":                   {nobody, false, nil},
		"the server closes without a word": {host(""), true, io.ErrUnexpectedEOF},
		"the answer ends in its head":      {host("HTTP/1.1 200 OK\r\nContent-Le"), true, nil},
		"the answer ends in its body":      {host("HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}"), true, io.ErrUnexpectedEOF},
		"a chunked answer ends early":      {host("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"), true, io.ErrUnexpectedEOF},
		"the head never ends":              {host("HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", maxAnswer)), true, errTooLong},
		"the body is too long":             {host("HTTP/1.1 200 OK\r\n\r\n" + strings.Repeat("x", maxAnswer)), true, errTooLong},
		"only interim answers come":        {host(strings.Repeat("HTTP/1.1 100 Continue\r\n\r\n", 9)), true, errInterim},
		"it is not HTTP":                   {host("SSH-2.0-server\r\n"), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, written, err := client(t, test.host).Do(t.Context(), put, nil)
			if err == nil || written != test.written || test.cause != nil && !errors.Is(err, test.cause) {
				t.Errorf("got written %v, %v; want %v, %v", written, err, test.written, test.cause)
			}
		})
	}
}

func TestARequestMayAllowALongerAnswer(t *testing.T) {
	long := strings.Repeat("x", maxAnswer)
	host, _ := serve(t, answering("HTTP/1.1 200 OK\r\nContent-Length: "+strconv.Itoa(len(long))+"\r\n\r\n"+long))
	r := put
	r.Body = []byte(strings.Repeat("y", 2*maxKept)) // a long request too
	r.MaxAnswer = 2 * maxAnswer
	c := client(t, host)
	for range 2 { // the second one on the same connection
		if a, _, err := c.Do(t.Context(), r, nil); err != nil || string(a.Body) != long {
			t.Errorf("got %d bytes, %v", len(a.Body), err)
		}
	}
	if _, _, err := c.Do(t.Context(), put, nil); !errors.Is(err, errTooLong) {
		t.Errorf("without the allowance: %v", err)
	}
}

func TestGivingUp(t *testing.T) {
	read := make(chan struct{}, 1)
	host, _ := serve(t, func(_ net.Conn, in *bufio.Reader) {
		if _, err := http.ReadRequest(in); err == nil {
			read <- struct{}{}
			_, _ = io.Copy(io.Discard, in) // no answer, until the client hangs up
		}
	})
	t.Run("before anything is sent writes nothing", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, written, err := client(t, host).Do(ctx, put, nil); written || !errors.Is(err, context.Canceled) {
			t.Errorf("got written %v, %v", written, err)
		}
	})
	t.Run("while waiting for the answer ends the call", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		go func() { <-read; cancel() }()
		if _, written, err := client(t, host).Do(ctx, put, nil); !written || !errors.Is(err, context.Canceled) {
			t.Errorf("got written %v, %v", written, err)
		}
	})
	t.Run("while waiting for a connection writes nothing", func(t *testing.T) {
		c := New(Options{Host: host, MaxConns: 1, DialTimeout: time.Second})
		busy, release := context.WithCancel(t.Context())
		ended := make(chan struct{})
		go func() { _, _, _ = c.Do(busy, put, nil); close(ended) }()
		<-read
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		if _, written, err := c.Do(ctx, put, nil); written || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got written %v, %v", written, err)
		}
		release()
		<-ended
	})
	t.Run("a closed client sends nothing", func(t *testing.T) {
		c := client(t, host)
		_ = c.Close()
		if _, written, err := c.Do(t.Context(), put, nil); written || !errors.Is(err, errClosed) {
			t.Errorf("got written %v, %v", written, err)
		}
	})
}

func TestTheRequestIsZeroedOnceItIsWritten(t *testing.T) {
	host, _ := serve(t, answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"))
	c := client(t, host)
	if _, _, err := c.Do(t.Context(), put, nil); err != nil {
		t.Fatal(err)
	}
	for _, b := range c.idle[0].out[:cap(c.idle[0].out)] {
		if b != 0 {
			t.Fatal("a piece of the request is left in the connection's buffer")
		}
	}
}
