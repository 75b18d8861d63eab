package batch

// Column describes one column of the batch interface (section 3): its name, the
// shape of its values, and which commands demand, allow or forbid it.
type Column struct {
	Name   string
	Shape  Shape
	Max    int      // characters (AN, free text) or digits (N)
	Values []string // of an Enum
	Need   string   // one character per letter of NeedOrder: M mandatory, o optional, . must be empty
	Free   bool     // free text: surrounding spaces are part of the value
	// GatewayID: the id of a gateway comes back, and digits in it may pass for a card number.
	GatewayID bool

	// Text returns the place of the value in a line. It is nil for card_number,
	// whose place is Line.CardNumber.
	Text func(*Line) *string
}

// NeedOrder names the columns of the Need matrix, see Command.
const NeedOrder = "WUXPSRAVCZFKBD"

// Shape is the form of a column's values.
type Shape int

const (
	ShapeAN       Shape = iota // any printable characters, at most Max
	ShapeN                     // digits, at most Max
	ShapeEnum                  // one of Values
	ShapeCard                  // card number: 12 to 19 digits, Luhn
	ShapeExpiry                // MMYY
	ShapeDate                  // YYYY-MM-DD
	ShapeDateTime              // RFC 3339, offset optional
	ShapeISO4217               // alphabetic or numeric currency code
	ShapeEmail                 // one @ with text around it, at most Max
)

// CardNumberColumn is the one column whose value is never text.
const CardNumberColumn = "card_number"

// PrivatePrefix starts the names of private data columns; the rest is the key.
const PrivatePrefix = "private."

// PrivateNeed and PrivateMax describe every private.<key> column.
const (
	PrivateNeed = "oo.oooo.ooo.o."
	PrivateMax  = 255
	PrivateKeys = 99 // at most so many keys on a line
)

// Columns lists the columns of the interface, private data aside. Its order is
// part of the stored form of a line (EncodeLine): new columns go at the end.
var Columns = []Column{
	//                                                                        WUXPSRAVCZFKBD
	{Name: "line_ref", Shape: ShapeAN, Max: 50, Need: "MMMMMMMMMMMMMM", Text: func(l *Line) *string { return (*string)(&l.Ref) }},
	{Name: "command", Shape: ShapeEnum, Values: commandNames(), Need: "MMMMMMMMMMMMMM", Text: func(l *Line) *string { return (*string)(&l.Command) }},
	{Name: "version", Shape: ShapeN, Max: 2, Need: "oooooooooooooo", Text: func(l *Line) *string { return &l.Version }},
	{Name: "contract", Shape: ShapeAN, Max: 50, Need: "MMMMMMMMooooMM", Text: func(l *Line) *string { return (*string)(&l.Contract) }},
	{Name: "wallet_id", Shape: ShapeAN, Max: 50, Need: "MMMMMMoo....MM", Text: func(l *Line) *string { return (*string)(&l.WalletID) }},
	{Name: "card_index", Shape: ShapeN, Max: 2, Need: ".ooooooo....o.", Text: func(l *Line) *string { return &l.CardIndex }},
	{Name: "last_name", Shape: ShapeAN, Max: 100, Free: true, Need: "oo..........o.", Text: func(l *Line) *string { return &l.LastName }},
	{Name: "first_name", Shape: ShapeAN, Max: 100, Free: true, Need: "oo..........o.", Text: func(l *Line) *string { return &l.FirstName }},
	{Name: "email", Shape: ShapeEmail, Max: 150, Need: "oo..........o.", Text: func(l *Line) *string { return &l.Email }},
	{Name: "language", Shape: ShapeEnum, Values: []string{"fr", "en"}, Need: "oo..........o.", Text: func(l *Line) *string { return &l.Language }},
	{Name: CardNumberColumn, Shape: ShapeCard, Max: 19, Need: "oo....oo....o."},
	{Name: "card_token", Shape: ShapeAN, Max: 64, Need: "oo....oo....o.", Text: func(l *Line) *string { return &l.CardToken }},
	{Name: "card_expiry", Shape: ShapeExpiry, Max: 4, Need: "oo....oo....o.", Text: func(l *Line) *string { return &l.CardExpiry }},
	{Name: "card_type", Shape: ShapeEnum, Values: CardTypes, Need: "oo....oo....o.", Text: func(l *Line) *string { return &l.CardType }},
	{Name: "cardholder", Shape: ShapeAN, Max: 45, Free: true, Need: "oo....oo....o.", Text: func(l *Line) *string { return &l.Cardholder }},
	{Name: "order_ref", Shape: ShapeAN, Max: 50, Need: "...MoMMo.oo.M.", Text: func(l *Line) *string { return &l.OrderRef }},
	{Name: "order_date", Shape: ShapeDateTime, Max: 35, Need: "...ooooo.o..o.", Text: func(l *Line) *string { return &l.OrderDate }},
	{Name: "amount", Shape: ShapeN, Max: 12, Need: "...MMMM.MMMoo.", Text: func(l *Line) *string { return &l.AmountText }},
	{Name: "currency", Shape: ShapeISO4217, Max: 3, Need: "...MMMMoMMMoM.", Text: func(l *Line) *string { return (*string)(&l.Currency) }},
	{Name: "action", Shape: ShapeN, Max: 3, Need: "...oooo.......", Text: func(l *Line) *string { return &l.Action }},
	{Name: "mode", Shape: ShapeEnum, Values: []string{"CPT", "DIF", "NX", "REC"}, Need: "...oooo.......", Text: func(l *Line) *string { return &l.Mode }},
	{Name: "capture_date", Shape: ShapeDate, Max: 10, Need: "...o..o.......", Text: func(l *Line) *string { return &l.CaptureDate }},
	{Name: "scheduled_date", Shape: ShapeDate, Max: 10, Need: "....MM........", Text: func(l *Line) *string { return &l.ScheduledDate }},
	{Name: "transaction_id", GatewayID: true, Shape: ShapeAN, Max: 50, Need: "o.......MMMM..", Text: func(l *Line) *string { return (*string)(&l.TransactionID) }},
	{Name: "payment_record_id", GatewayID: true, Shape: ShapeAN, Max: 50, Need: ".............M", Text: func(l *Line) *string { return &l.PaymentRecord }},
	{Name: "source", Shape: ShapeEnum, Values: sources, Need: "...ooooo.o..o.", Text: func(l *Line) *string { return &l.Source }},
	{Name: "agreement_id", Shape: ShapeAN, Max: 100, Need: "...ooooo....o.", Text: func(l *Line) *string { return (*string)(&l.AgreementID) }},
	{Name: "agreement_type", Shape: ShapeEnum, Values: []string{"RECURRING", "INSTALLMENT", "UNSCHEDULED"}, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementType }},
	{Name: "agreement_expiry", Shape: ShapeDate, Max: 10, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementExpiry }},
	{Name: "agreement_frequency", Shape: ShapeEnum, Values: agreementFrequencies, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementFrequency }},
	{Name: "agreement_variability", Shape: ShapeEnum, Values: []string{"FIXED", "VARIABLE"}, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementVariability }},
	{Name: "agreement_payments", Shape: ShapeN, Max: 3, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementPayments }},
	{Name: "agreement_min_days", Shape: ShapeN, Max: 4, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.AgreementMinDays }},
	{Name: "initial_transaction_id", Shape: ShapeAN, Max: 64, Need: "...ooooo....o.", Text: func(l *Line) *string { return &l.InitialTransactionID }},
	{Name: "first_amount", Shape: ShapeN, Max: 12, Need: ".....o......M.", Text: func(l *Line) *string { return &l.FirstAmount }},
	// The matrix calls it optional for R, the column's own text mandatory: the text wins.
	{Name: "recurring_amount", Shape: ShapeN, Max: 12, Need: ".....M......M.", Text: func(l *Line) *string { return &l.RecurringAmount }},
	{Name: "billing_cycle", Shape: ShapeEnum, Values: []string{"10", "20", "30", "40", "50", "60", "70", "80", "90"}, Need: ".....M......o.", Text: func(l *Line) *string { return &l.BillingCycle }},
	{Name: "billing_left", Shape: ShapeN, Max: 3, Need: ".....o......o.", Text: func(l *Line) *string { return &l.BillingLeft }},
	{Name: "billing_day", Shape: ShapeN, Max: 2, Need: ".....o......o.", Text: func(l *Line) *string { return &l.BillingDay }},
	{Name: "start_date", Shape: ShapeDate, Max: 10, Need: ".....o......o.", Text: func(l *Line) *string { return &l.StartDate }},
	{Name: "end_date", Shape: ShapeDate, Max: 10, Need: ".....o......o.", Text: func(l *Line) *string { return &l.EndDate }},
	{Name: "rrule", Shape: ShapeAN, Max: 255, Need: "............o.", Text: func(l *Line) *string { return &l.RRule }},
	{Name: "soft_descriptor", Shape: ShapeAN, Max: 64, Free: true, Need: "...oooo..o..o.", Text: func(l *Line) *string { return &l.SoftDescriptor }},
	{Name: "comment", Shape: ShapeAN, Max: 255, Free: true, Need: "ooo.......oo..", Text: func(l *Line) *string { return &l.Comment }},
	{Name: "echo", Shape: ShapeAN, Max: 255, Free: true, Need: "oooooooooooooo", Text: func(l *Line) *string { return &l.Echo }},
}

// CardTypes lists the card types of the interface.
var CardTypes = []string{"CB", "VISA", "MASTERCARD", "MAESTRO", "AMEX", "DISCOVER", "DINERS", "JCB"}

// SourceMerchant is the source of a merchant-initiated payment, and the default.
const SourceMerchant = "MERCHANT"

// CALL_CENTER is how one vendor's guide spells it; it is read as CALL_CENTRE (rules, section 3).
var sources = []string{SourceMerchant, "INTERNET", "MOTO", "MAIL_ORDER", "TELEPHONE_ORDER", "VOICE_RESPONSE", "CALL_CENTRE", "CALL_CENTER"}

// The interface leaves the words of agreement_frequency open; these are the
// gateways' own (mastercard-gateway facts, section 1.2).
var agreementFrequencies = []string{"AD_HOC", "DAILY", "WEEKLY", "FORTNIGHTLY", "MONTHLY", "QUARTERLY", "TWICE_YEARLY", "YEARLY", "OTHER"}

// ForbiddenColumns reject a file: a card verification value is never accepted (PCI DSS 3.3.1).
var ForbiddenColumns = []string{"cvv", "cvx", "cvc", "csc"}

func commandNames() []string {
	return []string{
		string(CreateWallet), string(UpdateWallet), string(DisableWallet), string(EnableWallet), string(GetWallet),
		string(DoImmediateWalletPayment), string(DoScheduledWalletPayment), string(DoRecurrentWalletPayment),
		string(DoAuthorization), string(Verify), string(DoCapture), string(DoReAuthorization), string(DoRefund),
		string(DoReset), string(Subscribe), string(DisablePaymentRecord),
	}
}
