package mastercardbatch

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
	"cardbatch/gateway/mastercard"
)

// Fit implements gateway.Batcher: what one file may hold, and no two rows about one order
// (facts, sections 2.1 and 2.4).
func (c *Client) Fit(reqs []gateway.Request) int {
	r, m, n := newRecord(), newMeasure(), len(reqs)
	eachRow(reqs, func(i int, req *gateway.Request) bool {
		r.read(req)
		if m.add(r, mastercard.OrderID(req), c.config.MaxRecords) != nil {
			n = max(i, 1) // one that never fits has to go alone: Send says why it does not
			return false
		}
		return true
	})
	return n
}

// Send implements gateway.Batcher. What an upload is answered is documented nowhere, so it is
// believed when its answer, or the status asked for after it, names this batch.
func (c *Client) Send(ctx context.Context, b gateway.Batch) error {
	if !nameForm.MatchString(b.Name) {
		return wire.NotSent(errName)
	}
	f, err := writeFile(b.Requests, c.config.MaxRecords)
	if err != nil {
		return wire.NotSent(fmt.Errorf("mastercard-batch: the batch does not fit: %w", err))
	}
	defer f.wipe()
	if f.text == nil {
		return nil // every request is refused here: Fetch says so
	}
	for n := 1; n <= maxGenerations; n++ {
		s, used, err := c.upload(ctx, generation(b.Name, n), f)
		if err != nil {
			return err
		}
		if !used || !s.hasEnded() {
			return afterUpload(c.start(ctx, s, f))
		}
		if told, err := c.tells(ctx, s, b.Requests); told || err != nil {
			return afterUpload(err)
		}
	}
	return wire.InDoubt(fmt.Errorf("mastercard-batch: a batch of these payments ended %d times without an outcome; decide them one by one", maxGenerations))
}

// A batch may end and tell the outcome of none of its payments, because the gateway was down.
// Once each of them has been looked up and found unknown the same batch is sent again, under a
// name of its own: the next generation. What the latest generation says counts.
const maxGenerations = 9

func generation(name string, n int) string {
	if n == 1 {
		return name
	}
	return name + "-" + strconv.Itoa(n)
}

// tells reports whether a batch that has ended has, or will have, the outcome of any of its
// payments: then it is not to be sent again but to be fetched.
func (c *Client) tells(ctx context.Context, s status, reqs []gateway.Request) (bool, error) {
	if s.state != stateComplete {
		return false, nil
	}
	replies := make([]gateway.Reply, len(reqs))
	rows := rowsOf(reqs)
	if err := c.collect(ctx, s, reqs, rows, replies); err != nil {
		return false, err
	}
	for _, i := range rows {
		switch r := &replies[i]; {
		case errors.Is(r.Err, errForeign), errors.Is(r.Err, errNotTheAnswers):
			return false, r.Err
		case r.Err == nil && r.State != batch.InDoubt:
			return true, nil
		}
	}
	return false, nil
}

// latest is the status of the latest generation of a batch.
func (c *Client) latest(ctx context.Context, name string) (s status, err error) {
	for n := 1; n <= maxGenerations && (n == 1 || s.hasEnded()); n++ {
		next, err := c.status(ctx, generation(name, n))
		if n > 1 && errors.Is(err, gateway.ErrUnknownKey) {
			break
		}
		if err != nil {
			return status{}, err
		}
		s = next
	}
	return s, nil
}

// upload brings the file to the gateway and returns the status of its batch. used says that
// the upload was refused because there is one of this name.
func (c *Client) upload(ctx context.Context, name string, f *file) (s status, used bool, err error) {
	r, err := c.call(ctx, wire.Request{Method: http.MethodPut, Path: c.resource(name, ""), Body: f.text})
	if err != nil {
		return status{}, false, err
	}
	m := judge(kindUpload, &r)
	if m.Outcome != codetable.Approved && m.Outcome != codetable.Duplicate {
		return status{}, false, c.weigh(m, &r, "upload")
	}
	used = m.Outcome == codetable.Duplicate
	if !used && c.about(name, r.status) {
		return r.status, false, nil
	}
	s, err = c.status(ctx, name)
	if used && errors.Is(err, gateway.ErrUnknownKey) {
		// The name was not used before, by a try of ours that was given up: nothing was taken.
		// A try still on its way is no question, because a key is sent again only once it
		// has settled.
		return status{}, false, wire.NotSent(fmt.Errorf("mastercard-batch: the gateway refused the batch: http %d with %s", r.Status, r.shown()))
	}
	return s, used, afterUpload(err)
}

// afterUpload makes sure that no later failure hides that the batch may be at the gateway:
// what it says of credentials or haste is not about the upload any more.
func afterUpload(err error) error {
	if err == nil {
		return nil
	}
	var failure *gateway.Error
	if errors.As(err, &failure) {
		err = failure.Err // its phase is that of a later step
	}
	return wire.InDoubt(fmt.Errorf("%v; the batch may be at the gateway", err))
}

// start confirms an upload that waits for it, by its digest: only then is the batch worked
// off (facts, section 2.2). It may be done again: the gateway starts these very bytes, once,
// or nothing.
func (c *Client) start(ctx context.Context, s status, f *file) error {
	if !s.waits() || c.config.SkipValidate {
		return nil
	}
	digest := fmt.Sprintf("%X", sha1.Sum(f.text))
	r, err := c.call(ctx, wire.Request{Method: http.MethodPost, Path: c.resource(s.batch, "/validate"), Body: []byte(digest)})
	if err != nil {
		return err
	}
	if err := c.weigh(judge(kindValidate, &r), &r, "validate"); err != nil {
		return err
	}
	if r.status != (status{}) && !c.about(s.batch, r.status) {
		return wire.InDoubt(errors.New("mastercard-batch: validate: an answer about another batch"))
	}
	return nil
}

// Fetch implements gateway.Batcher. A batch that was uploaded and not confirmed, because the
// program died between the two or the answer was lost, is confirmed here.
func (c *Client) Fetch(ctx context.Context, b gateway.Batch) ([]gateway.Reply, error) {
	replies := make([]gateway.Reply, len(b.Requests))
	for i := range replies {
		replies[i].Answer, _ = mastercard.Refuse(&b.Requests[i])
	}
	rows := rowsOf(b.Requests)
	if len(rows) == 0 {
		return replies, nil
	}
	s, err := c.latest(ctx, b.Name)
	if err != nil {
		return nil, wire.AsSent(err)
	}
	switch {
	case s.state == stateComplete:
		err = c.collect(ctx, s, b.Requests, rows, replies)
	case s.hasEnded():
		doubt(replies, rows, errors.New("mastercard-batch: the gateway says that the batch failed"))
	case s.waits() && b.Closed:
		doubt(replies, rows, errors.New("mastercard-batch: the batch was uploaded, never started, and is not to be started any more"))
	case s.waits():
		err = c.startAgain(ctx, s, b.Requests)
		fallthrough
	default:
		wait(replies, rows)
	}
	if err != nil {
		return nil, wire.AsSent(err)
	}
	return replies, nil
}

func wait(replies []gateway.Reply, rows []int) {
	for _, i := range rows {
		replies[i].Answer = gateway.Answer{State: batch.Pending, Answer: batch.Answer{Code: batch.CodePending}}
	}
}

// doubt leaves each payment to its own look-up.
func doubt(replies []gateway.Reply, rows []int, err error) {
	for _, i := range rows {
		replies[i].Err = wire.InDoubt(err)
	}
}

func (c *Client) startAgain(ctx context.Context, s status, reqs []gateway.Request) error {
	f, err := writeFile(reqs, c.config.MaxRecords)
	if err != nil {
		return fmt.Errorf("mastercard-batch: write the batch again: %w", err)
	}
	defer f.wipe()
	return c.start(ctx, s, f)
}

var errName = errors.New("mastercard-batch: a batch's name has 1 to 64 letters and digits")

// status asks how far a batch is. Its error matches gateway.ErrUnknownKey when the gateway
// has no batch of the name.
func (c *Client) status(ctx context.Context, name string) (status, error) {
	if !nameForm.MatchString(name) {
		return status{}, wire.InDoubt(errName)
	}
	r, err := c.call(ctx, wire.Request{Method: http.MethodGet, Path: c.resource(name, "/status")})
	if err != nil {
		return status{}, err
	}
	if err := c.weigh(judge(kindStatus, &r), &r, "status"); err != nil {
		return status{}, err
	}
	if !c.about(name, r.status) {
		return status{}, wire.InDoubt(errors.New("mastercard-batch: status: an answer that is not about this batch"))
	}
	return r.status, nil
}

// about reports whether a status is that of our batch.
func (c *Client) about(name string, s status) bool {
	return s.batch == name && s.merchant == c.config.MerchantID
}

// maxAnswerPerRow bounds a row of the answers: an explanation has up to 1,000 characters
// (facts, section 4.3), everything else together less.
const maxAnswerPerRow = 4 << 10

// collect fetches the answers of a batch that has been worked off.
func (c *Client) collect(ctx context.Context, s status, reqs []gateway.Request, rows []int, replies []gateway.Reply) error {
	request := wire.Request{Method: http.MethodGet, Path: c.resource(s.batch, "/response"), MaxAnswer: (len(rows) + 16) * maxAnswerPerRow}
	var a answers
	var unusable error
	r, err := c.callAndRead(ctx, request, func(body []byte) { a, unusable = parseAnswers(body, len(rows)) })
	if err != nil {
		return err
	}
	m := judge(kindResponse, &r)
	if err := c.weigh(m, &r, "response"); err != nil {
		return err
	}
	switch {
	case m.Outcome == codetable.Pending:
		wait(replies, rows)
	case unusable != nil:
		doubt(replies, rows, fmt.Errorf("mastercard-batch: response: %w", unusable))
	default:
		c.deal(ctx, reqs, rows, a, replies)
	}
	return nil
}

var errForeign = errors.New("mastercard-batch: response: the row is not about this payment")

// deal gives each request the answer in its row. A row that names no payment is its request's
// only when every other row is in its place. Several at a time, because a refusal may have
// to be looked up.
func (c *Client) deal(ctx context.Context, reqs []gateway.Request, rows []int, a answers, replies []gateway.Reply) {
	inPlace := true
	for row, i := range rows {
		inPlace = inPlace && a.owner(row, &reqs[i]) != foreign
	}
	todo := make(chan int)
	var workers sync.WaitGroup
	for range min(c.config.MaxConns, len(rows)) {
		workers.Go(func() {
			for row := range todo {
				i := rows[row]
				req, reply := &reqs[i], &replies[i]
				if whose := a.owner(row, req); whose == foreign || whose == nobodys && !inPlace {
					reply.Err = wire.InDoubt(errForeign)
					continue
				}
				reply.Answer, reply.Err = c.Result(ctx, req, func(field string) string { return a.cell(row, field) })
			}
		})
	}
	for row := range rows {
		todo <- row
	}
	close(todo)
	workers.Wait()
}
