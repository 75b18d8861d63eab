package payline

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
)

// The two namespaces of Payline: of messages and their children, and of everything
// deeper (payline facts, section 2.2).
const (
	implNS = "http://impl.ws.payline.experian.com"
	objNS  = "http://obj.ws.payline.experian.com"
)

// sequence is a message or type of the WSDL: its elements in their order.
type sequence struct {
	name   string
	fields []field
}

// field is one element of a sequence.
type field struct {
	name     string
	required bool // minOccurs is not 0
	nillable bool
	max      int
	of       *sequence // nil: a text
}

//go:embed schema.txt
var schemaText string

var schema = mustParseSchema(schemaText)

// mustParseSchema reads the table of sequences, which is part of the program.
func mustParseSchema(text string) map[string]*sequence {
	all := map[string]*sequence{}
	named := func(name string) *sequence {
		if all[name] == nil {
			all[name] = &sequence{name: name}
		}
		return all[name]
	}
	var current *sequence
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0 || words[0] == "#":
		case line[0] != '\t':
			current = named(words[0])
		default:
			for _, word := range words {
				current.fields = append(current.fields, parseField(word, named))
			}
		}
	}
	for name, s := range all {
		if len(s.fields) == 0 {
			panic(fmt.Sprintf("schema.txt: %s has no elements", name))
		}
	}
	return all
}

func parseField(word string, named func(string) *sequence) field {
	f := field{required: true, max: 1}
	word, of, isObject := strings.Cut(word, ":")
	if isObject {
		f.of = named(of)
	}
	word, most, isRepeated := strings.Cut(word, "*")
	if isRepeated {
		f.max, _ = strconv.Atoi(most)
	}
	word, f.nillable = strings.CutSuffix(word, "~")
	f.name, isRepeated = strings.CutSuffix(word, "?")
	f.required = !isRepeated
	return f
}

// find returns the field with the name, or nil.
func (s *sequence) find(name string) *field {
	for i := range s.fields {
		if s.fields[i].name == name {
			return &s.fields[i]
		}
	}
	return nil
}
