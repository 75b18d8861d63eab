package sqlite

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// openCards are stored cards that a transaction is changing: what it has decided so far is seen by
// what it decides next, and written at its end.
type openCards struct {
	*change
	wallets map[cardKey]*batch.Wallet     // by merchant and wallet
	waiting map[cardKey][]batch.CardData  // cards whose gateway has still to take newer data: each of them
	changed map[cardKey]bool              // cards
	touched map[cardKey]bool              // wallets
	moved   map[cardKey]map[string]string // of wallets: numbers of agreements, from and to
	ended   []cardKey
	orders  []store.CardOrder
}

// openCards reads the wallets of cards.
func (c *change) openCards(cards []cardKey) (*openCards, error) {
	o := &openCards{change: c, wallets: map[cardKey]*batch.Wallet{}, waiting: map[cardKey][]batch.CardData{}, changed: map[cardKey]bool{}, touched: map[cardKey]bool{}, moved: map[cardKey]map[string]string{}}
	names := namesOf(cards)
	for _, merchant := range slices.Sorted(maps.Keys(names)) {
		found := make(map[batch.WalletID]*batch.Wallet, len(names[merchant]))
		if err := walletsOf(c, merchant, names[merchant], found); err != nil {
			return nil, err
		}
		for id, w := range found {
			o.wallets[cardKey{merchant: merchant, wallet: id}] = w
		}
		wallets := make([]any, len(names[merchant]))
		for i, id := range names[merchant] {
			wallets[i] = string(id)
		}
		err := eachAmong(c, func(row scanner) error {
			k, shall := cardKey{merchant: merchant}, batch.CardData{}
			err := row.Scan(&k.wallet, &k.index, &shall.Fingerprint, &shall.LastFour, &shall.Expiry)
			o.waiting[k] = append(o.waiting[k], shall)
			return err
		}, updatesWaiting, ``, []any{string(merchant)}, wallets)
		if err != nil {
			return nil, err
		}
	}
	return o, nil
}

// updatesWaiting finds updates whose gateway has still to take them; a list of wallets follows.
const updatesWaiting = `SELECT wallet_id, card_index, new_fingerprint, new_last_four, new_expiry FROM card_updates INDEXED BY card_updates_waiting
	WHERE merchant = ? AND settled_at IS NULL AND wallet_id IN `

func (k cardKey) owner() cardKey { k.index = 0; return k }

func (o *openCards) card(k cardKey) (c batch.Card, ok bool) {
	if w := o.wallets[k.owner()]; w != nil && k.index > 0 {
		return w.Card(k.index)
	}
	return c, false
}

// apply decides what is told of a card by batch.UpdatedCard, and completes the update. A gateway
// that keeps the card gets an order, unless it is the one that carried it out. seal seals the new
// number, nil when the source tells none.
func (o *openCards) apply(u *batch.CardUpdate, told batch.ToldUpdate, seal func() ([]byte, error), terms store.TakeTerms, carriedOut bool) error {
	k := cardKey{u.Merchant, u.Wallet, u.CardIndex}
	w := o.wallets[k.owner()]
	card, ok := o.card(k)
	if !ok {
		return fmt.Errorf("%w: wallet %s has no card %d", store.ErrNotFound, k.wallet, k.index)
	}
	zone := time.UTC
	if terms.Zone != nil {
		zone = terms.Zone(k.merchant)
	}
	keeps := func(gateway batch.GatewayName, command batch.Command, number bool) bool {
		return !carriedOut && terms.Keeps != nil && terms.Keeps(gateway, command, number)
	}
	u.Scheme = cmp.Or(u.Scheme, batch.SchemeOf(card))
	fresh, effect, note := batch.UpdatedCard(o.asTold(k, card, told), told, terms.At.In(zone))
	if effect == batch.EffectDisabled {
		fresh = card
		fresh.Status, fresh.Sealed = batch.CardDisabled, nil
	}
	if note == batch.NoteExpired {
		u.Outcome = batch.NewButExpired
	}
	u.Old, u.New, u.Effect, u.Note = batch.DataOf(card), batch.DataOf(card), effect, noted(u.Note, note)
	number := fresh.Fingerprint != card.Fingerprint || fresh.FirstSix != card.FirstSix || fresh.LastFour != card.LastFour
	switch {
	case terms.Shadow && (effect == batch.EffectChanged || effect == batch.EffectDisabled):
		u.Effect, u.Note = batch.EffectShadow, noted(u.Note, intended(fresh, number))
	case effect == batch.EffectChanged:
		sealed, err := seal()
		if err != nil {
			return fmt.Errorf("seal the new number of wallet %s card %d: %w", k.wallet, k.index, err)
		}
		u.New = batch.DataOf(fresh)
		// What comes after data that wait must not overtake them.
		// A source that masks the new number is the one that keeps the card, or nobody here has anything to tell it.
		if keeps(w.Gateway, batch.UpdateWallet, number && len(sealed) > 0) || (!carriedOut && len(o.waiting[k]) > 0) {
			u.Effect = batch.EffectWaiting
			o.waiting[k] = append(o.waiting[k], u.New)
			o.order(u, store.CardOrder{Contract: w.Contract, Gateway: w.Gateway, Command: batch.UpdateWallet, Told: told, Sealed: sealed})
			break
		}
		if kept := len(card.Sealed) > 0 || (terms.Unkept != nil && !terms.Unkept(k.merchant, w.Contract)); number && kept {
			fresh.Sealed = sealed
		}
		o.renew(k, card, fresh)
	case effect == batch.EffectDisabled:
		if err := o.end(u, told, k, fresh, keeps); err != nil {
			return err
		}
	}
	card, _ = o.card(k)
	u.Status = billingOf(card)
	if u.Effect.Settled() {
		u.SettledAt = terms.At
	}
	return nil
}

// asTold is the card that a source speaks of: as it stands, or as it shall be once its gateway has
// taken the number that the source speaks of.
func (o *openCards) asTold(k cardKey, c batch.Card, told batch.ToldUpdate) batch.Card {
	if told.Asked == "" || told.Asked == c.Fingerprint {
		return c
	}
	for _, shall := range o.waiting[k] {
		if shall.Fingerprint == told.Asked {
			c.Fingerprint, c.LastFour, c.Expiry = shall.Fingerprint, shall.LastFour, shall.Expiry
		}
	}
	return c
}

// intended says what would be done, were it not only told.
func intended(fresh batch.Card, number bool) string {
	switch {
	case fresh.Status == batch.CardDisabled:
		return "the card would be disabled"
	case number:
		return fmt.Sprintf("the number would become one that ends in %s, the expiry %s", fresh.LastFour, fresh.Expiry)
	}
	return fmt.Sprintf("the expiry would become %s", fresh.Expiry)
}

// put makes a card what it shall be.
func (o *openCards) put(k cardKey, c batch.Card) {
	o.wallets[k.owner()].PutCard(c)
	o.changed[k], o.touched[k.owner()] = true, true
}

// renew gives a card its newer data. Series that began with the old number go on with the new one:
// it is the same account (rules, section 3).
func (o *openCards) renew(k cardKey, old, fresh batch.Card) {
	o.put(k, fresh)
	if old.Fingerprint == "" || old.Fingerprint == fresh.Fingerprint {
		return
	}
	moved := o.moved[k.owner()]
	if moved == nil {
		moved = map[string]string{}
		o.moved[k.owner()] = moved
	}
	for from, to := range moved {
		if to == old.Fingerprint {
			moved[from] = fresh.Fingerprint
		}
	}
	if _, known := moved[old.Fingerprint]; !known {
		moved[old.Fingerprint] = fresh.Fingerprint
	}
}

// end disables a card, and its wallet when no other may be charged. Its schedules end at once, and
// the gateway is told where it keeps them.
func (o *openCards) end(u *batch.CardUpdate, told batch.ToldUpdate, k cardKey, disabled batch.Card, keeps func(batch.GatewayName, batch.Command, bool) bool) error {
	o.put(k, disabled)
	o.ended = append(o.ended, k)
	w := o.wallets[k.owner()]
	if w.Status == batch.WalletActive && !slices.ContainsFunc(w.Cards, func(c batch.Card) bool { return c.Status.Usable() }) {
		w.Status = batch.WalletDisabled
	}
	if keeps(w.Gateway, batch.DisableWallet, false) {
		o.order(u, store.CardOrder{Contract: w.Contract, Gateway: w.Gateway, Command: batch.DisableWallet, Told: told})
	}
	return each(o, func(row scanner) error {
		order := store.CardOrder{Command: batch.DisablePaymentRecord, Told: told}
		err := row.Scan(&order.Record, &order.Contract, &order.Gateway)
		if keeps(order.Gateway, order.Command, false) {
			o.order(u, order)
		}
		return err
	}, schedulesLive, string(k.merchant), string(k.wallet), k.index)
}

// order notes what a gateway has to be told of an update.
func (o *openCards) order(u *batch.CardUpdate, order store.CardOrder) {
	order.Update, order.Merchant, order.Wallet, order.CardIndex = u.ID, u.Merchant, u.Wallet, u.CardIndex
	o.orders = append(o.orders, order)
}

// write writes the cards and all that follows from them.
func (o *openCards) write(at time.Time) error {
	err := o.writeCards()
	if err == nil {
		err = o.writeWallets(at)
	}
	if err == nil {
		err = o.moveAgreements()
	}
	if err == nil {
		err = o.writeEnds(at)
	}
	if err == nil {
		err = o.writeOrders(at)
	}
	return err
}

func compareKeys(a, b cardKey) int {
	return cmp.Or(cmp.Compare(a.merchant, b.merchant), cmp.Compare(a.wallet, b.wallet), cmp.Compare(a.index, b.index))
}

func (o *openCards) writeCards() error {
	var rows []any
	for _, k := range slices.SortedFunc(maps.Keys(o.changed), compareKeys) {
		c, _ := o.card(k)
		rows = append(rows, string(k.merchant), string(k.wallet), k.index, string(c.Status), c.Token, c.Fingerprint, c.FirstSix, c.LastFour, c.Expiry, blob(c.Sealed), micros(c.ChangedAt))
	}
	changed, err := o.bulk(cardsUpdate, 11, cardsWhere, rows)
	if err == nil && changed != int64(len(o.changed)) {
		err = fmt.Errorf("%w: %d cards for %d", store.ErrStale, changed, len(o.changed))
	}
	return err
}

const (
	cardsUpdate = `UPDATE cards SET status = v.column4, token = v.column5, fingerprint = v.column6, first_six = v.column7, last_four = v.column8, expiry = v.column9,
		sealed = v.column10, changed_at = v.column11 FROM (VALUES `
	cardsWhere    = `) v WHERE cards.merchant = v.column1 AND cards.wallet_id = v.column2 AND cards.card_index = v.column3`
	walletsUpdate = `UPDATE wallets SET status = v.column3, updated_at = v.column4 FROM (VALUES `
	walletsWhere  = `) v WHERE wallets.merchant = v.column1 AND wallets.id = v.column2`
	seriesUpdate  = `UPDATE agreements INDEXED BY agreements_wallet SET fingerprint = v.column4 FROM (VALUES `
	seriesWhere   = `) v WHERE agreements.merchant = v.column1 AND agreements.wallet_id = v.column2 AND agreements.fingerprint = v.column3`
)

func (o *openCards) writeWallets(at time.Time) error {
	var rows []any
	for _, k := range slices.SortedFunc(maps.Keys(o.touched), compareKeys) {
		rows = append(rows, string(k.merchant), string(k.wallet), string(o.wallets[k].Status), micros(at))
	}
	_, err := o.bulk(walletsUpdate, 4, walletsWhere, rows)
	return err
}

func (o *openCards) moveAgreements() error {
	var rows []any
	for _, k := range slices.SortedFunc(maps.Keys(o.moved), compareKeys) {
		for _, from := range slices.Sorted(maps.Keys(o.moved[k])) {
			rows = append(rows, string(k.merchant), string(k.wallet), from, o.moved[k][from])
		}
	}
	_, err := o.bulk(seriesUpdate, 4, seriesWhere, rows)
	return err
}

// writeEnds stops the series and schedules of cards that ended, and takes them off American
// Express' list.
func (o *openCards) writeEnds(at time.Time) error {
	for _, k := range o.ended {
		if err := o.stopSeries(k); err != nil {
			return err
		}
		if _, err := o.exec(schedulesEnd,
			micros(at), string(k.merchant), string(k.wallet), k.index); err != nil {
			return err
		}
		if err := o.takeOff(k.merchant, k.wallet); err != nil {
			return err
		}
	}
	return nil
}

// stopSeries stops the agreements of a card that ended. Where a fingerprint is missing nobody knows
// which card a series is of: then it stops with the last card that it can be of.
func (o *openCards) stopSeries(k cardKey) error {
	ended, _ := o.card(k)
	others := []string{} // numbers of the cards that may still be charged
	for _, c := range o.wallets[k.owner()].Cards {
		if c.Status.Usable() {
			others = append(others, c.Fingerprint)
		}
	}
	numbers, err := list(others)
	if err != nil {
		return err
	}
	_, err = o.exec(seriesStop,
		string(k.merchant), string(k.wallet), ended.Fingerprint, numbers)
	return err
}

// Statements about what hangs on a card; the engine would rather walk through the merchant's.
const (
	seriesStop = `UPDATE agreements INDEXED BY agreements_wallet SET stopped = 1 WHERE merchant = ?1 AND wallet_id = ?2 AND stopped = 0 AND (fingerprint = ?3
		OR (fingerprint = '' AND json_array_length(?4) = 0) OR (?3 = '' AND fingerprint NOT IN (SELECT value FROM json_each(?4))))`
	schedulesLive = `SELECT record, contract, gateway FROM payment_records INDEXED BY payment_records_live
		WHERE merchant = ? AND wallet_id = ? AND card_index = ? AND ended_at IS NULL ORDER BY gateway, record`
	schedulesEnd = `UPDATE payment_records INDEXED BY payment_records_live SET ended_at = ? WHERE merchant = ? AND wallet_id = ? AND card_index = ? AND ended_at IS NULL`
)

// schedules keeps what an approved line says of schedules that the gateway keeps: that it made one,
// or that it ended one.
func (c *change) schedules(o *store.LineOutcome, f lineFacts, merchant batch.MerchantID) error {
	made := o.Answer.PaymentRecord
	if o.To != batch.Approved || (made == "" && (f.phase != int(batch.PhaseFollowUp) || o.Changes.Transaction != nil)) {
		return nil
	}
	r, err := lineOf(c, o.At)
	if err != nil {
		return err
	}
	l := &r.Line
	chosen, _ := strconv.Atoi(o.Answer.CardIndex) // where the gateway sets indices
	switch l.Command {
	case batch.DisablePaymentRecord:
		_, err = c.exec(`UPDATE payment_records SET ended_at = ? WHERE merchant = ? AND gateway = ? AND record = ? AND ended_at IS NULL`,
			micros(o.CompletedAt), string(merchant), string(r.Gateway), l.PaymentRecord)
	case batch.DoScheduledWalletPayment, batch.DoRecurrentWalletPayment, batch.Subscribe:
		if made == "" {
			return nil
		}
		_, err = c.exec(`INSERT INTO payment_records (merchant, gateway, record, contract, wallet_id, card_index, line, created_at) VALUES (?1, ?2, ?3, ?4, ?5,
			coalesce(nullif(?6, 0), (SELECT default_card FROM wallets WHERE merchant = ?1 AND id = ?5), 0), ?7, ?8) ON CONFLICT DO NOTHING`,
			string(merchant), string(r.Gateway), made, string(l.Contract), string(l.WalletID), cmp.Or(batch.CardIndexOf(l), chosen), lineID(o.At), micros(o.CompletedAt))
	}
	return err
}
