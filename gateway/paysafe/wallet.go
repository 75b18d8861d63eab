package paysafe

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// profiles is where the vault keeps them.
const profiles = "/customervault/v1/profiles"

// wallet carries out a wallet line. None of its calls moves money, and each leaves the
// vault as the line wants it however often it is made.
func (c *Client) wallet(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	byNumber := !req.Card.Number.IsZero()
	switch {
	case req.Wallet == nil || req.Wallet.ID == "":
		return refused("02513", ""), nil
	case !byNumber && req.Card.Token == "":
		return refused(batch.CodeBadField, "no card data"), nil
	case byNumber && !validExpiry(req.Card.Expiry):
		return refused(batch.CodeBadField, "a card number needs its expiry date"), nil
	case req.Command == batch.GetWallet:
		return c.readWallet(ctx, req)
	case byNumber:
		return c.keepCard(ctx, req)
	case req.Command == batch.CreateWallet: // the merchant brings Paysafe's own token
		return kept(req.Card.Token), nil
	}
	return c.changeWallet(ctx, req)
}

// kept is the answer to a wallet line whose card has the token.
func kept(token string) gateway.Answer {
	return gateway.Answer{State: batch.Approved, Token: token, Answer: batch.Answer{Code: batch.CodeDone}}
}

// keepCard puts a card number into the wallet's profile, which it makes if need be.
func (c *Client) keepCard(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = appendProfile(*body, req.Wallet, &entity{}, &req.Card, req.Key)
	r, err := c.call(ctx, resource(http.MethodPost, profiles, *body))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindVault, "", &r)
	switch {
	case err != nil:
		return gateway.Answer{}, err
	case m.Outcome == codetable.Duplicate:
		a, err := c.addCard(ctx, req, r.entity.existing())
		return a, wire.AsSent(err)
	case m.State != batch.Approved:
		return r.entity.vaultAnswer(m), nil
	}
	if r.entity.MerchantCustomerID != customerID(req.Wallet) {
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	card := r.entity.cardOf(&req.Card)
	if card == nil {
		return gateway.Answer{}, wire.InDoubt(errors.New("paysafe: the profile's answer does not hold the card that was sent"))
	}
	return card.vaultAnswer(m), nil
}

// addCard puts a card number into the profile that the wallet has already; an empty id
// means that the conflict did not name it.
func (c *Client) addCard(ctx context.Context, req *gateway.Request, id string) (gateway.Answer, error) {
	profile, err := c.wholeProfile(ctx, req.Wallet, id)
	if err != nil {
		return gateway.Answer{}, fmt.Errorf("read the profile that is in the way: %w", err)
	}
	if answer, err := c.changeDetails(ctx, req.Wallet, profile); err != nil || answer.State != batch.Approved {
		return answer, err
	}
	body := wire.NewBuffer()
	defer wire.Recycle(body)
	*body = appendCard(*body, req.Wallet, &req.Card, req.Key)
	r, err := c.call(ctx, resource(http.MethodPost, profiles+"/"+profile.ID+"/cards", *body))
	if err != nil {
		return gateway.Answer{}, err
	}
	m, err := c.weigh(kindVault, "", &r)
	switch {
	case err != nil:
		return gateway.Answer{}, err
	case m.Outcome == codetable.Duplicate:
		return c.renewCard(ctx, req, profile.ID, r.entity.existing())
	case m.State != batch.Approved:
		return r.entity.vaultAnswer(m), nil
	case !r.entity.holds(&req.Card) || r.entity.MerchantRefNum != "" && r.entity.MerchantRefNum != string(req.Key):
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	return r.entity.vaultAnswer(m), nil
}

// renewCard brings a card that the profile has already up to what the line says; an
// empty id means that the conflict did not name it.
func (c *Client) renewCard(ctx context.Context, req *gateway.Request, profile, id string) (gateway.Answer, error) {
	whole, err := c.wholeProfile(ctx, req.Wallet, profile)
	if err != nil {
		return gateway.Answer{}, err
	}
	card := whole.cardOf(&req.Card)
	if i := slices.IndexFunc(whole.Cards, func(e entity) bool { return e.ID == id }); i >= 0 {
		card = &whole.Cards[i]
	}
	if card == nil || !card.holds(&req.Card) {
		return gateway.Answer{}, wire.InDoubt(errors.New("paysafe: the card is called a duplicate, and the profile does not hold it"))
	}
	return c.changeCard(ctx, req.Key, whole.ID, card, req.Card.Expiry, req.Card.Cardholder)
}

// changeWallet updates a wallet whose card is not replaced: the buyer's details in the
// profile, and expiry date and name on the card that the token stands for.
func (c *Client) changeWallet(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	profile, card, answer, err := c.walletCard(ctx, req)
	if card == nil {
		return answer, err
	}
	if answer, err := c.changeDetails(ctx, req.Wallet, profile); err != nil || answer.State != batch.Approved {
		return answer, err
	}
	// What the line leaves as it was stays as it is in the vault, where an account updater
	// may have changed it.
	expiry, holder := req.Card.Expiry, req.Card.Cardholder
	if before, ok := req.Wallet.Card(req.CardIndex); ok && before.Token == req.Card.Token {
		expiry, holder = changed(before.Expiry, expiry), changed(before.Cardholder, holder)
	}
	answer, err = c.changeCard(ctx, req.Key, profile.ID, card, expiry, holder)
	return answer, wire.AsSent(err)
}

// changeDetails updates the buyer's details in the profile, unless they are as the line wants them.
func (c *Client) changeDetails(ctx context.Context, w *batch.Wallet, profile *entity) (gateway.Answer, error) {
	if profile.describes(w) {
		return profile.vaultAnswer(done), nil
	}
	now, m, err := c.put(ctx, profiles+"/"+profile.ID, appendProfile(nil, w, profile, nil, ""))
	switch {
	case err != nil:
		return gateway.Answer{}, err
	case m.State == batch.Approved && now.ID != profile.ID:
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	return now.vaultAnswer(m), nil
}

// changed is what a value is changed to; empty when it is not.
func changed(before, after string) string {
	if before == after {
		return ""
	}
	return after
}

// changeCard gives a card of the vault another expiry (MMYY) and cardholder; what is
// empty, or as it is there already, stays.
func (c *Client) changeCard(ctx context.Context, key batch.Key, profile string, card *entity, expiry, holder string) (gateway.Answer, error) {
	expiry, holder = or(expiry, card.CardExpiry.text()), or(firstChars(holder, maxHolder), card.HolderName)
	if expiry == card.CardExpiry.text() && holder == card.HolderName {
		return card.vaultAnswer(done), nil
	}
	body := appendCardChange(nil, card, expiry, holder, key)
	now, m, err := c.put(ctx, profiles+"/"+profile+"/cards/"+card.ID, body)
	switch {
	case err != nil:
		return gateway.Answer{}, err
	case m.State == batch.Approved && (now.ID != card.ID || now.PaymentToken != card.PaymentToken):
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	return now.vaultAnswer(m), nil
}

// done is what a card of the vault means that is as the line wants it.
var done = codetable.Meaning{State: batch.Approved, Code: batch.CodeDone}

// put replaces an entity of the vault. Nothing can be in its way.
func (c *Client) put(ctx context.Context, path string, body []byte) (*entity, codetable.Meaning, error) {
	r, err := c.call(ctx, resource(http.MethodPut, path, body))
	if err != nil {
		return nil, codetable.Meaning{}, err
	}
	m, err := c.weigh(kindVault, "", &r)
	if err == nil && m.Outcome == codetable.Duplicate {
		err = wire.InDoubt(r.failure())
	}
	return &r.entity, m, err
}

// readWallet tells what the vault has of the wallet's card, which an account updater may have changed.
func (c *Client) readWallet(ctx context.Context, req *gateway.Request) (gateway.Answer, error) {
	_, card, answer, err := c.walletCard(ctx, req)
	if card == nil {
		return answer, err
	}
	return card.vaultAnswer(done), nil
}

// walletCard reads the wallet's profile, and the card in it that the token stands for.
// Without a card the line ends with the answer or the error.
func (c *Client) walletCard(ctx context.Context, req *gateway.Request) (profile, card *entity, answer gateway.Answer, err error) {
	profile, err = c.wholeProfile(ctx, req.Wallet, "")
	if errors.Is(err, gateway.ErrUnknownKey) { // the merchant brought a token of a profile that is not ours
		answer = kept(req.Card.Token)
		answer.Message = "the vault has no profile of this wallet: the card's data there stay as they are"
		return nil, nil, answer, nil
	}
	if err != nil {
		return nil, nil, answer, err
	}
	i := slices.IndexFunc(profile.Cards, func(e entity) bool { return e.PaymentToken == req.Card.Token })
	if i < 0 || !idForm.MatchString(profile.Cards[i].ID) {
		return nil, nil, refused("02540", "the wallet's profile in the vault does not hold this card"), nil
	}
	return profile, &profile.Cards[i], answer, nil
}

// wholeProfile reads the wallet's profile with its cards; an empty id asks for it by
// the wallet. The error matches ErrUnknownKey when there is no such profile.
func (c *Client) wholeProfile(ctx context.Context, w *batch.Wallet, id string) (*entity, error) {
	if id == "" {
		found, err := c.findProfile(ctx, customerID(w))
		if err != nil {
			return nil, err
		}
		id = found.ID
	}
	return c.read(ctx, profiles+"/"+id+"?fields=cards", func(e *entity) bool { return e.ID == id && e.MerchantCustomerID == customerID(w) })
}

// findProfile finds a profile by its merchantCustomerId.
func (c *Client) findProfile(ctx context.Context, customer string) (*entity, error) {
	return c.read(ctx, profiles+"?merchantCustomerId="+customer, func(e *entity) bool { return e.MerchantCustomerID == customer })
}

// read reads an entity of the vault, which must be the one that was asked for.
func (c *Client) read(ctx context.Context, path string, asked func(*entity) bool) (*entity, error) {
	r, err := c.call(ctx, resource(http.MethodGet, path, nil))
	if err != nil {
		return nil, err
	}
	if _, err := c.weigh(kindFind, "", &r); err != nil {
		return nil, err
	}
	if !asked(&r.entity) || !idForm.MatchString(r.entity.ID) {
		return nil, wire.InDoubt(errForeign)
	}
	return &r.entity, nil
}

// cardOf is the one card of a profile that has a number's digits as far as the vault
// shows them; nil when none has, or several.
func (e *entity) cardOf(card *gateway.Card) (found *entity) {
	for i := range e.Cards {
		if e.Cards[i].holds(card) {
			if found != nil {
				return nil
			}
			found = &e.Cards[i]
		}
	}
	return found
}

// holds reports whether a card of the vault may be the one with this number, and can be used.
func (e *entity) holds(card *gateway.Card) bool {
	return string(e.LastDigits) == card.Number.LastFour() &&
		(e.CardBin == "" || string(e.CardBin) == card.Number.FirstSix()) &&
		e.PaymentToken != "" && idForm.MatchString(e.ID)
}

// describes reports whether a profile has the buyer's details as far as the wallet has any.
func (e *entity) describes(w *batch.Wallet) bool {
	return or(firstChars(w.FirstName, maxName), e.FirstName) == e.FirstName &&
		or(firstChars(w.LastName, maxName), e.LastName) == e.LastName &&
		or(w.Email, e.Email) == e.Email
}

// vaultAnswer turns a card of the vault, or what was said instead, into the line's outcome.
func (e *entity) vaultAnswer(m codetable.Meaning) gateway.Answer {
	a := gateway.Answer{State: m.State, Unlisted: m.Unlisted}
	a.Answer = batch.Answer{Code: m.Code, GatewayCode: wire.Scrub(or(e.Error.Code, e.Status))}
	if m.State != batch.Approved {
		a.Message = e.explanation()
		return a
	}
	a.Token = e.PaymentToken
	a.CardExpiry, a.CardType = e.CardExpiry.text(), cardTypes[e.CardType]
	if len(e.CardBin) == 6 && len(e.LastDigits) == 4 {
		a.Card = wire.Remask(string(e.CardBin) + "******" + string(e.LastDigits))
	}
	return a
}
