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
	"cardbatch/internal/atomicfile"
	"cardbatch/pipeline"
	"cardbatch/store"
)

// updateReportJSON is what updater report prints about a report.
type updateReportJSON struct {
	Merchant    batch.MerchantID `json:"merchant"`
	Period      string           `json:"period"`
	From        time.Time        `json:"from"`
	To          time.Time        `json:"to"`
	Format      string           `json:"format"`
	Fields      string           `json:"fields"`
	Records     int              `json:"records"`
	Size        int64            `json:"size"`
	Digest      string           `json:"digest"`
	Name        string           `json:"name,omitempty"`            // of the report that was delivered
	Recorded    string           `json:"recorded_digest,omitempty"` // its bytes
	DeliveredAt time.Time        `json:"delivered_at,omitzero"`
	Path        string           `json:"path,omitempty"`
}

type updateReportOptions struct {
	month, merchant, format, fields, output string
}

func (a *app) newUpdaterReport() *cobra.Command {
	var o updateReportOptions
	c := &cobra.Command{
		Use:   "report",
		Short: "Print the report of a month's card updates",
		Long: `report prints what became known of a merchant's stored cards in a month, from every
source, and what it did: of the current month, what is known so far. A month that is
over always gives the same bytes. Nothing is recorded and nothing delivered.

With --json the report is described instead of printed.` + exitHelp(exitConfig, exitSafety),
		Example: "  cardbatch updater report\n  cardbatch updater report --month 2026-11 --format html -o november.html",
		Args:    cobra.NoArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return a.updaterReport(c.Context(), o) },
	}
	c.Flags().StringVar(&o.month, "month", "", "the month, YYYY-MM (default: the current one)")
	c.Flags().StringVar(&o.merchant, "merchant", "", "the merchant; may be left out where one is configured")
	c.Flags().StringVar(&o.format, "format", "", "csv or html (default: the merchant's)")
	c.Flags().StringVar(&o.fields, "fields", "", "standard or extended (default: the merchant's)")
	c.Flags().StringVarP(&o.output, "output", "o", "-", "file to write, which must not exist, or - for standard output")
	return c
}

func (a *app) updaterReport(ctx context.Context, o updateReportOptions) error {
	in, err := a.open(ctx, false)
	if err != nil {
		return err
	}
	defer in.Close()
	u, err := in.reportOf(o)
	if err != nil {
		return err
	}
	out := updateReportJSON{Merchant: u.Merchant, Period: u.Period, From: u.From.UTC(), To: u.To.UTC(), Format: u.Format, Fields: u.Fields}
	out.Size, out.Digest, err = measured(func(w io.Writer) (err error) {
		out.Records, err = pipeline.WriteUpdateReport(ctx, in.store, u, w)
		return err
	})
	if err != nil {
		return err
	}
	if err := in.compareReport(ctx, u, &out); err != nil {
		return err
	}
	write := func(w io.Writer) error {
		_, err := pipeline.WriteUpdateReport(ctx, in.store, u, w)
		return err
	}
	if o.output != "-" {
		if out.Path, err = writeNew(o.output, out.Digest, write); err != nil {
			return err
		}
		if !a.json {
			a.note("%s has %s.", out.Path, count(out.Records, "record"))
		}
	}
	switch {
	case a.json:
		return a.printJSON(out)
	case o.output == "-":
		return write(a.stdout)
	}
	return nil
}

// reportOf is the report that the options ask for, as a run would decide it.
func (in *installation) reportOf(o updateReportOptions) (store.UpdateReport, error) {
	m, err := in.merchantFor(o.merchant)
	if err != nil {
		return store.UpdateReport{}, err
	}
	zone := in.cfg.Location(m)
	now := in.clock().In(zone)
	from := batch.MonthOf(now)
	if o.month != "" {
		if from, err = time.ParseInLocation("2006-01", o.month, zone); err != nil {
			return store.UpdateReport{}, usageError("--month takes a month like 2026-11")
		}
	}
	u := store.UpdateReport{
		Merchant: batch.MerchantID(m.ID), Period: batch.Month(from), From: from, To: from.AddDate(0, 1, 0), Zone: zone.String(),
		Format: firstOf(o.format, m.UpdaterReport.Format), Fields: firstOf(o.fields, m.UpdaterReport.Fields),
	}
	if !slices.Contains([]string{"csv", "html"}, u.Format) {
		return u, usageError("--format is csv or html")
	}
	if !slices.Contains([]string{"standard", "extended"}, u.Fields) {
		return u, usageError("--fields is standard or extended")
	}
	if from.After(now) {
		return u, usageError("--month %s has not begun", u.Period)
	}
	u.Name = store.UpdateReportName(u)
	return u, nil
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// merchantFor is the configured merchant that the flag names, or the only one.
func (in *installation) merchantFor(id string) (*config.Merchant, error) {
	var names []string
	for i := range in.cfg.Merchants {
		if m := &in.cfg.Merchants[i]; m.ID == id || id == "" && len(in.cfg.Merchants) == 1 {
			return m, nil
		}
		names = append(names, in.cfg.Merchants[i].ID)
	}
	return nil, usageError("a report is of one merchant; --merchant is one of: %s", strings.Join(names, ", "))
}

// compareReport compares a report with the one of the same name that was delivered.
func (in *installation) compareReport(ctx context.Context, u store.UpdateReport, out *updateReportJSON) error {
	decided, err := in.store.UpdateReports(ctx, store.ReportQuery{Merchant: u.Merchant, Period: u.Period})
	if err != nil {
		return err
	}
	for _, d := range decided {
		if d.Name != u.Name || d.Digest == "" || !d.From.Equal(u.From) || !d.To.Equal(u.To) {
			continue
		}
		out.Name, out.Recorded, out.DeliveredAt = d.Name, d.Digest, d.DeliveredAt.UTC()
		if d.Digest != out.Digest {
			return &codeError{exitSafety, fmt.Errorf("%s came out different from what was recorded", d.Name),
				"Something altered the store, or the time zone of the merchant was changed: run `cardbatch audit verify`."}
		}
	}
	return nil
}

// writeNew writes a file beside others and never over one with other bytes.
func writeNew(path, digest string, write func(io.Writer) error) (string, error) {
	file, err := atomicfile.Create(filepath.Dir(path), 0o600)
	if fault := (*fs.PathError)(nil); errors.As(err, &fault) {
		fault.Path = path // not the temporary one beside it, which nobody asked for
	}
	if err != nil {
		return "", err
	}
	defer file.Discard()
	if err := write(file); err != nil {
		return "", err
	}
	err = file.Publish(filepath.Base(path))
	if errors.Is(err, fs.ErrExist) {
		err = sameThere(path, digest)
	}
	return path, err
}
