package batch

import (
	"testing"
	"time"
)

// amex puts the scene under a SmartBill contract, its wallet's default card at American
// Express with the status.
func amex(s *scene, route SmartBillRoute, status CardStatus) {
	s.facts.Contract.CardTypes = nil
	s.facts.Contract.SmartBill = &SmartBill{Route: route, SE: "1234567890"}
	s.facts.Enrolment = &Enrolment{ID: 1, Wallet: "CUST-1", CardIndex: 1, Status: status, RegisteredAt: ruleNow.Add(-47 * time.Hour)}
	if w := s.facts.Wallet; w != nil {
		w.Cards[0].Type, w.Cards[0].Status = TypeAmex, status
	}
}

func TestRulesOfSmartBillPayments(t *testing.T) {
	for _, route := range []SmartBillRoute{ViaFiles, ViaPayline} {
		on := func(status CardStatus, more ...func(*scene)) func(*scene) {
			return func(s *scene) {
				amex(s, route, status)
				for _, change := range more {
					change(s)
				}
			}
		}
		t.Run("via "+string(route), func(t *testing.T) {
			runRules(t, []ruleTest{
				{"an accepted card is charged", DoImmediateWalletPayment, on(CardAccepted), ""},
				{"a card with an updated expiry is charged", DoImmediateWalletPayment, on(CardExpiryUpdated), ""},
				{"a card with an updated product is charged", DoImmediateWalletPayment, on(CardProductUpdated), ""},
				{"an accepted card is charged past the date that is known here", DoImmediateWalletPayment, on(CardAccepted, func(s *scene) { s.facts.Wallet.Cards[0].Expiry = "1026" }), ""},
				{"a refused card is not", DoImmediateWalletPayment, on(CardRefused), "02505"},
				{"a cancelled card is not", DoImmediateWalletPayment, on(CardCancelled), "02505"},
				{"a card that waits makes the payment wait", DoImmediateWalletPayment, on(CardWaiting), "wait"},
				{"at the deadline the payment is refused", DoImmediateWalletPayment, on(CardWaiting, func(s *scene) { s.facts.Enrolment.RegisteredAt = ruleNow.Add(-48 * time.Hour) }), "02523"},
				{"a contract may have another deadline", DoImmediateWalletPayment, on(CardWaiting, func(s *scene) { s.facts.Contract.SmartBill.EnrolmentDeadline = 47 * time.Hour }), "02523"},
				{"a card that waits for nothing on record is refused", DoImmediateWalletPayment, on(CardWaiting, func(s *scene) { s.facts.Enrolment = nil }), "02523"},
				{"a card that was taken off the list is refused", DoImmediateWalletPayment, on(CardAccepted, func(s *scene) { s.facts.Enrolment.Removal = true }), "02505"},
				{"a disabled card is refused as before", DoImmediateWalletPayment, on(CardDisabled), "02505"},
				{"a disabled wallet is refused as before", DoImmediateWalletPayment, on(CardAccepted, func(s *scene) { s.facts.Wallet.Status = WalletDisabled }), "02505"},
				{"a wallet that is not there is refused as before", DoImmediateWalletPayment, on(CardAccepted, func(s *scene) { s.facts.Wallet = nil }), "02503"},
				{"a cancelled card's wallet is not enabled", EnableWallet, on(CardCancelled, func(s *scene) {
					s.facts.Wallet.Status, s.facts.Wallet.Cards = WalletDisabled, s.facts.Wallet.Cards[:1]
				}), "02522"},
			})
		})
	}
	runRules(t, []ruleTest{
		{"a cancelled card is not charged under another contract either", DoImmediateWalletPayment, func(s *scene) {
			amex(s, ViaFiles, CardCancelled)
			s.facts.Contract.SmartBill = nil
		}, "02505"},
		{"via payline, a card without an enrolment is one like others", DoImmediateWalletPayment, func(s *scene) { amex(s, ViaPayline, CardActive) }, ""},
		{"via payline too, the enrolment stands for the first transaction", DoImmediateWalletPayment, func(s *scene) {
			amex(s, ViaPayline, CardAccepted)
			s.facts.Contract.UnknownSeries = RefuseUnknownSeries
		}, ""},
		{"and other types are as before", DoImmediateWalletPayment, func(s *scene) { amex(s, ViaPayline, CardActive); s.facts.Wallet.Cards[0].Type = "VISA" }, ""},
		{"and their dates count", DoImmediateWalletPayment, func(s *scene) {
			amex(s, ViaPayline, CardActive)
			s.facts.Wallet.Cards[0].Type, s.facts.Wallet.Cards[0].Expiry = "VISA", "1026"
		}, "02624"},
		{"via payline, an authorization by card goes", DoAuthorization, func(s *scene) {
			amex(s, ViaPayline, CardActive)
			s.line.WalletID, s.line.CardNumber, s.line.CardExpiry, s.line.Source = "", NewPAN("371881634498004"), "1227", "INTERNET"
		}, ""},
	})
}

func TestRulesOfSmartBillByFiles(t *testing.T) {
	on := func(more ...func(*scene)) func(*scene) {
		return func(s *scene) {
			amex(s, ViaFiles, CardAccepted)
			if s.facts.Original != nil {
				s.facts.Original.Command = DoImmediateWalletPayment
			}
			for _, change := range more {
				change(s)
			}
		}
	}
	number := func(pan string) func(*scene) {
		return func(s *scene) { s.line.CardNumber, s.line.CardExpiry = NewPAN(pan), "1227" }
	}
	noCard := func(s *scene) { s.line.CardNumber, s.line.CardExpiry = PAN{}, "" }
	disabled := func(s *scene) { s.facts.Wallet.Status = WalletDisabled }
	runRules(t, []ruleTest{
		{"a wallet of an American Express card is created", CreateWallet, on(number("371881634498004")), ""},
		{"a wallet of another card is not", CreateWallet, on(number("4508750015741019")), "02511"},
		{"nor one of a card by token", CreateWallet, on(noCard, func(s *scene) { s.line.CardToken, s.line.CardType = "tok", TypeAmex }), "02522"},
		{"nor one of a transaction's card", CreateWallet, on(noCard, func(s *scene) { s.line.TransactionID = "T-1" }), "02522"},
		{"a wallet's buyer is changed", UpdateWallet, on(), ""},
		{"a wallet's card is not", UpdateWallet, on(number("371881634498004")), "02522"},
		{"nor by a token", UpdateWallet, on(func(s *scene) { s.line.CardToken = "tok" }), "02522"},
		{"a wallet is disabled", DisableWallet, on(), ""},
		{"a wallet whose card stays on the list is enabled", EnableWallet, on(disabled), ""},
		{"a wallet whose card was taken off the list is not", EnableWallet, on(disabled, func(s *scene) { s.facts.Enrolment.Removal = true }), "02522"},
		{"a wallet is read", GetWallet, on(), ""},
		{"a payment without an agreement needs no first transaction", DoImmediateWalletPayment, on(func(s *scene) { s.facts.Contract.UnknownSeries = RefuseUnknownSeries }), ""},
		{"one of an agreement does", DoImmediateWalletPayment, on(func(s *scene) { s.facts.Contract.UnknownSeries, s.line.AgreementID = RefuseUnknownSeries, "AG" }), "02302"},
		{"a deferred payment is refused", DoImmediateWalletPayment, on(func(s *scene) { s.line.Mode = "DIF" }), "02308"},
		{"an authorization alone is refused", DoImmediateWalletPayment, on(func(s *scene) { s.line.Action = "100" }), "02321"},
		{"a card without an enrolment is refused", DoImmediateWalletPayment, on(func(s *scene) { s.facts.Wallet.Cards[0].Status, s.facts.Enrolment = CardActive, nil }), "02523"},
		{"a card of another type is refused", DoImmediateWalletPayment, on(func(s *scene) { s.facts.Wallet.Cards[0].Type, s.facts.Wallet.Cards[0].Status = "VISA", CardActive }), "02511"},
		{"a payment by card number does not exist", DoAuthorization, on(func(s *scene) { s.line.WalletID = "" }, number("371881634498004")), "02010"},
		{"nor does a verification", Verify, on(), "02010"},
		{"nor does a schedule", DoScheduledWalletPayment, on(), "02010"},
		{"nor does a recurrence", DoRecurrentWalletPayment, on(), "02010"},
		{"nor does a subscription", Subscribe, on(), "02010"},
		{"a credit exists", DoRefund, on(), ""},
		{"a capture does not", DoCapture, on(), "02010"},
		{"a reset does not", DoReset, on(), "02010"},
		{"a re-authorization does not", DoReAuthorization, on(), "02010"},
		{"a record to disable does not", DisablePaymentRecord, on(), "02010"},
	})
}
