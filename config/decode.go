package config

import (
	"fmt"
	"reflect"
	"strings"

	"go.yaml.in/yaml/v3"
)

// value reads a node into v. Its own walk over the nodes, instead of the library's
// decoder, because that knows lines but no columns, stops at the first
// mistyped value, and reads "yes" and 0x10 in ways of its own.
func (r *reader) value(n *yaml.Node, v reflect.Value, path string, s setting) {
	at := r.at(n)
	r.origins[path] = at
	switch {
	case n.Kind == yaml.AliasNode || n.Anchor != "":
		r.problem(path, at, "anchors and aliases are not read; write the value out")
	case n.Style&yaml.TaggedStyle != 0:
		r.problem(path, at, "tags (!…) are not read; remove it")
	case n.Kind == yaml.ScalarNode && n.Tag == "!!null":
		r.problem(path, at, "has no value; give one or remove the key")
	case isGroup(v.Type()):
		r.group(n, v, path)
	case v.Kind() == reflect.Slice:
		r.list(n, v, path, s)
	case v.Kind() == reflect.Map:
		r.table(n, v, path, s)
	case n.Kind != yaml.ScalarNode:
		r.problem(path, at, "must be one value, not a %s", kindName(n))
	default:
		if err := setText(v, s, n.Value); err != nil {
			r.problem(path, at, "%v", err)
		}
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "group of keys"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

// entries walks the keys of a mapping, each once.
func (r *reader) entries(n *yaml.Node, path string, visit func(key, value *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		r.problem(path, r.at(n), "must be a group of keys, not a %s", kindName(n))
		return
	}
	first := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if key.Kind != yaml.ScalarNode {
			r.problem(path, r.at(key), "a key must be a word")
			continue
		}
		if line, twice := first[key.Value]; twice {
			r.problem(join(path, key.Value), r.at(key), "is given twice, first in line %d; remove one", line)
			continue
		}
		first[key.Value] = key.Line
		visit(key, n.Content[i+1])
	}
}

func (r *reader) group(n *yaml.Node, v reflect.Value, path string) {
	known := map[string]setting{}
	var names []string
	for _, s := range settings(v.Type()) {
		known[s.name] = s
		names = append(names, s.name)
	}
	r.entries(n, path, func(key, value *yaml.Node) {
		s, ok := known[key.Value]
		if ok {
			r.value(value, v.Field(s.field), join(path, s.name), s)
			return
		}
		hint := "known here: " + strings.Join(names, ", ")
		if near := nearest(key.Value, names); near != "" {
			hint = "did you mean " + near + "?"
			r.hint(join(path, near))
		}
		r.problem(join(path, key.Value), r.at(key), "unknown key; %s", hint)
	})
}

func (r *reader) hint(setting string) {
	if r.hinted == nil {
		r.hinted = map[string]bool{}
	}
	r.hinted[setting] = true
}

func (r *reader) list(n *yaml.Node, v reflect.Value, path string, s setting) {
	if n.Kind != yaml.SequenceNode {
		r.problem(path, r.at(n), "must be a list, not a %s", kindName(n))
		return
	}
	list := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, element := range n.Content {
		if isGroup(v.Type().Elem()) {
			setDefaults(list.Index(i))
		}
		r.value(element, list.Index(i), fmt.Sprintf("%s[%d]", path, i), s)
	}
	v.Set(list)
}

// table reads a mapping whose keys are the operator's own.
func (r *reader) table(n *yaml.Node, v reflect.Value, path string, s setting) {
	table := reflect.MakeMap(v.Type())
	r.entries(n, path, func(key, value *yaml.Node) {
		element := reflect.New(v.Type().Elem()).Elem()
		r.value(value, element, join(path, key.Value), s)
		table.SetMapIndex(reflect.ValueOf(key.Value), element)
	})
	v.Set(table)
}

// required reports the settings that must be given and are not.
func (r *reader) required(v reflect.Value, path string) {
	if path != "" && r.reported(path) {
		return // it is not even a group of keys
	}
	for _, s := range settings(v.Type()) {
		at := join(path, s.name)
		origin, given := r.origins[at]
		field := v.Field(s.field)
		switch {
		case s.required && !given:
			if !r.hinted[at] {
				r.problem(at, r.parent(path), "is missing: %s", describe(s))
			}
			continue
		case s.required && field.Kind() == reflect.Slice && field.Len() == 0:
			if !r.reported(at) {
				r.problem(at, origin, "is empty; at least one is needed")
			}
		}
		switch {
		case s.optional && !given:
		case isGroup(s.kind):
			r.required(field, at)
		case s.kind.Kind() == reflect.Slice && isGroup(s.kind.Elem()):
			for i := range field.Len() {
				r.required(field.Index(i), fmt.Sprintf("%s[%d]", at, i))
			}
		}
	}
}

// parent is where a missing setting would stand.
func (r *reader) parent(path string) Origin {
	if at, ok := r.origins[path]; ok {
		return at
	}
	return Origin{File: r.file}
}

func (r *reader) reported(setting string) bool {
	for _, p := range r.problems {
		if p.Setting == setting {
			return true
		}
	}
	return false
}

// describe tells what a setting is, for someone who left it out.
func describe(s setting) string {
	if len(s.enum) > 0 {
		return fmt.Sprintf("%s One of %s.", s.doc, strings.Join(s.enum, " "))
	}
	return s.doc
}
