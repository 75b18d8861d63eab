package batch

import "slices"

// LineState is where a line stands. Transitions are in lineNext, drawn in
// docs/states.md, and repeated as checks in the store.
type LineState string

const (
	Queued     LineState = "queued"     // staged, nothing sent; an answer calls it not_sent
	Submitting LineState = "submitting" // its attempt and key are durable; the request may be on the wire
	Approved   LineState = "approved"   // final: done
	Declined   LineState = "declined"   // final: the issuer or processor said no
	Refused    LineState = "refused"    // final: not acceptable, by a rule of ours or by the gateway; nothing was charged
	Pending    LineState = "pending"    // the gateway answers later
	InDoubt    LineState = "in_doubt"   // sent, no trusted answer: looked up before anything else
)

// LineStates lists every state of a line, in the order of its life.
var LineStates = []LineState{Queued, Submitting, Pending, InDoubt, Approved, Declined, Refused}

var lineNext = map[LineState][]LineState{
	Queued:     {Submitting, Approved, Declined, Refused}, // final at once: refused by a rule, or answered again
	Submitting: {Approved, Declined, Refused, Pending, InDoubt, Queued},
	Pending:    {Approved, Declined, Refused, InDoubt},
	InDoubt:    {Approved, Declined, Refused, Pending, Queued},
}

// Final reports whether nothing can change the state any more.
func (s LineState) Final() bool { return s == Approved || s == Declined || s == Refused }

// CanBecome reports whether a line may go from s to next.
func (s LineState) CanBecome(next LineState) bool { return slices.Contains(lineNext[s], next) }

// Next lists the states that may follow s.
func (s LineState) Next() []LineState { return slices.Clone(lineNext[s]) }

// Outcome is how a line's state reads in an answer file.
type Outcome string

const (
	OutcomeApproved Outcome = "approved"
	OutcomeDeclined Outcome = "declined"
	OutcomeRefused  Outcome = "refused"
	OutcomeNotSent  Outcome = "not_sent"
	OutcomePending  Outcome = "pending"
	OutcomeInDoubt  Outcome = "in_doubt"
)

// Outcomes lists every outcome in the order of an answer's trailer.
var Outcomes = []Outcome{OutcomeApproved, OutcomeDeclined, OutcomeRefused, OutcomeNotSent, OutcomePending, OutcomeInDoubt}

// Outcome tells how the state reads in an answer. A line that is still being
// submitted has been sent and has no trusted answer: in doubt.
func (s LineState) Outcome() Outcome {
	switch s {
	case Queued:
		return OutcomeNotSent
	case Submitting:
		return OutcomeInDoubt
	}
	return Outcome(s)
}

// FileState is where a file stands.
type FileState string

const (
	FileReceived  FileState = "received"  // copied, hashed and archived; not yet checked
	FileChecked   FileState = "checked"   // read whole, lines staged; its verdict is being formed
	FileRejected  FileState = "rejected"  // end: only its findings are kept
	FileHeld      FileState = "held"      // waits for an operator's release or recall
	FileAccepted  FileState = "accepted"  // lines queued, none submitted
	FileRunning   FileState = "running"   // at least one line was submitted or refused
	FileAnswered  FileState = "answered"  // RESULT made
	FileDelivered FileState = "delivered" // RESULT proven to lie in the outbound folder
	FileRecalled  FileState = "recalled"  // end: withdrawn before any line was submitted
)

// FileStates lists every state of a file, in the order of its life.
var FileStates = []FileState{FileReceived, FileChecked, FileRejected, FileHeld, FileAccepted, FileRunning, FileAnswered, FileDelivered, FileRecalled}

var fileNext = map[FileState][]FileState{
	FileReceived: {FileChecked, FileRejected, FileRecalled},
	FileChecked:  {FileRejected, FileHeld, FileAccepted},
	FileHeld:     {FileAccepted, FileRecalled},
	FileAccepted: {FileRunning, FileAnswered, FileHeld, FileRecalled}, // answered: nothing could be sent by the run's end
	FileRunning:  {FileAnswered},
	FileAnswered: {FileDelivered},
}

// CanBecome reports whether a file may go from s to next.
func (s FileState) CanBecome(next FileState) bool { return slices.Contains(fileNext[s], next) }

// Next lists the states that may follow s.
func (s FileState) Next() []FileState { return slices.Clone(fileNext[s]) }
