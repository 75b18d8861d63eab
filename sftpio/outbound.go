package sftpio

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
)

// outbound is an Outbound on either kind of folder.
type outbound struct {
	folder folder
	Options
}

var _ Outbound = (*outbound)(nil)

func (out *outbound) Close() error { return out.folder.Close() }

func (out *outbound) Publish(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error {
	return out.under(name, "publish", func() error { return out.publish(ctx, name, r, size, digest) })
}

func (out *outbound) Stage(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error {
	return out.under(name, "stage", func() error {
		if _, err := out.folder.stat(ctx, name); err == nil {
			return ErrTaken
		} else if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := out.folder.remove(ctx, out.stagedName(name)); err != nil {
			return err
		}
		return out.prove(ctx, out.stagedName(name), r, size, digest)
	})
}

func (out *outbound) Withdraw(ctx context.Context, name string) error {
	return out.under(name, "withdraw", func() error { return out.folder.remove(ctx, out.stagedName(name)) })
}

func (out *outbound) Release(ctx context.Context, name string, size int64, digest string) error {
	return out.under(name, "release", func() error {
		staged := out.stagedName(name)
		same, err := holds(ctx, out.folder, staged, size, digest)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil // renamed before
		case err != nil:
			return err
		case !same:
			return fmt.Errorf("%w: another file lies under the temporary name %s", ErrNotStored, staged)
		}
		if err := out.folder.rename(ctx, staged, name); err != nil {
			return out.afterRename(ctx, staged, name, size, digest, err)
		}
		// The partner may have fetched the file by now; that the temporary name is gone proves the rename.
		if _, err := out.folder.stat(ctx, staged); !errors.Is(err, fs.ErrNotExist) {
			return cmp.Or(err, fmt.Errorf("%w: the rename was not carried out", ErrNotStored))
		}
		return nil
	})
}

// stagedName is the one temporary name of a file that leaves in two steps.
func (out *outbound) stagedName(name string) string {
	return out.temporaryPrefix(name) + "staged" + temporarySuffix
}

// under checks the name and says what was tried when it fails.
func (out *outbound) under(name, what string, do func() error) error {
	err := checkName(name, out.MaxName)
	if err == nil && ignored(name, nil) {
		err = fmt.Errorf("%w: it is one of those that are never picked up", errName)
	}
	if err == nil {
		err = do()
	}
	if errors.Is(err, ErrRefused) {
		err = fmt.Errorf("%w; the outbound folder needs space and the right to write, read, rename and delete", err)
	}
	if err != nil {
		return fmt.Errorf("%s %q: %w", what, name, err)
	}
	return nil
}

func (out *outbound) publish(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error {
	same, err := holds(ctx, out.folder, name, size, digest)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case !same:
		return ErrTaken
	}
	if err := out.tidy(ctx, name); err != nil || same {
		return err
	}
	temporary := out.temporaryPrefix(name) + rand.Text() + temporarySuffix
	err = out.store(ctx, temporary, name, r, size, digest)
	// A broken connection cannot tidy up; the next try does.
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnreachable) {
		if left := out.folder.remove(ctx, temporary); left != nil {
			err = fmt.Errorf("%w; and %s stays behind (%v)", err, temporary, left)
		}
	}
	return err
}

// Temporary names are on every list of ignored names, ours and those of the usual
// pollers. Each try has its own: a rename that an earlier try sent, and that a slow server carries
// out only now, must not find a file that is half written.
const temporarySuffix = ".tmp"

func (out *outbound) temporaryPrefix(name string) string {
	if out.Quirks.NoDotFiles {
		return name + "."
	}
	return ".out." + name + "."
}

// tidy removes what tries for this name left that died.
func (out *outbound) tidy(ctx context.Context, name string) error {
	infos, err := out.folder.list(ctx, ".")
	if errors.Is(err, ErrRefused) {
		return nil // such a folder keeps them; they are ignored by everybody
	}
	if err != nil {
		return err
	}
	for _, info := range infos {
		random, prefixed := strings.CutPrefix(info.Name(), out.temporaryPrefix(name))
		random, temporary := strings.CutSuffix(random, temporarySuffix)
		if !prefixed || !temporary || len(random) != len(rand.Text()) || strings.Contains(random, ".") {
			continue // a longer name may begin like this one
		}
		if err := out.folder.remove(ctx, info.Name()); err != nil {
			return err
		}
	}
	return nil
}

// prove writes the bytes under a name and reads them back.
func (out *outbound) prove(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("rewind the bytes to store: %w", err)
	}
	sum := sha256.New()
	n, err := out.folder.create(ctx, name, io.TeeReader(r, sum))
	if err != nil {
		return err
	}
	if n != size || hexSum(sum) != digest {
		return fmt.Errorf("the bytes to store are not those announced: %d, not %d, or another digest", n, size)
	}
	if same, err := holds(ctx, out.folder, name, size, digest); err != nil {
		return notStored("after writing", err)
	} else if !same {
		return fmt.Errorf("%w: what was read back differs", ErrNotStored)
	}
	return nil
}

// store goes the whole way from bytes to a proven file.
func (out *outbound) store(ctx context.Context, temporary, name string, r io.ReadSeeker, size int64, digest string) error {
	if err := out.prove(ctx, temporary, r, size, digest); err != nil {
		return err
	}
	if err := out.folder.rename(ctx, temporary, name); err != nil {
		return out.afterRename(ctx, temporary, name, size, digest, err)
	}
	info, err := out.folder.stat(ctx, name)
	if err != nil {
		return notStored("after the rename", err)
	}
	if !info.Mode().IsRegular() || info.Size() != size {
		return fmt.Errorf("%w: under its final name it differs", ErrNotStored)
	}
	return nil
}

// afterRename judges a rename that failed: some servers make the new name and
// fail at taking the old one away.
func (out *outbound) afterRename(ctx context.Context, temporary, name string, size int64, digest string, failed error) error {
	if !errors.Is(failed, fs.ErrExist) {
		return failed
	}
	same, err := holds(ctx, out.folder, name, size, digest)
	switch {
	case err != nil:
		return err
	case !same:
		return ErrTaken
	}
	return out.folder.remove(ctx, temporary)
}

// notStored turns a file that is gone into the promise that was broken.
func notStored(when string, err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: %s it is not there", ErrNotStored, when)
	}
	return err
}
