// Package sftpserver is a small real SFTP server on loopback, for demonstrations
// and tests. It serves one directory, which no path or symbolic link leaves.
//
// It is not for production: one user, no quotas, no log.
package sftpserver

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/privatefile"
)

// Options say who may log in, and with which key the server proves itself.
type Options struct {
	User           string          // empty: any
	AuthorizedKeys []ssh.PublicKey // none: no login by key
	Password       string          // empty: no login by password
	// HostKeyFile holds the server's private key; it is made when it does not exist.
	// Empty, and without HostKey: a key for this run alone.
	HostKeyFile string
	HostKey     ssh.Signer
	// Wrap, when not nil, may put itself between the server and its directory: tests make faults there.
	Wrap func(sftp.Handlers) sftp.Handlers
}

// Server is a running server.
type Server struct {
	listener net.Listener
	root     *os.Root
	hostKey  ssh.PublicKey
	handlers sftp.Handlers
	config   *ssh.ServerConfig

	mu      sync.Mutex
	closed  bool
	conns   map[net.Conn]bool
	running sync.WaitGroup
}

// Start serves the directory on a free port of 127.0.0.1.
func Start(dir string, o Options) (*Server, error) {
	key, err := o.hostKey()
	if err != nil {
		return nil, fmt.Errorf("host key: %w", err)
	}
	config := o.serverConfig()
	config.AddHostKey(key)
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		root.Close()
		return nil, err
	}
	s := &Server{listener: listener, root: root, hostKey: key.PublicKey(), handlers: handlers(root), config: config, conns: map[net.Conn]bool{}}
	if o.Wrap != nil {
		s.handlers = o.Wrap(s.handlers)
	}
	s.running.Go(s.accept)
	return s, nil
}

// Addr is host:port.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// HostKey is the public key that clients should pin.
func (s *Server) HostKey() ssh.PublicKey { return s.hostKey }

// KnownHostsLine pins the server in a known_hosts file. It has no line end.
func (s *Server) KnownHostsLine() string {
	return knownhosts.Line([]string{s.Addr()}, s.hostKey)
}

// Location is the URL of a directory that is served; dir begins with a slash.
func (s *Server) Location(user, dir string) string {
	return "sftp://" + user + "@" + s.Addr() + dir
}

// Close ends all connections and waits until nothing is written any more.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	err := s.listener.Close()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.running.Wait()
	return errors.Join(err, s.root.Close())
}

func (o Options) hostKey() (ssh.Signer, error) {
	if o.HostKey != nil {
		return o.HostKey, nil
	}
	if o.HostKeyFile != "" {
		content, err := privatefile.Read(o.HostKeyFile, 64<<10)
		if err == nil {
			return ssh.ParsePrivateKey(content)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
	}
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	if o.HostKeyFile != "" {
		block, err := ssh.MarshalPrivateKey(private, "")
		if err != nil {
			return nil, err
		}
		if err := os.WriteFile(o.HostKeyFile, pem.EncodeToMemory(block), 0o600); err != nil {
			return nil, err
		}
	}
	return ssh.NewSignerFromKey(private)
}

func (o Options) serverConfig() *ssh.ServerConfig {
	refused := errors.New("not authorized")
	config := &ssh.ServerConfig{}
	if len(o.AuthorizedKeys) > 0 {
		config.PublicKeyCallback = func(c ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			for _, known := range o.AuthorizedKeys {
				if o.knows(c.User()) && string(key.Marshal()) == string(known.Marshal()) {
					return nil, nil
				}
			}
			return nil, refused
		}
	}
	if o.Password != "" {
		config.PasswordCallback = func(c ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if o.knows(c.User()) && subtle.ConstantTimeCompare(password, []byte(o.Password)) == 1 {
				return nil, nil
			}
			return nil, refused
		}
	}
	return config
}

func (o Options) knows(user string) bool { return o.User == "" || o.User == user }

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = true
		s.running.Go(func() {
			s.serve(conn)
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
		s.mu.Unlock()
	}
}

// serve speaks with one client until the connection ends.
func (s *Server) serve(conn net.Conn) {
	defer conn.Close()
	client, channels, requests, err := ssh.NewServerConn(conn, s.config)
	if err != nil {
		return
	}
	defer client.Close()
	go ssh.DiscardRequests(requests)
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for channel := range channels {
		if channel.ChannelType() != "session" {
			channel.Reject(ssh.UnknownChannelType, "only sessions are served")
			continue
		}
		stream, requests, err := channel.Accept()
		if err != nil {
			return
		}
		sessions.Go(func() { s.session(stream, requests) })
	}
}

// session waits for the request of the SFTP subsystem, and refuses all others.
func (s *Server) session(stream ssh.Channel, requests <-chan *ssh.Request) {
	defer stream.Close()
	var serving sync.WaitGroup
	defer serving.Wait()
	started := false
	for request := range requests {
		wanted := !started && request.Type == "subsystem" && len(request.Payload) > 4 && string(request.Payload[4:]) == "sftp"
		request.Reply(wanted, nil)
		if wanted {
			started = true
			serving.Go(func() {
				sftp.NewRequestServer(stream, s.handlers).Serve()
				stream.Close()
			})
		}
	}
}
