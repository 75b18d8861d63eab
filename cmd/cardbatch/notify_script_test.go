package main

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"cardbatch/batch"
	"cardbatch/store"
	"cardbatch/store/sqlite"
)

// tellOf puts notifications about wallets into the outbox of a store, for a merchant's server
// that answers 500 until the file FLAG exists:
//
//	tell DB FLAG WALLET...
func tellOf(ts *testscript.TestScript, _ bool, args []string) {
	flag := ts.MkAbs(args[1])
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, err := os.Stat(flag); err != nil {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}))
	ts.Defer(server.Close)
	ctx := context.Background()
	s, err := sqlite.Open(ctx, ts.MkAbs(args[0]), sqlite.Options{Environment: batch.Test})
	ts.Check(err)
	session, err := s.Begin(ctx, store.Actor{Name: "test", Version: "test"})
	ts.Check(err)
	routes := batch.NoticeRoutes{URL: server.URL, HTTP: batch.NoticeKinds}
	created, err := time.Parse(time.RFC3339, ts.Getenv("NOW"))
	ts.Check(err)
	var all []batch.Notification
	for _, wallet := range args[2:] {
		w := &batch.Wallet{Merchant: "acme", ID: batch.WalletID(wallet), Contract: "1234567"}
		all = append(all, routes.Notifications(batch.CreationNotice(w), created)...)
	}
	ts.Check(errors.Join(session.Notify(ctx, all), session.End(), s.Close()))
}
