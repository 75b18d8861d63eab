package paysafe

import (
	"encoding/json"
	"slices"
	"sync"

	"cardbatch/gateway/simulator/stage"
)

// profile is a customer of the vault (facts, section 4.2). Its cards are shown when they
// are asked for.
type profile struct {
	ID                 string          `json:"id"`
	Status             string          `json:"status"`
	MerchantCustomerID string          `json:"merchantCustomerId"`
	Locale             string          `json:"locale"`
	FirstName          string          `json:"firstName,omitempty"`
	MiddleName         string          `json:"middleName,omitempty"`
	LastName           string          `json:"lastName,omitempty"`
	DateOfBirth        json.RawMessage `json:"dateOfBirth,omitempty"`
	IP                 string          `json:"ip,omitempty"`
	Gender             string          `json:"gender,omitempty"`
	Nationality        string          `json:"nationality,omitempty"`
	Email              string          `json:"email,omitempty"`
	Phone              string          `json:"phone,omitempty"`
	CellPhone          string          `json:"cellPhone,omitempty"`
	PaymentToken       string          `json:"paymentToken"`
	Cards              []vaultCard     `json:"cards,omitempty"`
}

// vaultCard is a card of a profile.
type vaultCard struct {
	ID                          string     `json:"id"`
	Status                      string     `json:"status"`
	MerchantRefNum              string     `json:"merchantRefNum,omitempty"`
	NickName                    string     `json:"nickName,omitempty"`
	HolderName                  string     `json:"holderName,omitempty"`
	CardBIN                     string     `json:"cardBin"`
	LastDigits                  string     `json:"lastDigits"`
	CardExpiry                  cardExpiry `json:"cardExpiry"`
	CardType                    string     `json:"cardType"`
	CardCategory                string     `json:"cardCategory"`
	PaymentToken                string     `json:"paymentToken"`
	DefaultCardIndicator        bool       `json:"defaultCardIndicator"`
	StoredCredentialTokenStatus string     `json:"storedCredentialTokenStatus"`
}

// active is the status of cards, and of profiles that may be charged; the other one of
// profiles is INITIAL.
const active = "ACTIVE"

// vault keeps profiles. One lock does for all: wallets change rarely, and a payment only
// reads. A profile that was put in is never changed, but replaced.
type vault struct {
	sync.RWMutex
	profiles  map[string]*profile // by id
	customers map[string]*profile // by merchantCustomerId
	tokens    map[string]*profile // by the payment token of a card; a profile's own pays nothing
	cards     map[string]*profile // by id of a card
}

// clear empties the vault; it is locked, or not yet shared.
func (v *vault) clear() {
	v.profiles, v.customers = map[string]*profile{}, map[string]*profile{}
	v.tokens, v.cards = map[string]*profile{}, map[string]*profile{}
}

// apply puts a profile in, or takes it out, and returns by how many the cards grew. The
// vault is locked.
func (v *vault) apply(e *event) (grown int64) {
	id := e.Deleted
	if e.Profile != nil {
		id = e.Profile.ID
	}
	if old := v.profiles[id]; old != nil {
		delete(v.profiles, id)
		delete(v.customers, old.MerchantCustomerID)
		for _, c := range old.Cards {
			delete(v.tokens, c.PaymentToken)
			delete(v.cards, c.ID)
		}
		grown -= int64(len(old.Cards))
	}
	if p := e.Profile; p != nil {
		v.profiles[id], v.customers[p.MerchantCustomerID] = p, p
		for _, c := range p.Cards {
			v.tokens[c.PaymentToken], v.cards[c.ID] = p, p
		}
		grown += int64(len(p.Cards))
	}
	return grown
}

// find is the card that a payment token charges.
func (v *vault) find(token string) (*keptCard, error) {
	v.RLock()
	defer v.RUnlock()
	p := v.tokens[token]
	if p == nil || p.Status != active {
		return nil, &invalid{code: invalidToken}
	}
	i := slices.IndexFunc(p.Cards, func(c vaultCard) bool { return c.PaymentToken == token })
	c := &p.Cards[i]
	return &keptCard{BIN: c.CardBIN, Last: c.LastDigits, Type: c.CardType, Expiry: c.CardExpiry.mmyy()}, nil
}

// card finds a card of a profile.
func (p *profile) card(id string) *vaultCard {
	for i := range p.Cards {
		if p.Cards[i].ID == id {
			return &p.Cards[i]
		}
	}
	return nil
}

// changed copies a profile, to be changed and put in.
func (p *profile) changed() *profile {
	out := *p
	out.Cards = slices.Clone(p.Cards)
	return &out
}

// add adds a card; the first one is the default. The number may not be in the profile
// yet: first six and last four digits tell the published test cards apart.
func (p *profile) add(c vaultCard) error {
	for i := range p.Cards {
		if old := &p.Cards[i]; old.CardBIN == c.CardBIN && old.LastDigits == c.LastDigits && old.CardType == c.CardType {
			return &invalid{code: cardInUse, entity: vaultPrefix + "cards/" + old.ID}
		}
	}
	c.DefaultCardIndicator = c.DefaultCardIndicator || len(p.Cards) == 0
	p.Cards = append(p.Cards, c)
	p.prefer(c)
	return nil
}

// prefer leaves one default card at most.
func (p *profile) prefer(c vaultCard) {
	for i := range p.Cards {
		if c.DefaultCardIndicator && p.Cards[i].ID != c.ID {
			p.Cards[i].DefaultCardIndicator = false
		}
	}
}

// newCard fills in what the gateway decides.
func (g *Gateway) newCard(c vaultCard) vaultCard {
	c.ID = g.newID("")
	c.Status, c.CardCategory, c.StoredCredentialTokenStatus = active, "UNKNOWN", "UNVERIFIED"
	c.PaymentToken = newToken('C', c.ID)
	return c
}

// put keeps a profile as it is from now on. The vault is locked.
func (g *Gateway) put(p *profile) error {
	v := g.vault
	if other := v.customers[p.MerchantCustomerID]; other != nil && other.ID != p.ID {
		return &invalid{code: customerInUse, entity: vaultPrefix + "profiles/" + other.ID}
	}
	old, added, most := v.profiles[p.ID], int64(len(p.Cards)), g.stage.Options.MaxTokens
	if old != nil {
		added -= int64(len(old.Cards))
	}
	if old == nil && int64(len(v.profiles)) >= most || added > 0 && g.stage.Counts.Tokens.Load()+added > most {
		return errFull
	}
	return g.keep(&event{Profile: p})
}

// keep writes and applies an event of the vault, which is locked.
func (g *Gateway) keep(e *event) error {
	if err := g.stage.Append(g, e); err != nil {
		return err
	}
	g.stage.Counts.Tokens.Add(g.vault.apply(e))
	return nil
}

// createProfile makes a profile with the cards that came with it.
func (g *Gateway) createProfile(p *profile, cards []vaultCard) (*profile, error) {
	p.ID, p.Status = g.newID(""), stage.Or(p.Status, active)
	p.PaymentToken = newToken('P', p.ID)
	g.vault.Lock()
	defer g.vault.Unlock()
	for _, c := range cards {
		if err := p.add(g.newCard(c)); err != nil {
			return nil, err
		}
	}
	return p, g.put(p)
}

// changeProfile replaces what a profile tells of its customer: what is not given is
// gone, its status aside.
func (g *Gateway) changeProfile(id string, to *profile) (*profile, error) {
	g.vault.Lock()
	defer g.vault.Unlock()
	old := g.vault.profiles[id]
	if old == nil {
		return nil, &invalid{code: unknownID}
	}
	to.ID, to.PaymentToken, to.Cards = old.ID, old.PaymentToken, old.Cards
	to.Status = stage.Or(to.Status, old.Status)
	return to, g.put(to)
}

// deleteProfile deletes a profile and its cards.
func (g *Gateway) deleteProfile(id string) error {
	g.vault.Lock()
	defer g.vault.Unlock()
	if g.vault.profiles[id] == nil {
		return &invalid{code: unknownID}
	}
	return g.keep(&event{Deleted: id})
}

// changeCards lets change work on a copy of a profile, and keeps the copy. It returns
// the card that change returns.
func (g *Gateway) changeCards(profileID string, change func(*profile) (vaultCard, error)) (vaultCard, error) {
	g.vault.Lock()
	defer g.vault.Unlock()
	old := g.vault.profiles[profileID]
	if old == nil {
		return vaultCard{}, &invalid{code: unknownID}
	}
	p := old.changed()
	c, err := change(p)
	if err != nil {
		return vaultCard{}, err
	}
	return c, g.put(p)
}

// createCard adds a card to a profile.
func (g *Gateway) createCard(profileID string, c vaultCard) (vaultCard, error) {
	return g.changeCards(profileID, func(p *profile) (vaultCard, error) {
		c = g.newCard(c)
		if err := p.add(c); err != nil {
			return c, err
		}
		return *p.card(c.ID), nil
	})
}

// changeCard replaces everything of a card but its number: what is not given is gone.
func (g *Gateway) changeCard(profileID, id string, to vaultCard) (vaultCard, error) {
	return g.changeCards(profileID, func(p *profile) (vaultCard, error) {
		c := p.card(id)
		if c == nil {
			return vaultCard{}, &invalid{code: unknownID}
		}
		c.NickName, c.HolderName, c.MerchantRefNum = to.NickName, to.HolderName, to.MerchantRefNum
		c.CardExpiry, c.DefaultCardIndicator = to.CardExpiry, to.DefaultCardIndicator
		p.prefer(*c)
		return *c, nil
	})
}

// deleteCard takes a card out of a profile.
func (g *Gateway) deleteCard(profileID, id string) error {
	_, err := g.changeCards(profileID, func(p *profile) (vaultCard, error) {
		i := slices.IndexFunc(p.Cards, func(c vaultCard) bool { return c.ID == id })
		if i < 0 {
			return vaultCard{}, &invalid{code: unknownID}
		}
		c := p.Cards[i]
		p.Cards = slices.Delete(p.Cards, i, i+1)
		return c, nil
	})
	return err
}
