package pipeline_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway/mastercard"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/pipeline"
	"cardbatch/store"
	"cardbatch/vault"
)

func TestWhatWasOpenInTheResultComesInASupplementAndTheResultStays(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.use(w.connect(func(c *mastercard.Config) { c.Settle = time.Hour }))
	w.wait = 0
	w.plan(stage.Pending, "P-1")
	w.plan(stage.ResetBefore, "P-2")
	w.must(w.simulator.Plan(stage.Fault{Phase: stage.Unavailable503, Operation: "RETRIEVE", Count: 1}))
	w.must(w.simulator.Plan(stage.Fault{Phase: stage.Unavailable503, Operation: "RETRIEVE", Count: 1}))
	w.put("a.csv", sheet{ref: "A", sequence: 5, columns: paymentColumns, lines: paymentLines(3, 1)}.String())
	w.run()
	rows := w.outcomes("a.res.csv", map[batch.LineRef]string{"P-1": "pending 02000", "P-2": "in_doubt 02103", "P-3": "approved 00000"})
	if r := rows["P-1"]; r.CompletedAt != "" || r.SubmittedAt == "" {
		t.Errorf("pending, and completed: %+v", r)
	}
	w.state("a.csv", batch.FileDelivered, "")
	if len(w.names("in/processing")) != 0 {
		t.Error("the original still lies in the inbound folder")
	}
	result := w.read("out/a.res.csv")

	w.later(30 * time.Minute) // P-1 is found; P-2 has not settled
	w.run()
	w.outcomes("a.sup01.csv", map[batch.LineRef]string{"P-1": "approved 00000"})
	w.later(time.Hour)
	w.calm()
	w.outcomes("a.sup02.csv", map[batch.LineRef]string{"P-2": "approved 00000"})
	w.later(time.Hour)
	w.calm()
	if slices.Contains(w.names("out"), "a.sup03.csv") {
		t.Error("a SUPPLEMENT without anything new")
	}
	w.charged(1, refs("P", 3)...)

	answers, err := w.store.Answers(t.Context(), w.file("a.csv").ID, false)
	w.must(err)
	for _, a := range answers {
		var again bytes.Buffer
		w.must(pipeline.WriteAnswer(t.Context(), w.store, a, &again))
		if again.String() != w.read("out/"+a.Name) || digestOf(again.String()) != a.Digest {
			t.Errorf("%s is not the same when it is built again", a.Name)
		}
	}
	if w.read("out/a.res.csv") != result {
		t.Error("the RESULT in the outbound folder was changed")
	}
	n, err := w.store.VerifyJournal(t.Context())
	if err != nil || n == 0 {
		t.Errorf("the journal: %d entries, %v", n, err)
	}
}

func TestAnswersThatCannotBeDeliveredWaitAndComeLater(t *testing.T) {
	for _, test := range []struct {
		name   string
		spoil  func(w *world)
		mend   func(w *world)
		others bool // the other answer is delivered all the same
	}{
		{"the outbound folder is missing",
			func(w *world) { w.must(os.Remove(filepath.Join(w.dir, "out"))) },
			func(w *world) { w.must(os.Mkdir(filepath.Join(w.dir, "out"), 0o700)) }, false},
		{"another file has the name",
			func(w *world) {
				w.must(os.WriteFile(filepath.Join(w.dir, "out", "a.res.csv"), []byte("somebody else's"), 0o600))
			},
			func(w *world) { w.must(os.Remove(filepath.Join(w.dir, "out", "a.res.csv"))) }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			test.spoil(w)
			w.put("a.csv", wallets("A", 0, 2).String())
			summary := w.run()
			if len(summary.Problems) == 0 || summary.Waiting == 0 {
				t.Errorf("summary %+v", summary)
			}
			if test.others && w.read("out/a.ack.csv") == "" {
				t.Error("the ACK was kept back as well")
			}
			w.state("a.csv", batch.FileAnswered, "")
			if names := w.names("in/processing"); len(names) != 1 {
				t.Errorf("the original must stay until its answers are out; there is %v", names)
			}
			if test.others && w.read("out/a.res.csv") != "somebody else's" {
				t.Error("somebody else's file was replaced")
			}
			test.mend(w)
			summary = w.calm()
			if summary.Waiting != 0 {
				t.Errorf("summary %+v", summary)
			}
			w.outcomes("a.res.csv", map[batch.LineRef]string{"W-1": "approved 02500", "W-2": "approved 02500"})
			w.state("a.csv", batch.FileDelivered, "")
			if names := w.names("in/processing"); len(names) != 0 {
				t.Errorf("the original stays: %v", names)
			}
			if names := w.names("outbox"); len(names) != 0 {
				t.Errorf("the outbox keeps %v", names)
			}
		})
	}
}

func TestOriginalsAndLinesAreDeletedAfterTheirRetention(t *testing.T) {
	t.Parallel()
	w := withWallets(t, 1)
	w.put("a.csv", sheet{ref: "A", columns: paymentColumns, lines: paymentLines(1, 1)}.String())
	w.calm()
	if n := len(w.names("archive")); n != 2 {
		t.Fatalf("the archive holds %d originals, want 2", n)
	}
	w.later(6 * 24 * time.Hour)
	w.calm()
	if n := len(w.names("archive")); n != 2 {
		t.Errorf("after six days the archive holds %d originals, want 2", n)
	}
	w.later(2 * 24 * time.Hour)
	w.calm()
	if names := w.names("archive"); len(names) != 0 {
		t.Errorf("after eight days the archive holds %v", names)
	}
	if w.file("a.csv").Archived != "" {
		t.Error("the store thinks that the original is there")
	}
	w.later(401 * 24 * time.Hour)
	w.calm()
	if n := len(w.lines("a.csv")); n != 0 {
		t.Errorf("%d lines are kept after 400 days", n)
	}
	if w.wallet("CUST-1") == nil {
		t.Error("the wallet was forgotten with its file")
	}
}

func TestAnOriginalStaysWhileItsAnswersWait(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(os.Remove(filepath.Join(w.dir, "out")))
	w.put("a.csv", wallets("A", 0, 1).String())
	w.run()
	w.later(30 * 24 * time.Hour)
	w.run()
	if n := len(w.names("archive")); n != 1 {
		t.Errorf("the archive holds %d originals although nothing was delivered", n)
	}
}

func TestWhatADeadRunLeftInTheArchiveIsSwept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	writer, err := w.archive.Create()
	w.must(err)
	_, err = writer.Write([]byte("fetched, and the run died before it was recorded"))
	w.must(err)
	_, _, _, err = writer.Commit()
	w.must(err)
	w.put("a.csv", wallets("A", 0, 1).String())
	w.calm()
	if n := len(w.names("archive")); n != 1 {
		t.Errorf("the archive holds %d files, want the one that is recorded", n)
	}
}

func TestAFileClaimedByADeadRunIsTakenUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.must(os.Mkdir(filepath.Join(w.dir, "in", "processing"), 0o700))
	w.must(os.WriteFile(filepath.Join(w.dir, "in", "processing", "a.csv"), []byte(wallets("A", 0, 1).String()), 0o600))
	w.calm()
	w.state("a.csv", batch.FileDelivered, "")
}

func TestQueuedCardNumbersAreSealedAnewAfterARotation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put("a.csv", wallets("A", 0, 3).String())
	w.run("pull", "check")
	old := sealKey(t, w.vault)
	w.must(w.vault.Rotate())
	w.run("purge")
	for _, rec := range w.lines("a.csv") {
		if len(rec.Sealed) == 0 || vault.KeyOf(rec.Sealed) == old {
			t.Errorf("%s is still sealed with the old key", rec.Line.Ref)
		}
	}
	w.calm()
	for _, rec := range w.lines("a.csv") {
		if rec.State != batch.Approved || len(rec.Sealed) != 0 {
			t.Errorf("%s is %s and keeps %d sealed bytes", rec.Line.Ref, rec.State, len(rec.Sealed))
		}
	}
}

func sealKey(t *testing.T, v *vault.Vault) string {
	t.Helper()
	for _, k := range v.Keys() {
		if k.Use == vault.UseSeal && k.Primary {
			return k.ID
		}
	}
	t.Fatal("no key seals")
	return ""
}

func TestAnOperatorDecidesWhatNoLookupCanEnd(t *testing.T) {
	w := withWallets(t, 1)
	w.wait = 0
	w.fail(stage.Fault{Phase: stage.ResetAfter})
	w.fail(stage.Fault{Phase: stage.Unavailable503, Operation: "RETRIEVE"})
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("P-1", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"),
		row("P-2", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"),
		row("P-3", "doImmediateWalletPayment", "contract=1 wallet_id=CUST-1 order_ref=O amount=100 currency=EUR"),
	}}.String())
	w.put("b.csv", sheet{ref: "B", columns: walletColumns, lines: []string{"W-9;createWallet;1;CUST-9;4508750015741019;0139"}}.String())
	w.run()
	w.simulator.Lift()
	lines := w.lines("a.csv")
	for ref, rec := range lines {
		if ref != "P-3" && rec.State == batch.Approved {
			t.Fatalf("%s is %s", ref, rec.State)
		}
	}
	for name, rec := range w.lines("b.csv") {
		lines[name] = rec
	}
	for _, test := range []struct {
		name string
		line batch.LineRef
		pipeline.Decision
		want error
	}{
		{"a line cannot become pending by a word", "P-1", pipeline.Decision{To: batch.Pending}, pipeline.ErrDecision},
		{"an approved card needs its token", "W-9", pipeline.Decision{To: batch.Approved, Reason: "seen in the portal"}, pipeline.ErrDecision},
		{"the bank saw it", "P-1", pipeline.Decision{To: batch.Approved, Reason: "seen in the portal"}, nil},
		{"the bank refused it", "P-2", pipeline.Decision{To: batch.Declined, Code: "01116", Reason: "seen in the portal"}, nil},
		{"what is decided stays", "P-1", pipeline.Decision{To: batch.Declined, Reason: "again"}, pipeline.ErrDecision},
		{"a card with its token", "W-9", pipeline.Decision{To: batch.Approved, Token: "9000000000000000", Reason: "seen in the portal"}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			w.T = t
			r := w.begin()
			defer w.end()
			if err := r.Decide(t.Context(), lines[test.line].Address, test.Decision); !errors.Is(err, test.want) {
				t.Errorf("got %v, want %v", err, test.want)
			}
		})
	}
	w.T = t
	w.later(time.Hour)
	w.calm()
	rows, _ := w.result("a.sup01.csv")
	if r := rows["P-1"]; r.Outcome != batch.OutcomeApproved || r.TransactionID == "" {
		t.Errorf("P-1 is %+v", r)
	}
	if r := rows["P-2"]; r.Outcome != batch.OutcomeDeclined || r.Code != "01116" {
		t.Errorf("P-2 is %+v", r)
	}
	if card := w.wallet("CUST-9").Cards[0]; card.Token != "9000000000000000" || card.LastFour != "1019" {
		t.Errorf("the card is %+v", card)
	}
}

func TestAStepThatDoesNotExistIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if _, err := w.execute("pull", "polish"); !errors.Is(err, pipeline.ErrUnknownStep) {
		t.Errorf("got %v", err)
	}
}

func TestAnEmptyNightIsQuiet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	if s := w.calm(); s.Pulled+s.Sent+s.Answers+s.Delivered+s.Waiting != 0 {
		t.Errorf("summary %+v", s)
	}
	if n := w.simulator.Stats().Requests; n != 0 {
		t.Errorf("%d requests", n)
	}
	if answers, err := w.store.Answers(t.Context(), 0, false); err != nil || len(answers) != 0 {
		t.Errorf("answers %v, %v", answers, err)
	}
}

func TestNoAnswerHoldsACardNumber(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.source.RejectLines = true
	w.put("a.csv", sheet{ref: "A", columns: anyColumns, lines: []string{
		row("W-1", "createWallet", "contract=1 wallet_id=CUST-1 card_number=5123450000000008 card_expiry=0139 echo=5123450000000008"),
		row("W-2", "createWallet", "contract=1 wallet_id=CUST-2 card_number=4508750015741019 card_expiry=0139"),
		row("A-1", "doAuthorization", "contract=1 card_number=371881634498004 card_expiry=0139 order_ref=O amount=100 currency=EUR source=INTERNET"),
	}}.String())
	w.run()
	for _, name := range w.names("out") {
		content := w.read("out/" + name)
		for _, number := range []string{mastercardNumber, visaNumber, amexNumber} {
			if strings.Contains(content, number) {
				t.Errorf("%s holds a card number", name)
			}
		}
	}
	for rec := range w.store.Lines(t.Context(), store.LineQuery{}) {
		if len(rec.Sealed) != 0 {
			t.Errorf("line %d is %s and keeps its number", rec.Address.No, rec.State)
		}
	}
}
