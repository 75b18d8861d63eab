package gatewaytest

import (
	"os"
	"strings"
	"testing"
)

// CompareDocs keeps the connector's table in docs/gateways.md true: with update it
// writes it between its two marks, otherwise it fails when it is stale. It is called
// from a package two folders below the root.
func CompareDocs(t *testing.T, kind string, table *Table, update bool) {
	t.Helper()
	const file, end = "../../docs/gateways.md", "<!-- end of phases -->\n"
	begin := "<!-- phases of " + kind + ": written by go test ./gateway/" + kind + " -update -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	have, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has no place for the table of %s", file, kind)
	}
	want := table.Markdown()
	t.Logf("phases of %s:\n%s", kind, want)
	if update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
			t.Fatal(err)
		}
	} else if have != want {
		t.Errorf("the table of %s in %s is stale: run the test with -update", kind, file)
	}
}
