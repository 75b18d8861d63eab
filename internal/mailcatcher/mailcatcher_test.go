package mailcatcher

import (
	"encoding/base64"
	"net"
	"net/smtp"
	"net/textproto"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func start(t *testing.T) *Catcher {
	t.Helper()
	c, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func lines(all ...string) []byte { return []byte(strings.Join(all, "\r\n") + "\r\n") }

func TestAMessageIsKeptAsItsReaderSeesIt(t *testing.T) {
	for name, row := range map[string]struct {
		content []byte
		want    Message
	}{
		"plain": {
			lines("Subject: Hello", "Message-ID: <1@acme.example>", "", "One", ".two", "", "three"),
			Message{ID: "1@acme.example", Subject: "Hello", Text: "One\n.two\n\nthree\n"},
		},
		"quoted-printable, with an encoded subject": {
			lines("Subject: =?UTF-8?q?refus=C3=A9e?=", "Content-Type: text/plain; charset=UTF-8", "Content-Transfer-Encoding: quoted-printable", "", "l'=C3=A9t=C3=A9 est =", "long"),
			Message{Subject: "refusée", Text: "l'été est long\n"},
		},
		"the plain text of two alternatives": {
			lines("Subject: Both", "Content-Type: multipart/alternative; boundary=b", "",
				"--b", "Content-Type: text/html", "", "<p>Bonjour</p>",
				"--b", "Content-Type: text/plain", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString([]byte("Bonjour\r\nChloé")),
				"--b--"),
			Message{Subject: "Both", Text: "Bonjour\nChloé"},
		},
		"the text and the attachments, of which one is plain text, too": {
			lines("Subject: Report", "Content-Type: multipart/mixed; boundary=m", "",
				"--m", "Content-Type: text/plain; name=notes.txt", "Content-Disposition: attachment; filename=\"=?UTF-8?q?notes_=C3=A9t=C3=A9.txt?=\"", "", "not the text",
				"--m", "Content-Type: multipart/alternative; boundary=b", "",
				"--b", "Content-Type: text/plain", "", "Hello",
				"--b", "Content-Type: text/html", "", "<p>Hello</p>",
				"--b--",
				"--m", "Content-Type: text/csv; charset=utf-8", "Content-Disposition: attachment; filename=report.csv", "Content-Transfer-Encoding: base64", "", base64.StdEncoding.EncodeToString([]byte("a;b\r\n1;é\n")),
				"--m--"),
			Message{Subject: "Report", Text: "Hello", Attachments: []Attachment{
				{Name: "notes été.txt", ContentType: "text/plain", Content: []byte("not the text")},
				{Name: "report.csv", ContentType: "text/csv", Content: []byte("a;b\r\n1;é\n")},
			}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			row.want.From, row.want.To = "billing@acme.example", []string{"alice@example.com", "hugo@example.com"}
			if err := smtp.SendMail(c.Addr(), nil, row.want.From, row.want.To, row.content); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]Message{row.want}, c.Messages()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestNothingIsKeptOfWhatIsNoMessage(t *testing.T) {
	for name, content := range map[string][]byte{
		"no header":            lines("just words"),
		"no plain text":        lines("Subject: HTML", "Content-Type: text/html", "", "<p>Hello</p>"),
		"parts that never end": lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "Content-Type: text/html", "", "<p>"),
		"an attachment that is none": lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "Hello",
			"--b", "Content-Disposition: ;", "", "x", "--b--"),
		"an attachment in half": lines("Content-Type: multipart/mixed; boundary=b", "", "--b", "", "Hello",
			"--b", "Content-Disposition: attachment; filename=x", "", "x"),
		"too large": lines("Subject: Large", "", strings.Repeat("x", maxMessage)),
	} {
		t.Run(name, func(t *testing.T) {
			c := start(t)
			err := smtp.SendMail(c.Addr(), nil, "a@example.com", []string{"b@example.com"}, content)
			if err == nil || len(c.Messages()) != 0 {
				t.Errorf("kept %v, error %v", c.Messages(), err)
			}
		})
	}
}

func TestWhatAClientMaySay(t *testing.T) {
	c := start(t)
	conn, err := textproto.Dial("tcp", c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, row := range []struct {
		say  string
		code int
	}{
		{"", 220},
		{"HELO here", 250},
		{"RCPT TO:<b@example.com>", 503},
		{"DATA", 503},
		{"MAIL a@example.com", 501},
		{"mail from:<a@example.com> SIZE=100", 250},
		{"DATA", 503},
		{"RCPT TO:<>", 501},
		{"RCPT TO:<b@example.com", 501},
		{"RCPT TO:<b@example.com>", 250},
		{"RSET", 250},
		{"DATA", 503},
		{"NOOP", 250},
		{"VRFY b", 252},
		{"STARTTLS", 502},
		{"QUIT", 221},
	} {
		if row.say != "" {
			if err := conn.PrintfLine("%s", row.say); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := conn.ReadResponse(row.code); err != nil {
			t.Errorf("%q: %v, want %d", row.say, err, row.code)
		}
	}
	if _, err := conn.ReadLine(); err == nil {
		t.Error("the server stays after QUIT")
	}
}

func TestAClientThatGoesAwayDeliversNothing(t *testing.T) {
	c, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := smtp.Dial(c.Addr())
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.Mail("a@example.com"); err != nil {
		t.Fatal(err)
	}
	if err := conn.Rcpt("b@example.com"); err != nil {
		t.Fatal(err)
	}
	w, err := conn.Data()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(lines("Subject: Half", "", "half")); err != nil {
		t.Fatal(err)
	}
	if err := conn.Text.W.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if got := c.Messages(); len(got) != 0 {
		t.Errorf("kept %v", got)
	}
	if conn, err := net.Dial("tcp", c.Addr()); err == nil {
		conn.Close()
		t.Error("the server is still there")
	}
}
