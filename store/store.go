// Package store is the contract of the durable state: files, lines, wallets,
// transactions, agreements, answers, and the journal that binds them.
//
// Engines live in sub-packages and pass the one suite in store/storetest, where
// the behaviour described here is defined. Nothing in this contract supposes one
// engine: what SQLite does with one connection, PostgreSQL does with a pool.
//
// Reading needs no lock. Writing needs a Session: the one holder of the store's
// lock, with a fencing token that every write checks, so that a holder that lost
// the lock can write nothing. Every write is one transaction, appends one entry
// to the journal, and is durable when the method returns; StageLines and
// StageFindings alone write no entry, because a file means nothing before its verdict.
//
// No driver error leaves an engine: callers see the sentinels below, wrapped.
package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

var (
	// ErrNotFound: there is no such file, line, wallet or answer.
	ErrNotFound = errors.New("not in the store")
	// ErrStale: a line or file is no longer in the state that the change expects. Nothing was written.
	ErrStale = errors.New("the state has changed meanwhile")
	// ErrFenced: another session took the lock. Nothing was written.
	ErrFenced = errors.New("another run has taken over the store")
	// ErrUnbound: the store is a copy, was restored from an older state, or was emptied (promise P9).
	ErrUnbound = errors.New("the store is not the one that this installation used last")
	// ErrEnvironment: the store belongs to the other of TEST and LIVE.
	ErrEnvironment = errors.New("the store belongs to another environment")
	// ErrSchema: the store was written by a newer program.
	ErrSchema = errors.New("the store was written by a newer version of the program")
	// ErrDamaged: the journal or the database itself does not hold together.
	ErrDamaged = errors.New("the store is damaged")
)

// LockedError says who holds the lock.
type LockedError struct {
	Actor string // as given to Begin
	PID   int
	Host  string
	Since time.Time
}

func (e *LockedError) Error() string {
	return fmt.Sprintf("%s holds the lock since %s (process %d on %s)", e.Actor, e.Since.Format(time.RFC3339), e.PID, e.Host)
}

// Store is an open store.
type Store interface {
	Reader
	// Begin takes the lock and starts a session. It returns *LockedError at once
	// when another session holds it, and ErrUnbound or ErrEnvironment when the store may
	// not be written here.
	Begin(ctx context.Context, actor Actor) (Session, error)
	// Adopt binds the store as it stands to this installation (promise P9),
	// whatever Begin would say about it, the environment aside; the reason goes to the journal.
	Adopt(ctx context.Context, actor Actor, reason string) error
	// Check says what Begin would refuse, and neither takes the lock nor writes:
	// *LockedError while a session lasts, ErrUnbound, ErrEnvironment. It is for
	// people who look; only Begin decides.
	Check(ctx context.Context) error
	// Close releases everything. Sessions must be ended before.
	Close() error
}

// Actor is who writes, for lock and journal.
type Actor struct {
	Name    string // "run", "resolve", …; with the operator's name where there is one
	Version string // of the program
	Config  string // hash of the configuration
}

// Info describes a store as a whole.
type Info struct {
	ID              string // random, made with the store
	Environment     batch.Mode
	Schema          int
	Fence           int64 // token of the latest session
	JournalLen      int64
	JournalHead     string // hash of the latest entry, hex
	LinesQueued     int    // lines of files accepted, running, answered or delivered
	LinesInDoubt    int
	LinesPending    int
	LinesSubmitting int
	FilesHeld       int
	Waiting         int // answers not delivered
}

// Reader is everything that can be asked.
type Reader interface {
	PartnerReader
	FollowUpReader
	NotificationReader
	UpdaterReader
	Info(ctx context.Context) (Info, error)

	File(ctx context.Context, id batch.FileID) (batch.File, error)
	// Files yields the files that match, newest first unless the query says otherwise.
	Files(ctx context.Context, q FileQuery) ([]batch.File, error)
	// Sequences tells which sequence numbers the merchant has used (accepted or held
	// files): whether n is among them, and the highest, leaving out files held for
	// their gap, which still wait for those between.
	Sequences(ctx context.Context, merchant batch.MerchantID, n int64) (highest int64, used bool, err error)
	// Findings yields the findings of a file by line, then in the order staged.
	Findings(ctx context.Context, file batch.FileID) iter.Seq2[batch.Finding, error]

	// Lines yields lines in order of file and line number, streaming.
	Lines(ctx context.Context, q LineQuery) iter.Seq2[batch.LineRecord, error]
	Line(ctx context.Context, at batch.LineAddress) (batch.LineRecord, error)
	// LineByRef finds the line of a file with the reference.
	LineByRef(ctx context.Context, file batch.FileID, ref batch.LineRef) (batch.LineRecord, error)
	Tally(ctx context.Context, file batch.FileID) (batch.Tally, error)
	// NextQueued returns at most q.Limit queued lines after q.After, ordered by file and
	// line, of files that are accepted, running, answered or delivered.
	NextQueued(ctx context.Context, q QueueQuery) ([]batch.LineRecord, error)
	// Plan sums what is queued, by merchant, gateway, command and currency.
	Plan(ctx context.Context) ([]PlanRow, error)

	// Wallets returns those of the wallets that exist, with their cards.
	Wallets(ctx context.Context, merchant batch.MerchantID, ids []batch.WalletID) (map[batch.WalletID]*batch.Wallet, error)
	// ListWallets yields the merchant's wallets by id; an empty merchant means all.
	ListWallets(ctx context.Context, merchant batch.MerchantID) iter.Seq2[batch.Wallet, error]
	// Transactions returns those of the transactions that exist.
	Transactions(ctx context.Context, merchant batch.MerchantID, ids []batch.TransactionID) (map[batch.TransactionID]*batch.Transaction, error)
	// Agreements returns those of the agreements that exist.
	Agreements(ctx context.Context, merchant batch.MerchantID, ids []batch.AgreementID) (map[batch.AgreementID]*batch.Agreement, error)

	// AnswerLines yields the lines of one answer as they stood when it was made,
	// by line number: all lines for number 0 (the RESULT), those settled since for
	// a SUPPLEMENT. The same answer yields the same lines for ever.
	AnswerLines(ctx context.Context, file batch.FileID, number int) iter.Seq2[batch.LineRecord, error]
	// Answers returns answers by id; with waiting, only those not delivered.
	Answers(ctx context.Context, file batch.FileID, waiting bool) ([]AnswerFile, error)

	// Journal yields the entries from number (counting from 1) on.
	Journal(ctx context.Context, from int64) iter.Seq2[Entry, error]
	// History yields the entries that concern one line, oldest first.
	History(ctx context.Context, at batch.LineAddress) iter.Seq2[Entry, error]
	// VerifyJournal walks the chain and compares it with the state it explains. It
	// returns the number of entries, and ErrDamaged with the first entry that does not fit.
	VerifyJournal(ctx context.Context) (int64, error)
}

// FileQuery selects files; zero fields select everything.
type FileQuery struct {
	Merchant batch.MerchantID
	Source   string
	States   []batch.FileState
	Digest   string
	Ref      batch.FileRef
	Name     string
	Since    time.Time // received at or after
	Before   time.Time // received before
	Untold   bool      // only files with lines that were not final in their RESULT and are in no SUPPLEMENT yet
	Claimed  bool      // only files whose original still lies in the inbound folder
	Archived bool      // only files whose original is in the archive
	Oldest   bool      // oldest first
	Limit    int       // 0: all
}

// LineQuery selects lines; zero fields select everything.
type LineQuery struct {
	File   batch.FileID
	States []batch.LineState
	Batch  string // of lines that were sent in this batch last
	After  batch.LineAddress
	Limit  int // 0: all
}

// QueueQuery selects queued lines: one phase of one gateway, after a cursor.
type QueueQuery struct {
	Phase   batch.Phase
	Gateway batch.GatewayName
	After   batch.LineAddress
	Limit   int
}

// PlanRow is one line of what would be sent.
type PlanRow struct {
	Merchant batch.MerchantID
	Gateway  batch.GatewayName
	Command  batch.Command
	Lines    int
	Total    money.Amount // zero currency when the lines carry no amount
}

// Session is the right to write. Each method checks the fencing token.
type Session interface {
	PartnerSession
	FollowUpSession
	NotificationSession
	UpdaterSession
	// Fence is the session's token; it rises with every session.
	Fence() int64
	// End releases the lock. It is safe to call twice.
	End() error

	// Receive records a file as received. A file of the same source, claim name, size and
	// digest that is already recorded and whose claim is still open is returned instead: a run that died
	// between claim and record comes back here.
	Receive(ctx context.Context, f batch.File) (batch.File, error)
	// Restage forgets staged lines and findings of a file that has no verdict.
	Restage(ctx context.Context, file batch.FileID) error
	// StageLines adds a chunk of lines to a file that has no verdict.
	StageLines(ctx context.Context, file batch.FileID, lines []StagedLine) error
	// StageFindings adds findings to a file that has no verdict.
	StageFindings(ctx context.Context, file batch.FileID, findings []batch.Finding) error
	// Checked records that a file was read whole and its lines are staged: received becomes
	// checked, with header and layout, which Index and Alike need. It may be repeated until the verdict.
	Checked(ctx context.Context, f batch.File) error
	// Index makes the staged lines known by reference and by likeness, then yields for every
	// staged line an earlier line with the same reference: in the same file, or in a file of the same merchant
	// that is not rejected or recalled. Lines staged as refused take no part. The caller may
	// write while it ranges.
	Index(ctx context.Context, file batch.FileID) iter.Seq2[Namesake, error]
	// Alike counts the staged payment lines still queued that resemble (wallet, amount, currency) a line of
	// another file that was received since or is still running, and names one such file. It follows Index.
	Alike(ctx context.Context, file batch.FileID, since time.Time) (lines int, example batch.FileID, err error)
	// AnswerAgain gives staged lines the outcome of their namesakes, marked as duplicate.
	AnswerAgain(ctx context.Context, file batch.FileID, pairs []Namesake) error
	// RefuseStaged makes staged lines refused with the code, because of their findings.
	RefuseStaged(ctx context.Context, file batch.FileID, lines []int, code string) error
	// Decide gives the file its verdict: f.State is rejected, held or accepted, with
	// header, layout, counts and totals. A rejected file loses its lines; of any other
	// f.Lines must be the number of lines staged.
	// It makes the ACK. A held file that is released or recalled gets another one by Move.
	Decide(ctx context.Context, f batch.File) error

	// Move changes the state of a file by an operator's word: held to accepted
	// (release), accepted to held (hold), accepted, held or received to recalled. Released files
	// and recalled files get another ACK.
	Move(ctx context.Context, file batch.FileID, from, to batch.FileState, at time.Time, reason string) error

	// Recover turns every submitting line to in_doubt and returns how many.
	Recover(ctx context.Context, at time.Time) (int, error)
	// Submit makes lines submitting, each with its attempt number, and others final
	// by a rule of ours, all in one transaction; their files become running. Lines not
	// queued any more make it ErrStale.
	Submit(ctx context.Context, s Submission) error
	// Record writes outcomes, each conditional on the state that it expects, with what they change.
	Record(ctx context.Context, outcomes []LineOutcome) error

	// Answer makes the RESULT of a running or accepted file (all lines as they stand; file becomes answered), or, for
	// a file answered before, a SUPPLEMENT of the lines that became final since, and returns it.
	// ErrNotFound: nothing to say.
	Answer(ctx context.Context, file batch.FileID, at time.Time) (AnswerFile, error)
	// Built records size and digest of an answer's bytes; a second call with others is ErrDamaged.
	Built(ctx context.Context, id int64, size int64, digest string) error
	// Delivered records that an answer lies in the outbound folder, proven; when no
	// answer of an answered file waits any more the file becomes delivered.
	Delivered(ctx context.Context, id int64, at time.Time) error
	// DeliveryFailed records why an answer could not be delivered.
	DeliveryFailed(ctx context.Context, id int64, at time.Time, reason string) error
	// Claimed records where a file's original lies now; empty: it was removed, or moved to rejected/.
	Claimed(ctx context.Context, file batch.FileID, claim string) error
	// Purged records that a file's archived original is gone.
	Purged(ctx context.Context, file batch.FileID) error

	// Reseal passes every sealed field that wants it through reseal and stores the result. It returns how many it changed; limit bounds them.
	Reseal(ctx context.Context, wants func(sealed []byte) bool, reseal func(sealed []byte, bound string) ([]byte, error), limit int) (int, error)
	// Forget deletes lines, findings, answers and index entries of files delivered,
	// rejected or recalled before the time. It returns how many files.
	Forget(ctx context.Context, before time.Time) (int, error)
	// Note appends an entry to the journal: a run's start and end, an operator's word.
	Note(ctx context.Context, kind, text string) error
}

// StagedLine is a checked line on its way into the store.
type StagedLine struct {
	Line        batch.Line
	Gateway     batch.GatewayName
	Sealed      []byte // the card number, encrypted; nil without one
	Fingerprint string // of the card number; part of the line's content
	// Refused is the code of a line that its findings refuse; empty: queued.
	Refused string
}

// Namesake is an earlier line with the same reference.
type Namesake struct {
	No      int // the staged line
	Earlier batch.LineAddress
	State   batch.LineState // of the earlier line
	Same    bool            // same content
	Name    string          // of the earlier line's file
}

// Submission is a chunk of lines at the moment before the first byte leaves.
type Submission struct {
	At      time.Time
	Sending []Sending
	// Final are lines that a rule of ours ends without asking a gateway; Expect is Queued.
	Final []LineOutcome
}

// Sending is one line about to be sent.
type Sending struct {
	At      batch.LineAddress
	Attempt int
	Opening *batch.Wallet   // createWallet: the wallet as it is opening
	Locks   *batch.WalletID // other wallet lines: the wallet that waits for this line
	Batch   string          // the batch that it travels in; empty: alone
}

// LineOutcome is what became of one line.
type LineOutcome struct {
	At          batch.LineAddress
	Expect      batch.LineState
	To          batch.LineState // Queued gives the line back: nothing was sent, or the gateway does not know the key
	Answer      batch.Answer
	CompletedAt time.Time
	Reason      string // of an operator's decision, for the journal
	Changes     batch.Changes
	Notify      []batch.Notification // whom to tell of it; an ID that is known is left out
}

// AnswerFile is one file that goes back.
type AnswerFile struct {
	ID          int64
	File        batch.FileID
	Kind        AnswerKind
	Number      int    // ACK: 1, 2 …; RESULT: 0; SUPPLEMENT: 1, 2 …
	Name        string // in the outbound folder
	CreatedAt   time.Time
	Verdict     batch.FileState   // ACK: the file's state when it was made
	Code        batch.FindingCode // ACK: why
	Expected    int64             // ACK: next sequence number
	Size        int64             // 0 until built
	Digest      string            // SHA-256, lower-case hex; empty until built
	DeliveredAt time.Time         // zero while it waits
	Failures    int
	LastError   string
}

// AnswerKind is the kind of an answer file.
type AnswerKind string

const (
	Ack        AnswerKind = "ack"
	Result     AnswerKind = "res"
	Supplement AnswerKind = "sup"
)

// AnswerName derives the name of an answer from the input's (batch interface,
// section 5). The second and later inputs of one name from one source carry their
// number, because a delivered answer is never replaced.
func AnswerName(f batch.File, kind AnswerKind, number int) string {
	base := f.Name
	for i := len(base) - 1; i > 0; i-- {
		if base[i] == '.' {
			base = base[:i]
			break
		}
	}
	if f.NameSeries > 1 {
		base = fmt.Sprintf("%s.%d", base, f.NameSeries)
	}
	switch {
	case kind == Supplement:
		return fmt.Sprintf("%s.sup%02d.csv", base, number)
	case kind == Ack && number > 1:
		return fmt.Sprintf("%s.ack%02d.csv", base, number)
	}
	return base + "." + string(kind) + ".csv"
}

// Entry is one entry of the journal.
type Entry struct {
	Number   int64
	At       time.Time
	Fence    int64
	Actor    string
	Version  string
	Config   string
	Kind     string       // "submit", "record", "decide", …
	File     batch.FileID // 0: several or none
	Body     string       // JSON: what changed; see docs/states.md
	Previous string       // hash of the entry before, hex
	Hash     string       // SHA-256 over this entry and Previous, hex
}
