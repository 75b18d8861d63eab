package smartbill

import (
	"errors"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/wire"
)

// waiting is what is known of a charge that is with American Express.
func (c *Client) waiting(valueDate string) gateway.Answer {
	return gateway.Answer{State: batch.Pending, Answer: batch.Answer{Code: batch.CodePending, Message: "charge file for value date " + valueDate}}
}

var errForeign = errors.New("smartbill: an answer that is not about this charge")

// read turns what American Express answered into the answer to a request. The transaction's
// id is our key: American Express names none.
func (c *Client) read(req *gateway.Request, told batch.ChargeAnswer) (gateway.Answer, error) {
	if told.Key != req.Key {
		return gateway.Answer{}, wire.InDoubt(errForeign)
	}
	m := judge(told)
	if m.State == "" {
		return gateway.Answer{}, wire.InDoubt(errors.New("smartbill: the answer has no result that is known; ask American Express"))
	}
	a := gateway.Answer{State: m.State, Unlisted: m.Unlisted, Answer: batch.Answer{
		Code: m.Code, Message: message(told), AuthorizationNumber: told.AuthorizationNumber,
		GatewayCode: told.Code, SchemeCode: told.Code, ValueDate: told.ValueDate,
	}}
	if m.State == batch.Approved {
		a.TransactionID = batch.TransactionID(req.Key)
	}
	if req.Wallet != nil {
		if card, known := req.Wallet.Card(req.CardIndex); known {
			a.Card, a.CardExpiry, a.CardType = card.Masked(), card.Expiry, card.Type
		}
	}
	return a, nil
}

// message is American Express' own text, and its advice when it knows of a newer card.
func message(told batch.ChargeAnswer) string {
	parts := make([]string, 0, 2)
	if text := wire.Scrub(told.Text); text != "" {
		parts = append(parts, text)
	}
	if told.CardChanged {
		parts = append(parts, "the card has changed: ask the cardholder for the new one")
	}
	return strings.Join(parts, "; ")
}
