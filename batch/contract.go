package batch

import (
	"slices"
	"time"

	"cardbatch/money"
)

// Contract is a merchant's acceptance contract, bound to a gateway.
type Contract struct {
	ID             ContractID
	Merchant       MerchantID
	Gateway        GatewayName
	CardTypes      []string         // accepted; none listed: all
	Currencies     []money.Currency // accepted; none listed: all
	MerchantSource bool             // the gateway account allows MERCHANT as source
	Reauthorize    bool             // it has the re-authorization option
	// Account is another gateway that speaks for the same account at the processor and
	// keeps the contract's wallets; empty: Gateway keeps them.
	Account       GatewayName
	UnknownSeries SeriesPolicy
	Notices       NoticeRoutes   // whom to tell of what
	SmartBill     *SmartBill     // nil: its American Express cards are cards like others
	Updater       string         // the account updater that is asked about its cards, whose numbers are kept for that; empty: none
	Zone          *time.Location // of the merchant
}

// SeriesPolicy says what happens to a merchant-initiated payment without a first
// cardholder-initiated transaction on record (rules, section 3).
type SeriesPolicy string

const (
	RefuseUnknownSeries SeriesPolicy = "refuse" // refused 02302
	HoldUnknownSeries   SeriesPolicy = "hold"   // stays queued
	SendUnknownSeries   SeriesPolicy = "send"   // sent without a reference to a first transaction
)

// KeptAt is the gateway that keeps the contract's wallets.
func (c *Contract) KeptAt() GatewayName {
	if c.Account != "" {
		return c.Account
	}
	return c.Gateway
}

// sameAccount reports whether what was made at one gateway can be acted on at another; an
// empty one is the contract's.
func (c *Contract) sameAccount(made, asked GatewayName) bool {
	if asked == "" {
		asked = c.Gateway
	}
	ofContract := func(g GatewayName) bool { return g == c.Gateway || g == c.Account }
	return made == asked || c.Account != "" && ofContract(made) && ofContract(asked)
}

func (c *Contract) acceptsType(cardType string) bool {
	if c.viaFiles() && cardType != TypeAmex {
		return false
	}
	return len(c.CardTypes) == 0 || cardType == "" || slices.Contains(c.CardTypes, cardType)
}

func (c *Contract) acceptsCurrency(currency money.Currency) bool {
	return len(c.Currencies) == 0 || slices.Contains(c.Currencies, currency)
}

// viaFiles reports whether the contract's cards are charged by American Express SmartBill files.
func (c *Contract) viaFiles() bool { return c.SmartBill != nil && c.SmartBill.Route == ViaFiles }
