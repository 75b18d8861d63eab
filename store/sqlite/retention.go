package sqlite

import (
	"context"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// resealed is one sealed field with its new value.
type resealed struct {
	query string
	args  []any
}

// Reseal passes sealed fields that want it through reseal. It reads while nothing
// is locked and writes what it made in one transaction, each field only if it is
// still the one that was read.
func (n *session) Reseal(ctx context.Context, wants func(sealed []byte) bool, reseal func(sealed []byte, bound string) ([]byte, error), limit int) (int, error) {
	var made []resealed
	renew := func(sealed []byte, bound, query string, key ...any) error {
		if !wants(sealed) {
			return nil
		}
		fresh, err := reseal(sealed, bound)
		if err != nil {
			return err
		}
		made = append(made, resealed{query, append(append([]any{fresh}, key...), sealed)})
		if len(made) == limit {
			return errStop
		}
		return nil
	}
	err := n.eachSealed(ctx, renew)
	if err != nil && err != errStop {
		return 0, fault("reseal", err)
	}
	if len(made) == 0 {
		return 0, nil
	}
	changed := 0
	err = n.write(ctx, "reseal", 0, func(c *change) error {
		for _, r := range made {
			n, err := c.exec(r.query, r.args...)
			if err != nil {
				return err
			}
			changed += int(n)
		}
		c.body.Count = changed
		return nil
	})
	if err != nil {
		return 0, err
	}
	return changed, nil
}

// eachSealed calls renew for every sealed field: of wallets' cards, of orders that are not
// carried out, and of lines that are not final, which counts lead to.
func (n *session) eachSealed(ctx context.Context, renew func(sealed []byte, bound, query string, key ...any) error) error {
	err := each(n.read(ctx), func(row scanner) error {
		var merchant batch.MerchantID
		var wallet batch.WalletID
		var index int
		var sealed []byte
		if err := row.Scan(&merchant, &wallet, &index, &sealed); err != nil {
			return err
		}
		return renew(sealed, batch.CardBinding(merchant, wallet, index),
			`UPDATE cards SET sealed = ? WHERE merchant = ? AND wallet_id = ? AND card_index = ? AND sealed = ?`, string(merchant), string(wallet), index)
	}, `SELECT merchant, wallet_id, card_index, sealed FROM cards WHERE sealed IS NOT NULL`)
	if err != nil {
		return err
	}
	err = each(n.read(ctx), func(row scanner) error {
		var id int64
		var merchant batch.MerchantID
		var wallet batch.WalletID
		var index int
		var sealed []byte
		if err := row.Scan(&id, &merchant, &wallet, &index, &sealed); err != nil {
			return err
		}
		return renew(sealed, batch.CardBinding(merchant, wallet, index), `UPDATE card_orders SET sealed = ? WHERE id = ? AND sealed = ?`, id)
	}, `SELECT id, merchant, wallet_id, card_index, sealed FROM card_orders WHERE `+openOrders+` AND sealed IS NOT NULL`)
	if err != nil {
		return err
	}
	open := []batch.LineState{batch.Queued, batch.Submitting, batch.Pending, batch.InDoubt}
	merchants := map[batch.FileID]batch.MerchantID{}
	for r, err := range n.Lines(ctx, store.LineQuery{States: open}) {
		if err != nil {
			return err
		}
		if len(r.Sealed) == 0 {
			continue
		}
		merchant, known := merchants[r.Address.File]
		if !known {
			f, err := n.File(ctx, r.Address.File)
			if err != nil {
				return err
			}
			merchant = f.Header.Merchant
			merchants[r.Address.File] = merchant
		}
		if merchant == "" {
			continue // not checked yet: its check seals again
		}
		if err := renew(r.Sealed, batch.LineBinding(merchant, r.Line.Ref), `UPDATE lines SET sealed = ? WHERE id = ? AND sealed = ?`, lineID(r.Address)); err != nil {
			return err
		}
	}
	return nil
}

// forgettable are files whose end was before a time, with nothing open: no answer
// that waits, no line that is not final unless it never will be.
const forgettable = `SELECT id FROM files f WHERE forgotten < 2 AND state IN ('delivered', 'rejected', 'recalled') AND settled_at < ?
	AND NOT EXISTS (SELECT 1 FROM answers a WHERE a.file_id = f.id AND a.delivered_at IS NULL)
	AND (state <> 'delivered' OR NOT EXISTS (SELECT 1 FROM counts c WHERE c.state IN ('queued', 'submitting', 'pending', 'in_doubt') AND c.phase IN (0, 1, 2, 3) AND c.file_id = f.id))
	ORDER BY id`

// Forget deletes what belongs to files that ended before the time. The journal
// says so first; a run that dies while deleting leaves the rest to the next.
func (n *session) Forget(ctx context.Context, before time.Time) (int, error) {
	var files []batch.FileID
	err := each(n.read(ctx), func(row scanner) error {
		var id batch.FileID
		err := row.Scan(&id)
		files = append(files, id)
		return err
	}, forgettable, micros(before))
	if err != nil {
		return 0, fault("forget", err)
	}
	for _, file := range files {
		if err := n.forget(ctx, file); err != nil {
			return 0, err
		}
	}
	return len(files), nil
}

func (n *session) forget(ctx context.Context, file batch.FileID) error {
	err := n.write(ctx, "forget", file, func(c *change) error {
		c.body.Gone = []store.GoneFile{{File: file}}
		if err := c.one("the file", `UPDATE files SET forgotten = 1 WHERE id = ? AND forgotten < 2`, file); err != nil {
			return err
		}
		if err := c.clearStaged(file); err != nil {
			return err
		}
		if _, err := c.exec(`DELETE FROM findings WHERE file_id = ?`, file); err != nil {
			return err
		}
		_, err := c.exec(`DELETE FROM answers WHERE file_id = ?`, file)
		return err
	})
	if err != nil {
		return err
	}
	forgotten := func(c *change, id batch.FileID) (batch.File, error) {
		var mark int
		if err := c.row(`SELECT forgotten FROM files WHERE id = ?`, id).Scan(&mark); err != nil {
			return batch.File{}, err
		}
		if mark == 0 {
			return batch.File{}, fmt.Errorf("%w: file %d is not to be forgotten", store.ErrStale, id)
		}
		return fileOf(c, id)
	}
	if err := n.removeLines(ctx, file, forgotten); err != nil {
		return err
	}
	return n.write(ctx, "forgotten", file, func(c *change) error {
		c.silent = true
		return c.one("the file", `UPDATE files SET forgotten = 2 WHERE id = ?`, file)
	})
}
