package payline

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

const oneDay = 24 * time.Hour

// mostCandidates bounds the transactions under one reference that are looked at.
const mostCandidates = 10

var (
	errSeveral  = errors.New("payline: several transactions have this order reference")
	errTooMany  = errors.New("payline: too many transactions have this reference")
	errUnmarked = errors.New("payline: the wallet exists and does not say whose request made it")
	errUnsure   = errors.New("payline: the transaction is reported as accepted, and a search for accepted ones does not find it")
	errNoneOurs = errors.New("payline: none of the transactions under this reference is the one that was asked for")
	errWhich    = errors.New("payline: the wallet's cards do not tell which one was kept")
)

// Lookup implements gateway.Connector. The package comment says what it proves.
func (c *Client) Lookup(ctx context.Context, req gateway.Request) (gateway.Answer, error) {
	op := operationOf(&req)
	if promised, ok := c.profile.Commands[req.Command]; !ok || !promised.Lookup {
		return gateway.Answer{}, wire.NotSent(fmt.Errorf("payline: %w", gateway.ErrUnsupported))
	}
	if refusal, bad := refuse(op, &req); bad {
		return refusal, nil // Do sent nothing either
	}
	switch {
	case op.kind == kindPayment:
		return c.findPayment(ctx, op, &req)
	case op.kind == kindFollowUp:
		return c.findFollowUp(ctx, op, &req)
	case op.kind == kindWallet:
		return c.findWallet(ctx, &req)
	case req.Command == batch.DisablePaymentRecord:
		return c.findRecord(ctx, &req)
	case req.CardIndex != 0:
		return c.findCardState(ctx, &req)
	}
	return c.findWalletState(ctx, &req)
}

// ask makes a look-up and weighs its reply.
func (c *Client) ask(ctx context.Context, op operation, write func(*encoder)) (reply, codetable.Meaning, error) {
	r, err := c.exchange(ctx, op, write, c.config.Version)
	if err != nil {
		return r, codetable.Meaning{}, err
	}
	m, err := c.weigh(op.kind, &r)
	return r, m, err
}

// found is a transaction that a look-up has brought to light.
type found struct {
	response response
	meaning  codetable.Meaning
}

// detailsOf asks for a transaction by the platform's id or by order reference: in each of
// the periods, and when none of them has it without dates, because neither is proven to
// reach all that there is. A transaction in two periods is found once.
func (c *Client) detailsOf(ctx context.Context, id, orderRef string, within []period) (found, error) {
	var one found
	var badPeriod error
	for _, in := range append(slices.Clip(within), anytime) {
		if in == anytime && one.response.Transaction.ID != "" {
			break
		}
		r, m, err := c.ask(ctx, details, func(e *encoder) { e.details(id, orderRef, in) })
		switch code := r.response.code(); {
		case errors.Is(err, gateway.ErrUnknownKey):
		case err != nil && code == codeSeveral:
			return found{}, wire.InDoubt(errSeveral)
		case err != nil && (code == codeTooLong || code == codeCriteria):
			badPeriod = err
		case err != nil:
			return found{}, err
		case one.response.Transaction.ID != "" && one.response.Transaction.ID != r.response.Transaction.ID:
			return found{}, wire.InDoubt(errSeveral)
		default:
			one = found{r.response, m}
		}
	}
	switch {
	case one.response.Transaction.ID != "":
		return one, nil
	case badPeriod != nil:
		return found{}, badPeriod
	}
	return found{}, wire.InDoubt(fmt.Errorf("payline: %w", gateway.ErrUnknownKey))
}

// Results of a search that found too many transactions, of one whose criteria are not
// accepted, and of one over too long a period.
const (
	codeSeveral  = "02311"
	codeCriteria = "02312"
	codeTooLong  = "02320"
)

// findPayment looks for what has our key as its order reference.
func (c *Client) findPayment(ctx context.Context, op operation, req *gateway.Request) (gateway.Answer, error) {
	within := c.periods(req.SubmittedAt)
	one, err := c.detailsOf(ctx, "", string(req.Key), within)
	if errors.Is(err, errSeveral) {
		candidates, err := c.candidates(ctx, criteria{orderRef: string(req.Key)}, within)
		if err != nil {
			// That the details know several and the search none is no proof of anything.
			return gateway.Answer{}, wire.InDoubt(errSeveral)
		}
		return c.best(ctx, op, req, candidates)
	}
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.settled(ctx, op, req, &one)
}

// findFollowUp looks for what has our key as its sequence number, from the original on:
// nothing can be older, while an earlier try may be older than the last one.
func (c *Client) findFollowUp(ctx context.Context, op operation, req *gateway.Request) (gateway.Answer, error) {
	since := req.SubmittedAt
	if at := req.Original.CompletedAt; !at.IsZero() && (since.IsZero() || at.Before(since)) {
		since = at
	}
	candidates, err := c.candidates(ctx, criteria{sequence: string(req.Key)}, c.periods(since))
	if err != nil {
		return gateway.Answer{}, err
	}
	return c.best(ctx, op, req, candidates)
}

// period is days, both included. Which zone they begin in is not published.
type period struct{ from, to time.Time }

// anytime leaves it to the platform.
var anytime period

// periods reach from a day before the time to a day after now, whatever the zones and the
// clocks, the earliest first. Each is as long as a search may be, so that the first one
// begins earlier yet: an earlier try of the same key costs no search of its own. A time that
// is not known, or lies ahead, counts as now.
func (c *Client) periods(since time.Time) []period {
	now := c.clock().UTC()
	if since.IsZero() || since.After(now) {
		since = now
	}
	var all []period
	for to := now.Add(oneDay); len(all) == 0 || all[0].from.After(since.Add(-oneDay)); to = to.Add(-c.config.SearchPeriod) {
		all = slices.Insert(all, 0, period{to.Add(-c.config.SearchPeriod), to})
	}
	return all
}

// candidate is a transaction that a search found in a period.
type candidate struct {
	id string
	in period
}

// candidates lists the transactions that a search finds.
func (c *Client) candidates(ctx context.Context, by criteria, within []period) ([]candidate, error) {
	var all []candidate
	for _, in := range within {
		r, _, err := c.ask(ctx, search, func(e *encoder) { e.search(by, in) })
		if err != nil && !errors.Is(err, gateway.ErrUnknownKey) {
			return nil, err
		}
		for _, t := range r.response.Transactions { // the periods share a day
			if !slices.ContainsFunc(all, func(have candidate) bool { return have.id == t.ID }) {
				all = append(all, candidate{t.ID, in})
			}
		}
	}
	switch {
	case len(all) == 0:
		return nil, wire.InDoubt(fmt.Errorf("payline: %w", gateway.ErrUnknownKey))
	case len(all) > mostCandidates:
		return nil, wire.InDoubt(errTooMany)
	}
	return all, nil
}

// ranks order what several transactions of one key say: what moved money, or may have,
// counts before what did not.
var ranks = map[batch.LineState]int{batch.Approved: 4, batch.Pending: 3, batch.InDoubt: 2, batch.Declined: 1, batch.Refused: 1}

// best reads the candidates and answers with the one that counts. Those with another
// action code are other operations on the same order.
func (c *Client) best(ctx context.Context, op operation, req *gateway.Request, candidates []candidate) (gateway.Answer, error) {
	var best gateway.Answer
	for _, each := range candidates {
		one, err := c.detailsOf(ctx, each.id, "", []period{each.in})
		if err != nil {
			// The search knows it: that its details are unknown proves nothing.
			return gateway.Answer{}, wire.InDoubt(fmt.Errorf("payline: the details of a transaction that was found cannot be read (%v)", err))
		}
		if action := one.response.Payment.Action; action != "" && action != c.actionOf(op, req) {
			continue
		}
		a, err := c.settled(ctx, op, req, &one)
		if err != nil {
			return gateway.Answer{}, err
		}
		if ranks[a.State] > ranks[best.State] {
			best = a
		}
	}
	if best.State == "" {
		return gateway.Answer{}, wire.InDoubt(errNoneOurs)
	}
	return best, nil
}

// actionOf is the action code that the request was sent with.
func (c *Client) actionOf(op operation, req *gateway.Request) string {
	switch op.name {
	case capture.name:
		return actionCapture
	case refund.name:
		return actionRefund
	case reauthorization.name:
		return actionReauthorize
	}
	e := encoder{seriesActions: c.config.SeriesActions}
	return e.action(req)
}

// settled turns a transaction that was found into the line's outcome, if it is ours.
func (c *Client) settled(ctx context.Context, op operation, req *gateway.Request, one *found) (gateway.Answer, error) {
	r := &one.response
	if key := r.datum(datumKey); key != "" && key != string(req.Key) {
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	if op.kind == kindPayment {
		ref := or(r.OrderRef, r.Transaction.OrderReference)
		if ref == "" {
			ref = r.datum(datumKey)
		}
		if ref != string(req.Key) || !same(req.Amount, r.Payment.Amount, r.Payment.Currency) || !r.Card.shows(req.Card.Number) {
			return gateway.Answer{}, wire.InDoubt(errForeign)
		}
	}
	if op.kind == kindFollowUp && (req.Command != batch.DoReset || req.Amount.Minor > 0) && !same(req.Amount, r.Payment.Amount, r.Payment.Currency) {
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	if one.meaning.State == batch.Approved && r.Authorization.Number == "" {
		if err := c.confirmAccepted(ctx, r); err != nil {
			return gateway.Answer{}, err
		}
	}
	return c.answer(details, req, one.meaning, op.shown(r)), nil
}

// confirmAccepted searches for a transaction by the code that its details gave. That the
// result of getTransactionDetails is the transaction's own, and not that of the query, is
// nowhere said in so many words; an authorization number says it too, and a search for
// the code does where there is none.
func (c *Client) confirmAccepted(ctx context.Context, r *response) error {
	at, err := parseTime(r.Transaction.Date)
	if err != nil {
		return wire.InDoubt(errUnsure)
	}
	around := []period{{at.Add(-oneDay), at.Add(oneDay)}}
	have, err := c.candidates(ctx, criteria{transaction: r.Transaction.ID, code: r.code()}, around)
	if errors.Is(err, gateway.ErrUnknownKey) || err == nil && !slices.ContainsFunc(have, func(one candidate) bool { return one.id == r.Transaction.ID }) {
		return wire.InDoubt(errUnsure) // not ErrUnknownKey: something is known
	}
	return err
}

// stateOf asks how a wallet stands.
func (c *Client) stateOf(ctx context.Context, req *gateway.Request, index int) (response, error) {
	r, m, err := c.ask(ctx, stateWallet, func(e *encoder) { e.getWallet(req, index) })
	if err != nil {
		return response{}, err
	}
	if id := r.response.Wallet.ID; id != "" && id != string(req.Wallet.ID) || id == "" && m.Code == batch.CodeDone {
		return response{}, wire.InDoubt(errForeign)
	}
	if m.Code == batch.CodeWalletDisabled {
		r.response.IsDisabled = "1"
	}
	return r.response, nil
}

// findWallet reads in the wallet whose request made it, or changed it last.
func (c *Client) findWallet(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	index := 0
	if req.Command == batch.UpdateWallet {
		index = chargedIndex(req)
	}
	r, err := c.stateOf(ctx, req, index)
	if err != nil {
		return gateway.Answer{}, err
	}
	for _, d := range r.PrivateData {
		if d.Key == datumKey && d.Value == string(req.Key) {
			a := done()
			r.Wallet.Card.describe(&a)
			return c.withIndex(ctx, req, a)
		}
	}
	switch {
	case req.Command == batch.UpdateWallet:
		return gateway.Answer{}, wire.InDoubt(fmt.Errorf("payline: %w", gateway.ErrUnknownKey))
	case r.datum(datumKey) == "":
		return gateway.Answer{}, wire.InDoubt(errUnmarked)
	}
	a := refused(batch.CodeWalletExists, "") // another request of ours had made it before
	a.GatewayCode = a.Code
	return a, nil
}

// done is the outcome of a wallet command that a look-up found carried out, with the code
// that the command's own answer has.
func done() gateway.Answer {
	a := gateway.Answer{State: batch.Approved}
	a.Code, a.GatewayCode = batch.CodeDone, batch.CodeDone
	return a
}

// findKept asks for the wallet's cards and picks the one that the request kept.
func (c *Client) findKept(ctx context.Context, req *gateway.Request) (keptCard, error) {
	r, _, err := c.ask(ctx, stateCards, func(e *encoder) { e.getCards(req) })
	if err != nil {
		return keptCard{}, err
	}
	want := 0
	if req.Command == batch.UpdateWallet {
		want = chargedIndex(req)
	}
	cards := r.response.Cards
	for i := range cards {
		one := &cards[i]
		if one.WalletID != "" && one.WalletID != string(req.Wallet.ID) {
			return keptCard{}, wire.InDoubt(errForeign)
		}
		index, err := strconv.Atoi(one.Index)
		if err != nil || index < 1 {
			continue
		}
		if (index == want || want == 0 && (len(cards) == 1 || one.Default == "Y")) && one.Card.shows(req.Card.Number) {
			return keptCard{walletCard: *one, index: index}, nil
		}
	}
	return keptCard{}, wire.InDoubt(errWhich)
}

// keptCard is a card of a wallet with its index read.
type keptCard struct {
	walletCard
	index int
}

// describe puts the card and its index into an answer.
func (k *keptCard) describe(a *gateway.Answer) {
	k.Card.describe(a)
	a.CardIndex = strconv.Itoa(k.index)
	if k.IsDisabled == "1" {
		a.CardStatus = batch.CardDisabled
	}
}

// findWalletState asks whether the wallet is disabled, or enabled, as was wanted.
func (c *Client) findWalletState(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	r, err := c.stateOf(ctx, req, 0)
	if err != nil {
		return gateway.Answer{}, err
	}
	return switched(req, r.IsDisabled)
}

// findCardState asks the same of one card.
func (c *Client) findCardState(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	r, _, err := c.ask(ctx, stateCards, func(e *encoder) { e.getCards(req) })
	if err != nil {
		return gateway.Answer{}, err
	}
	for i := range r.response.Cards {
		one := &r.response.Cards[i]
		if index, err := strconv.Atoi(one.Index); err == nil && index == req.CardIndex {
			if one.WalletID != "" && one.WalletID != string(req.Wallet.ID) {
				return gateway.Answer{}, wire.InDoubt(errForeign)
			}
			return switched(req, one.IsDisabled)
		}
	}
	return gateway.Answer{}, wire.InDoubt(errWhich)
}

// findRecord asks whether a payment record is disabled.
func (c *Client) findRecord(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	r, m, err := c.ask(ctx, stateRecord, func(e *encoder) { e.getPaymentRecord(req) })
	if err != nil {
		return gateway.Answer{}, err
	}
	if id := r.response.WalletID; id != "" && req.Wallet != nil && id != string(req.Wallet.ID) {
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	disabled := r.response.IsDisabled
	if m.Code == codeRecordDisabled {
		disabled = "1"
	}
	return switched(req, disabled)
}

const codeRecordDisabled = "02508"

// switched compares a state with the one that was asked for. Only a plain 1 or 0 counts.
func switched(req *gateway.Request, disabled string) (gateway.Answer, error) {
	want := "1"
	if req.Command == batch.EnableWallet {
		want = "0"
	}
	switch disabled {
	case want:
		return done(), nil
	case "0", "1":
		return gateway.Answer{}, wire.InDoubt(fmt.Errorf("payline: %w", gateway.ErrUnknownKey))
	}
	return gateway.Answer{}, wire.InDoubt(errors.New("payline: the answer does not say whether it is disabled"))
}
