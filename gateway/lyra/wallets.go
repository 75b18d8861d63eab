package lyra

import (
	"context"
	"errors"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// tokenOf is the token of the wallet's card that the line means.
func tokenOf(req *gateway.Request) string {
	card, _ := req.Wallet.Card(req.CardIndex)
	return card.Token
}

// tokensOf are the tokens that a line disables or enables: that of its card, or, when it
// names none, those of all the wallet's cards that are not disabled one by one.
func tokensOf(req *gateway.Request) (tokens []string) {
	for _, card := range req.Wallet.Cards {
		meant := card.Index == req.CardIndex || req.CardIndex == 0 && card.Status != batch.CardDisabled
		if meant && card.Token != "" {
			tokens = append(tokens, card.Token)
		}
	}
	return tokens
}

// getToken asks the platform for a token: whether it may be used, and its card.
func (c *Client) getToken(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	v, err := c.token(ctx, tokenOf(req))
	if err != nil {
		return gateway.Answer{}, err
	}
	a := c.outcome(req, v)
	if v.State != batch.Approved {
		return a, nil
	}
	cancelled, err := v.before(v.answer.CancellationDate)
	if err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	if cancelled {
		return refused(batch.CodeWalletDisabled, "the platform has cancelled the token"), nil
	}
	return a, nil
}

// token asks for one token.
func (c *Client) token(ctx context.Context, token string) (verdict, error) {
	return c.ask(ctx, kindWallet, serviceGetToken, appendTokenName(nil, token), alias(token))
}

// switchTokens cancels the wallet's tokens, or revives them, one after the other. One that
// was in that state before counts as done, so that a line that broke off may be repeated.
func (c *Client) switchTokens(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	service := serviceCancelToken
	if req.Command == batch.EnableWallet {
		service = serviceReviveToken
	}
	for i, token := range tokensOf(req) {
		v, err := c.ask(ctx, kindWallet, service, appendTokenName(nil, token), nil)
		if err == nil && v.State != batch.Approved {
			var done bool
			if done, err = c.isSwitched(ctx, req, token); err == nil && !done {
				if i == 0 {
					return c.outcome(req, v), nil
				}
				err = errors.New("lyra: some of the wallet's tokens were switched, another was refused") // a person has to look
			}
			err = wire.AsSent(err)
		}
		if err != nil {
			if i > 0 {
				err = wire.AsSent(err)
			}
			return gateway.Answer{}, err
		}
	}
	return switched(req), nil
}

// findTokens asks whether all the wallet's tokens are as the line wants them.
func (c *Client) findTokens(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	for _, token := range tokensOf(req) {
		done, err := c.isSwitched(ctx, req, token)
		if err != nil {
			return gateway.Answer{}, err
		}
		if !done {
			return gateway.Answer{}, unknownKey("not every token of the wallet is in the state asked for")
		}
	}
	return switched(req), nil
}

// isSwitched reports whether a token is in the state that the line asks for. A token that
// the platform does not know is as good as cancelled.
func (c *Client) isSwitched(ctx context.Context, req *gateway.Request, token string) (bool, error) {
	v, err := c.token(ctx, token)
	if err != nil {
		return false, err
	}
	disable := req.Command == batch.DisableWallet
	if v.State != batch.Approved {
		return disable && v.Outcome == codetable.Refused, nil
	}
	cancelled, err := v.before(v.answer.CancellationDate)
	if err != nil {
		return false, wire.InDoubt(err)
	}
	return cancelled == disable, nil
}

func switched(req *gateway.Request) gateway.Answer {
	a := gateway.Answer{State: batch.Approved, Token: tokenOf(req)}
	a.Code = batch.CodeDone
	return a
}
