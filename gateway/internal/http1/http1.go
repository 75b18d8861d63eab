// Package http1 is an HTTP/1.1 client for connectors, which must know one thing that
// net/http does not tell: whether a byte of a request that failed was written.
//
// A call runs on its caller's goroutine: it takes a connection, writes the request,
// reads the answer whole. Nobody else writes on that connection, nothing is ever sent
// twice, and when Do returns nobody reads the request any more. Requests and answers
// are net/http's where that helps (parsing answers); only the connection is ours.
//
// It follows no redirect, knows no proxy, keeps no cookies, and asks for no compression;
// an answer that is compressed all the same (gzip) is read, within the same bound.
package http1

import (
	"bufio"
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Client keeps connections to one host. Its methods may be called from many goroutines.
type Client struct {
	host  string // as the Host header names it
	dial  func(context.Context) (net.Conn, error)
	slots chan struct{}

	mu     sync.Mutex
	idle   []*conn // the last used last
	closed bool
}

// Options describe a client.
type Options struct {
	Host        string        // host or host:port
	TLS         *tls.Config   // nil: plain HTTP
	MaxConns    int           // connections, and so calls, at the same time
	DialTimeout time.Duration // connecting and the TLS handshake
}

const (
	// idleTimeout drops idle connections before the far side does. A request that is
	// written just as the far side closes its end is in doubt for nothing.
	idleTimeout = 20 * time.Second
	// maxAnswer bounds an answer, its head included, unless the request allows more.
	// Real ones have a few kilobytes.
	maxAnswer = 320 << 10
	// maxKept bounds what a connection keeps of the room that its requests took.
	maxKept = 64 << 10
	// maxInterim bounds the 1xx answers before the real one.
	maxInterim = 5
)

var (
	errTooLong = errors.New("the answer is longer than allowed")
	errClosed  = errors.New("the client is closed")
	errInterim = errors.New("the gateway keeps sending interim answers")
)

// New makes a client. It connects when it is first used.
func New(o Options) *Client {
	address, port := o.Host, "80"
	if o.TLS != nil {
		port = "443"
	}
	if _, _, err := net.SplitHostPort(o.Host); err != nil {
		address = net.JoinHostPort(o.Host, port)
	}
	dialer := &net.Dialer{Timeout: o.DialTimeout, KeepAlive: 30 * time.Second}
	c := &Client{host: o.Host, slots: make(chan struct{}, o.MaxConns)}
	c.dial = func(ctx context.Context) (net.Conn, error) {
		ctx, cancel := context.WithTimeout(ctx, o.DialTimeout)
		defer cancel()
		if o.TLS == nil {
			return dialer.DialContext(ctx, "tcp", address)
		}
		return (&tls.Dialer{NetDialer: dialer, Config: o.TLS}).DialContext(ctx, "tcp", address)
	}
	return c
}

// Request is one request. Path begins with a slash and holds nothing to be escaped.
type Request struct {
	Method, Path  string
	Accept        string      // media type of the answer; empty: any
	Authorization string      // header value, or empty
	ContentType   string      // of the body
	Header        [][2]string // more header fields: names and values
	Body          []byte      // nil: none; never kept
	MaxAnswer     int         // bytes of the longest answer, its head included; 0: 320 KB
}

// Answer is one answer, read whole. Body may be overwritten once the buffer it was read into is used again.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
}

// Do sends a request and reads its answer into buf, which grows as need be. When it
// fails, written tells whether anything of the request may have left: false is proof
// that not one byte did. An answer always means that it did.
func (c *Client) Do(ctx context.Context, r Request, buf []byte) (a Answer, written bool, err error) {
	select {
	case c.slots <- struct{}{}:
		defer func() { <-c.slots }()
	case <-ctx.Done():
		return Answer{}, false, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return Answer{}, false, err
	}
	for {
		conn, fresh, err := c.connection(ctx)
		if err != nil {
			return Answer{}, false, err
		}
		a, written, err = c.on(ctx, conn, r, buf)
		// An idle connection may have died unnoticed; one that took no byte is no reason to fail.
		if err == nil || written || fresh || ctx.Err() != nil {
			return a, written, err
		}
	}
}

// on makes the call on a connection, which is kept or closed afterwards.
func (c *Client) on(ctx context.Context, conn *conn, r Request, buf []byte) (a Answer, written bool, err error) {
	stop := context.AfterFunc(ctx, conn.giveUp)
	a, written, err = conn.exchange(c.host, r, buf)
	// A context that ended meanwhile has spoilt the connection's deadline.
	if stopped := stop(); err == nil && stopped && conn.reusable(a) {
		c.keep(conn)
		return a, true, nil
	}
	_ = conn.Close() // its answer, or its failure, is what counts
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return a, written, err
}

// Close closes the idle connections; those in use close when their calls end.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	var errs []error
	for _, conn := range c.idle {
		errs = append(errs, conn.Close())
	}
	c.idle = nil
	return errors.Join(errs...)
}

// connection takes an idle connection that still stands, or makes a fresh one.
func (c *Client) connection(ctx context.Context) (_ *conn, fresh bool, err error) {
	for {
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			return nil, false, errClosed
		}
		n := len(c.idle)
		if n == 0 {
			c.mu.Unlock()
			break
		}
		idle := c.idle[n-1]
		c.idle = c.idle[:n-1]
		c.mu.Unlock()
		if time.Since(idle.used) < idleTimeout && idle.stands() {
			return idle, false, nil
		}
		_ = idle.Close()
	}
	dialled, err := c.dial(ctx)
	if err != nil {
		return nil, false, err
	}
	return newConn(dialled), true, nil
}

func (c *Client) keep(conn *conn) {
	conn.used = time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		_ = conn.Close()
		return
	}
	c.idle = append(c.idle, conn)
}

// conn is one connection, which carries one call at a time.
type conn struct {
	net.Conn
	limited io.LimitedReader
	in      *bufio.Reader
	out     []byte
	used    time.Time
}

func newConn(c net.Conn) *conn {
	conn := &conn{Conn: c}
	conn.limited.R = c
	conn.in = bufio.NewReaderSize(&conn.limited, 4<<10)
	return conn
}

// giveUp makes reads and writes under way return.
func (c *conn) giveUp() { _ = c.SetDeadline(time.Unix(1, 0)) }

func (c *conn) exchange(host string, r Request, buf []byte) (a Answer, written bool, err error) {
	most := cmp.Or(r.MaxAnswer, maxAnswer)
	c.limited.N = int64(most)
	c.out = appendRequest(c.out[:0], host, r)
	n, err := c.Write(c.out)
	clear(c.out) // it may hold a card number
	if cap(c.out) > maxKept {
		c.out = nil
	}
	if err != nil {
		// Under TLS a record may have left although none of its bytes is counted.
		_, secure := c.Conn.(*tls.Conn)
		return Answer{}, n > 0 || secure, err
	}
	for range maxInterim {
		response, err := http.ReadResponse(c.in, nil)
		if err != nil {
			return Answer{}, true, c.cause(err)
		}
		if response.StatusCode < 200 && response.StatusCode != http.StatusSwitchingProtocols {
			continue
		}
		a = Answer{Status: response.StatusCode, Header: response.Header}
		if response.Close {
			a.Header.Set("Connection", "close")
		}
		a.Body, err = readBody(response, buf, most)
		return a, true, c.cause(err)
	}
	return Answer{}, true, errInterim
}

// cause names the limit when that is what ended the reading, well or badly.
func (c *conn) cause(err error) error {
	if c.limited.N <= 0 {
		return errTooLong
	}
	return err
}

// reusable reports whether another request may go out: the far side keeps the
// connection, and has said nothing that was not asked for.
func (c *conn) reusable(a Answer) bool {
	return a.Header.Get("Connection") != "close" && a.Status != http.StatusSwitchingProtocols && c.in.Buffered() == 0
}

// appendRequest writes the request's head and body.
func appendRequest(out []byte, host string, r Request) []byte {
	for _, part := range []string{r.Method, " ", r.Path, " HTTP/1.1\r\nHost: ", host, "\r\nUser-Agent: cardbatch\r\n"} {
		out = append(out, part...)
	}
	if r.Accept != "" {
		out = append(append(append(out, "Accept: "...), r.Accept...), "\r\n"...)
	}
	for _, field := range r.Header {
		out = append(append(append(append(out, field[0]...), ": "...), field[1]...), "\r\n"...)
	}
	if r.Authorization != "" {
		out = append(append(append(out, "Authorization: "...), r.Authorization...), "\r\n"...)
	}
	if r.Body != nil {
		out = append(append(out, "Content-Type: "...), r.ContentType...)
		out = strconv.AppendInt(append(out, "\r\nContent-Length: "...), int64(len(r.Body)), 10)
		out = append(out, "\r\n"...)
	}
	return append(append(out, "\r\n"...), r.Body...)
}

// readBody reads the body to its end into buf; unpacked it has no more than most bytes.
func readBody(response *http.Response, buf []byte, most int) ([]byte, error) {
	if !strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		return readAll(response.Body, buf)
	}
	packed, err := readAll(response.Body, nil)
	if err != nil {
		return buf[:0], err
	}
	plain, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return buf[:0], fmt.Errorf("the compressed answer is damaged: %w", err)
	}
	body, err := readAll(io.LimitReader(plain, int64(most)+1), buf)
	if err == nil && len(body) > most {
		err = errTooLong
	}
	return body, err
}

// readAll reads to the end into buf.
func readAll(from io.Reader, buf []byte) ([]byte, error) {
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, nil
		}
		if err != nil {
			return buf, err
		}
	}
}
