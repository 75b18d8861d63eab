package payline

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"cardbatch/money"
)

// getTransactionDetails shows one transaction, named by its id, or by an order reference
// that no other operation shares (section 3.3). Its result is the transaction's own.
func (g *Gateway) getTransactionDetails(in *element) (*element, error) {
	if _, err := checkVersion(in); err != nil {
		return nil, err
	}
	span, err := readSpan(in, false)
	if err != nil {
		return nil, err
	}
	if id := in.get("transactionId"); id != "" {
		shard, _ := g.accounts.ofID(transactionBase, id)
		if shard == nil {
			return nil, refusal("02301")
		}
		shard.Lock()
		defer shard.Unlock()
		t := shard.transactions[id]
		if t == nil || !span.holds(t) || g.isHidden(t) {
			return nil, refusal("02301")
		}
		return g.detailsOf(shard, t, in), nil
	}
	ref := in.get("orderRef")
	if ref == "" {
		return nil, refusal("02312")
	}
	shard := g.accounts.shard(ref)
	shard.Lock()
	defer shard.Unlock()
	var found []*transaction
	for _, t := range shard.orders[ref] {
		if span.holds(t) && !g.isHidden(t) {
			found = append(found, t)
		}
	}
	switch len(found) {
	case 0:
		return nil, refusal("02310")
	case 1:
		return g.detailsOf(shard, found[0], in), nil
	}
	return nil, refusal("02311")
}

func (g *Gateway) isHidden(t *transaction) bool {
	return g.stage.Hidden(t.Key, time.UnixMilli(t.At))
}

// detailsOf shows a transaction with what followed it; its shard is locked.
func (g *Gateway) detailsOf(shard *shard, t *transaction, in *element) *element {
	associated, history := object("associatedTransactionsList"), object("statusHistoryList")
	for _, other := range shard.orders[t.Ref] {
		if other.Origin == t.ID {
			associated.children = append(associated.children, object("associatedTransactions",
				text("transactionId", other.ID), text("type", other.Operation), text("date", dateOf(other.At, longTimeFormat)),
				text("amount", strconv.FormatInt(other.Amount, 10)), text("status", meanings[other.Code].short),
				text("originTransactionId", t.ID), text("currency", other.Currency),
			))
		}
	}
	if in.get("transactionHistory") == "Y" {
		history.children = append(history.children, object("statusHistory",
			text("transactionId", t.ID), text("date", dateOf(t.At, longTimeFormat)), text("amount", strconv.FormatInt(t.Amount, 10)),
			text("status", meanings[t.Code].short), text("amountValue", strconv.FormatInt(t.Amount, 10)), text("amountCurrency", t.Currency),
		))
	}
	return answer(opDetails, result(t.Code), transactionOf(t, longTimeFormat), paymentOf(t), authorizationOf(t),
		orderOf(t.Ref, t.Currency, t.OrderDate, t.Amount), privateOf(t.Private), cardOutOf(t.Card), extendedCardOf(t.Card),
		associated, history, text("contractNumber", t.Contract), text("linkedTransactionId", t.Linked))
}

// maxFound is how many transactions the list of an answer holds.
const maxFound = 5000

// unsupportedCriteria are criteria that the simulator keeps nothing to compare with.
var unsupportedCriteria = []string{"paymentMean", "transactionType", "name", "firstName", "email", "cardNumber", "token", "pointOfSellId", "cardNetwork", "threeDSecured", "customerMediaId"}

// versionOfSearch is the first version with the operation transactionsSearch.
const versionOfSearch = 3

// transactionsSearch lists the ids of transactions by criteria, all of which must fit, within a
// span of days, in the order of their making (section 3.3).
func (g *Gateway) transactionsSearch(in *element) (*element, error) {
	version, err := checkVersion(in)
	if err != nil {
		return nil, err
	}
	if version < versionOfSearch {
		return nil, refusal("02305")
	}
	span, err := readSpan(in, true)
	if err != nil {
		return nil, err
	}
	for _, name := range unsupportedCriteria {
		if in.get(name) != "" {
			return nil, refusal("02312")
		}
	}
	least, most := int64(0), int64(1)<<62
	for name, limit := range map[string]*int64{"minAmount": &least, "maxAmount": &most} {
		if value := in.get(name); value != "" {
			if *limit, err = money.ParseMinor(value); err != nil {
				return nil, refusal("02312")
			}
		}
	}
	fits := func(t *transaction) bool {
		return span.holds(t) && t.Amount >= least && t.Amount <= most &&
			isAny(in.get("transactionId"), t.ID) && isAny(in.get("orderRef"), t.Ref) && isAny(in.get("contractNumber"), t.Contract) &&
			isAny(in.get("authorizationNumber"), authorizationOf(t).get("number")) && isAny(in.get("returnCode"), t.Code) &&
			isAny(in.get("currency"), t.Currency) && isAny(in.get("walletId"), t.Wallet) && isAny(in.get("sequenceNumber"), t.Sequence) &&
			!g.isHidden(t)
	}
	found := g.search(in.get("orderRef"), fits)
	if len(found) > maxFound {
		return nil, refusal("02311")
	}
	list := object("transactionList")
	for _, t := range found {
		list.children = append(list.children, transactionOf(&t, longTimeFormat))
	}
	return answer(opSearch, result(approved), list), nil
}

// isAny reports whether a criterion that may be empty fits a value.
func isAny(criterion, value string) bool { return criterion == "" || criterion == value }

// search copies the transactions that fit, a few more than an answer holds at most.
func (g *Gateway) search(ref string, fits func(*transaction) bool) []transaction {
	var found []transaction
	look := func(shard *shard, among func(func(*transaction))) {
		shard.Lock()
		defer shard.Unlock()
		among(func(t *transaction) {
			if len(found) <= maxFound && fits(t) {
				found = append(found, *t)
			}
		})
	}
	if ref != "" {
		shard := g.accounts.shard(ref)
		look(shard, func(visit func(*transaction)) {
			for _, t := range shard.orders[ref] {
				visit(t)
			}
		})
	} else {
		for i := range g.accounts {
			shard := &g.accounts[i]
			look(shard, func(visit func(*transaction)) {
				for _, t := range shard.transactions {
					visit(t)
				}
			})
		}
	}
	slices.SortFunc(found, func(a, b transaction) int { return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.ID, b.ID)) })
	return found
}

// span is the days that a look-up asks about, in Unix milliseconds.
type span struct{ from, until int64 }

func (s span) holds(t *transaction) bool { return t.At >= s.from && t.At < s.until }

// readSpan reads the days of a look-up; a search must have both.
func readSpan(in *element, isNeeded bool) (span, error) {
	s := span{0, 1 << 62}
	start, end := in.get("startDate"), in.get("endDate")
	if isNeeded && (start == "" || end == "") {
		return s, refusal("02312")
	}
	if start != "" {
		day, err := time.Parse(dayFormat, start)
		if err != nil {
			return s, refusal("02312")
		}
		s.from = day.UnixMilli()
	}
	if end != "" {
		day, err := time.Parse(dayFormat, end)
		if err != nil {
			return s, refusal("02312")
		}
		s.until = day.AddDate(0, 0, 1).UnixMilli()
	}
	if s.until <= s.from {
		return s, refusal("02312")
	}
	return s, nil
}
