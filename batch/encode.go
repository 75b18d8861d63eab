package batch

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// The stored form of a line is the sequence of its columns that are not empty, in
// the order of Columns, then its private data by key. Each is
//
//	uvarint number of the column in Columns, counted from 1, or 0 for private data
//	[private data: uvarint length, key]
//	uvarint length, value
//
// The card number is no part of it. Equal lines have equal stored forms whatever
// the order of their file's columns.

var errStoredLine = errors.New("stored form of a line is damaged")

// AppendLine appends the stored form of l to buf.
func AppendLine(buf []byte, l *Line) []byte {
	for i := range Columns {
		at := Columns[i].Text
		if at == nil {
			continue
		}
		if value := *at(l); value != "" {
			buf = binary.AppendUvarint(buf, uint64(i+1))
			buf = appendText(buf, value)
		}
	}
	private := l.Private
	if !slices.IsSortedFunc(private, byKey) {
		private = slices.SortedFunc(slices.Values(private), byKey)
	}
	for _, p := range private {
		buf = append(buf, 0)
		buf = appendText(buf, p.Key)
		buf = appendText(buf, p.Value)
	}
	return buf
}

func byKey(a, b PrivateDatum) int { return strings.Compare(a.Key, b.Key) }

func appendText(buf []byte, s string) []byte {
	return append(binary.AppendUvarint(buf, uint64(len(s))), s...)
}

// DecodeLine reads a stored form into l. All texts share one string.
func DecodeLine(stored []byte, l *Line) error {
	all := string(stored)
	pos := 0
	number := func() uint64 {
		if pos > len(stored) {
			return 0 // an earlier piece was cut off
		}
		n, size := binary.Uvarint(stored[pos:])
		if size <= 0 {
			pos = len(stored) + 1
			return 0
		}
		pos += size
		return n
	}
	text := func() string {
		n := number()
		if pos > len(stored) || n > uint64(len(stored)-pos) {
			pos = len(stored) + 1
			return ""
		}
		s := all[pos : pos+int(n)]
		pos += int(n)
		return s
	}
	for pos < len(stored) {
		column := number()
		if column == 0 {
			key := text()
			l.Private = append(l.Private, PrivateDatum{key, text()})
		} else if column <= uint64(len(Columns)) && Columns[column-1].Text != nil {
			*Columns[column-1].Text(l) = text()
		} else {
			return fmt.Errorf("%w: column %d", errStoredLine, column)
		}
		if pos > len(stored) {
			return errStoredLine
		}
	}
	return nil
}

// ContentHash identifies what a line asks for: its stored form and the keyed
// fingerprint of its card number, which may be empty. 16 bytes.
func ContentHash(storedForm []byte, fingerprint string) [16]byte {
	h := sha256.New()
	h.Write(storedForm)
	h.Write([]byte{0})
	h.Write([]byte(fingerprint))
	return [16]byte(h.Sum(nil))
}

// LineBinding is what the sealed card number of an open line is bound to.
func LineBinding(merchant MerchantID, ref LineRef) string {
	return fmt.Sprintf("line %q %q", merchant, ref)
}

// CardBinding is what the sealed card number of a wallet's card is bound to.
func CardBinding(merchant MerchantID, wallet WalletID, index int) string {
	return fmt.Sprintf("card %q %q %d", merchant, wallet, index)
}
