package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"

	"cardbatch/internal/sshdtest"
	"cardbatch/vault"
)

// remoteWorld is a workspace whose folders lie behind OpenSSH's server.
type remoteWorld struct {
	t      *testing.T
	dir    string
	served string
	addr   string
}

func sshKey(t *testing.T, path string) ssh.PublicKey {
	t.Helper()
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	block, err := ssh.MarshalPrivateKey(private, "")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	return public
}

func newRemoteWorld(t *testing.T, server sshdtest.Options) *remoteWorld {
	t.Helper()
	sshdtest.Need(t)
	w := &remoteWorld{t: t, dir: t.TempDir(), served: t.TempDir()}
	for _, folder := range []string{"in", "out"} {
		if err := os.Mkdir(filepath.Join(w.served, folder), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	server.Login = sshKey(t, filepath.Join(w.dir, "login"))
	host := sshKey(t, filepath.Join(w.dir, "host"))
	server.HostKeyFiles = []string{filepath.Join(w.dir, "host")}
	w.addr = sshdtest.Start(t, server)
	w.pin(host)
	if err := vault.Create(filepath.Join(w.dir, "vault.json")); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	name, port, err := net.SplitHostPort(w.addr)
	if err != nil {
		t.Fatal(err)
	}
	w.write("cardbatch.yaml", fmt.Sprintf(`environment: TEST
vault: {key_set: "file:vault.json"}
merchants: [{id: acme}]
contracts: [{id: "1234567", merchant: acme, gateway: bank, currencies: [EUR, JPY, KWD], unknown_series: send}]
gateways: [{name: bank, kind: mastercard, endpoint: "embedded:", settle: 1s}]
remotes: [{name: remote, host: %s, port: %s, user: %s, key: login, known_hosts: known_hosts}]
sources:
  - name: acme
    merchants: [acme]
    inbound: {remote: remote, folder: %s/in, ready: rename}
    outbound: {remote: remote, folder: %s/out}
log: {level: warn, format: text}
`, name, port, me.Username, w.served, w.served))
	return w
}

func (w *remoteWorld) pin(key ssh.PublicKey) {
	w.write("known_hosts", knownhosts.Line([]string{w.addr}, key)+"\n")
}

func (w *remoteWorld) write(name, content string) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(content), 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// upload puts the demo's files into the inbound folder.
func (w *remoteWorld) upload() {
	w.t.Helper()
	err := eachSample(func(name string, content []byte) error {
		return os.WriteFile(filepath.Join(w.served, "in", name), content, 0o644)
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *remoteWorld) run(wantCode int, args ...string) (stdout, stderr string) {
	w.t.Helper()
	var out, talk bytes.Buffer
	code := Main(w.t.Context(), append([]string{"--config", filepath.Join(w.dir, "cardbatch.yaml")}, args...), strings.NewReader(""), &out, &talk)
	if code != wantCode {
		w.t.Fatalf("exit code %d, want %d\n%s\n%s", code, wantCode, &out, &talk)
	}
	return out.String(), talk.String()
}

func (w *remoteWorld) folder(name string) string {
	w.t.Helper()
	var names []string
	err := filepath.WalkDir(filepath.Join(w.served, name), func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			rel, _ := filepath.Rel(filepath.Join(w.served, name), path)
			names = append(names, rel)
		}
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return strings.Join(names, " ")
}

const demoAnswers = "01-wallets.ack.csv 01-wallets.res.csv 02-payments.ack.csv 02-payments.res.csv 03-wrong-total.ack.csv 04-payments-again.ack.csv 05-too-early.ack.csv"

func TestTheDemoFilesBehindOpenSSH(t *testing.T) {
	w := newRemoteWorld(t, sshdtest.Options{})
	w.upload()
	w.run(exitHeld, "run")
	if got := w.folder("out"); got != demoAnswers {
		t.Errorf("outbound folder holds %s", got)
	}
	const left = "processing/05-too-early.csv rejected/03-wrong-total.csv rejected/03-wrong-total.csv.reason.txt rejected/04-payments-again.csv rejected/04-payments-again.csv.reason.txt"
	if got := w.folder("in"); got != left {
		t.Errorf("inbound folder holds %s", got)
	}
	w.run(exitDone, "run") // nothing new: nothing happens
}

func TestAHostKeyThatIsNotPinnedIsRefused(t *testing.T) {
	w := newRemoteWorld(t, sshdtest.Options{})
	w.upload()
	w.pin(sshKey(t, filepath.Join(w.dir, "other")))
	_, talk := w.run(exitUnreachable, "run")
	if !strings.Contains(talk, "host key") {
		t.Errorf("it does not say why:\n%s", talk)
	}
	if got := w.folder("in"); strings.Contains(got, "processing") {
		t.Errorf("something was done all the same: %s", got)
	}
}

func TestAServerThatRefusesWritesGetsItsAnswersLater(t *testing.T) {
	w := newRemoteWorld(t, sshdtest.Options{})
	w.upload()
	out := filepath.Join(w.served, "out")
	// A file where the folder should be refuses whoever writes, root included.
	if err := os.Rename(out, out+".away"); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(out, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w.run(exitUndelivered, "run")
	if err := os.Remove(out); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(out+".away", out); err != nil {
		t.Fatal(err)
	}
	w.run(exitDone, "deliver")
	if got := w.folder("out"); got != demoAnswers {
		t.Errorf("outbound folder holds %s", got)
	}
}

func TestAServerWithoutRenamesStillGetsEveryFileOnce(t *testing.T) {
	w := newRemoteWorld(t, sshdtest.Options{Args: "-P rename,posix-rename,mkdir"})
	w.upload()
	// Without renames no answer can be published whole: they wait, visibly.
	w.run(exitUndelivered, "run")
	before, _ := w.run(exitDone, "files", "--json")
	w.run(exitUndelivered, "run")
	after, _ := w.run(exitDone, "files", "--json")
	if strings.Count(before, `"id"`) != 5 || strings.Count(after, `"id"`) != 5 {
		t.Errorf("files were taken twice:\n%s\n%s", before, after)
	}
	if got := w.folder("out"); got != "" {
		t.Errorf("outbound folder holds %s", got)
	}
}
