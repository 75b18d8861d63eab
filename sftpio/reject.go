package sftpio

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

// maxRejected is how many files of one name rejected/ may hold before a person must tidy up.
const maxRejected = 1000

// Reject writes the reason first and moves the file second, so that no file ever
// lies in rejected/ without its reason. The bytes of a name that is there already are not
// kept twice; other bytes get a number: NAME.2.
func (in *inbound) Reject(ctx context.Context, e Entry, reason string) error {
	if err := in.checkEntry(e); err != nil {
		return err
	}
	if err := in.reject(ctx, e, reason); err != nil {
		if errors.Is(err, ErrRefused) {
			err = fmt.Errorf("%w; allow writing and renaming in the folder, or move the file away by hand", err)
		}
		return in.failed("reject", e, err)
	}
	return nil
}

func (in *inbound) reject(ctx context.Context, e Entry, reason string) error {
	info, err := in.folder.stat(ctx, e.Claim)
	if errors.Is(err, fs.ErrNotExist) {
		return in.wasRejected(ctx, e, err)
	}
	if err != nil {
		return err
	}
	if err := in.isOurs(ctx, e); err != nil {
		return err
	}
	if err := in.folder.mkdir(ctx, RejectedDir); err != nil {
		return err
	}
	target, same, err := in.rejectedName(ctx, e, info.Size())
	if err != nil {
		return err
	}
	if err := in.writeReason(ctx, target, reason); err != nil {
		return err
	}
	if err := in.removeDoneFiles(ctx, e); err != nil {
		return err
	}
	if same {
		return in.folder.remove(ctx, e.Claim)
	}
	return in.folder.rename(ctx, e.Claim, target)
}

// wasRejected tells a repeated rejection from a file that somebody took away.
func (in *inbound) wasRejected(ctx context.Context, e Entry, gone error) error {
	infos, err := in.folder.list(ctx, RejectedDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, info := range infos {
		number, numbered := strings.CutPrefix(info.Name(), e.Name+".")
		if _, err := strconv.Atoi(number); info.Name() == e.Name || numbered && err == nil {
			return nil
		}
	}
	return gone
}

// rejectedName finds the name for a file in rejected/: one that is free, or one
// that holds the same bytes.
func (in *inbound) rejectedName(ctx context.Context, e Entry, size int64) (target string, same bool, err error) {
	for n := 1; n <= maxRejected; n++ {
		target = path.Join(RejectedDir, e.Name)
		if n > 1 {
			target += "." + strconv.Itoa(n)
		}
		info, err := in.folder.stat(ctx, target)
		if errors.Is(err, fs.ErrNotExist) {
			return target, false, nil
		}
		if err != nil {
			return "", false, err
		}
		if !info.Mode().IsRegular() || info.Size() != size {
			continue
		}
		if e.Digest == "" {
			if e.Digest, err = digestOf(ctx, in.folder, e.Claim, size); err != nil {
				return "", false, err
			}
		}
		if same, err := holds(ctx, in.folder, target, size, e.Digest); err != nil || same {
			return target, same, err
		}
	}
	return "", false, fmt.Errorf("%w: %s holds %d files of this name; move them away", ErrRefused, RejectedDir, maxRejected)
}

// writeReason puts the reason beside the rejected file, in the place of one that a
// rejection left which died half-way.
func (in *inbound) writeReason(ctx context.Context, target, reason string) error {
	name := target + ".reason.txt"
	if err := in.folder.remove(ctx, name); err != nil {
		return err
	}
	_, err := in.folder.create(ctx, name, strings.NewReader(strings.TrimRight(reason, "\n")+"\n"))
	return err
}
