package wire

import (
	"net/http"
	"strconv"
	"sync"
	"time"
)

// buffers holds requests and answers. What went through one is zeroed before it is
// used again, so that no card number outlives its call.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 4<<10); return &b }}

// NewBuffer takes an empty buffer; give it back with Recycle.
func NewBuffer() *[]byte { return buffers.Get().(*[]byte) }

// Recycle zeroes a buffer and keeps it for the next call.
func Recycle(buf *[]byte) {
	clear((*buf)[:cap(*buf)])
	if cap(*buf) > 16<<10 {
		return // an unusually long answer: not worth keeping
	}
	*buf = (*buf)[:0]
	buffers.Put(buf)
}

// RetryAfter reads the header of that name, seconds or a date, up to a day; what it
// cannot read is no advice.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	const most = 24 * time.Hour
	text := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(text); err == nil && seconds > 0 {
		return min(time.Duration(min(seconds, 1<<20))*time.Second, most)
	}
	if at, err := http.ParseTime(text); err == nil {
		if wait := at.Sub(now); wait > 0 {
			return min(wait, most)
		}
	}
	return 0
}

// quietError tells of a failure without quoting what a broken peer said, which
// net/http does; the cause can still be matched.
type quietError struct {
	step  string
	cause error
}

func quiet(step string, cause error) error { return &quietError{step, cause} }

func (e *quietError) Error() string { return e.step + ": " + Scrub(e.cause.Error()) }

func (e *quietError) Unwrap() error { return e.cause }

// Scrub makes a foreign text fit to be shown: printable, bounded, and with every run of
// nine or more digits blotted out, spaces and hyphens between them notwithstanding.
func Scrub(text string) string {
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

// Remask shows first six and last four whatever the gateway put between them, which may
// be the number itself; empty for what is no card number.
func Remask(number string) string {
	n := len(number)
	if n < 12 || n > 19 {
		return ""
	}
	return number[:6] + "******" + number[n-4:]
}
