package report

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

func record() batch.LineRecord {
	return batch.LineRecord{
		Address: batch.LineAddress{File: 4, No: 17},
		Line: batch.Line{
			No: 17, Ref: "INV-1", Command: batch.DoImmediateWalletPayment, WalletID: "CUST-1", AmountText: "002990", Currency: "EUR",
			AgreementID: "AG", Echo: "=november", CardNumber: batch.NewPAN("4111111111111111"),
		},
		Gateway: "bank", State: batch.Approved, Attempt: 2,
		Answer: batch.Answer{
			Code: "00000", TransactionID: "T-1", AuthorizationNumber: "123456", GatewayCode: "APPROVED", SchemeCode: "00", AdviceCode: "01",
			NetworkTransaction: "999", CardIndex: "1", CardStatus: batch.CardActive, Card: "411111******1111", CardExpiry: "0139", PaymentRecord: "REC",
			IsDuplicate: true, RetryNotBefore: time.Date(2026, 11, 24, 1, 0, 0, 5, time.FixedZone("", 3600)),
		},
		SubmittedAt: time.Date(2026, 11, 21, 23, 0, 0, 987654321, time.FixedZone("", 3600)),
		CompletedAt: time.Date(2026, 11, 21, 22, 0, 1, 0, time.UTC),
	}
}

func TestALineBecomesARowWithEveryFactInItsColumn(t *testing.T) {
	short, long := batch.CodeText("00000")
	want := batch.ResultRow{
		Line: 17, Ref: "INV-1", Command: batch.DoImmediateWalletPayment, Outcome: batch.OutcomeApproved, Code: "00000", ShortMessage: short, LongMessage: long,
		WalletID: "CUST-1", CardIndex: "1", CardStatus: batch.CardActive, Card: "411111******1111", CardExpiry: "0139", TransactionID: "T-1", PaymentRecord: "REC",
		AuthorizationNumber: "123456", Amount: "002990", Currency: "EUR", IsDuplicate: true, Gateway: "bank", GatewayCode: "APPROVED", SchemeCode: "00",
		AdviceCode: "01", NetworkTransaction: "999", AgreementID: "AG", Attempts: 2,
		SubmittedAt: "2026-11-21T22:00:00Z", CompletedAt: "2026-11-21T22:00:01Z", RetryNotBefore: "2026-11-24T00:00:00Z", Echo: "=november",
	}
	if diff := cmp.Diff(want, ResultRow(record())); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestEveryStateHasItsOutcomeAndOnlyFinalOnesAreCompleted(t *testing.T) {
	for state, want := range map[batch.LineState]batch.Outcome{
		batch.Queued: batch.OutcomeNotSent, batch.Submitting: batch.OutcomeInDoubt, batch.InDoubt: batch.OutcomeInDoubt, batch.Pending: batch.OutcomePending,
		batch.Approved: batch.OutcomeApproved, batch.Declined: batch.OutcomeDeclined, batch.Refused: batch.OutcomeRefused,
	} {
		t.Run(string(state), func(t *testing.T) {
			rec := record()
			rec.State = state
			row := ResultRow(rec)
			if row.Outcome != want {
				t.Errorf("outcome %s, want %s", row.Outcome, want)
			}
			if (row.CompletedAt != "") != state.Final() {
				t.Errorf("completed at %q", row.CompletedAt)
			}
		})
	}
}

func TestALineWithoutAnAnswerHasNoMessages(t *testing.T) {
	row := ResultRow(batch.LineRecord{Address: batch.LineAddress{File: 1, No: 3}, Line: batch.Line{Ref: "A"}, State: batch.Queued})
	want := batch.ResultRow{Line: 3, Ref: "A", Outcome: batch.OutcomeNotSent}
	if diff := cmp.Diff(want, row); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMessageThatSaysMoreReplacesTheCodesOwnText(t *testing.T) {
	rec := record()
	rec.Answer.Message = "the wallet's card is kept at another gateway"
	row := ResultRow(rec)
	if short, _ := batch.CodeText(rec.Answer.Code); row.LongMessage != rec.Answer.Message || row.ShortMessage != short {
		t.Errorf("messages %q, %q", row.ShortMessage, row.LongMessage)
	}
}

func TestTheSameFactsGiveTheSameRow(t *testing.T) {
	first := ResultRow(record())
	rec := record()
	rec.SubmittedAt, rec.CompletedAt = rec.SubmittedAt.UTC(), rec.CompletedAt.In(time.FixedZone("", -7200))
	if diff := cmp.Diff(first, ResultRow(rec)); diff != "" {
		t.Errorf("the zone in which a time is held shows (-first +again):\n%s", diff)
	}
}

func TestAFindingBecomesARowOfAnAck(t *testing.T) {
	for _, test := range []struct {
		name    string
		finding batch.Finding
		verdict batch.FileState
		status  string
	}{
		{"a finding of the file has the verdict", batch.Finding{Code: batch.DuplicateBytes, Message: "m"}, batch.FileRejected, "rejected"},
		{"a finding that holds the file says held", batch.Finding{Line: 1, Column: "sequence", Code: batch.SequenceGap, Message: "m"}, batch.FileHeld, "held"},
		{"once released it says accepted", batch.Finding{Line: 1, Column: "sequence", Code: batch.SequenceGap, Message: "m"}, batch.FileAccepted, "accepted"},
		{"a finding of a line rejects that line in an accepted file", batch.Finding{Line: 9, Ref: "A", Column: "amount", Code: batch.FieldFormat, Message: "m"}, batch.FileAccepted, "rejected"},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := test.finding
			want := batch.AckRow{Line: f.Line, Ref: f.Ref, Status: test.status, Code: f.Code, Column: f.Column, Message: f.Message}
			if diff := cmp.Diff(want, AckRow(f, test.verdict)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}
