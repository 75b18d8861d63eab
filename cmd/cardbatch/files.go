package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/store"
)

type filesOptions struct {
	states   []string
	source   string
	merchant string
	since    string
	limit    int
}

// filesJSON is what files prints.
type filesJSON struct {
	Files []fileJSON `json:"files"`
	More  bool       `json:"more"`
}

func (a *app) newFiles() *cobra.Command {
	var o filesOptions
	c := &cobra.Command{
		Use:   "files",
		Short: "List files, newest first",
		Long: `files lists the files that the store knows, newest first. The number in the first
column, the file reference and the name all serve as FILE in other commands.` + exitHelp(exitConfig),
		Example: `  cardbatch files
  cardbatch files --state held --state rejected
  cardbatch files --merchant acme --since 2026-11-01 --limit 0 --json`,
		GroupID: "look",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.files(c.Context(), o) },
	}
	c.Flags().StringSliceVar(&o.states, "state", nil, "only files in these states: "+joined(batch.FileStates))
	c.Flags().StringVar(&o.source, "source", "", "only files of this source")
	c.Flags().StringVar(&o.merchant, "merchant", "", "only files of this merchant")
	c.Flags().StringVar(&o.since, "since", "", "only files received since this day, YYYY-MM-DD")
	c.Flags().IntVar(&o.limit, "limit", 50, "at most so many, 0 for all")
	return c
}

// joined lists words for a help text or an error.
func joined[T ~string](words []T) string {
	texts := make([]string, len(words))
	for i, w := range words {
		texts[i] = string(w)
	}
	return strings.Join(texts, ", ")
}

// statesOf reads the states that a flag names.
func statesOf[T ~string](texts []string, known []T) ([]T, error) {
	var states []T
	for _, text := range texts {
		if !slices.Contains(known, T(text)) {
			return nil, usageError("there is no state %s; there are: %s", text, joined(known))
		}
		states = append(states, T(text))
	}
	return states, nil
}

func (a *app) files(ctx context.Context, o filesOptions) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	q := store.FileQuery{Source: o.source, Merchant: batch.MerchantID(o.merchant)}
	if q.States, err = statesOf(o.states, batch.FileStates); err != nil {
		return err
	}
	if o.since != "" {
		if q.Since, err = time.ParseInLocation(time.DateOnly, o.since, in.cfg.Clock()); err != nil {
			return usageError("--since takes a day like 2026-11-21")
		}
	}
	if o.limit > 0 {
		q.Limit = o.limit + 1
	}
	files, err := in.store.Files(ctx, q)
	if err != nil {
		return err
	}
	more := o.limit > 0 && len(files) > o.limit
	if more {
		files = files[:o.limit]
	}
	if a.json {
		out := filesJSON{Files: []fileJSON{}, More: more}
		for _, f := range files {
			out.Files = append(out.Files, toFileJSON(f))
		}
		return a.printJSON(out)
	}
	if len(files) == 0 {
		a.note("There is no such file.")
		return nil
	}
	t := table(a.stdout)
	row(t, "FILE", "RECEIVED", "STATE", "NAME", "REFERENCE", "MERCHANT", "LINES", "BAD", "TOTALS")
	for _, f := range files {
		state := string(f.State)
		if f.Verdict != "" {
			state += " " + string(f.Verdict)
		}
		row(t, f.ID, in.moment(f.ReceivedAt), state, f.Name, f.Header.Ref, f.Header.Merchant, f.Lines, f.BadLines, amountsText(f.Totals))
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if more {
		a.note("There are more; see --limit.")
	}
	return nil
}
