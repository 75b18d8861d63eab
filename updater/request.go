package updater

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/updater"
	"cardbatch/internal/pgp"
	"cardbatch/pipeline"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// Request sends what waits for the provider: requests that an earlier run left on their way, those
// that repair a rejected one, and, once a month, those of the month's cards. It returns how many
// cards the provider was asked about.
func (x *Exchange) Request(ctx context.Context) (asked int, err error) {
	if !x.Asks() {
		return 0, nil
	}
	asked, err = x.Send(ctx)
	if err != nil || !x.Monthly {
		return asked, err
	}
	_, finished, err := x.Store.Selection(ctx, x.Name, batch.Month(x.Clock().In(x.Month)))
	if err == nil && !finished.IsZero() {
		return asked, nil
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return asked, err
	}
	s, err := x.selectMonth(ctx)
	if err != nil {
		return asked, err
	}
	x.Log.Info("the cards of the month were selected", "updater", x.Name, "month", s.Month, "looked", s.Looked, "selected", s.Selected, "files", s.Files)
	more, err := x.Send(ctx)
	return asked + more, errors.Join(err, s.Trouble())
}

// Send takes every request that is not sent, wherever it stands, to its end. It returns how many
// cards the provider was asked about.
func (x *Exchange) Send(ctx context.Context) (asked int, err error) {
	waiting, err := x.Store.UpdateRequests(ctx, store.RequestQuery{Updater: x.Name, States: []store.RequestState{store.RequestOpen, store.RequestStaged}})
	if err != nil {
		return 0, err
	}
	for _, r := range waiting {
		n, err := x.send(ctx, r)
		if err != nil {
			return asked, err
		}
		asked += n
	}
	return asked, nil
}

// send takes a request to its end. It returns how many cards it asks about.
func (x *Exchange) send(ctx context.Context, r store.UpdateRequest) (int, error) {
	if r.State == store.RequestOpen {
		var content bytes.Buffer
		good, err := x.write(ctx, &content, r)
		if err != nil {
			return 0, x.failed(ctx, r.ID, fmt.Errorf("write %s: %w", r.Name, err))
		}
		if len(good) < r.Records {
			next, err := x.replace(ctx, r, good)
			if err != nil || len(good) == 0 {
				return 0, err
			}
			return x.send(ctx, next)
		}
		sum := sha256.Sum256(content.Bytes())
		r.Size, r.Digest = int64(content.Len()), hex.EncodeToString(sum[:])
		name := updater.Encrypted(r.Name)
		err = x.outbound(ctx, func(out sftpio.Outbound) error {
			return out.Stage(ctx, name, bytes.NewReader(content.Bytes()), r.Size, r.Digest)
		})
		if err != nil {
			return 0, x.failed(ctx, r.ID, err)
		}
		x.reached("update request written")
		if err := x.Session.RequestStaged(ctx, r.ID, r.Size, r.Digest); err != nil {
			return 0, err
		}
		x.reached("update request staged")
	}
	return r.Records, x.release(ctx, r)
}

// release renames a staged request and records that it is sent, and until when it is waited for.
func (x *Exchange) release(ctx context.Context, r store.UpdateRequest) error {
	err := x.outbound(ctx, func(out sftpio.Outbound) error {
		return out.Release(ctx, updater.Encrypted(r.Name), r.Size, r.Digest)
	})
	if err != nil {
		return x.failed(ctx, r.ID, err)
	}
	x.reached("update request released")
	at := x.Clock()
	handled := x.handled(at)
	if err := x.Session.RequestSent(ctx, r.ID, at, handled.Add(x.Wait)); err != nil {
		return err
	}
	x.Log.Info("an account updater is asked", "updater", x.Name, "file", updater.Encrypted(r.Name), "cards", r.Records, "handled", handled.Format(time.RFC3339))
	x.reached("update request sent")
	return nil
}

// replace asks the records of an open request that can still be written as they were decided in one
// that takes its place. Between a run that died and the next one a card may have got another
// number: then the request is given up, unsent.
func (x *Exchange) replace(ctx context.Context, r store.UpdateRequest, good []store.RequestRecord) (store.UpdateRequest, error) {
	x.Log.Warn("some cards of a request were changed before it was sent; it is made anew without them", "updater", x.Name, "file", r.Name, "cards", r.Records-len(good))
	// A run that died may have left its file there, under its temporary name.
	if err := x.outbound(ctx, func(out sftpio.Outbound) error { return out.Withdraw(ctx, updater.Encrypted(r.Name)) }); err != nil {
		return r, x.failed(ctx, r.ID, err)
	}
	at := x.Clock()
	return x.Session.OpenUpdateRequest(ctx, store.UpdateRequest{Updater: x.Name, Month: r.Month, Repairs: r.ID, CreatedAt: at}, good, x.nameAt(at))
}

// usable reports whether a record can be asked about the card as it stands.
func usable(record store.RequestRecord, card batch.Card) bool {
	return card.Fingerprint == record.Fingerprint && len(card.Sealed) > 0 && card.Status != batch.CardDisabled
}

// recordsAtOnce is how many records' cards are read together.
const recordsAtOnce = 500

// eachRecord walks the records of a request with their cards, by position.
func (x *Exchange) eachRecord(ctx context.Context, r store.UpdateRequest, use func(store.RequestRecord, batch.Card) error) error {
	var chunk []store.RequestRecord
	flush := func() error {
		names := map[batch.MerchantID][]batch.WalletID{}
		for _, record := range chunk {
			names[record.Merchant] = append(names[record.Merchant], record.Wallet)
		}
		wallets := map[batch.MerchantID]map[batch.WalletID]*batch.Wallet{}
		for merchant, ids := range names {
			found, err := x.Store.Wallets(ctx, merchant, ids)
			if err != nil {
				return err
			}
			wallets[merchant] = found
		}
		for _, record := range chunk {
			var card batch.Card
			if w := wallets[record.Merchant][record.Wallet]; w != nil {
				card, _ = w.Card(record.CardIndex)
			}
			if err := use(record, card); err != nil {
				return err
			}
		}
		chunk = chunk[:0]
		return nil
	}
	for record, err := range x.Store.RequestRecords(ctx, r.ID) {
		if err != nil {
			return err
		}
		if chunk = append(chunk, record); len(chunk) == recordsAtOnce {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	return flush()
}

// write encrypts the records of a request to w. In the clear they are nowhere but in passing. Those
// that cannot be asked any more are left out; what is written is of use only when none is.
func (x *Exchange) write(ctx context.Context, w io.Writer, r store.UpdateRequest) (good []store.RequestRecord, err error) {
	common, err := x.words()
	if err != nil {
		return nil, err
	}
	sealed, err := pgp.Encrypt(w, x.EncryptTo, x.Clock())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pipeline.ErrConfiguration, err) // the provider's key is what is wrong
	}
	out, err := updater.NewRequestWriter(sealed, x.Tables.Request)
	if err != nil {
		return nil, err
	}
	good = make([]store.RequestRecord, 0, r.Records)
	err = x.eachRecord(ctx, r, func(record store.RequestRecord, card batch.Card) error {
		if !usable(record, card) {
			return nil
		}
		good = append(good, record)
		line, err := x.request(record.Merchant, record.Wallet, card, record.Account, common, updater.Reference(r.ID, record.Position))
		if err != nil {
			return err
		}
		return out.Write(line)
	})
	if err != nil {
		return nil, err
	}
	return good, errors.Join(out.Close(), sealed.Close())
}

func (x *Exchange) outbound(ctx context.Context, do func(sftpio.Outbound) error) error {
	out, err := x.OpenOutbound(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(out), out.Close())
}

// failed keeps for people why a request could not be sent.
func (x *Exchange) failed(ctx context.Context, id int64, err error) error {
	return errors.Join(err, x.Session.RequestFailed(context.WithoutCancel(ctx), id, err.Error()))
}
