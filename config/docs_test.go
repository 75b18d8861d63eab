package config

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// The settings part of docs/configuration.md and the JSON Schema follow from the
// tags in config.go. 'go test ./config -update' writes both.

func TestTheSchemaOnDiskIsCurrent(t *testing.T) {
	compareFile(t, filepath.Join("..", "docs", "cardbatch.schema.json"), Schema())
}

func TestTheSettingsInTheDocumentationAreCurrent(t *testing.T) {
	const begin, end = "<!-- settings: generated, do not edit -->\n", "<!-- end of settings -->\n"
	path := filepath.Join("..", "docs", "configuration.md")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatalf("%s has lost the marks around its generated part", path)
	}
	var doc strings.Builder
	section(&doc, reflect.TypeFor[Config](), "", "")
	compareFile(t, path, []byte(before+begin+"\n"+doc.String()+end+after))
}

// section documents a group of settings, then the groups inside it.
func section(doc *strings.Builder, t reflect.Type, path, intro string) {
	title := "Top level"
	if path != "" {
		title = "`" + path + "`"
	}
	fmt.Fprintf(doc, "### %s\n\n", title)
	if intro != "" {
		fmt.Fprintf(doc, "%s\n\n", intro)
	}
	fmt.Fprint(doc, "| Key | Value | Default | Meaning |\n|---|---|---|---|\n")
	for _, s := range settings(t) {
		fmt.Fprintf(doc, "| `%s` | %s | %s | %s |\n", s.name, form(s), fallback(s), cell(sentence(s)))
	}
	fmt.Fprintln(doc)
	for _, s := range settings(t) {
		switch {
		case isGroup(s.kind):
			section(doc, s.kind, join(path, s.name), s.doc)
		case s.kind.Kind() == reflect.Slice && isGroup(s.kind.Elem()):
			section(doc, s.kind.Elem(), join(path, s.name)+"[]", s.doc+" Each entry:")
		}
	}
}

func form(s setting) string {
	if len(s.enum) > 0 {
		words := make([]string, len(s.enum))
		for i, word := range s.enum {
			words[i] = "`" + word + "`"
		}
		return cell(strings.Join(words, " "))
	}
	example := ""
	if s.example != "" {
		example = ", as `" + cell(s.example) + "`"
	}
	switch {
	case isGroup(s.kind):
		return "group"
	case s.kind.Kind() == reflect.Slice && isGroup(s.kind.Elem()):
		return "list of groups"
	case s.kind.Kind() == reflect.Slice:
		return "list" + example
	case s.kind.Kind() == reflect.Map:
		return "table" + example
	case s.kind == secretType:
		return "secret" + example
	case s.kind == pathType:
		return "path" + example
	case s.kind == durationType:
		return "duration, " + s.min + " to " + s.max
	case s.kind.Kind() == reflect.Bool:
		return "`true` `false`"
	case s.kind.Kind() == reflect.String:
		return "text" + example
	}
	return "number, " + s.min + " to " + s.max
}

func fallback(s setting) string {
	switch {
	case s.required:
		return "**mandatory**"
	case s.kind.Kind() == reflect.Slice && s.fallback != "":
		return "`[" + strings.Join(strings.Fields(s.fallback), ", ") + "]`"
	case s.fallback != "":
		return "`" + cell(s.fallback) + "`"
	}
	return "–"
}

// cell keeps a text inside its column.
func cell(text string) string { return strings.ReplaceAll(text, "|", `\|`) }
