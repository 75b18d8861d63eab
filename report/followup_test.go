package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/money"
)

const today = "2026-11-21"

// ending is a line that ended today, approved at its first attempt.
func ending(l batch.Line, change func(*Ended)) Ended {
	l.No, l.Ref, l.OrderRef = 2, "INV-2", "O-2"
	if l.AmountText == "" {
		l.AmountText, l.Currency = "2990", "EUR"
	}
	e := Ended{FileRef: "PAY-1", LineRecord: batch.LineRecord{
		Address: batch.LineAddress{File: 7, No: 2}, Line: l, Gateway: "sim", State: batch.Approved, Attempt: 1,
		Answer:      batch.Answer{Code: "00000", TransactionID: "T-2", Card: "497010******0009", CardType: "VISA"},
		SubmittedAt: time.Date(2026, 11, 21, 9, 0, 0, 1000, time.UTC), CompletedAt: time.Date(2026, 11, 21, 9, 0, 1, 0, time.UTC),
	}}
	if change != nil {
		change(&e)
	}
	return e
}

func TestATransactionRowHoldsWhatIsKnownOfTheLine(t *testing.T) {
	e := ending(batch.Line{Command: batch.DoReAuthorization, TransactionID: "T-1", AgreementID: "SUB-1"}, func(e *Ended) {
		e.State, e.Attempt = batch.Declined, 2
		e.Answer = batch.Answer{Code: "01100", GatewayCode: "DECLINED", SchemeCode: "05", AdviceCode: "03", Card: "497010******0009", CardExpiry: "1230"}
	})
	_, long := batch.CodeText("01100")
	want := batch.TransactionRow{
		Kind: batch.KindReauthorization, Outcome: batch.OutcomeDeclined, Code: "01100", Message: long, FileRef: "PAY-1", Line: 2, Ref: "INV-2", Attempts: 2,
		OrderRef: "O-2", Original: "T-1", Card: "497010******0009", CardExpiry: "1230", Amount: money.Amount{Minor: 2990, Currency: "EUR"},
		Gateway: "sim", GatewayCode: "DECLINED", SchemeCode: "05", AdviceCode: "03", AgreementID: "SUB-1",
		SubmittedAt: "2026-11-21T09:00:00Z", CompletedAt: "2026-11-21T09:00:01Z",
	}
	got, ok := TransactionRow(e)
	if d := cmp.Diff(want, got); !ok || d != "" {
		t.Errorf("%v, -want +got\n%s", ok, d)
	}
}

func TestTransactionsAreAttemptsThatEnded(t *testing.T) {
	payment := batch.Line{Command: batch.DoImmediateWalletPayment}
	for _, test := range []struct {
		name string
		line Ended
		want bool
	}{
		{"approved", ending(payment, nil), true},
		{"refused by the gateway", ending(payment, func(e *Ended) { e.State = batch.Refused }), true},
		{"refused by a rule, without an attempt", ending(payment, func(e *Ended) { e.State, e.Attempt = batch.Refused, 0 }), false},
		{"answered again", ending(payment, func(e *Ended) { e.Answer.IsDuplicate = true }), false},
		{"in doubt", ending(payment, func(e *Ended) { e.State = batch.InDoubt }), false},
		{"pending", ending(payment, func(e *Ended) { e.State = batch.Pending }), false},
		{"a wallet line", ending(batch.Line{Command: batch.CreateWallet}, nil), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, ok := TransactionRow(test.line); ok != test.want {
				t.Errorf("listed: %v, want %v", ok, test.want)
			}
			if _, ok := PaymentRow(test.line, today); ok != (test.want && test.line.State == batch.Approved) {
				t.Errorf("listed as a payment: %v", ok)
			}
		})
	}
}

func TestPaymentsAreMoneyThatMoved(t *testing.T) {
	valued := func(date string) func(*Ended) { return func(e *Ended) { e.Answer.ValueDate = date } }
	for _, test := range []struct {
		name      string
		line      Ended
		amount    int64 // 0: not listed
		valueDate string
	}{
		{"a payment counts on the day it was made", ending(batch.Line{Command: batch.DoImmediateWalletPayment}, nil), 2990, today},
		{"an authorization moves nothing", ending(batch.Line{Command: batch.DoAuthorization}, nil), 0, ""},
		{"its capture does", ending(batch.Line{Command: batch.DoCapture, TransactionID: "T-1"}, nil), 2990, today},
		{"a refund goes back", ending(batch.Line{Command: batch.DoRefund, TransactionID: "T-1"}, nil), -2990, today},
		{"a reset moves nothing", ending(batch.Line{Command: batch.DoReset}, nil), 0, ""},
		{"a re-authorization moves nothing", ending(batch.Line{Command: batch.DoReAuthorization}, nil), 0, ""},
		{"a schedule moves nothing by itself", ending(batch.Line{Command: batch.DoScheduledWalletPayment}, nil), 0, ""},
		{"declined, nothing moved", ending(batch.Line{Command: batch.DoImmediateWalletPayment}, func(e *Ended) { e.State = batch.Declined }), 0, ""},
		{"what counts later is listed later", ending(batch.Line{Command: batch.DoImmediateWalletPayment}, valued("2026-11-23")), 0, ""},
		{"what counted earlier is listed when it is known", ending(batch.Line{Command: batch.DoImmediateWalletPayment}, valued("2026-11-20")), 2990, "2026-11-20"},
		{"a value date that is no date does not lose the line", ending(batch.Line{Command: batch.DoImmediateWalletPayment}, valued("30/11/2026")), 2990, today},
	} {
		t.Run(test.name, func(t *testing.T) {
			row, ok := PaymentRow(test.line, today)
			if ok != (test.amount != 0) || row.Amount.Minor != test.amount || row.ValueDate != test.valueDate {
				t.Errorf("listed %v, %d on %q; want %d on %q", ok, row.Amount.Minor, row.ValueDate, test.amount, test.valueDate)
			}
		})
	}
}

func TestAPaymentIsListedOnExactlyOneDay(t *testing.T) {
	for _, valueDate := range []string{"", "2026-11-19", "2026-11-21", "2026-11-24"} {
		e := ending(batch.Line{Command: batch.DoImmediateWalletPayment}, func(e *Ended) { e.Answer.ValueDate = valueDate })
		var days []string
		for day := today; day <= "2026-11-28"; day = DateAfter(day, 1) {
			if day != today && day != valueDate {
				continue // the store gives a line on its own day and on its value date
			}
			if _, ok := PaymentRow(e, day); ok {
				days = append(days, day)
			}
		}
		if want := max(today, valueDate); len(days) != 1 || days[0] != want {
			t.Errorf("value date %q: listed on %v, want %s", valueDate, days, want)
		}
	}
}
