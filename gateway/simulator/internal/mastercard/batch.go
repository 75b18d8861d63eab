package mastercard

import (
	"bytes"
	"crypto/sha1"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

const (
	batchPrefix = "/batch/"
	textType    = "text/plain;charset=UTF-8"
)

// landingPage is what a badly formed URL leads to (facts, section 2.2).
const landingPage = "<html><body><h1>Hosted Batch</h1><p>PUT /batch/version/&lt;version&gt;/merchant/&lt;merchant&gt;/batch/&lt;name&gt;</p></body></html>"

// serveBatch answers /batch/version/{version}/merchant/{id}/batch/{name}[/…] (facts, section 2.2).
func (g *Gateway) serveBatch(w http.ResponseWriter, r *http.Request) {
	path := strings.TrimPrefix(r.URL.Path, batchPrefix)
	switch {
	case path == "information" && r.Method == http.MethodGet:
		stage.Write(w, http.StatusOK, textType, []byte("OPERATING"))
		return
	case path == "version":
		stage.Write(w, http.StatusOK, "text/html;charset=UTF-8", []byte(landingPage))
		return
	}
	parts := strings.Split(path, "/")
	if len(parts) < 6 || len(parts) > 7 || parts[0] != "version" || parts[2] != "merchant" || parts[4] != "batch" || !isID(parts[5]) || r.URL.RawQuery != "" {
		http.Redirect(w, r, batchPrefix+"version", http.StatusFound)
		return
	}
	if version, err := strconv.Atoi(parts[1]); err != nil || version < 1 || version > 100 {
		http.Redirect(w, r, batchPrefix+"version", http.StatusFound)
		return
	}
	if r.Header.Get("Authorization") != g.batchAuth || parts[3] != g.stage.Options.MerchantID {
		g.refuseBatch(w, http.StatusUnauthorized, errors.New("invalid credentials"))
		return
	}
	name, offer := parts[5], ""
	if len(parts) == 7 {
		offer = parts[6]
	}
	switch {
	case offer == "" && r.Method == http.MethodPut:
		g.putBatch(w, r, name)
	case offer == "validate" && r.Method == http.MethodPost:
		g.validateBatch(w, r, name)
	case offer == "status" && r.Method == http.MethodGet:
		g.getStatus(w, r, name)
	case offer == "response" && r.Method == http.MethodGet:
		g.getResponse(w, r, name)
	default:
		http.Redirect(w, r, batchPrefix+"version", http.StatusFound)
	}
}

// putBatch takes a file. What a fault disguises is how its rows look in the end: that is
// where a batch answers.
func (g *Gateway) putBatch(w http.ResponseWriter, r *http.Request, name string) {
	text, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, maxBatchBytes))
	defer clear(text) // it holds card numbers
	if err != nil {
		g.refuseBatch(w, http.StatusBadRequest, fmt.Errorf("the file is not whole, or has more than %d bytes", maxBatchBytes))
		return
	}
	f, err := g.readFile(text, r.Header.Get("Content-Type"))
	if err != nil {
		g.refuseBatch(w, http.StatusBadRequest, err)
		return
	}
	b := &batchEvent{
		Name: name, Columns: f.columns, Latin1: f.latin1, Rows: f.rows,
		Digest: fmt.Sprintf("%X", sha1.Sum(text)), Uploaded: g.now(),
	}
	c := g.batchCall(opBatchUpload, name)
	for i := range f.rows {
		c.Riders = append(c.Riders, stage.Rider{Key: f.rows[i].ID, Reference: f.rows[i].Reference})
	}
	c.Commit = func(shown stage.Phase) (int, []byte) {
		b.Shown = shown
		return g.keepBatch(b)
	}
	c.Refuse = func(shown stage.Phase) (int, []byte) {
		if shown == stage.LockFailure {
			return http.StatusConflict, []byte("another upload of this batch is under way")
		}
		b.Shown = shown // taken, and every row is declined
		return g.keepBatch(b)
	}
	g.stage.Play(w, r, c)
}

func (g *Gateway) keepBatch(b *batchEvent) (int, []byte) {
	kept, err := g.batches.upload(g, b)
	if err != nil {
		return g.batchRefusal(http.StatusBadRequest, err)
	}
	return http.StatusOK, g.statusFile(kept, "")
}

// validateBatch starts a batch when its digest is right (facts, section 2.2). Again is no harm.
func (g *Gateway) validateBatch(w http.ResponseWriter, r *http.Request, name string) {
	digest, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, 1<<10))
	if err != nil {
		g.refuseBatch(w, http.StatusBadRequest, errors.New("the digest is too long"))
		return
	}
	c := g.batchCall(opBatchValidate, name)
	c.Commit = func(shown stage.Phase) (int, []byte) {
		b := g.batches.find(name)
		if b == nil {
			return g.batchRefusal(http.StatusNotFound, errNoBatch)
		}
		if string(bytes.TrimSpace(digest)) != b.Digest {
			return g.batchRefusal(http.StatusBadRequest, errors.New("the digest differs from that of the uploaded file"))
		}
		if err := g.batches.validate(g, b); err != nil {
			return g.batchRefusal(http.StatusServiceUnavailable, err)
		}
		return http.StatusOK, g.statusFile(b, shown)
	}
	c.Refuse = func(stage.Phase) (int, []byte) {
		return g.batchRefusal(http.StatusConflict, errors.New("the batch is busy"))
	}
	g.stage.Play(w, r, c)
}

func (g *Gateway) getStatus(w http.ResponseWriter, r *http.Request, name string) {
	c := g.batchCall(opBatchStatus, name)
	c.Lookup = true
	c.Commit = func(shown stage.Phase) (int, []byte) {
		b := g.batches.find(name)
		if b == nil || g.stage.Hidden(name, time.UnixMilli(b.Uploaded)) {
			return g.batchRefusal(http.StatusNotFound, errNoBatch)
		}
		return http.StatusOK, g.statusFile(b, shown)
	}
	c.Refuse = func(shown stage.Phase) (int, []byte) {
		return g.batchRefusal(http.StatusConflict, errors.New("the batch is busy"))
	}
	g.stage.Play(w, r, c)
}

func (g *Gateway) getResponse(w http.ResponseWriter, r *http.Request, name string) {
	b := g.batches.find(name)
	c := g.batchCall(opBatchResponse, name)
	c.Lookup = true
	if b != nil && b.Latin1 {
		c.ContentType = "text/plain;charset=ISO-8859-1"
	}
	c.Commit = func(shown stage.Phase) (int, []byte) {
		switch {
		case b == nil:
			return g.batchRefusal(http.StatusNotFound, errNoBatch)
		case b.state() != stateComplete:
			return http.StatusAccepted, []byte("the batch is not complete")
		}
		return http.StatusOK, g.responseFile(b, shown)
	}
	c.Refuse = func(shown stage.Phase) (int, []byte) {
		return g.batchRefusal(http.StatusConflict, errors.New("the batch is busy"))
	}
	g.stage.Play(w, r, c)
}

var errNoBatch = errors.New("no such batch")

// batchCall is a request about a batch, before it is known what it does.
func (g *Gateway) batchCall(operation, name string) *stage.Call {
	return &stage.Call{Operation: operation, Key: name, ContentType: textType, Error: func(status int) []byte { return []byte(http.StatusText(status)) }}
}

func (g *Gateway) batchRefusal(status int, err error) (int, []byte) {
	g.stage.Counts.Refusals.Add(1)
	if errors.Is(err, errFull) {
		status = http.StatusServiceUnavailable
	}
	return status, []byte(err.Error())
}

func (g *Gateway) refuseBatch(w http.ResponseWriter, status int, err error) {
	status, body := g.batchRefusal(status, err)
	stage.Write(w, status, textType, body)
}

// now is the time as events keep it.
func (g *Gateway) now() int64 { return g.stage.Options.Clock().UnixMilli() }
