package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/notify"
	"cardbatch/store"
)

// notificationJSON is a notification in --json output.
type notificationJSON struct {
	ID        string                  `json:"id"`
	Kind      batch.NoticeKind        `json:"kind"`
	Channel   batch.NoticeChannel     `json:"channel"`
	Merchant  batch.MerchantID        `json:"merchant"`
	Contract  batch.ContractID        `json:"contract"`
	Wallet    batch.WalletID          `json:"wallet_id"`
	To        string                  `json:"to,omitempty"`
	State     batch.NotificationState `json:"state"`
	Created   time.Time               `json:"created_at"`
	Due       time.Time               `json:"due_at,omitzero"`
	Attempts  int                     `json:"attempts"`
	LastError string                  `json:"last_error,omitempty"`
	Sent      time.Time               `json:"sent_at,omitzero"`
}

// notificationsJSON is what notify list prints.
type notificationsJSON struct {
	Notifications []notificationJSON `json:"notifications"`
	More          bool               `json:"more"`
}

// notifiedJSON is what notify send and notify retry print.
type notifiedJSON struct {
	Retried int `json:"retried"`
	Sent    int `json:"sent"`
	Failed  int `json:"failed"`
	Waiting int `json:"waiting"`
	Dead    int `json:"dead"`
}

type notifyListOptions struct {
	states []string
	limit  int
}

func (a *app) newNotify() *cobra.Command {
	c := &cobra.Command{
		Use:   "notify",
		Short: "See, send and retry notifications",
		Long: `notify works on the outbox of e-mails and server notifications. Runs send what is
due by themselves; docs/notifications.md says what is told, to whom, and how often.`,
		GroupID: "look",
	}
	var list notifyListOptions
	show := &cobra.Command{
		Use:   "list",
		Short: "List notifications, oldest first",
		Long: `list lists what waits and what is dead: refused for good, or tried often enough.
Other states are asked for with --state.` + exitHelp(exitUndelivered, exitConfig),
		Example: "  cardbatch notify list\n  cardbatch notify list --state sent --json",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.notifyList(c.Context(), list) },
	}
	show.Flags().StringSliceVar(&list.states, "state", nil, "only in these states: "+joined(batch.NotificationStates)+" (default: waiting, dead)")
	show.Flags().IntVar(&list.limit, "limit", 100, "at most so many, 0 for all")
	var dead bool
	retry := &cobra.Command{
		Use:   "retry [ID...]",
		Short: "Let dead or waiting notifications be sent at once",
		Long: `retry makes notifications due now, as if they had never been tried; the next run or
'cardbatch notify send' sends them. It takes the lock.` + exitHelp(exitUndelivered, exitLocked, exitConfig, exitSafety),
		Example: "  cardbatch notify retry --dead\n  cardbatch notify retry u6yn2ijxshc7xb3x2h7q6vbzs4",
		Args:    cobra.ArbitraryArgs,
		RunE: func(c *cobra.Command, ids []string) error {
			if dead == (len(ids) > 0) {
				return usageError("name notifications, or say --dead for all dead ones")
			}
			return a.notifyRetry(c.Context(), ids)
		},
	}
	retry.Flags().BoolVar(&dead, "dead", false, "all that are dead")
	c.AddCommand(show, retry, &cobra.Command{
		Use:   "send",
		Short: "Send what is due now",
		Long: `send delivers every notification that is due, once. What fails is tried again later,
in growing intervals. It takes the lock.` + exitHelp(exitUndelivered, exitLocked, exitConfig, exitSafety),
		Example: "  cardbatch notify send",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.notifySend(c.Context()) },
	})
	return c
}

func (a *app) notifyList(ctx context.Context, o notifyListOptions) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	q := store.NotificationQuery{States: []batch.NotificationState{batch.NotificationWaiting, batch.NotificationDead}}
	if len(o.states) > 0 {
		if q.States, err = statesOf(o.states, batch.NotificationStates); err != nil {
			return err
		}
	}
	if o.limit > 0 {
		q.Limit = o.limit + 1
	}
	found, err := in.store.Notifications(ctx, q)
	if err != nil {
		return err
	}
	more := o.limit > 0 && len(found) > o.limit
	if more {
		found = found[:o.limit]
	}
	if a.json {
		err = a.printJSON(toNotificationsJSON(found, more))
	} else {
		err = a.printNotifications(in, found, more)
	}
	if err != nil {
		return err
	}
	left, err := in.notified(ctx)
	if err != nil {
		return err
	}
	return exitWith(left.code())
}

func toNotificationsJSON(found []batch.Notification, more bool) notificationsJSON {
	out := notificationsJSON{Notifications: []notificationJSON{}, More: more}
	for _, n := range found {
		out.Notifications = append(out.Notifications, notificationJSON{
			ID: n.ID, Kind: n.Kind, Channel: n.Channel, Merchant: n.Merchant, Contract: n.Contract, Wallet: n.Wallet, To: n.To, State: n.State,
			Created: n.CreatedAt.UTC(), Due: n.Due.UTC(), Attempts: n.Attempts, LastError: n.LastError, Sent: n.SentAt.UTC(),
		})
	}
	return out
}

func (a *app) printNotifications(in *installation, found []batch.Notification, more bool) error {
	if len(found) == 0 {
		a.note("There is no such notification.")
		return nil
	}
	t := table(a.stdout)
	row(t, "ID", "CREATED", "KIND", "WALLET", "TO", "STATE", "ATTEMPTS", "DUE", "LAST ERROR")
	for _, n := range found {
		due := ""
		if n.State == batch.NotificationWaiting {
			due = in.moment(n.Due)
		}
		row(t, n.ID, in.moment(n.CreatedAt), n.Kind, n.Wallet, n.To, n.State, n.Attempts, due, n.LastError)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more {
		a.note("There are more; see --limit.")
	}
	return nil
}

func (a *app) notifyRetry(ctx context.Context, ids []string) (err error) {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	session, err := in.begin(ctx, "notify retry")
	if err != nil {
		return err
	}
	defer func() { err = endWith(session, err) }()
	retried, err := session.RetryNotifications(ctx, ids, in.clock())
	if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrStale) {
		return &codeError{exitFailure, err, "Nothing was changed; `cardbatch notify list` shows what waits and what is dead."}
	}
	if err != nil {
		return err
	}
	left, err := in.notified(ctx)
	if err != nil {
		return err
	}
	left.Retried = retried
	if a.json {
		err = a.printJSON(left)
	} else {
		_, err = fmt.Fprintf(a.stdout, "%d due now; `cardbatch notify send` sends them.\n", retried)
	}
	return errors.Join(err, exitWith(left.code()))
}

func (a *app) notifySend(ctx context.Context) (err error) {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	sender, err := in.sender()
	if err != nil {
		return err
	}
	session, err := in.begin(ctx, "notify send")
	if err != nil {
		return err
	}
	defer func() { err = endWith(session, err) }()
	tally, err := sender.Pass(ctx, store.Outbox{Reader: in.store, Session: session})
	if err != nil {
		return err
	}
	left, err := in.notified(ctx)
	if err != nil {
		return err
	}
	left.Sent, left.Failed = tally.Sent, tally.Failed+tally.Dead
	if a.json {
		err = a.printJSON(left)
	} else {
		_, err = fmt.Fprintf(a.stdout, "%d sent, %d failed; %d waiting, %d dead\n", left.Sent, left.Failed, left.Waiting, left.Dead)
	}
	return errors.Join(err, exitWith(left.code()))
}

// endWith ends a session. What went wrong there is said, not only an exit code.
func endWith(session store.Session, err error) error {
	if ended := session.End(); ended != nil {
		return ended
	}
	return err
}

// notified tells what is left in the outbox.
func (in *installation) notified(ctx context.Context) (notifiedJSON, error) {
	counts, err := in.store.CountNotifications(ctx)
	return notifiedJSON{Waiting: counts[batch.NotificationWaiting], Dead: counts[batch.NotificationDead]}, err
}

func (n notifiedJSON) code() int {
	if n.Waiting+n.Dead > 0 {
		return exitUndelivered
	}
	return exitDone
}

// sender builds what delivers notifications.
func (in *installation) sender() (*notify.Sender, error) {
	c := in.cfg.Notify
	s := notify.Settings{
		Mail:      notify.Mail{Host: c.Mail.Host, Port: c.Mail.Port, TLS: c.Mail.TLS, User: c.Mail.User, From: c.Mail.From},
		Templates: string(c.Templates), Timeout: c.Timeout, Attach: in.attachment,
	}
	if c.Mail.User != "" {
		if _, err := c.Mail.Password.Resolve(context.Background()); err != nil {
			return nil, fmt.Errorf("notify.mail.password: %w", err)
		}
		s.Mail.Password = c.Mail.Password.Resolve
	}
	sender, err := notify.New(s, in.clock)
	if err != nil {
		return nil, &codeError{exitConfig, err, "Correct `notify` in the configuration, or the template."}
	}
	return sender, nil
}
