// Package batchfile reads and writes the files of the batch interface: the files
// that merchants send, and the ACK, RESULT and SUPPLEMENT files that go back.
//
// Everything streams. A Reader holds one line at a time, however long the file; a
// writer holds a row. Readers and writers never see a path: what they are handed
// is already decrypted, and what they produce is published by somebody else.
//
// The layout is described in docs/batch-interface.md; section numbers in comments
// are those of the batch interface, version 1.
package batchfile

import (
	"fmt"
	"strconv"

	"cardbatch/batch"
)

// Words of the H records.
const (
	layoutName       = "CARDBATCH"
	ackLayoutName    = "CARDBATCH-ACK"
	resultLayoutName = "CARDBATCH-RESULT"
	layoutVersion    = "1"
)

// Limits of section 1. Options may lower them, never raise them.
const (
	MaxLineBytes  = 16 << 10
	MaxFieldBytes = 4 << 10
	MaxFileBytes  = 2 << 30
	MaxFileLines  = 10_000_000
)

// maxFileFindings bounds what is collected about a file as a whole: a file in the
// wrong encoding would otherwise yield a finding per line.
const maxFileFindings = 100

// Separators lists the characters that may stand between fields.
const Separators = ";,\t|"

// Options say how a source's files are to be read. The zero value reads files
// with all control records in UTF-8, within the limits of the interface.
type Options struct {
	// Plain says that the source's files have no H, C and T records (control: none):
	// a row of column names, then lines.
	Plain bool
	// Name, Merchant and Mode stand in for the header record of a plain file; the
	// name of the file is its file reference.
	Name     string
	Merchant batch.MerchantID
	Mode     batch.Mode
	// Separator of a plain file; 0 detects it in the row of column names.
	Separator byte

	// Encoding is UTF-8 (or empty), ISO-8859-1 or windows-1252.
	Encoding string

	// Columns maps the source's column names to ours; names that it does not list
	// are taken as they are. IgnoreColumn drops a column unread.
	Columns map[string]string
	// Constants are values, by our column name, of columns that the source's files
	// do not have.
	Constants map[string]string

	// Lower limits than the interface's; 0 leaves those.
	MaxLine  int   // bytes of a line, its end excluded
	MaxField int   // bytes of a field
	MaxLines int   // D records
	MaxBytes int64 // bytes of the file

	// AcceptCardLikeIDs is batch.CheckOptions.AcceptCardLikeIDs.
	AcceptCardLikeIDs bool
}

// IgnoreColumn as the target of a column map drops the column: its values are
// neither checked nor kept.
const IgnoreColumn = "-"

// FileError ends the reading of a file that must be rejected. Findings about
// single lines are not in it; Read returned those with their lines.
type FileError struct {
	Findings []batch.Finding // at least one, at most 100, in the order of the file
}

func (e *FileError) Error() string {
	text := "file is not acceptable: " + e.Findings[0].String()
	if more := len(e.Findings) - 1; more > 0 {
		text += fmt.Sprintf(" (and %s more)", strconv.Itoa(more))
	}
	return text
}

func lower[T int | int64](limit, highest T) T {
	if limit <= 0 || limit > highest {
		return highest
	}
	return limit
}
