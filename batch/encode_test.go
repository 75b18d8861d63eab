package batch

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// fullLine has a distinct value in every column that has a text.
func fullLine() Line {
	var l Line
	for i := range Columns {
		if at := Columns[i].Text; at != nil {
			*at(&l) = strings.ToUpper(Columns[i].Name)
		}
	}
	l.Private = []PrivateDatum{{"a", "1"}, {"b", "2"}}
	return l
}

var lineOnly = cmpopts.IgnoreFields(Line{}, "CardNumber")

func TestEveryColumnSurvivesStorage(t *testing.T) {
	want := fullLine()
	var got Line
	if err := DecodeLine(AppendLine(nil, &want), &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, lineOnly); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAnyLineSurvivesStorage(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want, got Line
		for i := range Columns {
			if at := Columns[i].Text; at != nil && rapid.Bool().Draw(t, "filled") {
				*at(&want) = rapid.String().Draw(t, Columns[i].Name)
			}
		}
		if err := DecodeLine(AppendLine(nil, &want), &got); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, lineOnly); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestEqualLinesHaveEqualStoredForms(t *testing.T) {
	a, b := fullLine(), fullLine()
	b.Private = []PrivateDatum{{"b", "2"}, {"a", "1"}}
	b.No = 99
	b.CardNumber = NewPAN(testNumber)
	if string(AppendLine(nil, &a)) != string(AppendLine(nil, &b)) {
		t.Error("the order of private data, the line number or the card number changed the stored form")
	}
	if b.Private[0].Key != "b" {
		t.Error("storing a line reordered its private data")
	}
	b.Echo += "x"
	if string(AppendLine(nil, &a)) == string(AppendLine(nil, &b)) {
		t.Error("another echo, the same stored form")
	}
}

// The stored form is in databases: it may never change for the columns that exist.
func TestTheStoredFormIsFrozen(t *testing.T) {
	l := Line{Ref: "R1", Command: DoReset, Private: []PrivateDatum{{"k", "v"}}}
	if got := hex.EncodeToString(AppendLine(nil, &l)); got != "0102523102"+"07646f5265736574"+"00016b0176" {
		t.Errorf("stored form %s", got)
	}
}

func TestADamagedStoredFormIsAnError(t *testing.T) {
	full := fullLine()
	stored := AppendLine(nil, &full)
	for _, damaged := range [][]byte{{1}, {1, 5, 'a'}, {250, 1, 0}, {0, 1, 'k'}, {0x80}, {11, 1, 'x'}, stored[:len(stored)-1]} {
		var l Line
		if err := DecodeLine(damaged, &l); err == nil {
			t.Errorf("%x was decoded", damaged)
		}
	}
}

func FuzzDecodeLine(f *testing.F) {
	full := fullLine()
	f.Add(AppendLine(nil, &full))
	f.Add([]byte{1, 2, 'a', 'b', 0, 1, 'k', 1, 'v'})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Fuzz(func(t *testing.T, stored []byte) {
		var l, again Line
		if DecodeLine(stored, &l) != nil {
			return
		}
		if err := DecodeLine(AppendLine(nil, &l), &again); err != nil {
			t.Fatalf("what was decoded cannot be stored again: %v", err)
		}
		first, second := AppendLine(nil, &l), AppendLine(nil, &again)
		if string(first) != string(second) {
			t.Fatalf("stored forms differ:\n%x\n%x", first, second)
		}
	})
}

func TestContentHashesDependOnFormAndFingerprint(t *testing.T) {
	a := ContentHash([]byte("form"), "f1")
	if a == ContentHash([]byte("form"), "f2") || a == ContentHash([]byte("forn"), "f1") || a == ContentHash([]byte("form\x00f1"), "") {
		t.Error("two contents share a hash")
	}
	if a != ContentHash([]byte("form"), "f1") {
		t.Error("one content has two hashes")
	}
}

func TestBindingsCannotBeConfused(t *testing.T) {
	seen := map[string]bool{}
	for _, b := range []string{
		LineBinding("a", "b c"), LineBinding("a b", "c"), LineBinding(`a" "b`, "c"), CardBinding("a", "b", 1), CardBinding("a", "b", 11), CardBinding("a", "b 1", 1),
	} {
		if seen[b] {
			t.Errorf("binding %q names two things", b)
		}
		seen[b] = true
	}
}
