package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite golden and generated files")

var testWordList = Words{
	Columns:          []string{"line_ref", "command", "wallet_id", "card_number", "amount", "currency"},
	ForbiddenColumns: []string{"cvv"},
	PrivatePrefix:    "private.",
	CardTypes:        []string{"CB", "VISA", "MASTERCARD", "AMEX", "JCB"},
	Currencies:       func(code string) bool { return slices.Contains([]string{"EUR", "JPY", "KWD"}, code) },
}

// minimal is a configuration that says no more than it must.
const minimal = `environment: TEST
merchants:
  - id: acme
contracts:
  - id: 0123
    merchant: acme
    gateway: sim
gateways:
  - name: sim
    kind: mastercard
    endpoint: "embedded:"
sources:
  - name: billing
    merchants: [acme]
    inbound: {folder: in, ready: rename}
    outbound: {folder: out}
`

func parse(t *testing.T, text string, o Options) (*Config, error) {
	t.Helper()
	o.Words = testWordList
	return Parse("/etc/cardbatch/cardbatch.yaml", []byte(text), o)
}

func mustParse(t *testing.T, text string, o Options) *Config {
	t.Helper()
	c, err := parse(t, text, o)
	if err != nil {
		t.Fatalf("parse: %v", err)
	}
	return c
}

func TestDefaultsApplyAndPathsStartAtTheFile(t *testing.T) {
	c := mustParse(t, minimal, Options{})
	for _, check := range []struct {
		what      string
		got, want any
	}{
		{"contract id keeps its leading zero", c.Contracts[0].ID, "0123"},
		{"store", c.Store, Path("/etc/cardbatch/state/cardbatch.db")},
		{"archive", c.ArchiveDir(), "/etc/cardbatch/state/archive"},
		{"outbox", c.OutboxDir(), "/etc/cardbatch/state/outbox"},
		{"key set", c.Vault.KeySet.Path(), "/etc/cardbatch/keys/vault.json"},
		{"inbound", c.Sources[0].Inbound.Folder, Path("/etc/cardbatch/in")},
		{"chunk", c.Run.Chunk, 250},
		{"lookalike of a list entry", c.Merchants[0].Lookalike, Lookalike{Lines: 10, Percent: 25, Days: 5}},
		{"timeout", c.Gateways[0].Timeout, time.Minute},
		{"merchant source", c.Contracts[0].MerchantSource, true},
		{"time zone of the merchant", c.Location(&c.Merchants[0]).String(), "UTC"},
		{"origin of a default", c.Origin("run.chunk").String(), "default"},
		{"origin in the file", c.Origin("environment").String(), "line 1"},
		{"unknown gateway", c.Gateway("other"), (*Gateway)(nil)},
		{"known contract", c.Contract("acme", "0123"), &c.Contracts[0]},
	} {
		if !reflect.DeepEqual(check.got, check.want) {
			t.Errorf("%s: got %v, want %v", check.what, check.got, check.want)
		}
	}
}

func TestFoldersOfARemoteStayAsTheyAre(t *testing.T) {
	text := strings.Replace(minimal, "inbound: {folder: in,", "inbound: {remote: r, folder: in,", 1) +
		"remotes: [{name: r, host: h, user: u, known_hosts: kh, agent: true}]\n"
	c := mustParse(t, text, Options{})
	if got := c.Sources[0].Inbound.Folder; got != "in" {
		t.Errorf("remote folder: got %q, want %q", got, "in")
	}
	if got := c.Remotes[0].KnownHosts; got != "/etc/cardbatch/kh" {
		t.Errorf("known_hosts: got %q", got)
	}
}

func TestFlagOverEnvironmentOverFileOverDefault(t *testing.T) {
	text := minimal + "log: {level: warn, format: json}\nrun: {chunk: 7}\n"
	c := mustParse(t, text, Options{
		Environ: []string{"CARDBATCH_LOG_LEVEL=error", "CARDBATCH_LOG_FORMAT=text", "CARDBATCH_CONFIG=x", "HOME=/", "CARDBATCH_UNRELATED=1"},
		Flags:   map[string]string{"log.level": "debug"},
	})
	want := Log{Level: "debug", Format: "text"}
	if c.Log != want || c.Run.Chunk != 7 || c.Retention.ArchiveDays != 7 {
		t.Errorf("got log %+v, chunk %d, archive %d days", c.Log, c.Run.Chunk, c.Retention.ArchiveDays)
	}
	for setting, want := range map[string]string{"log.level": "command line", "log.format": "CARDBATCH_LOG_FORMAT", "run.chunk": "line 18"} {
		if got := c.Origin(setting).String(); got != want {
			t.Errorf("origin of %s: got %q, want %q", setting, got, want)
		}
	}
}

func TestARequiredSettingMayComeFromTheEnvironment(t *testing.T) {
	text := strings.Replace(minimal, "environment: TEST\n", "", 1)
	c := mustParse(t, text, Options{Environ: []string{"CARDBATCH_ENVIRONMENT=TEST"}})
	if c.Environment != "TEST" {
		t.Errorf("got environment %q", c.Environment)
	}
}

func TestWhatPrintWritesReadsBackAsTheSameConfiguration(t *testing.T) {
	for name, text := range map[string]string{"minimal": minimal, "sample": string(Sample()), "full": full} {
		t.Run(name, func(t *testing.T) {
			c := mustParse(t, text, Options{})
			var printed bytes.Buffer
			if err := c.Print(&printed); err != nil {
				t.Fatal(err)
			}
			again := mustParse(t, printed.String(), Options{})
			if name != "full" && again.Hash() != c.Hash() { // full has a command, whose arguments are not printed
				t.Errorf("hash differs after printing:\n%s", &printed)
			}
			golden(t, "print-"+name+".yaml", printed.Bytes())
		})
	}
}

func TestTheHashFollowsTheMeaningAndNotTheWriting(t *testing.T) {
	c := mustParse(t, minimal, Options{})
	same := mustParse(t, "# a comment\n"+minimal+"run: {chunk: 250}\n", Options{})
	other := mustParse(t, minimal+"run: {chunk: 501}\n", Options{})
	if c.Hash() != same.Hash() {
		t.Error("a comment and a default written out change the hash")
	}
	if c.Hash() == other.Hash() || len(c.Hash()) != 64 {
		t.Error("another chunk does not change the hash")
	}
}

func TestTheSampleShowsEverySetting(t *testing.T) {
	text := string(Sample())
	var walk func(t reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		for _, s := range settings(typ) {
			if !strings.Contains(text, s.name+":") {
				t.Errorf("%s is not in sample.yaml", join(path, s.name))
			}
			if s.doc == "" || !strings.HasSuffix(s.doc, ".") {
				t.Errorf("%s has no describing sentence", join(path, s.name))
			}
			kind := s.kind
			if kind.Kind() == reflect.Slice {
				kind = kind.Elem()
			}
			if isGroup(kind) {
				walk(kind, join(path, s.name))
			}
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func TestEveryCommentedSettingOfTheSampleIsTrue(t *testing.T) {
	// Uncommented, the alternatives must read as well: an example that does not work is worse than none.
	var lines []string
	for line := range strings.Lines(string(Sample())) {
		trimmed := strings.TrimLeft(line, " ")
		indent := line[:len(line)-len(trimmed)]
		if rest, ok := strings.CutPrefix(trimmed, "# "); ok {
			word := strings.TrimLeft(strings.TrimPrefix(strings.TrimLeft(rest, " "), "- "), " ")
			key, _, isKey := strings.Cut(word, ":")
			if isKey && !strings.ContainsAny(key, " ,;=") && key != "env" && key != "file" && key != "cmd" && key != "A real account" {
				line = indent + rest
			}
		}
		lines = append(lines, line)
	}
	text := strings.Join(lines, "")
	// These belong to another choice than the one the sample makes.
	for _, other := range []string{"      stable_for", "      done_suffix", "    separator", "    constants"} {
		text = strings.Replace(text, "\n"+other, "\n"+other[:len(other)-len(strings.TrimLeft(other, " "))]+"# "+strings.TrimLeft(other, " "), 1)
	}
	if _, err := parse(t, text, Options{}); err != nil {
		t.Errorf("%v\n%s", err, text)
	}
}

func TestLoadNamesTheFileThatIsNotThere(t *testing.T) {
	_, err := Load(filepath.Join(t.TempDir(), "none.yaml"), Options{})
	if !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "cardbatch init") {
		t.Errorf("got %v", err)
	}
}

func TestLoadReadsTheSampleFromDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cardbatch.yaml")
	if err := os.WriteFile(path, Sample(), 0o644); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path, Options{Words: testWordList})
	if err != nil {
		t.Fatal(err)
	}
	if c.File() != path || !c.Gateways[0].Embedded() {
		t.Errorf("got file %q, gateway %+v", c.File(), c.Gateways[0])
	}
}

func TestTimesOfDay(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Fatal(err)
	}
	at := func(s string) time.Time {
		d, err := time.ParseInLocation("2006-01-02 15:04", s, paris)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	for _, row := range []struct{ name, of, now, want string }{
		{"later today", "05:00", "2026-11-21 01:00", "2026-11-21 05:00"},
		{"tomorrow when it has passed", "05:00", "2026-11-21 22:00", "2026-11-22 05:00"},
		{"tomorrow when it is just now", "05:00", "2026-11-21 05:00", "2026-11-22 05:00"},
		{"over the end of a month", "00:30", "2026-11-30 23:00", "2026-12-01 00:30"},
		{"through the change to winter time", "05:00", "2026-10-24 22:00", "2026-10-25 05:00"},
	} {
		t.Run(row.name, func(t *testing.T) {
			if got := TimeOfDay(row.of).Next(at(row.now)); !got.Equal(at(row.want)) {
				t.Errorf("got %s, want %s", got, row.want)
			}
		})
	}
}

// golden compares with a file of testdata, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	compareFile(t, filepath.Join("testdata", name), got)
}

func compareFile(t *testing.T, path string, got []byte) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v; go test ./config -update writes it", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s is stale (go test ./config -update rewrites it):\n%s", path, diff)
	}
}
