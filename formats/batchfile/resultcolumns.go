package batchfile

import "cardbatch/batch"

// resultColumn is one column of a RESULT: its name and its place in a row, which
// is a text, a number or a flag.
type resultColumn struct {
	name   string
	text   func(*batch.ResultRow) *string
	number func(*batch.ResultRow) *int
	flag   func(*batch.ResultRow) *bool
	free   bool // free text: neutralised, and searched for card numbers
	card   bool // the masked card: searched for an unmasked number
}

// resultColumns lists the columns of section 5 in their order.
var resultColumns = []resultColumn{
	{name: "line", number: func(r *batch.ResultRow) *int { return &r.Line }},
	{name: "line_ref", text: func(r *batch.ResultRow) *string { return (*string)(&r.Ref) }},
	{name: "command", text: func(r *batch.ResultRow) *string { return (*string)(&r.Command) }},
	{name: "outcome", text: func(r *batch.ResultRow) *string { return (*string)(&r.Outcome) }},
	{name: "code", text: func(r *batch.ResultRow) *string { return &r.Code }},
	{name: "short_message", free: true, text: func(r *batch.ResultRow) *string { return &r.ShortMessage }},
	{name: "long_message", free: true, text: func(r *batch.ResultRow) *string { return &r.LongMessage }},
	{name: "wallet_id", text: func(r *batch.ResultRow) *string { return (*string)(&r.WalletID) }},
	{name: "card_index", text: func(r *batch.ResultRow) *string { return &r.CardIndex }},
	{name: "card_status", text: func(r *batch.ResultRow) *string { return (*string)(&r.CardStatus) }},
	{name: "card", card: true, text: func(r *batch.ResultRow) *string { return &r.Card }},
	{name: "card_expiry", text: func(r *batch.ResultRow) *string { return &r.CardExpiry }},
	{name: "transaction_id", text: func(r *batch.ResultRow) *string { return (*string)(&r.TransactionID) }},
	{name: "payment_record_id", text: func(r *batch.ResultRow) *string { return &r.PaymentRecord }},
	{name: "authorization_number", text: func(r *batch.ResultRow) *string { return &r.AuthorizationNumber }},
	{name: "amount", text: func(r *batch.ResultRow) *string { return &r.Amount }},
	{name: "currency", text: func(r *batch.ResultRow) *string { return (*string)(&r.Currency) }},
	{name: "is_duplicate", flag: func(r *batch.ResultRow) *bool { return &r.IsDuplicate }},
	{name: "gateway", text: func(r *batch.ResultRow) *string { return (*string)(&r.Gateway) }},
	{name: "gateway_code", text: func(r *batch.ResultRow) *string { return &r.GatewayCode }},
	{name: "scheme_code", text: func(r *batch.ResultRow) *string { return &r.SchemeCode }},
	{name: "advice_code", text: func(r *batch.ResultRow) *string { return &r.AdviceCode }},
	{name: "network_transaction_id", text: func(r *batch.ResultRow) *string { return &r.NetworkTransaction }},
	{name: "agreement_id", text: func(r *batch.ResultRow) *string { return (*string)(&r.AgreementID) }},
	{name: "attempts", number: func(r *batch.ResultRow) *int { return &r.Attempts }},
	{name: "submitted_at", text: func(r *batch.ResultRow) *string { return &r.SubmittedAt }},
	{name: "completed_at", text: func(r *batch.ResultRow) *string { return &r.CompletedAt }},
	{name: "retry_not_before", text: func(r *batch.ResultRow) *string { return &r.RetryNotBefore }},
	{name: "echo", free: true, text: func(r *batch.ResultRow) *string { return &r.Echo }},
}

func resultColumnNames() []string {
	names := make([]string, len(resultColumns))
	for i := range resultColumns {
		names[i] = resultColumns[i].name
	}
	return names
}
