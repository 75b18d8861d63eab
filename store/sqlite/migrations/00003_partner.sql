-- +goose Up

-- Cards under American Express SmartBill, from the request of their enrolment to its end.
CREATE TABLE enrolments (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant      TEXT    NOT NULL,
    wallet_id     TEXT    NOT NULL,
    card_index    INTEGER NOT NULL CHECK (card_index > 0),
    contract      TEXT    NOT NULL,
    se            TEXT    NOT NULL,
    route         TEXT    NOT NULL CHECK (route IN ('files', 'payline')),
    alias         TEXT    NOT NULL,
    key           TEXT    NOT NULL,
    registered_at INTEGER NOT NULL,
    status        TEXT    NOT NULL CHECK (status IN ('WR', 'EA', 'ER', 'EDU', 'PU', 'CC')),
    status_at     INTEGER,
    code          TEXT    NOT NULL DEFAULT '',
    text          TEXT    NOT NULL DEFAULT '',
    asked_in      TEXT    NOT NULL DEFAULT '', -- partner_files.name
    removed_in    TEXT    NOT NULL DEFAULT '', -- partner_files.name
    removal       INTEGER NOT NULL DEFAULT 0 CHECK (removal IN (0, 1)),
    CHECK (asked_in = '' OR route = 'files'),
    CHECK (removed_in = '' OR (removal = 1 AND asked_in <> '')),
    CHECK (status = 'WR' OR status_at IS NOT NULL)
);
CREATE INDEX enrolments_wallet ON enrolments (merchant, wallet_id);
-- In files an alias is all that says whose card is meant.
CREATE UNIQUE INDEX enrolments_alias ON enrolments (se, alias) WHERE route = 'files';
CREATE INDEX enrolments_payline ON enrolments (alias) WHERE route = 'payline';
CREATE INDEX enrolments_asked ON enrolments (asked_in);
CREATE INDEX enrolments_removed ON enrolments (removed_in);
CREATE INDEX enrolments_waiting ON enrolments (se) WHERE route = 'files' AND removed_in = '' AND (asked_in = '' OR removal = 1);
CREATE INDEX enrolments_status ON enrolments (status, registered_at);

-- Events come in any order, so what is known of a card may be set right by an older
-- event. What never happens: an end is taken back, or an answer is forgotten.
-- +goose StatementBegin
CREATE TRIGGER enrolments_transition BEFORE UPDATE OF status ON enrolments
WHEN NEW.status <> OLD.status AND NOT CASE OLD.status
    WHEN 'WR'  THEN 1
    WHEN 'EA'  THEN NEW.status IN ('EDU', 'PU', 'ER', 'CC')
    WHEN 'EDU' THEN NEW.status IN ('PU', 'ER', 'CC')
    WHEN 'PU'  THEN NEW.status IN ('EDU', 'ER', 'CC')
    WHEN 'ER'  THEN NEW.status = 'CC'
    WHEN 'CC'  THEN NEW.status = 'ER'
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'enrolments: no such transition');
END;
-- +goose StatementEnd

-- What American Express told, each as often as it was told.
CREATE TABLE status_events (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    enrolment  INTEGER NOT NULL, -- enrolments.id
    status     TEXT    NOT NULL CHECK (status IN ('WR', 'EA', 'ER', 'EDU', 'PU', 'CC')),
    code       TEXT    NOT NULL,
    text       TEXT    NOT NULL,
    new_expiry TEXT    NOT NULL,
    product    TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    file       TEXT    NOT NULL,
    line       INTEGER NOT NULL,
    told_at    INTEGER NOT NULL, -- when it was ingested
    odd        TEXT    NOT NULL DEFAULT '', -- why it contradicts the others known today
    UNIQUE (enrolment, at, status, code, text, new_expiry, product, file, line)
);
CREATE INDEX status_events_odd ON status_events (told_at) WHERE odd <> '';

CREATE TABLE partner_files (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL CHECK (kind IN ('enrolment', 'charge', 'status', 'response')),
    se         TEXT    NOT NULL,
    sequence   INTEGER NOT NULL,
    name       TEXT    NOT NULL,
    batch      TEXT    NOT NULL DEFAULT '',
    currency   TEXT    NOT NULL DEFAULT '',
    value_date TEXT    NOT NULL DEFAULT '',
    created_at INTEGER,
    state      TEXT    NOT NULL,
    size       INTEGER NOT NULL DEFAULT 0,
    digest     TEXT    NOT NULL DEFAULT '',
    sent_at    INTEGER,
    reason     TEXT    NOT NULL DEFAULT '',
    CHECK (CASE WHEN kind IN ('enrolment', 'charge') THEN state IN ('open', 'staged', 'sent') ELSE state IN ('taken', 'held', 'rejected') END),
    CHECK (state = 'open' OR digest <> ''),
    CHECK ((state = 'sent') = (sent_at IS NOT NULL))
);
-- A file that was rejected may come again, repaired, under its name.
CREATE UNIQUE INDEX partner_files_name ON partner_files (name) WHERE state <> 'rejected';
CREATE UNIQUE INDEX partner_files_sequence ON partner_files (kind, se, sequence) WHERE kind IN ('enrolment', 'charge');
CREATE UNIQUE INDEX partner_files_batch ON partner_files (batch) WHERE batch <> '';
CREATE UNIQUE INDEX partner_files_digest ON partner_files (digest) WHERE kind IN ('status', 'response');
CREATE INDEX partner_files_state ON partner_files (state, kind, se);

-- +goose StatementBegin
CREATE TRIGGER partner_files_transition BEFORE UPDATE OF state ON partner_files
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'open'     THEN NEW.state = 'staged'
    WHEN 'staged'   THEN NEW.state = 'sent'
    WHEN 'held'     THEN NEW.state IN ('taken', 'rejected')
    WHEN 'rejected' THEN NEW.state IN ('taken', 'held')
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'partner_files: no such transition');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER partner_files_bytes BEFORE UPDATE OF size, digest ON partner_files
WHEN OLD.digest <> '' AND (NEW.digest <> OLD.digest OR NEW.size <> OLD.size)
BEGIN
    SELECT RAISE(ABORT, 'partner_files: bytes that are known never change');
END;
-- +goose StatementEnd

CREATE TABLE charge_answers (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    key          TEXT    NOT NULL UNIQUE,
    state        TEXT    NOT NULL CHECK (state IN ('approved', 'declined', 'refused')),
    authorized   TEXT    NOT NULL,
    code         TEXT    NOT NULL,
    text         TEXT    NOT NULL,
    card_changed INTEGER NOT NULL CHECK (card_changed IN (0, 1)),
    value_date   TEXT    NOT NULL,
    file         TEXT    NOT NULL
);

CREATE TABLE partner_exceptions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    file    TEXT    NOT NULL,
    line    INTEGER NOT NULL,
    alias   TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    UNIQUE (file, line, alias, reason)
);
CREATE INDEX partner_exceptions_at ON partner_exceptions (at);
