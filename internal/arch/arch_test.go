// Package arch holds the import rules of the tree as a test: who may know whom,
// and why. docs/architecture.md draws the same rooms.
package arch

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "cardbatch"

// rule says what the packages that match may import of this module, and of others.
type rule struct {
	packages string   // pattern of path.Match, below the module
	ours     []string // patterns of what may be imported of the module; "…" at the end means everything below
	others   []string // patterns of modules that are not ours; nil: none, "*": any
	why      string
}

// rules list every room. The first rule that matches a package is the one that
// counts, so that a new package without a rule is found.
var rules = []rule{
	{"money", nil, nil,
		"money is the innermost room: amounts mean the same wherever they go"},
	{"batch", []string{"money"}, nil,
		"the domain knows no file, wire, clock or database, so that its rules can be read and tested alone"},
	{"formats", []string{"batch", "money"}, nil,
		"a format turns bytes into lines and back and knows nothing of where they come from"},
	{"formats/layout", []string{"batch", "money"}, []string{"golang.org/x/text/…", "go.yaml.in/yaml/…"},
		"the codec of layout tables knows no table"},
	{"formats/smartbill", []string{"batch", "money", "formats/layout"}, nil,
		"records of one partner, read and written by their tables"},
	{"formats/updater", []string{"batch", "formats/layout"}, nil,
		"files of account updaters, read and written by their tables"},
	{"formats/*", []string{"batch", "money", "formats"}, []string{"golang.org/x/text/…", "github.com/gocarina/gocsv"},
		"a format turns bytes into lines and back; siblings never know one another, or a change to one layout breaks another"},
	{"sftpio", []string{"internal/…"}, []string{"github.com/pkg/sftp", "golang.org/x/crypto/…"},
		"drop folders move bytes and do not know what is in them"},
	{"sftpio/foldertest", []string{"sftpio"}, nil,
		"the suite of the drop folders sees only their contract"},
	{"gateway", []string{"batch", "money"}, []string{"golang.org/x/time/…"},
		"the contract of the connectors knows no connector, no store and no run"},
	{"gateway/internal/*", []string{"batch", "gateway", "gateway/internal/…"}, nil,
		"what the connectors share is small and knows none of them"},
	{"gateway/simulator", []string{"gateway/simulator/…"}, nil,
		"the simulator is its protocols behind one door"},
	{"gateway/simulator/stage", nil, []string{"github.com/gofrs/flock"},
		"what the protocols stand on knows none of them"},
	{"gateway/simulator/internal/*", []string{"money", "gateway/internal/jsontext", "gateway/internal/xmltext", "gateway/simulator/stage"}, nil,
		"the simulator speaks the processors' protocols from their documents; a type shared with a connector would let both be wrong alike"},
	{"gateway/gatewaytest", []string{"batch", "money", "gateway", "gateway/simulator", "gateway/simulator/…"}, nil,
		"the suite of the connectors sees their contract and the simulator, never one of them"},
	{"gateway/mastercardbatch", []string{"batch", "money", "gateway", "gateway/internal/…", "gateway/mastercard"}, nil,
		"the second transport of one account speaks for the first where that serves better"},
	{"gateway/simulator/amex", []string{"gateway/simulator/stage"}, nil,
		"American Express reads and writes files by its own tables, not by ours"},
	{"gateway/simulator/updater", []string{"gateway/simulator/stage"}, []string{"github.com/ProtonMail/gopenpgp/v3/…"},
		"the account updater reads, writes and encrypts files by its own idea of them, not by ours"},
	{"gateway/*", []string{"batch", "money", "gateway", "gateway/internal/…"}, nil,
		"a connector knows the contract and its processor; neither another connector nor the store, or a processor's change would spread"},
	{"store", []string{"batch", "money"}, nil,
		"the contract of the stores knows no engine"},
	{"store/storetest", []string{"batch", "money", "store"}, []string{"pgregory.net/rapid", "github.com/google/go-cmp/…"},
		"the suite of the stores sees their contract, never one of them"},
	{"store/*", []string{"batch", "money", "store"}, []string{"modernc.org/…", "github.com/gofrs/flock", "github.com/pressly/goose/…", "github.com/jackc/pgx/…"},
		"an engine keeps what the contract says; no driver is imported anywhere else"},
	{"vault", []string{"internal/…"}, []string{"github.com/tink-crypto/tink-go/…", "github.com/gofrs/flock"},
		"the vault seals bytes and knows nothing of cards, wallets or lines"},
	{"report", []string{"batch", "money"}, nil,
		"rows follow from facts alone: with a store, a clock or a configuration at hand they would one day differ when rebuilt"},
	{"notify", []string{"batch"}, []string{"*"},
		"a message is made of the domain's words"},
	{"smartbill", []string{"batch", "money", "formats/layout", "formats/smartbill", "gateway/smartbill", "pipeline", "sftpio", "store", "vault"}, nil,
		"the exchange with American Express knows its own formats and the contracts that it stands between"},
	{"updater", []string{"batch", "formats/layout", "formats/updater", "internal/pgp", "pipeline", "sftpio", "store", "vault"}, nil,
		"the exchange with an account updater knows its own formats and the contracts that it stands between"},
	{"pipeline", []string{"batch", "money", "formats/batchfile", "formats/followup", "formats/updatereport", "gateway", "internal/atomicfile", "report", "sftpio", "store", "vault"}, []string{"golang.org/x/sync/…"},
		"the run knows contracts, no engine and no vendor, so that it can be read without either and tested with any"},
	{"config", []string{"internal/…"}, []string{"go.yaml.in/yaml/…"},
		"settings are plain types; who turns them into concrete things is cmd"},
	{"internal/*", []string{"internal/…"}, []string{"*"},
		"a small thing with one job knows nothing of the product"},
	{"cmd/*", []string{"…"}, []string{"*"},
		"the only place that builds concrete things"},
	{"", nil, nil,
		"the top folder only embeds the sample files"},
}

// exempt are rooms of tests and measurements: nothing of the product imports them.
var exempt = []string{"internal/arch", "internal/benchmark", "internal/crashtest", "internal/keep", "internal/leaktest", "internal/simulated"}

// listed is a package as the go command lists it. Imports of tests are left out:
// a test may build concrete things.
type listed struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []listed {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Imports", module+"/...").Output()
	if err != nil {
		t.Fatalf("list the packages: %v", err)
	}
	var all []listed
	for in := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := in.Decode(&p)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 15 {
		t.Fatalf("only %d packages were found: the test does not see the tree", len(all))
	}
	return all
}

func TestEveryPackageImportsOnlyWhatItsRoomMayKnow(t *testing.T) {
	for _, p := range packages(t) {
		name := below(p.ImportPath)
		if slices.Contains(exempt, name) {
			continue
		}
		i := slices.IndexFunc(rules, func(r rule) bool { return matches(r.packages, name) })
		if i < 0 {
			t.Errorf("%s has no rule: say what it may import, and why", name)
			continue
		}
		for _, imported := range p.Imports {
			if why := rules[i].forbids(imported); why != "" {
				t.Errorf("%s imports %s: %s", name, imported, why)
			}
		}
	}
}

func TestNothingOfTheProductImportsARoomOfTests(t *testing.T) {
	suites := []string{"gateway/gatewaytest", "store/storetest", "sftpio/foldertest"}
	for _, p := range packages(t) {
		for _, imported := range p.Imports {
			if name := below(imported); ours(imported) && (slices.Contains(exempt, name) || slices.Contains(suites, name)) {
				t.Errorf("%s imports %s: tests are no part of the product", p.ImportPath, imported)
			}
		}
	}
}

func TestARuleForbidsWhatItDoesNotName(t *testing.T) {
	room := rule{packages: "store/*", ours: []string{"batch", "internal/…"}, others: []string{"modernc.org/…"}, why: "because"}
	for imported, forbidden := range map[string]bool{
		"fmt": false, "net/http": false,
		"cardbatch/batch": false, "cardbatch/internal/atomicfile": false, "modernc.org/sqlite/lib": false,
		"cardbatch/gateway": true, "cardbatch/batchfile": true, "cardbatch": true, "github.com/pkg/sftp": true, "modernc.organization/x": true,
	} {
		if got := room.forbids(imported) != ""; got != forbidden {
			t.Errorf("import of %s: forbidden %v, want %v", imported, got, forbidden)
		}
	}
}

func (r rule) forbids(imported string) (why string) {
	allowed := r.others
	name := imported
	switch {
	case ours(imported):
		allowed, name = r.ours, below(imported)
	case !strings.Contains(strings.SplitN(imported, "/", 2)[0], "."):
		return "" // the standard library
	}
	for _, pattern := range allowed {
		if matches(pattern, name) {
			return ""
		}
	}
	return r.why
}

func ours(imported string) bool { return imported == module || strings.HasPrefix(imported, module+"/") }

func below(imported string) string {
	return strings.TrimPrefix(strings.TrimPrefix(imported, module), "/")
}

// matches knows one thing more than path.Match: a pattern that ends in … matches
// everything that begins like it, and "*" alone every module.
func matches(pattern, name string) bool {
	if prefix, all := strings.CutSuffix(pattern, "…"); all {
		return strings.HasPrefix(name, prefix)
	}
	if pattern == "*" {
		return true
	}
	ok, _ := path.Match(pattern, name) // the patterns are above
	return ok
}
