package batch

import (
	"testing"
	"time"

	"cardbatch/money"
)

var (
	ruleNow = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)
	here    = LineAddress{File: 7, No: 3}
	there   = LineAddress{File: 7, No: 2}
)

// scene is a line with the facts around it. newScene makes one that no rule
// objects to; each test changes what it is about.
type scene struct {
	line  Line
	facts Facts
}

func newScene(command Command) *scene {
	s := &scene{
		line: Line{No: 3, Ref: "L-1", Command: command, Contract: "1"},
		facts: Facts{
			At: here, Available: true, Now: ruleNow,
			Contract: &Contract{ID: "1", Merchant: "acme", Gateway: "bank", Currencies: []money.Currency{"EUR"}, CardTypes: []string{"VISA", "MASTERCARD"},
				MerchantSource: true, UnknownSeries: SendUnknownSeries, Zone: time.UTC},
		},
	}
	switch command.Phase() {
	case PhaseWallet:
		s.line.WalletID = "CUST-1"
	case PhasePayment:
		s.line.WalletID, s.line.AmountText, s.line.Currency = "CUST-1", "1000", "EUR"
	case PhaseFollowUp:
		s.line.TransactionID = "T-1"
		s.facts.Original = &Transaction{ID: "T-1", Line: there, Command: DoAuthorization, Key: "k", Contract: "1", Gateway: "bank", WalletID: "CUST-1", CardIndex: 1,
			Amount: money.Amount{Minor: 1000, Currency: "EUR"}, CompletedAt: ruleNow.Add(-time.Hour)}
		if command != DoReset {
			s.line.AmountText, s.line.Currency = "1000", "EUR"
		}
	}
	s.facts.Wallet = &Wallet{Merchant: "acme", ID: "CUST-1", Contract: "1", Gateway: "bank", Status: WalletActive, DefaultCard: 1, Cards: []Card{
		{Index: 1, Status: CardActive, Token: "tok-1", Fingerprint: "fp-1", Expiry: "1227", Type: "VISA"},
		{Index: 2, Status: CardDisabled, Token: "tok-2", Fingerprint: "fp-2", Expiry: "1227", Type: "VISA"},
		{Index: 3, Status: CardExpired, Token: "tok-3", Fingerprint: "fp-3", Expiry: "1025", Type: "VISA"},
		{Index: 4, Status: CardActive, Token: "tok-4", Fingerprint: "fp-4", Expiry: "1227", Type: "AMEX"},
	}}
	if command == CreateWallet {
		s.facts.Wallet = nil
		s.line.CardNumber, s.line.CardExpiry = NewPAN("4508750015741019"), "1227"
	}
	return s
}

// ruleTest is one row: what is changed, and the code that follows; no code means
// that the line goes, "wait" that it stays queued.
type ruleTest struct {
	name    string
	command Command
	change  func(*scene)
	want    string
}

func runRules(t *testing.T, tests []ruleTest) {
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := newScene(test.command)
			if test.change != nil {
				test.change(s)
			}
			ruling := Judge(&s.line, s.facts)
			got := ruling.Code
			if ruling.Wait != "" {
				got = "wait"
				if ruling.Code != "" {
					t.Errorf("it waits and is refused %s", ruling.Code)
				}
			}
			if got != test.want {
				t.Errorf("got %q (%s%s), want %q", got, ruling.Message, ruling.Wait, test.want)
			}
			if _, listed := FindCode(ruling.Code); ruling.Code != "" && !listed {
				t.Errorf("code %s is not in the table of codes", ruling.Code)
			}
		})
	}
}

func TestRulesOfContracts(t *testing.T) {
	runRules(t, []ruleTest{
		{"a line of a known contract goes", DoImmediateWalletPayment, nil, ""},
		{"a contract that is not configured is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Contract = nil }, "02303"},
		{"a command that the gateway lacks is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Available = false }, "02010"},
		{"a currency that the contract does not take is refused", DoImmediateWalletPayment, func(s *scene) { s.line.Currency = "USD" }, "01181"},
		{"a contract that lists no currencies takes all", DoImmediateWalletPayment, func(s *scene) { s.line.Currency, s.facts.Contract.Currencies = "USD", nil }, ""},
		{"an amount of zero is refused", DoImmediateWalletPayment, func(s *scene) { s.line.AmountText = "000" }, "02110"},
		{"payment mode CPT goes", DoImmediateWalletPayment, func(s *scene) { s.line.Mode = "CPT" }, ""},
		{"deferred payment is not offered", DoImmediateWalletPayment, func(s *scene) { s.line.Mode = "DIF" }, "02308"},
		{"payment mode NX is wrong for a payment", DoImmediateWalletPayment, func(s *scene) { s.line.Mode = "NX" }, "02308"},
		{"action 100 goes", DoImmediateWalletPayment, func(s *scene) { s.line.Action = "100" }, ""},
		{"action 110 is unknown", DoImmediateWalletPayment, func(s *scene) { s.line.Action = "110" }, "02321"},
	})
}

func TestRulesOfWallets(t *testing.T) {
	disabled := func(s *scene) { s.facts.Wallet.Status = WalletDisabled }
	index := func(text string) func(*scene) { return func(s *scene) { s.line.CardIndex = text } }
	fromTransaction := func(s *scene) {
		s.line.CardNumber, s.line.CardExpiry, s.line.TransactionID = PAN{}, "", "T-1"
		s.facts.Original = &Transaction{ID: "T-1", WalletID: "OTHER", CardIndex: 1, Contract: "1", Gateway: "bank"}
	}
	runRules(t, []ruleTest{
		{"a new wallet is created", CreateWallet, nil, ""},
		{"a wallet that exists is not created again", CreateWallet, func(s *scene) { s.facts.Wallet = newScene(UpdateWallet).facts.Wallet }, "02502"},
		{"a disabled wallet exists as well", CreateWallet, func(s *scene) { s.facts.Wallet = newScene(UpdateWallet).facts.Wallet; disabled(s) }, "02502"},
		{"the wallet that this line opened before is not in its way", CreateWallet, func(s *scene) {
			s.facts.Wallet = &Wallet{ID: "CUST-1", Status: WalletOpening, OpenLine: here}
		}, ""},
		{"a wallet that another line is opening makes the line wait", CreateWallet, func(s *scene) {
			s.facts.Wallet = &Wallet{ID: "CUST-1", Status: WalletOpening, OpenLine: there}
		}, "wait"},
		{"number and token are one too many", CreateWallet, func(s *scene) { s.line.CardToken = "tok" }, "02538"},
		{"an expired card is refused", CreateWallet, func(s *scene) { s.line.CardExpiry = "1026" }, "02624"},
		{"a card type that the contract does not take is refused", CreateWallet, func(s *scene) { s.line.CardNumber = NewPAN("371881634498004") }, "02511"},
		{"the type that the line states counts", CreateWallet, func(s *scene) { s.line.CardType = "CB" }, "02511"},
		{"a wallet from a transaction keeps its card", CreateWallet, fromTransaction, ""},
		{"a wallet from an unknown transaction is refused", CreateWallet, func(s *scene) { fromTransaction(s); s.facts.Original = nil }, "02301"},
		{"a wallet from a transaction without a kept card is refused", CreateWallet, func(s *scene) { fromTransaction(s); s.facts.Original.WalletID = "" }, "02302"},
		{"a wallet from a transaction at another gateway is refused", CreateWallet, func(s *scene) { fromTransaction(s); s.facts.Original.Gateway = "other" }, "02303"},

		{"an unknown wallet cannot be changed", UpdateWallet, func(s *scene) { s.facts.Wallet = nil }, "02503"},
		{"an unknown wallet cannot be read", GetWallet, func(s *scene) { s.facts.Wallet = nil }, "02503"},
		{"an unknown wallet cannot be disabled", DisableWallet, func(s *scene) { s.facts.Wallet = nil }, "02503"},
		{"an unknown wallet cannot be enabled", EnableWallet, func(s *scene) { s.facts.Wallet = nil }, "02503"},
		{"a wallet that is only opening is not known yet to others", UpdateWallet, func(s *scene) {
			s.facts.Wallet.Status, s.facts.Wallet.OpenLine = WalletOpening, there
		}, "wait"},
		{"a wallet at another gateway is not touched", UpdateWallet, func(s *scene) { s.facts.Wallet.Gateway = "other" }, "02303"},
		{"a wallet with another line under way makes the line wait", UpdateWallet, func(s *scene) { s.facts.Wallet.OpenLine = there }, "wait"},
		{"the line's own lock does not", UpdateWallet, func(s *scene) { s.facts.Wallet.OpenLine = here }, ""},
		{"a disabled wallet cannot be changed", UpdateWallet, disabled, "02505"},
		{"a disabled card cannot be changed", UpdateWallet, index("2"), "02505"},
		{"an unknown card index is refused", UpdateWallet, index("9"), "02518"},
		{"a card that the wallet has at another index is refused", UpdateWallet, func(s *scene) {
			s.line.CardNumber, s.line.CardExpiry, s.facts.Fingerprint = NewPAN("4508750015741019"), "1227", "fp-4"
		}, "02521"},
		{"the same card with another expiry is an update", UpdateWallet, func(s *scene) {
			s.line.CardNumber, s.line.CardExpiry, s.facts.Fingerprint = NewPAN("4508750015741019"), "1228", "fp-1"
		}, ""},
		{"an update with an expired card is refused", UpdateWallet, func(s *scene) {
			s.line.CardNumber, s.line.CardExpiry = NewPAN("4508750015741019"), "0126"
		}, "02624"},

		{"a wallet is disabled", DisableWallet, nil, ""},
		{"a disabled wallet cannot be disabled", DisableWallet, disabled, "02505"},
		{"a disabled card cannot be disabled", DisableWallet, index("2"), "02505"},
		{"a wallet that is not disabled cannot be enabled", EnableWallet, nil, "02519"},
		{"a disabled wallet is enabled", EnableWallet, disabled, ""},
		{"a card that is not disabled cannot be enabled", EnableWallet, index("1"), "02519"},
		{"a disabled card is enabled", EnableWallet, index("2"), ""},
		{"a disabled wallet can be read", GetWallet, disabled, ""},
		{"a card that is not there cannot be read", GetWallet, index("9"), "02518"},
	})
}

func TestRulesOfPayments(t *testing.T) {
	index := func(text string) func(*scene) { return func(s *scene) { s.line.CardIndex = text } }
	byCard := func(s *scene) {
		s.line.WalletID, s.facts.Wallet = "", nil
		s.line.CardNumber, s.line.CardExpiry, s.line.Source = NewPAN("4508750015741019"), "1227", "INTERNET"
	}
	runRules(t, []ruleTest{
		{"a payment on a wallet goes", DoImmediateWalletPayment, nil, ""},
		{"an unknown wallet is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet = nil }, "02503"},
		{"a disabled wallet is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet.Status = WalletDisabled }, "02505"},
		{"a disabled card is refused", DoImmediateWalletPayment, index("2"), "02505"},
		{"a card marked as expired is refused", DoImmediateWalletPayment, index("3"), "02624"},
		{"a card past its date is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet.Cards[0].Expiry = "1026" }, "02624"},
		{"a card without a known date goes", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet.Cards[0].Expiry = "" }, ""},
		{"a card type that the contract does not take is refused", DoImmediateWalletPayment, index("4"), "02511"},
		{"an unknown card index is refused", DoImmediateWalletPayment, index("9"), "02518"},
		{"a wallet whose line has no outcome makes the payment wait", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet.OpenLine = there }, "wait"},
		{"a wallet at another gateway is refused", DoImmediateWalletPayment, func(s *scene) { s.facts.Wallet.Gateway = "other" }, "02303"},
		{"an authorization by card goes", DoAuthorization, byCard, ""},
		{"an authorization by an expired card is refused", DoAuthorization, func(s *scene) { byCard(s); s.line.CardExpiry = "1026" }, "02624"},
		{"number and token are one too many", DoAuthorization, func(s *scene) { byCard(s); s.line.CardToken = "tok" }, "02538"},
		{"a verification without an amount goes", Verify, func(s *scene) { byCard(s); s.line.AmountText = "" }, ""},
		{"a verification for nobody's series needs no initiator", Verify, func(s *scene) {
			s.line.AmountText, s.facts.Contract.UnknownSeries = "", RefuseUnknownSeries
		}, ""},
	})
}

func TestRulesOfFollowUps(t *testing.T) {
	purchase := func(s *scene) { s.facts.Original.Command = DoImmediateWalletPayment }
	captured := func(minor int64) func(*scene) { return func(s *scene) { s.facts.Original.Captured = minor } }
	amount := func(text string) func(*scene) {
		return func(s *scene) { s.line.AmountText, s.line.Currency = text, "EUR" }
	}
	cancelled := func(s *scene) { s.facts.Original.Cancelled = true }
	both := func(changes ...func(*scene)) func(*scene) {
		return func(s *scene) {
			for _, change := range changes {
				change(s)
			}
		}
	}
	aged := func(d time.Duration) func(*scene) {
		return func(s *scene) { s.facts.Original.CompletedAt = ruleNow.Add(-d) }
	}
	runRules(t, []ruleTest{
		{"an authorization is captured whole", DoCapture, nil, ""},
		{"an authorization is captured in part", DoCapture, amount("1"), ""},
		{"the rest is captured later", DoCapture, both(captured(400), amount("600")), ""},
		{"more than the rest is refused", DoCapture, both(captured(400), amount("601")), "02613"},
		{"more than the authorization is refused", DoCapture, amount("1001"), "02613"},
		{"what was captured whole cannot be captured again", DoCapture, captured(1000), "02617"},
		{"a purchase was captured when it was made", DoCapture, purchase, "02617"},
		{"a payment with action 100 is an authorization", DoCapture, both(purchase, func(s *scene) { s.facts.Original.Action = "100" }), ""},
		{"an authorization with action 101 is a purchase", DoCapture, func(s *scene) { s.facts.Original.Action = "101" }, "02617"},
		{"a cancelled authorization cannot be captured", DoCapture, cancelled, "02313"},
		{"an authorization lives seven days", DoCapture, aged(7 * 24 * time.Hour), ""},
		{"and not a second longer", DoCapture, aged(7*24*time.Hour + time.Second), "02602"},
		{"an unknown transaction is refused", DoCapture, func(s *scene) { s.facts.Original, s.facts.Contract = nil, nil }, "02301"},
		{"a transaction under another contract is refused", DoCapture, func(s *scene) { s.line.Contract = "2" }, "02303"},
		{"the contract may be left out", DoCapture, func(s *scene) { s.line.Contract = "" }, ""},
		{"another currency is refused", DoCapture, func(s *scene) { s.line.Currency = "USD" }, "02620"},
		{"nothing cannot be captured", DoCapture, amount("0"), "02110"},

		{"a purchase is refunded", DoRefund, purchase, ""},
		{"a capture is refunded", DoRefund, captured(1000), ""},
		{"an authorization without a capture cannot be refunded", DoRefund, nil, "02618"},
		{"not more than was captured is refunded", DoRefund, captured(999), "02613"},
		{"not more than is left is refunded", DoRefund, both(purchase, func(s *scene) { s.facts.Original.Refunded = 1 }), "02613"},
		{"a cancelled payment cannot be refunded", DoRefund, both(purchase, cancelled), "02314"},
		{"a purchase is refunded after seven days too", DoRefund, both(purchase, aged(100*24*time.Hour)), ""},

		{"an authorization is reset", DoReset, nil, ""},
		{"a purchase is reset", DoReset, purchase, ""},
		{"what was reset stays so", DoReset, cancelled, "02601"},
		{"a captured authorization cannot be reset", DoReset, captured(1), "02600"},
		{"a refunded purchase cannot be reset", DoReset, both(purchase, func(s *scene) { s.facts.Original.Refunded = 1 }), "02600"},
		{"a reset of the whole amount goes", DoReset, amount("1000"), ""},
		{"a reset of a part is refused", DoReset, amount("999"), "02612"},
	})
}

func TestACardLivesToTheEndOfItsMonth(t *testing.T) {
	zone := func(name string) *time.Location {
		z, err := time.LoadLocation(name)
		if err != nil {
			t.Fatal(err)
		}
		return z
	}
	for _, test := range []struct {
		name   string
		expiry string
		at     time.Time
		want   bool
	}{
		{"the last second of the month", "1126", time.Date(2026, 11, 30, 23, 59, 59, 999_999_999, time.UTC), false},
		{"the first instant of the next", "1126", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC), true},
		{"December ends with the year", "1226", time.Date(2026, 12, 31, 23, 59, 59, 0, time.UTC), false},
		{"and is over in January", "1226", time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC), true},
		{"the 29th of February counts", "0228", time.Date(2028, 2, 29, 23, 59, 59, 0, time.UTC), false},
		{"in Paris the month is over an hour before UTC", "1126", time.Date(2026, 11, 30, 23, 30, 0, 0, time.UTC).In(zone("Europe/Paris")), true},
		{"in New York it is not over yet", "1126", time.Date(2026, 12, 1, 4, 59, 0, 0, time.UTC).In(zone("America/New_York")), false},
		{"no expiry is no reason", "", ruleNow, false},
		{"what is no date is no reason", "ABCD", ruleNow, false},
		{"a month far ahead", "0199", ruleNow, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := Expired(test.expiry, test.at); got != test.want {
				t.Errorf("expired: %v, want %v", got, test.want)
			}
		})
	}
}

func TestFindingsRefuseLinesWithTheirCode(t *testing.T) {
	for finding, want := range map[FindingCode]string{
		Luhn: "02614", DuplicateLineRef: "02001", Conflict: "02001", InDoubtBlocked: "02002", LineInProgress: "02002",
		FieldMissing: "02305", FieldValue: "02305", StrayCardNumber: "02305",
	} {
		if got := RefusalCode(finding); got != want {
			t.Errorf("%s refuses with %s, want %s", finding, got, want)
		}
	}
}

func TestACardIsPutAtItsIndexInOrder(t *testing.T) {
	w := Wallet{}
	for _, c := range []Card{{Index: 2}, {Index: 1}, {Index: 3}, {Index: 2, Token: "new"}} {
		w.PutCard(c)
	}
	if len(w.Cards) != 3 || w.Cards[0].Index != 1 || w.Cards[1].Token != "new" || w.Cards[2].Index != 3 {
		t.Errorf("cards %+v", w.Cards)
	}
}
