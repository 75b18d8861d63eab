package main

import (
	"bytes"
	"testing"
	"time"

	"cardbatch/pipeline"
)

func TestWhatIsWrittenGoesAboveTheLineOfProgress(t *testing.T) {
	var out bytes.Buffer
	s := &screen{w: &out}
	for _, step := range []struct {
		do   func()
		want string
	}{
		{func() { _, _ = s.Write([]byte("one\n")) }, "one\n"},
		{func() { s.show("submit: 1 of 9 lines") }, "\r\x1b[Ksubmit: 1 of 9 lines"},
		{func() { _, _ = s.Write([]byte("two\n")) }, "\r\x1b[Ktwo\nsubmit: 1 of 9 lines"},
		{func() { s.show("") }, "\r\x1b[K"},
		{func() { _, _ = s.Write([]byte("three\n")) }, "three\n"},
	} {
		out.Reset()
		step.do()
		if out.String() != step.want {
			t.Errorf("got %q, want %q", out.String(), step.want)
		}
	}
}

func TestTheLineOfProgressTellsRateAndTimeLeft(t *testing.T) {
	began := time.Date(2026, 11, 21, 23, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		now  pipeline.ProgressNow
		want string
	}{
		{pipeline.ProgressNow{Step: "check", Checked: 7}, "check: 7 lines checked"},
		{pipeline.ProgressNow{Step: "submit", Total: 900, Since: began}, "submit: 0 of 900 lines"},
		{pipeline.ProgressNow{Step: "submit", Total: 900, Done: 300, InDoubt: 2, Since: began}, "submit: 300 of 900 lines, 2 in doubt, 30/s, 20s left"},
		{pipeline.ProgressNow{Step: "deliver", Total: 900, Done: 900, Since: began}, "deliver: 900 of 900 lines, 90/s"},
	} {
		if got := progressLine(test.now, began.Add(10*time.Second)); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}
