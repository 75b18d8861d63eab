package updater

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
	"cardbatch/formats/updater"
	"cardbatch/store"
)

// Selection is what was asked about, and what was not.
type Selection struct {
	Month    string // YYYY-MM
	Looked   int    // cards looked at
	Selected int
	Requests []string // names of the files; of a dry run: none
	Files    int      // requests made, or of a dry run: that would be made
	Left     map[batch.Unselected]int
}

// Trouble says that cards were left out because of the layout; nil: none was.
func (s Selection) Trouble() error {
	n := s.Left[batch.RecordNotWritable]
	if n == 0 {
		return nil
	}
	return fmt.Errorf("%d of the cards cannot be asked about, because the request's layout cannot hold their data; the log says of each why", n)
}

// Select looks at every stored card of the exchange's merchants and asks about those that the
// rule selects (rules, section 5). A dry run changes nothing. What was asked about in this month
// already is left out, so it may be repeated, also after it died.
func (x *Exchange) Select(ctx context.Context, dry bool) (Selection, error) {
	var all []store.CandidateQuery
	for _, merchant := range x.Merchants {
		all = append(all, store.CandidateQuery{Merchant: merchant, Updater: x.Name})
	}
	return x.choose(ctx, all, dry)
}

// selectMonth is Select, but looks only at the cards that expire in this month.
func (x *Exchange) selectMonth(ctx context.Context) (Selection, error) {
	var all []store.CandidateQuery
	for _, a := range x.Accounts {
		all = append(all, store.CandidateQuery{Merchant: a.Merchant, Contract: a.Contract, Updater: x.Name, Expiry: x.Clock().In(x.Month).Format("0106")})
	}
	return x.choose(ctx, all, false)
}

// choose looks at the cards of the queries.
func (x *Exchange) choose(ctx context.Context, queries []store.CandidateQuery, dry bool) (Selection, error) {
	now := x.Clock().In(x.Month)
	s := Selection{Month: batch.Month(now), Left: map[batch.Unselected]int{}}
	if !x.Asks() {
		return s, fmt.Errorf("updater %s is not asked: it tells by itself", x.Name)
	}
	p, err := x.newPacker(s.Month, now, dry)
	if err != nil {
		return s, err
	}
	if !dry {
		if err := x.Session.BeginSelection(ctx, x.Name, s.Month, now); err != nil {
			return s, err
		}
	}
	for _, q := range queries {
		for c, err := range x.Store.Candidates(ctx, q) {
			if err != nil {
				return s, err
			}
			s.Looked++
			reason := x.Explain(&c, now)
			if reason == batch.Selected {
				if reason, err = p.add(ctx, &c); err != nil {
					return s, err
				}
			}
			if reason != batch.Selected {
				s.Left[reason]++
			}
		}
	}
	if err := p.flush(ctx); err != nil {
		return s, err
	}
	s.Selected, s.Files, s.Requests = p.selected, p.files, p.names
	if dry {
		return s, nil
	}
	x.reached("cards selected")
	return s, x.Session.FinishSelection(ctx, x.Name, s.Month, now)
}

// Explain tells why a card is not asked about at the time; batch.Selected: it is, or was.
func (x *Exchange) Explain(c *batch.Candidate, now time.Time) batch.Unselected {
	if _, ok := x.account(c.Merchant, c.Contract); !ok {
		return batch.NoUpdater
	}
	return batch.SelectForUpdate(c, x.Schemes, now.In(x.Month))
}

// packer fills requests within the provider's limits (Paysafe account updater, section 2.4).
type packer struct {
	*Exchange
	month string
	at    time.Time
	dry   bool
	words words

	sizer   *updater.RequestWriter // writes nowhere: it tells how long the records are
	records []store.RequestRecord

	selected, files int
	names           []string
}

// words are what every record of the exchange's requests has in common.
type words struct{ storeID, storePassword string }

func (x *Exchange) words() (w words, err error) {
	w.storeID = x.StoreID
	if x.StorePassword != nil {
		w.storePassword, err = x.StorePassword()
	}
	return w, err
}

func (x *Exchange) newPacker(month string, at time.Time, dry bool) (*packer, error) {
	w, err := x.words()
	if err != nil {
		return nil, err
	}
	p := &packer{Exchange: x, month: month, at: at, dry: dry, words: w}
	return p, p.begin()
}

func (p *packer) begin() (err error) {
	p.sizer, err = updater.NewRequestWriter(io.Discard, p.Tables.Request)
	p.records = p.records[:0]
	return err
}

// add takes a card up in the present request, or in the next one where that is full.
func (p *packer) add(ctx context.Context, c *batch.Candidate) (batch.Unselected, error) {
	account, _ := p.account(c.Merchant, c.Contract)
	record, err := p.request(c.Merchant, c.Wallet, c.Card, account, p.words, updater.Reference(math.MaxInt32, p.MaxRecords))
	if err != nil {
		return batch.Selected, err
	}
	// Records are of one length but for a few digits, so this one is about as long as the one before.
	if len(p.records) == p.MaxRecords || len(p.records) > 0 && p.sizer.Size()+longestRecord(p.sizer.Size(), len(p.records)) > int64(p.MaxBytes) {
		if err := p.flush(ctx); err != nil {
			return batch.Selected, err
		}
	}
	if err := p.sizer.Write(record); errors.Is(err, layout.ErrValue) {
		p.Log.Warn("a card cannot be asked about: the request's layout cannot hold its data", "wallet", string(c.Wallet), "card", c.Card.Index, "error", err.Error())
		return batch.RecordNotWritable, nil
	} else if err != nil {
		return batch.Selected, err
	}
	p.selected++
	p.records = append(p.records, store.RequestRecord{
		Merchant: c.Merchant, Wallet: c.Wallet, CardIndex: c.Card.Index, Account: account, Fingerprint: c.Card.Fingerprint,
	})
	return batch.Selected, nil
}

// longestRecord is room for one more record where so many have taken so many bytes.
func longestRecord(size int64, records int) int64 { return size/int64(records) + 64 }

// flush makes a request of the records so far.
func (p *packer) flush(ctx context.Context) error {
	if len(p.records) == 0 {
		return nil
	}
	p.files++
	if !p.dry {
		r, err := p.Session.OpenUpdateRequest(ctx, store.UpdateRequest{Updater: p.Name, Month: p.month, CreatedAt: p.at}, p.records, p.nameAt(p.at))
		if err != nil {
			return err
		}
		p.reached("update request opened")
		p.names = append(p.names, r.Name)
	}
	return p.begin()
}

// nameAt makes names for the store, which counts.
func (x *Exchange) nameAt(at time.Time) func(number int64) string {
	return func(number int64) string { return updater.RequestName(x.Name, at, number) }
}

// request is the record that asks about a card. Its number is unsealed for this alone.
func (x *Exchange) request(merchant batch.MerchantID, wallet batch.WalletID, card batch.Card, account string, w words, reference string) (updater.Request, error) {
	number, err := x.Vault.Unseal(card.Sealed, batch.CardBinding(merchant, wallet, card.Index))
	if err != nil {
		return updater.Request{}, fmt.Errorf("wallet %s card %d: unseal the card number; is this the key set that sealed it? %w", wallet, card.Index, err)
	}
	return updater.Request{
		StoreID: w.storeID, StorePassword: w.storePassword, Account: account, Reference: reference,
		CardType: batch.SchemeOf(card), Card: batch.NewPAN(number), Expiry: card.Expiry,
	}, nil
}
