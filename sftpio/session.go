package sftpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// keepAlive is how often an idle connection is used, so that firewalls keep it.
const keepAlive = 30 * time.Second

// session is one connection. It is not used again once something went wrong with it.
type session struct {
	conn    net.Conn
	ssh     *ssh.Client
	sftp    *sftp.Client
	watch   *watchdog
	gone    chan struct{} // closed with the connection
	closing sync.Once
}

// dial connects, checks the host key, logs in and starts the SFTP subsystem.
func dial(ctx context.Context, at location, o Options) (*session, error) {
	pinned, err := readPins(o.KnownHosts, at.addr)
	if err != nil {
		return nil, err
	}
	var noSecret error
	methods, finish, err := o.Auth.noting(&noSecret).methods(o.DialTimeout)
	if err != nil {
		return nil, err
	}
	defer finish()
	var accepted atomic.Bool
	config := &ssh.ClientConfig{
		User:              at.user,
		Auth:              methods,
		HostKeyCallback:   pinned.callback(at.addr, &accepted),
		HostKeyAlgorithms: pinned.algorithms,
	}
	conn, client, err := handshake(ctx, at.addr, config, o.DialTimeout)
	if negotiation := new(ssh.AlgorithmNegotiationError); errors.As(err, &negotiation) && len(pinned.algorithms) > 0 && !accepted.Load() {
		// The server has no key of a pinned type. Ask once more, for any key, to
		// say which one it offers; and refuse that.
		config.Auth, config.HostKeyAlgorithms = nil, nil
		conn, client, err = handshake(ctx, at.addr, config, o.DialTimeout)
	}
	if err != nil && noSecret != nil {
		return nil, fmt.Errorf("password: %w", noSecret)
	}
	if err != nil {
		return nil, dialError(ctx, at, accepted.Load(), err)
	}
	s := &session{conn: conn, ssh: client, watch: newWatchdog(o.IOTimeout, conn), gone: make(chan struct{})}
	go func() {
		client.Wait()
		s.close()
	}()
	release := s.guard(ctx)
	defer release()
	if err := s.start(o.Quirks); err != nil {
		s.close()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %s logged us in but gives no SFTP: %v; ask the partner to enable it for %s", ErrUnreachable, at.addr, foreign(err), at.user)
	}
	go s.keepAlive(o.IOTimeout)
	return s, nil
}

// handshake connects and logs in, within the timeout.
func handshake(ctx context.Context, addr string, config *ssh.ClientConfig, timeout time.Duration) (net.Conn, *ssh.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, nil, errors.Join(err, ctx.Err())
	}
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	c, channels, requests, err := ssh.NewClientConn(conn, addr, config)
	if !stop() && err == nil {
		c.Close()
		err = ctx.Err()
	}
	if err != nil {
		conn.Close()
		return nil, nil, errors.Join(err, ctx.Err())
	}
	return conn, ssh.NewClient(c, channels, requests), nil
}

// dialError says what to do about a connection that did not come about.
func dialError(ctx context.Context, at location, accepted bool, err error) error {
	switch {
	case errors.Is(err, ErrHostKey):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%w: %s did not answer in time; check address and firewall, or wait", ErrUnreachable, at.addr)
	case accepted:
		return fmt.Errorf("%w: %s did not let %s log in (%v); check user, key and password, and that the partner has installed the public key", ErrUnreachable, at.addr, at.user, foreign(err))
	}
	return fmt.Errorf("%w: %s: %v; check address, port and firewall", ErrUnreachable, at.addr, foreign(err))
}

// start opens the SFTP subsystem on a channel whose replies the watchdog sees.
func (s *session) start(q Quirks) error {
	channel, err := s.ssh.NewSession()
	if err != nil {
		return err
	}
	in, err := channel.StdinPipe()
	if err != nil {
		return err
	}
	out, err := channel.StdoutPipe()
	if err != nil {
		return err
	}
	if err := channel.RequestSubsystem("sftp"); err != nil {
		return err
	}
	// Packets stay at 32 KiB: servers built on the same library silently cut larger reads.
	options := []sftp.ClientOption{sftp.UseFstat(true), sftp.UseConcurrentReads(!q.NoStat)}
	if q.OneRequest {
		options = append(options, sftp.MaxConcurrentRequestsPerFile(1))
	}
	s.sftp, err = sftp.NewClientPipe(watchedReader{out, s.watch}, in, options...)
	return err
}

// guard watches over one operation: silence or the end of the context closes the
// connection, which is the only way to end a call of the library.
func (s *session) guard(ctx context.Context) (release func()) {
	s.watch.begin()
	stop := context.AfterFunc(ctx, s.close)
	return func() {
		stop()
		s.watch.end()
	}
}

// keepAlive exchanges a message from time to time, and closes a connection whose
// other end has gone.
func (s *session) keepAlive(limit time.Duration) {
	tick := time.NewTicker(keepAlive)
	defer tick.Stop()
	for {
		select {
		case <-s.gone:
			return
		case <-tick.C:
		}
		timer := time.AfterFunc(limit, s.close)
		_, _, err := s.ssh.SendRequest("keepalive@openssh.com", true, nil)
		timer.Stop()
		if err != nil {
			s.close()
			return
		}
	}
}

func (s *session) alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

// close ends the connection without a word to the other side: every request was
// answered before, or will never be.
func (s *session) close() {
	s.closing.Do(func() {
		s.conn.Close()
		close(s.gone)
	})
}

// watchdog closes a connection when an operation is under way and nothing arrives for too
// long. The library itself waits for ever. Only SFTP replies count: a server can
// answer keepalives while its SFTP process hangs.
type watchdog struct {
	limit time.Duration
	mu    sync.Mutex
	busy  int
	bites bool
	timer *time.Timer
}

func newWatchdog(limit time.Duration, conn io.Closer) *watchdog {
	w := &watchdog{limit: limit}
	w.timer = time.AfterFunc(limit, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.busy > 0 {
			w.bites = true
			conn.Close()
		}
	})
	w.timer.Stop()
	return w
}

func (w *watchdog) begin() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy++; w.busy == 1 {
		w.timer.Reset(w.limit)
	}
}

func (w *watchdog) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy--; w.busy == 0 {
		w.timer.Stop()
	}
}

func (w *watchdog) progress() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.busy > 0 {
		w.timer.Reset(w.limit)
	}
}

func (w *watchdog) bit() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.bites
}

type watchedReader struct {
	r     io.Reader
	watch *watchdog
}

func (w watchedReader) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	if n > 0 {
		w.watch.progress()
	}
	return n, err
}
