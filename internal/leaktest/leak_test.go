package leaktest

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
	"cardbatch/internal/killable"
	"cardbatch/internal/simulated"
	"cardbatch/vault"
)

func TestMain(m *testing.M) { killable.Main(m) }

// Published test numbers: those of the demo's sample files, then those of ours.
var numbers = []string{
	"5123450000000008", "4508750015741019", "5111111111111118", "2223000000000007", "4012000033330026",
	"3528000000000007", "371881634498004", "2223000000000023", "4111111111111111", "371881127160004", "371881245560002",
}

// patience bounds one run of the program.
const patience = 2 * time.Minute

// start runs the program, keeps what it says in a file of the folder, and tells how it ended.
func start(t *testing.T, dir, name string, environ []string, args ...string) (killed bool, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c := exec.CommandContext(ctx, killable.Program, args...)
	c.Env = append(append(os.Environ(), "CARDBATCH_LOG_LEVEL=debug"), environ...)
	said, err := os.Create(filepath.Join(dir, "said-"+name))
	if err != nil {
		t.Fatal(err)
	}
	defer said.Close()
	c.Stdout, c.Stderr = said, said
	err = c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		t.Fatalf("%s: %v", name, err)
	}
	status := c.ProcessState.Sys().(syscall.WaitStatus)
	return status.Signaled() && status.Signal() == syscall.SIGKILL, status.ExitStatus()
}

// search looks through everything below dir but the merchant's own inbound originals.
func search(t *testing.T, dir string, originals ...string) {
	t.Helper()
	for _, hit := range hits(t, dir, originals...) {
		t.Error(hit)
	}
}

func hits(t *testing.T, dir string, originals ...string) (found []string) {
	t.Helper()
	return hitsOf(t, numbers, dir, originals...)
}

func hitsOf(t *testing.T, numbers []string, dir string, originals ...string) (found []string) {
	t.Helper()
	files := 0
	needles := make([]needle, len(numbers))
	for i, number := range numbers {
		needles[i] = newNeedle(number)
	}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if e.IsDir() {
			for _, o := range originals {
				if name == o {
					return fs.SkipDir
				}
			}
			return nil
		}
		content, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, n := range needles {
			for _, form := range n.find(append(content, name...)) {
				found = append(found, fmt.Sprintf("%s holds %s %s", name, n.masked, form))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files == 0 {
		t.Fatalf("there is nothing below %s", dir)
	}
	return found
}

// exists makes sure that the search does not pass because nothing was written.
func exists(t *testing.T, dir string, patterns ...string) {
	t.Helper()
	for _, pattern := range patterns {
		matches, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil || len(matches) == 0 {
			t.Errorf("no %s was written (%v): the search proves nothing about it", pattern, err)
		}
	}
}

func TestTheSearchFindsWhatIsPlanted(t *testing.T) {
	const number = "4111111111111111"
	packed, err := hex.DecodeString(number)
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"in clear":                      "D;W-1;createWallet;" + number + ";0139",
		"without anything around it":    number,
		"grouped by spaces":             "card 4111 1111 1111 1111",
		"grouped by dashes":             "card 4111-1111-1111-1111",
		"grouped by narrow spaces":      "card 4111\u202f1111\u202f1111\u202f1111",
		"base 64":                       base64.StdEncoding.EncodeToString([]byte(number + " 0139")),
		"base 64, one byte later":       base64.StdEncoding.EncodeToString([]byte("x" + number + " 0139")),
		"base 64, two bytes later":      base64.URLEncoding.EncodeToString([]byte("xy" + number)),
		"base 64 within a longer text":  base64.StdEncoding.EncodeToString([]byte(`{"number":"` + number + `","expiry":"0139"}`)),
		"hex":                           hex.EncodeToString([]byte("card " + number)),
		"UTF-16":                        strings.Join(strings.Split("card "+number, ""), "\x00"),
		"packed decimal among raw data": "\xff\x00\xfe" + string(packed) + "\xff",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "scratch"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			found := hits(t, dir)
			if len(found) == 0 {
				t.Error("it was not found")
			}
			for _, hit := range found {
				if strings.Contains(hit, number) {
					t.Error("the finding itself holds the number")
				}
			}
		})
	}
	t.Run("masked numbers and other digits are no findings", func(t *testing.T) {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "scratch"), []byte("411111******1111 4111111111111112 20261121220000"), 0o600); err != nil {
			t.Fatal(err)
		}
		search(t, dir)
	})
}

func TestTheDemoLeaksNoCardNumber(t *testing.T) {
	for _, gateway := range simulated.Accounts {
		t.Run(gateway.Kind, func(t *testing.T) { demoLeaksNothing(t, gateway.Kind) })
	}
}

func demoLeaksNothing(t *testing.T, gateway string) {
	t.Parallel()
	dir := t.TempDir()
	demo := filepath.Join(dir, "demo")
	if _, code := start(t, dir, "demo", nil, "--log-level", "debug", "demo", demo, "--gateway", gateway); code != 0 {
		said, _ := os.ReadFile(filepath.Join(dir, "said-demo"))
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	look(t, dir, filepath.Join(demo, "cardbatch.yaml"), "WAL-20261121-01", "WAL-0001")
	exists(t, dir, "demo/state/*", "demo/state/simulator.log", "demo/sftp/outbound/*.res.csv", "said-demo", "said-explain")
	search(t, dir, "demo/sftp/inbound")
}

func TestTheDemoWithAmericanExpressLeaksNoCardNumber(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	demo := filepath.Join(dir, "demo")
	if _, code := start(t, dir, "demo", nil, "--log-level", "debug", "demo", demo, "--gateway", "smartbill"); code != 0 {
		said, _ := os.ReadFile(filepath.Join(dir, "said-demo"))
		t.Fatalf("exit code %d:\n%s", code, said)
	}
	look(t, dir, filepath.Join(demo, "cardbatch.yaml"), "WAL-20261123-01", "WAL-0001")
	exists(t, dir, "demo/state/*", "demo/sftp/outbound/*.res.csv", "demo/sftp/outbound/transactions.*.csv", "demo/amex/from", "said-demo", "said-explain")
	search(t, dir, "demo/sftp/inbound")
}

// look asks the program for everything that it tells about a file and a line of it.
func look(t *testing.T, dir, config, file, line string) {
	t.Helper()
	for name, args := range map[string][]string{
		"status": {"status"}, "files": {"files"}, "show": {"show", file}, "show-line": {"show", file, line}, "explain": {"explain", file, line}, "plan": {"plan"},
	} {
		for _, flags := range [][]string{nil, {"--json"}} {
			if _, code := start(t, dir, name+strings.Join(flags, ""), nil, append(append([]string{"--config", config}, flags...), args...)...); code == 2 || code == 1 {
				said, _ := os.ReadFile(filepath.Join(dir, "said-"+name+strings.Join(flags, "")))
				t.Errorf("%s: exit code %d:\n%s", name, code, said)
			}
		}
	}
}

const config = `environment: TEST
merchants: [{id: acme, lookalike: {lines: 0}}]
contracts: [{id: "1", merchant: acme, gateway: bank, currencies: [EUR], unknown_series: send, merchant_source: true}]
gateways:
  - {name: bank, kind: %s, endpoint: %s, %s, password: "file:keys/password", settle: 0s, concurrency: 4}
sources:
  - name: acme
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
    on_line_error: reject-lines
run: {chunk: 3}
log: {level: debug, format: json}
`

const (
	head = "H;CARDBATCH;1;acme;%s;;TEST;2026-11-21T20:00:00Z\n"
	// Wallets opened and changed by number, a number that fails Luhn and numbers where none belong.
	walletFile = head + `C;line_ref;command;contract;wallet_id;card_number;card_expiry;last_name;comment;echo;email
D;W-1;createWallet;1;CUST-1;5123450000000008;0139;Martin;;;a@example.com
D;W-2;createWallet;1;CUST-2;4508750015741019;0139;Roux;;;a@example.com
D;W-3;createWallet;1;CUST-3;371881634498004;0139;Petit;;;a@example.com
D;W-4;createWallet;1;CUST-4;4111111111111111;0139;Faure;;4111 1111 1111 1111;a@example.com
D;W-5;createWallet;1;CUST-5;4012000033330026;0139;Sato;the card 4012-0000-3333-0026;;a@example.com
D;W-6;createWallet;1;4111111111111111;4111111111111111;0139;Smith;;;a@example.com
D;W-7;createWallet;1;CUST-7;3528000000000007;1301;Durand;;;a@example.com
D;U-1;updateWallet;1;CUST-1;2223000000000007;0139;;;;a@example.com
D;U-2;updateWallet;1;CUST-2;2223000000000023;0139;;;;a@example.com
T;9
`
	paymentFile = head + `C;line_ref;command;contract;wallet_id;card_number;card_expiry;order_ref;amount;currency;source
D;A-1;doAuthorization;1;;5111111111111118;0139;O-1;1000;EUR;INTERNET
D;A-2;doAuthorization;1;;371881127160004;0139;O-2;1000;EUR;INTERNET
D;A-3;doAuthorization;1;;4111111111111111;0539;O-3;1000;EUR;INTERNET
D;A-4;doAuthorization;1;;4508750015741019;0139;FAULT-500_AFTER-4;1000;EUR;INTERNET
D;P-1;doImmediateWalletPayment;1;CUST-1;;;O-5;1000;EUR;
D;P-2;doImmediateWalletPayment;1;CUST-2;;;FAULT-TRUNCATED-6;1000;EUR;
D;V-1;verify;1;;5123450000000008;0139;;;EUR;INTERNET
T;7;EUR:6000
`
)

func TestCrashesAndDoubtLeakNoCardNumber(t *testing.T) {
	for _, gateway := range simulated.Accounts {
		t.Run(gateway.Kind, func(t *testing.T) { crashesLeakNothing(t, gateway) })
	}
}

func crashesLeakNothing(t *testing.T, gateway simulated.Account) {
	t.Parallel()
	dir := t.TempDir()
	for _, folder := range []string{"in", "out", "keys", "elsewhere"} {
		if err := os.Mkdir(filepath.Join(dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	s, err := simulator.New(simulator.Options{StateFile: filepath.Join(dir, "elsewhere", "simulator.log")})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := vault.Create(filepath.Join(dir, "keys", "vault.json")); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"keys/password":  stage.Password,
		"cardbatch.yaml": fmt.Sprintf(config, gateway.Kind, endpoint, gateway.SignsIn),
		"in/1.csv":       fmt.Sprintf(walletFile, "WAL"),
		"in/2.csv":       fmt.Sprintf(paymentFile, "PAY"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	settings := filepath.Join(dir, "cardbatch.yaml")
	run := func(name string, environ ...string) (killed bool, code int) {
		return start(t, dir, name, environ, "--config", settings, "--log-level", "debug", "--clock", "2026-11-21T23:00:00Z", "run")
	}
	// A wallet creation in doubt, and one whose number fails on the way.
	for _, phase := range []stage.Phase{stage.ResetAfter, stage.Truncated} {
		if err := s.Plan(stage.Fault{Phase: phase}); err != nil {
			t.Fatal(err)
		}
	}
	for i, moment := range []string{"archived:1", "chunk staged:2", "submitting:1", "called:3", "submitting:2", "built:1"} {
		if killed, code := run(fmt.Sprintf("killed-%d", i), "CARDBATCH_KILL_AT="+moment); !killed {
			t.Errorf("it was not killed at %s, exit code %d", moment, code)
		}
		search(t, dir, "in")
	}
	for i := 0; ; i++ {
		if _, code := run(fmt.Sprintf("run-%d", i)); code == 0 || code == 10 {
			break
		}
		if i == 5 {
			t.Fatal("the runs do not come to an end")
		}
	}
	look(t, dir, settings, "WAL", "W-1")
	result, err := os.ReadFile(filepath.Join(dir, "out", "1.res.csv"))
	if err != nil || !bytes.Contains(result, []byte(";512345******0008;")) && !bytes.Contains(result, []byte(";222300******0007;")) {
		t.Errorf("the RESULT shows no masked number (%v):\n%s", err, result)
	}
	exists(t, dir, "out/2.res.csv", "elsewhere/simulator.log", "said-killed-0", "said-explain", "state/*")
	search(t, dir, "in")
}
