// Package money holds amounts: whole minor units with an ISO 4217 currency.
// There are no floats here and none are made from what is here.
package money

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Amount is a sum of money in whole minor units of its currency: 2990 EUR is
// 29.90 euros, 2990 JPY is 2990 yen.
type Amount struct {
	Minor    int64
	Currency Currency
}

// MaxDigits is how many digits an amount of the batch interface may have.
const MaxDigits = 12

// ErrAmount is the cause of every amount that cannot be read.
var ErrAmount = errors.New("amount is not a number of minor units")

// ParseMinor reads an amount in minor units: 1 to 12 digits and nothing else.
func ParseMinor(digits string) (int64, error) {
	if len(digits) == 0 || len(digits) > MaxDigits {
		return 0, ErrAmount
	}
	var n int64
	for i := range len(digits) {
		d := digits[i] - '0'
		if d > 9 {
			return 0, ErrAmount
		}
		n = n*10 + int64(d)
	}
	return n, nil
}

// Decimal writes the amount in major units with exactly the currency's number of
// decimals: "29.90" for 2990 EUR, "2990" for 2990 JPY, "1.234" for 1234 KWD.
func (a Amount) Decimal() string {
	exp := a.Currency.Exponent()
	digits := strconv.FormatInt(a.Minor, 10)
	sign := ""
	if a.Minor < 0 {
		sign, digits = "-", digits[1:]
	}
	if exp == 0 {
		return sign + digits
	}
	if len(digits) <= exp {
		digits = strings.Repeat("0", exp-len(digits)+1) + digits
	}
	return sign + digits[:len(digits)-exp] + "." + digits[len(digits)-exp:]
}

// ParseDecimal reads an amount in major units with at most the currency's number
// of decimals, as gateways write it: "29.9" and "29.90" are 2990 EUR, "29.905"
// is an error.
func ParseDecimal(text string, c Currency) (Amount, error) {
	whole, fraction, _ := strings.Cut(text, ".")
	if whole == "" {
		return Amount{}, ErrAmount
	}
	exp := c.Exponent()
	for len(fraction) > exp && fraction[len(fraction)-1] == '0' {
		fraction = fraction[:len(fraction)-1]
	}
	if len(fraction) > exp {
		return Amount{}, fmt.Errorf("%w: more than %d decimals for %s", ErrAmount, exp, c)
	}
	digits := whole + fraction + strings.Repeat("0", exp-len(fraction))
	minor, err := strconv.ParseInt(digits, 10, 64)
	if err != nil || whole[0] == '+' || whole[0] == '-' {
		return Amount{}, ErrAmount
	}
	return Amount{minor, c}, nil
}

// String writes the amount for people: "29.90 EUR".
func (a Amount) String() string { return a.Decimal() + " " + string(a.Currency) }
