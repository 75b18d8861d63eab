package smartbill_test

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/smartbill"
)

func TestConfiguration(t *testing.T) {
	today := func(now time.Time) string { return now.Format(time.DateOnly) }
	for name, c := range map[string]struct {
		change func(*smartbill.Config)
		want   string
	}{
		"no world":        {func(c *smartbill.Config) { c.Environment = "" }, "TEST or LIVE"},
		"too many":        {func(c *smartbill.Config) { c.MaxRecords = 1_000_000 }, "999999"},
		"fewer than none": {func(c *smartbill.Config) { c.MaxRecords = -1 }, "999999"},
		"no desk":         {func(c *smartbill.Config) { c.Desk = nil }, "desk"},
		"no writer":       {func(c *smartbill.Config) { c.Write = nil }, "writer"},
		"a short SE":      {func(c *smartbill.Config) { c.Accounts["X"] = smartbill.Account{SE: "123", ValueDate: today} }, "contract X"},
		"no cut-off":      {func(c *smartbill.Config) { c.Accounts["X"] = smartbill.Account{SE: se} }, "cut-off"},
	} {
		t.Run(name, func(t *testing.T) {
			config := smartbill.Config{Environment: batch.Live, Desk: &desk{}, Write: write, Accounts: map[batch.ContractID]smartbill.Account{}}
			if client, err := smartbill.New(config, time.Now); err != nil || client.Profile().Environment != batch.Live {
				t.Fatalf("before the change: %v", err)
			}
			c.change(&config)
			if _, err := smartbill.New(config, time.Now); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func TestProfile(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	p := w.Profile()
	if p.Kind != "smartbill" || p.Environment != batch.Test || p.SetsCardIndex || len(p.Commands) != 7 {
		t.Errorf("got %+v", p)
	}
	for command, operation := range p.Commands {
		want := gateway.Operation{Local: true}
		if command.Phase() != batch.PhaseWallet {
			want = gateway.Operation{Batched: true, Lookup: true}
		}
		if operation != want {
			t.Errorf("%s: %+v", command, operation)
		}
	}
}

func TestTheFolderIsGone(t *testing.T) {
	w := newWorld(t, t.TempDir(), nil)
	b := batchOf(payment("a"))
	if err := os.RemoveAll(w.desk.inbox); err != nil {
		t.Fatal(err)
	}
	if err := w.Check(t.Context()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("check: %v", err)
	}
	if err := w.Send(t.Context(), b); err == nil || gateway.IsNotSent(err) {
		t.Errorf("send: %v, want in doubt: the file has its number", err)
	}
	if _, err := w.Fetch(t.Context(), b); err == nil || gateway.IsNotSent(err) || errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("fetch: %v, want in doubt", err)
	}
	if err := os.Mkdir(w.desk.inbox, 0o700); err != nil {
		t.Fatal(err)
	}
	if replies, err := w.Fetch(t.Context(), b); err != nil || states(replies) != "pending 02000" {
		t.Errorf("fetch once it is back: %s, %v", states(replies), err)
	}
	w.desk.rise(0)
	if _, err := w.Lookup(t.Context(), b.Requests[0]); err == nil || gateway.IsNotSent(err) || errors.Is(err, gateway.ErrUnknownKey) {
		t.Errorf("look-up without a store: %v, want in doubt", err)
	}
}
