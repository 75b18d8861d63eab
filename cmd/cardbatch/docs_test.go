package main

import (
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"cardbatch/pipeline"
)

// jsonObjects are the objects of docs/cli-json.md, by heading.
var jsonObjects = map[string]any{
	"cardbatch validate":       verdictJSON{},
	"cardbatch plan":           planJSON{},
	"Plan row":                 planRowJSON{},
	"cardbatch status":         statusJSON{},
	"Session":                  sessionJSON{},
	"Lock":                     lockJSON{},
	"cardbatch files":          filesJSON{},
	"cardbatch show":           showFileJSON{},
	"cardbatch explain":        explainJSON{},
	"Event":                    eventJSON{},
	"cardbatch hold":           movedJSON{},
	"cardbatch rebuild":        rebuildJSON{},
	"Rebuilt answer":           rebuiltJSON{},
	"cardbatch adopt":          adoptJSON{},
	"cardbatch audit verify":   auditJSON{},
	"Selection":                selectionJSON{},
	"Reason":                   leftOutJSON{},
	"Explained card":           explainedJSON{},
	"Rehearsed update":         rehearsedJSON{},
	"cardbatch updater report": updateReportJSON{},
	"cardbatch updater status": updaterStatusJSON{},
	"Request":                  requestJSON{},
	"Order":                    orderJSON{},
	"Rejected update file":     updateFileJSON{},
	"cardbatch doctor":         doctorJSON{},
	"Check":                    checkJSON{},
	"cardbatch config check":   configJSON{},
	"cardbatch layout show":    layoutsJSON{},
	"Layout":                   layoutJSON{},
	"Layout record":            layoutRecordJSON{},
	"Layout field":             layoutFieldJSON{},
	"cardbatch layout check":   layoutVerdictJSON{},
	"Layout finding":           layoutFindingJSON{},
	"Sample record":            sampleRecordJSON{},
	"Sample field":             sampleFieldJSON{},
	"cardbatch layout codes":   codeTablesJSON{},
	"Code table":               codeTableJSON{},
	"Code row":                 codeRowJSON{},
	"cardbatch vault show":     vaultJSON{},
	"Key":                      keyJSON{},
	"cardbatch migrate":        migrateJSON{},
	"Migration":                migrationJSON{},
	"cardbatch simulate":       simulateJSON{},
	"cardbatch version":        versionJSON{},
	"Summary":                  pipeline.Summary{},
	"Problem":                  pipeline.Problem{},
	"Amount":                   amountJSON{},
	"Finding":                  findingJSON{},
	"File":                     fileJSON{},
	"Answer":                   answerJSON{},
	"Line":                     lineJSON{},
	"Wallet":                   walletJSON{},
	"Card":                     cardJSON{},

	"cardbatch report transactions": reportJSON{},

	"cardbatch notify list": notificationsJSON{},
	"cardbatch notify send": notifiedJSON{},
	"Notification":          notificationJSON{},

	"cardbatch smartbill status": smartBillJSON{},
	"Enrolment":                  enrolmentJSON{},
	"Partner file":               partnerFileJSON{},
	"Exception":                  exceptionJSON{},
}

func TestEveryFieldOfTheJSONIsDocumentedAndNoOther(t *testing.T) {
	sections := jsonSections(t)
	for heading, object := range jsonObjects {
		want := fieldNames(reflect.TypeOf(object))
		got := tableNames(sections[heading])
		slices.Sort(want)
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("docs/cli-json.md, %q: -program +page\n%s", heading, diff)
		}
	}
	for heading, text := range sections {
		if _, known := jsonObjects[heading]; !known && len(tableNames(text)) > 0 {
			t.Errorf("docs/cli-json.md, %q: the program has no such object", heading)
		}
	}
}

func TestEveryCommandsJSONIsDocumentedOrSaidToBeMissing(t *testing.T) {
	sections := jsonSections(t)
	_, without, _ := strings.Cut(sections[""], "Without JSON:")
	var missing []string
	eachCommand(testRoot(), func(c *cobra.Command) {
		path := c.CommandPath()
		_, documented := sections[path]
		excused := strings.Contains(without, "`"+path+"`")
		if documented == excused {
			missing = append(missing, path)
		}
	})
	if len(missing) > 0 {
		t.Errorf("docs/cli-json.md: neither documented nor without JSON, or both: %s", strings.Join(missing, ", "))
	}
}

func TestEveryCommandHelpsThoseWhoReadItCold(t *testing.T) {
	eachCommand(testRoot(), func(c *cobra.Command) {
		path := c.CommandPath()
		if c.Short == "" || c.Long == "" {
			t.Errorf("%s: no help text", path)
		}
		if c.Parent() == c.Root() && c.GroupID == "" {
			t.Errorf("%s: belongs to no group", path)
		}
		if !c.HasSubCommands() && c.Example == "" {
			t.Errorf("%s: no example", path)
		}
		for line := range strings.Lines(c.Long) {
			if len(line) > 100 {
				t.Errorf("%s: a line of the help is %d characters long", path, len(line))
			}
		}
	})
}

func TestEveryExitCodeIsDocumented(t *testing.T) {
	page := readPage(t, "../../docs/exit-codes.md")
	for _, m := range exitMeanings {
		if !strings.Contains(page, fmt.Sprintf("\n| %d | %s", m.code, strings.Fields(m.means)[0])) {
			t.Errorf("docs/exit-codes.md: no row for %d %s", m.code, m.means)
		}
	}
}

func testRoot() *cobra.Command {
	return (&app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard}).newRoot()
}

// eachCommand visits the program's own commands; completion and help are the library's.
// Help pages are no commands.
func eachCommand(c *cobra.Command, visit func(*cobra.Command)) {
	if c.Runnable() {
		visit(c)
	}
	for _, sub := range c.Commands() {
		eachCommand(sub, visit)
	}
}

// jsonSections is the page by second-level heading; the text before the first has the heading "".
func jsonSections(t *testing.T) map[string]string {
	t.Helper()
	sections := map[string]string{}
	for i, text := range strings.Split(readPage(t, "../../docs/cli-json.md"), "\n## ") {
		heading, rest, _ := strings.Cut(text, "\n")
		if i == 0 {
			heading, rest = "", text
		}
		sections[heading] = rest
	}
	return sections
}

func readPage(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

var tableRow = regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\|")

func tableNames(section string) []string {
	var names []string
	for _, match := range tableRow.FindAllStringSubmatch(section, -1) {
		names = append(names, match[1])
	}
	return names
}

func fieldNames(t reflect.Type) []string {
	var names []string
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}
