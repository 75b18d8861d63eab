package smartbill

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
)

// unfit is why a request can be in no charge file, whatever happens: it is refused with the
// code, and nothing of it ever leaves.
type unfit struct {
	code string
	why  string
}

func (u *unfit) Error() string { return u.why }

const (
	fullPayment = "101"
	cash        = "CPT"
)

// charge turns a request into a charge, and finds its account.
func (c *Client) charge(req *gateway.Request) (Charge, Account, *unfit) {
	account, known := c.config.Accounts[req.Contract]
	if !known {
		return Charge{}, Account{}, &unfit{batch.CodeBadContract, "the contract charges no cards by SmartBill files"}
	}
	wallet, index, wrong := cardOf(req)
	switch {
	case wrong != nil:
		return Charge{}, account, wrong
	case req.Amount.Minor <= 0 || req.Amount.Currency.Numeric() == "":
		return Charge{}, account, &unfit{batch.CodeBadAmount, "a charge needs an amount of more than 0 in a currency"}
	case req.Amount.Minor > maxTotal:
		return Charge{}, account, &unfit{batch.CodeBadAmount, "a charge file has no room for so large an amount"}
	}
	charge := Charge{
		Credit: req.Command == batch.DoRefund, Alias: batch.AliasOf(wallet, index, account.AliasPad), Amount: req.Amount,
		OrderRef: req.OrderRef, Descriptor: req.SoftDescriptor, Key: req.Key,
	}
	if req.Original != nil {
		charge.OrderRef = cmp.Or(charge.OrderRef, req.Original.OrderRef)
	}
	charge.OrderRef = cmp.Or(charge.OrderRef, string(req.Key))
	return charge, account, nil
}

// cardOf tells which card a request means: of a refund the one that was charged.
func cardOf(req *gateway.Request) (batch.WalletID, int, *unfit) {
	switch req.Command {
	case batch.DoImmediateWalletPayment:
		switch {
		case req.Action != fullPayment:
			return "", 0, &unfit{batch.CodeBadAction, "SmartBill files take payments only, action 101"}
		case req.Mode != cash:
			return "", 0, &unfit{batch.CodeBadMode, "SmartBill files take the payment mode CPT only"}
		case req.Wallet == nil:
			return "", 0, &unfit{batch.CodeWalletUnknown, "the wallet does not exist"}
		}
		index := cmp.Or(req.CardIndex, req.Wallet.DefaultCard)
		if index < 1 {
			return "", 0, &unfit{batch.CodeCardIndex, "the wallet has no such card"}
		}
		return req.Wallet.ID, index, nil
	case batch.DoRefund:
		if req.Original == nil || req.Original.WalletID == "" || req.Original.CardIndex < 1 {
			return "", 0, &unfit{batch.CodeNotRefundable, "only the payment of a wallet's card can be refunded"}
		}
		return req.Original.WalletID, req.Original.CardIndex, nil
	}
	return "", 0, &unfit{batch.CodeUnavailable, "there is no such operation in SmartBill files"}
}

// load is a batch as a charge file holds it.
type load struct {
	terms   batch.ChargeTerms
	charges []Charge
}

var errMixed = errors.New("smartbill: a charge file holds the charges of one service establishment, currency and value date")

var errOtherLines = errors.New("smartbill: the lines are not those that the batch was made of; some were taken out of it")

// load turns all requests of a batch into charges. An *unfit is about a batch of one; the run
// asks Fit, which sees to it that such a request goes alone.
func (c *Client) load(b gateway.Batch) (*load, error) {
	reqs := b.Requests
	l := &load{charges: make([]Charge, 0, len(reqs))}
	keys := make([]batch.Key, len(reqs))
	for i := range reqs {
		keys[i] = reqs[i].Key
	}
	if len(reqs) == 0 || b.Name != batch.BatchName(keys) {
		return nil, errOtherLines
	}
	now := c.clock()
	for i := range reqs {
		charge, account, wrong := c.charge(&reqs[i])
		switch {
		case wrong != nil && len(reqs) == 1:
			return nil, wrong
		case wrong != nil:
			return nil, fmt.Errorf("smartbill: request %d of the batch can be in no charge file: %w", i+1, wrong)
		}
		terms := termsOf(charge, account, now)
		if i > 0 && terms != l.terms {
			return nil, errMixed
		}
		l.terms = terms
		l.charges = append(l.charges, charge)
	}
	if err := c.rehearse(l); err != nil {
		if len(reqs) == 1 && errors.Is(err, ErrValue) {
			return nil, &unfit{batch.CodeSmartBillField, "a field does not fit into the charge file: " + err.Error()}
		}
		return nil, fmt.Errorf("smartbill: the charge file cannot be written: %w", err)
	}
	return l, nil
}

func termsOf(charge Charge, account Account, now time.Time) batch.ChargeTerms {
	return batch.ChargeTerms{SE: account.SE, Currency: charge.Amount.Currency, ValueDate: account.ValueDate(now)}
}

// rehearse writes a file of the charges to nowhere, as the first of its SE: a number is taken
// only for a file that can be written.
func (c *Client) rehearse(l *load) error {
	return c.write(io.Discard, File{Sequence: 1, Terms: l.terms, CreatedAt: c.clock()}, l.charges)
}

func (c *Client) write(w io.Writer, f File, charges []Charge) error {
	return c.config.Write(w, Header{
		SE: f.Terms.SE, Sequence: f.Sequence, CreatedAt: f.CreatedAt, Mode: c.config.Environment, Currency: f.Terms.Currency,
	}, charges)
}

// bytesOf writes the file as it leaves, and computes its SHA-256 in lower-case hex.
func (c *Client) bytesOf(f File, charges []Charge) (content []byte, digest string, err error) {
	var out bytes.Buffer
	if err := c.write(&out, f, charges); err != nil {
		return nil, "", err
	}
	sum := sha256.Sum256(out.Bytes())
	return out.Bytes(), hex.EncodeToString(sum[:]), nil
}
