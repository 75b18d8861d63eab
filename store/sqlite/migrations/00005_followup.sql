-- +goose Up

-- Lines in the order of their end. Ends come one after the other, so that the index grows at
-- its right end only.
CREATE INDEX lines_ended ON lines (completed_at) WHERE completed_at IS NOT NULL;

-- Approved lines to which the gateway gave a value date; of most gateways there are none.
CREATE TABLE value_dates (
    line         INTEGER PRIMARY KEY, -- lines.id
    day          TEXT    NOT NULL,
    completed_at INTEGER NOT NULL     -- as the line's
);
CREATE INDEX value_dates_day ON value_dates (day, completed_at);

-- Follow-up files: one per merchant, contract, kind and day.
CREATE TABLE daily_files (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    merchant     TEXT    NOT NULL,
    contract     TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('transactions', 'payments', 'exceptions')),
    day          TEXT    NOT NULL,
    begins       INTEGER NOT NULL,
    ends         INTEGER NOT NULL CHECK (ends >= begins),
    number       INTEGER NOT NULL CHECK (number > 0),
    name         TEXT    NOT NULL UNIQUE,
    encoding     TEXT    NOT NULL,
    opened_at    INTEGER,
    size         INTEGER NOT NULL DEFAULT 0,
    digest       TEXT    NOT NULL DEFAULT '',
    delivered_at INTEGER,
    failures     INTEGER NOT NULL DEFAULT 0,
    last_error   TEXT    NOT NULL DEFAULT '',
    UNIQUE (merchant, contract, kind, day)
);
CREATE INDEX daily_files_waiting ON daily_files (id) WHERE delivered_at IS NULL;
