package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cardbatch/batch"
)

// FollowUpKind is what a follow-up file lists.
type FollowUpKind string

const (
	TransactionsOfDay FollowUpKind = "transactions"
	PaymentsOfDay     FollowUpKind = "payments"
	// ExceptionsOfDay lists what American Express said on a day and cannot be.
	ExceptionsOfDay FollowUpKind = "exceptions"
)

// FollowUpKinds lists the kinds that a merchant may ask for.
var FollowUpKinds = []FollowUpKind{TransactionsOfDay, PaymentsOfDay}

// Series is the files of one kind for one contract: a file per day, numbered without gaps.
type Series struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	Kind     FollowUpKind
}

// DailyFile is a follow-up file. What is here, and the lines that ended, give its bytes:
// neither changes afterwards, whatever the configuration becomes.
type DailyFile struct {
	ID          int64
	Series      Series
	Day         string    // YYYY-MM-DD, in the time zone that the merchant had
	From, To    time.Time // half open
	Number      int64     // one more than that of the day before
	Name        string    // in the outbound folder; unique
	Encoding    string
	OpenedAt    time.Time
	Size        int64     // 0 until built
	Digest      string    // SHA-256, lower-case hex; empty until built
	DeliveredAt time.Time // zero while it waits
	Failures    int
	LastError   string
}

// EndedLine is a line of which an attempt ended: it is approved, declined or refused by the
// gateway. Lines that a rule of ours refused, and those answered again, are none.
type EndedLine struct {
	batch.LineRecord
	// Contract is the line's, or else that of the transaction that it acts on.
	Contract batch.ContractID
	FileRef  batch.FileRef
}

// EndedQuery selects ended lines of one contract by the time of their end.
type EndedQuery struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	From, To time.Time // half open; a zero From is no limit
	// ValueDate selects approved lines to which the gateway gave this value date; empty: all.
	ValueDate string
}

// FollowUpReader is what can be asked about the days of a merchant.
type FollowUpReader interface {
	// EndedLines yields lines in the order of their end, then of file and line number.
	// They never change, so that the same query of the past yields the same lines until they are forgotten.
	EndedLines(ctx context.Context, q EndedQuery) iter.Seq2[EndedLine, error]
	// FirstReceived tells when the merchant's first file came; ErrNotFound: none has.
	FirstReceived(ctx context.Context, merchant batch.MerchantID) (time.Time, error)
	// DailyFiles returns the files that match, by series and day.
	DailyFiles(ctx context.Context, q DailyQuery) ([]DailyFile, error)
}

// DailyQuery selects follow-up files; zero fields select everything.
type DailyQuery struct {
	Series  Series // each field of it
	Day     string
	Latest  bool // only the latest day of each series
	Waiting bool // only those not delivered
}

// FollowUpSession is the right to write follow-up files; each method is one transaction with
// one journal entry, and none when it has been said before.
type FollowUpSession interface {
	// OpenDaily decides the file of a day, or returns the one that is decided already. It follows the
	// day before without a gap: another day, number or beginning is ErrStale.
	OpenDaily(ctx context.Context, f DailyFile) (DailyFile, error)
	// DailyBuilt records size and digest of its bytes; a second call with others is ErrDamaged.
	// Only a day of exceptions that is not delivered can be built anew with other bytes.
	DailyBuilt(ctx context.Context, id int64, size int64, digest string) error
	// DailyDelivered records that it lies in the outbound folder, proven.
	DailyDelivered(ctx context.Context, id int64, at time.Time) error
	// DailyFailed records why it could not be delivered, for people.
	DailyFailed(ctx context.Context, id int64, reason string) error
}

// DailyName is the name of a follow-up file in the outbound folder. What a merchant or
// contract may hold and a file's name not is written as % and the byte in hex.
func DailyName(s Series, day string) string {
	return fmt.Sprintf("%s.%s.%s.%s.csv", s.Kind, nameOf(string(s.Merchant)), nameOf(string(s.Contract)), day)
}

func nameOf(id string) string {
	var name []byte
	for _, b := range []byte(id) {
		if b == '_' || b == '-' || '0' <= b && b <= '9' || 'A' <= b && b <= 'Z' || 'a' <= b && b <= 'z' {
			name = append(name, b)
		} else {
			name = fmt.Appendf(name, "%%%02X", b)
		}
	}
	return string(name)
}
