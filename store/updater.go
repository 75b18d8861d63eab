package store

import (
	"context"
	"fmt"
	"iter"
	"time"

	"cardbatch/batch"
)

// RequestState is where a request to an account updater stands.
//
//	open → staged → sent → accepted | rejected;  open → rejected;  sent, accepted → closed
//
// open: its records are decided; staged: its file is proven to lie complete under its temporary name;
// sent: renamed. accepted: the provider has acknowledged every record. rejected: it has found a bad
// record, so it did nothing, or one could not be written any more before it was staged; the good
// records are asked again in another request. closed: every record has a decision, or the time to
// wait is over. A response is taken whatever the state is.
type RequestState string

const (
	RequestOpen     RequestState = "open"
	RequestStaged   RequestState = "staged"
	RequestSent     RequestState = "sent"
	RequestAccepted RequestState = "accepted"
	RequestRejected RequestState = "rejected"
	RequestClosed   RequestState = "closed"
)

// UpdateRequest is a file that asks an account updater about cards.
type UpdateRequest struct {
	ID        int64
	Updater   string // its name in the configuration
	Number    int64  // per updater, from 1 without gaps
	Name      string // of the file, unique; before encryption
	Month     string // YYYY-MM that it was selected for
	Repairs   int64  // the rejected request whose good records it asks again; 0: none
	CreatedAt time.Time
	State     RequestState
	Records   int
	Undecided int    // records that are asked: without decision
	Size      int64  // of the encrypted file; 0 until staged
	Digest    string // of the encrypted file, SHA-256, lower-case hex
	SentAt    time.Time
	WaitUntil time.Time // until when responses are waited for; zero until sent
	Reason    string    // why it was rejected, or could not be sent last
}

// RecordState is where one record of a request stands.
type RecordState string

const (
	RecordAsked    RecordState = "asked"
	RecordRejected RecordState = "rejected" // by the acknowledgement
	RecordUnasked  RecordState = "unasked"  // it does not count as asked: see docs/states.md
	RecordRepeated RecordState = "repeated" // asked again in the request that repairs this one
	RecordAnswered RecordState = "answered"
	RecordGivenUp  RecordState = "given up" // no decision came in time; it may still be answered
)

// RequestRecord is one card that is asked about.
type RequestRecord struct {
	Request     int64
	Position    int // in the file, from 1
	Merchant    batch.MerchantID
	Wallet      batch.WalletID
	CardIndex   int
	Account     string // merchant account number at the provider
	Fingerprint string // of the number that is asked about
	State       RecordState
}

// UpdateFileKind is what a file of a source of updates is about.
type UpdateFileKind string

const (
	AcknowledgementFile UpdateFileKind = "acknowledgement"
	UpdateResponseFile  UpdateFileKind = "response"
)

// UpdateFile is a file that a source of updates has put: an acknowledgement, or answers. Its state
// is PartnerTaken or PartnerRejected, or PartnerOpen while its records are being taken.
type UpdateFile struct {
	ID      int64
	Updater string
	Kind    UpdateFileKind
	Name    string
	Size    int64
	Digest  string // SHA-256 of the bytes as they came, lower-case hex
	State   PartnerState
	Records int
	Reason  string // why it was rejected
	TakenAt time.Time
}

// Told is one record of a source of updates, before it is known whose card it means. The
// first of the ways to identify the card that is not empty counts.
type Told struct {
	batch.ToldUpdate
	Updater  string // that of the file
	Request  int64  // the record of a request, with Position; 0: the source does not say
	Position int
	Merchant batch.MerchantID // with Wallet and CardIndex: our own identification
	Wallet   batch.WalletID
	Index    int
	Token    string // the gateway's
	// Otherwise the cards with the number Asked that the updater was asked about and that wait for a
	// decision, or were given up, or else all that have it. Cards of merchants that are not in
	// Merchants are never meant by number, nor by Token unless Merchants is nil.
	Merchants []batch.MerchantID
	// LastFour of the card that is meant, where the source tells it; another one is no match, unless the card
	// has got another number than Asked meanwhile.
	OldLastFour string

	Account string // merchant account number at the source, where it tells it; else that of the request's record
	Scheme  string
	Code    string
	Line    int
	// Note says what the table of codes says about it.
	Note string
	// Decide says what the code means for a scheme, where neither the record nor its numbers tell
	// the scheme: then it is the card's. Nil: Outcome is what it means.
	Decide func(scheme string) (outcome batch.UpdateOutcome, note string)
	// Seal seals the new number for a place where it is kept; nil when the source tells none.
	Seal func(merchant batch.MerchantID, wallet batch.WalletID, index int) ([]byte, error)
}

// CardOrder is what a gateway that keeps a card has still to be told of an update.
type CardOrder struct {
	ID        int64
	Update    int64 // batch.CardUpdate.ID
	Merchant  batch.MerchantID
	Wallet    batch.WalletID
	CardIndex int
	Contract  batch.ContractID
	Gateway   batch.GatewayName
	Command   batch.Command // UpdateWallet, or DisableWallet or DisablePaymentRecord
	Record    string        // DisablePaymentRecord: the payment record
	Key       batch.Key     // a function of the order's id
	Told      batch.ToldUpdate
	Sealed    []byte // UpdateWallet: the new number, bound like the card's
	State     OrderState
	CreatedAt time.Time
	TriedAt   time.Time // when it was sent last; zero: never
	Reason    string    // why it failed last
}

// OrderState is where an order stands: waiting → submitting → done | refused | waiting. One that is
// submitting may be with the gateway.
type OrderState string

const (
	OrderWaiting    OrderState = "waiting"
	OrderSubmitting OrderState = "submitting"
	OrderDone       OrderState = "done"
	OrderRefused    OrderState = "refused"
)

// OrderOutcome is what became of an order.
type OrderOutcome struct {
	ID     int64
	To     OrderState
	Token  string // of the card, when the gateway gave one
	Reason string // why it is not done
}

// UpdateReport is one report of card updates. What is here, and the updates settled in its period,
// give its bytes: neither changes afterwards.
type UpdateReport struct {
	ID          int64
	Merchant    batch.MerchantID
	Period      string    // YYYY-MM of a whole month, or YYYY-MM-DD: the month up to that day's end
	From, To    time.Time // half open
	Zone        string    // IANA time zone of its dates
	Format      string    // csv or html
	Fields      string    // standard or extended
	Name        string    // of the file; unique
	OpenedAt    time.Time
	Records     int // 0 until built
	Size        int64
	Digest      string    // SHA-256, lower-case hex; empty until built
	Folder      bool      // it goes to the outbound folder
	Mail        []string  // addresses that it goes to
	DeliveredAt time.Time // folder and outbox have it; zero while it waits
	Skipped     bool      // it has no records, and such a report is not wanted
	Failures    int
	LastError   string
}

// UpdaterReader is what can be asked of account updaters.
type UpdaterReader interface {
	// Candidates yields cards with what their selection depends on, by merchant, wallet and
	// index, streaming. The caller may write while it ranges.
	Candidates(ctx context.Context, q CandidateQuery) iter.Seq2[batch.Candidate, error]
	// UpdateRequests returns requests by id.
	UpdateRequests(ctx context.Context, q RequestQuery) ([]UpdateRequest, error)
	// RequestRecords yields the records of a request by position.
	RequestRecords(ctx context.Context, request int64, states ...RecordState) iter.Seq2[RequestRecord, error]
	// Selection tells when the selection of a month was begun and finished; ErrNotFound: not begun.
	Selection(ctx context.Context, updater, month string) (begun, finished time.Time, err error)
	// UpdateFiles returns the files that match, by id.
	UpdateFiles(ctx context.Context, updater, digest string, states ...PartnerState) ([]UpdateFile, error)
	// CardUpdates yields settled updates in the order in which they were settled, then by id.
	// They never change, so that the same query of the past yields the same updates for ever: none is settled
	// before the end of a report of its merchant that is decided already.
	CardUpdates(ctx context.Context, q UpdateQuery) iter.Seq2[batch.CardUpdate, error]
	// FirstUpdate tells when the merchant's first update was settled; ErrNotFound: none was.
	FirstUpdate(ctx context.Context, merchant batch.MerchantID) (time.Time, error)
	// UpdateExceptions yields records of sources of updates that mean no card of ours, by the
	// time when they were taken, file and line: half open.
	UpdateExceptions(ctx context.Context, from, to time.Time) iter.Seq2[batch.PartnerException, error]
	// CountCardOrders counts orders that are waiting or submitting.
	CountCardOrders(ctx context.Context) (int, error)
	// CardOrders returns orders that are waiting or submitting, by id, after the id; limit 0: all.
	CardOrders(ctx context.Context, after int64, limit int) ([]CardOrder, error)
	// UpdateReports returns reports by merchant and period.
	UpdateReports(ctx context.Context, q ReportQuery) ([]UpdateReport, error)
}

// CandidateQuery selects cards; zero fields select everything.
type CandidateQuery struct {
	Merchant batch.MerchantID
	Contract batch.ContractID
	Expiry   string // MMYY
	Wallet   batch.WalletID
	Card     int    // with Wallet
	Updater  string // whose asking Candidate.Asked tells
}

// RequestQuery selects requests; zero fields select everything.
type RequestQuery struct {
	IDs     []int64
	Updater string
	Name    string
	Month   string
	States  []RequestState
}

// UpdateQuery selects settled updates of a merchant by the time when they were settled; half
// open, a zero To is no limit.
type UpdateQuery struct {
	Merchant batch.MerchantID
	Wallet   batch.WalletID // empty: of all
	From, To time.Time
}

// ReportQuery selects reports; zero fields select everything.
type ReportQuery struct {
	Merchant batch.MerchantID
	Period   string
	Waiting  bool // only those not delivered
}

// Taking is what became of a chunk of records of a source of updates.
type Taking struct {
	Updates    []batch.CardUpdate // as recorded; those that were known are left out
	Exceptions int
	Known      int // records that were taken before
}

// UpdaterSession is the right to write about account updaters; each method is one
// transaction with one journal entry, and none when it changes nothing.
type UpdaterSession interface {
	// BeginSelection records that the selection of a month began, FinishSelection that every
	// card was looked at. Both may be repeated.
	BeginSelection(ctx context.Context, updater, month string, at time.Time) error
	FinishSelection(ctx context.Context, updater, month string, at time.Time) error
	// OpenUpdateRequest makes a request of the records, which get their positions in order. name makes
	// the file's name of the number. With Repairs, that request, open or sent, becomes rejected in the same transaction:
	// of its records without a decision, those whose cards are in the new one become repeated, the others rejected.
	// Without records there is then no new request, and a zero one is returned.
	OpenUpdateRequest(ctx context.Context, r UpdateRequest, records []RequestRecord, name func(number int64) string) (UpdateRequest, error)
	// RequestStaged records that the file of an open request lies proven under its temporary name;
	// other bytes than recorded before are ErrDamaged. RequestSent records its rename.
	RequestStaged(ctx context.Context, id int64, size int64, digest string) error
	RequestSent(ctx context.Context, id int64, at, waitUntil time.Time) error
	// RequestFailed records why a request could not be sent, for people.
	RequestFailed(ctx context.Context, id int64, reason string) error
	// Acknowledge takes an acknowledgement at file.TakenAt: file is recorded as taken, and the request becomes accepted, or, with
	// bad records, rejected: each of those becomes an update with the outcome given, settled at once, and the others without
	// a decision are asked again in the request next (Month, CreatedAt), whose name is made by name and which is returned; when
	// nobody is left there is none, and a zero one is returned. The same file again changes nothing and returns the same. A request
	// that is closed stays so, and one that is accepted may be told so again; in any other state than sent, and with a position that
	// the request does not have, it is ErrStale.
	Acknowledge(ctx context.Context, file UpdateFile, request int64, bad []BadRecord, next UpdateRequest, name func(number int64) string) (UpdateRequest, error)
	// RejectUpdateFile records a file that cannot be taken, with its reason; one that was taken stays so.
	RejectUpdateFile(ctx context.Context, f UpdateFile) (UpdateFile, error)
	// OpenUpdateFile records that a file is being taken, and returns it as recorded when its digest is known. One
	// that was rejected is opened again: what it was rejected for may have been ours.
	OpenUpdateFile(ctx context.Context, f UpdateFile) (UpdateFile, error)
	// TakeUpdates takes records of an open file: of each it finds the cards that are meant, decides by batch.UpdatedCard
	// in order of Told.At, and writes update, card, agreements and payment records together. A record that was taken before, by its
	// line and card, changes nothing. Cards whose gateway tells says keeps them get an order and stay as they are
	// until it is done; with shadow no card changes: it is told what would be done, and the records of requests are answered.
	// A record that means no card becomes an exception. A file that is not open is ErrStale.
	TakeUpdates(ctx context.Context, file UpdateFile, records []Told, terms TakeTerms) (Taking, error)
	// FinishUpdateFile records that all records of a file are taken.
	FinishUpdateFile(ctx context.Context, id int64, records int, at time.Time) error
	// CloseRequests closes requests of the updater whose records all have a decision, or whose time to wait is over;
	// the records without a decision are given up, each an update with NoDecision. It returns how many requests and records.
	CloseRequests(ctx context.Context, updater string, at time.Time) (requests, givenUp int, err error)

	// SubmitOrders makes orders submitting before the first byte leaves. One that is not waiting or submitting is ErrStale.
	SubmitOrders(ctx context.Context, ids []int64, at time.Time) error
	// RecordOrders records what became of orders that are submitting: done applies the update to its card
	// as it stands now, with the token that the gateway gave; refused settles the update as EffectRefused; waiting keeps it for the next run;
	// submitting, with its reason, says that nobody knows yet. Where the order stands already is no error, any other end is ErrStale.
	RecordOrders(ctx context.Context, all []OrderOutcome, at time.Time, terms TakeTerms) error

	// OpenUpdateReport decides a report, or returns the one of its name that is decided already.
	OpenUpdateReport(ctx context.Context, r UpdateReport) (UpdateReport, error)
	// UpdateReportBuilt records its bytes; a second call with others is ErrDamaged. skipped says that it
	// has no records and is not wanted: it counts as delivered.
	UpdateReportBuilt(ctx context.Context, id int64, records int, size int64, digest string, skipped bool, at time.Time) error
	// UpdateReportDelivered records that it lies in the outbound folder, proven, and puts the e-mails that carry it into the outbox.
	UpdateReportDelivered(ctx context.Context, id int64, at time.Time, mails []batch.Notification) error
	// UpdateReportFailed records why it could not be delivered, for people.
	UpdateReportFailed(ctx context.Context, id int64, reason string) error
}

// BadRecord is a record that an acknowledgement rejects.
type BadRecord struct {
	Position int
	Code     string
	Outcome  batch.UpdateOutcome // InputError, or ConfigurationError
	Note     string
}

// TakeTerms are what taking records depends on beside the store.
type TakeTerms struct {
	At     time.Time // RecordOrder has its own
	Shadow bool      // RecordOrder does what was decided
	// Rehearse takes back what was done before it returns: TakeUpdates only tells. The file need not be recorded.
	Rehearse bool
	// Zone is the time zone of a merchant, in which its cards expire; nil: UTC.
	Zone func(batch.MerchantID) *time.Location
	// Keeps reports whether a gateway has to be told of the command before a card changes; number says
	// whether its number changes. nil: none has.
	Keeps func(gateway batch.GatewayName, command batch.Command, number bool) bool
	// Unkept reports whether a contract's new numbers are not kept, only tokens. A new number takes the
	// place of one that is kept whatever it says; nil: only there.
	Unkept func(merchant batch.MerchantID, contract batch.ContractID) bool
}

// UpdateReportName is the name of a report in the outbound folder. What a merchant's id may hold and a
// file's name not is written as % and the byte in hex.
func UpdateReportName(u UpdateReport) string {
	kind := "updater"
	if u.Fields == "extended" {
		kind = "updater-extended"
	}
	return fmt.Sprintf("%s.%s.%s.%s", kind, nameOf(string(u.Merchant)), u.Period, u.Format)
}
