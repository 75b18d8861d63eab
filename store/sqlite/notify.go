package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

const notificationColumns = `id, notice, kind, channel, merchant, contract, wallet_id, address, language, facts, created_at, state, due, attempts, last_error, sent_at, forgotten`

func scanNotification(row scanner) (n batch.Notification, err error) {
	var facts string
	var forgotten bool
	err = row.Scan(&n.Number, &n.ID, &n.Kind, &n.Channel, &n.Merchant, &n.Contract, &n.Wallet, &n.To, &n.Language, &facts,
		timestamp{&n.CreatedAt}, &n.State, timestamp{&n.Due}, &n.Attempts, &n.LastError, timestamp{&n.SentAt}, &forgotten)
	if err != nil {
		return n, err
	}
	if err := json.Unmarshal([]byte(facts), &n.Facts); err != nil {
		return n, damaged("what notification %s tells cannot be read: %v", n.ID, err)
	}
	return n, nil
}

// Notifications returns notifications in order of creation.
func (s *Store) Notifications(ctx context.Context, q store.NotificationQuery) (found []batch.Notification, err error) {
	var c condition
	if q.IDs != nil {
		ids, err := list(q.IDs)
		if err != nil {
			return nil, fmt.Errorf("list notifications: %w", err)
		}
		c.add("notice IN (SELECT value FROM json_each(?))", ids)
	}
	if len(q.States) > 0 {
		states, err := list(q.States)
		if err != nil {
			return nil, fmt.Errorf("list notifications: %w", err)
		}
		c.add("state IN (SELECT value FROM json_each(?))", states)
	}
	if q.Merchant != "" {
		c.add("merchant = ?", string(q.Merchant))
	}
	if !q.DueBy.IsZero() {
		c.add("state = 'waiting' AND due <= ?", micros(q.DueBy))
	}
	if q.After > 0 {
		c.add("id > ?", q.After)
	}
	limit := -1
	if q.Limit > 0 {
		limit = q.Limit
	}
	err = each(s.read(ctx), func(row scanner) error {
		n, err := scanNotification(row)
		found = append(found, n)
		return err
	}, `SELECT `+notificationColumns+` FROM notifications`+c.where()+` ORDER BY id LIMIT ?`, append(c.args, limit)...)
	return found, fault("list notifications", err)
}

// CountNotifications counts notifications by state.
func (s *Store) CountNotifications(ctx context.Context) (map[batch.NotificationState]int, error) {
	counts := map[batch.NotificationState]int{}
	err := each(s.read(ctx), func(row scanner) error {
		var state batch.NotificationState
		var n int
		err := row.Scan(&state, &n)
		counts[state] = n
		return err
	}, `SELECT state, count(*) FROM notifications GROUP BY state`)
	return counts, fault("count notifications", err)
}

// outbox runs a write to the outbox that may have nothing to write.
func (n *session) outbox(ctx context.Context, kind string, do func(*change) error) error {
	err := n.write(ctx, kind, 0, func(c *change) error {
		if err := do(c); err != nil {
			return err
		}
		if c.body.Count == 0 {
			return errSame
		}
		return nil
	})
	if errors.Is(err, errSame) {
		return nil
	}
	return err
}

// Notify puts notifications into the outbox.
func (n *session) Notify(ctx context.Context, all []batch.Notification) error {
	return n.outbox(ctx, "notify", func(c *change) (err error) {
		c.body.Count, err = c.notify(all)
		return err
	})
}

// notify is the part of any transaction that tells of what it did. It returns how many are new.
func (c *change) notify(all []batch.Notification) (fresh int, err error) {
	for i := range all {
		n := &all[i]
		facts, err := json.Marshal(n.Facts)
		if err != nil {
			return fresh, err
		}
		_, err = c.insert("notifications", `INSERT OR IGNORE INTO notifications (notice, kind, channel, merchant, contract, wallet_id, address, language, facts, created_at, state, due, attempts)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'waiting', ?, 0) RETURNING id`,
			n.ID, string(n.Kind), string(n.Channel), string(n.Merchant), string(n.Contract), string(n.Wallet), n.To, n.Language, string(facts), micros(n.CreatedAt), micros(n.Due))
		switch {
		case err == nil:
			fresh++
		case errors.Is(err, sql.ErrNoRows):
			// Either the id is known, or the row is not one that the table takes.
			if _, _, err := c.notification(n.ID); err != nil {
				return fresh, fmt.Errorf("notification %s of kind %s by %s cannot be kept: %w", n.ID, n.Kind, n.Channel, err)
			}
		default:
			return fresh, err
		}
	}
	return fresh, nil
}

func (c *change) notification(id string) (number int64, state batch.NotificationState, err error) {
	err = c.row(`SELECT id, state FROM notifications WHERE notice = ?`, id).Scan(&number, &state)
	if errors.Is(err, sql.ErrNoRows) {
		err = fmt.Errorf("%w: notification %s", store.ErrNotFound, id)
	}
	return number, state, err
}

// RecordDeliveries records attempts.
func (n *session) RecordDeliveries(ctx context.Context, all []batch.Delivery) error {
	return n.outbox(ctx, "notified", func(c *change) error {
		for _, d := range all {
			number, state, err := c.notification(d.ID)
			if err != nil {
				return err
			}
			if state != batch.NotificationWaiting {
				return fmt.Errorf("%w: notification %s is %s", store.ErrStale, d.ID, state)
			}
			switch {
			case d.Sent:
				err = c.update("notifications", number, `state = 'sent', due = NULL, attempts = attempts + 1, last_error = '', sent_at = ?`, micros(d.At))
			case d.Next.IsZero():
				err = c.update("notifications", number, `state = 'dead', due = NULL, attempts = attempts + 1, last_error = ?`, d.Reason)
			default:
				err = c.update("notifications", number, `due = ?, attempts = attempts + 1, last_error = ?`, micros(d.Next), d.Reason)
			}
			if err != nil {
				return err
			}
			c.body.Count++
		}
		return nil
	})
}

// RetryNotifications makes notifications due now.
func (n *session) RetryNotifications(ctx context.Context, ids []string, at time.Time) (int, error) {
	retried := 0
	err := n.outbox(ctx, "notify retry", func(c *change) error {
		numbers := make([]int64, 0, len(ids))
		for _, id := range ids {
			number, state, err := c.notification(id)
			if err != nil {
				return err
			}
			if state == batch.NotificationSent {
				return fmt.Errorf("%w: notification %s was sent", store.ErrStale, id)
			}
			numbers = append(numbers, number)
		}
		if len(ids) == 0 {
			err := each(c, func(row scanner) error {
				var number int64
				err := row.Scan(&number)
				numbers = append(numbers, number)
				return err
			}, `SELECT id FROM notifications WHERE state = 'dead' ORDER BY id`)
			if err != nil {
				return err
			}
		}
		for _, number := range numbers {
			if err := c.update("notifications", number, `state = 'waiting', due = ?, attempts = 0`, micros(at)); err != nil {
				return err
			}
		}
		retried = len(numbers)
		c.body.Count = retried
		return nil
	})
	return retried, err
}

// ForgetNotifications drops what sent notifications told, and to whom.
func (n *session) ForgetNotifications(ctx context.Context, before time.Time) (int, error) {
	forgotten := 0
	err := n.outbox(ctx, "notifications forgotten", func(c *change) error {
		var numbers []int64
		err := each(c, func(row scanner) error {
			var number int64
			err := row.Scan(&number)
			numbers = append(numbers, number)
			return err
		}, `SELECT id FROM notifications WHERE state = 'sent' AND forgotten = 0 AND sent_at < ? ORDER BY id`, micros(before))
		if err != nil {
			return err
		}
		for _, number := range numbers {
			if err := c.update("notifications", number, `forgotten = 1, address = '', facts = '{}'`); err != nil {
				return err
			}
		}
		forgotten = len(numbers)
		c.body.Count = forgotten
		return nil
	})
	return forgotten, err
}
