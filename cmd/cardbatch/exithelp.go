package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// exitMeanings says each exit code in a few words, for the help of the commands.
// docs/exit-codes.md has the whole story.
var exitMeanings = []struct {
	code  int
	means string
}{
	{exitDone, "done"},
	{exitFailure, "failure"},
	{exitUsage, "usage"},
	{exitRejected, "files or lines rejected"},
	{exitHeld, "files held"},
	{exitInDoubt, "lines in doubt"},
	{exitUndelivered, "answers or notifications not delivered"},
	{exitNotSent, "lines not sent or pending"},
	{exitMissing, "an expected file is missing"},
	{exitLocked, "another run holds the lock"},
	{exitUnreachable, "a remote could not be reached"},
	{exitConfig, "configuration"},
	{exitSafety, "refused for safety"},
	{exitInterrupted, "interrupted"},
}

// exitHelp is the paragraph of a command's help about its exit codes: those given,
// and the three that every command has.
func exitHelp(codes ...int) string {
	all := map[int]bool{exitDone: true, exitFailure: true, exitUsage: true}
	for _, code := range codes {
		all[code] = true
	}
	var parts []string
	for _, m := range exitMeanings {
		if all[m.code] {
			parts = append(parts, fmt.Sprintf("%d %s", m.code, m.means))
		}
	}
	return "\n\n" + wrap("Exit codes: "+strings.Join(parts, ", ")+".", 80)
}

// newExitCodes is the help page that gathers the exit codes.
func (a *app) newExitCodes() *cobra.Command {
	long := &strings.Builder{}
	long.WriteString("When several apply to a run, the highest is used. Running again is always safe.\n\n")
	for _, m := range exitMeanings {
		fmt.Fprintf(long, "  %3d  %s\n", m.code, m.means)
	}
	long.WriteString("\ndocs/exit-codes.md says what to do about each.")
	return &cobra.Command{Use: "exit-codes", Short: "What each exit code means", Long: long.String(), Args: cobra.NoArgs}
}

// wrap breaks a text into lines of at most width characters.
func wrap(text string, width int) string {
	var out strings.Builder
	column := 0
	for i, word := range strings.Fields(text) {
		switch {
		case i == 0:
		case column+1+len(word) > width:
			out.WriteByte('\n')
			column = 0
		default:
			out.WriteByte(' ')
			column++
		}
		out.WriteString(word)
		column += len(word)
	}
	return out.String()
}
