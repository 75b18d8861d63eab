package batch

import (
	"time"

	"cardbatch/money"
)

// Mode says which world a file, an installation or an endpoint belongs to.
type Mode string

const (
	Test Mode = "TEST"
	Live Mode = "LIVE"
)

// Header is the H record of a file (batch interface, section 2). A plain file
// has none; its header is made from its name and its source.
type Header struct {
	Merchant  MerchantID
	Ref       FileRef
	Sequence  int64 // 0: none
	Mode      Mode
	CreatedAt time.Time
}

// Layout is how a file was written, so that its answers are written alike.
type Layout struct {
	Separator byte   // ';' ',' '\t' or '|'
	Encoding  string // UTF-8, ISO-8859-1 or windows-1252
	Plain     bool   // no H, C and T records
}

// File is what came in, known by its bytes and by merchant and file reference.
type File struct {
	ID         FileID
	Source     string // name of the configured source
	Name       string // base name as received
	NameSeries int    // 1 for the first file of this name from this source, 2 for the next
	Digest     string // SHA-256 of the bytes as received, lower-case hex
	Size       int64  // bytes
	ReceivedAt time.Time

	Header Header // zero until checked
	Layout Layout // zero until checked

	State       FileState
	Verdict     FindingCode // why it was rejected or is held; empty otherwise
	VerdictAt   time.Time
	Expected    int64          // next sequence number expected after the verdict
	Lines       int            // D records
	BadLines    int            // lines with findings
	Totals      []money.Amount // one per currency over all lines with an amount, sorted by currency
	AnsweredAt  time.Time
	Supplements int // how many SUPPLEMENT files were made

	// Archived is the name of the encrypted original in the archive, empty once purged.
	Archived string
	// Claim is where the original lies in the inbound folder: its name when it could
	// not be moved, else its name under processing/. Empty once it was removed or rejected.
	Claim string
}

// Tally counts lines by state, with approved totals.
type Tally struct {
	Lines    int
	ByState  map[LineState]int
	Approved []money.Amount // sorted by currency
}

// Count returns the number of lines with the outcome.
func (t Tally) Count(o Outcome) int {
	n := 0
	for s, c := range t.ByState {
		if s.Outcome() == o {
			n += c
		}
	}
	return n
}
