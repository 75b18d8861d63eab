package layout

import (
	"fmt"

	"cardbatch/batch"
)

// sequence follows the order of a file's records: those of the head in the table's
// order, then the body, then those of the tail in the table's order.
type sequence struct {
	kinds []*Kind
	seen  []bool // by kind
	told  []bool // by kind: its absence was told
	part  Part
	next  int // first kind of the head or tail that may still come
}

func newSequence(t *Table) *sequence {
	return &sequence{kinds: t.Kinds, seen: make([]bool, len(t.Kinds)), told: make([]bool, len(t.Kinds)), part: Head}
}

// step takes the next record; what is wrong with its place comes back as a code and a
// message.
func (s *sequence) step(k *Kind) (code batch.FindingCode, message string) {
	repeated := s.seen[k.number]
	s.seen[k.number] = true
	switch {
	case k.Part != Body && repeated:
		return batch.RecordOrder, "a file has one " + k.Name
	case rank(k.Part) < rank(s.part), k.Part != Body && k.number < s.next:
		return batch.RecordOrder, k.Name + " stands too late in the file"
	}
	s.part, s.next = k.Part, k.number+1
	missing := s.missing(s.kinds[:k.number])
	if missing == nil {
		return "", ""
	}
	return missing.absence(), fmt.Sprintf("%s must stand before this record", missing.Name)
}

// missing returns the first of some kinds of head and tail that must have come and has
// not; each is told once.
func (s *sequence) missing(kinds []*Kind) *Kind {
	for _, k := range kinds {
		if k.Part != Body && !k.Optional && !s.seen[k.number] && !s.told[k.number] {
			s.told[k.number] = true
			return k
		}
	}
	return nil
}

// absence is the code of a finding about a kind of head or tail that is missing.
func (k *Kind) absence() batch.FindingCode {
	if k.Part == Head {
		return batch.NoHeader
	}
	return batch.NoTrailer
}

// turn returns the record of the head that is recognised by its turn, if it is that turn.
func (s *sequence) turn() *Kind {
	if s.part != Head {
		return nil
	}
	for _, k := range s.kinds[s.next:] {
		switch {
		case k.Part == Head && k.byTurn():
			return k
		case k.Part == Head && k.Optional:
			continue
		}
		return nil
	}
	return nil
}

// headDone reports whether no record of the head can come any more.
func (s *sequence) headDone() bool {
	return s.part != Head || s.next == len(s.kinds) || s.kinds[s.next].Part != Head
}
