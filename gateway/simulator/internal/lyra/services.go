package lyra

import (
	"strings"

	"cardbatch/gateway/simulator/stage"
)

// service is one web service (Lyra facts, section 7.4).
type service struct {
	lookup bool // it asks what became of a request; to show an alias is a request of its own
	// states says that the answer holds transactions, and with them a state that may be
	// still running. The other answers have no words for that.
	states bool
	issuer bool // it may ask the issuer of a card
	// check checks the form of a request, whatever the accounts are.
	check func(in *request) error
	// carryOut does what is asked and returns the answer object.
	carryOut func(g *Gateway, in *request, d disguise) ([]byte, error)
}

// services are the web services by name. There are more on the platform: they
// belong to the browser, or no document that we have gives their fields.
var services = map[string]*service{
	"Charge/SDKTest":                    {lookup: true, check: checkNothing, carryOut: (*Gateway).echo},
	"Charge/CreatePayment":              {issuer: true, states: true, check: checkPayment, carryOut: (*Gateway).createPayment},
	"PCI/Charge/CreatePayment":          {issuer: true, states: true, check: checkCardPayment, carryOut: (*Gateway).pay},
	"Charge/CreateToken":                {states: true, check: checkRegistration, carryOut: (*Gateway).giveForm},
	"PCI/Charge/CreateToken":            {issuer: true, states: true, check: checkCardRegistration, carryOut: (*Gateway).createToken},
	"Charge/CreateTokenFromTransaction": {check: checkUUID, carryOut: (*Gateway).createTokenFrom},
	"Charge/CreateSubscription":         {check: checkNewSubscription, carryOut: (*Gateway).createSubscription},

	"Token/Get":        {check: checkToken, carryOut: (*Gateway).getToken},
	"Token/Update":     {issuer: true, states: true, check: checkTokenUpdate, carryOut: (*Gateway).updateToken},
	"PCI/Token/Update": {issuer: true, states: true, check: checkCardTokenUpdate, carryOut: (*Gateway).updateToken},
	"Token/Cancel":     {check: checkToken, carryOut: (*Gateway).cancelToken},
	"Token/Reactivate": {check: checkToken, carryOut: (*Gateway).reactivateToken},

	"Subscription/Get":    {lookup: true, check: checkSubscription, carryOut: (*Gateway).getSubscription},
	"Subscription/Update": {check: checkSubscriptionUpdate, carryOut: (*Gateway).updateSubscription},
	"Subscription/Cancel": {check: checkSubscriptionEnd, carryOut: (*Gateway).cancelSubscription},

	"Transaction/Get":            {lookup: true, states: true, check: checkUUID, carryOut: (*Gateway).getTransaction},
	"Transaction/Validate":       {states: true, check: checkUUID, carryOut: (*Gateway).validate},
	"Transaction/Capture":        {check: checkCapture, carryOut: (*Gateway).capture},
	"Transaction/Cancel":         {states: true, check: checkUUID, carryOut: (*Gateway).cancel},
	"Transaction/CancelOrRefund": {states: true, check: checkCancelOrRefund, carryOut: (*Gateway).cancelOrRefund},
	"Transaction/Update":         {states: true, check: checkTransactionUpdate, carryOut: (*Gateway).updateTransaction},
	"Transaction/Duplicate":      {states: true, check: checkDuplicate, carryOut: (*Gateway).duplicate},

	"Order/Get": {lookup: true, states: true, check: checkOrder, carryOut: (*Gateway).getOrder},
}

// asksIssuer reports whether the issuer is asked, so that its refusal is a refused
// transaction, not an error.
func (s *service) asksIssuer(in *request) bool {
	return s.issuer && (in.FormAction == formSilent || in.card() != nil)
}

// keyOf is what the caller named its request.
func keyOf(name string, in *request) string {
	comment, _, _ := strings.Cut(in.Comment, " ")
	about := in.UUID + strings.Join(in.UUIDs, ",") + in.SubscriptionID
	return stage.Or(in.OrderID, stage.Or(comment, name+" "+stage.Or(about, in.PaymentMethodToken)))
}
