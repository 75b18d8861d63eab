package layout

import (
	"os"
	"reflect"
	"strings"
	"testing"
)

func readPage(t *testing.T) string {
	t.Helper()
	page, err := os.ReadFile("../../docs/layouts.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func TestThePageExplainsEveryKeyAndType(t *testing.T) {
	page := readPage(t)
	for _, group := range []any{tableSource{}, recordSource{}, fieldSource{}, checkSource{}} {
		of := reflect.TypeOf(group)
		for i := range of.NumField() {
			if key := of.Field(i).Tag.Get("key"); key != "" && !strings.Contains(page, "`"+key+"`") {
				t.Errorf("docs/layouts.md: the key %s is not explained", key)
			}
		}
	}
	for _, word := range []Type{Constant, Text, Digits, Number, Amount, Date, Time, Code, Currency, CardPAN, Filler} {
		if !strings.Contains(page, "\n| `"+string(word)+"` |") {
			t.Errorf("docs/layouts.md: the type %s is not explained", word)
		}
	}
}

func TestTheExampleOfThePageIsATable(t *testing.T) {
	_, example, found := strings.Cut(readPage(t), "```yaml\n")
	example, _, closed := strings.Cut(example, "```")
	if !found || !closed {
		t.Fatal("docs/layouts.md has no example")
	}
	if _, err := Parse("example.yaml", []byte(example)); err != nil {
		t.Error(err)
	}
}
