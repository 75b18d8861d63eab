package batchfile

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
	"cardbatch/money"
)

func resultRows() []batch.ResultRow {
	return []batch.ResultRow{
		{
			Line: 3, Ref: "INV-9001", Command: batch.DoImmediateWalletPayment, Outcome: batch.OutcomeApproved, Code: "00000", ShortMessage: "ACCEPTED",
			LongMessage: "approved", WalletID: "CUST-42", CardIndex: "1", CardStatus: batch.CardActive, Card: "512345******0008", CardExpiry: "0139",
			TransactionID: "T-1", PaymentRecord: "PR-1", AuthorizationNumber: "A12345", Amount: "2990", Currency: "EUR", IsDuplicate: true,
			Gateway: "mastercard-eu", GatewayCode: "APPROVED", SchemeCode: "00", AdviceCode: "01", NetworkTransaction: "MCC0000011121",
			AgreementID: "SUB-1", Attempts: 2, SubmittedAt: "2026-11-21T23:00:00Z", CompletedAt: "2026-11-21T23:00:01Z",
			RetryNotBefore: "2026-11-24T23:00:00Z", Echo: `keep "this"; please`,
		},
		{Line: 4, Ref: "-1", Command: batch.DoImmediateWalletPayment, Outcome: batch.OutcomeDeclined, Code: "01100", ShortMessage: "REFUSED", LongMessage: "-1+2", Amount: "12000", Currency: "JPY", Attempts: 1, Echo: "=cmd|' /C calc'!A0"},
		{Line: 5, Ref: "R-5", Command: batch.GetWallet, Outcome: batch.OutcomeRefused, Code: "02503", Echo: "'=already"},
		{Line: 6, Ref: "R-6", Command: batch.GetWallet, Outcome: batch.OutcomeNotSent},
		{Line: 7, Ref: "R-7", Command: batch.GetWallet, Outcome: batch.OutcomePending},
		{Line: 8, Ref: "R-8", Command: batch.DoRefund, Outcome: batch.OutcomeInDoubt, Amount: "1", Currency: "EUR"},
		{Line: 9, Ref: "R-9", Command: batch.DoCapture, Outcome: batch.OutcomeApproved, Amount: "10", Currency: "EUR"},
	}
}

func writeResult(t *testing.T, rows []batch.ResultRow, layout batch.Layout) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := NewResultWriter(&out, ResultHeader{Header: testHeader, Lines: len(rows)}, layout)
	if err != nil {
		t.Fatal(err)
	}
	for i := range rows {
		if err := w.Write(&rows[i]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func readResult(file []byte, encoding string) (rows []batch.ResultRow, r *ResultReader, err error) {
	if r, err = NewResultReader(bytes.NewReader(file), encoding); err != nil {
		return nil, nil, err
	}
	for {
		var row batch.ResultRow
		if err := r.Read(&row); err != nil {
			return rows, r, err
		}
		rows = append(rows, row)
	}
}

func TestAResultHasTheColumnsOfSectionFive(t *testing.T) {
	const want = `H;CARDBATCH-RESULT;1;acme;PAY-20261121-01;417;TEST;2026-11-21T22:00:00Z
C;line;line_ref;command;outcome;code;short_message;long_message;wallet_id;card_index;card_status;card;card_expiry;transaction_id;payment_record_id;authorization_number;amount;currency;is_duplicate;gateway;gateway_code;scheme_code;advice_code;network_transaction_id;agreement_id;attempts;submitted_at;completed_at;retry_not_before;echo
D;3;INV-9001;doImmediateWalletPayment;approved;00000;ACCEPTED;approved;CUST-42;1;active;512345******0008;0139;T-1;PR-1;A12345;2990;EUR;true;mastercard-eu;APPROVED;00;01;MCC0000011121;SUB-1;2;2026-11-21T23:00:00Z;2026-11-21T23:00:01Z;2026-11-24T23:00:00Z;"keep ""this""; please"
D;4;-1;doImmediateWalletPayment;declined;01100;REFUSED;'-1+2;;;;;;;;;12000;JPY;false;;;;;;;1;;;;'=cmd|' /C calc'!A0
D;5;R-5;getWallet;refused;02503;;;;;;;;;;;;;false;;;;;;;0;;;;''=already
D;6;R-6;getWallet;not_sent;;;;;;;;;;;;;;false;;;;;;;0;;;;
D;7;R-7;getWallet;pending;;;;;;;;;;;;;;false;;;;;;;0;;;;
D;8;R-8;doRefund;in_doubt;;;;;;;;;;;;1;EUR;false;;;;;;;0;;;;
D;9;R-9;doCapture;approved;;;;;;;;;;;;10;EUR;false;;;;;;;0;;;;
T;7;2;1;1;1;1;1;EUR:3000
`
	if diff := cmp.Diff(want, string(writeResult(t, resultRows(), batch.Layout{}))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAResultIsReadBackInEveryLayout(t *testing.T) {
	for _, encoding := range []string{UTF8, Latin1, CP1252} {
		for i := range len(Separators) {
			layout := batch.Layout{Separator: Separators[i], Encoding: encoding}
			rows, r, err := readResult(writeResult(t, resultRows(), layout), encoding)
			if err != io.EOF {
				t.Fatalf("%+v: %v", layout, err)
			}
			if diff := cmp.Diff(resultRows(), rows); diff != "" {
				t.Errorf("%+v (-want +got):\n%s", layout, diff)
			}
			if diff := cmp.Diff(testHeader, r.Header()); diff != "" {
				t.Errorf("header (-want +got):\n%s", diff)
			}
			want := ResultTrailer{Lines: 7, Approved: []money.Amount{{Minor: 3000, Currency: "EUR"}}, Outcomes: map[batch.Outcome]int{
				"approved": 2, "declined": 1, "refused": 1, "not_sent": 1, "pending": 1, "in_doubt": 1,
			}}
			if diff := cmp.Diff(want, r.Trailer()); diff != "" {
				t.Errorf("trailer (-want +got):\n%s", diff)
			}
		}
	}
}

func TestAResultWhoseRowsDoNotAddUpIsNotClosed(t *testing.T) {
	w, err := NewResultWriter(io.Discard, ResultHeader{Header: testHeader, Lines: 2}, batch.Layout{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(&batch.ResultRow{Line: 3, Outcome: "maybe"}); !errors.Is(err, ErrTally) {
		t.Errorf("an outcome that is none of the six: %v", err)
	}
	if err := w.Write(&batch.ResultRow{Line: 3, Outcome: batch.OutcomeApproved, Amount: "1.00"}); !errors.Is(err, ErrTally) {
		t.Errorf("an approved amount that is none: %v", err)
	}
	if err := w.Write(&batch.ResultRow{Line: 3, Outcome: batch.OutcomeApproved}); err != nil {
		t.Error(err)
	}
	if err := w.Close(); !errors.Is(err, ErrTally) {
		t.Errorf("a row too few: %v", err)
	}
}

func TestAResultHoldsNoCardNumberAndNoLineBreak(t *testing.T) {
	rows := []batch.ResultRow{{
		Line: 3, Ref: "R", Outcome: batch.OutcomeDeclined, LongMessage: "card 5123450000000008 refused\nby the bank", Card: "4508750015741019", Echo: "4508 7500 1574 1019", GatewayCode: "東京",
	}}
	file := writeResult(t, rows, batch.Layout{Encoding: Latin1})
	if batch.HasCardNumber(string(file)) {
		t.Error("a card number was written")
	}
	got, _, err := readResult(file, Latin1)
	if err != io.EOF || len(got) != 1 {
		t.Fatal(err)
	}
	if got[0].LongMessage != "card 512345******0008 refused by the bank" || got[0].Card != "450875******1019" || got[0].GatewayCode != "??" {
		t.Errorf("%+v", got[0])
	}
}

func TestADamagedResultIsNotReadToAGoodEnd(t *testing.T) {
	good := string(writeResult(t, resultRows(), batch.Layout{}))
	for name, file := range map[string]string{
		"empty":            "",
		"another layout":   strings.Replace(good, "CARDBATCH-RESULT", "CARDBATCH", 1),
		"other columns":    strings.Replace(good, "short_message", "message", 1),
		"cut off":          good[:len(good)-40],
		"a row is missing": strings.Replace(good, "D;6;R-6;getWallet;not_sent;;;;;;;;;;;;;;false;;;;;;;0;;;;\n", "", 1),
		"another total":    strings.Replace(good, "EUR:3000", "EUR:3001", 1),
		"another outcome":  strings.Replace(good, ";pending;", ";declined;", 1),
		"no outcome":       strings.Replace(good, ";pending;", ";;", 1),
		"a line number":    strings.Replace(good, "D;3;", "D;x;", 1),
		"a short row":      strings.Replace(good, "D;6;", "D;", 1),
		"something after":  good + "D\n",
		"the quoting":      strings.Replace(good, `"keep`, `keep`, 1),
	} {
		if _, _, err := readResult([]byte(file), ""); err == nil || err == io.EOF || !errors.Is(err, ErrAnswer) && !errors.Is(err, ErrTally) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAnAckIsWrittenAndReadBack(t *testing.T) {
	header := AckHeader{Header: testHeader, Verdict: "rejected", NextSequence: 417}
	rows := []batch.AckRow{
		{Line: 0, Status: "rejected", Code: batch.CountMismatch, Message: "the trailer counts 2 lines, the file holds 1"},
		{Line: 3, Ref: "010", Status: "rejected", Code: batch.FieldFormat, Column: "amount", Message: `=expected "digits"; alone`},
	}
	for i := range len(Separators) {
		layout := batch.Layout{Separator: Separators[i], Encoding: CP1252}
		var file bytes.Buffer
		w, err := NewAckWriter(&file, header, layout)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			if err := w.Write(row); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(0, 2); err != nil {
			t.Fatal(err)
		}
		if layout.Separator == ';' {
			const want = `H;CARDBATCH-ACK;1;acme;PAY-20261121-01;417;TEST;2026-11-21T22:00:00Z;rejected;417
C;line;line_ref;status;code;column;message
D;0;;rejected;COUNT_MISMATCH;;the trailer counts 2 lines, the file holds 1
D;3;010;rejected;FIELD_FORMAT;amount;"'=expected ""digits""; alone"
T;2;0;2
`
			if diff := cmp.Diff(want, file.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		}
		got, r := readAck(t, file.String(), layout)
		if diff := cmp.Diff(rows, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(header, r.Header()); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
		if r.Trailer() != (AckTrailer{Lines: 2, Rejected: 2}) {
			t.Errorf("trailer %+v", r.Trailer())
		}
	}
}

func readAck(t *testing.T, file string, layout batch.Layout) (rows []batch.AckRow, r *AckReader) {
	t.Helper()
	r, err := NewAckReader(strings.NewReader(file), layout)
	if err != nil {
		t.Fatal(err)
	}
	for {
		row, err := r.Read()
		if err == io.EOF {
			return rows, r
		}
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, row)
	}
}

func TestACleanAckHasNoRows(t *testing.T) {
	var file bytes.Buffer
	w, err := NewAckWriter(&file, AckHeader{Header: testHeader, Verdict: "accepted"}, batch.Layout{})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(5, 0); err != nil {
		t.Fatal(err)
	}
	rows, r := readAck(t, file.String(), batch.Layout{})
	if len(rows) != 0 || r.Trailer() != (AckTrailer{Lines: 5, Accepted: 5}) {
		t.Errorf("%v, %+v", rows, r.Trailer())
	}
}

func TestADamagedAckIsNotReadToAGoodEnd(t *testing.T) {
	const good = "H;CARDBATCH-ACK;1;acme;F-1;;TEST;2026-11-21T22:00:00Z;rejected;\nC;line;line_ref;status;code;column;message\nD;0;;rejected;NO_LINES;;no lines\nT;0;0;0\n"
	if rows, _ := readAck(t, good, batch.Layout{}); len(rows) != 1 {
		t.Fatal("the good file is not good")
	}
	for name, file := range map[string]string{
		"empty":            "",
		"another layout":   strings.Replace(good, "-ACK", "-RESULT", 1),
		"a missing column": strings.Replace(good, ";message", "", 1),
		"another column":   strings.Replace(good, ";message", ";text", 1),
		"cut off":          strings.TrimSuffix(good, "T;0;0;0\n"),
		"a short row":      strings.Replace(good, ";no lines", "", 1),
		"a line number":    strings.Replace(good, "D;0;", "D;x;", 1),
		"the trailer":      strings.Replace(good, "T;0;0;0", "T;1;0;0", 1),
	} {
		r, err := NewAckReader(strings.NewReader(file), batch.Layout{})
		for err == nil {
			_, err = r.Read()
		}
		if err == io.EOF || !errors.Is(err, ErrAnswer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
