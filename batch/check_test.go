package batch

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"
)

// payment is a line without findings, for rows to spoil.
func payment(change func(*Line)) *Line {
	l := &Line{
		No: 3, Ref: "INV-9001", Command: DoImmediateWalletPayment, Contract: "1234567", WalletID: "CUST-42",
		OrderRef: "INV-9001", AmountText: "2990", Currency: "EUR",
	}
	change(l)
	return l
}

// enrolment is a createWallet line without findings.
func enrolment(change func(*Line)) *Line {
	l := &Line{
		No: 4, Ref: "WAL-1", Command: CreateWallet, Contract: "1234567", WalletID: "CUST-42",
		CardNumber: NewPAN("5123450000000008"), CardExpiry: "0139",
	}
	change(l)
	return l
}

// capture is a doCapture line without findings.
func capture(change func(*Line)) *Line {
	l := &Line{No: 5, Ref: "CAP-1", Command: DoCapture, TransactionID: "T-1", AmountText: "2990", Currency: "EUR"}
	change(l)
	return l
}

// told lists findings as "column CODE".
func told(findings []Finding) (list []string) {
	for _, f := range findings {
		list = append(list, f.Column+" "+string(f.Code))
	}
	return list
}

func TestCheckLineFindsWhatSectionThreeForbids(t *testing.T) {
	long := func(n int) string { return strings.Repeat("é", n) }
	for _, row := range []struct {
		name string
		line *Line
		want []string
	}{
		{"a payment with its mandatory columns is fine", payment(func(l *Line) {}), nil},
		{"a wallet with a card number is fine", enrolment(func(l *Line) {}), nil},

		{"a mandatory column is empty", payment(func(l *Line) { l.OrderRef = "" }), []string{"order_ref FIELD_MISSING"}},
		{"every mandatory column is empty", &Line{Command: DoCapture}, []string{"line_ref FIELD_MISSING", "amount FIELD_MISSING", "currency FIELD_MISSING", "transaction_id FIELD_MISSING"}},
		{"a column that the command does not have", payment(func(l *Line) { l.TransactionID = "T1" }), []string{"transaction_id FIELD_NOT_ALLOWED"}},
		{"a card number where the command has none", payment(func(l *Line) { l.CardNumber = NewPAN("5123450000000008") }), []string{"card_number FIELD_NOT_ALLOWED"}},
		{"private data where the command has none", &Line{Ref: "K-1", Command: DoReset, TransactionID: "T1", Private: []PrivateDatum{{"a", "b"}}}, []string{"private.a FIELD_NOT_ALLOWED"}},
		{"empty private data counts as absent", &Line{Ref: "K-1", Command: DoReset, TransactionID: "T1", Private: []PrivateDatum{{"a", ""}}}, nil},
		{"an unknown command still has its other columns checked", payment(func(l *Line) { l.Command = "doMagic"; l.AmountText = "x" }), []string{"command FIELD_VALUE", "amount FIELD_FORMAT"}},
		{"no command at all", payment(func(l *Line) { l.Command = "" }), []string{"command FIELD_MISSING"}},
		{"all findings of a line are collected", payment(func(l *Line) { l.Contract = ""; l.AmountText = "29.90"; l.Currency = "eur" }), []string{"contract FIELD_MISSING", "amount FIELD_FORMAT", "currency FIELD_VALUE"}},

		{"spaces before a value", payment(func(l *Line) { l.WalletID = " CUST" }), []string{"wallet_id FIELD_FORMAT"}},
		{"spaces after a value", payment(func(l *Line) { l.OrderRef = "INV " }), []string{"order_ref FIELD_FORMAT"}},
		{"a no-break space after a value", payment(func(l *Line) { l.OrderRef = "INV\u00a0" }), []string{"order_ref FIELD_FORMAT"}},
		{"spaces within a value are fine", payment(func(l *Line) { l.OrderRef = "INV 1" }), nil},
		{"free text keeps its spaces", payment(func(l *Line) { l.Echo = " a " }), nil},
		{"a tab in free text", payment(func(l *Line) { l.Echo = "a\tb" }), []string{"echo FIELD_FORMAT"}},
		{"a NUL byte", payment(func(l *Line) { l.Echo = "a\x00b" }), []string{"echo FIELD_FORMAT"}},
		{"a C1 control character", payment(func(l *Line) { l.Echo = "a\u0085b" }), []string{"echo FIELD_FORMAT"}},
		{"a line separator", payment(func(l *Line) { l.Echo = "a\u2028b" }), []string{"echo FIELD_FORMAT"}},
		{"undecodable bytes", payment(func(l *Line) { l.Echo = "a\xff" }), []string{"echo FIELD_FORMAT"}},
		{"a control character in private data", payment(func(l *Line) { l.Private = []PrivateDatum{{"k", "\x01"}} }), []string{"private.k FIELD_FORMAT"}},

		{"fifty characters of several bytes are fine", payment(func(l *Line) { l.OrderRef = long(50) }), nil},
		{"fifty-one characters", payment(func(l *Line) { l.OrderRef = long(51) }), []string{"order_ref FIELD_LENGTH"}},
		{"an echo of 256", payment(func(l *Line) { l.Echo = long(256) }), []string{"echo FIELD_LENGTH"}},
		{"private data of 256", payment(func(l *Line) { l.Private = []PrivateDatum{{"k", long(256)}} }), []string{"private.k FIELD_LENGTH"}},
		{"a hundred private data keys", payment(func(l *Line) { l.Private = make([]PrivateDatum, 100) }), []string{"private FIELD_COUNT"}},
		{"a backslash in an order reference", payment(func(l *Line) { l.OrderRef = `A\B` }), []string{"order_ref FIELD_FORMAT"}},
		{"a backslash elsewhere is fine", payment(func(l *Line) { l.WalletID = `A\B` }), nil},

		{"an amount of twelve digits", payment(func(l *Line) { l.AmountText = "999999999999" }), nil},
		{"an amount of thirteen digits", payment(func(l *Line) { l.AmountText = "1000000000000" }), []string{"amount FIELD_LENGTH"}},
		{"a negative amount", payment(func(l *Line) { l.AmountText = "-1" }), []string{"amount FIELD_FORMAT"}},
		{"an amount in major units", payment(func(l *Line) { l.AmountText = "29,90" }), []string{"amount FIELD_FORMAT"}},
		{"digits of another script", payment(func(l *Line) { l.AmountText = "１２" }), []string{"amount FIELD_FORMAT"}},
		{"an unknown currency", payment(func(l *Line) { l.Currency = "XXX" }), []string{"currency FIELD_VALUE"}},
		{"an amount without a currency", &Line{Ref: "R", Command: DoReset, TransactionID: "T1", AmountText: "1"}, []string{"currency FIELD_MISSING"}},
		{"a reset without an amount is fine", &Line{Ref: "R", Command: DoReset, TransactionID: "T1"}, nil},
		{"a version of three digits", payment(func(l *Line) { l.Version = "100" }), []string{"version FIELD_LENGTH"}},
		{"a version that is no number", payment(func(l *Line) { l.Version = "v1" }), []string{"version FIELD_FORMAT"}},
		{"card index zero", payment(func(l *Line) { l.CardIndex = "00" }), []string{"card_index FIELD_VALUE"}},

		{"an unknown mode", payment(func(l *Line) { l.Mode = "cpt" }), []string{"mode FIELD_VALUE"}},
		{"an unknown source", payment(func(l *Line) { l.Source = "PIGEON" }), []string{"source FIELD_VALUE"}},
		{"an impossible date", payment(func(l *Line) { l.CaptureDate = "2026-02-30" }), []string{"capture_date FIELD_FORMAT"}},
		{"a date in another order", payment(func(l *Line) { l.CaptureDate = "21/11/2026" }), []string{"capture_date FIELD_FORMAT"}},
		{"a date-time with an offset", payment(func(l *Line) { l.OrderDate = "2026-11-21T22:00:00+01:00" }), nil},
		{"a date-time without an offset", payment(func(l *Line) { l.OrderDate = "2026-11-21T22:00:00" }), nil},
		{"a date-time without a time", payment(func(l *Line) { l.OrderDate = "2026-11-21" }), []string{"order_date FIELD_FORMAT"}},
		{"a date-time with a space", payment(func(l *Line) { l.OrderDate = "2026-11-21 22:00:00Z" }), []string{"order_date FIELD_FORMAT"}},
		{"a date-time with a one-digit hour", payment(func(l *Line) { l.OrderDate = "2026-11-21T2:00:00Z" }), []string{"order_date FIELD_FORMAT"}},
		{"an e-mail address", enrolment(func(l *Line) { l.Email = "a@b.example" }), nil},
		{"an e-mail address without a domain", enrolment(func(l *Line) { l.Email = "a@" }), []string{"email FIELD_FORMAT"}},
		{"an e-mail address with two at signs", enrolment(func(l *Line) { l.Email = "a@b@c" }), []string{"email FIELD_FORMAT"}},
		{"an unknown language", enrolment(func(l *Line) { l.Language = "de" }), []string{"language FIELD_VALUE"}},
		{"a billing day of 32", recurrent(func(l *Line) { l.BillingDay = "32" }), []string{"billing_day FIELD_VALUE"}},
		{"a billing day of 31", recurrent(func(l *Line) { l.BillingDay = "31" }), nil},
		{"a billing cycle that is none", recurrent(func(l *Line) { l.BillingCycle = "15" }), []string{"billing_cycle FIELD_VALUE"}},

		{"a card number with a wrong check digit", enrolment(func(l *Line) { l.CardNumber = NewPAN("5123450000000007") }), []string{"card_number LUHN"}},
		{"a card number with spaces", enrolment(func(l *Line) { l.CardNumber = NewPAN("5123 4500 0000 0008") }), []string{"card_number FIELD_FORMAT"}},
		{"a card number of eleven digits", enrolment(func(l *Line) { l.CardNumber = NewPAN("41111111111") }), []string{"card_number FIELD_LENGTH"}},
		{"a card number of twenty digits", enrolment(func(l *Line) { l.CardNumber = NewPAN("41111111111111111111") }), []string{"card_number FIELD_LENGTH"}},
		{"a card number without an expiry", enrolment(func(l *Line) { l.CardExpiry = "" }), []string{"card_expiry FIELD_MISSING"}},
		{"month thirteen", enrolment(func(l *Line) { l.CardExpiry = "1339" }), []string{"card_expiry FIELD_VALUE"}},
		{"an expiry of the form MM/YY", enrolment(func(l *Line) { l.CardExpiry = "01/39" }), []string{"card_expiry FIELD_FORMAT"}},
		{"a card type that contradicts the number", enrolment(func(l *Line) { l.CardType = "VISA" }), []string{"card_type FIELD_VALUE"}},
		{"a card type that agrees with the number", enrolment(func(l *Line) { l.CardType = "MASTERCARD" }), nil},
		{"a co-branded CB card", enrolment(func(l *Line) { l.CardType = "CB" }), nil},
		{"an unknown card type", enrolment(func(l *Line) { l.CardType = "UNION" }), []string{"card_type FIELD_VALUE"}},
		{"number and token both are left to the rules", enrolment(func(l *Line) { l.CardToken = "tok" }), nil},
		{"a wallet from nothing", enrolment(func(l *Line) { l.CardNumber = PAN{}; l.CardExpiry = "" }), []string{"card_number FIELD_MISSING"}},
		{"a wallet from a transaction", enrolment(func(l *Line) { l.CardNumber = PAN{}; l.CardExpiry = ""; l.TransactionID = "T1" }), nil},
		{"a verification of nothing", &Line{Ref: "V", Command: Verify, Contract: "1"}, []string{"wallet_id FIELD_MISSING"}},
		{"a verification of a token", &Line{Ref: "V", Command: Verify, Contract: "1", CardToken: "tok"}, nil},
		{"an authorization on a wallet", payment(func(l *Line) { l.Command = DoAuthorization }), nil},

		{"a card number in the echo", payment(func(l *Line) { l.Echo = "paid with 5123450000000008" }), []string{"echo STRAY_CARD_NUMBER"}},
		{"a card number in private data", payment(func(l *Line) { l.Private = []PrivateDatum{{"k", "5123-4500-0000-0008"}} }), []string{"private.k STRAY_CARD_NUMBER"}},
		{"a card number as an e-mail address", enrolment(func(l *Line) { l.Email = "4508750015741019@b.example" }), []string{"email STRAY_CARD_NUMBER"}},
		{"a card number as a wallet id", payment(func(l *Line) { l.WalletID = "4508750015741019" }), []string{"wallet_id STRAY_CARD_NUMBER"}},
		{"a card number as a transaction", capture(func(l *Line) { l.TransactionID = "T-5123450000000008" }), []string{"transaction_id STRAY_CARD_NUMBER"}},
		{"digits in a gateway's id that pass for one", capture(func(l *Line) { l.TransactionID = "a5123450000000008b0c0d0e0f1a2b3c" }), nil},
		{"in an id with hyphens too", capture(func(l *Line) { l.TransactionID = "51234500-0000-0008-b0c0-d0e0f1a2b3c4" }), nil},
		{"beside such an id it stays one", capture(func(l *Line) { l.TransactionID = "a5123450000000008b0c0d0e0f1a2b3c.5123450000000008" }), []string{"transaction_id STRAY_CARD_NUMBER"}},
		{"an id of digits and hyphens alone stays one", capture(func(l *Line) { l.TransactionID = "51234500-0000-0008-0000-000000000001" }), []string{"transaction_id STRAY_CARD_NUMBER"}},
		{"a card number as a token", enrolment(func(l *Line) { l.CardNumber = PAN{}; l.CardToken = "4508750015741019" }), []string{"card_token STRAY_CARD_NUMBER"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := CheckLine(row.line, CheckOptions{}, nil)
			if diff := cmp.Diff(row.want, told(got)); diff != "" {
				t.Errorf("findings (-want +got):\n%s", diff)
			}
			for _, f := range got {
				if f.Line != row.line.No || f.Message == "" {
					t.Errorf("finding lacks its line or its message: %+v", f)
				}
			}
		})
	}
}

func recurrent(change func(*Line)) *Line {
	return payment(func(l *Line) {
		l.Command, l.ScheduledDate, l.RecurringAmount, l.BillingCycle = DoRecurrentWalletPayment, "2026-12-01", "2990", "40"
		change(l)
	})
}

func TestEveryCommandAcceptsItsMandatoryColumnsAlone(t *testing.T) {
	sample := map[Shape]string{ShapeAN: "A1", ShapeN: "12", ShapeDate: "2026-12-01", ShapeISO4217: "EUR", ShapeEmail: "a@b"}
	for _, name := range commandNames() {
		l := &Line{Command: Command(name), CardToken: ""}
		at := strings.IndexByte(NeedOrder, commands[l.Command].letter)
		for _, c := range Columns {
			if c.Need[at] != 'M' || c.Name == "command" {
				continue
			}
			*c.Text(l) = sample[c.Shape]
			if c.Shape == ShapeEnum {
				*c.Text(l) = c.Values[0]
			}
		}
		if l.Command == CreateWallet || l.Command == Verify {
			l.CardToken = "tok"
		}
		if l.Command == DoAuthorization {
			l.WalletID = "W1"
		}
		if findings := CheckLine(l, CheckOptions{}, nil); len(findings) > 0 {
			t.Errorf("%s: %v", name, findings)
		}
	}
}

func TestTheMatrixFitsTheCommandsAndTheColumnSet(t *testing.T) {
	if len(Columns) > 64 {
		t.Fatalf("%d columns do not fit a ColumnSet", len(Columns))
	}
	for _, c := range Columns {
		if len(c.Need) != len(NeedOrder) || strings.Trim(c.Need, "Mo.") != "" {
			t.Errorf("%s: need %q does not fit %q", c.Name, c.Need, NeedOrder)
		}
		if (c.Text == nil) != (c.Name == CardNumberColumn) {
			t.Errorf("%s: only the card number has no text", c.Name)
		}
	}
	if len(PrivateNeed) != len(NeedOrder) {
		t.Errorf("private need %q does not fit", PrivateNeed)
	}
}

func TestTwoSpellingsBecomeOne(t *testing.T) {
	l := payment(func(l *Line) { l.Currency = "392"; l.Source = "CALL_CENTER" })
	if findings := CheckLine(l, CheckOptions{}, nil); len(findings) > 0 {
		t.Fatal(findings)
	}
	if l.Currency != "JPY" || l.Source != "CALL_CENTRE" {
		t.Errorf("currency %q, source %q", l.Currency, l.Source)
	}
}

func TestAReferenceIsRepeatedOnlyWhenItIsAcceptable(t *testing.T) {
	good := CheckLine(payment(func(l *Line) { l.OrderRef = "" }), CheckOptions{}, nil)
	if len(good) != 1 || good[0].Ref != "INV-9001" {
		t.Errorf("an acceptable reference is missing: %v", good)
	}
	bad := CheckLine(payment(func(l *Line) { l.Ref = "5123450000000008"; l.OrderRef = "" }), CheckOptions{}, nil)
	if len(bad) != 2 || bad[0].Ref != "" || bad[1].Ref != "" {
		t.Errorf("a reference that may be a card number is repeated: %v", bad)
	}
}

func TestIdentifiersMayLookLikeCardsWhereTheSourceSaysSo(t *testing.T) {
	l := payment(func(l *Line) { l.Ref, l.OrderRef, l.Echo = "5123450000000008", "4508750015741019", "4508750015741019" })
	want := []string{"echo STRAY_CARD_NUMBER"}
	if diff := cmp.Diff(want, told(CheckLine(l, CheckOptions{AcceptCardLikeIDs: true}, nil))); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestOnlyTheColumnsOfTheFileAreLookedAt(t *testing.T) {
	l := payment(func(l *Line) { l.Echo = "\x00" })
	set := ColumnSet(0).With(refColumn)
	if findings := CheckLine(l, CheckOptions{Columns: set}, nil); len(findings) > 0 {
		t.Errorf("a column outside the file was checked: %v", findings)
	}
}

func TestCardNumbersInTextAreFoundAndMasked(t *testing.T) {
	for _, row := range []struct{ text, masked string }{
		{"5123450000000008", "512345******0008"},
		{"paid 5123 4500 0000 0008 today", "paid 512345******0008 today"},
		{"5123-4500-0000-0008", "512345******0008"},
		{"371881634498004", "371881*****8004"},
		{"30123400000000", "301234****0000"},
		{"3528000000000007", "352800******0007"},
		{"6011003179988686", "601100******8686"},
		{"5000000000000000005", "500000*********0005"},
		{"4012000033330026 and 4508750015741019", "401200******0026 and 450875******1019"},
		{"12 4111111111111111 2026", "12 411111******1111 2026"},
		{"x4111111111111111y", "x411111******1111y"},
	} {
		if !HasCardNumber(row.text) {
			t.Errorf("%q holds a card number", row.text)
		}
		if got := MaskCardNumbers(row.text); got != row.masked {
			t.Errorf("%q is masked as %q", row.text, got)
		}
	}
	for _, text := range []string{
		"", "4111111111111112", "41111111111111111111", "9123450000000004", "4111  1111  1111  1111",
		"2026-11-21T22:00:00+01:00", "INV-2026-000123", "512345******0008", "00000000000000000", "4111 1111 1111",
	} {
		if HasCardNumber(text) {
			t.Errorf("%q holds no card number", text)
		}
		if got := MaskCardNumbers(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestMaskedTextHoldsNoCardNumber(t *testing.T) {
	err := quick.Check(func(before, after uint16, dashes bool) bool {
		card := "5123450000000008"
		if dashes {
			card = "5123-4500-0000-0008"
		}
		return !HasCardNumber(MaskCardNumbers(fmt.Sprintf("%d %s %d", before, card, after)))
	}, nil)
	if err != nil {
		t.Error(err)
	}
}

func TestCardTypesFollowFromTheNumber(t *testing.T) {
	for number, want := range map[string]string{
		"5123450000000008": "MASTERCARD", "2223000000000007": "MASTERCARD", "5111111111111118": "MASTERCARD",
		"4508750015741019": "VISA", "4012000033330026": "VISA", "4111111111111111": "VISA",
		"371881634498004": "AMEX", "30123400000000": "DINERS", "36259600000012": "DINERS",
		"3528000000000007": "JCB", "3528111100000001": "JCB", "6011003179988686": "DISCOVER", "6011963280099774": "DISCOVER",
		"5000000000000000005": "MAESTRO", "5666555544443333": "MAESTRO", "135492354874528": "",
		"51234500000000": "", "": "",
	} {
		if got := CardTypeOf(NewPAN(number)); got != want {
			t.Errorf("a number of %d digits is %q, want %q", len(number), got, want)
		}
		if number != "" && number != "51234500000000" && !LuhnValid(number) {
			t.Errorf("a published test number of type %q fails the Luhn check", want)
		}
	}
	if CardTypeFits("CB", NewPAN("371881634498004")) || !CardTypeFits("CB", NewPAN("4111111111111111")) || !CardTypeFits("AMEX", NewPAN("135492354874528")) {
		t.Error("CB goes with VISA, MASTERCARD and MAESTRO; an unknown range goes with any type")
	}
}

func TestLuhnWantsDigitsAlone(t *testing.T) {
	for text, want := range map[string]bool{"": false, "0": true, "18": true, "19": false, "4111111111111111": true, "4111-1111": false, "41 ": false} {
		if got := LuhnValid(text); got != want {
			t.Errorf("LuhnValid(%q) = %v", text, got)
		}
	}
}

func TestIdentifiersOutsideLinesAreCheckedToo(t *testing.T) {
	for text, acceptable := range map[string]bool{"acme": true, "": false, " acme": false, "a\x00": false, "5123450000000008": false, strings.Repeat("x", 51): false} {
		if got := CheckIdentifier(text, 50) == ""; got != acceptable {
			t.Errorf("a text of %d characters is acceptable: %v", len(text), got)
		}
	}
}

// The table for integrators is the table that the check uses.
func TestTheDocumentedMatrixIsTheOneInForce(t *testing.T) {
	page, err := os.ReadFile("../docs/batch-interface.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for row := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(row), "|")
		if len(cells) != len(NeedOrder)+4 {
			continue
		}
		need := ""
		for _, cell := range cells[3 : len(cells)-1] {
			if cell = strings.TrimSpace(cell); cell == "" {
				cell = "."
			}
			need += cell
		}
		documented[strings.Trim(cells[1], " `")] = need
	}
	if documented["Column"] != NeedOrder {
		t.Errorf("the commands are in the order %q", documented["Column"])
	}
	for _, c := range append(Columns[:len(Columns):len(Columns)], Column{Name: "private.<key>", Need: PrivateNeed}) {
		if documented[c.Name] != c.Need {
			t.Errorf("%s is documented as %q, in force is %q", c.Name, documented[c.Name], c.Need)
		}
	}
}
