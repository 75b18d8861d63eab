package report

import (
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// Ended is a line whose attempt ended, with what its row needs beside it.
type Ended struct {
	batch.LineRecord
	FileRef batch.FileRef
}

// TransactionRow is a line as the transactions of the day on which it ended show it. ok is
// false for lines that made no transaction, which that file leaves out.
func TransactionRow(e Ended) (row batch.TransactionRow, ok bool) {
	l, a := &e.Line, &e.Answer
	kind, ok := batch.KindOf(l)
	if !ok || !ended(e) {
		return row, false
	}
	return batch.TransactionRow{
		Kind: kind, Outcome: e.State.Outcome(), Code: a.Code, Message: message(a),
		FileRef: e.FileRef, Line: e.Address.No, Ref: l.Ref, Attempts: e.Attempt, OrderRef: l.OrderRef,
		TransactionID: a.TransactionID, Original: l.TransactionID, AuthorizationNumber: a.AuthorizationNumber, NetworkTransaction: a.NetworkTransaction,
		WalletID: l.WalletID, CardIndex: a.CardIndex, Card: a.Card, CardExpiry: a.CardExpiry, CardType: a.CardType, Amount: amount(l),
		Gateway: e.Gateway, GatewayCode: a.GatewayCode, SchemeCode: a.SchemeCode, AdviceCode: a.AdviceCode, AgreementID: l.AgreementID,
		SubmittedAt: moment(e.SubmittedAt), CompletedAt: moment(e.CompletedAt),
	}, true
}

// PaymentRow is a line as the payments of the day show it. A line belongs to the later of the
// day on which it ended and its value date: what counts tomorrow is listed tomorrow, and
// what we learn too late is listed when we learn it, so that a day that is over never
// changes. ok is false for lines that moved no money or belong to a later day.
//
// Lines that ended on an earlier day are given only for their value date.
func PaymentRow(e Ended, day string) (row batch.PaymentRow, ok bool) {
	l, a := &e.Line, &e.Answer
	kind, known := batch.KindOf(l)
	sum := amount(l)
	if !known || !ended(e) || e.State != batch.Approved || sum.Currency == "" {
		return row, false
	}
	switch kind {
	case batch.KindPayment, batch.KindCapture:
	case batch.KindRefund:
		sum.Minor = -sum.Minor
	default:
		return row, false
	}
	valueDate := day
	if _, err := time.Parse(time.DateOnly, a.ValueDate); err == nil {
		valueDate = a.ValueDate
	}
	if valueDate > day {
		return row, false
	}
	return batch.PaymentRow{
		Kind: kind, ValueDate: valueDate, CompletedAt: moment(e.CompletedAt), Amount: sum, OrderRef: l.OrderRef,
		TransactionID: a.TransactionID, Original: l.TransactionID, AuthorizationNumber: a.AuthorizationNumber, NetworkTransaction: a.NetworkTransaction,
		WalletID: l.WalletID, Card: a.Card, CardType: a.CardType, Gateway: e.Gateway, AgreementID: l.AgreementID,
		FileRef: e.FileRef, Line: e.Address.No, Ref: l.Ref,
	}, true
}

// ended reports whether an attempt of the line came to an end. A line that a rule refused
// has none, and one that was answered again shares that of its namesake.
func ended(e Ended) bool { return e.State.Final() && e.Attempt > 0 && !e.Answer.IsDuplicate }

// amount is the line's amount; without currency when it carries none.
func amount(l *batch.Line) money.Amount {
	a, ok := l.Amount()
	if !ok || a.Currency == "" {
		return money.Amount{}
	}
	return a
}

// message is the long text of an answer: its own, or else its code's.
func message(a *batch.Answer) string {
	if a.Message != "" || a.Code == "" {
		return a.Message
	}
	_, long := batch.CodeText(a.Code)
	return long
}
