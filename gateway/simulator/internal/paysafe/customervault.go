package paysafe

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"unicode/utf8"

	"cardbatch/gateway/simulator/stage"
)

// profileRequest holds the fields of a profile (facts, section 4.2).
type profileRequest struct {
	Status             string            `json:"status"`
	MerchantCustomerID string            `json:"merchantCustomerId"`
	Locale             string            `json:"locale"`
	FirstName          string            `json:"firstName"`
	MiddleName         string            `json:"middleName"`
	LastName           string            `json:"lastName"`
	DateOfBirth        json.RawMessage   `json:"dateOfBirth"`
	IP                 string            `json:"ip"`
	Gender             string            `json:"gender"`
	Nationality        string            `json:"nationality"`
	Email              string            `json:"email"`
	Phone              string            `json:"phone"`
	CellPhone          string            `json:"cellPhone"`
	Card               *cardRequest      `json:"card"`
	Cards              []cardRequest     `json:"cards"`
	Addresses          []json.RawMessage `json:"addresses"`
}

// cardRequest holds the fields of a card that is to be kept.
type cardRequest struct {
	NickName             string          `json:"nickName"`
	MerchantRefNum       string          `json:"merchantRefNum"`
	HolderName           string          `json:"holderName"`
	CardNum              string          `json:"cardNum"`
	CardExpiry           *cardExpiry     `json:"cardExpiry"`
	BillingAddressID     string          `json:"billingAddressId"`
	DefaultCardIndicator bool            `json:"defaultCardIndicator"`
	SingleUseToken       string          `json:"singleUseToken"`
	AccountID            string          `json:"accountId"`
	BillingAddress       json.RawMessage `json:"billingAddress"`
}

// profile checks the fields and returns what is kept of them.
func (in *profileRequest) profile() (*profile, error) {
	for _, f := range []struct {
		name, value string
		longest     int
		allowed     []string
	}{
		{"merchantCustomerId", in.MerchantCustomerID, 100, nil},
		{"locale", in.Locale, 5, []string{"en_US", "fr_CA", "en_GB"}},
		{"status", in.Status, 7, []string{"", "INITIAL", active}},
		{"firstName", in.FirstName, 80, nil},
		{"middleName", in.MiddleName, 80, nil},
		{"lastName", in.LastName, 80, nil},
		{"ip", in.IP, 46, nil},
		{"gender", in.Gender, 1, []string{"", "M", "F"}},
		{"nationality", in.Nationality, 30, nil},
		{"email", in.Email, 255, nil},
		{"phone", in.Phone, 40, nil},
		{"cellPhone", in.CellPhone, 40, nil},
	} {
		if utf8.RuneCountInString(f.value) > f.longest {
			return nil, badField(f.name, "too long")
		}
		if f.allowed != nil && !slices.Contains(f.allowed, f.value) {
			return nil, badField(f.name, "not a value of this field")
		}
	}
	if in.MerchantCustomerID == "" {
		return nil, badField("merchantCustomerId", "a value is required")
	}
	if len(in.Addresses) > 0 {
		return nil, badField("addresses", "the simulator keeps no addresses")
	}
	return &profile{
		Status: in.Status, MerchantCustomerID: in.MerchantCustomerID, Locale: in.Locale, FirstName: in.FirstName, MiddleName: in.MiddleName,
		LastName: in.LastName, DateOfBirth: in.DateOfBirth, IP: in.IP, Gender: in.Gender, Nationality: in.Nationality, Email: in.Email,
		Phone: in.Phone, CellPhone: in.CellPhone,
	}, nil
}

// card checks the fields of a new card and returns what is kept of them.
func (in *cardRequest) card() (vaultCard, error) {
	c, err := in.details()
	if err != nil {
		return c, err
	}
	if in.SingleUseToken != "" {
		return c, badField("singleUseToken", "the value does not exist")
	}
	kept, err := keepCard("", in.CardNum, in.CardExpiry)
	if why, ok := err.(*invalid); ok && (why.code == invalidNumber || why.code == unsupportedCard) {
		err = &invalid{code: invalidVaultCard}
	}
	if err != nil {
		return c, err
	}
	c.CardBIN, c.LastDigits, c.CardType = kept.BIN, kept.Last, kept.Type
	return c, nil
}

// change checks the fields of a change of a card, which keeps its number.
func (in *cardRequest) change() (vaultCard, error) {
	c, err := in.details()
	if err != nil {
		return c, err
	}
	if in.CardNum != "" || in.SingleUseToken != "" {
		return c, badField("cardNum", "a card keeps its number")
	}
	_, err = in.CardExpiry.text("")
	return c, err
}

// details checks what a card may have besides its number.
func (in *cardRequest) details() (vaultCard, error) {
	c := vaultCard{NickName: in.NickName, MerchantRefNum: in.MerchantRefNum, HolderName: in.HolderName, DefaultCardIndicator: in.DefaultCardIndicator}
	if in.CardExpiry != nil {
		c.CardExpiry = *in.CardExpiry
	}
	switch {
	case utf8.RuneCountInString(in.NickName) > 50:
		return c, badField("nickName", "too long")
	case utf8.RuneCountInString(in.HolderName) > 160:
		return c, badField("holderName", "too long")
	case utf8.RuneCountInString(in.MerchantRefNum) > 255:
		return c, badField("merchantRefNum", "too long")
	case in.BillingAddressID != "":
		return c, &invalid{code: addressUnknown}
	case in.AccountID != "" && currencies[in.AccountID] == "":
		return c, badField("accountId", "the value does not exist")
	}
	return c, nil
}

// serveVault answers profiles…, profiles/{id}/cards… and cards/{id}.
func (g *Gateway) serveVault(w http.ResponseWriter, r *http.Request, parts []string) {
	switch {
	case len(parts) == 1 && parts[0] == "profiles":
		switch r.Method {
		case http.MethodPost:
			g.postProfile(w, r)
		case http.MethodGet:
			g.getProfile(w, r, "")
		default:
			g.refuse(w, r, &invalid{code: badMethod})
		}
	case len(parts) == 2 && parts[0] == "profiles":
		switch id := parts[1]; r.Method {
		case http.MethodGet:
			g.getProfile(w, r, id)
		case http.MethodPut:
			g.putProfile(w, r, id)
		case http.MethodDelete:
			g.remove(w, r, id, func() error { return g.deleteProfile(id) })
		default:
			g.refuse(w, r, &invalid{code: badMethod})
		}
	case len(parts) == 3 && parts[0] == "profiles" && parts[2] == "cards":
		if r.Method != http.MethodPost {
			g.refuse(w, r, &invalid{code: badMethod})
			return
		}
		g.postCard(w, r, parts[1])
	case len(parts) == 4 && parts[0] == "profiles" && parts[2] == "cards":
		switch profileID, id := parts[1], parts[3]; r.Method {
		case http.MethodGet:
			g.getCard(w, r, profileID, id)
		case http.MethodPut:
			g.putCard(w, r, profileID, id)
		case http.MethodDelete:
			g.remove(w, r, id, func() error { return g.deleteCard(profileID, id) })
		default:
			g.refuse(w, r, &invalid{code: badMethod})
		}
	case len(parts) == 2 && parts[0] == "cards" && r.Method == http.MethodGet:
		g.getCard(w, r, "", parts[1]) // where existing_entity leads to
	default:
		g.refuse(w, r, &invalid{code: unknownURL})
	}
}

func (g *Gateway) postProfile(w http.ResponseWriter, r *http.Request) {
	var in profileRequest
	err := readJSON(r, &in)
	var to *profile
	if err == nil {
		to, err = in.profile()
	}
	if in.Card != nil {
		in.Cards = append(in.Cards, *in.Card)
	}
	cards := make([]vaultCard, len(in.Cards))
	for i := range in.Cards {
		if err == nil {
			cards[i], err = in.Cards[i].card()
		}
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	status := http.StatusCreated
	if len(cards) > 0 {
		status = http.StatusOK // the reference has it so
	}
	g.playVault(w, r, opProfile, status, to.MerchantCustomerID, func(d disguise) (any, error) {
		made, err := g.createProfile(to, cards)
		if err != nil {
			return nil, err
		}
		return showProfile(made, true, d), nil
	})
}

func (g *Gateway) putProfile(w http.ResponseWriter, r *http.Request, id string) {
	var in profileRequest
	err := readJSON(r, &in)
	var to *profile
	if err == nil {
		to, err = in.profile()
	}
	if err == nil && (in.Card != nil || len(in.Cards) > 0) {
		err = badField("card", "a profile that exists takes its cards one by one")
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.playVault(w, r, opProfile, http.StatusOK, to.MerchantCustomerID, func(d disguise) (any, error) {
		changed, err := g.changeProfile(id, to)
		if err != nil {
			return nil, err
		}
		return showProfile(changed, false, d), nil
	})
}

func (g *Gateway) postCard(w http.ResponseWriter, r *http.Request, profileID string) {
	var in cardRequest
	err := readJSON(r, &in)
	var c vaultCard
	if err == nil {
		c, err = in.card()
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.playVault(w, r, opCard, http.StatusCreated, stage.Or(c.MerchantRefNum, profileID), func(d disguise) (any, error) {
		made, err := g.createCard(profileID, c)
		return showCard(made, d), err
	})
}

func (g *Gateway) putCard(w http.ResponseWriter, r *http.Request, profileID, id string) {
	var in cardRequest
	err := readJSON(r, &in)
	var c vaultCard
	if err == nil {
		c, err = in.change()
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	g.playVault(w, r, opCard, http.StatusOK, stage.Or(c.MerchantRefNum, id), func(d disguise) (any, error) {
		changed, err := g.changeCard(profileID, id, c)
		return showCard(changed, d), err
	})
}

// remove deletes; such an answer has no body.
func (g *Gateway) remove(w http.ResponseWriter, r *http.Request, id string, carryOut func() error) {
	g.playVault(w, r, opDelete, http.StatusOK, id, func(disguise) (any, error) { return nil, carryOut() })
}

// getProfile finds a profile by its id, or by merchantCustomerId.
func (g *Gateway) getProfile(w http.ResponseWriter, r *http.Request, id string) {
	query := r.URL.Query()
	customer := query.Get("merchantCustomerId")
	if id == "" && customer == "" {
		g.refuse(w, r, &invalid{code: nothingToSearch})
		return
	}
	withCards := slices.Contains(strings.Split(query.Get("fields"), ","), "cards")
	g.playVault(w, r, opShow, http.StatusOK, stage.Or(id, customer), func(d disguise) (any, error) {
		g.vault.RLock()
		defer g.vault.RUnlock()
		p := g.vault.profiles[id]
		if id == "" {
			p = g.vault.customers[customer]
		}
		if p == nil {
			return nil, &invalid{code: unknownID}
		}
		return showProfile(p, withCards, d), nil
	})
}

// getCard finds a card by its id, in a profile or in any.
func (g *Gateway) getCard(w http.ResponseWriter, r *http.Request, profileID, id string) {
	g.playVault(w, r, opShow, http.StatusOK, id, func(d disguise) (any, error) {
		g.vault.RLock()
		defer g.vault.RUnlock()
		p := g.vault.cards[id]
		if p == nil || profileID != "" && p.ID != profileID {
			return nil, &invalid{code: unknownID}
		}
		return showCard(*p.card(id), d), nil
	})
}

// playVault hands a request of the vault to the stage. carryOut returns what is shown,
// with the status.
func (g *Gateway) playVault(w http.ResponseWriter, r *http.Request, operation string, status int, key string, carryOut func(disguise) (any, error)) {
	base := baseOf(r)
	g.play(w, r, exchange{
		operation: operation, key: key,
		commit: func(shown stage.Phase) (reply, error) {
			d := disguises[shown]
			body, err := carryOut(d)
			switch {
			case err != nil:
				return reply{}, err
			case d.vaultCode != "":
				return errorOf(failures[d.vaultCode].status, base), nil
			case body == nil:
				return reply{status: status}, nil
			}
			return reply{status: status, body: encode(body)}, nil
		},
		decline: func(shown stage.Phase) reply { return g.declineOf(shown, "", "", "", base) },
	})
}

// showProfile copies a profile as the API shows it.
func showProfile(p *profile, withCards bool, d disguise) *profile {
	out := *p
	out.Cards = nil
	out.ID, out.MerchantCustomerID = d.name(p.ID), d.name(p.MerchantCustomerID)
	out.Status = stage.Or(d.vaultStatus, p.Status)
	if withCards {
		for _, c := range p.Cards {
			out.Cards = append(out.Cards, showCard(c, d))
		}
	}
	return &out
}

func showCard(c vaultCard, d disguise) vaultCard {
	c.ID, c.MerchantRefNum = d.name(c.ID), d.name(c.MerchantRefNum)
	c.CardBIN, c.LastDigits = d.name(c.CardBIN), d.name(c.LastDigits)
	c.Status = stage.Or(d.vaultStatus, c.Status)
	return c
}
