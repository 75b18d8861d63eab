package main

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// playSmartBillDemo returns what the demo printed, and its folder.
func playSmartBillDemo(t *testing.T) (said, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "demo")
	out, err := exec.CommandContext(t.Context(), "cardbatch", "demo", dir, "--gateway", "smartbill").CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return string(out), dir
}

func TestTheDemoPlaysThreeDaysWithAmericanExpress(t *testing.T) {
	said, dir := playSmartBillDemo(t)
	rest := said
	for _, want := range []string{ // in this order
		"Day 1, Monday 23 November",
		"exit code 14",
		"walletId=CUST-03\n",
		"SBENR_1234567890_000001.dat, 3 records",
		"SBDCUST-021 ER E040",
		"SBDNOBODY1 EA",

		"Day 2, Tuesday 24 November",
		"exit code 14",
		"e-mail to alice@example.com: Your American Express card is registered: wallet CUST-01\n  Hello,\n",
		"e-mail to chloe@example.com: Votre carte American Express est enregistrée : portefeuille CUST-03\n",
		"e-mail to hugo@example.com: Votre carte American Express n'a pas pu être enregistrée : portefeuille CUST-02\n",
		"Code de refus : E040\n",
		"result=N&resultCode=E040&type=smartbillEnrollResult&walletId=CUST-02\n",
		"result=Y&resultCode=&type=smartbillEnrollResult&walletId=CUST-01\n",
		"SBCHG_1234567890_000001.dat, 2 records",
		"SBRSP_1234567890_000001.dat",
		"SBDCUST-011 EDU 4106",
		"SBDCUST-031 CC C010lost",

		"Day 3, Wednesday 25 November",
		"CancellationCode=C010&notificationType=Wallet&type=smartBillCanceledCard&walletId=CUST-03\n",
		"notificationType=TRSWALLET",
		"371881******8004 0641 EDU",
		"371881******0004 0539 ER",
		"371881******0002 0139 CC",
		"NOBODY1       the alias is unknown",
		"outbound/02-payments.sup02.csv",
		"CUST-011  1                 1\n",
		"CUST-021  1                 0\n",
		"CUST-031  1                 1\n",
		"The mail catcher has 3 e-mails, the merchant's server was told 9 events.",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the demo does not say %q, or not there:\n%s", want, said)
		}
		rest = after
	}
	for file, want := range map[string]map[string]string{
		"01-wallets.res.csv":    {"WAL-0001": "approved 02500", "WAL-0002": "approved 02500", "WAL-0003": "approved 02500"},
		"02-payments.res.csv":   {"INV-9001": "not_sent", "INV-9002": "not_sent", "INV-9003": "not_sent"},
		"02-payments.sup01.csv": {"INV-9002": "refused 02505"},
		"02-payments.sup02.csv": {"INV-9001": "approved 00000", "INV-9003": "approved 00000"},
		"03-payments.res.csv":   {"INV-9101": "refused 02505"},
	} {
		if diff := cmp.Diff(want, outcomes(t, filepath.Join(dir, "sftp", "outbound", file))); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
	}
}

func TestTheDemoWithAmericanExpressIsTheSameEveryTime(t *testing.T) {
	var said [2]string
	for i := range said {
		text, dir := playSmartBillDemo(t)
		_, story, found := strings.Cut(text, "\nDay 1,") // after the ports
		if !found {
			t.Fatal(text)
		}
		said[i] = strings.ReplaceAll(story, dir, "demo")
	}
	if diff := cmp.Diff(said[0], said[1]); diff != "" {
		t.Error(diff)
	}
}

func TestADemoWhoseDaysAreOverServesNothing(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "demo")
	c := exec.CommandContext(t.Context(), "cardbatch", "demo", dir, "--gateway", "smartbill", "--serve")
	out, err := c.CombinedOutput()
	if err == nil || c.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "--serve does not go with") {
		t.Errorf("%v\n%s", err, out)
	}
	if found, _ := filepath.Glob(dir); len(found) > 0 {
		t.Error("a folder was made")
	}
}
