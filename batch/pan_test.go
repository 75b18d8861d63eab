package batch

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/gocarina/gocsv"
)

const testNumber = "5123450000000008"

func TestACardNumberNeverPrints(t *testing.T) {
	type holder struct {
		Open   PAN
		hidden PAN
	}
	type record struct{ Card PAN }
	h := holder{NewPAN(testNumber), NewPAN(testNumber)}
	line := Line{Ref: "INV-1", CardNumber: NewPAN(testNumber)}
	var printed bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%T %v"} {
		fmt.Fprintf(&printed, verb+"\n", h.Open)
		fmt.Fprintf(&printed, verb+"\n", h)
		fmt.Fprintf(&printed, verb+"\n", &h)
		fmt.Fprintf(&printed, verb+"\n", line)
		fmt.Fprintf(&printed, verb+"\n", []PAN{h.hidden})
	}
	for _, handler := range []slog.Handler{slog.NewTextHandler(&printed, nil), slog.NewJSONHandler(&printed, nil)} {
		slog.New(handler).Info("card", "pan", h.Open, "holder", h, "line", line)
	}
	if encoded, err := json.Marshal(h); err != nil {
		t.Error(err)
	} else {
		printed.Write(encoded)
	}
	if encoded, err := xml.Marshal(record{h.Open}); err != nil {
		t.Error(err)
	} else {
		printed.Write(encoded)
	}
	if err := gocsv.Marshal([]record{{h.Open}}, &printed); err != nil {
		t.Error(err)
	}
	if strings.Contains(printed.String(), testNumber) || strings.Contains(printed.String(), fmt.Sprintf("%x", testNumber)) {
		t.Errorf("the number was printed:\n%s", printed.String())
	}
	if !strings.Contains(printed.String(), "512345******0008") {
		t.Error("the masked number was not printed")
	}
}

func TestMaskingKeepsSixAndFourAtMost(t *testing.T) {
	for digits, want := range map[string]string{
		"": "", "1": "*", "41111111111": "***********", "411111111111": "411111**1111", testNumber: "512345******0008", "5000000000000000005": "500000*********0005",
	} {
		p := NewPAN(digits)
		if got := p.Masked(); got != want {
			t.Errorf("%d digits are masked as %q, want %q", len(digits), got, want)
		}
		if p.Reveal() != digits || p.IsZero() != (digits == "") {
			t.Errorf("%d digits are not given back", len(digits))
		}
		if short := len(digits) < 12; short != (p.FirstSix() == "") || short != (p.LastFour() == "") {
			t.Errorf("%d digits: first six %q, last four %q", len(digits), p.FirstSix(), p.LastFour())
		}
	}
}
