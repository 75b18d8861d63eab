package payline

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// listen answers each connection's first request with the bytes.
func listen(t *testing.T, answer string) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				if r, err := http.ReadRequest(bufio.NewReader(conn)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(conn, answer)
				}
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

func head(status, more string) string {
	return "HTTP/1.1 " + status + "\r\nContent-Type: text/xml;charset=utf-8\r\nConnection: close\r\n" + more + "\r\n"
}

func TestWhatBrokenPeersProve(t *testing.T) {
	page := "<html><body>5123450000000008</body></html>"
	for name, answer := range map[string]string{
		"closes without a word":          "",
		"speaks another protocol":        "SSH-2.0-OpenSSH_9.2\r\n",
		"quotes the card in a bad line":  "5123450000000008\r\n\r\n",
		"ends early":                     head("200 OK", "Content-Length: 9999\r\n") + authorizedAnswer,
		"ends a chunked body early":      head("200 OK", "Transfer-Encoding: chunked\r\n") + "2\r\n<a\r\n",
		"answers half":                   head("200 OK", "") + authorizedAnswer[:400],
		"answers nothing":                head("200 OK", "Content-Length: 0\r\n"),
		"answers a page":                 "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n" + page,
		"answers a page as XML":          head("200 OK", "") + page,
		"answers as another type":        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n" + authorizedAnswer,
		"answers without a type":         "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + authorizedAnswer,
		"approves with a server's error": head("500 Oops", "") + authorizedAnswer,
		"quotes the card in a fault":     head("500 Oops", "") + `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><s:Fault><faultcode>s:Server</faultcode><faultstring>5123450000000008</faultstring></s:Fault></s:Body></s:Envelope>`,
		"claims to be compressed":        head("200 OK", "Content-Encoding: gzip\r\n") + authorizedAnswer,
		"answers another operation":      head("200 OK", "") + message("doCapture", authorizedInside),
		"redirects":                      "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			endpoint := listen(t, answer)
			c := testClient(t, func(c *Config) { c.Endpoint = endpoint })
			a, err := c.Do(t.Context(), theRequest())
			if err == nil || gateway.IsNotSent(err) {
				t.Errorf("got %s, %v, want in doubt", a.State, err)
			}
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), testCard) {
				t.Error("the error quotes the card number")
			}
			var e *gateway.Error
			if !errors.As(err, &e) {
				t.Errorf("the error is no *gateway.Error: %v", err)
			}
		})
	}
}

func TestAnswersThatAreCompressedOrChunkedAreRead(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = io.WriteString(z, authorizedAnswer)
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	half := len(authorizedAnswer) / 2
	chunked := fmt.Sprintf("%x\r\n%s\r\n%x\r\n%s\r\n0\r\n\r\n", half, authorizedAnswer[:half], len(authorizedAnswer)-half, authorizedAnswer[half:])
	for name, answer := range map[string]string{
		"compressed":         head("200 OK", fmt.Sprintf("Content-Encoding: gzip\r\nContent-Length: %d\r\n", packed.Len())) + packed.String(),
		"chunked":            head("200 OK", "Transfer-Encoding: chunked\r\n") + chunked,
		"to the very end":    head("200 OK", "") + authorizedAnswer,
		"after an interim":   "HTTP/1.1 100 Continue\r\n\r\n" + head("200 OK", "") + authorizedAnswer,
		"with a declaration": head("200 OK", "") + `<?xml version="1.0" encoding="utf-8"?>` + authorizedAnswer,
	} {
		endpoint := listen(t, answer)
		c := testClient(t, func(c *Config) { c.Endpoint = endpoint })
		if a, err := c.Do(t.Context(), theRequest()); err != nil || a.State != batch.Approved {
			t.Errorf("%s: got %s, %v", name, a.State, err)
		}
	}
}

func TestSlowDownIsNotSent(t *testing.T) {
	c := testClient(t, func(c *Config) {
		c.Endpoint = listen(t, "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	_, err := c.Do(t.Context(), theRequest())
	var e *gateway.Error
	if !errors.Is(err, gateway.ErrBusy) || !gateway.IsNotSent(err) || !errors.As(err, &e) || e.RetryAfter != 7*time.Second {
		t.Errorf("got %v", err)
	}
}

func TestTLS(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { approves(w, "doAuthorization") }))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	trusting := testClient(t, func(c *Config) { c.Endpoint, c.RootCAs = s.URL, roots })
	if a, err := trusting.Do(t.Context(), theRequest()); err != nil || a.State != batch.Approved {
		t.Errorf("got %s, %v", a.State, err)
	}
	stranger := testClient(t, func(c *Config) { c.Endpoint = s.URL })
	if _, err := stranger.Do(t.Context(), theRequest()); !gateway.IsNotSent(err) {
		t.Errorf("a peer that cannot be trusted: %v, want not sent", err)
	}
}
