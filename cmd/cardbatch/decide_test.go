package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/batch"
	"cardbatch/gateway/simulator"
	"cardbatch/gateway/simulator/stage"
)

// workspace is an installation whose gateway the test controls.
type workspace struct {
	t         *testing.T
	dir       string
	simulator *simulator.Simulator
}

func newWorkspace(t *testing.T) *workspace {
	t.Helper()
	s, err := simulator.New(simulator.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	endpoint, err := s.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace{t, filepath.Join(t.TempDir(), "ws"), s}
	t.Setenv("SIMULATED_PASSWORD", stage.Password)
	w.cardbatch(exitDone, "init", w.dir)
	w.edit("cardbatch.yaml", `endpoint: "embedded:"`, "endpoint: "+endpoint+"\n    merchant_id: "+stage.MerchantID+"\n    password: env:SIMULATED_PASSWORD")
	return w
}

// edit replaces a text in a file of the workspace.
func (w *workspace) edit(name, old, new string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	text, err := os.ReadFile(path)
	if err != nil {
		w.t.Fatal(err)
	}
	if !strings.Contains(string(text), old) {
		w.t.Fatalf("%s does not hold %q", name, old)
	}
	if err := os.WriteFile(path, []byte(strings.Replace(string(text), old, new, 1)), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// cardbatch runs a command, expects its exit code, and returns what it printed.
func (w *workspace) cardbatch(code int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	if args[0] != "init" {
		args = append([]string{"--config", filepath.Join(w.dir, "cardbatch.yaml")}, args...)
	}
	var out, err bytes.Buffer
	if got := Main(w.t.Context(), args, strings.NewReader(""), &out, &err); got != code {
		w.t.Fatalf("cardbatch %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, &out, &err)
	}
	return out.String(), err.String()
}

func (w *workspace) wallet(id string) (wallet walletJSON) {
	w.t.Helper()
	out, _ := w.cardbatch(exitDone, "wallet", "show", id, "--json")
	if err := json.Unmarshal([]byte(out), &wallet); err != nil {
		w.t.Fatal(err)
	}
	return wallet
}

func TestADecisionOnAWalletLineHasTheEffectsOfTheGatewaysAnswer(t *testing.T) {
	w := newWorkspace(t)
	if err := w.simulator.Plan(stage.Fault{Operation: "TOKENIZE", Phase: stage.ResetAfter, Count: 4}); err != nil {
		t.Fatal(err)
	}
	w.cardbatch(exitNotSent, "run", "--only", "pull,check,enrol")
	out, _ := w.cardbatch(exitDone, "lines", "--state", "in_doubt", "--json")
	var inDoubt []lineJSON
	for text := range strings.Lines(out) {
		var l lineJSON
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatal(err)
		}
		inDoubt = append(inDoubt, l)
	}
	if len(inDoubt) != 4 {
		t.Fatalf("%d wallet lines are in doubt, want 4", len(inDoubt))
	}
	approved, declined := inDoubt[0], inDoubt[1]
	if s := w.wallet(string(approved.WalletID)).Status; s != batch.WalletOpening {
		t.Fatalf("the wallet is %s before the decision, want opening", s)
	}

	resolve := func(code int, l lineJSON, args ...string) string {
		t.Helper()
		_, stderr := w.cardbatch(code, append([]string{"resolve", "1", string(l.Ref), "--yes", "--reason", "seen in the portal"}, args...)...)
		return stderr
	}
	if said := resolve(exitFailure, approved, "--as", "approved"); !strings.Contains(said, "needs the token") {
		t.Errorf("an approved card without its token: %q", said)
	}
	resolve(exitDone, approved, "--as", "approved", "--token", "9000000000000001")
	wallet := w.wallet(string(approved.WalletID))
	if wallet.Status != batch.WalletActive || wallet.OpenLine != 0 || len(wallet.Cards) != 1 || !wallet.Cards[0].Token || wallet.Cards[0].Card == "" {
		t.Errorf("after the approval: %+v", wallet)
	}

	resolve(exitDone, declined, "--as", "declined")
	w.cardbatch(exitFailure, "wallet", "show", string(declined.WalletID)) // it never opened

	// A contract that is gone keeps nobody from deciding.
	w.edit("cardbatch.yaml", `id: "1234567"`, `id: "7654321"`)
	resolve(exitDone, inDoubt[2], "--as", "refused", "--code", "02511")
	out, _ = w.cardbatch(exitDone, "show", "1", string(inDoubt[2].Ref))
	if !strings.Contains(out, "02511") {
		t.Errorf("the code of the decision is not shown:\n%s", out)
	}
	resolve(exitDone, inDoubt[3], "--as", "queued", "--gateway-says-unknown")
	w.cardbatch(exitDone, "audit", "verify")
}

func TestAPendingLineIsDecidedButNeverSentAgain(t *testing.T) {
	w := newWorkspace(t)
	if err := w.simulator.Plan(stage.Fault{Operation: "PAY", Phase: stage.Pending, Count: 1}); err != nil {
		t.Fatal(err)
	}
	w.cardbatch(exitNotSent, "run", "--only", "pull,check,enrol,submit")
	out, _ := w.cardbatch(exitDone, "lines", "--state", "pending", "--json")
	var l lineJSON
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatalf("%v: %q", err, out)
	}
	_, said := w.cardbatch(exitFailure, "resolve", "2", string(l.Ref), "--yes", "--reason", "x", "--as", "queued", "--gateway-says-unknown")
	if !strings.Contains(said, "cannot become queued") {
		t.Errorf("sending a pending line again: %q", said)
	}
	w.cardbatch(exitDone, "resolve", "2", string(l.Ref), "--yes", "--reason", "x", "--as", "approved", "--transaction-id", "PSP-4711")
	out, _ = w.cardbatch(exitDone, "show", "2", string(l.Ref), "--json")
	if err := json.Unmarshal([]byte(out), &l); err != nil {
		t.Fatal(err)
	}
	if l.State != batch.Approved || l.TransactionID != "PSP-4711" || l.Code != batch.CodeAccepted {
		t.Errorf("after the decision: %+v", l)
	}
	w.cardbatch(exitDone, "audit", "verify")
}
