package pgp

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"
)

const (
	kindMessage    = "PGP MESSAGE"
	kindPublicKey  = "PGP PUBLIC KEY BLOCK"
	kindPrivateKey = "PGP PRIVATE KEY BLOCK"

	armorBegin      = "-----BEGIN "
	armorEnd        = "-----END "
	armorDashes     = "-----"
	maxArmorHeaders = 64
)

var byteOrderMark = []byte("\xef\xbb\xbf")

// errNoArmor: the text does not begin as armor does.
var errNoArmor = errors.New("it begins neither like OpenPGP data nor with a line -----BEGIN PGP …-----")

// armored reads what stands between the BEGIN and the END line of a file (RFC 9580,
// section 6). The library's own reader takes a missing END line for the end, and skips
// any text before the block. The checksum is not looked at, as RFC 9580 (section 6.1) wants
// it: what is inside proves itself.
type armored struct {
	in       *bufio.Reader
	kind     string // as in the BEGIN line
	line     []byte // what is left of the current line
	last     bool   // the line that was read last ended with the file
	checksum bool   // the checksum's line was read: only END may follow
	ended    bool
}

// open returns the binary content of in. The second result is nil for a file without armor.
// in must have a buffer of bufferSize.
func open(in *bufio.Reader) (io.Reader, *armored, error) {
	if start, _ := in.Peek(len(byteOrderMark)); bytes.Equal(start, byteOrderMark) {
		_, _ = in.Discard(len(byteOrderMark))
	}
	first, err := in.Peek(1)
	if err != nil {
		return nil, nil, err
	}
	if first[0]&packetFlag != 0 {
		return in, nil, nil
	}
	a := &armored{in: in}
	if err := a.begin(); err != nil {
		return nil, nil, err
	}
	return base64.NewDecoder(base64.StdEncoding.Strict(), a), a, nil
}

// begin reads the BEGIN line and the headers.
func (a *armored) begin() error {
	var line []byte
	for len(line) == 0 {
		var err error
		if line, err = a.next(); err != nil {
			return a.lineError(err, errNoArmor)
		}
	}
	kind, begins := strings.CutPrefix(string(line), armorBegin)
	kind, closed := strings.CutSuffix(kind, armorDashes)
	if !begins || !closed || !strings.HasPrefix(kind, "PGP ") {
		return errNoArmor
	}
	a.kind = kind
	for range maxArmorHeaders {
		line, err := a.next()
		switch {
		case err != nil:
			return a.lineError(err, ErrTampered)
		case len(line) == 0:
			return nil
		case !bytes.Contains(line, []byte(":")):
			return fmt.Errorf("a line of the armor's head is no header: %w", ErrTampered)
		}
	}
	return fmt.Errorf("the armor has more than %d headers: %w", maxArmorHeaders, ErrTampered)
}

// next returns the next line without the blanks around it.
func (a *armored) next() ([]byte, error) {
	line, err := a.in.ReadSlice('\n')
	if errors.Is(err, io.EOF) && len(line) > 0 {
		a.last, err = true, nil
	}
	return bytes.TrimSpace(line), err
}

// lineError says what a line that cannot be read means.
func (a *armored) lineError(err, tooLong error) error {
	switch {
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the armor has no END line: %w", ErrTruncated)
	case errors.Is(err, bufio.ErrBufferFull):
		return fmt.Errorf("a line of the armor has more than %d bytes: %w", bufferSize, tooLong)
	}
	return err
}

// Read hands out the text of the lines, for the base64 decoder.
func (a *armored) Read(p []byte) (int, error) {
	for len(a.line) == 0 {
		if a.ended {
			return 0, io.EOF
		}
		line, err := a.next()
		if err != nil {
			return 0, a.lineError(err, ErrTampered)
		}
		switch {
		case string(line) == armorEnd+a.kind+armorDashes:
			a.ended = true
		case a.last:
			return 0, a.lineError(io.EOF, nil)
		case bytes.HasPrefix(line, []byte("-")):
			return 0, fmt.Errorf("the armor does not end as it began: %w", ErrTampered)
		case a.checksum && len(line) > 0:
			return 0, fmt.Errorf("the armor goes on after its checksum: %w", ErrTampered)
		case len(line) == 5 && line[0] == '=':
			a.checksum = true
		default:
			a.line = line
		}
	}
	n := copy(p, a.line)
	a.line = a.line[n:]
	return n, nil
}

// notBase64 tells whether err is the base64 decoder's own.
func notBase64(err error) bool {
	var corrupt base64.CorruptInputError
	return errors.As(err, &corrupt) || errors.Is(err, io.ErrUnexpectedEOF)
}

// rest checks that nothing but blanks follows the END line. Everything before must have been read.
func (a *armored) rest() error {
	for {
		b, err := a.in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		case !strings.ContainsRune(" \t\r\n", rune(b)):
			return fmt.Errorf("something follows the armor's END line: %w", ErrTampered)
		}
	}
}
