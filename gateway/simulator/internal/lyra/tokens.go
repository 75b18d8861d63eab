package lyra

import (
	"cardbatch/gateway/simulator/stage"
)

// alias finds an alias that can be used.
func (g *Gateway) alias(id string) (token, error) {
	tok, err := g.lookToken(id)
	if err == nil && tok.Cancelled != 0 {
		err = &invalid{codeAliasInvalid, "the alias is cancelled"}
	}
	return tok, err
}

// lookToken finds an alias, cancelled or not.
func (g *Gateway) lookToken(id string) (token, error) {
	shard := g.accounts.of(id)
	defer lock(shard)()
	if tok := shard.tokens[id]; tok != nil {
		return *tok, nil
	}
	return token{}, &invalid{codeAlias, "the alias does not exist"}
}

// newToken makes the alias that a transaction gives its card.
func (g *Gateway) newToken(s *shard, in *request, t *transaction) *token {
	tok := &token{ID: g.newID(s), Card: t.Card, Trace: t.Trace, Email: in.Customer.Email, Customer: in.Customer.Reference, At: t.At}
	t.Token = tok.ID
	return tok
}

// createToken keeps a card, once its issuer has been asked about it (Lyra facts,
// section 6.2): a refusal makes no alias, and leaves a refused verification.
func (g *Gateway) createToken(in *request, d disguise) ([]byte, error) {
	by, err := g.payerOf(in)
	if err != nil {
		return nil, err
	}
	shard := g.accounts.ofOrder(in.OrderID)
	defer lock(shard)()
	t := g.newTransaction(shard, in, by, typeVerification, 0)
	e := &event{Transaction: t}
	if t.Status == accepted {
		e.Token = g.newToken(shard, in, t)
	}
	if err := g.record(e); err != nil {
		return nil, err
	}
	return g.payment(t, d), nil
}

// createTokenFrom keeps the card of an accepted debit. It has no chaining reference, as
// the platform warns.
func (g *Gateway) createTokenFrom(in *request, d disguise) ([]byte, error) {
	shard := g.accounts.of(in.UUID)
	defer lock(shard)()
	t := shard.transactions[in.UUID]
	if t == nil {
		return nil, &invalid{codeNotFound, ""}
	}
	if t.Type != typeDebit || !t.moved() {
		return nil, &invalid{codeAliasDenied, "the transaction is refused, or no debit"}
	}
	tok := &token{ID: g.newID(shard), Card: t.Card, Email: stage.Or(in.Email, t.Email), At: g.stage.Options.Clock().UnixMilli()}
	if err := g.record(&event{Token: tok}); err != nil {
		return nil, err
	}
	return tokenAnswer(*tok, d), nil
}

func (g *Gateway) getToken(in *request, d disguise) ([]byte, error) {
	tok, err := g.lookToken(in.PaymentMethodToken)
	return tokenAnswer(tok, d), err
}

// updateToken puts another card behind an alias, with the chaining reference that its
// issuer gives (facts, section 6.2), or gives the form where the cardholder would do so.
func (g *Gateway) updateToken(in *request, d disguise) ([]byte, error) {
	id := in.PaymentMethodToken
	if in.card() == nil {
		if _, err := g.alias(id); err != nil {
			return nil, err
		}
		return g.giveForm(in, d)
	}
	shard, home := g.accounts.ofOrder(in.OrderID), g.accounts.of(id)
	defer lock(shard, home)()
	old := home.tokens[id]
	switch {
	case old == nil:
		return nil, &invalid{codeAlias, "the alias does not exist"}
	case old.Cancelled != 0:
		return nil, &invalid{codeAliasInvalid, "the alias is cancelled"}
	}
	in.Currency = stage.Or(in.Currency, "EUR")
	by := payer{card: card{mask(in.card().Number), in.card().expiry()}, email: old.Email}
	t := g.newTransaction(shard, in, by, typeVerification, 0)
	t.Token = id
	e := &event{Transaction: t}
	if t.Status == accepted {
		renewed := *old
		renewed.Card, renewed.Trace = t.Card, t.Trace
		e.Token = &renewed
	}
	if err := g.record(e); err != nil {
		return nil, err
	}
	return g.payment(t, d), nil
}

// cancelToken makes an alias unusable, for subscriptions too.
func (g *Gateway) cancelToken(in *request, _ disguise) ([]byte, error) {
	now := g.stage.Options.Clock().UnixMilli()
	return g.alterToken(in.PaymentMethodToken, func(tok *token) error {
		if tok.Cancelled != 0 {
			return &invalid{codeAliasInvalid, "the alias is cancelled"}
		}
		tok.Cancelled = now
		return nil
	})
}

// reactivateToken makes a cancelled alias usable again.
func (g *Gateway) reactivateToken(in *request, _ disguise) ([]byte, error) {
	return g.alterToken(in.PaymentMethodToken, func(tok *token) error {
		if tok.Cancelled == 0 {
			return &invalid{codeNothingChanged, "the alias is active"}
		}
		tok.Cancelled = 0
		return nil
	})
}

func (g *Gateway) alterToken(id string, alter func(*token) error) ([]byte, error) {
	shard := g.accounts.of(id)
	defer lock(shard)()
	old := shard.tokens[id]
	if old == nil {
		return nil, &invalid{codeAlias, "the alias does not exist"}
	}
	altered := *old
	if err := alter(&altered); err != nil {
		return nil, err
	}
	if err := g.record(&event{Token: &altered}); err != nil {
		return nil, err
	}
	return responseCode(0), nil
}
