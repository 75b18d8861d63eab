package money

// Currency is an ISO 4217 alphabetic code in upper case.
type Currency string

func (c Currency) Exponent() int { return 2 }
