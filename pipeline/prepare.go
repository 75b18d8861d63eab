package pipeline

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/money"
	"cardbatch/store"
	"cardbatch/vault"
)

// prepared is a line with everything that its call and its outcome need.
type prepared struct {
	rec         *batch.LineRecord
	merchant    batch.MerchantID
	contract    *batch.Contract
	attempt     int
	expect      batch.LineState // the state that the outcome expects
	request     gateway.Request
	batch       string        // the batch that it travels in; empty: alone
	wallet      *batch.Wallet // as it stands; for createWallet, as it is opening
	card        batch.Card    // the card charged, kept or verified; zero when there is none
	original    *batch.Transaction
	agreement   *batch.Agreement // on record; nil otherwise
	enrolment   *batch.Enrolment // with American Express, of the card; nil otherwise
	fingerprint string           // of the card
	vault       *vault.Vault
}

// facts is what a chunk of lines needs of the store, read in a few queries.
type facts struct {
	wallets    map[batch.WalletID]*batch.Wallet
	originals  map[batch.TransactionID]*batch.Transaction
	agreements map[batch.AgreementID]*batch.Agreement
}

// prepare applies the rules to a chunk of queued lines. It returns the lines to
// send, and those that the rules or the gateway's lack of a call end here. Lines
// that have to wait are in neither.
func (r *Run) prepare(ctx context.Context, lines []batch.LineRecord, connector gateway.Connector, now time.Time) (sending []*prepared, final []store.LineOutcome, err error) {
	all, err := r.load(ctx, lines, connector, now)
	if err != nil {
		return nil, nil, err
	}
	for _, p := range all {
		ruling := batch.Judge(&p.rec.Line, p.facts(connector, now))
		switch {
		case ruling.Wait != "":
			r.Log.Debug("line waits", "file", int64(p.rec.Address.File), "line", p.rec.Address.No, "why", ruling.Wait)
		case ruling.Code != "":
			final = append(final, p.refused(ruling, now))
		case p.local(connector):
			outcome, err := p.localOutcome(now)
			if err != nil {
				return nil, nil, err
			}
			final = append(final, outcome)
		default:
			if err := p.build(connector); err != nil {
				return nil, nil, err
			}
			sending = append(sending, p)
		}
	}
	return sending, final, nil
}

// load reads what the lines refer to.
func (r *Run) load(ctx context.Context, lines []batch.LineRecord, connector gateway.Connector, now time.Time) ([]*prepared, error) {
	all := make([]*prepared, 0, len(lines))
	byMerchant := map[batch.MerchantID][]*prepared{}
	for i := range lines {
		merchant, err := r.merchantOf(ctx, lines[i].Address.File)
		if err != nil {
			return nil, err
		}
		p := &prepared{rec: &lines[i], merchant: merchant, expect: lines[i].State, attempt: max(lines[i].Attempt, 1), vault: r.Vault}
		all = append(all, p)
		byMerchant[merchant] = append(byMerchant[merchant], p)
	}
	for merchant, group := range byMerchant {
		f, err := r.readFacts(ctx, merchant, group)
		if err != nil {
			return nil, err
		}
		for _, p := range group {
			if err := p.attach(r, f); err != nil {
				return nil, err
			}
			if err := p.findEnrolment(ctx, r); err != nil {
				return nil, err
			}
		}
	}
	return all, nil
}

func (r *Run) readFacts(ctx context.Context, merchant batch.MerchantID, group []*prepared) (f facts, err error) {
	var transactions []batch.TransactionID
	var agreements []batch.AgreementID
	wallets := make([]batch.WalletID, 0, len(group))
	for _, p := range group {
		if id := p.rec.Line.TransactionID; id != "" {
			transactions = append(transactions, id)
		}
		if id := p.rec.Line.AgreementID; id != "" {
			agreements = append(agreements, id)
		}
		if id := p.rec.Line.WalletID; id != "" {
			wallets = append(wallets, id)
		}
	}
	if len(transactions) > 0 {
		if f.originals, err = r.originals(ctx, merchant, transactions); err != nil {
			return f, err
		}
		for _, o := range f.originals {
			if o.WalletID != "" {
				wallets = append(wallets, o.WalletID)
			}
		}
	}
	if len(agreements) > 0 {
		if f.agreements, err = r.Store.Agreements(ctx, merchant, agreements); err != nil {
			return f, err
		}
	}
	if len(wallets) > 0 {
		f.wallets, err = r.Store.Wallets(ctx, merchant, wallets)
	}
	return f, err
}

// originals reads the transactions that follow-ups act on. One that names a capture
// means the authorization behind it, by that capture.
func (r *Run) originals(ctx context.Context, merchant batch.MerchantID, ids []batch.TransactionID) (map[batch.TransactionID]*batch.Transaction, error) {
	found, err := r.Store.Transactions(ctx, merchant, ids)
	if err != nil {
		return nil, err
	}
	var behind []batch.TransactionID
	for _, t := range found {
		if t.Command == batch.DoCapture {
			behind = append(behind, t.Of)
		}
	}
	if len(behind) == 0 {
		return found, nil
	}
	captured, err := r.Store.Transactions(ctx, merchant, behind)
	if err != nil {
		return nil, err
	}
	for id, t := range found {
		if root := captured[t.Of]; t.Command == batch.DoCapture && root != nil {
			meant := *root
			meant.LastFollowUp, meant.LastFollowUpID = t.Key, t.ID
			found[id] = &meant
		}
	}
	return found, nil
}

// merchantOf tells whose file it is. Files do not change owner, so it is asked once a run.
func (r *Run) merchantOf(ctx context.Context, id batch.FileID) (batch.MerchantID, error) {
	if m, ok := r.owners.Load(id); ok {
		return m.(batch.MerchantID), nil
	}
	f, err := r.Store.File(ctx, id)
	if err != nil {
		return "", err
	}
	r.owners.Store(id, f.Header.Merchant)
	return f.Header.Merchant, nil
}

// attach finds the line's wallet, card, original and agreement among the facts.
func (p *prepared) attach(r *Run, f facts) error {
	l := &p.rec.Line
	p.original = f.originals[l.TransactionID]
	p.agreement = f.agreements[l.AgreementID]
	p.wallet = f.wallets[l.WalletID]
	contract := l.Contract
	if contract == "" && p.original != nil {
		contract = p.original.Contract
	}
	p.contract = r.contract(p.merchant, contract)

	if len(p.rec.Sealed) > 0 {
		number, err := p.vault.Unseal(p.rec.Sealed, batch.LineBinding(p.merchant, l.Ref))
		if err != nil {
			return fmt.Errorf("file %d line %d: unseal the card number; is this the key set that sealed it? %w", p.rec.Address.File, p.rec.Address.No, err)
		}
		l.CardNumber = batch.NewPAN(number)
	}
	switch {
	case !l.CardNumber.IsZero() || l.CardToken != "":
		p.card = batch.Card{
			Status: batch.CardActive, Token: l.CardToken, Expiry: l.CardExpiry, Type: l.CardType, Cardholder: l.Cardholder,
			FirstSix: l.CardNumber.FirstSix(), LastFour: l.CardNumber.LastFour(),
		}
		if !l.CardNumber.IsZero() {
			p.card.Fingerprint = p.vault.Fingerprint(l.CardNumber.Reveal())
			if p.card.Type == "" {
				p.card.Type = batch.CardTypeOf(l.CardNumber)
			}
		}
	case l.Command == batch.CreateWallet && p.original != nil:
		if w := f.wallets[p.original.WalletID]; w != nil {
			p.card, _ = w.Card(p.original.CardIndex)
		}
	case p.wallet != nil:
		p.card, _ = l.CardOf(p.wallet)
	}
	p.fingerprint = p.card.Fingerprint
	return nil
}

func (p *prepared) facts(connector gateway.Connector, now time.Time) batch.Facts {
	f := batch.Facts{
		At: p.rec.Address, Contract: p.contract, Gateway: p.rec.Gateway, Wallet: p.wallet, Original: p.original, Agreement: p.agreement, Enrolment: p.enrolment,
		Now: now,
	}
	if !p.rec.Line.CardNumber.IsZero() {
		f.Fingerprint = p.fingerprint
	}
	if connector != nil {
		var operation gateway.Operation
		profile := connector.Profile()
		operation, f.Available = profile.Commands[p.rec.Line.Command]
		f.Deferred, f.KeepsCards = operation.Deferred, profile.SetsCardIndex
	}
	return f
}

// local reports whether the line's outcome is made here: the gateway has no such
// call, or its call is not needed.
func (p *prepared) local(connector gateway.Connector) bool {
	operation := connector.Profile().Commands[p.rec.Line.Command]
	return operation.Local || operation.CardOnly && p.rec.Line.CardNumber.IsZero()
}

// build makes the request of a line that is sent.
func (p *prepared) build(connector gateway.Connector) error {
	l := &p.rec.Line
	key := batch.NewKey(p.merchant, l.Ref, p.attempt)
	amount, hasAmount := l.Amount()
	if !hasAmount {
		amount.Currency = p.currency()
	}
	p.request = gateway.Request{
		Key: key, Command: l.Command, Contract: p.contract.ID, Version: l.Version,
		OrderRef: l.OrderRef, OrderDate: l.OrderDate, SoftDescriptor: l.SoftDescriptor, Comment: l.Comment, Private: l.Private,
		Amount: amount, Action: l.PaymentAction(), CaptureDate: l.CaptureDate,
		Card: gateway.Card{
			Token: p.card.Token, Number: l.CardNumber, Expiry: p.card.Expiry, Cardholder: p.card.Cardholder, Type: p.card.Type,
		},
		Wallet: p.wallet, CardIndex: p.card.Index, Original: p.original,
		Schedule: l.Schedule(), PaymentRecord: l.PaymentRecord, SubmittedAt: p.rec.SubmittedAt,
	}
	if !l.CardNumber.IsZero() {
		p.request.Card.Token = ""
	}
	switch l.Command {
	case batch.CreateWallet:
		p.wallet = p.opening()
		p.request.Wallet = p.wallet
	case batch.UpdateWallet:
		wanted := p.changedWallet()
		p.request.Wallet, p.request.CardIndex = &wanted, cmp.Or(batch.CardIndexOf(l), p.wallet.DefaultCard)
		p.request.Card.Expiry, p.request.Card.Cardholder = cmp.Or(l.CardExpiry, p.card.Expiry), cmp.Or(l.Cardholder, p.card.Cardholder)
	case batch.DoReAuthorization:
		p.request.OrderRef = cmp.Or(l.OrderRef, p.original.OrderRef)
	}
	if l.Command.Phase() == batch.PhasePayment {
		p.request.Mode, p.request.Credential = l.PaymentMode(), p.credential()
	}
	return nil
}

// currency is that of a line without an amount: a verification asks in a currency
// all the same, its own or else the contract's first.
func (p *prepared) currency() money.Currency {
	l := &p.rec.Line
	if l.Command != batch.Verify || l.Currency != "" || len(p.contract.Currencies) == 0 {
		return l.Currency
	}
	return p.contract.Currencies[0]
}

// credential derives the four facts of a stored-credential payment (rules, section 3).
func (p *prepared) credential() gateway.Credential {
	l := &p.rec.Line
	c := gateway.Credential{Source: l.SourceOf(), Frequency: l.AgreementFrequency, Trace: l.InitialTransactionID}
	if l.Command == batch.Verify && l.Source == "" {
		c.Source = ""
	}
	c.Agreement = p.agreement
	if l.AgreementID != "" && p.agreement == nil {
		a := batch.NewAgreement(l, p.merchant, p.fingerprint)
		c.Agreement = &a
		c.First = !c.MerchantInitiated()
	}
	if c.Agreement != nil && c.Agreement.FirstKey == "" && c.Trace == "" {
		c.Trace = c.Agreement.Trace
	}
	if c.Agreement == nil && c.MerchantInitiated() && c.Trace == "" {
		c.Trace = p.card.NetworkTransaction
	}
	switch {
	case c.MerchantInitiated():
		c.Use = gateway.Stored
	case c.First:
		c.Use = gateway.ToBeStored
	case l.WalletID != "":
		c.Use = gateway.Stored
	default:
		c.Use = gateway.NotStored
	}
	return c
}

// opening is the wallet of a createWallet line before the gateway has answered.
func (p *prepared) opening() *batch.Wallet {
	l := &p.rec.Line
	return &batch.Wallet{
		Merchant: p.merchant, ID: l.WalletID, Contract: l.Contract, Gateway: p.contract.KeptAt(),
		Status: batch.WalletOpening, LastName: l.LastName, FirstName: l.FirstName, Email: l.Email, Language: l.Language,
		DefaultCard: 1, OpenLine: p.rec.Address,
	}
}

// sending is what the store records before the first byte leaves.
func (p *prepared) sending() store.Sending {
	s := store.Sending{At: p.rec.Address, Attempt: p.attempt, Batch: p.batch}
	l := &p.rec.Line
	switch {
	case l.Command == batch.CreateWallet:
		s.Opening = p.wallet
	case l.Command.Phase() == batch.PhaseWallet:
		s.Locks = &l.WalletID
	}
	return s
}
