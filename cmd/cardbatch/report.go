package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/config"
	"cardbatch/formats/followup"
	"cardbatch/internal/atomicfile"
	"cardbatch/pipeline"
	"cardbatch/store"
)

type reportOptions struct {
	kind                                      store.FollowUpKind
	day, merchant, contract, encoding, output string
}

// reportJSON is what report prints about a file.
type reportJSON struct {
	Kind        store.FollowUpKind `json:"kind"`
	Merchant    batch.MerchantID   `json:"merchant"`
	Contract    batch.ContractID   `json:"contract"`
	Day         string             `json:"day"`
	From        time.Time          `json:"from"`
	To          time.Time          `json:"to"`
	Number      int64              `json:"number"`
	Name        string             `json:"name"`
	Encoding    string             `json:"encoding"`
	Size        int64              `json:"size"`
	Digest      string             `json:"digest"`
	Recorded    string             `json:"recorded_digest,omitempty"`
	DeliveredAt time.Time          `json:"delivered_at,omitzero"`
	Path        string             `json:"path,omitempty"`
}

func (a *app) newReport() *cobra.Command {
	c := &cobra.Command{
		Use:     "report",
		Short:   "Print the follow-up files of a day",
		Long:    "report prints what the nightly run delivers to the merchant about a day (docs/followup-files.md).",
		GroupID: "look",
	}
	c.AddCommand(
		a.newReportOf(store.TransactionsOfDay, "Print the transactions of a day",
			`transactions prints every attempt that ended on a day, and what became of it, as CSV.`),
		a.newReportOf(store.PaymentsOfDay, "Print the payments of a day",
			`payments prints the money that moved on a day, captured and refunded, by value
date, as CSV.`),
	)
	return c
}

func (a *app) newReportOf(kind store.FollowUpKind, short, long string) *cobra.Command {
	o := reportOptions{kind: kind}
	c := &cobra.Command{
		Use:   string(kind) + " --day YYYY-MM-DD",
		Short: short,
		Long: long + `

A day is one of the merchant's time zone, and must be over: the same day then gives
the same bytes, those that are delivered. A file that came out different from what
was delivered is not printed. Nothing is recorded and nothing delivered.

With --json the file is described instead of printed.` + exitHelp(exitConfig, exitSafety),
		Example: "  cardbatch report " + string(kind) + " --day 2026-11-21\n  cardbatch report " + string(kind) +
			" --day 2026-11-21 --merchant acme --contract 1234567 -o " + string(kind) + ".csv",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return a.report(c.Context(), o) },
	}
	c.Flags().StringVar(&o.day, "day", "", "the day, YYYY-MM-DD; mandatory")
	c.Flags().StringVar(&o.merchant, "merchant", "", "the merchant; may be left out where one contract is configured")
	c.Flags().StringVar(&o.contract, "contract", "", "its contract; may be left out where there is one")
	c.Flags().StringVar(&o.encoding, "encoding", "", strings.Join(followup.Encodings, " or ")+" (default: that of the delivered file)")
	c.Flags().StringVarP(&o.output, "output", "o", "-", "file to write, which must not exist, or - for standard output")
	return c
}

func (a *app) report(ctx context.Context, o reportOptions) error {
	switch {
	case o.day == "":
		return usageError("--day is mandatory")
	case o.encoding != "" && !slices.Contains(followup.Encodings, o.encoding):
		return usageError("--encoding is %s", strings.Join(followup.Encodings, " or "))
	}
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	contract, err := in.contractFor(o.merchant, o.contract)
	if err != nil {
		return err
	}
	f, err := in.dailyFile(ctx, contract, o)
	if err != nil {
		return err
	}
	if locked := (*store.LockedError)(nil); f.ID == 0 && errors.As(in.store.Check(ctx), &locked) {
		a.note("A run is under way: what ended just before the end of the day may still be missing.")
	}
	out := reportJSON{
		Kind: f.Series.Kind, Merchant: f.Series.Merchant, Contract: f.Series.Contract, Day: f.Day, From: f.From.UTC(), To: f.To.UTC(), Number: f.Number,
		Name: f.Name, Encoding: f.Encoding, Recorded: f.Digest, DeliveredAt: f.DeliveredAt.UTC(),
	}
	out.Size, out.Digest, err = measured(func(w io.Writer) error { return pipeline.WriteDaily(ctx, in.store, f, w) })
	if err != nil {
		return err
	}
	if f.Digest != "" && f.Digest != out.Digest {
		return &codeError{exitSafety, fmt.Errorf("%s came out different from what was recorded", f.Name),
			"Its lines were deleted for their age, see retention.lines_days; or something altered the store: run `cardbatch audit verify`."}
	}
	if o.output != "-" {
		if out.Path, err = in.writeDailyTo(ctx, f, o.output, out.Digest); err != nil {
			return err
		}
		if !a.json {
			a.note("%s is %s, number %d.", out.Path, f.Name, f.Number)
		}
	}
	switch {
	case a.json:
		return a.printJSON(out)
	case o.output == "-":
		return pipeline.WriteDaily(ctx, in.store, f, a.stdout)
	}
	return nil
}

// contractFor is the configured contract that the flags name, or the only one.
func (in *installation) contractFor(merchant, id string) (*config.Contract, error) {
	var found []*config.Contract
	var names []string
	for i := range in.cfg.Contracts {
		c := &in.cfg.Contracts[i]
		if (merchant == "" || c.Merchant == merchant) && (id == "" || c.ID == id) {
			found = append(found, c)
			names = append(names, fmt.Sprintf("--merchant %s --contract %s", c.Merchant, c.ID))
		}
	}
	switch len(found) {
	case 0:
		return nil, usageError("no such contract is configured")
	case 1:
		return found[0], nil
	}
	return nil, usageError("a file is of one contract; name it:\n  %s", strings.Join(names, "\n  "))
}

// dailyFile is the file that the options ask for. In another encoding than its own it has
// no recorded digest to be compared with.
func (in *installation) dailyFile(ctx context.Context, c *config.Contract, o reportOptions) (store.DailyFile, error) {
	s := store.Series{Merchant: batch.MerchantID(c.Merchant), Contract: batch.ContractID(c.ID), Kind: o.kind}
	if _, err := time.Parse(time.DateOnly, o.day); err != nil {
		return store.DailyFile{}, usageError("--day takes a day like 2026-11-21")
	}
	f, err := pipeline.DailyFile(ctx, in.store, s, o.day, in.cfg.Location(in.cfg.Merchant(c.Merchant)), followup.Latin1, in.clock())
	switch {
	case errors.Is(err, pipeline.ErrDayNotOver):
		return f, &codeError{exitFailure, err, "Ask for it then: a day that is not over has no file."}
	case errors.Is(err, pipeline.ErrDayBeforeFirst):
		return f, &codeError{exitFailure, err, ""}
	case err == nil && o.encoding != "" && o.encoding != f.Encoding:
		f.Encoding, f.Digest = o.encoding, ""
	}
	return f, err
}

// writeDailyTo writes the file beside others and never over one.
func (in *installation) writeDailyTo(ctx context.Context, f store.DailyFile, path, digest string) (string, error) {
	file, err := atomicfile.Create(filepath.Dir(path), 0o600)
	if err != nil {
		return "", err
	}
	defer file.Discard()
	if err := pipeline.WriteDaily(ctx, in.store, f, file); err != nil {
		return "", err
	}
	err = file.Publish(filepath.Base(path))
	if errors.Is(err, fs.ErrExist) {
		err = sameThere(path, digest)
	}
	return path, err
}
