package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

func TestSimulateServesUntilItIsInterrupted(t *testing.T) {
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	printed, stdout := io.Pipe()
	ended := make(chan int, 1)
	go func() {
		ended <- Main(ctx, []string{"simulate", "--listen", "127.0.0.1:0", "--json"}, strings.NewReader(""), stdout, io.Discard)
		stdout.Close()
	}()
	line, err := bufio.NewReader(printed).ReadBytes('\n')
	if err != nil {
		t.Fatal(err)
	}
	var told simulateJSON
	if err := json.Unmarshal(line, &told); err != nil {
		t.Fatal(err)
	}
	answer, err := http.Get(told.Control + "stats")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Errorf("control endpoint: %s", answer.Status)
	}
	interrupt()
	if code := <-ended; code != exitDone {
		t.Errorf("exit code %d after an interrupt, want %d", code, exitDone)
	}
}

func TestSimulateServesLoopbackOnly(t *testing.T) {
	var stderr strings.Builder
	code := Main(t.Context(), []string{"simulate", "--listen", "0.0.0.0:0"}, strings.NewReader(""), io.Discard, &stderr)
	if code != exitFailure || !strings.Contains(stderr.String(), "loopback addresses only") {
		t.Errorf("exit code %d, %q", code, stderr.String())
	}
}
