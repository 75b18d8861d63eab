package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/formats/smartbill"
	"cardbatch/formats/updater"
)

type layoutCheckOptions struct {
	file     string
	layout   string
	replaces string
	records  int
}

// layoutsJSON is what layout show prints.
type layoutsJSON struct {
	Layouts []layoutJSON `json:"layouts"`
}

type layoutJSON struct {
	Name         string             `json:"name"`
	Version      int                `json:"version"`
	Title        string             `json:"title"`
	Note         string             `json:"note"`
	Direction    layout.Direction   `json:"direction"`
	Form         layout.Form        `json:"form"`
	Encoding     string             `json:"encoding"`
	LineEnd      layout.LineEnd     `json:"line_end"`
	RecordLength int                `json:"record_length,omitempty"`
	Delimiter    string             `json:"delimiter,omitempty"`
	Headings     bool               `json:"headings,omitempty"`
	Records      []layoutRecordJSON `json:"records"`
}

type layoutRecordJSON struct {
	Name     string            `json:"name"`
	About    string            `json:"about,omitempty"`
	Part     layout.Part       `json:"part"`
	Optional bool              `json:"optional,omitempty"`
	Fields   []layoutFieldJSON `json:"fields"`
}

type layoutFieldJSON struct {
	Name      string      `json:"name"`
	About     string      `json:"about,omitempty"`
	Type      layout.Type `json:"type"`
	Position  int         `json:"position,omitempty"`
	Length    int         `json:"length"`
	Column    int         `json:"column,omitempty"`
	Heading   string      `json:"heading,omitempty"`
	Mandatory bool        `json:"mandatory,omitempty"`
	Sensitive bool        `json:"sensitive,omitempty"`
	Rules     string      `json:"rules"`
}

// layoutVerdictJSON is the last object that layout check prints.
type layoutVerdictJSON struct {
	Verdict  batch.FileState    `json:"verdict"`
	Layout   string             `json:"layout"`
	Records  map[string]int     `json:"records"`
	Findings int                `json:"findings"`
	First    []sampleRecordJSON `json:"first"`
}

type sampleRecordJSON struct {
	Line   int               `json:"line"`
	Record string            `json:"record"`
	Fields []sampleFieldJSON `json:"fields"`
}

type sampleFieldJSON struct {
	Field string `json:"field"`
	Place string `json:"place"`
	Value string `json:"value"`
}

// layoutFindingJSON is a finding of layout check.
type layoutFindingJSON struct {
	Line    int               `json:"line,omitempty"`
	Record  string            `json:"record,omitempty"`
	Field   string            `json:"field,omitempty"`
	From    int               `json:"from,omitempty"`
	To      int               `json:"to,omitempty"`
	Column  int               `json:"column,omitempty"`
	Code    batch.FindingCode `json:"code"`
	Message string            `json:"message"`
}

// codeTablesJSON is what layout codes prints: all tables, the one named, or the one checked.
type codeTablesJSON struct {
	Tables []codeTableJSON `json:"tables"`
}

type codeTableJSON struct {
	Name string        `json:"name"`
	Rows []codeRowJSON `json:"rows"`
}

type codeRowJSON struct {
	Scheme  string              `json:"scheme"`
	Code    string              `json:"code"`
	Reason  string              `json:"reason"`
	Outcome batch.UpdateOutcome `json:"outcome"`
	Note    string              `json:"note,omitempty"`
	Facts   string              `json:"facts,omitempty"`
}

// room is a package whose files are described by layout tables that ship with the program.
type room struct {
	tables  []string // their names
	shipped func(name string) (*layout.Table, error)
	source  func(name string) ([]byte, error)
	check   func(name string, t *layout.Table) error
	page    string // explains the tables' fields
}

var rooms = []room{
	{smartbill.Tables, smartbill.Shipped, smartbill.Source, smartbill.CheckTable, "docs/layout-smartbill.md"},
	{updater.Tables, updater.Shipped, updater.Source, updater.CheckTable, "docs/layout-updater.md"},
}

// shippedTables lists the names of the shipped layout tables of all rooms.
func shippedTables() (all []string) {
	for _, r := range rooms {
		all = append(all, r.tables...)
	}
	return all
}

// roomOf finds the room of a shipped layout table.
func roomOf(name string) (room, error) {
	i := slices.IndexFunc(rooms, func(r room) bool { return slices.Contains(r.tables, name) })
	if i < 0 {
		return room{}, usageError("no layout table %q is shipped; there are %s", name, strings.Join(shippedTables(), ", "))
	}
	return rooms[i], nil
}

func (a *app) newLayout() *cobra.Command {
	c := &cobra.Command{
		Use:     "layout",
		Short:   "Explain layout tables, and check a file against one",
		Long:    "layout works with the tables that describe files whose form a partner fixes, and the\ncodes in them. docs/layouts.md explains the language of the tables. No configuration\nis read.",
		GroupID: "setup",
	}
	c.AddCommand(a.newLayoutShow(), a.newLayoutCheck(), a.newLayoutCodes())
	return c
}

func (a *app) newLayoutShow() *cobra.Command {
	var source bool
	c := &cobra.Command{
		Use:   "show [NAME|PATH]",
		Short: "List the layout tables that ship with the program, or explain one",
		Long: `show lists the layout tables that ship with the program. With the name of one, or
the path of a table of your own, it explains its records and fields: where each
stands, and what it must hold. --table prints a shipped table as YAML, to start
one of your own from.` + exitHelp(exitConfig),
		Example: `  cardbatch layout show
  cardbatch layout show smartbill-status
  cardbatch layout show smartbill-status --table > our-status.yaml`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 0 && source:
				return usageError("--table needs the name of a table: %s", strings.Join(shippedTables(), ", "))
			case len(args) == 0:
				return a.listLayouts()
			case source:
				r, err := roomOf(args[0])
				if err != nil {
					return err
				}
				content, err := r.source(args[0])
				if err != nil {
					return err
				}
				_, err = a.stdout.Write(content)
				return err
			}
			return a.showLayout(args[0])
		},
	}
	c.Flags().BoolVar(&source, "table", false, "print the table itself, as YAML")
	return c
}

func (a *app) newLayoutCheck() *cobra.Command {
	var o layoutCheckOptions
	c := &cobra.Command{
		Use:   "check FILE --layout NAME|PATH",
		Short: "Check a file against a layout table, and show both side by side",
		Long: `check reads a file (- for standard input) by a layout table: one that ships with the
program, by its name, or one of your own, by its path. It shows the first records
with the place of each field, then every finding with line, field and place, then
the verdict. Card numbers and other sensitive fields are masked. Nothing is written.` + exitHelp(exitRejected, exitConfig),
		Example: `  cardbatch layout check SBSTA_1234567890_000017.dat --layout smartbill-status
  cardbatch layout check sample.csv --layout ./our-status.yaml --replaces smartbill-status`,
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			o.file = args[0]
			return a.layoutCheck(o)
		},
	}
	c.Flags().StringVar(&o.layout, "layout", "", "the layout table: the `name` of a shipped one, or a path")
	c.Flags().StringVar(&o.replaces, "replaces", "", "also check that the table can take the place of the shipped one of this `name`")
	c.Flags().IntVar(&o.records, "records", 5, "how many records to show")
	return c
}

func (a *app) newLayoutCodes() *cobra.Command {
	var check string
	c := &cobra.Command{
		Use:   "codes [NAME]",
		Short: "List the tables of updater codes that ship with the program, print or check one",
		Long: `codes lists the shipped tables that say what the codes of account updaters mean. With
the name of one it prints it as CSV, to start one of your own from, which the setting
codes of an updater then names. --check reads one of your own, and says everything
that is wrong with it, with line and column. docs/layout-updater.md explains the
columns.` + exitHelp(exitConfig),
		Example: `  cardbatch layout codes
  cardbatch layout codes paysafe > our-codes.csv
  cardbatch layout codes --check our-codes.csv`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			switch {
			case check != "" && len(args) > 0:
				return usageError("--check takes a file, and no NAME goes with it")
			case check != "":
				return a.checkCodes(check)
			case len(args) > 0:
				return a.printCodes(args[0])
			}
			return a.listCodes()
		},
	}
	c.Flags().StringVar(&check, "check", "", "read this `file`, a table of codes of your own, and say what is wrong with it")
	return c
}

// findLayout takes a shipped table by its name, or reads one at a path: anything with a
// slash or an extension.
func findLayout(name string) (*layout.Table, error) {
	r, unknown := roomOf(name)
	switch {
	case unknown == nil:
		return r.shipped(name)
	case isName(name):
		return nil, usageError("%v; one of your own is named by its path, such as ./%s.yaml", unknown, name)
	}
	t, err := layout.Load(name)
	if problems := (layout.Problems)(nil); errors.As(err, &problems) {
		return nil, &codeError{exitConfig, err, "Correct the layout table; docs/layouts.md explains its keys."}
	}
	return t, err
}

// isName tells the name of a shipped table from the path of one of an operator's own.
func isName(text string) bool {
	return !strings.ContainsRune(text, filepath.Separator) && filepath.Ext(text) == ""
}

func (a *app) listLayouts() error {
	out := layoutsJSON{}
	list := table(a.stdout)
	row(list, "NAME", "VERSION", "TITLE", "FILES")
	for _, name := range shippedTables() {
		t, err := findLayout(name)
		if err != nil {
			return err
		}
		out.Layouts = append(out.Layouts, toLayoutJSON(t))
		row(list, t.Name, t.Version, t.Title, t.Summary())
	}
	if a.json {
		return a.printJSON(out)
	}
	return list.Flush()
}

func (a *app) showLayout(name string) error {
	t, err := findLayout(name)
	if err != nil {
		return err
	}
	if a.json {
		return a.printJSON(layoutsJSON{[]layoutJSON{toLayoutJSON(t)}})
	}
	fmt.Fprintf(a.stdout, "%s, version %d: %s\n%s\n", t.Name, t.Version, t.Title, t.Summary())
	if t.Note != "" {
		fmt.Fprintf(a.stdout, "\n%s\n", wrap(t.Note, 80))
	}
	for _, k := range t.Kinds {
		fmt.Fprintf(a.stdout, "\n%s (%s)\n", k.Name, k.Occurs())
		list := table(a.stdout)
		place := "BYTES"
		if t.Form == layout.Delimited {
			place = "COLUMN"
		}
		row(list, place, "LENGTH", "FIELD", "TYPE", "RULES", "ABOUT")
		for _, f := range k.Fields {
			row(list, placeOf(f), f.Length, f.Name, f.Type, t.Rules(f), f.About)
		}
		if err := list.Flush(); err != nil {
			return err
		}
	}
	return nil
}

// placeOf is where a field stands: its bytes, its column, or the heading of its column.
func placeOf(f *layout.Field) string {
	if f.Heading != "" {
		return f.Heading
	}
	return f.Place()
}

func toLayoutJSON(t *layout.Table) layoutJSON {
	out := layoutJSON{
		Name: t.Name, Version: t.Version, Title: t.Title, Note: t.Note, Direction: t.Direction, Form: t.Form, Encoding: t.Encoding,
		LineEnd: t.LineEnd, RecordLength: t.RecordLength, Headings: t.Headings,
	}
	if t.Delimiter != 0 {
		out.Delimiter = string(t.Delimiter)
	}
	for _, k := range t.Kinds {
		record := layoutRecordJSON{Name: k.Name, About: k.About, Part: k.Part, Optional: k.Optional}
		for _, f := range k.Fields {
			record.Fields = append(record.Fields, layoutFieldJSON{
				Name: f.Name, About: f.About, Type: f.Type, Position: f.Position, Length: f.Length, Column: f.Column, Heading: f.Heading,
				Mandatory: f.Mandatory, Sensitive: f.Sensitive, Rules: t.Rules(f),
			})
		}
		out.Records = append(out.Records, record)
	}
	return out
}

func (a *app) layoutCheck(o layoutCheckOptions) error {
	if o.layout == "" {
		return usageError("name the layout table with --layout: %s, or a path", strings.Join(shippedTables(), ", "))
	}
	t, err := findLayout(o.layout)
	if err != nil {
		return err
	}
	if o.replaces != "" {
		r, err := roomOf(o.replaces)
		if err != nil {
			return err
		}
		if err := r.check(o.replaces, t); err != nil {
			return &codeError{exitConfig, err, "Correct the layout table; " + r.page + " lists the fields that are needed."}
		}
	}
	stream := a.stdin
	if o.file != "-" {
		f, err := os.Open(o.file)
		if err != nil {
			return err
		}
		defer f.Close()
		stream = f
	}
	verdict := layoutVerdictJSON{Verdict: batch.FileAccepted, Layout: t.Name, Records: map[string]int{}, First: []sampleRecordJSON{}}
	r := layout.NewReader(stream, t, layout.Options{})
	var rec layout.Record
	for {
		if _, err = r.Read(&rec); err != nil {
			break
		}
		verdict.Records[rec.Kind().Name]++
		if len(verdict.First) < o.records {
			verdict.First = append(verdict.First, toSampleRecordJSON(&rec))
		}
	}
	var rejected *layout.FileError
	if errors.As(err, &rejected) {
		verdict.Verdict = batch.FileRejected
		verdict.Findings = len(rejected.Findings) + rejected.More
	} else if err != io.EOF {
		return err
	} else {
		rejected = &layout.FileError{}
	}
	if err := a.tellLayoutVerdict(verdict, rejected, t); err != nil {
		return err
	}
	if verdict.Findings > 0 {
		return exitWith(exitRejected)
	}
	return nil
}

func toSampleRecordJSON(rec *layout.Record) sampleRecordJSON {
	out := sampleRecordJSON{Line: rec.Line(), Record: rec.Kind().Name, Fields: []sampleFieldJSON{}}
	for _, f := range rec.Kind().Fields {
		if f.Type != layout.Filler {
			out.Fields = append(out.Fields, sampleFieldJSON{f.Name, placeOf(f), rec.Show(f)})
		}
	}
	return out
}

func (a *app) tellLayoutVerdict(v layoutVerdictJSON, rejected *layout.FileError, t *layout.Table) error {
	if a.json {
		for _, f := range rejected.Findings {
			if err := a.printJSONLine(layoutFindingJSON(f)); err != nil {
				return err
			}
		}
		return a.printJSONLine(v)
	}
	for _, rec := range v.First {
		fmt.Fprintf(a.stdout, "line %d: %s\n", rec.Line, rec.Record)
		list := table(a.stdout)
		for _, f := range rec.Fields {
			row(list, "  "+f.Place, f.Field, f.Value)
		}
		if err := list.Flush(); err != nil {
			return err
		}
	}
	if len(v.First) > 0 {
		fmt.Fprintln(a.stdout)
	}
	for _, f := range rejected.Findings {
		fmt.Fprintln(a.stdout, f)
	}
	if rejected.More > 0 {
		fmt.Fprintf(a.stdout, "and %s more\n", count(rejected.More, "finding"))
	}
	text := fmt.Sprintf("%s by %s", v.Verdict, t.Name)
	for _, k := range t.Kinds {
		text += fmt.Sprintf(", %d %s", v.Records[k.Name], k.Name)
	}
	_, err := fmt.Fprintln(a.stdout, text)
	return err
}

func (a *app) listCodes() error {
	out := codeTablesJSON{}
	list := table(a.stdout)
	row(list, "NAME", "CODES", "SCHEMES")
	for _, name := range updater.CodeTables {
		codes, err := updater.ShippedCodes(name)
		if err != nil {
			return err
		}
		t := toCodeTableJSON(name, codes)
		out.Tables = append(out.Tables, t)
		var schemes []string
		for _, r := range t.Rows {
			if !slices.Contains(schemes, r.Scheme) {
				schemes = append(schemes, r.Scheme)
			}
		}
		row(list, name, len(t.Rows), strings.Join(schemes, ", "))
	}
	if a.json {
		return a.printJSON(out)
	}
	return list.Flush()
}

func (a *app) printCodes(name string) error {
	if !slices.Contains(updater.CodeTables, name) {
		hint := ""
		if !isName(name) {
			hint = "; `cardbatch layout codes --check FILE` reads one of your own"
		}
		return usageError("no table of codes %q is shipped; there are %s%s", name, strings.Join(updater.CodeTables, ", "), hint)
	}
	if a.json {
		codes, err := updater.ShippedCodes(name)
		if err != nil {
			return err
		}
		return a.printJSON(codeTablesJSON{[]codeTableJSON{toCodeTableJSON(name, codes)}})
	}
	content, err := updater.CodesSource(name)
	if err != nil {
		return err
	}
	_, err = a.stdout.Write(content)
	return err
}

func toCodeTableJSON(name string, codes *updater.Codes) codeTableJSON {
	t := codeTableJSON{Name: name, Rows: []codeRowJSON{}}
	for _, r := range codes.Rows() {
		t.Rows = append(t.Rows, codeRowJSON(r))
	}
	return t
}

func (a *app) checkCodes(path string) error {
	codes, err := updater.LoadCodes(path)
	if problems := (layout.Problems)(nil); errors.As(err, &problems) {
		return &codeError{exitConfig, err, "Correct the table of codes; docs/layout-updater.md explains its columns."}
	}
	if err != nil {
		return err
	}
	t := toCodeTableJSON(path, codes)
	if a.json {
		return a.printJSON(codeTablesJSON{[]codeTableJSON{t}})
	}
	text := fmt.Sprintf("%s can be used: %s", path, count(len(t.Rows), "code"))
	for _, o := range batch.UpdateOutcomes {
		n := 0
		for _, r := range t.Rows {
			if r.Outcome == o {
				n++
			}
		}
		if n > 0 {
			text += fmt.Sprintf(", %d %s", n, o)
		}
	}
	_, err = fmt.Fprintln(a.stdout, text)
	return err
}
