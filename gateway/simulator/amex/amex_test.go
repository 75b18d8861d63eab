package amex_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/smartbill"
	"cardbatch/gateway/simulator/amex"
	"cardbatch/money"
)

const (
	se   = "9876543210"
	card = "371881634498004"
)

// bench is American Express and a merchant who writes and reads with the program's codec, which
// shares nothing with the simulator's.
type bench struct {
	*amex.Amex
	t             *testing.T
	inbox, outbox string
	now           time.Time
}

func newBench(t *testing.T) *bench {
	b := &bench{t: t, inbox: t.TempDir(), outbox: t.TempDir(), now: time.Date(2026, 11, 23, 16, 59, 59, 0, time.UTC)}
	b.Amex = amex.New(b.inbox, b.outbox, func() time.Time { return b.now })
	return b
}

func (b *bench) put(kind smartbill.FileKind, sequence int64, text string) {
	b.t.Helper()
	name, err := smartbill.FileName(kind, se, sequence)
	if err == nil {
		err = os.WriteFile(filepath.Join(b.inbox, name), []byte(text), 0o600)
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) work() {
	b.t.Helper()
	if err := b.Work(b.t.Context()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) last() amex.File {
	all := b.Files()
	return all[len(all)-1]
}

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func enrolments(t *testing.T, sequence int64, all ...smartbill.Enrolment) string {
	t.Helper()
	table, err := smartbill.Shipped(smartbill.EnrolmentTable)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	w, err := smartbill.NewEnrolmentWriter(&text, table, smartbill.Header{SE: se, Sequence: sequence, CreatedAt: time.Unix(1e9, 0), Mode: batch.Test}, nil)
	for _, e := range all {
		if err == nil {
			err = w.Write(e)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func charges(t *testing.T, sequence int64, mode batch.Mode, all ...smartbill.Charge) string {
	t.Helper()
	table, err := smartbill.Shipped(smartbill.ChargeTable)
	if err != nil {
		t.Fatal(err)
	}
	var text strings.Builder
	w, err := smartbill.NewChargeWriter(&text, table, smartbill.Header{SE: se, Sequence: sequence, CreatedAt: time.Unix(1e9, 0), Mode: mode, Currency: "EUR"}, nil)
	for _, c := range all {
		if err == nil {
			err = w.Write(c)
		}
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return text.String()
}

func add(alias, number, expiry string) smartbill.Enrolment {
	return smartbill.Enrolment{Action: smartbill.Add, Alias: alias, Card: batch.NewPAN(number), Expiry: expiry, Name: "Zoë", Key: key("enrol " + alias)}
}

func debit(name, alias string) smartbill.Charge {
	return smartbill.Charge{Kind: smartbill.Debit, Alias: alias, Amount: money.Amount{Minor: 1250, Currency: "EUR"}, OrderRef: name, Key: key(name)}
}

func (b *bench) open(kind smartbill.FileKind, sequence int64) smartbill.Open {
	b.t.Helper()
	name, err := smartbill.FileName(kind, se, sequence)
	if err != nil {
		b.t.Fatal(err)
	}
	return func() (io.ReadCloser, error) { return os.Open(filepath.Join(b.outbox, name)) }
}

// statuses reads a status file: alias, status, code, expiry and product of each record.
func (b *bench) statuses(sequence int64) (got []string) {
	b.t.Helper()
	table, err := smartbill.Shipped(smartbill.StatusTable)
	if err != nil {
		b.t.Fatal(err)
	}
	f, err := smartbill.OpenStatus(b.open(smartbill.StatusFile, sequence), table, nil)
	if err == nil {
		err = f.Each(func(s smartbill.Status) error {
			got = append(got, strings.TrimSpace(fmt.Sprint(s.Alias, " ", s.Status, " ", s.Code, " ", s.NewExpiry, " ", s.Product)))
			if s.At.IsZero() {
				b.t.Error("a status without a time")
			}
			return nil
		})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// responses reads a response file: result, code, value date and flag of each record.
func (b *bench) responses(sequence int64) (got []string) {
	b.t.Helper()
	table, err := smartbill.Shipped(smartbill.ResponseTable)
	if err != nil {
		b.t.Fatal(err)
	}
	f, err := smartbill.OpenResponse(b.open(smartbill.ResponseFile, sequence), table, nil)
	if err == nil {
		err = f.Each(func(r smartbill.Response) error {
			got = append(got, strings.TrimSpace(fmt.Sprint(r.Result, " ", r.Code, " ", r.ValueDate.Format(time.DateOnly), " ", r.CardUpdate)))
			return nil
		})
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

func compare(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("%s:\n%s\nwant\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEnrolments(t *testing.T) {
	b := newBench(t)
	b.put(smartbill.EnrolmentFile, 1, enrolments(t, 1,
		add("A1", card, "0139"), add("B1", card, "0539"), add("C1", "4111111111111111", "0139"), add("D1", card, "0120")))
	b.put(smartbill.EnrolmentFile, 2, enrolments(t, 2,
		add("A1", card, "0139"), smartbill.Enrolment{Action: smartbill.Delete, Alias: "A1", Key: key("delete")}))
	b.work()
	compare(t, "statuses", b.statuses(1), "A1 EA", "B1 ER E040", "C1 ER E020", "D1 ER E030", "A1 EA E010")
	if all := b.Enrolments("A1"); len(all) != 3 || all[0].Card != "371881xxxxx8004" || all[0].Expiry != "0139" || all[0].Key != string(key("enrol A1")) || all[2].Action != "D" {
		t.Errorf("enrolments: %+v", all)
	}
	b.put(smartbill.ChargeFile, 1, charges(t, 1, batch.Test, debit("a", "A1")))
	b.work()
	compare(t, "a charge of a deleted card", b.responses(1), "refused 119 2026-11-23 unchanged")

	entries, err := os.ReadDir(b.inbox)
	if err != nil || len(entries) != 0 {
		t.Errorf("what was taken is there still: %v, %v", entries, err)
	}
}

func TestChargesAndEvents(t *testing.T) {
	b := newBench(t)
	b.put(smartbill.EnrolmentFile, 1, enrolments(t, 1, add("A1", card, "0139"), add("B1", card, "0139")))
	credit := debit("credit", "A1")
	credit.Kind = smartbill.Credit
	b.put(smartbill.ChargeFile, 1, charges(t, 1, batch.Test, debit("a", "A1"), credit, debit("b", "X9")))
	b.work() // enrolments come first
	compare(t, "before the cut-off", b.responses(1), "approved 000 2026-11-23 unchanged", "approved 000 2026-11-23 unchanged", "refused 119 2026-11-23 unchanged")
	if b.Charges(string(key("a"))) != 1 || b.ChargesOf("A1") != 2 || b.ChargesOf("X9") != 0 {
		t.Error("the accounts are wrong")
	}

	b.Tell(amex.Event{Alias: "A1", Status: "EDU", NewExpiry: "0244"})
	b.Tell(amex.Event{Alias: "B1", Status: "PU", Product: "GOLD"})
	b.Tell(amex.Event{SE: se, Alias: "X9", Status: "??", Code: "9"})
	b.Lie(2)
	b.work()
	b.Lie(0)
	compare(t, "events", b.statuses(2), "A1 EDU  0244", "B1 PU   GOLD", "NOBODY4 PU   GOLD", "X9 ?? 9")

	b.Tell(amex.Event{Alias: "B1", Status: "CC", Code: "0001"})
	b.now = time.Date(2026, 11, 27, 17, 0, 0, 0, time.UTC) // a Friday
	b.put(smartbill.ChargeFile, 2, charges(t, 2, batch.Test, debit("c", "A1"), debit("d", "B1"), debit("a", "A1")))
	b.work()
	compare(t, "after the cut-off", b.responses(2), "approved 000 2026-11-30 changed", "declined 189 2026-11-30 unchanged", "approved 000 2026-11-30 unchanged")
	if b.Charges(string(key("a"))) != 2 {
		t.Error("a key that comes twice is charged twice: the accounts hide it")
	}
	b.Decline("A1", "116")
	b.put(smartbill.ChargeFile, 3, charges(t, 3, batch.Test, debit("e", "A1")))
	b.work()
	compare(t, "declined", b.responses(3), "declined 116 2026-11-30 unchanged")
}

func TestWhatIsRefusedWhole(t *testing.T) {
	good := charges(t, 1, batch.Test, debit("a", "A1"))
	for name, c := range map[string]struct{ text, want string }{
		"LIVE":                    {charges(t, 1, batch.Live, debit("a", "A1")), "TEST"},
		"another number":          {charges(t, 2, batch.Test, debit("a", "A1")), "header"},
		"cut":                     {good[:len(good)-2], "cut"},
		"empty":                   {"", "cut"},
		"cut before the trailer":  {good[:strings.Index(good, "TBT")], "not a TBT"},
		"a trailer with less":     {strings.Replace(good, "TBT000001000001", "TBT000001000000", 1), "debits"},
		"a trailer of another":    {strings.Replace(good, "TBT000001", "TBT000002", 1), "trailer"},
		"an amount without sense": {strings.Replace(good, "0001250", "0001 50", 1), "number"},
		"a narrow record":         {strings.Replace(good, string(key("a")), string(key("a"))[1:], 1), "width"},
		"no order":                {strings.Replace(good, "1250a", "1250 ", 1), "without"},
		"neither way":             {strings.Replace(good, "TABD", "TABX", 1), "neither"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t)
			b.put(smartbill.EnrolmentFile, 1, enrolments(t, 1, add("A1", card, "0139")))
			b.put(smartbill.ChargeFile, 1, c.text)
			b.work()
			if f := b.last(); !strings.Contains(f.Refused, c.want) || b.ChargesOf("A1") != 0 {
				t.Errorf("got %+v, want refused for %q", f, c.want)
			}
			if _, err := b.open(smartbill.ResponseFile, 1)(); !os.IsNotExist(err) {
				t.Errorf("it was answered: %v", err)
			}
		})
	}
}

func TestNumbersAndNames(t *testing.T) {
	b := newBench(t)
	b.put(smartbill.EnrolmentFile, 1, enrolments(t, 1, add("A1", card, "0139")))
	b.put(smartbill.ChargeFile, 1, charges(t, 1, batch.Test, debit("a", "A1")))
	b.work()
	b.put(smartbill.ChargeFile, 1, charges(t, 1, batch.Test, debit("a", "A1")))
	b.work()
	if f := b.last(); !strings.Contains(f.Refused, "taken before") || b.Charges(string(key("a"))) != 1 {
		t.Errorf("a number that was taken: %+v", f)
	}
	b.put(smartbill.ChargeFile, 3, charges(t, 3, batch.Test, debit("c", "A1")))
	b.work()
	if f := b.last(); !f.Gap || f.Refused != "" {
		t.Errorf("a gap: %+v", f)
	}
	for _, name := range []string{".SBCHG_" + se + "_000004.dat.tmp", "SBCHG_" + se + "_000004.dat.part", "SBRSP_" + se + "_000001.dat"} {
		if err := os.WriteFile(filepath.Join(b.inbox, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	n := len(b.Files())
	b.work()
	if entries, err := os.ReadDir(b.inbox); err != nil || len(entries) != 3 || len(b.Files()) != n {
		t.Errorf("what is not for American Express, or not there yet, was taken: %v, %v", entries, err)
	}
}
