//go:build unix

package http1

import (
	"crypto/tls"
	"net"
	"syscall"
)

// stands reports whether an idle connection is still open and silent. It looks
// without waiting and without taking anything away.
func (c *conn) stands() bool {
	raw := c.Conn
	if secure, ok := raw.(*tls.Conn); ok {
		raw = secure.NetConn()
	}
	tcp, ok := raw.(*net.TCPConn)
	if !ok {
		return false
	}
	socket, err := tcp.SyscallConn()
	if err != nil {
		return false
	}
	open := false
	err = socket.Read(func(fd uintptr) bool {
		var peeked [1]byte
		_, _, err := syscall.Recvfrom(int(fd), peeked[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		open = err == syscall.EAGAIN || err == syscall.EWOULDBLOCK
		return true
	})
	return err == nil && open
}
