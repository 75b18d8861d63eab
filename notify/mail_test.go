package notify

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

var update = flag.Bool("update", false, "write the golden files")

func TestAnEMailInBothLanguages(t *testing.T) {
	for _, language := range Languages {
		t.Run(language, func(t *testing.T) {
			server := startMail(t, "plain")
			w := wallet()
			w.Language = language
			settings := server.settings()
			settings.MaxAttachment = 100
			settings.Attach = newShelf(map[string]string{"updates_acme_2026-11.csv": "1;2\r\n", "large.html": strings.Repeat("x", 101), "large.csv": strings.Repeat("x", 101)}).attach
			sender := newSender(t, settings)
			var all []batch.Notification
			for _, n := range []batch.Notice{
				batch.EnrolmentNotice(w, 1, refusal), batch.EnrolmentNotice(&batch.Wallet{ID: w.ID, Email: w.Email, Language: language}, 1, batch.StatusEvent{Status: batch.CardAccepted}),
				batch.ExpiryNotice(w, w.Cards[0]),
			} {
				all = append(all, mailOf(t, n))
			}
			for _, r := range []batch.ReportFacts{
				{Merchant: "acme", File: "updates_acme_2026-11.csv", Period: "2026-11", Records: 1234},
				{Merchant: "acme", File: "large.html", Period: "2026-11-21", Folder: true},
				{Merchant: "acme", File: "large.csv", Period: "2026-11"},
			} {
				all = append(all, batch.UpdaterReportMail(r, "books@shop.example", language, now))
			}
			for _, n := range all {
				if err := sender.Deliver(t.Context(), n); err != nil {
					t.Fatal(err)
				}
			}
			got := steady(strings.Join(server.received(t), "\n========\n"))
			golden := filepath.Join("testdata", "mails."+language+".golden")
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
		})
	}
}

// steady puts numbers for boundaries that the library draws.
func steady(text string) string {
	for i, b := range regexp.MustCompile(`boundary=([0-9a-f]{60})`).FindAllStringSubmatch(text, -1) {
		text = strings.ReplaceAll(text, b[1], fmt.Sprint("drawn", i))
	}
	return text
}

func TestHowAMailServerTakesAnEMail(t *testing.T) {
	password := func(context.Context) (string, error) { return "secret", nil }
	for _, row := range []struct {
		name, mode string
		change     func(*Settings)
		wants      string // in the error; empty: delivered
		refused    bool   // for good
		received   int
	}{
		{"it takes it", "plain", func(*Settings) {}, "", false, 1},
		{"it takes it over STARTTLS", "starttls", func(s *Settings) { s.Mail.TLS = StartTLS }, "", false, 1},
		{"it takes it over TLS from the first byte", "implicit", func(s *Settings) { s.Mail.TLS = ImplicitTLS }, "", false, 1},
		{"it takes it with a password", "starttls,auth", func(s *Settings) { s.Mail.TLS, s.Mail.User, s.Mail.Password = StartTLS, "cardbatch", password }, "", false, 1},
		{"it takes it over TLS from the first byte with a password", "implicit,auth", func(s *Settings) {
			s.Mail.TLS, s.Mail.User, s.Mail.Password = ImplicitTLS, "cardbatch", password
		}, "", false, 1},
		{"it knows another password", "starttls,auth", func(s *Settings) {
			s.Mail.TLS, s.Mail.User = StartTLS, "cardbatch"
			s.Mail.Password = func(context.Context) (string, error) { return "wrong", nil }
		}, "535", false, 0},
		{"it has no STARTTLS, so nothing is sent in clear", "plain", func(s *Settings) { s.Mail.TLS = StartTLS }, "STARTTLS", false, 0},
		{"its certificate is not trusted", "starttls", func(s *Settings) { s.Mail.TLS, s.RootCA = StartTLS, nil }, "certificate", false, 0},
		{"it does not know the recipient", "refuse-recipient", func(*Settings) {}, "refused the recipient with 550", true, 0},
		{"it refuses the sender, which an operator can mend", "refuse-sender", func(*Settings) {}, "refused the sender with 550", false, 0},
		{"it wants to be asked again", "greylist", func(*Settings) {}, "refused the recipient with 451", false, 0},
		{"it goes away before it has it", "cut-in-data", func(*Settings) {}, "send the e-mail", false, 0},
		{"it takes it and never says so", "cut-after-data", func(*Settings) {}, "send the e-mail", false, 1},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := startMail(t, row.mode)
			s := server.settings()
			row.change(&s)
			err := newSender(t, s).Deliver(t.Context(), mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal)))
			switch {
			case (row.wants == "") != (err == nil), err != nil && !strings.Contains(err.Error(), row.wants):
				t.Errorf("got error %v, want one with %q", err, row.wants)
			case errors.Is(err, ErrRefused) != row.refused:
				t.Errorf("refused for good: %v, want %v: %v", !row.refused, row.refused, err)
			case err != nil && batch.HasCardNumber(err.Error()):
				t.Errorf("the error holds a card number: %v", err)
			}
			if n := len(server.received(t)); n != row.received {
				t.Errorf("the server has %d messages, want %d", n, row.received)
			}
		})
	}
}

func TestAGreylistedEMailArrivesTheSecondTime(t *testing.T) {
	server := startMail(t, "greylist")
	b := newBox(mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal)))
	at := now
	sender, err := New(server.settings(), func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []Tally{{Failed: 1}, {}, {Sent: 1}, {}} {
		got, err := sender.Pass(t.Context(), b)
		if err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
		at = at.Add(30 * time.Second)
	}
	if n := len(server.received(t)); n != 1 {
		t.Errorf("the server has %d messages", n)
	}
}

func TestAnEMailWhoseAnswerWasLostComesAgainUnderTheSameID(t *testing.T) {
	server := startMail(t, "cut-after-data")
	sender, n := newSender(t, server.settings()), mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal))
	for range 2 {
		if err := sender.Deliver(t.Context(), n); err == nil {
			t.Fatal("an answer that never came counts as one")
		}
	}
	got := server.received(t)
	if len(got) != 2 || got[0] != got[1] || !strings.Contains(got[0], "Message-ID: <"+n.ID+"@shop.example>") {
		t.Errorf("%d messages, not twice the same with the notification's id:\n%s", len(got), strings.Join(got, "\n---\n"))
	}
}

func TestAMailServerThatStallsCostsTheTimeoutAlone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // nobody ever greets
	s := mailServer{port: l.Addr().(*net.TCPAddr).Port}.settings()
	s.Timeout = 200 * time.Millisecond
	begun := time.Now()
	err = newSender(t, s).Deliver(t.Context(), mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal)))
	if err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
	if took := time.Since(begun); took > 5*time.Second {
		t.Errorf("it took %s", took)
	}
}

func TestWithoutAMailServerEMailsFail(t *testing.T) {
	err := newSender(t, Settings{}).Deliver(t.Context(), mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal)))
	if err == nil || errors.Is(err, ErrRefused) {
		t.Errorf("got %v", err)
	}
}

func TestSettingsOfAMailServerThatAreWrong(t *testing.T) {
	good := Mail{Host: "127.0.0.1", TLS: NoTLS, From: "billing@shop.example"}
	for name, change := range map[string]func(*Mail){
		"no sender":                   func(m *Mail) { m.From = "" },
		"a sender that is no address": func(m *Mail) { m.From = "billing" },
		"no TLS to another machine":   func(m *Mail) { m.Host = "smtp.shop.example" },
		"an unknown policy":           func(m *Mail) { m.TLS = "sometimes" },
		"an unknown authentication":   func(m *Mail) { m.Auth = "ntlm" },
		"a user without a password":   func(m *Mail) { m.User = "cardbatch" },
	} {
		m := good
		change(&m)
		if _, err := New(Settings{Mail: m}, clock); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := New(Settings{Mail: good}, clock); err != nil {
		t.Error(err)
	}
}
