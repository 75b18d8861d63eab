package smartbill

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"cardbatch/batch"
	"cardbatch/formats/smartbill"
	gateway "cardbatch/gateway/smartbill"
	"cardbatch/sftpio"
	"cardbatch/store"
)

// Desk is the exchange as the connector of charges sees it.
func (x *Exchange) Desk() gateway.Desk { return desk{x} }

// desk implements gateway.Desk.
type desk struct{ *Exchange }

// Open implements gateway.Desk.
func (d desk) Open(ctx context.Context, batchName string, terms batch.ChargeTerms) (gateway.File, error) {
	f, err := d.Session.OpenChargeFile(ctx, batchName, terms, nameOf(smartbill.ChargeFile), d.Clock())
	if err != nil {
		return gateway.File{}, err
	}
	d.reached("charge file opened")
	return fileOf(f), nil
}

// Find implements gateway.Desk.
func (d desk) Find(ctx context.Context, batchName string) (gateway.File, error) {
	files, err := d.Store.PartnerFiles(ctx, store.PartnerQuery{Kind: store.ChargeFile, Batch: batchName})
	if err != nil {
		return gateway.File{}, err
	}
	if len(files) == 0 {
		return gateway.File{}, gateway.ErrNoFile
	}
	return fileOf(files[0]), nil
}

// Stage implements gateway.Desk.
func (d desk) Stage(ctx context.Context, f gateway.File, content io.ReadSeeker, size int64, digest string) error {
	return d.stage(ctx, f.ID, f.Name, content, size, digest)
}

// Send implements gateway.Desk.
func (d desk) Send(ctx context.Context, f gateway.File) error {
	known, err := d.Store.PartnerFiles(ctx, store.PartnerQuery{Kind: store.ChargeFile, Name: f.Name})
	if err != nil {
		return err
	}
	if len(known) != 1 {
		return fmt.Errorf("%w: charge file %s", store.ErrNotFound, f.Name)
	}
	return d.release(ctx, known[0])
}

// Answers implements gateway.Desk.
func (d desk) Answers(ctx context.Context, keys []batch.Key) (map[batch.Key]batch.ChargeAnswer, error) {
	return d.Store.ChargeAnswers(ctx, keys)
}

// Check implements gateway.Desk.
func (d desk) Check(ctx context.Context) error {
	out, err := d.OpenOutbound(ctx)
	if err != nil {
		return err
	}
	return out.Close()
}

func fileOf(f store.PartnerFile) gateway.File {
	states := map[store.PartnerState]gateway.FileState{store.PartnerOpen: gateway.Open, store.PartnerStaged: gateway.Staged, store.PartnerSent: gateway.Sent}
	return gateway.File{ID: f.ID, Name: f.Name, Sequence: f.Sequence, Terms: f.Terms, CreatedAt: f.CreatedAt, State: states[f.State]}
}

// WriteCharges writes a charge file; the same arguments make the same bytes.
func (x *Exchange) WriteCharges(w io.Writer, h gateway.Header, charges []gateway.Charge) error {
	out, err := smartbill.NewChargeWriter(w, x.Tables.Charge, smartbill.Header{
		SE: h.SE, Sequence: h.Sequence, CreatedAt: h.CreatedAt, Mode: h.Mode, Currency: h.Currency,
	}, x.Zone)
	if err != nil {
		return err
	}
	for _, c := range charges {
		kind := smartbill.Debit
		if c.Credit {
			kind = smartbill.Credit
		}
		err := out.Write(smartbill.Charge{Kind: kind, Alias: c.Alias, Amount: c.Amount, OrderRef: c.OrderRef, Descriptor: c.Descriptor, Key: c.Key})
		if err != nil {
			return err
		}
	}
	return out.Close()
}

// stage brings an open file to the folder, under its temporary name, and records that it is there.
func (x *Exchange) stage(ctx context.Context, id int64, name string, content io.ReadSeeker, size int64, digest string) error {
	err := x.outbound(ctx, func(out sftpio.Outbound) error { return out.Stage(ctx, name, content, size, digest) })
	if err != nil {
		return x.failed(ctx, id, err)
	}
	x.reached("partner file written")
	if err := x.Session.PartnerStaged(ctx, id, size, digest); err != nil {
		return err
	}
	x.reached("partner file staged")
	return nil
}

// release renames a staged file and records that it is sent. One that is sent stays as it is.
func (x *Exchange) release(ctx context.Context, f store.PartnerFile) error {
	if f.State == store.PartnerSent {
		return nil
	}
	err := x.outbound(ctx, func(out sftpio.Outbound) error { return out.Release(ctx, f.Name, f.Size, f.Digest) })
	if err != nil {
		return x.failed(ctx, f.ID, err)
	}
	x.reached("partner file released")
	if err := x.Session.PartnerSent(ctx, f.ID, x.Clock()); err != nil {
		return err
	}
	x.reached("partner file sent")
	return nil
}

func (x *Exchange) outbound(ctx context.Context, do func(sftpio.Outbound) error) error {
	out, err := x.OpenOutbound(ctx)
	if err != nil {
		return err
	}
	return errors.Join(do(out), out.Close())
}

// failed keeps for people why a file could not be sent.
func (x *Exchange) failed(ctx context.Context, id int64, err error) error {
	return errors.Join(err, x.Session.PartnerFailed(context.WithoutCancel(ctx), id, err.Error()))
}

// send takes a file of ours, wherever it stands, to its end. build makes its bytes.
func (x *Exchange) send(ctx context.Context, f store.PartnerFile, build func(io.Writer) error) error {
	if f.State == store.PartnerOpen {
		var content bytes.Buffer
		// It may hold card numbers: it is never written to a disk of ours, and wiped afterwards.
		defer func() { clear(content.Bytes()[:content.Cap()]) }()
		if err := build(&content); err != nil {
			return x.failed(ctx, f.ID, fmt.Errorf("write %s: %w", f.Name, err))
		}
		sum := sha256.Sum256(content.Bytes())
		f.Size, f.Digest = int64(content.Len()), hex.EncodeToString(sum[:])
		if err := x.stage(ctx, f.ID, f.Name, bytes.NewReader(content.Bytes()), f.Size, f.Digest); err != nil {
			return err
		}
	}
	return x.release(ctx, f)
}
