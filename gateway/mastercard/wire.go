package mastercard

import (
	"context"
	"strings"
	"sync"

	"cardbatch/gateway/internal/http1"
)

// buffers holds requests and answers. What went through one is zeroed before it is
// used again, so that no card number outlives its call.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

func newBuffer() *[]byte { return buffers.Get().(*[]byte) }

func recycle(buf *[]byte) {
	clear((*buf)[:cap(*buf)])
	if cap(*buf) > 16<<10 {
		return // an unusually long answer: not worth keeping
	}
	*buf = (*buf)[:0]
	buffers.Put(buf)
}

// reply is what came back: a status, and the body when it was JSON and complete.
type reply struct {
	status     int
	retryAfter string
	response   response
	parsed     bool
	defect     string // why the body could not be used
}

// exchange sends one request and reads its reply. On error, written tells whether
// anything of the request may have left; a reply always means that it did.
func (c *Client) exchange(ctx context.Context, method, path string, body []byte, authorization string) (r reply, written bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	buf := newBuffer()
	defer recycle(buf)
	answer, written, err := c.wire.Do(ctx, http1.Request{
		Method: method, Path: path, Authorization: authorization, ContentType: "application/json; charset=utf-8", Body: body,
	}, *buf)
	if err != nil {
		return reply{}, written, quiet("exchange", err)
	}
	*buf = answer.Body
	r = reply{status: answer.Status, retryAfter: answer.Header.Get("Retry-After")}
	switch {
	case len(*buf) == 0:
		r.defect = "an empty body"
	case !isJSON(answer.Header.Get("Content-Type")):
		r.defect = "a body that is not JSON"
	case r.response.decode(*buf) != nil:
		// The decoder's own words may quote the body.
		r.defect = "a body that is not one complete answer"
	default:
		r.parsed = true
	}
	return r, true, nil
}

func isJSON(contentType string) bool {
	mediaType, _, _ := strings.Cut(contentType, ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/json")
}

// quietError tells of a failure without quoting what a broken peer said, which
// net/http does; the cause can still be matched.
type quietError struct {
	step  string
	cause error
}

func quiet(step string, cause error) error { return &quietError{step, cause} }

func (e *quietError) Error() string { return e.step + ": " + scrub(e.cause.Error()) }

func (e *quietError) Unwrap() error { return e.cause }

// scrub makes a foreign text fit to be shown: printable, bounded, and with every run of
// nine or more digits blotted out, spaces and hyphens between them notwithstanding.
func scrub(text string) string {
	const longest, safeDigits = 200, 8
	out := make([]rune, 0, min(len(text), longest))
	first, digits := 0, 0 // of the current run
	for _, r := range text {
		isDigit := r >= '0' && r <= '9'
		switch {
		case isDigit:
			if digits == 0 {
				first = len(out)
			}
			digits++
		case r != ' ' && r != '-':
			digits = 0
		}
		if r < ' ' || r == 0x7f {
			r = ' '
		}
		out = append(out, r)
		if isDigit && digits > safeDigits {
			for i := first; i < len(out); i++ {
				out[i] = '#'
			}
		}
	}
	if len(out) > longest {
		out = append(out[:longest], '…')
	}
	return string(out)
}
