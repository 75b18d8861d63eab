package simulator

import (
	"bytes"
	"crypto/tls"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/internal/jsontext"
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
	{Unavailable503, false, "503 SERVER_BUSY", fixed(http.StatusServiceUnavailable, errorBody("SERVER_BUSY"))},
	{Failure500, true, "500 SERVER_FAILED", fixed(http.StatusInternalServerError, errorBody("SERVER_FAILED"))},
	{Truncated, true, "half of the answer", (*scene).truncate},
	{WrongReference, true, "an answer about another order", (*scene).plain},
	{DuplicateAnswer, true, "the answer twice on one connection", (*scene).twice},
	{SlowDrip, true, "the answer byte by byte (delay each, 1 ms)", (*scene).drip},
	{TooMany429, false, "429 with Retry-After: 1", (*scene).tooMany},
	{HTMLError, true, "200 with an HTML page", typed(http.StatusOK, "text/html; charset=utf-8", "<html><body><h1>Service temporarily unavailable</h1></body></html>")},
	{EmptyBody, true, "201 without a body", typed(http.StatusCreated, "application/json;charset=UTF-8", "")},
	{WrongType, true, "the answer as text/plain", (*scene).wrongType},
	{Oversized, true, "an answer of a megabyte", (*scene).oversize},
	{Redirect, false, "307 to another place", (*scene).redirect},
	{Unauthorized, false, "401", fixed(http.StatusUnauthorized, errorBody("INVALID_REQUEST"))},
	{Timeout408, false, "408", fixed(http.StatusRequestTimeout, "")},
	{Pending, true, "PENDING; look-ups tell the outcome", (*scene).plain},
	{Unknown, true, "UNKNOWN; look-ups tell the outcome", (*scene).plain},
	{LockFailure, false, "FAILURE with LOCK_FAILURE", failure(lockFailure)},
	{UnknownCode, false, "FAILURE with a code that no document lists", failure("BRAND_NEW_CODE")},
	{UnknownResult, true, "a result that no document lists", (*scene).plain},
}

var phases = map[Phase]PhaseInfo{}

func init() {
	for _, p := range phaseList {
		phases[p.Phase] = p
	}
}

// disguises are the answers of phases that answer in form, but not the truth.
var disguises = map[Phase]disguise{
	WrongReference: {foreign: true},
	Pending:        {code: pending},
	Unknown:        {code: unknown},
	UnknownResult:  {result: "PERHAPS"},
}

func errorBody(cause string) string {
	return `{"error":{"cause":"` + cause + `"},"result":"ERROR"}`
}

// scene is one request on its way to fail. commit carries it out; it was called
// already when the phase commits, except by commitLate.
type scene struct {
	s      *Simulator
	w      http.ResponseWriter
	r      *http.Request
	delay  time.Duration
	commit func(disguise) (int, []byte)
	status int
	body   []byte
}

// play answers a request, or fails as the fault says.
func (s *Simulator) play(w http.ResponseWriter, r *http.Request, f Fault, commit func(disguise) (int, []byte)) {
	info, failing := phases[f.Phase]
	if !failing {
		status, body := commit(disguise{})
		writeJSON(w, status, body)
		return
	}
	x := &scene{s: s, w: w, r: r, delay: f.Delay, commit: commit}
	if info.Commits && f.Phase != LateCommit {
		x.status, x.body = commit(disguises[f.Phase])
	}
	s.stats.faults.Add(1) // after the commit, so that who waits for it finds the charge
	info.play(x)
}

func (x *scene) plain() { writeJSON(x.w, x.status, x.body) }

func fixed(status int, body string) func(*scene) {
	return func(x *scene) { writeJSON(x.w, status, []byte(body)) }
}

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
	limit := x.s.options.StallLimit
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
	delay := min(or(x.delay, 200*time.Millisecond), x.s.options.StallLimit)
	x.s.late.Go(func() {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-x.s.closing: // what was accepted is carried out before the end
		}
		x.commit(disguise{})
	})
	x.reset()
}

func (x *scene) truncate() {
	h := x.w.Header()
	h["Content-Type"] = jsonType
	h.Set("Content-Length", strconv.Itoa(len(x.body)))
	x.w.WriteHeader(x.status)
	x.w.Write(x.body[:len(x.body)/2])
	http.NewResponseController(x.w).Flush()
	panic(http.ErrAbortHandler)
}

func (x *scene) twice() {
	var b bytes.Buffer
	for range 2 {
		b.WriteString("HTTP/1.1 " + strconv.Itoa(x.status) + " " + http.StatusText(x.status) + "\r\nContent-Type: " + jsonType[0] +
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
	h["Content-Type"] = jsonType
	h.Set("Content-Length", strconv.Itoa(len(x.body)))
	x.w.WriteHeader(x.status)
	flusher := http.NewResponseController(x.w)
	tick := time.NewTicker(max(min(or(x.delay, time.Millisecond), time.Second), time.Microsecond))
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
	typed(x.status, jsonType[0], string(x.body[:1])+string(pad)+string(x.body[1:]))(x)
}

func (x *scene) redirect() {
	x.w.Header().Set("Location", x.r.URL.Path+"x")
	x.w.WriteHeader(http.StatusTemporaryRedirect)
}

// failure answers a FAILURE with the gateway code; nothing is carried out.
func failure(code string) func(*scene) {
	return func(x *scene) {
		order, id := pathIDs(x.r.URL.Path)
		w := jsontext.Writer{}
		w.Open("")
		w.Text("merchant", x.s.options.MerchantID)
		w.Open("order")
		w.Text("id", order)
		w.Close()
		w.Open("response")
		w.Text("gatewayCode", code)
		w.Close()
		w.Text("result", "FAILURE")
		w.Open("transaction")
		w.Text("id", id)
		w.Close()
		w.Close()
		writeJSON(x.w, http.StatusCreated, w.Buf)
	}
}

// pathIDs reads …/order/{order}/transaction/{id}; a token's path has none.
func pathIDs(path string) (order, id string) {
	parts := strings.Split(path, "/")
	if n := len(parts); n >= 4 && parts[n-2] == "transaction" {
		return parts[n-3], parts[n-1]
	}
	return "", ""
}
