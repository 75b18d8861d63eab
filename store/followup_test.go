package store_test

import (
	"testing"

	"cardbatch/batch"
	"cardbatch/store"
)

func TestNamesOfFollowUpFilesAreSafeAndDiffer(t *testing.T) {
	for _, test := range []struct {
		merchant batch.MerchantID
		contract batch.ContractID
		want     string
	}{
		{"acme", "1234567", "payments.acme.1234567.2026-11-21.csv"},
		{"ACME_FR", "a-b", "payments.ACME_FR.a-b.2026-11-21.csv"},
		{"a.b", "c", "payments.a%2Eb.c.2026-11-21.csv"},
		{"a", "b.c", "payments.a.b%2Ec.2026-11-21.csv"},
		{"../é", "%2E x", "payments.%2E%2E%2F%C3%A9.%252E%20x.2026-11-21.csv"},
	} {
		if got := store.DailyName(store.Series{Merchant: test.merchant, Contract: test.contract, Kind: store.PaymentsOfDay}, "2026-11-21"); got != test.want {
			t.Errorf("got %s, want %s", got, test.want)
		}
	}
}
