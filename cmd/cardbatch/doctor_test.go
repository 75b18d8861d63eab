package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/gopenpgp/v3/crypto"

	"cardbatch/gateway/simulator/stage"
	provider "cardbatch/gateway/simulator/updater"
)

func TestDoctorTellsWhatIsWrongAndWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name       string
		breaks     func(*testing.T, *workspace)
		code       int
		want, next string
	}{
		{"nothing is wrong", func(*testing.T, *workspace) {}, exitDone, "gateway simulator         ok", ""},
		{"the gateway refuses the password", func(t *testing.T, _ *workspace) { t.Setenv("SIMULATED_PASSWORD", "wrong") },
			exitConfig, "gateway simulator         FAILED", "Check merchant_id and password"},
		{"there is no password", func(t *testing.T, _ *workspace) { os.Unsetenv("SIMULATED_PASSWORD") },
			exitConfig, "SIMULATED_PASSWORD", "Set the environment variable"},
		{"the gateway is down", func(t *testing.T, w *workspace) {
			if err := w.simulator.Close(); err != nil {
				t.Fatal(err)
			}
		}, exitUnreachable, "gateway simulator         FAILED", "endpoint and the network"},
		{"the remote is down", func(t *testing.T, w *workspace) {
			// Port 1 of loopback: nobody listens there.
			w.edit("cardbatch.yaml", "\nsources:", "\nremotes:\n  - {name: far, host: 127.0.0.1, port: 1, user: u, known_hosts: keys/known_hosts, password: env:SIMULATED_PASSWORD}\n\nsources:")
			w.edit("cardbatch.yaml", "folder: outbound/acme\n", "folder: outbound/acme\n      remote: far\n")
			if err := os.WriteFile(filepath.Join(w.dir, "keys", "known_hosts"), []byte("127.0.0.1 "+hostKey+"\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, exitUnreachable, "outbound of acme-billing  FAILED", "Check address, port and network"},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorkspace(t)
			row.breaks(t, w)
			stdout, stderr := w.cardbatch(row.code, "doctor")
			if !strings.Contains(stdout, row.want) || !strings.Contains(stderr, row.next) {
				t.Errorf("want %q and %q in\n%s%s", row.want, row.next, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, stage.Password) {
				t.Error("the password shows")
			}
		})
	}
}

// hostKey is the public half of a key that serves no host.
const hostKey = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

// The keys of the account updater of the tests below, its passphrase, and the clock.
const (
	updaterPassphrase = "correct horse battery staple"
	updaterClock      = "2026-11-23T08:00:00Z" // three in the morning in New York
)

// withUpdater adds an account updater, with everything that it needs, to a workspace.
func withUpdater(t *testing.T, w *workspace) {
	t.Helper()
	w.edit("cardbatch.yaml", "\nsources:", `
updaters:
  - name: paysafe-updater
    kind: paysafe
    outbound: {folder: paysafe/to}
    inbound: {folder: paysafe/from, ready: stable}
    encrypt_to: keys/paysafe-public.asc
    decrypt_with: keys/updater-private.asc
    passphrase: file:keys/passphrase
    select: manual
  - name: cybersource
    kind: files
    format: cybersource
    inbound: {folder: cybersource, ready: rename}

sources:`)
	for _, folder := range []string{"paysafe/to", "paysafe/from", "cybersource"} {
		if err := os.MkdirAll(filepath.Join(w.dir, folder), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	theirs, err := provider.NewKeys("Provider", nil, time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	ours, err := provider.NewKeys("Acme", []byte(updaterPassphrase), time.Unix(1e9, 0))
	if err != nil {
		t.Fatal(err)
	}
	w.write("keys/paysafe-public.asc", theirs.Public)
	w.write("keys/updater-private.asc", ours.Private)
	w.write("keys/passphrase", []byte(updaterPassphrase+"\n"))
}

// asks has the workspace's contract name the updater.
func asks(w *workspace) {
	w.t.Helper()
	w.edit("cardbatch.yaml", "    gateway: simulator\n", "    gateway: simulator\n    updater: {name: paysafe-updater, account: \"89987201\"}\n")
}

// write makes a file of the workspace that only its owner may read.
func (w *workspace) write(name string, content []byte) {
	w.t.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), content, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

// mode changes who may read a file of the workspace.
func (w *workspace) mode(name string, mode os.FileMode) {
	w.t.Helper()
	if err := os.Chmod(filepath.Join(w.dir, name), mode); err != nil {
		w.t.Fatal(err)
	}
}

// keyUntil makes a key that expires so long after the tests' clock.
func keyUntil(t *testing.T, left time.Duration) *crypto.Key {
	t.Helper()
	now, err := time.Parse(time.RFC3339, updaterClock)
	if err != nil {
		t.Fatal(err)
	}
	made := now.AddDate(-1, 0, 0)
	life := now.Add(left).Sub(made) / time.Second
	key, err := crypto.PGP().KeyGeneration().AddUserId("Acme", "").GenerationTime(made.Unix()).Lifetime(int32(life)).New().GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// publicUntil makes a provider's public key file that expires so long after the tests' clock.
func publicUntil(left time.Duration) func(*testing.T, *workspace) {
	return func(t *testing.T, w *workspace) {
		text, err := keyUntil(t, left).GetArmoredPublicKey()
		if err != nil {
			t.Fatal(err)
		}
		w.write("keys/paysafe-public.asc", []byte(text))
	}
}

// privateUntil makes our private key file, with no passphrase, in the same way.
func privateUntil(left time.Duration) func(*testing.T, *workspace) {
	return func(t *testing.T, w *workspace) {
		text, err := keyUntil(t, left).Armor()
		if err != nil {
			t.Fatal(err)
		}
		w.write("keys/updater-private.asc", []byte(text))
	}
}

func TestDoctorLooksAtAccountUpdatersWithoutAskingAnybody(t *testing.T) {
	const day = 24 * time.Hour
	const updater, public, private = "updater paysafe-updater", "encrypt_to of updater paysafe-updater", "decrypt_with of updater paysafe-updater"
	for _, row := range []struct {
		name         string
		breaks       func(*testing.T, *workspace)
		code         int
		check        string // that tells
		detail, next string
	}{
		{"the provider's key can be used", nil, exitDone, public, "ok key ???????????????? can be used", ""},
		{"ours too", nil, exitDone, private, "ok key ???????????????? can be used", ""},
		{"it tells how long it is to the cut-off, which is another country's time", nil,
			exitDone, updater, "ok layouts and codes can be used; next cut-off 2026-11-23 05:30 EST, in 2 h 30 min", ""},
		{"its folders", nil, exitDone, "inbound of " + updater, "ok 0 files there, 0 claimed", ""},
		{"where requests go", nil, exitDone, "outbound of " + updater, "ok can be reached", ""},
		{"a folder of update files is no more than that", nil, exitDone, "updater cybersource", "ok layout and codes can be used", ""},
		{"there is no public key", func(t *testing.T, w *workspace) {
			if err := os.Remove(filepath.Join(w.dir, "keys/paysafe-public.asc")); err != nil {
				t.Fatal(err)
			}
		}, exitConfig, public, "FAILED open *paysafe-public.asc: no such file or directory", "Put the right key file in its place"},
		{"the public key is no key", func(t *testing.T, w *workspace) { w.write("keys/paysafe-public.asc", []byte("hello\n")) },
			exitConfig, public, "FAILED */paysafe-public.asc: read public key: not usable as key file*", "Put the right key file in its place"},
		{"our private key stands in the public one's place", func(t *testing.T, w *workspace) {
			if err := os.Rename(filepath.Join(w.dir, "keys/updater-private.asc"), filepath.Join(w.dir, "keys/paysafe-public.asc")); err != nil {
				t.Fatal(err)
			}
		}, exitConfig, public, "FAILED */paysafe-public.asc: read public key: *it holds the private key*", "Put the right key file in its place"},
		{"the public key has expired", publicUntil(-day), exitConfig, public,
			"FAILED key *: the key has expired at 2026-11-22T08:00:00Z; its owner must extend or replace it*", "Put the right key file in its place"},
		{"the public key expires in two months", publicUntil(59*day + day/2), exitDone, public,
			"ok key * can be used, but EXPIRES in 59 days; have it extended or replaced", ""},
		{"the public key expires later than that", publicUntil(61 * day), exitDone, public, "ok key ???????????????? can be used", ""},
		{"the public key expires tonight", publicUntil(day / 2), exitDone, public,
			"ok key * can be used, but EXPIRES within a day; have it extended or replaced", ""},
		{"the passphrase is wrong", func(t *testing.T, w *workspace) { w.write("keys/passphrase", []byte("wrong horse")) },
			exitConfig, private, "FAILED */updater-private.asc: read private key: *the passphrase does not open it*", "Put the right key file in its place"},
		{"there is no passphrase", func(t *testing.T, w *workspace) {
			w.edit("cardbatch.yaml", "    passphrase: file:keys/passphrase\n", "")
		}, exitConfig, private, "FAILED */updater-private.asc: read private key: *give its passphrase", "Put the right key file in its place"},
		{"others may read the private key", func(t *testing.T, w *workspace) { w.mode("keys/updater-private.asc", 0o640) },
			exitConfig, private, "FAILED */updater-private.asc has mode 0640: others than its owner may read*", "chmod 600"},
		{"others may read the passphrase", func(t *testing.T, w *workspace) { w.mode("keys/passphrase", 0o604) },
			exitConfig, private, "FAILED passphrase: secret file:keys/passphrase: */passphrase has mode 0604: others than its owner may read*", "chmod 600"},
		{"anybody may read the public key", func(t *testing.T, w *workspace) { w.mode("keys/paysafe-public.asc", 0o644) },
			exitDone, public, "ok key ???????????????? can be used", ""},
		{"our own key has expired", privateUntil(-day), exitConfig, private, "FAILED key *: the key has expired at 2026-11-22T08:00:00Z*", "Put the right key file in its place"},
		{"our own key expires soon", privateUntil(9*day + day/2), exitDone, private, "ok key * can be used, but EXPIRES in 9 days; have it extended or replaced", ""},
		{"an own table lacks a field", func(t *testing.T, w *workspace) {
			table, _ := w.cardbatch(exitDone, "layout", "show", "updater-response", "--table")
			w.write("ours.yaml", []byte(strings.Replace(table, "name: code,", "name: decision,", 1)))
			w.edit("cardbatch.yaml", "    select: manual\n", "    select: manual\n    layouts: {response: ours.yaml}\n")
		}, exitConfig, updater, "FAILED layout table updater-response cannot be used for updater-response: *code*", "cardbatch layout check"},
		{"an own table of codes has a wrong word", func(t *testing.T, w *workspace) {
			w.write("ours.csv", []byte("scheme,code,reason,outcome,note,facts\n*,A,*,shut,,\n"))
			w.edit("cardbatch.yaml", "    select: manual\n", "    select: manual\n    codes: ours.csv\n")
		}, exitConfig, updater, "FAILED ours.csv:2:7: unknown outcome*", "cardbatch layout codes --check FILE"},
		{"the store's password is missing", func(t *testing.T, w *workspace) {
			w.edit("cardbatch.yaml", "    select: manual\n", "    select: manual\n    store_id: shop\n    store_password: env:NO_SUCH_STORE_PASSWORD\n")
		}, exitConfig, updater, "FAILED store_password: secret env:NO_SUCH_STORE_PASSWORD: *", "Set the environment variable"},
		{"the store's password has a space", func(t *testing.T, w *workspace) {
			asks(w)
			w.write("keys/store", []byte("open sesame\n"))
			w.edit("cardbatch.yaml", "    select: manual\n", "    select: manual\n    store_id: shop\n    store_password: file:keys/store\n")
		}, exitConfig, updater, "FAILED no VISA card of contract 1234567 could be asked about: *field store_password may hold no space*", "Correct what the field is made of"},
		{"it has a comma", func(t *testing.T, w *workspace) {
			asks(w)
			w.write("keys/store", []byte("open,sesame\n"))
			w.edit("cardbatch.yaml", "    select: manual\n", "    select: manual\n    store_id: shop\n    store_password: file:keys/store\n")
		}, exitConfig, updater, "FAILED no VISA card of contract 1234567 could be asked about: *field store_password: *", "Correct what the field is made of"},
		{"the store's id is too long", func(t *testing.T, w *workspace) {
			asks(w)
			w.write("keys/store", []byte("sesame\n"))
			w.edit("cardbatch.yaml", "    select: manual\n", "    store_id: "+strings.Repeat("s", 51)+"\n    store_password: file:keys/store\n")
		}, exitConfig, updater, "FAILED no VISA card of contract 1234567 could be asked about: *field store_id: *longer than 50 bytes", "Correct what the field is made of"},
		{"an account is too long", func(t *testing.T, w *workspace) {
			asks(w)
			w.edit("cardbatch.yaml", `account: "89987201"`, `account: "899872010000000000001"`)
		}, exitConfig, updater, "FAILED no VISA card of contract 1234567 could be asked about: *field account: *longer than 20 bytes", "Correct what the field is made of"},
		{"a scheme for which the layout has no code", func(t *testing.T, w *workspace) {
			asks(w)
			w.edit("cardbatch.yaml", "    select: manual\n", "    schemes: [VISA, JCB]\n")
		}, exitConfig, updater, "FAILED no JCB card of contract 1234567 could be asked about: *field card_type: *it is no code of the layout table", "Correct what the field is made of"},
		{"cards can be asked about", func(t *testing.T, w *workspace) {
			asks(w)
			w.write("keys/store", []byte("sesame\n"))
			w.edit("cardbatch.yaml", "    select: manual\n", "    schemes: [CB, VISA, MASTERCARD]\n    store_id: shop\n    store_password: file:keys/store\n")
		}, exitDone, updater, "ok layouts and codes can be used; *", ""},
		{"the folder of requests is gone", func(t *testing.T, w *workspace) { w.remove("paysafe/to") },
			exitFailure, "outbound of " + updater, "FAILED outbound folder */paysafe/to: *make the folder, or correct the location", ""},
		{"the folder of answers is gone", func(t *testing.T, w *workspace) { w.remove("paysafe/from") },
			exitFailure, "inbound of " + updater, "FAILED inbound folder */paysafe/from: *make the folder, or correct the location", ""},
		{"the folder of update files is gone", func(t *testing.T, w *workspace) { w.remove("cybersource") },
			exitFailure, "inbound of updater cybersource", "FAILED inbound folder */cybersource: *make the folder, or correct the location", ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			w := newWorkspace(t)
			withUpdater(t, w)
			if row.breaks != nil {
				row.breaks(t, w)
			}
			stdout, stderr := w.cardbatch(row.code, "doctor", "--clock", updaterClock)
			told := ""
			for line := range strings.Lines(stdout) {
				if detail, ok := strings.CutPrefix(line, row.check+"  "); ok {
					told = strings.Join(strings.Fields(detail), " ")
				}
			}
			if !like(row.detail, told) || !strings.Contains(stderr, row.next) {
				t.Errorf("%s: want %q and %q in\n%s%s", row.check, row.detail, row.next, stdout, stderr)
			}
			if strings.Contains(stdout+stderr, "sesame") || strings.Contains(stdout+stderr, updaterPassphrase) || strings.Contains(stdout+stderr, "wrong horse") {
				t.Error("the passphrase, or the password, shows")
			}
			for _, folder := range []string{"paysafe/to", "paysafe/from", "cybersource"} {
				if left, err := os.ReadDir(filepath.Join(w.dir, folder)); len(left) > 0 {
					t.Errorf("doctor left %v in %s (%v)", left, folder, err)
				}
			}
		})
	}
}

// remove removes a folder of the workspace that has nothing in it.
func (w *workspace) remove(folder string) {
	w.t.Helper()
	if err := os.Remove(filepath.Join(w.dir, folder)); err != nil {
		w.t.Fatal(err)
	}
}

// like compares a text with a pattern in which ? is any character and * any number of them.
func like(pattern, text string) bool {
	expression := strings.NewReplacer(`\?`, ".", `\*`, ".*").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("^" + expression + "$").MatchString(text)
}

func TestARunRefusesAPrivateKeyThatOthersMayRead(t *testing.T) {
	w := newWorkspace(t)
	withUpdater(t, w)
	w.mode("keys/updater-private.asc", 0o644)
	_, stderr := w.cardbatch(exitConfig, "run", "--clock", updaterClock)
	if !strings.Contains(stderr, "updater paysafe-updater: decrypt_with: ") || !strings.Contains(stderr, "has mode 0644") {
		t.Errorf("it is not told what is wrong:\n%s", stderr)
	}
	if left, err := os.ReadDir(filepath.Join(w.dir, "outbound", "acme")); len(left) > 0 {
		t.Errorf("the run went on, and left %v (%v)", left, err)
	}
}

func TestSelectTellsHowManyCardsTheProviderWasAskedAbout(t *testing.T) {
	w := newUpdaterWorld(t)
	w.store("CUST-1 4111111111111111 1226", "CUST-2 5123450000000008 1226")
	w.now = december
	if dry := w.do(exitDone, "updater", "select", "--dry-run"); strings.Contains(dry, "\nsent") {
		t.Errorf("a dry run says that something was sent:\n%s", dry)
	}
	says(t, w.do(exitDone, "updater", "select"), "selected  2, in 1 file", "sent      2")
	says(t, w.do(exitDone, "updater", "select"), "selected  0, in 0 files", "sent      0")
}

func TestARehearsalsExitCodeSaysWhoseFaultItIs(t *testing.T) {
	w := newUpdaterWorld(t)
	w.do(exitDone, "run")
	const nothing = "No file tells anything of a card."
	says(t, w.do(exitDone, "updater", "ingest", "--shadow"), nothing)
	encrypted := func(public []byte) string {
		t.Helper()
		key, err := crypto.NewKeyFromArmored(string(public))
		if err != nil {
			t.Fatal(err)
		}
		to, err := crypto.PGP().Encryption().Recipient(key).New()
		if err != nil {
			t.Fatal(err)
		}
		message, err := to.Encrypt([]byte("89987201,U1R1,VI,4111111111111111,1111,E,,1229\n"))
		if err != nil {
			t.Fatal(err)
		}
		return string(message.Bytes())
	}
	ours, theirs := encrypted(updaterKeys().ours.Public), encrypted(updaterKeys().theirs.Public)
	for _, row := range []struct {
		name  string
		files map[string]string
		code  int
		want  string
	}{
		{"it is not encrypted", map[string]string{"a.gpg": "hello\n"}, exitRejected, "Ask its sender for the file again"},
		{"it was cut off", map[string]string{"a.gpg": ours[:len(ours)-9]}, exitRejected, "Ask its sender for the file again"},
		{"it is encrypted to another key", map[string]string{"a.gpg": theirs}, exitConfig, "keys and settings of that partner with `cardbatch doctor`"},
		{"both, of which the higher counts", map[string]string{"a.gpg": "hello\n", "b.gpg": theirs}, exitConfig, "a.gpg: "},
	} {
		t.Run(row.name, func(t *testing.T) {
			for name, content := range row.files {
				w.write("paysafe/Outgoing/"+name, content)
			}
			out := w.do(row.code, "updater", "ingest", "--shadow")
			says(t, out, row.want)
			if strings.Contains(out, nothing) {
				t.Errorf("it sounds as if all were well:\n%s", out)
			}
			for name := range row.files {
				if err := os.Remove(w.path("paysafe/Outgoing/" + name)); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

func TestDoctorReachesBothFoldersOfAnExchange(t *testing.T) {
	w := newAmexWorld(t)
	out := w.do(exitDone, "doctor")
	for _, want := range []string{"inbound of exchange amex", "outbound of exchange amex"} {
		if !strings.Contains(out, want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if err := os.Remove(w.path("amex/from")); err != nil {
		t.Fatal(err)
	}
	if out := w.do(exitFailure, "doctor"); !regexp.MustCompile(`(?m)^inbound of exchange amex +FAILED`).MatchString(out) {
		t.Errorf("the missing folder is not told:\n%s", out)
	}
}
