// Package notify delivers the notifications of the outbox: e-mails by SMTP, server
// notifications by HTTP GET (smartbill, section 5).
//
// Delivery is at least once. A process that dies between a delivery and its record delivers
// again, under the same id: the Message-ID of an e-mail, the Notification-Id header of a
// request. What is told was decided when the event happened (batch.NoticeRoutes); only the
// words of an e-mail are chosen here, by templates.
package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"cardbatch/batch"
)

// ErrRefused: the receiver refused for good; another attempt would end alike.
var ErrRefused = errors.New("refused for good")

// TLS policies of a mail server.
const (
	StartTLS    = "starttls" // plain at first, then TLS, or nothing is sent
	ImplicitTLS = "implicit" // TLS from the first byte
	NoTLS       = "none"     // for a server on this machine
)

// Settings say how notifications leave. Zero fields take the defaults named.
type Settings struct {
	Mail      Mail
	Templates string        // folder of templates that replace shipped ones; empty: none
	Timeout   time.Duration // of one delivery; 30 s, and a second more per 100 kB of an attachment
	// Attach finds what an e-mail of batch.NoticeUpdaterReport carries. An error leaves the e-mail
	// waiting, or, when it is ErrRefused, for good; without Attach such e-mails wait. It is called
	// once per attempt, for one e-mail at a time, and what it takes is no part of Timeout.
	Attach func(ctx context.Context, n batch.Notification) (Attachment, error)
	// MaxAttachment is how large an attachment may be, in bytes; 10,000,000. The e-mail of a larger
	// one is sent without, and says so. In an e-mail it takes 37 % more.
	MaxAttachment int64
	// Backoff are the waits after the first, second … failed attempt; after the attempt that
	// follows the last one a notification is dead. Default: DefaultBackoff.
	Backoff     []time.Duration
	Concurrency int // deliveries at the same time; 4
	// GiveUp is how many deliveries to one host may fail in a row before a pass leaves
	// the rest for the next; 5.
	GiveUp int
	RootCA []byte // PEM; certificates trusted beside the system's
}

// Mail is the server that takes e-mails.
type Mail struct {
	Host     string // empty: there is none, and e-mails wait
	Port     int    // 587, with ImplicitTLS 465
	TLS      string // StartTLS
	User     string // empty: no authentication
	Password func(context.Context) (string, error)
	Auth     string // "plain", "login", "cram-md5" or "scram-sha-256"; "plain"
	From     string // of header and envelope
}

// DefaultBackoff waits little at first; a receiver that is away for a day and a half is dead.
var DefaultBackoff = []time.Duration{time.Minute, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}

// Sender delivers notifications. It may be used by several goroutines.
type Sender struct {
	settings  Settings
	clock     func() time.Time
	templates map[string]letter // by kind and language
	http      *http.Client
	post      *post         // nil: there is no mail server
	attaching chan struct{} // holds one while an attachment is under way
}

// New checks the settings and reads all templates: what is wrong with them is known before
// the first delivery. It reaches no server.
func New(s Settings, clock func() time.Time) (*Sender, error) {
	if s.Timeout == 0 {
		s.Timeout = 30 * time.Second
	}
	if s.Backoff == nil {
		s.Backoff = DefaultBackoff
	}
	if s.Concurrency == 0 {
		s.Concurrency = 4
	}
	if s.GiveUp == 0 {
		s.GiveUp = 5
	}
	if s.MaxAttachment == 0 {
		s.MaxAttachment = 10_000_000
	}
	roots, err := rootCAs(s.RootCA)
	if err != nil {
		return nil, err
	}
	templates, err := readTemplates(s.Templates)
	if err != nil {
		return nil, err
	}
	sender := &Sender{settings: s, clock: clock, templates: templates, http: newHTTP(s.Timeout, roots), attaching: make(chan struct{}, 1)}
	if s.Mail.Host != "" {
		if sender.post, err = newPost(s.Mail, roots); err != nil {
			return nil, err
		}
	}
	return sender, nil
}

// Deliver delivers one notification. Nil means that the receiver took it; an error, that it
// may or may not have: deliver again, unless it is ErrRefused.
func (s *Sender) Deliver(ctx context.Context, n batch.Notification) error {
	var err error
	switch n.Channel {
	case batch.ByHTTP:
		err = s.call(ctx, n)
	case batch.ByMail:
		err = s.mail(ctx, n)
	default:
		err = fmt.Errorf("%w: there is no channel %s", ErrRefused, n.Channel)
	}
	if err == nil {
		return nil
	}
	return &failure{said(err.Error()), err}
}

// failure is an error whose text may be kept: it holds no card number, is one line and short.
type failure struct {
	text  string
	cause error
}

func (f *failure) Error() string { return f.text }
func (f *failure) Unwrap() error { return f.cause }

// maxReason is how much of an error is kept, in bytes.
const maxReason = 300

// said makes one short line of what a server said.
func said(text string) string {
	text = batch.MaskCardNumbers(strings.Join(strings.Fields(strings.ToValidUTF8(text, "?")), " "))
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, text)
	if len(text) > maxReason {
		text = strings.ToValidUTF8(text[:maxReason], "") + "…"
	}
	return text
}
