package notify

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"cardbatch/batch"
)

func TestTheParametersOfEveryServerNotification(t *testing.T) {
	var query string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { query = r.Method + " " + r.URL.RawQuery }))
	defer server.Close()
	w := wallet()
	odd := wallet()
	odd.ID = "W&1=é #?"
	for _, row := range []struct {
		name   string
		notice batch.Notice
		want   string
	}{
		{"enrolment refused", batch.EnrolmentNotice(w, 1, refusal), "notificationType=Wallet&result=N&resultCode=17&shop=7&type=smartbillEnrollResult&walletId=W-1001"},
		{"enrolment accepted", batch.EnrolmentNotice(w, 1, batch.StatusEvent{Status: batch.CardAccepted, Code: "00"}), "notificationType=Wallet&result=Y&resultCode=00&shop=7&type=smartbillEnrollResult&walletId=W-1001"},
		{"card cancelled", batch.CancellationNotice(w, 1, batch.StatusEvent{Status: batch.CardCancelled, Code: "41"}), "CancellationCode=41&notificationType=Wallet&shop=7&type=smartBillCanceledCard&walletId=W-1001"},
		{"wallet created", batch.CreationNotice(w), "contractNumber=1234567&notificationType=WALLET&shop=7&walletId=W-1001"},
		{"instalment paid", batch.InstalmentNotice(w, "k", "PR-1", "2026-11-21", "O-1", "T-1"), "billingRecordDate=2026-11-21&notificationType=BILL&orderRef=O-1&paymentRecordId=PR-1&shop=7&transactionId=T-1&walletId=W-1001"},
		{"wallet payment", batch.PaymentNotice(w, "k", "T-1"), "notificationType=TRSWALLET&shop=7&transactionId=T-1&walletId=W-1001"},
		{"what a merchant named oddly", batch.CreationNotice(odd), "contractNumber=1234567&notificationType=WALLET&shop=7&walletId=" + url.QueryEscape("W&1=é #?")},
	} {
		t.Run(row.name, func(t *testing.T) {
			// An address keeps parameters of its own, but none that are ours.
			if err := newSender(t, Settings{}).Deliver(t.Context(), callOf(t, server.URL+"/n?shop=7&walletId=none", row.notice)); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff("GET "+row.want, query); d != "" {
				t.Error(d)
			}
		})
	}
}

func TestHowAMerchantsServerAnswers(t *testing.T) {
	elsewhere := false
	answers := map[string]http.HandlerFunc{
		"/200": func(http.ResponseWriter, *http.Request) {},
		"/204": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) },
		"/302": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"/404": http.NotFound,
		"/500": func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "4508750015741019", http.StatusInternalServerError)
		},
		"/cut":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/stall":     func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() },
		"/elsewhere": func(http.ResponseWriter, *http.Request) { elsewhere = true },
		"/endless": func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		},
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { answers[r.URL.Path](w, r) }))
	defer server.Close()
	for _, row := range []struct{ path, want string }{
		{"/200", ""}, {"/204", ""}, {"/endless", ""},
		{"/302", "redirects are not followed"}, {"/404", "answered 404"}, {"/500", "answered 500"}, {"/cut", "EOF"}, {"/stall", "call the merchant's server"},
	} {
		t.Run(strings.TrimPrefix(row.path, "/"), func(t *testing.T) {
			s := Settings{}
			if row.path == "/stall" {
				s.Timeout = 200 * time.Millisecond
			}
			err := newSender(t, s).Deliver(t.Context(), callOf(t, server.URL+row.path, batch.CreationNotice(wallet())))
			if (row.want == "") != (err == nil) || err != nil && !strings.Contains(err.Error(), row.want) {
				t.Fatalf("got %v, want %q", err, row.want)
			}
			if errors.Is(err, ErrRefused) {
				t.Errorf("refused for good: %v", err)
			}
			if err != nil && (strings.Contains(err.Error(), "W-1001") || batch.HasCardNumber(err.Error())) {
				t.Errorf("the error repeats what was sent or answered: %v", err)
			}
		})
	}
	if elsewhere {
		t.Error("a redirect was followed")
	}
}

func TestAnAddressThatIsNone(t *testing.T) {
	for _, address := range []string{"", "shop.example/n", "ftp://shop.example", "https://", "https://user:secret@shop.example", "https://shop.example/#n", "http://[::1"} {
		err := newSender(t, Settings{}).Deliver(t.Context(), batch.Notification{Kind: batch.NoticeWalletCreated, Channel: batch.ByHTTP, To: address})
		if !errors.Is(err, ErrRefused) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%q: got %v", address, err)
		}
	}
	if err := CheckURL("https://shop.example:8443/n?a=b"); err != nil {
		t.Error(err)
	}
}

// counter is a merchant's server that counts notifications by their id.
type counter struct {
	mu   sync.Mutex
	seen map[string]int
}

func (c *counter) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen[r.Header.Get("Notification-Id")]++
}

func TestACrashBetweenDeliveryAndRecordSendsAgainUnderTheSameID(t *testing.T) {
	c := &counter{seen: map[string]int{}}
	server := httptest.NewServer(c)
	defer server.Close()
	b := newBox(callOf(t, server.URL, batch.CreationNotice(wallet())))
	b.broken = errors.New("the process is gone")
	if _, err := newSender(t, Settings{}).Pass(t.Context(), b); !errors.Is(err, b.broken) {
		t.Fatalf("got %v", err)
	}
	b.broken = nil
	for _, want := range []Tally{{Sent: 1}, {}} {
		if got, err := newSender(t, Settings{}).Pass(t.Context(), b); err != nil || got != want {
			t.Fatalf("%+v, %v, want %+v", got, err, want)
		}
	}
	if d := cmp.Diff(map[string]int{b.all[0].ID: 2}, c.seen); d != "" {
		t.Error(d)
	}
}

func TestAFailingNotificationIsTriedInGrowingIntervalsUntilItIsDead(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	b, at := newBox(callOf(t, server.URL, batch.CreationNotice(wallet()))), now
	sender, err := New(Settings{}, func() time.Time { return at })
	if err != nil {
		t.Fatal(err)
	}
	for _, wait := range DefaultBackoff {
		if got, err := sender.Pass(t.Context(), b); err != nil || got != (Tally{Failed: 1}) {
			t.Fatalf("%+v, %v", got, err)
		}
		if got, err := sender.Pass(t.Context(), b); err != nil || got != (Tally{}) {
			t.Fatalf("too early: %+v, %v", got, err)
		}
		if want := at.Add(wait); !b.all[0].Due.Equal(want) {
			t.Fatalf("due %s, want %s", b.all[0].Due, want)
		}
		at = at.Add(wait)
	}
	if got, err := sender.Pass(t.Context(), b); err != nil || got != (Tally{Dead: 1}) {
		t.Fatalf("%+v, %v", got, err)
	}
	if n := b.all[0]; n.State != batch.NotificationDead || n.LastError == "" {
		t.Errorf("it is %s, %q", n.State, n.LastError)
	}
}

func TestAHostThatFailsInARowIsLeftAloneForThisPass(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	defer server.Close()
	good := &counter{seen: map[string]int{}}
	other := httptest.NewServer(good)
	defer other.Close()
	var all []batch.Notification
	for i := range 2*chunk + 3 {
		w := wallet()
		w.ID = batch.WalletID(fmt.Sprint("W-", i))
		all = append(all, callOf(t, server.URL, batch.CreationNotice(w)))
	}
	last := wallet()
	last.ID = "last"
	b := newBox(append(all, callOf(t, other.URL, batch.CreationNotice(last)))...)
	got, err := newSender(t, Settings{Concurrency: 1, GiveUp: 3}).Pass(t.Context(), b)
	if want := (Tally{Failed: 3, Left: len(all) - 3, Sent: 1}); err != nil || got != want {
		t.Errorf("%+v, %v, want %+v", got, err, want)
	}
	if n := b.all[10]; n.Attempts != 0 || n.State != batch.NotificationWaiting {
		t.Errorf("one that was left is %s after %d attempts", n.State, n.Attempts)
	}
}

func TestAnInterruptIsNoFailure(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		stop()
		<-r.Context().Done()
	}))
	defer server.Close()
	b := newBox(callOf(t, server.URL, batch.CreationNotice(wallet())))
	if _, err := newSender(t, Settings{}).Pass(ctx, b); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if n := b.all[0]; n.Attempts != 0 || n.State != batch.NotificationWaiting {
		t.Errorf("it is %s after %d attempts", n.State, n.Attempts)
	}
}
