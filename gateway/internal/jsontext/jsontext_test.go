package jsontext

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWriterWritesWhatEncodingJSONReads(t *testing.T) {
	w := Writer{}
	w.Open("")
	w.Text("a", "x")
	w.Text("empty", "")
	w.Open("b")
	w.Raw("amount", "12.50")
	w.Int("n", 7)
	w.Int("none", 0)
	w.Close()
	w.Open("c")
	w.Close()
	w.Text("d", "y")
	w.OpenList("e")
	for _, text := range []string{"1", "2"} {
		w.Open("")
		w.Text("f", text)
		w.Close()
	}
	w.CloseList()
	w.OpenList("g")
	w.CloseList()
	w.Close()
	want := `{"a":"x","b":{"amount":12.50,"n":7},"c":{},"d":"y","e":[{"f":"1"},{"f":"2"}],"g":[]}`
	if got := string(w.Buf); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func FuzzAppendQuoted(f *testing.F) {
	for _, s := range []string{"", "plain", `quo"te\`, "é€😀", "\x00\x1f\x7f", "\xff\xfe", "a\u2028b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		var got string
		if err := json.Unmarshal(AppendQuoted(nil, s), &got); err != nil {
			t.Fatalf("not JSON: %v", err)
		}
		if want := strings.ToValidUTF8(s, "\uFFFD"); utf8.ValidString(s) && got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	})
}
