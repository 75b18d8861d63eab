package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Print writes the effective configuration as YAML, each setting with its origin.
// Secrets show as references. What it writes can be read again.
func (c *Config) Print(w io.Writer) error {
	text, err := encodeYAML(c.tree(true))
	if err != nil {
		return err
	}
	_, err = w.Write(text)
	return err
}

// Hash identifies the effective configuration, for the journal: 64 hex digits, the
// same wherever a setting comes from. Secrets count as their references.
func (c *Config) Hash() string {
	text, err := encodeYAML(c.tree(false))
	if err != nil {
		panic(fmt.Sprintf("config: hash: %v", err)) // a tree of our own making, into memory
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

func encodeYAML(tree *yaml.Node) ([]byte, error) {
	var text bytes.Buffer
	e := yaml.NewEncoder(&text)
	e.SetIndent(2)
	if err := e.Encode(tree); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	if err := e.Close(); err != nil {
		return nil, fmt.Errorf("print configuration: %w", err)
	}
	return text.Bytes(), nil
}

func (c *Config) tree(forReading bool) *yaml.Node {
	return printer{c.origins, c.idle(), forReading}.node(reflect.ValueOf(c).Elem(), "")
}

// printer turns settings back into nodes. For reading, scalars carry their origin and
// the arguments of secret commands are left out.
type printer struct {
	origins    map[string]Origin
	idle       map[string]string
	forReading bool
}

func (p printer) node(v reflect.Value, path string) *yaml.Node {
	switch {
	case isGroup(v.Type()):
		return p.group(v, path)
	case v.Kind() == reflect.Slice:
		list := &yaml.Node{Kind: yaml.SequenceNode}
		if !isGroup(v.Type().Elem()) {
			list.Style = yaml.FlowStyle
			list.LineComment = p.origin(path)
			p.forReading = false // one comment for the whole list
		}
		for i := range v.Len() {
			list.Content = append(list.Content, p.node(v.Index(i), fmt.Sprintf("%s[%d]", path, i)))
		}
		return list
	case v.Kind() == reflect.Map:
		table := &yaml.Node{Kind: yaml.MappingNode}
		for _, key := range sortedKeys(v) {
			table.Content = append(table.Content, textNode(key), p.node(v.MapIndex(reflect.ValueOf(key)), join(path, key)))
		}
		return table
	}
	node := p.scalar(v)
	node.LineComment = p.origin(path)
	return node
}

func (p printer) origin(path string) string {
	if !p.forReading {
		return ""
	}
	return p.origins[path].String()
}

func (p printer) group(v reflect.Value, path string) *yaml.Node {
	group := &yaml.Node{Kind: yaml.MappingNode}
	for _, s := range settings(v.Type()) {
		field := v.Field(s.field)
		if _, idle := p.idle[join(path, s.name)]; idle || isAbsent(field) && s.fallback == "" {
			continue // it does nothing, or was not given and nothing holds instead
		}
		group.Content = append(group.Content, textNode(s.name), p.node(field, join(path, s.name)))
	}
	return group
}

func isAbsent(v reflect.Value) bool {
	if secret, ok := v.Interface().(Secret); ok {
		return secret.IsZero()
	}
	switch v.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

func (p printer) scalar(v reflect.Value) *yaml.Node {
	switch value := v.Interface().(type) {
	case Secret:
		if p.forReading {
			return textNode(value.String())
		}
		return textNode(value.kind + ":" + value.rest)
	case time.Duration:
		return textNode(shortDuration(value))
	case bool:
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!bool", Value: strconv.FormatBool(value)}
	}
	if v.CanInt() {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!int", Value: strconv.FormatInt(v.Int(), 10)}
	}
	return textNode(v.String())
}

// shortDuration writes 1h and 5m where the library writes 1h0m0s and 5m0s.
func shortDuration(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// textNode is a string, which the encoder quotes where another reader would take it for something else.
func textNode(text string) *yaml.Node {
	node := &yaml.Node{}
	node.SetString(text)
	return node
}

func sortedKeys(table reflect.Value) []string {
	names := map[string]struct{}{}
	for _, key := range table.MapKeys() {
		names[key.String()] = struct{}{}
	}
	return sorted(names)
}
