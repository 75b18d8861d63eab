package wire

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestScrub(t *testing.T) {
	for text, want := range map[string]string{
		"value 5123450000000008 is wrong":    "value ################ is wrong",
		"value 5123 4500 0000 0008":          "value ###################",
		"value 5123-4500-0000-0008.":         "value ###################.",
		"order 12345678":                     "order 12345678",
		"line\nbreak\x00":                    "line break ",
		"1234 5678 and then 9":               "1234 5678 and then 9",
		strings.Repeat("x", 300):             strings.Repeat("x", 200) + "…",
		`malformed HTTP "371881634498004\r"`: `malformed HTTP "###############\r"`,
	} {
		if got := Scrub(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 11, 22, 1, 0, 0, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"":                              0,
		"5":                             5 * time.Second,
		"-1":                            0,
		"soon":                          0,
		"99999999999":                   24 * time.Hour,
		"Sun, 22 Nov 2026 01:00:30 GMT": 30 * time.Second,
		"Sun, 22 Nov 2026 00:00:00 GMT": 0,
	} {
		if got := RetryAfter(http.Header{"Retry-After": {header}}, now); got != want {
			t.Errorf("%q: got %v, want %v", header, got, want)
		}
	}
}
