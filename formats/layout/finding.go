package layout

import (
	"fmt"
	"strconv"

	"cardbatch/batch"
)

// Codes of findings that the batch interface does not know.
const (
	UnknownRecord batch.FindingCode = "UNKNOWN_RECORD"  // a line that is no record of the table
	RecordLength  batch.FindingCode = "RECORD_LENGTH"   // a fixed record is too short or too long
	NotTheSame    batch.FindingCode = "HEADER_MISMATCH" // a field differs from the one that it repeats
)

// Finding is one thing wrong with a file. It never holds the value that is wrong: that
// may be a card number.
type Finding struct {
	Line     int    // 1-based; records without line ends are counted as lines. 0: the file as a whole
	Record   string // kind of record, or empty
	Field    string // or empty
	From, To int    // bytes of the field, from 1; 0 in delimited files
	Column   int    // of a delimited file, from 1; 0 in fixed ones
	Code     batch.FindingCode
	Message  string // what is wrong, one sentence
}

func (f Finding) String() string {
	s := ""
	if f.Line > 0 {
		s = "line " + strconv.Itoa(f.Line) + ": "
	}
	if f.Record != "" {
		s += f.Record
		if f.Field != "" {
			s += "." + f.Field
		}
		switch {
		case f.Column > 0:
			s += fmt.Sprintf(" (column %d)", f.Column)
		case f.To > f.From:
			s += fmt.Sprintf(" (bytes %d-%d)", f.From, f.To)
		case f.To > 0:
			s += fmt.Sprintf(" (byte %d)", f.To)
		}
		s += ": "
	}
	return s + string(f.Code) + ": " + f.Message
}

// maxFindings bounds what is kept of a file: one in the wrong encoding would otherwise
// give a finding for every record.
const maxFindings = 100

// FileError ends the reading of a file that must be rejected.
type FileError struct {
	Findings []Finding // at least one, at most 100, in the order of the file
	More     int       // findings beyond those
}

func (e *FileError) Error() string {
	text := "file does not fit its layout: " + e.Findings[0].String()
	if more := len(e.Findings) - 1 + e.More; more > 0 {
		text += fmt.Sprintf(" (and %d more)", more)
	}
	return text
}
