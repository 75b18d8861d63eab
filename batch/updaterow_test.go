package batch

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTotalsCountEachRecordOnceInEveryWay(t *testing.T) {
	var got UpdateTotals
	for _, r := range []UpdateRow{
		{Outcome: NewNumber, Effect: EffectChanged, Source: "paysafe-updater"},
		{Outcome: NewNumber, Effect: EffectStale, Source: "paysafe-updater", Late: "2026-10"},
		{Outcome: AccountClosed, Effect: EffectDisabled, Source: "smartbill"},
	} {
		got.Add(&r)
	}
	want := UpdateTotals{
		Records: 3, Late: 1,
		Outcomes: map[UpdateOutcome]int{NewNumber: 2, AccountClosed: 1},
		Effects:  map[UpdateEffect]int{EffectChanged: 1, EffectStale: 1, EffectDisabled: 1},
		Sources:  map[string]int{"paysafe-updater": 2, "smartbill": 1},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}
