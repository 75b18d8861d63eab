package lyra

import (
	"context"
	"errors"
	"fmt"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// Services of the platform (facts, section 7.4).
const (
	serviceEcho           = "Charge/SDKTest"
	servicePayment        = "Charge/CreatePayment"
	serviceToken          = "PCI/Charge/CreateToken"
	serviceSchedule       = "Charge/CreateSubscription"
	serviceOrder          = "Order/Get"
	serviceTransaction    = "Transaction/Get"
	serviceReduce         = "Transaction/Update"
	serviceValidate       = "Transaction/Validate"
	serviceCancelOrRefund = "Transaction/CancelOrRefund"
	serviceGetToken       = "Token/Get"
	serviceCancelToken    = "Token/Cancel"
	serviceReviveToken    = "Token/Reactivate"
	serviceGetRecord      = "Subscription/Get"
	serviceCancelRecord   = "Subscription/Cancel"
)

// pay debits a token, or reserves an amount on it.
func (c *Client) pay(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = c.appendPayment(*body, req)
	v, err := c.ask(ctx, paymentKind(req), servicePayment, *body, debit(string(req.Key), &req.Amount))
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.confirmed(ctx, req, v)
}

// tokenize keeps a card and returns its token.
func (c *Client) tokenize(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = c.appendToken(*body, req)
	v, err := c.ask(ctx, kindToken, serviceToken, *body, verification(req))
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.confirmed(ctx, req, v)
}

// findOrder asks what became of a payment or a new token.
func (c *Client) findOrder(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	k, pick := paymentKind(req), debit(string(req.Key), &req.Amount)
	if req.Command.Phase() == batch.PhaseWallet {
		k, pick = kindToken, verification(req)
	}
	v, err := c.ask(ctx, find(k), serviceOrder, appendOrder(nil, string(req.Key)), pick)
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.outcome(req, v), nil
}

// capture remits an authorization. A smaller amount takes two calls: the first lowers the
// authorization and moves nothing, so that it may be repeated.
func (c *Client) capture(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	uuid := string(req.Original.ID)
	reduced := req.Amount.Minor < req.Original.Amount.Minor
	if reduced {
		v, err := c.ask(ctx, kindReduce, serviceReduce, appendReduce(nil, req), original(uuid))
		if err != nil {
			return gateway.Answer{}, err
		}
		if v.State != batch.Approved {
			return c.confirmed(ctx, req, v)
		}
	}
	v, err := c.ask(ctx, kindCapture, serviceValidate, appendValidate(nil, req), original(uuid))
	if err == nil && v.State == batch.Approved {
		err = capturedAs(req, v)
	}
	if err != nil {
		if reduced {
			err = wire.AsSent(err) // the authorization was lowered
		}
		return gateway.Answer{}, err
	}
	return c.confirmed(ctx, req, v)
}

// capturedAs checks that what was captured is the line's amount.
func capturedAs(req *gateway.Request, v verdict) error {
	if !v.transaction.holds(&req.Amount) {
		return wire.InDoubt(errors.New("lyra: the authorization was captured with another amount than asked"))
	}
	return nil
}

// cancelOrRefund gives money back: a transaction that was remitted is refunded, one that
// was not is cancelled. Which of the two a line means is its command's word; the platform
// is not left to choose.
func (c *Client) cancelOrRefund(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	k, pick := kindReset, original(string(req.Original.ID))
	if req.Command == batch.DoRefund {
		k, pick = kindRefund, credit(req)
	}
	v, err := c.ask(ctx, k, serviceCancelOrRefund, appendCancelOrRefund(nil, req), pick)
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.confirmed(ctx, req, v)
}

// findOriginal asks what became of the transaction that a capture or a reset acts on. Its
// state is the proof: a capture or a reset leaves no other trace.
func (c *Client) findOriginal(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	k := find(kindReset)
	if req.Command == batch.DoCapture {
		k = find(kindCapture)
	}
	uuid := string(req.Original.ID)
	v, err := c.ask(ctx, k, serviceTransaction, appendTransaction(nil, uuid), original(uuid))
	if err == nil && req.Command == batch.DoCapture && v.State == batch.Approved {
		err = capturedAs(req, v)
	}
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.outcome(req, v), nil
}

// findRefund asks for the order of the original and finds the refund in it.
func (c *Client) findRefund(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	order := string(req.Original.Key)
	v, err := c.ask(ctx, find(kindRefund), serviceOrder, appendOrder(nil, order), refundIn(order, req))
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.outcome(req, v), nil
}

// settled ends a request that needs no call, or that the platform could not understand.
func settled(req *gateway.Request) (gateway.Answer, bool) {
	refuse := func(code, message string) (gateway.Answer, bool) { return refused(code, message), true }
	switch req.Command {
	case batch.CreateWallet, batch.UpdateWallet:
		return settledToken(req)
	case batch.DisableWallet, batch.EnableWallet, batch.GetWallet:
		if req.Wallet == nil {
			return refuse(batch.CodeWalletUnknown, "")
		}
		if req.Command == batch.GetWallet && tokenOf(req) == "" {
			return refuse(batch.CodeCardIndex, "")
		}
	case batch.DisablePaymentRecord:
		if req.PaymentRecord == "" {
			return refuse("02507", "no payment record is named")
		}
	case batch.DoCapture, batch.DoRefund, batch.DoReset:
		switch o := req.Original; {
		case o == nil || o.ID == "" || o.Key == "":
			return refuse(batch.CodeBadTransactionID, "the original transaction is not known")
		case o.Of != "" || o.Command.Phase() == batch.PhaseFollowUp:
			return refuse(batch.CodeBadTransactionID, "name the payment or authorization itself: a capture or refund cannot be acted on here")
		case req.Command == batch.DoCapture && o.Captured > 0:
			// A transaction is captured once, wholly or in part: another amount would only
			// replace the one that waits for its remittance.
			return refuse(batch.CodeCaptured, "a transaction is captured once here")
		}
	default: // payments and schedules
		switch {
		case req.Action != "" && req.Action != batch.ActionAuthorize && req.Action != batch.ActionPurchase:
			return refuse(batch.CodeBadAction, "only actions 100 and 101 exist here")
		case req.Card.Token == "" && !req.Card.Number.IsZero():
			return refuse(batch.CodeUnavailable, "card numbers are taken for wallets only: create the wallet, then charge it")
		case req.Card.Token == "":
			return refuse(batch.CodeBadField, "no token")
		}
		if hasSchedule(req) {
			if _, err := recurrence(req.Schedule); err != nil {
				return refuse(batch.CodeBadField, err.Error())
			}
		}
	}
	return gateway.Answer{}, false
}

func settledToken(req *gateway.Request) (gateway.Answer, bool) {
	switch {
	case req.Card.Number.IsZero() && req.Card.Token != "": // the merchant brings the platform's own token
		a := gateway.Answer{State: batch.Approved, Token: req.Card.Token}
		a.Code = batch.CodeDone
		return a, true
	case req.Card.Number.IsZero() || len(req.Card.Expiry) != 4:
		return refused(batch.CodeBadField, "a card number and its expiry date are needed"), true
	case req.Wallet == nil || req.Wallet.Email == "":
		return refused(batch.CodeBadField, "the wallet needs an e-mail address: the platform keeps no card without one"), true
	}
	return gateway.Answer{}, false
}

func hasSchedule(req *gateway.Request) bool {
	return req.Command == batch.DoScheduledWalletPayment || req.Command == batch.DoRecurrentWalletPayment
}

func refused(code, message string) gateway.Answer {
	return gateway.Answer{State: batch.Refused, Answer: batch.Answer{Code: code, Message: message}}
}

func unknownKey(why string) error {
	return wire.InDoubt(fmt.Errorf("lyra: %w: %s", gateway.ErrUnknownKey, why))
}
