package notify

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"cardbatch/batch"
)

// post is the mail server.
type post struct {
	Mail
	tls    *tls.Config
	auth   gomail.SMTPAuthType
	domain string // of Message-IDs
}

var authentications = map[string]gomail.SMTPAuthType{
	"": gomail.SMTPAuthPlain, "plain": gomail.SMTPAuthPlain, "login": gomail.SMTPAuthLogin,
	"cram-md5": gomail.SMTPAuthCramMD5, "scram-sha-256": gomail.SMTPAuthSCRAMSHA256,
}

func newPost(m Mail, roots *x509.CertPool) (*post, error) {
	p := &post{Mail: m, tls: &tls.Config{ServerName: m.Host, RootCAs: roots, MinVersion: tls.VersionTLS12}}
	from, err := mail.ParseAddress(m.From)
	if err != nil {
		return nil, errors.New("mail server: the sender is no e-mail address")
	}
	_, p.domain, _ = strings.Cut(from.Address, "@")
	var known bool
	if p.auth, known = authentications[m.Auth]; !known {
		return nil, fmt.Errorf("mail server: there is no authentication %s", m.Auth)
	}
	switch m.TLS {
	case "":
		p.TLS = StartTLS
	case StartTLS, ImplicitTLS:
	case NoTLS:
		if !isLoopback(m.Host) {
			return nil, fmt.Errorf("mail server: %s is not this machine, and without TLS everybody on the way reads along", m.Host)
		}
	default:
		return nil, fmt.Errorf("mail server: there is no TLS policy %s", m.TLS)
	}
	if p.Port == 0 {
		p.Port = 587
		if p.TLS == ImplicitTLS {
			p.Port = 465
		}
	}
	if m.User != "" && m.Password == nil {
		return nil, errors.New("mail server: a user without a password")
	}
	return p, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// mail delivers an e-mail.
func (s *Sender) mail(ctx context.Context, n batch.Notification) error {
	if s.post == nil {
		return errors.New("no mail server is configured")
	}
	carried, err := s.attach(ctx, n)
	if err != nil {
		return err
	}
	defer carried.close()
	m, err := s.message(n, carried)
	if err != nil {
		return err
	}
	err = s.post.send(ctx, m, carried.patience(s.settings.Timeout))
	if carried.failed != nil {
		return carried.failed
	}
	return err
}

// message writes an e-mail. Its Message-ID and its boundary follow from the notification's id.
func (s *Sender) message(n batch.Notification, carried *load) (*gomail.Msg, error) {
	subject, text, html, err := s.render(n, carried.content != nil)
	if err != nil {
		return nil, err
	}
	m := gomail.NewMsg(gomail.WithNoDefaultUserAgent())
	if carried.content != nil {
		// Then there are two boundaries, which the library must draw itself: it knows only one that is given.
		m.SetAttachments([]*gomail.File{carried.file()})
	} else {
		// The library writes the boundary without quotes: it must be a token (RFC 2045, section 5.1).
		m.SetBoundary("_" + n.ID)
	}
	if err := m.From(s.post.From); err != nil {
		return nil, errors.New("the sender is no e-mail address")
	}
	if err := m.To(n.To); err != nil {
		return nil, fmt.Errorf("%w: the recipient is no e-mail address", ErrRefused)
	}
	m.Subject(subject)
	m.SetDateWithValue(s.clock().UTC())
	m.SetMessageIDWithValue(n.ID + "@" + s.post.domain)
	m.SetGenHeader("Auto-Submitted", "auto-generated")
	m.SetGenHeader("Content-Language", n.Language)
	m.SetBodyString(gomail.TypeTextPlain, text)
	m.AddAlternativeString(gomail.TypeTextHTML, html)
	return m, nil
}

// send gives the server one message, over a connection of its own.
func (p *post) send(ctx context.Context, m *gomail.Msg, timeout time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var conn net.Conn
	policy := gomail.NoTLS
	if p.TLS == StartTLS {
		policy = gomail.TLSMandatory
	}
	options := []gomail.Option{
		gomail.WithPort(p.Port), gomail.WithTimeout(timeout), gomail.WithTLSPolicy(policy), gomail.WithTLSConfig(p.tls), gomail.WithoutNoop(),
		gomail.WithDialContextFunc(func(ctx context.Context, network, address string) (_ net.Conn, err error) {
			conn, err = p.dial(ctx, network, address)
			return conn, err
		}),
	}
	if p.User != "" {
		password, err := p.Password(ctx)
		if err != nil {
			return fmt.Errorf("password of the mail server: %w", err)
		}
		options = append(options, gomail.WithSMTPAuth(p.auth), gomail.WithUsername(p.User), gomail.WithPassword(password))
	}
	client, err := gomail.NewClient(p.Host, options...)
	if err != nil {
		return fmt.Errorf("mail server: %w", err)
	}
	// The library leaves the connection open when the greeting fails, and its deadline
	// begins anew with the message: the context ends both.
	defer func() {
		if conn != nil {
			_ = conn.Close()
		}
	}()
	if err := client.DialWithContext(ctx); err != nil {
		return fmt.Errorf("reach the mail server: %w", err)
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	err = client.Send(m)
	if m.IsDelivered() {
		_ = client.Close() // says goodbye; the server has the message whatever it answers
		return nil
	}
	return judged(err)
}

func (p *post) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if p.TLS == ImplicitTLS {
		return (&tls.Dialer{Config: p.tls}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// judged tells a refusal of this message or this recipient, which stays, from everything else:
// a refused sender or login is mended by an operator, and a 4xx by time.
func judged(err error) error {
	var failed *gomail.SendError
	if !errors.As(err, &failed) {
		return fmt.Errorf("send the e-mail: %w", err)
	}
	step := map[gomail.SendErrReason]string{
		gomail.ErrSMTPMailFrom: "the sender", gomail.ErrSMTPRcptTo: "the recipient", gomail.ErrSMTPData: "the message", gomail.ErrSMTPDataClose: "the message",
	}[failed.Reason]
	code := failed.ErrorCode()
	if step == "" || code < 400 {
		return fmt.Errorf("send the e-mail: %w", err)
	}
	refusal := errors.New("the mail server refused " + step + " with " + strconv.Itoa(code))
	if code >= 500 && failed.Reason != gomail.ErrSMTPMailFrom {
		return fmt.Errorf("%w: %w", ErrRefused, refusal)
	}
	return refusal
}
