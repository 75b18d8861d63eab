package store

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cardbatch/batch"
)

// Body is what an entry of the journal says, written as JSON into Entry.Body.
// Both engines write it alike.
type Body struct {
	Files  []FileChange `json:"files,omitempty"`
	Lines  []LineChange `json:"lines,omitempty"`
	Staged *StagedSum   `json:"staged,omitempty"` // a verdict: the lines that it is about
	Gone   []GoneFile   `json:"gone,omitempty"`   // files whose lines were deleted
	Answer *AnswerNote  `json:"answer,omitempty"`
	// Exchange is what changed of the exchange with partners.
	Exchange *ExchangeNote `json:"exchange,omitempty"`
	Text     string        `json:"text,omitempty"` // a reason, or an operator's word
	Count    int           `json:"count,omitempty"`
}

// FileChange is a transition of a file; From is empty for a new file.
type FileChange struct {
	File batch.FileID    `json:"file"`
	From batch.FileState `json:"from,omitempty"`
	To   batch.FileState `json:"to"`
	Code string          `json:"code,omitempty"`
}

// LineChange is one transition of a set of lines of one file.
type LineChange struct {
	File    batch.FileID    `json:"file"`
	From    batch.LineState `json:"from"`
	To      batch.LineState `json:"to"`
	Code    string          `json:"code,omitempty"`
	Attempt int             `json:"attempt,omitempty"`
	Reason  string          `json:"reason,omitempty"` // of an operator's decision
	At      Ranges          `json:"at"`
	// Sum binds what became final, see LineSum.
	Sum LineSum `json:"sum,omitempty"`
}

// StagedSum describes the lines of a file at its verdict.
type StagedSum struct {
	States   map[batch.LineState]int `json:"states"`
	Requests LineSum                 `json:"requests"` // of all lines: what they ask for
	Outcomes LineSum                 `json:"outcomes"` // of the lines that are final already
}

// GoneFile is a file whose lines were deleted.
type GoneFile struct {
	File batch.FileID `json:"file"`
}

// AnswerNote is an answer that an entry is about.
type AnswerNote struct {
	ID     int64      `json:"id"`
	Kind   AnswerKind `json:"kind"`
	Number int        `json:"number"`
	Name   string     `json:"name"`
	Size   int64      `json:"size,omitempty"`
	Digest string     `json:"digest,omitempty"`
}

// ExchangeNote is what an entry says of the exchange with partners: American Express, account updaters.
type ExchangeNote struct {
	File       *PartnerChange    `json:"file,omitempty"`
	Enrolments []EnrolmentChange `json:"enrolments,omitempty"` // whose status changed
	Requests   []RequestChange   `json:"requests,omitempty"`   // to account updaters
	Orders     []OrderChange     `json:"orders,omitempty"`     // whose state changed; those that an entry makes are counted by its updates alone
	// Updates counts the updates of cards that were recorded or settled, by their effect.
	Updates map[batch.UpdateEffect]int `json:"updates,omitempty"`
	// Sums binds the tables of the exchange: by how much the sum over a table's rows changed.
	Sums map[string]LineSum `json:"sums"`
}

// PartnerChange is a step of a file exchanged with a partner; From is empty for a new file.
type PartnerChange struct {
	ID     int64        `json:"id"`
	Name   string       `json:"name"`
	From   PartnerState `json:"from,omitempty"`
	To     PartnerState `json:"to"`
	Size   int64        `json:"size,omitempty"`
	Digest string       `json:"digest,omitempty"`
}

// EnrolmentChange is a step of an enrolment; From is empty for a new one.
type EnrolmentChange struct {
	ID   int64            `json:"id"`
	From batch.CardStatus `json:"from,omitempty"`
	To   batch.CardStatus `json:"to"`
}

// RequestChange is a step of a request to an account updater; From is empty for a new one.
type RequestChange struct {
	ID     int64        `json:"id"`
	Name   string       `json:"name"`
	From   RequestState `json:"from,omitempty"`
	To     RequestState `json:"to"`
	Size   int64        `json:"size,omitempty"`
	Digest string       `json:"digest,omitempty"`
}

// OrderChange is a step of an order to a gateway that keeps a card.
type OrderChange struct {
	ID   int64      `json:"id"`
	From OrderState `json:"from"`
	To   OrderState `json:"to"`
}

// LineSum is the sum, modulo 2^64, of 64-bit hashes of lines. A sum does not
// depend on order, so the journal can bind what ten million lines hold without
// naming each: entries add to it, and a verification adds up what the tables hold.
type LineSum uint64

// AddRequest adds what a line asks for, in its stored form.
func (s *LineSum) AddRequest(at batch.LineAddress, stored []byte) {
	s.add(at, 'q', 0, 0, stored)
}

// AddOutcome adds the outcome of a final line; the answer is in its stored form
// and the time in microseconds since 1970.
func (s *LineSum) AddOutcome(at batch.LineAddress, to batch.LineState, attempt int, completed int64, answer []byte) {
	s.add(at, to[0], attempt, completed, answer)
}

func (s *LineSum) add(at batch.LineAddress, kind byte, attempt int, when int64, data []byte) {
	var room [512]byte
	buf := append(room[:0], kind)
	for _, n := range [...]int64{int64(at.File), int64(at.No), int64(attempt), when} {
		buf = binary.BigEndian.AppendUint64(buf, uint64(n))
	}
	sum := sha256.Sum256(append(buf, data...))
	*s += LineSum(binary.BigEndian.Uint64(sum[:8]))
}

// AddRow adds a row of a table, by its columns' values: texts, whole numbers, or nil.
func (s *LineSum) AddRow(table string, values []any) {
	var room [512]byte
	buf := appendCounted(room[:0], "", table)
	for _, value := range values {
		switch v := value.(type) {
		case nil:
			buf = appendCounted(buf, "", "null")
		case string:
			buf = appendCounted(buf, "=", v)
		case int64:
			buf = appendCounted(buf, "=", strconv.FormatInt(v, 10))
		default:
			buf = appendCounted(buf, "=", fmt.Sprint(v))
		}
	}
	sum := sha256.Sum256(buf)
	*s += LineSum(binary.BigEndian.Uint64(sum[:8]))
}

// appendCounted appends a text with its length in front.
func appendCounted(buf []byte, mark, text string) []byte {
	buf = strconv.AppendInt(buf, int64(len(mark)+len(text)), 10)
	buf = append(buf, ':')
	buf = append(buf, mark...)
	return append(buf, text...)
}

// MarshalText writes the sum in hex: JSON numbers of that size lose digits in other hands.
func (s LineSum) MarshalText() ([]byte, error) { return fmt.Appendf(nil, "%016x", uint64(s)), nil }

// UnmarshalText reads what MarshalText wrote.
func (s *LineSum) UnmarshalText(text []byte) error {
	n, err := strconv.ParseUint(string(text), 16, 64)
	*s = LineSum(n)
	return err
}

// Ranges is a set of line numbers, written as "2-501,503".
type Ranges [][2]int

// RangesOf collects line numbers in any order.
func RangesOf(lines []int) Ranges {
	slices.Sort(lines)
	var r Ranges
	for _, n := range lines {
		if last := len(r) - 1; last >= 0 && n <= r[last][1]+1 {
			r[last][1] = n
		} else {
			r = append(r, [2]int{n, n})
		}
	}
	return r
}

// Count returns how many numbers the set holds.
func (r Ranges) Count() int {
	n := 0
	for _, span := range r {
		n += span[1] - span[0] + 1
	}
	return n
}

// Contains reports whether the set holds the number.
func (r Ranges) Contains(line int) bool {
	_, found := slices.BinarySearchFunc(r, line, func(span [2]int, line int) int {
		switch {
		case span[1] < line:
			return -1
		case span[0] > line:
			return 1
		}
		return 0
	})
	return found
}

// MarshalText writes the set.
func (r Ranges) MarshalText() ([]byte, error) {
	var buf []byte
	for i, span := range r {
		if i > 0 {
			buf = append(buf, ',')
		}
		buf = strconv.AppendInt(buf, int64(span[0]), 10)
		if span[1] > span[0] {
			buf = append(buf, '-')
			buf = strconv.AppendInt(buf, int64(span[1]), 10)
		}
	}
	return buf, nil
}

// UnmarshalText reads what MarshalText wrote.
func (r *Ranges) UnmarshalText(text []byte) error {
	*r = nil
	for part := range strings.SplitSeq(string(text), ",") {
		first, last, isSpan := strings.Cut(part, "-")
		if !isSpan {
			last = first
		}
		a, err := strconv.Atoi(first)
		if err != nil {
			return fmt.Errorf("line numbers: %w", err)
		}
		b, err := strconv.Atoi(last)
		if err != nil {
			return fmt.Errorf("line numbers: %w", err)
		}
		*r = append(*r, [2]int{a, b})
	}
	return nil
}

// Sum computes the hash of an entry from everything else in it.
func (e Entry) Sum() string {
	h := sha256.New()
	for _, part := range []string{
		strconv.FormatInt(e.Number, 10), strconv.FormatInt(e.At.UnixMicro(), 10), strconv.FormatInt(e.Fence, 10),
		e.Actor, e.Version, e.Config, e.Kind, e.File.String(), e.Body, e.Previous,
	} {
		fmt.Fprintf(h, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(h.Sum(nil))
}
