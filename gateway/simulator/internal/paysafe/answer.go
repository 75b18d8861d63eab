package paysafe

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"time"

	"cardbatch/gateway/simulator/stage"
)

// statusCode is the header that repeats an error's code (facts, section 4.1).
const statusCode = "X-Application-Status-Code"

// reply is an answer before it is written.
type reply struct {
	status int
	code   string // of an error
	body   []byte
}

// disguise makes an answer differ from the truth, for a fault.
type disguise struct {
	status, vaultStatus string // to show instead
	code, vaultCode     string // to fail with instead
	foreign             bool   // about another transaction, profile or card
}

// disguises are the answers of phases that answer in form, but not the truth. The
// gateway's way of not knowing is a decline that is none: "declined on timeout".
var disguises = map[stage.Phase]disguise{
	stage.WrongReference: {foreign: true},
	stage.Pending:        {status: "RECEIVED", vaultStatus: "PENDING"},
	stage.Unknown:        {code: declinedTimeout, vaultCode: internalError},
	stage.UnknownResult:  {status: "PERHAPS", vaultStatus: "PERHAPS"},
}

// name turns an id around when the answer is to be about another one.
func (d disguise) name(id string) string {
	if d.foreign {
		return stage.Reverse(id)
	}
	return id
}

type link struct {
	Rel  string `json:"rel"`
	Href string `json:"href"`
}

// shownTransaction is a transaction as the API shows it; each kind has its own part of
// the fields. The links come first, as in the real answers.
type shownTransaction struct {
	Links             []link             `json:"links,omitempty"`
	ID                string             `json:"id"`
	MerchantRefNum    string             `json:"merchantRefNum,omitempty"`
	Error             *shownError        `json:"error,omitempty"`
	TxnTime           string             `json:"txnTime,omitempty"`
	Status            string             `json:"status,omitempty"`
	Amount            int64              `json:"amount,omitempty"`
	SettleWithAuth    *bool              `json:"settleWithAuth,omitempty"`
	PreAuth           *bool              `json:"preAuth,omitempty"`
	AvailableToSettle *int64             `json:"availableToSettle,omitempty"`
	AvailableToRefund *int64             `json:"availableToRefund,omitempty"`
	Card              *shownCard         `json:"card,omitempty"`
	AuthCode          string             `json:"authCode,omitempty"`
	Description       string             `json:"description,omitempty"`
	DupCheck          *bool              `json:"dupCheck,omitempty"`
	CurrencyCode      string             `json:"currencyCode,omitempty"`
	AVSResponse       string             `json:"avsResponse,omitempty"`
	CVVVerification   string             `json:"cvvVerification,omitempty"`
	StoredCredential  *credentialGiven   `json:"storedCredential,omitempty"`
	Settlements       []shownTransaction `json:"settlements,omitempty"`
}

type shownCard struct {
	Type       string     `json:"type"`
	LastDigits string     `json:"lastDigits"`
	CardExpiry cardExpiry `json:"cardExpiry"`
}

type shownError struct {
	Code        string       `json:"code"`
	Message     string       `json:"message"`
	Details     []string     `json:"details,omitempty"`
	FieldErrors []shownField `json:"fieldErrors,omitempty"`
	Links       []link       `json:"links,omitempty"`
}

type shownField struct {
	Field string `json:"field"`
	Error string `json:"error"`
}

// expiryOf is the opposite of mmyy.
func expiryOf(mmyy string) cardExpiry {
	n, _ := strconv.Atoi(mmyy) // four digits, as mmyy made them
	return cardExpiry{Month: number(n / 100), Year: number(2000 + n%100)}
}

// show is what a transaction looks like now; its shard is locked.
func show(t *transaction, d disguise, base string, now time.Time) shownTransaction {
	id := d.name(t.ID)
	out := shownTransaction{
		ID: id, MerchantRefNum: d.name(t.Ref), TxnTime: time.UnixMilli(t.At).UTC().Format("2006-01-02T15:04:05Z"),
		Status: stage.Or(d.status, t.status(now)), Amount: t.Amount,
		Links: []link{{"self", base + pathOf(t.Account, t.Kind) + "/" + id}},
	}
	if t.Kind == auths {
		out.SettleWithAuth = &t.Settle
	} else if !t.implied {
		out.DupCheck = &t.Check
	}
	if code := stage.Or(d.code, t.Code); code != "" {
		out.Status = "FAILED"
		out.Error = explain(code, base)
		return out
	}
	switch t.Kind {
	case auths, verifications:
		out.Card = &shownCard{t.Card.Type, t.Card.Last, expiryOf(t.Card.Expiry)}
		out.AuthCode = stage.DigitsOf(t.ID, 6)
		out.Description = t.Description
		out.CurrencyCode = currencies[t.Account]
		out.AVSResponse, out.CVVVerification = "NOT_PROCESSED", "NOT_PROCESSED"
		out.StoredCredential = t.Credential
	case settlements:
		out.AvailableToRefund = available(t)
	}
	if t.Kind == auths {
		out.PreAuth = new(bool)
		out.AvailableToSettle = available(t)
		for _, s := range t.settlements {
			settlement := show(s, disguise{foreign: d.foreign}, base, now)
			out.Settlements = append(out.Settlements, settlement)
			if s.implied {
				out.Links = append([]link{{"settlement", settlement.Links[0].Href}}, out.Links...)
			}
		}
	}
	return out
}

// available copies what is left, because it changes once the shard is free.
func available(t *transaction) *int64 {
	left := t.available
	return &left
}

func pathOf(account string, k kind) string {
	return paymentsPrefix + "accounts/" + account + "/" + string(k)
}

// answer writes a transaction for the one who asked for it; its shard is locked. A
// failure tells less than a look-up of it does.
func (g *Gateway) answer(t *transaction, d disguise, base string, now time.Time) reply {
	shown := show(t, d, base, now)
	if shown.Error != nil {
		shown.TxnTime, shown.Status, shown.Amount = "", "", 0
		return reply{failures[shown.Error.Code].status, shown.Error.Code, encode(shown)}
	}
	return reply{http.StatusOK, "", encode(shown)}
}

// listAnswer writes a page of a list, under the name of its collection.
func listAnswer(k kind, account, ref string, shown []shownTransaction, p period, more bool, base string) reply {
	href := func(offset int) string {
		query := url.Values{"merchantRefNum": {ref}, "limit": {strconv.Itoa(p.limit)}, "offset": {strconv.Itoa(offset)}}
		return base + pathOf(account, k) + "?" + query.Encode()
	}
	links := []link{{"self", href(p.offset)}}
	if more {
		links = append(links, link{"next", href(p.offset + p.limit)})
	}
	return reply{status: http.StatusOK, body: encode(map[string]any{"links": links, string(k): shown})}
}

// explain is the error object of a code.
func explain(code, base string) *shownError {
	return &shownError{
		Code: code, Message: failures[code].message,
		Links: []link{{"errorinfo", base + "/errors/#ErrorCode" + code}},
	}
}

type errorAnswer struct {
	ID             string      `json:"id,omitempty"`
	MerchantRefNum string      `json:"merchantRefNum,omitempty"`
	Error          *shownError `json:"error"`
	Links          []link      `json:"links,omitempty"`
}

// refusal answers that something was wrong, and nothing was done.
func (g *Gateway) refusal(err error, base string) reply {
	g.stage.Counts.Refusals.Add(1)
	var why *invalid
	if !errors.As(err, &why) {
		return errorOf(http.StatusServiceUnavailable, base) // the simulator cannot keep it
	}
	out := errorAnswer{Error: explain(why.code, base)}
	switch {
	case why.field != "":
		out.Error.FieldErrors = []shownField{{why.field, why.problem}}
	case why.entity != "":
		out.Error.Message += " - " + path.Base(why.entity)
		out.Links = []link{{"existing_entity", base + why.entity}}
	case why.problem != "":
		out.Error.Details = []string{why.problem}
	}
	return reply{failures[why.code].status, why.code, encode(out)}
}

// errorOf answers a status that says nothing of the request.
func errorOf(status int, base string) reply {
	code := internalError
	if status == http.StatusUnauthorized {
		code = badCredentials
	}
	return reply{status, code, encode(errorAnswer{Error: explain(code, base)})}
}

// declineOf answers that a request failed, and keeps nothing of it. In the vault an
// answer of that kind names nothing.
func (g *Gateway) declineOf(shown stage.Phase, k kind, account, ref, base string) reply {
	code := brandNewCode
	if shown == stage.LockFailure {
		code = inProgress
	}
	out := errorAnswer{Error: explain(code, base)}
	if k != "" {
		out.ID, out.MerchantRefNum = g.newID(""), ref
		out.Links = []link{{"self", base + pathOf(account, k) + "/" + out.ID}}
	}
	return reply{failures[code].status, code, encode(out)}
}

func encode(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // these types always encode
	}
	return text
}
