package notify

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cardbatch/batch"
)

func TestTemplatesOfAnOperator(t *testing.T) {
	for _, row := range []struct {
		name  string
		files map[string]string
		wants string // in the error; empty: none
	}{
		{"none replaces any", nil, ""},
		{"one replaces one", map[string]string{"card_expiring.en.txt": `{{define "subject"}}Card {{.Card}}{{end}}Own words`}, ""},
		{"one replaces that of a report", map[string]string{"updater_report.fr.txt": `{{define "subject"}}{{.Period}} {{.Until}}{{end}}{{if .Attached}}{{.File}}{{else if .Folder}}{{.Records}}{{end}}`}, "updater_report.fr.txt"},
		{"other files are no templates", map[string]string{"README.md": "{{", "logo.png": ""}, ""},
		{"one that cannot be read", map[string]string{"card_expiring.fr.html": "{{if}}"}, "card_expiring.fr.html"},
		{"one with an unknown word", map[string]string{"card_expiring.fr.html": "{{.CardNumber}}"}, "CardNumber"},
		{"one without a subject", map[string]string{"card_expiring.fr.txt": "Bonjour"}, "subject"},
		{"one with an empty subject", map[string]string{"card_expiring.fr.txt": `{{define "subject"}} {{end}}Bonjour`}, "subject"},
		{"one that replaces nothing", map[string]string{"card_expired.fr.txt": "Bonjour"}, "card_expired.fr.txt"},
	} {
		t.Run(row.name, func(t *testing.T) {
			folder := t.TempDir()
			for name, text := range row.files {
				if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			_, err := New(Settings{Templates: folder}, clock)
			if (row.wants == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.wants) {
				t.Errorf("got %v, want %q", err, row.wants)
			}
		})
	}
	if _, err := New(Settings{Templates: filepath.Join(t.TempDir(), "missing")}, clock); err == nil {
		t.Error("a folder that is missing is no error")
	}
}

func TestAnOperatorsTemplateIsUsedAndItsSubjectIsOneLine(t *testing.T) {
	folder := t.TempDir()
	own := "{{define \"subject\"}}Card\r\nBcc: {{.Card}}{{end}}Own words for {{.Wallet}}\n"
	if err := os.WriteFile(filepath.Join(folder, "card_expiring.fr.txt"), []byte(own), 0o600); err != nil {
		t.Fatal(err)
	}
	s := newSender(t, Settings{Templates: folder})
	subject, text, html, err := s.render(mailOf(t, batch.ExpiryNotice(wallet(), wallet().Cards[0])), false)
	if err != nil {
		t.Fatal(err)
	}
	if subject != "Card Bcc: 374111******1111" || text != "Own words for W-1001\n" || !strings.Contains(html, "arrive à expiration") {
		t.Errorf("%q\n%s\n%s", subject, text, html)
	}
}
