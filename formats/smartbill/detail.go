package smartbill

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// codec turns the details of one kind of file into Go values and back.
type codec[T any] struct {
	detail *layout.Kind
	get    func(*layout.Record, Header) T
	// put fills a record and counts it in the trailer.
	put func(*layout.Record, Header, T, *Trailer) error
}

func (b *binder) enrolment(*frame) codec[Enrolment] {
	k := b.Kind("detail")
	action := b.Code(true, k, "action", string(Add), string(Delete))
	alias := b.Field(true, k, "alias", layout.Text, layout.Digits)
	pan := b.Field(true, k, "pan", layout.CardPAN)
	expiry := b.Field(true, k, "expiry", layout.Date)
	name := b.Field(false, k, "name", layout.Text)
	key := b.Field(true, k, "key", layout.Text)
	return codec[Enrolment]{
		detail: k,
		get: func(rec *layout.Record, _ Header) Enrolment {
			code, _ := rec.Code(action)
			return Enrolment{
				Action: Action(code), Alias: rec.Text(alias), Card: rec.PAN(pan), Expiry: monthYear(rec.Date(expiry, time.UTC)),
				Name: rec.Text(name), Key: batch.Key(rec.Text(key)),
			}
		},
		put: func(rec *layout.Record, _ Header, e Enrolment, t *Trailer) error {
			whole := !e.Card.IsZero() && e.Expiry != ""
			switch {
			case e.Action == Add && !whole:
				return errors.New("an add needs the card number and its expiry")
			case e.Action == Delete && (!e.Card.IsZero() || e.Expiry != ""):
				return errors.New("a delete goes by the alias; it carries no card number and no expiry")
			}
			month, err := parseMonthYear(e.Expiry)
			if err != nil {
				return err
			}
			rec.SetCode(action, string(e.Action))
			rec.SetText(alias, e.Alias)
			rec.SetPAN(pan, e.Card)
			rec.SetDate(expiry, month)
			rec.SetText(name, strings.TrimSpace(e.Name))
			rec.SetText(key, string(e.Key))
			if e.Action == Delete {
				t.Deletes++
			} else {
				t.Adds++
			}
			return nil
		},
	}
}

func (b *binder) status(f *frame) codec[Status] {
	k := b.Kind("detail")
	alias := b.Field(true, k, "alias", layout.Text, layout.Digits)
	status := b.Code(true, k, "status", statuses...)
	code := b.Field(false, k, "code", layout.Text, layout.Digits)
	text := b.Field(false, k, "text", layout.Text)
	expiry := b.Field(false, k, "new_expiry", layout.Date)
	product := b.Field(false, k, "product", layout.Text, layout.Digits)
	date := b.Field(true, k, "event_date", layout.Date)
	clock := b.Field(false, k, "event_time", layout.Time)
	zone := f.zone
	return codec[Status]{
		detail: k,
		get: func(rec *layout.Record, _ Header) Status {
			name, known := rec.Code(status)
			return Status{
				Line: rec.Line(), Alias: rec.Text(alias), Status: batch.CardStatus(name), Known: known, Code: rec.Text(code),
				Text: batch.MaskCardNumbers(rec.Text(text)), NewExpiry: monthYear(rec.Date(expiry, time.UTC)), Product: rec.Text(product),
				At: rec.DateTime(date, clock, zone),
			}
		},
		put: func(rec *layout.Record, _ Header, s Status, t *Trailer) error {
			month, err := parseMonthYear(s.NewExpiry)
			if err != nil {
				return err
			}
			rec.SetText(alias, s.Alias)
			rec.SetCode(status, string(s.Status))
			rec.SetText(code, s.Code)
			rec.SetText(text, s.Text)
			rec.SetDate(expiry, month)
			rec.SetText(product, s.Product)
			rec.SetDate(date, s.At.In(zone))
			rec.SetTime(clock, s.At.In(zone))
			t.Details++
			return nil
		},
	}
}

func (b *binder) charge(*frame) codec[Charge] {
	k := b.Kind("detail")
	kind := b.Code(true, k, "kind", string(Debit), string(Credit))
	alias := b.Field(true, k, "alias", layout.Text, layout.Digits)
	amount := b.Field(true, k, "amount", layout.Amount)
	orderRef := b.Field(false, k, "order_ref", layout.Text)
	descriptor := b.Field(false, k, "descriptor", layout.Text)
	key := b.Field(true, k, "key", layout.Text)
	return codec[Charge]{
		detail: k,
		get: func(rec *layout.Record, h Header) Charge {
			code, _ := rec.Code(kind)
			return Charge{
				Kind: ChargeKind(code), Alias: rec.Text(alias), Amount: rec.Amount(amount, h.Currency), OrderRef: rec.Text(orderRef),
				Descriptor: rec.Text(descriptor), Key: batch.Key(rec.Text(key)),
			}
		},
		put: func(rec *layout.Record, h Header, c Charge, t *Trailer) error {
			if c.Amount.Minor <= 0 || c.Amount.Currency != h.Currency {
				return fmt.Errorf("a charge must be more than 0 and in %s, the currency of the file", h.Currency)
			}
			rec.SetCode(kind, string(c.Kind))
			rec.SetText(alias, c.Alias)
			rec.SetNumber(amount, c.Amount.Minor)
			rec.SetText(orderRef, c.OrderRef)
			rec.SetText(descriptor, strings.TrimSpace(c.Descriptor))
			rec.SetText(key, string(c.Key))
			if c.Kind == Credit {
				t.Credits++
				t.CreditAmount += c.Amount.Minor
			} else {
				t.Debits++
				t.DebitAmount += c.Amount.Minor
			}
			return nil
		},
	}
}

func (b *binder) response(f *frame) codec[Response] {
	k := b.Kind("detail")
	key := b.Field(true, k, "key", layout.Text)
	result := b.Code(true, k, "result", string(Approved), string(Declined), string(Refused))
	authorization := b.Field(false, k, "authorization", layout.Text, layout.Digits)
	code := b.Field(false, k, "code", layout.Text, layout.Digits)
	text := b.Field(false, k, "text", layout.Text)
	update := b.Code(false, k, "card_update", string(Changed), string(Unchanged))
	date := b.Field(false, k, "value_date", layout.Date)
	zone := f.zone
	return codec[Response]{
		detail: k,
		get: func(rec *layout.Record, _ Header) Response {
			name, known := rec.Code(result)
			flag, _ := rec.Code(update)
			return Response{
				Line: rec.Line(), Key: batch.Key(rec.Text(key)), Result: Result(name), Known: known, Authorization: rec.Text(authorization),
				Code: rec.Text(code), Text: batch.MaskCardNumbers(rec.Text(text)), CardUpdate: CardUpdate(flag), ValueDate: rec.Date(date, zone),
			}
		},
		put: func(rec *layout.Record, _ Header, r Response, _ *Trailer) error {
			rec.SetText(key, string(r.Key))
			rec.SetCode(result, string(r.Result))
			rec.SetText(authorization, r.Authorization)
			rec.SetText(code, r.Code)
			rec.SetText(text, r.Text)
			rec.SetCode(update, string(r.CardUpdate))
			rec.SetDate(date, r.ValueDate)
			return nil
		},
	}
}

// monthYear writes a card's expiry as the program keeps it: MMYY.
func monthYear(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format("0106")
}

// parseMonthYear reads MMYY, in this century; empty is the zero time.
func parseMonthYear(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse("200601", "20"+text[len(text)/2:]+text[:len(text)/2])
	if len(text) != 4 || err != nil {
		return time.Time{}, errors.New("the expiry must be MMYY")
	}
	return t, nil
}
