package sftpio

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
)

// inbound is an Inbound on either kind of folder.
type inbound struct {
	folder folder
	Options
}

var _ Inbound = (*inbound)(nil)

func (in *inbound) Close() error { return in.folder.Close() }

func (in *inbound) Ready(ctx context.Context) (ready, claimed []Entry, err error) {
	l, err := in.look(ctx)
	if err != nil {
		return nil, nil, err
	}
	ready, err = in.complete(ctx, l)
	if err != nil {
		return nil, nil, fmt.Errorf("find complete files: %w", err)
	}
	return ready, l.claimed, nil
}

// Claim moves the done-file first and the file second. A crash in between leaves a
// done-file in processing/ whose file is still outside: look counts it, so the file stays ready.
func (in *inbound) Claim(ctx context.Context, e Entry) (Entry, error) {
	if err := in.checkEntry(e); err != nil {
		return Entry{}, err
	}
	if e.Claim != e.Name || in.Quirks.NoRename {
		return e, nil
	}
	claim := path.Join(ProcessingDir, e.Name)
	if taken, err := exists(ctx, in.folder, claim); err != nil {
		return Entry{}, in.failed("claim", e, err)
	} else if taken {
		return Entry{}, in.failed("claim", e, ErrTaken)
	}
	err := in.folder.mkdir(ctx, ProcessingDir)
	if err == nil && in.Readiness == DoneFile {
		err = in.claimDoneFile(ctx, e.Name)
	}
	if err == nil {
		err = in.folder.rename(ctx, e.Name, claim)
	}
	switch {
	case err == nil:
		e.Claim = claim
		return e, nil
	case errors.Is(err, ErrRefused):
		return e, nil // the file stays where it is
	case errors.Is(err, fs.ErrExist):
		err = ErrTaken
	}
	return Entry{}, in.failed("claim", e, err)
}

func (in *inbound) claimDoneFile(ctx context.Context, name string) error {
	done := name + in.DoneSuffix
	err := in.folder.rename(ctx, done, path.Join(ProcessingDir, done))
	switch {
	case errors.Is(err, fs.ErrExist): // left by a claim that died; the sender has said done again
		return in.folder.remove(ctx, done)
	case errors.Is(err, fs.ErrNotExist): // moved by a claim that died
		return nil
	}
	return err
}

func (in *inbound) Fetch(ctx context.Context, e Entry, w io.Writer) (int64, error) {
	if err := in.checkEntry(e); err != nil {
		return 0, err
	}
	if err := in.isStill(ctx, e); err != nil {
		return 0, in.failed("fetch", e, err)
	}
	n, err := in.folder.read(ctx, e.Claim, &atMost{w: w, left: e.Size})
	if errors.Is(err, errLonger) {
		err = ErrChanged
	}
	if err == nil {
		err = in.isStill(ctx, e)
	}
	if in.Quirks.NoStat && errors.Is(err, fs.ErrNotExist) && n == e.Size {
		err = nil // such a server may delete what was read to its end
	}
	if err == nil && n != e.Size {
		err = fmt.Errorf("%w: %d of %d bytes came; the connection or the server lost some", ErrUnreachable, n, e.Size)
	}
	if err != nil {
		return n, in.failed("fetch", e, err)
	}
	return n, nil
}

// isStill compares size and time with what the entry says.
func (in *inbound) isStill(ctx context.Context, e Entry) error {
	info, err := in.folder.stat(ctx, e.Claim)
	switch {
	case err != nil:
		return err
	case !info.Mode().IsRegular(), info.Size() != e.Size, !e.Modified.IsZero() && !info.ModTime().Equal(e.Modified):
		return ErrChanged
	}
	return nil
}

// Remove takes the done-file away first: one without its file would declare the
// next, half-uploaded file of this name complete.
func (in *inbound) Remove(ctx context.Context, e Entry) error {
	if err := in.checkEntry(e); err != nil {
		return err
	}
	err := in.isOurs(ctx, e)
	if err == nil {
		err = in.removeDoneFiles(ctx, e)
	}
	if err == nil {
		err = in.folder.remove(ctx, e.Claim)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return in.failed("remove", e, err)
	}
	return nil
}

// isOurs makes sure that the file at the entry's claim is the one that was fetched. Nobody
// else touches processing/; but in the folder itself a sender may have put a new file of the same name.
func (in *inbound) isOurs(ctx context.Context, e Entry) error {
	if e.Claim != e.Name {
		return nil
	}
	if e.Digest == "" {
		return errors.New("the digest of an unclaimed file must be known")
	}
	same, err := holds(ctx, in.folder, e.Claim, e.Size, e.Digest)
	if err == nil && !same {
		err = ErrChanged
	}
	return err
}

func (in *inbound) removeDoneFiles(ctx context.Context, e Entry) error {
	if in.Readiness != DoneFile {
		return nil
	}
	done := e.Name + in.DoneSuffix
	if e.Claim == e.Name { // otherwise it belongs to the next file of this name
		if err := in.folder.remove(ctx, done); err != nil {
			return err
		}
	}
	return in.folder.remove(ctx, path.Join(ProcessingDir, done))
}

// checkEntry refuses entries that were not made by this folder.
func (in *inbound) checkEntry(e Entry) error {
	if err := checkName(e.Name, in.MaxName); err != nil {
		return fmt.Errorf("file %q: %w", e.Name, err)
	}
	if e.Claim != e.Name && e.Claim != path.Join(ProcessingDir, e.Name) {
		return fmt.Errorf("file %q: it cannot lie at %q", e.Name, e.Claim)
	}
	return nil
}

func (in *inbound) failed(what string, e Entry, err error) error {
	return fmt.Errorf("%s %q: %w", what, e.Name, err)
}
