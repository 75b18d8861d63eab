package notify

import (
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"io"
	"os"
	"path"
	"strings"
	texttemplate "text/template"

	"cardbatch/batch"
)

// Languages are those in which e-mails are written.
var Languages = []string{"en", "fr"}

// Shipped templates: a text, which defines the subject, and the same as HTML, per kind and language.
//
//go:embed templates/*.txt templates/*.html
var shipped embed.FS

// Letter is what a template may use.
type Letter struct {
	Wallet    string // the wallet's number
	Contract  string
	Merchant  string
	Accepted  bool   // enrolment_result
	Code      string // enrolment_result, when refused
	Text      string // the code in words; may be empty
	Card      string // first six and last four digits; may be empty
	Expiry    string // card_expiring: MM/YY
	Period    string // updater_report: YYYY-MM
	Until     string // updater_report: the last day that it covers, YYYY-MM-DD; empty: the whole month
	Records   int    // updater_report
	File      string // updater_report: name of its file
	Attached  bool   // updater_report: false when it is too large for an e-mail
	Folder    bool   // updater_report: it lies in the outbound folder, too
	Reference string // the notification's id
}

// letter is the pair of templates of one kind and language.
type letter struct {
	text *texttemplate.Template
	html *htmltemplate.Template
}

func letterName(kind batch.NoticeKind, language string) string { return string(kind) + "." + language }

// readTemplates reads the shipped templates and those of the folder that replace them, and
// tries each: one that does not work is an error now.
func readTemplates(folder string) (map[string]letter, error) {
	own := map[string]bool{}
	if folder != "" {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return nil, fmt.Errorf("templates: %w", err)
		}
		for _, e := range entries {
			if ext := path.Ext(e.Name()); ext == ".txt" || ext == ".html" {
				own[e.Name()] = true
			}
		}
	}
	read := func(name string) (string, error) {
		var data []byte
		var err error
		if own[name] {
			delete(own, name)
			data, err = os.ReadFile(path.Join(folder, name))
		} else {
			data, err = shipped.ReadFile("templates/" + name)
		}
		return string(data), err
	}
	all := map[string]letter{}
	for _, kind := range batch.AllNoticeKinds {
		if !kind.Leaves(batch.ByMail) {
			continue
		}
		for _, language := range Languages {
			l, err := readLetter(letterName(kind, language), read)
			if err == nil {
				err = l.try()
			}
			if err != nil {
				return nil, fmt.Errorf("templates: %w", err)
			}
			all[letterName(kind, language)] = l
		}
	}
	for name := range own {
		return nil, fmt.Errorf("templates: there is no e-mail for %s to replace", path.Join(folder, name))
	}
	return all, nil
}

func readLetter(name string, read func(name string) (string, error)) (l letter, err error) {
	text, err := read(name + ".txt")
	if err != nil {
		return l, err
	}
	html, err := read(name + ".html")
	if err != nil {
		return l, err
	}
	if l.text, err = texttemplate.New(name + ".txt").Option("missingkey=error").Parse(text); err != nil {
		return l, err
	}
	if l.text.Lookup("subject") == nil {
		return l, fmt.Errorf(`%s.txt does not define "subject"`, name)
	}
	l.html, err = htmltemplate.New(name + ".html").Option("missingkey=error").Parse(html)
	return l, err
}

// try renders with everything and with next to nothing.
func (l letter) try() error {
	for _, data := range []Letter{
		{Wallet: "W-1"},
		{Wallet: "W-1", Contract: "1234567", Merchant: "acme", Accepted: true, Code: "00", Text: "text", Card: "374111******1111", Expiry: "12/26", Reference: "r"},
		{Merchant: "acme", Period: "2026-11", Until: "2026-11-21", Records: 2, File: "report.csv", Attached: true, Reference: "r"},
		{Merchant: "acme", Period: "2026-11", Records: 2, File: "report.csv", Folder: true, Reference: "r"},
	} {
		subject, _, _, err := l.render(data)
		if err != nil {
			return err
		}
		if subject == "" {
			return errors.New(l.text.Name() + ": the subject is empty")
		}
	}
	return nil
}

func (l letter) render(data Letter) (subject, text, html string, err error) {
	write := func(execute func(io.Writer) error) string {
		var out strings.Builder
		err = errors.Join(err, execute(&out))
		return out.String()
	}
	subject = write(func(w io.Writer) error { return l.text.ExecuteTemplate(w, "subject", data) })
	text = write(func(w io.Writer) error { return l.text.Execute(w, data) })
	html = write(func(w io.Writer) error { return l.html.Execute(w, data) })
	// A subject is one line, whatever is in it.
	return strings.Join(strings.Fields(subject), " "), strings.TrimLeft(text, "\r\n"), html, err
}

// render writes the e-mail of a notification.
func (s *Sender) render(n batch.Notification, attached bool) (subject, text, html string, err error) {
	l, known := s.templates[letterName(n.Kind, n.Language)]
	if !known {
		return "", "", "", fmt.Errorf("%w: there is no e-mail for %s in language %s", ErrRefused, n.Kind, n.Language)
	}
	expiry := n.Facts.Expiry
	if len(expiry) == 4 {
		expiry = expiry[:2] + "/" + expiry[2:]
	}
	period, until := n.Facts.Period, ""
	if len(period) == len("2026-11-21") {
		period, until = period[:len("2026-11")], period
	}
	return l.render(Letter{
		Wallet: string(n.Wallet), Contract: string(n.Contract), Merchant: string(n.Merchant), Accepted: n.Facts.Accepted,
		Code: n.Facts.Code, Text: n.Facts.Text, Card: n.Facts.Card, Expiry: expiry,
		Period: period, Until: until, Records: n.Facts.Records, File: n.Facts.File, Attached: attached, Folder: n.Facts.Folder, Reference: n.ID,
	})
}
