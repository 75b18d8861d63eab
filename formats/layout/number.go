package layout

import (
	"bytes"
	"math"
	"strconv"
)

// parseNumber reads a whole number as the field writes it: filling, sign, digits, and
// the point if there is one.
func (f *Field) parseNumber(b []byte) (int64, bool) {
	if f.Pad == ' ' {
		b = bytes.TrimLeft(b, " ")
	}
	negative := false
	switch {
	case len(b) == 0:
		return 0, false
	case f.Sign == Leading && isSign(b[0]):
		negative = b[0] == '-'
		b = b[1:]
	case f.Sign == Trailing && isSign(b[len(b)-1]):
		negative = b[len(b)-1] == '-'
		b = b[:len(b)-1]
	}
	point := -1
	if f.Point != 0 {
		point = len(b) - 1 - f.Decimals
		if point < 1 || b[point] != f.Point {
			return 0, false
		}
	}
	if len(b) == 0 {
		return 0, false
	}
	var n int64
	for i, d := range b {
		if i == point {
			continue
		}
		if d < '0' || d > '9' || n > (math.MaxInt64-int64(d-'0'))/10 {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if negative {
		n = -n
	}
	return n, true
}

func isSign(b byte) bool { return b == '+' || b == '-' || b == ' ' }

// appendNumber writes n as parseNumber reads it, filled up to the field's length where
// the field is filled. ok is false when it does not fit.
func (f *Field) appendNumber(buf []byte, n int64) (_ []byte, ok bool) {
	sign := f.Plus
	if n < 0 {
		if f.Sign == Unsigned || n == math.MinInt64 {
			return buf, false
		}
		sign, n = "-", -n
	}
	var scratch [32]byte
	digits := strconv.AppendInt(scratch[:0], n, 10)
	width := len(digits)
	if f.Point != 0 {
		width = max(width, f.Decimals+1) + 1
	}
	free := f.Length - width - len(sign)
	if free < 0 {
		return buf, false
	}
	if f.Pad == ' ' {
		buf = appendRepeated(buf, ' ', free)
	}
	if f.Sign == Leading {
		buf = append(buf, sign...)
	}
	if f.Pad == '0' {
		buf = appendRepeated(buf, '0', free)
	}
	if f.Point != 0 {
		buf = appendRepeated(buf, '0', width-1-len(digits))
		buf = append(buf, digits...)
		buf = insertPoint(buf, f.Point, f.Decimals)
	} else {
		buf = append(buf, digits...)
	}
	if f.Sign == Trailing {
		buf = append(buf, sign...)
	}
	return buf, true
}

// insertPoint puts the point before the last decimals digits of buf.
func insertPoint(buf []byte, point byte, decimals int) []byte {
	buf = append(buf, 0)
	at := len(buf) - 1 - decimals
	copy(buf[at+1:], buf[at:])
	buf[at] = point
	return buf
}

func appendRepeated(buf []byte, b byte, n int) []byte {
	for range n {
		buf = append(buf, b)
	}
	return buf
}
