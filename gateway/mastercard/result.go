package mastercard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"cardbatch/gateway"
	"cardbatch/gateway/internal/codetable"
	"cardbatch/gateway/internal/wire"
)

// ResultFields names what Result reads of an answer, the ids of order and transaction aside:
// whoever must ask for each field asks for these (facts, section 3.6).
var ResultFields = []string{
	"result", "error.cause", "error.explanation", "error.field", "error.validationType", "error.supportCode",
	"order.amount", "order.currency", "transaction.amount", "transaction.currency",
	"response.gatewayCode", "response.acquirerCode", "transaction.authorizationCode",
	"transaction.acquirer.traceId", "authorizationResponse.transactionIdentifier",
	"sourceOfFunds.provided.card.number", "sourceOfFunds.provided.card.expiry.month",
	"sourceOfFunds.provided.card.expiry.year", "sourceOfFunds.provided.card.scheme",
}

// Result reads what another transport brought: the final answer to a request, a value for
// each of ResultFields and for order.id and transaction.id. It is trusted as an answer by
// REST is. A refusal that may mean that the ids were used before is looked up; everything
// else that is not final is in doubt, because this transport says nothing more of it. The
// error is always a *gateway.Error.
func (c *Client) Result(ctx context.Context, req *gateway.Request, value func(field string) string) (gateway.Answer, error) {
	var r response
	r.fill(value)
	status := http.StatusCreated
	if r.Result == "ERROR" {
		status = http.StatusBadRequest // as REST has it
	}
	m := judge(kindRow, status, &r)
	if m.State == "" {
		return gateway.Answer{}, wire.InDoubt(fmt.Errorf("mastercard: nothing that can be trusted (result %q, cause %q)", wire.Scrub(r.Result), wire.Scrub(r.Error.Cause)))
	}
	if err := c.belongs(operation(req), req, &r); err != nil {
		return gateway.Answer{}, wire.InDoubt(err)
	}
	if m.Outcome == codetable.Confirm {
		known, err := c.Lookup(ctx, *req)
		if !errors.Is(err, gateway.ErrUnknownKey) {
			return known, wire.AsSent(err)
		}
	}
	return r.answer(req, m), nil
}

// fill reads a response by the names of its fields.
func (r *response) fill(value func(field string) string) {
	r.Result = value("result")
	r.Error.Cause, r.Error.Explanation = value("error.cause"), value("error.explanation")
	r.Error.Field, r.Error.ValidationType = value("error.field"), value("error.validationType")
	r.Error.SupportCode = value("error.supportCode")
	r.Order.ID, r.Order.Currency = value("order.id"), value("order.currency")
	r.Order.Amount = json.Number(value("order.amount"))
	r.Transaction.ID, r.Transaction.Currency = value("transaction.id"), value("transaction.currency")
	r.Transaction.Amount = json.Number(value("transaction.amount"))
	r.Transaction.AuthorizationCode = value("transaction.authorizationCode")
	r.Transaction.Acquirer.TraceID = value("transaction.acquirer.traceId")
	r.Response.GatewayCode, r.Response.AcquirerCode = value("response.gatewayCode"), value("response.acquirerCode")
	r.AuthorizationResponse.TransactionIdentifier = value("authorizationResponse.transactionIdentifier")
	card := &r.SourceOfFunds.Provided.Card
	card.Number, card.Scheme = value("sourceOfFunds.provided.card.number"), value("sourceOfFunds.provided.card.scheme")
	card.Expiry = joinExpiry(value("sourceOfFunds.provided.card.expiry.month"), value("sourceOfFunds.provided.card.expiry.year"))
}
