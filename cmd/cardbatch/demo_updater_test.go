package main

import (
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden reports of the demo with an account updater")

// playUpdaterDemo returns what the demo printed, and its folder. Warnings are not in it: they
// tell the time of this machine.
func playUpdaterDemo(t *testing.T) (said, dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "demo")
	out, err := exec.CommandContext(t.Context(), "cardbatch", "demo", dir, "--updater", "paysafe").Output()
	if err != nil {
		var exit *exec.ExitError
		_ = errors.As(err, &exit)
		t.Fatalf("%v\n%s\n%s", err, out, exit.Stderr)
	}
	return string(out), dir
}

func TestTheDemoPlaysSixWeeksWithAnAccountUpdater(t *testing.T) {
	t.Parallel()
	said, dir := playUpdaterDemo(t)
	rest := said
	for _, want := range []string{ // in this order
		"Friday 20 November 2026, 20:00",
		"put /inbound/01-wallets.csv",
		"lines    24 sent     25 approved  0 declined  0 refused",
		"The gateway gave 22 new tokens.",

		"Tuesday 1 December 2026, 04:00",
		"updater select --dry-run",
		"cards     22\n",
		"selected  19, in 1 file\n",
		"left out  1: the updater does not cover its scheme\n",
		"left out  1: its wallet is not active\n",
		"left out  1: it does not expire this month\n",
		"account updaters were asked about 19 cards\n",
		"Tuesday 1 December, 11:30: Paysafe takes upd_paysafe_updater_20261201_000001.csv.gpg, 19 cards",
		"Paysafe puts upd_paysafe_updater_20261201_000001.csv_20261201_060001_123.ack\n",
		"  15,RECORD REJECTED,000102 Bad check digit\n",
		"  RECORD ACCEPTED on 18 lines\n",

		"Tuesday 1 December 2026, 19:00",
		"account updaters were asked about 18 cards\n",
		"89987201,CUST-15,1,3222,12/2026,000102,Active,\n",
		"Wednesday 2 December, 11:30: Paysafe takes upd_paysafe_updater_20261201_000002.csv.gpg, 18 cards",
		"Wednesday 2 December, 12:00: Paysafe puts upd_paysafe_updater_20261201_000002.csv_20261202_060002_123.ack\n  RECORD ACCEPTED on 18 lines\n",
		"Thursday 3 December, 18:00: Paysafe puts upd_paysafe_updater_20261201_000002_resp_01_20261203.csv.gpg, encrypted; 9 of 18 cards",

		"Friday 4 December 2026, 04:00",
		"2 files of partners taken\n",
		"cards: 2 with newer data, 2 may not be charged any more\n",
		"The gateway gave 1 new token.",
		"accepted  18     9  ",
		"Friday 4 December, 18:10: Paysafe puts upd_paysafe_updater_20261201_000002_resp_02_20261204.csv.gpg, encrypted; 17 of 18 cards",

		"Saturday 5 December 2026, 04:00",
		"lines    2 sent      2 approved   0 declined  1 refused",
		"cards: 2 with newer data, 3 may not be charged any more\n",
		"the provider says 000104: the merchant is not registered in the program; ask it, then select again\n",
		"exit code 22\n",
		"INV-1201  approved  00000  CUST-01  401200******0026  1229\n",
		"INV-1203  approved  00000  CUST-03  450875******1019  1229\n",
		"INV-1206  refused   02505  CUST-06",

		"Monday 7 December 2026, 04:00",
		"no decision came in time about 1 card",

		"Tuesday 29 December 2026, 19:00",
		"left out  10: it was asked for this month\n",
		"upd_paysafe_updater_20261229_000003.csv\n",

		"Thursday 31 December 2026, 23:00",
		"gateways have still to be told of 1 update",
		"exit code 14\n",
		"CUST-23  1     updateWallet",

		"Saturday 2 January 2027, 04:00",
		"1 account-updater report delivered\n",
		"The gateway gave 1 new token.",
		"e-mail to billing@acme.example: Account updater report of acme: 2026-12\n",
		"  with updater.acme.2026-12.csv, ",
		"updater report --month 2027-01\n",
		"89987201,CUST-23,1,0010,12/2029,UPDATE,Active,2026-12\n",
		"  outbound/updater.acme.2026-12.csv\n",
		"Paysafe was asked about 18 cards twice, because it processed nothing of the first file, and about 2 cards once. It gave 18 answers.\n",
		"The gateway gave 26 tokens and carried out 4 payments.\n",
		"Look around:\n",
	} {
		_, after, found := strings.Cut(rest, want)
		if !found {
			t.Fatalf("the demo does not say %q, or not there:\n%s", want, said)
		}
		rest = after
	}
	for file, want := range map[string]map[string]string{
		"02-payments.res.csv": {"INV-1101": "approved 00000", "INV-1106": "approved 00000"},
		"03-payments.res.csv": {"INV-1201": "approved 00000", "INV-1203": "approved 00000", "INV-1206": "refused 02505"},
		"04-wallets.res.csv":  {"WAL-0024": "approved 02500"},
	} {
		if diff := cmp.Diff(want, outcomes(t, filepath.Join(dir, "sftp", "outbound", file))); diff != "" {
			t.Errorf("%s:\n%s", file, diff)
		}
	}

	delivered := read(t, filepath.Join(dir, "sftp", "outbound", "updater.acme.2026-12.csv"))
	golden(t, "updater.acme.2026-12.csv", delivered)
	report := func(args ...string) string {
		t.Helper()
		args = append([]string{"--config", filepath.Join(dir, "cardbatch.yaml"), "--clock", "2027-02-01T03:00:00Z", "updater", "report"}, args...)
		out, err := exec.CommandContext(t.Context(), "cardbatch", args...).Output()
		if err != nil {
			t.Fatalf("%v: %v", args, err)
		}
		return string(out)
	}
	if diff := cmp.Diff(delivered, report("--month", "2026-12")); diff != "" {
		t.Errorf("the command prints another report than was delivered:\n%s", diff)
	}
	golden(t, "updater-extended.acme.2026-12.csv", report("--month", "2026-12", "--fields", "extended"))
	golden(t, "updater-extended.acme.2027-01.csv", report("--month", "2027-01", "--fields", "extended"))

	html := read(t, filepath.Join(dir, "report.html"))
	for _, want := range []string{"<!doctype html>", "2026-12", "CUST-01", "CONTACH", "ZZ9"} {
		if !strings.Contains(strings.ToLower(html), strings.ToLower(want)) {
			t.Errorf("the HTML report does not have %q", want)
		}
	}
	if number := regexp.MustCompile(`\b[0-9]{13,19}\b`).FindString(html); number != "" {
		t.Errorf("the HTML report has a number of %d digits", len(number))
	}
}

// read returns what is in a file.
func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// golden compares a report with its golden file, byte for byte.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", "demo-updater", name)
	if *update {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(read(t, path), got); diff != "" {
		t.Errorf("%s is not that of the demo; look at the difference, and write it again with -update:\n%s", path, diff)
	}
}

func TestTheDemoWithAnAccountUpdaterIsTheSameEveryTime(t *testing.T) {
	t.Parallel()
	var said [2]string
	for i := range said {
		text, dir := playUpdaterDemo(t)
		_, story, found := strings.Cut(text, "\nFriday 20 November") // after the ports
		if !found {
			t.Fatal(text)
		}
		said[i] = strings.ReplaceAll(story, dir, "demo")
	}
	if diff := cmp.Diff(said[0], said[1]); diff != "" {
		t.Error(diff)
	}
}

func TestADemoWithAnAccountUpdaterHasRulesOfItsOwn(t *testing.T) {
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"of a kind that there is not":  {[]string{"--updater", "visa"}, "--updater must be paysafe"},
		"with American Express":        {[]string{"--updater", "paysafe", "--gateway", "smartbill"}, "--updater does not go with --gateway smartbill"},
		"at a gateway of another kind": {[]string{"--updater", "paysafe", "--gateway", "lyra"}, "--updater does not go with --gateway lyra"},
		"whose servers are to stay":    {[]string{"--updater", "paysafe", "--serve"}, "--serve does not go with --updater"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "demo")
			run := exec.CommandContext(t.Context(), "cardbatch", append([]string{"demo", dir}, c.args...)...)
			out, err := run.CombinedOutput()
			if err == nil || run.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), c.says) {
				t.Errorf("%v\n%s", err, out)
			}
			if found, _ := filepath.Glob(dir); len(found) > 0 {
				t.Error("a folder was made")
			}
		})
	}
}
