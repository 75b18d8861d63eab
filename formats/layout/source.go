package layout

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxTableBytes keeps a wrong path from being read into memory.
const maxTableBytes = 1 << 20

// Problem is one thing wrong with a table.
type Problem struct {
	File         string
	Line, Column int // from 1; 0: the table as a whole
	Text         string
}

func (p Problem) String() string {
	if p.Line == 0 {
		return p.File + ": " + p.Text
	}
	return fmt.Sprintf("%s:%d:%d: %s", p.File, p.Line, p.Column, p.Text)
}

// Problems is everything wrong with a table, in the order of its lines.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, len(p))
	for i := range p {
		lines[i] = p[i].String()
	}
	return strings.Join(lines, "\n")
}

// Load reads and compiles the table at path. What is wrong with it comes back as
// Problems, all at once; any other error means that the file could not be read.
func Load(path string) (*Table, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("layout table: %w", err)
	}
	defer f.Close()
	content, err := io.ReadAll(io.LimitReader(f, maxTableBytes+1))
	if err != nil {
		return nil, fmt.Errorf("layout table: %w", err)
	}
	return Parse(filepath.Base(path), content)
}

// Parse is Load for a table that was read already; name stands for its file in Problems.
func Parse(name string, content []byte) (*Table, error) {
	s := &source{file: name}
	if len(content) > maxTableBytes {
		return nil, Problems{{File: name, Text: fmt.Sprintf("a layout table may have at most %d bytes", maxTableBytes)}}
	}
	var raw tableSource
	if root := s.document(content); root != nil {
		s.value(root, reflect.ValueOf(&raw).Elem())
	}
	if len(s.problems) > 0 {
		return nil, s.sorted()
	}
	t := s.compile(&raw)
	if len(s.problems) > 0 {
		return nil, s.sorted()
	}
	return t, nil
}

// The table language: what a YAML file may hold. docs/layouts.md explains each key.
type (
	tableSource struct {
		at            mark
		Layout        string         `key:"layout"`
		Version       int            `key:"version"`
		Title         string         `key:"title"`
		Note          string         `key:"note"`
		Direction     string         `key:"direction"`
		Form          string         `key:"form"`
		Encoding      string         `key:"encoding"`
		LineEnd       string         `key:"line_end"`
		RecordLength  int            `key:"record_length"`
		Trimmed       bool           `key:"trimmed"`
		Delimiter     string         `key:"delimiter"`
		Quotes        string         `key:"quotes"`
		Headings      bool           `key:"headings"`
		OtherHeadings string         `key:"other_headings"`
		Records       []recordSource `key:"records"`
		Checks        []checkSource  `key:"checks"`
	}
	recordSource struct {
		at       mark
		Record   string        `key:"record"`
		About    string        `key:"about"`
		Part     string        `key:"part"`
		Optional bool          `key:"optional"`
		Fields   []fieldSource `key:"fields"`
	}
	fieldSource struct {
		at        mark
		Name      string   `key:"name"`
		About     string   `key:"about"`
		Type      string   `key:"type"`
		Position  int      `key:"position"`
		Length    int      `key:"length"`
		Column    int      `key:"column"`
		Heading   string   `key:"heading"`
		Align     string   `key:"align"`
		Pad       string   `key:"pad"`
		Mandatory bool     `key:"mandatory"`
		Sensitive bool     `key:"sensitive"`
		Lossy     bool     `key:"lossy"`
		Empty     []string `key:"empty"` // one text, or a list
		Value     string   `key:"value"`
		Recognise bool     `key:"recognise"`
		Beginning bool     `key:"beginning"`
		Rest      bool     `key:"rest"`
		Format    string   `key:"format"`
		Codes     []pair   `key:"codes"`
		Unknown   string   `key:"unknown"`
		Sign      string   `key:"sign"`
		Plus      string   `key:"plus"`
		Point     string   `key:"point"`
		Decimals  int      `key:"decimals"`
		given     []string // the keys that were given
	}
	checkSource struct {
		at     mark
		Field  []string `key:"field"` // one name, or a list
		SameAs string   `key:"same_as"`
		Count  []string `key:"count"` // one name, or a list
		Sum    string   `key:"sum"`
		Where  []pair   `key:"where"`
	}
	// pair is an entry of a mapping whose keys are the table's own.
	pair struct {
		at         mark
		key, value string
	}
	// mark is a place in the file.
	mark struct{ line, column int }
)

func markOf(n *yaml.Node) mark { return mark{n.Line, n.Column} }

// source turns the nodes of a file into a tableSource and collects what is wrong. It
// walks the nodes itself because the library's decoder knows lines but no columns,
// stops at the first mistyped value, and reads words such as NO in ways of its own.
type source struct {
	file     string
	problems Problems
}

func (s *source) problem(at mark, format string, args ...any) {
	s.problems = append(s.problems, Problem{s.file, at.line, at.column, fmt.Sprintf(format, args...)})
}

func (s *source) sorted() Problems {
	slices.SortStableFunc(s.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return s.problems
}

// document returns the one document of the file; nil when there is none.
func (s *source) document(content []byte) *yaml.Node {
	d := yaml.NewDecoder(bytes.NewReader(content))
	var doc, more yaml.Node
	if err := d.Decode(&doc); err != nil {
		text := strings.TrimPrefix(err.Error(), "yaml: ")
		if errors.Is(err, io.EOF) {
			text = "the file is empty"
		}
		s.problem(mark{}, "%s", text)
		return nil
	}
	if err := d.Decode(&more); !errors.Is(err, io.EOF) {
		s.problem(markOf(&more), "a file holds one table; remove what follows the first document")
	}
	return doc.Content[0]
}

// value reads a node into v.
func (s *source) value(n *yaml.Node, v reflect.Value) {
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		s.problem(markOf(n), "anchors and aliases are not read; write the value out")
		return
	case n.Style&yaml.TaggedStyle != 0:
		s.problem(markOf(n), "tags (!…) are not read; remove it")
		return
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		s.problem(markOf(n), "has no value; give one or remove the key")
		return
	}
	switch v.Interface().(type) {
	case []string:
		s.words(n, v)
	case []pair:
		s.pairs(n, v)
	case string, int, bool:
		s.scalar(n, v)
	default:
		if v.Kind() == reflect.Slice {
			s.list(n, v)
		} else {
			s.group(n, v)
		}
	}
}

func (s *source) scalar(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		s.problem(markOf(n), "must be one value")
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
	case reflect.Int:
		// ParseUint takes decimal digits only: 0x10 and 1_000 are mistakes here.
		number, err := strconv.ParseUint(n.Value, 10, 31)
		if err != nil || number == 0 {
			s.problem(markOf(n), "must be a whole number from 1")
			return
		}
		v.SetInt(int64(number))
	case reflect.Bool:
		if n.Value != "true" && n.Value != "false" {
			s.problem(markOf(n), "must be true or false")
			return
		}
		v.SetBool(n.Value == "true")
	}
}

// words reads one word or a list of them.
func (s *source) words(n *yaml.Node, v reflect.Value) {
	nodes := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		nodes = n.Content
	}
	for _, element := range nodes {
		word := reflect.New(v.Type().Elem()).Elem()
		s.value(element, word)
		v.Set(reflect.Append(v, word))
	}
}

// entries walks the keys of a mapping, each once.
func (s *source) entries(n *yaml.Node, visit func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		s.problem(markOf(n), "must be a group of keys")
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			s.problem(markOf(key), "a key must be a word")
			continue
		}
		if line, twice := first[key.Value]; twice {
			s.problem(markOf(key), "%s is given twice, first in line %d; remove one", key.Value, line)
			continue
		}
		first[key.Value] = key.Line
		visit(key, n.Content[i+1])
	}
}

func (s *source) pairs(n *yaml.Node, v reflect.Value) {
	var all []pair
	s.entries(n, func(key, value *yaml.Node) {
		p := pair{at: markOf(key), key: key.Value}
		s.value(value, reflect.ValueOf(&p.value).Elem())
		all = append(all, p)
	})
	v.Set(reflect.ValueOf(all))
}

func (s *source) list(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		s.problem(markOf(n), "must be a list")
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		s.value(element, list.Index(i))
	}
	v.Set(list)
}

func (s *source) group(n *yaml.Node, v reflect.Value) {
	known := map[string]int{}
	var names []string
	for i := range v.NumField() {
		if name := v.Type().Field(i).Tag.Get("key"); name != "" {
			known[name] = i
			names = append(names, name)
		}
	}
	var given []string
	s.entries(n, func(key, value *yaml.Node) {
		i, ok := known[key.Value]
		if !ok {
			s.problem(markOf(key), "unknown key %s; known here: %s", key.Value, strings.Join(names, ", "))
			return
		}
		given = append(given, key.Value)
		s.value(value, v.Field(i))
	})
	switch raw := v.Addr().Interface().(type) {
	case *tableSource:
		raw.at = markOf(n)
	case *recordSource:
		raw.at = markOf(n)
	case *fieldSource:
		raw.at, raw.given = markOf(n), given
	case *checkSource:
		raw.at = markOf(n)
	}
}
