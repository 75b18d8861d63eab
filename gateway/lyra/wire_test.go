package lyra

import (
	"bufio"
	"compress/gzip"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// listen serves every connection with the function.
func listen(t *testing.T, serve func(net.Conn)) (endpoint string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				serve(conn)
			}()
		}
	}()
	return "http://" + l.Addr().String()
}

// newCard is the one request that carries a card number.
func newCard() gateway.Request {
	return gateway.Request{Key: testKey, Command: batch.CreateWallet, Wallet: theWallet(), Card: gateway.Card{Number: batch.NewPAN(testCard), Expiry: "1239"}}
}

func TestWhatBrokenPeersProve(t *testing.T) {
	readRequest := func(c net.Conn) { http.ReadRequest(bufio.NewReader(c)) }
	answerWith := func(text string) func(net.Conn) {
		return func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, text)
		}
	}
	const head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
	for name, serve := range map[string]func(net.Conn){
		"closes at once":                       func(net.Conn) {},
		"closes after the request":             readRequest,
		"speaks another protocol":              answerWith("SSH-2.0-OpenSSH_9.2\r\n"),
		"quotes the card number in a bad line": answerWith(testCard + "\r\n\r\n"),
		"names more bytes than come":           answerWith(head + "Content-Length: 999\r\n\r\n{}"),
		"ends a chunked body early":            answerWith(head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n"),
		"answers with half a document":         answerWith(head + "\r\n{\"status\":\"SUCCESS\""),
		"answers with nothing":                 answerWith(head + "Content-Length: 0\r\n\r\n"),
		"answers with a number as status":      answerWith(head + "\r\n{\"status\":" + testCard + "}"),
		"quotes the card number as status":     answerWith(head + "\r\n{\"status\":\"" + testCard + "\",\"mode\":\"TEST\",\"webService\":\"PCI/Charge/CreateToken\"}"),
		"quotes the card number as error":      answerWith(head + "\r\n{\"status\":\"ERROR\",\"mode\":\"TEST\",\"webService\":\"PCI/Charge/CreateToken\",\"answer\":{\"errorCode\":\"" + testCard + "\"}}"),
		"quotes the card number as mode":       answerWith(head + "\r\n{\"status\":\"SUCCESS\",\"mode\":\"" + testCard + "\"}"),
		"redirects":                            answerWith("HTTP/1.1 307 Temporary Redirect\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"),
		"answers with a page":                  answerWith("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<html>" + testCard + "</html>"),
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newTestClient(t, listen(t, serve), nil).Do(t.Context(), newCard())
			// "closes at once" may be seen before or after the first byte; never as an answer.
			if err == nil || gateway.IsNotSent(err) && name != "closes at once" {
				t.Errorf("got %v, want in doubt", err)
			}
			if err != nil && strings.Contains(err.Error(), testCard) {
				t.Error("the error quotes the card number")
			}
		})
	}
}

// A value of the wrong type somewhere makes an answer one that was not read, whatever else
// it says.
func TestAnswersThatAreHalfUnderstoodCountForNothing(t *testing.T) {
	for _, text := range []string{
		strings.Replace(paid, `"expiryMonth":12`, `"expiryMonth":"twelve"`, 1),
		strings.Replace(paid, `"amount":2990`, `"amount":29.90`, 1),
		strings.Replace(paid, `"detailedErrorCode":null`, `"detailedErrorCode":51`, 1),
	} {
		if text == paid {
			t.Fatal("the case changes nothing")
		}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			io.WriteString(w, text)
		}))
		defer server.Close()
		if got := shown(newTestClient(t, server.URL, nil).Do(t.Context(), theRequest())); got != "doubt" {
			t.Errorf("got %s, want a doubt", got)
		}
	}
}

func TestCompressedAndChunkedAnswersAreRead(t *testing.T) {
	for name, write := range map[string]func(http.ResponseWriter){
		"gzip": func(w http.ResponseWriter) {
			w.Header().Set("Content-Encoding", "gzip")
			z := gzip.NewWriter(w)
			io.WriteString(z, paid)
			z.Close()
		},
		"chunked": func(w http.ResponseWriter) {
			for _, part := range []string{paid[:100], paid[100:]} {
				io.WriteString(w, part)
				http.NewResponseController(w).Flush()
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Type", "application/json;charset=UTF-8")
				write(w)
			}))
			defer server.Close()
			if got := shown(newTestClient(t, server.URL, nil).Do(t.Context(), theRequest())); got != "approved 00000" {
				t.Errorf("got %s", got)
			}
		})
	}
}
