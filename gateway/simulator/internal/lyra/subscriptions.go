package lyra

import (
	"regexp"
	"time"
)

// The platform would make the payments of a subscription by itself. Here no time passes by
// itself: a subscription is kept, shown, changed and cancelled, and debits nobody.

// createSubscription keeps a subscription on an alias. No transaction is made of it, so
// that Order/Get does not find it.
func (g *Gateway) createSubscription(in *request, d disguise) ([]byte, error) {
	tok, err := g.alias(in.PaymentMethodToken)
	if err != nil {
		return nil, err
	}
	shard := g.accounts.of(tok.ID)
	defer lock(shard)()
	sub := &subscription{ID: g.newID(shard), Key: in.key, Reference: in.reference(), Order: in.OrderID, Token: tok.ID, Metadata: in.metadata()}
	if err := sub.agree(in, g.stage.Options.Clock()); err != nil {
		return nil, err
	}
	if err := g.record(&event{Subscription: sub}); err != nil {
		return nil, err
	}
	return subscriptionCreated(sub.ID, d), nil
}

// agree takes over the terms of a request.
func (sub *subscription) agree(in *request, now time.Time) error {
	effect, _ := time.Parse(time.RFC3339, in.EffectDate) // checked with the request
	if day(effect).Before(day(now)) {
		return &invalid{codeDate, "the effect date has passed"}
	}
	sub.Amount, sub.Currency, sub.Effect, sub.Rule, sub.Description = *in.Amount, in.Currency, effect.UnixMilli(), in.RRule, in.Description
	sub.Initial, sub.InitialN = 0, 0
	if in.InitialAmount != nil && in.InitialAmountNumber != nil {
		sub.Initial, sub.InitialN = *in.InitialAmount, *in.InitialAmountNumber
	}
	return nil
}

var ruleCount = regexp.MustCompile(`;COUNT=0*([0-9]+)`)

// payments is how many payments the rule makes; empty when it does not count them.
func (sub *subscription) payments() string {
	if found := ruleCount.FindStringSubmatch(sub.Rule); found != nil {
		return found[1]
	}
	return ""
}

// lookSubscription finds a subscription of an alias, which may be cancelled, both.
func (g *Gateway) lookSubscription(in *request) (subscription, error) {
	tok, err := g.lookToken(in.PaymentMethodToken)
	if err != nil {
		return subscription{}, err
	}
	shard := g.accounts.of(tok.ID)
	defer lock(shard)()
	sub := shard.subscriptions[in.SubscriptionID]
	if sub == nil || sub.Token != tok.ID {
		return subscription{}, &invalid{codeSubscription, "the subscription does not exist"}
	}
	return *sub, nil
}

func (g *Gateway) getSubscription(in *request, d disguise) ([]byte, error) {
	sub, err := g.lookSubscription(in)
	return subscriptionAnswer(sub, d), err
}

// updateSubscription changes the terms of a subscription that has not begun.
func (g *Gateway) updateSubscription(in *request, _ disguise) ([]byte, error) {
	return g.alterSubscription(in, func(sub *subscription, now time.Time) error {
		if !day(now).Before(day(time.UnixMilli(sub.Effect))) {
			return &invalid{codeRule, "the effect date is reached"}
		}
		return sub.agree(in, now)
	})
}

// Response codes of Subscription/Cancel (Lyra facts, section 7.4).
var responseCodes = map[string]int{codeAlias: 30, codeSubscription: 32}

// cancelSubscription ends a subscription now or on a later day.
func (g *Gateway) cancelSubscription(in *request, _ disguise) ([]byte, error) {
	answer, err := g.alterSubscription(in, func(sub *subscription, now time.Time) error {
		end := now
		if in.TerminationDate != "" {
			end, _ = time.Parse(time.RFC3339, in.TerminationDate) // checked with the request
		}
		if day(end).Before(day(now)) {
			return &invalid{codeDate, "the termination date has passed"}
		}
		sub.Cancelled = end.UnixMilli()
		return nil
	})
	if why, ok := err.(*invalid); ok && responseCodes[why.code] != 0 {
		g.stage.Counts.Refusals.Add(1)
		return responseCode(responseCodes[why.code]), nil
	}
	return answer, err
}

func (g *Gateway) alterSubscription(in *request, alter func(*subscription, time.Time) error) ([]byte, error) {
	if _, err := g.lookSubscription(in); err != nil {
		return nil, err
	}
	shard := g.accounts.of(in.SubscriptionID)
	defer lock(shard)()
	sub := shard.subscriptions[in.SubscriptionID]
	if sub == nil { // everything was forgotten meanwhile
		return nil, &invalid{codeSubscription, "the subscription does not exist"}
	}
	altered := *sub
	if altered.Cancelled != 0 {
		return nil, &invalid{codeRule, "the subscription is cancelled"}
	}
	if err := alter(&altered, g.stage.Options.Clock()); err != nil {
		return nil, err
	}
	if err := g.record(&event{Subscription: &altered}); err != nil {
		return nil, err
	}
	return responseCode(0), nil
}
