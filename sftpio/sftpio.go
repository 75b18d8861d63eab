// Package sftpio is drop folders: inbound and outbound, remote (SFTP) and local,
// behind one contract.
//
// Names that a remote tells are untrusted: only base names without control
// characters and of bounded length are ever used. A half file is never taken and
// never left behind under a final name.
package sftpio

import (
	"context"
	"errors"
	"io"
	"time"

	"cardbatch/internal/privatefile"
)

var (
	// ErrUnreachable: the remote could not be reached, or the connection died. Worth another run.
	ErrUnreachable = errors.New("the remote could not be reached")
	// ErrHostKey: the remote's host key is not one of those pinned. Never connect.
	ErrHostKey = errors.New("the remote's host key is not pinned")
	// ErrTaken: a file with this name and other bytes lies there already. It was not touched.
	ErrTaken = errors.New("another file has this name")
	// ErrChanged: the file changed while it was read.
	ErrChanged = errors.New("the file changed while it was read")
	// ErrNotStored: the remote accepted a file but does not hold its bytes.
	ErrNotStored = errors.New("the remote does not hold the bytes that were sent")
	// ErrRefused: the folder's side said no: a permission, a full disk, a quota. A person must look.
	ErrRefused = errors.New("the folder refused the operation")
	// ErrKeyPermissions: others than the owner may read the private key.
	ErrKeyPermissions = privatefile.ErrPermissions
)

// Names inside an inbound folder.
const (
	ProcessingDir = "processing" // claimed files
	RejectedDir   = "rejected"   // files refused, each with a reason file beside it
)

// Entry is one file of a folder.
type Entry struct {
	Name     string // base name as it arrived
	Claim    string // path below the folder where it lies now: Name, or processing/Name
	Size     int64  // bytes
	Modified time.Time
	// Digest is the SHA-256 of the bytes as they were fetched, lower-case hex; the
	// folder leaves it empty, the caller fills it in. Remove and Reject need it for a file whose Claim
	// is its Name: nothing else tells it from another file that came under the same name since.
	Digest string
}

// Inbound is a folder that files arrive in.
type Inbound interface {
	// Ready lists the files that are complete by the folder's readiness rule, by
	// name, and the files claimed before and not settled since. Ignored names,
	// directories and symbolic links are left out.
	Ready(ctx context.Context) (ready, claimed []Entry, err error)
	// Claim moves a ready file below processing/ so that nobody else takes it. Where the
	// server does not allow that, the entry comes back unchanged with its Claim equal to its Name.
	// ErrTaken: a file of the same name is claimed and not settled. fs.ErrNotExist: it is gone.
	Claim(ctx context.Context, e Entry) (Entry, error)
	// Fetch writes the whole file to w. It returns the bytes written, and ErrChanged
	// when size or time differ before and after.
	Fetch(ctx context.Context, e Entry, w io.Writer) (int64, error)
	// Reject moves a file to rejected/ and writes the reason beside it as NAME.reason.txt.
	// It does nothing when the claim is gone and the rejected file is there: safe to repeat.
	// ErrChanged: another file lies in the place of an unclaimed one, and was not touched.
	Reject(ctx context.Context, e Entry, reason string) error
	// Remove deletes a claimed file. No file is no error: safe to repeat.
	// ErrChanged: another file lies in the place of an unclaimed one, and was not touched.
	Remove(ctx context.Context, e Entry) error
	io.Closer
}

// Outbound is a folder that answers leave by.
type Outbound interface {
	// Publish puts the bytes of r under name. It writes a temporary name in the same
	// folder, reads size and SHA-256 (lower-case hex) back, renames without ever replacing,
	// and looks again afterwards. It returns nil only when the bytes are there under
	// their final name. It is safe to repeat: when the file is there with the same
	// bytes it does nothing; with other bytes it returns ErrTaken.
	Publish(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error
	// Stage and Release are Publish in two, for a partner that fetches and removes what it
	// finds: once a file may have been fetched it must never be written again. Stage puts the bytes
	// under the one temporary name of name and proves them; it may be repeated until Release is
	// called first. Release renames it without ever replacing. Where the temporary name is gone the
	// rename has happened, and Release does nothing. ErrTaken: another file has the name.
	// ErrNotStored: what lies under the temporary name is not what was staged.
	Stage(ctx context.Context, name string, r io.ReadSeeker, size int64, digest string) error
	Release(ctx context.Context, name string, size int64, digest string) error
	// Withdraw takes back what was staged and shall never be released. Nothing there is no error.
	Withdraw(ctx context.Context, name string) error
	io.Closer
}
