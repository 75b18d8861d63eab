package sqlite

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
)

// A million cards and years of updates lie in these tables: what a run asks for comes by an index, in its order.
func TestSearchesOfUpdatesFollowAnIndex(t *testing.T) {
	opened, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	candidates := func(q store.CandidateQuery) string { query, _ := candidatesQuery(q); return query }
	updates := func(q store.UpdateQuery) string { query, _ := updatesQuery(q); return query }
	month := store.UpdateQuery{Merchant: "acme", From: time.Unix(1, 0), To: time.Unix(2, 0)}
	wallet := month
	wallet.Wallet = "W"
	for name, test := range map[string]struct{ query, want string }{
		"all cards":            {candidates(store.CandidateQuery{}), "SCAN c"},
		"cards of a month":     {candidates(store.CandidateQuery{Expiry: "1126"}), "SEARCH c USING INDEX cards_expiry (expiry=?)"},
		"a merchant's month":   {candidates(store.CandidateQuery{Expiry: "1126", Merchant: "acme", Contract: "1"}), "SEARCH c USING INDEX cards_expiry (expiry=? AND merchant=?)"},
		"a merchant's cards":   {candidates(store.CandidateQuery{Merchant: "acme"}), "SEARCH c USING PRIMARY KEY (merchant=?)"},
		"one card":             {candidates(store.CandidateQuery{Merchant: "acme", Wallet: "W", Card: 1}), "SEARCH c USING PRIMARY KEY (merchant=? AND wallet_id=? AND card_index=?)"},
		"when it was asked":    {candidates(store.CandidateQuery{}), "SEARCH r USING INDEX update_records_card (merchant=? AND wallet_id=? AND card_index=?)"},
		"updates of a month":   {updates(month), "SEARCH card_updates USING INDEX card_updates_settled (merchant=? AND settled_at>? AND settled_at<?)"},
		"updates of a wallet":  {updates(wallet), "SEARCH card_updates USING INDEX card_updates_wallet (merchant=? AND wallet_id=? AND settled_at>? AND settled_at<?)"},
		"orders":               {ordersQuery, "SEARCH card_orders USING INDEX card_orders_open (id>?)"},
		"records by number":    {recordsByNumber + `(?, ?)`, "SEARCH r USING INDEX update_records_open (fingerprint=?)"},
		"cards by number":      {cardsByNumber + `(?, ?)`, "SEARCH cards USING COVERING INDEX cards_fingerprint (fingerprint=?)"},
		"cards by token":       {cardsByToken + `(?, ?)`, "SEARCH cards USING COVERING INDEX cards_token (token=?)"},
		"records of cards":     {recordsOpen + `(?, ?)`, "SEARCH r USING INDEX update_records_card (merchant=? AND wallet_id=?)"},
		"live schedules":       {schedulesLive, "SEARCH payment_records USING INDEX payment_records_live (merchant=? AND wallet_id=? AND card_index=?)"},
		"schedules to end":     {schedulesEnd, "SEARCH payment_records USING INDEX payment_records_live (merchant=? AND wallet_id=? AND card_index=?)"},
		"agreements to stop":   {seriesStop, "SEARCH agreements USING INDEX agreements_wallet (merchant=? AND wallet_id=?)"},
		"cards to change":      {cardsUpdate + `(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)` + cardsWhere, "SEARCH cards USING PRIMARY KEY (merchant=? AND wallet_id=? AND card_index=?)"},
		"wallets to change":    {walletsUpdate + `(?, ?, ?, ?)` + walletsWhere, "SEARCH wallets USING PRIMARY KEY (merchant=? AND id=?)"},
		"agreements to change": {seriesUpdate + `(?, ?, ?, ?)` + seriesWhere, "SEARCH agreements USING INDEX agreements_wallet (merchant=? AND wallet_id=?)"},
		"the last report":      {`SELECT max(ends) FROM update_reports WHERE merchant = ?`, "SEARCH update_reports USING COVERING INDEX update_reports_merchant (merchant=?)"},
	} {
		args := make([]any, 20) // more than any of them takes
		var plan []string
		err := each(opened.(*Store).read(t.Context()), func(row scanner) error {
			var id, parent, unused int
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		}, `EXPLAIN QUERY PLAN `+test.query, args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, test.want) || strings.Contains(text, "TEMP B-TREE") {
			t.Errorf("%s: want %q and no sort:\n%s", name, test.want, text)
		}
		if name != "all cards" && name != "when it was asked" && (strings.Contains(text, "SCAN c") || strings.Contains(text, "SCAN r") || strings.Contains(text, "SCAN wallets") || strings.Contains(text, "SCAN agreements")) {
			t.Errorf("%s reads a whole table:\n%s", name, text)
		}
	}
}
