package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"cardbatch/batch"
	"cardbatch/store"
)

// findFile finds the file that a person means: by its number, its reference or its
// name. Rejected and recalled files give way to the one that stands: a file sent
// again carries the same reference. Several that stand, or of which none does, are a
// usage mistake, which lists them; id:3 names one.
func findFile(ctx context.Context, r store.Reader, text string) (batch.File, error) {
	number, byID := strings.CutPrefix(text, "id:")
	id, err := strconv.ParseInt(number, 10, 64)
	if byID && err != nil {
		return batch.File{}, usageError("id: takes a number, as `cardbatch files` shows it")
	}
	var found []batch.File
	if err == nil {
		f, err := r.File(ctx, batch.FileID(id))
		if err == nil {
			found = append(found, f)
		} else if !errors.Is(err, store.ErrNotFound) {
			return batch.File{}, err
		}
	}
	if !byID {
		for _, q := range []store.FileQuery{{Ref: batch.FileRef(text)}, {Name: text}} {
			files, err := r.Files(ctx, q)
			if err != nil {
				return batch.File{}, err
			}
			for _, f := range files {
				if !slices.ContainsFunc(found, func(known batch.File) bool { return known.ID == f.ID }) {
					found = append(found, f)
				}
			}
		}
	}
	if len(found) == 0 {
		return batch.File{}, fmt.Errorf("file %s: %w", text, store.ErrNotFound)
	}
	standing := slices.DeleteFunc(slices.Clone(found), func(f batch.File) bool {
		return f.State == batch.FileRejected || f.State == batch.FileRecalled
	})
	for _, candidates := range [][]batch.File{found, standing} {
		if len(candidates) == 1 {
			return candidates[0], nil
		}
	}
	list := &strings.Builder{}
	for _, f := range found {
		fmt.Fprintf(list, "\n  id:%d  %s  %s  received %s  %s", f.ID, f.Name, f.Header.Ref, f.ReceivedAt.UTC().Format("2006-01-02 15:04:05"), f.State)
	}
	return batch.File{}, usageError("%d files are called %s; name one by its number:%s", len(found), text, list)
}

// findLine finds the line of a file that a person means: by its physical line
// number or by its reference. Where both fit, line:4 and ref:4 tell them apart.
func findLine(ctx context.Context, r store.Reader, f batch.File, text string) (batch.LineRecord, error) {
	number, numberOnly := strings.CutPrefix(text, "line:")
	ref, refOnly := strings.CutPrefix(text, "ref:")
	var byNumber, byRef *batch.LineRecord
	if no, err := strconv.Atoi(number); err == nil && no > 0 && !refOnly {
		rec, err := r.Line(ctx, batch.LineAddress{File: f.ID, No: no})
		if err == nil {
			byNumber = &rec
		} else if !errors.Is(err, store.ErrNotFound) {
			return batch.LineRecord{}, err
		}
	}
	if !numberOnly {
		rec, err := r.LineByRef(ctx, f.ID, batch.LineRef(ref))
		if err == nil {
			byRef = &rec
		} else if !errors.Is(err, store.ErrNotFound) {
			return batch.LineRecord{}, err
		}
	}
	switch {
	case byNumber == nil && byRef == nil:
		next := "Give the line number of the file, or the line's reference."
		if f.State == batch.FileRejected {
			next = "The file was rejected: only its findings are kept, see `cardbatch show --findings all`."
		}
		return batch.LineRecord{}, &codeError{exitFailure, fmt.Errorf("%s, line %s: %w", f.Name, text, store.ErrNotFound), next}
	case byNumber != nil && byRef != nil && byNumber.Address != byRef.Address:
		return batch.LineRecord{}, usageError("%s is a line number and also the reference of line %d; say line:%s or ref:%s", text, byRef.Address.No, text, text)
	case byNumber != nil:
		return *byNumber, nil
	}
	return *byRef, nil
}
