package paysafe

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"cardbatch/money"
)

// accounts are the merchant accounts, by currency. One holds one currency, which no
// request names: an amount sent to the wrong account is charged in the wrong currency.
type accounts map[money.Currency]string

var accountForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,40}$`)

func newAccounts(byCurrency map[money.Currency]string) (accounts, error) {
	if len(byCurrency) == 0 {
		return nil, errors.New("no account: one for each currency")
	}
	for currency, account := range byCurrency {
		if found, ok := money.Find(string(currency)); !ok || found != currency {
			return nil, fmt.Errorf("accounts: %q is no alphabetic ISO 4217 code", currency)
		}
		if !accountForm.MatchString(account) {
			return nil, fmt.Errorf("accounts: the account of %s must have 1 to 40 characters of 0-9 a-z A-Z - _", currency)
		}
	}
	return maps.Clone(byCurrency), nil
}

// all lists every account once, in order.
func (a accounts) all() []string {
	return slices.Compact(slices.Sorted(maps.Values(a)))
}
