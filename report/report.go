// Package report turns the facts of the store into the rows of answer files. The
// same facts give the same rows for ever: nothing here reads a clock, a
// configuration or an environment.
package report

import (
	"time"

	"cardbatch/batch"
)

// ResultRow is a line as a RESULT or SUPPLEMENT shows it (batch interface, section 5).
func ResultRow(rec batch.LineRecord) batch.ResultRow {
	l, a := &rec.Line, &rec.Answer
	short := ""
	if a.Code != "" {
		short, _ = batch.CodeText(a.Code)
	}
	row := batch.ResultRow{
		Line: rec.Address.No, Ref: l.Ref, Command: l.Command, Outcome: rec.State.Outcome(),
		Code: a.Code, ShortMessage: short, LongMessage: message(a),
		WalletID: l.WalletID, CardIndex: a.CardIndex, CardStatus: a.CardStatus, Card: a.Card, CardExpiry: a.CardExpiry,
		TransactionID: a.TransactionID, PaymentRecord: a.PaymentRecord, AuthorizationNumber: a.AuthorizationNumber,
		Amount: l.AmountText, Currency: l.Currency, IsDuplicate: a.IsDuplicate,
		Gateway: rec.Gateway, GatewayCode: a.GatewayCode, SchemeCode: a.SchemeCode, AdviceCode: a.AdviceCode,
		NetworkTransaction: a.NetworkTransaction, AgreementID: l.AgreementID, Attempts: rec.Attempt,
		SubmittedAt: moment(rec.SubmittedAt), RetryNotBefore: moment(a.RetryNotBefore), Echo: l.Echo,
	}
	if rec.State.Final() {
		row.CompletedAt = moment(rec.CompletedAt)
	}
	return row
}

// AckRow is a finding as an ACK shows it. A finding of the file as a whole has the
// verdict as its status; a finding of a line refuses that line.
func AckRow(f batch.Finding, verdict batch.FileState) batch.AckRow {
	status := "rejected"
	if f.Line == 0 || f.Code.Holds() {
		status = string(verdict)
	}
	return batch.AckRow{Line: f.Line, Ref: f.Ref, Status: status, Code: f.Code, Column: f.Column, Message: f.Message}
}

// moment writes a time for an answer: RFC 3339 in UTC to the second, empty for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Truncate(time.Second).Format(time.RFC3339)
}
