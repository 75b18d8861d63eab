package updater

import (
	"context"
	"errors"
	"io"

	"cardbatch/batch"
	"cardbatch/formats/updater"
	"cardbatch/internal/pgp"
	"cardbatch/pipeline"
	"cardbatch/store"
)

// recordsTogether is how many records of a response are taken in one transaction.
const recordsTogether = 1000

// answers takes a response. reason says why it is rejected; empty: it was taken. It is read to
// its end before any of it is believed, and then read again.
func (x *Exchange) answers(ctx context.Context, a arrival, f store.UpdateFile) (brought pipeline.Updated, reason string, err error) {
	in, err := updater.OpenAnswers(x.plain(a), x.Tables.Response, x.Zone)
	if err != nil {
		return brought, "", err
	}
	if !in.Verdict.Accepted() {
		return brought, in.Verdict.Reject.Error(), nil
	}
	f.State, f.TakenAt = store.PartnerOpen, x.Clock()
	if f, err = x.Session.OpenUpdateFile(ctx, f); err != nil || f.State == store.PartnerTaken {
		return brought, "", err
	}
	terms := x.Terms(x.Shadow)
	var wrong error
	count := func(taken store.Taking) {
		brought.Add(counted(taken))
		for _, u := range taken.Updates {
			if u.Outcome == batch.ConfigurationError {
				wrong = misconfigured(u.Code, u.Note)
			}
		}
	}
	records := 0
	err = x.each(in, func(chunk []store.Told) error {
		taken, err := x.Session.TakeUpdates(ctx, f, chunk, terms)
		if err != nil {
			return err
		}
		count(taken)
		records += len(chunk)
		x.reached("updates taken")
		return nil
	})
	if err != nil {
		return brought, "", err
	}
	if err := x.Session.FinishUpdateFile(ctx, f.ID, records, x.Clock()); err != nil {
		return brought, "", err
	}
	return brought, "", wrong
}

// counted sums what became of records.
func counted(taken store.Taking) (u pipeline.Updated) {
	u.Exceptions = taken.Exceptions
	for _, t := range taken.Updates {
		switch t.Effect {
		case batch.EffectChanged, batch.EffectWaiting:
			u.Changed++
		case batch.EffectDisabled:
			u.Disabled++
		}
	}
	return u
}

// plain decrypts the copy of a response, where responses are encrypted.
func (x *Exchange) plain(a arrival) updater.Open {
	if x.DecryptWith == nil {
		return x.open(a)
	}
	return func() (io.ReadCloser, error) {
		sealed, err := x.Copies.Open(a.copied)
		if err != nil {
			return nil, err
		}
		clear, err := pgp.Decrypt(sealed, x.DecryptWith, x.Clock())
		if err != nil {
			return nil, errors.Join(err, sealed.Close())
		}
		return struct {
			io.Reader
			io.Closer
		}{clear, sealed}, nil
	}
}

// each hands out the records of a response, a chunk at a time.
func (x *Exchange) each(in *updater.File[updater.Answer], use func([]store.Told) error) error {
	var chunk []store.Told
	err := in.Each(func(a updater.Answer) error {
		if chunk = append(chunk, x.told(a)); len(chunk) < recordsTogether {
			return nil
		}
		err := use(chunk)
		chunk = chunk[:0]
		return err
	})
	if err != nil || len(chunk) == 0 {
		return err
	}
	return use(chunk)
}

// told is what a record says, in the words of the store: numbers as fingerprints.
func (x *Exchange) told(a updater.Answer) store.Told {
	t := store.Told{
		Updater: x.Name, Merchants: x.Merchants, Account: a.Account, Token: a.Token, OldLastFour: a.OldLastFour, Code: a.Code, Line: a.Line,
		Scheme: schemeOf(a),
	}
	if request, position, ok := updater.ParseReference(a.Reference); ok && x.Asks() {
		t.Request, t.Position = request, position
	}
	t.Outcome, t.Note = x.Codes.Decide(t.Scheme, a.Code, a.Reason)
	if t.Scheme == "" {
		t.Decide = func(scheme string) (batch.UpdateOutcome, string) { return x.Codes.Decide(scheme, a.Code, a.Reason) }
	}
	if a.Reason != "" {
		t.Code += " " + a.Reason
	}
	t.At, t.Expiry = a.At, a.NewExpiry
	if !a.OldCard.IsZero() {
		t.Asked = x.Vault.Fingerprint(a.OldCard.Reveal())
	}
	switch {
	case a.NewCard.IsZero():
		t.FirstSix, t.LastFour = a.NewFirstSix, a.NewLastFour
	case batch.CheckPAN(a.NewCard) != "":
		t.Outcome, t.Note = batch.UnknownUpdate, "the new number is none: "+string(batch.CheckPAN(a.NewCard))
	default:
		t.Fingerprint, t.FirstSix, t.LastFour = x.Vault.Fingerprint(a.NewCard.Reveal()), a.NewCard.FirstSix(), a.NewCard.LastFour()
		t.Seal = func(merchant batch.MerchantID, wallet batch.WalletID, index int) ([]byte, error) {
			return x.Vault.Seal(a.NewCard.Reveal(), batch.CardBinding(merchant, wallet, index))
		}
	}
	return t
}

// schemeOf is the scheme whose code a record carries: as it says, or else that of its numbers.
func schemeOf(a updater.Answer) string {
	if a.Scheme != "" {
		return a.Scheme
	}
	if scheme := batch.CardTypeOf(a.OldCard); scheme != "" {
		return scheme
	}
	return batch.CardTypeOf(a.NewCard)
}
