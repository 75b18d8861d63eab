package payline

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"strings"
)

const (
	soapNS    = "http://schemas.xmlsoap.org/soap/envelope/"
	mediaType = "text/xml;charset=UTF-8"
)

// fault is a SOAP Fault: the request was not understood, and nothing was carried out.
type fault struct {
	code string // Client, Server, VersionMismatch
	text string
}

func (f *fault) Error() string { return f.text }

// invalid makes the fault of a request that is not as the WSDL has it. Its text names
// elements, never their values.
func invalid(format string, args ...any) *fault {
	return &fault{"Client", fmt.Sprintf(format, args...)}
}

// body writes the fault in its envelope.
func (f *fault) body() []byte {
	var out bytes.Buffer
	out.WriteString(`<soapenv:Envelope xmlns:soapenv="` + soapNS + `"><soapenv:Body><soapenv:Fault><faultcode>soapenv:` + f.code + `</faultcode><faultstring>`)
	xml.EscapeText(&out, []byte(f.text)) // a buffer never fails
	out.WriteString(`</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>`)
	return out.Bytes()
}

// readEnvelope reads the one message of an envelope.
func readEnvelope(body []byte) (*element, error) {
	d := xml.NewDecoder(bytes.NewReader(body))
	start, err := startOf(d)
	if err != nil {
		return nil, err
	}
	if start.Name.Local == "Envelope" && start.Name.Space != soapNS {
		return nil, &fault{"VersionMismatch", "the envelope is not one of SOAP 1.1"}
	}
	if start.Name.Local != "Envelope" {
		return nil, invalid("the document is not an envelope")
	}
	start, err = startOf(d)
	if err == nil && start.Name == (xml.Name{Space: soapNS, Local: "Header"}) {
		if d.Skip() != nil {
			return nil, invalid("the document is not well-formed XML")
		}
		start, err = startOf(d)
	}
	if err != nil {
		return nil, err
	}
	if start.Name != (xml.Name{Space: soapNS, Local: "Body"}) {
		return nil, invalid("the envelope has no body")
	}
	if start, err = startOf(d); err != nil {
		return nil, err
	}
	s := schema[start.Name.Local]
	if s == nil || start.Name.Space != implNS {
		return nil, invalid("there is no message %s", start.Name.Local)
	}
	message, err := readElement(d, start, s, implNS)
	if err != nil {
		return nil, err
	}
	for range 2 { // the ends of body and envelope
		token, err := significant(d)
		if err != nil {
			return nil, err
		}
		if _, ok := token.(xml.EndElement); !ok {
			return nil, invalid("the envelope holds more than one message")
		}
	}
	if _, err := significant(d); err == nil {
		return nil, invalid("something follows the envelope")
	}
	return message, nil
}

// startOf reads the next element's start.
func startOf(d *xml.Decoder) (xml.StartElement, error) {
	token, err := significant(d)
	if err != nil {
		return xml.StartElement{}, err
	}
	start, ok := token.(xml.StartElement)
	if !ok {
		return xml.StartElement{}, invalid("an element is missing in the envelope")
	}
	return start, nil
}

// significant reads the next token that is neither space nor comment.
func significant(d *xml.Decoder) (xml.Token, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return nil, malformed(err)
		}
		switch token := token.(type) {
		case xml.StartElement, xml.EndElement:
			return token, nil
		case xml.CharData:
			if len(bytes.TrimSpace(token)) > 0 {
				return nil, invalid("a text stands between the elements of the envelope")
			}
		case xml.Directive:
			return nil, invalid("a document type is not accepted")
		}
	}
}

// envelope writes an answer.
func (e *element) envelope() []byte {
	out := bytes.NewBuffer(make([]byte, 0, 4<<10))
	out.WriteString(`<soapenv:Envelope xmlns:soapenv="` + soapNS + `"><soapenv:Body><` + e.name + ` xmlns="` + implNS + `" xmlns:obj="` + objNS + `" xmlns:xsi="` + xsiNS + `">`)
	e.write(out, schema[e.name], "")
	out.WriteString(`</` + e.name + `></soapenv:Body></soapenv:Envelope>`)
	return out.Bytes()
}

// operationOf is the operation that a request message asks for; empty for an answer.
func operationOf(message *element) string {
	operation, ok := strings.CutSuffix(message.name, "Request")
	if !ok {
		return ""
	}
	return operation
}
