package payline

import (
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// An acceptance contract is one for American Express SmartBill, "Amex Recurring", when
// its number begins so: how the real platform marks them is not in the documents.
const smartBillContract = "AMEXREC"

// Statuses of a card under SmartBill that are played here (section 5.2).
const (
	enrolmentWaits    = "WR"
	enrolmentAccepted = "EA"
	enrolmentRefused  = "ER"
)

// enrolmentTakes is how long American Express needs to answer (section 5.1).
const enrolmentTakes = 24 * time.Hour

// enrolment is the status of a card under SmartBill; empty for any other card. The expiry
// that declines everywhere refuses the enrolment too.
func (g *Gateway) enrolment(w *wallet, c *card) string {
	switch {
	case !strings.HasPrefix(w.Contract, smartBillContract):
		return ""
	case g.now().Sub(time.UnixMilli(c.At)) < enrolmentTakes:
		return enrolmentWaits
	case c.Expiry == stage.DeclinedExpiry:
		return enrolmentRefused
	}
	return enrolmentAccepted
}

// checkEnrolment refuses a card that American Express has not accepted, and a wallet that
// it refused, which is disabled thereby.
func (g *Gateway) checkEnrolment(w *wallet, c *card) error {
	switch g.enrolment(w, c) {
	case enrolmentWaits:
		return refusal("02523")
	case enrolmentRefused:
		return refusal("02505")
	}
	return nil
}

// disabledAt is when a card of a wallet was disabled, in Unix milliseconds: by hand, with
// its wallet, or by a refused enrolment. 0: it is active.
func (g *Gateway) disabledAt(w *wallet, c *card) int64 {
	at := max(w.DisabledAt, c.DisabledAt)
	if at == 0 && g.enrolment(w, c) == enrolmentRefused {
		at = c.At + enrolmentTakes.Milliseconds()
	}
	return at
}
