package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/followup"
	"cardbatch/report"
	"cardbatch/store"
)

var (
	// ErrDayNotOver: more lines may end on the day.
	ErrDayNotOver = errors.New("the day is not over")
	// ErrDayBeforeFirst: the merchant's first file came later.
	ErrDayBeforeFirst = errors.New("the merchant had no file yet")
)

// DailyFile returns the follow-up file of a day: as it is recorded, or else as the next run
// would record it, so that both have the same bytes. Only days that are over have one.
func DailyFile(ctx context.Context, r store.FollowUpReader, s store.Series, date string, zone *time.Location, encoding string, now time.Time) (f store.DailyFile, err error) {
	recorded, err := r.DailyFiles(ctx, store.DailyQuery{Series: s, Day: date})
	if err != nil {
		return f, err
	}
	if len(recorded) > 0 {
		return recorded[0], nil
	}
	day, err := report.DayOf(date, zone)
	if err != nil {
		return f, err
	}
	if now.Before(day.To) {
		return f, fmt.Errorf("%w: %s ends %s", ErrDayNotOver, date, day.To.Format(time.RFC3339))
	}
	last, err := latest(ctx, r, s, zone)
	if err != nil {
		return f, err
	}
	f = store.DailyFile{
		Series: s, Day: date, From: day.From, To: day.To, Number: last.Number + report.DaysBetween(last.Day, date),
		Name: store.DailyName(s, date), Encoding: encoding, OpenedAt: now,
	}
	switch {
	case f.Number < 1:
		return f, fmt.Errorf("%w on %s", ErrDayBeforeFirst, date)
	case f.Number == last.Number+1 && !last.To.IsZero():
		// The merchant's time zone may have changed: no moment belongs to two days, or to none.
		f.From = last.To
		if f.To.Before(f.From) {
			f.To = f.From
		}
	}
	return f, nil
}

// NextDaily returns the file that follows the latest one of a series, if its day is over; the
// first is that of the merchant's first file, or of since where that is later. A run opens
// one after the other until there is none.
func NextDaily(ctx context.Context, r store.FollowUpReader, s store.Series, since string, zone *time.Location, encoding string, now time.Time) (f store.DailyFile, ok bool, err error) {
	last, err := latest(ctx, r, s, zone)
	if errors.Is(err, ErrDayBeforeFirst) {
		return f, false, nil
	}
	if err != nil {
		return f, false, err
	}
	date := report.DateAfter(last.Day, 1)
	if last.To.IsZero() && date < since {
		date = since
	}
	f, err = DailyFile(ctx, r, s, date, zone, encoding, now)
	if errors.Is(err, ErrDayNotOver) {
		return f, false, nil
	}
	return f, err == nil, err
}

// latest is the latest file of a series. Before there is one, it is a file without an end on the day
// before the merchant's first, with the number 0.
func latest(ctx context.Context, r store.FollowUpReader, s store.Series, zone *time.Location) (store.DailyFile, error) {
	files, err := r.DailyFiles(ctx, store.DailyQuery{Series: s, Latest: true})
	if err != nil {
		return store.DailyFile{}, err
	}
	if len(files) > 0 {
		return files[0], nil
	}
	first, err := r.FirstReceived(ctx, s.Merchant)
	if errors.Is(err, store.ErrNotFound) {
		err = fmt.Errorf("%w: none was received", ErrDayBeforeFirst)
	}
	if err != nil {
		return store.DailyFile{}, err
	}
	return store.DailyFile{Series: s, Day: report.DateAfter(report.DateAt(first, zone), -1)}, nil
}

// WriteDaily writes the bytes of a follow-up file from the facts in the store: the same
// bytes whenever it is asked.
func WriteDaily(ctx context.Context, r store.FollowUpReader, f store.DailyFile, w io.Writer) error {
	head := followup.Head{Merchant: f.Series.Merchant, Contract: f.Series.Contract, Day: f.Day, Number: f.Number}
	today := store.EndedQuery{Merchant: f.Series.Merchant, Contract: f.Series.Contract, From: f.From, To: f.To}
	if f.Series.Kind == store.TransactionsOfDay {
		out, err := followup.NewTransactions(w, head, f.Encoding)
		if err != nil {
			return err
		}
		return writeEnded(ctx, r, out, report.TransactionRow, today)
	}
	out, err := followup.NewPayments(w, head, f.Encoding)
	if err != nil {
		return err
	}
	// What ended earlier and counts today comes first, as everything in the order of its end.
	earlier := today
	earlier.From, earlier.To, earlier.ValueDate = time.Time{}, f.From, f.Day
	return writeEnded(ctx, r, out, func(e report.Ended) (batch.PaymentRow, bool) { return report.PaymentRow(e, f.Day) }, earlier, today)
}

func writeEnded[R any](ctx context.Context, r store.FollowUpReader, out *followup.Writer[R], rowOf func(report.Ended) (R, bool), queries ...store.EndedQuery) error {
	for _, q := range queries {
		for e, err := range r.EndedLines(ctx, q) {
			if err != nil {
				return err
			}
			row, ok := rowOf(report.Ended{LineRecord: e.LineRecord, FileRef: e.FileRef})
			if !ok {
				continue
			}
			if err := out.Write(&row); err != nil {
				return err
			}
		}
	}
	return out.Close()
}
