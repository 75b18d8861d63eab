package sqlite_test

import (
	"database/sql"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// exchanged is a store that enrolled a card by a file, had it accepted and charged, and was
// told of a card that is not here. It returns its path.
func exchanged(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.db")
	s := open(t, path, sqlite.Options{Create: true})
	n, err := s.Begin(t.Context(), operator)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(err)
	f, err := n.Receive(t.Context(), batch.File{Source: "erp", Name: "w.csv", Claim: "w.csv", ReceivedAt: benchStart})
	must(err)
	line := benchLine(2)
	line.Line.Command = batch.CreateWallet
	must(n.StageLines(t.Context(), f.ID, []store.StagedLine{line}))
	f.Header.Merchant, f.State, f.Lines = "acme", batch.FileAccepted, 1
	must(n.Decide(t.Context(), f))
	at := batch.LineAddress{File: f.ID, No: 2}
	must(n.Submit(t.Context(), store.Submission{At: benchStart, Sending: []store.Sending{{At: at, Attempt: 1}}}))
	must(n.Record(t.Context(), []store.LineOutcome{{At: at, Expect: batch.Submitting, To: batch.Approved, CompletedAt: benchStart, Changes: batch.Changes{
		Wallet: &batch.Wallet{Merchant: "acme", ID: "W", Status: batch.WalletActive, DefaultCard: 1, Cards: []batch.Card{{Index: 1, Status: batch.CardWaiting}}},
		Enrolment: &batch.Enrolment{Merchant: "acme", Wallet: "W", CardIndex: 1, SE: "1234567890", Route: batch.ViaFiles, Alias: "W1",
			RegisteredAt: benchStart, Status: batch.CardWaiting},
	}}}))
	name := func(string, int64) string { return "SBENR" }
	file, err := n.OpenEnrolmentFile(t.Context(), "1234567890", name, benchStart)
	must(err)
	must(n.PartnerStaged(t.Context(), file.ID, 10, "ours"))
	must(n.PartnerSent(t.Context(), file.ID, benchStart))
	_, err = n.Ingest(t.Context(), store.PartnerFile{Kind: store.StatusFile, SE: "1234567890", Name: "SBSTA", State: store.PartnerTaken, Digest: "theirs"},
		[]batch.StatusEvent{{Alias: "W1", Status: batch.CardAccepted, At: benchStart}, {Alias: "X", Status: batch.CardAccepted, At: benchStart}},
		[]batch.ChargeAnswer{{Key: "k", State: batch.Approved}}, nil, benchStart)
	must(err)
	must(n.End())
	return path
}

func TestTamperingWithTheExchange(t *testing.T) {
	const free = `DROP TRIGGER enrolments_transition; DROP TRIGGER partner_files_transition; DROP TRIGGER partner_files_bytes`
	for _, test := range []struct{ name, how, table string }{
		{"a card accepted behind the journal's back is found", `UPDATE enrolments SET status = 'EDU'`, "enrolments"},
		{"a request that seems never to have been sent is found", `UPDATE enrolments SET asked_in = ''`, "enrolments"},
		{"a removed enrolment is found", `DELETE FROM enrolments`, "enrolments"},
		{"a changed event is found", `UPDATE status_events SET at = at + 1`, "status_events"},
		{"a silenced contradiction is found", `UPDATE status_events SET odd = 'x'`, "status_events"},
		{"changed bytes are found", `UPDATE partner_files SET digest = 'x' WHERE digest = 'ours'`, "partner_files"},
		{"a file to be sent again is found", `UPDATE partner_files SET state = 'staged', sent_at = NULL WHERE digest = 'ours'`, "partner_files"},
		{"a changed answer is found", `UPDATE charge_answers SET state = 'declined'`, "charge_answers"},
		{"an invented answer is found", `INSERT INTO charge_answers (key, state, authorized, code, text, card_changed, value_date, file) VALUES ('l', 'approved', '', '', '', 0, '', '')`, "charge_answers"},
		{"a removed exception is found", `DELETE FROM partner_exceptions`, "partner_exceptions"},
	} {
		t.Run(test.name, func(t *testing.T) {
			path := exchanged(t)
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

func TestTheDatabaseGuardsTheExchange(t *testing.T) {
	db, err := sql.Open("sqlite", exchanged(t))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		`UPDATE enrolments SET status = 'WR'`,
		`UPDATE enrolments SET status = 'disabled'`,
		`UPDATE enrolments SET status = 'CC'; UPDATE enrolments SET status = 'EA'`,
		`UPDATE enrolments SET removed_in = 'file'`, // that is not to be removed
		`UPDATE enrolments SET route = 'payline'`,   // that is in a file
		`INSERT INTO enrolments (merchant, wallet_id, card_index, contract, se, route, alias, key, registered_at, status) VALUES ('zeta', 'W', 1, '', '1234567890', 'files', 'W1', '', 1, 'WR')`,
		`UPDATE partner_files SET state = 'open' WHERE kind = 'enrolment'`,
		`UPDATE partner_files SET state = 'held' WHERE kind = 'status'`,
		`UPDATE partner_files SET state = 'taken' WHERE kind = 'enrolment'`,
		`UPDATE partner_files SET digest = 'other' WHERE kind = 'enrolment'`,
		`INSERT INTO partner_files (kind, se, sequence, name, state) VALUES ('enrolment', '1234567890', 1, 'other', 'open')`,
		`INSERT INTO partner_files (kind, se, sequence, name, state) VALUES ('enrolment', '1234567890', 2, 'SBENR', 'open')`,
		`INSERT INTO partner_files (kind, se, sequence, name, state) VALUES ('enrolment', '1234567890', 2, 'other', 'sent')`,
		`UPDATE charge_answers SET state = 'pending'`,
		`UPDATE status_events SET status = 'XX'`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("allowed: %s", statement)
		}
	}
}
