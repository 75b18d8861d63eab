package xmltext

import (
	"encoding/xml"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWriterWritesElements(t *testing.T) {
	w := Writer{}
	w.OpenIn("a", "urn:x")
	w.Text("full", "1 < 2")
	w.Text("empty", "")
	w.Optional("left", "")
	w.Optional("given", "x")
	w.Open("o:b")
	w.Nillable("o:nil", "")
	w.Nillable("o:text", "y")
	w.Nil("c", "d")
	w.Close()
	w.Raw("<!-- raw -->")
	w.Close()
	want := `<a xmlns="urn:x"><full>1 &lt; 2</full><empty></empty><given>x</given>` +
		`<o:b><o:nil xsi:nil="true"/><o:text>y</o:text><c xsi:nil="true"/><d xsi:nil="true"/></o:b><!-- raw --></a>`
	if got := string(w.Buf); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func FuzzAppendEscaped(f *testing.F) {
	for _, s := range []string{"", "plain", `<a b="c">&amp;'`, "é€😀", "\x00\x1f\x7f\t\n\r\r\n", "\xff\xfe", "\ufffe\uffff", "]]>", " x "} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		text := AppendEscaped([]byte("<t>"), s)
		text = append(text, "</t>"...)
		var got string
		if err := xml.Unmarshal(text, &got); err != nil {
			t.Fatalf("not XML: %v", err)
		}
		var want strings.Builder // what the standard library writes reads the same
		if err := xml.EscapeText(&want, []byte(s)); err != nil {
			t.Fatal(err)
		}
		var theirs string
		if err := xml.Unmarshal([]byte("<t>"+want.String()+"</t>"), &theirs); err != nil {
			t.Fatalf("not XML as the standard library writes it: %v", err)
		}
		if utf8.ValidString(s) && got != theirs {
			t.Errorf("got %q, want %q", got, theirs)
		}
	})
}

func BenchmarkAppendEscaped(b *testing.B) {
	buf := make([]byte, 0, 256)
	b.ReportAllocs()
	for b.Loop() {
		buf = AppendEscaped(buf[:0], "an order of 2 < 3 things & more")
	}
}
