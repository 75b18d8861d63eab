package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/pipeline"
)

type validateOptions struct {
	file   string
	source string
}

// verdictJSON is the last object that validate prints.
type verdictJSON struct {
	Verdict  batch.FileState   `json:"verdict"`
	Code     batch.FindingCode `json:"code,omitempty"`
	Source   string            `json:"source"`
	Merchant batch.MerchantID  `json:"merchant"`
	Ref      batch.FileRef     `json:"file_ref"`
	Sequence int64             `json:"sequence,omitempty"`
	Mode     batch.Mode        `json:"mode"`
	Lines    int               `json:"lines"`
	BadLines int               `json:"bad_lines"`
	Totals   []amountJSON      `json:"totals"`
}

func (a *app) newValidate() *cobra.Command {
	var o validateOptions
	c := &cobra.Command{
		Use:   "validate FILE",
		Short: "Check a file as a run would, without taking it",
		Long: `validate reads a file (- for standard input) the way its source is configured,
prints every finding with line, column and code, then the totals and the verdict.
It needs no store and writes nothing. What other files make of this one, such as
references used before, sequence numbers and look-alikes, only a run can tell.` + exitHelp(exitRejected, exitHeld, exitConfig),
		Example: `  cardbatch validate inbound/acme/PAY-20261121-01.csv
  gpg -d night.csv.gpg | cardbatch validate --source acme-billing -`,
		GroupID: "look",
		Args:    cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.file = args[0]
			return a.validate(o)
		},
	}
	c.Flags().StringVar(&o.source, "source", "", "the source whose options apply (default: the only one)")
	return c
}

func (a *app) validate(o validateOptions) error {
	in, err := a.load()
	if err != nil {
		return err
	}
	s, err := in.pickSource(o.source)
	if err != nil {
		return err
	}
	stream, name := a.stdin, "standard input"
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer f.Close()
		stream, name = f, filepath.Base(o.file)
	}
	f, err := pipeline.Validate(stream, name, s, in.merchants(), batch.Mode(in.cfg.Environment), a.tellFinding)
	if err != nil {
		return err
	}
	if err := a.printVerdict(f); err != nil {
		return err
	}
	switch {
	case f.State == batch.FileHeld:
		return exitWith(exitHeld)
	case f.State == batch.FileRejected || f.BadLines > 0:
		return exitWith(exitRejected)
	}
	return nil
}

// pickSource finds the source of the name, or the only one.
func (in *installation) pickSource(name string) (pipeline.Source, error) {
	all := in.sources()
	if name == "" && len(all) == 1 {
		return all[0], nil
	}
	i := slices.IndexFunc(all, func(s pipeline.Source) bool { return s.Name == name })
	if i >= 0 {
		return all[i], nil
	}
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.Name
	}
	if name == "" {
		return pipeline.Source{}, usageError("there are %d sources; choose one with --source: %s", len(all), strings.Join(names, ", "))
	}
	return pipeline.Source{}, usageError("there is no source %s; there are: %s", name, strings.Join(names, ", "))
}

func (a *app) tellFinding(f batch.Finding) error {
	if a.json {
		return a.printJSONLine(toFindingJSON(f))
	}
	_, err := fmt.Fprintln(a.stdout, f)
	return err
}

func (a *app) printVerdict(f batch.File) error {
	if a.json {
		return a.printJSONLine(verdictJSON{
			Verdict: f.State, Code: f.Verdict, Source: f.Source, Merchant: f.Header.Merchant, Ref: f.Header.Ref, Sequence: f.Header.Sequence,
			Mode: f.Header.Mode, Lines: f.Lines, BadLines: f.BadLines, Totals: amountsJSON(f.Totals),
		})
	}
	text := fmt.Sprintf("%s: %s", f.Name, f.State)
	if f.Verdict != "" {
		text += " (" + string(f.Verdict) + ")"
	}
	text += ", " + count(f.Lines, "line")
	if f.BadLines > 0 {
		text += fmt.Sprintf(", %d with findings", f.BadLines)
	}
	if len(f.Totals) > 0 {
		text += ", " + amountsText(f.Totals)
	}
	_, err := io.WriteString(a.stdout, text+"\n")
	return err
}
