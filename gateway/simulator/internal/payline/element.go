package payline

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"strings"
)

const xsiNS = "http://www.w3.org/2001/XMLSchema-instance"

// element is a message or a part of one, read or to be written. An element that is nil
// or left out is not there: the schema alone knows which of the two it takes.
type element struct {
	name     string
	text     string
	children []*element
}

// object makes an element out of others; those that are nil are left out.
func object(name string, children ...*element) *element {
	return &element{name: name, children: slices.DeleteFunc(children, func(e *element) bool { return e == nil })}
}

// text makes an element with a text; none when the text is empty.
func text(name, value string) *element {
	if value == "" {
		return nil
	}
	return &element{name: name, text: value}
}

// child returns the first child with the name, or nil. It may be asked of nil.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name == name {
			return c
		}
	}
	return nil
}

// get returns the text at the end of a path, empty when there is none.
func (e *element) get(path ...string) string {
	for _, name := range path {
		e = e.child(name)
	}
	if e == nil {
		return ""
	}
	return e.text
}

// put replaces the child with the name of c, or adds it.
func (e *element) put(c *element) {
	if c == nil {
		return
	}
	for i := range e.children {
		if e.children[i].name == c.name {
			e.children[i] = c
			return
		}
	}
	e.children = append(e.children, c)
}

// readElement reads the content of an element up to its end, as its sequence wants it:
// every required element, none unknown, none out of order. s is nil for a text.
func readElement(d *xml.Decoder, start xml.StartElement, s *sequence, space string) (*element, error) {
	e := &element{name: start.Name.Local}
	var content strings.Builder
	next, times := 0, 0 // the field of s that is expected, and how often it came
	for {
		token, err := d.Token()
		if err != nil {
			return nil, malformed(err)
		}
		switch token := token.(type) {
		case xml.CharData:
			content.Write(token)
		case xml.StartElement:
			if s == nil {
				return nil, invalid("element %s holds a text, not the element %s", e.name, token.Name.Local)
			}
			for next < len(s.fields) && !(token.Name.Local == s.fields[next].name && token.Name.Space == space) {
				if s.fields[next].required && times == 0 {
					return nil, invalid("element %s stands in %s where %s is wanted", token.Name.Local, s.name, s.fields[next].name)
				}
				next, times = next+1, 0
			}
			if next == len(s.fields) || times == s.fields[next].max {
				return nil, invalid("unexpected element %s in %s", token.Name.Local, s.name)
			}
			times++
			child, err := readField(d, token, &s.fields[next])
			if err != nil {
				return nil, err
			}
			if child != nil {
				e.children = append(e.children, child)
			}
		case xml.EndElement:
			if s == nil {
				e.text = content.String()
				return e, nil
			}
			if strings.TrimSpace(content.String()) != "" {
				return nil, invalid("element %s holds elements, not a text", e.name)
			}
			for ; next < len(s.fields); next, times = next+1, 0 {
				if s.fields[next].required && times == 0 {
					return nil, invalid("element %s is missing in %s", s.fields[next].name, s.name)
				}
			}
			return e, nil
		case xml.Directive:
			return nil, invalid("a document type is not accepted")
		}
	}
}

// readField reads an element of a sequence; a nil one becomes nil.
func readField(d *xml.Decoder, start xml.StartElement, f *field) (*element, error) {
	isNil := false
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns" || a.Name.Local == "xmlns" || a.Name.Space == xsiNS && a.Name.Local == "type":
		case a.Name.Space == xsiNS && a.Name.Local == "nil":
			isNil = a.Value == "true" || a.Value == "1"
		default:
			return nil, invalid("attribute %s is not allowed in %s", a.Name.Local, f.name)
		}
	}
	if !isNil {
		return readElement(d, start, f.of, objNS)
	}
	if !f.nillable {
		return nil, invalid("element %s must not be nil", f.name)
	}
	e, err := readElement(d, start, nil, objNS)
	if err == nil && e.text != "" {
		err = invalid("element %s is nil and not empty", f.name)
	}
	return nil, err
}

// write writes an element as its sequence wants it: in its order, what is not there nil
// where that is allowed, left out where that is, and empty otherwise.
func (e *element) write(out *bytes.Buffer, s *sequence, prefix string) {
	written := 0
	for i := range s.fields {
		f := &s.fields[i]
		before := written
		for _, c := range e.children {
			if c.name == f.name {
				open(out, prefix, f.name)
				if f.of == nil {
					xml.EscapeText(out, []byte(c.text)) // a buffer never fails
				} else {
					c.write(out, f.of, "obj:")
				}
				shut(out, prefix, f.name)
				written++
			}
		}
		if written > before || !f.required || f.max > 1 {
			continue
		}
		if f.nillable {
			out.WriteString("<" + prefix + f.name + ` xsi:nil="true"/>`)
			continue
		}
		open(out, prefix, f.name)
		if f.of != nil {
			(&element{}).write(out, f.of, "obj:")
		}
		shut(out, prefix, f.name)
	}
	if written != len(e.children) {
		panic(fmt.Sprintf("an answer has elements that %s does not take", s.name)) // a mistake of this program
	}
}

func open(out *bytes.Buffer, prefix, name string) {
	out.WriteByte('<')
	out.WriteString(prefix)
	out.WriteString(name)
	out.WriteByte('>')
}

func shut(out *bytes.Buffer, prefix, name string) {
	out.WriteString("</")
	out.WriteString(prefix)
	out.WriteString(name)
	out.WriteByte('>')
}

// malformed words an error of the decoder without what it quotes.
func malformed(err error) error {
	if err == io.EOF {
		return invalid("the document ends too early")
	}
	return invalid("the document is not well-formed XML")
}
