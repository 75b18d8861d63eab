package payline

import (
	"encoding/xml"
	"os"
	"slices"
	"strings"
	"testing"
)

// wsdl is as much of the WSDL as its sequences need.
type wsdl struct {
	Schemas []struct {
		Elements []wsdlType `xml:"element"`
		Types    []wsdlType `xml:"complexType"`
	} `xml:"types>schema"`
	PortTypes []struct {
		Name       string `xml:"name,attr"`
		Operations []struct {
			Name string `xml:"name,attr"`
		} `xml:"operation"`
	} `xml:"portType"`
}

type wsdlType struct {
	Name   string      `xml:"name,attr"`
	Inner  []wsdlField `xml:"complexType>sequence>element"` // of a message
	Fields []wsdlField `xml:"sequence>element"`             // of a type
}

type wsdlField struct {
	Name     string `xml:"name,attr"`
	Type     string `xml:"type,attr"`
	Min      string `xml:"minOccurs,attr"`
	Max      string `xml:"maxOccurs,attr"`
	Nillable bool   `xml:"nillable,attr"`
}

// String writes a field as schema.txt does. Of a point of sale the insides are left out there.
func (f wsdlField) String() string {
	s := f.Name
	if f.Min == "0" {
		s += "?"
	}
	if f.Nillable {
		s += "~"
	}
	if f.Max != "" && f.Max != "1" {
		s += "*" + f.Max
	}
	if of, ok := strings.CutPrefix(f.Type, "tns1:"); ok && f.Name != "virtualTerminal" {
		s += ":" + of
	}
	return s
}

func readWSDL(t *testing.T) *wsdl {
	t.Helper()
	text, err := os.ReadFile("../../../payline/testdata/DirectPaymentAPI-4.77.wsdl")
	if err != nil {
		t.Fatal(err)
	}
	doc := new(wsdl)
	if err := xml.Unmarshal(text, doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestTheTableOfSequencesIsThatOfTheWSDL(t *testing.T) {
	published := map[string][]string{}
	for _, s := range readWSDL(t).Schemas {
		for _, of := range slices.Concat(s.Elements, s.Types) {
			for _, f := range slices.Concat(of.Inner, of.Fields) {
				published[of.Name] = append(published[of.Name], f.String())
			}
		}
	}
	ours := map[string][]string{}
	name := ""
	for line := range strings.Lines(schemaText) {
		switch words := strings.Fields(line); {
		case len(words) == 0 || words[0] == "#":
		case line[0] != '\t':
			name = words[0]
		default:
			ours[name] = append(ours[name], words...)
		}
	}
	if len(ours) < 2*len(operations) {
		t.Fatalf("%d sequences were read", len(ours))
	}
	for name, fields := range ours {
		if !slices.Equal(fields, published[name]) {
			t.Errorf("%s: the table has\n%v\nthe WSDL\n%v", name, fields, published[name])
		}
	}
}

func TestOperationsAreWhereTheWSDLPutsThem(t *testing.T) {
	services := map[string]string{}
	for _, port := range readWSDL(t).PortTypes {
		for _, o := range port.Operations {
			services[o.Name] = port.Name
		}
	}
	for name, op := range operations {
		if op.service != services[name] {
			t.Errorf("%s is served by %s, not %s", name, services[name], op.service)
		}
		if schema[name+"Request"] == nil || schema[name+"Response"] == nil {
			t.Errorf("%s has no messages in the table", name)
		}
	}
}

func TestEveryCodeHasATextAndItsStatus(t *testing.T) {
	for amount, code := range triggers {
		if meanings[code].long == "" {
			t.Errorf("%d asks for %s, which has no text", amount, code)
		}
	}
	for code, m := range meanings {
		if len(code) != 5 || m.short == "" || m.long == "" || len(m.short) > 50 || len(m.long) > 255 {
			t.Errorf("%s: %+v", code, m)
		}
	}
}
