package paysafe

import (
	"strconv"
	"strings"

	"cardbatch/batch"
	"cardbatch/gateway"
	"cardbatch/gateway/internal/jsontext"
	"cardbatch/money"
)

// Longest values of fields, in characters (reference, objects auths, merchantDescriptor, profiles, cards).
const (
	maxDescription = 255
	maxDescriptor  = 20
	maxName        = 80
	maxHolder      = 160
)

// maxMinor is the highest amount, in minor units (reference, object auths).
const maxMinor = 99_999_999_999

// operation is what Paysafe is asked, as far as it changes the path and the meaning of an answer.
type operation string

const (
	opAuthorize operation = "auth"   // an authorization, settled at once or not
	opVerify    operation = "verify" // a verification
	opSettle    operation = "settle" // a settlement of an authorization
	opRefund    operation = "refund" // a refund of a settlement
	opVoid      operation = "void"   // the reversal of an authorization that is not settled
	opCancel    operation = "cancel" // of a settlement that is not batched yet; it has no merchantRefNum
)

// operationOf names what a request asks; empty when Paysafe has no such operation.
func operationOf(req *gateway.Request) operation {
	switch req.Command {
	case batch.Verify:
		return opVerify
	case batch.DoImmediateWalletPayment, batch.DoAuthorization:
		if action := actionOf(req); action == batch.ActionAuthorize || action == batch.ActionPurchase {
			return opAuthorize
		}
	case batch.DoCapture:
		return opSettle
	case batch.DoRefund:
		return opRefund
	case batch.DoReset:
		if req.Original != nil && req.Original.PaymentAction() == batch.ActionPurchase {
			return opCancel
		}
		return opVoid
	}
	return ""
}

// actionOf is the Payline action code of a payment, its default included.
func actionOf(req *gateway.Request) string {
	payment := batch.Transaction{Command: req.Command, Action: req.Action}
	return payment.PaymentAction()
}

// isPurchase reports whether a request is an authorization that is settled at once.
func isPurchase(req *gateway.Request) bool {
	return operationOf(req) == opAuthorize && actionOf(req) == batch.ActionPurchase
}

// amountOf is the amount that a request moves: a void has the whole authorization's.
func amountOf(req *gateway.Request) money.Amount {
	if req.Command == batch.DoReset {
		return req.Original.Amount
	}
	return req.Amount
}

// settlementOf is the settlement that a refund or a cancellation acts on: the last
// capture, or the one that came with the payment.
func settlementOf(original *batch.Transaction) string {
	if original.LastFollowUpID != "" {
		return string(original.LastFollowUpID)
	}
	return string(original.ID)
}

// collections hold what an operation makes.
var collections = map[operation]string{
	opAuthorize: "auths",
	opVerify:    "verifications",
	opSettle:    "settlements",
	opRefund:    "refunds",
	opVoid:      "voidauths",
	opCancel:    "settlements",
}

// path is where an operation is asked for, below the account.
func path(op operation, req *gateway.Request) string {
	switch op {
	case opSettle, opVoid:
		return "auths/" + string(req.Original.ID) + "/" + collections[op]
	case opRefund:
		return "settlements/" + settlementOf(req.Original) + "/" + collections[op]
	case opCancel:
		return "settlements/" + settlementOf(req.Original)
	}
	return collections[op]
}

// appendOperation writes the body of a request that is no wallet's.
func appendOperation(buf []byte, op operation, req *gateway.Request) []byte {
	w := jsontext.Writer{Buf: buf}
	w.Open("")
	if op == opCancel {
		w.Text("status", "CANCELLED")
		w.Close()
		return w.Buf
	}
	w.Text("merchantRefNum", string(req.Key))
	if op != opVerify {
		w.Raw("amount", strconv.FormatInt(amountOf(req).Minor, 10))
	}
	w.Raw("dupCheck", "true")
	if op == opAuthorize {
		w.Raw("settleWithAuth", strconv.FormatBool(isPurchase(req)))
	}
	if op == opAuthorize || op == opVerify {
		appendCharged(&w, &req.Card)
		appendStoredCredential(&w, &req.Credential)
		if req.SoftDescriptor != "" {
			w.Open("merchantDescriptor")
			w.Text("dynamicDescriptor", firstChars(req.SoftDescriptor, maxDescriptor))
			w.Close()
		}
		w.Text("description", firstChars(req.OrderRef, maxDescription))
	}
	w.Close()
	return w.Buf
}

// appendCharged writes the card of a payment: its token alone, beside which nothing else
// is wanted (reference, object card), or number and expiry.
func appendCharged(w *jsontext.Writer, card *gateway.Card) {
	w.Open("card")
	if card.Token != "" {
		w.Text("paymentToken", card.Token)
	} else {
		w.Text("cardNum", card.Number.Reveal())
		appendExpiry(w, card.Expiry)
	}
	w.Close()
}

// appendExpiry writes an expiry (MMYY), whose form was checked, as numbers.
func appendExpiry(w *jsontext.Writer, expiry string) {
	w.Open("cardExpiry")
	w.Raw("month", strings.TrimPrefix(expiry[:2], "0"))
	w.Raw("year", "20"+expiry[2:])
	w.Close()
}

// validExpiry reports whether an expiry is a month and a year, MMYY.
func validExpiry(expiry string) bool {
	return len(expiry) == 4 && strings.Trim(expiry, "0123456789") == "" && expiry[:2] >= "01" && expiry[:2] <= "12"
}

// appendProfile writes a profile: with the card when it is made, and otherwise with
// everything that it had, because what an update leaves out is set to null (reference, update a profile).
func appendProfile(buf []byte, w *batch.Wallet, kept *entity, card *gateway.Card, key batch.Key) []byte {
	j := jsontext.Writer{Buf: buf}
	j.Open("")
	j.Text("merchantCustomerId", customerID(w))
	j.Text("locale", or(kept.Locale, localeOf(w.Language)))
	j.Text("firstName", or(firstChars(w.FirstName, maxName), kept.FirstName))
	j.Text("middleName", kept.MiddleName)
	j.Text("lastName", or(firstChars(w.LastName, maxName), kept.LastName))
	if len(kept.DateOfBirth) > 0 {
		j.Raw("dateOfBirth", string(kept.DateOfBirth))
	}
	j.Text("email", or(w.Email, kept.Email))
	j.Text("phone", kept.Phone)
	j.Text("ip", kept.IP)
	j.Text("gender", kept.Gender)
	j.Text("nationality", kept.Nationality)
	j.Text("cellPhone", kept.CellPhone)
	if card != nil {
		j.Open("card")
		appendKept(&j, w, card, key)
		j.Close()
	}
	j.Close()
	return j.Buf
}

// appendCard writes a card that is added to a profile.
func appendCard(buf []byte, w *batch.Wallet, card *gateway.Card, key batch.Key) []byte {
	j := jsontext.Writer{Buf: buf}
	j.Open("")
	appendKept(&j, w, card, key)
	j.Close()
	return j.Buf
}

func appendKept(j *jsontext.Writer, w *batch.Wallet, card *gateway.Card, key batch.Key) {
	j.Text("cardNum", card.Number.Reveal())
	appendExpiry(j, card.Expiry)
	j.Text("holderName", holderName(w, card))
	j.Text("merchantRefNum", string(key))
}

// appendCardChange writes the update of a card that the vault keeps, with everything
// that it has: what is left out is set to null, the number aside (reference, update a card).
func appendCardChange(buf []byte, kept *entity, expiry, holder string, key batch.Key) []byte {
	j := jsontext.Writer{Buf: buf}
	j.Open("")
	if validExpiry(expiry) {
		appendExpiry(&j, expiry)
	}
	j.Text("nickName", kept.NickName)
	j.Text("merchantRefNum", string(key))
	j.Text("holderName", holder)
	j.Text("billingAddressId", kept.BillingAddressID)
	if kept.DefaultCard {
		j.Raw("defaultCardIndicator", "true")
	}
	j.Close()
	return j.Buf
}

// holderName is the name on the card; the vault wants one.
func holderName(w *batch.Wallet, card *gateway.Card) string {
	return firstChars(or(card.Cardholder, strings.TrimSpace(w.FirstName+" "+w.LastName)), maxHolder)
}

// localeOf is one of the three locales of a profile; en_US is the default of those forms that have one.
func localeOf(language string) string {
	if language == "fr" {
		return "fr_CA"
	}
	return "en_US"
}

// customerID is the merchantCustomerId of a wallet: a function of merchant and wallet,
// so that two merchants with one Paysafe account cannot meet. No attempt is numbered 0,
// and so no attempt has this key.
func customerID(w *batch.Wallet) string {
	return string(batch.NewKey(w.Merchant, batch.LineRef(w.ID), 0))
}

// firstChars cuts text after n characters.
func firstChars(text string, n int) string {
	for i := range text {
		if n == 0 {
			return text[:i]
		}
		n--
	}
	return text
}
