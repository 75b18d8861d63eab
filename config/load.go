package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Options is what Load knows beside the file.
type Options struct {
	Words Words
	// Environ is the environment, as os.Environ gives it. See Variable.
	Environ []string
	// Flags are settings of the command line: "log.level" to "debug".
	Flags map[string]string
}

// maxFileBytes keeps a wrong path from being read into memory.
const maxFileBytes = 4 << 20

// Load reads the file at path and returns the effective configuration. What is wrong
// with it comes back as Problems, all at once; any other error means that the file
// could not be read.
func Load(path string, o Options) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w; 'cardbatch init' writes one", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	if len(content) > maxFileBytes {
		return nil, fmt.Errorf("configuration: %s is larger than %d bytes", path, maxFileBytes)
	}
	return Parse(path, content, o)
}

// Parse is Load for a file that was read already. path names it in messages, and
// its folder is where relative paths start.
func Parse(path string, content []byte, o Options) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	r := &reader{file: path, origins: map[string]Origin{}}
	c := &Config{file: path, words: o.Words, origins: r.origins}
	root := reflect.ValueOf(c).Elem()
	setDefaults(root)
	if node := r.document(content); node != nil {
		r.value(node, root, "", setting{})
	}
	r.environ(root, o.Environ)
	r.flags(root, o.Flags)
	r.required(root, "")
	resolvePaths(root, dir)
	r.problems = append(r.problems, c.check()...)
	if len(r.problems) > 0 {
		slices.SortStableFunc(r.problems, func(a, b Problem) int {
			return cmp.Or(cmp.Compare(a.Origin.Line, b.Origin.Line), cmp.Compare(a.Origin.Column, b.Origin.Column))
		})
		return nil, r.problems
	}
	return c, nil
}

// Check checks the configuration as a whole, again: after a change by the program.
// Its error is Problems.
func (c *Config) Check() error {
	if problems := c.check(); len(problems) > 0 {
		return problems
	}
	return nil
}

// Origin tells where a setting came from, by its path, as in "run.chunk".
func (c *Config) Origin(setting string) Origin { return c.origins[setting] }

// Variable is the name of the environment variable that overrides a setting:
// CARDBATCH_RUN_CHUNK for run.chunk. Settings inside lists have none.
func Variable(setting string) string {
	return variablePrefix + strings.ToUpper(strings.ReplaceAll(setting, ".", "_"))
}

const variablePrefix = "CARDBATCH_"

// reader fills a Config and collects what is wrong.
type reader struct {
	file     string
	origins  map[string]Origin
	problems Problems
	hinted   map[string]bool // missing settings that a misspelt key already points to
}

func (r *reader) problem(setting string, at Origin, format string, args ...any) {
	r.problems = append(r.problems, Problem{Setting: setting, Origin: at, Text: fmt.Sprintf(format, args...)})
}

func (r *reader) at(n *yaml.Node) Origin {
	return Origin{File: r.file, Line: n.Line, Column: n.Column}
}

// document returns the one document of the file; nil when there is none.
func (r *reader) document(content []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(content))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if errors.Is(err, io.EOF) {
			text = "the file is empty; 'cardbatch init' writes one to start from"
		}
		r.problem("", Origin{File: r.file}, "%s", text)
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		r.problem("", r.at(&more), "the file holds more than one document; keep the first and remove the rest")
	}
	return doc.Content[0]
}

// environ takes over the variables that override a setting. One that only nearly
// does is a problem: an override that is silently ignored is worse than none.
func (r *reader) environ(root reflect.Value, environ []string) {
	settings := map[string]leaf{}
	var names []string
	for _, l := range leaves(root) {
		name := Variable(l.path)
		settings[name] = l
		names = append(names, strings.TrimPrefix(name, variablePrefix))
	}
	for _, entry := range environ {
		name, text, _ := strings.Cut(entry, "=")
		l, known := settings[name]
		switch {
		case known:
			r.text(l, text, Origin{Variable: name})
		case strings.HasPrefix(name, variablePrefix):
			if near := nearest(strings.TrimPrefix(name, variablePrefix), names); near != "" {
				r.problem("", Origin{Variable: name}, "overrides nothing; did you mean %s?", variablePrefix+near)
			}
		}
	}
}

// flags takes over the settings of the command line.
func (r *reader) flags(root reflect.Value, flags map[string]string) {
	settings := leaves(root)
	for _, path := range sorted(flags) {
		i := slices.IndexFunc(settings, func(l leaf) bool { return l.path == path })
		if i < 0 {
			r.problem(path, Origin{Flag: true}, "there is no such setting")
			continue
		}
		r.text(settings[i], flags[path], Origin{Flag: true})
	}
}

func (r *reader) text(l leaf, text string, from Origin) {
	r.origins[l.path] = from
	if err := setText(l.value, l.setting, text); err != nil {
		r.problem(l.path, from, "%v", err)
	}
}
