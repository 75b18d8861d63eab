package storetest

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"cardbatch/batch"
)

// diff compares two values; nil and empty are one, and card numbers are never part of either.
func diff(w *world, what string, got, want any) {
	w.Helper()
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty(), cmpopts.IgnoreTypes(batch.PAN{})); d != "" {
		w.Fatalf("%s (-want +got):\n%s", what, d)
	}
}
