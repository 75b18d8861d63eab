// Package leaktest runs the whole program over files with card numbers, kills it in
// between, and searches every byte that it wrote for them (promise P8).
package leaktest

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"
)

// needle finds one card number however it was written down.
type needle struct {
	masked string // what a test may say of it
	forms  []form
}

type form struct {
	name string
	in   func(content []byte) bool
}

func newNeedle(number string) needle {
	n := needle{masked: number[:6] + "…" + number[len(number)-4:]}
	grouped := regexp.MustCompile(strings.Join(strings.Split(number, ""), "[ \\-\u00a0\u202f]{0,2}"))
	n.forms = append(n.forms, form{"in clear or grouped", grouped.Match})
	literally := func(name, text string) {
		n.forms = append(n.forms, form{name, func(content []byte) bool { return bytes.Contains(content, []byte(text)) }})
	}
	literally("in UTF-16", strings.Join(strings.Split(number, ""), "\x00"))
	// A text may begin at any of three places within base 64's groups of three bytes; what
	// its neighbours change at either end is left out.
	for before := range 3 {
		encoded := base64.RawStdEncoding.EncodeToString([]byte(strings.Repeat("\x00", before) + number))
		literally(fmt.Sprintf("in base 64, %d bytes after a group", before), encoded[(8*before+5)/6:8*(before+len(number))/6])
	}
	literally("in hex", hex.EncodeToString([]byte(number)))
	packed, err := hex.DecodeString(number[len(number)%2:])
	if err != nil {
		panic("not a number: " + n.masked)
	}
	literally("in packed decimal", string(packed))
	return n
}

// find names the forms in which the number is in the content.
func (n needle) find(content []byte) (found []string) {
	for _, f := range n.forms {
		if f.in(content) {
			found = append(found, f.name)
		}
	}
	return found
}
