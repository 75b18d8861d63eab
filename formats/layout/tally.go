package layout

import (
	"fmt"
	"math"

	"cardbatch/batch"
)

// tally follows one check through a file.
type tally struct {
	check *Check
	line  int // of the record that holds the check's fields; 0: not seen yet
	left  value
	right value // of SameAs, or the count or sum so far, in num
	seen  bool  // the record of SameAs was read
	// Unknown says that a part of the comparison could not be read: the record's own
	// finding says what to repair, and a second one would only mislead.
	unknown  bool
	overflow bool
}

func newTallies(t *Table) []tally {
	all := make([]tally, len(t.Checks))
	for i, c := range t.Checks {
		all[i] = tally{check: c}
		if c.SameAs == nil {
			all[i].right.state = given
		}
	}
	return all
}

// count takes a record into the right side of the check.
func (t *tally) count(rec *Record) {
	c := t.check
	switch {
	case c.SameAs != nil:
		if c.SameAs.kind == rec.kind {
			t.right, t.seen = rec.values[c.SameAs.number], true
		}
	case c.Sum != nil:
		if c.Sum.kind == rec.kind && t.meets(rec, 0) {
			t.add(&t.right, rec.values[c.Sum.number].num)
		}
	default:
		for i, k := range c.Count {
			if k == rec.kind && t.meets(rec, i) {
				t.right.num++
			}
		}
	}
}

// meets reports whether a record meets the conditions; nth is its kind's place in Count.
func (t *tally) meets(rec *Record, nth int) bool {
	for _, w := range t.check.Where {
		if rec.values[w.Fields[nth].number].text != w.Value {
			return false
		}
	}
	return true
}

// take takes the check's own fields from their record.
func (t *tally) take(rec *Record) {
	if t.check.Fields[0].kind != rec.kind || t.line > 0 {
		return
	}
	t.line = rec.line
	if t.check.SameAs != nil {
		t.left = rec.values[t.check.Fields[0].number]
		return
	}
	for _, f := range t.check.Fields {
		if v := rec.values[f.number]; v.state != absent {
			t.left.state = given
			t.add(&t.left, v.num)
		}
	}
}

func (t *tally) add(sum *value, n int64) {
	if n > 0 && sum.num > math.MaxInt64-n || n < 0 && sum.num < math.MinInt64-n {
		t.overflow = true
		return
	}
	sum.num += n
}

// spoil says that a record could not be read as it should; its kind is nil when even
// that is not known.
func (t *tally) spoil(k *Kind) {
	c := t.check
	switch {
	case k == nil:
		t.unknown = t.unknown || c.SameAs == nil
	case c.Fields[0].kind == k, c.SameAs != nil && c.SameAs.kind == k, c.Sum != nil && c.Sum.kind == k:
		t.unknown = true
	case len(c.Where) > 0:
		for _, counted := range c.Count {
			t.unknown = t.unknown || counted == k
		}
	}
}

// finding compares, at the end of the file; ok is false when it does not match. A field
// that the file leaves empty, and may, is not compared.
func (t *tally) finding() (f Finding, ok bool) {
	c := t.check
	if t.line == 0 || t.unknown || c.SameAs == nil && t.left.state == absent || c.SameAs != nil && !t.seen {
		return f, true
	}
	field := c.Fields[0]
	f = Finding{Line: t.line, Record: field.kind.Name, Field: field.Name, Column: field.Column}
	if field.Position > 0 {
		f.From, f.To = field.Position, field.last()
	}
	switch {
	case t.overflow:
		f.Code, f.Message = batch.TotalMismatch, "the total is too large to be counted"
		return f, false
	case c.SameAs != nil:
		f.Code, f.Message = NotTheSame, fmt.Sprintf("must be the %s", c)
		return f, t.left.state == t.right.state && t.left.text == t.right.text && t.left.num == t.right.num
	case t.left.num == t.right.num:
		return f, true
	case c.Sum != nil:
		f.Code, f.Message = batch.TotalMismatch, fmt.Sprintf("%s must be the %s: it says %d, they make %d", c.subject(), c, t.left.num, t.right.num)
	default:
		f.Code, f.Message = batch.CountMismatch, fmt.Sprintf("%s must be the %s: it says %d, there are %d", c.subject(), c, t.left.num, t.right.num)
	}
	// What stands where a total belongs may be anything.
	f.Message = batch.MaskCardNumbers(f.Message)
	return f, false
}
