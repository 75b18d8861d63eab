package smartbill

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// binder finds in a table the fields that the program knows by name. A field that the
// table lacks is nil, and takes and gives nothing; a lack that matters is a problem.
type binder struct {
	table    *layout.Table
	problems []string
}

// field finds a field of one of the types. A record that is missing was told already.
func (b *binder) field(need bool, kind *layout.Kind, name string, types ...layout.Type) *layout.Field {
	f := kind.Field(name)
	switch {
	case f == nil && kind != nil && need:
		b.problem("%s.%s is missing", kind.Name, name)
	case f != nil && !slices.Contains(types, f.Type):
		b.problem("%s must be of type %s", f, types[0])
		return nil
	}
	return f
}

// code finds a code field and makes sure that its names are ours.
func (b *binder) code(need bool, kind *layout.Kind, name string, names ...string) *layout.Field {
	f := b.field(need, kind, name, layout.Code)
	if f == nil {
		return nil
	}
	for _, c := range f.Codes {
		if !slices.Contains(names, c.Name) {
			b.problem("%s: %s is none of %s", f, c.Name, strings.Join(names, ", "))
		}
	}
	return f
}

// kind finds a record: detail is part of the body, header and trailer stand around it.
func (b *binder) kind(name string) *layout.Kind {
	k := b.table.Kind(name)
	switch {
	case k == nil && name == "detail":
		b.problem("record detail is missing")
	case k != nil && (k.Part == layout.Body) != (name == "detail"):
		b.problem("record %s is in the wrong part of the file", name)
	}
	return k
}

func (b *binder) problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

func (b *binder) err(purpose string) error {
	if len(b.problems) == 0 {
		return nil
	}
	return fmt.Errorf("layout table %s cannot be used for %s: %s", b.table.Name, purpose, strings.Join(b.problems, "; "))
}

// frame is what all four files have: header and trailer. A replaced table may lack any
// part of it.
type frame struct {
	zone *time.Location

	header                                                 *layout.Kind
	se, sequence, createdDate, createdTime, mode, currency *layout.Field

	trailer                                    *layout.Kind
	trailerSequence, adds, deletes, details    *layout.Field
	debits, credits, debitAmount, creditAmount *layout.Field
}

func (b *binder) frame(zone *time.Location) frame {
	if zone == nil {
		zone = time.UTC
	}
	h, t := b.kind("header"), b.kind("trailer")
	return frame{
		zone:            zone,
		header:          h,
		se:              b.field(false, h, "se", layout.Digits, layout.Text),
		sequence:        b.field(false, h, "sequence", layout.Number),
		createdDate:     b.field(false, h, "created_date", layout.Date),
		createdTime:     b.field(false, h, "created_time", layout.Time),
		mode:            b.code(false, h, "mode", string(batch.Test), string(batch.Live)),
		currency:        b.field(false, h, "currency", layout.Currency),
		trailer:         t,
		trailerSequence: b.field(false, t, "sequence", layout.Number),
		adds:            b.field(false, t, "adds", layout.Number),
		deletes:         b.field(false, t, "deletes", layout.Number),
		details:         b.field(false, t, "details", layout.Number),
		debits:          b.field(false, t, "debits", layout.Number),
		credits:         b.field(false, t, "credits", layout.Number),
		debitAmount:     b.field(false, t, "debit_amount", layout.Amount),
		creditAmount:    b.field(false, t, "credit_amount", layout.Amount),
	}
}

func (f *frame) getHeader(rec *layout.Record) Header {
	if rec == nil {
		return Header{}
	}
	mode, _ := rec.Code(f.mode)
	return Header{
		SE: rec.Text(f.se), Sequence: rec.Number(f.sequence), CreatedAt: rec.DateTime(f.createdDate, f.createdTime, f.zone),
		Mode: batch.Mode(mode), Currency: rec.Currency(f.currency),
	}
}

func (f *frame) putHeader(rec *layout.Record, h Header) {
	created := h.CreatedAt.In(f.zone)
	rec.SetText(f.se, h.SE)
	rec.SetNumber(f.sequence, h.Sequence)
	rec.SetDate(f.createdDate, created)
	rec.SetTime(f.createdTime, created)
	rec.SetCode(f.mode, string(h.Mode))
	rec.SetCurrency(f.currency, h.Currency)
}

func (f *frame) getTrailer(rec *layout.Record) Trailer {
	if rec == nil {
		return Trailer{}
	}
	return Trailer{
		Sequence: rec.Number(f.trailerSequence), Adds: rec.Number(f.adds), Deletes: rec.Number(f.deletes), Details: rec.Number(f.details),
		Debits: rec.Number(f.debits), Credits: rec.Number(f.credits), DebitAmount: rec.Number(f.debitAmount), CreditAmount: rec.Number(f.creditAmount),
	}
}

func (f *frame) putTrailer(rec *layout.Record, t Trailer) {
	rec.SetNumber(f.trailerSequence, t.Sequence)
	rec.SetNumber(f.adds, t.Adds)
	rec.SetNumber(f.deletes, t.Deletes)
	rec.SetNumber(f.details, t.Details)
	rec.SetNumber(f.debits, t.Debits)
	rec.SetNumber(f.credits, t.Credits)
	rec.SetNumber(f.debitAmount, t.DebitAmount)
	rec.SetNumber(f.creditAmount, t.CreditAmount)
}
