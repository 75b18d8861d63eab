package batch

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"cardbatch/money"
)

// privateColumn describes the value of every private.<key> column.
var privateColumn = Column{Shape: ShapeAN, Max: PrivateMax, Free: true}

// check tells what is wrong with a value that is not empty, or nothing. It may
// replace the value by the spelling that the product uses.
func (c *Column) check(text *string, acceptCardLikeIDs bool) (FindingCode, string) {
	value := *text
	seen := kindsOf(value)
	if seen&kindControl != 0 {
		return FieldFormat, "control characters are refused"
	}
	if !c.Free && (seen&(kindSpace|kindHigh)) != 0 && value != strings.TrimSpace(value) {
		return FieldFormat, "remove the spaces before and after the value"
	}
	switch c.Shape {
	case ShapeN:
		return c.checkDigits(value, seen)
	case ShapeEnum:
		return c.checkEnum(text)
	case ShapeISO4217:
		currency, ok := money.Find(value)
		if !ok {
			return FieldValue, "expected an ISO 4217 currency code, three capital letters or three digits"
		}
		*text = string(currency)
		return "", ""
	case ShapeExpiry:
		if len(value) != 4 || seen != kindDigit {
			return FieldFormat, "expected MMYY"
		}
		if month := value[:2]; month < "01" || month > "12" {
			return FieldValue, "expected MMYY with a month from 01 to 12"
		}
		return "", ""
	case ShapeDate:
		if !validDate(value) {
			return FieldFormat, "expected a calendar date as YYYY-MM-DD"
		}
		return "", ""
	case ShapeDateTime:
		if !validDateTime(value) {
			return FieldFormat, "expected an RFC 3339 date-time, as 2026-11-21T22:00:00+01:00; the offset may be left out"
		}
		return "", ""
	default:
		return c.checkText(value, seen, acceptCardLikeIDs)
	}
}

func (c *Column) checkText(value string, seen kind, acceptCardLikeIDs bool) (FindingCode, string) {
	if len(value) > c.Max && utf8.RuneCountInString(value) > c.Max {
		return FieldLength, "expected at most " + strconv.Itoa(c.Max) + " characters"
	}
	if c.Shape == ShapeEmail {
		at := strings.IndexByte(value, '@')
		if at <= 0 || at == len(value)-1 || strings.LastIndexByte(value, '@') != at || seen&kindSpace != 0 {
			return FieldFormat, "expected an e-mail address"
		}
	}
	if seen&kindBackslash != 0 && c.Name == "order_ref" {
		return FieldFormat, "a backslash is refused here"
	}
	free := c.Free || c.Shape == ShapeEmail
	if (free || !acceptCardLikeIDs) && HasCardNumber(value) && !(c.GatewayID && !HasCardNumber(withoutUUID(value))) {
		return StrayCardNumber, "this looks like a card number, which only card_number may hold; remove it from the file and treat the file as card data"
	}
	return "", ""
}

func (c *Column) checkDigits(value string, seen kind) (FindingCode, string) {
	if seen != kindDigit {
		return FieldFormat, "expected digits alone"
	}
	if len(value) > c.Max {
		return FieldLength, "expected at most " + strconv.Itoa(c.Max) + " digits"
	}
	switch c.Name {
	case "card_index":
		if strings.Trim(value, "0") == "" {
			return FieldValue, "expected an index from 1 up; leave the column empty for the default card"
		}
	case "billing_day":
		if day, _ := strconv.Atoi(value); day < 1 || day > 31 {
			return FieldValue, "expected a day from 1 to 31"
		}
	}
	return "", ""
}

func (c *Column) checkEnum(text *string) (FindingCode, string) {
	for _, known := range c.Values {
		if *text == known {
			if known == callCenter {
				*text = callCentre
			}
			return "", ""
		}
	}
	return FieldValue, fmt.Sprintf("expected one of %s", strings.Join(c.Values, ", "))
}

// Two spellings of one source; see sources.
const (
	callCenter = "CALL_CENTER"
	callCentre = "CALL_CENTRE"
)

// kind is a set of kinds of bytes and characters.
type kind uint8

const (
	kindDigit kind = 1 << iota
	kindSpace
	kindBackslash
	kindControl
	kindHigh // not ASCII
	kindOther
)

var kinds = func() (of [256]kind) {
	for b := range of {
		switch {
		case b < 0x20 || b == 0x7f:
			of[b] = kindControl
		case b == ' ':
			of[b] = kindSpace
		case '0' <= b && b <= '9':
			of[b] = kindDigit
		case b == '\\':
			of[b] = kindBackslash
		case b >= utf8.RuneSelf:
			of[b] = kindHigh
		default:
			of[b] = kindOther
		}
	}
	return of
}()

// kindsOf tells which kinds of characters a text holds. Unicode's control
// characters, its line and paragraph separators and undecodable bytes count as
// control characters.
func kindsOf(text string) (seen kind) {
	for i := range len(text) {
		seen |= kinds[text[i]]
	}
	if seen&kindHigh != 0 {
		for _, r := range text {
			if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
				return seen | kindControl
			}
		}
	}
	return seen
}

func validDate(value string) bool {
	_, err := time.Parse(time.DateOnly, value)
	return err == nil
}

// validDateTime accepts RFC 3339 with or without an offset. time.Parse alone would
// also take a one-digit hour and a comma before the fraction.
func validDateTime(value string) bool {
	if len(value) < len("2026-11-21T22:00:00") || value[13] != ':' || strings.IndexByte(value, ',') >= 0 {
		return false
	}
	if _, err := time.Parse(time.RFC3339, value); err == nil {
		return true
	}
	_, err := time.Parse("2006-01-02T15:04:05", value)
	return err == nil
}

// CheckIdentifier tells what is wrong with a text that is to be an identifier of
// at most max characters outside a line, such as a merchant or a file reference;
// it returns nothing when the text is acceptable.
func CheckIdentifier(text string, max int) string {
	if text == "" {
		return "a value is mandatory"
	}
	column := Column{Shape: ShapeAN, Max: max}
	_, message := column.check(&text, false)
	return message
}
