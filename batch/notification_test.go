package batch

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noticed = time.Date(2026, 11, 21, 22, 0, 0, 0, time.UTC)

func noticedWallet() *Wallet {
	return &Wallet{
		Merchant: "acme", ID: "W-1", Contract: "1234567", Email: "lea@example.com", Language: "fr", DefaultCard: 1,
		Cards: []Card{{Index: 1, FirstSix: "374111", LastFour: "1111", Expiry: "1226"}},
	}
}

func TestANoticeGoesWhereItsContractSays(t *testing.T) {
	w := noticedWallet()
	every := NoticeRoutes{URL: "https://shop.example/n", HTTP: NoticeKinds, Mail: NoticeKinds}
	with := func(change func(*NoticeRoutes)) NoticeRoutes {
		r := every
		change(&r)
		return r
	}
	refused := EnrolmentNotice(w, 1, StatusEvent{Status: CardRefused, Code: "17", Text: "not eligible"})
	for _, row := range []struct {
		name   string
		notice Notice
		routes NoticeRoutes
		want   []string
	}{
		{"an enrolment result by both ways", refused, every, []string{"mail lea@example.com fr", "http https://shop.example/n fr"}},
		{"a cancelled card never by e-mail", CancellationNotice(w, 1, StatusEvent{}), every, []string{"http https://shop.example/n fr"}},
		{"an expiring card by e-mail alone", ExpiryNotice(w, w.Cards[0]), every, []string{"mail lea@example.com fr"}},
		{"a created wallet to the server", CreationNotice(w), every, []string{"http https://shop.example/n fr"}},
		{"an instalment to the server", InstalmentNotice(w, "k", "R", "2026-11-21", "O", "T"), every, []string{"http https://shop.example/n fr"}},
		{"a payment to the server", PaymentNotice(w, "k", "T"), every, []string{"http https://shop.example/n fr"}},
		{"nothing where nothing is wanted", refused, NoticeRoutes{URL: "https://shop.example/n"}, nil},
		{"nothing to a server without address", CreationNotice(w), with(func(r *NoticeRoutes) { r.URL = "" }), nil},
		{"the contract's address before the wallet's", ExpiryNotice(w, w.Cards[0]), with(func(r *NoticeRoutes) { r.MailTo = "ops@shop.example" }), []string{"mail ops@shop.example fr"}},
		{"no e-mail to a wallet without address", ExpiryNotice(&Wallet{ID: "W-2"}, Card{}), every, nil},
		{"the contract's language where the wallet has none", ExpiryNotice(&Wallet{ID: "W-2", Email: "a@b"}, Card{}), with(func(r *NoticeRoutes) { r.Language = "fr" }), []string{"mail a@b fr"}},
		{"English otherwise", ExpiryNotice(&Wallet{ID: "W-2", Email: "a@b"}, Card{}), every, []string{"mail a@b en"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var got []string
			for _, n := range row.routes.Notifications(row.notice, noticed) {
				got = append(got, string(n.Channel)+" "+n.To+" "+n.Language)
				if n.State != NotificationWaiting || !n.Due.Equal(noticed) || n.Attempts != 0 {
					t.Errorf("it is %s, due %s after %d attempts", n.State, n.Due, n.Attempts)
				}
			}
			if d := cmp.Diff(row.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestAnEventHasOneIDAndNoOtherEventHasIt(t *testing.T) {
	w, other := noticedWallet(), noticedWallet()
	other.ID = "W-2"
	event := StatusEvent{Status: CardAccepted, At: noticed}
	notices := []Notice{
		EnrolmentNotice(w, 1, event), EnrolmentNotice(w, 2, event), EnrolmentNotice(other, 1, event), CancellationNotice(w, 1, event),
		CreationNotice(w), PaymentNotice(w, "k1", "T"), PaymentNotice(w, "k2", "T"), InstalmentNotice(w, "k1", "R", "2026-11-21", "", "T"),
		ExpiryNotice(w, Card{Index: 1, Expiry: "1226"}), ExpiryNotice(w, Card{Index: 1, Expiry: "1229"}),
	}
	var ids []string
	for _, n := range notices {
		ids = append(ids, NotificationID(n, ByHTTP), NotificationID(n, ByMail))
	}
	for _, id := range ids {
		if len(id) != KeyLen {
			t.Errorf("%s has %d characters", id, len(id))
		}
	}
	slices.Sort(ids)
	if n := len(slices.Compact(ids)); n != 2*len(notices) {
		t.Errorf("%d ids for %d notices on two channels", n, len(notices))
	}
	late := event
	late.At, late.File, late.Text = noticed.Add(time.Hour), "again", "other words"
	if NotificationID(EnrolmentNotice(w, 1, late), ByMail) != NotificationID(notices[0], ByMail) {
		t.Error("the same result, told again, has another id")
	}
	if id := NotificationID(notices[0], ByMail); id != "ih7uanjbpl4xgz5hgyhk6oisvm" {
		t.Errorf("the id of a known event is %s: outboxes of older programs would send again", id)
	}
}

func TestAReportIsMailedOncePerAddress(t *testing.T) {
	report := ReportFacts{Report: 7, Merchant: "acme", File: "updates_acme_2026-11.csv", Period: "2026-11", Records: 3, Folder: true}
	mail := UpdaterReportMail(report, "books@shop.example", "", noticed)
	want := Notification{
		ID: mail.ID, Kind: NoticeUpdaterReport, Channel: ByMail, Merchant: "acme", To: "books@shop.example", Language: "en",
		Facts:     NoticeFacts{Report: 7, File: "updates_acme_2026-11.csv", Period: "2026-11", Records: 3, Folder: true},
		CreatedAt: noticed, State: NotificationWaiting, Due: noticed,
	}
	if d := cmp.Diff(want, mail); d != "" {
		t.Error(d)
	}
	for _, row := range []struct {
		name   string
		change func(r *ReportFacts, to *string)
		same   bool
	}{
		{"told again", func(*ReportFacts, *string) {}, true},
		{"another number of records", func(r *ReportFacts, _ *string) { r.Records++ }, true},
		{"another number in the store", func(r *ReportFacts, _ *string) { r.Report++ }, true},
		{"another address", func(_ *ReportFacts, to *string) { *to = "boss@shop.example" }, false},
		{"another file", func(r *ReportFacts, _ *string) { r.File = "updates_acme_2026-12.csv" }, false},
		{"another merchant", func(r *ReportFacts, _ *string) { r.Merchant = "globex" }, false},
	} {
		r, to := report, "books@shop.example"
		row.change(&r, &to)
		if got := UpdaterReportMail(r, to, "fr", noticed.Add(time.Hour)); (got.ID == mail.ID) != row.same || got.Language != "fr" {
			t.Errorf("%s: id %s, the first was %s; language %s", row.name, got.ID, mail.ID, got.Language)
		}
	}
	if mail.ID != "eipln3637fl6v6f4uew4yy5bsi" {
		t.Errorf("the id of a known report is %s: outboxes of older programs would send again", mail.ID)
	}
}

func TestAReportIsNoEventOfAContract(t *testing.T) {
	if slices.Contains(NoticeKinds, NoticeUpdaterReport) || !slices.Contains(AllNoticeKinds, NoticeUpdaterReport) || len(AllNoticeKinds) != len(noticeChannels) {
		t.Errorf("events %v, all kinds %v", NoticeKinds, AllNoticeKinds)
	}
	if NoticeUpdaterReport.Leaves(ByHTTP) || !NoticeUpdaterReport.Leaves(ByMail) {
		t.Error("a report leaves by e-mail alone")
	}
}

func TestANoticeHoldsNoCardNumber(t *testing.T) {
	w := noticedWallet()
	n := EnrolmentNotice(w, 1, StatusEvent{Status: CardRefused, Code: "17", Text: "card 374111111111111 unknown"})
	want := NoticeFacts{Code: "17", Text: "card 374111*****1111 unknown", Card: "374111******1111"}
	if d := cmp.Diff(want, n.Facts); d != "" {
		t.Error(d)
	}
}
