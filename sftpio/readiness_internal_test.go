package sftpio

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestFindTrailer(t *testing.T) {
	for _, row := range []struct {
		name    string
		end     string
		trailer bool
		ended   bool
	}{
		{"a whole trailer", "D;1\nT;1\n", true, true},
		{"a trailer with CRLF", "D;1\r\nT;1\r\n", true, true},
		{"a trailer without line end", "D;1\nT;1", true, false},
		{"a trailer alone", "T;0\n", true, true},
		{"each separator", "T,0\n", true, true},
		{"no separator", "T\n", false, true},
		{"another record that begins with T", "TX;1\n", false, true},
		{"a blank line after the trailer", "T;1\n\n", false, true},
		{"nothing", "", false, false},
		{"the middle of a line", "some field;T;1", false, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			if trailer, ended := findTrailer([]byte(row.end)); trailer != row.trailer || ended != row.ended {
				t.Errorf("got %v, %v; want %v, %v", trailer, ended, row.trailer, row.ended)
			}
		})
	}
}

func TestPromptsAreAnsweredWithThePasswordAlone(t *testing.T) {
	a := Auth{Password: func() (string, error) { return "secret", nil }}
	for _, row := range []struct {
		name      string
		questions []string
		echos     []bool
		want      string
		fails     bool
	}{
		{"no question", nil, nil, "", false},
		{"one hidden question", []string{"Password:"}, []bool{false}, "secret", false},
		{"a question whose answer is shown", []string{"Name:"}, []bool{true}, "", true},
		{"two questions", []string{"Password:", "Code:"}, []bool{false, false}, "", true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, err := a.answerPrompts("", "", row.questions, row.echos)
			if strings.Join(got, "") != row.want || (err != nil) != row.fails {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}

func TestAServersWordsAreFitForALog(t *testing.T) {
	got := foreign(errors.New("full\x1b[2J\r\nINFO all is well" + strings.Repeat("é", 200)))
	if strings.ContainsAny(got, "\x1b\r\n") || len(got) > 210 || !utf8.ValidString(got) {
		t.Errorf("got %q", got)
	}
}

func FuzzCheckName(f *testing.F) {
	for _, name := range []string{"a.csv", "..", "a/b", "a\x00b", "\u202e", "é"} {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if checkName(name, 50) != nil {
			return
		}
		if name == "" || name == "." || name == ".." || len(name) > 50 || strings.ContainsAny(name, "/\\\x00\r\n\x1b") {
			t.Errorf("%q is accepted", name)
		}
	})
}
