package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/lmittmann/tint"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/money"
)

// app is what every command works with: streams, clock, and the global flags.
type app struct {
	stdin          io.Reader
	stdout, stderr io.Writer
	environ        []string
	screen         *screen // stderr, for the log and the progress

	configPath string
	settings   []string // --set name=value
	json       bool
	logLevel   string
	clockText  string
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	// net/http writes to package log what it finds odd about a request or an answer.
	log.SetOutput(io.Discard)
	a := &app{stdin: stdin, stdout: stdout, stderr: stderr, environ: os.Environ(), screen: &screen{w: stderr}}
	root := a.newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitDone
	}
	code, next := classify(err)
	if silent := (*silentError)(nil); errors.As(err, &silent) {
		return silent.code
	}
	// What was typed may be repeated in an error, and may be a card number.
	fmt.Fprintf(stderr, "cardbatch: %s\n", batch.MaskCardNumbers(err.Error()))
	if next != "" {
		fmt.Fprintln(stderr, next)
	}
	if code == exitUsage {
		fmt.Fprintf(stderr, "\nUsage:\n  %s\n\nSee `%s --help`.\n", cmd.UseLine(), cmd.CommandPath())
	}
	return code
}

// silentError ends the program with a code after everything was said already.
type silentError struct{ code int }

func (e *silentError) Error() string { return fmt.Sprintf("exit code %d", e.code) }

// exitWith ends a command with the code; 0 is no error.
func exitWith(code int) error {
	if code == exitDone {
		return nil
	}
	return &silentError{code}
}

func (a *app) newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "cardbatch",
		Short: "Bill cards on file, by file, by night",
		Long: `cardbatch takes batch-interface files from inbound folders, checks each whole,
submits every line to a payment gateway, and puts acknowledgements and results
into outbound folders. Kill it at any instant and start it again: nobody is
charged twice, no line is lost, every answer arrives.

Start with 'cardbatch demo', or 'cardbatch init DIR' and 'cardbatch run'.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError("%v", err) })
	flags := root.PersistentFlags()
	flags.StringVarP(&a.configPath, "config", "c", a.variable("CARDBATCH_CONFIG", "cardbatch.yaml"), "configuration file (CARDBATCH_CONFIG)")
	flags.StringArrayVar(&a.settings, "set", nil, "override one setting of the configuration, `name=value`; may be repeated")
	flags.BoolVar(&a.json, "json", false, "print data as JSON (docs/cli-json.md)")
	flags.StringVar(&a.logLevel, "log-level", "", "debug, info, warn or error (default: the configuration's)")
	flags.StringVar(&a.clockText, "clock", "", "work as if it were this time, RFC 3339 (TEST only)")
	_ = flags.MarkHidden("clock")

	root.AddGroup(
		&cobra.Group{ID: "job", Title: "The job:"},
		&cobra.Group{ID: "look", Title: "Looking:"},
		&cobra.Group{ID: "decide", Title: "Deciding:"},
		&cobra.Group{ID: "setup", Title: "Setting up:"},
	)
	a.addCommands(root)
	usageErrors(root)
	return root
}

// usageErrors makes wrong arguments of a command, and of those below it, usage
// mistakes; a word that is no command is one, too.
func usageErrors(c *cobra.Command) {
	check := c.Args
	if c.HasSubCommands() {
		check = cobra.NoArgs
		c.RunE = func(c *cobra.Command, _ []string) error { return c.Help() }
		c.DisableFlagsInUseLine = true
		c.SuggestionsMinimumDistance = 2
	}
	c.Args = func(c *cobra.Command, args []string) error {
		err := check(c, args)
		if err == nil {
			return nil
		}
		if c.HasSubCommands() {
			if near := c.SuggestionsFor(args[0]); len(near) > 0 {
				return usageError("%v; did you mean %s?", err, near[0])
			}
		}
		return usageError("%v", err)
	}
	for _, sub := range c.Commands() {
		usageErrors(sub)
	}
}

func (a *app) variable(name, otherwise string) string {
	for _, e := range a.environ {
		if value, ok := strings.CutPrefix(e, name+"="); ok && value != "" {
			return value
		}
	}
	return otherwise
}

// config loads the configuration with everything that the command line says of it.
func (a *app) config() (*config.Config, error) {
	overrides := map[string]string{}
	for _, s := range a.settings {
		name, value, ok := strings.Cut(s, "=")
		if !ok {
			return nil, usageError("--set takes name=value")
		}
		overrides[name] = value
	}
	cfg, err := config.Load(a.configPath, config.Options{Environ: a.environ, Flags: overrides, Words: words()})
	if errors.Is(err, os.ErrNotExist) {
		return nil, &codeError{exitConfig, fmt.Errorf("no configuration at %s", a.configPath), "Name one with --config, or make a workspace with `cardbatch init DIR`."}
	}
	return cfg, err
}

// words tells the configuration which names the domain knows.
func words() config.Words {
	w := config.Words{ForbiddenColumns: batch.ForbiddenColumns, PrivatePrefix: batch.PrivatePrefix, CardTypes: batch.CardTypes}
	for _, c := range batch.Columns {
		w.Columns = append(w.Columns, c.Name)
	}
	w.Currencies = func(code string) bool { _, ok := money.Find(code); return ok }
	return w
}

// clock is the program's clock: the real one, or a fixed time in TEST.
func (a *app) clock(environment string) (func() time.Time, error) {
	if a.clockText == "" {
		return time.Now, nil
	}
	if environment != string(batch.Test) {
		return nil, &codeError{exitSafety, errors.New("--clock works in TEST only"), ""}
	}
	at, err := time.Parse(time.RFC3339, a.clockText)
	if err != nil {
		return nil, usageError("--clock takes a time like 2026-11-21T22:00:00Z")
	}
	return func() time.Time { return at }, nil
}

// logger writes to stderr: text for people, JSON for machines.
func (a *app) logger(cfg *config.Config) *slog.Logger {
	name := cfg.Log.Level
	if a.logLevel != "" {
		name = a.logLevel
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(name)); err != nil {
		level = slog.LevelInfo
	}
	format := cfg.Log.Format
	if format == "auto" {
		format = "json"
		if a.onTerminal() {
			format = "text"
		}
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(a.screen, &slog.HandlerOptions{Level: level}))
	}
	return slog.New(tint.NewTextHandler(a.screen, &tint.Options{Level: level, TimeFormat: time.TimeOnly, NoColor: !a.onTerminal() || a.variable("NO_COLOR", "") != ""}))
}

// onTerminal reports whether a person watches stderr.
func (a *app) onTerminal() bool {
	f, ok := a.stderr.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
