package store

import (
	"context"
	"iter"
	"time"

	"cardbatch/batch"
)

// PartnerKind is what a file exchanged with a partner is about.
type PartnerKind string

const (
	EnrolmentFile PartnerKind = "enrolment" // ours
	ChargeFile    PartnerKind = "charge"    // ours
	StatusFile    PartnerKind = "status"    // theirs
	ResponseFile  PartnerKind = "response"  // theirs
)

// PartnerState is where such a file stands.
//
// Ours: open → staged → sent. open: its content is decided; staged: proven to lie complete
// under its temporary name; sent: renamed. A file of ours that is open may be written
// again with the same bytes; one that is staged is never written again: only the rename
// moves its temporary name, so where that is gone the rename has happened.
//
// Theirs: taken, held (its sequence number is ahead) or rejected.
type PartnerState string

const (
	PartnerOpen     PartnerState = "open"
	PartnerStaged   PartnerState = "staged"
	PartnerSent     PartnerState = "sent"
	PartnerTaken    PartnerState = "taken"
	PartnerHeld     PartnerState = "held"
	PartnerRejected PartnerState = "rejected"
)

// PartnerFile is a file exchanged with American Express.
type PartnerFile struct {
	ID        int64
	Kind      PartnerKind
	SE        string
	Sequence  int64
	Name      string // unique
	Batch     string // of a charge file: the batch that it carries (batch.BatchName)
	Terms     batch.ChargeTerms
	CreatedAt time.Time // stands in its header; its bytes are a function of what is here and of its records
	State     PartnerState
	Size      int64  // of ours: 0 until staged
	Digest    string // SHA-256, lower-case hex
	SentAt    time.Time
	Reason    string // why it is held or rejected, or could not be sent last
}

// PartnerReader is what can be asked of the exchange with American Express.
type PartnerReader interface {
	// Enrolments yields enrolments by id.
	Enrolments(ctx context.Context, q EnrolmentQuery) iter.Seq2[batch.Enrolment, error]
	// StatusEvents yields the events of an enrolment, in the order of batch.CompareEvents;
	// what two files told is there twice.
	StatusEvents(ctx context.Context, enrolment int64) iter.Seq2[batch.StatusEvent, error]
	// PartnerFiles returns files by id.
	PartnerFiles(ctx context.Context, q PartnerQuery) ([]PartnerFile, error)
	// ChargeAnswers returns those of the answers that have come.
	ChargeAnswers(ctx context.Context, keys []batch.Key) (map[batch.Key]batch.ChargeAnswer, error)
	// PartnerExceptions yields the exceptions of files ingested in [from, to), by that time, file
	// and line. Among them are the events that contradict others (batch.Fold) as far as
	// is known now: one that a later file explains is none any more.
	PartnerExceptions(ctx context.Context, from, to time.Time) iter.Seq2[batch.PartnerException, error]
}

// EnrolmentQuery selects enrolments; zero fields select everything.
type EnrolmentQuery struct {
	Merchant batch.MerchantID
	Wallet   batch.WalletID
	Wallets  []batch.WalletID // any of these; for many lines at a time
	SE       string
	Route    batch.SmartBillRoute
	Statuses []batch.CardStatus
	File     string    // those that the enrolment file carries: adds (AskedIn) and removals (RemovedIn)
	Aliases  []string  // of one SE
	Unasked  bool      // only those whose request or removal waits for a file
	Before   time.Time // registered before
	// ToldBefore leaves out those of which something was told (ingested) at or after it.
	ToldBefore time.Time
}

// PartnerQuery selects files; zero fields select everything.
type PartnerQuery struct {
	Kind   PartnerKind
	SE     string
	States []PartnerState
	Name   string
	Batch  string
	Digest string
}

// PartnerSession is the right to write it; each method is one transaction with one journal entry.
type PartnerSession interface {
	// OpenEnrolmentFile gives the waiting requests and removals of an SE number to a new
	// file with the next sequence number (1 after none, without gaps), or returns the one of that SE
	// that is open already. A card that was removed before it was asked for is in no file, nor is the removal
	// of one that American Express refused or cancelled. ErrNotFound: nothing waits. name makes the file's name of SE and number.
	OpenEnrolmentFile(ctx context.Context, se string, name func(se string, sequence int64) string, at time.Time) (PartnerFile, error)
	// OpenChargeFile returns the file of the batch as recorded, or makes it with the next sequence number of the SE.
	OpenChargeFile(ctx context.Context, batchName string, terms batch.ChargeTerms, name func(se string, sequence int64) string, at time.Time) (PartnerFile, error)
	// PartnerStaged records that a file of ours lies proven under its temporary name;
	// other bytes than recorded before are ErrDamaged. PartnerSent records its rename.
	PartnerStaged(ctx context.Context, id int64, size int64, digest string) error
	PartnerSent(ctx context.Context, id int64, at time.Time) error
	// PartnerFailed records why a file of ours could not be sent, for people.
	PartnerFailed(ctx context.Context, id int64, reason string) error
	// Ingest records a file of theirs with all that it says, in one transaction: events change
	// enrolments, wallets and cards as batch.Fold says; answers are kept for ChargeAnswers; exceptions
	// for the report. The same digest again changes nothing and returns the file as recorded.
	// A held or rejected file is recorded with its reason alone; a held one may come again as taken or
	// rejected, a rejected one as taken: what it was rejected for may have been ours. Other bytes under the name of a file that is not rejected are ErrStale.
	// What a processor told, not a file, comes without a name: its events are kept, none is written twice.
	// Events of an alias that is not known become exceptions here; so do answers that differ from
	// an earlier one to the same key, which stays. Once American Express has answered an enrolment
	// that was asked for in a file, the card's sealed number goes: nothing needs it any more.
	Ingest(ctx context.Context, f PartnerFile, events []batch.StatusEvent, answers []batch.ChargeAnswer, exceptions []batch.PartnerException, at time.Time) (PartnerFile, error)
}
