package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// updated is a store that asked about a card, took answers of which one waits for the gateway
// and one means no card, and was told of a card by American Express. It returns its path.
func updated(t *testing.T) string {
	t.Helper()
	path := exchanged(t)
	s := open(t, path, sqlite.Options{})
	n, err := s.Begin(t.Context(), operator)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	_, err = n.Ingest(t.Context(), store.PartnerFile{Kind: store.StatusFile, SE: "1234567890", Name: "SBSTA2", State: store.PartnerTaken, Digest: "theirs2"},
		[]batch.StatusEvent{{Alias: "W1", Status: batch.CardExpiryUpdated, NewExpiry: "0130", At: benchStart.Add(time.Hour)}}, nil, nil, benchStart)
	must(err)
	record := store.RequestRecord{Merchant: "acme", Wallet: "W", CardIndex: 1}
	r, err := n.OpenUpdateRequest(t.Context(), store.UpdateRequest{Updater: "paysafe", Month: "2026-11", CreatedAt: benchStart}, []store.RequestRecord{record}, func(int64) string { return "upd_1.csv" })
	must(err)
	must(n.RequestStaged(t.Context(), r.ID, 10, "request"))
	f, err := n.OpenUpdateFile(t.Context(), store.UpdateFile{Updater: "paysafe", Kind: store.UpdateResponseFile, Name: "r.csv", Digest: "r"})
	must(err)
	told := store.Told{ToldUpdate: batch.ToldUpdate{Outcome: batch.NewExpiry, Expiry: "0131", At: benchStart.Add(2 * time.Hour)}, Merchant: "acme", Wallet: "W", Index: 1, Line: 2}
	nobody := told
	nobody.Wallet, nobody.Line = "X", 3
	_, err = n.TakeUpdates(t.Context(), f, []store.Told{told, nobody}, store.TakeTerms{At: benchStart.Add(2 * time.Hour), Keeps: func(batch.GatewayName, batch.Command, bool) bool { return true }})
	must(err)
	must(n.End())
	must(s.Close())
	return path
}

func TestTamperingWithUpdates(t *testing.T) {
	const free = `DROP TRIGGER update_requests_transition; DROP TRIGGER update_requests_bytes; DROP TRIGGER update_records_transition;
		DROP TRIGGER card_updates_settled_stay; DROP TRIGGER card_updates_delete; DROP TRIGGER card_orders_transition`
	for _, test := range []struct{ name, how, table string }{
		{"a request that seems sent is found", `UPDATE update_requests SET state = 'sent', sent_at = 1, wait_until = 2`, "update_requests"},
		{"other bytes are found", `UPDATE update_requests SET digest = 'x'`, "update_requests"},
		{"a record that seems given up is found", `UPDATE update_records SET state = 'given up'`, "update_records"},
		{"a record about another number is found", `UPDATE update_records SET fingerprint = 'x'`, "update_records"},
		{"a removed record is found", `DELETE FROM update_records`, "update_records"},
		{"a changed effect is found", `UPDATE card_updates SET effect = 'none' WHERE effect = 'changed'`, "card_updates"},
		{"a changed time is found", `UPDATE card_updates SET settled_at = settled_at + 1`, "card_updates"},
		{"a removed update is found", `DELETE FROM card_updates WHERE id = 1`, "card_updates"},
		{"an update that seems older than the journal is found", `UPDATE store SET unbound_updates = 1`, "card_updates"},
		{"an order that seems done is found", `UPDATE card_orders SET state = 'done', tried_at = 1, sealed = NULL`, "card_orders"},
		{"an order for another card is found", `UPDATE card_orders SET card_index = 2`, "card_orders"},
		{"a file that seems taken is found", `UPDATE update_files SET state = 'taken'`, "update_files"},
		{"a removed exception is found", `DELETE FROM update_exceptions`, "update_exceptions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := updated(t)
			s := open(t, path, sqlite.Options{})
			if _, err := s.VerifyJournal(t.Context()); err != nil {
				t.Fatalf("before: %v", err)
			}
			alter(t, path, free, test.how)
			_, err := s.VerifyJournal(t.Context())
			if !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "the rows of "+test.table+" are not") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestTheDatabaseGuardsUpdates(t *testing.T) {
	db, err := sql.Open("sqlite", updated(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`UPDATE update_requests SET state = 'open'`,
		`UPDATE update_requests SET state = 'accepted', sent_at = 1, wait_until = 2`, // was never sent
		`UPDATE update_requests SET state = 'sent'`,                                  // at no time
		`UPDATE update_requests SET digest = 'other'`,
		`UPDATE update_requests SET undecided = 2`,
		`UPDATE update_requests SET undecided = -1`,
		`INSERT INTO update_requests (updater, number, name, month, created_at, state, records, undecided) VALUES ('paysafe', 1, 'other', '', 1, 'open', 1, 1)`,
		`INSERT INTO update_requests (updater, number, name, month, created_at, state, records, undecided) VALUES ('paysafe', 2, 'upd_1.csv', '', 1, 'open', 1, 1)`,
		`UPDATE update_records SET state = 'asked'`,
		`UPDATE update_records SET state = 'given up'`, // it is answered
		`UPDATE update_files SET state = 'held'`,
		`UPDATE card_updates SET note = 'x' WHERE effect = 'changed'`,
		`UPDATE card_updates SET merchant = 'x' WHERE effect = 'waiting'`,
		`UPDATE card_updates SET effect = 'changed' WHERE effect = 'waiting'`, // at no time
		`DELETE FROM card_updates`,
		`UPDATE card_orders SET state = 'done', tried_at = 1`, // was never submitted
		`UPDATE card_orders SET state = 'submitting'`,         // at no time
		`UPDATE card_orders SET command = 'disableWallet', sealed = x'00'`,
		`UPDATE card_orders SET record = 'x'`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("allowed: %s", statement)
		}
	}
}

// Stores of before have events of American Express that were never updates.
func TestOlderEventsBecomeUpdatesAndAreBound(t *testing.T) {
	path := exchanged(t)
	tables := []string{"update_selections", "update_requests", "update_records", "update_files", "card_updates", "card_orders", "update_reports", "update_exceptions", "payment_records"}
	undo := `DROP INDEX cards_expiry; DROP INDEX cards_fingerprint; DROP INDEX cards_token; DROP INDEX agreements_wallet;
		ALTER TABLE cards DROP COLUMN changed_at; ALTER TABLE store DROP COLUMN unbound_updates; DELETE FROM goose_db_version WHERE version_id = 6`
	for _, table := range tables {
		undo += "; DROP TABLE " + table
	}
	alter(t, path, undo)
	event := func(id int, status, expiry, odd, file string) string {
		return fmt.Sprintf(`INSERT INTO status_events (enrolment, status, code, text, new_expiry, product, at, file, line, told_at, odd) VALUES (1, '%s', '', 'x', '%s', '', %d, '%s', 2, %d, '%s')`,
			status, expiry, benchStart.Add(time.Duration(id)*time.Hour).UnixMicro(), file, benchStart.UnixMicro(), odd)
	}
	alter(t, path, event(1, "EDU", "0130", "", "one"), event(1, "EDU", "0130", "", "two"), event(2, "EDU", "0131", "too late", "two"), event(3, "PU", "", "", "two"), event(4, "CC", "", "", "three"))
	s := open(t, path, sqlite.Options{})
	var got []string
	for u, err := range s.CardUpdates(t.Context(), store.UpdateQuery{Merchant: "acme"}) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprintf("%s %s %s %s %s %s %s", u.Source, u.Code, u.Outcome, u.Effect, u.File, u.Note, u.Status))
	}
	want := []string{
		"smartbill EDU new_expiry changed one x Active", "smartbill EDU new_expiry none two x; too late Active",
		"smartbill PU new_product none two x Active", "smartbill CC closed disabled three x Disabled",
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Fatalf("updates are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	alter(t, path, `DELETE FROM status_events WHERE text = 'x'`) // they were written behind the journal's back here
	verified := func(when string) {
		t.Helper()
		if _, err := s.VerifyJournal(t.Context()); err != nil {
			t.Fatalf("%s: %v", when, err)
		}
	}
	verified("before the first session")
	n, err := s.Begin(t.Context(), operator)
	if err != nil {
		t.Fatal(err)
	}
	verified("in the first session")
	_, err = n.Ingest(t.Context(), store.PartnerFile{Kind: store.StatusFile, SE: "1234567890", Name: "four", State: store.PartnerTaken, Digest: "four"},
		[]batch.StatusEvent{{Alias: "W1", Status: batch.CardProductUpdated, At: benchStart.Add(time.Hour)}}, nil, nil, benchStart)
	if err := errors.Join(err, n.End()); err != nil {
		t.Fatal(err)
	}
	verified("after another update")
	alter(t, path, `DROP TRIGGER card_updates_delete; DELETE FROM card_updates WHERE id = 2`)
	if _, err := s.VerifyJournal(t.Context()); !errors.Is(err, store.ErrDamaged) || !strings.Contains(err.Error(), "the rows of card_updates are not") {
		t.Fatalf("got %v", err)
	}
}

const (
	benchRecords = 50_000
	benchTold    = 1000
)

// benchCards keeps wallets of one card each.
func benchCards(b *testing.B, s store.Session, n int) {
	b.Helper()
	f, err := s.Receive(b.Context(), batch.File{Source: "erp", Name: "cards.csv", Claim: "cards.csv", ReceivedAt: benchStart})
	if err != nil {
		b.Fatal(err)
	}
	var lines []store.StagedLine
	for no := range n {
		line := benchLine(no + 2)
		line.Line.Command, line.Line.AmountText, line.Line.Currency = batch.CreateWallet, "", ""
		lines = append(lines, line)
	}
	if err := s.StageLines(b.Context(), f.ID, lines); err != nil {
		b.Fatal(err)
	}
	f.Header.Merchant, f.State, f.Lines, f.VerdictAt = "acme", batch.FileAccepted, n, benchStart
	if err := s.Decide(b.Context(), f); err != nil {
		b.Fatal(err)
	}
	for from := 0; from < n; from += benchChunk {
		submission := store.Submission{At: benchStart}
		var outcomes []store.LineOutcome
		for i := from; i < min(from+benchChunk, n); i++ {
			at := batch.LineAddress{File: f.ID, No: i + 2}
			record := benchRecord(i)
			submission.Sending = append(submission.Sending, store.Sending{At: at, Attempt: 1})
			outcomes = append(outcomes, store.LineOutcome{At: at, Expect: batch.Submitting, To: batch.Approved, CompletedAt: benchStart, Changes: batch.Changes{Wallet: &batch.Wallet{
				Merchant: "acme", ID: record.Wallet, Contract: "1234567", Gateway: "sim", Status: batch.WalletActive, DefaultCard: 1, CreatedAt: benchStart, UpdatedAt: benchStart,
				Cards: []batch.Card{{Index: 1, Status: batch.CardActive, Fingerprint: record.Fingerprint, FirstSix: "411111", LastFour: "1111", Expiry: "1126", Type: batch.TypeVisa, Sealed: make([]byte, 60)}},
			}}})
		}
		if err := errors.Join(s.Submit(b.Context(), submission), s.Record(b.Context(), outcomes)); err != nil {
			b.Fatal(err)
		}
	}
}

func benchRecord(i int) store.RequestRecord {
	// A multiplication scatters the fingerprints, as a hash does.
	return store.RequestRecord{Merchant: "acme", Wallet: batch.WalletID(fmt.Sprintf("CUST-%08d", i)), CardIndex: 1, Account: "89987201", Fingerprint: fmt.Sprintf("%064x", uint64(i+1)*0x9E3779B97F4A7C15)}
}

func benchRequest(b *testing.B, s store.Session, n int) store.UpdateRequest {
	b.Helper()
	records := make([]store.RequestRecord, n)
	for i := range records {
		records[i] = benchRecord(i)
	}
	r, err := s.OpenUpdateRequest(b.Context(), store.UpdateRequest{Updater: "paysafe", Month: "2026-11", CreatedAt: benchStart}, records, func(n int64) string { return fmt.Sprintf("upd_%d.csv", n) })
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func BenchmarkOpenUpdateRequest(b *testing.B) {
	s := benchSession(b)
	for b.Loop() {
		benchRequest(b, s, benchRecords)
	}
	b.ReportMetric(float64(benchRecords*b.N)/b.Elapsed().Seconds(), "records/s")
}

// BenchmarkTakeUpdates takes a file of responses, each a new number, in chunks.
func BenchmarkTakeUpdates(b *testing.B) {
	for _, test := range []struct {
		name string
		told func(r store.UpdateRequest, i int) store.Told
	}{
		{"by place", func(r store.UpdateRequest, i int) store.Told { return store.Told{Request: r.ID, Position: i + 1} }},
		{"by number", func(_ store.UpdateRequest, i int) store.Told {
			return store.Told{ToldUpdate: batch.ToldUpdate{Asked: benchRecord(i).Fingerprint}, Merchants: []batch.MerchantID{"acme"}}
		}},
	} {
		b.Run(test.name, func(b *testing.B) {
			const cards = 20 * benchTold
			var took time.Duration
			for range b.N {
				s := benchSession(b)
				benchCards(b, s, cards)
				r := benchRequest(b, s, cards)
				f, err := s.OpenUpdateFile(b.Context(), store.UpdateFile{Updater: "paysafe", Kind: store.UpdateResponseFile, Name: "r.csv", Digest: "r"})
				if err != nil {
					b.Fatal(err)
				}
				began := time.Now()
				for from := 0; from < cards; from += benchTold {
					chunk := make([]store.Told, benchTold)
					for i := range chunk {
						told := test.told(r, from+i)
						told.Outcome, told.At, told.Line = batch.NewNumber, benchStart, from+i+2
						told.Fingerprint, told.FirstSix, told.LastFour, told.Expiry = benchRecord(cards+from+i).Fingerprint, "411111", "1112", "0130"
						told.Seal = func(batch.MerchantID, batch.WalletID, int) ([]byte, error) { return make([]byte, 60), nil }
						chunk[i] = told
					}
					taken, err := s.TakeUpdates(b.Context(), f, chunk, store.TakeTerms{At: benchStart})
					if err != nil || len(taken.Updates) != benchTold || taken.Updates[0].Effect != batch.EffectChanged {
						b.Fatalf("%d updates, %v", len(taken.Updates), err)
					}
				}
				took += time.Since(began)
			}
			b.ReportMetric(float64(cards*b.N)/took.Seconds(), "records/s")
		})
	}
}

func BenchmarkCandidates(b *testing.B) {
	s := benchSession(b)
	benchCards(b, s, benchRecords)
	benchRequest(b, s, benchRecords)
	b.ResetTimer()
	for range b.N {
		n := 0
		for _, err := range s.(store.Reader).Candidates(b.Context(), store.CandidateQuery{Updater: "paysafe"}) {
			if err != nil {
				b.Fatal(err)
			}
			n++
		}
		if n != benchRecords {
			b.Fatalf("%d cards", n)
		}
	}
	b.ReportMetric(float64(benchRecords*b.N)/b.Elapsed().Seconds(), "cards/s")
}
