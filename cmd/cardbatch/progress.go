package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"cardbatch/pipeline"
)

// screen is stderr with at most one line of progress at its end: what is written
// goes above it.
type screen struct {
	mu   sync.Mutex
	w    io.Writer
	line string
}

const clearLine = "\r\x1b[K"

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.line == "" {
		return s.w.Write(p)
	}
	if _, err := fmt.Fprintf(s.w, "%s%s%s", clearLine, p, s.line); err != nil {
		return 0, err
	}
	return len(p), nil
}

// show replaces the line of progress; an empty one takes it away.
func (s *screen) show(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.line = line
	fmt.Fprintf(s.w, "%s%s", clearLine, line)
}

// showProgress keeps a line of progress while a person watches, and returns what ends it.
func (a *app) showProgress(p *pipeline.Progress) (stop func()) {
	if !a.onTerminal() || a.json {
		return func() {}
	}
	done := make(chan struct{})
	var wait sync.WaitGroup
	wait.Go(func() {
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				a.screen.show(progressLine(p.Now(), time.Now()))
			case <-done:
				a.screen.show("")
				return
			}
		}
	})
	return func() { close(done); wait.Wait() }
}

// progressLine is what a person reads while the run goes on.
func progressLine(p pipeline.ProgressNow, now time.Time) string {
	if p.Since.IsZero() {
		return fmt.Sprintf("%s: %d lines checked", p.Step, p.Checked)
	}
	line := fmt.Sprintf("%s: %d of %d lines", p.Step, p.Done, p.Total)
	if p.InDoubt > 0 {
		line += fmt.Sprintf(", %d in doubt", p.InDoubt)
	}
	seconds := now.Sub(p.Since).Seconds()
	if p.Done == 0 || seconds < 1 {
		return line
	}
	rate := float64(p.Done) / seconds
	line += fmt.Sprintf(", %.0f/s", rate)
	if left := p.Total - p.Done; left > 0 {
		line += fmt.Sprintf(", %s left", (time.Duration(float64(left)/rate) * time.Second).Round(time.Second))
	}
	return line
}
