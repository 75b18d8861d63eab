package pipeline

import (
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"slices"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/store"
)

// misdirected says whether the file's merchant or mode does not fit the source.
func misdirected(s Source, h batch.Header, mode batch.Mode) *batch.Finding {
	if !slices.Contains(s.Merchants, h.Merchant) {
		return &batch.Finding{Line: 1, Column: "merchant", Code: batch.UnknownMerchant, Message: "the source takes no files of this merchant; check the header, or the source's merchants"}
	}
	if h.Mode != mode {
		return &batch.Finding{Line: 1, Column: "mode", Code: batch.WrongMode, Message: fmt.Sprintf("this installation works in mode %s", mode)}
	}
	return nil
}

// lineErrors says whether the findings of its lines reject the file.
func lineErrors(s Source, f *batch.File) *batch.Finding {
	if f.BadLines == 0 || s.RejectLines {
		return nil
	}
	return &batch.Finding{Code: batch.LineErrors, Message: fmt.Sprintf("%d of %d lines have findings and the source rejects such files; mend them and send the file again", f.BadLines, f.Lines)}
}

// overLimit says whether the file is over its merchant's limits.
func overLimit(m Merchant, f batch.File) *batch.Finding {
	if m.MaxLines > 0 && f.Lines > m.MaxLines {
		return &batch.Finding{Code: batch.Limit, Message: fmt.Sprintf("%d lines, the merchant's limit is %d; release the file if it is right", f.Lines, m.MaxLines)}
	}
	for _, total := range f.Totals {
		if limit, has := m.MaxAmounts[string(total.Currency)]; has && total.Minor > limit {
			return &batch.Finding{Code: batch.Limit, Message: fmt.Sprintf("the lines in %s add up to more than the merchant's limit; release the file if it is right", total.Currency)}
		}
	}
	return nil
}

// rememberedRefs bounds how many line references Validate compares: memory stays
// flat. A run compares all of them, in the store.
const rememberedRefs = 1_000_000

// Validate reads a file alone, with no store behind it, and gives the verdict that
// the file itself allows: what other files make of it (duplicates, sequence,
// look-alikes) only a run can know. Every finding goes to tell as it is found, the
// one that decides last. name is the file's, for layouts without a header.
func Validate(in io.Reader, name string, s Source, merchants map[batch.MerchantID]Merchant, mode batch.Mode, tell func(batch.Finding) error) (batch.File, error) {
	options := s.Format
	options.Name = name
	reader := batchfile.NewReader(in, options)
	f := batch.File{Source: s.Name, Name: name}
	finding, err := validateLines(reader, &f, tell)
	if err != nil {
		return f, err
	}
	f.Header, f.Layout = reader.Header(), reader.Layout()
	f.Lines, f.Totals = reader.Lines(), reader.Totals()
	if finding == nil {
		finding = misdirected(s, f.Header, mode)
	}
	if finding == nil {
		finding = lineErrors(s, &f)
	}
	if finding == nil {
		finding = overLimit(merchants[f.Header.Merchant], f)
	}
	f.State = batch.FileAccepted
	if finding == nil {
		return f, nil
	}
	f.Verdict, f.State = finding.Code, batch.FileRejected
	if finding.Code.Holds() {
		f.State = batch.FileHeld
	}
	return f, tell(*finding)
}

// validateLines reads to the end of the file and returns the finding of the file as a whole, if any.
func validateLines(reader *batchfile.Reader, f *batch.File, tell func(batch.Finding) error) (*batch.Finding, error) {
	seed, seen := maphash.MakeSeed(), map[uint64]int{}
	for {
		var l batch.Line
		findings, err := reader.Read(&l)
		if err == io.EOF {
			return nil, nil
		}
		if bad := (*batchfile.FileError)(nil); errors.As(err, &bad) {
			for _, finding := range bad.Findings[1:] {
				if err := tell(finding); err != nil {
					return nil, err
				}
			}
			return &bad.Findings[0], nil
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
		if len(findings) == 0 && len(seen) < rememberedRefs {
			ref := maphash.String(seed, string(l.Ref))
			if first, known := seen[ref]; known {
				code, text := namesakeFinding(0, store.Namesake{Earlier: batch.LineAddress{No: first}})
				findings = append(findings, batch.Finding{Line: l.No, Ref: l.Ref, Column: "line_ref", Code: code, Message: text})
			} else {
				seen[ref] = l.No
			}
		}
		if len(findings) > 0 {
			f.BadLines++
		}
		for _, finding := range findings {
			if err := tell(finding); err != nil {
				return nil, err
			}
		}
	}
}
