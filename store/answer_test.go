package store_test

import (
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"cardbatch/batch"
	"cardbatch/store"
)

func TestAnAnswerComesBackWithEveryField(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var want batch.Answer
		fields := reflect.ValueOf(&want).Elem()
		for i := range fields.NumField() {
			name := fields.Type().Field(i).Name
			switch f := fields.Field(i); f.Interface().(type) {
			case bool:
				f.SetBool(rapid.Bool().Draw(t, name))
			case time.Time:
				if rapid.Bool().Draw(t, name) {
					f.Set(reflect.ValueOf(time.Unix(rapid.Int64Range(0, 1<<32).Draw(t, name), 5).UTC()))
				}
			default:
				f.SetString(rapid.String().Draw(t, name))
			}
		}
		stored := store.AppendAnswer([]byte("before"), &want)[len("before"):]
		var got batch.Answer
		if err := store.DecodeAnswer(stored, &got); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatal(d)
		}
	})
}

func FuzzDecodeAnswer(f *testing.F) {
	f.Add(store.AppendAnswer(nil, &batch.Answer{Code: "00000", IsDuplicate: true, RetryNotBefore: time.Unix(1, 0)}))
	f.Add([]byte{1, 255, 255, 255, 255, 255, 255, 255, 255, 255, 1})
	f.Add([]byte{99, 0})
	f.Fuzz(func(t *testing.T, stored []byte) {
		var once, twice batch.Answer
		if store.DecodeAnswer(stored, &once) != nil {
			return
		}
		if err := store.DecodeAnswer(store.AppendAnswer(nil, &once), &twice); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(once, twice); d != "" {
			t.Fatal(d)
		}
	})
}
