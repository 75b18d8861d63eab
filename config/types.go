package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"
)

// Path is a path of a file or folder. A relative one in the configuration is
// resolved against the folder of the configuration file, whatever folder the
// program was started in. Folders of a remote stay as they are.
type Path string

func (p Path) under(dir string) Path {
	if p == "" || filepath.IsAbs(string(p)) {
		return p
	}
	return Path(filepath.Join(dir, string(p)))
}

// KeySetRef says where the key set is: file:PATH. Other kinds are for key
// management services, see docs/decisions/010-vault.md.
type KeySetRef string

// Path returns the path of the key set's file.
func (k KeySetRef) Path() string { return strings.TrimPrefix(string(k), "file:") }

// UnmarshalText reads the reference.
func (k *KeySetRef) UnmarshalText(text []byte) error {
	path, ok := strings.CutPrefix(string(text), "file:")
	if !ok || path == "" {
		return errors.New("a key set is given as file:PATH")
	}
	*k = KeySetRef(text)
	return nil
}

// TimeOfDay is a wall clock time, "HH:MM". Empty means none.
type TimeOfDay string

// UnmarshalText reads "HH:MM", 00:00 to 23:59.
func (t *TimeOfDay) UnmarshalText(text []byte) error {
	if _, err := time.Parse("15:04", string(text)); err != nil || len(text) != 5 {
		return errors.New("a time of day is written HH:MM, 00:00 to 23:59")
	}
	*t = TimeOfDay(text)
	return nil
}

// On returns the moment of this time of day on the day of d, in d's time zone. Where
// a change of the clocks skips or repeats that time, it is one of the two next to it.
func (t TimeOfDay) On(d time.Time) time.Time {
	clock, err := time.Parse("15:04", string(t))
	if err != nil {
		return time.Time{}
	}
	return time.Date(d.Year(), d.Month(), d.Day(), clock.Hour(), clock.Minute(), 0, 0, d.Location())
}

// Next returns the first moment of this time of day after d, in d's time zone.
func (t TimeOfDay) Next(d time.Time) time.Time {
	if at := t.On(d); at.After(d) {
		return at
	}
	return t.On(d.AddDate(0, 0, 1))
}

// Words are the names that other packages own, handed in as plain text. An empty
// list accepts everything.
type Words struct {
	Columns          []string // of the batch interface
	ForbiddenColumns []string // card verification values
	PrivatePrefix    string   // "private.": any column that starts so is accepted
	CardTypes        []string
	Currencies       func(code string) bool // nil accepts everything
}

// Problem is one thing that is wrong with a configuration, and what to do.
type Problem struct {
	Setting string // "sources[0].inbound.ready"
	Origin  Origin
	Text    string // never a value of a secret
}

func (p Problem) Error() string {
	s := p.Origin.place()
	if s != "" {
		s += ": "
	}
	if p.Setting != "" {
		s += p.Setting + ": "
	}
	return s + p.Text
}

// Problems is everything that is wrong with a configuration, in the order of the file.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].Error()
	}
	return strings.Join(lines, "\n")
}

// Origin says where a setting comes from.
type Origin struct {
	File         string // and Line and Column, both counted from 1
	Line, Column int
	Variable     string // environment variable
	Flag         bool   // command line
}

// place names the origin the way compilers do; empty for a default.
func (o Origin) place() string {
	switch {
	case o.Flag:
		return "command line"
	case o.Variable != "":
		return "environment variable " + o.Variable
	case o.Line > 0:
		return fmt.Sprintf("%s:%d:%d", o.File, o.Line, o.Column)
	}
	return o.File
}

// String tells the origin to a reader of 'config print'.
func (o Origin) String() string {
	switch {
	case o.Flag:
		return "command line"
	case o.Variable != "":
		return o.Variable
	case o.Line > 0:
		return fmt.Sprintf("line %d", o.Line)
	}
	return "default"
}
