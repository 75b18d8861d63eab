package formats

import "testing"

func TestNeutralisingIsUndoneExactly(t *testing.T) {
	for text, written := range map[string]string{
		"": "", "a": "a", "=1": "'=1", "+1": "'+1", "-1": "'-1", "@x": "'@x", "'": "'", "'a": "'a", "'=1": "''=1", "''=1": "'''=1", "\tx": "'\tx", "\rx": "'\rx",
	} {
		if got := Neutralise(text); got != written {
			t.Errorf("%q is written %q", text, got)
		}
		if back := Restore(written); back != text {
			t.Errorf("%q is read back as %q", written, back)
		}
	}
}
