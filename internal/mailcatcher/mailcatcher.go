// Package mailcatcher is a mail server on loopback for demonstrations and tests: it
// accepts every message from everybody, keeps it in memory and passes it to nobody.
//
// It is not for production: no TLS, no authentication, no queue.
package mailcatcher

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"slices"
	"strings"
	"sync"
)

// maxMessage is the largest message that is kept, in bytes: one with an attachment of 10 MB is 37 % larger.
const maxMessage = 16 << 20

// Message is one message that was accepted.
type Message struct {
	From    string   // of the envelope
	To      []string // of the envelope
	ID      string   // its Message-ID, without the angle brackets
	Subject string
	Text    string // its plain text; lines end in \n
	// Attachments are the files that it carries, in order.
	Attachments []Attachment
}

// Attachment is a file that a message carries.
type Attachment struct {
	Name        string
	ContentType string // without parameters, such as text/csv
	Content     []byte // decoded
}

// Catcher is a running server.
type Catcher struct {
	listener net.Listener
	running  sync.WaitGroup

	mu       sync.Mutex
	closed   bool
	conns    map[net.Conn]bool
	messages []Message
}

// Start serves on a free port of 127.0.0.1.
func Start() (*Catcher, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	c := &Catcher{listener: listener, conns: map[net.Conn]bool{}}
	c.running.Go(c.accept)
	return c, nil
}

// Addr is host:port.
func (c *Catcher) Addr() string { return c.listener.Addr().String() }

// Messages lists what was accepted, in that order.
func (c *Catcher) Messages() []Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.messages)
}

// Close ends all connections and waits until nothing is accepted any more.
func (c *Catcher) Close() error {
	c.mu.Lock()
	c.closed = true
	err := c.listener.Close()
	for conn := range c.conns {
		conn.Close()
	}
	c.mu.Unlock()
	c.running.Wait()
	return err
}

func (c *Catcher) accept() {
	for {
		conn, err := c.listener.Accept()
		if err != nil {
			return
		}
		c.mu.Lock()
		if c.closed {
			c.mu.Unlock()
			conn.Close()
			return
		}
		c.conns[conn] = true
		c.running.Go(func() {
			s := session{Conn: textproto.NewConn(conn), keep: c.keep}
			_ = s.serve() // whoever goes away in the middle has delivered nothing
			s.Close()
			c.mu.Lock()
			delete(c.conns, conn)
			c.mu.Unlock()
		})
		c.mu.Unlock()
	}
}

func (c *Catcher) keep(m Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.messages = append(c.messages, m)
}

// session is one connection: the least of RFC 5321 that a client may rely on (section 4.5.1).
type session struct {
	*textproto.Conn
	keep     func(Message)
	envelope *Message // nil: there is no sender yet
}

var errQuit = errors.New("the client has said goodbye")

func (s *session) serve() error {
	if err := s.PrintfLine("220 mailcatcher"); err != nil {
		return err
	}
	for {
		line, err := s.ReadLine()
		if err != nil {
			return err
		}
		answer, err := s.command(line)
		if answer != "" {
			err = errors.Join(err, s.PrintfLine("%s", answer))
		}
		if err != nil {
			return err
		}
	}
}

// command does what a line asks and returns what to answer.
func (s *session) command(line string) (string, error) {
	verb, rest, _ := strings.Cut(line, " ")
	switch strings.ToUpper(verb) {
	case "HELO", "EHLO", "RSET":
		s.envelope = nil
	case "NOOP":
	case "VRFY":
		return "252 send it and see", nil
	case "QUIT":
		return "221 goodbye", errQuit
	case "MAIL":
		from, ok := address(rest, "FROM:")
		if !ok {
			return "501 no sender", nil
		}
		s.envelope = &Message{From: from}
	case "RCPT":
		to, ok := address(rest, "TO:")
		switch {
		case s.envelope == nil:
			return "503 the sender first", nil
		case !ok || to == "":
			return "501 no recipient", nil
		}
		s.envelope.To = append(s.envelope.To, to)
	case "DATA":
		if s.envelope == nil || len(s.envelope.To) == 0 {
			return "503 sender and recipients first", nil
		}
		return s.data()
	default:
		return "502 no such command", nil
	}
	return "250 ok", nil
}

// address takes the path out of the argument of MAIL or RCPT.
func address(text, keyword string) (string, bool) {
	if len(text) < len(keyword) || !strings.EqualFold(text[:len(keyword)], keyword) {
		return "", false
	}
	path, open := strings.CutPrefix(strings.TrimSpace(text[len(keyword):]), "<")
	path, _, closed := strings.Cut(path, ">")
	return path, open && closed
}

func (s *session) data() (string, error) {
	if err := s.PrintfLine("354 end with a dot"); err != nil {
		return "", err
	}
	body := s.DotReader()
	content, err := io.ReadAll(io.LimitReader(body, maxMessage+1))
	if err == nil {
		_, err = io.Copy(io.Discard, body)
	}
	if err != nil {
		return "", fmt.Errorf("read a message: %w", err)
	}
	m := *s.envelope
	s.envelope = nil
	if len(content) > maxMessage {
		return "552 too large", nil
	}
	if err := m.read(content); err != nil {
		return "554 this is no message", nil
	}
	s.keep(m)
	return "250 kept", nil
}
