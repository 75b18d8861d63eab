package mastercard

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Limits of what is read from the gateway. Its answers are one to three kilobytes.
const (
	maxHeaderBytes = 64 << 10
	maxAnswerBytes = 256 << 10
)

// idleTimeout drops idle connections before the far side does. A request that is
// written just as the gateway closes its end is in doubt for nothing.
const idleTimeout = 20 * time.Second

// newTransport speaks HTTP/1.1 only, so that one connection carries one request
// at a time and the bytes on it belong to that request. It follows no redirect,
// because it is used without http.Client, and knows no proxy.
//
// net/http sends a PUT or POST again by itself only on a reused connection on which
// nothing of it had been written (Transport.shouldRetryRequest); after a byte is
// written it does so for GET and for requests with an Idempotency-Key header, which
// we therefore never set.
func newTransport(maxConns int, tlsConfig *tls.Config, dialTimeout time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	return &http.Transport{
		Protocols: protocols,
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dialer.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		// The count sits above TLS, so handshakes and alerts are no request bytes.
		DialTLSContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			ctx, cancel := context.WithTimeout(ctx, dialTimeout)
			defer cancel()
			secure := &tls.Dialer{NetDialer: dialer, Config: tlsConfig}
			conn, err := secure.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &countedConn{Conn: conn}, nil
		},
		DisableCompression:     true,
		MaxConnsPerHost:        maxConns,
		MaxIdleConnsPerHost:    maxConns,
		MaxIdleConns:           maxConns,
		IdleConnTimeout:        idleTimeout,
		MaxResponseHeaderBytes: maxHeaderBytes,
	}
}

// countedConn counts the bytes that were offered for writing, before they are
// written: a count of zero proves that the peer can have seen nothing.
type countedConn struct {
	net.Conn
	offered atomic.Int64
}

const sealed = int64(1) << 62

func (c *countedConn) Write(p []byte) (int, error) {
	if c.offered.Add(int64(len(p)))&sealed != 0 {
		return 0, net.ErrClosed
	}
	return c.Conn.Write(p)
}

// seal returns how many bytes were offered so far and forbids more. net/http's
// writing goroutine may outlive the call that failed; without the seal it could
// still write after we looked.
func (c *countedConn) seal() int64 { return c.offered.Or(sealed) }

// witness watches which connections a request was given and what was written there.
type witness struct {
	conn    *countedConn
	start   int64
	written bool
}

func (w *witness) gotConn(info httptrace.GotConnInfo) {
	w.settle()
	conn, ok := info.Conn.(*countedConn)
	if !ok {
		w.written = true // not one of ours: nothing can be proved
		return
	}
	w.conn, w.start = conn, conn.offered.Load()
}

// settle seals the connection in hand and notes whether it carried anything.
func (w *witness) settle() {
	if w.conn != nil && w.conn.seal() != w.start {
		w.written = true
	}
	w.conn = nil
}

// payload is a request body that can be taken away while net/http may still be
// reading it, so that no card number outlives its call in our memory. Copies in
// net/http's write buffers are out of reach.
type payload struct {
	mu  sync.Mutex
	buf *[]byte // nil once released
}

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func newPayload() *payload { return &payload{buf: buffers.Get().(*[]byte)} }

// release zeroes the body; reads that come later fail.
func (p *payload) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.buf == nil {
		return
	}
	recycle(p.buf)
	p.buf = nil
}

func recycle(buf *[]byte) {
	clear((*buf)[:cap(*buf)])
	if cap(*buf) > 16<<10 {
		return // an unusually long answer: not worth keeping
	}
	*buf = (*buf)[:0]
	buffers.Put(buf)
}

func (p *payload) reader() io.ReadCloser { return &payloadReader{p: p} }

type payloadReader struct {
	p   *payload
	off int
}

var errReleased = errors.New("the request was given up")

func (r *payloadReader) Read(b []byte) (int, error) {
	r.p.mu.Lock()
	defer r.p.mu.Unlock()
	if r.p.buf == nil {
		return 0, errReleased
	}
	n := copy(b, (*r.p.buf)[r.off:])
	if r.off += n; r.off == len(*r.p.buf) {
		return n, io.EOF
	}
	return n, nil
}

func (r *payloadReader) Close() error { return nil }

// reply is what came back: a status, and the body when it was JSON and complete.
type reply struct {
	status     int
	retryAfter string
	response   response
	parsed     bool
	defect     string // why the body could not be used
}

// exchange sends one request and reads its reply. On error, written tells whether
// anything of the request may have left; a reply always means that it did.
func (c *Client) exchange(ctx context.Context, method, path string, body *payload, authorization string) (r reply, written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	var seen witness
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: seen.gotConn})

	request := &http.Request{
		Method: method,
		URL:    &url.URL{Scheme: c.endpoint.Scheme, Host: c.endpoint.Host, Path: path},
		Host:   c.endpoint.Host,
		Header: http.Header{"Accept": acceptJSON, "User-Agent": userAgent},
	}
	if authorization != "" {
		request.Header["Authorization"] = []string{authorization}
	}
	if body != nil {
		request.Header["Content-Type"] = sendJSON
		request.ContentLength = int64(len(*body.buf))
		request.Body = body.reader()
		request.GetBody = func() (io.ReadCloser, error) { return body.reader(), nil }
	}

	answer, err := c.transport.RoundTrip(request.WithContext(ctx))
	if err != nil {
		seen.settle()
		return reply{}, seen.written, quiet("send the request", err)
	}
	defer answer.Body.Close()
	r = reply{status: answer.StatusCode, retryAfter: answer.Header.Get("Retry-After")}
	buf := buffers.Get().(*[]byte)
	defer recycle(buf)
	if err := readAll(answer.Body, buf); err != nil {
		return reply{}, true, quiet("read the answer", err)
	}
	switch {
	case len(*buf) == 0:
		r.defect = "an empty body"
	case !isJSON(answer.Header.Get("Content-Type")):
		r.defect = "a body that is not JSON"
	case r.response.decode(*buf) != nil:
		// The decoder's own words may quote the body.
		r.defect = "a body that is not one complete answer"
	default:
		r.parsed = true
	}
	return r, true, nil
}

var (
	acceptJSON = []string{"application/json"}
	sendJSON   = []string{"application/json; charset=utf-8"}
	userAgent  = []string{"cardbatch"}
)

func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/json")
}

var errTooLong = fmt.Errorf("the answer is longer than %d bytes", maxAnswerBytes)

// readAll reads body to its end, so that the connection can be used again.
func readAll(body io.Reader, into *[]byte) error {
	buf := *into
	defer func() { *into = buf }()
	for {
		if len(buf) == cap(buf) {
			grown := make([]byte, len(buf), 2*cap(buf))
			copy(grown, buf)
			clear(buf)
			buf = grown
		}
		n, err := body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if len(buf) > maxAnswerBytes {
			return errTooLong
		}
	}
}

// quietError tells of a failure without quoting what a broken peer said, which
// net/http does; the cause can still be matched.
type quietError struct {
	step  string
	cause error
}

func quiet(step string, cause error) error { return &quietError{step, cause} }

func (e *quietError) Error() string { return e.step + ": " + scrub(e.cause.Error()) }

func (e *quietError) Unwrap() error { return e.cause }

// scrub makes a foreign text fit to be shown: printable, bounded, and with every run of
// nine or more digits blotted out, spaces and hyphens between them notwithstanding.
func scrub(text string) string {
	const longest, safeDigits = 200, 8
	out := make([]rune, 0, min(len(text), longest))
	first, digits := 0, 0 // of the current run
	for _, r := range text {
		isDigit := r >= '0' && r <= '9'
		switch {
		case isDigit:
			if digits == 0 {
				first = len(out)
			}
			digits++
		case r != ' ' && r != '-':
			digits = 0
		}
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
		if isDigit && digits > safeDigits {
			for i := first; i < len(out); i++ {
				out[i] = '#'
			}
		}
	}
	if len(out) > longest {
		out = append(out[:longest], '…')
	}
	return string(out)
}
