-- +goose Up

-- The batch that a line travels in (batch.BatchName); NULL for lines that travel alone.
ALTER TABLE lines ADD COLUMN batch TEXT;
CREATE INDEX lines_batch ON lines (batch) WHERE batch IS NOT NULL;

-- Gateways that name transactions themselves are asked by those names.
ALTER TABLE follow_ups ADD COLUMN last_id TEXT NOT NULL DEFAULT '';
ALTER TABLE agreements ADD COLUMN first_id TEXT NOT NULL DEFAULT '';
