package paysafe

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"

	"cardbatch/money"
)

// accounts are the merchant accounts. One holds one currency, which no request names:
// an amount sent to the wrong account is charged in the wrong currency.
type accounts struct {
	byCurrency map[money.Currency]string
	any        string // takes every currency when byCurrency is empty
}

var accountForm = regexp.MustCompile(`^[0-9A-Za-z_-]{1,40}$`)

func newAccounts(merchantID string, byCurrency map[money.Currency]string) (accounts, error) {
	for currency, account := range byCurrency {
		if found, ok := money.Find(string(currency)); !ok || found != currency {
			return accounts{}, fmt.Errorf("accounts: %q is no alphabetic ISO 4217 code", currency)
		}
		if !accountForm.MatchString(account) {
			return accounts{}, fmt.Errorf("accounts: the account of %s must have 1 to 40 characters of 0-9 a-z A-Z - _", currency)
		}
	}
	if merchantID == "" && len(byCurrency) > 0 {
		return accounts{byCurrency: maps.Clone(byCurrency)}, nil
	}
	if !accountForm.MatchString(merchantID) {
		return accounts{}, errors.New("the merchant id is the account number: 1 to 40 characters of 0-9 a-z A-Z - _")
	}
	if len(byCurrency) > 0 && !slices.Contains(slices.Collect(maps.Values(byCurrency)), merchantID) {
		return accounts{}, errors.New("the merchant id must be one of the accounts when accounts are given")
	}
	return accounts{byCurrency: maps.Clone(byCurrency), any: merchantID}, nil
}

// of finds the account of a currency; ok is false when none takes it.
func (a *accounts) of(currency money.Currency) (account string, ok bool) {
	if len(a.byCurrency) == 0 {
		return a.any, true
	}
	account, ok = a.byCurrency[currency]
	return account, ok
}

// all lists every account once, in order.
func (a *accounts) all() []string {
	if len(a.byCurrency) == 0 {
		return []string{a.any}
	}
	return slices.Compact(slices.Sorted(maps.Values(a.byCurrency)))
}
