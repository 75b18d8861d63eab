// Package killable builds the real program with its kill points (cmd/cardbatch,
// kill_on.go) for tests that kill it.
package killable

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Program is the binary, once Main runs.
var Program string

// Main builds the program, runs the tests, and ends the process. It is for TestMain.
func Main(m *testing.M) {
	dir, err := os.MkdirTemp("", "cardbatch")
	if err == nil {
		Program = filepath.Join(dir, "cardbatch")
		build := exec.Command("go", "build", "-tags", "killpoints", "-o", Program, "cardbatch/cmd/cardbatch")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "build the program under test:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
