package smartbill

import (
	"fmt"
	"io"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// File is a file that came in, or that was sent and is read again. It was read whole:
// Verdict, Header and Trailer are known before any of its details can be had.
type File[T any] struct {
	Header  Header
	Trailer Trailer
	Verdict layout.Verdict

	file  *layout.File
	codec codec[T]
}

// Each reads the file again and hands each detail to use. It gives the errors of
// layout.File.Each: of a rejected file no detail is handed out.
func (f *File[T]) Each(use func(T) error) error {
	return f.file.Each(func(rec *layout.Record) error {
		if rec.Kind() != f.codec.detail {
			return nil
		}
		return use(f.codec.get(rec, f.Header))
	})
}

// Open is where a file's bytes come from, the same each time that it is called.
type Open func() (io.ReadCloser, error)

// OpenEnrolment, OpenStatus, OpenCharge and OpenResponse read a file whole. The table is
// a shipped one or an operator's own; zone is that of the times in the file, nil for
// UTC. An error says that the table does not fit or that the file could not be read;
// what is wrong with the file is in its verdict.
func OpenEnrolment(open Open, t *layout.Table, zone *time.Location) (*File[Enrolment], error) {
	return openFile(open, t, zone, "enrolments", (*binder).enrolment)
}

// OpenStatus is described at OpenEnrolment.
func OpenStatus(open Open, t *layout.Table, zone *time.Location) (*File[Status], error) {
	return openFile(open, t, zone, "statuses", (*binder).status)
}

// OpenCharge is described at OpenEnrolment.
func OpenCharge(open Open, t *layout.Table, zone *time.Location) (*File[Charge], error) {
	return openFile(open, t, zone, "charges", (*binder).charge)
}

// OpenResponse is described at OpenEnrolment.
func OpenResponse(open Open, t *layout.Table, zone *time.Location) (*File[Response], error) {
	return openFile(open, t, zone, "charge responses", (*binder).response)
}

func openFile[T any](open Open, t *layout.Table, zone *time.Location, purpose string, details func(*binder, *frame) codec[T]) (*File[T], error) {
	frame, codec, err := bind(t, zone, purpose, details)
	if err != nil {
		return nil, err
	}
	file, err := layout.Open(open, t, layout.Options{})
	if err != nil {
		return nil, err
	}
	return &File[T]{
		Header: frame.getHeader(file.Single(frame.header)), Trailer: frame.getTrailer(file.Single(frame.trailer)), Verdict: file.Verdict,
		file: file, codec: codec,
	}, nil
}

func bind[T any](t *layout.Table, zone *time.Location, purpose string, details func(*binder, *frame) codec[T]) (frame, codec[T], error) {
	b := &binder{layout.Binder{Table: t}}
	frame := b.frame(zone)
	codec := details(b, &frame)
	return frame, codec, b.Err(purpose)
}

// CheckTable reports whether a table can be used in place of the shipped one of the
// name: whether it has the fields that the program needs.
func CheckTable(name string, t *layout.Table) error {
	var err error
	switch name {
	case EnrolmentTable:
		_, _, err = bind(t, nil, name, (*binder).enrolment)
	case StatusTable:
		_, _, err = bind(t, nil, name, (*binder).status)
	case ChargeTable:
		_, _, err = bind(t, nil, name, (*binder).charge)
	case ResponseTable:
		_, _, err = bind(t, nil, name, (*binder).response)
	default:
		_, err = Source(name) // says which there are
		return err
	}
	if err == nil && t.Direction == layout.In && (name == EnrolmentTable || name == ChargeTable) {
		err = fmt.Errorf("layout table %s has direction: in, but %s files are written", t.Name, name)
	}
	return err
}

// Writer writes one file: the header, a record per Write, and with Close the trailer.
type Writer[T any] struct {
	// Trailer is what Close writes. Write counts in it; only a response file's counts
	// and amounts are the caller's to set, before Close.
	Trailer Trailer

	header Header
	frame  frame
	codec  codec[T]
	out    *layout.Writer
	rec    *layout.Record
}

// NewEnrolmentWriter, NewStatusWriter, NewChargeWriter and NewResponseWriter write the
// header of a file. The table is a shipped one or an operator's own; zone is that of
// the times in the file, nil for UTC.
func NewEnrolmentWriter(w io.Writer, t *layout.Table, h Header, zone *time.Location) (*Writer[Enrolment], error) {
	return newWriter(w, t, h, zone, "enrolments", (*binder).enrolment)
}

// NewStatusWriter is described at NewEnrolmentWriter. American Express writes such
// files; this is for tests and simulations.
func NewStatusWriter(w io.Writer, t *layout.Table, h Header, zone *time.Location) (*Writer[Status], error) {
	return newWriter(w, t, h, zone, "statuses", (*binder).status)
}

// NewChargeWriter is described at NewEnrolmentWriter.
func NewChargeWriter(w io.Writer, t *layout.Table, h Header, zone *time.Location) (*Writer[Charge], error) {
	if h.Currency.Numeric() == "" {
		return nil, fmt.Errorf("write charges: the header names no currency")
	}
	return newWriter(w, t, h, zone, "charges", (*binder).charge)
}

// NewResponseWriter is described at NewEnrolmentWriter. American Express writes such
// files; this is for tests and simulations.
func NewResponseWriter(w io.Writer, t *layout.Table, h Header, zone *time.Location) (*Writer[Response], error) {
	return newWriter(w, t, h, zone, "charge responses", (*binder).response)
}

func newWriter[T any](w io.Writer, t *layout.Table, h Header, zone *time.Location, purpose string, details func(*binder, *frame) codec[T]) (*Writer[T], error) {
	frame, codec, err := bind(t, zone, purpose, details)
	switch {
	case err != nil:
		return nil, err
	case !sePattern.MatchString(h.SE):
		return nil, fmt.Errorf("write %s: %w", purpose, errSE)
	case h.Sequence < 1 || h.Sequence > maxSequence:
		return nil, fmt.Errorf("write %s: %w", purpose, errSequence)
	case h.Mode != batch.Test && h.Mode != batch.Live:
		return nil, fmt.Errorf("write %s: the mode must be TEST or LIVE", purpose)
	}
	out, err := layout.NewWriter(w, t)
	if err != nil {
		return nil, err
	}
	file := &Writer[T]{header: h, frame: frame, codec: codec, out: out, rec: codec.detail.NewRecord(), Trailer: Trailer{Sequence: h.Sequence}}
	if frame.header != nil {
		rec := frame.header.NewRecord()
		frame.putHeader(rec, h)
		if err := out.Write(rec); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// Write writes one detail. One that cannot be written, by an error that is layout.ErrValue, is
// left out and the file can go on without it; after any other error the file is of no use.
func (w *Writer[T]) Write(detail T) error {
	w.rec.Clear()
	counted := w.Trailer
	if err := w.codec.put(w.rec, w.header, detail, &counted); err != nil {
		return fmt.Errorf("%w: %w", layout.ErrValue, err)
	}
	if err := w.out.Write(w.rec); err != nil {
		return err
	}
	w.Trailer = counted
	return nil
}

// Close writes the trailer and makes sure that it holds. It does not close the stream.
// A file whose Close failed must not be sent.
func (w *Writer[T]) Close() error {
	if w.frame.trailer != nil {
		rec := w.frame.trailer.NewRecord()
		w.frame.putTrailer(rec, w.Trailer)
		if err := w.out.Write(rec); err != nil {
			return err
		}
	}
	return w.out.Close()
}
