package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/textproto"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"cardbatch/batch"
)

// Attachment is the file that an e-mail carries.
type Attachment struct {
	Name        string // of the file; it must be the one that the notification tells (NoticeFacts.File)
	ContentType string // such as "text/csv; charset=utf-8"
	Size        int64  // in bytes; what Open yields must have as many
	// Open opens the file, at most once per attempt and not at all when it is too large.
	Open func() (io.ReadCloser, error)
}

// errUnattached: the file that an e-mail carries is not there. It says nothing of the mail server.
var errUnattached = errors.New("the report cannot be attached")

// slowest is how fast a mail server must take an attachment, in bytes per second.
const slowest = 100_000

// maxName is how long the name of an attachment may be, in bytes: encoded, it fits one line of a header.
const maxName = 200

// carries reports whether an e-mail of the kind is never sent without its attachment.
func carries(k batch.NoticeKind) bool { return k == batch.NoticeUpdaterReport }

// load is what an e-mail carries on one attempt.
type load struct {
	Attachment
	content io.ReadCloser // nil: nothing is attached
	failed  error         // while the content was read
	release func()        // may be nil
}

// attach finds and opens what the e-mail carries. It must be closed.
func (s *Sender) attach(ctx context.Context, n batch.Notification) (_ *load, err error) {
	l := &load{}
	if !carries(n.Kind) {
		return l, nil
	}
	if s.settings.Attach == nil {
		return nil, fmt.Errorf("%w: reports are not known here", errUnattached)
	}
	// One at a time: the library holds the whole of it in memory, encoded.
	select {
	case s.attaching <- struct{}{}:
		l.release = func() { <-s.attaching }
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() {
		if err != nil {
			l.close()
		}
	}()
	if l.Attachment, err = s.settings.Attach(ctx, n); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnattached, err)
	}
	if err := l.check(n.Facts.File); err != nil {
		return nil, err
	}
	if l.Size > s.settings.MaxAttachment {
		return l, nil
	}
	if l.content, err = l.Open(); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnattached, err)
	}
	return l, nil
}

// check says what is wrong with the attachment of an e-mail that tells of the named file.
func (l *load) check(file string) error {
	kind, parameters, err := mime.ParseMediaType(l.ContentType)
	delete(parameters, "name") // the library adds its own
	switch {
	case !isName(l.Name):
		return fmt.Errorf("%w: %w: %q is no name of a file", errUnattached, ErrRefused, l.Name)
	case l.Name != file:
		return fmt.Errorf("%w: %s was found in place of %s", errUnattached, l.Name, file)
	case err != nil || !strings.HasPrefix(kind, "text/") && !strings.HasPrefix(kind, "application/"):
		return fmt.Errorf("%w: %w: %q is no type of a file", errUnattached, ErrRefused, l.ContentType)
	case l.Size < 0 || l.Open == nil:
		return fmt.Errorf("%w: there is no way to open it, or its size is not known", errUnattached)
	}
	l.ContentType = mime.FormatMediaType(kind, parameters) // one line, whatever came
	return nil
}

// isName reports whether a file of that name can be attached and stored as it is: the library would
// put an underscore for what is refused here.
func isName(name string) bool {
	return name != "" && len(name) <= maxName && name[0] != '.' && utf8.ValidString(name) &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune(`"/:<>?\|`, r) })
}

// file is the attachment for the library.
func (l *load) file() *gomail.File {
	return &gomail.File{Name: l.Name, ContentType: gomail.ContentType(l.ContentType), Header: textproto.MIMEHeader{}, Writer: l.write}
}

// write copies the content. An error ends the message before its last byte, so that no server takes a part of it.
func (l *load) write(w io.Writer) (int64, error) {
	n, err := io.Copy(w, io.LimitReader(l.content, l.Size+1))
	if err == nil && n != l.Size {
		err = fmt.Errorf("it should have %d bytes, and has not", l.Size)
	}
	if err != nil {
		l.failed = fmt.Errorf("%w: %w", errUnattached, err)
	}
	return n, err
}

// patience is how long its delivery may take.
func (l *load) patience(timeout time.Duration) time.Duration {
	if l.content == nil {
		return timeout
	}
	return timeout + time.Duration(l.Size)*(time.Second/slowest)
}

func (l *load) close() {
	if l.content != nil {
		_ = l.content.Close() // it was only read
	}
	if l.release != nil {
		l.release()
	}
}
