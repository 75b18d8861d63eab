package smartbill_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/smartbill"
	"cardbatch/money"
)

func key(name string) batch.Key { return batch.NewKey("acme", batch.LineRef(name), 1) }

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

// payment charges card 1 of a wallet of the name.
func payment(name string) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.DoImmediateWalletPayment, Contract: "AMEX", OrderRef: "order " + name, SoftDescriptor: "ACME*" + name,
		Amount: eur(1250), Action: "101", Mode: "CPT", CardIndex: 1,
		Wallet: &batch.Wallet{
			Merchant: "acme", ID: batch.WalletID("W-" + name + "-"), DefaultCard: 1,
			Cards: []batch.Card{{Index: 1, Status: batch.CardAccepted, FirstSix: "371881", LastFour: "8004", Expiry: "0139", Type: "AMEX"}},
		},
	}
}

func alias(name string) string { return "W-" + name + "-1" }

func refund(name string, of gateway.Request, minor int64) gateway.Request {
	return gateway.Request{
		Key: key(name), Command: batch.DoRefund, Contract: "AMEX", Amount: eur(minor),
		Original: &batch.Transaction{Key: of.Key, WalletID: of.Wallet.ID, CardIndex: 1, OrderRef: of.OrderRef},
	}
}

func batchOf(reqs ...gateway.Request) gateway.Batch {
	keys := make([]batch.Key, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	return gateway.Batch{Name: batch.BatchName(keys), Requests: reqs}
}

func states(replies []gateway.Reply) string {
	var all []string
	for _, r := range replies {
		if r.Err != nil {
			all = append(all, "doubt")
		} else {
			all = append(all, fmt.Sprint(r.State, " ", r.Code))
		}
	}
	return strings.Join(all, ", ")
}

func TestLifeOfAChargeFile(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	if err := w.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	a, b := payment("a"), payment("b")
	w.enrol(t, alias("a"), alias("b"))
	w.amex.Tell(amexEvent(alias("b"), "EDU"))
	unknown := payment("unknown")
	back := refund("back", a, 250)
	night := batchOf(a, b, unknown, back)
	if err := w.Send(t.Context(), night); err != nil {
		t.Fatal(err)
	}
	replies, err := w.Fetch(t.Context(), night)
	if err != nil || states(replies) != "pending 02000, pending 02000, pending 02000, pending 02000" || replies[0].Message != "charge file for value date 2026-11-23" {
		t.Errorf("before the answer: %s (%s), %v", states(replies), replies[0].Message, err)
	}
	if _, err := w.Lookup(t.Context(), a); err == nil || gateway.IsNotSent(err) || errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up before the answer: %v, want in doubt", err)
	}
	w.work(t)
	replies, err = w.Fetch(t.Context(), night)
	if err != nil || states(replies) != "approved 00000, approved 00000, refused 02505, approved 00000" {
		t.Fatalf("got %s, %v", states(replies), err)
	}
	paid := replies[0]
	if paid.TransactionID != batch.TransactionID(a.Key) || len(paid.AuthorizationNumber) != 6 || paid.Card != "371881******8004" ||
		paid.CardExpiry != "0139" || paid.CardType != "AMEX" || paid.GatewayCode != "000" || paid.ValueDate != "2026-11-23" || paid.Message != "" || paid.Unlisted {
		t.Errorf("the first payment: %+v", paid)
	}
	if !strings.Contains(replies[1].Message, "card has changed") || replies[2].Message != "not enrolled" {
		t.Errorf("messages: %q, %q", replies[1].Message, replies[2].Message)
	}
	if alone, err := w.Lookup(t.Context(), a); err != nil || alone.Answer != paid.Answer.Answer {
		t.Errorf("look-up: %+v, %v", alone, err)
	}
	if w.amex.Charges(string(a.Key)) != 1 || w.amex.ChargesOf(alias("a")) != 2 || w.amex.Charges(string(unknown.Key)) != 0 {
		t.Error("American Express did not charge what it was told")
	}

	w.amex.Decline(alias("a"), "116")
	again := payment("again")
	again.Wallet = a.Wallet
	next := batchOf(again)
	if err := w.Send(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	w.work(t)
	if replies, err := w.Fetch(t.Context(), next); err != nil || states(replies) != "declined 01121" || replies[0].TransactionID != "" {
		t.Errorf("a declined payment: %s, %v", states(replies), err)
	}
	if got := w.charged(); len(got) != 2 || got[1].Sequence != 2 || got[1].Gap || got[1].Refused != "" {
		t.Errorf("charge files: %+v", got)
	}
	if _, err := w.Do(t.Context(), a); !errors.Is(err, gateway.ErrUnsupported) || !gateway.IsNotSent(err) {
		t.Errorf("a payment alone: %v, want unsupported", err)
	}
}

// The bytes are those of the layout, whenever they are made: a file that is resumed a day
// later has the time and the value date that it was opened with.
func TestTheBytesFollowFromTheRequestsAndTheFile(t *testing.T) {
	const want = "TBH987654321000000120261123163000978TEST\r\n" +
		"TABDW-a-1                                               000000000001250order a                                           ACME*a                 "
	var texts []string
	for _, died := range []int{-1, 2, 3, 4} {
		w := newWorld(t, t.TempDir(), nil)
		b := batchOf(payment("a"), refund("b", payment("a"), 1))
		w.desk.rise(died)
		err := w.Send(t.Context(), b)
		if (err == nil) != (died < 0) {
			t.Fatalf("died at %d: %v", died, err)
		}
		w.desk.rise(-1)
		if died >= 0 {
			w.now = w.now.Add(24 * time.Hour)
		}
		replies, err := w.Fetch(t.Context(), b)
		if err != nil || replies[0].Message != "charge file for value date 2026-11-23" {
			t.Fatalf("died at %d: %+v, %v", died, replies, err)
		}
		text, err := os.ReadFile(filepath.Join(w.desk.inbox, "SBCHG_"+se+"_000001.dat"))
		if err != nil {
			t.Fatal(err)
		}
		texts = append(texts, string(text))
	}
	if !strings.HasPrefix(texts[0], want+string(key("a"))+"\r\nTABC") || len(slices.Compact(texts)) != 1 {
		t.Errorf("got\n%s", strings.Join(texts, "\n"))
	}
}

// A request that can be in no charge file makes none, goes alone, and is refused.
func TestWhatCanBeInNoFileIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*gateway.Request)
		code   string
	}{
		"an authorization":             {func(r *gateway.Request) { r.Action = "100" }, "02321"},
		"a deferred payment":           {func(r *gateway.Request) { r.Mode = "DIF" }, "02308"},
		"another contract":             {func(r *gateway.Request) { r.Contract = "VISA" }, "02303"},
		"no wallet":                    {func(r *gateway.Request) { r.Wallet = nil }, "02503"},
		"no card":                      {func(r *gateway.Request) { r.CardIndex, r.Wallet.DefaultCard = 0, 0 }, "02518"},
		"no amount":                    {func(r *gateway.Request) { r.Amount.Minor = 0 }, "02110"},
		"no currency":                  {func(r *gateway.Request) { r.Amount.Currency = "" }, "02110"},
		"more than fits":               {func(r *gateway.Request) { r.Amount.Minor = 1e15 }, "02110"},
		"another command":              {func(r *gateway.Request) { r.Command = batch.DoAuthorization }, "02010"},
		"a refund of no wallet's card": {func(r *gateway.Request) { r.Command, r.Original = batch.DoRefund, &batch.Transaction{} }, "02314"},
		"an order the file cannot say": {func(r *gateway.Request) { r.OrderRef = "日本" }, "02522"},
		"an alias that is too long":    {func(r *gateway.Request) { r.Wallet.ID = batch.WalletID(strings.Repeat("w", 60)) }, "02522"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, t.TempDir(), nil)
			bad := payment("bad")
			c.change(&bad)
			if got := []int{
				w.Fit([]gateway.Request{payment("a"), payment("b"), bad, payment("c")}), w.Fit([]gateway.Request{bad, payment("a")}), w.Fit([]gateway.Request{bad}),
			}; !slices.Equal(got, []int{2, 1, 1}) {
				t.Errorf("fit: %v", got)
			}
			if err := w.Send(t.Context(), batchOf(payment("a"), bad)); !gateway.IsNotSent(err) {
				t.Errorf("among others: %v, want not sent", err)
			}
			if err := w.Send(t.Context(), batchOf(bad)); err != nil {
				t.Errorf("send: %v", err)
			}
			replies, err := w.Fetch(t.Context(), batchOf(bad))
			if err != nil || states(replies) != "refused "+c.code || replies[0].Message == "" {
				t.Errorf("got %s, %v", states(replies), err)
			}
			if len(w.desk.files) != 0 {
				t.Error("a file was made, so that its number is taken")
			}
		})
	}
}

func TestFit(t *testing.T) {
	w := newWorld(t, t.TempDir(), func(c *smartbill.Config) { c.MaxRecords = 3 })
	dollars, other, huge := payment("usd"), payment("other"), payment("huge")
	dollars.Amount.Currency, other.Contract, huge.Amount.Minor = "USD", "OTHER", 999_999_999_999_000
	for name, c := range map[string]struct {
		reqs []gateway.Request
		want int
	}{
		"none":                             {nil, 0},
		"one":                              {[]gateway.Request{payment("a")}, 1},
		"the limit of records":             {[]gateway.Request{payment("a"), payment("b"), payment("c"), payment("d")}, 3},
		"up to another currency":           {[]gateway.Request{payment("a"), payment("b"), dollars}, 2},
		"from another currency":            {[]gateway.Request{dollars, payment("b")}, 1},
		"up to another SE":                 {[]gateway.Request{payment("a"), other}, 1},
		"what the trailer can count":       {[]gateway.Request{huge, payment("a"), payment("b")}, 1},
		"credits are counted on their own": {[]gateway.Request{huge, refund("r", payment("a"), 900_000), refund("s", payment("a"), 900_000)}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			if n := w.Fit(c.reqs); n != c.want {
				t.Errorf("got %d, want %d", n, c.want)
			}
		})
	}
}

// A layout that nothing can be written with refuses nobody: it is the operator's to put right.
func TestABrokenLayoutRefusesNothing(t *testing.T) {
	w := newWorld(t, t.TempDir(), func(c *smartbill.Config) {
		c.Write = func(io.Writer, smartbill.Header, []smartbill.Charge) error { return errors.New("no such table") }
	})
	b := batchOf(payment("a"))
	if n := w.Fit([]gateway.Request{payment("a"), payment("b")}); n != 2 {
		t.Errorf("fit: %d", n)
	}
	if err := w.Send(t.Context(), b); !gateway.IsNotSent(err) || !strings.Contains(err.Error(), "no such table") {
		t.Errorf("send: %v, want not sent", err)
	}
	if _, err := w.Fetch(t.Context(), b); err == nil || gateway.IsNotSent(err) {
		t.Errorf("fetch: %v, want in doubt", err)
	}
}

// A file is sent only with the lines that the batch was made of, and while all of them are open.
func TestAFileWhoseLinesWereDecidedElsewhereIsNotSent(t *testing.T) {
	for life := range 6 { // no file, open, half written, written, staged
		t.Run(fmt.Sprint("after step ", life), func(t *testing.T) {
			w := newWorld(t, t.TempDir(), nil)
			w.enrol(t, alias("a"), alias("b"))
			b := batchOf(payment("a"), payment("b"))
			w.desk.rise(life)
			if err := w.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) {
				t.Fatalf("send: %v, want in doubt", err)
			}
			w.desk.rise(-1)
			closed, fewer := b, b
			closed.Closed = true
			fewer.Requests = b.Requests[:1]
			replies, err := w.Fetch(t.Context(), closed)
			if err != nil || states(replies) != "doubt, doubt" || !strings.Contains(replies[0].Err.Error(), "decided by hand") {
				t.Errorf("closed: %s, %v", states(replies), err)
			}
			if _, err := w.Fetch(t.Context(), fewer); err == nil || gateway.IsNotSent(err) || !strings.Contains(err.Error(), "taken out") {
				t.Errorf("a line is missing: %v, want in doubt", err)
			}
			w.work(t)
			if got := w.charged(); len(got) != 0 {
				t.Errorf("American Express got %+v", got)
			}
		})
	}
}

// A file may have been fetched before its rename was recorded; then its answers count, whatever
// was decided by hand.
func TestAnswersCountAlsoOfAClosedBatch(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	w.enrol(t, alias("a"))
	b := batchOf(payment("a"))
	w.desk.rise(7) // after the rename
	if err := w.Send(t.Context(), b); err == nil {
		t.Fatal("it did not die")
	}
	w.desk.rise(-1)
	b.Closed = true
	if replies, err := w.Fetch(t.Context(), b); err != nil || states(replies) != "doubt" {
		t.Errorf("before the answer: %s, %v", states(replies), err)
	}
	w.work(t)
	if replies, err := w.Fetch(t.Context(), b); err != nil || states(replies) != "approved 00000" {
		t.Errorf("after the answer: %s, %v", states(replies), err)
	}
}

func TestAFileOfAnotherAccountIsNotFinished(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	b := batchOf(payment("a"))
	w.desk.rise(2)
	if err := w.Send(t.Context(), b); err == nil {
		t.Fatal("it did not die")
	}
	w.desk.rise(-1)
	b.Requests[0].Contract = "OTHER"
	if _, err := w.Fetch(t.Context(), b); err == nil || gateway.IsNotSent(err) || !strings.Contains(err.Error(), "put the contract back") {
		t.Errorf("fetch: %v, want in doubt", err)
	}
}
