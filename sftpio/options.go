package sftpio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path"
	"strings"
	"time"
)

// Readiness is how a folder tells that a file is complete.
type Readiness string

const (
	// Stable: two looks, StableFor apart, find the same size and time.
	Stable Readiness = "stable"
	// DoneFile: a second file, NAME with DoneSuffix, says that NAME is complete.
	DoneFile Readiness = "done-file"
	// Rename: by agreement the sender uploads under a name that is ignored and renames at the end.
	Rename Readiness = "rename"
	// Trailer: the last record begins with T and a separator. A trailer without a line
	// end may itself be half of one, and must be stable as well.
	Trailer Readiness = "trailer"
)

// Options describe one drop folder.
type Options struct {
	// Location is a local path, or sftp://user@host:port/path. A path that begins
	// with /~/ is below the login directory.
	Location string

	// What counts as a file of the folder (inbound only).

	Readiness  Readiness     // no default: choosing none by accident takes half files
	StableFor  time.Duration // between the two looks; 0: DefaultStableFor
	DoneSuffix string        // empty: DefaultDoneSuffix
	Pattern    string        // as of path.Match; empty: *
	Ignore     []string      // patterns that are ignored besides those that always are
	// Skipped, when not nil, hears of files that are left out although nobody said so: unsafe names, links,
	// files that cannot be read. The name may hold anything: quote it.
	Skipped func(name string, why error)

	MaxName int // bytes of a name; 0: DefaultMaxName

	// How a remote is reached.

	Auth        Auth
	KnownHosts  string        // pinned host keys, in OpenSSH's known_hosts format
	DialTimeout time.Duration // connection, handshake and login together; 0: DefaultDialTimeout
	IOTimeout   time.Duration // longest silence of the remote within an operation; 0: DefaultIOTimeout
	Quirks      Quirks

	// Sleep waits between the two looks; nil: it really does. It returns early with
	// the context's error.
	Sleep func(ctx context.Context, d time.Duration) error
}

// Defaults of Options.
const (
	DefaultStableFor   = 60 * time.Second
	DefaultDoneSuffix  = ".done"
	DefaultMaxName     = 200 // leaves room within the usual 255 for what we add around a name
	DefaultDialTimeout = 30 * time.Second
	DefaultIOTimeout   = 60 * time.Second
)

// Auth is how we log in to a remote. What is given is tried in this order:
// key file, agent, password.
type Auth struct {
	KeyFile         string // OpenSSH or PEM private key, mode 0600 or stricter
	CertificateFile string // OpenSSH certificate of the key in KeyFile
	Agent           bool   // keys of the agent at SSH_AUTH_SOCK
	// KeyPassphrase and Password are asked only when needed.
	KeyPassphrase func() (string, error)
	Password      func() (string, error)
}

// Quirks are the ways in which servers differ, each named for what the server does.
type Quirks struct {
	NoRename   bool // refuses renames in the inbound folder: files are worked on where they lie, without trying
	NoStat     bool // fails, or deletes the file, when a file is looked at: listings are used, and reads go one after the other
	NoDotFiles bool // refuses names that begin with a dot: temporary names do not
	NoFsync    bool // offers fsync@openssh.com and fails at it
	OneRequest bool // loses its way with several requests in flight
}

// OpenInbound opens the folder that files arrive in. It connects, so that a wrong
// host key or login shows at once.
func OpenInbound(ctx context.Context, o Options) (Inbound, error) {
	o = o.withDefaults()
	if err := o.check(true); err != nil {
		return nil, fmt.Errorf("inbound folder %s: %w", o.name(), err)
	}
	f, err := o.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("inbound folder %s: %w", o.name(), err)
	}
	return &inbound{folder: f, Options: o}, nil
}

// OpenOutbound opens the folder that answers leave by. It connects, as OpenInbound does.
func OpenOutbound(ctx context.Context, o Options) (Outbound, error) {
	o = o.withDefaults()
	if err := o.check(false); err != nil {
		return nil, fmt.Errorf("outbound folder %s: %w", o.name(), err)
	}
	f, err := o.open(ctx)
	if err != nil {
		return nil, fmt.Errorf("outbound folder %s: %w", o.name(), err)
	}
	return &outbound{folder: f, Options: o}, nil
}

func (o Options) withDefaults() Options {
	if o.StableFor == 0 {
		o.StableFor = DefaultStableFor
	}
	if o.DoneSuffix == "" {
		o.DoneSuffix = DefaultDoneSuffix
	}
	if o.Pattern == "" {
		o.Pattern = "*"
	}
	if o.MaxName == 0 {
		o.MaxName = DefaultMaxName
	}
	if o.DialTimeout == 0 {
		o.DialTimeout = DefaultDialTimeout
	}
	if o.IOTimeout == 0 {
		o.IOTimeout = DefaultIOTimeout
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	return o
}

func (o Options) check(inbound bool) error {
	if o.MaxName < 1 || o.MaxName > DefaultMaxName {
		return fmt.Errorf("names may have 1 to %d bytes, not %d", DefaultMaxName, o.MaxName)
	}
	if o.StableFor < 0 || o.DialTimeout < 0 || o.IOTimeout < 0 {
		return errors.New("a duration is negative")
	}
	if !inbound {
		return nil
	}
	switch o.Readiness {
	case Stable, DoneFile, Rename, Trailer:
	case "":
		return errors.New("readiness is missing: say stable, done-file, rename or trailer")
	default:
		return fmt.Errorf("readiness %q is unknown: say stable, done-file, rename or trailer", string(o.Readiness))
	}
	if strings.ContainsAny(o.DoneSuffix, `/\`) {
		return fmt.Errorf("the suffix %q of done-files is not part of a name", o.DoneSuffix)
	}
	for _, pattern := range append([]string{o.Pattern}, o.Ignore...) {
		if _, err := path.Match(pattern, ""); err != nil {
			return fmt.Errorf("pattern %q: %w", pattern, err)
		}
	}
	return nil
}

// open connects to the folder of the location.
func (o Options) open(ctx context.Context) (folder, error) {
	if !strings.Contains(o.Location, "://") {
		return openLocal(o.Location)
	}
	at, err := parseLocation(o.Location)
	if err != nil {
		return nil, err
	}
	return openRemote(ctx, at, o)
}

// name is the location without anything that might be a secret.
func (o Options) name() string {
	if u, err := url.Parse(o.Location); err == nil {
		return u.Redacted()
	}
	return "of an unreadable location"
}

// location is a parsed sftp URL.
type location struct {
	user string
	addr string // host:port
	dir  string // absolute, or relative to the login directory
}

func parseLocation(text string) (location, error) {
	u, err := url.Parse(text)
	if err != nil {
		return location{}, errors.New("the location is not a URL: write sftp://user@host:port/path")
	}
	if u.Scheme != "sftp" {
		return location{}, fmt.Errorf("the scheme %q is not supported: write sftp://user@host:port/path, or a local path", u.Scheme)
	}
	if _, has := u.User.Password(); has {
		return location{}, errors.New("the location holds a password: give it by reference in the login settings instead")
	}
	if u.User.Username() == "" || u.Hostname() == "" || u.Path == "" {
		return location{}, errors.New("the location is incomplete: write sftp://user@host:port/path")
	}
	if u.RawQuery != "" || u.Fragment != "" {
		return location{}, errors.New("the location has a ? or #: write it as %3F or %23 if it is part of the path")
	}
	port := u.Port()
	if port == "" {
		port = "22"
	}
	at := location{user: u.User.Username(), addr: net.JoinHostPort(u.Hostname(), port), dir: path.Clean(u.Path)}
	if at.dir == "/~" {
		at.dir = "."
	}
	at.dir = strings.TrimPrefix(at.dir, "/~/")
	return at, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
