package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"cardbatch/gateway/mastercard"
)

// gatewayColumns are those in which a RESULT may differ from gateway to gateway.
var gatewayColumns = []string{
	"code", "short_message", "long_message", "card_index", "transaction_id", "authorization_number", "gateway_code", "scheme_code", "advice_code",
	"network_transaction_id", "submitted_at", "completed_at",
}

// A line of a file is charged the same way whichever processor the contract points to.
func TestTheDemoIsTheSameAtEveryGateway(t *testing.T) {
	results := map[string]map[string][][]string{}
	for name := range kinds {
		dir := filepath.Join(t.TempDir(), "demo")
		c := exec.CommandContext(t.Context(), "cardbatch", "demo", dir, "--gateway", name)
		out, err := c.CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) || !bytes.Contains(out, []byte("exit code 11")) {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
		results[name] = readResults(t, dir)
	}
	want := results[mastercard.Kind]
	if len(want) == 0 {
		t.Fatal("the demo has no results")
	}
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		if diff := cmp.Diff(want, results[name]); diff != "" {
			t.Errorf("%s differs from %s:\n%s", name, mastercard.Kind, diff)
		}
	}
}

// readResults reads what came back, without the columns that are a gateway's own.
func readResults(t *testing.T, dir string) map[string][][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "sftp", "outbound", "*.csv"))
	if err != nil {
		t.Fatal(err)
	}
	results := map[string][][]string{}
	for _, file := range files {
		if !strings.HasSuffix(file, ".res.csv") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		r := csv.NewReader(bytes.NewReader(text))
		r.Comma, r.FieldsPerRecord = ';', -1
		records, err := r.ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, record := range records[1:] { // the header tells when it was made
			if record[0] != "D" {
				continue
			}
			for i, column := range records[1] {
				if slices.Contains(gatewayColumns, column) {
					record[i] = ""
				}
			}
		}
		results[filepath.Base(file)] = records[1:]
	}
	return results
}
