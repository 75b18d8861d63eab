package mailcatcher

import (
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net/mail"
	"strings"
)

var errNoText = errors.New("a message without plain text")

// read fills in what header and body say.
func (m *Message) read(content []byte) error {
	parsed, err := mail.ReadMessage(bytes.NewReader(content))
	if err != nil {
		return err
	}
	m.ID = strings.Trim(parsed.Header.Get("Message-Id"), "<> ")
	if m.Subject, err = new(mime.WordDecoder).DecodeHeader(parsed.Header.Get("Subject")); err != nil {
		return err
	}
	texts, err := m.parts(parsed.Header, parsed.Body)
	if err != nil {
		return err
	}
	if len(texts) == 0 {
		return errNoText
	}
	m.Text = texts[0]
	return nil
}

// header is that of a message, or of a part of one.
type header interface{ Get(name string) string }

// parts keeps the attachments of a body and returns its plain texts, decoded. Their characters
// are taken for UTF-8.
func (m *Message) parts(h header, body io.Reader) (texts []string, err error) {
	kind, parameters := "text/plain", map[string]string(nil)
	if text := h.Get("Content-Type"); text != "" {
		if kind, parameters, err = mime.ParseMediaType(text); err != nil {
			return nil, err
		}
	}
	if strings.HasPrefix(kind, "multipart/") {
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return texts, nil
			}
			if err != nil {
				return nil, err
			}
			more, err := m.parts(part.Header, part)
			if err != nil {
				return nil, err
			}
			texts = append(texts, more...)
		}
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	content, err := io.ReadAll(body)
	if err != nil {
		return nil, err
	}
	switch name, attached, err := attachedAs(h); {
	case err != nil:
		return nil, err
	case attached:
		m.Attachments = append(m.Attachments, Attachment{Name: name, ContentType: kind, Content: content})
	case kind == "text/plain":
		texts = append(texts, strings.ReplaceAll(string(content), "\r\n", "\n"))
	}
	return texts, nil
}

// attachedAs is the name of an attachment.
func attachedAs(h header) (name string, attached bool, err error) {
	text := h.Get("Content-Disposition")
	if text == "" {
		return "", false, nil
	}
	disposition, parameters, err := mime.ParseMediaType(text)
	if err != nil || disposition != "attachment" {
		return "", false, err
	}
	name, err = new(mime.WordDecoder).DecodeHeader(parameters["filename"])
	return name, true, err
}
