package smartbill

import (
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// binder finds in a table the fields that the program knows by name.
type binder struct{ layout.Binder }

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
	h, t := b.Kind("header"), b.Kind("trailer")
	return frame{
		zone:            zone,
		header:          h,
		se:              b.Field(false, h, "se", layout.Digits, layout.Text),
		sequence:        b.Field(false, h, "sequence", layout.Number),
		createdDate:     b.Field(false, h, "created_date", layout.Date),
		createdTime:     b.Field(false, h, "created_time", layout.Time),
		mode:            b.Code(false, h, "mode", string(batch.Test), string(batch.Live)),
		currency:        b.Field(false, h, "currency", layout.Currency),
		trailer:         t,
		trailerSequence: b.Field(false, t, "sequence", layout.Number),
		adds:            b.Field(false, t, "adds", layout.Number),
		deletes:         b.Field(false, t, "deletes", layout.Number),
		details:         b.Field(false, t, "details", layout.Number),
		debits:          b.Field(false, t, "debits", layout.Number),
		credits:         b.Field(false, t, "credits", layout.Number),
		debitAmount:     b.Field(false, t, "debit_amount", layout.Amount),
		creditAmount:    b.Field(false, t, "credit_amount", layout.Amount),
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
