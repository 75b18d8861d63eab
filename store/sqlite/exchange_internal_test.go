package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/batch"
)

// Years of enrolments stay in the table; what waits and what a file carries is found without them.
func TestSearchesOfTheExchangeFollowAnIndex(t *testing.T) {
	opened, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for _, query := range []string{
		`SELECT id FROM enrolments WHERE se = ? AND ` + waiting,
		`UPDATE enrolments SET asked_in = '' WHERE se = ? AND ` + toAsk,
		`UPDATE enrolments SET removed_in = '' WHERE se = ? AND ` + toRemove,
		`SELECT id FROM enrolments WHERE asked_in = ?1 OR removed_in = ?1`,
		`SELECT id FROM enrolments WHERE route = 'files' AND se = ? AND alias = ?1`,
		`SELECT id FROM enrolments WHERE route = 'payline' AND merchant = ? AND alias = ?1`,
		`SELECT id FROM status_events WHERE enrolment = ?`,
		`SELECT id FROM partner_files WHERE batch = ? AND batch <> ''`,
		`SELECT id FROM partner_files WHERE kind IN ('status', 'response') AND digest = ?`,
	} {
		err := each(opened.(*Store).read(t.Context()), func(row scanner) error {
			var id, parent, unused int
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			if strings.HasPrefix(detail, "SCAN ") {
				t.Errorf("%s: %s", query, detail)
			}
			return err
		}, `EXPLAIN QUERY PLAN `+query, "x", "x")
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
}
