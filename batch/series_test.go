package batch

import (
	"testing"
	"time"

	"cardbatch/money"
)

// agreement is a series on record that no rule objects to.
func agreement() *Agreement {
	return &Agreement{Merchant: "acme", ID: "AG", WalletID: "CUST-1", Type: "RECURRING", Currency: "EUR", Fingerprint: "fp-1", FirstKey: "first", Trace: "trace"}
}

func TestRulesOfStoredCredentials(t *testing.T) {
	unknown := func(policy SeriesPolicy) func(*scene) {
		return func(s *scene) { s.facts.Contract.UnknownSeries = policy }
	}
	series := func(change func(*scene, *Agreement)) func(*scene) {
		return func(s *scene) {
			s.facts.Contract.UnknownSeries = RefuseUnknownSeries
			s.line.AgreementID, s.facts.Agreement = "AG", agreement()
			if change != nil {
				change(s, s.facts.Agreement)
			}
		}
	}
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	runRules(t, []ruleTest{
		{"a one-off by the payer goes", DoImmediateWalletPayment, func(s *scene) { unknown(RefuseUnknownSeries)(s); s.line.Source = "INTERNET" }, ""},
		{"a merchant's payment without a first transaction is refused", DoImmediateWalletPayment, unknown(RefuseUnknownSeries), "02302"},
		{"or waits, as the contract says", DoImmediateWalletPayment, unknown(HoldUnknownSeries), "wait"},
		{"or goes, as the contract says", DoImmediateWalletPayment, unknown(SendUnknownSeries), ""},
		{"a first transaction made elsewhere may be named", DoImmediateWalletPayment, func(s *scene) {
			unknown(RefuseUnknownSeries)(s)
			s.line.InitialTransactionID = "123"
		}, ""},
		{"the first transaction of the card itself is enough outside a series", DoImmediateWalletPayment, func(s *scene) {
			unknown(RefuseUnknownSeries)(s)
			s.facts.Wallet.Cards[0].NetworkTransaction = "123"
		}, ""},
		{"but not for a series that never began", DoImmediateWalletPayment, func(s *scene) {
			unknown(RefuseUnknownSeries)(s)
			s.facts.Wallet.Cards[0].NetworkTransaction, s.line.AgreementID = "123", "AG"
		}, "02302"},
		{"an account that forbids MERCHANT refuses", DoImmediateWalletPayment, func(s *scene) { s.facts.Contract.MerchantSource = false }, "02621"},
		{"and lets the payer's own payments go", DoImmediateWalletPayment, func(s *scene) {
			s.facts.Contract.MerchantSource, s.line.Source = false, "INTERNET"
		}, ""},

		{"a later payment of a series goes", DoImmediateWalletPayment, series(nil), ""},
		{"a series belongs to its wallet", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.WalletID = "OTHER" }), "02305"},
		{"its type cannot change", DoImmediateWalletPayment, series(func(s *scene, _ *Agreement) { s.line.AgreementType = "INSTALLMENT" }), "02305"},
		{"the same type may be repeated", DoImmediateWalletPayment, series(func(s *scene, _ *Agreement) { s.line.AgreementType = "RECURRING" }), ""},
		{"a revoked series is refused", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Stopped = true }), "02302"},
		{"a changed card needs the cardholder first", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Fingerprint = "other" }), "02302"},
		{"with the cardholder a changed card goes", DoImmediateWalletPayment, series(func(s *scene, a *Agreement) { a.Fingerprint, s.line.Source = "other", "INTERNET" }), ""},
		{"a card known by its token only is not held against the series", DoImmediateWalletPayment, series(func(s *scene, _ *Agreement) { s.facts.Wallet.Cards[0].Fingerprint = "" }), ""},
		{"the last payment agreed on goes", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.MaxPayments, a.Payments = 3, 2 }), ""},
		{"one more is refused", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.MaxPayments, a.Payments = 3, 3 }), "02305"},
		{"the agreement's last day counts", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Expiry = "2026-11-21" }), ""},
		{"the day after is too late", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Expiry = "2026-11-20" }), "02305"},
		{"the day is that of the merchant's zone", DoImmediateWalletPayment, series(func(s *scene, a *Agreement) {
			a.Expiry, s.facts.Contract.Zone, s.facts.Now = "2026-11-21", paris, time.Date(2026, 11, 21, 23, 30, 0, 0, time.UTC)
		}), "02305"},
		{"thirty days by the calendar are thirty days", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) {
			a.MinDays, a.LastPayment = 30, ruleNow.Add(-30*24*time.Hour+90*time.Minute)
		}), ""},
		{"twenty-nine are not", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) {
			a.MinDays, a.LastPayment = 30, ruleNow.Add(-29*24*time.Hour-20*time.Hour)
		}), "02305"},
		{"a series without a payment yet has no interval", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.MinDays = 30 }), ""},
		{"a fixed amount goes", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Variability, a.FixedMinor = "FIXED", 1000 }), ""},
		{"another amount is refused", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Variability, a.FixedMinor = "FIXED", 999 }), "02612"},
		{"a variable series takes any amount", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Variability, a.FixedMinor = "VARIABLE", 999 }), ""},
		{"a fixed series without a first amount takes any", DoImmediateWalletPayment, series(func(_ *scene, a *Agreement) { a.Variability = "FIXED" }), ""},
	})
}

func TestASeriesMovesOnWithItsApprovedPayments(t *testing.T) {
	at := ruleNow
	line := func(change func(*Line)) *Line {
		l := newScene(DoImmediateWalletPayment).line
		l.AgreementID, l.AgreementType, l.AgreementVariability, l.AgreementPayments, l.AgreementMinDays, l.AgreementExpiry = "AG", "RECURRING", "FIXED", "12", "28", "2027-12-31"
		if change != nil {
			change(&l)
		}
		return &l
	}
	byPayer := func(l *Line) { l.Source = "INTERNET" }

	if _, ok := Series(line(func(l *Line) { l.AgreementID = "" }), "acme", nil, "k", "fp", &Answer{NetworkTransaction: "tr"}, at); ok {
		t.Error("a payment outside a series has one")
	}

	first, ok := Series(line(byPayer), "acme", nil, "key-1", "fp-1", &Answer{NetworkTransaction: "trace-1"}, at)
	want := Agreement{Merchant: "acme", ID: "AG", WalletID: "CUST-1", Type: "RECURRING", Variability: "FIXED", Expiry: "2027-12-31", MaxPayments: 12, MinDays: 28,
		FixedMinor: 1000, Currency: "EUR", Fingerprint: "fp-1", FirstKey: "key-1", Trace: "trace-1"}
	if !ok || first != want {
		t.Errorf("the first makes %+v, want %+v", first, want)
	}

	second, _ := Series(line(nil), "acme", &first, "key-2", "fp-1", &Answer{NetworkTransaction: "trace-2"}, at)
	want.Payments, want.LastPayment = 1, at
	if second != want {
		t.Errorf("the second makes %+v, want %+v", second, want)
	}
	if first.Payments != 0 {
		t.Error("the agreement on record was changed in place")
	}

	renewed, _ := Series(line(byPayer), "acme", &second, "key-3", "fp-2", &Answer{NetworkTransaction: ""}, at.Add(time.Hour))
	want.FirstKey, want.Fingerprint = "key-3", "fp-2"
	if renewed != want {
		t.Errorf("the cardholder's next makes %+v, want %+v", renewed, want)
	}

	verified, _ := Series(line(func(l *Line) { byPayer(l); l.Command, l.AmountText = Verify, "" }), "acme", nil, "key-1", "fp-1", &Answer{NetworkTransaction: "trace-1"}, at)
	if verified.FixedMinor != 0 || verified.FirstKey != "key-1" {
		t.Errorf("a verification makes %+v", verified)
	}
}

func TestASeriesThatBeganElsewhereKeepsItsReference(t *testing.T) {
	l := newScene(DoImmediateWalletPayment).line
	l.AgreementID, l.InitialTransactionID = "AG", "elsewhere"
	a := NewAgreement(&l, "acme", "fp-1")
	want := Agreement{Merchant: "acme", ID: "AG", WalletID: "CUST-1", Currency: money.Currency("EUR"), Fingerprint: "fp-1", Trace: "elsewhere"}
	if a != want {
		t.Errorf("got %+v, want %+v", a, want)
	}
	next, _ := Series(&l, "acme", &a, "key", "fp-1", &Answer{NetworkTransaction: "trace of ours"}, ruleNow)
	if next.Trace != "elsewhere" || next.FirstKey != "" || next.Payments != 1 {
		t.Errorf("after a payment: %+v", next)
	}
}
