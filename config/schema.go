package config

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strconv"
	"strings"
)

// Schema returns the JSON Schema of the configuration file, for editors. It knows
// what each key may say; what keys mean to each other only Load checks.
func Schema() []byte {
	root := groupSchema(reflect.TypeFor[Config]())
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "cardbatch configuration"
	text, err := json.MarshalIndent(root, "", "  ")
	if err != nil {
		panic(fmt.Sprintf("config: schema: %v", err)) // maps, texts and numbers only
	}
	return append(text, '\n')
}

func groupSchema(t reflect.Type) map[string]any {
	properties := map[string]any{}
	var required []string
	for _, s := range settings(t) {
		property := typeSchema(s.kind, s)
		property["description"] = sentence(s)
		properties[s.name] = property
		// What the environment may give, the file may leave out; only list entries are complete in themselves.
		if s.required && (!isScalar(s.kind) || t != reflect.TypeFor[Config]()) {
			required = append(required, s.name)
		}
	}
	schema := map[string]any{"type": "object", "additionalProperties": false, "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

func typeSchema(t reflect.Type, s setting) map[string]any {
	switch {
	case isGroup(t):
		return groupSchema(t)
	case t.Kind() == reflect.Slice:
		list := map[string]any{"type": "array", "items": typeSchema(t.Elem(), setting{enum: s.enum})}
		if s.required {
			list["minItems"] = 1
		}
		if s.fallback != "" {
			list["default"] = strings.Fields(s.fallback)
		}
		return list
	case t.Kind() == reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": typeSchema(t.Elem(), s)}
	}
	schema := map[string]any{"type": "string"}
	switch {
	case t == secretType:
		schema["pattern"] = "^(env|file|cmd):.+$"
	case t == keySetType:
		schema["pattern"] = "^file:.+$"
	case t == timeOfDayType:
		schema["pattern"] = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
	case t == durationType:
		schema["pattern"] = `^([0-9]+(\.[0-9]+)?(ns|us|ms|s|m|h))+$`
	case t.Kind() == reflect.Bool:
		schema["type"] = "boolean"
	case t.Kind() == reflect.Int || t.Kind() == reflect.Int64:
		schema["type"] = "integer"
		schema["minimum"], schema["maximum"] = json.Number(s.min), json.Number(s.max)
	}
	if len(s.enum) > 0 {
		schema["enum"] = s.enum
	}
	if s.fallback != "" {
		schema["default"] = fallbackValue(t, s.fallback)
	}
	return schema
}

func fallbackValue(t reflect.Type, text string) any {
	if t.Kind() == reflect.Bool {
		return text == "true"
	}
	if _, err := strconv.ParseInt(text, 10, 64); err == nil && t.Kind() != reflect.String {
		return json.Number(text)
	}
	return text
}

// sentence is the description of a setting with its unit.
func sentence(s setting) string {
	if s.unit == "" {
		return s.doc
	}
	return strings.TrimSuffix(s.doc, ".") + " (" + s.unit + ")."
}
