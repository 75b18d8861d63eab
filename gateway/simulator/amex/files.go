package amex

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"time"
)

// File is what was taken out of the inbox.
type File struct {
	Name     string
	Sequence int64
	Details  int
	Gap      bool   // numbers before it have not come
	Refused  string // why nothing of it was done; empty: it was done
}

// name is a file's name taken apart.
type name struct {
	text, kind, se string
	sequence       int64
}

var nameForm = regexp.MustCompile(`^(SBENR|SBCHG)_([0-9]{10})_([0-9]{6})\.dat$`)

func parseName(text string) (name, bool) {
	parts := nameForm.FindStringSubmatch(text)
	if parts == nil {
		return name{}, false // not for us, or not there yet
	}
	sequence, err := strconv.ParseInt(parts[3], 10, 64)
	return name{text, parts[1], parts[2], sequence}, err == nil
}

// compareNames has enrolments come before charges.
func compareNames(a, b name) int {
	return cmp.Or(-cmp.Compare(a.kind, b.kind), cmp.Compare(a.se, b.se), cmp.Compare(a.sequence, b.sequence))
}

// take does what a file asks, or refuses it whole.
func (a *Amex) take(n name, content string) error {
	f := File{Name: n.text, Sequence: n.sequence}
	refused := a.known(n, &f)
	var answer func() error
	if refused == nil {
		if n.kind == "SBENR" {
			answer, refused = a.enrol(n, content, &f)
		} else {
			answer, refused = a.charge(n, content, &f)
		}
	}
	if refused != nil {
		f.Refused = refused.Error()
	}
	a.files = append(a.files, f)
	if answer == nil {
		return nil
	}
	return answer()
}

// known refuses a number that was taken before, and notes a gap before this one.
func (a *Amex) known(n name, f *File) error {
	before := int64(0)
	for _, other := range a.files {
		o, _ := parseName(other.Name)
		if o.kind != n.kind || o.se != n.se || other.Refused != "" {
			continue
		}
		if o.sequence == n.sequence {
			return fmt.Errorf("the sequence number %d was taken before", n.sequence)
		}
		before++
	}
	f.Gap = n.sequence > before+1
	return nil
}

// checkFrame holds header and trailer against the file's name and its details.
func checkFrame(n name, head, tail record, counts map[string]int64) error {
	switch {
	case head["se"] != n.se || head.number("seq") != n.sequence:
		return errors.New("the header is not that of the name")
	case tail.number("seq") != n.sequence:
		return errors.New("the trailer has another sequence number")
	case head["mode"] != "TEST":
		return errors.New("only files in TEST are taken")
	}
	if _, err := time.Parse("20060102150405", head["date"]+head["time"]); err != nil {
		return errors.New("the header has no date and time")
	}
	for column, want := range counts {
		if tail.number(column) != want {
			return fmt.Errorf("the trailer's %s are not those of the details", column)
		}
	}
	return nil
}
