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
	m.Text, err = plainText(parsed.Header, parsed.Body)
	return err
}

// header is that of a message, or of a part of one.
type header interface{ Get(name string) string }

// plainText is the first plain text of a body, decoded. Its characters are taken for UTF-8.
func plainText(h header, body io.Reader) (string, error) {
	kind, parameters := "text/plain", map[string]string(nil)
	if text := h.Get("Content-Type"); text != "" {
		var err error
		if kind, parameters, err = mime.ParseMediaType(text); err != nil {
			return "", err
		}
	}
	switch {
	case strings.HasPrefix(kind, "multipart/"):
		parts := multipart.NewReader(body, parameters["boundary"])
		for {
			part, err := parts.NextRawPart()
			if errors.Is(err, io.EOF) {
				return "", errNoText
			}
			if err != nil {
				return "", err
			}
			text, err := plainText(part.Header, part)
			if !errors.Is(err, errNoText) {
				return text, err
			}
		}
	case kind != "text/plain":
		return "", errNoText
	}
	switch strings.ToLower(h.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, body)
	}
	text, err := io.ReadAll(body)
	return strings.ReplaceAll(string(text), "\r\n", "\n"), err
}
