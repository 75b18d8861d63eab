package layout

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// Record is one record of a file: a value for each field of its kind. Values are asked
// for and set by the field, found once with Kind.Field; a nil field, of a table that
// does not have it, has no value and takes none. A Record prints masked.
//
// A reader fills a Record anew with every call; texts taken from it stay valid.
type Record struct {
	kind   *Kind
	line   int
	values []value
	none   value // of a nil field; reused
}

// value of a field. A number holds a number or an amount in num; a date and a time hold
// seconds; everything else is text, that of a code being its name.
type value struct {
	state state
	text  string
	num   int64
	pan   batch.PAN
}

type state uint8

const (
	absent  state = iota
	given         //
	unknown       // a code that the table does not know; text is what stands in the file
)

// NewRecord returns a record of the kind without values, for a Writer.
func (k *Kind) NewRecord() *Record {
	r := &Record{}
	r.reset(k)
	return r
}

func (r *Record) reset(k *Kind) {
	r.kind, r.line = k, 0
	if cap(r.values) < len(k.Fields) {
		r.values = make([]value, len(k.Fields))
		return
	}
	r.values = r.values[:len(k.Fields)]
	clear(r.values)
}

// Clear takes all values out, so that the record can be used for the next one.
func (r *Record) Clear() { r.reset(r.kind) }

// Kind returns the record's kind.
func (r *Record) Kind() *Kind { return r.kind }

// Line returns where the record was read: its line, from 1.
func (r *Record) Line() int { return r.line }

// Equal reports whether two records are of one kind and hold the same values.
func (r *Record) Equal(o *Record) bool {
	if r.kind != o.kind {
		return false
	}
	for i := range r.values {
		a, b := r.values[i], o.values[i]
		if a.state != b.state || a.text != b.text || a.num != b.num || a.pan.Reveal() != b.pan.Reveal() {
			return false
		}
	}
	return true
}

// at returns the place of the field's value. A field of another kind, or of other types
// than those given, is a mistake of the program.
func (r *Record) at(f *Field, types ...Type) *value {
	if f == nil {
		r.none = value{}
		return &r.none
	}
	if f.kind != r.kind {
		panic(fmt.Sprintf("layout: %s is no field of %s", f, r.kind.Name))
	}
	for _, t := range types {
		if f.Type == t {
			return &r.values[f.number]
		}
	}
	if len(types) > 0 {
		panic(fmt.Sprintf("layout: %s is of type %s", f, f.Type))
	}
	return &r.values[f.number]
}

// Has reports whether the field has a value.
func (r *Record) Has(f *Field) bool { return r.at(f).state != absent }

// Text returns a text, digits, or a constant.
func (r *Record) Text(f *Field) string { return r.at(f, Text, Digits, Constant).text }

// Number returns a number, or an amount in minor units; 0 when there is none.
func (r *Record) Number(f *Field) int64 { return r.at(f, Number, Amount).num }

// Amount returns an amount of the currency, which the caller knows from elsewhere.
func (r *Record) Amount(f *Field, c money.Currency) money.Amount {
	return money.Amount{Minor: r.at(f, Amount).num, Currency: c}
}

// Date returns a date in the zone, at midnight or at the time that the field gives;
// the zero time when there is none.
func (r *Record) Date(f *Field, zone *time.Location) time.Time {
	v := r.at(f, Date)
	if v.state == absent {
		return time.Time{}
	}
	t := time.Unix(v.num, 0).UTC()
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, zone)
}

// DateTime returns a date in the zone at the time of day of another field.
func (r *Record) DateTime(date, clock *Field, zone *time.Location) time.Time {
	t := r.Date(date, zone)
	if t.IsZero() || !r.Has(clock) {
		return t
	}
	s := int(r.at(clock, Time).num)
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, s, 0, zone)
}

// Code returns the name of a code; known is false for one that the table does not
// know, which is returned as it stands in the file.
func (r *Record) Code(f *Field) (name string, known bool) {
	v := r.at(f, Code)
	return v.text, v.state == given
}

// Currency returns a currency.
func (r *Record) Currency(f *Field) money.Currency { return money.Currency(r.at(f, Currency).text) }

// PAN returns a card number.
func (r *Record) PAN(f *Field) batch.PAN { return r.at(f, CardPAN).pan }

// SetText sets a text or digits; an empty one is no value.
func (r *Record) SetText(f *Field, text string) { r.setText(r.at(f, Text, Digits), text) }

// SetNumber sets a number, or an amount in minor units.
func (r *Record) SetNumber(f *Field, n int64) { *r.at(f, Number, Amount) = value{state: given, num: n} }

// SetDate sets a date, and the time of day if the field holds one, as they are in t's
// zone; the zero time is no value.
func (r *Record) SetDate(f *Field, t time.Time) {
	v := r.at(f, Date)
	*v = value{}
	if !t.IsZero() {
		*v = value{state: given, num: time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC).Unix()}
	}
}

// SetTime sets a time of day as it is in t's zone; the zero time is no value.
func (r *Record) SetTime(f *Field, t time.Time) {
	v := r.at(f, Time)
	*v = value{}
	if !t.IsZero() {
		*v = value{state: given, num: int64(t.Hour()*3600 + t.Minute()*60 + t.Second())}
	}
}

// SetCode sets a code by its name; an empty name is no value.
func (r *Record) SetCode(f *Field, name string) { r.setText(r.at(f, Code), name) }

// SetCurrency sets a currency; an empty one is no value.
func (r *Record) SetCurrency(f *Field, c money.Currency) { r.setText(r.at(f, Currency), string(c)) }

// SetPAN sets a card number; the zero PAN is no value.
func (r *Record) SetPAN(f *Field, pan batch.PAN) {
	v := r.at(f, CardPAN)
	*v = value{}
	if !pan.IsZero() {
		*v = value{state: given, pan: pan}
	}
}

func (r *Record) setText(v *value, text string) {
	*v = value{}
	if text != "" {
		*v = value{state: given, text: text}
	}
}

// Show returns the field's value for people: sensitive ones masked, and card numbers
// cut down wherever they stand.
func (r *Record) Show(f *Field) string {
	v := r.at(f)
	switch {
	case v.state == absent:
		return ""
	case f.Type == CardPAN:
		return v.pan.Masked()
	case f.Sensitive:
		return "***"
	case f.isNumeric():
		return maskDigits(strconv.FormatInt(v.num, 10), 12)
	case f.Type == Date || f.Type == Time:
		shown, _ := f.appendTime(nil, v.num)
		return string(shown)
	case v.state == unknown:
		return maskDigits(v.text, 9) + " (unknown)"
	case f.Type == Text || f.Type == Digits:
		return maskDigits(v.text, 9)
	}
	return v.text
}

// maskDigits masks card numbers, and all but the last four of every run of so many
// digits or more: read by a table that does not fit the file, a field may hold a piece
// of a card number.
func maskDigits(text string, run int) string {
	masked := []byte(batch.MaskCardNumbers(text))
	for start := 0; start < len(masked); start++ {
		end := start
		for end < len(masked) && isDigit(masked[end]) {
			end++
		}
		if end-start >= run {
			wipe(masked[start : end-4])
		}
		start = max(start, end-1)
	}
	return string(masked)
}

// String shows the record masked.
func (r *Record) String() string {
	if r.kind == nil {
		return "no record"
	}
	var text strings.Builder
	text.WriteString(r.kind.Name)
	for _, f := range r.kind.Fields {
		if r.Has(f) {
			fmt.Fprintf(&text, " %s=%q", f.Name, r.Show(f))
		}
	}
	return text.String()
}

// Format shows the record masked, whatever the verb.
func (r *Record) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, r.String()) }
