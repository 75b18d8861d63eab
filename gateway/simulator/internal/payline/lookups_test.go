package payline

import (
	"testing"
	"time"

	"cardbatch/gateway/simulator/stage"
)

func searching(parts ...*element) []*element {
	return append(parts, text("startDate", "22/11/2026"), text("endDate", "22/11/2026"))
}

func TestDetailsOfATransaction(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	b.want("02301", opDetails, text("transactionId", "14000000000000"))
	b.want("02310", opDetails, text("orderRef", "B"))
	b.want("02312", opDetails)
	byRef := b.want(approved, opDetails, text("orderRef", "A"))
	if byRef.get("transaction", "id") != id || byRef.get("transaction", "date") != "22/11/2026 10:00:00" || byRef.get("authorization", "date") != "22/11/26 10:00:00" {
		t.Errorf("details %+v", byRef.child("transaction"))
	}
	if byRef.get("order", "ref") != "A" || byRef.get("payment", "amount") != "1000" || byRef.get("payment", "action") != actionAuthorize || byRef.get("contractNumber") != "1234567" {
		t.Errorf("order %+v, payment %+v", byRef.child("order"), byRef.child("payment"))
	}

	days := func(start, end string) []*element {
		return []*element{text("orderRef", "A"), text("startDate", start), text("endDate", end)}
	}
	b.want(approved, opDetails, days("22/11/2026", "22/11/2026")...)
	b.want(approved, opDetails, days("20/11/2026", "23/11/2026")...)
	b.want(approved, opDetails, days("", "22/11/2026")...)
	b.want("02310", opDetails, days("23/11/2026", "")...)
	b.want("02310", opDetails, days("20/11/2026", "21/11/2026")...)
	b.want("02301", opDetails, text("transactionId", id), text("startDate", "23/11/2026"))
	b.want("02312", opDetails, days("2026-11-22", "")...)

	capture := b.want(approved, opCapture, append(following(id, actionCapture, "1000", "c"), text("sequenceNumber", "7"))...).get("transaction", "id")
	b.want("02311", opDetails, text("orderRef", "A")) // the capture shares the reference
	shown := b.want(approved, opDetails, text("transactionId", id), text("transactionHistory", "Y"))
	list := shown.child("associatedTransactionsList")
	if len(list.children) != 1 || list.get("associatedTransactions", "transactionId") != capture || list.get("associatedTransactions", "type") != opCapture {
		t.Errorf("associated %+v", list)
	}
	if shown.child("statusHistoryList").get("statusHistory", "status") != "ACCEPTED" {
		t.Errorf("history %+v", shown.child("statusHistoryList"))
	}
	if of := b.want(approved, opDetails, text("transactionId", capture)); private(of, privateKey) != "c" || of.get("payment", "action") != actionCapture {
		t.Errorf("details of the capture: %+v", of)
	}

	declined := b.want("01100", opAuthorization, paying(actionAuthorize, "33305"), anyCard(), ordering("D")).get("transaction", "id")
	b.want("01100", opDetails, text("transactionId", declined)) // the result is the transaction's own
}

func TestSearch(t *testing.T) {
	b := newBench(t, stage.Options{})
	id := b.authorize("A", actionAuthorize)
	capture := b.want(approved, opCapture, append(following(id, actionCapture, "400", "c"), text("sequenceNumber", "7"))...).get("transaction", "id")
	b.now = b.now.Add(time.Minute)
	other := b.authorize("B", actionCaptured)
	for name, test := range map[string]struct {
		parts []*element
		want  []string
	}{
		"all":                   {nil, []string{id, capture, other}},
		"by order reference":    {[]*element{text("orderRef", "A")}, []string{id, capture}},
		"by sequence number":    {[]*element{text("sequenceNumber", "7")}, []string{capture}},
		"by id":                 {[]*element{text("transactionId", other)}, []string{other}},
		"by amount":             {[]*element{text("minAmount", "300"), text("maxAmount", "500")}, []string{capture}},
		"by code":               {[]*element{text("returnCode", "01100")}, nil},
		"by contract of nobody": {[]*element{text("contractNumber", "7")}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, found := range b.want(approved, opSearch, searching(test.parts...)...).child("transactionList").children {
				got = append(got, found.get("id"))
			}
			if len(got) != len(test.want) {
				t.Fatalf("found %v, want %v", got, test.want)
			}
			for i := range got {
				if got[i] != test.want[i] {
					t.Errorf("found %v, want %v", got, test.want)
				}
			}
		})
	}
	b.want("02312", opSearch, text("startDate", "22/11/2026"))
	b.want("02312", opSearch, text("startDate", "23/11/2026"), text("endDate", "22/11/2026"))
	b.want("02312", opSearch, text("startDate", "2026-11-22"), text("endDate", "22/11/2026"))
	b.want("02312", opSearch, searching(text("email", "a@example.com"))...)
	empty := b.want(approved, opSearch, text("startDate", "20/11/2026"), text("endDate", "21/11/2026"))
	if n := len(empty.child("transactionList").children); n != 0 {
		t.Errorf("%d transactions of other days", n)
	}
}

func TestWhatIsHiddenIsNotFound(t *testing.T) {
	b := newBench(t, stage.Options{HiddenFor: time.Minute})
	id := b.authorize("A", actionAuthorize)
	b.want("02301", opDetails, text("transactionId", id))
	b.want("02310", opDetails, text("orderRef", "A"))
	if n := len(b.want(approved, opSearch, searching()...).child("transactionList").children); n != 0 {
		t.Errorf("%d transactions, want none yet", n)
	}
	b.want(approved, opCapture, following(id, actionCapture, "1000", "c")...) // hidden from look-ups alone
	b.now = b.now.Add(time.Minute)
	b.want(approved, opDetails, text("transactionId", id))
}
