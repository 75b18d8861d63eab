package layout

import (
	"fmt"
	"slices"
	"strings"
)

// Binder finds in a table the fields that a program knows by name. A field that the table
// lacks is nil, and takes and gives nothing; a lack that matters is a problem.
type Binder struct {
	Table    *Table
	problems []string
}

// Kind finds a record: detail is part of the body, and must be there; any other stands around it.
func (b *Binder) Kind(name string) *Kind {
	k := b.Table.Kind(name)
	switch {
	case k == nil && name == "detail":
		b.Problem("record detail is missing")
	case k != nil && (k.Part == Body) != (name == "detail"):
		b.Problem("record %s is in the wrong part of the file", name)
	}
	return k
}

// Field finds a field of one of the types. A record that is missing was told already.
func (b *Binder) Field(need bool, kind *Kind, name string, types ...Type) *Field {
	f := kind.Field(name)
	switch {
	case f == nil && kind != nil && need:
		b.Problem("%s.%s is missing", kind.Name, name)
	case f != nil && !slices.Contains(types, f.Type):
		b.Problem("%s must be of type %s", f, types[0])
		return nil
	}
	return f
}

// Code finds a code field and makes sure that its names are those of the program.
func (b *Binder) Code(need bool, kind *Kind, name string, names ...string) *Field {
	f := b.Field(need, kind, name, Code)
	if f == nil {
		return nil
	}
	for _, c := range f.Codes {
		if !slices.Contains(names, c.Name) {
			b.Problem("%s: %s is none of %s", f, c.Name, strings.Join(names, ", "))
		}
	}
	return f
}

// Problem adds a reason why the table cannot be used.
func (b *Binder) Problem(format string, args ...any) {
	b.problems = append(b.problems, fmt.Sprintf(format, args...))
}

// Err says why the table cannot be used for the purpose; nil: it can.
func (b *Binder) Err(purpose string) error {
	if len(b.problems) == 0 {
		return nil
	}
	return fmt.Errorf("layout table %s cannot be used for %s: %s", b.Table.Name, purpose, strings.Join(b.problems, "; "))
}
