package sqlite

import (
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/batch"
)

// The two searches that compare a whole file with all others must go through the
// index, in its order, however large the tables are.
func TestSearchesOverWholeFilesFollowTheIndex(t *testing.T) {
	opened, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for name, query := range map[string]string{"namesakes": namesakesQuery, "alike": alikeQuery} {
		var plan []string
		err := each(opened.(*Store).read(t.Context()), func(row scanner) error {
			var id, parent, unused int
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		}, `EXPLAIN QUERY PLAN `+query, 1, 2, 3, 4, "acme", 6)
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		for _, want := range []string{"SEARCH lines USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)", "SEARCH x USING PRIMARY KEY (kind=? AND hash=?)", "USE TEMP B-TREE FOR ORDER BY"} {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no step %q in\n%s", name, want, text)
			}
		}
		for _, table := range []string{"lines", "line_index", "files", "x", "e", "f", "l"} {
			if strings.Contains(text+"\n", "SCAN "+table+"\n") {
				t.Errorf("%s reads all of %s:\n%s", name, table, text)
			}
		}
	}
}

// Nor may the lines of a day be looked for among all others, or be sorted.
func TestTheLinesOfADayComeInTheOrderOfAnIndex(t *testing.T) {
	opened, err := Open(t.Context(), filepath.Join(t.TempDir(), "store.db"), Options{Environment: batch.Test, Create: true})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	for query, want := range map[string]string{
		endedQuery:  "SEARCH l USING INDEX lines_ended (completed_at>? AND completed_at<?)",
		valuedQuery: "SEARCH v USING COVERING INDEX value_dates_day (day=? AND completed_at>? AND completed_at<?)",
	} {
		var plan []string
		err := each(opened.(*Store).read(t.Context()), func(row scanner) error {
			var id, parent, unused int
			var detail string
			err := row.Scan(&id, &parent, &unused, &detail)
			plan = append(plan, detail)
			return err
		}, `EXPLAIN QUERY PLAN `+query, 1, 2, "acme", "2026-11-21")
		if err != nil {
			t.Fatal(err)
		}
		text := strings.Join(plan, "\n")
		if !strings.Contains(text, want) || strings.Contains(text, "TEMP B-TREE") || strings.Contains(text, "SCAN") {
			t.Errorf("want %q and neither scan nor sort:\n%s", want, text)
		}
	}
}
