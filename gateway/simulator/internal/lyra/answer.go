package lyra

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"cardbatch/gateway/internal/jsontext"
	"cardbatch/gateway/simulator/stage"
)

// disguise makes an answer differ from the truth, for a fault.
type disguise struct {
	status, detailed string // of the transaction, to show instead
	foreign          bool   // about another order, transaction, alias, subscription
}

// disguises are the answers of phases that answer in form, but not the truth.
var disguises = map[stage.Phase]disguise{
	stage.WrongReference: {foreign: true},
	stage.Pending:        {status: running, detailed: waiting},
	stage.UnknownResult:  {status: unlisted, detailed: unlisted},
}

const (
	succeeded = "SUCCESS"
	failed    = "ERROR"
	unlisted  = "PERHAPS" // no document lists it
)

// exchange is one request on its way to its answer.
type exchange struct {
	gateway *Gateway
	name    string // of the web service
	url     string // serverUrl
}

// disguised puts an answer into its envelope. A technical error is how the platform says
// that it does not know, and all that it can say for later where an answer has no state.
func (x *exchange) disguised(s *service, answer []byte, shown stage.Phase) []byte {
	switch {
	case shown == stage.Unknown, shown == stage.Pending && !s.states:
		return x.failure(&invalid{codeTechnical, ""})
	case shown == stage.UnknownResult && !s.states:
		return x.envelope(unlisted, answer)
	}
	return x.envelope(succeeded, answer)
}

// envelope writes what is around every answer object (Lyra facts, section 7.2).
func (x *exchange) envelope(status string, answer []byte) []byte {
	w := writer{jsontext.Writer{Buf: make([]byte, 0, len(answer)+512)}}
	w.Open("")
	w.Text("webService", x.name)
	w.Text("version", "V4")
	w.Text("applicationVersion", "6.25.0")
	w.Text("status", status)
	w.Raw("answer", string(answer))
	w.Text("ticket", fmt.Sprintf("%032x", x.gateway.tickets.Add(1)))
	w.Text("serverDate", date(x.gateway.stage.Options.Clock()))
	w.Text("applicationProvider", "LYRA")
	w.Raw("metadata", null)
	w.Text("mode", mode)
	w.Text("serverUrl", x.url)
	w.end("WebService/Response")
	return w.Buf
}

// failure is the answer to a call that failed, in its envelope.
func (x *exchange) failure(why *invalid) []byte {
	w := writer{}
	w.Open("")
	w.Text("errorCode", why.code)
	w.Text("errorMessage", stage.Or(messages[why.code], stage.Or(why.detail, "refused")))
	w.orNull("detailedErrorCode", "")
	w.orNull("detailedErrorMessage", why.detail)
	w.Text("ticket", "null") // as captured answers have it
	w.Text("shopId", stage.ShopID)
	w.end("WebService/WebServiceError")
	return x.envelope(failed, w.Buf)
}

// refusal writes what went wrong. The platform's own errors come with 200.
func (x *exchange) refusal(status int, err error) (int, []byte) {
	x.gateway.stage.Counts.Refusals.Add(1)
	var why *invalid
	if !errors.As(err, &why) {
		status, why = http.StatusServiceUnavailable, &invalid{codeTechnical, "the simulator cannot keep this request"}
	}
	return status, x.failure(why)
}

func (x *exchange) refuse(w http.ResponseWriter, status int, err error) {
	status, body := x.refusal(status, err)
	stage.Write(w, status, mediaType, body)
}

const (
	null = "null"
	mode = "TEST"
)

// writer writes objects as the platform does: with their type at the end, and null for
// what has no value.
type writer struct{ jsontext.Writer }

// end closes an object and says what it was.
func (w *writer) end(kind string) {
	w.Text("_type", "V4/"+kind)
	w.Close()
}

func (w *writer) orNull(name, text string) {
	if text == "" {
		w.Raw(name, null)
		return
	}
	w.Text(name, text)
}

func (w *writer) amount(name string, minor int64) { w.Raw(name, fmt.Sprint(minor)) }

// dateOrNull writes a time in Unix milliseconds.
func (w *writer) dateOrNull(name string, at int64) {
	if at == 0 {
		w.Raw(name, null)
		return
	}
	w.Text(name, date(time.UnixMilli(at)))
}

// date is ISO 8601 with an offset.
func date(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05-07:00") }
