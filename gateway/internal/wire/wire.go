// Package wire is what every connector does alike on its way to a processor over HTTP:
// where it may go, how it signs in, what a call that failed proves, and how foreign
// texts are made fit to be shown.
//
// The bytes are http1's. Here a call ends as the gateway contract wants it: a complete
// reply, or a *gateway.Error that says whether anything may have left.
package wire

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"cardbatch/gateway"
	"cardbatch/gateway/internal/http1"
)

// Options describe a Caller. All are needed, RootCAs aside.
type Options struct {
	Kind     string                 // of the connector; begins every error
	Endpoint *url.URL               // as ParseEndpoint gives it
	User     string                 // of Basic authentication
	Password func() (string, error) // asked once, at the first call
	RootCAs  *x509.CertPool         // nil: the system's
	Timeout  time.Duration          // of a whole call, waiting for a connection included
	MaxConns int                    // connections, and so calls, at the same time
}

// Caller calls one host. Its methods may be used from many goroutines.
type Caller struct {
	options Options
	http    *http1.Client

	mu            sync.Mutex
	authorization string
}

// New makes a caller. It opens no connection and asks for no password yet.
func New(o Options) *Caller {
	var secure *tls.Config
	if o.Endpoint.Scheme == "https" {
		secure = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.RootCAs, ServerName: o.Endpoint.Hostname(), NextProtos: []string{"http/1.1"}}
	}
	return &Caller{options: o, http: http1.New(http1.Options{
		Host: o.Endpoint.Host, TLS: secure, MaxConns: o.MaxConns, DialTimeout: min(o.Timeout, 10*time.Second),
	})}
}

// Close drops idle connections.
func (c *Caller) Close() error { return c.http.Close() }

// Request is one request. Path begins with a slash and holds nothing to be escaped.
type Request struct {
	Method, Path string
	Accept       string      // media type of the answer
	ContentType  string      // of the body
	Header       [][2]string // more header fields: names and values
	Body         []byte      // nil: none; never kept
	Anonymous    bool        // without credentials
	MaxAnswer    int         // bytes of the longest answer; 0: 320 KB
}

// Reply is what came back. Its body was decoded when Defect is empty; otherwise Defect
// says, fit to be shown, why it could not be used.
type Reply struct {
	Status int
	Header http.Header
	Empty  bool // there was no body
	Defect string
}

// Call sends one request and decodes its reply. decode gets a whole body of one of the
// media types; it must keep nothing of it. A reply that decode refuses is a reply all
// the same, with a Defect. The error is a *gateway.Error.
func (c *Caller) Call(ctx context.Context, r Request, decode func(body []byte) error, mediaTypes ...string) (Reply, error) {
	reply, written, err := c.call(ctx, r, decode, mediaTypes)
	if err == nil {
		return reply, nil
	}
	err = fmt.Errorf("%s: %w", c.options.Kind, err)
	if written {
		return Reply{}, InDoubt(err)
	}
	return Reply{}, NotSent(err)
}

func (c *Caller) call(ctx context.Context, r Request, decode func(body []byte) error, mediaTypes []string) (_ Reply, written bool, err error) {
	out := http1.Request{Method: r.Method, Path: r.Path, Accept: r.Accept, ContentType: r.ContentType, Header: r.Header, Body: r.Body, MaxAnswer: r.MaxAnswer}
	if !r.Anonymous {
		if out.Authorization, err = c.authorize(); err != nil {
			return Reply{}, false, fmt.Errorf("get the password: %w", err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.options.Timeout)
	defer cancel()
	buf := NewBuffer()
	defer Recycle(buf)
	answer, written, err := c.http.Do(ctx, out, *buf)
	if err != nil {
		return Reply{}, written, quiet("exchange", err)
	}
	*buf = answer.Body
	reply := Reply{Status: answer.Status, Header: answer.Header, Empty: len(answer.Body) == 0}
	switch {
	case reply.Empty:
		reply.Defect = "an empty body"
	case !isOneOf(answer.Header.Get("Content-Type"), mediaTypes):
		reply.Defect = "a body that is not " + strings.Join(mediaTypes, " or ")
	case decode(*buf) != nil:
		// The decoder's own words may quote the body.
		reply.Defect = "a body that is not one complete answer"
	}
	return reply, true, nil
}

func isOneOf(contentType string, mediaTypes []string) bool {
	have, _, _ := strings.Cut(contentType, ";")
	have = strings.TrimSpace(have)
	for _, want := range mediaTypes {
		if strings.EqualFold(have, want) {
			return true
		}
	}
	return false
}

func (c *Caller) authorize() (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.authorization == "" {
		password, err := c.options.Password()
		if err != nil {
			return "", err
		}
		if password == "" {
			return "", errors.New("it is empty")
		}
		c.authorization = "Basic " + base64.StdEncoding.EncodeToString([]byte(c.options.User+":"+password))
	}
	return c.authorization, nil
}

// ParseEndpoint reads https://host[:port] without a path; http is for loopback only.
func ParseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, errors.New("the endpoint must be https://host without a path")
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !IsLoopback(u.Hostname())) {
		return nil, errors.New("the endpoint must be https; http is for loopback only")
	}
	return u, nil
}

// IsLoopback reports whether a host is this machine.
func IsLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// NotSent is the error of a call that provably carried out nothing.
func NotSent(err error) *gateway.Error { return &gateway.Error{Phase: gateway.NotSent, Err: err} }

// InDoubt is the error of a call of which something may have arrived.
func InDoubt(err error) *gateway.Error { return &gateway.Error{Phase: gateway.Sent, Err: err} }

// AsSent makes sure that no failed look-up hides that the request itself was sent.
func AsSent(err error) error {
	if err == nil {
		return nil
	}
	if failure, ok := err.(*gateway.Error); ok {
		return &gateway.Error{Phase: gateway.Sent, Err: failure.Err, RetryAfter: failure.RetryAfter}
	}
	return InDoubt(err)
}
