package paysafe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// Lookup implements gateway.Connector.
func (c *Client) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	if op, ok := c.profile.Commands[req.Command]; !ok || !op.Lookup {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("paysafe: %w", gateway.ErrUnsupported))
	}
	if refusal, bad := c.refuse(&req); bad {
		return refusal, nil // Do sent nothing either
	}
	op := operationOf(&req)
	if op == opCancel {
		return c.lookupCancelled(ctx, &req)
	}
	list, err := c.find(ctx, c.base(&req), op, string(req.Key), c.since(&req))
	if err != nil {
		return gateway.Answer{}, err
	}
	found, m, err := single(op, &req, list)
	if err != nil {
		return gateway.Answer{}, wire.InDoubt(fmt.Errorf("paysafe: look-up: %w", err))
	}
	if err := c.belongs(op, &req, found, m); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	return found.answer(&req, m), nil
}

// pageSize is the most that a look-up answers at once (reference, pagination).
const pageSize = 50

// since is how far back a look-up searches: as configured, and at any rate a day more
// than the request is old, as far as that is known.
func (c *Client) since(req *gateway.Request) time.Time {
	since := c.clock().Add(-c.config.LookBack)
	if sent := req.SubmittedAt.Add(-24 * time.Hour); !req.SubmittedAt.IsZero() && sent.Before(since) {
		return sent
	}
	return since
}

// find looks for the transactions with a reference.
func (c *Client) find(ctx context.Context, base string, op operation, reference string, since time.Time) ([]entity, error) {
	query := fmt.Sprintf("?merchantRefNum=%s&limit=%d&startDate=%s", reference, pageSize, since.UTC().Format(time.RFC3339))
	r, err := c.call(ctx, resource(http.MethodGet, base+collections[op]+query, nil))
	if err != nil {
		return nil, err
	}
	list := r.entity.list(op)
	switch { // an empty list is proof, an absent one is not
	case len(list) > 0:
		r.entity.Status = "found"
	case list != nil:
		r.entity.Status = "none"
	}
	if _, err := c.weigh(kindLookup, "", &r); err != nil {
		return nil, err
	}
	return list, nil
}

// single tells what became of a request, from all transactions with its reference.
// Paysafe keeps a request that it refused as a failed one, so that a try which came
// twice may be there twice: the one that did not fail is the outcome. When all failed,
// one that may have been carried out all the same counts.
func single(op operation, req *gateway.Request, list []entity) (found *entity, m codetable.Meaning, err error) {
	if len(list) >= pageSize {
		return nil, m, errors.New("there is more than one page of transactions with this reference")
	}
	live := 0
	for i := range list {
		each := &list[i]
		meaning := judge(string(op), http.StatusOK, each.Error.Code, each.settlementStatus(req), each)
		switch {
		case each.MerchantRefNum != string(req.Key):
			return nil, m, errForeign
		case each.Status != failed:
			live++
			found, m = each, meaning
		case live == 0 && (found == nil || meaning.State == batch.InDoubt):
			found, m = each, meaning
		}
	}
	switch {
	case live > 1:
		err = errors.New("several transactions with this reference were carried out; compare them in Paysafe's back office, then decide the line with `cardbatch resolve`")
	case m.State == "":
		err = fmt.Errorf("the transaction has the unknown status %q", wire.Scrub(found.Status))
	}
	return found, m, err
}

// lookupCancelled asks whether a settlement that was to be cancelled is. No key of ours
// goes with a cancellation, and none is needed: what counts is the settlement's state.
func (c *Client) lookupCancelled(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	r, err := c.call(ctx, resource(http.MethodGet, c.base(req)+path(opCancel, req), nil))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindCancelled, "", &r)
	if err == nil || errors.Is(err, gateway.ErrUnknownKey) {
		if r.entity.ID != settlementOf(req.Original) {
			err = wire.InDoubt(errForeign)
		}
	}
	if err != nil {
		return gateway.Answer{}, err
	}
	return r.entity.answer(req, m), nil
}
