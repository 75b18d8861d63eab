package store

import (
	"encoding/binary"
	"errors"
	"time"

	"cardbatch/batch"
)

// The stored form of an answer is the sequence of its fields that are not empty, each as
//
//	uvarint number of the field, uvarint length, value
//
// Texts are numbered as in answerTexts, from 1, what is no text or came later as below;
// a new field takes the next free number.

var errStoredAnswer = errors.New("stored form of an answer is damaged")

const (
	answerDuplicate = 15 // "1"
	answerNotBefore = 16 // RFC 3339 with nanoseconds
	answerValueDate = 17
)

func answerTexts(a *batch.Answer) [14]*string {
	return [14]*string{
		&a.Code, &a.Message, (*string)(&a.TransactionID), &a.AuthorizationNumber, &a.GatewayCode,
		&a.SchemeCode, &a.AdviceCode, &a.NetworkTransaction, &a.CardIndex, (*string)(&a.CardStatus),
		&a.Card, &a.CardExpiry, &a.CardType, &a.PaymentRecord,
	}
}

// AppendAnswer appends the stored form of a to buf. Engines share it, so that a
// store may move from one engine to the other.
func AppendAnswer(buf []byte, a *batch.Answer) []byte {
	put := func(field int, value string) {
		if value != "" {
			buf = binary.AppendUvarint(buf, uint64(field))
			buf = binary.AppendUvarint(buf, uint64(len(value)))
			buf = append(buf, value...)
		}
	}
	for i, text := range answerTexts(a) {
		put(i+1, *text)
	}
	if a.IsDuplicate {
		put(answerDuplicate, "1")
	}
	if !a.RetryNotBefore.IsZero() {
		put(answerNotBefore, a.RetryNotBefore.UTC().Format(time.RFC3339Nano))
	}
	put(answerValueDate, a.ValueDate)
	return buf
}

// DecodeAnswer reads a stored form into a. All texts share one string.
func DecodeAnswer(stored []byte, a *batch.Answer) error {
	texts := answerTexts(a)
	all, pos := string(stored), 0
	for pos < len(stored) {
		field, n := binary.Uvarint(stored[pos:])
		if n <= 0 {
			return errStoredAnswer
		}
		pos += n
		size, n := binary.Uvarint(stored[pos:])
		if n <= 0 || size > uint64(len(stored)-pos-n) {
			return errStoredAnswer
		}
		pos += n
		value := all[pos : pos+int(size)]
		pos += int(size)
		switch {
		case field >= 1 && field <= uint64(len(texts)):
			*texts[field-1] = value
		case field == answerDuplicate:
			a.IsDuplicate = true
		case field == answerNotBefore:
			at, err := time.Parse(time.RFC3339Nano, value)
			if err != nil {
				return errStoredAnswer
			}
			a.RetryNotBefore = at
		case field == answerValueDate:
			a.ValueDate = value
		default:
			return errStoredAnswer
		}
	}
	return nil
}
