package main

import (
	"flag"
	"testing"

	"cardbatch/internal/killable"
)

// TestMain lets the test play the benchmark's roles, which are processes of their own.
func TestMain(m *testing.M) {
	flag.Parse()
	if flag.NArg() > 0 {
		main()
		return
	}
	killable.Main(m)
}

// Each phase checks what it did: how many cards it looked at, asked about, changed, disabled and
// reported. How long it took is for `make bench` to say.
func TestTheMonthOfAnAccountUpdaterIsMeasuredPhaseByPhase(t *testing.T) {
	*program, *rounds = killable.Program, 1
	for name, s := range map[string]share{"one month of twelve": oneMonth, "all cards at once": allCards} {
		t.Run(name, func(t *testing.T) {
			const cards = 1200
			figures, err := updaterMonth(t.TempDir(), []int{cards}, s)
			if err != nil {
				t.Fatal(err)
			}
			due := cards / int(s)
			noteworthy := due * 32 / 100 // changed, ended, or of an unknown code
			want := []int{cards, due, due, due, noteworthy, due, noteworthy, due}
			for i, p := range phases {
				if f := figures[i][0]; f.records != want[i] || f.took <= 0 || f.peak <= 0 {
					t.Errorf("%s: %+v, want %d records", p.name, f, want[i])
				}
			}
		})
	}
}
