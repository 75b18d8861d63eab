package layout

import "testing"

func TestBytesAreTextOnlyInTheirEncoding(t *testing.T) {
	for _, row := range []struct {
		encoding, raw string
		want          flaw
		text          string
	}{
		{ASCII, "abc", sound, "abc"},
		{ASCII, "caf\xe9", undecodable, ""},
		{Latin1, "caf\xe9", sound, "café"},
		{Latin1, "\x92", control, ""}, // an apostrophe in windows-1252
		{CP1252, "\x80 d\x92avril", sound, "€ d’avril"},
		{UTF8, "café €", sound, "café €"},
		{UTF8, "caf\xe9", undecodable, ""},
		{UTF8, "\ufffd", sound, "\ufffd"},
		{UTF8, "a\u0085", control, ""},
		{UTF8, "a\x00", control, ""},
		{ASCII, "a\x7f", control, ""},
	} {
		c, err := findCharset(row.encoding)
		if err != nil {
			t.Fatal(err)
		}
		found, _ := c.judge([]byte(row.raw))
		if found != row.want {
			t.Errorf("%q in %s: flaw %d", row.raw, row.encoding, found)
		}
		if found == sound && c.text([]byte(row.raw)) != row.text {
			t.Errorf("%q in %s: %q", row.raw, row.encoding, c.text([]byte(row.raw)))
		}
	}
	// The holes of the code page are no text, however the library fills them.
	c, _ := findCharset(CP1252)
	for _, hole := range []string{"\x81", "\x8d", "\x8f", "\x90", "\x9d"} {
		if found, _ := c.judge([]byte(hole)); found == sound {
			t.Errorf("%q is text", hole)
		}
	}
}
