package sqlite

import (
	"context"
	"errors"
	"iter"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

var errNoMerchant = errors.New("the file's merchant is not known; Checked comes first")

// Index makes the staged lines known by reference, then yields namesakes. By likeness
// a file becomes known only when another one asks for it, see Alike.
func (n *session) Index(ctx context.Context, file batch.FileID) iter.Seq2[store.Namesake, error] {
	return stream("index", func(yield func(store.Namesake) error) error {
		var merchant batch.MerchantID
		err := n.write(ctx, "index", file, func(c *change) error {
			f, err := c.undecided(file)
			if err != nil {
				return err
			}
			if merchant = f.Header.Merchant; merchant == "" {
				return errNoMerchant
			}
			return c.index(byReference, "ref_hash", "state = 'queued'", f)
		})
		if err != nil {
			return err
		}
		return n.namesakes(ctx, file, merchant, yield)
	})
}

// index adds lines of a file. They are sorted first, on disk if need be: the index
// then grows from left to right instead of page by random page.
func (c *change) index(kind int, column, wanted string, f batch.File) error {
	first, last := span(f.ID)
	_, err := c.exec(`INSERT OR IGNORE INTO line_index (kind, hash, line)
		SELECT ?1, `+mixed(column, "?2")+` AS hash, id FROM lines
		WHERE id BETWEEN ?3 AND ?4 AND `+wanted+` ORDER BY hash, id`,
		kind, merchantHash(f.Header.Merchant), first, last)
	return err
}

// namesakes walks the staged lines in the order of the index, so that each page of
// it is read once. LIMIT -1 keeps SQLite from dropping the inner order.
var namesakesQuery = `
	SELECT s.id, e.id, e.state, e.content_hash = l.content_hash, f.name, l.stored, e.stored
	FROM (SELECT id, ` + mixed("ref_hash", "?2") + ` AS hash FROM lines WHERE id BETWEEN ?3 AND ?4 AND state = 'queued' ORDER BY hash LIMIT -1) s
	CROSS JOIN line_index x ON x.kind = 1 AND x.hash = s.hash AND x.line <> s.id
	CROSS JOIN lines e ON e.id = x.line
	CROSS JOIN files f ON f.id = e.file_id
	CROSS JOIN lines l ON l.id = s.id
	WHERE CASE WHEN f.id = ?1 THEN x.line < s.id ELSE f.merchant = ?5 AND f.state NOT IN ('rejected', 'recalled') END
	ORDER BY s.id, f.id <> ?1, x.line`

func (n *session) namesakes(ctx context.Context, file batch.FileID, merchant batch.MerchantID, yield func(store.Namesake) error) error {
	first, last := span(file)
	told := 0
	return each(n.read(ctx), func(row scanner) error {
		var staged, earlier int64
		var found store.Namesake
		var mine, theirs []byte
		if err := row.Scan(&staged, &earlier, &found.State, &found.Same, &found.Name, &mine, &theirs); err != nil {
			return err
		}
		found.No, found.Earlier = addressOf(staged).No, addressOf(earlier)
		if found.No == told {
			return nil // one namesake is enough
		}
		same, err := sameRef(mine, theirs)
		if err != nil || !same {
			return err
		}
		told = found.No
		return yield(found)
	}, namesakesQuery, file, merchantHash(merchant), first, last, string(merchant))
}

// sameRef compares the references of two lines, because hashes may meet by chance.
func sameRef(a, b []byte) (bool, error) {
	var x, y batch.Line
	if err := errors.Join(batch.DecodeLine(a, &x), batch.DecodeLine(b, &y)); err != nil {
		return false, err
	}
	return x.Ref == y.Ref, nil
}

// The hash covers the wallet; amount and currency are compared too. Two wallets
// whose hashes meet would count one line too many of the many that hold a file.
var alikeQuery = `
	SELECT count(*), coalesce(max(example), 0) FROM (
		SELECT (
			SELECT f.id FROM line_index x
			CROSS JOIN files f ON f.id = x.line >> 24
			CROSS JOIN lines e ON e.id = x.line
			WHERE x.kind = 2 AND x.hash = s.hash AND f.id <> ?1 AND f.merchant = ?5
				AND f.state NOT IN ('rejected', 'recalled') AND (f.received_at >= ?6 OR f.state IN ('accepted', 'running'))
				AND e.amount = s.amount AND e.currency = s.currency
			ORDER BY x.line DESC LIMIT 1
		) AS example
		FROM (SELECT ` + mixed("like_hash", "?2") + ` AS hash, amount, currency FROM lines
			WHERE id BETWEEN ?3 AND ?4 AND state = 'queued' AND like_hash IS NOT NULL ORDER BY hash LIMIT -1) s
	) WHERE example IS NOT NULL`

// Alike counts the staged payment lines that resemble a line of another file. Most
// nights there is no other file to compare with, and nothing to do.
func (n *session) Alike(ctx context.Context, file batch.FileID, since time.Time) (lines int, example batch.FileID, err error) {
	f, err := n.File(ctx, file)
	if err == nil && f.Header.Merchant == "" {
		err = errNoMerchant
	}
	if err != nil {
		return 0, 0, fault("look for alike lines", err)
	}
	others, err := n.comparable(ctx, f, since)
	if err != nil || len(others) == 0 {
		return 0, 0, fault("look for alike lines", err)
	}
	for _, other := range others {
		if err := n.indexLikeness(ctx, other); err != nil {
			return 0, 0, err
		}
	}
	first, last := span(file)
	err = n.read(ctx).row(alikeQuery, file, merchantHash(f.Header.Merchant), first, last, string(f.Header.Merchant), since.UnixMicro()).Scan(&lines, &example)
	return lines, example, fault("look for alike lines", err)
}

// comparable lists the merchant's other files with payment lines that are recent or still running.
func (n *session) comparable(ctx context.Context, f batch.File, since time.Time) (ids []batch.FileID, err error) {
	err = each(n.read(ctx), func(row scanner) error {
		var id batch.FileID
		err := row.Scan(&id)
		ids = append(ids, id)
		return err
	}, `SELECT id FROM files WHERE merchant = ? AND id <> ? AND state NOT IN ('rejected', 'recalled') AND (received_at >= ? OR state IN ('accepted', 'running'))
		AND EXISTS (SELECT 1 FROM counts WHERE counts.file_id = files.id AND phase = ?)`,
		string(f.Header.Merchant), f.ID, since.UnixMicro(), int(batch.PhasePayment))
	return ids, err
}

// indexLikeness makes a file known by likeness, once.
func (n *session) indexLikeness(ctx context.Context, file batch.FileID) error {
	return n.write(ctx, "index likeness", file, func(c *change) error {
		c.silent = true
		f, err := fileOf(c, file)
		if err != nil {
			return err
		}
		fresh, err := c.exec(`UPDATE files SET likeness = 1 WHERE id = ? AND likeness = 0`, file)
		if err != nil || fresh == 0 {
			return err
		}
		return c.index(byLikeness, "like_hash", "like_hash IS NOT NULL", f)
	})
}
