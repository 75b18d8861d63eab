package sqlite

import (
	"context"

	"cardbatch/batch"
	"cardbatch/store"
)

// self reads the store's own row.
func (s *Store) self(ctx context.Context) (info store.Info, err error) {
	err = s.read(ctx).row(`SELECT id, environment, fence, journal_len, journal_head FROM store`).
		Scan(&info.ID, &info.Environment, &info.Fence, &info.JournalLen, &info.JournalHead)
	return info, err
}

// Info describes the store as a whole.
func (s *Store) Info(ctx context.Context) (store.Info, error) {
	info, err := s.info(ctx)
	return info, fault("describe store", err)
}

func (s *Store) info(ctx context.Context) (store.Info, error) {
	info, err := s.self(ctx)
	if err != nil {
		return info, err
	}
	version, err := schemaVersion(ctx, s.readers)
	if err != nil {
		return info, err
	}
	info.Schema = int(version)
	into := map[batch.LineState]*int{
		batch.Queued: &info.LinesQueued, batch.InDoubt: &info.LinesInDoubt, batch.Pending: &info.LinesPending, batch.Submitting: &info.LinesSubmitting,
	}
	err = each(s.read(ctx), func(row scanner) error {
		var state batch.LineState
		var lines int
		err := row.Scan(&state, &lines)
		if n := into[state]; n != nil {
			*n = lines
		}
		return err
	}, `SELECT c.state, sum(c.lines) FROM counts c CROSS JOIN files f ON f.id = c.file_id
		WHERE c.state IN ('queued', 'in_doubt', 'pending', 'submitting') AND f.state IN `+sendable+` GROUP BY c.state`)
	if err != nil {
		return info, err
	}
	err = s.read(ctx).row(`SELECT (SELECT count(*) FROM files WHERE state = 'held'), (SELECT count(*) FROM answers WHERE delivered_at IS NULL)`).
		Scan(&info.FilesHeld, &info.Waiting)
	return info, err
}
