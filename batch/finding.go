package batch

import "strconv"

// Finding is one thing wrong with a file or a line. It never holds the value
// that is wrong: that may be a card number.
type Finding struct {
	Line    int     // 1-based physical line; 0 for the file as a whole
	Ref     LineRef // the line's reference when that itself is acceptable, else empty
	Column  string  // column name of the batch interface, or empty
	Code    FindingCode
	Message string // what is wrong and what to do, one sentence
}

func (f Finding) String() string {
	s := ""
	if f.Line > 0 {
		s = "line " + strconv.Itoa(f.Line) + ": "
	}
	if f.Column != "" {
		s += f.Column + ": "
	}
	return s + string(f.Code) + ": " + f.Message
}

// FindingCode names a kind of finding. Source: batch interface v1, section 4.
type FindingCode string

// Findings of a whole file.
const (
	EmptyFile        FindingCode = "EMPTY_FILE"
	NoLines          FindingCode = "NO_LINES"
	NoHeader         FindingCode = "NO_HEADER"
	NoTrailer        FindingCode = "NO_TRAILER"
	BadHeader        FindingCode = "BAD_HEADER"
	BadTrailer       FindingCode = "BAD_TRAILER"
	UnknownLayout    FindingCode = "UNKNOWN_LAYOUT"
	UnknownVersion   FindingCode = "UNKNOWN_VERSION"
	UnknownColumn    FindingCode = "UNKNOWN_COLUMN"
	DuplicateColumn  FindingCode = "DUPLICATE_COLUMN"
	ForbiddenColumn  FindingCode = "FORBIDDEN_COLUMN"
	RecordOrder      FindingCode = "RECORD_ORDER"
	Encoding         FindingCode = "ENCODING"
	LineTooLong      FindingCode = "LINE_TOO_LONG"
	FileTooLarge     FindingCode = "FILE_TOO_LARGE"
	CountMismatch    FindingCode = "COUNT_MISMATCH"
	TotalMismatch    FindingCode = "TOTAL_MISMATCH"
	CurrencyMismatch FindingCode = "CURRENCY_MISMATCH"
	WrongMode        FindingCode = "WRONG_MODE"
	UnknownMerchant  FindingCode = "UNKNOWN_MERCHANT"
	DuplicateBytes   FindingCode = "DUPLICATE_BYTES"
	DuplicateFile    FindingCode = "DUPLICATE_FILE"
	SequenceGap      FindingCode = "SEQUENCE_GAP"
	SequenceReused   FindingCode = "SEQUENCE_REUSED"
	Lookalike        FindingCode = "LOOKALIKE"
	Limit            FindingCode = "LIMIT"
	LineErrors       FindingCode = "LINE_ERRORS" // the source rejects files that have line findings
)

// Findings of one line.
const (
	FieldMissing     FindingCode = "FIELD_MISSING"
	FieldNotAllowed  FindingCode = "FIELD_NOT_ALLOWED"
	FieldFormat      FindingCode = "FIELD_FORMAT"
	FieldLength      FindingCode = "FIELD_LENGTH"
	FieldValue       FindingCode = "FIELD_VALUE"
	FieldCount       FindingCode = "FIELD_COUNT"
	Quoting          FindingCode = "QUOTING"
	Luhn             FindingCode = "LUHN"
	StrayCardNumber  FindingCode = "STRAY_CARD_NUMBER" // a card number where none belongs
	DuplicateLineRef FindingCode = "DUPLICATE_LINE_REF"
	Conflict         FindingCode = "CONFLICT"
	InDoubtBlocked   FindingCode = "IN_DOUBT_BLOCKED"
	LineInProgress   FindingCode = "LINE_IN_PROGRESS" // the same line waits in an earlier file, not answered yet
)

// Holds reports whether a file finding holds the file instead of rejecting it.
func (c FindingCode) Holds() bool { return c == SequenceGap || c == Lookalike || c == Limit }
