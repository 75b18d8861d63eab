package sqlite

import (
	"crypto/sha256"
	"encoding/binary"

	"cardbatch/batch"
)

// Kinds of line_index.
const (
	byReference   = 1
	byLikeness    = 2
	byTransaction = 3
)

// hash64 hashes texts, each with its length, so that no two lists read alike.
func hash64(parts ...string) int64 {
	var room [256]byte
	buf := room[:0]
	for _, p := range parts {
		buf = binary.AppendUvarint(buf, uint64(len(p)))
		buf = append(buf, p...)
	}
	sum := sha256.Sum256(buf)
	return int64(binary.BigEndian.Uint64(sum[:8]))
}

func refHash(ref batch.LineRef) int64 { return hash64("reference", string(ref)) }

func transactionHash(id batch.TransactionID) int64 { return hash64("transaction", string(id)) }

func merchantHash(m batch.MerchantID) int64 { return hash64("merchant", string(m)) }

// likeHash is nil for lines that take no part in the search for lookalikes.
func likeHash(l *batch.Line) any {
	amount, ok := l.Amount()
	if !ok || l.Command.Phase() != batch.PhasePayment {
		return nil
	}
	var minor [8]byte
	binary.BigEndian.PutUint64(minor[:], uint64(amount.Minor))
	return hash64("likeness", string(l.WalletID), string(minor[:]), string(amount.Currency))
}

// mixed is a line's hash mixed with its merchant's, as line_index holds it. Lines
// are staged before the merchant is known, so the mixing is done in SQL, which has
// no exclusive or: a^b = (a|b) - (a&b).
func mixed(column, merchant string) string {
	return "((" + column + " | " + merchant + ") - (" + column + " & " + merchant + "))"
}
