package pipeline_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/pipeline"
	"cardbatch/store"
)

// wallets is a sheet of n createWallet lines.
func wallets(ref string, sequence, n int) sheet {
	return sheet{ref: ref, sequence: sequence, columns: walletColumns, lines: walletLines(n)}
}

// payments is a sheet of n payments on CUST-1.
func payments(ref string, sequence, n int) sheet {
	return sheet{ref: ref, sequence: sequence, columns: paymentColumns, lines: paymentLines(n, 1)}
}

func TestAFileIsJudgedWhole(t *testing.T) {
	for _, test := range []struct {
		name    string
		change  func(*world)
		file    sheet
		state   batch.FileState
		verdict batch.FindingCode
		column  string // of the finding
		says    string // in its message
	}{
		{"a file of LIVE is rejected by an installation of TEST", nil,
			sheet{ref: "A", mode: "LIVE", columns: walletColumns, lines: walletLines(1)}, batch.FileRejected, batch.WrongMode, "mode", "TEST"},
		{"a file of a merchant whom the source does not serve is rejected", nil,
			sheet{ref: "A", merchant: "stranger", columns: walletColumns, lines: walletLines(1)}, batch.FileRejected, batch.UnknownMerchant, "merchant", ""},
		{"a file with a line that is wrong is rejected whole", nil,
			sheet{ref: "A", columns: walletColumns, lines: []string{walletLines(1)[0], "W-2;createWallet;1;CUST-2;5123450000000009;0139"}},
			batch.FileRejected, batch.LineErrors, "", "1 of 2"},
		{"a file that names a line twice is rejected whole", nil,
			sheet{ref: "A", columns: walletColumns, lines: []string{walletLines(1)[0], walletLines(1)[0]}}, batch.FileRejected, batch.LineErrors, "", "1 of 2"},
		{"a file with more lines than the merchant's limit is held",
			func(w *world) { w.merchant.MaxLines = 2 }, wallets("A", 0, 3), batch.FileHeld, batch.Limit, "", "3 lines"},
		{"a file with as many lines as the limit is accepted",
			func(w *world) { w.merchant.MaxLines = 3 }, wallets("A", 0, 3), batch.FileAccepted, "", "", ""},
		{"a file whose amounts add up to more than the limit is held",
			func(w *world) { w.merchant.MaxAmounts = map[string]int64{"EUR": 200} }, payments("A", 0, 2), batch.FileHeld, batch.Limit, "", "EUR"},
		{"a limit in another currency does not hold the file",
			func(w *world) { w.merchant.MaxAmounts = map[string]int64{"JPY": 1} }, payments("A", 0, 2), batch.FileAccepted, "", "", ""},
		{"the first sequence number may be any", nil, wallets("A", 41, 1), batch.FileAccepted, "", "", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			if test.change != nil {
				test.change(w)
			}
			w.put("a.csv", test.file.String())
			summary := w.run("pull", "check", "ack")
			w.state("a.csv", test.state, test.verdict)
			head, findings, trailer := w.ack("a.ack.csv")
			if head.Verdict != string(test.state) {
				t.Errorf("the ACK says %s", head.Verdict)
			}
			lines := len(test.file.lines)
			if trailer.Lines != lines || (trailer.Accepted == 0) != (test.state == batch.FileRejected) {
				t.Errorf("the ACK's trailer is %+v", trailer)
			}
			if test.verdict == "" {
				if len(findings) != 0 || summary.Accepted != 1 {
					t.Errorf("a clean file has findings %+v, summary %+v", findings, summary)
				}
				return
			}
			i := -1
			for j, f := range findings {
				if f.Code == test.verdict {
					i = j
				}
			}
			if i < 0 {
				t.Fatalf("the ACK names no %s: %+v", test.verdict, findings)
			}
			if f := findings[i]; f.Column != test.column || !strings.Contains(f.Message, test.says) || f.Line == 0 && f.Status != string(test.state) {
				t.Errorf("finding %+v", f)
			}
			if summary.Held != 0 != (test.state == batch.FileHeld) || summary.Rejected != 0 != (test.state == batch.FileRejected) {
				t.Errorf("summary %+v", summary)
			}
			if n := w.simulator.Stats().Requests; n != 0 {
				t.Errorf("%d requests before the verdict", n)
			}
		})
	}
}

func TestTheSameBytesAreRejectedAndTheFirstFileIsNamed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	content := wallets("A", 0, 2).String()
	w.put("first.csv", content)
	w.calm()
	w.put("second.csv", content)
	w.calm()
	w.state("second.csv", batch.FileRejected, batch.DuplicateBytes)
	_, findings, _ := w.ack("second.ack.csv")
	if len(findings) != 1 || !strings.Contains(findings[0].Message, "first.csv") {
		t.Errorf("findings %+v", findings)
	}
	if n := w.simulator.Stats().Tokens; n != 2 {
		t.Errorf("%d cards were saved, want 2", n)
	}
	if reason := w.read("in/rejected/second.csv.reason.txt"); !strings.Contains(reason, "DUPLICATE_BYTES") {
		t.Errorf("the reason file says %q", reason)
	}
	if w.read("in/rejected/second.csv") != content {
		t.Error("the rejected original does not lie in rejected/")
	}
}

func TestTheSameReferenceWithOtherBytesIsRejected(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("first.csv", wallets("A", 0, 2).String())
	w.calm()
	w.put("second.csv", wallets("A", 0, 3).String())
	w.calm()
	w.state("second.csv", batch.FileRejected, batch.DuplicateFile)
	if _, findings, _ := w.ack("second.ack.csv"); !strings.Contains(findings[0].Message, "first.csv") {
		t.Errorf("findings %+v", findings)
	}
}

func TestARejectedFileMayComeAgainMended(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	broken := wallets("A", 7, 1)
	broken.lines = append(broken.lines, "W-2;createWallet;1;CUST-2;;")
	w.put("a.csv", broken.String())
	w.calm()
	w.state("a.csv", batch.FileRejected, batch.LineErrors)
	w.later(time.Minute)
	w.put("a.csv", wallets("A", 7, 2).String())
	w.calm()
	w.state("a.csv", batch.FileDelivered, "")
	w.outcomes("a.2.res.csv", map[batch.LineRef]string{"W-1": "approved 02500", "W-2": "approved 02500"})
}

func TestAFileAheadOfItsSequenceWaitsForTheMissingOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ask := func(sequence int, name string) {
		w.put(name, sheet{ref: name, sequence: sequence, columns: walletColumns,
			lines: []string{fmt.Sprintf("W-%d;createWallet;1;CUST-%d;%s;0139", sequence, sequence, mastercardNumber)}}.String())
	}
	ask(1, "one.csv")
	w.calm()
	ask(3, "three.csv")
	if s := w.calm(); s.Held != 1 {
		t.Errorf("summary %+v", s)
	}
	w.state("three.csv", batch.FileHeld, batch.SequenceGap)
	head, findings, _ := w.ack("three.ack.csv")
	if head.NextSequence != 2 || !strings.Contains(findings[0].Message, "2") {
		t.Errorf("next sequence %d, findings %+v", head.NextSequence, findings)
	}
	ask(2, "two.csv")
	w.calm()
	w.state("two.csv", batch.FileDelivered, "")
	w.move("three.csv", batch.FileHeld, batch.FileAccepted)
	w.calm()
	w.state("three.csv", batch.FileDelivered, "")
	if head, _, _ := w.ack("three.ack02.csv"); head.Verdict != "accepted" || head.NextSequence != 4 {
		t.Errorf("the second ACK says %s, next %d", head.Verdict, head.NextSequence)
	}
	w.outcomes("three.res.csv", map[batch.LineRef]string{"W-3": "approved 02500"})

	ask(2, "two-again.csv")
	w.calm()
	w.state("two-again.csv", batch.FileRejected, batch.SequenceReused)
	if _, findings, _ := w.ack("two-again.ack.csv"); !strings.Contains(findings[0].Message, "4") {
		t.Errorf("findings %+v", findings)
	}
}

// move is an operator's word on a file.
func (w *world) move(name string, from, to batch.FileState) {
	w.Helper()
	w.begin()
	defer w.end()
	w.must(w.session.Move(w.Context(), w.file(name).ID, from, to, w.clock(), "the test says so"))
}

func TestSequenceNumbersAreOnlyCheckedWhereTheSourceSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.source.Sequence = false
	w.put("a.csv", wallets("A", 1, 1).String())
	w.put("b.csv", sheet{ref: "B", sequence: 9, columns: walletColumns, lines: walletLines(2)[1:]}.String())
	w.calm()
	w.state("b.csv", batch.FileDelivered, "")
}

func TestAFileThatLooksLikeARecentOneIsHeld(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 4)
	w.merchant.Lookalike = pipeline.Lookalike{Lines: 2, Percent: 50, Days: 5}
	w.put("first.csv", sheet{ref: "FIRST", columns: paymentColumns, lines: paymentLines(4, 4)}.String())
	w.calm()
	w.state("first.csv", batch.FileDelivered, "")

	again := sheet{ref: "AGAIN", columns: paymentColumns}
	for i, line := range paymentLines(4, 4) {
		if i >= 2 { // other amounts
			line = fmt.Sprintf("P-%d;doImmediateWalletPayment;1;CUST-%d;ORDER;%d;EUR", i+1, i+1, 900+i)
		}
		again.lines = append(again.lines, "Q"+line[1:])
	}
	w.put("again.csv", again.String())
	w.calm()
	w.state("again.csv", batch.FileHeld, batch.Lookalike)
	if _, findings, _ := w.ack("again.ack.csv"); !strings.Contains(findings[0].Message, "2 of 4") || !strings.Contains(findings[0].Message, "first.csv") {
		t.Errorf("findings %+v", findings)
	}
	w.charged(0, refs("Q", 4)...)

	w.move("again.csv", batch.FileHeld, batch.FileAccepted)
	w.calm()
	w.charged(1, refs("Q", 4)...)

	// Six days later nothing is recent any more.
	w.later(6 * 24 * time.Hour)
	for i := range again.lines {
		again.lines[i] = "R" + again.lines[i][1:]
	}
	again.ref = "LATER"
	w.put("later.csv", again.String())
	w.calm()
	w.state("later.csv", batch.FileDelivered, "")
}

func TestASourceMayRejectLinesInsteadOfTheFile(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.source.RejectLines = true
	file := wallets("A", 0, 2)
	file.lines = append(file.lines,
		"W-3;createWallet;1;CUST-3;5123450000000009;0139", // Luhn
		"W-1;createWallet;1;CUST-4;5123450000000008;0139", // the reference again
		"W-5;createWallet;1;;5123450000000008;0139",       // no wallet
	)
	w.put("a.csv", file.String())
	summary := w.calm()
	if summary.Accepted != 1 || summary.BadLines != 3 {
		t.Errorf("summary %+v", summary)
	}
	_, findings, trailer := w.ack("a.ack.csv")
	if trailer.Lines != 5 || trailer.Accepted != 2 || trailer.Rejected != 3 {
		t.Errorf("trailer %+v", trailer)
	}
	codes := map[int]batch.FindingCode{}
	for _, f := range findings {
		codes[f.Line] = f.Code
		if f.Status != "rejected" {
			t.Errorf("finding %+v", f)
		}
		if strings.Contains(f.Message, "5123450000000009") {
			t.Error("a finding holds the number")
		}
	}
	if codes[5] != batch.Luhn || codes[6] != batch.DuplicateLineRef || codes[7] != batch.FieldMissing || len(codes) != 3 {
		t.Errorf("codes by line: %v", codes)
	}
	// Two rows carry W-1, so rows are counted by line.
	content := w.read("out/a.res.csv")
	for _, want := range []string{
		"D;3;W-1;createWallet;approved;02500;", "D;4;W-2;createWallet;approved;02500;",
		"D;5;W-3;createWallet;refused;02614;", "D;6;W-1;createWallet;refused;02001;", "D;7;W-5;createWallet;refused;02305;",
	} {
		if !strings.Contains(content, "\n"+want) {
			t.Errorf("the RESULT lacks %s\n%s", want, content)
		}
	}
	if w.simulator.Stats().Tokens != 2 {
		t.Errorf("%d cards were saved", w.simulator.Stats().Tokens)
	}
}

func TestALineThatWasAnsweredIsAnsweredAgainAndNothingIsSent(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 2)
	w.put("first.csv", sheet{ref: "FIRST", columns: paymentColumns, lines: paymentLines(2, 2)}.String())
	w.calm()
	first, _ := w.result("first.res.csv")
	requests := w.simulator.Stats().Requests

	w.later(time.Hour)
	again := sheet{ref: "AGAIN", columns: paymentColumns, lines: append(paymentLines(2, 2), "P-3;doImmediateWalletPayment;1;CUST-1;ORDER-3;777;EUR")}
	w.put("again.csv", again.String())
	w.calm()
	rows := w.outcomes("again.res.csv", map[batch.LineRef]string{"P-1": "approved 00000", "P-2": "approved 00000", "P-3": "approved 00000"})
	for _, ref := range refs("P", 2) {
		if !rows[ref].IsDuplicate || rows[ref].TransactionID != first[ref].TransactionID || rows[ref].SubmittedAt != first[ref].SubmittedAt {
			t.Errorf("%s is answered with %+v, first %+v", ref, rows[ref], first[ref])
		}
	}
	if rows["P-3"].IsDuplicate {
		t.Error("a new line is marked as answered before")
	}
	if n := w.simulator.Stats().Requests - requests; n != 1 {
		t.Errorf("%d requests for the one new line", n)
	}
	w.charged(1, refs("P", 3)...)
}

func TestLinesWhoseReferenceIsKnown(t *testing.T) {
	for _, test := range []struct {
		name   string
		before func(w *world) // what became of P-1 in first.csv
		line   string
		code   batch.FindingCode
		result string
	}{
		{"the same reference with another amount is a conflict",
			func(w *world) { w.calm() },
			"P-1;doImmediateWalletPayment;1;CUST-1;ORDER-1;999;EUR", batch.Conflict, "refused 02001"},
		{"the same line in doubt blocks",
			func(w *world) {
				w.run("pull", "check", "ack")
				w.doubt("P-1")
			},
			paymentLines(1, 1)[0], batch.InDoubtBlocked, "refused 02002"},
		{"the same line that still waits is in progress",
			func(w *world) { w.run("pull", "check", "ack") },
			paymentLines(1, 1)[0], batch.LineInProgress, "refused 02002"},
		{"other content blocks with a conflict even in doubt",
			func(w *world) {
				w.run("pull", "check", "ack")
				w.doubt("P-1")
			},
			"P-1;doImmediateWalletPayment;1;CUST-1;ORDER-1;999;EUR", batch.Conflict, "refused 02001"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := withWallets(t, 1)
			w.source.RejectLines = true
			w.put("first.csv", sheet{ref: "FIRST", columns: paymentColumns, lines: paymentLines(1, 1)}.String())
			test.before(w)
			before := w.simulator.Stats().Charges
			w.put("again.csv", sheet{ref: "AGAIN", columns: paymentColumns, lines: []string{test.line}}.String())
			w.run("pull", "check", "ack", "respond", "deliver")
			_, findings, _ := w.ack("again.ack.csv")
			if len(findings) != 1 || findings[0].Code != test.code || findings[0].Line != 3 || !strings.Contains(findings[0].Message, "first.csv") {
				t.Errorf("findings %+v", findings)
			}
			w.outcomes("again.res.csv", map[batch.LineRef]string{"P-1": test.result})
			if n := w.simulator.Stats().Charges; n != before {
				t.Errorf("%d charges", n-before)
			}
		})
	}
}

// doubt submits what is queued so that the line is carried out and its answer lost.
func (w *world) doubt(ref batch.LineRef) {
	w.Helper()
	w.plan("500_after", ref)
	w.run("submit")
	for _, rec := range w.all() {
		if rec.Line.Ref == ref && rec.State == batch.InDoubt {
			return
		}
	}
	w.Fatalf("%s is not in doubt", ref)
}

// all lists every line of the store.
func (w *world) all() (all []batch.LineRecord) {
	w.Helper()
	for rec, err := range w.store.Lines(w.Context(), store.LineQuery{}) {
		w.must(err)
		all = append(all, rec)
	}
	return all
}

func TestAFileCanBeHeldReleasedAndRecalledUntilItsFirstLineIsSubmitted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a.csv", wallets("A", 0, 2).String())
	w.run("pull", "check", "ack")
	w.move("a.csv", batch.FileAccepted, batch.FileHeld)
	w.calm()
	w.state("a.csv", batch.FileHeld, "")
	if n := w.simulator.Stats().Requests; n != 0 {
		t.Fatalf("%d requests for a file that is held", n)
	}
	w.move("a.csv", batch.FileHeld, batch.FileAccepted)
	w.move("a.csv", batch.FileAccepted, batch.FileRecalled)
	w.calm()
	w.state("a.csv", batch.FileRecalled, "")
	if n := w.simulator.Stats().Requests; n != 0 {
		t.Errorf("%d requests for a recalled file", n)
	}
	if head, _, _ := w.ack("a.ack03.csv"); head.Verdict != "recalled" {
		t.Errorf("the last ACK says %s", head.Verdict)
	}
	if names := w.names("in/processing"); len(names) != 0 {
		t.Errorf("the original still lies in the inbound folder: %v", names)
	}
	// What was recalled may come again.
	w.later(time.Hour)
	w.put("a.csv", wallets("A", 0, 2).String())
	w.calm()
	w.state("a.csv", batch.FileDelivered, "")
	w.begin()
	defer w.end()
	if err := w.session.Move(t.Context(), w.file("a.csv").ID, batch.FileDelivered, batch.FileRecalled, w.clock(), "too late"); err == nil {
		t.Error("a file whose lines were submitted was recalled")
	}
}

func TestAnExpectedFileThatHasNotComeIsMissed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	at := func(hour int) func(time.Time) time.Time {
		return func(day time.Time) time.Time {
			return time.Date(day.Year(), day.Month(), day.Day(), hour, 0, 0, 0, day.Location())
		}
	}
	w.source.Expected = []pipeline.Expected{
		{Pattern: "pay-*.csv", By: at(21), Zone: time.UTC},
		{Pattern: "late-*.csv", By: at(23), Zone: time.UTC},
	}
	if s := w.run(); fmt.Sprint(s.Missing) != "[acme/pay-*.csv]" {
		t.Errorf("missing %v at ten in the evening", s.Missing)
	}
	w.put("pay-1.csv", wallets("A", 0, 1).String())
	if s := w.run(); len(s.Missing) != 0 {
		t.Errorf("missing %v after it came", s.Missing)
	}
	w.later(time.Hour)
	if s := w.run(); fmt.Sprint(s.Missing) != "[acme/late-*.csv]" {
		t.Errorf("missing %v at eleven", s.Missing)
	}
	w.later(2 * time.Hour) // a new day: nothing is late yet
	if s := w.run(); len(s.Missing) != 0 {
		t.Errorf("missing %v after midnight", s.Missing)
	}
}
