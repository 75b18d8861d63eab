package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
)

// ErrChanged says that a file was not the same when it was read again.
var ErrChanged = errors.New("the file changed while it was read")

// Verdict is what reading a whole file gave.
type Verdict struct {
	Records map[string]int // by kind
	Bytes   int64
	Digest  string     // SHA-256 of the file as read, hexadecimal
	Reject  *FileError // what was found; nil: the file is accepted
}

// Accepted reports whether the file has no finding.
func (v Verdict) Accepted() bool { return v.Reject == nil }

// File is a file that was read to its end once, so that its verdict, its header and its
// trailer are known before any record is used.
type File struct {
	Verdict
	table   *Table
	options Options
	open    func() (io.ReadCloser, error)
	singles []*Record // of head and tail, by kind
}

// Open reads a file whole. open must give the same bytes each time that it is called;
// it is called here, and by Each. An error says that the file could not be read; what
// is wrong with the file is in its verdict.
func Open(open func() (io.ReadCloser, error), t *Table, o Options) (*File, error) {
	f := &File{table: t, options: o, open: open, singles: make([]*Record, len(t.Kinds))}
	var err error
	f.Verdict, err = f.read(func(rec *Record) error {
		if rec.kind.Part != Body && f.singles[rec.kind.number] == nil {
			single := *rec
			single.values = slices.Clone(rec.values)
			f.singles[rec.kind.number] = &single
		}
		return nil
	})
	return f, err
}

// Single returns the record of a kind of head or tail as far as it could be read, or
// nil when the file has none or the kind is nil.
func (f *File) Single(k *Kind) *Record {
	if k == nil {
		return nil
	}
	return f.singles[k.number]
}

// Each reads the file again and hands every record to use; what use returns ends the
// reading. A rejected file gives its *FileError and no record. When the error is
// ErrChanged the file was another one than before: whatever use did must be undone, by
// the transaction that it is part of.
func (f *File) Each(use func(*Record) error) error {
	if !f.Accepted() {
		return f.Reject
	}
	again, err := f.read(use)
	if err != nil {
		return err
	}
	if again.Digest != f.Digest {
		return ErrChanged
	}
	return nil
}

// read reads the file once, telling visit the records without findings; of head and
// tail also the others, as far as they could be read.
func (f *File) read(visit func(*Record) error) (Verdict, error) {
	stream, err := f.open()
	if err != nil {
		return Verdict{}, fmt.Errorf("open file: %w", err)
	}
	defer stream.Close()
	hash := sha256.New()
	r := NewReader(io.TeeReader(stream, hash), f.table, f.options)
	v := Verdict{Records: map[string]int{}}
	counts := make([]int, len(f.table.Kinds))
	var rec Record
	for {
		findings, err := r.Read(&rec)
		if err != nil {
			if err != io.EOF && !errors.As(err, &v.Reject) {
				return v, err
			}
			break
		}
		counts[rec.kind.number]++
		if len(findings) > 0 && rec.kind.Part == Body {
			continue
		}
		if err := visit(&rec); err != nil {
			return v, err
		}
	}
	for i, k := range f.table.Kinds {
		v.Records[k.Name] = counts[i]
	}
	v.Bytes = r.lines.bytes
	v.Digest = hex.EncodeToString(hash.Sum(nil))
	return v, nil
}
