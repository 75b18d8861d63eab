package batch

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// docs/states.md draws and lists the transitions of lines, files and enrolments: those of
// the tables, each once, and no other.
func TestThePageOfStatesShowsTheTransitionsInForce(t *testing.T) {
	content, err := os.ReadFile("../docs/states.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(content)
	for _, thing := range []struct {
		heading, table string
		want           []string
	}{
		{"\n## Line\n", "<!-- transitions of a line:", transitions(LineStates, LineState.Next)},
		{"\n## File\n", "<!-- transitions of a file:", transitions(FileStates, FileState.Next)},
		{"\n## Enrolment\n", "<!-- transitions of an enrolment:", transitions(cardStatuses, believed)},
	} {
		var drawn, listed []string
		for row := range strings.Lines(between(t, between(t, page, thing.heading, "\n## "), "```mermaid\n", "```")) {
			from, to, isArrow := strings.Cut(strings.TrimSpace(row), " --> ")
			if isArrow && from != "[*]" && to != "[*]" {
				drawn = append(drawn, from+" to "+to)
			}
		}
		for row := range strings.Lines(between(t, page, thing.table, "<!-- end of transitions -->")) {
			cells := strings.Split(row, "|")
			if len(cells) == 6 && !strings.HasPrefix(cells[1], "-") && cells[1] != " From " {
				listed = append(listed, strings.TrimSpace(cells[1])+" to "+strings.TrimSpace(cells[2]))
			}
		}
		for name, have := range map[string][]string{"diagram": drawn, "table": listed} {
			slices.Sort(have)
			if !slices.Equal(have, thing.want) {
				t.Errorf("%q, %s: missing %v, beyond the table in force or repeated %v", strings.TrimSpace(thing.heading), name, without(thing.want, have), without(have, thing.want))
			}
		}
	}
}

var cardStatuses = slices.Collect(maps.Keys(eventRank))

// believed lists the statuses that Fold goes on to, contradictions that it believes included.
func believed(from CardStatus) []CardStatus {
	return slices.DeleteFunc(slices.Clone(cardStatuses), func(to CardStatus) bool {
		takes, _ := step(from, to)
		return from == to || !takes
	})
}

func transitions[S ~string](states []S, next func(S) []S) []string {
	var all []string
	for _, from := range states {
		for _, to := range next(from) {
			all = append(all, fmt.Sprintf("%s to %s", from, to))
		}
	}
	slices.Sort(all)
	return all
}

// without returns what is in all once more than in others.
func without(all, others []string) []string {
	rest := slices.Clone(all)
	for _, other := range others {
		if i := slices.Index(rest, other); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}

func between(t *testing.T, text, begin, end string) string {
	t.Helper()
	_, rest, found := strings.Cut(text, begin)
	part, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("the page has no part between %q and %q", begin, end)
	}
	return part
}
