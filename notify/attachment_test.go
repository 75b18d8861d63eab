package notify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

// shelf has reports by name, and counts what is asked of it.
type shelf struct {
	content map[string]string
	change  func(*Attachment) // may be nil

	mu                    sync.Mutex
	found, opened, closed int
	most                  int // that were open at the same time
}

func newShelf(content map[string]string) *shelf { return &shelf{content: content} }

func (s *shelf) attach(_ context.Context, n batch.Notification) (Attachment, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.found++
	content, ok := s.content[n.Facts.File]
	if !ok {
		return Attachment{}, fmt.Errorf("report %d is not there", n.Facts.Report)
	}
	a := Attachment{Name: n.Facts.File, ContentType: "text/csv; charset=utf-8", Size: int64(len(content)), Open: s.opener(strings.NewReader(content))}
	if strings.HasSuffix(a.Name, ".html") {
		a.ContentType = "text/html; charset=utf-8"
	}
	if s.change != nil {
		s.change(&a)
	}
	return a, nil
}

// opener opens a content and counts it.
func (s *shelf) opener(content io.Reader) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.opened++
		s.most = max(s.most, s.opened-s.closed)
		return &book{content, s}, nil
	}
}

type book struct {
	io.Reader
	shelf *shelf
}

func (b *book) Close() error {
	b.shelf.mu.Lock()
	defer b.shelf.mu.Unlock()
	b.shelf.closed++
	return nil
}

func (s *shelf) counted(t *testing.T, found, opened int) {
	t.Helper()
	if s.found != found || s.opened != opened || s.closed != opened {
		t.Errorf("asked %d times, opened %d, closed %d, want %d, %d, %d", s.found, s.opened, s.closed, found, opened, opened)
	}
}

const reportName = "updates_acme_2026-11.csv"

// reportMail is the e-mail that carries a report.
func reportMail(file string) batch.Notification {
	return batch.UpdaterReportMail(batch.ReportFacts{Report: 7, Merchant: "acme", File: file, Period: "2026-11", Records: 2, Folder: true}, "books@shop.example", "", now)
}

func TestAReportArrivesByteForByte(t *testing.T) {
	for name, row := range map[string]struct{ file, content, kind string }{
		"lines that end in CR LF":                   {reportName, "1;W-1;1\r\n2;W-2;1\r\n", "text/csv"},
		"a page, with lines that end in LF":         {"updates_acme_2026-11.html", "<!DOCTYPE html>\n<p>Terminé</p>\n", "text/html"},
		"both, and none at the end":                 {reportName, "\r\n\n\r1\r\n\n2", "text/csv"},
		"a mark of its encoding, and other letters": {reportName, "\ufeffété;日本;\u00a0\r\n", "text/csv"},
		"lines longer than mail allows":             {reportName, strings.Repeat("x", 5000) + "\r\n" + strings.Repeat("é", 5000), "text/csv"},
		"what would end a message":                  {reportName, "1\r\n.\r\nQUIT\r\n..\r\n", "text/csv"},
		"a page with boundaries and headers in it":  {"updates_acme_2026-11.html", "--_x\r\nContent-Type: text/plain\r\n\r\n<p>", "text/html"},
		"nothing":                        {reportName, "", "text/csv"},
		"a large one":                    {reportName, strings.Repeat("89987201;W-1001;1;1111;12/2026;CHNGEXP;success;\r\n", 40_000), "text/csv"},
		"a name with letters of its own": {"mises à jour d'été 2026-11.csv", "1\r\n", "text/csv"},
	} {
		t.Run(name, func(t *testing.T) {
			server := startMail(t, "plain")
			reports := newShelf(map[string]string{row.file: row.content})
			s := server.settings()
			s.Attach = reports.attach
			b := newBox(reportMail(row.file))
			for _, want := range []Tally{{Sent: 1}, {}} {
				if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != want {
					t.Fatalf("%+v, %v, want %+v; %s", got, err, want, b.all[0].LastError)
				}
			}
			if d := cmp.Diff([]attached{{row.file, row.kind, row.content}}, server.attachments(t)); d != "" {
				t.Error(d)
			}
			reports.counted(t, 1, 1)
		})
	}
}

func TestAReportThatIsMissingKeepsItsEMailWaiting(t *testing.T) {
	const content = "1;W-1;1\r\n2;W-2;1\r\n"
	for _, row := range []struct {
		name   string
		change func(*Settings, *shelf)
		wants  string // in the reason
	}{
		{"nobody finds reports", func(s *Settings, _ *shelf) { s.Attach = nil }, "reports are not known here"},
		{"it is not found", func(_ *Settings, r *shelf) { r.content = nil }, "report 7 is not there"},
		{"another is found", func(_ *Settings, r *shelf) { r.change = func(a *Attachment) { a.Name = "updates_other_2026-11.csv" } }, "updates_other_2026-11.csv was found"},
		{"its size is not known", func(_ *Settings, r *shelf) { r.change = func(a *Attachment) { a.Size = -1 } }, "size"},
		{"there is no way to open it", func(_ *Settings, r *shelf) { r.change = func(a *Attachment) { a.Open = nil } }, "open"},
		{"it cannot be opened", func(_ *Settings, r *shelf) {
			r.change = func(a *Attachment) {
				a.Open = func() (io.ReadCloser, error) { return nil, errors.New("permission denied") }
			}
		}, "permission denied"},
		{"it breaks off while it is read", func(_ *Settings, r *shelf) {
			r.change = func(a *Attachment) {
				a.Open = r.opener(io.MultiReader(strings.NewReader(content[:10]), iotest.ErrReader(errors.New("the disk is gone"))))
			}
		}, "the disk is gone"},
		{"it is shorter than was said", func(_ *Settings, r *shelf) { r.change = func(a *Attachment) { a.Size++ } }, "should have 19 bytes"},
		{"it is longer than was said", func(_ *Settings, r *shelf) { r.change = func(a *Attachment) { a.Size-- } }, "should have 17 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			server := startMail(t, "plain")
			reports, whole := newShelf(map[string]string{reportName: content}), newShelf(map[string]string{reportName: content})
			s := server.settings()
			s.Attach = reports.attach
			row.change(&s, reports)
			b := newBox(reportMail(reportName))
			if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != (Tally{Failed: 1}) {
				t.Fatalf("%+v, %v", got, err)
			}
			n := &b.all[0]
			if n.State != batch.NotificationWaiting || !n.Due.Equal(now.Add(time.Minute)) || !strings.Contains(n.LastError, "the report cannot be attached") || !strings.Contains(n.LastError, row.wants) {
				t.Errorf("it is %s, due %s: %s", n.State, n.Due, n.LastError)
			}
			if got := server.received(t); len(got) != 0 {
				t.Fatalf("an e-mail was sent without its report, or with a part of it:\n%s", got[0])
			}
			n.Due, s.Attach = now, whole.attach
			if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != (Tally{Sent: 1}) {
				t.Fatalf("with the report there: %+v, %v", got, err)
			}
			if got := server.attachments(t); len(got) != 1 || got[0].Content != content {
				t.Errorf("got %q", got)
			}
		})
	}
}

func TestAReportThatIsTooLargeIsNamedInPlaceOfSent(t *testing.T) {
	for _, row := range []struct {
		name   string
		limit  int64
		opened int
	}{
		{"as large as is allowed", 10, 1},
		{"a byte more", 9, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			server, reports := startMail(t, "plain"), newShelf(map[string]string{reportName: "0123456789"})
			s := server.settings()
			s.Attach, s.MaxAttachment = reports.attach, row.limit
			if err := newSender(t, s).Deliver(t.Context(), reportMail(reportName)); err != nil {
				t.Fatal(err)
			}
			got := server.received(t)
			if len(got) != 1 {
				t.Fatalf("%d messages", len(got))
			}
			if told := strings.Contains(got[0], "(too large to attach)"); told != (row.opened == 0) || !strings.Contains(got[0], "File: "+reportName) {
				t.Error(got[0])
			}
			if n := len(server.attachments(t)); n != row.opened {
				t.Errorf("%d attachments", n)
			}
			reports.counted(t, 1, row.opened)
		})
	}
}

func TestWhatIsNoNameOrTypeOfAFileIsRefusedForGood(t *testing.T) {
	server := startMail(t, "plain")
	for name, row := range map[string]struct{ file, kind string }{
		"a name with a line feed":                {"a.csv\nBcc: thief@example.com", ""},
		"a name with a carriage return":          {"a.csv\r\n\r\n<p>", ""},
		"a name that closes its quotes":          {`a.csv"; x="`, ""},
		"a name with a folder":                   {"../a.csv", ""},
		"a name with a folder of another system": {`..\a.csv`, ""},
		"a name that reads backwards":            {"a\u202evsc.exe", ""},
		"a hidden name":                          {".csv", ""},
		"a name that is no UTF-8":                {"a\xff.csv", ""},
		"a long name":                            {strings.Repeat("a", maxName+1), ""},
		"no name":                                {"", ""},
		"no type":                                {reportName, "csv"},
		"a type with a header in it":             {reportName, "text/csv\r\nBcc: thief@example.com"},
		"a type with a header behind it":         {reportName, "text/csv; charset=utf-8\r\nBcc: thief@example.com"},
		"a type of a message":                    {reportName, "message/rfc822"},
	} {
		t.Run(name, func(t *testing.T) {
			reports := newShelf(map[string]string{row.file: "1\r\n"})
			reports.change = func(a *Attachment) {
				if row.kind != "" {
					a.ContentType = row.kind
				}
			}
			s := server.settings()
			s.Attach = reports.attach
			b := newBox(reportMail(row.file))
			if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != (Tally{Dead: 1}) {
				t.Errorf("%+v, %v", got, err)
			}
			if n := b.all[0]; n.State != batch.NotificationDead || !strings.Contains(n.LastError, "refused for good") || strings.ContainsAny(n.LastError, "\r\n") {
				t.Errorf("it is %s: %q", n.State, n.LastError)
			}
			reports.counted(t, 1, 0)
		})
	}
	if got := server.received(t); len(got) != 0 {
		t.Errorf("sent:\n%s", strings.Join(got, "\n---\n"))
	}
}

func TestATypeOfAFileIsOneLineInItsHeader(t *testing.T) {
	server, reports := startMail(t, "plain"), newShelf(map[string]string{reportName: "1\r\n"})
	reports.change = func(a *Attachment) { a.ContentType = "Text/CSV;\r\n charset=utf-8; name=other.exe" }
	s := server.settings()
	s.Attach = reports.attach
	if err := newSender(t, s).Deliver(t.Context(), reportMail(reportName)); err != nil {
		t.Fatal(err)
	}
	if got := server.received(t); len(got) != 1 || !strings.Contains(got[0], "\nContent-Type: text/csv; charset=utf-8; name=\""+reportName+"\"\n") {
		t.Errorf("got %s", got)
	}
}

func TestAReportThatAServerRefusesIsDead(t *testing.T) {
	for _, row := range []struct{ mode, wants string }{
		{"refuse-recipient", "refused the recipient with 550"},
		{"refuse-size", "refused the message with 552"},
	} {
		t.Run(row.mode, func(t *testing.T) {
			server, reports := startMail(t, row.mode), newShelf(map[string]string{reportName: "1\r\n"})
			s := server.settings()
			s.Attach = reports.attach
			b := newBox(reportMail(reportName))
			for _, want := range []Tally{{Dead: 1}, {}} {
				if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != want {
					t.Fatalf("%+v, %v, want %+v", got, err, want)
				}
			}
			if n := b.all[0]; n.State != batch.NotificationDead || !strings.Contains(n.LastError, row.wants) {
				t.Errorf("it is %s: %s", n.State, n.LastError)
			}
			reports.counted(t, 1, 1)
		})
	}
}

func TestMissingReportsDoNotKeepOtherEMailsFromTheServer(t *testing.T) {
	server := startMail(t, "plain")
	s := server.settings()
	s.Concurrency, s.GiveUp, s.Attach = 1, 2, newShelf(nil).attach
	var all []batch.Notification
	for i := range 4 {
		all = append(all, reportMail(fmt.Sprintf("updates_acme_2026-0%d.csv", i+1)))
	}
	b := newBox(append(all, mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal)))...)
	if got, err := newSender(t, s).Pass(t.Context(), b); err != nil || got != (Tally{Failed: 4, Sent: 1}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestReportsAreInMemoryOneAtATime(t *testing.T) {
	server := startMail(t, "plain")
	reports := newShelf(map[string]string{})
	s := server.settings()
	s.Attach, s.Concurrency = reports.attach, 4
	var all []batch.Notification
	for i := range 6 {
		n := reportMail(fmt.Sprintf("updates_acme_2026-0%d.csv", i+1))
		reports.content[n.Facts.File] = fmt.Sprintln("report", i)
		all = append(all, n)
	}
	if got, err := newSender(t, s).Pass(t.Context(), newBox(all...)); err != nil || got != (Tally{Sent: 6}) {
		t.Errorf("%+v, %v", got, err)
	}
	reports.counted(t, 6, 6)
	if reports.most != 1 {
		t.Errorf("%d were open at the same time", reports.most)
	}
	if n := len(server.attachments(t)); n != 6 {
		t.Errorf("the server has %d", n)
	}
}

func TestALargeReportHasMoreTimeThanTheTimeout(t *testing.T) {
	server, reports := startMail(t, "plain"), newShelf(map[string]string{reportName: strings.Repeat("x", 2_000_000)})
	s := server.settings()
	s.Attach, s.Timeout = reports.attach, time.Nanosecond
	sender := newSender(t, s)
	if err := sender.Deliver(t.Context(), mailOf(t, batch.EnrolmentNotice(wallet(), 1, refusal))); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an e-mail that carries nothing: %v", err)
	}
	if err := sender.Deliver(t.Context(), reportMail(reportName)); err != nil {
		t.Error(err)
	}
}

func TestAnInterruptWhileAReportIsSoughtIsNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	s := startMail(t, "plain").settings()
	s.Attach = func(ctx context.Context, _ batch.Notification) (Attachment, error) {
		stop()
		<-ctx.Done()
		return Attachment{}, ctx.Err()
	}
	b := newBox(reportMail(reportName), reportMail("updates_acme_2026-10.csv"))
	if _, err := newSender(t, s).Pass(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if len(b.recorded) != 0 {
		t.Errorf("recorded %+v", b.recorded)
	}
}
