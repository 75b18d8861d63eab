package paysafe

import (
	"net/http"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// Error codes that this gateway answers (paysafe facts, sections 4.4 and 4.5; those that
// are not there are of the API's own reference, error summary).
const (
	internalError     = "1000"
	clearingTimeout   = "1007"
	unsupportedCard   = "3001"
	invalidNumber     = "3002"
	expiredCard       = "3006"
	declined          = "3009"
	insufficientFunds = "3022"
	declinedTimeout   = "3041"
	authRequired      = "3060"
	settleUnknown     = "3201"
	settleNothingLeft = "3203"
	settleTooMuch     = "3204"
	refundTooMuch     = "3402"
	refundNothingLeft = "3404"
	notBatched        = "3406"
	refundUnknown     = "3407"
	notPending        = "3415"
	inProgress        = "3417"
	voidUnknown       = "3500"
	voidTooMuch       = "3501"
	voidSettled       = "3502"
	brandNewCode      = "3999" // no document lists it
	invalidCurrency   = "5001"
	invalidAmount     = "5003"
	unknownAccount    = "5016"
	notParseable      = "5023"
	duplicate         = "5031"
	invalidReference  = "5042"
	fieldError        = "5068"
	unknownID         = "5269"
	badContentType    = "5272"
	unknownURL        = "5273"
	badCredentials    = "5279"
	noCredentials     = "5280"
	badMethod         = "5281"
	invalidToken      = "5500"
	cardInUse         = "7503"
	customerInUse     = "7505"
	invalidVaultCard  = "7508"
	addressUnknown    = "7511"
	nothingToSearch   = "7516"
)

// failure is what goes with an error code.
type failure struct {
	status  int
	message string
}

var failures = map[string]failure{
	internalError:     {http.StatusInternalServerError, "internal error"},
	clearingTimeout:   {http.StatusInternalServerError, "internal error at the clearing house"},
	unsupportedCard:   {http.StatusBadRequest, "this type of card is not supported"},
	invalidNumber:     {http.StatusBadRequest, "not a card number of this brand; the simulator takes published test cards only"},
	expiredCard:       {http.StatusBadRequest, "the card has expired"},
	"3007":            {http.StatusPaymentRequired, "the address does not match; the amount may stay reserved for some days"},
	declined:          {http.StatusPaymentRequired, "the issuer declined"},
	"3015":            {http.StatusPaymentRequired, "the issuer asks to be called"},
	insufficientFunds: {http.StatusPaymentRequired, "declined for insufficient funds"},
	"3023":            {http.StatusPaymentRequired, "declined by the issuer's rules of card activity"},
	"3024":            {http.StatusPaymentRequired, "the transaction is not permitted with this card"},
	declinedTimeout:   {http.StatusPaymentRequired, "declined because of a timeout"},
	authRequired:      {http.StatusPaymentRequired, "strong customer authentication is required"},
	settleUnknown:     {http.StatusNotFound, "the authorization to settle was not found"},
	settleNothingLeft: {http.StatusPaymentRequired, "the authorization is settled in full or cancelled"},
	settleTooMuch:     {http.StatusPaymentRequired, "more than what is left of the authorization"},
	refundTooMuch:     {http.StatusPaymentRequired, "more than what is left of the settlement"},
	refundNothingLeft: {http.StatusPaymentRequired, "the settlement is refunded in full"},
	notBatched:        {http.StatusPaymentRequired, "the settlement is not batched yet: there is nothing to refund"},
	refundUnknown:     {http.StatusBadRequest, "the settlement to refund was not found"},
	notPending:        {http.StatusPaymentRequired, "no longer pending: it cannot be cancelled"},
	inProgress:        {http.StatusPaymentRequired, "another request is in progress on this transaction"},
	voidUnknown:       {http.StatusBadRequest, "the authorization to void was not found"},
	voidTooMuch:       {http.StatusPaymentRequired, "more than what is left of the authorization"},
	voidSettled:       {http.StatusPaymentRequired, "the authorization has been settled"},
	brandNewCode:      {http.StatusPaymentRequired, "declined for a reason that no document lists"},
	"4001":            {http.StatusPaymentRequired, "in the negative database"},
	"4002":            {http.StatusPaymentRequired, "declined by risk management"},
	invalidCurrency:   {http.StatusBadRequest, "not the currency of the account"},
	invalidAmount:     {http.StatusBadRequest, "not an amount"},
	unknownAccount:    {http.StatusBadRequest, "there is no such account"},
	notParseable:      {http.StatusBadRequest, "the request cannot be parsed"},
	duplicate:         {http.StatusConflict, "already processed: the merchantRefNum was used before"},
	invalidReference:  {http.StatusBadRequest, "the merchantRefNum is missing or too long"},
	fieldError:        {http.StatusBadRequest, "a mandatory field is missing, or a field has another format than expected"},
	unknownID:         {http.StatusNotFound, "an id of the URL is not known"},
	badContentType:    {http.StatusNotAcceptable, "the content type of the request is not application/json"},
	unknownURL:        {http.StatusNotFound, "there is no such URL"},
	badCredentials:    {http.StatusUnauthorized, "the credentials are not valid"},
	noCredentials:     {http.StatusUnauthorized, "the credentials are missing"},
	badMethod:         {http.StatusMethodNotAllowed, "this resource does not take the method"},
	invalidToken:      {http.StatusBadRequest, "the payment token is not valid, or its profile or card is not active"},
	cardInUse:         {http.StatusConflict, "card number already in use"},
	customerInUse:     {http.StatusConflict, "the merchantCustomerId is that of another profile"},
	invalidVaultCard:  {http.StatusBadRequest, "not a card number of a brand; the simulator takes published test cards only"},
	addressUnknown:    {http.StatusNotFound, "the address was not found; the simulator keeps none"},
	nothingToSearch:   {http.StatusBadRequest, "there is nothing to search by"},
}

// trigger is what an amount under 100 does (facts, section 4.6).
type trigger struct {
	code string        // empty: approved
	wait time.Duration // before the answer
}

// triggers are the published amounts, in minor units. Any other is approved.
var triggers = map[int64]trigger{
	4: {code: "3015"}, 5: {code: declined}, 6: {code: clearingTimeout}, 11: {code: insufficientFunds}, 12: {code: "3023"}, 13: {code: "3024"},
	20: {code: clearingTimeout}, 23: {code: "4002"}, 24: {code: "3007"}, 25: {code: "4001"}, 77: {code: authRequired},
	90: {wait: 5 * time.Second}, 91: {wait: 10 * time.Second}, 92: {wait: 15 * time.Second}, 93: {wait: 20 * time.Second},
	94: {wait: 25 * time.Second}, 95: {wait: 30 * time.Second}, 96: {code: clearingTimeout, wait: 35 * time.Second},
}

// decide answers for a card, and for the amount when it is one of an authorization: the
// error code, empty when it is approved. Of a verification the amount is 0.
func decide(amount int64, expiry string, now time.Time) string {
	if stage.Expired(expiry, now) {
		return expiredCard
	}
	if code := triggers[amount].code; code != "" {
		return code
	}
	if expiry == stage.DeclinedExpiry {
		return declined
	}
	return ""
}

// cardTypes are the values of cardType (facts, section 4.2) by scheme. A scheme that is
// not here is not supported.
var cardTypes = map[string]string{
	"AMEX": "AM", "DINERS_CLUB": "DC", "DISCOVER": "DI", "JCB": "JC", "MASTERCARD": "MC", "MAESTRO": "MD", "VISA": "VI",
}

// currencies of the accounts: every account has one, and a request may not name another.
var currencies = func() map[string]string {
	byAccount := map[string]string{}
	for currency, account := range stage.AccountIDs {
		byAccount[account] = currency
	}
	return byAccount
}()

const (
	// duplicateWindow is how long a merchantRefNum stays used (facts, section 4.4).
	duplicateWindow = 90 * 24 * time.Hour
	// batchDelay is when a settlement or refund goes to the acquirer. Really that is in
	// a batch at the end of the day; a fixed time tells the same on every run.
	batchDelay = 24 * time.Hour
	// listWindow is how far back a list goes when no startDate is given.
	listWindow = 30 * 24 * time.Hour
)
