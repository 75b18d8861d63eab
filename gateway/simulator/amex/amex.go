package amex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// Amex is American Express. Its methods may be called from many goroutines.
type Amex struct {
	inbox, outbox string
	clock         func() time.Time

	mu       sync.Mutex
	files    []File
	cards    map[string]*card // by alias
	asked    map[string][]Enrolment
	told     []Event        // to be put into the next status file
	charges  map[string]int // by key
	byAlias  map[string]int
	declines map[string]string // code by alias
	written  map[string]int64  // last sequence number by kind and SE
	lies     int
	details  int // status records told so far, for lies
}

// New makes an American Express that takes files out of the folder inbox and puts its own into
// the folder outbox. Times in its files, and the cut-off at 17:00, are those of the clock's zone.
func New(inbox, outbox string, clock func() time.Time) *Amex {
	return &Amex{
		inbox: inbox, outbox: outbox, clock: clock,
		cards: map[string]*card{}, asked: map[string][]Enrolment{}, charges: map[string]int{}, byAlias: map[string]int{},
		declines: map[string]string{}, written: map[string]int64{},
	}
}

// Work does one round: it takes the files that are there, in the order of their numbers, and
// answers them, and tells what Tell has given it. What it took is not in the folder any more.
func (a *Amex) Work(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	entries, err := os.ReadDir(a.inbox)
	if err != nil {
		return fmt.Errorf("amex: list the inbox: %w", err)
	}
	var names []name
	for _, e := range entries {
		if n, ours := parseName(e.Name()); ours && e.Type().IsRegular() {
			names = append(names, n)
		}
	}
	slices.SortFunc(names, compareNames)
	for _, n := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		content, err := os.ReadFile(filepath.Join(a.inbox, n.text))
		if err == nil {
			err = os.Remove(filepath.Join(a.inbox, n.text))
		}
		if err != nil {
			return fmt.Errorf("amex: take a file: %w", err)
		}
		if err := a.take(n, string(content)); err != nil {
			return err
		}
	}
	return a.tell()
}

// publish puts a file of ours into the outbox, whole or not at all, under the next number of its SE.
func (a *Amex) publish(kind, se string, content func(sequence int64) string) error {
	sequence := a.written[kind+se] + 1
	final := filepath.Join(a.outbox, fmt.Sprintf("%s_%s_%06d.dat", kind, se, sequence))
	temporary := filepath.Join(a.outbox, "."+filepath.Base(final)+".tmp")
	err := os.WriteFile(temporary, []byte(content(sequence)), 0o600)
	if err == nil {
		err = os.Rename(temporary, final)
	}
	if err != nil {
		return fmt.Errorf("amex: publish a file: %w", errors.Join(err, os.Remove(temporary)))
	}
	a.written[kind+se] = sequence
	return nil
}

// Files lists what was taken, in that order.
func (a *Amex) Files() []File {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.files)
}

// Charges counts how often money moved for the key.
func (a *Amex) Charges(key string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.charges[key]
}

// ChargesOf counts how often money moved for the card.
func (a *Amex) ChargesOf(alias string) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.byAlias[alias]
}

// Enrolments lists what was asked for the card, in the order it came.
func (a *Amex) Enrolments(alias string) []Enrolment {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.asked[alias])
}

// Tell has an event told in a status file of the next round. What it says of a card counts from
// now on. It may be anything: an alias that nobody has, a status that does not exist.
func (a *Amex) Tell(e Event) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if e.At.IsZero() {
		e.At = a.clock()
	}
	if c := a.cards[e.Alias]; c != nil {
		c.status, c.changed = e.Status, e.Status == "EDU" || e.Status == "PU"
		if e.SE == "" {
			e.SE = c.se
		}
	}
	a.told = append(a.told, e)
}

// Decline has every later charge of the card declined with the code; an empty one ends that.
func (a *Amex) Decline(alias, code string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if delete(a.declines, alias); code != "" {
		a.declines[alias] = code
	}
}

// Lie has every n-th record of the status files followed by one about a card that nobody has;
// 0 ends that.
func (a *Amex) Lie(n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.lies = n
}
