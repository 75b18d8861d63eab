package config

import (
	"encoding"
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// setting is what the tags of a field say of it.
type setting struct {
	name     string
	doc      string
	fallback string // the default; empty: none. Of a list: words
	unit     string
	example  string
	min, max string
	enum     []string
	required bool
	optional bool // a group that need not be given
	field    int
	kind     reflect.Type
}

// settings lists the settings of a struct in the order of its fields.
func settings(t reflect.Type) []setting {
	var all []setting
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		all = append(all, setting{
			name:     f.Tag.Get("yaml"),
			doc:      f.Tag.Get("doc"),
			fallback: f.Tag.Get("default"),
			unit:     f.Tag.Get("unit"),
			example:  f.Tag.Get("example"),
			min:      f.Tag.Get("min"),
			max:      f.Tag.Get("max"),
			enum:     strings.Fields(f.Tag.Get("enum")),
			required: f.Tag.Get("required") == "true",
			optional: f.Tag.Get("optional") == "true",
			field:    i,
			kind:     f.Type,
		})
	}
	return all
}

var (
	durationType  = reflect.TypeFor[time.Duration]()
	pathType      = reflect.TypeFor[Path]()
	secretType    = reflect.TypeFor[Secret]()
	keySetType    = reflect.TypeFor[KeySetRef]()
	timeOfDayType = reflect.TypeFor[TimeOfDay]()
)

// isGroup reports whether values of the type are mappings of settings.
func isGroup(t reflect.Type) bool { return t.Kind() == reflect.Struct && t != secretType }

// isScalar reports whether values of the type are one word or number.
func isScalar(t reflect.Type) bool {
	return !isGroup(t) && t.Kind() != reflect.Slice && t.Kind() != reflect.Map
}

// join appends a name to the path of a setting.
func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// leaf is one scalar setting in its place.
type leaf struct {
	path    string
	setting setting
	value   reflect.Value
}

// leaves lists the scalar settings outside lists.
func leaves(root reflect.Value) []leaf {
	var all []leaf
	var walk func(v reflect.Value, path string)
	walk = func(v reflect.Value, path string) {
		for _, s := range settings(v.Type()) {
			switch {
			case isGroup(s.kind):
				walk(v.Field(s.field), join(path, s.name))
			case isScalar(s.kind):
				all = append(all, leaf{join(path, s.name), s, v.Field(s.field)})
			}
		}
	}
	walk(root, "")
	return all
}

// setDefaults gives every setting of a group its default.
func setDefaults(v reflect.Value) {
	for _, s := range settings(v.Type()) {
		switch {
		case isGroup(s.kind):
			setDefaults(v.Field(s.field))
		case s.fallback == "":
		case s.kind.Kind() == reflect.Slice:
			v.Field(s.field).Set(reflect.ValueOf(strings.Fields(s.fallback)))
		default:
			if err := setText(v.Field(s.field), s, s.fallback); err != nil {
				panic(fmt.Sprintf("config: default of %s: %v", s.name, err)) // a mistake in config.go, found by any test
			}
		}
	}
}

// setText sets a scalar from its text. The error says what would be right, and never
// repeats the value: someone may have put a password where a reference belongs.
func setText(v reflect.Value, s setting, text string) error {
	if text == "" {
		return errors.New("is empty; give a value or remove the key")
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return errors.New("holds a control character")
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch {
	case v.Type() == durationType:
		return setDuration(v, s, text)
	case v.Kind() == reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New("must be true or false")
		}
		v.SetBool(text == "true")
	case v.CanInt():
		return setInt(v, s, text)
	default:
		if len(s.enum) > 0 {
			return setWord(v, s, text)
		}
		v.SetString(text)
	}
	return nil
}

func setWord(v reflect.Value, s setting, text string) error {
	for _, word := range s.enum {
		if word == text {
			v.SetString(text)
			return nil
		}
	}
	if near := nearest(text, s.enum); near != "" {
		return fmt.Errorf("must be one of %s; did you mean %s?", strings.Join(s.enum, " "), near)
	}
	return fmt.Errorf("must be one of %s", strings.Join(s.enum, " "))
}

// setInt reads plain decimal digits: a number with a leading zero means something
// else to every reader.
func setInt(v reflect.Value, s setting, text string) error {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || strconv.FormatInt(n, 10) != text {
		return errors.New("must be a whole number, digits only")
	}
	low, _ := strconv.ParseInt(s.min, 10, 64)
	high, _ := strconv.ParseInt(s.max, 10, 64)
	if n < low || n > high {
		return fmt.Errorf("must be from %s to %s%s", s.min, s.max, unitOf(s))
	}
	v.SetInt(n)
	return nil
}

func unitOf(s setting) string {
	if s.unit == "" {
		return ""
	}
	return " (" + s.unit + ")"
}

func setDuration(v reflect.Value, s setting, text string) error {
	d, err := time.ParseDuration(text)
	if err != nil {
		return errors.New("must be a duration such as 500ms, 30s, 5m or 24h")
	}
	low, _ := time.ParseDuration(s.min)
	high, _ := time.ParseDuration(s.max)
	if d < low || d > high {
		return fmt.Errorf("must be from %s to %s", s.min, s.max)
	}
	v.SetInt(int64(d))
	return nil
}

// resolvePaths makes relative paths absolute, and tells secrets where theirs start.
func resolvePaths(v reflect.Value, dir string) {
	switch at := v.Addr().Interface().(type) {
	case *Path:
		*at = at.under(dir)
		return
	case *Secret:
		at.dir = dir
		return
	case *KeySetRef:
		if path := at.Path(); path != "" && !filepath.IsAbs(path) {
			*at = KeySetRef("file:" + filepath.Join(dir, path))
		}
		return
	case *Inbound:
		if at.Remote != "" {
			return // a path on the server
		}
	case *Outbound:
		if at.Remote != "" {
			return
		}
	}
	switch v.Kind() {
	case reflect.Struct:
		for _, s := range settings(v.Type()) {
			resolvePaths(v.Field(s.field), dir)
		}
	case reflect.Slice:
		for i := range v.Len() {
			resolvePaths(v.Index(i), dir)
		}
	}
}

// nearest returns the word that differs from text in the fewest letters, unless
// that is more than a slip of the pen.
func nearest(text string, words []string) string {
	slip := 1
	if len(text) > 3 {
		slip = max(2, len(text)/3) // two: letters that changed places
	}
	best, distance := "", slip+1
	for _, word := range words {
		if d := editDistance(strings.ToLower(text), strings.ToLower(word)); d < distance {
			best, distance = word, d
		}
	}
	return best
}

// editDistance counts the letters to insert, delete or replace to turn a into b.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
