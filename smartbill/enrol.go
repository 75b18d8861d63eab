package smartbill

import (
	"context"
	"errors"
	"fmt"
	"io"

	"cardbatch/batch"
	"cardbatch/formats/smartbill"
	"cardbatch/store"
)

// Enrol sends what waits for American Express: files that an earlier run left on their way,
// then one new enrolment file for every service establishment with requests or removals.
// It returns how many requests and removals are with American Express now that were not.
func (x *Exchange) Enrol(ctx context.Context) (sent int, err error) {
	for _, se := range x.establishments() {
		n, err := x.enrol(ctx, se)
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

func (x *Exchange) enrol(ctx context.Context, se string) (sent int, err error) {
	staged, err := x.Store.PartnerFiles(ctx, store.PartnerQuery{Kind: store.EnrolmentFile, SE: se, States: []store.PartnerState{store.PartnerStaged}})
	if err != nil {
		return 0, err
	}
	for _, f := range staged {
		if err := x.release(ctx, f); err != nil {
			return sent, err
		}
	}
	for {
		f, err := x.Session.OpenEnrolmentFile(ctx, se, nameOf(smartbill.EnrolmentFile), x.Clock())
		if errors.Is(err, store.ErrNotFound) {
			return sent, nil
		}
		if err != nil {
			return sent, err
		}
		x.reached("enrolment file opened")
		records, err := x.records(ctx, f)
		if err != nil {
			return sent, x.failed(ctx, f.ID, err)
		}
		if err := x.send(ctx, f, func(w io.Writer) error { return x.writeEnrolments(w, f, records) }); err != nil {
			return sent, err
		}
		sent += len(records)
	}
}

// records are what an enrolment file says, in the order of the enrolments.
func (x *Exchange) records(ctx context.Context, f store.PartnerFile) ([]smartbill.Enrolment, error) {
	var all []smartbill.Enrolment
	var enrolments []batch.Enrolment
	for e, err := range x.Store.Enrolments(ctx, store.EnrolmentQuery{SE: f.SE, File: f.Name}) {
		if err != nil {
			return nil, err
		}
		enrolments = append(enrolments, e)
	}
	for _, e := range enrolments {
		if e.AskedIn == f.Name {
			add, err := x.addition(ctx, e)
			if err != nil {
				return nil, err
			}
			all = append(all, add)
		}
		if e.RemovedIn == f.Name {
			all = append(all, smartbill.Enrolment{Action: smartbill.Delete, Alias: e.Alias, Key: e.Key})
		}
	}
	return all, nil
}

// addition asks American Express to take a card up. Its number is unsealed for this file alone.
func (x *Exchange) addition(ctx context.Context, e batch.Enrolment) (smartbill.Enrolment, error) {
	wallets, err := x.Store.Wallets(ctx, e.Merchant, []batch.WalletID{e.Wallet})
	if err != nil {
		return smartbill.Enrolment{}, err
	}
	w := wallets[e.Wallet]
	if w == nil {
		return smartbill.Enrolment{}, fmt.Errorf("the wallet of alias %s is gone", e.Alias)
	}
	card, ok := w.Card(e.CardIndex)
	if !ok || len(card.Sealed) == 0 {
		return smartbill.Enrolment{}, fmt.Errorf("the card number behind alias %s is not kept", e.Alias)
	}
	number, err := x.Vault.Unseal(card.Sealed, batch.CardBinding(e.Merchant, e.Wallet, e.CardIndex))
	if err != nil {
		return smartbill.Enrolment{}, fmt.Errorf("unseal the card number behind alias %s; is this the key set that sealed it? %w", e.Alias, err)
	}
	name := card.Cardholder
	if name == "" {
		name = w.FirstName + " " + w.LastName
	}
	return smartbill.Enrolment{Action: smartbill.Add, Alias: e.Alias, Card: batch.NewPAN(number), Expiry: card.Expiry, Name: name, Key: e.Key}, nil
}

func (x *Exchange) writeEnrolments(w io.Writer, f store.PartnerFile, records []smartbill.Enrolment) error {
	out, err := smartbill.NewEnrolmentWriter(w, x.Tables.Enrolment, smartbill.Header{
		SE: f.SE, Sequence: f.Sequence, CreatedAt: f.CreatedAt, Mode: x.Mode,
	}, x.Zone)
	if err != nil {
		return err
	}
	for _, record := range records {
		if err := out.Write(record); err != nil {
			return err
		}
	}
	return out.Close()
}
