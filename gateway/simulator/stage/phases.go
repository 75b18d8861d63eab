package stage

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"time"
)

// Phase names a way to fail. The part after the underscore says on which side of
// the commit (the moment of the charge) it lies, where that is not plain.
type Phase string

const (
	Refuse            Phase = "refuse"
	StallBeforeCommit Phase = "stall_before_commit"
	StallAfterCommit  Phase = "stall_after_commit"
	LateCommit        Phase = "late_commit"
	ResetBefore       Phase = "reset_before"
	ResetAfter        Phase = "reset_after"
	Unavailable503    Phase = "503_before"
	Failure500        Phase = "500_after"
	Truncated         Phase = "truncated"
	WrongReference    Phase = "wrong_reference"
	DuplicateAnswer   Phase = "duplicate_answer"
	SlowDrip          Phase = "slow_drip"
	TooMany429        Phase = "429"
	HTMLError         Phase = "html_error"
	EmptyBody         Phase = "empty_body"
	WrongType         Phase = "wrong_type"
	Oversized         Phase = "oversized"
	Redirect          Phase = "redirect"
	Unauthorized      Phase = "unauthorized"
	Timeout408        Phase = "408"
	Pending           Phase = "pending"
	Unknown           Phase = "unknown"
	LockFailure       Phase = "lock_failure"
	UnknownCode       Phase = "unknown_code"
	UnknownResult     Phase = "unknown_result"
)

// PhaseInfo describes a phase.
type PhaseInfo struct {
	Phase   Phase
	Commits bool   // whether the request is carried out all the same
	Says    string // what the caller sees
	play    func(*scene)
}

// Phases lists every phase, in the order of the documentation.
func Phases() []PhaseInfo { return append([]PhaseInfo{}, phaseList...) }

var phaseList = []PhaseInfo{
	{Refuse, false, "the connection is closed, no answer", (*scene).hangUp},
	{StallBeforeCommit, false, "silence until the caller gives up", (*scene).stall},
	{StallAfterCommit, true, "silence until the caller gives up", (*scene).stall},
	{LateCommit, true, "the connection is reset at once; carried out a moment later (delay, 200 ms)", (*scene).commitLate},
	{ResetBefore, false, "the connection is reset", (*scene).reset},
	{ResetAfter, true, "the connection is reset", (*scene).reset},
	{Unavailable503, false, "503", failing(http.StatusServiceUnavailable)},
	{Failure500, true, "500", failing(http.StatusInternalServerError)},
	{Truncated, true, "half of the answer", (*scene).truncate},
	{WrongReference, true, "an answer about another order", (*scene).plain},
	{DuplicateAnswer, true, "the answer twice on one connection", (*scene).twice},
	{SlowDrip, true, "the answer byte by byte (delay each, 1 ms)", (*scene).drip},
	{TooMany429, false, "429 with Retry-After: 1", (*scene).tooMany},
	{HTMLError, true, "200 with an HTML page", typed(http.StatusOK, "text/html; charset=utf-8", "<html><body><h1>Service temporarily unavailable</h1></body></html>")},
	{EmptyBody, true, "a success without a body", (*scene).empty},
	{WrongType, true, "the answer as text/plain", (*scene).wrongType},
	{Oversized, true, "an answer of a megabyte", (*scene).oversize},
	{Redirect, false, "307 to another place", (*scene).redirect},
	{Unauthorized, false, "401", failing(http.StatusUnauthorized)},
	{Timeout408, false, "408", (*scene).timeout},
	{Pending, true, "the gateway answers later; look-ups tell the outcome", (*scene).plain},
	{Unknown, true, "the gateway does not know itself; look-ups tell the outcome", (*scene).plain},
	{LockFailure, false, "another request for the same thing is under way", (*scene).refuse},
	{UnknownCode, false, "a decline with a code that no document lists", (*scene).refuse},
	{UnknownResult, true, "a result that no document lists", (*scene).plain},
}

var phases = map[Phase]PhaseInfo{}

func init() {
	for _, p := range phaseList {
		phases[p.Phase] = p
	}
}

// disguised are the phases that answer in form, but not the truth.
var disguised = map[Phase]bool{WrongReference: true, Pending: true, Unknown: true, UnknownResult: true, LockFailure: true, UnknownCode: true}

// Call is one request on its way: what it is, and how its protocol speaks.
type Call struct {
	Operation string
	Key       string // the caller's key: the identifier that it chose
	Reference string // the merchant's order reference; FAULT-<PHASE>-… plans a fault
	Lookup    bool   // it asks and changes nothing
	Riders    []Rider

	ContentType string // of the protocol's answers
	// Commit carries the request out and answers: with the truth, or as the phase wants
	// it (WrongReference, Pending, Unknown, UnknownResult). It may be called once.
	Commit func(Phase) (status int, body []byte)
	// Refuse answers LockFailure and UnknownCode, where nothing is carried out.
	Refuse func(Phase) (status int, body []byte)
	// Error is the body of an error answer with the status: 401, 500, 503.
	Error func(status int) []byte
}

// Rider is a request that travels within another, as a row of a file does. A fault that is
// planned for its key, or by its reference, strikes the whole.
type Rider struct {
	Key       string
	Reference string
}

// scene is one request on its way to fail. Commit carries it out; it was called
// already when the phase commits, except by commitLate.
type scene struct {
	*Call
	s      *Stage
	w      http.ResponseWriter
	r      *http.Request
	phase  Phase
	delay  time.Duration
	status int
	body   []byte
}

// Play answers a request, or fails as a fault says.
func (s *Stage) Play(w http.ResponseWriter, r *http.Request, c *Call) {
	if c.Lookup {
		s.Counts.Lookups.Add(1)
	}
	f := s.faults.next(c)
	info, failing := phases[f.Phase]
	if !failing {
		status, body := c.Commit("")
		Write(w, status, c.ContentType, body)
		return
	}
	x := &scene{Call: c, s: s, w: w, r: r, phase: f.Phase, delay: f.Delay}
	if info.Commits && f.Phase != LateCommit {
		shown := f.Phase
		if !disguised[shown] {
			shown = ""
		}
		x.status, x.body = c.Commit(shown)
	}
	s.Counts.Faults.Add(1) // after the commit, so that who waits for it finds the charge
	info.play(x)
}

// Write answers.
func Write(w http.ResponseWriter, status int, contentType string, body []byte) {
	h := w.Header()
	h["Content-Type"] = []string{contentType}
	h["Content-Length"] = []string{strconv.Itoa(len(body))}
	w.WriteHeader(status)
	w.Write(body) // a caller that left has its answer by look-up
}

func (x *scene) plain() { Write(x.w, x.status, x.ContentType, x.body) }

func failing(status int) func(*scene) {
	return func(x *scene) { Write(x.w, status, x.ContentType, x.Error(status)) }
}

func (x *scene) refuse() {
	status, body := x.Refuse(x.phase)
	Write(x.w, status, x.ContentType, body)
}

func (x *scene) timeout() { Write(x.w, http.StatusRequestTimeout, x.ContentType, nil) }

func (x *scene) empty() { Write(x.w, x.status, x.ContentType, nil) }

func typed(status int, contentType, body string) func(*scene) {
	return func(x *scene) {
		x.w.Header().Set("Content-Type", contentType)
		x.w.WriteHeader(status)
		x.w.Write([]byte(body))
	}
}

// hijack takes the connection away from the server; abort when that is impossible.
func (x *scene) hijack() net.Conn {
	conn, _, err := http.NewResponseController(x.w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	return conn
}

func (x *scene) hangUp() { x.hijack().Close() }

// reset makes the peer see "connection reset" instead of an orderly end.
func (x *scene) reset() {
	conn := x.hijack()
	plain := conn
	if secure, ok := conn.(*tls.Conn); ok {
		plain = secure.NetConn()
	}
	if tcp, ok := plain.(*net.TCPConn); ok {
		tcp.SetLinger(0)
		tcp.Close()
	}
	conn.Close()
}

// stall waits until the caller is gone, the limit is reached or the simulator closes.
func (x *scene) stall() {
	limit := x.s.Options.StallLimit
	if x.delay > 0 {
		limit = min(x.delay, limit)
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-x.r.Context().Done():
	case <-timer.C:
	case <-x.s.closing:
	}
	panic(http.ErrAbortHandler) // net/http's way to close without an answer
}

func (x *scene) commitLate() {
	delay := min(Or(x.delay, 200*time.Millisecond), x.s.Options.StallLimit)
	x.s.late.Go(func() {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-x.s.closing: // what was accepted is carried out before the end
		}
		x.Commit("")
	})
	x.reset()
}

func (x *scene) truncate() {
	h := x.w.Header()
	h["Content-Type"] = []string{x.ContentType}
	h.Set("Content-Length", strconv.Itoa(len(x.body)))
	x.w.WriteHeader(x.status)
	x.w.Write(x.body[:len(x.body)/2])
	http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler)
}

func (x *scene) twice() {
	var b bytes.Buffer
	for range 2 {
		b.WriteString("HTTP/1.1 " + strconv.Itoa(x.status) + " " + http.StatusText(x.status) + "\r\nContent-Type: " + x.ContentType +
			"\r\nContent-Length: " + strconv.Itoa(len(x.body)) + "\r\n\r\n")
		b.Write(x.body)
	}
	conn := x.hijack()
	defer conn.Close()
	conn.Write(b.Bytes())
	// The connection stays open a while: a careless caller would read the second
	// answer as that to its next request.
	conn.SetReadDeadline(time.Now().Add(time.Second))
	conn.Read(make([]byte, 1))
}

func (x *scene) drip() {
	h := x.w.Header()
	h["Content-Type"] = []string{x.ContentType}
	h.Set("Content-Length", strconv.Itoa(len(x.body)))
	x.w.WriteHeader(x.status)
	flusher := http.NewResponseController(x.w)
	tick := time.NewTicker(max(min(Or(x.delay, time.Millisecond), time.Second), time.Microsecond))
	defer tick.Stop()
	for i := range x.body {
		select {
		case <-tick.C:
		case <-x.r.Context().Done():
			return
		case <-x.s.closing:
			return
		}
		x.w.Write(x.body[i : i+1])
		flusher.Flush()
	}
}

func (x *scene) tooMany() {
	x.w.Header().Set("Retry-After", "1")
	x.w.WriteHeader(http.StatusTooManyRequests)
}

func (x *scene) wrongType() { typed(x.status, "text/plain", string(x.body))(x) }

func (x *scene) oversize() {
	pad := bytes.Repeat([]byte{' '}, 1<<20)
	typed(x.status, x.ContentType, string(x.body[:1])+string(pad)+string(x.body[1:]))(x)
}

func (x *scene) redirect() {
	x.w.Header().Set("Location", x.r.URL.Path+"x")
	x.w.WriteHeader(http.StatusTemporaryRedirect)
}
