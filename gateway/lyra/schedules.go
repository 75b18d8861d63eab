package lyra

import (
	"context"
	"errors"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// schedule has the platform debit a token on later days (facts, section 6). Nothing is
// debited now. Until its first day the platform shows nothing of it under its order, so an
// answer that stays away leaves a doubt that a person ends in the Back Office.
func (c *Client) schedule(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = c.appendSchedule(*body, req)
	v, err := c.ask(ctx, kindSchedule, serviceSchedule, *body, nil)
	if err != nil {
		return gateway.Answer{}, err
	}
	a := c.outcome(req, v)
	if a.State == batch.Approved {
		if v.answer.SubscriptionID == "" {
			return gateway.Answer{}, wire.InDoubt(errors.New("lyra: the answer names no subscription"))
		}
		a.PaymentRecord = recordID(v.answer.SubscriptionID, req.Card.Token)
	}
	return a, nil
}

// maxRecordID is the longest payment record id of the batch interface, section 3.
const maxRecordID = 50

// recordID names a subscription for disablePaymentRecord: its id and, since the platform
// wants that too, the token it debits, which may no longer be the wallet's by then. When
// both are too long together the token is left out.
func recordID(subscription, token string) string {
	if id := subscription + "." + token; len(id) <= maxRecordID {
		return id
	}
	return subscription
}

// subscriptionOf reads a payment record id. Without a token in it, it is that of the
// wallet's card.
func subscriptionOf(req *gateway.Request) (subscription, token string) {
	subscription, token, ok := strings.Cut(req.PaymentRecord, ".")
	if !ok && req.Wallet != nil {
		token = tokenOf(req)
	}
	return subscription, token
}

// cancelRecord ends a subscription now. What it debited stays.
func (c *Client) cancelRecord(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	v, err := c.ask(ctx, kindRecord, serviceCancelRecord, appendRecord(nil, req), nil)
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.confirmed(ctx, req, v)
}

// findRecord asks whether a subscription has ended.
func (c *Client) findRecord(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	subscription, _ := subscriptionOf(req)
	v, err := c.ask(ctx, find(kindRecord), serviceGetRecord, appendRecord(nil, req), func(a *answer) (*transaction, error) {
		if a.SubscriptionID != subscription {
			return nil, errForeign
		}
		return &a.transaction, nil
	})
	if err != nil {
		return gateway.Answer{}, err
	}
	if v.State == batch.Approved {
		ended, err := v.before(v.answer.CancelDate)
		if err != nil {
			return gateway.Answer{}, wire.InDoubt(err)
		}
		if !ended {
			return gateway.Answer{}, unknownKey("the subscription goes on")
		}
	}
	return c.outcome(req, v), nil
}
