package payline

import (
	"fmt"
	"slices"
	"strings"

	"cardbatch/gateway/simulator/stage"
)

// createWallet makes a wallet with one card, or with that of a transaction (section 3.1).
// The platform checks the card with an authorization of one euro that it never captures;
// here the check passes for every card that is good, so that a wallet can be made with
// a card whose payments will be declined.
func (g *Gateway) createWallet(in *element) (*element, error) {
	contract, data, err := g.checkWalletRequest(in)
	if err != nil {
		return nil, err
	}
	asked := in.child("wallet")
	c, err := g.walletCard(in)
	if err != nil {
		return nil, err
	}
	c.Index = 1
	id := asked.get("walletId")
	shard := g.accounts.shard(id)
	shard.Lock()
	defer shard.Unlock()
	if shard.wallets[id] != nil {
		return nil, refusal("02502")
	}
	if g.stage.Counts.Tokens.Load() >= g.stage.Options.MaxTokens {
		return nil, errFull
	}
	c.Token = g.newToken(c)
	w := &wallet{ID: id, Contract: contract, Default: 1, Cards: []card{c}, Private: data}
	w.describe(asked)
	if err := g.commit(&event{Wallet: w}); err != nil {
		return nil, err
	}
	return answer(opCreateWallet, result(done), cardOutOf(c), extendedCardOf(c)), nil
}

// updateWallet changes a wallet. A filled card takes the place of the card with the index,
// or, with the next free index, comes beside it: how a second card gets into a wallet
// over this interface is not in the documents.
func (g *Gateway) updateWallet(in *element) (*element, error) {
	_, data, err := g.checkWalletRequest(in)
	if err != nil {
		return nil, err
	}
	index, err := readIndex(in)
	if err != nil {
		return nil, err
	}
	asked := in.child("wallet")
	given := asked.child("card")
	isFilled := given.get("number") != "" || given.get("token") != "" || given.get("encryptedData") != "" || in.get("transactionID") != ""
	var c card
	if isFilled {
		if c, err = g.walletCard(in); err != nil {
			return nil, err
		}
	} else if expiry := given.get("expirationDate"); expiry != "" && !isExpiry(expiry) {
		return nil, refusal(badField)
	}

	id := asked.get("walletId")
	shard := g.accounts.shard(id)
	shard.Lock()
	defer shard.Unlock()
	old := shard.wallets[id]
	switch {
	case old == nil:
		return nil, refusal("02503")
	case old.DisabledAt != 0:
		return nil, refusal("02505")
	}
	w := old.clone()
	w.describe(asked)
	if data != nil {
		w.Private = data
	}
	current := w.card(index)
	switch {
	case current == nil && isFilled && index == w.Cards[len(w.Cards)-1].Index+1:
		w.Cards = append(w.Cards, card{Index: index})
		current = &w.Cards[len(w.Cards)-1]
	case current == nil:
		return nil, refusal("02518")
	}
	if isFilled {
		if w.holds(c, current.Index) {
			return nil, refusal("02521")
		}
		if g.stage.Counts.Tokens.Load() >= g.stage.Options.MaxTokens {
			return nil, errFull
		}
		c.Index, c.Token = current.Index, g.newToken(c)
		*current = c
	} else {
		current.Expiry = stage.Or(given.get("expirationDate"), current.Expiry)
		current.Holder = stage.Or(given.get("cardholder"), current.Holder)
	}
	if asked.get("default") == "Y" {
		w.Default = current.Index
	}
	if err := g.commit(&event{Wallet: w}); err != nil {
		return nil, err
	}
	return answer(opUpdateWallet, result(done), cardOutOf(*current), extendedCardOf(*current)), nil
}

// checkWalletRequest checks what createWallet and updateWallet have in common.
func (g *Gateway) checkWalletRequest(in *element) (contract string, data []datum, err error) {
	if _, err = checkVersion(in); err != nil {
		return "", nil, err
	}
	if contract, err = checkContract(in); err != nil {
		return "", nil, err
	}
	asked := in.child("wallet")
	switch id := asked.get("walletId"); {
	case id == "":
		return "", nil, refusal("02513")
	case len([]rune(id)) > 50, len([]rune(asked.get("lastName"))) > 100, len([]rune(asked.get("firstName"))) > 100,
		len([]rune(asked.get("email"))) > 150, len([]rune(asked.get("comment"))) > 255:
		return "", nil, refusal(badField)
	case !slices.Contains([]string{"", "Y", "N"}, asked.get("default")):
		return "", nil, refusal(badField)
	}
	data, err = checkPrivate(in)
	return contract, data, err
}

// walletCard is the card that a wallet request brings: its own, or that of a transaction.
func (g *Gateway) walletCard(in *element) (card, error) {
	var c card
	given := in.child("wallet").child("card")
	if id := in.get("transactionID"); id != "" && given.get("number") == "" && given.get("token") == "" {
		t, ok := g.transaction(id)
		if !ok {
			return card{}, refusal("02301")
		}
		c = t.Card
	} else {
		var err error
		if c, err = g.readCard(given); err != nil {
			return card{}, err
		}
	}
	c.DisabledAt, c.At = 0, g.now().UnixMilli()
	switch isSmartBill := strings.HasPrefix(in.get("contractNumber"), smartBillContract); {
	case !slices.Contains(cardTypes[c.Type], c.Scheme), isSmartBill && c.Scheme != "AMEX":
		return card{}, refusal("02511")
	case c.Expiry != stage.DeclinedExpiry && stage.Expired(c.Expiry, g.now()):
		return card{}, refusal("02624")
	}
	return c, nil
}

// describe takes over what a request says of the buyer.
func (w *wallet) describe(asked *element) {
	w.LastName = stage.Or(asked.get("lastName"), w.LastName)
	w.FirstName = stage.Or(asked.get("firstName"), w.FirstName)
	w.Email = stage.Or(asked.get("email"), w.Email)
	w.Comment = stage.Or(asked.get("comment"), w.Comment)
}

// clone copies a wallet; one that is kept is never changed.
func (w *wallet) clone() *wallet {
	copied := *w
	copied.Cards = slices.Clone(w.Cards)
	return &copied
}

// holds reports whether another index of the wallet holds the card already.
func (w *wallet) holds(c card, index int) bool {
	return slices.ContainsFunc(w.Cards, func(other card) bool { return other.Index != index && other.Number == c.Number })
}

// wallet returns a wallet, which never changes, or nil.
func (g *Gateway) wallet(id string) *wallet {
	shard := g.accounts.shard(id)
	shard.Lock()
	defer shard.Unlock()
	return shard.wallets[id]
}

// getWallet shows a wallet with one of its cards, the first when none is named.
func (g *Gateway) getWallet(in *element) (*element, error) {
	w, index, err := g.askedWallet(in)
	if err != nil {
		return nil, err
	}
	c := w.card(max(index, 1))
	if c == nil {
		return nil, refusal("02518")
	}
	shown := object("wallet",
		text("walletId", w.ID), text("lastName", w.LastName), text("firstName", w.FirstName), text("email", w.Email),
		cardInOf(*c), text("comment", w.Comment), text("default", defaultFlag(w, c)), text("cardStatus", g.cardStatus(w, c)),
	)
	at := g.disabledAt(w, c)
	return answer(opGetWallet, result(done), shown, text("isDisabled", flag(at != 0)), text("disableDate", disabledOn(at)),
		privateOf(w.Private), extendedCardOf(*c)), nil
}

// getCards lists the cards of a wallet, or one of them; it alone tells their indices.
func (g *Gateway) getCards(in *element) (*element, error) {
	w, index, err := g.askedWallet(in)
	if err != nil {
		return nil, err
	}
	list := object("cardsList")
	for i := range w.Cards {
		c := &w.Cards[i]
		if index != 0 && c.Index != index {
			continue
		}
		at := g.disabledAt(w, c)
		list.children = append(list.children, object("cards",
			text("walletId", w.ID), text("lastName", w.LastName), text("firstName", w.FirstName), text("email", w.Email),
			cardInOf(*c), text("cardInd", fmt.Sprint(c.Index)), text("comment", w.Comment), text("isDisabled", flag(at != 0)),
			text("disableDate", disabledOn(at)), extendedCardOf(*c), text("default", defaultFlag(w, c)),
		))
	}
	if len(list.children) == 0 {
		return nil, refusal("02518")
	}
	return answer(opGetCards, result(done), list, privateOf(w.Private)), nil
}

// askedWallet finds the wallet and the index of a request that asks for it.
func (g *Gateway) askedWallet(in *element) (*wallet, int, error) {
	if _, err := checkVersion(in); err != nil {
		return nil, 0, err
	}
	if _, err := checkContract(in); err != nil {
		return nil, 0, err
	}
	w := g.wallet(in.get("walletId"))
	if w == nil {
		return nil, 0, refusal("02503")
	}
	index, err := readIndex(in)
	return w, index, err
}

func defaultFlag(w *wallet, c *card) string {
	if c.Index == w.Default {
		return "Y"
	}
	return "N"
}

// cardStatus is the card's status (sections 3.4 and 5.2); empty for one in good order.
func (g *Gateway) cardStatus(w *wallet, c *card) string {
	switch enrolment := g.enrolment(w, c); {
	case enrolment != "":
		return enrolment
	case w.DisabledAt != 0 || c.DisabledAt != 0:
		return "MAN"
	case c.Expiry != stage.DeclinedExpiry && stage.Expired(c.Expiry, g.now()):
		return "EXP"
	}
	return ""
}

// disableWallet disables wallets, or the card with an index of each. Its answer lists
// those that could not be disabled: unknown ones, and ones that are disabled already. When
// there are none it lists all, because the WSDL wants at least one.
func (g *Gateway) disableWallet(in *element) (*element, error) {
	if _, err := checkContract(in); err != nil {
		return nil, err
	}
	index, err := readIndex(in)
	if err != nil {
		return nil, err
	}
	asked := in.child("walletIdList").children
	failed := object("walletIdList")
	for _, id := range asked {
		switched, err := g.switchWallet(id.text, index, g.now().UnixMilli())
		if err != nil {
			return nil, err
		}
		if !switched {
			failed.children = append(failed.children, id)
		}
	}
	code := done
	switch len(failed.children) {
	case 0:
		failed.children = asked
	case len(asked):
		code = "02516"
	default:
		code = "02517"
	}
	return answer(opDisableWallet, result(code), failed), nil
}

// enableWallet enables one wallet again, or one card of it.
func (g *Gateway) enableWallet(in *element) (*element, error) {
	if _, err := checkContract(in); err != nil {
		return nil, err
	}
	index, err := readIndex(in)
	if err != nil {
		return nil, err
	}
	if g.wallet(in.get("walletId")) == nil {
		return nil, refusal("02503")
	}
	switched, err := g.switchWallet(in.get("walletId"), index, 0)
	switch {
	case err != nil:
		return nil, err
	case !switched:
		return nil, refusal("02519")
	}
	return answer(opEnableWallet, result(done)), nil
}

// switchWallet disables a wallet at the time, or enables it when that is 0; with an index
// only that card. It reports whether anything changed.
func (g *Gateway) switchWallet(id string, index int, at int64) (switched bool, err error) {
	shard := g.accounts.shard(id)
	shard.Lock()
	defer shard.Unlock()
	old := shard.wallets[id]
	if old == nil {
		return false, nil
	}
	w := old.clone()
	disabledAt := &w.DisabledAt
	if index != 0 {
		c := w.card(index)
		if c == nil {
			return false, nil
		}
		disabledAt = &c.DisabledAt
	}
	if (*disabledAt == 0) == (at == 0) {
		return false, nil
	}
	*disabledAt = at
	return true, g.commit(&event{Wallet: w})
}

// newToken makes a token as the vendor's example shows them: the first and last four
// digits stay, nothing between them can be a card number.
func (g *Gateway) newToken(c card) string {
	return fmt.Sprintf("%sT%010d%s", c.Number[:4], g.serial.Add(1), c.Number[len(c.Number)-4:])
}

// serialOf is the serial number within a token of ours.
func serialOf(token string) string {
	if len(token) != 19 || token[4] != 'T' {
		return ""
	}
	return token[5:15]
}

// cardOfToken finds the card of a token in the wallet that holds it.
func (g *Gateway) cardOfToken(token string) (card, bool) {
	g.tokens.RLock()
	id := g.tokens.wallets[token]
	g.tokens.RUnlock()
	w := g.wallet(id)
	if w == nil {
		return card{}, false
	}
	for _, c := range w.Cards {
		if c.Token == token {
			c.Index = 0
			return c, true
		}
	}
	return card{}, false
}
