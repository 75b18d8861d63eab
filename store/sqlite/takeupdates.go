package sqlite

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"cardbatch/batch"
	"cardbatch/store"
)

// TakeUpdates takes records of an open file.
func (n *session) TakeUpdates(ctx context.Context, file store.UpdateFile, records []store.Told, terms store.TakeTerms) (taken store.Taking, err error) {
	err = n.updater(ctx, "take updates", func(c *change) error {
		if !terms.Rehearse {
			f, err := updateFileOf(c, file.ID)
			if err != nil {
				return err
			}
			if f.State != store.PartnerOpen {
				return fmt.Errorf("%w: %s is %s", store.ErrStale, f.Name, f.State)
			}
			file = f
		}
		t := &taker{newUpdates: c.newUpdates(terms.At), file: file, terms: terms}
		if err := t.take(records); err != nil {
			return err
		}
		taken = store.Taking{Updates: t.all, Exceptions: len(t.exceptions) / 7, Known: t.known}
		if terms.Rehearse || (len(t.all) == 0 && len(t.exceptions) == 0 && len(t.answered.rows)+len(t.unasked.rows) == 0) {
			return errSame // which takes back whatever was done
		}
		c.body.Count = len(records)
		return nil
	})
	if err != nil {
		return store.Taking{}, err
	}
	return taken, nil
}

// taker takes a chunk of records: it reads all that they may mean, decides them in order, and writes
// what came of it.
type taker struct {
	*newUpdates
	file  store.UpdateFile
	terms store.TakeTerms

	places   map[place]*asked      // records of requests that answers name
	byNumber map[string][]numbered // cards by the number that was asked about, or that they have
	byToken  map[string][]cardKey
	open     map[cardKey][]*asked // records of this updater that are asked or given up
	taken    map[int][]cardKey    // what lines of this file told before
	odd      map[int]bool         // lines of this file that meant no card
	cards    *openCards

	known      int
	exceptions []any // rows of update_exceptions
	answered   movedRecords
	unasked    movedRecords         // the configuration was wrong for them
	renewed    map[string][]cardKey // by number: cards that got it, or shall get it, in this chunk
	decisions  map[int64]int        // by request: how many of its records were asked and are answered now
}

// place is a record of a request.
type place struct {
	request  int64
	position int
}

// numbered is a card that a number means.
type numbered struct {
	cardKey
	account string // that it was asked about for; empty: nobody was asked
}

// asked is a record of a request with whose request it is.
type asked struct {
	store.RequestRecord
	updater string
}

func (t *taker) take(records []store.Told) error {
	if len(records) == 0 {
		return nil
	}
	// In the order of the facts, whatever order the file has.
	records = slices.Clone(records)
	for i := range records {
		if records[i].At.IsZero() {
			records[i].At = t.terms.At
		}
	}
	slices.SortStableFunc(records, func(a, b store.Told) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Line, b.Line)) })
	t.answered, t.unasked = movedRecords{to: store.RecordAnswered}, movedRecords{to: store.RecordUnasked}
	t.decisions, t.renewed = map[int64]int{}, map[string][]cardKey{}
	if err := errors.Join(t.findTaken(records), t.findAsked(records), t.findByNumber(records), t.findByToken(records)); err != nil {
		return err
	}
	meant := make([][]cardKey, len(records))
	var all []cardKey
	for i := range records {
		meant[i] = t.meant(&records[i])
		all = append(all, meant[i]...)
	}
	var err error
	if t.cards, err = t.openCards(all); err != nil {
		return err
	}
	if err := t.findOpen(records, all); err != nil {
		return err
	}
	last, err := t.lastID("card_updates")
	if err != nil {
		return err
	}
	for i := range records {
		if err := t.takeOne(&records[i], meant[i], last); err != nil {
			return err
		}
	}
	return t.write()
}

// findTaken reads what this file told before: its lines may come again after a run that died.
func (t *taker) findTaken(records []store.Told) error {
	t.taken, t.odd = map[int][]cardKey{}, map[int]bool{}
	first, last := records[0].Line, records[0].Line
	for i := range records {
		first, last = min(first, records[i].Line), max(last, records[i].Line)
	}
	err := each(t, func(row scanner) error {
		var line int
		var k cardKey
		err := row.Scan(&line, &k.merchant, &k.wallet, &k.index)
		t.taken[line] = append(t.taken[line], k)
		return err
	}, `SELECT line, merchant, wallet_id, card_index FROM card_updates WHERE file_id = ? AND file_id <> 0 AND line BETWEEN ? AND ?`, t.file.ID, first, last)
	if err != nil {
		return err
	}
	return each(t, func(row scanner) error {
		var line int
		err := row.Scan(&line)
		t.odd[line] = true
		return err
	}, `SELECT line FROM update_exceptions WHERE file_id = ? AND line BETWEEN ? AND ?`, t.file.ID, first, last)
}

// findAsked reads the records of requests that answers name.
func (t *taker) findAsked(records []store.Told) error {
	t.places = map[place]*asked{}
	positions := map[int64][]any{}
	for i := range records {
		if r := &records[i]; r.Request != 0 {
			positions[r.Request] = append(positions[r.Request], int64(r.Position))
		}
	}
	for _, request := range slices.Sorted(maps.Keys(positions)) {
		var updater string
		err := each(t, func(row scanner) error { return row.Scan(&updater) }, `SELECT updater FROM update_requests WHERE id = ?`, request)
		if err != nil {
			return err
		}
		err = eachAmong(t, func(row scanner) error {
			r, err := scanRecord(row)
			t.places[place{r.Request, r.Position}] = &asked{r, updater}
			return err
		}, `SELECT `+recordColumns+` FROM update_records WHERE request = ? AND position IN `, ``, []any{request}, positions[request])
		if err != nil {
			return err
		}
	}
	return nil
}

// findByNumber finds the cards of numbers: those that the updater was asked about and that wait for a
// decision, or were given up; otherwise all that have the number.
func (t *taker) findByNumber(records []store.Told) error {
	t.byNumber = map[string][]numbered{}
	var numbers []any
	for i := range records {
		r := &records[i]
		if _, seen := t.byNumber[r.Asked]; !seen && r.Request == 0 && r.Wallet == "" && r.Token == "" && r.Asked != "" {
			t.byNumber[r.Asked] = nil
			numbers = append(numbers, r.Asked)
		}
	}
	add := func(number string, k numbered) {
		if !slices.Contains(t.byNumber[number], k) {
			t.byNumber[number] = append(t.byNumber[number], k)
		}
	}
	err := eachAmong(t, func(row scanner) error {
		r, err := scanRecord(row)
		add(r.Fingerprint, numbered{cardKey{r.Merchant, r.Wallet, r.CardIndex}, r.Account})
		return err
	}, recordsByNumber, ` ORDER BY r.request, r.position`, []any{t.file.Updater}, numbers)
	if err != nil {
		return err
	}
	if err != nil {
		return err
	}
	// Those that shall have the number once their gateway has taken it.
	err = eachAmong(t, func(row scanner) error {
		var number string
		var k numbered
		err := row.Scan(&number, &k.merchant, &k.wallet, &k.index)
		add(number, k)
		return err
	}, cardsAwaiting, ` ORDER BY id`, nil, numbers)
	if err != nil {
		return err
	}
	numbers = slices.DeleteFunc(numbers, func(number any) bool { return len(t.byNumber[number.(string)]) > 0 })
	return eachAmong(t, func(row scanner) error {
		var number string
		var k numbered
		err := row.Scan(&number, &k.merchant, &k.wallet, &k.index)
		add(number, k)
		return err
	}, cardsByNumber, ` ORDER BY merchant, wallet_id, card_index`, nil, numbers)
}

// Searches by what a source tells of a card; a list of values follows each.
const (
	recordsByNumber = `SELECT r.request, r.position, r.merchant, r.wallet_id, r.card_index, r.account, r.fingerprint, r.state
		FROM update_records r CROSS JOIN update_requests q ON q.id = r.request WHERE q.updater = ? AND r.state IN ('asked', 'given up', 'unasked') AND r.fingerprint IN `
	cardsAwaiting = `SELECT new_fingerprint, merchant, wallet_id, card_index FROM card_updates INDEXED BY card_updates_awaiting
		WHERE settled_at IS NULL AND new_fingerprint <> '' AND new_fingerprint IN `
	cardsByNumber = `SELECT fingerprint, merchant, wallet_id, card_index FROM cards WHERE fingerprint <> '' AND fingerprint IN `
	cardsByToken  = `SELECT token, merchant, wallet_id, card_index FROM cards WHERE token <> '' AND token IN `
	recordsOpen   = `SELECT r.request, r.position, r.merchant, r.wallet_id, r.card_index, r.account, r.fingerprint, r.state
		FROM update_records r INDEXED BY update_records_card CROSS JOIN update_requests q ON q.id = r.request
		WHERE q.updater = ? AND r.state IN ('asked', 'given up', 'unasked') AND r.merchant = ? AND r.wallet_id IN `
)

func (t *taker) findByToken(records []store.Told) error {
	t.byToken = map[string][]cardKey{}
	var tokens []any
	for i := range records {
		r := &records[i]
		if _, seen := t.byToken[r.Token]; !seen && r.Request == 0 && r.Wallet == "" && r.Token != "" {
			t.byToken[r.Token] = nil
			tokens = append(tokens, r.Token)
		}
	}
	return eachAmong(t, func(row scanner) error {
		var token string
		var k cardKey
		err := row.Scan(&token, &k.merchant, &k.wallet, &k.index)
		t.byToken[token] = append(t.byToken[token], k)
		return err
	}, cardsByToken, ` ORDER BY merchant, wallet_id, card_index`, nil, tokens)
}

// findOpen reads the records of the updater that wait for a decision about the cards. Those that an
// answer names are among them.
func (t *taker) findOpen(records []store.Told, cards []cardKey) error {
	t.open = map[cardKey][]*asked{}
	unnamed := false
	for i := range records {
		unnamed = unnamed || records[i].Request == 0
	}
	if !unnamed {
		return nil
	}
	names := namesOf(cards)
	for _, merchant := range slices.Sorted(maps.Keys(names)) {
		wallets := make([]any, len(names[merchant]))
		for i, id := range names[merchant] {
			wallets[i] = string(id)
		}
		err := eachAmong(t, func(row scanner) error {
			r, err := scanRecord(row)
			record := t.places[place{r.Request, r.Position}]
			if record == nil {
				record = &asked{r, t.file.Updater}
				t.places[place{r.Request, r.Position}] = record
			}
			k := cardKey{r.Merchant, r.Wallet, r.CardIndex}
			t.open[k] = append(t.open[k], record)
			return err
		}, recordsOpen, ` ORDER BY r.request, r.position`, []any{t.file.Updater, string(merchant)}, wallets)
		if err != nil {
			return err
		}
	}
	return nil
}

// meant lists the cards that a record may be about.
func (t *taker) meant(r *store.Told) []cardKey {
	ours := func(k cardKey) bool { return slices.Contains(r.Merchants, k.merchant) }
	var found []cardKey
	switch {
	case r.Request != 0:
		if record := t.places[place{r.Request, r.Position}]; record != nil {
			return []cardKey{{record.Merchant, record.Wallet, record.CardIndex}}
		}
		return nil
	case r.Wallet != "":
		return []cardKey{{r.Merchant, r.Wallet, r.Index}}
	case r.Token != "":
		found = t.byToken[r.Token]
		if r.Merchants == nil {
			return found
		}
	case r.Asked != "":
		for _, k := range t.byNumber[r.Asked] {
			if r.Account == "" || k.account == "" || k.account == r.Account { // the account's own word, such as a stop, is about its cards
				found = append(found, k.cardKey)
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(found), func(k cardKey) bool { return !ours(k) })
}

// takeOne takes one record.
func (t *taker) takeOne(r *store.Told, meant []cardKey, last int64) error {
	if t.odd[r.Line] {
		t.known++
		return nil
	}
	before := t.taken[r.Line]
	if byNumber := r.Request == 0 && r.Wallet == "" && r.Token == ""; byNumber {
		if len(before) > 0 {
			t.known++ // the cards that it meant may have another number by now
			return nil
		}
		if len(meant) == 0 && r.Asked != "" {
			meant = t.renewed[r.Asked]
		}
	}
	fresh := slices.DeleteFunc(slices.Clone(meant), func(k cardKey) bool { return slices.Contains(before, k) })
	if len(fresh) == 0 && len(before) > 0 {
		t.known++
		return nil
	}
	var record *asked
	if r.Request != 0 {
		record = t.places[place{r.Request, r.Position}]
	}
	reason := t.refusal(r, record, meant)
	if reason == "" {
		kept := fresh[:0]
		for _, k := range fresh {
			if reason = t.mismatch(r, k); reason == "" {
				kept = append(kept, k)
			}
		}
		if fresh = kept; len(fresh) > 0 {
			reason = ""
		}
	}
	if reason != "" {
		if record != nil && len(meant) > 0 {
			if _, there := t.cards.card(meant[0]); !there {
				t.answer(r, record, meant[0], &batch.CardUpdate{}) // no other answer can come
			}
		}
		t.except(r, reason)
		return nil
	}
	for _, k := range fresh {
		if err := t.decide(r, record, k, last); err != nil {
			return fmt.Errorf("line %d: %w", r.Line, err)
		}
		t.taken[r.Line] = append(t.taken[r.Line], k)
	}
	return nil
}

// refusal says why a record means no card.
func (t *taker) refusal(r *store.Told, record *asked, meant []cardKey) string {
	switch {
	case r.Request != 0 && record == nil:
		return fmt.Sprintf("request %d has no record %d", r.Request, r.Position)
	case r.Request != 0 && record.updater != t.file.Updater:
		return fmt.Sprintf("request %d asked another updater", r.Request)
	case r.Request != 0 && r.Asked != "" && record.Fingerprint != "" && r.Asked != record.Fingerprint:
		return fmt.Sprintf("it is about another number than record %d of request %d", r.Position, r.Request)
	case r.Request != 0 && r.Account != "" && record.Account != "" && r.Account != record.Account:
		return fmt.Sprintf("it is about another merchant account than record %d of request %d", r.Position, r.Request)
	case len(meant) > 0:
		return ""
	case r.Token != "":
		return "no card has the token"
	case r.Asked != "":
		return "no card has the number"
	}
	return "it does not say which card it is about"
}

// mismatch says why a record does not mean a card after all. A card that has another number than the
// one spoken of has other digits as well; that is for batch.UpdatedCard to judge.
func (t *taker) mismatch(r *store.Told, k cardKey) string {
	card, ok := t.cards.card(k)
	if !ok {
		return fmt.Sprintf("wallet %s has no card %d", k.wallet, k.index)
	}
	told := t.asked(r, k)
	if slices.ContainsFunc(t.cards.waiting[k], func(shall batch.CardData) bool { return shall.LastFour == r.OldLastFour }) {
		return "" // it is about the number that the gateway has still to take
	}
	if r.OldLastFour == "" || card.LastFour == "" || r.OldLastFour == card.LastFour || (told != "" && card.Fingerprint != "" && told != card.Fingerprint) {
		return ""
	}
	return fmt.Sprintf("the last four digits are not those of wallet %s card %d", k.wallet, k.index)
}

// asked is the fingerprint of the number that a record speaks about.
func (t *taker) asked(r *store.Told, k cardKey) string {
	if record := t.places[place{r.Request, r.Position}]; r.Request != 0 && record != nil {
		return cmp.Or(r.Asked, record.Fingerprint)
	}
	return r.Asked
}

// except keeps a record that means no card.
func (t *taker) except(r *store.Told, reason string) {
	t.odd[r.Line] = true
	t.exceptions = append(t.exceptions, int64(0), t.file.ID, t.file.Name, int64(r.Line), batch.MaskCardNumbers(string(r.Wallet)), batch.MaskCardNumbers(reason), t.terms.At.UnixMicro())
}

// decide decides what a record does to a card.
func (t *taker) decide(r *store.Told, record *asked, k cardKey, last int64) error {
	told := r.ToldUpdate
	told.Asked = t.asked(r, k)
	u := batch.CardUpdate{
		ID: last + 1 + int64(len(t.all)), Merchant: k.merchant, Wallet: k.wallet, CardIndex: k.index, Account: r.Account, Source: t.file.Updater, Scheme: r.Scheme, Code: r.Code,
		Outcome: told.Outcome, At: told.At, TakenAt: t.terms.At, File: t.file.Name, Line: r.Line, Note: r.Note,
	}
	if card, _ := t.cards.card(k); r.Scheme == "" && r.Decide != nil {
		u.Scheme = batch.SchemeOf(card)
		u.Outcome, u.Note = r.Decide(u.Scheme)
		told.Outcome = u.Outcome
	}
	before := record != nil && record.State == store.RecordAnswered
	t.answer(r, record, k, &u)
	seal := func() ([]byte, error) {
		if r.Seal == nil {
			return nil, nil
		}
		return r.Seal(k.merchant, k.wallet, k.index)
	}
	if err := t.cards.apply(&u, told, seal, t.terms, false); err != nil {
		return err
	}
	if before && u.Effect == batch.EffectNone {
		known, err := t.toldBefore(&u)
		if err != nil {
			return err
		}
		if known {
			t.known++ // the same answer again, in a file of other bytes
			return nil
		}
	}
	if told.Fingerprint != "" && (u.Effect == batch.EffectChanged || u.Effect == batch.EffectWaiting) {
		t.renewed[told.Fingerprint] = append(t.renewed[told.Fingerprint], k)
	}
	t.all = append(t.all, u)
	return nil
}

// toldBefore reports whether the source has said the same of the card.
func (t *taker) toldBefore(u *batch.CardUpdate) (known bool, err error) {
	err = t.row(`SELECT EXISTS (SELECT 1 FROM card_updates INDEXED BY card_updates_wallet WHERE merchant = ? AND wallet_id = ? AND settled_at IS NOT NULL
		AND card_index = ? AND source = ? AND code = ?)`,
		string(u.Merchant), string(u.Wallet), u.CardIndex, u.Source, batch.MaskCardNumbers(u.Code)).Scan(&known)
	return known, err
}

// answer makes the records of requests that an answer decides answered.
func (t *taker) answer(r *store.Told, record *asked, k cardKey, u *batch.CardUpdate) {
	decided := []*asked{record}
	if record == nil {
		decided = t.open[k]
		if r.Asked != "" {
			decided = slices.DeleteFunc(slices.Clone(decided), func(a *asked) bool { return a.Fingerprint != r.Asked })
		}
		// Only when nothing waits, it is about one that was given up.
		if waits := func(a *asked) bool { return a.State == store.RecordAsked }; slices.ContainsFunc(decided, waits) {
			decided = slices.DeleteFunc(slices.Clone(decided), func(a *asked) bool { return !waits(a) })
		}
	}
	for _, a := range decided {
		u.Account = cmp.Or(u.Account, a.Account)
		waits := a.State == store.RecordAsked
		if !waits && a.State != store.RecordGivenUp && a.State != store.RecordUnasked {
			continue
		}
		if waits {
			t.decisions[a.Request]++
		}
		if waits && u.Outcome == batch.ConfigurationError {
			t.unasked.add(&a.RequestRecord)
		} else {
			t.answered.add(&a.RequestRecord)
		}
	}
}

// write writes what the chunk came to.
func (t *taker) write() error {
	if err := t.cards.write(t.terms.At); err != nil {
		return err
	}
	if err := t.save(t.file.ID, 0); err != nil {
		return err
	}
	if err := errors.Join(t.moveRecords(&t.answered), t.moveRecords(&t.unasked)); err != nil {
		return err
	}
	for _, request := range slices.Sorted(maps.Keys(t.decisions)) {
		if err := t.update("update_requests", request, `undecided = undecided - ?`, t.decisions[request]); err != nil {
			return err
		}
	}
	if len(t.exceptions) == 0 {
		return nil
	}
	last, err := t.lastID("update_exceptions")
	if err != nil {
		return err
	}
	const width = 7
	for i := 0; i < len(t.exceptions); i += width {
		t.exceptions[i] = last + 1 + int64(i/width)
	}
	return t.insertRows("update_exceptions", updateExceptionColumns, t.exceptions)
}
