package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"cardbatch/batch"
	"cardbatch/formats/batchfile"
	"cardbatch/store"
)

// stageChunk is how many lines are staged in one transaction: large enough that
// commits do not count, small enough that memory does not either.
const stageChunk = 500

// check reads every received file whole and gives its verdict. Files are taken in
// the order received, so that sequence numbers and references mean what they should.
func check(ctx context.Context, r *Run) error {
	files, err := r.Store.Files(ctx, store.FileQuery{States: []batch.FileState{batch.FileReceived, batch.FileChecked}, Oldest: true})
	if err != nil {
		return err
	}
	for _, f := range files {
		if r.stopping() {
			return nil
		}
		if err := r.trouble("file "+f.Name, r.checkFile(ctx, f)); err != nil {
			return err
		}
	}
	return nil
}

func (r *Run) checkFile(ctx context.Context, f batch.File) error {
	s, ok := r.source(f.Source)
	if !ok {
		return fmt.Errorf("source %s is not configured any more; put it back, or recall the file", f.Source)
	}
	// A run that died here may have staged a part.
	if err := r.Session.Restage(ctx, f.ID); err != nil {
		return fatal(err)
	}
	finding, err := r.stage(ctx, s, &f)
	if err != nil {
		return err
	}
	if finding == nil {
		if err := r.Session.Checked(ctx, f); err != nil {
			return fatal(err)
		}
		r.reached("staged")
		if finding, err = r.judgeFile(ctx, s, &f); err != nil {
			return err
		}
	}
	if finding == nil {
		if finding, err = r.judgeNamesakes(ctx, s, &f); err != nil {
			return err
		}
	}
	if finding == nil {
		finding = lineErrors(s, &f)
	}
	if finding == nil {
		if finding, err = r.judgeLimits(ctx, s, f); err != nil {
			return err
		}
	}
	return r.decide(ctx, f, finding)
}

// decide records the verdict that a file finding asks for; without one the file is accepted.
func (r *Run) decide(ctx context.Context, f batch.File, finding *batch.Finding) error {
	f.State = batch.FileAccepted
	f.VerdictAt = r.Clock()
	if finding != nil {
		f.Verdict = finding.Code
		f.State = batch.FileRejected
		if finding.Code.Holds() {
			f.State = batch.FileHeld
		}
		if err := r.Session.StageFindings(ctx, f.ID, []batch.Finding{*finding}); err != nil {
			return fatal(err)
		}
	}
	if f.Header.Merchant != "" {
		highest, _, err := r.Store.Sequences(ctx, f.Header.Merchant, 0)
		if err != nil {
			return fatal(err)
		}
		if f.State != batch.FileRejected && f.Verdict != batch.SequenceGap {
			highest = max(highest, f.Header.Sequence)
		}
		if highest > 0 {
			f.Expected = highest + 1
		}
	}
	if err := r.Session.Decide(ctx, f); err != nil {
		return fatal(err)
	}
	r.reached("decided")
	r.Log.Info("verdict", "file", f.Name, "verdict", string(f.State), "code", string(f.Verdict), "lines", f.Lines, "bad", f.BadLines)
	r.count(func(s *Summary) {
		switch f.State {
		case batch.FileAccepted:
			s.Accepted++
			s.BadLines += f.BadLines
		case batch.FileHeld:
			s.Held++
		case batch.FileRejected:
			s.Rejected++
		}
	})
	return nil
}

// chunk is a run of lines read together, with their findings.
type chunk struct {
	lines    []store.StagedLine
	findings []batch.Finding
}

// stage streams the file from the archive into the store: one goroutine reads and
// checks, the other writes. It fills in what the reading tells of the file, and
// returns the file finding that ended it, if any.
func (r *Run) stage(ctx context.Context, s Source, f *batch.File) (*batch.Finding, error) {
	original, err := r.Archive.Open(f.Archived)
	if err != nil {
		return nil, fmt.Errorf("open the archived original: %w", err)
	}
	defer original.Close()
	options := s.Format
	options.Name = f.Name
	reader := batchfile.NewReader(original, options)

	// Chunks go round: the writer hands emptied ones back to the reader.
	chunks, empty := make(chan chunk, 1), make(chan chunk, 3)
	for range cap(empty) {
		empty <- chunk{lines: make([]store.StagedLine, 0, stageChunk)}
	}
	var ended *batch.Finding
	group, gctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(chunks)
		var err error
		ended, err = r.readLines(gctx, s, f, reader, chunks, empty)
		return err
	})
	group.Go(func() error {
		for c := range chunks {
			if err := r.Session.StageLines(gctx, f.ID, c.lines); err != nil {
				return fatal(err)
			}
			if len(c.findings) > 0 {
				if err := r.Session.StageFindings(gctx, f.ID, c.findings); err != nil {
					return fatal(err)
				}
			}
			r.reached("chunk staged")
			empty <- chunk{lines: c.lines[:0], findings: c.findings[:0]}
		}
		return nil
	})
	if err := group.Wait(); err != nil {
		return nil, err
	}
	f.Header, f.Layout = reader.Header(), reader.Layout()
	f.Lines, f.Totals = reader.Lines(), reader.Totals()
	return ended, nil
}

func (r *Run) readLines(ctx context.Context, s Source, f *batch.File, reader *batchfile.Reader, out chan<- chunk, empty <-chan chunk) (*batch.Finding, error) {
	c := <-empty
	send := func() error {
		if err := r.routeFollowUps(ctx, reader.Header().Merchant, c.lines); err != nil {
			return err
		}
		select {
		case out <- c:
		case <-ctx.Done():
			return ctx.Err()
		}
		select {
		case c = <-empty:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for {
		var l batch.Line
		findings, err := reader.Read(&l)
		if err == io.EOF {
			return nil, send()
		}
		if bad := (*batchfile.FileError)(nil); errors.As(err, &bad) {
			// The first is the verdict, staged with it.
			c.findings = append(c.findings, bad.Findings[1:]...)
			return &bad.Findings[0], send()
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.Name, err)
		}
		r.Progress.checking.Add(1)
		staged, err := r.stagedLine(reader.Header().Merchant, l, findings)
		if err != nil {
			return nil, err
		}
		if len(findings) > 0 {
			f.BadLines++
			c.findings = append(c.findings, findings...)
		}
		// A file that its findings will reject needs no more lines, only findings.
		if f.BadLines == 0 || s.RejectLines {
			c.lines = append(c.lines, staged)
		}
		if len(c.lines) >= stageChunk || len(c.findings) >= stageChunk {
			if err := send(); err != nil {
				return nil, err
			}
		}
	}
}

// stagedLine turns a line into what is stored of it. A line with findings keeps
// only what proved acceptable: any other of its values may be a card number.
func (r *Run) stagedLine(merchant batch.MerchantID, l batch.Line, findings []batch.Finding) (store.StagedLine, error) {
	if len(findings) > 0 {
		first := findings[0]
		kept := batch.Line{No: l.No, Ref: first.Ref}
		if l.Command.Known() {
			kept.Command = l.Command
		}
		return store.StagedLine{Line: kept, Refused: batch.RefusalCode(first.Code)}, nil
	}
	staged := store.StagedLine{Line: l}
	if c := r.contract(merchant, l.Contract); c != nil {
		staged.Gateway = c.Gateway
	}
	if !l.CardNumber.IsZero() {
		number := l.CardNumber.Reveal()
		sealed, err := r.Vault.Seal(number, batch.LineBinding(merchant, l.Ref))
		if err != nil {
			return staged, fmt.Errorf("line %d: seal the card number: %w", l.No, err)
		}
		staged.Sealed, staged.Fingerprint = sealed, r.Vault.Fingerprint(number)
		staged.Line.CardNumber = batch.PAN{}
		if staged.Line.CardType == "" {
			staged.Line.CardType = batch.CardTypeOf(l.CardNumber)
		}
	}
	return staged, nil
}

// routeFollowUps gives follow-up lines that name no contract the gateway of their original.
func (r *Run) routeFollowUps(ctx context.Context, merchant batch.MerchantID, lines []store.StagedLine) error {
	var ids []batch.TransactionID
	for _, l := range lines {
		if l.Gateway == "" && l.Line.Command.Phase() == batch.PhaseFollowUp && l.Line.TransactionID != "" {
			ids = append(ids, l.Line.TransactionID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	originals, err := r.Store.Transactions(ctx, merchant, ids)
	if err != nil {
		return fatal(err)
	}
	for i := range lines {
		if o := originals[lines[i].Line.TransactionID]; o != nil && lines[i].Gateway == "" {
			lines[i].Gateway = o.Gateway
		}
	}
	return nil
}

// judgeFile checks the file as a whole against its source and the files before it.
func (r *Run) judgeFile(ctx context.Context, s Source, f *batch.File) (*batch.Finding, error) {
	h := f.Header
	if finding := misdirected(s, h, r.Mode); finding != nil {
		return finding, nil
	}
	standing := []batch.FileState{batch.FileHeld, batch.FileAccepted, batch.FileRunning, batch.FileAnswered, batch.FileDelivered}
	for _, q := range []struct {
		store.FileQuery
		code batch.FindingCode
		text string
	}{
		{store.FileQuery{Digest: f.Digest, States: standing, Oldest: true}, batch.DuplicateBytes, "the same bytes were accepted before as %s"},
		{store.FileQuery{Merchant: h.Merchant, Ref: h.Ref, States: standing, Oldest: true}, batch.DuplicateFile, "this file reference was accepted before with other bytes, as %s; use a new reference"},
	} {
		earlier, err := r.Store.Files(ctx, q.FileQuery)
		if err != nil {
			return nil, fatal(err)
		}
		earlier = slices.DeleteFunc(earlier, func(e batch.File) bool { return e.ID == f.ID })
		if len(earlier) > 0 {
			return &batch.Finding{Code: q.code, Message: fmt.Sprintf(q.text, earlier[0].Name)}, nil
		}
	}
	if !s.Sequence || h.Sequence == 0 {
		return nil, nil
	}
	highest, used, err := r.Store.Sequences(ctx, h.Merchant, h.Sequence)
	switch {
	case err != nil:
		return nil, fatal(err)
	case used:
		return &batch.Finding{Line: 1, Column: "sequence", Code: batch.SequenceReused, Message: fmt.Sprintf("this sequence number was used before; the next one is %d", highest+1)}, nil
	case highest > 0 && h.Sequence != highest+1:
		return &batch.Finding{Line: 1, Column: "sequence", Code: batch.SequenceGap, Message: fmt.Sprintf("sequence number %d was expected; send the files between, or have this one released", highest+1)}, nil
	}
	return nil, nil
}

// judgeNamesakes compares every line with earlier lines of the same reference: it
// is answered again, or it is a finding.
func (r *Run) judgeNamesakes(ctx context.Context, s Source, f *batch.File) (*batch.Finding, error) {
	var again []store.Namesake
	var findings []batch.Finding
	refused := map[string][]int{}
	flush := func() error {
		if len(again) > 0 {
			if err := r.Session.AnswerAgain(ctx, f.ID, again); err != nil {
				return fatal(err)
			}
		}
		if len(findings) > 0 {
			if err := r.Session.StageFindings(ctx, f.ID, findings); err != nil {
				return fatal(err)
			}
		}
		for code, lines := range refused {
			if err := r.Session.RefuseStaged(ctx, f.ID, lines, code); err != nil {
				return fatal(err)
			}
		}
		again, findings = again[:0], findings[:0]
		clear(refused)
		return nil
	}
	last := 0
	for n, err := range r.Session.Index(ctx, f.ID) {
		if err != nil {
			return nil, fatal(err)
		}
		if n.No == last { // one word per line is enough
			continue
		}
		last = n.No
		if code, text := namesakeFinding(f.ID, n); code != "" {
			f.BadLines++
			findings = append(findings, batch.Finding{Line: n.No, Column: "line_ref", Code: code, Message: text})
			refused[batch.RefusalCode(code)] = append(refused[batch.RefusalCode(code)], n.No)
		} else {
			again = append(again, n)
		}
		if len(again)+len(findings) >= stageChunk {
			if err := flush(); err != nil {
				return nil, err
			}
		}
	}
	return nil, flush()
}

// namesakeFinding says what is wrong with a line whose reference is known; no code
// means that it is answered again with the earlier outcome.
func namesakeFinding(file batch.FileID, n store.Namesake) (batch.FindingCode, string) {
	where := fmt.Sprintf("line %d of %s", n.Earlier.No, n.Name)
	switch {
	case n.Earlier.File == file:
		return batch.DuplicateLineRef, fmt.Sprintf("line %d has the same reference", n.Earlier.No)
	case !n.Same:
		return batch.Conflict, where + " has this reference and other content; use a new reference"
	case n.State == batch.InDoubt || n.State == batch.Submitting:
		return batch.InDoubtBlocked, where + " is the same line and in doubt; its outcome comes in a SUPPLEMENT"
	case !n.State.Final():
		return batch.LineInProgress, where + " is the same line and not answered finally yet"
	}
	return "", ""
}

// judgeLimits holds a file that is over its merchant's limits or looks like an earlier one.
func (r *Run) judgeLimits(ctx context.Context, s Source, f batch.File) (*batch.Finding, error) {
	m, ok := r.Merchants[f.Header.Merchant]
	if !ok {
		return nil, nil
	}
	if finding := overLimit(m, f); finding != nil {
		return finding, nil
	}
	if m.Lookalike.Lines == 0 {
		return nil, nil
	}
	since := r.Clock().Add(-time.Duration(m.Lookalike.Days) * 24 * time.Hour)
	alike, example, err := r.Session.Alike(ctx, f.ID, since)
	if err != nil {
		return nil, fatal(err)
	}
	if alike >= m.Lookalike.Lines && alike*100 >= f.Lines*m.Lookalike.Percent {
		earlier, err := r.Store.File(ctx, example)
		if err != nil {
			return nil, fatal(err)
		}
		return &batch.Finding{Code: batch.Lookalike, Message: fmt.Sprintf("%d of %d lines have wallet, amount and currency of recent lines, for instance in %s; release the file if it is right", alike, f.Lines, earlier.Name)}, nil
	}
	return nil, nil
}
