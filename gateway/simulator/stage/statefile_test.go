package stage

import (
	"fmt"
	"hash/crc32"
	"testing"
)

func FuzzParseEvent(f *testing.F) {
	f.Add([]byte(`00000000 mastercard {}`))
	f.Add([]byte("\n"))
	f.Fuzz(func(t *testing.T, line []byte) {
		protocol, event, ok := parseEvent(line)
		if !ok {
			return
		}
		text := append(append([]byte(protocol), ' '), event...)
		again, eventAgain, ok := parseEvent(fmt.Appendf(nil, "%08x %s", crc32.ChecksumIEEE(text), text))
		if !ok || again != protocol || string(eventAgain) != string(event) {
			t.Errorf("written and read again: %s %s, %s %s", protocol, event, again, eventAgain)
		}
	})
}
