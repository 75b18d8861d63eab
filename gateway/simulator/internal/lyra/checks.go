package lyra

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"cardbatch/gateway/simulator/stage"
	"cardbatch/money"
)

// Form actions that ask for something else than a form.
const (
	formSilent      = "SILENT"
	formRegisterPay = "REGISTER_PAY"
)

// What may be chosen for the enumerations (Lyra facts, section 7.4).
var (
	formActions     = []string{"", "PAYMENT", "REGISTER", formRegisterPay, "ASK_REGISTER_PAY", formSilent}
	sources         = []string{"", "EC", "MOTO", "CC", "OTHER"}
	validations     = []string{"", "YES", "NO"}
	resolutionModes = []string{"", "AUTO", "CANCELLATION_ONLY", "REFUND_ONLY"}
	operationTypes  = []string{"", typeDebit, typeCredit}
)

// Limits of the fields (facts, sections 7.1, 7.4 and 7.7).
const (
	maxOrderID         = 64
	maxAmount          = 999_999_999_999
	maxDescription     = 255
	maxInitialN        = 999
	maxCaptureDelay    = 365
	maxMetadataAndText = 4 << 10 // of ours: it keeps the memory bounded
)

func wrong(field string) error { return &invalid{codeInput, "invalid field: " + field} }

func checkNothing(*request) error { return nil }

// firstOf returns the first error there is.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func oneOf(field, value string, values []string) error {
	if !slices.Contains(values, value) {
		return wrong(field)
	}
	return nil
}

func required(field, value string) error {
	if value == "" {
		return wrong(field)
	}
	return nil
}

func checkAmount(field string, amount *int64) error {
	if amount == nil {
		return wrong(field)
	}
	if *amount <= 0 || *amount > maxAmount {
		return &invalid{codeAmount, "invalid amount"}
	}
	return nil
}

func checkCurrency(code string) error {
	if code == "" {
		return wrong("currency")
	}
	if c, ok := money.Find(code); !ok || string(c) != code { // in letters only
		return &invalid{codeCurrency, "invalid currency"}
	}
	return nil
}

// checkEmail wants an address; what the platform takes for one is not documented.
func checkEmail(address string) error {
	local, domain, ok := strings.Cut(address, "@")
	if !ok || local == "" || !strings.Contains(domain, ".") || strings.ContainsAny(address, " \t\r\n<>") || len(address) > 150 {
		return &invalid{codeEmail, "invalid customer e-mail"}
	}
	return nil
}

func checkDelay(days *int) error {
	if days != nil && (*days < 0 || *days > maxCaptureDelay) {
		return wrong("captureDelay")
	}
	return nil
}

// checkCommon checks what every request may have.
func checkCommon(in *request) error {
	if len([]rune(in.OrderID)) > maxOrderID {
		return wrong("orderId")
	}
	if len(in.Comment) > maxMetadataAndText || len(in.metadata()) > maxMetadataAndText {
		return wrong("metadata")
	}
	options := &in.TransactionOptions.CardOptions
	return firstOf(
		oneOf("transactionOptions.cardOptions.paymentSource", options.PaymentSource, sources),
		oneOf("transactionOptions.cardOptions.manualValidation", options.ManualValidation, validations),
		checkDelay(options.CaptureDelay),
	)
}

func checkPayment(in *request) error {
	err := firstOf(checkAmount("amount", in.Amount), checkCurrency(in.Currency), checkCommon(in), oneOf("formAction", in.FormAction, formActions), checkNoCard(in))
	if err == nil && in.FormAction == formSilent && in.PaymentMethodToken == "" {
		err = &invalid{codeNoAlias, "paymentMethodToken is missing"}
	}
	return err
}

func checkCardPayment(in *request) error {
	err := firstOf(checkAmount("amount", in.Amount), checkCurrency(in.Currency), checkCommon(in), oneOf("formAction", in.FormAction, formActions))
	if err == nil && in.FormAction == formRegisterPay {
		err = checkEmail(in.Customer.Email)
	}
	if err == nil && (in.card() != nil || in.PaymentMethodToken == "") {
		err = checkCard(in)
	}
	return err
}

func checkNoCard(in *request) error {
	if in.card() != nil {
		return &invalid{codeNotAllowed, "card numbers are for the PCI web services"}
	}
	return nil
}

func checkRegistration(in *request) error {
	return firstOf(checkCurrency(in.Currency), checkEmail(in.Customer.Email), checkCommon(in), checkNoCard(in))
}

func checkCardRegistration(in *request) error {
	return firstOf(checkCurrency(in.Currency), checkEmail(in.Customer.Email), checkCommon(in), checkCard(in))
}

// checkCard takes published test numbers only.
func checkCard(in *request) error {
	f := in.card()
	if f == nil {
		return wrong("paymentForms")
	}
	if f.PaymentMethodType != "CARD" {
		return wrong("paymentForms.paymentMethodType")
	}
	if _, ok := stage.TestCards[f.Number]; !ok {
		return &invalid{codeCard, "not a published test card"}
	}
	if f.expiry() == "" {
		return &invalid{codeExpiry, "invalid expiry date"}
	}
	return nil
}

func checkToken(in *request) error {
	if in.PaymentMethodToken == "" {
		return &invalid{codeNoAlias, "paymentMethodToken is missing"}
	}
	return nil
}

// checkTokenUpdate takes a card or none: without one the answer is a form.
func checkTokenUpdate(in *request) error {
	if in.card() == nil {
		return firstOf(checkToken(in), checkCommon(in))
	}
	return checkCardTokenUpdate(in)
}

func checkCardTokenUpdate(in *request) error {
	return firstOf(checkToken(in), checkCommon(in), checkCard(in))
}

// rule is a recurrence (RFC 5545) without spaces, with the parts that the facts show
// (section 6.5).
var rule = regexp.MustCompile(`^RRULE:FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;(INTERVAL|COUNT)=[0-9]{1,4}|;UNTIL=[0-9]{8}(T[0-9]{6}Z)?|;(BYMONTHDAY|BYMONTH|BYSETPOS)=-?[0-9]{1,2}(,-?[0-9]{1,2})*|;BYDAY=(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU))*)*$`)

func checkNewSubscription(in *request) error {
	return firstOf(checkToken(in), checkTerms(in), checkCommon(in))
}

func checkSubscriptionUpdate(in *request) error {
	return firstOf(checkSubscription(in), checkTerms(in), checkCommon(in))
}

// checkTerms checks what a subscription is made of.
func checkTerms(in *request) error {
	err := firstOf(checkAmount("amount", in.Amount), checkCurrency(in.Currency))
	if err != nil {
		return err
	}
	if _, err := time.Parse(time.RFC3339, in.EffectDate); err != nil {
		return wrong("effectDate")
	}
	if !rule.MatchString(in.RRule) {
		return &invalid{codeRule, "invalid recurrence rule"}
	}
	if len([]rune(in.Description)) > maxDescription {
		return wrong("description")
	}
	if n := in.InitialAmountNumber; n != nil && (*n < 0 || *n > maxInitialN) {
		return wrong("initialAmountNumber")
	}
	if in.InitialAmount != nil {
		return checkAmount("initialAmount", in.InitialAmount)
	}
	return nil
}

func checkSubscription(in *request) error {
	return firstOf(checkToken(in), required("subscriptionId", in.SubscriptionID))
}

func checkSubscriptionEnd(in *request) error {
	if in.TerminationDate != "" {
		if _, err := time.Parse(time.RFC3339, in.TerminationDate); err != nil {
			return wrong("terminationDate")
		}
	}
	return checkSubscription(in)
}

func checkUUID(in *request) error {
	return firstOf(required("uuid", in.UUID), checkCommon(in))
}

func checkCapture(in *request) error {
	if len(in.UUIDs) == 0 || len(in.UUIDs) > 100 {
		return wrong("uuids")
	}
	return checkCommon(in)
}

func checkCancelOrRefund(in *request) error {
	err := firstOf(checkUUID(in), oneOf("resolutionMode", in.ResolutionMode, resolutionModes))
	if err == nil && in.Amount != nil {
		err = checkAmount("amount", in.Amount)
	}
	if err == nil && in.Currency != "" {
		err = checkCurrency(in.Currency)
	}
	return err
}

func checkTransactionUpdate(in *request) error {
	u := &in.CardUpdate
	err := firstOf(checkUUID(in), oneOf("cardUpdate.manualValidation", u.ManualValidation, validations))
	if err == nil && u.Amount != nil {
		err = firstOf(checkAmount("cardUpdate.amount", u.Amount), checkCurrency(u.Currency))
	}
	if err == nil && u.ExpectedCaptureDate != "" {
		if _, parseErr := time.Parse(time.RFC3339, u.ExpectedCaptureDate); parseErr != nil {
			err = wrong("cardUpdate.expectedCaptureDate")
		}
	}
	return err
}

func checkDuplicate(in *request) error {
	return firstOf(checkUUID(in), checkAmount("amount", in.Amount), checkCurrency(in.Currency),
		oneOf("cardDuplicate.manualValidation", in.CardDuplicate.ManualValidation, validations), checkDelay(in.CardDuplicate.CaptureDelay))
}

func checkOrder(in *request) error {
	return firstOf(required("orderId", in.OrderID), oneOf("operationType", in.OperationType, operationTypes), checkCommon(in))
}
