-- +goose Up

-- The outbox of notifications. Their ids are functions of the events, so that no event is told twice.
CREATE TABLE notifications (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    notice     TEXT    NOT NULL UNIQUE, -- batch.NotificationID
    kind       TEXT    NOT NULL,
    channel    TEXT    NOT NULL CHECK (channel IN ('mail', 'http')),
    merchant   TEXT    NOT NULL,
    contract   TEXT    NOT NULL,
    wallet_id  TEXT    NOT NULL,
    address    TEXT    NOT NULL,
    language   TEXT    NOT NULL,
    facts      TEXT    NOT NULL, -- JSON: batch.NoticeFacts
    created_at INTEGER,
    state      TEXT    NOT NULL CHECK (state IN ('waiting', 'sent', 'dead')),
    due        INTEGER,
    attempts   INTEGER NOT NULL,
    last_error TEXT    NOT NULL DEFAULT '',
    sent_at    INTEGER,
    forgotten  INTEGER NOT NULL DEFAULT 0,
    CHECK ((state = 'waiting') = (due IS NOT NULL)),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
CREATE INDEX notifications_due   ON notifications (due) WHERE state = 'waiting';
CREATE INDEX notifications_state ON notifications (state) WHERE state <> 'sent';
CREATE INDEX notifications_sent  ON notifications (sent_at) WHERE state = 'sent' AND forgotten = 0;

-- +goose StatementBegin
CREATE TRIGGER notifications_transition BEFORE UPDATE OF state ON notifications
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'waiting' THEN NEW.state IN ('sent', 'dead')
    WHEN 'dead'    THEN NEW.state = 'waiting'
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'notifications: no such transition');
END;
-- +goose StatementEnd
