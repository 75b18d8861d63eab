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

func TestANoticeHoldsNoCardNumber(t *testing.T) {
	w := noticedWallet()
	n := EnrolmentNotice(w, 1, StatusEvent{Status: CardRefused, Code: "17", Text: "card 374111111111111 unknown"})
	want := NoticeFacts{Code: "17", Text: "card 374111*****1111 unknown", Card: "374111******1111"}
	if d := cmp.Diff(want, n.Facts); d != "" {
		t.Error(d)
	}
}
