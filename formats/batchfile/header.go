package batchfile

import (
	"bytes"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
)

// headerFields is how many fields the H record of a merchant's file has.
const headerFields = 8

// Lengths of header fields.
const (
	maxIdentifier = 50 // AN50
	maxSequence   = 9  // N9
)

// readHeader reads the H record. ok is false when nothing after it can be read
// sensibly; what is wrong was reported.
func (r *Reader) readHeader(line []byte) (ok bool) {
	no := r.lines.no
	bad := func(code batch.FindingCode, field, message string) {
		r.report(batch.Finding{Line: no, Column: field, Code: code, Message: message})
	}
	switch {
	case line[0] != 'H':
		bad(batch.NoHeader, "", "the first record must be H; plain files need a source with control: none")
		return false
	case len(line) < 2 || strings.IndexByte(Separators, line[1]) < 0:
		bad(batch.BadHeader, "", "the character after H must be the separator: semicolon, comma, tab or vertical bar")
		return false
	}
	r.layout.Separator = line[1]
	fields, broken := r.split(line)
	switch {
	case broken >= 0:
		bad(batch.BadHeader, "", "the quoting is wrong")
		return false
	case fields[1] != layoutName:
		bad(batch.UnknownLayout, "", "expected "+layoutName+" after H")
		return false
	case len(fields) < 3 || fields[2] != layoutVersion:
		bad(batch.UnknownVersion, "", "expected version "+layoutVersion)
		return false
	case len(fields) != headerFields:
		bad(batch.BadHeader, "", "expected "+strconv.Itoa(headerFields)+" fields, found "+strconv.Itoa(len(fields)))
		return true
	}
	if message := batch.CheckIdentifier(fields[3], maxIdentifier); message != "" {
		bad(batch.BadHeader, "merchant", message)
	} else {
		r.header.Merchant = batch.MerchantID(fields[3])
	}
	if message := batch.CheckIdentifier(fields[4], maxIdentifier); message != "" {
		bad(batch.BadHeader, "file_ref", message)
	} else {
		r.header.Ref = batch.FileRef(fields[4])
	}
	if fields[5] != "" {
		sequence, ok := readNumber(fields[5], maxSequence)
		if !ok || sequence == 0 {
			bad(batch.BadHeader, "sequence", "expected a number from 1 with at most 9 digits, or nothing")
		} else {
			r.header.Sequence = sequence
		}
	}
	switch mode := batch.Mode(fields[6]); mode {
	case batch.Test, batch.Live:
		r.header.Mode = mode
	default:
		bad(batch.BadHeader, "mode", "expected TEST or LIVE")
	}
	var created time.Time
	if err := created.UnmarshalText([]byte(fields[7])); err != nil {
		bad(batch.BadHeader, "created_at", "expected an RFC 3339 date-time with an offset, as 2026-11-21T22:00:00Z")
	} else {
		r.header.CreatedAt = created
	}
	return true
}

// detectSeparator returns the separator that a row of column names uses most,
// a semicolon when it has only one column.
func detectSeparator(names []byte) byte {
	best, most := Separators[0], 0
	for i := range len(Separators) {
		if n := bytes.Count(names, []byte{Separators[i]}); n > most {
			best, most = Separators[i], n
		}
	}
	return best
}

// readNumber reads 1 to max digits, max at most 18.
func readNumber(digits string, max int) (n int64, ok bool) {
	if digits == "" || len(digits) > max {
		return 0, false
	}
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return 0, false
		}
		n = n*10 + int64(digits[i]-'0')
	}
	return n, true
}
