package batch

import (
	"strconv"
	"time"
)

// SourceOf is how the order of a line came, its default included.
func (l *Line) SourceOf() string {
	if l.Source == "" {
		return SourceMerchant
	}
	return l.Source
}

// judgeSeries applies the stored-credential rules (rules, section 3) to a payment
// with the card's expiry, fingerprint and the scheme transaction id known for it.
func judgeSeries(l *Line, f Facts, expiry, fingerprint, trace string) Ruling {
	if l.Command == Verify && l.AgreementID == "" {
		return Ruling{} // moves no money and starts no series
	}
	byMerchant := l.SourceOf() == SourceMerchant
	if byMerchant && !f.Contract.MerchantSource {
		return refuse(CodeSourceRefused, "the gateway account of this contract does not allow MERCHANT as source")
	}
	a := f.Agreement
	if a == nil {
		if !byMerchant || l.InitialTransactionID != "" || (l.AgreementID == "" && trace != "") {
			return Ruling{}
		}
		switch f.Contract.UnknownSeries {
		case SendUnknownSeries:
			return Ruling{}
		case HoldUnknownSeries:
			return Ruling{Wait: "no first transaction of this series is on record"}
		}
		return refuse(CodeBadTransaction, "no first cardholder-initiated transaction is on record, and no initial_transaction_id was given")
	}
	switch {
	case a.WalletID != l.WalletID:
		return refuse(CodeBadField, "the agreement belongs to another wallet")
	case l.AgreementType != "" && a.Type != "" && l.AgreementType != a.Type:
		return refuse(CodeBadField, "the agreement's type cannot change")
	case !byMerchant:
		return Ruling{} // the cardholder takes part: the series goes on with this card
	case a.Stopped:
		return refuse(CodeBadTransaction, "the series was stopped: its issuer revoked it, or its card ended")
	case a.Fingerprint != "" && fingerprint != "" && a.Fingerprint != fingerprint:
		return refuse(CodeBadTransaction, "the card number changed since the series began: a cardholder-initiated transaction under this agreement must come first")
	}
	return judgeAgreementTerms(l, f, a)
}

func judgeAgreementTerms(l *Line, f Facts, a *Agreement) Ruling {
	today := f.Now.In(f.Contract.Zone)
	if a.MaxPayments > 0 && a.Payments >= a.MaxPayments {
		return refuse(CodeBadField, "all payments of the agreement were made")
	}
	if a.MinDays > 0 && !a.LastPayment.IsZero() && daysBetween(a.LastPayment.In(f.Contract.Zone), today) < a.MinDays {
		return refuse(CodeBadField, "the agreement asks for a longer interval between payments")
	}
	if a.Expiry != "" && today.Format(time.DateOnly) > a.Expiry {
		return refuse(CodeBadField, "the agreement has ended")
	}
	if amount, ok := l.Amount(); ok && a.Variability == "FIXED" && a.FixedMinor > 0 && amount.Minor != a.FixedMinor {
		return refuse(CodeAmountDiffers, "the agreement has a fixed amount")
	}
	return Ruling{}
}

// daysBetween counts by the calendar: the night job of the thirtieth day may begin an
// hour earlier than that of the first, and days may have 23 hours.
func daysBetween(from, to time.Time) int {
	date := func(t time.Time) time.Time {
		return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
	}
	return int(date(to).Sub(date(from)) / (24 * time.Hour))
}

// Series returns the agreement of a payment as it stands once the payment is
// approved: the one on record moved on, or a new one. ok is false outside a series.
func Series(l *Line, merchant MerchantID, onRecord *Agreement, key Key, fingerprint string, answer *Answer, at time.Time) (a Agreement, ok bool) {
	if l.AgreementID == "" {
		return Agreement{}, false
	}
	if onRecord != nil {
		a = *onRecord
	} else {
		a = NewAgreement(l, merchant, fingerprint)
	}
	if l.SourceOf() == SourceMerchant {
		a.Payments++
		a.LastPayment = at
	} else {
		// The cardholder took part: later payments refer to this transaction and this card.
		a.FirstKey, a.FirstID, a.Fingerprint = key, answer.TransactionID, fingerprint
		if answer.NetworkTransaction != "" {
			a.Trace = answer.NetworkTransaction
		}
	}
	if amount, has := l.Amount(); has && a.Variability == "FIXED" && a.FixedMinor == 0 && l.Command != Verify {
		a.FixedMinor = amount.Minor
	}
	return a, true
}

// NewAgreement is the series that a line starts, before its first transaction.
func NewAgreement(l *Line, merchant MerchantID, fingerprint string) Agreement {
	a := Agreement{
		Merchant: merchant, ID: l.AgreementID, WalletID: l.WalletID, Type: l.AgreementType,
		Variability: l.AgreementVariability, Expiry: l.AgreementExpiry, Currency: l.Currency,
		Fingerprint: fingerprint, Trace: l.InitialTransactionID,
	}
	// Digits were checked with the line; an empty text is no limit.
	a.MaxPayments, _ = strconv.Atoi(l.AgreementPayments)
	a.MinDays, _ = strconv.Atoi(l.AgreementMinDays)
	return a
}
