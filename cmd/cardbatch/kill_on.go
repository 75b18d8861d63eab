//go:build killpoints

package main

import (
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
)

// reached kills the program, without any chance to tidy up, at the transition that
// CARDBATCH_KILL_AT names: "submitting:3" dies at the third time. The transitions
// passed are appended to CARDBATCH_KILL_TRACE, so that the crash test finds them all.
func reached(transition string) {
	kill.Lock()
	defer kill.Unlock()
	if trace := os.Getenv("CARDBATCH_KILL_TRACE"); trace != "" {
		if f, err := os.OpenFile(trace, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600); err == nil {
			_, _ = f.WriteString(transition + "\n")
			_ = f.Close()
		}
	}
	name, count, _ := strings.Cut(os.Getenv("CARDBATCH_KILL_AT"), ":")
	if name != transition {
		return
	}
	kill.passed++
	if n, err := strconv.Atoi(count); err != nil || kill.passed == n {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
}

var kill struct {
	sync.Mutex
	passed int
}
