package main

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// versionJSON is what version prints.
type versionJSON struct {
	Version  string `json:"version"`
	Go       string `json:"go"`
	Commit   string `json:"commit,omitempty"`
	Time     string `json:"commit_time,omitempty"`
	Modified bool   `json:"modified"`
	Platform string `json:"platform"`
}

func (a *app) newVersion() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Show the program's version",
		Long:    "version shows the version, the commit it was built from, and the Go release." + exitHelp(),
		Example: "  cardbatch version --json",
		GroupID: "setup",
		Args:    cobra.NoArgs,
		RunE:    func(*cobra.Command, []string) error { return a.version() },
	}
}

func (a *app) version() error {
	v := buildInfo()
	if a.json {
		return a.printJSON(v)
	}
	text := fmt.Sprintf("cardbatch %s, %s, %s", v.Version, v.Go, v.Platform)
	if v.Commit != "" {
		text += ", commit " + v.Commit
	}
	if v.Modified {
		text += " with changes"
	}
	_, err := fmt.Fprintln(a.stdout, text)
	return err
}

// buildInfo is what the build recorded of itself.
func buildInfo() versionJSON {
	v := versionJSON{Version: version(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.time":
			v.Time = s.Value
		case "vcs.modified":
			v.Modified = s.Value == "true"
		}
	}
	return v
}
