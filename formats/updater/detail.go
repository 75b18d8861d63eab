package updater

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"cardbatch/batch"
	"cardbatch/formats/layout"
)

// codec turns the details of one kind of file into Go values.
type codec[T any] struct {
	detail *layout.Kind
	get    func(*layout.Record) T
	// check tells what the layout cannot: values that are of their type and still nothing.
	check func(rec *layout.Record, bad func(*layout.Field, string))
}

// cardTypes are the schemes that a table of layouts or codes may name.
var cardTypes = []string{
	batch.TypeVisa, batch.TypeMastercard, batch.TypeAmex, batch.TypeDiscover, batch.TypeCB, "DINERS", "JCB", "MAESTRO",
}

// request are the fields of a request; all but store_id and store_password are needed.
type request struct {
	detail                                                                   *layout.Kind
	storeID, storePassword, account, reference, cardType, cardNumber, expiry *layout.Field
}

func (b *binder) request() request {
	k := b.Kind("detail")
	f := request{
		detail:        k,
		storeID:       b.Field(false, k, "store_id", layout.Text, layout.Digits),
		storePassword: b.Field(false, k, "store_password", layout.Text, layout.Digits),
		account:       b.Field(true, k, "account", layout.Text, layout.Digits),
		reference:     b.Field(true, k, "reference", layout.Text),
		cardType:      b.Code(true, k, "card_type", cardTypes...),
		cardNumber:    b.Field(true, k, "card_number", layout.CardPAN),
		expiry:        b.Field(true, k, "expiry", layout.Date),
	}
	b.sensitive(f.storePassword)
	return f
}

// put fills a record. Whatever the provider would reject is refused here: with one bad
// record it processes none.
func (f *request) put(rec *layout.Record, r Request) error {
	month, err := parseMonthYear(r.Expiry)
	switch {
	case err != nil:
		return err
	case batch.CheckPAN(r.Card) != "":
		return errors.New("the card number is none")
	case !batch.CardTypeFits(r.CardType, r.Card):
		return errors.New("the card number is of another card type")
	}
	for _, v := range []struct {
		field *layout.Field
		text  string
	}{{f.storeID, r.StoreID}, {f.storePassword, r.StorePassword}, {f.account, r.Account}, {f.reference, r.Reference}} {
		if strings.ContainsAny(v.text, " \"") {
			return fmt.Errorf("field %s may hold no space and no quotation mark", v.field.Name)
		}
		rec.SetText(v.field, v.text)
	}
	rec.SetCode(f.cardType, r.CardType)
	rec.SetPAN(f.cardNumber, r.Card)
	rec.SetDate(f.expiry, month)
	return nil
}

const (
	accepted = "accepted"
	rejected = "rejected"
)

func (b *binder) acknowledgement(*time.Location) codec[Acknowledged] {
	k := b.Kind("detail")
	position := b.Field(true, k, "position", layout.Number)
	status := b.Code(true, k, "status", accepted, rejected)
	code := b.Field(false, k, "code", layout.Text, layout.Digits)
	text := b.Field(false, k, "text", layout.Text)
	return codec[Acknowledged]{
		detail: k,
		get: func(rec *layout.Record) Acknowledged {
			name, _ := rec.Code(status)
			a := Acknowledged{Line: rec.Line(), Position: int(rec.Number(position)), Accepted: name == accepted}
			if a.Accepted {
				return a
			}
			a.Code = strings.TrimSpace(rec.Text(code))
			a.Text = strings.Trim(strings.ReplaceAll(batch.MaskCardNumbers(rec.Text(text)), `"`, ""), " ,")
			if code == nil {
				a.Code = leadingCode(a.Text)
			}
			return a
		},
		check: func(rec *layout.Record, bad func(*layout.Field, string)) {
			if n := rec.Number(position); n < 1 || n > layout.MaxFileRecords {
				bad(position, "must be the position of a record, from 1")
			}
		},
	}
}

// leadingCode finds the code before its description: what stands before the first
// character that is no part of a code, if there is a digit in it.
func leadingCode(text string) string {
	end := strings.IndexFunc(text, func(r rune) bool {
		return !(r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' || r == '_' || r == '.')
	})
	if end >= 0 {
		text = text[:end]
	}
	text = strings.TrimRight(text, "._")
	if len(text) > 20 || !strings.ContainsAny(text, "0123456789") {
		return ""
	}
	return text
}

func (b *binder) answer(zone *time.Location) codec[Answer] {
	k := b.Kind("detail")
	text := func(name string) *layout.Field { return b.Field(false, k, name, layout.Text, layout.Digits) }
	account, reference, token := text("account"), text("reference"), text("token")
	scheme := b.Code(false, k, "scheme", cardTypes...)
	code := b.Field(true, k, "code", layout.Text, layout.Digits)
	reason := text("reason")
	old, fresh := b.cardFields(k, "old"), b.cardFields(k, "new")
	at := b.Field(false, k, "at", layout.Date, layout.Text)
	clock := b.Field(false, k, "at_time", layout.Time)
	b.some(k, "which card it is about: reference, token, old_number or old_last_four", reference, token, old.number, old.lastFour)
	b.some(k, "what is new: new_number, new_last_four, new_expiry, or new_month and new_year", fresh.number, fresh.lastFour, fresh.expiry, fresh.month)
	return codec[Answer]{
		detail: k,
		get: func(rec *layout.Record) Answer {
			a := Answer{
				Line: rec.Line(), Account: told(rec.Text(account)), Reference: told(rec.Text(reference)), Token: told(rec.Text(token)),
				Code: told(rec.Text(code)), Reason: told(rec.Text(reason)), At: moment(rec, at, clock, zone),
			}
			if name, known := rec.Code(scheme); known {
				a.Scheme = name
			}
			a.OldCard, _, a.OldLastFour = old.getNumber(rec)
			a.OldExpiry = old.getExpiry(rec)
			a.NewCard, a.NewFirstSix, a.NewLastFour = fresh.getNumber(rec)
			a.NewExpiry = fresh.getExpiry(rec)
			return a
		},
		check: func(rec *layout.Record, bad func(*layout.Field, string)) {
			old.check(rec, bad)
			fresh.check(rec, bad)
		},
	}
}

// told is a text without the words that some sources write for nothing.
func told(text string) string {
	text = strings.TrimSpace(text)
	if strings.EqualFold(text, "null") {
		return ""
	}
	return text
}

// moment reads when something happened. A column of text is read as ISO 8601, with or
// without its zone; anything else there tells nothing.
func moment(rec *layout.Record, at, clock *layout.Field, zone *time.Location) time.Time {
	if at == nil || at.Type == layout.Date {
		return rec.DateTime(at, clock, zone)
	}
	text := told(rec.Text(at))
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", "2006-01-02 15:04:05Z07:00", time.DateTime, time.DateOnly} {
		if len(text) >= len(time.DateOnly) {
			if t, err := time.ParseInLocation(form, text, zone); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// cardFields are the columns that tell one card: the old one, or the new one. Number and
// expiry may stand in one column or be spread over several.
type cardFields struct {
	number, firstSix, lastFour *layout.Field
	expiry, month, year        *layout.Field
}

func (b *binder) cardFields(k *layout.Kind, which string) cardFields {
	f := cardFields{
		number:   b.Field(false, k, which+"_number", layout.CardPAN, layout.Text),
		firstSix: b.Field(false, k, which+"_first_six", layout.Text, layout.Digits),
		lastFour: b.Field(false, k, which+"_last_four", layout.Text, layout.Digits),
		expiry:   b.Field(false, k, which+"_expiry", layout.Date, layout.Digits),
		month:    b.Field(false, k, which+"_month", layout.Number),
		year:     b.Field(false, k, which+"_year", layout.Number),
	}
	b.sensitive(f.number)
	if (f.month == nil) != (f.year == nil) {
		b.Problem("detail.%s_month and detail.%[1]s_year belong together", which)
	}
	return f
}

func (f *cardFields) getNumber(rec *layout.Record) (card batch.PAN, firstSix, lastFour string) {
	if f.number != nil && f.number.Type == layout.CardPAN {
		card = rec.PAN(f.number)
		firstSix, lastFour = card.FirstSix(), card.LastFour()
	} else {
		var whole string
		whole, firstSix, lastFour, _ = number(rec.Text(f.number))
		card = batch.NewPAN(whole)
	}
	if lastFour == "" {
		firstSix, lastFour = told(rec.Text(f.firstSix)), told(rec.Text(f.lastFour))
		firstSix = firstSix[:min(6, len(firstSix))]
	}
	return card, firstSix, lastFour
}

// getExpiry returns MMYY, or nothing.
func (f *cardFields) getExpiry(rec *layout.Record) string {
	month, year, _ := f.monthYear(rec)
	if month == 0 {
		return ""
	}
	return string([]byte{'0' + byte(month/10), '0' + byte(month%10), '0' + byte(year/10), '0' + byte(year%10)})
}

// monthYear returns a month and the last two digits of its year, or zeros for none; ok is
// false for columns that are no month.
func (f *cardFields) monthYear(rec *layout.Record) (month, year int, ok bool) {
	switch {
	case f.expiry != nil && f.expiry.Type == layout.Date:
		t := rec.Date(f.expiry, time.UTC)
		if t.IsZero() {
			return 0, 0, true
		}
		month, year = int(t.Month()), t.Year()
	case f.expiry != nil:
		// MMYY, of which a spreadsheet may have taken the first zero.
		text := strings.TrimLeft(rec.Text(f.expiry), "0")
		if text == "" {
			return 0, 0, true
		}
		if len(text) < 3 || len(text) > 4 {
			return 0, 0, false
		}
		month, year = decimal(text[:len(text)-2]), decimal(text[len(text)-2:])
	default:
		month, year = int(rec.Number(f.month)), int(rec.Number(f.year))
		if month == 0 && year == 0 {
			return 0, 0, true
		}
	}
	if year < 100 {
		year += 2000
	}
	if month < 1 || month > 12 || year < 2000 || year > 2099 {
		return 0, 0, false
	}
	return month, year - 2000, true
}

func (f *cardFields) check(rec *layout.Record, bad func(*layout.Field, string)) {
	if f.number != nil && f.number.Type == layout.Text {
		if _, _, _, ok := number(rec.Text(f.number)); !ok {
			bad(f.number, "must be a card number, whole or masked up to its last four digits")
		}
	}
	if text := told(rec.Text(f.lastFour)); text != "" && (len(text) != 4 || !allDigits(text)) {
		bad(f.lastFour, "must be the last four digits of a card number")
	}
	if text := told(rec.Text(f.firstSix)); text != "" && (len(text) < 6 || len(text) > 8 || !allDigits(text)) {
		bad(f.firstSix, "must be the first six to eight digits of a card number")
	}
	if _, _, ok := f.monthYear(rec); !ok {
		field, form := f.expiry, "a month and a year, in 2000 to 2099"
		if field == nil {
			field = f.month
		} else if field.Type == layout.Digits {
			form = "a month in the form MMYY"
		}
		bad(field, "must be "+form)
	}
}

// number reads a card number that may be masked: 4111XXXXXXXX1111, ************1111 or
// 411111******1111. whole is empty unless all of it is there.
func number(text string) (whole, firstSix, lastFour string, ok bool) {
	text = told(text)
	switch {
	case strings.Trim(text, "0") == "":
		return "", "", "", true
	case allDigits(text) && (len(text) < 12 || len(text) > 19):
		return "", "", "", false
	case allDigits(text):
		return text, text[:6], text[len(text)-4:], true
	}
	first := len(text) - len(strings.TrimLeft(text, "0123456789"))
	last := len(strings.TrimRight(text, "0123456789"))
	if first > 8 || len(text)-last != 4 || len(text) > 19 || strings.Trim(text[first:last], "*xX#.-") != "" {
		return "", "", "", false
	}
	if first >= 6 {
		firstSix = text[:6]
	}
	return "", firstSix, text[last:], true
}

func allDigits(text string) bool { return strings.Trim(text, "0123456789") == "" }

// decimal is the value of one or two digits.
func decimal(digits string) (n int) {
	for _, d := range digits {
		n = n*10 + int(d-'0')
	}
	return n
}

// parseMonthYear reads MMYY, in this century.
func parseMonthYear(text string) (time.Time, error) {
	if len(text) != 4 || !allDigits(text) || decimal(text[:2]) < 1 || decimal(text[:2]) > 12 {
		return time.Time{}, errors.New("the expiry must be MMYY")
	}
	return time.Date(2000+decimal(text[2:]), time.Month(decimal(text[:2])), 1, 0, 0, 0, 0, time.UTC), nil
}
