-- +goose Up

-- Times are microseconds since 1970, UTC; NULL is no time.

-- The store itself: one row. The journal's length and head are repeated here, so
-- that entries cut off its end are missed.
CREATE TABLE store (
    one          INTEGER PRIMARY KEY CHECK (one = 1),
    id           TEXT    NOT NULL,
    environment  TEXT    NOT NULL CHECK (environment IN ('TEST', 'LIVE')),
    fence        INTEGER NOT NULL DEFAULT 0,
    journal_len  INTEGER NOT NULL DEFAULT 0,
    journal_head TEXT    NOT NULL DEFAULT ''
);

CREATE TABLE files (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    source       TEXT    NOT NULL,
    name         TEXT    NOT NULL,
    name_series  INTEGER NOT NULL,
    digest       TEXT    NOT NULL,
    size         INTEGER NOT NULL,
    received_at  INTEGER,
    merchant     TEXT    NOT NULL DEFAULT '',
    ref          TEXT    NOT NULL DEFAULT '',
    sequence     INTEGER NOT NULL DEFAULT 0,
    mode         TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER,
    separator    INTEGER NOT NULL DEFAULT 0,
    encoding     TEXT    NOT NULL DEFAULT '',
    plain        INTEGER NOT NULL DEFAULT 0,
    state        TEXT    NOT NULL CHECK (state IN ('received', 'checked', 'rejected', 'held', 'accepted', 'running', 'answered', 'delivered', 'recalled')),
    verdict      TEXT    NOT NULL DEFAULT '',
    verdict_at   INTEGER,
    expected     INTEGER NOT NULL DEFAULT 0,
    lines        INTEGER NOT NULL DEFAULT 0,
    bad_lines    INTEGER NOT NULL DEFAULT 0,
    totals       TEXT    NOT NULL DEFAULT '[]', -- JSON: [{"Minor":2990,"Currency":"EUR"}]
    answered_at  INTEGER,
    supplements  INTEGER NOT NULL DEFAULT 0,
    archived     TEXT    NOT NULL DEFAULT '',
    claim        TEXT    NOT NULL DEFAULT '',
    requests     TEXT    NOT NULL DEFAULT '0', -- sum over the staged lines, hex: what the verdict binds
    settled_at   INTEGER,                      -- delivered, rejected or recalled
    likeness     INTEGER NOT NULL DEFAULT 0,   -- 1: its lines are in line_index by likeness
    forgotten    INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX files_name   ON files (source, name);
CREATE INDEX files_digest ON files (digest);
CREATE INDEX files_ref    ON files (merchant, ref);
CREATE INDEX files_number ON files (merchant, sequence);
CREATE INDEX files_state  ON files (state);

-- +goose StatementBegin
CREATE TRIGGER files_transition BEFORE UPDATE OF state ON files
WHEN NEW.state <> OLD.state AND NOT CASE OLD.state
    WHEN 'received' THEN NEW.state IN ('checked', 'rejected', 'recalled')
    WHEN 'checked'  THEN NEW.state IN ('rejected', 'held', 'accepted')
    WHEN 'held'     THEN NEW.state IN ('accepted', 'recalled')
    WHEN 'accepted' THEN NEW.state IN ('running', 'held', 'recalled')
    WHEN 'running'  THEN NEW.state = 'answered'
    WHEN 'answered' THEN NEW.state = 'delivered'
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'files: no such transition');
END;
-- +goose StatementEnd

CREATE TABLE findings (
    file_id INTEGER NOT NULL,
    line_no INTEGER NOT NULL,
    seq     INTEGER NOT NULL, -- in the order staged
    ref     TEXT    NOT NULL,
    col     TEXT    NOT NULL,
    code    TEXT    NOT NULL,
    message TEXT    NOT NULL,
    PRIMARY KEY (file_id, line_no, seq)
) WITHOUT ROWID;

-- A line's id is its file's id times 2^24 plus its line number: one integer key
-- that orders by file and line, appends in sequence, and fits ten million lines.
-- Text columns that SQL never looks at are together in stored (batch.AppendLine).
CREATE TABLE lines (
    id           INTEGER PRIMARY KEY,
    file_id      INTEGER GENERATED ALWAYS AS (id >> 24) VIRTUAL,
    line_no      INTEGER GENERATED ALWAYS AS (id & 16777215) VIRTUAL,
    phase        INTEGER NOT NULL,
    -- These checks run for every line twice a night. A chain of = ends at its first
    -- hit; IN would look into a list that SQLite builds anew for each row.
    state        TEXT    NOT NULL CHECK (state = 'submitting' OR state = 'approved' OR state = 'queued' OR state = 'declined'
                                         OR state = 'refused' OR state = 'in_doubt' OR state = 'pending'),
    attempt      INTEGER NOT NULL DEFAULT 0,
    gateway      TEXT    NOT NULL,
    amount       INTEGER,
    currency     TEXT,
    ref_hash     INTEGER NOT NULL,
    like_hash    INTEGER,          -- payments: wallet, amount and currency
    txn_hash     INTEGER,          -- approved: the transaction id
    content_hash BLOB    NOT NULL, -- batch.ContentHash
    submitted_at INTEGER,
    completed_at INTEGER,
    stored       BLOB    NOT NULL, -- batch.AppendLine
    sealed       BLOB,             -- the card number, encrypted, while the line is open
    answer       BLOB,             -- store.AppendAnswer
    CHECK ((completed_at IS NOT NULL AND sealed IS NULL) OR state = 'submitting' OR state = 'queued' OR state = 'in_doubt' OR state = 'pending')
);

-- +goose StatementBegin
CREATE TRIGGER lines_transition AFTER UPDATE OF state ON lines
WHEN NOT CASE OLD.state
    WHEN 'submitting' THEN NEW.state <> 'submitting'
    WHEN 'queued'     THEN NEW.state IN ('submitting', 'approved', 'declined', 'refused')
    WHEN 'pending'    THEN NEW.state IN ('approved', 'declined', 'refused', 'in_doubt')
    WHEN 'in_doubt'   THEN NEW.state IN ('approved', 'declined', 'refused', 'pending', 'queued')
    ELSE 0 END
BEGIN
    SELECT RAISE(ABORT, 'lines: no such transition');
END;
-- +goose StatementEnd

-- How many lines of a file stand where: what NextQueued, Tally and Info ask instead
-- of the lines. The key begins with the state, so that open work lies together.
CREATE TABLE counts (
    state   TEXT    NOT NULL,
    phase   INTEGER NOT NULL,
    file_id INTEGER NOT NULL,
    gateway TEXT    NOT NULL,
    lines   INTEGER NOT NULL CHECK (lines >= 0),
    PRIMARY KEY (state, phase, file_id, gateway)
) WITHOUT ROWID;

CREATE TABLE approved_totals (
    file_id  INTEGER NOT NULL,
    currency TEXT    NOT NULL,
    minor    INTEGER NOT NULL CHECK (typeof(minor) = 'integer'), -- a sum that overflows is an error, not a float
    PRIMARY KEY (file_id, currency)
) WITHOUT ROWID;

-- Lines by what merchants know of them. Hashes are of 64 bits and mixed with the
-- merchant's; what they find is compared with the line itself.
CREATE TABLE line_index (
    kind INTEGER NOT NULL, -- 1 reference, 2 likeness, 3 transaction
    hash INTEGER NOT NULL,
    line INTEGER NOT NULL, -- lines.id
    PRIMARY KEY (kind, hash, line)
) WITHOUT ROWID;

CREATE TABLE wallets (
    merchant     TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    contract     TEXT    NOT NULL,
    gateway      TEXT    NOT NULL,
    status       TEXT    NOT NULL CHECK (status IN ('opening', 'active', 'disabled')),
    last_name    TEXT    NOT NULL,
    first_name   TEXT    NOT NULL,
    email        TEXT    NOT NULL,
    language     TEXT    NOT NULL,
    default_card INTEGER NOT NULL,
    open_line    INTEGER NOT NULL, -- lines.id, 0 for none
    created_at   INTEGER,
    updated_at   INTEGER,
    PRIMARY KEY (merchant, id)
) WITHOUT ROWID;

CREATE TABLE cards (
    merchant            TEXT    NOT NULL,
    wallet_id           TEXT    NOT NULL,
    card_index          INTEGER NOT NULL CHECK (card_index > 0),
    status              TEXT    NOT NULL,
    token               TEXT    NOT NULL,
    fingerprint         TEXT    NOT NULL,
    first_six           TEXT    NOT NULL,
    last_four           TEXT    NOT NULL,
    expiry              TEXT    NOT NULL,
    type                TEXT    NOT NULL,
    cardholder          TEXT    NOT NULL,
    network_transaction TEXT    NOT NULL,
    sealed              BLOB,
    PRIMARY KEY (merchant, wallet_id, card_index)
) WITHOUT ROWID;

-- What approved follow-up lines did to the line that made a transaction.
CREATE TABLE follow_ups (
    line      INTEGER PRIMARY KEY, -- lines.id of the original
    captured  INTEGER NOT NULL CHECK (captured >= 0),
    refunded  INTEGER NOT NULL CHECK (refunded >= 0),
    cancelled INTEGER NOT NULL,
    last_key  TEXT    NOT NULL
);

CREATE TABLE agreements (
    merchant     TEXT    NOT NULL,
    id           TEXT    NOT NULL,
    wallet_id    TEXT    NOT NULL,
    type         TEXT    NOT NULL,
    variability  TEXT    NOT NULL,
    expiry       TEXT    NOT NULL,
    max_payments INTEGER NOT NULL,
    min_days     INTEGER NOT NULL,
    fixed_minor  INTEGER NOT NULL,
    currency     TEXT    NOT NULL,
    fingerprint  TEXT    NOT NULL,
    first_key    TEXT    NOT NULL,
    trace        TEXT    NOT NULL,
    payments     INTEGER NOT NULL,
    last_payment INTEGER,
    stopped      INTEGER NOT NULL,
    PRIMARY KEY (merchant, id)
) WITHOUT ROWID;

CREATE TABLE answers (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id      INTEGER NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('ack', 'res', 'sup')),
    number       INTEGER NOT NULL,
    name         TEXT    NOT NULL,
    created_at   INTEGER,
    verdict      TEXT    NOT NULL DEFAULT '',
    code         TEXT    NOT NULL DEFAULT '',
    expected     INTEGER NOT NULL DEFAULT 0,
    size         INTEGER NOT NULL DEFAULT 0,
    digest       TEXT    NOT NULL DEFAULT '',
    delivered_at INTEGER,
    failures     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT    NOT NULL DEFAULT '',
    UNIQUE (file_id, kind, number)
);
CREATE INDEX answers_waiting ON answers (file_id) WHERE delivered_at IS NULL;

-- Lines that were not final in their RESULT, as they stood. Final lines never
-- change, so these rows and the final lines together give the RESULT again.
CREATE TABLE answer_lines (
    line         INTEGER PRIMARY KEY, -- lines.id
    supplement   INTEGER,             -- the SUPPLEMENT that told the line's end; NULL: none yet
    state        TEXT    NOT NULL,
    attempt      INTEGER NOT NULL,
    submitted_at INTEGER,
    completed_at INTEGER,
    answer       BLOB
);

CREATE TABLE journal (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,
    fence    INTEGER NOT NULL,
    actor    TEXT    NOT NULL,
    version  TEXT    NOT NULL,
    config   TEXT    NOT NULL,
    kind     TEXT    NOT NULL,
    file_id  INTEGER NOT NULL,
    body     TEXT    NOT NULL,
    previous TEXT    NOT NULL,
    hash     TEXT    NOT NULL
);

-- Which entries may concern which lines. The entry's body has the last word.
CREATE TABLE journal_lines (
    first INTEGER NOT NULL, -- lines.id
    entry INTEGER NOT NULL,
    last  INTEGER NOT NULL, -- of the same file
    PRIMARY KEY (first, entry)
) WITHOUT ROWID;

-- +goose StatementBegin
CREATE TRIGGER journal_update BEFORE UPDATE ON journal
BEGIN
    SELECT RAISE(ABORT, 'journal: entries are never changed');
END;
-- +goose StatementEnd

-- +goose StatementBegin
CREATE TRIGGER journal_delete BEFORE DELETE ON journal
BEGIN
    SELECT RAISE(ABORT, 'journal: entries are never removed');
END;
-- +goose StatementEnd
