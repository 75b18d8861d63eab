-- +goose Up

-- When number or expiry of a card were last replaced; NULL: they are those it began with.
ALTER TABLE cards ADD COLUMN changed_at INTEGER;

-- Cards by what a month and the sources of updates know of them.
CREATE INDEX cards_expiry      ON cards (expiry);
CREATE INDEX cards_fingerprint ON cards (fingerprint) WHERE fingerprint <> '';
CREATE INDEX cards_token       ON cards (token) WHERE token <> '';
CREATE INDEX agreements_wallet ON agreements (merchant, wallet_id);

-- Months whose cards were selected.
CREATE TABLE update_selections (
    updater  TEXT    NOT NULL,
    month    TEXT    NOT NULL,
    begun    INTEGER NOT NULL,
    finished INTEGER,
    PRIMARY KEY (updater, month)
) WITHOUT ROWID;

-- Files that ask account updaters about cards.
CREATE TABLE update_requests (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    updater    TEXT    NOT NULL,
    number     INTEGER NOT NULL CHECK (number > 0),
    name       TEXT    NOT NULL UNIQUE,
    month      TEXT    NOT NULL,
    repairs    INTEGER NOT NULL DEFAULT 0, -- update_requests.id, 0 for none
    created_at INTEGER NOT NULL,
    state      TEXT    NOT NULL CHECK (state IN ('open', 'staged', 'sent', 'accepted', 'rejected', 'closed')),
    records    INTEGER NOT NULL CHECK (records > 0),
    undecided  INTEGER NOT NULL CHECK (undecided BETWEEN 0 AND records), -- records that are asked
    size       INTEGER NOT NULL DEFAULT 0,
    digest     TEXT    NOT NULL DEFAULT '',
    sent_at    INTEGER,
    wait_until INTEGER,
    reason     TEXT    NOT NULL DEFAULT '',
    UNIQUE (updater, number),
    CHECK (state IN ('open', 'rejected') OR digest <> ''),
    CHECK (CASE WHEN state IN ('open', 'staged') THEN sent_at IS NULL ELSE sent_at IS NOT NULL OR state = 'rejected' END),
    CHECK ((sent_at IS NULL) = (wait_until IS NULL)),
    CHECK (undecided = 0 OR state NOT IN ('rejected', 'closed'))
);
CREATE UNIQUE INDEX update_requests_repairs ON update_requests (repairs) WHERE repairs <> 0;
CREATE INDEX update_requests_state ON update_requests (updater, state);

-- +goose StatementBegin
CREATE TRIGGER update_requests_transition BEFORE UPDATE OF state ON update_requests
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'open'     THEN NEW.state IN ('staged', 'rejected')
    WHEN 'staged'   THEN NEW.state = 'sent'
    WHEN 'sent'     THEN NEW.state IN ('accepted', 'rejected', 'closed')
    WHEN 'accepted' THEN NEW.state = 'closed'
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'update_requests: no such transition');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER update_requests_bytes BEFORE UPDATE OF size, digest ON update_requests
WHEN OLD.digest <> '' AND (NEW.digest <> OLD.digest OR NEW.size <> OLD.size)
BEGIN
    SELECT RAISE(ABORT, 'update_requests: bytes that are known never change');
END;
-- +goose StatementEnd

-- The cards that they ask about.
CREATE TABLE update_records (
    request     INTEGER NOT NULL, -- update_requests.id
    position    INTEGER NOT NULL CHECK (position > 0),
    merchant    TEXT    NOT NULL,
    wallet_id   TEXT    NOT NULL,
    card_index  INTEGER NOT NULL,
    account     TEXT    NOT NULL,
    fingerprint TEXT    NOT NULL, -- of the number that is asked about
    state       TEXT    NOT NULL CHECK (state = 'asked' OR state = 'answered' OR state = 'given up' OR state = 'repeated' OR state = 'rejected' OR state = 'unasked'),
    PRIMARY KEY (request, position)
) WITHOUT ROWID;
CREATE INDEX update_records_card ON update_records (merchant, wallet_id, card_index);
CREATE INDEX update_records_open ON update_records (fingerprint) WHERE state IN ('asked', 'given up', 'unasked');

-- +goose StatementBegin
CREATE TRIGGER update_records_transition BEFORE UPDATE OF state ON update_records
WHEN NOT CASE OLD.state
    WHEN 'asked'    THEN NEW.state <> 'asked'
    WHEN 'given up' THEN NEW.state = 'answered'
    WHEN 'unasked'  THEN NEW.state = 'answered'
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'update_records: no such transition');
END;
-- +goose StatementEnd

-- Files that sources of updates have put.
CREATE TABLE update_files (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    updater  TEXT    NOT NULL,
    kind     TEXT    NOT NULL CHECK (kind IN ('acknowledgement', 'response')),
    name     TEXT    NOT NULL,
    size     INTEGER NOT NULL,
    digest   TEXT    NOT NULL CHECK (digest <> ''),
    state    TEXT    NOT NULL CHECK (state IN ('open', 'taken', 'rejected')),
    records  INTEGER NOT NULL,
    reason   TEXT    NOT NULL,
    taken_at INTEGER,
    UNIQUE (updater, digest)
);

-- +goose StatementBegin
CREATE TRIGGER update_files_transition BEFORE UPDATE OF state ON update_files
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'open'     THEN NEW.state IN ('taken', 'rejected')
    WHEN 'rejected' THEN NEW.state IN ('open', 'taken')
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'update_files: no such transition');
END;
-- +goose StatementEnd

-- What anybody told about stored cards, and what it did.
CREATE TABLE card_updates (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant        TEXT    NOT NULL,
    wallet_id       TEXT    NOT NULL,
    card_index      INTEGER NOT NULL,
    account         TEXT    NOT NULL,
    source          TEXT    NOT NULL,
    scheme          TEXT    NOT NULL,
    code            TEXT    NOT NULL,
    outcome         TEXT    NOT NULL CHECK (outcome IN ('new_number', 'new_expiry', 'new_product', 'new_but_expired', 'closed', 'contact', 'opt_out', 'unchanged',
                        'no_match', 'not_participating', 'input_error', 'configuration_error', 'unknown', 'no_decision')),
    at              INTEGER NOT NULL,
    taken_at        INTEGER NOT NULL,
    settled_at      INTEGER,
    file            TEXT    NOT NULL,
    line            INTEGER NOT NULL,
    effect          TEXT    NOT NULL CHECK (effect IN ('none', 'waiting', 'changed', 'disabled', 'stale', 'refused', 'shadow')),
    note            TEXT    NOT NULL,
    status          TEXT    NOT NULL CHECK (status IN ('Active', 'Disabled')),
    old_fingerprint TEXT    NOT NULL,
    old_last_four   TEXT    NOT NULL,
    old_expiry      TEXT    NOT NULL,
    new_fingerprint TEXT    NOT NULL,
    new_last_four   TEXT    NOT NULL,
    new_expiry      TEXT    NOT NULL,
    file_id         INTEGER NOT NULL, -- update_files.id, 0 when no such file told it
    answer_line     INTEGER NOT NULL, -- lines.id whose outcome told it, 0 for none
    CHECK ((effect = 'waiting') = (settled_at IS NULL))
);
CREATE INDEX card_updates_settled ON card_updates (merchant, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX card_updates_wallet ON card_updates (merchant, wallet_id, settled_at) WHERE settled_at IS NOT NULL;
CREATE INDEX card_updates_waiting ON card_updates (merchant, wallet_id) WHERE settled_at IS NULL;
CREATE INDEX card_updates_awaiting ON card_updates (new_fingerprint) WHERE settled_at IS NULL AND new_fingerprint <> '';
-- A record of a file is taken once for each card that it means, and so is what an outcome tells.
CREATE UNIQUE INDEX card_updates_file ON card_updates (file_id, line, merchant, wallet_id, card_index) WHERE file_id <> 0;
CREATE UNIQUE INDEX card_updates_answer ON card_updates (answer_line, merchant, wallet_id, card_index, code, outcome, new_fingerprint, new_last_four, new_expiry) WHERE answer_line <> 0;

-- +goose StatementBegin
CREATE TRIGGER card_updates_settled_stay BEFORE UPDATE ON card_updates
WHEN OLD.effect <> 'waiting' OR NEW.id <> OLD.id OR NEW.merchant <> OLD.merchant OR NEW.wallet_id <> OLD.wallet_id OR NEW.card_index <> OLD.card_index
BEGIN
    SELECT RAISE(ABORT, 'card_updates: what is settled never changes');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER card_updates_delete BEFORE DELETE ON card_updates
BEGIN
    SELECT RAISE(ABORT, 'card_updates: what was told is never removed');
END;
-- +goose StatementEnd

-- What gateways that keep cards have to be told of updates.
CREATE TABLE card_orders (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    card_update      INTEGER NOT NULL, -- card_updates.id
    merchant         TEXT    NOT NULL,
    wallet_id        TEXT    NOT NULL,
    card_index       INTEGER NOT NULL,
    contract         TEXT    NOT NULL,
    gateway          TEXT    NOT NULL,
    command          TEXT    NOT NULL CHECK (command IN ('updateWallet', 'disableWallet', 'disablePaymentRecord')),
    record           TEXT    NOT NULL,
    key              TEXT    NOT NULL UNIQUE,
    told_outcome     TEXT    NOT NULL,
    told_at          INTEGER NOT NULL,
    told_asked       TEXT    NOT NULL,
    told_fingerprint TEXT    NOT NULL,
    told_first_six   TEXT    NOT NULL,
    told_last_four   TEXT    NOT NULL,
    told_expiry      TEXT    NOT NULL,
    state            TEXT    NOT NULL CHECK (state IN ('waiting', 'submitting', 'done', 'refused')),
    created_at       INTEGER NOT NULL,
    tried_at         INTEGER,
    reason           TEXT    NOT NULL,
    sealed           BLOB, -- the new number, encrypted, while the order is not carried out
    CHECK ((record <> '') = (command = 'disablePaymentRecord')),
    CHECK (sealed IS NULL OR (command = 'updateWallet' AND state IN ('waiting', 'submitting'))),
    CHECK (tried_at IS NOT NULL OR state = 'waiting')
);
CREATE INDEX card_orders_open ON card_orders (id) WHERE state IN ('waiting', 'submitting');

-- +goose StatementBegin
CREATE TRIGGER card_orders_transition BEFORE UPDATE OF state ON card_orders
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'waiting'    THEN NEW.state = 'submitting'
    WHEN 'submitting' THEN NEW.state IN ('waiting', 'done', 'refused')
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'card_orders: no such transition');
END;
-- +goose StatementEnd

-- Reports of card updates.
CREATE TABLE update_reports (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant     TEXT    NOT NULL,
    period       TEXT    NOT NULL,
    begins       INTEGER NOT NULL,
    ends         INTEGER NOT NULL CHECK (ends >= begins),
    zone         TEXT    NOT NULL,
    format       TEXT    NOT NULL CHECK (format IN ('csv', 'html')),
    fields       TEXT    NOT NULL CHECK (fields IN ('standard', 'extended')),
    name         TEXT    NOT NULL UNIQUE,
    opened_at    INTEGER,
    records      INTEGER NOT NULL DEFAULT 0,
    size         INTEGER NOT NULL DEFAULT 0,
    digest       TEXT    NOT NULL DEFAULT '',
    folder       INTEGER NOT NULL CHECK (folder IN (0, 1)),
    mail         TEXT    NOT NULL, -- JSON: ["billing@example.com"]
    delivered_at INTEGER,
    skipped      INTEGER NOT NULL DEFAULT 0 CHECK (skipped IN (0, 1)),
    failures     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT    NOT NULL DEFAULT '',
    CHECK (skipped = 0 OR (records = 0 AND delivered_at IS NOT NULL))
);
CREATE INDEX update_reports_merchant ON update_reports (merchant, ends);
CREATE INDEX update_reports_waiting ON update_reports (id) WHERE delivered_at IS NULL;

-- Records of sources of updates that mean no card.
CREATE TABLE update_exceptions (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL, -- update_files.id
    file    TEXT    NOT NULL,
    line    INTEGER NOT NULL,
    alias   TEXT    NOT NULL,
    reason  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    UNIQUE (file_id, line, reason)
);
CREATE INDEX update_exceptions_at ON update_exceptions (at);

-- Schedules that gateways keep: a card that has ended ends its own.
CREATE TABLE payment_records (
    merchant   TEXT    NOT NULL,
    gateway    TEXT    NOT NULL,
    record     TEXT    NOT NULL, -- as the gateway names it
    contract   TEXT    NOT NULL,
    wallet_id  TEXT    NOT NULL,
    card_index INTEGER NOT NULL,
    line       INTEGER NOT NULL, -- lines.id of the line that made it
    created_at INTEGER NOT NULL,
    ended_at   INTEGER,
    PRIMARY KEY (merchant, gateway, record)
) WITHOUT ROWID;
CREATE INDEX payment_records_live ON payment_records (merchant, wallet_id, card_index) WHERE ended_at IS NULL;

-- What American Express told before now counts as well, each fact once. What its card had before
-- is not known any more.
INSERT INTO card_updates (merchant, wallet_id, card_index, account, source, scheme, code, outcome, at, taken_at, settled_at, file, line, effect, note, status,
    old_fingerprint, old_last_four, old_expiry, new_fingerprint, new_last_four, new_expiry, file_id, answer_line)
SELECT e.merchant, e.wallet_id, e.card_index, e.se, CASE e.route WHEN 'files' THEN 'smartbill' ELSE 'payline' END, 'AMEX', v.status,
    CASE v.status WHEN 'EDU' THEN 'new_expiry' WHEN 'PU' THEN 'new_product' ELSE 'closed' END,
    v.at, v.told_at, v.told_at, CASE e.route WHEN 'files' THEN v.file ELSE '' END, v.line,
    CASE WHEN v.status = 'CC' THEN 'disabled' WHEN v.odd = '' AND v.new_expiry <> '' THEN 'changed' ELSE 'none' END,
    trim(trim(v.code || ' ' || v.text) || CASE WHEN v.odd = '' THEN '' WHEN v.code || v.text = '' THEN v.odd ELSE '; ' || v.odd END),
    CASE v.status WHEN 'CC' THEN 'Disabled' ELSE 'Active' END,
    coalesce(c.fingerprint, ''), coalesce(c.last_four, ''), '', coalesce(c.fingerprint, ''), coalesce(c.last_four, ''),
    CASE v.new_expiry WHEN '' THEN coalesce(c.expiry, '') ELSE v.new_expiry END, 0, 0
FROM status_events v JOIN enrolments e ON e.id = v.enrolment
    LEFT JOIN cards c ON c.merchant = e.merchant AND c.wallet_id = e.wallet_id AND c.card_index = e.card_index
WHERE v.status IN ('EDU', 'PU', 'CC') AND NOT EXISTS (SELECT 1 FROM status_events o WHERE o.enrolment = v.enrolment AND o.id < v.id
    AND o.at = v.at AND o.status = v.status AND o.code = v.code AND o.text = v.text AND o.new_expiry = v.new_expiry AND o.product = v.product)
ORDER BY v.told_at, v.at, v.id;

-- Those rows were written by no entry of the journal; the next session's first entry binds them.
ALTER TABLE store ADD COLUMN unbound_updates INTEGER NOT NULL DEFAULT 0;
UPDATE store SET unbound_updates = (SELECT count(*) FROM card_updates);
