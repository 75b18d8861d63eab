package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/signal"
	"slices"
	"strings"
	"sync"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/config"
	"cardbatch/pipeline"
)

type runOptions struct {
	only  []string
	until string
}

func (a *app) newRun() *cobra.Command {
	var o runOptions
	names := make([]string, len(pipeline.Steps))
	steps := &strings.Builder{}
	for i, s := range pipeline.Steps {
		names[i] = s.Name
		fmt.Fprintf(steps, "    %-9s %s\n", s.Name, s.Does)
	}
	c := &cobra.Command{
		Use:   "run",
		Short: "Take files, check them, submit their lines, deliver the answers",
		Long: `run is the nightly job. It does, in this order:

` + steps.String() + `
It may be killed at any instant and started again. The first interrupt (SIGINT,
SIGTERM) stops taking lines, lets calls in flight record their answer and gives
unsent lines back to the queue; the second one stops waiting. --until does the
same at a time of day, and then answers and delivers what there is.

Exit codes: 0 done, 10 files or lines rejected, 11 files held, 12 lines in doubt,
13 answers not delivered, 14 lines not sent or pending, 15 an expected file is
missing, 20 another run holds the lock, 21 a remote could not be reached,
22 configuration, 23 refused for safety, 130 interrupted. The highest that
applies is used.`,
		Example: `  cardbatch run
  cardbatch run --until 05:00
  cardbatch run --only resolve,respond,deliver`,
		GroupID: "job",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.run(c.Context(), o)
		},
	}
	c.Flags().StringSliceVar(&o.only, "only", nil, "run these steps only: "+strings.Join(names, ", "))
	c.Flags().StringVar(&o.until, "until", "", "take no more lines after this time of day, HH:MM (default: run.until of the configuration)")
	return c
}

func (a *app) run(ctx context.Context, o runOptions) error {
	in, err := a.open(ctx, true)
	if err != nil {
		return err
	}
	defer in.Close()
	until, err := untilTime(in.cfg, o.until, in.clock())
	if err != nil {
		return err
	}
	session, err := in.begin(ctx, "run")
	if err != nil {
		return err
	}
	defer session.End()
	r, err := in.run(session)
	if err != nil {
		return err
	}
	ctx, interrupted, release := stopOn(ctx, r, until.Sub(in.clock()), !until.IsZero())
	defer release()
	stopProgress := a.showProgress(&r.Progress)
	summary, err := r.Execute(ctx, o.only...)
	stopProgress()
	summary.Interrupted = interrupted()
	if errors.Is(err, pipeline.ErrUnknownStep) {
		return usageError("%v", err)
	}
	if err != nil && !(summary.Interrupted && errors.Is(err, context.Canceled)) {
		return err
	}
	if err := a.printSummary(summary); err != nil {
		return err
	}
	return exitWith(summaryCode(summary))
}

// untilTime is when the run stops taking lines; zero for never.
func untilTime(cfg *config.Config, flag string, now time.Time) (time.Time, error) {
	at := cfg.Run.Until
	if flag != "" {
		if err := at.UnmarshalText([]byte(flag)); err != nil {
			return time.Time{}, usageError("--until: %v", err)
		}
	}
	if at == "" {
		return time.Time{}, nil
	}
	return at.Next(now.In(cfg.Clock())), nil
}

// stopOn tells the run to stop at the first signal or after the time limit, and
// cancels its context at the second signal.
func stopOn(ctx context.Context, r *pipeline.Run, limit time.Duration, limited bool) (_ context.Context, interrupted func() bool, release func()) {
	ctx, cancel := context.WithCancel(ctx)
	stop := make(chan struct{})
	r.Stop = stop
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	var timeUp <-chan time.Time
	if limited {
		timeUp = time.After(limit)
	}
	var mu sync.Mutex
	seen := 0
	ended := make(chan struct{})
	go func() {
		stopped := false
		for {
			select {
			case <-signals:
				mu.Lock()
				seen++
				n := seen
				mu.Unlock()
				if !stopped {
					stopped = true
					r.Interrupt()
					close(stop)
				}
				if n == 1 {
					r.Log.Warn("stopping: calls in flight may finish; interrupt again to stop waiting")
				} else {
					cancel()
				}
			case <-timeUp:
				if !stopped {
					stopped = true
					close(stop)
				}
			case <-ended:
				return
			}
		}
	}()
	interrupted = func() bool { mu.Lock(); defer mu.Unlock(); return seen > 0 }
	return ctx, interrupted, func() { signal.Stop(signals); close(ended); cancel() }
}

// printSummary tells what the run did.
func (a *app) printSummary(s pipeline.Summary) error {
	if a.json {
		return a.printJSON(s)
	}
	return writeSummary(a.stdout, s)
}

func writeSummary(w io.Writer, s pipeline.Summary) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "files\t%d taken\t%d accepted\t%d rejected\t%d held\n", s.Pulled, s.Accepted, s.Rejected, s.Held)
	fmt.Fprintf(t, "lines\t%d sent\t%d approved\t%d declined\t%d refused\n", s.Sent, s.Approved, s.Declined, s.Refused)
	fmt.Fprintf(t, "left\t%d not sent\t%d pending\t%d in doubt\t\n", s.NotSent, s.Pending, s.InDoubt)
	fmt.Fprintf(t, "answers\t%d made\t%d delivered\t%d waiting\t\n", s.Answers, s.Delivered, s.Waiting)
	if err := t.Flush(); err != nil {
		return err
	}
	if s.Resolved > 0 {
		fmt.Fprintf(w, "%s in doubt or pending got an outcome by asking the gateway\n", count(s.Resolved, "line"))
	}
	if s.PartnerFiles > 0 {
		fmt.Fprintf(w, "%s of partners taken\n", count(s.PartnerFiles, "file"))
	}
	if s.FollowUps > 0 {
		fmt.Fprintf(w, "%s delivered\n", count(s.FollowUps, "follow-up file"))
	}
	if s.Enrolled > 0 {
		fmt.Fprintf(w, "enrolments and removals: %d sent to American Express\n", s.Enrolled)
	}
	if s.Exceptions > 0 {
		fmt.Fprintf(w, "%s in partners' files; see `cardbatch smartbill exceptions`\n", count(s.Exceptions, "exception"))
	}
	if s.LateEnrolments > 0 {
		fmt.Fprintf(w, "%s later than the deadline; see `cardbatch smartbill status`\n", count(s.LateEnrolments, "enrolment"))
	}
	if s.UpdatesAsked > 0 {
		fmt.Fprintf(w, "account updaters were asked about %s\n", count(s.UpdatesAsked, "card"))
	}
	if s.CardsUpdated+s.CardsDisabled > 0 {
		fmt.Fprintf(w, "cards: %d with newer data, %d may not be charged any more\n", s.CardsUpdated, s.CardsDisabled)
	}
	if s.UpdatesRefused > 0 {
		fmt.Fprintf(w, "the request about %s was refused; the report tells why\n", count(s.UpdatesRefused, "card"))
	}
	if s.UpdatesGivenUp > 0 {
		fmt.Fprintf(w, "no decision came in time about %s; the report lists them\n", count(s.UpdatesGivenUp, "card"))
	}
	if s.OrdersWaiting > 0 {
		fmt.Fprintf(w, "gateways have still to be told of %s; see `cardbatch updater status`\n", count(s.OrdersWaiting, "update"))
	}
	if s.UpdateExceptions > 0 {
		fmt.Fprintf(w, "%s of updates that mean no card of ours; see `cardbatch updater status`\n", count(s.UpdateExceptions, "record"))
	}
	if s.UpdateReports > 0 {
		fmt.Fprintf(w, "%s delivered\n", count(s.UpdateReports, "account-updater report"))
	}
	if s.Notified+s.Untold > 0 {
		fmt.Fprintf(w, "notifications: %d sent, %d waiting or dead\n", s.Notified, s.Untold)
	}
	for _, code := range slices.Sorted(maps.Keys(s.Unlisted)) {
		fmt.Fprintf(w, "gateway %s: a code that no document lists, on %s; see docs/runbook.md\n", code, count(s.Unlisted[code], "line"))
	}
	for _, m := range s.Missing {
		fmt.Fprintf(w, "missing: %s\n", m)
	}
	for _, p := range s.Problems {
		fmt.Fprintf(w, "%s: %s\n", p.Where, p.Text)
	}
	if s.Interrupted {
		fmt.Fprintln(w, "interrupted: run again to go on")
	}
	return nil
}
