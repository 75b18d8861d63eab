package followup

import (
	"strconv"
	"time"

	"cardbatch/batch"
	"cardbatch/money"
)

// column is one column of a file: its name, what it means, and its place in a row.
type column[R any] struct {
	name  string
	means string
	text  func(*R) string
	free  bool // free text: neutralised
	card  bool // text in which a card number could be: masked here at the latest
}

var transactionColumns = []column[batch.TransactionRow]{
	{name: "kind", means: "What was asked for, see below", text: func(r *batch.TransactionRow) string { return string(r.Kind) }},
	{name: "outcome", means: "`approved`, `declined` by issuer or processor, or `refused` by the gateway as not acceptable", text: func(r *batch.TransactionRow) string { return string(r.Outcome) }},
	{name: "code", means: "Five-digit code, as in the RESULT", text: func(r *batch.TransactionRow) string { return r.Code }},
	{name: "message", means: "The code in words. Free text", free: true, card: true, text: func(r *batch.TransactionRow) string { return r.Message }},
	{name: "file_ref", means: "Reference of the merchant's file", text: func(r *batch.TransactionRow) string { return string(r.FileRef) }},
	{name: "line", means: "Physical line number in it, from 1", text: func(r *batch.TransactionRow) string { return number(r.Line) }},
	{name: "line_ref", means: "Reference of the line", text: func(r *batch.TransactionRow) string { return string(r.Ref) }},
	{name: "attempts", means: "How many attempts were authorized; the row tells of the last", text: func(r *batch.TransactionRow) string { return number(r.Attempts) }},
	{name: "order_ref", means: "Order reference", text: func(r *batch.TransactionRow) string { return r.OrderRef }},
	{name: "transaction_id", means: "Id that follow-up lines name", text: func(r *batch.TransactionRow) string { return string(r.TransactionID) }},
	{name: "original_transaction_id", means: "Transaction that a capture, refund, reset or re-authorization acts on", text: func(r *batch.TransactionRow) string { return string(r.Original) }},
	{name: "authorization_number", means: "From the issuer", text: func(r *batch.TransactionRow) string { return r.AuthorizationNumber }},
	{name: "network_transaction_id", means: "Id given by the card scheme", text: func(r *batch.TransactionRow) string { return r.NetworkTransaction }},
	{name: "wallet_id", means: "Wallet that was charged", text: func(r *batch.TransactionRow) string { return string(r.WalletID) }},
	{name: "card_index", means: "Card in it", text: func(r *batch.TransactionRow) string { return r.CardIndex }},
	{name: "card", means: "First six and last four digits of the card around asterisks", card: true, text: func(r *batch.TransactionRow) string { return r.Card }},
	{name: "card_expiry", means: "Its expiry, MMYY", text: func(r *batch.TransactionRow) string { return r.CardExpiry }},
	{name: "card_type", means: "Its type", text: func(r *batch.TransactionRow) string { return r.CardType }},
	{name: "amount", means: "Whole minor units; empty when the line carries none", text: func(r *batch.TransactionRow) string { return minor(r.Amount) }},
	{name: "currency", means: "ISO 4217, three letters", text: func(r *batch.TransactionRow) string { return string(r.Amount.Currency) }},
	{name: "gateway", means: "Account at the processor, as configured", text: func(r *batch.TransactionRow) string { return string(r.Gateway) }},
	{name: "gateway_code", means: "The processor's own code", text: func(r *batch.TransactionRow) string { return r.GatewayCode }},
	{name: "scheme_code", means: "The issuer's or acquirer's raw code", text: func(r *batch.TransactionRow) string { return r.SchemeCode }},
	{name: "advice_code", means: "Merchant advice code", text: func(r *batch.TransactionRow) string { return r.AdviceCode }},
	{name: "agreement_id", means: "Series of payments that it belongs to", text: func(r *batch.TransactionRow) string { return string(r.AgreementID) }},
	{name: "submitted_at", means: "When the attempt was authorized, RFC 3339 in UTC", text: func(r *batch.TransactionRow) string { return r.SubmittedAt }},
	{name: "completed_at", means: "When its outcome was known, RFC 3339 in UTC: a moment of the file's day", text: func(r *batch.TransactionRow) string { return r.CompletedAt }},
}

var paymentColumns = []column[batch.PaymentRow]{
	{name: "kind", means: "`payment` (authorized and captured at once), `capture` or `refund`", text: func(r *batch.PaymentRow) string { return string(r.Kind) }},
	{name: "value_date", means: "Day on which the money counts, YYYY-MM-DD: the gateway's word, or else the file's day", text: func(r *batch.PaymentRow) string { return r.ValueDate }},
	{name: "completed_at", means: "When the outcome was known, RFC 3339 in UTC", text: func(r *batch.PaymentRow) string { return r.CompletedAt }},
	{name: "amount", means: "Whole minor units; negative when the money goes back to the buyer", text: func(r *batch.PaymentRow) string { return minor(r.Amount) }},
	{name: "currency", means: "ISO 4217, three letters", text: func(r *batch.PaymentRow) string { return string(r.Amount.Currency) }},
	{name: "order_ref", means: "Order reference", text: func(r *batch.PaymentRow) string { return r.OrderRef }},
	{name: "transaction_id", means: "Id that follow-up lines name", text: func(r *batch.PaymentRow) string { return string(r.TransactionID) }},
	{name: "original_transaction_id", means: "Transaction that a capture or refund acts on", text: func(r *batch.PaymentRow) string { return string(r.Original) }},
	{name: "authorization_number", means: "From the issuer", text: func(r *batch.PaymentRow) string { return r.AuthorizationNumber }},
	{name: "network_transaction_id", means: "Id given by the card scheme", text: func(r *batch.PaymentRow) string { return r.NetworkTransaction }},
	{name: "wallet_id", means: "Wallet that was charged", text: func(r *batch.PaymentRow) string { return string(r.WalletID) }},
	{name: "card", means: "First six and last four digits of the card around asterisks", card: true, text: func(r *batch.PaymentRow) string { return r.Card }},
	{name: "card_type", means: "Its type", text: func(r *batch.PaymentRow) string { return r.CardType }},
	{name: "gateway", means: "Account at the processor, as configured", text: func(r *batch.PaymentRow) string { return string(r.Gateway) }},
	{name: "agreement_id", means: "Series of payments that it belongs to", text: func(r *batch.PaymentRow) string { return string(r.AgreementID) }},
	{name: "file_ref", means: "Reference of the merchant's file", text: func(r *batch.PaymentRow) string { return string(r.FileRef) }},
	{name: "line", means: "Physical line number in it, from 1", text: func(r *batch.PaymentRow) string { return number(r.Line) }},
	{name: "line_ref", means: "Reference of the line", text: func(r *batch.PaymentRow) string { return string(r.Ref) }},
}

// Columns that every file has: what it is before the others, a count behind them.
var exceptionColumns = []column[batch.PartnerException]{
	{name: "file", means: "File of American Express'", text: func(e *batch.PartnerException) string { return e.File }},
	{name: "line", means: "Physical line number in it, from 1", text: func(e *batch.PartnerException) string { return number(e.Line) }},
	{name: "alias", means: "Alias of the card, or key of the charge, that the record names", card: true, free: true, text: func(e *batch.PartnerException) string { return e.Alias }},
	{name: "reason", means: "Why it cannot be. Free text", card: true, free: true, text: func(e *batch.PartnerException) string { return e.Reason }},
	{name: "ingested_at", means: "When the file was taken, RFC 3339 in UTC", text: func(e *batch.PartnerException) string {
		if e.At.IsZero() {
			return ""
		}
		return e.At.UTC().Format(time.RFC3339)
	}},
}

var (
	headColumns = []column[headOf]{
		{name: "record", means: "`D` for a transaction or payment, `T` for a total", text: func(h *headOf) string { return h.record }},
		{name: "day", means: "Day of the file, YYYY-MM-DD", text: func(h *headOf) string { return h.Day }},
		{name: "number", means: "Number of the file: one more than that of the day before", text: func(h *headOf) string { return strconv.FormatInt(h.Number, 10) }},
		{name: "merchant", means: "Merchant, as in the header of its files", text: func(h *headOf) string { return string(h.Merchant) }},
		{name: "contract", means: "Contract", text: func(h *headOf) string { return string(h.Contract) }},
	}
	countColumn = column[int]{name: "count", means: "Of a total: how many rows it is of; empty otherwise"}
)

// headOf is what stands at the beginning of each row.
type headOf struct {
	Head
	record string
}

// number writes a number that counts from 1; there is none in a total.
func number(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func minor(a money.Amount) string {
	if a.Currency == "" {
		return ""
	}
	return strconv.FormatInt(a.Minor, 10)
}
