package updater

import (
	"fmt"
	"io"
	"time"

	"cardbatch/formats/layout"
)

// File is a file that came in. It was read whole: Verdict is known before any of its
// details can be had.
type File[T any] struct {
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
		return use(f.codec.get(rec))
	})
}

// Open is where a file's bytes come from, the same each time that it is called.
type Open func() (io.ReadCloser, error)

// OpenAcknowledgement and OpenAnswers read a file whole. The table is a shipped one or an
// operator's own. An error says that the table does not fit or that the file could not be
// read; what is wrong with the file is in its verdict.
func OpenAcknowledgement(open Open, t *layout.Table) (*File[Acknowledged], error) {
	return openFile(open, t, nil, "acknowledgements", (*binder).acknowledgement)
}

// OpenAnswers is described at OpenAcknowledgement. zone is that of the times in the file
// that do not tell theirs, nil for UTC.
func OpenAnswers(open Open, t *layout.Table, zone *time.Location) (*File[Answer], error) {
	return openFile(open, t, zone, "answers", (*binder).answer)
}

func openFile[T any](open Open, t *layout.Table, zone *time.Location, purpose string, details func(*binder, *time.Location) codec[T]) (*File[T], error) {
	codec, err := bind(t, zone, purpose, details)
	if err != nil {
		return nil, err
	}
	file, err := layout.Open(open, t, layout.Options{Check: func(rec *layout.Record, bad func(*layout.Field, string)) {
		if rec.Kind() == codec.detail {
			codec.check(rec, bad)
		}
	}})
	if err != nil {
		return nil, err
	}
	return &File[T]{Verdict: file.Verdict, file: file, codec: codec}, nil
}

func bind[T any](t *layout.Table, zone *time.Location, purpose string, details func(*binder, *time.Location) codec[T]) (codec[T], error) {
	if zone == nil {
		zone = time.UTC
	}
	b := &binder{layout.Binder{Table: t}}
	codec := details(b, zone)
	return codec, b.Err(purpose)
}

// CheckTable reports whether a table can be used in place of the shipped one of the
// name: whether it has the fields that the program needs.
func CheckTable(name string, t *layout.Table) error {
	var err error
	switch name {
	case RequestTable:
		if _, err = bindRequest(t); err == nil && t.Direction == layout.In {
			err = fmt.Errorf("layout table %s has direction: in, but %s files are written", t.Name, name)
		}
	case AcknowledgementTable:
		_, err = bind(t, nil, name, (*binder).acknowledgement)
	case ResponseTable, CyberSourceTable, JPMorganTable, CheckoutTable:
		_, err = bind(t, nil, name, (*binder).answer)
	default:
		_, err = Source(name) // says which there are
	}
	return err
}

func bindRequest(t *layout.Table) (request, error) {
	b := &binder{layout.Binder{Table: t}}
	fields := b.request()
	for _, k := range t.Kinds {
		if k.Part != layout.Body && !k.Optional {
			b.Problem("record %s would have to be written, but a request has no header and no trailer", k.Name)
		}
	}
	return fields, b.Err("requests")
}

// RequestWriter writes one request file: a record per Write.
type RequestWriter struct {
	fields request
	out    *layout.Writer
	rec    *layout.Record
}

// NewRequestWriter begins a file on w. The table is a shipped one or an operator's own.
func NewRequestWriter(w io.Writer, t *layout.Table) (*RequestWriter, error) {
	fields, err := bindRequest(t)
	if err != nil {
		return nil, err
	}
	out, err := layout.NewWriter(w, t)
	if err != nil {
		return nil, err
	}
	return &RequestWriter{fields: fields, out: out, rec: fields.detail.NewRecord()}, nil
}

// Write writes one record. One that cannot be written, by an error that is layout.ErrValue, is
// left out and the file can go on without it; after any other error the file is of no use.
// No error holds a value.
func (w *RequestWriter) Write(r Request) error {
	w.rec.Clear()
	if err := w.fields.put(w.rec, r); err != nil {
		return fmt.Errorf("write detail: %w: %w", layout.ErrValue, err)
	}
	return w.out.Write(w.rec)
}

// Size is how many bytes were written so far, those included that are still buffered.
func (w *RequestWriter) Size() int64 { return w.out.Size() }

// Close writes what is buffered. It does not close the stream. A file whose Close failed
// must not be sent.
func (w *RequestWriter) Close() error { return w.out.Close() }
