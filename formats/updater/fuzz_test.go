package updater

import (
	"errors"
	"fmt"
	"testing"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// sound makes sure that a verdict is bounded and tells no card number.
func sound(t *testing.T, v layout.Verdict, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if v.Reject == nil {
		return
	}
	for _, found := range v.Reject.Findings {
		if found.Code == "" || found.Message == "" || batch.HasCardNumber(found.String()) {
			t.Fatal("a finding tells a card number, or nothing")
		}
	}
}

// FuzzAcknowledgement reads anything: what it accepts has positions, and tells no number.
func FuzzAcknowledgement(f *testing.F) {
	f.Add("1,RECORD ACCEPTED\n2,RECORD REJECTED,102,\"a, b\"\n")
	f.Add("1,RECORD REJECTED,4111111111111111")
	table := shipped(f, AcknowledgementTable)
	f.Fuzz(func(t *testing.T, content string) {
		file, err := OpenAcknowledgement(from(content), table)
		sound(t, file.Verdict, err)
		err = file.Each(func(a Acknowledged) error {
			if a.Position < 1 || a.Line < 1 || len(a.Code) > 20 || a.Accepted && a.Text != "" || batch.HasCardNumber(a.Text) {
				t.Fatalf("%+v", a)
			}
			return nil
		})
		if err != nil && !errors.As(err, new(*layout.FileError)) {
			t.Fatal(err)
		}
	})
}

// FuzzAnswers reads anything by every table of answers: what it accepts is of its form.
func FuzzAnswers(f *testing.F) {
	var answers []*layout.Table
	for i, name := range []string{ResponseTable, CyberSourceTable, JPMorganTable, CheckoutTable} {
		answers = append(answers, shipped(f, name))
		for _, content := range []string{
			"89987201,U17R1,VI,4111111111111111,1111,A,4012888888881881,1229\n,,,411111******1111,,C,null,0000\n",
			"H,cybs.au.response.pan,acme,17\nD,1,4111111111111111,12,26,4012888888881881,01,30,W-1-1,,NAN,800\nF\n",
			"EntityIdentifier=1\nx\nAccount Number,Account Updater Status Message Text,Card Expiration Month Year Number,Activity Timestamp\n411111******9537,NEW,927,2026-10-23T10:33:48.1Z\nEntityIdentifier=1,x\n",
			"Event ID,Timestamp,Card update reason,Replacement card - BIN,Replacement card - Expiry Month,Replacement card - Expiry Year\n1,2026-10-11,card_updated,42424242,9,2026\n",
		} {
			f.Add(content, byte(i))
		}
	}
	f.Fuzz(func(t *testing.T, content string, pick byte) {
		file, err := OpenAnswers(from(content), answers[int(pick)%len(answers)], nil)
		sound(t, file.Verdict, err)
		err = file.Each(func(a Answer) error {
			for _, expiry := range []string{a.OldExpiry, a.NewExpiry} {
				if _, err := parseMonthYear(expiry); expiry != "" && err != nil {
					t.Fatalf("an expiry of %q", expiry)
				}
			}
			for _, shown := range []struct {
				card     batch.PAN
				lastFour string
			}{{a.OldCard, a.OldLastFour}, {a.NewCard, a.NewLastFour}} {
				if n := len(shown.card.Reveal()); n > 0 && (n < 12 || n > 19) || shown.lastFour != "" && len(shown.lastFour) != 4 || !shown.card.IsZero() && shown.card.LastFour() != shown.lastFour {
					t.Fatalf("%v %q", shown.card, shown.lastFour)
				}
			}
			if a.Line < 1 || a.NewFirstSix != "" && len(a.NewFirstSix) != 6 {
				t.Fatalf("%+v", a)
			}
			return nil
		})
		if err != nil && !errors.As(err, new(*layout.FileError)) {
			t.Fatal(err)
		}
	})
}

// FuzzCodes reads anything as a table of codes: what it accepts decides as it says.
func FuzzCodes(f *testing.F) {
	for _, name := range CodeTables {
		content, err := CodesSource(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(content)
	}
	f.Add([]byte("\ufefffacts,outcome,code,reason,scheme,note\r\nours,closed,\"go\nne\",*,*,\"a \"\"b\"\"\"\r\n"))
	f.Fuzz(func(t *testing.T, content []byte) {
		c, err := parseCodes("fuzz.csv", content)
		if err != nil {
			if !errors.As(err, new(layout.Problems)) || batch.HasCardNumber(fmt.Sprint(err)) {
				t.Fatal(err)
			}
			return
		}
		for _, r := range c.Rows() {
			if r.Reason == anything || r.Scheme == anything {
				continue // a more specific row may go before it
			}
			if outcome, note := c.Decide(r.Scheme, r.Code, r.Reason); outcome != r.Outcome || note != r.Note {
				t.Fatalf("%+v: %s %q", r, outcome, note)
			}
		}
	})
}
