package payline

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// An acceptance contract is one for American Express SmartBill, "Amex Recurring", when
// its number begins so: how the real platform marks them is not in the documents.
const smartBillContract = "AMEXREC"

// Statuses of a card under SmartBill (section 5.2). The first three are played by the clock,
// the others when Tell says so.
const (
	enrolmentWaits    = "WR"
	enrolmentAccepted = "EA"
	enrolmentRefused  = "ER"
	expiryUpdated     = "EDU"
	productUpdated    = "PU"
	cardCancelled     = "CC"
)

// enrolmentTakes is how long American Express needs to answer (section 5.1).
const enrolmentTakes = 24 * time.Hour

// enrolment is the status of a card under SmartBill; empty for any other card. The expiry
// that declines everywhere refuses the enrolment too.
func (g *Gateway) enrolment(w *wallet, c *card) string {
	switch {
	case !strings.HasPrefix(w.Contract, smartBillContract):
		return ""
	case c.Told != "":
		return c.Told
	case g.now().Sub(time.UnixMilli(c.At)) < enrolmentTakes:
		return enrolmentWaits
	case c.Expiry == stage.DeclinedExpiry:
		return enrolmentRefused
	}
	return enrolmentAccepted
}

// Tell lets American Express change a card under SmartBill: EDU with the new expiry (MMYY),
// PU with one or none, CC. It may do so before the caller has seen that the enrolment was accepted.
func (g *Gateway) Tell(walletID string, index int, status, expiry string) error {
	if !slices.Contains([]string{expiryUpdated, productUpdated, cardCancelled}, status) {
		return fmt.Errorf("a card is changed to %s, %s or %s", expiryUpdated, productUpdated, cardCancelled)
	}
	if expiry != "" && (!isExpiry(expiry) || status == cardCancelled) || expiry == "" && status == expiryUpdated {
		return fmt.Errorf("%s needs an expiry MMYY, %s may have one, %s none", expiryUpdated, productUpdated, cardCancelled)
	}
	shard := g.accounts.shard(walletID)
	shard.Lock()
	defer shard.Unlock()
	old := shard.wallets[walletID]
	if old == nil {
		return errors.New("there is no such wallet")
	}
	w := old.clone()
	c := w.card(index)
	if c == nil {
		return errors.New("the wallet has no such card")
	}
	switch before := g.enrolment(w, c); before {
	case "", enrolmentRefused, cardCancelled:
		return errors.New("the card is not on the list of American Express")
	}
	c.Told, c.ToldAt, c.Expiry = status, g.now().UnixMilli(), stage.Or(expiry, c.Expiry)
	return g.commit(&event{Wallet: w})
}

// checkEnrolment refuses a card that American Express has not accepted or has cancelled, and
// a wallet that it refused, which is disabled thereby.
func (g *Gateway) checkEnrolment(w *wallet, c *card) error {
	switch g.enrolment(w, c) {
	case enrolmentWaits:
		return refusal("02523")
	case enrolmentRefused, cardCancelled:
		return refusal("02505")
	}
	return nil
}

// disabledAt is when a card of a wallet was disabled, in Unix milliseconds: by hand, with
// its wallet, by a refused enrolment, or by its cancellation. 0: it is active.
func (g *Gateway) disabledAt(w *wallet, c *card) int64 {
	at := max(w.DisabledAt, c.DisabledAt)
	if at != 0 {
		return at
	}
	switch g.enrolment(w, c) {
	case enrolmentRefused:
		return c.At + enrolmentTakes.Milliseconds()
	case cardCancelled:
		return c.ToldAt
	}
	return 0
}
