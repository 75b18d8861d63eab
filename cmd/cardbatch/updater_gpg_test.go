package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// gpgHome is a home of GnuPG with the keys of both sides.
type gpgHome struct {
	*testing.T
	dir string
}

const gpgPhrase = "correct horse battery staple"

// newGPG makes a home with a key for each name. A name in capitals is that of a key that expired in 2020.
// The program is missing: it is skipped, but not where it was promised.
func newGPG(t *testing.T, names ...string) *gpgHome {
	t.Helper()
	if _, err := exec.LookPath("gpg"); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("CARDBATCH_REQUIRE") != "" {
			t.Fatalf("GnuPG is required here: %v", err)
		}
		t.Skipf("GnuPG is missing (package gnupg): %v", err)
	}
	// The agent's socket lies in the home, and the path of a socket must be short.
	dir, err := os.MkdirTemp("/tmp", "gpg")
	if err != nil {
		t.Fatal(err)
	}
	// Of a private key that is locked as usual the program would need a second in each run.
	if err := os.WriteFile(filepath.Join(dir, "gpg-agent.conf"), []byte("s2k-count 65536\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &gpgHome{t, dir}
	t.Cleanup(func() {
		_ = exec.Command("gpgconf", "--homedir", dir, "--kill", "all").Run()
		_ = os.RemoveAll(dir)
	})
	for _, name := range names {
		made, until := "20260101T000000", "0"
		if name == strings.ToUpper(name) {
			made, until = "20200101T000000", "20201231T000000"
		}
		g.run(nil, "--faked-system-time", made, "--passphrase", gpgPhrase, "--quick-gen-key", g.address(name), "future-default", "default", until)
	}
	return g
}

func (g *gpgHome) address(name string) string { return "<" + name + "@example.com>" }

// run is what gpg writes when it is given the input. Its clock is that of the worlds.
func (g *gpgHome) run(input []byte, args ...string) []byte {
	g.Helper()
	common := []string{"--homedir", g.dir, "--batch", "--yes", "--quiet", "--no-tty", "--pinentry-mode", "loopback", "--trust-model", "always"}
	if len(args) > 0 && args[0] != "--faked-system-time" {
		common = append(common, "--faked-system-time", "20261202T120000")
	}
	c := exec.CommandContext(g.Context(), "gpg", append(common, args...)...)
	var out, problems bytes.Buffer
	c.Stdin, c.Stdout, c.Stderr = bytes.NewReader(input), &out, &problems
	if err := c.Run(); err != nil {
		g.Fatalf("gpg %v: %v: %s", args, err, problems.String())
	}
	return out.Bytes()
}

func (g *gpgHome) public(name string) string {
	g.Helper()
	return string(g.run(nil, "--armor", "--export", g.address(name)))
}

func (g *gpgHome) private(name string) string {
	g.Helper()
	return string(g.run(nil, "--armor", "--passphrase", gpgPhrase, "--export-secret-keys", g.address(name)))
}

func (g *gpgHome) encrypt(plain, to string, options ...string) []byte {
	g.Helper()
	return g.run([]byte(plain), append(options, "--recipient", g.address(to), "--encrypt")...)
}

// newGPGWorld is a world whose keys GnuPG made, ours with a passphrase. The provider is GnuPG, and the test.
func newGPGWorld(t *testing.T, g *gpgHome, theirs, ours string) *updaterWorld {
	t.Helper()
	w := newUpdaterWorld(t)
	w.write("keys/paysafe-public.asc", g.public(theirs))
	w.write("keys/updater-private.asc", g.private(ours))
	w.write("keys/updater-passphrase", gpgPhrase+"\n")
	w.write("keys/store-password", "hunter2\n")
	w.configure("    decrypt_with: keys/updater-private.asc", "    decrypt_with: keys/updater-private.asc\n    passphrase: file:keys/updater-passphrase\n    store_id: shop\n    store_password: file:keys/store-password")
	return w
}

func (w *updaterWorld) respond(name string, content []byte) {
	w.Helper()
	w.write("paysafe/Outgoing/"+name, string(content))
}

func TestWhatIsExchangedWithGnuPGOpensOnBothSides(t *testing.T) {
	g := newGPG(t, "paysafe", "acme")
	w := newGPGWorld(t, g, "paysafe", "acme")
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 0127")
	w.now = december
	w.do(0, "run")
	name := "paysafe/Incoming/upd_paysafe_updater_20261201_000001.csv.gpg"
	same(t, "request", string(g.run([]byte(w.read(name)), "--passphrase", gpgPhrase, "--decrypt")),
		"shop,hunter2,89987201,U1R1,VI,4111111111111111,1226\nshop,hunter2,89987201,U1R2,MC,5123450000000008,1226\n")

	visa := "89987201,U1R1,VI,4111111111111111,1111,E,,1229\n"
	w.respond("visa.csv.gpg", g.encrypt(visa, "acme"))
	w.respond("mastercard.csv.gpg", g.encrypt("89987201,U1R2,MC,5123450000000008,0008,CONTACT,,\n", "acme", "--armor", "--compress-algo", "zip"))
	w.do(0, "run")
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 E new_expiry changed", "CUST-2 CONTACT closed disabled"})

	// The same records, in other bytes.
	shown := w.wallets()
	w.respond("visa-again.csv.gpg", g.encrypt(visa, "acme"))
	w.do(0, "run")
	same(t, "wallets", w.wallets(), shown)
	same(t, "outcomes", w.outcomesOf("2026-12"), []string{"CUST-1 E new_expiry changed", "CUST-2 CONTACT closed disabled"})
	same(t, "standard report", len(w.reported("2026-12")), 2)

	// Neither numbers nor the password are on the disk in the clear, but what the merchant and the operator put there.
	err := filepath.WalkDir(w.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || e.Name() == "store-password" {
			return err
		}
		content, err := os.ReadFile(path)
		for _, secret := range []string{"4111111111111111", "5123450000000008", "4508750015741019", "hunter2"} {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds %s", path, secret)
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestResponsesOfGnuPGThatAreNotAsTheyMustBeApplyNothing(t *testing.T) {
	g := newGPG(t, "paysafe", "acme", "stranger")
	w := newGPGWorld(t, g, "paysafe", "acme")
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226", "CUST-3 4508750015741019 1226")
	w.now = december
	w.do(0, "run")
	// Long enough that half of the message still holds whole records.
	closing := strings.Repeat("89987201,U1R1,VI,4111111111111111,1111,C,,\n", 3000)
	sealed := g.encrypt(closing, "acme", "--compress-algo", "none")
	tampered := bytes.Clone(sealed)
	tampered[len(tampered)-100] ^= 1
	for i, c := range []struct {
		name    string
		content []byte
		code    int
		says    string
		stays   bool
	}{
		{"truncated", sealed[:len(sealed)/2], 10, "the message is cut short", false},
		{"without its last byte", sealed[:len(sealed)-1], 10, "the message is cut short", false},
		{"tampered", tampered, 10, "changed or damaged on its way", false},
		{"not encrypted", []byte(closing), 10, "not an encrypted message", false},
		{"signed only", g.run([]byte(closing), "--passphrase", gpgPhrase, "--local-user", g.address("paysafe"), "--sign"), 10, "not an encrypted message", false},
		{"empty", nil, 10, "the message is cut short", false},
		{"to another key", g.encrypt(closing, "stranger"), 22, "encrypted to another key", true},
		{"with a passphrase", g.run([]byte(closing), "--passphrase", gpgPhrase, "--symmetric"), 22, "encrypted to another key", true},
		{"another kind of file inside", g.encrypt("<html><body>Sorry</body></html>\n", "acme"), 10, "line 1", false},
		{"nothing inside", g.encrypt("", "acme"), 10, "the file is empty", false},
	} {
		before := w.do(0, "wallet", "show", "CUST-1", "--json")
		name := fmt.Sprintf("bad-%02d.csv.gpg", i)
		w.respond(name, c.content)
		// One that is sound is taken in the same run.
		expiry := fmt.Sprintf("01%02d", 30+i)
		w.respond("good.csv.gpg", g.encrypt("89987201,U1R2,MC,5123450000000008,0008,EXPIRY,,"+expiry+"\n", "acme"))
		w.now = w.now.Add(time.Hour)
		out := w.do(c.code, "run")
		same(t, c.name+": wallet", w.do(0, "wallet", "show", "CUST-1", "--json"), before)
		same(t, c.name+": the other's card", w.card("CUST-2"), "active 512345******0008 "+expiry+" active")
		if c.stays {
			says(t, out, name, c.says)
			same(t, c.name+": what lies there", w.names("paysafe/Outgoing"), []string{name})
			if err := os.Remove(w.path("paysafe/Outgoing/" + name)); err != nil {
				t.Fatal(err)
			}
			continue
		}
		same(t, c.name+": what lies there", w.names("paysafe/Outgoing"), []string{})
		says(t, w.read("paysafe/Outgoing/rejected/"+name+".reason.txt"), c.says)
	}
	w.respond("sound.csv.gpg", sealed)
	w.do(0, "run")
	same(t, "card", w.card("CUST-1"), "disabled 411111******1111 1226 disabled")
	same(t, "the card that nobody spoke of", w.card("CUST-3"), "active 450875******1019 1226 active")
}

func TestExpiredKeysAreToldAndNothingIsSentOrApplied(t *testing.T) {
	g := newGPG(t, "paysafe", "acme", "OLDPAYSAFE", "OLDACME")
	w := newGPGWorld(t, g, "OLDPAYSAFE", "acme")
	w.store("CUST-1 4111111111111111 1226")
	w.now = december
	for range 2 {
		says(t, w.do(22, "run"), "updater paysafe-updater: ", "the key has expired", "its owner must extend or replace it")
		same(t, "requests", w.names("paysafe/Incoming"), []string{})
		r := w.status(0).Requests
		if len(r) != 1 || r[0].State != "open" || !strings.Contains(r[0].Reason, "the key has expired") {
			t.Errorf("the request is %+v", r)
		}
	}
	w.write("keys/paysafe-public.asc", g.public("paysafe"))
	w.do(0, "run")
	same(t, "requests", w.names("paysafe/Incoming"), []string{"upd_paysafe_updater_20261201_000001.csv.gpg"})

	content := g.run([]byte("89987201,U1R1,VI,4111111111111111,1111,C,,\n"), "--faked-system-time", "20200601T000000", "--recipient", g.address("OLDACME"), "--encrypt")
	w.write("keys/updater-private.asc", g.private("OLDACME"))
	w.respond("response.csv.gpg", content)
	says(t, w.do(22, "run"), "response.csv.gpg", "the key has expired")
	same(t, "what lies there", w.names("paysafe/Outgoing"), []string{"response.csv.gpg"})
	same(t, "card", w.card("CUST-1"), "active 411111******1111 1226 active")
	same(t, "report", w.reported("2026-12", "--fields", "extended"), nil)

	// A key that cannot be unlocked or read is the configuration's fault.
	w.write("keys/updater-passphrase", "wrong\n")
	says(t, w.do(22, "run"), "updater paysafe-updater: decrypt_with: ", "passphrase")
	w.write("keys/updater-passphrase", gpgPhrase+"\n")
	w.write("keys/paysafe-public.asc", g.private("paysafe"))
	says(t, w.do(22, "run"), "updater paysafe-updater: encrypt_to: ", "private key")
	w.write("keys/paysafe-public.asc", "no key\n")
	w.do(22, "updater", "select")
}
