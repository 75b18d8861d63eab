package batch

// cardRange says which numbers a card type has: those whose first digits lie
// between from and to, with one of the lengths.
type cardRange struct {
	cardType string
	from, to int    // inclusive, both with the same number of digits
	lengths  uint32 // bit n is set when n digits are possible
}

// Card types that some rule knows by name.
const (
	TypeAmex       = "AMEX" // the cards of American Express SmartBill
	TypeVisa       = "VISA"
	TypeMastercard = "MASTERCARD"
	TypeDiscover   = "DISCOVER"
	TypeCB         = "CB" // co-branded: the number lies in a range of another scheme
)

func lengths(list ...int) (set uint32) {
	for _, n := range list {
		set |= 1 << n
	}
	return set
}

// The schemes' own number ranges as they publish them to acceptors. The first
// range that fits wins, so a narrow one stands before the wide one around it.
var cardRanges = []cardRange{
	{TypeVisa, 4, 4, lengths(13, 16, 19)},
	{TypeMastercard, 51, 55, lengths(16)},
	{TypeMastercard, 2221, 2720, lengths(16)},
	{TypeAmex, 34, 34, lengths(15)},
	{TypeAmex, 37, 37, lengths(15)},
	{TypeDiscover, 6011, 6011, lengths(16, 17, 18, 19)},
	{TypeDiscover, 644, 649, lengths(16, 17, 18, 19)},
	{TypeDiscover, 65, 65, lengths(16, 17, 18, 19)},
	{"DINERS", 300, 305, lengths(14, 16, 17, 18, 19)},
	{"DINERS", 3095, 3095, lengths(14, 16, 17, 18, 19)},
	{"DINERS", 36, 36, lengths(14, 15, 16, 17, 18, 19)},
	{"DINERS", 38, 39, lengths(14, 16, 17, 18, 19)},
	{"JCB", 3528, 3589, lengths(16, 17, 18, 19)},
	{"MAESTRO", 50, 50, lengths(12, 13, 14, 15, 16, 17, 18, 19)},
	{"MAESTRO", 56, 58, lengths(12, 13, 14, 15, 16, 17, 18, 19)},
	{"MAESTRO", 61, 61, lengths(12, 13, 14, 15, 16, 17, 18, 19)},
	{"MAESTRO", 63, 63, lengths(12, 13, 14, 15, 16, 17, 18, 19)},
	{"MAESTRO", 66, 69, lengths(12, 13, 14, 15, 16, 17, 18, 19)},
}

// CardTypeOf tells the card type that a number's first digits and length belong
// to, or nothing when no range of ours holds it. It never says CB: a CB card is
// co-branded and its number lies in a range of another scheme.
func CardTypeOf(p PAN) string { return cardTypeOf(p.Reveal()) }

func cardTypeOf(digits string) string {
	for i := range cardRanges {
		r := &cardRanges[i]
		if r.holds(digits) {
			return r.cardType
		}
	}
	return ""
}

func (r *cardRange) holds(digits string) bool {
	return len(digits) <= 19 && r.lengths&(1<<len(digits)) != 0 && r.begins(digits)
}

// begins reports whether a number that begins with the digits, six or more, lies in the range.
func (r *cardRange) begins(digits string) bool {
	if len(digits) < 6 {
		return false
	}
	prefix := 0
	for bound, i := r.to, 0; bound > 0; bound, i = bound/10, i+1 {
		prefix = prefix*10 + int(digits[i]-'0')
	}
	return r.from <= prefix && prefix <= r.to
}

// CardTypeFits reports whether a declared card type agrees with a number. A
// number outside every range of ours fits any type: the gateway knows better.
func CardTypeFits(cardType string, p PAN) bool {
	byRange := CardTypeOf(p)
	switch {
	case byRange == "" || byRange == cardType:
		return true
	case cardType == TypeCB:
		return byRange == TypeVisa || byRange == TypeMastercard || byRange == "MAESTRO"
	}
	return false
}

// LuhnValid reports whether a run of digits ends in its Luhn check digit. Text
// with anything but digits in it is not valid.
func LuhnValid(digits string) bool {
	sum := 0
	double := len(digits)%2 == 0
	for i := range len(digits) {
		d := int(digits[i]) - '0'
		if d < 0 || d > 9 {
			return false
		}
		if double {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		double = !double
		sum += d
	}
	return digits != "" && sum%10 == 0
}

// CheckPAN tells what is wrong with the form of a card number: FieldFormat (not
// digits alone), FieldLength (not 12 to 19 of them), Luhn, or nothing.
func CheckPAN(p PAN) FindingCode {
	digits := p.Reveal()
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			return FieldFormat
		}
	}
	switch {
	case len(digits) < 12 || len(digits) > 19:
		return FieldLength
	case !LuhnValid(digits):
		return Luhn
	}
	return ""
}
