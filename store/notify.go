package store

import (
	"context"
	"time"

	"cardbatch/batch"
)

// NotificationReader is what can be asked of the outbox of notifications.
type NotificationReader interface {
	// Notifications returns notifications in order of creation.
	Notifications(ctx context.Context, q NotificationQuery) ([]batch.Notification, error)
	// CountNotifications counts all that there are, by state.
	CountNotifications(ctx context.Context) (map[batch.NotificationState]int, error)
}

// NotificationQuery selects notifications; zero fields select everything.
type NotificationQuery struct {
	IDs      []string
	States   []batch.NotificationState
	Merchant batch.MerchantID
	DueBy    time.Time // waiting ones that are due then
	After    int64     // with a higher number
	Limit    int       // 0: all
}

// NotificationSession is the right to write the outbox; each method is one transaction with one
// journal entry, and none when it changes nothing. An outcome puts its own notifications there
// in its own transaction (LineOutcome.Notify).
type NotificationSession interface {
	// Notify puts notifications into the outbox. One whose ID is known is left out,
	// whatever became of the first: an event is told once.
	Notify(ctx context.Context, all []batch.Notification) error
	// RecordDeliveries records attempts. Each must be of a waiting notification, or ErrStale.
	RecordDeliveries(ctx context.Context, all []batch.Delivery) error
	// RetryNotifications makes those of the ids that are dead or waiting due now, as if they had
	// never been tried; without ids, all that are dead. It returns how many. An unknown id is
	// ErrNotFound, a sent one ErrStale.
	RetryNotifications(ctx context.Context, ids []string, at time.Time) (int, error)
	// ForgetNotifications drops address and facts of those sent before the time; that each was sent is
	// kept, so that none is sent again. It returns how many.
	ForgetNotifications(ctx context.Context, before time.Time) (int, error)
}

// Outbox is the outbox as a sender sees it.
type Outbox struct {
	Reader  NotificationReader
	Session NotificationSession
}

// Due returns at most limit waiting notifications that are due, with higher numbers than after.
func (o Outbox) Due(ctx context.Context, at time.Time, after int64, limit int) ([]batch.Notification, error) {
	return o.Reader.Notifications(ctx, NotificationQuery{DueBy: at, After: after, Limit: limit})
}

// Record records attempts.
func (o Outbox) Record(ctx context.Context, all []batch.Delivery) error {
	return o.Session.RecordDeliveries(ctx, all)
}
