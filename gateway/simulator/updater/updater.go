package updater

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"cardbatch/gateway/simulator/stage"

	"github.com/ProtonMail/gopenpgp/v3/crypto"
)

// Config describes a provider. Folders, keys and accounts are required; other zero fields take
// the defaults.
type Config struct {
	Incoming, Outgoing string           // folders on this machine: of requests, and of what is answered
	Clock              func() time.Time // time.Now when nil

	Key         []byte // the provider's private key, armored or binary, without a passphrase
	MerchantKey []byte // the merchant's public key, armored or binary

	CutOff   time.Duration  // since midnight; 05:30
	Zone     *time.Location // of the cut-off and of names; America/New_York
	Accounts []string       // merchant accounts that are registered

	MaxBytes   int // of the plaintext of a request; 1,000,000
	MaxRecords int // of a request; 50,000

	Script Script // what is answered about a card; ByLastDigit
}

// Provider is the account updater. Its methods may be called from many goroutines.
type Provider struct {
	config   Config
	key      *crypto.Key
	merchant *crypto.Key
	accounts map[string]bool

	mu       sync.Mutex
	seen     map[string]time.Time // requests that wait for their cut-off: when they were there first
	misnamed map[string]bool
	uploads  []*Upload
	due      []*delivery // what is still to be put into Outgoing
	withheld []*delivery // responses that went wrong; see Resend
	faults   map[Fault]int
	cards    map[uint64]tally // by hash of the number
}

// tally counts what happened to a card.
type tally struct{ asked, answered uint32 }

// delivery is a file that is put into Outgoing at its time.
type delivery struct {
	at     time.Time
	upload *Upload
	// A response, as CSV, and the cards in it by hash of the number.
	plain []byte
	cards []uint64
	// An acknowledgement, when there is no response: return codes by position.
	rejected map[int]string
}

// New makes a provider.
func New(c Config) (*Provider, error) {
	if c.Clock == nil {
		c.Clock = time.Now
	}
	c.CutOff = cmp.Or(c.CutOff, 5*time.Hour+30*time.Minute)
	c.MaxBytes = cmp.Or(c.MaxBytes, 1_000_000)
	c.MaxRecords = cmp.Or(c.MaxRecords, 50_000)
	if c.Script == nil {
		c.Script = ByLastDigit
	}
	if c.Incoming == "" || c.Outgoing == "" || len(c.Accounts) == 0 {
		return nil, errors.New("account updater: name both folders and at least one merchant account")
	}
	if c.Zone == nil {
		zone, err := time.LoadLocation("America/New_York")
		if err != nil {
			return nil, fmt.Errorf("account updater: %w", err)
		}
		c.Zone = zone
	}
	p := &Provider{
		config: c, accounts: map[string]bool{}, seen: map[string]time.Time{}, misnamed: map[string]bool{},
		faults: map[Fault]int{}, cards: map[uint64]tally{},
	}
	for _, a := range c.Accounts {
		p.accounts[a] = true
	}
	var err error
	if p.key, err = privateKey(c.Key); err != nil {
		return nil, fmt.Errorf("account updater: the provider's key: %w", err)
	}
	if p.merchant, err = publicKey(c.MerchantKey); err != nil {
		return nil, fmt.Errorf("account updater: the merchant's key: %w", err)
	}
	return p, nil
}

// Work does what the provider has done by now: it handles the requests whose cut-off has passed,
// in the order of time, and puts into Outgoing what is due. What it took is not in Incoming any more.
//
// A request counts as there from the first Work that sees it, because the clock of a test is not
// that of the files: call it whenever something was put into Incoming, and once each time that
// something is awaited. What failed is done by the next Work.
func (p *Provider) Work(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := p.config.Clock()
	if err := p.look(now); err != nil {
		return err
	}
	for _, name := range p.ready(now) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.take(name, now); err != nil {
			return err
		}
	}
	slices.SortStableFunc(p.due, func(a, b *delivery) int { return a.at.Compare(b.at) })
	for len(p.due) > 0 && !p.due[0].at.After(now) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := p.deliver(p.due[0], now); err != nil {
			return err
		}
		p.due = slices.Delete(p.due, 0, 1)
	}
	return nil
}

// look notes what lies in Incoming.
func (p *Provider) look(now time.Time) error {
	entries, err := os.ReadDir(p.config.Incoming)
	if err != nil {
		return fmt.Errorf("account updater: list Incoming: %w", err)
	}
	there := map[string]time.Time{}
	for _, e := range entries {
		name := e.Name()
		switch {
		case !e.Type().IsRegular() || strings.HasPrefix(name, ".") || strings.HasSuffix(name, ".part"):
			continue // not there yet
		case !nameForm.MatchString(name):
			p.misnamed[name] = true
			continue
		}
		since, before := p.seen[name]
		if !before {
			since = now
		}
		there[name] = since
	}
	p.seen = there
	return nil
}

// ready lists the requests whose cut-off has passed, in the order of time.
func (p *Provider) ready(now time.Time) (names []string) {
	for name, since := range p.seen {
		if !p.cutOff(since).After(now) {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(p.seen[a].Compare(p.seen[b]), cmp.Compare(a, b))
	})
	return names
}

// cutOff is the one that handles a request that is there since the time.
func (p *Provider) cutOff(since time.Time) time.Time {
	if today := p.at(since, 0, p.config.CutOff); !today.Before(since) {
		return today
	}
	return p.at(since, 1, p.config.CutOff)
}

// at is a time of day, so many days after the day of another time. A day may have 23 or 25 hours.
func (p *Provider) at(t time.Time, days int, ofDay time.Duration) time.Time {
	y, m, d := t.In(p.config.Zone).Date()
	return time.Date(y, m, d+days, 0, int(ofDay/time.Minute), int(ofDay%time.Minute/time.Second), int(ofDay%time.Second), p.config.Zone)
}

// put writes a file into Outgoing, whole or not at all.
func (p *Provider) put(name string, content []byte) error {
	final := filepath.Join(p.config.Outgoing, name)
	temporary := filepath.Join(p.config.Outgoing, "."+name+".tmp")
	err := os.WriteFile(temporary, content, 0o600)
	if err == nil {
		err = os.Rename(temporary, final)
	}
	if err != nil {
		if left := os.Remove(temporary); left != nil && !errors.Is(left, os.ErrNotExist) {
			err = errors.Join(err, left)
		}
		return fmt.Errorf("account updater: put a file into Outgoing: %w", err)
	}
	return nil
}

// Uploads lists what was taken, in that order.
func (p *Provider) Uploads() []Upload {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]Upload, len(p.uploads))
	for i, u := range p.uploads {
		all[i] = *u
		all[i].Responses = slices.Clone(u.Responses)
	}
	return all
}

// Misnamed lists the names of files that were never processed because of them, sorted.
func (p *Provider) Misnamed() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []string
	for name := range p.misnamed {
		all = append(all, name)
	}
	slices.Sort(all)
	return all
}

// Asked counts how often the card was asked for in uploads that were accepted.
func (p *Provider) Asked(number string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.cards[stage.Hash(number)].asked)
}

// Answered counts how often the card was answered in responses that can be read.
func (p *Provider) Answered(number string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int(p.cards[stage.Hash(number)].answered)
}

// Due is the time of what is to be put into Outgoing next, or of the next cut-off that handles
// a request that Work has seen; zero: nothing is under way.
func (p *Provider) Due() (next time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	earlier := func(t time.Time) {
		if next.IsZero() || t.Before(next) {
			next = t
		}
	}
	for _, d := range p.due {
		earlier(d.at)
	}
	for _, since := range p.seen {
		earlier(p.cutOff(since))
	}
	return next
}
