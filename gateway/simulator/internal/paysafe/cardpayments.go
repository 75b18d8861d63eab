package paysafe

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// servePayments answers {account}/{collection}…
func (g *Gateway) servePayments(w http.ResponseWriter, r *http.Request, parts []string) {
	account := parts[0]
	if currencies[account] == "" {
		g.refuse(w, r, &invalid{code: unknownAccount})
		return
	}
	var k kind
	if len(parts) > 1 {
		k = kind(parts[1])
	}
	known := k == auths || k == settlements || k == voidAuths || k == refunds || k == verifications
	switch {
	case len(parts) == 2 && known && r.Method == http.MethodGet:
		g.getTransactions(w, r, k, account)
	case len(parts) == 2 && (k == auths || k == verifications) && r.Method == http.MethodPost:
		g.postTransaction(w, r, k, account, "")
	case len(parts) == 3 && known && r.Method == http.MethodGet:
		g.getTransaction(w, r, k, account, parts[2])
	case len(parts) == 3 && (k == settlements || k == refunds) && r.Method == http.MethodPut:
		g.putStatus(w, r, k, account, parts[2])
	case len(parts) == 4 && (k == auths && (parts[3] == "settlements" || parts[3] == "voidauths") || k == settlements && parts[3] == "refunds"):
		if r.Method != http.MethodPost {
			g.refuse(w, r, &invalid{code: badMethod})
			return
		}
		g.postTransaction(w, r, kind(parts[3]), account, parts[2])
	case len(parts) < 4 && known:
		g.refuse(w, r, &invalid{code: badMethod})
	default:
		g.refuse(w, r, &invalid{code: unknownURL})
	}
}

// postTransaction takes a request for an authorization or a verification, or with a
// parent for a settlement, void or refund.
func (g *Gateway) postTransaction(w http.ResponseWriter, r *http.Request, k kind, account, parent string) {
	p, err := readPayment(r, k, account, parent)
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	base := baseOf(r)
	g.play(w, r, exchange{
		operation: string(k), key: p.ref, reference: p.description,
		commit: func(shown stage.Phase) (reply, error) {
			answer, err := g.carryOut(p, disguises[shown], base)
			if k == auths && err == nil {
				g.pause(r.Context(), triggers[p.amount].wait)
			}
			return answer, err
		},
		decline: func(shown stage.Phase) reply { return g.declineOf(shown, k, account, p.ref, base) },
	})
}

// putStatus takes back what is pending. Such a request has no merchantRefNum; the id
// of what it takes back is its key unless there is one.
func (g *Gateway) putStatus(w http.ResponseWriter, r *http.Request, k kind, account, id string) {
	var in struct {
		Status         string `json:"status"`
		MerchantRefNum string `json:"merchantRefNum"`
	}
	err := readJSON(r, &in)
	if err == nil && in.Status != "CANCELLED" {
		err = badField("status", "CANCELLED is the only value of this field")
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	base, key := baseOf(r), strings.Clone(stage.Or(in.MerchantRefNum, id))
	g.play(w, r, exchange{
		operation: opCancel, key: key,
		commit: func(shown stage.Phase) (reply, error) {
			return g.cancel(k, account, id, key, disguises[shown], base)
		},
		decline: func(shown stage.Phase) reply { return g.declineOf(shown, k, account, "", base) },
	})
}

func (g *Gateway) getTransaction(w http.ResponseWriter, r *http.Request, k kind, account, id string) {
	base := baseOf(r)
	g.play(w, r, exchange{
		operation: opRetrieve, key: id,
		commit:  func(shown stage.Phase) (reply, error) { return g.find(k, account, id, disguises[shown], base) },
		decline: func(shown stage.Phase) reply { return g.declineOf(shown, k, account, "", base) },
	})
}

func (g *Gateway) getTransactions(w http.ResponseWriter, r *http.Request, k kind, account string) {
	query := r.URL.Query()
	ref := query.Get("merchantRefNum")
	p, err := parsePeriod(query, g.stage.Options.Clock())
	if err == nil && ref == "" {
		err = badField("merchantRefNum", "a value is required")
	}
	if err != nil {
		g.refuse(w, r, err)
		return
	}
	base := baseOf(r)
	g.play(w, r, exchange{
		operation: opRetrieve, key: ref,
		commit:  func(shown stage.Phase) (reply, error) { return g.list(k, account, ref, p, disguises[shown], base), nil },
		decline: func(shown stage.Phase) reply { return g.declineOf(shown, k, account, ref, base) },
	})
}

// parsePeriod reads startDate, endDate, limit and offset: without them a list has the
// first ten of the last 30 days.
func parsePeriod(query url.Values, now time.Time) (p period, err error) {
	p.to, p.limit = now, 10
	if p.to, err = dateOf(query, "endDate", now); err != nil {
		return p, err
	}
	if p.from, err = dateOf(query, "startDate", p.to.Add(-listWindow)); err != nil {
		return p, err
	}
	if text := query.Get("limit"); text != "" {
		if p.limit, err = strconv.Atoi(text); err != nil || p.limit < 1 || p.limit > 50 {
			return p, badField("limit", "1 to 50")
		}
	}
	if text := query.Get("offset"); text != "" {
		if p.offset, err = strconv.Atoi(text); err != nil || p.offset < 0 {
			return p, badField("offset", "a position, from 0 on")
		}
	}
	return p, nil
}

func dateOf(query url.Values, name string, fallback time.Time) (time.Time, error) {
	text := query.Get(name)
	if text == "" {
		return fallback, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, badField(name, "a time such as 2006-01-02T15:04:05Z")
	}
	return at, nil
}
