package updater

import (
	"slices"

	"cardbatch/formats/layout"
)

// binder finds in a table the fields that the program knows by name. Whatever other records
// than details there are is the layout's own affair.
type binder struct{ layout.Binder }

// sensitive makes sure that what nobody may see is never shown.
func (b *binder) sensitive(f *layout.Field) {
	if f != nil && !f.Sensitive {
		b.Problem("%s must be sensitive: true", f)
	}
}

// some makes sure that a table has at least one of some fields.
func (b *binder) some(kind *layout.Kind, what string, fields ...*layout.Field) {
	if kind != nil && !slices.ContainsFunc(fields, func(f *layout.Field) bool { return f != nil }) {
		b.Problem("no field of detail tells %s", what)
	}
}
