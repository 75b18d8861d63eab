package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/gateway/simulator/stage"
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
