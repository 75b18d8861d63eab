package sqlite

import (
	"context"
	"fmt"
	"strconv"

	"cardbatch/batch"
)

// Transactions returns those of the transactions that exist. A gateway may answer
// a follow-up with the id of its original: the payment itself is meant, or else
// the earliest line.
func (s *Store) Transactions(ctx context.Context, merchant batch.MerchantID, ids []batch.TransactionID) (map[batch.TransactionID]*batch.Transaction, error) {
	wanted := make(map[batch.TransactionID]bool, len(ids))
	hashes := make([]int64, 0, len(ids))
	for _, id := range ids {
		wanted[id] = true
		hashes = append(hashes, transactionHash(id)^merchantHash(merchant))
	}
	asked, err := list(hashes)
	if err != nil {
		return nil, fmt.Errorf("read transactions: %w", err)
	}
	found := make(map[batch.TransactionID]*batch.Transaction, len(ids))
	err = each(s.read(ctx), func(row scanner) error {
		var t batch.Transaction
		r, err := scanLine(row, &t.Captured, &t.Refunded, &t.Cancelled, &t.LastFollowUp, &t.LastFollowUpID)
		if err != nil {
			return err
		}
		id := r.Answer.TransactionID
		if !wanted[id] || found[id] != nil {
			return nil // another id with the same hash, or a later line
		}
		l := &r.Line
		t.ID, t.Line, t.Command, t.Action, t.Key, t.Of = id, r.Address, l.Command, l.Action, r.Key(merchant), l.TransactionID
		t.Contract, t.Gateway, t.OrderRef, t.WalletID, t.AgreementID = l.Contract, r.Gateway, l.OrderRef, l.WalletID, l.AgreementID
		t.Amount, _ = l.Amount()
		t.CompletedAt, t.NetworkTrace = r.CompletedAt, r.Answer.NetworkTransaction
		index := r.Answer.CardIndex
		if index == "" {
			index = l.CardIndex
		}
		t.CardIndex, _ = strconv.Atoi(index) // 0: the default card
		found[id] = &t
		return nil
	}, `SELECT `+lineColumns+`, coalesce(u.captured, 0), coalesce(u.refunded, 0), coalesce(u.cancelled, 0), coalesce(u.last_key, ''), coalesce(u.last_id, '')
		FROM line_index x CROSS JOIN lines l ON l.id = x.line CROSS JOIN files f ON f.id = l.file_id LEFT JOIN follow_ups u ON u.line = l.id
		WHERE x.kind = 3 AND x.hash IN (SELECT value FROM json_each(?)) AND f.merchant = ?
		ORDER BY l.phase, l.id`, asked, string(merchant))
	return found, fault("read transactions", err)
}
