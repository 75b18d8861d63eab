package batch

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// PAN is a card number. It prints masked (first six, last four) with every fmt
// verb, in JSON, in CSV and in slog; only Reveal gives the digits.
//
// The digits sit behind a pointer because fmt does not call methods on
// unexported fields: a struct holding a PAN prints an address, not a number.
type PAN struct{ digits *string }

// NewPAN wraps digits. It does not check them; see CheckPAN.
func NewPAN(digits string) PAN {
	if digits == "" {
		return PAN{}
	}
	return PAN{&digits}
}

// IsZero reports whether there is no number.
func (p PAN) IsZero() bool { return p.digits == nil }

// Reveal returns the digits. Callers are the vault and the connectors, nobody else.
func (p PAN) Reveal() string {
	if p.digits == nil {
		return ""
	}
	return *p.digits
}

// Masked returns the first six and last four digits around asterisks, or only
// asterisks for a number too short to mask that way.
func (p PAN) Masked() string {
	if p.digits == nil {
		return ""
	}
	d := *p.digits
	if len(d) < 12 {
		return strings.Repeat("*", len(d))
	}
	return d[:6] + strings.Repeat("*", len(d)-10) + d[len(d)-4:]
}

// LastFour returns the last four digits, or nothing for a number shorter than 12.
func (p PAN) LastFour() string {
	if p.digits == nil || len(*p.digits) < 12 {
		return ""
	}
	return (*p.digits)[len(*p.digits)-4:]
}

// FirstSix returns the first six digits, or nothing for a number shorter than 12.
func (p PAN) FirstSix() string {
	if p.digits == nil || len(*p.digits) < 12 {
		return ""
	}
	return (*p.digits)[:6]
}

// String returns the masked number.
func (p PAN) String() string { return p.Masked() }

// GoString returns the masked number, for %#v.
func (p PAN) GoString() string { return "batch.PAN(" + p.Masked() + ")" }

// Format prints the masked number whatever the verb.
func (p PAN) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, p.Masked()) }

// LogValue logs the masked number.
func (p PAN) LogValue() slog.Value { return slog.StringValue(p.Masked()) }

// MarshalText encodes the masked number, for JSON, XML and YAML.
func (p PAN) MarshalText() ([]byte, error) { return []byte(p.Masked()), nil }

// MarshalCSV encodes the masked number, for gocsv.
func (p PAN) MarshalCSV() (string, error) { return p.Masked(), nil }
