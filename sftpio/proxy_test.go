package sftpio_test

import (
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cardbatch/sftpio/foldertest"
)

// unlimited lets all bytes pass.
const unlimited = 1 << 60

// proxy stands between client and server, counts bytes, and does something to the
// first connection when a number of bytes has passed.
type proxy struct {
	listener net.Listener
	target   string
	toServer limit
	toClient limit
	silent   bool // stop forwarding instead of cutting

	running sync.WaitGroup
	mu      sync.Mutex
	closed  bool
	conns   []net.Conn
}

type limit struct {
	bytes  int64 // that may pass on the first connection
	passed atomic.Int64
}

// through returns the world seen through a proxy.
func through(t *testing.T, w foldertest.World, toServer, toClient int64, silent bool) (foldertest.World, *proxy) {
	t.Helper()
	at := strings.Index(w.Options.Location, "@")
	target, _, _ := strings.Cut(w.Options.Location[at+1:], "/")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	p := &proxy{listener: listener, target: target, silent: silent}
	p.toServer.bytes, p.toClient.bytes = toServer, toClient
	p.running.Go(p.accept)
	t.Cleanup(p.close)
	w.Options.KnownHosts = renamed(t, w.Options.KnownHosts, target, listener.Addr().String())
	w.Options.Location = strings.Replace(w.Options.Location, target, listener.Addr().String(), 1)
	return w, p
}

func (p *proxy) accept() {
	for first := true; ; first = false {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		if !p.keep(client, server) {
			return
		}
		p.running.Go(func() { p.forward(server, client, &p.toServer, first) })
		p.running.Go(func() { p.forward(client, server, &p.toClient, first) })
	}
}

// keep remembers the connections for close; it reports whether the proxy is still open.
func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = append(p.conns, conns...)
	if p.closed {
		p.closeAll()
	}
	return !p.closed
}

func (p *proxy) forward(to, from net.Conn, l *limit, first bool) {
	left := int64(unlimited)
	if first {
		left = l.bytes
	}
	buffer := make([]byte, 4096)
	for left > 0 {
		n, err := from.Read(buffer[:min(left, int64(len(buffer)))])
		if n > 0 {
			to.Write(buffer[:n])
			l.passed.Add(int64(n))
			left -= int64(n)
		}
		if err != nil {
			break
		}
	}
	if left == 0 && p.silent {
		io.Copy(io.Discard, from) // take everything, answer nothing
	}
	to.Close()
	from.Close()
}

// cut ends all connections; new ones are welcome.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closeAll()
}

func (p *proxy) closeAll() {
	for _, conn := range p.conns {
		conn.Close()
	}
	p.conns = nil
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	p.listener.Close()
	p.closeAll()
	p.mu.Unlock()
	p.running.Wait()
}
