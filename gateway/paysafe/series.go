package paysafe

import (
	"cardbatch/gateway"
	"cardbatch/gateway/internal/jsontext"
)

// Values of storedCredential (facts, section 4.3).
const (
	typeAdHoc     = "ADHOC"     // by the payer
	typeTopUp     = "TOPUP"     // by the merchant, unscheduled
	typeRecurring = "RECURRING" // by the merchant, scheduled

	occurrenceInitial    = "INITIAL"
	occurrenceSubsequent = "SUBSEQUENT"
)

// Longest ids of a first transaction: Paysafe's own, and one of another provider.
const (
	maxInitial  = 36
	maxExternal = 256
)

// appendStoredCredential writes what Paysafe has to know of the credential (rules,
// section 3). Without it, it takes what the vault knows of a token. A one-off by the
// payer says nothing.
//
// With INITIAL Paysafe asks for the card verification value, which no batch may hold:
// the account must be allowed to do without.
func appendStoredCredential(w *jsontext.Writer, credential *gateway.Credential) {
	kind, occurrence := typeAdHoc, occurrenceInitial
	switch {
	case credential.MerchantInitiated():
		kind, occurrence = seriesType(credential), occurrenceSubsequent
	case credential.Agreement != nil:
		// Later payments of the series refer to this one, also when it is not the first
		// that the payer makes under the agreement.
		kind = seriesType(credential)
	case credential.Use == gateway.Stored:
		occurrence = occurrenceSubsequent
	case credential.Use != gateway.ToBeStored:
		return
	}
	w.Open("storedCredential")
	w.Text("type", kind)
	w.Text("occurrence", occurrence)
	if credential.MerchantInitiated() {
		appendInitial(w, credential)
	}
	w.Close()
}

// seriesType is RECURRING for what has a schedule, instalments included, and TOPUP otherwise.
func seriesType(credential *gateway.Credential) string {
	if credential.Agreement != nil {
		switch credential.Agreement.Type {
		case "RECURRING", "INSTALLMENT":
			return typeRecurring
		}
	}
	return typeTopUp
}

// appendInitial names the first transaction of the series: by Paysafe's id when it was
// made here, by the scheme's when it was made elsewhere, never by both.
func appendInitial(w *jsontext.Writer, credential *gateway.Credential) {
	first, trace := "", credential.Trace
	if credential.Agreement != nil {
		first, trace = string(credential.Agreement.FirstID), or(trace, credential.Agreement.Trace)
	}
	switch {
	case first != "" && len(first) <= maxInitial:
		w.Text("initialTransactionId", first)
	case len(trace) <= maxExternal:
		w.Text("externalInitialTransactionId", trace)
	}
}
