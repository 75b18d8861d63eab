package batch

import (
	"regexp"
	"testing"
)

func TestKeysAreAPureFunctionOfMerchantReferenceAndAttempt(t *testing.T) {
	form := regexp.MustCompile(`^[a-z2-7]{26}$`)
	seen := map[Key]string{}
	for _, row := range []struct {
		merchant MerchantID
		ref      LineRef
		attempt  int
	}{{"acme", "INV-1", 1}, {"acme", "INV-1", 2}, {"acme", "INV-2", 1}, {"acm", "eINV-1", 1}, {"acmeI", "NV-1", 1}, {"", "", 1}, {"acme", "INV-1", 256}} {
		key := NewKey(row.merchant, row.ref, row.attempt)
		if !form.MatchString(string(key)) || len(key) != KeyLen {
			t.Errorf("key %q has another form", key)
		}
		if key != NewKey(row.merchant, row.ref, row.attempt) {
			t.Errorf("%+v has two keys", row)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%+v shares its key with %s", row, other)
		}
		seen[key] = string(row.ref)
	}
}

// Gateways hold keys of attempts that were sent: the derivation may never change.
func TestTheDerivationOfKeysIsFrozen(t *testing.T) {
	if got := NewKey("acme", "INV-9001", 1); got != "jri2w33ulzcblp6dguobf2vn54" {
		t.Errorf("NewKey = %q", got)
	}
}
