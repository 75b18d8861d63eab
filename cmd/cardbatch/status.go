package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

type statusOptions struct{ check bool }

// statusJSON is what status prints.
type statusJSON struct {
	Environment batch.Mode   `json:"environment"`
	Store       string       `json:"store"`
	StoreID     string       `json:"store_id"`
	Queued      int          `json:"lines_queued"`
	Submitting  int          `json:"lines_submitting"`
	Pending     int          `json:"lines_pending"`
	InDoubt     int          `json:"lines_in_doubt"`
	Held        int          `json:"files_held"`
	Waiting     int          `json:"answers_waiting"`
	Orders      int          `json:"card_orders_waiting"`
	Untold      int          `json:"notifications_waiting"`
	Entries     int64        `json:"journal_entries"`
	Head        string       `json:"journal_head"`
	Last        *sessionJSON `json:"last_session,omitempty"`
	Lock        *lockJSON    `json:"lock,omitempty"`
	Refuses     string       `json:"refuses,omitempty"`
}

type sessionJSON struct {
	Actor   string    `json:"actor"`
	Version string    `json:"version"`
	Began   time.Time `json:"began_at"`
	Last    time.Time `json:"last_entry_at"`
}

type lockJSON struct {
	Actor string    `json:"actor"`
	PID   int       `json:"pid"`
	Host  string    `json:"host"`
	Since time.Time `json:"since"`
}

func (a *app) newStatus() *cobra.Command {
	var o statusOptions
	c := &cobra.Command{
		Use:   "status",
		Short: "Show how things stand, on one screen",
		Long: `status shows what is queued, in doubt, pending, held and not delivered, who worked
last, and who holds the lock. It reads only, also beside a run.

With --check the exit code tells monitoring what waits.` + exitHelp(exitHeld, exitInDoubt, exitUndelivered, exitNotSent, exitConfig, exitSafety),
		Example: `  cardbatch status
  cardbatch status --check --json`,
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.status(c.Context(), o) },
	}
	c.Flags().BoolVar(&o.check, "check", false, "exit with the code of what waits")
	return c
}

func (a *app) status(ctx context.Context, o statusOptions) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	info, err := in.store.Info(ctx)
	if err != nil {
		return err
	}
	s := statusJSON{
		Environment: info.Environment, Store: string(in.cfg.Store), StoreID: info.ID,
		Queued: info.LinesQueued, Submitting: info.LinesSubmitting, Pending: info.LinesPending, InDoubt: info.LinesInDoubt,
		Held: info.FilesHeld, Waiting: info.Waiting, Entries: info.JournalLen, Head: info.JournalHead,
	}
	if s.Orders, err = in.store.CountCardOrders(ctx); err != nil {
		return err
	}
	untold, err := in.notified(ctx)
	if err != nil {
		return err
	}
	s.Untold = untold.Waiting + untold.Dead
	if s.Last, err = lastSession(ctx, in.store, info); err != nil {
		return err
	}
	refused := in.store.Check(ctx)
	if locked := (*store.LockedError)(nil); errors.As(refused, &locked) {
		s.Lock = &lockJSON{locked.Actor, locked.PID, locked.Host, locked.Since.UTC()}
		refused = nil
	} else if refused != nil {
		s.Refuses = refused.Error()
	}
	if a.json {
		err = a.printJSON(s)
	} else {
		err = a.printStatus(in, s)
	}
	if err != nil || !o.check {
		return err
	}
	if refused != nil {
		code, _ := classify(refused)
		return exitWith(code)
	}
	return exitWith(s.code())
}

// entries says how long a journal is.
func entries(n int64) string {
	if n == 1 {
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// code is the exit code of what waits: the highest that applies.
func (s statusJSON) code() int {
	switch {
	case s.Queued+s.Pending+s.Orders > 0:
		return exitNotSent
	case s.Waiting+s.Untold > 0:
		return exitUndelivered
	case s.InDoubt > 0, s.Submitting > 0 && s.Lock == nil:
		return exitInDoubt
	case s.Held > 0:
		return exitHeld
	}
	return exitDone
}

// journalBlock is how many entries lastSession reads at a time, going back.
const journalBlock = 500

// lastSession finds the latest session: its entries, and no others, carry the store's fence.
func lastSession(ctx context.Context, r store.Reader, info store.Info) (*sessionJSON, error) {
	var s *sessionJSON
	for to := info.JournalLen; to > 0; to -= journalBlock {
		older := false // the block reaches back into an earlier session
		var first *store.Entry
		for e, err := range r.Journal(ctx, max(to-journalBlock+1, 1)) {
			if err != nil {
				return nil, err
			}
			if e.Number > to {
				break
			}
			if e.Fence != info.Fence {
				older = true
				continue
			}
			if first == nil {
				first = &e
			}
			if e.Number == info.JournalLen {
				s = &sessionJSON{Last: e.At}
			}
		}
		if s != nil && first != nil {
			s.Actor, s.Version, s.Began = first.Actor, first.Version, first.At
		}
		if older {
			break
		}
	}
	return s, nil
}

func (a *app) printStatus(in *installation, s statusJSON) error {
	t := table(a.stdout)
	fmt.Fprintf(t, "store\t%s, %s\n", s.Store, s.Environment)
	last := "none yet"
	if s.Last != nil {
		last = fmt.Sprintf("%s, from %s to %s", s.Last.Actor, in.moment(s.Last.Began), in.moment(s.Last.Last))
	}
	fmt.Fprintf(t, "last session\t%s\n", last)
	lock := "free"
	if s.Lock != nil {
		lock = fmt.Sprintf("held by %s since %s (process %d on %s)", s.Lock.Actor, in.moment(s.Lock.Since), s.Lock.PID, s.Lock.Host)
	}
	fmt.Fprintf(t, "lock\t%s\n", lock)
	fmt.Fprintf(t, "lines\t%d queued, %d submitting, %d pending, %d in doubt\n", s.Queued, s.Submitting, s.Pending, s.InDoubt)
	fmt.Fprintf(t, "files held\t%d\n", s.Held)
	fmt.Fprintf(t, "answers waiting\t%d\n", s.Waiting)
	fmt.Fprintf(t, "to be told\t%d notifications, %d updates of cards\n", s.Untold, s.Orders)
	fmt.Fprintf(t, "journal\t%s\n", entries(s.Entries))
	if err := t.Flush(); err != nil {
		return err
	}
	for _, hint := range []struct {
		when bool
		text string
	}{
		{s.Refuses != "", "The next run will refuse: " + s.Refuses},
		{s.Submitting > 0 && s.Lock == nil, "A run died while it was sending; the next one looks up what it sent."},
		{s.InDoubt > 0, "In doubt: the next run looks them up. See `cardbatch lines --state in_doubt`."},
		{s.Held > 0, "Held: see `cardbatch files --state held`, then release or recall them."},
		{s.Waiting > 0, "Answers wait: `cardbatch deliver` tries again."},
		{s.Untold > 0, "Notifications wait, or are dead: see `cardbatch notify list`."},
		{s.Orders > 0, "Gateways have still to be told of cards: see `cardbatch updater status`."},
		{s.Queued+s.Pending > 0 && s.Lock == nil, "Queued or pending: the next `cardbatch run` goes on with them."},
	} {
		if hint.when {
			a.note("%s", hint.text)
		}
	}
	return nil
}
