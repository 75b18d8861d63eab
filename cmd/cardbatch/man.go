package main

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (a *app) newMan() *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write the manual pages into a folder",
		Long: `man writes one manual page per command, section 1, into DIR. The pages of one build
are always the same bytes: their date is SOURCE_DATE_EPOCH, or else that of the
commit it was built from.` + exitHelp(),
		Example: "  cardbatch man /usr/local/share/man/man1",
		GroupID: "setup",
		Args:    cobra.ExactArgs(1),
		RunE:    func(c *cobra.Command, args []string) error { return a.man(c.Root(), args[0]) },
	}
}

func (a *app) man(root *cobra.Command, dir string) error {
	date, err := manDate(a.variable("SOURCE_DATE_EPOCH", ""))
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	// The default must not depend on who writes the pages.
	root.PersistentFlags().Lookup("config").DefValue = "cardbatch.yaml"
	root.DisableAutoGenTag = true
	return doc.GenManTree(root, &doc.GenManHeader{Section: "1", Source: "cardbatch", Manual: "cardbatch", Date: &date}, dir)
}

// manDate is the date on the pages: the epoch given, else that of the commit, else 1970.
func manDate(epoch string) (time.Time, error) {
	if epoch != "" {
		seconds, err := strconv.ParseInt(epoch, 10, 64)
		if err != nil {
			return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
		}
		return time.Unix(seconds, 0).UTC(), nil
	}
	if at, err := time.Parse(time.RFC3339, buildInfo().Time); err == nil {
		return at.UTC(), nil
	}
	return time.Unix(0, 0).UTC(), nil
}
