package layout

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// patternPart is one piece of a date pattern.
type patternPart struct {
	unit unit
	text string // of a literal
	size int
}

type unit int

const (
	literal unit = iota
	year
	shortYear
	month
	day
	hour
	minute
	second
)

// century is added to years of two digits: cards and payments of this program's
// lifetime lie in 2000 to 2099.
const century = 2000

var units = []struct {
	text string
	unit unit
}{{"YYYY", year}, {"YY", shortYear}, {"DD", day}, {"HH", hour}, {"SS", second}}

// compilePattern reads a pattern of YYYY, YY, MM, DD, HH, MM and SS with anything else
// that is no letter between them. MM is the minute when HH was before it, else the month.
func compilePattern(format string, t Type) ([]patternPart, error) {
	var parts []patternPart
	seen := map[unit]bool{}
	for rest := format; rest != ""; {
		p := patternPart{unit: literal, text: rest[:1], size: 1}
		if strings.HasPrefix(rest, "MM") {
			p = patternPart{unit: month, size: 2}
			if seen[hour] {
				p.unit = minute
			}
		}
		for _, u := range units {
			if strings.HasPrefix(rest, u.text) {
				p = patternPart{unit: u.unit, size: len(u.text)}
				break
			}
		}
		if p.unit == literal && (rest[0] >= 'A' && rest[0] <= 'Z' && rest[0] != 'T' || rest[0] >= 'a' && rest[0] <= 'z' || rest[0] >= '0' && rest[0] <= '9' || !printable(rest[:1])) {
			return nil, fmt.Errorf("format %q is not made of YYYY, YY, MM, DD, HH, MM and SS", format)
		}
		if p.unit != literal && seen[p.unit] {
			return nil, fmt.Errorf("format %q has a part twice", format)
		}
		seen[p.unit] = true
		parts = append(parts, p)
		rest = rest[p.size:]
	}
	calendar := (seen[year] != seen[shortYear]) && seen[month]
	clock := seen[hour] && seen[minute]
	switch {
	case t == Date && !calendar:
		return nil, errors.New("the format of a date has a year and a month, as in YYYYMMDD, DDMMYYYY, YYMM or MMYY")
	case t == Time && (!clock || seen[year] || seen[shortYear] || seen[month] || seen[day]):
		return nil, errors.New("the format of a time has hour and minute and no date, as in HHMMSS")
	}
	return parts, nil
}

// parseTime reads b by the pattern. The number is in seconds: since 1970 for a date, as
// if it were UTC, and since midnight for a time of day.
func (f *Field) parseTime(b []byte) (int64, bool) {
	value := [...]int{day: 1, second: 0}
	value[month], value[year] = 1, 1970
	for _, p := range f.pattern {
		if len(b) < p.size {
			return 0, false
		}
		piece := b[:p.size]
		b = b[p.size:]
		if p.unit == literal {
			if piece[0] != p.text[0] {
				return 0, false
			}
			continue
		}
		n := 0
		for _, d := range piece {
			if d < '0' || d > '9' {
				return 0, false
			}
			n = n*10 + int(d-'0')
		}
		value[p.unit] = n
		if p.unit == shortYear {
			value[year] = century + n
		}
	}
	if len(b) > 0 {
		return 0, false
	}
	t := time.Date(value[year], time.Month(value[month]), value[day], value[hour], value[minute], value[second], 0, time.UTC)
	if t.Year() != value[year] || int(t.Month()) != value[month] || t.Day() != value[day] || t.Hour() != value[hour] || t.Minute() != value[minute] || t.Second() != value[second] {
		return 0, false // no such day, or no such time
	}
	return t.Unix(), true
}

// appendTime writes seconds by the pattern. Parts that the pattern lacks are dropped.
// ok is false when the pattern cannot hold the year.
func (f *Field) appendTime(buf []byte, seconds int64) (_ []byte, ok bool) {
	t := time.Unix(seconds, 0).UTC()
	if t.Year() < 0 || t.Year() > 9999 {
		return buf, false
	}
	for _, p := range f.pattern {
		n := 0
		switch p.unit {
		case literal:
			buf = append(buf, p.text...)
			continue
		case year:
			n = t.Year()
		case shortYear:
			if n = t.Year() - century; n < 0 || n > 99 {
				return buf, false
			}
		case month:
			n = int(t.Month())
		case day:
			n = t.Day()
		case hour:
			n = t.Hour()
		case minute:
			n = t.Minute()
		case second:
			n = t.Second()
		}
		if p.size == 4 {
			buf = append(buf, byte('0'+n/1000), byte('0'+n/100%10))
			n %= 100
		}
		buf = append(buf, byte('0'+n/10), byte('0'+n%10))
	}
	return buf, true
}
