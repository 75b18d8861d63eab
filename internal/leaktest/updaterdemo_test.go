package leaktest

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"cardbatch"
)

// The demo with an account updater lets card numbers in from the merchant and from the provider,
// and out to both the provider and the gateway. Nothing of that stays.
func TestTheDemoWithAnAccountUpdaterLeaksNoNumber(t *testing.T) {
	t.Parallel()
	all := []string{"4012000033330026", "2223000000000007", "2222410740360010"} // that the provider tells
	samples, err := fs.Glob(cardbatch.Samples, "testdata/demo-updater/*.csv")
	if err != nil {
		t.Fatal(err)
	}
	digits := regexp.MustCompile(`;([0-9]{15,16});`)
	for _, name := range samples {
		content, err := fs.ReadFile(cardbatch.Samples, name)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range digits.FindAllStringSubmatch(string(content), -1) {
			all = append(all, found[1])
		}
	}
	if len(all) != 26 {
		t.Fatalf("the demo has %d numbers, want 26: the search proves nothing about the others", len(all))
	}
	dir := t.TempDir()
	if _, code := start(t, dir, "demo", nil, "demo", filepath.Join(dir, "demo"), "--updater", "paysafe"); code != 0 {
		said, err := os.ReadFile(filepath.Join(dir, "said-demo"))
		t.Fatalf("exit code %d (%v):\n%s", code, err, said)
	}
	settings := []string{"--config", filepath.Join(dir, "demo", "cardbatch.yaml"), "--clock", "2027-01-02T03:00:00Z"}
	for name, args := range map[string][]string{
		"report":  {"updater", "report", "--month", "2026-12", "--fields", "extended"},
		"html":    {"updater", "report", "--month", "2026-12", "--fields", "extended", "--format", "html"},
		"status":  {"updater", "status", "--days", "90", "--json"},
		"explain": {"updater", "select", "--explain", "CUST-01", "--json"},
		"wallets": {"wallet", "list", "--json"},
	} {
		if _, code := start(t, dir, name, nil, append(settings, args...)...); code != 0 {
			t.Errorf("%v: exit code %d", args, code)
		}
	}
	said, err := os.ReadFile(filepath.Join(dir, "said-report"))
	if err != nil || !bytes.Contains(said, []byte(",UPDATE,")) {
		t.Errorf("the report is empty (%v): the search proves nothing", err)
	}
	exists(t, dir, "demo/state/cardbatch.db", "demo/state/simulator.log", "demo/report.html", "demo/sftp/outbound/updater.acme.2026-12.csv", "demo/sftp/outbound/03-payments.res.csv")
	for _, hit := range hitsOf(t, all, dir) {
		t.Error(hit)
	}
	for _, folder := range []string{"Incoming", "Outgoing"} {
		left, err := os.ReadDir(filepath.Join(dir, "demo", "paysafe", folder))
		if err != nil || len(left) > 0 {
			t.Errorf("%s still has %v (%v)", folder, left, err)
		}
	}
}
